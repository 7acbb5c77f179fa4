//! Motion from dot to dot: ways in joint space, proven clear, and their jerk-limited time law.

mod away;
mod hop;
mod lift;
mod pace;
mod ramp;
mod search;
mod tip;
mod trajectory;
mod way;

#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod skin_tests;
#[cfg(test)]
mod tests;

pub use away::{away, away_directly, back};
pub use hop::{HopError, HopTarget, hop, hop_directly, hop_to_joints, hop_within, hover};
pub use lift::{can_lift, can_lift_within, lift, lifted, raised};
pub use ramp::rest_to_rest;
pub use trajectory::{JointLimits, JointSample, MAX_LEGS, MotionError, Trajectory};
