//! The order in which a layer's dots are run, and where it stops.
//!
//! Cartridge after cartridge and, with each, shade after shade, the lightest first. Within them region after region (the arm changes its
//! branch between regions only, and begins a shade with the region that it ended the one before with), and within a region piece after
//! piece of scalp, so that whenever the work breaks off what is done is
//! compact. Dots too near each other to be made one after the other are put elsewhere into the tour of their piece or, where they are
//! many, made in different turns over it. The shortest way under all that is searched for in seconds of the arm's motion: what must stay
//! together is held together by a charge for leaving it, far above any hop, so that one search finds the order of the pieces, where each
//! is entered and left, and the way through it.

mod cost;
mod improve;
mod near;
mod path;
mod pieces;
mod rest;
mod stops;
#[cfg(test)]
mod tests;

use nalgebra::Vector3;
use rayon::prelude::*;
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

/// How long the search goes on. Source: own measurement on 30,000 dots of blue noise over a head: a tour is 1.086 times the sum of the
/// nearest distances without disturbances, 1.079 with half a disturbance a dot for ten times the work, 1.075 with two.
const EFFORT: Effort = Effort {
    kicks: 0.1,
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
    groups.retain(|members| !members.is_empty());
    let there = region_order(visits, &rules.limits);
    let back: Vec<u16> = there.iter().rev().copied().collect();
    // Where one group ended with a region, the next begins: the arm need not change branch between them.
    let regions = |k: usize| if k.is_multiple_of(2) { &there } else { &back };
    let found: Vec<Vec<(u32, u32)>> = groups
        .par_iter()
        .enumerate()
        .map(|(k, members)| group_order(visits, members, regions(k), rules))
        .collect();
    let mut piece = 0;
    let mut before = None;
    let number = |(k, (i, label)): (usize, (u32, u32))| {
        let last = before.replace((k, label));
        piece += u32::from(last.is_some_and(|last| last != (k, label)));
        (i, piece)
    };
    let each = found.into_iter().enumerate();
    let (order, pieces) = each
        .flat_map(|(k, group)| group.into_iter().map(move |entry| (k, entry)))
        .map(number)
        .unzip();
    Order::new(order, pieces, visits, rules)
}

/// The regions, the largest first, then always the one that the arm gets to soonest from the one before, by the middles of their joints.
fn region_order(visits: &[Visit], limits: &JointLimits) -> Vec<u16> {
    let mut sums: std::collections::BTreeMap<u16, (Joints, f64)> =
        std::collections::BTreeMap::new();
    for visit in visits {
        let still = || (visit.hover.map(|_| 0.0), 0.0);
        let (sum, count) = sums.entry(visit.region).or_insert_with(still);
        *sum = sum.zip(&visit.hover, |s, q| s + q);
        *count += 1.0;
    }
    let middles = sums
        .into_iter()
        .map(|(region, (sum, n))| (region, sum.map(|s| s / n), n));
    let mut left: Vec<(u16, Joints, f64)> = middles.collect();
    let mut order: Vec<(u16, Joints)> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let cost = |(_, middle, count): &(u16, Joints, f64)| match order.last() {
            None => -count,
            Some((_, last)) => {
                let turns = last.zip(middle, |a, b| (b - a).abs());
                turns.zip(&limits.velocity, |d, v| d / v).max_abs()
            }
        };
        let next = (0..left.len()).min_by(|&a, &b| cost(&left[a]).total_cmp(&cost(&left[b])));
        let (region, middle, _) = left.remove(next.unwrap_or(0));
        order.push((region, middle));
    }
    order.into_iter().map(|(region, _)| region).collect()
}

impl Order {
    /// The order of `order` with the times and stops that follow from it.
    fn new(order: Vec<u32>, pieces: Vec<u32>, visits: &[Visit], rules: &OrderRules) -> Self {
        let sequence: Vec<&Visit> = order.iter().map(|&i| &visits[i as usize]).collect();
        let hops = HopTime::new(sequence.iter().copied(), &rules.limits);
        let steps = 1..order.len() as u32;
        let times: Vec<Time> = steps.map(|k| hops.time(k - 1, k)).collect();
        let (stops, waits) = stops::plan(&sequence, &times, &pieces, rules);
        Self {
            order,
            stops,
            pieces,
            motion: times.iter().fold(Time::ZERO, |sum, t| sum + *t),
            waits,
        }
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

/// Fewer than one in this many dots that must wait for others are put between those afterwards; with more, every piece is worked over in
/// several turns. Source: own; a turn of few dots has long ways.
const FEW: usize = 4;

/// What stays together: region, piece and turn.
type Block = (u16, u32, u8);

/// One group's visits in order, region after region, and each one's piece.
fn group_order(
    visits: &[Visit],
    members: &[u32],
    regions: &[u16],
    rules: &OrderRules,
) -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> = Vec::with_capacity(members.len());
    let mut pieces = 0;
    for region in regions {
        let own = members.iter().copied();
        let own: Vec<u32> = own
            .filter(|&i| visits[i as usize].region == *region)
            .collect();
        let from = found.last().map(|(i, _)| &visits[*i as usize]);
        let part = part_order(visits, &own, from, rules);
        let count = part.iter().map(|(_, piece)| piece + 1).max().unwrap_or(0);
        found.extend(part.into_iter().map(|(i, piece)| (i, pieces + piece)));
        pieces += count;
    }
    found
}

/// The visits of one group in one region in order, and each one's piece.
fn part_order(
    visits: &[Visit],
    members: &[u32],
    from: Option<&Visit>,
    rules: &OrderRules,
) -> Vec<(u32, u32)> {
    let own: Vec<&Visit> = members.iter().map(|&i| &visits[i as usize]).collect();
    let size = Size {
        area: rules.piece,
        dots: rules.piece_dots,
    };
    let piece = pieces::divide(&own, size);
    let turn = rest::turns(&own, rules.session.rest_radius);
    let (early, late): (Vec<u32>, Vec<u32>) =
        (0..own.len() as u32).partition(|&i| turn[i as usize] == 0);
    if own.is_empty() {
        return Vec::new();
    }
    let mut found = if late.len() * FEW < own.len() {
        let path = path(&own, &early, rules, |i| {
            (own[i as usize].region, piece[i as usize], 0)
        });
        let hops = HopTime::new(own.iter().copied(), &rules.limits);
        let session = &rules.session;
        let needs = (&hops, session.rest_radius, session.rest, rules.dot_time);
        rest::insert(&path, &late, &own, &piece, needs)
    } else {
        let all: Vec<u32> = (0..own.len() as u32).collect();
        path(&own, &all, rules, |i| {
            (own[i as usize].region, piece[i as usize], turn[i as usize])
        })
    };
    // Either way round is as long: the way that the arm gets to sooner, at first from the rear, the smallest x of the head frame, to the
    // hairline.
    let far = |i: Option<&u32>| {
        let visit = i.map(|&i| own[i as usize]);
        visit.map_or(0.0, |v| match from {
            None => v.position.raw().x,
            Some(from) => HopTime::new([from, v].into_iter(), &rules.limits).between(0, 1),
        })
    };
    if far(found.last()) < far(found.first()) {
        found.reverse();
    }
    let with_piece = |i: u32| (members[i as usize], piece[i as usize]);
    found.into_iter().map(with_piece).collect()
}

/// A short path through `dots` that leaves no block before it is finished.
fn path(
    visits: &[&Visit],
    dots: &[u32],
    rules: &OrderRules,
    block: impl Fn(u32) -> Block,
) -> Vec<u32> {
    let start = chain(visits, dots, &block);
    let block: Vec<Block> = start.iter().map(|&i| block(i)).collect();
    let hops = HopTime::new(start.iter().map(|&i| visits[i as usize]), &rules.limits);
    let points: Vec<Vector3<f64>> = start
        .iter()
        .map(|&i| visits[i as usize].position.raw())
        .collect();
    let cost = |a: u32, b: u32| {
        let (x, y) = (block[a as usize], block[b as usize]);
        let left = u8::from(x.0 != y.0) + u8::from(x.1 != y.1) + u8::from(x != y);
        hops.between(a, b) + f64::from(left) * CHARGE
    };
    let found = shorten(&points, (0..points.len() as u32).collect(), &cost);
    found.into_iter().map(|k| start[k as usize]).collect()
}

/// A first order: block after block, each from the dot nearest to where the one before ended, always on to the nearest dot.
fn chain(visits: &[&Visit], dots: &[u32], block: &impl Fn(u32) -> Block) -> Vec<u32> {
    let mut blocks: std::collections::BTreeMap<Block, Vec<u32>> = std::collections::BTreeMap::new();
    for &i in dots {
        blocks.entry(block(i)).or_default().push(i);
    }
    let point = |i: u32| visits[i as usize].position.raw();
    let nearest = |members: &[u32], at: &Vector3<f64>| {
        let gap = |i: u32| (point(i) - at).norm();
        let places = 0..members.len();
        let least = places.min_by(|&a, &b| gap(members[a]).total_cmp(&gap(members[b])));
        least.map_or((f64::INFINITY, 0), |k| (gap(members[k]), k as u32))
    };
    let rear = dots
        .iter()
        .copied()
        .min_by(|&a, &b| point(a).x.total_cmp(&point(b).x));
    let mut at = rear.map_or_else(Vector3::zeros, point);
    let mut order = Vec::with_capacity(dots.len());
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
    let Some((rear, _)) = rear else {
        return Vec::new();
    };
    let start = greedy(&raw, Grid::new(&raw), rear);
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
