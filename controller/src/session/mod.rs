//! A session: the core with a plan, a queue, the head filter, motions and the record around it.
//!
//! [`Session::tick`] is all there is to drive: it reads the ports, steps the core, commands arm and needle, and hands work to the
//! [`Services`]. It has no clock and does no I/O of its own; with the same inputs it does the same. A tick takes no memory and gives none
//! back; [`Session::start`], on which an arm at rest waits, does.
//!
//! While the needle is still at one dot, the motion to the next is already computed; when the head has moved by more than
//! [`AIM_TOLERANCE`] until it is needed, it is computed anew. The intent to strike goes to the record while the arm is on its way.

mod breaks;
mod counts;
mod found;
mod motions;
mod notes;
mod path;
mod registered;
mod sense;
mod speeds;
mod stops;
#[cfg(test)]
mod tip_tests;
mod todo;
mod told;
mod view;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use stipple_core::{
    ArmCommand, Command, Core, Denied, Limits, NeedleCommand, Output, Queue, State,
};
use stipple_model::digest::Digest;
use stipple_model::frames::{Head, Point};
use stipple_model::joints::Joints;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{DotId, Plan};

use crate::admit::Admitted;
use crate::head::{HeadFilter, HeadFilterConfig};
use crate::hops::{HopRefusal, Kinematics};
use crate::ports::{Micros, Ports};
use crate::record::{DotState, RecordError};
use crate::services::Services;
use crate::skin::Skin;

pub use breaks::{Asked, Break};
pub use counts::Counts;
use counts::Done;
pub use found::Found;
pub use motions::AIM_TOLERANCE;
use motions::Motions;
use notes::Intent;
use registered::Keeping;
pub use registered::{Before, RegisterError, Registered};
use speeds::Speeds;
pub use stops::{StopWanted, begins_with, goes_on_with};
use todo::Replaced;
use told::Told;
pub use view::{DotResult, Progress, SessionView, StopBy};

/// Outcomes that may wait for the record or for whoever asks before more memory is taken. Source: own; the record answers before the next
/// strike, and a pause comes after 25 skips in a row.
const UNTOLD: usize = 256;

/// Breaks that are remembered; the record has all of them.
const BREAKS: usize = 512;

/// What a session is set up with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionConfig {
    /// The core's figures.
    pub limits: Limits,
    /// The head filter's figures.
    pub head: HeadFilterConfig,
    /// Strikes are numbered upwards from here; must be larger than any number the needle device has seen.
    pub first_nonce: u64,
    /// Whether the next motion is computed while the needle is still at the present dot.
    pub look_ahead: bool,
    /// Whether the head must be registered before the first start, and not only after tracking was lost.
    pub before: Before,
}

impl SessionConfig {
    /// The given figures with everything else as shipped; `first_nonce` as in [`SessionConfig::first_nonce`].
    #[must_use]
    pub fn new(limits: Limits, first_nonce: u64) -> Self {
        Self {
            limits,
            head: HeadFilterConfig::default(),
            first_nonce,
            look_ahead: true,
            before: Before::Trusted,
        }
    }
}

/// Which dots to work off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// The layer, from 1.
    pub layer: u8,
    /// Only the first so many of what is left.
    pub max_dots: Option<u32>,
}

/// Why a session cannot be started.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum StartError {
    /// Not in this state.
    #[error(
        "a session can be started in the state ready only, this one is {}; what has stopped or failed is cleared first",
        .0.name()
    )]
    State(State),
    /// Arm or needle do not report as they must.
    #[error("not all is ready yet: {}", .0.text())]
    NotReady(Denied),
    /// The head is far from where the plan has it.
    #[error(
        "the head is tracked {off_mm:.0} mm and {turned_deg:.0}° from where it was planned for: do tracker and plan go by the same frame? Place the head as it was planned, or plan anew"
    )]
    FarHead {
        /// So far, mm.
        off_mm: f64,
        /// Turned by so much, degrees.
        turned_deg: f64,
    },
    /// No such layer.
    #[error("the plan has layers 1 to {layers}, not {layer}")]
    NoLayer {
        /// Asked for.
        layer: u8,
        /// There are.
        layers: u8,
    },
    /// The head must be registered first.
    #[error("{}", .0.text())]
    NotRegistered(Registered),
    /// Nothing is left of the layer.
    #[error("every dot of layer {layer} is done")]
    NothingLeft {
        /// The layer.
        layer: u8,
    },
}

/// A session on an admitted plan.
pub struct Session {
    plan: Arc<Plan>,
    digest: Digest,
    kinematics: Arc<dyn Kinematics>,
    skin: Arc<Skin>,
    /// Of the box about the planned head.
    corners: [Point<Head>; 8],
    core: Core,
    queue: Queue,
    filter: HeadFilter,
    config: SessionConfig,
    selection: Option<Selection>,
    todo: VecDeque<DotId>,
    /// The plan's stops before them.
    stops: BTreeMap<DotId, StopWanted>,
    done: Done,
    progress: Progress,
    skipped: Counts,
    faults: Counts,
    motions: Motions,
    speeds: Speeds,
    told: Told,
    intent: Option<Intent>,
    next_ticket: u64,
    record_failed: Option<RecordError>,
    command: Option<Command>,
    unrecorded: Vec<DotResult>,
    results: VecDeque<DotResult>,
    /// Where the arm was seen last, when it was seen whole.
    joints: Option<Joints>,
    last_state: State,
    /// Arm and needle were at rest in the last tick.
    at_rest: bool,
    /// The fault that stands.
    found: Option<Found>,
    /// The gravest found after it.
    besides: Option<Found>,
    lacks: Option<Denied>,
    /// Who gave the last stop.
    stopped_by: StopBy,
    breaks: Vec<Break>,
    /// The last tick.
    ticked: Micros,
    /// Who asked for the pause on its way, and why.
    asked: Asked,
    /// Whether the head is where it is tracked.
    keeping: Keeping,
    /// What a start put aside that the core has not answered yet.
    replaced: Option<Replaced>,
    /// What was put aside for good; the next start gives its memory back, since a tick may not.
    spent: Option<Replaced>,
}

impl Session {
    /// A session in the state safe. `done` is what the record knows; those dots are never struck.
    #[must_use]
    pub fn new(
        admitted: &Admitted,
        kinematics: Arc<dyn Kinematics>,
        done: BTreeMap<DotId, DotState>,
        config: SessionConfig,
    ) -> Self {
        let plan = Arc::clone(admitted.plan());
        let done = Done::new(plan.dots.len(), &done);
        let mut limits = config.limits;
        // The tool's own stroke may be shorter than the limit, never longer.
        limits.stroke = limits.stroke.min(plan.cell.tool.stroke.m());
        let speeds = Speeds::new(kinematics.acceleration(), limits.joints_age);
        let told = Told::new(limits.joints_age);
        Self {
            skin: Arc::clone(admitted.skin()),
            corners: corners(&plan.head),
            plan,
            digest: admitted.digest(),
            kinematics,
            core: Core::new(limits, config.first_nonce),
            queue: Queue::new(),
            filter: HeadFilter::new(config.head),
            config,
            selection: None,
            todo: VecDeque::new(),
            stops: BTreeMap::new(),
            done,
            progress: Progress::default(),
            skipped: Counts::default(),
            faults: Counts::default(),
            motions: Motions::default(),
            speeds,
            told,
            intent: None,
            next_ticket: 0,
            record_failed: None,
            command: None,
            unrecorded: Vec::with_capacity(UNTOLD),
            results: VecDeque::with_capacity(UNTOLD),
            joints: None,
            last_state: State::Safe,
            at_rest: false,
            found: None,
            besides: None,
            lacks: None,
            stopped_by: StopBy::default(),
            breaks: Vec::with_capacity(BREAKS),
            ticked: Micros::ZERO,
            asked: Asked::default(),
            keeping: Keeping::new(config.before),
            replaced: None,
            spent: None,
        }
    }

    /// Hands an operator's command to the next tick. A stop is never displaced by another command; a start goes by
    /// [`Session::start`] and is ignored here.
    pub fn command(&mut self, command: Command) {
        if command == Command::Stop {
            self.stop_by(StopBy::Operator);
        } else if self.command != Some(Command::Stop) && command != Command::Start {
            self.command = Some(command);
        }
    }

    /// Hands a stop to the next tick.
    pub const fn stop_by(&mut self, by: StopBy) {
        self.stopped_by = by;
        self.command = Some(Command::Stop);
    }

    /// One tick: call it every 2 ms. `now` is the controller's monotonic clock, the one that the ports stamp arrivals with.
    pub fn tick(
        &mut self,
        now: Micros,
        ports: &mut Ports<'_>,
        services: &mut dyn Services,
    ) -> SessionView {
        while let Some(answer) = services.answer() {
            self.absorb(answer);
        }
        self.ticked = now;
        self.look(now, ports);
        self.refill();
        self.offer_motion(now);
        let sensed = self.sense(now, ports);
        let out = self.core.step(now, &sensed, &mut self.queue);
        self.at_rest = self.core.at_rest(now, &sensed);
        self.lacks = out.lacks;
        let started = sensed.command == Some(Command::Start) && out.reply == Some(Ok(()));
        if let Some(mut replaced) = self.replaced.take() {
            if !started {
                self.put_back(&mut replaced);
            }
            self.spent = Some(replaced);
        }
        self.act(now, &out, ports);
        self.note(now, &out, sensed.motion, services);
        self.note_registration(now, services);
        self.order_motions(now, &out, services);
        self.last_state = out.state;
        SessionView {
            state: out.state,
            found: self.found,
            besides: self.besides,
            fault: out.fault,
            message: out.message,
            layer: self.selection.map(|s| s.layer),
            dot: self
                .queue
                .front()
                .filter(|_| out.state.working())
                .map(|t| DotId(t.dot.0)),
            progress: self.progress,
            registered: self.keeping.state,
            registration: self.keeping.correction,
            finished: out.finished,
            waits: out.waits,
            lacks: out.lacks,
            stopped_by: self.stopped_by,
            stop: self.stop(),
            reply: out.reply,
        }
    }

    /// Commands arm and needle. The needle first: it is what hurts.
    fn act(&mut self, now: Micros, out: &Output, ports: &mut Ports<'_>) {
        if ports.needle.command(&out.needle).is_err()
            && matches!(out.needle, NeedleCommand::Extend(_))
        {
            // The device draws the needle back on silence, and its silence stops the core.
            tracing::warn!("the needle did not take an extension");
        }
        match out.arm {
            ArmCommand::None => {}
            ArmCommand::Cancel => {
                if let Err(error) = ports.arm.cancel() {
                    tracing::warn!(%error, "the arm did not take a cancel");
                }
            }
            ArmCommand::Follow(hop) => self.motions.follow(hop, now, ports.arm),
        }
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The digest of the plan's file.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The arm's joint names in chain order, as planned for.
    #[must_use]
    pub fn joint_names(&self) -> &[String] {
        self.kinematics.joint_names()
    }

    /// The state after the last tick.
    #[must_use]
    pub const fn state(&self) -> State {
        self.core.state()
    }

    /// Whether the arm was seen to rest, and the needle to be in, in the last tick.
    #[must_use]
    pub const fn at_rest(&self) -> bool {
        self.at_rest
    }

    /// Dots left out since the start, by reason.
    #[must_use]
    pub const fn skipped(&self) -> &Counts {
        &self.skipped
    }

    /// Faults since the session was made, by name.
    #[must_use]
    pub const fn faults(&self) -> &Counts {
        &self.faults
    }

    /// Dots of the plan that are done, whenever. Not for a tick: it is made anew in each call.
    #[must_use]
    pub fn done(&self) -> BTreeMap<DotId, DotState> {
        self.done.all()
    }

    /// What must be there when a layer is started now: what it begins with, or goes on with after dots that are done.
    #[must_use]
    pub fn begins(&self, layer: u8) -> StopWanted {
        let sequence = usize::from(layer).checked_sub(1);
        let sequence = sequence.and_then(|i| self.plan.sequence.get(i));
        let next = sequence.and_then(|s| s.iter().position(|id| self.done.get(*id).is_none()));
        match next {
            Some(place @ 1..) => {
                goes_on_with(&self.plan, layer, u32::try_from(place).unwrap_or(u32::MAX))
            }
            _ => begins_with(&self.plan, layer),
        }
    }

    /// How many dots of the plan are done.
    #[must_use]
    pub const fn done_count(&self) -> usize {
        self.done.count()
    }

    /// What the record said when it failed.
    #[must_use]
    pub fn record_failure(&self) -> Option<String> {
        self.record_failed.as_ref().map(ToString::to_string)
    }

    /// The head as the filter sees it.
    #[must_use]
    pub const fn head(&self) -> &HeadFilter {
        &self.filter
    }

    /// The next outcome that the record holds, each once.
    pub fn next_result(&mut self) -> Option<DotResult> {
        self.results.pop_front()
    }

    /// Why the last refused motion was refused.
    #[must_use]
    pub fn last_refusal(&self) -> Option<(DotId, HopRefusal)> {
        self.motions.refused.map(|r| (r.dot, r.refusal))
    }
}

/// The corners of the box about a head.
fn corners(head: &SurfaceMesh<Head>) -> [Point<Head>; 8] {
    let vertices = || head.vertices().iter().map(|v| v.raw());
    let all = |start: f64, pick: fn(f64, f64) -> f64| {
        vertices().fold([start; 3], |found, v| {
            [
                pick(found[0], v.x),
                pick(found[1], v.y),
                pick(found[2], v.z),
            ]
        })
    };
    let (low, high) = (
        all(f64::INFINITY, f64::min),
        all(f64::NEG_INFINITY, f64::max),
    );
    std::array::from_fn(|corner| {
        let side = |axis: usize| {
            if corner >> axis & 1 == 0 {
                low[axis]
            } else {
                high[axis]
            }
        };
        Point::new(side(0), side(1), side(2))
    })
}
