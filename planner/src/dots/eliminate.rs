//! Weighted sample elimination: thinning points out so that what stays is evenly spread.
//!
//! After Yuksel, "Sample elimination for generating Poisson disk sample sets" (2015), with a density that varies from place to place and
//! a number to keep in each zone.

use nalgebra::Vector3;

use super::grid::Grid;
use super::heap::Heap;

/// Exponent of the weight. Source: Yuksel 2015.
const ALPHA: i32 = 8;
/// Bounds of the least distance that still counts as near. Source: Yuksel 2015.
const BETA: f64 = 0.65;
const GAMMA: f64 = 1.5;
/// Points whose skin faces more than about 60° apart are on two sides of a fold, not neighbours: straight distance misleads there.
const SAME_SIDE: f64 = 0.5;

/// A point that may become a dot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub position: Vector3<f64>,
    /// Outward normal of its triangle.
    pub normal: Vector3<f64>,
    pub triangle: u32,
    pub zone: u8,
    /// The density aimed at here with all layers, dots per m².
    pub density: f64,
}

/// The result: what stays, and what went in the order in which it went.
pub(super) struct Thinned {
    pub kept: Vec<u32>,
    pub gone: Vec<u32>,
}

/// Thins `set` (indices into `all`) out to `keep[zone]` points per zone. `fraction` of the full density is aimed at.
pub(super) fn eliminate(
    all: &[Candidate],
    set: &[u32],
    keep: &[u32],
    fraction: f64,
    progress: &dyn Fn(f64),
) -> Thinned {
    let points: Vec<Vector3<f64>> = set.iter().map(|&i| all[i as usize].position).collect();
    // The largest distance at which points of this density can all stand apart.
    let ideal: Vec<f64> = set
        .iter()
        .map(|&i| (2.0 / (3f64.sqrt() * all[i as usize].density * fraction)).sqrt())
        .collect();
    let mut left: Vec<u32> = vec![0; keep.len()];
    set.iter()
        .for_each(|&i| left[all[i as usize].zone as usize] += 1);
    let (have, want): (f64, f64) = (set.len() as f64, keep.iter().map(|&k| f64::from(k)).sum());
    let nearest = (1.0 - (want / have.max(1.0)).powf(GAMMA)) * BETA;
    let neighbours = Neighbours::find(all, set, &points, &ideal, nearest.max(0.0));
    let mut heap = Heap::new(
        (0..set.len())
            .map(|i| neighbours.of(i).map(|(_, w)| w).sum())
            .collect(),
    );
    let mut gone = Vec::with_capacity((have - want).max(0.0) as usize);
    let mut alive = vec![true; set.len()];
    let mut surplus: u64 = left
        .iter()
        .zip(keep)
        .map(|(&l, &k)| u64::from(l.saturating_sub(k)))
        .sum();
    let total = surplus.max(1);
    while surplus > 0 {
        let Some(i) = heap.pop() else { break };
        let zone = all[set[i as usize] as usize].zone as usize;
        if left[zone] <= keep[zone] {
            // Its zone has no surplus left: it stays, and goes on weighing on its neighbours.
            continue;
        }
        left[zone] -= 1;
        surplus -= 1;
        alive[i as usize] = false;
        gone.push(set[i as usize]);
        for (j, weight) in neighbours.of(i as usize) {
            heap.lighten(j, weight);
        }
        if surplus.is_multiple_of(4096) {
            progress(1.0 - surplus as f64 / total as f64);
        }
    }
    let kept = set
        .iter()
        .zip(&alive)
        .filter(|(_, alive)| **alive)
        .map(|(i, _)| *i)
        .collect();
    Thinned { kept, gone }
}

/// For each point its neighbours and the weight each lays on it.
struct Neighbours {
    starts: Vec<u32>,
    others: Vec<u32>,
    weights: Vec<f32>,
}

impl Neighbours {
    fn find(
        all: &[Candidate],
        set: &[u32],
        points: &[Vector3<f64>],
        ideal: &[f64],
        nearest: f64,
    ) -> Self {
        let widest = ideal.iter().copied().fold(0.0, f64::max);
        let smallest = ideal.iter().copied().fold(f64::INFINITY, f64::min);
        let grid = Grid::new(points, smallest.min(widest));
        let mut found = Self {
            starts: Vec::with_capacity(points.len() + 1),
            others: Vec::new(),
            weights: Vec::new(),
        };
        found.starts.push(0);
        for (i, p) in points.iter().enumerate() {
            let here = &all[set[i] as usize];
            // Where the density varies, a pair's ideal distance is the mean of both: nobody looks farther than this.
            let reach = if ideal[i] * 1.7 < widest {
                ideal[i] * 1.35
            } else {
                0.5 * (ideal[i] + widest)
            };
            grid.near(p, reach, |j| {
                let (k, there) = (j as usize, &all[set[j as usize] as usize]);
                let pair = 0.5 * (ideal[i] + ideal[k]);
                let distance = (points[k] - p).norm();
                if k != i
                    && distance < pair
                    && distance < reach
                    && here.normal.dot(&there.normal) > SAME_SIDE
                {
                    let d = (distance / pair).max(nearest);
                    found.others.push(j);
                    found.weights.push((1.0 - d).powi(ALPHA) as f32);
                }
            });
            found.starts.push(found.others.len() as u32);
        }
        found
    }

    fn of(&self, i: usize) -> impl Iterator<Item = (u32, f64)> + '_ {
        let range = self.starts[i] as usize..self.starts[i + 1] as usize;
        self.others[range.clone()]
            .iter()
            .copied()
            .zip(self.weights[range].iter().map(|&w| f64::from(w)))
    }
}
