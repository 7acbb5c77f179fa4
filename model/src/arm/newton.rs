//! Newton steps towards a pose.

use nalgebra::{Matrix3, UnitQuaternion, Vector3};

use super::chain::Arm;
use super::steps::{FlangeFrame, Frames};
use crate::frames::{Base, Flange, Transform};
use crate::joints::{Joints, MAX_JOINTS};

/// What a solution may miss the pose by, metres and radians.
const TOLERANCE: f64 = 1e-9;
/// The largest change of a joint in one step, rad.
const LONGEST: f64 = 0.5;
/// In so many steps the error must come down to this share of what it was, or there is nothing to be found: steps that lead anywhere do far
/// more. Source: this project's own.
const PACE: (usize, f64) = (12, 0.5);

/// A pose to bring the flange to, as a matrix.
#[derive(Debug, Clone)]
pub(super) struct Goal {
    rotation: Matrix3<f64>,
    position: Vector3<f64>,
}

/// What is still missing: translation (metres) and rotation vector (rad), base frame.
struct Miss {
    linear: Vector3<f64>,
    angular: Vector3<f64>,
}

impl Goal {
    pub fn new(target: &Transform<Base, Flange>) -> Self {
        let raw = target.raw();
        Self {
            rotation: raw.rotation.to_rotation_matrix().into_inner(),
            position: raw.translation.vector,
        }
    }

    fn miss(&self, at: &FlangeFrame) -> Miss {
        let (mut cross, mut trace) = (Vector3::zeros(), 0.0);
        for k in 0..3 {
            let (is, wanted) = (at.rotation.column(k), self.rotation.column(k));
            cross += is.cross(&wanted);
            trace += is.dot(&wanted);
        }
        // Axis times sine, and the cosine.
        let (turned, cosine) = (0.5 * cross, 0.5 * (trace - 1.0));
        let sine = turned.norm();
        let angular = if cosine > 0.0 && sine < 1e-3 {
            // The arcsine's series; what is left out is below 1e-13 of it.
            turned * (1.0 + sine * sine / 6.0)
        } else if sine > 1e-3 {
            turned * (sine.atan2(cosine) / sine)
        } else {
            // Half a turn: the axis is not in the cross product any more.
            let turn = self.rotation * at.rotation.transpose();
            UnitQuaternion::from_matrix(&turn).scaled_axis()
        };
        Miss {
            linear: self.position - at.position,
            angular,
        }
    }

    /// Whether the flange is there, to 1e-9 m and rad.
    pub fn is_met(&self, at: &FlangeFrame) -> bool {
        let square = TOLERANCE * TOLERANCE;
        // Matrices that differ by a small angle θ differ by √2 θ (Frobenius).
        (self.position - at.position).norm_squared() < square
            && (self.rotation - at.rotation).norm_squared() < 2.0 * square
    }
}

impl Miss {
    fn is_small(&self) -> bool {
        self.linear.norm_squared() < TOLERANCE * TOLERANCE
            && self.angular.norm_squared() < TOLERANCE * TOLERANCE
    }
}

/// The columns of the Jacobian at the flange, linear before angular, base frame; zero for joints that an arm has not.
pub(super) fn jacobian(at: &Frames) -> [[f64; 6]; MAX_JOINTS] {
    let mut columns = [[0.0; 6]; MAX_JOINTS];
    for (column, axis) in columns.iter_mut().zip(at.axes()) {
        let (l, a) = (
            axis.direction.cross(&(at.flange.position - axis.point)),
            axis.direction,
        );
        *column = [l.x, l.y, l.z, a.x, a.y, a.z];
    }
    columns
}

/// J Jᵀ.
pub(super) fn gram(columns: &[[f64; 6]]) -> [[f64; 6]; 6] {
    let mut sum = [[0.0; 6]; 6];
    for column in columns {
        for (row, scale) in sum.iter_mut().zip(column) {
            for (entry, other) in row.iter_mut().zip(column) {
                *entry += scale * other;
            }
        }
    }
    sum
}

/// Solves a symmetric positive system; no pivots need be looked for in one. `None` when it is not positive.
fn solve(a: &[[f64; 6]; 6], b: [f64; 6]) -> Option<[f64; 6]> {
    // The right-hand side is column 6; whole rows of eight are quicker than what is needed of them.
    let mut rows = [[0.0; 8]; 6];
    for ((row, of), right) in rows.iter_mut().zip(a).zip(b) {
        row[..6].copy_from_slice(of);
        row[6] = right;
    }
    let mut inverses = [0.0; 6];
    for j in 0..6 {
        let row = rows[j];
        if row[j].is_nan() || row[j] <= 0.0 {
            return None;
        }
        inverses[j] = 1.0 / row[j];
        for below in &mut rows[j + 1..] {
            let factor = below[j] * inverses[j];
            for (entry, other) in below.iter_mut().zip(&row) {
                *entry -= factor * other;
            }
        }
    }
    let mut x = [0.0; 6];
    for j in (0..6).rev() {
        let known: f64 = (j + 1..6).map(|k| rows[j][k] * x[k]).sum();
        x[j] = (rows[j][6] - known) * inverses[j];
    }
    Some(x)
}

impl Arm {
    /// Newton steps with damping that fades with the error; `None` unless the pose is met within the tolerance.
    pub(super) fn polish(&self, goal: &Goal, start: &Joints, steps: usize) -> Option<Joints> {
        let mut q = *start;
        let mut before = f64::INFINITY;
        for step in 0..=steps {
            let at = self.steps.run(q.as_slice());
            let miss = goal.miss(&at.flange);
            if miss.is_small() {
                return Some(q);
            }
            let size = (miss.linear.norm_squared() + miss.angular.norm_squared()).sqrt();
            if step == steps || !size.is_finite() {
                return None;
            }
            if step % PACE.0 == 0 {
                if size > PACE.1 * before {
                    return None;
                }
                before = size;
            }
            // Damped least squares: Δq = Jᵀ (J Jᵀ + λ² I)⁻¹ e.
            let columns = jacobian(&at);
            let columns = &columns[..self.dof()];
            let damping = 0.01 * size.min(1.0);
            let mut normal = gram(columns);
            for (i, row) in normal.iter_mut().enumerate() {
                row[i] += damping * damping;
            }
            let (l, a) = (miss.linear, miss.angular);
            let weights = solve(&normal, [l.x, l.y, l.z, a.x, a.y, a.z])?;
            let mut change = Joints::zeros(self.dof());
            for (c, column) in change.as_mut_slice().iter_mut().zip(columns) {
                *c = column.iter().zip(&weights).map(|(j, w)| j * w).sum();
            }
            let scale = (LONGEST / change.max_abs()).min(1.0);
            for (v, c) in q.as_mut_slice().iter_mut().zip(change.as_slice()) {
                *v += c * scale;
            }
        }
        None
    }
}
