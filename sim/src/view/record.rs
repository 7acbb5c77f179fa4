//! A record to look at, read without writing to it, even while a session writes.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use stipple_controller::record::DotState;
use stipple_model::plan::{DotId, Plan};

use super::{Subject, ViewError};

/// What a record says, with its plan.
pub struct Recorded {
    /// The plan, ready to be drawn.
    pub subject: Subject,
    /// How the dots stand that the session has touched.
    pub done: BTreeMap<DotId, DotState>,
}

/// The name under which a run leaves its plan beside the record.
const PLAN_BESIDE: &str = "session.plan";

/// Whether a file is a SQLite file; false when it cannot be read.
#[must_use]
pub fn is_record(path: &Path) -> bool {
    let mut magic = [0; 16];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && &magic == b"SQLite format 3\0"
}

/// Reads a record, and its plan: the one named, or `session.plan` beside the record.
///
/// # Errors
/// No plan, another plan's record, or a file that is no record.
pub fn read_record(record: &Path, plan: Option<&Path>) -> Result<Recorded, ViewError> {
    let beside: PathBuf = record.with_file_name(PLAN_BESIDE);
    let plan_path = match plan {
        Some(path) => path.to_owned(),
        None if beside.exists() => beside,
        None => {
            return Err(ViewError::NoPlan {
                record: record.to_owned(),
            });
        }
    };
    let sqlite = |source| ViewError::Sqlite {
        path: record.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(record, flags).map_err(sqlite)?;
    let digest: String = db
        .query_row("SELECT plan_digest FROM meta", [], |row| row.get(0))
        .map_err(sqlite)?;
    let (plan, found) = Plan::read(&plan_path)?;
    if digest != found.to_string() {
        return Err(ViewError::OtherPlan {
            record: record.to_owned(),
            plan: plan_path,
        });
    }
    let mut query = db.prepare("SELECT dot, state FROM dots").map_err(sqlite)?;
    let rows = query
        .query_map([], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
        })
        .map_err(sqlite)?;
    let mut done = BTreeMap::new();
    for row in rows {
        let (dot, key) = row.map_err(sqlite)?;
        let states = [
            DotState::Intent,
            DotState::Placed,
            DotState::Skipped,
            DotState::InDoubt,
        ];
        // A state this program does not know is shown as the one that claims least.
        let state = states
            .into_iter()
            .find(|s| s.key() == key)
            .unwrap_or(DotState::InDoubt);
        done.insert(DotId(dot), state);
    }
    let cell = plan.work_cell()?;
    Ok(Recorded {
        subject: Subject {
            plan: plan.into(),
            cell: cell.into(),
        },
        done,
    })
}
