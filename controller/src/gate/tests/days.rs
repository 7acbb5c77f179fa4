//! Days count to the day, minutes to the minute, and time that passes is asked about again.

use super::*;

#[test]
fn going_on_the_same_day_is_the_same_session() {
    let (mut sitting, plan) = (sitting(), plan());
    sitting.rules.part_days = 3;
    sitting.history.same_layer = Some(sitting.day);
    assert_eq!(hold(&facts(&sitting, &plan)), Ok(()));
}

#[test]
fn a_test_patch_needs_none_and_makes_nobody_known() {
    let visit = |purpose| Visit {
        session: "s".into(),
        layer: 1,
        day: day("2027-05-30"),
        purpose,
    };
    let patch = History::of(&[visit(Purpose::TestPatch)], None, (None, 1));
    assert_eq!((patch.new_client, patch.other), (true, None));
    let treated = History::of(&[visit(Purpose::Treatment)], None, (None, 1));
    assert_eq!(
        (treated.new_client, treated.other),
        (false, Some((day("2027-05-30"), "session s".into())))
    );
    let same = History::of(&[visit(Purpose::Treatment)], None, (Some("s"), 1));
    assert_eq!(
        (same.same_layer, same.other),
        (Some(day("2027-05-30")), None)
    );
    let elsewhere = History::of(&[], Some(day("2027-05-30")), (None, 1));
    assert!(elsewhere.new_client && elsewhere.other.is_some());
    let (mut sitting, mut plan) = (sitting(), plan());
    sitting.history = patch_history();
    plan.purpose = Purpose::TestPatch;
    assert_eq!(hold(&facts(&sitting, &plan)), Ok(()));
}

fn patch_history() -> History {
    History::of(&[], None, (None, 1))
}

/// Time passes between the beginning of a sitting and the loading of its plan.
#[test]
fn what_held_in_the_morning_may_hold_no_more() {
    let (sitting, plan) = (sitting(), plan());
    let mut later = facts(&sitting, &plan);
    later.now_us = NOON + DAY_US;
    let words = said(&later).join("\n");
    for gate in ["cartridge", "pigment", "registration"] {
        assert!(words.contains(&format!("{gate}: ")), "{words}");
    }
    assert!(
        !words.contains("screening"),
        "a day later it holds: {words}"
    );
    later.now_us = NOON + 2 * DAY_US;
    assert!(
        said(&later)
            .iter()
            .any(|line| line.starts_with("screening: "))
    );
    // Once it has struck, the head is registered anew by the node.
    let mut working = facts(&sitting, &plan);
    working.now_us = NOON + 300 * MINUTE_US;
    assert!(hold(&working).is_err());
    working.struck = true;
    assert_eq!(hold(&working), Ok(()));
}

proptest! {
    /// The day before refuses, the day itself and any later one pass.
    #[test]
    fn days_apart_count_to_the_day(least in 1u16..60, part in 1u16..60, days in 0u16..120) {
        let plan = plan();
        let mut sitting = sitting();
        (sitting.rules.least_days, sitting.rules.part_days) = (least, part);
        let last = day("2027-01-01");
        let shut = |sitting: &mut Sitting| {
            sitting.day = after(last, days);
            let held = check(&facts(sitting, &plan));
            held.iter().any(|h| h.gate == Gate::Interval && !h.opens())
        };
        sitting.history = History { new_client: false, same_layer: None, other: Some((last, "s".into())) };
        prop_assert_eq!(shut(&mut sitting), days < least);
        sitting.history = History { new_client: false, same_layer: Some(last), other: None };
        prop_assert_eq!(shut(&mut sitting), days > 0 && days < part);
    }

    /// The minute before refuses, the minute itself and any later one pass.
    #[test]
    fn cream_works_from_its_minute_on(minutes in 1u16..200, off in -200i64..20_000) {
        let plan = plan();
        let mut sitting = sitting();
        sitting.rules.numbing_minutes = f64::from(minutes);
        let applied_us = NOON - (i64::from(minutes) + off) * MINUTE_US;
        sitting.numbing = Some(Numbing { cream: "c".into(), applied_us });
        let held = check(&facts(&sitting, &plan));
        let shut = held.iter().any(|h| h.gate == Gate::Numbing && !h.opens());
        prop_assert_eq!(shut, off < 0);
    }

    /// What is valid until a day is valid on every day before it.
    #[test]
    fn consent_answers_and_expiry_last_to_their_day(days in 0u16..400, now in 0u16..400) {
        let plan = plan();
        let mut sitting = sitting();
        let first = day("2027-01-01");
        sitting.consent.day = first;
        sitting.screening.given = first;
        sitting.screening.confirmed = first;
        sitting.cartridge.expires = after(first, days);
        (sitting.rules.consent_days, sitting.rules.answers_days) = (days, days);
        sitting.day = after(first, now);
        let held = check(&facts(&sitting, &plan));
        for gate in [Gate::Consent, Gate::Screening, Gate::Cartridge] {
            let shut = held.iter().any(|h| h.gate == gate && !h.opens());
            prop_assert_eq!(shut, now > days, "{}", gate);
        }
    }
}
