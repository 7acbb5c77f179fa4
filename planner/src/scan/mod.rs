//! Reading a scan: PLY, STL, OBJ or glTF bytes to one checked, oriented surface in metres, with findings.
//!
//! ```no_run
//! use stipple_planner::{register, scan};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let landmarks = register::Landmarks::parse(&std::fs::read("head.landmarks.json")?)?;
//! let scan = scan::read_file("head.ply".as_ref(), scan::UnitChoice::Auto, Some(&landmarks))?;
//! print!("{}", scan::report::text(&scan, &scan::fit::check(&scan)));
//! # Ok(())
//! # }
//! ```
//!
//! The format is found from the content, never from the name. No byte sequence makes it panic or take memory the file's size does not
//! justify. A repair is made only where there is one answer, and is told; everything else is refused in one line.

mod cloud;
pub mod cover;
pub(crate) mod crossing;
mod detect;
mod error;
mod finding;
pub mod fit;
mod gltf;
mod noise;
mod obj;
mod parts;
mod ply;
mod polygon;
mod repair;
pub mod report;
mod shape;
mod soup;
mod steps;
mod stl;
pub(crate) mod topology;
mod unit;
mod weld;

use std::path::Path;

use nalgebra::Vector3;
use stipple_model::digest::Digest;
use stipple_model::files::read_limited;
use stipple_model::frames::{Point, Scan};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::units::Length;

pub use error::ScanError;
pub use finding::{ScanFinding, Weight};
pub use gltf::GltfError;
pub use soup::{Format, MOST_ELEMENTS, UnitHint};
pub use unit::{Fit, Unit, UnitChoice, UnitSource, UnknownUnit};

use crate::register::Landmarks;
use soup::Soup;

/// The largest file read. Source: a head at 0.3 mm edges is about 3 million triangles, 150 MB as binary STL.
pub const LARGEST_FILE: u64 = 1 << 30;
/// Edges longer than this (median) are told as coarse. Source: this project's own; dots are 1–2 mm apart.
const COARSE: Length = Length::from_mm(6.0);
/// Rougher than this is told. Source: this project's own; hand-held scanners reach 0.1–0.3 mm.
const NOISY: Length = Length::from_mm(0.35);
/// Roughness below this share of the median edge is the head's own shape, seen coarsely. Source: this project's own, from smooth heads.
const NOISY_SHARE: f64 = 0.08;
/// Areas larger than this over those of a smooth surface are told. Source: densities are to be met within 1%.
const SWOLLEN: f64 = 1.01;
/// Farther than this from the origin is told. Source: this project's own.
const FAR: Length = Length::from_m(10.0);

/// A scan that was read, checked and repaired.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// The head (with neck and shoulders if scanned): one part, wound outward, metres.
    pub mesh: SurfaceMesh<Scan>,
    /// What the reconstruction of a point cloud closed over where no point is near: not part of [`Self::mesh`], which is open there, so
    /// that no dot can come to lie on it. `None` for scans that come as a mesh.
    pub unscanned: Option<SurfaceMesh<Scan>>,
    /// Parts other than the head, metres: not part of [`Self::mesh`]. `None` where there are none.
    pub dropped: Option<SurfaceMesh<Scan>>,
    /// What was found and repaired.
    pub findings: Vec<ScanFinding>,
    /// Digest of the file's bytes; with files beside it, of all their digests.
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
    /// Standard deviation of vertices from their smooth surroundings, the median over the surface; `None` if it cannot be told.
    pub noise: Option<Length>,
    /// The surface's area over that of its smooth surroundings, the median over the surface: 1 if smooth; `None` if it cannot be told.
    pub inflation: Option<f64>,
    /// Whether the surface is closed.
    pub closed: bool,
}

/// Reads a scan file. Of a glTF, buffers beside the file are read too; nothing outside its folder is.
///
/// # Errors
/// As [`read`], and when a file cannot be read.
pub fn read_file(
    path: &Path,
    unit: UnitChoice,
    landmarks: Option<&Landmarks>,
) -> Result<Scanned, ScanError> {
    let bytes = read_limited(path, LARGEST_FILE).map_err(|source| ScanError::Io {
        path: path.to_owned(),
        source,
    })?;
    let soup = detect::parse(&bytes, &|buffer, uri, limit| {
        gltf::read_beside(path, buffer, uri, limit)
    })?;
    check(soup, Digest::of(&bytes), unit, landmarks)
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
    let soup = detect::parse(bytes, &|buffer, uri, _| {
        let uri = soup::excerpt(uri);
        Err(GltfError::Outside { buffer, uri }.into())
    })?;
    check(soup, Digest::of(bytes), unit, landmarks)
}

/// From what a parser gave to a scan.
fn check(
    mut soup: Soup,
    file: Digest,
    unit: UnitChoice,
    landmarks: Option<&Landmarks>,
) -> Result<Scanned, ScanError> {
    let (format, hint, faces_in_file) = (soup.format, soup.unit, soup.faces);
    let digest = digest(file, &soup.beside);
    let marks: Vec<Vector3<f64>> = landmarks.map(Landmarks::file_points).unwrap_or_default();
    let settle = |sides| {
        let landmarks = landmarks.and_then(Landmarks::mm_per_unit);
        unit::settle(unit, landmarks, hint, sides)
    };
    let mut findings = Vec::new();
    let closed_over = if soup.faces == 0 {
        from_points(&mut soup, &settle, &mut findings)?
    } else {
        Vec::new()
    };
    let cloud = (!closed_over.is_empty()).then(|| soup.vertices.clone());
    let repaired = repair::repair(soup, &marks)?;
    let (vertices, triangles) = (repaired.vertices, repaired.triangles);
    shape::check_flat(&vertices, &triangles)?;
    let (low, high) = shape::bounds(&vertices);
    let settled = settle((high - low).into())?;
    let metres = settled.metres;
    tell_unit(&settled, hint, &mut findings);
    // The corners of what was closed over are no loose vertices of the file.
    let of_file = |f: &ScanFinding| cloud.is_none() || !matches!(f, ScanFinding::Unused { .. });
    let told = repaired.findings.into_iter().filter(of_file);
    findings.extend(told.map(|f| f.scaled(metres)));
    // What was reconstructed has numbers of its own.
    let step = cloud.is_none().then(|| steps::find(&vertices)).flatten();
    tell_numbers(
        step.map(|s| Length::from_m(s * metres)),
        Length::from_m(0.5 * metres * (low + high).norm()),
        &mut findings,
    );
    let in_metres = |v: &Vector3<f64>| Point::<Scan>::from_raw(v * metres);
    let vertices: Vec<Point<Scan>> = vertices.iter().map(in_metres).collect();
    let unscanned = cloud.and_then(|points| {
        SurfaceMesh::new(points.iter().map(in_metres).collect(), closed_over).ok()
    });
    findings.extend(unscanned.as_ref().map(closed_over_finding));
    let Quality {
        closed,
        median_edge,
        noise,
        inflation,
    } = quality(&vertices, &triangles, &mut findings);
    // Scaling can only overflow for coordinates beyond 1e305, which the size check has refused.
    let mesh =
        SurfaceMesh::new(vertices, triangles).map_err(|_| ScanError::NoFaces { vertices: 0 })?;
    let (corners, dropped) = repaired.dropped;
    let dropped = (!dropped.is_empty())
        .then(|| SurfaceMesh::new(corners.iter().map(in_metres).collect(), dropped).ok())
        .flatten();
    Ok(Scanned {
        mesh,
        unscanned,
        dropped,
        findings,
        digest,
        metres_per_unit: metres,
        unit_source: settled.source,
        format,
        faces_in_file,
        median_edge,
        noise,
        inflation,
        closed,
    })
}

/// Tells how the file's numbers are: their step, and how far from the origin they lie.
fn tell_numbers(step: Option<Length>, distance: Length, findings: &mut Vec<ScanFinding>) {
    findings.extend(
        step.filter(|s| *s >= steps::TOLD)
            .map(|step| ScanFinding::Stepped { step }),
    );
    if distance > FAR {
        findings.push(ScanFinding::FarOrigin {
            distance,
            step: distance * f64::from(f32::EPSILON),
        });
    }
}

/// How well a surface is made.
struct Quality {
    closed: bool,
    median_edge: Length,
    noise: Option<Length>,
    inflation: Option<f64>,
}

/// Measures the surface and tells what is not as it should be.
fn quality(
    vertices: &[Point<Scan>],
    triangles: &[[u32; 3]],
    findings: &mut Vec<ScanFinding>,
) -> Quality {
    let closed = shape::holes(vertices, triangles, findings);
    let median_edge = shape::median_edge(vertices, triangles);
    let roughness = noise::estimate(vertices, triangles);
    findings.extend(crossing::find(vertices, triangles, median_edge.m()));
    if median_edge > COARSE {
        findings.push(ScanFinding::Coarse { median_edge });
    }
    let is_rough = |r: &noise::Roughness| {
        r.inflation > SWOLLEN || (r.stray > NOISY && r.stray > median_edge * NOISY_SHARE)
    };
    if let Some(r) = roughness.filter(is_rough) {
        findings.push(ScanFinding::Noisy {
            noise: r.stray,
            inflation: r.inflation,
        });
    }
    Quality {
        closed,
        median_edge,
        noise: roughness.map(|r| r.stray),
        inflation: roughness.map(|r| r.inflation),
    }
}

/// Makes points without faces a surface in place; gives the triangles that were only closed over.
fn from_points(
    soup: &mut Soup,
    settle: &dyn Fn([f64; 3]) -> Result<unit::Settled, ScanError>,
    findings: &mut Vec<ScanFinding>,
) -> Result<Vec<[u32; 3]>, ScanError> {
    let none = ScanError::NoFaces {
        vertices: soup.vertices.len(),
    };
    // Fewer are no cloud of anything.
    if soup.vertices.len() < 100 {
        return Err(none);
    }
    let cloud = cloud::thin(&soup.vertices, soup.normals.as_deref())?;
    let (low, high) = shape::bounds(&cloud.points);
    let settled = settle((high - low).into())?;
    let surface =
        cloud::surface(&cloud, settled.metres, findings).map_err(|error| match error {
            // A mesh that has lost its faces, rather than a cloud.
            ScanError::SparseCloud { .. } if soup.declares_faces => none,
            other => other,
        })?;
    soup.vertices = surface.vertices;
    soup.normals = None;
    soup.faces = surface.triangles.len();
    soup.triangles = surface.triangles;
    Ok(surface.closed_over)
}

fn closed_over_finding(unscanned: &SurfaceMesh<Scan>) -> ScanFinding {
    let (mut sum, mut total) = (Vector3::zeros(), 0.0);
    for t in 0..unscanned.triangles().len() {
        let area = unscanned.triangle_area(t).m2();
        let corners = unscanned.corners(t).map(|p| p.raw());
        sum += corners.iter().sum::<Vector3<f64>>() * (area / 3.0);
        total += area;
    }
    ScanFinding::ClosedOver {
        area: unscanned.area(),
        center: Point::from_raw(if total > 0.0 { sum / total } else { sum }),
    }
}

fn tell_unit(settled: &unit::Settled, hint: Option<UnitHint>, findings: &mut Vec<ScanFinding>) {
    match settled.source {
        UnitSource::Assumed => findings.push(ScanFinding::UnitAssumed),
        UnitSource::Comment | UnitSource::Format => {
            findings.extend(hint.map(ScanFinding::UnitFromFile));
        }
        UnitSource::Given | UnitSource::Landmarks => findings.extend(
            hint.filter(|h| (h.unit().metres() / settled.metres - 1.0).abs() > 1e-6)
                .map(|hint| ScanFinding::UnitFileDiffers { hint }),
        ),
    }
}

/// The digest of a file, or of its digest and those of the files beside it.
fn digest(file: Digest, beside: &[Digest]) -> Digest {
    if beside.is_empty() {
        return file;
    }
    let all: Vec<u8> = std::iter::once(&file)
        .chain(beside)
        .flat_map(|d| *d.bytes())
        .collect();
    Digest::of(&all)
}
