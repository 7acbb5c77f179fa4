//! Working on a dot: approach, hover, verify, strike, retract.

use crate::fault::Fault;
use crate::machine::{After, Core, Step};
use crate::output::{ArmCommand, Doubt, Message, NeedleCommand, Skip};
use crate::permit::{Case, NeedlePermit, Refusal, mint};
use crate::queue::Target;
use crate::sensed::{ArmFailure, HopId, MotionStatus, NeedleState, Sensed};
use crate::state::State;
use crate::strike::{Strike, Touch};

impl Core {
    pub(crate) fn approach(&mut self, step: &mut Step<'_>) {
        let Some(target) = step.queue.front().copied() else {
            if step.sensed.exhausted {
                self.begin_pause(After::Finish, Message::Finished, step);
            } else if step.now.passed(self.leg_since, self.limits.timeouts.hop) {
                self.fail(Fault::HopLate, step);
            }
            return;
        };
        match self.moving {
            Some(hop) => self.underway(hop, &target, step),
            None if target.stop => {
                self.at_stop = true;
                self.begin_pause(After::Pause, Message::PlannedStop, step);
            }
            None => self.set_off(&target, step),
        }
    }

    /// Waits for all that a motion needs, then commands it.
    fn set_off(&mut self, target: &Target, step: &mut Step<'_>) {
        let (now, timeouts) = (step.now, self.limits.timeouts);
        if !self.arm_is_free() || !self.needle_is_in(now, step.sensed) {
            self.hop_since = now;
            step.queue.set_hop(target.dot, None);
            self.cancel_until_rest(step);
            if now.passed(self.leg_since, timeouts.hover) {
                let needle = self.arm_is_free();
                let fault = if needle {
                    Fault::NeedleStuck
                } else {
                    Fault::ArmTimeout
                };
                self.fail(fault, step);
            }
            return;
        }
        if !self.calm(now) {
            self.hop_since = now;
            // By then it may start elsewhere or aim beside the dot: it must be offered anew.
            step.queue.set_hop(target.dot, None);
            self.message = Message::AwaitingCalm;
            let since = *self.restless_since.get_or_insert(now);
            if now.passed(since, timeouts.calm) {
                self.begin_pause(After::Pause, Message::HeadRestless, step);
            } else if !self.lifted && now.passed(since, timeouts.restless) {
                self.begin_pause(After::GoOn, Message::AwaitingCalm, step);
            } else {
                self.leg_since = now;
            }
            return;
        }
        self.restless_since = None;
        if step.sensed.stuck {
            // Says nothing of the dot: it is not left out.
            self.begin_pause(After::Pause, Message::Stuck, step);
            return;
        }
        if self.struck.is_some_and(|at| !now.passed(at, target.rest)) {
            self.hop_since = now;
            self.leg_since = now;
            // It may be elsewhere by then.
            step.queue.set_hop(target.dot, None);
            self.message = Message::SkinRests;
            return;
        }
        if step.sensed.hop_refused == Some(target.dot) {
            self.skip(Skip::HopRefused, step);
            return;
        }
        let Some(hop) = target.hop else {
            step.out.need_hop = Some(target.dot);
            self.leg_since = now;
            if now.passed(self.hop_since, timeouts.hop) {
                self.fail(Fault::HopLate, step);
            }
            return;
        };
        step.out.arm = ArmCommand::Follow(hop);
        self.moving = Some(hop);
        self.lifted = false;
        self.message = Message::Working;
        self.leg_since = now;
    }

    /// The arm is on its way.
    fn underway(&mut self, hop: HopId, target: &Target, step: &mut Step<'_>) {
        let (now, timeouts) = (step.now, self.limits.timeouts);
        want_intent(target, step);
        if self.is_displaced(step.sensed) {
            self.cancel(step);
            self.hop_again(Refusal::HeadMoving, step);
            return;
        }
        if step
            .sensed
            .head
            .is_none_or(|h| h.speed > self.limits.head_speed)
        {
            self.message = Message::AwaitingCalm;
            self.abandon_motion(step);
            self.cancel(step);
            self.leg_since = now;
            return;
        }
        match status(hop, step.sensed) {
            MotionStatus::Succeeded => {
                self.moving = None;
                self.failures = 0;
                self.rest_anew(now);
                // The hop is spent: whatever brings the tip here again must be a new one.
                step.queue.set_hop(target.dot, None);
                self.enter(State::Hovering, now);
            }
            MotionStatus::Failed(ArmFailure::Preempted) => self.fail(Fault::ArmFailed, step),
            MotionStatus::Failed(_) => {
                self.failures = self.failures.saturating_add(1);
                self.abandon_motion(step);
                self.leg_since = now;
                // "Failed" does not say that the arm rests.
                self.cancel(step);
                if self.failures >= self.limits.attempts {
                    self.fail(Fault::ArmFailed, step);
                }
            }
            MotionStatus::Idle | MotionStatus::Pending
                if now.passed(self.leg_since, timeouts.accept) =>
            {
                self.fail(Fault::ArmSilent, step);
            }
            MotionStatus::Active
                if now.passed(self.leg_since, timeouts.motion) || self.stands(now) =>
            {
                self.fail(Fault::ArmTimeout, step);
            }
            _ => {}
        }
    }

    pub(crate) fn hover(&mut self, step: &mut Step<'_>) {
        let Some(target) = step.queue.front().copied() else {
            self.enter(State::Approaching, step.now);
            return;
        };
        want_intent(&target, step);
        if self.settled() {
            if self.is_elsewhere(step.sensed) {
                self.fail(Fault::OffPath, step);
            } else {
                self.enter(State::Verifying, step.now);
            }
        } else if step.now.passed(self.since, self.limits.timeouts.hover) {
            self.hop_again(Refusal::ArmMoving, step);
        }
    }

    pub(crate) fn verify(&mut self, step: &mut Step<'_>) {
        let Some(target) = step.queue.front().copied() else {
            self.enter(State::Approaching, step.now);
            return;
        };
        want_intent(&target, step);
        let late = step.now.passed(self.since, self.limits.timeouts.verify);
        let nonce = self.nonce.saturating_add(1);
        match self.permit(&target, nonce, None, step) {
            Ok(permit) => {
                // Both were checked a moment ago, in the permit.
                let (gap, lateral) = step
                    .sensed
                    .tip
                    .map_or((0.0, 0.0), |tip| (tip.gap, tip.lateral));
                let extension = gap + target.depth;
                // Of two the one nearer to nothing: one alone may be noise.
                let [before, last] = self.idle.1;
                let tare = if before.abs() < last.abs() {
                    before
                } else {
                    last
                };
                let touch = Touch {
                    tare,
                    felt: false,
                    free: 0.0,
                    seen: step.now,
                    first: None,
                    met: None,
                };
                self.nonce = nonce;
                self.strike = Some(Strike {
                    dot: target.dot,
                    nonce,
                    depth: target.depth,
                    extension,
                    told: extension,
                    less_since: None,
                    gap,
                    lateral,
                    touch,
                    deepest: 0.0,
                    ended: None,
                });
                self.message = Message::Working;
                step.out.needle = NeedleCommand::extend(permit);
                self.enter(State::Extending, step.now);
            }
            Err(Refusal::Depth) => self.skip(Skip::Depth, step),
            Err(Refusal::Intent) if late => self.fail(Fault::IntentLate, step),
            Err(Refusal::Intent) => {}
            Err(
                refusal @ (Refusal::Lateral
                | Refusal::Gap
                | Refusal::Angle
                | Refusal::OffPatch
                | Refusal::HeadMoving),
            ) => {
                self.hop_again(refusal, step);
            }
            Err(refusal) if late => self.hop_again(refusal, step),
            Err(_) => {}
        }
    }

    pub(crate) fn extend(&mut self, step: &mut Step<'_>) {
        let late = step.now.passed(self.since, self.limits.timeouts.extend);
        if late {
            self.cut_short(Doubt::Slow);
        }
        if late || !self.keep_out(step) {
            self.enter(State::Retracting, step.now);
            return;
        }
        let (Some(strike), Some(needle)) = (self.strike, step.sensed.needle) else {
            return;
        };
        // A device that feels the skin stops by that, a little sooner or later than the reports show it.
        let far_enough = needle.extension >= strike.extension - self.limits.needle_in
            || strike.touch.met.is_some_and(|met| needle.extension >= met);
        let there =
            needle.state == NeedleState::Extended && needle.permit == strike.nonce && far_enough;
        if there {
            self.enter(State::Dwelling, step.now);
        }
    }

    pub(crate) fn dwell(&mut self, step: &mut Step<'_>) {
        let asked = step
            .queue
            .front()
            .map_or(self.limits.timeouts.dwell, |t| t.dwell);
        let dwell = asked.min(self.limits.timeouts.dwell);
        if step.now.passed(self.since, dwell) || !self.keep_out(step) {
            self.enter(State::Retracting, step.now);
        }
    }

    /// Commands this tick's extension if it is still permitted.
    fn keep_out(&mut self, step: &mut Step<'_>) -> bool {
        let Some(target) = step.queue.front().copied() else {
            return false;
        };
        let Some(strike) = &mut self.strike else {
            return false;
        };
        if strike.is_early(&self.limits) {
            self.cut_short(Doubt::Guard(Refusal::Contact));
            return false;
        }
        // However near the skin has come: no deeper than wanted from where it was met.
        let deepest = strike
            .touch
            .met
            .map_or(f64::INFINITY, |met| met + strike.depth);
        if deepest < strike.extension {
            strike.extension = deepest;
            strike.less_since = Some(step.now);
        }
        let strike = *strike;
        match self.permit(&target, strike.nonce, Some(strike.extension), step) {
            Ok(permit) => {
                step.out.needle = NeedleCommand::extend(permit);
                true
            }
            Err(refusal) => {
                self.cut_short(Doubt::Guard(refusal));
                if refusal == Refusal::HeadMoving || refusal == Refusal::Lateral {
                    self.message = Message::HeadMoved;
                    // Where it went in a jump that is not believed yet it may not be seen to move: it shows anew that it is calm.
                    self.calm_since = None;
                }
                false
            }
        }
    }

    pub(crate) fn retract(&mut self, step: &mut Step<'_>) {
        if self.needle_is_in(step.now, step.sensed) {
            self.settle_strike(step);
            if self.doubts_in_row >= self.limits.doubts_in_row {
                // Each of them counts as done: a needle that is not heard, or does not hear, would leave a whole layer in doubt.
                self.doubts_in_row = 0;
                self.begin_pause(After::Pause, Message::NeedleDoesNotFollow, step);
            } else {
                self.enter(State::Approaching, step.now);
            }
        } else if step.now.passed(self.since, self.limits.timeouts.retract) {
            self.fail(Fault::NeedleStuck, step);
        }
    }

    /// The same dot once more, from where the arm stands; after too many times it is left out.
    fn hop_again(&mut self, refusal: Refusal, step: &mut Step<'_>) {
        self.attempts = self.attempts.saturating_add(1);
        self.abandon_motion(step);
        if self.attempts >= self.limits.attempts {
            self.skip(refusal.into(), step);
        } else {
            self.enter(State::Approaching, step.now);
        }
    }

    fn permit<'t>(
        &self,
        target: &Target,
        nonce: u64,
        under_way: Option<f64>,
        step: &Step<'t>,
    ) -> Result<NeedlePermit<'t>, Refusal> {
        let case = Case {
            now: step.now,
            limits: &self.limits,
            sensed: step.sensed,
            target,
            settled: self.settled(),
            nonce,
            under_way,
        };
        mint(step.tick, &case)
    }
}

/// Asks for the intent's place on the disk while it is not there.
fn want_intent(target: &Target, step: &mut Step<'_>) {
    if step.sensed.intent != Some(target.dot) {
        step.out.need_intent = Some(target.dot);
    }
}

/// How that motion is doing; what is said of another one says nothing of it.
pub(crate) fn status(hop: HopId, sensed: &Sensed) -> MotionStatus {
    sensed
        .arm
        .filter(|arm| arm.hop == hop)
        .map_or(MotionStatus::Idle, |arm| arm.status)
}
