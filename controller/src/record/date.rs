//! A day of the calendar, as it stands on a package.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A day, `YYYY-MM-DD`, from 1970 to 9999; the earlier is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day, written like 2027-05-31")]
pub struct NotADay(String);

const MICROSECONDS: i64 = 86_400_000_000;

impl Date {
    /// The day in UTC of a moment, µs since 1970; what lies before counts as the first day, what lies far ahead as the last.
    #[must_use]
    pub fn of(at_us: i64) -> Self {
        let mut left = at_us.div_euclid(MICROSECONDS).max(0);
        for year in 1970..=9999_u16 {
            for month in 1..=12 {
                let days = i64::from(days_of(year, month));
                if left < days {
                    // Less than 31.
                    let day = u8::try_from(left).unwrap_or(30) + 1;
                    return Self { year, month, day };
                }
                left -= days;
            }
        }
        Self {
            year: 9999,
            month: 12,
            day: 31,
        }
    }
}

const fn days_of(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FromStr for Date {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let not = || NotADay(text.chars().take(20).collect());
        let numbers: Vec<u16> = text
            .split('-')
            .zip([4, 2, 2])
            .filter(|(part, digits)| {
                part.len() == *digits && part.bytes().all(|b| b.is_ascii_digit())
            })
            .filter_map(|(part, _)| part.parse().ok())
            .collect();
        let [year, month, day] = numbers[..] else {
            return Err(not());
        };
        let narrow = |n: u16| u8::try_from(n).map_err(|_| not());
        let (month, day) = (narrow(month)?, narrow(day)?);
        let real = text.len() == 10
            && (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day);
        real.then_some(Self { year, month, day }).ok_or_else(not)
    }
}

impl TryFrom<String> for Date {
    type Error = NotADay;

    fn try_from(text: String) -> Result<Self, NotADay> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_moments() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (-5, "1970-01-01"),
            (86_399, "1970-01-01"),
            (86_400, "1970-01-02"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_709_251_200, "2024-03-01"),
            (1_798_761_599, "2026-12-31"),
        ] {
            assert_eq!(Date::of(seconds * 1_000_000).to_string(), day, "{seconds}");
        }
        assert_eq!(Date::of(i64::MAX).to_string(), "9999-12-31");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-1-1",
            "2026-13-01",
            "2026-00-10",
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-01-01-01",
            "+026-01-01",
            "2026-01-0a",
            "1969-12-31",
            "２０２６-01-01",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!("2028-02-29".parse::<Date>().unwrap() < "2028-03-01".parse().unwrap());
    }
}
