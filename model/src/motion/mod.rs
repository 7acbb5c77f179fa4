//! Motion from dot to dot: ways in joint space, proven clear, and their jerk-limited time law.

mod detour;
mod hop;
mod profile;
mod trajectory;

#[cfg(test)]
mod tests;

pub use hop::{HopError, HopTarget, can_lift, hop, hop_to_joints, lift};
pub use profile::{PathState, Profile};
pub use trajectory::{JointLimits, JointSample, MAX_SEGMENTS, MotionError, Trajectory};
