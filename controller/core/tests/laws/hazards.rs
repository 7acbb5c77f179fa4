//! Each hazard that the core answers, at its figure. The names of these tests stand in the controller's table of hazards.

use stipple_core::*;

use crate::bench::{Bench, reach, under_way};
use crate::plant::{GAP, LINK, Nuisance};

/// From `state` on everything is well but for what `frozen` makes of the inputs, given the moment it froze. How long until the fault, and
/// whether the needle was commanded out in the tick of the fault or after.
fn until_fault(state: State, frozen: impl Fn(&mut Sensed, Micros)) -> (Fault, Micros) {
    let mut bench = reach(state);
    let since = bench.plant.now;
    for _ in 0..1000 {
        bench.plant.advance();
        bench.plant.refill(&mut bench.queue, &mut bench.next);
        let mut sensed = bench.plant.sensed(&bench.queue, None);
        frozen(&mut sensed, since);
        let out = bench.core.step(bench.plant.now, &sensed, &mut bench.queue);
        bench.plant.obey(&out, &mut bench.queue);
        if let Some(fault) = out.fault {
            assert_eq!(out.needle, NeedleCommand::Retract);
            assert_eq!(out.arm, ArmCommand::Cancel);
            return (fault, bench.plant.now.since(since).unwrap());
        }
    }
    panic!("no fault in two seconds");
}

const WORKING: [State; 4] = [
    State::Approaching,
    State::Extending,
    State::Dwelling,
    State::Retracting,
];

/// H1, H2: a million places of the tip over a dot; the needle comes out over the patch, within 15 degrees and within its depth, or not at all.
#[test]
fn no_stroke_begins_off_the_patch_aslant_or_too_deep() {
    let mut bench = reach(State::Verifying);
    bench.plant.advance();
    let well = bench.plant.sensed(&bench.queue, None);
    let limits = Limits::HARDWARE;
    let mut seed = 1u64;
    let mut chance = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1u64 << 53) as f64
    };
    let (mut strokes, target) = (0, *bench.queue.front().unwrap());
    for _ in 0..1_000_000 {
        let tip = TipSeen {
            lateral: 0.4e-3 * chance(),
            gap: 5e-3 * chance() - 1e-3,
            angle: 0.5 * chance(),
            in_patch: chance() < 0.5,
            ..well.tip.unwrap()
        };
        let mut queue = Queue::new();
        let depth = 3e-3 * chance() - 0.5e-3;
        queue.push(Target { depth, ..target }).unwrap();
        let sensed = Sensed {
            tip: Some(tip),
            ..well
        };
        let out = bench
            .core
            .clone()
            .step(bench.plant.now, &sensed, &mut queue);
        if let NeedleCommand::Extend(stroke) = &out.needle {
            strokes += 1;
            assert!(tip.in_patch && tip.angle <= 15f64.to_radians(), "{tip:?}");
            assert!(tip.lateral <= limits.lateral_verify, "{tip:?}");
            assert!(
                stroke.extension() - tip.gap <= 2e-3 && depth <= 2e-3,
                "{tip:?} {depth}"
            );
        }
    }
    assert!(
        strokes > 10_000,
        "only {strokes} strokes: the test shows little"
    );
}

/// H2: more than 10 N along the needle retracts it in the tick that reports it, with 20 ms to spare for the device.
#[test]
fn more_than_ten_newtons_draw_the_needle_in_at_once() {
    for state in [State::Extending, State::Dwelling] {
        let press = |force: f64| {
            move |sensed: &mut Sensed, _| {
                sensed.needle.as_mut().unwrap().force = force;
            }
        };
        // Whichever way round the load cell is wired.
        for force in [10.01, -10.01] {
            let (fault, after) = until_fault(state, press(force));
            assert_eq!((fault, after), (Fault::ForceHigh, Micros::from_ms(2)));
        }
        let mut bench = reach(state);
        bench.plant.advance();
        let mut sensed = bench.plant.sensed(&bench.queue, None);
        press(10.0)(&mut sensed, Micros::ZERO);
        assert_eq!(
            bench
                .core
                .step(bench.plant.now, &sensed, &mut bench.queue)
                .fault,
            None
        );
    }
}

/// H2: a needle that is out by more than 0.2 mm beyond what it was told goes in, in the tick that reports it.
#[test]
fn a_needle_that_is_farther_out_than_it_was_told_is_drawn_in_at_once() {
    for state in [State::Extending, State::Dwelling] {
        let mut bench = reach(state);
        let out = bench.tick(None);
        let NeedleCommand::Extend(stroke) = &out.needle else {
            panic!("{out:?}")
        };
        let told = stroke.extension();
        let out_by = |extension: f64| {
            move |sensed: &mut Sensed, _| {
                sensed.needle.as_mut().unwrap().extension = extension;
            }
        };
        for extension in [told + 0.21e-3, 1.0, 1e308] {
            let (fault, after) = until_fault(state, out_by(extension));
            assert_eq!((fault, after), (Fault::NeedleTooFar, Micros::from_ms(2)));
        }
        bench.plant.advance();
        let mut sensed = bench.plant.sensed(&bench.queue, None);
        out_by(told + 0.19e-3)(&mut sensed, Micros::ZERO);
        let out = bench.core.step(bench.plant.now, &sensed, &mut bench.queue);
        assert_eq!(out.fault, None, "{state:?}");
    }
}

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
    // Drawn back for too much force before the skin: nothing was placed.
    let mut bench = reach(State::Extending);
    while bench.plant.extension < 0.3e-3 {
        bench.tick(None);
    }
    bench.plant.nuisance = Nuisance::Force;
    assert!(bench.until(400, |out| out.outcome.is_some()));
    let doubt = Doubt::Fault(Fault::ForceHigh);
    assert_eq!(bench.outcomes.last().unwrap().1, Outcome::InDoubt(doubt));
    // A device that feels nothing from the start is not held to it: its dots are judged by how far it was out.
    let mut bench = reach(State::Approaching);
    for _ in 0..4 {
        let (.., outcome) = stroke(&mut bench, &|_| 0.0);
        assert!(matches!(outcome, Outcome::Placed { .. }), "{outcome:?}");
    }
}

/// H6: a needle that does not do what it is told leaves three dots in doubt, and not a layer of them; and none when it was one that was slow.
#[test]
fn a_needle_that_does_not_follow_pauses_after_three_dots() {
    let mut bench = Bench::new(20);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    let mut run = |is_deaf: &dyn Fn(usize) -> bool, until: &dyn Fn(&Output, usize) -> bool| {
        let (mut doubts, mut dots) = (0, 0);
        for _ in 0..20_000 {
            if is_deaf(dots) {
                bench.plant.link.clear();
                bench.plant.commanded = None;
            }
            let out = bench.tick(None);
            if let Some((_, outcome)) = out.outcome {
                dots += 1;
                doubts += usize::from(outcome == Outcome::InDoubt(Doubt::Slow));
            }
            if until(&out, dots) {
                return (out.state, out.message, doubts);
            }
        }
        panic!("not in forty seconds")
    };
    // Two of three, and again: nothing to pause for.
    let (state, message, doubts) = run(&|dots| dots % 3 != 2, &|_, dots| dots == 9);
    assert_eq!(
        (state, message, doubts),
        (State::Approaching, Message::Working, 6)
    );
    let (state, message, doubts) = run(&|_| true, &|out, _| out.state == State::Paused);
    assert_eq!(
        (state, message, doubts),
        (State::Paused, Message::NeedleDoesNotFollow, 3)
    );
}

/// H3: over 0.5 mm or 10 mm/s, or a pose older than 50 ms, and the needle goes in, in the tick that shows it; the figures themselves do not.
#[test]
fn the_needle_is_out_only_over_a_head_that_is_seen_to_be_still() {
    type Head = (f64, f64, u64);
    let out_with = |state: State, (displacement, speed, age): Head| {
        let mut bench = reach(state);
        bench.plant.advance();
        let mut sensed = bench.plant.sensed(&bench.queue, None);
        let at = Micros(bench.plant.now.0 - age);
        sensed.head = Some(HeadSeen {
            at,
            speed,
            displacement,
            far_displacement: displacement,
            doubted: false,
        });
        let out = bench.core.step(bench.plant.now, &sensed, &mut bench.queue);
        matches!(out.needle, NeedleCommand::Extend(_))
    };
    for state in [State::Verifying, State::Extending, State::Dwelling] {
        assert!(out_with(state, (0.5e-3, 10e-3, 50_000)), "{state:?}");
        for moved in [(0.51e-3, 0.0, 0), (0.0, 10.1e-3, 0), (0.0, 0.0, 50_001)] {
            assert!(!out_with(state, moved), "{state:?} {moved:?}");
        }
    }
}

/// H4: 100 ms without a plausible pose.
#[test]
fn a_head_that_is_not_seen_for_a_tenth_of_a_second_stops_all() {
    for state in [State::Approaching, State::Retracting] {
        let (fault, after) = until_fault(state, |sensed, since| {
            sensed.head.as_mut().unwrap().at = since;
        });
        assert_eq!((fault, after), (Fault::HeadLost, Micros::from_ms(102)));
    }
}

/// H5, H9: 20 ms without a joint state or without the arm.
#[test]
fn joint_states_that_stay_away_for_ten_samples_stop_all() {
    for state in WORKING {
        let (fault, after) = until_fault(state, |sensed, since| {
            sensed.joints.as_mut().unwrap().at = since;
        });
        assert_eq!(
            (fault, after),
            (Fault::JointsStale, Micros::from_ms(22)),
            "{state:?}"
        );
    }
}

/// H10: a needle that says nothing for as long as its own watchdog waits.
#[test]
fn a_needle_that_falls_silent_stops_all() {
    for state in WORKING {
        let (fault, after) = until_fault(state, |sensed, since| {
            sensed.needle.as_mut().unwrap().at = since;
        });
        assert_eq!(
            (fault, after),
            (Fault::NeedleSilent, Micros::from_ms(52)),
            "{state:?}"
        );
    }
}

/// H10: two missed cycles, and not a late one.
#[test]
fn two_missed_cycles_stop_all() {
    for (gap, fault) in [
        (5_000, None),
        (5_001, Some(Fault::TickGap)),
        (6_000, Some(Fault::TickGap)),
    ] {
        let mut bench = under_way();
        let last = bench.plant.now;
        bench.plant.advance();
        let late = Micros(last.0 + gap);
        let sensed = bench.plant.sensed(&bench.queue, None);
        assert_eq!(
            bench.core.step(late, &sensed, &mut bench.queue).fault,
            fault,
            "{gap} us"
        );
    }
}

/// H13: any bits for any number of an input, in any state that may move: nothing leaves the core that is not finite or over a limit, and what
/// is not a number stops it.
#[test]
fn whatever_numbers_come_in_none_goes_out_over_a_limit() {
    let bad = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e308,
        -1e308,
        1e3,
    ];
    type Put = fn(&mut Sensed, f64);
    let places: [Put; 15] = [
        |s, x| s.joints.as_mut().unwrap().max_speed = x,
        |s, x| s.head.as_mut().unwrap().speed = x,
        |s, x| s.head.as_mut().unwrap().displacement = x,
        |s, x| s.tip.as_mut().unwrap().lateral = x,
        |s, x| s.tip.as_mut().unwrap().gap = x,
        |s, x| s.tip.as_mut().unwrap().angle = x,
        |s, x| s.needle.as_mut().unwrap().extension = x,
        |s, x| s.needle.as_mut().unwrap().force = x,
        |s, x| s.motion.as_mut().unwrap().speed_share = x,
        |s, x| s.motion.as_mut().unwrap().acceleration_share = x,
        |s, x| s.motion.as_mut().unwrap().outside = x,
        |s, x| s.motion.as_mut().unwrap().tip_speed = x,
        |s, x| s.motion.as_mut().unwrap().near.as_mut().unwrap().height = x,
        |s, x| s.motion.as_mut().unwrap().near.as_mut().unwrap().approach = x,
        |s, x| s.motion.as_mut().unwrap().near.as_mut().unwrap().keep_out = Some(x),
    ];
    for state in WORKING {
        let mut bench = reach(state);
        bench.plant.advance();
        let well = bench.plant.sensed(&bench.queue, None);
        for (place, put) in places.iter().enumerate() {
            for value in bad {
                let mut sensed = well;
                put(&mut sensed, value);
                let out =
                    bench
                        .core
                        .clone()
                        .step(bench.plant.now, &sensed, &mut bench.queue.clone());
                if let NeedleCommand::Extend(stroke) = &out.needle {
                    let limits = Limits::HARDWARE;
                    assert!(
                        stroke.extension() <= limits.stroke
                            && stroke.speed() <= limits.stroke_speed
                    );
                }
                if !value.is_finite() {
                    assert_eq!(
                        out.fault,
                        Some(Fault::BadNumber),
                        "{state:?}, place {place}"
                    );
                    assert_eq!(out.needle, NeedleCommand::Retract);
                }
            }
        }
    }
}

/// H14: from the tick of the stop on no motion and no extension is commanded, whatever else is asked for; nor after the reset, until start.
#[test]
fn after_a_stop_nothing_is_commanded_until_a_new_start() {
    for state in [
        State::Approaching,
        State::Hovering,
        State::Verifying,
        State::Extending,
        State::Dwelling,
        State::Retracting,
    ] {
        let mut bench = reach(state);
        let quiet = |bench: &mut Bench, command| {
            let out = bench.tick(command);
            assert_eq!(out.needle, NeedleCommand::Retract, "{state:?}");
            assert!(!matches!(out.arm, ArmCommand::Follow(_)), "{state:?}");
            out.state
        };
        quiet(&mut bench, Some(Command::Stop));
        for k in 0..600u32 {
            let ask = [Command::Resume, Command::Start, Command::Pause];
            let command = ask.get(k as usize % 5).copied();
            quiet(&mut bench, command);
        }
        assert_eq!(bench.core.state(), State::Stopped);
        quiet(&mut bench, Some(Command::ClearFault));
        for _ in 0..600 {
            let state = quiet(&mut bench, None);
            assert!(matches!(state, State::Safe | State::Ready));
        }
        assert!(bench.finish());
    }
}

/// H9: without a live lease nothing sets off; a lease that is lost stops all, needle first; one that comes back starts nothing.
#[test]
fn nothing_moves_without_the_operators_lease() {
    let mut bench = Bench::new(5);
    bench.plant.nuisance = Nuisance::LeaseSilent;
    assert!(bench.until(400, |o| o.state == State::Ready));
    let denied = Some(Err(Denied::Lease));
    assert_eq!(bench.tick(Some(Command::Start)).reply, denied);
    bench.plant.nuisance = Nuisance::None;
    assert_eq!(bench.tick(Some(Command::Start)).reply, Some(Ok(())));
    assert!(bench.until(2000, |o| o.state == State::Dwelling));
    bench.tick(Some(Command::Pause));
    assert!(bench.until(2000, |o| o.state == State::Paused));
    // A pause outlasts the lease, but ends only under one, be it another.
    bench.plant.nuisance = Nuisance::LeaseSilent;
    assert!(!bench.until(1000, |o| o.state != State::Paused));
    assert_eq!(bench.tick(Some(Command::Resume)).reply, denied);
    bench.plant.nuisance = Nuisance::LeaseOfAnother;
    assert_eq!(bench.tick(Some(Command::Resume)).reply, Some(Ok(())));
    assert!(bench.until(2000, |o| o.state == State::Extending));
    bench.plant.nuisance = Nuisance::LeaseSilent;
    let out = bench.tick(None);
    assert_eq!(
        (out.fault, &out.needle),
        (Some(Fault::LeaseLost), &NeedleCommand::Retract)
    );
    for back in [Nuisance::LeaseOfAnother, Nuisance::None] {
        bench.plant.nuisance = back;
        assert!(!bench.until(1000, |o| o.state != State::Faulted
            || matches!(o.arm, ArmCommand::Follow(_))));
    }
    assert!(bench.finish());
    assert_eq!(bench.outcomes.len(), 5);
}

/// H9: 500 ms after the last heartbeat, and not a tick later.
#[test]
fn a_lease_lasts_half_a_second() {
    let mut bench = Bench::new(5);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(2000, |o| matches!(o.arm, ArmCommand::Follow(_))));
    let last = bench.plant.now;
    let fault = loop {
        bench.plant.advance();
        let mut sensed = bench.plant.sensed(&bench.queue, None);
        sensed.operator = Some(LeaseSeen { at: last, term: 1 });
        let out = bench.core.step(bench.plant.now, &sensed, &mut bench.queue);
        bench.plant.obey(&out, &mut bench.queue);
        bench.plant.refill(&mut bench.queue, &mut bench.next);
        if let Some(fault) = out.fault {
            break fault;
        }
    };
    let lasted = bench.plant.now.since(last);
    assert_eq!(
        (fault, lasted),
        (Fault::LeaseLost, Some(Micros::from_ms(502)))
    );
}

/// H8: with another cartridge than the sitting's nothing starts and nothing goes on.
#[test]
fn nothing_is_struck_with_another_cartridge() {
    let mut bench = Bench::new(3);
    bench.plant.nuisance = Nuisance::OtherCartridge;
    assert!(bench.until(400, |o| o.state == State::Ready));
    let out = bench.tick(Some(Command::Start));
    assert_eq!(out.reply, Some(Err(Denied::Cartridge)));
    for state in [State::Approaching, State::Hovering, State::Dwelling] {
        let mut bench = reach(state);
        bench.plant.nuisance = Nuisance::OtherCartridge;
        let out = bench.tick(None);
        assert_eq!(
            (out.fault, &out.needle),
            (Some(Fault::OtherCartridge), &NeedleCommand::Retract)
        );
        assert!(bench.finish());
    }
    // In a break it may be out; the work goes on with the right one only.
    let mut bench = reach(State::Dwelling);
    bench.tick(Some(Command::Pause));
    assert!(bench.until(4_000, |o| o.state == State::Paused));
    bench.plant.nuisance = Nuisance::OtherCartridge;
    let out = bench.tick(Some(Command::Resume));
    assert_eq!(out.reply, Some(Err(Denied::Cartridge)));
    assert!(!bench.until(500, |o| o.state != State::Paused));
    assert!(bench.finish());
}
