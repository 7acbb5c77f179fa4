//! The sitting file (TOML): all that a person says when a sitting begins. `launch/sittings/example.toml` explains every key.

use std::path::PathBuf;

use stipple_model::course::Day;
use stipple_model::course::answers::{
    A_DAY, A_MOMENT, AnswersError, Reader, day, line, moment, name, number,
};
use stipple_model::limits::{DEPTH_CAP, DWELL_CAP, DWELL_LEAST};

use super::{GROUNDS, Gate, Override};
use crate::record::{Cartridge, Consent, LONGEST_ID, Numbing, Patch, PigmentLot, Word};

/// Longest reason of an override, bytes.
const REASON: usize = 400;
/// Longest path, bytes.
const PATH: usize = 1024;
/// The most strikes that a cartridge may be said to make. Source: own; cartridges are changed after some thousands.
const MOST_STRIKES: i64 = 100_000;

const AN_ID: &str = "an id of letters, digits, - and _, never a name";
const A_LINE: &str = "one line of 1 to 64 bytes";

/// Every key and list there is.
const KEYS: [&str; 21] = [
    "client",
    "operator",
    "day",
    "consent.day",
    "consent.document",
    "screening.intake",
    "screening.confirmed",
    "screening.physician",
    "screening.physician_day",
    "numbing.cream",
    "numbing.applied_at",
    "numbing.none",
    "cartridge.id",
    "cartridge.strike_cap",
    "cartridge.expires",
    "pigments",
    "test_patch.done",
    "test_patch.read",
    "test_patch.depth_mm",
    "test_patch.dwell_ms",
    "overrides",
];

/// What a person says when a sitting begins.
#[derive(Debug, Clone, PartialEq)]
pub struct SittingFile {
    /// Who is treated.
    pub client: String,
    /// Who is responsible.
    pub operator: String,
    /// The day, by the clinic's calendar.
    pub day: Day,
    /// The client's consent.
    pub consent: Consent,
    /// The intake file, relative to this one.
    pub intake: PathBuf,
    /// When its answers were confirmed anew.
    pub confirmed: Day,
    /// A physician's word.
    pub physician: Option<Word>,
    /// The numbing cream; `None` where none was applied.
    pub numbing: Option<Numbing>,
    /// The needle.
    pub cartridge: Cartridge,
    /// The pigments.
    pub pigments: Vec<PigmentLot>,
    /// The test patch.
    pub test_patch: Option<Patch>,
    /// What is passed over.
    pub overrides: Vec<Override>,
}

/// Why a sitting file is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SittingFileError {
    /// Answers that are missing, that nobody asked for, or that are none.
    #[error("{}", words(.0))]
    Answers(#[from] AnswersError),
    /// A gate that nobody may pass over.
    #[error("overrides {number}: {gate} is never passed over: {}", never(*.gate))]
    Never {
        /// Which override, from 1.
        number: usize,
        /// The gate.
        gate: Gate,
    },
    /// A gate passed over twice.
    #[error("overrides {number}: {gate} is passed over already; keep one")]
    Twice {
        /// Which override, from 1.
        number: usize,
        /// The gate.
        gate: Gate,
    },
}

fn words(error: &AnswersError) -> String {
    error.to_string().replace(
        "; nothing is assumed, ask the client",
        "; nothing is assumed",
    )
}

fn never(gate: Gate) -> &'static str {
    let own = GROUNDS.iter().find(|g| g.gate == gate);
    own.map_or("", |g| g.why)
}

impl SittingFile {
    /// From a file's text.
    ///
    /// # Errors
    /// No TOML, answers that are missing (all of them are named) or make no sense, keys that nothing asks for, an override of what nobody may
    /// pass over.
    pub fn parse(text: &str) -> Result<Self, SittingFileError> {
        let mut reader = Reader::parse(text)?;
        let r = &mut reader;
        let id = |v: &toml::Value| line(v, LONGEST_ID);
        let client = r.need("client", AN_ID, name)?;
        let operator = r.need("operator", A_LINE, id)?;
        let today = r.need("day", A_DAY, day)?;
        let consent_day = r.need("consent.day", A_DAY, day)?;
        let document = r.need("consent.document", A_LINE, id)?;
        let intake = r.need("screening.intake", "the path of an intake file", |v| {
            line(v, PATH).map(PathBuf::from)
        })?;
        let confirmed = r.need("screening.confirmed", A_DAY, day)?;
        let physician = physician(r)?;
        let numbing = numbing(r, today)?;
        let cartridge = cartridge(r)?;
        let pigments = pigments(r)?;
        let test_patch = test_patch(r)?;
        let overrides = overrides(r)?;
        reader.rest(&KEYS.map(str::to_owned))?;
        let whole = (|| {
            Some(Self {
                client: client?,
                operator: operator?,
                day: today?,
                consent: Consent {
                    day: consent_day?,
                    document: document?,
                },
                intake: intake?,
                confirmed: confirmed?,
                physician,
                numbing,
                cartridge: cartridge?,
                pigments: pigments.into_iter().collect::<Option<_>>()?,
                test_patch,
                overrides: Vec::new(),
            })
        })();
        // What is missing was told.
        let whole = whole.ok_or(AnswersError::Missing(Vec::new()))?;
        Ok(Self {
            overrides: lawful(overrides)?,
            ..whole
        })
    }
}

fn physician(r: &mut Reader) -> Result<Option<Word>, AnswersError> {
    let by = r.may("screening.physician", A_LINE, |v| line(v, LONGEST_ID))?;
    let when = r.may("screening.physician_day", A_DAY, day)?;
    match (by, when) {
        (Some(by), Some(day)) => return Ok(Some(Word { by, day })),
        (Some(_), None) => r.miss("screening.physician_day", A_DAY),
        (None, Some(_)) => r.miss("screening.physician", A_LINE),
        (None, None) => {}
    }
    Ok(None)
}

fn numbing(r: &mut Reader, today: Option<Day>) -> Result<Option<Numbing>, AnswersError> {
    let none = r.may("numbing.none", "true, where no cream was applied", |v| {
        v.as_bool().filter(|none| *none)
    })?;
    let cream = r.may("numbing.cream", A_LINE, |v| line(v, LONGEST_ID))?;
    let applied = r.may("numbing.applied_at", A_MOMENT, moment)?;
    let wrong = |key: &str, found: String, wanted: String| AnswersError::Wrong {
        key: key.to_owned(),
        found,
        wanted,
    };
    match (none, cream, applied) {
        (Some(_), None, None) => Ok(None),
        (Some(_), ..) => Err(wrong(
            "numbing.none",
            "true".to_owned(),
            "left out where a cream was applied".to_owned(),
        )),
        (None, Some(cream), Some(at)) => {
            if let Some(today) = today.filter(|today| *today != at.day) {
                let wanted = format!("on the day of the sitting, {today}");
                return Err(wrong("numbing.applied_at", at.day.to_string(), wanted));
            }
            let applied_us = at.at_us;
            Ok(Some(Numbing { cream, applied_us }))
        }
        (None, cream, applied) => {
            if cream.is_none() {
                r.miss("numbing.cream", "which, or numbing.none = true");
            }
            if applied.is_none() {
                r.miss("numbing.applied_at", A_MOMENT);
            }
            Ok(None)
        }
    }
}

fn cartridge(r: &mut Reader) -> Result<Option<Cartridge>, AnswersError> {
    let id = r.need("cartridge.id", A_LINE, |v| line(v, LONGEST_ID))?;
    let cap = r.need("cartridge.strike_cap", "1 to 100000", |v| {
        let cap = v
            .as_integer()
            .filter(|cap| (1..=MOST_STRIKES).contains(cap));
        cap.and_then(|cap| u32::try_from(cap).ok())
    })?;
    let expires = r.need("cartridge.expires", A_DAY, day)?;
    Ok((|| {
        Some(Cartridge {
            id: id?,
            strike_cap: cap?,
            expires: expires?,
        })
    })())
}

fn pigments(r: &mut Reader) -> Result<Vec<Option<PigmentLot>>, AnswersError> {
    if !r.has("pigments") {
        r.miss(
            "pigments",
            "a [[pigments]] with lot, expires and shades for each bottle",
        );
    }
    r.each("pigments", &["lot", "expires", "shades"], |lot| {
        let id = lot.need("lot", A_LINE, |v| line(v, LONGEST_ID))?;
        let expires = lot.need("expires", A_DAY, day)?;
        let shades = lot.need("shades", "a list of shades of the plan", |v| {
            let shades = v.as_array().filter(|list| !list.is_empty())?;
            shades.iter().map(|s| line(s, 320)).collect()
        })?;
        Ok((|| {
            Some(PigmentLot {
                id: id?,
                expires: expires?,
                shades: shades?,
            })
        })())
    })
}

fn test_patch(r: &mut Reader) -> Result<Option<Patch>, AnswersError> {
    if !r.has("test_patch") {
        return Ok(None);
    }
    let done = r.need("test_patch.done", A_DAY, day)?;
    let read = r.need("test_patch.read", A_DAY, day)?;
    let depth = r.need("test_patch.depth_mm", "0.2 to 2, mm", |v| {
        number(v, 0.2, DEPTH_CAP.mm())
    })?;
    let dwell = r.need("test_patch.dwell_ms", "5 to 500, ms", |v| {
        number(v, DWELL_LEAST.ms(), DWELL_CAP.ms())
    })?;
    Ok((|| {
        Some(Patch {
            done: done?,
            read: read?,
            depth_mm: depth?,
            dwell_ms: dwell?,
        })
    })())
}

fn overrides(r: &mut Reader) -> Result<Vec<Option<Override>>, AnswersError> {
    let may: Vec<&str> = Gate::ALL
        .iter()
        .filter(|g| g.has_override())
        .map(|g| g.key())
        .collect();
    let a_gate = format!("one of {}", may.join(", "));
    r.each("overrides", &["gate", "by", "reason"], |one| {
        let gate = one.need("gate", &a_gate, |v| {
            Gate::ALL.into_iter().find(|g| v.as_str() == Some(g.key()))
        })?;
        let by = one.need("by", "who passes over it", |v| line(v, LONGEST_ID))?;
        let reason = one.need("reason", "why, in one line", |v| line(v, REASON))?;
        Ok((|| {
            Some(Override {
                gate: gate?,
                by: by?,
                reason: reason?,
                against: Vec::new(),
            })
        })())
    })
}

/// Overrides of what may be passed over, each once.
fn lawful(overrides: Vec<Option<Override>>) -> Result<Vec<Override>, SittingFileError> {
    let mut all: Vec<Override> = Vec::new();
    for (number, one) in (1..).zip(overrides.into_iter().flatten()) {
        let gate = one.gate;
        if !gate.has_override() {
            return Err(SittingFileError::Never { number, gate });
        }
        if all.iter().any(|o| o.gate == gate) {
            return Err(SittingFileError::Twice { number, gate });
        }
        all.push(one);
    }
    Ok(all)
}
