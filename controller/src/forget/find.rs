//! What there is of a client in a folder.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use stipple_model::files::read_limited;
use stipple_model::plan::Plan;

use super::{ForgetError, io};
use crate::papers::{DOTS_HEADER, HISTORY_HEADER};
use crate::record::{is_record, owner};

/// How deep folders are looked through.
const DEEPEST: usize = 16;
/// Largest paper that is looked into, bytes.
const LARGEST: u64 = 64 << 20;

/// A record of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRecord {
    /// Its file.
    pub path: PathBuf,
    /// Its session.
    pub session: String,
    /// Strikes made or begun in it.
    pub strikes: u32,
}

/// A record of which it cannot be told whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// Its file.
    pub path: PathBuf,
    /// Why not.
    pub why: String,
}

/// What there is of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Records whose sittings name the client.
    pub records: Vec<FoundRecord>,
    /// Reports, tables, files of answers, treatments and plans that name the client or one of these sessions.
    pub papers: Vec<PathBuf>,
    /// Registries, with rows of the client or not.
    pub registries: Vec<PathBuf>,
    /// How many of their rows name the client.
    pub rows: u32,
    /// Records that a person must look at; they are left as they are.
    pub unclear: Vec<Unclear>,
    /// Sessions of other clients' records: what names one of these is not this client's alone.
    others: BTreeSet<String>,
}

impl Found {
    /// Whether there is anything of the client's.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.records.is_empty() && self.papers.is_empty() && self.rows == 0
    }

    /// The sessions of the records, and of no other client's.
    #[must_use]
    pub fn sessions(&self) -> BTreeSet<String> {
        let sessions = self.records.iter().map(|record| &record.session);
        sessions
            .filter(|session| !self.others.contains(*session))
            .cloned()
            .collect()
    }
}

/// Looks through a folder and those in it, links not followed, and changes nothing.
///
/// # Errors
/// A folder that cannot be read.
pub fn find(folder: &Path, client: &str) -> Result<Found, ForgetError> {
    let mut files = Vec::new();
    walk(folder, 0, &mut files)?;
    let mut found = Found::default();
    let mut papers = Vec::new();
    for path in files {
        match kind(&path) {
            Kind::Record => record(&path, client, &mut found),
            Kind::Registry => {
                found.rows += rows(&path, client).map_err(|source| ForgetError::Registry {
                    path: path.clone(),
                    source,
                })?;
                found.registries.push(path);
            }
            Kind::Other => papers.push(path),
        }
    }
    let sessions = found.sessions();
    let mut theirs = BTreeSet::new();
    for path in papers {
        theirs.extend(paper(&path, client, &sessions));
    }
    found.papers = theirs.into_iter().collect();
    Ok(found)
}

/// The regular files of a folder, in order.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ForgetError> {
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(io(folder))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(io(&path))?;
        if kind.is_dir() && depth < DEEPEST {
            walk(&path, depth + 1, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

enum Kind {
    Record,
    Registry,
    Other,
}

fn kind(path: &Path) -> Kind {
    if is_record(path).unwrap_or(false) {
        return Kind::Record;
    }
    let mut start = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    if read.is_err() || &start != b"SQLite format 3\0" {
        return Kind::Other;
    }
    let tables =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|db| {
            db.query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'cartridges'",
                [],
                |row| row.get::<_, i64>(0),
            )
        });
    match tables {
        Ok(1..) => Kind::Registry,
        _ => Kind::Other,
    }
}

/// The tables of a registry that name clients or sessions, quoted, and the column that does.
pub(super) fn columns(db: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let quoted = |name: String| format!("\"{}\"", name.replace('"', "\"\""));
    db.prepare(
        "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND c.name IN ('client', 'session_id')",
    )?
    .query_map([], |row| Ok((quoted(row.get(0)?), row.get(1)?)))?
    .collect()
}

/// How many rows of a registry name the client.
fn rows(path: &Path, client: &str) -> rusqlite::Result<u32> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut rows = 0;
    for (table, column) in columns(&db)?
        .iter()
        .filter(|(_, column)| column == "client")
    {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} = ?1");
        rows += db.query_row(&sql, [client], |row| row.get::<_, u32>(0))?;
    }
    Ok(rows)
}

fn record(path: &Path, client: &str, found: &mut Found) {
    let why = match owner(path) {
        Ok(owner) if !owner.clients.contains(client) => {
            found.others.insert(owner.session_id);
            return;
        }
        Ok(owner) if owner.clients.len() == 1 => {
            found.records.push(FoundRecord {
                path: path.to_owned(),
                session: owner.session_id,
                strikes: owner.strikes,
            });
            return;
        }
        Ok(_) => "its sittings name several clients".to_owned(),
        Err(error) => error.to_string(),
    };
    found.unclear.push(Unclear {
        path: path.to_owned(),
        why,
    });
}

/// The paper and what it lists as made with it, if it is the client's.
fn paper(path: &Path, client: &str, sessions: &BTreeSet<String>) -> Vec<PathBuf> {
    let mut theirs = Vec::new();
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    if ending == "plan" {
        return theirs_by_plan(path, client);
    }
    if !["json", "toml", "csv"].contains(&ending) {
        return theirs;
    }
    let Some(text) = read_limited(path, LARGEST)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
    else {
        return theirs;
    };
    match ending {
        "json" => {
            let Ok(Value::Object(object)) = serde_json::from_str(&text) else {
                return theirs;
            };
            let says = |key: &str| object.get(key).and_then(Value::as_str);
            let keys = ["session_id", "sessions", "files"];
            let ours = keys.iter().any(|key| object.contains_key(*key));
            let is_theirs = match says("client") {
                Some(named) => ours && named == client,
                None => says("session_id").is_some_and(|id| sessions.contains(id)),
            };
            if !is_theirs {
                return theirs;
            }
            theirs.extend(beside(path, object.get("files")));
        }
        "toml" => {
            let table: toml::Table = text.parse().unwrap_or_default();
            // Answers and sittings name the client, treatments whom they were fitted to.
            let fitted = table.get("fitted").and_then(toml::Value::as_table);
            let named = [Some(&table), fitted];
            let named = named.into_iter().flatten().filter_map(|t| t.get("client"));
            if !named.filter_map(toml::Value::as_str).any(|c| c == client) {
                return theirs;
            }
        }
        _ => {
            if !table(&text, client, sessions) {
                return theirs;
            }
        }
    }
    theirs.push(path.to_owned());
    theirs
}

/// A plan that was fitted to the client, and the times of its stages beside it.
fn theirs_by_plan(path: &Path, client: &str) -> Vec<PathBuf> {
    let plan = Plan::read(path);
    let fitted = plan.ok().and_then(|(plan, _)| plan.fitted);
    if fitted.is_none_or(|fitted| fitted.client != client) {
        return Vec::new();
    }
    let beside = path.with_extension("stages.json");
    let beside = beside.is_file().then_some(beside);
    beside.into_iter().chain([path.to_owned()]).collect()
}

/// Files named in a report's list that lie beside it: names only, no ways elsewhere.
fn beside(path: &Path, files: Option<&Value>) -> Vec<PathBuf> {
    let names = files.and_then(Value::as_array).into_iter().flatten();
    names
        .filter_map(Value::as_str)
        .filter(|name| {
            Path::new(name)
                .file_name()
                .is_some_and(|file| file == *name)
        })
        .map(|name| path.with_file_name(name))
        .filter(|file| file.symlink_metadata().is_ok_and(|m| m.is_file()))
        .collect()
}

/// Whether a table of ours is about this client alone.
fn table(text: &str, client: &str, sessions: &BTreeSet<String>) -> bool {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let Ok(header) = reader.headers().cloned() else {
        return false;
    };
    let starts =
        |with: &[&str]| header.iter().zip(with).filter(|(a, b)| a == *b).count() == with.len();
    let place = |name: &str| header.iter().position(|column| column == name);
    let (column, is_theirs): (_, &dyn Fn(&str) -> bool) = if starts(&DOTS_HEADER) {
        (place("session"), &|value| sessions.contains(value))
    } else if starts(&HISTORY_HEADER) {
        (place("client"), &|value| value == client)
    } else {
        return false;
    };
    let Some(column) = column else { return false };
    let mut some = false;
    for row in reader.records() {
        let Ok(row) = row else { return false };
        match row.get(column).unwrap_or_default() {
            "" => {}
            value if is_theirs(value) => some = true,
            _ => return false,
        }
    }
    some
}
