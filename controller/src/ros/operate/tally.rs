//! What a session came to, as the operator's client heard it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use r2r::stipple_msgs::msg::{DotResult, SessionState};
use stipple_model::plan::{DotId, Plan};

use crate::report::{FaultCount, PauseRow, PlacementError, Report, Spread};
use crate::ros::told::plain;

/// The simulator writes its strikes every half second; this is longer.
const STRIKES_LATE: Duration = Duration::from_secs(3);

/// Why the strikes of the simulator could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StrikesError {
    /// No such file, or not readable.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a table of strikes.
    #[error("{path}: row {row} is not a strike as stipple-sim writes it: {source}")]
    Table {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: usize,
        /// What was wrong with it.
        source: csv::Error,
    },
}

/// Everything heard of one session.
#[derive(Debug)]
pub struct Tally {
    session_id: String,
    plan_digest: String,
    results: BTreeMap<u32, DotResult>,
    last: Option<SessionState>,
    faults: BTreeMap<String, u32>,
    /// The break under way, and those that are over.
    paused: Option<(Instant, String)>,
    pauses: Vec<PauseRow>,
    remarks: Vec<String>,
    began: Instant,
    took: Duration,
}

impl Tally {
    /// Of a session just loaded.
    pub fn new(session_id: String, plan_digest: String) -> Self {
        Self {
            session_id,
            plan_digest,
            results: BTreeMap::new(),
            last: None,
            faults: BTreeMap::new(),
            paused: None,
            pauses: Vec::new(),
            remarks: Vec::new(),
            began: Instant::now(),
            took: Duration::ZERO,
        }
    }

    /// Keeps a remark of the node for the report.
    pub fn remark(&mut self, remark: String) {
        if !remark.is_empty() {
            self.remarks.push(remark);
        }
    }

    /// It was started.
    pub fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// It is over.
    pub fn end(&mut self) {
        self.end_pause(Instant::now());
        self.took = self.began.elapsed();
    }

    /// Takes a dot's outcome.
    pub fn take_result(&mut self, result: DotResult) {
        if result.session_id == self.session_id {
            self.results.insert(result.dot, result);
        }
    }

    /// Whether a state is of this session.
    pub fn is_of(&self, state: &SessionState) -> bool {
        state.session_id == self.session_id
    }

    /// Takes a state.
    pub fn take_state(&mut self, state: SessionState) {
        if !self.is_of(&state) {
            return;
        }
        let known = self.last.as_ref().is_some_and(|l| l.fault == state.fault);
        if !state.fault.is_empty() && !known {
            *self.faults.entry(state.fault.clone()).or_default() += 1;
        }
        self.take_pause(&state, Instant::now());
        self.last = Some(state);
    }

    fn take_pause(&mut self, state: &SessionState, now: Instant) {
        if state.state != SessionState::PAUSED as u8 {
            self.end_pause(now);
        } else if self.paused.is_none() {
            self.paused = Some((now, plain(&state.message).to_owned()));
        }
    }

    fn end_pause(&mut self, now: Instant) {
        if let Some((since, why)) = self.paused.take() {
            let lasted_s = now.saturating_duration_since(since).as_secs_f64();
            self.pauses.push(PauseRow { why, lasted_s });
        }
    }

    /// Dots that were struck: one that was left out is no progress.
    pub fn struck(&self) -> u32 {
        self.last.as_ref().map_or(0, |s| s.placed + s.in_doubt)
    }

    /// Whether every dot of what was started is placed or skipped.
    pub fn complete(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|s| s.remaining == 0 && s.placed + s.skipped == s.planned)
    }

    fn placed(&self) -> impl Iterator<Item = &DotResult> {
        self.results
            .values()
            .filter(|r| r.outcome == DotResult::PLACED as u8)
    }

    /// The true errors of what was placed, from the simulator's table.
    fn truth(
        &self,
        strikes: Option<&Path>,
        remarks: &mut Vec<String>,
    ) -> Result<Option<PlacementError>, StrikesError> {
        let dots: BTreeSet<u32> = self.placed().map(|r| r.dot).collect();
        let Some(path) = strikes.filter(|_| !dots.is_empty()) else {
            return Ok(None);
        };
        remarks.push(
            "placement_error_mm is the simulator's truth: arm, needle, skin, head and tracker are models"
                .to_owned(),
        );
        true_errors(path, &dots, remarks)
    }

    /// The report; `strikes` is the simulator's table.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn report(&self, plan: &Plan, strikes: Option<&Path>) -> Result<Report, StrikesError> {
        let count = |f: fn(&SessionState) -> u32| self.last.as_ref().map_or(0, f);
        let placed = count(|s| s.placed);
        let session_s = self.took.as_secs_f64();
        let mut skipped: BTreeMap<String, u32> = BTreeMap::new();
        for result in self.results.values() {
            if result.outcome == DotResult::SKIPPED as u8 {
                *skipped.entry(result.reason.clone()).or_default() += 1;
            }
        }
        let depth_error = |r: &DotResult| {
            plan.dot(DotId(r.dot))
                .map(|d| (r.depth - d.depth.m()).abs() * 1e3)
        };
        let mut remarks = self.remarks.clone();
        let told = u32::try_from(self.placed().count()).unwrap_or(u32::MAX);
        if told != placed {
            remarks.push(format!(
                "{placed} dots were placed, but only {told} results were heard: reasons and errors are of these"
            ));
        }
        let truth = self.truth(strikes, &mut remarks)?;
        let error = |lateral: Option<Spread>, depth: Option<Spread>| {
            lateral
                .zip(depth)
                .map(|(lateral, depth)| PlacementError { lateral, depth })
        };
        Ok(Report {
            session_id: self.session_id.clone(),
            plan_digest: self.plan_digest.clone(),
            planned: count(|s| s.planned),
            placed,
            skipped,
            in_doubt: count(|s| s.in_doubt),
            placement_error_mm: truth,
            measured_error_mm: error(
                Spread::of(self.placed().map(|r| r.lateral_error * 1e3)),
                Spread::of(self.placed().filter_map(depth_error)),
            ),
            dots_per_second: if session_s > 0.0 {
                f64::from(placed) / session_s
            } else {
                0.0
            },
            session_s,
            real_time_factor: 1.0,
            faults: self
                .faults
                .iter()
                .map(|(name, count)| {
                    (
                        name.clone(),
                        FaultCount {
                            count: *count,
                            reaction_ms: None,
                        },
                    )
                })
                .collect(),
            pauses: self.pauses.clone(),
            record: None,
            invariants: None,
            remarks,
        })
    }
}

/// One strike, by the simulator.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
struct Strike {
    dot: u32,
    lateral_mm: f64,
    depth_error_mm: f64,
}

/// The true errors of some dots; waits a moment for the simulator to have written the last of them.
fn true_errors(
    path: &Path,
    dots: &BTreeSet<u32>,
    remarks: &mut Vec<String>,
) -> Result<Option<PlacementError>, StrikesError> {
    let until = Instant::now() + STRIKES_LATE;
    let strikes = loop {
        let strikes = read_strikes(path)?;
        let seen: BTreeSet<u32> = strikes.iter().map(|s| s.dot).collect();
        if dots.is_subset(&seen) {
            break strikes;
        }
        if Instant::now() > until {
            let missing = dots.difference(&seen).count();
            remarks.push(format!(
                "the simulator saw no strike of {missing} placed dots"
            ));
            break strikes;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let ours = || strikes.iter().filter(|s| dots.contains(&s.dot));
    let lateral = Spread::of(ours().map(|s| s.lateral_mm));
    let depth = Spread::of(ours().map(|s| s.depth_error_mm.abs()));
    Ok(lateral
        .zip(depth)
        .map(|(lateral, depth)| PlacementError { lateral, depth }))
}

fn read_strikes(path: &Path) -> Result<Vec<Strike>, StrikesError> {
    let text = std::fs::read(path).map_err(|source| StrikesError::Io {
        path: path.to_owned(),
        source,
    })?;
    csv::Reader::from_reader(text.as_slice())
        .deserialize()
        .enumerate()
        .map(|(i, row)| {
            row.map_err(|source| StrikesError::Table {
                path: path.to_owned(),
                row: i + 1,
                source,
            })
        })
        .collect()
}

/// A report for people.
pub fn text(report: &Report) -> String {
    let skipped: u32 = report.skipped.values().sum();
    let mut text = format!(
        "{} of {} dots placed, {skipped} skipped, {} in doubt; {:.2} dots/s in {:.1} s",
        report.placed, report.planned, report.in_doubt, report.dots_per_second, report.session_s
    );
    for (reason, count) in &report.skipped {
        let _ = write!(text, "\n  skipped {count}: {reason}");
    }
    for (fault, count) in &report.faults {
        let _ = write!(text, "\n  fault {fault}: {}", count.count);
    }
    for pause in &report.pauses {
        let _ = write!(text, "\n  break of {:.1} s: {}", pause.lasted_s, pause.why);
    }
    for (what, error) in [
        (
            "true placement error (simulated)",
            &report.placement_error_mm,
        ),
        ("as the controller measured it", &report.measured_error_mm),
    ] {
        if let Some(error) = error {
            let (l, d) = (error.lateral, error.depth);
            let _ = write!(
                text,
                "\n{what}, mm: lateral p50 {:.3} p95 {:.3} p99 {:.3} max {:.3}; depth p50 {:.3} p95 {:.3} max {:.3}",
                l.p50, l.p95, l.p99, l.max, d.p50, d.p95, d.max
            );
        }
    }
    for remark in &report.remarks {
        let _ = write!(text, "\n{remark}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::told::{PAUSE_ASKED, PAUSE_OWN};

    #[test]
    fn breaks_are_counted_with_their_length_and_reason() {
        let mut tally = Tally::new("s".to_owned(), String::new());
        let state = |state: u8, message: String| SessionState {
            session_id: "s".to_owned(),
            state,
            message,
            ..Default::default()
        };
        let begin = Instant::now();
        let after = |s: u64| begin + Duration::from_secs(s);
        let paused = state(SessionState::PAUSED as u8, format!("{PAUSE_ASKED}tea"));
        let works = state(SessionState::DWELLING as u8, String::new());
        tally.take_pause(&paused, after(1));
        tally.take_pause(&paused, after(2));
        tally.take_pause(&works, after(61));
        tally.take_pause(&works, after(70));
        let again = state(SessionState::PAUSED as u8, format!("{PAUSE_OWN}the head"));
        tally.take_pause(&again, after(80));
        tally.end_pause(after(85));
        let row = |why: &str, lasted_s| PauseRow {
            why: why.to_owned(),
            lasted_s,
        };
        assert_eq!(tally.pauses, [row("tea", 60.0), row("the head", 5.0)]);
    }

    #[test]
    fn strikes_are_found_by_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strikes.csv");
        std::fs::write(
            &path,
            "dot,zone,depth_error_mm,lateral_mm\n7,top,-0.05,0.1\n9,top,0.02,0.3\n",
        )
        .unwrap();
        let error = true_errors(&path, &BTreeSet::from([7]), &mut Vec::new())
            .unwrap()
            .unwrap();
        assert_eq!((error.lateral.max, error.depth.max), (0.1, 0.05));
        std::fs::write(&path, "dot,lateral_mm\n7,0.1\n").unwrap();
        assert!(matches!(
            read_strikes(&path),
            Err(StrikesError::Table { row: 1, .. })
        ));
        std::fs::write(&path, "dot,lateral_mm,depth_error_mm\n7,0.1,x\n").unwrap();
        assert!(matches!(
            read_strikes(&path),
            Err(StrikesError::Table { row: 1, .. })
        ));
    }

    #[test]
    fn only_what_belongs_to_the_session_counts() {
        let mut tally = Tally::new("ours".to_owned(), String::new());
        tally.take_state(SessionState {
            session_id: "theirs".to_owned(),
            finished: true,
            ..Default::default()
        });
        assert!(!tally.complete());
        tally.take_state(SessionState {
            session_id: "ours".to_owned(),
            planned: 3,
            placed: 2,
            skipped: 1,
            ..Default::default()
        });
        assert!(tally.complete());
        assert_eq!(tally.struck(), 2);
    }
}
