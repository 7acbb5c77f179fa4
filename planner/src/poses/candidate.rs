//! A place and way to be chosen next; of a heap of them the cheapest comes first, then that of the lowest numbers.

/// Its price, the place, and the way there.
pub(super) struct Candidate(pub f64, pub usize, pub usize);

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let by_price = other.0.total_cmp(&self.0);
        by_price.then((other.1, other.2).cmp(&(self.1, self.2)))
    }
}
