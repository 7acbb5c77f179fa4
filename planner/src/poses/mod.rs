//! From dots to arm configurations: for every dot a branch of the arm, a roll about the needle and the joints that hover over it, whatever
//! the order in which the dots are run later.
//!
//! The roll is free, and an arm has several branches, so every place of the scalp can be reached in many ways. [`Sheets`] looks at a few
//! hundred places, finds which of their ways continue into each other's, and covers the scalp with few *regions* within which the arm
//! never changes branch and the roll changes smoothly. [`assign`] then gives every dot the pose that its region has there. A dot that
//! cannot be placed gets a reason, and the pair of things that stands in the way.

mod anew;
mod assign;
mod candidate;
mod rolls;
mod sheets;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use nalgebra::Vector3;
use stipple_model::clearance::{Obstacle, Settled, WorkCell};
use stipple_model::frames::{Base, Direction, Head, Point, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::{HOVER, KEEP_OUT_MARGIN, TILT_CAP};
use stipple_model::motion::can_lift;
use stipple_model::plan::{KeepOut, SkipReason, tip_pose};
use stipple_model::units::Angle;

pub use anew::anew;
pub use assign::assign;
use rolls::Branches;
pub use sheets::Sheets;
pub(crate) use sheets::spread;

/// Rolls tried over a full turn, unless the arm's own redundancy gives many ways already.
const ROLLS: usize = 24;
/// The same for an arm with a redundant joint.
const ROLLS_REDUNDANT: usize = 8;
/// Usable ways from which the arm cannot lift off that are looked at before a needle is given up.
const TRAPS: usize = 3;
/// Least share of a joint's half range to its limit. Source: this project's own, room for a head that is not where it was planned.
const LIMIT_MARGIN: f64 = 0.02;
/// Least singular value of the Jacobian: below, joints race to follow the tip. Source: this project's own.
pub(crate) const SINGULAR: f64 = 0.02;
/// Leans of the needle tried where none along the normal is usable, as shares of [`TILT_CAP`]. Source: this project's own.
const LEANS: [f64; 1] = [0.8];
/// Directions in which it leans.
const LEAN_SIDES: usize = 6;
/// A lean beyond what is allowed, as a share of [`TILT_CAP`]: for telling whether leaning more would help. Source: this project's own.
const TOO_FAR: [f64; 1] = [2.0];

/// A dot as the arm sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    /// On the skin.
    pub position: Point<Head>,
    /// Outward.
    pub normal: Direction<Head>,
}

/// How a dot is placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// The way the needle goes, into the skin; within [`TILT_CAP`] of the normal.
    pub needle: Direction<Head>,
    /// Turn about the needle, see [`tip_pose`].
    pub roll: Angle,
    /// The arm hovering over the dot.
    pub hover: Joints,
    /// Dots of one region are reached from each other without changing the arm's branch.
    pub region: u16,
}

/// Why a dot is not placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refusal {
    /// The kind of reason.
    pub reason: SkipReason,
    /// What stands in the way most often, where something does.
    pub obstacle: Option<Obstacle>,
}

impl Refusal {
    /// The reason and, where something stands in the way, what.
    #[must_use]
    pub fn describe(&self, cell: &WorkCell) -> String {
        match &self.obstacle {
            Some(obstacle) => format!("{}: {}", self.reason.key(), cell.describe(obstacle)),
            None => self.reason.key().to_owned(),
        }
    }
}

impl From<SkipReason> for Refusal {
    fn from(reason: SkipReason) -> Self {
        Self {
            reason,
            obstacle: None,
        }
    }
}

impl From<Obstacle> for Refusal {
    fn from(obstacle: Obstacle) -> Self {
        let reason = match obstacle {
            Obstacle::Head { .. } | Obstacle::Unknown => SkipReason::CollisionHead,
            Obstacle::Floor { .. } | Obstacle::Box { .. } => SkipReason::CollisionScene,
            Obstacle::KeepOut { .. } => SkipReason::KeepOut,
            Obstacle::Itself { .. } => SkipReason::CollisionSelf,
        };
        Self {
            reason,
            obstacle: Some(obstacle),
        }
    }
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

/// The roll at which the tip's x axis points along `wish` as well as can be; `None` where `wish` runs along the needle.
fn roll_towards(site: &Site, needle: &Direction<Head>, wish: &Vector3<f64>) -> Option<f64> {
    let upright = tip_pose(&site.position, needle, Angle::ZERO, HOVER);
    let local = upright.raw().rotation.inverse() * wish;
    (local.x.hypot(local.y) > 0.2 * wish.norm()).then(|| local.y.atan2(local.x))
}

/// An angle brought to -π..=π.
fn wrap(angle: f64) -> f64 {
    angle - core::f64::consts::TAU * (angle / core::f64::consts::TAU).round()
}

impl Surroundings<'_> {
    /// How many rolls are tried over a full turn.
    fn rolls(&self) -> usize {
        if self.cell.arm().dof() > 6 {
            ROLLS_REDUNDANT
        } else {
            ROLLS
        }
    }

    fn head_from_tip(site: &Site, needle: &Direction<Head>, roll: f64) -> Transform<Head, Tip> {
        tip_pose(&site.position, needle, Angle::from_rad(roll), HOVER)
    }

    /// Whether a configuration may be used for hovering, or for waiting elsewhere.
    pub(crate) fn usable(&self, q: &Joints) -> Result<(), Refusal> {
        self.usable_within(&self.nothing_settled(), q)
    }

    fn nothing_settled(&self) -> Settled<'_> {
        Settled::nothing(self.cell, &self.base_from_head)
    }

    fn usable_within(&self, settled: &Settled<'_>, q: &Joints) -> Result<(), Refusal> {
        self.usable_unless(q, || settled.blocked(q))
    }

    fn usable_unless(
        &self,
        q: &Joints,
        blocked: impl FnOnce() -> Option<Obstacle>,
    ) -> Result<(), Refusal> {
        let arm = self.cell.arm();
        if arm.limit_margin(q) < LIMIT_MARGIN {
            return Err(SkipReason::JointLimit.into());
        }
        if arm.smallest_singular_value(q) < SINGULAR {
            return Err(SkipReason::Singular.into());
        }
        match blocked() {
            Some(obstacle) => Err(obstacle.into()),
            None => Ok(()),
        }
    }

    /// What rules a dot out whatever the arm does.
    fn ruled_out(&self, site: &Site) -> Option<SkipReason> {
        // Written so that NaN is near.
        let far =
            |k: &KeepOut| k.center.distance(&site.position) >= k.radius.m() + KEEP_OUT_MARGIN.m();
        (!self.keep_outs.iter().all(far)).then_some(SkipReason::KeepOut)
    }

    /// The joints on the branch of `near` that hover over a site with a needle and roll.
    fn solve(
        &self,
        site: &Site,
        needle: &Direction<Head>,
        roll: f64,
        near: &Joints,
    ) -> Option<Joints> {
        let target = self.base_from_head * Self::head_from_tip(site, needle, roll);
        let flange = self.cell.flange_for_tip(&target);
        self.cell.arm().inverse_near(&flange, near)
    }

    /// Why no way at all leads to a site with a needle: whether joints without limits would.
    fn unreached(&self, site: &Site, needle: &Direction<Head>) -> SkipReason {
        // Where a roll turns the last joint alone, one roll stands for all.
        let rolls = match self.cell.last_joint_by_roll() {
            Some(_) => 1,
            None => self.rolls(),
        };
        let reached = (0..rolls).any(|k| {
            let roll = core::f64::consts::TAU * k as f64 / rolls as f64;
            let target = self.base_from_head * Self::head_from_tip(site, needle, roll);
            let flange = self.cell.flange_for_tip(&target);
            self.cell.arm().is_reached_beyond_limits(&flange)
        });
        if reached {
            SkipReason::JointLimit
        } else {
            SkipReason::OutOfReach
        }
    }

    /// Whether a usable way leads to a site with the needle leaning farther from the normal than is allowed.
    fn is_reached_leaning(&self, site: &Site, near: &Joints) -> bool {
        leaning(site, &TOO_FAR).any(|needle| {
            let (mut branches, mut reached, mut trapped) = (Branches::default(), false, 0);
            self.each_way(site, &needle, near, |_, q, branch| {
                if self.usable_on(&mut branches, branch, &q).is_ok() {
                    reached = self.can_leave(&q);
                    trapped += 1;
                }
                if reached || trapped >= TRAPS {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            reached
        })
    }

    /// Why a site has no pose within the tilt cone, from the reasons against its ways with the needle along the normal.
    fn why_none(&self, site: &Site, near: &Joints, reasons: Reasons) -> Refusal {
        let why = reasons.most();
        let why = why.unwrap_or_else(|| self.unreached(site, &-site.normal).into());
        if self.is_reached_leaning(site, near) {
            return Refusal {
                reason: SkipReason::Angle,
                ..why
            };
        }
        why
    }

    /// How many usable ways of hovering over a site with the needle along the normal there are, counted up to `most`; where there is
    /// none, why.
    pub(crate) fn ways(&self, site: &Site, most: u32) -> (u32, Option<Refusal>) {
        if let Some(why) = self.ruled_out(site) {
            return (0, Some(why.into()));
        }
        let (mut ways, mut reasons, mut branches) = (0, Reasons::default(), Branches::default());
        let (needle, near) = (-site.normal, self.cell.arm().mid_range());
        self.each_way(site, &needle, &near, |_, q, branch| {
            match self.usable_on(&mut branches, branch, &q) {
                Ok(()) => ways += 1,
                Err(refusal) => reasons.add(refusal),
            }
            if ways >= most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let why = || reasons.most();
        let why =
            (ways == 0).then(|| why().unwrap_or_else(|| self.unreached(site, &needle).into()));
        (ways, why)
    }

    /// Whether every pause, stop and fault can lift off from a configuration.
    fn can_leave(&self, q: &Joints) -> bool {
        can_lift(self.cell, &self.base_from_head, q)
    }
}

/// Ways the needle may go into a site: along the normal, then leaning by up to a share of [`TILT_CAP`] to all sides.
fn needles(site: &Site) -> impl Iterator<Item = Direction<Head>> {
    std::iter::once(-site.normal).chain(leaning(site, &LEANS))
}

/// Needles that lean from the normal by shares of [`TILT_CAP`], to all sides.
fn leaning(site: &Site, shares: &'static [f64]) -> impl Iterator<Item = Direction<Head>> {
    let (x, z) = (site.normal.any_perpendicular().raw(), -site.normal.raw());
    let y = z.cross(&x);
    shares.iter().flat_map(move |share| {
        (0..LEAN_SIDES).filter_map(move |k| {
            let (sin, cos) = (core::f64::consts::TAU * k as f64 / LEAN_SIDES as f64).sin_cos();
            let (up, out) = (TILT_CAP.rad() * share).sin_cos();
            Direction::new(z * out + (x * cos + y * sin) * up)
        })
    })
}

/// Counts of reasons, for the one that stands in most ways.
#[derive(Default)]
pub(crate) struct Reasons(BTreeMap<SkipReason, (usize, Vec<(Obstacle, usize)>)>);

impl Reasons {
    pub(crate) fn add(&mut self, refusal: Refusal) {
        let (count, obstacles) = self.0.entry(refusal.reason).or_default();
        *count += 1;
        let Some(obstacle) = refusal.obstacle else {
            return;
        };
        match obstacles.iter_mut().find(|(o, _)| *o == obstacle) {
            Some((_, n)) => *n += 1,
            None => obstacles.push((obstacle, 1)),
        }
    }

    /// The reason of most ways; `None` when there was no way at all.
    pub(crate) fn most(self) -> Option<Refusal> {
        let most = self.0.into_iter().max_by_key(|(_, (count, _))| *count);
        let (reason, (_, obstacles)) = most?;
        let obstacle = obstacles.into_iter().max_by_key(|(_, count)| *count);
        Some(Refusal {
            reason,
            obstacle: obstacle.map(|(o, _)| o),
        })
    }
}
