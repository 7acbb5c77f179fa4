//! The record of a session: which dots are done, in a SQLite file that survives a crash at any moment.
//!
//! An intent is on the disk before [`Record::intent`] returns, and so before the needle may come out; the outcome follows. What a crash
//! leaves at `intent` counts as done when the record is opened again: `in_doubt`, shown, and not struck a second time unless an operator
//! orders it ([`Record::order_repeat`]).
//!
//! The file holds one journal of rows that are only ever added, each bound to the one before by a hash ([`verify`] says what that
//! shows). All else in the file is a view of it:
//!
//! | table or view | columns |
//! |---|---|
//! | `journal` | `seq, at_us, kind, dot, layer, reason, lateral_error_m, depth_m, detail, hash` |
//! | `head` | `seq, hash` of the last row, written with it |
//! | `meta` (view) | `format_version, session_id, plan_digest, scan_digest, created_us` (one row) |
//! | `dots` (view) | `dot, session_id, layer, state` (`intent`, `placed`, `skipped`, `in_doubt`), `reason`, figures, `at_us` |
//! | `events` (view) | `id, session_id, at_us, kind, detail` |
//!
//! | kind of row | says |
//! |---|---|
//! | `created` | the first row: format, session, digests of plan and scan |
//! | `opened`, `closed` | a program took the record up, and let it go in order |
//! | `sitting` | client, operator, all that the [gate](crate::gate) asked and what was passed over, by whom and why ([`Sitting`]) |
//! | `intent`, `withdrawn` | the needle may come out for a dot; it was never told to |
//! | `placed`, `skipped`, `in_doubt` | what became of a dot, with the reason |
//! | `repeat` | an operator orders a dot in doubt once more: who and why |
//! | `event` | a start, a pause, a fault or the like |
//!
//! A record is of one plan. Only one process writes it (a lock on the file `NAME.head` beside it, gone with its process); others may
//! read it while it grows. Times are wall-clock microseconds since 1970, given by the caller. After a write that failed nothing is written
//! any more: what became of it is not known until the record is opened anew.
//!
//! # The canonical form of a row
//!
//! A row's hash is SHA-256 over its canonical bytes, in this order and with nothing between:
//!
//! | part | bytes |
//! |---|---|
//! | hash of the row before; of row 1, SHA-256 of `stipple record 3` | 32 |
//! | `seq`, `at_us` | 8 each, signed, little endian |
//! | `kind` | length as 8 bytes little endian, then UTF-8 |
//! | `dot`, `layer` | 0, or 1 and 8 bytes signed little endian |
//! | `reason` | 0, or 1 and a text as `kind` |
//! | `lateral_error_m`, `depth_m` | 0, or 1 and the 8 bytes of the IEEE 754 number, little endian |
//! | `detail` | as `reason` |
//!
//! Every length stands before what it measures, so no two different rows have the same bytes. The hash has no key: it shows what was
//! changed by accident, or by somebody who does not compute all hashes behind it anew. Against that helps only a head hash noted elsewhere,
//! as in report.json (`record.head`).

mod chronicle;
mod journal;
mod ledger;
mod open;
mod owner;
mod read;
mod registry;
mod remains;
pub(crate) mod side;
mod sitting;
mod terms;
mod verify;

use std::collections::BTreeMap;

use rusqlite::Connection;
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

use crate::gate::{Owner, Visit};
use journal::{Head, Row};
use ledger::Ledger;
use side::Side;

/// The kind of the event that says that a record's dots are simulated ones.
pub const SIMULATED: &str = "simulated";

pub use chronicle::{Chronicle, DotEntry, EventEntry, Repeat, Stay, moment};
pub use ledger::{Order, Unlawful};
pub use owner::{Whose, is_record, owner};
pub use registry::{Registry, RegistryError};
pub use remains::{LayerStanding, remains};
pub use side::Lock;
pub use sitting::{
    Cartridge, Consent, Found, LARGEST_RESIDUAL_MM, LONGEST_ID, Numbing, Patch, PigmentLot,
    Registration, Screened, Sitting, SittingError, Word,
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

    /// Whether a write has failed: nothing more can be written, and what was is told by opening it anew.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// The present sitting.
    #[must_use]
    pub fn sitting(&self) -> Option<&Sitting> {
        self.ledger.sat.as_ref().map(|sat| &sat.sitting)
    }

    /// Strikes made or begun in the present sitting.
    #[must_use]
    pub fn sitting_strikes(&self) -> u32 {
        self.ledger.sat.as_ref().map_or(0, |sat| sat.strikes)
    }

    /// Whose record it is.
    #[must_use]
    pub fn owner(&self) -> Owner<'_> {
        match &self.ledger.sat {
            Some(sat) => Owner::Client(&sat.sitting.client),
            None if self.ledger.strikes > 0 => Owner::Unnamed,
            None => Owner::Nobody,
        }
    }

    /// Whether a sitting of this record used a cartridge.
    #[must_use]
    pub fn used(&self, cartridge: &str) -> bool {
        self.ledger.cartridges.contains(cartridge)
    }

    /// The sittings of this record in which there were strikes.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        self.ledger.visits(&self.session_id)
    }

    /// Number and hash of the last row. Noted elsewhere, they show later whether the record was cut or written anew since.
    #[must_use]
    pub fn head(&self) -> (u64, Digest) {
        (self.head.seq.unsigned_abs(), self.head.hash)
    }

    /// Begins a sitting: its cartridge is used from here on, in this record and in every other of the registry, and its client treated. Whether
    /// it may begin the [gate](crate::gate) says; this holds only what no record may have.
    ///
    /// # Errors
    /// A [`SittingError`] (as [`RecordError::Unlawful`]), or a disk that fails. The cartridge may be used up then,
    /// nothing else has changed.
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
        registry.note(&sitting.client, &sitting.visit(&self.session_id))?;
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

    /// Whether strikes may be made at all: the sitting, if the record has one, goes on, and its needle and pigment may be used.
    ///
    /// # Errors
    /// As [`Record::strikes_left`].
    pub fn check_sitting(&self, now_us: i64) -> Result<(), RecordError> {
        self.strikes_left(now_us).map_err(Unlawful::Sitting)?;
        Ok(())
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
        self.check_sitting(at_us)?;
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

    /// Marks the record as one of simulated dots, which its papers then say first. Marking it again changes nothing.
    ///
    /// # Errors
    /// It holds dots that were struck without the mark, or the disk fails.
    pub fn mark_simulated(&mut self, detail: &str, at_us: i64) -> Result<(), RecordError> {
        if self.ledger.simulated {
            return Ok(());
        }
        if self.ledger.strikes > 0 {
            return Err(RecordError::NotSimulated);
        }
        self.event(SIMULATED, detail, at_us)
    }

    /// Whether somebody may be treated on it.
    ///
    /// # Errors
    /// It is marked as one of simulated dots.
    pub fn check_not_simulated(&self) -> Result<(), RecordError> {
        if self.ledger.simulated {
            return Err(RecordError::Simulated);
        }
        Ok(())
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
