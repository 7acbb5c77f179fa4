//! The list of what is to be removed, and working it off.

use std::path::{Component, Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use stipple_model::files::{self, read_limited};

use super::find::{Found, columns};
use super::stub::{Stub, add, by_chance, digest};
use super::{ForgetError, io};
use crate::record::side::beside;
use crate::record::{Lock, Order, moment, owner};

/// The list's name in its folder.
const TODO: &str = "forget.todo";
/// Longest list, bytes.
const LONGEST: u64 = 64 << 20;

/// The list. Ways are from the folder on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Todo {
    id: String,
    client: String,
    by: String,
    why: String,
    at_us: i64,
    records: Vec<TodoRecord>,
    papers: Vec<PathBuf>,
    registries: Vec<PathBuf>,
    /// What registries have of these sessions is the client's.
    sessions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TodoRecord {
    path: PathBuf,
    session: String,
    strikes: u32,
}

/// A removal that has begun: its list is on the disk, its records are locked.
#[derive(Debug)]
pub struct Forgetting {
    folder: PathBuf,
    todo: Todo,
    locks: Vec<Lock>,
    done: usize,
}

impl Forgetting {
    /// Locks the records that were found, then writes the list. Nothing is removed yet.
    ///
    /// # Errors
    /// An order that is not complete or names the client; a record that is open in another process; a disk that fails.
    pub fn begin(
        folder: &Path,
        client: &str,
        order: &Order,
        found: &Found,
        now_us: i64,
    ) -> Result<Self, ForgetError> {
        check_order(client, order)?;
        let locks = locks(found.records.iter().map(|record| record.path.as_path()))?;
        let within = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).to_owned();
        let todo = Todo {
            id: by_chance().map_err(io(Path::new("/dev/urandom")))?.short(),
            client: client.to_owned(),
            by: order.by.clone(),
            why: order.why.clone(),
            at_us: now_us,
            records: found
                .records
                .iter()
                .map(|record| TodoRecord {
                    path: within(&record.path),
                    session: record.session.clone(),
                    strikes: record.strikes,
                })
                .collect(),
            papers: found.papers.iter().map(within).collect(),
            registries: found.registries.iter().map(within).collect(),
            sessions: found.sessions().into_iter().collect(),
        };
        let path = folder.join(TODO);
        let json = serde_json::to_vec_pretty(&todo).map_err(|error| ForgetError::Io {
            path: path.clone(),
            source: error.into(),
        })?;
        files::write_privately(&path, &json).map_err(io(&path))?;
        sync(folder);
        Ok(Self {
            folder: folder.to_owned(),
            todo,
            locks,
            done: 0,
        })
    }

    /// The removal that was broken off in a folder, if there is one.
    ///
    /// # Errors
    /// A list that this program did not write; a record on it that is open in another process.
    pub fn unfinished(folder: &Path) -> Result<Option<Self>, ForgetError> {
        let path = folder.join(TODO);
        let bytes = match read_limited(&path, LONGEST) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(io(&path))?,
        };
        let wrong = |reason: String| ForgetError::Todo {
            path: path.clone(),
            reason,
        };
        let todo: Todo =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        let records = todo.records.iter().map(|record| &record.path);
        for way in records.chain(&todo.papers).chain(&todo.registries) {
            if !way
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
            {
                return Err(wrong(format!("{} leads elsewhere", way.display())));
            }
        }
        let there: Vec<PathBuf> = todo
            .records
            .iter()
            .map(|record| folder.join(&record.path))
            .filter(|record| record.exists())
            .collect();
        Ok(Some(Self {
            folder: folder.to_owned(),
            locks: locks(there.iter().map(PathBuf::as_path))?,
            todo,
            done: 0,
        }))
    }

    /// Whose removal it is.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.todo.client
    }

    /// Records and strikes to be removed.
    #[must_use]
    pub fn counts(&self) -> (usize, u64) {
        let strikes = self.todo.records.iter().map(|r| u64::from(r.strikes)).sum();
        (self.todo.records.len(), strikes)
    }

    /// Does the next step and says which; `None` when all is done. After an error the list stays: `forget` in the folder goes on with it.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn step(&mut self) -> Result<Option<String>, ForgetError> {
        let (records, papers) = (self.todo.records.len(), self.todo.papers.len());
        let registries = self.todo.registries.len();
        let step = self.done;
        let said = if let Some(record) = self.todo.records.get(step) {
            remove_record(&self.folder.join(&record.path), &record.session)?
        } else if let Some(paper) = self.todo.papers.get(step - records) {
            remove_paper(&self.folder, &self.folder.join(paper))?
        } else if let Some(registry) = self.todo.registries.get(step - records - papers) {
            self.forget_rows(&self.folder.join(registry))?
        } else if step == records + papers + registries {
            self.leave_stub()?
        } else if step == records + papers + registries + 1 {
            self.locks.clear();
            remove(&self.folder.join(TODO))?;
            sync(&self.folder);
            "the list of work is done".to_owned()
        } else {
            return Ok(None);
        };
        self.done += 1;
        Ok(Some(said))
    }

    fn leave_stub(&self) -> Result<String, ForgetError> {
        let (records, strikes) = self.counts();
        let stub = Stub {
            id: self.todo.id.clone(),
            at_utc: moment(self.todo.at_us),
            client_hmac: digest(&self.folder, &self.todo.client)?,
            by: self.todo.by.clone(),
            why: self.todo.why.clone(),
            records,
            strikes,
            papers: self.todo.papers.len(),
            before: String::new(),
        };
        add(&self.folder, stub)?;
        sync(&self.folder);
        Ok("a stub says that this was done".to_owned())
    }

    /// Takes the client's rows out of a registry. A used cartridge stays used: only in whose session is taken away.
    fn forget_rows(&self, path: &Path) -> Result<String, ForgetError> {
        let failed = |source| ForgetError::Registry {
            path: path.to_owned(),
            source,
        };
        if !path.exists() {
            return Ok(format!("{}: not there any more", path.display()));
        }
        let changed = self.change_rows(path).map_err(failed)?;
        Ok(format!("{}: {changed} rows", path.display()))
    }

    fn change_rows(&self, path: &Path) -> rusqlite::Result<usize> {
        let mut db = Connection::open(path)?;
        // What is taken out of the file is overwritten with zeros.
        db.pragma_update(None, "secure_delete", "on")?;
        db.pragma_update(None, "synchronous", "full")?;
        let transaction = db.transaction()?;
        let mut changed = 0;
        for (table, column) in columns(&transaction)? {
            let sql = if table == "\"cartridges\"" {
                format!("UPDATE {table} SET {column} = '' WHERE {column} = ?1")
            } else {
                format!("DELETE FROM {table} WHERE {column} = ?1")
            };
            let values = match column.as_str() {
                "client" => std::slice::from_ref(&self.todo.client),
                _ => &self.todo.sessions,
            };
            for value in values {
                changed += transaction.execute(&sql, [value])?;
            }
        }
        transaction.commit()?;
        Ok(changed)
    }
}

/// Whether somebody orders the removal of somebody, for a reason, and names the client in neither.
///
/// # Errors
/// [`ForgetError::Order`], [`ForgetError::Named`].
pub fn check_order(client: &str, order: &Order) -> Result<(), ForgetError> {
    if client.trim().is_empty() || !order.complete() {
        return Err(ForgetError::Order);
    }
    let part = |c: char| !(c.is_alphanumeric() || client.contains(c));
    let names = |text: &str| text.split(part).any(|word| word == client) || text.trim() == client;
    if names(&order.by) || names(&order.why) {
        return Err(ForgetError::Named);
    }
    Ok(())
}

/// The locks of these records; those that the list was to remove are free again when they are dropped.
fn locks<'a>(records: impl Iterator<Item = &'a Path>) -> Result<Vec<Lock>, ForgetError> {
    records
        .map(|record| Lock::take(record).map_err(ForgetError::from))
        .collect()
}

/// Removes a record with all beside it. A record of another session has taken its name since the list was written: it stays.
fn remove_record(path: &Path, session: &str) -> Result<String, ForgetError> {
    if path.exists() && owner(path)?.session_id != session {
        return Ok(format!("{}: of another session, left", path.display()));
    }
    // The log first: beside a new record of the same name it would be read into that. The lock's file last.
    for suffix in ["-wal", "-shm", "-journal", "", ".head"] {
        remove(&beside(path, suffix))?;
    }
    if let Some(folder) = path.parent() {
        sync(folder);
    }
    Ok(format!("{}: removed", path.display()))
}

/// Removes a paper, and its folder if that is empty then.
fn remove_paper(root: &Path, path: &Path) -> Result<String, ForgetError> {
    remove(path)?;
    if let Some(folder) = path.parent() {
        sync(folder);
        // Fails, as it should, where something else lies in it.
        if folder != root
            && std::fs::remove_dir(folder).is_ok()
            && let Some(above) = folder.parent()
        {
            sync(above);
        }
    }
    Ok(format!("{}: removed", path.display()))
}

fn remove(path: &Path) -> Result<(), ForgetError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(path)(error)),
        _ => Ok(()),
    }
}

/// Names that are gone shall be gone after a power cut. Not every file system can say so.
fn sync(folder: &Path) {
    let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
}
