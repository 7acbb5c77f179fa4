//! The zones' tables.

use std::collections::BTreeMap;

use super::super::error::TreatmentError;
use super::super::file::ZoneFile;
use super::super::keys;
use super::super::{
    DENSEST, MOST_CURVE_POINTS, MOST_ZONES, Region, ShadeDesign, Shape, ZoneDesign,
};
use super::{Checked, DIAMETER_MM, SHALLOWEST_MM, check_name, in_range, mm, points, shade_named};
use crate::limits::DEPTH_CAP;
use crate::units::Density;

pub(super) fn zones(file: Vec<ZoneFile>, shades: &[ShadeDesign]) -> Checked<Vec<ZoneDesign>> {
    if file.is_empty() || file.len() > MOST_ZONES {
        return Err(TreatmentError::ZoneCount {
            count: file.len(),
            most: MOST_ZONES,
        });
    }
    let mut zones: Vec<ZoneDesign> = Vec::with_capacity(file.len());
    for zone in file {
        let zone = self::zone(&zone, shades)?;
        if zones.iter().any(|z| z.name == zone.name) {
            return Err(TreatmentError::ZoneTwice { zone: zone.name });
        }
        zones.push(zone);
    }
    Ok(zones)
}

/// A zone's shape; exactly one key says it.
fn shape(file: &ZoneFile, what: &str) -> Checked<Shape> {
    let curve = points(
        what,
        ["curve_mm", "curve_deg"],
        file.curve_mm.as_deref(),
        file.curve_deg.as_deref(),
        (3, MOST_CURVE_POINTS),
    )?;
    let line = points(
        what,
        ["line_mm", "line_deg"],
        file.line_mm.as_deref(),
        file.line_deg.as_deref(),
        (2, MOST_CURVE_POINTS),
    )?;
    if line.is_none() && file.width_mm.is_some() {
        return Err(TreatmentError::Together {
            what: what.to_owned(),
            key: "width_mm",
            rule: "belongs to a line (line_mm or line_deg)",
        });
    }
    // A scar is named as a region and drawn as a line or a curve.
    let region = file
        .region
        .as_deref()
        .filter(|r| *r != "scar" || (curve.is_none() && line.is_none()));
    match (region, curve, line) {
        (Some(region), None, None) => region_named(region).map(Shape::Region),
        (None, Some(curve), None) => Ok(Shape::Curve(curve)),
        (None, None, Some(points)) => Ok(Shape::Line {
            points,
            width: mm(
                format!("width_mm of {what}"),
                file.width_mm.unwrap_or(10.0),
                2.0,
                60.0,
            )?,
        }),
        _ => Err(TreatmentError::Where {
            what: what.to_owned(),
            keys: "region, curve_mm, curve_deg, line_mm, line_deg",
        }),
    }
}

fn region_named(name: &str) -> Checked<Region> {
    if name == "scar" {
        return Err(TreatmentError::Where {
            what: "zone \"scar\"".into(),
            keys: "line_mm, line_deg, curve_mm, curve_deg",
        });
    }
    Region::named(name).ok_or_else(|| TreatmentError::UnknownRegion {
        region: crate::text::plain(name, 64),
        nearest: keys::nearest(
            name,
            Region::ALL.into_iter().map(Region::name).chain(["scar"]),
        ),
    })
}

fn zone(file: &ZoneFile, shades: &[ShadeDesign]) -> Checked<ZoneDesign> {
    let name = match (&file.name, &file.region) {
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => {
            return Err(TreatmentError::Together {
                what: "a zone without a region".into(),
                key: "name",
                rule: "is missing; give it one",
            });
        }
    };
    check_name("name of a zone", &name)?;
    if let Some(needle) = &file.needle {
        check_name("needle of a zone", needle)?;
    }
    let what = format!("zone \"{name}\"");
    let shape = shape(file, &what)?;
    let key = |key: &str| format!("{key} of {what}");
    let length = |name: &str, value, low, high| mm(key(name), value, low, high);
    let wanted = in_range(
        key("density_per_cm2"),
        file.density_per_cm2,
        1.0,
        DENSEST.per_cm2(),
    )?;
    let existing = file
        .existing_per_cm2
        .map(|d| in_range(key("existing_per_cm2"), d, 0.0, DENSEST.per_cm2()))
        .transpose()?;
    if let Some(existing) = existing.filter(|existing| wanted - existing < 1.0) {
        return Err(TreatmentError::NothingToLay {
            zone: name,
            wanted,
            existing,
        });
    }
    let cap = file.depth_cap_mm.unwrap_or(DEPTH_CAP.mm());
    let depth_cap = length("depth_cap_mm", cap, SHALLOWEST_MM, DEPTH_CAP.mm())?;
    let depth = length("depth_mm", file.depth_mm, SHALLOWEST_MM, DEPTH_CAP.mm())?;
    if depth > depth_cap {
        return Err(TreatmentError::TooDeep {
            zone: name,
            depth_mm: depth.mm(),
            cap_mm: depth_cap.mm(),
        });
    }
    let diameter = |name: &str, value| length(name, value, DIAMETER_MM.0, DIAMETER_MM.1);
    let feather = file.feather_mm.map(|f| length("feather_mm", f, 0.0, 40.0));
    let healed = file
        .healed_diameter_mm
        .map(|d| diameter("healed_diameter_mm", d));
    Ok(ZoneDesign {
        density: Density::from_per_cm2(wanted),
        existing: existing.map(Density::from_per_cm2),
        feather: feather.transpose()?,
        depth,
        depth_cap,
        needle: file.needle.clone(),
        diameter: diameter("diameter_mm", file.diameter_mm)?,
        healed_diameter: healed.transpose()?,
        shades: shares(&what, &name, &file.shades, shades)?,
        name,
        shape,
    })
}

fn shares(
    what: &str,
    zone: &str,
    file: &BTreeMap<String, f64>,
    shades: &[ShadeDesign],
) -> Checked<Vec<(u8, f64)>> {
    let mut shares = Vec::with_capacity(file.len());
    for (name, &share) in file {
        let index = shade_named(what, name, shades)?;
        let key = format!("share of shade \"{name}\" in {what}");
        shares.push((index, in_range(key, share, 0.0, 1.0)?));
    }
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    if (sum - 1.0).abs() > 1e-6 {
        return Err(TreatmentError::Shares {
            zone: zone.to_owned(),
            sum,
        });
    }
    Ok(shares)
}
