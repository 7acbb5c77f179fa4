//! Points sorted into cubes, to find those near a place.

use nalgebra::Vector3;

/// Points in cubes of one edge length; a query looks at the cubes around a place.
pub(crate) struct Grid {
    low: Vector3<f64>,
    edge: f64,
    size: [usize; 3],
    /// For each cube, where its points start in `order`; one more at the end.
    starts: Vec<u32>,
    order: Vec<u32>,
}

/// The most cubes: beyond it the edge is made longer, so memory is bounded whatever the radius.
const MOST_CUBES: f64 = 4e6;

impl Grid {
    /// Sorts points into cubes of about `radius`.
    pub fn new(points: &[Vector3<f64>], radius: f64) -> Self {
        let start = points.first().copied().unwrap_or_default();
        let (low, high) = points
            .iter()
            .fold((start, start), |(lo, hi), p| (lo.inf(p), hi.sup(p)));
        let extent = (high - low).add_scalar(1e-9);
        let least = (extent.x * extent.y * extent.z / MOST_CUBES)
            .cbrt()
            .max(extent.max() / 1e4);
        let edge = radius.max(least);
        let size = [extent.x, extent.y, extent.z].map(|e| (e / edge).floor() as usize + 1);
        let mut grid = Self {
            low,
            edge,
            size,
            starts: vec![0; size.iter().product::<usize>() + 1],
            order: vec![0; points.len()],
        };
        let cubes: Vec<usize> = points.iter().map(|p| grid.flat(grid.cube(p))).collect();
        for &c in &cubes {
            grid.starts[c + 1] += 1;
        }
        for c in 1..grid.starts.len() {
            grid.starts[c] += grid.starts[c - 1];
        }
        let mut next = grid.starts.clone();
        for (i, &c) in (0u32..).zip(&cubes) {
            grid.order[next[c] as usize] = i;
            next[c] += 1;
        }
        grid
    }

    fn cube(&self, p: &Vector3<f64>) -> [usize; 3] {
        let q = (p - self.low) / self.edge;
        // Casts saturate: a place outside counts to the cube nearest to it.
        let cube = |c: f64, n: usize| (c.max(0.0) as usize).min(n - 1);
        [
            cube(q.x, self.size[0]),
            cube(q.y, self.size[1]),
            cube(q.z, self.size[2]),
        ]
    }

    const fn flat(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.size[1] + y) * self.size[0] + x
    }

    /// Calls `visit` with every point that may be within `radius` of `p`, in a fixed order; the caller measures.
    pub fn near(&self, p: &Vector3<f64>, radius: f64, mut visit: impl FnMut(u32)) {
        let low = self.cube(&p.add_scalar(-radius));
        let high = self.cube(&p.add_scalar(radius));
        for z in low[2]..=high[2] {
            for y in low[1]..=high[1] {
                let row = self.flat([0, y, z]);
                let (from, to) = (self.starts[row + low[0]], self.starts[row + high[0] + 1]);
                self.order[from as usize..to as usize]
                    .iter()
                    .for_each(|&i| visit(i));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_full_search_finds() {
        let points: Vec<Vector3<f64>> = (0..500)
            .map(|i| {
                Vector3::new(
                    f64::from(i * 37 % 101),
                    f64::from(i * 53 % 89),
                    f64::from(i * 11 % 7),
                ) * 0.01
            })
            .collect();
        let grid = Grid::new(&points, 0.05);
        for p in points.iter().step_by(29) {
            for radius in [0.01, 0.05, 0.13] {
                let mut found = Vec::new();
                grid.near(p, radius, |i| {
                    if (points[i as usize] - p).norm() <= radius {
                        found.push(i);
                    }
                });
                found.sort_unstable();
                let wanted: Vec<u32> = (0u32..)
                    .zip(&points)
                    .filter(|(_, q)| (*q - p).norm() <= radius)
                    .map(|(i, _)| i)
                    .collect();
                assert_eq!(found, wanted);
            }
        }
    }
}
