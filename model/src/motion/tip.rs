//! Bounds of what the tip does while the joints move: how fast, how far, how high above the skin. Bounds, not samples.
//!
//! The tip's acceleration along a straight joint-space leg, per s², is at most Σᵢⱼ |dᵢ||dⱼ| ρₘ with m the later of the two joints: a second
//! derivative of the tip's place is axis i × (axis j × (tip − joint j)), i before j, and ρⱼ is the farthest the tip can be from joint j.

use crate::clearance::WorkCell;
use crate::frames::{Base, Head, Point, Transform};
use crate::joints::Joints;
use crate::limits::HOVER_ZONE;

/// The share of the tip's speed that its bound may lie above a sample of it, if so many samples suffice …
const SLACK: f64 = 0.04;
/// … which are at most this many.
const MOST_SAMPLES: f64 = 32.0;
/// A leg is halved so often at most to show that it stays above the hover zone.
const DEEPEST: u32 = 6;

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
        let tip = self.cell.base_from_tip(q).raw().translation.vector;
        poses.velocity(self.cell.arm().dof(), &tip, rates).0.norm()
    }

    /// Bound of the way the tip makes per unit of s anywhere on the leg, s from 0 to 1, metres.
    pub fn length(&self, from: &Joints, to: &Joints) -> f64 {
        let delta = to.zip(from, |b, a| b - a);
        let bend = self.bend(&delta, &delta);
        let middle = self.speed(&from.lerp(to, 0.5), &delta);
        if 0.5 * bend <= SLACK * middle {
            return middle + 0.5 * bend;
        }
        // NaN, of a leg that goes nowhere, becomes the most samples.
        let samples = (0.5 * bend / (SLACK * middle)).ceil().min(MOST_SAMPLES);
        let fastest = (0..samples as u32)
            .map(|k| self.speed(&from.lerp(to, (f64::from(k) + 0.5) / samples), &delta))
            .fold(0.0, f64::max);
        fastest + 0.5 * bend / samples
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

    /// Whether the tip stays above the hover zone all along a leg, whose tip length is bounded by `length`.
    pub fn stays_above_zone(&self, from: &Joints, to: &Joints, length: f64) -> bool {
        self.stays_above(from, to, length, 0)
    }

    fn stays_above(&self, from: &Joints, to: &Joints, length: f64, depth: u32) -> bool {
        let middle = from.lerp(to, 0.5);
        if self.is_above_zone(&middle, 0.5 * length) {
            return true;
        }
        depth < DEEPEST
            && self.is_above_zone(&middle, 0.0)
            && self.stays_above(from, &middle, 0.5 * length, depth + 1)
            && self.stays_above(&middle, to, 0.5 * length, depth + 1)
    }
}
