//! How fast a fault is reacted to.

use std::collections::BTreeMap;

use stipple_controller::ports::Micros;

use crate::fault::{Figure, Kind};

/// The name of a kind of fault: what it befalls, and how.
pub type FaultName = (&'static str, &'static str);

/// What kind of reaction is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// The session leaves off working, and the needle is told to go in.
    Stop,
    /// The needle is told to go in.
    Retract,
    /// The needle device draws the needle in by itself.
    Device,
}

impl Waits {
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Head(_) => Self::Retract,
            Kind::Process(_) => Self::Device,
            _ => Self::Stop,
        }
    }
}

/// What there was to react with in a tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reacted {
    /// The session does not work on a dot any more.
    pub stopped: bool,
    /// It has latched a fault.
    pub faulted: bool,
    pub retracted: bool,
    pub drawn_in: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    number: usize,
    kind: Kind,
    shown: Micros,
    figure: Option<Figure>,
}

/// A reaction that came too late, or not at all while the fault lasted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Late {
    pub kind: Kind,
    pub figure: Figure,
}

/// Reaction times, by fault.
#[derive(Debug, Clone, Default)]
pub(super) struct Reactions {
    open: Vec<Open>,
    /// ms.
    times: BTreeMap<FaultName, Vec<f64>>,
}

impl Reactions {
    /// The fault of that number shows, for the first time, where a reaction is due.
    pub fn shows(&mut self, number: usize, kind: Kind, now: Micros) {
        if self.open.iter().all(|open| open.number != number) {
            let figure = kind.figure();
            self.open.push(Open {
                number,
                kind,
                shown: now,
                figure,
            });
        }
    }

    /// The fault of that number is over: what it did not bring about by now, it need not.
    pub fn over(&mut self, number: usize) {
        self.open.retain(|open| open.number != number);
    }

    /// A tick in which the controller's process did nothing: it belongs to that fault's own figure, and to no other's.
    pub fn wait(&mut self, tick: Micros) {
        for open in &mut self.open {
            if Waits::of(open.kind) != Waits::Device {
                open.shown = open.shown.after(tick);
            }
        }
    }

    /// One tick. What has waited for longer than its figure, once.
    pub fn look(&mut self, now: Micros, reacted: Reacted) -> Vec<Late> {
        let mut late = Vec::new();
        let times = &mut self.times;
        self.open.retain_mut(|open| {
            let waited = now.since(open.shown).unwrap_or(Micros::ZERO);
            let overdue = open.figure.filter(|figure| waited > figure.within);
            let done = match Waits::of(open.kind) {
                // Without a figure, only a fault that the controller reports is taken for a reaction.
                Waits::Stop if open.kind.figure().is_none() => reacted.faulted,
                Waits::Stop => reacted.stopped && reacted.retracted,
                Waits::Retract => reacted.retracted,
                Waits::Device => reacted.drawn_in,
            };
            if done {
                times
                    .entry(open.kind.name())
                    .or_default()
                    .push(waited.s() * 1e3);
            }
            if let Some(figure) = overdue {
                late.push(Late {
                    kind: open.kind,
                    figure,
                });
                // Said once; the time is still taken when it comes.
                open.figure = None;
            }
            !done
        });
        late
    }

    /// Reaction times so far, ms.
    pub const fn times(&self) -> &BTreeMap<FaultName, Vec<f64>> {
        &self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Distortion, Signal};

    #[test]
    fn a_reaction_is_timed_and_a_late_one_told_once() {
        let kind = Kind::Signal(Signal::Joints, Distortion::Off);
        let ms = Micros::from_ms;
        let nothing = Reacted {
            stopped: false,
            faulted: false,
            retracted: true,
            drawn_in: true,
        };
        let stop = Reacted {
            stopped: true,
            ..nothing
        };
        let mut reactions = Reactions::default();
        reactions.shows(0, kind, ms(100));
        reactions.shows(0, kind, ms(110));
        assert!(reactions.look(ms(120), nothing).is_empty());
        assert_eq!(reactions.look(ms(122), nothing).len(), 1);
        assert!(reactions.look(ms(124), nothing).is_empty());
        assert!(reactions.look(ms(126), stop).is_empty());
        assert_eq!(reactions.times()[&kind.name()], [26.0]);
        reactions.shows(1, kind, ms(200));
        reactions.over(1);
        assert!(reactions.look(ms(300), nothing).is_empty());
    }
}
