//! Breaks: when the session was paused, why, for whom, and how long.

use std::sync::Arc;

use stipple_core::{Message, State};

use super::{BREAKS, Session};
use crate::ports::Micros;
use crate::report::PauseRow;
use crate::services::{Note, Request, Said, Services};

/// A break: needle in, the arm lifted and held, from the moment it rests until the work goes on or is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Since when.
    pub began: Micros,
    /// Until when; `None` while it lasts.
    pub ended: Option<Micros>,
    /// Why: the session's own reason, or that the operator asked for it.
    pub why: Message,
    /// Who asked for it, where that is known.
    pub by: Option<Arc<str>>,
}

impl Break {
    /// How long it has lasted at `now`.
    #[must_use]
    pub fn lasted(&self, now: Micros) -> Micros {
        self.ended
            .unwrap_or(now)
            .since(self.began)
            .unwrap_or(Micros::ZERO)
    }

    /// For the record and for people: what, and by whom.
    #[must_use]
    pub fn reason(&self) -> String {
        Said::Pause(self.why, self.by.clone()).to_string()
    }
}

impl Session {
    /// The session's breaks since it was made, oldest first.
    #[must_use]
    pub fn breaks(&self) -> &[Break] {
        &self.breaks
    }

    /// The same for a report.
    #[must_use]
    pub fn pauses(&self) -> Vec<PauseRow> {
        let row = |b: &Break| PauseRow {
            why: b.reason(),
            lasted_s: b.lasted(self.ticked).s(),
        };
        self.breaks.iter().map(row).collect()
    }

    /// Names whoever asks for the next pause, for the record.
    pub fn pause_asked_by(&mut self, who: Option<String>) {
        self.asked_by = who.map(Arc::from);
    }

    /// Keeps the breaks as the state goes from `before` to `after`; the record gets the length of each when it ends.
    pub(super) fn note_break(
        &mut self,
        (before, after): (State, State),
        why: Message,
        now: Micros,
        services: &mut dyn Services,
    ) {
        if before == State::Paused
            && let Some(last) = self.breaks.last_mut().filter(|b| b.ended.is_none())
        {
            last.ended = Some(now);
            services.ask(Request::Note(Note::Event {
                kind: "break",
                detail: Said::Break(last.lasted(now), last.why, last.by.clone()),
                at: now,
            }));
        }
        if after == State::Paused {
            // What the session decided by itself nobody asked for.
            let by = self.asked_by.clone().filter(|_| why == Message::PauseAsked);
            if self.breaks.len() >= BREAKS {
                self.breaks.remove(0);
            }
            self.breaks.push(Break {
                began: now,
                ended: None,
                why,
                by,
            });
        }
    }
}
