//! A way being built, leg by leg, each proven clear; timed when it is whole.

use arrayvec::ArrayVec;
use nalgebra::Translation3;

use super::hop::HopError;
use super::pace::{Corner, Verdict, through};
use super::tip::TipBounds;
use super::trajectory::{Leg, MAX_LEGS, MotionError, SAME_PLACE, Trajectory};
use crate::clearance::{Obstacle, Settled, WorkCell};
use crate::frames::{Base, Head, Tip, Transform};
use crate::joints::Joints;
use crate::limits::{SPEED_FREE, SPEED_HOVER, SPEED_NEAR_SKIN};
use crate::units::{Length, Speed};

/// So much nearer to the head than where it begins nose and tip of a retreat may come, and are proven to come no more. Source: own, what a
/// tracker's noise makes of where the head is.
const NO_NEARER: Length = Length::from_mm(0.1);
/// Samples of a retreat at which the nose must be farther from the head than before.
const RETREAT_SAMPLES: u32 = 16;
/// Share of its way by which the tip of a retreat must come away from the skin. Source: own, the needle up to 60° off the skin's normal, which
/// leaves room for a head that has turned; no dot is made at more than 15°.
const LEADS_AWAY: f64 = 0.5;
/// How far above the hover zone a straight leg out of it, or into it, changes its speed: room for the change itself, metres.
const ABOVE_ZONE: f64 = 1.5e-3;
/// A leg near the skin that is no longer than this, metres of the tip's way, is made at one speed.
const ONE_SPEED: f64 = 4e-3;
/// Parts of a leg that are looked at for how fast the tip may be there.
const PARTS: usize = 16;

type Legs = ArrayVec<Leg, MAX_LEGS>;

fn add(legs: &mut Legs, to: &Joints, tip_length: f64, speed: Speed) -> Result<(), HopError> {
    let leg = Leg {
        to: *to,
        tip_length,
        tip_speed: speed.m_per_s(),
        expected_speed: speed.m_per_s(),
    };
    let pushed = legs.try_push(leg);
    pushed.map_err(|_| HopError::Motion(MotionError::TooLong))
}

/// Where a leg leads.
#[derive(Clone, Copy)]
struct WayPoint {
    q: Joints,
    /// Whether the tip is proven to stay at hover height on the way there.
    hovers: bool,
}

/// Legs from a start, in a cell, near a head.
#[derive(Clone)]
pub(super) struct Way<'a> {
    pub settled: &'a Settled<'a>,
    pub cell: &'a WorkCell,
    pub base_from_head: &'a Transform<Base, Head>,
    tip: TipBounds<'a>,
    start: Joints,
    points: ArrayVec<WayPoint, MAX_LEGS>,
    /// Legs at the beginning on which the nose may be within its margin of the head.
    retreating: usize,
}

impl<'a> Way<'a> {
    pub fn new(settled: &'a Settled<'a>, from: &Joints) -> Self {
        let (cell, base_from_head) = (settled.cell(), settled.base_from_head());
        Self {
            settled,
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
        self.points.last().map_or(self.start, |p| p.q)
    }

    /// Another way from elsewhere, in the same surroundings.
    pub fn elsewhere(&self, from: &Joints) -> Self {
        Self::new(self.settled, from)
    }

    /// The way points from the end back to the start.
    pub fn points_back(&self) -> impl Iterator<Item = Joints> + '_ {
        let points = self.points.iter().rev().map(|p| p.q);
        points.chain(core::iter::once(self.start))
    }

    /// Adds a leg without asking whether it is clear.
    pub fn push_unproven(&mut self, to: &Joints) -> Result<(), HopError> {
        self.push_point(to, false)
    }

    /// Adds a leg whose tip is proven to stay at hover height, or not.
    pub fn push_point(&mut self, to: &Joints, hovers: bool) -> Result<(), HopError> {
        if to.max_difference(&self.end()) <= SAME_PLACE {
            return Ok(());
        }
        let pushed = self.points.try_push(WayPoint { q: *to, hovers });
        pushed.map_err(|_| HopError::Motion(MotionError::TooLong))
    }

    /// Whether the tip is proven to stay at hover height on a leg, which is proven clear.
    pub fn look_along(&self, from: &Joints, to: &Joints) -> Result<bool, HopError> {
        match self.settled.segment_blocked(from, to) {
            Some(obstacle) => Err(HopError::WayBlocked(obstacle)),
            None => Ok(self.tip.stays_hovering(from, to)),
        }
    }

    /// Whether the tip is at hover height there.
    pub fn hovers(&self, q: &Joints) -> bool {
        self.tip.hovers(q)
    }

    /// Whether the tip is proven to stay above the hover zone on a leg from the end so far.
    pub fn stays_high(&self, to: &Joints) -> bool {
        let from = self.end();
        let length = self.tip.length(&from, to);
        self.tip.stays_above_zone(&from, to, length, 0.0)
    }

    /// Adds a leg that is proven clear.
    pub fn push(&mut self, to: &Joints) -> Result<(), HopError> {
        match self.settled.segment_blocked(&self.end(), to) {
            Some(obstacle) => Err(HopError::WayBlocked(obstacle)),
            None => self.push_unproven(to),
        }
    }

    /// Adds a leg that leads the nose away from a head that came too near: every other margin is proven, and that nose and tip come nowhere
    /// nearer than where they are, but for [`NO_NEARER`]. From sample to sample the nose's distance must grow, and the tip's by
    /// [`LEADS_AWAY`] of the tip's way: along the skin, or through it, leads nothing off the head.
    pub fn retreat(&mut self, to: &Joints) -> Result<(), HopError> {
        let from = self.end();
        if let Some(obstacle) = self.cell.retreat_blocked(&from, to, self.base_from_head) {
            return Err(HopError::WayBlocked(obstacle));
        }
        let unknown = || Err(HopError::WayBlocked(Obstacle::Unknown));
        let head = self.base_from_head;
        if !self.cell.comes_no_nearer(&from, to, head, NO_NEARER) {
            return unknown();
        }
        let seen = |k: u32| {
            let q = from.lerp(to, f64::from(k) / f64::from(RETREAT_SAMPLES));
            let tip = self.head_from_tip(&q).origin();
            let nose = self.cell.clearance(&q, self.base_from_head).nose_head;
            (nose, self.cell.field().exact(&tip), tip)
        };
        let mut before = seen(0);
        let leads_away = (1..=RETREAT_SAMPLES).all(|k| {
            let now = seen(k);
            let (nose, height, tip) = std::mem::replace(&mut before, now);
            now.0 > nose && now.1 - height >= LEADS_AWAY * now.2.distance(&tip)
        });
        if !leads_away {
            return unknown();
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
        let (mut legs, mut retreating) = (Legs::new(), 0);
        // Where a way point is: the other corners lie between parts of one straight leg.
        let mut turns = ArrayVec::<usize, MAX_LEGS>::new();
        let mut from = self.start;
        for (i, point) in self.points.iter().enumerate() {
            let room = MAX_LEGS - legs.len() - (self.points.len() - i - 1);
            // What leads away from the head need not be slow near the skin.
            let leads_away = i < self.retreating;
            let hovers = leads_away || point.hovers;
            self.add_legs(&from, &point.q, hovers, room, &mut legs)?;
            from = point.q;
            // At most one for each of as many way points.
            let _ = turns.try_push(legs.len() - 1);
            if i + 1 == self.retreating {
                retreating = legs.len();
            }
        }
        // Corners of a retreat are not cut: the head is within the nose's margin there.
        let mut judge = |corner: &Corner| {
            if corner.leg < retreating {
                None
            } else {
                self.judge(corner, turns.contains(&corner.leg))
            }
        };
        Ok(through(self.start, &legs, &limits, &mut judge)?)
    }

    /// The leg between two way points, each part of it at the speed of where it is: above the hover zone, at hover height (as is known of
    /// the whole leg with `hovers`), or nearer to the skin.
    fn add_legs(
        &self,
        from: &Joints,
        to: &Joints,
        hovers: bool,
        room: usize,
        legs: &mut Legs,
    ) -> Result<(), HopError> {
        let length = self.tip.length(from, to);
        let is_high = |q: &Joints| self.tip.is_above_zone(q, ABOVE_ZONE);
        // Legs along the skin, by far the most.
        if hovers && !is_high(from) {
            return add(legs, to, length, SPEED_HOVER);
        }
        if self.tip.stays_above_zone(from, to, length, 0.0) {
            return add(legs, to, length, SPEED_FREE);
        }
        if !(is_high(from) || is_high(to) || is_high(&from.lerp(to, 0.5))) {
            if hovers || self.tip.stays_hovering(from, to) {
                return add(legs, to, length, SPEED_HOVER);
            }
            if length <= ONE_SPEED {
                return add(legs, to, length, SPEED_NEAR_SKIN);
            }
        }
        self.add_parts(from, to, (length, hovers), room, legs)
    }

    /// As [`Self::add_legs`] where not one speed holds all along.
    fn add_parts(
        &self,
        from: &Joints,
        to: &Joints,
        (length, hovers): (f64, bool),
        room: usize,
        legs: &mut Legs,
    ) -> Result<(), HopError> {
        let at = |k: usize| match k {
            0 => *from,
            PARTS => *to,
            k => from.lerp(to, k as f64 / PARTS as f64),
        };
        let part = length / PARTS as f64;
        let speed_of = |k: usize| {
            let (first, last) = (at(k), at(k + 1));
            if self.tip.stays_above_zone(&first, &last, part, ABOVE_ZONE) {
                SPEED_FREE
            } else if hovers || self.tip.stays_hovering(&first, &last) {
                SPEED_HOVER
            } else {
                SPEED_NEAR_SKIN
            }
        };
        let speeds: ArrayVec<Speed, PARTS> = (0..PARTS).map(speed_of).collect();
        if speeds.windows(2).filter(|w| w[0] != w[1]).count() >= room {
            let slowest = speeds
                .iter()
                .fold(SPEED_HOVER, |least, speed| least.min(*speed));
            return add(legs, to, length, slowest);
        }
        let mut begun = 0;
        for k in 1..=PARTS {
            if k < PARTS && speeds[k] == speeds[begun] {
                continue;
            }
            let (first, last) = (at(begun), at(k));
            // Its parameter runs over the part alone.
            add(legs, &last, self.tip.length(&first, &last), speeds[begun])?;
            begun = k;
        }
        Ok(())
    }

    /// A cut corner stays in the triangle of way point, beginning of the tail and end of the head: the share β of the head that is made is
    /// convex in time (its second derivative is a multiple of dσ/dt, never negative), so β ≤ t/T, and the share of the tail that is left
    /// is 1 − 2t/T + β; together they are one at most. That triangle is proven clear, and the tip's speed is bounded all over it.
    fn judge(&self, corner: &Corner, turns: bool) -> Verdict {
        let (tail, head) = (&corner.tail, &corner.head);
        let farthest = tail.zip(head, |t, h| t.abs().max(h.abs()));
        let speed_there = |v: &Joints| self.tip.speed(&corner.at, v);
        // Every point of the triangle, −αT + βH with α + β ≤ 1, is within ½ (H − T) of one on tail or head.
        let bent = head.zip(tail, |h, t| if turns { 0.5 * (h - t) } else { 0.0 });
        let strays = speed_there(&bent) + self.tip.bend(&farthest, &bent);
        let begin = corner.at.zip(tail, |q, t| q - t);
        let end = corner.at.zip(head, |q, h| q + h);
        let above = |from: &Joints, to: &Joints| {
            let length = self.tip.length(from, to);
            self.tip.stays_above_zone(from, to, length, strays)
        };
        let hovers = |from: &Joints, to: &Joints| self.tip.stays_hovering_by(from, to, strays);
        let limit = if above(&begin, &corner.at) && above(&corner.at, &end) {
            SPEED_FREE
        } else if hovers(&begin, &corner.at) && hovers(&corner.at, &end) {
            SPEED_HOVER
        } else {
            SPEED_NEAR_SKIN
        };
        let rate = |leg: &Joints| {
            let length = self.tip.speed_in(&corner.at, tail, head, leg);
            limit.m_per_s() / length
        };
        let rates = corner.legs.each_ref().map(rate);
        // No rate is positive where a tip's place is no number.
        if !rates.iter().all(|r| *r > 0.0) {
            return None;
        }
        if !turns {
            return Some(rates);
        }
        let quarter = bent.map(|d| 0.5 * d);
        let middle = corner.at.zip(&quarter, |q, m| q + m);
        let along = head.zip(tail, |h, t| 0.5 * (h + t));
        match self.settled.region_blocked(&middle, &[along, quarter]) {
            None => Some(rates),
            Some(_) => None,
        }
    }
}
