//! Which closed form an arm has, if any, and what to hold still so that an arm with seven axes has one.

use core::f64::consts::{FRAC_PI_2, PI, TAU};

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Unit};

use super::chain::Arm;
use super::kinematics::Axis;
use super::singular::Singularity;
use super::spherical_wrist::SphericalWrist;
use super::subproblems::{Line, SixAxes, Slack};
use super::three_parallel::ThreeParallel;
use crate::joints::Joints;

/// A joint that is held still is tried at these angles when the arm is loaded, rad: special ones and others.
const TRIAL: [f64; 8] = [0.0, FRAC_PI_2, -FRAC_PI_2, PI, -PI, 0.371, -1.217, 2.043];
/// Angles of the swept joint of a seven-axis arm that are tried over its range, besides the wanted one. Source: this project's own; the
/// elbow moves by less than half its width from one to the next.
const SWEEP: usize = 24;

/// How an arm's inverse kinematics is solved.
#[derive(Debug, Clone)]
pub(super) enum Solver {
    /// Six axes in closed form.
    Six(Box<Form>),
    /// Seven axes: one is swept, the other six are in closed form for each of its angles.
    Swept(Sweep),
    /// Newton steps from many starts.
    Numeric,
}

/// A seven-axis arm with one joint held at many angles.
#[derive(Debug, Clone)]
pub(super) struct Sweep {
    /// The joint.
    pub joint: usize,
    /// Its angles, rad, evenly over its range, and the closed form of the others at each.
    pub held: Vec<(f64, Form)>,
    slack: Slack,
}

/// The closed form of six axes.
#[derive(Debug, Clone)]
pub(super) struct Form {
    shape: Shape,
    /// Where the flange is at zero, when the chain was taken from the flange's end.
    from_flange: Option<Isometry3<f64>>,
    /// Whether solutions are exact, or but near enough for Newton steps.
    pub exact: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    ThreeParallel(ThreeParallel),
    SphericalWrist(SphericalWrist),
}

impl Shape {
    fn recognise(chain: &SixAxes, slack: Slack) -> Option<Self> {
        let three = || ThreeParallel::recognise(chain, slack).map(Self::ThreeParallel);
        let wrist = || SphericalWrist::recognise(chain, slack).map(Self::SphericalWrist);
        three().or_else(wrist)
    }

    fn solve(&self, target: &Isometry3<f64>, near: &[f64; 6]) -> ArrayVec<[f64; 6], 8> {
        match self {
            Self::ThreeParallel(form) => form.solve(target, near),
            Self::SphericalWrist(form) => form.solve(target, near),
        }
    }
}

impl Form {
    /// The closed form of a chain from its base or from its flange.
    pub(super) fn recognise(chain: &SixAxes, slack: Slack) -> Option<Self> {
        let exact = slack == Slack::EXACT;
        if let Some(shape) = Shape::recognise(chain, slack) {
            return Some(Self {
                shape,
                from_flange: None,
                exact,
            });
        }
        Shape::recognise(&chain.reversed(), slack).map(|shape| Self {
            shape,
            from_flange: Some(chain.home),
            exact,
        })
    }

    /// The singularity that axes in some configuration are nearest to, and its sine.
    pub(super) fn singularity(&self, axes: &[Axis; 6]) -> Option<(Singularity, f64)> {
        let mut lines = axes.map(|a| (Unit::new_unchecked(a.direction), a.point));
        if self.from_flange.is_some() {
            lines.reverse();
        }
        let sines = match &self.shape {
            Shape::ThreeParallel(_) => ThreeParallel::sines(&lines),
            Shape::SphericalWrist(form) => form.sines(&lines),
        }?;
        let kinds = [
            Singularity::Wrist,
            Singularity::Elbow,
            Singularity::Shoulder,
        ];
        kinds
            .into_iter()
            .zip(sines)
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// All solutions, each angle in any turn; a free angle at a singularity is taken from `near`.
    pub(super) fn solve(&self, target: &Isometry3<f64>, near: &[f64; 6]) -> ArrayVec<[f64; 6], 8> {
        let Some(home) = &self.from_flange else {
            return self.shape.solve(target, near);
        };
        let backward = |q: [f64; 6]| [q[5], q[4], q[3], q[2], q[1], q[0]].map(|v| -v);
        let target = (target * home.inverse()).inverse();
        let mut solutions = self.shape.solve(&target, &backward(*near));
        for q in &mut solutions {
            *q = backward(*q);
        }
        solutions
    }
}

impl Solver {
    /// The best an arm allows.
    pub(super) fn of(arm: &Arm) -> Self {
        [Slack::EXACT, Slack::NEARLY]
            .into_iter()
            .find_map(|slack| {
                let six = arm.form(None, slack).map(|form| Self::Six(Box::new(form)));
                six.or_else(|| Sweep::of(arm, slack).map(Self::Swept))
            })
            .unwrap_or(Self::Numeric)
    }
}

impl Sweep {
    fn of(arm: &Arm, slack: Slack) -> Option<Self> {
        let in_closed_form = |joint: &usize| {
            let trials = TRIAL.iter();
            let works = |angle: &&f64| arm.form(Some((*joint, **angle)), slack).is_some();
            trials.filter(works).count()
        };
        // The one that is in closed form at the most angles; among those, one in the middle: it moves the elbow and leaves base and flange
        // alone.
        let best = (0..arm.dof()).max_by_key(|joint| {
            let aside = joint.abs_diff(arm.dof() / 2);
            (in_closed_form(joint), core::cmp::Reverse((aside, *joint)))
        });
        let joint = best.filter(|joint| 2 * in_closed_form(joint) > TRIAL.len())?;
        let (lower, upper) = (arm.joints[joint].lower, arm.joints[joint].upper);
        let (first, last) = if upper - lower < TAU {
            (lower, upper)
        } else {
            (-PI, PI)
        };
        let held = Self::angles(first, last).filter_map(|angle| {
            arm.form(Some((joint, angle)), slack)
                .map(|form| (angle, form))
        });
        Some(Self {
            joint,
            held: held.collect(),
            slack,
        })
    }

    /// The angles that a range is swept at.
    pub(super) fn angles(first: f64, last: f64) -> impl Iterator<Item = f64> {
        (0..SWEEP).map(move |k| first + (last - first) * (k as f64 + 0.5) / SWEEP as f64)
    }

    /// The closed form with the joint at this angle.
    pub(super) fn at(&self, arm: &Arm, angle: f64) -> Option<Form> {
        arm.form(Some((self.joint, angle)), self.slack)
    }
}

impl Arm {
    fn form(&self, held: Option<(usize, f64)>, slack: Slack) -> Option<Form> {
        self.held(held)
            .and_then(|chain| Form::recognise(&chain, slack))
    }

    /// The axes of all joints but the one that is held at an angle; `None` unless they are six.
    fn held(&self, held: Option<(usize, f64)>) -> Option<SixAxes> {
        let mut q = Joints::zeros(self.dof());
        if let Some((joint, angle)) = held {
            *q.as_mut_slice().get_mut(joint)? = angle;
        }
        let at = self.steps.run(q.as_slice());
        let lines: ArrayVec<Line, 7> = (0..)
            .zip(at.axes())
            .filter(|(i, _)| held.is_none_or(|(joint, _)| joint != *i))
            .map(|(_, a)| (Unit::new_unchecked(a.direction), a.point))
            .collect();
        Some(SixAxes {
            lines: lines.as_slice().try_into().ok()?,
            home: at.flange.isometry(),
        })
    }
}
