//! The report of a session, `report.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::record::{PlacedDot, Record, RecordError};
use crate::session::Session;

/// What a session came to. Keys and units are part of the product's contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The session in the record.
    pub session_id: String,
    /// Digest of the plan.
    pub plan_digest: String,
    /// Dots of what was started.
    pub planned: u32,
    /// Struck.
    pub placed: u32,
    /// Left out, by reason.
    pub skipped: BTreeMap<String, u32>,
    /// Perhaps struck.
    pub in_doubt: u32,
    /// Where the dots really are; known to a simulation only.
    pub placement_error_mm: Option<PlacementError>,
    /// Where the controller thought them to be: by the tracked head and the joints at contact.
    pub measured_error_mm: Option<PlacementError>,
    /// Struck dots over the session's time.
    pub dots_per_second: f64,
    /// From start to end, pauses included, s.
    pub session_s: f64,
    /// Simulated time over the time it took; 1 on hardware.
    pub real_time_factor: f64,
    /// What went wrong, by fault.
    pub faults: BTreeMap<String, FaultCount>,
    /// The breaks, in order.
    pub pauses: Vec<PauseRow>,
    /// What a simulation checked in every tick.
    pub invariants: Option<Invariants>,
    /// The record at the end, where whoever reports can read it.
    pub record: Option<RecordEnd>,
    /// Remarks for whoever reads the numbers, such as a machine without real time.
    pub remarks: Vec<String>,
}

/// A break in a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PauseRow {
    /// Why, and by whom where that is known.
    pub why: String,
    /// From the arm's rest to going on, or to the end of the session, s.
    pub lasted_s: f64,
}

/// A record at the end of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordEnd {
    /// How many rows it has.
    pub rows: u64,
    /// Hash of the last one, hexadecimal. Kept with the report, it shows later whether the record is still what it was
    /// (`stipple-controller verify --head`).
    pub head: String,
    /// All its dots in doubt, by reason.
    pub in_doubt: BTreeMap<String, u32>,
}

impl RecordEnd {
    /// Of a record as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(record: &Record) -> Result<Self, RecordError> {
        let (rows, head) = record.head();
        let mut in_doubt = BTreeMap::new();
        for dot in record.in_doubt()? {
            *in_doubt.entry(dot.reason).or_default() += 1;
        }
        Ok(Self {
            rows,
            head: head.to_string(),
            in_doubt,
        })
    }
}

/// Lateral and depth errors, mm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PlacementError {
    /// In the skin's plane.
    pub lateral: Spread,
    /// Along the needle, as a magnitude.
    pub depth: Spread,
}

/// Percentiles of something, in the unit of its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Median.
    pub p50: f64,
    /// 95 % are no more.
    pub p95: f64,
    /// 99 % are no more.
    pub p99: f64,
    /// The most.
    pub max: f64,
}

/// How often a fault came and how fast it was reacted to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaultCount {
    /// How often.
    pub count: u32,
    /// From the fault to the reaction, ms; where it was measured.
    pub reaction_ms: Option<Reaction>,
}

/// Percentiles of a reaction time, ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reaction {
    /// Median.
    pub p50: f64,
    /// 99 % are no more.
    pub p99: f64,
    /// The most.
    pub max: f64,
}

/// Checks of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Invariants {
    /// How many checks were made.
    pub checks: u64,
    /// How many failed.
    pub breaks: u64,
}

impl Spread {
    /// Of some values; `None` of none, or when one of them is not a number.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        if sorted.iter().any(|v| v.is_nan()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let max = *sorted.last()?;
        // Nearest rank: the smallest value that at least that share does not exceed.
        let rank = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or(max)
        };
        Some(Self {
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            max,
        })
    }
}

impl Report {
    /// Of a session after `session_s` seconds. `placed` are the record's rows; the simulator adds what only it knows.
    #[must_use]
    pub fn of(
        session: &Session,
        session_id: &str,
        progress: crate::session::Progress,
        placed: &[PlacedDot],
        session_s: f64,
    ) -> Self {
        let depth_error = |p: &PlacedDot| {
            session
                .plan()
                .dot(p.dot)
                .map(|d| (p.depth_m - d.depth.m()).abs() * 1e3)
        };
        let lateral = Spread::of(placed.iter().map(|p| p.lateral_error_m * 1e3));
        let depth = Spread::of(placed.iter().filter_map(depth_error));
        let named = |(name, count): (&'static str, u32)| (name.to_owned(), count);
        Self {
            session_id: session_id.to_owned(),
            plan_digest: session.digest().to_string(),
            planned: progress.planned,
            placed: progress.placed,
            skipped: session.skipped().iter().map(named).collect(),
            in_doubt: progress.in_doubt,
            placement_error_mm: None,
            measured_error_mm: lateral
                .zip(depth)
                .map(|(lateral, depth)| PlacementError { lateral, depth }),
            dots_per_second: if session_s > 0.0 {
                f64::from(progress.placed) / session_s
            } else {
                0.0
            },
            session_s,
            real_time_factor: 1.0,
            faults: session
                .faults()
                .iter()
                .map(|(name, count)| {
                    (
                        name.to_owned(),
                        FaultCount {
                            count,
                            reaction_ms: None,
                        },
                    )
                })
                .collect(),
            pauses: session.pauses(),
            invariants: None,
            record: None,
            remarks: Vec::new(),
        }
    }

    /// Writes it as JSON, readable by its owner alone; the file is whole or not there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::other)?;
        stipple_model::files::write_privately(path, &json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::of((1..=100).map(f64::from)).unwrap();
        assert_eq!(
            spread,
            Spread {
                p50: 50.0,
                p95: 95.0,
                p99: 99.0,
                max: 100.0
            }
        );
        assert_eq!(Spread::of([3.0]).unwrap().p50, 3.0);
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([1.0, f64::NAN]), None);
    }
}
