//! The arm against itself.

use nalgebra::Isometry3;

use super::query::Obstacle;
use super::settled::Known;
use super::sweep::Sweep;
use super::work_cell::{Frames, WorkCell};
use crate::limits::margin;

/// Pairs of spheres looked at before the hulls are asked.
const MOST_PAIRS: u32 = 32;

fn parry_pose(iso: &Isometry3<f64>) -> parry3d::math::Pose {
    let q = iso.rotation.coords;
    parry3d::math::Pose::from_parts(
        crate::to_parry_vector(&iso.translation.vector),
        parry3d::math::Rotation::from_xyzw(q.x, q.y, q.z, q.w),
    )
}

impl WorkCell {
    /// Distance of two bodies' hulls, metres; zero when they overlap, minus infinity when parry cannot tell.
    pub(super) fn hull_distance(&self, frames: &Frames, a: usize, b: usize) -> f64 {
        let (Some(one), Some(other)) = (&self.bodies[a].hull, &self.bodies[b].hull) else {
            return f64::INFINITY;
        };
        let pose = |i: usize| parry_pose(&frames.places[self.bodies[i].place]);
        match parry3d::query::distance(&pose(a), &**one, &pose(b), &**other) {
            Ok(found) if found.distance.is_finite() => found.distance,
            _ => f64::NEG_INFINITY,
        }
    }

    /// As [`Self::hull_distance`], but where hulls overlap minus how far one must be moved to part them.
    fn signed_hull_distance(&self, frames: &Frames, a: usize, b: usize) -> f64 {
        let distance = self.hull_distance(frames, a, b);
        let (Some(one), Some(other)) = (&self.bodies[a].hull, &self.bodies[b].hull) else {
            return distance;
        };
        if distance > 0.0 || distance == f64::NEG_INFINITY {
            return distance;
        }
        let pose = |i: usize| parry_pose(&frames.places[self.bodies[i].place]);
        match parry3d::query::contact(&pose(a), &**one, &pose(b), &**other, 0.0) {
            Ok(Some(contact)) => contact.dist.min(0.0),
            Ok(None) => 0.0,
            Err(_) => f64::NEG_INFINITY,
        }
    }

    /// Whether the spheres of two bodies show within a few looks that the bodies are `needed` apart.
    fn spheres_apart(&self, frames: &Frames, a: usize, b: usize, needed: f64) -> bool {
        let (one, other) = (&self.bodies[a], &self.bodies[b]);
        let (ours, theirs) = (&one.spheres.spheres, &other.spheres.spheres);
        if ours.is_empty() || theirs.is_empty() {
            return true;
        }
        let a_from_b = frames.places[one.place].inv_mul(&frames.places[other.place]);
        let mut pending = arrayvec::ArrayVec::<(u32, u32), { MOST_PAIRS as usize + 2 }>::new();
        pending.push((0, 0));
        for _ in 0..MOST_PAIRS {
            let Some((i, j)) = pending.pop() else {
                return true;
            };
            let (s, t) = (&ours[i as usize], &theirs[j as usize]);
            let middle = (a_from_b * nalgebra::Point3::from(t.center)).coords;
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
        frames: &Frames,
        sweep: &Sweep<SPANS>,
        (a, b): (usize, usize),
    ) -> bool {
        // What one sees of the other depends on the joints between them only.
        let (a, b) = if self.bodies[a].carrier <= self.bodies[b].carrier {
            (a, b)
        } else {
            (b, a)
        };
        let (carrier, moving) = (self.bodies[a].carrier, &self.bodies[b]);
        let moved = moving.spheres.root().map_or(0.0, |s| {
            let center = frames.places[moving.place] * nalgebra::Point3::from(s.center);
            sweep
                .motion(carrier, moving, &self.arms[b])
                .reach(&center.coords, s.radius)
        });
        let needed = margin::SELF.m() + moved;
        self.spheres_apart(frames, a, b, needed) || self.hull_distance(frames, a, b) >= needed
    }

    /// The first pair of bodies that can come nearer than its margin, of those that are not settled.
    pub(super) fn pair_obstacle<const SPANS: usize>(
        &self,
        frames: &Frames,
        sweep: &Sweep<SPANS>,
        settled: &Known,
    ) -> Option<Obstacle> {
        let open = self.watched.iter().enumerate();
        let open = open.filter(|(i, _)| !settled.pairs.has(*i));
        let blocked = open.map(|(_, pair)| *pair);
        let blocked = blocked.filter(|pair| !self.pair_is_clear(frames, sweep, *pair));
        let named = |(a, b): (usize, usize)| {
            let swapped = self.bodies[a].carrier > self.bodies[b].carrier;
            let (body, other) = if swapped { (b, a) } else { (a, b) };
            Obstacle::Itself { body, other }
        };
        blocked.map(named).next()
    }

    /// The smallest distance of all watched pairs' hulls, and that pair.
    pub(super) fn nearest_pair(&self, frames: &Frames) -> (f64, Option<Obstacle>) {
        let gap = |&(a, b): &(usize, usize)| {
            let at = |i: usize| {
                let body = &self.bodies[i];
                let root = body.spheres.root()?;
                let center = frames.places[body.place] * nalgebra::Point3::from(root.center);
                Some((center, root.radius))
            };
            match (at(a), at(b)) {
                (Some((p, r)), Some((q, s))) => (p - q).norm() - r - s,
                _ => f64::INFINITY,
            }
        };
        let mut best = (f64::INFINITY, None);
        let mut look = |a: usize, b: usize| {
            if !self.spheres_apart(frames, a, b, best.0) {
                let distance = self.signed_hull_distance(frames, a, b);
                if distance < best.0 {
                    best = (distance, Some(Obstacle::Itself { body: a, other: b }));
                }
            }
        };
        // What looks nearest first: it spares most of the others.
        let likely = self
            .watched
            .iter()
            .min_by(|one, other| gap(one).total_cmp(&gap(other)));
        if let Some(&(a, b)) = likely {
            look(a, b);
        }
        for pair in &self.watched {
            if Some(pair) != likely {
                look(pair.0, pair.1);
            }
        }
        best
    }
}
