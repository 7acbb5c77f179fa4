//! The record on the disk: what survives, what is refused.

use stipple_controller::record::*;
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

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

#[test]
fn an_open_intent_is_in_doubt_after_a_crash_and_the_session_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.sqlite");
    let mut record = Record::open(&path, binding(), Durability::PowerCut, 1).unwrap();
    let name = record.session_id().to_owned();
    for dot in 0..3 {
        record.intent(DotId(dot), 1, 10).unwrap();
    }
    record.outcome(DotId(0), 1, &PLACED, 11).unwrap();
    record
        .outcome(
            DotId(7),
            1,
            &DotOutcome::Skipped {
                reason: "collision_head",
            },
            12,
        )
        .unwrap();
    record.withdraw(DotId(2)).unwrap();
    record.event("pause", "paused by the operator", 13).unwrap();
    // A copy of the files as they are on the disk now is what a killed process leaves behind.
    for file in ["r.sqlite", "r.sqlite-wal"] {
        std::fs::copy(
            folder.path().join(file),
            folder.path().join(format!("crash-{file}")),
        )
        .unwrap();
    }
    let crashed = Record::open(
        &folder.path().join("crash-r.sqlite"),
        binding(),
        Durability::PowerCut,
        2,
    )
    .unwrap();
    assert_eq!(crashed.session_id(), name);
    let dots: Vec<_> = crashed.dots().unwrap().into_iter().collect();
    assert_eq!(
        dots,
        [
            (DotId(0), DotState::Placed),
            (DotId(1), DotState::InDoubt),
            (DotId(7), DotState::Skipped)
        ]
    );
    let counts = crashed.counts().unwrap();
    assert_eq!((counts.placed, counts.in_doubt, counts.intent), (1, 1, 0));
    assert_eq!(counts.skipped.get("collision_head"), Some(&1));
    assert_eq!(crashed.placed().unwrap()[0].depth_m, 6e-4);
}

#[test]
fn a_dot_is_done_once() {
    let mut record = Record::in_memory(binding(), 1).unwrap();
    record.intent(DotId(1), 1, 1).unwrap();
    record.intent(DotId(1), 1, 1).unwrap();
    record.outcome(DotId(1), 1, &PLACED, 2).unwrap();
    assert!(matches!(
        record.intent(DotId(1), 1, 3),
        Err(RecordError::Unlawful(Unlawful::AlreadyDone { dot: 1, .. }))
    ));
    assert!(matches!(
        record.outcome(DotId(1), 1, &PLACED, 3),
        Err(RecordError::Unlawful(Unlawful::AlreadyDone { .. }))
    ));
    assert!(matches!(
        record.outcome(DotId(2), 1, &PLACED, 3),
        Err(RecordError::Unlawful(Unlawful::NoIntent { dot: 2 }))
    ));
    record.withdraw(DotId(1)).unwrap();
    assert_eq!(
        record.counts().unwrap().placed,
        1,
        "a placed dot cannot be withdrawn"
    );
}

#[test]
fn another_plan_another_writer_and_no_record_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.sqlite");
    let record = Record::open(&path, binding(), Durability::PowerCut, 1).unwrap();
    assert!(matches!(
        Record::open(&path, binding(), Durability::PowerCut, 1),
        Err(RecordError::Locked { .. })
    ));
    drop(record);
    let other = Binding {
        plan: Digest::of(b"other"),
        ..binding()
    };
    assert!(matches!(
        Record::open(&path, other, Durability::PowerCut, 1),
        Err(RecordError::OtherPlan { .. })
    ));
    let text = folder.path().join("text");
    std::fs::write(
        &text,
        "this is not a database, but long enough to be looked at as one".repeat(20),
    )
    .unwrap();
    assert!(matches!(
        Record::open(&text, binding(), Durability::PowerCut, 1),
        Err(RecordError::NotARecord { .. })
    ));
    let foreign = folder.path().join("foreign.sqlite");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (a INTEGER)")
        .unwrap();
    assert!(matches!(
        Record::open(&foreign, binding(), Durability::PowerCut, 1),
        Err(RecordError::NotARecord { .. })
    ));
}

/// A record is of simulated dots or of real ones; which, it still knows when it is opened anew.
#[test]
fn simulated_and_real_dots_are_never_in_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let path = folder.path().join(name);
        Record::open(&path, binding(), Durability::PowerCut, 1).unwrap()
    };
    let mut simulated = open("simulated.sqlite");
    assert!(simulated.check_not_simulated().is_ok());
    simulated.mark_simulated("a trial", 2).unwrap();
    simulated.intent(DotId(0), 1, 3).unwrap();
    simulated.outcome(DotId(0), 1, &PLACED, 4).unwrap();
    drop(simulated);
    let mut simulated = open("simulated.sqlite");
    simulated.mark_simulated("once more", 5).unwrap();
    assert!(matches!(
        simulated.check_not_simulated(),
        Err(RecordError::Simulated)
    ));
    drop(simulated);
    let told = Chronicle::read(&folder.path().join("simulated.sqlite"));
    let told = told.unwrap().unwrap();
    let marks = told.events.iter().filter(|event| event.kind == SIMULATED);
    assert_eq!(marks.count(), 1);

    let mut real = open("real.sqlite");
    real.intent(DotId(0), 1, 3).unwrap();
    drop(real);
    let mut real = open("real.sqlite");
    assert!(matches!(
        real.mark_simulated("a trial", 5),
        Err(RecordError::NotSimulated)
    ));
    assert!(real.check_not_simulated().is_ok());
}
