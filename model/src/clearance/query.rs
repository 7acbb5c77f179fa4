//! The queries: how clear, whether clear, whether clear all along.

use std::cell::Cell;

use nalgebra::{Isometry3, Vector3};

use super::roll::ClearAtEveryRoll;
use super::settled::{Known, Settled};
use super::sweep::{Motion, Sweep};
use super::work_cell::{Frames, WorkCell};
use crate::frames::{Base, Head, Point, Transform};
use crate::joints::Joints;
use crate::limits::margin;

/// A segment or patch is halved at most this often before it counts as blocked.
const DEEPEST: u32 = 12;

/// Most spans of a region that is proven by halving.
const MOST_SPANS: usize = 2;

/// What is too near to what. Indices are those of [`WorkCell`]'s bodies; [`WorkCell::describe`] names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// A body and the head.
    Head {
        /// The body.
        body: usize,
    },
    /// A body and the floor.
    Floor {
        /// The body.
        body: usize,
    },
    /// A body and a box of the room.
    Box {
        /// The body.
        body: usize,
        /// The box, as in the cell's list.
        index: usize,
    },
    /// The tip and a volume that no tip may come near.
    KeepOut {
        /// Which, as in the plan's list.
        index: usize,
    },
    /// Two bodies of arm and tool.
    Itself {
        /// One.
        body: usize,
        /// The other.
        other: usize,
    },
    /// A number was not finite: nothing is known, so nothing is clear.
    Unknown,
}

pub(super) fn box_distance(half: &Vector3<f64>, p: &Vector3<f64>) -> f64 {
    let q = p.abs() - half;
    q.sup(&Vector3::zeros()).norm() + q.max().min(0.0)
}

/// What a sphere's own children are still to be asked about.
#[derive(Clone, Copy)]
struct Pending {
    node: u32,
    head: bool,
    scene: bool,
}

/// Spheres waiting at most: two a level of the deepest tree, of which none has so many.
type Waiting<T> = arrayvec::ArrayVec<T, 96>;

impl WorkCell {
    /// Whether joints and head pose are something a distance can be computed for.
    pub(super) fn is_usable(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> bool {
        q.is_finite() && q.dof() == self.arm.dof() && base_from_head.is_finite()
    }

    /// The first body found too near to head or scene all over a sweep, or the tip to what it is kept out of.
    pub(super) fn outer_obstacle<const SPANS: usize>(
        &self,
        frames: &Frames,
        sweep: &Sweep<SPANS>,
        head_from_base: &Isometry3<f64>,
        waived: bool,
        known: &Known,
    ) -> Option<Obstacle> {
        if !waived && let Some(found) = self.tip_obstacle(frames, sweep, head_from_base) {
            return Some(found);
        }
        // From the nose back: what is most often in the way is found first.
        let moving = (0..self.bodies.len())
            .rev()
            .filter(|i| self.bodies[*i].carrier > 0);
        for body in moving {
            let nose = body + 1 == self.bodies.len();
            let head = !(nose && waived || known.head.has(body));
            let scene = !known.scene.has(body);
            if !(head || scene) {
                continue;
            }
            let motion = self.motion_of(sweep, body);
            let head = head.then_some(head_from_base);
            if let Some(found) = self.body_obstacle(frames, &motion, (head, scene), body) {
                return Some(found);
            }
        }
        None
    }

    /// What a body comes too near to of head and scene, as far as they are asked about.
    pub(super) fn body_obstacle<const SPANS: usize>(
        &self,
        frames: &Frames,
        motion: &Motion<SPANS>,
        (head_from_base, scene): (Option<&Isometry3<f64>>, bool),
        body: usize,
    ) -> Option<Obstacle> {
        let part = &self.bodies[body];
        let base_from_body = frames.places[part.place];
        let head_from_body = head_from_base.map(|h| h * base_from_body);
        let mut pending = Waiting::new();
        if part.spheres.root().is_some() {
            pending.push(Pending {
                node: 0,
                head: head_from_base.is_some(),
                scene,
            });
        }
        while let Some(asked) = pending.pop() {
            let sphere = &part.spheres.spheres[asked.node as usize];
            let middle = nalgebra::Point3::from(sphere.center);
            let center = (base_from_body * middle).coords;
            let grown = sphere.radius + motion.reach(&center, sphere.radius);
            // What a sphere is clear of, the smaller ones in it are clear of too.
            let too_near_head = asked.head
                && head_from_body.is_some_and(|h| {
                    let in_head = Point::<Head>::from_raw((h * middle).coords);
                    // NaN is above nothing, so it is too near.
                    let clear = self.field.lower(&in_head) >= grown + part.head_margin;
                    !clear
                });
            let scene = if asked.scene {
                self.scene_obstacle(body, &center, grown + margin::SCENE.m())
            } else {
                None
            };
            if !too_near_head && scene.is_none() {
                continue;
            }
            if sphere.children == 0 {
                return Some(scene.unwrap_or(Obstacle::Head { body }));
            }
            for node in [sphere.children, sphere.children + 1] {
                let child = Pending {
                    node,
                    head: too_near_head,
                    scene: scene.is_some(),
                };
                // A full stack cannot happen with trees this deep; if it did, nothing would be known.
                if pending.try_push(child).is_err() {
                    return Some(Obstacle::Unknown);
                }
            }
        }
        None
    }

    fn scene_obstacle(&self, body: usize, center: &Vector3<f64>, needed: f64) -> Option<Obstacle> {
        // NaN is above nothing, so it is an obstacle.
        let above_floor = center.z - self.floor_z >= needed;
        if !above_floor {
            return Some(Obstacle::Floor { body });
        }
        self.boxes.iter().enumerate().find_map(|(index, b)| {
            let local = (b.box_from_base * nalgebra::Point3::from(*center)).coords;
            let clear = box_distance(&b.half, &local) >= needed;
            (!clear).then_some(Obstacle::Box { body, index })
        })
    }

    /// What is nearer than its margin at `q` with the head at `base_from_head`; `None` when all is clear.
    #[must_use]
    pub fn blocked(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> Option<Obstacle> {
        Region::new(self, base_from_head).blocked(q, &[])
    }

    /// As [`WorkCell::blocked`], for a configuration that differs in its last joint alone from the one of which `clear` is known.
    #[must_use]
    pub fn blocked_at_roll(
        &self,
        q: &Joints,
        base_from_head: &Transform<Base, Head>,
        clear: &ClearAtEveryRoll,
    ) -> Option<Obstacle> {
        let region = Region {
            known: &clear.0,
            ..Region::new(self, base_from_head)
        };
        region.blocked(q, &[])
    }

    /// What comes nearer than its margin anywhere on the straight joint-space segment; `None` proves it clear along its whole length.
    #[must_use]
    pub fn segment_blocked(
        &self,
        from: &Joints,
        to: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Option<Obstacle> {
        Region::new(self, base_from_head).segment(from, to)
    }

    /// As [`WorkCell::segment_blocked`], looking at no more than `budget` allows: what that does not suffice for counts as blocked.
    #[must_use]
    pub fn segment_blocked_within(
        &self,
        from: &Joints,
        to: &Joints,
        base_from_head: &Transform<Base, Head>,
        budget: &Budget,
    ) -> Option<Obstacle> {
        let region = Region {
            budget: Some(budget),
            ..Region::new(self, base_from_head)
        };
        region.segment(from, to)
    }

    /// What comes nearer than its margin in any configuration `middle + Σ sᵢ spans[i]`, every sᵢ in [-1, 1]; `None` proves them all clear.
    ///
    /// No span is one configuration, one span a segment, two the patch that a blended corner of two segments stays in. More are not
    /// looked at and count as [`Obstacle::Unknown`], as does a number of joints that is not the arm's.
    #[must_use]
    pub fn region_blocked(
        &self,
        middle: &Joints,
        spans: &[Joints],
        base_from_head: &Transform<Base, Head>,
    ) -> Option<Obstacle> {
        Region::new(self, base_from_head).blocked(middle, spans)
    }

    /// As [`WorkCell::segment_blocked`], but the nose cone may be near the head and the tip near what it is kept out of: for leading away
    /// from a head that came too near.
    #[must_use]
    pub fn retreat_blocked(
        &self,
        from: &Joints,
        to: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Option<Obstacle> {
        let region = Region {
            waived: true,
            ..Region::new(self, base_from_head)
        };
        region.segment(from, to)
    }

    /// Whether an obstacle is the nose cone against the head, or the tip against a part of the head that it is kept out of.
    #[must_use]
    pub fn is_nose_to_head(&self, obstacle: &Obstacle) -> bool {
        match *obstacle {
            Obstacle::Head { body } => body + 1 == self.bodies.len(),
            Obstacle::KeepOut { .. } => true,
            _ => false,
        }
    }
}

impl Settled<'_> {
    /// As [`WorkCell::blocked`].
    #[must_use]
    pub fn blocked(&self, q: &Joints) -> Option<Obstacle> {
        self.region_blocked(q, &[])
    }

    /// As [`WorkCell::segment_blocked`].
    #[must_use]
    pub fn segment_blocked(&self, from: &Joints, to: &Joints) -> Option<Obstacle> {
        // Interpolation drops joints that only one end has.
        if from.dof() != to.dof() {
            return Some(Obstacle::Unknown);
        }
        let (middle, span) = middle_and_span(from, to);
        self.region_blocked(&middle, &[span])
    }

    /// As [`WorkCell::region_blocked`].
    #[must_use]
    pub fn region_blocked(&self, middle: &Joints, spans: &[Joints]) -> Option<Obstacle> {
        let region = Region {
            known: self.known_of(middle, spans),
            ..Region::new(self.cell, &self.base_from_head)
        };
        region.blocked(middle, spans)
    }
}

pub(super) fn middle_and_span(from: &Joints, to: &Joints) -> (Joints, Joints) {
    (from.lerp(to, 0.5), from.zip(to, |a, b| 0.5 * (b - a)))
}

/// The sum of the joints' magnitudes, rad.
fn turned(span: &Joints) -> f64 {
    span.as_slice().iter().map(|h| h.abs()).sum()
}

/// How many more configurations and regions may be looked at; what is asked beyond that counts as blocked, since nothing is known of it. A
/// segment that passes something at just its margin takes thousands.
#[derive(Debug)]
pub struct Budget(Cell<u32>);

impl Budget {
    /// So many.
    #[must_use]
    pub const fn new(looks: u32) -> Self {
        Self(Cell::new(looks))
    }

    /// Whether nothing more will be looked at.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    /// Whether one more may be looked at, which is counted.
    fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

/// A region of joint space being proven: a middle, and everything that up to two spans either way lead to.
struct Region<'a> {
    cell: &'a WorkCell,
    base_from_head: &'a Transform<Base, Head>,
    /// Whether the nose cone may be near the head.
    waived: bool,
    /// What is clear all over it.
    known: &'a Known,
    /// How much may be looked at; all that is needed with none.
    budget: Option<&'a Budget>,
}

/// Spans of a region.
type Spans = arrayvec::ArrayVec<Joints, MOST_SPANS>;

impl<'a> Region<'a> {
    const fn new(cell: &'a WorkCell, base_from_head: &'a Transform<Base, Head>) -> Self {
        Self {
            cell,
            base_from_head,
            waived: false,
            known: &Known::NOTHING,
            budget: None,
        }
    }

    fn segment(&self, from: &Joints, to: &Joints) -> Option<Obstacle> {
        // Interpolation drops joints that only one end has.
        if from.dof() != to.dof() {
            return Some(Obstacle::Unknown);
        }
        let (middle, span) = middle_and_span(from, to);
        self.blocked(&middle, &[span])
    }

    fn blocked(&self, middle: &Joints, spans: &[Joints]) -> Option<Obstacle> {
        match Spans::try_from(spans) {
            Ok(spans) => self.halve(middle, &spans, self.known, 0),
            Err(_) => Some(Obstacle::Unknown),
        }
    }

    /// Whether one more look may be taken.
    fn spend(&self) -> bool {
        self.budget.is_none_or(Budget::spend)
    }

    /// The first thing found too near; `None` proves all margins all over the region.
    fn halve(&self, middle: &Joints, spans: &Spans, known: &Known, depth: u32) -> Option<Obstacle> {
        let cell = self.cell;
        let usable = |s: &Joints| s.is_finite() && s.dof() == middle.dof();
        let sound = cell.is_usable(middle, self.base_from_head) && spans.iter().all(usable);
        if !sound || !self.spend() {
            return Some(Obstacle::Unknown);
        }
        let frames = cell.body_frames(middle);
        let head_from_base = self.base_from_head.inverse();
        let head_from_base = head_from_base.raw();
        let sweep = Sweep::<MOST_SPANS>::new(&frames, spans);
        let outer = cell.outer_obstacle(&frames, &sweep, head_from_base, self.waived, known);
        let found = outer.or_else(|| cell.pair_obstacle(&frames, &sweep, known))?;
        let longest =
            (0..spans.len()).max_by(|&a, &b| turned(&spans[a]).total_cmp(&turned(&spans[b])));
        let Some(longest) = longest.filter(|_| depth < DEEPEST) else {
            return Some(found);
        };
        // No use in halving on when the middle itself is blocked.
        if !self.spend() {
            return Some(Obstacle::Unknown);
        }
        let still = Sweep::<0>::new(&frames, &[]);
        let outer = cell.outer_obstacle(&frames, &still, head_from_base, self.waived, known);
        if outer.is_some() {
            return outer;
        }
        // What is clear all over the region is so all over its halves.
        let known = cell.clear_all_over(&frames, &sweep, head_from_base, known);
        if let Some(found) = cell.pair_obstacle(&frames, &still, &known) {
            return Some(found);
        }
        // Nor when the way leads to where all is not clear: halving would come ever nearer to it.
        if let (0, [span]) = (depth, spans.as_slice()) {
            let end = middle.zip(span, |m, h| m + h);
            let end = self.halve(&end, &Spans::new(), &known, 0);
            if end.is_some() {
                return end;
            }
        }
        let mut halved = spans.clone();
        halved[longest] = spans[longest].map(|h| 0.5 * h);
        let step = halved[longest];
        let half = |middle: Joints| self.halve(&middle, &halved, &known, depth + 1);
        half(middle.zip(&step, |m, h| m - h)).or_else(|| half(middle.zip(&step, |m, h| m + h)))
    }
}
