//! Away from the head and back: to the station, or up along the needle where there is none, and from there to hovering over a dot.
//!
//! To the station the arm rises along the needle and then goes straight through joint space; the way back is such a way from the dot,
//! made the other way round. Both ends of nearly all ways are the same, so what is straight is nearly always clear, and where it is it
//! costs far less to prove than a way along the head. Where it is not, the way is found as every hop's is: over a shell, or by a search.
//! Every leg is proven clear with the margins of a hop, and timed as a hop is.

use super::hop::{HopError, SHELLS, hop_within, lift};
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

/// Where every way over a shell takes longer than this, s, a quicker one is searched for. Source: this project's own, twice what a way of
/// half a metre takes.
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
    match straight(settled, from, station) {
        Some(way) => way.timed(),
        None => round_about(settled, from, station),
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
    if let Some(up) = straight(settled, goal, waiting) {
        let mut way = Way::new(settled, waiting);
        way.sink_along(&up)?;
        return way.timed();
    }
    round_about(settled, waiting, goal)
}

/// The quickest way over a shell; as every hop is made, which includes a search that takes many times as long, only where there is none
/// or each is slow.
fn round_about(
    settled: &Settled<'_>,
    from: &Joints,
    goal: &Joints,
) -> Result<Trajectory, HopError> {
    let over = |shell: &Length| {
        let mut way = Way::new(settled, from);
        way.over_shell(goal, *shell)?;
        way.timed()
    };
    let quickest = fit(settled, [from, goal])
        .then(|| {
            let ways = SHELLS.iter().filter_map(|shell| over(shell).ok());
            ways.min_by(|a, b| a.duration().total_cmp(&b.duration()))
        })
        .flatten();
    match quickest.filter(|way| way.duration() <= SLOW) {
        Some(way) => Ok(way),
        None => hop_within(settled, from, goal),
    }
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
