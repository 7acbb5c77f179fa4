//! Points without faces become a surface: thinned out, given normals, reconstructed, drawn onto the points, and parted into what was
//! scanned and what was only closed over.
//!
//! However many points a file has, at most [`thin::MOST_POINTS`] are used and the grid has at most [`poisson::MOST_NODES`] nodes: on top
//! of what reading the file takes, memory is bounded whatever the points are. `check-scan` of a binary PLY takes 84 MB for 60,000 points of
//! a head, 260 MB for 300,000 of a head with shoulders, 335 MB for 2,000,000 of a head with normals.

mod covered;
mod grid;
mod near;
mod nets;
mod normals;
mod outward;
mod patch;
mod poisson;
mod thin;

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::units::Length;

use super::error::ScanError;
use super::finding::ScanFinding;
use super::noise;
use near::Near;
pub(super) use thin::{Thinned, thin};

/// Median distance to the nearest point beyond which there is no surface to speak of. Source: this project's own; a mesh is told as
/// coarse from 6 mm.
const SPARSEST: Length = Length::from_mm(3.0);
/// The finest grid. Source: dots are 1 mm apart and more; vertices are drawn onto the points, so that cells only have to be small against
/// the skin's curvature.
const FINEST: Length = Length::from_mm(1.25);
/// Points may leave the surface uncertain by this much. Source: this project's own; a quarter of the 1 mm a dot may be off in all.
const UNCERTAIN: Length = Length::from_mm(0.25);
/// The surface's uncertainty is told for the mean of the points within this distance. Source: this project's own; the scalp is nearly a
/// paraboloid over so much, ears are not.
const AVERAGED: Length = Length::from_mm(4.0);
/// Roughness that points may leave in the surface: patches are laid through as many points as that takes, within [`PATCH`].
const SMOOTH: Length = Length::from_mm(0.03);
/// Points a patch is laid through, at least and at most.
const PATCH: [f64; 2] = [15.0, 80.0];
/// Points a normal is fitted to, at least and at most.
const NORMAL: [usize; 2] = [14, 48];
/// Points around a place that their roughness is measured with, and places looked at.
const ROUGHNESS: [usize; 2] = [40, 2000];
/// Normals in the file that are compared with the points.
const COMPARED: usize = 20_000;
/// The share of them that must stand on the points' surface, and of their neighbours that must be on the same side.
const AGREEING: f64 = 0.9;

/// The surface of a cloud, file units.
pub(super) struct Surface {
    pub vertices: Vec<Vector3<f64>>,
    /// What points lie on.
    pub triangles: Vec<[u32; 3]>,
    /// What was closed over: no point is near.
    pub closed_over: Vec<[u32; 3]>,
}

/// Makes the surface. `metres` in one file unit.
pub(super) fn surface(
    cloud: &Thinned,
    metres: f64,
    findings: &mut Vec<ScanFinding>,
) -> Result<Surface, ScanError> {
    let length = |units: f64| Length::from_m(units * metres);
    let spacing = length(cloud.spacing);
    if spacing > SPARSEST {
        return Err(ScanError::SparseCloud {
            points: cloud.in_file,
            spacing_mm: spacing.mm(),
            limit_mm: SPARSEST.mm(),
        });
    }
    let points = &cloud.points;
    let near = Near::new(points, 2.0 * cloud.width);
    let stray = stray(points, &near);
    check_noise(cloud, length(stray), length(cloud.width))?;
    let fitted = (2.0 * length(stray).m() / SMOOTH.m())
        .powi(2)
        .clamp(PATCH[0], PATCH[1]) as usize;
    let normals = sided(cloud, &near, fitted.clamp(NORMAL[0], NORMAL[1]), findings);
    let areas = areas(cloud);
    let cell = (FINEST.m() / metres).max(cloud.width).max(2.5 * stray);
    let field = poisson::reconstruct(points, &normals, &areas, cell);
    let cell = field.grid.cell;
    let (mut vertices, triangles) = nets::surface(field);
    let patches = patch::Cloud {
        points,
        normals: &normals,
        near: &near,
        fitted,
    };
    patch::draw_onto(&mut vertices, &triangles, &patches, cell);
    let (triangles, closed_over) = covered::part(cloud, &near, &vertices, triangles, (cell, stray));
    findings.push(ScanFinding::FromPoints {
        points: cloud.in_file,
        used: points.len(),
        spacing,
        cell: length(cell),
    });
    if cloud.strays > 0 {
        findings.push(ScanFinding::StrayPoints {
            points: cloud.strays,
        });
    }
    if !cloud.hidden.is_empty() {
        findings.push(ScanFinding::HiddenPoints {
            points: cloud.hidden.len(),
        });
    }
    if cloud.reduced && length(cell) > FINEST * 1.05 {
        findings.push(ScanFinding::ThinnedCloud {
            points: points.len(),
            cell: length(cell),
        });
    }
    Ok(Surface {
        vertices,
        triangles,
        closed_over,
    })
}

/// How far points stray from a smooth surface through their neighbours: the standard deviation, the median over the cloud.
fn stray(points: &[Vector3<f64>], near: &Near) -> f64 {
    let mut strays: Vec<f64> = points
        .par_iter()
        .step_by(points.len() / ROUGHNESS[1] + 1)
        .filter_map(|p| {
            let around = near.nearest(p, ROUGHNESS[0]);
            let own: Vec<Vector3<f64>> = around.iter().map(|(_, i)| points[*i as usize]).collect();
            noise::stray(&own)
        })
        .collect();
    thin::median(&mut strays)
}

/// Refuses points that leave the surface too uncertain.
fn check_noise(cloud: &Thinned, stray: Length, width: Length) -> Result<(), ScanError> {
    let averaged = std::f64::consts::PI * (AVERAGED.m() / width.m().max(f64::MIN_POSITIVE)).powi(2);
    // A paraboloid's height at its middle is twice as uncertain as a mean.
    let uncertain = stray * (2.0 / averaged.max(1.0).sqrt());
    if uncertain > UNCERTAIN {
        return Err(ScanError::NoisyCloud {
            points: cloud.in_file,
            stray_mm: stray.mm(),
            spacing_mm: width.mm(),
            uncertain_mm: uncertain.mm(),
            limit_mm: UNCERTAIN.mm(),
        });
    }
    Ok(())
}

/// The normals to use: the file's if they fit the points and each other, else estimated ones.
fn sided(
    cloud: &Thinned,
    near: &Near,
    fitted: usize,
    findings: &mut Vec<ScanFinding>,
) -> Vec<Vector3<f64>> {
    if let Some(given) = cloud
        .normals
        .as_ref()
        .filter(|n| fit_points(cloud, near, fitted, n))
    {
        let outward: f64 = given.iter().zip(&cloud.free).map(|(n, f)| n.dot(f)).sum();
        if outward >= 0.0 {
            return given.clone();
        }
        findings.push(ScanFinding::InsideOut);
        return given.iter().map(|n| -n).collect();
    }
    findings.push(ScanFinding::NormalsEstimated {
        given: cloud.normals.is_some(),
    });
    normals::estimate(&cloud.points, near, fitted, &cloud.free)
}

/// Whether normals stand on the points' surface and on the same side as their neighbours'.
fn fit_points(cloud: &Thinned, near: &Near, fitted: usize, given: &[Vector3<f64>]) -> bool {
    let points = &cloud.points;
    let good: Vec<bool> = points
        .par_iter()
        .zip(given)
        .step_by(points.len() / COMPARED + 1)
        .map(|(p, n)| {
            let around = near.nearest(p, fitted);
            let alike = |(_, j): &&(f64, u32)| given[*j as usize].dot(n) > 0.0;
            let same = around.iter().filter(alike).count();
            let stands = normals::fit(points, &around).dot(n).abs() > 0.5;
            stands && same as f64 > AGREEING * around.len() as f64
        })
        .collect();
    good.iter().filter(|g| **g).count() as f64 >= AGREEING * good.len() as f64
}

/// The surface each point stands for; a lonely one for no more than a few others.
fn areas(cloud: &Thinned) -> Vec<f64> {
    let most = 3.0 * cloud.width;
    cloud.scale.iter().map(|s| s.min(most).powi(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points spread evenly over an ellipsoid of a head's half axes, those that are chosen.
    fn head(count: usize, keep: impl Fn(&Vector3<f64>) -> bool) -> Vec<Vector3<f64>> {
        let half = Vector3::new(97.0, 76.0, 105.0);
        (0..count)
            .map(|i| {
                let z = 1.0 - 2.0 * (i as f64 + 0.5) / count as f64;
                let (r, a) = ((1.0 - z * z).sqrt(), i as f64 * 2.399_963_229_728_653);
                Vector3::new(r * a.cos(), r * a.sin(), z).component_mul(&half)
            })
            .filter(keep)
            .collect()
    }

    /// Distance from the ellipsoid, mm, to first order.
    fn off(v: &Vector3<f64>) -> f64 {
        let half = Vector3::new(97.0, 76.0, 105.0);
        let u = v.component_div(&half);
        let gradient = u.component_div(&half);
        (u.norm() - 1.0).abs() * u.norm() / gradient.norm()
    }

    #[test]
    fn normals_point_outward_and_the_surface_lies_on_the_points() {
        let points = head(30_000, |p| p.z > -70.0);
        let cloud = thin(&points, None).unwrap();
        let normals = normals::estimate(
            &cloud.points,
            &Near::new(&cloud.points, 2.0 * cloud.width),
            14,
            &cloud.free,
        );
        assert!(
            cloud
                .points
                .iter()
                .zip(&normals)
                .all(|(p, n)| n.dot(p) > 0.0)
        );
        let mut findings = Vec::new();
        let surface = surface(&cloud, 1e-3, &mut findings).unwrap();
        let worst = |low: f64| {
            surface
                .triangles
                .iter()
                .flatten()
                .map(|&i| &surface.vertices[i as usize])
                .filter(|v| v.z > low)
                .map(off)
                .fold(0.0, f64::max)
        };
        assert!(worst(-64.0) < 0.25, "{} mm off", worst(-64.0));
        // At the cloud's edge the closing begins; dots keep 5 mm away from there.
        assert!(worst(-90.0) < 2.0, "{} mm off at the edge", worst(-90.0));
        // The neck is closed over and not taken for scanned.
        let middle = |t: &[u32; 3]| {
            t.iter()
                .map(|&i| surface.vertices[i as usize].z)
                .sum::<f64>()
                / 3.0
        };
        assert!(!surface.closed_over.is_empty());
        // It bulges into the head a little, and stays far below the crown.
        assert!(surface.closed_over.iter().all(|t| middle(t) < -40.0));
        assert!(surface.triangles.iter().all(|t| middle(t) > -76.0));
    }

    #[test]
    fn normals_turned_inward_are_turned_and_wrong_ones_replaced() {
        let points = head(20_000, |p| p.z > -70.0);
        let codes = |normals: &[Vector3<f64>]| {
            let cloud = thin(&points, Some(normals)).unwrap();
            let mut findings = Vec::new();
            let _ = surface(&cloud, 1e-3, &mut findings).unwrap();
            findings.iter().map(ScanFinding::code).collect::<Vec<_>>()
        };
        let inward: Vec<_> = points.iter().map(|p| -p.normalize()).collect();
        assert!(codes(&inward).contains(&"inside_out"));
        let wild: Vec<_> = points
            .iter()
            .map(|p| Vector3::new(p.y, -p.x, 0.1).normalize())
            .collect();
        assert!(codes(&wild).contains(&"normals_estimated"));
    }

    #[test]
    fn strays_are_dropped_and_sparse_clouds_refused() {
        let mut points = head(20_000, |_| true);
        points.push(Vector3::new(9000.0, 0.0, 0.0));
        points.extend((0..5).map(|i| Vector3::new(0.0, f64::from(i), 400.0)));
        let cloud = thin(&points, None).unwrap();
        assert!(cloud.points.iter().all(|p| p.norm() < 110.0));
        let sparse = thin(&head(800, |_| true), None).unwrap();
        assert!(matches!(
            surface(&sparse, 1e-3, &mut Vec::new()),
            Err(ScanError::SparseCloud { points: 800, .. })
        ));
    }
}
