//! One round: what lies opposite what, how much each pair counts, and the small motion that brings them together.

use nalgebra::{
    Isometry3, Matrix6, Point3, SymmetricEigen, Translation3, UnitQuaternion, Vector3, Vector6,
};
use rayon::prelude::*;

use super::surface::{Sample, Surface};

/// Tukey's constant: 95% efficient on normal noise. Source: Huber & Ronchetti, Robust Statistics.
pub(super) const TUKEY: f64 = 4.685;
/// From the median of absolute residuals to a standard deviation, for normal noise.
const MEDIAN_TO_SIGMA: f64 = 1.4826;
/// The scale is never taken smaller, so that exact copies leave a width to work in. Source: this project's own, a tenth of scanner noise.
const LEAST_SIGMA_M: f64 = 5e-6;
/// Motions held less than this, relative to the best held, are left as they are. Source: rounding of sums over thousands of samples.
const OPEN: f64 = 1e-9;
/// Rays are shared out among threads in packs of this many.
const PACK: usize = 128;

/// A ball in the fixed surface's coordinates; samples outside do not count.
#[derive(Clone, Copy)]
pub(super) struct Region {
    pub(super) center: Vector3<f64>,
    pub(super) radius: f64,
}

/// How far and how crooked a pair may be.
#[derive(Clone, Copy)]
pub(super) struct Gate {
    /// Largest distance, metres.
    pub(super) reach: f64,
    /// Least cosine between the normals.
    pub(super) cosine: f64,
}

/// A sample with what lies opposite.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// The sample, moved.
    pub(super) at: Vector3<f64>,
    /// The nearest point.
    pub(super) opposite: Vector3<f64>,
    /// The surface's normal there.
    pub(super) normal: Vector3<f64>,
}

impl Pair {
    /// Signed distance to the plane, metres.
    pub(super) fn residual(&self) -> f64 {
        self.normal.dot(&(self.at - self.opposite))
    }
}

/// What became of a sample.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// Not in the region.
    Outside,
    /// Nothing opposite, or something that faces another way.
    Alone,
    /// Something opposite.
    Met(Pair),
}

/// Looks for what lies opposite each sample.
pub(super) fn meet(
    surface: &Surface,
    samples: &[Sample],
    pose: &Isometry3<f64>,
    gate: Gate,
    region: Option<Region>,
) -> Vec<Fate> {
    let fate = |sample: &Sample| {
        let at = (pose * Point3::from(sample.at)).coords;
        if region.is_some_and(|r| (at - r.center).norm() > r.radius) {
            return Fate::Outside;
        }
        match surface.nearest(&at, gate.reach) {
            Some(n) if !n.on_rim && n.normal.dot(&(pose * sample.normal)) >= gate.cosine => {
                Fate::Met(Pair {
                    at,
                    opposite: n.at,
                    normal: n.normal,
                })
            }
            _ => Fate::Alone,
        }
    };
    samples.par_iter().with_min_len(PACK).map(fate).collect()
}

/// The pairs among the fates, in order.
pub(super) fn pairs(fates: &[Fate]) -> Vec<Pair> {
    fates
        .iter()
        .filter_map(|f| match f {
            Fate::Met(pair) => Some(*pair),
            Fate::Outside | Fate::Alone => None,
        })
        .collect()
}

/// Where Tukey's weight ends, metres: from the median residual, so that up to half of the pairs may be wrong.
pub(super) fn cutoff(pairs: &[Pair]) -> f64 {
    let mut sizes: Vec<f64> = pairs.iter().map(|p| p.residual().abs()).collect();
    let middle = sizes.len() / 2;
    if sizes.is_empty() {
        return TUKEY * LEAST_SIGMA_M;
    }
    let median = *sizes.select_nth_unstable_by(middle, f64::total_cmp).1;
    TUKEY * (MEDIAN_TO_SIGMA * median).max(LEAST_SIGMA_M)
}

fn weight(residual: f64, cutoff: f64) -> f64 {
    let x = residual / cutoff;
    if x.abs() < 1.0 {
        (1.0 - x * x).powi(2)
    } else {
        0.0
    }
}

/// Turning about `center` in a unit that is a length (radians × `arm`), then shifting: the same unit for all six.
#[derive(Clone, Copy)]
pub(super) struct Lever {
    pub(super) center: Vector3<f64>,
    /// Root mean square distance of the points from the centre, metres.
    pub(super) arm: f64,
}

impl Lever {
    /// Of weighted points; `None` where there is no extent.
    pub(super) fn of(points: impl Iterator<Item = (Vector3<f64>, f64)> + Clone) -> Option<Self> {
        let sum =
            |f: &dyn Fn(&Vector3<f64>) -> f64| points.clone().map(|(p, w)| w * f(&p)).sum::<f64>();
        let total = sum(&|_| 1.0);
        let center = Vector3::new(sum(&|p| p.x), sum(&|p| p.y), sum(&|p| p.z)) / total;
        let arm = (sum(&|p| (p - center).norm_squared()) / total).sqrt();
        (total > 0.0 && arm > 1e-6 && arm.is_finite()).then_some(Self { center, arm })
    }

    /// How the distance along `normal` at `point` changes with the six.
    pub(super) fn row(&self, point: &Vector3<f64>, normal: &Vector3<f64>) -> Vector6<f64> {
        let turning = (point - self.center).cross(normal) / self.arm;
        Vector6::new(
            turning.x, turning.y, turning.z, normal.x, normal.y, normal.z,
        )
    }

    /// The motion of the six as a pose.
    fn pose(&self, six: &Vector6<f64>) -> Isometry3<f64> {
        let turn =
            UnitQuaternion::from_scaled_axis(Vector3::new(six[0], six[1], six[2]) / self.arm);
        let shift = Vector3::new(six[3], six[4], six[5]);
        let to = self.center + shift - turn * self.center;
        Isometry3::from_parts(Translation3::from(to), turn)
    }
}

/// Eigenvalues (ascending) and eigenvectors of a symmetric matrix; `None` when it is not finite.
pub(super) fn eigen(matrix: Matrix6<f64>) -> Option<[(f64, Vector6<f64>); 6]> {
    if !matrix.iter().all(|c| c.is_finite()) {
        return None;
    }
    let eigen = SymmetricEigen::try_new(matrix, f64::EPSILON, 1000)?;
    let mut order = [0, 1, 2, 3, 4, 5];
    order.sort_by(|&a: &usize, &b| eigen.eigenvalues[a].total_cmp(&eigen.eigenvalues[b]));
    Some(order.map(|i| {
        (
            eigen.eigenvalues[i],
            eigen.eigenvectors.column(i).into_owned(),
        )
    }))
}

/// The small motion that brings the pairs together and how far it moves them, metres; `None` when they hold nothing.
pub(super) fn step(pairs: &[Pair], cutoff: f64) -> Option<(Isometry3<f64>, f64)> {
    let weighted = pairs
        .iter()
        .map(|p| (p, weight(p.residual(), cutoff)))
        .filter(|(_, w)| *w > 0.0);
    let lever = Lever::of(weighted.clone().map(|(p, w)| (p.at, w)))?;
    let (mut left, mut right) = (Matrix6::zeros(), Vector6::zeros());
    for (pair, w) in weighted {
        let row = lever.row(&pair.at, &pair.normal);
        left += row * row.transpose() * w;
        right -= row * (w * pair.residual());
    }
    let modes = eigen(left)?;
    let best = modes[5].0;
    if best <= 0.0 {
        return None;
    }
    let mut six = modes
        .iter()
        .filter(|(value, _)| *value > OPEN * best)
        .fold(Vector6::zeros(), |six, (value, mode)| {
            six + mode * (mode.dot(&right) / value)
        });
    // The linearised turn is only good for small angles.
    let size = six.norm();
    let most = 0.5 * lever.arm;
    if size > most {
        six *= most / size;
    }
    size.is_finite().then(|| (lever.pose(&six), size))
}
