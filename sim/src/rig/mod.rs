//! The production session between simulated hardware and simulated faults, in virtual time.
//!
//! ```text
//!  plant ──► wires (signals distorted, held up, lost) ──► session ──► lines (arm's server, needle) ──► plant
//!    │                    │                              ▲    │              │
//!    └── truth ───────────┴── what was delivered ──► watch    └── desk (motions, record) ── commanded ──► watch
//! ```
//!
//! There are two times: the true one in which everything moves, and what the controller's clock shows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use stipple_controller::admit::Admitted;
use stipple_controller::hops::CellPlanner;
use stipple_controller::ports::{JointState, Micros, NeedleReport, Ports};
use stipple_controller::record::{Record, RecordError};
use stipple_controller::registration::{Registrar, RegistrationError};
use stipple_controller::session::{Progress, Selection, Session, SessionView, StartError, StopBy};
use stipple_core::{Command, Message};
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::joints::Joints;
use stipple_model::plan::Plan;

use crate::fault::{Fault, Signal, latest};
use crate::plant::{DeviceCommand, Plant, PlantConfig, home};
use crate::run::RunError;

mod active;
mod astray;
mod beat;
mod carry;
mod desk;
mod excuse;
mod guards;
mod line;
mod reaction;
mod registering;
mod restart;
mod sabotage;
mod still;
mod truth;
mod watch;
mod wire;

pub use desk::Latency;
pub use reaction::FaultName;
pub use sabotage::Sabotage;
pub use watch::{Failure, Invariant};

use beat::Beat;
use desk::Desk;
use line::{ArmAt, ArmLine, HeadAt, NeedleAt, NeedleLine};
use reaction::{Reacted, Reactions};
use registering::Scanned;
use watch::{Seen, Watch};
use wire::Wire;

/// The controller's tick.
pub const TICK: Micros = Micros(2_000);

/// What is put together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    pub layer: u8,
    pub seed: u64,
    pub plant: PlantConfig,
    pub latency: Latency,
    /// `None` is in memory.
    pub record: Option<PathBuf>,
    /// In the order they begin.
    pub faults: Vec<Fault>,
    pub sabotage: Option<Sabotage>,
}

/// Sensors' ways to the ports.
struct Wires {
    joints: Wire<JointState>,
    head: Wire<Transform<Base, Head>>,
    needle: Wire<NeedleReport>,
    beat: Beat,
}

/// When the controller's process does nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Process {
    /// Until then it is down or stands still.
    idle_until: Option<Micros>,
    /// When it began, true time.
    began: Micros,
    /// The clock it reads, against the true one, µs.
    clock_off: i64,
}

/// Session, plant, and all between them.
pub(crate) struct Rig {
    admitted: Admitted,
    cell: Arc<WorkCell>,
    planner: CellPlanner,
    setup: Setup,
    /// Where the arm waited before the session.
    home: Joints,
    /// The hardware and the head.
    pub plant: Plant,
    wires: Wires,
    arm_line: ArmLine,
    needle_line: NeedleLine,
    session: Session,
    /// `None` only while it is exchanged.
    desk: Option<Desk>,
    now: Micros,
    process: Process,
    /// The next fault, and those that last.
    next_fault: usize,
    active: Vec<usize>,
    /// What faults of the head did, to be undone.
    moved: Vec<active::Moved>,
    /// When the head was last put back.
    put_back_at: Option<Micros>,
    /// Made when it is first needed.
    registrar: Option<Registrar>,
    /// Why the last scan did not register the head, and how many have not.
    unregistered: Option<RegistrationError>,
    refused_scans: u32,
    /// A scan of the head that waits for the next pose of it.
    scanned: Option<Scanned>,
    /// The points of the last scan, for a scanner that brings them once more.
    last_scan: Vec<Point<Base>>,
    /// The head was registered while a fault told where it is.
    misregistered: bool,
    rng: ChaCha8Rng,
    watch: Watch,
    reactions: Reactions,
    injected: BTreeMap<FaultName, u32>,
    core_faults: BTreeMap<&'static str, u32>,
    view: SessionView,
}

fn view_of(session: &Session) -> SessionView {
    SessionView {
        state: session.state(),
        fault: None,
        found: None,
        besides: None,
        message: Message::NoPlan,
        layer: None,
        dot: None,
        progress: Progress::default(),
        registered: session.registered(),
        registration: session.registration().copied(),
        finished: false,
        waits: None,
        lacks: None,
        stopped_by: StopBy::Operator,
        stop: None,
        reply: None,
    }
}

impl Rig {
    /// Everything at rest at time zero, the session safe.
    pub fn new(admitted: &Admitted, cell: Arc<WorkCell>, setup: Setup) -> Result<Self, RunError> {
        let plan = admitted.plan();
        let start = home(plan, &cell, setup.layer)?;
        let mut plant = Plant::new(plan, cell.arm(), start, &setup.plant, setup.seed)?;
        let planner = CellPlanner::new(Arc::clone(plan), Arc::clone(&cell));
        let record = restart::open(admitted, setup.record.as_deref(), 0)?;
        plant.remember_struck(record.placed()?.iter().map(|p| p.dot));
        let session = restart::session(admitted, &planner, record.dots()?, &setup, Micros::ZERO);
        let mut rng = ChaCha8Rng::seed_from_u64(setup.seed);
        rng.set_stream(5);
        Ok(Self {
            admitted: admitted.clone(),
            desk: Some(Desk::new(
                planner.clone(),
                record,
                setup.latency,
                setup.sabotage,
                setup.record.clone(),
            )),
            cell,
            planner,
            plant,
            wires: Wires {
                joints: Wire::in_time(TICK, latest(Signal::Joints)),
                head: Wire::in_time(setup.plant.tracker.period, latest(Signal::HeadPose)),
                needle: Wire::in_time(TICK, latest(Signal::NeedleState)),
                beat: Beat::new(),
            },
            setup,
            home: start,
            arm_line: ArmLine::default(),
            needle_line: NeedleLine::default(),
            view: view_of(&session),
            session,
            now: Micros::ZERO,
            process: Process::default(),
            next_fault: 0,
            active: Vec::new(),
            moved: Vec::new(),
            put_back_at: None,
            registrar: None,
            unregistered: None,
            refused_scans: 0,
            scanned: None,
            last_scan: Vec::new(),
            misregistered: false,
            rng,
            watch: Watch::default(),
            reactions: Reactions::default(),
            injected: BTreeMap::new(),
            core_faults: BTreeMap::new(),
        })
    }

    /// What the controller's clock shows now.
    fn stamp(&self) -> Micros {
        Micros(self.now.0.saturating_add_signed(self.process.clock_off))
    }

    /// One tick of the plant, 2 ms of true time, and of the session, if it has one.
    pub fn tick(&mut self) -> SessionView {
        self.now = self.now.after(TICK);
        self.begin_faults();
        self.plant.step(self.now);
        self.carry();
        self.register();
        let ticked = self
            .process
            .idle_until
            .is_none_or(|until| self.now >= until);
        self.needle_line.commanded = None;
        if ticked {
            self.process.idle_until = None;
            self.tick_session();
        }
        self.look(ticked);
        self.end_faults();
        self.view
    }

    fn tick_session(&mut self) {
        let stamp = self.stamp();
        let Some(desk) = &mut self.desk else {
            return;
        };
        desk.set_now(self.now);
        let pose = self.wires.head.delivered();
        let pose = if self.setup.sabotage == Some(Sabotage::StampRenewed) {
            line::renewed(pose, stamp)
        } else {
            pose
        };
        let mut ports = Ports {
            arm: &mut ArmAt {
                line: &mut self.arm_line,
                arm: &mut self.plant.arm,
                joints: self.wires.joints.delivered(),
            },
            needle: &mut NeedleAt {
                line: &mut self.needle_line,
                needle: &mut self.plant.needle,
                report: self.wires.needle.delivered(),
                sabotage: self.setup.sabotage,
            },
            head: &mut HeadAt(pose),
            operator: &mut self.wires.beat,
        };
        self.view = self.session.tick(stamp, &mut ports, desk);
        // What is asked of `dots` is read from the session; the queue of results is for those who publish them.
        while self.session.next_result().is_some() {}
    }

    /// What the checks see of this tick.
    fn look(&mut self, ticked: bool) {
        let excuses = self.excuses();
        let Some(desk) = &self.desk else {
            return;
        };
        let (wires, needle) = (&self.wires, self.needle_line.commanded);
        self.watch.look(&Seen {
            now: self.now,
            ticked,
            view: &self.view,
            plan: self.admitted.plan(),
            plant: &self.plant,
            desk,
            followed: self.arm_line.followed.as_ref().filter(|_| ticked),
            cancelled: ticked && self.arm_line.cancelled,
            needle,
            joints: wires.joints.delivered(),
            joints_at: wires.joints.news_at(),
            head: wires.head.delivered(),
            head_at: wires.head.news_at(),
            report: wires.needle.delivered(),
            report_at: wires.needle.news_at(),
            lease_at: wires.beat.heard_at(),
            excuses,
            field: self.cell.field(),
            diverted: self.arm_line.diverted(),
        });
        self.show_what_is_seen(ticked);
        if !ticked {
            self.reactions.wait(TICK);
        }
        let device = &self.plant.needle;
        let needle_is_out = device.goes_out() || (device.is_out() && !excuses.needle);
        let reacted = Reacted {
            stopped: ticked && !self.view.state.working(),
            faulted: ticked && self.view.fault.is_some(),
            retracted: ticked && !matches!(needle, Some(DeviceCommand::Extend { .. })),
            // A needle that is jammed or slow can be told no more than to go in.
            drawn_in: !needle_is_out,
        };
        for late in self.reactions.look(self.now, reacted) {
            let (now, figure) = (self.now, late.figure);
            self.watch.check(Invariant::Reaction, false, now, || {
                format!(
                    "{} is not reacted to within {:.0} ms ({})",
                    late.kind,
                    figure.within.s() * 1e3,
                    figure.hazard
                )
            });
        }
    }

    /// Hands an operator's command to the session. As at the controller's desk, what makes the arm move is for the lease's holder alone.
    pub fn command(&mut self, command: Command) {
        if command == Command::Resume {
            if self.wires.beat.allows(self.stamp()).is_err() {
                return;
            }
            if self.session.registered().wanted() {
                self.scan();
                return;
            }
            self.watch.allow();
        }
        self.session.command(command);
    }

    /// A person moves the arm off the head by its own means.
    pub fn free_arm(&mut self) {
        self.plant.arm.put(self.home);
    }

    /// Starts the session on a selection.
    /// Returns whether the session was asked at all: it is not for who does not hold the lease, and a head that must be registered is
    /// registered first.
    pub fn start(&mut self, selection: Selection) -> Result<bool, StartError> {
        if self.wires.beat.allows(self.stamp()).is_err() {
            return Ok(false);
        }
        if self.session.registered().wanted() {
            self.scan();
            return Ok(false);
        }
        self.session.start(selection)?;
        self.watch.allow();
        Ok(true)
    }

    /// How many scans have not registered the head.
    pub const fn refused_scans(&self) -> u32 {
        self.refused_scans
    }

    /// Why [`Rig::start`] goes on saying no.
    pub fn not_started(&self) -> String {
        let registered = self.session.registered();
        match &self.unregistered {
            Some(refused) if registered.wanted() => refused.to_string(),
            _ if registered.wanted() => registered.text().to_owned(),
            _ => self.view.message.text().to_owned(),
        }
    }

    /// Whether the controller's process runs.
    pub fn is_up(&self) -> bool {
        self.process.idle_until.is_none()
    }

    /// Whether all faults are over.
    pub fn is_calm(&self) -> bool {
        self.active.is_empty() && self.next_fault >= self.setup.faults.len()
    }

    /// The virtual time.
    pub const fn now(&self) -> Micros {
        self.now
    }

    /// Where the session stands.
    pub const fn view(&self) -> &SessionView {
        &self.view
    }

    /// The session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The plan.
    pub const fn plan(&self) -> &Arc<Plan> {
        self.admitted.plan()
    }

    /// Arm, tool and surroundings.
    pub const fn cell(&self) -> &Arc<WorkCell> {
        &self.cell
    }

    /// The record.
    pub fn record(&self) -> Result<&Record, RecordError> {
        self.desk
            .as_ref()
            .map(Desk::record)
            .ok_or(RecordError::Failed)
    }

    /// All faults of the session.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.setup.faults
    }

    /// How many faults of each kind were injected.
    pub const fn injected(&self) -> &BTreeMap<FaultName, u32> {
        &self.injected
    }

    /// Reaction times by fault, ms.
    pub const fn reactions(&self) -> &BTreeMap<FaultName, Vec<f64>> {
        self.reactions.times()
    }

    /// Faults that the core reported, by name, over all processes.
    pub fn core_faults(&self) -> BTreeMap<&'static str, u32> {
        let mut all = self.core_faults.clone();
        for (name, count) in self.session.faults().iter() {
            *all.entry(name).or_default() += count;
        }
        all
    }

    /// Checks made, checks that did not hold, the first of those, and strikes made blind.
    pub fn checked(&self) -> (u64, u64, &[Failure], u64) {
        let plant = self.plant.invariants().checks;
        let watch = &self.watch;
        (
            watch.checks + plant,
            watch.breaks,
            &watch.failures,
            watch.blind_strikes,
        )
    }

    /// Checks something more.
    pub fn require(&mut self, invariant: Invariant, holds: bool, what: impl Fn() -> String) {
        let now = self.now;
        self.watch.check(invariant, holds, now, what);
    }
}
