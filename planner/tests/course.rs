//! A client's way as the commands show it: consultation, a plan of it, what the years do, the touch-up.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nalgebra::Isometry3;
use stipple_model::course::{Intake, Policy};
use stipple_model::plan::{Outcome, Plan};
use stipple_model::treatment::Treatment;
use stipple_planner::years::{self, Fade};

fn planner(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stipple-planner"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn done(arguments: &[&str], folder: &Path) -> String {
    let output = planner(arguments, folder);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code 2 and one line on stderr that holds `what`.
fn refused(arguments: &[&str], folder: &Path, what: &str) {
    let output = planner(arguments, folder);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    assert!(error.contains(what), "{error}");
}

fn intake(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("intakes");
    folder.join(format!("{name}.toml")).display().to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A folder with a head to plan on.
fn with_head() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let still = Isometry3::identity();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("head.ply", support::head(5).ply(&still));
    write("head.json", support::landmarks(&still, support::NAMES));
    folder
}

const PLAN: [&str; 5] = ["plan", "--scan", "head.ply", "--landmarks", "head.json"];

fn plan(folder: &Path, treatment: &str, out: &str) -> Plan {
    let arguments = [&PLAN[..], &["--treatment", treatment, "--out", out]].concat();
    done(&arguments, folder);
    Plan::read(&folder.join(out)).unwrap().0
}

#[test]
fn a_course_is_written_whole_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("c-0001");
    let said = done(
        &[
            "course",
            "--intake",
            &intake("pattern-baldness"),
            "--out",
            "c-0001",
        ],
        folder.path(),
    );
    assert!(
        said.contains("Nothing stands against a treatment"),
        "{said}"
    );
    let mut expected: Vec<String> = ["consultation", "aftercare-1", "aftercare-2", "aftercare-3"]
        .iter()
        .flat_map(|stem| ["md", "html", "pdf"].map(|end| format!("{stem}.{end}")))
        .chain(["course.ics", "course.json", "treatment.toml"].map(str::to_owned))
        .collect();
    expected.sort();
    assert_eq!(names(&out), expected);
    assert_eq!(names(folder.path()), ["c-0001"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&out), 0o700);
        for name in names(&out) {
            assert_eq!(mode(&out.join(&name)), 0o600, "{name}");
        }
    }
    // The files are named in course.json, by which a client can be forgotten.
    let json = std::fs::read(out.join("course.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let mut named: Vec<&str> = json["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f.as_str().unwrap())
        .collect();
    named.push("course.json");
    named.sort_unstable();
    assert_eq!(named, expected);
    // What is proposed is a treatment that can be planned.
    let text = std::fs::read_to_string(out.join("treatment.toml")).unwrap();
    Treatment::parse(&text).unwrap();
    // A folder that holds something is left alone.
    let again = ["course", "--intake", &intake("alopecia"), "--out", "c-0001"];
    refused(&again, folder.path(), "not empty");
    assert_eq!(names(&out), expected);
}

#[test]
fn who_is_refused_gets_the_reason_and_the_day_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "course",
        "--intake",
        &intake("after-chemotherapy"),
        "--out",
        "c-0003",
        "--json",
    ];
    let output = planner(&arguments, folder.path());
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["verdict"], "refuse");
    assert_eq!(json["refused_until"], "2027-03-02");
    assert_eq!(
        names(&folder.path().join("c-0003")),
        [
            "consultation.html",
            "consultation.md",
            "consultation.pdf",
            "course.json"
        ]
    );
}

#[test]
fn what_is_missing_or_wrong_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(intake("pattern-baldness")).unwrap();
    let text = text.replace("diabetes = false\n", "");
    std::fs::write(folder.path().join("intake.toml"), text).unwrap();
    let course = ["course", "--intake", "intake.toml", "--out", "c"];
    refused(
        &course,
        folder.path(),
        "health.diabetes (diabetes: true or false)",
    );
    std::fs::write(folder.path().join("policy.toml"), "[sessions]\n").unwrap();
    let good = intake("pattern-baldness");
    let policy = [
        "course",
        "--intake",
        &good,
        "--policy",
        "policy.toml",
        "--out",
        "c",
    ];
    refused(&policy, folder.path(), "policy.toml: ");
    let nowhere = ["course", "--intake", &good, "--out", "no/such/c"];
    refused(&nowhere, folder.path(), "no/such/c");
    assert_eq!(names(folder.path()), ["intake.toml", "policy.toml"]);
}

#[test]
fn the_proposed_treatment_is_planned_fades_and_is_touched_up() {
    let folder = with_head();
    let path = folder.path();
    let intake_path = intake("pattern-baldness");
    done(&["course", "--intake", &intake_path, "--out", "c"], path);
    let whole = plan(path, "c/treatment.toml", "head.plan");
    // A course with a plan says how long its sessions take, and how many dots there are.
    let json = done(
        &[
            "course",
            "--intake",
            &intake_path,
            "--plan",
            "head.plan",
            "--out",
            "d",
            "--json",
        ],
        path,
    );
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let placeable = |p: &Plan| {
        let planned = |d: &&stipple_model::plan::Dot| matches!(d.outcome, Outcome::Planned { .. });
        p.dots.iter().filter(planned).count()
    };
    assert_eq!(json["assessment"]["dots"]["low"], placeable(&whole) as f64);
    done(
        &[
            "years",
            "head.plan",
            "--intake",
            &intake_path,
            "--out",
            "years",
        ],
        path,
    );
    assert_eq!(
        names(&path.join("years")),
        ["touch-up.toml", "years.csv", "years.json", "years.png"]
    );
    #[cfg(unix)]
    for file in [
        "head.plan",
        "years/years.png",
        "years/years.csv",
        "years/touch-up.toml",
    ] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path.join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let touched = plan(path, "years/touch-up.toml", "touch-up.plan");
    let text = std::fs::read_to_string(path.join("years/touch-up.toml")).unwrap();
    let there = Treatment::parse(&text).unwrap().placed.unwrap().dots.len();
    // What is seen no more is laid again, and no more than that.
    assert_eq!(there + touched.dots.len(), whole.dots.len());
    let share = there as f64 / whole.dots.len() as f64;
    assert!((0.6..0.8).contains(&share), "{share}");
}

#[test]
fn dots_fade_as_the_model_says_and_sun_makes_it_sooner() {
    let folder = with_head();
    let treatment = Path::new(env!("CARGO_MANIFEST_DIR")).join("treatments/default.toml");
    let plan = plan(folder.path(), &treatment.display().to_string(), "head.plan");
    let policy = Policy::shipped().unwrap();
    let text = std::fs::read_to_string(PathBuf::from(intake("pattern-baldness"))).unwrap();
    let mut client = Intake::parse(&text, &policy).unwrap();
    let fade = Fade::of(&policy, &client);
    let ages = [0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0];
    let rows = years::rows(&plan, &policy, fade, &ages);
    assert_eq!(rows.len(), plan.zones.len() * ages.len());
    for zone in rows.chunks(ages.len()) {
        assert!((zone[0].share - 1.0).abs() < 1e-12 && (zone[0].darkness - 1.0).abs() < 1e-12);
        // Half a year on, what did not heal is gone and nothing else.
        assert!((zone[1].share - policy.fading.taken.value).abs() < 1e-3);
        for pair in zone.windows(2) {
            assert!(pair[1].share <= pair[0].share && pair[1].darkness < pair[0].darkness);
        }
        for row in zone {
            assert!(row.low_per_cm2 <= row.seen_per_cm2 && row.seen_per_cm2 <= row.high_per_cm2);
        }
    }
    // The expected share is the mean of the fates, for every age.
    for (age, expected) in [(1.0, 0.884), (6.0, 0.0)] {
        let all: f64 = plan.dots.len() as f64;
        let seen = |seed| {
            let fates = years::fates(&plan, &policy, fade, age, seed);
            fates.iter().flatten().filter(|d| **d > fade.seen).count() as f64 / all
        };
        let mean = (0..8).map(seen).sum::<f64>() / 8.0;
        let rows: Vec<_> = rows.iter().filter(|r| r.year == age).collect();
        let area = |zone: &str| {
            plan.zones
                .iter()
                .find(|z| z.name == zone)
                .unwrap()
                .area
                .cm2()
        };
        let model: f64 = rows
            .iter()
            .map(|r| r.seen_per_cm2 * area(&r.zone))
            .sum::<f64>()
            / all;
        assert!((mean - model).abs() < 0.01, "{age}: {mean} and {model}");
        assert!(
            expected == 0.0 || (model - expected).abs() < 0.002,
            "{model}"
        );
    }
    // A dot that has gone does not come back.
    let (early, late) = (3.0, 5.0);
    let [early, late] = [early, late].map(|t| years::fates(&plan, &policy, fade, t, 7));
    assert!(
        early
            .iter()
            .zip(&late)
            .all(|(e, l)| l.is_none() || e.unwrap() >= l.unwrap())
    );
    let first = |client: &Intake| {
        let fade = Fade::of(&policy, client);
        let all = years::touch_ups(&plan, &policy, fade);
        assert!(
            all.iter()
                .all(|t| t.soonest <= t.year && t.year <= t.latest)
        );
        all.iter()
            .filter_map(|t| t.year)
            .fold(f64::INFINITY, f64::min)
    };
    let usual = first(&client);
    // Practitioners touch up after 3 to 6 years.
    assert!((3.0..=6.0).contains(&usual), "{usual}");
    client.sun = "much".to_owned();
    assert!(first(&client) < usual);
}

#[test]
fn tables_that_a_treatment_cannot_go_on_with_are_refused_in_one_line() {
    let folder = with_head();
    let path = folder.path();
    let treatment = Path::new(env!("CARGO_MANIFEST_DIR")).join("treatments/scar.toml");
    let treatment = treatment.display().to_string();
    let first = [
        "--treatment",
        &treatment,
        "--seed",
        "7",
        "--out",
        "first.plan",
    ];
    done(&[&PLAN[..], &first].concat(), path);
    let dots = "dot,layer,zone,shade,state,x_m,y_m,z_m\n1,1,scar,dark,placed,0.0,0.0,0.1\n";
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    write("dots.csv", dots);
    write("bad.csv", &dots.replace("0.1", "x"));
    write("far.csv", &dots.replace("0.1", "0.4"));
    write("other.csv", &dots.replace("scar", "crown"));
    write("counts.csv", "zone,count\nscar,2\n");
    write(
        "pose.json",
        "{\"fixed_from_moving\": {\"translation_m\": [0, 0, 0], \"quaternion_xyzw\": [1, 1, 0, 0]}}",
    );
    write("found.csv", "x_m,y_m,z_m\n0,0,0.1\n");
    let with = |more: &[&'static str]| {
        let mut all = vec!["residual", "--plan", "first.plan"];
        all.extend(more);
        all.extend(["--out", "next.toml"]);
        all.iter().map(|a| (*a).to_owned()).collect::<Vec<String>>()
    };
    let refused_with = |more: &[&'static str], what: &str| {
        let arguments = with(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(&arguments, path, what);
    };
    refused_with(&["--dots", "bad.csv", "--share", "0.7"], "bad.csv: line 2");
    refused_with(&["--dots", "none.csv", "--share", "0.7"], "none.csv");
    refused_with(&["--dots", "far.csv", "--share", "0.7"], "another head");
    refused_with(
        &["--dots", "other.csv", "--share", "0.7"],
        "another treatment",
    );
    // What is read would be lost.
    let over = [
        "residual",
        "--plan",
        "first.plan",
        "--dots",
        "dots.csv",
        "--share",
        "0.7",
    ];
    refused(
        &[&over[..], &["--out", "dots.csv"]].concat(),
        path,
        "it is read as well",
    );
    refused_with(&["--dots", "dots.csv", "--share", "1.5"], "placed.share");
    refused_with(&["--dots", "dots.csv", "--share", "NaN"], "placed.share");
    refused_with(
        &[
            "--dots",
            "dots.csv",
            "--counts",
            "counts.csv",
            "--share",
            "0.7",
        ],
        "2 dots were counted and 1 placed",
    );
    refused_with(
        &[
            "--dots",
            "dots.csv",
            "--survivors",
            "found.csv",
            "--pose",
            "pose.json",
            "--share",
            "0.7",
        ],
        "pose.json",
    );
    assert!(!path.join("next.toml").exists());
    let good = with(&["--dots", "dots.csv", "--share", "0.7"]);
    done(&good.iter().map(String::as_str).collect::<Vec<_>>(), path);
    // A dot of two tables of one record is one dot.
    write("again.csv", dots);
    let both = with(&[
        "--dots",
        "dots.csv",
        "--dots",
        "again.csv",
        "--share",
        "0.7",
    ]);
    let told = done(&both.iter().map(String::as_str).collect::<Vec<_>>(), path);
    assert!(told.starts_with("1 of 1 recorded dots"), "{told}");
    // The plan that goes on has the first one's seed, and no other.
    let second = plan(path, "next.toml", "second.plan");
    assert_eq!(second.provenance.seed, 7);
    let other = [
        "--treatment",
        "next.toml",
        "--seed",
        "8",
        "--out",
        "other.plan",
    ];
    refused(&[&PLAN[..], &other].concat(), path, "seed 7");
    assert!(!path.join("other.plan").exists());
}
