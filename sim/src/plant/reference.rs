//! Where the arm should be at each moment: a time law of ours, or the points of a JointTrajectory.

use stipple_model::joints::Joints;
use stipple_model::motion::{JointSample, Trajectory};

/// One point of a JointTrajectory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From the start of the motion, seconds.
    pub time: f64,
    /// rad.
    pub position: Joints,
    /// rad/s; without it, the way to the point is straight.
    pub velocity: Option<Joints>,
    /// rad/s²; without it, the way is cubic.
    pub acceleration: Option<Joints>,
}

/// Why points make no motion; joint_trajectory_controller rejects a goal for the same reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointsError {
    /// There are none.
    #[error("the trajectory has no point")]
    Empty,
    /// A number is not finite.
    #[error("point {0} has a number that is not finite")]
    NotFinite(usize),
    /// A point has another number of joints.
    #[error("point {0} has the wrong number of joints")]
    JointCount(usize),
    /// Times do not rise from point to point.
    #[error("point {0} is not later than the one before it")]
    Order(usize),
    /// The last point has a velocity.
    #[error("the last point's velocity is not zero")]
    EndVelocity,
}

/// Points in order, checked, interpolated as joint_trajectory_controller does: straight, cubic or quintic by what the points carry.
#[derive(Debug, Clone, PartialEq)]
pub struct Spline {
    start: Joints,
    points: Vec<Point>,
}

impl Spline {
    /// Checks the points and takes them; `start` is where the arm is held now, at rest.
    ///
    /// # Errors
    /// The first point that makes no sense.
    pub fn new(start: Joints, points: Vec<Point>) -> Result<Self, PointsError> {
        let Some(last) = points.last() else {
            return Err(PointsError::Empty);
        };
        if last.velocity.is_some_and(|v| v.max_abs() > 1e-9) {
            return Err(PointsError::EndVelocity);
        }
        let mut before = None;
        for (i, point) in points.iter().enumerate() {
            let derivatives = [point.velocity, point.acceleration];
            let all = || std::iter::once(point.position).chain(derivatives.into_iter().flatten());
            if !point.time.is_finite() || point.time < 0.0 || all().any(|j| !j.is_finite()) {
                return Err(PointsError::NotFinite(i));
            }
            if all().any(|j| j.dof() != start.dof()) {
                return Err(PointsError::JointCount(i));
            }
            if before.is_some_and(|t| point.time <= t) {
                return Err(PointsError::Order(i));
            }
            before = Some(point.time);
        }
        Ok(Self { start, points })
    }

    fn at(&self, t: f64) -> JointSample {
        let zeros = Joints::zeros(self.start.dof());
        let next = self.points.partition_point(|p| p.time <= t);
        let before = match next.checked_sub(1) {
            Some(i) => self.points[i],
            None => Point {
                time: 0.0,
                position: self.start,
                velocity: Some(zeros),
                acceleration: Some(zeros),
            },
        };
        let Some(after) = self.points.get(next) else {
            return JointSample {
                position: before.position,
                velocity: zeros,
                acceleration: zeros,
            };
        };
        between(&before, after, t)
    }
}

/// The state between two points.
fn between(a: &Point, b: &Point, t: f64) -> JointSample {
    let (span, u) = (b.time - a.time, t - a.time);
    let mut out = JointSample {
        position: a.position,
        velocity: a.position.map(|_| 0.0),
        acceleration: a.position.map(|_| 0.0),
    };
    for j in 0..a.position.dof() {
        let (p0, p1) = (a.position[j], b.position[j]);
        let velocities = a.velocity.zip(b.velocity).map(|(v, w)| (v[j], w[j]));
        let accelerations = a
            .acceleration
            .zip(b.acceleration)
            .map(|(v, w)| (v[j], w[j]));
        // Coefficients of the polynomial in u, lowest first.
        let c = match (velocities, accelerations) {
            (None, _) => [p0, (p1 - p0) / span, 0.0, 0.0, 0.0, 0.0],
            (Some((v0, v1)), None) => {
                let d = (p1 - p0) / span;
                [
                    p0,
                    v0,
                    (3.0 * d - 2.0 * v0 - v1) / span,
                    (v0 + v1 - 2.0 * d) / (span * span),
                    0.0,
                    0.0,
                ]
            }
            (Some((v0, v1)), Some((a0, a1))) => {
                let d = p1 - p0 - v0 * span - 0.5 * a0 * span * span;
                let e = v1 - v0 - a0 * span;
                let f = a1 - a0;
                let (s2, s3) = (span * span, span * span * span);
                [
                    p0,
                    v0,
                    0.5 * a0,
                    (10.0 * d - 4.0 * e * span + 0.5 * f * s2) / s3,
                    (-15.0 * d + 7.0 * e * span - f * s2) / (s3 * span),
                    (6.0 * d - 3.0 * e * span + 0.5 * f * s2) / (s3 * s2),
                ]
            }
        };
        let horner = |c: &[f64]| c.iter().rev().fold(0.0, |sum, k| sum * u + k);
        out.position[j] = horner(&c);
        out.velocity[j] = horner(&[c[1], 2.0 * c[2], 3.0 * c[3], 4.0 * c[4], 5.0 * c[5]]);
        out.acceleration[j] = horner(&[2.0 * c[2], 6.0 * c[3], 12.0 * c[4], 20.0 * c[5]]);
    }
    out
}

/// A motion's course.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// Our own time law, in process.
    Law(Box<Trajectory>),
    /// Points that came over the wire.
    Points(Spline),
}

impl Reference {
    /// How many joints.
    #[must_use]
    pub fn dof(&self) -> usize {
        match self {
            Self::Law(law) => law.start().dof(),
            Self::Points(spline) => spline.start.dof(),
        }
    }

    /// How long, seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        match self {
            Self::Law(law) => law.duration(),
            Self::Points(spline) => spline.points.last().map_or(0.0, |p| p.time),
        }
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> Joints {
        match self {
            Self::Law(law) => law.end(),
            Self::Points(spline) => spline.points.last().map_or(spline.start, |p| p.position),
        }
    }

    /// Where the arm should be `t` seconds after the start.
    #[must_use]
    pub fn at(&self, t: f64) -> JointSample {
        match self {
            Self::Law(law) => law.at(t),
            Self::Points(spline) => spline.at(t),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joints(v: f64) -> Joints {
        Joints::from_slice(&[v; 6]).unwrap()
    }

    fn point(time: f64, p: f64, v: Option<f64>, a: Option<f64>) -> Point {
        Point {
            time,
            position: joints(p),
            velocity: v.map(joints),
            acceleration: a.map(joints),
        }
    }

    #[test]
    fn passes_through_its_points_whatever_they_carry() {
        for (v, a) in [(None, None), (Some(0.5), None), (Some(0.5), Some(-1.0))] {
            let end = v.map(|_| 0.0);
            let points = vec![point(0.5, 0.2, v, a), point(1.5, 0.7, end, a.map(|_| 0.0))];
            let spline = Spline::new(joints(0.0), points).unwrap();
            for (t, p) in [(0.0, 0.0), (0.5, 0.2), (1.5, 0.7), (9.0, 0.7)] {
                assert!(
                    (spline.at(t).position[3] - p).abs() < 1e-12,
                    "at {t}: {:?}",
                    spline.at(t)
                );
            }
            if let Some(v) = v {
                assert!((spline.at(0.5 - 1e-9).velocity[0] - v).abs() < 1e-6);
                let slope =
                    (spline.at(0.8 + 1e-6).position[0] - spline.at(0.8 - 1e-6).position[0]) / 2e-6;
                assert!((slope - spline.at(0.8).velocity[0]).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn refuses_points_that_make_no_motion() {
        let new = |points| Spline::new(joints(0.0), points).unwrap_err();
        assert_eq!(new(vec![]), PointsError::Empty);
        assert_eq!(
            new(vec![point(1.0, f64::NAN, None, None)]),
            PointsError::NotFinite(0)
        );
        assert_eq!(
            new(vec![
                point(1.0, 0.1, None, None),
                point(1.0, 0.2, None, None)
            ]),
            PointsError::Order(1)
        );
        assert_eq!(
            new(vec![point(1.0, 0.1, Some(0.3), None)]),
            PointsError::EndVelocity
        );
        let short = Point {
            position: Joints::zeros(3),
            ..point(1.0, 0.0, None, None)
        };
        assert_eq!(new(vec![short]), PointsError::JointCount(0));
    }
}
