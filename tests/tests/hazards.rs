//! The controller's table of hazards is whole: every hazard has a row, every row tests that exist and say which hazard they hold, every test that
//! names a hazard its row, and every fault of the core has the row of its hazard.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use stipple_core::FAULT_TABLE;
use stipple_tests::root;

/// Hazards there are.
const HAZARDS: usize = 15;

/// Where tests stand that may name a hazard.
const FOLDERS: [&str; 6] = [
    "controller",
    "model",
    "planner",
    "sim",
    "tests/tests",
    "tests/ros",
];

/// A row: the faults and the tests that it names.
#[derive(Debug, Default, PartialEq)]
struct Row {
    faults: BTreeSet<String>,
    tests: BTreeSet<String>,
}

/// What stands in backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// The rows of a table, by their hazard's number; a hazard that stands twice is told as such.
fn rows(text: &str) -> Result<BTreeMap<usize, Row>, String> {
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = cells.get(1).and_then(|c| c.strip_prefix('H'));
        let Some(number) = number.and_then(|n| n.parse().ok()) else {
            continue;
        };
        let [_, _, _, _, faults, tests, _, _] = cells[..] else {
            return Err(format!("H{number} has {} cells", cells.len()));
        };
        let row = Row {
            faults: quoted(faults),
            tests: quoted(tests),
        };
        if rows.insert(number, row).is_some() {
            return Err(format!("H{number} stands twice"));
        }
    }
    Ok(rows)
}

/// Whether a text holds a test of that name.
fn is_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(i, line)| {
        let attributes = lines[..i].iter().rev();
        line.starts_with(&head)
            && attributes
                .take_while(|l| l.starts_with("#[") || l.starts_with("///"))
                .any(|l| *l == "#[test]")
    })
}

/// The hazards that the doc comments of a source's tests begin with, by the test's name: `/// H4, H5: …` or `/// H4.`.
fn marks(source: &str) -> BTreeMap<String, BTreeSet<usize>> {
    let (mut found, mut marked) = (BTreeMap::new(), BTreeSet::new());
    let (mut in_comment, mut is_a_test) = (false, false);
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            if !in_comment {
                marked = hazards(comment);
            }
            in_comment = true;
            continue;
        }
        in_comment = false;
        if line.starts_with("#[") {
            is_a_test |= line == "#[test]";
            continue;
        }
        if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_a_test)
            && let Some((name, _)) = rest.split_once('(')
            && !marked.is_empty()
        {
            found.insert(name.to_owned(), std::mem::take(&mut marked));
        }
        (is_a_test, marked) = (false, BTreeSet::new());
    }
    found
}

/// The hazards that a program over ROS 2 begins with: `"""H4, H5: …`.
fn mark(source: &str) -> BTreeSet<usize> {
    let (_, text) = source.split_once("\"\"\"").unwrap_or_default();
    hazards(text.lines().next().unwrap_or_default())
}

/// `H4, H5: …` and `H4, H5.` are 4 and 5; any other beginning is none.
fn hazards(comment: &str) -> BTreeSet<usize> {
    let (front, _) = comment.split_once([':', '.']).unwrap_or_default();
    let numbers = front.split(", ").map(|h| h.strip_prefix('H')?.parse().ok());
    numbers.collect::<Option<_>>().unwrap_or_default()
}

/// All that is wrong with a table, given the files of the tree.
fn wrong(table: &str, read: impl Fn(&str) -> Option<String>, files: &[String]) -> Vec<String> {
    let rows = match rows(table) {
        Ok(rows) => rows,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    for number in 1..=HAZARDS {
        let Some(row) = rows.get(&number) else {
            wrong.push(format!("H{number} has no row"));
            continue;
        };
        if row.tests.is_empty() {
            wrong.push(format!("H{number} has no test"));
        }
        for test in &row.tests {
            let named = match test.split_once("::") {
                Some((path, name)) => read(path)
                    .filter(|source| is_test(source, name))
                    .map(|source| marks(&source).remove(name).unwrap_or_default()),
                // A program over ROS 2: it is one when it is run.
                None => test
                    .strip_prefix("tests/ros/")
                    .and_then(|file| file.strip_suffix(".py"))
                    .zip(read("tests/ros/run_all.py"))
                    .filter(|(name, all)| all.contains(&format!("\"{name}\":")))
                    .and_then(|_| read(test))
                    .map(|source| mark(&source)),
            };
            match named {
                None => wrong.push(format!("H{number}: there is no test {test}")),
                Some(named) if !named.contains(&number) => {
                    wrong.push(format!("{test} does not name H{number}"));
                }
                Some(_) => {}
            }
        }
    }
    for row in FAULT_TABLE {
        let number = row.hazard.trim_start_matches('H').parse().unwrap_or(0);
        let named = rows
            .get(&number)
            .is_some_and(|r| r.faults.contains(row.name));
        if !named {
            wrong.push(format!(
                "{} does not name the fault {}",
                row.hazard, row.name
            ));
        }
    }
    let known: BTreeSet<&str> = FAULT_TABLE.iter().map(|row| row.name).collect();
    for (number, row) in &rows {
        let strange = row.faults.iter().filter(|f| !known.contains(f.as_str()));
        wrong.extend(strange.map(|fault| format!("H{number}: there is no fault {fault}")));
    }
    for path in files {
        let source = read(path).unwrap_or_default();
        let tests = if path.ends_with(".py") {
            vec![(path.clone(), mark(&source))]
        } else {
            let marks = marks(&source).into_iter();
            marks
                .map(|(name, numbers)| (format!("{path}::{name}"), numbers))
                .collect()
        };
        for (test, numbers) in tests {
            for number in numbers {
                if !rows
                    .get(&number)
                    .is_some_and(|row| row.tests.contains(&test))
                {
                    wrong.push(format!("H{number} does not name the test {test}"));
                }
            }
        }
    }
    wrong
}

fn sources() -> Vec<String> {
    let mut found = Vec::new();
    let mut pending: Vec<_> = FOLDERS.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "rs" || e == "py") {
                let path = path.strip_prefix(root()).unwrap();
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join(Path::new(path))).ok()
}

#[test]
fn every_hazard_has_its_answer_and_every_answer_its_test() {
    let table = read("controller/src/hazards.md").unwrap();
    let found = wrong(&table, read, &sources());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The check above can fail: of a table that is spoilt, it says what is wrong.
#[test]
fn a_table_that_is_not_whole_is_found_out() {
    let table = read("controller/src/hazards.md").unwrap();
    let spoilt = |from: &str, to: &str| {
        assert!(table.contains(from), "{from}");
        wrong(&table.replace(from, to), read, &sources())
    };
    let says = |found: Vec<String>, what: &str| {
        assert!(
            found.iter().any(|line| line.contains(what)),
            "{what}: {found:?}"
        );
    };
    says(spoilt("| H7 |", "| 7 |"), "H7 has no row");
    says(spoilt("| H7 |", "| H6 |"), "H6 stands twice");
    says(
        spoilt("::a_lease_lasts_half_a_second", "::a_lease_lasts_a_minute"),
        "there is no test",
    );
    says(
        spoilt("::a_lease_lasts_half_a_second", "::a_lease_lasts_a_minute"),
        "H9 does not name the test",
    );
    says(
        spoilt("tests/ros/operator_lease.py", "tests/ros/wire.py"),
        "there is no test tests/ros/wire.py",
    );
    says(
        spoilt("`tests/ros/operator_lease.py`", ""),
        "H9 does not name the test tests/ros/operator_lease.py",
    );
    says(
        spoilt(
            "| H8 |",
            "| H8 | | | | `tests/ros/operator_lease.py` | |\n| 8 |",
        ),
        "tests/ros/operator_lease.py does not name H8",
    );
    says(
        spoilt(
            "| H8 |",
            "| H8 | | | | `controller/src/lease.rs::a_second_sender_is_refused_until_the_holder_is_long_silent` | |\n| 8 |",
        ),
        "is_long_silent does not name H8",
    );
    says(
        spoilt("`lease_lost`", ""),
        "H9 does not name the fault lease_lost",
    );
    says(
        spoilt("`lease_lost`", "`lease_lost` `bored`"),
        "there is no fault bored",
    );
    // A function that is no test does not count as one.
    says(
        spoilt("hazards.rs::a_lease_lasts_half_a_second", "bench.rs::reach"),
        "there is no test",
    );
}
