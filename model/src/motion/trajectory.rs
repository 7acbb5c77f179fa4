//! A motion of the arm: straight segments in joint space, each rest to rest under its own time law.

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

use super::profile::Profile;
use crate::joints::Joints;

/// The most segments of one motion.
pub const MAX_SEGMENTS: usize = 16;

/// What each joint may do; all positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct JointLimits {
    /// rad/s.
    pub velocity: Joints,
    /// rad/s².
    pub acceleration: Joints,
    /// rad/s³.
    pub jerk: Joints,
}

/// Where the arm should be at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointSample {
    /// rad.
    pub position: Joints,
    /// rad/s.
    pub velocity: Joints,
    /// rad/s².
    pub acceleration: Joints,
}

/// Why a motion cannot be timed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MotionError {
    /// A limit is zero, negative or not finite.
    #[error("a motion limit is not positive")]
    Limits,
    /// A way point is not finite, or has another number of joints.
    #[error("a way point of the motion is not finite or has the wrong number of joints")]
    WayPoint,
    /// Too many way points.
    #[error("a motion may have at most {MAX_SEGMENTS} segments")]
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Segment {
    from: Joints,
    to: Joints,
    profile: Profile,
}

/// A timed motion, at rest at both ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    start: Joints,
    segments: ArrayVec<Segment, MAX_SEGMENTS>,
}

impl Trajectory {
    /// Standing still at `at`.
    #[must_use]
    pub fn resting(at: Joints) -> Self {
        Self {
            start: at,
            segments: ArrayVec::new(),
        }
    }

    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> Joints {
        self.start
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> Joints {
        self.segments.last().map_or(self.start, |s| s.to)
    }

    /// Adds a straight joint-space segment to `to`, as fast as `limits` and the tip allow.
    ///
    /// `tip_length` is an upper bound of the way the tip makes along this segment for s from 0 to 1, per unit of s, in metres;
    /// `tip_speed` is what the tip may do at most, m/s.
    ///
    /// # Errors
    /// A limit or way point that makes no sense, or too many segments.
    pub fn push(
        &mut self,
        to: Joints,
        limits: &JointLimits,
        tip_length: f64,
        tip_speed: f64,
    ) -> Result<(), MotionError> {
        let from = self.end();
        if to.dof() != from.dof() || !to.is_finite() || !tip_length.is_finite() {
            return Err(MotionError::WayPoint);
        }
        let delta = to.zip(&from, |b, a| (b - a).abs());
        if delta.max_abs() < 1e-12 {
            return Ok(());
        }
        let slowest = |limit: &Joints| {
            delta
                .as_slice()
                .iter()
                .zip(limit.as_slice())
                .fold(f64::INFINITY, |least, (d, l)| {
                    if *d > 0.0 { least.min(l / d) } else { least }
                })
        };
        let mut velocity = slowest(&limits.velocity);
        if tip_length > 0.0 {
            velocity = velocity.min(tip_speed / tip_length);
        }
        let profile = Profile::fastest(
            velocity,
            slowest(&limits.acceleration),
            slowest(&limits.jerk),
        )
        .ok_or(MotionError::Limits)?;
        self.segments
            .try_push(Segment { from, to, profile })
            .map_err(|_| MotionError::TooLong)
    }

    /// How long it takes, seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.segments.iter().map(|s| s.profile.duration()).sum()
    }

    /// Where the arm should be `t` seconds after the start.
    #[must_use]
    pub fn at(&self, t: f64) -> JointSample {
        // NaN is no time; the start is the safe answer.
        let mut left = if t.is_nan() { 0.0 } else { t };
        for segment in &self.segments {
            let duration = segment.profile.duration();
            if left < duration {
                let state = segment.profile.at(left);
                let delta = segment.to.zip(&segment.from, |b, a| b - a);
                return JointSample {
                    position: segment.from.zip(&delta, |a, d| a + d * state.s),
                    velocity: delta.map(|d| d * state.ds),
                    acceleration: delta.map(|d| d * state.dds),
                };
            }
            left -= duration;
        }
        let end = self.end();
        JointSample {
            position: end,
            velocity: Joints::zeros(end.dof()),
            acceleration: Joints::zeros(end.dof()),
        }
    }

    /// The way points: the start, then the end of each segment, with the time in seconds at which each is reached.
    pub fn way_points(&self) -> impl Iterator<Item = (f64, Joints)> + '_ {
        let mut t = 0.0;
        core::iter::once((0.0, self.start)).chain(self.segments.iter().map(move |s| {
            t += s.profile.duration();
            (t, s.to)
        }))
    }
}
