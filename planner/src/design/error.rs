//! Why a design does not fit a head.

use stipple_model::units::{Angle, Area, Density, Length};

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
        "the forehead cannot be followed from the nasion {:.0} mm up to the hairline (only {:.0} mm are there); was the forehead scanned?",
        .wanted.mm(), .found.mm()
    )]
    NoForehead {
        /// How far the hairline lies from the nasion on the skin.
        wanted: Length,
        /// How far the skin goes.
        found: Length,
    },
    /// A point of the hairline's rule has no skin.
    #[error(
        "the {side} {what} of the hairline cannot be found on the scan; was the side of the forehead scanned? Else draw the line (hairline.line_deg)"
    )]
    NoHairlinePoint {
        /// Left or right.
        side: &'static str,
        /// Which point.
        what: &'static str,
    },
    /// The hairline comes lower than its policy allows.
    #[error(
        "the hairline comes down to {:.0} mm from the glabella, along the skin; below {:.0} mm it is refused (hairline.policy, hairline.lowest_mm)",
        .found.mm(), .lowest.mm()
    )]
    HairlineTooLow {
        /// Its lowest point.
        found: Length,
        /// The least accepted.
        lowest: Length,
    },
    /// The glabella or the nasion lies behind the hairline.
    #[error(
        "the hairline runs below the glabella, and the forehead would be treated; draw it above the forehead (hairline.line)"
    )]
    HairlineBelowGlabella,
    /// The hairline runs over the face.
    #[error(
        "the hairline runs over the face at azimuth {:.0}°, below the way from the eye to the sideburn; draw it higher there (hairline.line)",
        .azimuth.deg()
    )]
    HairlineOnFace {
        /// Where, for one.
        azimuth: Angle,
    },
    /// An own hairline does not span the forehead.
    #[error(
        "hairline.line reaches only from {:.0}° on the left to {:.0}° on the right; it must span at least 25° to both sides of the midline",
        .left.deg(), .right.deg()
    )]
    HairlineShort {
        /// Azimuth of its left end.
        left: Angle,
        /// Azimuth of its right end.
        right: Angle,
    },
    /// The frontotemporal angle cannot be had with this recession.
    #[error(
        "hairline.frontotemporal_deg is {:.0}; with these temple points it can be {:.0} to {:.0} (more recession_mm makes it sharper)",
        .wanted.deg(), .least.deg(), .most.deg()
    )]
    FrontotemporalAngle {
        /// The angle asked for.
        wanted: Angle,
        /// The sharpest possible.
        least: Angle,
        /// The bluntest possible.
        most: Angle,
    },
    /// A point given in the scan's frame cannot be used without that frame.
    #[error("{what} is given in the scan's frame, but no scan's frame is known here; use angles")]
    NoScanFrame {
        /// Which.
        what: String,
    },
    /// A point or curve that is not on the scalp.
    #[error("{what} is not on the scanned head{}", .distance.map_or(String::new(), |d| format!(" but {:.0} mm away from it; is it in mm and in the scan's frame?", d.mm())))]
    OffScalp {
        /// Which.
        what: String,
        /// How far from the surface it lies, where there is surface in its direction.
        distance: Option<Length>,
    },
    /// Neighbouring points of a curve are too far apart to say which way it goes.
    #[error(
        "{what} goes more than a quarter round the head from point {from} to point {to}; add points between"
    )]
    CurveTooFar {
        /// Which.
        what: String,
        /// One point, from 1.
        from: usize,
        /// The next.
        to: usize,
    },
    /// A curve crosses itself.
    #[error(
        "{what} crosses itself: its side after point {first} meets the one after point {second}"
    )]
    CurveCrosses {
        /// Which.
        what: String,
        /// Point at which the first side begins, from 1.
        first: usize,
        /// Point at which the other side begins.
        second: usize,
    },
    /// A closed curve with fewer than three different points.
    #[error("{what} has fewer than three different points and encloses nothing")]
    CurveEmpty {
        /// Which.
        what: String,
    },
    /// A zone has hardly any skin on this head.
    #[error(
        "zone \"{zone}\" has only {:.2} cm² on this head ({:.2} are needed) once hairline, later zones, exclusions and holes are taken away; scan the scalp whole, redraw it or leave the zone out",
        .area.cm2(), .least.cm2()
    )]
    ZoneTooSmall {
        /// Which.
        zone: String,
        /// Its area on the mesh.
        area: Area,
        /// The least accepted.
        least: Area,
    },
    /// The exact total makes the zones too dense.
    #[error(
        "{dots} dots on {:.0} cm² make {:.0} per cm² in zone \"{zone}\", with what is there already; at most {:.0} are accepted. {fit} dots fit the densities the zones ask for",
        .area.cm2(), .density.per_cm2(), .most.per_cm2()
    )]
    TooDense {
        /// The total asked for.
        dots: u32,
        /// The zones' area together.
        area: Area,
        /// The densest zone.
        zone: String,
        /// Its density then.
        density: Density,
        /// The most that is accepted.
        most: Density,
        /// How many dots the zones' own densities make.
        fit: u64,
    },
    /// The exact total makes the zones many times as dense as they ask for.
    #[error(
        "{dots} dots make the zones {times:.2} times as dense as they ask for (zone \"{zone}\": {:.0} instead of {:.0} per cm²); at most {most} times is accepted (denser_at_most), because only a laser takes dots away. {fit} dots fit: ask for these, leave dots out, or scan what is missing of the scalp",
        .laid.per_cm2(), .wanted.per_cm2()
    )]
    Denser {
        /// The total asked for.
        dots: u64,
        /// How many times as dense.
        times: f64,
        /// The most accepted.
        most: f64,
        /// The densest zone.
        zone: String,
        /// Its full density then.
        laid: Density,
        /// The one it asks for.
        wanted: Density,
        /// How many dots the zones' own densities make.
        fit: u64,
    },
    /// The listed hairs leave nothing to lay.
    #[error(
        "zone \"{zone}\" has {listed} of the listed hairs (existing) and wants {wanted:.0} dots and hairs together; at least 1 per cm² must be left to lay, leave the zone out or ask for more"
    )]
    NothingToLay {
        /// Which.
        zone: String,
        /// How many of the listed points lie in it.
        listed: usize,
        /// How many its density makes.
        wanted: f64,
    },
    /// Dots of earlier sessions leave nothing to lay.
    #[error(
        "all {placed} dots that are to be there after this session are there already (placed); nothing is left to lay"
    )]
    AllPlaced {
        /// How many there are.
        placed: usize,
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
