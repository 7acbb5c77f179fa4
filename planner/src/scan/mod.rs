//! Reading a scan: PLY, STL or OBJ bytes to one checked, oriented surface in metres, with findings.
//!
//! ```no_run
//! use stipple_planner::{register, scan};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let landmarks = register::Landmarks::parse(&std::fs::read("head.landmarks.json")?)?;
//! let scan = scan::read_file("head.ply".as_ref(), scan::UnitChoice::Auto, Some(&landmarks))?;
//! print!("{}", scan::report::text(&scan));
//! # Ok(())
//! # }
//! ```
//!
//! The format is found from the content, never from the name. No byte sequence makes it panic or take memory the file's size does not
//! justify. A repair is made only where there is one answer, and is told; everything else is refused in one line.

mod error;
mod finding;
mod obj;
mod ply;
mod repair;
pub mod report;
mod soup;
mod stl;
pub(crate) mod topology;
mod unit;

use std::path::Path;

use nalgebra::Vector3;
use stipple_model::digest::Digest;
use stipple_model::frames::{Point, Scan};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::units::Length;

pub use error::ScanError;
pub use finding::ScanFinding;
pub use soup::Format;
pub use unit::{Fit, Unit, UnitChoice, UnitSource, UnknownUnit};

use crate::register::Landmarks;
use soup::Soup;
use stipple_model::files::read_limited;

/// The largest file read. Source: a head at 0.3 mm edges is about 3 million triangles, 150 MB as binary STL.
pub const LARGEST_FILE: u64 = 1 << 30;
/// Edges longer than this (median) are told as coarse. Source: this project's own; dots are 1–2 mm apart.
const COARSE: Length = Length::from_mm(6.0);
/// Openings listed one by one.
const LISTED_HOLES: usize = 8;
/// Farther than this from the origin is told. Source: this project's own.
const FAR: Length = Length::from_m(10.0);

/// A scan that was read, checked and repaired.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// The head (with neck and shoulders if scanned): one part, wound outward, metres.
    pub mesh: SurfaceMesh<Scan>,
    /// What was found and repaired.
    pub findings: Vec<ScanFinding>,
    /// Digest of the file's bytes.
    pub digest: Digest,
    /// Metres in one file unit.
    pub metres_per_unit: f64,
    /// Who named the unit.
    pub unit_source: UnitSource,
    /// The file's format.
    pub format: Format,
    /// Faces in the file, before repair.
    pub faces_in_file: usize,
    /// Median edge length.
    pub median_edge: Length,
    /// Whether the surface is closed.
    pub closed: bool,
}

/// Reads a scan file.
///
/// # Errors
/// As [`read`], and when the file cannot be read.
pub fn read_file(
    path: &Path,
    unit: UnitChoice,
    landmarks: Option<&Landmarks>,
) -> Result<Scanned, ScanError> {
    let bytes = read_limited(path, LARGEST_FILE).map_err(|source| ScanError::Io {
        path: path.to_owned(),
        source,
    })?;
    read(&bytes, unit, landmarks)
}

/// Reads a scan from a file's bytes.
///
/// Landmarks, where given, choose among separate parts and may name the unit.
///
/// # Errors
/// Bytes that are no scan, a broken file, a surface that cannot be repaired without guessing, or a size that is not a head's.
pub fn read(
    bytes: &[u8],
    unit: UnitChoice,
    landmarks: Option<&Landmarks>,
) -> Result<Scanned, ScanError> {
    let soup = parse(bytes)?;
    let (format, comment, faces_in_file) = (soup.format, soup.comment, soup.faces);
    let points: Vec<Vector3<f64>> = landmarks.map(Landmarks::file_points).unwrap_or_default();
    let repair::Repaired {
        vertices,
        triangles,
        mut findings,
    } = repair::repair(soup, &points)?;
    let (low, high) = bounds(&vertices);
    let settled = unit::settle(
        unit,
        landmarks.and_then(Landmarks::mm_per_unit),
        comment,
        (high - low).into(),
    )?;
    match settled.source {
        UnitSource::Assumed => findings.push(ScanFinding::UnitAssumed),
        UnitSource::Comment => findings.extend(comment.map(ScanFinding::UnitFromComment)),
        UnitSource::Given | UnitSource::Landmarks => findings.extend(
            comment
                .filter(|c| (c.metres() / settled.metres - 1.0).abs() > 1e-6)
                .map(|comment| ScanFinding::UnitCommentDiffers { comment }),
        ),
    }
    let vertices: Vec<Point<Scan>> = vertices
        .iter()
        .map(|v| Point::from_raw(v * settled.metres))
        .collect();
    let distance = Length::from_m(0.5 * settled.metres * (low + high).norm());
    if distance > FAR {
        findings.push(ScanFinding::FarOrigin { distance });
    }
    let closed = holes(&vertices, &triangles, &mut findings);
    let median_edge = median_edge(&vertices, &triangles);
    if median_edge > COARSE {
        findings.push(ScanFinding::Coarse { median_edge });
    }
    // Scaling can only overflow for coordinates beyond 1e305, which the size check has refused.
    let mesh =
        SurfaceMesh::new(vertices, triangles).map_err(|_| ScanError::NoFaces { vertices: 0 })?;
    Ok(Scanned {
        mesh,
        findings,
        digest: Digest::of(bytes),
        metres_per_unit: settled.metres,
        unit_source: settled.source,
        format,
        faces_in_file,
        median_edge,
        closed,
    })
}

fn parse(bytes: &[u8]) -> Result<Soup, ScanError> {
    if bytes.is_empty() {
        return Err(ScanError::Empty);
    }
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(ScanError::TooLarge {
            bytes: bytes.len() as u64,
            limit: LARGEST_FILE,
        });
    }
    if bytes.starts_with(b"ply") {
        return ply::parse(bytes);
    }
    // Before the word "solid": binary headers carry it too, and only a binary STL has exactly this size.
    if stl::is_binary(bytes) {
        return stl::parse_binary(bytes);
    }
    if let Some(looks_like) = foreign(bytes) {
        return Err(ScanError::UnknownFormat {
            looks_like: looks_like.to_owned(),
        });
    }
    if let Some(why) = wide_text(bytes) {
        return Err(ScanError::NotText {
            why: why.to_owned(),
        });
    }
    let is_text =
        !bytes.contains(&0) || std::str::from_utf8(bytes).is_ok_and(|t| !t.contains('\0'));
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text => parse_text(text.trim_start_matches('\u{feff}')),
        Err(e) if is_text => Err(ScanError::NotText {
            why: format!("byte {} is no UTF-8", e.valid_up_to()),
        }),
        // What is left is binary and no known format: most likely a binary STL that was cut or whose count lies.
        _ if bytes.len() >= 84 => stl::parse_binary(bytes),
        _ => Err(ScanError::UnknownFormat {
            looks_like: "unknown binary data".into(),
        }),
    }
}

fn parse_text(text: &str) -> Result<Soup, ScanError> {
    let first = text
        .lines()
        .map(str::trim_start)
        .find(|l| !l.is_empty() && !l.starts_with('#'))
        .unwrap_or_default();
    if first
        .get(..5)
        .is_some_and(|w| w.eq_ignore_ascii_case("solid"))
    {
        return stl::parse_ascii(text);
    }
    let obj = |line: &str| {
        let word = line.split_whitespace().next();
        matches!(
            word,
            Some(
                "v" | "vn" | "vt" | "vp" | "f" | "o" | "g" | "s" | "mtllib" | "usemtl" | "l" | "p"
            )
        )
    };
    if obj(first) {
        return obj::parse(text);
    }
    Err(ScanError::UnknownFormat {
        looks_like: format!("text that starts with \"{}\"", soup::excerpt(first)),
    })
}

/// Formats that are often mistaken for a scan, by their first bytes.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const MAGICS: [(&[u8], &str); 8] = [
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"glTF", "a binary glTF"),
        (b"%PDF", "a PDF"),
        (b"OFF", "an OFF mesh"),
        (b"<?xml", "XML"),
    ];
    MAGICS
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, name)| *name)
}

fn wide_text(bytes: &[u8]) -> Option<&'static str> {
    let every_second_is_zero = |at: usize| {
        let head = &bytes[..bytes.len().min(64)];
        head.len() >= 16 && head.iter().skip(at).step_by(2).all(|&b| b == 0)
    };
    if bytes.starts_with(b"\xff\xfe") || every_second_is_zero(1) {
        Some("it is UTF-16, little endian")
    } else if bytes.starts_with(b"\xfe\xff") || every_second_is_zero(0) {
        Some("it is UTF-16, big endian")
    } else {
        None
    }
}

fn bounds(vertices: &[Vector3<f64>]) -> (Vector3<f64>, Vector3<f64>) {
    let start = vertices.first().copied().unwrap_or_default();
    vertices
        .iter()
        .fold((start, start), |(low, high), v| (low.inf(v), high.sup(v)))
}

/// Tells the openings, widest first; whether there are none.
fn holes(
    vertices: &[Point<Scan>],
    triangles: &[[u32; 3]],
    findings: &mut Vec<ScanFinding>,
) -> bool {
    let mut holes: Vec<(Length, Point<Scan>, usize)> = topology::loops(triangles)
        .into_iter()
        .map(|ring| {
            let points: Vec<Vector3<f64>> =
                ring.iter().map(|&i| vertices[i as usize].raw()).collect();
            let center = points.iter().sum::<Vector3<f64>>() / points.len() as f64;
            (width(&points), Point::from_raw(center), ring.len())
        })
        .collect();
    holes.sort_by(|a, b| b.0.m().total_cmp(&a.0.m()));
    let closed = holes.is_empty();
    let rest = holes.split_off(holes.len().min(LISTED_HOLES));
    findings.extend(
        holes
            .into_iter()
            .map(|(diameter, center, edges)| ScanFinding::Hole {
                center,
                diameter,
                edges,
            }),
    );
    if let Some((widest, ..)) = rest.first() {
        findings.push(ScanFinding::MoreHoles {
            holes: rest.len(),
            widest: *widest,
        });
    }
    closed
}

/// The greatest distance between two points; of a long ring only some hundred are looked at, which understates it by a few edges.
fn width(points: &[Vector3<f64>]) -> Length {
    let some: Vec<&Vector3<f64>> = points.iter().step_by(points.len() / 256 + 1).collect();
    let pairs = some
        .iter()
        .enumerate()
        .flat_map(|(i, p)| some[i + 1..].iter().map(move |q| (*p - *q).norm()));
    Length::from_m(pairs.fold(0.0, f64::max))
}

fn median_edge(vertices: &[Point<Scan>], triangles: &[[u32; 3]]) -> Length {
    let mut lengths: Vec<f64> = triangles
        .iter()
        .flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])])
        .map(|(a, b)| vertices[a as usize].distance(&vertices[b as usize]))
        .collect();
    let middle = lengths.len() / 2;
    if lengths.is_empty() {
        return Length::ZERO;
    }
    Length::from_m(*lengths.select_nth_unstable_by(middle, f64::total_cmp).1)
}
