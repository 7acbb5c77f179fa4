//! Small bodies for tests.

use crate::frames::{Head, Point};
use crate::mesh::SurfaceMesh;

/// A ball about the origin, outward wound, with `rings` rings; without its lowest sixth unless `whole`.
pub fn ball(radius: f64, rings: usize, whole: bool) -> SurfaceMesh<Head> {
    let sectors = 2 * rings;
    let last = if whole { rings } else { rings * 5 / 6 };
    let mut vertices = vec![Point::new(0.0, 0.0, radius)];
    for i in 1..=last.min(rings - 1) {
        let polar = std::f64::consts::PI * i as f64 / rings as f64;
        for k in 0..sectors {
            let around = std::f64::consts::TAU * k as f64 / sectors as f64;
            vertices.push(Point::new(
                radius * polar.sin() * around.cos(),
                radius * polar.sin() * around.sin(),
                radius * polar.cos(),
            ));
        }
    }
    let at = |ring: usize, k: usize| (1 + (ring - 1) * sectors + k % sectors) as u32;
    let mut triangles: Vec<[u32; 3]> = (0..sectors).map(|k| [0, at(1, k), at(1, k + 1)]).collect();
    let full = last.min(rings - 1);
    for ring in 1..full {
        for k in 0..sectors {
            triangles.push([at(ring, k), at(ring + 1, k), at(ring + 1, k + 1)]);
            triangles.push([at(ring, k), at(ring + 1, k + 1), at(ring, k + 1)]);
        }
    }
    if whole {
        let south = vertices.len() as u32;
        vertices.push(Point::new(0.0, 0.0, -radius));
        triangles.extend((0..sectors).map(|k| [south, at(rings - 1, k + 1), at(rings - 1, k)]));
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}

/// A UR5e-class arm in front of a head, nothing else in the room but the floor.
pub fn cell() -> crate::cell::Cell {
    let mut cell = crate::cell::Cell::shipped(crate::arm::ArmSource::ur5e()).unwrap();
    cell.base_from_head = crate::frames::Transform::from_xyz_rpy([0.55, 0.0, 0.15], [0.0; 3]);
    cell.boxes.clear();
    cell
}

/// An egg of 75 × 95 × 110 mm half axes with bumps of some millimetres, about `4 rings²` triangles: larger and less convex than a head.
pub fn bumpy_head(rings: usize) -> SurfaceMesh<Head> {
    let ball = ball(1.0, rings, true);
    let vertices = ball.vertices().iter().map(|p| {
        let d = p.raw();
        let bump = (11.0 * d.x).sin() * (9.0 * d.y).cos() * 0.02
            + (23.0 * d.z).sin() * (21.0 * d.x).sin() * 0.006;
        Point::from_raw(
            d.component_mul(&nalgebra::Vector3::new(0.095, 0.075, 0.110)) * (1.0 + bump),
        )
    });
    SurfaceMesh::new(vertices.collect(), ball.triangles().to_vec()).unwrap()
}

/// Where shared files lie, if they do: beside the project, or where the environment says.
pub fn shared(path: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("STIPPLE_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        std::path::PathBuf::from,
    );
    let file = folder.join(path);
    if !file.exists() {
        eprintln!("SKIPPED: no {}", file.display());
        return None;
    }
    Some(file)
}

/// A scanned head in millimetres, as it is, in metres.
pub fn shared_scan(name: &str) -> Option<SurfaceMesh<Head>> {
    let scene = mesh_loader::Loader::default()
        .load(shared(&format!("scans/{name}"))?)
        .unwrap();
    let mesh = &scene.meshes[0];
    let vertices = mesh
        .vertices
        .iter()
        .map(|v| Point::from_raw(nalgebra::Vector3::from(v.map(|c| f64::from(c) * 1e-3))));
    Some(SurfaceMesh::new(vertices.collect(), mesh.faces.clone()).unwrap())
}
