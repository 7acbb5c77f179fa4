//! What can go wrong, what the core does about it, and what clears it: one table.

/// A fault. The state it leads to is [`crate::State::Faulted`], latched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The clock went backwards.
    ClockBackwards,
    /// Too long from tick to tick.
    TickGap,
    /// A number that is not finite, or negative where it cannot be.
    BadNumber,
    /// No joint state for too long.
    JointsStale,
    /// No plausible head pose for too long.
    HeadLost,
    /// No word from the needle for too long.
    NeedleSilent,
    /// No heartbeat of the operator for too long, or somebody else's.
    LeaseLost,
    /// The needle device reports a fault.
    NeedleFault,
    /// The needle device reports another cartridge than was agreed on, or none.
    OtherCartridge,
    /// The needle is out without a permit.
    NeedleOut,
    /// The needle did not come in.
    NeedleStuck,
    /// The needle is farther out than it was told to be.
    NeedleTooFar,
    /// Too much force along the needle.
    ForceHigh,
    /// The arm moves while the needle is out.
    ArmMovedNeedleOut,
    /// A joint is faster than it may be.
    JointTooFast,
    /// A joint speeds up or slows down by more than it may.
    AccelerationHigh,
    /// The joints move otherwise than their driver tells.
    SpeedsUntrue,
    /// A joint is outside its limits.
    JointOutside,
    /// The tip is faster than it may be where it is.
    TipTooFast,
    /// The tip is too near to the skin while the arm is under way.
    TipTooNear,
    /// The tip is low over skin outside the patch.
    TipOffPatch,
    /// The tip is too near to a keep-out volume.
    KeepOutNear,
    /// The arm is not on the path it follows.
    OffPath,
    /// The arm did not take a motion on.
    ArmSilent,
    /// A motion failed again and again.
    ArmFailed,
    /// A motion did not end.
    ArmTimeout,
    /// A hop or a lift was not computed in time.
    HopLate,
    /// An intent was not on the disk in time.
    IntentLate,
    /// The record cannot be written.
    RecordFailed,
    /// A pause could not be completed.
    PauseUnconfirmed,
    /// A stop could not be confirmed.
    StopUnconfirmed,
}

impl Fault {
    /// How much it matters to be told after another one: most, that needle or arm are not where they should be; then what does not come back.
    pub(crate) const fn weight(self) -> u8 {
        match (self, self.row().clears) {
            (Self::NeedleStuck | Self::StopUnconfirmed, _) => 3,
            (_, Clears::Reload) => 2,
            (_, Clears::OperatorOnceHealthy) => 1,
        }
    }
}

/// What the core does on a fault. The needle is told to retract in every case, before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Retract; whatever the arm does, it was not commanded, or it rests already.
    RetractHold,
    /// Retract and cancel the arm's motion, again until the arm rests.
    RetractCancel,
    /// The same, and once the needle reports that it is in and the arm rests the arm lifts off the head before it holds: neither of them has
    /// failed to do that. Whatever goes wrong on that way ends it.
    RetractLift,
}

/// What makes the fault go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clears {
    /// The operator's clear-fault, once joints and needle report and both are at rest.
    OperatorOnceHealthy,
    /// Only loading the plan again: what failed is not something that comes back.
    Reload,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRow {
    /// The fault.
    pub fault: Fault,
    /// Its name in messages and reports.
    pub name: &'static str,
    /// What is done.
    pub reaction: Reaction,
    /// What clears it.
    pub clears: Clears,
    /// The hazard it answers.
    pub hazard: &'static str,
    /// What the operator should know, in one sentence.
    pub text: &'static str,
}

macro_rules! table {
    ($($fault:ident $name:literal $reaction:ident $clears:ident $hazard:literal $text:literal;)+) => {
        /// Every fault with its reaction.
        pub const FAULT_TABLE: &[FaultRow] = &[$(Fault::$fault.row()),+];

        impl Fault {
            /// Its row of [`FAULT_TABLE`].
            #[must_use]
            pub const fn row(self) -> FaultRow {
                match self {
                    $(Self::$fault => FaultRow {
                        fault: self,
                        name: $name,
                        reaction: Reaction::$reaction,
                        clears: Clears::$clears,
                        hazard: $hazard,
                        text: $text,
                    },)+
                }
            }
        }
    };
}

table! {
    ClockBackwards "clock_backwards" RetractCancel Reload "H4" "the monotonic clock went backwards";
    TickGap "tick_gap" RetractCancel OperatorOnceHealthy "H10" "the control loop missed more than two cycles";
    BadNumber "bad_number" RetractCancel OperatorOnceHealthy "H13" "an input holds a number that is not finite or cannot be";
    JointsStale "joints_stale" RetractCancel OperatorOnceHealthy "H5" "no joint state in time";
    HeadLost "head_lost" RetractLift OperatorOnceHealthy "H4" "no plausible head pose in time";
    NeedleSilent "needle_silent" RetractCancel OperatorOnceHealthy "H9" "no needle state in time";
    LeaseLost "lease_lost" RetractCancel OperatorOnceHealthy "H9" "the operator's lease was lost: their heartbeat did not arrive in time, or changed hands";
    NeedleFault "needle_fault" RetractCancel OperatorOnceHealthy "H8" "the needle device reports a fault";
    OtherCartridge "other_cartridge" RetractCancel OperatorOnceHealthy "H8" "the needle device reports another cartridge than the sitting's, or none, or one that was used elsewhere or too often: fit the sitting's, or begin a sitting with a new one";
    NeedleOut "needle_out" RetractCancel OperatorOnceHealthy "H1" "the needle is out though it was not told to be";
    NeedleStuck "needle_stuck" RetractCancel OperatorOnceHealthy "H10" "the needle does not report that it is in: do not move the arm, free it by hand";
    NeedleTooFar "needle_too_far" RetractLift OperatorOnceHealthy "H2" "the needle is farther out than it was told to be: have its stage checked before going on";
    ForceHigh "force_high" RetractLift OperatorOnceHealthy "H2" "the force along the needle is too high";
    ArmMovedNeedleOut "arm_moved_needle_out" RetractCancel OperatorOnceHealthy "H12" "the arm moved while the needle was out";
    JointTooFast "joint_too_fast" RetractCancel OperatorOnceHealthy "H12" "a joint was faster than its limit";
    AccelerationHigh "acceleration_high" RetractCancel OperatorOnceHealthy "H12" "a joint sped up or slowed down by more than its limit";
    SpeedsUntrue "speeds_untrue" RetractCancel OperatorOnceHealthy "H12" "the joints move faster than the joint states say: have the arm's driver tell its speeds";
    JointOutside "joint_outside" RetractCancel OperatorOnceHealthy "H12" "a joint is outside its limits: move the arm back by its pendant or by hand, not over ROS 2, where every goal is cancelled until this is cleared";
    TipTooFast "tip_too_fast" RetractCancel OperatorOnceHealthy "H12" "the tip was faster than it may be at its height";
    TipTooNear "tip_too_near" RetractCancel OperatorOnceHealthy "H1" "the tip is too near to the skin for an arm under way: move the arm off the head by its pendant or by hand, not over ROS 2, where every goal is cancelled until this is cleared";
    TipOffPatch "tip_off_patch" RetractCancel OperatorOnceHealthy "H1" "the tip is low over skin away from the approved patch: move the arm off the head by its pendant or by hand, not over ROS 2, where every goal is cancelled until this is cleared";
    KeepOutNear "keep_out_near" RetractCancel OperatorOnceHealthy "H1" "the tip is too near to what it must keep away from: move the arm away by its pendant or by hand, not over ROS 2, where every goal is cancelled until this is cleared";
    OffPath "off_path" RetractCancel OperatorOnceHealthy "H12" "the arm left the path it was told to follow";
    ArmSilent "arm_silent" RetractCancel OperatorOnceHealthy "H9" "the arm did not take a motion on";
    ArmFailed "arm_failed" RetractCancel OperatorOnceHealthy "H12" "the arm failed the same motion again and again";
    ArmTimeout "arm_timeout" RetractCancel OperatorOnceHealthy "H9" "a motion did not end in time";
    HopLate "hop_late" RetractHold OperatorOnceHealthy "H10" "a motion was not computed in time";
    IntentLate "intent_late" RetractLift OperatorOnceHealthy "H6" "the record did not confirm an intent in time";
    RecordFailed "record_failed" RetractLift Reload "H11" "the record cannot be written";
    PauseUnconfirmed "pause_unconfirmed" RetractCancel OperatorOnceHealthy "H14" "the pause could not be completed in time";
    StopUnconfirmed "stop_unconfirmed" RetractCancel OperatorOnceHealthy "H14" "needle in and arm at rest were not confirmed in time: use the hardware stop";
}
