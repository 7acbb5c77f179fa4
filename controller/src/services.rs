//! What the session has others do: computing motions and writing the record, neither of which may happen in a tick.
//!
//! [`InlineServices`] does it at once (virtual time); [`ThreadedServices`] on two threads of its own (real time). The session sees no
//! difference but the delay.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use stipple_core::Micros;
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;
use stipple_model::plan::DotId;

use crate::hops::{Hop, HopPlanner, HopRefusal, HopRequest};
use crate::record::{DotOutcome, Record, RecordError};

/// Names a request; its answer carries the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticket(pub u64);

/// What the session asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A motion to a dot.
    Hop(Ticket, HopRequest),
    /// A motion away from the head.
    Lift {
        /// For the answer.
        ticket: Ticket,
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
        detail: String,
        /// When.
        at: Micros,
    },
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
            Request::Hop(..) | Request::Lift { .. } => compute(&mut self.planner, &request),
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
        Request::Lift {
            ticket,
            from,
            base_from_head,
        } => Some(Answer::Hop(*ticket, planner.lift(from, base_from_head))),
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
        Note::Event { kind, detail, at } => {
            record.event(kind, detail, clock.at(*at)).map(|()| None)
        }
    };
    written.unwrap_or_else(|error| Some(Answer::RecordFailed(error)))
}

/// Does the work on two threads: one computes motions, one writes the record.
pub struct ThreadedServices {
    motions: Option<Sender<Request>>,
    notes: Option<Sender<Note>>,
    answers: Receiver<Answer>,
    planner: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<Record>>,
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
        let (answer, answers) = channel();
        let (motions, wanted) = channel::<Request>();
        let (notes, to_write) = channel::<Note>();
        let reply = answer.clone();
        let planner = std::thread::Builder::new()
            .name("hops".to_owned())
            .spawn(move || {
                while let Ok(request) = wanted.recv() {
                    if compute(&mut planner, &request).is_some_and(|a| reply.send(a).is_err()) {
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
                        let _ = answer.send(a);
                    }
                }
                record
            })?;
        Ok(Self {
            motions: Some(motions),
            notes: Some(notes),
            answers,
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
        // A thread that is gone answers nothing; the core's timeouts turn that into a fault.
        match request {
            Request::Note(note) => {
                if let Some(notes) = &self.notes {
                    let _ = notes.send(note);
                }
            }
            motion => {
                if let Some(motions) = &self.motions {
                    let _ = motions.send(motion);
                }
            }
        }
    }

    fn answer(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}
