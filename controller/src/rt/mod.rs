//! Threads that keep a clock: real-time scheduling, memory that stays where it is, a stack that is there, processors that do not sleep deep, an
//! even pace.
//!
//! Whether a machine gives all that is asked once, at the start ([`grant`]); how well a thread then does is counted in every period
//! ([`Pace`]). [`check`] measures both without a node.

pub mod check;
mod pace;

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

pub use pace::{Pace, Pacer, SLIP};

/// Threads that keep a clock, the more urgent the higher. Source: own; low among real-time priorities, so that the system's own stay above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Urgency {
    /// The middleware's own threads.
    Middleware = 10,
    /// Taking what has come.
    Spin = 11,
    /// Speaking to the arm: what the loop has decided is on its way before anything that is not real time runs.
    Arm = 12,
    /// The control loop, or a plant.
    Loop = 13,
    /// Sending the needle's commands.
    Needle = 14,
}

/// The system does not schedule a thread in real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("threads are not scheduled in real time (SCHED_FIFO needs RLIMIT_RTPRIO or CAP_SYS_NICE)")]
pub struct NotScheduled;

/// The system does not lock memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("memory is not locked (mlockall needs RLIMIT_MEMLOCK or CAP_IPC_LOCK)")]
pub struct NotLocked;

/// What a machine does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lacking {
    /// Scheduling.
    #[error(transparent)]
    Scheduling(NotScheduled),
    /// Memory.
    #[error(transparent)]
    Memory(NotLocked),
    /// Either.
    #[error("{0}, and {1}")]
    Both(NotScheduled, NotLocked),
}

/// Memory at the end of the stack that is touched before a thread keeps its clock, bytes. Source: own, many times what a tick uses; a
/// fourth of the stack that Rust gives a thread.
const STACK: usize = 512 << 10;

/// The smallest page of memory there is, bytes.
const PAGE: usize = 4096;

/// Lets the calling thread run before all that is not real time, where the system allows it, with its stack in memory; threads it starts
/// from then on run so, too. Says in the log how it went.
///
/// # Errors
/// When the system does not allow it: the thread then runs as any other.
pub fn urgent(urgency: Urgency) -> Result<(), NotScheduled> {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    touch_stack();
    let set = ThreadPriority::from_posix(thread_priority::ScheduleParams {
        sched_priority: i32::from(urgency as u8),
    });
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    match set_thread_priority_and_policy(thread_native_id(), set, fifo) {
        Ok(()) => {
            tracing::info!(thread = ?urgency, "scheduled in real time (SCHED_FIFO)");
            Ok(())
        }
        Err(error) => {
            tracing::warn!(thread = ?urgency, ?error, "{NotScheduled}");
            Err(NotScheduled)
        }
    }
}

/// Writes to every page of the stack that a thread may come to use: the first write to a page costs a fault, which belongs here and not
/// into a tick.
#[inline(never)]
fn touch_stack() {
    let mut stack = [0u8; STACK];
    for page in black_box(&mut stack).chunks_mut(PAGE) {
        page[0] = 1;
    }
    black_box(&stack);
}

/// Keeps all memory of the process where it is, now and later, where the system allows it: a page that was put out under a thread that
/// keeps a clock costs it tens of milliseconds. Done once for a process; says in the log how it went.
///
/// # Errors
/// When the system does not allow it.
pub fn lock_memory() -> Result<(), NotLocked> {
    use rustix::mm::{MlockAllFlags, mlockall};
    static LOCKED: OnceLock<Result<(), NotLocked>> = OnceLock::new();
    *LOCKED.get_or_init(
        || match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE) {
            Ok(()) => {
                tracing::info!("memory is locked");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "{NotLocked}");
                Err(NotLocked)
            }
        },
    )
}

/// Where Linux is told how long its processors may take to wake, for as long as the file is open. Source: the kernel's PM QoS interface.
const WAKING: &str = "/dev/cpu_dma_latency";

/// Keeps the processors from sleeping so deep that waking takes long, for the life of the process and where the system allows it: else a
/// thread begins its period late by what waking takes. Done once for a process; says in the log how it went. Whether it matters is the
/// machine's: [`check`] shows it.
pub fn stay_awake() -> bool {
    static HELD: OnceLock<Option<File>> = OnceLock::new();
    let held = HELD.get_or_init(|| match hold_awake(Path::new(WAKING)) {
        Ok(file) => {
            tracing::info!("processors are kept from deep sleep");
            Some(file)
        }
        Err(error) => {
            tracing::info!(%error, "processors may sleep deep: {WAKING} cannot be held");
            None
        }
    });
    held.is_some()
}

/// It holds while the file is open.
fn hold_awake(path: &Path) -> std::io::Result<File> {
    let mut file = File::options().write(true).open(path)?;
    // Microseconds, as the system's own int.
    file.write_all(&0i32.to_ne_bytes())?;
    Ok(file)
}

/// Asks the system for all that a control loop needs: tries it on a thread of its own.
///
/// # Errors
/// What it does not give.
pub fn grant() -> Result<(), Lacking> {
    let scheduled = std::thread::scope(|scope| {
        let trying = scope.spawn(|| urgent(Urgency::Loop));
        trying.join().unwrap_or(Err(NotScheduled))
    });
    match (scheduled, lock_memory()) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(scheduling), Ok(())) => Err(Lacking::Scheduling(scheduling)),
        (Ok(()), Err(memory)) => Err(Lacking::Memory(memory)),
        (Err(scheduling), Err(memory)) => Err(Lacking::Both(scheduling, memory)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_the_processors_awake_is_an_int_of_zero_in_an_open_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latency");
        // A device is there or not; none is made.
        assert!(hold_awake(&path).is_err());
        std::fs::write(&path, "").unwrap();
        let held = hold_awake(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [0; 4]);
        drop(held);
    }
}
