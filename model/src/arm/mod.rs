//! The arm, from its URDF: kinematics both ways and collision geometry.

mod angles;
mod chain;
mod closed_form;
mod inverse;
mod kinematics;
mod newton;
mod shapes;
mod singular;
mod source;
mod spherical_wrist;
mod steps;
mod subproblems;
mod three_parallel;

#[cfg(test)]
mod tests;

pub use chain::{Arm, ArmError, Joint};
pub use inverse::{MAX_SOLUTIONS, Solutions};
pub use kinematics::{Axis, LinkPoses};
pub(crate) use shapes::turned_body;
pub use shapes::{BodyMesh, ShapeError};
pub use singular::{Conditioning, Singularity};
pub use source::{ArmSource, ArmSourceError};
