//! hops.csv: the arm's way through every layer, in joint space.

use std::collections::BTreeMap;
use std::io::Write;

use stipple_model::clearance::{Settled, WorkCell};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::motion::{HopTarget, Trajectory, away, back, hop};
use stipple_model::plan::{DotId, Outcome, Pause, Plan, pauses};

use super::ExportError;

/// Rows of hops.csv are at most this far apart in time while the arm moves, seconds.
const ROWS: f64 = 0.02;

/// Writes `dot,t_s,q1..qN`: the arm's way to every dot in the order they are run, rad, with the head where the plan expects it.
///
/// Time starts anew with each layer. It counts the arm's motion and the stops' expected times, during which the arm stands still; what is
/// spent at each dot is left out. A layer begins where the arm waits: at the station, or above its first dot where there is none. Rows
/// belong to the dot they lead to, those of a stop to the dot that waits for it. The last dot of a layer has the way home besides; every
/// other's last row is its hover.
///
/// # Errors
/// When the writer fails or a hop does not exist.
pub fn hops(plan: &Plan, cell: &WorkCell, to: impl Write) -> Result<(), ExportError> {
    let mut table = csv::Writer::from_writer(to);
    let header = ["dot".to_owned(), "t_s".to_owned()].into_iter();
    table.write_record(header.chain((1..=cell.arm().dof()).map(|k| format!("q{k}"))))?;
    for (layer, stops) in plan.sequence.iter().zip(&plan.stops) {
        let mut run = Run {
            plan,
            cell,
            settled: Settled::nothing(cell, &plan.cell.base_from_head),
            table: &mut table,
            t: 0.0,
        };
        let pauses: BTreeMap<u32, Pause> = pauses(stops).map(|p| (p.before, p)).collect();
        run.layer(layer, &pauses)?;
    }
    table.flush().map_err(csv::Error::from)?;
    Ok(())
}

/// One layer being written.
struct Run<'a, W: Write> {
    plan: &'a Plan,
    cell: &'a WorkCell,
    settled: Settled<'a>,
    table: &'a mut csv::Writer<W>,
    /// Time since the layer's beginning, s.
    t: f64,
}

impl<W: Write> Run<'_, W> {
    fn layer(&mut self, layer: &[DotId], pauses: &BTreeMap<u32, Pause>) -> Result<(), ExportError> {
        // The last dot, and where the arm is over it.
        let mut last: Option<(DotId, Joints)> = None;
        for (k, &id) in (0u32..).zip(layer) {
            let Some(Outcome::Planned { hover, .. }) = self.plan.dot(id).map(|d| d.outcome) else {
                continue;
            };
            let pause = pauses.get(&k);
            let end = match last {
                Some((_, at)) if !pause.is_some_and(|p| p.is_away) => {
                    self.stand(id, pause, &at)?;
                    let way = self.hop(id, &at)?;
                    self.follow(id, &way)?
                }
                from => {
                    let waiting = match from {
                        Some((_, at)) => {
                            let off = self.away(id, &at)?;
                            self.follow(id, &off)?
                        }
                        None => {
                            let waiting = self.first_waiting(id, &hover)?;
                            self.write(id, &waiting)?;
                            waiting
                        }
                    };
                    self.stand(id, pause, &waiting)?;
                    let way = back(&self.settled, &waiting, &hover);
                    let way = way.map_err(|source| ExportError::Away { dot: id, source })?;
                    self.follow(id, &way)?
                }
            };
            last = Some((id, end));
        }
        if let Some((id, at)) = last {
            let home = self.away(id, &at)?;
            self.follow(id, &home)?;
        }
        Ok(())
    }

    /// Where the arm waits before the first dot.
    fn first_waiting(&self, dot: DotId, hover: &Joints) -> Result<Joints, ExportError> {
        match self.plan.station {
            Some(station) => Ok(station),
            None => Ok(self.away(dot, hover)?.end()),
        }
    }

    fn away(&self, dot: DotId, from: &Joints) -> Result<Trajectory, ExportError> {
        let way = away(&self.settled, from, self.plan.station.as_ref());
        way.map_err(|source| ExportError::Away { dot, source })
    }

    fn hop(&self, dot: DotId, from: &Joints) -> Result<Trajectory, ExportError> {
        let planned = self.plan.dot(dot);
        let target = planned.and_then(|planned| match planned.outcome {
            Outcome::Planned { hover, .. } => Some(HopTarget {
                head_from_tip: planned.hover_pose(HOVER)?,
                seed: hover,
            }),
            Outcome::Skipped(_) => None,
        });
        // Only dots that are planned are asked for.
        let Some(target) = target else {
            return Ok(Trajectory::resting(*from));
        };
        let way = hop(self.cell, &self.plan.cell.base_from_head, from, &target);
        way.map_err(|source| ExportError::Hop { dot, source })
    }

    fn write(&mut self, dot: DotId, q: &Joints) -> Result<(), csv::Error> {
        let row = [dot.0.to_string(), format!("{:.6}", self.t)].into_iter();
        self.table
            .write_record(row.chain(q.as_slice().iter().map(|v| format!("{v:.12}"))))
    }

    /// The arm stands still for a pause.
    fn stand(&mut self, dot: DotId, pause: Option<&Pause>, at: &Joints) -> Result<(), csv::Error> {
        let Some(pause) = pause else { return Ok(()) };
        self.t += pause.expected.s();
        self.write(dot, at)
    }

    /// The arm follows a way; where it is then.
    fn follow(&mut self, dot: DotId, way: &Trajectory) -> Result<Joints, csv::Error> {
        let begin = self.t;
        for (t, q) in rows(way) {
            self.t = begin + t;
            self.write(dot, &q)?;
        }
        self.t = begin + way.duration();
        Ok(way.end())
    }
}

/// Moments of a motion after its start: every way point, and between them at most [`ROWS`] apart.
fn rows(way: &Trajectory) -> Vec<(f64, Joints)> {
    let mut rows = Vec::new();
    let mut before = 0.0;
    for (end, q) in way.way_points().skip(1) {
        let steps = ((end - before) / ROWS).ceil().max(1.0) as usize;
        for k in 1..steps {
            let t = before + (end - before) * k as f64 / steps as f64;
            rows.push((t, way.at(t).position));
        }
        rows.push((end, q));
        before = end;
    }
    rows
}
