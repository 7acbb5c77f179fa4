//! Smoothed outward normals: which way the skin faces, without the scanner's noise.

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::frames::{Direction, Head};
use stipple_model::mesh::SurfaceMesh;

use super::grid::Grid;

/// Radius of the neighbourhood over which normals are averaged. Source: this project's own; several dot distances, well below the
/// skull's curvature.
const RADIUS: f64 = 0.0045;

/// Normals at the vertices of chosen triangles.
pub(super) struct Skin<'a> {
    head: &'a SurfaceMesh<Head>,
    /// By vertex; only those of the chosen triangles are filled.
    normals: Vec<Option<Vector3<f64>>>,
}

impl<'a> Skin<'a> {
    /// Smooths the normals around the triangles.
    pub fn new(head: &'a SurfaceMesh<Head>, triangles: &[u32]) -> Self {
        let points: Vec<Vector3<f64>> = head.vertices().iter().map(|p| p.raw()).collect();
        let raw = head.vertex_area_vectors();
        let grid = Grid::new(&points, RADIUS);
        let mut chosen: Vec<u32> = triangles
            .iter()
            .flat_map(|&t| head.triangles()[t as usize])
            .collect();
        chosen.sort_unstable();
        chosen.dedup();
        let smoothed: Vec<Vector3<f64>> = chosen
            .par_iter()
            .map(|&v| smooth(&grid, &points, &raw, v))
            .collect();
        let mut normals = vec![None; points.len()];
        for (v, normal) in chosen.into_iter().zip(smoothed) {
            normals[v as usize] = Some(normal);
        }
        Self { head, normals }
    }

    /// The outward normal at a place of a triangle, by its share of each corner.
    pub fn normal(&self, triangle: u32, position: &Vector3<f64>) -> Option<Direction<Head>> {
        let corners = self.head.triangles()[triangle as usize];
        let [a, b, c] = self.head.corners(triangle as usize).map(|p| p.raw());
        let sub = |p: &Vector3<f64>, q: &Vector3<f64>| (p - position).cross(&(q - position)).norm();
        let shares = [sub(&b, &c), sub(&c, &a), sub(&a, &b)];
        let sum: f64 = shares.iter().sum();
        let blended = corners
            .iter()
            .zip(shares)
            .try_fold(Vector3::zeros(), |n, (&v, share)| {
                self.normals[v as usize].map(|normal| n + normal * (share / sum))
            });
        blended
            .and_then(Direction::new)
            .or_else(|| self.head.face_normal(triangle as usize))
    }
}

fn smooth(grid: &Grid, points: &[Vector3<f64>], raw: &[Vector3<f64>], v: u32) -> Vector3<f64> {
    let (p, own) = (points[v as usize], raw[v as usize]);
    let mut sum = Vector3::zeros();
    grid.near(&p, RADIUS, |i| {
        let (q, other) = (&points[i as usize], &raw[i as usize]);
        let t = (q - p).norm_squared() / (RADIUS * RADIUS);
        // The other side of a fold has no say.
        if t < 1.0 && other.dot(&own) > 0.0 {
            sum += other * (1.0 - t);
        }
    });
    let norm = sum.norm();
    if norm > 0.0 { sum / norm } else { own }
}
