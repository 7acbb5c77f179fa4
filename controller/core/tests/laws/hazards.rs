//! Each hazard that the core answers, at its figure. The names of these tests stand in the controller's table of hazards.

use stipple_core::*;

use crate::bench::{Bench, reach, under_way};
use crate::plant::Nuisance;

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
