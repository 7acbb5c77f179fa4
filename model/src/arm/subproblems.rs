//! The small problems closed-form inverse kinematics is put together from.
//!
//! After Paden, Kahan, and Elias and Wen, "IK-Geo: Unified robot inverse kinematics using subproblem decomposition" (2022). Turns are kept
//! as cosine and sine and become angles only in a solution; two answers of one problem lie at equal angles on both sides of a middle.

use nalgebra::{Isometry3, Matrix3, Unit, Vector3};

use super::angles::atan2;

/// Axes whose angle has a smaller sine than this do not span a plane well enough to divide by.
pub(super) const ASKEW: f64 = 1e-3;
/// Points nearer than this to an axis do not move enough when turned about it, metres.
pub(super) const SHORT: f64 = 1e-4;
/// A target this little out of reach (relative) still counts as the stretched arm.
const STRETCH: f64 = 1e-9;
/// Products of unit vectors below this are rounding and meant to be zero.
const ROUNDING: f64 = 1e-14;

/// An axis in the base frame with every joint at zero: its direction and a point on it, metres.
pub(super) type Line = (Unit<Vector3<f64>>, Vector3<f64>);

/// How far from ideal the axes of a known shape may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slack {
    /// Sine of the angle between axes that count as parallel.
    pub angle: f64,
    /// Metres by which axes that count as meeting may pass.
    pub distance: f64,
}

impl Slack {
    /// Nothing but the rounding of ten digits in a URDF: solutions are exact.
    pub const EXACT: Self = Self {
        angle: 1e-7,
        distance: 1e-7,
    };
    /// A calibrated arm, or a right angle written as 1.57: solutions are where Newton steps start. Source: Universal Robots' factory
    /// calibrations differ from the data sheet by up to a few millimetres and milliradians.
    pub const NEARLY: Self = Self {
        angle: 5e-3,
        distance: 5e-3,
    };
}

/// Six axes with every joint at zero, and where the flange is then.
#[derive(Debug, Clone)]
pub(super) struct SixAxes {
    pub lines: [Line; 6],
    pub home: Isometry3<f64>,
}

impl SixAxes {
    /// The same chain seen from the flange: joint 6 first, every angle negated, `(T home⁻¹)⁻¹` in place of a target T.
    pub fn reversed(&self) -> Self {
        let mut lines = self.lines;
        lines.reverse();
        Self {
            lines,
            home: Isometry3::identity(),
        }
    }
}

/// A turn by some angle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub cos: f64,
    pub sin: f64,
}

impl Turn {
    pub fn by(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self { cos, sin }
    }

    /// The turn in the direction of (cos, sin); `None` when both are below `least`.
    pub fn towards(cos: f64, sin: f64, least: f64) -> Option<Self> {
        let length = (cos * cos + sin * sin).sqrt();
        (length > least).then(|| Self {
            cos: cos / length,
            sin: sin / length,
        })
    }

    pub fn angle(self) -> f64 {
        atan2(self.sin, self.cos)
    }

    pub fn back(self) -> Self {
        Self {
            cos: self.cos,
            sin: -self.sin,
        }
    }

    /// This turn and another one after it.
    pub fn and(self, other: Self) -> Self {
        Self {
            cos: self.cos * other.cos - self.sin * other.sin,
            sin: self.sin * other.cos + self.cos * other.sin,
        }
    }

    /// A vector turned about an axis (Rodrigues).
    pub fn about(self, axis: &Vector3<f64>, v: &Vector3<f64>) -> Vector3<f64> {
        v * self.cos + axis.cross(v) * self.sin + axis * (axis.dot(v) * (1.0 - self.cos))
    }

    /// A vector at a right angle to an axis turned about it.
    pub fn across(self, axis: &Vector3<f64>, v: &Vector3<f64>) -> Vector3<f64> {
        v * self.cos + axis.cross(v) * self.sin
    }

    /// The rotation matrix of this turn about an axis.
    pub fn matrix(self, axis: &Vector3<f64>) -> Matrix3<f64> {
        let (a, s, c) = (axis, self.sin, self.cos);
        let u = a * (1.0 - c);
        Matrix3::new(
            a.x * u.x + c,
            a.x * u.y - a.z * s,
            a.x * u.z + a.y * s,
            a.y * u.x + a.z * s,
            a.y * u.y + c,
            a.y * u.z - a.x * s,
            a.z * u.x - a.y * s,
            a.z * u.y + a.x * s,
            a.z * u.z + c,
        )
    }
}

/// `rot(k, θ) p` turned onto `q` as well as can be: the turn about `k` from p to q. `None` when either lies along `k` (within `least`, the
/// product of their distances from it).
pub(super) fn turn(
    k: &Vector3<f64>,
    p: &Vector3<f64>,
    q: &Vector3<f64>,
    least: f64,
) -> Option<Turn> {
    // Not p·q - (k·p)(k·q), which is nothing but rounding where both lie near the axis.
    let (from, onto) = (k.cross(p), k.cross(q));
    Turn::towards(from.dot(&onto), from.cross(&onto).dot(k), least)
}

/// The two turns at some angle from a middle.
fn both(middle: Turn, half: Turn) -> [Turn; 2] {
    [middle.and(half), middle.and(half.back())]
}

/// Half the angle between two answers, from `c = r cos`; `None` when out of reach.
fn half(c: f64, r: f64) -> Option<Turn> {
    // Written so that NaN is out of reach.
    let within = c.abs() <= r * (1.0 + STRETCH);
    within.then(|| {
        let cos = (c / r).clamp(-1.0, 1.0);
        Turn {
            cos,
            sin: ((1.0 - cos) * (1.0 + cos)).sqrt(),
        }
    })
}

/// The turns θ about `k` with `h · rot(k, θ) p = d`, for the same `k` and `h` and many `p` and `d`.
#[derive(Debug, Clone)]
pub(super) struct Circle {
    k: Vector3<f64>,
    a: Vector3<f64>,
    b: Vector3<f64>,
    /// `h · k`.
    along: f64,
}

/// The answers of a circle.
pub(super) enum Crossing {
    /// Out of reach.
    None,
    /// Two, perhaps equal.
    Two([Turn; 2]),
    /// `p` lies on the axis and any turn does.
    Any,
}

impl Circle {
    pub fn new(k: &Vector3<f64>, h: &Vector3<f64>) -> Self {
        Self {
            k: *k,
            a: h - k * h.dot(k),
            b: h.cross(k),
            along: h.dot(k),
        }
    }

    pub fn solve(&self, p: &Vector3<f64>, d: f64) -> Crossing {
        let (a, b) = (self.a.dot(p), self.b.dot(p));
        let c = d - self.along * self.k.dot(p);
        match Turn::towards(a, b, 1e-9) {
            Some(middle) => half(c, (a * a + b * b).sqrt())
                .map_or(Crossing::None, |half| Crossing::Two(both(middle, half))),
            None if c.abs() < 1e-9 => Crossing::Any,
            None => Crossing::None,
        }
    }
}

/// The turns θ about `k` with `h · rot(k, θ) p = d`, for the same `k`, `h`, `p` and many `d`.
#[derive(Debug, Clone)]
pub(super) struct Bend {
    middle: Turn,
    radius: f64,
    /// `(h · k) (k · p)`.
    along: f64,
    /// `radius² - along² - 1`.
    rest: f64,
}

impl Bend {
    /// `None` when turning `p` about `k` changes nothing (by less than `least`).
    pub fn new(k: &Vector3<f64>, h: &Vector3<f64>, p: &Vector3<f64>, least: f64) -> Option<Self> {
        let exact = |x: f64| if x.abs() < ROUNDING { 0.0 } else { x };
        let (a, b) = (h.dot(p) - h.dot(k) * k.dot(p), h.dot(&k.cross(p)));
        let along = exact(h.dot(k) * k.dot(p));
        let radius = (a * a + b * b).sqrt();
        Some(Self {
            middle: Turn::towards(a, b, least)?,
            radius,
            along,
            rest: exact(radius * radius - along * along - 1.0),
        })
    }

    pub fn solve(&self, d: f64) -> Option<[Turn; 2]> {
        half(d - self.along, self.radius).map(|half| both(self.middle, half))
    }

    /// As [`Bend::solve`] for unit vectors, where `sine` is that of the angle between `h` and the turned `p`: near a singularity it is
    /// known far better than its cosine `d` tells.
    pub fn solve_unit(&self, d: f64, sine: f64) -> Option<[Turn; 2]> {
        let c = d - self.along;
        if c.abs() > self.radius * (1.0 + STRETCH) {
            return None;
        }
        // radius² - c², without the cancellation where the axes are at right angles.
        let square = sine * sine + self.rest + 2.0 * d * self.along;
        Turn::towards(c, square.max(0.0).sqrt(), 0.0).map(|half| both(self.middle, half))
    }
}

/// Some unit vector at a right angle to an axis.
pub(super) fn across(axis: &Vector3<f64>) -> Vector3<f64> {
    let other = if axis.x.abs() < 0.8 {
        Vector3::x()
    } else {
        Vector3::y()
    };
    axis.cross(&other).normalize()
}

/// Where two axes meet, or the middle between them where they pass; `None` when they do not within the slack, or are parallel.
pub(super) fn meeting(a: &Line, b: &Line, slack: Slack) -> Option<Vector3<f64>> {
    let normal = a.0.cross(&b.0);
    let (square, between) = (normal.norm_squared(), b.1 - a.1);
    let apart = between.dot(&normal) / square;
    if square < ASKEW * ASKEW || apart.abs() * square.sqrt() > slack.distance {
        return None;
    }
    let along = between.cross(&b.0).dot(&normal) / square;
    Some(a.1 + a.0.into_inner() * along + normal * (0.5 * apart))
}

/// +1 or -1 for axes that are parallel and point the same way or opposite ways.
pub(super) fn parallel(a: &Line, b: &Line, slack: Slack) -> Option<f64> {
    (a.0.cross(&b.0).norm() < slack.angle).then(|| a.0.dot(&b.0).signum())
}

/// The distance of a point from an axis, metres.
pub(super) fn distance(point: &Vector3<f64>, line: &Line) -> f64 {
    (point - line.1).cross(&line.0).norm()
}

/// The sine between `from` and `to` as seen along an axis; 0 when either has no length across it.
pub(super) fn sine_about(axis: &Vector3<f64>, from: &Vector3<f64>, to: &Vector3<f64>) -> f64 {
    let (a, b) = (axis.cross(from), axis.cross(to));
    let size = (a.norm_squared() * b.norm_squared()).sqrt();
    if size > 0.0 {
        (a.cross(&b).dot(axis) / size).abs()
    } else {
        0.0
    }
}

/// How fast a point moves along `onto` when turned about an axis through `origin`, m/rad, as a share of `size`: at most about 1.
pub(super) fn lever(
    (axis, origin): &Line,
    onto: &Vector3<f64>,
    point: &Vector3<f64>,
    size: f64,
) -> f64 {
    (axis.cross(&(point - origin)).dot(onto) / (axis.cross(onto).norm() * size)).abs()
}
