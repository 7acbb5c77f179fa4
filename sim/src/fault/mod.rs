//! What can go wrong around a session: what, where, from when, for how long, how much.
//!
//! A fault is injected where the controller meets the world (what its ports tell and take), in the plant, or in the process that runs the
//! controller; nothing inside the controller knows of it. [`mod@file`] reads faults from TOML, [`draw`] draws them by chance.

use stipple_controller::ports::Micros;

pub mod draw;
pub mod file;
mod name;

/// A fault with its place in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// From when on, true time since the session was set up.
    pub start: Micros,
    /// For how long; a fault that happens at a moment (a kill, a step of the clock) takes no heed of it.
    pub length: Micros,
}

impl Fault {
    /// The moment it is over.
    #[must_use]
    pub const fn end(&self) -> Micros {
        self.start.after(self.length)
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// What the controller is told.
    Signal(Signal, Distortion),
    /// The operator's heartbeat.
    Lease(LeaseFault),
    /// The arm and its action server.
    Arm(ArmFault),
    /// The needle device.
    Needle(NeedleFault),
    /// The person.
    Head(HeadFault),
    /// The skin stands so much higher than where it was scanned, metres.
    Swollen(f64),
    /// The scanner.
    Scan(ScanFault),
    /// The record's disk.
    Record(RecordFault),
    /// The process that runs the controller.
    Process(ProcessFault),
    /// The clock that the controller reads steps by so many microseconds.
    ClockStep(i64),
    /// The motions that the session asks for.
    Motions(MotionFault),
}

/// What the controller is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Joint states.
    Joints,
    /// Poses of the head.
    HeadPose,
    /// Reports of the needle device.
    NeedleState,
    /// The force in them.
    Force,
}

/// How a signal is distorted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distortion {
    /// Nothing comes.
    Off,
    /// The last value comes again and again, as if it were new.
    Stuck,
    /// Numbers that are none, or cannot be.
    Garbage(Garbage),
    /// A plausible value that is wrong by so much: metres for the head and the needle, rad for joints, N for the force.
    Wrong(f64),
    /// Only one of so many comes.
    Slow(u32),
    /// Everything comes so much later.
    Delayed(Micros),
    /// This share, 0 to 1, is lost by chance.
    Intermittent(f64),
    /// Everything comes twice.
    Duplicated,
    /// Later ones overtake earlier ones.
    Reordered,
    /// The joints' values are in another order.
    Permuted,
    /// One joint is not told of.
    Missing,
    /// The joints' speeds are told as zero.
    Speedless,
    /// Everything comes in time, and its stamp is later by so many microseconds than it was told, or earlier.
    Restamped(i64),
}

/// Numbers that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// Not a number.
    NotANumber,
    /// Infinite.
    Infinite,
    /// 1e308.
    Huge,
    /// A thousand times what it is.
    Thousandfold,
}

/// What becomes of the operator's heartbeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LeaseFault {
    /// None comes.
    Off,
    /// Each comes so much later.
    Delayed(Micros),
    /// This share, 0 to 1, is lost by chance.
    Intermittent(f64),
    /// Each comes twice.
    Duplicated,
    /// Somebody else sends heartbeats, and the operator does not.
    Stolen,
    /// Somebody else sends heartbeats too.
    Contested,
}

/// What the arm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmFault {
    /// Goals are rejected.
    Rejected,
    /// Goals are accepted, and nothing follows.
    Silent,
    /// Motions are made, but their end is never told.
    ResultLost,
    /// Cancels are not heeded.
    CancelIgnored,
    /// Cancels are confirmed, and the arm goes on.
    MovesOn,
    /// Somebody else has the arm move.
    Preempted,
    /// The action server is gone, forgets everything, and comes back under the same name.
    Restarted,
    /// The arm's controller is not active: what it followed ends, and goals are rejected.
    Deactivated,
    /// Somebody else leads the arm elsewhere, and it goes on saying that it follows what it was told.
    Diverted,
}

/// What the scanner brings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScanFault {
    /// No scan.
    Off,
    /// The scan before, once more.
    Stuck,
    /// Numbers that are none, or cannot be.
    Garbage(Garbage),
    /// All points are off by so much, metres.
    Wrong(f64),
    /// Only this share of it, 0 to 1, from one side.
    Cut(f64),
}

/// What the needle device does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NeedleFault {
    /// Once out, it does not go in.
    StuckOut,
    /// It moves at this share of its speed, 0 to 1.
    Slow(f64),
    /// It reports a fault of its own, and goes in.
    Own,
    /// It reports another cartridge than was agreed on.
    OtherCartridge,
    /// It neither hears nor tells.
    Silent,
    /// It goes farther out than it is told, by so much, metres.
    TooFar(f64),
    /// It tells, but hears nothing.
    Deaf,
}

/// What the person does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HeadFault {
    /// The head goes so far (metres) within 80 ms, and at the end comes back.
    Jerk(f64),
    /// The head goes at that speed, m/s, and at the end comes back.
    Drift(f64),
}

/// What the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFault {
    /// A write fails, and is not there.
    Full,
    /// A write cannot be confirmed, though it may be there.
    Unsynced,
    /// Writes take so much longer.
    Slow(Micros),
    /// A write is on the disk in part only when the process is killed; it is started again half a second later.
    Torn,
}

/// What becomes of the motions that the session asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MotionFault {
    /// Each comes so much later.
    Late(Micros),
    /// None comes, nor a refusal.
    Lost,
    /// Each that leads to a dot leads elsewhere.
    Astray(Astray),
}

/// Where a motion ends that does not lead to its dot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Astray {
    /// Hovering over the skin so far beside it, metres.
    Beside(f64),
    /// High over the skin so far beside it, metres.
    Over(f64),
    /// Tilted about it by so much, rad.
    Tilted(f64),
    /// So much higher, metres.
    High(f64),
}

/// What happens to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessFault {
    /// It is killed, and started again after the fault's length.
    Killed,
    /// It stands still.
    Stalled,
    /// Its ticks come late, by up to so much.
    Busy(Micros),
}

/// Which of the controller's senses cannot be trusted, though nothing in what it is told shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blind {
    /// Where the head is.
    pub head: bool,
    /// Where the joints are.
    pub joints: bool,
    /// Where the needle is.
    pub needle: bool,
}

impl Blind {
    /// Either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            head: self.head || other.head,
            joints: self.joints || other.joints,
            needle: self.needle || other.needle,
        }
    }
}

/// The time within which the controller, or the device behind it, must react, with the hazard it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// From the fault's first showing at the port to the needle commanded in and the arm's motion ended.
    pub within: Micros,
    /// The hazard.
    pub hazard: &'static str,
}

/// A pose that is wrong by more than this cannot be taken for a movement, metres. Source: the head filter's fastest believable head.
const JUMP: f64 = 30e-3;

impl Kind {
    /// What it makes the controller believe that is not so, and cannot be seen from what it is told.
    ///
    /// A value that is stuck at rest or wrong by little looks like any other, and so does one that is told late to a process that has not
    /// seen the fault begin: it knows nothing quicker.
    #[must_use]
    pub fn blinds(self, saw_begin: bool) -> Blind {
        let nothing = Blind {
            head: false,
            joints: false,
            needle: false,
        };
        match self {
            // By its stamp it is late, to whoever knew it in time.
            Self::Signal(signal, Distortion::Delayed(by)) if saw_begin && by > latest(signal) => {
                nothing
            }
            // What comes of it is in order, and no later than may be.
            Self::Signal(_, Distortion::Reordered) if saw_begin => nothing,
            Self::Signal(
                signal,
                Distortion::Stuck
                | Distortion::Wrong(_)
                | Distortion::Delayed(_)
                | Distortion::Reordered
                | Distortion::Permuted
                | Distortion::Speedless
                | Distortion::Garbage(Garbage::Huge | Garbage::Thousandfold),
            ) => match signal {
                Signal::HeadPose => Blind {
                    head: true,
                    ..nothing
                },
                Signal::Joints => Blind {
                    joints: true,
                    ..nothing
                },
                Signal::NeedleState | Signal::Force => Blind {
                    needle: true,
                    ..nothing
                },
            },
            _ => nothing,
        }
    }

    /// How fast it must be reacted to while the session works on a dot; `None` where it need not show, or no figure is set.
    #[must_use]
    pub fn figure(self) -> Option<Figure> {
        let figure = |ms, hazard| {
            Some(Figure {
                within: Micros::from_ms(ms),
                hazard,
            })
        };
        let impossible = |how| {
            matches!(
                how,
                Distortion::Garbage(Garbage::NotANumber | Garbage::Infinite)
            )
        };
        match self {
            // Stamps that go back by more than may be late are as good as silence.
            Self::Signal(signal, Distortion::Restamped(by)) if is_past(signal, by) => {
                Self::Signal(signal, Distortion::Off).figure()
            }
            Self::Signal(Signal::Joints, Distortion::Off | Distortion::Missing)
            | Self::Arm(ArmFault::Restarted) => figure(20, "H5"),
            Self::Signal(Signal::HeadPose, Distortion::Off | Distortion::Stuck) => {
                figure(100, "H4")
            }
            Self::Signal(Signal::HeadPose, Distortion::Garbage(_)) => figure(100, "H4"),
            Self::Signal(Signal::HeadPose, Distortion::Wrong(by)) if by > JUMP => figure(100, "H4"),
            Self::Signal(_, how) if impossible(how) => figure(20, "H13"),
            Self::Signal(Signal::NeedleState, Distortion::Off)
            | Self::Needle(NeedleFault::Silent) => figure(50, "H10"),
            Self::Signal(Signal::Force, Distortion::Wrong(by)) if by > 10.0 => figure(20, "H2"),
            Self::Needle(NeedleFault::TooFar(_)) => figure(20, "H2"),
            Self::Needle(NeedleFault::Own | NeedleFault::OtherCartridge) => figure(20, "H8"),
            Self::Lease(LeaseFault::Off | LeaseFault::Stolen) => figure(500, "H9"),
            Self::Head(_) => figure(30, "H3"),
            Self::Process(ProcessFault::Stalled | ProcessFault::Killed) => figure(50, "H10"),
            Self::Record(RecordFault::Full | RecordFault::Unsynced) => figure(20, "H11"),
            Self::ClockStep(_) => figure(20, "H4"),
            _ => None,
        }
    }
}

/// Whether a stamp that is off by so many microseconds makes its message later than it may be.
const fn is_past(signal: Signal, by: i64) -> bool {
    by < 0 && by.unsigned_abs() > latest(signal).0
}

/// What of a signal comes later than that, against the quickest of it, is not taken. Source: as the node, the ages of the core.
#[must_use]
pub const fn latest(signal: Signal) -> Micros {
    let limits = stipple_core::Limits::HARDWARE;
    match signal {
        Signal::Joints => limits.joints_age,
        Signal::HeadPose => limits.head_age_strike,
        Signal::NeedleState | Signal::Force => limits.needle_late(),
    }
}
