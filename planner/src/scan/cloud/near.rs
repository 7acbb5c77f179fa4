//! Which points are near: points sorted into the cells of a grid.

use nalgebra::Vector3;
use rayon::prelude::*;

/// Rings of cells looked through at most.
const RINGS: i64 = 6;
/// Bits of a cell's number along an axis; what lies beyond shares the last cell, and is still told apart by its distance.
const BITS: u32 = 10;
const SIDE: i64 = 1 << BITS;

/// Points in cells.
pub(super) struct Near {
    low: Vector3<f64>,
    cell: f64,
    /// Where each row of cells along z begins in the lists below.
    rows: Vec<u32>,
    /// Cell along z, point and its place.
    sorted: Vec<(u16, u32, Vector3<f64>)>,
}

impl Near {
    /// Sorts the points into cells of this width.
    pub fn new(points: &[Vector3<f64>], cell: f64) -> Self {
        let middle = Vector3::from([0, 1, 2].map(|a| {
            let mut some: Vec<f64> = points
                .iter()
                .step_by(points.len() / 1000 + 1)
                .map(|p| p[a])
                .collect();
            super::thin::median(&mut some)
        }));
        let mut near = Self {
            low: middle.add_scalar(-0.5 * SIDE as f64 * cell),
            cell,
            rows: vec![0; (SIDE * SIDE) as usize + 1],
            sorted: Vec::new(),
        };
        let mut order: Vec<u64> = points
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let [x, y, z] = near.key(p).map(|k| k.clamp(0, SIDE - 1) as u64);
                (x << (32 + 2 * BITS)) | (y << (32 + BITS)) | (z << 32) | i as u64
            })
            .collect();
        order.par_sort_unstable();
        for key in &order {
            near.rows[(key >> (32 + BITS)) as usize + 1] += 1;
        }
        for row in 1..near.rows.len() {
            near.rows[row] += near.rows[row - 1];
        }
        near.sorted = order
            .into_iter()
            .map(|key| {
                let i = key as u32;
                let z = (key >> 32) as u16 & (SIDE - 1) as u16;
                (z, i, points[i as usize])
            })
            .collect();
        near
    }

    fn key(&self, p: &Vector3<f64>) -> [i64; 3] {
        // The cast saturates for nonsense.
        let q = (p - self.low) / self.cell;
        [q.x, q.y, q.z].map(|c| c.floor() as i64)
    }

    /// No point nearer than this is ever missed.
    pub const fn reach(&self) -> f64 {
        self.cell * RINGS as f64
    }

    /// Visits every point in so many rings of cells around a place with its squared distance: all within as many widths, and some farther.
    pub fn around(&self, p: &Vector3<f64>, rings: i64, mut visit: impl FnMut(u32, f64)) {
        let key = self.key(p);
        let low = key.map(|k| k.saturating_sub(rings).clamp(0, SIDE - 1));
        let high = key.map(|k| k.saturating_add(rings).clamp(0, SIDE - 1));
        for x in low[0]..=high[0] {
            for y in low[1]..=high[1] {
                let row = (x * SIDE + y) as usize;
                let row = &self.sorted[self.rows[row] as usize..self.rows[row + 1] as usize];
                let start = row.partition_point(|(z, ..)| i64::from(*z) < low[2]);
                for (z, point, at) in &row[start..] {
                    if i64::from(*z) > high[2] {
                        break;
                    }
                    visit(*point, (at - p).norm_squared());
                }
            }
        }
    }

    /// The nearest `count` points around a place with their squared distances, nearest first; fewer only if no more are within reach.
    pub fn nearest(&self, p: &Vector3<f64>, count: usize) -> Vec<(f64, u32)> {
        let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let mut found = Vec::with_capacity(4 * count);
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
        found.sort_unstable_by(order);
        found
    }

    /// The distance to the nearest point and which it is, if it is within reach.
    pub fn first(&self, p: &Vector3<f64>) -> Option<(f64, u32)> {
        self.nearest(p, 1).first().map(|(d, i)| (d.sqrt(), *i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_those_that_all_distances_tell() {
        let mut state = 5u64;
        let mut unit = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut points: Vec<Vector3<f64>> = (0..3000)
            .map(|_| Vector3::new(unit(), unit(), unit()))
            .collect();
        // Far beyond the numbered cells.
        points.push(Vector3::new(9e9, 0.0, -4e7));
        let near = Near::new(&points, 0.05);
        for p in points
            .iter()
            .step_by(97)
            .copied()
            .chain([Vector3::new(0.5, 0.5, 1.05)])
        {
            let mut all: Vec<(f64, u32)> = (0u32..)
                .zip(&points)
                .map(|(i, q)| ((q - p).norm_squared(), i))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            assert_eq!(near.nearest(&p, 20), &all[..20]);
        }
        assert!(near.first(&Vector3::new(3.0, 3.0, 3.0)).is_none());
        assert_eq!(near.first(&points[3000]).map(|f| f.1), Some(3000));
    }
}
