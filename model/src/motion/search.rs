//! Ways round what stands between two configurations: RRT-Connect, shortened afterwards, each piece proven.
//!
//! What is found, or a straight way that is long, is then made quicker: way points are moved where that takes less time at what joints and
//! tip may do.
//!
//! Source: Kuffner and LaValle, "RRT-Connect" (2000); shortcutting by random pairs as in Geraerts and Overmars, "Creating high-quality
//! paths for motion planning" (2007). Bounded by counts, never by time, so that the same ends give the same way.

use super::tip::{TipBounds, tip_reach};
use crate::clearance::{Budget, WorkCell};
use crate::frames::{Base, Head, Transform};
use crate::joints::Joints;
use crate::limits::{SPEED_FREE, SPEED_HOVER};

/// Configurations drawn before the search is given up. Source: this project's own.
const DRAWS: u32 = 1500;
/// Configurations and regions that are looked at before it is, about a second's worth. Source: own measurement, twice as many as
/// the longest of 1,551 searches that found a way took.
const LOOKS: u32 = 60_000;
/// One step of a tree, rad in the joint that turns most: short enough that most steps are proven in few halvings.
const STEP: f64 = 0.3;
/// How far beyond the two ends each joint is drawn at first, rad; the last half of the draws covers a full turn about their middle.
const BEYOND: f64 = 1.2;
/// Pairs of places on the way between which a straight segment is tried. Source: this project's own.
const SHORTCUTS: u32 = 30;
/// The most way points of an answer, both ends included: room is left for rising and sinking.
const MOST_POINTS: usize = 9;
/// Moves of way points that are tried to make a way quicker, how many of them are asked at most whether they are clear, and what they must
/// gain for that, s. Source: own measurement; twice as many take a tenth off what these leave.
const MOVES: u32 = 800;
const ASKED: u32 = 40;
const WORTH_ASKING: f64 = 0.08;
/// The farthest a move turns a joint at first, and at last, rad.
const TURNS: (f64, f64) = (0.9, 0.05);
/// A segment that takes less than this is not divided, s.
const SHORT: f64 = 0.5;
/// What a way point less may cost, s: about what turning there takes.
const TURNING: f64 = 0.01;
/// Parts in which the time of a segment is estimated: one for so many rad of a joint, at most so many.
const PART: f64 = 0.12;
const MOST_PARTS: f64 = 24.0;

/// A small deterministic generator (SplitMix64), seeded by the ends of the way.
struct Draw(u64);

impl Draw {
    /// The same whichever end comes first.
    fn between(a: &Joints, b: &Joints) -> Self {
        let hash = |q: &Joints| {
            q.as_slice().iter().fold(0u64, |h, v| {
                (h ^ v.to_bits())
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .rotate_left(29)
            })
        };
        Self(hash(a) ^ hash(b))
    }

    /// Evenly in 0..1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.share() * n as f64) as usize).min(n.saturating_sub(1))
    }
}

/// Configurations reached from one end, each over the one before it; the first is its own parent.
struct Tree(Vec<(Joints, usize)>);

impl Tree {
    fn nearest(&self, q: &Joints, distance: &impl Fn(&Joints, &Joints) -> f64) -> usize {
        let far = |i: &usize| distance(&self.0[*i].0, q);
        (0..self.0.len())
            .min_by(|a, b| far(a).total_cmp(&far(b)))
            .unwrap_or(0)
    }

    /// The configurations from a node back to the end, which comes last.
    fn back(&self, mut node: usize) -> Vec<Joints> {
        let mut way = vec![self.0[node].0];
        while self.0[node].1 != node {
            node = self.0[node].1;
            way.push(self.0[node].0);
        }
        way
    }
}

struct Search<'a> {
    cell: &'a WorkCell,
    base_from_head: &'a Transform<Base, Head>,
    tip: TipBounds<'a>,
    budget: Budget,
    /// What a rad of each joint counts in distances, metres: how far it can move the tip.
    weight: Joints,
}

impl Search<'_> {
    fn distance(&self, a: &Joints, b: &Joints) -> f64 {
        let turns = a.zip(b, |a, b| b - a);
        let squares = turns.zip(&self.weight, |t, w| t * t * w * w);
        squares.as_slice().iter().sum::<f64>().sqrt()
    }

    fn is_clear(&self, from: &Joints, to: &Joints) -> bool {
        self.cell
            .segment_blocked_within(from, to, self.base_from_head, &self.budget)
            .is_none()
    }

    /// From the node nearest to `q` towards it, step by step while proven; the last node of a tree that grew, and whether it is at `q`.
    fn connect(&self, tree: &mut Tree, q: &Joints) -> Option<(usize, bool)> {
        let mut node = tree.nearest(q, &|a, b| self.distance(a, b));
        let mut grew = None;
        loop {
            let from = tree.0[node].0;
            let far = from.max_difference(q);
            let arrives = far <= STEP;
            let to = if arrives {
                *q
            } else {
                from.lerp(q, STEP / far)
            };
            if !self.is_clear(&from, &to) {
                return grew.map(|node| (node, false));
            }
            tree.0.push((to, node));
            node = tree.0.len() - 1;
            grew = Some(node);
            if arrives {
                return Some((node, true));
            }
        }
    }

    /// A configuration about the two ends; the first two take the wrist of the one and the rest of the other.
    fn draw(&self, k: u32, from: &Joints, to: &Joints, draw: &mut Draw) -> Joints {
        let wrist = from.dof().saturating_sub(3);
        let mut out = *from;
        let joints = self.cell.arm().joints();
        for (i, (v, joint)) in out.as_mut_slice().iter_mut().zip(joints).enumerate() {
            let (a, b) = (from[i], to[i]);
            if k < 2 {
                *v = if (i < wrist) == (k == 0) { a } else { b };
                continue;
            }
            let middle = 0.5 * (a + b);
            let (low, high) = if k < DRAWS / 2 {
                (a.min(b) - BEYOND, a.max(b) + BEYOND)
            } else {
                let reach = core::f64::consts::PI.max(0.5 * (a - b).abs());
                (middle - reach, middle + reach)
            };
            let (low, high) = (low.max(joint.lower), high.min(joint.upper));
            *v = low + draw.share() * (high - low);
        }
        out
    }

    fn grow(&self, from: &Joints, to: &Joints, draw: &mut Draw) -> Option<Vec<Joints>> {
        let (mut start, mut goal) = (Tree(vec![(*from, 0)]), Tree(vec![(*to, 0)]));
        for k in 0..DRAWS {
            if self.budget.is_spent() {
                break;
            }
            let forwards = k.is_multiple_of(2);
            let (one, other) = if forwards {
                (&mut start, &mut goal)
            } else {
                (&mut goal, &mut start)
            };
            let q = if k == 0 {
                *to
            } else {
                self.draw(k - 1, from, to, draw)
            };
            let Some((reached, _)) = self.connect(one, &q) else {
                continue;
            };
            let meeting = one.0[reached].0;
            if let Some((met, true)) = self.connect(other, &meeting) {
                let (a, b) = if forwards {
                    (reached, met)
                } else {
                    (met, reached)
                };
                let mut way = start.back(a);
                way.reverse();
                way.extend(goal.back(b).into_iter().skip(1));
                return Some(way);
            }
        }
        None
    }

    /// Straight segments between places drawn on the way replace what lies between them, where proven.
    fn shorten(&self, mut way: Vec<Joints>, draw: &mut Draw) -> Vec<Joints> {
        for _ in 0..SHORTCUTS {
            if way.len() < 3 {
                break;
            }
            let (mut i, mut j) = (draw.below(way.len() - 1), draw.below(way.len() - 1));
            let (mut s, mut t) = (draw.share(), draw.share());
            if i > j {
                (i, j, s, t) = (j, i, t, s);
            }
            if i == j {
                continue;
            }
            let (a, b) = (way[i].lerp(&way[i + 1], s), way[j].lerp(&way[j + 1], t));
            let between = way[i + 1..=j].windows(2);
            let before = self.time(&a, &way[i + 1])
                + between.map(|w| self.time(&w[0], &w[1])).sum::<f64>()
                + self.time(&way[j], &b);
            if self.time(&a, &b) < before && self.is_clear(&a, &b) {
                way.splice(i + 1..=j, [a, b]);
            }
        }
        // Way points that nothing is lost without.
        let mut i = 1;
        while i + 1 < way.len() {
            if self.is_clear(&way[i - 1], &way[i + 1]) {
                way.remove(i);
            } else {
                i += 1;
            }
        }
        way
    }

    /// About how long a straight segment takes without its ramps, s: each part as fast as the joints, and the tip where it is, may be.
    fn time(&self, from: &Joints, to: &Joints) -> f64 {
        let limits = self.cell.arm().motion_limits();
        let turns = from.zip(to, |a, b| (b - a).abs());
        let parts = (turns.max_abs() / PART).ceil().clamp(1.0, MOST_PARTS);
        let joints = turns.zip(&limits.velocity, |d, v| d / v).max_abs() / parts;
        let mut before = self.tip.place(from);
        let mut sum = 0.0;
        for k in 1..=parts as u32 {
            let q = from.lerp(to, f64::from(k) / parts);
            let place = self.tip.place(&q);
            let speed = if self.tip.is_place_above_zone(&place) {
                SPEED_FREE
            } else {
                SPEED_HOVER
            };
            sum += joints.max(before.distance(&place) / speed.m_per_s());
            before = place;
        }
        sum
    }

    /// Way points put in where segments take long.
    fn divide(&self, way: &mut Vec<Joints>) {
        while way.len() < MOST_POINTS {
            let times = way.windows(2).map(|w| self.time(&w[0], &w[1]));
            let longest = times.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((k, _)) = longest.filter(|(_, time)| *time > SHORT) else {
                return;
            };
            way.insert(k + 1, way[k].lerp(&way[k + 1], 0.5));
        }
    }

    /// Moves the way points between the ends wherever that is quicker and proven clear.
    fn quicken(&self, mut way: Vec<Joints>, draw: &mut Draw) -> Vec<Joints> {
        self.divide(&mut way);
        let mut asked = 0;
        for k in 0..MOVES {
            if way.len() < 3 || asked >= ASKED {
                break;
            }
            let i = 1 + draw.below(way.len() - 2);
            let (before, here, after) = (way[i - 1], way[i], way[i + 1]);
            let done = f64::from(k) / f64::from(MOVES);
            let turn = TURNS.0 * (TURNS.1 / TURNS.0).powf(done);
            let mut moved = if k.is_multiple_of(4) {
                here.lerp(&before.lerp(&after, 0.5), draw.share())
            } else {
                here
            };
            let joints = self.cell.arm().joints();
            for (v, joint) in moved.as_mut_slice().iter_mut().zip(joints) {
                // Few joints at a time: in all of them most directions are bad ones.
                if draw.share() < 0.5 {
                    *v += turn * (2.0 * draw.share() - 1.0);
                }
                *v = v.clamp(joint.lower, joint.upper);
            }
            let gain = self.time(&before, &here) + self.time(&here, &after)
                - self.time(&before, &moved)
                - self.time(&moved, &after);
            if gain > WORTH_ASKING {
                // A look at the one place spares most proofs that would fail.
                if self.cell.blocked(&moved, self.base_from_head).is_some() {
                    continue;
                }
                asked += 1;
                if self.is_clear(&before, &moved) && self.is_clear(&moved, &after) {
                    way[i] = moved;
                }
            }
        }
        // Way points that nothing is lost without.
        let mut i = 1;
        while i + 1 < way.len() {
            let (before, here, after) = (way[i - 1], way[i], way[i + 1]);
            let without = self.time(&before, &after);
            if without <= self.time(&before, &here) + self.time(&here, &after) + TURNING
                && self.is_clear(&before, &after)
            {
                way.remove(i);
            } else {
                i += 1;
            }
        }
        way
    }
}

/// Configurations over which the last of `ends` is reached from the first on straight, proven segments, all of `ends` passed at first: the
/// two in the middle are searched between, the others are known to lead to them. The same for the same ends.
pub(super) fn search(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    [first, from, to, last]: [&Joints; 4],
) -> Option<Vec<Joints>> {
    let search = Search {
        cell,
        base_from_head,
        tip: TipBounds::new(cell, base_from_head),
        budget: Budget::new(LOOKS),
        weight: tip_reach(cell),
    };
    let mut draw = Draw::between(from, to);
    let straight = |from: &Joints, to: &Joints| {
        let is_clear = search.is_clear(from, to);
        is_clear.then(|| vec![*from, *to])
    };
    if let Some(way) = straight(first, last) {
        return Some(search.quicken(way, &mut draw));
    }
    let way = match straight(from, to) {
        Some(way) => way,
        None => {
            let way = search.grow(from, to, &mut draw)?;
            search.shorten(way, &mut draw)
        }
    };
    if way.len() > MOST_POINTS {
        return None;
    }
    let way = core::iter::once(*first).chain(way).chain([*last]);
    Some(search.quicken(way.collect(), &mut draw))
}
