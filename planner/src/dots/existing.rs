//! Hairs and dots that are on the head already.

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};

use super::grid::Grid;

/// They are counted within this radius, metres. Source: this project's own; about ten hairs at a fifth of natural density.
const RADIUS: f64 = 0.004;

/// Where they are.
pub(crate) struct Existing {
    points: Vec<Vector3<f64>>,
    grid: Grid,
}

impl Existing {
    pub fn new(points: &[Point<Head>]) -> Self {
        let points: Vec<Vector3<f64>> = points.iter().map(Point::raw).collect();
        let grid = Grid::new(&points, RADIUS);
        Self { points, grid }
    }

    pub const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// How many per m² around a place.
    pub fn density(&self, p: &Vector3<f64>) -> f64 {
        let count = self.within(p, RADIUS).len();
        count as f64 / (std::f64::consts::PI * RADIUS * RADIUS)
    }

    /// Those nearer than a radius (metres) to a place.
    pub fn within(&self, p: &Vector3<f64>, radius: f64) -> Vec<Vector3<f64>> {
        let mut found = Vec::new();
        self.grid.near(p, radius, |j| {
            let q = self.points[j as usize];
            if (q - p).norm() < radius {
                found.push(q);
            }
        });
        found
    }

    /// How far the nearest is, metres; `None` when none is within the radius.
    pub fn nearest(&self, p: &Vector3<f64>, radius: f64) -> Option<f64> {
        let distances = self.within(p, radius).into_iter().map(|q| (q - p).norm());
        distances.min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_counts_and_what_is_far_does_not() {
        // A square grid of 1 mm.
        let points: Vec<Point<Head>> = (0..400)
            .map(|i| Point::new(f64::from(i % 20) * 1e-3, f64::from(i / 20) * 1e-3, 0.0))
            .collect();
        let existing = Existing::new(&points);
        let middle = Vector3::new(0.0095, 0.0095, 0.0);
        assert!((existing.density(&middle) / 1e6 - 1.0).abs() < 0.1);
        assert_eq!(existing.density(&Vector3::x()), 0.0);
        assert_eq!(existing.within(&middle, 0.0008).len(), 4);
        let nearest = existing.nearest(&middle, 0.001).unwrap();
        assert!((nearest - 0.0005 * 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(existing.nearest(&middle, 0.0005), None);
        assert!(Existing::new(&[]).is_empty());
        assert_eq!(Existing::new(&[]).nearest(&middle, 1.0), None);
    }
}
