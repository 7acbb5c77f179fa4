//! The session's services in virtual time: motions and notes take as long as they are said to, and may fail.

use std::collections::VecDeque;
use std::path::PathBuf;

use stipple_controller::hops::CellPlanner;
use stipple_controller::ports::Micros;
use stipple_controller::record::{Record, RecordError};
use stipple_controller::services::{Answer, InlineServices, Note, Request, Services, WallClock};
use stipple_model::plan::DotId;

use super::astray::Astray;
use super::restart::Files;
use super::sabotage::Sabotage;
use crate::fault::{MotionFault, RecordFault};

/// How long computing and writing take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// A motion.
    pub motion: Micros,
    /// A write to the record that is safe against a power cut.
    pub record: Micros,
}

impl Default for Latency {
    /// Figures of this project's own: a hop is computed in well under a millisecond, a flash disk syncs in a few.
    fn default() -> Self {
        Self {
            motion: Micros::from_ms(4),
            record: Micros::from_ms(6),
        }
    }
}

/// Services that do the work when it is due: what a killed process has asked for and was not due is never done.
pub(super) struct Desk {
    inner: InlineServices<CellPlanner>,
    latency: Latency,
    now: Micros,
    /// In the order they were asked for; due times.
    motions: VecDeque<(Micros, Request)>,
    notes: VecDeque<(Micros, Request)>,
    /// Answers that are there.
    answers: VecDeque<Answer>,
    /// What becomes of motions.
    pub motions_fail: Option<MotionFault>,
    /// Notes take so much longer.
    pub notes_late: Micros,
    /// The next write fails like this.
    pub failing: Option<RecordFault>,
    /// A write has failed: nothing is written any more.
    failed: bool,
    /// A write failed and the session was told so.
    told_failed: bool,
    sabotage: Option<Sabotage>,
    /// Where the record's files are, for a write that is torn.
    path: Option<PathBuf>,
    /// What the files were before the write that is torn.
    torn: Option<Files>,
    /// A dot whose intent is confirmed without being written.
    pub forgotten: Option<DotId>,
    /// Whoever leads motions astray, once one was led so.
    pub astray: Option<Astray>,
}

impl Desk {
    pub fn new(
        planner: CellPlanner,
        record: Record,
        latency: Latency,
        sabotage: Option<Sabotage>,
        path: Option<PathBuf>,
    ) -> Self {
        Self {
            inner: InlineServices::new(planner, record, WallClock { at_zero_us: 0 }),
            latency,
            now: Micros::ZERO,
            motions: VecDeque::new(),
            notes: VecDeque::new(),
            answers: VecDeque::new(),
            motions_fail: None,
            notes_late: Micros::ZERO,
            failing: None,
            failed: false,
            told_failed: false,
            sabotage,
            path,
            torn: None,
            forgotten: None,
            astray: None,
        }
    }

    pub fn set_now(&mut self, now: Micros) {
        self.now = now;
    }

    pub const fn record(&self) -> &Record {
        self.inner.record()
    }

    /// Whether the session has heard that the record failed.
    pub const fn told_failed(&self) -> bool {
        self.told_failed
    }

    /// What became of the planner and the record when the process ends in order.
    pub fn into_record(self) -> Record {
        self.inner.into_record()
    }

    fn write(&mut self, request: Request) {
        if self.failed {
            return;
        }
        let forged = match (&request, self.forgotten) {
            (Request::Note(Note::Intent { ticket, dot, .. }), Some(forgotten))
                if *dot == forgotten =>
            {
                Some(Some(Answer::IntentDurable(*ticket)))
            }
            (
                Request::Note(Note::Outcome { dot, .. } | Note::Withdraw { dot }),
                Some(forgotten),
            ) if *dot == forgotten => Some(None),
            _ => None,
        };
        if let Some(answer) = forged {
            self.answers.extend(answer);
            return;
        }
        let failing = self.failing.take();
        if failing == Some(RecordFault::Torn) {
            self.tear(request);
            return;
        }
        if failing != Some(RecordFault::Full) {
            self.inner.ask(request);
        }
        if failing.is_some() {
            self.failed = true;
            while self.inner.answer().is_some() {}
            self.answers
                .push_back(Answer::RecordFailed(RecordError::Failed));
            return;
        }
        self.collect();
    }

    /// The write is the last thing the process does: nobody hears of it.
    fn tear(&mut self, request: Request) {
        self.failed = true;
        let before = self.path.as_deref().map(Files::read).transpose();
        if matches!(before, Ok(Some(_))) {
            self.inner.ask(request);
            while self.inner.answer().is_some() {}
        }
        self.torn = Some(before.ok().flatten().unwrap_or_default());
    }

    /// Whether a write was torn, which ends the process.
    pub const fn is_torn(&self) -> bool {
        self.torn.is_some()
    }

    /// The record's files before the write that was torn.
    pub const fn take_torn(&mut self) -> Option<Files> {
        self.torn.take()
    }

    /// Computes a motion, and what becomes of it.
    fn compute(&mut self, request: Request) {
        let wanted = match &request {
            Request::Hop(_, wanted) => Some(*wanted),
            _ => None,
        };
        self.inner.ask(request);
        self.collect();
        match (self.motions_fail, &mut self.astray) {
            (Some(MotionFault::Lost), _) => {
                self.answers.pop_back();
            }
            (Some(MotionFault::Astray(how)), Some(astray)) => {
                if let (Some(wanted), Some(Answer::Hop(_, Ok(hop)))) =
                    (wanted, self.answers.back_mut())
                    && let Some(wrong) = astray.lead(how, &wanted, hop)
                {
                    *hop = wrong;
                }
            }
            _ => {}
        }
    }

    fn collect(&mut self) {
        while let Some(answer) = self.inner.answer() {
            self.answers.push_back(answer);
        }
    }
}

impl Services for Desk {
    fn ask(&mut self, request: Request) {
        match request {
            Request::Note(_) => {
                if self.sabotage == Some(Sabotage::IntentNotAwaited)
                    && let Request::Note(Note::Intent { ticket, .. }) = &request
                {
                    self.answers.push_back(Answer::IntentDurable(*ticket));
                }
                let due = self.now.after(self.latency.record).after(self.notes_late);
                self.notes.push_back((due, request));
            }
            Request::Hop(..) | Request::Off { .. } => {
                let late = match self.motions_fail {
                    Some(MotionFault::Late(by)) => by,
                    _ => Micros::ZERO,
                };
                let due = self.now.after(self.latency.motion).after(late);
                self.motions.push_back((due, request));
            }
        }
    }

    fn answer(&mut self) -> Option<Answer> {
        let now = self.now;
        let due = |(at, _): &mut (Micros, Request)| *at <= now;
        while let Some((_, request)) = self.motions.pop_front_if(due) {
            self.compute(request);
        }
        while let Some((_, request)) = self.notes.pop_front_if(due) {
            self.write(request);
        }
        let answer = self.answers.pop_front();
        self.told_failed |= matches!(answer, Some(Answer::RecordFailed(_)));
        answer
    }
}
