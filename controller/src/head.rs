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

    /// The head lies otherwise in what is tracked than was thought: all that is known of it holds of where it lies. What
    /// comes next is judged by what came before, as ever.
    pub fn correct(&mut self, old_from_new: &Transform<Head, Head>) {
        let moved = |pose: Transform<Base, Head>| pose * *old_from_new;
        self.raw = self.raw.map(moved);
        self.newest = self.newest.map(|(at, pose)| (at, moved(pose)));
        self.jumped = self.jumped.map(|(pose, since)| (moved(pose), since));
        for kept in self.recent.iter_mut().flatten() {
            kept.1 = moved(kept.1);
        }
        if let Some(track) = &mut self.track {
            let arm = track.rotation * old_from_new.raw().translation.vector;
            track.position += arm;
            track.velocity += track.turn.cross(&arm);
            track.rotation *= old_from_new.raw().rotation;
        }
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
mod tests;
