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

use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, µs since 1970.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}
