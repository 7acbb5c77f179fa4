//! Removing a client: all of theirs and nothing else, also after it was broken off.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod chair;
mod plant;

use std::fs;
use std::path::{Path, PathBuf};

use chair::*;
use serde_json::Value;
use stipple_controller::forget::{ForgetError, Forgetting, find, removed_before};
use stipple_controller::record::*;
use stipple_model::treatment::Fitted;
use stipple_model::units::{Length, Time};

const ORDER: [&str; 4] = ["--by", "A. Operator", "--why", "asked for it in writing"];

fn forget(folder: &Path, client: &str, more: &[&str]) -> (i32, String, String) {
    run(
        folder,
        &[&["forget", client, "--in", "."], &ORDER[..], more].concat(),
    )
}

/// Two records, reports and tables of C-17, and as much of C-18; what is not of C-17.
fn clinic() -> (tempfile::TempDir, Binding, Vec<(PathBuf, Vec<u8>)>) {
    let (folder, binding, order) = chair(12);
    let at = folder.path();
    fs::create_dir(at.join("2027")).unwrap();
    treat(
        &at.join("other.sqlite"),
        binding,
        "C-18",
        "N-8",
        MORNING + SECOND,
        &order,
    );
    treat(
        &at.join("2027/b.sqlite"),
        binding,
        "C-18",
        "N-9",
        MORNING + 2 * SECOND,
        &order,
    );
    for (record, out) in [("other.sqlite", "other"), ("2027/b.sqlite", "2027/b")] {
        let table = format!("{out}.csv");
        assert_eq!(
            run(at, &["report", record, "--plan", "head.plan", "--out", out]).0,
            0
        );
        assert_eq!(
            run(
                at,
                &["dots", record, "--plan", "head.plan", "--out", &table]
            )
            .0,
            0
        );
    }
    fs::write(at.join("notes.txt"), "C-17 is mentioned here").unwrap();
    fs::write(at.join("other.toml"), "client = \"C-18\"").unwrap();
    fs::write(at.join("other-fit.toml"), "[fitted]\nclient = \"C-18\"").unwrap();
    fitted(&at.join("other-fit.plan"), "C-18");
    let others = files(at);

    let session = treat(
        &at.join("a.sqlite"),
        binding,
        "C-17",
        "N-1",
        MORNING,
        &order[..6],
    );
    treat(
        &at.join("2027/c.sqlite"),
        binding,
        "C-17",
        "N-2",
        MORNING + DAY,
        &order[6..],
    );
    // As a crash leaves it.
    fs::write(at.join("a.sqlite-wal"), "").unwrap();
    assert_eq!(
        run(
            at,
            &[
                "report",
                "a.sqlite",
                "--plan",
                "head.plan",
                "--out",
                "paper/a"
            ]
        )
        .0,
        0
    );
    assert_eq!(
        run(
            at,
            &[
                "dots",
                "2027/c.sqlite",
                "--plan",
                "head.plan",
                "--out",
                "c.csv"
            ]
        )
        .0,
        0
    );
    let history = ["history", "a.sqlite", "2027/c.sqlite", "--csv", "h.csv"];
    assert_eq!(run(at, &history).0, 0);
    fs::write(
        at.join("report.json"),
        format!("{{\"session_id\": \"{session}\"}}"),
    )
    .unwrap();
    fs::write(
        at.join("intake.toml"),
        "client = \"C-17\"\n[health]\npregnant = \"no\"\n",
    )
    .unwrap();
    fs::write(at.join("fit.toml"), "[fitted]\nclient = \"C-17\"").unwrap();
    fitted(&at.join("fit.plan"), "C-17");
    fs::write(at.join("fit.stages.json"), "{}").unwrap();
    // As `stipple-planner course` writes it.
    let course = at.join("course");
    fs::create_dir(&course).unwrap();
    fs::write(course.join("consultation.md"), "Client C-17").unwrap();
    let json = r#"{"client": "C-17", "files": ["consultation.md"]}"#;
    fs::write(course.join("course.json"), json).unwrap();
    (folder, binding, others)
}

/// A plan that was fitted to a client.
fn fitted(path: &Path, client: &str) {
    let mut plan = plant::plan(3);
    plan.fitted = Some(Fitted {
        client: client.to_owned(),
        day: "2027-05-20".parse().unwrap(),
        depth: Length::from_mm(0.6),
        dwell: Time::from_s(0.02),
    });
    fs::write(path, plan.to_bytes().unwrap().0).unwrap();
}

/// What must be so when C-17 was removed: nothing of theirs, all of the others', one stub.
fn check(folder: &Path, others: &[(PathBuf, Vec<u8>)]) {
    let registry = |path: &Path| path.ends_with("cartridges.sqlite");
    let left = files(folder);
    let own = ["forgotten.jsonl", "forgotten.key"];
    let names: Vec<&PathBuf> = left
        .iter()
        .map(|(path, _)| path)
        .filter(|path| !own.iter().any(|own| path.ends_with(own)))
        .collect();
    let expected: Vec<&PathBuf> = others.iter().map(|(path, _)| path).collect();
    assert_eq!(names, expected);
    for (path, bytes) in others.iter().filter(|(path, _)| !registry(path)) {
        assert_eq!(
            &fs::read(folder.join(path)).unwrap(),
            bytes,
            "{}",
            path.display()
        );
    }
    assert!(!folder.join("paper").join("a").exists());
    let stubs = fs::read_to_string(folder.join("forgotten.jsonl")).unwrap();
    assert_eq!(stubs.lines().count(), 1, "{stubs}");
    assert!(!stubs.contains("C-17"));
    let stub: Value = serde_json::from_str(&stubs).unwrap();
    assert_eq!(
        (
            &stub["records"],
            &stub["strikes"],
            &stub["by"],
            &stub["why"]
        ),
        (
            &2.into(),
            &10.into(),
            &"A. Operator".into(),
            &"asked for it in writing".into()
        )
    );
    for file in own {
        assert_eq!(mode(&folder.join(file)), 0o600);
    }
    // A needle never comes back.
    let at = folder.join("again.sqlite");
    let plan = stipple_model::plan::Plan::read(&folder.join("head.plan")).unwrap();
    let binding = Binding {
        plan: plan.1,
        scan: plan.0.provenance.scan_digest,
    };
    let mut record = Record::open(&at, binding, Durability::PowerCut, MORNING + 99 * DAY).unwrap();
    let mut sit = |needle: &str| {
        let there = Registry::open(folder).unwrap();
        record
            .sit(
                &sitting("C-19", needle, MORNING + 99 * DAY),
                &there,
                MORNING + 99 * DAY,
            )
            .map_err(|error| error.to_string())
    };
    let error = sit("N-1").unwrap_err();
    assert!(
        error.contains("\"N-1\" was used before: take a new one"),
        "{error}"
    );
    assert!(sit("N-8").unwrap_err().contains("used before, in session"));
    sit("N-77").unwrap();
}

#[test]
fn all_of_a_clients_goes_and_nothing_else() {
    let (folder, _, others) = clinic();
    let folder = folder.path();
    let before = files(folder);
    let session = owner(&folder.join("a.sqlite")).unwrap().session_id;
    let (code, out, said) = forget(folder, "C-17", &["--dry-run"]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert!(out.contains("would remove ./a.sqlite (5 strikes)"), "{out}");
    assert_eq!(files(folder), before, "a dry run changes nothing");
    let (code, out, said) = forget(folder, "C-17", &[]);
    assert_eq!((code, said.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("client C-17 removed: 2 records with 10 strikes"),
        "{out}"
    );
    check(folder, &others);
    // Not even in what SQLite leaves free.
    let registry = fs::read(folder.join("cartridges.sqlite")).unwrap();
    assert!(
        !registry
            .windows(session.len())
            .any(|bytes| bytes == session.as_bytes())
    );

    let (code, out, _) = forget(folder, "C-17", &[]);
    assert_eq!(code, 1);
    assert!(out.contains("nothing of client C-17"), "{out}");
    assert!(
        out.contains("by A. Operator: asked for it in writing"),
        "{out}"
    );
    let (code, out, _) = forget(folder, "C-170", &[]);
    assert_eq!((code, out.contains("removed on")), (1, false));
    assert_eq!(forget(folder, "C-18", &[]).0, 0);
    let stubs = fs::read_to_string(folder.join("forgotten.jsonl")).unwrap();
    let lines: Vec<Value> = stubs
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    // Each line knows those before it.
    let first = stubs.split_inclusive('\n').next().unwrap();
    let digest = stipple_model::digest::Digest::of(first.as_bytes());
    assert_eq!(lines[1]["before"], digest.to_string());
    assert_eq!(removed_before(folder, "C-18").unwrap().len(), 1);
}

#[test]
fn what_is_refused_changes_nothing() {
    let (folder, binding, _) = clinic();
    let folder = folder.path();
    let mut open = Record::open(
        &folder.join("2027/c.sqlite"),
        binding,
        Durability::PowerCut,
        MORNING,
    )
    .unwrap();
    open.event("start", "started", MORNING).unwrap();
    let before: Vec<PathBuf> = files(folder).into_iter().map(|(path, _)| path).collect();
    let refused = |args: &[&str], words: &str| {
        let (code, _, said) = run(folder, args);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
        let mut now: Vec<PathBuf> = files(folder).into_iter().map(|(path, _)| path).collect();
        now.retain(|path| !path.ends_with("a.sqlite.head") || before.contains(path));
        assert_eq!(now, before);
    };
    let with = |client: &'static str, by: &'static str, why: &'static str| {
        ["forget", client, "--in", ".", "--by", by, "--why", why]
    };
    refused(
        &with("C-17", "A. Operator", "asked"),
        "another process is writing this record",
    );
    refused(&with("C-17", "A. Operator", " "), "must be given");
    refused(
        &with("C-17", "A. Operator", "C-17 asked for it"),
        "must not stand in them",
    );
    refused(&with("", "A. Operator", "asked"), "must be given");
    refused(
        &[
            "forget", "C-17", "--in", "nowhere", "--by", "A", "--why", "b",
        ],
        "nowhere",
    );
    drop(open);
    // Whose a record is that cannot be read nobody knows; it stays and is named.
    let damaged = folder.join("other.sqlite");
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[100..4000].fill(0);
    fs::write(&damaged, bytes).unwrap();
    let (code, _, said) = forget(folder, "C-17", &[]);
    assert_eq!(code, 1);
    assert!(
        said.contains("other.sqlite: left, it cannot be told whose it is"),
        "{said}"
    );
    assert!(damaged.exists() && !folder.join("a.sqlite").exists());
}

#[test]
fn broken_off_anywhere_the_next_one_finishes_it() {
    let order = Order {
        by: ORDER[1].to_owned(),
        why: ORDER[3].to_owned(),
    };
    let mut steps = 0;
    loop {
        let (folder, _, others) = clinic();
        let folder = folder.path();
        let found = find(folder, "C-17").unwrap();
        let mut removal = Forgetting::begin(folder, "C-17", &order, &found, MORNING).unwrap();
        let ended = (0..steps).any(|_| removal.step().unwrap().is_none());
        // As a kill: nothing is written, the locks are gone.
        drop(removal);
        if ended {
            break;
        }
        // Whoever comes next need not be after the same client.
        let client = if steps % 2 == 0 { "C-17" } else { "C-99" };
        let (code, out, said) = forget(folder, client, &[]);
        assert_eq!(said, "", "after {steps} steps");
        let finished = out.contains("going on with a removal");
        let all_done = !folder.join("forget.todo").exists();
        assert!(all_done, "after {steps} steps");
        assert_eq!(
            code,
            i32::from(client == "C-99" || !finished),
            "after {steps} steps: {out}"
        );
        check(folder, &others);
        steps += 1;
    }
    // Two records, six papers, a registry, the stub, the list.
    assert!(steps > 10, "{steps}");
}

#[test]
fn what_might_be_another_clients_stays() {
    let (folder, binding, order) = chair(6);
    let folder = folder.path();
    // Begun in the same microsecond on the same plan: sessions of one name.
    let session = treat(
        &folder.join("a.sqlite"),
        binding,
        "C-17",
        "N-1",
        MORNING,
        &order,
    );
    treat(
        &folder.join("b.sqlite"),
        binding,
        "C-18",
        "N-2",
        MORNING,
        &order,
    );
    let report = folder.join("report.json");
    fs::write(&report, format!("{{\"session_id\": \"{session}\"}}")).unwrap();
    assert_eq!(forget(folder, "C-17", &[]).0, 0);
    assert!(report.exists() && !folder.join("a.sqlite").exists());
    assert_eq!(run(folder, &["verify", "b.sqlite"]).0, 0);
    assert_eq!(forget(folder, "C-18", &[]).0, 0);
    assert!(!report.exists());
}

#[test]
fn a_new_record_of_the_same_name_is_not_taken_for_the_old() {
    let (folder, binding, _) = clinic();
    let folder = folder.path();
    let order = Order {
        by: "A. Operator".to_owned(),
        why: "asked".to_owned(),
    };
    let found = find(folder, "C-17").unwrap();
    let mut removal = Forgetting::begin(folder, "C-17", &order, &found, MORNING).unwrap();
    removal.step().unwrap();
    removal.step().unwrap();
    drop(removal);
    let plan = plant::plan(12);
    treat(
        &folder.join("a.sqlite"),
        binding,
        "C-20",
        "N-20",
        MORNING + 9 * DAY,
        &plan.sequence[0],
    );
    let (code, out, _) = forget(folder, "C-17", &[]);
    assert_eq!(code, 0);
    assert!(out.contains("a.sqlite: of another session, left"), "{out}");
    assert_eq!(run(folder, &["verify", "a.sqlite"]).0, 0);
    assert!(!folder.join("forget.todo").exists());
}

#[test]
fn a_list_that_leads_elsewhere_is_refused() {
    let (folder, ..) = chair(6);
    let folder = folder.path();
    let list = |way: &str| {
        format!(
            "{{\"id\":\"1\",\"client\":\"C\",\"by\":\"a\",\"why\":\"b\",\"at_us\":1,\"records\":[],\"papers\":[{way:?}],\"registries\":[],\"sessions\":[]}}"
        )
    };
    for text in [
        list("../x"),
        list("/etc/hosts"),
        list("a/../../x"),
        "no list".to_owned(),
    ] {
        fs::write(folder.join("forget.todo"), text).unwrap();
        let error = Forgetting::unfinished(folder).unwrap_err();
        assert!(matches!(error, ForgetError::Todo { .. }), "{error}");
        let (code, _, said) = forget(folder, "C-17", &[]);
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
    }
}
