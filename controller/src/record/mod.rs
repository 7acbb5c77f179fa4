//! The record of a session: which dots are done, in a SQLite file that survives a crash at any moment.
//!
//! An intent is on the disk before [`Record::intent`] returns, and so before the needle may come out; the outcome follows. What a crash
//! leaves at `intent` counts as done when the record is opened again: `in_doubt`, shown, and not struck a second time.
//!
//! One record holds one session on one plan. Only one process writes it (a lock beside the file, gone with its process); others may read
//! the file while it grows. Times are wall-clock microseconds since 1970, given by the caller.
//!
//! | table | columns |
//! |---|---|
//! | `meta` | `format_version, session_id, plan_digest, scan_digest, created_us` (one row) |
//! | `dots` | `dot` (key), `session_id, layer, state` (`intent`, `placed`, `skipped`, `in_doubt`), `reason, lateral_error_m, depth_m, intent_us, outcome_us` |
//! | `events` | `id, session_id, at_us, kind, detail` |

mod terms;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use stipple_model::plan::DotId;

pub use terms::{Binding, DotOutcome, DotState, Durability, PlacedDot, RecordCounts, RecordError};

/// Version of the tables; any other is refused.
pub const FORMAT_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE meta (
    format_version INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    plan_digest TEXT NOT NULL,
    scan_digest TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT;
CREATE TABLE dots (
    dot INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    layer INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('intent', 'placed', 'skipped', 'in_doubt')),
    reason TEXT,
    lateral_error_m REAL,
    depth_m REAL,
    intent_us INTEGER,
    outcome_us INTEGER
) STRICT;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
";

fn sqlite(doing: &'static str) -> impl Fn(rusqlite::Error) -> RecordError {
    move |source| RecordError::Sqlite { doing, source }
}

/// An open record.
#[derive(Debug)]
pub struct Record {
    db: Connection,
    session_id: String,
    binding: Binding,
    /// Held until the record is dropped or the process ends.
    _lock: Option<File>,
}

impl Record {
    /// Opens the record at `path`, or makes it. Intents that a crash left behind are turned to `in_doubt` before this returns.
    ///
    /// # Errors
    /// Another writer, another plan, another version, a file that is no record, or a disk that fails.
    pub fn open(
        path: &Path,
        binding: Binding,
        durability: Durability,
        now_us: i64,
    ) -> Result<Self, RecordError> {
        let lock = lock(path)?;
        let db = Connection::open(path).map_err(sqlite("opening the record"))?;
        // The first read of the file's header is the first that fails on a file that is no database.
        db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
            .map_err(|source| match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => RecordError::NotARecord {
                    path: path.to_owned(),
                },
                _ => RecordError::Sqlite {
                    doing: "opening the record",
                    source,
                },
            })?;
        let level = match durability {
            Durability::PowerCut => "full",
            Durability::ProcessCrash => "off",
        };
        db.pragma_update(None, "synchronous", level)
            .map_err(sqlite("opening the record"))?;
        Self::begin(db, Some(lock), path, binding, now_us)
    }

    /// A record that is gone with the process, for simulated sessions and tests.
    ///
    /// # Errors
    /// When SQLite cannot.
    pub fn in_memory(binding: Binding, now_us: i64) -> Result<Self, RecordError> {
        let db = Connection::open_in_memory().map_err(sqlite("opening a record in memory"))?;
        Self::begin(db, None, Path::new("memory"), binding, now_us)
    }

    fn begin(
        mut db: Connection,
        lock: Option<File>,
        path: &Path,
        binding: Binding,
        now_us: i64,
    ) -> Result<Self, RecordError> {
        let doing = sqlite("opening the record");
        let tables: i64 = db
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
                [],
                |row| row.get(0),
            )
            .map_err(&doing)?;
        if tables == 0 {
            let transaction = db.transaction().map_err(&doing)?;
            transaction.execute_batch(SCHEMA).map_err(&doing)?;
            let session_id = format!("{}-{:x}", binding.plan.short(), now_us);
            transaction
                .execute(
                    "INSERT INTO meta VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        FORMAT_VERSION,
                        session_id,
                        binding.plan.to_string(),
                        binding.scan.to_string(),
                        now_us
                    ],
                )
                .map_err(&doing)?;
            transaction.commit().map_err(&doing)?;
        }
        let session_id = check_meta(&db, path, &binding)?;
        db.execute(
            "UPDATE dots SET state = 'in_doubt', reason = 'crash', outcome_us = ?1 WHERE state = 'intent'",
            [now_us],
        )
        .map_err(&doing)?;
        Ok(Self {
            db,
            session_id,
            binding,
            _lock: lock,
        })
    }

    /// The session's name, the same as long as the record lives.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// What the record is bound to.
    #[must_use]
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Puts the intent to strike a dot on the disk; when this returns, it is there.
    ///
    /// # Errors
    /// The dot is already done, or the disk fails. Intending the same dot again changes nothing.
    pub fn intent(&mut self, dot: DotId, layer: u8, at_us: i64) -> Result<(), RecordError> {
        let doing = sqlite("writing an intent");
        let known: Option<String> = self
            .db
            .prepare_cached("SELECT state FROM dots WHERE dot = ?1")
            .and_then(|mut q| q.query_row([dot.0], |row| row.get(0)).optional())
            .map_err(&doing)?;
        match known {
            Some(state) if state == DotState::Intent.key() => Ok(()),
            Some(state) => Err(RecordError::AlreadyDone { dot: dot.0, state }),
            None => self
                .db
                .prepare_cached("INSERT INTO dots (dot, session_id, layer, state, intent_us) VALUES (?1, ?2, ?3, 'intent', ?4)")
                .and_then(|mut q| q.execute(params![dot.0, self.session_id, layer, at_us]))
                .map(|_| ())
                .map_err(&doing),
        }
    }

    /// Takes an intent back whose needle was never told to come out.
    ///
    /// # Errors
    /// When the disk fails. Without such an intent nothing changes.
    pub fn withdraw(&mut self, dot: DotId) -> Result<(), RecordError> {
        self.db
            .prepare_cached("DELETE FROM dots WHERE dot = ?1 AND state = 'intent'")
            .and_then(|mut q| q.execute([dot.0]))
            .map(|_| ())
            .map_err(sqlite("withdrawing an intent"))
    }

    /// Puts a dot's outcome on the disk.
    ///
    /// # Errors
    /// Placed or in doubt without an intent, a dot already done, or a disk that fails.
    pub fn outcome(
        &mut self,
        dot: DotId,
        layer: u8,
        outcome: &DotOutcome,
        at_us: i64,
    ) -> Result<(), RecordError> {
        let doing = sqlite("writing an outcome");
        let (lateral, depth) = match outcome {
            DotOutcome::Placed {
                lateral_error_m,
                depth_m,
            } => (Some(*lateral_error_m), Some(*depth_m)),
            _ => (None, None),
        };
        let row = params![
            dot.0,
            outcome.state().key(),
            outcome.reason(),
            lateral,
            depth,
            at_us
        ];
        let changed = self
            .db
            .prepare_cached(
                "UPDATE dots SET state = ?2, reason = ?3, lateral_error_m = ?4, depth_m = ?5, outcome_us = ?6 \
                 WHERE dot = ?1 AND state = 'intent'",
            )
            .and_then(|mut q| q.execute(row))
            .map_err(&doing)?;
        if changed == 1 {
            return Ok(());
        }
        let known: Option<String> = self
            .db
            .query_row("SELECT state FROM dots WHERE dot = ?1", [dot.0], |row| {
                row.get(0)
            })
            .optional()
            .map_err(&doing)?;
        match (known, outcome) {
            (Some(state), _) => Err(RecordError::AlreadyDone { dot: dot.0, state }),
            (None, DotOutcome::Skipped { reason }) => self
                .db
                .prepare_cached(
                    "INSERT INTO dots (dot, session_id, layer, state, reason, outcome_us) VALUES (?1, ?2, ?3, 'skipped', ?4, ?5)",
                )
                .and_then(|mut q| q.execute(params![dot.0, self.session_id, layer, reason, at_us]))
                .map(|_| ())
                .map_err(&doing),
            (None, _) => Err(RecordError::NoIntent { dot: dot.0 }),
        }
    }

    /// Notes a pause, a stop, a fault or the like.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn event(&mut self, kind: &str, detail: &str, at_us: i64) -> Result<(), RecordError> {
        self.db
            .prepare_cached(
                "INSERT INTO events (session_id, at_us, kind, detail) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut q| q.execute(params![self.session_id, at_us, kind, detail]))
            .map(|_| ())
            .map_err(sqlite("writing an event"))
    }

    /// Every dot the record knows, with its state. What is not among them is still to do.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn dots(&self) -> Result<BTreeMap<DotId, DotState>, RecordError> {
        let doing = sqlite("reading the dots");
        let mut query = self
            .db
            .prepare("SELECT dot, state FROM dots")
            .map_err(&doing)?;
        let rows = query
            .query_map([], |row| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
            })
            .map_err(&doing)?;
        let mut dots = BTreeMap::new();
        for row in rows {
            let (dot, state) = row.map_err(&doing)?;
            // The table's own check leaves no other word; should one appear, the dot is not struck again.
            dots.insert(
                DotId(dot),
                DotState::from_key(&state).unwrap_or(DotState::InDoubt),
            );
        }
        Ok(dots)
    }

    /// How many dots stand how.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn counts(&self) -> Result<RecordCounts, RecordError> {
        let doing = sqlite("counting the dots");
        let mut query = self
            .db
            .prepare(
                "SELECT state, coalesce(reason, ''), count(*) FROM dots GROUP BY state, reason",
            )
            .map_err(&doing)?;
        let rows = query
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, u32>(2)?,
                ))
            })
            .map_err(&doing)?;
        let mut counts = RecordCounts::default();
        for row in rows {
            let (state, reason, count) = row.map_err(&doing)?;
            match DotState::from_key(&state) {
                Some(DotState::Placed) => counts.placed += count,
                Some(DotState::Skipped) => *counts.skipped.entry(reason).or_default() += count,
                Some(DotState::Intent) => counts.intent += count,
                Some(DotState::InDoubt) | None => counts.in_doubt += count,
            }
        }
        Ok(counts)
    }

    /// The dots that were struck, by number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn placed(&self) -> Result<Vec<PlacedDot>, RecordError> {
        let doing = sqlite("reading the placed dots");
        let mut query = self
            .db
            .prepare(
                "SELECT dot, layer, lateral_error_m, depth_m, outcome_us FROM dots WHERE state = 'placed' ORDER BY dot",
            )
            .map_err(&doing)?;
        let rows = query
            .query_map([], |row| {
                Ok(PlacedDot {
                    dot: DotId(row.get(0)?),
                    layer: row.get(1)?,
                    lateral_error_m: row.get(2)?,
                    depth_m: row.get(3)?,
                    outcome_us: row.get(4)?,
                })
            })
            .map_err(&doing)?;
        rows.collect::<Result<_, _>>().map_err(&doing)
    }
}

fn lock(path: &Path) -> Result<File, RecordError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let beside = path.with_file_name(name);
    let io = |source| RecordError::Io {
        path: beside.clone(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&beside)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RecordError::Locked {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(RecordError::Io {
            path: beside,
            source,
        }),
    }
}

/// The session's id, when the record is of this version and this plan.
fn check_meta(db: &Connection, path: &Path, binding: &Binding) -> Result<String, RecordError> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
        ))
    };
    let meta = db.query_row(
        "SELECT format_version, session_id, plan_digest FROM meta",
        [],
        read,
    );
    let (found, session_id, plan) = meta.map_err(|_| RecordError::NotARecord {
        path: path.to_owned(),
    })?;
    if found != FORMAT_VERSION {
        return Err(RecordError::Version {
            path: path.to_owned(),
            found,
        });
    }
    if plan != binding.plan.to_string() {
        return Err(RecordError::OtherPlan {
            path: path.to_owned(),
            record: plan.chars().take(12).collect(),
            plan: binding.plan.short(),
        });
    }
    Ok(session_id)
}
