//! How clear: signed lower bounds of every distance, with what is nearest to what.

use super::query::Obstacle;
use super::work_cell::WorkCell;
use crate::frames::{Base, Head, Point, Transform};
use crate::joints::Joints;
use crate::limits::margin;

/// Below this the nose's distance is asked of the mesh itself, metres: where it hovers, and where it is led away from a head that came too
/// near, the last tenths count.
const NOSE_EXACT: f64 = 0.015;
/// … but of no more spheres than this; others keep their bounds.
const MOST_EXACT: u32 = 6;
/// Spheres are split no further once they stick out by less than this share of the distance found.
const COARSE: f64 = 0.04;

/// Lower bounds of the distances, metres; negative when touching or overlapping, infinite when there is nothing to meet.
///
/// How much smaller than the true distance they can be: to head, floor and boxes by what a sphere of the body's cover sticks out (4 mm or
/// 1 % of the body's own radius at its leaves, and 4 % of the distance farther away; the nose's tip is a sphere itself), and to the head by
/// what [`super::HeadField`] loses as well, except for the nose nearer than 15 mm, which is asked exactly. Between bodies of the arm by
/// nothing, as the distance of their convex hulls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clearance {
    /// Nose cone to head.
    pub nose_head: f64,
    /// Arm, cable guards and tool body to head.
    pub links_head: f64,
    /// Arm, cable guards and tool to floor and boxes.
    pub scene: f64,
    /// Arm, cable guards and tool to themselves.
    pub itself: f64,
    /// What these distances are between.
    pub nearest: Nearest,
}

/// Which body is nearest to what, by class; `None` when there is nothing to meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nearest {
    /// Of [`Clearance::nose_head`].
    pub nose_head: Option<Obstacle>,
    /// Of [`Clearance::links_head`].
    pub links_head: Option<Obstacle>,
    /// Of [`Clearance::scene`].
    pub scene: Option<Obstacle>,
    /// Of [`Clearance::itself`].
    pub itself: Option<Obstacle>,
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

    const fn unknown() -> Self {
        let unknown = Some(Obstacle::Unknown);
        Self {
            nose_head: f64::NEG_INFINITY,
            links_head: f64::NEG_INFINITY,
            scene: f64::NEG_INFINITY,
            itself: f64::NEG_INFINITY,
            nearest: Nearest {
                nose_head: unknown,
                links_head: unknown,
                scene: unknown,
                itself: unknown,
            },
        }
    }
}

/// The smallest distance so far, and between what.
type Found = (f64, Option<Obstacle>);

impl WorkCell {
    /// Lower bounds of all distances at `q`; all minus infinity when an input is not finite or not the arm's.
    #[must_use]
    pub fn clearance(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> Clearance {
        if !self.is_usable(q, base_from_head) {
            return Clearance::unknown();
        }
        let frames = self.body_frames(q);
        let head_from_base = *base_from_head.inverse().raw();
        let (mut nose, mut links, mut scene): (Found, Found, Found) = (
            (f64::INFINITY, None),
            (f64::INFINITY, None),
            (f64::INFINITY, None),
        );
        let moving = (0..self.bodies.len())
            .rev()
            .filter(|i| self.bodies[*i].carrier > 0);
        for body in moving {
            let base_from_body = frames.places[self.bodies[body].place];
            let head_from_body = head_from_base * base_from_body;
            let is_nose = body + 1 == self.bodies.len();
            let head = if is_nose { &mut nose } else { &mut links };
            let mut exact = if is_nose { MOST_EXACT } else { 0 };
            self.nearest_of(body, head, |center, radius, leaf| {
                let at = Point::<Head>::from_raw((head_from_body * center).coords);
                let mut gap = self.field.lower(&at) - radius;
                if leaf && exact > 0 && gap < NOSE_EXACT {
                    exact -= 1;
                    gap = gap.max(self.field.exact(&at) - radius);
                }
                (gap, Obstacle::Head { body })
            });
            self.nearest_of(body, &mut scene, |center, radius, _| {
                let (gap, what) = self.nearest_scene(body, &(base_from_body * center).coords);
                (gap - radius, what)
            });
        }
        let itself = self.nearest_pair(&frames);
        Clearance {
            nose_head: nose.0,
            links_head: links.0,
            scene: scene.0,
            itself: itself.0,
            nearest: Nearest {
                nose_head: nose.1,
                links_head: links.1,
                scene: scene.1,
                itself: itself.1,
            },
        }
    }

    /// Lowers `best` to a body's smallest gap, if that is smaller. `gap` tells a sphere's, from its middle, its radius and whether it is final.
    fn nearest_of(
        &self,
        body: usize,
        best: &mut Found,
        mut gap: impl FnMut(&nalgebra::Point3<f64>, f64, bool) -> (f64, Obstacle),
    ) {
        let spheres = &self.bodies[body].spheres.spheres;
        let mut asked = |node: u32, above: f64| {
            let sphere = &spheres[node as usize];
            let leaf = sphere.children == 0;
            let (gap, what) = gap(&nalgebra::Point3::from(sphere.center), sphere.radius, leaf);
            // What is true of the whole is true of its parts; NaN is nearest of all.
            let gap = if gap.is_nan() {
                f64::NEG_INFINITY
            } else {
                gap.max(above)
            };
            (gap, what, node, leaf || sphere.loss <= COARSE * gap)
        };
        let mut pending = arrayvec::ArrayVec::<_, 96>::new();
        if !spheres.is_empty() {
            pending.push(asked(0, f64::NEG_INFINITY));
        }
        while let Some((gap, what, node, last)) = pending.pop() {
            if gap >= best.0 {
                continue;
            }
            if last || pending.remaining_capacity() < 2 {
                *best = (gap, Some(what));
                continue;
            }
            let children = spheres[node as usize].children;
            let (one, other) = (asked(children, gap), asked(children + 1, gap));
            let (near, far) = if one.0 <= other.0 {
                (one, other)
            } else {
                (other, one)
            };
            pending.push(far);
            pending.push(near);
        }
    }
}
