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
//! [`plan`] shows a head from four sides and from above with the dots as they will look, target and achieved density, and the hairline
//! close up.
//! [`scan`] shows a scan with what was found in it, [`reach`] what an arm can reach of a scalp.
//!
//! Dots keep their true diameter: a dot smaller than a pixel darkens it by its share, in linear light, and takes the light that pigment of
//! its size and depth takes out of skin (`tissue.rs`).

mod camera;
mod canvas;
mod closeup;
mod color;
pub(crate) mod facts;
mod found;
mod hair;
mod label;
mod layout;
mod light;
mod map;
mod page;
mod placed;
mod plan;
mod reach;
mod scan;
mod surface;
mod tissue;
mod years;

pub use plan::{Look, plan};
pub use reach::reach;
pub use scan::scan;
pub use years::{Year, years};
