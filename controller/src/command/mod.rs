//! The subcommands that need no ROS 2: each has its `Args` and a `run` that returns the exit code, or an error that is bad input (exit
//! code 2).

pub mod dots;
pub mod forget;
pub mod history;
pub mod repeat;
pub mod report;
pub mod resume;
pub mod rt_check;
pub mod verify;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use stipple_controller::papers::check_plan;
use stipple_controller::record::Chronicle;
use stipple_model::plan::Plan;

/// A plan and what the record of it tells; `None`, and it was said, where the record is broken.
fn told(plan: &Path, record: &Path) -> anyhow::Result<Option<(Plan, Chronicle)>> {
    let (plan, digest) = Plan::read(plan)?;
    match Chronicle::read(record)? {
        Ok(chronicle) => {
            check_plan(record, &chronicle, digest)?;
            Ok(Some((plan, chronicle)))
        }
        Err(broken) => {
            eprintln!("{}: the record is broken, {broken}", record.display());
            Ok(None)
        }
    }
}

/// The wall clock, µs since 1970.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}
