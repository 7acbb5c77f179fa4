//! What was laid, in numbers: per zone and layer, how many dots, how dense, how even.
//!
//! ```no_run
//! # use stipple_planner::{design::Scalp, dots::DotField, measure};
//! # use stipple_model::treatment::Treatment;
//! # fn f(field: &DotField, scalp: &Scalp, treatment: &Treatment) {
//! let measures = measure::measure(field.dots.iter().map(measure::Placed::from), &scalp.zones, &treatment.layers);
//! # }
//! ```

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};
use stipple_model::plan::{Dot, Measure, Zone};
use stipple_model::units::{Density, Length};

use crate::dots::LaidDot;
use crate::dots::grid::Grid;

/// Where a dot is and what it belongs to: all that measures need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Where.
    pub position: Point<Head>,
    /// Its zone's index.
    pub zone: u8,
    /// Its layer, from 1.
    pub layer: u8,
}

impl From<&LaidDot> for Placed {
    fn from(dot: &LaidDot) -> Self {
        Self {
            position: dot.position,
            zone: dot.zone,
            layer: dot.layer,
        }
    }
}

impl From<&Dot> for Placed {
    fn from(dot: &Dot) -> Self {
        Self {
            position: dot.position,
            zone: dot.zone,
            layer: dot.layer,
        }
    }
}

/// Measures dots per zone and layer; layers count together with all before them. `layers` are the shares after each layer.
#[must_use]
pub fn measure(
    dots: impl IntoIterator<Item = Placed>,
    zones: &[Zone],
    layers: &[f64],
) -> Vec<Measure> {
    let dots: Vec<Placed> = dots.into_iter().collect();
    let mut measures = Vec::with_capacity(zones.len() * layers.len());
    for (index, zone) in (0u8..).zip(zones) {
        for (layer, share) in (1u8..).zip(layers) {
            let points: Vec<Vector3<f64>> = dots
                .iter()
                .filter(|d| d.zone == index && d.layer <= layer)
                .map(|d| d.position.raw())
                .collect();
            let density = Density::from_per_m2(points.len() as f64 / zone.area.m2());
            let nearest = nearest_distances(&points);
            measures.push(Measure {
                zone: index,
                layer,
                count: points.len() as u32,
                density,
                target: zone.target * *share,
                rho: nearest
                    .iter()
                    .copied()
                    .reduce(f64::min)
                    .map(|least| least / largest_distance(density).m()),
                cv_nn: variation(&nearest),
            });
        }
    }
    measures
}

/// The largest distance at which dots of a density can all stand apart: a hexagonal lattice's.
#[must_use]
pub fn largest_distance(density: Density) -> Length {
    Length::from_m((2.0 / (3f64.sqrt() * density.per_m2())).sqrt())
}

/// Each point's distance to its nearest other, metres; empty with fewer than two points.
#[must_use]
pub fn nearest_distances(points: &[Vector3<f64>]) -> Vec<f64> {
    if points.len() < 2 {
        return Vec::new();
    }
    let start = 0.002;
    let grid = Grid::new(points, start);
    points
        .iter()
        .enumerate()
        .map(|(i, p)| {
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
        })
        .collect()
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
    use stipple_model::units::Area;

    #[test]
    fn a_hexagonal_lattice_is_as_even_as_can_be() {
        let (n, d) = (60, 0.0015);
        let dots = (0..n * n).map(|i| {
            let (row, column) = (f64::from(i / n), f64::from(i % n));
            let x = (column + 0.5 * (row % 2.0)) * d;
            Placed {
                position: Point::new(x, row * d * 0.75f64.sqrt(), 0.0),
                zone: 0,
                layer: 1,
            }
        });
        let area = Area::from_m2(f64::from(n * n) * d * d * 0.75f64.sqrt());
        let zone = Zone {
            name: "flat".into(),
            area,
            target: Density::from_per_m2(f64::from(n * n) / area.m2()),
        };
        let measures = measure(dots, &[zone], &[1.0]);
        assert!((measures[0].rho.unwrap() - 1.0).abs() < 1e-9);
        assert!(measures[0].cv_nn.unwrap() < 1e-9);
        assert!((measures[0].density / measures[0].target - 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_dots_have_no_spacing() {
        let zone = Zone {
            name: "flat".into(),
            area: Area::from_cm2(1.0),
            target: Density::from_per_cm2(1.0),
        };
        let one = Placed {
            position: Point::origin(),
            zone: 0,
            layer: 1,
        };
        let measures = measure([one], &[zone], &[1.0]);
        assert_eq!(
            (measures[0].count, measures[0].rho, measures[0].cv_nn),
            (1, None, None)
        );
        assert_eq!(
            nearest_distances(&[Vector3::zeros(), Vector3::new(0.5, 0.0, 0.0)]),
            vec![0.5, 0.5]
        );
    }
}
