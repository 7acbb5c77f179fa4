//! A record from its first row to its last, for reports: read without writing to it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use stipple_model::course::{Day, day_of};
use stipple_model::plan::DotId;

use super::journal::Row;
use super::ledger::Order;
use super::sitting::Sitting;
use super::terms::{Break, DotState, RecordError};
use super::verify::{Verified, verify_seeing};

const DAY_US: i64 = 86_400_000_000;

/// What a record tells.
#[derive(Debug, Clone)]
pub struct Chronicle {
    /// What it is of, its end, its head.
    pub verified: Verified,
    /// When it was made, µs since 1970.
    pub created_us: i64,
    /// Its last row's moment, µs since 1970.
    pub last_us: i64,
    /// Who sat in the chair, in order; one that names nobody where the record has no sitting. Never empty.
    pub stays: Vec<Stay>,
    /// How the dots stand that the record knows.
    pub dots: BTreeMap<DotId, DotEntry>,
    /// Starts, pauses, faults and the like, in order.
    pub events: Vec<EventEntry>,
    /// Orders to strike a dot once more, in order.
    pub repeats: Vec<Repeat>,
}

/// A sitting and what was done in it.
#[derive(Debug, Clone, Default)]
pub struct Stay {
    /// Who, by whom, with what; `None` in a record that names nobody.
    pub sitting: Option<Sitting>,
    /// What else the sitting's row says: key and value, as text.
    pub further: Vec<(String, String)>,
    /// When it began, µs since 1970.
    pub began_us: i64,
    /// Its last row's moment, µs since 1970.
    pub last_us: i64,
    /// Strikes made or begun.
    pub strikes: u32,
    /// Time at work, pauses not counted, s.
    pub worked_s: f64,
    /// Time in pauses, s.
    pub paused_s: f64,
}

/// How a dot stands.
#[derive(Debug, Clone, PartialEq)]
pub struct DotEntry {
    /// Its layer.
    pub layer: u8,
    /// How it stands.
    pub state: DotState,
    /// Why, unless it was struck.
    pub reason: Option<String>,
    /// Distance from the dot to the needle's axis at contact, m; of a dot that was struck.
    pub lateral_error_m: Option<f64>,
    /// Depth below the skin, m; of a dot that was struck.
    pub depth_m: Option<f64>,
    /// Since when, µs since 1970.
    pub at_us: i64,
    /// In which of the stays.
    pub stay: usize,
}

/// A start, a pause, a fault or the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEntry {
    /// When, µs since 1970.
    pub at_us: i64,
    /// What.
    pub kind: String,
    /// In words.
    pub detail: String,
}

/// An order to strike a dot once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// When, µs since 1970.
    pub at_us: i64,
    /// Which dot.
    pub dot: DotId,
    /// By whom and why.
    pub order: Order,
}

/// Day and time in UTC of a moment, µs since 1970: `2027-05-31 14:03:09`.
#[must_use]
pub fn moment(at_us: i64) -> String {
    let seconds = at_us.max(0).rem_euclid(DAY_US) / 1_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{} {hour:02}:{minute:02}:{second:02}", day_of(at_us))
}

impl Chronicle {
    /// Reads a record. The outer result tells whether there is a record to speak of, the inner one whether it is intact, as of
    /// [`verify`](super::verify).
    ///
    /// # Errors
    /// A file that is missing, no record, or of another version.
    pub fn read(path: &Path) -> Result<Result<Self, Break>, RecordError> {
        let mut scribe = Scribe::default();
        let verified = verify_seeing(path, None, |row| scribe.see(row))?;
        Ok(verified.map(|verified| scribe.finish(verified)))
    }

    /// Days of sittings in which something was done, in order; all of them where nothing was.
    #[must_use]
    pub fn days(&self) -> Vec<Day> {
        let day = |stay: &Stay| day_of(stay.began_us);
        let mut days: Vec<Day> = self.stays.iter().filter(|s| s.is_used()).map(day).collect();
        if days.is_empty() {
            days = self.stays.iter().map(day).collect();
        }
        days.sort();
        days.dedup();
        days
    }

    /// Time at work, pauses not counted, s.
    #[must_use]
    pub fn worked_s(&self) -> f64 {
        self.stays.iter().map(|stay| stay.worked_s).sum()
    }

    /// Time in pauses, s.
    #[must_use]
    pub fn paused_s(&self) -> f64 {
        self.stays.iter().map(|stay| stay.paused_s).sum()
    }
}

impl Stay {
    /// Whether anything was done in it.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.strikes > 0 || self.worked_s > 0.0
    }
}

/// What goes on at a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Doing {
    #[default]
    Nothing,
    Work,
    Pause,
}

/// Takes rows in.
#[derive(Default)]
struct Scribe {
    stays: Vec<Stay>,
    dots: BTreeMap<DotId, DotEntry>,
    events: Vec<EventEntry>,
    repeats: Vec<Repeat>,
    created_us: Option<i64>,
    last_us: i64,
    doing: Doing,
    since_us: i64,
}

impl Scribe {
    fn see(&mut self, row: &Row) {
        self.created_us.get_or_insert(row.at_us);
        if self.stays.is_empty() {
            self.stays.push(Stay {
                began_us: row.at_us,
                ..Stay::default()
            });
        }
        // What a program that ended did not write down lasted to its last row.
        match row.kind.as_str() {
            "opened" => self.now(Doing::Nothing, self.last_us),
            "closed" | "sitting" => self.now(Doing::Nothing, row.at_us),
            "intent" => self.now(Doing::Work, row.at_us),
            "event" => self.event(row),
            _ => {}
        }
        match row.kind.as_str() {
            "sitting" => self.sit(row),
            "repeat" => self.repeat(row),
            _ => {}
        }
        self.dot(row);
        self.last_us = row.at_us;
        if let Some(stay) = self.stays.last_mut() {
            stay.last_us = row.at_us;
        }
    }

    /// What goes on from `at_us` on.
    fn now(&mut self, doing: Doing, at_us: i64) {
        if doing == self.doing {
            return;
        }
        // Wall clocks are set back at times.
        let lasted = at_us.saturating_sub(self.since_us).max(0) as f64 * 1e-6;
        if let Some(stay) = self.stays.last_mut() {
            match self.doing {
                Doing::Nothing => {}
                Doing::Work => stay.worked_s += lasted,
                Doing::Pause => stay.paused_s += lasted,
            }
        }
        (self.doing, self.since_us) = (doing, at_us);
    }

    fn event(&mut self, row: &Row) {
        let kind = row.reason.clone().unwrap_or_default();
        match kind.as_str() {
            "start" | "resume" => self.now(Doing::Work, row.at_us),
            "pause" => self.now(Doing::Pause, row.at_us),
            "stop" | "finish" | "fault" => self.now(Doing::Nothing, row.at_us),
            _ => {}
        }
        self.events.push(EventEntry {
            at_us: row.at_us,
            kind,
            detail: row.detail.clone().unwrap_or_default(),
        });
    }

    fn sit(&mut self, row: &Row) {
        let detail = row.detail.as_deref().unwrap_or_default();
        // The journal holds no row that the ledger did not read as one.
        let Ok(sitting) = serde_json::from_str::<Sitting>(detail) else {
            return;
        };
        let stay = Stay {
            sitting: Some(sitting),
            further: further(detail),
            began_us: row.at_us,
            ..Stay::default()
        };
        let stays = self.stays.len();
        match self.stays.last_mut() {
            Some(last) if last.sitting.is_none() && self.dots.is_empty() && stays == 1 => {
                *last = stay;
            }
            _ => self.stays.push(stay),
        }
    }

    fn repeat(&mut self, row: &Row) {
        let order = row
            .detail
            .as_deref()
            .and_then(|d| serde_json::from_str(d).ok());
        if let Some((dot, order)) = number(row).zip(order) {
            self.repeats.push(Repeat {
                at_us: row.at_us,
                dot,
                order,
            });
        }
    }

    fn dot(&mut self, row: &Row) {
        let Some(dot) = number(row) else { return };
        let strikes = match row.kind.as_str() {
            "intent" => 1,
            "withdrawn" => -1,
            _ => 0,
        };
        if let Some(stay) = self.stays.last_mut() {
            stay.strikes = stay.strikes.saturating_add_signed(strikes);
        }
        match DotState::from_key(&row.kind) {
            // "withdrawn" and "repeat": it is to be done.
            None => {
                self.dots.remove(&dot);
            }
            Some(state) => {
                let entry = DotEntry {
                    layer: row.layer.and_then(|l| u8::try_from(l).ok()).unwrap_or(0),
                    state,
                    reason: row.reason.clone(),
                    lateral_error_m: row.lateral_error_m,
                    depth_m: row.depth_m,
                    at_us: row.at_us,
                    stay: self.stays.len().saturating_sub(1),
                };
                self.dots.insert(dot, entry);
            }
        }
    }

    fn finish(mut self, verified: Verified) -> Chronicle {
        self.now(Doing::Nothing, self.last_us);
        Chronicle {
            verified,
            created_us: self.created_us.unwrap_or(0),
            last_us: self.last_us,
            stays: self.stays,
            dots: self.dots,
            events: self.events,
            repeats: self.repeats,
        }
    }
}

fn number(row: &Row) -> Option<DotId> {
    row.dot.and_then(|dot| u32::try_from(dot).ok()).map(DotId)
}

/// What a sitting's row says beyond client, operator, registration, needle and pigment.
fn further(detail: &str) -> Vec<(String, String)> {
    const KNOWN: [&str; 5] = [
        "client",
        "operator",
        "registration",
        "cartridge",
        "pigment_lots",
    ];
    let Ok(Value::Object(all)) = serde_json::from_str(detail) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for (key, value) in all.iter().filter(|(key, _)| !KNOWN.contains(&key.as_str())) {
        flatten(key, value, &mut rows);
    }
    rows
}

/// A value's leaves, each with the keys that lead to it; what is empty is not told.
fn flatten(key: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&format!("{key}, {name}"), value, rows);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{key} {}", index + 1), item, rows);
            }
        }
        Value::String(text) => rows.push((key.replace('_', " "), text.clone())),
        other => rows.push((key.replace('_', " "), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_utc() {
        assert_eq!(moment(0), "1970-01-01 00:00:00");
        assert_eq!(moment(1_709_251_199_999_999), "2024-02-29 23:59:59");
    }

    #[test]
    fn what_a_sitting_says_beyond_what_is_known_is_told() {
        let rows = further(
            r#"{"client":"C-1","cartridge":{"id":"N"},"consent":{"by":"A","day":"2027-01-01","none":null},"overrides":[{"rule":"gap_days","why":"asked"}]}"#,
        );
        let rows: Vec<(&str, &str)> = rows.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("consent, by", "A"),
                ("consent, day", "2027-01-01"),
                ("overrides 1, rule", "gap_days"),
                ("overrides 1, why", "asked"),
            ]
        );
    }
}
