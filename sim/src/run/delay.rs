//! Answers that take time, in virtual time.

use std::collections::VecDeque;

use stipple_controller::ports::Micros;
use stipple_controller::services::{Answer, Request, Services};

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

/// Services whose answers come later.
pub(super) struct Delayed<S> {
    inner: S,
    latency: Latency,
    now: Micros,
    /// In the order they were asked for within each kind; due times.
    motions: VecDeque<(Micros, Answer)>,
    notes: VecDeque<(Micros, Answer)>,
}

impl<S: Services> Delayed<S> {
    pub(super) fn new(inner: S, latency: Latency) -> Self {
        Self {
            inner,
            latency,
            now: Micros::ZERO,
            motions: VecDeque::new(),
            notes: VecDeque::new(),
        }
    }

    pub(super) fn set_now(&mut self, now: Micros) {
        self.now = now;
    }

    pub(super) fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Services> Services for Delayed<S> {
    fn ask(&mut self, request: Request) {
        self.inner.ask(request);
        while let Some(answer) = self.inner.answer() {
            match answer {
                Answer::Hop(..) => self
                    .motions
                    .push_back((self.now.after(self.latency.motion), answer)),
                _ => self
                    .notes
                    .push_back((self.now.after(self.latency.record), answer)),
            }
        }
    }

    fn answer(&mut self) -> Option<Answer> {
        let now = self.now;
        let due = |(at, _): &mut (Micros, Answer)| *at <= now;
        self.motions
            .pop_front_if(due)
            .or_else(|| self.notes.pop_front_if(due))
            .map(|(_, answer)| answer)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use stipple_controller::hops::HopRefusal;
    use stipple_controller::services::Ticket;
    use stipple_model::frames::Transform;
    use stipple_model::joints::Joints;

    use super::*;

    #[derive(Default)]
    struct AtOnce(RefCell<VecDeque<Answer>>);

    impl Services for AtOnce {
        fn ask(&mut self, _: Request) {
            self.0
                .borrow_mut()
                .push_back(Answer::Hop(Ticket(1), Err(HopRefusal::BadInput)));
        }
        fn answer(&mut self) -> Option<Answer> {
            self.0.borrow_mut().pop_front()
        }
    }

    #[test]
    fn an_answer_comes_when_it_is_due() {
        let mut delayed = Delayed::new(AtOnce::default(), Latency::default());
        delayed.set_now(Micros::from_ms(10));
        delayed.ask(Request::Lift {
            ticket: Ticket(1),
            from: Joints::zeros(6),
            base_from_head: Transform::identity(),
        });
        delayed.set_now(Micros::from_ms(13));
        assert!(delayed.answer().is_none());
        delayed.set_now(Micros::from_ms(14));
        assert!(delayed.answer().is_some());
        assert!(delayed.answer().is_none());
    }
}
