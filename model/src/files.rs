//! Reading no more than is wanted, and writing whole or not at all.

use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::path::Path;

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
