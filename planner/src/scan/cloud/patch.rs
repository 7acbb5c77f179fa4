//! Moving least squares: each vertex is drawn onto the paraboloid through the points around it, so that the grid's width does not show.

use nalgebra::{SMatrix, SVector, Vector3};
use rayon::prelude::*;

use super::near::Near;

/// Terms of a paraboloid in any direction.
const TERMS: usize = 6;
/// Fewer points than this only carry a plane.
const FEWEST: usize = 10;
/// Points whose normal is turned farther than this from the vertex's (cosine) belong to something else: the back of an ear.
const SAME_SIDE: f64 = 0.5;
/// Times a vertex is drawn; the second time the points are chosen around where it came to lie.
const TIMES: usize = 2;
/// Mean offset of the points around a vertex, over their root mean square distance, from which a paraboloid would be carried on
/// beyond them: points scattered at random have 0.2, a straight edge 0.6.
const ONE_SIDED: f64 = 0.45;
/// Half-width of the weights' bell as a share of the distance to the farthest point.
const BELL: f64 = 0.6;

/// The points, their normals and where they are.
pub(super) struct Cloud<'a> {
    pub points: &'a [Vector3<f64>],
    pub normals: &'a [Vector3<f64>],
    pub near: &'a Near,
    /// Points a patch is laid through.
    pub fitted: usize,
}

/// Draws the vertices onto the points, none farther than a cell.
pub(super) fn draw_onto(
    vertices: &mut [Vector3<f64>],
    triangles: &[[u32; 3]],
    cloud: &Cloud<'_>,
    cell: f64,
) {
    let sides = sides(vertices, triangles);
    vertices.par_iter_mut().zip(&sides).for_each(|(v, side)| {
        let start = *v;
        for _ in 0..TIMES {
            let Some(next) = cloud.drawn(v, side) else {
                *v = start;
                return;
            };
            // Farther away the points belong to something else.
            if (next - start).norm() > cell {
                *v = start;
                return;
            }
            *v = next;
        }
    });
}

/// The side each vertex's triangles face.
fn sides(vertices: &[Vector3<f64>], triangles: &[[u32; 3]]) -> Vec<Vector3<f64>> {
    let mut sides = vec![Vector3::zeros(); vertices.len()];
    for t in triangles {
        let [a, b, c] = t.map(|i| vertices[i as usize]);
        let normal = (b - a).cross(&(c - a));
        t.iter().for_each(|i| sides[*i as usize] += normal);
    }
    sides
}

impl Cloud<'_> {
    /// Where a place on a surface that faces `side` comes to lie; `None` if no point nearby belongs to it.
    fn drawn(&self, v: &Vector3<f64>, side: &Vector3<f64>) -> Option<Vector3<f64>> {
        let mut around = self.near.nearest(v, self.fitted);
        around.retain(|(_, i)| self.normals[*i as usize].dot(side) > SAME_SIDE * side.norm());
        let reach = BELL * BELL * around.last()?.0.max(f64::MIN_POSITIVE);
        let weight = |d: f64| (-0.5 * d / reach).exp();
        let normal = around
            .iter()
            .map(|(d, i)| self.normals[*i as usize] * weight(*d))
            .sum::<Vector3<f64>>()
            .try_normalize(1e-9)?;
        let offsets = || {
            around
                .iter()
                .map(|(d, i)| (weight(*d), self.points[*i as usize] - v))
        };
        let (mean, total) = offsets().fold((Vector3::zeros(), 0.0), |(sum, total), (w, o)| {
            (sum + o * w, total + w)
        });
        let squares: f64 = offsets().map(|(w, o)| w * o.norm_squared()).sum();
        let aside =
            (mean - normal * mean.dot(&normal)).norm() > ONE_SIDED * (squares * total).sqrt();
        let height = if aside || around.len() < FEWEST {
            mean.dot(&normal) / total
        } else {
            paraboloid(offsets(), &normal, reach.sqrt())?
        };
        height.is_finite().then(|| v + normal * height)
    }
}

/// The height above the origin of the paraboloid through weighted points.
fn paraboloid(
    offsets: impl Iterator<Item = (f64, Vector3<f64>)>,
    normal: &Vector3<f64>,
    reach: f64,
) -> Option<f64> {
    let helper = if normal.x.abs() < 0.6 {
        Vector3::x()
    } else {
        Vector3::y()
    };
    let u = normal.cross(&helper).normalize();
    let v = normal.cross(&u);
    let mut system = SMatrix::<f64, TERMS, TERMS>::zeros();
    let mut right = SVector::<f64, TERMS>::zeros();
    for (w, o) in offsets {
        // In units of the reach, so that the system is well scaled.
        let (x, y) = (o.dot(&u) / reach, o.dot(&v) / reach);
        let t = SVector::<f64, TERMS>::from([1.0, x, y, x * x, x * y, y * y]);
        system += t * t.transpose() * w;
        right += t * (w * o.dot(normal));
    }
    // A trace of the diagonal keeps points on one line from making it singular.
    let trace = system.trace() * 1e-9;
    for k in 1..TERMS {
        system[(k, k)] += trace;
    }
    Some(system.cholesky()?.solve(&right)[0])
}
