//! All rolls about the needle at once, where the tool is in line with the last joint.
//!
//! A roll then turns that joint and nothing else: all rolls share one inverse kinematics and, for the most part, one look at what is in the
//! way. Whether it is so is seen from the geometry; where it is not, every roll is solved and looked at for itself.

use std::ops::ControlFlow;

use stipple_model::clearance::{AtEveryRoll, ClearAtEveryRoll};
use stipple_model::frames::{Direction, Head};
use stipple_model::joints::Joints;
use stipple_model::plan::SkipReason;

use super::{LIMIT_MARGIN, Refusal, SINGULAR, Site, Surroundings, wrap};

/// What is known of the branches that all rolls share, by number; filled in as it is asked for.
#[derive(Default)]
pub(super) struct Branches(Vec<Option<Shared>>);

/// What holds of a branch at every roll.
#[derive(Clone, Copy)]
enum Shared {
    /// It is of no use at any.
    Refused(Refusal),
    /// It is clear at every one, and far from singular.
    Clear,
    /// Each is to be looked at, but for what is clear at all of them.
    Depends(ClearAtEveryRoll),
}

impl Surroundings<'_> {
    /// Calls `found` with every configuration that hovers over a site with a needle, over all rolls and branches, until it has seen enough:
    /// the roll, the joints, and the number of its branch where that is the same for all rolls.
    pub(super) fn each_way(
        &self,
        site: &Site,
        needle: &Direction<Head>,
        near: &Joints,
        mut found: impl FnMut(f64, Joints, Option<usize>) -> ControlFlow<()>,
    ) {
        let (arm, rolls) = (self.cell.arm(), self.rolls());
        let flange = |roll: f64| {
            let target = self.base_from_head * Self::head_from_tip(site, needle, roll);
            self.cell.flange_for_tip(&target)
        };
        let last = arm.dof() - 1;
        let shared = self
            .cell
            .last_joint_by_roll()
            .map(|by_roll| (by_roll, arm.inverse_with_last_free(&flange(0.0), near)));
        for k in 0..rolls {
            let roll = wrap(core::f64::consts::TAU * k as f64 / rolls as f64);
            let Some((by_roll, branches)) = &shared else {
                for q in arm.inverse(&flange(roll), near) {
                    if found(roll, q, None).is_break() {
                        return;
                    }
                }
                continue;
            };
            for (branch, q) in branches.iter().enumerate() {
                let turned = q[last] + by_roll * roll;
                let Some(turned) = arm.last_within_limits(turned, near[last]) else {
                    continue;
                };
                let mut q = *q;
                q[last] = turned;
                if found(roll, q, Some(branch)).is_break() {
                    return;
                }
            }
        }
    }

    /// As [`Self::usable`], for a configuration of a branch of [`Self::each_way`].
    pub(super) fn usable_on(
        &self,
        branches: &mut Branches,
        branch: Option<usize>,
        q: &Joints,
    ) -> Result<(), Refusal> {
        let Some(branch) = branch else {
            return self.usable(q);
        };
        if branches.0.len() <= branch {
            branches.0.resize(branch + 1, None);
        }
        let shared = *branches.0[branch].get_or_insert_with(|| self.at_every_roll(q));
        match shared {
            Shared::Refused(refusal) => Err(refusal),
            Shared::Depends(clear) => self.usable_unless(q, || {
                self.cell.blocked_at_roll(q, &self.base_from_head, &clear)
            }),
            // Only the last joint's limits are left.
            Shared::Clear if self.cell.arm().limit_margin(q) < LIMIT_MARGIN => {
                Err(SkipReason::JointLimit.into())
            }
            Shared::Clear => Ok(()),
        }
    }

    /// What holds of a configuration at every roll.
    fn at_every_roll(&self, q: &Joints) -> Shared {
        let arm = self.cell.arm();
        let mut before_last = arm.limit_margins(q).take(arm.dof() - 1);
        if before_last.any(|margin| margin < LIMIT_MARGIN) {
            return Shared::Refused(SkipReason::JointLimit.into());
        }
        // The singular values are the flange's: they stay where the flange lies on the axis that it turns about.
        let axis = arm.last_axis_at_flange();
        let on_axis = axis.point.cross(&axis.direction).norm() < 1e-9;
        let singular = on_axis && arm.smallest_singular_value(q) < SINGULAR;
        if singular {
            return Shared::Refused(SkipReason::Singular.into());
        }
        match self.cell.at_every_roll(q, &self.base_from_head) {
            AtEveryRoll::Blocked(obstacle) => Shared::Refused(obstacle.into()),
            AtEveryRoll::Clear if on_axis => Shared::Clear,
            AtEveryRoll::Clear => Shared::Depends(ClearAtEveryRoll::NOTHING),
            AtEveryRoll::Depends(clear) => Shared::Depends(clear),
        }
    }
}
