//! The hairline's table.

use super::super::error::TreatmentError;
use super::super::file::{HairlineFile, PolicyFile};
use super::super::{
    Hairline, LOWEST_HAIRLINE, LOWEST_MALE_HAIRLINE, MOST_CURVE_POINTS, WidowsPeak,
};
use super::{Checked, in_range, mm, points};
use crate::units::{Angle, Length};

pub(super) fn hairline(file: &HairlineFile) -> Checked<Hairline> {
    let key = |key: &str| format!("hairline.{key}");
    let within = |name: &str, value: Option<f64>, otherwise: f64, low, high| {
        mm(key(name), value.unwrap_or(otherwise), low, high)
    };
    let maybe = |name: &str, value: Option<f64>, low, high| {
        value.map(|v| mm(key(name), v, low, high)).transpose()
    };
    let widows_peak = match (file.widows_peak_height_mm, file.widows_peak_width_mm) {
        (None, None) => None,
        // Source: "about 10 mm high × 21 mm wide".
        (height, width) => Some(WidowsPeak {
            height: within("widows_peak_height_mm", height, 10.0, 0.0, 20.0)?,
            width: within("widows_peak_width_mm", width, 21.0, 8.0, 60.0)?,
        }),
    };
    let (policy, floor) = policy(file)?;
    let height = file.height_mm.unwrap_or(80.0);
    let lowest_point = height - widows_peak.map_or(0.0, |p: WidowsPeak| p.height.mm());
    if lowest_point < floor.mm() {
        return Err(TreatmentError::HairlineTooLow {
            height_mm: lowest_point,
            lowest_mm: floor.mm(),
            policy,
        });
    }
    let line = points(
        "hairline",
        ["line_mm", "line_deg"],
        file.line_mm.as_deref(),
        file.line_deg.as_deref(),
        (3, MOST_CURVE_POINTS),
    )?;
    if line.is_some() {
        check_own(file)?;
    }
    Ok(Hairline {
        height: mm(key("height_mm"), height, LOWEST_HAIRLINE.mm(), 130.0)?,
        line,
        recession: maybe("recession_mm", file.recession_mm, 0.0, 60.0)?,
        half_width: maybe("half_width_mm", file.half_width_mm, 30.0, 75.0)?,
        frontotemporal: file
            .frontotemporal_deg
            .map(|v| in_range(key("frontotemporal_deg"), v, 40.0, 150.0).map(Angle::from_deg))
            .transpose()?,
        temple_peak: within("temple_peak_mm", file.temple_peak_mm, 50.0, 20.0, 60.0)?,
        widows_peak,
        asymmetry: within("asymmetry_mm", file.asymmetry_mm, 0.0, -15.0, 15.0)?,
        transition: within("transition_mm", file.transition_mm, 8.0, 0.0, 25.0)?,
        edge_density: in_range(
            key("edge_density"),
            file.edge_density.unwrap_or(0.3),
            0.05,
            1.0,
        )?,
        waviness: within("waviness_mm", file.waviness_mm, 2.0, 0.0, 8.0)?,
        roughness: within("roughness_mm", file.roughness_mm, 1.2, 0.0, 4.0)?,
        lowest: floor,
    })
}

/// The policy's name and the lowest it allows.
fn policy(file: &HairlineFile) -> Checked<(&'static str, Length)> {
    Ok(match (file.lowest_mm, file.policy) {
        (Some(own), _) => (
            "lowest_mm",
            mm("hairline.lowest_mm", own, LOWEST_HAIRLINE.mm(), 130.0)?,
        ),
        (None, Some(PolicyFile::Female)) => ("female", LOWEST_HAIRLINE),
        (None, Some(PolicyFile::Male) | None) => ("male", LOWEST_MALE_HAIRLINE),
    })
}

/// An own line has no key of the rule beside it.
fn check_own(file: &HairlineFile) -> Checked<()> {
    let of_the_rule = [
        ("height_mm", file.height_mm),
        ("recession_mm", file.recession_mm),
        ("half_width_mm", file.half_width_mm),
        ("frontotemporal_deg", file.frontotemporal_deg),
        ("temple_peak_mm", file.temple_peak_mm),
        ("widows_peak_height_mm", file.widows_peak_height_mm),
        ("widows_peak_width_mm", file.widows_peak_width_mm),
        ("asymmetry_mm", file.asymmetry_mm),
    ];
    match of_the_rule.into_iter().find(|(_, v)| v.is_some()) {
        Some((key, _)) => Err(TreatmentError::Together {
            what: "hairline".into(),
            key,
            rule: "shapes the rule's line and says nothing about an own line; leave one out",
        }),
        None => Ok(()),
    }
}
