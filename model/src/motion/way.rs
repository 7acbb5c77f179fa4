//! A way being built, leg by leg, each proven clear; timed when it is whole.

use arrayvec::ArrayVec;
use nalgebra::Translation3;

use super::hop::HopError;
use super::pace::{Corner, Verdict, through};
use super::tip::TipBounds;
use super::trajectory::{Leg, MAX_LEGS, MotionError, SAME_PLACE, Trajectory};
use crate::clearance::{Obstacle, WorkCell};
use crate::frames::{Base, Head, Tip, Transform};
use crate::joints::Joints;
use crate::limits::{HOVER_ZONE, SPEED_FREE, SPEED_HOVER};
use crate::units::{Length, Speed};

/// Samples of a retreat at which the nose must be farther from the head than before.
const RETREAT_SAMPLES: u32 = 16;
/// How far above the hover zone a straight leg out of it, or into it, changes its speed: room for the change itself, metres.
const ABOVE_ZONE: f64 = 2e-3;
/// A corner at which the tip is faster than allowed is slowed by at most this factor; beyond that stopping is faster.
const SLOWEST: f64 = 0.8;

/// Legs from a start, in a cell, near a head.
#[derive(Clone)]
pub(super) struct Way<'a> {
    pub cell: &'a WorkCell,
    pub base_from_head: &'a Transform<Base, Head>,
    tip: TipBounds<'a>,
    start: Joints,
    points: ArrayVec<Joints, MAX_LEGS>,
    /// Legs at the beginning on which the nose may be within its margin of the head.
    retreating: usize,
}

impl<'a> Way<'a> {
    pub fn new(
        cell: &'a WorkCell,
        base_from_head: &'a Transform<Base, Head>,
        from: &Joints,
    ) -> Self {
        Self {
            cell,
            base_from_head,
            tip: TipBounds::new(cell, base_from_head),
            start: *from,
            points: ArrayVec::new(),
            retreating: 0,
        }
    }

    /// Where it leads so far.
    pub fn end(&self) -> Joints {
        self.points.last().copied().unwrap_or(self.start)
    }

    /// The way points from the end back to the start.
    pub fn points_back(&self) -> impl Iterator<Item = Joints> + '_ {
        let points = self.points.iter().rev().copied();
        points.chain(core::iter::once(self.start))
    }

    /// Adds a leg without asking whether it is clear.
    pub fn push_unproven(&mut self, to: &Joints) -> Result<(), HopError> {
        if to.max_difference(&self.end()) <= SAME_PLACE {
            return Ok(());
        }
        let pushed = self.points.try_push(*to);
        pushed.map_err(|_| HopError::Motion(MotionError::TooLong))
    }

    /// Adds a leg that is proven clear.
    pub fn push(&mut self, to: &Joints) -> Result<(), HopError> {
        match self
            .cell
            .segment_blocked(&self.end(), to, self.base_from_head)
        {
            Some(obstacle) => Err(HopError::WayBlocked(obstacle)),
            None => self.push_unproven(to),
        }
    }

    /// Adds a leg that leads the nose away from a head that came too near: every other margin is proven, and the nose's distance must
    /// grow from sample to sample.
    pub fn retreat(&mut self, to: &Joints) -> Result<(), HopError> {
        let from = self.end();
        if let Some(obstacle) = self.cell.retreat_blocked(&from, to, self.base_from_head) {
            return Err(HopError::WayBlocked(obstacle));
        }
        let nose = |k: u32| {
            let q = from.lerp(to, f64::from(k) / f64::from(RETREAT_SAMPLES));
            self.cell.clearance(&q, self.base_from_head).nose_head
        };
        let leads_away = (1..=RETREAT_SAMPLES).all(|k| nose(k) > nose(k - 1));
        if !leads_away {
            return Err(HopError::WayBlocked(Obstacle::Unknown));
        }
        self.push_unproven(to)?;
        self.retreating = self.points.len();
        Ok(())
    }

    /// The joints that bring the tip to a pose, on the branch of `near`.
    pub fn solve(&self, head_from_tip: &Transform<Head, Tip>, near: &Joints) -> Option<Joints> {
        let base_from_tip = *self.base_from_head * *head_from_tip;
        self.cell
            .arm()
            .inverse_near(&self.cell.flange_for_tip(&base_from_tip), near)
    }

    pub fn head_from_tip(&self, q: &Joints) -> Transform<Head, Tip> {
        self.base_from_head.inverse() * self.cell.base_from_tip(q)
    }

    /// The tip drawn back along the needle until it is `height` above the skin; where it already is, it stays.
    pub fn raised(
        &self,
        head_from_tip: &Transform<Head, Tip>,
        near: &Joints,
        height: Length,
    ) -> Option<Joints> {
        let missing = height.m() - self.cell.field().exact(&head_from_tip.origin());
        if missing.is_nan() {
            return None;
        }
        if missing <= 0.0 {
            return Some(*near);
        }
        let back = head_from_tip.raw() * Translation3::new(0.0, 0.0, -missing);
        self.solve(&Transform::from_raw(back), near)
    }

    /// The motion, as fast as joints and tip may, its corners cut where that is proven clear.
    pub fn timed(&self) -> Result<Trajectory, HopError> {
        let limits = self.cell.arm().motion_limits();
        let (mut legs, mut retreating) = (ArrayVec::new(), 0);
        let mut from = self.start;
        for (i, to) in self.points.iter().enumerate() {
            self.add_legs(&from, to, &mut legs)?;
            from = *to;
            if i + 1 == self.retreating {
                retreating = legs.len();
            }
        }
        // Corners of a retreat are not cut: the head is within the nose's margin there.
        let mut judge = |corner: &Corner| {
            if corner.leg < retreating {
                Verdict::Stop
            } else {
                self.judge(corner)
            }
        };
        Ok(through(self.start, &legs, &limits, &mut judge)?)
    }

    /// The leg between two way points, or the two parts of it where one end is above the hover zone and may be faster.
    fn add_legs(
        &self,
        from: &Joints,
        to: &Joints,
        legs: &mut ArrayVec<Leg, MAX_LEGS>,
    ) -> Result<(), HopError> {
        let length = self.tip.length(from, to);
        let mut add = |to: &Joints, share: f64, speed: Speed| {
            let leg = Leg {
                to: *to,
                tip_length: length * share,
                tip_speed: speed.m_per_s(),
            };
            let pushed = legs.try_push(leg);
            pushed.map_err(|_| HopError::Motion(MotionError::TooLong))
        };
        if self.tip.stays_above_zone(from, to, length) {
            return add(to, 1.0, SPEED_FREE);
        }
        match self.edge(from, to, length) {
            Some((share, true)) => {
                add(&from.lerp(to, share), share, SPEED_HOVER)?;
                add(to, 1.0 - share, SPEED_FREE)
            }
            Some((share, false)) => {
                add(&from.lerp(to, share), share, SPEED_FREE)?;
                add(to, 1.0 - share, SPEED_HOVER)
            }
            None => add(to, 1.0, SPEED_HOVER),
        }
    }

    /// Where on a leg, as a share of it, the part above the hover zone begins (`true`) or ends.
    fn edge(&self, from: &Joints, to: &Joints, length: f64) -> Option<(f64, bool)> {
        let is_high = |q: &Joints| self.tip.is_above_zone(q, 2.0 * ABOVE_ZONE);
        let rises = is_high(to);
        if rises == is_high(from) {
            return None;
        }
        let (below, above) = if rises { (from, to) } else { (to, from) };
        let (bottom, top) = (self.height(below), self.height(above));
        let share = (HOVER_ZONE.m() + ABOVE_ZONE - bottom) / (top - bottom);
        let edge = below.lerp(above, share);
        let found = share > 0.0
            && share < 1.0
            && self
                .tip
                .stays_above_zone(&edge, above, length * (1.0 - share));
        found.then_some((if rises { share } else { 1.0 - share }, rises))
    }

    /// Height of the tip above the skin, metres.
    fn height(&self, q: &Joints) -> f64 {
        self.cell.field().exact(&self.tip.place(q))
    }

    /// A cut corner stays in the triangle of way point, beginning of the tail and end of the head: the share β of the head that is made is
    /// convex in time (its second derivative is a multiple of dσ/dt, never negative), so β ≤ t/T, and the share of the tail that is left
    /// is 1 − 2t/T + β; together they are one at most. That triangle is proven clear, and the tip's speed is bounded all over it.
    fn judge(&self, corner: &Corner) -> Verdict {
        let (tail, head) = (&corner.tail, &corner.head);
        let farthest = tail.zip(head, |t, h| t.abs().max(h.abs()));
        let speed_there = |v: &Joints| self.tip.speed(&corner.at, v);
        let strays =
            speed_there(tail).max(speed_there(head)) + 0.5 * self.tip.bend(&farthest, &farthest);
        let limit = if self.tip.is_above_zone(&corner.at, strays) {
            SPEED_FREE
        } else {
            SPEED_HOVER
        };
        let speed = corner
            .velocity
            .iter()
            .map(|v| speed_there(v) + self.tip.bend(&farthest, v))
            .fold(0.0, f64::max);
        if !speed.is_finite() || speed * SLOWEST > limit.m_per_s() {
            return Verdict::Stop;
        }
        if speed > limit.m_per_s() {
            return Verdict::Slower(0.999 * limit.m_per_s() / speed);
        }
        let quarter = head.zip(tail, |h, t| 0.25 * (h - t));
        let middle = corner.at.zip(&quarter, |q, m| q + m);
        let along = head.zip(tail, |h, t| 0.5 * (h + t));
        match self
            .cell
            .region_blocked(&middle, &[along, quarter], self.base_from_head)
        {
            None => Verdict::Cut,
            Some(_) => Verdict::Stop,
        }
    }
}
