//! From dots to arm configurations: for every dot a branch of the arm, a roll about the needle and the joints that hover over it, whatever
//! the order in which the dots are run later.
//!
//! The roll is free, and an arm has several branches, so every place of the scalp can be reached in many ways. [`Sheets`] looks at a few
//! hundred places, finds which of their ways continue into each other's, and covers the scalp with few *regions* within which the arm
//! never changes branch and the roll changes smoothly. [`assign`] then gives every dot the pose that its region has there. A dot that
//! cannot be placed gets a reason, and the pair of things that stands in the way.

mod assign;
mod candidate;
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

pub use assign::assign;
pub use sheets::Sheets;
pub(crate) use sheets::spread;

/// Rolls tried over a full turn, unless the arm's own redundancy gives many ways already.
const ROLLS: usize = 24;
/// The same for an arm with a redundant joint.
const ROLLS_REDUNDANT: usize = 8;
/// Least share of a joint's half range to its limit. Source: this project's own, room for a head that is not where it was planned.
const LIMIT_MARGIN: f64 = 0.02;
/// Least singular value of the Jacobian: below, joints race to follow the tip. Source: this project's own.
const SINGULAR: f64 = 0.02;
/// Leans of the needle tried where none along the normal is usable, as shares of [`TILT_CAP`]. Source: this project's own.
const LEANS: [f64; 1] = [0.8];
/// Directions in which it leans.
const LEAN_SIDES: usize = 6;

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

    /// Whether a configuration may be used for hovering.
    fn usable(&self, q: &Joints) -> Result<(), Refusal> {
        self.usable_within(&self.nothing_settled(), q)
    }

    fn nothing_settled(&self) -> Settled<'_> {
        Settled::nothing(self.cell, &self.base_from_head)
    }

    fn usable_within(&self, settled: &Settled<'_>, q: &Joints) -> Result<(), Refusal> {
        let arm = self.cell.arm();
        if arm.limit_margin(q) < LIMIT_MARGIN {
            return Err(SkipReason::JointLimit.into());
        }
        if arm.smallest_singular_value(q) < SINGULAR {
            return Err(SkipReason::Singular.into());
        }
        match settled.blocked(q) {
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

    /// Calls `found` with every configuration that hovers over a site with a needle, over all rolls and branches, each with its roll, until it
    /// has seen enough.
    fn each_way(
        &self,
        site: &Site,
        needle: &Direction<Head>,
        near: &Joints,
        mut found: impl FnMut(f64, Joints) -> ControlFlow<()>,
    ) {
        let rolls = self.rolls();
        for k in 0..rolls {
            let roll = wrap(core::f64::consts::TAU * k as f64 / rolls as f64);
            let target = self.base_from_head * Self::head_from_tip(site, needle, roll);
            for q in self
                .cell
                .arm()
                .inverse(&self.cell.flange_for_tip(&target), near)
            {
                if found(roll, q).is_break() {
                    return;
                }
            }
        }
    }

    /// How many usable ways of hovering over a site with the needle along the normal there are, counted up to `most`; where there is
    /// none, why.
    pub(crate) fn ways(&self, site: &Site, most: u32) -> (u32, Option<Refusal>) {
        if let Some(why) = self.ruled_out(site) {
            return (0, Some(why.into()));
        }
        let (mut ways, mut reasons) = (0, Reasons::default());
        self.each_way(site, &-site.normal, &self.cell.arm().mid_range(), |_, q| {
            if ways >= most {
                return ControlFlow::Break(());
            }
            match self.usable(&q) {
                Ok(()) => ways += 1,
                Err(refusal) => reasons.add(refusal),
            }
            ControlFlow::Continue(())
        });
        (ways, (ways == 0).then(|| reasons.most()))
    }

    /// Whether every pause, stop and fault can lift off from a configuration.
    fn can_leave(&self, q: &Joints) -> bool {
        can_lift(self.cell, &self.base_from_head, q)
    }
}

/// Ways the needle may go into a site: along the normal, then leaning by up to a share of [`TILT_CAP`] to all sides.
fn needles(site: &Site) -> impl Iterator<Item = Direction<Head>> {
    let along = -site.normal;
    let (x, z) = (site.normal.any_perpendicular().raw(), along.raw());
    let y = z.cross(&x);
    let leaning = LEANS.into_iter().flat_map(move |share| {
        (0..LEAN_SIDES).filter_map(move |k| {
            let (sin, cos) = (core::f64::consts::TAU * k as f64 / LEAN_SIDES as f64).sin_cos();
            let (up, out) = (TILT_CAP.rad() * share).sin_cos();
            Direction::new(z * out + (x * cos + y * sin) * up)
        })
    });
    std::iter::once(along).chain(leaning)
}

/// Counts of reasons, for the one that stands in most ways.
#[derive(Default)]
struct Reasons(BTreeMap<SkipReason, (usize, Vec<(Obstacle, usize)>)>);

impl Reasons {
    fn add(&mut self, refusal: Refusal) {
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

    /// The reason of most ways; out of reach when there was none.
    fn most(self) -> Refusal {
        let most = self.0.into_iter().max_by_key(|(_, (count, _))| *count);
        let Some((reason, (_, obstacles))) = most else {
            return SkipReason::OutOfReach.into();
        };
        let obstacle = obstacles.into_iter().max_by_key(|(_, count)| *count);
        Refusal {
            reason,
            obstacle: obstacle.map(|(o, _)| o),
        }
    }
}
