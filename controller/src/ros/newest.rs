//! From a tick to a thread that sends: the newest, or nothing.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The one thing that waits to be sent, with the moment of its tick. Every tick overwrites it, so that what is sent is the newest, and
/// nothing follows what was decided after it.
#[derive(Debug)]
pub struct Newest<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    wanted: Option<(T, Instant)>,
    /// One of the two ends is gone.
    closed: bool,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                wanted: None,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Newest<T> {
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in the place of what waits; false when nobody sends any more.
    pub fn put(&self, wanted: T, tick: Instant) -> bool {
        let mut waiting = self.lock();
        waiting.wanted = Some((wanted, tick));
        let open = !waiting.closed;
        drop(waiting);
        self.changed.notify_one();
        open
    }

    /// What waits is not sent any more.
    pub fn withdraw(&self) {
        self.lock().wanted = None;
    }

    /// Waits for the newest; none when no more will come.
    pub fn take(&self) -> Option<(T, Instant)> {
        let waiting = self
            .changed
            .wait_while(self.lock(), |w| w.wanted.is_none() && !w.closed);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        // What still waits at the end is not sent: from there on there is silence.
        if waiting.closed {
            return None;
        }
        waiting.wanted.take()
    }
}

/// Closes it when its end goes, a panic included.
#[derive(Debug)]
pub struct Holder<T>(pub Arc<Newest<T>>);

impl<T> Drop for Holder<T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_later_one_takes_the_place_of_the_one_that_waits() {
        let newest = Newest::default();
        let first = Instant::now();
        let later = first + Duration::from_millis(2);
        assert!(newest.put(1, first) && newest.put(2, later));
        assert_eq!(newest.take(), Some((2, later)));
        assert!(
            newest.lock().wanted.is_none(),
            "nothing older is left behind"
        );
        assert!(newest.put(2, first) && newest.put(1, later));
        newest.withdraw();
        assert!(newest.lock().wanted.is_none(), "nothing is sent any more");
    }

    #[test]
    fn when_one_end_goes_nothing_is_sent_any_more() {
        let newest = Arc::new(Newest::default());
        let end = Holder(Arc::clone(&newest));
        assert!(newest.put(1, Instant::now()));
        drop(end);
        assert_eq!(newest.take(), None);
        assert!(!newest.put(2, Instant::now()));
    }
}
