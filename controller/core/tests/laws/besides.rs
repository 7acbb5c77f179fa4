//! What is found after a fault: the first stays the cause, the gravest of the others is told with it and cleared with it.

use stipple_core::*;

use crate::bench::{Bench, reach};
use crate::plant::Nuisance;

/// Until the core holds in `Faulted`, at most so many ticks.
fn held(bench: &mut Bench, ticks: u32) -> Output {
    for _ in 0..ticks {
        let out = bench.tick(None);
        if out.state == State::Faulted {
            return out;
        }
    }
    panic!("never held: {:?}", bench.log.last());
}

/// H14: a stop that is not confirmed is told, whatever went wrong before it.
#[test]
fn a_stop_that_is_not_confirmed_is_told_after_another_fault() {
    let mut bench = reach(State::Approaching);
    while bench.plant.arm.is_none() {
        bench.tick(None);
    }
    bench.plant.nuisance = Nuisance::LeaseSilent;
    let out = held(&mut bench, 10);
    assert_eq!(
        (out.fault, out.besides),
        (Some(Fault::LeaseLost), None),
        "one thing went wrong"
    );
    // The arm has taken the cancel; now somebody else moves it.
    bench.plant.nuisance = Nuisance::ArmTwitches;
    assert_eq!(bench.tick(Some(Command::Stop)).state, State::Stopping);
    let out = held(&mut bench, 5_000);
    assert_eq!(
        (out.fault, out.besides),
        (Some(Fault::LeaseLost), Some(Fault::StopUnconfirmed))
    );
    bench.plant.nuisance = Nuisance::None;
    bench.until(200, |_| false);
    let out = bench.tick(Some(Command::ClearFault));
    assert_eq!(
        (out.reply, out.fault, out.besides),
        (Some(Ok(())), None, None)
    );
    assert!(bench.finish());
}

/// H10, H14: after any fault needle in and arm at rest are seen in the time of a stop, or it is told that they are not; once.
#[test]
fn a_fault_after_which_nothing_is_seen_to_rest_says_so() {
    for (wrong, fault) in [
        (Nuisance::JointsStale, Fault::JointsStale),
        (Nuisance::NeedleSilent, Fault::NeedleSilent),
    ] {
        let mut bench = reach(State::Dwelling);
        bench.plant.nuisance = wrong;
        let began = held(&mut bench, 10);
        assert_eq!((began.fault, began.besides), (Some(fault), None));
        let since = bench.plant.now;
        assert!(bench.until(5_000, |o| o.besides.is_some()), "{wrong:?}");
        let took = bench.plant.now.since(since).unwrap();
        let stop = Limits::HARDWARE.timeouts.stop;
        assert!(took >= stop && took <= stop.after(Micros::from_ms(10)));
        let out = bench.tick(None);
        assert_eq!(
            (out.state, out.fault, out.besides),
            (State::Faulted, Some(fault), Some(Fault::StopUnconfirmed))
        );
        assert!(bench.finish(), "{wrong:?}");
    }
    // One that is seen to rest may be moved by hand later.
    let mut bench = reach(State::Dwelling);
    bench.plant.nuisance = Nuisance::LeaseSilent;
    held(&mut bench, 10);
    bench.until(500, |_| false);
    bench.plant.nuisance = Nuisance::ArmTwitches;
    assert!(!bench.until(5_000, |o| o.besides.is_some()));
}

/// H10: the needle that does not come in is told, also where it is too much force that drew it in.
#[test]
fn a_needle_that_sticks_is_told_after_another_fault() {
    let mut bench = reach(State::Dwelling);
    bench.until(5, |_| false);
    bench.plant.nuisance = Nuisance::Force;
    let out = bench.tick(None);
    assert_eq!(out.fault, Some(Fault::ForceHigh));
    bench.plant.nuisance = Nuisance::NeedleStuck;
    let out = held(&mut bench, 5_000);
    assert_eq!(
        (out.fault, out.besides),
        (Some(Fault::ForceHigh), Some(Fault::NeedleStuck))
    );
    assert_eq!(out.waits, None, "nobody is told to move the arm");
    // Less grave ones do not displace it.
    bench.tick(Some(Command::Stop));
    let out = held(&mut bench, 5_000);
    assert_eq!(out.besides, Some(Fault::NeedleStuck));
    assert!(bench.finish());
}

/// H11: what does not come back is not cleared by being the second.
#[test]
fn a_record_that_fails_after_another_fault_asks_for_a_reload() {
    let mut bench = reach(State::Dwelling);
    bench.plant.nuisance = Nuisance::HeadStale;
    assert!(bench.until(10, |o| o.fault == Some(Fault::HeadLost)));
    bench.plant.nuisance = Nuisance::RecordFails;
    let out = held(&mut bench, 5_000);
    assert_eq!(
        (out.fault, out.besides),
        (Some(Fault::HeadLost), Some(Fault::RecordFailed))
    );
    bench.plant.nuisance = Nuisance::None;
    bench.until(500, |_| false);
    let reply = bench.tick(Some(Command::ClearFault)).reply;
    assert_eq!(reply, Some(Err(Denied::Reload)));
}

/// H2: a stage that has lost its home goes farther out than it tells.
#[test]
fn a_needle_farther_in_than_in_strikes_nothing() {
    let mut bench = Bench::new(5);
    bench.plant.nuisance = Nuisance::Unhomed;
    assert!(bench.until(400, |o| o.state == State::Ready));
    let reply = bench.tick(Some(Command::Start)).reply;
    assert_eq!(reply, Some(Err(Denied::Unhomed)));
    // Found in the middle of the work.
    let mut bench = reach(State::Hovering);
    bench.plant.nuisance = Nuisance::Unhomed;
    let out = |o: &Output| matches!(o.needle, NeedleCommand::Extend(_));
    assert!(!bench.until(3_000, out));
    assert!(bench.finish());
}
