//! PLY out: binary, little endian, millimetres.

use stipple_model::frames::Frame;
use stipple_model::mesh::SurfaceMesh;

/// The file's bytes.
#[must_use]
pub fn to_bytes<F: Frame>(mesh: &SurfaceMesh<F>) -> Vec<u8> {
    let (vertices, triangles) = (mesh.vertices(), mesh.triangles());
    let mut bytes = format!(
        "ply\nformat binary_little_endian 1.0\ncomment Stipple simulated scan, millimetres\nelement vertex {}\nproperty float x\n\
         property float y\nproperty float z\nelement face {}\nproperty list uchar int vertex_indices\nend_header\n",
        vertices.len(),
        triangles.len()
    )
    .into_bytes();
    bytes.reserve(vertices.len() * 12 + triangles.len() * 13);
    for vertex in vertices {
        for c in vertex.raw().iter() {
            bytes.extend_from_slice(&((c * 1e3) as f32).to_le_bytes());
        }
    }
    for triangle in triangles {
        bytes.push(3);
        for i in triangle {
            bytes.extend_from_slice(&i.to_le_bytes());
        }
    }
    bytes
}
