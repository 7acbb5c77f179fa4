//! Spheres still to be looked at, nearest first.

use arrayvec::ArrayVec;

use super::query::Obstacle;

/// Spheres waiting at most. Where there is no room for more, the parts of the nearest are gone through one after another.
const MOST: usize = 256;

/// A sphere whose parts may be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// Never more than the distance of what the sphere covers, metres.
    pub(super) gap: f64,
    pub(super) what: Obstacle,
    pub(super) body: usize,
    pub(super) node: u32,
    /// Whether the mesh itself has been asked.
    pub(super) exact: bool,
    /// None of its parts need be looked at.
    pub(super) done: bool,
}

/// A heap with the smallest gap on top.
pub(super) struct Queue(ArrayVec<Waiting, MOST>);

impl Queue {
    pub(super) const fn new() -> Self {
        Self(ArrayVec::new_const())
    }

    /// Whether there is room for a body's root, or a sphere's two parts in its place.
    pub(super) const fn has_room(&self) -> bool {
        self.0.len() + 2 <= MOST
    }

    /// Adds one; false where there is no room.
    pub(super) fn push(&mut self, waiting: Waiting) -> bool {
        if self.0.try_push(waiting).is_err() {
            return false;
        }
        let heap = &mut self.0;
        let mut at = heap.len() - 1;
        while at > 0 && heap[at].gap < heap[(at - 1) / 2].gap {
            heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
        true
    }

    /// Takes the nearest.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let heap = &mut self.0;
        let top = (!heap.is_empty()).then(|| heap.swap_remove(0));
        let mut at = 0;
        loop {
            let nearer = |a: usize, b: usize| b < heap.len() && heap[b].gap < heap[a].gap;
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if nearer(least, child) {
                    least = child;
                }
            }
            if least == at {
                return top;
            }
            heap.swap(at, least);
            at = least;
        }
    }
}
