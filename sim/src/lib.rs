//! What stands in for hardware and people: a generated head, the simulated arm, needle, skin and head tracker, and a view of it all.

mod chance;
pub mod head;
pub mod plant;
#[cfg(feature = "ros")]
pub mod ros;
pub mod run;
#[cfg(test)]
mod testing;
#[cfg(feature = "view")]
pub mod view;
