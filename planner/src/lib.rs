//! From a scan of a head and a treatment's design to a plan: every stage is a module with one entry function, pure, with a typed result,
//! typed findings and a typed error.

use std::ops::ControlFlow;

pub mod away;
pub mod compose;
pub mod course;
pub mod density;
pub mod design;
pub mod dots;
pub mod estimate;
pub mod export;
mod findings;
pub mod hops;
pub mod measure;
pub mod picture;
pub mod poses;
pub mod reach;
pub mod register;
pub mod residual;
pub mod scan;
pub mod sequence;
pub mod session;
pub mod sheet;
pub mod station;
pub mod unroll;
pub mod wanted;
pub mod years;

/// Who waits for long work: told the share of it that is done, 0..=1, it answers whether to go on. Work that is told to break off ends
/// with its error for that.
pub type Watch<'a> = dyn Fn(f64) -> ControlFlow<()> + Sync + 'a;

/// Nobody waits: the work goes on to its end.
pub const fn to_the_end(_: f64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
