//! A motion as a goal of FollowJointTrajectory: its points, and the tolerances that go with them.

use std::time::Duration;

use r2r::builtin_interfaces::msg::Duration as RosDuration;
use r2r::control_msgs::action::FollowJointTrajectory;
use r2r::control_msgs::msg::JointTolerance;
use r2r::trajectory_msgs::msg::{JointTrajectory, JointTrajectoryPoint};
use stipple_model::motion::Trajectory;

/// Time from point to point of a goal, s: well above a joint controller's own period, well below the time in which a jerk shows.
const SAMPLE: f64 = 8e-3;

/// Most points of a goal; a longer motion is sampled coarser.
const MOST_POINTS: f64 = 10_000.0;

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

/// A motion as a goal.
#[must_use]
pub fn goal(
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
#[must_use]
pub fn duration(seconds: f64) -> RosDuration {
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
}
