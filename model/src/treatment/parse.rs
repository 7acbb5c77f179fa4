//! From the file's numbers to checked quantities.

mod fitted;
mod hairline;
mod session;
mod zone;

use hairline::hairline;
use zone::zones;

use super::error::TreatmentError;
use super::file::{Deg, ExclusionFile, File, Mm, PlacedFile, ShadeFile, TestPatchFile};
use super::keys;
use super::{
    DEFAULT_REGULARITY, DENSER_AT_MOST, DENSEST, Exclusion, Extent, MOST_CURVE_POINTS, MOST_DOTS,
    MOST_POINTS, Place, Placed, Purpose, ShadeDesign, TestPatch, Treatment, ZoneDesign,
};
use crate::frames::Point;
use crate::limits::DEPTH_CAP;
use crate::units::{Angle, Density, Length};

/// Least needle depth. Source: the epidermis is up to 0.27 mm thick; this project's own.
const SHALLOWEST_MM: f64 = 0.2;
/// Widths a dot may have. Source: healed dots are 0.07–0.12 mm, needles 0.15–0.25 mm.
const DIAMETER_MM: (f64, f64) = (0.05, 0.5);
/// Scan coordinates beyond this are a mistake of unit.
const FARTHEST_MM: f64 = 1e5;
/// The least share of a treatment that a session goes to. Source: this project's own; less is a slip.
const LEAST_SHARE: f64 = 0.01;

type Checked<T> = Result<T, TreatmentError>;

fn in_range(key: impl Into<String>, value: f64, low: f64, high: f64) -> Checked<f64> {
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

/// A whole number in a range.
fn whole<T: TryFrom<i64> + Into<f64> + Copy>(
    key: impl Into<String>,
    value: i64,
    low: T,
    high: T,
) -> Checked<T> {
    in_range(key, value as f64, low.into(), high.into())?;
    // What is in the range fits its type.
    Ok(T::try_from(value).unwrap_or(high))
}

fn mm(key: impl Into<String>, value: f64, low: f64, high: f64) -> Checked<Length> {
    in_range(key, value, low, high).map(Length::from_mm)
}

/// The most characters of a name. Source: this project's own; names stand in tables and messages.
const LONGEST_NAME: usize = 80;

/// Refuses what cannot stand in a line of a report.
fn check_name(key: impl Into<String>, name: &str) -> Checked<()> {
    if (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(TreatmentError::Name {
        key: key.into(),
        most: LONGEST_NAME,
    })
}

impl Treatment {
    /// Reads a treatment file's text.
    ///
    /// # Errors
    /// Text that is no such file, an unknown key, or a value out of its range.
    pub fn parse(text: &str) -> Result<Self, TreatmentError> {
        keys::check(text)?;
        let file: File = toml::from_str(text).map_err(|e| TreatmentError::Syntax {
            line: keys::line(text, e.span().map_or(0, |s| s.start)),
            reason: keys::plain(e.message()),
        })?;
        check_name("name", &file.name)?;
        let dots = file.dots.map(|dots| whole("dots", dots, 1, MOST_DOTS));
        let dots = dots.transpose()?;
        check_layers(&file.layers)?;
        let shades = shades(file.shades)?;
        let zones = zones(file.zones, &shades)?;
        let mut session = session::session(&file.session)?;
        let says = file.session.dwell_ms.is_some();
        let fitted = file
            .fitted
            .map(|f| fitted::fitted(f, &zones, &mut session, says))
            .transpose()?;
        let exclusions = file.exclusions.into_iter().map(exclusion);
        let mut existing = scan_points(
            "existing.points_mm",
            &file.existing.points_mm,
            0,
            MOST_POINTS,
        )?;
        existing.extend(angle_points(
            "existing.points_deg",
            &file.existing.points_deg,
            0,
            MOST_POINTS,
        )?);
        let placed = file.placed.map(|p| placed(p, &file.layers, &shades));
        let placed = placed.transpose()?;
        Ok(Self {
            name: file.name,
            dots,
            denser_at_most: in_range(
                "denser_at_most",
                file.denser_at_most.unwrap_or(DENSER_AT_MOST),
                1.0,
                3.0,
            )?,
            layers: file.layers,
            feather: mm("feather_mm", file.feather_mm, 0.0, 40.0)?,
            regularity: in_range(
                "regularity",
                file.regularity.unwrap_or(DEFAULT_REGULARITY),
                0.0,
                1.0,
            )?,
            hairline: hairline(&file.hairline)?,
            exclusions: exclusions.collect::<Checked<_>>()?,
            existing,
            placed,
            session,
            fitted,
            purpose: Purpose::Treatment,
            test_patch: file
                .test_patch
                .map(|p| test_patch(&p, &shades, &zones))
                .transpose()?,
            shades,
            zones,
        })
    }
}

fn check_layers(layers: &[f64]) -> Checked<()> {
    let rising = layers.windows(2).all(|pair| pair[0] < pair[1]);
    let ends = layers.first().is_some_and(|&f| f > 0.0)
        && layers.last().is_some_and(|&l| (l - 1.0).abs() < 1e-9);
    if rising && ends && layers.len() <= 8 {
        Ok(())
    } else {
        Err(TreatmentError::Layers)
    }
}

fn count(key: &str, count: usize, low: usize, high: usize) -> Checked<()> {
    if (low..=high).contains(&count) {
        return Ok(());
    }
    Err(TreatmentError::Points {
        key: key.to_owned(),
        count,
        low,
        high,
    })
}

fn scan_points(key: &str, points: &[Mm], low: usize, high: usize) -> Checked<Vec<Place>> {
    count(key, points.len(), low, high)?;
    let place = |p: &Mm| {
        for c in p {
            in_range(key, *c, -FARTHEST_MM, FARTHEST_MM)?;
        }
        let [x, y, z] = p.map(|c| c * 1e-3);
        Ok(Place::Scan(Point::new(x, y, z)))
    };
    points.iter().map(place).collect()
}

fn angle_points(key: &str, points: &[Deg], low: usize, high: usize) -> Checked<Vec<Place>> {
    count(key, points.len(), low, high)?;
    let place = |[azimuth, elevation]: &Deg| {
        in_range(format!("{key} (azimuth)"), *azimuth, -180.0, 180.0)?;
        in_range(format!("{key} (elevation)"), *elevation, -90.0, 90.0)?;
        Ok(Place::Angles {
            azimuth: Angle::from_deg(*azimuth),
            elevation: Angle::from_deg(*elevation),
        })
    };
    points.iter().map(place).collect()
}

/// The points of a curve or line given under one of two keys, or `None` where neither is there.
fn points(
    what: &str,
    keys: [&'static str; 2],
    by_mm: Option<&[Mm]>,
    by_deg: Option<&[Deg]>,
    (low, high): (usize, usize),
) -> Checked<Option<Vec<Place>>> {
    let key = |k: &str| format!("{k} of {what}");
    match (by_mm, by_deg) {
        (None, None) => Ok(None),
        (Some(p), None) => scan_points(&key(keys[0]), p, low, high).map(Some),
        (None, Some(p)) => angle_points(&key(keys[1]), p, low, high).map(Some),
        (Some(_), Some(_)) => Err(TreatmentError::Together {
            what: what.to_owned(),
            key: keys[0],
            rule: "and its twin in _deg exclude each other; keep one",
        }),
    }
}

fn shades(file: Vec<ShadeFile>) -> Checked<Vec<ShadeDesign>> {
    if file.is_empty() || file.len() > 16 {
        return Err(TreatmentError::ShadeCount { count: file.len() });
    }
    let mut shades: Vec<ShadeDesign> = Vec::with_capacity(file.len());
    for ShadeFile {
        name,
        rgb,
        dilution,
    } in file
    {
        check_name("name of a shade", &name)?;
        if shades.iter().any(|s| s.name == name) {
            return Err(TreatmentError::ShadeTwice { shade: name });
        }
        // Source: "water to pigment 6:1 to 20:1 (20–30:1 light)"; undiluted is possible.
        let dilution = dilution
            .map(|d| in_range(format!("dilution of shade \"{name}\""), d, 0.0, 50.0))
            .transpose()?;
        let [r, g, b] = rgb.map(|c| whole(format!("rgb of shade \"{name}\""), c, 0, u8::MAX));
        shades.push(ShadeDesign {
            rgb: [r?, g?, b?],
            name,
            dilution,
        });
    }
    Ok(shades)
}

fn shade_named(place: &str, name: &str, shades: &[ShadeDesign]) -> Checked<u8> {
    let known = (0u8..).zip(shades).find(|(_, s)| s.name == name);
    known.map(|(index, _)| index).ok_or_else(|| {
        let known: Vec<&str> = shades.iter().map(|s| s.name.as_str()).collect();
        TreatmentError::UnknownShade {
            place: place.to_owned(),
            shade: crate::text::plain(name, 64),
            nearest: keys::nearest(name, known.iter().copied()).to_owned(),
            known: known.join(", "),
        }
    })
}

fn placed(file: PlacedFile, layers: &[f64], shades: &[ShadeDesign]) -> Checked<Placed> {
    if layers.len() != 1 {
        return Err(TreatmentError::PlacedLayers);
    }
    let mut dots = Vec::new();
    for (name, points) in file.dots_mm {
        let shade = shade_named("placed.dots_mm", &name, shades)?;
        let key = format!("placed.dots_mm.{name}");
        let points = scan_points(&key, &points, 0, MOST_POINTS)?;
        dots.extend(points.into_iter().map(|point| (shade, point)));
    }
    count("placed.dots_mm", dots.len(), 0, MOST_POINTS)?;
    Ok(Placed {
        share: in_range("placed.share", file.share, LEAST_SHARE, 1.0)?,
        seed: in_range("placed.seed", file.seed as f64, 0.0, i64::MAX as f64)
            .map(|_| file.seed.unsigned_abs())?,
        dots,
    })
}

fn exclusion(file: ExclusionFile) -> Checked<Exclusion> {
    check_name("name of an exclusion", &file.name)?;
    let what = format!("exclusion \"{}\"", file.name);
    let curve = points(
        &what,
        ["curve_mm", "curve_deg"],
        file.curve_mm.as_deref(),
        file.curve_deg.as_deref(),
        (3, MOST_CURVE_POINTS),
    )?;
    let centers = points(
        &what,
        ["points_mm", "points_deg"],
        file.points_mm.as_deref(),
        file.points_deg.as_deref(),
        (1, MOST_POINTS),
    )?;
    let extent = match (centers, curve) {
        (Some(centers), None) => Extent::Points {
            centers,
            radius: mm(
                format!("radius_mm of {what}"),
                file.radius_mm.unwrap_or(0.0),
                0.0,
                50.0,
            )?,
        },
        (None, Some(_)) if file.radius_mm.is_some() => {
            return Err(TreatmentError::Together {
                what,
                key: "radius_mm",
                rule: "belongs to points; a curve is as wide as it is drawn",
            });
        }
        (None, Some(curve)) => Extent::Curve(curve),
        _ => {
            return Err(TreatmentError::Where {
                what,
                keys: "points_mm, points_deg, curve_mm, curve_deg",
            });
        }
    };
    let margin = mm(
        format!("margin_mm of {what}"),
        file.margin_mm.unwrap_or(2.0),
        0.0,
        30.0,
    )?;
    let radius = match &extent {
        Extent::Points { radius, .. } => Some(*radius),
        Extent::Curve(_) => None,
    };
    if radius.is_some_and(|radius| (radius + margin).m() <= 0.0) {
        return Err(TreatmentError::Together {
            what,
            key: "radius_mm",
            rule: "and margin_mm are both 0, so no dot is kept away; give one of them",
        });
    }
    Ok(Exclusion {
        margin,
        name: file.name,
        extent,
    })
}

/// The depths of the test patch: rising, and none that one of the zones may not have. The patch lies where hair grows over it, so it is
/// the most careful zone that counts and not the one it lies in.
fn patch_depths(file: &TestPatchFile, zones: &[ZoneDesign]) -> Checked<Vec<Length>> {
    count("test_patch.depths_mm", file.depths_mm.len(), 1, 5)?;
    let depths = file
        .depths_mm
        .iter()
        .map(|d| mm("test_patch.depths_mm", *d, SHALLOWEST_MM, DEPTH_CAP.mm()));
    let depths: Vec<Length> = depths.collect::<Checked<_>>()?;
    if let Some(pair) = depths.windows(2).find(|p| p[0] >= p[1]) {
        return Err(TreatmentError::Range {
            key: "test_patch.depths_mm (each deeper than the one before)".into(),
            value: pair[1].mm(),
            low: pair[0].mm(),
            high: DEPTH_CAP.mm(),
        });
    }
    let careful = zones
        .iter()
        .min_by(|a, b| a.depth_cap.m().total_cmp(&b.depth_cap.m()));
    if let (Some(zone), Some(&deepest)) = (careful, depths.last())
        && deepest > zone.depth_cap
    {
        return Err(TreatmentError::PatchTooDeep {
            depth_mm: deepest.mm(),
            zone: zone.name.clone(),
            cap_mm: zone.depth_cap.mm(),
        });
    }
    Ok(depths)
}

fn test_patch(
    file: &TestPatchFile,
    shades: &[ShadeDesign],
    zones: &[ZoneDesign],
) -> Checked<TestPatch> {
    let what = "test_patch";
    let center = points(
        what,
        ["center_mm", "center_deg"],
        file.center_mm.as_ref().map(std::slice::from_ref),
        file.center_deg.as_ref().map(std::slice::from_ref),
        (1, 1),
    )?;
    let Some([center]) = center.as_deref() else {
        return Err(TreatmentError::Where {
            what: what.to_owned(),
            keys: "center_mm, center_deg",
        });
    };
    let depths = patch_depths(file, zones)?;
    Ok(TestPatch {
        center: *center,
        size: mm(
            "test_patch.size_mm",
            file.size_mm.unwrap_or(12.0),
            5.0,
            30.0,
        )?,
        density: Density::from_per_cm2(in_range(
            "test_patch.density_per_cm2",
            file.density_per_cm2.unwrap_or(40.0),
            1.0,
            DENSEST.per_cm2(),
        )?),
        depths,
        diameter: mm(
            "test_patch.diameter_mm",
            file.diameter_mm,
            DIAMETER_MM.0,
            DIAMETER_MM.1,
        )?,
        shade: shade_named("test_patch", &file.shade, shades)?,
    })
}

#[cfg(test)]
mod tests;
