//! Laws of the core, held against a plant that answers, misbehaves at random, and an operator who asks for anything at any time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod arm;
mod bench;
mod besides;
mod contact;
mod hazards;
mod lifting;
mod parking;
mod plant;
mod stops;

use std::collections::BTreeSet;

use bench::Bench;
use plant::Nuisance;
use proptest::prelude::*;
use stipple_core::*;

#[test]
fn a_session_places_every_dot_in_its_time() {
    let mut bench = Bench::new(40);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(
        bench.until(40 * 200, |o| o.finished),
        "stuck in {:?}",
        bench.core.state()
    );
    assert_eq!(bench.outcomes.len(), 40);
    assert!(
        bench
            .outcomes
            .iter()
            .all(|(_, o)| matches!(o, Outcome::Placed { .. }))
    );
    for (_, outcome) in &bench.outcomes {
        let Outcome::Placed { depth, .. } = outcome else {
            unreachable!()
        };
        assert!((depth - 0.6e-3).abs() < 1e-5, "depth {depth}");
    }
}

#[test]
fn refused_hops_are_skipped_and_too_many_pause() {
    let mut bench = Bench::new(60);
    bench.plant.refuse = (10..45).collect();
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(
        bench.until(20_000, |o| o.state == State::Paused),
        "stuck in {:?}",
        bench.core.state()
    );
    let skipped = bench
        .outcomes
        .iter()
        .filter(|(_, o)| *o == Outcome::Skipped(Skip::HopRefused))
        .count();
    assert_eq!(skipped, 25);
    assert!(bench.finish());
    assert_eq!(bench.outcomes.len(), 60);
}

/// Runs to the first tick in `state`, then breaks something, and gives the fault it leads to.
fn fault_of(state: State, nuisance: Nuisance, ticks: u32) -> Option<Fault> {
    let mut bench = Bench::new(5);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(2000, |o| o.state == state));
    bench.plant.nuisance = nuisance;
    let mut fault = None;
    bench.until(ticks, |o| {
        fault = o.fault;
        fault.is_some()
    });
    fault
}

/// H9.
#[test]
fn faults_are_seen_at_once() {
    for state in [
        State::Approaching,
        State::Extending,
        State::Dwelling,
        State::Retracting,
    ] {
        assert_eq!(
            fault_of(state, Nuisance::JointsStale, 1),
            Some(Fault::JointsStale),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::HeadStale, 1),
            Some(Fault::HeadLost),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::NeedleSilent, 1),
            Some(Fault::NeedleSilent),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::NeedleFault, 1),
            Some(Fault::NeedleFault),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::Force, 1),
            Some(Fault::ForceHigh),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::NotANumber, 1),
            Some(Fault::BadNumber),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::Slip, 1),
            Some(Fault::TickGap),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::ClockBack, 1),
            Some(Fault::ClockBackwards),
            "{state:?}"
        );
        assert_eq!(
            fault_of(state, Nuisance::RecordFails, 1),
            Some(Fault::RecordFailed),
            "{state:?}"
        );
        for lease in [Nuisance::LeaseSilent, Nuisance::LeaseOfAnother] {
            assert_eq!(
                fault_of(state, lease, 1),
                Some(Fault::LeaseLost),
                "{state:?}"
            );
        }
    }
    assert_eq!(
        fault_of(State::Dwelling, Nuisance::NeedleStuck, 400),
        Some(Fault::NeedleStuck)
    );
    assert_eq!(
        fault_of(State::Approaching, Nuisance::RecordSlow, 1000),
        Some(Fault::IntentLate)
    );
    assert_eq!(
        fault_of(State::Approaching, Nuisance::ArmFails, 4000),
        Some(Fault::ArmFailed)
    );
    assert_eq!(
        fault_of(State::Approaching, Nuisance::ArmIgnores, 40_000),
        Some(Fault::ArmTimeout)
    );
    // One that says that it moves and stands is given up sooner: after six seconds.
    assert_eq!(
        fault_of(State::Approaching, Nuisance::ArmStands, 2_900),
        None
    );
    assert_eq!(
        fault_of(State::Approaching, Nuisance::ArmStands, 3_700),
        Some(Fault::ArmTimeout)
    );
}

/// H3.
#[test]
fn a_moving_head_draws_the_needle_back_within_a_tick_and_the_dot_counts_as_done() {
    for nuisance in [Nuisance::HeadFast, Nuisance::HeadOff] {
        let mut bench = Bench::new(3);
        assert!(bench.until(400, |o| o.state == State::Ready));
        bench.tick(Some(Command::Start));
        assert!(bench.until(2000, |o| o.state == State::Extending));
        bench.tick(None);
        bench.plant.nuisance = nuisance;
        let out = bench.tick(None);
        assert_eq!(
            (out.state, &out.needle),
            (State::Retracting, &NeedleCommand::Retract)
        );
        bench.until(50, |o| o.outcome.is_some());
        let moved = Outcome::InDoubt(Doubt::Guard(Refusal::HeadMoving));
        assert_eq!(bench.outcomes, [(Dot(0), moved)]);
        bench.plant.nuisance = Nuisance::None;
        assert!(bench.finish());
        assert_eq!(bench.outcomes.len(), 3);
    }
}

/// The needle's own report is still "in" when the arm could set off, because the extension has not reached the needle yet.
#[test]
fn a_stroke_broken_off_at_once_keeps_the_arm_until_the_needle_can_know_of_it() {
    let mut bench = Bench::new(3);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(2000, |o| o.state == State::Extending));
    bench.plant.nuisance = Nuisance::OffPatch;
    assert_eq!(bench.tick(None).state, State::Retracting);
    bench.plant.nuisance = Nuisance::None;
    let mut farthest: f64 = 0.0;
    for _ in 0..100 {
        bench.tick(None);
        farthest = farthest.max(bench.plant.extension);
    }
    assert!(
        farthest > Limits::HARDWARE.needle_in,
        "the needle never came out: the test shows nothing"
    );
    let off_patch = Outcome::InDoubt(Doubt::Guard(Refusal::OffPatch));
    assert_eq!(bench.outcomes, [(Dot(0), off_patch)]);
}

/// H14.
#[test]
fn clearing_starts_nothing_and_what_does_not_come_back_needs_a_reload() {
    let mut bench = Bench::new(5);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    bench.until(100, |_| false);
    assert_eq!(bench.tick(Some(Command::Stop)).reply, Some(Ok(())));
    assert!(bench.until(500, |o| o.state == State::Stopped));
    assert_eq!(
        bench.tick(Some(Command::Resume)).reply,
        Some(Err(Denied::State))
    );
    assert_eq!(
        bench.tick(Some(Command::Start)).reply,
        Some(Err(Denied::State))
    );
    assert_eq!(bench.tick(Some(Command::ClearFault)).reply, Some(Ok(())));
    assert!(
        !bench.until(1000, |o| o.arm != ArmCommand::None || o.state.active()),
        "moved without a start"
    );
    assert_eq!(bench.core.state(), State::Ready);
    bench.tick(Some(Command::Start));
    bench.plant.nuisance = Nuisance::RecordFails;
    assert!(bench.until(10, |o| o.fault == Some(Fault::RecordFailed)));
    bench.plant.nuisance = Nuisance::None;
    bench.until(100, |_| false);
    assert_eq!(
        bench.tick(Some(Command::ClearFault)).reply,
        Some(Err(Denied::Reload))
    );
}

#[test]
fn every_fault_has_a_row_of_its_own() {
    let names: BTreeSet<_> = FAULT_TABLE.iter().map(|r| r.name).collect();
    assert_eq!(names.len(), FAULT_TABLE.len());
    assert!(
        FAULT_TABLE
            .iter()
            .all(|r| r.fault.row() == *r && !r.text.is_empty())
    );
}

fn nuisance() -> impl Strategy<Value = Nuisance> {
    use Nuisance::*;
    prop_oneof![
        6 => Just(None),
        1 => prop::sample::select(vec![
            JointsStale, HeadStale, HeadFast, HeadOff, OffTarget, OffPatch, NeedleSilent, NeedleFault, NeedleStuck, Force, NotANumber,
            ArmFails, ArmIgnores, ArmTwitches, ForeignPermit, RecordSlow,
            JointFast, Jolt, JointOutside, Untold, TipFast, TipFastLow, TipDives, TipLow, TipOffPatch, KeepOut, OffPath, Elsewhere, NoMotion, OtherCartridge, LeaseSilent, LeaseOfAnother, Slip, ClockBack,
        ]),
        2 => prop::sample::select(vec![HeadFast, HeadOff, OffTarget, OffPatch, ArmFails, RecordSlow, ArmTwitches, ForeignPermit]),
    ]
}

fn command() -> impl Strategy<Value = Option<Command>> {
    use Command::*;
    prop::option::of(prop::sample::select(vec![
        Start, Start, Pause, Resume, Resume, Stop, ClearFault, ClearFault,
    ]))
}

/// A goal is sent, the stop comes before the arm has taken it on, and the joints rest all the while.
#[test]
fn a_motion_taken_on_after_the_stop_is_ended_before_the_stop_is_confirmed() {
    for (command, end) in [
        (Command::Stop, State::Stopped),
        (Command::Pause, State::Paused),
    ] {
        let mut bench = Bench::new(5);
        bench.plant.accept = Micros::from_ms(60);
        assert!(bench.until(400, |o| o.state == State::Ready));
        bench.tick(Some(Command::Start));
        assert!(bench.until(4000, |o| matches!(o.arm, ArmCommand::Follow(_))));
        bench.tick(None);
        bench.tick(Some(command));
        let mut moved = false;
        for _ in 0..1000 {
            // The bench itself judges that nothing is under way in either state.
            let state = bench.tick(None).state;
            moved |= bench.plant.arm_moves();
            if state == end {
                break;
            }
        }
        assert!(moved, "the goal was never taken on: the test shows nothing");
        assert_eq!(bench.core.state(), end);
        bench.until(500, |_| false);
        assert!(bench.finish());
    }
}

/// Someone else moves the arm while the needle is stuck out, in a pause: it is told to rest at once, and after the fault again.
#[test]
fn an_arm_that_moves_with_the_needle_stuck_is_cancelled() {
    let mut bench = Bench::new(5);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(2000, |o| o.state == State::Extending));
    bench.until(10, |_| false);
    assert!(bench.plant.extension > Limits::HARDWARE.needle_in);
    bench.plant.nuisance = Nuisance::NeedleStuck;
    bench.tick(Some(Command::Pause));
    bench.plant.nuisance = Nuisance::StuckAndTwitching;
    assert_eq!(bench.tick(None).arm, ArmCommand::Cancel);
    let mut cancels = 0;
    bench.until(400, |o| {
        cancels += u32::from(o.state == State::Faulted && o.arm == ArmCommand::Cancel);
        false
    });
    assert_eq!(bench.core.state(), State::Faulted);
    assert!(cancels > 1, "{cancels} cancels after the fault");
}

/// An arm that moves while all is stopped or paused is told to rest, again and again.
#[test]
fn a_stopped_or_paused_arm_that_moves_is_cancelled() {
    for (command, end) in [
        (Command::Stop, State::Stopped),
        (Command::Pause, State::Paused),
    ] {
        let mut bench = Bench::new(5);
        assert!(bench.until(400, |o| o.state == State::Ready));
        bench.tick(Some(Command::Start));
        bench.until(20, |_| false);
        bench.tick(Some(command));
        assert!(bench.until(1000, |o| o.state == end));
        assert!(!bench.until(200, |o| o.arm != ArmCommand::None));
        bench.plant.nuisance = Nuisance::ArmTwitches;
        let mut cancels = 0;
        bench.until(200, |o| {
            cancels += u32::from(o.arm == ArmCommand::Cancel);
            false
        });
        assert!(cancels > 2, "{cancels} cancels in {end:?}");
    }
}

/// A fault while the needle is on its way out, before its report can show it: the old report does not make the needle "in".
#[test]
fn a_fault_in_a_stroke_is_not_cleared_on_a_report_from_before_it() {
    let mut bench = Bench::new(5);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(2000, |o| o.state == State::Extending));
    bench.plant.nuisance = Nuisance::Slip;
    assert_eq!(bench.tick(None).state, State::Faulted);
    bench.plant.nuisance = Nuisance::None;
    // The arm rests anew within a tick or two; the needle's link takes longer.
    bench.until(2, |_| false);
    assert_eq!(
        bench.tick(Some(Command::ClearFault)).reply,
        Some(Err(Denied::Needle))
    );
    bench.until(50, |_| false);
    assert_eq!(bench.tick(Some(Command::ClearFault)).reply, Some(Ok(())));
}

/// What was computed before the head became restless may aim anywhere by the time it is calm again.
#[test]
fn a_motion_offered_before_a_restless_head_must_be_offered_anew() {
    let mut bench = Bench::new(5);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(bench.until(400, |o| o.need_hop.is_some()));
    let offered = bench.queue.front().and_then(|t| t.hop);
    assert!(offered.is_some(), "nothing was offered");
    bench.plant.nuisance = Nuisance::HeadFast;
    bench.tick(None);
    assert_eq!(bench.queue.front().and_then(|t| t.hop), None);
    bench.plant.nuisance = Nuisance::None;
    assert!(bench.until(
        400,
        |o| matches!(o.arm, ArmCommand::Follow(hop) if Some(hop) != offered)
    ));
}

/// With a joint state only now and then, the rest must still be shown by joint states, not by time that passes.
#[test]
fn rest_is_counted_in_joint_states() {
    let mut bench = Bench::new(10);
    bench.plant.joints_every = 8;
    assert!(bench.finish());
    assert_eq!(bench.outcomes.len(), 10);
}

fn script() -> impl Strategy<Value = Vec<(Nuisance, Option<Command>, u32)>> {
    prop::collection::vec((nuisance(), command(), 1u32..120), 1..60)
}

fn play(script: &[(Nuisance, Option<Command>, u32)]) -> Bench {
    let mut bench = Bench::new(30);
    // Long or short, the same for the same script.
    bench.plant.accept = Micros::from_ms(u64::from(script.first().map_or(0, |s| s.2)));
    bench.until(400, |o| o.state == State::Ready);
    bench.tick(Some(Command::Start));
    for (nuisance, command, ticks) in script {
        bench.plant.nuisance = *nuisance;
        bench.tick(*command);
        // A clock that goes back for ever is a plant of its own; once is enough.
        if *nuisance == Nuisance::ClockBack {
            bench.plant.nuisance = Nuisance::None;
        }
        bench.until(*ticks, |_| false);
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// H6: all laws in [`Bench::judge`], and: with everything well again, the session finishes and every dot has one outcome.
    #[test]
    fn whatever_happens_the_laws_hold_and_the_session_finishes(script in script()) {
        let mut bench = play(&script);
        prop_assert!(bench.finish(), "stuck in {:?}, fault {:?}", bench.core.state(), bench.log.last());
        let reload = bench.log.last().is_some_and(|(_, _, _, out)| out.contains("Reload"));
        if !reload {
            prop_assert_eq!(bench.outcomes.len(), 30);
        }
    }

    /// H14: from wherever it is, a stop is reached when the plant answers.
    #[test]
    fn stop_is_reached_from_everywhere(script in script()) {
        let mut bench = play(&script);
        bench.plant.nuisance = Nuisance::None;
        let already = bench.core.state() == State::Stopped;
        let out = bench.tick(Some(Command::Stop));
        prop_assert_eq!(out.reply, Some(Ok(())));
        prop_assert!(already || bench.until(150, |o| o.state == State::Stopped), "stuck in {:?}", bench.core.state());
    }

    /// The same inputs give the same outputs.
    #[test]
    fn replay_is_identical(script in script()) {
        let bench = play(&script);
        let mut core = Core::new(Limits::HARDWARE, 100);
        for (now, sensed, queue, said) in bench.log {
            let out = core.step(now, &sensed, &mut queue.clone());
            prop_assert_eq!(format!("{:?}", out), said);
        }
    }

    /// H13: any numbers at all: no panic, and never out without a guard holding.
    #[test]
    fn any_numbers_at_all(values in prop::collection::vec(any::<f64>(), 9), ages in prop::collection::vec(0u64..200_000, 4)) {
        for state in [State::Approaching, State::Verifying, State::Extending, State::Dwelling, State::Retracting] {
            let mut bench = Bench::new(3);
            bench.until(400, |o| o.state == State::Ready);
            bench.tick(Some(Command::Start));
            prop_assert!(bench.until(2000, |o| o.state == state));
            bench.plant.advance();
            let mut sensed = bench.plant.sensed(&bench.queue, None);
            let (joints, head) = (sensed.joints.as_mut().unwrap(), sensed.head.as_mut().unwrap());
            let at = |age: u64| Micros(bench.plant.now.0 - age);
            (joints.at, joints.max_speed) = (at(ages[0]), values[0]);
            (head.at, head.speed, head.displacement) = (at(ages[1]), values[1], values[2]);
            let (tip, needle) = (sensed.tip.as_mut().unwrap(), sensed.needle.as_mut().unwrap());
            (tip.at, tip.lateral, tip.gap, tip.angle) = (at(ages[2]), values[3], values[4], values[5]);
            (needle.at, needle.extension, needle.force) = (at(ages[3]), values[6], values[7]);
            bench.told_truly = false;
            let before = bench.queue.clone();
            let out = bench.core.step(bench.plant.now, &sensed, &mut bench.queue);
            if let NeedleCommand::Extend(stroke) = &out.needle {
                prop_assert!(stroke.extension().is_finite() && stroke.extension() <= Limits::HARDWARE.stroke);
            }
            bench.judge(&sensed, &before, &out);
        }
    }
}
