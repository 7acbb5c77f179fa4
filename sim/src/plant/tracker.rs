//! The simulated head tracker: looks at 60 Hz, tells a little later, and not quite right.

use std::collections::VecDeque;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::{HeadPort, Micros, Stamped};
use stipple_model::frames::{Base, Head, Transform};

use crate::chance::sensor_noise;

/// How the tracker behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerConfig {
    /// Time from look to look.
    pub period: Micros,
    /// Time from the look to its arrival.
    pub latency: Micros,
    /// Standard deviation along each axis, metres.
    pub position_noise: f64,
    /// Standard deviation about each axis, rad.
    pub angle_noise: f64,
    /// How far off its target sits on the head, always the same way, metres along the head's axes.
    pub off: Vector3<f64>,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            period: Micros(16_667),
            latency: Micros::from_ms(10),
            position_noise: 0.05e-3,
            angle_noise: 0.02f64.to_radians(),
            off: Vector3::zeros(),
        }
    }
}

/// The tracker. Time is what [`SimTracker::step`] is given.
#[derive(Debug, Clone)]
pub struct SimTracker {
    config: TrackerConfig,
    next_look: Micros,
    under_way: VecDeque<(Micros, Transform<Base, Head>)>,
    latest: Option<Stamped<Transform<Base, Head>>>,
    rng: ChaCha8Rng,
}

impl SimTracker {
    /// Looks for the first time at time zero. The generator makes its noise.
    #[must_use]
    pub fn new(config: TrackerConfig, rng: ChaCha8Rng) -> Self {
        Self {
            config,
            next_look: Micros::ZERO,
            under_way: VecDeque::new(),
            latest: None,
            rng,
        }
    }

    /// The latest pose that has arrived.
    #[must_use]
    pub fn latest(&self) -> Option<Stamped<Transform<Base, Head>>> {
        self.latest
    }

    /// The frame that it takes for the head's, in the head's.
    fn target(&self) -> Transform<Head, Head> {
        Transform::from_raw(Isometry3::from_parts(
            Translation3::from(self.config.off),
            UnitQuaternion::identity(),
        ))
    }

    /// Moves on to `now`, with the head where it is now.
    pub fn step(&mut self, now: Micros, head: &Transform<Base, Head>) {
        if now >= self.next_look {
            let seen = self.blur(&(*head * self.target()));
            self.under_way
                .push_back((now.after(self.config.latency), seen));
            self.next_look = self.next_look.after(self.config.period).max(now);
        }
        while let Some((_, value)) = self.under_way.pop_front_if(|(due, _)| *due <= now) {
            let sequence = self.latest.map_or(0, |l| l.sequence) + 1;
            self.latest = Some(Stamped {
                value,
                arrived: now,
                sequence,
            });
        }
    }

    fn blur(&mut self, head: &Transform<Base, Head>) -> Transform<Base, Head> {
        let mut draw = |sigma| Vector3::from_fn(|_, _| sensor_noise(&mut self.rng, sigma));
        let (shift, turn) = (
            draw(self.config.position_noise),
            draw(self.config.angle_noise),
        );
        // About the head's own origin, so that an angle does not turn into a shift of the whole cell.
        *head
            * Transform::from_raw(Isometry3::from_parts(
                Translation3::from(shift),
                UnitQuaternion::from_scaled_axis(turn),
            ))
    }
}

impl HeadPort for SimTracker {
    fn head_pose(&self) -> Option<Stamped<Transform<Base, Head>>> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn tells_late_at_its_rate_and_with_its_noise() {
        let config = TrackerConfig::default();
        let mut tracker = SimTracker::new(config, ChaCha8Rng::seed_from_u64(2));
        let head = Transform::from_xyz_rpy([0.5, 0.0, 0.4], [0.1, 0.2, 0.3]);
        let (mut poses, mut last) = (Vec::new(), 0);
        for tick in 0..5_000u64 {
            let now = Micros::from_ms(2 * tick);
            tracker.step(now, &head);
            if let Some(pose) = tracker.latest().filter(|p| p.sequence != last) {
                assert!(
                    last > 0 || now >= config.latency,
                    "nothing arrives before its latency"
                );
                assert_eq!(pose.arrived, now);
                last = pose.sequence;
                poses.push(pose.value);
            }
        }
        assert!(
            (598..=600).contains(&poses.len()),
            "{} in 10 s",
            poses.len()
        );
        let square: f64 = poses
            .iter()
            .map(|p| p.separation(&head).0.powi(2))
            .sum::<f64>()
            / poses.len() as f64;
        let sigma = (square / 3.0).sqrt();
        assert!(
            (sigma - config.position_noise).abs() < 0.1 * config.position_noise,
            "sigma {sigma}"
        );
    }
}
