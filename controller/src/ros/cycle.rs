//! The control loop: one thread that ticks the session every 2 ms and never touches ROS.
//!
//! What it needs comes in through [`Inputs`] and [`Errand`]s; what it has to say leaves as [`Event`]s and through
//! the ports. None of these waits for what is not real time: where the other end is at it, a tick goes on with what it knew, and says again
//! in the next what it could not say. What is left are the locks within tokio that wake a task, held for some instructions.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stipple_core::{Command, Denied, Message, NeedleCommand, State};
use stipple_model::digest::Digest;
use tokio::sync::oneshot;

use super::arm::NodeArm;
use super::handoff::{Giver, NotNow, Taker, handoff};
use super::inputs::{Inputs, Look, RosHead, RosOperator};
use super::load::{About, Loaded};
use super::needle::RosNeedle;
use super::program::{Clock, Ending, ProgramError, Urgency, thread, urgent};
use crate::ports::{NeedlePort as _, Ports};
use crate::registration::Registration;
use crate::rt::{Pace, Pacer};
use crate::session::{
    Asked, DotResult, Progress, Registered, Selection, SessionView, StopBy, StopWanted,
};

/// From tick to tick.
const PERIOD: Duration = Duration::from_millis(2);

/// What may wait to be told. Source: own; some seconds of a node that does not come to it.
const EVENTS: usize = 256;

/// Errands that may wait. Source: own; each is asked for by somebody who waits for its answer.
const ERRANDS: usize = 64;

/// What hands errands to the loop.
pub type Errands = Arc<Giver<Errand>>;

/// What the loop is asked to do between two ticks.
pub enum Errand {
    /// Start on a selection.
    Start(Selection, oneshot::Sender<Result<(), String>>),
    /// Any other command of the operator.
    Command(Command, oneshot::Sender<Result<(), String>>),
    /// Stop, for the node's own reason.
    Stop(StopBy, oneshot::Sender<Result<(), String>>),
    /// Pause, as asked for.
    Pause(Asked, oneshot::Sender<Result<(), String>>),
    /// Say what must be there when a layer is started now; none without a plan.
    Begins(u8, oneshot::Sender<Option<StopWanted>>),
    /// Say how the session stands, with all that was asked before done; none without a plan.
    Look(oneshot::Sender<Option<Standing>>),
    /// Give the plan back, if its session is over.
    Release(oneshot::Sender<Result<Option<Box<Loaded>>, Standing>>),
    /// Take a registration of the head of the plan of that digest.
    Register(Digest, Registration, oneshot::Sender<Result<(), String>>),
    /// Take a plan.
    Install(Box<Loaded>),
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// The arm was seen to rest, and the needle to be in, in the last tick.
    pub at_rest: bool,
}

impl Standing {
    /// Whether the node has nothing to take care of: nothing is under way, and after a fault arm and needle have come to rest.
    #[must_use]
    pub fn is_over(self) -> bool {
        match self.state {
            State::Faulted => self.at_rest,
            state => !state.active() && state != State::Paused,
        }
    }
}

/// What the loop has to say.
#[allow(
    clippy::large_enum_variant,
    reason = "a tick makes it, and takes no memory"
)]
pub enum Event {
    /// Something about the state has changed.
    State(SessionView, Option<Arc<About>>, PausedBy),
    /// The record holds a dot's outcome.
    Result(DotResult, Arc<About>),
}

/// Who wants a pause, as long as there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PausedBy {
    /// The session itself, if at all.
    #[default]
    Session,
    /// Somebody who called `~/pause`, whatever else holds it up by now. Theirs to resume.
    Operator,
}

impl PausedBy {
    /// After a command that was accepted; one that was refused changes nothing.
    const fn after(command: Command) -> Self {
        match command {
            Command::Pause => Self::Operator,
            Command::Start | Command::Resume | Command::Stop | Command::ClearFault => Self::Session,
        }
    }
}

/// A running loop.
pub struct Cycle {
    /// Takes errands.
    pub errands: Errands,
    /// How it keeps its time.
    pub pace: Arc<Pace>,
    ending: Ending,
    thread: JoinHandle<Option<Box<Loaded>>>,
}

impl Cycle {
    /// Starts it; what it has to say comes out of the other half.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        clock: Clock,
        inputs: Arc<Inputs>,
        arm: Box<dyn NodeArm>,
        needle: RosNeedle,
    ) -> Result<(Self, Taker<Event>), ProgramError> {
        let (errands, wanted) = handoff(ERRANDS);
        let (say, events) = handoff(EVENTS);
        let (pace, ending) = (Arc::new(Pace::default()), Ending::default());
        let run = Loop {
            clock,
            inputs,
            arm,
            needle,
            head: RosHead::default(),
            operator: RosOperator::default(),
            loaded: None,
            wanted,
            look: Look::default(),
            untold: None,
            answer: None,
            paused_by: PausedBy::default(),
            say,
            said: None,
            pace: Arc::clone(&pace),
        };
        let until = ending.clone();
        let thread = thread("cycle", move || run.run(&until))?;
        let cycle = Self {
            errands: Arc::new(errands),
            pace,
            ending,
            thread,
        };
        Ok((cycle, events))
    }

    /// Whether it has ended, by itself or not.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it; from here on the needle device hears nothing. Gives back what was loaded.
    #[must_use]
    pub fn finish(self) -> Option<Box<Loaded>> {
        self.ending.ask();
        self.thread.join().ok().flatten()
    }
}

struct Loop {
    clock: Clock,
    inputs: Arc<Inputs>,
    arm: Box<dyn NodeArm>,
    needle: RosNeedle,
    head: RosHead,
    operator: RosOperator,
    loaded: Option<Box<Loaded>>,
    wanted: Taker<Errand>,
    look: Look,
    /// An outcome that could not be told yet.
    untold: Option<Event>,
    paused_by: PausedBy,
    /// Of the command that the next tick takes.
    answer: Option<(Command, oneshot::Sender<Result<(), String>>)>,
    say: Giver<Event>,
    said: Option<(SessionView, PausedBy)>,
    pace: Arc<Pace>,
}

/// Where a node without a plan stands.
const NOTHING_LOADED: SessionView = SessionView {
    state: State::Safe,
    fault: None,
    found: None,
    besides: None,
    message: Message::NoPlan,
    layer: None,
    dot: None,
    progress: Progress {
        planned: 0,
        placed: 0,
        skipped: 0,
        in_doubt: 0,
    },
    registered: Registered::NotNeeded,
    registration: None,
    finished: false,
    waits: None,
    lacks: None,
    stopped_by: StopBy::Operator,
    stop: None,
    reply: None,
};

impl Loop {
    fn run(mut self, ending: &Ending) -> Option<Box<Loaded>> {
        // Without it nothing but a simulation was let in, or with a word in every report.
        let _ = urgent(Urgency::Loop);
        let mut pacer = Pacer::start(PERIOD);
        while !ending.asked() {
            // At most one command a tick: each has its own answer.
            while self.answer.is_none() {
                let Some(errand) = self.wanted.try_take() else {
                    break;
                };
                self.run_errand(errand);
            }
            self.tick();
            self.pace.count(pacer.wait());
        }
        self.loaded
    }

    fn run_errand(&mut self, errand: Errand) {
        // Whoever asked may be gone; what was asked for is done all the same.
        match (errand, self.loaded.as_mut()) {
            (Errand::Start(_, answer), None) => {
                let _ = answer.send(Err("no plan is loaded; load one first".to_owned()));
            }
            (Errand::Start(selection, answer), Some(loaded)) => {
                match loaded.session.start(selection) {
                    Ok(()) => {
                        self.answer = Some((Command::Start, answer));
                    }
                    Err(error) => {
                        let _ = answer.send(Err(error.to_string()));
                    }
                }
            }
            (Errand::Command(Command::Stop, answer) | Errand::Stop(_, answer), None) => {
                // Without a plan nothing of ours moves; whatever else does shall stop.
                let _ = answer.send(self.arm.cancel().map_err(|error| error.to_string()));
            }
            (Errand::Register(_, _, answer), None)
            | (Errand::Command(_, answer) | Errand::Pause(_, answer), None) => {
                let _ = answer.send(Err("no plan is loaded".to_owned()));
            }
            (Errand::Command(command, answer), Some(loaded)) => {
                loaded.session.command(command);
                self.answer = Some((command, answer));
            }
            (Errand::Stop(by, answer), Some(loaded)) => {
                loaded.session.stop_by(by);
                self.answer = Some((Command::Stop, answer));
            }
            (Errand::Pause(asked, answer), Some(loaded)) => {
                loaded.session.pause_asked(asked);
                loaded.session.command(Command::Pause);
                self.answer = Some((Command::Pause, answer));
            }
            (Errand::Register(plan, registration, answer), Some(loaded)) => {
                // Laid onto one head, it says nothing of another.
                let taken = if plan == loaded.session.digest() {
                    let taken = loaded.session.register(registration);
                    taken.map_err(|error| error.to_string())
                } else {
                    Err("another plan was loaded meanwhile: register again".to_owned())
                };
                let _ = answer.send(taken);
            }
            (Errand::Begins(layer, answer), loaded) => {
                let _ = answer.send(loaded.map(|l| l.session.begins(layer)));
            }
            (Errand::Look(answer), loaded) => {
                let _ = answer.send(loaded.map(|l| Standing {
                    state: l.session.state(),
                    at_rest: l.session.at_rest(),
                }));
            }
            (Errand::Release(answer), loaded) => {
                let standing = loaded.map(|l| Standing {
                    state: l.session.state(),
                    at_rest: l.session.at_rest(),
                });
                let _ = answer.send(match standing.filter(|s| !may_load(*s)) {
                    Some(standing) => Err(standing),
                    None => Ok(self.loaded.take()),
                });
            }
            (Errand::Install(loaded), _) => {
                self.arm.begin_plan(loaded.session.joint_names());
                self.paused_by = PausedBy::Session;
                // The joints are read in another order.
                self.look = Look::default();
                self.loaded = Some(loaded);
            }
        }
    }

    fn tick(&mut self) {
        // Looked at before the moment is read: what arrives in between would seem to come from the future.
        self.needle.tick = Instant::now();
        let look = self.inputs.look(&self.look);
        self.look = look;
        (self.needle.report, self.head.0) = (look.needle, look.head);
        self.operator.0 = look.operator;
        let now = self.clock.now();
        self.arm.look(now, look.joints);
        let Some(loaded) = self.loaded.as_mut() else {
            // An idle node still tells the device to keep the needle in.
            let _ = self.needle.command(&NeedleCommand::Retract);
            self.tell(NOTHING_LOADED);
            return;
        };
        let mut ports = Ports {
            arm: &mut *self.arm,
            needle: &mut self.needle,
            head: &mut self.head,
            operator: &mut self.operator,
        };
        let mut view = loaded.session.tick(now, &mut ports, &mut loaded.services);
        if let Some((command, answer)) = self.answer.take() {
            let reply = view.reply.unwrap_or(Ok(()));
            if reply.is_ok() {
                self.paused_by = PausedBy::after(command);
            }
            let _ = answer.send(reply.map_err(|denied| why_not(denied, view.state)));
        }
        loop {
            let next = self.untold.take().or_else(|| {
                let result = loaded.session.next_result()?;
                Some(Event::Result(result, Arc::clone(&loaded.about)))
            });
            let Some(next) = next else { break };
            // The record has it, should nobody be told.
            if let Err(NotNow::Busy(next)) = self.say.try_give(next) {
                self.untold = Some(next);
                break;
            }
        }
        view.reply = None;
        self.tell(view);
    }

    fn tell(&mut self, view: SessionView) {
        if self.said != Some((view, self.paused_by)) {
            let about = self.loaded.as_ref().map(|l| Arc::clone(&l.about));
            let event = Event::State(view, about, self.paused_by);
            // What finds no place is said again in the next tick.
            if self.say.try_give(event).is_ok() {
                self.said = Some((view, self.paused_by));
            }
        }
    }
}

/// Why a command was not obeyed, and what would help.
fn why_not(denied: Denied, state: State) -> String {
    match (denied, state) {
        (Denied::State, State::Stopped | State::Faulted) => format!(
            "not possible while the session is {}: ~/clear_fault, then ~/start",
            state.name()
        ),
        (Denied::State, _) => format!("not possible while the session is {}", state.name()),
        _ => denied.text().to_owned(),
    }
}

/// Whether a plan may be loaded: nothing moves and nothing is half done. After a fault it may because some are cleared by nothing else, but only
/// once arm and needle rest: a new session knows nothing of what the old one is cancelling.
#[must_use]
pub const fn may_load(standing: Standing) -> bool {
    match standing.state {
        State::Safe | State::Ready => true,
        State::Stopped | State::Faulted => standing.at_rest,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H14.
    #[test]
    fn a_session_that_has_failed_is_over_once_arm_and_needle_rest() {
        let standing = |state, at_rest| Standing { state, at_rest };
        assert!(!standing(State::Faulted, false).is_over());
        assert!(standing(State::Faulted, true).is_over());
        for state in [State::Paused, State::Stopping, State::Dwelling] {
            assert!(!standing(state, true).is_over());
        }
        for state in [State::Stopped, State::Safe, State::Ready] {
            assert!(standing(state, false).is_over());
        }
    }

    /// H14: a stop and a fault stay until what they ended rests.
    #[test]
    fn a_plan_is_loaded_only_over_what_rests() {
        let may = |state, at_rest| may_load(Standing { state, at_rest });
        for state in [State::Stopped, State::Faulted] {
            assert!(may(state, true) && !may(state, false), "{state:?}");
        }
        assert!(may(State::Safe, false) && may(State::Ready, false));
        for state in [
            State::Paused,
            State::Pausing,
            State::Stopping,
            State::Dwelling,
        ] {
            assert!(!may(state, true), "{state:?}");
        }
    }

    #[test]
    fn who_is_refused_hears_in_which_state_and_what_to_do() {
        assert_eq!(
            why_not(Denied::State, State::Stopped),
            "not possible while the session is stopped: ~/clear_fault, then ~/start"
        );
        assert_eq!(
            why_not(Denied::State, State::Ready),
            "not possible while the session is ready"
        );
        assert_eq!(why_not(Denied::Head, State::Stopped), Denied::Head.text());
    }

    #[test]
    fn a_pause_that_was_asked_for_stays_its_askers() {
        assert_eq!(PausedBy::default(), PausedBy::Session);
        assert_eq!(PausedBy::after(Command::Pause), PausedBy::Operator);
        for ends in [Command::Resume, Command::Stop, Command::Start] {
            assert_eq!(PausedBy::after(ends), PausedBy::Session);
        }
    }
}
