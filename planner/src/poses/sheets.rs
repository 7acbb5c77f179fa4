//! Which ways of reaching the scalp's places continue into each other: regions without a change of branch.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::ops::ControlFlow;

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::joints::Joints;

use super::candidate::Candidate;
use super::rolls::Branches;
use super::{Site, Surroundings, wrap};

/// Places looked at, at most.
const MOST_NODES: usize = 360;
/// The same for an arm with a redundant joint, whose places have many more ways each.
const MOST_NODES_REDUNDANT: usize = 160;
/// Ways kept a place.
const MOST_WAYS: usize = 96;
/// Neighbours of a place that are compared with it.
const NEIGHBOURS: usize = 8;
/// Two ways at neighbouring places continue into each other when no joint differs by more, rad.
const STEP: f64 = 0.6;
/// Price of two neighbouring ways that do not continue into each other.
const TORN: f64 = 40.0;
/// How often a place may choose its way anew.
const PASSES: usize = 8;
/// Grown regions that are smoothed and compared.
const BEST: usize = 3;
/// Places and ways at each from which regions are grown.
const STARTS: (usize, usize) = (5, 8);
/// Passes in which the rolls are turned towards each other, the most a pass turns one, and the most it may turn a joint, rad.
const ROUNDS: usize = 15;
const MOST_TURN: f64 = 0.25;
const STEP_ALLOWED: f64 = 0.5;
/// A region of fewer places is none: its dots are found one by one.
const FEWEST: usize = 2;
/// Regions made at most.
const MOST_REGIONS: usize = 48;
/// Below this share of half a joint's range to its limit, a way is dearer.
const WIDE_MARGIN: f64 = 0.15;
/// Below this singular value a way is dearer.
const FAR_FROM_SINGULAR: f64 = 0.08;

/// One way of hovering over a place.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// The tip's x axis in the head frame.
    x: Vector3<f64>,
    q: Joints,
    /// How little it is liked: near limits or singularities.
    price: f64,
}

/// A place and its ways.
struct Place {
    site: Site,
    ways: Vec<Way>,
}

/// A place whose way has been chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) site: Site,
    /// The tip's x axis in the head frame.
    pub(super) x: Vector3<f64>,
    pub(super) hover: Joints,
    pub(super) region: u16,
}

/// The regions that cover what the arm can reach of a scalp, as ways at a few hundred places of it.
pub struct Sheets {
    pub(super) nodes: Vec<Node>,
    regions: u16,
    /// Places looked at.
    places: usize,
}

/// Sites spread evenly: the first in each cell of a grid that leaves at most `most`.
pub(crate) fn spread(sites: &[Site], most: usize) -> Vec<Site> {
    let mut edge = 2e-3;
    loop {
        let cell = |s: &Site| s.position.raw().map(|c| (c / edge).floor() as i64);
        let mut first: BTreeMap<[i64; 3], usize> = BTreeMap::new();
        for (i, site) in sites.iter().enumerate() {
            first.entry(cell(site).into()).or_insert(i);
        }
        if first.len() <= most {
            let mut chosen: Vec<usize> = first.into_values().collect();
            chosen.sort_unstable();
            return chosen.into_iter().map(|i| sites[i]).collect();
        }
        edge *= 1.15;
    }
}

/// A price for comparing: what differs in the last bits only is the same, so that they do not decide.
fn coarse(price: f64) -> f64 {
    (price * 1e6).round()
}

/// Price of going from one way to another at a neighbouring place, full turns not counted; `None` when they do not continue into each
/// other.
fn price_between(a: &Way, b: &Way) -> Option<f64> {
    let mut sum = 0.0;
    for (a, b) in a.q.as_slice().iter().zip(b.q.as_slice()) {
        let far = (a - b).abs();
        // Most joints are not a turn apart: a comparison spares the rounding.
        let far = if far > STEP { wrap(far).abs() } else { far };
        if far > STEP {
            return None;
        }
        sum += far * far;
    }
    Some(sum / 0.02)
}

/// Places, their neighbours, and which ways continue into which.
struct Graph {
    places: Vec<Place>,
    near: Vec<Vec<usize>>,
    /// Ways that are taken out of the choice, by place.
    dead: Vec<Vec<bool>>,
}

impl Graph {
    fn new(surroundings: &Surroundings<'_>, sites: Vec<Site>) -> Self {
        let places: Vec<Place> = sites
            .into_par_iter()
            .map(|site| Place {
                ways: ways(surroundings, &site),
                site,
            })
            .collect();
        let near = (0..places.len()).map(|i| nearest(&places, i)).collect();
        let dead = places.iter().map(|p| vec![false; p.ways.len()]).collect();
        Self { places, near, dead }
    }

    /// The ways that are left of a place, by index.
    fn left(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.places[place].ways.len()).filter(move |w| !self.dead[place][*w])
    }

    /// Chooses ways outward from one: each place takes the way that continues its neighbour's at the least price.
    fn grow(&self, start: (usize, usize), open: &[bool]) -> Vec<Option<usize>> {
        let mut chosen = vec![None; self.places.len()];
        let mut heap = BinaryHeap::from([Candidate(0.0, start.0, start.1)]);
        while let Some(Candidate(_, place, way)) = heap.pop() {
            if chosen[place].is_some() {
                continue;
            }
            chosen[place] = Some(way);
            let here = &self.places[place].ways[way];
            for &next in self.near[place]
                .iter()
                .filter(|n| open[**n] && chosen[**n].is_none())
            {
                let best = self.left(next).filter_map(|w| {
                    let there = &self.places[next].ways[w];
                    Some((coarse(price_between(here, there)? + there.price), w))
                });
                let best = best.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                if let Some((price, way)) = best {
                    heap.push(Candidate(price, next, way));
                }
            }
        }
        chosen
    }

    /// Lets every place choose anew what suits its neighbours best, until none has a reason to.
    fn smooth(&self, chosen: &mut [Option<usize>]) {
        let mut waiting: VecDeque<usize> = (0..chosen.len()).collect();
        let mut asked = vec![0; chosen.len()];
        while let Some(place) = waiting.pop_front() {
            let Some(now) = chosen[place].filter(|_| asked[place] < PASSES) else {
                continue;
            };
            asked[place] += 1;
            let price = |w: usize| {
                let here = &self.places[place].ways[w];
                let around = self.near[place].iter().filter_map(|n| {
                    let there = &self.places[*n].ways[chosen[*n]?];
                    Some(price_between(here, there).unwrap_or(TORN))
                });
                here.price + around.sum::<f64>()
            };
            let best = self.left(place).map(|w| (coarse(price(w)), w));
            let best = best.min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((_, best)) = best.filter(|(p, _)| *p < coarse(price(now))) {
                chosen[place] = Some(best);
                waiting.extend(&self.near[place]);
            }
        }
    }

    /// The largest connected part of a choice, as places with joints unwound along it.
    fn largest_part(&self, chosen: &[Option<usize>]) -> Vec<(usize, Joints)> {
        let mut seen = vec![false; chosen.len()];
        let mut best = Vec::new();
        for root in 0..chosen.len() {
            let Some(way) = chosen[root].filter(|_| !seen[root]) else {
                continue;
            };
            seen[root] = true;
            let mut part = vec![(root, self.places[root].ways[way].q)];
            let mut queue = VecDeque::from([0]);
            while let Some(k) = queue.pop_front() {
                let (place, q) = part[k];
                let Some(way) = chosen[place] else { continue };
                for &next in &self.near[place] {
                    let Some(there) = chosen[next].filter(|_| !seen[next]) else {
                        continue;
                    };
                    let (here, there) = (
                        &self.places[place].ways[way],
                        &self.places[next].ways[there],
                    );
                    if price_between(here, there).is_some() {
                        seen[next] = true;
                        queue.push_back(part.len());
                        part.push((next, q.zip(&there.q, |a, b| a + wrap(b - a))));
                    }
                }
            }
            if part.len() > best.len() {
                best = part;
            }
        }
        best
    }
}

/// The indices of the nearest places.
fn nearest(places: &[Place], i: usize) -> Vec<usize> {
    let here = places[i].site.position;
    let mut near: Vec<(f64, usize)> = (0..places.len())
        .filter(|j| *j != i)
        .map(|j| (places[j].site.position.distance(&here), j))
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    near.truncate(NEIGHBOURS);
    near.into_iter().map(|(_, j)| j).collect()
}

/// Every usable way of hovering over a site with the needle along the normal.
fn ways(surroundings: &Surroundings<'_>, site: &Site) -> Vec<Way> {
    if surroundings.ruled_out(site).is_some() {
        return Vec::new();
    }
    let arm = surroundings.cell.arm();
    let needle = -site.normal;
    let (mut ways, mut branches) = (Vec::new(), Branches::default());
    surroundings.each_way(site, &needle, &arm.mid_range(), |roll, q, branch| {
        if surroundings.usable_on(&mut branches, branch, &q).is_err() {
            return ControlFlow::Continue(());
        }
        let x = Surroundings::head_from_tip(site, &needle, roll)
            .raw()
            .rotation
            * Vector3::x();
        let limits = (WIDE_MARGIN / arm.limit_margin(&q)).powi(2);
        let singular = (FAR_FROM_SINGULAR / arm.smallest_singular_value(&q)).powi(2);
        let price = limits.max(1.0) + singular.max(1.0) - 2.0;
        ways.push(Way { x, q, price });
        ControlFlow::Continue(())
    });
    ways.sort_by(|a, b| coarse(a.price).total_cmp(&coarse(b.price)));
    ways.truncate(MOST_WAYS);
    ways
}

/// Joints moved by full turns, all places of a region by the same, so that as many as can be lie within the limits and the tightest of
/// them is as far from its limits as can be.
fn wound(surroundings: &Surroundings<'_>, part: &[(usize, Joints)]) -> Vec<(usize, Joints)> {
    let arm = surroundings.cell.arm();
    let mut shift = Joints::zeros(arm.dof());
    for (j, joint) in arm.joints().iter().enumerate() {
        let score = |turns: i32| {
            let by = core::f64::consts::TAU * f64::from(turns);
            let margins = part
                .iter()
                .map(|(_, q)| (q[j] + by - joint.lower).min(joint.upper - q[j] - by));
            let inside = margins.clone().filter(|m| *m > 0.0).count();
            (inside, margins.fold(f64::INFINITY, f64::min))
        };
        let best = [0, -1, 1, -2, 2].into_iter().max_by(|a, b| {
            let (a, b) = (score(*a), score(*b));
            // The first of equals wins: no turn without a reason.
            a.0.cmp(&b.0)
                .then(a.1.total_cmp(&b.1))
                .then(core::cmp::Ordering::Greater)
        });
        shift[j] = core::f64::consts::TAU * f64::from(best.unwrap_or(0));
    }
    let moved = part
        .iter()
        .map(|(place, q)| (*place, q.zip(&shift, |q, s| q + s)));
    moved
        .filter(|(_, q)| arm.limit_margin(q) >= super::LIMIT_MARGIN)
        .collect()
}

impl Sheets {
    /// Looks at places spread over the sites.
    #[must_use]
    pub fn new(surroundings: &Surroundings<'_>, sites: &[Site]) -> Self {
        let most = if surroundings.cell.arm().dof() > 6 {
            MOST_NODES_REDUNDANT
        } else {
            MOST_NODES
        };
        let mut graph = Graph::new(surroundings, spread(sites, most));
        let mut sheets = Self {
            nodes: Vec::new(),
            regions: 0,
            places: graph.places.len(),
        };
        let mut open = vec![true; graph.places.len()];
        let mut nodes_at = vec![None; graph.places.len()];
        for _ in 0..MOST_REGIONS {
            let Some(region) = next_region(surroundings, &graph, &open) else {
                break;
            };
            for (place, hover) in &region.inside {
                open[*place] = false;
                let way = &graph.places[*place].ways[region.chosen[*place].unwrap_or(0)];
                nodes_at[*place] = Some(sheets.nodes.len());
                sheets.nodes.push(Node {
                    site: graph.places[*place].site,
                    x: way.x,
                    hover: *hover,
                    region: sheets.regions,
                });
            }
            // What was chosen and lies beyond a limit is no way to choose again.
            for (place, _) in region.part.iter().filter(|(p, _)| open[*p]) {
                if let Some(way) = region.chosen[*place] {
                    graph.dead[*place][way] = true;
                }
            }
            if !region.inside.is_empty() {
                sheets.regions += 1;
            }
        }
        let mut near = vec![Vec::new(); sheets.nodes.len()];
        for (place, node) in nodes_at.iter().enumerate() {
            if let Some(node) = *node {
                near[node] = graph.near[place]
                    .iter()
                    .filter_map(|n| nodes_at[*n])
                    .collect();
            }
        }
        sheets.relax(surroundings, &near);
        sheets
    }

    /// Turns the rolls of the nodes until the joints change as little as can be from each to its neighbours, given by index: the rolls
    /// looked at so far are far apart, and what a joint turns between two dots takes time. Nodes that it would make unusable stay.
    fn relax(&mut self, surroundings: &Surroundings<'_>, near: &[Vec<usize>]) {
        let before: Vec<Node> = self.nodes.clone();
        for _ in 0..ROUNDS {
            for (i, near) in near.iter().enumerate() {
                if let Some(turned) = self.turned(surroundings, i, near) {
                    self.nodes[i] = turned;
                }
            }
        }
        let stays = self
            .nodes
            .par_iter()
            .map(|n| surroundings.usable(&n.hover).is_err());
        for (i, stays) in stays.collect::<Vec<bool>>().into_iter().enumerate() {
            if stays {
                self.nodes[i] = before[i];
            }
        }
    }

    /// A node with the roll at which its joints are nearest to its neighbours', to first order; `None` where there is none.
    fn turned(&self, surroundings: &Surroundings<'_>, i: usize, near: &[usize]) -> Option<Node> {
        const STEP: f64 = 0.02;
        let node = self.nodes[i];
        let needle = -node.site.normal;
        let roll = super::roll_towards(&node.site, &needle, &node.x)?;
        let at = |roll: f64| surroundings.solve(&node.site, &needle, roll, &node.hover);
        let slope = at(roll + STEP)?.zip(&at(roll - STEP)?, |a, b| (a - b) / (2.0 * STEP));
        let steep: f64 = slope.as_slice().iter().map(|s| s * s).sum();
        let same = near
            .iter()
            .map(|j| &self.nodes[*j])
            .filter(|n| n.region == node.region);
        let wish = |n: &Node| {
            let missing = n.hover.zip(&node.hover, |a, b| a - b);
            missing
                .as_slice()
                .iter()
                .zip(slope.as_slice())
                .map(|(m, s)| m * s)
                .sum::<f64>()
        };
        let (count, sum) = same.fold((0.0, 0.0), |(c, s), n| (c + 1.0, s + wish(n)));
        let turn = sum / (count * steep);
        if !turn.is_finite() {
            return None;
        }
        let roll = roll + turn.clamp(-MOST_TURN, MOST_TURN);
        let hover = at(roll).filter(|q| q.max_difference(&node.hover) < STEP_ALLOWED)?;
        let x = Surroundings::head_from_tip(&node.site, &needle, roll)
            .raw()
            .rotation
            * Vector3::x();
        Some(Node { x, hover, ..node })
    }

    /// How many regions there are.
    #[must_use]
    pub fn regions(&self) -> u16 {
        self.regions
    }

    /// The share of the places looked at that can be reached, 0..=1.
    #[must_use]
    pub fn reached(&self) -> f64 {
        self.nodes.len() as f64 / self.places.max(1) as f64
    }
}

/// A region being made.
struct Region {
    chosen: Vec<Option<usize>>,
    /// The connected places.
    part: Vec<(usize, Joints)>,
    /// Those of them within the limits.
    inside: Vec<(usize, Joints)>,
}

/// The region that covers most of the open places; `None` when no way is left.
fn next_region(surroundings: &Surroundings<'_>, graph: &Graph, open: &[bool]) -> Option<Region> {
    // Starts: the cheapest ways of a few places far apart, one of each branch.
    let places: Vec<usize> = (0..graph.places.len())
        .filter(|p| open[*p] && graph.left(*p).next().is_some())
        .collect();
    let stride = places.len().div_ceil(STARTS.0).max(1);
    let mut starts: Vec<(usize, usize)> = Vec::new();
    for &place in places.iter().step_by(stride) {
        let mut kept: Vec<usize> = Vec::new();
        for way in graph.left(place) {
            let ways = &graph.places[place].ways;
            let new = |k: &usize| price_between(&ways[*k], &ways[way]).is_none();
            if kept.len() < STARTS.1 && kept.iter().all(new) {
                kept.push(way);
            }
        }
        starts.extend(kept.into_iter().map(|w| (place, w)));
    }
    let grown = starts.into_par_iter().map(|start| {
        let chosen = graph.grow(start, open);
        (graph.largest_part(&chosen).len(), chosen)
    });
    let mut grown: Vec<(usize, Vec<Option<usize>>)> = grown.collect();
    // The first of equals wins, whatever the number of threads.
    grown.sort_by_key(|(size, _)| core::cmp::Reverse(*size));
    grown.truncate(BEST);
    let smoothed = grown.into_par_iter().map(|(_, mut chosen)| {
        graph.smooth(&mut chosen);
        let part = graph.largest_part(&chosen);
        let inside = wound(surroundings, &part);
        Region {
            chosen,
            part,
            inside,
        }
    });
    let smoothed: Vec<Region> = smoothed.collect();
    let best = smoothed
        .into_iter()
        .rev()
        .max_by_key(|r| (r.inside.len(), r.part.len()));
    best.filter(|r| r.part.len() >= FEWEST.min(places.len()))
}
