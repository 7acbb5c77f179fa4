//! The step: guards, then the operator, then the state.

use crate::fault::{Fault, Reaction};
use crate::limits::Limits;
use crate::output::{
    ArmCommand, Denied, Doubt, Message, NeedleCommand, Outcome, Output, Skip, Waits,
};
use crate::permit::{Refusal, Tick};
use crate::queue::Queue;
use crate::sensed::{Command, HopId, Leg, MotionStatus, Sensed};
use crate::state::State;
use crate::strike::Strike;
use crate::time::Micros;
use crate::work::status;

/// The state machine; see [`State`] for its diagram.
///
/// It is told everything through [`Core::step`] and knows nothing else.
#[derive(Debug, Clone)]
pub struct Core {
    pub(crate) limits: Limits,
    pub(crate) state: State,
    /// When the state was entered.
    pub(crate) since: Micros,
    /// The last tick.
    pub(crate) last: Option<Micros>,
    pub(crate) fault: Option<Fault>,
    /// The gravest that was found after it.
    pub(crate) besides: Option<Fault>,
    /// Needle in and arm at rest were seen since the state was entered, or that they were not was told.
    pub(crate) confirmed: bool,
    pub(crate) message: Message,
    pub(crate) finished: bool,
    /// The motion the arm was told to follow and has not ended.
    pub(crate) moving: Option<HopId>,
    /// A motion that is no longer wanted and not known to have ended: it may yet be taken on.
    pub(crate) ending: Option<Ending>,
    /// When the last motion that did not come to its end was given up.
    pub(crate) given_up: Option<Micros>,
    /// Since when the approach waits, or moves.
    pub(crate) leg_since: Micros,
    /// Since when nothing but the hop is missing.
    pub(crate) hop_since: Micros,
    /// The extension commanded and not yet accounted for.
    pub(crate) strike: Option<Strike>,
    /// Nonce of the last strike.
    pub(crate) nonce: u64,
    /// First tick that commanded the needle in after the last extension.
    pub(crate) retract_since: Option<Micros>,
    /// Arrival of the first joint state of those at rest that came in a row.
    pub(crate) rest_since: Option<Micros>,
    /// Arrival of the last of them.
    pub(crate) rest_seen: Option<Micros>,
    /// Joint states that arrived until then say nothing of the rest: the arm was told, or said, something after them.
    pub(crate) rest_after: Option<Micros>,
    pub(crate) calm_since: Option<Micros>,
    /// Since when the work waits for the head to calm down, and for nothing else.
    pub(crate) restless_since: Option<Micros>,
    /// The operator's lease under which the work was started or resumed.
    pub(crate) lease: Option<u64>,
    /// Hops to the first target that did not end in a strike.
    pub(crate) attempts: u8,
    /// Motions that failed one after another.
    pub(crate) failures: u8,
    pub(crate) skips_in_row: u16,
    /// Strikes one after another in which the needle did not go where it was told.
    pub(crate) doubts_in_row: u16,
    /// The force has shown where the skin is, in a dot that was placed: it does so in each.
    pub(crate) feels: bool,
    /// When the last report of a needle without a strike arrived, and the forces in that and the one before, N.
    pub(crate) idle: (Micros, [f64; 2]),
    /// When the last strike was accounted for.
    pub(crate) struck: Option<Micros>,
    /// The pause is the plan's stop before the first target.
    pub(crate) at_stop: bool,
    /// What the pause on its way leads to.
    pub(crate) after: After,
    /// The way off the head.
    pub(crate) off: Off,
    pub(crate) waits: Option<Waits>,
    /// Lifted off a restless head, as far as that went, and not back yet.
    pub(crate) lifted: bool,
    /// The last cancel.
    pub(crate) cancelled_at: Option<Micros>,
}

/// A motion on its way to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub hop: HopId,
    /// Since when it is no longer wanted.
    pub since: Micros,
    /// The arm was seen to have taken it on.
    pub taken_on: bool,
}

/// What a pause leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Pause,
    Finish,
    /// Back to the work: the arm only lifts, off a head that does not hold still.
    GoOn,
    /// The fault that is latched: the arm only lifts.
    Fault,
}

/// How far the way off the head has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Off {
    pub leg: Leg,
    /// Since when the leg is wanted, or has ended.
    pub since: Micros,
    /// It was asked for: what is said of it is said of this one.
    pub asked: bool,
    /// How often it was broken off.
    pub broken_off: u8,
    /// How it ended; what is left is that the arm rests.
    pub end: Option<LegEnd>,
}

/// How a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegEnd {
    Made,
    GivenUp,
}

/// One tick's inputs and output.
pub(crate) struct Step<'a> {
    pub now: Micros,
    pub sensed: &'a Sensed,
    pub queue: &'a mut Queue,
    pub tick: &'a Tick,
    pub out: Output,
}

impl Core {
    /// A core in [`State::Safe`]. Strikes are numbered upwards from `first_nonce`, which must be larger than any nonce the needle device
    /// has seen.
    #[must_use]
    pub const fn new(limits: Limits, first_nonce: u64) -> Self {
        Self {
            limits,
            state: State::Safe,
            since: Micros::ZERO,
            last: None,
            fault: None,
            besides: None,
            confirmed: false,
            message: Message::NoPlan,
            finished: false,
            moving: None,
            ending: None,
            given_up: None,
            leg_since: Micros::ZERO,
            hop_since: Micros::ZERO,
            strike: None,
            nonce: first_nonce,
            retract_since: None,
            rest_since: None,
            rest_seen: None,
            rest_after: None,
            calm_since: None,
            restless_since: None,
            lease: None,
            attempts: 0,
            failures: 0,
            skips_in_row: 0,
            doubts_in_row: 0,
            feels: limits.feels,
            idle: (Micros::ZERO, [0.0; 2]),
            struck: None,
            at_stop: false,
            after: After::Pause,
            off: Off::begin(Leg::Lift, Micros::ZERO),
            waits: None,
            lifted: false,
            cancelled_at: None,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Why it stands where it stands.
    #[must_use]
    pub const fn message(&self) -> Message {
        self.message
    }

    /// The figures it decides by.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// One tick: what arm and needle do now. `now` rises from call to call; when it does not, that is a fault.
    pub fn step(&mut self, now: Micros, sensed: &Sensed, queue: &mut Queue) -> Output {
        let tick = Tick::begin();
        let mut step = Step {
            now,
            sensed,
            queue,
            tick: &tick,
            out: Output::quiet(),
        };
        self.observe(now, sensed);
        self.watch_ending(now, sensed);
        let fault = self.guard(now, sensed);
        if let Some(fault) = fault {
            self.fail(fault, &mut step);
        }
        step.out.reply = sensed.command.map(|command| match (command, fault) {
            // Nobody acknowledges what nobody has seen yet.
            (Command::ClearFault, Some(_)) => Err(Denied::State),
            _ => self.obey(command, &mut step),
        });
        self.run(&mut step);
        if matches!(step.out.needle, NeedleCommand::Extend(_)) {
            self.retract_since = None;
        } else if self.strike.is_some() {
            self.retract_since = self.retract_since.or(Some(now));
        }
        self.last = Some(now);
        step.out.state = self.state;
        step.out.fault = self.fault;
        step.out.besides = self.besides;
        step.out.message = self.message;
        step.out.finished = self.finished;
        step.out.waits = self.waits;
        step.out
    }

    fn run(&mut self, step: &mut Step<'_>) {
        match self.state {
            State::Safe | State::Ready => self.rest(step),
            State::Approaching => self.approach(step),
            State::Hovering => self.hover(step),
            State::Verifying => self.verify(step),
            State::Extending => self.extend(step),
            State::Dwelling => self.dwell(step),
            State::Retracting => self.retract(step),
            State::Pausing => self.pause(step),
            State::Stopping => self.stop(step),
            State::Faulted => self.hold_still(step),
            State::Paused | State::Stopped => self.stay_still(step),
        }
    }

    fn rest(&mut self, step: &mut Step<'_>) {
        step.out.lacks = self.healthy(step.now, step.sensed).err();
        let healthy = step.out.lacks.is_none();
        let next = if step.sensed.admitted && healthy {
            State::Ready
        } else {
            State::Safe
        };
        if next != self.state {
            self.enter(next, step.now);
        }
        self.message = match (step.sensed.admitted, healthy) {
            (false, _) => Message::NoPlan,
            (true, false) => Message::NotHealthy,
            (true, true) if self.finished => Message::Finished,
            (true, true) => Message::MayStart,
        };
    }

    pub(crate) fn enter(&mut self, state: State, now: Micros) {
        if !matches!(state, State::Paused | State::Ready) {
            self.waits = None;
        }
        self.state = state;
        self.since = now;
        self.leg_since = now;
        self.hop_since = now;
        self.restless_since = None;
        self.confirmed = false;
    }

    /// Notes what is found after the first fault.
    pub(crate) fn note_besides(&mut self, fault: Fault) {
        let graver = self.besides.is_none_or(|b| fault.weight() > b.weight());
        if self.fault != Some(fault) && graver {
            self.besides = Some(fault);
        }
    }

    /// Latches a fault: the needle goes in, the arm's motion ends, a strike under way is accounted for with what is known.
    pub(crate) fn fail(&mut self, fault: Fault, step: &mut Step<'_>) {
        // The first fault is the cause; what follows from it does not hide it, but is told besides.
        let first = self.fault.is_none();
        let cause = *self.fault.get_or_insert(fault);
        self.note_besides(fault);
        let reaction = fault.row().reaction;
        self.cut_short(Doubt::Fault(cause));
        if self.strike.is_some() {
            // From here on the needle is told to go in; a report from before knows nothing of that.
            self.retract_since = self.retract_since.or(Some(step.now));
        }
        self.abandon_motion(step);
        if reaction != Reaction::RetractHold {
            self.cancel(step);
        }
        step.out.needle = NeedleCommand::Retract;
        self.message = Message::Fault;
        let may_move = self.state.working() || self.state == State::Pausing;
        if reaction == Reaction::RetractLift && first && may_move {
            self.after = After::Fault;
            self.lift_off(step.now);
        } else {
            self.settle_strike(step);
            self.enter(State::Faulted, step.now);
        }
    }

    /// The hop of the first target no longer starts where the arm stands, and the motion under way is no longer wanted.
    pub(crate) fn abandon_motion(&mut self, step: &mut Step<'_>) {
        if let Some(hop) = self.moving.take() {
            self.given_up = Some(step.now);
            self.ending = Some(Ending {
                hop,
                since: step.now,
                taken_on: status(hop, step.sensed) == MotionStatus::Active,
            });
        }
        if let Some(dot) = step.queue.front().map(|t| t.dot) {
            step.queue.set_hop(dot, None);
        }
    }

    /// Watches the end of the motion that is no longer wanted.
    pub(crate) fn watch_ending(&mut self, now: Micros, sensed: &Sensed) {
        let Some(ending) = &mut self.ending else {
            return;
        };
        let ended = match status(ending.hop, sensed) {
            MotionStatus::Succeeded | MotionStatus::Failed(_) => true,
            // Nobody knows of it; nor will anybody, after that time.
            MotionStatus::Idle => now.passed(ending.since, self.limits.timeouts.accept),
            MotionStatus::Pending => false,
            MotionStatus::Active => {
                if !ending.taken_on {
                    ending.taken_on = true;
                    // The cancels so far went to an arm that did not know of it.
                    self.cancelled_at = None;
                }
                false
            }
        };
        if ended {
            self.ending = None;
        }
    }

    pub(crate) fn cancel(&mut self, step: &mut Step<'_>) {
        step.out.arm = ArmCommand::Cancel;
        self.cancelled_at = Some(step.now);
        self.rest_anew(step.now);
    }

    /// Rest counts from the next joint state on.
    pub(crate) const fn rest_anew(&mut self, now: Micros) {
        self.rest_since = None;
        self.rest_after = Some(now);
    }

    /// Cancels again and again while the arm does not rest, or a motion that is no longer wanted has not ended.
    pub(crate) fn cancel_until_rest(&mut self, step: &mut Step<'_>) {
        let again = self
            .cancelled_at
            .is_none_or(|at| step.now.passed(at, self.limits.timeouts.cancel_again));
        if (self.rest_since.is_none() || self.ending.is_some()) && again {
            self.cancel(step);
        }
    }

    /// Notes what ends the strike under way, unless something has before.
    pub(crate) const fn cut_short(&mut self, doubt: Doubt) {
        if let Some(strike) = &mut self.strike
            && strike.ended.is_none()
        {
            strike.ended = Some(doubt);
        }
    }

    /// Says what became of the strike under way and takes its target out of the queue.
    pub(crate) fn settle_strike(&mut self, step: &mut Step<'_>) {
        let Some(strike) = self.strike.take() else {
            return;
        };
        let is_felt = strike.touch.met.is_some();
        let outcome = match strike.placed(&self.limits) {
            None if strike.is_early(&self.limits) => {
                Outcome::InDoubt(strike.ended.unwrap_or(Doubt::Guard(Refusal::Contact)))
            }
            None => Outcome::InDoubt(strike.ended.unwrap_or(Doubt::Short)),
            Some(_) if self.feels && !strike.touch.felt => {
                Outcome::InDoubt(strike.ended.unwrap_or(Doubt::Unfelt))
            }
            Some(depth) => {
                self.feels |= is_felt;
                Outcome::Placed {
                    depth,
                    lateral: strike.lateral,
                }
            }
        };
        self.doubts_in_row = match outcome {
            Outcome::InDoubt(
                Doubt::Slow
                | Doubt::Short
                | Doubt::Unfelt
                | Doubt::Guard(Refusal::Contact | Refusal::Needle),
            ) => self.doubts_in_row.saturating_add(1),
            Outcome::Placed { .. } => 0,
            // Something else ended it.
            _ => self.doubts_in_row,
        };
        step.out.outcome = Some((strike.dot, outcome));
        self.struck = Some(step.now);
        if step.queue.front().is_some_and(|t| t.dot == strike.dot) {
            step.queue.pop();
        }
        self.attempts = 0;
        self.skips_in_row = 0;
    }

    /// Leaves the first target out.
    pub(crate) fn skip(&mut self, reason: Skip, step: &mut Step<'_>) {
        if let Some(target) = step.queue.pop() {
            step.out.outcome = Some((target.dot, Outcome::Skipped(reason)));
        }
        self.attempts = 0;
        self.skips_in_row = self.skips_in_row.saturating_add(1);
        if self.skips_in_row >= self.limits.skips_in_row {
            self.begin_pause(After::Pause, Message::TooManySkips, step);
        } else {
            self.enter(State::Approaching, step.now);
        }
    }
}

impl Output {
    /// Needle in, arm left alone.
    const fn quiet() -> Self {
        Self {
            arm: ArmCommand::None,
            needle: NeedleCommand::Retract,
            need_hop: None,
            need_intent: None,
            need_off: None,
            outcome: None,
            reply: None,
            state: State::Safe,
            fault: None,
            besides: None,
            message: Message::NoPlan,
            finished: false,
            waits: None,
            lacks: None,
        }
    }
}
