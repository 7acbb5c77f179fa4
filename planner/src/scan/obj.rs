//! Wavefront OBJ: vertices and faces; normals, textures, groups and materials are skipped.
//!
//! Own parser: `tobj` names neither the line nor the face that is wrong and reads 32-bit numbers by default.

use nalgebra::Vector3;

use super::error::ScanError;
use super::soup::{Format, Soup, UnitHint, excerpt, unit_in};

/// Reads an OBJ text.
pub(super) fn parse(text: &str) -> Result<Soup, ScanError> {
    let mut soup = Soup::new(Format::Obj);
    // Corners of all faces in one row and where each face ends: faces may name vertices that come later in the file.
    let (mut corners, mut ends) = (Vec::<i64>::new(), Vec::<usize>::new());
    let mut normals = Vec::new();
    // Triangles that the faces will be cut into; kept up while reading, so that no more is read than will be taken.
    let mut triangles = 0usize;
    let mut joined = String::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let line = if line.ends_with('\\') {
            continued(line, &mut lines, &mut joined);
            joined.as_str()
        } else {
            line
        };
        let bad = |what| ScanError::BadLine {
            line: number,
            what,
            text: excerpt(line),
        };
        let mut words = line.split_whitespace();
        match words.next() {
            Some(word @ ("v" | "vn")) => {
                let mut next = || words.next().and_then(|w| w.parse::<f64>().ok());
                let (Some(x), Some(y), Some(z)) = (next(), next(), next()) else {
                    return Err(bad("three numbers were expected"));
                };
                // What follows is a weight or a colour.
                let list = if word == "v" {
                    &mut soup.vertices
                } else {
                    &mut normals
                };
                list.push(Vector3::new(x, y, z));
                let most = soup.vertices.len().max(normals.len());
                soup.check_size(most, triangles)?;
            }
            Some("f") => {
                let start = corners.len();
                for word in words.take_while(|w| !w.starts_with('#')) {
                    let index = index(word, soup.vertices.len())
                        .ok_or_else(|| bad("vertex numbers (from 1, or negative) were expected"))?;
                    corners.push(index);
                    let more = corners.len() - start;
                    soup.check_size(soup.vertices.len(), triangles + more.saturating_sub(2))?;
                }
                ends.push(corners.len());
                // A face with fewer than three corners takes its place too.
                triangles += (corners.len() - start).saturating_sub(2).max(1);
                soup.check_size(soup.vertices.len(), triangles)?;
            }
            // A unit is named before the vertices, if at all.
            Some(word) if word.starts_with('#') && soup.vertices.is_empty() => {
                soup.unit = soup.unit.or_else(|| unit_in(line).map(UnitHint::Comment));
            }
            _ => {}
        }
    }
    let mut start = 0;
    for end in ends {
        soup.push_polygon(&corners[start..end])?;
        start = end;
    }
    soup.declares_faces = soup.faces > 0;
    // Without faces there is no other way to tell which normal belongs to which vertex.
    soup.normals = (soup.faces == 0 && normals.len() == soup.vertices.len()).then_some(normals);
    Ok(soup)
}

/// Puts a line and those it is continued on into one.
fn continued<'a>(
    first: &str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    joined: &mut String,
) {
    joined.clear();
    joined.push_str(first.trim_end_matches('\\'));
    for (_, line) in lines {
        joined.push(' ');
        joined.push_str(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            break;
        }
    }
}

/// The vertex a corner names, counted from 0: in the file from 1, or negative and back from the vertices read so far.
fn index(corner: &str, vertices: usize) -> Option<i64> {
    let index: i64 = corner.split('/').next()?.parse().ok()?;
    match index {
        0 => None,
        1.. => Some(index - 1),
        _ => i64::try_from(vertices).ok()?.checked_add(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Unit;

    const SQUARE: &str = "# a square\r\nv 0 0 0\r\nv 1 0 0\r\nv 1 1 0\r\nv 0 1 0 1.0\r\n";

    #[test]
    fn quads_relative_indices_and_slashes() {
        for face in ["f 1 2 3 4", "f -4 -3 -2 -1", "f 1/1 2/2/2 3//3 4"] {
            let soup = parse(&format!("{SQUARE}{face}\r\n")).unwrap();
            assert_eq!(soup.triangles, vec![[0, 1, 2], [0, 2, 3]], "{face}");
        }
    }

    #[test]
    fn continued_lines_colours_and_later_vertices() {
        let text =
            "# head, mm\nf 1 2 \\\r\n 3 4\nv 0 0 0 0.5 0.5 0.5\nv 1 0 0\nv 1 1 0\nv 0 \\\n1 0\n";
        let soup = parse(text).unwrap();
        assert_eq!(soup.triangles, vec![[0, 1, 2], [0, 2, 3]]);
        assert_eq!(soup.vertices[3], Vector3::new(0.0, 1.0, 0.0));
        assert_eq!(soup.unit, Some(UnitHint::Comment(Unit::Millimetre)));
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
