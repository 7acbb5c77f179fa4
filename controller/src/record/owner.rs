//! Whose a record is, read also where it is broken.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use super::journal::APPLICATION_ID;
use super::ledger::About;
use super::sitting::Sitting;
use super::terms::{RecordError, sqlite};
use super::verify::open_to_read;

/// Whose a record is.
#[derive(Debug, Clone, PartialEq)]
pub struct Whose {
    /// Every client that a sitting names: one at most, in a record that nobody tampered with.
    pub clients: BTreeSet<String>,
    /// The session.
    pub session_id: String,
    /// Its sittings, and when each was written, µs since 1970.
    pub sittings: Vec<(Sitting, i64)>,
    /// Strikes made or begun.
    pub strikes: u32,
}

/// Whether a file is a record of any version, by its header.
///
/// # Errors
/// When it cannot be read.
pub fn is_record(path: &Path) -> std::io::Result<bool> {
    let mut header = Vec::new();
    std::fs::File::open(path)?
        .take(72)
        .read_to_end(&mut header)?;
    let id = header.get(68..72).and_then(|id| id.try_into().ok());
    let id = id.map(u32::from_be_bytes).map(i64::from);
    Ok(header.starts_with(b"SQLite format 3\0") && id == Some(APPLICATION_ID))
}

/// Whose a record is. Its hashes are not looked at: what is to be removed need not be whole.
///
/// # Errors
/// A file that is no record, or one whose rows cannot be read.
pub fn owner(path: &Path) -> Result<Whose, RecordError> {
    let doing = sqlite("reading whose the record is");
    let db = open_to_read(path)?;
    let about: String = db
        .query_row(
            "SELECT detail FROM journal WHERE kind = 'created'",
            [],
            |row| row.get(0),
        )
        .map_err(&doing)?;
    let about: About = serde_json::from_str(&about).map_err(|_| RecordError::NotARecord {
        path: path.to_owned(),
    })?;
    let mut query = db
        .prepare("SELECT detail, at_us FROM journal WHERE kind = 'sitting'")
        .map_err(&doing)?;
    let details = query
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(&doing)?;
    let mut sittings = Vec::new();
    for (detail, at_us) in details {
        let sitting: Sitting =
            serde_json::from_str(&detail).map_err(|_| RecordError::NotARecord {
                path: path.to_owned(),
            })?;
        sittings.push((sitting, at_us));
    }
    let strikes = db
        .query_row(
            "SELECT max(0, sum(CASE kind WHEN 'intent' THEN 1 WHEN 'withdrawn' THEN -1 ELSE 0 END)) FROM journal",
            [],
            |row| row.get(0),
        )
        .map_err(&doing)?;
    Ok(Whose {
        clients: sittings.iter().map(|(s, _)| s.client.clone()).collect(),
        sittings,
        session_id: about.session_id,
        strikes,
    })
}
