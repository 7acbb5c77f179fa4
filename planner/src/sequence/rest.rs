//! Rest for skin near a fresh dot: dots too near each other are not made one after the other.

use nalgebra::Vector3;
use stipple_model::units::{Length, Time};

use super::Visit;
use super::cost::HopTime;
use super::near::Grid;

/// The most turns over one piece that rests are divided into. Source: own; more would be a sign of a radius far too wide.
const MOST_TURNS: usize = 16;
/// Places looked at for a dot that has to be made later than its neighbours. Source: own; about three spacings around it.
const PLACES: usize = 24;

/// In which turn over its piece each visit is made, from 0, so that no two of one turn are nearer than `radius`.
pub(super) fn turns(visits: &[&Visit], radius: Length) -> Vec<u8> {
    let mut turn = vec![0u8; visits.len()];
    for (i, near) in (0u32..).zip(conflicts(visits, radius)) {
        let taken = |t: u8| near.iter().any(|&j| j < i && turn[j as usize] == t);
        let free = (0..MOST_TURNS as u8).find(|&t| !taken(t));
        turn[i as usize] = free.unwrap_or(0);
    }
    turn
}

/// For every visit the others within `radius` of it.
pub(super) fn conflicts(visits: &[&Visit], radius: Length) -> Vec<Vec<u32>> {
    if radius.m() <= 0.0 {
        return vec![Vec::new(); visits.len()];
    }
    let points: Vec<_> = visits.iter().map(|v| v.position.raw()).collect();
    let grid = Grid::new(&points);
    let of = |(i, p): (u32, &Vector3<f64>)| grid.within(p, &points, radius.m(), i);
    (0u32..).zip(&points).map(of).collect()
}

/// Puts dots that stand too near others into a path through the rest: each into the step of its own piece that costs least among those
/// made long enough before or after its neighbours; where there is none such, where it comes nearest to that.
pub(super) fn insert(
    path: &[u32],
    late: &[u32],
    visits: &[&Visit],
    piece: &[u32],
    (hops, radius, rest, dot_time): (&HopTime, Length, Time, Time),
) -> Vec<u32> {
    let points: Vec<_> = path
        .iter()
        .map(|&i| visits[i as usize].position.raw())
        .collect();
    let grid = Grid::new(&points);
    let steps = path.windows(2).map(|w| hops.between(w[0], w[1]));
    let motion: f64 = steps.sum();
    let pace = motion / path.len().max(1) as f64 + dot_time.s();
    // As long as a rest takes, in dots; the cast saturates where dots take no time.
    let apart = (rest.s() / pace).ceil() as u32 + 1;
    let near = conflicts(visits, radius);
    let mut place: Vec<Option<u32>> = vec![None; visits.len()];
    for (k, &i) in (0u32..).zip(path) {
        place[i as usize] = Some(k);
    }
    let mut after: Vec<Vec<u32>> = vec![Vec::new(); path.len()];
    let mut homeless = Vec::new();
    let mut found = Vec::new();
    for &dot in late {
        let own = |k: u32| piece[path[k as usize] as usize] == piece[dot as usize];
        let here = visits[dot as usize].position.raw();
        grid.nearest(&here, &points, PLACES, own, &mut found);
        // Between each of these and the one after it.
        let choice = found.iter().map(|&(_, k)| {
            let (a, b) = (path[k as usize], path.get(k as usize + 1).copied());
            let b = b.filter(|&b| piece[b as usize] == piece[dot as usize]);
            let cost =
                hops.between(a, dot) + b.map_or(0.0, |b| hops.between(dot, b) - hops.between(a, b));
            let gaps = near[dot as usize].iter().filter_map(|&j| place[j as usize]);
            let gap = gaps.map(|p| p.abs_diff(k)).min().unwrap_or(apart);
            (apart.saturating_sub(gap), cost, k)
        });
        let best =
            choice.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        match best {
            Some((_, _, k)) => {
                place[dot as usize] = Some(k);
                after[k as usize].push(dot);
            }
            // Its whole piece consists of such dots.
            None => homeless.push(dot),
        }
    }
    homeless.sort_by_key(|&dot| piece[dot as usize]);
    let with = path
        .iter()
        .zip(after)
        .flat_map(|(&i, late)| std::iter::once(i).chain(late));
    with.chain(homeless).collect()
}
