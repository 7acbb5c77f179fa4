//! Why a design does not fit a head.

use stipple_model::units::{Area, Density};

/// Why a treatment cannot be laid on a head.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DesignError {
    /// The skull could not be measured.
    #[error("the skull's {what} cannot be measured on the scan; was the scalp scanned whole?")]
    NoSkull {
        /// Which measure.
        what: &'static str,
    },
    /// The forehead could not be followed from the nasion to the hairline.
    #[error(
        "the forehead cannot be followed from the nasion {wanted_mm:.0} mm up to the hairline (only {found_mm:.0} mm are there); was the forehead scanned?"
    )]
    NoForehead {
        /// How far the hairline lies from the nasion on the skin.
        wanted_mm: f64,
        /// How far the skin goes.
        found_mm: f64,
    },
    /// A zone has hardly any skin on this head.
    #[error("zone \"{zone}\" has only {:.1} cm² on this head; scan the scalp whole, or leave the zone out", .area.cm2())]
    ZoneTooSmall {
        /// Which.
        zone: &'static str,
        /// Its area on the mesh.
        area: Area,
    },
    /// The exact total makes the zones too dense.
    #[error(
        "{dots} dots on {:.0} cm² make {:.0} per cm² in zone \"{zone}\"; at most {:.0} are laid, ask for fewer dots",
        .area.cm2(), .density.per_cm2(), .most.per_cm2()
    )]
    TooDense {
        /// The total asked for.
        dots: u32,
        /// The zones' area together.
        area: Area,
        /// The densest zone.
        zone: &'static str,
        /// Its density then.
        density: Density,
        /// The most that is laid.
        most: Density,
    },
    /// Density times area makes too many or no dots.
    #[error("the design makes {dots} dots on this head; 1 to {most} are possible")]
    Count {
        /// How many it makes.
        dots: u64,
        /// The most possible.
        most: u32,
    },
}
