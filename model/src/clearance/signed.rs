//! How clear: signed lower bounds of every distance, with what is nearest to what.

use nalgebra::{Isometry3, Point3, Vector3};

use super::bodies::Boxed;
use super::gjk::Stop;
use super::pairs::Cores;
use super::query::{Obstacle, box_distance};
use super::queue::{Queue, Waiting};
use super::spheres::{LEAF_LOSS, Sphere};
use super::work_cell::{Frames, PLACES, WorkCell};
use crate::frames::{Base, Head, Point, Transform};
use crate::joints::Joints;
use crate::limits::margin;

/// Below this the nose's distance is asked of the mesh itself, metres: where it hovers, and where it is led away from a head that came too
/// near, the last tenths count.
const NOSE_EXACT: f64 = 0.015;
/// … but of no more spheres than this; others keep their bounds.
const MOST_EXACT: u32 = 6;
/// The mesh is asked as well about a sphere that sticks out by less than this share of the distance found …
const TELLING: f64 = 0.1;
/// … of so many of links and tool body. What it says ends the search once the bound is no less than it by this share of the distance.
const MOST_TELLING: u32 = 2;
pub(super) const FAR: f64 = 0.15;
/// Spheres are split no further once they stick out by less than this share of the distance found.
pub(super) const COARSE: f64 = 0.04;

/// Lower bounds of the distances, metres; negative when touching or overlapping, infinite when there is nothing to meet.
///
/// How much smaller than the true distance they can be, in words; [`super::Witness`] says it in numbers for one configuration:
/// - to boxes by 4 mm, 1 % of the body's own half diagonal or 4 % of the distance, whichever is most: what a sphere of the body's cover may
///   stick out. The tool's flat ends are covered up to its radius too far.
/// - to the head by that and what [`super::HeadField`] loses, or by 15 % of the distance. The nose nearer than 15 mm is asked exactly, and
///   its tip is a sphere itself.
/// - to the floor by what the body's hull leaves out: 0.1 mm, or what 256 corners leave out of a larger round one; of the tool, whose hull
///   is drawn around it with 24 sides and a square nose, by 1 % of its radius and 0.6 of the nose's.
/// - between bodies of the arm, whose distance is that of their convex hulls, by what both leave out. Of hulls that overlap it is minus a way
///   that parts them, so never less deep than they overlap.
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

/// What tells a distance.
#[derive(Clone, Copy)]
pub(super) enum Seen {
    /// There is nothing to meet.
    Nothing,
    /// A sphere of a body.
    Sphere { body: usize, node: u32 },
    /// A corner of a body, in the base frame; nothing of the body is nearer by more than what it may have missed, metres.
    Corner { point: Vector3<f64>, missed: f64 },
    /// A point of each of two hulls, in the base frame.
    Hulls([Vector3<f64>; 2]),
}

/// The smallest distance of a class.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) gap: f64,
    pub(super) what: Option<Obstacle>,
    pub(super) seen: Seen,
}

impl Found {
    const fn nothing() -> Self {
        Self {
            gap: f64::INFINITY,
            what: None,
            seen: Seen::Nothing,
        }
    }

    fn nearer(self, other: Self) -> Self {
        if other.gap < self.gap { other } else { self }
    }
}

impl From<Waiting> for Found {
    fn from(w: Waiting) -> Self {
        Self {
            gap: w.gap,
            what: Some(w.what),
            seen: Seen::Sphere {
                body: w.body,
                node: w.node,
            },
        }
    }
}

/// The smallest distances of all classes, and where everything is.
pub(super) struct Distances {
    pub(super) frames: Frames,
    pub(super) nose: Found,
    pub(super) links: Found,
    pub(super) scene: Found,
    pub(super) itself: Found,
}

impl Distances {
    pub(super) fn clearance(&self) -> Clearance {
        Clearance {
            nose_head: self.nose.gap,
            links_head: self.links.gap,
            scene: self.scene.gap,
            itself: self.itself.gap,
            nearest: Nearest {
                nose_head: self.nose.what,
                links_head: self.links.what,
                scene: self.scene.what,
                itself: self.itself.what,
            },
        }
    }
}

impl WorkCell {
    /// Lower bounds of all distances at `q`; all minus infinity when an input is not finite or not the arm's. Where the points are that are
    /// nearest, [`WorkCell::witnesses`] tells.
    #[must_use]
    pub fn clearance(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> Clearance {
        let found = self.distances(q, base_from_head);
        found.map_or_else(Clearance::unknown, |found| found.clearance())
    }

    /// The distances; `None` when an input is not finite or not the arm's.
    pub(super) fn distances(
        &self,
        q: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Option<Distances> {
        if !self.is_usable(q, base_from_head) {
            return None;
        }
        let frames = self.body_frames(q);
        let head_from_base = *base_from_head.inverse().raw();
        let cores = self.cores(&frames);
        let last = self.bodies.len().saturating_sub(1);
        let nose = self.nearest_to_head(last..last + 1, &frames, &head_from_base, MOST_EXACT);
        let links = self.nearest_to_head(0..last, &frames, &head_from_base, MOST_TELLING);
        let floor = self.nearest_to_floor(&frames, &cores);
        let scene = self.nearest_to_boxes(&frames, floor);
        let pair = self.nearest_pair(&frames, &cores);
        let itself = pair.map_or_else(Found::nothing, |pair| Found {
            gap: pair.gap,
            what: Some(pair.what),
            seen: Seen::Hulls(pair.points),
        });
        Some(Distances {
            frames,
            nose,
            links,
            scene,
            itself,
        })
    }

    /// Which of some bodies is nearest to the head. The mesh itself is asked about no more than `exact` spheres.
    fn nearest_to_head(
        &self,
        bodies: core::ops::Range<usize>,
        frames: &Frames,
        head_from_base: &Isometry3<f64>,
        mut exact: u32,
    ) -> Found {
        let places = frames.places.iter().map(|place| head_from_base * place);
        let places: arrayvec::ArrayVec<_, PLACES> = places.collect();
        let at = |body: usize, sphere: &Sphere| {
            let part = &self.bodies[body];
            Point::<Head>::from_raw((places[part.place] * Point3::from(sphere.center)).coords)
        };
        let ask = |body: usize, node: u32, above: f64| {
            let sphere = &self.bodies[body].spheres.spheres[node as usize];
            let gap = self.field.lower(&at(body, sphere)) - sphere.radius;
            waiting(gap.max(above), Obstacle::Head { body }, body, node)
        };
        let mut queue = Queue::new();
        let mut left = Found::nothing();
        for body in bodies.filter(|i| self.is_moved(*i)) {
            let root = ask(body, 0, f64::NEG_INFINITY);
            if !queue.push(root) {
                left = left.nearer(root.into());
            }
        }
        // A distance that is surely not less than the smallest, and the sphere that shows it.
        let mut most = Found::nothing();
        while let Some(mut top) = queue.pop() {
            let sphere = &self.bodies[top.body].spheres.spheres[top.node as usize];
            let last = top.done || sphere.children == 0 || sphere.loss <= COARSE * top.gap;
            let nose = last && top.gap < NOSE_EXACT;
            // What was gone through stands for more than its nearest sphere, and is not known better by asking about that one.
            let asks = exact > 0 && !top.exact && !top.done;
            if asks && (nose || sphere.loss <= TELLING * top.gap) {
                exact -= 1;
                let away = self.field.exact(&at(top.body, sphere)) - sphere.radius;
                if away > 0.0 && away + sphere.loss < most.gap {
                    most = Found {
                        gap: away + sphere.loss,
                        ..top.into()
                    };
                }
                if away > top.gap {
                    (top.gap, top.exact) = (away, true);
                    queue.push(top);
                    continue;
                }
            }
            if top.gap > NOSE_EXACT && most.gap - top.gap <= FAR * top.gap {
                return left.nearer(Found {
                    gap: top.gap,
                    ..most
                });
            }
            if last {
                return left.nearer(top.into());
            }
            if !queue.has_room() {
                queue.push(self.through(top, COARSE * top.gap, ask));
                continue;
            }
            for k in 0..2 {
                // What is true of the whole is true of its parts.
                queue.push(ask(top.body, sphere.children + k, top.gap));
            }
        }
        left
    }

    /// The nearest of a sphere's parts, looked at one after another, down to those that stick out by no more than `enough`.
    fn through(
        &self,
        top: Waiting,
        enough: f64,
        ask: impl Fn(usize, u32, f64) -> Waiting,
    ) -> Waiting {
        let spheres = &self.bodies[top.body].spheres.spheres;
        let mut best: Option<Waiting> = None;
        let mut pending = arrayvec::ArrayVec::<Waiting, 96>::new();
        pending.push(top);
        while let Some(at) = pending.pop() {
            if best.is_some_and(|best| at.gap >= best.gap) {
                continue;
            }
            let sphere = &spheres[at.node as usize];
            let last = sphere.children == 0 || sphere.loss <= enough;
            if last || pending.remaining_capacity() < 2 {
                best = Some(at);
                continue;
            }
            let parts = [0, 1].map(|k| ask(at.body, sphere.children + k, at.gap));
            let nearer_last = if parts[0].gap < parts[1].gap {
                [parts[1], parts[0]]
            } else {
                parts
            };
            pending.extend(nearer_last);
        }
        Waiting {
            done: true,
            ..best.unwrap_or(top)
        }
    }

    /// Which body is lowest over the floor: a hull is as low as its body.
    fn nearest_to_floor(&self, frames: &Frames, cores: &Cores) -> Found {
        let mut best = Found::nothing();
        for body in (0..self.bodies.len()).filter(|i| self.is_moved(*i)) {
            let core = cores.get(body).copied().flatten();
            if core.is_some_and(|core| core.bottom() - self.floor_z >= best.gap) {
                continue;
            }
            let part = &self.bodies[body];
            let Some(hull) = &part.hull else {
                continue;
            };
            let base_from_body = &frames.places[part.place];
            let up = base_from_body.rotation.inverse() * Vector3::z();
            let (point, missed) = hull.lowest(&up);
            let point = (base_from_body * Point3::from(point)).coords;
            let gap = point.z - self.floor_z - missed;
            // NaN is nearest of all.
            if gap.is_nan() || gap < best.gap {
                best = Found {
                    gap: if gap.is_nan() { f64::NEG_INFINITY } else { gap },
                    what: Some(Obstacle::Floor { body }),
                    seen: Seen::Corner { point, missed },
                };
            }
        }
        best
    }

    /// Whether a body is there and some joint moves it.
    fn is_moved(&self, body: usize) -> bool {
        let body = &self.bodies[body];
        body.carrier > 0 && body.spheres.root().is_some()
    }

    /// Which body is nearest to which box, if that is nearer than `known`.
    fn nearest_to_boxes(&self, frames: &Frames, known: Found) -> Found {
        let mut left = known;
        let mut queue = Queue::new();
        // A distance that is surely not less than the smallest, and the sphere that shows it.
        let mut most = Found::nothing();
        let ask = |queue: &mut Queue, most: &mut Found, body: usize, node: u32, above: f64| {
            let part = &self.bodies[body];
            let sphere = &part.spheres.spheres[node as usize];
            let center = (frames.places[part.place] * Point3::from(sphere.center)).coords;
            let Some((away, index)) = self.nearest_box(&center) else {
                return true;
            };
            let (gap, what) = (away - sphere.radius, Obstacle::Box { body, index });
            let found = waiting(gap.max(above), what, body, node);
            if gap > 0.0 && gap + sphere.loss < most.gap {
                *most = Found {
                    gap: gap + sphere.loss,
                    ..found.into()
                };
            }
            found.gap >= known.gap || queue.push(found)
        };
        for body in (0..self.bodies.len()).filter(|i| self.is_moved(*i)) {
            if !ask(&mut queue, &mut most, body, 0, f64::NEG_INFINITY) {
                // No room to look closer.
                let all = Obstacle::Box { body, index: 0 };
                left = left.nearer(waiting(f64::NEG_INFINITY, all, body, 0).into());
            }
        }
        while let Some(top) = queue.pop() {
            if top.gap >= left.gap {
                break;
            }
            if top.node == 0 && self.hull_tells(frames, top.body, &mut left) {
                continue;
            }
            let sphere = &self.bodies[top.body].spheres.spheres[top.node as usize];
            let enough = LEAF_LOSS.max(COARSE * top.gap);
            let last = top.done || sphere.children == 0 || sphere.loss <= enough;
            if most.gap - top.gap <= enough {
                return left.nearer(Found {
                    gap: top.gap,
                    ..most
                });
            }
            if last {
                return left.nearer(top.into());
            }
            if !queue.has_room() {
                queue.push(self.through(top, enough, |body, node, above| {
                    let sphere = &self.bodies[body].spheres.spheres[node as usize];
                    let center =
                        frames.places[self.bodies[body].place] * Point3::from(sphere.center);
                    let nearest = self.nearest_box(&center.coords);
                    let gap = nearest.map_or(f64::INFINITY, |(away, _)| away - sphere.radius);
                    let index = nearest.map_or(0, |(_, index)| index);
                    waiting(gap.max(above), Obstacle::Box { body, index }, body, node)
                }));
                continue;
            }
            for k in 0..2 {
                ask(
                    &mut queue,
                    &mut most,
                    top.body,
                    sphere.children + k,
                    top.gap,
                );
            }
        }
        left
    }

    /// Lowers `best` by a body's distance to the boxes where its hull is as near as a corner of the body. Whether no box is left that may
    /// still be nearer than `best`, as one that reaches into a hollow of the body may be.
    fn hull_tells(&self, frames: &Frames, body: usize, best: &mut Found) -> bool {
        let part = &self.bodies[body];
        let Some(hull) = &part.hull else {
            return false;
        };
        let base_from_body = &frames.places[part.place];
        let mut told = true;
        for (index, b) in self.boxes.iter().enumerate() {
            let stop = Stop {
                clear: best.gap,
                near: f64::NEG_INFINITY,
            };
            let start = b.base_from_box.translation.vector - base_from_body.translation.vector;
            let gap = hull.gap(base_from_body, &b.hull, &b.base_from_box, &start, stop);
            if gap.lower >= best.gap {
                continue;
            }
            let away = base_from_body.rotation.inverse() * -gap.along;
            let (point, _) = hull.lowest(&away);
            let point = (base_from_body * Point3::from(point)).coords;
            let local = (b.box_from_base * Point3::from(point)).coords;
            let missed = box_distance(&b.half, &local) - gap.lower;
            if gap.lower > 0.0 && missed <= LEAF_LOSS.max(COARSE * gap.lower) {
                *best = Found {
                    gap: gap.lower,
                    what: Some(Obstacle::Box { body, index }),
                    seen: Seen::Corner { point, missed },
                };
            } else {
                told = false;
            }
        }
        told
    }

    /// The box nearest to a point, and its signed distance, metres.
    fn nearest_box(&self, center: &Vector3<f64>) -> Option<(f64, usize)> {
        let away = |b: &Boxed| {
            let local = (b.box_from_base * Point3::from(*center)).coords;
            let away = box_distance(&b.half, &local);
            // NaN is nearest of all.
            if away.is_nan() {
                f64::NEG_INFINITY
            } else {
                away
            }
        };
        let all = self.boxes.iter().enumerate().map(|(i, b)| (away(b), i));
        all.reduce(|a, b| if b.0 < a.0 { b } else { a })
    }
}

/// A sphere that has been asked about; NaN is nearest of all.
const fn waiting(gap: f64, what: Obstacle, body: usize, node: u32) -> Waiting {
    Waiting {
        gap: if gap.is_nan() { f64::NEG_INFINITY } else { gap },
        what,
        body,
        node,
        exact: false,
        done: false,
    }
}
