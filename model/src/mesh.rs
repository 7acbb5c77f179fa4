//! A triangle surface in a known frame.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::frames::{Direction, Frame, Point, Transform};
use crate::units::{Area, Length};

/// An indexed triangle mesh; outward is where the right-hand rule points (counter-clockwise seen from outside).
///
/// Every index is in range and every vertex finite: [`SurfaceMesh::new`] is the only way in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<F>", into = "Raw<F>", bound = "")]
pub struct SurfaceMesh<F: Frame> {
    vertices: Vec<Point<F>>,
    triangles: Vec<[u32; 3]>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
struct Raw<F: Frame> {
    vertices: Vec<Point<F>>,
    triangles: Vec<[u32; 3]>,
}

/// Why vertices and triangles do not make a mesh.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeshError {
    /// There is no triangle.
    #[error("the mesh has no triangle")]
    Empty,
    /// A triangle names a vertex that is not there.
    #[error("triangle {triangle} uses vertex {vertex}, but there are only {vertices}")]
    IndexOutOfRange {
        /// The triangle, counted from 0.
        triangle: usize,
        /// The vertex it names.
        vertex: u32,
        /// How many there are.
        vertices: usize,
    },
    /// A vertex is NaN or infinite.
    #[error("vertex {vertex} is not finite")]
    NotFinite {
        /// The vertex, counted from 0.
        vertex: usize,
    },
}

impl<F: Frame> SurfaceMesh<F> {
    /// Checks and takes vertices (metres) and triangles.
    ///
    /// # Errors
    /// No triangle, an index out of range, or a vertex that is not finite.
    pub fn new(vertices: Vec<Point<F>>, triangles: Vec<[u32; 3]>) -> Result<Self, MeshError> {
        if triangles.is_empty() {
            return Err(MeshError::Empty);
        }
        if let Some(vertex) = vertices.iter().position(|p| !p.is_finite()) {
            return Err(MeshError::NotFinite { vertex });
        }
        for (triangle, indices) in triangles.iter().enumerate() {
            if let Some(&vertex) = indices.iter().find(|&&i| i as usize >= vertices.len()) {
                return Err(MeshError::IndexOutOfRange {
                    triangle,
                    vertex,
                    vertices: vertices.len(),
                });
            }
        }
        Ok(Self {
            vertices,
            triangles,
        })
    }

    /// The vertices, metres.
    #[must_use]
    pub fn vertices(&self) -> &[Point<F>] {
        &self.vertices
    }

    /// The triangles as indices into [`Self::vertices`], all in range.
    #[must_use]
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// The corners of one triangle.
    #[must_use]
    pub fn corners(&self, triangle: usize) -> [Point<F>; 3] {
        self.triangles[triangle].map(|i| self.vertices[i as usize])
    }

    /// Twice the area times the outward normal of one triangle, square metres.
    #[must_use]
    pub fn area_vector(&self, triangle: usize) -> nalgebra::Vector3<f64> {
        let [a, b, c] = self.corners(triangle).map(|p| p.raw());
        (b - a).cross(&(c - a))
    }

    /// For each vertex the sum of the area vectors of its triangles: its outward normal, unscaled; zero where no triangle is.
    #[must_use]
    pub fn vertex_area_vectors(&self) -> Vec<nalgebra::Vector3<f64>> {
        let mut sums = vec![nalgebra::Vector3::zeros(); self.vertices.len()];
        for (i, t) in self.triangles.iter().enumerate() {
            let area = self.area_vector(i);
            t.iter().for_each(|&v| sums[v as usize] += area);
        }
        sums
    }

    /// Distance from a point to one triangle.
    #[must_use]
    pub fn distance_to_triangle(&self, triangle: usize, point: &Point<F>) -> Length {
        use parry3d::query::PointQuery as _;
        let [a, b, c] = self
            .corners(triangle)
            .map(|p| crate::to_parry_vector(&p.raw()));
        let point = crate::to_parry_vector(&point.raw());
        let triangle = parry3d::shape::Triangle::new(a, b, c);
        Length::from_m(triangle.distance_to_local_point(point, true))
    }

    /// Outward normal of one triangle; `None` for a degenerate one.
    #[must_use]
    pub fn face_normal(&self, triangle: usize) -> Option<Direction<F>> {
        let v = self.area_vector(triangle);
        // An area vector is tiny for a small healthy triangle, so scale before asking for its direction.
        let largest = v.amax();
        (largest > 0.0)
            .then(|| Direction::new(v / largest))
            .flatten()
    }

    /// Area of one triangle.
    #[must_use]
    pub fn triangle_area(&self, triangle: usize) -> Area {
        Area::from_m2(0.5 * self.area_vector(triangle).norm())
    }

    /// Area of the whole surface.
    #[must_use]
    pub fn area(&self) -> Area {
        (0..self.triangles.len()).fold(Area::ZERO, |sum, t| sum + self.triangle_area(t))
    }

    /// The smallest and largest coordinates.
    #[must_use]
    pub fn bounds(&self) -> (Point<F>, Point<F>) {
        let start = self
            .vertices
            .first()
            .map_or_else(nalgebra::Vector3::zeros, Point::raw);
        let (lo, hi) = self.vertices.iter().fold((start, start), |(lo, hi), p| {
            (lo.inf(&p.raw()), hi.sup(&p.raw()))
        });
        (Point::from_raw(lo), Point::from_raw(hi))
    }

    /// The same surface in another frame.
    #[must_use]
    pub fn transformed<To: Frame>(&self, to_from: &Transform<To, F>) -> SurfaceMesh<To> {
        SurfaceMesh {
            vertices: self.vertices.iter().map(|&p| *to_from * p).collect(),
            triangles: self.triangles.clone(),
        }
    }

    /// Digest of the coordinates and indices, bit for bit.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update((self.vertices.len() as u64).to_le_bytes());
        for p in &self.vertices {
            for c in p.raw().iter() {
                hash.update(c.to_le_bytes());
            }
        }
        for t in &self.triangles {
            for i in t {
                hash.update(i.to_le_bytes());
            }
        }
        Digest::from_sha256(hash)
    }

    /// The same surface for parry's queries, with oriented pseudo-normals so that inside and outside are told apart.
    ///
    /// # Errors
    /// When parry cannot build its tree or its topology.
    pub fn to_parry(&self) -> Result<parry3d::shape::TriMesh, parry3d::shape::TriMeshBuilderError> {
        use parry3d::shape::{TriMesh, TriMeshFlags};
        let vertices = self
            .vertices
            .iter()
            .map(|p| crate::to_parry_vector(&p.raw()))
            .collect();
        TriMesh::with_flags(
            vertices,
            self.triangles.clone(),
            TriMeshFlags::ORIENTED
                | TriMeshFlags::MERGE_DUPLICATE_VERTICES
                | TriMeshFlags::DELETE_DEGENERATE_TRIANGLES,
        )
    }
}

impl<F: Frame> TryFrom<Raw<F>> for SurfaceMesh<F> {
    type Error = MeshError;
    fn try_from(raw: Raw<F>) -> Result<Self, MeshError> {
        Self::new(raw.vertices, raw.triangles)
    }
}

impl<F: Frame> From<SurfaceMesh<F>> for Raw<F> {
    fn from(mesh: SurfaceMesh<F>) -> Self {
        Self {
            vertices: mesh.vertices,
            triangles: mesh.triangles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Head;

    fn corner() -> Vec<Point<Head>> {
        vec![
            Point::new(0.0, 0.0, 0.0),
            Point::new(1.0, 0.0, 0.0),
            Point::new(0.0, 1.0, 0.0),
        ]
    }

    #[test]
    fn refuses_what_is_no_mesh() {
        assert_eq!(SurfaceMesh::new(corner(), vec![]), Err(MeshError::Empty));
        assert_eq!(
            SurfaceMesh::new(corner(), vec![[0, 1, 3]]),
            Err(MeshError::IndexOutOfRange {
                triangle: 0,
                vertex: 3,
                vertices: 3
            })
        );
        let mut bad = corner();
        bad[1] = Point::new(f64::NAN, 0.0, 0.0);
        assert_eq!(
            SurfaceMesh::new(bad, vec![[0, 1, 2]]),
            Err(MeshError::NotFinite { vertex: 1 })
        );
    }

    #[test]
    fn normal_follows_the_right_hand_rule_and_digest_the_bits() {
        let mesh = SurfaceMesh::new(corner(), vec![[0, 1, 2]]).unwrap();
        assert_eq!(mesh.face_normal(0).unwrap().raw(), nalgebra::Vector3::z());
        assert!((mesh.area().m2() - 0.5).abs() < 1e-15);
        let flipped = SurfaceMesh::new(corner(), vec![[0, 2, 1]]).unwrap();
        assert_ne!(mesh.digest(), flipped.digest());
    }
}
