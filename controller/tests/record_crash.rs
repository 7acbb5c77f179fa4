//! The record after a kill at any moment, and after a write that a power cut has torn.
//!
//! STIPPLE_KILLS sets how often a process is killed (otherwise [`KILLS`]).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod chance;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chance::Chance;
use steps::{Step, Steps, durability, spin};
use stipple_controller::record::*;
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

const KILLS: u64 = 2_000;
/// Dots of one record; then the next one is begun.
const DOTS: u32 = 600;
const CHILD: &str = "STIPPLE_KILLED_CHILD";

fn binding() -> Binding {
    Binding {
        plan: Digest::of(b"plan"),
        scan: Digest::of(b"scan"),
    }
}

const PLACED: DotOutcome = DotOutcome::Placed {
    lateral_error_m: 1e-4,
    depth_m: 6e-4,
};

fn open_with(path: &Path, durability: Durability) -> Record {
    Record::open(path, binding(), durability, 1).unwrap()
}

fn open(path: &Path) -> Record {
    open_with(path, Durability::ProcessCrash)
}

/// Works dots off as a session does, and kills itself somewhere, wherever a write has got to by then.
fn work_until_killed(folder: &Path, seed: u64) {
    let mut chance = Chance(seed);
    let steps = Arc::new(Steps::none(folder, &mut chance));
    let (seen, place) = (Arc::clone(&steps), folder.to_owned());
    std::thread::spawn(move || seen.kill(&place, seed));
    // Long enough to be hit, as with a needle that takes its time.
    let rest = |step: Step| {
        steps.begin(step);
        spin(500);
    };
    let mut needle = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("needle"))
        .unwrap();
    steps.begin(Step::Opening);
    let mut record = open_with(&folder.join("record.sqlite"), durability(seed));
    let done = record.dots().unwrap();
    for dot in (0..DOTS).map(DotId).filter(|dot| !done.contains_key(dot)) {
        if dot.0 % 5 == 4 {
            steps.begin(Step::Skipping);
            let skipped = DotOutcome::Skipped { reason: "gap" };
            record.outcome(dot, 1, &skipped, 2).unwrap();
            continue;
        }
        steps.begin(Step::Intending);
        record.intent(dot, 1, 2).unwrap();
        if chance.below(7) == 0 {
            steps.begin(Step::Withdrawing);
            record.withdraw(dot).unwrap();
            steps.begin(Step::Noting);
            record.event("pause", "paused by the operator", 2).unwrap();
            steps.begin(Step::Intending);
            record.intent(dot, 1, 2).unwrap();
        }
        rest(Step::Intended);
        // One write of four bytes: it is there or it is not.
        needle.write_all(&dot.0.to_le_bytes()).unwrap();
        rest(Step::Struck);
        steps.begin(Step::Placing);
        record.outcome(dot, 1, &PLACED, 2).unwrap();
        rest(Step::Placed);
    }
    // All done: nothing is left to be killed in.
    drop(record);
    fs::write(folder.join("finished"), "").unwrap();
    std::process::exit(0);
}

/// The dots as an outsider reads them.
fn dots_in(path: &Path) -> BTreeMap<u32, String> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    let mut query = db.prepare("SELECT dot, state FROM dots").unwrap();
    let rows = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// What was struck, in order.
fn struck_in(folder: &Path) -> Vec<u32> {
    let bytes = fs::read(folder.join("needle")).unwrap_or_default();
    let words = bytes.chunks_exact(4);
    assert!(words.remainder().is_empty());
    words
        .map(|w| u32::from_le_bytes(w.try_into().unwrap()))
        .collect()
}

/// H6: a process that is killed thousands of times, in every step of the journal, and in each of them with full sync, too.
#[test]
fn killed_thousands_of_times_no_dot_is_struck_twice_and_none_is_lost() {
    if let Ok(child) = std::env::var(CHILD) {
        let (seed, folder) = child.split_once(' ').unwrap();
        work_until_killed(Path::new(folder), seed.parse().unwrap());
    }
    let kills: u64 = std::env::var("STIPPLE_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let (mut killed, mut records, mut doubts, mut strikes, mut seed) = (0, 0u32, 0, 0, 0);
    let mut hits = BTreeMap::from(Step::ALL.map(|step| (step, [0; 2])));
    while killed < kills {
        records += 1;
        let folder = root.path().join(records.to_string());
        fs::create_dir(&folder).unwrap();
        let path = folder.join("record.sqlite");
        let mut in_doubt = 0;
        while !folder.join("finished").exists() {
            seed += 1;
            let status = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "killed_thousands_of_times_no_dot_is_struck_twice_and_none_is_lost",
                ])
                .env(CHILD, format!("{seed} {}", folder.display()))
                .stdout(std::process::Stdio::null())
                .status()
                .unwrap();
            use std::os::unix::process::ExitStatusExt as _;
            assert!(
                status.signal() == Some(9) || status.code() == Some(0),
                "child {seed}: {status}"
            );
            if status.signal() == Some(9) {
                killed += 1;
                let sure = usize::from(durability(seed) == Durability::PowerCut);
                hits.entry(Step::last(&folder)).or_default()[sure] += 1;
            }
            let verified = match verify(&path, None) {
                Ok(verified) => {
                    verified.unwrap_or_else(|broken| panic!("kill {killed}, seed {seed}: {broken}"))
                }
                // Killed before the first row was there: no strike can have been made.
                Err(error) => {
                    assert!(
                        struck_in(&folder).is_empty(),
                        "kill {killed}, seed {seed}: {error}"
                    );
                    continue;
                }
            };
            let [placed, _, doubt, intent] = verified.dots;
            assert!(
                doubt + intent <= in_doubt + 1,
                "kill {killed}, seed {seed}: more than one dot in doubt"
            );
            in_doubt = doubt + intent;
            let struck = struck_in(&folder);
            let unique: BTreeSet<u32> = struck.iter().copied().collect();
            assert_eq!(
                unique.len(),
                struck.len(),
                "kill {killed}, seed {seed}: a dot struck twice"
            );
            let dots = dots_in(&path);
            for dot in &unique {
                let state = dots.get(dot).map(String::as_str);
                assert!(
                    matches!(state, Some("placed" | "in_doubt" | "intent")),
                    "kill {killed}, seed {seed}: dot {dot} was struck, the record says {state:?}"
                );
            }
            let placed_dots = dots.iter().filter(|(_, state)| *state == "placed");
            assert!(
                placed_dots.clone().all(|(dot, _)| unique.contains(dot)),
                "placed without a strike"
            );
            assert_eq!(placed_dots.count(), placed as usize);
        }
        let dots = dots_in(&path);
        assert_eq!(
            dots.len(),
            DOTS as usize,
            "every dot has an outcome in the end"
        );
        doubts += in_doubt;
        strikes += struck_in(&folder).len();
    }
    assert!(
        doubts > 0,
        "no kill came between intent and outcome: the test shows nothing"
    );
    eprintln!("{killed} kills, {records} records, {strikes} strikes, {doubts} dots in doubt");
    let mut with_full_sync = 0;
    for (step, [plain, sure]) in hits {
        eprintln!("{step:?}: {plain} kills, {sure} with full sync");
        with_full_sync += sure;
        assert!(
            plain + sure >= kills / 100,
            "{step:?} was hit by too few kills: {plain}, {sure} with full sync"
        );
    }
    assert!(with_full_sync >= kills / 10, "{with_full_sync}");
}

/// All files of a record at a moment.
#[derive(Clone)]
struct Snapshot {
    main: Vec<u8>,
    wal: Vec<u8>,
    head: Vec<u8>,
    dots: BTreeMap<DotId, DotState>,
}

const NAME: &str = "record.sqlite";

impl Snapshot {
    fn of(folder: &Path, record: &Record) -> Self {
        let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
        let mut dots = record.dots().unwrap();
        // What stands at intent is in doubt for whoever opens it.
        for state in dots.values_mut().filter(|s| **s == DotState::Intent) {
            *state = DotState::InDoubt;
        }
        Self {
            main: read(NAME),
            wal: read("record.sqlite-wal"),
            head: read("record.sqlite.head"),
            dots,
        }
    }

    fn put(&self, folder: &Path) -> PathBuf {
        for file in [
            NAME,
            "record.sqlite-wal",
            "record.sqlite-shm",
            "record.sqlite.head",
        ] {
            let _ = fs::remove_file(folder.join(file));
        }
        fs::write(folder.join(NAME), &self.main).unwrap();
        fs::write(folder.join("record.sqlite-wal"), &self.wal).unwrap();
        if !self.head.is_empty() {
            fs::write(folder.join("record.sqlite.head"), &self.head).unwrap();
        }
        folder.join(NAME)
    }
}

/// A record's files after every row.
fn history(rows: u32) -> Vec<Snapshot> {
    let folder = tempfile::tempdir().unwrap();
    let mut record = open(&folder.path().join(NAME));
    let mut all = vec![Snapshot::of(folder.path(), &record)];
    for dot in 0..rows / 2 {
        record.intent(DotId(dot), 1, 1).unwrap();
        all.push(Snapshot::of(folder.path(), &record));
        record.outcome(DotId(dot), 1, &PLACED, 1).unwrap();
        all.push(Snapshot::of(folder.path(), &record));
    }
    all
}

/// Where two files differ, sector by sector.
fn sectors(old: &[u8], new: &[u8]) -> Vec<std::ops::Range<usize>> {
    (0..new.len().div_ceil(512))
        .map(|i| i * 512..((i + 1) * 512).min(new.len()))
        .filter(|r| old.get(r.clone()) != new.get(r.clone()))
        .collect()
}

/// The old file with some ranges of the new one.
fn mixed<'a>(
    old: &[u8],
    new: &[u8],
    taken: impl Iterator<Item = &'a std::ops::Range<usize>>,
) -> Vec<u8> {
    let mut bytes = old.to_vec();
    for range in taken {
        if bytes.len() < range.end {
            bytes.resize(range.end, 0);
        }
        bytes[range.clone()].copy_from_slice(&new[range.clone()]);
    }
    bytes
}

/// H11.
#[test]
fn a_write_that_was_torn_is_as_if_it_had_not_been() {
    let history = history(60);
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(7);
    let mut torn = 0;
    for (old, new) in history.iter().zip(&history[1..]) {
        let changed = sectors(&old.wal, &new.wal);
        assert!(!changed.is_empty() && old.main == new.main);
        let first = changed[0].start;
        let last = changed[changed.len() - 1].end;
        for attempt in 0..12 {
            let mut state = old.clone();
            state.wal = if attempt % 2 == 0 {
                // Cut off at a byte.
                let cut = first + chance.below((last - first) as u64) as usize;
                mixed(&old.wal, &new.wal, std::iter::once(&(first..cut)))
            } else {
                // Sectors in any order.
                mixed(
                    &old.wal,
                    &new.wal,
                    changed
                        .iter()
                        .filter(|_| chance.below(3) > 0)
                        .collect::<Vec<_>>()
                        .into_iter(),
                )
            };
            let record = open(&state.put(folder.path()));
            let dots = record.dots().unwrap();
            assert!(
                dots == old.dots || dots == new.dots,
                "{dots:?} is neither {:?} nor {:?}",
                old.dots,
                new.dots
            );
            torn += u32::from(state.wal != old.wal && state.wal != new.wal);
            drop(record);
            assert!(verify(&folder.path().join(NAME), None).unwrap().is_ok());
        }
        // Whole, but the note beside it not yet written.
        let whole = Snapshot {
            head: old.head.clone(),
            ..new.clone()
        };
        assert_eq!(open(&whole.put(folder.path())).dots().unwrap(), new.dots);
    }
    assert!(torn > 300, "{torn} torn writes only");
}

/// H11.
#[test]
fn a_checkpoint_that_was_torn_loses_nothing() {
    // Enough rows for the log to be copied into the file a few times.
    let history = history(1_400);
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(9);
    let mut checkpoints = 0;
    for (old, new) in history
        .iter()
        .zip(&history[1..])
        .filter(|(old, new)| old.main != new.main)
    {
        checkpoints += 1;
        let changed = sectors(&old.main, &new.main);
        for _ in 0..40 {
            let main = mixed(
                &old.main,
                &new.main,
                changed
                    .iter()
                    .filter(|_| chance.below(2) > 0)
                    .collect::<Vec<_>>()
                    .into_iter(),
            );
            let state = Snapshot {
                main,
                ..new.clone()
            };
            assert_eq!(open(&state.put(folder.path())).dots().unwrap(), new.dots);
        }
    }
    assert!(checkpoints >= 2, "{checkpoints} checkpoints only");
}

#[test]
fn rows_that_the_disk_has_lost_are_missed() {
    let history = history(40);
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(11);
    let last = &history[history.len() - 1];
    let (mut lost, mut held) = (0, 0);
    for _ in 0..400 {
        let mut state = last.clone();
        let at = chance.below(state.wal.len() as u64) as usize;
        state.wal[at] ^= 1 << chance.below(8);
        let path = state.put(folder.path());
        match Record::open(&path, binding(), Durability::ProcessCrash, 1) {
            Ok(record) => {
                // Only what an earlier round of the log has left behind may change without a word.
                assert_eq!(record.dots().unwrap(), last.dots);
                held += 1;
            }
            Err(RecordError::RowsLost { noted, found, .. }) => {
                assert!(found < noted);
                lost += 1;
            }
            Err(error) => panic!("{error}"),
        }
        // Without the note beside it: a state that there was.
        state.head.clear();
        if let Ok(record) = Record::open(
            &state.put(folder.path()),
            binding(),
            Durability::ProcessCrash,
            1,
        ) {
            let dots = record.dots().unwrap();
            assert!(history.iter().any(|s| s.dots == dots));
        }
    }
    assert!(lost > 300, "{lost} found out, {held} without effect");
}

#[test]
fn without_its_log_a_record_is_not_gone_on_with() {
    let history = history(20);
    let folder = tempfile::tempdir().unwrap();
    let last = &history[history.len() - 1];
    let alone = Snapshot {
        wal: Vec::new(),
        ..last.clone()
    };
    assert!(matches!(
        Record::open(
            &alone.put(folder.path()),
            binding(),
            Durability::PowerCut,
            1
        ),
        Err(RecordError::RowsLost { .. })
    ));
    let all_alone = Snapshot {
        head: Vec::new(),
        ..alone
    };
    let path = all_alone.put(folder.path());
    let wal = folder.path().join("record.sqlite-wal");
    // A file of a log's name is no log.
    for junk in [&b""[..], b"x", &[7; 5000]] {
        fs::write(&wal, junk).unwrap();
        assert!(matches!(
            Record::open(&path, binding(), Durability::PowerCut, 1),
            Err(RecordError::EndUnknown { .. })
        ));
    }
    let _ = fs::remove_file(&wal);
    assert_eq!(verify(&path, None).unwrap().unwrap().end, End::Open);
    let head = fs::read(folder.path().join("record.sqlite.head")).unwrap();
    assert!(head.is_empty(), "a refused record has a note");
    let order = Order {
        by: "A. Operator".into(),
        why: "the skin was looked at".into(),
    };
    let open = |order: &Order| {
        Record::open_accepting(&path, binding(), Durability::PowerCut, 1, Some(order))
    };
    let silent = Order {
        why: " ".into(),
        ..order.clone()
    };
    assert!(matches!(open(&silent), Err(RecordError::EndUnknown { .. })));
    assert!(open(&order).unwrap().dots().unwrap().is_empty());
    let empty = Snapshot {
        main: Vec::new(),
        ..last.clone()
    };
    assert!(matches!(
        Record::open(
            &empty.put(folder.path()),
            binding(),
            Durability::PowerCut,
            1
        ),
        Err(RecordError::Broken { .. })
    ));
}

/// Who only looks leaves the log of a record whose main file is empty where it is: the strikes stand in it.
#[test]
fn whoever_reads_a_record_leaves_its_log() {
    let history = history(20);
    let folder = tempfile::tempdir().unwrap();
    let last = &history[history.len() - 1];
    let path = last.put(folder.path());
    fs::write(&path, b"").unwrap();
    assert!(!last.wal.is_empty());
    assert!(verify(&path, None).unwrap().is_err());
    let wal = fs::read(folder.path().join("record.sqlite-wal")).unwrap();
    assert_eq!(wal, last.wal);
}
