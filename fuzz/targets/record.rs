//! A session's record with bytes changed, or any bytes in its place: it is refused, or what is read of it is what was written.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stipple_controller::record::{Binding, DotOutcome, Durability, Record, Verified, verify};
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder for records"));

/// A closed record's bytes, and what is read of it.
static WHOLE: LazyLock<(Vec<u8>, Verified)> = LazyLock::new(|| {
    let path = fresh("whole");
    let binding = Binding {
        plan: Digest::of(b"plan"),
        scan: Digest::of(b"scan"),
    };
    let mut record = Record::open(&path, binding, Durability::ProcessCrash, 1).expect("made");
    for dot in (0..40).map(DotId) {
        record.intent(dot, 1, 10).expect("an intent");
        let outcome = if dot.0 % 7 == 3 {
            DotOutcome::InDoubt {
                reason: "needle_slow",
            }
        } else {
            DotOutcome::Placed {
                lateral_error_m: 0.1e-3,
                depth_m: 0.5e-3,
            }
        };
        record.outcome(dot, 1, &outcome, 20).expect("an outcome");
    }
    record.event("pause", "a break", 30).expect("an event");
    drop(record);
    let known = verify(&path, None).expect("a record").expect("intact");
    (fs::read(&path).expect("its bytes"), known)
});

fn fresh(name: &str) -> PathBuf {
    let path = FOLDER.path().join(name);
    for entry in fs::read_dir(FOLDER.path()).into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
    path
}

/// The record at a path, read and taken up again.
fn look(path: &Path, whole: Option<&Verified>) {
    match verify(path, None) {
        Ok(Ok(found)) => {
            if let Some(whole) = whole {
                assert_eq!((found.rows, found.head), (whole.rows, whole.head));
                assert_eq!(found.dots, whole.dots);
            }
        }
        Ok(Err(broken)) => assert!(!broken.to_string().is_empty()),
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
    if let Ok(record) = Record::open_there(path, Durability::ProcessCrash, 40) {
        // What can be taken up is what it was: nothing struck is forgotten.
        if let Some(whole) = whole {
            let dots = record.dots().expect("its dots");
            assert_eq!(dots.len() as u32, whole.dots.iter().sum::<u32>());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let path = fresh("record");
    // A first byte that is odd: any bytes; else three bytes each are a place in the record and what is put there.
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    if kind % 2 == 1 {
        fs::write(&path, rest).expect("written");
        return look(&path, None);
    }
    let (mut changed, known) = (WHOLE.0.clone(), &WHOLE.1);
    for change in rest.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
        let place = place % changed.len();
        changed[place] = change[2];
    }
    fs::write(&path, changed).expect("written");
    look(&path, Some(known));
});
