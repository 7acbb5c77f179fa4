//! What was changed in a record shows, whatever it was.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod chance;
mod sitting;

use std::fs;
use std::path::{Path, PathBuf};

use chance::Chance;
use rusqlite::Connection;
use rusqlite::types::Value;
use stipple_controller::record::*;
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

fn binding() -> Binding {
    Binding {
        plan: Digest::of(b"plan"),
        scan: Digest::of(b"scan"),
    }
}

/// A closed record with rows of every kind.
fn record(folder: &Path, dots: u32) -> PathBuf {
    let path = folder.join("record.sqlite");
    let mut record = Record::open(&path, binding(), Durability::ProcessCrash, 1).unwrap();
    let day = "2030-01-01".parse().unwrap();
    let mut sitting = sitting::sitting("N-1", 5, day);
    sitting.cartridge.strike_cap = 10_000;
    record
        .sit(&sitting, &Registry::open(folder).unwrap(), 5)
        .unwrap();
    for dot in 0..dots {
        let dot = DotId(dot);
        record.intent(dot, 1, 10).unwrap();
        let outcome = match dot.0 % 10 {
            3 => DotOutcome::InDoubt {
                reason: "needle_slow",
            },
            4 => DotOutcome::Skipped { reason: "gap" },
            _ => DotOutcome::Placed {
                lateral_error_m: 1e-4 + f64::from(dot.0) * 1e-7,
                depth_m: 6e-4,
            },
        };
        if dot.0 % 10 == 5 {
            record.withdraw(dot).unwrap();
            record.event("pause", "paused by the operator", 11).unwrap();
            continue;
        }
        record.outcome(dot, 1, &outcome, 12).unwrap();
    }
    let order = Order {
        by: "A. Operator".into(),
        why: "the skin shows nothing".into(),
    };
    record.order_repeat(DotId(3), &order, 13).unwrap();
    path
}

fn broken(path: &Path) -> Break {
    verify(path, None).unwrap().unwrap_err()
}

#[test]
fn a_record_is_intact_and_tells_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = record(folder.path(), 20);
    let verified = verify(&path, None).unwrap().unwrap();
    assert_eq!(verified.dots, [14, 2, 1, 0]);
    assert_eq!(verified.client.as_deref(), Some("C-17"));
    assert_eq!(verified.end, End::Closed);
    let head = verified.head.to_string();
    assert!(verify(&path, Some(&head.to_uppercase())).unwrap().is_ok());
    let other = Digest::of(b"other").to_string();
    assert!(matches!(
        verify(&path, Some(&other)).unwrap().unwrap_err().damage,
        Damage::NotInChain(_)
    ));
    let before: Vec<_> = files(folder.path());
    assert!(verify(&path, None).unwrap().is_ok());
    assert_eq!(
        files(folder.path()),
        before,
        "verifying leaves no files behind"
    );
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    all.sort();
    all
}

/// The chain as its documentation says it, computed by other code than the record's.
#[test]
fn the_canonical_form_is_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let path = record(folder.path(), 20);
    let db = Connection::open(&path).unwrap();
    let mut query = db.prepare("SELECT * FROM journal ORDER BY seq").unwrap();
    let mut rows = query.query([]).unwrap();
    let mut before = Digest::of(b"stipple record 3").bytes().to_vec();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        let mut bytes = before.clone();
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        for column in 0..9 {
            let value: Value = row.get(column).unwrap();
            if column > 2 {
                bytes.push(u8::from(value != Value::Null));
            }
            match value {
                Value::Null => {}
                Value::Integer(n) => bytes.extend(n.to_le_bytes()),
                Value::Real(x) => bytes.extend(x.to_bits().to_le_bytes()),
                Value::Text(t) => text(&mut bytes, &t),
                Value::Blob(_) => panic!("a blob"),
            }
        }
        let stored: Vec<u8> = row.get(9).unwrap();
        assert_eq!(stored, Digest::of(&bytes).bytes(), "row {count}");
        before = stored;
        count += 1;
    }
    assert!(count > 40);
}

#[test]
fn every_edit_deletion_insertion_and_reordering_shows_with_its_row() {
    let edits: &[(&str, Option<i64>)] = &[
        ("UPDATE journal SET depth_m = 0.0007 WHERE seq = 9", Some(9)),
        (
            "UPDATE journal SET at_us = at_us + 1 WHERE seq = 4",
            Some(4),
        ),
        (
            "UPDATE journal SET kind = 'skipped', reason = 'gap', depth_m = NULL, lateral_error_m = NULL WHERE seq = 7",
            Some(7),
        ),
        ("UPDATE journal SET dot = 300 WHERE seq = 6", Some(6)),
        ("UPDATE journal SET layer = 2 WHERE seq = 6", Some(6)),
        (
            "UPDATE journal SET detail = replace(detail, 'C-17', 'C-18') WHERE kind = 'sitting'",
            Some(3),
        ),
        (
            "UPDATE journal SET detail = replace(detail, '0.4', '0.3') WHERE kind = 'sitting'",
            Some(3),
        ),
        (
            "UPDATE journal SET hash = zeroblob(32) WHERE seq = 11",
            Some(11),
        ),
        (
            "UPDATE journal SET hash = CAST(hash || x'00' AS BLOB) WHERE seq = 11",
            Some(11),
        ),
        ("DELETE FROM journal WHERE seq = 8", Some(8)),
        ("DELETE FROM journal WHERE seq = 1", Some(1)),
        ("DELETE FROM journal WHERE seq > 12", Some(13)),
        ("DELETE FROM journal", Some(1)),
        (
            "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",
            None,
        ),
        (
            "INSERT INTO journal SELECT seq + 1000, at_us, kind, dot, layer, reason, lateral_error_m, depth_m, detail, hash \
             FROM journal WHERE seq = 5",
            None,
        ),
        (
            "UPDATE journal SET seq = -seq WHERE seq >= 8; \
             INSERT INTO journal SELECT 8, at_us, 'event', NULL, NULL, 'x', NULL, NULL, 'y', hash FROM journal WHERE seq = 5; \
             UPDATE journal SET seq = 1 - seq WHERE seq < 0",
            Some(8),
        ),
        (
            "UPDATE journal SET seq = 9999 WHERE seq = 6; \
             UPDATE journal SET seq = 6 WHERE seq = 7; UPDATE journal SET seq = 7 WHERE seq = 9999",
            Some(6),
        ),
        ("UPDATE head SET seq = seq - 1", None),
        ("UPDATE head SET hash = zeroblob(32)", None),
        ("DELETE FROM head", None),
        (
            "DROP VIEW dots; CREATE VIEW dots AS SELECT 1 AS dot, 'placed' AS state",
            None,
        ),
        ("CREATE TABLE more (a)", None),
        (
            "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM journal; END",
            None,
        ),
    ];
    for (sql, row) in edits {
        let folder = tempfile::tempdir().unwrap();
        let path = record(folder.path(), 20);
        assert!(verify(&path, None).unwrap().is_ok());
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let found = broken(&path);
        if row.is_some() {
            assert_eq!(found.row, *row, "{sql}: {found}");
        }
        let opened = Record::open(&path, binding(), Durability::ProcessCrash, 1);
        assert!(matches!(opened, Err(RecordError::Broken { .. })), "{sql}");
    }
}

/// Somebody who computes all hashes anew is found out by the heads kept elsewhere only, and that is said.
#[test]
fn a_tail_cut_off_with_its_head_shows_by_the_file_beside_it_or_a_head_noted_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = record(folder.path(), 20);
    let head = verify(&path, None).unwrap().unwrap().head.to_string();
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "DELETE FROM journal WHERE seq > 12;
             UPDATE head SET (seq, hash) = (SELECT seq, hash FROM journal WHERE seq = 12)",
        )
        .unwrap();
    assert!(matches!(broken(&path).damage, Damage::Lost { .. }));
    assert!(matches!(
        Record::open(&path, binding(), Durability::ProcessCrash, 1),
        Err(RecordError::RowsLost { found: 12, .. })
    ));
    fs::remove_file(folder.path().join("record.sqlite.head")).unwrap();
    // Nothing but the open end is left to see.
    assert_eq!(verify(&path, None).unwrap().unwrap().end, End::Open);
    assert!(matches!(
        verify(&path, Some(&head)).unwrap().unwrap_err().damage,
        Damage::NotInChain(_)
    ));
}

/// What a record says, read without its help; `None` when it cannot be read.
fn content(path: &Path) -> Option<Vec<Vec<Value>>> {
    let db = Connection::open(path).ok()?;
    let mut all = Vec::new();
    for sql in [
        "SELECT name, sql FROM sqlite_schema",
        "SELECT * FROM journal ORDER BY seq",
        "SELECT * FROM head",
    ] {
        let mut query = db.prepare(sql).ok()?;
        let columns = query.column_count();
        let mut rows = query.query([]).ok()?;
        while let Some(row) = rows.next().ok()? {
            all.push(
                (0..columns)
                    .map(|i| row.get(i))
                    .collect::<Result<_, _>>()
                    .ok()?,
            );
        }
    }
    Some(all)
}

#[test]
fn no_single_byte_changes_what_a_record_says_without_being_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = record(folder.path(), 60);
    let whole = fs::read(&path).unwrap();
    let said = content(&path).unwrap();
    let mut chance = Chance(1);
    let place = tempfile::tempdir().unwrap();
    let edited = place.path().join("record.sqlite");
    let (mut found, mut harmless) = (0, 0);
    for round in 0..4_000 {
        let mut bytes = whole.clone();
        // Headers of file and pages in every bit, the rest by chance.
        let at = if round < 1_600 {
            round / 8
        } else {
            chance.below(bytes.len() as u64) as usize
        };
        bytes[at] ^= if round < 1_600 {
            1 << (round % 8)
        } else {
            1 + chance.below(255) as u8
        };
        fs::write(&edited, &bytes).unwrap();
        match verify(&edited, None) {
            Ok(Ok(_)) => {
                harmless += 1;
                assert_eq!(
                    content(&edited).as_ref(),
                    Some(&said),
                    "byte {at} changes what is said, and is not found"
                );
            }
            Ok(Err(_)) | Err(_) => found += 1,
        }
        for left in [
            "record.sqlite-wal",
            "record.sqlite-shm",
            "record.sqlite-journal",
        ] {
            let _ = fs::remove_file(place.path().join(left));
        }
    }
    eprintln!(
        "{found} changes found, {harmless} changed nothing that is said, {} bytes",
        whole.len()
    );
    assert!(found > 1_000 && harmless > 0);
}

#[test]
fn garbage_is_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(record(folder.path(), 30)).unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("record.sqlite");
    let mut chance = Chance(2);
    for round in 0..1_600 {
        let bytes: Vec<u8> = match round % 4 {
            0 => (0..chance.below(9_000))
                .map(|_| chance.below(256) as u8)
                .collect(),
            // A header that is right before garbage.
            1 => good[..100]
                .iter()
                .copied()
                .chain((0..chance.below(9_000)).map(|_| chance.below(256) as u8))
                .collect(),
            // Cut off.
            2 => good[..chance.below(good.len() as u64) as usize].to_vec(),
            // A block of garbage in the middle.
            _ => {
                let mut bytes = good.clone();
                let at = chance.below(bytes.len() as u64) as usize;
                let end = (at + 1 + chance.below(600) as usize).min(bytes.len());
                bytes[at..end]
                    .iter_mut()
                    .for_each(|b| *b = chance.below(256) as u8);
                bytes
            }
        };
        fs::write(&path, &bytes).unwrap();
        let intact = matches!(verify(&path, None), Ok(Ok(_)));
        let empty = bytes.is_empty();
        if round % 4 < 3 {
            assert!(!intact, "round {round}");
            // An empty file is a record yet to be made.
            let opened = Record::open(&path, binding(), Durability::ProcessCrash, 1);
            assert_eq!(opened.is_ok(), empty, "round {round}: {:?}", opened.err());
        }
        for entry in fs::read_dir(place.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

#[test]
fn records_of_the_first_format_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.sqlite");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE meta (format_version INTEGER NOT NULL, session_id TEXT, plan_digest TEXT,
         scan_digest TEXT, created_us INTEGER) STRICT;
         INSERT INTO meta VALUES (1, 's', 'p', 's', 0)",
    )
    .unwrap();
    drop(db);
    let before = fs::read(&path).unwrap();
    for refused in [
        Record::open(&path, binding(), Durability::ProcessCrash, 1)
            .map(|_| ())
            .unwrap_err(),
        verify(&path, None).map(|_| ()).unwrap_err(),
    ] {
        assert!(
            matches!(refused, RecordError::Version { found: 1, .. }),
            "{refused}"
        );
        assert!(refused.to_string().contains("format 1"), "{refused}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}
