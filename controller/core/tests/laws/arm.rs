//! The guards of an arm that moves, each at its figure.

use stipple_core::*;

use crate::bench::{Bench, under_way};
use crate::plant::Nuisance;

/// H12, H1: what the arm does wrong is seen in the tick that shows it, while it is under way.
#[test]
fn an_arm_that_is_too_fast_or_elsewhere_is_a_fault_at_once() {
    for (nuisance, fault) in [
        (Nuisance::JointFast, Fault::JointTooFast),
        (Nuisance::Jolt, Fault::AccelerationHigh),
        (Nuisance::JointOutside, Fault::JointOutside),
        (Nuisance::Untold, Fault::SpeedsUntrue),
        (Nuisance::TipFast, Fault::TipTooFast),
        (Nuisance::TipFastLow, Fault::TipTooFast),
        (Nuisance::TipDives, Fault::TipTooFast),
        (Nuisance::TipLow, Fault::TipTooNear),
        (Nuisance::TipOffPatch, Fault::TipOffPatch),
        (Nuisance::KeepOut, Fault::KeepOutNear),
        (Nuisance::OffPath, Fault::OffPath),
        (Nuisance::NoMotion, Fault::JointsStale),
    ] {
        let mut bench = Bench::new(5);
        assert!(bench.until(400, |o| o.state == State::Ready));
        bench.tick(Some(Command::Start));
        assert!(bench.until(2000, |o| o.state == State::Dwelling));
        let under_way = |bench: &mut Bench| {
            (0..2000).any(|_| {
                bench.tick(None);
                bench.plant.arm.is_some()
            })
        };
        assert!(under_way(&mut bench), "{nuisance:?}: the arm never set off");
        bench.plant.nuisance = nuisance;
        let out = bench.tick(None);
        assert_eq!(
            (out.fault, out.arm),
            (Some(fault), ArmCommand::Cancel),
            "{nuisance:?}"
        );
        assert_eq!(out.needle, NeedleCommand::Retract);
        assert!(bench.finish());
    }
}

/// H12, H1: the figures themselves; what is just within them is no fault.
#[test]
fn the_guards_of_the_arm_hold_at_their_figures() {
    let limits = Limits::HARDWARE;
    let h12 = [
        (limits.tip_free, 0.25),
        (limits.tip_hover, 0.05),
        (limits.tip_near, 0.01),
    ];
    for (limit, figure) in h12 {
        assert!(
            limit >= figure && limit <= 1.1 * figure + 1e-12,
            "{limit} for {figure}"
        );
    }
    assert!(limits.keep_out + limits.approach_displacement >= 20e-3);
    let mut bench = under_way();
    bench.plant.advance();
    let seen = bench.plant.sensed(&bench.queue, None).motion.unwrap();
    let near = seen.near.unwrap();
    let beside = |height, approach, tip_speed| beside(&seen, height, approach, tip_speed);
    let at = |distance| MotionSeen {
        near: Some(TipNear {
            keep_out: Some(distance),
            ..near
        }),
        ..seen
    };
    let a_bit = 1e-6;
    for (motion, fault) in [
        (beside(0.1, 0.0, limits.tip_free), None),
        (
            beside(0.1, 0.0, limits.tip_free + a_bit),
            Some(Fault::TipTooFast),
        ),
        (
            beside(limits.hover_zone - a_bit, 0.0, limits.tip_hover),
            None,
        ),
        (
            beside(limits.hover_zone - a_bit, 0.0, limits.tip_hover + a_bit),
            Some(Fault::TipTooFast),
        ),
        (
            beside(limits.near_skin - a_bit, limits.tip_near, 0.02),
            None,
        ),
        (
            beside(limits.near_skin - a_bit, limits.tip_near + a_bit, 0.02),
            Some(Fault::TipTooFast),
        ),
        (beside(limits.tip_lowest, 0.0, 0.02), None),
        (
            beside(limits.tip_lowest - a_bit, 0.0, 0.02),
            Some(Fault::TipTooNear),
        ),
        (at(limits.keep_out), None),
        (at(limits.keep_out - a_bit), Some(Fault::KeepOutNear)),
        (at(f64::NAN), Some(Fault::BadNumber)),
        (beside(f64::NEG_INFINITY, 0.0, 0.0), Some(Fault::BadNumber)),
    ] {
        assert_eq!(fault_of(&bench, motion), fault, "{motion:?}");
    }
}

/// What becomes of an arm that is seen to move so.
fn fault_of(bench: &Bench, motion: MotionSeen) -> Option<Fault> {
    let sensed = Sensed {
        motion: Some(motion),
        ..bench.plant.sensed(&bench.queue, None)
    };
    let mut core = bench.core.clone();
    core.step(bench.plant.now, &sensed, &mut bench.queue.clone())
        .fault
}

/// The same motion with the tip elsewhere.
fn beside(seen: &MotionSeen, height: f64, approach: f64, tip_speed: f64) -> MotionSeen {
    MotionSeen {
        tip_speed,
        near: seen.near.map(|near| TipNear {
            height,
            approach,
            ..near
        }),
        ..*seen
    }
}

/// H5: an arm that says it has arrived, and whose joints say otherwise, strikes nothing: one of the two is frozen.
#[test]
fn an_arm_that_has_not_arrived_by_its_joints_is_a_fault_before_the_stroke() {
    let mut bench = under_way();
    bench.plant.nuisance = Nuisance::Elsewhere;
    let mut out = None;
    let faulted = bench.until(200, |o| {
        out = out.or(matches!(o.needle, NeedleCommand::Extend(_)).then_some(o.state));
        o.fault == Some(Fault::OffPath)
    });
    assert!(faulted, "no fault in {:?}", bench.core.state());
    assert_eq!(out, None, "the needle came out");
    assert!(bench.finish());
}

/// An arm that was told to end its motion, and when.
fn braking() -> (Bench, Micros) {
    let mut bench = under_way();
    let given_up = bench.plant.now;
    bench.plant.no_way = Some((Leg::Lift, WayOff::None));
    assert_eq!(bench.tick(Some(Command::Pause)).arm, ArmCommand::Cancel);
    (bench, given_up)
}

/// H12: what brakes may be faster than hovering, for a while.
#[test]
fn an_arm_that_brakes_is_no_fault_and_one_that_goes_on_is() {
    let (mut bench, given_up) = braking();
    bench.plant.nuisance = Nuisance::TipFastLow;
    assert!(bench.until(1_000, |o| o.fault == Some(Fault::TipTooFast)));
    let braked = bench.plant.now.since(given_up).unwrap();
    let limit = Limits::HARDWARE.braking;
    assert!(
        braked > limit && braked <= limit.after(Micros::from_ms(6)),
        "{braked:?}"
    );
}

/// H12: no arm that brakes is as fast as one that somebody else leads, but for one that was on its way off the skin.
#[test]
fn an_arm_that_is_led_while_it_should_brake_is_a_fault_at_once() {
    let limits = Limits::HARDWARE;
    let (low, a_bit) = (limits.hover_zone - 1e-6, 1e-6);
    let [hover, free] = [limits.tip_hover, limits.tip_free].map(|v| v * limits.braking_share);
    let (mut bench, _) = braking();
    bench.plant.advance();
    let seen = bench.plant.sensed(&bench.queue, None).motion.unwrap();
    let away = |share: f64, speed: f64| beside(&seen, low, -share * speed, speed);
    for (motion, fault) in [
        (away(0.0, hover - a_bit), None),
        (away(0.0, hover + a_bit), Some(Fault::TipTooFast)),
        (away(limits.away_share, 0.2), None),
        (away(limits.away_share - 0.01, 0.2), Some(Fault::TipTooFast)),
        (away(1.0, free - a_bit), None),
        (away(1.0, free + a_bit), Some(Fault::TipTooFast)),
        (beside(&seen, 0.3, 0.0, free - a_bit), None),
        (
            beside(&seen, 0.3, 0.0, free + a_bit),
            Some(Fault::TipTooFast),
        ),
    ] {
        assert_eq!(fault_of(&bench, motion), fault, "{motion:?}");
    }
}
