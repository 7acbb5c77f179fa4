//! Pictures for people, drawn in software: no window, no graphics card, the same bytes every time.
//!
//! ```no_run
//! # use stipple_planner::picture;
//! # use stipple_model::plan::Plan;
//! # fn f(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! let (plan, digest) = Plan::read(path)?;
//! picture::plan(&plan, &digest, &picture::Look::default())?.save("plan.png")?;
//! # Ok(())
//! # }
//! ```
//! [`plan`] shows a head from four sides with the dots as they will look, target and achieved density, and the hairline close up.
//! [`scan`] shows a scan with what was found in it.
//!
//! Dots keep their true diameter: a dot smaller than a pixel darkens it by the share it covers, in linear light.

mod camera;
mod canvas;
mod closeup;
mod color;
pub(crate) mod facts;
mod light;
mod map;
mod page;
mod plan;
mod scan;
mod surface;

pub use plan::{Look, plan};
pub use scan::scan;
