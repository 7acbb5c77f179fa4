//! The latest value of one topic, and why what came was not taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use stipple_core::Micros;

use crate::ports::Stamped;
use crate::stamps::Untimely;

/// The latest value of one topic. The lock is held for a copy only.
#[derive(Debug)]
pub struct Slot<T> {
    latest: Mutex<Option<Stamped<T>>>,
    taken: AtomicU64,
    dropped: AtomicU64,
    /// Why the last was dropped, if none was taken since.
    why: Mutex<Option<Dropped>>,
}

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// Of another frame.
    #[error("its frame_id is {got:?}, wanted is {wanted:?} (parameter base_frame)")]
    Frame {
        /// Its own.
        got: String,
        /// The arm's base.
        wanted: String,
    },
    /// Without a position or a speed of this joint.
    #[error("it has no position and speed of the joint {0:?}")]
    Joint(String),
    /// Not a finite number where there must be one.
    #[error("it has a number that is not finite")]
    NotFinite,
    /// A quaternion of another length than one.
    #[error("its quaternion has the length {0}, not 1")]
    Quaternion(String),
    /// No state of the message.
    #[error("it is in no state that the message knows")]
    State,
    /// By its stamp.
    #[error(transparent)]
    Untimely(#[from] Untimely),
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            latest: Mutex::new(None),
            taken: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            why: Mutex::new(None),
        }
    }
}

impl<T: Copy> Slot<T> {
    /// The latest.
    #[must_use]
    pub fn latest(&self) -> Option<Stamped<T>> {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest, or `before` where somebody is at it: waits for nobody.
    pub(super) fn seen(&self, before: Option<Stamped<T>>) -> Option<Stamped<T>> {
        match self.latest.try_lock() {
            Ok(latest) => *latest,
            Err(TryLockError::Poisoned(poisoned)) => *poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => before,
        }
    }

    /// How many were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many were dropped because they made no sense.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Why what comes is not taken; `None` when the last was.
    #[must_use]
    pub fn why(&self) -> Option<Dropped> {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        why.clone()
    }

    /// Puts in what arrived on a topic, and when.
    pub(super) fn put(&self, topic: &str, message: Result<(T, Micros), Dropped>) {
        let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, arrived) = match message {
            Ok(message) => {
                *why = None;
                message
            }
            Err(dropped) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                // Said once, not with every message; one now and then is nothing to speak of.
                let again = why.as_ref() == Some(&dropped);
                if !again && !matches!(dropped, Dropped::Untimely(_)) {
                    tracing::warn!("a message on {topic} is not taken: {dropped}");
                }
                *why = Some(dropped);
                return;
            }
        };
        drop(why);
        let sequence = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        let stamped = Stamped {
            value,
            arrived,
            sequence,
        };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamped);
    }

    pub(super) fn forget(&self) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
