//! Removing what is kept of a client, and leaving a stub that says that it was done.
//!
//! What is to go is found first ([`find`]) and written down as a list of work beside it (`forget.todo`); only then is anything removed, step
//! by step, each of which may be done twice. A crash in between leaves the list, and the next `forget` in that folder finishes it. Last
//! comes the stub in `forgotten.jsonl`, then the list goes.
//!
//! The stub has no client's id but an HMAC-SHA-256 of it. A bare digest would not do: ids are short and can be tried out one by one. The key
//! lies in `forgotten.key`: with it the clinic can answer that a client it is asked about by id was removed, whoever has the stubs alone
//! (an auditor, a backup) learns no id, and without the key nobody can.

mod find;
mod stub;
mod work;

use std::path::PathBuf;

use crate::record::RecordError;

pub use find::{Found, FoundRecord, Unclear, find};
pub use stub::{Stub, removed_before};
pub use work::{Forgetting, check_order};

/// Why a client cannot be removed. Nothing was removed unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// No id, no name or no reason.
    #[error("a client's id, who orders the removal and why must be given")]
    Order,
    /// The order would keep the id.
    #[error("name and reason are kept: the client's id must not stand in them")]
    Named,
    /// A record is open, or cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file or folder.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A registry.
    #[error("{path}: {source}")]
    Registry {
        /// Which.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A list of work that this program did not write.
    #[error(
        "{path}: not a list of work of this program: {reason}; look at it, and remove it if nothing in it is left to do"
    )]
    Todo {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn io(path: &std::path::Path) -> impl Fn(std::io::Error) -> ForgetError {
    move |source| ForgetError::Io {
        path: path.to_owned(),
        source,
    }
}
