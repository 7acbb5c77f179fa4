//! `verify`, `resume` and `repeat` as they are used, with their exit codes and words.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod plant;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use stipple_controller::record::*;
use stipple_model::plan::DotId;

/// Exit code, stdout and stderr without the notice that every program begins with.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stipple-controller"))
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

/// A folder with a plan, a registration of today's head, and the binding.
fn chair() -> (tempfile::TempDir, Binding) {
    let folder = tempfile::tempdir().unwrap();
    let plan = plant::plan(6);
    let (bytes, digest) = plan.to_bytes().unwrap();
    fs::write(folder.path().join("head.plan"), bytes).unwrap();
    register(folder.path(), true, 0.31);
    let scan = plan.provenance.scan_digest;
    (folder, Binding { plan: digest, scan })
}

fn register(folder: &Path, accepted: bool, rms: f64) {
    let report = json!({
        "accepted": accepted, "refusal": if accepted { Value::Null } else { json!("the residual is too large") },
        "residual_mm": { "rms": rms, "p50": rms },
        "fixed_from_moving": { "translation_m": [0.001, 0.0, 0.0], "quaternion_xyzw": [0.0, 0.0, 0.0, 1.0] },
    });
    fs::write(folder.join("today.json"), report.to_string()).unwrap();
}

const SITTING: [&str; 17] = [
    "resume",
    "head.sqlite",
    "--plan",
    "head.plan",
    "--client",
    "C-17",
    "--operator",
    "A. Operator",
    "--registration",
    "today.json",
    "--strike-cap",
    "500",
    "--expires",
    "2999-12-31",
    "--pigment",
    "P-12=2999-12-31",
    "--cartridge",
];

fn resume(folder: &Path, more: &[&str]) -> (i32, String, String) {
    run(folder, &[&SITTING[..], more].concat())
}

#[test]
fn a_sitting_from_begin_to_end() {
    let (folder, binding) = chair();
    let folder = folder.path();
    let (code, out, said) = resume(folder, &["N-1", "--json"]);
    assert_eq!((code, said.as_str()), (0, ""));
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["sitting"]["registration"]["residual_mm"], json!(0.31));
    assert_eq!(told["layers"][0]["left"], json!(6));
    let first = told["layers"][0]["next_dot"].as_u64().unwrap() as u32;

    // A session that breaks off: one dot struck, one in doubt.
    let path = folder.join("head.sqlite");
    let mut record = Record::open(&path, binding, Durability::PowerCut, 1).unwrap();
    let order: Vec<DotId> = plant::plan(6).sequence[0].clone();
    assert_eq!(order[0], DotId(first));
    record.intent(order[0], 1, 1).unwrap();
    let placed = DotOutcome::Placed {
        lateral_error_m: 1e-4,
        depth_m: 6e-4,
    };
    record.outcome(order[0], 1, &placed, 1).unwrap();
    record.intent(order[1], 1, 1).unwrap();
    let (code, _, said) = resume(folder, &["N-2"]);
    assert_eq!(code, 2);
    assert!(
        said.contains("another process is writing this record"),
        "{said}"
    );
    drop(record);

    let (code, _, said) = resume(folder, &["N-1"]);
    assert_eq!(code, 2);
    assert!(said.contains("\"N-1\" was used before"), "{said}");
    let (code, out, _) = resume(folder, &["N-3"]);
    assert_eq!(code, 0);
    let doubt = format!("in doubt: dot {} of layer 1: crash", order[1].0);
    assert!(out.contains(&doubt), "{out}");
    assert!(
        out.contains(&format!(
            "layer 1: 4 of 6 dots left, next is dot {}",
            order[2].0
        )),
        "{out}"
    );
    assert!(
        out.contains("stipple-controller session --plan head.plan --record head.sqlite --layer 1"),
        "{out}"
    );

    let dot = order[1].0.to_string();
    let repeat = |dot: &str, why: &str| {
        run(
            folder,
            &[
                "repeat",
                "head.sqlite",
                "--dot",
                dot,
                "--by",
                "A. Operator",
                "--why",
                why,
            ],
        )
    };
    assert_eq!(repeat(&dot, "").0, 2);
    assert_eq!(repeat(&order[0].0.to_string(), "because").0, 2);
    assert_eq!(repeat(&dot, "no mark").0, 0);
    let (code, _, said) = repeat(&dot, "no mark");
    assert_eq!(code, 2);
    assert!(said.contains("is not in doubt"), "{said}");

    let mut record = Record::open(&path, binding, Durability::PowerCut, 1).unwrap();
    for dot in order.iter().filter(|dot| **dot != order[0]) {
        record
            .outcome(*dot, 1, &DotOutcome::Skipped { reason: "gap" }, 1)
            .unwrap();
    }
    drop(record);
    let (code, out, _) = resume(folder, &["N-4"]);
    assert_eq!(code, 1);
    assert!(out.contains("nothing is left to do"), "{out}");
    // A cartridge is not spent on nothing.
    let again = Registry::open(folder).unwrap().take("N-4", "s", 1).unwrap();
    assert_eq!(again, None);
}

#[test]
fn what_keeps_a_sitting_from_going_on_is_said_in_one_line() {
    let (folder, _) = chair();
    let folder = folder.path();
    assert_eq!(resume(folder, &["N-1"]).0, 0);
    let mut said_before = Vec::new();
    let mut refused = |args: &[&str], words: &str| {
        let (code, out, said) = run(folder, args);
        assert_eq!((code, out.as_str()), (2, ""), "{said}");
        assert!(said.contains(words), "{said:?} lacks {words:?}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!said_before.contains(&said), "{said} twice");
        said_before.push(said);
    };
    let with = |at: usize, value: &'static str| {
        let mut args = SITTING.to_vec();
        args.push("N-9");
        args[at] = value;
        args
    };
    refused(&with(3, "missing.plan"), "missing.plan");
    refused(
        &with(5, "C-18"),
        "belongs to client \"C-17\", not to \"C-18\"",
    );
    refused(
        &with(9, "head.plan"),
        "not what `stipple-planner register --json` prints",
    );
    refused(
        &with(13, "2020-01-01"),
        "cartridge \"N-9\" expired on 2020-01-01",
    );
    refused(&with(15, "P-12=2020-01-01"), "pigment lot \"P-12\" expired");
    register(folder, true, 1.2);
    refused(&with(5, "C-17"), "leaves 1.20 mm");
    register(folder, false, 1.2);
    refused(
        &with(5, "C-17"),
        "the registration was refused: the residual is too large",
    );
    register(folder, true, 0.3);
    fs::write(
        folder.join("junk.sqlite"),
        "not a database at all, but some text\n".repeat(90),
    )
    .unwrap();
    refused(&with(1, "junk.sqlite"), "not a session record");
    let other = plant::plan(7).to_bytes().unwrap().0;
    fs::write(folder.join("other.plan"), other).unwrap();
    refused(&with(3, "other.plan"), "belongs to plan");
    rusqlite::Connection::open(folder.join("head.sqlite"))
        .unwrap()
        .execute_batch("UPDATE journal SET at_us = at_us + 1 WHERE seq = 2")
        .unwrap();
    refused(&with(5, "C-17"), "the record is broken, at row 2");
    // After all that the cartridge is still good.
    assert_eq!(
        Registry::open(folder).unwrap().take("N-9", "s", 1).unwrap(),
        None
    );
}

#[test]
fn verify_says_intact_broken_or_no_record() {
    let (folder, _) = chair();
    let folder = folder.path();
    assert_eq!(resume(folder, &["N-1"]).0, 0);
    let (code, out, _) = run(folder, &["verify", "head.sqlite"]);
    assert_eq!(code, 0);
    assert!(out.contains("intact, 4 rows"), "{out}");
    let (code, out, _) = run(folder, &["verify", "head.sqlite", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &told["intact"], &told["rows"], &told["end"]),
        (0, &json!(true), &json!(4), &json!("closed"))
    );
    let head = told["head"].as_str().unwrap().to_owned();
    assert_eq!(
        run(folder, &["verify", "head.sqlite", "--head", &head]).0,
        0
    );
    assert_eq!(run(folder, &["verify", "head.sqlite", "--head", "00"]).0, 1);
    rusqlite::Connection::open(folder.join("head.sqlite"))
        .unwrap()
        .execute_batch("UPDATE journal SET detail = replace(detail, 'C-17', 'C-18')")
        .unwrap();
    let (code, out, _) = run(folder, &["verify", "head.sqlite"]);
    assert_eq!(code, 1);
    assert!(
        out.contains("broken at row 3: the hash does not fit"),
        "{out}"
    );
    let (code, out, _) = run(folder, &["verify", "head.sqlite", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &told["intact"], &told["first_bad_row"]),
        (1, &json!(false), &json!(3))
    );
    for (file, words) in [
        ("head.plan", "not a session record"),
        ("missing.sqlite", "missing.sqlite"),
    ] {
        let (code, out, said) = run(folder, &["verify", file]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(said.contains(words), "{said}");
    }
}
