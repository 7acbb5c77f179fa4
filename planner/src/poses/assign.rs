//! Every dot's pose, from the regions.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::clearance::Settled;
use stipple_model::frames::{Direction, Head};
use stipple_model::joints::Joints;
use stipple_model::motion::{can_lift_within, lifted};
use stipple_model::plan::SkipReason;
use stipple_model::units::Angle;

use super::rolls::Branches;
use super::sheets::{Node, Sheets};
use super::{Pose, Reasons, Refusal, Site, Surroundings, TRAPS, needles, roll_towards, wrap};
use crate::Watch;

/// Nodes about a dot whose rolls it follows.
const AROUND: usize = 6;
/// Rolls tried beside the wanted one before every roll is looked at, rad.
const BESIDE: [f64; 9] = [0.0, 0.12, -0.12, 0.25, -0.25, 0.45, -0.45, 0.7, -0.7];
/// A dot belongs to the region of a node when no joint differs by more, rad.
const SAME_REGION: f64 = 0.8;
/// At most so many dots beside each other are placed together.
const TOGETHER: usize = 64;

/// Gives every site a pose, or the reason why it has none; `None` when `watch` breaks off.
///
/// The same for the same sites on any number of threads.
#[must_use]
pub fn assign(
    surroundings: &Surroundings<'_>,
    sheets: &Sheets,
    sites: &[Site],
    watch: &Watch<'_>,
) -> Option<Vec<Result<Pose, Refusal>>> {
    let (done, broken_off) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut beside: Vec<(Option<usize>, u32)> = sites
        .par_iter()
        .zip(0..sites.len() as u32)
        .map(|(site, i)| (nearest_node(sheets, site), i))
        .collect();
    beside.sort_unstable();
    let neighbourhoods: Vec<&[(Option<usize>, u32)]> = beside
        .chunk_by(|a, b| a.0 == b.0)
        .flat_map(|about_node| about_node.chunks(TOGETHER))
        .collect();
    let placed = neighbourhoods.into_par_iter().map(|these| {
        if broken_off.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let here: Vec<&Site> = these.iter().map(|(_, i)| &sites[*i as usize]).collect();
        let placed = place_together(surroundings, sheets, &here);
        let done = done.fetch_add(these.len(), Ordering::Relaxed) + these.len();
        if let ControlFlow::Break(()) = watch(done as f64 / sites.len() as f64) {
            broken_off.store(true, Ordering::Relaxed);
        }
        let numbers = these.iter().map(|(_, i)| *i);
        numbers.zip(placed).collect()
    });
    let mut placed: Vec<(u32, Result<Pose, Refusal>)> = placed.flatten_iter().collect();
    if broken_off.load(Ordering::Relaxed) {
        return None;
    }
    placed.par_sort_unstable_by_key(|(i, _)| *i);
    let mut placed: Vec<_> = placed.into_iter().map(|(_, placed)| placed).collect();
    regions_of_strays(sheets.regions(), &mut placed);
    Some(placed)
}

/// Places sites near each other.
fn place_together(
    surroundings: &Surroundings<'_>,
    sheets: &Sheets,
    sites: &[&Site],
) -> Vec<Result<Pose, Refusal>> {
    let nothing = surroundings.nothing_settled();
    let arounds: Vec<_> = sites.iter().map(|s| nodes_around(sheets, s)).collect();
    // Where the arm is likely to hover over them, and where it goes when it lifts off.
    let likely = sites.iter().zip(&arounds).filter_map(|(site, around)| {
        let (_, nearest) = around.first()?;
        let needle = -site.normal;
        let roll = roll_towards(site, &needle, &wish(around, nearest.region))?;
        let hover = surroundings.solve(site, &needle, roll, &nearest.hover)?;
        let same = hover.max_difference(&nearest.hover) < SAME_REGION;
        same.then(|| [Some(hover), lifted(&nothing, &hover)])
    });
    let likely: Vec<Joints> = likely.flatten().flatten().collect();
    let settled = Settled::around(surroundings.cell, &surroundings.base_from_head, &likely);
    let sites = sites.iter().zip(&arounds);
    sites
        .map(|(site, around)| place(surroundings, &settled, site, around))
        .collect()
}

/// Where the tip's x axis points in a region near a site: as at its nodes, the near ones counting most.
fn wish(around: &Around<'_>, region: u16) -> Vector3<f64> {
    let of_region = around.iter().filter(|(_, n)| n.region == region);
    of_region.fold(Vector3::zeros(), |sum, (far, n)| sum + n.x / (far + 1e-6))
}

/// The index of the node nearest to a site; `None` where there are no nodes.
fn nearest_node(sheets: &Sheets, site: &Site) -> Option<usize> {
    let far = |node: &Node| (node.site.position.raw() - site.position.raw()).norm_squared();
    let far = sheets.nodes.iter().map(far).enumerate();
    far.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
}

/// Nodes near a site, with their squared distances, nearest first.
type Around<'a> = arrayvec::ArrayVec<(f64, &'a Node), AROUND>;

/// The nodes nearest to a site.
fn nodes_around<'a>(sheets: &'a Sheets, site: &Site) -> Around<'a> {
    let mut near = Around::new();
    let at = site.position.raw();
    for node in &sheets.nodes {
        let far = (node.site.position.raw() - at).norm_squared();
        if near.is_full() && near.last().is_some_and(|(d, _)| *d <= far) {
            continue;
        }
        if near.is_full() {
            near.pop();
        }
        let place = near.partition_point(|(d, _)| *d <= far);
        near.insert(place, (far, node));
    }
    near
}

fn place(
    surroundings: &Surroundings<'_>,
    settled: &Settled<'_>,
    site: &Site,
    around: &Around<'_>,
) -> Result<Pose, Refusal> {
    if let Some(why) = surroundings.ruled_out(site) {
        return Err(why.into());
    }
    let needle = -site.normal;
    let mut tried = arrayvec::ArrayVec::<u16, AROUND>::new();
    for (_, nearest) in around {
        if tried.contains(&nearest.region) {
            continue;
        }
        tried.push(nearest.region);
        let Some(wish) = roll_towards(site, &needle, &wish(around, nearest.region)) else {
            continue;
        };
        let found = BESIDE.into_iter().find_map(|offset| {
            let roll = wish + offset;
            let hover = surroundings.solve(site, &needle, roll, &nearest.hover)?;
            let same = hover.max_difference(&nearest.hover) < SAME_REGION;
            let usable = || surroundings.usable_within(settled, &hover).is_ok();
            (same && usable() && can_lift_within(settled, &hover)).then_some((roll, hover))
        });
        if let Some((roll, hover)) = found {
            return Ok(Pose {
                needle,
                roll: Angle::from_rad(wrap(roll)),
                hover,
                region: nearest.region,
            });
        }
    }
    search(surroundings, site, around.first().map(|(_, n)| *n))
}

/// Looks at every roll, branch and lean of the needle. What is found keeps the nearest node's region where it is on its branch; else it
/// is a stray.
fn search(
    surroundings: &Surroundings<'_>,
    site: &Site,
    nearest: Option<&Node>,
) -> Result<Pose, Refusal> {
    let near = nearest.map_or_else(|| surroundings.cell.arm().mid_range(), |n| n.hover);
    let mut reasons = Reasons::default();
    for needle in needles(site) {
        let mut ways: Vec<(f64, Joints, Option<usize>)> = Vec::new();
        surroundings.each_way(site, &needle, &near, |roll, q, branch| {
            ways.push((roll, q, branch));
            ControlFlow::Continue(())
        });
        ways.sort_by(|a, b| {
            a.1.max_difference(&near)
                .total_cmp(&b.1.max_difference(&near))
        });
        let (mut trapped, mut branches) = (0, Branches::default());
        for (roll, hover, branch) in ways {
            let refusal = match surroundings.usable_on(&mut branches, branch, &hover) {
                Ok(()) if surroundings.can_leave(&hover) => {
                    return Ok(found(needle, roll, hover, nearest));
                }
                Ok(()) => {
                    trapped += 1;
                    SkipReason::Unconnected.into()
                }
                Err(refusal) => refusal,
            };
            // Only what stands in the way of the straight needle is told.
            if needle == -site.normal {
                reasons.add(refusal);
            }
            // Where so many ways lead into a trap, another will hardly lead out of it.
            if trapped >= TRAPS {
                break;
            }
        }
    }
    Err(surroundings.why_none(site, &near, reasons))
}

fn found(needle: Direction<Head>, roll: f64, hover: Joints, nearest: Option<&Node>) -> Pose {
    let same = nearest.filter(|n| hover.max_difference(&n.hover) < SAME_REGION);
    Pose {
        needle,
        roll: Angle::from_rad(roll),
        hover,
        region: same.map_or(STRAY, |n| n.region),
    }
}

/// A pose that belongs to no region yet.
const STRAY: u16 = u16::MAX;

/// Gathers strays whose joints are near each other's in regions of their own.
fn regions_of_strays(first: u16, placed: &mut [Result<Pose, Refusal>]) {
    let mut seeds: Vec<Joints> = Vec::new();
    for pose in placed.iter_mut().flatten().filter(|p| p.region == STRAY) {
        let near = |s: &Joints| s.max_difference(&pose.hover) < SAME_REGION;
        let seed = seeds.iter().position(near).unwrap_or_else(|| {
            seeds.push(pose.hover);
            seeds.len() - 1
        });
        // As many regions as can be numbered; beyond, dots share the last one.
        pose.region = first.saturating_add(seed as u16).min(STRAY - 1);
    }
}
