//! Bodies for the question how near the arm comes to itself: their convex hulls, drawn by few corners and a little rounding.
//!
//! A hull is all points within a radius of the convex hull of some of the body's own corners. The corners are taken one by one, always the
//! one farthest from the hull of those before; so the first few already tell most, and what any number of them leaves out is known.

use std::collections::BinaryHeap;

use nalgebra::{Isometry3, Matrix3, Point3, Vector3};

use super::gjk::{Pair, ROUNDING, Stop, TOLERANCE};
use super::lanes::{Lanes, WIDE};

/// Corners are taken until the rest lies this near to their hull, metres …
const WANTED: f64 = 1e-4;
/// … or there are so many groups of them.
const MOST_GROUPS: usize = 32;
/// How many groups are looked at, before all are where those do not tell.
const FEWER: [usize; 2] = [2, 8];

/// A line with a radius round a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Core {
    ends: [Vector3<f64>; 2],
    radius: f64,
    /// The ball round all of it.
    middle: Vector3<f64>,
    reach: f64,
}

/// The first groups of a hull's corners.
#[derive(Debug, Clone, Copy)]
struct Level {
    groups: usize,
    /// No corner of the body is farther than this from their hull, metres.
    left_out: f64,
}

/// All points within a radius of a convex hull, in the body's frame.
#[derive(Debug, Clone)]
pub(super) struct Hull {
    groups: Vec<Lanes>,
    levels: arrayvec::ArrayVec<Level, { FEWER.len() + 1 }>,
    /// The body is everything within this of its corners' hull, metres.
    rounded: f64,
    core: Core,
}

/// How near two hulls are, in the base frame, metres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// Never more than the distance; of hulls that overlap, never more than minus how far one must be moved to part them.
    pub(super) lower: f64,
    /// A point of each. They coincide where the hulls overlap.
    pub(super) points: [Vector3<f64>; 2],
    /// The direction along which the lower bound was seen, from the first to the second.
    pub(super) along: Vector3<f64>,
}

/// A point that may be the next corner.
struct Left {
    /// No farther from the hull so far, metres.
    at_most: f64,
    index: usize,
    /// Of so many corners.
    seen: usize,
}

impl PartialEq for Left {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Left {}

impl PartialOrd for Left {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Left {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.at_most
            .total_cmp(&other.at_most)
            .then(other.index.cmp(&self.index))
    }
}

/// No point of the hull of `corners` is nearer to `p` than some point of it that is so far, metres.
fn no_farther(p: &Vector3<f64>, corners: &[Lanes], one: &Vector3<f64>) -> f64 {
    let pair = Pair {
        one: &Lanes::of(&[*p]),
        other: corners,
        turn: &Matrix3::identity(),
        shift: &Vector3::zeros(),
    };
    let stop = Stop {
        clear: f64::INFINITY,
        near: 0.1 * WANTED,
    };
    pair.nearest(&(one - p), stop).upper
}

/// The line through the middle of the longest extent.
fn core(points: &[Vector3<f64>], rounded: f64) -> Core {
    let first = points[0];
    let (low, high) = points
        .iter()
        .fold((first, first), |(l, h), p| (l.inf(p), h.sup(p)));
    let (middle, axis) = (0.5 * (low + high), (high - low).imax());
    let along = |p: &Vector3<f64>| p[axis] - middle[axis];
    let aside = |p: &Vector3<f64>| {
        let mut out = p - middle;
        out[axis] = 0.0;
        out.norm()
    };
    let widest = points.iter().map(aside).fold(0.0, f64::max);
    // As short as may be without a larger radius.
    let rise = |p: &Vector3<f64>| (widest * widest - aside(p).powi(2)).max(0.0).sqrt();
    let bottom = points.iter().map(|p| along(p) + rise(p));
    let top = points.iter().map(|p| along(p) - rise(p));
    let (mut bottom, mut top) = (
        bottom.fold(f64::INFINITY, f64::min),
        top.fold(f64::NEG_INFINITY, f64::max),
    );
    if bottom > top {
        (bottom, top) = (0.5 * (bottom + top), 0.5 * (bottom + top));
    }
    let ends = [bottom, top].map(|at| {
        let mut end = middle;
        end[axis] += at;
        end
    });
    // Whatever came of it, all points are within.
    let away = points.iter().map(|p| {
        let mut foot = middle;
        foot[axis] += along(p).clamp(bottom, top);
        (p - foot).norm()
    });
    let radius = away.fold(0.0, f64::max) + rounded + ROUNDING;
    Core {
        ends,
        radius,
        middle: 0.5 * (ends[0] + ends[1]),
        reach: radius + 0.5 * (ends[1] - ends[0]).norm() + ROUNDING,
    }
}

/// Two points of hulls moved to the surfaces of what lies within radii of these; to a point of both where they overlap.
fn on_surfaces(points: [Vector3<f64>; 2], rounded: [f64; 2]) -> [Vector3<f64>; 2] {
    let (between, both) = (points[1] - points[0], rounded[0] + rounded[1]);
    let length = between.norm();
    if length > both {
        let along = between / length;
        return [
            points[0] + along * rounded[0],
            points[1] - along * rounded[1],
        ];
    }
    let share = if both > 0.0 { rounded[0] / both } else { 0.5 };
    [points[0] + between * share; 2]
}

impl Hull {
    /// All points within `rounded` of the convex hull of `points`, which are finite; `None` when there are none.
    pub(super) fn new(points: &[Vector3<f64>], rounded: f64) -> Option<Self> {
        let middle = points.iter().sum::<Vector3<f64>>() / points.len().max(1) as f64;
        let from = |p: &Vector3<f64>| (p - middle).norm_squared();
        let first = points.iter().max_by(|a, b| from(a).total_cmp(&from(b)))?;
        let mut corners = vec![*first];
        let mut groups = Lanes::of(&corners);
        let mut left: BinaryHeap<Left> = (0..points.len())
            .map(|index| Left {
                at_most: (points[index] - first).norm(),
                index,
                seen: 1,
            })
            .collect();
        let mut left_out = Vec::new();
        while let Some(mut next) = left.pop() {
            if next.seen < corners.len() {
                let found = no_farther(&points[next.index], &groups, first);
                next.at_most = found.min(next.at_most);
                next.seen = corners.len();
                // What lies within stays within.
                if next.at_most > 0.1 * WANTED || left.is_empty() {
                    left.push(next);
                }
                continue;
            }
            // The farthest of all, as the others are no farther than they were.
            left_out.push(next.at_most);
            if next.at_most <= WANTED || corners.len() == MOST_GROUPS * WIDE {
                break;
            }
            corners.push(points[next.index]);
            groups = Lanes::of(&corners);
        }
        let count = groups.len();
        let level = |groups: usize| Level {
            groups,
            left_out: left_out
                .get((groups * WIDE).min(corners.len()) - 1)
                .copied()
                .unwrap_or(0.0)
                .max(0.1 * WANTED)
                + ROUNDING,
        };
        let fewer = FEWER.into_iter().filter(|g| *g < count);
        Some(Self {
            levels: fewer.chain([count]).map(level).collect(),
            groups,
            rounded,
            core: core(points, rounded),
        })
    }

    /// No point of it is farther from the body's convex hull, metres.
    pub(super) fn loss(&self) -> f64 {
        self.levels.last().map_or(0.0, |l| l.left_out)
    }

    /// The line round which the body lies, in the base frame.
    pub(super) fn core(&self, base_from_body: &Isometry3<f64>) -> Core {
        let [start, end] = self.core.ends;
        let ends = [start, end].map(|p| (base_from_body * Point3::from(p)).coords);
        Core {
            ends,
            middle: 0.5 * (ends[0] + ends[1]),
            ..self.core
        }
    }

    /// The lowest point of its corners along a direction of the body's frame, and how far below it a point of the body may lie, metres.
    pub(super) fn lowest(&self, along: &Vector3<f64>) -> (Vector3<f64>, f64) {
        let corner = Lanes::highest(&self.groups, &-along);
        (corner - along * self.rounded, self.loss())
    }

    /// How near another is; `start` leads from this to that in the base frame. A gap of at least `stop.clear` or less than `stop.near` is not
    /// looked into further.
    pub(super) fn gap(
        &self,
        base_from_one: &Isometry3<f64>,
        other: &Self,
        base_from_other: &Isometry3<f64>,
        start: &Vector3<f64>,
        stop: Stop,
    ) -> Gap {
        let one_from_other = base_from_one.inv_mul(base_from_other);
        let turn = one_from_other.rotation.to_rotation_matrix().into_inner();
        let shift = one_from_other.translation.vector;
        let rounded = self.rounded + other.rounded;
        let mut start = base_from_one.rotation.inverse() * start;
        let mut lower = f64::NEG_INFINITY;
        let mut points = [Vector3::zeros(); 2];
        let count = self.levels.len().max(other.levels.len());
        for k in 0..count {
            let level = |hull: &Self| hull.levels[k.min(hull.levels.len() - 1)];
            let (ours, theirs) = (level(self), level(other));
            let less = rounded + ours.left_out + theirs.left_out;
            let pair = Pair {
                one: &self.groups[..ours.groups],
                other: &other.groups[..theirs.groups],
                turn: &turn,
                shift: &shift,
            };
            // How deep an overlap is, all corners tell.
            let least = if k + 1 == count {
                f64::NEG_INFINITY
            } else {
                TOLERANCE
            };
            let found = pair.nearest(
                &start,
                Stop {
                    clear: stop.clear + less,
                    near: (stop.near + rounded).max(least),
                },
            );
            lower = lower.max(found.lower - less);
            points = found.points;
            start = found.along;
            // Corners that are too near are so among more of them too.
            if lower >= stop.clear || found.upper < stop.near + rounded {
                break;
            }
        }
        let points = on_surfaces(points, [self.rounded, other.rounded]);
        Gap {
            lower: if lower.is_finite() {
                lower
            } else {
                f64::NEG_INFINITY
            },
            points: points.map(|p| (base_from_one * Point3::from(p)).coords),
            along: base_from_one.rotation * start,
        }
    }
}

/// Where two lines of finite length are nearest, nearly: the way from the first to the second.
fn between(one: &[Vector3<f64>; 2], other: &[Vector3<f64>; 2]) -> Vector3<f64> {
    let (u, v, w) = (one[1] - one[0], other[1] - other[0], one[0] - other[0]);
    let (uu, uv, vv, uw, vw) = (u.dot(&u), u.dot(&v), v.dot(&v), u.dot(&w), v.dot(&w));
    let share = |up: f64, down: f64| {
        if down > 0.0 {
            (up / down).clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let s = share(uv * vw - vv * uw, uu * vv - uv * uv);
    let t = share(uv * s + vw, vv);
    let s = share(uv * t - uw, uu);
    other[0] + v * t - one[0] - u * s
}

impl Core {
    /// Whether the balls round two bodies show them to be `needed` apart.
    pub(super) fn far(&self, other: &Self, needed: f64) -> bool {
        let apart = needed + self.reach + other.reach;
        apart >= 0.0 && (other.middle - self.middle).norm_squared() >= apart * apart
    }

    /// How far apart two bodies are at least, metres, and the direction from the first to the second along which that shows.
    pub(super) fn gap(&self, other: &Self) -> (f64, Vector3<f64>) {
        let way = between(&self.ends, &other.ends);
        let length = way.norm();
        if length <= ROUNDING {
            let way = other.ends[0] + other.ends[1] - self.ends[0] - self.ends[1];
            return (-self.radius - other.radius, way);
        }
        // Proven along this direction, were it the nearest or not.
        let along = way / length;
        let ours = self.ends.map(|p| p.dot(&along));
        let theirs = other.ends.map(|p| p.dot(&along));
        let gap = theirs[0].min(theirs[1]) - ours[0].max(ours[1]);
        (gap - self.radius - other.radius - ROUNDING, along)
    }

    /// No point of the body is lower than this, metres.
    pub(super) fn bottom(&self) -> f64 {
        self.ends[0].z.min(self.ends[1].z) - self.radius
    }
}

#[cfg(test)]
#[path = "hull_tests.rs"]
mod tests;
