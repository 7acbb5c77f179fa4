//! Places that get no dot: moles, scars, wounds and the like, each with its margin.
//!
//! Whether a place may be dotted is asked millions of times, so [`Exclusions::contains`] looks only at what is known to be near a place of
//! the map. [`Exclusions::violated`] asks the same of the exclusions themselves, without map or index: what the first lets slip, the
//! second finds.

use std::collections::HashMap;

use nalgebra::{Vector2, Vector3};
use stipple_model::treatment::{Exclusion, Extent};

use super::error::DesignError;
use super::map::{self, Map, Node, Uv};
use super::outline::{Ground, Polygon};

/// Two ways of computing one edge differ by less than this on a head, metres: sides are straight on the map and arcs on the head.
const SAME_EDGE: f64 = 1e-5;
/// Rounding of a distance, metres.
const ROUNDING: f64 = 1e-9;

/// One exclusion on the head, in skull coordinates.
#[derive(Debug, Clone)]
enum Laid {
    Ball { center: Vector3<f64>, radius: f64 },
    Area(Box<Region>),
}

/// What a closed curve encloses.
#[derive(Debug, Clone)]
struct Region {
    edge: Vec<Vector3<f64>>,
    within: Polygon,
    /// A ball that holds the edge: middle and radius.
    middle: Vector3<f64>,
    reach: f64,
}

impl Region {
    fn new(edge: Vec<Vector3<f64>>, within: Polygon) -> Self {
        let middle = edge.iter().sum::<Vector3<f64>>() / edge.len().max(1) as f64;
        let reach = edge.iter().map(|p| (p - middle).norm());
        Self {
            reach: reach.fold(0.0, f64::max),
            middle,
            edge,
            within,
        }
    }

    fn sides(&self) -> impl Iterator<Item = (&Vector3<f64>, &Vector3<f64>)> {
        let next = self.edge.iter().cycle().skip(1);
        self.edge.iter().zip(next)
    }

    /// Distance to the edge, straight, from within and from outside.
    fn to_edge(&self, q: &Vector3<f64>) -> f64 {
        let squares = self.sides().map(|(a, b)| {
            let side = b - a;
            let along = (q - a).dot(&side) / side.norm_squared();
            // A side of no length: NaN, which clamp keeps and max drops.
            (a + side * along.clamp(0.0, 1.0).max(0.0) - q).norm_squared()
        });
        squares.fold(f64::INFINITY, f64::min).sqrt()
    }

    /// No less than this far from the edge, for the price of one distance.
    fn at_least(&self, q: &Vector3<f64>) -> f64 {
        (q - self.middle).norm() - self.reach
    }

    /// Whether the curve runs between a place and the neck an odd number of times on the way straight down the head: within, by the
    /// curve's sides alone.
    fn encloses(&self, q: &Vector3<f64>) -> bool {
        let level = Vector2::new(q.x, q.y);
        let forward = level.try_normalize(1e-12).unwrap_or_else(Vector2::x);
        let aside = Vector2::new(-forward.y, forward.x);
        let crossed = self.sides().filter(|(a, b)| {
            let (from, to) = (aside.dot(&a.xy()), aside.dot(&b.xy()));
            if (from > 0.0) == (to > 0.0) {
                return false;
            }
            let at = *a + (*b - *a) * (from / (from - to));
            let out = forward.dot(&at.xy());
            out > 0.0 && at.z * level.norm() < q.z * out
        });
        crossed.count() % 2 == 1
    }
}

impl Laid {
    /// Distance to the exclusion's edge, straight; zero within.
    fn distance(&self, q: &Vector3<f64>, uv: &Uv) -> f64 {
        match self {
            Self::Ball { center, radius } => ((q - center).norm() - radius).max(0.0),
            Self::Area(region) if region.within.contains(uv) => 0.0,
            Self::Area(region) => region.to_edge(q),
        }
    }

    /// Whether a place is nearer than a margin, or within.
    fn reaches(&self, q: &Vector3<f64>, uv: &Uv, margin: f64) -> bool {
        match self {
            Self::Area(region) if !region.within.contains(uv) => {
                region.at_least(q) <= margin && region.to_edge(q) <= margin
            }
            _ => self.distance(q, uv) <= margin,
        }
    }
}

/// All exclusions of a design.
#[derive(Debug, Clone)]
pub(super) struct Exclusions {
    names: Vec<String>,
    /// Balls, sorted by where they lie forward.
    balls: Vec<Entry>,
    /// The largest ball's radius, and that with its margin.
    radius: f64,
    reach: f64,
    areas: Vec<Entry>,
    /// Those that may be in the way near a node: balls, and after them areas.
    near: HashMap<Node, Vec<u32>>,
}

#[derive(Debug, Clone)]
struct Entry {
    laid: Laid,
    margin: f64,
    /// Index of its name.
    name: usize,
}

impl Entry {
    /// A ball's middle and radius.
    fn ball(&self) -> Option<(&Vector3<f64>, f64)> {
        match &self.laid {
            Laid::Ball { center, radius } => Some((center, *radius)),
            Laid::Area(_) => None,
        }
    }

    fn forward(&self) -> f64 {
        self.ball().map_or(0.0, |(center, _)| center.x)
    }

    /// As [`Exclusions::violated`], of one.
    fn is_violated(&self, q: &Vector3<f64>) -> bool {
        match &self.laid {
            Laid::Ball { center, radius } => (q - center).norm() < radius + self.margin - ROUNDING,
            Laid::Area(region) => {
                let near =
                    region.at_least(q) < self.margin && region.to_edge(q) < self.margin - ROUNDING;
                near || (region.encloses(q) && region.to_edge(q) > SAME_EDGE)
            }
        }
    }
}

impl Exclusions {
    /// Lays a design's exclusions.
    pub fn new(ground: Ground<'_>, given: &[Exclusion]) -> Result<Self, DesignError> {
        let (mut balls, mut areas) = (Vec::new(), Vec::new());
        for (name, exclusion) in given.iter().enumerate() {
            let what = format!("exclusion \"{}\"", exclusion.name);
            let margin = exclusion.margin.m();
            let entry = |laid| Entry { laid, margin, name };
            match &exclusion.extent {
                Extent::Points { centers, radius } => {
                    for (k, center) in (1..).zip(centers) {
                        let center = ground.point(&format!("point {k} of {what}"), center)?.at;
                        let radius = radius.m();
                        balls.push(entry(Laid::Ball { center, radius }));
                    }
                }
                Extent::Curve(given) => {
                    let (edge, within) = ground.ring(&what, given)?;
                    let edge = edge.iter().map(|s| s.at).collect();
                    areas.push(entry(Laid::Area(Box::new(Region::new(edge, within)))));
                }
            }
        }
        balls.sort_by(|a, b| a.forward().total_cmp(&b.forward()));
        let most = |of: &dyn Fn(&Entry, f64) -> f64| {
            let each = balls.iter().filter_map(|e| e.ball().map(|(_, r)| of(e, r)));
            each.fold(0.0, f64::max)
        };
        Ok(Self {
            names: given.iter().map(|e| e.name.clone()).collect(),
            radius: most(&|_, radius| radius),
            reach: most(&|entry, radius| radius + entry.margin),
            near: nearby(ground.map, balls.iter().chain(&areas)),
            balls,
            areas,
        })
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        let index = index as usize;
        self.balls
            .get(index)
            .or_else(|| self.areas.get(index - self.balls.len()))
    }

    /// Whether a place is in an exclusion or its margin.
    pub fn contains(&self, q: &Vector3<f64>, uv: &Uv) -> bool {
        let candidates = map::node(uv).and_then(|n| self.near.get(&n));
        candidates.is_some_and(|some| {
            let mut entries = some.iter().filter_map(|i| self.entry(*i));
            entries.any(|entry| entry.laid.reaches(q, uv, entry.margin))
        })
    }

    /// The name of an exclusion whose skin or margin a place is on, found without the map: `None` where a dot may be.
    pub fn violated(&self, q: &Vector3<f64>) -> Option<&str> {
        let from = self
            .balls
            .partition_point(|e| e.forward() < q.x - self.reach);
        let balls = self.balls[from..]
            .iter()
            .take_while(|e| e.forward() <= q.x + self.reach);
        let mut entries = balls.chain(&self.areas);
        let found = entries.find(|entry| entry.is_violated(q))?;
        self.names.get(found.name).map(String::as_str)
    }

    /// Distance to the nearest exclusion's edge, its margin not counted; `None` where there is none.
    pub fn distance(&self, q: &Vector3<f64>, uv: &Uv) -> Option<f64> {
        let start = self.balls.partition_point(|e| e.forward() < q.x);
        let (mut down, mut up) = (start, start);
        let mut best = f64::INFINITY;
        loop {
            let gap = |e: Option<&Entry>| {
                e.map_or(f64::INFINITY, |e| (e.forward() - q.x).abs() - self.radius)
            };
            let below = gap(down.checked_sub(1).and_then(|i| self.balls.get(i)));
            let above = gap(self.balls.get(up));
            if below.min(above) >= best {
                break;
            }
            let next = if below <= above {
                down -= 1;
                down
            } else {
                up += 1;
                up - 1
            };
            best = best.min(self.balls[next].laid.distance(q, uv));
        }
        for entry in &self.areas {
            // Its middle may be far from what lies within, so that is asked first.
            let nearer = match &entry.laid {
                Laid::Area(region) => region.within.contains(uv) || region.at_least(q) < best,
                Laid::Ball { .. } => true,
            };
            if nearer {
                best = best.min(entry.laid.distance(q, uv));
            }
        }
        best.is_finite().then_some(best)
    }
}

/// The nodes around each exclusion and its margin, widened so that no place near a node is missed: a ball's around its middle; an area's
/// around its whole edge, and all nodes within.
fn nearby<'a>(map: &Map, laid: impl Iterator<Item = &'a Entry>) -> HashMap<Node, Vec<u32>> {
    let mut near: HashMap<Node, Vec<u32>> = HashMap::new();
    for (index, entry) in (0u32..).zip(laid) {
        let mut enter = |node: Node| {
            let here = near.entry(node).or_default();
            // One exclusion is entered at once, so a node that has it has it last.
            if here.last() != Some(&index) {
                here.push(index);
            }
        };
        match &entry.laid {
            Laid::Ball { center, radius } => {
                let around = map.nodes_around(center, radius + entry.margin);
                around.into_iter().for_each(enter);
            }
            Laid::Area(region) => {
                for (a, b) in region.sides() {
                    let around = map.nodes_around(a, entry.margin + (b - a).norm());
                    around.into_iter().for_each(&mut enter);
                }
                region.within.nodes().for_each(enter);
            }
        }
    }
    near
}
