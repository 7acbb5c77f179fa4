//! The journal: rows that are only ever added, each bound to the one before by a hash. Its canonical form stands in the
//! documentation of [`record`](super).

use rusqlite::{Connection, params};
use stipple_model::digest::Digest;

use super::ledger::Ledger;
use super::terms::{Break, Damage, FORMAT_VERSION, RecordError, sqlite};

/// In the file's header: "STPL".
pub(super) const APPLICATION_ID: i64 = 0x5354_504C;

const JOURNAL: &str = "CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    dot INTEGER,
    layer INTEGER,
    reason TEXT,
    lateral_error_m REAL,
    depth_m REAL,
    detail TEXT,
    hash BLOB NOT NULL
) STRICT";

const HEAD: &str = "CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT";

const META: &str = "CREATE VIEW meta AS SELECT
    json_extract(detail, '$.format_version') AS format_version,
    json_extract(detail, '$.session_id') AS session_id,
    json_extract(detail, '$.plan_digest') AS plan_digest,
    json_extract(detail, '$.scan_digest') AS scan_digest,
    at_us AS created_us
FROM journal WHERE seq = 1";

const DOTS: &str = "CREATE VIEW dots AS SELECT
    j.dot AS dot, (SELECT session_id FROM meta) AS session_id, j.layer AS layer, j.kind AS state, j.reason AS reason,
    j.lateral_error_m AS lateral_error_m, j.depth_m AS depth_m, j.at_us AS at_us
FROM journal AS j JOIN (SELECT max(seq) AS last FROM journal WHERE dot IS NOT NULL GROUP BY dot) AS l ON j.seq = l.last
WHERE j.kind IN ('intent', 'placed', 'skipped', 'in_doubt')";

const EVENTS: &str = "CREATE VIEW events AS SELECT
    seq AS id, (SELECT session_id FROM meta) AS session_id, at_us, reason AS kind, detail
FROM journal WHERE kind = 'event'";

/// All there is in the file, as the file keeps it.
const SCHEMA: [(&str, &str); 5] = [
    ("journal", JOURNAL),
    ("head", HEAD),
    ("meta", META),
    ("dots", DOTS),
    ("events", EVENTS),
];

/// A row as it stands in the file, whatever it may mean.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Row {
    pub seq: i64,
    pub at_us: i64,
    pub kind: String,
    pub dot: Option<i64>,
    pub layer: Option<i64>,
    pub reason: Option<String>,
    pub lateral_error_m: Option<f64>,
    pub depth_m: Option<f64>,
    pub detail: Option<String>,
}

/// The last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub seq: i64,
    pub hash: Digest,
}

impl Head {
    /// Before the first row.
    pub fn none() -> Self {
        Self {
            seq: 0,
            hash: Digest::of(b"stipple record 3"),
        }
    }
}

impl Row {
    /// Of a kind, at a moment; the caller adds the rest.
    pub fn of(kind: &str, at_us: i64) -> Self {
        Self {
            at_us,
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    /// The hash of this row behind another.
    pub fn hash(&self, before: &Digest) -> Digest {
        let mut bytes = Vec::with_capacity(192);
        bytes.extend_from_slice(before.bytes());
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.at_us.to_le_bytes());
        put_text(&mut bytes, &self.kind);
        put(&mut bytes, self.dot, |b, n| {
            b.extend_from_slice(&n.to_le_bytes())
        });
        put(&mut bytes, self.layer, |b, n| {
            b.extend_from_slice(&n.to_le_bytes());
        });
        put(&mut bytes, self.reason.as_deref(), put_text);
        put(&mut bytes, self.lateral_error_m, put_number);
        put(&mut bytes, self.depth_m, put_number);
        put(&mut bytes, self.detail.as_deref(), put_text);
        Digest::of(&bytes)
    }

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Self, Vec<u8>)> {
        let this = Self {
            seq: row.get(0)?,
            at_us: row.get(1)?,
            kind: row.get(2)?,
            dot: row.get(3)?,
            layer: row.get(4)?,
            reason: row.get(5)?,
            lateral_error_m: row.get(6)?,
            depth_m: row.get(7)?,
            detail: row.get(8)?,
        };
        Ok((this, row.get(9)?))
    }
}

fn put<T>(bytes: &mut Vec<u8>, value: Option<T>, write: impl Fn(&mut Vec<u8>, T)) {
    bytes.push(u8::from(value.is_some()));
    if let Some(value) = value {
        write(bytes, value);
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_number(bytes: &mut Vec<u8>, number: f64) {
    bytes.extend_from_slice(&number.to_bits().to_le_bytes());
}

/// Makes the tables of a new record.
pub(super) fn make_tables(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.pragma_update(None, "user_version", FORMAT_VERSION)?;
    for (_, sql) in SCHEMA {
        db.execute(sql, [])?;
    }
    let none = Head::none();
    db.execute(
        "INSERT INTO head VALUES (1, ?1, ?2)",
        params![none.seq, none.hash.bytes()],
    )
    .map(|_| ())
}

/// Writes a row and the head that goes with it, both or neither.
pub(super) fn write(db: &Connection, row: &Row, hash: &Digest) -> Result<(), RecordError> {
    let doing = sqlite("writing the record");
    let transaction = db.unchecked_transaction().map_err(&doing)?;
    insert(&transaction, row, hash).map_err(&doing)?;
    transaction.commit().map_err(&doing)
}

/// As [`write`], within a transaction.
pub(super) fn insert(db: &Connection, row: &Row, hash: &Digest) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
        .execute(params![
            row.seq,
            row.at_us,
            row.kind,
            row.dot,
            row.layer,
            row.reason,
            row.lateral_error_m,
            row.depth_m,
            row.detail,
            hash.bytes(),
        ])?;
    db.prepare_cached("UPDATE head SET seq = ?1, hash = ?2")?
        .execute(params![row.seq, hash.bytes()])
        .map(|_| ())
}

/// What the journal holds when it is whole.
pub(super) struct Chain {
    pub ledger: Ledger,
    pub head: Head,
}

/// Reads the journal from its first row to its last and holds every row against hash and law, the last one against the head.
/// `see` is told each row and the head after it.
pub(super) fn read(db: &Connection, mut see: impl FnMut(&Row, &Head)) -> Result<Chain, Break> {
    let unreadable = |row| {
        move |source: rusqlite::Error| Break {
            row,
            damage: Damage::Unreadable(source.to_string()),
        }
    };
    check_schema(db)?;
    let mut query = db
        .prepare(
            "SELECT seq, at_us, kind, dot, layer, reason, lateral_error_m, depth_m, detail, hash FROM journal ORDER BY seq",
        )
        .map_err(unreadable(None))?;
    let mut rows = query.query([]).map_err(unreadable(None))?;
    let (mut ledger, mut head) = (Ledger::default(), Head::none());
    loop {
        let seq = head.seq + 1;
        let at = |damage| Break {
            row: Some(seq),
            damage,
        };
        let Some(found) = rows.next().map_err(unreadable(Some(seq)))? else {
            break;
        };
        let (row, stored) = Row::read(found).map_err(unreadable(Some(seq)))?;
        if row.seq != seq {
            return Err(at(Damage::Missing { found: row.seq }));
        }
        let hash = row.hash(&head.hash);
        if hash.bytes().as_slice() != stored {
            return Err(at(Damage::Hash));
        }
        ledger.apply(&row).map_err(|law| at(Damage::Law(law)))?;
        head = Head { seq, hash };
        see(&row, &head);
    }
    let kept: (i64, Vec<u8>) = db
        .query_row("SELECT seq, hash FROM head WHERE one = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(unreadable(None))?;
    if kept.0 != head.seq || kept.1 != head.hash.bytes() {
        return Err(Break {
            row: Some(kept.0.min(head.seq) + 1),
            damage: Damage::Head { head: kept.0 },
        });
    }
    if head.seq == 0 {
        return Err(Break {
            row: Some(1),
            damage: Damage::Empty,
        });
    }
    Ok(Chain { ledger, head })
}

/// A view that says something else would lie to whoever reads the file with other programs.
fn check_schema(db: &Connection) -> Result<(), Break> {
    let unreadable = |source: rusqlite::Error| Break {
        row: None,
        damage: Damage::Unreadable(source.to_string()),
    };
    let mut query = db
        .prepare("SELECT name, sql FROM sqlite_schema ORDER BY rowid")
        .map_err(unreadable)?;
    let found = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<(String, String)>>>)
        .map_err(unreadable)?;
    let same = found.len() == SCHEMA.len()
        && found
            .iter()
            .zip(SCHEMA)
            .all(|((name, sql), ours)| (name.as_str(), sql.as_str()) == ours);
    if same {
        Ok(())
    } else {
        Err(Break {
            row: None,
            damage: Damage::Schema,
        })
    }
}
