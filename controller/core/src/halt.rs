//! Coming to rest: pause, stop, fault. The needle goes in first, always.

use crate::fault::{Fault, Reaction};
use crate::machine::{After, Core, LegEnd, Off, Step};
use crate::output::{ArmCommand, Doubt, Message, Waits};
use crate::sensed::{HopId, Leg, MotionStatus, Sensed, WayOff};
use crate::state::State;
use crate::time::Micros;
use crate::work::status;

impl Off {
    pub(crate) const fn begin(leg: Leg, now: Micros) -> Self {
        Self {
            leg,
            since: now,
            asked: false,
            broken_off: 0,
            end: None,
        }
    }

    const fn give_up(&mut self, now: Micros) {
        self.end = Some(LegEnd::GivenUp);
        self.since = now;
    }
}

impl Core {
    pub(crate) fn begin_pause(&mut self, after: After, message: Message, step: &mut Step<'_>) {
        self.cut_short(Doubt::Pause);
        if self.moving.is_some() {
            self.cancel(step);
        }
        self.abandon_motion(step);
        self.after = after;
        self.message = message;
        self.lift_off(step.now);
    }

    pub(crate) fn lift_off(&mut self, now: Micros) {
        self.enter(State::Pausing, now);
        self.off = Off::begin(Leg::Lift, now);
    }

    pub(crate) fn pause(&mut self, step: &mut Step<'_>) {
        let (now, timeouts) = (step.now, self.limits.timeouts);
        let longest = match (self.off.leg, self.off.end) {
            (Leg::Lift, None) => timeouts.pause,
            (Leg::Park, None) => timeouts.park,
            (_, Some(_)) => timeouts.stop,
        };
        if now.passed(self.off.since, longest) {
            if (self.off.leg, self.off.end) == (Leg::Park, None) {
                self.give_up(step);
            } else {
                self.fail(Fault::PauseUnconfirmed, step);
            }
            return;
        }
        if let Some(hop) = self.moving {
            self.on_the_way_off(hop, step);
            return;
        }
        // Whatever the needle does: nothing that moves the arm may be left to itself.
        if self.off.end != Some(LegEnd::Made) {
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
        } else if let Some(end) = self.off.end {
            if self.settled() {
                self.leg_is_over(end, step);
            }
        } else {
            self.set_off_the_head(step);
        }
    }

    /// The arm is on a leg off the head.
    fn on_the_way_off(&mut self, hop: HopId, step: &mut Step<'_>) {
        let (now, timeouts) = (step.now, self.limits.timeouts);
        if self.off.leg == Leg::Park && !self.way_holds(step) {
            // Proven clear of the head as it was. The lift before it leads away from the head wherever that goes; this does not.
            self.off.broken_off = self.off.broken_off.saturating_add(1);
            if self.off.broken_off >= self.limits.attempts {
                self.give_up(step);
            } else {
                self.abandon_motion(step);
                self.cancel(step);
                self.off.asked = false;
                self.leg_since = now;
                self.hop_since = now;
            }
            return;
        }
        match status(hop, step.sensed) {
            MotionStatus::Succeeded => {
                self.moving = None;
                self.off.end = Some(LegEnd::Made);
                self.off.since = now;
                self.rest_anew(now);
            }
            MotionStatus::Failed(_) => self.give_up(step),
            MotionStatus::Idle | MotionStatus::Pending
                if now.passed(self.leg_since, timeouts.accept) =>
            {
                self.fail(Fault::ArmSilent, step);
            }
            MotionStatus::Active if self.stands(now) => self.fail(Fault::ArmTimeout, step),
            _ => {}
        }
    }

    /// The head is tracked, slow, and where it was when the way to the station was proven clear of it.
    fn way_holds(&self, step: &Step<'_>) -> bool {
        let limits = &self.limits;
        self.head_fresh(step.now, step.sensed)
            && (step.sensed.head).is_some_and(|h| h.speed <= limits.head_speed)
            && !self.is_displaced(step.sensed)
    }

    /// Needle in, arm at rest: waits for the leg's motion, then commands it.
    fn set_off_the_head(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        if self.off.leg == Leg::Lift && self.is_high(step.sensed) {
            // Half-way to somewhere the needle may point anywhere, and along it need not be away from the head.
            self.off.end = Some(LegEnd::Made);
            self.off.since = now;
            return;
        }
        if self.off.leg == Leg::Park && !self.calm(now) {
            // By then it must be computed anew.
            self.off.asked = false;
            self.hop_since = now;
            if now.passed(self.leg_since, self.limits.timeouts.still) {
                self.off.give_up(now);
            }
            return;
        }
        match step.sensed.way_off {
            WayOff::Ready(hop) if self.off.asked => {
                step.out.arm = ArmCommand::Follow(hop);
                self.moving = Some(hop);
                self.leg_since = now;
            }
            WayOff::Refused if self.off.asked => self.off.give_up(now),
            _ => {
                step.out.need_off = Some(self.off.leg);
                self.off.asked = true;
                if now.passed(self.hop_since, self.limits.timeouts.hop) {
                    match self.off.leg {
                        Leg::Lift => self.fail(Fault::HopLate, step),
                        Leg::Park => self.off.give_up(now),
                    }
                }
            }
        }
    }

    /// The tip is off the head already, as far as the lowest lift would bring it.
    fn is_high(&self, sensed: &Sensed) -> bool {
        let near = sensed.motion.and_then(|motion| motion.near);
        near.is_some_and(|near| near.height >= self.limits.hover_zone)
    }

    /// The arm stays where it comes to rest.
    fn give_up(&mut self, step: &mut Step<'_>) {
        self.abandon_motion(step);
        self.cancel(step);
        self.off.give_up(step.now);
    }

    fn leg_is_over(&mut self, end: LegEnd, step: &mut Step<'_>) {
        if self.after == After::GoOn && !step.sensed.registered {
            // It was lost meanwhile: going on is for the operator to say, once it is registered.
            (self.after, self.message) = (After::Pause, Message::HeadRestless);
        }
        if self.after == After::GoOn {
            self.lifted = true;
            self.enter(State::Approaching, step.now);
            return;
        }
        let waits = match (self.off.leg, end) {
            (Leg::Lift, LegEnd::Made) if step.sensed.station && self.after != After::Fault => {
                self.off = Off::begin(Leg::Park, step.now);
                self.leg_since = step.now;
                self.hop_since = step.now;
                return;
            }
            (Leg::Lift, LegEnd::GivenUp) => Waits::OverHead,
            (Leg::Lift, LegEnd::Made) | (Leg::Park, LegEnd::GivenUp) => Waits::Lifted,
            (Leg::Park, LegEnd::Made) => Waits::Parked,
        };
        match self.after {
            After::Pause | After::GoOn => self.enter(State::Paused, step.now),
            After::Finish => {
                self.finished = true;
                self.enter(State::Ready, step.now);
            }
            After::Fault => self.enter(State::Faulted, step.now),
        }
        self.waits = Some(waits);
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

    /// After a fault: keeps the arm from going on, and says so where needle in and arm at rest are not seen in time.
    pub(crate) fn hold_still(&mut self, step: &mut Step<'_>) {
        let faults = [self.fault, self.besides].into_iter().flatten();
        let told = faults
            .into_iter()
            .any(|f| f.row().reaction != Reaction::RetractHold);
        if told || self.ending.is_some() {
            self.cancel_until_rest(step);
        }
        if self.at_rest(step.now, step.sensed) {
            self.confirmed = true;
        } else if !self.confirmed && step.now.passed(self.since, self.limits.timeouts.stop) {
            self.confirmed = true;
            self.note_besides(Fault::StopUnconfirmed);
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
