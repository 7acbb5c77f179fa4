//! `report`, `history` and `dots` as they are used, on records as sessions leave them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod chair;
mod plant;

use std::fs;
use std::path::Path;

use chair::*;
use serde_json::{Value, json};
use stipple_controller::papers;
use stipple_controller::record::*;
use stipple_model::plan::Plan;

/// A record of two sittings on two days, the second with a dot ordered once more; the session's name.
fn two_days(folder: &Path, binding: Binding, order: &[stipple_model::plan::DotId]) -> String {
    let path = folder.join("head.sqlite");
    treat(&path, binding, "C-17", "N-1", MORNING, &order[..5]);
    let mut record = Record::open(&path, binding, Durability::PowerCut, MORNING + DAY).unwrap();
    let repeat = Order {
        by: "A. Operator".to_owned(),
        why: "no mark under the loupe".to_owned(),
    };
    record
        .order_repeat(order[1], &repeat, MORNING + DAY)
        .unwrap();
    drop(record);
    treat(&path, binding, "C-17", "N-2", MORNING + DAY, &order[5..8])
}

fn pdf(path: &Path) -> String {
    let file = lopdf::Document::load(path).unwrap();
    let pages: Vec<u32> = file.get_pages().keys().copied().collect();
    file.extract_text(&pages).unwrap().replace('\n', " ")
}

#[test]
fn a_report_for_the_clinic_has_all_and_one_for_the_client_plain_words() {
    let (folder, binding, order) = chair(12);
    let folder = folder.path();
    let session = two_days(folder, binding, &order);
    let before = fs::read(folder.join("head.sqlite")).unwrap();
    let report = ["report", "head.sqlite", "--plan", "head.plan", "--out"];
    let (code, out, said) = run(folder, &[&report[..], &["clinic"]].concat());
    assert_eq!((code, said.as_str()), (0, ""), "{out}");
    let html = fs::read_to_string(folder.join("clinic/report.html")).unwrap();
    let text = pdf(&folder.join("clinic/report.pdf"));
    let head = Chronicle::read(&folder.join("head.sqlite"))
        .unwrap()
        .unwrap();
    let head = head.verified.head.to_string();
    for wanted in [
        "C-17",
        "A. Operator",
        "2027-01-15, 2027-01-16",
        &session,
        &binding.plan.to_string(),
        &head,
        "N-1 (to 2999-12-31)",
        "P-12: grey (to 2999-12-31), P-13: dark (to 2999-12-31)",
        "0.310",
        "needle slow",
        "tip_too_fast: the tip was too fast",
        "no mark under the loupe",
        "2027-01-15 08:06:00",
        "5 min 00 s",
    ] {
        assert!(html.contains(wanted), "no {wanted} in the page");
        // Lines break within long words.
        let bare = |text: &str| text.replace(' ', "");
        assert!(
            bare(&text).contains(&bare(wanted)),
            "no {wanted} in\n{text}"
        );
    }
    // Counts: 12 planned; 3 and 1 placed, 1 and 1 skipped, in doubt 1 (the first was ordered once more).
    let row = |cells: [&str; 6]| format!("| {} |", cells.join(" | "));
    let markdown = fs::read_to_string(folder.join("clinic/report.md")).unwrap();
    assert!(
        markdown.contains(&row(["all", "12", "4", "2", "1", "5"])),
        "{markdown}"
    );
    assert!(markdown.contains(&row(["layer 1", "12", "4", "2", "1", "5"])));
    assert!(markdown.contains("tea \\& \\<b\\>cake\\</b\\>"));
    assert!(html.contains("tea &amp; &lt;b&gt;cake&lt;/b&gt;"));
    assert!(html.contains("<img src=\"data:image/png;base64,"));

    let (code, _, said) = run(
        folder,
        &[&report[..], &["for-client", "--for", "client"]].concat(),
    );
    assert_eq!((code, said.as_str()), (0, ""));
    let html = fs::read_to_string(folder.join("for-client/report.html")).unwrap();
    for wanted in [
        "C-17",
        "2027-01-15, 2027-01-16",
        "4 dots placed",
        "N-1, N-2",
        "P-12, P-13",
        "2 dots left out",
        "10 min 00 s",
    ] {
        assert!(html.contains(wanted), "no {wanted} in the client's page");
    }
    let plain = fs::read_to_string(folder.join("for-client/report.md")).unwrap();
    for technical in [
        "fault",
        "tip_too_fast",
        "SHA-256",
        "needle slow",
        "residual",
        &head[..12],
    ] {
        assert!(
            !plain.contains(technical),
            "{technical} in the client's page"
        );
    }
    // The record is only read.
    assert_eq!(fs::read(folder.join("head.sqlite")).unwrap(), before);
    assert_eq!(
        run(folder, &["verify", "head.sqlite", "--head", &head]).0,
        0
    );
}

#[test]
fn a_report_of_simulated_hardware_says_so_first() {
    let (folder, binding, order) = chair(12);
    let folder = folder.path();
    two_days(folder, binding, &order);
    let said = |out: &str, reader: &str| {
        let report = ["report", "head.sqlite", "--plan", "head.plan"];
        let (code, ..) = run(
            folder,
            &[&report[..], &["--out", out, "--for", reader]].concat(),
        );
        assert_eq!(code, 0);
        let page = fs::read_to_string(folder.join(out).join("report.md")).unwrap();
        let at = page.find("nobody was treated");
        at.map(|at| page[..at].lines().count())
    };
    for (out, reader) in [("a", "clinic"), ("b", "client")] {
        assert_eq!(said(out, reader), None);
    }
    let mut record = Record::open(
        &folder.join("head.sqlite"),
        binding,
        Durability::PowerCut,
        MORNING + 2 * DAY,
    )
    .unwrap();
    record
        .event(SIMULATED, "on simulated hardware", MORNING + 2 * DAY)
        .unwrap();
    drop(record);
    for (out, reader) in [("c", "clinic"), ("d", "client")] {
        assert!(said(out, reader).is_some_and(|line| line <= 6), "{reader}");
    }
}

#[test]
fn what_is_made_is_its_owners_alone_whatever_the_umask() {
    for umask in ["022", "000"] {
        let (folder, binding, order) = chair(6);
        let folder = folder.path();
        treat(
            &folder.join("head.sqlite"),
            binding,
            "C-17",
            "N-1",
            MORNING,
            &order,
        );
        let plan = ["--plan", "head.plan"];
        for args in [
            &["report", "head.sqlite", "--out", "a/b"][..],
            &["dots", "head.sqlite", "--out", "dots.csv"],
        ] {
            let (code, _, said) = run_with(umask, folder, &[args, &plan[..]].concat());
            assert_eq!(code, 0, "{said}");
        }
        let (code, _, said) = run_with(
            umask,
            folder,
            &["history", "head.sqlite", "--csv", "history.csv"],
        );
        assert_eq!(code, 0, "{said}");
        for file in [
            "head.sqlite",
            "head.sqlite.head",
            "cartridges.sqlite",
            "dots.csv",
            "history.csv",
            "a/b/report.html",
            "a/b/report.pdf",
            "a/b/report.md",
            "a/b/report.about.json",
        ] {
            assert_eq!(mode(&folder.join(file)), 0o600, "{file} with umask {umask}");
        }
        for made in ["a", "a/b"] {
            assert_eq!(mode(&folder.join(made)), 0o700, "{made} with umask {umask}");
        }
    }
}

#[test]
fn an_open_record_and_its_log_are_its_owners_alone() {
    let (folder, binding, _) = chair(6);
    let path = folder.path().join("head.sqlite");
    let old = rustix::process::umask(rustix::fs::Mode::empty());
    let mut record = Record::open(&path, binding, Durability::PowerCut, MORNING).unwrap();
    record.event("start", "started", MORNING).unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    rustix::process::umask(old);
    for file in [
        "head.sqlite",
        "head.sqlite-wal",
        "head.sqlite-shm",
        "head.sqlite.head",
        "cartridges.sqlite",
    ] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
    drop((record, registry));
}

#[test]
fn the_table_of_dots_has_them_all_in_the_scans_frame() {
    let (folder, binding, order) = chair(12);
    let folder = folder.path();
    let session = two_days(folder, binding, &order);
    let args = [
        "dots",
        "head.sqlite",
        "--plan",
        "head.plan",
        "--out",
        "dots.csv",
    ];
    let (code, _, said) = run(folder, &args);
    assert_eq!((code, said.as_str()), (0, ""));
    let text = fs::read_to_string(folder.join("dots.csv")).unwrap();
    assert!(
        text.starts_with("dot,layer,zone,shade,state,x_m,y_m,z_m,"),
        "{text}"
    );
    let plan = Plan::read(&folder.join("head.plan")).unwrap().0;
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row[0], index.to_string());
        let place = (plan.head_from_scan.inverse() * plan.dots[index].position).raw();
        for (axis, column) in (5..8).enumerate() {
            let value: f64 = row[column].parse().unwrap();
            assert!((value - place[axis]).abs() < 1e-9);
        }
    }
    let of = |place: usize| &rows[order[place].index()];
    let cells = |place: usize| [4, 8, 9, 10, 11, 12, 13, 14, 15].map(|c| of(place)[c].to_owned());
    let first = [
        "skipped",
        "gap",
        "2027-01-15 08:00:01",
        "",
        "",
        &session,
        "1",
        "N-1",
        "P-12",
    ];
    assert_eq!(cells(0), first);
    // Ordered once more: it is to be done.
    assert_eq!(cells(1), ["open", "", "", "", "", "", "", "", ""]);
    let third = [
        "placed",
        "",
        "2027-01-15 08:00:03",
        "0.1000",
        "0.6200",
        &session,
        "1",
        "N-1",
        "P-12",
    ];
    assert_eq!(cells(2), third);
    assert_eq!(
        (&of(6)[4], &of(6)[8], &of(6)[13]),
        ("in_doubt", "needle_slow", "2")
    );
    assert_eq!(&of(11)[4], "open");
}

#[test]
fn a_history_is_of_one_client() {
    let (folder, binding, order) = chair(12);
    let folder = folder.path();
    // Given in this order, told by day.
    treat(
        &folder.join("late.sqlite"),
        binding,
        "C-17",
        "N-3",
        MORNING + 40 * DAY,
        &order[8..],
    );
    two_days(folder, binding, &order);
    treat(
        &folder.join("other.sqlite"),
        binding,
        "C-18",
        "N-4",
        MORNING,
        &order,
    );
    let (code, out, said) = run(
        folder,
        &[
            "history",
            "late.sqlite",
            "head.sqlite",
            "--plan",
            "head.plan",
            "--json",
            "--csv",
            "history.csv",
        ],
    );
    assert_eq!((code, said.as_str()), (0, ""));
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["client"], json!("C-17"));
    let days: Vec<&str> = told["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["day"].as_str().unwrap())
        .collect();
    assert_eq!(days, ["2027-01-15", "2027-01-16", "2027-02-24"]);
    let first = &told["sessions"][0];
    assert_eq!(
        (
            &first["placed"],
            &first["skipped"],
            &first["in_doubt"],
            &first["layers"]
        ),
        (&json!(3), &json!(1), &json!(0), &json!([1]))
    );
    assert_eq!(
        (&first["worked_s"], &first["paused_s"]),
        (&json!(90.0), &json!(300.0))
    );
    let zones = told["zones"].as_object().unwrap();
    let sum = zones.values().next().unwrap();
    assert_eq!(
        (zones.len(), sum),
        (1, &json!({ "placed": 6, "skipped": 3, "in_doubt": 2 }))
    );
    let table = fs::read_to_string(folder.join("history.csv")).unwrap();
    assert_eq!(table.lines().count(), 4);
    assert_eq!(
        table.lines().next().unwrap(),
        "client,day,session,sitting,operator,layers,placed,skipped,in_doubt,worked_s,paused_s,cartridge,lots"
    );
    let (code, out, _) = run(folder, &["history", "head.sqlite"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("sitting 2: layers 1; 1 placed, 1 skipped, 1 in doubt; 1.5 min at work"),
        "{out}"
    );

    let refused = |args: &[&str], words: &str| {
        let (code, out, said) = run(folder, args);
        assert_eq!((code, out.as_str()), (2, ""), "{said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
    };
    refused(
        &["history", "head.sqlite", "other.sqlite"],
        "belongs to client \"C-18\", others to \"C-17\"",
    );
    refused(&["history", "head.sqlite", "head.sqlite"], "given before");
    refused(&["history", "head.plan"], "not a session record");
    refused(&["history", "no.sqlite"], "no.sqlite");
    fs::write(
        folder.join("other.plan"),
        plant::plan(7).to_bytes().unwrap().0,
    )
    .unwrap();
    refused(
        &["history", "head.sqlite", "--plan", "other.plan"],
        "none of the records is of this plan",
    );
    refused(
        &[
            "report",
            "head.sqlite",
            "--plan",
            "other.plan",
            "--out",
            "x",
        ],
        "belongs to plan",
    );
    refused(
        &[
            "dots",
            "head.sqlite",
            "--plan",
            "other.plan",
            "--out",
            "x.csv",
        ],
        "belongs to plan",
    );
    assert!(!folder.join("x").exists() && !folder.join("x.csv").exists());

    rusqlite::Connection::open(folder.join("late.sqlite"))
        .unwrap()
        .execute_batch("UPDATE journal SET at_us = at_us + 1 WHERE seq = 2")
        .unwrap();
    let (code, out, said) = run(folder, &["history", "late.sqlite", "head.sqlite"]);
    assert_eq!(code, 1);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("late.sqlite: the record is broken, at row 2"),
        "{said}"
    );
    assert!(
        out.contains("2027-01-16") && !out.contains("2027-02-24"),
        "{out}"
    );
    assert_eq!(
        run(
            folder,
            &["report", "late.sqlite", "--plan", "head.plan", "--out", "x"]
        )
        .0,
        1
    );
    assert_eq!(
        run(
            folder,
            &["dots", "late.sqlite", "--plan", "head.plan", "--out", "x"]
        )
        .0,
        1
    );
}

#[test]
fn the_picture_shows_each_state_in_its_colour() {
    let (folder, binding, order) = chair(12);
    let path = folder.path().join("head.sqlite");
    treat(&path, binding, "C-17", "N-1", MORNING, &order[..8]);
    let chronicle = Chronicle::read(&path).unwrap().unwrap();
    let plan = plant::plan(12);
    let png = papers::picture(&plan, &chronicle).unwrap();
    assert_eq!(png, papers::picture(&plan, &chronicle).unwrap());
    let image = image::load_from_memory(&png).unwrap().to_rgb8();
    // From above, not in what the colours mean.
    let in_view = |color: [u8; 3]| {
        let near = |(x, y, p): (u32, u32, &image::Rgb<u8>)| {
            let same = p.0.iter().zip(color).all(|(a, b)| a.abs_diff(b) < 12);
            x < 480 && y < 480 && same
        };
        image
            .enumerate_pixels()
            .filter(|pixel| near(*pixel))
            .count()
    };
    let counts = [[0, 90, 170], [230, 159, 0], [213, 60, 0], [160, 160, 166]].map(in_view);
    assert!(counts.iter().all(|count| *count >= 2), "{counts:?}");
    assert!(counts[0] > counts[1], "{counts:?}");
}

#[test]
fn a_record_that_names_nobody_and_is_still_open_is_told_too() {
    let (folder, binding, order) = chair(6);
    let folder = folder.path();
    let path = folder.join("head.sqlite");
    let mut record = Record::open(&path, binding, Durability::PowerCut, MORNING).unwrap();
    record.intent(order[0], 1, MORNING + SECOND).unwrap();
    let (code, out, _) = run(folder, &["history", "head.sqlite"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("client: nobody named") && out.contains("0 placed, 0 skipped, 1 in doubt"),
        "{out}"
    );
    for who in ["client", "clinic"] {
        let args = [
            "report",
            "head.sqlite",
            "--plan",
            "head.plan",
            "--out",
            who,
            "--for",
            who,
        ];
        let (code, _, said) = run(folder, &args);
        assert_eq!((code, said.as_str()), (0, ""));
    }
    let page = fs::read_to_string(folder.join("clinic/report.md")).unwrap();
    assert!(
        page.contains("being struck") && page.contains("not named"),
        "{page}"
    );
    drop(record);
}
