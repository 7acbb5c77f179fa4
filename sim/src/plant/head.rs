//! The head in its rest: it breathes, drifts, and, when asked for, jerks.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::Micros;
use stipple_model::frames::{Base, Head, Transform};

use crate::chance::{normal, uniform};

/// How the head moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadMotion {
    /// Amplitude of breathing along the body's long axis, metres.
    pub breathing: f64,
    /// Breaths a second, Hz.
    pub breathing_rate: f64,
    /// Standard deviation of the slow drift along each axis, metres.
    pub drift: f64,
    /// Standard deviation of the slow turn about each axis, rad.
    pub turn: f64,
    /// Farthest the drift goes along an axis, metres (turns in the same proportion).
    pub drift_limit: f64,
    /// Time in which the drift forgets where it was, seconds.
    pub drift_time: f64,
    /// Jerks an hour.
    pub jerks_per_hour: f64,
    /// Size of a jerk, metres.
    pub jerk: f64,
}

impl Default for HeadMotion {
    /// A person who holds still: 0.3 mm of breathing at 0.25 Hz, 0.7 mm of drift within minutes, no jerks.
    fn default() -> Self {
        Self {
            breathing: 0.3e-3,
            breathing_rate: 0.25,
            drift: 0.7e-3,
            turn: 1.5e-3,
            drift_limit: 3e-3,
            drift_time: 20.0,
            jerks_per_hour: 0.0,
            jerk: 5e-3,
        }
    }
}

impl HeadMotion {
    /// A head that does not move at all.
    #[must_use]
    pub fn still() -> Self {
        Self {
            breathing: 0.0,
            drift: 0.0,
            turn: 0.0,
            ..Self::default()
        }
    }
}

/// How long a jerk takes to its far end, seconds.
const JERK_RISE: f64 = 0.08;
/// Time between two draws of the drift.
const DRIFT_STEP: Micros = Micros(10_000);

/// One slow coordinate: a critically damped spring pushed at random.
#[derive(Debug, Clone, Copy, Default)]
struct Drift {
    position: f64,
    speed: f64,
}

/// The head. Time is what [`SimHead::step`] is given.
#[derive(Debug, Clone)]
pub struct SimHead {
    motion: HeadMotion,
    nominal: Transform<Base, Head>,
    now: Micros,
    drawn: Micros,
    /// Translations x, y, z, then turns about them.
    drift: [Drift; 6],
    jerk: Option<(Micros, Vector3<f64>)>,
    /// Where the jerks so far have left the head.
    left_off: Vector3<f64>,
    /// How fast it goes away on top of all else, m/s, head axes.
    creep: Vector3<f64>,
    pose: Transform<Base, Head>,
    rng: ChaCha8Rng,
}

impl SimHead {
    /// At its nominal pose, at time zero.
    #[must_use]
    pub fn new(nominal: Transform<Base, Head>, motion: HeadMotion, rng: ChaCha8Rng) -> Self {
        Self {
            motion,
            nominal,
            now: Micros::ZERO,
            drawn: Micros::ZERO,
            drift: [Drift::default(); 6],
            jerk: None,
            left_off: Vector3::zeros(),
            creep: Vector3::zeros(),
            pose: nominal,
            rng,
        }
    }

    /// Where the head really is.
    #[must_use]
    pub fn pose(&self) -> &Transform<Base, Head> {
        &self.pose
    }

    /// Starts a jerk now: the head goes `by` (metres, head axes) within 80 ms and stays there.
    pub fn jerk(&mut self, by: Vector3<f64>) {
        self.left_off += self.jerk.take().map_or_else(Vector3::zeros, |(_, way)| way);
        self.jerk = Some((self.now, by));
    }

    /// When its last jerk began, asked for or its own.
    #[must_use]
    pub fn jerked_at(&self) -> Option<Micros> {
        self.jerk.map(|(began, _)| began)
    }

    /// From now on the head goes away at that speed (m/s, head axes), on top of all else, until told otherwise.
    pub fn creep(&mut self, speed: Vector3<f64>) {
        self.creep = speed;
    }

    /// Moves on to `now`.
    pub fn step(&mut self, now: Micros) {
        self.left_off += self.creep * now.since(self.now).map_or(0.0, Micros::s);
        self.now = now;
        while now
            .since(self.drawn)
            .is_some_and(|since| since >= DRIFT_STEP)
        {
            self.drawn = self.drawn.after(DRIFT_STEP);
            self.draw();
        }
        self.pose = self.nominal * Transform::from_raw(self.offset());
    }

    /// Where the head is against its nominal pose, in head axes.
    fn offset(&self) -> Isometry3<f64> {
        let m = &self.motion;
        let since = self.now.since(self.drawn).map_or(0.0, Micros::s);
        let d = self.drift.map(|d| d.position + d.speed * since);
        let breath = m.breathing * (std::f64::consts::TAU * m.breathing_rate * self.now.s()).sin();
        let jerked = self.jerk.map_or_else(Vector3::zeros, |(began, way)| {
            let u = (self.now.since(began).map_or(0.0, Micros::s) / JERK_RISE).min(1.0);
            // Minimum jerk, as people move.
            way * (u * u * u * (10.0 - 15.0 * u + 6.0 * u * u))
        });
        // Lying back, the chest lifts the head along its own up axis, and a little forward.
        let shift =
            Vector3::new(d[0] + 0.4 * breath, d[1], d[2] + 0.9 * breath) + jerked + self.left_off;
        let turn = Vector3::new(d[3], d[4], d[5]);
        Isometry3::from_parts(
            Translation3::from(shift),
            UnitQuaternion::from_scaled_axis(turn),
        )
    }

    /// One step of the drift, and perhaps a jerk.
    fn draw(&mut self) {
        let dt = DRIFT_STEP.s();
        let m = self.motion;
        let rate = 2.0 / m.drift_time.max(0.1);
        for (i, d) in self.drift.iter_mut().enumerate() {
            let (sigma, limit) = if i < 3 {
                (m.drift, m.drift_limit)
            } else {
                (m.turn, m.drift_limit * m.turn / m.drift.max(1e-9))
            };
            // Positions end up with standard deviation sigma: white acceleration of intensity 4·sigma²·rate³ into a critical spring.
            d.speed += (-2.0 * rate * d.speed - rate * rate * d.position) * dt;
            d.speed += normal(&mut self.rng, sigma * (4.0 * rate.powi(3) * dt).sqrt());
            d.position += d.speed * dt;
            if d.position.abs() > limit {
                d.position = limit.copysign(d.position);
                d.speed = 0.0;
            }
        }
        if m.jerks_per_hour > 0.0
            && uniform(&mut self.rng, 0.0, 1.0) < m.jerks_per_hour / 3600.0 * dt
        {
            let way = Vector3::from_fn(|_, _| normal(&mut self.rng, 1.0));
            if let Some(way) = way.try_normalize(1e-6) {
                self.jerk(way * m.jerk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn head(motion: HeadMotion) -> SimHead {
        let nominal = Transform::from_xyz_rpy([0.5, 0.1, 0.3], [0.0, -1.0, 0.5]);
        SimHead::new(nominal, motion, ChaCha8Rng::seed_from_u64(4))
    }

    fn largest(head: &mut SimHead, seconds: u64) -> (f64, f64) {
        let (mut far, mut fast) = (0.0f64, 0.0f64);
        for _ in 0..seconds * 500 {
            let before = head.pose().origin();
            head.step(head.now.after(Micros::from_ms(2)));
            far = far.max(head.pose().separation(&head.nominal).0);
            fast = fast.max(before.distance(&head.pose().origin()) / 2e-3);
        }
        (far, fast)
    }

    #[test]
    fn breathes_and_drifts_slowly_within_bounds() {
        let mut head = head(HeadMotion::default());
        let (far, fast) = largest(&mut head, 600);
        assert!(far > 0.5e-3, "it moves: {far}");
        assert!(far < 3f64.sqrt() * 3e-3 + 0.3e-3, "it stays: {far}");
        assert!(fast < 3e-3, "it is slow: {fast} m/s");
    }

    #[test]
    fn still_is_still_and_a_jerk_is_fast() {
        let mut head = head(HeadMotion::still());
        assert_eq!(largest(&mut head, 20), (0.0, 0.0));
        head.jerk(Vector3::new(0.0, 5e-3, 0.0));
        let (far, fast) = largest(&mut head, 1);
        assert!((far - 5e-3).abs() < 1e-9);
        assert!(fast > 0.1, "peak of a minimum-jerk move: {fast}");
        head.jerk(Vector3::new(0.0, -5e-3, 0.0));
        head.creep(Vector3::new(3e-3, 0.0, 0.0));
        largest(&mut head, 2);
        head.creep(Vector3::zeros());
        largest(&mut head, 1);
        let (left, _) = head.pose().separation(&head.nominal);
        assert!((left - 6e-3).abs() < 1e-9, "two seconds at 3 mm/s: {left}");
    }
}
