//! Whether a scan is good enough to plan on: what its surface alone may take of the accuracy that dots need.
//!
//! A mesh that is read may still be too coarse or too rough. The limits are those of the treatment, not of the file: dots are to lie
//! within 0.15 mm of where they belong relative to each other and within 1 mm of where they belong on the head, and the needle within
//! 15° of the skin's normal. A scan that takes one of these for itself alone leaves nothing for the arm.

use nalgebra::Vector3;
use stipple_model::frames::{Frame, Head};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::units::Length;

use super::Scanned;
use super::cover::Cap;
use super::error::ScanError;
use crate::register::Anatomy;

/// How far points of flat facets may scatter off the skin's curve, standard deviation, on half of the surface. Source: the 0.15 mm that
/// dots may be off each other.
pub const MOST_SCATTER: Length = Length::from_mm(0.15);
/// How far facets may lie off the skin's curve at their worst, on all but a tenth of the surface. Source: the 1 mm that dots may be off on
/// the head.
pub const MOST_BULGE: Length = Length::from_mm(1.0);
/// Over the middle of an edge e a surface with the radius r bulges e²/8r. Under a triangle with three such edges the surface is e²/6r off
/// in the middle, and off by e²/31r on average, the mean taken away: what that is of the bulge over an edge.
const IN_THE_MIDDLE: f64 = 8.0 / 6.0;
const SCATTER: f64 = 8.0 / 30.94;
/// Facets may stand so far off the skin that they scatter about, root mean square, degrees. Source: the needle's 15° off the normal; areas
/// are 3.5% too large by then, and dots 1.7% too close.
pub const ROUGHEST_DEG: f64 = 15.0;

/// Holds a scan against the limits. Without a head frame nobody knows where the scalp is: a tenth of the surface may be a bust's foot, and
/// only its half is held against a limit.
///
/// # Errors
/// [`ScanError::TooCoarse`], [`ScanError::TooRough`].
pub fn check(scan: &Scanned) -> Result<(), ScanError> {
    rough(scan)?;
    let everywhere = |_: &Vector3<f64>| true;
    coarse(&bulges(&scan.mesh, everywhere), scan.median_edge, None)
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
    rough(scan)?;
    let bulges = bulges(head, |middle| cap.holds(middle));
    coarse(&bulges, scan.median_edge, Some(MOST_BULGE))
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

/// How far the skin bulges over the edges of a triangle, and the triangle's area, for each whose middle counts.
///
/// Nobody knows the skin between the corners; that it goes on as it turns from corner to corner is the best guess. With the normals m and n
/// at the ends of an edge e it turns by (n − m)·e/e² for each unit of length, and bulges an eighth of (n − m)·e.
fn bulges<F: Frame>(
    mesh: &SurfaceMesh<F>,
    counts: impl Fn(&Vector3<f64>) -> bool,
) -> Vec<(f64, f64)> {
    let mut normals = vec![Vector3::zeros(); mesh.vertices().len()];
    for (t, corners) in mesh.triangles().iter().enumerate() {
        let area = mesh.area_vector(t);
        corners.iter().for_each(|&i| normals[i as usize] += area);
    }
    for normal in &mut normals {
        *normal = normal.try_normalize(0.0).unwrap_or_default();
    }
    let place = |i: u32| mesh.vertices()[i as usize].raw();
    let bulge = |a: u32, b: u32| {
        let turn = normals[b as usize] - normals[a as usize];
        f64::abs(turn.dot(&(place(b) - place(a)))) / 8.0
    };
    mesh.triangles()
        .iter()
        .enumerate()
        .filter(|(_, t)| counts(&(t.iter().map(|&i| place(i)).sum::<Vector3<f64>>() / 3.0)))
        .map(|(t, &[a, b, c])| {
            let most = bulge(a, b).max(bulge(b, c)).max(bulge(c, a));
            (most, mesh.triangle_area(t).m2())
        })
        .collect()
}

fn coarse(bulges: &[(f64, f64)], edge: Length, worst: Option<Length>) -> Result<(), ScanError> {
    let mut sorted = bulges.to_vec();
    sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let all: f64 = sorted.iter().map(|(_, area)| area).sum();
    // The bulge above which triangles make up this share of the area.
    let above = |share: f64| {
        let mut sum = 0.0;
        let reached = sorted.iter().find(|(_, area)| {
            sum += area;
            sum >= share * all
        });
        Length::from_m(reached.map_or(0.0, |(bulge, _)| *bulge))
    };
    let (scatter, bulge) = (above(0.5) * SCATTER, above(0.1) * IN_THE_MIDDLE);
    if scatter > MOST_SCATTER || worst.is_some_and(|most| bulge > most) {
        return Err(ScanError::TooCoarse {
            edge_mm: edge.mm(),
            scatter_mm: scatter.mm(),
            scatter_limit_mm: MOST_SCATTER.mm(),
            bulge_mm: bulge.mm(),
            bulge_limit_mm: MOST_BULGE.mm(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stipple_model::frames::Point;

    use super::*;

    /// The derivation in the constants' words, as arithmetic.
    #[test]
    fn the_limits_are_what_their_sources_say() {
        // Heights under z = −r²/2 over an even triangle with edges of 1: a grid of it, in units of the bulge over an edge.
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.5, 3f64.sqrt() / 2.0]];
        let n = 400;
        let heights: Vec<f64> = (0..n)
            .flat_map(|i| (0..n - i).map(move |j| (i, j)))
            .map(|(i, j)| {
                let (u, v) = (
                    (f64::from(i) + 0.33) / f64::from(n),
                    (f64::from(j) + 0.33) / f64::from(n),
                );
                let at = |k: usize| {
                    corners[0][k] * (1.0 - u - v) + corners[1][k] * u + corners[2][k] * v
                };
                let (x, y) = (at(0) - 0.5, at(1) - 3f64.sqrt() / 6.0);
                (1.0 / 3.0 - x * x - y * y) / 2.0 / (1.0 / 8.0)
            })
            .collect();
        let mean = heights.iter().sum::<f64>() / heights.len() as f64;
        let spread = heights.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / heights.len() as f64;
        let highest = heights.iter().copied().fold(0.0, f64::max);
        assert!((spread.sqrt() - SCATTER).abs() < 0.01, "{}", spread.sqrt());
        assert!((highest - IN_THE_MIDDLE).abs() < 0.01, "{highest}");
        let slope = ROUGHEST_DEG.to_radians().tan();
        assert!((tilt_deg(1.0 + 0.5 * slope * slope) - ROUGHEST_DEG).abs() < 1e-9);
        assert!((0.5 * slope * slope - 0.035).abs() < 0.002);
    }

    /// Facets with their corners on a ball, in a square with 20 of them a side.
    #[test]
    fn the_bulge_of_a_ball_is_found() {
        const SIDE: u32 = 20;
        let (radius, step) = (0.080, 0.08);
        let at = |i: u32| (f64::from(i % SIDE) - 9.5) * step;
        let up = |i: u32| (f64::from(i / SIDE) - 9.5) * step;
        let vertices = (0..SIDE * SIDE)
            .map(|i| Vector3::new(at(i).tan(), up(i).tan(), 1.0).normalize() * radius)
            .map(Point::from_raw)
            .collect();
        let inner =
            |i: u32| (2..SIDE - 3).contains(&(i % SIDE)) && (2..SIDE - 3).contains(&(i / SIDE));
        let triangles: Vec<[u32; 3]> = (0..SIDE * (SIDE - 1))
            .filter(|i| i % SIDE != SIDE - 1)
            .flat_map(|i| [[i, i + 1, i + SIDE], [i + 1, i + SIDE + 1, i + SIDE]])
            .collect();
        let ball = SurfaceMesh::<Head>::new(vertices, triangles).unwrap();
        for (t, (bulge, _)) in bulges(&ball, |_| true).iter().enumerate() {
            // At the rim normals are one-sided.
            if !ball.triangles()[t].iter().all(|&i| inner(i)) {
                continue;
            }
            let [a, b, c] = ball.corners(t).map(|p| p.raw());
            let longest = (b - a).norm().max((c - b).norm()).max((a - c).norm());
            let expected = longest * longest / (8.0 * radius);
            assert!(
                (bulge / expected - 1.0).abs() < 0.15,
                "{bulge} of {expected}"
            );
        }
    }

    #[test]
    fn a_twentieth_of_bad_facets_passes_and_a_ninth_does_not() {
        let some = |bad: usize| -> Vec<(f64, f64)> {
            (0..100)
                .map(|i| (if i < bad { 0.9e-3 } else { 0.1e-3 }, 1.0))
                .collect()
        };
        let (edge, most) = (Length::from_mm(10.0), Some(MOST_BULGE));
        assert!(coarse(&some(5), edge, most).is_ok());
        assert!(coarse(&some(11), edge, None).is_ok());
        for (bulges, most) in [(some(11), most), (some(51), None)] {
            let error = coarse(&bulges, edge, most).unwrap_err();
            assert!(matches!(error, ScanError::TooCoarse { .. }), "{error}");
        }
        assert!(coarse(&[], edge, most).is_ok());
    }
}
