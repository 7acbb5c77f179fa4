//! From dots to arm configurations: a roll about the needle and a branch for every dot, along the order in which they are run.
//!
//! The roll is free, so it is chosen to follow the previous dot's with the least turning, drawn gently towards one direction for the whole
//! head so that it cannot drift. Where that is not clear, nearby rolls are tried, then every roll and branch. Each hop from dot to dot is
//! proven clear here by the same code the controller runs. A dot that cannot be placed gets a reason.

use std::ops::ControlFlow;

use rayon::prelude::*;
use stipple_model::clearance::{Obstacle, WorkCell};
use stipple_model::frames::{Base, Direction, Head, Point, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::{HOVER, KEEP_OUT_MARGIN, TILT_CAP};
use stipple_model::motion::{Trajectory, can_lift, hop_to_joints};
use stipple_model::plan::{KeepOut, SkipReason, tip_pose};
use stipple_model::units::Angle;

use crate::Watch;
use crate::sequence;

/// Rolls tried over a full turn.
const ROLLS: usize = 24;
/// The roll follows its reference by at most this much a dot, rad.
const FOLLOW: f64 = 0.05;
/// Steps and number of nearby rolls tried first, rad.
const NEARBY: f64 = 0.12;
const NEARBY_COUNT: usize = 5;
/// Least share of a joint's half range to its limit.
const LIMIT_MARGIN: f64 = 0.02;
/// Least singular value of the Jacobian: below, joints race to follow the tip.
const SINGULAR: f64 = 0.02;
/// A change of one joint between neighbours beyond which the arm has changed branch, rad.
const BRANCH_JUMP: f64 = 0.6;
/// Dots along the order that stand for all when start configurations are compared.
const SCOUTS: usize = 120;

/// Start poses compared at most.
const MOST_STARTS: usize = 64;
/// Runs over one layer, each on one branch of the arm.
const MOST_RUNS: usize = 8;
/// Places along the order at which a run is tried to be begun.
const MOST_ENTRIES: usize = 6;

/// A dot as the arm sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    /// On the skin.
    pub position: Point<Head>,
    /// Outward.
    pub normal: Direction<Head>,
    /// Into the skin.
    pub needle: Direction<Head>,
}

/// How a dot is placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Turn about the needle, see [`tip_pose`].
    pub roll: Angle,
    /// The arm hovering over the dot.
    pub hover: Joints,
}

/// The outcome of one layer.
#[derive(Debug, Clone)]
pub struct Placed {
    /// By index into the sites.
    pub outcomes: Vec<Result<Pose, SkipReason>>,
    /// The planned sites in the order they are run.
    pub order: Vec<u32>,
    /// The motion to each of `order`; the first stands still.
    pub hops: Vec<Trajectory>,
}

/// What every dot is checked against.
pub struct Surroundings<'a> {
    /// Arm, tool, head, room.
    pub cell: &'a WorkCell,
    /// The head's nominal pose.
    pub base_from_head: Transform<Base, Head>,
    /// Volumes no tip may come near.
    pub keep_outs: &'a [KeepOut],
}

/// The roll at which the tip's x axis points along `wish` as well as can be.
fn roll_towards(site: &Site, wish: &nalgebra::Vector3<f64>) -> Option<f64> {
    let upright = tip_pose(&site.position, &site.needle, Angle::ZERO, HOVER);
    let local = upright.raw().rotation.inverse() * wish;
    (local.x.hypot(local.y) > 0.2 * wish.norm()).then(|| local.y.atan2(local.x))
}

/// An angle brought to -π..=π.
fn wrap(angle: f64) -> f64 {
    angle - core::f64::consts::TAU * (angle / core::f64::consts::TAU).round()
}

fn reason(obstacle: Obstacle) -> SkipReason {
    match obstacle {
        Obstacle::Head { .. } | Obstacle::Unknown => SkipReason::CollisionHead,
        Obstacle::Floor { .. } | Obstacle::Box { .. } => SkipReason::CollisionScene,
        Obstacle::Itself { .. } => SkipReason::CollisionSelf,
    }
}

impl Surroundings<'_> {
    fn head_from_tip(&self, site: &Site, roll: f64) -> Transform<Head, Tip> {
        tip_pose(&site.position, &site.needle, Angle::from_rad(roll), HOVER)
    }

    /// Whether a configuration may be used for hovering.
    fn usable(&self, q: &Joints) -> Result<(), SkipReason> {
        let arm = self.cell.arm();
        if arm.limit_margin(q) < LIMIT_MARGIN {
            return Err(SkipReason::JointLimit);
        }
        if let Some(obstacle) = self.cell.blocked(q, &self.base_from_head) {
            return Err(reason(obstacle));
        }
        if arm.smallest_singular_value(q) < SINGULAR {
            return Err(SkipReason::Singular);
        }
        Ok(())
    }

    /// What rules a dot out whatever the arm does.
    fn ruled_out(&self, site: &Site) -> Option<SkipReason> {
        if site.normal.angle(&-site.needle) > TILT_CAP.rad() {
            return Some(SkipReason::Angle);
        }
        // Written so that NaN is near.
        let far =
            |k: &KeepOut| k.center.distance(&site.position) >= k.radius.m() + KEEP_OUT_MARGIN.m();
        (!self.keep_outs.iter().all(far)).then_some(SkipReason::KeepOut)
    }

    /// The pose on the branch of `before` whose roll follows it.
    fn follow(&self, site: &Site, before: &Pose, from: &Site, drift: Option<f64>) -> Option<Pose> {
        let x_before =
            self.head_from_tip(from, before.roll.rad()).raw().rotation * nalgebra::Vector3::x();
        let carried = roll_towards(site, &x_before)?;
        let wanted = drift.map_or(carried, |d| {
            carried + wrap(d - carried).clamp(-FOLLOW, FOLLOW)
        });
        let offsets = (0..=NEARBY_COUNT)
            .flat_map(|k| [k as f64 * NEARBY, -(k as f64) * NEARBY])
            .skip(1);
        offsets.into_iter().find_map(|offset| {
            let roll = wanted + offset;
            let target = self.base_from_head * self.head_from_tip(site, roll);
            let q = self
                .cell
                .arm()
                .inverse_near(&self.cell.flange_for_tip(&target), &before.hover)?;
            let same_branch = q.max_difference(&before.hover) < BRANCH_JUMP;
            (same_branch && self.usable(&q).is_ok()).then(|| Pose {
                roll: Angle::from_rad(wrap(roll)),
                hover: q,
            })
        })
    }

    /// Every usable pose of a dot, over all rolls and branches, nearest to `near` first.
    fn all(&self, site: &Site, near: &Joints) -> Result<Vec<Pose>, SkipReason> {
        let mut found = Vec::new();
        let mut why = SkipReason::OutOfReach;
        for k in 0..ROLLS {
            let roll = wrap(core::f64::consts::TAU * k as f64 / ROLLS as f64);
            let target = self.base_from_head * self.head_from_tip(site, roll);
            for q in self
                .cell
                .arm()
                .inverse(&self.cell.flange_for_tip(&target), near)
            {
                match self.usable(&q) {
                    Ok(()) => found.push(Pose {
                        roll: Angle::from_rad(roll),
                        hover: q,
                    }),
                    Err(reason) => why = reason,
                }
            }
        }
        found.sort_by(|a, b| {
            a.hover
                .max_difference(near)
                .total_cmp(&b.hover.max_difference(near))
        });
        if found.is_empty() {
            Err(why)
        } else {
            Ok(found)
        }
    }

    /// The roll that `wish` would give this site: the same direction of the head for all of them.
    fn reference(site: &Site, phase: f64) -> Option<f64> {
        roll_towards(site, &nalgebra::Vector3::y()).map(|roll| roll + phase)
    }

    /// How many of the scouts can be followed from this start, and the joint ways that takes.
    fn scout(&self, sites: &[Site], scouts: &[u32], start: &Pose, phase: f64) -> (usize, f64) {
        let (mut at, mut from) = (*start, sites[scouts[0] as usize]);
        let (mut reached, mut way) = (1, 0.0);
        for &i in &scouts[1..] {
            let site = sites[i as usize];
            let drift = Self::reference(&site, phase);
            if let Some(pose) = self.follow(&site, &at, &from, drift) {
                reached += 1;
                way += pose.hover.max_difference(&at.hover);
                (at, from) = (pose, site);
            }
        }
        (reached, way)
    }

    /// Where in `order` a run may begin, at or after a place: the place, and for each pose there the phase of its roll, first those from
    /// which most of the given dots can be reached without changing branch.
    fn starts(
        &self,
        sites: &[Site],
        order: &[u32],
        near: &Joints,
        from: usize,
    ) -> Option<(usize, Vec<(Pose, f64)>)> {
        let step = (order.len() / SCOUTS).max(1);
        // The first dots may be the hardest to reach; try others along the way until one can be.
        let candidates: Vec<usize> = (from..order.len()).step_by(step).take(SCOUTS).collect();
        let found = candidates.par_iter().find_map_first(|&place| {
            let poses = self.all(&sites[order[place] as usize], near).ok()?;
            Some((place, poses))
        });
        let (place, mut poses) = found?;
        poses.truncate(MOST_STARTS);
        let site = sites[order[place] as usize];
        let scouts: Vec<u32> = order[place..]
            .iter()
            .chain(&order[..place])
            .copied()
            .step_by(step)
            .collect();
        let scored = poses.par_iter().map(|pose| {
            let phase = Self::reference(&site, 0.0).map_or(0.0, |r| pose.roll.rad() - r);
            let (reached, way) = self.scout(sites, &scouts, pose, phase);
            (reached, way, *pose, phase)
        });
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
        let starts = scored.into_iter().map(|(_, _, pose, phase)| (pose, phase));
        Some((place, starts.collect()))
    }

    /// A proven hop to a pose from which the arm can also lift off: every pause, stop and fault begins with that, and where it is not
    /// possible the arm would be caught.
    fn connect(&self, from: &Joints, pose: &Pose) -> Option<Trajectory> {
        if !can_lift(self.cell, &self.base_from_head, &pose.hover) {
            return None;
        }
        hop_to_joints(self.cell, &self.base_from_head, from, &pose.hover).ok()
    }

    /// Why a dot that no run reached cannot be placed.
    fn why_not(&self, site: &Site, near: &Joints) -> SkipReason {
        self.all(site, near)
            .err()
            .unwrap_or(SkipReason::Unconnected)
    }
}

/// One layer's placement as it grows.
struct Placing<'a> {
    surroundings: &'a Surroundings<'a>,
    sites: &'a [Site],
    placed: Placed,
    /// Where the arm is.
    at: Option<Joints>,
}

impl Placing<'_> {
    /// Where the next run begins: the best start that the arm can get to from where it is.
    fn begin(&self, order: &[u32]) -> Option<(usize, Pose, f64)> {
        let near = self
            .at
            .unwrap_or_else(|| self.surroundings.cell.arm().mid_range());
        let stride = (order.len() / MOST_ENTRIES).max(1);
        (0..order.len())
            .step_by(stride)
            .take(MOST_ENTRIES)
            .find_map(|from| {
                let (place, starts) = self.surroundings.starts(self.sites, order, &near, from)?;
                let reached = |(pose, _): &&(Pose, f64)| {
                    self.at
                        .is_none_or(|at| self.surroundings.connect(&at, pose).is_some())
                };
                let (pose, phase) = starts.iter().find(reached)?;
                Some((place, *pose, *phase))
            })
    }

    /// Works through `order` on one branch; returns the dots that it could not reach.
    fn run(
        &mut self,
        order: &[u32],
        watch: &dyn Fn(usize) -> ControlFlow<()>,
    ) -> ControlFlow<(), Vec<u32>> {
        let Some((first, start, phase)) = self.begin(order) else {
            return ControlFlow::Continue(order.to_vec());
        };
        let (mut pose, mut from) = (start, self.sites[order[first] as usize]);
        let mut left = Vec::new();
        // Forwards from the start; what lies before it comes last.
        for (done, &i) in order[first..].iter().chain(&order[..first]).enumerate() {
            if done % 64 == 0 {
                watch(done)?;
            }
            let site = self.sites[i as usize];
            let reference = Surroundings::reference(&site, phase);
            let next = self.surroundings.follow(&site, &pose, &from, reference);
            let hop = next.and_then(|next| {
                let origin = self.at.unwrap_or(next.hover);
                let hop = self.surroundings.connect(&origin, &next)?;
                Some((next, hop))
            });
            let Some((next, hop)) = hop else {
                left.push(i);
                continue;
            };
            (pose, from, self.at) = (next, site, Some(next.hover));
            self.placed.outcomes[i as usize] = Ok(next);
            self.placed.order.push(i);
            self.placed.hops.push(hop);
        }
        ControlFlow::Continue(left)
    }
}

/// Places one layer's sites in the given order; dots that cannot be placed drop out of it with a reason.
///
/// The layer is worked off in runs, each on one branch of the arm; what a run cannot reach is left to the next, in an order of its own.
/// `None` when `watch` breaks off.
#[must_use]
pub fn place(
    surroundings: &Surroundings<'_>,
    sites: &[Site],
    order: &[u32],
    watch: &Watch<'_>,
) -> Option<Placed> {
    let mut outcomes: Vec<Result<Pose, SkipReason>> =
        vec![Err(SkipReason::Unconnected); sites.len()];
    let mut remaining = Vec::with_capacity(order.len());
    for &i in order {
        match surroundings.ruled_out(&sites[i as usize]) {
            Some(why) => outcomes[i as usize] = Err(why),
            None => remaining.push(i),
        }
    }
    let placed = Placed {
        outcomes,
        order: Vec::new(),
        hops: Vec::new(),
    };
    let mut placing = Placing {
        surroundings,
        sites,
        placed,
        at: None,
    };
    let total = order.len().max(1) as f64;
    for run in 0..MOST_RUNS {
        if remaining.is_empty() {
            break;
        }
        if run > 0 {
            let points: Vec<Point<Head>> = remaining
                .iter()
                .map(|i| sites[*i as usize].position)
                .collect();
            remaining = sequence::tour(&points)
                .into_iter()
                .map(|k| remaining[k as usize])
                .collect();
        }
        let before = placing.placed.order.len();
        let told = |done: usize| watch((before + done) as f64 / total);
        remaining = placing.run(&remaining, &told).continue_value()?;
        if placing.placed.order.len() == before {
            break;
        }
    }
    let near = surroundings.cell.arm().mid_range();
    let reasons: Vec<(u32, SkipReason)> = remaining
        .par_iter()
        .map(|&i| (i, surroundings.why_not(&sites[i as usize], &near)))
        .collect();
    let mut placed = placing.placed;
    for (i, why) in reasons {
        placed.outcomes[i as usize] = Err(why);
    }
    Some(placed)
}
