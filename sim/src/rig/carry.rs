//! The signals of a tick, from the plant to the ports.

use stipple_controller::ports::ArmPort as _;

use super::{Rig, wire};
use crate::fault::{ArmFault, Kind, NeedleFault, Signal};

impl Rig {
    /// The signals of this tick, from the plant to the ports.
    pub(super) fn carry(&mut self) {
        let (now, stamp) = (self.now, self.stamp());
        let off = self.fault_of(|kind| kind == Kind::Arm(ArmFault::Restarted));
        let joints = self.distortion(Signal::Joints);
        let head = self.distortion(Signal::HeadPose);
        let needle = self.distortion(Signal::NeedleState);
        let force = self.distortion(Signal::Force);
        let mute = self.fault_of(|kind| kind == Kind::Needle(NeedleFault::Silent));
        let rng = &mut self.rng;
        let arm = self.plant.arm.joint_state().map(|s| s.value);
        let how = joints.map(|(_, how)| how);
        let joints_carried =
            self.wires
                .joints
                .carry(now, stamp, arm.filter(|_| off.is_none()), how, rng);
        let pose = self.plant.tracker.latest().filter(|l| l.arrived == now);
        let how = head.map(|(_, how)| how);
        let head_carried = self
            .wires
            .head
            .carry(now, stamp, pose.map(|p| p.value), how, rng);
        let before = self.wires.needle.delivered().map(|d| d.value);
        let report = self.plant.needle.report_now().map(|r| {
            force.map_or(r.value, |(_, how)| {
                wire::distorted_force(&r.value, how, before.as_ref())
            })
        });
        let how = needle.map(|(_, how)| how);
        let needle_carried =
            self.wires
                .needle
                .carry(now, stamp, report.filter(|_| mute.is_none()), how, rng);
        let lease = self.lease_fault();
        let how = lease.map(|(_, how)| how);
        let beat = self.wires.beat.carry(now, stamp, how, &mut self.rng);
        // A force that does not arrive does not show.
        let force_arrives = self
            .wires
            .needle
            .delivered()
            .is_some_and(|d| d.arrived == stamp)
            && needle.is_none();
        for (number, carried) in [
            (lease.map(|(n, _)| n), beat),
            (joints.map(|(n, _)| n), joints_carried),
            (head.map(|(n, _)| n), head_carried),
            (needle.map(|(n, _)| n), needle_carried),
            (off, joints_carried.showing(true)),
            (mute, needle_carried.showing(true)),
            (force.map(|(n, _)| n), needle_carried.showing(force_arrives)),
        ] {
            if let Some(number) = number {
                self.show_carried(number, carried);
            }
        }
    }
}
