//! The lines to arm and needle: ports over the plant's parts, with the faults that lie between.

use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::{
    ArmFailure, ArmPort, HeadPort, JointState, Micros, NeedlePort, NeedleReport, PortError, Stamped,
};
use stipple_core::{HopId, MotionStatus, NeedleCommand};
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::motion::Trajectory;

use super::sabotage::Sabotage;
use crate::chance::uniform;
use crate::fault::ArmFault;
use crate::plant::{DeviceCommand, Reference, SimArm, SimNeedle};

/// Motions of others have numbers from here upwards.
const OTHERS: u64 = 1 << 62;

/// The arm's action server, as the controller sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct ArmLine {
    /// The fault of this tick.
    pub fault: Option<ArmFault>,
    /// Motions whose status is not the arm's own any more.
    told: Option<(HopId, MotionStatus)>,
    /// A motion whose end is never told.
    endless: Option<HopId>,
    /// Motions up to this one are not known any more since the server was restarted.
    forgotten: Option<HopId>,
    last: Option<HopId>,
    others: u64,
    /// Somebody else leads the arm in the place of what it was told.
    led: bool,
    /// Motions are numbered anew by every process; the arm knows each by a number of its own, as by a goal's UUID.
    epoch: u64,
    /// What this tick commanded, for whoever watches.
    pub followed: Option<Followed>,
    /// Whether this tick cancelled.
    pub cancelled: bool,
}

/// A motion as it was handed over.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    pub trajectory: Trajectory,
}

impl ArmLine {
    /// Begins a tick with this fault; `began` on the fault's first.
    pub fn begin(
        &mut self,
        fault: Option<ArmFault>,
        began: bool,
        arm: &mut SimArm,
        rng: &mut ChaCha8Rng,
    ) {
        // One that was hidden by another one begins when that is over.
        let began = began || fault != self.fault;
        self.fault = fault;
        self.followed = None;
        self.cancelled = false;
        match fault {
            Some(ArmFault::Preempted) if began => self.preempt(arm, rng),
            Some(ArmFault::Diverted) if began => self.divert(arm, rng),
            Some(ArmFault::Deactivated) if began => {
                let _ = arm.cancel();
            }
            Some(ArmFault::Restarted) if began => {
                // The arm's own controller stops when its goal is gone.
                let _ = arm.cancel();
                self.forgotten = self.last;
                self.told = None;
                self.endless = None;
            }
            _ => {}
        }
    }

    /// A way of somebody else's, by at most `by` (rad) from where the arm is.
    fn way(arm: &SimArm, by: f64, rng: &mut ChaCha8Rng) -> Option<Trajectory> {
        let from = *arm.true_position();
        let mut to = from;
        for q in to.as_mut_slice() {
            *q += uniform(rng, -by, by);
        }
        let mut way = Trajectory::resting(from);
        way.push(to, &arm.limits(), 0.0, 1.0).ok()?;
        Some(way)
    }

    /// Somebody else leads the arm elsewhere; the motion under way, if there is one, is told as going on.
    fn divert(&mut self, arm: &mut SimArm, rng: &mut ChaCha8Rng) {
        let under_way = arm.elapsed().is_some();
        if let Some(way) = Self::way(arm, 0.3, rng)
            && arm.divert(Reference::Law(Box::new(way))).is_ok()
        {
            self.led = under_way;
        }
    }

    /// Whether the arm follows somebody else's course in the place of what it was told.
    pub const fn diverted(&self) -> bool {
        self.led
    }

    /// Somebody else has the arm move, by a little from where it is.
    fn preempt(&mut self, arm: &mut SimArm, rng: &mut ChaCha8Rng) {
        let Some(way) = Self::way(arm, 0.05, rng) else {
            return;
        };
        self.others += 1;
        let hop = HopId(OTHERS + self.others);
        let tolerances = arm.tolerances();
        if arm
            .begin(hop, Reference::Law(Box::new(way)), tolerances)
            .is_ok()
            && let Some(last) = self.last
        {
            self.told = Some((last, MotionStatus::Failed(ArmFailure::Preempted)));
        }
    }

    const fn goal(&self, hop: HopId) -> HopId {
        HopId((self.epoch << 32) + hop.0)
    }

    fn follow(
        &mut self,
        arm: &mut SimArm,
        hop: HopId,
        trajectory: &Trajectory,
    ) -> Result<(), PortError> {
        self.followed = Some(Followed {
            trajectory: trajectory.clone(),
        });
        match self.fault {
            Some(ArmFault::Restarted) => return Err(PortError::NotConnected),
            Some(ArmFault::Rejected | ArmFault::Deactivated) => {
                self.told = Some((hop, MotionStatus::Failed(ArmFailure::Rejected)));
            }
            Some(ArmFault::Silent) => self.told = Some((hop, MotionStatus::Active)),
            fault => {
                arm.follow(self.goal(hop), trajectory)?;
                self.led = false;
                self.told = None;
                self.endless = (fault == Some(ArmFault::ResultLost)).then_some(hop);
            }
        }
        self.last = Some(hop);
        Ok(())
    }

    fn cancel(&mut self, arm: &mut SimArm) -> Result<(), PortError> {
        self.cancelled = true;
        match self.fault {
            Some(ArmFault::Restarted) => return Err(PortError::NotConnected),
            Some(ArmFault::CancelIgnored | ArmFault::Silent) => return Ok(()),
            Some(ArmFault::MovesOn) => {}
            _ => {
                arm.cancel()?;
                self.led = false;
            }
        }
        if let Some(last) = self.last
            && matches!(self.status(arm, last), MotionStatus::Active)
        {
            self.told = Some((last, MotionStatus::Failed(ArmFailure::Cancelled)));
        }
        Ok(())
    }

    fn status(&self, arm: &SimArm, hop: HopId) -> MotionStatus {
        if self.forgotten.is_some_and(|forgotten| hop <= forgotten)
            || self.fault == Some(ArmFault::Restarted)
        {
            return MotionStatus::Idle;
        }
        if let Some((_, status)) = self.told.filter(|(known, _)| *known == hop) {
            return status;
        }
        match arm.status(self.goal(hop)) {
            MotionStatus::Succeeded if self.endless == Some(hop) => MotionStatus::Active,
            status => status,
        }
    }

    /// A process that starts anew numbers its motions anew.
    pub fn forget(&mut self) {
        *self = Self {
            others: self.others,
            epoch: self.epoch + 1,
            ..Self::default()
        };
    }
}

/// The arm's port in one tick.
pub(super) struct ArmAt<'a> {
    pub line: &'a mut ArmLine,
    pub arm: &'a mut SimArm,
    pub joints: Option<Stamped<JointState>>,
}

impl ArmPort for ArmAt<'_> {
    fn joint_names(&self) -> Option<&[String]> {
        self.arm.joint_names()
    }

    fn joint_state(&self) -> Option<Stamped<JointState>> {
        self.joints
    }

    fn follow(&mut self, hop: HopId, trajectory: &Trajectory) -> Result<(), PortError> {
        self.line.follow(self.arm, hop, trajectory)
    }

    fn cancel(&mut self) -> Result<(), PortError> {
        self.line.cancel(self.arm)
    }

    fn status(&self, hop: HopId) -> MotionStatus {
        self.line.status(self.arm, hop)
    }
}

/// The line to the needle device.
#[derive(Debug, Clone, Default)]
pub(super) struct NeedleLine {
    /// Commands are lost.
    pub silent: bool,
    /// What this tick commanded, for whoever watches; `None` when nothing was.
    pub commanded: Option<DeviceCommand>,
    /// The last extension that was sent, for whoever keeps it.
    kept: Option<DeviceCommand>,
}

impl NeedleLine {
    fn command(
        &mut self,
        needle: &mut SimNeedle,
        command: &NeedleCommand,
        sabotage: Option<Sabotage>,
    ) {
        let command = DeviceCommand::from(command);
        self.commanded = Some(command);
        let out = matches!(command, DeviceCommand::Extend { .. });
        if out {
            self.kept = Some(command);
        }
        let sent = match self.kept {
            Some(kept) if sabotage == Some(Sabotage::PermitKept) => kept,
            _ => command,
        };
        if !self.silent {
            needle.take(&sent);
        }
    }
}

/// The needle's port in one tick.
pub(super) struct NeedleAt<'a> {
    pub line: &'a mut NeedleLine,
    pub needle: &'a mut SimNeedle,
    pub report: Option<Stamped<NeedleReport>>,
    pub sabotage: Option<Sabotage>,
}

impl NeedlePort for NeedleAt<'_> {
    fn report(&self) -> Option<Stamped<NeedleReport>> {
        self.report
    }

    fn command(&mut self, command: &NeedleCommand) -> Result<(), PortError> {
        self.line.command(self.needle, command, self.sabotage);
        if self.line.silent {
            Err(PortError::NotConnected)
        } else {
            Ok(())
        }
    }
}

/// Poses farther apart than this are late. Source: one and a half frames of the simulated tracker.
const LATE: Micros = Micros::from_ms(25);

/// The head tracker's port in one tick.
pub(super) struct HeadAt(pub Option<Stamped<Transform<Base, Head>>>);

impl HeadPort for HeadAt {
    fn head_pose(&self) -> Option<Stamped<Transform<Base, Head>>> {
        self.0
    }
}

/// A pose that is older than a tracker's frames come apart, with this tick's stamp: what a driver does that repeats its last frame.
pub(super) fn renewed(
    pose: Option<Stamped<Transform<Base, Head>>>,
    stamp: Micros,
) -> Option<Stamped<Transform<Base, Head>>> {
    pose.map(|pose| {
        if stamp.fresh(pose.arrived, LATE) {
            return pose;
        }
        let mut iso = *pose.value.raw();
        // A nanometre to and fro: it must not be the same bits.
        iso.translation.vector.x += if (stamp.0 / 2_000).is_multiple_of(2) {
            1e-9
        } else {
            -1e-9
        };
        Stamped {
            value: Transform::from_raw(iso),
            arrived: stamp,
            sequence: stamp.0,
        }
    })
}
