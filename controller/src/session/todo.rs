//! What is to be done: the selection, its dots with their stops, and the queue that the core takes them from.

use std::collections::{BTreeMap, VecDeque};

use stipple_core::{Command, Dot, Queue, State, Target};
use stipple_model::plan::{DotId, Outcome};

use super::stops::Planned;
use super::{Counts, Progress, Selection, Session, StartError, StopWanted};
use crate::ports::Micros;

/// What a start replaces, to be put back when it is denied.
pub(super) struct Replaced {
    selection: Option<Selection>,
    todo: VecDeque<DotId>,
    stops: BTreeMap<DotId, StopWanted>,
    queue: Queue,
    progress: Progress,
    skipped: Counts,
}

impl Session {
    /// Starts on a selection; the answer to the start itself comes in the view of the next tick.
    ///
    /// # Errors
    /// Not ready, no such layer, or nothing left of it. Nothing has changed then.
    pub fn start(&mut self, selection: Selection) -> Result<(), StartError> {
        if let (State::Safe, Some(lacks)) = (self.core.state(), self.lacks) {
            return Err(StartError::NotReady(lacks));
        }
        if self.core.state() != State::Ready {
            return Err(StartError::State(self.core.state()));
        }
        if self.command == Some(Command::Stop) {
            return Err(StartError::State(State::Stopping));
        }
        if self.keeping.state.wanted() {
            return Err(StartError::NotRegistered(self.keeping.state));
        }
        self.check_place()?;
        let layers = self.plan.layers;
        let no_layer = StartError::NoLayer {
            layer: selection.layer,
            layers,
        };
        let sequence = usize::from(selection.layer)
            .checked_sub(1)
            .and_then(|i| self.plan.sequence.get(i))
            .ok_or(no_layer)?;
        let most = selection.max_dots.map_or(usize::MAX, |n| n as usize);
        let left = (0u32..)
            .zip(sequence.iter().copied())
            .filter(|(_, id)| self.done.get(*id).is_none())
            .take(most);
        let stops = Planned::of(&self.plan, selection.layer).before(left.clone());
        let todo: VecDeque<DotId> = left.map(|(_, id)| id).collect();
        if todo.is_empty() {
            return Err(StartError::NothingLeft {
                layer: selection.layer,
            });
        }
        self.spent = None;
        let progress = Progress {
            planned: u32::try_from(todo.len()).unwrap_or(u32::MAX),
            ..Progress::default()
        };
        let replaced = Replaced {
            selection: self.selection.replace(selection),
            todo: std::mem::replace(&mut self.todo, todo),
            stops: std::mem::replace(&mut self.stops, stops),
            queue: std::mem::take(&mut self.queue),
            progress: std::mem::replace(&mut self.progress, progress),
            skipped: std::mem::take(&mut self.skipped),
        };
        // Of two starts before a tick, the first knows what was there before.
        self.replaced.get_or_insert(replaced);
        self.motions.forget();
        self.command = Some(Command::Start);
        Ok(())
    }

    /// The plan's stop before the first target, while it has not been made.
    pub(super) fn stop(&self) -> Option<StopWanted> {
        let first = self.queue.front().filter(|target| target.stop)?;
        self.stops.get(&DotId(first.dot.0)).copied()
    }

    /// A start that was not obeyed has changed nothing.
    pub(super) fn put_back(&mut self, replaced: &mut Replaced) {
        self.selection = replaced.selection;
        std::mem::swap(&mut self.todo, &mut replaced.todo);
        std::mem::swap(&mut self.stops, &mut replaced.stops);
        std::mem::swap(&mut self.queue, &mut replaced.queue);
        self.progress = replaced.progress;
        std::mem::swap(&mut self.skipped, &mut replaced.skipped);
    }

    pub(super) fn refill(&mut self) {
        // An admitted plan's is 5 to 500 ms.
        let dwell = Micros((self.plan.dwell.s() * 1e6).round() as u64);
        while self.queue.free() > 0 {
            let Some(id) = self.todo.pop_front() else {
                return;
            };
            let Some(dot) = self.plan.dot(id) else {
                continue;
            };
            if !matches!(dot.outcome, Outcome::Planned { .. }) {
                continue;
            }
            let stop = self.stops.get(&id).copied().unwrap_or_default();
            let target = Target {
                dot: Dot(id.0),
                depth: dot.depth.m(),
                dwell,
                stop: stop.is_away(),
                rest: stop.skin_rests,
                hop: None,
            };
            if self.queue.push(target).is_err() {
                return;
            }
        }
    }
}
