//! What a client answers at the consultation; `planner/intakes/` has examples.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::value::{Datetime, Value};

use super::Day;
use super::policy::{AnswerKind, Policy};
use crate::text::{QUOTE, plain};

/// Longest name of a client, a kind of scar, characters.
const NAME: usize = 40;
/// The most scars.
const SCARS: usize = 50;

/// An answer of the medical screening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Answer {
    /// No, or never.
    No,
    /// Yes.
    Yes,
    /// Still.
    Ongoing,
    /// It ended, or happened, on that day.
    On(Day),
}

/// How dense it is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// As the proposed treatment says: enough to look full.
    Full,
    /// Less: a shadow of hair.
    Light,
}

/// A scar within the area.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scar {
    /// What kind.
    pub kind: String,
    /// Its area, cm².
    pub cm2: f64,
    /// Since when it is there.
    pub since: Day,
}

/// A client's answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intake {
    /// Who: an id of the clinic's, never a name.
    pub client: String,
    /// The day of the consultation.
    pub date: Day,
    /// The day wished for the first session.
    pub first_session: Option<Day>,
    /// The pattern of hair loss, a key of the policy's.
    pub pattern: String,
    /// The hair's colour, a name of the policy's.
    pub hair_colour: String,
    /// How long the hair is worn, mm.
    pub hair_length_mm: f64,
    /// Follicular units that were counted beside the area, 1/cm².
    pub natural_units_per_cm2: Option<f64>,
    /// Fitzpatrick's skin type, 1 to 6.
    pub skin_type: u8,
    /// How much sun the head gets, a habit of the policy's.
    pub sun: String,
    /// The area that was measured, cm².
    pub area_cm2: Option<f64>,
    /// How dense it is to look.
    pub look: Look,
    /// Scars within the area.
    pub scars: Vec<Scar>,
    /// The day of the last treatment before, if there was one.
    pub treated_before: Option<Day>,
    /// Answers of the screening, by the policy's keys: every question has one.
    pub health: BTreeMap<String, Answer>,
}

/// Why an intake is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
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
struct Reader {
    file: toml::Table,
    missing: Vec<String>,
}

impl Reader {
    /// The value at `table.key`, taken out.
    fn take(&mut self, place: &str) -> Option<Value> {
        match place.split_once('.') {
            None => self.file.remove(place),
            Some((table, key)) => self.file.get_mut(table)?.as_table_mut()?.remove(key),
        }
    }

    /// The answer at a place; where there is none, `what` is asked for by name.
    fn need<T>(
        &mut self,
        place: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, IntakeError> {
        let found = self.may(place, wanted, read)?;
        if found.is_none() {
            self.missing.push(format!("{place} ({wanted})"));
        }
        Ok(found)
    }

    /// The answer at a place, if there is one.
    fn may<T>(
        &mut self,
        place: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, IntakeError> {
        let Some(value) = self.take(place) else {
            return Ok(None);
        };
        match read(&value) {
            Some(answer) => Ok(Some(answer)),
            None => Err(IntakeError::Wrong {
                key: place.to_owned(),
                found: plain(&value.to_string(), NAME),
                wanted: wanted.to_owned(),
            }),
        }
    }

    /// What nobody asked for.
    fn rest(self, asked: &[String]) -> Result<(), IntakeError> {
        let mut left = Vec::new();
        for (key, value) in self.file {
            match value {
                Value::Table(table) => left.extend(table.keys().map(|k| format!("{key}.{k}"))),
                _ => left.push(key),
            }
        }
        let Some(key) = left.into_iter().next() else {
            return Ok(());
        };
        let near = |known: &&String| strsim::damerau_levenshtein(known, &key);
        let nearest = asked.iter().min_by_key(near).cloned().unwrap_or_default();
        Err(IntakeError::Unknown {
            key: plain(&key, QUOTE),
            nearest,
        })
    }
}

fn day(value: &Value) -> Option<Day> {
    let Datetime {
        date: Some(date),
        time: None,
        offset: None,
    } = value.as_datetime()?
    else {
        return None;
    };
    Day::from_ymd_opt(
        i32::from(date.year),
        u32::from(date.month),
        u32::from(date.day),
    )
}

/// A number of a TOML file, be it written with or without a point.
fn number(value: &Value, low: f64, high: f64) -> Option<f64> {
    let number = value
        .as_float()
        .or_else(|| value.as_integer().map(|i| i as f64))?;
    (low..=high).contains(&number).then_some(number)
}

/// Letters, digits and a few signs: a name that is safe in a path, a document and a record.
fn name(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let is_name = (1..=NAME).contains(&text.len()) && text.chars().all(fits);
    is_name.then(|| text.to_owned())
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> (Vec<String>, String) {
    let names: Vec<String> = names.map(str::to_owned).collect();
    let wanted = format!("one of {}", names.join(", "));
    (names, wanted)
}

const DAY: &str = "a day like 2027-05-31";
const PLACES: [&str; 13] = [
    "client",
    "date",
    "first_session",
    "treated_before",
    "hair.pattern",
    "hair.colour",
    "hair.length_mm",
    "hair.units_per_cm2",
    "skin.type",
    "skin.sun",
    "area.cm2",
    "area.scars",
    "wish.look",
];

impl Intake {
    /// Answers from the text of an intake file, asked for by a policy.
    ///
    /// # Errors
    /// No TOML, answers that are missing (all of them are named) or make no sense, keys that nothing asks for.
    pub fn parse(text: &str, policy: &Policy) -> Result<Self, IntakeError> {
        let file: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            IntakeError::Syntax {
                line: 1 + text.bytes().take(at).filter(|b| *b == b'\n').count(),
                reason: plain(error.message(), QUOTE),
            }
        })?;
        let mut reader = Reader {
            file,
            missing: Vec::new(),
        };
        let (patterns, a_pattern) = one_of(policy.patterns.iter().map(|p| p.key.as_str()));
        let (colours, a_colour) = one_of(policy.hair.iter().map(|h| h.colour.as_str()));
        let (habits, a_habit) = one_of(policy.sun.iter().map(|s| s.habit.as_str()));
        let among = |names: Vec<String>| {
            move |v: &Value| names.iter().find(|n| v.as_str() == Some(n)).cloned()
        };
        let client = reader.need(
            "client",
            "an id of letters, digits, - and _, never a name",
            name,
        )?;
        let date = reader.need("date", DAY, day)?;
        let first_session = reader.may("first_session", DAY, day)?;
        let treated_before = reader.may("treated_before", DAY, day)?;
        let pattern = reader.need("hair.pattern", &a_pattern, among(patterns))?;
        let hair_colour = reader.need("hair.colour", &a_colour, among(colours))?;
        let hair_length_mm =
            reader.need("hair.length_mm", "0 to 500", |v| number(v, 0.0, 500.0))?;
        let natural_units_per_cm2 =
            reader.may("hair.units_per_cm2", "5 to 200", |v| number(v, 5.0, 200.0))?;
        let skin_type = reader.need("skin.type", "1 to 6 (Fitzpatrick)", |v| {
            u8::try_from(v.as_integer()?)
                .ok()
                .filter(|t| (1..=6).contains(t))
        })?;
        let sun = reader.need("skin.sun", &a_habit, among(habits))?;
        let area_cm2 = reader.may("area.cm2", "1 to 2000", |v| number(v, 1.0, 2000.0))?;
        let look = reader.need("wish.look", "\"full\" or \"light\"", |v| {
            match v.as_str()? {
                "full" => Some(Look::Full),
                "light" => Some(Look::Light),
                _ => None,
            }
        })?;
        let scars = reader.need(
            "area.scars",
            "a list, empty where there is none, of { kind = \"strip\", cm2 = 12, since = 2020-05-01 }",
            scars,
        )?;
        let health = health(&mut reader, policy)?;
        let missing = std::mem::take(&mut reader.missing);
        reader.rest(&asked(policy))?;
        let whole = (|| {
            Some(Self {
                client: client?,
                date: date?,
                first_session,
                pattern: pattern?,
                hair_colour: hair_colour?,
                hair_length_mm: hair_length_mm?,
                natural_units_per_cm2,
                skin_type: skin_type?,
                sun: sun?,
                area_cm2,
                look: look?,
                scars: scars?,
                treated_before,
                health,
            })
        })();
        let intake = whole
            .filter(|_| missing.is_empty())
            .ok_or(IntakeError::Missing(missing))?;
        intake.check_days()?;
        Ok(intake)
    }

    /// What happened did so before the consultation, and what is planned comes after it.
    fn check_days(&self) -> Result<(), IntakeError> {
        let answers = self.health.iter().filter_map(|(key, answer)| match answer {
            Answer::On(day) => Some((format!("health.{key}"), *day)),
            _ => None,
        });
        let scars = self
            .scars
            .iter()
            .map(|s| ("area.scars: since".to_owned(), s.since));
        let before = self
            .treated_before
            .map(|day| ("treated_before".to_owned(), day));
        let past = answers.chain(scars).chain(before);
        let later = past.into_iter().find(|(_, day)| *day > self.date);
        let early = self.first_session.filter(|day| *day < self.date);
        let early = early.map(|day| ("first_session".to_owned(), day));
        let wrong = |(key, found): (String, Day), wanted: &str| IntakeError::Wrong {
            key,
            found: found.to_string(),
            wanted: wanted.to_owned(),
        };
        match (later, early) {
            (Some(later), _) => Err(wrong(later, "a day not after that of the consultation")),
            (_, Some(early)) => Err(wrong(early, "a day not before that of the consultation")),
            _ => Ok(()),
        }
    }
}

/// Every key there is.
fn asked(policy: &Policy) -> Vec<String> {
    let health = policy.screening.iter().map(|q| format!("health.{}", q.key));
    PLACES
        .map(str::to_owned)
        .into_iter()
        .chain(health)
        .collect()
}

fn scars(value: &Value) -> Option<Vec<Scar>> {
    let list = value.as_array().filter(|list| list.len() <= SCARS)?;
    let scar = |item: &Value| {
        let table = item.as_table().filter(|table| table.len() == 3)?;
        Some(Scar {
            kind: name(table.get("kind")?)?,
            cm2: number(table.get("cm2")?, 0.01, 2000.0)?,
            since: day(table.get("since")?)?,
        })
    };
    list.iter().map(scar).collect()
}

fn health(reader: &mut Reader, policy: &Policy) -> Result<BTreeMap<String, Answer>, IntakeError> {
    let mut health = BTreeMap::new();
    for question in &policy.screening {
        let place = format!("health.{}", question.key);
        let how = match question.answer {
            AnswerKind::YesNo => "true or false",
            AnswerKind::Date => "\"never\", \"ongoing\", or the day it ended",
        };
        let wanted = format!("{}: {how}", question.asks);
        let read = |value: &Value| match (question.answer, value) {
            (AnswerKind::YesNo, Value::Boolean(true)) => Some(Answer::Yes),
            (AnswerKind::YesNo, Value::Boolean(false)) => Some(Answer::No),
            (AnswerKind::Date, Value::String(text)) => match text.as_str() {
                "never" => Some(Answer::No),
                "ongoing" => Some(Answer::Ongoing),
                _ => None,
            },
            (AnswerKind::Date, value) => day(value).map(Answer::On),
            _ => None,
        };
        if let Some(answer) = reader.need(&place, &wanted, read)? {
            health.insert(question.key.clone(), answer);
        }
    }
    Ok(health)
}
