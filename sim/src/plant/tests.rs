use stipple_controller::ports::{ArmPort as _, HeadPort as _, NeedlePort as _};
use stipple_core::HopId;
use stipple_model::motion::Trajectory;
use stipple_model::plan::Outcome;

use super::*;
use crate::testing::small_plan;

const TICK: Micros = Micros(2_000);

fn plant(config: &PlantConfig, seed: u64) -> (Plant, Plan, Joints) {
    let (plan, cell) = small_plan(2);
    let Outcome::Planned { hover, .. } = plan.dots[0].outcome else {
        panic!("dot 0 is planned")
    };
    (
        Plant::new(&plan, cell.arm(), hover, config, seed).unwrap(),
        plan,
        hover,
    )
}

fn step(plant: &mut Plant) {
    plant.step(plant.now().after(TICK));
}

/// Out to `extension` for 60 ms, then in.
fn stroke(plant: &mut Plant, permit: u64, extension: f64) {
    for _ in 0..30 {
        plant.needle.take(&DeviceCommand::Extend {
            permit,
            dot: 0,
            extension,
            depth: 2e-3,
            speed: 0.1,
        });
        step(plant);
    }
    for _ in 0..30 {
        plant.needle.take(&DeviceCommand::Retract);
        step(plant);
    }
}

#[test]
fn a_stroke_over_a_dot_is_a_strike_at_its_depth() {
    let config = PlantConfig {
        head: HeadMotion::still(),
        ..PlantConfig::default()
    };
    let (mut plant, plan, _) = plant(&config, 1);
    step(&mut plant);
    stroke(&mut plant, 1, limits::HOVER.m() + plan.dots[0].depth.m());
    let [strike] = plant.strikes() else {
        panic!("{:?}", plant.strikes())
    };
    assert_eq!(
        (strike.dot, strike.permit, strike.in_patch),
        (DotId(0), 1, true)
    );
    assert!(strike.lateral < 1e-6, "lateral {}", strike.lateral);
    // The skin stays dented under the needle.
    assert!(
        (strike.depth_error + config.skin.dent).abs() < 1e-5,
        "depth error {}",
        strike.depth_error
    );
    assert!(strike.angle < 1e-6 && strike.force > 0.1);
    assert_eq!(plant.invariants().breaks, 0);
    assert!(plant.invariants().checks > 100);
}

#[test]
fn a_second_strike_and_a_moving_arm_are_seen() {
    let (mut plant, plan, hover) = plant(&PlantConfig::default(), 1);
    let extension = limits::HOVER.m() + plan.dots[0].depth.m();
    stroke(&mut plant, 1, extension);
    stroke(&mut plant, 2, extension);
    assert_eq!(
        plant.invariants().first.first().map(|b| b.broken),
        Some(Broken::StruckTwice)
    );
    let mut way = Trajectory::resting(hover);
    let limits = plant.kinematics.motion_limits();
    way.push(hover.map(|q| q + 0.1), &limits, 0.0, 1.0).unwrap();
    plant.arm.follow(HopId(1), &way).unwrap();
    stroke(&mut plant, 3, extension);
    assert!(
        plant
            .invariants()
            .first
            .iter()
            .any(|b| b.broken == Broken::MovedNeedleOut)
    );
}

#[test]
fn a_head_that_bounces_on_the_needle_is_told_from_a_second_strike() {
    let mut invariants = Invariants::default();
    let strike = |dot, permit| Strike {
        dot: DotId(dot),
        permit,
        at: Micros::ZERO,
        lateral: 0.0,
        depth: 0.0,
        depth_error: 0.0,
        angle: 0.0,
        dragged: 0.0,
        force: 0.0,
        in_patch: true,
    };
    invariants.remember([DotId(9)]);
    for (dot, permit) in [(1, 1), (1, 1), (2, 2), (1, 3), (9, 4)] {
        invariants.strike(&strike(dot, permit));
    }
    let found: Vec<_> = invariants.first.iter().map(|b| b.broken).collect();
    let expected = [
        Broken::PiercedTwice,
        Broken::StruckTwice,
        Broken::StruckTwice,
    ];
    assert_eq!(found, expected);
}

/// H2: a device that feels the skin goes no deeper than it was told, wherever the skin is.
#[test]
fn the_device_stops_at_its_depth_in_skin_that_stands_higher() {
    for feels in [Some(0.1), None] {
        let config = PlantConfig {
            head: HeadMotion::still(),
            needle: NeedleConfig {
                feels,
                ..NeedleConfig::default()
            },
            ..PlantConfig::default()
        };
        let (mut plant, plan, _) = plant(&config, 1);
        let depth = plan.dots[0].depth.m();
        plant.swell(0.8e-3);
        step(&mut plant);
        for _ in 0..30 {
            plant.needle.take(&DeviceCommand::Extend {
                permit: 1,
                dot: 0,
                extension: limits::HOVER.m() + depth,
                depth,
                speed: 0.1,
            });
            step(&mut plant);
        }
        for _ in 0..30 {
            plant.needle.take(&DeviceCommand::Retract);
            step(&mut plant);
        }
        let deeper = plant.strikes()[0].depth_error;
        if feels.is_some() {
            assert!(deeper <= 0.2e-3, "{deeper}");
        } else {
            assert!(deeper > 0.7e-3, "{deeper}: the test shows little");
        }
    }
}

/// H10: from as far out as the needle can be.
#[test]
fn silence_draws_the_needle_in_over_the_skin() {
    let (mut plant, _, _) = plant(&PlantConfig::default(), 1);
    for _ in 0..20 {
        plant.needle.take(&DeviceCommand::Extend {
            permit: 1,
            dot: 0,
            extension: 5e-3,
            depth: 5e-3,
            speed: 0.15,
        });
        step(&mut plant);
    }
    assert!(plant.needle.extension() > 4.9e-3, "the whole stroke");
    let silent_since = plant.now();
    while plant.needle.is_out() {
        step(&mut plant);
        let silence = plant.now().since(silent_since).unwrap();
        assert!(
            silence <= Micros::from_ms(50),
            "still out after {} s of silence",
            silence.s()
        );
    }
}

#[test]
fn the_same_seed_repeats_bit_for_bit() {
    let run = |seed| {
        let (mut plant, _, hover) = plant(&PlantConfig::default(), seed);
        let mut way = Trajectory::resting(hover);
        way.push(
            hover.map(|q| q + 0.05),
            &plant.kinematics.motion_limits(),
            0.0,
            1.0,
        )
        .unwrap();
        plant.arm.follow(HopId(1), &way).unwrap();
        for _ in 0..500 {
            step(&mut plant);
        }
        (
            plant.arm.joint_state(),
            plant.needle.report(),
            plant.tracker.head_pose(),
        )
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).2, run(6).2);
}

#[test]
fn joints_that_do_not_fit_are_refused() {
    let (plan, cell) = small_plan(1);
    let refused = Plant::new(
        &plan,
        cell.arm(),
        Joints::zeros(7),
        &PlantConfig::default(),
        0,
    );
    assert!(matches!(
        refused,
        Err(PlantError::Joints { arm: 6, start: 7 })
    ));
}

#[test]
fn home_is_clear_and_above_the_first_dot() {
    let (plan, cell) = small_plan(1);
    let start = home(&plan, &cell, 1).unwrap();
    assert!(cell.blocked(&start, &plan.cell.base_from_head).is_none());
    let head_from_tip = plan.cell.base_from_head.inverse() * cell.base_from_tip(&start);
    assert!(head_from_tip.origin().distance(&plan.dots[0].position) > 15e-3);
    assert!(matches!(home(&plan, &cell, 2), Err(PlantError::NoDot(2))));
}

#[test]
fn a_head_that_comes_into_the_nose_is_not_pierced_deeper_than_the_needle_is_out() {
    let config = PlantConfig {
        head: HeadMotion::still(),
        ..PlantConfig::default()
    };
    let (mut plant, plan, _) = plant(&config, 1);
    step(&mut plant);
    let into_the_nose = plan.dots[0].normal.raw() * (limits::HOVER.m() + 1e-3);
    plant.head.jerk(into_the_nose);
    for _ in 0..50 {
        step(&mut plant);
    }
    stroke(&mut plant, 1, 0.5e-3);
    step(&mut plant);
    let [strike] = plant.strikes() else {
        panic!("{:?}", plant.strikes())
    };
    assert!(strike.depth <= 0.5e-3, "{}", strike.depth);
    assert_eq!(plant.invariants().breaks, 0);
}
