//! Collision geometry of a body: the triangles of every shape on its links, in the body's frame.

use core::f64::consts::{PI, TAU};

use nalgebra::{Isometry3, Vector3};

use super::source::ArmSource;
use super::walk::isometry;

/// Facets round a cylinder.
const FACETS: usize = 24;
/// Most triangles of one body, so that a wrong file cannot exhaust the memory.
const MAX_TRIANGLES: usize = 2_000_000;

/// No part of a link is farther than this from the link's frame, metres.
const LARGEST_EXTENT: f64 = 5.0;

/// Vertices and triangles.
type Triangles = (Vec<Vector3<f64>>, Vec<[u32; 3]>);

/// Triangles that together enclose every collision shape of one body, metres, in the body's frame (that of its first link).
#[derive(Debug, Clone, PartialEq)]
pub struct BodyMesh {
    name: String,
    vertices: Vec<Vector3<f64>>,
    triangles: Vec<[u32; 3]>,
}

/// Why a collision shape cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A dimension is not positive and finite.
    #[error(
        "a {0} collision shape has a dimension that is not positive, or an origin that is not finite"
    )]
    Dimension(&'static str),
    /// The mesh is not among the description's files.
    #[error("collision mesh {0:?} is missing")]
    MeshMissing(String),
    /// The mesh does not parse.
    #[error("collision mesh {file:?}: {reason} (STL and OBJ are read)")]
    Mesh {
        /// The name in the URDF.
        file: String,
        /// What the parser said.
        reason: String,
    },
    /// The mesh has no triangle or a vertex that is not finite.
    #[error("collision mesh {0:?} has no triangle, or a vertex that is not finite")]
    EmptyMesh(String),
    /// A vertex far from the link: almost always a mesh in millimetres.
    #[error("{0} reaches more than {LARGEST_EXTENT} m from its link; are the meshes in metres?")]
    TooLarge(String),
    /// More triangles than can be used.
    #[error("more than {MAX_TRIANGLES} collision triangles; simplify the meshes")]
    TooManyTriangles,
}

impl BodyMesh {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            vertices: Vec::new(),
            triangles: Vec::new(),
        }
    }

    /// A body of triangles that are already at hand.
    ///
    /// # Errors
    /// No triangle, an index out of range, or a vertex that is not finite.
    pub fn from_triangles(
        name: String,
        vertices: Vec<Vector3<f64>>,
        triangles: Vec<[u32; 3]>,
    ) -> Result<Self, ShapeError> {
        let mut body = Self::new(name);
        let mesh = body.name.clone();
        body.append(&vertices, &triangles, &Isometry3::identity(), &mesh)?;
        Ok(body)
    }

    /// How large it is all in all: the diagonal of the box about it, metres; 0 without geometry.
    #[must_use]
    pub fn extent(&self) -> f64 {
        let Some(first) = self.vertices.first() else {
            return 0.0;
        };
        let (low, high) = self
            .vertices
            .iter()
            .fold((*first, *first), |(low, high), v| (low.inf(v), high.sup(v)));
        (high - low).norm()
    }

    /// The name of its first link.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Vertices, metres.
    #[must_use]
    pub fn vertices(&self) -> &[Vector3<f64>] {
        &self.vertices
    }

    /// Triangles, all indices in range. None for a link without collision geometry.
    #[must_use]
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// Adds one shape of a link that lies at `body_from_link`.
    pub(super) fn add(
        &mut self,
        collision: &urdf_rs::Collision,
        body_from_link: &Isometry3<f64>,
        source: &ArmSource,
    ) -> Result<(), ShapeError> {
        use urdf_rs::Geometry;
        let (kind, dimensions) = match &collision.geometry {
            Geometry::Box { size } => ("box", size.0.to_vec()),
            Geometry::Cylinder { radius, length } => ("cylinder", vec![*radius, *length]),
            Geometry::Capsule { radius, length } => ("capsule", vec![*radius, *length]),
            Geometry::Sphere { radius } => ("sphere", vec![*radius]),
            Geometry::Mesh { scale, .. } => (
                "mesh",
                scale.map_or_else(Vec::new, |s| s.0.iter().map(|c| c.abs()).collect()),
            ),
        };
        let origin = isometry(&collision.origin);
        let (Some(origin), true) = (origin, dimensions.iter().all(|d| d.is_finite() && *d > 0.0))
        else {
            return Err(ShapeError::Dimension(kind));
        };
        let pose = body_from_link * origin;
        match &collision.geometry {
            Geometry::Box { size } => {
                let (v, t) = cuboid(&size.0);
                self.append(&v, &t, &pose, kind)
            }
            Geometry::Cylinder { radius, length } => {
                let (v, t) = revolved(&[(0.5 * length, *radius), (-0.5 * length, *radius)]);
                self.append(&v, &t, &pose, kind)
            }
            Geometry::Capsule { radius, length } => {
                let (v, t) = revolved(&dome_profile(*radius, 0.5 * length));
                self.append(&v, &t, &pose, kind)
            }
            Geometry::Sphere { radius } => {
                let (v, t) = revolved(&dome_profile(*radius, 0.0));
                self.append(&v, &t, &pose, kind)
            }
            Geometry::Mesh { filename, scale } => {
                let scale = scale.map_or([1.0; 3], |s| s.0);
                let (v, t) = read_mesh(filename, source)?;
                let v: Vec<_> = v
                    .iter()
                    .map(|p| p.component_mul(&Vector3::from(scale)))
                    .collect();
                // A mirrored mesh is inside out.
                let mirrored = scale.iter().product::<f64>() < 0.0;
                let turn = |&[a, b, c]: &[u32; 3]| if mirrored { [a, c, b] } else { [a, b, c] };
                let t: Vec<_> = t.iter().map(turn).collect();
                self.append(&v, &t, &pose, filename)
            }
        }
    }

    fn append(
        &mut self,
        vertices: &[Vector3<f64>],
        triangles: &[[u32; 3]],
        pose: &Isometry3<f64>,
        file: &str,
    ) -> Result<(), ShapeError> {
        if self.triangles.len() + triangles.len() > MAX_TRIANGLES {
            return Err(ShapeError::TooManyTriangles);
        }
        let broken = vertices.iter().any(|v| v.iter().any(|c| !c.is_finite()))
            || triangles
                .iter()
                .flatten()
                .any(|&i| i as usize >= vertices.len());
        if triangles.is_empty() || broken {
            return Err(ShapeError::EmptyMesh(file.to_owned()));
        }
        let first = self.vertices.len() as u32;
        let placed: Vec<_> = vertices
            .iter()
            .map(|v| pose.rotation * v + pose.translation.vector)
            .collect();
        if placed
            .iter()
            .any(|v| v.norm() > LARGEST_EXTENT || v.norm().is_nan())
        {
            return Err(ShapeError::TooLarge(file.to_owned()));
        }
        self.vertices.extend(placed);
        self.triangles
            .extend(triangles.iter().map(|t| t.map(|i| i + first)));
        Ok(())
    }
}

/// Whether a binary STL holds fewer triangles than it says: the loader goes by the file's length, and a body that lacks a part is not safe.
fn is_cut_short(stl: &[u8]) -> bool {
    let text = stl.trim_ascii_start().starts_with(b"solid") && stl.is_ascii();
    let count = stl.get(80..84).and_then(|c| <[u8; 4]>::try_from(c).ok());
    !text && count.is_some_and(|c| u64::from(u32::from_le_bytes(c)) > (stl.len() as u64 - 84) / 50)
}

fn read_mesh(file: &str, source: &ArmSource) -> Result<Triangles, ShapeError> {
    let bytes = source
        .meshes
        .get(file)
        .ok_or_else(|| ShapeError::MeshMissing(file.to_owned()))?;
    let failed = |reason: String| ShapeError::Mesh {
        file: file.to_owned(),
        reason,
    };
    let loader = mesh_loader::Loader::default();
    let lower = file.to_ascii_lowercase();
    if lower.ends_with(".dae") {
        return Err(failed("Collada is not read, convert it".to_owned()));
    }
    let is_obj = lower.ends_with(".obj");
    if !is_obj && is_cut_short(bytes) {
        return Err(failed(
            "it ends before the last of its triangles".to_owned(),
        ));
    }
    let scene = if is_obj {
        loader.load_obj_from_slice(bytes, file)
    } else {
        loader.load_stl_from_slice(bytes, file)
    };
    let scene = scene.map_err(|e| failed(e.to_string()))?;
    let (mut vertices, mut triangles) = (Vec::new(), Vec::new());
    for mesh in &scene.meshes {
        let first = vertices.len() as u32;
        vertices.extend(
            mesh.vertices
                .iter()
                .map(|v| Vector3::new(f64::from(v[0]), f64::from(v[1]), f64::from(v[2]))),
        );
        triangles.extend(mesh.faces.iter().map(|f| f.map(|i| i + first)));
    }
    Ok((vertices, triangles))
}

fn cuboid(size: &[f64; 3]) -> Triangles {
    let sign = |bit: usize, of: usize| if of >> bit & 1 == 1 { 0.5 } else { -0.5 };
    let vertices = (0..8)
        .map(|i| {
            Vector3::new(
                sign(0, i) * size[0],
                sign(1, i) * size[1],
                sign(2, i) * size[2],
            )
        })
        .collect();
    let quads = [
        [0, 2, 3, 1],
        [4, 5, 7, 6],
        [0, 1, 5, 4],
        [2, 6, 7, 3],
        [0, 4, 6, 2],
        [1, 3, 7, 5],
    ];
    (
        vertices,
        quads
            .iter()
            .flat_map(|q| [[q[0], q[1], q[2]], [q[0], q[2], q[3]]])
            .collect(),
    )
}

/// The half profile (z, radius) of a sphere pulled apart by `half` along z, drawn around it so that nothing sticks out.
fn dome_profile(radius: f64, half: f64) -> Vec<(f64, f64)> {
    const RINGS: usize = 8;
    let around = radius / (PI / (2.0 * RINGS as f64)).cos();
    let ring = |k: usize, of: usize| PI * k as f64 / of as f64;
    let upper = (1..=RINGS / 2).map(|k| {
        (
            half + around * ring(k, RINGS).cos(),
            around * ring(k, RINGS).sin(),
        )
    });
    let lower = (RINGS / 2..RINGS).map(|k| {
        (
            -half + around * ring(k, RINGS).cos(),
            around * ring(k, RINGS).sin(),
        )
    });
    core::iter::once((half + around, 0.0))
        .chain(upper)
        .chain(lower)
        .chain(core::iter::once((-half - around, 0.0)))
        .collect()
}

/// A closed surface turned about z from a profile that runs from top to bottom, drawn around the true one.
fn revolved(profile: &[(f64, f64)]) -> Triangles {
    let around = 1.0 / (PI / FACETS as f64).cos();
    let mut vertices = Vec::with_capacity(profile.len() * FACETS + 2);
    for (z, r) in profile {
        for k in 0..FACETS {
            let angle = TAU * k as f64 / FACETS as f64;
            vertices.push(Vector3::new(
                r * around * angle.cos(),
                r * around * angle.sin(),
                *z,
            ));
        }
    }
    let mut triangles = Vec::new();
    let at = |ring: usize, k: usize| (ring * FACETS + k % FACETS) as u32;
    for ring in 0..profile.len().saturating_sub(1) {
        for k in 0..FACETS {
            triangles.push([at(ring, k), at(ring + 1, k), at(ring + 1, k + 1)]);
            triangles.push([at(ring, k), at(ring + 1, k + 1), at(ring, k + 1)]);
        }
    }
    let (first, last) = (
        profile.first().map_or(0.0, |p| p.0),
        profile.last().map_or(0.0, |p| p.0),
    );
    let top = vertices.len() as u32;
    vertices.extend([Vector3::new(0.0, 0.0, first), Vector3::new(0.0, 0.0, last)]);
    for k in 0..FACETS {
        triangles.push([top, at(0, k), at(0, k + 1)]);
        triangles.push([
            top + 1,
            at(profile.len() - 1, k + 1),
            at(profile.len() - 1, k),
        ]);
    }
    (vertices, triangles)
}

/// The round nose cone, its body behind it, drawn around the true shapes: for pictures and for checks against the arm itself.
/// `profile` lists (z, radius) from the highest z to the lowest, metres.
pub(crate) fn turned_body(name: &str, profile: &[(f64, f64)]) -> BodyMesh {
    let (vertices, triangles) = revolved(profile);
    BodyMesh {
        name: name.to_owned(),
        vertices,
        triangles,
    }
}
