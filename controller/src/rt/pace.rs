//! An even pace, and how well it is kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A period that begins this much late is counted as a slip.
pub const SLIP: Duration = Duration::from_millis(1);

/// Begins one period after the other. Each is due a period after the one before was due, so that lateness does not add up; one that was
/// missed altogether is not caught up with.
#[derive(Debug)]
pub struct Pacer {
    period: Duration,
    due: Instant,
}

impl Pacer {
    /// The first period begins now.
    #[must_use]
    pub fn start(period: Duration) -> Self {
        Self {
            period,
            due: Instant::now(),
        }
    }

    /// Sleeps until the next period, and says how late it begins.
    pub fn wait(&mut self) -> Duration {
        self.due += self.period;
        let now = Instant::now();
        if let Some(rest) = self.due.checked_duration_since(now) {
            std::thread::sleep(rest);
            self.due.elapsed()
        } else {
            let late = now.saturating_duration_since(self.due);
            self.due = now;
            late
        }
    }
}

/// How a loop keeps its time, for others to read while it runs.
#[derive(Debug, Default)]
pub struct Pace {
    ticks: AtomicU64,
    slips: AtomicU64,
    worst_us: AtomicU64,
    max_us: AtomicU64,
}

impl Pace {
    /// A period has begun, so late.
    pub fn count(&self, late: Duration) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        if late > SLIP {
            self.slips.fetch_add(1, Ordering::Relaxed);
        }
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.worst_us.fetch_max(late, Ordering::Relaxed);
        self.max_us.fetch_max(late, Ordering::Relaxed);
    }

    /// Periods so far.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Of these late by more than [`SLIP`].
    #[must_use]
    pub fn slips(&self) -> u64 {
        self.slips.load(Ordering::Relaxed)
    }

    /// The latest of all, µs.
    #[must_use]
    pub fn max_us(&self) -> u64 {
        self.max_us.load(Ordering::Relaxed)
    }

    /// The latest since this was asked last, µs.
    pub fn take_worst_us(&self) -> u64 {
        self.worst_us.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_that_was_missed_is_not_caught_up_with() {
        let mut pacer = Pacer::start(Duration::from_millis(1));
        std::thread::sleep(Duration::from_millis(20));
        let before = Instant::now();
        assert!(pacer.wait() >= Duration::from_millis(19));
        pacer.wait();
        assert!(before.elapsed() >= Duration::from_micros(900));
    }

    #[test]
    fn slips_and_the_latest_are_kept_apart() {
        let pace = Pace::default();
        for us in [10, 3_000, 999] {
            pace.count(Duration::from_micros(us));
        }
        assert_eq!((pace.ticks(), pace.slips()), (3, 1));
        assert_eq!((pace.take_worst_us(), pace.take_worst_us()), (3_000, 0));
        assert_eq!(pace.max_us(), 3_000);
    }
}
