//! Shapes as signed distance: a list of solids, each blended onto or carved out of what came before.
//!
//! Distances are metres, negative inside, and only near the surface close to true: enough to find the surface and walk onto it.

use nalgebra::{UnitQuaternion, Vector3};

/// One solid.
#[derive(Debug, Clone)]
pub enum Solid {
    /// An ellipsoid with semi-axes along its own x, y, z, turned by a rotation.
    Ellipsoid {
        /// Its centre, metres.
        center: Vector3<f64>,
        /// Its semi-axes, metres, all positive.
        radii: Vector3<f64>,
        /// From its own axes into the head's.
        rotation: UnitQuaternion<f64>,
    },
    /// Two balls and the cone that touches both.
    Cone {
        /// Centre of the first ball, metres.
        from: Vector3<f64>,
        /// Its radius, metres.
        from_radius: f64,
        /// Centre of the second ball, metres.
        to: Vector3<f64>,
        /// Its radius, metres.
        to_radius: f64,
    },
}

/// How a solid joins what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Added.
    Onto,
    /// Taken away.
    OutOf,
}

/// A solid and how it joins.
#[derive(Debug, Clone)]
pub struct Part {
    /// The solid.
    pub solid: Solid,
    /// Added or taken away.
    pub join: Join,
    /// How wide the seam is rounded, metres, positive.
    pub blend: f64,
    /// Middle of a ball around the solid, metres.
    middle: Vector3<f64>,
    /// Radius of that ball, metres.
    reach: f64,
}

impl Part {
    /// A solid that joins with a seam of width `blend`, metres.
    #[must_use]
    pub fn new(solid: Solid, join: Join, blend: f64) -> Self {
        let (middle, reach) = match &solid {
            Solid::Ellipsoid { center, radii, .. } => (*center, radii.max()),
            Solid::Cone {
                from,
                from_radius,
                to,
                to_radius,
            } => (
                (from + to) * 0.5,
                0.5 * (to - from).norm() + from_radius.max(*to_radius),
            ),
        };
        Self {
            solid,
            join,
            blend,
            middle,
            reach,
        }
    }

    /// The distance so far, with this part joined.
    fn joined(&self, d: f64, p: &Vector3<f64>) -> f64 {
        // Nothing changes farther than the seam's width away; most parts are dismissed by their ball.
        let beyond = self.reach
            + self.blend
            + match self.join {
                Join::Onto => d,
                Join::OutOf => -d,
            };
        if beyond <= 0.0 || (p - self.middle).norm_squared() >= beyond * beyond {
            return d;
        }
        let own = self.solid.distance(p);
        match self.join {
            Join::Onto => smooth_min(d, own, self.blend),
            Join::OutOf => -smooth_min(-d, own, self.blend),
        }
    }
}

impl Solid {
    /// Signed distance of `p`, metres.
    fn distance(&self, p: &Vector3<f64>) -> f64 {
        match self {
            Self::Ellipsoid {
                center,
                radii,
                rotation,
            } => {
                let q = rotation.inverse_transform_vector(&(p - center));
                let scaled = q.component_div(radii);
                let length = scaled.norm();
                let slope = scaled.component_div(radii).norm();
                if slope < 1e-9 {
                    -radii.min()
                } else {
                    length * (length - 1.0) / slope
                }
            }
            Self::Cone {
                from,
                from_radius,
                to,
                to_radius,
            } => {
                let axis = to - from;
                let along =
                    ((p - from).dot(&axis) / axis.norm_squared().max(1e-12)).clamp(0.0, 1.0);
                (p - from - axis * along).norm() - (from_radius + (to_radius - from_radius) * along)
            }
        }
    }
}

/// Smooth minimum: equals `min` where the two differ by more than `k`.
fn smooth_min(a: f64, b: f64, k: f64) -> f64 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k * 0.25
}

/// Signed distance of `p` to the whole of `parts`, metres.
#[must_use]
pub fn distance(parts: &[Part], p: &Vector3<f64>) -> f64 {
    parts.iter().fold(1.0, |d, part| part.joined(d, p))
}
