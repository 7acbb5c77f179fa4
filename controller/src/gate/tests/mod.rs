//! What each gate refuses, and in which words.

mod days;
mod files;
mod passing;

use std::collections::BTreeSet;

use proptest::prelude::*;
use stipple_model::course::{Day, Policy, Verdict, after};
use stipple_model::treatment::{Fitted, Purpose};
use stipple_model::units::{Length, Time};

use super::*;
use crate::record::{
    Cartridge, Consent, Found, Numbing, Patch, PigmentLot, Registration, Screened, Word,
};

/// 2027-05-31, 12:00 UTC.
const NOON: i64 = 1_811_764_800_000_000;
const DAY_US: i64 = 86_400_000_000;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn rules() -> Rules {
    Rules::of(&Policy::shipped().unwrap())
}

/// A client who was here three weeks ago, against whom nothing stands.
fn sitting() -> Sitting {
    Sitting {
        client: "c-1".into(),
        operator: "A. Operator".into(),
        day: day("2027-05-31"),
        begun_us: NOON,
        purpose: Purpose::Treatment,
        layer: 2,
        consent: Consent {
            day: day("2027-05-01"),
            document: "CF-1".into(),
        },
        screening: Screened {
            intake: "0".repeat(64),
            client: "c-1".into(),
            given: day("2027-05-01"),
            confirmed: day("2027-05-31"),
            findings: Vec::new(),
            physician: None,
        },
        numbing: Some(Numbing {
            cream: "cream".into(),
            applied_us: NOON - 45 * MINUTE_US,
        }),
        registration: Registration {
            residual_mm: 0.4,
            translation_m: [0.0; 3],
            quaternion_xyzw: [0.0, 0.0, 0.0, 1.0],
            taken_us: NOON - 10 * MINUTE_US,
        },
        cartridge: Cartridge {
            id: "N-1".into(),
            strike_cap: 5_000,
            expires: day("2027-05-31"),
        },
        pigment_lots: vec![PigmentLot {
            id: "P-1".into(),
            expires: day("2027-05-31"),
            shades: vec!["light".into(), "dark".into()],
        }],
        test_patch: None,
        history: History {
            new_client: false,
            same_layer: None,
            other: Some((day("2027-05-10"), "session s".into())),
        },
        rules: rules(),
        policy: "shipped".into(),
        overrides: Vec::new(),
    }
}

fn plan() -> PlanFacts {
    PlanFacts {
        purpose: Purpose::Treatment,
        fitted: None,
        deepest: Length::from_mm(0.6),
        shades: BTreeSet::from(["light".into(), "dark".into()]),
        known: vec!["light".into(), "medium".into(), "dark".into()],
    }
}

fn fitted(depth_mm: f64) -> Fitted {
    Fitted {
        client: "c-1".into(),
        day: day("2027-05-20"),
        depth: Length::from_mm(depth_mm),
        dwell: Time::from_ms(20.0),
    }
}

fn patch() -> Patch {
    Patch {
        done: day("2027-05-12"),
        read: day("2027-05-20"),
        depth_mm: 0.6,
        dwell_ms: 20.0,
    }
}

fn facts<'a>(sitting: &'a Sitting, plan: &'a PlanFacts) -> Facts<'a> {
    Facts {
        sitting,
        plan,
        owner: Owner::Nobody,
        seen: None,
        struck: false,
        now_us: NOON,
    }
}

/// What is told, as a person reads it.
fn said(facts: &Facts<'_>) -> Vec<String> {
    let told = |held: Held| {
        let gate = held.gate;
        let line = move |r: &Refusal| format!("{gate}: {r}");
        held.refusals.iter().map(line).collect::<Vec<_>>()
    };
    check(facts).into_iter().flat_map(told).collect()
}

fn overriding(gate: Gate) -> Override {
    Override {
        gate,
        by: "A. Operator".into(),
        reason: "seen under the loupe".into(),
        against: Vec::new(),
    }
}

type Change = fn(&mut Sitting, &mut PlanFacts);

#[test]
fn who_keeps_to_everything_is_let_through() {
    let (sitting, plan) = (sitting(), plan());
    assert_eq!(said(&facts(&sitting, &plan)), Vec::<String>::new());
    assert_eq!(hold(&facts(&sitting, &plan)), Ok(()));
}

#[test]
fn every_refusal_says_what_to_do() {
    let cases: [(Change, &str); 26] = [
        (
            |s, _| s.screening.client = "c-2".into(),
            "client: the intake is of client \"c-2\", not of \"c-1\": take that client's intake",
        ),
        (
            |_, p| {
                p.fitted = Some(Fitted {
                    client: "c-2".into(),
                    ..fitted(0.6)
                })
            },
            "client: the plan was fitted to client \"c-2\", not to \"c-1\": take that client's plan",
        ),
        (
            |s, _| s.consent.day = day("2027-06-01"),
            "consent: the consent is of 2027-06-01, after this day, 2027-05-31: correct consent.day",
        ),
        (
            |s, _| s.consent.day = day("2026-12-01"),
            "consent: the consent of 2026-12-01 is older than 180 days: have the client sign again",
        ),
        (
            |s, _| s.screening.confirmed = day("2027-06-01"),
            "screening: the answers of 2027-05-01 are said to be confirmed on 2027-06-01, which is not between that day and 2027-05-31: correct screening.confirmed",
        ),
        (
            |s, _| s.screening.confirmed = day("2027-05-29"),
            "screening: the answers were confirmed on 2027-05-29, more than 1 days ago: ask the client again",
        ),
        (
            |s, _| s.screening.findings = vec![found(Verdict::Refuse, Some("2027-06-01"))],
            "screening: sunburn: burnt skin: do not treat before 2027-06-01",
        ),
        (
            |s, _| s.screening.findings = vec![found(Verdict::Refuse, None)],
            "screening: sunburn: burnt skin: do not treat",
        ),
        (
            |s, _| s.screening.findings = vec![found(Verdict::Physician, None)],
            "screening: sunburn: burnt skin: ask a physician, and put who and when into screening.physician and screening.physician_day",
        ),
        (
            |s, _| {
                s.screening.findings = vec![found(Verdict::Physician, None)];
                s.screening.physician = Some(word("2027-03-01"));
            },
            "screening: the word of Dr. B is of 2027-03-01, which is not within 90 days before this day: ask again",
        ),
        (
            |s, _| s.numbing = None,
            "numbing: no numbing cream was applied: apply one and wait 45 minutes",
        ),
        (
            |s, _| {
                s.numbing = Some(Numbing {
                    cream: "lidocaine 5 %".into(),
                    applied_us: NOON - 44 * MINUTE_US + 1,
                })
            },
            "numbing: lidocaine 5 % takes 45 minutes to work: wait 2 more",
        ),
        (
            |s, _| s.cartridge.expires = day("2027-05-30"),
            "cartridge: cartridge \"N-1\" expired on 2027-05-30: take a new one",
        ),
        (
            |s, _| s.cartridge.strike_cap = 0,
            "cartridge: cartridge \"N-1\" may make no strike: correct cartridge.strike_cap",
        ),
        (
            |s, _| s.pigment_lots[0].expires = day("2027-05-30"),
            "pigment: pigment lot \"P-1\" expired on 2027-05-30: open a new one",
        ),
        (
            |s, _| s.pigment_lots[0].shades = vec!["light".into()],
            "pigment: no pigment lot holds the shade \"dark\", which layer 2 uses: name its lot under [[pigments]]",
        ),
        (
            |s, _| s.pigment_lots[0].shades.push("drak".into()),
            "pigment: pigment lot \"P-1\" names the shade \"drak\"; the plan has light, medium, dark",
        ),
        (
            |s, _| s.history.new_client = true,
            "test_patch: client \"c-1\" was never treated before, and no test patch was made: plan one with `stipple-planner plan --test-patch`",
        ),
        (
            |s, p| {
                s.history.new_client = true;
                s.test_patch = Some(Patch {
                    read: day("2027-05-18"),
                    ..patch()
                });
                p.fitted = Some(Fitted {
                    day: day("2027-05-18"),
                    ..fitted(0.6)
                });
            },
            "test_patch: the test patch of 2027-05-12 was read on 2027-05-18; read it 7 days after it was made or later, and before this session",
        ),
        (
            |s, _| {
                s.history.new_client = true;
                s.test_patch = Some(patch());
            },
            "test_patch: the plan carries no fit; the test patch fitted 0.6 mm and 20 ms on 2027-05-20: put that into the treatment's [fitted] and plan again",
        ),
        (
            |s, p| {
                s.history.new_client = true;
                s.test_patch = Some(patch());
                p.fitted = Some(fitted(0.7));
            },
            "test_patch: the plan was fitted to 0.7 mm and 20 ms on 2027-05-20; the test patch fitted 0.6 mm and 20 ms on 2027-05-20: put that into the treatment's [fitted] and plan again",
        ),
        (
            |s, p| {
                s.history.new_client = true;
                s.test_patch = Some(patch());
                p.fitted = Some(fitted(0.6));
                p.deepest = Length::from_mm(0.61);
            },
            "test_patch: the plan has a dot 0.61 mm deep; the test patch fitted 0.6 mm and 20 ms on 2027-05-20: put that into the treatment's [fitted] and plan again",
        ),
        (
            |s, _| s.history.other = Some((day("2027-05-25"), "session s".into())),
            "interval: the last session was on 2027-05-25 (session s); the next one takes 7 days: come back on 2027-06-01",
        ),
        (
            |s, _| {
                s.rules.part_days = 2;
                s.history.same_layer = Some(day("2027-05-30"));
            },
            "interval: this layer was worked on on 2027-05-30; going on with it on another day takes 2 days: come back on 2027-06-01",
        ),
        (
            |s, _| s.registration.taken_us = NOON - 121 * MINUTE_US,
            "registration: the scan was taken 121 minutes ago, 120 are accepted: scan and register again",
        ),
        (
            |s, _| s.registration.residual_mm = 1.01,
            "registration: the registration leaves 1.01 mm, at most 1 mm are accepted: scan again",
        ),
    ];
    for (change, words) in cases {
        let (mut sitting, mut plan) = (sitting(), plan());
        change(&mut sitting, &mut plan);
        let facts = facts(&sitting, &plan);
        assert_eq!(said(&facts), [words]);
        let refused = hold(&facts).unwrap_err().to_string();
        assert_eq!((refused.as_str(), refused.lines().count()), (words, 1));
    }
}

fn found(verdict: Verdict, until: Option<&str>) -> Found {
    Found {
        key: "sunburn".into(),
        verdict,
        until: until.map(day),
        reason: "burnt skin".into(),
    }
}

fn word(text: &str) -> Word {
    Word {
        by: "Dr. B".into(),
        day: day(text),
    }
}

/// H7, H8: another client's record, and a needle that was used.
#[test]
fn a_record_and_a_cartridge_that_are_somebody_elses_are_refused() {
    let (sitting, plan) = (sitting(), plan());
    let mut facts = facts(&sitting, &plan);
    facts.owner = Owner::Client("c-2");
    facts.seen = Some("abc-1");
    assert_eq!(
        said(&facts),
        [
            "client: the record belongs to client \"c-2\", not to \"c-1\": take that client's record",
            "cartridge: cartridge \"N-1\" was used before, in session abc-1: take a new one",
        ]
    );
    facts.owner = Owner::Unnamed;
    facts.seen = None;
    assert_eq!(
        said(&facts),
        ["client: the record has strikes and names no client: begin a new record"]
    );
    facts.owner = Owner::Client("c-1");
    assert_eq!(hold(&facts), Ok(()));
}

#[test]
fn all_refusals_are_told_at_once_and_each_gate_once() {
    let (mut sitting, plan) = (sitting(), plan());
    sitting.consent.day = day("2027-06-01");
    sitting.numbing = None;
    sitting.pigment_lots.clear();
    sitting.registration.taken_us = 0;
    let held = check(&facts(&sitting, &plan));
    let gates: Vec<Gate> = held.iter().map(|h| h.gate).collect();
    assert_eq!(gates, Gate::ALL);
    let shut: Vec<&str> = held
        .iter()
        .filter(|h| !h.opens())
        .map(|h| h.gate.key())
        .collect();
    assert_eq!(shut, ["consent", "numbing", "pigment", "registration"]);
    let Err(Refused(all)) = hold(&facts(&sitting, &plan)) else {
        panic!("let through")
    };
    assert_eq!(all.len(), 5, "two shades have no lot");
}
