//! The way off the head: up, and on to the station; what keeps the arm from it leaves it lifted.

use stipple_core::*;

use crate::bench::{Bench, reach};
use crate::plant::Nuisance;

/// The motions told from the pause on, until the arm waits, with where it does.
fn pause(bench: &mut Bench) -> (u32, Waits) {
    let mut motions = 0;
    let mut out = bench.tick(Some(Command::Pause));
    for _ in 0..20_000 {
        motions += u32::from(matches!(out.arm, ArmCommand::Follow(_)));
        if let (State::Paused, Some(waits)) = (out.state, out.waits) {
            assert_eq!(out.message, Message::PauseAsked, "why is still said");
            return (motions, waits);
        }
        assert_eq!((out.state, out.fault), (State::Pausing, None));
        out = bench.tick(None);
    }
    panic!("not paused: {:?}", bench.core.state());
}

/// The arm is on its way to the station.
fn parking() -> Bench {
    let mut bench = reach(State::Dwelling);
    let mut motions = 0;
    let mut out = bench.tick(Some(Command::Pause));
    for _ in 0..2000 {
        motions += u32::from(matches!(out.arm, ArmCommand::Follow(_)));
        if motions == 2 && bench.plant.arm.is_some() {
            return bench;
        }
        out = bench.tick(None);
    }
    panic!("never on the way to the station");
}

/// Where the arm waits in the end, with the cancels and motions until then.
fn settles(bench: &mut Bench) -> (Waits, u32, u32) {
    let (mut cancels, mut motions) = (0, 0);
    for _ in 0..60_000 {
        let out = bench.tick(None);
        cancels += u32::from(out.arm == ArmCommand::Cancel);
        motions += u32::from(matches!(out.arm, ArmCommand::Follow(_)));
        if let (State::Paused, Some(waits)) = (out.state, out.waits) {
            return (waits, cancels, motions);
        }
        assert_eq!((out.state, out.fault), (State::Pausing, None));
    }
    panic!("not paused: {:?}", bench.core.state());
}

#[test]
fn a_break_parks_at_the_station_and_goes_on_from_there() {
    for state in [State::Approaching, State::Hovering, State::Dwelling] {
        let mut bench = reach(state);
        assert_eq!(pause(&mut bench), (2, Waits::Parked), "{state:?}");
        bench.until(500, |_| false);
        let out = bench.tick(Some(Command::Resume));
        assert_eq!((out.reply, out.waits), (Some(Ok(())), None));
        assert!(bench.finish());
        assert_eq!(bench.outcomes.len(), 5);
    }
}

#[test]
fn the_arm_parks_when_the_work_is_done() {
    let mut bench = Bench::new(3);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    let mut waits = None;
    assert!(bench.until(4000, |o| {
        waits = o.waits;
        o.finished
    }));
    assert_eq!(waits, Some(Waits::Parked));
}

/// H14: a way to the station is a comfort, not what makes a break safe: without one the arm stays lifted, and nothing is a fault.
#[test]
fn without_a_way_to_the_station_the_arm_stays_lifted() {
    let mut bench = reach(State::Dwelling);
    bench.plant.station = false;
    assert_eq!(pause(&mut bench), (1, Waits::Lifted), "no station");
    for answer in [WayOff::Refused, WayOff::None] {
        let mut bench = reach(State::Dwelling);
        bench.plant.no_way = Some((Leg::Park, answer));
        assert_eq!(pause(&mut bench), (1, Waits::Lifted), "{answer:?}");
        assert!(bench.finish());
    }
    let mut bench = reach(State::Dwelling);
    bench.plant.no_way = Some((Leg::Lift, WayOff::Refused));
    assert_eq!(pause(&mut bench), (0, Waits::OverHead), "no way up");
    assert!(bench.finish());
}

/// H3, H4: the way to the station was proven clear of the head as it was then.
#[test]
fn a_head_that_moves_or_is_lost_stops_the_arm_on_its_way_to_the_station() {
    // Without any other nuisance it has moved.
    for wrong in [Nuisance::None, Nuisance::HeadFast, Nuisance::HeadStale] {
        let set = |bench: &mut Bench| {
            bench.plant.nuisance = wrong;
            bench.plant.displacement = (wrong == Nuisance::None).then_some(1.1e-3);
        };
        let mend = |bench: &mut Bench| {
            (bench.plant.nuisance, bench.plant.displacement) = (Nuisance::None, None);
        };
        let mut bench = parking();
        set(&mut bench);
        assert_eq!(bench.tick(None).arm, ArmCommand::Cancel, "{wrong:?}");
        // For a moment only: it is computed anew, and followed.
        bench.until(20, |_| false);
        mend(&mut bench);
        assert_eq!(settles(&mut bench).0, Waits::Parked, "{wrong:?}");
        // For good: the arm stays lifted.
        let mut bench = parking();
        set(&mut bench);
        let began = bench.plant.now;
        let (waits, cancels, motions) = settles(&mut bench);
        assert_eq!(waits, Waits::Lifted, "{wrong:?}");
        assert!(cancels >= 1, "{wrong:?}");
        let limits = Limits::HARDWARE;
        assert!(motions < u32::from(limits.attempts), "{wrong:?}: {motions}");
        let took = bench.plant.now.since(began).unwrap();
        let longest = limits.timeouts.still.after(Micros::from_ms(500));
        assert!(took <= longest, "{wrong:?}: {took:?}");
        mend(&mut bench);
        assert!(bench.finish());
    }
}

/// H3: a head that turns about the dot is seen to have gone elsewhere; on the way to the station it may go nowhere.
#[test]
fn how_far_the_head_may_go_is_asked_for_all_of_it() {
    let limits = Limits::HARDWARE;
    let (near, far) = (limits.approach_displacement, limits.far_displacement);
    // The links keep 10 mm from the head, the nose 1 mm.
    assert!(far <= 0.5 * 10e-3 && near <= 1e-3);
    let (less, more) = (0.99, 1.01);
    let hop = [
        (less * near, less * far, false),
        (more * near, less * near, true),
        (less * near, more * far, true),
    ];
    let park = [
        (less * near, less * near, false),
        (more * near, less * near, true),
        (0.0, more * near, true),
    ];
    type Begin = fn() -> Bench;
    for (begin, cases) in [(crate::bench::under_way as Begin, hop), (parking, park)] {
        for (displacement, far_displacement, turned_back) in cases {
            let mut bench = begin();
            bench.plant.displacement = Some(displacement);
            bench.plant.far_displacement = far_displacement;
            let cancelled = bench.tick(None).arm == ArmCommand::Cancel;
            assert_eq!(
                cancelled, turned_back,
                "{displacement} m, {far_displacement} m"
            );
        }
    }
}

/// H1: half-way to somewhere along the needle need not be away from the head; there it is high enough already.
#[test]
fn an_arm_that_is_high_is_not_lifted() {
    for (station, motions, waits) in [(true, 1, Waits::Parked), (false, 0, Waits::Lifted)] {
        let mut bench = crate::bench::under_way();
        bench.plant.station = station;
        bench.plant.height = Some(Limits::HARDWARE.hover_zone);
        assert_eq!(pause(&mut bench), (motions, waits));
        bench.plant.height = None;
        assert!(bench.finish());
    }
}

/// H3: retract first, then lift: the nose does not stay over a head that moves.
#[test]
fn the_arm_lifts_off_a_head_that_does_not_hold_still_and_comes_back_by_itself() {
    let limits = Limits::HARDWARE;
    let mut bench = reach(State::Dwelling);
    bench.plant.nuisance = Nuisance::HeadFast;
    let restless = bench.plant.now;
    let (mut lifts, mut hops) = (0, 0);
    bench.until(5000, |o| {
        if let ArmCommand::Follow(_) = o.arm {
            match o.state {
                State::Pausing => lifts += 1,
                _ => hops += 1,
            }
        }
        lifts > 0
    });
    let took = bench.plant.now.since(restless).unwrap();
    let soon = limits.timeouts.restless.after(Micros::from_ms(500));
    assert!(took <= soon, "lifted after {took:?}");
    // Once is enough, and it goes no farther.
    bench.until(5000, |o| {
        lifts += u32::from(matches!(o.arm, ArmCommand::Follow(_)));
        false
    });
    assert_eq!(
        (lifts, hops, bench.core.state()),
        (1, 0, State::Approaching)
    );
    bench.plant.nuisance = Nuisance::None;
    assert!(bench.until(4000, |o| o.finished), "nobody need resume it");
    assert_eq!(bench.outcomes.len(), 5);
    // One that is lost meanwhile is registered before the work goes on.
    let mut bench = reach(State::Dwelling);
    bench.plant.nuisance = Nuisance::HeadFast;
    assert!(bench.until(2000, |o| o.state == State::Pausing));
    (bench.plant.nuisance, bench.plant.registered) = (Nuisance::None, false);
    assert!(bench.until(4000, |o| o.state == State::Paused));
    let out = bench.tick(Some(Command::Resume));
    assert_eq!(out.reply, Some(Err(Denied::Registration)));
    bench.plant.registered = true;
    assert!(bench.finish());
    // A pause asked for meanwhile is one.
    let mut bench = reach(State::Dwelling);
    bench.plant.nuisance = Nuisance::HeadFast;
    assert!(bench.until(2000, |o| o.state == State::Pausing));
    bench.tick(Some(Command::Pause));
    assert!(bench.until(10_000, |o| o.state == State::Paused));
    bench.plant.nuisance = Nuisance::None;
    assert!(bench.finish());
}

/// H3: a head whose last pose is not believed may have been hit, and be there.
#[test]
fn nothing_sets_off_over_a_head_of_which_the_last_pose_is_not_believed() {
    let mut bench = reach(State::Dwelling);
    bench.plant.doubted = true;
    let mut motions = 0;
    bench.until(300, |o| {
        motions += u32::from(matches!(o.arm, ArmCommand::Follow(_)));
        false
    });
    assert_eq!((motions, bench.core.state()), (0, State::Approaching));
    bench.plant.doubted = false;
    assert!(bench.finish());
}

/// H3: it is the head's restlessness that is timed, not how long the way to the dot has taken before.
#[test]
fn a_head_that_twitches_late_on_a_long_way_is_not_left() {
    let mut bench = reach(State::Dwelling);
    bench.plant.accept = Micros::from_ms(950);
    assert!(bench.until(200, |o| o.state == State::Approaching));
    let since = bench.plant.now;
    while bench.plant.arm.is_none() {
        bench.tick(None);
    }
    let restless = Limits::HARDWARE.timeouts.restless;
    while !bench.plant.now.passed(since, restless) && bench.plant.arm.is_some() {
        bench.tick(None);
    }
    assert!(bench.plant.arm.is_some(), "under way for longer than that");
    bench.plant.nuisance = Nuisance::HeadFast;
    bench.until(5, |_| false);
    bench.plant.nuisance = Nuisance::None;
    assert!(!bench.until(400, |o| o.state == State::Pausing));
    bench.plant.accept = Micros::from_ms(6);
    assert!(bench.finish());
}

/// An arm from which no way leads anywhere says nothing of a dot.
#[test]
fn an_arm_that_is_stuck_pauses_and_leaves_no_dot_out() {
    let mut bench = reach(State::Dwelling);
    bench.plant.stuck = true;
    let mut message = Message::Working;
    assert!(bench.until(2000, |o| {
        message = o.message;
        o.state == State::Paused
    }));
    assert_eq!(message, Message::Stuck);
    bench.plant.stuck = false;
    assert!(bench.finish());
    let placed = |(_, o): &&(Dot, Outcome)| matches!(o, Outcome::Placed { .. });
    assert_eq!(bench.outcomes.iter().filter(placed).count(), 5);
}

/// H3: after a loss of tracking the work starts, and goes on, over a head that was registered anew only.
#[test]
fn nothing_starts_or_goes_on_over_a_head_that_must_be_registered() {
    let mut bench = Bench::new(3);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.plant.registered = false;
    let out = bench.tick(Some(Command::Start));
    assert_eq!(out.reply, Some(Err(Denied::Registration)));
    let mut bench = reach(State::Dwelling);
    pause(&mut bench);
    bench.plant.registered = false;
    let out = bench.tick(Some(Command::Resume));
    assert_eq!(out.reply, Some(Err(Denied::Registration)));
    assert!(!bench.until(1000, |o| o.state != State::Paused));
    bench.plant.registered = true;
    assert!(bench.finish());
    for state in [State::Approaching, State::Verifying, State::Dwelling] {
        let mut bench = reach(state);
        bench.plant.registered = false;
        let out = bench.tick(None);
        assert_eq!(out.fault, Some(Fault::HeadLost), "{state:?}");
        assert_eq!(out.needle, NeedleCommand::Retract);
    }
}

/// Whoever asks for a pause on the way to the end gets one, and the end after it.
#[test]
fn a_pause_on_the_way_to_the_end_is_a_pause() {
    let mut bench = Bench::new(2);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(4000, |o| o.state == State::Pausing));
    assert_eq!(bench.outcomes.len(), 2);
    assert_eq!(pause(&mut bench).1, Waits::Parked);
    bench.until(200, |_| false);
    assert_eq!(bench.tick(Some(Command::Resume)).reply, Some(Ok(())));
    assert!(bench.until(2000, |o| o.finished));
}

/// An arm that has made its lift and does not come to rest is not waited for as long as a lift may take.
#[test]
fn a_lift_that_never_comes_to_rest_is_a_fault_in_its_time() {
    let limits = Limits::HARDWARE;
    let mut bench = reach(State::Dwelling);
    let mut follows = 0;
    let mut out = bench.tick(Some(Command::Pause));
    while follows == 0 {
        follows += u32::from(matches!(out.arm, ArmCommand::Follow(_)));
        out = bench.tick(None);
    }
    while bench.plant.arm.is_some() || bench.plant.pending.is_some() {
        bench.tick(None);
    }
    bench.plant.nuisance = Nuisance::ArmTwitches;
    let arrived = bench.plant.now;
    assert!(bench.until(10_000, |o| o.fault == Some(Fault::PauseUnconfirmed)));
    let took = bench.plant.now.since(arrived).unwrap();
    assert!(
        took <= limits.timeouts.stop.after(Micros::from_ms(100)),
        "{took:?}"
    );
}

/// H9: the operator is gone, and nothing goes on by itself, not even to the station.
#[test]
fn a_lost_lease_ends_the_way_to_the_station() {
    let mut bench = parking();
    bench.plant.nuisance = Nuisance::LeaseSilent;
    let out = bench.tick(None);
    assert_eq!(
        (out.fault, out.arm),
        (Some(Fault::LeaseLost), ArmCommand::Cancel)
    );
}

/// An arm that fails on its way is lifted all the same; one that does not answer or stands is a fault, as on every way.
#[test]
fn what_the_arm_does_wrong_on_its_way_to_the_station() {
    let mut bench = parking();
    bench.plant.nuisance = Nuisance::ArmFails;
    bench.tick(None);
    bench.plant.nuisance = Nuisance::None;
    assert_eq!(settles(&mut bench).0, Waits::Lifted);
    let mut bench = parking();
    bench.plant.nuisance = Nuisance::ArmStands;
    assert!(bench.until(10_000, |o| o.fault == Some(Fault::ArmTimeout)));
}
