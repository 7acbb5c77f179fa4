//! Going on with a record: on another day, with the head elsewhere, another needle, or not at all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod bench;
mod plant;
#[path = "sitting/mod.rs"]
mod seated;

use std::collections::BTreeSet;
use std::path::Path;

use bench::Bench;
use plant::{Bed, bed};
use stipple_controller::record::*;
use stipple_core::State;
use stipple_model::digest::Digest;
use stipple_model::frames::Transform;
use stipple_model::plan::DotId;

/// 2026-03-01, 12:00 UTC.
const DAY_ONE: i64 = 1_772_366_400_000_000;
const DAY: i64 = 86_400_000_000;

fn sitting(cartridge: &str) -> Sitting {
    seated::sitting(cartridge, DAY_ONE, "2026-05-31".parse().unwrap())
}

fn open(bed: &Bed, path: &Path, now_us: i64) -> Result<Record, RecordError> {
    Record::open(path, bed.binding, Durability::ProcessCrash, now_us)
}

fn refused(result: Result<(), RecordError>) -> SittingError {
    match result {
        Err(RecordError::Unlawful(Unlawful::Sitting(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_goes_on_another_day_with_the_head_elsewhere_and_every_dot_is_struck_once() {
    let bed = bed(20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.sqlite");
    let registry = Registry::open(folder.path()).unwrap();
    let mut struck = Vec::new();
    for (day, shift) in [
        [0.0, 0.0, 0.0],
        [0.01, -0.008, 0.004],
        [-0.006, 0.012, -0.003],
    ]
    .into_iter()
    .enumerate()
    {
        let now_us = DAY_ONE + day as i64 * DAY;
        let mut record = open(&bed, &path, now_us).unwrap();
        let mut today = sitting(&format!("N-{day}"));
        today.registration.translation_m = shift;
        record.sit(&today, &registry, now_us).unwrap();
        assert_eq!(record.sitting(), Some(&today));
        let standing = remains(bed.admitted.plan(), &record.dots().unwrap())[0];
        assert_eq!(standing.left + standing.placed + standing.in_doubt, 20);
        let mut bench = Bench::new(&bed, record, day as u64 * 1_000_000, now_us);
        let frame = Transform::from_xyz_rpy(shift, [0.0; 3]);
        bench.plant.tracker.base_from_head = frame * bed.admitted.plan().cell.base_from_head;
        bench.start();
        let first = bench.until(30.0, |v| v.state == State::Verifying);
        assert_eq!(
            first.dot, standing.next,
            "it goes on with the first dot that is not done"
        );
        if day < 2 {
            // The program ends in the middle of a strike.
            bench.until(60.0, |v| {
                v.progress.placed == 6 && v.state == State::Dwelling
            });
        } else {
            bench.until(90.0, |v| v.finished);
        }
        struck.extend(bench.struck());
    }
    let unique: BTreeSet<u32> = struck.iter().copied().collect();
    assert_eq!((unique.len(), struck.len()), (20, 20));
    let record = open(&bed, &path, DAY_ONE + 3 * DAY).unwrap();
    let left = remains(bed.admitted.plan(), &record.dots().unwrap())[0];
    assert_eq!(
        (left.placed, left.in_doubt, left.left, left.next),
        (18, 2, 0, None)
    );
    let reasons: Vec<_> = record
        .in_doubt()
        .unwrap()
        .into_iter()
        .map(|d| d.reason)
        .collect();
    assert_eq!(reasons, ["crash", "crash"]);
    drop(record);
    assert!(verify(&path, None).unwrap().is_ok());
}

/// H7.
#[test]
fn each_refusal_has_its_own_reason_and_changes_nothing() {
    let bed = bed(4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.sqlite");
    let registry = Registry::open(folder.path()).unwrap();
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    let mut said = BTreeSet::new();
    let mut try_it = |record: &mut Record, change: &dyn Fn(&mut Sitting)| {
        let mut sitting = sitting("N-1");
        change(&mut sitting);
        let before = record.head();
        let error = refused(record.sit(&sitting, &registry, DAY_ONE));
        assert_eq!(record.head(), before);
        assert!(said.insert(error.to_string()), "{error} twice");
        error
    };
    try_it(&mut record, &|s| s.client = " ".into());
    try_it(&mut record, &|s| s.operator = "A\nB".into());
    try_it(&mut record, &|s| s.cartridge.id = "x".repeat(65));
    try_it(&mut record, &|s| s.cartridge.strike_cap = 0);
    try_it(&mut record, &|s| {
        s.cartridge.expires = "2026-02-28".parse().unwrap()
    });
    try_it(&mut record, &|s| {
        s.pigment_lots[0].expires = "2026-02-28".parse().unwrap()
    });
    try_it(&mut record, &|s| s.pigment_lots.clear());
    try_it(&mut record, &|s| s.registration.residual_mm = 1.01);
    try_it(&mut record, &|s| s.registration.quaternion_xyzw = [0.0; 4]);
    for bad in [f64::NAN, f64::INFINITY, -0.1] {
        let mut sitting = sitting("N-1");
        sitting.registration.residual_mm = bad;
        let error = refused(record.sit(&sitting, &registry, DAY_ONE));
        assert!(
            matches!(error, SittingError::Pose | SittingError::Residual { .. }),
            "{error}"
        );
    }
    // None of these has spent the cartridge; its last day counts.
    let mut last_day = sitting("N-1");
    last_day.cartridge.expires = "2026-03-01".parse().unwrap();
    record.sit(&last_day, &registry, DAY_ONE).unwrap();
    try_it(&mut record, &|_| {});
    try_it(&mut record, &|s| {
        s.client = "C-18".into();
        s.cartridge.id = "N-2".into();
    });
    drop(record);
    for (binding, wanted) in [
        (
            Binding {
                plan: Digest::of(b"other"),
                ..bed.binding
            },
            "plan",
        ),
        (
            Binding {
                scan: Digest::of(b"other"),
                ..bed.binding
            },
            "scan",
        ),
    ] {
        let error = Record::open(&path, binding, Durability::ProcessCrash, DAY_ONE).unwrap_err();
        assert!(
            error.to_string().contains(&format!("belongs to {wanted}")),
            "{error}"
        );
    }
    // The refused client's cartridge is still good.
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    record.sit(&sitting("N-2"), &registry, DAY_ONE).unwrap();
}

/// H8.
#[test]
fn a_cartridge_is_for_one_sitting_in_one_record() {
    let bed = bed(8);
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let path = folder.path().join("a.sqlite");
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    assert_eq!(record.strikes_left(DAY_ONE), Ok(None));
    let mut worn = sitting("N-1");
    worn.cartridge.strike_cap = 2;
    record.sit(&worn, &registry, DAY_ONE).unwrap();
    let placed = DotOutcome::Placed {
        lateral_error_m: 0.0,
        depth_m: 6e-4,
    };
    for dot in [DotId(0), DotId(1)] {
        assert_eq!(record.strikes_left(DAY_ONE), Ok(Some(2 - dot.0)));
        record.intent(dot, 1, DAY_ONE).unwrap();
        // What was never struck wears nothing.
        record.withdraw(dot).unwrap();
        record.intent(dot, 1, DAY_ONE).unwrap();
        record.outcome(dot, 1, &placed, DAY_ONE).unwrap();
    }
    let error = refused(record.intent(DotId(2), 1, DAY_ONE));
    assert!(
        matches!(error, SittingError::Worn { strike_cap: 2, .. }),
        "{error}"
    );
    // A strike on the day after the last.
    record.sit(&sitting("N-2"), &registry, DAY_ONE).unwrap();
    let error = refused(record.intent(DotId(2), 1, DAY_ONE + 92 * DAY));
    assert!(
        matches!(
            error,
            SittingError::Expired {
                what: "cartridge",
                ..
            }
        ),
        "{error}"
    );
    record.intent(DotId(2), 1, DAY_ONE).unwrap();
    drop(record);
    // A program that struck has ended; the needle in the holder is a used one.
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    assert_eq!(record.strikes_left(DAY_ONE), Err(SittingError::Over));
    assert_eq!(
        refused(record.intent(DotId(3), 1, DAY_ONE)),
        SittingError::Over
    );
    let again = refused(record.sit(&sitting("N-2"), &registry, DAY_ONE));
    assert!(matches!(again, SittingError::Used { .. }), "{again}");
    // Typed otherwise it is the same cartridge.
    let typed = refused(record.sit(&sitting("n-1"), &registry, DAY_ONE));
    assert!(matches!(typed, SittingError::Used { .. }), "{typed}");
    // Begun by one program, worked off by the next.
    record.sit(&sitting("N-3"), &registry, DAY_ONE).unwrap();
    drop(record);
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    record.intent(DotId(3), 1, DAY_ONE).unwrap();
    // Another record of the same folder, and the list opened anew.
    let mut other = open(&bed, &folder.path().join("b.sqlite"), DAY_ONE).unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let used = refused(other.sit(&sitting("N-1"), &registry, DAY_ONE));
    assert!(
        matches!(&used, SittingError::Used { session, .. } if session == record.session_id()),
        "{used}"
    );
    // Strikes without a client stay without one.
    other.intent(DotId(0), 1, DAY_ONE).unwrap();
    assert_eq!(
        refused(other.sit(&sitting("N-4"), &registry, DAY_ONE)),
        SittingError::NoClient
    );
}

/// H8.
#[test]
fn a_registry_that_is_lost_is_made_anew_from_the_records_or_not_at_all() {
    let bed = bed(4);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let begin = |name: &str, cartridge: &str, later: i64| {
        let registry = Registry::open(at).unwrap();
        // Sessions begun in one microsecond would be of one name.
        let mut record = open(&bed, &at.join(name), DAY_ONE + later).unwrap();
        let sat = record.sit(&sitting(cartridge), &registry, DAY_ONE + later);
        sat.map(|()| record.session_id().to_owned())
    };
    let first = begin("a.sqlite", "N-1", 0).unwrap();
    begin("b.sqlite", "N-2", 1_000).unwrap();
    let client = sitting("N-1").client;
    let visits = |registry: &Registry| registry.visits(&client, None).unwrap();
    let known = Registry::open(at).unwrap();
    assert_eq!(known.restored(), 0);
    let known = visits(&known);
    assert_eq!(known.len(), 2);
    std::fs::remove_file(at.join("cartridges.sqlite")).unwrap();
    let anew = Registry::open(at).unwrap();
    assert_eq!((anew.restored(), visits(&anew)), (2, known));
    assert_eq!(anew.used("N-1").unwrap(), Some(first));
    drop(anew);
    let used = refused(begin("c.sqlite", "N-2", 2_000).map(|_| ()));
    assert!(matches!(used, SittingError::Used { .. }), "{used}");
    // Elsewhere, from the same records.
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = Registry::open_beside(elsewhere.path(), at).unwrap();
    assert_eq!(moved.restored(), 2);
    // What a broken record used nobody knows: as long as it is there, so is no registry.
    std::fs::remove_file(at.join("cartridges.sqlite")).unwrap();
    let whole = std::fs::read(at.join("b.sqlite")).unwrap();
    let _ = std::fs::remove_file(at.join("b.sqlite-wal"));
    let mut broken = whole.clone();
    broken[100..].fill(0x5a);
    std::fs::write(at.join("b.sqlite"), &broken).unwrap();
    for _ in 0..2 {
        let error = Registry::open(at).unwrap_err().to_string();
        assert!(
            error.contains("b.sqlite: ") && error.contains("from a backup"),
            "{error}"
        );
    }
    std::fs::write(at.join("b.sqlite"), &whole).unwrap();
    assert_eq!(Registry::open(at).unwrap().restored(), 2);
}

/// H8.
#[test]
fn a_session_strikes_no_more_than_its_cartridge_may() {
    let bed = bed(8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.sqlite");
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    let mut short = sitting("N-1");
    short.cartridge.strike_cap = 3;
    let registry = Registry::open(folder.path()).unwrap();
    record.sit(&short, &registry, DAY_ONE).unwrap();
    let mut bench = Bench::new(&bed, record, 0, DAY_ONE);
    bench.start();
    let view = bench.until(60.0, |v| v.state == State::Faulted);
    assert_eq!(view.fault, Some(stipple_core::Fault::RecordFailed));
    let why = bench.session.record_failure().unwrap();
    assert!(why.contains("\"N-1\" has made the 3 strikes"), "{why}");
    let told = view.text();
    assert!(
        told.contains("the cartridge has made the strikes"),
        "{told}"
    );
    for _ in 0..500 {
        bench.tick();
    }
    assert_eq!(bench.struck().len(), 3);
    assert!(bench.plant.needle.extension < 1e-6);
    drop(bench);
    // The rest with a new one.
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    assert!(record.check_sitting(DAY_ONE).is_err());
    record.sit(&sitting("N-2"), &registry, DAY_ONE).unwrap();
    record.check_sitting(DAY_ONE).unwrap();
    let mut bench = Bench::new(&bed, record, 1_000, DAY_ONE);
    bench.start();
    bench.until(60.0, |v| v.finished);
    assert_eq!(bench.struck().len(), 5);
}

#[test]
fn only_an_order_with_a_name_and_a_reason_repeats_a_dot_in_doubt() {
    let bed = bed(4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.sqlite");
    let mut record = open(&bed, &path, DAY_ONE).unwrap();
    record.intent(DotId(1), 1, DAY_ONE).unwrap();
    drop(record);
    let mut record = Record::open_there(&path, Durability::ProcessCrash, DAY_ONE).unwrap();
    assert_eq!(record.binding(), &bed.binding);
    assert!(matches!(
        record.intent(DotId(1), 1, DAY_ONE),
        Err(RecordError::Unlawful(_))
    ));
    let order = |by: &str, why: &str| Order {
        by: by.into(),
        why: why.into(),
    };
    for silent in [order("", "why"), order("A", " ")] {
        assert!(matches!(
            record.order_repeat(DotId(1), &silent, DAY_ONE),
            Err(RecordError::Order)
        ));
    }
    let order = order("A. Operator", "no mark under the loupe");
    for dot in [DotId(0), DotId(2)] {
        let error = record.order_repeat(dot, &order, DAY_ONE).unwrap_err();
        assert!(
            matches!(error, RecordError::Unlawful(Unlawful::NotInDoubt { .. })),
            "{error}"
        );
    }
    record.order_repeat(DotId(1), &order, DAY_ONE).unwrap();
    assert!(record.dots().unwrap().is_empty());
    record.intent(DotId(1), 1, DAY_ONE).unwrap();
    let placed = DotOutcome::Placed {
        lateral_error_m: -0.0,
        depth_m: 6e-4,
    };
    record.outcome(DotId(1), 1, &placed, DAY_ONE).unwrap();
    assert!(
        record.order_repeat(DotId(1), &order, DAY_ONE).is_err(),
        "a placed dot is not repeated"
    );
    drop(record);
    assert_eq!(verify(&path, None).unwrap().unwrap().dots, [1, 0, 0, 0]);
    let db = rusqlite::Connection::open(&path).unwrap();
    let kept: String = db
        .query_row(
            "SELECT detail FROM journal WHERE kind = 'repeat'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(
        kept,
        r#"{"by":"A. Operator","why":"no mark under the loupe"}"#
    );
}
