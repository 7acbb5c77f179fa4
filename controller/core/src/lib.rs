//! The session's state machine: everything that decides whether the arm moves and the needle comes out.
//!
//! [`Core::step`] takes the time, what is sensed and the queue of targets, and says what arm and needle do now. It has no clock, no I/O and
//! no allocator; it is total (bad input is a fault, never a panic) and deterministic: the same inputs give the same outputs.
//!
//! It needs neither std nor alloc, and is built for a microcontroller's bare metal by `tests/run bare-metal` to show it.
//!
//! * [`State`] holds the state diagram, [`FAULT_TABLE`] what every fault leads to, [`Limits`] every figure with its source.
//! * The needle comes out only through a [`NeedlePermit`], minted in the tick that spends it.
#![no_std]
#![deny(
    unsafe_code,
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::float_cmp,
    clippy::arithmetic_side_effects,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

mod fault;
mod guards;
mod halt;
mod limits;
mod machine;
mod motion;
mod obey;
mod output;
mod permit;
mod queue;
mod sensed;
mod state;
mod strike;
mod time;
mod work;

pub use fault::{Clears, FAULT_TABLE, Fault, FaultRow, Reaction};
pub use limits::{Limits, Timeouts};
pub use machine::Core;
pub use output::{
    ArmCommand, Denied, Dot, Doubt, Message, NeedleCommand, Outcome, Output, Skip, Stroke, Waits,
};
pub use permit::{NeedlePermit, Refusal};
pub use queue::{CAPACITY, Full, Queue, Target};
pub use sensed::{
    ArmFailure, ArmSeen, Command, HeadSeen, HopId, JointsSeen, LeaseSeen, Leg, MotionSeen,
    MotionStatus, NeedleSeen, NeedleState, Sensed, TipNear, TipSeen, WayOff,
};
pub use state::State;
pub use time::{Micros, Stamped};
