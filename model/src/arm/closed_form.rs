//! Which closed form an arm has, if any, and what to hold still so that an arm with seven axes has one.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Unit};

use super::chain::Arm;
use super::spherical_wrist::SphericalWrist;
use super::subproblems::{Line, SixAxes};
use super::three_parallel::ThreeParallel;
use crate::joints::Joints;

/// A joint that is held still is tried at these angles when the arm is loaded, rad: away from the special ones.
const TRIAL: [f64; 3] = [0.371, -1.217, 2.043];

/// How an arm's inverse kinematics is solved.
#[derive(Debug, Clone)]
pub(super) enum Solver {
    /// Six axes in closed form.
    Six(Box<Form>),
    /// Seven axes: this one is swept, the other six are in closed form for each of its angles.
    Swept(usize),
    /// Newton steps from many starts.
    Numeric,
}

/// The closed form of six axes.
#[derive(Debug, Clone)]
pub(super) struct Form {
    shape: Shape,
    /// Where the flange is at zero, when the chain was taken from the flange's end.
    from_flange: Option<Isometry3<f64>>,
}

#[derive(Debug, Clone)]
enum Shape {
    ThreeParallel(ThreeParallel),
    SphericalWrist(SphericalWrist),
}

impl Shape {
    fn recognise(chain: &SixAxes) -> Option<Self> {
        let three = || ThreeParallel::recognise(chain).map(Self::ThreeParallel);
        let wrist = || SphericalWrist::recognise(chain).map(Self::SphericalWrist);
        three().or_else(wrist)
    }

    fn solve(&self, target: &Isometry3<f64>, near: &[f64]) -> ArrayVec<[f64; 6], 8> {
        match self {
            Self::ThreeParallel(form) => form.solve(target, near),
            Self::SphericalWrist(form) => form.solve(target, near),
        }
    }
}

impl Form {
    /// The closed form of a chain from its base or from its flange.
    pub(super) fn recognise(chain: &SixAxes) -> Option<Self> {
        if let Some(shape) = Shape::recognise(chain) {
            return Some(Self {
                shape,
                from_flange: None,
            });
        }
        Shape::recognise(&chain.reversed()).map(|shape| Self {
            shape,
            from_flange: Some(chain.home),
        })
    }

    /// All solutions, each angle in any turn; a free angle at a singularity is taken from `near`.
    pub(super) fn solve(&self, target: &Isometry3<f64>, near: &[f64]) -> ArrayVec<[f64; 6], 8> {
        let Some(home) = &self.from_flange else {
            return self.shape.solve(target, near);
        };
        let backward = |q: [f64; 6]| [q[5], q[4], q[3], q[2], q[1], q[0]].map(|v| -v);
        let near = <[f64; 6]>::try_from(near).map(backward);
        let near: &[f64] = near.as_ref().map_or(&[], |q| q.as_slice());
        let target = (target * home.inverse()).inverse();
        self.shape
            .solve(&target, near)
            .into_iter()
            .map(backward)
            .collect()
    }
}

impl Solver {
    /// The best an arm allows.
    pub(super) fn of(arm: &Arm) -> Self {
        if let Some(form) = arm.held(None).and_then(|chain| Form::recognise(&chain)) {
            return Self::Six(Box::new(form));
        }
        let in_closed_form = |joint: &usize| {
            TRIAL.iter().all(|&angle| {
                let chain = arm.held(Some((*joint, angle)));
                chain.is_some_and(|chain| Form::recognise(&chain).is_some())
            })
        };
        // One in the middle moves the elbow and leaves base and flange alone; else any.
        let mut order: Vec<usize> = (0..arm.dof()).collect();
        order.sort_by_key(|j| j.abs_diff(arm.dof() / 2));
        let swept = order.into_iter().find(in_closed_form);
        swept.map_or(Self::Numeric, Self::Swept)
    }
}

impl Arm {
    /// The axes of all joints but the one that is held at an angle; `None` unless they are six.
    pub(super) fn held(&self, held: Option<(usize, f64)>) -> Option<SixAxes> {
        let mut q = Joints::zeros(self.dof());
        if let Some((joint, angle)) = held {
            *q.as_mut_slice().get_mut(joint)? = angle;
        }
        let poses = self.link_poses(&q);
        let lines: ArrayVec<Line, 7> = (0..)
            .zip(&poses.axes)
            .filter(|(i, _)| held.is_none_or(|(joint, _)| joint != *i))
            .map(|(_, a)| (Unit::new_unchecked(a.direction), a.point))
            .collect();
        Some(SixAxes {
            lines: lines.as_slice().try_into().ok()?,
            home: *poses.base_from_flange.raw(),
        })
    }
}
