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

/// How rough a surface is, the median over it. Ears and folds are few and do not move a median.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roughness {
    /// Standard deviation of vertices from a paraboloid through their neighbours and the neighbours' neighbours; on coarse meshes the
    /// head's own shape counts.
    pub stray: Length,
    /// The area of the facets at a vertex over their area laid flat on that paraboloid: 1 if smooth. A paraboloid's chords are as steep
    /// as it is below their middles, so coarse facets alone hardly count.
    pub inflation: f64,
}

/// Measures how rough a surface is; `None` where too little of it hangs together to tell.
pub(super) fn estimate(vertices: &[Point<Scan>], triangles: &[[u32; 3]]) -> Option<Roughness> {
    let rings = Rings::new(vertices.len(), triangles);
    let step = vertices.len() / LOOKED_AT + 1;
    let facets = facets(vertices.len(), triangles, step);
    let found: Vec<(f64, f64)> = facets
        .par_iter()
        .enumerate()
        .filter_map(|(k, facets)| {
            let around = rings.two_around((k * step) as u32).0;
            let points: Vec<Vector3<f64>> =
                around.iter().map(|&i| vertices[i as usize].raw()).collect();
            let (patch, stray) = fit(&points)?;
            let corners = facets
                .iter()
                .map(|&t| triangles[t as usize].map(|i| vertices[i as usize].raw()));
            Some((stray, inflation(&patch, corners)?))
        })
        .collect();
    let (mut strays, mut inflations): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
    Some(Roughness {
        stray: Length::from_m(median(&mut strays)?),
        inflation: median(&mut inflations)?,
    })
}

fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Some facets of every `step`th vertex.
fn facets(vertices: usize, triangles: &[[u32; 3]], step: usize) -> Vec<Vec<u32>> {
    let mut facets = vec![Vec::new(); vertices.div_ceil(step)];
    for (t, corners) in (0u32..).zip(triangles) {
        for corner in corners.map(|i| i as usize) {
            let known: &mut Vec<u32> = &mut facets[corner / step];
            if corner % step == 0 && known.len() < MOST {
                known.push(t);
            }
        }
    }
    facets
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

    /// A vertex, its neighbours and theirs, and how many were looked at: a vertex may have any number of neighbours, of which no more
    /// than the patch takes are.
    fn two_around(&self, v: u32) -> (Vec<u32>, usize) {
        let mut all = vec![v];
        all.extend(self.around(v).iter().take(MOST));
        let mut looked = all.len();
        for i in 1..all.len() {
            for &next in self.around(all[i]).iter().take(MOST) {
                looked += 1;
                if !all.contains(&next) {
                    all.push(next);
                }
            }
            if all.len() >= MOST {
                break;
            }
        }
        all.truncate(MOST);
        (all, looked)
    }
}

/// A paraboloid in a frame of its own: z over x and y, in units of its reach.
struct Patch {
    middle: Vector3<f64>,
    /// Columns: x, y, z.
    axes: Matrix3<f64>,
    reach: f64,
    /// Of 1, x, y, x², xy, y².
    terms: SVector<f64, TERMS>,
}

impl Patch {
    fn local(&self, p: &Vector3<f64>) -> Vector3<f64> {
        self.axes.transpose() * (p - self.middle) / self.reach
    }

    fn height(&self, q: &Vector3<f64>) -> f64 {
        self.terms.dot(&monomials(q))
    }

    /// Its normal below or above a place.
    fn normal(&self, q: &Vector3<f64>) -> Vector3<f64> {
        let c = &self.terms;
        let along_x = c[1] + 2.0 * c[3] * q.x + c[4] * q.y;
        let along_y = c[2] + c[4] * q.x + 2.0 * c[5] * q.y;
        Vector3::new(-along_x, -along_y, 1.0).normalize()
    }
}

fn monomials(q: &Vector3<f64>) -> SVector<f64, TERMS> {
    let (x, y) = (q.x, q.y);
    SVector::from([1.0, x, y, x * x, x * y, y * y])
}

/// The standard deviation of points from the paraboloid that fits them best; `None` if there are too few to tell.
pub(super) fn stray(points: &[Vector3<f64>]) -> Option<f64> {
    fit(points).map(|(_, stray)| stray)
}

/// The paraboloid that fits points best, and their standard deviation from it; `None` if there are too few to tell.
fn fit(points: &[Vector3<f64>]) -> Option<(Patch, f64)> {
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
    // In units of the patch's own reach, so that the system is well scaled.
    let mut patch = Patch {
        middle,
        axes: Matrix3::from_columns(&[axis(1), axis(2), axis(0)]),
        reach,
        terms: SVector::zeros(),
    };
    let (mut system, mut right) = (
        SMatrix::<f64, TERMS, TERMS>::zeros(),
        SVector::<f64, TERMS>::zeros(),
    );
    for p in points {
        let q = patch.local(p);
        let t = monomials(&q);
        system += t * t.transpose();
        right += t * q.z;
    }
    patch.terms = system.cholesky()?.solve(&right);
    let off = |p: &Vector3<f64>| {
        let q = patch.local(p);
        (q.z - patch.height(&q)).powi(2)
    };
    let sum: f64 = points.iter().map(off).sum();
    let stray = reach * (sum / (points.len() - TERMS) as f64).sqrt();
    stray.is_finite().then_some((patch, stray))
}

/// The area of facets over what they cover on the patch.
fn inflation(patch: &Patch, facets: impl Iterator<Item = [Vector3<f64>; 3]>) -> Option<f64> {
    let (mut area, mut covered) = (0.0, 0.0);
    for corners in facets {
        let [a, b, c] = corners.map(|p| patch.local(&p));
        let facet = (b - a).cross(&(c - a));
        area += facet.norm();
        covered += facet.dot(&patch.normal(&((a + b + c) / 3.0)));
    }
    // The facets are wound alike, but the patch's normal may point either way. Where they cover nothing they stand upright.
    (area > 0.0).then(|| area / f64::abs(covered).max(area * 1e-3))
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
        let smooth = estimate(&v, &t).unwrap();
        assert!(smooth.stray < Length::from_mm(0.001));
        assert!((1.0..1.0001).contains(&smooth.inflation), "{smooth:?}");
        for added in [0.1e-3, 0.4e-3] {
            let (v, t) = sheet(40, added);
            let found = estimate(&v, &t).unwrap();
            let stray = found.stray.m() / added;
            assert!((0.75..1.25).contains(&stray), "{stray}");
            // The whole sheet's area over that of the smooth one.
            let area = |v: &[Point<Scan>]| -> f64 {
                let corners = |t: &[u32; 3]| t.map(|i| v[i as usize].raw());
                t.iter()
                    .map(corners)
                    .map(|[a, b, c]| (b - a).cross(&(c - a)).norm())
                    .sum()
            };
            let true_inflation = area(&v) / area(&sheet(40, 0.0).0);
            let told = (found.inflation - 1.0) / (true_inflation - 1.0);
            assert!((0.7..1.3).contains(&told), "{told} at {added}");
        }
    }

    /// A hub with so many neighbours: what is looked at must not grow with their number.
    #[test]
    fn a_fan_takes_no_more_work_than_any_other_surface() {
        let rim = 50_000u32;
        let triangles: Vec<[u32; 3]> = (0..rim)
            .flat_map(|i| {
                let (a, b) = (2 + i, 2 + (i + 1) % rim);
                [[0, a, b], [1, b, a]]
            })
            .collect();
        let rings = Rings::new(rim as usize + 2, &triangles);
        let most = (0..rim + 2).map(|v| rings.two_around(v).1).max().unwrap();
        assert!(most <= MOST * (MOST + 2), "{most}");
        let facets = facets(rim as usize + 2, &triangles, 1);
        assert!(facets.iter().all(|f| f.len() <= MOST));
    }
}
