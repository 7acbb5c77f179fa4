//! Away from the head along the needle, and where that ends too near to something, on or back again.

use nalgebra::Translation3;

use super::hop::{HopError, LOW, RAISED_BETWEEN};
use super::trajectory::Trajectory;
use super::way::Way;
use crate::clearance::{Obstacle, Settled, WorkCell};
use crate::frames::{Base, Head, Transform};
use crate::joints::Joints;
use crate::limits::{HOVER, HOVER_ZONE};
use crate::units::Length;

/// Heights to lift to from there, the highest that works.
const LIFTS: [Length; 2] = [Length::from_mm(80.0), Length::from_mm(40.0)];
/// Deeper in the head no tip can be, and where it seems to be neither it nor the way out is known: head pose or joints are wrong. Source: this
/// project's own; the scalp is 5 to 6 mm thick.
const DEEPEST: Length = Length::from_mm(6.0);

impl Way<'_> {
    /// To a height along the needle, away from a head that came too near.
    fn leave(&mut self, height: Length) -> Result<(), HopError> {
        let from = self.end();
        let pose = self.head_from_tip(&from);
        if self.cell.field().exact(&pose.origin()) < -DEEPEST.m() {
            return Err(HopError::WayBlocked(Obstacle::Unknown));
        }
        let edge = self
            .raised(&pose, &from, height)
            .ok_or(HopError::OutOfReach)?;
        self.retreat(&edge)
    }
}

/// From within the nose's margin of the head, or the tip's of what it is kept out of, along the needle to where all is clear; `None` where
/// nothing is.
pub(super) fn clear_of_head<'a>(begun: &Way<'a>) -> Option<Way<'a>> {
    let heights = [HOVER_ZONE, LOW].into_iter();
    heights.chain(LIFTS.into_iter().rev()).find_map(|height| {
        let mut way = begun.clone();
        way.leave(height).ok()?;
        way.settled.blocked(&way.end()).is_none().then_some(way)
    })
}

/// Back along the needle to hovering, from where a lift that leads nowhere else ended: too near to what the tip is kept out of.
pub(super) fn back_down<'a>(begun: &Way<'a>) -> Option<Way<'a>> {
    let from = begun.end();
    let pose = begun.head_from_tip(&from);
    let above = begun.cell.field().exact(&pose.origin()) - HOVER.m();
    if above.is_nan() || above <= 0.0 {
        return None;
    }
    let down = pose.raw() * Translation3::new(0.0, 0.0, above);
    let hover = begun.solve(&Transform::from_raw(down), &from)?;
    if begun.settled.blocked(&hover).is_some() {
        return None;
    }
    begun.elsewhere(&hover).retreat(&from).ok()?;
    let mut way = begun.clone();
    way.push_unproven(&hover).ok()?;
    Some(way)
}

/// Away from the head along the needle, as high as is clear: the first move of a pause, and of a fault of neither arm nor needle.
///
/// Drawing back along the needle is allowed even where the nose is already nearer to the head than its margin, since it only leads away;
/// every other margin is kept.
///
/// # Errors
/// When not even the lowest lift is possible.
pub fn lift(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    from: &Joints,
) -> Result<Trajectory, HopError> {
    let settled = Settled::nothing(cell, base_from_head);
    let low = lift_low(&settled, from)?;
    let low = if low.hovers(from) {
        low
    } else {
        // From below hover height it leads away, and need not be slow; where that cannot be shown, it is.
        away_low(&settled, from).unwrap_or(low)
    };
    let pose = low.head_from_tip(from);
    let higher = LIFTS.iter().find_map(|height| {
        let mut way = low.clone();
        let top = way.raised(&pose, &way.end(), *height)?;
        way.push(&top).ok().map(|()| way)
    });
    // Where the lowest ends too near to what the tip is kept out of, which it may pass, no way would lead on from there.
    let past = || {
        settled
            .blocked(&low.end())
            .and_then(|_| clear_of_head(&low))
    };
    higher.or_else(past).unwrap_or(low).timed()
}

/// Whether [`lift`] gets the arm off the head from here, if only to its lowest height: a pose without a way out is a trap.
#[must_use]
pub fn can_lift(cell: &WorkCell, base_from_head: &Transform<Base, Head>, from: &Joints) -> bool {
    can_lift_within(&Settled::nothing(cell, base_from_head), from)
}

/// As [`can_lift`], sparing what is settled.
#[must_use]
pub fn can_lift_within(settled: &Settled<'_>, from: &Joints) -> bool {
    lift_low(settled, from).is_ok()
}

/// From hovering, drawn back along the needle to where a lift leads first; `None` where that is out of reach.
#[must_use]
pub fn lifted(settled: &Settled<'_>, hover: &Joints) -> Option<Joints> {
    drawn_back(settled, hover, LOW)
}

/// From hovering, drawn back along the needle as far as any hop along the skin leads; `None` where that is out of reach.
#[must_use]
pub fn raised(settled: &Settled<'_>, hover: &Joints) -> Option<Joints> {
    let highest = RAISED_BETWEEN.into_iter().fold(Length::ZERO, Length::max);
    drawn_back(settled, hover, HOVER + highest)
}

fn drawn_back(settled: &Settled<'_>, hover: &Joints, height: Length) -> Option<Joints> {
    let way = Way::new(settled, hover);
    way.raised(&way.head_from_tip(hover), hover, height)
}

/// The first part of every lift, to its lowest height.
fn lift_low<'a>(settled: &'a Settled<'a>, from: &Joints) -> Result<Way<'a>, HopError> {
    let mut way = Way::new(settled, from);
    match way.rise_to(LOW) {
        Err(HopError::WayBlocked(obstacle)) if settled.cell().is_nose_to_head(&obstacle) => {
            away_low(settled, from)
        }
        other => other.map(|()| way),
    }
}

/// The same where the head came too near.
fn away_low<'a>(settled: &'a Settled<'a>, from: &Joints) -> Result<Way<'a>, HopError> {
    let mut way = Way::new(settled, from);
    way.leave(LOW)?;
    Ok(way)
}
