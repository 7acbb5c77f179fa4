//! What was done with one client over many sessions.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use stipple_model::course::{Day, day_of};
use stipple_model::plan::{DotId, Plan};

use super::tally::zone;
use super::{PaperError, check_plan};
use crate::record::{Chronicle, DotEntry, DotState, Stay};

/// The columns of the table. Scripts rely on them: columns may come behind these, none changes its name or place.
pub const HISTORY_HEADER: [&str; 13] = [
    "client",
    "day",
    "session",
    "sitting",
    "operator",
    "layers",
    "placed",
    "skipped",
    "in_doubt",
    "worked_s",
    "paused_s",
    "cartridge",
    "lots",
];

/// Why there is no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Records of several.
    #[error(
        "{path}: the record belongs to client {client:?}, others to {other:?}; give the records of one client"
    )]
    Clients {
        /// One that belongs to another.
        path: PathBuf,
        /// Whose it is.
        client: String,
        /// Whose those before are.
        other: String,
    },
    /// The same session once more, as in a copy: its dots would count twice.
    #[error("{path}: session {session} was given before; give each record once")]
    Twice {
        /// The record.
        path: PathBuf,
        /// Its session.
        session: String,
    },
}

/// One sitting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionLine {
    /// The day it began, UTC.
    pub day: Day,
    /// The record's session.
    pub session: String,
    /// Which sitting of the record, from 1.
    pub sitting: usize,
    /// Who was responsible.
    pub operator: String,
    /// The layers whose dots were worked on.
    pub layers: Vec<u8>,
    /// Struck.
    pub placed: u32,
    /// Left out.
    pub skipped: u32,
    /// Perhaps struck.
    pub in_doubt: u32,
    /// Time at work, s.
    pub worked_s: f64,
    /// Time in pauses, s.
    pub paused_s: f64,
    /// The needle.
    pub cartridge: String,
    /// The pigments.
    pub lots: Vec<String>,
}

/// Dots of one zone over all sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ZoneSum {
    /// Struck.
    pub placed: u32,
    /// Left out.
    pub skipped: u32,
    /// Perhaps struck.
    pub in_doubt: u32,
}

/// A client's sessions, the earliest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct History {
    /// Whose; `None` where the records name nobody.
    pub client: Option<String>,
    /// What was done.
    pub sessions: Vec<SessionLine>,
    /// By zone, of the records whose plan was given.
    pub zones: BTreeMap<String, ZoneSum>,
}

impl History {
    /// Of records, each with its path; sums by zone of those that one of the plans fits.
    ///
    /// # Errors
    /// Records of several clients, or one given twice.
    pub fn of(
        records: &[(PathBuf, Chronicle)],
        plans: &[(Plan, stipple_model::digest::Digest)],
    ) -> Result<Self, HistoryError> {
        let mut history = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (index, (path, chronicle)) in records.iter().enumerate() {
            let verified = &chronicle.verified;
            if index == 0 {
                history.client.clone_from(&verified.client);
            }
            let name = |client: &Option<String>| client.clone().unwrap_or_else(|| "nobody".into());
            if verified.client != history.client {
                return Err(HistoryError::Clients {
                    path: path.clone(),
                    client: name(&verified.client),
                    other: name(&history.client),
                });
            }
            if seen.contains(&verified.session_id.as_str()) {
                return Err(HistoryError::Twice {
                    path: path.clone(),
                    session: verified.session_id.clone(),
                });
            }
            seen.push(&verified.session_id);
            history.add(path, chronicle, plans);
        }
        history
            .sessions
            .sort_by(|a, b| (a.day, &a.session, a.sitting).cmp(&(b.day, &b.session, b.sitting)));
        Ok(history)
    }

    fn add(
        &mut self,
        path: &Path,
        chronicle: &Chronicle,
        plans: &[(Plan, stipple_model::digest::Digest)],
    ) {
        for (index, stay) in chronicle.stays.iter().enumerate() {
            self.sessions.push(line(chronicle, index, stay));
        }
        let fitting = plans
            .iter()
            .find(|(_, digest)| check_plan(path, chronicle, *digest).is_ok());
        let Some((plan, _)) = fitting else { return };
        for (id, entry) in &chronicle.dots {
            let name = zone_of(plan, *id);
            let sum = self.zones.entry(name).or_default();
            *match entry.state {
                DotState::Placed => &mut sum.placed,
                DotState::Skipped => &mut sum.skipped,
                DotState::InDoubt | DotState::Intent => &mut sum.in_doubt,
            } += 1;
        }
    }

    /// Writes [`HISTORY_HEADER`] and a row per sitting; layers and lots are parted by `;`.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn csv(&self, to: impl Write) -> Result<(), PaperError> {
        let mut table = csv::Writer::from_writer(to);
        table.write_record(HISTORY_HEADER)?;
        for line in &self.sessions {
            table.write_record([
                self.client.clone().unwrap_or_default(),
                line.day.to_string(),
                line.session.clone(),
                line.sitting.to_string(),
                line.operator.clone(),
                joined(&line.layers),
                line.placed.to_string(),
                line.skipped.to_string(),
                line.in_doubt.to_string(),
                format!("{:.1}", line.worked_s),
                format!("{:.1}", line.paused_s),
                line.cartridge.clone(),
                joined(&line.lots),
            ])?;
        }
        table.flush().map_err(csv::Error::from)?;
        Ok(())
    }
}

fn joined<T: ToString>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(";")
}

fn zone_of(plan: &Plan, id: DotId) -> String {
    plan.dot(id)
        .map_or_else(|| "unknown".to_owned(), |dot| zone(plan, dot.zone))
}

fn line(chronicle: &Chronicle, index: usize, stay: &Stay) -> SessionLine {
    let dots = || chronicle.dots.values().filter(|entry| entry.stay == index);
    let count = |is: &dyn Fn(&DotEntry) -> bool| {
        u32::try_from(dots().filter(|entry| is(entry)).count()).unwrap_or(u32::MAX)
    };
    let mut layers: Vec<u8> = dots().map(|entry| entry.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    let sitting = stay.sitting.as_ref();
    SessionLine {
        day: day_of(stay.began_us),
        session: chronicle.verified.session_id.clone(),
        sitting: index + 1,
        operator: sitting.map(|s| s.operator.clone()).unwrap_or_default(),
        layers,
        placed: count(&|entry| entry.state == DotState::Placed),
        skipped: count(&|entry| entry.state == DotState::Skipped),
        in_doubt: count(&|entry| matches!(entry.state, DotState::InDoubt | DotState::Intent)),
        worked_s: stay.worked_s,
        paused_s: stay.paused_s,
        cartridge: sitting.map(|s| s.cartridge.id.clone()).unwrap_or_default(),
        lots: sitting.map_or_else(Vec::new, |s| {
            s.pigment_lots.iter().map(|lot| lot.id.clone()).collect()
        }),
    }
}
