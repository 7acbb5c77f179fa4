//! What `check-scan` says: for people, and for machines.

use std::fmt::Write as _;

use serde::Serialize;

use super::cover::Cover;
use super::{ScanError, ScanFinding, Scanned, UnitSource, Weight, fit};

/// The report as data; lengths in the unit of the key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The file's format.
    pub format: String,
    /// SHA-256 of the file's bytes.
    pub digest: String,
    /// Millimetres in one file unit.
    pub mm_per_unit: f64,
    /// Who named the unit: `given`, `landmarks`, `comment`, `format` or `assumed`.
    pub unit_source: &'static str,
    /// Faces in the file; of a point cloud none.
    pub faces_in_file: usize,
    /// Vertices after repair.
    pub vertices: usize,
    /// Triangles after repair.
    pub triangles: usize,
    /// The bounding box's sides.
    pub size_mm: [f64; 3],
    /// The surface's area.
    pub area_cm2: f64,
    /// The area that was closed over and is not part of the surface.
    pub unscanned_cm2: f64,
    /// The median edge.
    pub median_edge_mm: f64,
    /// Standard deviation of vertices from their smooth surroundings.
    pub noise_mm: Option<f64>,
    /// Root mean square angle of facets to their smooth surroundings.
    pub tilt_deg: Option<f64>,
    /// Whether the surface is closed.
    pub closed: bool,
    /// Whether nothing was found that should be looked at.
    pub clean: bool,
    /// Why it is not fit for planning, if it is not.
    pub unfit: Option<String>,
    /// What was found.
    pub findings: Vec<Entry>,
}

/// One finding in a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The short fixed name.
    pub code: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// One sentence with the numbers.
    pub text: String,
    /// Where, in the scan's frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place_mm: Option<[f64; 3]>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// How large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_mm: Option<f64>,
}

impl From<&ScanFinding> for Entry {
    fn from(finding: &ScanFinding) -> Self {
        let place_mm = finding.places().first().map(|p| (p.raw() * 1e3).into());
        let (count, size_mm) = match finding {
            ScanFinding::Degenerate { faces, .. } | ScanFinding::Duplicate { faces, .. } => {
                (Some(*faces), None)
            }
            ScanFinding::NonManifold { edges, .. } => (Some(*edges), None),
            ScanFinding::Mixed { triangles, .. } | ScanFinding::Crossing { triangles, .. } => {
                (Some(*triangles), None)
            }
            ScanFinding::Part {
                triangles, size, ..
            } => (Some(*triangles), Some(size.mm())),
            ScanFinding::Hole {
                diameter, edges, ..
            } => (Some(*edges), Some(diameter.mm())),
            ScanFinding::MoreHoles { holes, widest } => (Some(*holes), Some(widest.mm())),
            ScanFinding::MoreParts { parts, .. } => (Some(*parts), None),
            ScanFinding::FromPoints {
                points, spacing, ..
            } => (Some(*points), Some(spacing.mm())),
            ScanFinding::StrayPoints { points } | ScanFinding::HiddenPoints { points } => {
                (Some(*points), None)
            }
            ScanFinding::ThinnedCloud { points, cell } => (Some(*points), Some(cell.mm())),
            ScanFinding::Joined { vertices } | ScanFinding::Unused { vertices } => {
                (Some(*vertices), None)
            }
            ScanFinding::Coarse { median_edge } => (None, Some(median_edge.mm())),
            ScanFinding::Noisy { noise, .. } => (None, Some(noise.mm())),
            ScanFinding::Welded { vertices, within } => (Some(*vertices), Some(within.mm())),
            ScanFinding::CrossingUnknown { triangles } => (Some(*triangles), None),
            ScanFinding::Stepped { step } => (None, Some(step.mm())),
            ScanFinding::FarOrigin { distance, .. } => (None, Some(distance.mm())),
            _ => (None, None),
        };
        Self {
            code: finding.code(),
            weight: finding.weight(),
            text: finding.text(),
            place_mm,
            count,
            size_mm,
        }
    }
}

/// The report as data; `fit` is what [`fit::check`] or, where there is a head frame, [`fit::check_head`] says.
#[must_use]
pub fn report(scan: &Scanned, fit: &Result<(), ScanError>) -> Report {
    let (low, high) = scan.mesh.bounds();
    let size = (high - low).raw() * 1e3;
    let warns = |f: &ScanFinding| f.weight() == Weight::Warning;
    Report {
        format: scan.format.to_string(),
        digest: scan.digest.to_string(),
        mm_per_unit: scan.metres_per_unit * 1e3,
        unit_source: source(scan.unit_source).0,
        faces_in_file: scan.faces_in_file,
        vertices: scan.mesh.vertices().len(),
        triangles: scan.mesh.triangles().len(),
        size_mm: size.into(),
        area_cm2: scan.mesh.area().cm2(),
        unscanned_cm2: scan.unscanned.as_ref().map_or(0.0, |m| m.area().cm2()),
        median_edge_mm: scan.median_edge.mm(),
        noise_mm: scan.noise.map(stipple_model::units::Length::mm),
        tilt_deg: scan.inflation.map(fit::tilt_deg),
        closed: scan.closed,
        clean: !scan.findings.iter().any(warns),
        unfit: fit.as_ref().err().map(ToString::to_string),
        findings: scan.findings.iter().map(Entry::from).collect(),
    }
}

/// The short name of who said the unit, and how a person would say it.
const fn source(source: UnitSource) -> (&'static str, &'static str) {
    match source {
        UnitSource::Given => ("given", "as given"),
        UnitSource::Landmarks => ("landmarks", "from the landmarks file"),
        UnitSource::Comment => ("comment", "from the file's comment"),
        UnitSource::Format => ("format", "by the format"),
        UnitSource::Assumed => ("assumed", "assumed from the size"),
    }
}

/// The report as JSON, one object.
#[must_use]
pub fn json(scan: &Scanned, fit: &Result<(), ScanError>) -> serde_json::Value {
    serde_json::to_value(report(scan, fit)).unwrap_or_default()
}

/// The report as lines for a person.
#[must_use]
pub fn text(scan: &Scanned, fit: &Result<(), ScanError>) -> String {
    let r = report(scan, fit);
    let mut out = String::new();
    let faces = if r.faces_in_file == 0 {
        "a point cloud".to_owned()
    } else {
        format!("{} faces", r.faces_in_file)
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "scan        {}, {faces}", r.format);
    let _ = writeln!(
        out,
        "unit        1 unit = {} mm ({})",
        // Ten digits: what a factor has lost in the last place does not show.
        format!("{:.10}", r.mm_per_unit)
            .trim_end_matches('0')
            .trim_end_matches('.'),
        source(scan.unit_source).1
    );
    let _ = writeln!(
        out,
        "surface     {} vertices, {} triangles, {:.0} cm², {}",
        r.vertices,
        r.triangles,
        r.area_cm2,
        if r.closed { "closed" } else { "open" }
    );
    let _ = writeln!(
        out,
        "size        {:.1} × {:.1} × {:.1} mm along x, y, z",
        r.size_mm[0], r.size_mm[1], r.size_mm[2]
    );
    let noise = r
        .noise_mm
        .map_or("not known".to_owned(), |n| format!("{n:.2} mm"));
    let _ = writeln!(
        out,
        "detail      median edge {:.2} mm, roughness {noise}",
        r.median_edge_mm
    );
    let _ = writeln!(out, "digest      {}", scan.digest.short());
    // What should be looked at comes first.
    for weight in [Weight::Warning, Weight::Note] {
        for entry in r.findings.iter().filter(|e| e.weight == weight) {
            let _ = writeln!(out, "{}{}: {}", label(weight), entry.code, entry.text);
        }
    }
    let warnings = r
        .findings
        .iter()
        .filter(|e| e.weight == Weight::Warning)
        .count();
    if let Some(unfit) = &r.unfit {
        let _ = writeln!(out, "result      not fit for planning: {unfit}");
        return out;
    }
    let _ = match warnings {
        0 => writeln!(out, "result      usable, nothing to look at"),
        1 => writeln!(
            out,
            "result      usable; look at the warning before planning"
        ),
        n => writeln!(
            out,
            "result      usable; look at the {n} warnings before planning"
        ),
    };
    out
}

const fn label(weight: Weight) -> &'static str {
    match weight {
        Weight::Warning => "warning     ",
        Weight::Note => "note        ",
    }
}

/// The lines on how much of the scalp is there, for a person.
#[must_use]
pub fn cover_text(cover: &Cover) -> String {
    let mut out = format!("scalp       {:.0} % covered\n", cover.share * 100.0);
    if let Some(finding) = cover.finding() {
        out.push_str(&format!(
            "{}{}: {}\n",
            label(finding.weight()),
            finding.code(),
            finding.text()
        ));
    }
    out
}
