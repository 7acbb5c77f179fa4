//! The guards of an arm that moves: as fast as it may be, where it may be, on the path it follows.

use crate::fault::Fault;
use crate::machine::Core;
use crate::sensed::{Leg, MotionSeen, Sensed, TipNear};
use crate::state::State;
use crate::time::Micros;

impl Core {
    /// Speed, place and path, in every tick in which the arm may move on our command.
    pub(crate) fn guard_motion(&self, now: Micros, sensed: &Sensed) -> Option<Fault> {
        let guarded = self.state.working() || self.state == State::Pausing;
        if !guarded {
            return None;
        }
        // Joints are there, or this is not reached: what was not worked out from them is as good as no joints.
        let Some(motion) = sensed.motion else {
            return Some(Fault::JointsStale);
        };
        self.guard_joints(&motion)
            .or_else(|| self.guard_path(&motion))
            .or_else(|| self.guard_tip(now, sensed, &motion))
            .or_else(|| self.guard_acceleration(&motion))
    }

    /// Of a motion that is followed: one that was cancelled ends as hard as the arm can. Asked last, for where another guard trips too, that
    /// one says more.
    fn guard_acceleration(&self, motion: &MotionSeen) -> Option<Fault> {
        let high = motion.acceleration_share > self.limits.acceleration_share;
        (self.moving.is_some() && high).then_some(Fault::AccelerationHigh)
    }

    fn guard_joints(&self, motion: &MotionSeen) -> Option<Fault> {
        if motion.speed_share > self.limits.speed_share {
            return Some(Fault::JointTooFast);
        }
        if motion.untold > self.limits.untold {
            return Some(Fault::SpeedsUntrue);
        }
        (motion.outside > self.limits.joint_outside).then_some(Fault::JointOutside)
    }

    fn guard_path(&self, motion: &MotionSeen) -> Option<Fault> {
        let (hop, off) = motion.deviation?;
        (self.moving == Some(hop) && off > self.limits.path_deviation).then_some(Fault::OffPath)
    }

    /// The arm says that it has arrived, and by its joints it has not: joint states that have frozen show so, too.
    pub(crate) fn is_elsewhere(&self, sensed: &Sensed) -> bool {
        let off = sensed.motion.and_then(|motion| motion.deviation);
        off.is_some_and(|(_, off)| off > self.limits.goal_deviation)
    }

    fn guard_tip(&self, now: Micros, sensed: &Sensed, motion: &MotionSeen) -> Option<Fault> {
        let limits = &self.limits;
        let given_up = self.given_up.filter(|_| self.moving.is_none());
        let brakes = given_up.is_some_and(|at| !now.passed(at, limits.braking));
        let share = if brakes { limits.braking_share } else { 1.0 };
        if motion.tip_speed > limits.tip_free * share {
            return Some(Fault::TipTooFast);
        }
        // Where the head was long ago says nothing of where the tip is; a head that is lost is a fault of its own while working.
        let near = motion.near.filter(|_| self.head_fresh(now, sensed))?;
        let lifting = self.state == State::Pausing && self.off.leg == Leg::Lift;
        let lifts = lifting && self.moving.is_some() && near.approach <= limits.lift_approach;
        let leads_away = near.approach <= -limits.away_share * motion.tip_speed;
        let fastest = if (lifts || brakes) && leads_away {
            limits.tip_free
        } else {
            limits.tip_hover
        };
        let too_fast = (near.height < limits.hover_zone && motion.tip_speed > fastest * share)
            || (near.height < limits.near_skin && near.approach > limits.tip_near);
        if too_fast {
            return Some(Fault::TipTooFast);
        }
        if lifts {
            // The head came nearer, and the arm is on its way off it: nothing is safer than to go on.
            return near
                .keep_out
                .and_then(|distance| self.guard_keep_out(distance));
        }
        self.moving.and_then(|_| self.guard_place(&near))
    }

    /// Of an arm under way. Near one that rests it is the head that moves, which has guards of its own.
    fn guard_place(&self, near: &TipNear) -> Option<Fault> {
        if let Some(fault) = near
            .keep_out
            .and_then(|distance| self.guard_keep_out(distance))
        {
            return Some(fault);
        }
        if near.height < self.limits.tip_lowest {
            return Some(Fault::TipTooNear);
        }
        (near.height < self.limits.over_patch && !near.over_patch).then_some(Fault::TipOffPatch)
    }

    fn guard_keep_out(&self, distance: f64) -> Option<Fault> {
        (distance < self.limits.keep_out).then_some(Fault::KeepOutNear)
    }
}
