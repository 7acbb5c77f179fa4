//! STL, binary and text.
//!
//! Own parser: the crates at hand (`stl_io`, `nom_stl`) tell text from binary by the word "solid" alone, which binary headers carry
//! too, and cannot say which line is wrong.

use std::collections::HashMap;

use nalgebra::Vector3;

use super::error::ScanError;
use super::soup::{Format, Soup, excerpt};

const HEADER: usize = 84;
const TRIANGLE: usize = 50;

/// Whether the size is exactly what a binary STL's count asks for.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    declared(bytes).is_some_and(|n| expected(n) == bytes.len() as u64)
}

/// The number of triangles at byte 80.
pub(super) fn declared(bytes: &[u8]) -> Option<u32> {
    bytes
        .get(80..84)
        .and_then(|b| b.try_into().ok())
        .map(u32::from_le_bytes)
}

const fn expected(triangles: u32) -> u64 {
    HEADER as u64 + TRIANGLE as u64 * triangles as u64
}

/// Joins vertices with the same bits: an STL repeats each vertex for every triangle.
#[derive(Default)]
struct Joined {
    seen: HashMap<[u64; 3], i64>,
}

impl Joined {
    fn index(&mut self, soup: &mut Soup, v: Vector3<f64>) -> i64 {
        // +0.0 makes -0.0 and 0.0 the same vertex.
        let key = [
            (v.x + 0.0).to_bits(),
            (v.y + 0.0).to_bits(),
            (v.z + 0.0).to_bits(),
        ];
        *self.seen.entry(key).or_insert_with(|| {
            soup.vertices.push(v);
            soup.vertices.len() as i64 - 1
        })
    }
}

/// Reads a binary STL; the size is checked before anything is allocated.
pub(super) fn parse_binary(bytes: &[u8]) -> Result<Soup, ScanError> {
    let triangles = declared(bytes).unwrap_or(0);
    if expected(triangles) != bytes.len() as u64 {
        return Err(ScanError::StlSize {
            declared: triangles,
            expected: expected(triangles),
            actual: bytes.len() as u64,
        });
    }
    let mut soup = Soup::new(Format::StlBinary);
    let mut joined = Joined::default();
    for record in bytes[HEADER..].chunks_exact(TRIANGLE) {
        let float = |i: usize| {
            record[i..i + 4]
                .try_into()
                .map_or(f64::NAN, |b| f64::from(f32::from_le_bytes(b)))
        };
        let corners = [12, 24, 36].map(|at| {
            joined.index(
                &mut soup,
                Vector3::new(float(at), float(at + 4), float(at + 8)),
            )
        });
        soup.push_polygon(&corners)?;
    }
    Ok(soup)
}

/// Reads an STL text.
pub(super) fn parse_ascii(text: &str) -> Result<Soup, ScanError> {
    let mut soup = Soup::new(Format::StlAscii);
    let mut joined = Joined::default();
    let mut corners: Vec<i64> = Vec::with_capacity(3);
    let mut ended = false;
    for (number, line) in (1..).zip(text.lines()) {
        let bad = |what| ScanError::BadLine {
            line: number,
            what,
            text: excerpt(line),
        };
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_lowercase).as_deref() {
            Some("vertex") => {
                let mut next = || words.next().and_then(|w| w.parse::<f64>().ok());
                let (Some(x), Some(y), Some(z)) = (next(), next(), next()) else {
                    return Err(bad("three numbers were expected"));
                };
                if corners.len() == 3 {
                    return Err(bad("a fourth vertex in a facet"));
                }
                corners.push(joined.index(&mut soup, Vector3::new(x, y, z)));
            }
            Some("endfacet") => {
                if corners.len() != 3 {
                    return Err(bad("a facet without three vertices"));
                }
                soup.push_polygon(&corners)?;
                corners.clear();
            }
            Some("endsolid") => ended = true,
            Some("solid") => ended = false,
            Some("facet" | "outer" | "endloop") | None => {}
            Some(_) => return Err(bad("not an STL keyword")),
        }
    }
    if !ended || !corners.is_empty() {
        // The count is not declared in a text STL; what is missing is the end.
        return Err(ScanError::NoEnd {
            keyword: "endsolid",
            faces: soup.faces,
        });
    }
    Ok(soup)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "solid a\nfacet normal 0 0 1\n outer loop\n  vertex 0 0 0\n  vertex 1 0 0\n  vertex 0 1e0 0\n endloop\nendfacet\nendsolid a\n";

    #[test]
    fn text_is_read_with_any_line_end() {
        assert_eq!(parse_ascii(ONE).unwrap().triangles, vec![[0, 1, 2]]);
        assert_eq!(
            parse_ascii(&ONE.replace('\n', "\r\n"))
                .unwrap()
                .vertices
                .len(),
            3
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = parse_ascii(&ONE.replace("1e0", "one")).unwrap_err();
        assert!(
            matches!(error, ScanError::BadLine { line: 6, .. }),
            "{error}"
        );
        assert!(matches!(
            parse_ascii(ONE.trim_end_matches("endsolid a\n")),
            Err(ScanError::NoEnd { .. })
        ));
    }

    #[test]
    fn shared_corners_are_joined_and_a_lying_count_is_refused() {
        let mut bytes = vec![0u8; 80];
        bytes.extend(2u32.to_le_bytes());
        for corners in [
            [[0.0f32, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [-0.0, 1.0, 0.0]],
        ] {
            bytes.extend([0u8; 12]);
            bytes.extend(corners.iter().flatten().flat_map(|c| c.to_le_bytes()));
            bytes.extend([0u8; 2]);
        }
        let soup = parse_binary(&bytes).unwrap();
        assert_eq!((soup.vertices.len(), soup.triangles.len()), (4, 2));
        bytes[80..84].copy_from_slice(&4_000_000_000u32.to_le_bytes());
        assert!(matches!(
            parse_binary(&bytes),
            Err(ScanError::StlSize {
                declared: 4_000_000_000,
                ..
            })
        ));
    }
}
