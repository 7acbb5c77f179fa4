//! What the core is told at each tick.

use crate::output::Dot;
use crate::time::Micros;

/// Names one motion of the arm; each is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HopId(pub u64);

/// All inputs of one tick. `None` means: never heard of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sensed {
    /// The joints.
    pub joints: Option<JointsSeen>,
    /// Where the arm is and how it moves, from the same joint state.
    pub motion: Option<MotionSeen>,
    /// How the last motion that was commanded is doing.
    pub arm: Option<ArmSeen>,
    /// The head.
    pub head: Option<HeadSeen>,
    /// The tip against the first target of the queue.
    pub tip: Option<TipSeen>,
    /// The needle.
    pub needle: Option<NeedleSeen>,
    /// The operator's lease.
    pub operator: Option<LeaseSeen>,
    /// The dot whose intent to strike is on the disk.
    pub intent: Option<Dot>,
    /// The first target's hop was asked for and cannot be had.
    pub hop_refused: Option<Dot>,
    /// The way off the head that was asked for.
    pub way_off: WayOff,
    /// There is a station where the arm can wait.
    pub station: bool,
    /// The arm stands too near to something for any motion to begin.
    pub stuck: bool,
    /// The head is where it is tracked: it need not be registered first.
    pub registered: bool,
    /// The record cannot be written.
    pub record_failed: bool,
    /// A plan is loaded and admitted.
    pub admitted: bool,
    /// No target will come after those in the queue.
    pub exhausted: bool,
    /// What the operator asks for in this tick.
    pub command: Option<Command>,
}

/// What the operator can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Begin, from ready.
    Start,
    /// Needle in, lift, wait.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Needle in, arm at rest; latched.
    Stop,
    /// Acknowledge a stop or a fault. Starts nothing.
    ClearFault,
}

/// The joint state in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointsSeen {
    /// When it arrived.
    pub at: Micros,
    /// The largest |joint speed|, rad/s.
    pub max_speed: f64,
}

/// The arm's place and motion against what is allowed, worked out from one joint state and the head as tracked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionSeen {
    /// The largest |joint speed| as a share of that joint's own limit.
    pub speed_share: f64,
    /// The largest |change of a joint's speed| on the motion followed, as a share of what that joint's acceleration limit allows in the time
    /// that it may have taken; 0 while none is followed.
    pub acceleration_share: f64,
    /// How far the joint that went farthest lately has gone beyond what the speeds that were told can have brought it, rad; 0 when none has.
    pub untold: f64,
    /// How far outside its position limits the joint is that is farthest outside, rad; 0 when all are inside.
    pub outside: f64,
    /// Speed of the nose tip, m/s.
    pub tip_speed: f64,
    /// The nose tip against the head; `None` while no head is tracked, or where the arm rests and nobody asks.
    pub near: Option<TipNear>,
    /// The motion followed last, and how far the joint farthest from its path (from its end, once the arm says that it has arrived) is off,
    /// rad; `None` when none is under way or made.
    pub deviation: Option<(HopId, f64)>,
}

/// The nose tip against the head as tracked now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TipNear {
    /// Above the skin, m; negative inside.
    pub height: f64,
    /// How fast it comes nearer to the skin, m/s; negative when it goes away.
    pub approach: f64,
    /// Whether it is over the approved patch, or beside it by no more than a hop along the skin crosses.
    pub over_patch: bool,
    /// Distance to the surface of the nearest keep-out volume, m, negative inside; `None` where the plan has none.
    pub keep_out: Option<f64>,
}

/// A motion and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmSeen {
    /// Which.
    pub hop: HopId,
    /// How far.
    pub status: MotionStatus,
}

/// How a motion is doing. It is judged by this alone: that the arm rests is read from its joints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MotionStatus {
    /// The arm knows nothing of it.
    Idle,
    /// Sent, not yet taken on.
    Pending,
    /// Under way.
    Active,
    /// Arrived, by the arm's own word.
    Succeeded,
    /// Ended otherwise.
    Failed(ArmFailure),
}

/// Why a motion ended short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmFailure {
    /// Not taken on.
    Rejected,
    /// Cancelled, by us or by someone else.
    Cancelled,
    /// Left the path, or missed the goal, by more than the tolerances.
    Tolerance,
    /// Replaced by another motion that was not ours.
    Preempted,
    /// The arm's controller is not there or does not answer.
    Unreachable,
}

/// The head as tracked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadSeen {
    /// When the last plausible pose arrived.
    pub at: Micros,
    /// Speed of the skin at the first target (of the head's origin without one), m/s.
    pub speed: f64,
    /// How far the skin at the first target is from where the motion followed was aimed, its hop or the way to the station, m; 0 before
    /// there is one.
    pub displacement: f64,
    /// The same for that place of the head which has gone farthest, m.
    pub far_displacement: f64,
    /// The last pose was not believed, since it is farther off than a head can go: one that was hit may be there.
    pub doubted: bool,
}

/// The needle's axis against the first target, with head and joints as they are now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TipSeen {
    /// Which dot.
    pub dot: Dot,
    /// The older of the two stamps it rests on.
    pub at: Micros,
    /// Distance from the dot to the needle's axis, m.
    pub lateral: f64,
    /// From the nose tip to the skin along the needle, m.
    pub gap: f64,
    /// Between needle and inward normal, rad.
    pub angle: f64,
    /// Whether the needle would meet the skin inside the approved patch.
    pub in_patch: bool,
}

/// The needle as its device reports it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeedleSeen {
    /// When the report arrived.
    pub at: Micros,
    /// Its state.
    pub state: NeedleState,
    /// How far the needle is out of its retracted position, m.
    pub extension: f64,
    /// Force along it, N.
    pub force: f64,
    /// Nonce of the permit of the strike under way or the last one; 0 before the first.
    pub permit: u64,
    /// The cartridge is the one that was agreed on.
    pub ours: bool,
}

/// The operator's lease: somebody is there who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseSeen {
    /// When the last heartbeat of whoever holds it arrived.
    pub at: Micros,
    /// Which lease: the same number as long as one and the same holder has kept it without a break, another one for every new hold.
    pub term: u64,
}

/// States of the needle device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedleState {
    /// In, at rest.
    Retracted,
    /// On the way out.
    Extending,
    /// Out, where it was told to be.
    Extended,
    /// On the way in.
    Retracting,
    /// Found a fault of its own.
    Fault,
}

/// The legs of the way off the head, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leg {
    /// Up along the needle: short, quick to be had, and enough to be off the head.
    Lift,
    /// From there to the station.
    Park,
}

/// A motion off the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WayOff {
    /// Not asked for, or being computed.
    #[default]
    None,
    /// Ready to be followed.
    Ready(HopId),
    /// There is no clear way.
    Refused,
}

impl MotionSeen {
    fn sound(&self) -> bool {
        let near = self.near.is_none_or(|n| {
            n.height.is_finite() && n.approach.is_finite() && n.keep_out.is_none_or(f64::is_finite)
        });
        near && magnitude(self.speed_share)
            && magnitude(self.acceleration_share)
            && magnitude(self.untold)
            && magnitude(self.outside)
            && magnitude(self.tip_speed)
            && self.deviation.is_none_or(|(_, off)| magnitude(off))
    }
}

impl Sensed {
    /// Whether every number is finite, and those that cannot be negative are not.
    #[must_use]
    pub fn sound(&self) -> bool {
        let joints = self.joints.is_none_or(|j| magnitude(j.max_speed))
            && self.motion.is_none_or(|m| m.sound());
        let head = self.head.is_none_or(|h| {
            magnitude(h.speed) && magnitude(h.displacement) && magnitude(h.far_displacement)
        });
        let tip = self
            .tip
            .is_none_or(|t| magnitude(t.lateral) && t.gap.is_finite() && magnitude(t.angle));
        let needle = self
            .needle
            .is_none_or(|n| n.extension.is_finite() && n.force.is_finite());
        joints && head && tip && needle
    }
}

fn magnitude(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}
