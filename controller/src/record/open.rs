//! Making a record, and taking one up again.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use stipple_model::files;
use stipple_model::plan::DotId;

use super::journal::{self, Chain, Head, Row};
use super::ledger::{About, Order};
use super::side::{Side, beside};
use super::terms::{Binding, Break, Damage, DotOutcome, Durability, RecordError, sqlite};
use super::{Record, in_json, verify};

impl Record {
    /// Opens the record at `path`, or makes it. The whole journal is checked; intents that a crash left behind are turned to `in_doubt`
    /// before this returns.
    ///
    /// # Errors
    /// Another writer, another plan or scan, another version, a file that is no record or is broken, or a disk that fails.
    pub fn open(
        path: &Path,
        binding: Binding,
        durability: Durability,
        now_us: i64,
    ) -> Result<Self, RecordError> {
        Self::open_accepting(path, binding, durability, now_us, None)
    }

    /// As [`Record::open`]; by an operator's order also a record of which nobody can tell whether its last rows are there
    /// ([`RecordError::EndUnknown`]).
    ///
    /// # Errors
    /// As [`Record::open`].
    pub fn open_accepting(
        path: &Path,
        binding: Binding,
        durability: Durability,
        now_us: i64,
        order: Option<&Order>,
    ) -> Result<Self, RecordError> {
        Self::open_any(path, Some(binding), durability, now_us, order)
    }

    /// Opens a record that is there, whatever it is of.
    ///
    /// # Errors
    /// As [`Record::open`]; a record that is missing is not made.
    pub fn open_there(
        path: &Path,
        durability: Durability,
        now_us: i64,
    ) -> Result<Self, RecordError> {
        if !path.exists() {
            return Err(not_a_record(path));
        }
        Self::open_any(path, None, durability, now_us, None)
    }

    fn open_any(
        path: &Path,
        binding: Option<Binding>,
        durability: Durability,
        now_us: i64,
        order: Option<&Order>,
    ) -> Result<Self, RecordError> {
        let mut side = Side::lock(path)?;
        let noted = side.noted();
        check_log(path)?;
        files::make_private(path).map_err(|source| RecordError::Io {
            path: path.to_owned(),
            source,
        })?;
        let db = Connection::open(path).map_err(sqlite("opening the record"))?;
        let new = verify::is_new(&db, path)?;
        set_up(&db, durability)?;
        if new {
            if let Some((noted, _)) = noted {
                return Err(RecordError::RowsLost {
                    path: path.to_owned(),
                    noted,
                    found: 0,
                });
            }
            let binding = binding.ok_or_else(|| not_a_record(path))?;
            create(&db, &binding, now_us)?;
        }
        let chain = read_as_noted(&db, path, noted.as_ref())?;
        let end_known = new || noted.is_some() || chain.ledger.closed || had_log(&db)?;
        if !end_known && !order.is_some_and(Order::complete) {
            return Err(RecordError::EndUnknown {
                path: path.to_owned(),
            });
        }
        let mut record = Self::take_up(db, Some(side), path, binding, chain, now_us)?;
        if let Some(order) = order.filter(|_| !end_known) {
            record.event("end_accepted", &in_json(order)?, now_us)?;
        }
        record.settle(path, new)?;
        Ok(record)
    }

    /// What stands in the main file alone shows from here on that the record was open.
    fn settle(&self, path: &Path, new: bool) -> Result<(), RecordError> {
        // A reader in the way does no harm: the log is copied later then.
        self.db
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(sqlite("opening the record"))?;
        if new {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            // The file's name, too, must outlast a power cut. Not every file system can say so.
            let _ =
                File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    /// A record that is gone with the process, for simulated sessions and tests.
    ///
    /// # Errors
    /// When SQLite cannot.
    pub fn in_memory(binding: Binding, now_us: i64) -> Result<Self, RecordError> {
        let path = Path::new("memory");
        let db = Connection::open_in_memory().map_err(sqlite("opening a record in memory"))?;
        create(&db, &binding, now_us)?;
        let chain = journal::read(&db, |_, _| {}).map_err(broken(path))?;
        Self::take_up(db, None, path, Some(binding), chain, now_us)
    }

    fn take_up(
        db: Connection,
        side: Option<Side>,
        path: &Path,
        binding: Option<Binding>,
        chain: Chain,
        now_us: i64,
    ) -> Result<Self, RecordError> {
        let about = chain.ledger.about.clone();
        let about = about.ok_or_else(|| not_a_record(path))?;
        let bound = about.binding().ok_or_else(|| not_a_record(path))?;
        let binding = binding.unwrap_or(bound);
        check_binding(path, &bound, &binding)?;
        let open: Vec<DotId> = chain.ledger.intended().collect();
        let mut record = Self {
            db,
            session_id: about.session_id,
            binding,
            side,
            ledger: chain.ledger,
            head: chain.head,
            last_us: now_us,
            failed: false,
        };
        record.append(Row::of("opened", now_us))?;
        for dot in open {
            let layer = record.layer_of(dot)?;
            let crash = DotOutcome::InDoubt { reason: "crash" };
            record.outcome(dot, layer, &crash, now_us)?;
        }
        Ok(record)
    }
}

fn not_a_record(path: &Path) -> RecordError {
    RecordError::NotARecord {
        path: path.to_owned(),
    }
}

/// A log beside an empty main file: SQLite would throw it away, whoever opens the two.
pub(super) fn check_log(path: &Path) -> Result<(), RecordError> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    if size(&beside(path, "-wal")) > 0 && size(path) == 0 {
        let empty = Break {
            row: None,
            damage: Damage::Empty,
        };
        return Err(broken(path)(empty));
    }
    Ok(())
}

/// Whether rows stood in the write-ahead log. Those that do not are in the main file from then on.
fn had_log(db: &Connection) -> Result<bool, RecordError> {
    let frames: i64 = db
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
        .map_err(sqlite("opening the record"))?;
    Ok(frames > 0)
}

/// Reads the journal; it must have the row that was noted beside it.
fn read_as_noted(
    db: &Connection,
    path: &Path,
    noted: Option<&(i64, String)>,
) -> Result<Chain, RecordError> {
    let mut there = noted.is_none();
    let chain = journal::read(db, |_, head| {
        there |=
            noted.is_some_and(|(seq, hash)| *seq == head.seq && *hash == head.hash.to_string());
    })
    .map_err(broken(path))?;
    match noted.filter(|_| !there) {
        None => Ok(chain),
        Some((noted, _)) => Err(RecordError::RowsLost {
            path: path.to_owned(),
            noted: *noted,
            found: chain.head.seq,
        }),
    }
}

fn broken(path: &Path) -> impl Fn(Break) -> RecordError {
    move |source| RecordError::Broken {
        path: path.to_owned(),
        source,
    }
}

/// Write-ahead log, and how sure a write is.
fn set_up(db: &Connection, durability: Durability) -> Result<(), RecordError> {
    let doing = sqlite("opening the record");
    let mode: String = db
        .query_row("PRAGMA journal_mode = wal", [], |row| row.get(0))
        .map_err(&doing)?;
    if mode != "wal" {
        // A file system without shared memory, such as some network drives: nothing here is safe on it.
        return Err(doing(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(format!(
                "the file system allows no write-ahead log (journal mode {mode})"
            )),
        )));
    }
    let level = match durability {
        Durability::PowerCut => "full",
        Durability::ProcessCrash => "off",
    };
    db.pragma_update(None, "synchronous", level).map_err(&doing)
}

/// The tables and the first row, or nothing.
fn create(db: &Connection, binding: &Binding, now_us: i64) -> Result<(), RecordError> {
    let doing = sqlite("making the record");
    // One transaction around the one of the row: the row's own begins only outside of another.
    db.execute_batch("BEGIN").map_err(&doing)?;
    journal::make_tables(db).map_err(&doing)?;
    let row = Row {
        seq: 1,
        detail: Some(in_json(&About::new(binding, now_us))?),
        ..Row::of("created", now_us)
    };
    journal::insert(db, &row, &row.hash(&Head::none().hash)).map_err(&doing)?;
    db.execute_batch("COMMIT").map_err(&doing)
}

/// Whether the record is of this plan and scan.
fn check_binding(path: &Path, record: &Binding, given: &Binding) -> Result<(), RecordError> {
    if record.plan != given.plan {
        return Err(RecordError::OtherPlan {
            path: path.to_owned(),
            record: record.plan.short(),
            plan: given.plan.short(),
        });
    }
    if record.scan != given.scan {
        return Err(RecordError::OtherScan {
            path: path.to_owned(),
            record: record.scan.short(),
            scan: given.scan.short(),
        });
    }
    Ok(())
}
