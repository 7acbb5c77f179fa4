//! Reading no more than is wanted, and writing whole or not at all.

use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// What the system says; not a regular file (a device or pipe has no size to hold a limit against); larger than the limit.
pub fn read_limited(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!("larger than the {limit} bytes such a file may have"),
        ));
    }
    Ok(bytes)
}

/// Writes a file so that it is there whole or not at all, even after a power cut. A link is followed; what is no regular file (a pipe,
/// a device) is written to as it is.
///
/// # Errors
/// What the system says.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let target = match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return std::fs::write(path, bytes),
        Ok(_) => std::fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".part{}", std::process::id()));
    let part = target.with_file_name(name);
    let written = std::fs::File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, &target));
    if written.is_err() {
        // The half-written part is of no use to anyone; the first error is the one to report.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Writes a new file that its owner alone may read and write; what speaks of a client is kept so.
///
/// # Errors
/// What the system says; a file that is there already.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A folder that is made whole or not at all: files are put into one beside it, which takes its name at the end. Only its owner may enter
/// it.
#[derive(Debug)]
pub struct Folder {
    part: PathBuf,
    target: PathBuf,
}

impl Folder {
    /// Begins a folder of that name, which must not be there yet, or be empty.
    ///
    /// # Errors
    /// A folder that is not empty or a file of that name; what the system says.
    pub fn begin(target: &Path) -> std::io::Result<Self> {
        match std::fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    "the folder is not empty; name a new one",
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let Some(name) = target.file_name() else {
            let reason = "does not name a new folder";
            return Err(Error::new(ErrorKind::InvalidInput, reason));
        };
        let mut name = name.to_owned();
        name.push(format!(".part{}", std::process::id()));
        let part = target.with_file_name(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&part)?;
        let target = target.to_owned();
        Ok(Self { part, target })
    }

    /// Where its files are put until then.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// What the system says; nothing is left behind then.
    pub fn finish(self) -> std::io::Result<()> {
        std::fs::rename(&self.part, &self.target)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Once it has its name there is nothing here any more.
        let _ = std::fs::remove_dir_all(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_folders_and_large_files_are_refused() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(read_limited(Path::new("/dev/zero"), 10).is_err());
        assert!(read_limited(here, 10).is_err());
        assert!(read_limited(&here.join("Cargo.toml"), 10).is_err());
        assert!(read_limited(&here.join("Cargo.toml"), 1 << 20).is_ok());
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = std::env::temp_dir().join(format!("stipple-files-{}", std::process::id()));
        assert!(write_atomically(&folder.join("x"), b"1").is_err());
        std::fs::create_dir(&folder).unwrap();
        let (file, link) = (folder.join("x"), folder.join("link"));
        write_atomically(&file, b"one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
