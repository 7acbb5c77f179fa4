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
