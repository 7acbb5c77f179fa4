//! An arm that does as it is told, or something else.

use stipple_controller::ports::*;
use stipple_core::{HopId, MotionStatus};
use stipple_model::joints::Joints;
use stipple_model::motion::Trajectory;

/// What an arm does instead of following its motion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amiss {
    /// A joint turns on top of it, rad/s.
    Turns(usize, f64),
    /// It is so many times as fast.
    Hurries(f64),
    /// The speeds it reports are so many times what they are.
    Exaggerates(f64),
    /// It reports to rest here, whatever it does.
    Freezes(Joints),
    /// For so long it does not quite rest where it has stopped.
    Shivers(Micros),
}

pub struct Arm {
    pub now: Micros,
    /// What is amiss, and since when.
    pub amiss: Option<(Amiss, Micros)>,
    pub names: Vec<String>,
    pub rest: Joints,
    pub motion: Option<(HopId, Micros, Trajectory)>,
    pub done: Vec<(HopId, bool)>,
}

impl Arm {
    pub fn state(&self) -> JointState {
        match &self.motion {
            Some((_, begun, trajectory)) => {
                let pace = match self.amiss {
                    Some((Amiss::Hurries(pace), _)) => pace,
                    _ => 1.0,
                };
                let since = self.amiss.map_or(self.now, |(_, since)| since.max(*begun));
                let ahead = (pace - 1.0) * self.now.since(since).unwrap().s();
                let sample = trajectory.at(self.now.since(*begun).unwrap().s() + ahead);
                let (mut position, mut velocity) =
                    (sample.position, sample.velocity.map(|v| pace * v));
                match self.amiss {
                    Some((Amiss::Turns(joint, rate), since)) => {
                        position[joint] += rate * self.now.since(since).unwrap().s();
                        velocity[joint] += rate;
                    }
                    Some((Amiss::Exaggerates(by), _)) => velocity = velocity.map(|v| by * v),
                    _ => {}
                }
                JointState { position, velocity }
            }
            None => JointState {
                position: self.rest,
                velocity: self.rest.map(|_| 0.0),
            },
        }
    }

    pub fn advance(&mut self) {
        if let Some((hop, begun, trajectory)) = &self.motion
            && self.now.since(*begun).unwrap().s() >= trajectory.duration()
        {
            self.rest = trajectory.end();
            self.done.push((*hop, true));
            self.motion = None;
        }
    }
}

impl ArmPort for Arm {
    fn joint_names(&self) -> Option<&[String]> {
        Some(&self.names)
    }

    fn joint_state(&self) -> Option<Stamped<JointState>> {
        Some(Stamped {
            value: match self.amiss {
                Some((Amiss::Freezes(position), _)) => JointState {
                    position,
                    velocity: position.map(|_| 0.0),
                },
                Some((Amiss::Shivers(time), since))
                    if self.motion.is_none() && !self.now.passed(since, time) =>
                {
                    JointState {
                        position: self.rest,
                        velocity: self.rest.map(|_| 0.02),
                    }
                }
                _ => self.state(),
            },
            arrived: self.now,
            sequence: self.now.0,
        })
    }

    fn follow(&mut self, hop: HopId, trajectory: &Trajectory) -> Result<(), PortError> {
        assert!(self.motion.is_none(), "a motion while another is under way");
        assert!(
            trajectory.start().max_difference(&self.rest) < 5e-3,
            "a motion that starts elsewhere"
        );
        self.motion = Some((hop, self.now, trajectory.clone()));
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), PortError> {
        if let Some((hop, ..)) = &self.motion {
            self.done.push((*hop, false));
            self.rest = self.state().position;
            self.motion = None;
        }
        Ok(())
    }

    fn status(&self, hop: HopId) -> MotionStatus {
        if self.motion.as_ref().is_some_and(|(id, ..)| *id == hop) {
            return MotionStatus::Active;
        }
        match self.done.iter().find(|(id, _)| *id == hop) {
            Some((_, true)) => MotionStatus::Succeeded,
            Some((_, false)) => MotionStatus::Failed(ArmFailure::Cancelled),
            None => MotionStatus::Idle,
        }
    }
}
