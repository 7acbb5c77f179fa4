//! The controller: a plan, a head that moves and an arm in, dots in the skin and a record of them out.

pub mod ports;
