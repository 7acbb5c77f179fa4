//! A motion of the arm: straight legs in joint space, each at a constant velocity, joined by jerk-limited changes of velocity.
//!
//! A change is centred at the moment at which the arm would turn at the way point if it could turn at once. Where the motion may cut the
//! corner, one change leads from one leg's velocity to the next one's: the arm does not stop, the corner costs no time, and every joint's
//! velocity stays between its two. Where not, the arm comes to rest on the way point. Either way the acceleration is the difference of
//! the two velocities times the ramp's rate, so that its extrema, and the jerk's, are known in closed form.

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

use super::ramp::Ramp;
use crate::joints::Joints;

/// The most legs of one motion.
pub const MAX_LEGS: usize = 24;

/// A way point this near to the one before it (rad in every joint) adds nothing.
pub(super) const SAME_PLACE: f64 = 1e-12;

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
    #[error("a motion may have at most {MAX_LEGS} legs")]
    TooLong,
}

/// A straight leg in joint space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leg {
    /// Where it leads.
    pub to: Joints,
    /// Upper bound of the way the tip makes per unit of s, s from 0 to 1 along the leg, metres.
    pub tip_length: f64,
    /// What the tip may do at most, m/s.
    pub tip_speed: f64,
    /// What is expected of it at most, m/s, also where it may do more: by this, corners are shared between slow legs and fast ones.
    pub expected_speed: f64,
}

/// A leg with its time law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Segment {
    pub(super) to: Joints,
    /// ds/dt between the ramps, 1/s.
    pub(super) rate: f64,
    /// From the velocity before (of the leg before, or rest) to this leg's.
    pub(super) entry: Ramp,
    /// From this leg's velocity to the one after it; the next leg's entry where the two are blended.
    pub(super) exit: Ramp,
    /// Whether the next leg follows without a stop.
    pub(super) blended: bool,
}

/// A timed motion, at rest at both ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    start: Joints,
    segments: ArrayVec<Segment, MAX_LEGS>,
}

/// A segment laid on the time axis.
pub(super) struct Placed<'a> {
    pub(super) from: Joints,
    pub(super) segment: &'a Segment,
    /// Velocity between the ramps, rad/s.
    pub(super) velocity: Joints,
    /// Velocity behind the exit ramp, rad/s.
    pub(super) after: Joints,
    /// Whether it begins at rest.
    pub(super) rests_before: bool,
    /// Middle of the entry ramp, s.
    pub(super) begin: f64,
    /// Middle of the exit ramp, s.
    pub(super) end: f64,
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

    /// Adds a straight joint-space segment to `to`, from rest to rest, as fast as `limits` and the tip allow.
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
        let leg = Leg {
            to,
            tip_length,
            tip_speed,
            expected_speed: tip_speed,
        };
        let more = super::pace::through(self.end(), &[leg], limits, &mut |_| None)?;
        self.segments
            .try_extend_from_slice(&more.segments)
            .map_err(|_| MotionError::TooLong)
    }

    pub(super) fn from_segments(start: Joints, segments: ArrayVec<Segment, MAX_LEGS>) -> Self {
        Self { start, segments }
    }

    /// The segments on the time axis, in order.
    pub(super) fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        let (mut from, mut velocity, mut rest, mut corner) = (self.start, None, 0.0, 0.0);
        (0..self.segments.len()).map(move |i| {
            let segment = &self.segments[i];
            let own = |from: &Joints, s: &Segment| s.to.zip(from, |b, a| (b - a) * s.rate);
            let rests_before = velocity.is_none();
            let here = velocity.unwrap_or_else(|| own(&from, segment));
            let next = self.segments.get(i + 1).filter(|_| segment.blended);
            let begin = if rests_before {
                rest + 0.5 * segment.entry.duration()
            } else {
                corner
            };
            let end = begin + 1.0 / segment.rate;
            velocity = next.map(|next| own(&segment.to, next));
            let placed = Placed {
                from,
                segment,
                velocity: here,
                after: velocity.unwrap_or_else(|| Joints::zeros(here.dof())),
                rests_before,
                begin,
                end,
            };
            (from, corner, rest) = (segment.to, end, end + 0.5 * segment.exit.duration());
            placed
        })
    }

    /// How long it takes, seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.placed()
            .last()
            .map_or(0.0, |p| p.end + 0.5 * p.segment.exit.duration())
    }

    /// Where the arm should be `t` seconds after the start.
    #[must_use]
    pub fn at(&self, t: f64) -> JointSample {
        // NaN is no time; the start is the safe answer.
        let t = if t.is_nan() { 0.0 } else { t.max(0.0) };
        for p in self.placed() {
            let zeros = Joints::zeros(p.velocity.dof());
            let half = 0.5 * p.segment.entry.duration();
            if p.rests_before && t < p.begin + half {
                return turning(&p.from, &zeros, &p.velocity, &p.segment.entry, t - p.begin);
            }
            let half = 0.5 * p.segment.exit.duration();
            if t < p.end - half {
                return JointSample {
                    position: p.from.zip(&p.velocity, |q, v| q + v * (t - p.begin)),
                    velocity: p.velocity,
                    acceleration: zeros,
                };
            }
            if t < p.end + half {
                return turning(
                    &p.segment.to,
                    &p.velocity,
                    &p.after,
                    &p.segment.exit,
                    t - p.end,
                );
            }
        }
        let end = self.end();
        JointSample {
            position: end,
            velocity: Joints::zeros(end.dof()),
            acceleration: Joints::zeros(end.dof()),
        }
    }

    /// The way as it is made: the start, where the arm is at the moment each way point would be reached if it turned at once (on it where
    /// the motion stops, beside it where the corner is cut), and the end; with the time of each in seconds.
    pub fn way_points(&self) -> impl Iterator<Item = (f64, Joints)> + '_ {
        core::iter::once((0.0, self.start)).chain(self.placed().map(|p| {
            if p.segment.blended {
                (p.end, self.at(p.end).position)
            } else {
                (p.end + 0.5 * p.segment.exit.duration(), p.segment.to)
            }
        }))
    }
}

/// `t` seconds after the middle of the change of velocity at a way point.
fn turning(corner: &Joints, before: &Joints, after: &Joints, ramp: &Ramp, t: f64) -> JointSample {
    let share = ramp.at(t + 0.5 * ramp.duration());
    let change = after.zip(before, |b, a| b - a);
    let straight = corner.zip(before, |q, v| q + v * t);
    JointSample {
        position: straight.zip(&change, |q, c| q + c * share.integral),
        velocity: before.zip(&change, |v, c| v + c * share.share),
        acceleration: change.map(|c| c * share.rate),
    }
}
