//! The arm against itself.

use arrayvec::ArrayVec;
use nalgebra::{Point3, Vector3};

use super::gjk::Stop;
use super::hull::{Core, Gap};
use super::query::Obstacle;
use super::settled::Known;
use super::sweep::Sweep;
use super::work_cell::{Frames, WorkCell};
use crate::limits::margin;

/// Pairs of spheres looked at where hulls do not show bodies apart.
const MOST_PAIRS: u32 = 32;
/// Cores kept of one configuration; those of more bodies are worked out whenever asked for.
const MOST_CORES: usize = 24;
/// Watched pairs put off until the nearest is known; more are looked at at once.
const MOST_WAITING: usize = 96;

/// The bodies' cores in one configuration.
pub(super) type Cores = ArrayVec<Option<Core>, MOST_CORES>;

/// The pair that is nearest.
#[derive(Debug, Clone, Copy)]
pub(super) struct NearestPair {
    /// Never more than the distance of the hulls, metres.
    pub(super) gap: f64,
    pub(super) what: Obstacle,
    /// A point of each, in the base frame.
    pub(super) points: [Vector3<f64>; 2],
}

impl WorkCell {
    fn core(&self, frames: &Frames, body: usize) -> Option<Core> {
        let body = &self.bodies[body];
        let hull = body.hull.as_ref()?;
        Some(hull.core(&frames.places[body.place]))
    }

    /// The cores of the bodies.
    pub(super) fn cores(&self, frames: &Frames) -> Cores {
        let bodies = 0..self.bodies.len().min(MOST_CORES);
        bodies.map(|i| self.core(frames, i)).collect()
    }

    /// How far apart two bodies' cores show them to be, and the way from the first to the second; `None` when one has no geometry.
    fn core_gap(
        &self,
        frames: &Frames,
        cores: &Cores,
        a: usize,
        b: usize,
    ) -> Option<(f64, Vector3<f64>)> {
        let core = |i: usize| {
            cores
                .get(i)
                .copied()
                .unwrap_or_else(|| self.core(frames, i))
        };
        Some(core(a)?.gap(&core(b)?))
    }

    /// How near two bodies' hulls are; `None` when one has no geometry.
    pub(super) fn hull_gap(
        &self,
        frames: &Frames,
        a: usize,
        b: usize,
        start: &Vector3<f64>,
        stop: Stop,
    ) -> Option<Gap> {
        let (one, other) = (&self.bodies[a], &self.bodies[b]);
        let (ours, theirs) = (one.hull.as_ref()?, other.hull.as_ref()?);
        let (at, to) = (&frames.places[one.place], &frames.places[other.place]);
        Some(ours.gap(at, theirs, to, start, stop))
    }

    /// A lower bound of the distance of two bodies' hulls, metres, looked into no further once it is known on which side of `enough` it is;
    /// minus infinity when it cannot be computed.
    pub(super) fn hull_distance(&self, frames: &Frames, a: usize, b: usize, enough: f64) -> f64 {
        let origin = |i: usize| frames.places[self.bodies[i].place].translation.vector;
        let stop = Stop {
            clear: enough,
            near: enough,
        };
        let gap = self.hull_gap(frames, a, b, &(origin(b) - origin(a)), stop);
        gap.map_or(f64::INFINITY, |gap| gap.lower)
    }

    /// Whether two bodies are shown to be `needed` apart: by their cores, by their hulls, or, where one lies in a hollow of the other, by
    /// their spheres.
    pub(super) fn apart(
        &self,
        frames: &Frames,
        cores: &Cores,
        a: usize,
        b: usize,
        needed: f64,
    ) -> bool {
        if let (Some(Some(one)), Some(Some(other))) = (cores.get(a), cores.get(b))
            && one.far(other, needed)
        {
            return true;
        }
        let Some((gap, start)) = self.core_gap(frames, cores, a, b) else {
            return true;
        };
        let stop = Stop {
            clear: needed,
            near: needed,
        };
        gap >= needed
            || self
                .hull_gap(frames, a, b, &start, stop)
                .is_some_and(|gap| gap.lower >= needed)
            || self.spheres_apart(frames, a, b, needed)
    }

    /// Whether the spheres of two bodies show within a few looks that the bodies are `needed` apart.
    fn spheres_apart(&self, frames: &Frames, a: usize, b: usize, needed: f64) -> bool {
        let (one, other) = (&self.bodies[a], &self.bodies[b]);
        let (ours, theirs) = (&one.spheres.spheres, &other.spheres.spheres);
        if ours.is_empty() || theirs.is_empty() {
            return true;
        }
        let a_from_b = frames.places[one.place].inv_mul(&frames.places[other.place]);
        let mut pending = ArrayVec::<(u32, u32), { MOST_PAIRS as usize + 2 }>::new();
        pending.push((0, 0));
        for _ in 0..MOST_PAIRS {
            let Some((i, j)) = pending.pop() else {
                return true;
            };
            let (s, t) = (&ours[i as usize], &theirs[j as usize]);
            let middle = (a_from_b * Point3::from(t.center)).coords;
            if (s.center - middle).norm() - s.radius - t.radius >= needed {
                continue;
            }
            let ours_first = t.children == 0 || (s.children != 0 && s.radius >= t.radius);
            let halves = if ours_first {
                [(s.children, j), (s.children + 1, j)]
            } else {
                [(i, t.children), (i, t.children + 1)]
            };
            if ours_first && s.children == 0 {
                return false;
            }
            pending.extend(halves);
        }
        pending.is_empty()
    }

    /// Whether two bodies keep their margin all over a sweep.
    pub(super) fn pair_is_clear<const SPANS: usize>(
        &self,
        (frames, cores): (&Frames, &Cores),
        sweep: &Sweep<SPANS>,
        pair: (usize, usize),
    ) -> bool {
        // What one sees of the other depends on the joints between them only.
        let (a, b) = self.by_carrier(pair);
        let (carrier, moving) = (self.bodies[a].carrier, &self.bodies[b]);
        let moved = moving.spheres.root().map_or(0.0, |s| {
            let center = frames.places[moving.place] * Point3::from(s.center);
            sweep
                .motion(carrier, moving, &self.arms[b])
                .reach(&center.coords, s.radius)
        });
        self.apart(frames, cores, a, b, margin::SELF.m() + moved)
    }

    /// A pair, the body that fewer joints carry first.
    fn by_carrier(&self, (a, b): (usize, usize)) -> (usize, usize) {
        if self.bodies[a].carrier <= self.bodies[b].carrier {
            (a, b)
        } else {
            (b, a)
        }
    }

    /// The first pair of bodies that can come nearer than its margin, of those that are not known to be clear.
    pub(super) fn pair_obstacle<const SPANS: usize>(
        &self,
        frames: &Frames,
        sweep: &Sweep<SPANS>,
        known: &Known,
    ) -> Option<Obstacle> {
        let watched = self.watched.iter().enumerate();
        let mut open = watched.filter(|(i, _)| !known.pairs.has(*i)).peekable();
        open.peek()?;
        let cores = self.cores(frames);
        let near = open.find(|(_, pair)| !self.pair_is_clear((frames, &cores), sweep, **pair));
        near.map(|(_, pair)| {
            let (body, other) = self.by_carrier(*pair);
            Obstacle::Itself { body, other }
        })
    }

    /// The watched pair whose hulls are nearest; `None` when no pair is watched.
    pub(super) fn nearest_pair(&self, frames: &Frames, cores: &Cores) -> Option<NearestPair> {
        let mut best: Option<NearestPair> = None;
        let mut look = |a: usize, b: usize, start: &Vector3<f64>| {
            let clear = best.map_or(f64::INFINITY, |best| best.gap);
            let stop = Stop {
                clear,
                near: f64::NEG_INFINITY,
            };
            let gap = self.hull_gap(frames, a, b, start, stop);
            if let Some(gap) = gap.filter(|gap| gap.lower < clear) {
                best = Some(NearestPair {
                    gap: gap.lower,
                    what: Obstacle::Itself { body: a, other: b },
                    points: gap.points,
                });
            }
            best.map_or(f64::INFINITY, |best| best.gap)
        };
        // Those whose cores are nearest first: they spare most of the others.
        let mut waiting = ArrayVec::<(f64, Vector3<f64>, usize, usize), MOST_WAITING>::new();
        let mut known = f64::INFINITY;
        for &(a, b) in &self.watched {
            let Some((gap, start)) = self.core_gap(frames, cores, a, b) else {
                continue;
            };
            if waiting.try_push((gap, start, a, b)).is_err() {
                known = look(a, b, &start);
            }
        }
        loop {
            let nearest = (0..waiting.len()).min_by(|i, j| waiting[*i].0.total_cmp(&waiting[*j].0));
            let Some((gap, start, a, b)) = nearest.map(|i| waiting.swap_remove(i)) else {
                break;
            };
            if gap >= known {
                break;
            }
            known = look(a, b, &start);
        }
        best
    }
}
