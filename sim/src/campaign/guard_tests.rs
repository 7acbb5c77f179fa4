//! Each guard of the core is taken out, and the campaign's checks see it.

use std::collections::BTreeSet;

use super::tests::plans;
use super::*;
use crate::fault::{
    ArmFault, Astray, Distortion, Fault, HeadFault, Kind, MotionFault, NeedleFault, ProcessFault,
    RecordFault, Signal,
};
use stipple_controller::ports::Micros;

/// Guards that are opened, what befalls the session meanwhile, and what is seen.
struct Case {
    /// One alone, or those of which each hides what the others let pass.
    open: &'static str,
    /// Faults by hand, so long each, ms; by chance when `None`.
    by: Option<(Kind, u64)>,
    /// The first session that is looked at.
    from: u64,
    seen: Invariant,
    says: &'static str,
}

const fn case(
    open: &'static str,
    kind: Kind,
    length_ms: u64,
    seen: Invariant,
    says: &'static str,
) -> Case {
    Case {
        open,
        by: Some((kind, length_ms)),
        from: 0,
        seen,
        says,
    }
}

const fn by_chance(open: &'static str, from: u64, seen: Invariant, says: &'static str) -> Case {
    Case {
        open,
        by: None,
        from,
        seen,
        says,
    }
}

const OFF: Distortion = Distortion::Off;
const JERK: Kind = Kind::Head(HeadFault::Jerk(3e-3));
const DIVERTED: Kind = Kind::Arm(ArmFault::Diverted);

const fn astray(how: Astray) -> Kind {
    Kind::Motions(MotionFault::Astray(how))
}

/// Guards whose opening alone is caught.
const ALONE: &[Case] = &[
    case(
        "tick-gap",
        Kind::Process(ProcessFault::Stalled),
        1_000,
        Invariant::I5,
        "after it stood still",
    ),
    case(
        "joints-age",
        Kind::Signal(Signal::Joints, OFF),
        1_000,
        Invariant::Reaction,
        "joints.off",
    ),
    case(
        "head-age-strike",
        Kind::Signal(Signal::HeadPose, Distortion::Slow(4)),
        1_000,
        Invariant::I2,
        "a head pose",
    ),
    case(
        "head-age",
        Kind::Signal(Signal::HeadPose, OFF),
        1_000,
        Invariant::Reaction,
        "head_pose.off",
    ),
    case(
        "needle-age",
        Kind::Signal(Signal::NeedleState, OFF),
        1_000,
        Invariant::Reaction,
        "needle_state.off",
    ),
    case(
        "lease-age",
        Kind::Lease(crate::fault::LeaseFault::Off),
        1_000,
        Invariant::Reaction,
        "lease.off",
    ),
    case("head-speed", JERK, 1_000, Invariant::I2, "that has moved"),
    case("head-calm", JERK, 1_000, Invariant::I2, "that has moved"),
    case(
        "axial-force",
        Kind::Signal(Signal::Force, Distortion::Wrong(20.0)),
        1_000,
        Invariant::I2,
        "told to go out at",
    ),
    case(
        "contact-force",
        Kind::Swollen(0.9e-3),
        3_000,
        Invariant::I2,
        "deeper than planned",
    ),
    case(
        "needle-over",
        Kind::Needle(NeedleFault::TooFar(1e-3)),
        1_000,
        Invariant::Reaction,
        "needle.too_far",
    ),
    by_chance("tip-lowest", 28, Invariant::I1, "too low on its way"),
    case(
        "retract-timeout",
        Kind::Needle(NeedleFault::StuckOut),
        2_000,
        Invariant::I5,
        "retracting for too long",
    ),
    case(
        "extend-timeout",
        Kind::Needle(NeedleFault::Slow(0.01)),
        1_000,
        Invariant::I5,
        "extending for too long",
    ),
    case(
        "verify-timeout",
        Kind::Record(RecordFault::Slow(Micros::from_ms(20_000))),
        1_000,
        Invariant::I5,
        "verifying for too long",
    ),
    case(
        "tip-hover",
        DIVERTED,
        1_000,
        Invariant::I4,
        "faster than hovering",
    ),
    case(
        "angle",
        astray(Astray::Tilted(0.35)),
        1_000,
        Invariant::I2,
        "was struck",
    ),
    case(
        "over-patch",
        astray(Astray::Beside(40e-3)),
        1_000,
        Invariant::I1,
        "low beside the patch",
    ),
    Case {
        from: 4,
        ..case(
            "keep-out",
            astray(Astray::Over(0.8)),
            1_000,
            Invariant::I1,
            "too near a keep-out",
        )
    },
    case(
        "hop-timeout",
        Kind::Motions(MotionFault::Lost),
        1_000,
        Invariant::I7,
        "not finished",
    ),
    by_chance("stop-timeout", 36, Invariant::I5, "a stop takes too long"),
];

/// Guards that stand behind each other: none of them alone is missed, all of them are.
const TOGETHER: &[Case] = &[
    case(
        "path-deviation+acceleration-share",
        DIVERTED,
        1_000,
        Invariant::I4,
        "led off its path",
    ),
    case(
        "path-deviation+tip-free",
        DIVERTED,
        1_000,
        Invariant::I4,
        "faster than anywhere",
    ),
    case(
        "goal-deviation+lateral-verify",
        Kind::Signal(Signal::Joints, Distortion::Stuck),
        1_000,
        Invariant::I2,
        "a strike begins",
    ),
    case(
        "lateral-verify+lateral-stroke",
        astray(Astray::Beside(1.5e-3)),
        1_000,
        Invariant::I2,
        "mm beside it",
    ),
    case(
        "rest-speed+settle",
        Kind::Arm(ArmFault::MovesOn),
        1_000,
        Invariant::I2,
        "MovedNeedleOut",
    ),
    case(
        "standing-timeout+motion-timeout+approach-displacement",
        Kind::Arm(ArmFault::Silent),
        1_000,
        Invariant::I7,
        "not finished",
    ),
];

/// Guards that the campaign does not show to be needed, alone or with others: what they are there for, none of its faults does, or something
/// that is no guard of the core stands before them (the arm's own controller, the plan's admission, the device's own state).
const NOT_SHOWN: [&str; 18] = [
    "contact-early",
    "speed-share",
    "untold",
    "joint-outside",
    "head-displacement",
    "moving-speed",
    "braking-share",
    "tip-near",
    "depth",
    "gap-min",
    "gap-max",
    "stroke",
    "needle-in",
    "needle-echo",
    "far-displacement",
    "accept-timeout",
    "pause-timeout",
    "cancel-again",
];

/// So many sessions are looked at until one is caught.
const SESSIONS: u64 = 8;

/// Every 2.37 s one of the faults: at no fixed place of a dot's work.
fn by_hand((kind, length_ms): (Kind, u64)) -> Vec<Fault> {
    let fault = |k: u64| Fault {
        kind,
        start: Micros::from_ms(3_000 + 2_370 * k),
        length: Micros::from_ms(length_ms),
    };
    (0..12).map(fault).collect()
}

fn session_of(case: &Case, open: &str, number: u64) -> Ended {
    let (seed, sabotage) = (session_seed(3, number), Sabotage::named(open));
    assert!(sabotage.is_some(), "{open}");
    let ended = match case.by {
        Some(by) => session::run_with(
            plans(),
            seed,
            (crate::plant::TrackerConfig::default(), by_hand(by)),
            sabotage,
            None,
        ),
        None => run_session(plans(), seed, sabotage, None),
    };
    ended.unwrap()
}

/// The sessions in which that is seen.
fn caught_in(case: &Case) -> impl Iterator<Item = u64> + '_ {
    let is_it = |f: &Failure| f.invariant == case.seen && f.what.contains(case.says);
    let seen = move |number: &u64| {
        session_of(case, case.open, *number)
            .failures
            .iter()
            .any(is_it)
    };
    (case.from..case.from + 4 * SESSIONS).filter(seen)
}

fn caught(case: &Case) {
    let found = caught_in(case).next();
    assert!(
        found.is_some(),
        "{} is not caught by {}",
        case.open,
        case.says
    );
}

#[test]
fn each_guard_that_is_taken_out_is_missed() {
    for case in ALONE {
        caught(case);
    }
}

#[test]
fn an_intent_that_is_not_awaited_is_found() {
    let slow = Kind::Record(RecordFault::Slow(Micros::from_ms(1_000)));
    let says = "its intent is not in the record";
    caught(&case(
        "intent-not-awaited",
        slow,
        1_000,
        Invariant::I3,
        says,
    ));
}

#[test]
fn guards_that_stand_behind_each_other_are_missed_together() {
    for case in TOGETHER {
        // Any one of them is enough.
        let hidden = |number: u64| {
            case.open.split('+').all(|kept| {
                let others: Vec<&str> = case.open.split('+').filter(|name| *name != kept).collect();
                let ended = session_of(case, &others.join("+"), number);
                !ended.failures.iter().any(|f| f.what.contains(case.says))
            })
        };
        let found = caught_in(case).find(|number| hidden(*number));
        assert!(found.is_some(), "{}: one of them is not needed", case.open);
    }
}

#[test]
fn every_guard_is_accounted_for() {
    let known: BTreeSet<&str> = Sabotage::names().collect();
    let cases = ALONE.iter().chain(TOGETHER);
    let told: BTreeSet<&str> = cases
        .flat_map(|case| case.open.split('+'))
        .chain(NOT_SHOWN)
        .collect();
    let others = [
        "limits-open",
        "permit-kept",
        "intent-not-awaited",
        "stamp-renewed",
        "dot-forgotten",
        "loss-forgotten",
    ];
    let guards: BTreeSet<&str> = known
        .into_iter()
        .filter(|name| !others.contains(name))
        .collect();
    assert_eq!(told, guards);
    for case in ALONE {
        assert!(!NOT_SHOWN.contains(&case.open));
    }
}
