//! Signed clearance of the whole arm and its tool against the head, the room and itself, and motions proven clear.
//!
//! Every distance reported is a lower bound: bodies are covered by spheres (against head and room) or their convex hulls (against each
//! other), the head's distance is bounded by [`HeadField`]. What cannot be computed is not clear. A straight segment in joint space is
//! proven, not sampled: a configuration is checked with every sphere inflated by the farthest it can move until the segment's ends, and
//! where that does not pass, the segment is halved.

mod field;
mod query;
mod spheres;
mod work_cell;

pub use field::{Bounds, FieldError, HeadField};
pub use query::{Clearance, Obstacle};
pub use work_cell::{CellError, WorkCell};
