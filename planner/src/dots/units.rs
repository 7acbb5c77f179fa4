//! Away from strict evenness: dots stray from their places and gather in small follicular units, as hairs do.

use nalgebra::Vector3;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::along::{self, Place};
use super::ground::Ground;
use super::pairs::Pairs;
use super::relax::{Swarm, places, step_to};
use super::start::unit;

/// Shares of follicular units with two and with three hairs on a natural scalp; the rest have one. Source: this project's own split that
/// gives the published 143 hairs in 74.4 units per cm², 1.92 hairs a unit.
const PAIRS: f64 = 0.54;
const TRIPLETS: f64 = 0.19;
/// How fast units come in as regularity falls. Source: this project's own, by eye: a few at the default are enough to look grown.
const GATHERING: f64 = 1.5;
/// How far natural follicles stray from even places, in ideal distances. Source: this project's own, by eye.
const STRAY: f64 = 0.35;
/// Only dots this near are gathered, in ideal distances.
const GATHERED: f64 = 1.3;
/// The shortest and the longest distance within a unit, in ideal distances. Source: this project's own; at 60 dots/cm² 0.4 to 1 mm, apart
/// for the eye at arm's length. They differ from pair to pair: hairs of one follicle do not stand in a pattern.
const WITHIN_UNIT: [f64; 2] = [0.3, 0.72];

/// How far apart two dots of one unit stand, in ideal distances, by their places in the order of all dots.
pub(super) fn apart(a: u32, b: u32) -> f64 {
    // The pair's number scrambled: the finaliser of splitmix64.
    let mut z =
        (u64::from(a.min(b)) << 32 | u64::from(a.max(b))).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let share = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
    WITHIN_UNIT[0] + share * (WITHIN_UNIT[1] - WITHIN_UNIT[0])
}

/// Gathers dots into units; 1 leaves all single, 0 gives natural shares. Dots that come earlier in the order stay where they are and
/// later ones join them.
pub(super) fn gather(
    ground: &Ground<'_>,
    swarm: &mut Swarm,
    ideals: &[f64],
    regularity: f64,
    seed: u64,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(0x0001_0000);
    let places = places(ground, swarm);
    let reach: Vec<f64> = ideals.iter().map(|d| d * GATHERED).collect();
    let pairs = Pairs::find(&places, &reach, |_, _| true);
    let last = swarm.layers.last().copied().unwrap_or(0);
    let mut single = vec![true; places.len()];
    for i in 0..places.len() {
        let chance = unit(&mut rng) / (1.0 - regularity).powf(GATHERING);
        let size = if chance < TRIPLETS {
            3
        } else if chance < TRIPLETS + PAIRS {
            2
        } else {
            1
        };
        if !single[i] {
            continue;
        }
        single[i] = false;
        let mut others: Vec<(f64, usize)> = pairs
            .of(i)
            .iter()
            .map(|&j| j as usize)
            .filter(|&j| single[j] && swarm.zones[j] == swarm.zones[i])
            // An early layer stays even: its dots are joined by later ones only.
            .filter(|&j| swarm.layers[j] > swarm.layers[i] || swarm.layers[i] == last)
            .map(|j| (along::distance(&places[i], &places[j]), j))
            .collect();
        others.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for &(distance, j) in others.iter().take(size - 1) {
            let near = (apart(swarm.ranks[i], swarm.ranks[j]) * ideals[i]).min(distance);
            let step = (places[i].point - places[j].point)
                * (1.0 - near / distance.max(f64::MIN_POSITIVE));
            let to = step_to(ground, &swarm.spots[j], &step, swarm.zones[j]);
            if let Some(spot) = to.filter(|to| ground.admits(to, swarm.zones[j])) {
                swarm.spots[j] = spot;
                swarm.units[j] = swarm.units[i];
                single[j] = false;
            }
        }
    }
}

/// Lets every dot stray a little: not at all at regularity 1, most at 0.
pub(super) fn stray(
    ground: &Ground<'_>,
    swarm: &mut Swarm,
    ideals: &[f64],
    regularity: f64,
    seed: u64,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(0x0002_0000);
    for (i, Place { normal, .. }) in places(ground, swarm).into_iter().enumerate() {
        let far = unit(&mut rng).sqrt() * STRAY * (1.0 - regularity) * ideals[i];
        let (sin, cos) = (unit(&mut rng) * std::f64::consts::TAU).sin_cos();
        // Any two directions along the skin will do, as long as they do not depend on how the scan lies.
        let first = if normal.x.abs() < 0.8 {
            normal.cross(&Vector3::x())
        } else {
            normal.cross(&Vector3::y())
        };
        let first = first / first.norm();
        let step = (first * cos + normal.cross(&first) * sin) * far;
        let to = step_to(ground, &swarm.spots[i], &step, swarm.zones[i]);
        if let Some(spot) = to.filter(|to| ground.admits(to, swarm.zones[i])) {
            swarm.spots[i] = spot;
        }
    }
}
