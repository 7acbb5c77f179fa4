//! The surface of a body, to tell the point of it that is near something.

use nalgebra::{Vector2, Vector3};

use super::surface::Surface;

/// Steps from a point within a body to where it is left, at most.
const MOST_STEPS: usize = 16;
/// Nearer than this is on the surface, metres.
const ON: f64 = 1e-7;

/// A body's surface, in its frame.
pub(super) enum Skin {
    /// Of closed or open shells, which may lie in each other.
    Meshes(Vec<Surface>),
    /// Turned about the z axis between two points (z, radius), perhaps with a ball of the first radius about the first point's place.
    Turned { outline: [(f64, f64); 2], tip: bool },
    /// All within a radius of a line.
    Capsule {
        ends: [Vector3<f64>; 2],
        radius: f64,
    },
}

/// Signed distance of a point to a surface, metres, and the nearest point of the surface.
pub(super) type Foot = (f64, Vector3<f64>);

fn of_ball(middle: &Vector3<f64>, radius: f64, p: &Vector3<f64>) -> Foot {
    let out = (p - middle).try_normalize(0.0).unwrap_or_else(Vector3::z);
    ((p - middle).norm() - radius, middle + out * radius)
}

fn on_line(ends: &[Vector3<f64>; 2], p: &Vector3<f64>) -> Vector3<f64> {
    let along = ends[1] - ends[0];
    let length = along.norm_squared();
    if length > 0.0 {
        ends[0] + along * ((p - ends[0]).dot(&along) / length).clamp(0.0, 1.0)
    } else {
        ends[0]
    }
}

/// Of a frustum about the z axis: looked at in the half plane of z and radius.
fn of_frustum(outline: &[(f64, f64); 2], p: &Vector3<f64>) -> Foot {
    let [a, b] = outline.map(|(z, r)| Vector2::new(z, r));
    let at = Vector2::new(p.z, p.x.hypot(p.y));
    let mut best = (f64::INFINITY, at);
    for (from, to) in [
        (a, b),
        (Vector2::new(a.x, 0.0), a),
        (Vector2::new(b.x, 0.0), b),
    ] {
        let along = to - from;
        let length = along.norm_squared();
        let share = if length > 0.0 {
            ((at - from).dot(&along) / length).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let foot = from + along * share;
        if (foot - at).norm() < best.0 {
            best = ((foot - at).norm(), foot);
        }
    }
    let share = (at.x - a.x) / (b.x - a.x);
    let inside = (0.0..=1.0).contains(&share) && at.y <= a.y + (b.y - a.y) * share;
    let out = Vector2::new(p.x, p.y)
        .try_normalize(0.0)
        .unwrap_or_else(Vector2::x);
    let foot = Vector3::new(out.x * best.1.y, out.y * best.1.y, best.1.x);
    (if inside { -best.0 } else { best.0 }, foot)
}

fn nearer(a: Foot, b: Foot) -> Foot {
    if b.0 < a.0 { b } else { a }
}

impl Skin {
    /// How far a point is outside (negative inside), and a point of the surface that is so far; `None` without a surface.
    pub(super) fn foot(&self, p: &Vector3<f64>) -> Option<Foot> {
        match self {
            Self::Meshes(surfaces) => {
                let feet = surfaces.iter().map(|surface| surface.foot(p));
                feet.reduce(nearer)
            }
            Self::Turned { outline, tip } => {
                let frustum = of_frustum(outline, p);
                if !tip {
                    return Some(frustum);
                }
                let (z, radius) = outline[0];
                Some(nearer(
                    frustum,
                    of_ball(&Vector3::new(0.0, 0.0, z), radius, p),
                ))
            }
            Self::Capsule { ends, radius } => Some(of_ball(&on_line(ends, p), *radius, p)),
        }
    }

    /// A point of the surface near `p`; where `p` lies within the body, near where the way along `out` leaves it.
    pub(super) fn near(&self, p: &Vector3<f64>, out: &Vector3<f64>) -> Option<Vector3<f64>> {
        let mut at = *p;
        let (mut deep, mut foot) = self.foot(&at)?;
        for _ in 0..MOST_STEPS {
            if deep >= -ON {
                break;
            }
            at -= out * deep;
            (deep, foot) = self.foot(&at)?;
        }
        Some(foot)
    }
}
