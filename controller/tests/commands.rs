//! `verify`, `resume` and `repeat` as they are used, with their exit codes and words.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod filled;
mod plant;

use std::fs;
use std::path::Path;
use std::process::Command;

use filled::{HOUR, ago, lately, moment, today};
use serde_json::{Value, json};
use stipple_controller::record::*;
use stipple_model::course::day_of;
use stipple_model::plan::{DotId, Plan};
use stipple_model::treatment::Fitted;
use stipple_model::units::Length;

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

const INTAKE: &str = include_str!("../../planner/intakes/pattern-baldness.toml");

/// A plan for the client of the example, fitted as their test patch showed.
fn plan(dots: u32) -> Plan {
    let mut plan = plant::plan(dots);
    plan.fitted = Some(Fitted {
        client: "c-0001".into(),
        day: ago(11).parse().unwrap(),
        depth: Length::from_mm(0.6),
        dwell: plan.dwell,
    });
    plan
}

/// A folder with a plan, a registration of today's head, an intake, a sitting file, and the binding.
fn chair() -> (tempfile::TempDir, Binding) {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(6);
    let (bytes, digest) = plan.to_bytes().unwrap();
    fs::write(folder.path().join("head.plan"), bytes).unwrap();
    register(folder.path(), true, 0.31, lately());
    let intake = INTAKE.replace("2026-11-30", &ago(30));
    fs::write(folder.path().join("intake.toml"), intake).unwrap();
    fs::write(folder.path().join("sitting.toml"), today()).unwrap();
    let scan = plan.provenance.scan_digest;
    (folder, Binding { plan: digest, scan })
}

fn register(folder: &Path, accepted: bool, rms: f64, taken_us: i64) {
    let scan = plant::plan(1).provenance.scan_digest;
    let report = json!({
        "accepted": accepted, "refusal": if accepted { Value::Null } else { json!("the residual is too large") },
        "residual_mm": { "rms": rms, "p50": rms },
        "fixed_from_moving": { "translation_m": [0.001, 0.0, 0.0], "quaternion_xyzw": [0.0, 0.0, 0.0, 1.0] },
        "fixed_sha256": scan.to_string(), "moving_taken_at": moment(taken_us),
    });
    fs::write(folder.join("today.json"), report.to_string()).unwrap();
}

const SITTING: [&str; 8] = [
    "resume",
    "head.sqlite",
    "--plan",
    "head.plan",
    "--registration",
    "today.json",
    "--sitting",
    "sitting.toml",
];

/// Begins a sitting with a cartridge.
fn resume(folder: &Path, cartridge: &str, more: &[&str]) -> (i32, String, String) {
    let text = today().replace("N-4711", cartridge);
    fs::write(folder.join("sitting.toml"), text).unwrap();
    run(folder, &[&SITTING[..], more].concat())
}

/// Begins a sitting with a changed sitting file.
fn resume_with(folder: &Path, from: &str, to: &str) -> (i32, String, String) {
    let text = today().replace("N-4711", "N-9");
    assert!(text.contains(from), "{from}");
    fs::write(folder.join("sitting.toml"), text.replace(from, to)).unwrap();
    run(folder, &SITTING)
}

#[test]
fn a_sitting_from_begin_to_end() {
    let (folder, binding) = chair();
    let folder = folder.path();
    let (code, out, said) = resume(folder, "N-1", &["--json"]);
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
    let (code, _, said) = resume(folder, "N-2", &[]);
    assert_eq!(code, 2);
    assert!(
        said.contains("another process is writing this record"),
        "{said}"
    );
    drop(record);

    // A registry that was deleted is made anew from the record, which says so and forgets no cartridge.
    fs::remove_file(folder.join("cartridges.sqlite")).unwrap();
    let (code, out, said) = resume(folder, "N-1", &[]);
    assert!(
        said.contains("made anew from the records in . (sittings: 1)"),
        "{said}"
    );
    assert_eq!((code, said.lines().count(), out.lines().count()), (1, 1, 1));
    assert!(
        out.starts_with("refused: cartridge: cartridge \"N-1\" was used before, in session "),
        "{out}"
    );
    let (code, out, _) = resume(folder, "N-3", &[]);
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
    let (code, out, _) = resume(folder, "N-4", &[]);
    assert_eq!(code, 1);
    assert!(out.contains("nothing is left to do"), "{out}");
    // A cartridge is not spent on nothing.
    let again = Registry::open(folder).unwrap().take("N-4", "s", 1).unwrap();
    assert_eq!(again, None);
}

#[test]
fn what_is_bad_input_is_said_in_one_line() {
    let (folder, _) = chair();
    let folder = folder.path();
    assert_eq!(resume(folder, "N-1", &[]).0, 0);
    let mut said_before = Vec::new();
    let mut refused = |result: (i32, String, String), words: &str| {
        let (code, out, said) = result;
        assert_eq!((code, out.as_str()), (2, ""), "{said}");
        assert!(said.contains(words), "{said:?} lacks {words:?}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!said_before.contains(&said), "{said} twice");
        said_before.push(said);
    };
    let with = |at: usize, value: &'static str| {
        let mut args = SITTING;
        args[at] = value;
        fs::write(
            folder.join("sitting.toml"),
            today().replace("N-4711", "N-9"),
        )
        .unwrap();
        run(folder, &args)
    };
    refused(with(3, "missing.plan"), "missing.plan");
    refused(with(7, "missing.toml"), "missing.toml");
    refused(
        with(5, "sitting.toml"),
        "not what `stipple-planner register --json` prints",
    );
    refused(
        resume_with(folder, "operator = ", "operater = "),
        "sitting.toml: nothing asks for \"operater\"; did you mean \"operator\"?",
    );
    refused(
        resume_with(folder, "\"intake.toml\"", "\"none.toml\""),
        "none.toml",
    );
    refused(
        resume_with(
            folder,
            &format!("day = {} ", ago(0)),
            &format!("day = {} ", ago(7)),
        ),
        "numbing.applied_at is",
    );
    let last_week = today().replace(&moment(lately())[..10], &ago(7));
    fs::write(folder.join("sitting.toml"), last_week).unwrap();
    refused(run(folder, &SITTING), "it must be today's");
    refused(
        resume_with(
            folder,
            "[test_patch]",
            "[[overrides]]\ngate = \"cartridge\"\nby = \"A\"\nreason = \"b\"\n[test_patch]",
        ),
        "overrides 1: cartridge is never passed over",
    );
    register(folder, false, 1.2, lately());
    refused(
        with(3, "head.plan"),
        "the registration was refused: the residual is too large",
    );
    register(folder, true, 0.3, lately());
    let untimed = fs::read_to_string(folder.join("today.json")).unwrap();
    let untimed = untimed.replace("moving_taken_at", "moving_at");
    fs::write(folder.join("untimed.json"), untimed).unwrap();
    refused(
        with(5, "untimed.json"),
        "does not say when the scan was taken",
    );
    let itself = fs::read_to_string(folder.join("today.json")).unwrap();
    let fixed = itself.find("\"fixed_sha256\"").unwrap();
    let same = itself[fixed..fixed + 81].replace("fixed", "moving");
    fs::write(
        folder.join("itself.json"),
        itself.replacen('{', &format!("{{{same},"), 1),
    )
    .unwrap();
    refused(with(5, "itself.json"), "was laid onto itself");
    fs::write(
        folder.join("junk.sqlite"),
        "not a database at all, but some text\n".repeat(90),
    )
    .unwrap();
    refused(with(1, "junk.sqlite"), "not a session record");
    let other = plan(7).to_bytes().unwrap().0;
    fs::write(folder.join("other.plan"), other).unwrap();
    refused(with(3, "other.plan"), "belongs to plan");
    rusqlite::Connection::open(folder.join("head.sqlite"))
        .unwrap()
        .execute_batch("UPDATE journal SET at_us = at_us + 1 WHERE seq = 2")
        .unwrap();
    refused(with(3, "head.plan"), "the record is broken, at row 2");
    // After all that the cartridge is still good.
    assert_eq!(Registry::open(folder).unwrap().used("N-9").unwrap(), None);
}

#[test]
fn every_gate_that_refuses_is_told_and_nothing_has_begun() {
    let (folder, _) = chair();
    let folder = folder.path();
    register(folder, true, 1.2, lately() - 2 * HOUR);
    let text = today()
        .replace(
            &format!("day = {} ", ago(11)),
            &format!("day = {} ", ago(400)),
        )
        .replace(
            &format!("confirmed = {}", ago(0)),
            &format!("confirmed = {}", ago(3)),
        )
        .replace(&moment(lately()), &moment(lately() + HOUR - 60_000_000))
        .replace(
            &format!("day = {} ", ago(0)),
            &format!("day = {} ", day_of(lately() + HOUR - 60_000_000)),
        )
        .replace("expires = 2999-05-31", "expires = 2020-01-01")
        .replace("[\"grey\"]", "[\"gray\"]")
        .replace("depth_mm = 0.6", "depth_mm = 0.7");
    fs::write(folder.join("sitting.toml"), text).unwrap();
    let (code, out, said) = run(folder, &SITTING);
    assert_eq!((code, said.as_str()), (1, ""), "{out}");
    for words in [
        "refused: consent: ",
        "refused: screening: the answers were confirmed on ",
        "refused: numbing: lidocaine 5 % takes 45 minutes to work: wait 4",
        "refused: cartridge: cartridge \"N-4711\" expired on 2020-01-01",
        "refused: pigment: no pigment lot holds the shade \"grey\"",
        "refused: pigment: pigment lot \"P-12\" names the shade \"gray\"; the plan has grey",
        "refused: test_patch: the plan was fitted to 0.6 mm and 20 ms",
        "refused: registration: the scan was taken ",
        "refused: registration: the registration leaves 1.20 mm",
    ] {
        assert!(out.contains(words), "{out}\nlacks {words}");
    }
    let (code, out, _) = run(folder, &[&SITTING[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["begun"]), (1, &json!(false)));
    let verdicts: Vec<&str> = told["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| gate["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(
        verdicts,
        [
            "passed", "refused", "refused", "refused", "refused", "refused", "refused", "passed",
            "refused"
        ]
    );
    assert!(!folder.join("head.sqlite").exists(), "a record was made");
    assert_eq!(
        Registry::open(folder).unwrap().used("N-4711").unwrap(),
        None
    );
}

#[test]
fn another_session_of_the_same_client_waits_or_is_passed_over_by_name() {
    let (folder, _) = chair();
    let folder = folder.path();
    assert_eq!(resume(folder, "N-1", &[]).0, 0);
    let mut again = SITTING;
    again[1] = "second.sqlite";
    fs::write(folder.join("sitting.toml"), today()).unwrap();
    let (code, out, _) = run(folder, &again);
    assert_eq!(code, 1);
    assert!(
        out.starts_with("refused: interval: the last session was on ") && out.lines().count() == 1,
        "{out}"
    );
    let order =
        "[[overrides]]\ngate = \"interval\"\nby = \"B. Chief\"\nreason = \"no dot was struck\"\n";
    fs::write(folder.join("sitting.toml"), format!("{}{order}", today())).unwrap();
    let (code, out, said) = run(folder, &again);
    assert_eq!((code, said.as_str()), (0, ""), "{out}");
    assert!(
        out.contains(
            "passed over by B. Chief (no dot was struck): interval: the last session was on "
        ),
        "{out}"
    );
    let path = folder.join("second.sqlite");
    assert!(verify(&path, None).unwrap().is_ok());
    let db = rusqlite::Connection::open(&path).unwrap();
    let kept: String = db
        .query_row(
            "SELECT detail FROM journal WHERE kind = 'sitting'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let order = &kept["overrides"][0];
    assert_eq!(
        (&order["gate"], &order["by"], &order["reason"]),
        (
            &json!("interval"),
            &json!("B. Chief"),
            &json!("no dot was struck")
        )
    );
    assert!(
        order["against"][0]
            .as_str()
            .unwrap()
            .contains("the next one takes 7 days")
    );
    // A row that passes over what nobody may is no row of ours, whatever its hash.
    drop(db);
    let damage = rusqlite::Connection::open(&path).unwrap();
    damage
        .execute_batch("UPDATE journal SET detail = replace(detail, '\"gate\":\"interval\"', '\"gate\":\"consent\"')")
        .unwrap();
    drop(damage);
    assert!(verify(&path, None).unwrap().is_err());
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let (folder, _) = chair();
    assert_eq!(resume(folder.path(), "N-1", &[]).0, 0);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_stipple-controller"))
        .args(["verify", "head.sqlite"])
        .current_dir(folder.path())
        .stdout(writer)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[test]
fn verify_says_intact_broken_or_no_record() {
    let (folder, _) = chair();
    let folder = folder.path();
    assert_eq!(resume(folder, "N-1", &[]).0, 0);
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
    // Noted elsewhere, and not in it; and what is no hash at all.
    let other = "0".repeat(64);
    let looked = |head: &str| run(folder, &["verify", "head.sqlite", "--head", head]).0;
    assert_eq!((looked(&other), looked("4c47a")), (1, 2));
    rusqlite::Connection::open(folder.join("head.sqlite"))
        .unwrap()
        .execute_batch("UPDATE journal SET detail = replace(detail, 'c-0001', 'c-0002')")
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
