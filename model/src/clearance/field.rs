//! Distance to the head as proven bounds, from distances kept at the corners of an octree's cells.
//!
//! # The lower bound
//! For any set S, `|p|² - d(p)²` is a convex function of p: it is the largest of the affine functions `2 p·s - |s|²` over s in S. Let p lie in
//! a cell of edge h with corners vᵢ, and let wᵢ be its trilinear weights (non-negative, summing to one, `p = Σ wᵢ vᵢ`). By Jensen's inequality
//!
//! ```text
//! d(p)² ≥ Σ wᵢ d(vᵢ)² - Σ wᵢ |vᵢ - p|²,   Σ wᵢ |vᵢ - p|² = h² Σ w(1 - w) over the three axes ≤ ¾ h²
//! ```
//!
//! # How much is lost
//! Where d is convex over the cell (outside a convex part of the head) `Σ wᵢ d(vᵢ)² ≥ d(p)²`, so the bound is too small by at most
//! `¾ h² / (d + bound)`. Anywhere, because `d(vᵢ) ≥ d(p) - |vᵢ - p|`, its square is too small by at most `√3 h d`. Cells outside that can be
//! split are so small that the first of these is at most [`NEAR_LOSS`] or [`SHARE`] of the smallest distance at the cell's corners.
//!
//! # The sign
//! The bound knows no sign. A cell whose smallest corner distance is over `√¾ h` holds no surface, so all of it lies on the side of its
//! corners. In other cells a corner proves the side of every point nearer to it than its own distance.

use nalgebra::Vector3;

use super::octree::{Octree, Place};
use super::surface::Surface;
use crate::frames::{Head, Point};
use crate::mesh::SurfaceMesh;

/// Edge of the smallest cells, metres. At 3.5 mm from a convex skin, where the middle of the nose's tip hovers, they lose 0.7 mm at most.
pub(super) const SMALLEST: f64 = 0.0025;
/// Cells outside are split until they lose no more than this outside a convex part, metres …
pub(super) const NEAR_LOSS: f64 = 0.0015;
/// … or no more than this share of the smallest distance at their corners.
pub(super) const SHARE: f64 = 0.1;

/// Whether a cell outside, whose corners are at least `least` away, loses little enough.
pub(super) fn fine_enough(edge: f64, least: f64) -> bool {
    // ¾ h² / 2d, with the bound about as large as d.
    0.375 * edge * edge <= least * NEAR_LOSS.max(SHARE * least)
}

/// Corner distances are kept as `f32`; squares are right to this share.
const ROUNDED: f64 = 2.5e-7;
/// What rounding of coordinates and sums can add, metres.
const ROUNDING: f64 = 1e-8;

/// Bounds of a signed distance, metres: `lower <= d <= upper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Never larger than the true distance.
    pub lower: f64,
    /// Never smaller than the true distance.
    pub upper: f64,
}

/// The head as something to keep away from. Positive outside, negative inside.
pub struct HeadField {
    surface: Surface,
    octree: Octree,
    center: Vector3<f64>,
    low: Vector3<f64>,
    high: Vector3<f64>,
}

/// The head's surface cannot serve as an obstacle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the head's surface cannot be used for clearance: {0}")]
pub struct FieldError(String);

/// The square of the distance is at least this, m².
fn least_square(place: &Place<'_>) -> f64 {
    let [x, y, z] = place.weights;
    let square = |i: usize| f64::from(place.corners[i]) * f64::from(place.corners[i]);
    let along_x = |i: usize| square(i) * (1.0 - x) + square(i + 1) * x;
    let along_y = |i: usize| along_x(i) * (1.0 - y) + along_x(i + 2) * y;
    let mean = along_y(0) * (1.0 - z) + along_y(4) * z;
    let spread = x * (1.0 - x) + y * (1.0 - y) + z * (1.0 - z);
    mean * (1.0 - ROUNDED) - place.edge * place.edge * spread
}

/// What every corner's distance says by itself: the true one differs from it by at most how far the corner is.
fn by_corners(place: &Place<'_>) -> Bounds {
    let mut bounds = Bounds {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
    };
    for (i, distance) in place.corners.iter().enumerate() {
        let distance = f64::from(*distance);
        let out = (0..3)
            .map(|axis| {
                let w = if i >> axis & 1 == 1 {
                    1.0 - place.weights[axis]
                } else {
                    place.weights[axis]
                };
                w * w
            })
            .sum::<f64>();
        let away = out.sqrt() * place.edge + distance.abs() * ROUNDED + ROUNDING;
        bounds.lower = bounds.lower.max(distance - away);
        bounds.upper = bounds.upper.min(distance + away);
    }
    // Corners contradict each other beside a part that is wound the wrong way: then only the size is known.
    if bounds.lower > bounds.upper {
        let size = bounds.lower.abs().max(bounds.upper.abs());
        let diagonal = 2.0 * 3f64.sqrt() * place.edge;
        bounds = Bounds {
            lower: -size - diagonal,
            upper: size + diagonal,
        };
    }
    bounds
}

impl HeadField {
    /// Builds the field of a head.
    ///
    /// # Errors
    /// When the surface has no usable triangle.
    pub fn new(head: &SurfaceMesh<Head>) -> Result<Self, FieldError> {
        let vertices: Vec<_> = head.vertices().iter().map(Point::raw).collect();
        let surface = Surface::new(&vertices, head.triangles())
            .ok_or_else(|| FieldError("no triangle has three different corners".to_owned()))?;
        let (low, high) = head.bounds();
        let (low, high) = (low.raw(), high.raw());
        let center = 0.5 * (low + high);
        Ok(Self {
            octree: Octree::new(&surface, center),
            surface,
            center,
            low,
            high,
        })
    }

    /// The exact signed distance to the head, metres; not finite for a point that is not. Asks the mesh: a microsecond or so.
    #[must_use]
    pub fn exact(&self, p: &Point<Head>) -> f64 {
        if p.is_finite() {
            self.surface.signed(&p.raw(), 0).0
        } else {
            f64::NAN
        }
    }

    /// The exact signed distance of a finite point, metres, and the head's point that is so far.
    pub(super) fn foot(&self, p: &Point<Head>) -> (f64, Point<Head>) {
        let (distance, foot) = self.surface.foot(&p.raw());
        (distance, Point::from_raw(foot))
    }

    /// A lower bound of the signed distance at a point, metres: tens of nanoseconds. Minus infinity for NaN.
    #[must_use]
    pub fn lower(&self, p: &Point<Head>) -> f64 {
        let p = p.raw();
        let Some(place) = self.octree.find(&p) else {
            return self.beyond(&p);
        };
        if place.outside {
            return least_square(&place).max(0.0).sqrt() - ROUNDING;
        }
        Self::near_skin(&place).lower
    }

    /// Bounds of the signed distance at a point.
    #[must_use]
    pub fn bounds(&self, p: &Point<Head>) -> Bounds {
        let p = p.raw();
        match self.octree.find(&p) {
            None => Bounds {
                lower: self.beyond(&p),
                upper: f64::INFINITY,
            },
            Some(place) => Self::near_skin(&place),
        }
    }

    fn near_skin(place: &Place<'_>) -> Bounds {
        let mut bounds = by_corners(place);
        if place.outside || bounds.lower > 0.0 {
            let lower = least_square(place).max(0.0).sqrt() - ROUNDING;
            bounds.lower = bounds.lower.max(lower);
        }
        bounds
    }

    /// Outside the octree: the distance to the head's box.
    fn beyond(&self, p: &Vector3<f64>) -> f64 {
        if p.iter().any(|c| c.is_nan()) {
            return f64::NEG_INFINITY;
        }
        (self.low - p)
            .sup(&(p - self.high))
            .sup(&Vector3::zeros())
            .norm()
    }

    /// Whether the head is at least `needed` away from `p`, exactly: asks the mesh where the bounds cannot tell.
    #[must_use]
    pub fn farther_than(&self, p: &Point<Head>, needed: f64) -> bool {
        let bounds = self.bounds(p);
        bounds.lower >= needed || (bounds.upper >= needed && self.exact(p) >= needed)
    }

    /// A point near the middle of the head.
    #[must_use]
    pub fn center(&self) -> Point<Head> {
        Point::from_raw(self.center)
    }

    /// The edge of the cell a point lies in, metres; `None` outside the octree.
    #[cfg(test)]
    pub(super) fn edge_at(&self, p: &Point<Head>) -> Option<f64> {
        self.octree.find(&p.raw()).map(|place| place.edge)
    }

    /// How many cells the octree has.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        self.octree.cell_count()
    }

    /// Memory of the octree and of the mesh's own tree, bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.octree.memory() + self.surface.memory()
    }
}

#[cfg(test)]
#[path = "field_tests.rs"]
mod tests;
