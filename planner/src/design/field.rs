//! Zone and density at every place of a head.

use std::collections::VecDeque;

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::frames::{Head, Point};
use stipple_model::limits::KEEP_OUT_MARGIN;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::KeepOut;
use stipple_model::treatment::Treatment;
use stipple_model::units::Length;

use super::exclusion::Exclusions;
use super::existing::Listed;
use super::geodesic::{self, Start};
use super::map::{self, Map, Node, Uv};
use super::margin::Margin;
use super::regions::{Spot, smoothstep};
use super::zones::Zones;

/// Dots keep this far from the edge of a hole. Source: this project's own; the scanner's surface is least sure there.
const HOLE_MARGIN: Length = Length::from_mm(5.0);
/// Keep-outs are kept clear of by the safety margin and this, so that a dot is never right on it.
const KEEP_OUT_SLACK: f64 = 0.001;
/// Share of the density at the outer end of a feather: never quite nothing, so that the least distance of dots stays bounded.
const FAINTEST: f64 = 0.08;
/// Where dots of earlier sessions stand as densely as is wanted, this share of it is left to lay: next to nothing, but still skin of its zone.
const LEAST_LEFT: f64 = 0.01;
/// Dots of earlier sessions this near to a zone count to it, metres. Source: this project's own; the map has a node every 0.7 mm.
const EDGE: f64 = 0.001_5;

/// What a node of the map stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    /// No surface, or in front of the hairline.
    Outside,
    /// Behind the hairline, in no zone.
    Untreated,
    /// In a zone.
    Zone,
}

/// Zone and density at every place of a head.
#[derive(Debug, Clone)]
pub(super) struct Field {
    map: Map,
    zones: Zones,
    exclusions: Exclusions,
    margin: Margin,
    keep_outs: Vec<(Vector3<f64>, f64)>,
    /// Nodes near which there may be a zone, and near which there may be an open edge.
    zoned: Vec<bool>,
    edged: Vec<bool>,
    /// Distance to untreated scalp at the nodes, metres.
    to_untreated: Vec<f64>,
    /// Full density of each zone as the treatment asks for it, dots per m²; how many times that is laid; and its feather, metres.
    densities: Vec<f64>,
    scales: Vec<f64>,
    feathers: Vec<f64>,
    /// What is listed as there already in each zone, dots per m² at the nodes.
    listed: Vec<Option<Vec<f64>>>,
    /// The same of dots of earlier sessions, and how many times of what they leave is laid.
    placed: Vec<Option<Vec<f64>>>,
    left: Vec<f64>,
    transition: f64,
    edge_density: f64,
}

impl Field {
    /// Lays zones out over the map.
    pub fn new(
        head: &SurfaceMesh<Head>,
        treatment: &Treatment,
        map: Map,
        (zones, exclusions): (Zones, Exclusions),
        keep_outs: &[KeepOut],
    ) -> Self {
        let feathers: Vec<f64> = treatment
            .zones
            .iter()
            .map(|z| z.feather.unwrap_or(treatment.feather).m())
            .collect();
        let labels: Vec<Label> = (0..map::nodes())
            .into_par_iter()
            .map(|n| label(&map, &zones, &map::place_of(n), map.surface()[n]))
            .collect();
        let mut zoned = vec![false; labels.len()];
        for node in (0..labels.len()).filter(|n| labels[*n] == Label::Zone) {
            around(node, 2, |n| zoned[n] = true);
        }
        let widest = feathers.iter().copied().fold(0.0, f64::max);
        let to_untreated = if widest > 0.0 {
            let edge = treated_edge(&map, &zones, &labels);
            geodesic::distances(&map, &edge, widest)
        } else {
            vec![f64::INFINITY; labels.len()]
        };
        let margin = Margin::new(head, HOLE_MARGIN.m());
        let mut edged = vec![false; labels.len()];
        let (points, width) = margin.points();
        for p in points {
            for node in map.nodes_around(&map.skull().local(p), width) {
                edged[node] = true;
            }
        }
        let clear = |k: &KeepOut| (k.radius + KEEP_OUT_MARGIN).m() + KEEP_OUT_SLACK;
        Self {
            map,
            zones,
            exclusions,
            margin,
            keep_outs: keep_outs
                .iter()
                .map(|k| (k.center.raw(), clear(k)))
                .collect(),
            zoned,
            edged,
            to_untreated,
            densities: treatment.zones.iter().map(|z| z.laid().per_m2()).collect(),
            scales: vec![1.0; feathers.len()],
            listed: vec![None; feathers.len()],
            placed: vec![None; feathers.len()],
            left: vec![1.0; feathers.len()],
            feathers,
            transition: treatment.hairline.transition.m(),
            edge_density: treatment.hairline.edge_density,
        }
    }

    /// Makes a zone so many times as dense.
    pub fn scale(&mut self, zone: usize, factor: f64) {
        if let Some(scale) = self.scales.get_mut(zone) {
            *scale *= factor;
        }
    }

    /// Makes every zone so many times as dense.
    pub fn scale_all(&mut self, factor: f64) {
        self.scales.iter_mut().for_each(|s| *s *= factor);
    }

    /// Takes the density of listed points off where they stand. In a zone whose design says how dense the hair is, that counts instead.
    /// Returns how many lie in each zone.
    pub fn take_off(&mut self, treatment: &Treatment, points: &[Point<Head>]) -> Vec<usize> {
        let skull = self.map.skull();
        let points: Vec<Vector3<f64>> = points.iter().map(|p| skull.local(&p.raw())).collect();
        let zone = |q: &Vector3<f64>| {
            let (zone, _) = self.at(&skull.head(q).raw())?;
            let design = treatment.zones.get(usize::from(zone))?;
            design.existing.is_none().then_some(zone)
        };
        let listed = Listed::new(&self.map, &points, treatment.zones.len(), zone);
        self.listed = listed.densities;
        listed.counts
    }

    /// Takes the density of dots of earlier sessions off where they stand, in every zone. Returns how many lie in each.
    pub fn take_off_placed(&mut self, points: &[Point<Head>]) -> Vec<usize> {
        let skull = self.map.skull();
        let points: Vec<Vector3<f64>> = points.iter().map(|p| skull.local(&p.raw())).collect();
        let zone = |q: &Vector3<f64>| self.at(&skull.head(q).raw()).map(|(zone, _)| zone);
        // A dot at the very edge of its zone may lie beyond it by what the map rounds, or by what the needle was off.
        let inside = |q: &Vector3<f64>| {
            let near = self.map.nodes_around(q, EDGE).into_iter();
            let near = near.filter_map(|n| self.map.surface()[n]);
            let near = near.filter(|at| zone(at).is_some());
            near.min_by(|a, b| (a - q).norm().total_cmp(&(b - q).norm()))
        };
        let points: Vec<Vector3<f64>> = points
            .par_iter()
            .map(|q| {
                let outside = zone(q).is_none();
                outside.then(|| inside(q)).flatten().unwrap_or(*q)
            })
            .collect();
        let placed = Listed::new(&self.map, &points, self.feathers.len(), zone);
        self.placed = placed.densities;
        placed.counts
    }

    /// Lays so many times what dots of earlier sessions leave to lay in a zone.
    pub fn scale_left(&mut self, zone: usize, factor: f64) {
        if let Some(left) = self.left.get_mut(zone) {
            *left *= factor;
        }
    }

    /// The hairline's points from left to right.
    pub fn hairline(&self) -> impl Iterator<Item = Point<Head>> {
        let skull = self.map.skull();
        self.zones.line.points.iter().map(|q| skull.head(q))
    }

    /// Zone and density, dots per m², at a head-frame point of the surface.
    pub fn at(&self, p: &Vector3<f64>) -> Option<(u8, f64)> {
        let (q, uv, node) = self.chart(p)?;
        if !self.zoned[node] {
            return None;
        }
        let (zone, spot) = zone(&self.map, &self.zones, &q, &uv)?;
        if self
            .keep_outs
            .iter()
            .any(|(center, clear)| (p - center).norm() < *clear)
            || (self.edged[node] && self.margin.is_near(p))
            || self.exclusions.contains(&q, &uv)
        {
            return None;
        }
        let mut density = self.densities[zone as usize] * self.fade(zone, &uv, &spot);
        if let Some(there) = &self.listed[zone as usize] {
            // Never quite nothing, as at the end of a feather.
            density = (density - map::between(there, &uv)).max(FAINTEST * density);
        }
        density *= self.scales[zone as usize];
        if let Some(there) = &self.placed[zone as usize] {
            density = (density - map::between(there, &uv)).max(LEAST_LEFT * density);
        }
        density *= self.left[zone as usize];
        (density > 0.0).then_some((zone, density))
    }

    /// Distance to the nearest exclusion, metres.
    pub fn exclusion_distance(&self, p: &Vector3<f64>) -> Option<f64> {
        let q = self.map.skull().local(p);
        // A place off the map is in no exclusion's area.
        let uv = map::chart(&q).unwrap_or_else(|| Uv::new(f64::INFINITY, f64::INFINITY));
        self.exclusions.distance(&q, &uv)
    }

    /// The name of an exclusion whose skin or margin a place is on, found without the map.
    pub fn violated(&self, p: &Vector3<f64>) -> Option<&str> {
        self.exclusions.violated(&self.map.skull().local(p))
    }

    /// The zone that covers a place from which only an open edge keeps dots.
    pub fn lost_to_a_hole(&self, p: &Vector3<f64>) -> Option<u8> {
        let (q, uv, node) = self.chart(p)?;
        if !self.edged[node] || !self.zoned[node] || !self.margin.is_near(p) {
            return None;
        }
        zone(&self.map, &self.zones, &q, &uv).map(|(zone, _)| zone)
    }

    /// Skin of each zone that the scan lacks, m²: as if it went on as far from the scalp's middle as the nearest that is there.
    pub fn not_scanned(&self) -> Vec<f64> {
        let surface = self.map.surface();
        let mut lacking = vec![0.0; self.densities.len()];
        let mut radius: Vec<Option<f64>> = surface.iter().map(|q| q.map(|q| q.norm())).collect();
        let mut queue: VecDeque<Node> =
            (0..radius.len()).filter(|n| radius[*n].is_some()).collect();
        while let Some(node) = queue.pop_front() {
            for (right, up) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
                let next = map::step(node, right, up).filter(|n| radius[*n].is_none());
                if let Some((next, r)) = next.zip(radius[node]) {
                    radius[next] = Some(r);
                    queue.push_back(next);
                    let uv = map::place_of(next);
                    if let Some(zone) = self.would_be(&uv, r) {
                        lacking[usize::from(zone)] += (map::CELL * r).powi(2);
                    }
                }
            }
        }
        lacking
    }

    /// The zone of a place without a surface, were the surface so far from the scalp's middle.
    fn would_be(&self, uv: &Uv, radius: f64) -> Option<u8> {
        let q = map::direction(uv) * radius;
        let p = self.map.skull().head(&q).raw();
        let mut keep_outs = self.keep_outs.iter();
        if uv.norm() > map::REACH
            || keep_outs.any(|(center, clear)| (p - center).norm() < *clear)
            || self.exclusions.contains(&q, uv)
        {
            return None;
        }
        zone(&self.map, &self.zones, &q, uv).map(|(zone, _)| zone)
    }

    /// Whether a triangle faces away from the scalp's middle, as skin over the skull does and an ear's or a fold's inside does not, and
    /// may be near a zone.
    pub fn may_be_dotted(&self, head: &SurfaceMesh<Head>, triangle: usize) -> bool {
        let corners = head.corners(triangle).map(|p| p.raw());
        let [a, b, c] = corners.map(|p| self.map.skull().local(&p));
        let center = (a + b + c) / 3.0;
        let normal = (b - a).cross(&(c - a));
        // Within 66° of straight out.
        if normal.dot(&center) <= 0.4 * normal.norm() * center.norm() {
            return false;
        }
        let longest = (b - a).norm().max((c - b).norm()).max((a - c).norm());
        // A small triangle, of which there are many, is known by its corners and middle; a zone is marked two cells wide around it.
        longest > 0.0012
            || [a, b, c, center].iter().any(|q| {
                let node = map::chart(q).and_then(|uv| map::node(&uv));
                node.is_some_and(|n| self.zoned[n])
            })
    }

    fn chart(&self, p: &Vector3<f64>) -> Option<(Vector3<f64>, Uv, Node)> {
        let q = self.map.skull().local(p);
        let uv = map::chart(&q)?;
        Some((q, uv, map::node(&uv)?))
    }

    /// The share of the full density: less in the hairline's transition, and towards untreated scalp.
    fn fade(&self, zone: u8, uv: &Uv, spot: &Spot) -> f64 {
        let ramp = |distance: f64, width: f64| {
            if width > 0.0 {
                smoothstep(distance / width)
            } else {
                1.0
            }
        };
        let front =
            self.edge_density + (1.0 - self.edge_density) * ramp(spot.depth, self.transition);
        let feather = self.feathers[zone as usize];
        if feather <= 0.0 {
            return front;
        }
        let edge = map::between(&self.to_untreated, uv);
        front * (FAINTEST + (1.0 - FAINTEST) * ramp(edge, feather))
    }
}

/// The zone at a place of the surface and where it lies behind the hairline.
fn zone(map: &Map, zones: &Zones, q: &Vector3<f64>, uv: &Uv) -> Option<(u8, Spot)> {
    let depth = zones.line.behind(uv)?;
    let spot = Spot {
        place: map.place(q),
        depth,
    };
    zones.at(q, uv, &spot).map(|zone| (zone, spot))
}

fn label(map: &Map, zones: &Zones, uv: &Uv, surface: Option<Vector3<f64>>) -> Label {
    let Some(q) = surface else {
        return Label::Outside;
    };
    if zones.line.behind(uv).is_none() {
        Label::Outside
    } else if zone(map, zones, &q, uv).is_some() {
        Label::Zone
    } else {
        Label::Untreated
    }
}

/// Visits the nodes around one.
fn around(node: Node, reach: i32, mut visit: impl FnMut(Node)) {
    for i in -reach..=reach {
        for j in -reach..=reach {
            if let Some(n) = map::step(node, i, j) {
                visit(n);
            }
        }
    }
}

/// Places where treated scalp meets untreated scalp behind the hairline, about a cell apart.
fn treated_edge(map: &Map, zones: &Zones, labels: &[Label]) -> Vec<Start> {
    let mut edge = Vec::new();
    for (node, here) in labels.iter().enumerate() {
        for (right, up) in [(1, 0), (0, 1)] {
            let Some(next) = map::step(node, right, up) else {
                continue;
            };
            let (mut inner, mut outer) = match (*here, labels[next]) {
                (Label::Zone, Label::Untreated) => (map::place_of(node), map::place_of(next)),
                (Label::Untreated, Label::Zone) => (map::place_of(next), map::place_of(node)),
                _ => continue,
            };
            for _ in 0..6 {
                let middle = (inner + outer) / 2.0;
                let surface = map.lift(&map::direction(&middle));
                if label(map, zones, &middle, surface) == Label::Zone {
                    inner = middle;
                } else {
                    outer = middle;
                }
            }
            let uv = (inner + outer) / 2.0;
            if let Some(at) = map.lift(&map::direction(&uv)) {
                edge.push(Start { uv, at });
            }
        }
    }
    edge
}
