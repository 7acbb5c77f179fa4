//! How good a pose is: what fits and how well, what is common, and which motions the common shape holds.

use std::collections::BTreeMap;

use nalgebra::{Isometry3, Matrix3, Matrix6, Vector3, Vector6};

use super::step::{Fate, Gate, Lever, Pair, Region, cutoff, eigen, meet, pairs};
use super::surface::{Sample, Surface};
use super::{Motion, Observability, Overlap, Residual};
use crate::frames::{Direction, Frame, Point};
use crate::units::{Area, Length};

/// Samples a pose is judged by, on each surface.
const SAMPLES: usize = 8000;
/// Pairs looked at when judging. Source: heads of two adults laid on each other differ by up to about 10 mm, and must be seen to.
pub(super) const GATE: Gate = Gate {
    reach: 0.010,
    cosine: 0.7,
};
/// The least width of what counts as fitting. Source: this project's own, a good scanner's noise.
const LEAST_FIT_M: f64 = 2e-4;
/// Edge of the cubes by which shape is judged. Source: this project's own: wide enough that a scanner's noise averages out of a cube's
/// normal, narrow enough for brow, ears and the bend of a skull.
const CUBE_M: f64 = 0.020;

/// Two surfaces and where on the fixed one to look.
pub(super) struct Scene<'a> {
    pub(super) fixed: &'a Surface,
    pub(super) moving: &'a Surface,
    pub(super) region: Option<Region>,
}

/// What a pose comes to.
pub(super) struct Fit {
    pub(super) residual: Residual,
    pub(super) overlap: Overlap,
    /// What fits.
    pub(super) fitting: Vec<Pair>,
}

/// Judges a pose; `None` when nothing lies opposite anything.
pub(super) fn judge(scene: &Scene, pose: &Isometry3<f64>) -> Option<Fit> {
    let samples = scene.moving.samples(SAMPLES);
    let fates = meet(scene.fixed, &samples, pose, GATE, scene.region);
    let met = pairs(&fates);
    let width = fit_width(&met);
    let inside = fates.iter().filter(|f| !matches!(f, Fate::Outside)).count();
    let fitting = fitting(&met);
    if fitting.is_empty() {
        return None;
    }
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Some(Fit {
        residual: residual(&fitting),
        overlap: Overlap {
            area: Area::from_m2(scene.moving.area() * share(fitting.len(), SAMPLES)),
            of_moving: share(fitting.len(), inside),
            of_fixed: of_fixed(scene, pose, width),
            changed: 1.0 - share(fitting.len(), met.len()),
        },
        fitting,
    })
}

/// How far off counts as fitting, metres.
fn fit_width(met: &[Pair]) -> f64 {
    cutoff(met).max(LEAST_FIT_M)
}

/// The pairs that fit.
pub(super) fn fitting(met: &[Pair]) -> Vec<Pair> {
    let width = fit_width(met);
    let fits = met.iter().filter(|p| p.residual().abs() < width);
    fits.copied().collect()
}

/// Area of the cubes of the fixed surface that hold what fits, m².
pub(super) fn covered(fixed: &Surface, fitting: &[Pair]) -> f64 {
    patches(fixed, fitting).iter().map(|p| p.area).sum()
}

/// Share of the fixed surface in the region that the moving one fits.
fn of_fixed(scene: &Scene, pose: &Isometry3<f64>, width: f64) -> f64 {
    let samples: Vec<Sample> = scene
        .fixed
        .samples(SAMPLES)
        .into_iter()
        .filter(|s| {
            scene
                .region
                .is_none_or(|r| (s.at - r.center).norm() <= r.radius)
        })
        .collect();
    let fates = meet(scene.moving, &samples, &pose.inverse(), GATE, None);
    let fits = pairs(&fates)
        .iter()
        .filter(|p| p.residual().abs() < width)
        .count();
    fits as f64 / samples.len().max(1) as f64
}

/// How far off the skin is where it is worked on, whatever fits elsewhere: the root mean square of all but the twentieth of the distances
/// that are largest, which a scanner's stray points may be. `None` where nothing lies opposite.
pub(super) fn worked(pairs: impl Iterator<Item = Pair>) -> Option<Length> {
    let mut squares: Vec<f64> = pairs.map(|p| p.residual().powi(2)).collect();
    squares.sort_by(f64::total_cmp);
    let kept = squares.len() - squares.len() / 20;
    let sum: f64 = squares.iter().take(kept).sum();
    (kept > 0).then(|| Length::from_m((sum / kept as f64).sqrt()))
}

/// Reach within which the skin is looked for where it is worked on, metres. Source: own, what swelling, hair or a wrong head can come to; what
/// lies farther off is something else than skin.
pub(super) const WORKED_REACH: f64 = 0.020;

pub(super) fn residual(pairs: &[Pair]) -> Residual {
    let mut sizes: Vec<f64> = pairs.iter().map(|p| p.residual().abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let i = (share * sizes.len() as f64) as usize;
        Length::from_m(sizes.get(i).or(sizes.last()).copied().unwrap_or(0.0))
    };
    let square = sizes.iter().map(|r| r * r).sum::<f64>() / sizes.len().max(1) as f64;
    Residual {
        rms: Length::from_m(square.sqrt()),
        p50: at(0.5),
        p95: at(0.95),
        largest: at(1.0),
    }
}

/// A piece of the fixed surface: where it is, its mean normal (shorter than one where it bends), and how much of what fits lies on it.
struct Patch {
    middle: Vector3<f64>,
    normal: Vector3<f64>,
    weight: f64,
    /// m².
    area: f64,
}

/// The fixed surface under what fits, in cubes.
///
/// The normal is the sum of the triangles' area vectors. By Stokes' theorem that sum depends on the patch's edge alone, so noise inside
/// does not pass for shape; and on a ball it points through the middle exactly, so that no turn about the middle seems held.
fn patches(fixed: &Surface, fitting: &[Pair]) -> Vec<Patch> {
    let cube = |p: &Vector3<f64>| [p.x, p.y, p.z].map(|c| (c / CUBE_M).floor() as i64);
    #[derive(Default)]
    struct Sum {
        fitting: f64,
        area: f64,
        moment: Vector3<f64>,
        facing: Vector3<f64>,
    }
    let mut sums: BTreeMap<[i64; 3], Sum> = BTreeMap::new();
    for pair in fitting {
        sums.entry(cube(&pair.opposite)).or_default().fitting += 1.0;
    }
    for (middle, facing, area) in fixed.facets() {
        if let Some(sum) = sums.get_mut(&cube(&middle)) {
            sum.area += area;
            sum.moment += middle * area;
            sum.facing += facing;
        }
    }
    sums.into_values()
        .filter(|s| s.area > 0.0)
        .map(|s| Patch {
            middle: s.moment / s.area,
            normal: s.facing / s.area,
            weight: s.fitting,
            area: s.area,
        })
        .collect()
}

/// Which motions the common shape holds, and how certain that leaves the surface.
pub(super) fn observability<F: Frame>(fixed: &Surface, fit: &Fit) -> Option<Observability<F>> {
    let patches = patches(fixed, &fit.fitting);
    let lever = Lever::of(patches.iter().map(|p| (p.middle, p.weight)))?;
    let (mut sum, mut total, mut squares) = (Matrix6::zeros(), 0.0, 0.0);
    for patch in &patches {
        let row = lever.row(&patch.middle, &patch.normal);
        sum += row * row.transpose() * patch.weight;
        total += patch.weight;
        squares += patch.weight * patch.weight;
    }
    let modes = eigen(sum / total)?;
    // Rounding may leave a zero eigenvalue slightly below zero.
    let held = modes.map(|(value, _)| value.max(0.0).sqrt());
    let independent = total * total / squares;
    let place = |v: Vector3<f64>| Point::from_raw(v + fixed.middle);
    Some(Observability {
        held,
        arm: Length::from_m(lever.arm),
        weakest: motion(&modes[0].1, &lever, place)?,
        uncertainty: uncertainty(&modes, independent, fit.residual.rms, &lever, &patches),
    })
}

fn motion<F: Frame>(
    mode: &Vector6<f64>,
    lever: &Lever,
    place: impl Fn(Vector3<f64>) -> Point<F>,
) -> Option<Motion<F>> {
    let turn = Vector3::new(mode[0], mode[1], mode[2]);
    let shift = Vector3::new(mode[3], mode[4], mode[5]);
    if turn.norm() >= shift.norm() {
        // The line that the turn leaves in place, up to sliding along it.
        let rate = turn / lever.arm;
        let off = rate.cross(&shift) / rate.norm_squared();
        Some(Motion::Turning {
            axis: Direction::new(turn)?,
            through: place(lever.center + off),
        })
    } else {
        Some(Motion::Sliding {
            along: Direction::new(shift)?,
        })
    }
}

/// The largest standard deviation of a patch's place: the residual as noise, one independent measurement a cube.
fn uncertainty(
    modes: &[(f64, Vector6<f64>); 6],
    independent: f64,
    noise: Length,
    lever: &Lever,
    patches: &[Patch],
) -> Option<Length> {
    if modes[0].0 <= 1e-12 * modes[5].0 {
        return None;
    }
    let per = noise.m().powi(2) / independent;
    let covariance = modes.iter().fold(Matrix6::zeros(), |sum, (value, mode)| {
        sum + mode * mode.transpose() * (per / value)
    });
    let worst = patches
        .iter()
        .map(|patch| {
            let d = (patch.middle - lever.center) / lever.arm;
            let mut moves = nalgebra::Matrix3x6::zeros();
            moves
                .fixed_view_mut::<3, 3>(0, 0)
                .copy_from(&-d.cross_matrix());
            moves
                .fixed_view_mut::<3, 3>(0, 3)
                .copy_from(&Matrix3::identity());
            (moves * covariance * moves.transpose()).trace()
        })
        .fold(0.0, f64::max);
    let sigma = worst.sqrt();
    sigma.is_finite().then(|| Length::from_m(sigma))
}
