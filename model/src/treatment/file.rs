//! The treatment file as it is written: raw numbers under their keys, before any check.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A place of three coordinates, mm, in the scan's frame.
pub(super) type Mm = [f64; 3];
/// A place as azimuth and elevation, degrees.
pub(super) type Deg = [f64; 2];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub name: String,
    pub dots: Option<i64>,
    pub denser_at_most: Option<f64>,
    pub layers: Vec<f64>,
    pub feather_mm: f64,
    pub regularity: Option<f64>,
    #[serde(default)]
    pub hairline: HairlineFile,
    pub shades: Vec<ShadeFile>,
    pub zones: Vec<ZoneFile>,
    #[serde(default)]
    pub exclusions: Vec<ExclusionFile>,
    #[serde(default)]
    pub existing: ExistingFile,
    pub placed: Option<PlacedFile>,
    #[serde(default)]
    pub session: SessionFile,
    pub test_patch: Option<TestPatchFile>,
    pub fitted: Option<FittedFile>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct HairlineFile {
    pub height_mm: Option<f64>,
    pub line_mm: Option<Vec<Mm>>,
    pub line_deg: Option<Vec<Deg>>,
    pub recession_mm: Option<f64>,
    pub half_width_mm: Option<f64>,
    pub frontotemporal_deg: Option<f64>,
    pub temple_peak_mm: Option<f64>,
    pub widows_peak_height_mm: Option<f64>,
    pub widows_peak_width_mm: Option<f64>,
    pub asymmetry_mm: Option<f64>,
    pub transition_mm: Option<f64>,
    pub edge_density: Option<f64>,
    pub waviness_mm: Option<f64>,
    pub roughness_mm: Option<f64>,
    pub policy: Option<PolicyFile>,
    pub lowest_mm: Option<f64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum PolicyFile {
    Male,
    Female,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShadeFile {
    pub name: String,
    pub rgb: [i64; 3],
    pub dilution: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneFile {
    pub region: Option<String>,
    pub name: Option<String>,
    pub curve_mm: Option<Vec<Mm>>,
    pub curve_deg: Option<Vec<Deg>>,
    pub line_mm: Option<Vec<Mm>>,
    pub line_deg: Option<Vec<Deg>>,
    pub width_mm: Option<f64>,
    pub density_per_cm2: f64,
    pub existing_per_cm2: Option<f64>,
    pub feather_mm: Option<f64>,
    pub depth_mm: f64,
    pub depth_cap_mm: Option<f64>,
    pub needle: Option<String>,
    pub diameter_mm: f64,
    pub healed_diameter_mm: Option<f64>,
    pub shades: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExclusionFile {
    pub name: String,
    pub points_mm: Option<Vec<Mm>>,
    pub points_deg: Option<Vec<Deg>>,
    pub radius_mm: Option<f64>,
    pub curve_mm: Option<Vec<Mm>>,
    pub curve_deg: Option<Vec<Deg>>,
    pub margin_mm: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ExistingFile {
    #[serde(default)]
    pub points_mm: Vec<Mm>,
    #[serde(default)]
    pub points_deg: Vec<Deg>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlacedFile {
    pub share: f64,
    pub seed: i64,
    pub dots_mm: BTreeMap<String, Vec<Mm>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionFile {
    pub dots_per_dip: Option<i64>,
    pub dip_s: Option<f64>,
    pub dots_per_needle: Option<i64>,
    pub needle_change_s: Option<f64>,
    pub shade_change_s: Option<f64>,
    pub break_every_min: Option<f64>,
    pub break_min: Option<f64>,
    pub rest_radius_mm: Option<f64>,
    pub rest_s: Option<f64>,
    pub dwell_ms: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestPatchFile {
    pub center_mm: Option<Mm>,
    pub center_deg: Option<Deg>,
    pub size_mm: Option<f64>,
    pub density_per_cm2: Option<f64>,
    pub depths_mm: Vec<f64>,
    pub diameter_mm: f64,
    pub shade: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FittedFile {
    pub client: String,
    pub day: toml::value::Datetime,
    pub depth_mm: f64,
    pub dwell_ms: f64,
}
