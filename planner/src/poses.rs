//! From dots to arm configurations: a roll about the needle and a branch for every dot, along the order in which they are run.
//!
//! The roll is free, so it is chosen to follow the previous dot's with the least turning, drawn gently towards one direction for the whole
//! head so that it cannot drift. Where that is not clear, nearby rolls are tried, then every roll and branch. Each hop from dot to dot is
//! proven clear here by the same code the controller runs. A dot that cannot be placed gets a reason.

use rayon::prelude::*;
use stipple_model::clearance::{Obstacle, WorkCell};
use stipple_model::frames::{Base, Direction, Head, Point, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::{HOVER, KEEP_OUT_MARGIN, TILT_CAP};
use stipple_model::motion::{Trajectory, hop_to_joints};
use stipple_model::plan::{KeepOut, SkipReason, tip_pose};
use stipple_model::units::Angle;

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
#[derive(Debug)]
pub struct Placed {
    /// By index into the sites.
    pub outcomes: Vec<Result<Pose, SkipReason>>,
    /// The planned sites in the order they are run.
    pub order: Vec<u32>,
    /// The motion to each of `order`; the first from the configuration given as start (or standing still without one).
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
        let near = |k: &KeepOut| {
            !(k.center.distance(&site.position) >= k.radius.m() + KEEP_OUT_MARGIN.m())
        };
        self.keep_outs
            .iter()
            .any(near)
            .then_some(SkipReason::KeepOut)
    }

    /// The pose on the branch of `before` whose roll follows it.
    fn follow(&self, site: &Site, before: &Pose, from: &Site, drift: Option<f64>) -> Option<Pose> {
        let x_before =
            self.head_from_tip(from, before.roll.rad()).raw().rotation * nalgebra::Vector3::x();
        let carried = roll_towards(site, &x_before)?;
        let wanted = drift.map_or(carried, |d| {
            carried + wrap(d - carried).max(-FOLLOW).min(FOLLOW)
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

    /// The start configuration from which most of the layer can be reached without changing branch.
    fn best_start(
        &self,
        sites: &[Site],
        order: &[u32],
        near: &Joints,
    ) -> Option<(usize, Pose, f64)> {
        let allowed: Vec<u32> = order
            .iter()
            .copied()
            .filter(|i| self.ruled_out(&sites[*i as usize]).is_none())
            .collect();
        let step = (allowed.len() / SCOUTS).max(1);
        // The first dots may be the hardest to reach; try others along the way until one can be.
        for first in (0..allowed.len()).step_by(step).take(40) {
            let site = sites[allowed[first] as usize];
            let Ok(poses) = self.all(&site, near) else {
                continue;
            };
            let scouts: Vec<u32> = allowed[first..]
                .iter()
                .chain(&allowed[..first])
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
            let place = order.iter().position(|i| *i == allowed[first])?;
            return scored
                .first()
                .map(|(_, _, pose, phase)| (place, *pose, *phase));
        }
        None
    }

    /// The first of `poses` that a proven hop leads to.
    fn connect(
        &self,
        poses: impl IntoIterator<Item = Pose>,
        from: &Joints,
    ) -> Option<(Pose, Trajectory)> {
        poses.into_iter().find_map(|pose| {
            let hop = hop_to_joints(self.cell, &self.base_from_head, from, &pose.hover).ok()?;
            Some((pose, hop))
        })
    }
}

/// Places one layer's sites in the given order; dots that cannot be placed drop out of it with a reason.
///
/// `start` is where the arm is before (the end of the layer before), if known. `progress` gets the share done.
pub fn place(
    surroundings: &Surroundings<'_>,
    sites: &[Site],
    order: &[u32],
    start: Option<&Joints>,
    progress: &(dyn Fn(f64) + Sync),
) -> Placed {
    let mut outcomes: Vec<Result<Pose, SkipReason>> =
        vec![Err(SkipReason::OutOfReach); sites.len()];
    let mut placed = Placed {
        outcomes: Vec::new(),
        order: Vec::new(),
        hops: Vec::new(),
    };
    let near = start
        .copied()
        .unwrap_or_else(|| surroundings.cell.arm().mid_range());
    let Some((first, mut at, phase)) = surroundings.best_start(sites, order, &near) else {
        for (i, site) in sites.iter().enumerate() {
            let why = surroundings
                .ruled_out(site)
                .or_else(|| surroundings.all(site, &near).err());
            outcomes[i] = Err(why.unwrap_or(SkipReason::Unconnected));
        }
        return Placed { outcomes, ..placed };
    };
    let mut from = sites[order[first] as usize];
    let mut began = false;
    for (done, &i) in order.iter().enumerate() {
        if done % 256 == 0 {
            progress(done as f64 / order.len() as f64);
        }
        let site = sites[i as usize];
        if let Some(why) = surroundings.ruled_out(&site) {
            outcomes[i as usize] = Err(why);
            continue;
        }
        let followed =
            surroundings.follow(&site, &at, &from, Surroundings::reference(&site, phase));
        let origin = if began {
            at.hover
        } else {
            start
                .copied()
                .unwrap_or(followed.map_or(at.hover, |p| p.hover))
        };
        let connected = followed.and_then(|pose| surroundings.connect([pose], &origin));
        let connected = connected.map_or_else(
            || {
                let poses = surroundings.all(&site, &at.hover)?;
                let origin = if began { at.hover } else { poses[0].hover };
                // The nearest few: a way to one of them is a way to the dot.
                surroundings
                    .connect(poses.into_iter().take(6), &origin)
                    .ok_or(SkipReason::Unconnected)
            },
            Ok,
        );
        match connected {
            Ok((pose, hop)) => {
                (at, from, began) = (pose, site, true);
                outcomes[i as usize] = Ok(pose);
                placed.order.push(i);
                placed.hops.push(hop);
            }
            Err(why) => outcomes[i as usize] = Err(why),
        }
    }
    progress(1.0);
    Placed { outcomes, ..placed }
}
