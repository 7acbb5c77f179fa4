//! `stipple-planner` as a user runs it: exit codes, one clear line on bad input, files whole or absent.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::shared;

fn planner(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stipple-planner"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Exit code 2, nothing on stdout, one line on stderr that holds `what`.
fn assert_refused(output: &Output, what: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty());
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    assert!(error.contains(what), "{error}");
    assert!(!error.contains("panicked"));
}

/// Exit code 0; what went wrong is shown when it is not.
fn assert_done(output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
}

#[test]
fn help_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &["--help"][..],
        &["check-scan", "--help"],
        &["plan", "--help"],
        &["export", "--help"],
        &["register", "--help"],
        &["reach", "--help"],
        &["residual", "--help"],
        &["course", "--help"],
        &["years", "--help"],
    ] {
        let output = planner(command, folder.path());
        assert_eq!(output.status.code(), Some(0));
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("Examples:"),
            "{command:?}"
        );
    }
}

#[test]
fn wrong_usage_and_missing_files_are_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert_eq!(planner(&["plan", "--scan"], at).status.code(), Some(2));
    assert_eq!(planner(&["export", "x.plan"], at).status.code(), Some(2));
    assert_refused(&planner(&["check-scan", "gone.ply"], at), "gone.ply");
    std::fs::write(at.join("junk.plan"), b"no plan").unwrap();
    assert_refused(
        &planner(&["export", "junk.plan", "--dots", "d.csv"], at),
        "junk.plan: not a Stipple plan",
    );
    assert!(!at.join("d.csv").exists());
    std::fs::write(at.join("empty.ply"), b"").unwrap();
    assert_refused(&planner(&["check-scan", "empty.ply"], at), "empty file");
    let treatment = concat!(env!("CARGO_MANIFEST_DIR"), "/treatments/default.toml");
    let plan = |arm: &str, treatment: &str| {
        planner(
            &[
                "plan",
                "--scan",
                "s.ply",
                "--landmarks",
                "l.json",
                "--treatment",
                treatment,
                "--arm",
                arm,
                "--out",
                "o.plan",
            ],
            at,
        )
    };
    assert_refused(&plan("no-such-arm", treatment), "no-such-arm");
    std::fs::write(at.join("bad.toml"), "name = \"x\"\nlayerz = [1.0]\n").unwrap();
    assert_refused(&plan("ur5e", "bad.toml"), "bad.toml");
    assert_refused(&plan("ur5e", treatment), "l.json");
    assert!(!at.join("o.plan").exists());
}

#[test]
fn joint_limits_that_are_none_are_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("typo.yaml"),
        "joint_limits: {elbow: {has_velocity_limits: true, max_velocity: 1}}",
    )
    .unwrap();
    for (file, what) in [("gone.yaml", "gone.yaml"), ("typo.yaml", "\"elbow\"")] {
        let reach = ["reach", "--scan", "a.ply", "--landmarks", "a.json"];
        let output = planner(
            &[&reach[..], &["--joint-limits", file]].concat(),
            folder.path(),
        );
        assert_refused(&output, what);
    }
}

#[test]
fn a_real_head_is_planned_and_exported_twice_the_same() {
    let Some(shared) = shared("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/treatments/default.toml"
    ))
    .unwrap();
    let small: Vec<&str> = text
        .lines()
        .filter(|l| !l.starts_with("healed_diameter_mm"))
        .collect();
    let small = small
        .join("\n")
        .replace("layers = [", "dots = 300\nlayers = [");
    std::fs::write(at.join("small.toml"), small).unwrap();
    let scan = shared
        .join("scans/mesh2hrtf_head.ply")
        .display()
        .to_string();
    let landmarks = shared
        .join("scans/mesh2hrtf_head.landmarks.json")
        .display()
        .to_string();
    for out in ["a.plan", "b.plan"] {
        let output = planner(
            &[
                "plan",
                "--scan",
                &scan,
                "--landmarks",
                &landmarks,
                "--treatment",
                "small.toml",
                "--out",
                out,
                "--json",
            ],
            at,
        );
        assert_done(&output);
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["dots"], 300);
        assert!(summary["stages_s"]["poses"].is_number());
    }
    assert_eq!(
        std::fs::read(at.join("a.plan")).unwrap(),
        std::fs::read(at.join("b.plan")).unwrap()
    );
    let output = planner(
        &[
            "export",
            "a.plan",
            "--dots",
            "d.csv",
            "--trajectory",
            "h.csv",
            "--json",
            "p.json",
            "--picture",
            "p.png",
            "--svg",
            "s.svg",
        ],
        at,
    );
    assert_done(&output);
    let dots = std::fs::read_to_string(at.join("d.csv")).unwrap();
    assert_eq!(
        dots.lines().next(),
        Some("dot,layer,zone,x_m,y_m,z_m,nx,ny,nz,depth_mm,diameter_mm,shade")
    );
    assert_eq!(dots.lines().count(), 301);
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(at.join("p.json")).unwrap()).unwrap();
    for key in [
        "zones",
        "skipped",
        "skipped_pairs",
        "skipped_dots",
        "stages_s",
        "session_estimate_s",
        "base_from_head",
    ] {
        assert!(!summary[key].is_null(), "{key}");
    }
    assert!(
        std::fs::read(at.join("p.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
    let svg = std::fs::read_to_string(at.join("s.svg")).unwrap();
    let svg = roxmltree::Document::parse(&svg).unwrap();
    let circles = svg.descendants().filter(|n| n.has_tag_name("circle"));
    assert_eq!(circles.count(), 300);
    refused_pictures(at);
}

/// Pictures of `a.plan` that cannot be: one line, nothing written.
fn refused_pictures(at: &Path) {
    let export = |arguments: &[&str]| {
        let all: Vec<&str> = ["export", "a.plan"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        planner(&all, at)
    };
    assert_refused(
        &export(&["--picture", "late.png", "--after-layer", "9"]),
        "--after-layer 9: a.plan has 3 layers",
    );
    assert_refused(
        &export(&["--picture", "healed.png", "--healed"]),
        "--healed: no zone of a.plan says",
    );
    assert_refused(&export(&["--svg", "gone/s.svg"]), "gone does not exist");
    assert_refused(&export(&["--picture", "."]), "is a folder");
    assert_eq!(
        export(&["--dots", "x.csv", "--skipped"]).status.code(),
        Some(2)
    );
    assert_eq!(
        export(&["--picture", "x.png", "--after-layer", "0"])
            .status
            .code(),
        Some(2)
    );
    assert!(!at.join("late.png").exists() && !at.join("x.csv").exists());
}

#[test]
fn a_test_patch_is_planned_instead_of_the_zones() {
    let Some(scans) = shared("scans") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| scans.join(name).display().to_string();
    let treatments = Path::new(env!("CARGO_MANIFEST_DIR")).join("treatments");
    let plan = |treatment: &str| {
        let (scan, landmarks) = (
            path("mesh2hrtf_head.ply"),
            path("mesh2hrtf_head.landmarks.json"),
        );
        let treatment = treatments.join(treatment).display().to_string();
        let input = [
            "--scan",
            &scan,
            "--landmarks",
            &landmarks,
            "--treatment",
            &treatment,
        ];
        let rest = ["--test-patch", "--out", "patch.plan", "--json"];
        planner(&[&["plan"][..], &input, &rest].concat(), folder.path())
    };
    assert_refused(&plan("ludwig-2.toml"), "has no [test_patch]");
    assert!(!folder.path().join("patch.plan").exists());
    let output = plan("norwood-5.toml");
    assert_done(&output);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // A column for each depth, laid in one go.
    let zones = summary["zones"].as_array().unwrap();
    let names: Vec<_> = zones.iter().map(|z| z["zone"].as_str().unwrap()).collect();
    assert_eq!(names, ["patch 0.4 mm", "patch 0.6 mm", "patch 0.8 mm"]);
    let counts = zones.iter().map(|z| {
        let layers = z["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 1);
        layers[0]["count"].as_u64().unwrap()
    });
    assert_eq!(counts.sum::<u64>(), summary["dots"].as_u64().unwrap());
}

#[test]
fn a_scan_too_coarse_is_shown_but_not_planned_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let still = nalgebra::Isometry3::identity();
    for (name, fineness) in [("coarse", 2), ("fine", 4)] {
        let file = at.join(format!("{name}.ply"));
        std::fs::write(file, support::head(fineness).ply(&still)).unwrap();
    }
    let marks = support::landmarks(&still, support::NAMES);
    std::fs::write(at.join("l.json"), marks).unwrap();
    let check = |scan: &str| planner(&["check-scan", scan, "--landmarks", "l.json"], at);
    assert_done(&check("fine.ply"));
    let coarse = check("coarse.ply");
    assert_eq!(coarse.status.code(), Some(1));
    let said = String::from_utf8_lossy(&coarse.stdout);
    assert!(said.contains("not fit for planning"), "{said}");
    let treatment = concat!(env!("CARGO_MANIFEST_DIR"), "/treatments/default.toml");
    let input = ["plan", "--scan", "coarse.ply", "--landmarks", "l.json"];
    let rest = ["--treatment", treatment, "--out", "o.plan"];
    assert_refused(
        &planner(&[&input[..], &rest].concat(), at),
        "the surface is too coarse to plan on",
    );
    assert!(!at.join("o.plan").exists());
}

#[test]
fn a_scan_is_drawn_even_when_its_landmarks_make_no_head() {
    let Some(shared) = shared("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let scan = shared
        .join("scans/mesh2hrtf_head.ply")
        .display()
        .to_string();
    let good = shared
        .join("scans/mesh2hrtf_head.landmarks.json")
        .display()
        .to_string();
    let check = |landmarks: &str, picture: &str| {
        planner(
            &[
                "check-scan",
                &scan,
                "--landmarks",
                landmarks,
                "--picture",
                picture,
            ],
            at,
        )
    };
    assert_eq!(check(&good, "good.png").status.code(), Some(0));
    let swapped = std::fs::read_to_string(&good)
        .unwrap()
        .replace("nasion", "other")
        .replace("opisthocranion", "nasion")
        .replace("other", "opisthocranion");
    std::fs::write(at.join("swapped.json"), swapped).unwrap();
    assert_refused(&check("swapped.json", "swapped.png"), "swapped.json");
    for picture in ["good.png", "swapped.png"] {
        assert!(
            std::fs::read(at.join(picture))
                .unwrap()
                .starts_with(b"\x89PNG")
        );
    }
    assert_refused(&check(&good, "gone/x.png"), "gone does not exist");
}

#[test]
fn a_later_scan_is_registered_and_another_persons_is_not() {
    let Some(shared) = shared("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| shared.join(name).display().to_string();
    let register = |moving: &str, more: &[&str]| {
        let (fixed, landmarks) = (
            path("scans/colin27_av_ras.ply"),
            path("scans/colin27_av_ras.landmarks.json"),
        );
        let moving = path(moving);
        let arguments = [
            &[
                "register",
                "--fixed",
                &fixed,
                "--fixed-landmarks",
                &landmarks,
            ][..],
            &[
                "--moving",
                &moving,
                "--moving-unit",
                "mm",
                "--out",
                "pose.json",
            ],
            more,
        ]
        .concat();
        planner(&arguments, folder.path())
    };
    let pose = folder.path().join("pose.json");
    let head = path("scans/mesh2hrtf_head.landmarks.json");
    let refused = register(
        "scans/mesh2hrtf_head.ply",
        &["--moving-landmarks", &head, "--json"],
    );
    let line = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{line}");
    let report: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(report["accepted"], false);
    assert!(report["residual_mm"]["rms"].as_f64().unwrap() > 1.0);
    let why = report["refusal"].as_str().unwrap();
    assert!(why.contains("is it the same person"), "{why}");
    assert!(!pose.exists());

    let accepted = register("bad-scans/26_crown_hole.ply", &[]);
    let text = String::from_utf8_lossy(&accepted.stdout);
    assert_eq!(accepted.status.code(), Some(0), "{text}");
    for word in [
        "residual",
        "overlap",
        "held least: turning about",
        "uncertainty",
        "accepted",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&pose).unwrap()).unwrap();
    let shift = written["fixed_from_moving"]["translation_m"]
        .as_array()
        .unwrap();
    // Both files are in one frame.
    assert!(
        shift.iter().all(|c| c.as_f64().unwrap().abs() < 3e-4),
        "{written}"
    );
    assert_eq!(written["moving_sha256"].as_str().unwrap().len(), 64);

    let wrong = folder.path().join("swapped.json");
    let text = std::fs::read_to_string(path("scans/colin27_av_ras.landmarks.json")).unwrap();
    let text = text
        .replace("\"LPA\"", "\"x\"")
        .replace("\"Nz\"", "\"LPA\"");
    std::fs::write(&wrong, text.replace("\"x\"", "\"Nz\"")).unwrap();
    assert_refused(
        &register(
            "scans/colin27_av_ras.ply",
            &["--moving-landmarks", "swapped.json"],
        ),
        "swapped.json: the moving scan:",
    );
    assert_refused(&register("scans/gone.ply", &[]), "gone.ply");
}

#[test]
fn what_an_arm_reaches_is_told_drawn_and_judged() {
    let name = "mesh2hrtf_head.ply";
    let (Some(scan), Some(landmarks)) = (
        shared(&format!("scans/{name}")),
        shared("scans/mesh2hrtf_head.landmarks.json"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (scan, landmarks) = (scan.to_str().unwrap(), landmarks.to_str().unwrap());
    let reach = |more: &[&str]| {
        let all = [&["reach", "--scan", scan, "--landmarks", landmarks], more].concat();
        planner(&all, at)
    };
    let told = reach(&["--json", "--picture", "reach.png", "--enough", "50"]);
    assert_done(&told);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let (places, reached) = (
        told["places"].as_u64().unwrap(),
        told["reached"].as_u64().unwrap(),
    );
    let unreached = told["unreached"].as_object().unwrap().values();
    let not: u64 = unreached.map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(places, reached + not);
    assert!(reached * 2 > places, "{reached} of {places}");
    assert!(image::open(at.join("reach.png")).is_ok());
    // A head that is out of the arm's reach is no failure of the program, but not acceptable.
    let cell = include_str!("../../launch/cells/default.toml");
    let far = cell.replacen("xyz_mm = [480, 0, 150]", "xyz_mm = [2480, 0, 150]", 1);
    assert_ne!(far, cell);
    std::fs::write(at.join("far.toml"), far).unwrap();
    let far = reach(&["--cell", "far.toml", "--json"]);
    assert_eq!(far.status.code(), Some(1));
    let far: serde_json::Value = serde_json::from_slice(&far.stdout).unwrap();
    assert_eq!(far["reached"], 0);
    assert_eq!(far["unreached"]["out_of_reach"], far["places"]);
    // Nor has a plan on it a dot; why, and what helps, is said.
    let treatment = concat!(env!("CARGO_MANIFEST_DIR"), "/treatments/scar.toml");
    let input = ["plan", "--scan", scan, "--landmarks", landmarks];
    let rest = ["--treatment", treatment, "--cell", "far.toml"];
    let none = planner(&[&input[..], &rest, &["--out", "none.plan"]].concat(), at);
    assert_eq!(none.status.code(), Some(1));
    let said = String::from_utf8_lossy(&none.stderr);
    let last = said.lines().last().unwrap();
    assert!(
        last.contains("no dot can be placed (")
            && last.contains(" out_of_reach): bring head and base"),
        "{said}"
    );
    let bad = format!("{cell}\n[place]\nup_mm = [5, 1]\n");
    std::fs::write(at.join("bad.toml"), bad).unwrap();
    assert_refused(&reach(&["--cell", "bad.toml"]), "place.up_mm");
    assert_refused(&reach(&["--arm", "gone.urdf"]), "gone.urdf");
    assert_refused(&reach(&["--flange", "nolink"]), "nolink");
    assert_refused(&reach(&["--picture", "gone/x.png"]), "gone");
    assert_eq!(reach(&["--enough", "101"]).status.code(), Some(2));
}
