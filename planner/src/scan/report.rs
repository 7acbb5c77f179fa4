//! What `check-scan` says: for people, and for machines.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Scanned, UnitSource};

/// The report as data; lengths in the unit of the key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The file's format.
    pub format: String,
    /// SHA-256 of the file's bytes.
    pub digest: String,
    /// Millimetres in one file unit.
    pub mm_per_unit: f64,
    /// Who named the unit: `given`, `landmarks`, `comment` or `assumed`.
    pub unit_source: &'static str,
    /// Faces in the file.
    pub faces_in_file: usize,
    /// Vertices after repair.
    pub vertices: usize,
    /// Triangles after repair.
    pub triangles: usize,
    /// The bounding box's sides.
    pub size_mm: [f64; 3],
    /// The surface's area.
    pub area_cm2: f64,
    /// The median edge.
    pub median_edge_mm: f64,
    /// Whether the surface is closed.
    pub closed: bool,
    /// What was found.
    pub findings: Vec<Entry>,
}

/// One finding in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The short fixed name.
    pub code: &'static str,
    /// One sentence with the numbers.
    pub text: String,
}

/// The report as data.
#[must_use]
pub fn report(scan: &Scanned) -> Report {
    let (low, high) = scan.mesh.bounds();
    let size = (high - low).raw() * 1e3;
    Report {
        format: scan.format.to_string(),
        digest: scan.digest.to_string(),
        mm_per_unit: scan.metres_per_unit * 1e3,
        unit_source: match scan.unit_source {
            UnitSource::Given => "given",
            UnitSource::Landmarks => "landmarks",
            UnitSource::Comment => "comment",
            UnitSource::Assumed => "assumed",
        },
        faces_in_file: scan.faces_in_file,
        vertices: scan.mesh.vertices().len(),
        triangles: scan.mesh.triangles().len(),
        size_mm: size.into(),
        area_cm2: scan.mesh.area().cm2(),
        median_edge_mm: scan.median_edge.mm(),
        closed: scan.closed,
        findings: scan
            .findings
            .iter()
            .map(|f| Entry {
                code: f.code(),
                text: f.text(),
            })
            .collect(),
    }
}

/// The report as JSON, one object.
#[must_use]
pub fn json(scan: &Scanned) -> serde_json::Value {
    serde_json::to_value(report(scan)).unwrap_or_default()
}

/// The report as lines for a person.
#[must_use]
pub fn text(scan: &Scanned) -> String {
    let r = report(scan);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "format      {}, {} faces", r.format, r.faces_in_file);
    let _ = writeln!(
        out,
        "unit        1 unit = {} mm ({})",
        r.mm_per_unit, r.unit_source
    );
    let _ = writeln!(
        out,
        "surface     {} vertices, {} triangles, {}",
        r.vertices,
        r.triangles,
        if r.closed { "closed" } else { "open" }
    );
    let _ = writeln!(
        out,
        "size        {:.1} × {:.1} × {:.1} mm, {:.0} cm²",
        r.size_mm[0], r.size_mm[1], r.size_mm[2], r.area_cm2
    );
    let _ = writeln!(out, "median edge {:.2} mm", r.median_edge_mm);
    let _ = writeln!(out, "digest      {}", scan.digest.short());
    if r.findings.is_empty() {
        let _ = writeln!(out, "findings    none");
    }
    for entry in &r.findings {
        let _ = writeln!(out, "finding     {}: {}", entry.code, entry.text);
    }
    out
}
