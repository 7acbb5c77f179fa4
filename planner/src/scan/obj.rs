//! Wavefront OBJ: vertices and faces; normals, textures, groups and materials are skipped.
//!
//! Own parser: `tobj` names neither the line nor the face that is wrong and reads 32-bit numbers by default.

use nalgebra::Vector3;

use super::error::ScanError;
use super::soup::{Format, Soup, excerpt};

/// Reads an OBJ text.
pub(super) fn parse(text: &str) -> Result<Soup, ScanError> {
    let mut soup = Soup::new(Format::Obj);
    let mut faces: Vec<(usize, Vec<i64>)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let bad = |what| ScanError::BadLine {
            line: number,
            what,
            text: excerpt(line),
        };
        let mut words = line.split_whitespace();
        match words.next() {
            Some("v") => {
                let mut next = || words.next().and_then(|w| w.parse::<f64>().ok());
                let (Some(x), Some(y), Some(z)) = (next(), next(), next()) else {
                    return Err(bad("three numbers were expected"));
                };
                soup.vertices.push(Vector3::new(x, y, z));
            }
            Some("f") => {
                let corners = words
                    .take_while(|w| !w.starts_with('#'))
                    .map(|w| {
                        let index = w.split('/').next().and_then(|i| i.parse::<i64>().ok())?;
                        // Counted from 1; negative counts back from the vertices read so far.
                        match index {
                            0 => None,
                            1.. => Some(index - 1),
                            _ => (soup.vertices.len() as i64).checked_add(index),
                        }
                    })
                    .collect::<Option<Vec<i64>>>()
                    .ok_or_else(|| bad("vertex numbers (from 1, or negative) were expected"))?;
                faces.push((number, corners));
            }
            _ => {}
        }
    }
    // Faces may name vertices that come later in the file.
    for (_, corners) in &faces {
        soup.push_polygon(corners)?;
    }
    Ok(soup)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: &str = "# a square\r\nv 0 0 0\r\nv 1 0 0\r\nv 1 1 0\r\nv 0 1 0 1.0\r\n";

    #[test]
    fn quads_relative_indices_and_slashes() {
        for face in ["f 1 2 3 4", "f -4 -3 -2 -1", "f 1/1 2/2/2 3//3 4"] {
            let soup = parse(&format!("{SQUARE}{face}\r\n")).unwrap();
            assert_eq!(soup.triangles, vec![[0, 1, 2], [0, 2, 3]], "{face}");
        }
    }

    #[test]
    fn wrong_numbers_are_named() {
        assert!(matches!(
            parse(&format!("{SQUARE}f 1 2 9\n")),
            Err(ScanError::IndexOutOfRange {
                face: 0,
                index: 8,
                vertices: 4
            })
        ));
        assert!(matches!(
            parse(&format!("{SQUARE}f 1 2 0\n")),
            Err(ScanError::BadLine { line: 6, .. })
        ));
        assert!(matches!(
            parse(&format!("{SQUARE}f -9 2 1\n")),
            Err(ScanError::IndexOutOfRange { index: -5, .. })
        ));
    }
}
