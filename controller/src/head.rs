//! The tracked head: which poses to believe, how fast it moves, where it will be when the needle arrives.
//!
//! A constant-velocity Kalman filter on the head's origin (each axis alike) and on its orientation (a rotation vector about the present
//! estimate, each axis alike). A pose is not believed when it is not finite, when it jumps farther than a head can go, or when it is bit
//! for bit the one before (a tracker that repeats itself is stuck): then the estimate ages, and the core stops on its age. One that is
//! farther off than a head is likely to go, or that stayed where it had jumped to, is believed as a head, but not as the one that was
//! registered ([`Verdict::Anew`]): a marker that slipped, or another marker, looks just like that.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use stipple_core::{Micros, Stamped};
use stipple_model::frames::{Base, Head, Point, Transform};

/// The filter's figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadFilterConfig {
    /// Standard deviation of the tracker's position along each axis, m. Source: the tracker's data sheet; here optical trackers'.
    pub noise_m: f64,
    /// Standard deviation of its orientation about each axis, rad.
    pub noise_rad: f64,
    /// Typical acceleration of a head at rest (breathing), m/s².
    pub acceleration: f64,
    /// Typical angular acceleration, rad/s².
    pub angular_acceleration: f64,
    /// From the measurement to its arrival here.
    pub latency: Micros,
    /// Fastest believable head, m/s. Source: the treatment facts' peak of 86 mm/s, five times.
    pub fastest: f64,
    /// What a believable pose may be off beyond that, m.
    pub slack: f64,
    /// Speed above which what is seen may as well be a marker that slips, m/s. Source: the treatment facts' peak of 86 mm/s.
    pub likely: f64,
    /// What a likely pose may be off beyond that, m. Source: own, the noise of the coarsest tracker five times.
    pub likely_slack: f64,
    /// Poses that agree with each other for so long, but not with the estimate, have it start anew. Source: own; longer than any
    /// [`stipple_core::Limits::head_age`] of hardware, so that tracking counts as lost by then.
    pub restart_after: Micros,
    /// Farthest look into the future.
    pub horizon: Micros,
}

impl Default for HeadFilterConfig {
    fn default() -> Self {
        Self {
            noise_m: 0.05e-3,
            noise_rad: 0.02f64.to_radians(),
            acceleration: 3e-3,
            angular_acceleration: 10e-3,
            latency: Micros::from_ms(10),
            fastest: 0.45,
            slack: 3e-3,
            likely: 0.086,
            likely_slack: 1e-3,
            restart_after: Micros::from_ms(180),
            horizon: Micros::from_ms(600),
        }
    }
}

/// What became of a pose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Believed.
    Taken,
    /// Believed from here on, but whether it is the head as it was registered nobody knows: tracking counts as lost.
    Anew,
    /// The same value of the port as before; nothing new.
    SeenBefore,
    /// Bit for bit the pose before: not believed.
    Stuck,
    /// Farther than a head can go: not believed.
    Jumped,
    /// Not finite, or farther from the base than any arm reaches: not believed, however often it comes.
    NotFinite,
}

/// Farthest from the arm's base that a head is looked for, m. Source: own, several times what the longest arm of this kind reaches.
const FARTHEST: f64 = 5.0;

/// Position and speed uncertainty of one axis.
#[derive(Debug, Clone, Copy)]
struct Covariance {
    xx: f64,
    xv: f64,
    vv: f64,
}

impl Covariance {
    fn start(noise: f64, speed: f64) -> Self {
        Self {
            xx: noise * noise,
            xv: 0.0,
            vv: speed * speed,
        }
    }

    /// Ages by `dt` and takes a measurement in; the gains for position and speed.
    fn step(&mut self, dt: f64, acceleration: f64, noise: f64) -> (f64, f64) {
        let q = acceleration * acceleration;
        let xx = self.xx + 2.0 * dt * self.xv + dt * dt * self.vv + 0.25 * q * dt.powi(4);
        let xv = self.xv + dt * self.vv + 0.5 * q * dt.powi(3);
        let vv = self.vv + q * dt * dt;
        let s = xx + noise * noise;
        let (kx, kv) = (xx / s, xv / s);
        *self = Self {
            xx: (1.0 - kx) * xx,
            xv: (1.0 - kx) * xv,
            vv: vv - kv * xv,
        };
        (kx, kv)
    }
}

#[derive(Debug, Clone, Copy)]
struct Track {
    /// When the last believed pose was measured.
    at: Micros,
    position: Vector3<f64>,
    velocity: Vector3<f64>,
    rotation: UnitQuaternion<f64>,
    turn: Vector3<f64>,
    linear: Covariance,
    angular: Covariance,
}

/// Longest time between two poses that widens what is believable, s. Source: own, three frames of a 60 Hz tracker.
const LONGEST_STEP: f64 = 0.05;

/// How many raw poses are kept for the quick look at the speed …
const RECENT: usize = 4;
/// … this far apart, so that they span as long whatever the tracker's rate is: less, and its noise alone would be a speed. Source: own, just
/// below a frame of a 60 Hz tracker.
const SPACING: Micros = Micros::from_ms(15);

/// The filter.
#[derive(Debug, Clone)]
pub struct HeadFilter {
    config: HeadFilterConfig,
    track: Option<Track>,
    /// Arrival of the last believed pose.
    good_at: Option<Micros>,
    sequence: Option<u64>,
    /// When the last pose was measured, believed or not.
    seen_at: Option<Micros>,
    raw: Option<Transform<Base, Head>>,
    /// The last believed pose as it came.
    newest: Option<(Micros, Transform<Base, Head>)>,
    /// Such poses [`SPACING`] apart, oldest first.
    recent: [Option<(Micros, Transform<Base, Head>)>; RECENT],
    /// The last pose that was not believed, and since when those before it agree with it.
    jumped: Option<(Transform<Base, Head>, Micros)>,
}

impl HeadFilter {
    /// A filter that knows nothing yet.
    #[must_use]
    pub const fn new(config: HeadFilterConfig) -> Self {
        Self {
            config,
            track: None,
            good_at: None,
            sequence: None,
            seen_at: None,
            raw: None,
            newest: None,
            recent: [None; RECENT],
            jumped: None,
        }
    }

    /// Takes in what the port shows; call it in every tick.
    pub fn update(&mut self, sample: &Stamped<Transform<Base, Head>>) -> Verdict {
        if self.sequence == Some(sample.sequence) {
            return Verdict::SeenBefore;
        }
        self.sequence = Some(sample.sequence);
        let pose = sample.value;
        if !pose.is_finite() || pose.raw().translation.vector.norm() > FARTHEST {
            return Verdict::NotFinite;
        }
        if self.raw == Some(pose) {
            return Verdict::Stuck;
        }
        self.raw = Some(pose);
        let at = Micros(sample.arrived.0.saturating_sub(self.config.latency.0));
        let seen_before = self.seen_at.replace(at);
        let Some(track) = self.track.filter(|t| at.fresh(t.at, Micros::from_ms(500))) else {
            let first = self.track.is_none();
            self.restart(at, &pose);
            return self.believe(sample, first);
        };
        let dt = at.since(track.at).map_or(0.0, Micros::s);
        let predicted = predict(&track, dt);
        let (off, turned) = predicted.separation(&pose);
        // However long nothing was believed: what comes back far away must first show that it stays there. While poses come, and none is
        // believed, what is believable does not widen either: else one jump in a few would pass.
        let unseen = seen_before.and_then(|seen| at.since(seen));
        let gap = unseen.map_or(dt, Micros::s).min(LONGEST_STEP);
        let reach = self.config.slack + self.config.fastest * gap;
        // A head turns about its neck: what turns it by an angle moves its surface by about a tenth of a metre per radian.
        let goes = |(off, turned): (f64, f64)| f64::max(off, turned * 0.1);
        // From the pose before, too, since the filter lags behind a head that moves as it seldom does.
        let step = self
            .last_raw()
            .map_or(0.0, |raw| goes(raw.separation(&pose)));
        if goes((off, turned)) > reach && (step > reach || self.newest.is_none()) {
            return self.doubt(at, sample);
        }
        let likely = self.config.likely_slack + self.config.likely * gap;
        self.track = Some(self.corrected(&track, &predicted, &pose, at, dt));
        self.believe(sample, step <= likely)
    }

    fn believe(&mut self, sample: &Stamped<Transform<Base, Head>>, same: bool) -> Verdict {
        self.good_at = Some(sample.arrived);
        self.jumped = None;
        self.newest = Some((sample.arrived, sample.value));
        let kept = self.recent.last().copied().flatten();
        if kept.is_none_or(|(at, _)| sample.arrived.passed(at, SPACING)) {
            self.recent.rotate_left(1);
            if let Some(last) = self.recent.last_mut() {
                *last = self.newest;
            }
        }
        if same { Verdict::Taken } else { Verdict::Anew }
    }

    fn doubt(&mut self, at: Micros, sample: &Stamped<Transform<Base, Head>>) -> Verdict {
        let since = match self.jumped {
            Some((before, since)) if before.separation(&sample.value).0 <= self.config.slack => {
                since
            }
            _ => at,
        };
        if !at.passed(since, self.config.restart_after) {
            self.jumped = Some((sample.value, since));
            return Verdict::Jumped;
        }
        self.restart(at, &sample.value);
        self.believe(sample, false)
    }

    fn restart(&mut self, at: Micros, pose: &Transform<Base, Head>) {
        let iso = pose.raw();
        self.recent = [None; RECENT];
        self.newest = None;
        self.track = Some(Track {
            at,
            position: iso.translation.vector,
            velocity: Vector3::zeros(),
            rotation: iso.rotation,
            turn: Vector3::zeros(),
            linear: Covariance::start(self.config.noise_m, 5e-3),
            angular: Covariance::start(self.config.noise_rad, 20e-3),
        });
    }

    fn corrected(
        &self,
        track: &Track,
        predicted: &Transform<Base, Head>,
        pose: &Transform<Base, Head>,
        at: Micros,
        dt: f64,
    ) -> Track {
        let (mut linear, mut angular) = (track.linear, track.angular);
        let (kx, kv) = linear.step(dt, self.config.acceleration, self.config.noise_m);
        let (kr, kw) = angular.step(dt, self.config.angular_acceleration, self.config.noise_rad);
        let (expected, measured) = (predicted.raw(), pose.raw());
        let off = measured.translation.vector - expected.translation.vector;
        let turned = (measured.rotation * expected.rotation.inverse()).scaled_axis();
        Track {
            at,
            position: expected.translation.vector + off * kx,
            velocity: track.velocity + off * kv,
            rotation: UnitQuaternion::from_scaled_axis(turned * kr) * expected.rotation,
            turn: track.turn + turned * kw,
            linear,
            angular,
        }
    }

    /// When the last believed pose arrived.
    #[must_use]
    pub const fn good_at(&self) -> Option<Micros> {
        self.good_at
    }

    /// The pose expected at `moment`, at most the horizon ahead of the last measurement; `None` before the first.
    #[must_use]
    pub fn pose_at(&self, moment: Micros) -> Option<Transform<Base, Head>> {
        let track = self.track?;
        let ahead = moment
            .since(track.at)
            .unwrap_or(Micros::ZERO)
            .min(self.config.horizon);
        Some(predict(&track, ahead.s()))
    }

    /// The last pose as it came, if it was farther off than a head can go and nothing was believed since. A head that is hit may be there.
    #[must_use]
    pub fn last_doubted(&self) -> Option<Transform<Base, Head>> {
        self.jumped.map(|(pose, _)| pose)
    }

    /// The last believed pose as it came.
    #[must_use]
    pub fn last_raw(&self) -> Option<Transform<Base, Head>> {
        self.newest.map(|(_, pose)| pose)
    }

    /// Speed of a point of the head, m/s: the filter's, or the plain one over the last few poses where that is more, since a filter tuned
    /// to breathing is late to see a jerk. 0 before there is a pose.
    #[must_use]
    pub fn speed_at(&self, point: &Point<Head>) -> f64 {
        let Some(track) = self.track else { return 0.0 };
        let filtered = (track.velocity + track.turn.cross(&(track.rotation * point.raw()))).norm();
        let plain = match (self.recent.first(), &self.newest) {
            (Some(Some((t0, a))), Some((t1, b))) => {
                let dt = t1.since(*t0).map_or(0.0, Micros::s);
                if dt > 0.0 {
                    (*a * *point).distance(&(*b * *point)) / dt
                } else {
                    0.0
                }
            }
            _ => 0.0,
        };
        filtered.max(plain)
    }
}

fn predict(track: &Track, dt: f64) -> Transform<Base, Head> {
    let position = track.position + track.velocity * dt;
    let rotation = UnitQuaternion::from_scaled_axis(track.turn * dt) * track.rotation;
    Transform::from_raw(Isometry3::from_parts(
        Translation3::from(position),
        rotation,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic normal deviates, good enough to stand for a tracker's noise.
    struct Noise(u64);

    impl Noise {
        fn uniform(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
        }

        fn vector(&mut self, sigma: f64) -> Vector3<f64> {
            Vector3::new(self.normal(), self.normal(), self.normal()) * sigma
        }
    }

    /// Breathing of 0.5 mm at 0.25 Hz and a drift of 0.1 mm/s.
    fn truth(t: f64) -> Transform<Base, Head> {
        let breath = 0.5e-3 * (std::f64::consts::TAU * 0.25 * t).sin();
        Transform::from_xyz_rpy(
            [0.5 + 0.07e-3 * t, 0.07e-3 * t, 0.3 + breath],
            [0.0, 0.2, 0.1],
        )
    }

    fn noisy(pose: &Transform<Base, Head>, noise: &mut Noise) -> Transform<Base, Head> {
        let mut iso = *pose.raw();
        iso.translation.vector += noise.vector(0.05e-3);
        iso.rotation =
            UnitQuaternion::from_scaled_axis(noise.vector(0.02f64.to_radians())) * iso.rotation;
        Transform::from_raw(iso)
    }

    fn stamped(
        t: f64,
        sequence: u64,
        value: Transform<Base, Head>,
    ) -> Stamped<Transform<Base, Head>> {
        Stamped {
            value,
            arrived: Micros((t * 1e6) as u64 + 10_000),
            sequence,
        }
    }

    #[test]
    fn predicts_a_breathing_head_well_within_the_placement_goal() {
        let (mut filter, mut noise) = (HeadFilter::new(HeadFilterConfig::default()), Noise(7));
        let skin: Point<Head> = Point::new(0.05, 0.02, 0.12);
        let (mut now, mut ahead) = (Vec::new(), Vec::new());
        for k in 0..60 * 60 {
            let t = f64::from(k) / 60.0;
            filter.update(&stamped(t, k as u64, noisy(&truth(t), &mut noise)));
            if k > 120 {
                let error = |dt: f64| {
                    let predicted = filter.pose_at(Micros(((t + dt) * 1e6) as u64)).unwrap();
                    (predicted * skin).distance(&(truth(t + dt) * skin))
                };
                now.push(error(0.02));
                ahead.push(error(0.35));
                assert!(
                    filter.speed_at(&skin) < 10e-3,
                    "a breathing head is not a moving one"
                );
            }
        }
        let p95 = |v: &mut Vec<f64>| {
            v.sort_by(f64::total_cmp);
            v[v.len() * 95 / 100]
        };
        let (now, ahead) = (p95(&mut now), p95(&mut ahead));
        assert!(now < 0.1e-3, "20 ms ahead: {:.3} mm", now * 1e3);
        assert!(ahead < 0.25e-3, "350 ms ahead: {:.3} mm", ahead * 1e3);
    }

    /// H3.
    #[test]
    fn sees_a_jerk_within_a_few_poses_and_none_in_noise() {
        for hertz in [60.0, 120.0, 250.0, 1000.0] {
            let (mut filter, mut noise) = (HeadFilter::new(HeadFilterConfig::default()), Noise(3));
            let mut seen = None;
            for k in 0..(4.0 * hertz) as u64 {
                let t = k as f64 / hertz;
                let since = (t - 3.0).max(0.0);
                let pose = Transform::from_xyz_rpy([0.5 + 0.03 * since, 0.0, 0.3], [0.0; 3]);
                filter.update(&stamped(t, k, noisy(&pose, &mut noise)));
                if seen.is_none() && filter.speed_at(&Point::origin()) > 10e-3 {
                    seen = Some(t - 3.0);
                }
            }
            let seen = seen.unwrap();
            assert!(
                (0.0..0.05).contains(&seen),
                "{hertz} Hz: 30 mm/s seen after {seen} s"
            );
        }
    }

    /// H4.
    #[test]
    fn does_not_believe_jumps_repeats_and_nonsense() {
        let mut filter = HeadFilter::new(HeadFilterConfig::default());
        let at = |x: f64| Transform::from_xyz_rpy([x, 0.0, 0.3], [0.0; 3]);
        assert_eq!(filter.update(&stamped(0.0, 0, at(0.5))), Verdict::Taken);
        assert_eq!(
            filter.update(&stamped(0.0, 0, at(0.5))),
            Verdict::SeenBefore
        );
        assert_eq!(filter.update(&stamped(0.016, 1, at(0.5))), Verdict::Stuck);
        assert_eq!(
            filter.update(&stamped(0.033, 2, at(f64::NAN))),
            Verdict::NotFinite
        );
        assert_eq!(filter.good_at(), Some(Micros(10_000)));
        // Nowhere near, and always the same: it must not be believed for being steady.
        for k in 0..40u64 {
            let turned = Transform::from_xyz_rpy([1e308, 0.0, 0.0], [1e-4 * k as f64, 0.0, 0.0]);
            let verdict = filter.update(&stamped(0.034, 100 + k, turned));
            assert_eq!(verdict, Verdict::NotFinite);
        }
        let mut noise = Noise(1);
        for k in 0..11 {
            let jumped = noisy(&at(0.6), &mut noise);
            assert_eq!(
                filter.update(&stamped(0.05 + f64::from(k) / 60.0, 3 + k as u64, jumped)),
                Verdict::Jumped
            );
            assert_eq!(
                filter.good_at(),
                Some(Micros(10_000)),
                "a jump must not keep the pose fresh"
            );
        }
        assert_eq!(
            filter.update(&stamped(0.24, 20, noisy(&at(0.6), &mut noise))),
            Verdict::Anew,
            "it stays there: a head, but whose"
        );
    }

    /// H4: at whatever rate a tracker reports, what jumps is not believed before tracking counts as lost, and what slips is told.
    #[test]
    fn a_marker_that_jumps_or_slips_is_never_simply_the_head_from_there_on() {
        let config = HeadFilterConfig::default();
        assert!(config.restart_after > stipple_core::Limits::HARDWARE.head_age);
        for (hertz, step) in [60.0, 120.0, 250.0, 1000.0]
            .into_iter()
            .flat_map(|hertz| [4e-3, 8e-3, 0.05, 0.4].map(|step| (hertz, step)))
        {
            let (mut filter, mut noise) = (HeadFilter::new(config), Noise(5));
            let mut first_anew = None;
            for k in 0..(2.0 * hertz) as u64 {
                let t = k as f64 / hertz;
                let off = if t < 1.0 { 0.0 } else { step };
                let pose = Transform::from_xyz_rpy([0.5 + off, 0.0, 0.3], [0.0; 3]);
                match filter.update(&stamped(t, k, noisy(&pose, &mut noise))) {
                    Verdict::Taken => {
                        assert!(
                            t < 1.0 || first_anew.is_some(),
                            "{hertz} Hz, {step} m at {t} s"
                        );
                    }
                    Verdict::Anew => {
                        first_anew.get_or_insert(t);
                    }
                    verdict => assert_eq!(verdict, Verdict::Jumped),
                }
            }
            let anew = first_anew.unwrap() - 1.0;
            // What might have been a head is told at once.
            let might = step <= config.slack + config.fastest / hertz;
            assert!(
                if might {
                    anew < 1.5 / hertz
                } else {
                    anew > 0.17
                },
                "{hertz} Hz, {step} m: {anew} s"
            );
        }
    }

    #[test]
    fn a_head_that_moves_as_heads_do_is_not_lost() {
        for hertz in [60.0, 250.0] {
            let (mut filter, mut noise) = (HeadFilter::new(HeadFilterConfig::default()), Noise(9));
            for k in 0..(10.0 * hertz) as u64 {
                let t = k as f64 / hertz;
                // To and fro by 27 mm, at 86 mm/s in the middle.
                let off = 0.0137 * (std::f64::consts::TAU * t).sin();
                let pose = Transform::from_xyz_rpy([0.5 + off, 0.0, 0.3], [0.0; 3]);
                assert_eq!(
                    filter.update(&stamped(t, k, noisy(&pose, &mut noise))),
                    Verdict::Taken,
                    "{hertz} Hz, {t} s"
                );
            }
        }
    }
}
