//! From where the arm is to hovering over a dot, and away from the head: ways in joint space, each piece proven clear, then timed.
//!
//! Near dots are reached straight. Farther ones, and those where the straight way is not clear, by lifting along the needle to a shell
//! round the head, along the shell, and down again; where no shell is clear, over configurations in between. The same code serves planner
//! and controller.

use nalgebra::{Isometry3, Translation3, Vector3};

use super::detour::detour;
use super::trajectory::{MotionError, Trajectory};
use crate::clearance::{Obstacle, WorkCell};
use crate::frames::{Base, Head, Point, Tip, Transform};
use crate::joints::Joints;
use crate::limits::{HOVER_ZONE, SPEED_FREE, SPEED_HOVER};
use crate::units::Length;

/// Up to this tip distance the straight way is tried first.
const DIRECT: Length = Length::from_mm(25.0);
/// Up to this change of one joint the straight way is tried first, rad.
const DIRECT_TURN: f64 = 0.35;
/// Heights of the shell above the skin tried in turn.
const SHELLS: [Length; 4] = [
    Length::from_mm(16.0),
    Length::from_mm(40.0),
    Length::from_mm(80.0),
    Length::from_mm(130.0),
];
/// Heights to lift to, the highest that works.
const LIFTS: [Length; 3] = [
    Length::from_mm(80.0),
    Length::from_mm(40.0),
    Length::from_mm(20.0),
];
/// Farthest turn about the head's middle between two way points on the shell, rad.
const SHELL_STEP: f64 = 0.35;
/// Samples of a retreat at which the nose must be farther from the head than before.
const RETREAT_SAMPLES: u32 = 16;
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
    /// Every way tried is too near something.
    #[error("no clear way: {0:?}")]
    WayBlocked(Obstacle),
    /// The way cannot be timed.
    #[error(transparent)]
    Motion(#[from] MotionError),
}

/// Bound of the tip's speed along the segment per unit of the path parameter, metres.
fn tip_length(cell: &WorkCell, from: &Joints, to: &Joints, reach: f64) -> f64 {
    const SAMPLES: usize = 4;
    let delta = to.zip(from, |b, a| b - a);
    let turn: f64 = delta.as_slice().iter().map(|d| d.abs()).sum();
    let bend = turn * turn * reach / (2 * SAMPLES) as f64;
    let speed = |s: f64| {
        let q = from.lerp(to, s);
        let tip = cell.base_from_tip(&q).raw().translation.vector;
        cell.arm()
            .link_poses(&q)
            .velocity(cell.arm().dof(), &tip, &delta)
            .0
            .norm()
    };
    (0..SAMPLES)
        .map(|k| speed((k as f64 + 0.5) / SAMPLES as f64))
        .fold(0.0, f64::max)
        + bend
}

/// A way being built.
#[derive(Clone)]
struct Way<'a> {
    cell: &'a WorkCell,
    base_from_head: &'a Transform<Base, Head>,
    trajectory: Trajectory,
}

impl<'a> Way<'a> {
    fn new(cell: &'a WorkCell, base_from_head: &'a Transform<Base, Head>, from: &Joints) -> Self {
        Self {
            cell,
            base_from_head,
            trajectory: Trajectory::resting(*from),
        }
    }

    /// How high the tip is above the skin at `q`, a lower bound in metres.
    fn height(&self, q: &Joints) -> f64 {
        let tip = self.base_from_head.inverse() * self.cell.base_from_tip(q).origin();
        self.cell.field().bounds(&tip).lower
    }

    /// Adds a segment without asking whether it is clear.
    fn push_unproven(&mut self, to: &Joints) -> Result<(), HopError> {
        let from = self.trajectory.end();
        let length = tip_length(self.cell, &from, to, self.cell.longest_reach());
        let lowest = 0.5 * (self.height(&from) + self.height(to) - length);
        let speed = if lowest >= HOVER_ZONE.m() {
            SPEED_FREE
        } else {
            SPEED_HOVER
        };
        Ok(self.trajectory.push(
            *to,
            &self.cell.arm().motion_limits(),
            length,
            speed.m_per_s(),
        )?)
    }

    /// Adds a segment that is proven clear.
    fn push(&mut self, to: &Joints) -> Result<(), HopError> {
        match self
            .cell
            .segment_blocked(&self.trajectory.end(), to, self.base_from_head)
        {
            Some(obstacle) => Err(HopError::WayBlocked(obstacle)),
            None => self.push_unproven(to),
        }
    }

    /// Adds a segment that leads the nose away from a head that came too near: every other margin is proven, and the nose's distance must
    /// grow from sample to sample.
    fn retreat(&mut self, to: &Joints) -> Result<(), HopError> {
        let from = self.trajectory.end();
        if let Some(obstacle) = self.cell.retreat_blocked(&from, to, self.base_from_head) {
            return Err(HopError::WayBlocked(obstacle));
        }
        let nose = |k: u32| {
            let q = from.lerp(to, f64::from(k) / f64::from(RETREAT_SAMPLES));
            self.cell.clearance(&q, self.base_from_head).nose_head
        };
        let leads_away = (1..=RETREAT_SAMPLES).all(|k| nose(k) > nose(k - 1));
        if !leads_away {
            return Err(HopError::WayBlocked(Obstacle::Unknown));
        }
        self.push_unproven(to)
    }

    /// The joints that bring the tip to a pose, on the branch of `near`.
    fn solve(&self, head_from_tip: &Transform<Head, Tip>, near: &Joints) -> Option<Joints> {
        let base_from_tip = *self.base_from_head * *head_from_tip;
        self.cell
            .arm()
            .inverse_near(&self.cell.flange_for_tip(&base_from_tip), near)
    }

    fn head_from_tip(&self, q: &Joints) -> Transform<Head, Tip> {
        self.base_from_head.inverse() * self.cell.base_from_tip(q)
    }

    /// From the end of the way so far, which hovers at `start`, over the shell of that height to hovering at `goal`.
    fn over_shell(&mut self, goal: &Joints, shell: Length) -> Result<(), HopError> {
        let from = self.trajectory.end();
        let (start, end) = (self.head_from_tip(&from), self.head_from_tip(goal));
        let up = self
            .raised(&start, &from, shell)
            .ok_or(HopError::OutOfReach)?;
        let down = self.raised(&end, goal, shell).ok_or(HopError::OutOfReach)?;
        let mut direct = self.trajectory.clone();
        std::mem::swap(&mut direct, &mut self.trajectory);
        let along = self
            .rise_to(&up)
            .and_then(|()| self.along_shell(&down, shell))
            .and_then(|()| self.sink_to(&down, goal));
        if along.is_ok() {
            return Ok(());
        }
        // Straight through joint space between the raised ends: longer, but may change branch.
        self.trajectory = direct;
        self.rise_to(&up)?;
        self.push(&down)?;
        self.sink_to(&down, goal)
    }

    /// From the end of the way so far to hovering at `goal`, each end raised as far as is clear, over configurations in between.
    fn over_detour(&mut self, goal: &Joints) -> Result<(), HopError> {
        let from = self.trajectory.end();
        let (start, end) = (self.head_from_tip(&from), self.head_from_tip(goal));
        let highest = |reached: &dyn Fn(Length) -> Option<Self>| {
            let ways = SHELLS.iter().rev().find_map(|shell| reached(*shell));
            ways.ok_or(HopError::OutOfReach)
        };
        let rising = highest(&|shell| {
            let mut way = self.clone();
            way.rise_to(&self.raised(&start, &from, shell)?).ok()?;
            Some(way)
        })?;
        let sinking = highest(&|shell| {
            let down = self.raised(&end, goal, shell)?;
            let mut way = Way::new(self.cell, self.base_from_head, &down);
            way.sink_to(&down, goal).ok()?;
            Some(way)
        })?;
        let (up, down) = (rising.trajectory.end(), sinking.trajectory.start());
        let via = detour(self.cell, self.base_from_head, &up, &down);
        let via = via.ok_or(HopError::WayBlocked(Obstacle::Unknown))?;
        *self = rising;
        for q in via.iter().skip(1) {
            self.push_unproven(q)?;
        }
        self.sink_to(&down, goal)
    }

    /// The tip drawn back along the needle until it is `height` above the skin; where it already is, it stays.
    fn raised(
        &self,
        head_from_tip: &Transform<Head, Tip>,
        near: &Joints,
        height: Length,
    ) -> Option<Joints> {
        let missing = height.m() - self.cell.field().exact(&head_from_tip.origin());
        if missing.is_nan() {
            return None;
        }
        if missing <= 0.0 {
            return Some(*near);
        }
        self.solve(&drawn_back(head_from_tip, missing), near)
    }

    fn rise_to(&mut self, up: &Joints) -> Result<(), HopError> {
        let from = self.trajectory.end();
        if self.height(&from) < HOVER_ZONE.m() {
            let pose = self.head_from_tip(&from);
            let edge = self
                .raised(&pose, &from, HOVER_ZONE)
                .ok_or(HopError::OutOfReach)?;
            self.push(&edge)?;
        }
        self.push(up)
    }

    fn sink_to(&mut self, down: &Joints, goal: &Joints) -> Result<(), HopError> {
        let pose = self.head_from_tip(goal);
        let edge = self
            .raised(&pose, goal, HOVER_ZONE)
            .ok_or(HopError::OutOfReach)?;
        if self.height(down) > self.height(&edge) {
            self.push(&edge)?;
        }
        self.push(goal)
    }

    /// From the raised start along the shell to the raised goal, turning about the head's middle.
    fn along_shell(&mut self, down: &Joints, shell: Length) -> Result<(), HopError> {
        let center = self.cell.field().center().raw();
        let (start, end) = (
            *self.head_from_tip(&self.trajectory.end()).raw(),
            *self.head_from_tip(down).raw(),
        );
        let (a, b) = (
            start.translation.vector - center,
            end.translation.vector - center,
        );
        let turn = a.angle(&b).max(start.rotation.angle_to(&end.rotation));
        let steps = (turn / SHELL_STEP).ceil().max(1.0);
        if !steps.is_finite() || steps > 10.0 {
            return Err(HopError::OutOfReach);
        }
        for k in 1..steps as u32 {
            let s = f64::from(k) / steps;
            let rotation = start
                .rotation
                .try_slerp(&end.rotation, s, 1e-6)
                .unwrap_or(end.rotation);
            let (da, db) = (a / a.norm(), b / b.norm());
            let mixed: Vector3<f64> = da * (1.0 - s) + db * s;
            if mixed.norm() < 1e-3 {
                return Err(HopError::OutOfReach);
            }
            let direction = mixed / mixed.norm();
            let mut radius = a.norm() * (1.0 - s) + b.norm() * s;
            for _ in 0..8 {
                let missing = shell.m()
                    - self
                        .cell
                        .field()
                        .exact(&Point::from_raw(center + direction * radius));
                radius += missing.max(0.0);
            }
            let pose =
                Isometry3::from_parts(Translation3::from(center + direction * radius), rotation);
            let q = self
                .solve(&Transform::from_raw(pose), &self.trajectory.end())
                .ok_or(HopError::OutOfReach)?;
            self.push(&q)?;
        }
        let last = self
            .solve(&Transform::from_raw(end), &self.trajectory.end())
            .ok_or(HopError::OutOfReach)?;
        if last.max_difference(down) > SAME_BRANCH {
            return Err(HopError::OutOfReach);
        }
        self.push(down)
    }
}

/// A tip pose moved back along its needle, metres.
fn drawn_back(head_from_tip: &Transform<Head, Tip>, by: f64) -> Transform<Head, Tip> {
    Transform::from_raw(head_from_tip.raw() * Translation3::new(0.0, 0.0, -by))
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
    let way = Way::new(cell, base_from_head, from);
    let goal = way
        .solve(&target.head_from_tip, &target.seed)
        .ok_or(HopError::OutOfReach)?;
    hop_to_joints(cell, base_from_head, from, &goal)
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
    if let Some(obstacle) = cell.blocked(goal, base_from_head) {
        return Err(HopError::TargetBlocked(obstacle));
    }
    let mut begun = Way::new(cell, base_from_head, from);
    // A head that came nearer since is left first, as for a lift: from within its margin no way would be clear.
    if cell
        .blocked(from, base_from_head)
        .is_some_and(|obstacle| cell.is_nose_to_head(&obstacle))
    {
        let pose = begun.head_from_tip(from);
        let edge = begun
            .raised(&pose, from, HOVER_ZONE)
            .ok_or(HopError::OutOfReach)?;
        begun.retreat(&edge)?;
    }
    let distance = cell
        .base_from_tip(from)
        .origin()
        .distance(&cell.base_from_tip(goal).origin());
    let mut last = HopError::OutOfReach;
    if distance <= DIRECT.m() && from.max_difference(goal) <= DIRECT_TURN {
        let mut way = begun.clone();
        match way.push(goal) {
            Ok(()) => return Ok(way.trajectory),
            Err(error) => last = error,
        }
    }
    for shell in SHELLS {
        let mut way = begun.clone();
        match way.over_shell(goal, shell) {
            Ok(()) => return Ok(way.trajectory),
            // What is in the way says more than that a detour was out of reach.
            Err(HopError::OutOfReach) => {}
            Err(error) => last = error,
        }
    }
    let mut way = begun.clone();
    // That there is no detour says less than what stands in the way.
    way.over_detour(goal)
        .map(|()| way.trajectory)
        .map_err(|_| last)
}

/// Away from the head along the needle, as high as is clear: the first move of every pause, stop and fault.
///
/// Drawing back along the needle is allowed even where the nose is already nearer to the head than its margin, since it only leads away;
/// every other margin is kept.
///
/// # Errors
/// When not even the lowest lift is possible.
pub fn lift(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    from: &Joints,
) -> Result<Trajectory, HopError> {
    let mut last = HopError::OutOfReach;
    for height in LIFTS {
        match lift_to(cell, base_from_head, from, height) {
            Ok(trajectory) => return Ok(trajectory),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether [`lift`] gets the arm off the head from here, if only to its lowest height: a pose without a way out is a trap.
#[must_use]
pub fn can_lift(cell: &WorkCell, base_from_head: &Transform<Base, Head>, from: &Joints) -> bool {
    LIFTS
        .last()
        .is_some_and(|height| lift_to(cell, base_from_head, from, *height).is_ok())
}

fn lift_to(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    from: &Joints,
    height: Length,
) -> Result<Trajectory, HopError> {
    let mut way = Way::new(cell, base_from_head, from);
    let pose = way.head_from_tip(from);
    let edge = way
        .raised(&pose, from, HOVER_ZONE)
        .ok_or(HopError::OutOfReach)?;
    if edge.max_difference(from) > 0.0 {
        match way.push(&edge) {
            Ok(()) => {}
            Err(HopError::WayBlocked(obstacle)) if cell.is_nose_to_head(&obstacle) => {
                way.retreat(&edge)?
            }
            Err(error) => return Err(error),
        }
    }
    let top = way
        .raised(&pose, &edge, height)
        .ok_or(HopError::OutOfReach)?;
    way.push(&top)?;
    Ok(way.trajectory)
}
