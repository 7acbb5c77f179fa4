//! The arm, from its URDF: kinematics both ways and collision geometry.

mod angles;
mod chain;
mod closed_form;
mod description;
mod error;
mod inverse;
mod joint_limits;
mod kinematics;
mod newton;
mod published;
mod shapes;
mod singular;
mod source;
mod spherical_wrist;
mod steps;
mod subproblems;
mod three_parallel;
mod walk;

#[cfg(test)]
mod tests;

pub use chain::{Arm, Joint};
pub use description::Finding;
pub use error::ArmError;
pub use inverse::{MAX_SOLUTIONS, Solutions};
pub use joint_limits::{JointLimitsError, Tightened};
pub use kinematics::{Axis, LinkPoses};
pub(crate) use shapes::turned_body;
pub use shapes::{BodyMesh, ShapeError};
pub use singular::{Conditioning, Singularity};
pub use source::{ArmSource, ArmSourceError};
pub(crate) use walk::{DEFAULT_ACCELERATION, DEFAULT_JERK};
