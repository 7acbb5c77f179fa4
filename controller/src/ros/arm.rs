//! The arm over the FollowJointTrajectory action ([`super::stream`] is the other port): a goal a motion, explicit tolerances in each, judged by goal status.
//!
//! A cancel goes to every goal of the arm's controller, ours or not: whatever moves shall stop. That the arm rests is read from its
//! joints, never from an answer.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Duration as RosDuration;
use r2r::control_msgs::action::FollowJointTrajectory;
use r2r::control_msgs::msg::JointTolerance;
use r2r::trajectory_msgs::msg::{JointTrajectory, JointTrajectoryPoint};
use r2r::{ActionClient, Client, GoalStatus};
use stipple_core::{HopId, MotionStatus};
use stipple_model::motion::Trajectory;

use super::cancel::{Emergency, Repeats, cancel_all};
use super::handoff::{Giver, Taker, handoff};
use super::inputs::Inputs;
use crate::ports::{ArmFailure, ArmPort, JointState, Micros, PortError, Stamped};

/// Time from point to point of a goal, s: well above a joint controller's own period, well below the time in which a jerk shows.
const SAMPLE: f64 = 8e-3;

/// Most points of a goal; a longer motion is sampled coarser.
const MOST_POINTS: f64 = 10_000.0;

/// How often a goal's status is looked at, should its result be lost.
const LOOK: Duration = Duration::from_millis(200);

/// Orders that may wait.
const ORDERS: usize = 16;

/// Tolerances sent with every goal, so that no silent default applies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// On the way, rad.
    pub path: f64,
    /// At the end, rad.
    pub goal: f64,
    /// From the end of the motion to being within [`Self::goal`], s.
    pub goal_time: f64,
}

/// One motion, from being followed on.
#[derive(Debug, Clone, Copy)]
struct Motion {
    /// Rises with every motion of the process; hop numbers begin anew with every plan.
    token: u64,
    hop: HopId,
    status: MotionStatus,
    cancelled: bool,
}

type Shared = Arc<Mutex<Option<Motion>>>;

fn with<T>(shared: &Shared, f: impl FnOnce(&mut Option<Motion>) -> T) -> T {
    f(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Notes how a motion stands, unless another has replaced it.
fn set(shared: &Shared, token: u64, status: MotionStatus) {
    with(shared, |motion| {
        if let Some(motion) = motion.as_mut().filter(|m| m.token == token) {
            motion.status = status;
        }
    });
}

/// What leaves the tick.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "motions are what it is for, and a box would be made in the tick"
)]
pub enum ArmOrder {
    /// Follow this motion.
    Follow {
        /// Names the goal.
        token: u64,
        /// Names of the joints in chain order.
        names: Arc<[String]>,
        /// From now.
        trajectory: Trajectory,
    },
    /// End whatever motion there is.
    Cancel,
}

/// An arm as the control loop has it: a port that is shown each tick's joints first.
pub trait NodeArm: ArmPort + Send {
    /// A tick has begun, and sees these joints.
    fn look(&mut self, now: Micros, joints: Option<Stamped<JointState>>);

    /// Another plan was loaded: motions are numbered anew, joints come in this order.
    fn begin_plan(&mut self, names: &[String]);
}

/// The arm.
pub struct RosArm {
    /// As this tick sees them.
    joints: Option<Stamped<JointState>>,
    inputs: Arc<Inputs>,
    names: Arc<[String]>,
    /// Names of all joints that are reported together with those of the plan.
    reported: Option<Arc<[String]>>,
    motion: Shared,
    next_token: u64,
    orders: Giver<ArmOrder>,
}

impl RosArm {
    /// Its two halves: the port, and what [`serve`](ArmServer::serve)s it.
    #[must_use]
    pub fn new(
        inputs: Arc<Inputs>,
        goals: ActionClient<FollowJointTrajectory::Action>,
        cancels: Client<CancelGoal::Service>,
        tolerances: Tolerances,
    ) -> (Self, ArmServer) {
        let (orders, wanted) = handoff(ORDERS);
        let motion = Shared::default();
        let server = ArmServer {
            goals,
            cancels: Rc::new(cancels),
            tolerances,
            motion: Arc::clone(&motion),
            wanted,
        };
        let port = Self {
            joints: None,
            inputs,
            names: Arc::new([]),
            reported: None,
            motion,
            next_token: 0,
            orders,
        };
        (port, server)
    }

    /// The joints' names in chain order.
    #[must_use]
    pub const fn names(&self) -> &Arc<[String]> {
        &self.names
    }
}

impl NodeArm for RosArm {
    fn look(&mut self, _now: Micros, joints: Option<Stamped<JointState>>) {
        self.joints = joints;
    }

    fn begin_plan(&mut self, names: &[String]) {
        self.names = names.into();
        self.reported = self.inputs.reported_with(names);
        with(&self.motion, |motion| *motion = None);
    }
}

impl ArmPort for RosArm {
    fn joint_names(&self) -> Option<&[String]> {
        self.reported.as_deref()
    }

    fn joint_state(&self) -> Option<Stamped<JointState>> {
        self.joints
    }

    fn follow(&mut self, hop: HopId, trajectory: &Trajectory) -> Result<(), PortError> {
        let (motion, arm) = (trajectory.start().dof(), self.names.len());
        if motion != arm {
            return Err(PortError::JointCount { motion, arm });
        }
        if with(&self.motion, |m| m.is_some_and(|m| m.hop == hop)) {
            return Ok(());
        }
        self.next_token += 1;
        let token = self.next_token;
        let order = ArmOrder::Follow {
            token,
            names: Arc::clone(&self.names),
            trajectory: trajectory.clone(),
        };
        with(&self.motion, |motion| {
            *motion = Some(Motion {
                token,
                hop,
                status: MotionStatus::Pending,
                cancelled: false,
            });
        });
        self.orders.give(order).map_err(|_| PortError::NotConnected)
    }

    fn cancel(&mut self) -> Result<(), PortError> {
        with(&self.motion, |motion| {
            if let Some(motion) = motion {
                motion.cancelled = true;
            }
        });
        self.orders
            .give(ArmOrder::Cancel)
            .map_err(|_| PortError::NotConnected)
    }

    fn status(&self, hop: HopId) -> MotionStatus {
        with(&self.motion, |motion| {
            motion
                .filter(|m| m.hop == hop)
                .map_or(MotionStatus::Idle, |m| m.status)
        })
    }
}

/// Speaks to the arm's controller; lives on the thread of the asynchronous part.
pub struct ArmServer {
    goals: ActionClient<FollowJointTrajectory::Action>,
    cancels: Rc<Client<CancelGoal::Service>>,
    tolerances: Tolerances,
    motion: Shared,
    wanted: Taker<ArmOrder>,
}

impl ArmServer {
    /// Serves until the port is gone. Needs a local task set.
    pub async fn serve(mut self) {
        let mut cancels = Repeats::default();
        loop {
            let order = tokio::select! {
                order = self.wanted.take() => match order {
                    Some(order) => order,
                    None => return,
                },
                () = cancels.wait() => {
                    cancels.sent(Instant::now());
                    cancel_all(&self.cancels);
                    continue;
                }
            };
            match order {
                ArmOrder::Follow {
                    token,
                    names,
                    trajectory,
                } => {
                    // A cancel that waits was for what was before; after this one the next goes out at once.
                    cancels = Repeats::default();
                    self.follow(token, &names, &trajectory);
                }
                ArmOrder::Cancel => {
                    if cancels.ask(Instant::now()) {
                        cancel_all(&self.cancels);
                    }
                }
            }
        }
    }

    /// What cancels all goals, also when the control loop is gone.
    #[must_use]
    pub fn emergency(&self) -> Emergency {
        Emergency::new(Rc::clone(&self.cancels))
    }

    fn follow(&self, token: u64, names: &[String], trajectory: &Trajectory) {
        let motion = Arc::clone(&self.motion);
        let asked = self
            .goals
            .send_goal_request(goal(names, trajectory, self.tolerances));
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(%error, "a goal could not be sent");
                set(
                    &motion,
                    token,
                    MotionStatus::Failed(ArmFailure::Unreachable),
                );
                return;
            }
        };
        let cancels = Rc::clone(&self.cancels);
        tokio::task::spawn_local(async move {
            let (handle, result, feedback) = match asked.await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the arm's controller refused a goal");
                    set(&motion, token, MotionStatus::Failed(ArmFailure::Rejected));
                    return;
                }
            };
            // Nobody reads it, but unread it would fill up.
            let reading = tokio::task::spawn_local(feedback.for_each(|_| std::future::ready(())));
            // Cancelled, or the plan taken away, before it was accepted.
            let unwanted =
                |m: &mut Option<Motion>| m.is_none_or(|m| m.token == token && m.cancelled);
            if with(&motion, unwanted) {
                cancel_all(&cancels);
            }
            set(&motion, token, MotionStatus::Active);
            let status = tokio::select! {
                told = result => match told {
                    Ok((status, result)) => judged(status, Some(result.error_code)),
                    Err(_) => MotionStatus::Failed(ArmFailure::Unreachable),
                },
                status = ended(|| handle.get_status().ok()) => judged(status, None),
            };
            set(&motion, token, status);
            // It does not end by itself: the client keeps the sending end.
            reading.abort();
        });
    }
}

/// Waits until a goal's status topic has said twice that it has ended: its result is lost then.
async fn ended(status: impl Fn() -> Option<GoalStatus>) -> GoalStatus {
    let mut before = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = status().filter(|s| {
            matches!(
                s,
                GoalStatus::Succeeded | GoalStatus::Canceled | GoalStatus::Aborted
            )
        });
        if let (Some(status), true) = (now, before == now) {
            return status;
        }
        before = now;
    }
}

/// A goal's end, by its status; the code, lost with a lost result, only says more about an abort.
fn judged(status: GoalStatus, error_code: Option<i32>) -> MotionStatus {
    use FollowJointTrajectory::Result as Code;
    match status {
        GoalStatus::Succeeded => MotionStatus::Succeeded,
        GoalStatus::Canceled | GoalStatus::Canceling => MotionStatus::Failed(ArmFailure::Cancelled),
        GoalStatus::Aborted => MotionStatus::Failed(match error_code {
            Some(code) if code == Code::INVALID_GOAL as i32 => ArmFailure::Preempted,
            Some(_) => ArmFailure::Tolerance,
            None => ArmFailure::Unreachable,
        }),
        _ => MotionStatus::Failed(ArmFailure::Unreachable),
    }
}

/// A motion as a goal.
fn goal(
    names: &[String],
    trajectory: &Trajectory,
    tolerances: Tolerances,
) -> FollowJointTrajectory::Goal {
    let each = |position: f64| -> Vec<JointTolerance> {
        names
            .iter()
            .map(|name| JointTolerance {
                name: name.clone(),
                position,
                // Left to the position: speeds on the way are the trajectory's own.
                velocity: -1.0,
                acceleration: -1.0,
            })
            .collect()
    };
    FollowJointTrajectory::Goal {
        trajectory: JointTrajectory {
            // No stamp: it begins as soon as it is taken on.
            joint_names: names.to_vec(),
            points: times(trajectory.duration())
                .map(|t| point(trajectory, t))
                .collect(),
            ..Default::default()
        },
        path_tolerance: each(tolerances.path),
        goal_tolerance: each(tolerances.goal),
        goal_time_tolerance: duration(tolerances.goal_time),
        ..Default::default()
    }
}

/// The moments at which a motion of `end` s is sampled: evenly, the last at its end, never two closer than half a step.
fn times(end: f64) -> impl Iterator<Item = f64> {
    let steps = (end / SAMPLE).round().clamp(1.0, MOST_POINTS);
    // A motion of no length still needs a point later than its start.
    let end = end.max(SAMPLE);
    (1..=steps as u32).map(move |step| end * f64::from(step) / steps)
}

fn point(trajectory: &Trajectory, t: f64) -> JointTrajectoryPoint {
    let sample = trajectory.at(t);
    let resting = t >= trajectory.duration();
    let or_rest = |values: &[f64]| {
        if resting {
            vec![0.0; values.len()]
        } else {
            values.to_vec()
        }
    };
    JointTrajectoryPoint {
        positions: sample.position.as_slice().to_vec(),
        velocities: or_rest(sample.velocity.as_slice()),
        accelerations: or_rest(sample.acceleration.as_slice()),
        time_from_start: duration(t),
        ..Default::default()
    }
}

/// A span as messages carry it.
pub(super) fn duration(seconds: f64) -> RosDuration {
    let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    RosDuration {
        sec: i32::try_from(span.as_secs()).unwrap_or(i32::MAX),
        nanosec: span.subsec_nanos(),
    }
}

#[cfg(test)]
mod tests {
    use stipple_model::joints::Joints;
    use stipple_model::motion::JointLimits;

    use super::*;

    const TOLERANCES: Tolerances = Tolerances {
        path: 0.1,
        goal: 2e-3,
        goal_time: 1.0,
    };

    #[test]
    fn a_goal_ends_at_rest_with_rising_times_and_tolerances_for_all() {
        let start = Joints::zeros(6);
        let limits = JointLimits {
            velocity: start.map(|_| 1.0),
            acceleration: start.map(|_| 5.0),
            jerk: start.map(|_| 100.0),
        };
        let mut motion = Trajectory::resting(start);
        motion.push(start.map(|_| 0.4), &limits, 0.0, 1.0).unwrap();
        let names: Vec<String> = (0..6).map(|i| format!("j{i}")).collect();
        let goal = goal(&names, &motion, TOLERANCES);
        let points = &goal.trajectory.points;
        let time = |p: &JointTrajectoryPoint| {
            f64::from(p.time_from_start.sec) + f64::from(p.time_from_start.nanosec) * 1e-9
        };
        assert!(points.len() > 20);
        assert!(points.windows(2).all(|w| time(&w[1]) - time(&w[0]) > 4e-3));
        let last = points.last().unwrap();
        assert!((time(last) - motion.duration()).abs() < 1e-6);
        assert!(last.velocities.iter().all(|v| *v == 0.0));
        assert!((last.positions[3] - 0.4).abs() < 1e-9);
        assert_eq!(goal.path_tolerance.len(), 6);
        assert!(goal.goal_tolerance.iter().all(|t| t.position > 0.0));
    }

    #[test]
    fn a_motion_of_no_length_is_still_a_goal() {
        let goal = goal(
            &["a".to_owned()],
            &Trajectory::resting(Joints::zeros(1)),
            TOLERANCES,
        );
        let [point] = goal.trajectory.points.as_slice() else {
            panic!("one point")
        };
        assert!(point.time_from_start.nanosec > 0);
        assert_eq!(point.velocities, [0.0]);
    }

    #[test]
    fn an_end_is_judged_by_its_status() {
        assert_eq!(
            judged(GoalStatus::Succeeded, Some(-5)),
            MotionStatus::Succeeded
        );
        assert_eq!(
            judged(GoalStatus::Canceled, Some(0)),
            MotionStatus::Failed(ArmFailure::Cancelled)
        );
        assert_eq!(
            judged(GoalStatus::Aborted, Some(-4)),
            MotionStatus::Failed(ArmFailure::Tolerance)
        );
        assert_eq!(
            judged(GoalStatus::Aborted, Some(-1)),
            MotionStatus::Failed(ArmFailure::Preempted)
        );
        assert_eq!(
            judged(GoalStatus::Aborted, None),
            MotionStatus::Failed(ArmFailure::Unreachable)
        );
    }
}
