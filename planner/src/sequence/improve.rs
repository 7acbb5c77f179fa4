//! Making a path shorter: exchanges of two and three edges with neighbour lists, then many small disturbances, each repaired at its place
//! and kept if the path is not longer (iterated local search).
//!
//! Sources: Lin and Kernighan, An effective heuristic algorithm for the traveling-salesman problem (1973), of which the moves are the first
//! three levels; Bentley, Fast algorithms for geometric traveling salesman problems (1992), for neighbour lists and the queue of dots
//! worth looking at; Johnson and McGeoch, The traveling salesman problem: a case study in local optimization (1997), for disturbances
//! by double bridges between edges that are near each other.

use super::near::Neighbours;
use super::path::Round;

/// What it costs to go from one to the other of two; symmetric, finite and not negative.
pub(super) trait Cost {
    /// The cost between dots `a` and `b`.
    fn between(&self, a: u32, b: u32) -> f64;
}

impl<F: Fn(u32, u32) -> f64> Cost for F {
    #[inline]
    fn between(&self, a: u32, b: u32) -> f64 {
        self(a, b)
    }
}

/// How much is spent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Disturbances per dot.
    pub kicks: f64,
    /// While disturbances are repaired, no more dots than this change their place in one exchange, so that the time grows with the dots.
    pub reach: u32,
}

/// A gain below this share of the mean step is rounding.
const LEAST_GAIN: f64 = 1e-9;
/// Longest stretch of a disturbance. Source: own measurement; 10 to 50 differ little.
const STRETCH: u32 = 30;
/// Exchanges at most of the first search, as a multiple of the dots, so that its time is bounded whatever the costs.
const MOST_EXCHANGES: usize = 40;
/// Exchanges at most that repair one disturbance.
const MOST_REPAIRS: usize = 50;

/// An exchange of edges: t1–t2, t3–t4 (and t5–t6) go, t2–t3, t4–t1 (or t4–t5, t6–t1) come.
#[derive(Debug, Clone, Copy)]
enum Exchange {
    /// Two edges.
    Two([u32; 4]),
    /// Two exchanges of two edges, one after the other.
    Twice([u32; 6]),
    /// The stretches t2…t5 and t6…t3 swap places.
    Swap([u32; 6]),
    /// The stretches t2…t6 and t5…t3 are each turned round.
    TurnBoth([u32; 6]),
}

/// What never ends: small numbers by chance, the same ones every time (xorshift64*, Vigna 2016).
struct Chance(u64);

impl Chance {
    /// 0..below.
    fn below(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * u64::from(below)) >> 32) as u32
    }
}

struct Search<'a, C> {
    cost: &'a C,
    near: &'a Neighbours,
    /// The round trip; the number after the last dot joins the path's ends and costs nothing.
    round: Round,
    least: f64,
    waiting: Vec<bool>,
    queue: Vec<u32>,
    /// No exchange touches more dots than this.
    reach: u32,
}

impl<C: Cost> Search<'_, C> {
    fn joint(&self) -> u32 {
        self.near.len() as u32
    }

    #[inline]
    fn between(&self, a: u32, b: u32) -> f64 {
        if a.max(b) == self.joint() {
            0.0
        } else {
            self.cost.between(a, b)
        }
    }

    fn look_at(&mut self, dot: u32) {
        if dot != self.joint() && !std::mem::replace(&mut self.waiting[dot as usize], true) {
            self.queue.push(dot);
        }
    }

    /// The best exchange that removes an edge at `t1`, with what it gains.
    fn best(&self, t1: u32) -> Option<(f64, Exchange)> {
        let mut best: Option<(f64, Exchange)> = None;
        for forward in [true, false] {
            let t2 = self.round.step(t1, forward);
            if t2 == self.joint() {
                continue;
            }
            let first = self.between(t1, t2);
            let (before, after) = (t1, self.round.step(t2, forward));
            for (t3, added) in self.near.of(t2) {
                let gain = first - added;
                if gain <= self.least {
                    break;
                }
                if t3 != before && t3 != after {
                    self.turning([t1, t2, t3], gain, forward, &mut best);
                    self.splitting([t1, t2, t3], gain, forward, &mut best);
                }
            }
        }
        best
    }

    fn keep(&self, gain: f64, exchange: Exchange, best: &mut Option<(f64, Exchange)>) {
        if gain > best.map_or(self.least, |b| b.0) {
            *best = Some((gain, exchange));
        }
    }

    /// Exchanges that begin by turning the stretch t2…t4 round.
    #[inline]
    fn turning(
        &self,
        [t1, t2, t3]: [u32; 3],
        gain: f64,
        forward: bool,
        best: &mut Option<(f64, Exchange)>,
    ) {
        let t4 = self.round.step(t3, !forward);
        let steps = self.round.distance(t2, t4, forward);
        if self.round.shorter_side(steps) > self.reach {
            return;
        }
        let gain = gain + self.between(t3, t4);
        self.keep(
            gain - self.between(t4, t1),
            Exchange::Two([t1, t2, t3, t4]),
            best,
        );
        if t4 == self.joint() {
            return;
        }
        let beyond = self.round.step(t4, !forward);
        for (t5, added) in self.near.of(t4) {
            let gain = gain - added;
            if gain <= self.least {
                break;
            }
            if t5 == t3 || t5 == t1 || t5 == beyond {
                continue;
            }
            let inside = self.round.distance(t2, t5, forward) <= steps;
            let t6 = self.round.step(t5, forward == inside);
            let total = gain + self.between(t5, t6) - self.between(t6, t1);
            if total > best.map_or(self.least, |b| b.0) {
                // What the second turn touches, whichever side it takes.
                let second = if inside {
                    self.round.distance(t6, t4, forward)
                } else {
                    self.round.distance(t2, t6, forward)
                };
                if self.round.shorter_side(second) <= self.reach {
                    *best = Some((total, Exchange::Twice([t1, t2, t3, t4, t5, t6])));
                }
            }
        }
    }

    /// Exchanges that cut the stretch t2…t3 out and put it back opened at another place.
    #[inline]
    fn splitting(
        &self,
        [t1, t2, t3]: [u32; 3],
        gain: f64,
        forward: bool,
        best: &mut Option<(f64, Exchange)>,
    ) {
        let t4 = self.round.step(t3, forward);
        if t4 == self.joint() {
            return;
        }
        let gain = gain + self.between(t3, t4);
        let steps = self.round.distance(t2, t3, forward);
        if steps >= self.reach {
            return;
        }
        for (t5, added) in self.near.of(t4) {
            let gain = gain - added;
            if gain <= self.least {
                break;
            }
            if t5 == t3 || self.round.distance(t2, t5, forward) > steps {
                continue;
            }
            let t6 = self.round.step(t5, forward);
            let total = gain + self.between(t5, t6) - self.between(t6, t1);
            self.keep(total, Exchange::Swap([t1, t2, t3, t4, t5, t6]), best);
            if t5 != t2 {
                let t6 = self.round.step(t5, !forward);
                let total = gain + self.between(t5, t6) - self.between(t6, t1);
                self.keep(total, Exchange::TurnBoth([t1, t2, t3, t4, t5, t6]), best);
            }
        }
    }

    fn apply(&mut self, exchange: Exchange) {
        let round = &mut self.round;
        let touched: &[u32] = match &exchange {
            Exchange::Two(t) => {
                round.exchange(*t);
                t
            }
            Exchange::Twice(t) => {
                let [t1, t2, t3, t4, t5, t6] = *t;
                round.exchange([t1, t2, t3, t4]);
                round.exchange([t1, t4, t5, t6]);
                t
            }
            Exchange::Swap(t) => {
                let [t1, t2, t3, t4, t5, t6] = *t;
                round.swap([t1, t2, t5, t6, t3, t4]);
                t
            }
            Exchange::TurnBoth(t) => {
                let [t1, t2, t3, t4, t5, t6] = *t;
                round.exchange([t1, t2, t5, t6]);
                round.exchange([t2, t5, t4, t3]);
                t
            }
        };
        for &dot in touched {
            self.look_at(dot);
        }
    }

    /// Exchanges until nothing in the queue has one left; what was gained.
    fn settle(&mut self, most: usize) -> f64 {
        let mut gained = 0.0;
        let mut exchanges = 0;
        while let Some(dot) = self.queue.pop() {
            self.waiting[dot as usize] = false;
            if exchanges >= most {
                continue;
            }
            while let Some((gain, exchange)) = self.best(dot) {
                self.apply(exchange);
                gained += gain;
                exchanges += 1;
                if exchanges >= most {
                    break;
                }
            }
        }
        gained
    }

    /// Four edges near each other and near a place of the round trip exchanged so that no exchange of three undoes it; what that costs.
    fn kick(&mut self, place: u32, chance: &mut Chance) -> f64 {
        let count = self.joint() + 1;
        let longest = STRETCH.min((count - 2) / 3);
        let lengths = [(); 3].map(|()| 1 + chance.below(longest));
        let start = self.round.at((place + chance.below(STRETCH)) % count);
        // a | b…c | d…e | f…g | h: the stretches come back in the order f…g, d…e, b…c.
        let a = start;
        let b = self.round.ahead(a, 1);
        let c = self.round.ahead(a, lengths[0]);
        let d = self.round.ahead(c, 1);
        let e = self.round.ahead(c, lengths[1]);
        let f = self.round.ahead(e, 1);
        let g = self.round.ahead(e, lengths[2]);
        let h = self.round.ahead(g, 1);
        let was = self.between(a, b) + self.between(c, d) + self.between(e, f) + self.between(g, h);
        let is = self.between(a, f) + self.between(g, d) + self.between(e, b) + self.between(c, h);
        self.round.swap([a, b, c, d, e, f]);
        // Now a | d…e | b…c | f…g | h.
        self.round.swap([a, d, c, f, g, h]);
        // Now a | f…g | d…e | b…c | h.
        for dot in [a, b, c, d, e, f, g, h] {
            self.look_at(dot);
        }
        is - was
    }

    fn perturb(&mut self, kicks: usize) {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let count = u64::from(self.joint()) + 1;
        for k in 0..kicks as u64 {
            self.round.mark();
            // Along the tour and not anywhere: what is near in it is near in memory.
            let place = (k * count / kicks as u64) as u32;
            let cost = self.kick(place, &mut chance);
            let gained = self.settle(MOST_REPAIRS);
            if cost > gained {
                self.round.undo();
            }
        }
    }
}

/// A path through all dots that is not longer than `start`, which is a permutation of 0..near.len().
pub(super) fn improve<C: Cost>(
    start: Vec<u32>,
    near: &Neighbours,
    cost: &C,
    effort: Effort,
) -> Vec<u32> {
    let count = start.len();
    if count < 3 {
        return start;
    }
    let length = |order: &[u32]| -> f64 {
        let steps = order.windows(2).map(|w| cost.between(w[0], w[1]));
        steps.sum()
    };
    let before = length(&start);
    let least = LEAST_GAIN * before / count as f64;
    let joint = count as u32;
    // Taken from the end: the queue works the path off from its beginning.
    let queue: Vec<u32> = start.iter().rev().copied().collect();
    let mut order = start.clone();
    order.push(joint);
    let mut search = Search {
        cost,
        near,
        round: Round::new(order),
        least,
        waiting: vec![true; count],
        queue,
        reach: joint,
    };
    search.settle(MOST_EXCHANGES * count);
    // A disturbance exchanges four edges of a round trip with a dot between any two of them.
    if count >= 8 {
        search.reach = effort.reach;
        search.perturb((effort.kicks * count as f64) as usize);
    }
    let mut order = search.round.into_order();
    let at = order.iter().position(|&dot| dot == joint).unwrap_or(count);
    order.rotate_left(at);
    order.remove(0);
    // Sums in another order round differently.
    if length(&order) <= before {
        order
    } else {
        start
    }
}
