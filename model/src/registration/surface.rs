//! A surface made ready: the nearest point with its normal and whether it lies on the rim, and samples spread evenly over the area.

use std::collections::HashMap;

use nalgebra::Vector3;
use parry3d::query::PointQueryWithLocation as _;
use parry3d::shape::{TriMesh, TrianglePointLocation};

use super::error::{AlignError, Side};
use crate::frames::Frame;
use crate::mesh::SurfaceMesh;

/// Wider than this is no scan of a head. Source: this project's own; with everything in the room a scan spans 3 m.
const WIDEST_M: f64 = 10.0;

/// A triangle surface about its own middle, so that a far origin costs no digits.
pub(super) struct Surface {
    shape: TriMesh,
    /// Corners of the triangles that have an area.
    corners: Vec<[Vector3<f64>; 3]>,
    normals: Vec<Vector3<f64>>,
    /// Running sum of the areas, m².
    area_until: Vec<f64>,
    /// Per triangle and corner: whether the edge opposite has no second triangle, and whether the corner lies on such an edge.
    rim: Vec<[Rim; 3]>,
    /// What was taken off every coordinate.
    pub(super) middle: Vector3<f64>,
}

#[derive(Clone, Copy, Default)]
struct Rim {
    edge_opposite: bool,
    corner: bool,
}

/// The nearest point of a surface.
#[derive(Clone, Copy)]
pub(super) struct Nearest {
    pub(super) at: Vector3<f64>,
    pub(super) normal: Vector3<f64>,
    /// Whether it lies on an open edge: what would be opposite was perhaps not scanned.
    pub(super) on_rim: bool,
}

/// A point that stands for an equal share of a surface's area.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) at: Vector3<f64>,
    pub(super) normal: Vector3<f64>,
}

impl Surface {
    /// Takes a mesh; with `mirrored` its mirror image at x = 0 of its own middle, wound outward again.
    pub(super) fn new<F: Frame>(
        mesh: &SurfaceMesh<F>,
        side: Side,
        mirrored: bool,
    ) -> Result<Self, AlignError> {
        let (low, high) = mesh.bounds();
        let size = (high - low).norm();
        if !(size.is_finite() && size < WIDEST_M) {
            return Err(AlignError::TooWide { side, metres: size });
        }
        let middle = low.raw() + 0.5 * (high - low).raw();
        let flip = if mirrored { -1.0 } else { 1.0 };
        let mut number: HashMap<[u64; 3], u32> = HashMap::new();
        let mut vertices: Vec<Vector3<f64>> = Vec::new();
        let mut welded = Vec::with_capacity(mesh.vertices().len());
        for p in mesh.vertices() {
            let mut v = p.raw() - middle;
            v.x *= flip;
            // Adding zero makes one bit pattern of both zeros.
            let key = [v.x, v.y, v.z].map(|c| (c + 0.0).to_bits());
            welded.push(*number.entry(key).or_insert_with(|| {
                vertices.push(v);
                vertices.len() as u32 - 1
            }));
        }
        let mut indices = Vec::with_capacity(mesh.triangles().len());
        let (mut corners, mut normals, mut area_until) = (Vec::new(), Vec::new(), Vec::new());
        let mut area = 0.0;
        for t in mesh.triangles() {
            let mut t = t.map(|i| welded[i as usize]);
            if mirrored {
                t.swap(1, 2);
            }
            let [a, b, c] = t.map(|i| vertices[i as usize]);
            let facing = (b - a).cross(&(c - a));
            let twice = facing.norm();
            if twice > 1e-18 {
                area += 0.5 * twice;
                indices.push(t);
                corners.push([a, b, c]);
                normals.push(facing / twice);
                area_until.push(area);
            }
        }
        if indices.is_empty() {
            return Err(AlignError::NoArea { side });
        }
        let rim = rims(&indices, vertices.len());
        let vertices = vertices.iter().map(crate::to_parry_vector).collect();
        let shape = TriMesh::new(vertices, indices)
            .map_err(|source| AlignError::Surface { side, source })?;
        Ok(Self {
            shape,
            corners,
            normals,
            area_until,
            rim,
            middle,
        })
    }

    /// Area, m².
    pub(super) fn area(&self) -> f64 {
        self.area_until.last().copied().unwrap_or(0.0)
    }

    /// Middle and area vector (half the cross product of two edges) of every triangle.
    pub(super) fn facets(&self) -> impl Iterator<Item = (Vector3<f64>, Vector3<f64>, f64)> + '_ {
        self.corners
            .iter()
            .zip(&self.normals)
            .map(|([a, b, c], n)| {
                let area = 0.5 * (b - a).cross(&(c - a)).norm();
                ((a + b + c) / 3.0, n * area, area)
            })
    }

    /// The nearest point within `reach`, metres.
    pub(super) fn nearest(&self, p: &Vector3<f64>, reach: f64) -> Option<Nearest> {
        let (found, (triangle, location)) = self
            .shape
            .project_local_point_and_get_location_with_max_dist(
                crate::to_parry_vector(p),
                false,
                reach,
            )?;
        let triangle = triangle as usize;
        let rim = self.rim.get(triangle)?;
        let on_rim = match location {
            TrianglePointLocation::OnVertex(i) => rim.get(i as usize).is_some_and(|r| r.corner),
            // Parry numbers the edges AB, BC, CA.
            TrianglePointLocation::OnEdge(i, _) => rim[(i as usize + 2) % 3].edge_opposite,
            TrianglePointLocation::OnFace(..) | TrianglePointLocation::OnSolid => false,
        };
        let at = crate::from_parry_vector(found.point);
        at.iter().all(|c| c.is_finite()).then(|| Nearest {
            at,
            normal: self.normals[triangle],
            on_rim,
        })
    }

    /// `count` points, each for an equal share of the area; the same for the same surface.
    pub(super) fn samples(&self, count: usize) -> Vec<Sample> {
        // Steps of the plane's most even additive sequence (from the plastic number).
        const STEP: [f64; 2] = [0.754_877_666_246_692_8, 0.569_840_290_998_053_3];
        let area = self.area();
        let mut triangle = 0;
        (0..count)
            .map(|i| {
                let until = (i as f64 + 0.5) / count as f64 * area;
                while triangle + 1 < self.area_until.len() && self.area_until[triangle] < until {
                    triangle += 1;
                }
                let [u, v] = STEP.map(|s| (0.5 + s * (i as f64 + 1.0)).fract());
                let (u, v) = if u + v > 1.0 {
                    (1.0 - u, 1.0 - v)
                } else {
                    (u, v)
                };
                let [a, b, c] = self.corners[triangle];
                Sample {
                    at: a + (b - a) * u + (c - a) * v,
                    normal: self.normals[triangle],
                }
            })
            .collect()
    }
}

fn rims(triangles: &[[u32; 3]], vertices: usize) -> Vec<[Rim; 3]> {
    let edge = |t: &[u32; 3], opposite: usize| {
        let (a, b) = (t[(opposite + 1) % 3], t[(opposite + 2) % 3]);
        (a.min(b), a.max(b))
    };
    let mut users: HashMap<(u32, u32), u32> = HashMap::with_capacity(triangles.len() * 2);
    for t in triangles {
        for k in 0..3 {
            *users.entry(edge(t, k)).or_default() += 1;
        }
    }
    let mut on_rim = vec![false; vertices];
    for (&(a, b), &n) in &users {
        if n == 1 {
            on_rim[a as usize] = true;
            on_rim[b as usize] = true;
        }
    }
    triangles
        .iter()
        .map(|t| {
            core::array::from_fn(|k| Rim {
                edge_opposite: users.get(&edge(t, k)) == Some(&1),
                corner: on_rim[t[k] as usize],
            })
        })
        .collect()
}
