//! Reading and writing plan files.

use std::path::{Path, PathBuf};

use super::{Inconsistency, Plan};
use crate::digest::Digest;
use crate::files::{read_limited, write_privately};

/// Version of the file format written; any other is refused.
pub const FORMAT_VERSION: u16 = 7;
const MAGIC: &[u8; 8] = b"STIPPLE\n";
/// Largest plan file read. Source: 100,000 dots on a scan of 3 million triangles take about 130 MB.
const LARGEST_FILE: u64 = 1 << 30;
const HEADER: usize = 8 + 2 + 8;
const DIGEST: usize = 32;

/// Why a plan file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a plan file at all.
    #[error("{path}: not a Stipple plan (it does not start with the plan's magic)")]
    NotAPlan {
        /// The file.
        path: PathBuf,
    },
    /// A plan of another version.
    #[error(
        "{path}: plan format {found}, this program reads {FORMAT_VERSION}; plan again with this version"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it carries.
        found: u16,
    },
    /// The bytes do not match their digest.
    #[error(
        "{path}: the plan's digest does not match its content (cut short or changed); plan again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
    },
    /// The digest matches but the content is not a plan.
    #[error("{path}: the plan does not decode: {reason}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// Where decoding stopped.
        reason: String,
    },
    /// The plan contradicts itself.
    #[error("{path}: the plan contradicts itself: {what}")]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// How.
        what: Inconsistency,
    },
}

impl Plan {
    /// The plan as file bytes, and its digest.
    ///
    /// # Errors
    /// Never for a plan built in memory; the encoder's error is passed on.
    pub fn to_bytes(&self) -> Result<(Vec<u8>, Digest), postcard::Error> {
        let payload = postcard::to_stdvec(self)?;
        let mut bytes = Vec::with_capacity(HEADER + payload.len() + DIGEST);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&payload);
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.bytes());
        Ok((bytes, digest))
    }

    /// Reads a plan from file bytes; `path` only names it in errors.
    ///
    /// # Errors
    /// Not a plan, another version, a digest that does not match, or content that contradicts itself.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<(Self, Digest), PlanError> {
        let path = || path.to_owned();
        let Some((MAGIC, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(PlanError::NotAPlan { path: path() });
        };
        let Some((version, rest)) = rest.split_first_chunk::<2>() else {
            return Err(PlanError::Corrupt { path: path() });
        };
        let found = u16::from_le_bytes(*version);
        if found != FORMAT_VERSION {
            return Err(PlanError::Version {
                path: path(),
                found,
            });
        }
        let payload = rest.split_first_chunk::<8>().and_then(|(length, rest)| {
            let (payload, digest) = rest.split_last_chunk::<DIGEST>()?;
            let expected = Digest::from_bytes(*digest);
            let body = bytes.get(..bytes.len() - DIGEST)?;
            (u64::from_le_bytes(*length) == payload.len() as u64 && Digest::of(body) == expected)
                .then_some((payload, expected))
        });
        let Some((payload, digest)) = payload else {
            return Err(PlanError::Corrupt { path: path() });
        };
        let plan: Self = postcard::from_bytes(payload).map_err(|e| PlanError::Decode {
            path: path(),
            reason: e.to_string(),
        })?;
        plan.check()
            .map_err(|what| PlanError::Inconsistent { path: path(), what })?;
        Ok((plan, digest))
    }

    /// Reads a plan file.
    ///
    /// # Errors
    /// As [`Plan::from_bytes`], and when the file cannot be read.
    pub fn read(path: &Path) -> Result<(Self, Digest), PlanError> {
        let bytes = read_limited(path, LARGEST_FILE).map_err(|source| PlanError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(&bytes, path)
    }

    /// Writes the plan; the file is whole or not there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<Digest, PlanError> {
        let (bytes, digest) = self.to_bytes().map_err(|e| PlanError::Decode {
            path: path.to_owned(),
            reason: e.to_string(),
        })?;
        write_privately(path, &bytes).map_err(|source| PlanError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(digest)
    }
}
