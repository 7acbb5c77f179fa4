//! Off the head after a fault, where neither arm nor needle has failed.

use stipple_core::*;

use crate::bench::{Bench, reach};
use crate::plant::Nuisance;

/// What is not the arm's or the needle's, and the fault it leads to.
const ELSEWHERE: [(Nuisance, Fault); 4] = [
    (Nuisance::HeadStale, Fault::HeadLost),
    (Nuisance::Force, Fault::ForceHigh),
    (Nuisance::RecordFails, Fault::RecordFailed),
    (Nuisance::RecordSlow, Fault::IntentLate),
];

/// Until the fault: the needle is told in and the arm to rest in that tick.
fn fault(bench: &mut Bench, nuisance: Nuisance, fault: Fault) -> Output {
    bench.plant.nuisance = nuisance;
    for _ in 0..1_000 {
        let out = bench.tick(None);
        if out.fault.is_some() {
            assert_eq!(out.fault, Some(fault), "{nuisance:?}");
            assert_eq!(
                (&out.needle, out.arm),
                (&NeedleCommand::Retract, ArmCommand::Cancel)
            );
            return out;
        }
    }
    panic!("{nuisance:?} is no fault");
}

/// The motions told until the fault is latched with the arm at rest, and where the arm then is.
fn latched(bench: &mut Bench, fault: Fault) -> (u32, Option<Waits>) {
    let mut motions = 0;
    for _ in 0..5_000 {
        let out = bench.tick(None);
        motions += u32::from(matches!(out.arm, ArmCommand::Follow(_)));
        assert_eq!((out.fault, out.message), (Some(fault), Message::Fault));
        assert_eq!(out.needle, NeedleCommand::Retract);
        if out.state == State::Faulted {
            return (motions, out.waits);
        }
        assert_eq!(out.state, State::Pausing);
    }
    panic!("never latched");
}

/// The arm lifts off a head that was lost.
fn on_the_way() -> Bench {
    let mut bench = reach(State::Dwelling);
    fault(&mut bench, Nuisance::HeadStale, Fault::HeadLost);
    for _ in 0..2_000 {
        if bench.plant.arm.is_some() {
            return bench;
        }
        bench.tick(None);
    }
    panic!("never on its way: {:?}", bench.log.last());
}

/// H3: retract first, then lift; not on to the station, and nothing after that.
#[test]
fn the_arm_lifts_off_the_head_after_a_fault_of_neither_arm_nor_needle() {
    for (nuisance, kind) in ELSEWHERE {
        for state in [State::Approaching, State::Hovering, State::Dwelling] {
            let struck = state == State::Dwelling;
            if struck && nuisance == Nuisance::RecordSlow {
                // The intent is there by then.
                continue;
            }
            let mut bench = reach(state);
            let out = fault(&mut bench, nuisance, kind);
            assert_eq!(out.state, State::Pausing, "{kind:?}, {state:?}");
            assert_eq!(
                bench.tick(Some(Command::Pause)).reply,
                Some(Err(Denied::State))
            );
            let place = latched(&mut bench, kind);
            assert_eq!(place, (1, Some(Waits::Lifted)), "{kind:?}, {state:?}");
            assert!(!bench.until(1_000, |o| {
                matches!(o.arm, ArmCommand::Follow(_)) || o.state != State::Faulted
            }));
            assert!(bench.finish());
        }
    }
}

/// H3, H9: whatever goes wrong on that way ends it; the first fault stays the one that is told.
#[test]
fn another_fault_ends_the_way_off_the_head() {
    for wrong in [
        Nuisance::LeaseSilent,
        Nuisance::JointsStale,
        Nuisance::NeedleSilent,
        Nuisance::TipFast,
        // Fast beside the skin is no way off it: somebody else leads the arm.
        Nuisance::TipFastLow,
        Nuisance::KeepOut,
        Nuisance::OffPath,
        Nuisance::Slip,
        Nuisance::NotANumber,
    ] {
        let mut bench = on_the_way();
        bench.plant.nuisance = wrong;
        let out = bench.tick(None);
        assert_eq!(
            (out.state, out.fault, out.arm),
            (State::Faulted, Some(Fault::HeadLost), ArmCommand::Cancel),
            "{wrong:?}"
        );
        assert!(out.besides.is_some(), "{wrong:?}");
        assert!(!bench.until(500, |o| matches!(o.arm, ArmCommand::Follow(_))));
        assert!(bench.finish());
    }
}

/// H3: a head that comes after the arm does not keep it from going away.
#[test]
fn an_arm_that_leads_away_is_not_stopped_by_a_head_that_comes_after_it() {
    for near in [Nuisance::TipLow, Nuisance::TipOffPatch, Nuisance::TipRises] {
        let mut bench = on_the_way();
        bench.plant.nuisance = near;
        let mut ticks = 0;
        while bench.plant.arm.is_some() && ticks < 1_000 {
            assert_eq!(bench.tick(None).state, State::Pausing, "{near:?}");
            ticks += 1;
        }
        bench.plant.nuisance = Nuisance::None;
        let (_, waits) = latched(&mut bench, Fault::HeadLost);
        assert_eq!(waits, Some(Waits::Lifted), "{near:?}");
    }
}

/// H14: a stop is a stop on that way, too.
#[test]
fn a_stop_ends_the_way_off_the_head() {
    let mut bench = on_the_way();
    let out = bench.tick(Some(Command::Stop));
    assert_eq!((out.reply, out.arm), (Some(Ok(())), ArmCommand::Cancel));
    assert!(!bench.until(2_000, |o| {
        matches!(o.arm, ArmCommand::Follow(_)) || o.state == State::Faulted
    }));
    assert_eq!(bench.core.state(), State::Stopped);
}

/// What is wrong with the needle, the arm, the operator or the loop itself moves nothing.
#[test]
fn the_arm_stays_where_it_is_when_it_cannot_be_trusted() {
    for nuisance in [
        Nuisance::NeedleSilent,
        Nuisance::NeedleFault,
        Nuisance::JointsStale,
        Nuisance::LeaseSilent,
        Nuisance::Slip,
        Nuisance::NotANumber,
        Nuisance::JointFast,
    ] {
        let mut bench = reach(State::Dwelling);
        bench.plant.nuisance = nuisance;
        assert_eq!(bench.tick(None).state, State::Faulted, "{nuisance:?}");
        bench.plant.nuisance = Nuisance::None;
        assert!(!bench.until(1_000, |o| {
            matches!(o.arm, ArmCommand::Follow(_)) || o.state != State::Faulted
        }));
    }
}
