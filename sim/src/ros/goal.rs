//! A goal as it came over the wire, read as joint_trajectory_controller reads it.

use r2r::builtin_interfaces::msg::{Duration, Time};
use r2r::control_msgs::action::FollowJointTrajectory::Goal;
use r2r::control_msgs::msg::JointTolerance;
use r2r::trajectory_msgs::msg::JointTrajectoryPoint;
use stipple_model::joints::Joints;

use crate::plant::{PointsError, Reference, Spline, Tolerances, TrajectoryPoint};

/// What holds for goals without tolerances of their own: nothing, as in joint_trajectory_controller, whose constraints are 0 by default,
/// which enforces none.
pub const NO_TOLERANCES: Tolerances = Tolerances {
    path: None,
    goal: None,
    goal_time: None,
};

/// Why a goal is rejected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GoalError {
    /// The joints are not those of the arm.
    #[error("the goal's joints {found:?} are not those of the arm, {arm:?}")]
    Joints {
        /// In the goal.
        found: Vec<String>,
        /// The arm's.
        arm: Vec<String>,
    },
    /// A point does not fit the joints.
    #[error("point {point} has {found} {what} for {joints} joints")]
    Count {
        /// Which, from 0.
        point: usize,
        /// What there are too many or too few of.
        what: &'static str,
        /// So many are there.
        found: usize,
        /// So many should be.
        joints: usize,
    },
    /// Points that are no motion.
    #[error(transparent)]
    Points(#[from] PointsError),
    /// It was to begin at a time of its own, and would have ended by now.
    #[error("the goal's stamp lies so far back that its last point was due {0:.3} s ago")]
    Past(f64),
    /// It moves more than joints.
    #[error("the goal has a multi-DOF trajectory, which an arm cannot follow")]
    MultiDof,
    /// A tolerance for a joint that is not there, or one that makes no sense.
    #[error("the tolerance for {0} makes no sense")]
    Tolerance(String),
}

/// Reads a goal for an arm that is held at `start` at the time `now`; `default` holds where the goal has no tolerances of its own.
///
/// A goal without a stamp begins at once. Times of a stamped one count from its stamp: points that are due already are passed over.
///
/// # Errors
/// Why it is rejected.
pub fn read(
    goal: &Goal,
    arm: &[String],
    start: Joints,
    now: &Time,
    default: Tolerances,
) -> Result<(Reference, Tolerances), GoalError> {
    if !goal.multi_dof_trajectory.points.is_empty() {
        return Err(GoalError::MultiDof);
    }
    let order = order(&goal.trajectory.joint_names, arm)?;
    let mut points = goal
        .trajectory
        .points
        .iter()
        .enumerate()
        .map(|(i, point)| read_point(i, point, &order))
        .collect::<Result<Vec<_>, _>>()?;
    // Checked as they were written, before they are moved in time.
    Spline::new(start, points.clone())?;
    let stamp = &goal.trajectory.header.stamp;
    if stamp.sec != 0 || stamp.nanosec != 0 {
        let delay = since(now, stamp);
        let late = -delay - points.last().map_or(0.0, |last| last.time);
        if late >= 0.0 {
            return Err(GoalError::Past(late));
        }
        points.iter_mut().for_each(|point| point.time += delay);
        points.retain(|point| point.time > 0.0);
    }
    let tolerances = Tolerances {
        path: tolerance(&goal.path_tolerance, arm, default.path)?,
        goal: tolerance(&goal.goal_tolerance, arm, default.goal)?,
        goal_time: match seconds(&goal.goal_time_tolerance) {
            t if t > 0.0 => Some(t),
            t if t < 0.0 => None,
            _ => default.goal_time,
        },
    };
    Ok((Reference::Points(Spline::new(start, points)?), tolerances))
}

/// For each joint of the arm, its place in the goal. All joints must be there, each once, in any order.
fn order(names: &[String], arm: &[String]) -> Result<Vec<usize>, GoalError> {
    let places: Option<Vec<usize>> = arm
        .iter()
        .map(|joint| names.iter().position(|name| name == joint))
        .collect();
    places
        .filter(|places| places.len() == names.len())
        .ok_or_else(|| GoalError::Joints {
            found: names.to_vec(),
            arm: arm.to_vec(),
        })
}

fn read_point(
    i: usize,
    point: &JointTrajectoryPoint,
    order: &[usize],
) -> Result<TrajectoryPoint, GoalError> {
    let read = |what: &'static str, values: &[f64]| -> Result<Joints, GoalError> {
        let wrong = || GoalError::Count {
            point: i,
            what,
            found: values.len(),
            joints: order.len(),
        };
        if values.len() != order.len() {
            return Err(wrong());
        }
        let ordered: Vec<f64> = order.iter().map(|place| values[*place]).collect();
        Joints::from_slice(&ordered).ok_or_else(wrong)
    };
    let optional = |what, values: &[f64]| {
        if values.is_empty() {
            Ok(None)
        } else {
            read(what, values).map(Some)
        }
    };
    Ok(TrajectoryPoint {
        time: seconds(&point.time_from_start),
        position: read("positions", &point.positions)?,
        velocity: optional("velocities", &point.velocities)?,
        acceleration: optional("accelerations", &point.accelerations)?,
    })
}

/// The tightest of the position tolerances: 0 is the default, below 0 is none.
fn tolerance(
    given: &[JointTolerance],
    arm: &[String],
    default: Option<f64>,
) -> Result<Option<f64>, GoalError> {
    let mut tightest: Option<f64> = None;
    let mut defaulted = given.len() < arm.len();
    for tolerance in given {
        let position = tolerance.position;
        if !arm.contains(&tolerance.name) || !position.is_finite() {
            return Err(GoalError::Tolerance(tolerance.name.clone()));
        }
        if position > 0.0 {
            tightest = Some(tightest.map_or(position, |t| t.min(position)));
        } else if position == 0.0 {
            defaulted = true;
        }
    }
    Ok(match (tightest, default.filter(|_| defaulted)) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    })
}

/// From `a` to `b`, s; the whole seconds apart, so that nothing is lost to rounding.
fn since(a: &Time, b: &Time) -> f64 {
    (i64::from(b.sec) - i64::from(a.sec)) as f64
        + (f64::from(b.nanosec) - f64::from(a.nanosec)) * 1e-9
}

fn seconds(span: &Duration) -> f64 {
    f64::from(span.sec) + f64::from(span.nanosec) * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["a", "b"].map(str::to_owned).to_vec()
    }

    fn start() -> Joints {
        Joints::zeros(2)
    }

    fn goal(joints: &[&str], positions: &[f64], sec: i32) -> Goal {
        let mut goal = Goal::default();
        goal.trajectory.joint_names = joints.iter().map(|n| (*n).to_owned()).collect();
        goal.trajectory.points.push(JointTrajectoryPoint {
            positions: positions.to_vec(),
            velocities: vec![0.0; positions.len()],
            time_from_start: Duration { sec, nanosec: 0 },
            ..Default::default()
        });
        goal
    }

    const NOW: Time = Time {
        sec: 1000,
        nanosec: 0,
    };

    fn rejected(goal: &Goal) -> GoalError {
        read(goal, &names(), start(), &NOW, Tolerances::default()).unwrap_err()
    }

    #[test]
    fn a_stamp_moves_the_start_and_one_long_past_is_rejected() {
        let mut goal = goal(&["a", "b"], &[1.0, 1.0], 1);
        let last = goal.trajectory.points[0].clone();
        goal.trajectory.points.push(JointTrajectoryPoint {
            positions: vec![2.0, 2.0],
            time_from_start: Duration { sec: 3, nanosec: 0 },
            ..last
        });
        let duration = |goal: &Goal| {
            let read = read(goal, &names(), start(), &NOW, Tolerances::default());
            read.unwrap().0.duration()
        };
        for (sec, nanosec, wanted) in [
            (0, 0, 3.0),
            (1002, 0, 5.0),
            (999, 500_000_000, 2.5),
            (998, 0, 1.0),
        ] {
            goal.trajectory.header.stamp = Time { sec, nanosec };
            assert!((duration(&goal) - wanted).abs() < 1e-9, "{sec}.{nanosec}");
        }
        goal.trajectory.header.stamp = Time {
            sec: 990,
            nanosec: 0,
        };
        assert_eq!(rejected(&goal), GoalError::Past(7.0));
    }

    #[test]
    fn joints_may_come_in_any_order_but_must_be_the_arms() {
        let (reference, _) = read(
            &goal(&["b", "a"], &[2.0, 1.0], 1),
            &names(),
            start(),
            &NOW,
            Tolerances::default(),
        )
        .unwrap();
        assert_eq!(reference.end().as_slice(), [1.0, 2.0]);
        for wrong in [&["a"][..], &["a", "c"], &["a", "b", "c"], &["a", "a"]] {
            assert!(
                matches!(
                    rejected(&goal(wrong, &vec![0.0; wrong.len()], 1)),
                    GoalError::Joints { .. }
                ),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn what_is_no_motion_is_rejected() {
        assert_eq!(
            rejected(&goal(&["a", "b"], &[0.0, f64::NAN], 1)),
            GoalError::Points(PointsError::NotFinite(0))
        );
        assert!(matches!(
            rejected(&goal(&["a", "b"], &[0.0], 1)),
            GoalError::Count { .. }
        ));
        let mut empty = goal(&["a", "b"], &[0.0, 0.0], 1);
        empty.trajectory.points.clear();
        assert_eq!(rejected(&empty), GoalError::Points(PointsError::Empty));
        let mut moving = goal(&["a", "b"], &[0.0, 0.0], 1);
        moving.trajectory.points[0].velocities[1] = 0.1;
        assert_eq!(
            rejected(&moving),
            GoalError::Points(PointsError::EndVelocity)
        );
    }

    #[test]
    fn tolerances_are_taken_defaulted_or_lifted() {
        let default = Tolerances {
            path: Some(0.1),
            goal: Some(2e-4),
            goal_time: Some(0.5),
        };
        let each = |position: f64| {
            names()
                .into_iter()
                .map(|name| JointTolerance {
                    name,
                    position,
                    ..Default::default()
                })
                .collect::<Vec<_>>()
        };
        let mut goal = goal(&["a", "b"], &[0.1, 0.1], 1);
        let taken = |goal: &Goal| read(goal, &names(), start(), &NOW, default).unwrap().1;
        assert_eq!(taken(&goal), default);
        (goal.path_tolerance, goal.goal_tolerance) = (each(0.3), each(-1.0));
        goal.goal_time_tolerance.sec = 2;
        assert_eq!(
            taken(&goal),
            Tolerances {
                path: Some(0.3),
                goal: None,
                goal_time: Some(2.0)
            }
        );
        goal.path_tolerance = each(f64::NAN);
        assert!(matches!(rejected(&goal), GoalError::Tolerance(_)));
    }
}
