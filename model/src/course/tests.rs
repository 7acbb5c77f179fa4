//! What a policy and an intake must keep to, and what a screening finds.

use proptest::prelude::*;

use super::*;

const PATTERN: &str = include_str!("../../../planner/intakes/pattern-baldness.toml");
const CHEMOTHERAPY: &str = include_str!("../../../planner/intakes/after-chemotherapy.toml");
const SHIPPED: &str = include_str!("../../../launch/policy/default.toml");

fn policy() -> Policy {
    Policy::shipped().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn the_shipped_policy_asks_for_all_that_the_craft_screens_for() {
    let policy = policy();
    let keys: Vec<&str> = policy.screening.iter().map(|q| q.key.as_str()).collect();
    for key in [
        "keloid",
        "skin_disease",
        "blood_thinners",
        "haemophilia",
        "diabetes",
        "pregnancy",
        "isotretinoin_or_steroids",
        "chemotherapy",
        "sunburn",
        "acne",
        "ink_allergy",
        "laser_removal",
        "glaucoma",
        "epilepsy",
        "temporary_alopecia",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!(policy.scars.youngest_days.value, 182);
}

#[test]
fn a_policy_without_sense_or_source_is_refused_with_its_place() {
    let cases = [
        (
            "source = \"treatment: 7 to 14\"",
            "source = \" \"",
            "sessions: least_days names no source; every rule says who says so",
        ),
        (
            "usual = { value = 3,",
            "usual = { value = 5,",
            "sessions: fewest, usual, most rise from 2 to 4",
        ),
        (
            "[0.3, 0.7, 1.0]",
            "[0.3, 0.3, 1.0]",
            "sessions: shares_3 has one share for each session, rising from above 0 to 1",
        ),
        (
            "least_days = { value = 7,",
            "least_days = { value = 11,",
            "sessions: least_days, proposed_days, most_days rise from 1",
        ),
        (
            "key = \"pregnancy\"",
            "key = \"keloid\"",
            "screening: keys are there, and each once",
        ),
        (
            "verdict = \"refuse\"",
            "verdict = \"clear\"",
            "screening: keloid leads to \"physician\" or \"refuse\"",
        ),
        (
            "physician_days = 365",
            "physician_days = 100",
            "screening: chemotherapy has days with a date only, and physician_days beyond them",
        ),
        (
            "until = \"next\"\nlast",
            "until = \"soon\"\nlast",
            "aftercare 3 has either days, or until = \"next\"",
        ),
        (
            "longest_hours = { value = 4,",
            "longest_hours = { value = 1.5,",
            "sessions has numbers above 0, small_cm2 below large_cm2, and longest_hours that leave half an hour for work",
        ),
        (
            "seen = { value = 0.5,",
            "seen = { value = 1.5,",
            "fading has shares between 0 and 1 and a spread up to 2",
        ),
        ("type = 6\n", "type = 7\n", "skin: types go from 1 to 6"),
        (
            "name = \"medium\"",
            "name = \"light\"",
            "shades: names are there, and each once",
        ),
        (
            "cm2 = [200, 300]",
            "cm2 = [300, 200]",
            "patterns: norwood-5: cm2 rises, from above 0 to at most 2000",
        ),
    ];
    for (from, to, said) in cases {
        let parsed = Policy::parse(&changed(SHIPPED, from, to));
        let error = parsed.map(|_| to).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    let error = Policy::parse("[sessions]\nleast = 1\n").unwrap_err();
    assert!(
        matches!(error, PolicyError::Syntax { line: 2, .. }),
        "{error}"
    );
}

#[test]
fn answers_that_are_missing_are_asked_for_by_name_all_at_once() {
    let text = changed(PATTERN, "epilepsy = false\n", "");
    let text = changed(&text, "colour = \"dark-brown\"\n", "");
    let error = Intake::parse(&text, &policy()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "answers are not there: hair.colour (one of black, dark-brown, brown, blond, red, grey), health.epilepsy (epilepsy: true or false); nothing is assumed, ask the client"
    );
    let IntakeError::Missing(all) = Intake::parse("", &policy()).unwrap_err() else {
        panic!("an empty intake is accepted")
    };
    assert_eq!(all.len(), 9 + policy().screening.len());
}

#[test]
fn answers_that_make_no_sense_are_refused_with_their_place() {
    let cases = [
        (
            "type = 3",
            "type = 7",
            "skin.type is 7; it must be 1 to 6 (Fitzpatrick)",
        ),
        (
            "epilepsy = false",
            "epilepsy = \"no\"",
            "health.epilepsy is \"no\"; it must be epilepsy: true or false",
        ),
        (
            "chemotherapy = \"never\"",
            "chemotherapy = 2027-01-01",
            "health.chemotherapy is 2027-01-01; it must be a day not after that of the consultation",
        ),
        (
            "chemotherapy = \"never\"",
            "chemotherapy = true",
            "health.chemotherapy is true; it must be chemotherapy: \"never\", \"ongoing\", or the day it ended",
        ),
        (
            "epilepsy = false",
            "epilepsy = false\nepilepsi = true",
            "nothing asks for \"health.epilepsi\"; did you mean \"health.epilepsy\"?",
        ),
        (
            "client = \"c-0001\"",
            "client = \"../etc\"",
            "client is \"../etc\"; it must be an id of letters, digits, - and _, never a name",
        ),
        (
            "date = 2026-11-30",
            "date = 2026-11-30\nfirst_session = 2026-11-01",
            "first_session is 2026-11-01; it must be a day not before that of the consultation",
        ),
    ];
    for (from, to, said) in cases {
        let error = Intake::parse(&changed(PATTERN, from, to), &policy()).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn chemotherapy_is_refused_then_asked_about_then_no_longer_of_interest() {
    let policy = policy();
    let intake = Intake::parse(CHEMOTHERAPY, &policy).unwrap();
    let on = |text: &str| screen(&policy, &intake, day(text));
    let early = on("2026-12-14");
    assert_eq!(early.verdict(), Verdict::Refuse);
    assert_eq!(early.refused_until(), Some(day("2027-03-02")));
    assert_eq!(on("2027-03-01").verdict(), Verdict::Refuse);
    let later = on("2027-03-02");
    assert_eq!(later.verdict(), Verdict::Physician);
    assert_eq!(later.findings[0].until, Some(day("2027-09-01")));
    assert_eq!(on("2027-09-01").verdict(), Verdict::Clear);
}

#[test]
fn a_young_scar_is_left_alone_until_it_is_old_enough() {
    let policy = policy();
    let scar = "scars = [{ kind = \"strip\", cm2 = 3, since = 2026-09-01 }]";
    let intake = Intake::parse(&changed(PATTERN, "scars = []", scar), &policy).unwrap();
    let found = screen(&policy, &intake, day("2027-03-01"));
    assert_eq!(found.refused_until(), Some(day("2027-03-02")));
    let found = screen(&policy, &intake, day("2027-03-02"));
    assert_eq!(found.verdict(), Verdict::Clear);
}

#[test]
fn what_is_refused_for_good_has_no_day() {
    let policy = policy();
    let text = changed(CHEMOTHERAPY, "keloid = false", "keloid = true");
    let intake = Intake::parse(&text, &policy).unwrap();
    let found = screen(&policy, &intake, day("2026-12-14"));
    assert_eq!(found.findings.len(), 2);
    assert_eq!(found.refused_until(), None);
}

proptest! {
    /// Every answer counts: one yes more never makes a verdict milder, and a date is judged by its distance alone.
    #[test]
    fn a_yes_more_never_makes_a_verdict_milder(
        yes in prop::collection::vec(any::<bool>(), 40),
        more in 0usize..40,
        days in 0u64..800,
        later in 0u64..800,
    ) {
        let policy = policy();
        let mut intake = Intake::parse(PATTERN, &policy).unwrap();
        let past = intake.date - chrono::Days::new(days);
        let mut answer = |k: usize, yes: bool| {
            let question = &policy.screening[k % policy.screening.len()];
            let given = match (yes, question.answer) {
                (false, _) => Answer::No,
                (true, AnswerKind::YesNo) => Answer::Yes,
                (true, AnswerKind::Date) => Answer::On(past),
            };
            intake.health.insert(question.key.clone(), given);
            intake.clone()
        };
        for (k, yes) in yes.iter().enumerate() {
            answer(k, *yes);
        }
        let before = answer(more, false);
        let after = answer(more, true);
        let on = before.date + chrono::Days::new(later);
        let (before, after) = (screen(&policy, &before, on), screen(&policy, &after, on));
        prop_assert!(after.verdict() >= before.verdict());
        prop_assert!(after.findings.len() >= before.findings.len());
        // What is refused until a day is not refused by dates from that day on.
        if let Some(until) = after.refused_until() {
            prop_assert!(until > on);
            let intake = answer(more, true);
            prop_assert!(screen(&policy, &intake, until).verdict() < Verdict::Refuse);
            let eve = until - chrono::Days::new(1);
            prop_assert_eq!(screen(&policy, &intake, eve).verdict(), Verdict::Refuse);
        }
    }

    /// No text makes the reader panic, and what is accepted answers every question.
    #[test]
    fn an_intake_is_whole_or_refused(cut in 0usize..1200, noise in "[\\PC\n]{0,40}") {
        let policy = policy();
        let at = (0..=cut.min(PATTERN.len())).rev().find(|k| PATTERN.is_char_boundary(*k)).unwrap_or(0);
        let text = format!("{}{noise}{}", &PATTERN[..at], &PATTERN[at..]);
        if let Ok(intake) = Intake::parse(&text, &policy) {
            prop_assert_eq!(intake.health.len(), policy.screening.len());
        }
    }
}
