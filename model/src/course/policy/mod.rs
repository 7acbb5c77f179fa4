//! The rules of a course, each with its source; `launch/policy/default.toml` has every key.

mod check;

use serde::Deserialize;

use super::Verdict;
use crate::text::{QUOTE, plain};

/// The rules that are shipped.
const SHIPPED: &str = include_str!("../../../../launch/policy/default.toml");

/// A rule and where it comes from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule<T> {
    /// What holds.
    pub value: T,
    /// Who says so.
    pub source: String,
}

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// True or false.
    YesNo,
    /// Never, ongoing, or the day on which it ended or happened.
    Date,
}

/// A question of the medical screening.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its key in the intake's `[health]`.
    pub key: String,
    /// What is asked for.
    pub asks: String,
    /// How it is answered.
    pub answer: AnswerKind,
    /// What a yes leads to.
    pub verdict: Verdict,
    /// For so many days after it has ended; only with a date.
    pub days: Option<u16>,
    /// From then on until so many days after it has ended a physician is asked; only with a date.
    pub physician_days: Option<u16>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub source: String,
}

/// Rules of scars.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scars {
    /// Age from which a scar is worked on, days.
    pub youngest_days: Rule<u16>,
}

/// Rules of sessions: how many, how far apart, how long.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// The fewest.
    pub fewest: Rule<u8>,
    /// The usual number.
    pub usual: Rule<u8>,
    /// The most.
    pub most: Rule<u8>,
    /// Up to this area one less than usual does, cm².
    pub small_cm2: Rule<f64>,
    /// From this area on it takes one more, cm².
    pub large_cm2: Rule<f64>,
    /// From this density on it takes one more, 1/cm².
    pub dense_per_cm2: Rule<f64>,
    /// Share of the dots that is there after each of two sessions,
    pub shares_2: Rule<Vec<f64>>,
    /// of three,
    pub shares_3: Rule<Vec<f64>>,
    /// of four.
    pub shares_4: Rule<Vec<f64>>,
    /// From session to session at least, days,
    pub least_days: Rule<u16>,
    /// as proposed,
    pub proposed_days: Rule<u16>,
    /// and at most.
    pub most_days: Rule<u16>,
    /// A longer session is split, hours.
    pub longest_hours: Rule<f64>,
    /// From part to part of a session that is split, days.
    pub part_days: Rule<u16>,
    /// Setting up, minutes.
    pub set_up_minutes: Rule<f64>,
    /// Until the numbing cream works, minutes.
    pub numbing_minutes: Rule<f64>,
    /// A break after so many minutes of work,
    pub break_every_minutes: Rule<f64>,
    /// and how long it is, minutes.
    pub break_minutes: Rule<f64>,
    /// Pace where no plan says it, dots/s.
    pub dots_per_second: Rule<f64>,
}

/// Rules of the gate: what must hold before a session starts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// How long a consent lasts, days.
    pub consent_days: Rule<u16>,
    /// How long the answers of a screening last, once confirmed, days.
    pub answers_days: Rule<u16>,
    /// How long a physician's word lasts, days.
    pub physician_days: Rule<u16>,
    /// From the making of a test patch until it is read, days.
    pub patch_days: Rule<u16>,
    /// How old the scan may be that was laid onto the planned one, minutes.
    pub registration_minutes: Rule<f64>,
}

/// Rules of density.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Density {
    /// Natural follicular units, 1/cm²: a dot stands for one.
    pub natural_units_per_cm2: Rule<f64>,
    /// Share of it that already looks full.
    pub full_look: Rule<f64>,
    /// Share of a treatment's densities for who wishes a lighter look.
    pub light_look: Rule<f64>,
    /// Longest hair that dots look like, mm.
    pub shaved_mm: Rule<f64>,
    /// How long the result lasts, years: from, to.
    pub lasts_years: Rule<[u8; 2]>,
    /// When it is touched up, years: from, to.
    pub touch_up_years: Rule<[u8; 2]>,
}

/// A pattern of hair loss and what is proposed for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Its key in the intake.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// The shipped treatment that is proposed, by its file's stem.
    pub treatment: String,
    /// Whether it is worn shaved: dots then stand for the hair, not between it.
    pub shaved: bool,
    /// Its usual area, cm²: from, to.
    pub cm2: [f64; 2],
    /// Who says so.
    pub source: String,
}

/// A shade: the hair's colour, mixed with the skin's and diluted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadeRule {
    /// Its name in treatments.
    pub name: String,
    /// Parts of water to one of pigment.
    pub parts: u8,
    /// How much of the skin's colour is in it, 0..=1.
    pub skin: f64,
    /// Years after which half of its darkness is left, on skin and under sun whose factors are 1.
    pub half_life_years: f64,
    /// Who says so.
    pub source: String,
}

/// A skin type.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkinRule {
    /// Fitzpatrick's, 1 to 6.
    #[serde(rename = "type")]
    pub number: u8,
    /// sRGB, for pictures and for mixing shades.
    pub rgb: [u8; 3],
    /// So many more parts of water.
    pub more_parts: u8,
    /// So many more sessions.
    pub more_sessions: u8,
    /// Times the half-life of a shade.
    pub half_life: f64,
    /// Who says so.
    pub source: String,
}

/// How much sun a head gets.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SunRule {
    /// Its name in the intake.
    pub habit: String,
    /// Times the half-life of a shade.
    pub half_life: f64,
    /// Who says so.
    pub source: String,
}

/// How dots heal and fade.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fading {
    /// Share of the dots that is there once the skin has healed,
    pub taken: Rule<f64>,
    /// and of those in a scar.
    pub taken_in_scars: Rule<f64>,
    /// Dots differ: standard deviation of the logarithm of their half-lives.
    pub spread: Rule<f64>,
    /// Nobody knows a half-life well: it may be shorter and longer by this share.
    pub uncertain: Rule<f64>,
    /// A dot is seen while more than this share of its darkness is left.
    pub seen: Rule<f64>,
    /// A zone is touched up when less than this share of its density is seen.
    pub touch_up: Rule<f64>,
}

/// A colour of hair.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HairColour {
    /// Its name in the intake.
    pub colour: String,
    /// sRGB.
    pub rgb: [u8; 3],
    /// Who says so.
    pub source: String,
}

/// How long something is to be avoided after a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// So many days.
    Days(u16),
    /// Until the next session.
    UntilNext,
}

/// A rule of aftercare. Days count from that of the session, which is day 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Care {
    /// Not to be done.
    Avoid {
        /// In the client's words.
        text: String,
        /// For how long.
        span: Span,
        /// For how long after the last session, days.
        last_days: u16,
        /// Who says so.
        source: String,
    },
    /// To be begun.
    Begin {
        /// In the client's words.
        text: String,
        /// On which day.
        from_day: u16,
        /// Who says so.
        source: String,
    },
}

/// Signs that need somebody.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signs {
    /// A physician, at once.
    pub physician: Vec<String>,
    /// Who says so.
    pub source: String,
}

/// All rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The medical screening.
    pub screening: Vec<Question>,
    /// Scars.
    pub scars: Scars,
    /// Sessions.
    pub sessions: Sessions,
    /// The gate before a session.
    pub gate: Gate,
    /// Density.
    pub density: Density,
    /// Patterns of hair loss.
    pub patterns: Vec<Pattern>,
    /// Shades.
    pub shades: Vec<ShadeRule>,
    /// Skin types.
    pub skin: Vec<SkinRule>,
    /// Habits of sun.
    pub sun: Vec<SunRule>,
    /// Healing and fading.
    pub fading: Fading,
    /// Colours of hair.
    pub hair: Vec<HairColour>,
    /// Aftercare.
    pub aftercare: Vec<Care>,
    /// Signs that need somebody.
    pub signs: Signs,
}

/// Why a policy is not accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown or missing key, or a wrong type.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// A rule without a source.
    #[error("{place} names no source; every rule says who says so")]
    NoSource {
        /// Which.
        place: String,
    },
    /// A rule that makes no sense.
    #[error("{place} {rule}")]
    Sense {
        /// Which.
        place: String,
        /// What it must be.
        rule: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    screening: Vec<Question>,
    scars: Scars,
    sessions: Sessions,
    gate: Gate,
    density: Density,
    patterns: Vec<Pattern>,
    shades: Vec<ShadeRule>,
    skin: Vec<SkinRule>,
    sun: Vec<SunRule>,
    fading: Fading,
    hair: Vec<HairColour>,
    aftercare: Vec<CareFile>,
    signs: Signs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CareFile {
    avoid: Option<String>,
    begin: Option<String>,
    days: Option<u16>,
    until: Option<String>,
    last_days: Option<u16>,
    from_day: Option<u16>,
    source: String,
}

impl Policy {
    /// The rules that are shipped.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::parse(SHIPPED)
    }

    /// Rules from the text of a policy file.
    ///
    /// # Errors
    /// No TOML, unknown or missing keys, a rule without a source or without sense.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            PolicyError::Syntax {
                line: 1 + text.bytes().take(at).filter(|b| *b == b'\n').count(),
                reason: plain(error.message(), QUOTE),
            }
        })?;
        check::sources(text)?;
        let aftercare = file.aftercare.into_iter().zip(1..).map(care);
        let policy = Self {
            screening: file.screening,
            scars: file.scars,
            sessions: file.sessions,
            gate: file.gate,
            density: file.density,
            patterns: file.patterns,
            shades: file.shades,
            skin: file.skin,
            sun: file.sun,
            fading: file.fading,
            hair: file.hair,
            aftercare: aftercare.collect::<Result<_, _>>()?,
            signs: file.signs,
        };
        policy.check()?;
        Ok(policy)
    }

    /// The shares for so many sessions; `None` for a number there are none for.
    #[must_use]
    pub fn shares(&self, sessions: u8) -> Option<&[f64]> {
        let shares = match sessions {
            2 => &self.sessions.shares_2,
            3 => &self.sessions.shares_3,
            4 => &self.sessions.shares_4,
            _ => return None,
        };
        Some(&shares.value)
    }

    /// The pattern of that key.
    #[must_use]
    pub fn pattern(&self, key: &str) -> Option<&Pattern> {
        self.patterns.iter().find(|p| p.key == key)
    }

    /// Fitzpatrick's skin type of that number.
    #[must_use]
    pub fn skin(&self, number: u8) -> Option<&SkinRule> {
        self.skin.iter().find(|s| s.number == number)
    }

    /// That habit of sun.
    #[must_use]
    pub fn sun(&self, habit: &str) -> Option<&SunRule> {
        self.sun.iter().find(|s| s.habit == habit)
    }

    /// The shade of that name.
    #[must_use]
    pub fn shade(&self, name: &str) -> Option<&ShadeRule> {
        self.shades.iter().find(|s| s.name == name)
    }

    /// The hair of that colour.
    #[must_use]
    pub fn hair(&self, colour: &str) -> Option<&HairColour> {
        self.hair.iter().find(|h| h.colour == colour)
    }
}

fn care((file, number): (CareFile, u32)) -> Result<Care, PolicyError> {
    let place = format!("aftercare {number}");
    let sense = |rule| PolicyError::Sense {
        place: place.clone(),
        rule,
    };
    match file {
        CareFile {
            avoid: Some(text),
            begin: None,
            days,
            until,
            last_days: Some(last_days),
            from_day: None,
            source,
        } => {
            let span = match (days, until.as_deref()) {
                (Some(days), None) => Span::Days(days),
                (None, Some("next")) => Span::UntilNext,
                _ => return Err(sense("has either days, or until = \"next\"")),
            };
            Ok(Care::Avoid {
                text,
                span,
                last_days,
                source,
            })
        }
        CareFile {
            avoid: None,
            begin: Some(text),
            days: None,
            until: None,
            last_days: None,
            from_day: Some(from_day),
            source,
        } => Ok(Care::Begin {
            text,
            from_day,
            source,
        }),
        _ => Err(sense(
            "is either avoid with last_days and days or until, or begin with from_day",
        )),
    }
}
