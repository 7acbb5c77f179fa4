//! Signed clearance of the whole arm, its cable guards and its tool against the head, the room and itself, and motions proven clear.
//!
//! Every distance reported is a lower bound: bodies are covered by spheres (against head and room) or their convex hulls (against each
//! other), the head's distance is bounded by [`HeadField`]. [`Witness`] shows by two points how far the truth can be above it. What cannot be computed is not clear. A straight segment in joint space, or a
//! patch spanned by two, is proven, not sampled: a configuration is checked with every sphere inflated by the farthest it can move within
//! the region, and where that does not pass, the region is halved. Margins stand in [`crate::limits::margin`].

mod base;
mod bodies;
mod field;
mod gjk;
mod hull;
mod keep_out;
mod lanes;
mod leading;
mod nearest;
mod octree;
mod pairs;
mod query;
mod queue;
mod roll;
mod settled;
mod signed;
mod skin;
mod spheres;
mod surface;
mod sweep;
mod witness;
mod work_cell;

#[cfg(test)]
mod tests;

pub use base::BelowBase;
pub use field::{Bounds, FieldError, HeadField};
pub use query::{Budget, Obstacle};
pub use roll::{AtEveryRoll, ClearAtEveryRoll};
pub use settled::Settled;
pub use signed::{Clearance, Nearest};
pub use witness::{Witness, Witnesses};
pub use work_cell::{CellError, WorkCell};
