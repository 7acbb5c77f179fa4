//! Reading no more than is wanted, writing whole or not at all, and keeping what is of a client to its owner.

use std::fs::OpenOptions;
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

/// How files with a client's data are opened: one that is made is readable by its owner alone (mode 0600 on Unix), whatever the umask; one
/// that is there keeps its mode. The caller says whether to read, write or create.
#[must_use]
pub fn private() -> OpenOptions {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file as of [`private`], for who opens it by its name (SQLite gives its side files the same mode). One that is there is
/// left as it is.
///
/// # Errors
/// What the system says.
pub fn make_private(path: &Path) -> std::io::Result<()> {
    match private().write(true).create_new(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder that its owner alone may look into (mode 0700 on Unix), and those above it where they are missing. Folders that are there
/// are left as they are.
///
/// # Errors
/// What the system says.
pub fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// As [`write_atomically`], with the mode of [`private`], also where the file was there with another.
///
/// # Errors
/// What the system says.
pub fn write_privately(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write_whole(path, bytes, private())
}

/// Writes a file so that it is there whole or not at all, even after a power cut. A link is followed; what is no regular file (a pipe,
/// a device) is written to as it is.
///
/// # Errors
/// What the system says.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write_whole(path, bytes, OpenOptions::new())
}

fn write_whole(path: &Path, bytes: &[u8], mut options: OpenOptions) -> std::io::Result<()> {
    let target = match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return std::fs::write(path, bytes),
        Ok(_) => std::fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    // Nothing written here is a database; a record must not be lost to a name that was mixed up.
    if read_limited_start(&target) == Some(*b"SQLite format 3\0") {
        let why = "is a database, perhaps the record of a session, and is not replaced; name another file";
        return Err(Error::new(ErrorKind::AlreadyExists, why));
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".part{}", std::process::id()));
    let part = target.with_file_name(name);
    // What a program of the same number left there when it was killed is of no use, and may have another mode.
    let _ = std::fs::remove_file(&part);
    let written = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, &target));
    if written.is_err() {
        // The half-written part is of no use to anyone; the first error is the one to report.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Refuses outputs that are inputs as well, or each other, by whatever name or link: what is read would be lost.
///
/// # Errors
/// The first such output, in words.
pub fn check_apart(written: &[&Path], read: &[&Path]) -> std::io::Result<()> {
    let refuse = |path: &Path, why: &str| {
        let text = format!("{}: {why}", path.display());
        Err(Error::new(ErrorKind::InvalidInput, text))
    };
    for (i, path) in written.iter().enumerate() {
        let own = Identity::of(path);
        if read.iter().any(|other| Identity::of(other) == own) {
            return refuse(
                path,
                "it is read as well, and would be lost; name another file to write",
            );
        }
        if written
            .iter()
            .take(i)
            .any(|other| Identity::of(other) == own)
        {
            return refuse(path, "two outputs have this name");
        }
    }
    Ok(())
}

/// Which file a path is of.
#[derive(PartialEq, Eq)]
enum Identity {
    /// One that is there, by device and number.
    #[cfg(unix)]
    There(u64, u64),
    /// One that is not, or a system without numbers.
    Named(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Self {
        #[cfg(unix)]
        if let Ok(found) = std::fs::metadata(path) {
            use std::os::unix::fs::MetadataExt as _;
            return Self::There(found.dev(), found.ino());
        }
        let above = path.parent().filter(|p| !p.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        let folder = std::fs::canonicalize(above).unwrap_or_else(|_| above.to_owned());
        Self::Named(folder.join(path.file_name().unwrap_or_default()))
    }
}

/// Whether a file could be written there now: the folder is there and takes one. What is there is left as it is.
///
/// # Errors
/// Why not, in words.
pub fn check_output(path: &Path) -> std::io::Result<()> {
    let refuse = |kind, why: String| {
        let text = format!("{}: {why}", path.display());
        Err(Error::new(kind, text))
    };
    let above = path.parent().filter(|p| !p.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    if !above.is_dir() {
        let why = format!("the folder {} does not exist", above.display());
        return refuse(ErrorKind::NotFound, why);
    }
    if path.is_dir() {
        return refuse(
            ErrorKind::IsADirectory,
            "is a folder; name a file".to_owned(),
        );
    }
    if path.exists() && !path.is_file() {
        return Ok(());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".part{}", std::process::id()));
    let trial = path.with_file_name(name);
    if let Err(error) = private()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&trial)
    {
        return refuse(error.kind(), format!("cannot be written: {error}"));
    }
    let _ = std::fs::remove_file(&trial);
    Ok(())
}

/// The first bytes of a file; `None` where there are not so many.
fn read_limited_start<const N: usize>(path: &Path) -> Option<[u8; N]> {
    let mut start = [0; N];
    let mut file = std::fs::File::open(path).ok()?;
    file.read_exact(&mut start).ok()?;
    Some(start)
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
        let above = target
            .parent()
            .filter(|above| !above.as_os_str().is_empty());
        if let Some(above) = above.filter(|above| !above.is_dir()) {
            let reason = format!("the folder {} does not exist", above.display());
            return Err(Error::new(ErrorKind::NotFound, reason));
        }
        let Some(name) = target.file_name() else {
            let reason = "does not name a new folder";
            return Err(Error::new(ErrorKind::InvalidInput, reason));
        };
        let mut name = name.to_owned();
        name.push(format!(".part{}", std::process::id()));
        let part = target.with_file_name(name);
        make_private_folder(&part)?;
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

    #[cfg(unix)]
    #[test]
    fn what_is_private_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = std::env::temp_dir().join(format!("stipple-private-{}", std::process::id()));
        make_private_folder(&folder.join("in")).unwrap();
        make_private_folder(&folder.join("in")).unwrap();
        assert_eq!((mode(&folder), mode(&folder.join("in"))), (0o700, 0o700));
        let file = folder.join("x");
        std::fs::write(&file, b"open to all").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        write_privately(&file, b"not any more").unwrap();
        assert_eq!(mode(&file), 0o600);
        let made = folder.join("y");
        make_private(&made).unwrap();
        std::fs::write(&made, b"kept").unwrap();
        make_private(&made).unwrap();
        assert_eq!(mode(&made), 0o600);
        assert_eq!(std::fs::read(&made).unwrap(), b"kept");
        assert!(make_private(&folder.join("no/such")).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_is_written_over_what_is_read_or_over_a_database() {
        let folder = std::env::temp_dir().join(format!("stipple-apart-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [plan, new, record] = ["a.plan", "new.csv", "r.sqlite"].map(|name| folder.join(name));
        std::fs::write(&plan, b"a plan").unwrap();
        let around = folder.join(".").join("a.plan");
        assert!(check_apart(&[&new], &[&plan]).is_ok());
        assert!(check_apart(&[&around], &[&plan]).is_err());
        assert!(check_apart(&[&new, &folder.join(".").join("new.csv")], &[]).is_err());
        #[cfg(unix)]
        {
            let link = folder.join("link");
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(&plan, &link).unwrap();
            assert!(check_apart(&[&link], &[&plan]).is_err());
        }
        std::fs::write(&record, b"SQLite format 3\0and more").unwrap();
        assert!(write_privately(&record, b"a report").is_err());
        assert_eq!(
            std::fs::read(&record).unwrap(),
            b"SQLite format 3\0and more"
        );
        assert!(check_output(&folder).is_err());
        assert!(check_output(&folder.join("none").join("x")).is_err());
        assert!(check_output(&new).is_ok() && !new.exists());
        std::fs::remove_dir_all(&folder).unwrap();
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
