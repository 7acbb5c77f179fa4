//! What a client answers at the consultation; `planner/intakes/` has examples.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::value::Value;

use super::answers::{A_DAY as DAY, AnswersError, Day, Reader, day, name, number};
use super::policy::{AnswerKind, Policy};

/// Why an intake is not accepted.
pub type IntakeError = AnswersError;

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

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> (Vec<String>, String) {
    let names: Vec<String> = names.map(str::to_owned).collect();
    let wanted = format!("one of {}", names.join(", "));
    (names, wanted)
}

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
        let mut reader = Reader::parse(text)?;
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
        // What is missing was told.
        let intake = whole.ok_or(IntakeError::Missing(Vec::new()))?;
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
