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
    /// Their density in each zone that has any, per m², at the map's nodes. Over the zone's own skin it sums to their number.
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
        let mut near: Vec<(Node, f64)> = Vec::new();
        for (zone, p) in held {
            let z = usize::from(zone);
            listed.counts[z] += 1;
            near.clear();
            near.extend(around(map, &zones_at, zone, p));
            let sum: f64 = near.iter().map(|(n, k)| k * area(map, *n)).sum();
            let density = listed.densities[z].get_or_insert_with(|| vec![0.0; map::nodes()]);
            if sum > 0.0 {
                near.iter().for_each(|(n, k)| density[*n] += k / sum);
            }
        }
        listed
    }
}

/// The nodes of a zone near a point, with the kernel's weight.
fn around<'a>(
    map: &'a Map,
    zones: &'a [Option<u8>],
    zone: u8,
    p: &'a Vector3<f64>,
) -> impl Iterator<Item = (Node, f64)> + 'a {
    let reach = BANDWIDTH.m();
    map.nodes_around(p, reach)
        .into_iter()
        .filter(move |n| zones[*n] == Some(zone))
        .filter_map(move |n| {
            let square = (map.surface()[n]? - p).norm_squared() / (reach * reach);
            (square < 1.0).then(|| (n, (1.0 - square).powi(2)))
        })
}

/// The skin of a node, m², as if it faced the scalp's middle: what is left out cancels when the zone's total is made exact.
fn area(map: &Map, node: Node) -> f64 {
    let radius = map.surface()[node].map_or(0.0, |q| q.norm());
    (map::CELL * radius).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::skull::{Place, Skull};

    #[test]
    fn points_are_spread_over_their_own_zone_and_none_is_lost() {
        let map = Map::round(Skull::unit(), 0.09);
        // Two zones, divided in the midline, down to the ears; and nothing below.
        let zone = |q: &Vector3<f64>| (q.z > 0.0).then(|| u8::from(q.y > 0.0));
        let mut points = Vec::new();
        for k in 0..400u32 {
            let (pitch, side) = (f64::from(k % 20) * 0.02, f64::from(k / 20) * 0.03 - 0.2);
            points.push(Place::towards(pitch, side) * 0.09);
        }
        points.push(Place::towards(2.0, 0.0) * 0.09);
        let listed = Listed::new(&map, &points, 2, zone);
        assert_eq!(listed.counts.iter().sum::<usize>(), 400);
        for (z, density) in listed.densities.iter().enumerate() {
            let density = density.as_ref().unwrap();
            let sum: f64 = (0..map::nodes()).map(|n| density[n] * area(&map, n)).sum();
            assert!((sum - listed.counts[z] as f64).abs() < 1e-6, "{z}: {sum}");
            let elsewhere = (0..map::nodes())
                .filter(|n| map.surface()[*n].and_then(|q| zone(&q)) != Some(z as u8));
            assert!(elsewhere.into_iter().all(|n| density[n] == 0.0));
        }
    }
}
