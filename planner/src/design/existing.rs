//! Hairs and dots that are there already, as a density: what they fill is not laid again.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::map::{self, Map, Node};
use crate::density::BANDWIDTH;

/// The listed points of each zone.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// How many lie in each zone.
    pub counts: Vec<usize>,
    /// Their density in each zone that has any, per m², at the map's nodes in it and around it.
    pub densities: Vec<Option<Vec<f64>>>,
}

impl Listed {
    /// Spreads points over the skin of the zones they lie in. `zone` tells the zone in which dots may be laid and listed points count at a
    /// place of the surface, in skull coordinates.
    pub fn new(
        map: &Map,
        points: &[Vector3<f64>],
        zones: usize,
        zone: impl Fn(&Vector3<f64>) -> Option<u8> + Sync,
    ) -> Self {
        let mut listed = Self {
            counts: vec![0; zones],
            densities: vec![None; zones],
        };
        let held: Vec<(u8, &Vector3<f64>)> = points
            .iter()
            .filter_map(|p| zone(p).map(|z| (z, p)))
            .collect();
        if held.is_empty() {
            return listed;
        }
        let zones_at: Vec<Option<u8>> = map
            .surface()
            .par_iter()
            .map(|q| q.as_ref().and_then(&zone))
            .collect();
        let areas = areas(map);
        for (zone, p) in held {
            let z = usize::from(zone);
            listed.counts[z] += 1;
            let density = listed.densities[z].get_or_insert_with(|| vec![0.0; map::nodes()]);
            around(map, p).for_each(|(n, k)| density[n] += k);
        }
        // Per skin of the same zone under the kernel, so that its edge looks no thinner.
        for (zone, density) in (0u8..).zip(&mut listed.densities) {
            let Some(density) = density else { continue };
            density.par_iter_mut().enumerate().for_each(|(n, d)| {
                let Some(here) = map.surface()[n].filter(|_| *d > 0.0) else {
                    return;
                };
                let near = around(map, &here).filter(|(n, _)| zones_at[*n] == Some(zone));
                let skin: f64 = near.map(|(n, k)| k * areas[n]).sum();
                *d = if skin > 0.0 { *d / skin } else { 0.0 };
            });
        }
        listed
    }
}

/// The nodes near a point, with the kernel's weight.
fn around<'a>(map: &'a Map, p: &'a Vector3<f64>) -> impl Iterator<Item = (Node, f64)> + 'a {
    let reach = BANDWIDTH.m();
    map.nodes_around(p, reach).into_iter().filter_map(move |n| {
        let square = (map.surface()[n]? - p).norm_squared() / (reach * reach);
        (square < 1.0).then(|| (n, (1.0 - square).powi(2)))
    })
}

/// The skin of each node, m².
fn areas(map: &Map) -> Vec<f64> {
    let at = |n: Node, right, up| map::step(n, right, up).and_then(|n| map.surface()[n]);
    let area = |n: Node| {
        let across = at(n, 1, 0).zip(at(n, -1, 0)).map(|(a, b)| a - b);
        let along = at(n, 0, 1).zip(at(n, 0, -1)).map(|(a, b)| a - b);
        across.zip(along).map_or_else(
            // Beside a hole: as if it faced the scalp's middle, which makes nodes of the chart equal.
            || map.surface()[n].map_or(0.0, |q| (map::CELL * q.norm()).powi(2)),
            |(across, along)| across.cross(&along).norm() / 4.0,
        )
    };
    (0..map::nodes()).into_par_iter().map(area).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::skull::Skull;

    #[test]
    fn points_become_their_density_up_to_the_zones_edge_and_not_beyond() {
        let map = Map::round(Skull::unit(), 0.09);
        // Two zones, divided in the midline, and nothing below.
        let zone = |q: &Vector3<f64>| (q.z > 0.03).then(|| u8::from(q.y > 0.0));
        // 50 per cm² on the left, 20 on the right, all the way down: spirals of equal steps.
        let mut points = Vec::new();
        for (left, per_cm2) in [(true, 50.0), (false, 20.0)] {
            let count = 4.0 * std::f64::consts::PI * 81.0 * per_cm2;
            for k in 0..count as u32 {
                let (up, around) = (
                    1.0 - 2.0 * (f64::from(k) + 0.5) / count,
                    2.399_963_229_728_653 * f64::from(k),
                );
                let level = (1.0 - up * up).sqrt();
                let p = Vector3::new(level * around.cos(), level * around.sin(), up) * 0.09;
                if (p.y > 0.0) == left {
                    points.push(p);
                }
            }
        }
        let listed = Listed::new(&map, &points, 2, zone);
        let areas = areas(&map);
        for (z, wanted) in [(0, 20e4), (1, 50e4)] {
            let area = std::f64::consts::PI * 0.09 * 0.06;
            assert!((listed.counts[z] as f64 / (area * wanted) - 1.0).abs() < 0.01);
            let density = listed.densities[z].as_ref().unwrap();
            let mut sum = 0.0;
            for n in 0..map::nodes() {
                let here = map.surface()[n].and_then(|q| zone(&q)) == Some(z as u8);
                if !here {
                    continue;
                }
                let narrow = map::place_of(n).norm() < 0.02;
                let off = density[n] / wanted - 1.0;
                assert!(narrow || off.abs() < 0.2, "{z}: {off}");
                sum += density[n] * areas[n];
            }
            assert!(
                (sum / listed.counts[z] as f64 - 1.0).abs() < 0.01,
                "{z}: {sum}"
            );
        }
    }
}
