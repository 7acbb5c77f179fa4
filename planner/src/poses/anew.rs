//! Another pose for dots to which no way led with the one they had: one that a hop leads to from a dot beside it that is reached.
//!
//! Poses are chosen for each dot by itself. Where something walls off turns of a joint (a cable guard above all), some come to lie behind
//! the wall though others of the same dot do not.

use std::ops::ControlFlow;

use rayon::prelude::*;
use stipple_model::joints::Joints;
use stipple_model::motion::hop_directly;
use stipple_model::units::Angle;

use super::rolls::Branches;
use super::{Pose, Refusal, Site, Surroundings, needles};

/// Usable ways to a dot from which a hop is looked for at most. Source: own; they are tried from the nearest on.
const TRIED: usize = 24;

/// What is found for `lost`, indices of sites without a pose. The same on any number of threads.
#[must_use]
pub fn anew(
    surroundings: &Surroundings<'_>,
    sites: &[Site],
    poses: &[Result<Pose, Refusal>],
    lost: &[u32],
) -> Vec<(u32, Pose)> {
    let placed = || {
        sites
            .iter()
            .zip(poses)
            .filter_map(|(s, p)| Some((s, p.as_ref().ok()?)))
    };
    let of = |&lost: &u32| {
        let site = sites.get(lost as usize)?;
        let far = |other: &Site| other.position.distance(&site.position);
        let beside = placed().min_by(|a, b| far(a.0).total_cmp(&far(b.0)));
        let (_, beside) = beside?;
        Some((lost, reached_from(surroundings, site, beside)?))
    };
    lost.par_iter().filter_map(of).collect()
}

/// The pose nearest to a reached dot's to which a hop leads from there.
fn reached_from(surroundings: &Surroundings<'_>, site: &Site, beside: &Pose) -> Option<Pose> {
    let settled = surroundings.nothing_settled();
    let near = &beside.hover;
    let mut tried = 0;
    for needle in needles(site) {
        let mut ways: Vec<(f64, Joints, Option<usize>)> = Vec::new();
        surroundings.each_way(site, &needle, near, |roll, hover, branch| {
            ways.push((roll, hover, branch));
            ControlFlow::Continue(())
        });
        ways.sort_by(|a, b| {
            let far = |way: &(f64, Joints, Option<usize>)| way.1.max_difference(near);
            far(a).total_cmp(&far(b))
        });
        let mut branches = Branches::default();
        for (roll, hover, branch) in ways {
            let usable = surroundings
                .usable_on(&mut branches, branch, &hover)
                .is_ok();
            if !usable || !surroundings.can_leave(&hover) {
                continue;
            }
            if hop_directly(&settled, near, &hover).is_ok() {
                return Some(Pose {
                    needle,
                    roll: Angle::from_rad(roll),
                    hover,
                    region: beside.region,
                });
            }
            tried += 1;
            if tried >= TRIED {
                return None;
            }
        }
    }
    None
}
