//! What goes into the record: intents before, outcomes after, and what interrupted.

use stipple_core::{Fault, MotionSeen, Outcome, Output, Skip, State};
use stipple_model::plan::DotId;

use super::{DotResult, Found, Session, breaks};
use crate::ports::Micros;
use crate::record::{DotOutcome, DotState, RecordError};
use crate::services::{Note, Request, Said, Services, Ticket};

/// The intent that stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intent {
    pub ticket: Ticket,
    pub dot: DotId,
    pub durable: bool,
}

impl Session {
    pub(super) fn note(
        &mut self,
        now: Micros,
        out: &Output,
        motion: Option<MotionSeen>,
        services: &mut dyn Services,
    ) {
        if let Some((dot, outcome)) = out.outcome {
            self.note_outcome(DotId(dot.0), outcome, now, services);
        }
        if let Some(dot) = out.need_intent {
            self.note_intent(DotId(dot.0), now, services);
        }
        self.found = self.note_found(self.found, out.fault, motion, (now, services));
        self.besides = self.note_found(self.besides, out.besides, motion, (now, services));
        if out.state != self.last_state {
            self.note_change(out, now, services);
        }
    }

    fn note_intent(&mut self, dot: DotId, now: Micros, services: &mut dyn Services) {
        if self.intent.is_some_and(|i| i.dot == dot) {
            return;
        }
        let ticket = self.fresh_ticket();
        self.intent = Some(Intent {
            ticket,
            dot,
            durable: false,
        });
        let layer = self.layer(dot);
        services.ask(Request::Note(Note::Intent {
            ticket,
            dot,
            layer,
            at: now,
        }));
    }

    fn note_outcome(
        &mut self,
        dot: DotId,
        outcome: Outcome,
        now: Micros,
        services: &mut dyn Services,
    ) {
        let outcome = match outcome {
            Outcome::Placed { depth, lateral } => DotOutcome::Placed {
                lateral_error_m: lateral,
                depth_m: depth,
            },
            Outcome::Skipped(Skip::HopRefused) => {
                let refusal = self.motions.refused.filter(|refused| refused.dot == dot);
                DotOutcome::Skipped {
                    reason: refusal.map_or(Skip::HopRefused.key(), |refused| refused.refusal.key()),
                }
            }
            Outcome::Skipped(reason) => DotOutcome::Skipped {
                reason: reason.key(),
            },
            Outcome::InDoubt(doubt) => DotOutcome::InDoubt {
                reason: doubt.key(),
            },
        };
        match &outcome {
            DotOutcome::Placed { .. } => self.progress.placed += 1,
            DotOutcome::Skipped { reason } => {
                self.progress.skipped += 1;
                self.skipped.count(reason);
            }
            DotOutcome::InDoubt { .. } => self.progress.in_doubt += 1,
        }
        self.motions.refused.take_if(|refused| refused.dot == dot);
        self.intent.take_if(|i| i.dot == dot);
        self.done.set(dot, outcome.state());
        let layer = self.layer(dot);
        self.unrecorded.push(DotResult {
            dot,
            layer,
            outcome: outcome.clone(),
        });
        services.ask(Request::Note(Note::Outcome {
            dot,
            layer,
            outcome,
            at: now,
        }));
    }

    /// A fault that stands, as it was found; one that is new is noted.
    fn note_found(
        &mut self,
        known: Option<Found>,
        fault: Option<Fault>,
        motion: Option<MotionSeen>,
        (now, services): (Micros, &mut dyn Services),
    ) -> Option<Found> {
        if fault == known.map(|found| found.fault) {
            return known;
        }
        let forbidden = self.record_failed.as_ref().and_then(RecordError::forbids);
        let found = fault.map(|fault| Found {
            fault,
            motion,
            forbidden,
        })?;
        self.note_fault(found, now, services);
        Some(found)
    }

    /// Whatever state it leads to: a stop in the same tick does not hide it.
    fn note_fault(&mut self, found: Found, now: Micros, services: &mut dyn Services) {
        self.faults.count(found.fault.row().name);
        services.ask(Request::Note(Note::Event {
            kind: "fault",
            detail: Said::Fault(found),
            at: now,
        }));
    }

    fn note_change(&mut self, out: &Output, now: Micros, services: &mut dyn Services) {
        if matches!(
            out.state,
            State::Paused | State::Stopped | State::Faulted | State::Ready
        ) && let Some(intent) = self.intent.take()
        {
            // Its needle was never told to come out: else its outcome would have come first.
            services.ask(Request::Note(Note::Withdraw { dot: intent.dot }));
        }
        self.note_break(self.last_state, out, now, services);
        let event = match (self.last_state, out.state) {
            (State::Ready, State::Approaching) => Some(("start", Said::Text("started"))),
            (State::Paused, State::Approaching) => Some(("resume", Said::Text("resumed"))),
            (_, State::Paused) => {
                let begun = self.breaks.last();
                let reason = begun.map_or(Said::Text(out.message.text()), breaks::Break::said);
                Some(("pause", reason))
            }
            (_, State::Stopped) => Some(("stop", Said::Text(self.stopped_by.text()))),
            (State::Pausing, State::Ready) if out.finished => {
                Some(("finish", Said::Text(out.message.text())))
            }
            _ => None,
        };
        if let Some((kind, detail)) = event {
            services.ask(Request::Note(Note::Event {
                kind,
                detail,
                at: now,
            }));
        }
    }

    fn layer(&self, dot: DotId) -> u8 {
        self.plan.dot(dot).map_or(0, |d| d.layer)
    }

    /// How a dot stands, if it is done.
    #[must_use]
    pub fn state_of(&self, dot: DotId) -> Option<DotState> {
        self.done.get(dot)
    }
}
