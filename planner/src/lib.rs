//! From a scan of a head and a treatment's design to a plan: every stage is a module with one entry function, pure, with a typed result,
//! typed findings and a typed error.

pub mod compose;
pub mod density;
pub mod design;
pub mod dots;
pub mod export;
pub mod measure;
pub mod picture;
pub mod poses;
pub mod register;
pub mod scan;
pub mod sequence;
pub mod sheet;
pub mod unroll;
pub mod wanted;
