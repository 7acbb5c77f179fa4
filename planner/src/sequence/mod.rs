//! The order in which a layer's dots are run, and where it stops.
//!
//! Cartridge after cartridge and, with each, shade after shade, the lightest first. Within them region after region (the arm changes its
//! branch between regions only), and within a region piece after piece of scalp, so that whenever the work breaks off what is done is
//! compact. Dots too near each other to be made one after the other are made in different turns over their piece. The shortest way under
//! all that is searched for in seconds of the arm's motion: what must stay together is held together by a charge for leaving it, far
//! above any hop, so that one search finds the order of the pieces, where each is entered and left, and the way through it.

mod cost;
mod improve;
mod near;
mod path;
mod pieces;
mod stops;
#[cfg(test)]
mod tests;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};
use stipple_model::joints::Joints;
use stipple_model::motion::JointLimits;
use stipple_model::plan::Stop;
use stipple_model::treatment::Session;
use stipple_model::units::{Area, Time};

use cost::HopTime;
use improve::{Cost, Effort};
use near::{Grid, Neighbours, greedy};
use pieces::Size;

pub use stops::{Group, Groups};

/// How long the search goes on. Source: own measurement on blue noise over a head: without disturbances a tour is 1% longer, with four
/// times as many 0.5% shorter.
const EFFORT: Effort = Effort {
    kicks: 0.5,
    reach: 1_000,
};
/// Charge for leaving a region, a piece or a turn, in the unit of the cost: no way over a head takes as many seconds or metres.
const CHARGE: f64 = 1e3;

/// A dot to be visited.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// Where it is.
    pub position: Point<Head>,
    /// The arm hovering over it.
    pub hover: Joints,
    /// Dots of one region need no change of the arm's branch between them.
    pub region: u16,
    /// Its zone.
    pub zone: u8,
    /// Its cartridge and shade: index into [`OrderRules::groups`].
    pub group: u16,
}

/// What an order keeps to.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderRules {
    /// What the joints may do.
    pub limits: JointLimits,
    /// Cartridge and shade of each group, in the order in which they are run.
    pub groups: Vec<Group>,
    /// Pauses and rests.
    pub session: Session,
    /// Expected time of a dot besides the arm's motion.
    pub dot_time: Time,
    /// About how much skin is finished before the next piece begins.
    pub piece: Area,
    /// A piece has about this many dots at least, however much skin that takes.
    pub piece_dots: u32,
}

impl OrderRules {
    /// Rules with pieces as usual: 25 cm², and 250 dots, which is two minutes' work. Source: this project's own; with fewer dots the ways
    /// between pieces begin to count.
    #[must_use]
    pub fn new(limits: JointLimits, groups: Vec<Group>, session: Session, dot_time: Time) -> Self {
        Self {
            limits,
            groups,
            session,
            dot_time,
            piece: Area::from_cm2(25.0),
            piece_dots: 250,
        }
    }
}

/// A layer's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Order {
    /// Indices into the visits, each once.
    pub order: Vec<u32>,
    /// The planned pauses, in order.
    pub stops: Vec<Stop>,
    /// The piece of scalp of each place of the order, numbered in the order in which they are worked off.
    pub pieces: Vec<u32>,
    /// Expected time of the arm's motions between the dots, as if every hop were straight.
    pub motion: Time,
    /// Dots that wait for the skin near them, and how long together.
    pub waits: (u32, Time),
}

/// The order of a layer's dots. Same visits and rules, same order. A visit whose group is not in the rules is run after all others.
#[must_use]
pub fn order(visits: &[Visit], rules: &OrderRules) -> Order {
    let mut groups: Vec<Vec<u32>> = vec![Vec::new(); rules.groups.len() + 1];
    for (i, visit) in (0u32..).zip(visits) {
        let last = groups.len() - 1;
        groups[usize::from(visit.group).min(last)].push(i);
    }
    let mut order = Vec::with_capacity(visits.len());
    let mut pieces = Vec::with_capacity(visits.len());
    let mut piece = 0;
    for members in groups.iter().filter(|m| !m.is_empty()) {
        let from = order
            .last()
            .map(|&i: &u32| visits[i as usize].position.raw());
        for (i, starts) in group_order(visits, members, from, rules) {
            piece += u32::from(starts && !order.is_empty());
            order.push(i);
            pieces.push(piece);
        }
    }
    let hops = HopTime::new(order.iter().map(|&i| &visits[i as usize]), &rules.limits);
    let times: Vec<Time> = (1..order.len() as u32)
        .map(|k| hops.time(k - 1, k))
        .collect();
    let motion = times.iter().fold(Time::ZERO, |sum, t| sum + *t);
    let sequence: Vec<&Visit> = order.iter().map(|&i| &visits[i as usize]).collect();
    let (stops, waits) = stops::plan(&sequence, &times, &pieces, rules);
    Order {
        order,
        stops,
        pieces,
        motion,
        waits,
    }
}

/// The pauses along an order, given each of its places' piece and the hops' times (to each but the first); and how many dots wait for skin
/// that rests, and how long together.
#[must_use]
pub fn stops(
    visits: &[Visit],
    (order, pieces): (&[u32], &[u32]),
    hops: &[Time],
    rules: &OrderRules,
) -> (Vec<Stop>, (u32, Time)) {
    let sequence: Vec<&Visit> = order.iter().map(|&i| &visits[i as usize]).collect();
    stops::plan(&sequence, hops, pieces, rules)
}

/// What stays together: region, piece and turn.
type Block = (u16, u32, u8);

/// One group's visits in order, and whether each is the first of its piece.
fn group_order(
    visits: &[Visit],
    members: &[u32],
    from: Option<Vector3<f64>>,
    rules: &OrderRules,
) -> Vec<(u32, bool)> {
    let own: Vec<&Visit> = members.iter().map(|&i| &visits[i as usize]).collect();
    let size = Size {
        area: rules.piece,
        dots: rules.piece_dots,
    };
    let piece = pieces::divide(&own, size);
    let turn = pieces::turns(&own, rules.session.rest_radius);
    let block: Vec<Block> = (0..own.len())
        .map(|i| (own[i].region, piece[i], turn[i]))
        .collect();
    let start = chain(&own, &block, from);
    let sorted: Vec<&Visit> = start.iter().map(|&i| own[i as usize]).collect();
    let block: Vec<Block> = start.iter().map(|&i| block[i as usize]).collect();
    let hops = HopTime::new(sorted.iter().copied(), &rules.limits);
    let points: Vec<Vector3<f64>> = sorted.iter().map(|v| v.position.raw()).collect();
    let cost = |a: u32, b: u32| {
        let (x, y) = (block[a as usize], block[b as usize]);
        let left = u8::from(x.0 != y.0) + u8::from(x.1 != y.1) + u8::from(x != y);
        hops.between(a, b) + f64::from(left) * CHARGE
    };
    let mut found = shorten(&points, (0..points.len() as u32).collect(), &cost);
    // Either way round is as long: from the end of what was run before.
    if let (Some(from), Some(&first), Some(&last)) = (from, found.first(), found.last()) {
        let gap = |i: u32| (points[i as usize] - from).norm();
        if gap(last) < gap(first) {
            found.reverse();
        }
    }
    let mut before = None;
    found
        .into_iter()
        .map(|k| {
            let piece = block[k as usize].1;
            let starts = before.replace(piece) != Some(piece);
            (members[start[k as usize] as usize], starts)
        })
        .collect()
}

/// A first order: block after block, each from the dot nearest to where the one before ended, always on to the nearest dot.
fn chain(visits: &[&Visit], block: &[Block], from: Option<Vector3<f64>>) -> Vec<u32> {
    let mut blocks: std::collections::BTreeMap<Block, Vec<u32>> = std::collections::BTreeMap::new();
    for (i, &b) in (0u32..).zip(block) {
        blocks.entry(b).or_default().push(i);
    }
    let point = |i: u32| visits[i as usize].position.raw();
    let nearest = |members: &[u32], at: &Vector3<f64>| {
        let gap = |i: u32| (point(i) - at).norm();
        let places = 0..members.len();
        let least = places.min_by(|&a, &b| gap(members[a]).total_cmp(&gap(members[b])));
        least.map_or((f64::INFINITY, 0), |k| (gap(members[k]), k as u32))
    };
    // From the rear, the smallest x of the head frame, unless something was run before: hairlines come last.
    let rear = (0..visits.len() as u32).min_by(|&a, &b| point(a).x.total_cmp(&point(b).x));
    let mut at = from.unwrap_or_else(|| rear.map_or_else(Vector3::zeros, point));
    let mut order = Vec::with_capacity(visits.len());
    let mut last: Option<Block> = None;
    while !blocks.is_empty() {
        // What was begun is finished first: the piece, then the region.
        let begun = |b: &Block| match last {
            Some(l) => (l.0 != b.0, (l.0, l.1) != (b.0, b.1)),
            None => (false, false),
        };
        let gaps = blocks
            .iter()
            .map(|(b, members)| (begun(b), nearest(members, &at).0, *b));
        let next = gaps.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let Some((_, _, next)) = next else { break };
        let members = blocks.remove(&next).unwrap_or_default();
        let points: Vec<Vector3<f64>> = members.iter().map(|&i| point(i)).collect();
        let first = nearest(&members, &at).1;
        let path = greedy(&points, Grid::new(&points), first);
        order.extend(path.into_iter().map(|k| members[k as usize]));
        at = order.last().map_or(at, |&i| point(i));
        last = Some(next);
    }
    order
}

/// A path that is not longer than `start`.
fn shorten(points: &[Vector3<f64>], start: Vec<u32>, cost: &impl Cost) -> Vec<u32> {
    let near = Neighbours::new(points, &Grid::new(points), cost);
    improve::improve(start, &near, cost, EFFORT)
}

/// A short open tour through all points in millimetres, as indices into `points`; it starts about the rearmost one.
#[must_use]
pub fn tour(points: &[Point<Head>]) -> Vec<u32> {
    let raw: Vec<Vector3<f64>> = points.iter().map(Point::raw).collect();
    let rear = (0u32..).zip(&raw).min_by(|a, b| a.1.x.total_cmp(&b.1.x));
    let start = greedy(&raw, Grid::new(&raw), rear.map_or(0, |(i, _)| i));
    // Numbered along the way: what is near is then near in memory too.
    let sorted: Vec<Vector3<f64>> = start.iter().map(|&i| raw[i as usize]).collect();
    let cost = |a: u32, b: u32| (sorted[a as usize] - sorted[b as usize]).norm();
    let found = shorten(&sorted, (0..sorted.len() as u32).collect(), &cost);
    found.into_iter().map(|k| start[k as usize]).collect()
}

/// Length of an order, metres.
#[must_use]
pub fn length(points: &[Point<Head>], order: &[u32]) -> f64 {
    order
        .windows(2)
        .map(|w| points[w[0] as usize].distance(&points[w[1] as usize]))
        .sum()
}
