//! Bounds of what the tip does while the joints move: how fast, how far, how high above the skin. Bounds, not samples.
//!
//! A derivative of the tip's place by joints i, j, … k, in order along the arm, is axis i × (axis j × … (axis k × (tip − joint k))), so its
//! size is at most ρₖ, the farthest the tip can be from joint k.

use crate::clearance::WorkCell;
use crate::frames::{Base, Head, Point, Transform};
use crate::joints::Joints;
use crate::limits::{HOVER, HOVER_TOLERANCE, HOVER_ZONE};

/// The share of the tip's speed that its bound may lie above a sample of it, if so many samples suffice …
const SLACK: f64 = 0.02;
/// … which are at most this many.
const MOST_SAMPLES: f64 = 48.0;
/// A leg is halved so often at most to show that it stays above the hover zone, or at hover height.
const DEEPEST: u32 = 9;
/// Where the field's bound alone shows the skin to be this far, metres, the mesh is not asked how far exactly.
const FAR_ENOUGH: f64 = 4e-3;

/// What bounds the tip of one cell near one head.
#[derive(Clone)]
pub(super) struct TipBounds<'a> {
    cell: &'a WorkCell,
    head_from_base: Transform<Head, Base>,
    /// The farthest the tip can be from each joint, metres.
    reach: Joints,
}

/// The farthest the tip can be from each joint's origin, metres: from joint to joint the distance is fixed, so their sum bounds it.
pub(super) fn tip_reach(cell: &WorkCell) -> Joints {
    let still = Joints::zeros(cell.arm().dof());
    let poses = cell.arm().link_poses(&still);
    let mut behind = cell.base_from_tip(&still).raw().translation.vector;
    let (mut reach, mut sum) = (still, 0.0);
    for (r, axis) in reach.as_mut_slice().iter_mut().zip(&poses.axes).rev() {
        sum += (behind - axis.point).norm();
        (*r, behind) = (sum, axis.point);
    }
    reach
}

impl<'a> TipBounds<'a> {
    pub fn new(cell: &'a WorkCell, base_from_head: &Transform<Base, Head>) -> Self {
        Self {
            cell,
            head_from_base: base_from_head.inverse(),
            reach: tip_reach(cell),
        }
    }

    /// Bound of the second-order effect of joint changes `a` and `b` on the tip, metres.
    pub fn bend(&self, a: &Joints, b: &Joints) -> f64 {
        let (a, b, reach) = (a.as_slice(), b.as_slice(), self.reach.as_slice());
        let (mut sum, mut a_before, mut b_before) = (0.0, 0.0, 0.0);
        for ((a, b), reach) in a.iter().zip(b).zip(reach) {
            let (a, b) = (a.abs(), b.abs());
            sum += reach * (a * b + a * b_before + a_before * b);
            a_before += a;
            b_before += b;
        }
        sum
    }

    /// What the tip does at `q` per unit of `rates`, metres.
    pub fn speed(&self, q: &Joints, rates: &Joints) -> f64 {
        let poses = self.cell.arm().link_poses(q);
        let tip = poses.base_from_flange * self.cell.tool().flange_from_tip;
        let tip = tip.raw().translation.vector;
        poses.velocity(self.cell.arm().dof(), &tip, rates).0.norm()
    }

    /// Bound of the tip's third derivative, twice by joint changes `a` and once by `b`, metres.
    fn third(&self, a: &Joints, b: &Joints) -> f64 {
        let (mut sum, mut a_before, mut b_before) = (0.0, 0.0f64, 0.0);
        let joints = a.as_slice().iter().zip(b.as_slice());
        for ((a, b), reach) in joints.zip(self.reach.as_slice()) {
            let (a_with, b_with) = (a_before + a.abs(), b_before + b.abs());
            // All triples whose last joint is this one.
            sum += reach * (a_with * a_with * b_with - a_before * a_before * b_before);
            (a_before, b_before) = (a_with, b_with);
        }
        sum
    }

    /// Bound of what the tip does per unit of `rates` anywhere in the triangle of configurations at − tail, at, at + head, metres.
    ///
    /// It is off the plane through what it is at the three corners by at most ½ Σ λᵢ D²[x − xᵢ, x − xᵢ], λ the barycentric coordinates,
    /// and the variance of a joint's value over the corners is at most a quarter of the square of its range.
    pub fn speed_in(&self, at: &Joints, tail: &Joints, head: &Joints, rates: &Joints) -> f64 {
        let corners = [*at, at.zip(tail, |q, t| q - t), at.zip(head, |q, h| q + h)];
        let fastest = corners
            .iter()
            .map(|q| self.speed(q, rates))
            .fold(0.0, f64::max);
        let range = tail.zip(head, |t, h| t.abs().max(h.abs()).max((t + h).abs()));
        fastest + 0.125 * self.third(&range, rates)
    }

    /// Bound of the way the tip makes per unit of s anywhere on the leg, s from 0 to 1, metres.
    ///
    /// Between samples w apart the tip's velocity is off the straight line between theirs by at most w²/8 times its second derivative.
    pub fn length(&self, from: &Joints, to: &Joints) -> f64 {
        let delta = to.zip(from, |b, a| b - a);
        let at = |s: f64| self.speed(&from.lerp(to, s), &delta);
        let (ends, off) = (at(0.0).max(at(1.0)), 0.125 * self.third(&delta, &delta));
        let pieces = (off / (SLACK * ends))
            .sqrt()
            .ceil()
            .clamp(1.0, MOST_SAMPLES);
        // NaN, of a leg that goes nowhere, stays one piece.
        let between = (1..pieces as u32).map(|k| at(f64::from(k) / pieces));
        let fastest = between.fold(ends, f64::max);
        fastest + off / (pieces * pieces).max(1.0)
    }

    /// The tip's place, in the head frame.
    pub fn place(&self, q: &Joints) -> Point<Head> {
        self.head_from_base * self.cell.base_from_tip(q).origin()
    }

    /// Whether the tip is at least so far (m) above the hover zone.
    pub fn is_above_zone(&self, q: &Joints, by: f64) -> bool {
        let needed = HOVER_ZONE.m() + by;
        self.cell.field().farther_than(&self.place(q), needed)
    }

    /// Whether the tip there is above the hover zone, as far as the field's bound alone tells.
    pub fn is_place_above_zone(&self, place: &Point<Head>) -> bool {
        self.cell.field().lower(place) >= HOVER_ZONE.m()
    }

    /// Whether the tip stays so far (m) above the hover zone all along a leg, whose tip length is bounded by `length`.
    pub fn stays_above_zone(&self, from: &Joints, to: &Joints, length: f64, by: f64) -> bool {
        self.stays_above(from, to, length, by, 0)
    }

    fn stays_above(&self, from: &Joints, to: &Joints, length: f64, by: f64, depth: u32) -> bool {
        let middle = from.lerp(to, 0.5);
        if self.is_above_zone(&middle, by + 0.5 * length) {
            return true;
        }
        depth < DEEPEST
            && self.is_above_zone(&middle, by)
            && self.stays_above(from, &middle, 0.5 * length, by, depth + 1)
            && self.stays_above(&middle, to, 0.5 * length, by, depth + 1)
    }

    /// A lower bound of the tip's height above the skin, metres: the height itself where that is small.
    fn height(&self, place: &Point<Head>) -> f64 {
        let field = self.cell.field();
        let bound = field.lower(place);
        if bound >= FAR_ENOUGH {
            bound
        } else {
            field.exact(place)
        }
    }

    /// Whether the tip is at hover height there, less the tolerance.
    pub fn hovers(&self, q: &Joints) -> bool {
        self.height(&self.place(q)) >= lowest_hover()
    }

    /// Whether the tip is proven to stay at hover height, less the tolerance, all along a leg.
    ///
    /// On the straight line between two places L apart, at heights a and b, the height h obeys h² ≥ (1 − w) a² + w b² − w (1 − w) L² at the
    /// share w of it: |p|² − h(p)² is convex (as in `clearance::field`). The tip is off that line by at most an eighth of the bound of its
    /// second derivative, and the height there by no more than that.
    pub fn stays_hovering(&self, from: &Joints, to: &Joints) -> bool {
        self.stays_hovering_by(from, to, 0.0)
    }

    /// As [`Self::stays_hovering`], with so much room (m).
    pub fn stays_hovering_by(&self, from: &Joints, to: &Joints, by: f64) -> bool {
        let least = lowest_hover() + by;
        let end = |q: &Joints| {
            let place = self.place(q);
            (place, self.height(&place))
        };
        let (first, last) = (end(from), end(to));
        first.1 >= least
            && last.1 >= least
            && self.hovers_between((from, first), (to, last), (least, 0))
    }

    fn hovers_between(
        &self,
        (from, first): (&Joints, (Point<Head>, f64)),
        (to, last): (&Joints, (Point<Head>, f64)),
        (least, depth): (f64, u32),
    ) -> bool {
        let delta = to.zip(from, |b, a| b - a);
        let off = 0.125 * self.bend(&delta, &delta);
        if least_between(first.1, last.1, first.0.distance(&last.0)) - off >= least {
            return true;
        }
        let middle = from.lerp(to, 0.5);
        let place = self.place(&middle);
        let height = self.height(&place);
        let between = (&middle, (place, height));
        depth < DEEPEST
            && height >= least
            && self.hovers_between((from, first), between, (least, depth + 1))
            && self.hovers_between(between, (to, last), (least, depth + 1))
    }
}

/// The height above which the tip may move at hover speed, metres.
fn lowest_hover() -> f64 {
    HOVER.m() - HOVER_TOLERANCE.m()
}

/// The least height on a straight line of some length between two places at heights `a` and `b`, not negative, metres.
fn least_between(a: f64, b: f64, length: f64) -> f64 {
    let (a, b, square) = (a * a, b * b, length * length);
    // Where (1 − w) a + w b − w (1 − w) L² is least; a line of no length has its ends only.
    let w = (0.5 * (a - b + square) / square).clamp(0.0, 1.0);
    if w.is_nan() {
        return a.min(b).sqrt();
    }
    ((1.0 - w) * a + w * b - w * (1.0 - w) * square)
        .max(0.0)
        .sqrt()
}
