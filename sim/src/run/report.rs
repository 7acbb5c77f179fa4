//! What a simulated session came to: the controller's report with the truth beside it, and a table of strikes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use stipple_controller::record::RecordCounts;
use stipple_controller::report::{
    FaultCount, Invariants, PlacementError, Reaction, RecordEnd, Report, Spread,
};
use stipple_model::files::write_privately;
use stipple_model::plan::Plan;

use super::{RunError, Simulation};
use crate::plant::Strike;

/// A row of strikes.csv.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrikeRow {
    /// The dot's number in the plan.
    pub dot: u32,
    /// Its layer, from 1.
    pub layer: u8,
    /// Its zone.
    pub zone: String,
    /// When the needle met the skin, virtual seconds.
    pub t_s: f64,
    /// Off the dot, sideways.
    pub lateral_mm: f64,
    /// How deep.
    pub depth_mm: f64,
    /// Deeper (+) or shallower (−) than planned.
    pub depth_error_mm: f64,
    /// From the dot's normal.
    pub angle_deg: f64,
    /// How far the skin moved while the needle was in.
    pub dragged_mm: f64,
    /// Largest force along the needle.
    pub force_n: f64,
    /// Whether it met the approved patch.
    pub in_patch: bool,
}

/// To four decimals: a tenth of a micrometre is more than the simulation is worth.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

impl StrikeRow {
    fn of(strike: &Strike, plan: &Plan) -> Self {
        let dot = plan.dot(strike.dot);
        let zone = dot
            .and_then(|d| plan.zones.get(usize::from(d.zone)))
            .map_or_else(String::new, |z| z.name.clone());
        Self {
            dot: strike.dot.0,
            layer: dot.map_or(0, |d| d.layer),
            zone,
            t_s: rounded(strike.at.s()),
            lateral_mm: rounded(strike.lateral * 1e3),
            depth_mm: rounded(strike.depth * 1e3),
            depth_error_mm: rounded(strike.depth_error * 1e3),
            angle_deg: rounded(strike.angle.to_degrees()),
            dragged_mm: rounded(strike.dragged * 1e3),
            force_n: rounded(strike.force),
            in_patch: strike.in_patch,
        }
    }
}

/// Writes the strikes as CSV, in the order they happened.
///
/// # Errors
/// When the file cannot be written.
pub fn write_strikes(strikes: &[Strike], plan: &Plan, path: &Path) -> Result<(), RunError> {
    let io = |source| RunError::Io {
        path: path.to_owned(),
        source,
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    for strike in strikes {
        table
            .serialize(StrikeRow::of(strike, plan))
            .map_err(|e| io(std::io::Error::other(e)))?;
    }
    let bytes = table
        .into_inner()
        .map_err(|e| io(std::io::Error::other(e.to_string())))?;
    write_privately(path, &bytes).map_err(io)
}

impl Simulation {
    /// The report so far.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn report(&self) -> Result<Report, RunError> {
        let record = self.rig.record()?;
        let selection = &self.view().layer;
        let placed: Vec<_> = record
            .placed()?
            .into_iter()
            .filter(|p| selection.is_none_or(|layer| p.layer == layer))
            .collect();
        let session_s = self.elapsed_s();
        let mut report = Report::of(
            self.session(),
            record.session_id(),
            self.view().progress,
            &placed,
            session_s,
        );
        self.count_all(&record.counts()?, &mut report);
        let strikes = self.plant().strikes();
        let lateral = Spread::of(strikes.iter().map(|s| s.lateral * 1e3));
        let depth = Spread::of(strikes.iter().map(|s| s.depth_error.abs() * 1e3));
        report.record = Some(RecordEnd::of(record)?);
        report.placement_error_mm = lateral
            .zip(depth)
            .map(|(lateral, depth)| PlacementError { lateral, depth });
        let wall = self.wall.as_secs_f64();
        report.real_time_factor = if wall > 0.0 { session_s / wall } else { 0.0 };
        let (checks, breaks, failures, blind) = self.rig.checked();
        report.invariants = Some(Invariants { checks, breaks });
        report.faults = self.faults();
        report
            .remarks
            .push("simulated: arm, needle, skin, head and tracker are models".to_owned());
        if blind > 0 {
            report.remarks.push(format!(
                "{blind} strikes were made while a fault hid where head or arm really are"
            ));
        }
        for failure in failures {
            report.remarks.push(format!(
                "broken at {:.3} s: {:?}, {}",
                failure.t_s, failure.invariant, failure.what
            ));
        }
        Ok(report)
    }

    /// Counts what was done since the beginning: a session knows what it was started on last, and a fault or a stop is followed by another start.
    fn count_all(&self, now: &RecordCounts, report: &mut Report) {
        let before = &self.before;
        report.placed = now.placed.saturating_sub(before.placed);
        report.in_doubt = now.in_doubt.saturating_sub(before.in_doubt);
        let skipped = now.skipped.iter().map(|(reason, count)| {
            let known = before.skipped.get(reason).copied().unwrap_or(0);
            (reason.clone(), count.saturating_sub(known))
        });
        report.skipped = skipped.filter(|(_, count)| *count > 0).collect();
        let done = report.placed + report.in_doubt + report.skipped.values().sum::<u32>();
        report.planned = done + self.view().progress.remaining();
        report.dots_per_second = if report.session_s > 0.0 {
            f64::from(report.placed) / report.session_s
        } else {
            0.0
        };
    }

    /// What the core reported, and what was injected (its names have a dot in them) with the time to the reaction.
    fn faults(&self) -> BTreeMap<String, FaultCount> {
        let mut faults = BTreeMap::new();
        for (name, count) in self.rig.core_faults() {
            let count = FaultCount {
                count,
                reaction_ms: None,
            };
            faults.insert(name.to_owned(), count);
        }
        for ((target, kind), count) in self.rig.injected() {
            let times = self.rig.reactions().get(&(*target, *kind));
            let spread = times.and_then(|times| Spread::of(times.iter().copied()));
            let count = FaultCount {
                count: *count,
                reaction_ms: spread.map(|s| Reaction {
                    p50: s.p50,
                    p99: s.p99,
                    max: s.max,
                }),
            };
            faults.insert(format!("{target}.{kind}"), count);
        }
        faults
    }
}
