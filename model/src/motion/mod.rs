//! Motion from dot to dot: paths in joint space and their jerk-limited time law.

mod profile;
mod trajectory;

pub use profile::Profile;
pub use trajectory::{JointLimits, JointSample, MotionError, Trajectory};
