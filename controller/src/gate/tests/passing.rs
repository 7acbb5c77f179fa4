//! What a person may pass over, and what nobody may.

use super::*;

/// H8: what nobody may pass over is not passed over, whatever is written.
#[test]
fn overrides_pass_what_a_person_may_judge_and_nothing_else() {
    let verdicts = |change: Change| {
        let (mut sitting, mut plan) = (sitting(), plan());
        sitting.overrides = Gate::ALL.map(overriding).to_vec();
        change(&mut sitting, &mut plan);
        let held = check(&facts(&sitting, &plan));
        let refused = held.iter().filter(|h| !h.refusals.is_empty());
        refused
            .map(|h| (h.gate.key(), h.verdict()))
            .collect::<Vec<_>>()
    };
    let passed: [(&str, Change); 4] = [
        ("numbing", |s, _| s.numbing = None),
        ("test_patch", |s, _| s.history.new_client = true),
        ("interval", |s, _| {
            s.history.other = Some((day("2027-05-30"), "s".into()));
        }),
        ("screening", |s, _| {
            s.screening.findings = vec![found(Verdict::Physician, None)];
        }),
    ];
    for (gate, change) in passed {
        assert_eq!(verdicts(change), [(gate, "overridden")]);
    }
    let never: [(&str, Change); 8] = [
        ("client", |s, _| s.client = "c-3".into()),
        ("consent", |s, _| s.consent.day = day("2020-01-01")),
        ("screening", |s, _| {
            s.screening.findings = vec![
                found(Verdict::Refuse, None),
                found(Verdict::Physician, None),
            ];
        }),
        ("screening", |s, _| {
            s.screening.confirmed = day("2027-05-02")
        }),
        ("cartridge", |s, _| s.cartridge.expires = day("2027-05-30")),
        ("pigment", |s, _| s.pigment_lots.clear()),
        ("registration", |s, _| s.registration.residual_mm = f64::NAN),
        ("registration", |s, _| s.registration.taken_us = 0),
    ];
    for (gate, change) in never {
        assert_eq!(verdicts(change), [(gate, "refused")]);
    }
    for silent in ["", "  "] {
        let (mut sitting, plan) = (sitting(), plan());
        sitting.numbing = None;
        sitting.overrides = vec![Override {
            reason: silent.into(),
            ..overriding(Gate::Numbing)
        }];
        assert!(hold(&facts(&sitting, &plan)).is_err());
        assert!(sitting.check(NOON).is_err());
    }
}

#[test]
fn the_table_of_grounds_has_every_gate_and_ground_once() {
    let grounds: BTreeSet<Ground> = GROUNDS.iter().map(|g| g.ground).collect();
    assert_eq!(grounds.len(), GROUNDS.len());
    let gates: BTreeSet<Gate> = GROUNDS.iter().map(|g| g.gate).collect();
    assert_eq!(gates.len(), Gate::ALL.len());
    let may: Vec<Gate> = GROUNDS.iter().filter(|g| g.may).map(|g| g.gate).collect();
    assert_eq!(
        may,
        [
            Gate::Screening,
            Gate::Numbing,
            Gate::TestPatch,
            Gate::Interval
        ]
    );
}

proptest! {
    /// No override opens a gate that has a ground which nobody may pass over.
    #[test]
    fn no_override_opens_what_is_never_passed_over(
        which in 0usize..6, gates in proptest::collection::vec(0usize..9, 0..9), residual in 1.0001f64..50.0, late in 1u16..2_000,
    ) {
        let (mut sitting, plan) = (sitting(), plan());
        sitting.overrides = gates.iter().map(|g| overriding(Gate::ALL[*g])).collect();
        match which {
            0 => sitting.consent.day = after(sitting.day, late),
            1 => sitting.cartridge.strike_cap = 0,
            2 => sitting.registration.residual_mm = residual,
            3 => sitting.screening.findings = vec![found(Verdict::Refuse, None)],
            4 => sitting.pigment_lots[0].shades.clear(),
            _ => sitting.registration.taken_us = NOON - (120 + i64::from(late)) * MINUTE_US,
        }
        prop_assert!(hold(&facts(&sitting, &plan)).is_err());
    }
}
