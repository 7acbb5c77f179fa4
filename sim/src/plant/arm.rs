//! The simulated arm: follows a motion with a lag, as joint_trajectory_controller over a position-controlled arm does.

use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::{ArmFailure, ArmPort, JointState, Micros, PortError, Stamped};
use stipple_core::{HopId, MotionStatus};
use stipple_model::arm::Arm;
use stipple_model::joints::Joints;
use stipple_model::motion::{JointLimits, Trajectory};

use super::reference::Reference;
use crate::chance::sensor_noise;

/// How the arm behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmConfig {
    /// Time constant with which the joints follow their reference, seconds.
    pub lag: f64,
    /// Standard deviation of a measured joint position, rad.
    pub position_noise: f64,
    /// Standard deviation of a measured joint speed, rad/s.
    pub velocity_noise: f64,
    /// Tolerances of motions that bring none of their own.
    pub tolerances: Tolerances,
}

impl Default for ArmConfig {
    fn default() -> Self {
        Self {
            lag: 8e-3,
            position_noise: 1e-5,
            velocity_noise: 2e-4,
            tolerances: Tolerances::default(),
        }
    }
}

/// When a motion counts as failed or done, as in a FollowJointTrajectory goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Farthest a joint may be from its reference on the way, rad; `None` is not enforced.
    pub path: Option<f64>,
    /// Farthest a joint may be from the end, rad; `None` is not enforced.
    pub goal: Option<f64>,
    /// How long after its end the motion may take to get there, seconds; `None` waits for ever.
    pub goal_time: Option<f64>,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            path: Some(0.1),
            goal: Some(2e-4),
            goal_time: Some(0.5),
        }
    }
}

#[derive(Debug, Clone)]
enum Drive {
    /// Holding a position.
    Hold,
    /// Following a motion.
    Follow {
        reference: Reference,
        began: Micros,
        tolerances: Tolerances,
    },
    /// Coming to rest.
    Brake,
}

/// The arm. Time is what [`SimArm::step`] is given.
#[derive(Debug, Clone)]
pub struct SimArm {
    config: ArmConfig,
    names: Vec<String>,
    limits: JointLimits,
    range: Vec<(f64, f64)>,
    now: Micros,
    position: Joints,
    velocity: Joints,
    wanted: Joints,
    wanted_velocity: Joints,
    drive: Drive,
    motion: Option<(HopId, MotionStatus)>,
    measured: Option<Stamped<JointState>>,
    rng: ChaCha8Rng,
}

impl SimArm {
    /// At rest at `start`, at time zero. The generator makes its noise.
    #[must_use]
    pub fn new(arm: &Arm, start: Joints, config: ArmConfig, rng: ChaCha8Rng) -> Self {
        let zeros = start.map(|_| 0.0);
        Self {
            config,
            names: arm.joints().iter().map(|j| j.name.clone()).collect(),
            limits: arm.motion_limits(),
            range: arm.joints().iter().map(|j| (j.lower, j.upper)).collect(),
            now: Micros::ZERO,
            position: start,
            velocity: zeros,
            wanted: start,
            wanted_velocity: zeros,
            drive: Drive::Hold,
            motion: None,
            measured: None,
            rng,
        }
    }

    /// Where the joints really are, rad.
    #[must_use]
    pub fn true_position(&self) -> &Joints {
        &self.position
    }

    /// How fast the joints really are, rad/s.
    #[must_use]
    pub fn true_velocity(&self) -> &Joints {
        &self.velocity
    }

    /// Where the joints should be now: position (rad) and velocity (rad/s).
    #[must_use]
    pub fn reference(&self) -> (&Joints, &Joints) {
        (&self.wanted, &self.wanted_velocity)
    }

    /// What the joints may do.
    #[must_use]
    pub const fn limits(&self) -> JointLimits {
        self.limits
    }

    /// Tolerances of motions that bring none of their own.
    #[must_use]
    pub const fn tolerances(&self) -> Tolerances {
        self.config.tolerances
    }

    /// A person has moved the arm by its own means (its pendant, or by hand); it rests there.
    pub fn put(&mut self, at: Joints) {
        self.fail(ArmFailure::Preempted);
        self.drive = Drive::Hold;
        (self.position, self.wanted) = (at, at);
        self.velocity = at.map(|_| 0.0);
        self.wanted_velocity = self.velocity;
    }

    /// Seconds since the motion under way began; `None` without one.
    #[must_use]
    pub fn elapsed(&self) -> Option<f64> {
        match &self.drive {
            Drive::Follow { began, .. } => self.now.since(*began).map(Micros::s),
            Drive::Hold | Drive::Brake => None,
        }
    }

    /// Begins a motion, which replaces the one under way.
    ///
    /// # Errors
    /// When it has another number of joints. A motion that leaves the joints' range is taken on and marked rejected.
    pub fn begin(
        &mut self,
        hop: HopId,
        reference: Reference,
        tolerances: Tolerances,
    ) -> Result<(), PortError> {
        let (motion, arm) = (reference.dof(), self.position.dof());
        if motion != arm {
            return Err(PortError::JointCount { motion, arm });
        }
        if self.motion.is_some_and(|(known, _)| known == hop) {
            return Ok(());
        }
        if !self.in_range(&reference.end()) {
            self.motion = Some((hop, MotionStatus::Failed(ArmFailure::Rejected)));
            self.brake();
            return Ok(());
        }
        self.motion = Some((hop, MotionStatus::Active));
        self.drive = Drive::Follow {
            reference,
            began: self.now,
            tolerances,
        };
        Ok(())
    }

    /// Another course in the place of the one under way, as of a message on a controller's topic: whoever's motion it was learns nothing of it,
    /// and has it told as its own when it ends.
    ///
    /// # Errors
    /// When it has another number of joints.
    pub fn divert(&mut self, reference: Reference) -> Result<(), PortError> {
        let (motion, arm) = (reference.dof(), self.position.dof());
        if motion != arm {
            return Err(PortError::JointCount { motion, arm });
        }
        let tolerances = match &self.drive {
            Drive::Follow { tolerances, .. } => *tolerances,
            Drive::Hold | Drive::Brake => Tolerances {
                path: None,
                goal: None,
                goal_time: None,
            },
        };
        self.drive = Drive::Follow {
            reference,
            began: self.now,
            tolerances,
        };
        Ok(())
    }

    fn in_range(&self, q: &Joints) -> bool {
        q.as_slice()
            .iter()
            .zip(&self.range)
            .all(|(v, (low, high))| (*low..=*high).contains(v))
    }

    fn brake(&mut self) {
        if matches!(self.drive, Drive::Follow { .. }) {
            self.drive = Drive::Brake;
        }
    }

    fn fail(&mut self, why: ArmFailure) {
        if let Some((_, status)) = &mut self.motion
            && matches!(status, MotionStatus::Active | MotionStatus::Pending)
        {
            *status = MotionStatus::Failed(why);
        }
        self.brake();
    }

    /// Moves on to `now`.
    pub fn step(&mut self, now: Micros) {
        let dt = now.since(self.now).map_or(0.0, Micros::s);
        self.now = now;
        if dt > 0.0 {
            self.drive(dt);
            // A first-order lag, exact for a reference that does not move within the step.
            let share = 1.0 - (-dt / self.config.lag.max(1e-6)).exp();
            let before = self.position;
            self.position = before.zip(&self.wanted, |q, r| q + (r - q) * share);
            self.velocity = self.position.zip(&before, |q, b| (q - b) / dt);
        }
        self.judge();
        self.measure();
    }

    /// Moves the reference on by `dt` seconds.
    fn drive(&mut self, dt: f64) {
        match &self.drive {
            Drive::Hold => self.wanted_velocity = self.wanted.map(|_| 0.0),
            Drive::Follow {
                reference, began, ..
            } => {
                let sample = reference.at(self.now.since(*began).map_or(0.0, Micros::s));
                self.wanted = sample.position;
                self.wanted_velocity = sample.velocity;
                // The arm's own controller stops at its limits, whatever it is told; a twentieth is left for rounding.
                let fast = self
                    .wanted_velocity
                    .zip(&self.limits.velocity, |v, limit| v.abs() / limit)
                    .max_abs()
                    > 1.05;
                if fast || !self.in_range(&self.wanted) {
                    self.fail(ArmFailure::Tolerance);
                }
            }
            Drive::Brake => {
                let slowed = self.wanted_velocity.zip(&self.limits.acceleration, |v, a| {
                    v - v.signum() * (a * dt).min(v.abs())
                });
                self.wanted = self.wanted.zip(&slowed, |q, v| q + v * dt);
                self.wanted_velocity = slowed;
                if slowed.max_abs() < 1e-9 {
                    self.drive = Drive::Hold;
                }
            }
        }
    }

    /// Whether the motion is done or has failed.
    fn judge(&mut self) {
        let Drive::Follow {
            reference,
            began,
            tolerances,
        } = &self.drive
        else {
            return;
        };
        let late = self.now.since(*began).map_or(0.0, Micros::s) - reference.duration();
        if late < 0.0 {
            let off = self.position.max_difference(&self.wanted);
            if tolerances.path.is_some_and(|limit| off > limit) {
                self.fail(ArmFailure::Tolerance);
            }
            return;
        }
        let off = self.position.max_difference(&reference.end());
        if tolerances.goal.is_none_or(|limit| off <= limit) {
            if let Some((_, status @ (MotionStatus::Active | MotionStatus::Pending))) =
                &mut self.motion
            {
                *status = MotionStatus::Succeeded;
            }
            self.drive = Drive::Hold;
        } else if tolerances.goal_time.is_some_and(|limit| late > limit) {
            self.fail(ArmFailure::Tolerance);
        }
    }

    fn measure(&mut self) {
        let (position_noise, velocity_noise) =
            (self.config.position_noise, self.config.velocity_noise);
        let mut value = JointState {
            position: self.position,
            velocity: self.velocity,
        };
        for q in value.position.as_mut_slice() {
            *q += sensor_noise(&mut self.rng, position_noise);
        }
        for v in value.velocity.as_mut_slice() {
            *v += sensor_noise(&mut self.rng, velocity_noise);
        }
        let sequence = self.measured.map_or(0, |m| m.sequence) + 1;
        self.measured = Some(Stamped {
            value,
            arrived: self.now,
            sequence,
        });
    }
}

impl ArmPort for SimArm {
    fn joint_names(&self) -> Option<&[String]> {
        Some(&self.names)
    }

    fn joint_state(&self) -> Option<Stamped<JointState>> {
        self.measured
    }

    fn follow(&mut self, hop: HopId, trajectory: &Trajectory) -> Result<(), PortError> {
        self.begin(
            hop,
            Reference::Law(Box::new(trajectory.clone())),
            self.config.tolerances,
        )
    }

    fn cancel(&mut self) -> Result<(), PortError> {
        self.fail(ArmFailure::Cancelled);
        Ok(())
    }

    fn status(&self, hop: HopId) -> MotionStatus {
        match self.motion {
            Some((known, status)) if known == hop => status,
            _ => MotionStatus::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use stipple_model::arm::ArmSource;

    use super::*;

    const TICK: u64 = 2_000;

    fn arm() -> (SimArm, Joints) {
        let arm = Arm::from_source(&ArmSource::ur5e()).unwrap();
        let start = Joints::from_slice(&[0.0, -1.2, 1.5, -1.8, -1.5, 0.0]).unwrap();
        (
            SimArm::new(
                &arm,
                start,
                ArmConfig::default(),
                ChaCha8Rng::seed_from_u64(1),
            ),
            start,
        )
    }

    fn hop(arm: &SimArm, from: Joints, by: f64) -> Trajectory {
        let mut trajectory = Trajectory::resting(from);
        trajectory
            .push(from.map(|q| q + by), &arm.limits, 0.0, 1.0)
            .unwrap();
        trajectory
    }

    fn run(arm: &mut SimArm, ticks: u64) {
        for _ in 0..ticks {
            arm.step(arm.now.after(Micros(TICK)));
        }
    }

    #[test]
    fn arrives_behind_its_reference_and_then_rests() {
        let (mut arm, start) = arm();
        let motion = hop(&arm, start, 0.2);
        arm.follow(HopId(1), &motion).unwrap();
        let middle = (motion.duration() * 0.5 / (TICK as f64 * 1e-6)) as u64;
        run(&mut arm, middle);
        assert_eq!(arm.status(HopId(1)), MotionStatus::Active);
        let behind = arm.wanted[0] - arm.position[0];
        // A lag of 8 ms at the speed it has now.
        assert!(
            (behind / arm.wanted_velocity[0] - 8e-3).abs() < 3e-3,
            "behind by {behind}"
        );
        run(&mut arm, middle + 60);
        assert_eq!(arm.status(HopId(1)), MotionStatus::Succeeded);
        assert!(arm.position.max_difference(&motion.end()) < 2e-4);
        assert!(arm.velocity.max_abs() < 0.01);
        assert_eq!(arm.status(HopId(2)), MotionStatus::Idle);
    }

    #[test]
    fn cancel_brakes_within_the_limits() {
        let (mut arm, start) = arm();
        let motion = hop(&arm, start, 0.5);
        arm.follow(HopId(1), &motion).unwrap();
        // A third of the way.
        run(
            &mut arm,
            (motion.duration() / 3.0 / (TICK as f64 * 1e-6)) as u64,
        );
        let speed = arm.velocity.max_abs();
        assert!(speed > 0.1);
        arm.cancel().unwrap();
        assert_eq!(
            arm.status(HopId(1)),
            MotionStatus::Failed(ArmFailure::Cancelled)
        );
        run(&mut arm, 2);
        assert!(arm.velocity.max_abs() > 0.0, "an arm does not stop at once");
        run(&mut arm, 150);
        assert!(arm.velocity.max_abs() < 1e-3);
        assert!(
            arm.position.max_difference(&motion.end()) > 0.05,
            "it came to rest short of the end"
        );
    }

    #[test]
    fn out_of_range_is_rejected_and_a_wrong_joint_count_refused() {
        let (mut arm, start) = arm();
        let far = hop(&arm, start, 20.0);
        arm.follow(HopId(1), &far).unwrap();
        assert_eq!(
            arm.status(HopId(1)),
            MotionStatus::Failed(ArmFailure::Rejected)
        );
        let short = Trajectory::resting(Joints::zeros(3));
        assert_eq!(
            arm.follow(HopId(2), &short),
            Err(PortError::JointCount { motion: 3, arm: 6 })
        );
    }
}
