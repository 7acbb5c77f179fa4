//! The treatment file (TOML): what pattern of dots is wanted.
//!
//! Lengths are in millimetres, angles in degrees and densities in dots per cm², with the unit in the key; here they become typed
//! quantities. Unknown keys are refused with the nearest known one, values out of range with the range. Every key is documented in
//! `planner/treatments/README.md`, beside complete examples.
//!
//! ```
//! # use stipple_model::treatment::Treatment;
//! # let text = include_str!("../../../planner/treatments/default.toml");
//! let treatment = Treatment::parse(text)?;
//! assert_eq!(treatment.zones.len(), 4);
//! # Ok::<(), stipple_model::treatment::TreatmentError>(())
//! ```

mod error;
mod file;
mod fitted;
mod keys;
mod parse;
mod patch;
mod region;
mod session;

use crate::frames::{Point, Scan};
use crate::units::{Angle, Density, Length};

pub use error::TreatmentError;
pub use fitted::{Fitted, Purpose};
pub use keys::KEYS;
pub use region::Region;
pub use session::Session;

/// The most dots one treatment may have. Source: a whole scalp is about 50,000; twice that is a mistake.
pub const MOST_DOTS: u32 = 100_000;
/// The densest that is laid. Source: natural hair is 143 ± 28 hairs/cm², so no design needs more.
pub const DENSEST: Density = Density::from_per_cm2(200.0);
/// Natural hair. Source: 143 ± 28 hairs/cm². An exact total makes no zone denser, unless the file asks for it.
pub const NATURAL: Density = Density::from_per_cm2(143.0);
/// How many times as dense as asked for an exact total may make the zones, where the file does not say. Source: this project's own: "start
/// sparse", a scan that lacks a third of the scalp makes 1.5.
pub const DENSER_AT_MOST: f64 = 1.5;
/// The lowest hairline any policy accepts, measured on the skin from glabella to mid-frontal point. Source: facts: "never too low"; the
/// rule is 80 mm for men, about 64 mm is a female forehead; 50 mm is this project's own floor.
pub const LOWEST_HAIRLINE: Length = Length::from_mm(50.0);
/// The lowest hairline for men. Source: this project's own, 15 mm below the rule's 80 mm.
pub const LOWEST_MALE_HAIRLINE: Length = Length::from_mm(65.0);
/// Regularity where the file does not say. Source: "real follicles are never perfectly even"; this project's own figure.
pub const DEFAULT_REGULARITY: f64 = 0.7;
/// The most zones. Source: a plan numbers them in a byte; no design needs more.
pub const MOST_ZONES: usize = 32;
/// The most points of one curve. Source: this project's own; every pair of its edges is checked for a crossing.
pub const MOST_CURVE_POINTS: usize = 256;
/// The most points of exclusions and of existing hairs each. Source: as many as a treatment may have dots.
pub const MOST_POINTS: usize = MOST_DOTS as usize;

/// A treatment's design.
#[derive(Debug, Clone, PartialEq)]
pub struct Treatment {
    /// Its name, for people.
    pub name: String,
    /// The exact total of dots over all layers; the zones' densities then only weigh the zones. `None`: density times area decides.
    pub dots: Option<u32>,
    /// How many times as dense as they ask for that total may make the zones, at least 1.
    pub denser_at_most: f64,
    /// Share of the dots that is there after each layer: rising, the last is 1.
    pub layers: Vec<f64>,
    /// Width over which the density fades out where the treated area ends at untreated scalp, along the skin.
    pub feather: Length,
    /// How even the spacing is, 0..=1: 1 is strict blue noise, 0 the spacing of natural follicles.
    pub regularity: f64,
    /// The hairline.
    pub hairline: Hairline,
    /// The pigment shades, by the index zones use.
    pub shades: Vec<ShadeDesign>,
    /// The zones; where two overlap the later one holds.
    pub zones: Vec<ZoneDesign>,
    /// Places that get no dot.
    pub exclusions: Vec<Exclusion>,
    /// Hairs and dots that are there already; new dots keep their distance from them, and their density is taken off in zones that do not
    /// say by [`ZoneDesign::existing`] how dense the hair is.
    pub existing: Vec<Place>,
    /// Dots of earlier sessions, where a treatment goes on.
    pub placed: Option<Placed>,
    /// Pauses, pigment and rests of a session.
    pub session: Session,
    /// A small patch on which depths are tried before the treatment.
    pub test_patch: Option<TestPatch>,
    /// What such a patch showed on the client this treatment is for; no zone goes deeper.
    pub fitted: Option<Fitted>,
    /// Whether this is the treatment, or its test patch alone.
    pub purpose: Purpose,
}

/// Dots of earlier sessions, and how far this session goes. Zones, densities and an exact total are those of the whole treatment.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Share of the whole treatment's dots that is there after this session, above 0 and up to 1.
    pub share: f64,
    /// The seed of the treatment's first session: another would draw another hairline.
    pub seed: u64,
    /// The dots that are there, each with its index into [`Treatment::shades`].
    pub dots: Vec<(u8, Place)>,
}

/// A place on the head, as a person gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// In the scan's own frame.
    Scan(Point<Scan>),
    /// Seen from the scalp's middle, the same whichever landmarks the head frame was built on.
    Angles {
        /// From straight ahead towards the left ear, −180°..=180°.
        azimuth: Angle,
        /// Above the level of the scalp's middle, −90°..=90°.
        elevation: Angle,
    },
}

/// The front edge of the treated area, from one sideburn over both temple points and the forehead to the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Hairline {
    /// From the glabella to the mid-frontal point, on the skin. Source of the default 80 mm: Garg's rule.
    pub height: Length,
    /// The line itself, instead of the rule's.
    pub line: Option<Vec<Place>>,
    /// How much farther back the frontotemporal points lie than the mid-frontal point; `None`: as Garg's rule has it.
    pub recession: Option<Length>,
    /// How far the frontotemporal points lie to the side of the midline, straight; `None`: as Garg's rule has it.
    pub half_width: Option<Length>,
    /// The angle the line turns through at the frontotemporal points, between its frontal and its temporal limb; `None`: a natural one.
    pub frontotemporal: Option<Angle>,
    /// From the frontotemporal point to the temple's peak, along the line to the eye's outer corner.
    pub temple_peak: Length,
    /// A widow's peak.
    pub widows_peak: Option<WidowsPeak>,
    /// How much farther back the left frontotemporal point lies than the right one; negative: the right.
    pub asymmetry: Length,
    /// Depth of the transition zone in which the density rises to its full value. Source: 5–10 mm.
    pub transition: Length,
    /// Share of the full density at the very edge, 0..=1. Lower is softer.
    pub edge_density: f64,
    /// Amplitude of the slow waves of the line (macro-irregularity).
    pub waviness: Length,
    /// Amplitude of the fine unevenness of the line (micro-irregularity).
    pub roughness: Length,
    /// The lowest the line may come, on the skin from the glabella.
    pub lowest: Length,
}

/// The point of the hairline in the midline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WidowsPeak {
    /// How far it reaches down.
    pub height: Length,
    /// How wide it is at its root.
    pub width: Length,
}

/// A pigment shade.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadeDesign {
    /// Its name.
    pub name: String,
    /// How it looks in the skin, sRGB.
    pub rgb: [u8; 3],
    /// Parts of water to one of pigment.
    pub dilution: Option<f64>,
}

/// Where a zone lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A named part of the scalp.
    Region(Region),
    /// Within a closed curve.
    Curve(Vec<Place>),
    /// Along a line, such as a scar.
    Line {
        /// Its points in order.
        points: Vec<Place>,
        /// How wide the band along it is.
        width: Length,
    },
    /// One column of a square test patch.
    Column {
        /// The patch's middle.
        center: Place,
        /// Length of its sides.
        size: Length,
        /// Which column, from 0.
        column: u8,
        /// Of how many.
        columns: u8,
    },
}

/// A part of the scalp with one design.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneDesign {
    /// Its name: the region's, unless the file gives one.
    pub name: String,
    /// Where.
    pub shape: Shape,
    /// How dense it is to look where the density is full, existing hair included.
    pub density: Density,
    /// How dense the hair is that is there already; `None`: as [`Treatment::existing`] lists it.
    pub existing: Option<Density>,
    /// Its own width of fading instead of [`Treatment::feather`].
    pub feather: Option<Length>,
    /// How deep the needle goes, at most [`ZoneDesign::depth_cap`].
    pub depth: Length,
    /// No dot of the zone goes deeper, at most [`crate::limits::DEPTH_CAP`].
    pub depth_cap: Length,
    /// The needle cartridge, for the operator.
    pub needle: Option<String>,
    /// How wide a fresh dot is.
    pub diameter: Length,
    /// How wide it is once healed.
    pub healed_diameter: Option<Length>,
    /// Share of each shade (index into [`Treatment::shades`], share); the shares sum to 1.
    pub shades: Vec<(u8, f64)>,
}

impl ZoneDesign {
    /// How dense dots are laid where the density is full: what is wanted less what the zone says is there. Listed hairs are taken off
    /// where they stand.
    #[must_use]
    pub fn laid(&self) -> Density {
        Density::from_per_m2(self.density.per_m2() - self.existing.map_or(0.0, Density::per_m2))
    }
}

/// Places that get no dot.
#[derive(Debug, Clone, PartialEq)]
pub struct Exclusion {
    /// What it is ("mole").
    pub name: String,
    /// Where.
    pub extent: Extent,
    /// How far dots keep from its edge.
    pub margin: Length,
}

/// Where an exclusion lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Extent {
    /// Round places.
    Points {
        /// Their middles.
        centers: Vec<Place>,
        /// The radius of each.
        radius: Length,
    },
    /// Within a closed curve.
    Curve(Vec<Place>),
}

/// A small square on which depths are tried side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct TestPatch {
    /// Its middle.
    pub center: Place,
    /// Length of its sides.
    pub size: Length,
    /// Its density.
    pub density: Density,
    /// The depths, one column each.
    pub depths: Vec<Length>,
    /// How wide a fresh dot is.
    pub diameter: Length,
    /// Index into [`Treatment::shades`].
    pub shade: u8,
}
