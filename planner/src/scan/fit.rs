//! Whether a scan is good enough to plan on: what its surface alone may take of the accuracy that dots need.
//!
//! A mesh that is read may still be too coarse or too rough. The limits are those of the treatment, not of the file: dots are to lie
//! within 0.15 mm of where they belong relative to each other and within 1 mm of where they belong on the head, and the needle within 15° of
//! the skin's normal. A scan that takes one of these for itself alone leaves nothing for the arm.

use nalgebra::Vector3;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::units::Length;

use super::Scanned;
use super::cover::Cap;
use super::error::ScanError;
use crate::register::Anatomy;

/// Half of the surface may lie in triangles with longer edges. Source: over an edge e a head of the radius r bulges e²/8r; with 80 mm,
/// an adult's, 9.8 mm make the 0.15 mm that dots may be off each other.
pub const COARSEST_MEDIAN: Length = Length::from_mm(9.8);
/// A tenth of the surface may lie in triangles with longer edges. Source: the same, for the 1 mm that dots may be off in all.
pub const COARSEST_LONG: Length = Length::from_mm(25.0);
/// Facets may stand so far off the skin that they scatter about, root mean square, degrees. Source: the needle's 15° off the normal; areas
/// are 3.5% too large by then, and dots 1.7% too close.
pub const ROUGHEST_DEG: f64 = 15.0;

/// Holds a scan against the limits. Without a head frame nobody knows where the scalp is: a tenth of the surface may be a bust's foot, and
/// only its half is held against a limit.
///
/// # Errors
/// [`ScanError::TooCoarse`], [`ScanError::TooRough`].
pub fn check(scan: &Scanned) -> Result<(), ScanError> {
    let everywhere = |_: &Vector3<f64>| true;
    coarse(&edges(&scan.mesh, everywhere), None)?;
    rough(scan)
}

/// The same with a head frame: how coarse the surface is counts where the scalp is, whatever the shoulders are made of.
///
/// # Errors
/// As [`check`].
pub fn check_head(
    scan: &Scanned,
    head: &SurfaceMesh<Head>,
    anatomy: &Anatomy,
) -> Result<(), ScanError> {
    let Some(cap) = Cap::measure(head, anatomy) else {
        return check(scan);
    };
    coarse(
        &edges(head, |middle| cap.holds(middle)),
        Some(COARSEST_LONG),
    )?;
    rough(scan)
}

/// The angle of facets to the skin that an inflation of the area stands for: 1/cos on average, degrees.
#[must_use]
pub fn tilt_deg(inflation: f64) -> f64 {
    // For small slopes the area grows by half their mean square.
    (2.0 * (inflation - 1.0).max(0.0))
        .sqrt()
        .atan()
        .to_degrees()
}

fn rough(scan: &Scanned) -> Result<(), ScanError> {
    let (Some(noise), Some(inflation)) = (scan.noise, scan.inflation) else {
        return Ok(());
    };
    let tilt_deg = tilt_deg(inflation);
    if tilt_deg > ROUGHEST_DEG {
        return Err(ScanError::TooRough {
            tilt_deg,
            noise_mm: noise.mm(),
            inflation,
            limit_deg: ROUGHEST_DEG,
        });
    }
    Ok(())
}

/// The longest edge and the area of each triangle whose middle counts.
fn edges<F>(mesh: &SurfaceMesh<F>, counts: impl Fn(&Vector3<f64>) -> bool) -> Vec<(f64, f64)>
where
    F: stipple_model::frames::Frame,
{
    (0..mesh.triangles().len())
        .map(|t| (mesh.corners(t).map(|p| p.raw()), mesh.triangle_area(t).m2()))
        .filter(|([a, b, c], _)| counts(&((a + b + c) / 3.0)))
        .map(|([a, b, c], area)| {
            let longest = (b - a).norm().max((c - b).norm()).max((a - c).norm());
            (longest, area)
        })
        .collect()
}

fn coarse(edges: &[(f64, f64)], longest: Option<Length>) -> Result<(), ScanError> {
    let mut sorted = edges.to_vec();
    sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let all: f64 = sorted.iter().map(|(_, area)| area).sum();
    // The edge above which triangles make up this share of the area.
    let above = |share: f64| {
        let mut sum = 0.0;
        let reached = sorted.iter().find(|(_, area)| {
            sum += area;
            sum >= share * all
        });
        Length::from_m(reached.map_or(0.0, |(edge, _)| *edge))
    };
    let (median, long) = (above(0.5), above(0.1));
    if median > COARSEST_MEDIAN || longest.is_some_and(|most| long > most) {
        return Err(ScanError::TooCoarse {
            median_mm: median.mm(),
            long_mm: long.mm(),
            limit_mm: COARSEST_MEDIAN.mm(),
            long_limit_mm: COARSEST_LONG.mm(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derivation in the constants' words, as arithmetic.
    #[test]
    fn the_limits_are_what_their_sources_say() {
        let bulge = |edge: Length| edge.m().powi(2) / (8.0 * 0.080);
        assert!((bulge(COARSEST_MEDIAN) - 0.15e-3).abs() < 0.005e-3);
        assert!((bulge(COARSEST_LONG) - 1.0e-3).abs() < 0.05e-3);
        let slope = ROUGHEST_DEG.to_radians().tan();
        assert!((tilt_deg(1.0 + 0.5 * slope * slope) - ROUGHEST_DEG).abs() < 1e-9);
        assert!((0.5 * slope * slope - 0.035).abs() < 0.002);
    }

    #[test]
    fn a_few_long_edges_pass_and_a_tenth_of_the_area_does_not() {
        let some = |long: usize| -> Vec<(f64, f64)> {
            (0..100)
                .map(|i| (if i < long { 0.040 } else { 0.004 }, 1.0))
                .collect()
        };
        let most = Some(COARSEST_LONG);
        assert!(coarse(&some(5), most).is_ok());
        assert!(coarse(&some(11), None).is_ok());
        for (edges, most) in [(some(11), most), (some(51), None)] {
            let error = coarse(&edges, most).unwrap_err();
            assert!(matches!(error, ScanError::TooCoarse { .. }), "{error}");
        }
        assert!(coarse(&[], most).is_ok());
    }
}
