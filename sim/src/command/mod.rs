//! The subcommands: each has its `Args` and a `run` that returns the exit code, or an error that is bad input (exit code 2).

pub mod campaign;
pub mod head;
#[cfg(not(feature = "ros"))]
pub mod ros;
pub mod run;
#[cfg(feature = "view")]
pub mod view;
