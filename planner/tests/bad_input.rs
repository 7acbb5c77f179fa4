//! Any bytes are refused in one line or read; nothing panics.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::Isometry3;
use proptest::prelude::*;
use stipple_planner::register::{Landmarks, RegisterError, head_from_scan};
use stipple_planner::scan::{self, ScanError, UnitChoice};
use support::{NAMES, head, landmarks};

fn read(bytes: &[u8]) -> Result<scan::Scanned, ScanError> {
    scan::read(bytes, UnitChoice::Auto, None)
}

fn binary_ply() -> Vec<u8> {
    let shape = head(2);
    let mut bytes = format!(
        "ply\nformat binary_little_endian 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\nelement face {}\nproperty list uchar int vertex_indices\nend_header\n",
        shape.vertices.len(),
        shape.triangles.len()
    )
    .into_bytes();
    for v in &shape.vertices {
        bytes.extend(v.iter().flat_map(|c| (*c as f32).to_le_bytes()));
    }
    for t in &shape.triangles {
        bytes.push(3);
        bytes.extend(t.iter().flat_map(|i| (*i as i32).to_le_bytes()));
    }
    bytes
}

fn stl(binary: bool) -> Vec<u8> {
    let shape = head(2);
    let corners = shape
        .triangles
        .iter()
        .map(|t| t.map(|i| shape.vertices[i as usize]));
    if binary {
        let mut bytes = vec![b' '; 80];
        bytes.extend((shape.triangles.len() as u32).to_le_bytes());
        for c in corners {
            bytes.extend([0; 12]);
            bytes.extend(c.iter().flat_map(|v| {
                v.iter()
                    .flat_map(|c| (*c as f32).to_le_bytes())
                    .collect::<Vec<_>>()
            }));
            bytes.extend([0; 2]);
        }
        return bytes;
    }
    let facets: String = corners
        .map(|c| {
            let lines: String = c
                .iter()
                .map(|v| format!("vertex {} {} {}\n", v.x, v.y, v.z))
                .collect();
            format!("facet normal 0 0 0\nouter loop\n{lines}endloop\nendfacet\n")
        })
        .collect();
    format!("solid head\n{facets}endsolid head\n").into_bytes()
}

fn obj() -> Vec<u8> {
    let shape = head(2);
    let v: String = shape
        .vertices
        .iter()
        .map(|v| format!("v {} {} {}\n", v.x, v.y, v.z))
        .collect();
    let f: String = shape
        .triangles
        .iter()
        .map(|t| format!("f {} {} {}\n", t[0] + 1, t[1] + 1, t[2] + 1))
        .collect();
    format!("{v}{f}").into_bytes()
}

#[test]
fn every_format_gives_the_same_head() {
    let scans: Vec<scan::Scanned> = [
        binary_ply(),
        stl(true),
        stl(false),
        obj(),
        head(2).ply(&Isometry3::identity()).into_bytes(),
    ]
    .iter()
    .map(|bytes| read(bytes).unwrap())
    .collect();
    for scan in &scans {
        assert_eq!(scan.mesh.triangles().len(), scans[0].mesh.triangles().len());
        assert!((scan.mesh.area().m2() - scans[0].mesh.area().m2()).abs() < 1e-8);
        assert!((scan.mesh.bounds().1 - scans[0].mesh.bounds().1).norm() < 1e-7);
    }
}

#[test]
fn a_part_cut_short_anywhere_is_refused_or_whole() {
    for whole in [binary_ply(), stl(true), stl(false)] {
        for keep in (0..whole.len()).step_by(97) {
            assert!(read(&whole[..keep]).is_err(), "{keep} of {}", whole.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        which in 0usize..4, hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40), head_only in any::<bool>()
    ) {
        let mut bytes = match which { 0 => binary_ply(), 1 => stl(true), 2 => stl(false), _ => obj() };
        // Half of the runs hit the header, where counts and types stand.
        let reach = if head_only { bytes.len().min(220) } else { bytes.len() };
        for (at, value) in hits {
            let i = at.index(reach);
            bytes[i] = value;
        }
        if let Err(error) = read(&bytes) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_bytes_never_panic(start in prop::sample::select(vec!["", "ply\n", "ply\nformat ascii 1.0\n", "solid ", "v 0 0 0\n", "{\"points\":"]),
                             rest in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [start.as_bytes(), &rest].concat();
        let _ = read(&bytes);
        let _ = Landmarks::parse(&bytes);
    }
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
