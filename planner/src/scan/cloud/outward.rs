//! Which side of a surface of points is outside: the one from which the room around can be seen.

use nalgebra::Vector3;
use rayon::prelude::*;

/// Cells along the longest side of the room at most.
const CELLS: f64 = 128.0;
/// Cells are at least so many widths of the square a point stands for wide: then hardly any that the surface runs through is empty.
const WIDE: f64 = 2.5;
/// Directions looked in, over the whole sphere.
const DIRECTIONS: u32 = 32;
/// Points that look, at most.
const LOOKING: usize = 60_000;

/// Cells that hold points.
struct Walls {
    low: Vector3<f64>,
    cell: f64,
    cells: [usize; 3],
    full: Vec<bool>,
}

impl Walls {
    fn new(points: &[Vector3<f64>], width: f64) -> Self {
        let start = points.first().copied().unwrap_or_default();
        let (low, high) = points
            .iter()
            .fold((start, start), |(lo, hi), p| (lo.inf(p), hi.sup(p)));
        let size = high - low;
        let cell = (size.max() / CELLS)
            .max(WIDE * width)
            .max(f64::MIN_POSITIVE);
        let cells = [0, 1, 2].map(|a| (size[a] / cell) as usize + 1);
        let mut walls = Self {
            low,
            cell,
            cells,
            full: vec![false; cells.iter().product()],
        };
        for p in points {
            if let Some(i) = walls.index(p) {
                walls.full[i] = true;
            }
        }
        walls
    }

    fn index(&self, p: &Vector3<f64>) -> Option<usize> {
        let q = (p - self.low) / self.cell;
        if (0..3).any(|a| q[a] < 0.0 || q[a] >= self.cells[a] as f64) {
            return None;
        }
        let [x, y, z] = [q.x, q.y, q.z].map(|c| c as usize);
        Some((z * self.cells[1] + y) * self.cells[0] + x)
    }

    /// Whether nothing stands in the way.
    fn free(&self, from: &Vector3<f64>, along: &Vector3<f64>) -> bool {
        let step = along * (0.6 * self.cell);
        // Away from the point's own wall first.
        let mut at = from + along * (2.0 * self.cell);
        while let Some(i) = self.index(&at) {
            if self.full[i] {
                return false;
            }
            at += step;
        }
        true
    }
}

/// For each point how clearly its normal points to where the room can be seen: about 1 on a head's outside, -1 if it points inward, near
/// 0 where hardly anything can be seen. `width`: median width of the square a point stands for.
pub(super) fn votes(points: &[Vector3<f64>], normals: &[Vector3<f64>], width: f64) -> Vec<f64> {
    let walls = Walls::new(points, width);
    let directions: Vec<Vector3<f64>> = (0..DIRECTIONS)
        .map(|k| {
            // A spiral from pole to pole with equal areas.
            let z = 1.0 - 2.0 * (f64::from(k) + 0.5) / f64::from(DIRECTIONS);
            let (r, a) = ((1.0 - z * z).sqrt(), f64::from(k) * 2.399_963_229_728_653);
            Vector3::new(r * a.cos(), r * a.sin(), z)
        })
        .collect();
    let every = points.len() / LOOKING + 1;
    // All free directions of a half sphere add up to a quarter of all.
    let all = f64::from(DIRECTIONS) / 4.0;
    points
        .par_iter()
        .zip(normals)
        .enumerate()
        .map(|(i, (p, n))| {
            if i % every != 0 {
                return 0.0;
            }
            let sum: f64 = directions
                .iter()
                .filter(|d| walls.free(p, d))
                .map(|d| d.dot(n))
                .sum();
            sum / all
        })
        .collect()
}
