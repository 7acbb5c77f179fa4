//! What is told of sessions on paper: the report of one, the history of many, tables of dots.

mod dots;
mod history;
mod picture;
mod session;
mod tally;

pub use dots::{DOTS_HEADER, dots};
pub use history::{HISTORY_HEADER, History, HistoryError, SessionLine};
pub use picture::picture;
pub use session::{Reader, session};
pub use tally::{Counts, Tally};

use std::path::PathBuf;

use stipple_model::document::DocumentError;

use crate::record::Chronicle;

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// Another plan.
    #[error("{path}: the record belongs to plan {record}, not to {plan}; give that plan")]
    OtherPlan {
        /// The record.
        path: PathBuf,
        /// Digest of its plan, shortened.
        record: String,
        /// The digest of the plan given, shortened.
        plan: String,
    },
    /// The picture.
    #[error("the picture cannot be drawn: {0}")]
    Picture(String),
    /// The PDF.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The table.
    #[error("the table cannot be written: {0}")]
    Csv(#[from] csv::Error),
}

/// Whether a record is of a plan.
///
/// # Errors
/// When it is of another.
pub fn check_plan(
    path: &std::path::Path,
    chronicle: &Chronicle,
    plan: stipple_model::digest::Digest,
) -> Result<(), PaperError> {
    let record = &chronicle.verified.plan_digest;
    if *record == plan.to_string() {
        return Ok(());
    }
    Err(PaperError::OtherPlan {
        path: path.to_owned(),
        record: record.chars().take(12).collect(),
        plan: plan.short(),
    })
}

/// A time for people: `1 h 05 min`, `12 min`, `48 s`.
fn span(seconds: f64) -> String {
    let all = seconds.max(0.0).round() as u64;
    match (all / 3600, all / 60 % 60, all % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

/// A key of ours in words: `out_of_reach` → `out of reach`.
fn words(key: &str) -> String {
    key.replace('_', " ")
}
