//! Inverse kinematics: every branch that brings the flange to a pose.

use core::f64::consts::{PI, TAU};

use arrayvec::ArrayVec;

use super::chain::{Arm, Joint};
use super::closed_form::{Form, Solver, Sweep};
use super::newton::Goal;
use crate::frames::{Base, Flange, Transform};
use crate::joints::{Joints, MAX_JOINTS};

/// The most solutions returned.
pub const MAX_SOLUTIONS: usize = 64;
/// Solutions nearer than this in every joint are one, rad.
const SAME: f64 = 1e-4;
/// An angle this little outside its limits, in turns, is brought back to them: the pose is still met to 1e-9.
const ROUNDING: f64 = 1e-11;
/// Newton steps of one numeric attempt.
const STEPS: usize = 60;
/// Newton steps from a solution of the exact closed form: for what rounding leaves near a singularity.
const FEW: usize = 2;
/// Newton steps from a solution of an arm that has its closed form only nearly.
const SOME: usize = 8;
/// Numeric attempts from spread-out starts, after the first from `near`.
const RESTARTS: usize = 24;

/// Solutions of one inverse kinematics problem.
pub type Solutions = ArrayVec<Joints, MAX_SOLUTIONS>;

/// One problem, and what is found of its answers.
struct Search<'a> {
    arm: &'a Arm,
    target: &'a Transform<Base, Flange>,
    goal: Goal,
    near: &'a Joints,
    /// The limits of so many joints from the base count.
    bounded: usize,
    /// Nearest to `near` first.
    found: &'a mut Solutions,
    /// How far each is from `near`.
    apart: ArrayVec<f64, MAX_SOLUTIONS>,
}

impl Arm {
    /// Every branch that brings the flange to `target` within the joint limits.
    ///
    /// Closed-form where the arm allows; where its axes are a few millimetres or milliradians off such a shape (a calibrated arm) by Newton
    /// steps from there, which near a singularity may miss a branch; of a 7-axis arm for `near`'s angle of one joint and 24 more over its
    /// range; else numeric from
    /// `near` and a fixed set of starts (all branches of a 6-axis arm are then found with high probability, not with certainty). Each
    /// angle is the turn nearest to `near` that lies within its limits; one that a singularity leaves free is `near`'s. Every solution is
    /// verified by forward kinematics to 1e-9 m and rad. Nearest to `near` first (largest difference of a joint), the 64 nearest of more.
    #[must_use]
    pub fn inverse(&self, target: &Transform<Base, Flange>, near: &Joints) -> Solutions {
        self.branches(target, near, self.dof())
    }

    /// As [`Arm::inverse`], but whatever the last joint's limits: for what is turned about that joint's axis afterwards. The last joint does
    /// not count in what is nearest to `near`.
    #[must_use]
    pub fn inverse_with_last_free(
        &self,
        target: &Transform<Base, Flange>,
        near: &Joints,
    ) -> Solutions {
        self.branches(target, near, self.dof() - 1)
    }

    /// Whether joints without limits would bring the flange to `target`; as [`Arm::inverse`], it may miss a branch where that does.
    #[must_use]
    pub fn is_reached_beyond_limits(&self, target: &Transform<Base, Flange>) -> bool {
        !self.branches(target, &self.mid_range(), 0).is_empty()
    }

    /// The last joint's angle in the turn nearest to `near` that lies within its limits; `None` when none does.
    #[must_use]
    pub fn last_within_limits(&self, angle: f64, near: f64) -> Option<f64> {
        nearest_turn(self.joints.last()?, angle, near)
    }

    /// The solutions when the limits of so many joints from the base count.
    fn branches(
        &self,
        target: &Transform<Base, Flange>,
        near: &Joints,
        bounded: usize,
    ) -> Solutions {
        let mut found = Solutions::new();
        let out_of_question = !target.is_finite()
            || near.dof() != self.dof()
            || !near.is_finite()
            || self.steps.is_beyond_reach(target.raw());
        if out_of_question {
            return found;
        }
        let mut search = Search {
            arm: self,
            target,
            goal: Goal::new(target),
            near,
            bounded,
            found: &mut found,
            apart: ArrayVec::new(),
        };
        match &self.solver {
            Solver::Six(form) => {
                search.six(form);
                // Where the closed form is but near, it may miss what is just within reach.
                if !form.exact && search.found.is_empty() {
                    search.numeric();
                }
            }
            Solver::Swept(sweep) => {
                search.sweep(sweep);
                // What a sweep steps over, a search may still find.
                if search.found.is_empty() {
                    search.numeric();
                }
            }
            Solver::Numeric => search.numeric(),
        }
        found
    }

    /// The solution reached by Newton steps from `near`, if it lies within the limits. For small changes of a pose: same branch, cheap.
    #[must_use]
    pub fn inverse_near(&self, target: &Transform<Base, Flange>, near: &Joints) -> Option<Joints> {
        if !target.is_finite() || near.dof() != self.dof() || !near.is_finite() {
            return None;
        }
        let q = self.polish(&Goal::new(target), near, STEPS)?;
        self.nearest_turns(&q, near, self.dof())
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
            // A range beyond a full turn adds nothing; one that does not hold zero is taken as it is.
            let (lower, upper) = if joint.upper - joint.lower > TAU {
                (-PI, PI)
            } else {
                (joint.lower, joint.upper)
            };
            *v = lower + share * (upper - lower);
        }
        q
    }

    /// Each angle moved by full turns as near to `near` as can be, the first `bounded` of them within their limits; `None` when one cannot.
    fn nearest_turns(&self, q: &Joints, near: &Joints, bounded: usize) -> Option<Joints> {
        let mut out = *q;
        let joints = self.joints.iter().zip(near.as_slice()).enumerate();
        for (v, (i, (joint, wish))) in out.as_mut_slice().iter_mut().zip(joints) {
            *v = if i < bounded {
                nearest_turn(joint, *v, *wish)?
            } else {
                *v + TAU * ((wish - *v) / TAU).round()
            };
        }
        Some(out)
    }
}

/// An angle moved by full turns to lie within a joint's limits, as near to `wish` as can be; `None` when it cannot.
fn nearest_turn(joint: &Joint, angle: f64, wish: f64) -> Option<f64> {
    // Almost always it is this turn or the next.
    let apart = wish - angle;
    let turned = if apart.abs() < PI {
        angle
    } else {
        angle + TAU.copysign(apart)
    };
    if joint.lower <= turned && turned <= joint.upper && (turned - wish).abs() < PI {
        return Some(turned);
    }
    let (first, last) = (
        ((joint.lower - angle) / TAU - ROUNDING).ceil(),
        ((joint.upper - angle) / TAU + ROUNDING).floor(),
    );
    // Written so that NaN is nowhere.
    (first <= last).then(|| {
        let turned = angle + TAU * ((wish - angle) / TAU).round().max(first).min(last);
        turned.max(joint.lower).min(joint.upper)
    })
}

impl Search<'_> {
    fn six(&mut self, form: &Form) {
        let Ok(near) = <[f64; 6]>::try_from(self.near.as_slice()) else {
            return;
        };
        let steps = if form.exact { FEW } else { SOME };
        for six in form.solve(self.target.raw(), &near) {
            if let Some(q) = Joints::from_slice(&six) {
                self.keep(&q, steps);
            }
        }
    }

    /// The solutions for `near`'s angle of one joint and for angles evenly over its range.
    fn sweep(&mut self, sweep: &Sweep) {
        let joint = &self.arm.joints[sweep.joint];
        let wish = self.near[sweep.joint].clamp(joint.lower, joint.upper);
        if let Some(form) = sweep.at(self.arm, wish) {
            self.held(sweep.joint, wish, &form);
        }
        for (angle, form) in &sweep.held {
            self.held(sweep.joint, *angle, form);
        }
        let outside = |angle: &f64| *angle < joint.lower || *angle > joint.upper;
        if self.bounded == 0 {
            for angle in Sweep::angles(-PI, PI).filter(outside) {
                if let Some(form) = sweep.at(self.arm, angle) {
                    self.held(sweep.joint, angle, &form);
                }
            }
        }
    }

    fn held(&mut self, joint: usize, angle: f64, form: &Form) {
        let mut others = [0.0; 6];
        let near = self.near.as_slice().iter().enumerate();
        for (o, (_, v)) in others.iter_mut().zip(near.filter(|(i, _)| *i != joint)) {
            *o = *v;
        }
        let steps = if form.exact { FEW } else { SOME };
        for six in form.solve(self.target.raw(), &others) {
            let mut q = [angle; MAX_JOINTS];
            q[..joint].copy_from_slice(&six[..joint]);
            q[joint + 1..].copy_from_slice(&six[joint..]);
            if let Some(q) = Joints::from_slice(&q) {
                self.keep(&q, steps);
            }
        }
    }

    fn numeric(&mut self) {
        let arm = self.arm;
        for start in core::iter::once(*self.near).chain((1..=RESTARTS).map(|k| arm.spread(k))) {
            if let Some(q) = arm.polish(&self.goal, &start, STEPS) {
                self.keep(&q, 0);
            }
        }
    }

    /// A solution in its nearest turn, if it lies within the limits and at most `steps` Newton steps bring the flange to its pose.
    fn settled(&self, q: &Joints, steps: usize) -> Option<Joints> {
        let turned = self.arm.nearest_turns(q, self.near, self.bounded);
        if let Some(turned) = turned
            && self.goal.is_met(&self.arm.steps.flange(turned.as_slice()))
        {
            return Some(turned);
        }
        // Of exact forms, what is outside the limits stays there.
        if turned.is_none() && steps <= FEW {
            return None;
        }
        let polished = self.arm.polish(&self.goal, q, steps)?;
        self.arm.nearest_turns(&polished, self.near, self.bounded)
    }

    /// How far from `near`, by the joints that count.
    fn apart(&self, q: &Joints) -> f64 {
        let counting = match self.bounded {
            0 => q.dof(),
            bounded => bounded,
        };
        let pairs = q.as_slice().iter().zip(self.near.as_slice());
        pairs
            .take(counting)
            .fold(0.0, |m, (a, b)| (a - b).abs().max(m))
    }

    /// Keeps what is a solution and not known yet.
    fn keep(&mut self, q: &Joints, steps: usize) {
        let Some(q) = self.settled(q, steps) else {
            return;
        };
        let apart = self.apart(&q);
        let place = self.apart.partition_point(|a| *a <= apart);
        // The same solution is as far away.
        let close = |k: &usize| (self.apart[*k] - apart).abs() <= SAME;
        let before = (0..place).rev().take_while(close);
        let after = (place..self.apart.len()).take_while(close);
        if before
            .chain(after)
            .any(|k| self.found[k].max_difference(&q) <= SAME)
        {
            return;
        }
        if self.found.is_full() {
            if place == self.found.len() {
                return;
            }
            self.found.pop();
            self.apart.pop();
        }
        let _ = self.found.try_insert(place, q);
        let _ = self.apart.try_insert(place, apart);
    }
}
