//! From where the arm is to hovering over a dot, and away from the head: ways in joint space, each piece proven clear, then timed.
//!
//! Near dots are reached straight, or over a point between them a little higher, along the skin. Farther ones, and those where that is not
//! clear, by lifting along the needle to a shell round the head, along the shell, and down again; where no shell is clear, by a search
//! through joint space. The same code serves planner and controller.
//!
//! Near the skin (hazard H12): at [`crate::limits::SPEED_HOVER`] only where the tip is proven to stay at hover height, less a tolerance;
//! else at [`crate::limits::SPEED_NEAR_SKIN`]. What leads away from a head that came too near is exempt.

use nalgebra::{Isometry3, Translation3, Vector3};

use super::lift::{back_down, clear_of_head};
use super::search::search;
use super::trajectory::{MotionError, Trajectory};
use super::way::Way;
use crate::clearance::{Obstacle, Settled, WorkCell};
use crate::frames::{Base, Head, Point, Tip, Transform};
use crate::joints::Joints;
use crate::limits::HOVER;
use crate::units::Length;

/// Up to this tip distance the way along the skin is tried first: beyond it, lifting to where the arm may be five times as fast takes less
/// time.
const ALONG_SKIN: Length = Length::from_mm(38.0);
/// Up to this change of one joint the way along the skin is tried first, rad.
const ALONG_SKIN_TURN: f64 = 0.5;
/// How much higher than hovering the point in between is, tried in turn, where the straight way along the skin is not clear.
pub(super) const RAISED_BETWEEN: [Length; 3] = [
    Length::from_mm(0.5),
    Length::from_mm(2.0),
    Length::from_mm(6.0),
];
/// Heights of the shell above the skin tried in turn.
pub(super) const SHELLS: [Length; 4] = [
    LOW,
    Length::from_mm(40.0),
    Length::from_mm(80.0),
    Length::from_mm(130.0),
];
/// Above the skin every way that leaves it leads here first, straight along the needle.
pub(super) const LOW: Length = Length::from_mm(20.0);
/// Farthest turn about the head's middle between two way points on the shell, rad.
const SHELL_STEP: f64 = 0.35;
/// How far outside its limits a joint may be where a way begins, rad.
const OUTSIDE: f64 = 0.05;
/// Where a way over a shell takes longer than this, s, a quicker one is searched for: it turns far, or changes branch.
const LONG: f64 = 3.0;
/// The most way points along a shell.
const MOST_STEPS: f64 = 10.0;
/// Two configurations this near in every joint are on one branch, rad.
const SAME_BRANCH: f64 = 1e-3;

/// Where a hop goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HopTarget {
    /// The tip hovering over the dot.
    pub head_from_tip: Transform<Head, Tip>,
    /// Joints near the wanted ones: the plan's for the nominal head pose. Decides the branch.
    pub seed: Joints,
}

/// Why there is no hop.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum HopError {
    /// No joint angles within the limits reach the target on the seed's branch.
    #[error("the target is out of reach on this branch")]
    OutOfReach,
    /// The target itself is too near something.
    #[error("the target is not clear: {0:?}")]
    TargetBlocked(Obstacle),
    /// Where the way would begin, something is within a margin, and be it the nose's to the head, no way leads off it: from there none is clear.
    #[error("the start is not clear: {0:?}")]
    StartBlocked(Obstacle),
    /// Every way tried is too near something.
    #[error("no clear way: {0:?}")]
    WayBlocked(Obstacle),
    /// The way cannot be timed.
    #[error(transparent)]
    Motion(#[from] MotionError),
}

impl Way<'_> {
    /// From the end so far to hovering at `goal` nearby: straight, or over a point in between that is raised no more than needed. What is
    /// clear but not proven to stay at hover height is the last choice, since it is slow.
    fn along_skin(&mut self, goal: &Joints) -> Result<(), HopError> {
        let from = self.end();
        let straight = self.look_along(&from, goal);
        let raises = match straight {
            Ok(true) => return self.push_point(goal, true),
            // From where the tip is too low, or to there, no raised way is at hover height either.
            Ok(false) => self.hovers(&from) && self.hovers(goal),
            Err(_) => {
                self.look_at_goal(goal)?;
                true
            }
        };
        let mut slow = None;
        for raised in RAISED_BETWEEN.into_iter().filter(|_| raises) {
            let Some(via) = self.between(&from, goal, raised) else {
                continue;
            };
            let Ok(up) = self.look_along(&from, &via) else {
                continue;
            };
            let Ok(down) = self.look_along(&via, goal) else {
                continue;
            };
            if up && down {
                self.push_point(&via, true)?;
                return self.push_point(goal, true);
            }
            slow.get_or_insert((via, up, down));
        }
        match (straight, slow) {
            (Ok(hovers), _) => self.push_point(goal, hovers),
            (Err(_), Some((via, up, down))) => {
                self.push_point(&via, up)?;
                self.push_point(goal, down)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn look_at_goal(&self, goal: &Joints) -> Result<(), HopError> {
        match self.settled.blocked(goal) {
            Some(obstacle) => Err(HopError::TargetBlocked(obstacle)),
            None => Ok(()),
        }
    }

    /// Between two places along the skin, that much higher than hovering.
    fn between(&self, from: &Joints, goal: &Joints, raised: Length) -> Option<Joints> {
        let (start, end) = (self.head_from_tip(from), self.head_from_tip(goal));
        let between = start.raw().try_lerp_slerp(end.raw(), 0.5, 1e-9)?;
        let height = Length::from_m(HOVER.m() + raised.m());
        self.raised(&Transform::from_raw(between), &from.lerp(goal, 0.5), height)
    }

    /// From the end of the way so far over the shell of that height to hovering at `goal`.
    pub(super) fn over_shell(&mut self, goal: &Joints, shell: Length) -> Result<(), HopError> {
        self.rise_to(shell)?;
        let mut sinking = self.elsewhere(goal);
        sinking.rise_to(shell)?;
        let down = sinking.end();
        let mut along = self.clone();
        if along
            .along_shell(&down, shell)
            .and_then(|()| along.sink_along(&sinking))
            .is_ok()
        {
            *self = along;
            return Ok(());
        }
        // Straight through joint space between the raised ends: longer, but may change branch.
        self.push(&down)?;
        self.sink_along(&sinking)
    }

    /// From the end of the way so far to hovering at `goal`: out of the hover zone at both ends, in between by a search from as high as is
    /// clear.
    fn over_search(&mut self, goal: &Joints) -> Result<(), HopError> {
        let raised = |way: &Self, most: usize| {
            let risen = |shell: &Length| {
                let mut way = way.clone();
                way.rise_to(*shell).ok().map(|()| way)
            };
            // Where not even the lowest is clear, the search begins where the arm is.
            let found = SHELLS[..most].iter().rev().find_map(risen);
            found.unwrap_or_else(|| way.clone())
        };
        let sinking = self.elsewhere(goal);
        let low = [raised(self, 1), raised(&sinking, 1)];
        let high = [raised(self, SHELLS.len()), raised(&sinking, SHELLS.len())];
        let ends = [low[0].end(), high[0].end(), high[1].end(), low[1].end()];
        let [first, from, to, last] = &ends;
        let found = search(self.cell, self.base_from_head, [first, from, to, last]);
        let found = found.ok_or(HopError::WayBlocked(Obstacle::Unknown))?;
        let [rising, sinking] = low;
        *self = rising;
        for q in found.iter().skip(1) {
            self.push_unproven(q)?;
        }
        self.sink_along(&sinking)
    }

    /// Along the needle to a height above the skin, over [`LOW`]; where the tip is already as high, it stays.
    pub(super) fn rise_to(&mut self, height: Length) -> Result<(), HopError> {
        let from = self.end();
        let pose = self.head_from_tip(&from);
        let low = self.raised(&pose, &from, LOW).ok_or(HopError::OutOfReach)?;
        if low != from {
            self.push(&low)?;
        }
        if height.m() > LOW.m() {
            let top = self
                .raised(&pose, &low, height)
                .ok_or(HopError::OutOfReach)?;
            if top != low {
                self.push(&top)?;
            }
        }
        Ok(())
    }

    /// Down a way that was proven upwards, from its end, where this one ends too, to its start.
    pub(super) fn sink_along(&mut self, rise: &Self) -> Result<(), HopError> {
        rise.points_back()
            .skip(1)
            .try_for_each(|q| self.push_unproven(&q))
    }

    /// From the raised start along the shell to the raised goal, turning about the head's middle.
    fn along_shell(&mut self, down: &Joints, shell: Length) -> Result<(), HopError> {
        let center = self.cell.field().center().raw();
        let (start, end) = (
            *self.head_from_tip(&self.end()).raw(),
            *self.head_from_tip(down).raw(),
        );
        let (a, b) = (
            start.translation.vector - center,
            end.translation.vector - center,
        );
        let turn = a.angle(&b).max(start.rotation.angle_to(&end.rotation));
        let steps = (turn / SHELL_STEP).ceil().max(1.0);
        if !steps.is_finite() || steps > MOST_STEPS {
            return Err(HopError::OutOfReach);
        }
        for k in 1..steps as u32 {
            let s = f64::from(k) / steps;
            let rotation = start
                .rotation
                .try_slerp(&end.rotation, s, 1e-6)
                .unwrap_or(end.rotation);
            let mixed: Vector3<f64> = a.normalize() * (1.0 - s) + b.normalize() * s;
            if mixed.norm().is_nan() || mixed.norm() < 1e-3 {
                return Err(HopError::OutOfReach);
            }
            let direction = mixed.normalize();
            let mut radius = a.norm() * (1.0 - s) + b.norm() * s;
            for _ in 0..8 {
                let at = Point::from_raw(center + direction * radius);
                let missing = shell.m() - self.cell.field().exact(&at);
                if missing <= 1e-4 {
                    break;
                }
                radius += missing;
            }
            let pose =
                Isometry3::from_parts(Translation3::from(center + direction * radius), rotation);
            let q = self
                .solve(&Transform::from_raw(pose), &self.end())
                .ok_or(HopError::OutOfReach)?;
            self.push(&q)?;
        }
        let last = self
            .solve(&Transform::from_raw(end), &self.end())
            .ok_or(HopError::OutOfReach)?;
        if last.max_difference(down) > SAME_BRANCH {
            return Err(HopError::OutOfReach);
        }
        self.push(down)
    }
}

/// The way from `from` to hovering at `target` with the head at `base_from_head`: at rest at both ends, proven clear all along.
///
/// # Errors
/// Out of reach on the seed's branch, the target or every way tried not clear, or limits that make no sense.
pub fn hop(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    from: &Joints,
    target: &HopTarget,
) -> Result<Trajectory, HopError> {
    let goal = hover(cell, base_from_head, target)?;
    hop_to_joints(cell, base_from_head, from, &goal)
}

/// The joints hovering at `target` with the head at `base_from_head`, on the seed's branch.
///
/// # Errors
/// Out of reach there.
pub fn hover(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    target: &HopTarget,
) -> Result<Joints, HopError> {
    let base_from_tip = *base_from_head * target.head_from_tip;
    cell.arm()
        .inverse_near(&cell.flange_for_tip(&base_from_tip), &target.seed)
        .ok_or(HopError::OutOfReach)
}

/// As [`hop`], to known joints.
///
/// # Errors
/// As [`hop`].
pub fn hop_to_joints(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    from: &Joints,
    goal: &Joints,
) -> Result<Trajectory, HopError> {
    hop_within(&Settled::nothing(cell, base_from_head), from, goal)
}

/// As [`hop_to_joints`], sparing what is settled.
///
/// # Errors
/// As [`hop`].
pub fn hop_within(
    settled: &Settled<'_>,
    from: &Joints,
    goal: &Joints,
) -> Result<Trajectory, HopError> {
    hop_by(settled, from, goal, true)
}

/// As [`hop_within`], but without a search, which takes many times as long as all else: along the skin or over a shell, or not at all.
///
/// # Errors
/// As [`hop`], also where a search would have found a way.
pub fn hop_directly(
    settled: &Settled<'_>,
    from: &Joints,
    goal: &Joints,
) -> Result<Trajectory, HopError> {
    hop_by(settled, from, goal, false)
}

fn hop_by(
    settled: &Settled<'_>,
    from: &Joints,
    goal: &Joints,
    searches: bool,
) -> Result<Trajectory, HopError> {
    let cell = settled.cell();
    // Measured joints may lie a little outside their limits, but what is far from them is no place the arm can be.
    let near_limits = from.dof() == cell.arm().dof()
        && (cell.arm().joints().iter().zip(from.as_slice()))
            .all(|(j, q)| (j.lower - OUTSIDE..=j.upper + OUTSIDE).contains(q));
    if !near_limits || !cell.arm().within_limits(goal) {
        return Err(HopError::OutOfReach);
    }
    let mut begun = Way::new(settled, from);
    let there = cell.base_from_tip(goal).origin();
    let is_near = |from: &Joints| {
        let distance = cell.base_from_tip(from).origin().distance(&there);
        distance <= ALONG_SKIN.m() && from.max_difference(goal) <= ALONG_SKIN_TURN
    };
    let mut last = HopError::OutOfReach;
    if is_near(from) {
        // What is proven clear all along is so at the goal.
        match begun.along_skin(goal) {
            Ok(()) => return begun.timed(),
            Err(error @ HopError::TargetBlocked(_)) => return Err(error),
            Err(error) => last = error,
        }
    } else {
        begun.look_at_goal(goal)?;
    }
    match settled.blocked(from) {
        None => {}
        // A head that came nearer since is left first, as for a lift: from within its margin no way would be clear. So is a volume that the tip
        // is kept out of, past which a lift may have led.
        Some(obstacle) if cell.is_nose_to_head(&obstacle) => {
            let left = clear_of_head(&begun).or_else(|| back_down(&begun));
            begun = left.ok_or(HopError::StartBlocked(obstacle))?;
            let mut along = begun.clone();
            if is_near(&begun.end()) && along.along_skin(goal).is_ok() {
                return along.timed();
            }
        }
        // No way that begins within another margin is clear.
        Some(obstacle) => return Err(HopError::StartBlocked(obstacle)),
    }
    round(&begun, goal, last, searches)
}

/// Away from the skin to hovering at `goal`, the quickest way there is over a shell or, where it may, by a search; `blocked` says why there
/// is no nearer way.
fn round(
    begun: &Way<'_>,
    goal: &Joints,
    blocked: HopError,
    searches: bool,
) -> Result<Trajectory, HopError> {
    let mut last = blocked;
    let mut best: Option<Trajectory> = None;
    let is_quicker = |way: &Trajectory, best: &Option<Trajectory>| {
        let time = way.duration();
        best.as_ref().is_none_or(|best| time < best.duration())
    };
    for shell in SHELLS {
        let mut way = begun.clone();
        match way.over_shell(goal, shell).and_then(|()| way.timed()) {
            Ok(timed) if is_quicker(&timed, &best) => {
                let is_long = timed.duration() > LONG;
                best = Some(timed);
                if is_long {
                    break;
                }
            }
            // A higher shell takes longer, unless a lower one leads too near to the skin to be fast.
            Ok(_) => break,
            // What is in the way says more than that a shell was out of reach.
            Err(HopError::OutOfReach) => {}
            Err(error) => last = error,
        }
    }
    let is_long = searches && best.as_ref().is_none_or(|b| b.duration() > LONG);
    let mut way = begun.clone();
    if is_long
        && way.over_search(goal).is_ok()
        && let Ok(timed) = way.timed()
        && is_quicker(&timed, &best)
    {
        best = Some(timed);
    }
    // That the search found nothing says less than what stands in the way.
    best.ok_or(last)
}
