//! What the core says at each tick.

use crate::fault::Fault;
use crate::permit::{NeedlePermit, Refusal};
use crate::sensed::{HopId, Leg};
use crate::state::State;

/// A dot, by its number in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot(pub u32);

/// Everything that leaves the core in one tick.
#[derive(Debug, PartialEq)]
pub struct Output {
    /// For the arm.
    pub arm: ArmCommand,
    /// For the needle.
    pub needle: NeedleCommand,
    /// The motion to this dot is wanted, from where the arm now rests.
    pub need_hop: Option<Dot>,
    /// The intent to strike this dot must get onto the disk.
    pub need_intent: Option<Dot>,
    /// This leg of the way off the head is wanted, from where the arm now rests.
    pub need_off: Option<Leg>,
    /// What became of a dot; said once per dot.
    pub outcome: Option<(Dot, Outcome)>,
    /// The answer to this tick's command.
    pub reply: Option<Result<(), Denied>>,
    /// The state after this tick.
    pub state: State,
    /// The latched fault: the first, so the cause.
    pub fault: Option<Fault>,
    /// The gravest that was found after it; cleared with it.
    pub besides: Option<Fault>,
    /// Why things stand as they stand.
    pub message: Message,
    /// Everything that was queued is done and the arm is off the head.
    pub finished: bool,
    /// Where the arm waits, from the end of a pause or of the work until it is told to move again.
    pub waits: Option<Waits>,
    /// While nothing is under way: what arm and needle do not report as they must before a start.
    pub lacks: Option<Denied>,
}

/// Where the arm waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Waits {
    /// Where it stood: there was no clear way up, or the arm did not make it.
    OverHead,
    /// Off the head: there is no station, or no clear way led there from here, or not while the head held still.
    Lifted,
    /// At the station.
    Parked,
}

impl Waits {
    /// For the operator, to go on a sentence with.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::OverHead => {
                "the arm is still over the head, it found no way up: move it off by its pendant or by hand"
            }
            Self::Lifted => "the arm is off the head",
            Self::Parked => "the arm is at its station",
        }
    }
}

/// For the arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmCommand {
    /// Nothing new.
    None,
    /// Follow this motion. Said once.
    Follow(HopId),
    /// Come to rest where you are.
    Cancel,
}

/// For the needle, at every tick.
#[derive(Debug, PartialEq)]
pub enum NeedleCommand {
    /// In.
    Retract,
    /// Out, for this one tick.
    Extend(Stroke),
}

/// An extension that a permit paid for. It can be read, but neither made nor copied outside of the core.
///
/// ```compile_fail
/// use stipple_core::{Dot, NeedleCommand, Stroke};
/// let forged = NeedleCommand::Extend(Stroke { nonce: 1, dot: Dot(0), extension: 1e-3, depth: 1e-3, speed: 0.1 });
/// ```
///
/// ```compile_fail
/// use stipple_core::Stroke;
/// fn twice(stroke: Stroke) -> (Stroke, Stroke) {
///     (stroke, stroke)
/// }
/// ```
#[derive(Debug, PartialEq)]
pub struct Stroke {
    nonce: u64,
    dot: Dot,
    extension: f64,
    depth: f64,
    speed: f64,
}

impl Stroke {
    /// The nonce of the strike; every strike has its own, larger than all before.
    #[must_use]
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The dot to strike.
    #[must_use]
    pub const fn dot(&self) -> Dot {
        self.dot
    }

    /// How far the needle's point goes from its retracted position at most, m.
    #[must_use]
    pub const fn extension(&self) -> f64 {
        self.extension
    }

    /// How far it goes beyond where it is felt to meet the skin at most, m.
    #[must_use]
    pub const fn depth(&self) -> f64 {
        self.depth
    }

    /// How fast, m/s.
    #[must_use]
    pub const fn speed(&self) -> f64 {
        self.speed
    }
}

impl NeedleCommand {
    /// The only way to an extension: it takes the permit, and the permit is gone.
    pub(crate) fn extend(permit: NeedlePermit<'_>) -> Self {
        let (nonce, dot, extension, depth, speed) = permit.spend();
        Self::Extend(Stroke {
            nonce,
            dot,
            extension,
            depth,
            speed,
        })
    }
}

/// What became of a dot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Struck.
    Placed {
        /// How deep the needle's point went below the skin, m.
        depth: f64,
        /// Distance from the dot to the needle's axis when it met the skin, m.
        lateral: f64,
    },
    /// Not struck.
    Skipped(Skip),
    /// An extension was commanded, but that it met the skin was not confirmed. Counts as done.
    InDoubt(Doubt),
}

/// What ended a strike whose needle was not seen to meet the skin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// A guard no longer held, and the needle was drawn back.
    Guard(Refusal),
    /// The needle did not report its whole extension in time.
    Slow,
    /// The needle went out and came back as it should, but what it reported did not reach the skin.
    Short,
    /// No force showed that it met the skin, as it has in strikes before.
    Unfelt,
    /// The operator's pause.
    Pause,
    /// The operator's stop.
    Stop,
    /// A fault.
    Fault(Fault),
}

impl Doubt {
    /// Its key in records: a guard's has `guard_` before it, a fault's is the fault's name.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Guard(refusal) => match refusal {
                Refusal::Joints => "guard_joints_stale",
                Refusal::ArmMoving => "guard_arm_moving",
                Refusal::Head => "guard_head_stale",
                Refusal::HeadMoving => "guard_head_moving",
                Refusal::Tip => "guard_tip_unknown",
                Refusal::Lateral => "guard_lateral",
                Refusal::Gap => "guard_gap",
                Refusal::Angle => "guard_angle",
                Refusal::OffPatch => "guard_off_patch",
                Refusal::Depth => "guard_depth",
                Refusal::Intent => "guard_intent",
                Refusal::Needle => "guard_needle",
                Refusal::Contact => "guard_contact",
            },
            Self::Slow => "needle_slow",
            Self::Short => "short_of_skin",
            Self::Unfelt => "unfelt",
            Self::Pause => "pause",
            Self::Stop => "stop",
            Self::Fault(fault) => fault.row().name,
        }
    }
}

/// Why a dot was not struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// No motion to it can be had; whoever refused it knows the reason.
    HopRefused,
    /// The tip did not come near enough, attempt after attempt.
    OffTarget,
    /// The gap to the skin stayed out of range.
    Gap,
    /// The needle would lean too much from the normal.
    Angle,
    /// The needle would leave the patch.
    OffPatch,
    /// The depth asked for is not allowed.
    Depth,
    /// The head or the arm did not come to rest, attempt after attempt.
    Restless,
}

impl Skip {
    /// Its key in reports.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::HopRefused => "hop_refused",
            Self::OffTarget => "off_target",
            Self::Gap => "gap",
            Self::Angle => "angle",
            Self::OffPatch => "off_patch",
            Self::Depth => "depth",
            Self::Restless => "restless",
        }
    }
}

impl From<Refusal> for Skip {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Lateral => Self::OffTarget,
            Refusal::Gap => Self::Gap,
            Refusal::Angle => Self::Angle,
            Refusal::OffPatch => Self::OffPatch,
            Refusal::Depth => Self::Depth,
            _ => Self::Restless,
        }
    }
}

/// Why a command was not obeyed. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denied {
    /// Not in this state.
    State,
    /// No plan is loaded and admitted.
    NotAdmitted,
    /// There is no fresh joint state.
    Joints,
    /// The arm does not rest.
    ArmMoving,
    /// There is no fresh head pose.
    Head,
    /// The head must be registered first, as after every loss of tracking.
    Registration,
    /// There is no fresh needle state, or the needle is not in.
    Needle,
    /// The needle device reports a needle farther in than in.
    Unhomed,
    /// The needle device reports another cartridge than was agreed on, or none.
    Cartridge,
    /// No operator's lease is held.
    Lease,
    /// What failed does not come back; the plan must be loaded again.
    Reload,
}

impl Denied {
    /// One sentence for the operator.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::State => "not possible in this state",
            Self::NotAdmitted => "no plan is loaded and admitted",
            Self::Joints => "no fresh joint state with position and velocity of every joint",
            Self::ArmMoving => "the arm does not rest",
            Self::Head => "no fresh head pose",
            Self::Registration => "the head must be registered first",
            Self::Needle => "the needle does not report that it is in",
            Self::Unhomed => {
                "the needle reports that it is farther in than it can be: have its stage find its home"
            }
            Self::Cartridge => Fault::OtherCartridge.row().text,
            Self::Lease => "no operator's lease is held: the operator's heartbeat does not arrive",
            Self::Reload => "what failed does not come back; load the plan again",
        }
    }
}

/// Why things stand as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// Waiting for a plan.
    NoPlan,
    /// Waiting for arm and needle to report and rest.
    NotHealthy,
    /// The operator may start.
    MayStart,
    /// All goes its way.
    Working,
    /// Waiting for a motion to be computed.
    AwaitingHop,
    /// Waiting for the head to calm down.
    AwaitingCalm,
    /// The head moved during the stroke; the needle was drawn back.
    HeadMoved,
    /// The operator asked for a pause.
    PauseAsked,
    /// Paused because the plan has a stop here.
    PlannedStop,
    /// Waiting until skin that was struck just now has rested.
    SkinRests,
    /// Paused because too many dots were skipped one after another.
    TooManySkips,
    /// Paused because strike after strike the needle did not go where it was told, or met nothing where the skin should be.
    NeedleDoesNotFollow,
    /// Paused because the head did not calm down.
    HeadRestless,
    /// Paused because the arm stands too near to something for any motion to begin.
    Stuck,
    /// The operator asked for a stop.
    StopAsked,
    /// A fault stopped the session.
    Fault,
    /// All that was started is done.
    Finished,
}

impl Message {
    /// One sentence for the operator.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoPlan => "no plan is loaded",
            Self::NotHealthy => "waiting for arm and needle to report and to be at rest",
            Self::MayStart => "ready to start",
            Self::Working => "working",
            Self::AwaitingHop => "computing the next motion",
            Self::AwaitingCalm => "waiting for the head to hold still",
            Self::HeadMoved => "the head moved, the needle was drawn back",
            Self::PauseAsked => "paused by the operator",
            Self::PlannedStop => "planned stop",
            Self::SkinRests => "waiting until the skin near the next dot has rested",
            Self::TooManySkips => "paused: too many dots skipped one after another",
            Self::NeedleDoesNotFollow => {
                "paused: the needle does not do what it is told, or does not meet the skin where it should, and the last dots are in doubt; have needle, load cell and registration checked before going on"
            }
            Self::HeadRestless => "paused: the head does not hold still",
            Self::Stuck => {
                "paused: the arm stands too near to something to go on; move it away by its pendant or by hand"
            }
            Self::StopAsked => "stopped by the operator; clear, then start",
            Self::Fault => "a fault stopped the session",
            Self::Finished => "all that was started is done",
        }
    }
}
