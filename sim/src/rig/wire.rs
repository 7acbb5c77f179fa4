//! What lies between a sensor and the port that the controller reads: usually nothing, else a distortion.

use std::collections::VecDeque;

use nalgebra::{Isometry3, Translation3};
use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::{JointState, Micros, NeedleReport, Stamped};
use stipple_controller::stamps::Stamps;
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;

use crate::chance::uniform;
use crate::fault::{Distortion, Garbage};

/// Something a sensor tells.
pub(super) trait Told: Copy + PartialEq {
    /// Whether a sensor that works may tell the same bits twice: one with noise never does.
    const REPEATS: bool = false;
    /// With numbers that cannot be.
    fn garbled(&self, garbage: Garbage) -> Self;
    /// Wrong by so much, always the same way.
    fn wrong_by(&self, by: f64) -> Self;
    /// With its parts in another order.
    fn permuted(&self) -> Self {
        *self
    }
    /// With a part missing.
    fn lacking(&self) -> Self {
        *self
    }
    /// As if nothing moved.
    fn speedless(&self) -> Self {
        *self
    }
    /// Whether every number is finite.
    fn is_finite(&self) -> bool;
}

pub(super) fn spoilt(value: f64, garbage: Garbage) -> f64 {
    match garbage {
        Garbage::NotANumber => f64::NAN,
        Garbage::Infinite => f64::INFINITY,
        Garbage::Huge => 1e308,
        Garbage::Thousandfold => value * 1e3,
    }
}

impl Told for JointState {
    fn garbled(&self, garbage: Garbage) -> Self {
        Self {
            position: self.position.map(|q| spoilt(q, garbage)),
            velocity: self.velocity.map(|v| spoilt(v, garbage)),
        }
    }

    fn wrong_by(&self, by: f64) -> Self {
        Self {
            position: self.position.map(|q| q + by),
            ..*self
        }
    }

    fn permuted(&self) -> Self {
        let turned = |joints: &Joints| {
            let mut joints = *joints;
            joints.as_mut_slice().rotate_left(1);
            joints
        };
        Self {
            position: turned(&self.position),
            velocity: turned(&self.velocity),
        }
    }

    fn lacking(&self) -> Self {
        let short = |joints: &Joints| {
            let values = joints.as_slice();
            let kept = values.get(..values.len().saturating_sub(1));
            kept.and_then(Joints::from_slice).unwrap_or(*joints)
        };
        Self {
            position: short(&self.position),
            velocity: short(&self.velocity),
        }
    }

    fn speedless(&self) -> Self {
        Self {
            velocity: self.velocity.map(|_| 0.0),
            ..*self
        }
    }

    fn is_finite(&self) -> bool {
        self.position.is_finite() && self.velocity.is_finite()
    }
}

impl Told for Transform<Base, Head> {
    fn garbled(&self, garbage: Garbage) -> Self {
        let iso = self.raw();
        let spoilt = iso.translation.vector.map(|x| spoilt(x, garbage));
        Self::from_raw(Isometry3::from_parts(
            Translation3::from(spoilt),
            iso.rotation,
        ))
    }

    fn wrong_by(&self, by: f64) -> Self {
        let mut iso = *self.raw();
        iso.translation.vector.x += by;
        Self::from_raw(iso)
    }

    fn is_finite(&self) -> bool {
        Self::is_finite(self)
    }
}

impl Told for NeedleReport {
    const REPEATS: bool = true;

    fn garbled(&self, garbage: Garbage) -> Self {
        Self {
            extension: spoilt(self.extension, garbage),
            ..*self
        }
    }

    fn wrong_by(&self, by: f64) -> Self {
        Self {
            extension: self.extension + by,
            ..*self
        }
    }

    fn is_finite(&self) -> bool {
        self.extension.is_finite() && self.axial_force.is_finite()
    }
}

/// The force in a needle's report, distorted.
pub(super) fn distorted_force(
    report: &NeedleReport,
    how: Distortion,
    before: Option<&NeedleReport>,
) -> NeedleReport {
    let axial_force = match how {
        Distortion::Off => 0.0,
        Distortion::Garbage(garbage) => spoilt(report.axial_force, garbage),
        Distortion::Wrong(by) => report.axial_force + by,
        // A force comes with its report: what else can befall it is that it is old.
        _ => before.map_or(report.axial_force, |b| b.axial_force),
    };
    NeedleReport {
        axial_force,
        ..*report
    }
}

/// What a tick brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    /// A distortion did something to what was told.
    pub shows: bool,
    /// Something arrived that the controller may rest on.
    pub news: bool,
}

impl Carried {
    /// The same, with something that shows, or not.
    pub const fn showing(self, shows: bool) -> Self {
        Self { shows, ..self }
    }
}

/// One sensor's way to the port.
#[derive(Debug, Clone)]
pub(super) struct Wire<T> {
    /// From one value of the sensor to the next.
    period: Micros,
    /// When each is due, when it was sent, and what.
    under_way: VecDeque<(Micros, Micros, T)>,
    /// Judges the stamps of what arrives, as the node does: what is late or out of order is not delivered.
    stamps: Option<Stamps>,
    /// As it was made.
    judge: Option<Stamps>,
    delivered: Option<Stamped<T>>,
    /// True time at which the last value arrived that is finite and not the one before once more.
    news_at: Option<Micros>,
    sent: u64,
}

impl<T: Told> Wire<T> {
    pub fn new(period: Micros) -> Self {
        Self {
            period,
            under_way: VecDeque::new(),
            stamps: None,
            judge: None,
            delivered: None,
            news_at: None,
            sent: 0,
        }
    }

    /// The same of messages whose stamps must rise, and come no more than `late` later than the quickest.
    pub fn in_time(period: Micros, late: Micros) -> Self {
        let judge = Some(Stamps::new(late));
        Self {
            stamps: judge,
            judge,
            ..Self::new(period)
        }
    }

    /// What the port shows.
    pub const fn delivered(&self) -> Option<Stamped<T>> {
        self.delivered
    }

    /// When the last value arrived that the controller may rest on, true time.
    pub const fn news_at(&self) -> Option<Micros> {
        self.news_at
    }

    /// Forgets what was delivered, as a process that starts anew.
    pub fn forget(&mut self) {
        self.delivered = None;
        self.stamps = self.judge;
        self.under_way.clear();
    }

    /// Takes on what the sensor tells in this tick, and delivers what is due. `stamp` is what the controller's clock shows at `now`.
    /// What came of it.
    pub fn carry(
        &mut self,
        now: Micros,
        stamp: Micros,
        fresh: Option<T>,
        how: Option<Distortion>,
        rng: &mut ChaCha8Rng,
    ) -> Carried {
        let shows = match (fresh, how) {
            (None, _) => false,
            (Some(value), None) => {
                // What was held up is overtaken.
                self.under_way.clear();
                self.under_way.push_back((now, now, value));
                false
            }
            (Some(value), Some(how)) => self.distort(now, value, how, rng),
        };
        self.sent += u64::from(fresh.is_some());
        let before = self.news_at;
        let mut refused = false;
        while let Some(due) = self.under_way.iter().position(|(at, ..)| *at <= now) {
            if let Some((_, sent, value)) = self.under_way.remove(due) {
                let told = i128::from(sent.0) * 1_000;
                match self.stamps.as_mut().map(|stamps| stamps.look(told, stamp)) {
                    None => self.deliver(now, stamp, value),
                    Some(Ok(arrived)) => self.deliver(now, arrived, value),
                    Some(Err(_)) => refused = true,
                }
            }
        }
        // What is no number and comes too late besides is passed over for that, and shows no more than silence does.
        let unseen = refused && matches!(how, Some(Distortion::Garbage(_)));
        Carried {
            shows: shows && !unseen,
            news: self.news_at != before,
        }
    }

    fn deliver(&mut self, now: Micros, stamp: Micros, value: T) {
        let before = self.delivered.map(|d| d.value);
        if value.is_finite() && (T::REPEATS || before != Some(value)) {
            self.news_at = Some(now);
        }
        self.delivered = Some(Stamped {
            value,
            arrived: stamp,
            sequence: self.delivered.map_or(0, |d| d.sequence) + 1,
        });
    }

    fn distort(&mut self, now: Micros, value: T, how: Distortion, rng: &mut ChaCha8Rng) -> bool {
        let later = |span: f64| now.after(Micros(span as u64));
        let period = self.period.0 as f64;
        let (at, value) = match how {
            Distortion::Off => return true,
            Distortion::Stuck => match self.delivered {
                Some(before) => (now, before.value),
                None => return true,
            },
            Distortion::Garbage(garbage) => (now, value.garbled(garbage)),
            Distortion::Wrong(by) => (now, value.wrong_by(by)),
            Distortion::Slow(of) => {
                if !self.sent.is_multiple_of(u64::from(of.max(1))) {
                    return true;
                }
                (now, value)
            }
            Distortion::Delayed(by) => (now.after(by), value),
            Distortion::Intermittent(share) => {
                if uniform(rng, 0.0, 1.0) < share {
                    return true;
                }
                (now, value)
            }
            Distortion::Duplicated => {
                self.under_way.push_back((later(0.5 * period), now, value));
                (now, value)
            }
            Distortion::Reordered => (later(uniform(rng, 0.0, 3.0 * period)), value),
            Distortion::Restamped(by) => {
                let told = Micros(now.0.saturating_add_signed(by));
                self.under_way.push_back((now, told, value));
                return true;
            }
            Distortion::Permuted => (now, value.permuted()),
            Distortion::Missing => (now, value.lacking()),
            Distortion::Speedless => (now, value.speedless()),
        };
        self.under_way.push_back((at, now, value));
        true
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// What a wire delivers of the joints 1, 2, 3, … told every 2 ms: the moment in ms, and the first joint.
    fn carried(how: Distortion) -> Vec<(u64, f64)> {
        let mut wire = Wire::new(Micros::from_ms(2));
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut seen = Vec::new();
        let mut last = 0;
        for k in 1..=100u64 {
            let q = Joints::from_slice(&[k as f64, 0.5, 0.25]).unwrap();
            let state = JointState {
                position: q,
                velocity: q.map(|_| 0.0),
            };
            // As it should be for ten values, then distorted.
            let how = (k > 10).then_some(how);
            let now = Micros::from_ms(2 * k);
            wire.carry(
                now,
                now.after(Micros::from_ms(5_000)),
                Some(state),
                how,
                &mut rng,
            );
            let delivered = wire.delivered().unwrap();
            if delivered.sequence != last {
                assert_eq!(delivered.arrived, now.after(Micros::from_ms(5_000)));
                last = delivered.sequence;
                seen.push((2 * k, delivered.value.position[0]));
            }
        }
        assert_eq!(seen[9], (20, 10.0), "as told until the fault");
        seen.split_off(10)
    }

    #[test]
    fn each_distortion_shows_at_the_port() {
        assert_eq!(carried(Distortion::Off), []);
        let stuck = carried(Distortion::Stuck);
        assert!(stuck.len() == 90 && stuck.iter().all(|(_, q)| *q == 10.0));
        let slow = carried(Distortion::Slow(10));
        assert_eq!((slow.len(), slow[1].0 - slow[0].0), (9, 20));
        let delayed = carried(Distortion::Delayed(Micros::from_ms(30)));
        assert!(delayed.iter().all(|(ms, q)| *ms == 2 * *q as u64 + 30));
        let lost = 90 - carried(Distortion::Intermittent(0.5)).len();
        assert!((25..65).contains(&lost), "{lost} of 90 lost");
        let reordered = carried(Distortion::Reordered);
        assert!(reordered.windows(2).any(|w| w[1].1 < w[0].1));
        let wrong = carried(Distortion::Wrong(0.125));
        assert!(wrong.iter().all(|(_, q)| q.fract() == 0.125));
        assert!(carried(Distortion::Permuted).iter().all(|(_, q)| *q == 0.5));
        for (garbage, is_it) in [
            (Garbage::NotANumber, f64::is_nan as fn(f64) -> bool),
            (Garbage::Infinite, |q| q == f64::INFINITY),
            (Garbage::Huge, |q| q == 1e308),
            (Garbage::Thousandfold, |q| (11e3..=100e3).contains(&q)),
        ] {
            let garbled = carried(Distortion::Garbage(garbage));
            assert!(garbled.len() == 90 && garbled.iter().all(|(_, q)| is_it(*q)));
        }
        let twice = carried(Distortion::Duplicated);
        assert!(
            twice.len() == 90,
            "the second of each is overwritten within the tick"
        );
    }

    #[test]
    fn a_joint_is_missing_and_a_force_is_what_it_is_said_to_be() {
        let q = Joints::from_slice(&[1.0, 2.0, 3.0]).unwrap();
        let state = JointState {
            position: q,
            velocity: q,
        };
        assert_eq!(state.lacking().position.dof(), 2);
        let report = NeedleReport {
            state: stipple_core::NeedleState::Extended,
            extension: 3e-3,
            axial_force: 0.5,
            permit: 4,
            ours: true,
        };
        let force = |how| distorted_force(&report, how, None).axial_force;
        assert_eq!(force(Distortion::Off), 0.0);
        assert_eq!(force(Distortion::Wrong(12.0)), 12.5);
        assert!(force(Distortion::Garbage(Garbage::NotANumber)).is_nan());
        assert_eq!(report.wrong_by(1e-3).extension, 4e-3);
    }

    #[test]
    fn where_stamps_must_rise_nothing_comes_twice_or_out_of_order() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for how in [Distortion::Duplicated, Distortion::Reordered] {
            let mut wire = Wire::in_time(Micros::from_ms(2), Micros::from_ms(20));
            let mut seen = Vec::new();
            let mut last = 0;
            for k in 1..=200u64 {
                let now = Micros::from_ms(2 * k);
                let q = Joints::from_slice(&[k as f64]).unwrap();
                let state = JointState {
                    position: q,
                    velocity: q,
                };
                wire.carry(now, now, Some(state), Some(how), &mut rng);
                if let Some(delivered) = wire.delivered()
                    && delivered.sequence > last
                {
                    last = delivered.sequence;
                    seen.push(delivered.value.position[0]);
                }
            }
            assert!(seen.len() > 50, "{how:?}: {}", seen.len());
            assert!(seen.windows(2).all(|w| w[1] > w[0]), "{how:?}");
        }
    }

    #[test]
    fn garbage_shows_only_where_it_is_delivered() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut wire = Wire::in_time(Micros::from_ms(2), Micros::from_ms(20));
        let mut carry = |ms: u64, how| {
            let q = Joints::from_slice(&[1.0]).unwrap();
            let state = JointState {
                position: q,
                velocity: q,
            };
            let now = Micros::from_ms(ms);
            wire.carry(now, now, Some(state), how, &mut rng).shows
        };
        let garbage = Some(Distortion::Garbage(Garbage::Infinite));
        carry(2, None);
        assert!(carry(4, garbage));
        // After a stamp of a second later all that is told in time counts as late.
        carry(6, Some(Distortion::Restamped(1_000_000)));
        assert!(!carry(8, garbage));
    }

    #[test]
    fn stuck_poses_are_no_news() {
        let mut wire = Wire::new(Micros(16_667));
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let at = |x: f64| Transform::<Base, Head>::from_xyz_rpy([x, 0.0, 0.0], [0.0; 3]);
        for k in 1..=10u64 {
            let now = Micros::from_ms(20 * k);
            let how = (k > 5).then_some(Distortion::Stuck);
            wire.carry(now, now, Some(at(k as f64)), how, &mut rng);
        }
        assert_eq!(wire.news_at(), Some(Micros::from_ms(100)));
        assert_eq!(wire.delivered().unwrap().arrived, Micros::from_ms(200));
        assert_eq!(wire.delivered().unwrap().value, at(5.0));
    }
}
