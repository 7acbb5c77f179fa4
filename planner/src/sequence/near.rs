//! Who stands near whom.

use nalgebra::Vector3;

use super::improve::Cost;

/// Neighbours considered for an exchange. Source: own measurement; 10 gain nothing and cost a fifth more.
pub(super) const NEIGHBOURS: usize = 8;

/// Cells of a size that holds a few points each, as one array in the order of the cells.
pub(super) struct Grid {
    low: Vector3<f64>,
    edge: f64,
    size: [usize; 3],
    /// Where each cell's points begin in `points`; one more at the end.
    begins: Vec<u32>,
    /// How many of each cell's points are left.
    left: Vec<u32>,
    points: Vec<u32>,
}

/// The most cells along one axis: those of a head's surface are then far below the limit, and far clusters still find each other.
const MOST_CELLS: f64 = 96.0;

/// The most points told within a radius. Source: own; dots coincide by mistake only, and a list for each must not grow with their square.
const MOST_WITHIN: usize = 256;

impl Grid {
    pub(super) fn new(points: &[Vector3<f64>]) -> Self {
        let first = points.first().copied().unwrap_or_default();
        let (low, high) = points
            .iter()
            .fold((first, first), |(l, h), p| (l.inf(p), h.sup(p)));
        // Points lie on a surface: about two of them a cell.
        let extent = (high - low).amax().max(1e-6);
        let edge = (extent / (points.len() as f64 / 2.0).sqrt().max(1.0)).max(extent / MOST_CELLS);
        let size = [0, 1, 2].map(|k| ((high[k] - low[k]) / edge) as usize + 1);
        let mut grid = Self {
            low,
            edge,
            size,
            begins: vec![0; size[0] * size[1] * size[2] + 1],
            left: Vec::new(),
            points: vec![0; points.len()],
        };
        let cells: Vec<usize> = points.iter().map(|p| grid.cell(&grid.at(p))).collect();
        for &cell in &cells {
            grid.begins[cell + 1] += 1;
        }
        for i in 1..grid.begins.len() {
            grid.begins[i] += grid.begins[i - 1];
        }
        grid.left = vec![0; grid.begins.len() - 1];
        for (i, &cell) in (0u32..).zip(&cells) {
            let at = grid.begins[cell] + grid.left[cell];
            grid.points[at as usize] = i;
            grid.left[cell] += 1;
        }
        grid
    }

    fn at(&self, p: &Vector3<f64>) -> [usize; 3] {
        [0, 1, 2]
            .map(|k| (((p[k] - self.low[k]) / self.edge).max(0.0) as usize).min(self.size[k] - 1))
    }

    fn cell(&self, at: &[usize; 3]) -> usize {
        (at[0] * self.size[1] + at[1]) * self.size[2] + at[2]
    }

    /// Takes a point out.
    pub(super) fn remove(&mut self, point: u32, p: &Vector3<f64>) {
        let cell = self.cell(&self.at(p));
        let begin = self.begins[cell] as usize;
        let last = begin + self.left[cell] as usize;
        if let Some(found) = self.points[begin..last].iter().position(|&j| j == point) {
            self.points.swap(begin + found, last - 1);
            self.left[cell] -= 1;
        }
    }

    /// All points in cells exactly `ring` cells away.
    fn ring(&self, at: &[usize; 3], ring: usize, visit: &mut impl FnMut(u32)) {
        let range = |k: usize| at[k].saturating_sub(ring)..=(at[k] + ring).min(self.size[k] - 1);
        for x in range(0) {
            for y in range(1) {
                let mut look = |z: usize| {
                    let cell = self.cell(&[x, y, z]);
                    let begin = self.begins[cell] as usize;
                    let points = &self.points[begin..begin + self.left[cell] as usize];
                    points.iter().copied().for_each(&mut *visit);
                };
                if x.abs_diff(at[0]) == ring || y.abs_diff(at[1]) == ring {
                    range(2).for_each(look);
                } else {
                    if at[2] >= ring {
                        look(at[2] - ring);
                    }
                    if ring > 0 && at[2] + ring < self.size[2] {
                        look(at[2] + ring);
                    }
                }
            }
        }
    }

    /// Rings until nothing is left to find.
    fn rings(&self, at: &[usize; 3]) -> usize {
        let farthest = |k: usize| at[k].max(self.size[k] - 1 - at[k]);
        (0..3).map(farthest).max().unwrap_or(0)
    }

    /// The points nearer to `p` than `radius` but for the one called `but`, at most [`MOST_WITHIN`].
    pub(super) fn within(
        &self,
        p: &Vector3<f64>,
        points: &[Vector3<f64>],
        radius: f64,
        but: u32,
    ) -> Vec<u32> {
        let at = self.at(p);
        let mut found = Vec::new();
        let rings = ((radius / self.edge).ceil() as usize).min(self.rings(&at));
        for ring in 0..=rings {
            self.ring(&at, ring, &mut |j| {
                let near = j != but && (points[j as usize] - p).norm() < radius;
                if near && found.len() < MOST_WITHIN {
                    found.push(j);
                }
            });
        }
        found
    }

    /// The `most` points nearest to `p` for which `wanted` holds, nearest first, with their distances; of equal ones the lower number.
    pub(super) fn nearest(
        &self,
        p: &Vector3<f64>,
        points: &[Vector3<f64>],
        most: usize,
        wanted: impl Fn(u32) -> bool,
        found: &mut Vec<(f64, u32)>,
    ) {
        found.clear();
        let at = self.at(p);
        for ring in 0..=self.rings(&at) {
            // A ring further out holds nothing nearer than (ring - 1) edges, wherever in its cell the point is.
            let bound = ring.saturating_sub(1) as f64 * self.edge;
            if found.len() >= most && found[most - 1].0 <= bound {
                break;
            }
            self.ring(&at, ring, &mut |j| {
                let entry = ((points[j as usize] - p).norm(), j);
                let full = found.len() >= most;
                if (full && entry >= found[most - 1]) || !wanted(j) {
                    return;
                }
                if full {
                    found.pop();
                }
                let place = found.partition_point(|f| *f < entry);
                found.insert(place, entry);
            });
        }
    }
}

/// For each dot its nearest others, cheapest to reach first.
pub(super) struct Neighbours {
    lists: Vec<[(u32, f64); NEIGHBOURS]>,
}

/// Fills a list where there are fewer neighbours.
const NOBODY: (u32, f64) = (u32::MAX, f64::INFINITY);

impl Neighbours {
    pub(super) fn new(points: &[Vector3<f64>], grid: &Grid, cost: &impl Cost) -> Self {
        let mut found = Vec::with_capacity(NEIGHBOURS + 1);
        let of = |(i, p): (u32, &Vector3<f64>)| {
            grid.nearest(p, points, NEIGHBOURS, |j| j != i, &mut found);
            let mut list = [NOBODY; NEIGHBOURS];
            for (entry, &(_, j)) in list.iter_mut().zip(&found) {
                *entry = (j, cost.between(i, j));
            }
            list.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            list
        };
        Self {
            lists: (0u32..).zip(points).map(of).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lists.len()
    }

    #[inline]
    pub(super) fn of(&self, dot: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        let list = self.lists[dot as usize].iter().copied();
        list.take_while(|n| n.0 != u32::MAX)
    }
}

/// Always to the nearest dot not yet visited, from `start` on.
pub(super) fn greedy(points: &[Vector3<f64>], mut grid: Grid, start: u32) -> Vec<u32> {
    let mut tour = Vec::with_capacity(points.len());
    let mut found = Vec::new();
    let mut at = start;
    loop {
        tour.push(at);
        let here = points[at as usize];
        grid.remove(at, &here);
        grid.nearest(&here, points, 1, |_| true, &mut found);
        match found.first() {
            Some(&(_, next)) => at = next,
            None => return tour,
        }
    }
}
