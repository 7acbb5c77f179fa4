//! A motion led point by point: for arms whose driver takes a stream of points in place of whole trajectories.
//!
//! At every due tick a point is told: where the joints shall be one [`Figures::horizon`] from now, with positions alone. A driver goes there
//! straight from where it is and stands then, so that the stream leads it along the motion, and silence leaves it at rest a horizon after the
//! last point: a controller that dies needs to say nothing. (A point with a speed would be refused as a last point, or gone beyond.)
//!
//! The motion waits for the arm: while nothing could be told for so long that the arm stands at the last point, or nothing was heard of the arm
//! for as long, the motion does not go on. A driver goes to whatever comes next in one horizon, and would be faster than it may to catch up.
//!
//! Such an arm says nothing of how a motion is doing. Its joints do: it has arrived when they rest at the end within the tolerance, and has
//! failed when they are off the motion or not there in time.
//!
//! A cancel goes on along the same way, which is proven clear, slower and slower to rest, and is silent then.

use stipple_core::{ArmFailure, HopId, Micros, MotionStatus, Stamped};
use stipple_model::joints::Joints;
use stipple_model::motion::Trajectory;

use crate::ports::JointState;

/// From the speed at which it is to rest after a cancel, s, at most and at least. Source: own; what leads on towards a head that came nearer is to
/// be short, at the longest 4 mm while hovering.
const BRAKING: (f64, f64) = (0.02, 0.15);

/// Places of a motion at which it is looked how hard it speeds up and slows down.
const LOOKS: u32 = 64;

/// Joint speed below which an arm rests, rad/s. Source: the core's own figure.
const REST: f64 = 0.01;

/// How points are told and judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// From point to point.
    pub period: Micros,
    /// How far ahead of its moment a point is told.
    pub horizon: Micros,
    /// Farthest a joint may be from where it should be on the way, rad.
    pub path: f64,
    /// Farthest a joint may be from the end, rad.
    pub goal: f64,
    /// From the end of the motion to being there, s.
    pub goal_time: f64,
}

/// What is told after a motion.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Course {
    /// Along the motion, at its own pace.
    Going,
    /// Slower and slower since that moment of the motion, which is also how far along it the arm was then.
    Braking {
        since: Micros,
        /// For so long, s.
        over: f64,
    },
    /// Nothing.
    Silent,
}

/// The motion that is led, or was last.
#[derive(Debug, Clone)]
struct Motion {
    hop: HopId,
    trajectory: Trajectory,
    /// How long the motion has gone on; it stands still while it waits for the arm.
    gone: Micros,
    due: Micros,
    course: Course,
    status: MotionStatus,
    /// The largest acceleration of each joint on the motion, rad/s²: what it surely can do.
    hardest: Joints,
}

/// Leads an arm. It has no clock and does no I/O of its own; a tick takes no memory.
#[derive(Debug)]
pub struct Stream {
    figures: Figures,
    now: Micros,
    motion: Option<Motion>,
}

impl Stream {
    /// Leads nothing yet.
    #[must_use]
    pub const fn new(figures: Figures) -> Self {
        Self {
            figures,
            now: Micros::ZERO,
            motion: None,
        }
    }

    /// Nothing of what was led counts any more; nothing more is told.
    pub fn forget(&mut self) {
        self.motion = None;
    }

    /// Leads the arm along a motion, from the next tick on, in the place of what it was led along. The same one again changes nothing.
    pub fn follow(&mut self, hop: HopId, trajectory: &Trajectory) {
        if self.motion.as_ref().is_some_and(|m| m.hop == hop) {
            return;
        }
        self.motion = Some(Motion {
            hop,
            trajectory: trajectory.clone(),
            gone: Micros::ZERO,
            due: self.now,
            course: Course::Going,
            status: MotionStatus::Pending,
            hardest: hardest(trajectory),
        });
    }

    /// Brings the arm to rest.
    pub fn cancel(&mut self) {
        self.end(ArmFailure::Cancelled);
    }

    /// Nobody listens.
    pub fn fail(&mut self) {
        self.end(ArmFailure::Unreachable);
    }

    /// How the motion is doing.
    #[must_use]
    pub fn status(&self, hop: HopId) -> MotionStatus {
        let motion = self.motion.as_ref().filter(|m| m.hop == hop);
        motion.map_or(MotionStatus::Idle, |m| m.status)
    }

    /// Looks how the arm is doing, and gives the point to be told in this tick, if one is.
    pub fn tick(&mut self, now: Micros, joints: Option<&Stamped<JointState>>) -> Option<Joints> {
        self.go_on(now, joints);
        self.judge(joints);
        let (horizon, period) = (self.figures.horizon, self.figures.period);
        let motion = self.motion.as_mut()?;
        if motion.course == Course::Silent || now < motion.due {
            return None;
        }
        motion.due = motion.due.after(period).max(now);
        if motion.status == MotionStatus::Pending {
            motion.status = MotionStatus::Active;
        }
        let along = motion.along(horizon);
        if let Course::Braking { since, over } = motion.course {
            // The last point is told until it is reached, should one be lost.
            let rest = Micros((over * 1e6) as u64).after(horizon);
            if motion.gone.passed(since, rest) {
                motion.course = Course::Silent;
            }
        }
        Some(motion.trajectory.at(along).position)
    }

    /// The motion goes on with the time, but for the time in which the arm may have stood.
    fn go_on(&mut self, now: Micros, joints: Option<&Stamped<JointState>>) {
        let horizon = self.figures.horizon;
        let since = now.since(self.now).unwrap_or(Micros::ZERO);
        self.now = now;
        let heard = joints.is_some_and(|j| !now.passed(j.arrived, horizon));
        match &mut self.motion {
            Some(motion) if heard => motion.gone = motion.gone.after(since.min(horizon)),
            // Nothing stops it sooner than silence.
            Some(motion) if matches!(motion.course, Course::Braking { .. }) => {
                motion.course = Course::Silent;
            }
            _ => {}
        }
    }

    fn judge(&mut self, joints: Option<&Stamped<JointState>>) {
        let (figures, now) = (self.figures, self.now);
        let Some(motion) = self.motion.as_mut() else {
            return;
        };
        if motion.course != Course::Going {
            return;
        }
        let gone = motion.gone.s();
        let late = gone - motion.trajectory.duration();
        let state = joints.filter(|j| j.value.position.dof() == motion.trajectory.start().dof());
        if late < 0.0 {
            let wanted = motion.trajectory.at(gone).position;
            let off = state.map_or(0.0, |j| j.value.position.max_difference(&wanted));
            // What is not a number is not on the path.
            let on_path = off <= figures.path;
            if !on_path {
                self.end(ArmFailure::Tolerance);
            }
            return;
        }
        let end = motion.trajectory.end();
        let arrived = state.is_some_and(|j| {
            // One from before the end says nothing of it.
            now.since(j.arrived).map_or(0.0, Micros::s) <= late
                && j.value.position.max_difference(&end) <= figures.goal
                && j.value.velocity.max_abs() <= REST
        });
        if arrived {
            motion.status = MotionStatus::Succeeded;
            motion.course = Course::Silent;
        } else if late > figures.goal_time {
            self.end(ArmFailure::Tolerance);
        }
    }

    /// Ends the motion that is led, if one is.
    fn end(&mut self, why: ArmFailure) {
        let Some(motion) = self.motion.as_mut() else {
            return;
        };
        if motion.course != Course::Going {
            return;
        }
        motion.course = match motion.status {
            // Nothing was told yet.
            MotionStatus::Pending => Course::Silent,
            _ => Course::Braking {
                since: motion.gone,
                over: motion.braking(),
            },
        };
        motion.status = MotionStatus::Failed(why);
    }
}

/// The largest acceleration of each joint on a motion, rad/s².
fn hardest(trajectory: &Trajectory) -> Joints {
    let at = |k: u32| {
        let t = trajectory.duration() * f64::from(k) / f64::from(LOOKS);
        trajectory.at(t).acceleration.map(f64::abs)
    };
    (0..=LOOKS).fold(Joints::zeros(trajectory.start().dof()), |most, k| {
        most.zip(&at(k), f64::max)
    })
}

impl Motion {
    /// How long coming to rest takes from the speed at which the motion is, s: as long as what each joint can do, since the pace falls at most
    /// half as fast again as evenly.
    fn braking(&self) -> f64 {
        let speed = self.trajectory.at(self.gone.s()).velocity;
        let each = speed.zip(&self.hardest, |v, a| 1.5 * v.abs() / a);
        let longest = each.as_slice().iter().filter(|t| t.is_finite());
        let longest = longest.copied().fold(0.0, f64::max);
        longest.clamp(BRAKING.0, BRAKING.1)
    }

    /// How far along the motion the point is that is told now, s.
    fn along(&self, horizon: Micros) -> f64 {
        match self.course {
            Course::Going | Course::Silent => self.gone.after(horizon).s(),
            Course::Braking { since, over } => {
                let passed = self.gone.after(horizon).since(since);
                let u = (passed.map_or(0.0, Micros::s) / over).min(1.0);
                // The pace falls from one to nothing as 1 - 3u² + 2u³: without a step in pace or in its slope.
                since.s() + over * (u - u.powi(3) + 0.5 * u.powi(4))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_model::motion::JointLimits;

    const FIGURES: Figures = Figures {
        period: Micros::from_ms(4),
        horizon: Micros::from_ms(10),
        path: 0.1,
        goal: 2e-3,
        goal_time: 1.0,
    };

    fn way() -> Trajectory {
        let each = |value: f64| Joints::zeros(6).map(|_| value);
        let limits = JointLimits {
            velocity: each(1.0),
            acceleration: each(5.0),
            jerk: each(50.0),
        };
        let mut way = Trajectory::resting(each(0.0));
        way.push(each(0.5), &limits, 0.0, 1.0).unwrap();
        way
    }

    fn seen(now: Micros, position: Joints) -> Stamped<JointState> {
        Stamped {
            value: JointState {
                position,
                velocity: position.map(|_| 0.0),
            },
            arrived: now,
            sequence: now.0,
        }
    }

    /// The points told over so many ticks to an arm that is where it was told to be.
    fn points(stream: &mut Stream, ticks: u64) -> Vec<Joints> {
        let mut told = Vec::new();
        for _ in 0..ticks {
            let now = stream.now.after(Micros::from_ms(2));
            let at = told.last().copied().unwrap_or_else(|| Joints::zeros(6));
            told.extend(stream.tick(now, Some(&seen(now, at))));
        }
        told
    }

    #[test]
    fn points_come_at_their_rate_and_end_with_the_motion() {
        let (mut stream, way) = (Stream::new(FIGURES), way());
        stream.follow(HopId(1), &way);
        let told = points(&mut stream, 1_000);
        assert_eq!(stream.status(HopId(1)), MotionStatus::Succeeded);
        let wanted = way.duration() / 4e-3;
        assert!((told.len() as f64 - wanted).abs() <= 3.0, "{}", told.len());
        assert!(told.last().unwrap().max_difference(&way.end()) < 1e-12);
    }

    #[test]
    fn a_cancel_slows_down_along_the_way_without_a_step_and_falls_silent() {
        let (mut stream, way) = (Stream::new(FIGURES), way());
        stream.follow(HopId(1), &way);
        let mut told = points(&mut stream, (way.duration() * 250.0) as u64);
        stream.cancel();
        stream.cancel();
        assert_eq!(
            stream.status(HopId(1)),
            MotionStatus::Failed(ArmFailure::Cancelled)
        );
        told.extend(points(&mut stream, 500));
        let steps: Vec<f64> = told.windows(2).map(|w| w[1][0] - w[0][0]).collect();
        assert!(steps.iter().all(|step| *step >= 0.0), "it turned back");
        let change = steps.windows(2).map(|w| (w[1] - w[0]).abs());
        // 4 ms at 20 rad/s².
        assert!(change.fold(0.0, f64::max) < 4e-3 * 4e-3 * 20.0);
        assert!(*steps.last().unwrap() < 1e-9, "it rests");
        assert!(points(&mut stream, 100).is_empty(), "and is silent");
        let gone = told.last().unwrap()[0];
        assert!(gone > 0.2 && gone < 0.4, "{gone}");
    }

    #[test]
    fn a_cancel_leads_on_no_longer_than_the_joints_need() {
        let each = |value: f64| Joints::zeros(6).map(|_| value);
        let limits = JointLimits {
            velocity: each(3.0),
            acceleration: each(15.0),
            jerk: each(1000.0),
        };
        // A hop of two milliradians, and half a radian: cancelled in the middle.
        for (by, longest) in [(2e-3, 0.04), (0.5, BRAKING.1)] {
            let mut way = Trajectory::resting(each(0.0));
            way.push(each(by), &limits, 0.0, 1.0).unwrap();
            let mut stream = Stream::new(FIGURES);
            stream.follow(HopId(1), &way);
            points(&mut stream, (way.duration() * 250.0) as u64);
            stream.cancel();
            let Some(Course::Braking { over, .. }) = stream.motion.as_ref().map(|m| m.course)
            else {
                panic!("it does not brake")
            };
            assert!((BRAKING.0..=longest).contains(&over), "{by}: {over}");
        }
    }

    #[test]
    fn an_arm_that_does_not_come_along_or_does_not_arrive_has_failed() {
        for (at, within) in [(0.0, 0.5), (0.45, 2.0)] {
            let (mut stream, way) = (Stream::new(FIGURES), way());
            stream.follow(HopId(1), &way);
            let mut ticks = 0;
            while matches!(
                stream.status(HopId(1)),
                MotionStatus::Pending | MotionStatus::Active
            ) {
                ticks += 1;
                let now = Micros::from_ms(2 * ticks);
                let there = way.at(now.s()).position.map(|q| q.min(at));
                stream.tick(now, Some(&seen(now, there)));
            }
            assert_eq!(
                stream.status(HopId(1)),
                MotionStatus::Failed(ArmFailure::Tolerance)
            );
            assert!(2e-3 * ticks as f64 <= within, "{at}: {ticks}");
        }
    }

    #[test]
    fn a_motion_waits_for_an_arm_that_was_not_led_or_is_not_heard_of() {
        let (mut stream, way) = (Stream::new(FIGURES), way());
        stream.follow(HopId(1), &way);
        let told = points(&mut stream, 200);
        let (at, now) = (*told.last().unwrap(), stream.now);
        // Nobody led it for 60 ms: it stands at the last point, and the next one is no farther than one that comes in time.
        let later = now.after(Micros::from_ms(60));
        let next = stream.tick(later, Some(&seen(later, at))).unwrap();
        let fastest = 1.0 * FIGURES.horizon.s();
        assert!(next[0] > at[0] && next[0] - at[0] <= fastest + 1e-9);
        // Nobody heard of it for 60 ms: the points come to rest.
        let mut last = next;
        for k in 1..=30 {
            let now = later.after(Micros::from_ms(2 * k));
            last = stream.tick(now, Some(&seen(later, at))).unwrap_or(last);
        }
        assert!(last[0] - next[0] <= fastest + 1e-9, "led on unheard");
        // Cancelled then, nothing more is told: it stands.
        stream.cancel();
        let now = later.after(Micros::from_ms(62));
        assert_eq!(stream.tick(now, Some(&seen(later, at))), None);
    }

    #[test]
    fn nothing_is_told_of_a_motion_that_was_cancelled_before_its_first_point() {
        let mut stream = Stream::new(FIGURES);
        stream.follow(HopId(1), &way());
        stream.cancel();
        assert!(points(&mut stream, 100).is_empty());
    }
}
