//! What every parser gives: vertices and triangles in file units, indices checked, nothing repaired yet.

use std::fmt;

use nalgebra::Vector3;
use stipple_model::digest::Digest;
use stipple_model::text::plain;

use super::error::ScanError;
use super::polygon;
use super::unit::{Unit, unit_named};

/// The most vertices and the most triangles read, each. Source: a head at 0.3 mm edges has 3 million triangles; 408,000 take
/// 78 MB to read and repair, so this many some 2 GB.
pub const MOST_ELEMENTS: usize = 10_000_000;
/// Steps taken at most to cut all polygons of a file into triangles. Source: this project's own; a second, a cap over a neck with ten
/// thousand corners, or a million polygons with eight.
const MOST_CUTTING: usize = 200_000_000;

/// The file format, found from the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PLY with a text body.
    PlyAscii,
    /// PLY with a binary body.
    PlyBinary,
    /// STL as text.
    StlAscii,
    /// Binary STL.
    StlBinary,
    /// Wavefront OBJ.
    Obj,
    /// glTF as JSON.
    Gltf,
    /// Binary glTF.
    Glb,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlyAscii => "PLY (text)",
            Self::PlyBinary => "PLY (binary)",
            Self::StlAscii => "STL (text)",
            Self::StlBinary => "STL (binary)",
            Self::Obj => "OBJ",
            Self::Gltf => "glTF (JSON)",
            Self::Glb => "glTF (binary)",
        })
    }
}

/// A unit that the file itself names, without the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitHint {
    /// In a comment.
    Comment(Unit),
    /// By the format's specification.
    Format(Unit),
}

impl UnitHint {
    /// The unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Comment(unit) | Self::Format(unit) => unit,
        }
    }
}

impl fmt::Display for UnitHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comment(unit) => write!(f, "the file's comment says {unit}"),
            Self::Format(unit) => write!(f, "the format is in {unit} by its specification"),
        }
    }
}

/// Vertices and triangles in file units; every index is in range, coordinates may still be anything.
#[derive(Debug)]
pub(super) struct Soup {
    pub format: Format,
    pub vertices: Vec<Vector3<f64>>,
    pub triangles: Vec<[u32; 3]>,
    /// Faces in the file: polygons count once.
    pub faces: usize,
    /// The unit the file names.
    pub unit: Option<UnitHint>,
    /// Normals of the vertices, if the file has one for each.
    pub normals: Option<Vec<Vector3<f64>>>,
    /// Whether the file says that it has faces, be it none.
    pub declares_faces: bool,
    /// Digests of further files that were read, in their order.
    pub beside: Vec<Digest>,
    /// For cutting one polygon after the other, and the steps all have taken.
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Scratch {
    corners: Vec<u32>,
    points: Vec<Vector3<f64>>,
    triangles: Vec<[usize; 3]>,
    work: usize,
}

impl Soup {
    pub fn new(format: Format) -> Self {
        Self {
            format,
            vertices: Vec::new(),
            triangles: Vec::new(),
            faces: 0,
            unit: None,
            normals: None,
            declares_faces: false,
            beside: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Refuses more vertices or triangles than are read.
    pub const fn check_size(&self, vertices: usize, more: usize) -> Result<(), ScanError> {
        let triangles = self.triangles.len().saturating_add(more);
        if vertices > MOST_ELEMENTS || triangles > MOST_ELEMENTS {
            return Err(ScanError::TooMany {
                vertices,
                triangles,
                limit: MOST_ELEMENTS,
            });
        }
        Ok(())
    }

    /// Adds a polygon of the vertices read so far, cut into triangles; polygons with fewer than three corners count as faces and are
    /// left to the degenerate count.
    pub fn push_polygon(&mut self, corners: &[i64]) -> Result<(), ScanError> {
        self.faces += 1;
        self.check_size(self.vertices.len(), corners.len().saturating_sub(2))?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let pushed = self.push_with(&mut scratch, corners);
        self.scratch = scratch;
        pushed
    }

    fn push_with(&mut self, scratch: &mut Scratch, corners: &[i64]) -> Result<(), ScanError> {
        scratch.corners.clear();
        for &corner in corners {
            scratch.corners.push(self.index(corner)?);
        }
        match scratch.corners[..] {
            [] | [_] | [_, _] => return Ok(()),
            [a, b, c] => self.triangles.push([a, b, c]),
            _ => {
                let place = |&i: &u32| self.vertices[i as usize];
                scratch.points.clear();
                scratch.points.extend(scratch.corners.iter().map(place));
                scratch.work += polygon::cut(
                    &scratch.points,
                    MOST_CUTTING - scratch.work,
                    &mut scratch.triangles,
                )
                .ok_or(ScanError::Polygon {
                    face: self.faces - 1,
                    corners: corners.len(),
                })?;
                let vertices = |t: &[usize; 3]| t.map(|i| scratch.corners[i]);
                self.triangles
                    .extend(scratch.triangles.iter().map(vertices));
            }
        }
        Ok(())
    }

    /// Adds triangle strips, one after the other, each ended by a negative number.
    pub fn push_strips(&mut self, corners: &[i64]) -> Result<(), ScanError> {
        for strip in corners.split(|&i| i < 0) {
            for (k, t) in strip.windows(3).enumerate() {
                // Every second triangle of a strip runs the other way.
                let turned = if k % 2 == 0 {
                    [t[0], t[1], t[2]]
                } else {
                    [t[1], t[0], t[2]]
                };
                // Strips repeat a corner to jump; that is no face.
                if t[0] != t[1] && t[1] != t[2] && t[2] != t[0] {
                    self.push_polygon(&turned)?;
                }
            }
        }
        Ok(())
    }

    /// Holds one index against the vertices; the face is the one counted last.
    fn index(&self, index: i64) -> Result<u32, ScanError> {
        let vertices = self.vertices.len();
        usize::try_from(index)
            .ok()
            .filter(|&i| i < vertices)
            .and_then(|i| u32::try_from(i).ok())
            .ok_or(ScanError::IndexOutOfRange {
                face: self.faces.saturating_sub(1),
                index,
                vertices,
            })
    }
}

/// A unit that a comment names as a word of its own ("head, mm, RAS"; "units: metres"). A lone "in" or "m" is too often something else.
pub(super) fn unit_in(comment: &str) -> Option<Unit> {
    let words = comment
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_lowercase);
    words
        .into_iter()
        .filter(|w| w.len() > 1 && w != "in")
        .find_map(|w| unit_named(&w))
}

/// At most 60 characters of a line, without control characters, for messages.
pub(super) fn excerpt(line: &str) -> String {
    plain(line, 60).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_in_comments() {
        assert_eq!(
            unit_in("decimated Colin27 head, mm, RAS"),
            Some(Unit::Millimetre)
        );
        assert_eq!(unit_in("units: metres"), Some(Unit::Metre));
        assert_eq!(unit_in("made in Blender, I'm told"), None);
    }
}
