//! What a hop costs: the time of the arm's straight motion in joint space.

use stipple_model::joints::MAX_JOINTS;
use stipple_model::limits::SPEED_HOVER;
use stipple_model::motion::{JointLimits, rest_to_rest};
use stipple_model::units::Time;

use super::Visit;

/// What a hop that cannot be timed costs, seconds: more than any real one, and finite, so that sums stay numbers.
const UNTIMED: f64 = 1e4;

/// Times of straight hops between visits: rest to rest, jerk-limited, within the joints' limits and [`SPEED_HOVER`] of the tip, as
/// `stipple_model::motion` times them. What a hop takes beyond that, because the straight way is not clear, is not known here.
pub(super) struct HopTime {
    /// Joint values; those the arm does not have are 0.
    joints: Vec<[f64; MAX_JOINTS]>,
    /// Tip positions, metres.
    tips: Vec<[f64; 3]>,
    /// Reciprocals of the limits of velocity, acceleration and jerk, joint by joint.
    slowness: [[f64; MAX_JOINTS]; 3],
}

impl HopTime {
    pub(super) fn new<'a>(visits: impl Iterator<Item = &'a Visit>, limits: &JointLimits) -> Self {
        let padded = |joints: &stipple_model::joints::Joints| {
            let mut values = [0.0; MAX_JOINTS];
            values[..joints.dof()].copy_from_slice(joints.as_slice());
            values
        };
        let slowness = [limits.velocity, limits.acceleration, limits.jerk];
        let (joints, tips) = visits
            .map(|v| (padded(&v.hover), <[f64; 3]>::from(v.position.raw())))
            .unzip();
        Self {
            joints,
            tips,
            slowness: slowness.map(|limit| padded(&limit.map(f64::recip))),
        }
    }

    /// Seconds from one visit to another.
    #[inline]
    pub(super) fn between(&self, a: u32, b: u32) -> f64 {
        let (a, b) = (a as usize, b as usize);
        let (from, to) = (&self.joints[a], &self.joints[b]);
        let [mut velocity, mut acceleration, mut jerk] = [0.0_f64; 3];
        for k in 0..MAX_JOINTS {
            let way = (from[k] - to[k]).abs();
            velocity = velocity.max(way * self.slowness[0][k]);
            acceleration = acceleration.max(way * self.slowness[1][k]);
            jerk = jerk.max(way * self.slowness[2][k]);
        }
        if jerk <= 0.0 {
            return 0.0;
        }
        let (from, to) = (&self.tips[a], &self.tips[b]);
        let squares = (0..3).map(|k| (from[k] - to[k]).powi(2));
        let tip = squares.sum::<f64>().sqrt();
        velocity = velocity.max(tip / SPEED_HOVER.m_per_s());
        rest_to_rest(velocity.recip(), acceleration.recip(), jerk.recip()).min(UNTIMED)
    }

    /// The same as a quantity.
    pub(super) fn time(&self, a: u32, b: u32) -> Time {
        Time::from_s(self.between(a, b))
    }
}
