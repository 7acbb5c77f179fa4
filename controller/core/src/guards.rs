//! What must hold in every tick, whatever the state is about; what does not is a fault.

use crate::fault::Fault;
use crate::machine::Core;
use crate::output::Denied;
use crate::sensed::{NeedleSeen, NeedleState, Sensed};
use crate::state::State;
use crate::time::Micros;

impl Core {
    /// The first guard that does not hold in this tick.
    pub(crate) fn guard(&self, now: Micros, sensed: &Sensed) -> Option<Fault> {
        let watched = self.state.active() || self.state == State::Paused;
        if !watched {
            return None;
        }
        self.guard_clock(now)
            .or_else(|| (!sensed.sound()).then_some(Fault::BadNumber))
            .or_else(|| self.guard_needle(now, sensed))
            .or_else(|| self.anew(sensed.record_failed, Fault::RecordFailed))
            .or_else(|| self.guard_arm(now, sensed))
            .or_else(|| self.guard_head(now, sensed))
            .or_else(|| self.guard_motion(now, sensed))
            .or_else(|| self.guard_lease(now, sensed))
    }

    /// The fault, unless it is the one that is being reacted to.
    fn anew(&self, holds: bool, fault: Fault) -> Option<Fault> {
        (holds && self.fault != Some(fault)).then_some(fault)
    }

    fn guard_clock(&self, now: Micros) -> Option<Fault> {
        let last = self.last?;
        match now.since(last) {
            None => Some(Fault::ClockBackwards),
            Some(gap) if gap > self.limits.tick_gap && self.state.active() => Some(Fault::TickGap),
            Some(_) => None,
        }
    }

    fn guard_needle(&self, now: Micros, sensed: &Sensed) -> Option<Fault> {
        let fresh = sensed
            .needle
            .filter(|n| now.fresh(n.at, self.limits.needle_age));
        let Some(needle) = fresh else {
            // A stop goes on without: it is confirmed, or it times out.
            return (self.state.working() || self.state == State::Pausing)
                .then_some(Fault::NeedleSilent);
        };
        // A load cell that is wired the other way round counts, too.
        let too_much = needle.force.abs() > self.limits.axial_force;
        if let Some(fault) = self.anew(too_much, Fault::ForceHigh) {
            return Some(fault);
        }
        let too_far = self.strike.is_some_and(|strike| {
            // What it was told last it has heard by then, and has gone back.
            let heard = Micros(self.limits.needle_echo.0.saturating_mul(2));
            let told = match strike.less_since {
                Some(since) if needle.at >= since.after(heard) => strike.extension,
                _ => strike.told,
            };
            needle.extension > told + self.limits.needle_over
        });
        if let Some(fault) = self.anew(too_far, Fault::NeedleTooFar) {
            return Some(fault);
        }
        if needle.state == NeedleState::Fault && self.state != State::Stopping {
            return Some(Fault::NeedleFault);
        }
        if !needle.ours && self.state.working() {
            return Some(Fault::OtherCartridge);
        }
        let out = needle.extension > self.limits.needle_in;
        if out && self.strike.is_none() && self.state != State::Stopping {
            return Some(Fault::NeedleOut);
        }
        let moving = sensed
            .joints
            .is_some_and(|j| j.max_speed > self.limits.moving_speed);
        (out && moving && self.state != State::Stopping).then_some(Fault::ArmMovedNeedleOut)
    }

    fn guard_arm(&self, now: Micros, sensed: &Sensed) -> Option<Fault> {
        let guarded = self.state.working() || self.state == State::Pausing;
        (guarded && !self.joints_fresh(now, sensed)).then_some(Fault::JointsStale)
    }

    fn guard_head(&self, now: Micros, sensed: &Sensed) -> Option<Fault> {
        let known = self.head_fresh(now, sensed) && sensed.registered;
        (self.state.working() && !known).then_some(Fault::HeadLost)
    }

    /// The lease under which the work was started still holds. A pause and what is stopped need none: both only wait.
    fn guard_lease(&self, now: Micros, sensed: &Sensed) -> Option<Fault> {
        let guarded = self.state.working() || self.state == State::Pausing;
        let held = self
            .lease(now, sensed)
            .is_some_and(|term| self.lease == Some(term));
        (guarded && !held).then_some(Fault::LeaseLost)
    }

    /// The lease that is alive.
    pub(crate) fn lease(&self, now: Micros, sensed: &Sensed) -> Option<u64> {
        sensed
            .operator
            .filter(|lease| now.fresh(lease.at, self.limits.lease_age))
            .map(|lease| lease.term)
    }

    pub(crate) fn joints_fresh(&self, now: Micros, sensed: &Sensed) -> bool {
        sensed
            .joints
            .is_some_and(|j| now.fresh(j.at, self.limits.joints_age))
    }

    pub(crate) fn head_fresh(&self, now: Micros, sensed: &Sensed) -> bool {
        sensed
            .head
            .is_some_and(|h| now.fresh(h.at, self.limits.head_age))
    }

    /// The needle reports that it is in, and the report cannot be older than the last extension.
    pub(crate) fn needle_is_in(&self, now: Micros, sensed: &Sensed) -> bool {
        let is_in = |n: NeedleSeen| {
            now.fresh(n.at, self.limits.needle_age)
                && n.state == NeedleState::Retracted
                && n.extension <= self.limits.needle_in
        };
        let told = match self.retract_since {
            // Told to go in and not out since: the report must be young enough to know of it.
            Some(since) => sensed
                .needle
                .is_some_and(|n| n.at >= since.after(self.limits.needle_echo)),
            // Never told to come out, or still told to.
            None => self.strike.is_none(),
        };
        told && sensed.needle.is_some_and(is_in)
    }

    /// The arm has come to rest and follows nothing, no motion that it was told to follow can make it move, and the needle reports that it is in.
    #[must_use]
    pub fn at_rest(&self, now: Micros, sensed: &Sensed) -> bool {
        self.moving.is_none()
            && self.arm_is_free()
            && self.settled()
            && self.needle_is_in(now, sensed)
    }

    /// The joints have rested for the settling time, by joint states that span it: time that passes without one shows nothing.
    pub(crate) fn settled(&self) -> bool {
        let span = self
            .rest_since
            .and_then(|first| self.rest_seen?.since(first));
        span.is_some_and(|span| span >= self.limits.settle)
    }

    /// The head is too far from where the motion under way was aimed, at the dot or elsewhere.
    pub(crate) fn is_displaced(&self, sensed: &Sensed) -> bool {
        let limits = &self.limits;
        let far = match self.state {
            State::Pausing => limits.approach_displacement,
            _ => limits.far_displacement,
        };
        sensed.head.is_some_and(|h| {
            h.displacement > limits.approach_displacement || h.far_displacement > far
        })
    }

    /// The head has been calm for long enough.
    pub(crate) fn calm(&self, now: Micros) -> bool {
        self.calm_since
            .is_some_and(|since| now.passed(since, self.limits.head_calm))
    }

    /// Whether arm and needle report and rest.
    pub(crate) fn healthy(&self, now: Micros, sensed: &Sensed) -> Result<(), Denied> {
        if !self.joints_fresh(now, sensed) || !sensed.sound() {
            return Err(Denied::Joints);
        }
        if !self.arm_is_free() {
            return Err(Denied::ArmMoving);
        }
        if self.needle_is_in(now, sensed) {
            Ok(())
        } else {
            Err(Denied::Needle)
        }
    }

    /// Keeps the times since which the joints rest and the head is calm.
    pub(crate) fn observe(&mut self, now: Micros, sensed: &Sensed) {
        let resting = sensed.joints.filter(|j| {
            now.fresh(j.at, self.limits.joints_age) && j.max_speed < self.limits.rest_speed
        });
        let told = self.rest_after;
        match resting {
            Some(joints) if told.is_none_or(|told| joints.at > told) => {
                self.rest_since = self.rest_since.or(Some(joints.at));
                self.rest_seen = Some(joints.at);
            }
            _ => self.rest_since = None,
        }
        let calm = sensed.head.is_some_and(|h| {
            now.fresh(h.at, self.limits.head_age_strike)
                && h.speed <= self.limits.head_speed
                && !h.doubted
        });
        self.calm_since = if calm {
            self.calm_since.or(Some(now))
        } else {
            None
        };
        match (&mut self.strike, sensed.needle) {
            (Some(strike), Some(needle)) if needle.permit == strike.nonce => {
                strike.see(&needle, sensed.tip, &self.limits);
            }
            (None, Some(needle)) if needle.at > self.idle.0 => {
                self.idle = (needle.at, [self.idle.1[1], needle.force]);
            }
            _ => {}
        }
    }
}
