//! Laying dots: an exact count, evenly spread at the density asked for, in layers of which each is evenly spread too.
//!
//! ```no_run
//! # use stipple_planner::{design, dots};
//! # use stipple_model::{frames::Head, mesh::SurfaceMesh, treatment::Treatment};
//! # fn f(head: &SurfaceMesh<Head>, scalp: &design::Scalp, treatment: &Treatment) -> Result<(), dots::LayoutError> {
//! let field = dots::layout(head, scalp, treatment, 1, &|share| eprintln!("{:.0}%", share * 100.0))?;
//! assert_eq!(field.dots.len() as u32, scalp.quotas.iter().sum::<u32>());
//! # Ok(())
//! # }
//! ```
//!
//! Same input and seed, same dots, bit for bit. Dots stand in the order of their layers, so the first n of any layer's count are that
//! layer and all before it.

mod eliminate;
pub(crate) mod grid;
mod heap;
mod shade;
mod skin;

use nalgebra::Vector3;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::treatment::Treatment;
use stipple_model::units::Length;

use crate::design::{Scalp, Share, apportion};
use eliminate::{Candidate, eliminate};

/// Candidates per dot. Source: Yuksel 2015 uses 3 to 5; more is more even and slower.
const CANDIDATES: u32 = 6;
/// Draws per candidate before a zone is given up: a zone covers more than a hundredth of its triangles.
const DRAWS: u64 = 1000;

/// One dot laid out; whether the arm can place it is not known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct LaidDot {
    /// Where, on the mesh to within rounding.
    pub position: Point<Head>,
    /// The triangle it lies on; always one of the patch.
    pub triangle: u32,
    /// Outward skin normal, smoothed over the neighbourhood.
    pub normal: Direction<Head>,
    /// How deep below the skin.
    pub depth: Length,
    /// How wide when fresh.
    pub diameter: Length,
    /// Index into the treatment's shades.
    pub shade: u8,
    /// Index into the scalp's zones.
    pub zone: u8,
    /// Its layer, from 1.
    pub layer: u8,
}

/// All dots of a treatment, layer by layer.
#[derive(Debug, Clone, PartialEq)]
pub struct DotField {
    /// The dots; layers rise.
    pub dots: Vec<LaidDot>,
    /// How many layers.
    pub layers: u8,
}

/// Why dots cannot be laid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A zone is so scattered that places in it are not found.
    #[error(
        "zone \"{zone}\" is too scattered to lay {wanted} dots in; leave the zone out or scan the scalp whole"
    )]
    Scattered {
        /// Which.
        zone: String,
        /// How many dots it should have.
        wanted: u32,
    },
    /// A triangle has no normal.
    #[error("triangle {triangle} has no area; check the scan again")]
    NoNormal {
        /// Which.
        triangle: u32,
    },
}

/// Lays the dots of a treatment. `progress` is told shares 0..=1 of the work.
///
/// # Errors
/// A zone in which not enough places are found.
pub fn layout(
    head: &SurfaceMesh<Head>,
    scalp: &Scalp,
    treatment: &Treatment,
    seed: u64,
    progress: &dyn Fn(f64),
) -> Result<DotField, LayoutError> {
    let candidates = candidates(head, scalp, seed)?;
    progress(0.15);
    let counts = layer_counts(&scalp.quotas, &treatment.layers);
    let everything: Vec<u32> = (0u32..).take(candidates.len()).collect();
    let mut set = everything;
    let mut layers: Vec<Vec<u32>> = Vec::with_capacity(counts.len());
    for (k, (keep, fraction)) in counts.iter().zip(&treatment.layers).enumerate().rev() {
        let (from, to) = if k + 1 == counts.len() {
            (0.15, 0.75)
        } else {
            (0.75, 0.9)
        };
        let thinned = eliminate(&candidates, &set, keep, *fraction, &|share| {
            progress(from + (to - from) * share)
        });
        if k + 1 < counts.len() {
            // What goes when thinning down to layer k belongs to the layer above it; what went last is the most welcome there.
            let mut layer = thinned.gone;
            layer.reverse();
            layers.push(layer);
        }
        set = thinned.kept;
    }
    layers.push(set);
    layers.reverse();
    progress(0.9);
    finish(head, scalp, treatment, seed, &candidates, &layers)
}

/// Dots per zone after each layer; each layer's sum is the rounded share of the total.
fn layer_counts(quotas: &[u32], layers: &[f64]) -> Vec<Vec<u32>> {
    let total: u32 = quotas.iter().sum();
    let weights: Vec<f64> = quotas.iter().map(|&q| f64::from(q)).collect();
    let mut counts: Vec<Vec<u32>> = layers
        .iter()
        .map(|share| apportion(&weights, (f64::from(total) * share.min(1.0)).round() as u32))
        .collect();
    if let Some(last) = counts.last_mut() {
        last.clone_from_slice(quotas);
    }
    // A zone never shrinks from one layer to the next.
    for k in (1..counts.len()).rev() {
        let above = counts[k].clone();
        counts[k - 1]
            .iter_mut()
            .zip(above)
            .for_each(|(below, above)| *below = (*below).min(above));
    }
    counts
}

/// Places drawn at random, each zone's in proportion to its quota, as dense as the design asks.
fn candidates(
    head: &SurfaceMesh<Head>,
    scalp: &Scalp,
    seed: u64,
) -> Result<Vec<Candidate>, LayoutError> {
    let mut all =
        Vec::with_capacity(scalp.quotas.iter().sum::<u32>() as usize * CANDIDATES as usize);
    for (zone, &quota) in (0u8..).zip(&scalp.quotas) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // A stream of its own: a zone's dots do not depend on how many were drawn before it.
        rng.set_stream(u64::from(zone) + 1);
        let shares: Vec<&Share> = scalp.shares.iter().filter(|s| s.zone == zone).collect();
        let mut sum = 0.0;
        let sums: Vec<f64> = shares
            .iter()
            .map(|s| {
                sum += s.area * s.densest;
                sum
            })
            .collect();
        let wanted = u64::from(quota) * u64::from(CANDIDATES);
        let scattered = || LayoutError::Scattered {
            zone: scalp
                .zones
                .get(zone as usize)
                .map_or_else(String::new, |z| z.name.clone()),
            wanted: quota,
        };
        if shares.is_empty() && quota > 0 {
            return Err(scattered());
        }
        let (mut found, mut draws) = (0, 0u64);
        while found < wanted {
            draws += 1;
            if draws > wanted * DRAWS {
                return Err(scattered());
            }
            let at = unit(&mut rng) * sum;
            let share = shares[sums.partition_point(|s| *s < at).min(shares.len() - 1)];
            if let Some(candidate) = draw(head, scalp, share, &mut rng) {
                all.push(candidate);
                found += 1;
            }
        }
    }
    Ok(all)
}

/// One place on a triangle, or `None` when it is in another zone or loses the draw for the density.
fn draw(
    head: &SurfaceMesh<Head>,
    scalp: &Scalp,
    share: &Share,
    rng: &mut ChaCha8Rng,
) -> Option<Candidate> {
    let (mut u, mut v, chance) = (unit(rng), unit(rng), unit(rng));
    if u + v > 1.0 {
        (u, v) = (1.0 - u, 1.0 - v);
    }
    let [a, b, c] = head.corners(share.triangle as usize).map(|p| p.raw());
    let position = a + (b - a) * u + (c - a) * v;
    let (zone, density) = scalp.density(&position)?;
    let normal = head.face_normal(share.triangle as usize)?.raw();
    (zone == share.zone && chance * share.densest < density).then_some(Candidate {
        position,
        normal,
        triangle: share.triangle,
        zone,
        density,
    })
}

/// Uniform in 0..1, 53 bits.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn finish(
    head: &SurfaceMesh<Head>,
    scalp: &Scalp,
    treatment: &Treatment,
    seed: u64,
    candidates: &[Candidate],
    layers: &[Vec<u32>],
) -> Result<DotField, LayoutError> {
    let skin = skin::Skin::new(head, &scalp.patch);
    let mut dots = Vec::with_capacity(layers.iter().map(Vec::len).sum());
    for (layer, members) in (1u8..).zip(layers) {
        let places: Vec<(u8, Vector3<f64>)> = members
            .iter()
            .map(|&i| (candidates[i as usize].zone, candidates[i as usize].position))
            .collect();
        let shades = shade::deal(&places, treatment, seed, layer);
        for (&i, shade) in members.iter().zip(shades) {
            let c = &candidates[i as usize];
            let design = &treatment.zones[c.zone as usize];
            let normal = skin
                .normal(c.triangle, &c.position)
                .ok_or(LayoutError::NoNormal {
                    triangle: c.triangle,
                })?;
            dots.push(LaidDot {
                position: Point::from_raw(c.position),
                triangle: c.triangle,
                normal,
                depth: design.depth,
                diameter: design.diameter,
                shade,
                zone: c.zone,
                layer,
            });
        }
    }
    Ok(DotField {
        dots,
        layers: layers.len() as u8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_grow_in_every_zone() {
        let counts = layer_counts(&[7, 1, 12, 0], &[0.3, 0.7, 1.0]);
        assert_eq!(counts[2], vec![7, 1, 12, 0]);
        assert_eq!(
            counts
                .iter()
                .map(|c| c.iter().sum::<u32>())
                .collect::<Vec<_>>(),
            vec![6, 14, 20]
        );
        for pair in counts.windows(2) {
            assert!(pair[0].iter().zip(&pair[1]).all(|(a, b)| a <= b));
        }
    }
}
