//! The simulated operator: a person who looks at the screen, takes their time, and does what it says.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::Micros;
use stipple_controller::session::{Selection, StartError};
use stipple_core::{Clears, Command, Denied, Fault, Message, State, Waits};

use crate::chance::uniform;
use crate::rig::Rig;

/// What a person takes until they act on what they see, at least and at most, seconds. Source: own.
const TAKES: (f64, f64) = (0.5, 4.0);

/// After so long in one state that waits for them, whatever they did, they load the plan again. Source: own, a patient person.
const AT_A_LOSS: Micros = Micros::from_ms(30_000);

/// The operator.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    rng: ChaCha8Rng,
    /// What they are about to do something about, and when.
    about: Option<(State, Micros)>,
    /// The state that waits, and since when.
    waiting: Option<(State, Micros)>,
    /// Chance of a pause, a stop, and a command that makes no sense, each second of work.
    whims: f64,
    next_whim: Option<Micros>,
    /// How many dots of the record are to be done in the end.
    goal: Option<u32>,
    done: bool,
}

impl Operator {
    /// One who only does what is needed.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(6);
        Self {
            rng,
            about: None,
            waiting: None,
            whims: 0.0,
            next_whim: None,
            goal: None,
            done: false,
        }
    }

    /// One who also pauses, stops, and presses what makes no sense, as often a second.
    pub fn with_whims(mut self, a_second: f64) -> Self {
        self.whims = a_second;
        self
    }

    /// From now on only what is needed.
    pub fn calm_down(&mut self) {
        self.whims = 0.0;
        self.next_whim = None;
    }

    /// Whether there is nothing left to do.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Sees to the session in one tick. A session that is ready is started on the selection.
    pub fn tend(&mut self, rig: &mut Rig, selection: Selection) {
        if !rig.is_up() || self.done {
            self.about = None;
            return;
        }
        let (now, state) = (rig.now(), rig.view().state);
        self.note_goal(rig);
        if rig.view().reply == Some(Err(Denied::Reload)) {
            rig.reload();
            self.about = None;
            return;
        }
        if self.is_at_a_loss(state, now) {
            rig.reload();
            self.about = None;
            return;
        }
        if self.whim(rig, now) {
            return;
        }
        let waits = matches!(
            state,
            State::Ready | State::Paused | State::Faulted | State::Stopped
        );
        if !waits {
            self.about = None;
            return;
        }
        let at = match self.about {
            Some((about, at)) if about == state => at,
            _ => {
                let (least, most) = TAKES;
                let takes = Micros((uniform(&mut self.rng, least, most) * 1e6) as u64);
                now.after(takes)
            }
        };
        self.about = Some((state, at));
        if now >= at {
            self.about = None;
            self.act(rig, state, selection);
        }
    }

    /// Whether the session has stood in this state for so long that nothing seems to help.
    fn is_at_a_loss(&mut self, state: State, now: Micros) -> bool {
        let since = match self.waiting {
            Some((before, since)) if before == state && !state.active() => since,
            _ => now,
        };
        let lost = now.passed(since, AT_A_LOSS);
        self.waiting = Some((state, if lost { now } else { since }));
        lost
    }

    fn act(&mut self, rig: &mut Rig, state: State, selection: Selection) {
        // As the screen says.
        if rig.view().waits == Some(Waits::OverHead) {
            rig.free_arm();
        }
        match state {
            State::Ready => self.start(rig, selection),
            State::Paused => {
                // As the screen says.
                if rig.view().message == Message::Stuck {
                    rig.free_arm();
                }
                rig.command(Command::Resume);
            }
            State::Faulted | State::Stopped => {
                let reload = rig
                    .view()
                    .fault
                    .is_some_and(|fault| fault.row().clears == Clears::Reload);
                if reload {
                    rig.reload();
                } else {
                    // From such a place the controller moves the arm no way at all: a person has to.
                    if rig.view().fault.is_some_and(misplaced) {
                        rig.free_arm();
                    }
                    rig.command(Command::ClearFault);
                }
            }
            _ => {}
        }
    }

    /// Starts on what is left of the selection; a process that began anew knows only what is done.
    fn start(&mut self, rig: &mut Rig, selection: Selection) {
        let left = self.goal.map(|goal| goal.saturating_sub(done(rig)));
        let max_dots = selection.max_dots.and(left).or(selection.max_dots);
        if max_dots == Some(0) {
            self.done = true;
            return;
        }
        let selection = Selection {
            max_dots,
            ..selection
        };
        if matches!(rig.start(selection), Err(StartError::NothingLeft { .. })) {
            self.done = true;
        }
    }

    fn note_goal(&mut self, rig: &Rig) {
        let progress = rig.view().progress;
        if self.goal.is_none() && progress.planned > 0 {
            self.goal = Some(done(rig) + progress.remaining());
        }
    }

    /// Now and then a person does what nobody needs.
    fn whim(&mut self, rig: &mut Rig, now: Micros) -> bool {
        if self.whims <= 0.0 {
            return false;
        }
        let next = match self.next_whim {
            Some(next) => next,
            None => {
                let wait = -(1.0 - uniform(&mut self.rng, 0.0, 0.999)).ln() / self.whims;
                now.after(Micros((wait * 1e6) as u64))
            }
        };
        self.next_whim = Some(next);
        if now < next {
            return false;
        }
        self.next_whim = None;
        let command = match self.rng.next_u64() % 6 {
            0 | 1 => Command::Pause,
            2 | 3 => Command::Stop,
            4 => Command::ClearFault,
            _ => Command::Resume,
        };
        rig.command(command);
        true
    }
}

/// How many dots of the record are done.
fn done(rig: &Rig) -> u32 {
    u32::try_from(rig.session().done_count()).unwrap_or(u32::MAX)
}

/// Whether the arm stands where it may not be.
const fn misplaced(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::TipTooNear | Fault::TipOffPatch | Fault::KeepOutNear | Fault::JointOutside
    )
}
