//! The arm over the FollowJointTrajectory action: a goal a motion, explicit tolerances in each, judged by goal status. [`super::stream`] is the
//! other way to an arm.
//!
//! A cancel goes to every goal of the arm's controller, ours or not: whatever moves shall stop. That the arm rests is read from its
//! joints, never from an answer.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use r2r::action_msgs::srv::CancelGoal;
use r2r::control_msgs::action::FollowJointTrajectory;
use r2r::{ActionClient, ActionClientGoal, Client, Error, GoalStatus};
use stipple_core::{HopId, MotionStatus};
use stipple_model::motion::Trajectory;

use super::cancel::{Emergency, Repeats, cancel_all};
use super::goal::{Tolerances, goal};
use super::handoff::{Giver, Taker, handoff};
use super::inputs::Inputs;
use crate::ports::{ArmFailure, ArmPort, JointState, Micros, PortError, Stamped};

/// How often a goal's status is looked at, should its result be lost.
const LOOK: Duration = Duration::from_millis(200);

/// How long a cancelled goal may go unanswered before there is nobody to answer it. Source: own, less than a stop may take, and long beside
/// the second in which a goal must be taken on.
const UNANSWERED: Duration = Duration::from_secs(3);

/// How long the server may take to say whether it knows a goal.
const PATIENCE: Duration = Duration::from_secs(1);

/// Orders that may wait.
const ORDERS: usize = 16;

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
            let mut asked = std::pin::pin!(asked);
            let answered = tokio::select! {
                answered = &mut asked => answered,
                () = unanswered(&motion, token) => {
                    tracing::warn!("the arm's controller does not answer a goal that was cancelled");
                    set(&motion, token, MotionStatus::Failed(ArmFailure::Unreachable));
                    // Taken on all the same, it is cancelled.
                    asked.await
                }
            };
            let (handle, result, feedback) = match answered {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the arm's controller refused a goal");
                    set(&motion, token, MotionStatus::Failed(ArmFailure::Rejected));
                    return;
                }
            };
            // Nobody reads it, but unread it would fill up.
            let reading = tokio::task::spawn_local(feedback.for_each(|_| std::future::ready(())));
            if unwanted(&motion, token) {
                cancel_all(&cancels);
            }
            set(&motion, token, MotionStatus::Active);
            let status = tokio::select! {
                told = result => match told {
                    Ok((status, result)) => judged(status, Some(result.error_code)),
                    Err(_) => MotionStatus::Failed(ArmFailure::Unreachable),
                },
                status = ended(|| handle.get_status().ok()) => judged(status, None),
                () = gone(&motion, token, &handle) => MotionStatus::Failed(ArmFailure::Unreachable),
            };
            set(&motion, token, status);
            // It does not end by itself: the client keeps the sending end.
            reading.abort();
        });
    }
}

/// Whether a motion is cancelled, or another has taken its place, or the plan was taken away.
fn unwanted(motion: &Shared, token: u64) -> bool {
    with(motion, |m| {
        m.is_none_or(|m| m.token != token || m.cancelled)
    })
}

/// Waits until a goal has been unwanted for [`UNANSWERED`].
async fn unanswered(motion: &Shared, token: u64) {
    while !unwanted(motion, token) {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(UNANSWERED).await;
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

/// Waits until the server, told to end a cancelled goal, has said twice that it has none such: it has begun anew, or its result is lost.
/// Such a goal moves nothing any more, and nothing else would ever tell of its end.
async fn gone(motion: &Shared, token: u64, goal: &ActionClientGoal<FollowJointTrajectory::Action>) {
    let mut before = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let asked = unwanted(motion, token).then(|| goal.cancel());
        let now = match asked {
            Some(Ok(answer)) => matches!(
                // Waited for aside: an answer nobody waits for any more would be logged as an error.
                tokio::time::timeout(PATIENCE, tokio::task::spawn_local(answer)).await,
                Ok(Ok(Err(
                    Error::GoalCancelUnknownGoalID | Error::GoalCancelAlreadyTerminated
                )))
            ),
            _ => false,
        };
        if now && before {
            return;
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

#[cfg(test)]
mod tests {
    use super::*;

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
