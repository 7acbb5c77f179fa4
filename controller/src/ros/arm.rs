//! The arm over the FollowJointTrajectory action: a goal a motion, explicit tolerances in each, judged by goal status. [`super::stream`] is the
//! other way to an arm.
//!
//! A cancel goes to every goal of the arm's controller, ours or not: whatever moves shall stop. That the arm rests is read from its
//! joints, never from an answer.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use r2r::action_msgs::srv::CancelGoal;
use r2r::control_msgs::action::FollowJointTrajectory;
use r2r::{ActionClient, ActionClientGoal, Client, Error, GoalStatus};
use stipple_core::{HopId, MotionStatus};
use stipple_model::motion::Trajectory;

use super::cancel::{Repeats, cancel_all};
use super::goal::{Tolerances, goal};
use super::handoff::{Giver, Taker, handoff};
use super::inputs::Inputs;
use super::program::{ProgramError, Urgency, thread, urgent};
use crate::ports::{ArmFailure, ArmPort, JointState, Micros, PortError, Stamped};
use crate::rt::Pace;

/// How often a goal's status is looked at, should its result be lost.
const LOOK: Duration = Duration::from_millis(200);

/// How long a cancelled goal may go unanswered before there is nobody to answer it. Source: own, less than a stop may take, and long beside
/// the second in which a goal must be taken on.
const UNANSWERED: Duration = Duration::from_secs(3);

/// How long the server may take to say whether it knows a goal.
const PATIENCE: Duration = Duration::from_secs(1);

/// Orders that may wait.
const ORDERS: usize = 16;

/// A motion that was ordered longer ago than this is not sent: it was aimed at the head as it was then. Source: H3, as old as a pose that a strike
/// may rest on.
const STALE: Duration = Duration::from_millis(50);

/// From look to look at whether the control loop still ticks, and how many without a tick in between make it hang. Source: own, a tenth of a second,
/// within which everything else stops.
const LOOP_LOOK: Duration = Duration::from_millis(20);
const HANGS: u32 = 5;

/// What the tick and the thread that speaks to the arm tell each other of the motion. Each writes its own half, and the tick waits for nobody.
#[derive(Debug)]
struct Shared {
    /// The token of the motion that is wanted, which rises with every motion of the process, twice; and one more once it is cancelled. None
    /// is 0.
    wanted: AtomicU64,
    /// How a motion, by its token, stands.
    status: Mutex<(u64, MotionStatus)>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            wanted: AtomicU64::new(0),
            status: Mutex::new((0, MotionStatus::Idle)),
        }
    }
}

impl Shared {
    /// Notes how a motion stands, unless another has replaced it.
    fn set(&self, token: u64, status: MotionStatus) {
        if self.wanted.load(Ordering::Acquire) >> 1 == token {
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = (token, status);
        }
    }

    /// Whether a motion is cancelled, or another has taken its place, or the plan was taken away.
    fn is_unwanted(&self, token: u64) -> bool {
        self.wanted.load(Ordering::Acquire) != token << 1
    }
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
        /// When it was ordered.
        ordered: Instant,
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
    motion: Arc<Shared>,
    /// The motion that is followed, with its token.
    followed: Option<(HopId, u64)>,
    /// How a motion stood when it could be seen last.
    seen: Cell<(u64, MotionStatus)>,
    next_token: u64,
    orders: Giver<ArmOrder>,
}

impl RosArm {
    /// Its two halves: the port, and what [speaks](ArmServer::start) to the arm.
    #[must_use]
    pub fn new(
        inputs: Arc<Inputs>,
        goals: ActionClient<FollowJointTrajectory::Action>,
        cancels: Client<CancelGoal::Service>,
        tolerances: Tolerances,
    ) -> (Self, ArmServer) {
        let (orders, wanted) = handoff(ORDERS);
        let motion = Arc::<Shared>::default();
        let server = ArmServer {
            goals,
            cancels,
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
            followed: None,
            seen: Cell::new((0, MotionStatus::Idle)),
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
        self.followed = None;
        self.motion.wanted.store(0, Ordering::Release);
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
        if self.followed.is_some_and(|(followed, _)| followed == hop) {
            return Ok(());
        }
        self.next_token += 1;
        let token = self.next_token;
        let order = ArmOrder::Follow {
            token,
            ordered: Instant::now(),
            names: Arc::clone(&self.names),
            trajectory: trajectory.clone(),
        };
        self.followed = Some((hop, token));
        self.motion.wanted.store(token << 1, Ordering::Release);
        self.orders.give(order).map_err(|_| PortError::NotConnected)
    }

    fn cancel(&mut self) -> Result<(), PortError> {
        self.motion.wanted.fetch_or(1, Ordering::AcqRel);
        self.orders
            .give(ArmOrder::Cancel)
            .map_err(|_| PortError::NotConnected)
    }

    fn status(&self, hop: HopId) -> MotionStatus {
        let Some((_, token)) = self.followed.filter(|(followed, _)| *followed == hop) else {
            return MotionStatus::Idle;
        };
        match self.motion.status.try_lock() {
            Ok(status) => self.seen.set(*status),
            Err(TryLockError::Poisoned(poisoned)) => self.seen.set(*poisoned.into_inner()),
            // As it was a tick before.
            Err(TryLockError::WouldBlock) => {}
        }
        let (of, status) = self.seen.get();
        if of == token {
            status
        } else {
            MotionStatus::Pending
        }
    }
}

/// Speaks to the arm's controller, on a thread of its own.
pub struct ArmServer {
    goals: ActionClient<FollowJointTrajectory::Action>,
    cancels: Client<CancelGoal::Service>,
    tolerances: Tolerances,
    motion: Arc<Shared>,
    wanted: Taker<ArmOrder>,
}

impl ArmServer {
    /// Starts the thread, which ends when the port is gone. It cancels all goals, too, whenever the control loop that keeps `pace` hangs.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, pace: Arc<Pace>) -> Result<JoinHandle<()>, ProgramError> {
        let runtime = super::runtime()?;
        thread("arm", move || {
            let _ = urgent(Urgency::Arm);
            let serving = Serving {
                goals: self.goals,
                cancels: Rc::new(self.cancels),
                tolerances: self.tolerances,
                motion: self.motion,
            };
            let serving = serving.serve(self.wanted, &pace);
            runtime.block_on(tokio::task::LocalSet::new().run_until(serving));
        })
    }
}

/// Whether the control loop still ticks.
#[derive(Debug, Default)]
struct Pulse {
    ticks: u64,
    unchanged: u32,
}

impl Pulse {
    /// Looks at the count of its ticks; whether it hangs. One that has not begun does not.
    fn hangs(&mut self, ticks: u64) -> bool {
        self.unchanged = if ticks == self.ticks && ticks > 0 {
            self.unchanged.saturating_add(1)
        } else {
            0
        };
        self.ticks = ticks;
        self.unchanged >= HANGS
    }
}

/// Its part on its thread.
struct Serving {
    goals: ActionClient<FollowJointTrajectory::Action>,
    cancels: Rc<Client<CancelGoal::Service>>,
    tolerances: Tolerances,
    motion: Arc<Shared>,
}

impl Serving {
    /// Serves until the port is gone. Needs a local task set.
    async fn serve(self, mut wanted: Taker<ArmOrder>, pace: &Pace) {
        let (mut cancels, mut pulse) = (Repeats::default(), Pulse::default());
        let mut looks = tokio::time::interval(LOOP_LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let order = tokio::select! {
                order = wanted.take() => match order {
                    Some(order) => order,
                    None => return,
                },
                () = cancels.wait() => {
                    cancels.sent(Instant::now());
                    cancel_all(&self.cancels);
                    continue;
                }
                _ = looks.tick() => {
                    if !pulse.hangs(pace.ticks()) {
                        continue;
                    }
                    if pulse.unchanged == HANGS {
                        tracing::error!("the control loop hangs; all motions are cancelled");
                    }
                    ArmOrder::Cancel
                }
            };
            match order {
                // What was ordered before a stop is not sent after it, nor what has waited.
                ArmOrder::Follow { token, ordered, .. } if self.is_void(token, ordered) => {
                    tracing::warn!("a motion was ordered and not sent in time; it is not sent");
                    let status = MotionStatus::Failed(ArmFailure::Unreachable);
                    self.motion.set(token, status);
                }
                ArmOrder::Follow {
                    token,
                    names,
                    trajectory,
                    ..
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

    /// Whether a motion is not wanted any more, or was ordered too long ago.
    fn is_void(&self, token: u64, ordered: Instant) -> bool {
        self.motion.is_unwanted(token) || ordered.elapsed() > STALE
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
                motion.set(token, MotionStatus::Failed(ArmFailure::Unreachable));
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
                    motion.set(token, MotionStatus::Failed(ArmFailure::Unreachable));
                    // Taken on all the same, it is cancelled.
                    asked.await
                }
            };
            let (handle, result, feedback) = match answered {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the arm's controller refused a goal");
                    motion.set(token, MotionStatus::Failed(ArmFailure::Rejected));
                    return;
                }
            };
            // Nobody reads it, but unread it would fill up.
            let reading = tokio::task::spawn_local(feedback.for_each(|_| std::future::ready(())));
            if motion.is_unwanted(token) {
                cancel_all(&cancels);
            }
            motion.set(token, MotionStatus::Active);
            let status = tokio::select! {
                told = result => match told {
                    Ok((status, result)) => judged(status, Some(result.error_code)),
                    Err(_) => MotionStatus::Failed(ArmFailure::Unreachable),
                },
                status = ended(|| handle.get_status().ok()) => judged(status, None),
                () = gone(&motion, token, &handle) => MotionStatus::Failed(ArmFailure::Unreachable),
            };
            motion.set(token, status);
            // It does not end by itself: the client keeps the sending end.
            reading.abort();
        });
    }
}

/// Waits until a goal has been unwanted for [`UNANSWERED`].
async fn unanswered(motion: &Shared, token: u64) {
    while !motion.is_unwanted(token) {
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
        let asked = motion.is_unwanted(token).then(|| goal.cancel());
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
mod tests;
