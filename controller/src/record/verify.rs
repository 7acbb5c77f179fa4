//! Holding a record against its own hashes, without writing to it.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use stipple_model::digest::Digest;

use super::journal::{self, APPLICATION_ID, Row};
use super::side::{self, beside};
use super::terms::{Break, Damage, DotState, FORMAT_VERSION, RecordError};

/// What says that no rows are missing at the end of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was closed in order: its last row says so.
    Closed,
    /// The file beside it names the last row.
    Noted,
    /// Nothing: a session is writing it at this moment, or rows after the last one may be lost.
    Open,
}

impl End {
    /// As told.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Noted => "noted",
            Self::Open => "open",
        }
    }
}

/// A record whose rows are all as they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The session.
    pub session_id: String,
    /// Digest of its plan, hexadecimal.
    pub plan_digest: String,
    /// Digest of its scan, hexadecimal.
    pub scan_digest: String,
    /// Whose it is, if somebody was named.
    pub client: Option<String>,
    /// How many rows it has.
    pub rows: u64,
    /// Hash of the last one.
    pub head: Digest,
    /// Dots struck, left out, in doubt, about to be struck.
    pub dots: [u32; 4],
    /// What is known of its end.
    pub end: End,
}

/// Holds every row of a record against its hash and against what may follow what, and the last against the heads kept in the file and
/// beside it.
///
/// With `known`, a head hash noted elsewhere (hexadecimal), some row must have it.
///
/// | what was done to the file | shows |
/// |---|---|
/// | a value edited, a row deleted, put in, moved | always, unless all hashes behind it were computed anew |
/// | rows deleted at the end | by the head in the file and by the file `NAME.head`, unless both were changed with it; always with `known` |
/// | copied while open, or after a crash, without `NAME-wal` | by `NAME.head`; without that, the end is [`End::Open`] |
/// | put back as it was earlier, with all files beside it | with `known` only |
/// | written anew from row 1 | with `known` only |
///
/// The outer result tells whether there is a record to speak of, the inner one whether it is intact.
///
/// # Errors
/// A file that is missing, no record, or of another version.
pub fn verify(path: &Path, known: Option<&str>) -> Result<Result<Verified, Break>, RecordError> {
    verify_seeing(path, known, |_| {})
}

/// As [`verify`]; `see` is told every row.
pub(super) fn verify_seeing(
    path: &Path,
    known: Option<&str>,
    see: impl FnMut(&Row),
) -> Result<Result<Verified, Break>, RecordError> {
    // Before the record: the note is never ahead of it.
    let noted = side::noted(path);
    let db = match open_to_read(path) {
        Err(RecordError::Broken { source, .. }) => return Ok(Err(source)),
        other => other?,
    };
    if is_new(&db, path)? {
        return Err(RecordError::NotARecord {
            path: path.to_owned(),
        });
    }
    let doing = super::sqlite("reading the record");
    // One state of the file for all that is asked, whoever writes meanwhile.
    db.execute_batch("BEGIN").map_err(&doing)?;
    Ok(check(&db, noted.as_ref(), known, see))
}

fn check(
    db: &Connection,
    noted: Option<&(i64, String)>,
    known: Option<&str>,
    mut see: impl FnMut(&Row),
) -> Result<Verified, Break> {
    let (mut noted_there, mut known_there) = (noted.is_none(), known.is_none());
    let chain = journal::read(db, |row, head| {
        see(row);
        let hash = head.hash.to_string();
        noted_there |= noted.is_some_and(|(seq, noted)| *seq == head.seq && *noted == hash);
        known_there |= known.is_some_and(|known| known.eq_ignore_ascii_case(&hash));
    })?;
    let whole = |damage| Break { row: None, damage };
    if let Some((noted, _)) = noted.filter(|_| !noted_there) {
        return Err(Break {
            row: Some(*noted),
            damage: Damage::Lost { noted: *noted },
        });
    }
    if let Some(known) = known.filter(|_| !known_there) {
        return Err(whole(Damage::NotInChain(known.to_owned())));
    }
    let said: String = db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|source| whole(Damage::Unreadable(source.to_string())))?;
    if said != "ok" {
        return Err(whole(Damage::Damaged(said)));
    }
    let (ledger, head) = (chain.ledger, chain.head);
    let count = |state| {
        let dots = ledger.dots.values().filter(|s| **s == state).count();
        u32::try_from(dots).unwrap_or(u32::MAX)
    };
    let end = if ledger.closed {
        End::Closed
    } else if noted.is_some_and(|(seq, _)| *seq == head.seq) {
        End::Noted
    } else {
        End::Open
    };
    let dots = [
        DotState::Placed,
        DotState::Skipped,
        DotState::InDoubt,
        DotState::Intent,
    ]
    .map(count);
    let about = ledger.about.ok_or_else(|| whole(Damage::Empty))?;
    Ok(Verified {
        session_id: about.session_id,
        plan_digest: about.plan_digest,
        scan_digest: about.scan_digest,
        client: ledger.sat.map(|sat| sat.sitting.client),
        rows: head.seq.unsigned_abs(),
        head: head.hash,
        dots,
        end,
    })
}

/// Opens a record so that nothing in its folder changes.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, RecordError> {
    let io = |source| RecordError::Io {
        path: path.to_owned(),
        source,
    };
    // SQLite's own word on a missing file is of little help.
    std::fs::File::open(path).map_err(io)?;
    super::open::check_log(path)?;
    let wal = std::fs::metadata(beside(path, "-wal")).is_ok_and(|m| m.len() > 0);
    // Without a log nobody writes, and reading may then leave no files behind either.
    let how = if wal {
        "mode=ro"
    } else {
        "mode=ro&immutable=1"
    };
    let absolute = std::path::absolute(path).map_err(io)?;
    let mut uri = String::from("file://");
    for byte in absolute.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => uri.push(char::from(*byte)),
            b if b.is_ascii_alphanumeric() => uri.push(char::from(*b)),
            b => uri.push_str(&format!("%{b:02x}")),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("{uri}?{how}"), flags)
        .map_err(super::sqlite("opening the record"))
}

/// Whether the file is still empty; an error when it is neither that nor a record of this version. Writes nothing.
pub(super) fn is_new(db: &Connection, path: &Path) -> Result<bool, RecordError> {
    let not = || RecordError::NotARecord {
        path: path.to_owned(),
    };
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    // The first read of the file's header is the first that fails on a file that is no database.
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => not(),
        _ => RecordError::Sqlite {
            doing: "opening the record",
            source,
        },
    };
    let tables = number("SELECT count(*) FROM sqlite_schema").map_err(failed)?;
    let application = number("PRAGMA application_id").map_err(failed)?;
    let version = number("PRAGMA user_version").map_err(failed)?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(true),
        (APPLICATION_ID, FORMAT_VERSION, _) => Ok(false),
        (APPLICATION_ID, found, _) => Err(RecordError::Version {
            path: path.to_owned(),
            found,
        }),
        // Before the format had a number of its own in the file's header.
        _ => match number("SELECT format_version FROM meta") {
            Ok(found) if application == 0 => Err(RecordError::Version {
                path: path.to_owned(),
                found,
            }),
            _ => Err(not()),
        },
    }
}
