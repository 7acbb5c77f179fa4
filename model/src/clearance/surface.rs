//! A closed surface with an inside: exact signed distances.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use rayon::prelude::*;

use super::nearest::{Feature, Nearest, Tree, Triangle, nearest_on};

/// A triangle mesh whose openings are closed, for exact signed distance: positive outside, negative inside.
///
/// The sign is that of the angle-weighted normal at the nearest point. Source: Bærentzen and Aanæs, Signed distance computation using the
/// angle weighted pseudonormal, 2005. It needs consistent winding; beside a part wound the wrong way, and below an opening so ragged that what
/// closes it folds over, outside counts as inside, which is never clear. What lies outside the box about all of it is outside in any case.
pub(super) struct Surface {
    tree: Tree,
    corners: Vec<[u32; 3]>,
    /// By corner.
    corner_normals: Vec<Vector3<f64>>,
    /// The edge from each corner of a triangle to the next.
    edges: Vec<[u32; 3]>,
    /// By edge.
    edge_normals: Vec<Vector3<f64>>,
    /// The box about it.
    low: Vector3<f64>,
    high: Vector3<f64>,
}

/// Joins vertices at the same place: the new number of every vertex, and the vertices left.
pub(super) fn welded(vertices: &[Vector3<f64>]) -> (Vec<u32>, Vec<Vector3<f64>>) {
    // Adding zero makes one of the two zeros.
    let key = |i: u32| vertices[i as usize].map(|c| (c + 0.0).to_bits());
    let mut order: Vec<([u64; 3], u32)> = (0..vertices.len() as u32)
        .map(|i| (key(i).into(), i))
        .collect();
    order.par_sort_unstable();
    let mut first = vec![0u32; vertices.len()];
    for run in order.chunk_by(|a, b| a.0 == b.0) {
        for (_, i) in run {
            first[*i as usize] = run[0].1;
        }
    }
    let (mut number, mut kept) = (vec![0; vertices.len()], Vec::new());
    for i in 0..vertices.len() {
        if first[i] as usize == i {
            number[i] = kept.len() as u32;
            kept.push(vertices[i]);
        } else {
            // The first of a run has the lowest number, so it is known by now.
            number[i] = number[first[i] as usize];
        }
    }
    (number, kept)
}

/// Every side of every triangle as (lower corner, higher corner, 4 × triangle + side), sorted.
fn sides(corners: &[[u32; 3]]) -> Vec<(u32, u32, u32)> {
    let mut sides: Vec<_> = corners
        .iter()
        .enumerate()
        .flat_map(|(t, c)| {
            (0..3).map(move |k| {
                let (a, b) = (c[k], c[(k + 1) % 3]);
                (a.min(b), a.max(b), (4 * t + k) as u32)
            })
        })
        .collect();
    sides.par_sort_unstable();
    sides
}

/// Closes every loop of sides that belong to one triangle only with a fan about its middle, so that inside and outside are defined at a
/// scan's open neck too.
fn close(vertices: &mut Vec<Vector3<f64>>, corners: &mut Vec<[u32; 3]>) {
    let mut open: Vec<(u32, u32)> = sides(corners)
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .filter(|run| run.len() == 1)
        .map(|run| {
            let (t, k) = ((run[0].2 / 4) as usize, (run[0].2 % 4) as usize);
            (corners[t][k], corners[t][(k + 1) % 3])
        })
        .collect();
    open.sort_unstable();
    // Two openings may touch at a corner, so a corner may have several ways on.
    let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for &(from, to) in &open {
        next.entry(from).or_default().push(to);
    }
    for (start, _) in open {
        let mut ring = Vec::new();
        let mut at = start;
        while let Some(to) = next.get_mut(&at).and_then(Vec::pop) {
            ring.push(at);
            at = to;
            if at == start {
                break;
            }
        }
        if ring.len() < 3 || at != start {
            continue;
        }
        let sum = ring
            .iter()
            .fold(Vector3::zeros(), |s, &i| s + vertices[i as usize]);
        let middle = vertices.len() as u32;
        vertices.push(sum / ring.len() as f64);
        for (k, &a) in ring.iter().enumerate() {
            corners.push([ring[(k + 1) % ring.len()], a, middle]);
        }
    }
}

/// Unit normal; zero for a triangle without area.
fn normal(t: &Triangle) -> Vector3<f64> {
    let area = (t[1] - t[0]).cross(&(t[2] - t[0]));
    area.try_normalize(0.0).unwrap_or_else(Vector3::zeros)
}

impl Surface {
    /// A surface of finite vertices, metres, and triangles whose indices are in range; `None` when none of them has three corners.
    pub(super) fn new(vertices: &[Vector3<f64>], triangles: &[[u32; 3]]) -> Option<Self> {
        let (number, mut vertices) = welded(vertices);
        let mut corners: Vec<[u32; 3]> = triangles
            .iter()
            .map(|t| t.map(|i| number[i as usize]))
            .filter(|t| t[0] != t[1] && t[1] != t[2] && t[2] != t[0])
            .collect();
        if corners.is_empty() {
            return None;
        }
        close(&mut vertices, &mut corners);
        let at = |t: &[u32; 3]| t.map(|i| vertices[i as usize]);
        let normals: Vec<_> = corners.par_iter().map(|t| normal(&at(t))).collect();
        let mut corner_normals = vec![Vector3::zeros(); vertices.len()];
        for (t, n) in corners.iter().zip(&normals) {
            let p = at(t);
            for k in 0..3 {
                let (a, b) = (p[(k + 1) % 3] - p[k], p[(k + 2) % 3] - p[k]);
                corner_normals[t[k] as usize] += n * a.angle(&b);
            }
        }
        let (mut edges, mut edge_normals) = (vec![[0; 3]; corners.len()], Vec::new());
        for run in sides(&corners).chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let mut sum = Vector3::zeros();
            for (_, _, side) in run {
                let (t, k) = ((side / 4) as usize, (side % 4) as usize);
                sum += normals[t];
                edges[t][k] = edge_normals.len() as u32;
            }
            edge_normals.push(sum);
        }
        let used = || corners.iter().flatten().map(|i| vertices[*i as usize]);
        let none = Vector3::repeat(f64::INFINITY);
        let low = used().fold(none, |low, v| low.inf(&v));
        let high = used().fold(-none, |high, v| high.sup(&v));
        Some(Self {
            tree: Tree::new(corners.iter().map(at).collect())?,
            corners,
            corner_normals,
            edges,
            edge_normals,
            low,
            high,
        })
    }

    /// A surface of triangles that share no vertices yet.
    pub(super) fn of_triangles(triangles: &[Triangle]) -> Option<Self> {
        let vertices: Vec<_> = triangles.iter().flatten().copied().collect();
        let indices: Vec<_> = (0..triangles.len() as u32)
            .map(|t| [3 * t, 3 * t + 1, 3 * t + 2])
            .collect();
        Self::new(&vertices, &indices)
    }

    /// Signed distance of a finite point, metres, and the nearest triangle; `hint` is a triangle that is likely near.
    pub(super) fn signed(&self, p: &Vector3<f64>, hint: u32) -> (f64, u32) {
        let Nearest { square, triangle } = self.tree.nearest(p, hint);
        let corners = self.tree.triangle(triangle);
        let (point, feature) = nearest_on(corners, p);
        let index = triangle as usize;
        let out = match feature {
            Feature::Face => normal(corners),
            Feature::Corner(k) => self.corner_normals[self.corners[index][k] as usize],
            Feature::Edge(k) => self.edge_normals[self.edges[index][k] as usize],
        };
        let boxed = (0..3).all(|k| (self.low[k]..=self.high[k]).contains(&p[k]));
        // Without a normal nothing is known of the sides.
        let inside = boxed && (out.norm_squared() == 0.0 || out.dot(&(p - point)) < 0.0);
        (
            if inside {
                -square.sqrt()
            } else {
                square.sqrt()
            },
            triangle,
        )
    }

    /// Signed distance of a finite point, metres, and the point of the surface that is nearest.
    pub(super) fn foot(&self, p: &Vector3<f64>) -> (f64, Vector3<f64>) {
        let (distance, triangle) = self.signed(p, 0);
        (distance, nearest_on(self.tree.triangle(triangle), p).0)
    }

    /// Area, caps too, m².
    pub(super) fn area(&self) -> f64 {
        (0..self.corners.len() as u32)
            .map(|t| {
                let [a, b, c] = self.tree.triangle(t);
                0.5 * (b - a).cross(&(c - a)).norm()
            })
            .sum()
    }

    /// Bytes.
    pub(super) fn memory(&self) -> usize {
        self.tree.memory()
            + size_of_val(&*self.corners)
            + size_of_val(&*self.corner_normals)
            + size_of_val(&*self.edges)
            + size_of_val(&*self.edge_normals)
    }
}
