//! The shape of the project: what ARCHITECTURE.md says of it is true.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use stipple_tests::root;

/// Direct dependencies of every workspace crate, tests' own excluded: crate → (dependency, optional).
fn dependencies() -> BTreeMap<String, BTreeMap<String, bool>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    let of = |package: &serde_json::Value| {
        let list = package["dependencies"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        list.iter()
            .filter(|d| d["kind"].is_null())
            .map(|d| (text(&d["name"]), d["optional"].as_bool().unwrap_or(false)))
            .collect()
    };
    packages.iter().map(|p| (text(&p["name"]), of(p))).collect()
}

#[test]
fn crates_depend_only_along_the_flow() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([
        ("stipple-model", BTreeSet::new()),
        ("stipple-core", BTreeSet::new()),
        ("stipple-planner", BTreeSet::from(["stipple-model"])),
        (
            "stipple-controller",
            BTreeSet::from(["stipple-model", "stipple-core"]),
        ),
        (
            "stipple-sim",
            BTreeSet::from(["stipple-model", "stipple-core", "stipple-controller"]),
        ),
    ]);
    let found = dependencies();
    for (name, allowed) in &allowed {
        let own: BTreeSet<&str> = found[*name]
            .keys()
            .map(String::as_str)
            .filter(|d| d.starts_with("stipple-"))
            .collect();
        assert!(
            own.is_subset(allowed),
            "{name} depends on {own:?}, allowed are {allowed:?}"
        );
    }
    let all: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = allowed.keys().copied().chain(["stipple-tests"]).collect();
    assert_eq!(all, known, "a crate that this test does not know");
}

#[test]
fn ros_and_the_window_stay_optional_and_at_the_edge() {
    for (name, dependencies) in dependencies() {
        for edge in ["r2r", "tokio"] {
            if let Some(optional) = dependencies.get(edge) {
                assert!(*optional, "{edge} must be optional in {name}");
                assert!(
                    ["stipple-controller", "stipple-sim"].contains(&name.as_str()),
                    "{name} must not know {edge}"
                );
            }
        }
        if let Some(optional) = dependencies.get("kiss3d") {
            assert!(
                *optional && name == "stipple-sim",
                "kiss3d belongs to the simulator's feature `view`"
            );
        }
    }
}

#[test]
fn the_core_has_no_std_and_no_dependency() {
    assert!(dependencies()["stipple-core"].is_empty());
    let source = std::fs::read_to_string(root().join("controller/core/src/lib.rs")).unwrap();
    assert!(source.contains("#![no_std]"));
    for (path, text) in sources(&root().join("controller/core/src")) {
        assert!(!text.contains("extern crate alloc"), "{path} allocates");
    }
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder)
            .unwrap()
            .map(|e| e.unwrap().path())
        {
            if entry.is_dir() {
                pending.push(entry);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                found.push((
                    entry.strip_prefix(root()).unwrap().display().to_string(),
                    text,
                ));
            }
        }
    }
    found.sort();
    found
}

/// Modules of a crate: files and folders right under its `src`.
fn modules(source: &str) -> BTreeSet<String> {
    std::fs::read_dir(root().join(source))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir() || p.extension().is_some_and(|e| e == "rs"))
        .map(|p| p.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !["lib", "main", "testing", "tests"].contains(&name.as_str()))
        .collect()
}

#[test]
fn architecture_names_every_module_and_nothing_that_is_gone() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for source in [
        "model/src",
        "planner/src",
        "controller/src",
        "controller/core/src",
        "sim/src",
    ] {
        let heading = format!("### {source}\n");
        let (_, after) = text
            .split_once(&heading)
            .unwrap_or_else(|| panic!("ARCHITECTURE.md lacks {heading:?}"));
        let section = after.split("\n#").next().unwrap_or_default();
        let named: BTreeSet<String> = section
            .lines()
            .filter_map(|l| l.strip_prefix("- `")?.split('`').next())
            .map(str::to_owned)
            .collect();
        assert_eq!(
            named,
            modules(source),
            "ARCHITECTURE.md and {source} differ"
        );
    }
}

#[test]
fn every_path_in_the_documents_exists() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text =
            std::fs::read_to_string(root().join(document)).unwrap_or_else(|_| panic!("{document}"));
        for quoted in text.split('`').skip(1).step_by(2) {
            let first = quoted.split_whitespace().next().unwrap_or_default();
            let is_path = first.contains('/') && !first.contains(['<', '*', ':', '~', '$', '{']);
            let ours = [
                "model",
                "planner",
                "controller",
                "sim",
                "launch",
                "tests",
                ".ci",
            ];
            if is_path && ours.contains(&first.split('/').next().unwrap_or_default()) {
                assert!(
                    root().join(first).exists(),
                    "{document} names {first}, which does not exist"
                );
            }
        }
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if !link.starts_with("http") && !link.starts_with('#') {
                assert!(
                    root().join(link).exists(),
                    "{document} links {link}, which does not exist"
                );
            }
        }
    }
}

#[test]
fn no_other_top_level_folder() {
    let tracked = Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output();
    let Ok(output) = tracked else {
        eprintln!("SKIP no_other_top_level_folder: git is not there");
        return;
    };
    let files = String::from_utf8_lossy(&output.stdout);
    let folders: BTreeSet<&str> = files
        .lines()
        .filter_map(|l| Some(l.split_once('/')?.0))
        .collect();
    let known = BTreeSet::from([
        ".ci",
        "model",
        "planner",
        "controller",
        "sim",
        "launch",
        "tests",
        "fuzz",
    ]);
    assert!(folders.is_subset(&known), "{folders:?}");
}

#[test]
fn files_stay_readable() {
    for folder in ["model", "planner", "controller", "sim", "fuzz/targets"] {
        for (path, text) in sources(&root().join(folder)) {
            let lines = text.lines().count();
            assert!(lines <= 520, "{path} has {lines} lines; split it");
        }
    }
}
