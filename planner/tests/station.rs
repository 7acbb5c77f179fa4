//! A station at which the arm cannot wait, as a user meets it: one line that says what, where and what to do, and no plan.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::process::Command;

use support::shared;

const SHIPPED: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../launch/cells/default.toml"
));

#[test]
fn a_station_out_of_reach_or_in_something_is_told_in_one_line() {
    let Some(shared) = shared("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/treatments/default.toml");
    let text = std::fs::read_to_string(text).unwrap();
    let small = text.replace("layers = [", "dots = 60\nlayers = [");
    std::fs::write(at.join("small.toml"), small).unwrap();
    let head = |end: &str| {
        let path = shared.join(format!("scans/mesh2hrtf_head.{end}"));
        path.display().to_string()
    };
    let (scan, landmarks) = (head("ply"), head("landmarks.json"));
    for (station, what) in [
        ("[2500, 0, 300]", "does not bring the tip there"),
        ("[480, 0, -300]", "shoulders and trunk"),
    ] {
        let cell = format!("{SHIPPED}\n[station]\nxyz_mm = {station}\nrpy_deg = [180, 0, 0]\n");
        std::fs::write(at.join("cell.toml"), cell).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_stipple-planner"))
            .args(["plan", "--scan", &scan, "--landmarks", &landmarks])
            .args(["--treatment", "small.toml", "--cell", "cell.toml"])
            .args(["--out", "session.plan"])
            .current_dir(at)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(output.stdout.is_empty());
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        for part in ["cell.toml", "[station]", station, what, "move"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!at.join("session.plan").exists());
    }
}
