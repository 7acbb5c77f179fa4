//! The surface as a whole: its extent, its openings, its edges.

use nalgebra::{Matrix3, SymmetricEigen, Vector3};
use stipple_model::frames::{Point, Scan};
use stipple_model::units::Length;

use super::error::ScanError;
use super::finding::ScanFinding;
use super::repair::area;
use super::topology;

/// Openings listed one by one.
const LISTED_HOLES: usize = 8;
/// A surface thinner than this share of its length is flat. Source: this project's own; a head with shoulders is half as thick as long,
/// a scalp alone a quarter.
const FLAT: f64 = 0.2;

/// The smallest and largest coordinates.
pub(super) fn bounds(vertices: &[Vector3<f64>]) -> (Vector3<f64>, Vector3<f64>) {
    let start = vertices.first().copied().unwrap_or_default();
    vertices
        .iter()
        .fold((start, start), |(low, high), v| (low.inf(v), high.sup(v)))
}

/// Refuses what is flat, however it stands.
pub(super) fn check_flat(
    vertices: &[Vector3<f64>],
    triangles: &[[u32; 3]],
) -> Result<(), ScanError> {
    let weighted = |t: &[u32; 3]| {
        let middle = t
            .iter()
            .map(|&i| vertices[i as usize])
            .sum::<Vector3<f64>>()
            / 3.0;
        (middle, area(vertices, t))
    };
    let (sum, total) = triangles
        .iter()
        .map(weighted)
        .fold((Vector3::zeros(), 0.0), |(s, t), (m, a)| (s + m * a, t + a));
    let middle = sum / total;
    let spread = triangles
        .iter()
        .map(weighted)
        .fold(Matrix3::zeros(), |s, (m, a)| {
            let d = m - middle;
            s + d * d.transpose() * (a / total)
        });
    let largest = spread.amax();
    // Too large or too small to be told: the size is refused later.
    if !(largest > 0.0 && largest.is_finite()) {
        return Ok(());
    }
    let eigen = SymmetricEigen::new(spread / largest);
    let extents = [0, 1, 2].map(|k| {
        let axis = eigen.eigenvectors.column(k);
        let along = vertices.iter().map(|v| (v - middle).dot(&axis));
        let (low, high) = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| {
            (l.min(x), h.max(x))
        });
        high - low
    });
    let thickness = extents.into_iter().fold(f64::INFINITY, f64::min);
    let length = extents.into_iter().fold(0.0, f64::max);
    if thickness < FLAT * length {
        return Err(ScanError::Flat { thickness, length });
    }
    Ok(())
}

/// Tells the openings, widest first; whether there are none.
pub(super) fn holes(
    vertices: &[Point<Scan>],
    triangles: &[[u32; 3]],
    findings: &mut Vec<ScanFinding>,
) -> bool {
    let mut holes: Vec<(Length, Point<Scan>, usize)> = topology::loops(triangles)
        .into_iter()
        .map(|ring| {
            let points: Vec<Vector3<f64>> =
                ring.iter().map(|&i| vertices[i as usize].raw()).collect();
            let center = points.iter().sum::<Vector3<f64>>() / points.len() as f64;
            (width(&points), Point::from_raw(center), ring.len())
        })
        .collect();
    holes.sort_by(|a, b| b.0.m().total_cmp(&a.0.m()));
    let closed = holes.is_empty();
    let rest = holes.split_off(holes.len().min(LISTED_HOLES));
    findings.extend(
        holes
            .into_iter()
            .map(|(diameter, center, edges)| ScanFinding::Hole {
                center,
                diameter,
                edges,
            }),
    );
    if let Some((widest, ..)) = rest.first() {
        findings.push(ScanFinding::MoreHoles {
            holes: rest.len(),
            widest: *widest,
        });
    }
    closed
}

/// The greatest distance between two points; of a long ring only some hundred are looked at, which understates it by a few edges.
fn width(points: &[Vector3<f64>]) -> Length {
    let some: Vec<&Vector3<f64>> = points.iter().step_by(points.len() / 256 + 1).collect();
    let pairs = some
        .iter()
        .enumerate()
        .flat_map(|(i, p)| some[i + 1..].iter().map(move |q| (*p - *q).norm()));
    Length::from_m(pairs.fold(0.0, f64::max))
}

/// The median edge.
pub(super) fn median_edge(vertices: &[Point<Scan>], triangles: &[[u32; 3]]) -> Length {
    let mut lengths: Vec<f64> = triangles
        .iter()
        .flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])])
        .map(|(a, b)| vertices[a as usize].distance(&vertices[b as usize]))
        .collect();
    let middle = lengths.len() / 2;
    if lengths.is_empty() {
        return Length::ZERO;
    }
    Length::from_m(*lengths.select_nth_unstable_by(middle, f64::total_cmp).1)
}
