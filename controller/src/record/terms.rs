//! What the record speaks of: states, outcomes, counts, errors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

use super::ledger::Unlawful;
use super::registry::RegistryError;
use super::side::beside;

/// Version of the tables; any other is refused.
pub const FORMAT_VERSION: i64 = 3;

/// Why the record cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file beside the record could not be made or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Notes did not find a place behind those that wait to be written.
    #[error("the disk is {notes} notes behind: what is done can no longer be written down")]
    Behind {
        /// So many wait.
        notes: usize,
    },
    /// Another process has it open.
    #[error(
        "{path}: another process is writing this record; end it first (a node: clean it up, or end it)"
    )]
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
    #[error(
        "{path}: record format {found}, this program reads and writes {FORMAT_VERSION}: go on with it in the version that made it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Simulated dots, and limits for hardware.
    #[error(
        "the record holds simulated dots, and a treatment does not go on with them: with limits for hardware begin another record"
    )]
    Simulated,
    /// Dots that are not simulated, and limits for simulated hardware.
    #[error(
        "the record holds dots that are not marked as simulated, and a simulation does not go on with them: give it a record of its own"
    )]
    NotSimulated,
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
    /// A record of another scan.
    #[error("{path}: the record belongs to scan {record}, the plan given was made on {scan}")]
    OtherScan {
        /// The file.
        path: PathBuf,
        /// The digest in the record, shortened.
        record: String,
        /// The digest of the scan given, shortened.
        scan: String,
    },
    /// What stands in it is not what was written.
    #[error("{path}: the record is broken, {source}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where and how.
        source: Break,
    },
    /// The record ends before the row that the file beside it names, or has another one there.
    #[error(
        "{path}: {} names row {noted}, the record has {found} and not that one: rows are lost; bring back \
         the record together with its -wal file",
        beside(path, ".head").display()
    )]
    RowsLost {
        /// The file.
        path: PathBuf,
        /// The row that was written at least.
        noted: i64,
        /// The rows there are.
        found: i64,
    },
    /// Nothing says that the record is whole up to its end.
    #[error(
        "{path}: the record was not closed in order, and neither its -wal file nor {} is there: strikes may be missing; \
         bring these files back, \
         or have the operator accept it (`stipple-controller resume --accept-end`)",
        beside(path, ".head").display()
    )]
    EndUnknown {
        /// The file.
        path: PathBuf,
    },
    /// A row that may not follow those before it.
    #[error(transparent)]
    Unlawful(#[from] Unlawful),
    /// An order without a name or a reason.
    #[error("an order needs the name of who gives it and a reason")]
    Order,
    /// The list of used cartridges and visits.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// An earlier write failed; what was written since is not known, so nothing more is.
    #[error("an earlier write to the record failed: open it anew")]
    Failed,
    /// SQLite's own word.
    #[error("{doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// The error.
        source: rusqlite::Error,
    },
}

impl RecordError {
    /// Why no strike may be made, where it is not that nothing can be written.
    #[must_use]
    pub const fn forbids(&self) -> Option<&'static str> {
        match self {
            Self::Unlawful(Unlawful::Sitting(error)) => Some(error.brief()),
            _ => None,
        }
    }
}

pub(super) fn sqlite(doing: &'static str) -> impl Fn(rusqlite::Error) -> RecordError {
    move |source| RecordError::Sqlite { doing, source }
}

/// Where a record is broken, and how.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {damage}", row.map_or_else(|| "as a file".to_owned(), |row| format!("at row {row}")))]
pub struct Break {
    /// The first row that is not as it was written; `None` when it is not a matter of one row.
    pub row: Option<i64>,
    /// How.
    pub damage: Damage,
}

/// How a record is broken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Damage {
    /// The database cannot be read there.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The database's own check.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The tables are not those of a record.
    #[error("the file's tables or views are not those of a record")]
    Schema,
    /// Rows are gone.
    #[error("the row is missing, row {found} follows")]
    Missing {
        /// The next that is there.
        found: i64,
    },
    /// The row, or one before it, was changed, moved or put in.
    #[error("the hash does not fit the row and those before it")]
    Hash,
    /// The hashes fit, but no program of ours wrote this.
    #[error("{0}")]
    Law(Unlawful),
    /// The journal ends elsewhere than its head says.
    #[error(
        "the head kept in the record is at row {head}: rows were taken away from the end, or put there"
    )]
    Head {
        /// Where the head is.
        head: i64,
    },
    /// Not even a first row.
    #[error("there is no row at all")]
    Empty,
    /// The file beside the record knows a row that is not there, or another.
    #[error("the file beside the record names row {noted}, which is missing or another one")]
    Lost {
        /// The row.
        noted: i64,
    },
    /// A head hash that was noted elsewhere is not in it.
    #[error("no row has the hash {0}")]
    NotInChain(String),
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

/// A dot of which nobody knows whether it was struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// Which.
    pub dot: DotId,
    /// Its layer.
    pub layer: u8,
    /// Why it is not known.
    pub reason: String,
    /// Since when, wall clock, µs.
    pub at_us: i64,
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
