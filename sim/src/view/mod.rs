//! Head, dots and arm to look at: in a window while a simulated session runs, or as a picture without a window or a GPU.
//!
//! Everything is drawn in the head's frame: the head and its thousands of dots stand still, the arm moves against them. "Up" is the room's.

use std::path::{Path, PathBuf};

use stipple_controller::record::RecordError;
use stipple_model::clearance::{CellError, WorkCell};
use stipple_model::plan::{Plan, PlanError};

mod animation;
mod marks;
mod picture;
mod record;
mod stage;
mod window;

pub use animation::{Animation, FRAMES_PER_SECOND, Progress, animate};
pub use marks::{Mark, Marks};
pub use picture::{Picture, Viewpoint, draw};
pub use record::{Recorded, is_record, read_record};
pub use window::{Live, watch};

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// No graphics driver.
    #[error(
        "no graphics adapter: install a Vulkan driver, with or without a GPU (Debian and Ubuntu: apt-get install mesa-vulkan-drivers)"
    )]
    NoAdapter,
    /// No display to open a window on.
    #[error("no display to open a window on; --picture FILE.png draws without one")]
    NoDisplay,
    /// A window could not be opened on the display.
    #[error(
        "no window could be opened: a Vulkan driver or a library of the window system is missing \
         (Debian and Ubuntu: apt-get install mesa-vulkan-drivers libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2)"
    )]
    NoWindow,
    /// The picture could not be written.
    #[error("{path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the encoder or the system said.
        reason: String,
    },
    /// There is nothing to animate.
    #[error("layer {layer} has no planned dots")]
    NoDots {
        /// The layer.
        layer: u8,
    },
    /// A hop that the plan promises does not exist.
    #[error("the plan's hop to dot {} does not hold; plan again{}", dot.0, reason.map_or_else(String::new, |r| format!(": {r}")))]
    Hop {
        /// The dot.
        dot: stipple_model::plan::DotId,
        /// Why.
        reason: Option<stipple_model::motion::HopError>,
    },
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The cell of the plan.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record that cannot be read.
    #[error("{path}: {source}")]
    Sqlite {
        /// The record.
        path: PathBuf,
        /// SQLite's word.
        source: rusqlite::Error,
    },
    /// The record's plan was not found.
    #[error("{record}: no plan beside it; name it with --plan")]
    NoPlan {
        /// The record.
        record: PathBuf,
    },
    /// The record belongs to another plan.
    #[error("{record} belongs to another plan than {plan}")]
    OtherPlan {
        /// The record.
        record: PathBuf,
        /// The plan.
        plan: PathBuf,
    },
}

/// A plan with its cell, ready to be drawn.
pub struct Subject {
    /// The plan.
    pub plan: std::sync::Arc<Plan>,
    /// Arm, tool, surroundings.
    pub cell: std::sync::Arc<WorkCell>,
}

impl Subject {
    /// Reads a plan.
    ///
    /// # Errors
    /// A plan that is not accepted, or whose cell makes no sense.
    pub fn read(path: &Path) -> Result<Self, ViewError> {
        let (plan, _) = Plan::read(path)?;
        let cell = plan.work_cell()?;
        Ok(Self {
            plan: plan.into(),
            cell: cell.into(),
        })
    }
}

/// Runs `open`, which panics inside the graphics library when there is no driver or display; `None` then, and nothing is printed.
fn quietly<T>(open: impl FnOnce() -> T) -> Option<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(open)).ok();
    std::panic::set_hook(hook);
    opened
}
