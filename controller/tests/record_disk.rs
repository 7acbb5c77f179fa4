//! A full disk and a failing fsync in the middle of a session: system calls of the session's thread fail from a moment on.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod bench;
mod plant;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bench::Bench;
use plant::bed;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use stipple_controller::record::*;
use stipple_controller::session::SessionView;
use stipple_core::{Fault, State};
use stipple_model::plan::DotId;

/// What fails.
#[derive(Debug, Clone, Copy)]
enum Failing {
    /// Every write to a file: no space is left.
    Full,
    /// Every order to bring data to the disk.
    Sync,
}

/// From here on these calls fail on this thread, for good.
fn fail(failing: Failing) {
    let (calls, errno): (&[i64], u32) = match failing {
        Failing::Full => (
            &[
                libc::SYS_write,
                libc::SYS_pwrite64,
                libc::SYS_writev,
                libc::SYS_pwritev,
                libc::SYS_ftruncate,
                libc::SYS_fallocate,
            ],
            libc::ENOSPC as u32,
        ),
        Failing::Sync => (&[libc::SYS_fsync, libc::SYS_fdatasync], libc::EIO as u32),
    };
    // Not the test's own output.
    let a_file = || SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Gt, 2).unwrap();
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls
        .iter()
        .map(|call| (*call, vec![SeccompRule::new(vec![a_file()]).unwrap()]))
        .collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        arch,
    )
    .unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// Runs on a thread of its own, whose calls may be made to fail.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// When it begins to fail.
type Moment = fn(&SessionView) -> bool;

/// What a session did on a disk that failed.
struct Seen {
    before: Vec<u32>,
    after: Vec<u32>,
    /// The dot whose intent was on the disk when it failed.
    intended: Option<DotId>,
}

fn session_on(bed: &plant::Bed, path: &Path, failing: Failing, moment: Moment) -> Seen {
    let record = Record::open(path, bed.binding, Durability::PowerCut, 1).unwrap();
    let mut bench = Bench::new(bed, record, 0, 1);
    bench.start();
    bench.until(30.0, |v| v.progress.placed >= 3 && moment(v));
    let before = bench.struck();
    let dots = bench.services.record().dots().unwrap();
    let intended = dots.iter().find(|(_, state)| **state == DotState::Intent);
    let intended = intended.map(|(dot, _)| *dot);
    fail(failing);
    let mut view = bench.tick();
    for _ in 0..5_000 {
        if view.state == State::Faulted {
            break;
        }
        view = bench.tick();
    }
    assert_eq!(
        view.fault,
        Some(Fault::RecordFailed),
        "{failing:?}: {view:?}"
    );
    assert!(bench.session.record_failure().is_some());
    let at_fault = bench.plant.strikes.len();
    for _ in 0..1_000 {
        bench.tick();
        assert!(
            bench.plant.needle.dot().is_none(),
            "an extension is commanded after the fault"
        );
    }
    assert_eq!(bench.plant.strikes.len(), at_fault);
    assert!(bench.plant.needle.extension < 1e-6, "the needle is out");
    // Neither a clear nor a start helps: the record must be opened anew.
    bench.session.command(stipple_core::Command::ClearFault);
    assert_eq!(bench.tick().reply, Some(Err(stipple_core::Denied::Reload)));
    Seen {
        after: bench.struck(),
        before,
        intended,
    }
}

/// H11.
#[test]
fn no_strike_follows_a_write_that_failed_and_every_strike_is_in_the_record() {
    let bed = bed(20);
    let moments: [(&str, Moment); 5] = [
        ("approaching", |v| v.state == State::Approaching),
        ("hovering", |v| v.state == State::Hovering),
        ("extending", |v| v.state == State::Extending),
        ("dwelling", |v| v.state == State::Dwelling),
        ("retracting", |v| v.state == State::Retracting),
    ];
    let mut last_strikes = 0;
    for failing in [Failing::Full, Failing::Sync] {
        for (name, moment) in moments {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("record.sqlite");
            let seen = aside(|| session_on(&bed, &path, failing, moment));
            let new: Vec<u32> = seen.after[seen.before.len()..].to_vec();
            // A strike whose intent was on the disk before may end; no other begins.
            assert!(
                new.iter().all(|dot| seen.intended == Some(DotId(*dot))),
                "{failing:?} while {name}: struck {new:?}, intended {:?}",
                seen.intended
            );
            last_strikes += new.len();
            let unique: BTreeSet<u32> = seen.after.iter().copied().collect();
            assert_eq!(unique.len(), seen.after.len());
            assert!(
                verify(&path, None).unwrap().is_ok(),
                "{failing:?} while {name}"
            );
            let record = Record::open(&path, bed.binding, Durability::PowerCut, 2).unwrap();
            let dots = record.dots().unwrap();
            for dot in &unique {
                let state = dots.get(&DotId(*dot));
                assert!(
                    matches!(state, Some(DotState::Placed | DotState::InDoubt)),
                    "{failing:?} while {name}: dot {dot} was struck, the record says {state:?}"
                );
            }
            assert!(record.counts().unwrap().in_doubt <= 1);
        }
    }
    assert!(
        last_strikes > 0,
        "no strike was under way when the disk failed: the test shows less than it could"
    );
}

#[test]
fn after_a_write_that_failed_nothing_is_written_until_the_record_is_opened_anew() {
    for failing in [Failing::Full, Failing::Sync] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.sqlite");
        let binding = bed(1).binding;
        aside(|| {
            let mut record = Record::open(&path, binding, Durability::PowerCut, 1).unwrap();
            record.intent(DotId(1), 1, 1).unwrap();
            fail(failing);
            let first = record.event("pause", "", 1).unwrap_err();
            assert!(matches!(first, RecordError::Sqlite { .. }), "{first}");
            for _ in 0..3 {
                assert!(matches!(
                    record.intent(DotId(2), 1, 1),
                    Err(RecordError::Failed)
                ));
                assert!(matches!(record.dots(), Err(RecordError::Failed)));
            }
            // Nor can one be begun.
            let other = folder.path().join("other.sqlite");
            assert!(Record::open(&other, binding, Durability::PowerCut, 1).is_err());
        });
        let record = Record::open(&path, binding, Durability::PowerCut, 2).unwrap();
        let dots: Vec<_> = record.dots().unwrap().into_iter().collect();
        assert_eq!(dots, [(DotId(1), DotState::InDoubt)]);
    }
}
