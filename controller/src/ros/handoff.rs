//! From a tick to what is asynchronous: a queue whose places are there before the tick, so that handing over takes no memory and waits for
//! nobody.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::sync::Notify;

#[derive(Debug)]
struct Shared<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct Waiting<T> {
    queue: VecDeque<T>,
    places: usize,
    /// One of the two ends is gone.
    closed: bool,
}

impl<T> Shared<T> {
    /// Held for a move only.
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }
}

/// The tick's end.
#[derive(Debug)]
pub struct Giver<T>(Arc<Shared<T>>);

/// The other end.
#[derive(Debug)]
pub struct Taker<T>(Arc<Shared<T>>);

/// Nobody takes it, or not in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTaken;

/// Why something was not handed over at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow<T> {
    /// The other end was at it: it may be offered again.
    Busy(T),
    /// Every place is taken, or the other end is gone.
    NotTaken,
}

/// A queue of so many places.
#[must_use]
pub fn handoff<T>(places: usize) -> (Giver<T>, Taker<T>) {
    let shared = Arc::new(Shared {
        waiting: Mutex::new(Waiting {
            queue: VecDeque::with_capacity(places),
            places,
            closed: false,
        }),
        changed: Notify::new(),
    });
    (Giver(Arc::clone(&shared)), Taker(shared))
}

impl<T> Giver<T> {
    /// Whether nobody takes anything any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// Hands something over.
    ///
    /// # Errors
    /// When every place is taken, or the other end is gone.
    pub fn give(&self, what: T) -> Result<(), NotTaken> {
        let mut waiting = self.0.lock();
        if waiting.closed || waiting.queue.len() >= waiting.places {
            return Err(NotTaken);
        }
        waiting.queue.push_back(what);
        drop(waiting);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl<T> Giver<T> {
    /// As [`Giver::give`], but waits for nobody, not even for as long as the other end takes something out: that may have been interrupted.
    ///
    /// # Errors
    /// See [`NotNow`].
    pub fn try_give(&self, what: T) -> Result<(), NotNow<T>> {
        let mut waiting = match self.0.waiting.try_lock() {
            Ok(waiting) => waiting,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(NotNow::Busy(what)),
        };
        if waiting.closed || waiting.queue.len() >= waiting.places {
            return Err(NotNow::NotTaken);
        }
        waiting.queue.push_back(what);
        drop(waiting);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl<T> Taker<T> {
    /// The next, if there is one and nobody is at it; waits for nothing.
    pub fn try_take(&mut self) -> Option<T> {
        match self.0.waiting.try_lock() {
            Ok(mut waiting) => waiting.queue.pop_front(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().queue.pop_front(),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Waits for the next; none once the other end is gone and all that it gave is taken. Nothing is lost when the waiting is given up.
    pub async fn take(&mut self) -> Option<T> {
        loop {
            {
                let mut waiting = self.0.lock();
                if let Some(next) = waiting.queue.pop_front() {
                    return Some(next);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.0.changed.notified().await;
        }
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::runtime;

    #[test]
    fn what_was_given_is_taken_in_order_and_then_the_end() {
        let (giver, mut taker) = handoff(2);
        assert_eq!(giver.give(1), Ok(()));
        assert_eq!(giver.give(2), Ok(()));
        assert_eq!(giver.give(3), Err(NotTaken), "no place is left");
        let giving = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            giver.give(4)
        });
        runtime().unwrap().block_on(async {
            assert_eq!(taker.take().await, Some(1));
            assert_eq!(taker.take().await, Some(2));
            assert_eq!(taker.take().await, Some(4));
            assert_eq!(taker.take().await, None);
        });
        assert_eq!(giving.join().unwrap(), Ok(()));
    }

    #[test]
    fn nothing_is_given_to_nobody() {
        let (giver, taker) = handoff(2);
        drop(taker);
        assert_eq!(giver.give(1), Err(NotTaken));
        assert_eq!(giver.try_give(1), Err(NotNow::NotTaken));
    }

    #[test]
    fn whoever_waits_for_nobody_gets_on_while_the_other_end_is_at_it() {
        let (giver, mut taker) = handoff(1);
        let shared = Arc::clone(&giver.0);
        let held = shared.lock();
        assert_eq!(giver.try_give(1), Err(NotNow::Busy(1)));
        assert_eq!(taker.try_take(), None);
        drop(held);
        assert_eq!(giver.try_give(1), Ok(()));
        assert_eq!(giver.try_give(2), Err(NotNow::NotTaken));
        assert_eq!(taker.try_take(), Some(1));
        assert_eq!(taker.try_take(), None);
    }
}
