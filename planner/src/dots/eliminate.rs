//! Weighted sample elimination: the order in which dots are laid, such that any first part of them is evenly spread.
//!
//! After Yuksel, "Sample elimination for generating Poisson disk sample sets" (2015): what is most crowded goes first, so what goes last
//! is wanted first. With a density that varies from place to place and a number to keep in each zone.

use super::along::{self, Place};
use super::heap::Heap;
use super::pairs::Pairs;

/// Exponent of the weight. Source: Yuksel 2015.
const ALPHA: i32 = 8;
/// Weights are whole numbers of this part of the largest: their sums are exact, so that ties stay ties whatever was added and taken away.
pub(super) const WHOLE: f64 = 4_294_967_296.0;
/// One pass keeps at least this share, so that a dot's neighbours are never more than a few dozen.
const LEAST_KEPT: f64 = 0.4;

/// What stands where: slices of one length.
pub(super) struct Sites<'a> {
    pub places: &'a [Place],
    /// The ideal distance at each, with all of them there.
    pub ideals: &'a [f64],
    pub zones: &'a [u8],
}

/// The order in which sites are laid: a permutation whose first `counts[k]` per zone (rising in k; the last are all) are evenly spread.
pub(super) fn order(sites: &Sites<'_>, counts: &[Vec<u32>]) -> Vec<u32> {
    let mut set: Vec<u32> = (0u32..).take(sites.places.len()).collect();
    let all = set.len().max(1) as f64;
    let mut last_first = Vec::with_capacity(set.len());
    let none = vec![0; counts.first().map_or(0, Vec::len)];
    let below = counts.iter().rev().skip(1).chain([&none]);
    for keep in below {
        loop {
            let left = census(sites, &set, keep.len());
            if left.iter().zip(keep).all(|(l, k)| l <= k) {
                break;
            }
            let stage: Vec<u32> = left
                .iter()
                .zip(keep)
                .map(|(&l, &k)| k.max((f64::from(l) * LEAST_KEPT) as u32).min(l))
                .collect();
            let share = stage.iter().map(|&n| f64::from(n)).sum::<f64>() / all;
            let (kept, gone) = thin(sites, &set, &left, &stage, share.max(1.0 / all));
            last_first.extend(gone);
            set = kept;
        }
    }
    last_first.extend(set);
    last_first.reverse();
    last_first
}

fn census(sites: &Sites<'_>, set: &[u32], zones: usize) -> Vec<u32> {
    let mut left = vec![0; zones];
    set.iter()
        .for_each(|&i| left[sites.zones[i as usize] as usize] += 1);
    left
}

/// Thins `set`, of which `left[zone]` are in each zone, out to `keep[zone]`, aiming at `share` of all. Returns what stays, and what went
/// in the order in which it went.
fn thin(
    sites: &Sites<'_>,
    set: &[u32],
    left: &[u32],
    keep: &[u32],
    share: f64,
) -> (Vec<u32>, Vec<u32>) {
    let places: Vec<Place> = set.iter().map(|&i| sites.places[i as usize]).collect();
    let reach: Vec<f64> = set
        .iter()
        .map(|&i| sites.ideals[i as usize] / share.sqrt())
        .collect();
    let pairs = Pairs::find(&places, &reach, |_, _| true);
    let weight = |i: usize, j: usize| {
        let d = along::distance(&places[i], &places[j]) / (0.5 * (reach[i] + reach[j]));
        ((1.0 - d).max(0.0).powi(ALPHA) * WHOLE).round()
    };
    let total = |i: usize| pairs.of(i).iter().map(|&j| weight(i, j as usize)).sum();
    let mut heap = Heap::new((0..set.len()).map(total).collect());
    let mut left = left.to_vec();
    let mut surplus: u32 = left
        .iter()
        .zip(keep)
        .map(|(l, k)| l.saturating_sub(*k))
        .sum();
    let mut alive = vec![true; set.len()];
    let mut gone = Vec::with_capacity(surplus as usize);
    while surplus > 0 {
        let Some(i) = heap.pop() else { break };
        let zone = sites.zones[set[i as usize] as usize] as usize;
        if left[zone] <= keep[zone] {
            // Its zone has no surplus left: it stays, and goes on weighing on its neighbours.
            continue;
        }
        left[zone] -= 1;
        surplus -= 1;
        alive[i as usize] = false;
        gone.push(set[i as usize]);
        for &j in pairs.of(i as usize) {
            heap.lighten(j, weight(i as usize, j as usize));
        }
    }
    let kept = set.iter().zip(&alive).filter(|(_, a)| **a).map(|(i, _)| *i);
    (kept.collect(), gone)
}
