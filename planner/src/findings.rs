//! What a plan tells of itself besides its numbers: findings of scan, arm, place, clearance, poses and dots.

use std::collections::BTreeMap;

use stipple_model::clearance::WorkCell;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Finding, Skips};

use crate::design::Scalp;
use crate::dots::existing::Existing;
use crate::dots::{DotField, LaidDot};
use crate::poses::{Pose, Refusal};
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
        text: format!("{dots} dots, {what}; {}", reason.help()),
    }
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
