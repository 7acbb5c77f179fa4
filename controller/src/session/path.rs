//! How the arm moves against what it may: speeds, limits, place, and the path it was told to follow.

use stipple_core::{HopId, MotionSeen, MotionStatus, State, TipNear};
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::joints::Joints;
use stipple_model::motion::Trajectory;

use super::Session;
use crate::ports::{ArmPort, JointState, Micros, Stamped};

/// Step along a path while the arm's place on it is looked for, s. Source: own, two ticks.
const STEP: f64 = 0.004;

/// Steps along a path in one tick: the arm goes one every other tick, and has caught up soon after a tick was missed.
const STEPS: usize = 16;

/// Span over which a speed is taken as a difference, s. Source: own; a tip at full speed goes 25 µm in it.
const INSTANT: f64 = 1e-4;

/// Tip speed below which nobody asks where the tip is, m/s. Source: own, a tenth of the slowest speed that is guarded.
const SLOW: f64 = 1e-3;

/// Height above which a proven bound of it is told instead of the height itself, m. Source: own, above all heights that are guarded.
const HIGH: f64 = 15e-3;

/// Height up to which it is looked whether the patch is below, m. Source: own, above the height where that is guarded.
const LOW: f64 = 6e-3;

/// How far beside the patch the tip may be low, m. Source: own; a hop along the skin crosses at most 38 mm from patch to patch, so its middle
/// is half of that from it, and 3 mm are for its height, the head's curvature and its motion.
const BESIDE_PATCH: f64 = 22e-3;

/// The motion that the arm was told to follow, and how far along it the arm was seen.
#[derive(Debug)]
pub(super) struct Path {
    pub hop: HopId,
    trajectory: Trajectory,
    since: Micros,
    /// The time of the trajectory at which it comes nearest to where the arm was seen last, s.
    along: f64,
}

impl Path {
    pub(super) const fn new(hop: HopId, trajectory: Trajectory, since: Micros) -> Self {
        Self {
            hop,
            trajectory,
            since,
            along: 0.0,
        }
    }

    /// How far the joint farthest from the path is off it, rad. An arm that set off late is on its path all the same; one that is ahead of
    /// it is not.
    pub(super) fn deviation(&mut self, now: Micros, joints: &Joints) -> f64 {
        let elapsed = now.since(self.since).map_or(0.0, Micros::s);
        let end = elapsed.min(self.trajectory.duration());
        let off = |t: f64| self.trajectory.at(t).position.max_difference(joints);
        // All of the span is looked at: an arm that lags cuts a corner, and is nearer to the path behind it than at it.
        let (mut along, mut nearest) = (self.along, off(self.along));
        for step in 1..=STEPS {
            let next = (self.along + STEP * step as f64).min(end);
            let there = off(next);
            if there < nearest {
                (along, nearest) = (next, there);
            }
        }
        self.along = along;
        nearest
    }
}

impl Session {
    /// What the core is told of the arm's motion.
    pub(super) fn motion_seen(
        &mut self,
        now: Micros,
        joints: &Stamped<JointState>,
        arm: &dyn ArmPort,
    ) -> MotionSeen {
        let state = &joints.value;
        let strain = self.kinematics.strain(state);
        let tip = self.kinematics.base_from_tip(&state.position).origin();
        let soon = state
            .position
            .zip(&state.velocity, |q, v| INSTANT.mul_add(v, q));
        let next = self.kinematics.base_from_tip(&soon).origin();
        let tip_speed = tip.distance(&next) / INSTANT;
        let status = self.motions.path.as_ref().map(|path| arm.status(path.hop));
        let arrived = status == Some(MotionStatus::Succeeded);
        let under_way = matches!(status, Some(MotionStatus::Pending | MotionStatus::Active));
        let asked = self.core.state().working() || self.core.state() == State::Pausing;
        // In a pause also at rest: how high the tip is decides which way leads off the head.
        let pausing = self.core.state() == State::Pausing;
        let near = (asked && (under_way || pausing || tip_speed > SLOW))
            .then(|| self.near_any(now, &tip, &next))
            .flatten();
        let deviation = self
            .motions
            .path
            .as_mut()
            .filter(|_| under_way || arrived)
            .map(|path| {
                let off = if arrived {
                    path.trajectory.end().max_difference(&state.position)
                } else {
                    path.deviation(now, &state.position)
                };
                (path.hop, off)
            });
        let path = self.motions.path.as_ref().filter(|_| under_way);
        let followed = path.map(|path| path.hop);
        MotionSeen {
            speed_share: strain.speed_share,
            acceleration_share: self.speeds.acceleration_share(followed, joints),
            untold: self.told.excess(joints),
            outside: strain.outside,
            tip_speed,
            near,
            deviation,
        }
    }

    /// The nearer of where the head is tracked and, once tracking was lost, where it was before.
    fn near_any(&self, now: Micros, tip: &Point<Base>, next: &Point<Base>) -> Option<TipNear> {
        let heads = [self.filter.pose_at(now), self.head_before_loss()];
        let near = heads.iter().flatten();
        near.map(|base_from_head| self.near(base_from_head, tip, next))
            .reduce(|a, b| {
                let keep_out = [a.keep_out, b.keep_out].into_iter().flatten();
                TipNear {
                    keep_out: keep_out.reduce(f64::min),
                    // Written so that NaN is taken.
                    ..if a.height < b.height { a } else { b }
                }
            })
    }

    pub(super) fn near(
        &self,
        base_from_head: &Transform<Base, Head>,
        tip: &Point<Base>,
        next: &Point<Base>,
    ) -> TipNear {
        let head_from_base = base_from_head.inverse();
        let (tip, next) = (head_from_base * *tip, head_from_base * *next);
        let height = self.kinematics.height(&tip, HIGH);
        let keep_out = self
            .plan
            .keep_outs
            .iter()
            .map(|k| tip.distance(&k.center) - k.radius.m())
            .reduce(f64::min);
        let low = height < LOW;
        TipNear {
            height,
            approach: if height < HIGH {
                (height - self.kinematics.height(&next, HIGH)) / INSTANT
            } else {
                0.0
            },
            over_patch: !low || self.skin.is_near_patch(&tip, BESIDE_PATCH),
            keep_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_model::motion::JointLimits;

    fn joints(values: [f64; 6]) -> Joints {
        Joints::from_slice(&values).unwrap()
    }

    /// Both of two joints by a radian.
    fn path() -> Path {
        let each = |value: f64| joints([value; 6]);
        let limits = JointLimits {
            velocity: each(1.0),
            acceleration: each(5.0),
            jerk: each(50.0),
        };
        let mut way = Trajectory::resting(joints([0.0; 6]));
        way.push(joints([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), &limits, 1.0, 10.0)
            .unwrap();
        Path::new(HopId(1), way, Micros::from_ms(1000))
    }

    /// The largest deviation of an arm that is where `seen` says at each moment, s.
    fn worst(path: &mut Path, seen: impl Fn(f64, &Trajectory) -> Joints) -> f64 {
        let ticks = (path.trajectory.duration() * 500.0) as u64 + 200;
        (0..ticks)
            .map(|k| {
                let now = Micros(1_000_000 + 2000 * k);
                let joints = seen(0.002 * k as f64, &path.trajectory);
                path.deviation(now, &joints)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn an_arm_that_follows_late_or_with_lag_is_on_its_path() {
        for late in [0.0, 0.02, 0.2] {
            let off = worst(&mut path(), |t, way| way.at(t - late).position);
            assert!(off < 3e-3, "{late} s late: {off} rad off");
        }
        let standing = worst(&mut path(), |_, way| way.start());
        assert!(standing < 1e-12);
    }

    #[test]
    fn an_arm_beside_its_path_or_ahead_of_it_is_off_by_as_much() {
        let beside = |t: f64, way: &Trajectory| {
            let mut at = way.at(t).position;
            at[3] += 0.05 * t.min(1.0);
            at
        };
        let off = worst(&mut path(), beside);
        assert!((0.049..0.051).contains(&off), "{off}");
        let ahead = worst(&mut path(), |t, way| way.at(t + 0.2).position);
        assert!(ahead > 0.1, "{ahead}");
    }
}
