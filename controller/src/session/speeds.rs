//! How hard the joints speed up and slow down on the motion they follow.

use std::collections::VecDeque;

use stipple_core::HopId;
use stipple_model::joints::Joints;

use crate::hops::larger;
use crate::ports::{JointState, Micros, Stamped};

/// How many speeds are looked back on, 128 ms at least. Source: own; over a longer span what the messages' way may have taken weighs less.
const KEPT: usize = 32;

/// Nearer than this in time none is kept beside the one before. Source: own, two ticks.
const SPACING: Micros = Micros::from_ms(4);

/// The joints' speeds since the motion under way began, as they were reported.
///
/// Two reports that arrived a time apart were made at most that time and the age that a joint state may have apart. What the speed changes by
/// between them is held against what the joint may do in all of it: however messages are held up, within that age, an arm that keeps its
/// limits never shows more than 1. With a tenth allowed on top, at 500 Hz and an age of 20 ms, a jolt of more than twelve times the limit is
/// seen in one report, one of a third above it within all that are kept.
#[derive(Debug)]
pub(super) struct Speeds {
    /// Highest accelerations, rad/s².
    limits: Joints,
    /// The age that a joint state may have.
    age: Micros,
    hop: Option<HopId>,
    /// When the last one came.
    last: Option<Micros>,
    /// Those that are kept, oldest first.
    seen: VecDeque<(Micros, Joints)>,
    share: f64,
}

impl Speeds {
    pub fn new(limits: Joints, age: Micros) -> Self {
        Self {
            limits,
            age,
            hop: None,
            last: None,
            seen: VecDeque::with_capacity(KEPT),
            share: 0.0,
        }
    }

    /// Takes a joint state in, of the motion that is followed; the largest change of speed as a share of what it may be. Takes no memory.
    pub fn acceleration_share(&mut self, hop: Option<HopId>, joints: &Stamped<JointState>) -> f64 {
        if hop != self.hop {
            self.hop = hop;
            self.last = None;
            self.seen.clear();
            self.share = 0.0;
        }
        let (at, velocity) = (joints.arrived, joints.value.velocity);
        if hop.is_none() || self.last.is_some_and(|last| last >= at) {
            return self.share;
        }
        self.last = Some(at);
        self.share = self.seen.iter().fold(0.0, |share, (then, before)| {
            let apart = at.since(*then).map_or(0.0, Micros::s) + self.age.s();
            let change = velocity.zip(before, |v, b| v - b);
            larger(share, self.share_of(&change) / apart)
        });
        let apart = self.seen.back().and_then(|(kept, _)| at.since(*kept));
        if apart.is_none_or(|apart| apart >= SPACING) {
            if self.seen.len() == KEPT {
                self.seen.pop_front();
            }
            self.seen.push_back((at, velocity));
        }
        self.share
    }

    /// The largest change of speed in seconds at its limit; NaN where one is.
    fn share_of(&self, change: &Joints) -> f64 {
        let each = change.zip(&self.limits, |c, a| c.abs() / a);
        each.as_slice().iter().copied().fold(0.0, larger)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stipple_model::motion::{JointLimits, Trajectory};

    use super::*;

    const AGE: Micros = Micros::from_ms(20);

    fn limits() -> JointLimits {
        let each = |value: f64| Joints::from_slice(&[value; 6]).unwrap();
        JointLimits {
            velocity: each(2.0),
            acceleration: each(8.0),
            jerk: each(4000.0),
        }
    }

    fn way() -> Trajectory {
        let mut way = Trajectory::resting(Joints::zeros(6));
        let to = Joints::from_slice(&[1.0, -0.7, 0.2, 0.0, 0.1, 1.2]).unwrap();
        way.push(to, &limits(), 1.0, 10.0).unwrap();
        way
    }

    /// The largest share of an arm that goes the way `pace` times as fast, each report held up by `delay` of its number.
    fn worst(pace: f64, delay: impl Fn(u64) -> u64) -> f64 {
        let way = way();
        let mut speeds = Speeds::new(limits().acceleration, AGE);
        let ticks = (way.duration() / pace * 500.0) as u64 + 20;
        let mut arrived = 0;
        (0..ticks)
            .map(|k| {
                // Reports arrive in the order in which they were made, or not at all.
                arrived = (2000 * k + delay(k)).max(arrived + 1);
                let joints = Stamped {
                    value: JointState {
                        position: Joints::zeros(6),
                        velocity: way.at(pace * 0.002 * k as f64).velocity.map(|v| pace * v),
                    },
                    arrived: Micros(arrived),
                    sequence: k,
                };
                speeds.acceleration_share(Some(HopId(1)), &joints)
            })
            .fold(0.0, f64::max)
    }

    proptest! {
        /// H12: however reports are held up by no more than the age they may have, an arm within its limits is never said to be over them.
        #[test]
        fn an_arm_within_its_limits_is_never_over_them(delays in prop::collection::vec(0u64..=20_000, 64)) {
            let share = worst(1.0, |k| delays[k as usize % delays.len()]);
            prop_assert!(share <= 1.0 + 1e-9, "{share}");
        }
    }

    #[test]
    fn an_arm_over_its_limits_is_seen() {
        assert!(worst(1.0, |_| 0) > 0.7);
        // So many times as fast is the square of it in acceleration.
        assert!(worst(1.5, |_| 0) > 1.1);
        assert!(worst(2.0, |k| 700 * (k % 3)) > 1.5);
    }

    #[test]
    fn what_came_before_the_motion_does_not_count() {
        let mut speeds = Speeds::new(limits().acceleration, AGE);
        let mut look = |hop: Option<u64>, ms, speed: f64| {
            let joints = Stamped {
                value: JointState {
                    position: Joints::zeros(6),
                    velocity: Joints::zeros(6).map(|_| speed),
                },
                arrived: Micros::from_ms(ms),
                sequence: ms,
            };
            speeds.acceleration_share(hop.map(HopId), &joints)
        };
        assert_eq!(look(None, 10, 1.5), 0.0);
        assert_eq!(look(Some(1), 12, 0.0), 0.0);
        // A fifth of a radian a second in 2 ms, held against 22 ms.
        let share = look(Some(1), 14, 0.2);
        assert!((share - 0.2 / 8.0 / 0.022).abs() < 1e-12, "{share}");
        // The same report again says the same.
        assert_eq!(look(Some(1), 14, 0.2), share);
        assert!(look(Some(1), 16, f64::NAN).is_nan());
        assert_eq!(look(Some(2), 18, 1.0), 0.0);
    }
}
