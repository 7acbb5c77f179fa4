//! FollowJointTrajectory served over plain services and topics, behaving as joint_trajectory_controller does.
//!
//! A goal that is accepted is executed at once and replaces the one before, which ends ABORTED. A cancel is accepted at once and told as
//! CANCELED, while the arm still comes to rest. A message on the topic takes the place of what is followed, whose goal goes on all the same.

use std::collections::VecDeque;

use r2r::action_msgs::msg::{GoalInfo, GoalStatus, GoalStatusArray};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Time;
use r2r::control_msgs::action::FollowJointTrajectory as Follow;
use r2r::std_msgs::msg::Header;
use r2r::trajectory_msgs::msg::{JointTrajectory, JointTrajectoryPoint};
use r2r::unique_identifier_msgs::msg::UUID;
use r2r::{Publisher, QosProfile, ServiceRequest};
use stipple_controller::ports::{ArmFailure, ArmPort as _, Micros};
use stipple_controller::ros::program::stamp;
use stipple_core::{HopId, MotionStatus};
use stipple_model::joints::Joints;

use super::goal;
use crate::plant::{SimArm, Tolerances};

/// Goals that have ended are remembered for their results, so many.
const REMEMBERED: usize = 64;

/// From feedback to feedback. Source: joint_trajectory_controller's action_monitor_rate of 20 Hz.
const FEEDBACK: Micros = Micros::from_ms(50);

/// What a client asks for.
pub enum Asked {
    /// To follow a trajectory.
    Goal(Box<ServiceRequest<Follow::SendGoal::Service>>),
    /// To end one or all.
    Cancel(ServiceRequest<CancelGoal::Service>),
    /// To be told how one has ended, once it has.
    Result(ServiceRequest<Follow::GetResult::Service>),
    /// To follow a trajectory in the place of any other, and to tell nobody.
    Topic(Box<JointTrajectory>),
}

/// Where it answers unasked.
pub struct Topics {
    /// How all goals stand; latched.
    pub status: Publisher<GoalStatusArray>,
    /// How the one under way is going.
    pub feedback: Publisher<Follow::FeedbackMessage>,
}

impl Topics {
    /// As rcl's own action servers publish the status.
    #[must_use]
    pub fn status_qos() -> QosProfile {
        QosProfile::default()
            .keep_last(1)
            .reliable()
            .transient_local()
    }
}

struct Goal {
    info: GoalInfo,
    hop: HopId,
    duration: f64,
    status: i8,
    result: Follow::Result,
    waiting: Vec<ServiceRequest<Follow::GetResult::Service>>,
}

impl Goal {
    fn is_active(&self) -> bool {
        self.status == GoalStatus::STATUS_EXECUTING as i8
    }
}

/// The server. It lives on the plant's thread and has the arm lent in every call.
pub struct Server {
    topics: Topics,
    names: Vec<String>,
    tolerances: Tolerances,
    goals: VecDeque<Goal>,
    hops: u64,
    feedback_at: Micros,
}

impl Server {
    /// For an arm with these joints; `tolerances` hold for goals without their own.
    #[must_use]
    pub fn new(topics: Topics, names: Vec<String>, tolerances: Tolerances) -> Self {
        Self {
            topics,
            names,
            tolerances,
            goals: VecDeque::new(),
            hops: 0,
            feedback_at: Micros::ZERO,
        }
    }

    /// Answers a client.
    pub fn answer(&mut self, asked: Asked, arm: &mut SimArm) {
        let sent = match asked {
            Asked::Goal(request) => {
                let response = self.take_goal(&request.message, arm);
                request.respond(response)
            }
            Asked::Cancel(request) => {
                let response = self.cancel(&request.message, arm);
                request.respond(response)
            }
            Asked::Result(request) => self.take_waiting(request),
            Asked::Topic(trajectory) => {
                self.divert(*trajectory, arm);
                Ok(())
            }
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "an answer could not be sent");
        }
    }

    fn take_goal(
        &mut self,
        request: &Follow::SendGoal::Request,
        arm: &mut SimArm,
    ) -> Follow::SendGoal::Response {
        let stamp = stamp();
        let rejected = Follow::SendGoal::Response {
            accepted: false,
            stamp: stamp.clone(),
        };
        if self
            .goals
            .iter()
            .any(|goal| goal.info.goal_id.uuid == request.goal_id.uuid)
        {
            tracing::warn!("goal rejected: its id has been used");
            return rejected;
        }
        let held = *arm.reference().0;
        let (reference, tolerances) =
            match goal::read(&request.goal, &self.names, held, &stamp, self.tolerances) {
                Ok(read) => read,
                Err(error) => {
                    tracing::warn!(%error, "goal rejected");
                    return rejected;
                }
            };
        self.hops += 1;
        let (hop, duration) = (HopId(self.hops), reference.duration());
        if let Err(error) = arm.begin(hop, reference, tolerances) {
            tracing::warn!(%error, "goal rejected");
            return rejected;
        }
        self.end_active(
            GoalStatus::STATUS_ABORTED as i8,
            Follow::Result::INVALID_GOAL as i32,
            "replaced by another goal",
        );
        if let MotionStatus::Failed(why) = arm.status(hop) {
            tracing::warn!(?why, "goal rejected");
            return rejected;
        }
        while self.goals.len() >= REMEMBERED {
            self.goals.pop_front();
        }
        self.goals.push_back(Goal {
            info: GoalInfo {
                goal_id: request.goal_id.clone(),
                stamp: stamp.clone(),
            },
            hop,
            duration,
            status: GoalStatus::STATUS_EXECUTING as i8,
            result: Follow::Result::default(),
            waiting: Vec::new(),
        });
        self.tell_status();
        Follow::SendGoal::Response {
            accepted: true,
            stamp,
        }
    }

    fn divert(&self, trajectory: JointTrajectory, arm: &mut SimArm) {
        let goal = Follow::Goal {
            trajectory,
            ..Default::default()
        };
        let held = *arm.reference().0;
        let diverted = goal::read(&goal, &self.names, held, &stamp(), self.tolerances)
            .map_err(|error| error.to_string())
            .and_then(|(reference, _)| arm.divert(reference).map_err(|error| error.to_string()));
        if let Err(error) = diverted {
            tracing::warn!(error, "a trajectory on the topic is not followed");
        }
    }

    fn cancel(&mut self, request: &CancelGoal::Request, arm: &mut SimArm) -> CancelGoal::Response {
        let wanted = &request.goal_info;
        let known = self
            .goals
            .iter()
            .find(|goal| goal.info.goal_id.uuid == wanted.goal_id.uuid);
        let anyone = wanted.goal_id.uuid.iter().all(|byte| *byte == 0);
        let refused = match known {
            _ if anyone => None,
            None => Some(CancelGoal::Response::ERROR_UNKNOWN_GOAL_ID as i8),
            Some(goal) if !goal.is_active() => {
                Some(CancelGoal::Response::ERROR_GOAL_TERMINATED as i8)
            }
            Some(_) => None,
        };
        if let Some(code) = refused {
            return CancelGoal::Response {
                return_code: code,
                ..Default::default()
            };
        }
        let until = |goal: &Goal| is_zero(&wanted.stamp) || !later(&goal.info.stamp, &wanted.stamp);
        let goals_canceling: Vec<GoalInfo> = self
            .goals
            .iter()
            .filter(|goal| goal.is_active() && (!anyone || until(goal)))
            .map(|goal| goal.info.clone())
            .collect();
        if !goals_canceling.is_empty() {
            // There is at most one that is active.
            if arm.cancel().is_ok() {
                self.end_active(
                    GoalStatus::STATUS_CANCELED as i8,
                    Follow::Result::SUCCESSFUL as i32,
                    "canceled",
                );
                self.tell_status();
            }
        }
        CancelGoal::Response {
            return_code: CancelGoal::Response::ERROR_NONE as i8,
            goals_canceling,
        }
    }

    fn take_waiting(
        &mut self,
        request: ServiceRequest<Follow::GetResult::Service>,
    ) -> r2r::Result<()> {
        let id = &request.message.goal_id.uuid;
        match self.goals.iter_mut().find(|g| g.info.goal_id.uuid == *id) {
            None => request.respond(Follow::GetResult::Response {
                status: GoalStatus::STATUS_UNKNOWN as i8,
                ..Default::default()
            }),
            Some(goal) if goal.is_active() => {
                goal.waiting.push(request);
                Ok(())
            }
            Some(goal) => {
                let response = response(goal);
                request.respond(response)
            }
        }
    }

    fn end_active(&mut self, status: i8, error_code: i32, text: &str) {
        for goal in self.goals.iter_mut().filter(|goal| goal.is_active()) {
            goal.status = status;
            goal.result = Follow::Result {
                error_code,
                error_string: text.to_owned(),
            };
            for request in std::mem::take(&mut goal.waiting) {
                if let Err(error) = request.respond(response(goal)) {
                    tracing::warn!(%error, "a result could not be sent");
                }
            }
        }
    }

    /// Looks how the arm is doing, and tells.
    pub fn look(&mut self, now: Micros, arm: &SimArm) {
        let Some(goal) = self.goals.back().filter(|goal| goal.is_active()) else {
            return;
        };
        let (hop, duration, id) = (goal.hop, goal.duration, goal.info.goal_id.clone());
        match arm.status(hop) {
            MotionStatus::Succeeded => {
                self.end_active(
                    GoalStatus::STATUS_SUCCEEDED as i8,
                    Follow::Result::SUCCESSFUL as i32,
                    "goal reached",
                );
                self.tell_status();
            }
            MotionStatus::Failed(why) => {
                let (code, text) = aborted(why, arm.elapsed().is_some_and(|t| t >= duration));
                tracing::warn!(text, "goal aborted");
                self.end_active(GoalStatus::STATUS_ABORTED as i8, code, text);
                self.tell_status();
            }
            MotionStatus::Idle | MotionStatus::Pending | MotionStatus::Active => {
                if now.passed(self.feedback_at, FEEDBACK) {
                    self.feedback_at = now;
                    self.tell_feedback(id, arm);
                }
            }
        }
    }

    fn tell_status(&self) {
        let status_list = self
            .goals
            .iter()
            .map(|goal| GoalStatus {
                goal_info: goal.info.clone(),
                status: goal.status,
            })
            .collect();
        if let Err(error) = self.topics.status.publish(&GoalStatusArray { status_list }) {
            tracing::warn!(%error, "a goal status could not be sent");
        }
    }

    fn tell_feedback(&self, goal_id: UUID, arm: &SimArm) {
        let (position, velocity) = arm.reference();
        let (actual, speed) = (arm.true_position(), arm.true_velocity());
        let feedback = Follow::Feedback {
            header: Header {
                stamp: stamp(),
                frame_id: String::new(),
            },
            joint_names: self.names.clone(),
            desired: point(position, velocity),
            actual: point(actual, speed),
            error: point(
                &position.zip(actual, |a, b| a - b),
                &velocity.zip(speed, |a, b| a - b),
            ),
            ..Default::default()
        };
        let message = Follow::FeedbackMessage { goal_id, feedback };
        if let Err(error) = self.topics.feedback.publish(&message) {
            tracing::warn!(%error, "feedback could not be sent");
        }
    }
}

fn response(goal: &Goal) -> Follow::GetResult::Response {
    Follow::GetResult::Response {
        status: goal.status,
        result: goal.result.clone(),
    }
}

/// Code and text of an abort.
fn aborted(why: ArmFailure, at_end: bool) -> (i32, &'static str) {
    match why {
        ArmFailure::Tolerance if at_end => (
            Follow::Result::GOAL_TOLERANCE_VIOLATED as i32,
            "the goal was not reached in time",
        ),
        ArmFailure::Tolerance => (
            Follow::Result::PATH_TOLERANCE_VIOLATED as i32,
            "too far from the path",
        ),
        _ => (Follow::Result::INVALID_GOAL as i32, "ended by the arm"),
    }
}

fn point(position: &Joints, velocity: &Joints) -> JointTrajectoryPoint {
    JointTrajectoryPoint {
        positions: position.as_slice().to_vec(),
        velocities: velocity.as_slice().to_vec(),
        ..Default::default()
    }
}

fn is_zero(time: &Time) -> bool {
    time.sec == 0 && time.nanosec == 0
}

fn later(a: &Time, b: &Time) -> bool {
    (a.sec, a.nanosec) > (b.sec, b.nanosec)
}
