//! What a plan is turned into for others: dots.csv, hops.csv, plan.json. Columns and keys are fixed; scripts rely on them.

mod hops;

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use stipple_model::digest::Digest;
use stipple_model::frames::Scan;
use stipple_model::motion::HopError;
use stipple_model::plan::{DotId, Measure, Outcome, Plan, Stop};
use stipple_model::units::Length;

/// Why something cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The table could not be written.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// A hop that the plan promises does not exist: the plan was not made by this planner.
    #[error("the plan's hop to dot {} does not hold: {source}; plan again", dot.0)]
    Hop {
        /// The dot.
        dot: DotId,
        /// Why.
        source: HopError,
    },
    /// A way off the head or back that the plan promises does not exist: the plan was not made by this planner.
    #[error("the plan's way between dot {} and where the arm waits does not hold: {source}; plan again", dot.0)]
    Away {
        /// The dot.
        dot: DotId,
        /// Why.
        source: HopError,
    },
}

pub use hops::hops;

/// Writes `dot,layer,zone,x_m,y_m,z_m,nx,ny,nz,depth_mm,diameter_mm,shade`: every dot in the scan's frame, scaled to metres; n is the
/// outward skin normal.
///
/// # Errors
/// When the writer fails.
pub fn dots(plan: &Plan, to: impl Write) -> Result<(), ExportError> {
    let scan_from_head = plan.head_from_scan.inverse();
    let mut table = csv::Writer::from_writer(to);
    table.write_record([
        "dot",
        "layer",
        "zone",
        "x_m",
        "y_m",
        "z_m",
        "nx",
        "ny",
        "nz",
        "depth_mm",
        "diameter_mm",
        "shade",
    ])?;
    for (i, dot) in plan.dots.iter().enumerate() {
        let p: stipple_model::frames::Point<Scan> = scan_from_head * dot.position;
        let (p, n) = (p.raw(), (scan_from_head * dot.normal).raw());
        let zone = plan
            .zones
            .get(dot.zone as usize)
            .map_or("", |z| z.name.as_str());
        let shade = plan
            .shades
            .get(dot.shade as usize)
            .map_or("", |s| s.name.as_str());
        let mut row = vec![i.to_string(), dot.layer.to_string(), zone.to_owned()];
        row.extend(p.iter().map(|c| format!("{c:.9}")));
        row.extend(n.iter().map(|c| format!("{c:.9}")));
        row.extend([
            format!("{:.4}", dot.depth.mm()),
            format!("{:.4}", dot.diameter.mm()),
            shade.to_owned(),
        ]);
        table.write_record(row)?;
    }
    table.flush().map_err(csv::Error::from)?;
    Ok(())
}

/// plan.json.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The plan's digest.
    pub digest: String,
    /// The planner's version.
    pub planner_version: String,
    /// The seed.
    pub seed: u64,
    /// Digest of the scan file.
    pub scan_digest: String,
    /// The arm.
    pub arm: String,
    /// How many layers.
    pub layers: u8,
    /// All dots.
    pub dots: usize,
    /// Those that will be placed.
    pub planned: usize,
    /// Reason → count of those that will not.
    pub skipped: BTreeMap<&'static str, usize>,
    /// Reason → the two things that come too near to each other → count, of those that something stands in the way of.
    pub skipped_pairs: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// Reason → the dots, by their number in dots.csv. Every dot is in one list or planned.
    pub skipped_dots: BTreeMap<&'static str, Vec<usize>>,
    /// The pigments.
    pub shades: Vec<ShadeSummary>,
    /// Per zone, its layers.
    pub zones: Vec<ZoneSummary>,
    /// Stage → seconds, when the planner's timing lies beside the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages_s: Option<BTreeMap<String, f64>>,
    /// Expected time of all layers, planned stops counted.
    pub session_estimate_s: f64,
    /// What it is spent on.
    pub session_parts_s: BTreeMap<&'static str, f64>,
    /// Layer by layer, the planned pauses in their order.
    pub stops: Vec<Vec<StopSummary>>,
    /// Where the arm waits at them; null where it waits lifted off the head.
    pub station: Option<StationSummary>,
    /// Metres per unit of the scan file.
    pub metres_per_scan_unit: f64,
    /// The head frame against the scan's, the latter scaled to metres.
    pub head_from_scan: PoseSummary,
    /// Where the head is expected.
    pub base_from_head: PoseSummary,
    /// Spheres no tip may enter, in the head frame.
    pub keep_outs: Vec<KeepOutSummary>,
    /// What the operator should know.
    pub findings: Vec<stipple_model::plan::Finding>,
}

/// A planned pause in plan.json.
#[derive(Debug, Serialize)]
pub struct StopSummary {
    /// The dot that waits for it.
    pub before_dot: u32,
    /// What happens.
    pub kind: &'static str,
    /// How long it is expected to take, the ways there and back not counted.
    pub expected_s: f64,
}

/// Where the arm waits in plan.json.
#[derive(Debug, Serialize)]
pub struct StationSummary {
    /// The tip there, as the cell file asks for it; the turn about the needle is the planner's, not this one's.
    pub base_from_tip: PoseSummary,
    /// The arm there.
    pub joints_rad: Vec<f64>,
}

/// A pigment shade in plan.json.
#[derive(Debug, Serialize)]
pub struct ShadeSummary {
    /// Its name.
    pub shade: String,
    /// How it looks in the skin, sRGB.
    pub rgb: [u8; 3],
    /// Parts of water to one of pigment; null where the treatment does not say.
    pub dilution: Option<f64>,
}

/// A zone in plan.json.
#[derive(Debug, Serialize)]
pub struct ZoneSummary {
    /// Its name.
    pub zone: String,
    /// Its area.
    pub area_cm2: f64,
    /// No dot of it goes deeper.
    pub depth_cap_mm: f64,
    /// The needle cartridge; null where the treatment names none.
    pub needle: Option<String>,
    /// How wide a dot is once healed; null where the treatment does not say.
    pub healed_diameter_mm: Option<f64>,
    /// After each layer.
    pub layers: Vec<LayerSummary>,
}

/// A zone after a layer: all dots up to it.
#[derive(Debug, Serialize)]
pub struct LayerSummary {
    /// The layer, from 1.
    pub layer: u8,
    /// Dots so far, those the arm cannot place included, as in dots.csv; all but `planned` is measured of these.
    pub count: u32,
    /// Those of them the arm can place.
    pub planned: u32,
    /// The zone's area.
    pub area_cm2: f64,
    /// Their density.
    pub density_per_cm2: f64,
    /// The density asked for.
    pub target_per_cm2: f64,
    /// Smallest distance over the largest possible.
    pub rho: Option<f64>,
    /// Coefficient of variation of the nearest-neighbour distance.
    pub cv_nn: Option<f64>,
    /// The same over the part of the zone where the density asked for is uniform.
    pub uniform: UniformSummary,
    /// Anisotropy of the power spectrum, dB; 0 has no directions.
    pub anisotropy_db: Option<f64>,
    /// The farthest a dot is from the scan's surface, µm.
    pub off_surface_um: Option<f64>,
    /// The nearest a dot is to an exclusion.
    pub nearest_exclusion_mm: Option<f64>,
    /// The nearest a dot is to a hair or dot that was there before; null when none is near.
    pub nearest_existing_mm: Option<f64>,
    /// Shade → dots.
    pub shades: BTreeMap<String, u32>,
}

/// Spacing in the uniform part of a zone.
#[derive(Debug, Serialize)]
pub struct UniformSummary {
    /// Dots in it.
    pub count: u32,
    /// Smallest distance over the largest possible.
    pub rho: Option<f64>,
    /// Coefficient of variation of the nearest-neighbour distance.
    pub cv_nn: Option<f64>,
}

/// A keep-out in plan.json.
#[derive(Debug, Serialize)]
pub struct KeepOutSummary {
    /// What it protects.
    pub name: String,
    /// Its centre, metres.
    pub center_m: [f64; 3],
    /// Its radius, metres.
    pub radius_m: f64,
}

/// A pose in plan.json.
#[derive(Debug, Serialize)]
pub struct PoseSummary {
    /// Metres.
    pub xyz_m: [f64; 3],
    /// Unit quaternion.
    pub quaternion_xyzw: [f64; 4],
}

/// The plan in numbers.
#[must_use]
pub fn summary(plan: &Plan, digest: &Digest, stages_s: Option<BTreeMap<String, f64>>) -> Summary {
    let mut skipped_dots: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, dot) in plan.dots.iter().enumerate() {
        if let Outcome::Skipped(reason) = dot.outcome {
            skipped_dots.entry(reason.key()).or_default().push(i);
        }
    }
    let skipped: BTreeMap<&str, usize> = skipped_dots.iter().map(|(k, v)| (*k, v.len())).collect();
    let mut skipped_pairs: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for skips in &plan.skips {
        if let Some(pair) = &skips.pair {
            let pairs = skipped_pairs.entry(skips.reason.key()).or_default();
            pairs.insert(pair.clone(), skips.dots as usize);
        }
    }
    let zones = (0u8..).zip(&plan.zones).map(|(index, zone)| ZoneSummary {
        zone: zone.name.clone(),
        area_cm2: zone.area.cm2(),
        depth_cap_mm: zone.depth_cap.mm(),
        needle: zone.needle.clone(),
        healed_diameter_mm: zone.healed_diameter.map(Length::mm),
        layers: plan
            .measures
            .iter()
            .filter(|m| m.zone == index)
            .map(|m| layer_summary(plan, m, zone.area.cm2()))
            .collect(),
    });
    Summary {
        digest: digest.to_string(),
        planner_version: plan.provenance.planner_version.clone(),
        seed: plan.provenance.seed,
        scan_digest: plan.provenance.scan_digest.to_string(),
        arm: plan.cell.arm.name.clone(),
        layers: plan.layers,
        dots: plan.dots.len(),
        planned: plan.dots.len() - skipped.values().sum::<usize>(),
        skipped,
        skipped_pairs,
        skipped_dots,
        shades: plan
            .shades
            .iter()
            .map(|s| ShadeSummary {
                shade: s.name.clone(),
                rgb: s.rgb,
                dilution: s.dilution,
            })
            .collect(),
        zones: zones.collect(),
        stages_s,
        session_estimate_s: plan.session_estimate.total().s(),
        session_parts_s: plan
            .session_estimate
            .parts()
            .named()
            .map(|(name, part)| (name, part.s()))
            .into(),
        stops: stops(plan),
        station: station(plan),
        metres_per_scan_unit: plan.provenance.metres_per_scan_unit,
        head_from_scan: pose_summary(plan.head_from_scan.raw()),
        base_from_head: pose_summary(plan.cell.base_from_head.raw()),
        keep_outs: plan
            .keep_outs
            .iter()
            .map(|k| KeepOutSummary {
                name: k.name.clone(),
                center_m: k.center.raw().into(),
                radius_m: k.radius.m(),
            })
            .collect(),
        findings: plan.findings.clone(),
    }
}

fn stops(plan: &Plan) -> Vec<Vec<StopSummary>> {
    let of_layer = |(order, stops): (&Vec<DotId>, &Vec<Stop>)| {
        let summary = |stop: &Stop| {
            let dot = order.get(stop.before as usize)?;
            Some(StopSummary {
                before_dot: dot.0,
                kind: stop.kind.key(),
                expected_s: stop.expected.s(),
            })
        };
        stops.iter().filter_map(summary).collect()
    };
    plan.sequence
        .iter()
        .zip(&plan.stops)
        .map(of_layer)
        .collect()
}

fn station(plan: &Plan) -> Option<StationSummary> {
    let (pose, joints) = (plan.cell.station.as_ref()?, plan.station.as_ref()?);
    Some(StationSummary {
        base_from_tip: pose_summary(pose.raw()),
        joints_rad: joints.as_slice().to_vec(),
    })
}

fn pose_summary(pose: &nalgebra::Isometry3<f64>) -> PoseSummary {
    PoseSummary {
        xyz_m: pose.translation.vector.into(),
        quaternion_xyzw: pose.rotation.coords.into(),
    }
}

fn layer_summary(plan: &Plan, m: &Measure, area_cm2: f64) -> LayerSummary {
    LayerSummary {
        layer: m.layer,
        count: m.count,
        planned: m.planned,
        area_cm2,
        density_per_cm2: m.density.per_cm2(),
        target_per_cm2: m.target.per_cm2(),
        rho: m.rho,
        cv_nn: m.cv_nn,
        uniform: UniformSummary {
            count: m.uniform.count,
            rho: m.uniform.rho,
            cv_nn: m.uniform.cv_nn,
        },
        anisotropy_db: m.anisotropy_db,
        off_surface_um: m.off_surface.map(|l| l.m() * 1e6),
        nearest_exclusion_mm: m.nearest_exclusion.map(Length::mm),
        nearest_existing_mm: m.nearest_existing.map(Length::mm),
        shades: plan
            .shades
            .iter()
            .zip(&m.shades)
            .map(|(shade, count)| (shade.name.clone(), *count))
            .collect(),
    }
}
