//! The small problems closed-form inverse kinematics is put together from.
//!
//! After Paden, Kahan, and Elias and Wen, "IK-Geo: Unified robot inverse kinematics using subproblem decomposition" (2022).

use nalgebra::{Isometry3, Rotation3, Unit, Vector3};

/// How parallel axes must be (sine of the angle) and how close meeting ones must pass (metres) to count as such.
pub(super) const EXACT: f64 = 1e-7;
/// Axes whose angle has a smaller sine than this do not span a plane well enough to divide by.
pub(super) const ASKEW: f64 = 1e-3;
/// A target this little out of reach (relative) still counts as the stretched arm.
const STRETCH: f64 = 1e-9;

/// An axis in the base frame with every joint at zero: its direction and a point on it, metres.
pub(super) type Line = (Unit<Vector3<f64>>, Vector3<f64>);

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

/// `rot(k, θ) p` turned onto `q` as well as can be: the angle about `k` from p to q. `None` when either lies along `k`.
pub(super) fn turn(k: &Unit<Vector3<f64>>, p: &Vector3<f64>, q: &Vector3<f64>) -> Option<f64> {
    let (sine, cosine) = (k.cross(p).dot(q), p.dot(q) - k.dot(p) * k.dot(q));
    (sine.hypot(cosine) > 1e-10 * (p.norm() * q.norm()).max(1e-12)).then(|| sine.atan2(cosine))
}

/// The angles θ with `h · rot(k, θ) p = d`: none, one (doubled) or two.
pub(super) fn circle_plane(
    k: &Unit<Vector3<f64>>,
    h: &Vector3<f64>,
    p: &Vector3<f64>,
    d: f64,
) -> Option<[f64; 2]> {
    let (a, b) = (h.dot(p) - h.dot(k) * k.dot(p), h.dot(&k.cross(p)));
    let (c, radius) = (d - h.dot(k) * k.dot(p), a.hypot(b));
    if radius < 1e-12 || c.abs() > radius * (1.0 + STRETCH) {
        return None;
    }
    let (middle, half) = (b.atan2(a), (c / radius).clamp(-1.0, 1.0).acos());
    Some([middle + half, middle - half])
}

pub(super) fn rot(axis: &Unit<Vector3<f64>>, angle: f64) -> Rotation3<f64> {
    Rotation3::from_axis_angle(axis, angle)
}

/// Some unit vector at a right angle to an axis.
pub(super) fn across(axis: &Unit<Vector3<f64>>) -> Vector3<f64> {
    let other = if axis.x.abs() < 0.8 {
        Vector3::x()
    } else {
        Vector3::y()
    };
    axis.cross(&other).normalize()
}

/// Where two axes meet; `None` when they do not, or are parallel.
pub(super) fn meeting(a: &Line, b: &Line) -> Option<Vector3<f64>> {
    let normal = a.0.cross(&b.0);
    let (sine, between) = (normal.norm(), b.1 - a.1);
    if sine < ASKEW || (between.dot(&normal) / sine).abs() > EXACT {
        return None;
    }
    Some(a.1 + a.0.into_inner() * (between.cross(&b.0).dot(&normal) / (sine * sine)))
}

/// +1 or -1 for axes that are parallel and point the same way or opposite ways.
pub(super) fn parallel(a: &Line, b: &Line) -> Option<f64> {
    (a.0.cross(&b.0).norm() < EXACT).then(|| a.0.dot(&b.0).signum())
}
