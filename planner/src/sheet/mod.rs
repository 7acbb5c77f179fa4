//! The scalp laid flat on paper at true scale: every dot where it goes, zones, hairline, midline, ears, a ruler.
//!
//! One SVG page of a paper size with its `viewBox` in millimetres; printed at 100% a millimetre is a millimetre. Distances from the vertex
//! are true along the skin; rings every 20 mm carry how far the map is stretched across.
//!
//! ```no_run
//! # use stipple_planner::sheet;
//! # use stipple_model::plan::Plan;
//! # fn f(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! let (plan, digest) = Plan::read(path)?;
//! std::fs::write("scalp.svg", sheet::svg(&plan, &digest)?)?;
//! # Ok(())
//! # }
//! ```

mod contour;
mod outline;
mod paper;
mod write;

use stipple_model::digest::Digest;
use stipple_model::plan::{Outcome, Plan};

use crate::unroll::{UnrollError, Unrolled};
use outline::Outlines;
use paper::Paper;
use write::Sheet;

/// Why a plan cannot be laid on paper.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The scalp cannot be laid flat.
    #[error(transparent)]
    Unroll(#[from] UnrollError),
    /// The plan has no dot on the scalp.
    #[error("the plan has no dots on the scalp to lay flat")]
    NoDots,
    /// The text could not be put together.
    #[error("the drawing could not be written: {0}")]
    Write(#[from] std::io::Error),
}

/// A dot on the sheet, millimetres in the plane: x to the person's right, y towards the nose.
struct FlatDot {
    at: [f64; 2],
    radius: f64,
    shade: u8,
    planned: bool,
}

/// Draws the sheet.
///
/// # Errors
/// No scalp above the ears, or no dots on it.
pub fn svg(plan: &Plan, digest: &Digest) -> Result<String, SheetError> {
    let unrolled = Unrolled::new(&plan.head, &plan.anatomy)?;
    let dots: Vec<FlatDot> = plan
        .dots
        .iter()
        .filter_map(|dot| {
            Some(FlatDot {
                at: unrolled.flat(&dot.position)?.map(|c| c * 1e3),
                radius: 0.5 * dot.diameter.mm(),
                shade: dot.shade,
                planned: matches!(dot.outcome, Outcome::Planned { .. }),
            })
        })
        .collect();
    let (low, high) = bounds(&dots).ok_or(SheetError::NoDots)?;
    let paper = Paper::that_holds(low, high);
    let outlines = Outlines::trace(plan, &unrolled, low, high);
    let mut sheet = Sheet::new(paper);
    sheet.write(plan, digest, &unrolled, &dots, &outlines)?;
    Ok(sheet.into_text()?)
}

fn bounds(dots: &[FlatDot]) -> Option<([f64; 2], [f64; 2])> {
    let first = dots.first()?.at;
    Some(dots.iter().fold((first, first), |(lo, hi), d| {
        (
            [lo[0].min(d.at[0]), lo[1].min(d.at[1])],
            [hi[0].max(d.at[0]), hi[1].max(d.at[1])],
        )
    }))
}
