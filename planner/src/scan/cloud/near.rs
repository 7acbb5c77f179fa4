//! Which points are near: points sorted into the cells of a grid.

use nalgebra::Vector3;
use rayon::prelude::*;

/// Rings of cells looked through at most.
const RINGS: i64 = 6;

/// Points in cells.
pub(super) struct Near<'a> {
    points: &'a [Vector3<f64>],
    cell: f64,
    /// Cell and point, sorted.
    sorted: Vec<([i64; 3], u32)>,
}

fn key(p: &Vector3<f64>, cell: f64) -> [i64; 3] {
    // The cast saturates for nonsense.
    [p.x, p.y, p.z].map(|c| (c / cell).floor() as i64)
}

impl<'a> Near<'a> {
    /// Sorts the points into cells of this width.
    pub fn new(points: &'a [Vector3<f64>], cell: f64) -> Self {
        let mut sorted: Vec<_> = (0u32..)
            .zip(points)
            .map(|(i, p)| (key(p, cell), i))
            .collect();
        sorted.par_sort_unstable();
        Self {
            points,
            cell,
            sorted,
        }
    }

    /// No point nearer than this is ever missed.
    pub const fn reach(&self) -> f64 {
        self.cell * RINGS as f64
    }

    /// Visits every point in so many rings of cells around a place: all within as many widths, and some farther.
    pub fn around(&self, p: &Vector3<f64>, rings: i64, mut visit: impl FnMut(u32, f64)) {
        let [x, y, z] = key(p, self.cell);
        for i in -rings..=rings {
            for j in -rings..=rings {
                // Cells in a row along z stand together.
                let (i, j) = (x.saturating_add(i), y.saturating_add(j));
                let (low, high) = (
                    [i, j, z.saturating_sub(rings)],
                    [i, j, z.saturating_add(rings)],
                );
                let start = self.sorted.partition_point(|(k, _)| *k < low);
                for (k, point) in &self.sorted[start..] {
                    if *k > high {
                        break;
                    }
                    visit(*point, (self.points[*point as usize] - p).norm_squared());
                }
            }
        }
    }

    /// The nearest `count` points around a place with their squared distances, nearest first; fewer only if no more are within reach.
    pub fn nearest(&self, p: &Vector3<f64>, count: usize) -> Vec<(f64, u32)> {
        let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let mut found = Vec::with_capacity(64);
        for rings in 1..=RINGS {
            found.clear();
            self.around(p, rings, |i, d| found.push((d, i)));
            if found.len() >= count {
                if found.len() > count {
                    found.select_nth_unstable_by(count, order);
                    found.truncate(count);
                }
                // What is nearer than the outermost ring's far side cannot be missed.
                let sure = self.cell * rings as f64;
                if found.iter().all(|(d, _)| *d <= sure * sure) {
                    break;
                }
            }
        }
        found.sort_by(order);
        found
    }

    /// The distance to the nearest point and which it is, if it is within reach.
    pub fn first(&self, p: &Vector3<f64>) -> Option<(f64, u32)> {
        self.nearest(p, 1).first().map(|(d, i)| (d.sqrt(), *i))
    }
}
