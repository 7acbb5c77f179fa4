//! From starting poses to the best pose: coarse for all, fine for the few best.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};

use super::quality::{self, Fit, Scene};
use super::step::{Fate, Gate, Pair, Region, cutoff, meet, pairs, step};
use super::surface::Surface;
use super::{AlignError, Alignment, Options, Rival, Side};
use crate::frames::{Frame, Transform};
use crate::mesh::SurfaceMesh;
use crate::units::{Angle, Length};

/// One pass of the iteration.
struct Level {
    samples: usize,
    gate: Gate,
    /// At most so many rounds.
    rounds: usize,
    /// Done when a step is shorter, metres.
    still: f64,
}

/// Far and few to near and many. The last gate is the one that the result is judged by.
const LEVELS: [Level; 4] = [
    Level {
        samples: 600,
        gate: Gate {
            reach: 0.060,
            cosine: 0.3,
        },
        rounds: 40,
        still: 5e-4,
    },
    Level {
        samples: 1500,
        gate: Gate {
            reach: 0.025,
            cosine: 0.5,
        },
        rounds: 40,
        still: 1e-4,
    },
    Level {
        samples: 1500,
        gate: quality::GATE,
        rounds: 60,
        still: 1e-5,
    },
    Level {
        samples: 5000,
        gate: quality::GATE,
        rounds: 60,
        still: 2e-6,
    },
];
/// Samples that the skin which is worked on is judged by.
const WORKED_SAMPLES: usize = 8000;
/// So many of the coarse poses are refined.
const REFINED: usize = 3;
/// Most starting poses taken.
const MOST_STARTS: usize = 256;
/// Poses nearer to each other than this (on a head's surface) are one. Source: this project's own.
const SAME_POSE_M: f64 = 0.005;
/// Half a head's size, to turn angles into lengths.
const HEAD_RADIUS_M: f64 = 0.1;
/// A sample that meets nothing costs as much as one this far off, metres.
const COST_CAP_M: f64 = 0.010;

struct Settled {
    pose: Isometry3<f64>,
    cost: f64,
    rounds: usize,
    step: f64,
    converged: bool,
}

pub(super) fn align<F: Frame, M: Frame>(
    fixed: &SurfaceMesh<F>,
    moving: &SurfaceMesh<M>,
    starts: &[Transform<F, M>],
    options: &Options<F>,
) -> Result<Alignment<F, M>, AlignError> {
    check(starts, options)?;
    let fixed = Surface::new(fixed, Side::Fixed, false)?;
    let plain = Surface::new(moving, Side::Moving, false)?;
    let region = options.around.map(|(center, radius)| Region {
        center: center.raw() - fixed.middle,
        radius: radius.m(),
    });
    let scene = Scene {
        fixed: &fixed,
        moving: &plain,
        region,
    };
    let (to, from) = (
        Translation3::from(-fixed.middle),
        Translation3::from(plain.middle),
    );
    let poses: Vec<Isometry3<f64>> = starts
        .iter()
        .take(MOST_STARTS)
        .map(|s| to * s.raw() * from)
        .collect();
    let nothing = || AlignError::NothingMet {
        starts: poses.len(),
    };
    let mut found = search(&scene, &poses).into_iter();
    let (best, fit) = found
        .by_ref()
        .find_map(|s| quality::judge(&scene, &s.pose).map(|fit| (s, fit)))
        .ok_or_else(nothing)?;
    let rival = found.find_map(|s| rival(&scene, &best, &fit, &s));
    let mirrored = match options.mirror {
        Some((point, normal)) => {
            let plane = (point.raw() - fixed.middle, normal.raw());
            let image = Surface::new(moving, Side::Moving, true)?;
            mirror_image(&fixed, &image, region, &best.pose, plane)
                .filter(|m| m.overlap.area.m2() > 0.8 * fit.overlap.area.m2())
                .map(|m| m.residual.rms)
        }
        None => None,
    };
    let worked = options.worked.and_then(|(point, normal)| {
        let (point, normal) = (point.raw() - fixed.middle, normal.raw());
        let gate = Gate {
            reach: quality::WORKED_REACH,
            ..quality::GATE
        };
        let fates = meet(
            &fixed,
            &plain.samples(WORKED_SAMPLES),
            &best.pose,
            gate,
            region,
        );
        let there = |pair: &Pair| (pair.opposite - point).dot(&normal) > 0.0;
        quality::worked(pairs(&fates).into_iter().filter(there))
    });
    let pose = to.inverse() * best.pose * from.inverse();
    Ok(Alignment {
        worked,
        fixed_from_moving: Transform::from_raw(pose),
        residual: fit.residual,
        overlap: fit.overlap,
        observability: quality::observability(&fixed, &fit).ok_or_else(nothing)?,
        rounds: best.rounds,
        last_step: Length::from_m(best.step),
        converged: best.converged,
        rival,
        mirrored,
    })
}

fn check<F: Frame, M: Frame>(
    starts: &[Transform<F, M>],
    options: &Options<F>,
) -> Result<(), AlignError> {
    if starts.is_empty() {
        return Err(AlignError::NoStart);
    }
    let whole = |ok: bool, what| ok.then_some(()).ok_or(AlignError::NotFinite { what });
    whole(starts.iter().all(Transform::is_finite), "a starting pose")?;
    if let Some((center, radius)) = options.around {
        let ok = center.is_finite() && radius.is_finite() && radius > Length::ZERO;
        whole(ok, "the region to look at")?;
    }
    for (plane, what) in [
        (options.mirror, "the mirror plane"),
        (options.worked, "the plane of what is worked on"),
    ] {
        if let Some((point, normal)) = plane {
            let ok = point.is_finite() && normal.raw().iter().all(|c| c.is_finite());
            whole(ok, what)?;
        }
    }
    Ok(())
}

/// The refined poses, best first; of equal ones the earlier start.
fn search(scene: &Scene, starts: &[Isometry3<f64>]) -> Vec<Settled> {
    let mut coarse: Vec<Settled> = starts
        .iter()
        .filter_map(|start| settle(scene, start, &LEVELS[..1]))
        .collect();
    coarse.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut kept: Vec<Settled> = Vec::new();
    for candidate in coarse {
        if kept.len() < REFINED
            && kept
                .iter()
                .all(|k| apart(&k.pose, &candidate.pose).0 > SAME_POSE_M)
        {
            kept.push(candidate);
        }
    }
    let mut fine: Vec<Settled> = kept
        .iter()
        .filter_map(|k| settle(scene, &k.pose, &LEVELS[1..]))
        .collect();
    fine.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    fine
}

/// Iterates through some levels; `None` when the surfaces do not meet.
fn settle(scene: &Scene, start: &Isometry3<f64>, levels: &[Level]) -> Option<Settled> {
    let mut pose = *start;
    let mut last = None;
    for level in levels {
        let samples = scene.moving.samples(level.samples);
        let look =
            |pose: &Isometry3<f64>| meet(scene.fixed, &samples, pose, level.gate, scene.region);
        let (mut size, mut rounds) = (f64::INFINITY, 0);
        while rounds < level.rounds && size > level.still {
            let met = pairs(&look(&pose));
            let (motion, length) = step(&met, cutoff(&met))?;
            pose = motion * pose;
            // Hundreds of products would let the quaternion's length drift.
            pose.rotation.renormalize();
            size = length;
            rounds += 1;
        }
        let fates = look(&pose);
        last = Some(Settled {
            pose,
            cost: cost(&fates),
            rounds,
            step: size,
            converged: size <= level.still,
        });
    }
    last
}

/// Mean squared distance, capped; what is outside the region or meets nothing costs the cap, so that nothing is gained by moving there.
fn cost(fates: &[Fate]) -> f64 {
    let cap = COST_CAP_M * COST_CAP_M;
    let sum: f64 = fates
        .iter()
        .map(|f| match f {
            Fate::Met(pair) => (pair.at - pair.opposite).norm_squared().min(cap),
            Fate::Outside | Fate::Alone => cap,
        })
        .sum();
    sum / fates.len().max(1) as f64
}

/// How far apart two poses put a head's surface, metres, and how far they are turned.
fn apart(a: &Isometry3<f64>, b: &Isometry3<f64>) -> (f64, f64) {
    let angle = a.rotation.angle_to(&b.rotation);
    let shift = (a.translation.vector - b.translation.vector).norm();
    (shift + angle * HEAD_RADIUS_M, angle)
}

/// A pose that is another one and fits about as well.
fn rival(scene: &Scene, best: &Settled, fit: &Fit, other: &Settled) -> Option<Rival> {
    let (distance, angle) = apart(&best.pose, &other.pose);
    let theirs = quality::judge(scene, &other.pose)?;
    let as_good = theirs.residual.rms.m() < 1.5 * fit.residual.rms.m() + 1e-4
        && theirs.overlap.area.m2() > 0.8 * fit.overlap.area.m2();
    (distance > SAME_POSE_M && as_good).then(|| Rival {
        distance: Length::from_m(distance),
        turned: Angle::from_rad(angle),
        rms: theirs.residual.rms,
    })
}

/// How well the moving surface's mirror image fits, started where the mirror plane puts it.
fn mirror_image(
    fixed: &Surface,
    image: &Surface,
    region: Option<Region>,
    pose: &Isometry3<f64>,
    (point, normal): (Vector3<f64>, Vector3<f64>),
) -> Option<Fit> {
    // The image is flipped in x of its own middle; two flips make a turn.
    let flip_x = Matrix3::from_diagonal(&Vector3::new(-1.0, 1.0, 1.0));
    let flip = Matrix3::identity() - normal * normal.transpose() * 2.0;
    let turn = flip * pose.rotation.to_rotation_matrix().matrix() * flip_x;
    let shift = flip * pose.translation.vector + normal * (2.0 * normal.dot(&point));
    let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(turn));
    let start = Isometry3::from_parts(Translation3::from(shift), rotation);
    let scene = Scene {
        fixed,
        moving: image,
        region,
    };
    let settled = settle(&scene, &start, &LEVELS[1..])?;
    quality::judge(&scene, &settled.pose)
}
