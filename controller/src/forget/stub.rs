//! What stays: a stub per client that was removed.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use stipple_model::digest::Digest;
use stipple_model::files::{self, read_limited};

use super::{ForgetError, io};

/// The stubs, one JSON object on each line; lines are only ever added.
const STUBS: &str = "forgotten.jsonl";
/// The key of the clients' digests.
const KEY: &str = "forgotten.key";
/// Longest file of stubs that is read, bytes.
const LONGEST: u64 = 256 << 20;
/// A block of SHA-256, bytes.
const BLOCK: usize = 64;

/// A client that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stub {
    /// Unlike any other's.
    pub id: String,
    /// When the removal was ordered, UTC.
    pub at_utc: String,
    /// HMAC-SHA-256 of the client's id by the key beside the stubs, hexadecimal.
    pub client_hmac: String,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Records removed.
    pub records: usize,
    /// Strikes made or begun in them.
    pub strikes: u64,
    /// Reports, tables and files of answers removed.
    pub papers: usize,
    /// SHA-256 of all lines before, hexadecimal: a line that is changed or taken away is seen.
    pub before: String,
}

/// Bytes by chance, hexadecimal.
pub(super) fn by_chance() -> std::io::Result<Digest> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(Digest::from_bytes(bytes))
}

/// The folder's key; made when it is missing.
fn key(folder: &Path) -> Result<Vec<u8>, ForgetError> {
    let path = folder.join(KEY);
    if !path.exists() {
        let key = by_chance().map_err(io(&path))?;
        files::write_privately(&path, key.bytes()).map_err(io(&path))?;
    }
    read_limited(&path, 1024).map_err(io(&path))
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> Digest {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(Digest::of(key).bytes());
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let with = |pad: u8, message: &[u8]| {
        let mut bytes: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        bytes.extend_from_slice(message);
        Digest::of(&bytes)
    };
    with(0x5c, with(0x36, message).bytes())
}

/// The digest of a client's id that stands in stubs.
pub(super) fn digest(folder: &Path, client: &str) -> Result<String, ForgetError> {
    Ok(hmac(&key(folder)?, client.as_bytes()).to_string())
}

fn stubs(folder: &Path) -> Result<Vec<u8>, ForgetError> {
    let path = folder.join(STUBS);
    match read_limited(&path, LONGEST) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(io(&path)),
    }
}

/// Stubs of a client in a folder, the oldest first.
///
/// # Errors
/// Stubs or a key that cannot be read.
pub fn removed_before(folder: &Path, client: &str) -> Result<Vec<Stub>, ForgetError> {
    let lines = stubs(folder)?;
    if lines.is_empty() || !folder.join(KEY).exists() {
        return Ok(Vec::new());
    }
    let digest = digest(folder, client)?;
    Ok(lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Stub>(line).ok())
        .filter(|stub| stub.client_hmac == digest)
        .collect())
}

/// Adds a stub, once: one whose id is there already is not added again. `before` is filled in.
pub(super) fn add(folder: &Path, mut stub: Stub) -> Result<(), ForgetError> {
    let path = folder.join(STUBS);
    let lines = stubs(folder)?;
    let there = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Stub>(line).ok())
        .any(|old| old.id == stub.id);
    if there {
        return Ok(());
    }
    // A crash may have left half a line: it stays, and ends here.
    let torn = lines.last().is_some_and(|last| *last != b'\n');
    let mut before = lines;
    if torn {
        before.push(b'\n');
    }
    stub.before = Digest::of(&before).to_string();
    let mut line = if torn { vec![b'\n'] } else { Vec::new() };
    let json = serde_json::to_vec(&stub).map_err(|error| ForgetError::Io {
        path: path.clone(),
        source: error.into(),
    })?;
    line.extend(json);
    line.push(b'\n');
    files::private()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_all()))
        .map_err(io(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_rfc_4231() {
        // Test cases 2 and 6.
        for (key, message, digest) in [
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hmac(&key, message.as_bytes()).to_string(), digest);
        }
    }
}
