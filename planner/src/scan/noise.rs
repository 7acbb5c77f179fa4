//! How rough a surface is: how far vertices stray from a smooth patch through their surroundings.

use nalgebra::{Matrix3, SMatrix, SVector, SymmetricEigen, Vector3};
use rayon::prelude::*;
use stipple_model::frames::{Point, Scan};
use stipple_model::units::Length;

/// Vertices looked at, spread evenly over the file's order. Source: this project's own; the median of so many is known within 2%.
const LOOKED_AT: usize = 4000;
/// Neighbours a patch is laid through at most.
const MOST: usize = 40;
/// Terms of the patch: a paraboloid in any direction.
const TERMS: usize = 6;

/// The median over the surface of the standard deviation of vertices from a paraboloid through their neighbours and the neighbours'
/// neighbours. Ears and folds are few and do not move a median; on coarse meshes the head's own shape counts as roughness.
pub(super) fn estimate(vertices: &[Point<Scan>], triangles: &[[u32; 3]]) -> Option<Length> {
    let rings = Rings::new(vertices.len(), triangles);
    let mut strays: Vec<f64> = (0..vertices.len())
        .into_par_iter()
        .step_by(vertices.len() / LOOKED_AT + 1)
        .filter_map(|v| {
            let around = rings.two_around(v as u32);
            let points: Vec<Vector3<f64>> =
                around.iter().map(|&i| vertices[i as usize].raw()).collect();
            stray(&points)
        })
        .collect();
    if strays.is_empty() {
        return None;
    }
    let middle = strays.len() / 2;
    Some(Length::from_m(
        *strays.select_nth_unstable_by(middle, f64::total_cmp).1,
    ))
}

/// Which vertices share an edge, in one row.
struct Rings {
    start: Vec<u32>,
    next: Vec<u32>,
}

impl Rings {
    fn new(vertices: usize, triangles: &[[u32; 3]]) -> Self {
        let mut pairs: Vec<(u32, u32)> = triangles
            .iter()
            .flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])])
            .flat_map(|(a, b)| [(a, b), (b, a)])
            .collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        let mut start = vec![0u32; vertices + 1];
        pairs.iter().for_each(|(a, _)| start[*a as usize + 1] += 1);
        for i in 0..vertices {
            start[i + 1] += start[i];
        }
        Self {
            start,
            next: pairs.into_iter().map(|(_, b)| b).collect(),
        }
    }

    fn around(&self, v: u32) -> &[u32] {
        &self.next[self.start[v as usize] as usize..self.start[v as usize + 1] as usize]
    }

    /// A vertex, its neighbours and theirs.
    fn two_around(&self, v: u32) -> Vec<u32> {
        let mut all = vec![v];
        all.extend(self.around(v).iter().take(MOST));
        for i in 1..all.len() {
            let more: Vec<u32> = self
                .around(all[i])
                .iter()
                .copied()
                .filter(|j| !all.contains(j))
                .collect();
            all.extend(more);
            if all.len() >= MOST {
                break;
            }
        }
        all.truncate(MOST);
        all
    }
}

/// The standard deviation of points from the paraboloid that fits them best; `None` if there are too few to tell.
pub(super) fn stray(points: &[Vector3<f64>]) -> Option<f64> {
    if points.len() < 2 * TERMS {
        return None;
    }
    let middle = points.iter().sum::<Vector3<f64>>() / points.len() as f64;
    let spread = points.iter().fold(Matrix3::zeros(), |m, p| {
        let d = p - middle;
        m + d * d.transpose()
    });
    let reach = (spread.trace() / points.len() as f64).sqrt();
    if !(reach > 0.0 && reach.is_finite()) {
        return None;
    }
    let eigen = SymmetricEigen::new(spread / (reach * reach));
    let least = eigen.eigenvalues.imin();
    let axis = |k: usize| eigen.eigenvectors.column((least + k) % 3).into_owned();
    let (w, u, v) = (axis(0), axis(1), axis(2));
    // In units of the patch's own reach, so that the system is well scaled.
    let terms = |p: &Vector3<f64>| {
        let d = (p - middle) / reach;
        let (x, y) = (d.dot(&u), d.dot(&v));
        (
            SVector::<f64, TERMS>::from([1.0, x, y, x * x, x * y, y * y]),
            d.dot(&w),
        )
    };
    let (mut system, mut right) = (
        SMatrix::<f64, TERMS, TERMS>::zeros(),
        SVector::<f64, TERMS>::zeros(),
    );
    for p in points {
        let (t, height) = terms(p);
        system += t * t.transpose();
        right += t * height;
    }
    let patch = system.cholesky()?.solve(&right);
    let sum: f64 = points
        .iter()
        .map(|p| {
            let (t, height) = terms(p);
            (height - t.dot(&patch)).powi(2)
        })
        .sum();
    let stray = reach * (sum / (points.len() - TERMS) as f64).sqrt();
    stray.is_finite().then_some(stray)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bent sheet of so many points a side, 1 mm apart, with bumps of this height by turns.
    fn sheet(side: u32, bumps: f64) -> (Vec<Point<Scan>>, Vec<[u32; 3]>) {
        let mut noise = 7u64;
        let vertices = (0..side * side)
            .map(|i| {
                let (x, y) = (f64::from(i % side) * 1e-3, f64::from(i / side) * 1e-3);
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let unit = (noise >> 11) as f64 / (1u64 << 53) as f64;
                // Evenly spread over ±√3 has a standard deviation of 1.
                Point::new(x, y, 5.0 * x * x + bumps * (2.0 * unit - 1.0) * 3f64.sqrt())
            })
            .collect();
        let triangles = (0..side - 1)
            .flat_map(|y| (0..side - 1).map(move |x| y * side + x))
            .flat_map(|i| [[i, i + 1, i + side], [i + 1, i + side + 1, i + side]])
            .collect();
        (vertices, triangles)
    }

    #[test]
    fn the_noise_that_was_added_is_found() {
        let (v, t) = sheet(40, 0.0);
        assert!(estimate(&v, &t).unwrap() < Length::from_mm(0.001));
        for added in [0.1e-3, 0.4e-3] {
            let (v, t) = sheet(40, added);
            let found = estimate(&v, &t).unwrap().m() / added;
            assert!((0.75..1.25).contains(&found), "{found}");
        }
    }
}
