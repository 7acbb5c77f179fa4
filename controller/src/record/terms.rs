//! What the record speaks of: states, outcomes, counts, errors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

use super::FORMAT_VERSION;

/// Why the record cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The lock beside the record could not be made.
    #[error("{path}: {source}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("{path}: another process is writing this record; end it first")]
    Locked {
        /// The record.
        path: PathBuf,
    },
    /// The file is not a record of this program.
    #[error("{path}: not a session record")]
    NotARecord {
        /// The file.
        path: PathBuf,
    },
    /// A record of another version.
    #[error("{path}: record format {found}, this program writes {FORMAT_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// A record of another plan.
    #[error(
        "{path}: the record belongs to plan {record}, not to {plan}; use that plan or another record"
    )]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// The digest in the record, shortened.
        record: String,
        /// The digest of the plan given, shortened.
        plan: String,
    },
    /// The dot is already accounted for.
    #[error("dot {dot} is already {state} in the record")]
    AlreadyDone {
        /// The dot.
        dot: u32,
        /// Its state.
        state: String,
    },
    /// An outcome of a strike without an intent.
    #[error("dot {dot} was never intended, but an outcome came")]
    NoIntent {
        /// The dot.
        dot: u32,
    },
    /// SQLite's own word.
    #[error("{doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// The error.
        source: rusqlite::Error,
    },
}

/// How sure a write must be before it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// On the disk, power cut or not. What a treatment needs.
    #[default]
    PowerCut,
    /// Safe against the end of the process only; for simulated sessions, thousands of times faster on a slow disk.
    ProcessCrash,
}

/// What a record is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The plan's digest.
    pub plan: Digest,
    /// The digest of the scan that the plan came from.
    pub scan: Digest,
}

/// How a dot stands in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DotState {
    /// About to be struck; after a crash: in doubt.
    Intent,
    /// Struck.
    Placed,
    /// Left out.
    Skipped,
    /// Perhaps struck; counts as done.
    InDoubt,
}

impl DotState {
    /// As stored.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Placed => "placed",
            Self::Skipped => "skipped",
            Self::InDoubt => "in_doubt",
        }
    }

    pub(super) fn from_key(key: &str) -> Option<Self> {
        [Self::Intent, Self::Placed, Self::Skipped, Self::InDoubt]
            .into_iter()
            .find(|s| s.key() == key)
    }
}

/// What became of a dot, as recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum DotOutcome {
    /// Struck.
    Placed {
        /// Distance from the dot to the needle's axis at contact, m.
        lateral_error_m: f64,
        /// Depth below the skin, m.
        depth_m: f64,
    },
    /// Left out.
    Skipped {
        /// The reason's key.
        reason: &'static str,
    },
    /// Perhaps struck.
    InDoubt {
        /// The reason's key.
        reason: &'static str,
    },
}

impl DotOutcome {
    /// How the dot stands after it.
    #[must_use]
    pub const fn state(&self) -> DotState {
        match self {
            Self::Placed { .. } => DotState::Placed,
            Self::Skipped { .. } => DotState::Skipped,
            Self::InDoubt { .. } => DotState::InDoubt,
        }
    }

    /// The reason's key, unless placed.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Placed { .. } => None,
            Self::Skipped { reason } | Self::InDoubt { reason } => Some(reason),
        }
    }
}

/// A dot that was struck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedDot {
    /// Which.
    pub dot: DotId,
    /// Its layer.
    pub layer: u8,
    /// Distance from the dot to the needle's axis at contact, m.
    pub lateral_error_m: f64,
    /// Depth below the skin, m.
    pub depth_m: f64,
    /// When, wall clock, µs.
    pub outcome_us: i64,
}

/// How many dots stand how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordCounts {
    /// Struck.
    pub placed: u32,
    /// Left out, by reason.
    pub skipped: BTreeMap<String, u32>,
    /// Perhaps struck.
    pub in_doubt: u32,
    /// About to be struck right now.
    pub intent: u32,
}
