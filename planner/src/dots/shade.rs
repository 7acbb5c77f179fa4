//! Dealing out shades: exact shares per zone and layer, and every shade by itself evenly spread.
//!
//! Each shade has a field that is high near the dots that carry it. Dots are dealt one by one: the shade that is most behind takes the
//! free dot where its own field is lowest. Then neighbours swap shades as long as both fields get lower.

use rayon::prelude::*;

use super::along::{self, Place};
use super::eliminate::WHOLE;
use super::heap::Heap;
use super::pairs::Pairs;
use crate::design::apportion;

/// Exponent of a field's fall.
const FALL: i32 = 4;
/// A field reaches this many of its shade's own ideal distances.
const REACH: f64 = 1.5;
/// A rare shade's reach is held to what this share of all dots would have, so that a dot's neighbours stay a bounded number.
const RAREST: f64 = 0.04;
/// Sweeps of swapping.
const SWEEPS: usize = 3;

/// Dots in the order of their layers: slices of one length.
pub(super) struct Dealt<'a> {
    pub places: &'a [Place],
    /// The ideal distance at each, with all layers there.
    pub ideals: &'a [f64],
    pub zones: &'a [u8],
    /// Counted from 0, rising.
    pub layers: &'a [u8],
}

/// The shade of each dot. `shares[zone]` are (shade, share) with shares that sum to 1; `fractions` the share of all dots after each
/// layer.
pub(super) fn deal(dots: &Dealt<'_>, shares: &[&[(u8, f64)]], fractions: &[f64]) -> Vec<u8> {
    let count = dots.places.len();
    let most = shares
        .iter()
        .flat_map(|s| s.iter())
        .map(|(shade, _)| usize::from(*shade) + 1);
    let shades = most.max().unwrap_or(1);
    let mut shade = vec![None; count];
    let mut dealt: Vec<Vec<u32>> = shares.iter().map(|s| vec![0; s.len()]).collect();
    let mut from = 0;
    for (layer, fraction) in (0u8..).zip(fractions) {
        let to = dots.layers.partition_point(|l| *l <= layer);
        let mut fields = Fields::new(dots, from..to, *fraction, shares, shades, &shade);
        for (zone, own) in (0u8..).zip(shares) {
            let members: Vec<u32> = (from..to)
                .filter(|&i| dots.zones[i] == zone)
                .map(|i| i as u32)
                .collect();
            let due = dues(own, &mut dealt[zone as usize], members.len() as u32);
            fields.deal(&members, own, &due, &mut shade);
        }
        for _ in 0..SWEEPS {
            fields.swap(dots, from, &mut shade);
        }
        from = to;
    }
    // What is due in a zone sums to its dots, so every dot was dealt a shade; were it not, its zone's first.
    let first = |zone: u8| shares[zone as usize].first().map_or(0, |own| own.0);
    let dealt = shade.into_iter().zip(dots.zones);
    dealt
        .map(|(s, &zone)| s.unwrap_or_else(|| first(zone)))
        .collect()
}

/// How many of so many dots each shade gets; what rounding left over in earlier layers is made up.
fn dues(own: &[(u8, f64)], dealt: &mut [u32], count: u32) -> Vec<u32> {
    let total = f64::from(dealt.iter().sum::<u32>() + count);
    let behind: Vec<f64> = own
        .iter()
        .zip(&*dealt)
        .map(|((_, share), d)| (share * total - f64::from(*d)).max(0.0))
        .collect();
    let due = apportion(&behind, count);
    dealt.iter_mut().zip(&due).for_each(|(d, n)| *d += n);
    due
}

/// For each shade its field at the dots of the layers dealt so far.
struct Fields<'a> {
    places: &'a [Place],
    /// By shade: who is in reach of whom, each dot's reach, and the field.
    shades: Vec<(Option<Pairs>, Vec<f64>, Vec<f64>)>,
}

impl<'a> Fields<'a> {
    fn new(
        dots: &Dealt<'a>,
        range: std::ops::Range<usize>,
        fraction: f64,
        shares: &[&[(u8, f64)]],
        shades: usize,
        shade: &[Option<u8>],
    ) -> Self {
        let (from, to) = (range.start, range.end);
        let shades = (0..shades).into_par_iter().map(|s| {
            let share = |zone: u8| {
                let own = shares[zone as usize].iter().find(|o| usize::from(o.0) == s);
                own.map_or(0.0, |o| o.1)
            };
            let has = |zone: u8| share(zone) > 0.0;
            let chosen = |zone: u8| has(zone) && share(zone) < 1.0;
            let reach: Vec<f64> = (0..to)
                .map(|i| {
                    REACH * dots.ideals[i] / (fraction * share(dots.zones[i]).max(RAREST)).sqrt()
                })
                .collect();
            // Where a shade is not, or is the only one, there is nothing to choose, nor between dots dealt before.
            let pairs = Pairs::find(&dots.places[..to], &reach, |i, j| {
                let (a, b) = (dots.zones[i], dots.zones[j]);
                (i >= from || j >= from) && has(a) && has(b) && (chosen(a) || chosen(b))
            });
            (Some(pairs), reach, vec![0.0; to])
        });
        let mut fields = Self {
            places: dots.places,
            shades: shades.collect(),
        };
        for (i, s) in (0u32..).zip(shade) {
            if let Some(s) = s {
                fields.lay(i, *s, 1.0, |_, _| ());
            }
        }
        fields
    }

    fn kernel(&self, shade: usize, i: usize, j: usize) -> f64 {
        let reach = &self.shades[shade].1;
        let distance = along::distance(&self.places[i], &self.places[j]);
        let d = distance / (0.5 * (reach[i] + reach[j]));
        ((1.0 - d).max(0.0).powi(FALL) * WHOLE).round()
    }

    /// Adds a dot's part to its shade's field (or takes it away), telling each neighbour.
    fn lay(&mut self, dot: u32, shade: u8, sign: f64, mut tell: impl FnMut(u32, f64)) {
        let (shade, i) = (usize::from(shade), dot as usize);
        let Some(pairs) = self.shades[shade].0.take() else {
            return;
        };
        for &j in pairs.of(i) {
            let part = sign * self.kernel(shade, i, j as usize);
            self.shades[shade].2[j as usize] += part;
            tell(j, part);
        }
        self.shades[shade].0 = Some(pairs);
    }

    /// Deals `due[k]` of shade `own[k]` to the members of one zone.
    fn deal(&mut self, members: &[u32], own: &[(u8, f64)], due: &[u32], shade: &mut [Option<u8>]) {
        let total = members.len() as f64;
        // Heaps give the heaviest, and the lowest field is wanted.
        let mut heaps: Vec<Heap> = own
            .iter()
            .map(|(s, _)| {
                let field = &self.shades[usize::from(*s)].2;
                Heap::new(members.iter().map(|&i| -field[i as usize]).collect())
            })
            .collect();
        let mut given = vec![0u32; own.len()];
        for n in 1..=members.len() {
            let behind = |k: usize| f64::from(due[k]) * n as f64 / total - f64::from(given[k]);
            let next = (0..own.len())
                .filter(|&k| given[k] < due[k])
                .max_by(|&a, &b| behind(a).total_cmp(&behind(b)).then(b.cmp(&a)));
            let Some(k) = next else { return };
            let free = std::iter::from_fn(|| heaps[k].pop())
                .find(|&m| shade[members[m as usize] as usize].is_none());
            let Some(m) = free else { return };
            given[k] += 1;
            let dot = members[m as usize];
            shade[dot as usize] = Some(own[k].0);
            let heap = &mut heaps[k];
            self.lay(dot, own[k].0, 1.0, |j, part| {
                if let Ok(place) = members.binary_search(&j) {
                    heap.lighten(place as u32, part);
                }
            });
        }
    }

    /// One sweep: each dot from `from` on swaps with the neighbour of its zone and layer that gains most by it.
    fn swap(&mut self, dots: &Dealt<'_>, from: usize, shade: &mut [Option<u8>]) {
        let to = self.shades.first().map_or(0, |s| s.2.len());
        for i in from..to {
            let Some(a) = shade[i] else { continue };
            let Some(pairs) = self.shades[usize::from(a)].0.take() else {
                continue;
            };
            let mut best = (-0.5, None);
            for &j in pairs.of(i) {
                let k = j as usize;
                let Some(b) = shade[k] else { continue };
                if a == b || k < from || dots.zones[k] != dots.zones[i] {
                    continue;
                }
                let (own, other) = (
                    &self.shades[usize::from(a)].2,
                    &self.shades[usize::from(b)].2,
                );
                let mutual = self.kernel(usize::from(a), i, k) + self.kernel(usize::from(b), i, k);
                let gain = own[k] + other[i] - mutual - own[i] - other[k];
                if gain < best.0 {
                    best = (gain, Some((j, b)));
                }
            }
            self.shades[usize::from(a)].0 = Some(pairs);
            if let (_, Some((j, b))) = best {
                for (dot, old, new) in [(i as u32, a, b), (j, b, a)] {
                    self.lay(dot, old, -1.0, |_, _| ());
                    self.lay(dot, new, 1.0, |_, _| ());
                    shade[dot as usize] = Some(new);
                }
            }
        }
    }
}
