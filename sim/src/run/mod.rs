//! A whole session in process and in virtual time: the controller's own session against the simulated plant.
//!
//! ```no_run
//! use std::path::Path;
//! use stipple_sim::run::{Options, Simulation};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut simulation = Simulation::from_file(Path::new("head.plan"), &Options::default())?;
//! let ending = simulation.run(&mut |_| std::ops::ControlFlow::Continue(()));
//! println!("{ending:?}: {:?}", simulation.report()?.placement_error_mm);
//! # Ok(()) }
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stipple_controller::admit::{AdmitError, Admitted, admit_file};
use stipple_controller::ports::Micros;
use stipple_controller::record::{RecordCounts, RecordError};
use stipple_controller::session::{Selection, Session, SessionView, StartError};
use stipple_core::{Command, State};
use stipple_model::clearance::{CellError, WorkCell};
use stipple_model::plan::Plan;

use crate::fault::Fault;
use crate::operator::Operator;
use crate::plant::{Plant, PlantConfig, PlantError};
use crate::rig::{Rig, Setup};

mod report;
#[cfg(test)]
mod tests;

pub use crate::rig::{Latency, TICK};
pub use report::{StrikeRow, write_strikes};

/// What is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The layer, from 1.
    pub layer: u8,
    /// Only the first so many dots of what is left of it.
    pub dots: Option<u32>,
    /// The seed of everything that happens by chance.
    pub seed: u64,
    /// The hardware and the head.
    pub plant: PlantConfig,
    /// What computing and writing take, since in virtual time they would take nothing.
    pub latency: Latency,
    /// Where the record is kept; `None` is in memory.
    pub record: Option<PathBuf>,
    /// What goes wrong. With faults the simulated operator clears what the controller latches, and goes on.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layer: 1,
            dots: None,
            seed: 0,
            plant: PlantConfig::default(),
            latency: Latency::default(),
            record: None,
            faults: Vec::new(),
        }
    }
}

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan is not admitted.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// The cell.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The plant.
    #[error(transparent)]
    Plant(#[from] PlantError),
    /// The record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The session does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The session never got ready.
    #[error("the simulated session did not get ready: {0}")]
    NotReady(String),
    /// A file of the report could not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All that was asked for is done.
    Finished,
    /// A fault; see the report.
    Faulted,
    /// Paused again and again without placing a dot.
    Stuck,
    /// Not done in many times the time it should take.
    OutOfTime,
    /// Whoever watched wanted no more.
    Interrupted,
}

/// Longest time that a stop is waited for. Source: own, above the core's own.
const STOP_TIME: Micros = Micros::from_ms(10_000);

/// Time given to the head filter to settle before the start.
const WARM_UP: Micros = Micros::from_ms(500);
/// Time after which the session must be ready.
const READY_TIME: Micros = Micros::from_ms(5_000);

/// After so many scans that do not register the head nobody scans it again.
const SCANS: u32 = 10;
/// What the operator waits before resuming a session that has paused by itself.
const RESUME_AFTER: Micros = Micros::from_ms(2_000);
/// Pauses in a row, without a dot done between them, after which a run is given up.
const PAUSES: u32 = 10;
/// Time allowed a dot on average, and a run on top of that.
const TIME_PER_DOT: Micros = Micros::from_ms(30_000);
const TIME_ON_TOP: Micros = Micros::from_ms(120_000);

/// A session under way in virtual time.
pub struct Simulation {
    rig: Rig,
    began: Micros,
    pauses: Pauses,
    selection: Selection,
    /// There when faults are injected.
    operator: Option<Operator>,
    /// What the record held before.
    before: RecordCounts,
    wall: std::time::Duration,
}

/// The simulated operator's patience.
#[derive(Debug, Clone, Copy, Default)]
struct Pauses {
    since: Option<Micros>,
    in_a_row: u32,
    remaining: u32,
}

impl Simulation {
    /// Reads and admits a plan file, and gets a session on it ready and started.
    ///
    /// # Errors
    /// A plan that is not admitted, a record that cannot be used, nothing left to do.
    pub fn from_file(path: &Path, options: &Options) -> Result<Self, RunError> {
        Self::new(&admit_file(path)?, options)
    }

    /// Gets a session on an admitted plan ready and started.
    ///
    /// # Errors
    /// As [`Simulation::from_file`].
    pub fn new(admitted: &Admitted, options: &Options) -> Result<Self, RunError> {
        let cell = Arc::clone(admitted.cell());
        let mut faults = options.faults.clone();
        faults.sort_by_key(|fault| fault.start);
        let operator = (!faults.is_empty()).then(|| Operator::new(options.seed));
        let setup = Setup {
            layer: options.layer,
            seed: options.seed,
            plant: options.plant,
            latency: options.latency,
            record: options.record.clone(),
            faults,
            sabotage: None,
        };
        let selection = Selection {
            layer: options.layer,
            max_dots: options.dots,
        };
        let rig = Rig::new(admitted, cell, setup)?;
        let mut simulation = Self {
            before: rig.record()?.counts()?,
            rig,
            began: Micros::ZERO,
            pauses: Pauses::default(),
            selection,
            operator,
            wall: std::time::Duration::ZERO,
        };
        simulation.start()?;
        Ok(simulation)
    }

    fn start(&mut self) -> Result<(), RunError> {
        while self.view().state != State::Ready
            || self.now() < WARM_UP
            || !self.rig.start(self.selection)?
        {
            if self.now() > READY_TIME || self.rig.refused_scans() >= SCANS {
                return Err(RunError::NotReady(self.rig.not_started()));
            }
            self.tick();
        }
        self.began = self.now();
        if let Some(Err(denied)) = self.tick().reply {
            return Err(RunError::NotReady(denied.text().to_owned()));
        }
        self.pauses.remaining = self.view().progress.remaining();
        Ok(())
    }

    /// One tick of plant and controller, 2 ms.
    pub fn tick(&mut self) -> SessionView {
        let view = self.rig.tick();
        if self.began == Micros::ZERO {
            return view;
        }
        match &mut self.operator {
            Some(operator) => operator.tend(&mut self.rig, self.selection),
            None => self.resume_in_time(),
        }
        view
    }

    /// The simulated operator resumes a session that has paused by itself.
    fn resume_in_time(&mut self) {
        let view = *self.view();
        if view.state != State::Paused || view.finished {
            self.pauses.since = None;
            return;
        }
        let now = self.now();
        let since = *self.pauses.since.get_or_insert(now);
        let stop = view.planned_stop();
        let takes = stop.map_or(RESUME_AFTER, |stop| stop.expected);
        if !now.passed(since, takes) {
            return;
        }
        let remaining = view.progress.remaining();
        self.pauses.in_a_row = if remaining < self.pauses.remaining || stop.is_some() {
            1
        } else {
            self.pauses.in_a_row + 1
        };
        self.pauses = Pauses {
            since: None,
            remaining,
            ..self.pauses
        };
        self.rig.command(Command::Resume);
    }

    /// Whether the run is over, and how; `None` while it goes on.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        let view = self.view();
        let allowed = TIME_ON_TOP.after(Micros(
            TIME_PER_DOT
                .0
                .saturating_mul(u64::from(view.progress.planned)),
        ));
        let finished = match &self.operator {
            // What a killed process has left undone is done by the next.
            Some(operator) => operator.is_done(),
            None => view.finished,
        };
        match view.state {
            _ if finished => Some(Ending::Finished),
            State::Faulted | State::Stopped if self.operator.is_none() => Some(Ending::Faulted),
            _ if self.pauses.in_a_row > PAUSES => Some(Ending::Stuck),
            _ if self.now().passed(self.began, allowed) => Some(Ending::OutOfTime),
            _ => None,
        }
    }

    /// Runs to the end, or until `watch` says no; it is called every simulated second.
    pub fn run(
        &mut self,
        watch: &mut dyn FnMut(&SessionView) -> std::ops::ControlFlow<()>,
    ) -> Ending {
        let clock = std::time::Instant::now();
        let ending = loop {
            if let Some(ending) = self.ending() {
                break ending;
            }
            self.tick();
            if self.now().0.is_multiple_of(1_000_000) && watch(self.view()).is_break() {
                self.stop();
                break Ending::Interrupted;
            }
        };
        // A strike that a fault cut short ends once the needle is in.
        for _ in 0..100 {
            self.tick();
        }
        self.wall += clock.elapsed();
        ending
    }

    /// Stops the session in order: needle in, arm at rest, what was under way accounted for.
    fn stop(&mut self) {
        self.command(Command::Stop);
        let until = self.now().after(STOP_TIME);
        while self.view().state != State::Stopped && !self.now().passed(until, Micros::ZERO) {
            self.rig.tick();
        }
    }

    /// Hands a command to the session.
    pub fn command(&mut self, command: Command) {
        self.rig.command(command);
    }

    /// The hardware and the head.
    #[must_use]
    pub const fn plant(&self) -> &Plant {
        &self.rig.plant
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Micros {
        self.rig.now()
    }

    /// Virtual time since the session was started, seconds.
    #[must_use]
    pub fn elapsed_s(&self) -> f64 {
        self.now().since(self.began).map_or(0.0, Micros::s)
    }

    /// Where the session stands.
    #[must_use]
    pub const fn view(&self) -> &SessionView {
        self.rig.view()
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        self.rig.session()
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        self.rig.plan()
    }

    /// Arm, tool and surroundings.
    #[must_use]
    pub const fn cell(&self) -> &Arc<WorkCell> {
        self.rig.cell()
    }
}
