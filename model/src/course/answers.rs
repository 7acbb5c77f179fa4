//! Answers out of a TOML file: what is missing is asked for by name, all at once; what nobody asked for is refused; nothing is assumed.

use chrono::{Days, NaiveDate, TimeDelta};
use toml::value::{Datetime, Offset, Value};

use crate::text::{QUOTE, plain};

/// A day of the calendar; the earlier is the smaller.
pub use chrono::NaiveDate as Day;

/// Longest name, characters.
const NAME: usize = 40;
/// The longest that a wrong answer is quoted, characters.
const ANSWER: usize = 40;
/// The most tables of one kind. Source: own; no file of this kind has more than a few.
const MOST_TABLES: usize = 64;
/// How a day is asked for.
pub const A_DAY: &str = "a day like 2027-05-31";
/// How a moment is asked for.
pub const A_MOMENT: &str = "a day, a time and the clock's offset, like 2027-05-31T08:10:00+02:00";

/// Why answers are not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswersError {
    /// Not TOML.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// Answers that are not there.
    #[error("{} not there: {}; nothing is assumed, ask the client", if .0.len() == 1 { "an answer is" } else { "answers are" }, .0.join(", "))]
    Missing(Vec<String>),
    /// A key that nothing asks for.
    #[error("nothing asks for {key:?}; did you mean {nearest:?}?")]
    Unknown {
        /// The key, with the table it stands in.
        key: String,
        /// The known key that is nearest to it.
        nearest: String,
    },
    /// An answer that is none.
    #[error("{key} is {found}; it must be {wanted}")]
    Wrong {
        /// The key, with the table it stands in.
        key: String,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: String,
    },
}

/// Takes answers out of a file; what is missing is collected, to be named in one go.
#[derive(Debug)]
pub struct Reader {
    file: toml::Table,
    /// Which table of a list this is, for messages.
    within: String,
    missing: Vec<String>,
}

impl Reader {
    /// Reads a file's text.
    ///
    /// # Errors
    /// When it is no TOML.
    pub fn parse(text: &str) -> Result<Self, AnswersError> {
        let file = text.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            AnswersError::Syntax {
                line: 1 + text.bytes().take(at).filter(|b| *b == b'\n').count(),
                reason: plain(error.message(), QUOTE),
            }
        })?;
        Ok(Self {
            file,
            within: String::new(),
            missing: Vec::new(),
        })
    }

    /// The value at `key` or `table.key`, taken out.
    fn take(&mut self, place: &str) -> Option<Value> {
        match place.split_once('.') {
            None => self.file.remove(place),
            Some((table, key)) => self.file.get_mut(table)?.as_table_mut()?.remove(key),
        }
    }

    /// Whether there is such a key or table.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.file.contains_key(key)
    }

    /// The answer at a place; where there is none, it is asked for by name.
    ///
    /// # Errors
    /// An answer that is not what is `wanted`.
    pub fn need<T>(
        &mut self,
        place: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, AnswersError> {
        let found = self.may(place, wanted, read)?;
        if found.is_none() {
            self.miss(place, wanted);
        }
        Ok(found)
    }

    /// Asks for an answer that is not there.
    pub fn miss(&mut self, place: &str, wanted: &str) {
        self.missing
            .push(format!("{}{place} ({wanted})", self.within));
    }

    /// The answer at a place, if there is one.
    ///
    /// # Errors
    /// An answer that is not what is `wanted`.
    pub fn may<T>(
        &mut self,
        place: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, AnswersError> {
        let Some(value) = self.take(place) else {
            return Ok(None);
        };
        match read(&value) {
            Some(answer) => Ok(Some(answer)),
            None => Err(self.wrong(place, &value, wanted)),
        }
    }

    fn wrong(&self, place: &str, found: &Value, wanted: &str) -> AnswersError {
        AnswersError::Wrong {
            key: format!("{}{place}", self.within),
            found: plain(&found.to_string(), ANSWER),
            wanted: wanted.to_owned(),
        }
    }

    /// Every table of a list of tables, each read by itself; `known` are the keys it may have. An item is `None` where something in it is
    /// missing.
    ///
    /// # Errors
    /// What is no list of tables, and what is wrong in one of them.
    pub fn each<T>(
        &mut self,
        key: &str,
        known: &[&str],
        mut read: impl FnMut(&mut Self) -> Result<T, AnswersError>,
    ) -> Result<Vec<T>, AnswersError> {
        let wanted = format!("tables [[{key}]], at most {MOST_TABLES}");
        let Some(value) = self.file.remove(key) else {
            return Ok(Vec::new());
        };
        let items = match value {
            Value::Array(items) if items.len() <= MOST_TABLES => items,
            other => return Err(self.wrong(key, &other, &wanted)),
        };
        let mut all = Vec::with_capacity(items.len());
        for (number, item) in (1..).zip(items) {
            let Value::Table(file) = item else {
                return Err(self.wrong(key, &item, &wanted));
            };
            let mut inner = Self {
                file,
                within: format!("{key} {number}: "),
                missing: Vec::new(),
            };
            all.push(read(&mut inner)?);
            self.missing.append(&mut inner.missing);
            let known: Vec<String> = known.iter().map(|k| (*k).to_owned()).collect();
            inner.rest(&known)?;
        }
        Ok(all)
    }

    /// That nothing is left which nobody asked for, and that nothing asked for is missing.
    ///
    /// # Errors
    /// A key that nothing asks for, or all that is missing.
    pub fn rest(self, asked: &[String]) -> Result<(), AnswersError> {
        let mut left = Vec::new();
        for (key, value) in self.file {
            match value {
                Value::Table(table) => left.extend(table.keys().map(|k| format!("{key}.{k}"))),
                _ => left.push(key),
            }
        }
        let Some(key) = left.into_iter().next() else {
            return match self.missing.is_empty() {
                true => Ok(()),
                false => Err(AnswersError::Missing(self.missing)),
            };
        };
        let near = |known: &&String| strsim::damerau_levenshtein(known, &plain(&key, QUOTE));
        let nearest = asked.iter().min_by_key(near).cloned().unwrap_or_default();
        Err(AnswersError::Unknown {
            key: plain(&format!("{}{key}", self.within), QUOTE),
            nearest,
        })
    }
}

/// A day.
#[must_use]
pub fn day(value: &Value) -> Option<Day> {
    match value.as_datetime()? {
        Datetime {
            date: Some(date),
            time: None,
            offset: None,
        } => calendar(*date),
        _ => None,
    }
}

fn calendar(date: toml::value::Date) -> Option<Day> {
    NaiveDate::from_ymd_opt(
        i32::from(date.year),
        u32::from(date.month),
        u32::from(date.day),
    )
}

/// A moment by a clock whose offset is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day by that clock.
    pub day: Day,
    /// Microseconds since 1970, UTC.
    pub at_us: i64,
}

/// A moment; one without an offset is none.
#[must_use]
pub fn moment(value: &Value) -> Option<Moment> {
    let Datetime {
        date: Some(date),
        time: Some(time),
        offset: Some(offset),
    } = *value.as_datetime()?
    else {
        return None;
    };
    let day = calendar(date)?;
    let (hour, minute) = (u32::from(time.hour), u32::from(time.minute));
    let local = day.and_hms_opt(hour, minute, u32::from(time.second.unwrap_or(0)))?;
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let utc = local.checked_sub_signed(TimeDelta::try_minutes(minutes)?)?;
    Some(Moment {
        day,
        at_us: utc.and_utc().timestamp_micros(),
    })
}

/// A moment as text, written as in a TOML file ([`A_MOMENT`]).
#[must_use]
pub fn moment_of(text: &str) -> Option<Moment> {
    moment(&Value::Datetime(text.parse().ok()?))
}

/// A number of a TOML file, be it written with or without a point.
#[must_use]
pub fn number(value: &Value, low: f64, high: f64) -> Option<f64> {
    let number = value
        .as_float()
        .or_else(|| value.as_integer().map(|i| i as f64))?;
    (low..=high).contains(&number).then_some(number)
}

/// Letters, digits and a few signs: a name that is safe in a path, a document and a record.
#[must_use]
pub fn name(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let is_name = (1..=NAME).contains(&text.len()) && text.chars().all(fits);
    is_name.then(|| text.to_owned())
}

/// One line of at most `most` bytes that says something.
#[must_use]
pub fn line(value: &Value, most: usize) -> Option<String> {
    let text = value.as_str()?;
    let visible = |c: char| !c.is_control() && c != '\u{feff}';
    let fits = !text.trim().is_empty() && text.len() <= most && text.chars().all(visible);
    fits.then(|| text.to_owned())
}

/// So many days after a day; the last day there is where that is beyond it.
#[must_use]
pub fn after(day: Day, days: u16) -> Day {
    day.checked_add_days(Days::new(u64::from(days)))
        .unwrap_or(Day::MAX)
}

/// The day in UTC of a moment, µs since 1970; beyond what a calendar holds, its last day.
#[must_use]
pub fn day_of(at_us: i64) -> Day {
    chrono::DateTime::from_timestamp_micros(at_us).map_or(Day::MAX, |at| at.date_naive())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_moments() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (86_400, "1970-01-02"),
            (951_782_400, "2000-02-29"),
            (1_709_251_200, "2024-03-01"),
            (1_798_761_599, "2026-12-31"),
        ] {
            assert_eq!(day_of(seconds * 1_000_000).to_string(), day, "{seconds}");
        }
        assert_eq!(day_of(i64::MAX), Day::MAX);
    }

    #[test]
    fn a_moment_has_an_offset_and_knows_its_own_day() {
        let utc = moment_of("2027-05-31T22:30:00Z").unwrap();
        let sydney = moment_of("2027-06-01T08:30:00+10:00").unwrap();
        assert_eq!(utc.at_us, sydney.at_us);
        assert_eq!(sydney.day.to_string(), "2027-06-01");
        for none in [
            "2027-05-31",
            "2027-05-31T08:30:00",
            "08:30:00",
            "2027-13-31T08:30:00Z",
            "yesterday",
        ] {
            assert_eq!(moment_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_list_of_tables_is_read_table_by_table() {
        let read = |text: &str| {
            let mut reader = Reader::parse(text).unwrap();
            let all = reader.each("lots", &["id", "until"], |lot| {
                let id = lot.need("id", "a name", name)?;
                Ok((id, lot.need("until", A_DAY, day)?))
            });
            all.and_then(|all| reader.rest(&["lots".to_owned()]).map(|()| all.len()))
        };
        let whole = "[[lots]]\nid = 'a'\nuntil = 2027-01-01\n";
        assert_eq!(read(whole), Ok(1));
        let said = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(
            said("[[lots]]\nid = 'a'\n[[lots]]\nuntil = 2027-01-01"),
            "answers are not there: lots 1: until (a day like 2027-05-31), lots 2: id (a name); nothing is assumed, ask the client"
        );
        assert_eq!(
            said("[[lots]]\nidd = 'a'\nuntil = 2027-01-01\nid = 'b'"),
            "nothing asks for \"lots 1: idd\"; did you mean \"id\"?"
        );
        assert_eq!(
            said("lots = 5"),
            "lots is 5; it must be tables [[lots]], at most 64"
        );
        assert_eq!(
            said("[[lots]]\nid = '../b'\nuntil = 2027-01-01"),
            "lots 1: id is \"../b\"; it must be a name"
        );
    }
}
