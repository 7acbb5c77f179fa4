//! The cartridge that the needle device reports, held against the sitting's.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longest number that is kept of what is reported, characters. Source: own.
const LONGEST: usize = 64;

/// What is fitted, and what should be.
#[derive(Debug, Default)]
pub struct Fitted(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    agreed: Option<Agreed>,
    reported: String,
    strikes: u32,
    /// The agreed cartridge's last count.
    last: Option<u32>,
    /// Another one, or none, was reported since.
    away: bool,
    /// The agreed one had more strikes than were known of, at first or when it came back.
    used_elsewhere: bool,
}

/// What a sitting is to be made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The cartridge's number.
    pub cartridge: String,
    /// So many strikes it may make.
    pub strike_cap: u32,
    /// So many the record knows of.
    pub used: u32,
}

/// What is wrong with what is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Another cartridge, or none.
    Other,
    /// By the device's own count it has made strikes that the record does not know of, or more than it may.
    Worn,
}

impl Numbers {
    fn unfit(&self, number: &str) -> Option<Unfit> {
        let agreed = self.agreed.as_ref()?;
        if agreed.cartridge != number {
            return Some(Unfit::Other);
        }
        (self.used_elsewhere || self.strikes > agreed.strike_cap).then_some(Unfit::Worn)
    }

    /// Follows the agreed cartridge's own count.
    fn follow(&mut self, number: &str, strikes: u32) {
        let Some(agreed) = &self.agreed else { return };
        if agreed.cartridge != number {
            self.away = true;
            return;
        }
        let known = match self.last {
            None => agreed.used,
            Some(last) if self.away => last,
            Some(_) => strikes,
        };
        self.used_elsewhere |= strikes > known;
        (self.last, self.away) = (Some(strikes), false);
    }
}

impl Fitted {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this cartridge must be fitted; `None` where no sitting says which.
    pub fn agree(&self, agreed: Option<Agreed>) {
        let mut numbers = self.numbers();
        (numbers.agreed, numbers.last) = (agreed, None);
        (numbers.away, numbers.used_elsewhere) = (false, false);
    }

    /// Takes the number that is reported, empty where none is fitted, and the strikes made with it. Whether it is fit for the sitting.
    pub fn report(&self, number: &str, strikes: u32) -> bool {
        let mut numbers = self.numbers();
        numbers.strikes = strikes;
        numbers.follow(number, strikes);
        if !number.chars().take(LONGEST).eq(numbers.reported.chars()) {
            numbers.reported = number.chars().take(LONGEST).collect();
        }
        numbers.unfit(number).is_none()
    }

    /// The number reported last, the strikes made with it, and what is wrong with it.
    #[must_use]
    pub fn reported(&self) -> (String, u32, Option<Unfit>) {
        let numbers = self.numbers();
        let unfit = numbers.unfit(&numbers.reported);
        (numbers.reported.clone(), numbers.strikes, unfit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H8: the device says which cartridge is fitted, and only the sitting's will do.
    #[test]
    fn another_cartridge_than_the_sittings_is_told_apart() {
        let fitted = Fitted::default();
        assert!(fitted.report("anything", u32::MAX), "no sitting says which");
        fitted.agree(Some(Agreed {
            cartridge: "N-1".to_owned(),
            strike_cap: 100,
            used: 7,
        }));
        let told = |name: &str, strikes, unfit| (name.to_owned(), strikes, unfit);
        assert_eq!(
            fitted.reported(),
            told("anything", u32::MAX, Some(Unfit::Other))
        );
        for other in ["", "N-12", "n-1", "N-1 ", &"N".repeat(1_000_000)] {
            assert!(!fitted.report(other, 0));
        }
        assert_eq!(fitted.reported().0.len(), LONGEST);
        assert!(fitted.report("N-1", 7));
        // The last strike that it may make is under way.
        assert!(fitted.report("N-1", 100));
        assert_eq!(fitted.reported(), told("N-1", 100, None));
        assert!(!fitted.report("N-1", 101));
        assert_eq!(fitted.reported(), told("N-1", 101, Some(Unfit::Worn)));
        // One that was used where no record knows of is worn from the start.
        fitted.agree(Some(Agreed {
            cartridge: "N-1".to_owned(),
            strike_cap: 100,
            used: 7,
        }));
        assert!(!fitted.report("N-1", 8));
        // So is one that was taken out and used.
        fitted.agree(Some(Agreed {
            cartridge: "N-1".to_owned(),
            strike_cap: 100,
            used: 7,
        }));
        assert!(fitted.report("N-1", 7) && fitted.report("N-1", 20));
        assert!(!fitted.report("", 0) && fitted.report("N-1", 20));
        assert!(!fitted.report("", 0) && !fitted.report("N-1", 21));
    }
}
