//! What every arm's port must do, whoever it leads to: [`holds`] is run on the simulated arm itself, on one that is led point by point, and
//! on both over ROS 2.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::{ArmFailure, ArmPort, JointState, Micros, PortError, Stamped};
use stipple_controller::stream::{Figures, Stream};
use stipple_core::{HopId, MotionStatus};
use stipple_model::arm::{Arm, ArmSource};
use stipple_model::joints::Joints;
use stipple_model::motion::{JointLimits, Trajectory};

use crate::plant::{ArmConfig, Reference, SimArm, Spline, TrajectoryPoint};

/// Slow enough for a cancel to come in the middle of it, also where ticks are late.
const SPEED: f64 = 0.25;
/// rad.
const WAY: f64 = 0.3;
/// Ticks until anything at all must have come true: half a minute.
const PATIENCE: u64 = 15_000;
/// Ticks for which an arm must stand to be at rest.
const STANDING: u64 = 100;
/// What a measured speed shows at rest, rad/s.
const REST: f64 = 0.01;

/// An arm behind its port, and time.
pub trait Bench {
    /// The port.
    fn arm(&mut self) -> &mut dyn ArmPort;
    /// Two milliseconds, at least.
    fn tick(&mut self);
}

fn seen(bench: &mut dyn Bench) -> JointState {
    bench
        .arm()
        .joint_state()
        .expect("joints are reported")
        .value
}

fn until(bench: &mut dyn Bench, what: &str, mut done: impl FnMut(&mut dyn ArmPort) -> bool) {
    for _ in 0..PATIENCE {
        if done(bench.arm()) {
            return;
        }
        bench.tick();
    }
    panic!("waited in vain: {what}");
}

/// Waits until the joints stand; says where.
fn rest(bench: &mut dyn Bench) -> Joints {
    let mut standing = 0;
    until(bench, "the arm to rest", |arm| {
        let moves = arm
            .joint_state()
            .is_none_or(|j| j.value.velocity.max_abs() > REST);
        standing = if moves { 0 } else { standing + 1 };
        standing > STANDING
    });
    seen(bench).position
}

fn stands(bench: &mut dyn Bench, at: &Joints) {
    for _ in 0..STANDING {
        bench.tick();
        let off = seen(bench).position.max_difference(at);
        assert!(off < 1e-3, "it moved by {off} rad");
    }
}

/// From there, all joints by so much.
fn way(from: Joints, by: f64) -> Trajectory {
    let each = |value: f64| from.map(|_| value);
    let limits = JointLimits {
        velocity: each(SPEED),
        acceleration: each(2.0),
        jerk: each(20.0),
    };
    let mut way = Trajectory::resting(from);
    way.push(from.map(|q| q + by), &limits, 0.0, 1.0).unwrap();
    way
}

/// The contract of [`ArmPort`].
pub fn holds(bench: &mut dyn Bench) {
    until(bench, "joints and their names", |arm| {
        arm.joint_state().is_some() && arm.joint_names().is_some()
    });
    let home = rest(bench);
    assert_eq!(bench.arm().status(HopId(1)), MotionStatus::Idle);
    nothing_to_cancel(bench, &home);
    follows(bench, home);
    comes_to_rest_on_cancel(bench);
    takes_no_motion_of_another_arm(bench);
}

/// A cancel without a motion moves nothing.
fn nothing_to_cancel(bench: &mut dyn Bench, home: &Joints) {
    bench.arm().cancel().unwrap();
    stands(bench, home);
}

/// A motion begins, is under way, and ends at its end; the same one again changes nothing.
fn follows(bench: &mut dyn Bench, home: Joints) {
    let there = way(home, WAY);
    bench.arm().follow(HopId(1), &there).unwrap();
    until(bench, "the motion to begin", |arm| {
        arm.status(HopId(1)) == MotionStatus::Active
    });
    bench.arm().follow(HopId(1), &there).unwrap();
    until(bench, "the motion to end", |arm| {
        arm.status(HopId(1)) != MotionStatus::Active
    });
    assert_eq!(bench.arm().status(HopId(1)), MotionStatus::Succeeded);
    let end = rest(bench);
    assert!(end.max_difference(&there.end()) < 2.5e-3, "{end:?}");
    bench.arm().follow(HopId(1), &there).unwrap();
    stands(bench, &end);
    assert_eq!(bench.arm().status(HopId(1)), MotionStatus::Succeeded);
}

/// After a cancel the motion has failed and the arm rests, on its way and not at its end; the next one begins there.
fn comes_to_rest_on_cancel(bench: &mut dyn Bench) {
    let from = seen(bench).position;
    let back = way(from, -WAY);
    bench.arm().follow(HopId(2), &back).unwrap();
    until(bench, "the arm to be under way", |arm| {
        let joints = arm.joint_state().unwrap().value.position;
        joints.max_difference(&from) > 0.1 * WAY
    });
    bench.arm().cancel().unwrap();
    until(bench, "the motion to have failed", |arm| {
        arm.status(HopId(2)) == MotionStatus::Failed(ArmFailure::Cancelled)
    });
    let at = rest(bench);
    let gone = at.max_difference(&from);
    assert!(gone > 0.1 * WAY && gone < 0.95 * WAY, "{gone}");
    let spread = at.zip(&from, |a, b| a - b + gone);
    assert!(spread.max_abs() < 5e-3, "it left its way: {spread:?}");
    stands(bench, &at);
    let on = way(at, -0.2 * WAY);
    bench.arm().follow(HopId(3), &on).unwrap();
    assert_eq!(bench.arm().status(HopId(2)), MotionStatus::Idle);
    until(bench, "the next motion to end", |arm| {
        arm.status(HopId(3)) == MotionStatus::Succeeded
    });
    let end = rest(bench);
    assert!(end.max_difference(&on.end()) < 2.5e-3);
}

fn takes_no_motion_of_another_arm(bench: &mut dyn Bench) {
    let at = rest(bench);
    let wrong = Trajectory::resting(Joints::zeros(at.dof() - 1));
    assert_eq!(
        bench.arm().follow(HopId(4), &wrong),
        Err(PortError::JointCount {
            motion: at.dof() - 1,
            arm: at.dof()
        })
    );
    stands(bench, &at);
}

/// A simulated arm at rest.
pub fn arm() -> SimArm {
    let arm = Arm::from_source(&ArmSource::ur5e()).unwrap();
    let start = Joints::from_slice(&[0.0, -1.2, 1.5, -1.8, -1.5, 0.0]).unwrap();
    let chance = ChaCha8Rng::seed_from_u64(1);
    SimArm::new(&arm, start, ArmConfig::default(), chance)
}

struct Itself {
    arm: SimArm,
    now: Micros,
}

impl Bench for Itself {
    fn arm(&mut self) -> &mut dyn ArmPort {
        &mut self.arm
    }

    fn tick(&mut self) {
        self.now = self.now.after(Micros::from_ms(2));
        self.arm.step(self.now);
    }
}

#[test]
fn the_simulated_arm_holds_the_contract() {
    let (arm, now) = (arm(), Micros::ZERO);
    holds(&mut Itself { arm, now });
}

/// The simulated arm, led point by point.
struct Led {
    arm: SimArm,
    stream: Stream,
    now: Micros,
}

const FIGURES: Figures = Figures {
    period: Micros::from_ms(2),
    horizon: Micros::from_ms(20),
    path: 0.1,
    goal: 2e-3,
    goal_time: 1.0,
};

impl ArmPort for Led {
    fn joint_names(&self) -> Option<&[String]> {
        self.arm.joint_names()
    }

    fn joint_state(&self) -> Option<Stamped<JointState>> {
        self.arm.joint_state()
    }

    fn follow(&mut self, hop: HopId, trajectory: &Trajectory) -> Result<(), PortError> {
        let (motion, arm) = (trajectory.start().dof(), 6);
        if motion != arm {
            return Err(PortError::JointCount { motion, arm });
        }
        self.stream.follow(hop, trajectory);
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), PortError> {
        self.stream.cancel();
        Ok(())
    }

    fn status(&self, hop: HopId) -> MotionStatus {
        self.stream.status(hop)
    }
}

impl Bench for Led {
    fn arm(&mut self) -> &mut dyn ArmPort {
        self
    }

    fn tick(&mut self) {
        self.now = self.now.after(Micros::from_ms(2));
        self.arm.step(self.now);
        let joints = self.arm.joint_state();
        if let Some(position) = self.stream.tick(self.now, joints.as_ref()) {
            let point = TrajectoryPoint {
                time: FIGURES.horizon.s(),
                position,
                velocity: None,
                acceleration: None,
            };
            let way = Spline::new(*self.arm.reference().0, vec![point]).unwrap();
            self.arm.divert(Reference::Points(way)).unwrap();
        }
    }
}

fn led() -> Led {
    Led {
        arm: arm(),
        stream: Stream::new(FIGURES),
        now: Micros::ZERO,
    }
}

#[test]
fn an_arm_led_point_by_point_holds_the_contract() {
    holds(&mut led());
}

/// Whoever leads dies in the middle: the arm stands a horizon and its own lag later.
#[test]
fn an_arm_that_is_led_stands_when_nobody_leads_it_any_more() {
    let mut bench = led();
    bench.tick();
    let from = seen(&mut bench).position;
    bench.follow(HopId(1), &way(from, WAY)).unwrap();
    for _ in 0..300 {
        bench.tick();
    }
    assert!(bench.arm.true_velocity().max_abs() > 0.8 * SPEED);
    let at = *bench.arm.true_position();
    for k in 1..=100 {
        bench.arm.step(bench.now.after(Micros::from_ms(2 * k)));
    }
    let gone = bench.arm.true_position().max_difference(&at);
    assert!(gone < 0.03 * SPEED + 1e-3, "it went on by {gone} rad");
    assert!(bench.arm.true_velocity().max_abs() < 1e-3);
}

/// Nobody leads for a while, or what is told and reported is lost for a while, over and over: the arm is late by it, and no faster.
#[test]
fn an_arm_that_is_led_makes_up_for_no_gap() {
    for (leader, gap) in [(true, 12), (true, 50), (false, 12), (false, 50)] {
        let mut bench = led();
        bench.tick();
        let from = seen(&mut bench).position;
        bench.follow(HopId(1), &way(from, WAY)).unwrap();
        let (mut fastest, mut ticks) = (0.0_f64, 0_u64);
        while bench.status(HopId(1)) != MotionStatus::Succeeded {
            ticks += 1;
            assert!(ticks < 10_000, "it does not arrive");
            if ticks.is_multiple_of(100) {
                let last = bench.arm.joint_state();
                for _ in 0..gap / 2 {
                    bench.now = bench.now.after(Micros::from_ms(2));
                    bench.arm.step(bench.now);
                    if !leader {
                        let _ = bench.stream.tick(bench.now, last.as_ref());
                    }
                    fastest = fastest.max(bench.arm.true_velocity().max_abs());
                }
            }
            bench.tick();
            fastest = fastest.max(bench.arm.true_velocity().max_abs());
        }
        assert!(fastest < 1.02 * SPEED, "{leader} {gap}: {fastest}");
    }
}
