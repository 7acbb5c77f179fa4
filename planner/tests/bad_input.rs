//! Any bytes are refused in one line or read; nothing panics.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::{Isometry3, Vector3};
use proptest::prelude::*;
use stipple_planner::register::{Landmarks, RegisterError, head_from_scan};
use stipple_planner::scan::{self, ScanError, UnitChoice};
use support::{NAMES, files, head, landmarks};

fn read(bytes: &[u8]) -> Result<scan::Scanned, ScanError> {
    scan::read(bytes, UnitChoice::Auto, None)
}

/// The head in every format, one after the other.
fn formats() -> Vec<Vec<u8>> {
    let shape = head(2);
    vec![
        files::ply_binary(&shape, false),
        files::ply_binary(&shape, true),
        shape.ply(&Isometry3::identity()).into_bytes(),
        files::stl(&shape, true),
        files::stl(&shape, false),
        files::obj(&shape),
        files::gltf(&shape, ""),
        files::glb(&shape),
    ]
}

#[test]
fn every_format_gives_the_same_head() {
    let scans: Vec<scan::Scanned> = formats().iter().map(|b| read(b).unwrap()).collect();
    for scan in &scans {
        assert_eq!(scan.mesh.triangles().len(), scans[0].mesh.triangles().len());
        assert!((scan.mesh.area().m2() - scans[0].mesh.area().m2()).abs() < 1e-8);
        assert!((scan.mesh.bounds().1 - scans[0].mesh.bounds().1).norm() < 1e-7);
    }
}

#[test]
fn a_part_cut_short_anywhere_is_refused_or_whole() {
    let shape = head(2);
    for whole in [
        files::ply_binary(&shape, false),
        files::stl(&shape, true),
        files::stl(&shape, false),
        files::gltf(&shape, ""),
        files::glb(&shape),
    ] {
        for keep in (0..whole.len()).step_by(whole.len() / 300 + 1) {
            assert!(read(&whole[..keep]).is_err(), "{keep} of {}", whole.len());
        }
    }
}

/// A cloud of a child's head's size, as sparse as is read, so that it is quick.
fn cloud() -> Vec<u8> {
    let count = 5000;
    let points: Vec<Vector3<f64>> = (0..count)
        .map(|i| {
            let z = 1.0 - 2.0 * (f64::from(i) + 0.5) / f64::from(count);
            let (r, a) = ((1.0 - z * z).sqrt(), f64::from(i) * 2.399_963_229_728_653);
            Vector3::new(r * a.cos(), r * a.sin(), z) * 58.0
        })
        .collect();
    files::ply_points(&points, None)
}

#[test]
fn the_cloud_that_is_damaged_below_is_read_when_whole() {
    assert!(read(&cloud()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        which in 0usize..9,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in prop::option::of(any::<prop::sample::Index>()),
        head_only in any::<bool>(),
    ) {
        let mut bytes = formats().into_iter().chain([cloud()]).nth(which).unwrap_or_default();
        // Half of the runs hit the header, where counts and types stand.
        let reach = if head_only { bytes.len().min(700) } else { bytes.len() };
        for (at, value) in hits {
            let i = at.index(reach);
            bytes[i] = value;
        }
        if let Some(cut) = cut {
            let at = cut.index(bytes.len());
            bytes.truncate(at);
        }
        if let Err(error) = read(&bytes) {
            let line = error.to_string();
            prop_assert!(!line.contains(char::is_control) && line.len() < 700, "{line:?}");
        }
    }

    /// Numbers in a glTF's JSON are what its reader trusts: each is put somewhere else.
    #[test]
    fn wrong_numbers_in_a_gltf_never_panic(
        which in any::<prop::sample::Index>(),
        value in prop::sample::select(vec!["0", "1", "2", "3", "255", "5126", "4294967295", "18446744073709551615", "-1", "1e308", "null"]),
    ) {
        let shape = head(1);
        let json = files::gltf_json(&shape, None, ",\"scale\":[1,1,1],\"children\":[0]");
        let digits: Vec<(usize, &str)> = json
            .match_indices(':')
            .filter_map(|(i, _)| {
                let number = json[i + 1..].split([',', '}', ']']).next()?;
                number.parse::<f64>().is_ok().then_some((i + 1, number))
            })
            .collect();
        let (at, number) = digits[which.index(digits.len())];
        let json = format!("{}{value}{}", &json[..at], &json[at + number.len()..]);
        let whole = files::glb(&shape);
        let bin = &whole[whole.len() - (shape.vertices.len() + shape.triangles.len()) * 12..];
        if let Err(error) = read(&files::glb_of(&json, bin)) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_bytes_never_panic(start in prop::sample::select(vec!["", "ply\n", "ply\nformat ascii 1.0\n", "solid ", "v 0 0 0\n", "{\"points\":",
                                                                 "{\"asset\":{\"version\":\"2.0\"},", "glTF"]),
                             rest in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [start.as_bytes(), &rest].concat();
        let _ = read(&bytes);
        let _ = Landmarks::parse(&bytes);
    }
}

/// An element nobody wants is passed over, a count is not believed. What that takes in memory is counted in `scan_memory.rs`.
#[test]
fn foreign_elements_are_passed_over_and_counts_not_believed() {
    let shape = head(2);
    let plain = files::ply_binary(&shape, false);
    let end = plain
        .windows(11)
        .position(|w| w == b"end_header\n")
        .unwrap();
    let mut bytes = plain[..end].to_vec();
    bytes.extend(
        b"element noise 2000000\nproperty uchar a\nproperty list uchar uchar b\nend_header\n",
    );
    bytes.extend(&plain[end + 11..]);
    bytes.resize(bytes.len() + 4_000_000, 0);
    let scan = read(&bytes).unwrap();
    assert_eq!(scan.mesh.triangles().len(), shape.triangles.len());
    bytes.truncate(bytes.len() - 1);
    assert!(matches!(
        read(&bytes),
        Err(ScanError::Truncated {
            read: 1_999_999,
            ..
        })
    ));
}

#[test]
fn a_gltf_is_placed_by_its_nodes_and_measured_in_metres() {
    let shape = head(2);
    let plain = read(&files::gltf(&shape, "")).unwrap();
    assert!(
        plain
            .findings
            .iter()
            .any(|f| f.code() == "unit_from_format")
    );
    // A quarter turn about z, twice the size and a shift; a mirror turns the winding over twice.
    let turned = ",\"rotation\":[0,0,0.70710678,0.70710678],\"translation\":[0.1,0,0],\"scale\":[1.2,1.2,1.2]";
    let turned = read(&files::gltf(&shape, turned)).unwrap();
    let (low, high) = turned.mesh.bounds();
    let size = (high - low).raw();
    let before = (plain.mesh.bounds().1 - plain.mesh.bounds().0).raw();
    assert!((size.x - 1.2 * before.y).abs() < 1e-6 && (size.y - 1.2 * before.x).abs() < 1e-6);
    assert!((0.5 * (low.raw().x + high.raw().x) - 0.1).abs() < 1e-6);
    let mirrored = read(&files::gltf(&shape, ",\"scale\":[-1,1,1]")).unwrap();
    assert!(!mirrored.findings.iter().any(|f| f.code() == "inside_out"));
    let small = read(&files::gltf(&shape, ",\"scale\":[1000,1000,1000]")).unwrap_err();
    let line = small.to_string();
    assert!(
        line.contains("glTF") || line.contains("the format is in m"),
        "{line}"
    );
    assert!(line.contains("mm (") && line.contains("--unit"), "{line}");
}

#[test]
fn a_gltf_that_cannot_be_read_says_why() {
    let shape = head(1);
    let refused = |json: String, word: &str| {
        let line = read(json.as_bytes()).unwrap_err().to_string();
        assert!(line.contains(word) && !line.contains('\n'), "{line}");
    };
    let json = |node: &str| files::gltf_json(&shape, Some("head.bin"), node);
    refused(json(""), "only bytes were given");
    refused(
        json("").replacen(
            '{',
            "{\"extensionsRequired\":[\"KHR_draco_mesh_compression\"],",
            1,
        ),
        "KHR_draco_mesh_compression",
    );
    refused(json(",\"children\":[0]"), "tree");
    refused(
        json("").replace("\"version\":\"2.0\"", "\"version\":\"1.0\""),
        "version 1.0",
    );
    refused(json("").replace("\"mesh\":0", "\"mesh\":7"), "mesh 7");
    refused(
        json("").replace("head.bin", "data:application/octet-stream;base64,AAAA"),
        "buffer 0 should have",
    );
}

#[test]
fn buffers_beside_a_gltf_are_read_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let shape = head(2);
    let open = |uri: &str| {
        let (json, _) = files::gltf_beside(&shape, uri);
        let path = inner.join("head.gltf");
        std::fs::write(&path, json).unwrap();
        scan::read_file(&path, UnitChoice::Auto, None)
    };
    let (_, buffer) = files::gltf_beside(&shape, "");
    std::fs::write(inner.join("the head.bin"), &buffer).unwrap();
    std::fs::write(folder.path().join("secret.bin"), &buffer).unwrap();
    let beside = open("the%20head.bin").unwrap();
    assert_eq!(beside.mesh.triangles().len(), shape.triangles.len());
    std::os::unix::fs::symlink(folder.path().join("secret.bin"), inner.join("link.bin")).unwrap();
    let absolute = folder.path().join("secret.bin").display().to_string();
    for uri in [
        "../secret.bin",
        "%2e%2e/secret.bin",
        "link.bin",
        &absolute,
        "http://x/y.bin",
    ] {
        let line = open(uri).unwrap_err().to_string();
        assert!(line.contains("not beside the scan"), "{uri}: {line}");
    }
    assert!(
        open("gone.bin")
            .unwrap_err()
            .to_string()
            .contains("gone.bin")
    );
    // The digest binds the buffer too.
    let mut other = buffer;
    other[5] ^= 1;
    std::fs::write(inner.join("the head.bin"), &other).unwrap();
    assert_ne!(open("the%20head.bin").unwrap().digest, beside.digest);
}

fn register(json: &str) -> Result<(), RegisterError> {
    let landmarks = Landmarks::parse(json.as_bytes())?;
    let scan = scan::read(
        head(4).ply(&Isometry3::identity()).as_bytes(),
        UnitChoice::Auto,
        None,
    )
    .unwrap();
    head_from_scan(&landmarks, &scan).map(|_| ())
}

#[test]
fn wrong_landmarks_are_refused() {
    let with = |names| landmarks(&Isometry3::identity(), names);
    register(&with(NAMES)).unwrap();
    register(&with(["NZ", "lpa", "Right Preauricular"])).unwrap();
    let swapped = register(&with(["nasion", "RPA", "LPA"])).unwrap_err();
    assert!(
        matches!(swapped, RegisterError::UpsideDown { .. }),
        "{swapped}"
    );
    let missing = register(&with(["nasion", "nose_tip", "chin"])).unwrap_err();
    let line = missing.to_string();
    assert!(matches!(missing, RegisterError::Missing { .. }));
    assert!(
        line.contains("missing LPA, RPA (or vertex, opisthocranion)") && line.contains("nose_tip"),
        "{line}"
    );
    let off = register(&with(NAMES).replace("\"nasion\": [9", "\"nasion\": [13")).unwrap_err();
    assert!(
        matches!(
            off,
            RegisterError::OffSurface {
                landmark: "nasion",
                ..
            }
        ),
        "{off}"
    );
    let metres = register(&with(NAMES).replace("\"mm\"", "\"m\"")).unwrap_err();
    assert!(
        matches!(metres, RegisterError::UnitDiffers { .. }),
        "{metres}"
    );
}

/// Names out of a file stand in messages: what a terminal would obey does not.
#[test]
fn control_characters_in_landmarks_are_not_passed_on() {
    let good = landmarks(&Isometry3::identity(), NAMES);
    for (from, to) in [
        ("LPA", "lo\u{7f}be"),
        ("LPA", "L\\u001b[31mPA"),
        ("\"mm\"", "\"m\\u0007m\""),
        ("\"mm\"", "\"mm\", \"\u{7f}\": 1, \"unit\": \"cm\""),
    ] {
        let json = good.replacen(from, to, 1);
        assert_ne!(json, good);
        let line = register(&json).unwrap_err().to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn inside_out_and_mixed_winding_are_turned() {
    let mut shape = head(3);
    let right = scan::read(
        shape.ply(&Isometry3::identity()).as_bytes(),
        UnitChoice::Auto,
        None,
    )
    .unwrap();
    shape.triangles.iter_mut().for_each(|t| t.swap(1, 2));
    let turned = scan::read(
        shape.ply(&Isometry3::identity()).as_bytes(),
        UnitChoice::Auto,
        None,
    )
    .unwrap();
    assert!(turned.findings.iter().any(|f| f.code() == "inside_out"));
    assert_eq!(turned.mesh.area_vector(5), right.mesh.area_vector(5));
    shape
        .triangles
        .iter_mut()
        .step_by(10)
        .for_each(|t| t.swap(1, 2));
    let mixed = scan::read(
        shape.ply(&Isometry3::identity()).as_bytes(),
        UnitChoice::Auto,
        None,
    )
    .unwrap();
    assert!(
        mixed
            .findings
            .iter()
            .any(|f| f.code() == "mixed_orientation")
    );
    assert_eq!(mixed.mesh.area_vector(10), right.mesh.area_vector(10));
}
