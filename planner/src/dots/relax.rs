//! Pushing dots apart on the surface until every layer keeps its distance.
//!
//! Two dots are seen together from the later one's layer on, so they owe each other the distance of that layer: far for two dots of the
//! sparse first layer, near as soon as one is of the last. Each round every dot steps away from those that are too near, all at once
//! from the same state, so the outcome does not depend on the number of threads. What is far enough apart is left alone: that is what
//! keeps the pattern a disordered one and no lattice.

use std::ops::ControlFlow;

use nalgebra::Vector3;
use rayon::prelude::*;

use super::along::{self, Place};
use super::existing::Existing;
use super::ground::{Ground, Spot};
use super::pairs::Pairs;
use super::{largest_distance, units};
use crate::Watch;

/// Share of a pair's missing distance each of the two takes back in one round, and how much of the last round's step is kept. Source:
/// this project's own, by trial: fastest without overshooting.
const PUSH: f64 = 0.8;
const MOMENTUM: f64 = 0.65;
/// How hard dots of one follicular unit are drawn together.
const PULL: f64 = 0.2;
/// No dot steps farther than this in one round, in ideal distances.
const LONGEST_STEP: f64 = 0.15;
/// Pairs are looked up with this much to spare, in ideal distances.
const SPARE: f64 = 0.2;
/// Rounds after which pairs are looked up again: soon at first, when dots still move far, then ever later. A pair that is missed for a
/// few rounds is found at the next look.
const FIRST_LOOK: usize = 3;
const LATER_LOOKS: usize = 3;
/// A dot whose step is shorter than this stays, in ideal distances.
const STILL: f64 = 1e-6;
/// Done when no pair is nearer than the first share of what it should be, but for so few dots, which an edge holds back, and none is
/// nearer than the second.
const GOOD: f64 = 0.975;
const TOLERABLE: f64 = 0.92;
const HELD_BACK: f64 = 1.0 / 2000.0;
/// Where dots thin out to nothing, the ideal distance is held to this many times the median: nobody looks farther.
const WIDEST: f64 = 4.0;

/// Dots on their way to their places. Those of layer 0 come first, then those of layer 1, and so on.
pub(super) struct Swarm {
    pub spots: Vec<Spot>,
    pub zones: Vec<u8>,
    /// Counted from 0, rising.
    pub layers: Vec<u8>,
    /// Dots of one follicular unit carry one number.
    pub units: Vec<u32>,
    /// The place of each in the order in which they are laid.
    pub ranks: Vec<u32>,
}

impl Swarm {
    /// Puts the dot that is at `order[k]` at place k.
    pub fn arrange(&mut self, order: &[u32]) {
        fn by<T: Copy>(order: &[u32], values: &mut Vec<T>) {
            *values = order.iter().map(|&i| values[i as usize]).collect();
        }
        by(order, &mut self.spots);
        by(order, &mut self.zones);
        by(order, &mut self.layers);
        by(order, &mut self.units);
        by(order, &mut self.ranks);
    }

    /// The dots in the order in which they are laid, layer by layer.
    pub fn in_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0u32..).take(self.spots.len()).collect();
        order.sort_by_key(|&i| (self.layers[i as usize], self.ranks[i as usize]));
        order
    }
}

/// What distances are kept, in shares of the ideal one.
pub(super) struct Rules<'a> {
    /// For each layer, how far apart its dots stand, in shares of the largest distance possible at that layer's density.
    pub cores: &'a [f64],
    /// For each layer, the share of all dots it and those before it have.
    pub fractions: &'a [f64],
    /// For each zone the distance below which dots would run into each other, metres.
    pub least: &'a [f64],
    /// The most rounds.
    pub rounds: usize,
}

/// What one look around gives.
struct Around {
    /// The ideal distance at each dot, for all layers together.
    ideal: Vec<f64>,
    /// The outward normal where each dot stood.
    normals: Vec<Vector3<f64>>,
    layers: Vec<Layer>,
    /// For each dot the existing hairs near it and the distance to keep from them; empty when there are none at all.
    hairs: Vec<(f64, Vec<Vector3<f64>>)>,
}

/// A layer and all before it.
struct Layer {
    /// How far apart each of its dots stands from its like, metres.
    apart: Vec<f64>,
    /// Pairs whose later dot is of this layer.
    pairs: Pairs,
}

/// A dot as its neighbours see it.
#[derive(Clone, Copy)]
struct Body {
    place: Place,
    ideal: f64,
    /// Its place in the order of all dots: what tells it from others, whatever number it has here.
    rank: u32,
    /// Half the distance it keeps from its like whatever the density.
    half_least: f64,
    unit: u32,
}

/// Relaxes until every pair keeps its distance or the rounds are up. Dots come from places that the design admits, and end on such.
pub(super) fn relax(
    ground: &Ground<'_>,
    swarm: &mut Swarm,
    existing: &Existing,
    rules: &Rules<'_>,
    watch: &Watch<'_>,
) -> ControlFlow<()> {
    let from = swarm.spots.clone();
    let mut safe = from.clone();
    let mut steps = vec![Vector3::zeros(); swarm.spots.len()];
    let mut around = look(ground, swarm, existing, rules);
    let (mut pause, mut next_look) = (FIRST_LOOK, FIRST_LOOK);
    for round in 0..rules.rounds {
        if round == next_look {
            settle(ground, swarm, &mut safe);
            around = look(ground, swarm, existing, rules);
            pause += LATER_LOOKS;
            next_look += pause;
        }
        let bodies = bodies(swarm, &around, rules);
        let pushes: Vec<(Vector3<f64>, f64)> = (0..steps.len())
            .into_par_iter()
            .with_min_len(512)
            .map(|i| push(&bodies, swarm.layers[i], &around, i))
            .collect();
        let bad = pushes.iter().filter(|p| p.1 < GOOD).count();
        let worst = pushes.iter().fold(1.0, |w: f64, p| w.min(p.1));
        if worst > TOLERABLE && bad as f64 <= HELD_BACK * pushes.len() as f64 {
            break;
        }
        swarm
            .spots
            .par_iter_mut()
            .zip(&mut steps)
            .with_min_len(512)
            .enumerate()
            .for_each(|(i, (spot, step))| {
                let wanted = *step * MOMENTUM + pushes[i].0;
                *step = short(wanted, LONGEST_STEP * around.ideal[i]);
                if step.norm_squared() < (STILL * around.ideal[i]).powi(2) {
                    return;
                }
                match step_to(ground, spot, step, swarm.zones[i]) {
                    Some(next) => *spot = next,
                    None => {
                        let [left, right] = ground.sideways(spot, step);
                        let aside = step_to(ground, spot, &left, swarm.zones[i])
                            .or_else(|| step_to(ground, spot, &right, swarm.zones[i]));
                        *spot = aside.unwrap_or(*spot);
                        *step = Vector3::zeros();
                    }
                }
            });
        watch((round + 1) as f64 / rules.rounds as f64)?;
    }
    settle_exactly(ground, swarm, &safe, &from);
    ControlFlow::Continue(())
}

/// Where a step leads, when that is a place of the zone.
pub(super) fn step_to(
    ground: &Ground<'_>,
    from: &Spot,
    step: &Vector3<f64>,
    zone: u8,
) -> Option<Spot> {
    ground
        .walk(from, step)
        .filter(|to| ground.permits(to, zone))
}

fn bodies(swarm: &Swarm, around: &Around, rules: &Rules<'_>) -> Vec<Body> {
    (0..swarm.spots.len())
        .into_par_iter()
        .with_min_len(2048)
        .map(|i| Body {
            place: Place {
                point: swarm.spots[i].position,
                normal: around.normals[i],
            },
            ideal: around.ideal[i],
            rank: swarm.ranks[i],
            half_least: 0.5 * rules.least[swarm.zones[i] as usize],
            unit: swarm.units[i],
        })
        .collect()
}

/// Notes where every dot stands well; one that strayed goes back to where it last was well.
fn settle(ground: &Ground<'_>, swarm: &mut Swarm, safe: &mut [Spot]) {
    let spots = swarm.spots.par_iter_mut().zip(safe).zip(&swarm.zones);
    spots.for_each(|((spot, safe), zone)| {
        if ground.permits(spot, *zone) {
            *safe = *spot;
        } else {
            *spot = *safe;
        }
    });
}

/// Ends on places of which the design itself was asked: where a dot is, else where it last seemed well, else where it came from.
fn settle_exactly(ground: &Ground<'_>, swarm: &mut Swarm, safe: &[Spot], from: &[Spot]) {
    let spots = swarm.spots.par_iter_mut().zip(safe.par_iter().zip(from));
    spots
        .zip(&swarm.zones)
        .for_each(|((spot, (safe, from)), zone)| {
            if !ground.admits(spot, *zone) {
                *spot = if ground.admits(safe, *zone) {
                    *safe
                } else {
                    *from
                };
            }
        });
}

/// The ideal distance at each dot when `fraction` of all dots are there, held to [`WIDEST`] medians. Between hairs dots stand as near
/// to each other as to the hairs: what is there already counts.
pub(super) fn ideals(
    ground: &Ground<'_>,
    swarm: &Swarm,
    existing: &Existing,
    fraction: f64,
) -> Vec<f64> {
    let mut ideals: Vec<f64> = swarm
        .spots
        .par_iter()
        .map(|spot| {
            let dots = ground.level(spot)? * fraction;
            Some(largest_distance(dots + existing.density(&spot.position)))
        })
        .map(|d| d.unwrap_or(f64::INFINITY))
        .collect();
    let mut sorted = ideals.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let widest = sorted.get(sorted.len() / 2).map_or(0.0, |m| m * WIDEST);
    ideals.iter_mut().for_each(|d| *d = d.min(widest));
    ideals
}

pub(super) fn places(ground: &Ground<'_>, swarm: &Swarm) -> Vec<Place> {
    let place = |spot: &Spot| Place {
        point: spot.position,
        normal: ground.smooth_normal(spot),
    };
    swarm.spots.par_iter().map(place).collect()
}

fn look(ground: &Ground<'_>, swarm: &Swarm, existing: &Existing, rules: &Rules<'_>) -> Around {
    let ideal = ideals(ground, swarm, existing, 1.0);
    let places = places(ground, swarm);
    let mut before = 0;
    let layers: Vec<Layer> = (0u8..)
        .zip(rules.cores)
        .zip(rules.fractions)
        .map(|((layer, core), fraction)| {
            let until = swarm.layers.partition_point(|l| *l <= layer);
            let mut apart = ideals(ground, swarm, existing, *fraction);
            apart.truncate(until);
            apart.iter_mut().for_each(|d| *d *= core);
            let reach: Vec<f64> = (apart.iter().zip(&ideal).zip(&swarm.zones))
                .map(|((apart, d), &z)| apart.max(rules.least[z as usize]) + SPARE * d)
                .collect();
            let first = before;
            before = until;
            let pairs = Pairs::find(&places[..until], &reach, |i, j| i >= first || j >= first);
            Layer { apart, pairs }
        })
        .collect();
    let hairs = if existing.is_empty() {
        Vec::new()
    } else {
        (0..places.len())
            .into_par_iter()
            .map(|i| {
                let keep = layers[swarm.layers[i] as usize].apart[i];
                let near = existing.within(&places[i].point, keep + SPARE * ideal[i]);
                (keep, near)
            })
            .collect()
    };
    Around {
        ideal,
        normals: places.into_iter().map(|p| p.normal).collect(),
        layers,
        hairs,
    }
}

/// Where a dot is pushed, and its nearest pair's distance over what it should be.
fn push(bodies: &[Body], own_layer: u8, around: &Around, i: usize) -> (Vector3<f64>, f64) {
    let own = &bodies[i];
    let here = own.place.point;
    let (mut sum, mut worst) = (Vector3::zeros(), 1.0f64);
    for layer in &around.layers[own_layer as usize..] {
        for &j in layer.pairs.of(i) {
            let other = &bodies[j as usize];
            let unit = own.unit == other.unit;
            let wanted = if unit {
                units::apart(own.rank, other.rank) * 0.5 * (own.ideal + other.ideal)
            } else {
                0.5 * (layer.apart[i] + layer.apart[j as usize])
            };
            let wanted = wanted.max(own.half_least + other.half_least);
            let away = here - other.place.point;
            // The way along the skin is no shorter than the straight one, which is faster to see.
            if !unit && away.norm_squared() >= wanted * wanted {
                continue;
            }
            let distance = along::distance(&own.place, &other.place);
            if distance < wanted {
                worst = worst.min(distance / wanted);
                // Two dots on one spot part along a line that depends on which they are.
                let line = if distance > 0.0 {
                    away.normalize()
                } else {
                    Vector3::x() * if i < j as usize { 1.0 } else { -1.0 }
                };
                sum += line * (0.5 * PUSH * (wanted - distance));
            } else if unit && distance.is_finite() {
                sum += away.normalize() * (PULL * (wanted - distance));
            }
        }
    }
    if let Some((keep, hairs)) = around.hairs.get(i) {
        for hair in hairs {
            let away = here - hair;
            let distance = away.norm();
            if distance < *keep && distance > 0.0 {
                worst = worst.min(distance / keep);
                sum += away / distance * (PUSH * (keep - distance));
            }
        }
    }
    (sum, worst)
}

/// A step no longer than allowed.
fn short(step: Vector3<f64>, longest: f64) -> Vector3<f64> {
    let norm = step.norm();
    if norm > longest {
        step * (longest / norm)
    } else {
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_model::mesh::SurfaceMesh;

    /// A flat square of 10 cm.
    fn square() -> SurfaceMesh<stipple_model::frames::Head> {
        let corner = |i: u32| {
            let at = |k: u32| f64::from(k) * 0.005;
            stipple_model::frames::Point::new(at(i % 21), at(i / 21), 0.0)
        };
        let triangles = (0..400u32).flat_map(|i| {
            let v = i / 20 * 21 + i % 20;
            [[v, v + 1, v + 22], [v, v + 22, v + 21]]
        });
        SurfaceMesh::new((0..441).map(corner).collect(), triangles.collect()).unwrap()
    }

    #[test]
    fn the_work_a_dot_takes_does_not_grow_with_the_dots() {
        let head = square();
        let patch: Vec<u32> = (0..800).collect();
        let mut most = Vec::new();
        for count in [1000u32, 4000, 16_000] {
            let density = f64::from(count) / 0.01;
            let even = move |_: &Vector3<f64>| Some((0, density));
            let (ground, cells) = Ground::new(&head, &patch, &even);
            let (spots, zones) = super::super::start::draw(&ground, &cells, &[count], 1).unwrap();
            let first = count / 10;
            let swarm = Swarm {
                layers: (0..count).map(|i| u8::from(i >= first)).collect(),
                units: (0..count).collect(),
                ranks: (0..count).collect(),
                // Every tenth dot is of the first layer.
                spots: (0..10)
                    .flat_map(|k| spots.iter().copied().skip(k).step_by(10))
                    .collect(),
                zones,
            };
            let rules = Rules {
                cores: &[0.785, 0.82],
                fractions: &[0.1, 1.0],
                least: &[0.0],
                rounds: 1,
            };
            let around = look(&ground, &swarm, &Existing::new(&[]), &rules);
            let pairs: usize = around.layers.iter().map(|l| l.pairs.len()).sum();
            most.push(pairs as f64 / f64::from(count));
        }
        assert!(most.iter().all(|pairs| *pairs < 8.0), "{most:?}");
        assert!(most[2] < most[0] * 1.1, "{most:?}");
    }

    #[test]
    fn two_dots_on_one_spot_part() {
        let head = square();
        let patch: Vec<u32> = (0..800).collect();
        let even = |_: &Vector3<f64>| Some((0, 200.0));
        let (ground, cells) = Ground::new(&head, &patch, &even);
        let middle = cells.iter().find(|c| {
            let p = ground.place(c, 0.3, 0.3).position;
            (p - Vector3::new(0.05, 0.05, 0.0)).norm() < 0.002
        });
        let spot = ground.place(middle.unwrap(), 0.3, 0.3);
        let mut swarm = Swarm {
            spots: vec![spot; 2],
            zones: vec![0; 2],
            layers: vec![0; 2],
            units: vec![0, 1],
            ranks: vec![0, 1],
        };
        let rules = Rules {
            cores: &[0.1],
            fractions: &[1.0],
            least: &[0.0],
            rounds: 60,
        };
        let flow = relax(
            &ground,
            &mut swarm,
            &Existing::new(&[]),
            &rules,
            &crate::to_the_end,
        );
        assert!(flow.is_continue());
        let apart = (swarm.spots[0].position - swarm.spots[1].position).norm();
        let wanted = 0.1 * largest_distance(200.0);
        assert!(apart > 0.97 * wanted && apart < 2.0 * wanted, "{apart}");
    }
}
