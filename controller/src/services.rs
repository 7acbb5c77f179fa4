//! What the session has others do: computing motions and writing the record, neither of which may happen in a tick.
//!
//! [`InlineServices`] does it at once (virtual time); [`ThreadedServices`] on two threads of its own (real time). The session sees no
//! difference but the delay.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use stipple_core::{Leg, Message, Micros, Waits};
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;
use stipple_model::plan::DotId;
use stipple_model::units::Length;

use crate::hops::{Hop, HopPlanner, HopRefusal, HopRequest};
use crate::record::{DotOutcome, Record, RecordError};
use crate::session::{Asked, Found, StopWanted};

/// Names a request; its answer carries the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticket(pub u64);

/// What the session asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A motion to a dot.
    Hop(Ticket, HopRequest),
    /// A motion off the head.
    Off {
        /// For the answer.
        ticket: Ticket,
        /// Up, or on to the station.
        leg: Leg,
        /// Where the arm rests.
        from: Joints,
        /// The head as tracked.
        base_from_head: Transform<Base, Head>,
    },
    /// For the record.
    Note(Note),
}

/// What the session wants in the record. Notes are written in the order they are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// Before a strike.
    Intent {
        /// For the answer.
        ticket: Ticket,
        /// Which dot.
        dot: DotId,
        /// Its layer.
        layer: u8,
        /// When.
        at: Micros,
    },
    /// The needle was never told to come out for this dot.
    Withdraw {
        /// Which dot.
        dot: DotId,
    },
    /// What became of a dot.
    Outcome {
        /// Which dot.
        dot: DotId,
        /// Its layer.
        layer: u8,
        /// What became of it.
        outcome: DotOutcome,
        /// When.
        at: Micros,
    },
    /// Something worth keeping.
    Event {
        /// A short fixed name.
        kind: &'static str,
        /// One sentence.
        detail: Said,
        /// When.
        at: Micros,
    },
}

/// The sentence of an event: made where it is written, since a tick takes no memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// As it is.
    Text(&'static str),
    /// A fault's name, its text and figures.
    Fault(Found),
    /// Why there is a pause, for what, who asked for it, and where the arm waits.
    Pause(Message, Option<StopWanted>, Asked, Option<Waits>),
    /// How long one was, why, for what and by whom.
    Break(Micros, Message, Option<StopWanted>, Asked),
    /// How well a registration fits, and how far the head is from where it is tracked.
    Registered(Length, Length),
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pause = |f: &mut std::fmt::Formatter<'_>,
                     why: Message,
                     stop: &Option<StopWanted>,
                     asked: &Asked| {
            f.write_str(why.text())?;
            if let Some(stop) = stop {
                write!(f, ": {stop}")?;
            }
            if let Some(by) = &asked.by {
                write!(f, " ({by})")?;
            }
            match &asked.reason {
                Some(reason) => write!(f, ": {reason}"),
                None => Ok(()),
            }
        };
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Registered(residual, moved) => write!(
                f,
                "residual {:.3} mm, {:.3} mm from where it is tracked",
                residual.mm(),
                moved.mm()
            ),
            Self::Fault(found) => write!(f, "{}: {found}", found.fault.row().name),
            Self::Pause(why, stop, asked, waits) => {
                pause(f, *why, stop, asked)?;
                waits.map_or(Ok(()), |waits| write!(f, "; {}", waits.text()))
            }
            Self::Break(lasted, why, stop, asked) => {
                write!(f, "{:.3} s: ", lasted.s())?;
                pause(f, *why, stop, asked)
            }
        }
    }
}

/// What comes back.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "motions are the most of it, and a box would be freed in the tick"
)]
pub enum Answer {
    /// A motion, or why there is none.
    Hop(Ticket, Result<Hop, HopRefusal>),
    /// The intent is on the disk.
    IntentDurable(Ticket),
    /// The outcome is on the disk.
    OutcomeDurable(DotId),
    /// The record could not be written.
    RecordFailed(RecordError),
}

/// Whoever does the work. Neither call may block.
pub trait Services {
    /// Hands work over.
    fn ask(&mut self, request: Request);
    /// The next answer, if one is there.
    fn answer(&mut self) -> Option<Answer>;
}

/// Turns the controller's monotonic time into wall-clock time for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// The wall clock, µs since 1970, when the monotonic clock showed zero.
    pub at_zero_us: i64,
}

impl WallClock {
    /// The wall clock at a moment, µs since 1970.
    #[must_use]
    pub fn at(&self, moment: Micros) -> i64 {
        self.at_zero_us.saturating_add_unsigned(moment.0)
    }
}

/// Does the work at once, in the call that asks for it.
pub struct InlineServices<P> {
    planner: P,
    record: Record,
    clock: WallClock,
    answers: VecDeque<Answer>,
}

impl<P: HopPlanner> InlineServices<P> {
    /// Over a planner and a record.
    #[must_use]
    pub fn new(planner: P, record: Record, clock: WallClock) -> Self {
        Self {
            planner,
            record,
            clock,
            answers: VecDeque::new(),
        }
    }

    /// The record, to read.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// The record, to close it in order.
    #[must_use]
    pub fn into_record(self) -> Record {
        self.record
    }
}

impl<P: HopPlanner> Services for InlineServices<P> {
    fn ask(&mut self, request: Request) {
        let answer = match request {
            Request::Note(note) => write(&mut self.record, self.clock, &note),
            Request::Hop(..) | Request::Off { .. } => compute(&mut self.planner, &request),
        };
        self.answers.extend(answer);
    }

    fn answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }
}

fn compute(planner: &mut impl HopPlanner, request: &Request) -> Option<Answer> {
    match request {
        Request::Hop(ticket, request) => Some(Answer::Hop(*ticket, planner.hop(request))),
        Request::Off {
            ticket,
            leg,
            from,
            base_from_head,
        } => {
            let (way, none) = match leg {
                Leg::Lift => (planner.lift(from, base_from_head), "no way up from here"),
                Leg::Park => (
                    planner.park(from, base_from_head),
                    "no way to the station from here",
                ),
            };
            if let Err(refusal) = &way {
                tracing::warn!(%refusal, "{none}");
            }
            Some(Answer::Hop(*ticket, way))
        }
        Request::Note(_) => None,
    }
}

fn write(record: &mut Record, clock: WallClock, note: &Note) -> Option<Answer> {
    let written = match note {
        Note::Intent {
            ticket,
            dot,
            layer,
            at,
        } => record
            .intent(*dot, *layer, clock.at(*at))
            .map(|()| Some(Answer::IntentDurable(*ticket))),
        Note::Withdraw { dot } => record.withdraw(*dot).map(|()| None),
        Note::Outcome {
            dot,
            layer,
            outcome,
            at,
        } => record
            .outcome(*dot, *layer, outcome, clock.at(*at))
            .map(|()| Some(Answer::OutcomeDurable(*dot))),
        Note::Event { kind, detail, at } => record
            .event(kind, &detail.to_string(), clock.at(*at))
            .map(|()| None),
    };
    written.unwrap_or_else(|error| {
        tracing::error!(%error, "the record failed");
        Some(Answer::RecordFailed(error))
    })
}

/// Motions that may be asked for and wait, and their answers. Source: own; a session asks for one hop and one way off at a time.
const MOTIONS: usize = 8;

/// Notes that may wait for the disk. Source: own; at four dots a second half a minute of a disk that stands still, long after the core has
/// stopped for it.
const NOTES: usize = 256;

/// Answers of the record that may wait.
const RECORDED: usize = 64;

/// Does the work on two threads: one computes motions, one writes the record. What goes to and fro waits in places made beforehand: neither
/// [`Services::ask`] nor [`Services::answer`] takes memory, waits, or gives any back.
pub struct ThreadedServices {
    motions: Option<SyncSender<Request>>,
    notes: Option<SyncSender<Note>>,
    hops: Option<Receiver<Answer>>,
    recorded: Option<Receiver<Answer>>,
    /// A note did not find a place: the record lacks it, and no other may follow.
    lost: Lost,
    planner: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<Record>>,
}

/// Whether a note was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    No,
    Yes,
    Told,
}

impl ThreadedServices {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start<P: HopPlanner + Send + 'static>(
        mut planner: P,
        mut record: Record,
        clock: WallClock,
    ) -> std::io::Result<Self> {
        let (found, hops) = sync_channel(MOTIONS);
        let (written, recorded) = sync_channel(RECORDED);
        let (motions, wanted) = sync_channel::<Request>(MOTIONS);
        let (notes, to_write) = sync_channel::<Note>(NOTES);
        let planner = std::thread::Builder::new()
            .name("hops".to_owned())
            .spawn(move || {
                while let Ok(request) = wanted.recv() {
                    if compute(&mut planner, &request).is_some_and(|a| found.send(a).is_err()) {
                        return;
                    }
                }
            })?;
        let writer = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || {
                while let Ok(note) = to_write.recv() {
                    if let Some(a) = write(&mut record, clock, &note) {
                        // A session that no longer listens still gets its notes written.
                        let _ = written.send(a);
                    }
                }
                record
            })?;
        Ok(Self {
            motions: Some(motions),
            notes: Some(notes),
            hops: Some(hops),
            recorded: Some(recorded),
            lost: Lost::No,
            planner: Some(planner),
            writer: Some(writer),
        })
    }

    /// Waits until every note is written, ends the threads and gives the record back; `None` when the writer is gone.
    #[must_use]
    pub fn finish(mut self) -> Option<Record> {
        self.close()
    }

    fn close(&mut self) -> Option<Record> {
        self.motions = None;
        self.notes = None;
        // Nobody takes an answer any more: who waits for a place for one waits in vain.
        self.hops = None;
        self.recorded = None;
        if let Some(planner) = self.planner.take() {
            // A planner that panicked has nothing left to say.
            let _ = planner.join();
        }
        self.writer.take().and_then(|writer| writer.join().ok())
    }
}

impl Drop for ThreadedServices {
    fn drop(&mut self) {
        self.close();
    }
}

impl Services for ThreadedServices {
    fn ask(&mut self, request: Request) {
        // A thread that is gone, or that does not come to it, answers nothing; the core's timeouts turn that into a fault.
        match request {
            Request::Note(note) => {
                let notes = self.notes.as_ref().filter(|_| self.lost == Lost::No);
                if let Some(notes) = notes
                    && let Err(TrySendError::Full(_)) = notes.try_send(note)
                {
                    self.lost = Lost::Yes;
                }
            }
            motion => {
                if let Some(motions) = &self.motions {
                    let _ = motions.try_send(motion);
                }
            }
        }
    }

    fn answer(&mut self) -> Option<Answer> {
        if self.lost == Lost::Yes {
            self.lost = Lost::Told;
            return Some(Answer::RecordFailed(RecordError::Behind { notes: NOTES }));
        }
        let next = |from: &Option<Receiver<Answer>>| from.as_ref()?.try_recv().ok();
        next(&self.hops).or_else(|| next(&self.recorded))
    }
}
