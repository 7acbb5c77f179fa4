//! The last word on dots that would run into each other, or into a hair: what relaxing left too near goes to the nearest place that is free.
//!
//! Relaxing ends when its rounds are up, and a dot that something fixed holds in a corner of the edge may not have got away by then.

use nalgebra::Vector3;

use super::existing::Existing;
use super::grid::Grid;
use super::ground::{Ground, Spot};
use super::relax::{Swarm, step_to};

/// Places are tried on rings around the dot, each so much wider than the last, in the distance to keep; as far as the ideal distance of thin
/// hair is from that of dots that nearly touch. Source: own.
const RING: f64 = 0.5;
const RINGS: u32 = 24;
/// So many on each ring.
const WAYS: u32 = 16;
/// A place counts as free with that much to spare, in the distance to keep; less than that is the arithmetic's.
const SPARE: f64 = 1e-6;

/// Moves every dot that is nearer to another or to a hair than it may be. `least` is by zone, metres. What finds no free place stays.
pub(super) fn part(ground: &Ground<'_>, swarm: &mut Swarm, existing: &Existing, least: &[f64]) {
    let widest = least.iter().copied().fold(0.0, f64::max);
    if widest <= 0.0 {
        return;
    }
    let points: Vec<Vector3<f64>> = swarm.spots.iter().map(|s| s.position).collect();
    let grid = Grid::new(&points, widest);
    let mut moved: Vec<usize> = Vec::new();
    let keep = |swarm: &Swarm, i: usize| least[swarm.zones[i] as usize];
    let is_free = |swarm: &Swarm, moved: &[usize], i: usize, at: &Vector3<f64>| {
        let own = keep(swarm, i);
        let clear = |j: usize| {
            let wanted = 0.5 * (own + keep(swarm, j));
            j == i || (swarm.spots[j].position - at).norm() >= wanted
        };
        let mut free = existing.nearest(at, own).is_none() && moved.iter().all(|&j| clear(j));
        grid.near(at, widest, |j| free = free && clear(j as usize));
        free
    };
    for i in 0..points.len() {
        let from = swarm.spots[i];
        if is_free(swarm, &moved, i, &from.position) {
            continue;
        }
        let free = |to: &Spot| {
            ground.admits(to, swarm.zones[i]) && is_free(swarm, &moved, i, &to.position)
        };
        if let Some(to) = around(ground, &from, swarm.zones[i], keep(swarm, i), free) {
            swarm.spots[i] = to;
            moved.push(i);
        }
    }
}

/// The first place on rings around one that will do.
fn around(
    ground: &Ground<'_>,
    from: &Spot,
    zone: u8,
    keep: f64,
    will_do: impl Fn(&Spot) -> bool,
) -> Option<Spot> {
    let [along, across] = ground.plane(from);
    (1..=RINGS)
        .flat_map(|ring| (0..WAYS).map(move |way| (ring, way)))
        .find_map(|(ring, way)| {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(way) / f64::from(WAYS)).sin_cos();
            let radius = keep * (RING * f64::from(ring) + SPARE);
            let step = (along * cos + across * sin) * radius;
            step_to(ground, from, &step, zone).filter(|to| will_do(to))
        })
}
