//! Places that get no dot: moles, scars, wounds and the like, each with its margin.

use std::collections::HashMap;

use nalgebra::Vector3;
use stipple_model::treatment::{Exclusion, Extent};

use super::error::DesignError;
use super::map::{self, Map, Node, Uv};
use super::outline::{Ground, Polygon};

/// One exclusion on the head, in skull coordinates.
#[derive(Debug, Clone)]
enum Laid {
    Ball {
        center: Vector3<f64>,
        radius: f64,
    },
    Area {
        edge: Vec<Vector3<f64>>,
        within: Polygon,
    },
}

impl Laid {
    /// Distance to the exclusion's edge, straight; zero within.
    fn distance(&self, q: &Vector3<f64>, uv: &Uv) -> f64 {
        match self {
            Self::Ball { center, radius } => ((q - center).norm() - radius).max(0.0),
            Self::Area { within, .. } if within.contains(uv) => 0.0,
            Self::Area { edge, .. } => {
                let squares = edge.iter().map(|p| (p - q).norm_squared());
                squares.fold(f64::INFINITY, f64::min).sqrt()
            }
        }
    }

    /// A place of it and how far it reaches from there.
    fn bounds(&self) -> (Vector3<f64>, f64) {
        match self {
            Self::Ball { center, radius } => (*center, *radius),
            Self::Area { edge, .. } => {
                let middle = edge.iter().sum::<Vector3<f64>>() / edge.len().max(1) as f64;
                let reach = edge.iter().map(|p| (p - middle).norm());
                (middle, reach.fold(0.0, f64::max))
            }
        }
    }
}

/// All exclusions of a design.
#[derive(Debug, Clone)]
pub(super) struct Exclusions {
    /// Sorted by where they lie forward, with their margins.
    laid: Vec<Entry>,
    /// The farthest any reaches from its middle.
    reach: f64,
    /// Those that may be in the way near a node.
    near: HashMap<Node, Vec<u32>>,
}

#[derive(Debug, Clone)]
struct Entry {
    laid: Laid,
    middle: Vector3<f64>,
    margin: f64,
}

impl Exclusions {
    /// Lays a design's exclusions.
    pub fn new(ground: Ground<'_>, given: &[Exclusion]) -> Result<Self, DesignError> {
        let mut laid = Vec::new();
        let mut entry = |one: Laid, margin| {
            let (middle, _) = one.bounds();
            laid.push(Entry {
                laid: one,
                middle,
                margin,
            });
        };
        for exclusion in given {
            let what = format!("exclusion \"{}\"", exclusion.name);
            let margin = exclusion.margin.m();
            match &exclusion.extent {
                Extent::Points { centers, radius } => {
                    for (k, center) in (1..).zip(centers) {
                        let center = ground.point(&format!("point {k} of {what}"), center)?.at;
                        entry(
                            Laid::Ball {
                                center,
                                radius: radius.m(),
                            },
                            margin,
                        );
                    }
                }
                Extent::Curve(given) => {
                    let (edge, within) = ground.ring(&what, given)?;
                    let edge = edge.iter().map(|s| s.at).collect();
                    entry(Laid::Area { edge, within }, margin);
                }
            }
        }
        laid.sort_by(|a, b| a.middle.x.total_cmp(&b.middle.x));
        let reach = laid.iter().map(|e| e.laid.bounds().1).fold(0.0, f64::max);
        let near = nearby(ground.map, &laid);
        Ok(Self { laid, reach, near })
    }

    /// Whether a place is in an exclusion or its margin.
    pub fn contains(&self, q: &Vector3<f64>, uv: &Uv) -> bool {
        let candidates = map::node(uv).and_then(|n| self.near.get(&n));
        candidates.is_some_and(|some| {
            some.iter().any(|i| {
                let entry = &self.laid[*i as usize];
                entry.laid.distance(q, uv) <= entry.margin
            })
        })
    }

    /// Distance to the nearest exclusion's edge, its margin not counted; `None` where there is none.
    pub fn distance(&self, q: &Vector3<f64>, uv: &Uv) -> Option<f64> {
        let start = self.laid.partition_point(|e| e.middle.x < q.x);
        let (mut down, mut up) = (start, start);
        let mut best = f64::INFINITY;
        loop {
            let gap = |e: Option<&Entry>| {
                e.map_or(f64::INFINITY, |e| (e.middle.x - q.x).abs() - self.reach)
            };
            let below = gap(down.checked_sub(1).and_then(|i| self.laid.get(i)));
            let above = gap(self.laid.get(up));
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
            best = best.min(self.laid[next].laid.distance(q, uv));
        }
        best.is_finite().then_some(best)
    }
}

/// The nodes around each exclusion and its margin, widened so that no place near a node is missed.
fn nearby(map: &Map, laid: &[Entry]) -> HashMap<Node, Vec<u32>> {
    let mut near: HashMap<Node, Vec<u32>> = HashMap::new();
    for (index, entry) in (0u32..).zip(laid) {
        let (middle, reach) = entry.laid.bounds();
        let reach = reach + entry.margin;
        for node in map.nodes_around(&middle, reach) {
            near.entry(node).or_default().push(index);
        }
    }
    near
}
