//! Breaks: when the session was paused, why, for whom, and how long.

use std::sync::Arc;

use stipple_core::{Message, Output, State, Waits};

use super::{BREAKS, Session, StopWanted};
use crate::ports::Micros;
use crate::report::PauseRow;
use crate::services::{Note, Request, Said, Services};

/// Longest reason that is kept, characters. Source: own.
const LONGEST_REASON: usize = 200;

/// Who asks for a pause, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Who, where that is known.
    pub by: Option<Arc<str>>,
    /// Why, in their own words.
    pub reason: Option<Arc<str>>,
}

impl Asked {
    /// As somebody wrote it: on one line, not too long, and `None` where nothing is said.
    #[must_use]
    pub fn new(by: Option<&str>, reason: &str) -> Self {
        let said = |text: &str| {
            let words = text.split(|c: char| c.is_whitespace() || c.is_control());
            let line = words
                .filter(|w| !w.is_empty())
                .collect::<Vec<_>>()
                .join(" ");
            let line: String = line.chars().take(LONGEST_REASON).collect();
            Some(Arc::from(line)).filter(|line: &Arc<str>| !line.is_empty())
        };
        Self {
            by: by.and_then(said),
            reason: said(reason),
        }
    }
}

/// A break: needle in, the arm lifted, parked where there is a station, and held, from the moment it rests until the work goes on or is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Since when.
    pub began: Micros,
    /// Until when; `None` while it lasts.
    pub ended: Option<Micros>,
    /// Why: the session's own reason, or that the operator asked for it.
    pub why: Message,
    /// What the plan's stop asks for, where it is one.
    pub stop: Option<StopWanted>,
    /// Who asked for it and why, as far as that is known.
    pub asked: Asked,
    /// Where the arm waits.
    pub waits: Option<Waits>,
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

    /// For the record and for people: what, by whom, why, and where the arm waits.
    #[must_use]
    pub fn reason(&self) -> String {
        self.said().to_string()
    }

    pub(super) fn said(&self) -> Said {
        Said::Pause(self.why, self.stop, self.asked.clone(), self.waits)
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

    /// Says who asks for the next pause and why, for the record. One that is on its way already stays theirs who asked first.
    pub fn pause_asked(&mut self, asked: Asked) {
        let on_its_way =
            self.core.state() == State::Pausing && self.core.message() == Message::PauseAsked;
        if !on_its_way {
            self.asked = asked;
        }
    }

    /// Keeps the breaks as the state goes on from `before`; the record gets the length of each when it ends.
    pub(super) fn note_break(
        &mut self,
        before: State,
        out: &Output,
        now: Micros,
        services: &mut dyn Services,
    ) {
        if before == State::Paused
            && let Some(last) = self.breaks.last_mut().filter(|b| b.ended.is_none())
        {
            last.ended = Some(now);
            services.ask(Request::Note(Note::Event {
                kind: "break",
                detail: Said::Break(last.lasted(now), last.why, last.stop, last.asked.clone()),
                at: now,
            }));
        }
        if out.state == State::Paused {
            // What the session decided by itself nobody asked for.
            let asked = match out.message {
                Message::PauseAsked => self.asked.clone(),
                _ => Asked::default(),
            };
            let stop = self.stop().filter(|_| out.message == Message::PlannedStop);
            if self.breaks.len() >= BREAKS {
                self.breaks.remove(0);
            }
            self.breaks.push(Break {
                began: now,
                ended: None,
                why: out.message,
                stop,
                asked,
                waits: out.waits,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_the_record() {
        let asked = Asked::new(Some("A. Operator"), " the client\n wants\tto\u{7} stretch ");
        assert_eq!(asked.reason.as_deref(), Some("the client wants to stretch"));
        assert_eq!(Asked::new(Some(""), "\n").reason, None);
        assert_eq!(Asked::new(Some(""), "").by, None);
        let long = Asked::new(None, &"x".repeat(10_000));
        assert_eq!(long.reason.map(|r| r.len()), Some(LONGEST_REASON));
    }
}
