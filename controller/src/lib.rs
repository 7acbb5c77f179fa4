//! The controller: a plan, a head that moves and an arm in, dots in the skin and a record of them out.
//!
//! * [`admit`]: a plan is checked from its own data before anything may move.
//! * [`gate`]: what must hold before a session starts.
//! * [`session`]: the state machine of `stipple_core` with plan, queue, motions and record around it; one call a tick.
//! * [`ports`]: what arm, needle and head tracker must do; the simulator and ROS 2 implement them.
//! * [`lifecycle`]: the states of a managed node, and what is done in which.
//! * [`services`]: what may not happen in a tick (computing motions, writing the record), at once or on threads of its own.
//! * [`rt`]: threads that keep a clock, how well this one did, and whether this machine lets them.
//! * `ros` (feature `ros`): all this as a ROS 2 node, and its operator's client.
//! * [`registration`]: the head in the chair against the tracker, by a fresh scan.
//! * [`stream`]: a motion led point by point, for arms that take no whole ones.
//! * [`papers`]: reports, histories and tables out of records; [`forget`]: removing what is kept of a client.
//! * [`hops`], [`head`], [`skin`], [`record`], [`report`]: the parts.

// Tests in here share their plant with those beside it.
#[cfg(test)]
extern crate self as stipple_controller;

pub mod admit;
pub mod forget;
pub mod gate;
pub mod hazards;
pub mod head;
pub mod hops;
pub mod lease;
pub mod lifecycle;
pub mod papers;
pub mod ports;
pub mod record;
pub mod registration;
pub mod report;
#[cfg(feature = "ros")]
pub mod ros;
pub mod rt;
pub mod services;
pub mod session;
pub mod skin;
pub mod stamps;
pub mod stream;

/// Said at every start, before anything else.
pub const SAFETY_NOTICE: &str = "\
Stipple is not a medical device. Not for use on people without the hardware it relies on and cannot replace: a mechanical depth stop, a \
needle that springs back on silence, an axial load cell, a dual-channel stop, and brakes on the arm.";
