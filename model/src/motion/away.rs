//! Away from the head and back: to the station, or up along the needle where there is none, and from there to hovering over a dot.
//!
//! To the station the arm rises along the needle and then goes straight through joint space; the way back is such a way from the dot,
//! made the other way round. That is nearly always clear, and costs far less to prove than a way along the head. Where it is not, or turns
//! far because the arm changes branch, the way is found as every hop's is: over a shell, or by a search.
//! Every leg is proven clear with the margins of a hop, and timed as a hop is.

use super::hop::{HopError, SHELLS, hop_within};
use super::lift::lift;
use super::trajectory::Trajectory;
use super::way::Way;
use crate::clearance::Settled;
use crate::joints::Joints;
use crate::units::Length;

/// Heights above the skin from which the straight way is tried, in turn: the first is where every way off the skin leads, the others see
/// over more of the head.
const HEIGHTS: [Length; 3] = [
    Length::from_mm(20.0),
    Length::from_mm(60.0),
    Length::from_mm(120.0),
];

/// Where a straight way, or every one over a shell, takes longer than this, s, a quicker one is searched for: it turns far. Source: this
/// project's own, twice what a way of half a metre takes.
const SLOW: f64 = 8.0;

/// From hovering over a dot off the head: to `station`, joints at which the arm can wait, or, where there is none, up along the needle as
/// [`lift`] does. At rest at both ends, proven clear all along.
///
/// # Errors
/// As [`super::hop`].
pub fn away(
    settled: &Settled<'_>,
    from: &Joints,
    station: Option<&Joints>,
) -> Result<Trajectory, HopError> {
    let Some(station) = station else {
        return lift(settled.cell(), settled.base_from_head(), from);
    };
    let straight = straight(settled, from, station).map(|way| way.timed());
    quickest(settled, [from, station], straight.transpose()?)
}

/// As [`away`] to a station, but without a search: for whoever cannot wait for one, and can stay where they are.
///
/// # Errors
/// As [`super::hop`], also where a search would have found a way.
pub fn away_directly(
    settled: &Settled<'_>,
    from: &Joints,
    station: &Joints,
) -> Result<Trajectory, HopError> {
    match straight(settled, from, station) {
        Some(way) => way.timed(),
        None => over_shells(settled, [from, station]).ok_or(HopError::OutOfReach),
    }
}

/// From where the arm waits, at the end of [`away`] from some dot, to hovering at `goal`.
///
/// # Errors
/// As [`super::hop`].
pub fn back(
    settled: &Settled<'_>,
    waiting: &Joints,
    goal: &Joints,
) -> Result<Trajectory, HopError> {
    let down = straight(settled, goal, waiting).map(|up| {
        let mut way = Way::new(settled, waiting);
        way.sink_along(&up)?;
        way.timed()
    });
    quickest(settled, [waiting, goal], down.transpose()?)
}

/// The straight way where it is not slow; else the quickest over a shell; and where there is none, or each is slow, the way that is found
/// as every hop's is, with a search, which takes many times as long.
fn quickest(
    settled: &Settled<'_>,
    [from, goal]: [&Joints; 2],
    straight: Option<Trajectory>,
) -> Result<Trajectory, HopError> {
    let known = straight.or_else(|| over_shells(settled, [from, goal]));
    if let Some(way) = known.as_ref().filter(|way| way.duration() <= SLOW) {
        return Ok(way.clone());
    }
    match (hop_within(settled, from, goal), known) {
        (Ok(found), Some(known)) if found.duration() < known.duration() => Ok(found),
        (_, Some(known)) => Ok(known),
        (found, None) => found,
    }
}

/// The quickest way over a shell.
fn over_shells(settled: &Settled<'_>, [from, goal]: [&Joints; 2]) -> Option<Trajectory> {
    let over = |shell: &Length| {
        let mut way = Way::new(settled, from);
        way.over_shell(goal, *shell)?;
        way.timed()
    };
    let quicker = |a: &Trajectory, b: &Trajectory| a.duration().total_cmp(&b.duration());
    if !fit(settled, [from, goal]) {
        return None;
    }
    let ways = SHELLS.iter().filter_map(|shell| over(shell).ok());
    ways.min_by(quicker)
}

/// Whether configurations are the arm's, within its limits.
fn fit(settled: &Settled<'_>, ends: [&Joints; 2]) -> bool {
    let arm = settled.cell().arm();
    let fits = |q: &&Joints| q.dof() == arm.dof() && arm.within_limits(q);
    ends.iter().all(fits)
}

/// Up along the needle and straight on, where that is clear at one of [`HEIGHTS`] and the tip stays above the hover zone, so that it need
/// not be slow.
fn straight<'a>(settled: &'a Settled<'a>, hover: &Joints, to: &Joints) -> Option<Way<'a>> {
    if !fit(settled, [hover, to]) {
        return None;
    }
    HEIGHTS.into_iter().find_map(|height| {
        let mut way = Way::new(settled, hover);
        way.rise_to(height).ok()?;
        if !way.stays_high(to) {
            return None;
        }
        way.push(to).ok()?;
        Some(way)
    })
}
