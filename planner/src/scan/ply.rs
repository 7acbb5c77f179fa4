//! PLY: the header is read by `ply-rs-bw`, the body by [`body`], which keeps nothing of what is not wanted; counts are held against the
//! file's size before anything is read, since a header may claim any number.

mod body;

use std::io::Cursor;

use nalgebra::Vector3;
use ply_rs_bw::parser::{Parser, Reader};
use ply_rs_bw::ply::{DefaultElement, ElementDef, Encoding, Header, PropertyType};

use super::error::ScanError;
use super::soup::{Format, Soup, UnitHint, excerpt, unit_in};
use body::{Body, Layout};

/// The longest header read. Source: this project's own; scanners write a few hundred bytes.
const LONGEST_HEADER: usize = 1 << 20;

/// Reads a PLY file's bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Soup, ScanError> {
    let (text, offset) = header_text(bytes)?;
    let header = parse_header(&text)?;
    check_counts(&header, offset, bytes.len() - offset)?;
    let ascii = header.encoding == Encoding::Ascii;
    let mut soup = Soup::new(if ascii {
        Format::PlyAscii
    } else {
        Format::PlyBinary
    });
    soup.unit = header
        .comments
        .iter()
        .chain(&header.obj_infos)
        .find_map(|c| unit_in(c))
        .map(UnitHint::Comment);
    let count = |name: &str| header.elements.get(name).map(|e| e.count);
    soup.check_size(count("vertex").unwrap_or(0), 0)?;
    let lines = text.bytes().filter(|&b| b == b'\n').count();
    let start = || Body::new(&header.encoding, &bytes[offset..], lines);
    let mut normals = Vec::new();
    // Elements may come in any order, and faces need their vertices: where those come later they are looked for first.
    let later = faces_first(&header);
    if later {
        let mut body = start();
        for definition in header.elements.values() {
            read_element(
                &mut body,
                definition,
                Wanted::Vertices,
                &mut soup,
                &mut normals,
            )?;
        }
    }
    let wanted = if later { Wanted::Faces } else { Wanted::All };
    let mut body = start();
    for definition in header.elements.values() {
        read_element(&mut body, definition, wanted, &mut soup, &mut normals)?;
    }
    let left_over = body.left_over();
    if left_over > 0 {
        return Err(ScanError::LeftOver { bytes: left_over });
    }
    soup.declares_faces = count("face").or(count("tristrips")).is_some();
    soup.normals = (!normals.is_empty()).then_some(normals);
    Ok(soup)
}

/// What is taken on one way through the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Vertices,
    Faces,
    All,
}

fn faces_first(header: &Header) -> bool {
    let place = |wanted: &[&str]| {
        let mut names = header.elements.values().map(|e| e.name.as_str());
        names.position(|name| wanted.contains(&name))
    };
    match (place(&["face", "tristrips"]), place(&["vertex"])) {
        (Some(face), Some(vertex)) => face < vertex,
        _ => false,
    }
}

fn read_element(
    body: &mut Body<'_>,
    definition: &ElementDef,
    wanted: Wanted,
    soup: &mut Soup,
    normals: &mut Vec<Vector3<f64>>,
) -> Result<(), ScanError> {
    let layout = Layout::new(definition)?;
    let faces = wanted != Wanted::Vertices && layout.has_corners();
    match definition.name.as_str() {
        "vertex" if wanted != Wanted::Faces => {
            if let Some(missing) = layout.missing_coordinate() {
                return Err(ScanError::NoCoordinate { missing });
            }
            let with_normals = layout.has_normals();
            let mut take = |item: &body::Item| {
                let [x, y, z, nx, ny, nz] = item.values;
                soup.vertices.push(Vector3::new(x, y, z));
                if with_normals {
                    normals.push(Vector3::new(nx, ny, nz));
                }
                Ok(())
            };
            body.read(&layout, Some(&mut take))
        }
        "face" if faces => {
            let mut take = |item: &body::Item| soup.push_polygon(&item.corners);
            body.read(&layout, Some(&mut take))
        }
        "tristrips" if faces => {
            let mut take = |item: &body::Item| soup.push_strips(&item.corners);
            body.read(&layout, Some(&mut take))
        }
        _ => body.read(&layout, None),
    }
}

/// The header with plain line ends, and where the body starts.
fn header_text(bytes: &[u8]) -> Result<(String, usize), ScanError> {
    let reach = &bytes[..bytes.len().min(LONGEST_HEADER)];
    let header = |reason: &str| ScanError::Header {
        reason: reason.to_owned(),
    };
    // The first line's end is the file's: a binary body may begin with any byte.
    let first = reach.iter().position(|b| matches!(b, b'\n' | b'\r'));
    let end: &[u8] = match first {
        Some(i) if reach[i..].starts_with(b"\r\n") => b"\r\n",
        Some(i) if reach[i] == b'\r' => b"\r",
        _ => b"\n",
    };
    let mut at = 0;
    let mut text = String::new();
    loop {
        let Some(length) = reach[at..].windows(end.len()).position(|w| w == end) else {
            return Err(header("it has no end_header: the file was cut short"));
        };
        let line = std::str::from_utf8(&reach[at..at + length])
            .map_err(|_| header("it is not UTF-8 or ASCII text"))?
            .trim();
        at += length + end.len();
        text.push_str(line);
        text.push('\n');
        if line == "end_header" {
            return Ok((text, at));
        }
    }
}

fn parse_header(text: &str) -> Result<Header, ScanError> {
    let header = Parser::<DefaultElement>::new()
        .read_header(&mut Reader::new(Cursor::new(text.as_bytes())))
        .map_err(|_| refusal(text))?;
    // One of two with the same name would silently replace the other, and the body would be read askew.
    let declared = |word: &str| {
        text.lines()
            .filter(|l| l.split_whitespace().next() == Some(word))
            .count()
    };
    let properties: usize = header.elements.values().map(|e| e.properties.len()).sum();
    if header.elements.len() != declared("element") || properties != declared("property") {
        return Err(ScanError::Header {
            reason: "an element or property is declared twice".into(),
        });
    }
    Ok(header)
}

/// Refuses a header that promises far more than the body can hold, before memory is taken for it. A body that is merely cut short is
/// left to the reader, which can say how much of it is there: the bound here is a list's empty size.
fn check_counts(header: &Header, offset: usize, available: usize) -> Result<(), ScanError> {
    let mut total: u128 = 0;
    for definition in header.elements.values() {
        let stride: u128 = match header.encoding {
            // A number takes at least a digit and a separator; the last line may lack its end.
            Encoding::Ascii => 2 * definition.properties.len() as u128,
            _ => definition
                .properties
                .values()
                .map(|p| match &p.data_type {
                    PropertyType::Scalar(kind) => body::width(kind) as u128,
                    PropertyType::List(count, _) => body::width(count) as u128,
                })
                .sum(),
        };
        if stride == 0 && definition.count > 0 {
            return Err(ScanError::Header {
                reason: format!("element \"{}\" has no property", excerpt(&definition.name)),
            });
        }
        let needed = stride * definition.count as u128;
        total += needed;
        if total > available as u128 + 1 {
            return Err(ScanError::CountExceedsFile {
                element: excerpt(&definition.name),
                count: definition.count as u64,
                needed,
                offset,
                available,
            });
        }
    }
    Ok(())
}

/// Names the first line that is none of a header; if each is one by itself, what is wrong between them. What the parser says of it is
/// for programmers.
fn refusal(text: &str) -> ScanError {
    let parser = Parser::<DefaultElement>::new();
    let is_line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Numbers may be too large for their place.
        let fits = match words[..] {
            ["element", _, count] => count.parse::<usize>().is_ok(),
            ["format", _, version] => version.split('.').all(|n| n.parse::<u8>().is_ok()),
            _ => true,
        };
        fits && parser.read_header_line(line).is_ok()
    };
    let wrong = (1..).zip(text.lines()).find(|(_, line)| !is_line(line));
    if let Some((line, text)) = wrong {
        return ScanError::BadLine {
            line,
            what: "no line of a PLY header",
            text: excerpt(text),
        };
    }
    let place = |word: &str| {
        text.lines()
            .position(|l| l.split_whitespace().next() == Some(word))
    };
    let reason = match (place("format"), place("element"), place("property")) {
        (None, ..) => "it has no format line",
        (_, element, Some(property)) if element.is_none_or(|e| e > property) => {
            "a property stands before the first element"
        }
        _ => "its format or its first line stands there twice",
    };
    ScanError::Header {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "ply\nformat ascii 1.0\n";

    fn ascii(rest: &str) -> Result<Soup, ScanError> {
        parse(format!("{HEADER}{rest}").as_bytes())
    }

    #[test]
    fn extra_properties_any_order_doubles_and_polygons() {
        let text = "element face 1\nproperty uchar flags\nproperty list int uint vertex_index\nelement vertex 4\nproperty double z\n\
                    property double y\nproperty uchar red\nproperty double x\nend_header\n7 4 0 1 2 3\n3 2 9 1\n0 0 9 1\n0 1 9 1\n0 1 9 0\n";
        let soup = ascii(text).unwrap();
        assert_eq!(soup.vertices[0], Vector3::new(1.0, 2.0, 3.0));
        assert_eq!(soup.triangles, vec![[0, 1, 2], [0, 2, 3]]);
        assert_eq!(soup.faces, 1);
    }

    #[test]
    fn big_endian_reads_as_little_endian() {
        let head = |order: &str| {
            format!(
                "ply\nformat binary_{order}_endian 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty double z\nelement face 1\nproperty list ushort int vertex_indices\nend_header\n"
            )
        };
        let coordinates = [(1.0f32, 2.0f32, 3.0f64), (4.0, 5.0, 6.0), (-7.0, 8.0, 9.0)];
        let (mut little, mut big) = (head("little").into_bytes(), head("big").into_bytes());
        for (x, y, z) in coordinates {
            little.extend([x.to_le_bytes(), y.to_le_bytes()].concat());
            little.extend(z.to_le_bytes());
            big.extend([x.to_be_bytes(), y.to_be_bytes()].concat());
            big.extend(z.to_be_bytes());
        }
        little.extend(3u16.to_le_bytes());
        big.extend(3u16.to_be_bytes());
        for i in 0i32..3 {
            little.extend(i.to_le_bytes());
            big.extend(i.to_be_bytes());
        }
        let (little, big) = (parse(&little).unwrap(), parse(&big).unwrap());
        assert_eq!(little.vertices, big.vertices);
        assert_eq!(little.vertices[2], Vector3::new(-7.0, 8.0, 9.0));
        assert_eq!(little.triangles, big.triangles);
    }

    #[test]
    fn a_list_count_from_nowhere_takes_no_memory() {
        let mut bytes = b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n\
                          element face 1\nproperty list uint int vertex_indices\nend_header\n"
            .to_vec();
        bytes.extend([0u8; 12]);
        bytes.extend(u32::MAX.to_le_bytes());
        assert!(matches!(
            parse(&bytes),
            Err(ScanError::Truncated {
                read: 0,
                declared: 1,
                ..
            })
        ));
    }

    #[test]
    fn an_element_without_properties_does_not_spin() {
        let text = "element vertex 99999999999\nend_header\n";
        assert!(matches!(ascii(text), Err(ScanError::Header { .. })));
    }

    #[test]
    fn foreign_elements_and_lists_are_passed_over() {
        let text = "element camera 2\nproperty list uchar float view\nelement vertex 3\nproperty float x\nproperty float y\n\
                    property float z\nproperty list uchar uchar labels\nelement tristrips 1\nproperty list int int vertex_indices\n\
                    end_header\n2 1 2\n0\n0 0 0 1 7\n\n1 0 0 0\n0 1 0 0\n5 0 1 2 -1 0\n";
        let soup = ascii(text).unwrap();
        assert_eq!(soup.triangles, vec![[0, 1, 2]]);
        let wrong = text.replace("1 0 0 0\n0", "1 0 0 0 4\n0");
        assert!(matches!(
            ascii(&wrong),
            Err(ScanError::BadLine { line: 17, .. })
        ));
        assert!(matches!(
            ascii(&format!("{text}5 0 0\n")),
            Err(ScanError::LeftOver { .. })
        ));
    }

    #[test]
    fn carriage_returns_alone_end_lines_too() {
        let text = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nelement face 1\n\
                    property list uchar int vertex_index\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n";
        for end in ["\n", "\r\n", "\r"] {
            let soup = parse(text.replace('\n', end).as_bytes()).unwrap();
            assert_eq!(
                (soup.vertices.len(), soup.triangles.len()),
                (3, 1),
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_damaged_header_line_is_named_in_plain_words() {
        let whole = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n0 0 0\n";
        assert!(parse(whole.as_bytes()).is_ok());
        for (from, to, number) in [
            ("ascii", "asc\u{1}\u{7f}i", 2),
            ("element vertex 1", "elem\u{1b}[31ment vertex 1", 3),
            ("element vertex 1", "element vertex 99999999999999999999", 3),
            ("property float y", "property flute y", 5),
        ] {
            let error = parse(whole.replace(from, to).as_bytes()).unwrap_err();
            assert!(
                matches!(error, ScanError::BadLine { line, .. } if line == number),
                "{error:?}"
            );
            let line = error.to_string();
            assert!(
                !line.contains(char::is_control) && !line.contains("Set"),
                "{line:?}"
            );
        }
        // Each line is one, together they are no header.
        for bad in [
            "ply\nelement vertex 1\nend_header\n",
            "ply\nformat ascii 1.0\nproperty float x\nend_header\n",
        ] {
            let line = parse(bad.as_bytes()).unwrap_err().to_string();
            assert!(
                !line.contains(char::is_control) && !line.contains('{'),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_name_declared_twice_is_refused() {
        let text = "element vertex 1\nproperty float x\nproperty float x\nproperty float y\nproperty float z\nend_header\n0 0 0 0\n";
        assert!(matches!(ascii(text), Err(ScanError::Header { .. })));
    }
}
