//! The record of a session: which dots are done, in a SQLite file that survives a crash at any moment.
//!
//! An intent is on the disk before [`Record::intent`] returns, and so before the needle may come out; the outcome follows. What a crash
//! leaves at `intent` counts as done when the record is opened again: `in_doubt`, shown, and not struck a second time unless an operator
//! orders it ([`Record::order_repeat`]).
//!
//! The file holds one journal of rows that are only ever added, each bound to the one before by a hash (see [`verify`] for what that shows,
//! and the head of `journal.rs` for what is hashed). All else in the file is a view of it:
//!
//! | table or view | columns |
//! |---|---|
//! | `journal` | `seq, at_us, kind, dot, layer, reason, lateral_error_m, depth_m, detail, hash` |
//! | `head` | `seq, hash` of the last row, written with it |
//! | `meta` (view) | `format_version, session_id, plan_digest, scan_digest, created_us` (one row) |
//! | `dots` (view) | `dot, session_id, layer, state` (`intent`, `placed`, `skipped`, `in_doubt`), `reason, lateral_error_m, depth_m, at_us`: each dot's last row |
//! | `events` (view) | `id, session_id, at_us, kind, detail` |
//!
//! | kind of row | says |
//! |---|---|
//! | `created` | the first row: format, session, digests of plan and scan |
//! | `opened`, `closed` | a program took the record up, and let it go in order |
//! | `sitting` | client, operator, registration, cartridge, pigment lots ([`Sitting`]) |
//! | `intent`, `withdrawn` | the needle may come out for a dot; it was never told to |
//! | `placed`, `skipped`, `in_doubt` | what became of a dot, with the reason |
//! | `repeat` | an operator orders a dot in doubt once more: who and why |
//! | `event` | a start, a pause, a fault or the like |
//!
//! A record is of one plan. Only one process writes it (a lock on the file `NAME.head` beside it, gone with its process); others may read it
//! while it grows. Times are wall-clock microseconds since 1970, given by the caller. After a write that failed nothing is written any more:
//! what became of it is not known until the record is opened anew.

mod date;
mod journal;
mod ledger;
mod read;
mod remains;
mod side;
mod sitting;
mod terms;
mod verify;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

use journal::{Chain, Head, Row};
use ledger::{About, Ledger};
use side::{Side, beside};

pub use date::{Date, NotADay};
pub use ledger::{Order, Unlawful};
pub use remains::{LayerStanding, remains};
pub use sitting::{
    Cartridge, LARGEST_RESIDUAL_MM, PigmentLot, Registration, Registry, RegistryError, Sitting,
    SittingError,
};
pub use terms::{
    Binding, Break, Damage, DotOutcome, DotState, Durability, FORMAT_VERSION, InDoubt, PlacedDot,
    RecordCounts, RecordError,
};
pub use verify::{End, Verified, verify};

use terms::sqlite;

/// An open record.
#[derive(Debug)]
pub struct Record {
    db: Connection,
    session_id: String,
    binding: Binding,
    /// None of a record in memory.
    side: Option<Side>,
    ledger: Ledger,
    head: Head,
    /// The last row's moment.
    last_us: i64,
    failed: bool,
}

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
            return Err(RecordError::NotARecord {
                path: path.to_owned(),
            });
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
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
        let has_wal = size(&beside(path, "-wal")) > 0;
        if has_wal && size(path) == 0 {
            // SQLite would throw the other file away.
            return Err(broken(path)(Break {
                row: None,
                damage: Damage::Empty,
            }));
        }
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
            let binding = binding.ok_or_else(|| RecordError::NotARecord {
                path: path.to_owned(),
            })?;
            create(&db, &binding, now_us)?;
        }
        let mut held = noted.is_none();
        let chain = journal::read(&db, |head| {
            held |= noted
                .as_ref()
                .is_some_and(|(seq, hash)| *seq == head.seq && *hash == head.hash.to_string());
        })
        .map_err(broken(path))?;
        if let Some((noted, _)) = noted.as_ref().filter(|_| !held) {
            return Err(RecordError::RowsLost {
                path: path.to_owned(),
                noted: *noted,
                found: chain.head.seq,
            });
        }
        let end_known = new || has_wal || noted.is_some() || chain.ledger.closed;
        if !end_known && !order.is_some_and(Order::complete) {
            return Err(RecordError::EndUnknown {
                path: path.to_owned(),
            });
        }
        let mut record = Self::take_up(db, Some(side), path, binding, chain, now_us)?;
        if let Some(order) = order.filter(|_| !end_known) {
            record.event("end_accepted", &in_json(order)?, now_us)?;
        }
        // What stands in the main file alone shows from here on that the record was open; a reader in the way does no harm.
        record
            .db
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(sqlite("opening the record"))?;
        if new && let Some(folder) = path.parent() {
            // The file's name, too, must outlast a power cut. Not every file system can say so.
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(record)
    }

    /// A record that is gone with the process, for simulated sessions and tests.
    ///
    /// # Errors
    /// When SQLite cannot.
    pub fn in_memory(binding: Binding, now_us: i64) -> Result<Self, RecordError> {
        let path = Path::new("memory");
        let db = Connection::open_in_memory().map_err(sqlite("opening a record in memory"))?;
        create(&db, &binding, now_us)?;
        let chain = journal::read(&db, |_| {}).map_err(broken(path))?;
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
        let about = about.ok_or_else(|| RecordError::NotARecord {
            path: path.to_owned(),
        })?;
        let bound = about.binding().ok_or_else(|| RecordError::NotARecord {
            path: path.to_owned(),
        })?;
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

    /// Adds a row; when this returns, it is on the disk.
    fn append(&mut self, mut row: Row) -> Result<(), RecordError> {
        if self.failed {
            return Err(RecordError::Failed);
        }
        row.seq = self.head.seq + 1;
        self.ledger.apply(&row)?;
        let hash = row.hash(&self.head.hash);
        let head = Head { seq: row.seq, hash };
        let side = self.side.as_mut();
        let written = journal::write(&self.db, &row, &hash)
            .and_then(|()| side.map_or(Ok(()), |side| side.note(&head)));
        if written.is_ok() {
            self.head = head;
            self.last_us = row.at_us;
        } else {
            self.failed = true;
        }
        written
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

    /// The present sitting.
    #[must_use]
    pub fn sitting(&self) -> Option<&Sitting> {
        self.ledger.sat.as_ref().map(|sat| &sat.sitting)
    }

    /// Number and hash of the last row. Noted elsewhere, they show later whether the record was cut or written anew since.
    #[must_use]
    pub fn head(&self) -> (u64, Digest) {
        (self.head.seq.unsigned_abs(), self.head.hash)
    }

    /// Begins a sitting: its cartridge is used from here on, in this record and in every other of the registry.
    ///
    /// # Errors
    /// A [`SittingError`] (as [`RecordError::Unlawful`]), or a disk that fails. The cartridge may be used up then, nothing else has changed.
    pub fn sit(
        &mut self,
        sitting: &Sitting,
        registry: &Registry,
        at_us: i64,
    ) -> Result<(), RecordError> {
        let unlawful = |error| RecordError::Unlawful(Unlawful::Sitting(error));
        sitting.check(at_us).map_err(unlawful)?;
        let row = Row {
            detail: Some(in_json(sitting)?),
            ..Row::of("sitting", at_us)
        };
        // Whether it may follow is known before the cartridge is spent.
        self.ledger.clone().apply(&row)?;
        let id = &sitting.cartridge.id;
        if let Some(session) = registry.take(id, &self.session_id, at_us)? {
            return Err(unlawful(SittingError::Used {
                cartridge: id.clone(),
                session,
            }));
        }
        self.append(row)
    }

    /// How many strikes the present cartridge may still make; `None` in a record without a sitting.
    ///
    /// # Errors
    /// The sitting is over, the cartridge worn, or something has expired.
    pub fn strikes_left(&self, now_us: i64) -> Result<Option<u32>, SittingError> {
        let Some(sat) = &self.ledger.sat else {
            return Ok(None);
        };
        let cartridge = &sat.sitting.cartridge;
        if sat.over {
            return Err(SittingError::Over);
        }
        sat.sitting.fresh(now_us)?;
        match cartridge.strike_cap.checked_sub(sat.strikes) {
            Some(left) if left > 0 => Ok(Some(left)),
            _ => Err(SittingError::Worn {
                cartridge: cartridge.id.clone(),
                strike_cap: cartridge.strike_cap,
            }),
        }
    }

    /// Puts the intent to strike a dot on the disk; when this returns, it is there.
    ///
    /// # Errors
    /// The dot is already done, the sitting's needle or pigment may not be used any more, or the disk fails. Intending the same dot
    /// again changes nothing.
    pub fn intent(&mut self, dot: DotId, layer: u8, at_us: i64) -> Result<(), RecordError> {
        if self.failed {
            return Err(RecordError::Failed);
        }
        if self.ledger.dots.get(&dot) == Some(&DotState::Intent) {
            return Ok(());
        }
        self.strikes_left(at_us).map_err(Unlawful::Sitting)?;
        self.append(about_dot("intent", dot, layer, at_us))
    }

    /// Takes an intent back whose needle was never told to come out.
    ///
    /// # Errors
    /// When the disk fails. Without such an intent nothing changes.
    pub fn withdraw(&mut self, dot: DotId) -> Result<(), RecordError> {
        if self.ledger.dots.get(&dot) != Some(&DotState::Intent) {
            return Ok(());
        }
        let layer = self.layer_of(dot)?;
        self.append(about_dot("withdrawn", dot, layer, self.last_us))
    }

    /// Puts a dot's outcome on the disk.
    ///
    /// # Errors
    /// Placed or in doubt without an intent, a number that is not finite, a dot already done, or a disk that fails.
    pub fn outcome(
        &mut self,
        dot: DotId,
        layer: u8,
        outcome: &DotOutcome,
        at_us: i64,
    ) -> Result<(), RecordError> {
        // SQLite keeps no negative zero.
        let (lateral, depth) = match outcome {
            DotOutcome::Placed {
                lateral_error_m,
                depth_m,
            } => (Some(lateral_error_m + 0.0), Some(depth_m + 0.0)),
            _ => (None, None),
        };
        self.append(Row {
            reason: outcome.reason().map(str::to_owned),
            lateral_error_m: lateral,
            depth_m: depth,
            ..about_dot(outcome.state().key(), dot, layer, at_us)
        })
    }

    /// Has a dot that is in doubt struck once more. Only a person may order that, who has looked at the skin.
    ///
    /// # Errors
    /// The dot is not in doubt, the order is not complete, or the disk fails.
    pub fn order_repeat(
        &mut self,
        dot: DotId,
        order: &Order,
        at_us: i64,
    ) -> Result<(), RecordError> {
        if !order.complete() {
            return Err(RecordError::Order);
        }
        if self.ledger.dots.get(&dot) != Some(&DotState::InDoubt) {
            return Err(Unlawful::NotInDoubt { dot: dot.0 }.into());
        }
        let layer = self.layer_of(dot)?;
        self.append(Row {
            detail: Some(in_json(order)?),
            ..about_dot("repeat", dot, layer, at_us)
        })
    }

    /// Notes a pause, a stop, a fault or the like.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn event(&mut self, kind: &str, detail: &str, at_us: i64) -> Result<(), RecordError> {
        self.append(Row {
            reason: Some(kind.to_owned()),
            detail: Some(detail.to_owned()),
            ..Row::of("event", at_us)
        })
    }

    /// Every dot the record knows, with its state. What is not among them is still to do.
    ///
    /// # Errors
    /// When an earlier write failed: what became of it is not known.
    pub fn dots(&self) -> Result<BTreeMap<DotId, DotState>, RecordError> {
        if self.failed {
            return Err(RecordError::Failed);
        }
        Ok(self.ledger.dots.clone())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // A row that is missing for want of a disk says no more than one that a crash kept from being written.
        let _ = self.append(Row::of("closed", self.last_us));
    }
}

fn broken(path: &Path) -> impl Fn(Break) -> RecordError {
    move |source| RecordError::Broken {
        path: path.to_owned(),
        source,
    }
}

fn about_dot(kind: &str, dot: DotId, layer: u8, at_us: i64) -> Row {
    Row {
        dot: Some(i64::from(dot.0)),
        layer: Some(i64::from(layer)),
        ..Row::of(kind, at_us)
    }
}

fn in_json(value: &impl serde::Serialize) -> Result<String, RecordError> {
    // Strings and finite numbers only: it cannot fail.
    serde_json::to_string(value).map_err(|_| RecordError::Order)
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
