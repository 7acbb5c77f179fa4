//! Where the arm waits at stops: the joints that bring the tip to the cell's station, the same for a whole plan.
//!
//! The turn about the needle is free, so every branch at every one of many turns is looked at. Of those that are clear, not near a limit and
//! not singular, the nearest to where the arm works are ranked by about the time of the ways there, a charge for little room added. Chosen is
//! the first to which a way leads from the middle of every large region, or else from those with the most dots.

use nalgebra::UnitQuaternion;
use stipple_model::clearance::Settled;
use stipple_model::frames::{Base, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::{SPEED_FREE, STATION_HEIGHT, margin};
use stipple_model::motion::away;
use stipple_model::plan::SkipReason;

use crate::poses::{Pose, Reasons, Refusal, Surroundings};

/// Turns about the needle that are looked at.
const TURNS: usize = 24;
/// So many configurations are ranked at most, each on another branch …
const TRIED: usize = 4;
/// … which differ by more than this in a joint besides the last, rad.
const OTHER_BRANCH: f64 = 0.5;
/// Ways are tried from the middles of so many regions, the largest.
const REGIONS: usize = 4;
/// Of every joint's turn besides the one that takes longest, so much counts: of two turns about the needle the nearer one is better.
const OTHER_JOINTS: f64 = 0.05;
/// Parts in which the tip's way is measured.
const PARTS: u32 = 8;
/// Room beyond the margins, metres, and share of a joint's half range to its limit, of which more does not count; and what none of it
/// costs, s. Source: this project's own, a person beside the arm moves what stands there by a few centimetres.
const ROOM: f64 = 0.03;
const LIMIT_ROOM: f64 = 0.1;
const NO_ROOM: f64 = 2.0;

/// Why the arm cannot wait at the cell's station.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StationError {
    /// No joint angles bring the tip there in any turn about the needle.
    #[error(
        "[station] at xyz_mm = {at}: the arm does not bring the tip there with the needle as rpy_deg says; move it nearer to the arm's base, or turn it"
    )]
    OutOfReach {
        /// Where it is, mm in the base frame.
        at: Place,
    },
    /// They exist, but each is too near a limit or a singularity.
    #[error(
        "[station] at xyz_mm = {at}: the arm gets there only {} (the most frequent reason); move or turn it by some centimetres or degrees",
        if *.singular { "near a singularity" } else { "at or beyond a joint's limit" }
    )]
    Awkward {
        /// Where it is, mm in the base frame.
        at: Place,
        /// Whether it is a singularity that stands in the way most often.
        singular: bool,
    },
    /// They exist, but something is too near.
    #[error("[station] at xyz_mm = {at} is not clear: {between}; move it, or what is named")]
    Blocked {
        /// Where it is, mm in the base frame.
        at: Place,
        /// What comes too near to each other.
        between: String,
    },
    /// Whoever waits there is not off the head.
    #[error(
        "[station] at xyz_mm = {at} has the tip {height_mm:.0} mm off the head (negative: inside); move it to where that is at least {least_mm:.0} mm"
    )]
    OverHead {
        /// Where it is, mm in the base frame.
        at: Place,
        /// Its distance from the head, mm; negative inside.
        height_mm: f64,
        /// The least allowed, mm.
        least_mm: f64,
    },
    /// It can be reached, but not from where the arm works.
    #[error(
        "[station] at xyz_mm = {at}: no clear way leads there from over the head; move it, or what stands between"
    )]
    NoWay {
        /// Where it is, mm in the base frame.
        at: Place,
    },
}

/// A place in the base frame, mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place(pub [f64; 3]);

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [x, y, z] = self.0;
        write!(f, "[{x:.0}, {y:.0}, {z:.0}]")
    }
}

/// Where the arm works: the middle of a region, and how many dots it has.
struct Region {
    middle: Joints,
    dots: usize,
}

/// The largest regions, largest first. The middle is the dot whose joints are nearest to the mean of all.
fn regions(poses: &[Result<Pose, Refusal>]) -> Vec<Region> {
    let mut by_region: std::collections::BTreeMap<u16, Vec<&Joints>> =
        std::collections::BTreeMap::new();
    for pose in poses.iter().flatten() {
        by_region.entry(pose.region).or_default().push(&pose.hover);
    }
    let mut regions: Vec<Region> = by_region
        .into_values()
        .filter_map(|hovers| {
            let dots = hovers.len();
            let zero = Joints::zeros(hovers.first()?.dof());
            let sum = hovers.iter().fold(zero, |sum, q| sum.zip(q, |a, b| a + b));
            let mean = sum.map(|v| v / dots as f64);
            let far = |q: &&Joints| mean.max_difference(q);
            let middle = hovers
                .into_iter()
                .min_by(|a, b| far(a).total_cmp(&far(b)))?;
            Some(Region {
                middle: *middle,
                dots,
            })
        })
        .collect();
    regions.sort_by_key(|r| std::cmp::Reverse(r.dots));
    regions.truncate(REGIONS);
    regions
}

/// The joints at which the arm waits at `station`.
///
/// # Errors
/// When there are none, no way leads to any, or it is over the head.
pub fn find(
    surroundings: &Surroundings<'_>,
    station: &Transform<Base, Tip>,
    poses: &[Result<Pose, Refusal>],
) -> Result<Joints, StationError> {
    let at = Place((station.raw().translation.vector * 1e3).into());
    let tip = surroundings.base_from_head.inverse() * station.origin();
    let height = surroundings.cell.field().exact(&tip);
    if height.is_nan() || height < STATION_HEIGHT.m() {
        return Err(StationError::OverHead {
            at,
            height_mm: height * 1e3,
            least_mm: STATION_HEIGHT.mm(),
        });
    }
    let regions = regions(poses);
    let usable = usable(surroundings, station, &regions, at)?;
    let all: usize = regions.iter().map(|r| r.dots).sum();
    let nothing = Settled::nothing(surroundings.cell, &surroundings.base_from_head);
    let mut best: Option<(usize, Joints)> = None;
    for q in ranked(surroundings, usable, &regions) {
        let leads = |r: &&Region| away(&nothing, &r.middle, Some(&q)).is_ok();
        let reached = regions.iter().filter(leads).map(|r| r.dots).sum();
        if best.as_ref().is_none_or(|(most, _)| reached > *most) {
            best = Some((reached, q));
        }
        if reached == all {
            break;
        }
    }
    let best = best.filter(|(reached, _)| *reached > 0 || all == 0);
    best.map(|(_, q)| q).ok_or(StationError::NoWay { at })
}

/// Every branch at every turn about the needle that may be used.
fn usable(
    surroundings: &Surroundings<'_>,
    station: &Transform<Base, Tip>,
    regions: &[Region],
    at: Place,
) -> Result<Vec<Joints>, StationError> {
    let arm = surroundings.cell.arm();
    let near = regions
        .first()
        .map_or_else(|| arm.mid_range(), |r| r.middle);
    let (mut usable, mut reasons) = (Vec::new(), Reasons::default());
    let mut beyond = false;
    for k in 0..TURNS {
        let turn = core::f64::consts::TAU * k as f64 / TURNS as f64;
        let turned = station.raw() * UnitQuaternion::from_euler_angles(0.0, 0.0, turn);
        let flange = surroundings
            .cell
            .flange_for_tip(&Transform::from_raw(turned));
        for q in arm.inverse(&flange, &near) {
            match surroundings.usable(&q) {
                Ok(()) => usable.push(q),
                Err(refusal) => reasons.add(refusal),
            }
        }
        beyond |= usable.is_empty() && arm.is_reached_beyond_limits(&flange);
    }
    if !usable.is_empty() {
        return Ok(usable);
    }
    let Some(why) = reasons.most() else {
        return Err(if beyond {
            StationError::Awkward {
                at,
                singular: false,
            }
        } else {
            StationError::OutOfReach { at }
        });
    };
    Err(match why.obstacle {
        Some(obstacle) => StationError::Blocked {
            at,
            between: surroundings.cell.describe(&obstacle),
        },
        None => StationError::Awkward {
            at,
            singular: why.reason == SkipReason::Singular,
        },
    })
}

/// About how long the arm takes straight from one configuration to the other, s, with what all joints turn told apart.
fn about(surroundings: &Surroundings<'_>, from: &Joints, to: &Joints) -> f64 {
    let limits = surroundings.cell.arm().motion_limits();
    let joints = to.zip(from, |b, a| (b - a).abs());
    let joints = joints.zip(&limits.velocity, |d, v| d / v);
    let tip = |k: u32| {
        let q = from.lerp(to, f64::from(k) / f64::from(PARTS));
        surroundings.cell.base_from_tip(&q).origin()
    };
    let length: f64 = (0..PARTS).map(|k| tip(k).distance(&tip(k + 1))).sum();
    let tip = length / SPEED_FREE.m_per_s();
    joints.max_abs().max(tip) + OTHER_JOINTS * joints.as_slice().iter().sum::<f64>()
}

/// The configurations to try, each on another branch, what takes least first: about the time from the regions, and a charge for little
/// room.
fn ranked(surroundings: &Surroundings<'_>, usable: Vec<Joints>, regions: &[Region]) -> Vec<Joints> {
    let dots: usize = regions.iter().map(|r| r.dots).sum();
    let far = |q: &Joints| {
        let ways = regions
            .iter()
            .map(|r| about(surroundings, &r.middle, q) * r.dots as f64);
        ways.sum::<f64>() / (dots as f64).max(1.0)
    };
    let by_first = |a: &(f64, Joints), b: &(f64, Joints)| a.0.total_cmp(&b.0);
    let mut near: Vec<(f64, Joints)> = usable.into_iter().map(|q| (far(&q), q)).collect();
    near.sort_by(by_first);
    let beside = |a: &Joints, b: &Joints| {
        let apart = a.zip(b, |a, b| (a - b).abs());
        let before_last = &apart.as_slice()[..apart.dof() - 1];
        before_last.iter().all(|d| *d <= OTHER_BRANCH)
    };
    let mut tried: Vec<(f64, Joints)> = Vec::new();
    for (far, q) in near {
        if tried.len() < TRIED && !tried.iter().any(|(_, t)| beside(t, &q)) {
            tried.push((far + want_of_room(surroundings, &q), q));
        }
    }
    tried.sort_by(by_first);
    tried.into_iter().map(|(_, q)| q).collect()
}

/// A charge for little room to anything and to the joints' limits, s.
fn want_of_room(surroundings: &Surroundings<'_>, q: &Joints) -> f64 {
    let clearance = surroundings.cell.clearance(q, &surroundings.base_from_head);
    let room = [
        clearance.nose_head - margin::NOSE_HEAD.m(),
        clearance.links_head - margin::LINKS_HEAD.m(),
        clearance.scene - margin::SCENE.m(),
        clearance.itself - margin::SELF.m(),
    ];
    let room = room.into_iter().fold(ROOM, f64::min).max(0.0) / ROOM;
    let limit = surroundings.cell.arm().limit_margin(q).min(LIMIT_ROOM) / LIMIT_ROOM;
    NO_ROOM * ((1.0 - room) + (1.0 - limit))
}
