//! The shared test scans: real heads, odd files and broken ones. Looked for in `../shared` beside the checkout, or in
//! `$STIPPLE_SHARED`; skipped, loudly, where they are missing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use stipple_model::treatment::Treatment;
use stipple_planner::measure::{self, Against, Placed};
use stipple_planner::register::{self, Landmarks, RegisterError};
use stipple_planner::scan::{self, ScanError, ScanFinding, Scanned, Unit, UnitChoice};
use stipple_planner::{design, dots};
use support::shared;

/// Reads a shared file, or skips the test.
macro_rules! read {
    ($file:expr) => {
        read!($file, UnitChoice::Auto)
    };
    ($file:expr, $unit:expr) => {{
        let Some(path) = shared($file) else { return };
        scan::read_file(&path, $unit, None)
    }};
}

fn has(scan: &Scanned, code: &str) -> bool {
    scan.findings.iter().any(|f| f.code() == code)
}

/// What every refusal must be: one line, not too long, and naming something.
fn one_line(error: &ScanError, word: &str) {
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 400, "{text}");
    assert!(text.contains(word), "{text}");
}

macro_rules! refused {
    ($name:ident, $file:expr, $error:pat, $word:expr) => {
        #[test]
        fn $name() {
            let error = read!(concat!("bad-scans/", $file)).expect_err("a broken file was read");
            assert!(matches!(error, $error), "{error:?}");
            one_line(&error, $word);
        }
    };
}

refused!(
    zero_byte,
    "01_zero_byte.ply",
    ScanError::Empty,
    "empty file"
);
refused!(
    truncated_binary,
    "02_truncated_binary.ply",
    ScanError::Truncated { declared: 1600, .. },
    "of 1600 declared face"
);
refused!(
    nan_vertices,
    "04_nan_inf_vertices.ply",
    ScanError::NotFinite { vertex: 10, .. },
    "vertex 10"
);
refused!(
    index_out_of_range,
    "05_index_out_of_range.ply",
    ScanError::IndexOutOfRange {
        face: 5,
        index: 802,
        vertices: 802
    },
    "face 5"
);
refused!(
    zero_faces,
    "08_zero_faces.ply",
    ScanError::NoFaces { vertices: 802 },
    "no surface"
);
refused!(
    point_cloud,
    "09_point_cloud.ply",
    ScanError::SparseCloud { points: 802, .. },
    "mesh it first"
);
refused!(
    wrong_magic,
    "10_wrong_magic.ply",
    ScanError::UnknownFormat { .. },
    "PNG"
);
refused!(
    huge_counts,
    "11_huge_counts.ply",
    ScanError::CountExceedsFile { .. },
    "bytes"
);
refused!(
    stl_count_lies,
    "13_stl_count_lies.stl",
    ScanError::StlSize {
        declared: 4_000_000_000,
        actual: 80_084,
        ..
    },
    "4000000000"
);
refused!(
    units_inch,
    "15_units_inch.stl",
    ScanError::WrongSize { given: None, .. },
    "--unit inch"
);
refused!(
    units_metre,
    "16_units_metre.ply",
    ScanError::UnitContradicted { .. } | ScanError::WrongSize { .. },
    "m ("
);
refused!(
    utf16,
    "24_utf16.obj",
    ScanError::NotText { .. },
    "not UTF-8 or ASCII text"
);

#[test]
fn the_right_unit_makes_inches_and_metres_heads() {
    for (file, unit) in [
        ("bad-scans/15_units_inch.stl", Unit::Inch),
        ("bad-scans/16_units_metre.ply", Unit::Metre),
    ] {
        let scan = read!(file, UnitChoice::Given(unit)).unwrap();
        let (low, high) = scan.mesh.bounds();
        assert!((0.17..0.22).contains(&(high - low).raw().max()), "{file}");
        assert!(read!(file, UnitChoice::Given(Unit::Millimetre)).is_err());
    }
}

#[test]
fn inside_out_is_turned() {
    let turned = read!("bad-scans/18_inside_out.ply").unwrap();
    assert!(has(&turned, "inside_out"));
    let reference = read!("quirky-scans/reference.ply").unwrap();
    assert!(!has(&reference, "inside_out"));
    let (a, b) = (turned.mesh.area_vector(7), reference.mesh.area_vector(7));
    assert!((a - b).norm() < 1e-12);
}

#[test]
fn the_fin_is_cut_away() {
    let scan = read!("bad-scans/21_nonmanifold_fin.ply").unwrap();
    assert!(
        scan.findings.iter().any(|f| matches!(
            f,
            ScanFinding::NonManifold {
                edges: 1,
                triangles: 1,
                ..
            }
        )),
        "{:?}",
        scan.findings
    );
    assert_eq!(scan.mesh.triangles().len(), 1600);
    assert_eq!(scan.mesh.vertices().len(), 802);
}

#[test]
fn degenerate_and_duplicate_faces_are_dropped_and_counted() {
    let scan = read!("bad-scans/25_degenerate_duplicate.ply").unwrap();
    let count = |code| scan.findings.iter().filter(|f| f.code() == code).count();
    assert_eq!(
        (count("degenerate_faces"), count("duplicate_faces")),
        (1, 1),
        "{:?}",
        scan.findings
    );
    assert!(
        scan.findings
            .iter()
            .any(|f| matches!(f, ScanFinding::Duplicate { faces: 200, .. })),
        "{:?}",
        scan.findings
    );
    assert!((0..scan.mesh.triangles().len()).all(|i| scan.mesh.face_normal(i).is_some()));
}

#[test]
fn the_crown_hole_is_told_with_its_size() {
    let scan = read!("bad-scans/26_crown_hole.ply").unwrap();
    let holes: Vec<f64> = scan
        .findings
        .iter()
        .filter_map(|f| {
            if let ScanFinding::Hole { diameter, .. } = f {
                Some(diameter.mm())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(holes.len(), 1);
    assert!((80.0..130.0).contains(&holes[0]), "{holes:?}");
    assert!(!scan.closed);
}

#[test]
fn odd_but_valid_files_are_the_reference_head() {
    let reference = read!("quirky-scans/reference.ply").unwrap();
    assert!(reference.closed);
    for file in [
        "quirky-scans/crlf_ascii.ply",
        "quirky-scans/solid_header_binary.stl",
    ] {
        let scan = read!(file).unwrap();
        assert_eq!(scan.mesh.vertices().len(), 802, "{file}");
        assert_eq!(scan.mesh.triangles().len(), 1600, "{file}");
        assert!(
            (scan.mesh.area().m2() - reference.mesh.area().m2()).abs() < 1e-6,
            "{file}"
        );
    }
}

/// Lays the default treatment on a shared head and holds the outcome against what it must be.
fn lays_on(scan_file: &str, landmarks_file: &str) {
    let (Some(scan_path), Some(landmarks_path)) = (shared(scan_file), shared(landmarks_file))
    else {
        return;
    };
    let landmarks = Landmarks::parse(&std::fs::read(landmarks_path).unwrap()).unwrap();
    let scan = scan::read_file(&scan_path, UnitChoice::Auto, Some(&landmarks)).unwrap();
    let registration = register::head_from_scan(&landmarks, &scan).unwrap();
    let head = scan.mesh.transformed(&registration.head_from_scan);
    let top = include_str!("../treatments/default.toml");
    for (text, total) in [
        (
            &*top.replace("layers = [", "dots = 12000\nlayers = ["),
            12_000,
        ),
        (include_str!("../treatments/full-scalp.toml"), 30_000),
    ] {
        let treatment = Treatment::parse(text).unwrap();
        let scalp = design::scalp(&head, &registration.anatomy, &treatment, 1).unwrap();
        let field =
            dots::layout(&head, &scalp, &treatment, 1, &stipple_planner::to_the_end).unwrap();
        assert_eq!(field.dots.len(), total);
        let span = if total == 12_000 {
            150.0..330.0
        } else {
            330.0..650.0
        };
        assert!(
            span.contains(&scalp.area().cm2()),
            "{scan_file}: {:.0} cm²",
            scalp.area().cm2()
        );
        let against = Against {
            head: &head,
            scalp: &scalp,
            treatment: &treatment,
            exclusion: None,
        };
        for m in measure::measure(field.dots.iter().map(Placed::from), &against) {
            assert!(
                (m.density / m.target - 1.0).abs() < 0.02,
                "{scan_file}: {m:?}"
            );
            let name = &scalp.zones[m.zone as usize].name;
            // Where the density is uniform; fading edges have no one distance.
            if name == "mid_scalp" {
                assert!(
                    m.rho.unwrap() > 0.2 && m.cv_nn.unwrap() < 0.25,
                    "{scan_file}: {m:?}"
                );
            }
        }
        // Nothing on the face: all dots lie above and behind the hairline's height.
        let nasion = registration.anatomy.nasion;
        let up = registration.anatomy.up;
        assert!(
            field
                .dots
                .iter()
                .all(|d| d.position.distance(&nasion) > 0.06
                    && (d.position - registration.anatomy.left_ear).along(&up) > 0.02)
        );
    }
}

#[test]
fn colin27() {
    lays_on(
        "scans/colin27_av_ras.ply",
        "scans/colin27_av_ras.landmarks.json",
    );
}

#[test]
fn fsaverage() {
    lays_on(
        "scans/fsaverage_head.stl",
        "scans/fsaverage_head.landmarks.json",
    );
}

#[test]
fn lee_perry_smith() {
    lays_on(
        "scans/lee_perry_smith.obj",
        "scans/lee_perry_smith.landmarks.json",
    );
}

#[test]
fn mesh2hrtf() {
    lays_on(
        "scans/mesh2hrtf_head.ply",
        "scans/mesh2hrtf_head.landmarks.json",
    );
}

#[test]
fn ict_has_neither_set_of_landmarks() {
    let (Some(scan_path), Some(landmarks_path)) = (
        shared("scans/ict_skin_mm.stl"),
        shared("scans/ict_skin_mm.landmarks.json"),
    ) else {
        return;
    };
    let landmarks = Landmarks::parse(&std::fs::read(landmarks_path).unwrap()).unwrap();
    let scan = scan::read_file(&scan_path, UnitChoice::Auto, Some(&landmarks)).unwrap();
    let error = register::head_from_scan(&landmarks, &scan).unwrap_err();
    assert!(matches!(error, RegisterError::Missing { .. }));
    let text = error.to_string();
    assert!(
        text.contains("LPA, RPA")
            && text.contains("vertex, opisthocranion")
            && text.contains("jaw_left_ear"),
        "{text}"
    );
}

/// What registering a shared scan says when two of its landmarks have changed their names.
fn swapped(scan: &str, a: &str, b: &str) -> Option<RegisterError> {
    let stem = scan.split('.').next().unwrap();
    let scan = shared(&format!("scans/{scan}"))?;
    let landmarks = shared(&format!("scans/{stem}.landmarks.json"))?;
    let text = std::fs::read_to_string(landmarks)
        .unwrap()
        .replace(a, "other")
        .replace(b, a)
        .replace("other", b);
    let landmarks = Landmarks::parse(text.as_bytes()).unwrap();
    let scan = scan::read_file(&scan, UnitChoice::Auto, Some(&landmarks)).unwrap();
    Some(register::head_from_scan(&landmarks, &scan).unwrap_err())
}

#[test]
fn nasion_and_back_swapped_is_refused() {
    for name in ["mesh2hrtf_head.ply", "lee_perry_smith.obj"] {
        let Some(error) = swapped(name, "nasion", "opisthocranion") else {
            return;
        };
        assert!(
            matches!(error, RegisterError::Backwards { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn ears_swapped_are_refused() {
    for name in ["colin27_av_ras.ply", "fsaverage_head.stl"] {
        let Some(error) = swapped(name, "LPA", "RPA") else {
            return;
        };
        assert!(
            matches!(error, RegisterError::UpsideDown { .. }),
            "{name}: {error}"
        );
    }
}
