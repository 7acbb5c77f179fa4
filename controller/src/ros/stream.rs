//! The arm over its controller's topic `joint_trajectory`: a point at a time, by [`Stream`].
//!
//! Each message is one point with positions alone, due a horizon after it is sent, without a stamp: it begins at once and takes the place of
//! the one before. Its lifespan is one period, so that none is followed that another should have replaced. What the driver does on silence is
//! then to reach the last point and stand.
//!
//! A cancel goes to the goals of the arm's action, too: whoever's they are, nothing shall move.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use r2r::trajectory_msgs::msg::{JointTrajectory, JointTrajectoryPoint};
use r2r::{Node, Publisher};
use stipple_core::{HopId, MotionStatus};
use stipple_model::joints::Joints;
use stipple_model::motion::Trajectory;

use super::arm::{NodeArm, RosArm};
use super::goal::{Tolerances, duration};
use super::newest::{Holder, Newest};
use super::program::{ProgramError, Urgency, making, newest_reliable, thread, urgent};
use crate::ports::{ArmPort, JointState, Micros, PortError, Stamped};
use crate::stream::{Figures, Stream};

/// The shortest horizon. Source: own; an arm goes on evenly through gaps of up to this, an arm left alone stands after a millimetre of hovering,
/// and cutting across the motion by it is less than 3 mrad off at 14 rad/s².
const SHORTEST_HORIZON: Micros = Micros::from_ms(20);

/// The figures for so many points a second.
#[must_use]
pub fn figures(rate: f64, tolerances: Tolerances) -> Figures {
    let period = Micros((1e6 / rate) as u64);
    Figures {
        period,
        // Two points: one may be lost without the arm stopping for it.
        horizon: period.after(period).max(SHORTEST_HORIZON),
        path: tolerances.path,
        goal: tolerances.goal,
        goal_time: tolerances.goal_time,
    }
}

/// A point on its way out of the tick.
struct Point {
    names: Arc<[String]>,
    position: Joints,
}

/// The arm. Points are sent by a thread of their own: a tick that does not come leaves silence.
pub struct RosStream {
    /// Its joints, and its action's cancels.
    arm: RosArm,
    stream: Stream,
    out: Holder<Point>,
    /// A point found nobody to listen.
    unheard: Arc<AtomicBool>,
}

impl RosStream {
    /// Makes the topic and starts the sending thread, which ends when this is dropped. Joints and cancels are `arm`'s. Given back besides is what
    /// tells who listens.
    ///
    /// # Errors
    /// When ROS 2 refuses the topic or the system gives no thread.
    pub fn start(
        node: &mut Node,
        topic: &str,
        arm: RosArm,
        figures: Figures,
    ) -> Result<(Self, Publisher<JointTrajectory>), ProgramError> {
        let lifespan = Duration::from_micros(figures.period.0);
        let publisher = node
            .create_publisher(topic, newest_reliable().lifespan(lifespan))
            .map_err(making(topic))?;
        let unheard = Arc::new(AtomicBool::new(false));
        let newest = Arc::new(Newest::default());
        let (end, tell) = (Holder(Arc::clone(&newest)), Arc::clone(&unheard));
        let sending = publisher.clone();
        thread("stream", move || send(&end, &sending, &tell, figures))?;
        let port = Self {
            arm,
            stream: Stream::new(figures),
            out: Holder(newest),
            unheard,
        };
        Ok((port, publisher))
    }
}

fn send(
    end: &Holder<Point>,
    publisher: &Publisher<JointTrajectory>,
    unheard: &AtomicBool,
    figures: Figures,
) {
    let _ = urgent(Urgency::Loop);
    while let Some((point, tick)) = end.0.take() {
        // Where it should have been by now it is not sent to any more: it would go there faster than it may.
        if tick.elapsed() <= Duration::from_micros(figures.period.0.max(2_000)) {
            // One that is lost is followed by the next, and the last by itself again.
            let _ = publisher.publish(&message(&point, figures.horizon));
            if !matches!(publisher.get_inter_process_subscription_count(), Ok(1..)) {
                unheard.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn message(point: &Point, horizon: Micros) -> JointTrajectory {
    JointTrajectory {
        joint_names: point.names.to_vec(),
        points: vec![JointTrajectoryPoint {
            positions: point.position.as_slice().to_vec(),
            time_from_start: duration(horizon.s()),
            ..Default::default()
        }],
        ..Default::default()
    }
}

impl NodeArm for RosStream {
    fn look(&mut self, now: Micros, joints: Option<Stamped<JointState>>) {
        self.arm.look(now, joints);
        if self.unheard.swap(false, Ordering::Relaxed) {
            self.stream.fail();
        }
        if let Some(position) = self.stream.tick(now, joints.as_ref()) {
            let names = Arc::clone(self.arm.names());
            // Silence is safe, and shows in the joints.
            let _ = self.out.0.put(Point { names, position }, Instant::now());
        }
    }

    fn begin_plan(&mut self, names: &[String]) {
        self.arm.begin_plan(names);
        self.stream.forget();
        self.out.0.withdraw();
    }
}

impl ArmPort for RosStream {
    fn joint_names(&self) -> Option<&[String]> {
        self.arm.joint_names()
    }

    fn joint_state(&self) -> Option<Stamped<JointState>> {
        self.arm.joint_state()
    }

    fn follow(&mut self, hop: HopId, trajectory: &Trajectory) -> Result<(), PortError> {
        let (motion, arm) = (trajectory.start().dof(), self.arm.names().len());
        if motion != arm {
            return Err(PortError::JointCount { motion, arm });
        }
        self.stream.follow(hop, trajectory);
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), PortError> {
        self.stream.cancel();
        self.arm.cancel()
    }

    fn status(&self, hop: HopId) -> MotionStatus {
        self.stream.status(hop)
    }
}
