//! Pieces of scalp that are finished one after the other, so that whenever work breaks off what is done is compact.

use std::collections::{BTreeMap, BTreeSet};

use nalgebra::Vector3;
use stipple_model::units::Area;

use super::Visit;

/// Edge of the cubes by which area is measured, metres: wider than dots of a sparse shade stand apart.
const CUBE: f64 = 10e-3;
/// Cubes that a surface crosses per area of one cube's side, on average over its directions: |nx| + |ny| + |nz| is 1.5 on average.
const CUBES_PER_SIDE: f64 = 1.5;
/// Rounds of moving the middles. Source: own; pieces hardly change after ten.
const ROUNDS: usize = 12;
/// A piece with fewer dots than this share of the least joins another. Source: own.
const CRUMB: f64 = 0.25;

/// The size of pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// About this much skin.
    pub area: Area,
    /// And about this many dots at least.
    pub dots: u32,
}

/// Which piece each of some visits belongs to; none reaches over two regions, and a zone is divided by itself where it is large enough.
pub(super) fn divide(visits: &[&Visit], size: Size) -> Vec<u32> {
    let mut kinds: BTreeMap<(u16, u8), Vec<u32>> = BTreeMap::new();
    for (i, visit) in (0u32..).zip(visits) {
        kinds.entry((visit.region, visit.zone)).or_default().push(i);
    }
    let mut pieces: Vec<Vec<u32>> = Vec::new();
    for members in kinds.values() {
        let points: Vec<_> = members
            .iter()
            .map(|&i| visits[i as usize].position.raw())
            .collect();
        let count = pieces_of(&points, size);
        let labels = compact(&points, count);
        let mut parts = vec![Vec::new(); count];
        for (&i, label) in members.iter().zip(labels) {
            parts[label].push(i);
        }
        pieces.extend(parts.into_iter().filter(|p| !p.is_empty()));
    }
    join_crumbs(visits, &mut pieces, (CRUMB * f64::from(size.dots)) as usize);
    let mut label = vec![0; visits.len()];
    for (k, piece) in (0u32..).zip(&pieces) {
        for &i in piece {
            label[i as usize] = k;
        }
    }
    label
}

fn pieces_of(points: &[Vector3<f64>], size: Size) -> usize {
    // The cast saturates: wherever points are, there are no more cubes than points.
    let cube = |p: &Vector3<f64>| [0, 1, 2].map(|k| (p[k] / CUBE).floor() as i64);
    let cubes: BTreeSet<[i64; 3]> = points.iter().map(cube).collect();
    let area = cubes.len() as f64 * CUBE * CUBE / CUBES_PER_SIDE;
    let by_area = area / size.area.m2();
    let by_dots = points.len() as f64 / f64::from(size.dots.max(1));
    (by_area.min(by_dots).round() as usize).clamp(1, points.len().max(1))
}

/// As many compact parts: every point to the nearest of `count` middles, the middles in the middle of their points (Lloyd's method),
/// from middles as far apart as can be.
fn compact(points: &[Vector3<f64>], count: usize) -> Vec<usize> {
    let mut label = vec![0; points.len()];
    if count <= 1 {
        return label;
    }
    let mut middles = vec![points[0]];
    let mut gap = vec![f64::INFINITY; points.len()];
    while middles.len() < count {
        let newest = middles[middles.len() - 1];
        for (g, p) in gap.iter_mut().zip(points) {
            *g = g.min((p - newest).norm_squared());
        }
        let farthest = (0..points.len()).max_by(|&a, &b| gap[a].total_cmp(&gap[b]).then(b.cmp(&a)));
        middles.push(points[farthest.unwrap_or(0)]);
    }
    for _ in 0..ROUNDS {
        let mut sums = vec![(Vector3::zeros(), 0.0_f64); count];
        for (l, p) in label.iter_mut().zip(points) {
            let near = |a: &usize, b: &usize| {
                let gap = |i: usize| (middles[i] - p).norm_squared();
                gap(*a).total_cmp(&gap(*b))
            };
            *l = (0..count).min_by(near).unwrap_or(0);
            sums[*l].0 += p;
            sums[*l].1 += 1.0;
        }
        for (middle, (sum, n)) in middles.iter_mut().zip(&sums) {
            if *n > 0.0 {
                *middle = sum / *n;
            }
        }
    }
    label
}

/// Middle of some visits.
fn middle(visits: &[&Visit], piece: &[u32]) -> Vector3<f64> {
    let sum: Vector3<f64> = piece
        .iter()
        .map(|&i| visits[i as usize].position.raw())
        .sum();
    sum / piece.len().max(1) as f64
}

/// Pieces too small to be worth a way of their own join the nearest of their region, where there is one.
fn join_crumbs(visits: &[&Visit], pieces: &mut Vec<Vec<u32>>, least: usize) {
    let region = |piece: &[u32]| piece.first().map(|&i| visits[i as usize].region);
    loop {
        let others = |pieces: &[Vec<u32>], k: usize| {
            let own = region(&pieces[k]);
            let of_region = (0..pieces.len()).filter(|&j| j != k && region(&pieces[j]) == own);
            of_region.collect::<Vec<usize>>()
        };
        let crumb = (0..pieces.len())
            .filter(|&k| pieces[k].len() < least && !others(pieces, k).is_empty())
            .min_by_key(|&k| (pieces[k].len(), k));
        let Some(crumb) = crumb else { return };
        let at = middle(visits, &pieces[crumb]);
        let nearest = others(pieces, crumb).into_iter().min_by(|&a, &b| {
            let gap = |k: usize| (middle(visits, &pieces[k]) - at).norm();
            gap(a).total_cmp(&gap(b))
        });
        let Some(nearest) = nearest else { return };
        let dots = std::mem::take(&mut pieces[crumb]);
        pieces[nearest].extend(dots);
        pieces.remove(crumb);
    }
}
