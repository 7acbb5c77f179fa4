//! Inverse kinematics: every branch that brings the flange to a pose.

use core::f64::consts::{PI, TAU};

use arrayvec::ArrayVec;
use nalgebra::{DMatrix, DVector, SMatrix, Vector6};

use super::chain::Arm;
use super::closed_form::{Form, Solver};
use crate::frames::{Base, Flange, Transform};
use crate::joints::{Joints, MAX_JOINTS};

/// The most solutions returned.
pub const MAX_SOLUTIONS: usize = 64;
/// Angles of the swept joint of a seven-axis arm that are tried over its range, besides the wanted one. Source: this project's own; the
/// elbow moves by less than half its width from one to the next.
const SWEEP: usize = 24;
/// What a solution may miss the pose by, metres and radians.
const TOLERANCE: f64 = 1e-9;
/// Solutions nearer than this in every joint are one, rad.
const SAME: f64 = 1e-4;
/// Newton steps of one numeric attempt.
const STEPS: usize = 60;
/// Numeric attempts from spread-out starts, after the first from `near`.
const RESTARTS: usize = 24;

/// Solutions of one inverse kinematics problem.
pub type Solutions = ArrayVec<Joints, MAX_SOLUTIONS>;

/// The error that takes `from` to `to`: translation and rotation vector, base frame.
fn pose_error(from: &Transform<Base, Flange>, to: &Transform<Base, Flange>) -> Vector6<f64> {
    let (a, b) = (from.raw(), to.raw());
    let linear = b.translation.vector - a.translation.vector;
    let angular = (b.rotation * a.rotation.inverse()).scaled_axis();
    Vector6::new(
        linear.x, linear.y, linear.z, angular.x, angular.y, angular.z,
    )
}

impl Arm {
    /// Every branch that brings the flange to `target` within the joint limits.
    ///
    /// Closed-form where the arm allows, of a 7-axis arm for `near`'s angle of one joint and 24 more over its range; else numeric from
    /// `near` and a fixed set of starts (all branches of a 6-axis arm are then found with high probability, not with certainty). Each
    /// angle is the turn nearest to `near` that lies within its limits. Every solution is verified by forward kinematics to 1e-9 m and
    /// rad. Nearest to `near` first.
    #[must_use]
    pub fn inverse(&self, target: &Transform<Base, Flange>, near: &Joints) -> Solutions {
        let mut found = Solutions::new();
        if !target.is_finite()
            || near.dof() != self.dof()
            || !near.is_finite()
            || self.is_beyond_reach(target)
        {
            return found;
        }
        match &self.solver {
            Solver::Six(form) => {
                for q in form.solve(target.raw(), near.as_slice()) {
                    self.keep_polished(target, &q, near, 2, &mut found);
                }
            }
            Solver::Swept(joint) => self.sweep(*joint, target, near, &mut found),
            Solver::Numeric => {}
        }
        // What a sweep steps over, a search may still find.
        if found.is_empty() && !matches!(self.solver, Solver::Six(_)) {
            for start in core::iter::once(*near).chain((1..=RESTARTS).map(|k| self.spread(k))) {
                self.keep_polished(target, start.as_slice(), near, STEPS, &mut found);
            }
        }
        found.sort_unstable_by(|a, b| a.max_difference(near).total_cmp(&b.max_difference(near)));
        found
    }

    /// The solutions for `near`'s angle of one joint and for angles evenly over its range, those nearest to `near`'s first.
    fn sweep(
        &self,
        joint: usize,
        target: &Transform<Base, Flange>,
        near: &Joints,
        found: &mut Solutions,
    ) {
        let (lower, upper) = (self.joints[joint].lower, self.joints[joint].upper);
        let (lower, upper) = (lower.max(-PI), upper.min(PI));
        let wish = near[joint].clamp(lower, upper.max(lower));
        let step = (upper - lower) / SWEEP as f64;
        let at = |k: usize| {
            let offset = step * k.div_ceil(2) as f64;
            wish + if k.is_multiple_of(2) { offset } else { -offset }
        };
        for angle in (0..=2 * SWEEP).map(at) {
            if !(lower..=upper).contains(&angle) {
                continue;
            }
            let Some(form) = self
                .held(Some((joint, angle)))
                .and_then(|chain| Form::recognise(&chain))
            else {
                continue;
            };
            let others: ArrayVec<f64, MAX_JOINTS> = (0..)
                .zip(near.as_slice())
                .filter(|(i, _)| *i != joint)
                .map(|(_, v)| *v)
                .collect();
            for six in form.solve(target.raw(), &others) {
                let mut q = ArrayVec::<f64, MAX_JOINTS>::from_iter(six);
                if q.try_insert(joint, angle).is_ok() {
                    self.keep_polished(target, &q, near, 2, found);
                }
            }
        }
    }

    /// Keeps what Newton steps make of a solution, if they bring the flange to its pose.
    fn keep_polished(
        &self,
        target: &Transform<Base, Flange>,
        q: &[f64],
        near: &Joints,
        steps: usize,
        found: &mut Solutions,
    ) {
        let polished = Joints::from_slice(q).and_then(|q| self.polish(target, q, steps));
        if let Some(q) = polished {
            self.keep(q, near, found);
        }
    }

    /// Whether the flange cannot get there even with the arm stretched out: cheap, and it spares the search.
    fn is_beyond_reach(&self, target: &Transform<Base, Flange>) -> bool {
        let poses = self.link_poses(&Joints::zeros(self.dof()));
        let offsets = poses.bodies[1..]
            .windows(2)
            .map(|w| (w[1].translation.vector - w[0].translation.vector).norm());
        let flange = poses.base_from_flange.raw().translation.vector;
        let last = poses
            .bodies
            .last()
            .map_or(0.0, |b| (flange - b.translation.vector).norm());
        let shoulder = poses.bodies[1].translation.vector;
        (target.raw().translation.vector - shoulder).norm() > offsets.sum::<f64>() + last + 1e-9
    }

    /// The solution reached by Newton steps from `near`, if it lies within the limits. For small changes of a pose: same branch, cheap.
    #[must_use]
    pub fn inverse_near(&self, target: &Transform<Base, Flange>, near: &Joints) -> Option<Joints> {
        if !target.is_finite() || near.dof() != self.dof() || !near.is_finite() {
            return None;
        }
        let q = self.polish(target, *near, STEPS)?;
        self.nearest_turn(&q, near)
    }

    /// Start number `k` of a low-discrepancy set over the joint ranges (golden-ratio steps, one irrational a joint).
    pub(crate) fn spread(&self, k: usize) -> Joints {
        let mut q = Joints::zeros(self.dof());
        for (i, (v, joint)) in q.as_mut_slice().iter_mut().zip(&self.joints).enumerate() {
            let share = (k as f64
                * (0.5
                    + [
                        0.118_034, 0.324_718, 0.720_744, 0.467_304, 0.846_109, 0.612_772, 0.938_601,
                    ][i]))
                .fract();
            *v = joint.lower.max(-core::f64::consts::PI)
                + share
                    * (joint.upper.min(core::f64::consts::PI)
                        - joint.lower.max(-core::f64::consts::PI));
        }
        q
    }

    fn keep(&self, q: Joints, near: &Joints, found: &mut Solutions) {
        let Some(q) = self.nearest_turn(&q, near) else {
            return;
        };
        if found.iter().all(|other| other.max_difference(&q) > SAME) {
            // When full, more branches of a redundant arm add nothing.
            let _ = found.try_push(q);
        }
    }

    /// Each angle moved by full turns to lie within its limits, as near to `near` as can be; `None` when one cannot.
    fn nearest_turn(&self, q: &Joints, near: &Joints) -> Option<Joints> {
        let mut out = *q;
        for ((v, joint), wish) in out
            .as_mut_slice()
            .iter_mut()
            .zip(&self.joints)
            .zip(near.as_slice())
        {
            let (first, last) = (
                ((joint.lower - *v) / TAU).ceil(),
                ((joint.upper - *v) / TAU).floor(),
            );
            if first > last {
                return None;
            }
            *v = (*v + TAU * ((wish - *v) / TAU).round().max(first).min(last))
                .max(joint.lower)
                .min(joint.upper);
        }
        Some(out)
    }

    /// Newton steps with damping that fades with the error; `None` unless the pose is met within the tolerance.
    fn polish(
        &self,
        target: &Transform<Base, Flange>,
        start: Joints,
        steps: usize,
    ) -> Option<Joints> {
        let mut q = start;
        for step in 0..=steps {
            let poses = self.link_poses(&q);
            let error = pose_error(&poses.base_from_flange, target);
            let size = error.norm();
            if error.fixed_rows::<3>(0).norm() < TOLERANCE
                && error.fixed_rows::<3>(3).norm() < TOLERANCE
            {
                return Some(q);
            }
            if step == steps || !size.is_finite() {
                return None;
            }
            let point = poses.base_from_flange.raw().translation.vector;
            let mut jacobian = SMatrix::<f64, 6, MAX_JOINTS>::zeros();
            for joint in 0..self.dof() {
                let (linear, angular) = poses.jacobian_column(joint, &point);
                jacobian.fixed_view_mut::<3, 1>(0, joint).copy_from(&linear);
                jacobian
                    .fixed_view_mut::<3, 1>(3, joint)
                    .copy_from(&angular);
            }
            // Damped least squares: Δq = Jᵀ (J Jᵀ + λ² I)⁻¹ e.
            let damping = 0.01 * size.min(1.0);
            let normal = jacobian * jacobian.transpose()
                + SMatrix::<f64, 6, 6>::identity() * (damping * damping);
            let delta = jacobian.transpose() * normal.cholesky()?.solve(&error);
            let scale = (0.5 / delta.amax()).min(1.0);
            for (v, d) in q.as_mut_slice().iter_mut().zip(delta.iter()) {
                *v += d * scale;
            }
        }
        None
    }

    /// The smallest singular value of the Jacobian at the flange (lengths in metres, angles in rad): how far from singular.
    #[must_use]
    pub fn smallest_singular_value(&self, q: &Joints) -> f64 {
        let poses = self.link_poses(q);
        let point = poses.base_from_flange.raw().translation.vector;
        let mut jacobian = DMatrix::zeros(6, self.dof());
        for joint in 0..self.dof() {
            let (linear, angular) = poses.jacobian_column(joint, &point);
            jacobian.view_mut((0, joint), (3, 1)).copy_from(&linear);
            jacobian.view_mut((3, joint), (3, 1)).copy_from(&angular);
        }
        let values: DVector<f64> = jacobian.singular_values();
        values.iter().copied().fold(f64::INFINITY, f64::min)
    }
}
