//! What is laid, in numbers: per zone and layer, how many dots, how many of them the arm can place, how dense, how even, in which shades,
//! how near to what they must not touch.
//!
//! ```no_run
//! # use stipple_model::{frames::Head, mesh::SurfaceMesh, treatment::Treatment};
//! # use stipple_planner::{design::Scalp, dots::DotField, measure::{self, Against, Placed}};
//! # fn f(field: &DotField, head: &SurfaceMesh<Head>, scalp: &Scalp, treatment: &Treatment) {
//! let against = Against { head, scalp, treatment, exclusion: None };
//! let measures = measure::measure(field.dots.iter().map(Placed::from), &against);
//! # }
//! ```

mod spectrum;

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Dot, Measure, Outcome, Spacing, Zone};
use stipple_model::treatment::Treatment;
use stipple_model::units::{Density, Length};

use crate::design::Scalp;
use crate::dots::along::{self, Place};
use crate::dots::existing::Existing;
use crate::dots::grid::Grid;
use crate::dots::{self, LaidDot};

/// The uniform part of a zone: where at least this share of the zone's largest density is asked for.
const UNIFORM: f64 = 0.99;
/// Neighbours are looked for up to this many ideal distances away; a dot without any has no nearest neighbour.
const FARTHEST: f64 = 16.0;
/// What was there before is looked for up to this far away, metres.
const EXISTING_REACH: f64 = 0.005;

/// Where a dot is and what it belongs to: all that measures need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Where.
    pub position: Point<Head>,
    /// Outward skin normal.
    pub normal: Direction<Head>,
    /// The triangle it lies on, where that is known.
    pub triangle: Option<u32>,
    /// Its zone's index.
    pub zone: u8,
    /// Its layer, from 1.
    pub layer: u8,
    /// Its shade's index.
    pub shade: u8,
    /// Whether the arm can place it.
    pub planned: bool,
}

impl From<&LaidDot> for Placed {
    fn from(dot: &LaidDot) -> Self {
        Self {
            position: dot.position,
            normal: dot.normal,
            triangle: Some(dot.triangle),
            zone: dot.zone,
            layer: dot.layer,
            shade: dot.shade,
            planned: true,
        }
    }
}

impl From<&Dot> for Placed {
    fn from(dot: &Dot) -> Self {
        Self {
            position: dot.position,
            normal: dot.normal,
            triangle: None,
            zone: dot.zone,
            layer: dot.layer,
            shade: dot.shade,
            planned: matches!(dot.outcome, Outcome::Planned { .. }),
        }
    }
}

/// The distance from a place to the nearest exclusion; `None` when there is none.
pub type Exclusion<'a> = dyn Fn(&Point<Head>) -> Option<Length> + Sync + 'a;

/// What dots are measured against.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// The surface.
    pub head: &'a SurfaceMesh<Head>,
    /// The design on it.
    pub scalp: &'a Scalp,
    /// The treatment it came from.
    pub treatment: &'a Treatment,
    /// The distance from a place to the nearest exclusion, when there are any.
    pub exclusion: Option<&'a Exclusion<'a>>,
}

/// One dot with what is asked for at its place.
struct Site {
    placed: Placed,
    place: Place,
    /// The density asked for with all layers there, per m²; `None` where the design wants no dot.
    asked: Option<f64>,
    /// How many hairs and dots per m² were there before.
    existing_density: f64,
    /// The nearest of them, metres.
    nearest_existing: Option<f64>,
    off_surface: Option<f64>,
    exclusion: Option<f64>,
}

/// Measures dots per zone and layer; layers count together with all before them.
#[must_use]
pub fn measure(dots: impl IntoIterator<Item = Placed>, against: &Against<'_>) -> Vec<Measure> {
    let laid: Vec<Placed> = dots.into_iter().collect();
    let existing = Existing::new(&against.scalp.existing);
    let sites: Vec<Site> = laid
        .par_iter()
        .map(|d| site(d, against, &existing))
        .collect();
    let zones = &against.scalp.zones;
    let layers: Vec<(u8, f64)> = (1u8..)
        .zip(against.treatment.layers.iter().copied())
        .collect();
    let of_layer = |&(layer, share): &(u8, f64)| {
        let there: Vec<&Site> = sites.iter().filter(|s| s.placed.layer <= layer).collect();
        let nearest = nearest(&there, share);
        let places: Vec<Place> = there.iter().map(|s| s.place).collect();
        let of_zone = |(index, zone): (u8, &Zone)| {
            let own: Vec<usize> = (0..there.len())
                .filter(|&i| there[i].placed.zone == index)
                .collect();
            let density = Density::from_per_m2(own.len() as f64 / zone.area.m2());
            let spacing = |members: &[usize]| {
                let known: Vec<f64> = members.iter().filter_map(|&i| nearest[i]).collect();
                Spacing {
                    count: members.len() as u32,
                    rho: known.iter().copied().reduce(f64::min),
                    cv_nn: variation(&known),
                }
            };
            let all = spacing(&own);
            let distance = largest_distance(zone.target * share).m();
            Measure {
                zone: index,
                layer,
                count: all.count,
                planned: own.iter().filter(|&&i| there[i].placed.planned).count() as u32,
                density,
                target: zone.target * share,
                rho: all.rho,
                cv_nn: all.cv_nn,
                uniform: spacing(&uniform(&there, &own)),
                anisotropy_db: spectrum::anisotropy_db(&places, &own, distance),
                off_surface: most(own.iter().map(|&i| there[i].off_surface)),
                nearest_exclusion: own
                    .iter()
                    .filter_map(|&i| there[i].exclusion)
                    .reduce(f64::min)
                    .map(Length::from_m),
                nearest_existing: own
                    .iter()
                    .filter_map(|&i| there[i].nearest_existing)
                    .reduce(f64::min)
                    .map(Length::from_m),
                shades: shades(&there, &own, against.treatment.shades.len()),
            }
        };
        (0u8..).zip(zones).map(of_zone).collect::<Vec<Measure>>()
    };
    let mut measures: Vec<Measure> = layers.par_iter().flat_map_iter(of_layer).collect();
    // By zone, then by layer.
    measures.sort_by_key(|m| (m.zone, m.layer));
    measures
}

fn site(placed: &Placed, against: &Against<'_>, existing: &Existing) -> Site {
    let point = placed.position.raw();
    let ideal = against.scalp.at(&placed.position);
    Site {
        placed: *placed,
        place: Place {
            point,
            normal: placed.normal.raw(),
        },
        asked: ideal.map(|here| here.density.per_m2()),
        existing_density: existing.density(&point),
        nearest_existing: existing.nearest(&point, EXISTING_REACH),
        off_surface: placed.triangle.map(|t| {
            against
                .head
                .distance_to_triangle(t as usize, &placed.position)
                .m()
        }),
        exclusion: against
            .exclusion
            .and_then(|distance| distance(&placed.position))
            .map(|d| d.m()),
    }
}

/// The members that stand where the zone is as dense as it gets.
fn uniform(there: &[&Site], own: &[usize]) -> Vec<usize> {
    let asked = |i: usize| there[i].asked.unwrap_or(0.0);
    let densest = own.iter().map(|&i| asked(i)).fold(0.0, f64::max);
    let is_uniform = |i: &usize| densest > 0.0 && asked(*i) >= densest * UNIFORM;
    own.iter().copied().filter(is_uniform).collect()
}

/// The largest of some lengths; `None` when one is not known or there is none.
fn most(mut lengths: impl Iterator<Item = Option<f64>>) -> Option<Length> {
    let first = lengths.next()??;
    lengths
        .try_fold(first, |m, l| l.map(|l| m.max(l)))
        .map(Length::from_m)
}

fn shades(there: &[&Site], own: &[usize], count: usize) -> Vec<u32> {
    let mut counts = vec![0; count];
    for &i in own {
        if let Some(n) = counts.get_mut(there[i].placed.shade as usize) {
            *n += 1;
        }
    }
    counts
}

/// For each dot the distance to its nearest neighbour over the largest possible at the density asked for there: the mean of the two
/// dots' ideal distances at this share of all dots. What was there before is a neighbour too and counts to the density. Distances to dots
/// are those along the skin: what lies on the other side of a fold is no neighbour.
fn nearest(there: &[&Site], share: f64) -> Vec<Option<f64>> {
    let ideals: Vec<f64> = there
        .iter()
        .map(|s| {
            let asked = s.asked.unwrap_or(f64::NAN) * share;
            dots::largest_distance(asked + s.existing_density)
        })
        .collect();
    let points: Vec<Vector3<f64>> = there.iter().map(|s| s.place.point).collect();
    let known = ideals.iter().filter(|d| d.is_finite());
    let mean = known.clone().sum::<f64>() / known.count().max(1) as f64;
    let grid = Grid::new(&points, mean.max(1e-6));
    (0..there.len())
        .into_par_iter()
        .map(|i| {
            let own = ideals[i];
            let mut reach = own;
            let before = there[i].nearest_existing;
            while own.is_finite() && reach <= own * FARTHEST {
                let mut found = before.map_or((f64::INFINITY, None), |d| (d, Some(d / own)));
                grid.near(&points[i], reach, |j| {
                    let j = j as usize;
                    let distance = along::distance(&there[i].place, &there[j].place);
                    if j != i && distance < found.0 && ideals[j].is_finite() {
                        found = (distance, Some(distance / (0.5 * (own + ideals[j]))));
                    }
                });
                // Beyond the reach a nearer one may hide in a cube that was not looked at.
                if found.0 <= reach {
                    return found.1;
                }
                reach *= 2.0;
            }
            None
        })
        .collect()
}

/// Each point's straight distance to its nearest other, metres; empty with fewer than two points.
#[must_use]
pub fn nearest_distances(points: &[Vector3<f64>]) -> Vec<f64> {
    if points.len() < 2 {
        return Vec::new();
    }
    let start = 0.002;
    let grid = Grid::new(points, start);
    let nearest = |(i, p): (usize, &Vector3<f64>)| {
        let mut radius = start;
        loop {
            let mut least = f64::INFINITY;
            grid.near(p, radius, |j| {
                if j as usize != i {
                    least = least.min((points[j as usize] - p).norm());
                }
            });
            // Beyond the radius a nearer one may hide in a cube that was not looked at.
            if least <= radius || radius > 10.0 {
                return least;
            }
            radius *= 2.0;
        }
    };
    points.iter().enumerate().map(nearest).collect()
}

/// The largest distance at which dots of a density can all stand apart: a hexagonal lattice's.
#[must_use]
pub fn largest_distance(density: Density) -> Length {
    Length::from_m(dots::largest_distance(density.per_m2()))
}

/// Standard deviation over mean; `None` with fewer than two values or all zero.
fn variation(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    (values.len() >= 2 && mean > 0.0).then(|| spread / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(points: &[Vector3<f64>], density: f64) -> Vec<Site> {
        points
            .iter()
            .map(|p| Site {
                placed: Placed {
                    position: Point::from_raw(*p),
                    normal: Direction::z(),
                    triangle: None,
                    zone: 0,
                    layer: 1,
                    shade: 0,
                    planned: true,
                },
                place: Place {
                    point: *p,
                    normal: Vector3::z(),
                },
                asked: Some(density),
                existing_density: 0.0,
                nearest_existing: None,
                off_surface: None,
                exclusion: None,
            })
            .collect()
    }

    #[test]
    fn a_hexagonal_lattice_is_as_even_as_can_be() {
        let (n, d) = (60, 0.0015);
        let points: Vec<Vector3<f64>> = (0..n * n)
            .map(|i| {
                let (row, column) = (f64::from(i / n), f64::from(i % n));
                let x = (column + 0.5 * (row % 2.0)) * d;
                Vector3::new(x, row * d * 0.75f64.sqrt(), 0.0)
            })
            .collect();
        let density = Density::from_per_m2(1.0 / (d * d * 0.75f64.sqrt()));
        let sites = sites(&points, density.per_m2());
        let found = nearest(&sites.iter().collect::<Vec<_>>(), 1.0);
        let ratios: Vec<f64> = found.into_iter().map(Option::unwrap).collect();
        assert!(ratios.iter().all(|r| (r - 1.0).abs() < 1e-9));
        assert!(variation(&ratios).unwrap() < 1e-9);
    }

    #[test]
    fn what_is_far_or_behind_a_fold_is_no_neighbour() {
        let points = [
            Vector3::zeros(),
            Vector3::x() * 0.0004,
            Vector3::x() * 0.0030,
            Vector3::x() * 0.5,
        ];
        // An ideal distance of 1 mm.
        let mut sites = sites(&points, 2e6 / 3f64.sqrt());
        sites[1].place.normal = -Vector3::z();
        let found = nearest(&sites.iter().collect::<Vec<_>>(), 1.0);
        assert!((found[0].unwrap() - 3.0).abs() < 1e-9, "{found:?}");
        assert_eq!((found[1], found[3]), (None, None));
        // With a quarter of the dots the ideal distance is twice as long.
        let sparse = nearest(&sites.iter().collect::<Vec<_>>(), 0.25);
        assert!((sparse[0].unwrap() - 1.5).abs() < 1e-9);
        // And where the design wants no dot nothing is said.
        sites[0].asked = None;
        assert_eq!(nearest(&sites.iter().collect::<Vec<_>>(), 1.0)[0], None);
    }

    #[test]
    fn one_value_does_not_vary() {
        let two = [Vector3::zeros(), Vector3::new(0.5, 0.0, 0.0)];
        assert_eq!(nearest_distances(&two), vec![0.5, 0.5]);
        assert_eq!(nearest_distances(&two[..1]), Vec::<f64>::new());
        assert_eq!(variation(&[1.0]), None);
        assert_eq!(variation(&[]), None);
        assert_eq!(variation(&[2.0, 2.0]), Some(0.0));
        assert_eq!(variation(&[0.0, 0.0]), None);
        assert_eq!(most([Some(1.0), None].into_iter()), None);
        assert_eq!(
            most([Some(1.0), Some(3.0)].into_iter()),
            Some(Length::from_m(3.0))
        );
    }
}
