//! The file beside the record, `NAME.head`: its lock, and the last row once more.
//!
//! Whoever copies, restores or repairs the record's file and loses its last rows with it (they may stand in `NAME-wal` alone) loses strikes.
//! The file beside says how far the record went, so that such a record is refused. It is written after each row and never ahead of it;
//! it is not forced to the disk, so after a power cut it may be behind.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::journal::Head;
use super::terms::RecordError;

/// Longest content, bytes: `stipple-head SEQ HASH`.
const LONGEST: u64 = 200;

/// The lock and the head beside a record.
#[derive(Debug)]
pub(super) struct Side {
    /// Held until it is dropped or the process ends.
    file: File,
    path: PathBuf,
}

impl Drop for Side {
    /// Closing alone would leave the lock with whatever program another thread is about to start: until that program runs it has a
    /// copy of every open file.
    fn drop(&mut self) {
        // Fails on a file that is not open, which this one is; the lock would go with the process.
        let _ = self.file.unlock();
    }
}

/// A record's lock without the record: nobody writes it as long as this is held.
#[derive(Debug)]
pub struct Lock {
    _side: Side,
}

impl Lock {
    /// Takes the lock of a record, which need not be there or be whole.
    ///
    /// # Errors
    /// [`RecordError::Locked`] while another process has the record open; a file beside it that cannot be made.
    pub fn take(record: &Path) -> Result<Self, RecordError> {
        Ok(Self {
            _side: Side::lock(record)?,
        })
    }
}

/// The name of the file beside a record.
pub(crate) fn beside(record: &Path, suffix: &str) -> PathBuf {
    let mut name = record.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    record.with_file_name(name)
}

/// The head that is noted beside a record, if there is one that can be read.
pub(super) fn noted(record: &Path) -> Option<(i64, String)> {
    File::open(beside(record, ".head"))
        .ok()
        .and_then(|mut file| parse(&mut file))
}

fn parse(file: &mut File) -> Option<(i64, String)> {
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    let mut words = text.split_whitespace();
    let (name, seq, hash) = (words.next()?, words.next()?, words.next()?);
    let whole = name == "stipple-head"
        && hash.len() == 64
        && hash.bytes().all(|b| b.is_ascii_hexdigit())
        && words.next().is_none();
    let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
    whole.then(|| (seq, hash.to_owned()))
}

impl Side {
    /// Takes the lock.
    pub fn lock(record: &Path) -> Result<Self, RecordError> {
        let path = beside(record, ".head");
        let io = |source| RecordError::Io {
            path: path.clone(),
            source,
        };
        let file = stipple_model::files::private()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(RecordError::Locked {
                path: record.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(RecordError::Io { path, source }),
        }
    }

    /// What is noted.
    pub fn noted(&mut self) -> Option<(i64, String)> {
        self.file.seek(SeekFrom::Start(0)).ok()?;
        parse(&mut self.file)
    }

    /// Notes the last row, always in as many bytes.
    pub fn note(&mut self, head: &Head) -> Result<(), RecordError> {
        let line = format!("stipple-head {:020} {}\n", head.seq, head.hash);
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(line.as_bytes()))
            .map_err(|source| RecordError::Io {
                path: self.path.clone(),
                source,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_given_back_is_free_whoever_has_a_copy_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record.sqlite");
        let side = Side::lock(&record).unwrap();
        let copy = side.file.try_clone().unwrap();
        assert!(matches!(
            Lock::take(&record),
            Err(RecordError::Locked { .. })
        ));
        drop(side);
        drop(Lock::take(&record).unwrap());
        drop(copy);
    }
}
