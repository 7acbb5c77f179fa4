//! The plan's stops: the arm waits off the head until somebody resumes, and skin rests.

use stipple_core::*;

use crate::bench::Bench;
use crate::plant::Nuisance;

/// A session under way whose plan has stops before these dots.
fn started(dots: u32, stops: &[u32]) -> Bench {
    let mut bench = Bench::new(dots);
    bench.plant.stops = stops.to_vec();
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    bench
}

/// Until the session pauses; how many dots have come to an end by then, and why it does.
fn paused(bench: &mut Bench) -> (usize, Message, Option<Waits>) {
    let (mut message, mut waits) = (Message::Working, None);
    assert!(bench.until(20_000, |o| {
        (message, waits) = (o.message, o.waits);
        o.state == State::Paused
    }));
    (bench.outcomes.len(), message, waits)
}

#[test]
fn at_a_stop_the_arm_waits_off_the_head_until_somebody_resumes() {
    let mut bench = started(6, &[0, 3]);
    for dots in [0, 3] {
        let there = paused(&mut bench);
        assert_eq!(there, (dots, Message::PlannedStop, Some(Waits::Parked)));
        let stays = !bench.until(5_000, |o| o.state != State::Paused);
        assert!(stays, "nobody has resumed");
        assert_eq!(bench.tick(Some(Command::Resume)).reply, Some(Ok(())));
    }
    assert!(bench.until(20_000, |o| o.finished));
    assert_eq!(bench.outcomes.len(), 6);
}

/// Whoever resumes a pause of their own has not seen what the stop asks for.
#[test]
fn another_pause_before_a_stop_does_not_make_it() {
    let mut bench = started(4, &[2]);
    assert!(bench.until(4_000, |_| true));
    while bench.outcomes.len() < 2 {
        assert!(bench.tick(None).state.working());
    }
    // In the very tick in which the second dot is done the front is the one with the stop.
    bench.tick(Some(Command::Pause));
    let (dots, message, _) = paused(&mut bench);
    assert_eq!((dots, message), (2, Message::PauseAsked));
    bench.tick(Some(Command::Resume));
    assert_eq!(paused(&mut bench).1, Message::PlannedStop);
    bench.tick(Some(Command::Resume));
    assert!(bench.until(20_000, |o| o.finished));
}

/// Nor has whoever stops there and starts anew.
#[test]
fn a_stop_that_was_not_made_is_there_after_a_new_start() {
    let mut bench = started(4, &[2]);
    assert_eq!(paused(&mut bench).1, Message::PlannedStop);
    bench.tick(Some(Command::Stop));
    assert!(bench.until(2_000, |o| o.state == State::Stopped));
    bench.tick(Some(Command::ClearFault));
    assert!(bench.until(2_000, |o| o.state == State::Ready));
    assert_eq!(bench.tick(Some(Command::Start)).reply, Some(Ok(())));
    assert_eq!(
        paused(&mut bench),
        (2, Message::PlannedStop, Some(Waits::Parked))
    );
}

#[test]
fn skin_rests_between_a_strike_and_the_way_to_the_next_dot() {
    let rest = Micros::from_ms(700);
    let mut bench = Bench::new(4);
    bench.plant.rest = rest;
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    let (mut struck, mut waited, mut said) = (None, 0, false);
    for _ in 0..10_000 {
        let out = bench.tick(None);
        let now = bench.plant.now;
        said |= out.message == Message::SkinRests;
        if out.outcome.is_some() {
            struck = Some(now);
        }
        if let (ArmCommand::Follow(_), State::Approaching, Some(at)) = (out.arm, out.state, struck)
        {
            let passed = now.since(at).unwrap();
            assert!(
                passed >= rest && passed < rest.after(Micros::from_ms(100)),
                "{passed:?}"
            );
            waited += 1;
        }
        if out.finished {
            break;
        }
    }
    assert_eq!((bench.outcomes.len(), waited, said), (4, 3, true));
}

/// The rest is none of the time that a restless head is given.
#[test]
fn a_head_that_is_restless_after_a_rest_has_its_time_to_calm_down() {
    let mut bench = Bench::new(4);
    bench.plant.rest = Micros::from_ms(3_000);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(2_000, |o| o.message == Message::SkinRests));
    assert!(!bench.until(1_000, |o| o.state != State::Approaching));
    bench.plant.nuisance = Nuisance::HeadFast;
    let restless = Limits::HARDWARE.timeouts.restless;
    let ticks = (restless.s() / 0.002) as u32;
    assert!(!bench.until(ticks - 10, |o| o.state == State::Pausing));
    assert!(bench.until(20, |o| o.state == State::Pausing));
}
