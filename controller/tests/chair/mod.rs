//! Records of made-up clients, and the program as it is used.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use stipple_controller::record::*;
use stipple_model::plan::DotId;

#[path = "../sitting/mod.rs"]
mod seated;

use crate::plant;

/// 2027-01-15 08:00:00 UTC.
pub const MORNING: i64 = 1_800_000_000_000_000;
pub const DAY: i64 = 86_400_000_000;
pub const SECOND: i64 = 1_000_000;

/// Exit code, stdout and stderr without the notice that every program begins with; a umask as of the shell.
pub fn run_with(umask: &str, folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new("sh")
        .args(["-c", &format!("umask {umask} && exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_stipple-controller"))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let said = text(&output.stderr)
        .replace(stipple_controller::SAFETY_NOTICE, "")
        .trim()
        .to_owned();
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code().unwrap(), text(&output.stdout), said)
}

pub fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    run_with("022", folder, args)
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A folder with a plan of so many dots.
pub fn chair(dots: u32) -> (tempfile::TempDir, Binding, Vec<DotId>) {
    let folder = tempfile::tempdir().unwrap();
    let plan = plant::plan(dots);
    let (bytes, digest) = plan.to_bytes().unwrap();
    fs::write(folder.path().join("head.plan"), bytes).unwrap();
    let scan = plan.provenance.scan_digest;
    let order = plan.sequence[0].clone();
    (folder, Binding { plan: digest, scan }, order)
}

/// A sitting against which nothing stands, with two pigments.
pub fn sitting(client: &str, cartridge: &str, at: i64) -> Sitting {
    let expires = "2999-12-31".parse().unwrap();
    let mut sitting = seated::sitting(cartridge, at, expires);
    client.clone_into(&mut sitting.client);
    client.clone_into(&mut sitting.screening.client);
    sitting.cartridge.strike_cap = 500;
    sitting.registration.residual_mm = 0.31;
    sitting.pigment_lots.push(PigmentLot {
        id: "P-13".to_owned(),
        expires,
        shades: vec!["dark".to_owned()],
    });
    sitting
}

pub fn placed(lateral_error_m: f64) -> DotOutcome {
    DotOutcome::Placed {
        lateral_error_m,
        depth_m: 6.2e-4,
    }
}

/// A sitting in which the first of these dots is left out, the second is in doubt, the others are placed, with a break of five minutes.
pub fn treat(
    path: &Path,
    binding: Binding,
    client: &str,
    cartridge: &str,
    at: i64,
    dots: &[DotId],
) -> String {
    let registry = Registry::open(path.parent().unwrap()).unwrap();
    let mut record = Record::open(path, binding, Durability::PowerCut, at).unwrap();
    record
        .sit(&sitting(client, cartridge, at), &registry, at)
        .unwrap();
    record.event("start", "started", at).unwrap();
    for (index, dot) in dots.iter().enumerate() {
        let at = at + SECOND * (1 + index as i64);
        match index {
            0 => record.outcome(*dot, 1, &DotOutcome::Skipped { reason: "gap" }, at),
            1 => record.intent(*dot, 1, at).and_then(|()| {
                let doubt = DotOutcome::InDoubt {
                    reason: "needle_slow",
                };
                record.outcome(*dot, 1, &doubt, at)
            }),
            _ => record
                .intent(*dot, 1, at)
                .and_then(|()| record.outcome(*dot, 1, &placed(1e-4), at)),
        }
        .unwrap();
    }
    let asked = "paused by the operator (A. Operator): tea & <b>cake</b>";
    record.event("pause", asked, at + 60 * SECOND).unwrap();
    let end = at + 360 * SECOND;
    record
        .event("break", &format!("300.000 s: {asked}"), end)
        .unwrap();
    record.event("resume", "resumed", end).unwrap();
    record
        .event(
            "fault",
            "tip_too_fast: the tip was too fast",
            end + 30 * SECOND,
        )
        .unwrap();
    record.session_id().to_owned()
}

/// All files below a folder with what is in them, by their way from it.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(folder: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            } else {
                let bytes = fs::read(&path).unwrap();
                all.push((path, bytes));
            }
        }
    }
    let mut all = Vec::new();
    walk(folder, &mut all);
    for (path, _) in &mut all {
        *path = path.strip_prefix(folder).unwrap().to_owned();
    }
    all.sort();
    all
}
