//! Whether the joints move as their driver tells.

use std::collections::VecDeque;

use stipple_model::joints::Joints;

use crate::hops::larger;
use crate::ports::{JointState, Micros, Stamped};

/// How many joint states are looked back on, at [`SPACING`] or more.
const KEPT: usize = 20;

/// Nearer than this in time none is kept beside the one before. Source: own, four ticks.
const SPACING: Micros = Micros::from_ms(8);

/// Farther back than this nothing is looked at. Source: own, about what a hop takes.
const BACK: Micros = Micros::from_ms(150);

/// What speeds told at moments may have missed in between, as a factor. Source: own.
const BETWEEN: f64 = 1.1;

/// The joint states of the last moments.
///
/// Whoever drives an arm tells where its joints are and how fast they are, and all guards of speed and rest go by the latter. A driver that
/// tells speeds of zero, or of a while ago, would have an arm that moves pass for one that rests. Between two places that joints were at in a
/// time they cannot have been slower than that: what they went beyond the fastest speed that was told for all of it, and for the age that
/// a joint state may have besides, was not told.
#[derive(Debug)]
pub(super) struct Told {
    /// The age that a joint state may have.
    age: Micros,
    /// The last one that was taken in.
    last: Option<Micros>,
    /// Those that are kept, oldest first: when, where, and the speeds.
    seen: VecDeque<(Micros, Joints, Joints)>,
    excess: f64,
}

impl Told {
    pub fn new(age: Micros) -> Self {
        Self {
            age,
            last: None,
            seen: VecDeque::with_capacity(KEPT),
            excess: 0.0,
        }
    }

    /// Takes a joint state in; how far the joint that went farthest has gone beyond what was told, rad, at least 0; NaN where a number of the
    /// state is. Takes no memory.
    pub fn excess(&mut self, joints: &Stamped<JointState>) -> f64 {
        let (at, state) = (joints.arrived, &joints.value);
        if self.last.is_some_and(|last| last >= at) {
            return self.excess;
        }
        self.last = Some(at);
        while let Some((kept, ..)) = self.seen.front()
            && at.passed(*kept, BACK)
        {
            self.seen.pop_front();
        }
        let now = state.velocity.map(f64::abs);
        // From the newest back, with the fastest that was told from there to now.
        let (mut fastest, mut excess) = (now, 0.0);
        for (then, position, velocity) in self.seen.iter().rev() {
            fastest = fastest.zip(velocity, |f, v| larger(f, v.abs()));
            let span = at.since(*then).map_or(0.0, Micros::s) + self.age.s();
            let gone = state.position.zip(position, |q, p| (q - p).abs());
            let beyond = gone.zip(&fastest, |g, f| (BETWEEN * span).mul_add(-f, g));
            excess = beyond.as_slice().iter().copied().fold(excess, larger);
        }
        self.excess = excess;
        let apart = self.seen.back().and_then(|(kept, ..)| at.since(*kept));
        if apart.is_none_or(|apart| apart >= SPACING) {
            if self.seen.len() == KEPT {
                self.seen.pop_front();
            }
            self.seen.push_back((at, state.position, state.velocity));
        }
        self.excess
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stipple_model::motion::{JointLimits, Trajectory};

    use super::*;

    const AGE: Micros = Micros::from_ms(20);

    /// A motion of so many radians by the joint that goes farthest.
    fn way(by: f64) -> Trajectory {
        let each = |value: f64| Joints::from_slice(&[value; 6]).unwrap();
        let limits = JointLimits {
            velocity: each(2.0),
            acceleration: each(8.0),
            jerk: each(4000.0),
        };
        let mut way = Trajectory::resting(Joints::zeros(6));
        let to = Joints::from_slice(&[1.0, -0.7, 0.2, 0.0, 0.1, 0.9]).unwrap();
        way.push(to.map(|q| q * by), &limits, 1.0, 10.0).unwrap();
        way
    }

    /// The largest excess over a motion and the rest after it, each report held up by `delay` of its number and with its speeds as `tell` has
    /// them.
    fn worst(by: f64, delay: impl Fn(u64) -> u64, tell: impl Fn(f64) -> f64) -> f64 {
        let (way, mut told) = (way(by), Told::new(AGE));
        let ticks = (way.duration() * 500.0) as u64 + 100;
        let mut arrived = 0;
        (0..ticks)
            .map(|k| {
                arrived = (2000 * k + delay(k)).max(arrived + 1);
                let at = way.at(0.002 * k as f64);
                told.excess(&Stamped {
                    value: JointState {
                        position: at.position,
                        velocity: at.velocity.map(&tell),
                    },
                    arrived: Micros(arrived),
                    sequence: k,
                })
            })
            .fold(0.0, larger)
    }

    proptest! {
        /// H12: however reports are held up by no more than the age they may have, an arm that tells its speeds is never said not to.
        #[test]
        fn an_arm_that_tells_its_speeds_is_never_said_not_to(
            by in -4.0f64..0.5,
            delays in prop::collection::vec(0u64..=20_000, 64),
        ) {
            let excess = worst(10f64.powf(by), |k| delays[k as usize % delays.len()], |v| v);
            prop_assert!(excess <= 1e-6, "{excess}");
        }
    }

    /// H12.
    #[test]
    fn a_driver_that_tells_no_speeds_or_others_is_seen_within_a_hop() {
        let limit = stipple_core::Limits::HARDWARE.untold;
        assert!(worst(2e-3, |_| 0, |_| 0.0) > limit);
        assert!(worst(0.1, |_| 0, |v| 0.1 * v) > limit);
        assert!(worst(0.1, |k| 700 * (k % 3), |_| 0.005) > limit);
        assert!(worst(0.1, |_| 0, |_| f64::NAN).is_nan());
    }
}
