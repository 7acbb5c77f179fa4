//! What the records of a folder have in common: which cartridges were used, and when each client was treated.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use stipple_model::course::Day;
use stipple_model::treatment::Purpose;

use super::owner::{is_record, owner};
use crate::gate::Visit;

/// Name of the registry in its folder. It holds visits, too; under another name the cartridges of earlier versions would be forgotten.
const REGISTRY: &str = "cartridges.sqlite";

/// All cartridges ever used and all sittings ever begun, in one file of a folder: no two records get the same cartridge, and each knows when
/// the client of another was treated.
///
/// Where it is lost it is made anew from the records that are there. What it knew of records that are not, it does not know any more.
#[derive(Debug)]
pub struct Registry {
    db: Connection,
    path: PathBuf,
    restored: usize,
}

/// Why the registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file or its disk.
    #[error("{path}: {source}")]
    File {
        /// The registry.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A record from which it would have to be made anew.
    #[error(
        "{path} is not there, and not all that it must know can be read from the records: {record}: {why}; put the registry or the record back from a backup, or move the record elsewhere"
    )]
    Lost {
        /// The registry.
        path: PathBuf,
        /// The record.
        record: PathBuf,
        /// Why it cannot be read.
        why: String,
    },
}

impl Registry {
    /// Opens the registry of a folder; where there is none, it is made from the records of that folder, if any.
    ///
    /// # Errors
    /// When the file is something else, or the disk fails; without it, a record that cannot be read.
    pub fn open(folder: &Path) -> Result<Self, RegistryError> {
        Self::open_beside(folder, folder)
    }

    /// As [`Registry::open`], with the records in another folder.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn open_beside(folder: &Path, records: &Path) -> Result<Self, RegistryError> {
        let path = folder.join(REGISTRY);
        // Who may not make it is told by SQLite.
        let _ = stipple_model::files::make_private(&path);
        let opened = Connection::open(&path).and_then(|db| {
            db.pragma_update(None, "synchronous", "full")?;
            // Whoever comes second finds what the first has made.
            db.execute_batch("BEGIN IMMEDIATE")?;
            let there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'cartridges')";
            let is_new = !db.query_row(there, [], |row| row.get::<_, bool>(0))?;
            db.execute(
                "CREATE TABLE IF NOT EXISTS cartridges (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT",
                [],
            )?;
            db.execute(
                "CREATE TABLE IF NOT EXISTS visits (client TEXT NOT NULL, session_id TEXT NOT NULL, layer INTEGER NOT NULL, day TEXT NOT NULL, test_patch INTEGER NOT NULL, PRIMARY KEY (client, session_id, layer, day)) STRICT",
                [],
            )?;
            Ok((db, is_new))
        });
        let (db, is_new) = match opened {
            Ok(opened) => opened,
            Err(source) => return Err(RegistryError::File { path, source }),
        };
        let mut made = Self {
            db,
            path,
            restored: 0,
        };
        // What is begun here and not ended is undone when it is dropped: a registry is whole, or not there.
        if is_new {
            made.restored = made.restore(records)?;
        }
        let ended = made.db.execute_batch("COMMIT");
        ended.map_err(|source| made.failed(source))?;
        // The file's name, too, must outlast a power cut.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(made)
    }

    /// How many sittings it was made anew from when it was opened.
    #[must_use]
    pub const fn restored(&self) -> usize {
        self.restored
    }

    /// Notes what the sittings of all records of a folder used; how many there are.
    fn restore(&self, records: &Path) -> Result<usize, RegistryError> {
        let lost = |record: &Path, why: String| RegistryError::Lost {
            path: self.path.clone(),
            record: record.to_owned(),
            why,
        };
        let entries = std::fs::read_dir(records)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .map_err(|error| lost(records, error.to_string()))?;
        let mut count = 0;
        for record in entries.iter().map(std::fs::DirEntry::path) {
            if !(record.is_file() && is_record(&record).unwrap_or(false)) {
                continue;
            }
            let whose = owner(&record).map_err(|error| lost(&record, error.to_string()))?;
            for (sitting, at_us) in &whose.sittings {
                self.take(&sitting.cartridge.id, &whose.session_id, *at_us)?;
                self.note(&sitting.client, &sitting.visit(&whose.session_id))?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Notes that a cartridge is used; when this returns, it is on the disk. `Some` is the session that had it before.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn take(
        &self,
        cartridge: &str,
        session_id: &str,
        at_us: i64,
    ) -> Result<Option<String>, RegistryError> {
        let new = self
            .db
            .execute(
                "INSERT INTO cartridges SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM cartridges WHERE id = ?1 COLLATE NOCASE)",
                params![cartridge, session_id, at_us],
            )
            .map_err(|source| self.failed(source))?;
        match new {
            1 => Ok(None),
            _ => self.used(cartridge),
        }
    }

    /// The session that used a cartridge, if one did.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn used(&self, cartridge: &str) -> Result<Option<String>, RegistryError> {
        self.db
            .query_row(
                "SELECT session_id FROM cartridges WHERE id = ?1 COLLATE NOCASE",
                [cartridge],
                |row| row.get(0),
            )
            .optional()
            .map_err(|source| self.failed(source))
    }

    /// Notes that a client is treated; when this returns, it is on the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn note(&self, client: &str, visit: &Visit) -> Result<(), RegistryError> {
        let patch = visit.purpose == Purpose::TestPatch;
        self.db
            .execute(
                "INSERT OR IGNORE INTO visits VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    client,
                    visit.session,
                    visit.layer,
                    visit.day.to_string(),
                    patch
                ],
            )
            .map(|_| ())
            .map_err(|source| self.failed(source))
    }

    /// When a client was treated, or a sitting began in which they should be; of all sessions but one.
    ///
    /// # Errors
    /// When the file cannot be read, or holds what is no day.
    pub fn visits(&self, client: &str, but: Option<&str>) -> Result<Vec<Visit>, RegistryError> {
        let read = || -> rusqlite::Result<Vec<Visit>> {
            let mut query = self.db.prepare(
                "SELECT session_id, layer, day, test_patch FROM visits WHERE client = ?1 AND session_id IS NOT ?2 ORDER BY day",
            )?;
            let rows = query.query_map(params![client, but], |row| {
                let day: String = row.get(2)?;
                let wrong = |error| {
                    let text = rusqlite::types::Type::Text;
                    rusqlite::Error::FromSqlConversionFailure(2, text, Box::new(error))
                };
                Ok(Visit {
                    session: row.get(0)?,
                    layer: row.get(1)?,
                    day: day.parse::<Day>().map_err(wrong)?,
                    purpose: match row.get(3)? {
                        true => Purpose::TestPatch,
                        false => Purpose::Treatment,
                    },
                })
            })?;
            rows.collect()
        };
        read().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> RegistryError {
        RegistryError::File {
            path: self.path.clone(),
            source,
        }
    }
}
