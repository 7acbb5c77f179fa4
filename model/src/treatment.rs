//! The treatment file (TOML): what pattern of dots is wanted, independent of any head.
//!
//! Lengths are in millimetres and densities in dots per cm², with the unit in the key; here they become typed quantities. Unknown keys
//! and values out of range are refused. See `planner/treatments/` for complete examples.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::limits::DEPTH_CAP;
use crate::units::{Density, Length};

/// The most dots one treatment may have. Source: a whole scalp is about 50,000; twice that is a mistake.
pub const MOST_DOTS: u32 = 100_000;
/// The densest that is laid. Source: natural hair is 143 ± 28 hairs/cm², so no design needs more.
pub const DENSEST: Density = Density::from_per_cm2(200.0);
/// The lowest hairline accepted, measured on the skin from glabella to mid-frontal point. Source: facts: "never too low"; the rule is
/// 80 mm for men, about 64 mm is a female forehead; 50 mm is this project's own floor.
pub const LOWEST_HAIRLINE: Length = Length::from_mm(50.0);

/// Regularity where the file does not say. Source: "real follicles are never perfectly even"; this project's own figure.
pub const DEFAULT_REGULARITY: f64 = 0.7;

/// A treatment's design.
#[derive(Debug, Clone, PartialEq)]
pub struct Treatment {
    /// Its name, for people.
    pub name: String,
    /// The exact total of dots over all layers; the zones' densities then only weigh the zones. `None`: density times area decides.
    pub dots: Option<u32>,
    /// Share of the dots that is there after each layer: rising, the last is 1.
    pub layers: Vec<f64>,
    /// Width over which the density fades out where the treated area ends at untreated scalp.
    pub feather: Length,
    /// How even the spacing is, 0..=1: 1 is strict blue noise, 0 the spacing of natural follicles.
    pub regularity: f64,
    /// The hairline.
    pub hairline: Hairline,
    /// The pigment shades, by the index zones use.
    pub shades: Vec<ShadeDesign>,
    /// The zones.
    pub zones: Vec<ZoneDesign>,
}

/// The front edge of the treated area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hairline {
    /// From the glabella to the mid-frontal point, on the skin. Source of the default 80 mm: Garg's rule.
    pub height: Length,
    /// How much farther back the frontotemporal points lie than the mid-frontal point.
    pub recession: Length,
    /// How far the frontotemporal points lie to the side of the midline, straight.
    pub half_width: Length,
    /// Depth of the transition zone in which the density rises to its full value. Source: 5–10 mm.
    pub transition: Length,
    /// Share of the full density at the very edge, 0..=1. Lower is softer.
    pub edge_density: f64,
    /// Amplitude of the slow waves of the line (macro-irregularity).
    pub waviness: Length,
    /// Amplitude of the fine unevenness of the line (micro-irregularity).
    pub roughness: Length,
}

/// A pigment shade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadeDesign {
    /// Its name.
    pub name: String,
    /// How it looks in the skin, sRGB.
    pub rgb: [u8; 3],
}

/// A part of the scalp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// The band behind the hairline, 25 mm deep.
    Hairline,
    /// From there to the line over the ears.
    Frontal,
    /// From the line over the ears to where the head falls off backwards.
    MidScalp,
    /// The back of the top.
    Crown,
    /// The temples and above the ears.
    Sides,
    /// From the crown down to above the nape.
    Back,
}

impl Region {
    /// All regions.
    pub const ALL: [Self; 6] = [
        Self::Hairline,
        Self::Frontal,
        Self::MidScalp,
        Self::Crown,
        Self::Sides,
        Self::Back,
    ];

    /// The name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hairline => "hairline",
            Self::Frontal => "frontal",
            Self::MidScalp => "mid_scalp",
            Self::Crown => "crown",
            Self::Sides => "sides",
            Self::Back => "back",
        }
    }
}

/// A region with one design.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneDesign {
    /// Where.
    pub region: Region,
    /// How many dots per area, where the density is full.
    pub density: Density,
    /// How deep the needle goes, at most [`DEPTH_CAP`].
    pub depth: Length,
    /// How wide a fresh dot is.
    pub diameter: Length,
    /// Share of each shade (index into [`Treatment::shades`], share); the shares sum to 1.
    pub shades: Vec<(u8, f64)>,
}

/// Why a treatment file is not accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TreatmentError {
    /// Not TOML, an unknown key, a missing key or a wrong type.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the parser said, with the keys it knows.
        reason: String,
    },
    /// A number out of its range.
    #[error("{key} is {value}; it must be {low} to {high}")]
    Range {
        /// The key with its place.
        key: String,
        /// What it is.
        value: f64,
        /// The least accepted.
        low: f64,
        /// The most accepted.
        high: f64,
    },
    /// A hairline that nobody should get.
    #[error(
        "hairline.height_mm is {height_mm}; below {lowest_mm} the hairline is too low and is refused (the usual is 80)"
    )]
    HairlineTooLow {
        /// What it is.
        height_mm: f64,
        /// The least accepted.
        lowest_mm: f64,
    },
    /// The layers do not rise to 1.
    #[error("layers must have 1 to 8 shares that rise and end with 1.0, such as [0.3, 0.7, 1.0]")]
    Layers,
    /// No zone.
    #[error("there is no zone; add at least one [[zones]] with a region")]
    NoZones,
    /// A region twice.
    #[error("the region \"{region}\" has two zones; keep one")]
    RegionTwice {
        /// Which.
        region: &'static str,
    },
    /// No shade, or too many.
    #[error("there are {count} shades; 1 to 16 are possible")]
    ShadeCount {
        /// How many.
        count: usize,
    },
    /// A shade name twice.
    #[error("the shade \"{shade}\" is defined twice; keep one")]
    ShadeTwice {
        /// Which.
        shade: String,
    },
    /// A zone names a shade that is not defined.
    #[error(
        "zone \"{region}\" uses the shade \"{shade}\", which is not defined; known are {known}"
    )]
    UnknownShade {
        /// The zone.
        region: &'static str,
        /// The shade.
        shade: String,
        /// The shades there are.
        known: String,
    },
    /// Shares that are no shares.
    #[error("the shades of zone \"{region}\" sum to {sum}; they must sum to 1")]
    Shares {
        /// The zone.
        region: &'static str,
        /// Their sum.
        sum: f64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    dots: Option<u32>,
    layers: Vec<f64>,
    feather_mm: f64,
    regularity: Option<f64>,
    hairline: HairlineFile,
    shades: Vec<ShadeFile>,
    zones: Vec<ZoneFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HairlineFile {
    height_mm: f64,
    recession_mm: f64,
    half_width_mm: f64,
    transition_mm: f64,
    edge_density: f64,
    waviness_mm: f64,
    roughness_mm: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShadeFile {
    name: String,
    rgb: [u8; 3],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneFile {
    region: Region,
    density_per_cm2: f64,
    depth_mm: f64,
    diameter_mm: f64,
    shades: BTreeMap<String, f64>,
}

fn in_range(
    key: impl Into<String>,
    value: f64,
    low: f64,
    high: f64,
) -> Result<f64, TreatmentError> {
    // NaN is in no range.
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(TreatmentError::Range {
            key: key.into(),
            value,
            low,
            high,
        })
    }
}

impl Treatment {
    /// Reads a treatment file's text.
    ///
    /// # Errors
    /// Text that is no such file, an unknown key, or a value out of its range.
    pub fn parse(text: &str) -> Result<Self, TreatmentError> {
        let file: File = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start.min(text.len()));
            let line = 1 + text.as_bytes()[..at]
                .iter()
                .filter(|&&b| b == b'\n')
                .count();
            TreatmentError::Syntax {
                line,
                reason: e.message().replace('\n', " "),
            }
        })?;
        if let Some(dots) = file.dots {
            in_range("dots", f64::from(dots), 1.0, f64::from(MOST_DOTS))?;
        }
        check_layers(&file.layers)?;
        let shades = shades(file.shades)?;
        let zones = zones(file.zones, &shades)?;
        Ok(Self {
            name: file.name,
            dots: file.dots,
            layers: file.layers,
            feather: Length::from_mm(in_range("feather_mm", file.feather_mm, 0.0, 40.0)?),
            regularity: in_range(
                "regularity",
                file.regularity.unwrap_or(DEFAULT_REGULARITY),
                0.0,
                1.0,
            )?,
            hairline: hairline(&file.hairline)?,
            shades,
            zones,
        })
    }
}

fn check_layers(layers: &[f64]) -> Result<(), TreatmentError> {
    let rising = layers.windows(2).all(|pair| pair[0] < pair[1]);
    let ends = layers.first().is_some_and(|&f| f > 0.0)
        && layers.last().is_some_and(|&l| (l - 1.0).abs() < 1e-9);
    if rising && ends && layers.len() <= 8 {
        Ok(())
    } else {
        Err(TreatmentError::Layers)
    }
}

fn hairline(file: &HairlineFile) -> Result<Hairline, TreatmentError> {
    if file.height_mm < LOWEST_HAIRLINE.mm() {
        return Err(TreatmentError::HairlineTooLow {
            height_mm: file.height_mm,
            lowest_mm: LOWEST_HAIRLINE.mm(),
        });
    }
    let mm = |key: &str, value, low, high| {
        in_range(format!("hairline.{key}"), value, low, high).map(Length::from_mm)
    };
    Ok(Hairline {
        height: mm("height_mm", file.height_mm, LOWEST_HAIRLINE.mm(), 130.0)?,
        recession: mm("recession_mm", file.recession_mm, 0.0, 60.0)?,
        half_width: mm("half_width_mm", file.half_width_mm, 30.0, 75.0)?,
        transition: mm("transition_mm", file.transition_mm, 0.0, 25.0)?,
        edge_density: in_range("hairline.edge_density", file.edge_density, 0.05, 1.0)?,
        waviness: mm("waviness_mm", file.waviness_mm, 0.0, 8.0)?,
        roughness: mm("roughness_mm", file.roughness_mm, 0.0, 4.0)?,
    })
}

fn shades(file: Vec<ShadeFile>) -> Result<Vec<ShadeDesign>, TreatmentError> {
    if file.is_empty() || file.len() > 16 {
        return Err(TreatmentError::ShadeCount { count: file.len() });
    }
    let mut shades: Vec<ShadeDesign> = Vec::with_capacity(file.len());
    for ShadeFile { name, rgb } in file {
        if shades.iter().any(|s| s.name == name) {
            return Err(TreatmentError::ShadeTwice { shade: name });
        }
        shades.push(ShadeDesign { name, rgb });
    }
    Ok(shades)
}

fn zones(file: Vec<ZoneFile>, shades: &[ShadeDesign]) -> Result<Vec<ZoneDesign>, TreatmentError> {
    if file.is_empty() {
        return Err(TreatmentError::NoZones);
    }
    let mut zones: Vec<ZoneDesign> = Vec::with_capacity(file.len());
    for zone in file {
        let region = zone.region.name();
        if zones.iter().any(|z| z.region == zone.region) {
            return Err(TreatmentError::RegionTwice { region });
        }
        let checked = |key: &str, value, low, high| {
            in_range(format!("{key} of zone \"{region}\""), value, low, high)
        };
        zones.push(ZoneDesign {
            region: zone.region,
            density: Density::from_per_cm2(checked(
                "density_per_cm2",
                zone.density_per_cm2,
                1.0,
                DENSEST.per_cm2(),
            )?),
            depth: Length::from_mm(checked("depth_mm", zone.depth_mm, 0.2, DEPTH_CAP.mm())?),
            diameter: Length::from_mm(checked("diameter_mm", zone.diameter_mm, 0.05, 0.5)?),
            shades: shares(region, &zone.shades, shades)?,
        });
    }
    Ok(zones)
}

fn shares(
    region: &'static str,
    file: &BTreeMap<String, f64>,
    shades: &[ShadeDesign],
) -> Result<Vec<(u8, f64)>, TreatmentError> {
    let mut shares = Vec::with_capacity(file.len());
    for (name, &share) in file {
        in_range(
            format!("share of shade \"{name}\" in zone \"{region}\""),
            share,
            0.0,
            1.0,
        )?;
        let known = (0u8..).zip(shades).find(|(_, s)| s.name == *name);
        let Some((index, _)) = known else {
            let known = shades
                .iter()
                .map(|s| s.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(TreatmentError::UnknownShade {
                region,
                shade: name.clone(),
                known,
            });
        };
        shares.push((index, share));
    }
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    if (sum - 1.0).abs() > 1e-6 {
        return Err(TreatmentError::Shares { region, sum });
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "test"
dots = 500
layers = [0.3, 0.7, 1.0]
feather_mm = 10
[hairline]
height_mm = 80
recession_mm = 15
half_width_mm = 58
transition_mm = 8
edge_density = 0.25
waviness_mm = 2
roughness_mm = 1
[[shades]]
name = "medium"
rgb = [70, 60, 55]
[[zones]]
region = "mid_scalp"
density_per_cm2 = 60
depth_mm = 0.6
diameter_mm = 0.15
shades = { medium = 1.0 }
"#;

    #[test]
    fn a_good_file_is_read() {
        let t = Treatment::parse(GOOD).unwrap();
        assert_eq!(t.dots, Some(500));
        assert_eq!(t.zones[0].region, Region::MidScalp);
        assert!((t.zones[0].density.per_cm2() - 60.0).abs() < 1e-9);
        assert_eq!(t.zones[0].shades, vec![(0, 1.0)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |from: &str, to: &str| Treatment::parse(&GOOD.replace(from, to)).unwrap_err();
        let unknown = error("feather_mm", "fether_mm");
        assert!(
            matches!(&unknown, TreatmentError::Syntax { line: 5, reason } if reason.contains("fether_mm")),
            "{unknown}"
        );
        assert!(!unknown.to_string().contains('\n'));
        assert!(matches!(
            error("height_mm = 80", "height_mm = 40"),
            TreatmentError::HairlineTooLow { .. }
        ));
        assert!(matches!(
            error("height_mm = 80", "height_mm = nan"),
            TreatmentError::Range { .. }
        ));
        assert!(matches!(
            error("depth_mm = 0.6", "depth_mm = 2.1"),
            TreatmentError::Range { high: 2.0, .. }
        ));
        assert_eq!(
            error("[0.3, 0.7, 1.0]", "[0.7, 0.3, 1.0]"),
            TreatmentError::Layers
        );
        assert_eq!(
            error("[0.3, 0.7, 1.0]", "[0.3, nan, 1.0]"),
            TreatmentError::Layers
        );
        assert_eq!(error("[0.3, 0.7, 1.0]", "[]"), TreatmentError::Layers);
        assert!(matches!(
            error("{ medium = 1.0 }", "{ medium = 0.9 }"),
            TreatmentError::Shares { .. }
        ));
        assert!(matches!(
            error("{ medium = 1.0 }", "{ dark = 1.0 }"),
            TreatmentError::UnknownShade { .. }
        ));
        assert!(matches!(
            error("dots = 500", "dots = 5000000"),
            TreatmentError::Range { .. }
        ));
        assert!(matches!(
            error("\"mid_scalp\"", "\"beard\""),
            TreatmentError::Syntax { .. }
        ));
    }
}
