//! glTF 2.0, as JSON or in its binary container. The container and the JSON's structure are read by the crate `gltf`; what it names is
//! looked up here, since its own accessors take offsets and counts on trust.
//!
//! Nodes are applied, so that the scan's frame is the scene's (y up, metres). Triangles, strips, fans and points are taken; lines, skins,
//! morph targets and materials are passed over.

mod accessor;
mod error;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use gltf::json::validation::Checked;
use gltf::json::{Root, mesh::Mode, mesh::Primitive, mesh::Semantic};
use nalgebra::{Matrix4, Point3, Quaternion, UnitQuaternion, Vector3};

use super::error::ScanError;
use super::soup::{Format, Soup, UnitHint, excerpt};
use super::unit::Unit;
use accessor::Buffers;
pub(super) use accessor::read_beside;
pub use error::GltfError;

/// Gives the bytes of a buffer that lies in a file of its own: the buffer's number, the file's name, and the most bytes it may have.
pub(super) type Beside<'a> = &'a dyn Fn(usize, &str, u64) -> Result<Vec<u8>, ScanError>;

/// The most objects and the most lists in the JSON part: each takes hundreds of bytes of memory for three in the file.
/// Source: this project's own; a scan of a head has dozens.
const MOST_OBJECTS: usize = 100_000;

/// What a file may ask for without changing where the surface lies.
const HARMLESS: [&str; 5] = [
    "KHR_mesh_quantization",
    "KHR_materials_",
    "KHR_texture_",
    "EXT_texture_",
    "KHR_lights_",
];

/// Reads a binary glTF.
pub(super) fn parse_binary(bytes: &[u8], beside: Beside<'_>) -> Result<Soup, ScanError> {
    let declared = bytes
        .get(8..12)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u32::from_le_bytes);
    // Some writers forget the padding at the end; a file that is longer has something else behind.
    if declared as usize != bytes.len() || declared < 20 {
        return Err(GltfError::Length {
            declared,
            actual: bytes.len(),
        }
        .into());
    }
    let glb = gltf::Glb::from_slice(bytes).map_err(|e| GltfError::Chunks {
        reason: excerpt(&e.to_string()),
    })?;
    parse(&glb.json, glb.bin.as_deref(), Format::Glb, beside)
}

/// Reads a glTF as JSON.
pub(super) fn parse_json(bytes: &[u8], beside: Beside<'_>) -> Result<Soup, ScanError> {
    parse(bytes, None, Format::Gltf, beside)
}

fn parse(
    json: &[u8],
    bin: Option<&[u8]>,
    format: Format,
    beside: Beside<'_>,
) -> Result<Soup, ScanError> {
    let objects = json.iter().filter(|b| matches!(b, b'{' | b'[')).count();
    if objects > MOST_OBJECTS {
        return Err(GltfError::ManyObjects {
            objects,
            limit: MOST_OBJECTS,
        }
        .into());
    }
    let root: Root = gltf::json::deserialize::from_slice(json).map_err(|e| GltfError::Json {
        line: e.line(),
        column: e.column(),
        reason: excerpt(&e.to_string()),
    })?;
    if !root.asset.version.starts_with("2.") {
        return Err(GltfError::Version {
            version: excerpt(&root.asset.version),
        }
        .into());
    }
    let unknown = root
        .extensions_required
        .iter()
        .find(|name| !HARMLESS.iter().any(|h| name.starts_with(h)));
    if let Some(name) = unknown {
        return Err(GltfError::Extension {
            name: excerpt(name),
        }
        .into());
    }
    let mut soup = Soup::new(format);
    soup.unit = Some(UnitHint::Format(Unit::Metre));
    let held = json.len() + bin.map_or(0, <[u8]>::len);
    let mut adding = Adding {
        buffers: Buffers::new(&root, bin, beside, held),
        soup,
        normals: Some(Vec::new()),
        lines: 0,
    };
    for (mesh, place) in placed(&root)? {
        let found = root.meshes.get(mesh).ok_or(GltfError::Missing {
            what: "mesh",
            index: mesh,
            of: root.meshes.len(),
        })?;
        // Primitives of one mesh often share one list of positions.
        let mut shared = HashMap::new();
        for primitive in &found.primitives {
            adding.add(primitive, &place, &mut shared)?;
        }
    }
    adding.done()
}

/// The meshes of the scene and where each stands.
fn placed(root: &Root) -> Result<Vec<(usize, Matrix4<f64>)>, GltfError> {
    let scene = root.scene.map_or(0, |s| s.value());
    let roots: Vec<usize> = match root.scenes.get(scene) {
        Some(scene) => scene.nodes.iter().map(|n| n.value()).collect(),
        None if root.scene.is_some() => {
            return Err(GltfError::Missing {
                what: "scene",
                index: scene,
                of: root.scenes.len(),
            });
        }
        // Without a scene: every node that hangs below no other.
        None => {
            let mut child = vec![false; root.nodes.len()];
            for c in root.nodes.iter().flat_map(|n| n.children.iter().flatten()) {
                if let Some(child) = child.get_mut(c.value()) {
                    *child = true;
                }
            }
            (0..root.nodes.len()).filter(|i| !child[*i]).collect()
        }
    };
    if root.nodes.is_empty() {
        return Ok((0..root.meshes.len())
            .map(|m| (m, Matrix4::identity()))
            .collect());
    }
    let mut seen = vec![false; root.nodes.len()];
    let mut pending: Vec<(usize, Matrix4<f64>)> = Vec::new();
    // Held against the tree before it is noted: a list of children may name one node a million times.
    let mut note = |pending: &mut Vec<_>, index: usize, place: Matrix4<f64>| {
        let seen = seen.get_mut(index).ok_or(GltfError::Missing {
            what: "node",
            index,
            of: root.nodes.len(),
        })?;
        if std::mem::replace(seen, true) {
            return Err(GltfError::NotATree { node: index });
        }
        pending.push((index, place));
        Ok(())
    };
    for index in roots.into_iter().rev() {
        note(&mut pending, index, Matrix4::identity())?;
    }
    let mut placed = Vec::new();
    while let Some((index, parent)) = pending.pop() {
        let Some(node) = root.nodes.get(index) else {
            continue;
        };
        let here = parent * local(node);
        placed.extend(node.mesh.map(|m| (m.value(), here)));
        for child in node.children.iter().flatten().rev() {
            note(&mut pending, child.value(), here)?;
        }
    }
    Ok(placed)
}

/// A node's own transform.
fn local(node: &gltf::json::Node) -> Matrix4<f64> {
    if let Some(m) = node.matrix {
        // Column by column, as the format stores it.
        return Matrix4::from_column_slice(&m.map(f64::from));
    }
    let [x, y, z, w] = node.rotation.map_or([0.0, 0.0, 0.0, 1.0], |r| r.0);
    let [x, y, z, w] = [x, y, z, w].map(f64::from);
    let rotation = UnitQuaternion::try_new(Quaternion::new(w, x, y, z), 1e-12).unwrap_or_default();
    let translation = Vector3::from(node.translation.unwrap_or_default().map(f64::from));
    let scale = Vector3::from(node.scale.unwrap_or([1.0; 3]).map(f64::from));
    Matrix4::new_translation(&translation)
        * rotation.to_homogeneous()
        * Matrix4::new_nonuniform_scaling(&scale)
}

/// Where the positions that were read begin among the vertices, and how many they are, by their accessor.
type Shared = HashMap<usize, (usize, usize)>;

/// What has been read of the primitives so far.
struct Adding<'a> {
    buffers: Buffers<'a>,
    soup: Soup,
    /// Of points, as long as all of them have one.
    normals: Option<Vec<Vector3<f64>>>,
    /// Primitives of lines, which are no surface.
    lines: usize,
}

impl Adding<'_> {
    /// Adds one primitive of a mesh.
    fn add(
        &mut self,
        primitive: &Primitive,
        place: &Matrix4<f64>,
        shared: &mut Shared,
    ) -> Result<(), ScanError> {
        let mode = match primitive.mode {
            Checked::Valid(mode) => mode,
            Checked::Invalid => return Ok(()),
        };
        if matches!(mode, Mode::Lines | Mode::LineLoop | Mode::LineStrip) {
            self.lines += 1;
            return Ok(());
        }
        let attribute = |semantic| {
            primitive
                .attributes
                .get(&Checked::Valid(semantic))
                .map(|i| i.value())
        };
        let Some(positions) = attribute(Semantic::Positions) else {
            return Ok(());
        };
        let (first, count) = match shared.entry(positions) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let first = self.soup.vertices.len();
                let read = self.buffers.vectors(positions)?;
                self.soup.check_size(first.saturating_add(read.len()), 0)?;
                let moved = |v: &Vector3<f64>| place.transform_point(&Point3::from(*v)).coords;
                self.soup.vertices.extend(read.iter().map(moved));
                let own = (mode == Mode::Points).then(|| attribute(Semantic::Normals));
                self.add_normals(own.flatten(), read.len(), place)?;
                *new.insert((first, read.len()))
            }
        };
        if mode == Mode::Points {
            return Ok(());
        }
        let indices = match primitive.indices {
            Some(accessor) => self.buffers.indices(accessor.value())?,
            None => {
                // They take what indices of the format take.
                self.buffers.charge(4 * count as u64)?;
                (0..count as i64).collect()
            }
        };
        if let Some(&index) = indices.iter().find(|&&i| i >= count as i64) {
            return Err(ScanError::IndexOutOfRange {
                face: self.soup.faces,
                index,
                vertices: count,
            });
        }
        add_triangles(mode, &indices, first, place, &mut self.soup)
    }

    /// Adds the normals of so many vertices, if they and all before them have any.
    fn add_normals(
        &mut self,
        accessor: Option<usize>,
        count: usize,
        place: &Matrix4<f64>,
    ) -> Result<(), ScanError> {
        let turned = place.fixed_view::<3, 3>(0, 0).try_inverse();
        let (Some(accessor), Some(inverse), Some(all)) = (accessor, turned, &mut self.normals)
        else {
            self.normals = None;
            return Ok(());
        };
        let own = self.buffers.vectors(accessor)?;
        if own.len() != count {
            let reason = "has not as many normals as there are positions";
            return Err(GltfError::Accessor { accessor, reason }.into());
        }
        all.extend(own.iter().map(|n| inverse.transpose() * n));
        Ok(())
    }

    fn done(self) -> Result<Soup, ScanError> {
        let mut soup = self.soup;
        if soup.vertices.is_empty() && self.lines > 0 {
            return Err(GltfError::OnlyLines { lines: self.lines }.into());
        }
        soup.beside = self.buffers.digests;
        soup.normals = self.normals.filter(|_| soup.faces == 0);
        soup.declares_faces = soup.faces > 0;
        Ok(soup)
    }
}

/// Adds triangles whose indices, all checked, count from the vertex `first`.
fn add_triangles(
    mode: Mode,
    indices: &[i64],
    first: usize,
    place: &Matrix4<f64>,
    soup: &mut Soup,
) -> Result<(), ScanError> {
    // A mirroring transform turns the winding over.
    let mirrored = place.fixed_view::<3, 3>(0, 0).determinant() < 0.0;
    let mut push = |a: i64, b: i64, c: i64| {
        let shift = |i: i64| i + first as i64;
        let corners = if mirrored { [a, c, b] } else { [a, b, c] };
        soup.push_polygon(&corners.map(shift))
    };
    match mode {
        Mode::TriangleStrip => indices.windows(3).enumerate().try_for_each(|(k, t)| {
            if k % 2 == 0 {
                push(t[0], t[1], t[2])
            } else {
                push(t[1], t[0], t[2])
            }
        }),
        Mode::TriangleFan => indices
            .get(1..)
            .unwrap_or_default()
            .windows(2)
            .try_for_each(|t| push(indices[0], t[0], t[1])),
        _ if !indices.len().is_multiple_of(3) => Err(GltfError::NotTriangles {
            indices: indices.len(),
        }
        .into()),
        _ => indices
            .chunks_exact(3)
            .try_for_each(|t| push(t[0], t[1], t[2])),
    }
}
