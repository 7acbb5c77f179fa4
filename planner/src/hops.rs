//! The motion from dot to dot, proven: every hop of a layer's order by the same code that the controller runs, and where no way leads from
//! one dot to the next, another way round.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use stipple_model::clearance::{Obstacle, Settled, WorkCell};
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;
use stipple_model::motion::{HopError, hop_directly, hop_within, raised};
use stipple_model::units::Time;

use crate::Watch;

/// Places of a stretch at which it is tried to be entered.
const ENTRIES: usize = 6;
/// How often a stretch that could not be entered is tried again from elsewhere.
const ROUNDS: usize = 3;
/// After so many ways that were searched for in vain, some seconds, a layer's stretches are joined without a search.
const IN_VAIN: usize = 6;

/// So many hops after each other are proven together.
const TOGETHER: usize = 32;
/// As far as joints of a neighbourhood differ from each other, rad.
const BESIDE: f64 = 0.4;

/// An order whose every hop is proven clear.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// As given, less what no way leads to, stretches moved where that was needed.
    pub order: Vec<u32>,
    /// The arm's motion to each of `order`; none to the first.
    pub durations: Vec<Time>,
    /// What no way leads to.
    pub unconnected: Vec<u32>,
}

impl Proven {
    /// What stands in the straight way to each of `unconnected` from the dot of the order that the arm is nearest to it at, as far as that is
    /// known; of a long order not all are looked at.
    #[must_use]
    pub fn obstacles(
        &self,
        (cell, base_from_head): (&WorkCell, &Transform<Base, Head>),
        hovers: &[Joints],
    ) -> Vec<Option<Obstacle>> {
        let settled = Settled::nothing(cell, base_from_head);
        let step = self.order.len().div_ceil(LOOKED_AT).max(1);
        let in_the_way = |visit: &u32| {
            let to = &hovers[*visit as usize];
            let among = self
                .order
                .iter()
                .step_by(step)
                .map(|v| &hovers[*v as usize]);
            let from =
                among.min_by(|a, b| a.max_difference(to).total_cmp(&b.max_difference(to)))?;
            match hop_directly(&settled, from, to) {
                Err(
                    HopError::WayBlocked(o)
                    | HopError::TargetBlocked(o)
                    | HopError::StartBlocked(o),
                ) => Some(o),
                _ => None,
            }
        };
        self.unconnected.par_iter().map(in_the_way).collect()
    }
}

/// Hops over the hovers of a layer.
struct Hops<'a> {
    cell: &'a WorkCell,
    base_from_head: Transform<Base, Head>,
    hovers: &'a [Joints],
}

impl Hops<'_> {
    fn time(&self, from: u32, to: u32) -> Option<Time> {
        self.time_within(&Settled::nothing(self.cell, &self.base_from_head), from, to)
    }

    /// From stretch to stretch, with a search or without.
    fn time_joining(&self, from: u32, to: u32, searches: bool) -> Option<Time> {
        if searches {
            return self.time(from, to);
        }
        let settled = Settled::nothing(self.cell, &self.base_from_head);
        let (from, to) = (&self.hovers[from as usize], &self.hovers[to as usize]);
        let way = hop_directly(&settled, from, to).ok()?;
        Some(Time::from_s(way.duration()))
    }

    fn time_within(&self, settled: &Settled<'_>, from: u32, to: u32) -> Option<Time> {
        let (from, to) = (&self.hovers[from as usize], &self.hovers[to as usize]);
        let way = hop_within(settled, from, to).ok()?;
        Some(Time::from_s(way.duration()))
    }

    /// The hops along a part of an order.
    fn times_along(&self, part: &[u32]) -> Vec<Option<Time>> {
        // What jumps far from the first is left out: it would make the neighbourhood too large to settle anything.
        let first = part.first().map(|i| &self.hovers[*i as usize]);
        let beside = |q: &&Joints| first.is_some_and(|f| f.max_difference(q) <= BESIDE);
        let nothing = Settled::nothing(self.cell, &self.base_from_head);
        let hovers = part.iter().map(|i| &self.hovers[*i as usize]);
        let near: Vec<Joints> = hovers
            .filter(beside)
            .flat_map(|q| [Some(*q), raised(&nothing, q)])
            .flatten()
            .collect();
        let settled = Settled::around(self.cell, &self.base_from_head, &near);
        let pairs = part.windows(2);
        pairs
            .map(|pair| self.time_within(&settled, pair[0], pair[1]))
            .collect()
    }
}

/// So many dots of an order are asked at most which of them is nearest to one that no way leads to. Source: own.
const LOOKED_AT: usize = 2_000;

/// Dots in a row, each reached from the one before.
struct Stretch {
    dots: Vec<u32>,
    /// To each but the first.
    times: Vec<Time>,
    /// How often it could not be entered.
    refused: usize,
}

impl Stretch {
    /// Cuts it before dot `at`: the part from there on comes first.
    fn split(mut self, at: usize) -> (Self, Option<Self>) {
        if at == 0 {
            return (self, None);
        }
        let dots = self.dots.split_off(at);
        let mut times = self.times.split_off(at - 1);
        times.remove(0);
        let later = Self {
            dots,
            times,
            refused: 0,
        };
        (later, Some(self))
    }
}

/// Proves the hops along `order`, indices into `hovers`: the joints over each dot, rad. `None` when `watch` breaks off.
///
/// The same for the same input on any number of threads.
#[must_use]
pub fn prove(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    hovers: &[Joints],
    order: &[u32],
    watch: &Watch<'_>,
) -> Option<Proven> {
    let hops = Hops {
        cell,
        base_from_head: *base_from_head,
        hovers,
    };
    let (done, broken_off) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Parts of the order with one dot in common.
    let parts: Vec<&[u32]> = (0..order.len().saturating_sub(1))
        .step_by(TOGETHER)
        .map(|k| &order[k..order.len().min(k + TOGETHER + 1)])
        .collect();
    let times = parts.into_par_iter().map(|part| {
        if broken_off.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let times = hops.times_along(part);
        let done = done.fetch_add(times.len(), Ordering::Relaxed) + times.len();
        if watch(done as f64 / order.len() as f64) == ControlFlow::Break(()) {
            broken_off.store(true, Ordering::Relaxed);
        }
        times
    });
    let times: Vec<Option<Time>> = times.flatten_iter().collect();
    if broken_off.load(Ordering::Relaxed) {
        return None;
    }
    Some(join(&hops, stretches(order, &times)))
}

/// A proven order without some of its dots: what lay on both sides of one is joined anew.
#[must_use]
pub fn without(
    (cell, base_from_head): (&WorkCell, &Transform<Base, Head>),
    hovers: &[Joints],
    proven: Proven,
    dropped: &BTreeSet<u32>,
) -> Proven {
    let hops = Hops {
        cell,
        base_from_head: *base_from_head,
        hovers,
    };
    let before = proven.order.windows(2).zip(&proven.durations);
    let known: BTreeMap<(u32, u32), Time> = before.map(|(w, t)| ((w[0], w[1]), *t)).collect();
    let mut order = proven.order;
    order.retain(|dot| !dropped.contains(dot));
    let times: Vec<Option<Time>> = order
        .par_windows(2)
        .map(|w| (known.get(&(w[0], w[1])).copied()).or_else(|| hops.time(w[0], w[1])))
        .collect();
    let mut joined = join(&hops, stretches(&order, &times));
    joined.unconnected.extend(proven.unconnected);
    joined
}

/// The order cut wherever there is no hop.
fn stretches(order: &[u32], times: &[Option<Time>]) -> VecDeque<Stretch> {
    let mut stretches: VecDeque<Stretch> = VecDeque::new();
    let before = std::iter::once(&None).chain(times);
    for (&dot, time) in order.iter().zip(before) {
        match (time, stretches.back_mut()) {
            (Some(time), Some(stretch)) => {
                stretch.dots.push(dot);
                stretch.times.push(*time);
            }
            _ => stretches.push_back(Stretch {
                dots: vec![dot],
                times: Vec::new(),
                refused: 0,
            }),
        }
    }
    stretches
}

/// Strings stretches together, beginning with the longest: each is entered where a hop leads, what lies before that comes later.
fn join(hops: &Hops<'_>, mut waiting: VecDeque<Stretch>) -> Proven {
    let longest = (0..waiting.len())
        .rev()
        .max_by_key(|k| waiting[*k].dots.len());
    if let Some(stretch) = longest.and_then(|k| waiting.remove(k)) {
        waiting.push_front(stretch);
    }
    let mut proven = Proven {
        order: Vec::new(),
        durations: Vec::new(),
        unconnected: Vec::new(),
    };
    let mut in_vain = 0;
    while let Some(mut stretch) = waiting.pop_front() {
        let entry = match proven.order.last() {
            None => Some((0, None)),
            Some(&at) => entries(&stretch).find_map(|k| {
                let time = hops.time_joining(at, stretch.dots[k], in_vain < IN_VAIN);
                in_vain += usize::from(time.is_none());
                Some((k, Some(time?)))
            }),
        };
        let Some((at, time)) = entry else {
            stretch.refused += 1;
            if stretch.refused >= ROUNDS || waiting.is_empty() {
                proven.unconnected.extend(stretch.dots);
            } else {
                waiting.push_back(stretch);
            }
            continue;
        };
        let (now, later) = stretch.split(at);
        proven.durations.extend(time);
        proven.order.extend(&now.dots);
        proven.durations.extend(now.times);
        waiting.extend(later);
    }
    proven
}

/// Places at which a stretch may be entered: its first dot, then others along it.
fn entries(stretch: &Stretch) -> impl Iterator<Item = usize> + use<> {
    let count = stretch.dots.len();
    let tried = count.min(ENTRIES);
    (0..tried).map(move |k| k * count / tried)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_model::arm::ArmSource;
    use stipple_model::cell::Cell;

    #[test]
    fn a_stretch_is_cut_without_losing_a_dot_or_a_hop() {
        let times = [None, Some(1.0), Some(2.0), None, Some(3.0), Some(4.0)];
        let times: Vec<Option<Time>> = times.map(|t| t.map(Time::from_s)).into();
        let cut = stretches(&[5, 6, 7, 8, 9, 10, 11], &times);
        let dots: Vec<&[u32]> = cut.iter().map(|s| s.dots.as_slice()).collect();
        assert_eq!(dots, [&[5][..], &[6, 7, 8], &[9, 10, 11]]);
        let Some(last) = cut.into_iter().next_back() else {
            panic!("there are three");
        };
        let (now, later) = last.split(2);
        assert_eq!((now.dots.as_slice(), now.times.len()), (&[11][..], 0));
        let later = later.unwrap();
        assert_eq!(later.dots, [9, 10]);
        assert_eq!(later.times, [Time::from_s(3.0)]);
    }

    #[test]
    fn dots_to_which_no_way_leads_drop_out_and_the_others_stay() {
        let head = crate::unroll::tests::ball().0;
        let mut cell = Cell::shipped(ArmSource::ur5e()).unwrap();
        cell.boxes.clear();
        cell.base_from_head = Transform::from_xyz_rpy([0.5, 0.1, 0.1], [0.0; 3]);
        let clear = Joints::from_slice(&[0.0, -1.6, 1.2, -1.6, -1.57, 0.0]).unwrap();
        let (mut blocked, near) = (clear, clear.map(|q| q + 0.05));
        blocked[0] = -1.5;
        // A box where the tool would be.
        let work = WorkCell::new(&cell, &head).unwrap();
        let at = work.base_from_tip(&blocked).origin().raw();
        cell.boxes.push(stipple_model::cell::SceneBox {
            name: "lamp".to_owned(),
            base_from_box: Transform::from_xyz_rpy(at.into(), [0.0; 3]),
            size: [0.1; 3],
        });
        let work = WorkCell::new(&cell, &head).unwrap();
        assert!(work.blocked(&blocked, &cell.base_from_head).is_some());
        assert_eq!(work.blocked(&clear, &cell.base_from_head), None);
        let hovers = [clear, blocked, near];
        let order = [0, 1, 2];
        let proven = prove(
            &work,
            &cell.base_from_head,
            &hovers,
            &order,
            &crate::to_the_end,
        );
        let proven = proven.unwrap();
        assert_eq!(
            (proven.order.as_slice(), proven.unconnected.as_slice()),
            (&[0, 2][..], &[1][..])
        );
        assert_eq!(proven.durations.len(), 1);
        let all = Proven {
            order: vec![0, 2, 0],
            durations: vec![proven.durations[0], proven.durations[0]],
            unconnected: vec![1],
        };
        let left = without((&work, &cell.base_from_head), &hovers, all, &[2].into());
        assert_eq!(
            (left.order.as_slice(), left.durations.len()),
            (&[0, 0][..], 1)
        );
        assert_eq!(left.unconnected, [1]);
        let stop = |_: f64| ControlFlow::Break(());
        assert_eq!(
            prove(&work, &cell.base_from_head, &hovers, &order, &stop),
            None
        );
    }
}
