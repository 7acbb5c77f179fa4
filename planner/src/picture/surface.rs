//! The head to draw: its triangles with normals smooth enough that neither facets nor the scanner's noise show.

use nalgebra::Vector3;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;

/// Over what distance normals are smoothed, metres. Source: this project's own; below a dot's distance, so that shape stays.
const SMOOTHING: f64 = 0.0025;
/// Rounds of smoothing at least and at most; a round reaches about one edge far.
const ROUNDS: (usize, usize) = (1, 40);

/// A mesh with a smoothed unit normal at every vertex (zero where no triangle has an area).
pub(crate) struct Surface<'a> {
    pub mesh: &'a SurfaceMesh<Head>,
    pub normals: Vec<Vector3<f64>>,
}

impl<'a> Surface<'a> {
    pub fn new(mesh: &'a SurfaceMesh<Head>) -> Self {
        let mut normals = vec![Vector3::zeros(); mesh.vertices().len()];
        for (i, t) in mesh.triangles().iter().enumerate() {
            let area = mesh.area_vector(i);
            t.iter().for_each(|&v| normals[v as usize] += area);
        }
        normals.iter_mut().for_each(normalize);
        let triangles = mesh.triangles().len().max(1) as f64;
        // An equilateral triangle of area a has edges of 1.52 √a.
        let edge = 1.52 * (mesh.area().m2() / triangles).sqrt();
        let rounds = ((SMOOTHING / edge.max(1e-6)).powi(2) as usize).clamp(ROUNDS.0, ROUNDS.1);
        for _ in 0..rounds {
            let mut smooth = normals.clone();
            for t in mesh.triangles() {
                let sum: Vector3<f64> = t.iter().map(|&v| normals[v as usize]).sum();
                t.iter().for_each(|&v| smooth[v as usize] += sum);
            }
            smooth.iter_mut().for_each(normalize);
            normals = smooth;
        }
        Self { mesh, normals }
    }
}

/// The mesh for parry's queries, every triangle under its own number.
pub(crate) fn shape(mesh: &SurfaceMesh<Head>) -> Option<parry3d::shape::TriMesh> {
    let vertices = mesh.vertices().iter();
    let vertices = vertices.map(|p| stipple_model::to_parry_vector(&p.raw()));
    // Without the flags of `SurfaceMesh::to_parry`, which drop degenerate triangles and so number the others anew.
    parry3d::shape::TriMesh::new(vertices.collect(), mesh.triangles().to_vec()).ok()
}

fn normalize(v: &mut Vector3<f64>) {
    // An area vector is tiny for a healthy triangle; only nothing at all has no direction.
    *v = v.try_normalize(0.0).unwrap_or_default();
}
