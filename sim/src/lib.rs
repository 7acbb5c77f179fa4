//! What stands in for hardware and people: a generated head, the simulated arm, needle, skin and head tracker, faults, and a view of it all.

pub mod campaign;
mod chance;
pub mod fault;
pub mod head;
mod operator;
pub mod plant;
mod rig;
#[cfg(feature = "ros")]
pub mod ros;
pub mod run;
#[cfg(test)]
mod testing;
#[cfg(feature = "view")]
pub mod view;
