//! Which dots are neighbours: those within reach of each other along the skin.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::along::{self, Place};
use super::grid::Grid;

/// Dots searched by one task.
const CHUNK: usize = 1024;

/// For each dot its neighbours. Symmetric, and in the same order on any number of threads.
pub(crate) struct Pairs {
    starts: Vec<u32>,
    others: Vec<u32>,
}

impl Pairs {
    /// Finds the pairs nearer than the mean of their two reaches which `wanted` takes. The two slices are of one length.
    pub fn find(
        places: &[Place],
        reach: &[f64],
        wanted: impl Fn(usize, usize) -> bool + Sync,
    ) -> Self {
        let mean = reach.iter().sum::<f64>() / reach.len().max(1) as f64;
        let points: Vec<Vector3<f64>> = places.iter().map(|p| p.point).collect();
        let grid = Grid::new(&points, 1.5 * mean);
        let found: Vec<Vec<[u32; 2]>> = (0..points.len().div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let mut pairs = Vec::new();
                for i in chunk * CHUNK..((chunk + 1) * CHUNK).min(points.len()) {
                    // The one that reaches farther finds the other, so nobody looks farther than its own reach.
                    grid.near(&points[i], reach[i], |j| {
                        let k = j as usize;
                        let first = reach[k] < reach[i] || (reach[k] == reach[i] && i < k);
                        let pair = 0.5 * (reach[i] + reach[k]);
                        if first
                            && (points[k] - points[i]).norm_squared() < pair * pair
                            && wanted(i, k)
                            && along::distance(&places[i], &places[k]) < pair
                        {
                            pairs.push([i as u32, j]);
                        }
                    });
                }
                pairs
            })
            .collect();
        Self::both_ways(points.len(), &found)
    }

    fn both_ways(count: usize, found: &[Vec<[u32; 2]>]) -> Self {
        let mut starts = vec![0u32; count + 1];
        for &[i, j] in found.iter().flatten() {
            starts[i as usize + 1] += 1;
            starts[j as usize + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut others = vec![0u32; starts[count] as usize];
        for &[i, j] in found.iter().flatten() {
            for (a, b) in [(i, j), (j, i)] {
                others[next[a as usize] as usize] = b;
                next[a as usize] += 1;
            }
        }
        Self { starts, others }
    }

    /// The neighbours of one dot.
    pub fn of(&self, i: usize) -> &[u32] {
        &self.others[self.starts[i] as usize..self.starts[i + 1] as usize]
    }

    /// How many pairs.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.others.len() / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_full_search_finds_and_nothing_behind_a_fold() {
        let hash = |i: u64, k: u64| {
            let mut z = (i * 3 + k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        let n = 3000u64;
        let places: Vec<Place> = (0..n)
            .map(|i| Place {
                point: Vector3::new(hash(i, 0), hash(i, 1), 0.02 * hash(i, 2)),
                normal: Vector3::z() * if hash(i, 2) > 0.5 { 1.0 } else { -1.0 },
            })
            .collect();
        // Reaches that vary sixfold.
        let reach: Vec<f64> = places.iter().map(|p| 0.01 + 0.05 * p.point.x).collect();
        let pairs = Pairs::find(&places, &reach, |i, j| (i + j) % 5 != 0);
        let mut count = 0;
        for i in 0..n as usize {
            let mut wanted: Vec<u32> = (0..n as usize)
                .filter(|&j| {
                    j != i
                        && along::distance(&places[i], &places[j]) < 0.5 * (reach[i] + reach[j])
                        && places[i].normal == places[j].normal
                        && (i + j) % 5 != 0
                })
                .map(|j| j as u32)
                .collect();
            let mut found = pairs.of(i).to_vec();
            found.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(found, wanted);
            count += found.len();
        }
        assert_eq!(pairs.len() * 2, count);
        assert!(count > 1000);
    }
}
