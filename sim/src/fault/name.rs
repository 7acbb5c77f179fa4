//! What faults are called in files and reports.

use std::fmt;

use super::{
    ArmFault, Astray, Distortion, Fault, Garbage, HeadFault, Kind, LeaseFault, MotionFault,
    NeedleFault, ProcessFault, RecordFault, ScanFault, Signal,
};

impl Kind {
    /// Its name in files and reports.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Signal(signal, distortion) => (signal.name(), distortion.name()),
            Self::Lease(fault) => (
                "lease",
                match fault {
                    LeaseFault::Off => "off",
                    LeaseFault::Delayed(_) => "delayed",
                    LeaseFault::Intermittent(_) => "intermittent",
                    LeaseFault::Duplicated => "duplicated",
                    LeaseFault::Stolen => "stolen",
                    LeaseFault::Contested => "contested",
                },
            ),
            Self::Arm(fault) => (
                "arm",
                match fault {
                    ArmFault::Rejected => "rejected",
                    ArmFault::Silent => "silent",
                    ArmFault::ResultLost => "result_lost",
                    ArmFault::CancelIgnored => "cancel_ignored",
                    ArmFault::MovesOn => "moves_on",
                    ArmFault::Preempted => "preempted",
                    ArmFault::Restarted => "restarted",
                    ArmFault::Deactivated => "deactivated",
                    ArmFault::Diverted => "diverted",
                },
            ),
            Self::Needle(fault) => (
                "needle",
                match fault {
                    NeedleFault::StuckOut => "stuck_out",
                    NeedleFault::Slow(_) => "slow",
                    NeedleFault::Own => "own_fault",
                    NeedleFault::OtherCartridge => "other_cartridge",
                    NeedleFault::Silent => "silent",
                    NeedleFault::TooFar(_) => "too_far",
                    NeedleFault::Deaf => "deaf",
                },
            ),
            Self::Head(HeadFault::Jerk(_)) => ("head", "jerk"),
            Self::Head(HeadFault::Drift(_)) => ("head", "drift"),
            Self::Swollen(_) => ("skin", "swollen"),
            Self::Scan(fault) => ("scan", fault.name()),
            Self::Record(RecordFault::Torn) => ("record", "torn"),
            Self::Record(RecordFault::Full) => ("record", "full"),
            Self::Record(RecordFault::Unsynced) => ("record", "unsynced"),
            Self::Record(RecordFault::Slow(_)) => ("record", "slow"),
            Self::Process(ProcessFault::Killed) => ("process", "killed"),
            Self::Process(ProcessFault::Stalled) => ("process", "stalled"),
            Self::Process(ProcessFault::Busy(_)) => ("process", "busy"),
            Self::ClockStep(_) => ("clock", "step"),
            Self::Motions(fault) => (
                "motions",
                match fault {
                    MotionFault::Late(_) => "late",
                    MotionFault::Lost => "lost",
                    MotionFault::Astray(Astray::Beside(_)) => "beside",
                    MotionFault::Astray(Astray::Over(_)) => "over",
                    MotionFault::Astray(Astray::Tilted(_)) => "tilted",
                    MotionFault::Astray(Astray::High(_)) => "high",
                },
            ),
        }
    }
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Joints => "joints",
            Self::HeadPose => "head_pose",
            Self::NeedleState => "needle_state",
            Self::Force => "force",
        }
    }
}

impl Distortion {
    const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Stuck => "stuck",
            Self::Garbage(Garbage::NotANumber) => "nan",
            Self::Garbage(Garbage::Infinite) => "infinite",
            Self::Garbage(Garbage::Huge) => "huge",
            Self::Garbage(Garbage::Thousandfold) => "thousandfold",
            Self::Wrong(_) => "wrong",
            Self::Slow(_) => "slow",
            Self::Delayed(_) => "delayed",
            Self::Intermittent(_) => "intermittent",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Permuted => "permuted",
            Self::Missing => "missing",
            Self::Speedless => "speedless",
            Self::Restamped(by) if by < 0 => "past",
            Self::Restamped(_) => "future",
        }
    }
}

impl ScanFault {
    const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Stuck => "stuck",
            Self::Garbage(garbage) => Distortion::Garbage(garbage).name(),
            Self::Wrong(_) => "wrong",
            Self::Cut(_) => "cut",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, kind) = self.name();
        write!(f, "{target}.{kind}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} from {:.3} s for {:.3} s",
            self.kind,
            self.start.s(),
            self.length.s()
        )
    }
}
