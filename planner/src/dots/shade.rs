//! Dealing out shades: exact shares, mixed in every neighbourhood, in no pattern.

use nalgebra::Vector3;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use stipple_model::treatment::Treatment;

use crate::design::apportion;

/// Dots dealt together: neighbours along a space-filling order, so every patch of about this many has each shade's share.
const HAND: usize = 12;

/// The shade of each dot of one layer.
pub(super) fn deal(
    places: &[(u8, Vector3<f64>)],
    treatment: &Treatment,
    seed: u64,
    layer: u8,
) -> Vec<u8> {
    let mut shades = vec![0u8; places.len()];
    for (zone, design) in (0u8..).zip(&treatment.zones) {
        let mut members: Vec<usize> = (0..places.len()).filter(|&i| places[i].0 == zone).collect();
        members.sort_by_key(|&i| (morton(&places[i].1), i));
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5ade);
        rng.set_stream((u64::from(layer) << 8) | u64::from(zone));
        let weights: Vec<f64> = design.shades.iter().map(|(_, share)| *share).collect();
        // Dealt so far; each hand makes up what rounding left over before.
        let mut dealt = vec![0u32; weights.len()];
        let mut total = 0u32;
        for hand in members.chunks(HAND) {
            total += hand.len() as u32;
            let mut cards: Vec<u8> = Vec::with_capacity(hand.len());
            let due: Vec<f64> = weights
                .iter()
                .zip(&dealt)
                .map(|(w, d)| (w * f64::from(total) - f64::from(*d)).max(0.0))
                .collect();
            for (k, count) in apportion(&due, hand.len() as u32).into_iter().enumerate() {
                dealt[k] += count;
                cards.extend(std::iter::repeat_n(design.shades[k].0, count as usize));
            }
            for i in (1..cards.len()).rev() {
                cards.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
            }
            hand.iter()
                .zip(cards)
                .for_each(|(&i, shade)| shades[i] = shade);
        }
    }
    shades
}

/// The place along a space-filling curve over cubes of 1 mm.
fn morton(p: &Vector3<f64>) -> u64 {
    let spread = |c: f64| {
        // A head lies within ±1 m; the cast saturates beyond.
        let n = ((c + 1.0) * 1000.0).max(0.0) as u64 & 0x1f_ffff;
        (0..21).fold(0u64, |out, bit| out | (((n >> bit) & 1) << (3 * bit)))
    };
    spread(p.x) | (spread(p.y) << 1) | (spread(p.z) << 2)
}
