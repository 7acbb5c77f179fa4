//! What must hold from dot to dot: every hop and every way off the head proven clear, and together as long as the plan says.

use rayon::prelude::*;
use stipple_model::clearance::{Settled, WorkCell};
use stipple_model::joints::Joints;
use stipple_model::motion::{HopError, away, back, hop_within};
use stipple_model::plan::{DotId, Outcome, Plan, Stop, pauses};
use stipple_model::units::Time;

use super::error::AdmitError;

/// How far the motion of a layer may be from what the plan says: a share of it, and s. Source: own; the same code gives the same to
/// rounding, and what this is to find, two dots run in another order, changes it by a hundredth of a second.
const MOTION_OFF: (f64, f64) = (1e-9, 1e-6);

/// How long the arm's motion of a layer takes, proven.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerMotion {
    /// From dot to dot, where no stop away from the head lies between them.
    pub hops: Time,
    /// To where the arm waits and back.
    pub ways: Time,
}

/// Proves every hop of every layer's order with the head where it is expected, and every way to where the arm waits and back.
///
/// # Errors
/// A hop or a way that is not clear.
pub fn layer_motions(plan: &Plan, cell: &WorkCell) -> Result<Vec<LayerMotion>, AdmitError> {
    let layers = (1u8..).zip(&plan.sequence).zip(&plan.stops);
    let motion = |((layer, order), stops): ((u8, &Vec<DotId>), &Vec<Stop>)| {
        let run = Run {
            plan,
            settled: Settled::nothing(cell, &plan.cell.base_from_head),
            layer,
            hovers: hovers(plan, order),
            entered: entered(stops),
        };
        Ok(LayerMotion {
            hops: Time::from_s(run.hops()?),
            ways: Time::from_s(run.ways()?),
        })
    };
    layers.map(motion).collect()
}

/// Proves all motion, and that it takes the time that the plan says.
pub fn check(plan: &Plan, cell: &WorkCell) -> Result<(), AdmitError> {
    let found = layer_motions(plan, cell)?;
    for ((layer, found), told) in (1u8..).zip(found).zip(&plan.session_estimate.layers) {
        agrees(layer, "motion from dot to dot", told.motion, found.hops)?;
        agrees(layer, "ways off the head", told.station_ways, found.ways)?;
    }
    Ok(())
}

fn agrees(layer: u8, what: &'static str, told: Time, found: Time) -> Result<(), AdmitError> {
    let (told_s, found_s) = (told.s(), found.s());
    let off = (told_s - found_s).abs();
    if off <= found_s * MOTION_OFF.0 + MOTION_OFF.1 {
        Ok(())
    } else {
        Err(AdmitError::Motion {
            layer,
            what,
            told_s,
            found_s,
        })
    }
}

/// The dots of an order with the joints over them.
fn hovers<'a>(plan: &'a Plan, order: &[DotId]) -> Vec<(DotId, &'a Joints)> {
    let hover = |id: &DotId| match &plan.dot(*id)?.outcome {
        Outcome::Planned { hover, .. } => Some((*id, hover)),
        Outcome::Skipped(_) => None,
    };
    order.iter().filter_map(hover).collect()
}

/// The places of an order that are reached from where the arm waits: the first, and where a stop away from the head comes before.
fn entered(stops: &[Stop]) -> Vec<usize> {
    let away = pauses(stops).filter(|pause| pause.is_away);
    let mut places: Vec<usize> = std::iter::once(0)
        .chain(away.map(|pause| pause.before as usize))
        .collect();
    places.dedup();
    places
}

/// One layer's run.
struct Run<'a> {
    plan: &'a Plan,
    settled: Settled<'a>,
    layer: u8,
    hovers: Vec<(DotId, &'a Joints)>,
    entered: Vec<usize>,
}

impl Run<'_> {
    /// Proves all hops; the time of those that no stop replaces, s.
    fn hops(&self) -> Result<f64, AdmitError> {
        let durations: Vec<f64> = self
            .hovers
            .par_windows(2)
            .map(|pair| match pair {
                [(from, start), (to, end)] => hop_within(&self.settled, start, end)
                    .map(|hop| hop.duration())
                    .map_err(|error| AdmitError::Hop {
                        layer: self.layer,
                        from: from.0,
                        to: to.0,
                        why: self.in_the_way(&error),
                    }),
                _ => Ok(0.0),
            })
            .collect::<Result<_, _>>()?;
        let made = (1usize..).zip(&durations);
        let made = made.filter(|(place, _)| self.entered.binary_search(place).is_err());
        Ok(made.map(|(_, duration)| duration).sum())
    }

    /// Proves all ways off the head and back; their time, s.
    fn ways(&self) -> Result<f64, AdmitError> {
        let Some(last) = self.hovers.last() else {
            return Ok(0.0);
        };
        let times: Vec<f64> = self
            .entered
            .par_iter()
            .map(|place| self.off_and_back(*place))
            .collect::<Result<_, _>>()?;
        Ok(times.iter().sum::<f64>() + self.off(last)?.0)
    }

    /// Off the dot before a place of the order, and back to its own. Before the first the arm waits already, where there is no station
    /// above that dot.
    fn off_and_back(&self, place: usize) -> Result<f64, AdmitError> {
        let Some(to) = self.hovers.get(place) else {
            return Ok(0.0);
        };
        let before = place.checked_sub(1).and_then(|k| self.hovers.get(k));
        let (off, lifted) = match (before, &self.plan.station) {
            (Some(from), _) => self.off(from)?,
            (None, Some(station)) => (0.0, *station),
            (None, None) => (0.0, self.off(to)?.1),
        };
        let waiting = self.plan.station.unwrap_or(lifted);
        let way = back(&self.settled, &waiting, to.1);
        let way = way.map_err(|error| self.stuck(to.0, &error))?;
        Ok(off + way.duration())
    }

    /// How long the way off a dot takes, s, and where it ends.
    fn off(&self, (dot, hover): &(DotId, &Joints)) -> Result<(f64, Joints), AdmitError> {
        let way = away(&self.settled, hover, self.plan.station.as_ref());
        let way = way.map_err(|error| self.stuck(*dot, &error))?;
        Ok((way.duration(), way.end()))
    }

    fn stuck(&self, dot: DotId, error: &HopError) -> AdmitError {
        AdmitError::Away {
            layer: self.layer,
            dot: dot.0,
            why: self.in_the_way(error),
        }
    }

    fn in_the_way(&self, error: &HopError) -> String {
        match error {
            HopError::TargetBlocked(obstacle)
            | HopError::StartBlocked(obstacle)
            | HopError::WayBlocked(obstacle) => self.settled.cell().describe(obstacle),
            HopError::OutOfReach | HopError::Motion(_) => error.to_string(),
        }
    }
}
