//! The arm, from its URDF.
mod source;
pub use source::{ArmSource, ArmSourceError};
