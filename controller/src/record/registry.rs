//! What the records of a folder have in common: which cartridges were used, and when each client was treated.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use stipple_model::course::Day;
use stipple_model::treatment::Purpose;

use crate::gate::Visit;

/// Name of the registry in its folder. It holds visits, too; under another name the cartridges of earlier versions would be forgotten.
const REGISTRY: &str = "cartridges.sqlite";

/// All cartridges ever used and all sittings ever begun, in one file of a folder: no two records get the same cartridge, and each knows when
/// the client of another was treated.
#[derive(Debug)]
pub struct Registry {
    db: Connection,
    path: PathBuf,
}

/// Why the registry cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct RegistryError {
    path: PathBuf,
    source: rusqlite::Error,
}

impl Registry {
    /// Opens the registry of a folder, or makes it.
    ///
    /// # Errors
    /// When the file is something else, or the disk fails.
    pub fn open(folder: &Path) -> Result<Self, RegistryError> {
        let path = folder.join(REGISTRY);
        // Who may not make it is told by SQLite.
        let _ = stipple_model::files::make_private(&path);
        let made = Connection::open(&path).and_then(|db| {
            db.pragma_update(None, "synchronous", "full")?;
            db.execute(
                "CREATE TABLE IF NOT EXISTS cartridges (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT",
                [],
            )?;
            db.execute(
                "CREATE TABLE IF NOT EXISTS visits (client TEXT NOT NULL, session_id TEXT NOT NULL, layer INTEGER NOT NULL, day TEXT NOT NULL, test_patch INTEGER NOT NULL, PRIMARY KEY (client, session_id, layer, day)) STRICT",
                [],
            )?;
            Ok(db)
        });
        match made {
            Ok(db) => {
                // The file's name, too, must outlast a power cut.
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
                Ok(Self { db, path })
            }
            Err(source) => Err(RegistryError { path, source }),
        }
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
        RegistryError {
            path: self.path.clone(),
            source,
        }
    }
}
