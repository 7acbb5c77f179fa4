//! How near a configuration is to a singularity.

use super::chain::Arm;
use super::closed_form::Solver;
use super::kinematics::Axis;
use super::newton::{gram, jacobian};
use super::steps::Frames;
use crate::joints::Joints;

/// Laguerre steps; three or four reach the last digit.
const STEPS: usize = 12;

/// The tridiagonal matrix with the same eigenvalues as a symmetric one (its lower triangle is read): diagonal, and squares of the entries
/// beside it. Householder's reduction, as in Golub and Van Loan, Matrix Computations, 8.3.1.
fn tridiagonal(lower: &[[f64; 6]; 6]) -> ([f64; 6], [f64; 5]) {
    let mut a = *lower;
    let mut beside = [0.0; 5];
    for k in 0..4 {
        let mut v = [0.0; 6];
        let mut square = 0.0;
        for i in k + 1..6 {
            v[i] = a[i][k];
            square += v[i] * v[i];
        }
        beside[k] = square;
        let length = square.sqrt();
        v[k + 1] += length.copysign(v[k + 1]);
        let size = square + length * a[k + 1][k].abs();
        if size <= 0.0 {
            continue;
        }
        // p = A v / size, then w = p - (v·p / (2 size)) v, and A becomes A - v wᵀ - w vᵀ.
        let mut w = [0.0; 6];
        for i in k + 1..6 {
            for j in k + 1..6 {
                w[i] += a[i.max(j)][i.min(j)] * v[j];
            }
            w[i] /= size;
        }
        let along: f64 = v.iter().zip(&w).map(|(v, w)| v * w).sum::<f64>() / (2.0 * size);
        for i in k + 1..6 {
            w[i] -= along * v[i];
        }
        for i in k + 1..6 {
            for j in k + 1..=i {
                a[i][j] -= v[i] * w[j] + w[i] * v[j];
            }
        }
    }
    beside[4] = a[5][4] * a[5][4];
    let mut diagonal = [0.0; 6];
    for (k, d) in diagonal.iter_mut().enumerate() {
        *d = a[k][k];
    }
    (diagonal, beside)
}

/// The smallest eigenvalue of a symmetric matrix without negative ones: Laguerre's steps from zero, which rise to the smallest root of
/// the characteristic polynomial and never pass it.
fn smallest_eigenvalue(lower: &[[f64; 6]; 6]) -> f64 {
    let (diagonal, beside) = tridiagonal(lower);
    let size = diagonal.iter().fold(0.0_f64, |m, d| m.max(d.abs()));
    let mut x = 0.0;
    for _ in 0..STEPS {
        // The polynomial and its first two derivatives by x, by the three-term recurrence.
        let (mut before, mut now) = ([1.0, 0.0, 0.0], [diagonal[0] - x, -1.0, 0.0]);
        for (d, b) in diagonal[1..].iter().zip(&beside) {
            let d = d - x;
            let next = [
                d * now[0] - b * before[0],
                d * now[1] - now[0] - b * before[1],
                d * now[2] - 2.0 * now[1] - b * before[2],
            ];
            (before, now) = (now, next);
        }
        let [p, first, second] = now;
        // Past the root by rounding, or on it.
        if p.is_nan() || p <= 0.0 {
            break;
        }
        let (g, h) = (-first / p, (first * first - p * second) / (p * p));
        let step = 6.0 / (g + (5.0 * (6.0 * h - g * g)).max(0.0).sqrt());
        if step.is_nan() || step <= 1e-15 * size {
            break;
        }
        x += step;
        if step < 1e-9 * x {
            break;
        }
    }
    x
}

pub(super) fn smallest(at: &Frames) -> f64 {
    let columns = jacobian(at);
    smallest_eigenvalue(&gram(&columns[..at.axes().len()])).sqrt()
}

/// What a six-axis arm of a known shape loses at a singularity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Singularity {
    /// Two axes of the wrist are in line: they do the same, and a turn is lost.
    Wrist,
    /// The elbow is straight or folded up: the reach is at its limit.
    Elbow,
    /// The wrist's centre is where the shoulder cannot move it sideways: over (or beside) its first axis.
    Shoulder,
}

impl core::fmt::Display for Singularity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Wrist => "wrist in line",
            Self::Elbow => "elbow straight or folded",
            Self::Shoulder => "wrist over the shoulder",
        })
    }
}

/// How far a configuration is from singular.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditioning {
    /// The smallest singular value of the Jacobian at the flange (lengths in metres, angles in rad).
    pub smallest_singular_value: f64,
    /// Of a six-axis arm of a known shape, the singularity that it is nearest to, and how near: 0 at the singularity, about 1 farthest from
    /// it. Of the wrist and the elbow it is the sine of the angle between the outer axes, or between upper arm and forearm; of the shoulder
    /// the distance of the wrist's centre from where it is singular, as a share of the arm's length. `None` for other arms.
    pub nearest: Option<(Singularity, f64)>,
}

impl Arm {
    /// How far a configuration is from singular, and from what: without allocation, about twice the time of forward kinematics.
    #[must_use]
    pub fn conditioning(&self, q: &Joints) -> Conditioning {
        let at = self.steps.run(q.as_slice());
        let nearest = match &self.solver {
            Solver::Six(form) => <&[Axis; 6]>::try_from(at.axes())
                .ok()
                .and_then(|axes| form.singularity(axes)),
            Solver::Swept(_) | Solver::Numeric => None,
        };
        Conditioning {
            smallest_singular_value: smallest(&at),
            nearest,
        }
    }

    /// The smallest singular value of the Jacobian at the flange (lengths in metres, angles in rad): how far from singular. To 1e-7 of the
    /// largest one.
    #[must_use]
    pub fn smallest_singular_value(&self, q: &Joints) -> f64 {
        smallest(&self.steps.run(q.as_slice()))
    }
}
