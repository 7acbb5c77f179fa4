//! Points without faces become a surface: thinned out, given normals, reconstructed, drawn onto the points, and parted into what was
//! scanned and what was only closed over.

mod near;
mod nets;
mod normals;
mod poisson;

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::units::Length;

use super::error::ScanError;
use super::finding::ScanFinding;
use near::Near;

/// Points are thinned to one in each cube of this share of the cloud's length. Source: 0.8 mm on a head of 250 mm, finer than dots are
/// apart; it bounds the number of points by the surface, whatever the file holds.
const THINNED: f64 = 1.0 / 320.0;
/// Median distance to the nearest point beyond which there is no surface to speak of. Source: this project's own; a mesh is told as
/// coarse from 6 mm.
const SPARSEST: Length = Length::from_mm(3.0);
/// A separate cluster with at most this share of the points is dropped. Source: this project's own.
const STRAY_SHARE: f64 = 0.02;
/// The surface counts as scanned within this many times the points' distance, and at least as many grid cells. Source: this project's
/// own; points scattered at random leave gaps of twice their mean distance.
const SCANNED_WITHIN: f64 = 3.0;
/// Mean offset of the points around a place, over their root mean square distance, from which the place is beyond the cloud's edge.
const ONE_SIDED: f64 = 0.7;
/// The share of normals in the file that must agree with the points' own surface, and with each other.
const AGREEING: f64 = 0.9;

/// A cloud that was thinned out and freed from stray points.
pub(super) struct Thinned {
    pub points: Vec<Vector3<f64>>,
    normals: Option<Vec<Vector3<f64>>>,
    /// Typical distance of neighbours, file units.
    spacing: f64,
    in_file: usize,
    strays: usize,
}

/// The surface of a cloud, file units.
pub(super) struct Surface {
    pub vertices: Vec<Vector3<f64>>,
    /// What points lie on.
    pub triangles: Vec<[u32; 3]>,
    /// What was closed over: no point is near.
    pub closed_over: Vec<[u32; 3]>,
}

/// Thins a cloud out. Needs no unit: all is in proportion to the cloud's own size.
pub(super) fn thin(
    points: &[Vector3<f64>],
    normals: Option<&[Vector3<f64>]>,
) -> Result<Thinned, ScanError> {
    if let Some((vertex, v)) = points
        .iter()
        .enumerate()
        .find(|(_, v)| !v.iter().all(|c| c.is_finite()))
    {
        return Err(ScanError::not_finite(vertex, v));
    }
    let (low, size) = core(points);
    let length = size.max();
    if !(length > 0.0 && length.is_finite()) {
        return Err(ScanError::NoFaces {
            vertices: points.len(),
        });
    }
    let (mut points, mut normals) = (
        points.to_vec(),
        normals.filter(|n| usable(n)).map(<[_]>::to_vec),
    );
    let in_file = points.len();
    thin_to(&mut points, &mut normals, &low, length * THINNED);
    // Twice the mean distance if the points lay evenly on a ball: a start for looking for neighbours.
    let within = 2.0 * length * (2.5 / points.len() as f64).sqrt();
    let keep = clusters(&points, within.max(2.0 * length * THINNED));
    let mut flags = keep.iter();
    points.retain(|_| flags.next().copied().unwrap_or(true));
    if let Some(normals) = &mut normals {
        let mut flags = keep.iter();
        normals.retain(|_| flags.next().copied().unwrap_or(true));
    }
    let strays = keep.iter().filter(|k| !**k).count();
    let spacing = spacing(&points, within.max(2.0 * length * THINNED));
    Ok(Thinned {
        points,
        normals,
        spacing,
        in_file,
        strays,
    })
}

/// Where most points begin and how far they reach: 1% at either end of each axis is left out, so that strays do not count.
fn core(points: &[Vector3<f64>]) -> (Vector3<f64>, Vector3<f64>) {
    let (mut low, mut size) = (Vector3::zeros(), Vector3::zeros());
    if points.is_empty() {
        return (low, size);
    }
    for axis in 0..3 {
        let mut along: Vec<f64> = points.iter().map(|p| p[axis]).collect();
        let cut = along.len() / 100;
        let at =
            |along: &mut Vec<f64>, i: usize| *along.select_nth_unstable_by(i, f64::total_cmp).1;
        low[axis] = at(&mut along, cut);
        let last = along.len() - 1 - cut;
        size[axis] = at(&mut along, last) - low[axis];
    }
    (low, size)
}

fn usable(normals: &[Vector3<f64>]) -> bool {
    normals
        .iter()
        .all(|n| n.iter().all(|c| c.is_finite()) && n.norm() > 1e-6)
}

/// One point, the mean, for each cube that has any.
fn thin_to(
    points: &mut Vec<Vector3<f64>>,
    normals: &mut Option<Vec<Vector3<f64>>>,
    low: &Vector3<f64>,
    width: f64,
) {
    // The cast saturates for points far away.
    let mut order: Vec<([i64; 3], u32)> = (0u32..)
        .zip(points.iter())
        .map(|(i, p)| {
            let q = (p - low) / width;
            ([q.x, q.y, q.z].map(|c| c.floor() as i64), i)
        })
        .collect();
    order.par_sort_unstable();
    let mean = |list: &[Vector3<f64>]| -> Vec<Vector3<f64>> {
        order
            .chunk_by(|a, b| a.0 == b.0)
            .map(|cube| {
                let sum: Vector3<f64> = cube.iter().map(|(_, i)| list[*i as usize]).sum();
                sum / cube.len() as f64
            })
            .collect()
    };
    let thinned = mean(points);
    *normals = normals
        .as_deref()
        .map(mean)
        .and_then(|list| list.iter().map(|n| n.try_normalize(1e-9)).collect());
    *points = thinned;
}

/// Which points belong to a cluster of some size.
fn clusters(points: &[Vector3<f64>], within: f64) -> Vec<bool> {
    use super::topology::Sets;
    let near = Near::new(points, within);
    let mut sets = Sets::new(points.len());
    for (i, p) in (0u32..).zip(points) {
        near.around(p, |j, d| {
            if j > i && d <= within * within {
                sets.join(i, j);
            }
        });
    }
    let roots: Vec<u32> = (0u32..).take(points.len()).map(|i| sets.find(i)).collect();
    let mut sizes = vec![0usize; points.len()];
    roots.iter().for_each(|r| sizes[*r as usize] += 1);
    let least = (points.len() as f64 * STRAY_SHARE) as usize;
    roots.iter().map(|r| sizes[*r as usize] > least).collect()
}

/// The median distance to the nearest other point.
fn spacing(points: &[Vector3<f64>], within: f64) -> f64 {
    let near = Near::new(points, within);
    let mut distances: Vec<f64> = points
        .par_iter()
        .step_by(points.len() / 20_000 + 1)
        .map(|p| near.nearest(p, 2).get(1).map_or(within, |n| n.0.sqrt()))
        .collect();
    if distances.is_empty() {
        return 0.0;
    }
    let middle = distances.len() / 2;
    *distances.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Makes the surface. `metres` in one file unit.
pub(super) fn surface(
    cloud: &Thinned,
    metres: f64,
    findings: &mut Vec<ScanFinding>,
) -> Result<Surface, ScanError> {
    let spacing = Length::from_m(cloud.spacing * metres);
    if spacing > SPARSEST {
        return Err(ScanError::SparseCloud {
            points: cloud.in_file,
            spacing_mm: spacing.mm(),
            limit_mm: SPARSEST.mm(),
        });
    }
    let points = &cloud.points;
    // Neighbours of points scattered at random lie within some three times the median distance.
    let within = 4.0 * cloud.spacing;
    let normals = sided(cloud, within, findings);
    let near = Near::new(points, within);
    let areas = areas(points, &near);
    let field = poisson::reconstruct(points, &normals, &areas, 1.6 * cloud.spacing);
    let (mut vertices, triangles) = nets::surface(&field);
    draw_onto(&mut vertices, points, &normals, &near, field.cell);
    let reach = (SCANNED_WITHIN * cloud.spacing).max(1.5 * field.cell);
    let far = Near::new(points, reach);
    let scanned: Vec<bool> = vertices
        .par_iter()
        .map(|v| {
            far.distance_squared(v)
                .is_some_and(|d| d <= cloud.spacing.powi(2) || !is_beyond(v, points, &near))
        })
        .collect();
    let (triangles, closed_over): (Vec<_>, Vec<_>) = triangles
        .into_iter()
        .partition(|t| t.iter().all(|&i| scanned[i as usize]));
    findings.push(ScanFinding::FromPoints {
        points: cloud.in_file,
        used: points.len(),
        spacing,
        cell: Length::from_m(field.cell * metres),
    });
    if cloud.strays > 0 {
        findings.push(ScanFinding::StrayPoints {
            points: cloud.strays,
        });
    }
    Ok(Surface {
        vertices,
        triangles,
        closed_over,
    })
}

/// The normals to use: the file's if they fit the points and each other, else estimated ones.
fn sided(cloud: &Thinned, within: f64, findings: &mut Vec<ScanFinding>) -> Vec<Vector3<f64>> {
    let estimated = normals::estimate(&cloud.points, within);
    let Some(given) = &cloud.normals else {
        findings.push(ScanFinding::NormalsEstimated { given: false });
        return estimated;
    };
    let along: Vec<f64> = given
        .iter()
        .zip(&estimated)
        .map(|(g, e)| g.dot(e))
        .collect();
    let share = |test: &dyn Fn(f64) -> bool| {
        along.iter().filter(|d| test(**d)).count() as f64 / along.len().max(1) as f64
    };
    if share(&|d| d > 0.5) >= AGREEING {
        return given.clone();
    }
    if share(&|d| d < -0.5) >= AGREEING {
        findings.push(ScanFinding::InsideOut);
        return given.iter().map(|n| -n).collect();
    }
    findings.push(ScanFinding::NormalsEstimated { given: true });
    estimated
}

/// The surface each point stands for, from the distance to its eighth neighbour.
fn areas(points: &[Vector3<f64>], near: &Near<'_>) -> Vec<f64> {
    let mut areas: Vec<f64> = points
        .par_iter()
        .map(|p| {
            let around = near.nearest(p, 9);
            let count = around.len().max(2) - 1;
            around.last().map_or(0.0, |(d, _)| d * std::f64::consts::PI) / count as f64
        })
        .collect();
    let mut sorted = areas.clone();
    if sorted.is_empty() {
        return areas;
    }
    let middle = sorted.len() / 2;
    let median = *sorted.select_nth_unstable_by(middle, f64::total_cmp).1;
    // A lonely point stands for no more than a few others.
    areas.iter_mut().for_each(|a| *a = a.min(8.0 * median));
    areas
}

/// Moves each vertex along the normal to the mean plane of the points around it, so that the grid's width does not show.
fn draw_onto(
    vertices: &mut [Vector3<f64>],
    points: &[Vector3<f64>],
    normals: &[Vector3<f64>],
    near: &Near<'_>,
    cell: f64,
) {
    vertices.par_iter_mut().for_each(|v| {
        let around = near.nearest(v, 12);
        let Some(reach) = around.last().map(|(d, _)| d.max(f64::MIN_POSITIVE)) else {
            return;
        };
        let (mut normal, mut height, mut total) = (Vector3::zeros(), 0.0, 0.0);
        for (d, i) in &around {
            let w = (-2.0 * d / reach).exp();
            normal += normals[*i as usize] * w;
        }
        let Some(normal) = normal.try_normalize(1e-9) else {
            return;
        };
        for (d, i) in &around {
            let w = (-2.0 * d / reach).exp();
            height += w * (points[*i as usize] - *v).dot(&normal);
            total += w;
        }
        // Farther than a cell away the points belong to something else.
        let height = height / total;
        if height.abs() <= cell {
            *v += normal * height;
        }
    });
}

/// Whether the points around a place all lie to one side of it: it is beyond the cloud's edge.
fn is_beyond(v: &Vector3<f64>, points: &[Vector3<f64>], near: &Near<'_>) -> bool {
    let around = near.nearest(v, 12);
    let sum: Vector3<f64> = around.iter().map(|(_, i)| points[*i as usize] - v).sum();
    let squares: f64 = around.iter().map(|(d, _)| d).sum();
    // The mean offset over the root mean square: 0.3 among points scattered at random, 0.6 on a straight edge, 1 far away.
    sum.norm() > ONE_SIDED * (squares * around.len() as f64).sqrt()
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
        let normals = normals::estimate(&cloud.points, 4.0 * cloud.spacing);
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
