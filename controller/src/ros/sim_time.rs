//! Time as ROS tells it where `use_sim_time` is set: the last message of `/clock`, for the stamps of what we publish.
//!
//! Nothing else is judged by it: ages and timeouts stay on the monotonic clock, the record on the wall clock. A process has one such clock,
//! as it is one node.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use r2r::Node;
use r2r::builtin_interfaces::msg::Time;
use r2r::rosgraph_msgs::msg::Clock;

use super::program::{ProgramError, drain, making, newest};

static FOLLOWED: AtomicBool = AtomicBool::new(false);
/// ns; 0 until the first message, as in ROS.
static LAST: AtomicI64 = AtomicI64::new(0);

/// What the clock said last; `None` where none is followed.
#[must_use]
pub fn now() -> Option<Time> {
    FOLLOWED.load(Ordering::Acquire).then(|| {
        let ns = LAST.load(Ordering::Acquire);
        Time {
            sec: i32::try_from(ns.div_euclid(1_000_000_000)).unwrap_or(i32::MAX),
            nanosec: u32::try_from(ns.rem_euclid(1_000_000_000)).unwrap_or(0),
        }
    })
}

/// Follows `/clock` from now on, if that is wanted; what it returns takes what has come.
///
/// # Errors
/// When ROS 2 refuses the subscription.
pub fn follow(
    node: &mut Node,
    wanted: bool,
) -> Result<impl FnMut() + Send + 'static + use<>, ProgramError> {
    let mut clock = if wanted {
        let clock = node.subscribe::<Clock>("/clock", newest());
        Some(clock.map_err(making("/clock"))?)
    } else {
        None
    };
    FOLLOWED.store(wanted, Ordering::Release);
    Ok(move || {
        if let Some(message) = clock.as_mut().and_then(|clock| drain(clock).last()) {
            let time = &message.clock;
            let ns = i64::from(time.sec) * 1_000_000_000 + i64::from(time.nanosec);
            LAST.store(ns, Ordering::Release);
        }
    })
}
