//! Time as the core sees it: a number it is given.

/// Microseconds on a monotonic clock whose zero means nothing; also a span of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub u64);

impl Micros {
    /// The clock's zero, or no time at all.
    pub const ZERO: Self = Self(0);

    /// A span in milliseconds; what does not fit is cut to the longest span.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    /// In seconds.
    #[must_use]
    pub const fn s(self) -> f64 {
        self.0 as f64 * 1e-6
    }

    /// This moment, `span` later.
    #[must_use]
    pub const fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to this moment; `None` when `earlier` lies in the future, which is never taken for "just now".
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Self> {
        match self.0.checked_sub(earlier.0) {
            Some(span) => Some(Self(span)),
            None => None,
        }
    }

    /// Whether something stamped `at` is at most `limit` old at this moment. A stamp from the future is not fresh.
    #[must_use]
    pub const fn fresh(self, at: Self, limit: Self) -> bool {
        match self.since(at) {
            Some(age) => age.0 <= limit.0,
            None => false,
        }
    }

    /// Whether `span` has passed since `earlier`. A moment in the future counts as passed: waits never hang on a broken clock.
    #[must_use]
    pub const fn passed(self, earlier: Self, span: Self) -> bool {
        match self.since(earlier) {
            Some(elapsed) => elapsed.0 >= span.0,
            None => true,
        }
    }
}

/// A value with the moment it arrived here and its place in the stream it came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamped<T> {
    /// What arrived.
    pub value: T,
    /// When, on the controller's own monotonic clock (not the sender's).
    pub arrived: Micros,
    /// Rises with every value that arrives; the same number means the same value seen again.
    pub sequence: u64,
}
