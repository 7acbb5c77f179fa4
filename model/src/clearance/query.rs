//! The queries: how clear, whether clear, whether clear all along.

use nalgebra::{Isometry3, Vector3};

use super::work_cell::{Frames, WorkCell};
use crate::frames::{Base, Head, Point, Transform};
use crate::joints::Joints;
use crate::limits::margin;

/// A segment or patch is halved at most this often before it counts as blocked.
const DEEPEST: u32 = 12;

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

/// Lower bounds of the distances, metres; negative when touching or overlapping, infinite when there is nothing to meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clearance {
    /// Nose cone to head.
    pub nose_head: f64,
    /// Arm and tool body to head.
    pub links_head: f64,
    /// Arm and tool to floor and boxes.
    pub scene: f64,
    /// Arm and tool to themselves.
    pub itself: f64,
}

impl Clearance {
    /// Whether every margin of [`crate::limits::margin`] is kept. NaN is not clear.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.nose_head >= margin::NOSE_HEAD.m()
            && self.links_head >= margin::LINKS_HEAD.m()
            && self.scene >= margin::SCENE.m()
            && self.itself >= margin::SELF.m()
    }
}

/// How far bodies can move from a configuration when the joints move by the sum of the spans, each scaled by -1 to 1.
struct Sweep<'a> {
    spans: &'a [Joints],
    /// Bound of the second-order part, metres.
    bend: f64,
}

impl Sweep<'_> {
    /// Bound of the displacement of every point within `radius` of `center`, on the body moved by the first `joints` joints.
    fn displacement(
        &self,
        frames: &Frames,
        joints: usize,
        center: &Vector3<f64>,
        radius: f64,
    ) -> f64 {
        // |J (s u + t v)| ≤ |J u| + |J v| for |s|, |t| ≤ 1.
        self.spans.iter().fold(self.bend, |sum, span| {
            let (linear, angular) = frames.poses.velocity(joints, center, span);
            sum + linear.norm() + angular.norm() * radius
        })
    }
}

fn box_distance(half: &Vector3<f64>, p: &Vector3<f64>) -> f64 {
    let q = p.abs() - half;
    q.sup(&Vector3::zeros()).norm() + q.max().min(0.0)
}

impl WorkCell {
    fn sweep<'a>(&self, spans: &'a [Joints]) -> Sweep<'a> {
        let turn: f64 = spans.iter().map(turned).sum();
        // |p(q+Δ) - p(q) - J Δ| ≤ ½ (Σ|Δ|)² r, with r the farthest any point can be from any axis.
        Sweep {
            spans,
            bend: 0.5 * turn * turn * self.longest_reach,
        }
    }

    fn moving_joints(&self, body: usize) -> usize {
        body.min(self.arm.dof())
    }

    /// Distance of two bodies' hulls, metres; minus infinity when parry cannot tell.
    pub(super) fn hull_distance(&self, frames: &Frames, a: usize, b: usize) -> f64 {
        let (Some(one), Some(other)) = (&self.bodies[a].hull, &self.bodies[b].hull) else {
            return f64::INFINITY;
        };
        let pose = |iso: &Isometry3<f64>| {
            let q = iso.rotation.coords;
            parry3d::math::Pose::from_parts(
                crate::to_parry_vector(&iso.translation.vector),
                parry3d::math::Rotation::from_xyzw(q.x, q.y, q.z, q.w),
            )
        };
        match parry3d::query::distance(
            &pose(&frames.bodies[a]),
            one,
            &pose(&frames.bodies[b]),
            other,
        ) {
            Ok(found) if found.distance.is_finite() => found.distance,
            _ => f64::NEG_INFINITY,
        }
    }

    /// Distance of two bodies' enclosing spheres, metres.
    fn sphere_gap(&self, frames: &Frames, a: usize, b: usize) -> f64 {
        let at = |i: usize| {
            self.bodies[i].spheres.root().map(|s| {
                (
                    frames.bodies[i] * nalgebra::Point3::from(s.center),
                    s.radius,
                )
            })
        };
        match (at(a), at(b)) {
            (Some((p, r)), Some((q, s))) => (p - q).norm() - r - s,
            _ => f64::INFINITY,
        }
    }

    /// The first thing found too near, with the joints anywhere in `q + Σ sᵢ spans[i]`, sᵢ in [-1, 1]; `None` proves all margins.
    fn obstacle(
        &self,
        q: &Joints,
        spans: &[Joints],
        base_from_head: &Transform<Base, Head>,
        waived: bool,
    ) -> Option<Obstacle> {
        if !q.is_finite()
            || q.dof() != self.arm.dof()
            || !base_from_head.is_finite()
            || spans.iter().any(|s| !s.is_finite() || s.dof() != q.dof())
        {
            return Some(Obstacle::Unknown);
        }
        let frames = self.body_frames(q);
        let sweep = self.sweep(spans);
        let head_from_base = base_from_head.inverse();
        // From the nose back: what is most often in the way is found first.
        let bodies = (0..self.bodies.len())
            .rev()
            .filter(|i| self.bodies[*i].moves);
        for body in bodies {
            let nose = body + 1 == self.bodies.len();
            let head = if nose && waived {
                None
            } else {
                Some(&head_from_base)
            };
            if let Some(found) = self.body_obstacle(&frames, &sweep, head, body) {
                return Some(found);
            }
        }
        let swept = |i: usize| {
            self.bodies[i].spheres.root().map_or(0.0, |s| {
                let center = frames.bodies[i] * nalgebra::Point3::from(s.center);
                sweep.displacement(&frames, self.moving_joints(i), &center.coords, s.radius)
            })
        };
        self.watched.iter().find_map(|&(a, b)| {
            let needed = margin::SELF.m() + swept(a) + swept(b);
            let clear = self.sphere_gap(&frames, a, b) >= needed
                || self.hull_distance(&frames, a, b) >= needed;
            (!clear).then_some(Obstacle::Itself { body: a, other: b })
        })
    }

    fn body_obstacle(
        &self,
        frames: &Frames,
        sweep: &Sweep<'_>,
        head_from_base: Option<&Transform<Head, Base>>,
        body: usize,
    ) -> Option<Obstacle> {
        let part = &self.bodies[body];
        let mut pending = arrayvec::ArrayVec::<u32, 64>::new();
        if !part.spheres.spheres.is_empty() {
            pending.push(0);
        }
        while let Some(node) = pending.pop() {
            let sphere = &part.spheres.spheres[node as usize];
            let center = (frames.bodies[body] * nalgebra::Point3::from(sphere.center)).coords;
            let grown = sphere.radius
                + sweep.displacement(frames, self.moving_joints(body), &center, sphere.radius);
            let is_leaf = sphere.children == 0;
            let needed = grown + part.head_margin;
            let head_clear = head_from_base.is_none_or(|head_from_base| {
                let in_head = *head_from_base * Point::<Base>::from_raw(center);
                if is_leaf {
                    self.field.farther_than(&in_head, needed)
                } else {
                    self.field.bounds(&in_head).lower >= needed
                }
            });
            let scene = self.scene_obstacle(body, &center, grown + margin::SCENE.m());
            if head_clear && scene.is_none() {
                continue;
            }
            if is_leaf {
                return Some(if head_clear {
                    scene.unwrap_or(Obstacle::Unknown)
                } else {
                    Obstacle::Head { body }
                });
            }
            // A full stack cannot happen with trees this deep; if it did, nothing would be known.
            if pending
                .try_push(sphere.children)
                .and_then(|()| pending.try_push(sphere.children + 1))
                .is_err()
            {
                return Some(Obstacle::Unknown);
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
        self.obstacle(q, &[], base_from_head, false)
    }

    /// What comes nearer than its margin anywhere on the straight joint-space segment; `None` proves it clear along its whole length.
    #[must_use]
    pub fn segment_blocked(
        &self,
        from: &Joints,
        to: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Option<Obstacle> {
        Region::new(self, base_from_head, false).segment(from, to)
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
        Region::new(self, base_from_head, false).blocked(middle, spans)
    }

    /// As [`WorkCell::segment_blocked`], but the nose cone may be near the head: for leading away from a head that came too near.
    #[must_use]
    pub fn retreat_blocked(
        &self,
        from: &Joints,
        to: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Option<Obstacle> {
        Region::new(self, base_from_head, true).segment(from, to)
    }

    /// Whether an obstacle is the nose cone against the head.
    #[must_use]
    pub fn is_nose_to_head(&self, obstacle: &Obstacle) -> bool {
        *obstacle
            == Obstacle::Head {
                body: self.bodies.len() - 1,
            }
    }

    /// Lower bounds of all distances at `q`; all minus infinity when an input is not finite.
    #[must_use]
    pub fn clearance(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> Clearance {
        let nothing = f64::NEG_INFINITY;
        if !q.is_finite() || q.dof() != self.arm.dof() || !base_from_head.is_finite() {
            return Clearance {
                nose_head: nothing,
                links_head: nothing,
                scene: nothing,
                itself: nothing,
            };
        }
        let frames = self.body_frames(q);
        let head_from_base = base_from_head.inverse();
        let mut out = Clearance {
            nose_head: f64::INFINITY,
            links_head: f64::INFINITY,
            scene: f64::INFINITY,
            itself: f64::INFINITY,
        };
        let nose = self.bodies.len() - 1;
        for (body, part) in self.bodies.iter().enumerate().filter(|(_, p)| p.moves) {
            let head = if body == nose {
                &mut out.nose_head
            } else {
                &mut out.links_head
            };
            let leaves = part.spheres.spheres.iter().filter(|s| s.children == 0);
            for sphere in leaves {
                let center = (frames.bodies[body] * nalgebra::Point3::from(sphere.center)).coords;
                let in_head = head_from_base * Point::<Base>::from_raw(center);
                if self.field.bounds(&in_head).lower - sphere.radius < *head {
                    *head = head.min(self.field.exact(&in_head) - sphere.radius);
                }
                let floor = center.z - self.floor_z;
                let boxes = self.boxes.iter().map(|b| {
                    box_distance(
                        &b.half,
                        &(b.box_from_base * nalgebra::Point3::from(center)).coords,
                    )
                });
                out.scene = out.scene.min(boxes.fold(floor, f64::min) - sphere.radius);
            }
        }
        for &(a, b) in &self.watched {
            if self.sphere_gap(&frames, a, b) < out.itself {
                out.itself = out.itself.min(self.hull_distance(&frames, a, b));
            }
        }
        out
    }
}

/// The sum of the joints' magnitudes, rad.
fn turned(span: &Joints) -> f64 {
    span.as_slice().iter().map(|h| h.abs()).sum()
}

/// A region of joint space being proven: a middle, and everything that up to two spans either way lead to.
struct Region<'a> {
    cell: &'a WorkCell,
    base_from_head: &'a Transform<Base, Head>,
    /// Whether the nose cone may be near the head.
    waived: bool,
}

/// Spans of a region.
type Spans = arrayvec::ArrayVec<Joints, 2>;

impl<'a> Region<'a> {
    const fn new(
        cell: &'a WorkCell,
        base_from_head: &'a Transform<Base, Head>,
        waived: bool,
    ) -> Self {
        Self {
            cell,
            base_from_head,
            waived,
        }
    }

    fn segment(&self, from: &Joints, to: &Joints) -> Option<Obstacle> {
        // Interpolation drops joints that only one end has.
        if from.dof() != to.dof() {
            return Some(Obstacle::Unknown);
        }
        self.blocked(&from.lerp(to, 0.5), &[from.zip(to, |a, b| 0.5 * (b - a))])
    }

    fn blocked(&self, middle: &Joints, spans: &[Joints]) -> Option<Obstacle> {
        match Spans::try_from(spans) {
            Ok(spans) => self.halve(middle, &spans, 0),
            Err(_) => Some(Obstacle::Unknown),
        }
    }

    fn obstacle(&self, middle: &Joints, spans: &[Joints]) -> Option<Obstacle> {
        self.cell
            .obstacle(middle, spans, self.base_from_head, self.waived)
    }

    fn halve(&self, middle: &Joints, spans: &Spans, depth: u32) -> Option<Obstacle> {
        let found = self.obstacle(middle, spans)?;
        if depth >= DEEPEST || found == Obstacle::Unknown {
            return Some(found);
        }
        // No use in halving on when the middle itself is blocked.
        if let Some(found) = self.obstacle(middle, &[]) {
            return Some(found);
        }
        let longest =
            (0..spans.len()).max_by(|&a, &b| turned(&spans[a]).total_cmp(&turned(&spans[b])));
        let Some(longest) = longest else {
            return Some(found);
        };
        let mut halved = spans.clone();
        halved[longest] = spans[longest].map(|h| 0.5 * h);
        let step = halved[longest];
        self.halve(&middle.zip(&step, |m, h| m - h), &halved, depth + 1)
            .or_else(|| self.halve(&middle.zip(&step, |m, h| m + h), &halved, depth + 1))
    }
}
