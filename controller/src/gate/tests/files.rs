//! A sitting file is whole or refused.

use super::*;

const EXAMPLE: &str = include_str!("../../../../launch/sittings/example.toml");

#[test]
fn the_example_is_read() {
    let file = SittingFile::parse(EXAMPLE).unwrap();
    assert_eq!(file.client, "c-0001");
    assert_eq!(file.pigments.len(), 2);
    assert_eq!(file.test_patch.unwrap().depth_mm, 0.6);
    assert!(file.overrides.is_empty() && file.physician.is_none());
    // What it shows in comments is read, too.
    let shown = EXAMPLE
        .replace("# physician", "physician")
        .replace("# [[overrides]]", "[[overrides]]")
        .replace("# gate =", "gate =")
        .replace("# by =", "by =")
        .replace("# reason =", "reason =");
    let file = SittingFile::parse(&shown).unwrap();
    assert_eq!(file.physician.unwrap().day, day("2027-05-28"));
    assert_eq!(file.overrides[0].gate, Gate::Interval);
}

#[test]
fn what_is_wrong_in_a_sitting_file_is_said() {
    let cases = [
        (
            "client = \"c-0001\"",
            "",
            "an answer is not there: client (an id of letters, digits, - and _, never a name); nothing is assumed",
        ),
        (
            "strike_cap = 5000",
            "strike_cap = 0",
            "cartridge.strike_cap is 0; it must be 1 to 100000",
        ),
        (
            "strike_cap = 5000",
            "strike_cap = 5000\nstrikecap = 1",
            "nothing asks for \"cartridge.strikecap\"; did you mean \"cartridge.strike_cap\"?",
        ),
        (
            "lot = \"P-12\"",
            "lott = \"P-12\"",
            "nothing asks for \"pigments 1: lott\"; did you mean \"lot\"?",
        ),
        (
            "applied_at = 2027-05-31T08:10:00+02:00",
            "applied_at = 2027-05-24T08:10:00+02:00",
            "numbing.applied_at is 2027-05-24; it must be on the day of the sitting, 2027-05-31",
        ),
        (
            "applied_at = 2027-05-31T08:10:00+02:00",
            "applied_at = 2027-05-31T08:10:00",
            "numbing.applied_at is 2027-05-31T08:10:00; it must be a day, a time and the clock's offset, like 2027-05-31T08:10:00+02:00",
        ),
        (
            "applied_at = 2027-05-31T08:10:00+02:00",
            "none = true",
            "numbing.none is true; it must be left out where a cream was applied",
        ),
        (
            "[test_patch]",
            "[[overrides]]\ngate = \"consent\"\nby = \"A\"\nreason = \"in a hurry\"\n[test_patch]",
            "overrides 1: consent is never passed over: nobody else can consent; signing takes a minute",
        ),
        (
            "[test_patch]",
            "[[overrides]]\ngate = \"numbing\"\nby = \"A\"\n[test_patch]",
            "an answer is not there: overrides 1: reason (why, in one line); nothing is assumed",
        ),
        (
            "[test_patch]",
            "[[overrides]]\ngate = \"numbin\"\nby = \"A\"\nreason = \"b\"\n[test_patch]",
            "overrides 1: gate is \"numbin\"; it must be one of screening, numbing, test_patch, interval",
        ),
        (
            "read = 2027-05-20 ",
            "raed = 2027-05-20 ",
            "nothing asks for \"test_patch.raed\"; did you mean \"test_patch.read\"?",
        ),
    ];
    for (from, to, words) in cases {
        assert!(EXAMPLE.contains(from), "{from}");
        let error = SittingFile::parse(&EXAMPLE.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), words);
    }
    let Err(SittingFileError::Answers(error)) = SittingFile::parse("") else {
        panic!("an empty file is accepted")
    };
    let words = error.to_string();
    for key in [
        "operator",
        "consent.day",
        "numbing.cream",
        "pigments",
        "cartridge.id",
    ] {
        assert!(words.contains(key), "{words} lacks {key}");
    }
}

/// The lines of the example that answer something.
fn answers() -> Vec<&'static str> {
    let answer = |line: &&str| line.contains(" = ") && !line.starts_with('#');
    EXAMPLE.lines().filter(answer).collect()
}

proptest! {
    /// Whatever is left out, all of it is asked for; nothing is assumed.
    #[test]
    fn a_file_with_gaps_is_refused_by_name(gaps in proptest::collection::btree_set(0usize..22, 1..6)) {
        let answers = answers();
        prop_assert_eq!(answers.len(), 22);
        let gone: Vec<&str> = gaps.iter().map(|i| answers[*i]).collect();
        let text: Vec<&str> = EXAMPLE.lines().filter(|line| !gone.contains(line)).collect();
        let error = SittingFile::parse(&text.join("\n")).unwrap_err().to_string();
        for line in gone {
            let key = line.split(" = ").next().unwrap_or_default();
            prop_assert!(error.contains(key), "{} is not asked for: {}", key, error);
        }
    }

    /// A changed file is refused, or says something that is whole: never a panic, never a hole.
    #[test]
    fn a_changed_file_is_whole_or_refused(
        at in 0usize..EXAMPLE.len(),
        cut in 0usize..40,
        with in "\\PC{0,8}|[\\[\\]{}=\"0-9.,\\n-]{0,8}|nan|inf|none = true|1e308",
    ) {
        let clean = |i: usize| (0..=i.min(EXAMPLE.len())).rev().find(|i| EXAMPLE.is_char_boundary(*i)).unwrap_or(0);
        let (from, to) = (clean(at), clean(at + cut).max(clean(at)));
        let text = format!("{}{with}{}", &EXAMPLE[..from], &EXAMPLE[to..]);
        match SittingFile::parse(&text) {
            Ok(file) => {
                prop_assert!(!file.client.is_empty() && !file.operator.trim().is_empty());
                prop_assert!(!file.consent.document.trim().is_empty() && !file.cartridge.id.trim().is_empty());
                prop_assert!(file.cartridge.strike_cap > 0);
                prop_assert!(file.pigments.iter().all(|lot| !lot.shades.is_empty()));
                prop_assert!(file.overrides.iter().all(Override::is_lawful));
                prop_assert!(file.numbing.is_some() || text.contains("none = true"));
            }
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
        }
    }
}
