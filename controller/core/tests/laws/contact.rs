//! Where the needle is felt to meet the skin, and what that makes of the dot.

use stipple_core::*;

use crate::bench::{Bench, reach};
use crate::plant::{GAP, LINK, Nuisance};

/// A stroke of which each report tells the force that `pushes` makes of the extension; how far the needle was told to come out, at most and at
/// last, how deep it went beyond `skin`, and what became of the dot.
fn stroke(bench: &mut Bench, pushes: &dyn Fn(f64) -> f64) -> (f64, f64, f64, Outcome) {
    let (mut most, mut last, mut deepest) = (0.0f64, 0.0, 0.0f64);
    bench.told_truly = false;
    for _ in 0..2_000 {
        bench.plant.advance();
        bench.plant.refill(&mut bench.queue, &mut bench.next);
        let mut sensed = bench.plant.sensed(&bench.queue, None);
        let needle = sensed.needle.as_mut().unwrap();
        needle.force = pushes(needle.extension);
        let before = bench.queue.clone();
        let out = bench.core.step(bench.plant.now, &sensed, &mut bench.queue);
        bench.judge(&sensed, &before, &out);
        if let NeedleCommand::Extend(stroke) = &out.needle {
            (most, last) = (most.max(stroke.extension()), stroke.extension());
        }
        deepest = deepest.max(bench.plant.extension);
        bench.plant.obey(&out, &mut bench.queue);
        assert_eq!(out.fault, None);
        if let Some((_, outcome)) = out.outcome {
            return (most, last, deepest, outcome);
        }
    }
    panic!("no dot in four seconds")
}

/// Skin that the needle meets at this extension, as a load cell tells that is off by `tare`.
fn skin_at(met: f64, tare: f64) -> impl Fn(f64) -> f64 {
    move |extension| tare + if extension > met { 0.3 } else { 0.0 }
}

/// H2: wherever the needle really meets the skin, it is told to go no deeper than the dot's depth and what it does between two reports,
/// 0.2 mm; and how deep that is.
#[test]
fn the_depth_counts_from_where_the_skin_was_met() {
    for early in [0.0, 0.1e-3, 0.3e-3, 0.45e-3] {
        for tare in [0.0, 5.0, -5.0] {
            let mut bench = reach(State::Approaching);
            let (gap, depth) = (GAP, bench.queue.front().unwrap().depth);
            let met = gap - early;
            let (most, last, deepest, outcome) = stroke(&mut bench, &skin_at(met, tare));
            assert!((most - gap - depth).abs() < 1e-9, "{most}");
            // The bench's needle hears late, and feels nothing by itself.
            let deeper = last - met - depth;
            assert!(
                (-1e-9..=0.2e-3 + 1e-9).contains(&deeper),
                "{early}: {deeper}"
            );
            let Outcome::Placed { depth: told, .. } = outcome else {
                panic!("{outcome:?}")
            };
            assert!((told - (deepest - met)).abs() <= 0.2e-3 + 1e-9, "{told}");
        }
    }
}

/// H2: a needle that meets something well before the skin should be goes in; one that has felt the skin in each strike and feels none
/// leaves its dot in doubt; three of either pause.
#[test]
fn what_is_met_too_soon_or_not_at_all_is_in_doubt() {
    let gap = GAP;
    let sound = skin_at(gap, 0.0);
    let cases: [(&dyn Fn(f64) -> f64, Doubt); 2] = [
        (&skin_at(gap - 0.75e-3, 0.0), Doubt::Guard(Refusal::Contact)),
        (&|_| 0.0, Doubt::Unfelt),
    ];
    for (pushes, doubt) in cases {
        let mut bench = reach(State::Approaching);
        let (.., outcome) = stroke(&mut bench, &sound);
        assert!(matches!(outcome, Outcome::Placed { .. }), "{outcome:?}");
        for k in 1..=3 {
            let (.., deepest, outcome) = stroke(&mut bench, pushes);
            assert_eq!(outcome, Outcome::InDoubt(doubt));
            let early = doubt == Doubt::Guard(Refusal::Contact);
            // Told to go in by the next report; what it goes on meanwhile is its link's.
            let late = (LINK as f64 + 2.0) * 0.2e-3;
            assert!(
                !early || deepest <= gap - 0.75e-3 + late + 1e-9,
                "{deepest}"
            );
            let pauses = bench.core.state() == State::Pausing;
            assert_eq!(pauses, k == 3, "{doubt:?} after {k}");
        }
    }
    // One report alone that shows force is noise; the dot is not cut short for it.
    let mut bench = reach(State::Approaching);
    let spiked = core::cell::Cell::new(false);
    let spike = |extension: f64| {
        let spikes = extension > gap - 0.4e-3 && !spiked.replace(extension > gap - 0.4e-3);
        sound(extension) + if spikes { 5.0 } else { 0.0 }
    };
    let depth = bench.queue.front().unwrap().depth;
    let (_, last, _, outcome) = stroke(&mut bench, &spike);
    assert!(spiked.get() && (last - gap - depth).abs() < 1e-9, "{last}");
    assert!(matches!(outcome, Outcome::Placed { .. }), "{outcome:?}");
    // Drawn back for too much force before the skin, wherever: what the needle does on its way in is its link's, and no contact.
    for from in [0.3e-3, 1.6e-3, 1.8e-3] {
        let mut bench = reach(State::Extending);
        while bench.plant.extension < from {
            bench.tick(None);
        }
        bench.plant.nuisance = Nuisance::Force;
        assert!(bench.until(400, |out| out.outcome.is_some()));
        let outcome = bench.outcomes.last().unwrap().1;
        let doubt = Outcome::InDoubt(Doubt::Fault(Fault::ForceHigh));
        // The bench holds what is said of one that did get there against the truth.
        let got_there = matches!(outcome, Outcome::Placed { .. }) && from > 1e-3;
        assert!(outcome == doubt || got_there, "{from}: {outcome:?}");
    }
    // With limits for hardware a device that feels nothing places nothing.
    let mut bench = reach(State::Approaching);
    let (.., outcome) = stroke(&mut bench, &|_| 0.0);
    assert_eq!(outcome, Outcome::InDoubt(Doubt::Unfelt));
    // A simulated one may feel nothing from the start: its dots are judged by how far it was out.
    let mut bench = Bench::new(5);
    bench.core = Core::new(
        Limits {
            feels: false,
            ..Limits::HARDWARE
        },
        100,
    );
    assert!(bench.until(400, |out| out.state == State::Ready));
    bench.tick(Some(Command::Start));
    for _ in 0..4 {
        let (.., outcome) = stroke(&mut bench, &|_| 0.0);
        assert!(matches!(outcome, Outcome::Placed { .. }), "{outcome:?}");
    }
}
