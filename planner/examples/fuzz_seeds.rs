//! Writes what the fuzz targets start from: small files of every kind, made here.
//!
//!     cargo run --release -p stipple-planner --example fuzz_seeds -- fuzz/corpus
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program for developers: it stops where it fails"
)]

use std::path::Path;

use nalgebra::Isometry3;
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::digest::Digest;
use stipple_planner::compose;
use stipple_planner::scan::{self, UnitChoice};

#[path = "../tests/support/mod.rs"]
mod support;

use support::{NAMES, files, head, landmarks};

fn main() {
    let folder = std::env::args().nth(1).unwrap_or("fuzz/corpus".into());
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    };
    scans(&|name, bytes| write("scan", name, bytes));
    for (name, names) in [
        ("ears", NAMES),
        ("swapped", ["nasion", "RPA", "LPA"]),
        ("midline", ["nasion", "vertex", "opisthocranion"]),
    ] {
        let text = landmarks(&Isometry3::identity(), names);
        write("landmarks", name, text.as_bytes());
    }
    for (name, text) in [
        ("default", include_str!("../treatments/default.toml")),
        ("full_scalp", include_str!("../treatments/full-scalp.toml")),
        ("norwood", include_str!("../treatments/norwood-5.toml")),
        ("ludwig", include_str!("../treatments/ludwig-2.toml")),
        ("scar", include_str!("../treatments/scar.toml")),
    ] {
        write("treatment", name, text.as_bytes());
    }
    let sitting = include_str!("../../launch/sittings/example.toml");
    write("sitting", "example", sitting.as_bytes());
    let policy = include_str!("../../launch/policy/default.toml");
    for (name, text) in [
        ("pattern", include_str!("../intakes/pattern-baldness.toml")),
        ("scar", include_str!("../intakes/scar-cover.toml")),
        ("follow_up", include_str!("../intakes/follow-up.toml")),
    ] {
        write("course", name, text.as_bytes());
        let both = format!("{text}\0{policy}");
        write("course", &format!("{name}_policy"), both.as_bytes());
    }
    for (name, bytes) in plans() {
        write("plan", name, &bytes);
    }
    write("urdf", "ur5e", arm().as_bytes());
}

/// The shipped arm without its shapes, and limits for two of its joints behind a zero byte.
fn arm() -> String {
    let mut urdf = ArmSource::ur5e().urdf;
    let end = "</collision>";
    while let (Some(from), Some(to)) = (urdf.find("<collision"), urdf.find(end)) {
        urdf.replace_range(from..to + end.len(), "");
    }
    urdf.push('\0');
    for joint in ["shoulder_pan_joint", "wrist_3_joint"] {
        if !urdf.contains("joint_limits:") {
            urdf.push_str("joint_limits:\n");
        }
        urdf.push_str(&format!(
            "  {joint}:\n    has_velocity_limits: true\n    max_velocity: 1.5\n    has_jerk_limits: false\n"
        ));
    }
    urdf
}

/// A head of some hundred triangles in every format, and the odd corners of each.
fn scans(write: &dyn Fn(&str, &[u8])) {
    for (size, shape) in [("small", head(1)), ("head", head(2))] {
        let file = |kind: &str, bytes: &[u8]| write(&format!("{size}_{kind}"), bytes);
        file("text.ply", shape.ply(&Isometry3::identity()).as_bytes());
        file("little.ply", &files::ply_binary(&shape, false));
        file("big.ply", &files::ply_binary(&shape, true));
        file("binary.stl", &files::stl(&shape, true));
        file("text.stl", &files::stl(&shape, false));
        file("mesh.obj", &files::obj(&shape));
        file("mesh.gltf", &files::gltf(&shape, ""));
        file(
            "turned.gltf",
            &files::gltf(&shape, ",\"scale\":[-1,1,1],\"rotation\":[0,0,1,0]"),
        );
        file("mesh.glb", &files::glb(&shape));
    }
    let cloud = head(4);
    let normals: Vec<_> = cloud.vertices.iter().map(|v| v.normalize()).collect();
    write("cloud.ply", &files::ply_points(&cloud.vertices, None));
    write(
        "normals.ply",
        &files::ply_points(&cloud.vertices, Some(&normals)),
    );
    write("quads.obj", b"# mm\nv 0 0 0\nv 200 0 0\nv 40 30 \\\n 5\nv 0 200 0\nv 90 90 150\nf 1 2 3 4\nf -1/1 -2//2 -3 -4\nf 1 2 5 4 3\n");
    write("strips.ply", b"ply\nformat ascii 1.0\ncomment cm\nelement tristrips 1\nproperty list int int vertex_indices\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\nend_header\n7 0 1 2 -1 1 2 3\n0 0 0\n20 0 0\n0 20 0\n0 0 20\n");
}

/// A plan of a few dots, and one without most of what is long: it contradicts itself, but is quick to read.
fn plans() -> [(&'static str, Vec<u8>); 2] {
    let treatment = support::treatment(12);
    let laid = support::lay(&head(4), &Isometry3::identity(), &treatment, 1);
    let inputs = compose::Inputs {
        scan: &laid.scan,
        registration: &laid.registration,
        landmarks_digest: Digest::of(b"landmarks"),
        treatment: &treatment,
        place: None,
        treatment_text: "name = \"seed\"\n",
        cell: Cell::shipped(ArmSource::ur5e()).unwrap(),
        seed: 1,
    };
    let whole = compose::plan(inputs, &|_, _| std::ops::ControlFlow::Continue(()))
        .unwrap()
        .plan;
    let mut short = whole.clone();
    let ply = head(1).ply(&Isometry3::identity());
    let tiny = scan::read(ply.as_bytes(), UnitChoice::Auto, None).unwrap();
    short.head = tiny.mesh.transformed(&whole.head_from_scan);
    short.patch.truncate(4);
    short.wanted.truncate(4);
    [
        ("whole", whole.to_bytes().unwrap().0),
        ("short", short.to_bytes().unwrap().0),
    ]
}
