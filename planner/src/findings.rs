//! What a plan tells of itself besides its numbers: findings of scan, arm, place, clearance, poses and dots.

use std::collections::BTreeMap;

use rayon::prelude::*;

use stipple_model::arm::{Conditioning, Singularity};
use stipple_model::clearance::WorkCell;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Finding, Skips};

use crate::design::Scalp;
use crate::dots::existing::Existing;
use crate::dots::{DotField, LaidDot};
use crate::poses::{Pose, Refusal, SINGULAR};
use crate::reach::Place;
use crate::register::Registration;
use crate::scan::{ScanFinding, Scanned, cover};

/// What scan and registration found.
pub(crate) fn of_scan(
    scan: &Scanned,
    registration: &Registration,
    head: &SurfaceMesh<Head>,
) -> Vec<Finding> {
    let cover = cover::cover(head, &registration.anatomy);
    let cover = cover.and_then(|cover| cover.finding());
    let findings = scan.findings.iter().chain(&cover);
    let findings = findings.map(ScanFinding::to_plan);
    findings.chain(registration.findings.clone()).collect()
}

/// A finding for links that are not checked against each other.
pub(crate) fn unwatched(work: &WorkCell) -> Option<Finding> {
    let pairs = work.unwatched_pairs();
    let names: Vec<String> = pairs.iter().map(|(a, b)| format!("{a} and {b}")).collect();
    (!names.is_empty()).then(|| Finding {
        stage: "clearance".to_owned(),
        code: "unwatched_pair".to_owned(),
        text: format!(
            "always within the margin and so not checked against each other: {}",
            names.join("; ")
        ),
    })
}

/// Why dots are skipped, by reason and pair of things that stands in the way.
pub(crate) fn skips(work: &WorkCell, poses: &[Result<Pose, Refusal>]) -> Vec<Skips> {
    let mut counts = BTreeMap::new();
    for refusal in poses.iter().filter_map(|p| p.as_ref().err()) {
        let pair = refusal.obstacle.as_ref().map(|o| work.describe(o));
        *counts.entry((refusal.reason, pair)).or_insert(0) += 1;
    }
    let counted = |((reason, pair), dots)| Skips { reason, pair, dots };
    counts.into_iter().map(counted).collect()
}

/// A finding for dots that are skipped: how many, why, and what would help.
pub(crate) fn skipped(skips: &Skips) -> Finding {
    let (dots, reason) = (skips.dots, skips.reason);
    let what = match &skips.pair {
        Some(pair) => format!("{}: {pair}", reason.key()),
        None => reason.key().to_owned(),
    };
    Finding {
        stage: "poses".to_owned(),
        code: format!("skipped_{}", reason.key()),
        text: match dots {
            1 => format!("1 dot, {what}; {}", reason.help()),
            _ => format!("{dots} dots, {what}; {}", reason.help()),
        },
    }
}

/// Below this singular value of the Jacobian a dot counts as near a singularity: twice the least at which one is planned at all.
const NEAR_SINGULAR: f64 = 2.0 * SINGULAR;

/// A finding for dots that are worked on near a singularity: how many, which, how near.
pub(crate) fn near_singular(work: &WorkCell, poses: &[Result<Pose, Refusal>]) -> Option<Finding> {
    let planned: Vec<&Pose> = poses.iter().flatten().collect();
    let near: Vec<Conditioning> = planned
        .par_iter()
        .map(|pose| work.arm().conditioning(&pose.hover))
        .filter(|at| at.smallest_singular_value < NEAR_SINGULAR)
        .collect();
    let least = near.iter().map(|at| at.smallest_singular_value);
    let least = least.min_by(f64::total_cmp)?;
    let mut kinds = BTreeMap::<Singularity, usize>::new();
    for (kind, _) in near.iter().filter_map(|at| at.nearest) {
        *kinds.entry(kind).or_insert(0) += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(k, n)| format!("{n} {k}")).collect();
    let kinds = if kinds.is_empty() {
        String::new()
    } else {
        format!(" ({})", kinds.join(", "))
    };
    Some(Finding {
        stage: "poses".to_owned(),
        code: "near_singular".to_owned(),
        text: format!(
            "{} of {} planned dots are worked on near a singularity of the arm{kinds}, the least singular value of its Jacobian there {least:.3}: its joints turn far for short hops; moving base or head by some centimetres avoids that",
            near.len(),
            planned.len(),
        ),
    })
}

/// What the arm's description leaves out or has wrong.
pub(crate) fn of_arm(work: &WorkCell) -> impl Iterator<Item = Finding> + '_ {
    work.arm().findings().iter().map(|found| Finding {
        stage: "arm".to_owned(),
        code: "description".to_owned(),
        text: found.to_string(),
    })
}

/// Where base and head are to be, as changes of the cell that was given.
pub(crate) fn placed_at(place: Place) -> Finding {
    Finding {
        stage: "place".to_owned(),
        code: "placed".to_owned(),
        text: format!(
            "seen from the cell file's place the base goes round the head by {:.1}°, then {:.0} mm away from it, {:.0} mm to its left and {:.0} mm up; the head nods by {:.1}°",
            place.azimuth_deg, place.away_mm, place.left_mm, place.up_mm, place.nod_deg
        ),
    }
}

/// A finding for dots that would cover a hair or dot that was there before: nearer to it than they are wide.
pub(crate) fn on_existing(scalp: &Scalp, field: &DotField) -> Option<Finding> {
    let existing = Existing::new(&scalp.existing);
    let covers = |d: &&LaidDot| {
        let near = existing.nearest(&d.position.raw(), d.diameter.m());
        near.is_some()
    };
    let count = field.dots.iter().filter(covers).count();
    (count > 0).then(|| Finding {
        stage: "dots".to_owned(),
        code: "dots_on_hairs".to_owned(),
        text: format!(
            "{count} dots stand nearer than their own width to a hair or dot that is there already; ask for less density where the hairs stand close"
        ),
    })
}

#[cfg(test)]
mod tests {
    use stipple_model::arm::ArmSource;
    use stipple_model::cell::Cell;
    use stipple_model::frames::{Direction, Point};
    use stipple_model::joints::Joints;
    use stipple_model::units::Angle;

    use super::*;

    /// An arm beside eight triangles.
    fn work() -> WorkCell {
        let corner = |axis: usize, sign: f64| {
            let mut at = nalgebra::Vector3::zeros();
            at[axis] = 0.09 * sign;
            Point::from_raw(at)
        };
        let corners = (0..3).flat_map(|axis| [corner(axis, 1.0), corner(axis, -1.0)]);
        let triangles = [
            [0, 2, 4],
            [2, 1, 4],
            [1, 3, 4],
            [3, 0, 4],
            [2, 0, 5],
            [1, 2, 5],
            [3, 1, 5],
            [0, 3, 5],
        ];
        let head = SurfaceMesh::new(corners.collect(), triangles.to_vec()).unwrap();
        WorkCell::new(&Cell::shipped(ArmSource::ur5e()).unwrap(), &head).unwrap()
    }

    fn pose(hover: [f64; 6]) -> Result<Pose, Refusal> {
        Ok(Pose {
            needle: Direction::new(-nalgebra::Vector3::z()).unwrap(),
            roll: Angle::ZERO,
            hover: Joints::from_slice(&hover).unwrap(),
            region: 0,
        })
    }

    #[test]
    fn dots_near_a_singularity_are_told_with_its_kind() {
        let work = work();
        let far = pose([0.24, -1.45, 1.75, -1.87, -1.571, 0.0]);
        let refused = Err(Refusal::from(stipple_model::plan::SkipReason::OutOfReach));
        assert_eq!(near_singular(&work, &[far, refused]), None);
        let [in_line, straight] = [
            pose([0.24, -1.45, 1.75, -1.87, 0.02, 0.0]),
            pose([0.24, -1.45, 0.02, -1.87, -1.571, 0.0]),
        ];
        let found = near_singular(&work, &[far, in_line, refused, straight, far]).unwrap();
        let text = &found.text;
        assert!(text.starts_with("2 of 4 planned dots "), "{text}");
        assert!(
            text.contains("(1 wrist in line, 1 elbow straight or folded)"),
            "{text}"
        );
    }
}
