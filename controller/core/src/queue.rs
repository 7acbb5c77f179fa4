//! The next targets: a ring of fixed capacity that the session fills and the core empties.

use crate::output::Dot;
use crate::sensed::HopId;
use crate::time::Micros;

/// How many targets it holds.
pub const CAPACITY: usize = 8;

/// One dot to strike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Which.
    pub dot: Dot,
    /// How deep below the skin, m.
    pub depth: f64,
    /// How long the needle stays in.
    pub dwell: Micros,
    /// Whether the work pauses before it, until somebody resumes: the plan has a stop here.
    pub stop: bool,
    /// How long skin rests after the strike before, whatever that was on, until the arm sets off for this one.
    pub rest: Micros,
    /// The motion that brings the tip over it from where the arm now stands, once it is computed.
    pub hop: Option<HopId>,
}

/// The queue is full; the target was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// First in, first out.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    slots: [Option<Target>; CAPACITY],
    first: usize,
    len: usize,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many targets wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many more it takes.
    #[must_use]
    pub const fn free(&self) -> usize {
        CAPACITY.saturating_sub(self.len)
    }

    /// Where the target so many after the first stands.
    const fn slot(&self, after: usize) -> usize {
        self.first.saturating_add(after) % CAPACITY
    }

    /// Adds a target at the end.
    ///
    /// # Errors
    /// When it is full.
    pub fn push(&mut self, target: Target) -> Result<(), Full> {
        if self.len >= CAPACITY {
            return Err(Full);
        }
        let end = self.slot(self.len);
        let slot = self.slots.get_mut(end).ok_or(Full)?;
        *slot = Some(target);
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// The first target.
    #[must_use]
    pub fn front(&self) -> Option<&Target> {
        if self.len == 0 {
            None
        } else {
            self.slots.get(self.first)?.as_ref()
        }
    }

    /// The target after the first.
    #[must_use]
    pub fn second(&self) -> Option<&Target> {
        if self.len < 2 {
            None
        } else {
            self.slots.get(self.slot(1))?.as_ref()
        }
    }

    /// Takes the first target out.
    pub fn pop(&mut self) -> Option<Target> {
        if self.len == 0 {
            return None;
        }
        let taken = self.slots.get_mut(self.first)?.take();
        self.first = self.slot(1);
        self.len = self.len.saturating_sub(1);
        taken
    }

    /// Gives the first target its motion, or takes it away. Does nothing when the first target is another dot.
    pub fn set_hop(&mut self, dot: Dot, hop: Option<HopId>) {
        if self.len == 0 {
            return;
        }
        if let Some(Some(front)) = self.slots.get_mut(self.first)
            && front.dot == dot
        {
            front.hop = hop;
        }
    }

    /// The stop before the first target has been made.
    pub fn pass_stop(&mut self) {
        if self.len == 0 {
            return;
        }
        if let Some(Some(front)) = self.slots.get_mut(self.first) {
            front.stop = false;
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
