//! Golden courses of the shipped intakes, and what holds for the dates of any.

use std::fmt::Write as _;

use proptest::prelude::*;
use stipple_model::course::{Answer, Care, Scar};

use super::sheets::{aftercare, consultation};
use super::*;

const INTAKES: [(&str, &str); 6] = [
    (
        "pattern-baldness",
        include_str!("../../intakes/pattern-baldness.toml"),
    ),
    ("alopecia", include_str!("../../intakes/alopecia.toml")),
    (
        "after-chemotherapy",
        include_str!("../../intakes/after-chemotherapy.toml"),
    ),
    ("scar-cover", include_str!("../../intakes/scar-cover.toml")),
    (
        "female-parting",
        include_str!("../../intakes/female-parting.toml"),
    ),
    ("follow-up", include_str!("../../intakes/follow-up.toml")),
];

fn policy() -> Policy {
    Policy::shipped().unwrap()
}

fn intake(name: &str) -> Intake {
    let (_, text) = INTAKES.iter().find(|(n, _)| *n == name).unwrap();
    Intake::parse(text, &policy()).unwrap()
}

/// All that a client and a clinic get to read.
fn read(course: &Course) -> String {
    let mut text = consultation(course).document.markdown();
    for sheet in aftercare(course, &policy()) {
        let _ = write!(
            text,
            "\n----- {}\n\n{}",
            sheet.stem,
            sheet.document.markdown()
        );
    }
    let calendar = calendar::calendar(course, &policy());
    let days = calendar.lines().filter(|line| {
        let keys = ["DTSTART", "SUMMARY"];
        keys.iter().any(|key| line.starts_with(key))
    });
    let days: Vec<&str> = days.collect();
    let _ = write!(text, "\n----- calendar\n\n{}\n", days.join("\n"));
    text
}

#[test]
fn golden_courses_of_the_shipped_intakes() {
    for (name, _) in INTAKES {
        let course = course(&policy(), &intake(name), None).unwrap();
        insta::assert_snapshot!(name, read(&course));
        // What is proposed can be planned: it is a treatment.
        stipple_model::treatment::Treatment::parse(&course.proposal.text).unwrap();
    }
}

#[test]
fn after_chemotherapy_a_later_first_session_is_allowed_on_a_physicians_word_and_then_without() {
    let mut intake = intake("after-chemotherapy");
    let on = |intake: &mut Intake, day: &str| {
        intake.first_session = Some(day.parse().unwrap());
        course(&policy(), intake, None).unwrap()
    };
    let early = on(&mut intake, "2027-03-01");
    assert_eq!(early.verdict, Verdict::Refuse);
    assert!(early.sessions.is_empty() && early.test_patch.is_none());
    assert_eq!(early.refused_until, "2027-03-02".parse().ok());
    let asked = on(&mut intake, "2027-03-02");
    assert_eq!(asked.verdict, Verdict::Physician);
    assert!(!asked.sessions.is_empty());
    assert_eq!(on(&mut intake, "2027-09-01").verdict, Verdict::Clear);
}

#[test]
fn a_plan_says_what_is_else_estimated() {
    let planned = Planned {
        area_cm2: 231.0,
        layers: [(3000, 1500.0), (4000, 16_000.0), (3000, 1500.0)]
            .map(|(dots, work_s)| PlannedLayer {
                dots,
                work_s,
                breaks_s: 300.0,
            })
            .to_vec(),
    };
    let course = course(&policy(), &intake("pattern-baldness"), Some(&planned)).unwrap();
    assert_eq!(course.assessment.area_from, Source::Plan);
    assert_eq!(course.assessment.dots, Range::new(10_000.0, 10_000.0));
    let first = &course.sessions[0].parts;
    // Half an hour of set-up, three quarters of numbing, 1,500 s of work, 300 s of break.
    assert_eq!(first.len(), 1);
    assert!((first[0].hours - (1.25 + 0.5)).abs() < 1e-9);
    // Four and a half hours of work and breaks do not fit into one day of at most four.
    let second = &course.sessions[1].parts;
    assert_eq!(
        second.iter().map(|part| part.dots).collect::<Vec<_>>(),
        [2000, 2000]
    );
    assert_eq!(second[1].day - second[0].day, chrono::TimeDelta::days(1));
    // Another number of layers is said.
    assert!(course.notes.iter().all(|note| !note.contains("layers")));
    let mut two = planned;
    two.layers.pop();
    let other = super::course(&policy(), &intake("pattern-baldness"), Some(&two)).unwrap();
    assert!(other.notes.iter().any(|note| note.contains("2 layers")));
}

#[test]
fn a_policy_that_proposes_what_is_not_shipped_is_refused() {
    let mut policy = policy();
    policy.patterns[0].treatment = "hair".to_owned();
    let mut intake = intake("pattern-baldness");
    intake.pattern.clone_from(&policy.patterns[0].key);
    let error = course(&policy, &intake, None).unwrap_err();
    assert!(error.to_string().contains("\"hair\""), "{error}");
}

#[test]
fn a_wish_for_less_and_hair_that_was_counted_change_the_density() {
    let at = |look, natural: Option<f64>| {
        let mut intake = intake("pattern-baldness");
        (intake.look, intake.natural_units_per_cm2) = (look, natural);
        let proposal = course(&policy(), &intake, None).unwrap().proposal;
        proposal.target_per_cm2
    };
    use stipple_model::course::Look;
    assert!((at(Look::Full, None) - 55.0).abs() < 1e-9);
    assert!((at(Look::Light, None) - 38.5).abs() < 1e-9);
    assert!((at(Look::Full, Some(37.2)) - 27.5).abs() < 1e-9);
}

fn any_intake() -> impl Strategy<Value = Intake> {
    let scar = (0.5f64..60.0, 200i64..3000);
    (
        0..INTAKES.len(),
        1u8..=6,
        prop::option::of(5.0f64..700.0),
        prop::collection::vec(scar, 0..3),
        prop::option::of(0u64..400),
        0u64..4000,
    )
        .prop_map(|(which, skin_type, area_cm2, scars, wished, day)| {
            let mut intake = intake(INTAKES[which].0);
            intake.date = intake.date + chrono::Days::new(day);
            intake.skin_type = skin_type;
            intake.area_cm2 = area_cm2;
            intake.first_session = wished.map(|days| intake.date + chrono::Days::new(days));
            let scars = scars.into_iter().map(|(cm2, age)| Scar {
                kind: "strip".to_owned(),
                cm2,
                since: intake.date - chrono::TimeDelta::days(age),
            });
            intake.scars = scars.collect();
            for answer in intake.health.values_mut() {
                *answer = Answer::No;
            }
            intake
        })
}

proptest! {
    /// Whoever is treated is treated in the number of sessions, at the distances and at the length that the policy allows, and never before
    /// the wished day or before a test patch can be read.
    #[test]
    fn days_keep_to_the_policy(intake in any_intake()) {
        let policy = policy();
        let rules = &policy.sessions;
        let course = course(&policy, &intake, None).unwrap();
        let count = course.sessions.len();
        if intake.treated_before.is_some() {
            prop_assert_eq!(count, 1);
        } else {
            let (fewest, most) = (rules.fewest.value, rules.most.value);
            prop_assert!((usize::from(fewest)..=usize::from(most)).contains(&count));
        }
        let first = course.sessions[0].parts[0].day;
        prop_assert!(intake.first_session.is_none_or(|wished| first >= wished));
        if let Some(patch) = course.test_patch {
            prop_assert!((first - patch).num_days() >= i64::from(policy.gate.patch_days.value));
        }
        for pair in course.sessions.windows(2) {
            let gap = (pair[1].parts[0].day - pair[0].parts.last().unwrap().day).num_days();
            prop_assert!((i64::from(rules.least_days.value)..=i64::from(rules.most_days.value)).contains(&gap));
            prop_assert!(pair[0].share < pair[1].share);
        }
        for session in &course.sessions {
            for pair in session.parts.windows(2) {
                prop_assert_eq!((pair[1].day - pair[0].day).num_days(), i64::from(rules.part_days.value));
            }
            for part in &session.parts {
                prop_assert!(part.hours <= rules.longest_hours.value + 1e-9);
            }
        }
        prop_assert_eq!(course.sessions.last().unwrap().share, 1.0);
        let laid: u32 = course.sessions.iter().flat_map(|s| &s.parts).map(|p| p.dots).sum();
        let wanted = course.assessment.dots.middle();
        prop_assert!((f64::from(laid) - wanted).abs() <= count as f64, "{} of {}", laid, wanted);
    }

    /// What is to be avoided ends after the last session at the days of the policy, and never goes beyond what it says before that.
    #[test]
    fn aftercare_ends_when_the_policy_says(intake in any_intake()) {
        let policy = policy();
        let course = course(&policy, &intake, None).unwrap();
        let sheets = aftercare(&course, &policy);
        let sittings: usize = course.sessions.iter().map(|s| s.parts.len()).sum();
        prop_assert_eq!(sheets.len(), sittings);
        let last = course.sessions.last().unwrap().parts.last().unwrap().day;
        for care in &policy.aftercare {
            if let Care::Avoid { last_days, .. } = care {
                let ends = sheets::ends(care, last, None).unwrap();
                prop_assert_eq!((ends - last).num_days(), i64::from(*last_days));
            }
        }
        // The same course gives the same calendar, every event once.
        let calendar = calendar::calendar(&course, &policy);
        prop_assert_eq!(&calendar, &calendar::calendar(&course, &policy));
        let mut ids: Vec<&str> = calendar.lines().filter(|l| l.starts_with("UID:")).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), all);
    }
}
