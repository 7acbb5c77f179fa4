//! PLY: the header and the elements are read by `ply-rs-bw`; counts are held against the file's size before anything is read, since
//! a header may claim any number.

use std::io::{Cursor, ErrorKind};

use nalgebra::Vector3;
use ply_rs_bw::parser::{Parser, Reader};
use ply_rs_bw::ply::{
    ElementDef, Encoding, Header, Property, PropertyAccess, PropertyAccessResult, PropertyType,
    ScalarType,
};

use super::error::ScanError;
use super::soup::{Format, Soup};
use super::unit::{Unit, unit_named};

/// One element of any kind: the coordinates of a vertex or the corners of a face; the rest is skipped.
#[derive(Debug, Default)]
struct Item {
    xyz: [f64; 3],
    corners: Vec<i64>,
}

impl PropertyAccess for Item {
    fn new() -> Self {
        Self::default()
    }

    fn set_property(&mut self, name: &str, property: Property) -> PropertyAccessResult {
        let axis = match name {
            "x" => 0,
            "y" => 1,
            "z" => 2,
            "vertex_indices" | "vertex_index" => {
                return match integers(&property) {
                    Some(list) => {
                        self.corners = list;
                        PropertyAccessResult::Set
                    }
                    None => PropertyAccessResult::UnsupportedType,
                };
            }
            _ => return PropertyAccessResult::Ignored,
        };
        match number(&property) {
            Some(value) => {
                self.xyz[axis] = value;
                PropertyAccessResult::Set
            }
            None => PropertyAccessResult::UnsupportedType,
        }
    }
}

fn number(property: &Property) -> Option<f64> {
    Some(match *property {
        Property::Char(v) => f64::from(v),
        Property::UChar(v) => f64::from(v),
        Property::Short(v) => f64::from(v),
        Property::UShort(v) => f64::from(v),
        Property::Int(v) => f64::from(v),
        Property::UInt(v) => f64::from(v),
        Property::Float(v) => f64::from(v),
        Property::Double(v) => v,
        _ => return None,
    })
}

fn integers(property: &Property) -> Option<Vec<i64>> {
    fn widen<T: Copy + Into<i64>>(list: &[T]) -> Vec<i64> {
        list.iter().map(|&v| v.into()).collect()
    }
    Some(match property {
        Property::ListChar(v) => widen(v),
        Property::ListUChar(v) => widen(v),
        Property::ListShort(v) => widen(v),
        Property::ListUShort(v) => widen(v),
        Property::ListInt(v) => widen(v),
        Property::ListUInt(v) => widen(v),
        _ => return None,
    })
}

/// Reads a PLY file's bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Soup, ScanError> {
    let parser = Parser::<Item>::new();
    let mut reader = Reader::new(Cursor::new(bytes));
    let header = parser
        .read_header(&mut reader)
        .map_err(|e| ScanError::Header {
            reason: one_line(&e.to_string()),
        })?;
    let offset = usize::try_from(reader.get_ref().position())
        .unwrap_or(bytes.len())
        .min(bytes.len());
    check_counts(&header, offset, bytes.len() - offset)?;
    let ascii = header.encoding == Encoding::Ascii;
    let mut soup = Soup::new(if ascii {
        Format::PlyAscii
    } else {
        Format::PlyBinary
    });
    soup.comment = header.comments.iter().find_map(|c| unit_in(c));
    let mut faces = None;
    for definition in header.elements.values() {
        let items = read_element(&parser, &mut reader, definition, &header)?;
        match definition.name.as_str() {
            "vertex" => {
                for missing in ["x", "y", "z"] {
                    if !definition.properties.contains_key(missing) {
                        return Err(ScanError::NoCoordinate { missing });
                    }
                }
                soup.vertices = items.into_iter().map(|i| Vector3::from(i.xyz)).collect();
            }
            "face" => faces = Some(items),
            _ => {}
        }
    }
    // Faces are taken last: elements may come in any order and a face can only be checked against all vertices.
    let Some(faces) = faces else {
        return Err(ScanError::PointCloud {
            points: soup.vertices.len(),
        });
    };
    for item in faces {
        soup.push_polygon(&item.corners)?;
    }
    Ok(soup)
}

fn read_element(
    parser: &Parser<Item>,
    reader: &mut Reader<Cursor<&[u8]>>,
    definition: &ElementDef,
    header: &Header,
) -> Result<Vec<Item>, ScanError> {
    let start = reader.get_ref().position();
    parser
        .read_payload_for_element(reader, definition, header)
        .map_err(|e| {
            if e.kind() == ErrorKind::UnexpectedEof {
                let bytes = *reader.get_ref().get_ref();
                let body = bytes
                    .get(usize::try_from(start).unwrap_or(usize::MAX)..)
                    .unwrap_or_default();
                ScanError::Truncated {
                    element: definition.name.clone(),
                    read: complete(definition, &header.encoding, body),
                    declared: definition.count,
                }
            } else {
                let reason = format!(
                    "element \"{}\": {}",
                    definition.name,
                    one_line(&e.to_string())
                );
                ScanError::Body {
                    line: e.line().filter(|_| header.encoding == Encoding::Ascii),
                    reason,
                }
            }
        })
}

/// How many complete elements a body that was cut short still holds.
fn complete(definition: &ElementDef, encoding: &Encoding, body: &[u8]) -> usize {
    let parser = Parser::<Item>::new();
    if *encoding == Encoding::Ascii {
        return body
            .iter()
            .filter(|&&b| b == b'\n')
            .count()
            .min(definition.count);
    }
    let mut cursor = Cursor::new(body);
    (0..definition.count)
        .take_while(|_| match encoding {
            Encoding::BinaryBigEndian => parser
                .read_big_endian_element(&mut cursor, definition)
                .is_ok(),
            _ => parser
                .read_little_endian_element(&mut cursor, definition)
                .is_ok(),
        })
        .count()
}

const fn width(kind: &ScalarType) -> u128 {
    match kind {
        ScalarType::Char | ScalarType::UChar => 1,
        ScalarType::Short | ScalarType::UShort => 2,
        ScalarType::Int | ScalarType::UInt | ScalarType::Float => 4,
        ScalarType::Double => 8,
    }
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
                    PropertyType::Scalar(kind) => width(kind),
                    PropertyType::List(count, _) => width(count),
                })
                .sum(),
        };
        if stride == 0 && definition.count > 0 {
            return Err(ScanError::Header {
                reason: format!("element \"{}\" has no property", definition.name),
            });
        }
        let needed = stride * definition.count as u128;
        total += needed;
        if total > available as u128 + 1 {
            return Err(ScanError::CountExceedsFile {
                element: definition.name.clone(),
                count: definition.count as u64,
                needed,
                offset,
                available,
            });
        }
    }
    Ok(())
}

/// A unit that a comment names as a word of its own ("head, mm, RAS"; "units: metres"). A lone "in" or "m" is too often something else.
fn unit_in(comment: &str) -> Option<Unit> {
    let words = comment
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_lowercase);
    words
        .into_iter()
        .filter(|w| w.len() > 1 && w != "in")
        .find_map(|w| unit_named(&w))
}

fn one_line(message: &str) -> String {
    let text = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 160 {
        text
    } else {
        format!("{}…", text.chars().take(160).collect::<String>())
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
    fn units_in_comments() {
        assert_eq!(
            unit_in("decimated Colin27 head, mm, RAS"),
            Some(Unit::Millimetre)
        );
        assert_eq!(unit_in("units: metres"), Some(Unit::Metre));
        assert_eq!(unit_in("made in Blender, I'm told"), None);
    }
}
