use std::sync::atomic::AtomicBool;

use super::*;

/// Making a plan takes as long as dozens of sessions.
pub(super) fn plans() -> &'static Plans {
    static PLANS: OnceLock<Plans> = OnceLock::new();
    PLANS.get_or_init(|| Plans::of(&Campaign::default()).unwrap())
}

fn run(campaign: &Campaign) -> Sum {
    let sum = campaign.run(plans(), &AtomicBool::new(false), &|_| {});
    sum.unwrap()
}

fn campaign(sessions: usize, seed: u64) -> Campaign {
    Campaign {
        sessions,
        seed,
        ..Campaign::default()
    }
}

/// All of a result but the time it took.
fn lasting(sum: &Sum) -> serde_json::Value {
    let mut value = serde_json::to_value(sum).unwrap();
    assert!(value["real_time_factor"].take().is_f64());
    value
}

#[test]
fn nothing_breaks_in_a_campaign_and_its_result_has_its_keys() {
    let sum = run(&campaign(200, 1));
    assert_eq!(sum.invariant_breaks, 0, "{:#?}", sum.failed);
    assert_eq!((sum.sessions, sum.seed), (200, 1));
    assert!(sum.faults_injected > 1_000, "{}", sum.faults_injected);
    assert!(sum.simulated_hours > 0.5 && sum.checks > 5_000_000);
    // What is skipped is skipped for a reason, and most dots are placed in spite of it all.
    assert!(sum.placed > 9 * (sum.in_doubt + sum.skipped));
    let value = serde_json::to_value(&sum).unwrap();
    for key in [
        "sessions",
        "simulated_hours",
        "faults_injected",
        "invariant_breaks",
        "real_time_factor",
        "seed",
        "failed",
    ] {
        assert!(value.get(key).is_some(), "{key} is missing");
    }
    for (kind, most) in [
        ("joints.off", 20.0),
        ("head_pose.off", 100.0),
        ("lease.off", 500.0),
    ] {
        let fault = &sum.faults[kind];
        let reaction = fault.count.reaction_ms.unwrap();
        assert!(
            reaction.max <= most && fault.timed > 0,
            "{kind}: {reaction:?}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_result_on_any_number_of_threads() {
    let one = Campaign {
        threads: Some(1),
        ..campaign(6, 5)
    };
    let many = Campaign {
        threads: Some(3),
        ..one.clone()
    };
    assert_eq!(lasting(&run(&one)), lasting(&run(&many)));
    assert_ne!(lasting(&run(&one)), lasting(&run(&campaign(6, 6))));
}

#[test]
fn a_session_is_replayed_by_its_seed_alone() {
    let plans = plans();
    let seed = session_seed(5, 3);
    let mut lines = 0;
    let told = run_session(plans, seed, None, Some(&mut |_: &str| lines += 1)).unwrap();
    assert_eq!(told, run_session(plans, seed, None, None).unwrap());
    assert!(lines > 100, "what happens is told");
}

/// What a small campaign finds of a sabotage, by invariant.
fn found(sabotage: &str, sessions: usize) -> Vec<Invariant> {
    let sum = run(&Campaign {
        sabotage: Sabotage::named(sabotage),
        ..campaign(sessions, 3)
    });
    let seeds: Vec<u64> = sum.failed.iter().map(|f| f.session_seed).collect();
    assert_eq!(sum.failed.is_empty(), sum.invariant_breaks == 0);
    assert!(!seeds.contains(&0));
    sum.breaks_by_invariant.into_keys().collect()
}

#[test]
fn limits_opened_wide_are_found() {
    let found = found("limits-open", 12);
    assert!(found.contains(&Invariant::I2), "{found:?}");
    assert!(found.contains(&Invariant::Reaction), "{found:?}");
}

#[test]
fn a_permit_that_is_kept_is_found() {
    let found = found("permit-kept", 4);
    assert!(found.contains(&Invariant::I5), "{found:?}");
}

#[test]
fn an_old_pose_with_a_new_stamp_is_found() {
    let found = found("stamp-renewed", 60);
    assert!(found.contains(&Invariant::I2), "{found:?}");
}

#[test]
fn a_head_that_is_not_registered_after_a_loss_is_found() {
    let found = found("loss-forgotten", 12);
    assert!(found.contains(&Invariant::I2), "{found:?}");
}

#[test]
fn a_dot_that_the_record_forgets_is_found() {
    let found = found("dot-forgotten", 24);
    assert!(found.contains(&Invariant::I3), "{found:?}");
}
