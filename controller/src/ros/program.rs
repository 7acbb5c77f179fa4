//! What every ROS 2 program of ours does alike: arguments, spinning, stamps, an end in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::Node;
use r2r::builtin_interfaces::msg::Time;
use r2r::qos::QosProfile;

use super::sim_time;
use crate::ports::Micros;
use crate::rt::{Lacking, lock_memory, stay_awake};
use crate::services::WallClock;

pub use crate::rt::{Urgency, urgent};

/// Why a ROS 2 program of ours does not start.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// ROS 2 refused the arguments after `--ros-args`.
    #[error("ROS 2 does not take the arguments after --ros-args: {0}")]
    Arguments(String),
    /// Something of ROS 2 could not be made.
    #[error("ROS 2: {doing}: {source}")]
    Ros {
        /// What was being made.
        doing: String,
        /// What it said.
        source: r2r::Error,
    },
    /// A parameter this node does not have.
    #[error("parameter {name}: this node has no such parameter; it has: {known}")]
    UnknownParameter {
        /// As given.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A parameter file that says nothing of this node.
    #[error(
        "{path}: it has no section for the node {node}; its sections: {found}; name one \"{short}\" (in any namespace), \"{node}\" or \"/**\""
    )]
    NoSection {
        /// The file.
        path: std::path::PathBuf,
        /// Its sections.
        found: String,
        /// The node with its namespace.
        node: String,
        /// Its name alone.
        short: String,
    },
    /// A parameter's value makes no sense.
    #[error("parameter {name}: {found}; wanted is {wanted}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What was given.
        found: String,
        /// What can be given.
        wanted: String,
    },
    /// Hardware on a machine that keeps no clock.
    #[error(
        "limits are those for hardware and this machine gives no real time: {0}; `stipple-controller rt-check` measures what it gives, and \
         the parameter allow_no_real_time starts all the same, which diagnostics and every report then say"
    )]
    NoRealTime(Lacking),
    /// Hardware where anyone may give commands.
    #[error(
        "limits are those for hardware and ROS 2 runs without security: anyone on the network could give commands and poses; set \
         ROS_SECURITY_ENABLE=true, ROS_SECURITY_STRATEGY=Enforce and a keystore, or the parameter allow_unsecured, on a network of its own, \
         which diagnostics and every report then say"
    )]
    Unsecured,
    /// Time that is not real where limits are.
    #[error(
        "parameter use_sim_time: a clock that somebody publishes is for simulation; it cannot be true with limits: hardware (the default)"
    )]
    SimTime,
    /// A part that runs as long as the program has ended before it.
    #[error("{0} has ended by itself; the log says why")]
    Died(&'static str),
    /// The system gave no thread or no signal handler.
    #[error("{doing}: {source}")]
    System {
        /// What was being made.
        doing: &'static str,
        /// What it said.
        source: std::io::Error,
    },
}

/// Names what ROS 2 refused to make.
pub fn making(doing: impl Into<String>) -> impl FnOnce(r2r::Error) -> ProgramError {
    let doing = doing.into();
    move |source| ProgramError::Ros { doing, source }
}

/// Joins ROS 2 as a node of that name, which a remap may change.
///
/// # Errors
/// Arguments that ROS 2 does not take, or no middleware.
pub fn join(name: &str) -> Result<Node, ProgramError> {
    // The library panics on arguments it cannot read; to a user they are bad input like any other.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let context = std::panic::catch_unwind(r2r::Context::create);
    std::panic::set_hook(hook);
    let context = context
        .map_err(|cause| {
            let text = cause.downcast_ref::<String>().map_or("unreadable", |s| s);
            ProgramError::Arguments(text.to_owned())
        })?
        .map_err(making("joining"))?;
    Node::create(context, name, "").map_err(making(format!("making the node {name}")))
}

/// Whether the program is to end, shared by all its threads.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// One that SIGINT, SIGTERM and SIGHUP set, also where they came in as ignored.
    ///
    /// # Errors
    /// When the system allows no handler.
    pub fn on_signals() -> Result<Self, ProgramError> {
        let ending = Self::default();
        let flag = ending.clone();
        ctrlc::set_handler(move || flag.ask()).map_err(|error| ProgramError::System {
            doing: "handling signals",
            source: std::io::Error::other(error),
        })?;
        Ok(ending)
    }

    /// Asks for it.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits for it.
    pub async fn wait(&self) {
        while !self.asked() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Like [`join`], for a node that keeps a clock: memory is locked, processors are kept from deep sleep, and what the middleware starts to
/// receive and send runs in real time, where allowed.
///
/// # Errors
/// Those of [`join`].
pub fn join_urgent(name: &str) -> Result<Node, ProgramError> {
    // Whether it was is asked again by whoever insists on it.
    let _ = lock_memory();
    stay_awake();
    // A thread inherits its scheduling from the one that starts it; the caller's own stays as it is.
    std::thread::scope(|scope| {
        let joining = scope.spawn(|| {
            let _ = urgent(Urgency::Middleware);
            join(name)
        });
        joining
            .join()
            .unwrap_or(Err(ProgramError::Died("the thread that joins ROS 2")))
    })
}

/// How long one turn of the spinning thread waits for something to come.
const SPIN: Duration = Duration::from_millis(2);

/// Starts a thread.
///
/// # Errors
/// When the system gives none.
pub fn thread<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, ProgramError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|source| ProgramError::System {
            doing: "starting a thread",
            source,
        })
}

/// Spins a node on a thread of its own until the end is asked for; after every turn `take` takes what has come.
///
/// # Errors
/// When the system gives no thread.
pub fn spin(
    mut node: Node,
    ending: Ending,
    urgency: Option<Urgency>,
    mut take: impl FnMut() + Send + 'static,
) -> Result<JoinHandle<()>, ProgramError> {
    thread("ros", move || {
        if let Some(urgency) = urgency {
            let _ = urgent(urgency);
        }
        while !ending.asked() {
            node.spin_once(SPIN);
            take();
        }
    })
}

/// All that has come on a stream, oldest first, without waiting.
pub fn drain<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> impl Iterator<Item = T> + '_ {
    std::iter::from_fn(|| stream.next().now_or_never().flatten())
}

/// The monotonic clock of a program.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    zero_us: u64,
}

impl Clock {
    /// One that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            zero: Instant::now(),
            zero_us: unix_us(),
        }
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> Micros {
        Micros(u64::try_from(self.zero.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// What the wall clock showed when this one showed zero.
    #[must_use]
    pub fn wall(&self) -> WallClock {
        WallClock {
            at_zero_us: i64::try_from(self.zero_us).unwrap_or(i64::MAX),
        }
    }
}

/// The wall clock, µs since 1970; 0 before.
#[must_use]
pub fn unix_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |span| {
            u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
        })
}

/// The moment as a header carries it: the system clock, or `/clock` where that is followed.
#[must_use]
pub fn stamp() -> Time {
    sim_time::now().unwrap_or_else(|| stamp_before(Duration::ZERO))
}

/// The system clock as it was `ago`.
#[must_use]
pub fn stamp_before(ago: Duration) -> Time {
    let since = SystemTime::now()
        .checked_sub(ago)
        .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    Time {
        sec: i32::try_from(since.as_secs()).unwrap_or(i32::MAX),
        nanosec: since.subsec_nanos(),
    }
}

/// For inputs of a control loop and for streams that are worth nothing when late: the newest or none.
#[must_use]
pub fn newest() -> QosProfile {
    QosProfile::default().keep_last(1).best_effort().volatile()
}

/// For streams of the newest that also a reliable subscriber must be able to hear.
#[must_use]
pub fn newest_reliable() -> QosProfile {
    QosProfile::default().keep_last(1).reliable().volatile()
}

/// For what a late listener must learn, too.
#[must_use]
pub fn latched() -> QosProfile {
    QosProfile::default()
        .keep_last(1)
        .reliable()
        .transient_local()
}

/// For what must arrive, each.
#[must_use]
pub fn every(depth: usize) -> QosProfile {
    QosProfile::default().keep_last(depth).reliable().volatile()
}
