//! Coming to rest: pause, stop, fault. The needle goes in first, always.

use crate::fault::{Fault, Reaction};
use crate::machine::{After, Core, Step};
use crate::output::{ArmCommand, Doubt, Message};
use crate::sensed::{Lift, MotionStatus};
use crate::state::State;
use crate::time::Micros;
use crate::work::status;

impl Core {
    pub(crate) fn begin_pause(&mut self, after: After, message: Message, step: &mut Step<'_>) {
        self.cut_short(Doubt::Pause);
        if self.moving.is_some() {
            self.cancel(step);
        }
        self.abandon_motion(step);
        self.after = after;
        self.lift_asked = false;
        self.lifted = false;
        self.lift_failed = false;
        self.message = message;
        self.enter(State::Pausing, step.now);
    }

    pub(crate) fn pause(&mut self, step: &mut Step<'_>) {
        let (now, timeouts) = (step.now, self.limits.timeouts);
        if now.passed(self.since, timeouts.pause) {
            self.fail(Fault::PauseUnconfirmed, step);
            return;
        }
        if let Some(hop) = self.moving {
            match status(hop, step.sensed) {
                MotionStatus::Succeeded => {
                    self.moving = None;
                    self.lifted = true;
                    self.rest_anew(now);
                }
                MotionStatus::Failed(_) => {
                    self.moving = None;
                    self.lift_failed = true;
                    self.cancel(step);
                }
                MotionStatus::Idle | MotionStatus::Pending
                    if now.passed(self.leg_since, timeouts.accept) =>
                {
                    self.fail(Fault::ArmSilent, step);
                }
                MotionStatus::Active if self.stands(now) => self.fail(Fault::ArmTimeout, step),
                _ => {}
            }
            return;
        }
        // Whatever the needle does: nothing that moves the arm may be left to itself.
        if !self.lifted {
            self.cancel_until_rest(step);
        }
        if !self.needle_is_in(now, step.sensed) {
            self.hop_since = now;
            if now.passed(self.since, timeouts.retract) {
                self.fail(Fault::NeedleStuck, step);
            }
            return;
        }
        self.settle_strike(step);
        if !self.arm_is_free() {
            self.hop_since = now;
            return;
        }
        if self.lifted || self.lift_failed {
            if self.settled() {
                self.message = if self.lift_failed {
                    Message::NoWayUp
                } else {
                    self.message
                };
                self.paused(step);
            }
            return;
        }
        match step.sensed.lift {
            Lift::Ready(hop) if self.lift_asked => {
                step.out.arm = ArmCommand::Follow(hop);
                self.moving = Some(hop);
                self.leg_since = now;
            }
            Lift::Refused if self.lift_asked => self.lift_failed = true,
            _ => {
                step.out.need_lift = true;
                self.lift_asked = true;
                if now.passed(self.hop_since, timeouts.hop) {
                    self.fail(Fault::HopLate, step);
                }
            }
        }
    }

    fn paused(&mut self, step: &mut Step<'_>) {
        self.moving = None;
        match self.after {
            After::Pause => self.enter(State::Paused, step.now),
            After::Finish => {
                self.finished = true;
                self.enter(State::Ready, step.now);
            }
        }
    }

    pub(crate) fn begin_stop(&mut self, step: &mut Step<'_>) {
        self.cut_short(Doubt::Stop);
        self.abandon_motion(step);
        self.cancel(step);
        self.message = Message::StopAsked;
        self.enter(State::Stopping, step.now);
    }

    pub(crate) fn stop(&mut self, step: &mut Step<'_>) {
        let is_in = self.needle_is_in(step.now, step.sensed);
        if is_in {
            self.settle_strike(step);
        }
        if is_in && self.ending.is_none() && self.settled() {
            self.enter(State::Stopped, step.now);
        } else if step.now.passed(self.since, self.limits.timeouts.stop) {
            self.fail(Fault::StopUnconfirmed, step);
        } else {
            self.cancel_until_rest(step);
        }
    }

    /// After a fault: keeps the arm from going on.
    pub(crate) fn hold_still(&mut self, step: &mut Step<'_>) {
        let told = self
            .fault
            .is_some_and(|f| f.row().reaction == Reaction::RetractCancel);
        if told || self.ending.is_some() {
            self.cancel_until_rest(step);
        }
    }

    /// Paused or stopped: an arm that is seen to move all the same is told to rest.
    pub(crate) fn stay_still(&mut self, step: &mut Step<'_>) {
        let moves = step
            .sensed
            .joints
            .is_some_and(|j| j.max_speed >= self.limits.rest_speed);
        if moves && self.joints_fresh(step.now, step.sensed) {
            self.cancel_until_rest(step);
        }
    }

    /// The arm was told to move and says that it does, and has stood still for too long.
    pub(crate) fn stands(&self, now: Micros) -> bool {
        let longest = self.limits.timeouts.standing;
        self.rest_since
            .is_some_and(|rest| now.passed(rest.max(self.leg_since), longest))
    }

    /// The arm rests, and no motion that it was told to follow can make it move.
    pub(crate) const fn arm_is_free(&self) -> bool {
        self.rest_since.is_some() && self.ending.is_none()
    }
}
