//! What every parser gives: vertices and triangles in file units, indices checked, nothing repaired yet.

use std::fmt;

use nalgebra::Vector3;

use super::error::ScanError;
use super::unit::Unit;

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
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlyAscii => "PLY (text)",
            Self::PlyBinary => "PLY (binary)",
            Self::StlAscii => "STL (text)",
            Self::StlBinary => "STL (binary)",
            Self::Obj => "OBJ",
        })
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
    /// A unit named in a comment.
    pub comment: Option<Unit>,
}

impl Soup {
    pub fn new(format: Format) -> Self {
        Self {
            format,
            vertices: Vec::new(),
            triangles: Vec::new(),
            faces: 0,
            comment: None,
        }
    }

    /// Adds a polygon as a fan; polygons with fewer than three corners count as faces and are left to the degenerate count.
    pub fn push_polygon(&mut self, corners: &[i64]) -> Result<(), ScanError> {
        let face = self.faces;
        self.faces += 1;
        let index = |i: i64| {
            usize::try_from(i)
                .ok()
                .filter(|&i| i < self.vertices.len())
                .and_then(|i| u32::try_from(i).ok())
                .ok_or(ScanError::IndexOutOfRange {
                    face,
                    index: i,
                    vertices: self.vertices.len(),
                })
        };
        let checked = corners
            .iter()
            .map(|&i| index(i))
            .collect::<Result<Vec<u32>, _>>()?;
        if let [first, rest @ ..] = checked.as_slice() {
            self.triangles
                .extend(rest.windows(2).map(|pair| [*first, pair[0], pair[1]]));
        }
        Ok(())
    }
}

/// At most 60 characters of a line, without control characters, for messages.
pub(super) fn excerpt(line: &str) -> String {
    let clean: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    clean.trim().to_owned()
}
