//! Thins a cloud out, measures how far its points are apart at each place, and frees it from strays.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::super::error::ScanError;
use super::super::topology::Sets;
use super::near::Near;
use super::outward::{self, Seen};

/// The most points that are used; more are thinned to one in each cube. Source: a head of 1400 cm² has them 0.5 mm apart then, one with
/// shoulders of 3400 cm² 0.8 mm, both finer than the finest grid.
pub(super) const MOST_POINTS: usize = 500_000;
/// Points are always thinned to one in each cube of this share of the cloud's length: no place can hold so many that looking for
/// neighbours takes long. Source: 0.25 mm on a head of 250 mm, a fifth of the finest grid's cell.
const THINNED: f64 = 1.0 / 1000.0;
/// A separate cluster with at most this share of the points is dropped. Source: this project's own.
pub(super) const STRAY_SHARE: f64 = 0.02;
/// Neighbours that the points' distance is measured with.
pub(super) const MEASURED: usize = 16;
/// Neighbours that hang together.
const LINKED: usize = 8;
/// Empty places larger than this are expected in one of a thousand clouds scattered at random: they are not for want of points.
const BY_CHANCE: f64 = 1e-3;

/// A cloud that was thinned out and freed from stray points.
pub(in crate::scan) struct Thinned {
    /// Points, file units.
    pub points: Vec<Vector3<f64>>,
    /// Normals of unit length, if the file has usable ones.
    pub(super) normals: Option<Vec<Vector3<f64>>>,
    /// For each point the width of the square it stands for, from the densest quarter of its neighbours, so that a point at an edge counts
    /// like those farther in.
    pub(super) scale: Vec<f64>,
    /// The same from its own neighbours alone: larger at an edge, and not smaller where dense points border on sparse ones.
    pub(super) own: Vec<f64>,
    /// The median of `scale`.
    pub(super) width: f64,
    /// Median distance of a point to the nearest other.
    pub(super) spacing: f64,
    pub(super) in_file: usize,
    pub(super) strays: usize,
    /// For each point where it sees the room around, see [`Seen::free`].
    pub(super) free: Vec<Vector3<f64>>,
    /// Points dropped because nothing can be seen from them. What closes them off is skin, not a hole.
    pub(super) hidden: Vec<Vector3<f64>>,
    /// Whether there were more points than are used.
    pub(super) reduced: bool,
}

/// Thins a cloud out. Needs no unit: all is in proportion to the cloud's own size.
pub(in crate::scan) fn thin(
    points: &[Vector3<f64>],
    normals: Option<&[Vector3<f64>]>,
) -> Result<Thinned, ScanError> {
    if let Some((vertex, v)) = points
        .iter()
        .enumerate()
        .find(|(_, v)| !v.iter().all(|c| c.is_finite()))
    {
        return Err(ScanError::not_finite(vertex, v));
    }
    let in_file = points.len();
    let (low, size) = core(points);
    let length = size.max();
    if !(length > 0.0 && length.is_finite()) {
        return Err(ScanError::NoFaces { vertices: in_file });
    }
    let mut width = length * THINNED;
    let mut order = cubes(points, &low, width);
    let mut count = order.chunk_by(|a, b| a.0 == b.0).count();
    let reduced = count > MOST_POINTS;
    while count > MOST_POINTS {
        // On a surface the count goes with the square; the last step is a little too wide rather than one more.
        width *= 1.02 * (count as f64 / MOST_POINTS as f64).sqrt();
        order = cubes(points, &low, width);
        count = order.chunk_by(|a, b| a.0 == b.0).count();
    }
    let normals = normals.filter(|n| usable(n));
    let kept = means(points, &order);
    let kept_normals = normals
        .map(|n| means(n, &order))
        .and_then(|list| list.iter().map(|n| n.try_normalize(1e-9)).collect());
    drop(order);
    // Twice the mean distance if the points lay evenly on a ball: a start for looking for neighbours.
    let start = (2.0 * length * (2.5 / kept.len() as f64).sqrt()).max(2.0 * width);
    let Scales { around, scale, own } = scales(&kept, start);
    let keep = clusters(&around, &scale);
    let mut nearest: Vec<f64> = around
        .iter()
        .zip(&keep)
        .filter(|(_, keep)| **keep)
        .map(|(around, _)| f64::from(around[0].0))
        .filter(|d| d.is_finite())
        .collect();
    let spacing = median(&mut nearest);
    let strays = keep.iter().filter(|k| !**k).count();
    let mut cloud = Thinned {
        points: kept,
        normals: kept_normals,
        width: 0.0,
        scale,
        own,
        spacing,
        in_file,
        strays,
        free: Vec::new(),
        hidden: Vec::new(),
        reduced,
    };
    cloud.retain(&keep);
    cloud.width = median(&mut cloud.scale.clone());
    let Seen { free, hidden } = outward::look(&cloud.points, cloud.width);
    cloud.free = free;
    cloud.hidden = cloud.points.clone();
    retain(&mut cloud.hidden, &hidden);
    let keep: Vec<bool> = hidden.iter().map(|h| !h).collect();
    cloud.retain(&keep);
    Ok(cloud)
}

impl Thinned {
    fn retain(&mut self, keep: &[bool]) {
        retain(&mut self.points, keep);
        retain(&mut self.scale, keep);
        retain(&mut self.own, keep);
        retain(&mut self.free, keep);
        if let Some(normals) = &mut self.normals {
            retain(normals, keep);
        }
    }

    /// How far from any point, in widths of the square a point stands for, a place can be by chance alone: were the points scattered at
    /// random, an empty disc of this radius would be somewhere in one of a thousand such clouds.
    pub(super) fn gap(&self) -> f64 {
        gap(self.points.len())
    }
}

/// See [`Thinned::gap`].
fn gap(points: usize) -> f64 {
    // A disc of radius g widths is empty with probability exp(-π g²).
    ((points.max(2) as f64 / BY_CHANCE).ln() / std::f64::consts::PI).sqrt()
}

/// The middle of a list; zero of none.
pub(super) fn median(list: &mut [f64]) -> f64 {
    let middle = list.len() / 2;
    if list.is_empty() {
        return 0.0;
    }
    *list.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn retain<T>(list: &mut Vec<T>, keep: &[bool]) {
    let mut flags = keep.iter();
    list.retain(|_| flags.next().copied().unwrap_or(true));
}

/// Where most points begin and how far they reach: 1% at either end of each axis is left out, so that strays do not count.
fn core(points: &[Vector3<f64>]) -> (Vector3<f64>, Vector3<f64>) {
    let (mut low, mut size) = (Vector3::zeros(), Vector3::zeros());
    if points.is_empty() {
        return (low, size);
    }
    for axis in 0..3 {
        let mut along: Vec<f64> = points.iter().map(|p| p[axis]).collect();
        let cut = along.len() / 100;
        let at =
            |along: &mut Vec<f64>, i: usize| *along.select_nth_unstable_by(i, f64::total_cmp).1;
        low[axis] = at(&mut along, cut);
        let last = along.len() - 1 - cut;
        size[axis] = at(&mut along, last) - low[axis];
    }
    (low, size)
}

fn usable(normals: &[Vector3<f64>]) -> bool {
    normals
        .iter()
        .all(|n| n.iter().all(|c| c.is_finite()) && n.norm() > 1e-6)
}

/// The cube each point lies in and its number, sorted. 21 bits an axis: what is farther than a thousand lengths shares the last cube.
fn cubes(points: &[Vector3<f64>], low: &Vector3<f64>, width: f64) -> Vec<(u64, u32)> {
    const HALF: f64 = (1u64 << 20) as f64;
    let mut order: Vec<(u64, u32)> = (0u32..)
        .zip(points)
        .map(|(i, p)| {
            let q = (p - low) / width;
            let key = q.iter().fold(0, |key, c| {
                (key << 21) | (c.floor().clamp(-HALF, HALF - 1.0) + HALF) as u64
            });
            (key, i)
        })
        .collect();
    order.par_sort_unstable();
    order
}

/// The mean of each cube.
fn means(list: &[Vector3<f64>], order: &[(u64, u32)]) -> Vec<Vector3<f64>> {
    order
        .chunk_by(|a, b| a.0 == b.0)
        .map(|cube| {
            let sum: Vector3<f64> = cube.iter().map(|(_, i)| list[*i as usize]).sum();
            sum / cube.len() as f64
        })
        .collect()
}

/// The distance and number of a point's neighbours; infinite where there are none.
type Around = [(f32, u32); MEASURED];

/// Neighbours and distances of all points.
struct Scales {
    /// The nearest other points.
    around: Vec<Around>,
    /// See [`Thinned`].
    scale: Vec<f64>,
    own: Vec<f64>,
}

fn scales(points: &[Vector3<f64>], cell: f64) -> Scales {
    let near = Near::new(points, cell);
    let mut widths = vec![0.0; points.len()];
    let mut around: Vec<Around> = vec![[(f32::INFINITY, 0); MEASURED]; points.len()];
    widths
        .par_iter_mut()
        .zip(&mut around)
        .zip(points)
        .for_each(|((width, around), p)| {
            let found = near.nearest(p, MEASURED + 1);
            // So many points on a disc up to the last of them.
            *width = found.last().map_or(0.0, |(d, _)| {
                (d * std::f64::consts::PI / (found.len() - 1).max(1) as f64).sqrt()
            });
            // The point itself comes first.
            for (place, (d, i)) in around.iter_mut().zip(found.iter().skip(1)) {
                *place = (d.sqrt() as f32, *i);
            }
        });
    let scale = around
        .par_iter()
        .zip(&widths)
        .map(|(around, own)| {
            let others = around.iter().filter(|(d, _)| d.is_finite());
            let mut all: Vec<f64> = others.map(|(_, j)| widths[*j as usize]).collect();
            all.push(*own);
            let quarter = all.len() / 4;
            *all.select_nth_unstable_by(quarter, f64::total_cmp).1
        })
        .collect();
    Scales {
        around,
        scale,
        own: widths,
    }
}

/// Which points belong to a cluster of some size.
fn clusters(around: &[Around], scale: &[f64]) -> Vec<bool> {
    let gap = gap(scale.len());
    let mut sets = Sets::new(scale.len());
    for (i, own) in (0u32..).zip(around) {
        for (d, j) in own.iter().take(LINKED) {
            let scale = scale[i as usize].max(scale[*j as usize]);
            if f64::from(*d) <= gap * scale {
                sets.join(i, *j);
            }
        }
    }
    let roots: Vec<u32> = (0u32..).take(scale.len()).map(|i| sets.find(i)).collect();
    let mut sizes = vec![0usize; scale.len()];
    roots.iter().for_each(|r| sizes[*r as usize] += 1);
    let least = (scale.len() as f64 * STRAY_SHARE) as usize;
    roots.iter().map(|r| sizes[*r as usize] > least).collect()
}
