//! The cartridge that the needle device reports, held against the sitting's.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longest number that is kept of what is reported, characters. Source: own.
const LONGEST: usize = 64;

/// What is fitted, and what should be.
#[derive(Debug, Default)]
pub struct Fitted(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    agreed: Option<String>,
    reported: String,
}

impl Fitted {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this cartridge must be fitted; `None` where no sitting says which.
    pub fn agree(&self, cartridge: Option<&str>) {
        self.numbers().agreed = cartridge.map(str::to_owned);
    }

    /// Takes the number that is reported, empty where none is fitted. Whether it is the one agreed on.
    pub fn report(&self, number: &str) -> bool {
        let mut numbers = self.numbers();
        if !number.chars().take(LONGEST).eq(numbers.reported.chars()) {
            numbers.reported = number.chars().take(LONGEST).collect();
        }
        let agreed = numbers.agreed.as_deref();
        agreed.is_none_or(|agreed| agreed == number)
    }

    /// The number reported last, and whether it is the one agreed on.
    #[must_use]
    pub fn reported(&self) -> (String, bool) {
        let numbers = self.numbers();
        let agreed = numbers.agreed.as_deref();
        let ours = agreed.is_none_or(|agreed| agreed == numbers.reported);
        (numbers.reported.clone(), ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H8: the device says which cartridge is fitted, and only the sitting's will do.
    #[test]
    fn another_cartridge_than_the_sittings_is_told_apart() {
        let fitted = Fitted::default();
        assert!(fitted.report("anything"), "no sitting says which");
        fitted.agree(Some("N-1"));
        assert_eq!(fitted.reported(), ("anything".to_owned(), false));
        for other in ["", "N-12", "n-1", "N-1 ", &"N".repeat(1_000_000)] {
            assert!(!fitted.report(other));
        }
        assert_eq!(fitted.reported().0.len(), LONGEST);
        assert!(fitted.report("N-1"));
        assert_eq!(fitted.reported(), ("N-1".to_owned(), true));
    }
}
