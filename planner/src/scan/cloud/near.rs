//! Which points are near: points sorted into the cells of a grid.

use nalgebra::Vector3;

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
        sorted.sort_unstable();
        Self {
            points,
            cell,
            sorted,
        }
    }

    /// Visits every point in the 27 cells around a place: all within the cells' width, and some farther.
    pub fn around(&self, p: &Vector3<f64>, mut visit: impl FnMut(u32, f64)) {
        let [x, y, z] = key(p, self.cell);
        for i in -1..=1 {
            for j in -1..=1 {
                // Cells in a row along z stand together.
                let (i, j) = (x.saturating_add(i), y.saturating_add(j));
                let (low, high) = ([i, j, z.saturating_sub(1)], [i, j, z.saturating_add(1)]);
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

    /// The nearest `count` points around a place, nearest first.
    pub fn nearest(&self, p: &Vector3<f64>, count: usize) -> Vec<(f64, u32)> {
        let mut found = Vec::with_capacity(64);
        self.around(p, |i, d| found.push((d, i)));
        let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if found.len() > count {
            found.select_nth_unstable_by(count, order);
            found.truncate(count);
        }
        found.sort_by(order);
        found
    }

    /// The squared distance to the nearest point, if it is within the cells' width.
    pub fn distance_squared(&self, p: &Vector3<f64>) -> Option<f64> {
        let mut least = f64::INFINITY;
        self.around(p, |_, d| least = least.min(d));
        (least <= self.cell * self.cell).then_some(least)
    }
}
