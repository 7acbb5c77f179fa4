//! The design as numbers for the plan: how many dots are wanted where, in small pieces of skin that together are the zones.
//!
//! A plan carries them so that what was laid can be held against what was asked without the planner's design stage.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Wanted;
use stipple_model::units::Area;

use crate::design::{Scalp, cells};

/// Edge of the cubes whose cells become one piece, metres. Source: finer than any change of density in a design, coarse enough that a
/// whole scalp makes some 25,000 pieces.
const CUBE: f64 = 0.002;

/// Reads the design on the patch. Each zone's pieces sum to its exact number of dots; the same whatever the mesh's fineness.
#[must_use]
pub fn pieces(head: &SurfaceMesh<Head>, scalp: &Scalp) -> Vec<Wanted> {
    #[derive(Default)]
    struct Sum {
        moment: Vector3<f64>,
        area: f64,
        dots: f64,
    }
    let mut sums: BTreeMap<(u8, [i64; 3]), Sum> = BTreeMap::new();
    for &triangle in &scalp.patch {
        let corners = head.corners(triangle as usize).map(|p| p.raw());
        let area = head.triangle_area(triangle as usize).m2();
        cells(&corners, |center, share| {
            let Some((zone, density)) = scalp.density(&center) else {
                return;
            };
            // Casts saturate; a head lies within a metre.
            let cube = [center.x, center.y, center.z].map(|c| (c / CUBE).floor() as i64);
            let sum = sums.entry((zone, cube)).or_default();
            sum.moment += center * (area * share);
            sum.area += area * share;
            sum.dots += area * share * density;
        });
    }
    let mut totals = vec![0.0; scalp.quotas.len()];
    for ((zone, _), sum) in &sums {
        if let Some(total) = totals.get_mut(*zone as usize) {
            *total += sum.dots;
        }
    }
    let exact = |zone: u8, dots: f64| {
        let total = totals.get(zone as usize).copied().unwrap_or_default();
        let quota = scalp.quotas.get(zone as usize).copied().unwrap_or_default();
        if total > 0.0 {
            dots * f64::from(quota) / total
        } else {
            0.0
        }
    };
    sums.into_iter()
        .filter(|(_, sum)| sum.area > 0.0)
        .map(|((zone, _), sum)| Wanted {
            position: Point::from_raw(sum.moment / sum.area),
            zone,
            area: Area::from_m2(sum.area),
            dots: exact(zone, sum.dots),
        })
        .collect()
}
