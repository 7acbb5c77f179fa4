//! How far apart two convex sets of points are, with proof: by Gilbert, Johnson and Keerthi.
//!
//! Along any unit direction u the lowest point of one set lies at most the sets' distance above the highest point of the other. So every
//! direction looked along proves a lower bound, whatever led to it, and every pair of points that are means of corners proves an upper one.
//! Nothing that is said here depends on the search converging; only how narrow the bounds are does. Source of the search: van den Bergen,
//! Collision Detection in Interactive 3D Environments, 2003; of overlapping sets' depth, his expanding polytope.

use arrayvec::ArrayVec;
use nalgebra::{Matrix3, Vector3};

use super::lanes::Lanes;

/// Corners looked for at most: two a face of what is met.
const MOST_STEPS: usize = 48;
/// The search ends when its bounds are no farther apart than this, metres.
pub(super) const TOLERANCE: f64 = 1e-6;
/// What rounding can add to a coordinate of a few metres and to what is made of it, metres.
pub(super) const ROUNDING: f64 = 1e-9;
/// Points nearer than this to the origin have no direction, metres.
const NOWHERE: f64 = 1e-12;
/// Corners of the polytope that measures an overlap, at most, and its faces.
const MOST_CORNERS: usize = 44;
const MOST_FACES: usize = 2 * MOST_CORNERS;

/// When to stop.
#[derive(Clone, Copy)]
pub(super) struct Stop {
    /// As soon as the sets are known to be at least this far apart …
    pub(super) clear: f64,
    /// … or nearer than this, metres.
    pub(super) near: f64,
}

/// Two sets, the second one's pose as the first sees it.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) one: &'a [Lanes],
    pub(super) other: &'a [Lanes],
    pub(super) turn: &'a Matrix3<f64>,
    pub(super) shift: &'a Vector3<f64>,
}

/// What is known of two sets' distance, in the frame of the first, metres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Never more than the distance; of sets that overlap, never more than minus how far one must be moved to part them.
    pub(super) lower: f64,
    /// The direction along which that was seen, from the first set to the second.
    pub(super) along: Vector3<f64>,
    /// A point of each set. As far apart as [`Self::upper`].
    pub(super) points: [Vector3<f64>; 2],
    /// Never less than the distance; 0 for sets that overlap.
    pub(super) upper: f64,
}

/// A corner of the difference of the sets, and the corners it is the difference of.
#[derive(Clone, Copy)]
struct Corner {
    step: Vector3<f64>,
    one: Vector3<f64>,
    other: Vector3<f64>,
}

impl Pair<'_> {
    /// Where the second is lowest and the first highest along a direction.
    fn corner(&self, along: &Vector3<f64>) -> Corner {
        let one = Lanes::highest(self.one, along);
        let other = Lanes::highest(self.other, &-self.turn.tr_mul(along));
        let other = self.turn * other + self.shift;
        Corner {
            step: other - one,
            one,
            other,
        }
    }

    /// Bounds of the distance, looked for from a direction (of any length) that leads from the first to the second.
    pub(super) fn nearest(&self, start: &Vector3<f64>, stop: Stop) -> Found {
        let mut found = Found {
            lower: f64::NEG_INFINITY,
            along: Vector3::x(),
            points: [Vector3::zeros(); 2],
            upper: f64::INFINITY,
        };
        let mut simplex = ArrayVec::<Corner, 4>::new();
        let mut to = *start;
        if to.norm_squared() < NOWHERE {
            to = Vector3::x();
        }
        for _ in 0..MOST_STEPS {
            let along = to / to.norm();
            let corner = self.corner(&along);
            let lower = along.dot(&corner.step) - ROUNDING;
            if lower > found.lower {
                (found.lower, found.along) = (lower, along);
            }
            let known = simplex.iter().any(|c| c.step == corner.step);
            if found.lower >= stop.clear || found.upper - found.lower <= TOLERANCE || known {
                break;
            }
            simplex.push(corner);
            let weights = origin_in(&simplex);
            let mean = |of: fn(&Corner) -> &Vector3<f64>| {
                let parts = weights.iter().map(|(i, w)| of(&simplex[*i]) * *w);
                parts.fold(Vector3::zeros(), |sum, part| sum + part)
            };
            to = mean(|c| &c.step);
            let upper = to.norm();
            if upper < found.upper {
                found.upper = upper;
                found.points = [mean(|c| &c.one), mean(|c| &c.other)];
            }
            let overlapping = weights.is_full() || upper < NOWHERE;
            if overlapping {
                found.upper = 0.0;
            }
            if found.upper < stop.near {
                break;
            }
            if overlapping {
                self.part(&simplex, &mut found);
                break;
            }
            simplex = weights.iter().map(|(i, _)| simplex[*i]).collect();
        }
        found
    }

    /// Looks along the faces of a polytope that grows within the difference for the way out of an overlap that is shortest.
    fn part(&self, simplex: &[Corner], found: &mut Found) {
        let [a, b, c, d] = match simplex {
            [a, b, c, d] => [a.step, b.step, c.step, d.step],
            _ => return,
        };
        let Some(mut grown) = Grown::new([a, b, c, d]) else {
            return;
        };
        while let Some((normal, depth)) = grown.shallowest() {
            let corner = self.corner(&-normal);
            let reach = normal.dot(&corner.step) + ROUNDING;
            if -reach > found.lower {
                (found.lower, found.along) = (-reach, -normal);
            }
            if reach - depth <= TOLERANCE || !grown.grow(corner.step) {
                return;
            }
        }
    }
}

/// Corners by their number, and how much of each makes the point nearest to the origin; all four where that is the origin itself.
type Weights = ArrayVec<(usize, f64), 4>;

fn square(corners: &[Corner], weights: &Weights) -> f64 {
    let parts = weights.iter().map(|(i, w)| corners[*i].step * *w);
    parts
        .fold(Vector3::zeros(), |sum: Vector3<f64>, part| sum + part)
        .norm_squared()
}

/// The nearest of some, which are not none.
fn least(corners: &[Corner], some: impl Iterator<Item = Weights>) -> Weights {
    let mut best = (f64::INFINITY, Weights::new());
    for weights in some {
        let square = square(corners, &weights);
        if square < best.0 || best.1.is_empty() {
            best = (square, weights);
        }
    }
    best.1
}

fn origin_on_edge(corners: &[Corner], i: usize, j: usize) -> Weights {
    let (a, b) = (&corners[i].step, &corners[j].step);
    let along = b - a;
    let share = -along.dot(a) / along.norm_squared();
    // Written so that an edge without length is its first corner.
    if share >= 1.0 {
        core::iter::once((j, 1.0)).collect()
    } else if share > 0.0 {
        [(i, 1.0 - share), (j, share)].into_iter().collect()
    } else {
        core::iter::once((i, 1.0)).collect()
    }
}

fn origin_on_face(corners: &[Corner], of: [usize; 3]) -> Weights {
    let [a, b, c] = of.map(|i| corners[i].step);
    let normal = (b - a).cross(&(c - a));
    let square = normal.norm_squared();
    // How much of the face lies across from each corner, as seen from above the origin.
    let parts = [b.cross(&c), c.cross(&a), a.cross(&b)].map(|n| n.dot(&normal));
    if square > 0.0 && parts.iter().all(|p| *p > 0.0) {
        let sum = parts[0] + parts[1] + parts[2];
        return of.iter().zip(parts).map(|(i, p)| (*i, p / sum)).collect();
    }
    let edges = [(of[0], of[1]), (of[1], of[2]), (of[2], of[0])];
    least(
        corners,
        edges
            .into_iter()
            .map(|(i, j)| origin_on_edge(corners, i, j)),
    )
}

/// The point of up to four corners' hull that is nearest to the origin.
fn origin_in(corners: &[Corner]) -> Weights {
    match corners.len() {
        0 | 1 => core::iter::once((0, 1.0)).collect(),
        2 => origin_on_edge(corners, 0, 1),
        3 => origin_on_face(corners, [0, 1, 2]),
        _ => {
            let mut beyond = ArrayVec::<Weights, 4>::new();
            let mut shares = Weights::new();
            for (fourth, face) in [
                (3, [0, 1, 2]),
                (2, [0, 3, 1]),
                (1, [0, 2, 3]),
                (0, [1, 3, 2]),
            ] {
                let [a, b, c] = face.map(|i| corners[i].step);
                let normal = (b - a).cross(&(c - a));
                let (origin, other) = (-normal.dot(&a), normal.dot(&(corners[fourth].step - a)));
                // Of a flat body any side counts as the origin's.
                let size = normal.norm() * (corners[fourth].step - a).norm();
                if origin * other > 0.0 && other.abs() > 1e-12 * size {
                    shares.push((fourth, origin / other));
                } else {
                    beyond.push(origin_on_face(corners, face));
                }
            }
            if !beyond.is_empty() {
                return least(corners, beyond.into_iter());
            }
            let sum: f64 = shares.iter().map(|(_, share)| share).sum();
            shares.iter_mut().for_each(|(_, share)| *share /= sum);
            shares
        }
    }
}

/// A face of a polytope about the origin: its corners, its outward unit normal, how far it is.
#[derive(Clone, Copy)]
struct Face {
    corners: [u8; 3],
    normal: Vector3<f64>,
    depth: f64,
}

/// A polytope within the difference of two sets.
struct Grown {
    corners: ArrayVec<Vector3<f64>, MOST_CORNERS>,
    faces: ArrayVec<Face, MOST_FACES>,
}

impl Grown {
    fn new(corners: [Vector3<f64>; 4]) -> Option<Self> {
        let mut grown = Self {
            corners: corners.into_iter().collect(),
            faces: ArrayVec::new(),
        };
        for (fourth, [i, j, k]) in [
            (3, [0, 1, 2]),
            (2, [0, 3, 1]),
            (1, [0, 2, 3]),
            (0, [1, 3, 2]),
        ] {
            let at = |i: u8| corners[i as usize];
            let normal = (at(j) - at(i)).cross(&(at(k) - at(i)));
            let outward = normal.dot(&(corners[fourth] - at(i))) < 0.0;
            let face = if outward { [i, j, k] } else { [i, k, j] };
            if !grown.add(face) {
                return None;
            }
        }
        Some(grown)
    }

    /// Adds a face; false where it has no area or there is no room.
    fn add(&mut self, corners: [u8; 3]) -> bool {
        let [a, b, c] = corners.map(|i| self.corners[i as usize]);
        let Some(normal) = (b - a).cross(&(c - a)).try_normalize(0.0) else {
            return false;
        };
        let depth = normal.dot(&a);
        let face = Face {
            corners,
            normal,
            depth,
        };
        self.faces.try_push(face).is_ok()
    }

    /// Normal and distance of the face nearest to the origin.
    fn shallowest(&self) -> Option<(Vector3<f64>, f64)> {
        let face = self.faces.iter().min_by(|a, b| a.depth.total_cmp(&b.depth));
        face.map(|f| (f.normal, f.depth))
    }

    /// Takes in another corner in place of every face it is beyond; false where that cannot be.
    fn grow(&mut self, corner: Vector3<f64>) -> bool {
        let new = self.corners.len() as u8;
        if self.corners.try_push(corner).is_err() {
            return false;
        }
        // Edges of the faces that go, without those between two of them.
        let mut rim = ArrayVec::<(u8, u8), MOST_FACES>::new();
        let mut room = true;
        self.faces.retain(|face| {
            if face.normal.dot(&corner) <= face.depth + NOWHERE {
                return true;
            }
            for k in 0..3 {
                let (from, to) = (face.corners[k], face.corners[(k + 1) % 3]);
                if let Some(back) = rim.iter().position(|edge| *edge == (to, from)) {
                    rim.swap_remove(back);
                } else {
                    room &= rim.try_push((from, to)).is_ok();
                }
            }
            false
        });
        room && !rim.is_empty() && rim.iter().all(|(from, to)| self.add([*from, *to, new]))
    }
}
