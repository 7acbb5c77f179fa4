//! Which side of a surface of points is outside: the one from which the room around can be seen.

use nalgebra::Vector3;
use rayon::prelude::*;

/// Cells along the longest side of the room at most.
const CELLS: f64 = 160.0;
/// Cells are at least so many widths of the square a point stands for wide: then hardly any that the surface runs through is empty.
const WIDE: f64 = 2.5;
/// Directions looked in, over the whole sphere.
const DIRECTIONS: u32 = 32;
/// Of the directions so many may be free, by leaks between points and the widest crevice, where still nothing is seen.
const DARK: f64 = 1.5;
/// Cells between places looked at along a direction, and how many a wall of its own may hide at most.
const STEP: f64 = 0.5;
const THICK: f64 = 2.0;
/// Hidden points are only told as such if they are at most this share: else the head itself may stand behind something.
const FEW: f64 = 0.3;

/// The room around the points in cells, those that hold points in order.
struct Room {
    low: Vector3<f64>,
    cell: f64,
    cells: [i64; 3],
    /// The number among those that hold points.
    full: Vec<u32>,
    /// A bit for each cell that holds points: what directions run through fits the processor's cache.
    walls: Vec<u64>,
    /// The middle of each one's points.
    middles: Vec<Vector3<f64>>,
}

const EMPTY: u32 = u32::MAX;

impl Room {
    fn new(points: &[Vector3<f64>], width: f64) -> Self {
        let start = points.first().copied().unwrap_or_default();
        let (low, high) = points
            .iter()
            .fold((start, start), |(lo, hi), p| (lo.inf(p), hi.sup(p)));
        let size = high - low;
        let cell = (size.max() / CELLS)
            .max(WIDE * width)
            .max(f64::MIN_POSITIVE);
        let cells = [0, 1, 2].map(|a| (size[a] / cell) as i64 + 1);
        let count = cells.iter().product::<i64>() as usize;
        let mut room = Self {
            low,
            cell,
            cells,
            full: vec![EMPTY; count],
            walls: vec![0; count / 64 + 1],
            middles: Vec::new(),
        };
        let mut counts: Vec<f64> = Vec::new();
        for p in points {
            let Some(i) = room.index(room.at(p)) else {
                continue;
            };
            if room.full[i] == EMPTY {
                room.full[i] = counts.len() as u32;
                room.walls[i / 64] |= 1 << (i % 64);
                room.middles.push(Vector3::zeros());
                counts.push(0.0);
            }
            room.middles[room.full[i] as usize] += p;
            counts[room.full[i] as usize] += 1.0;
        }
        room.middles
            .iter_mut()
            .zip(counts)
            .for_each(|(m, c)| *m /= c);
        room
    }

    fn at(&self, p: &Vector3<f64>) -> [i64; 3] {
        let q = (p - self.low) / self.cell;
        [q.x, q.y, q.z].map(|c| c.floor() as i64)
    }

    fn index(&self, at: [i64; 3]) -> Option<usize> {
        let inside = (0..3).all(|a| (0..self.cells[a]).contains(&at[a]));
        inside.then(|| ((at[2] * self.cells[1] + at[1]) * self.cells[0] + at[0]) as usize)
    }

    fn number(&self, p: &Vector3<f64>) -> Option<usize> {
        self.index(self.at(p))
            .map(|i| self.full[i])
            .filter(|n| *n != EMPTY)
            .map(|n| n as usize)
    }

    /// Whether nothing stands in the way, past the wall the place itself is on.
    fn free(&self, from: &Vector3<f64>, along: &Vector3<f64>) -> bool {
        // In cells.
        let (mut at, step) = ((from - self.low) / self.cell, along * STEP);
        let ends = self.cells.map(|c| c as f64);
        let (mut walked, mut own) = (0.0, true);
        while (0..3).all(|a| at[a] >= 0.0 && at[a] < ends[a]) {
            // Not negative: the cast is the floor.
            let [x, y, z] = [at.x, at.y, at.z].map(|c| c as usize);
            let i = (z * self.cells[1] as usize + y) * self.cells[0] as usize + x;
            let full = self.walls[i / 64] >> (i % 64) & 1 == 1;
            own &= full && walked <= THICK;
            if full && !own {
                return false;
            }
            at += step;
            walked += STEP;
        }
        true
    }

    /// The mean number of directions that the cells around a place see.
    fn mean_around(&self, p: &Vector3<f64>, seen: &[(Vector3<f64>, u32)]) -> f64 {
        let [x, y, z] = self.at(p);
        let (mut sum, mut count) = (0, 0);
        for k in 0..27 {
            let next = [x + k % 3 - 1, y + k / 3 % 3 - 1, z + k / 9 - 1];
            let number = self.index(next).map(|i| self.full[i]);
            if let Some(n) = number.filter(|n| *n != EMPTY) {
                sum += seen[n as usize].1;
                count += 1;
            }
        }
        f64::from(sum) / f64::from(count.max(1))
    }
}

/// What can be seen from the points.
pub(super) struct Seen {
    /// For each point the sum of all free directions; of length 1 on a ball's outside, near 0 where hardly anything can be seen.
    pub free: Vec<Vector3<f64>>,
    /// Whether nothing can be seen from the point and its surroundings: the inside of a mouth, the back of an eye.
    pub hidden: Vec<bool>,
}

/// Looks around from the points. `width`: median width of the square a point stands for.
pub(super) fn look(points: &[Vector3<f64>], width: f64) -> Seen {
    let room = Room::new(points, width);
    let directions: Vec<Vector3<f64>> = (0..DIRECTIONS)
        .map(|k| {
            // A spiral from pole to pole with equal areas.
            let z = 1.0 - 2.0 * (f64::from(k) + 0.5) / f64::from(DIRECTIONS);
            let (r, a) = ((1.0 - z * z).sqrt(), f64::from(k) * 2.399_963_229_728_653);
            Vector3::new(r * a.cos(), r * a.sin(), z)
        })
        .collect();
    // All directions of a half sphere add up to a quarter of their number.
    let all = f64::from(DIRECTIONS) / 4.0;
    let seen: Vec<(Vector3<f64>, u32)> = room
        .middles
        .par_iter()
        .map(|p| {
            let free = directions.iter().filter(|d| room.free(p, d));
            let (sum, count) = free.fold((Vector3::zeros(), 0), |(s, n), d| (s + d, n + 1));
            (sum / all, count)
        })
        .collect();
    let dark: Vec<bool> = room
        .middles
        .par_iter()
        .zip(&seen)
        .map(|(p, (_, own))| f64::from(*own) <= DARK && room.mean_around(p, &seen) <= DARK)
        .collect();
    let of = |p: &Vector3<f64>| room.number(p);
    let free = points
        .iter()
        .map(|p| of(p).map_or_else(Vector3::zeros, |n| seen[n].0))
        .collect();
    let mut hidden: Vec<bool> = points
        .iter()
        .map(|p| of(p).is_some_and(|n| dark[n]))
        .collect();
    let count = hidden.iter().filter(|h| **h).count();
    if count as f64 > FEW * points.len() as f64 {
        hidden.fill(false);
    }
    Seen { free, hidden }
}
