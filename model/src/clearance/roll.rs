//! What does not depend on the roll about the needle: with the tool in line with the last joint, a roll turns that joint and nothing else.

use nalgebra::{Isometry3, Vector3};

use super::bodies::Body;
use super::hull::Hull;
use super::query::Obstacle;
use super::settled::Known;
use super::spheres::{Sphere, SphereTree};
use super::sweep::Sweep;
use super::work_cell::{CellError, Frames, WorkCell};
use crate::arm::{Arm, Axis};
use crate::cell::Tool;
use crate::frames::{Base, Head, Transform};
use crate::joints::Joints;
use crate::plan::KeepOut;

/// The tip's z axis lies on the last joint's axis when neither its direction (rad) nor its place (metres) differ by more. What that moves is
/// added to the bodies.
const IN_LINE: f64 = 1e-9;
/// No point of a tool or last link is farther from the last axis or the flange than these many metres: it moves by no more than this times
/// [`IN_LINE`].
const SLACK: f64 = 100.0 * IN_LINE;
/// Corners of the prism around a body that was turned all round.
const CORNERS: usize = 24;

/// Whether a configuration is clear whatever the last joint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEveryRoll {
    /// Proven clear at every angle of the last joint.
    Clear,
    /// Blocked at every one, by this; what is clear by less than 0.1 µm counts as blocked.
    Blocked(Obstacle),
    /// To be asked for each, with [`WorkCell::blocked_at_roll`].
    Depends(ClearAtEveryRoll),
}

/// What of a configuration is clear at every angle of the last joint: the arm before it, and what clears all that the tool and its cables sweep
/// when they are turned all round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClearAtEveryRoll(pub(super) Known);

impl ClearAtEveryRoll {
    /// Nothing is known.
    pub const NOTHING: Self = Self(Known::NOTHING);
}

/// By how much the last joint turns with a roll of one radian: 1 or -1; `None` when the tool is not in line with it.
pub(super) fn last_joint_by_roll(arm: &Arm, tool: &Tool) -> Option<f64> {
    let axis = arm.last_axis_at_flange();
    let tip = tool.flange_from_tip.raw();
    let needle = tip.rotation * Vector3::z();
    let off = (tip.translation.vector - axis.point).cross(&axis.direction);
    let in_line = needle.cross(&axis.direction).norm() <= IN_LINE && off.norm() <= IN_LINE;
    in_line.then(|| needle.dot(&axis.direction).signum())
}

impl SphereTree {
    /// Covers all that the body of this tree sweeps when it is turned all round an axis through `point`.
    fn turned_round(&self, point: &Vector3<f64>, axis: &Vector3<f64>) -> Self {
        let turned = |sphere: &Sphere| {
            let off = sphere.center - point;
            let along = axis * axis.dot(&off);
            Sphere {
                center: point + along,
                radius: sphere.radius + (off - along).norm() + SLACK,
                ..*sphere
            }
        };
        Self {
            spheres: self.spheres.iter().map(turned).collect(),
        }
    }
}

impl Body {
    /// This body turned all round an axis of its own frame.
    fn turned_round(&self, point: &Vector3<f64>, axis: &Vector3<f64>) -> Result<Self, CellError> {
        let spheres = self.spheres.turned_round(point, axis);
        let leaves = spheres.spheres.iter().filter(|s| s.children == 0);
        let none = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
        let (low, high, widest) = leaves.fold(none, |(low, high, widest), s| {
            let along = axis.dot(&(s.center - point));
            (
                low.min(along - s.radius),
                high.max(along + s.radius),
                widest.max(s.radius),
            )
        });
        let x = axis.cross(&if axis.x.abs() < 0.8 {
            Vector3::x()
        } else {
            Vector3::y()
        });
        let (x, y) = (x.normalize(), axis.cross(&x.normalize()));
        let step = core::f64::consts::TAU / CORNERS as f64;
        // A prism outside the circle.
        let wide = widest / (0.5 * step).cos();
        let corners: Vec<Vector3<f64>> = (0..CORNERS)
            .map(|k| (step * k as f64).sin_cos())
            .flat_map(|(sin, cos)| {
                let rim = point + (x * cos + y * sin) * wide;
                [rim + axis * low, rim + axis * high]
            })
            .collect();
        let corners: &[Vector3<f64>] = if spheres.root().is_some() {
            &corners
        } else {
            &[]
        };
        Ok(Self {
            hull: Hull::new(corners, 0.0),
            spheres,
            ..self.clone()
        })
    }
}

impl WorkCell {
    /// By how much the last joint turns with a roll of one radian about the needle, where a roll turns that joint and nothing else: 1 or -1,
    /// or `None` when the tool is not in line with the last joint. From the geometry, to 1e-9 m and rad.
    #[must_use]
    pub fn last_joint_by_roll(&self) -> Option<f64> {
        self.turned.as_ref().map(|t| t.by_roll)
    }

    /// Whether the configuration is clear, and whether it is blocked, whatever the last joint's angle. For a tool that is not in line with
    /// that joint it always depends.
    #[must_use]
    pub fn at_every_roll(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> AtEveryRoll {
        let Some(turned) = &self.turned else {
            return AtEveryRoll::Depends(ClearAtEveryRoll::NOTHING);
        };
        let cell = &turned.cell;
        if !cell.is_usable(q, base_from_head) {
            return AtEveryRoll::Blocked(Obstacle::Unknown);
        }
        let frames = cell.body_frames(q);
        let head_from_base = base_from_head.inverse();
        let (head_from_base, nothing) = (head_from_base.raw(), &Known::NOTHING);
        let still = Sweep::<0>::new(&frames, &[]);
        let outer = cell.outer_obstacle(&frames, &still, head_from_base, false, nothing);
        let Some(found) = outer.or_else(|| cell.pair_obstacle(&frames, &still, nothing)) else {
            return AtEveryRoll::Clear;
        };
        if self.is_same_at_every_roll(&found) {
            return AtEveryRoll::Blocked(found);
        }
        let known = cell.clear_all_over(&frames, &still, head_from_base, nothing);
        match self.obstacle_before_last(&frames, head_from_base, &known) {
            Some(found) => AtEveryRoll::Blocked(found),
            None => AtEveryRoll::Depends(ClearAtEveryRoll(known)),
        }
    }

    /// What is too near of the arm before its last joint, but for what is known to be clear.
    fn obstacle_before_last(
        &self,
        frames: &Frames,
        head_from_base: &Isometry3<f64>,
        known: &Known,
    ) -> Option<Obstacle> {
        let still = Sweep::<0>::new(frames, &[]);
        let before = |body: usize| self.bodies[body].carrier < self.arm.dof();
        let moving = (0..self.bodies.len()).filter(|b| self.bodies[*b].carrier > 0 && before(*b));
        let outer = moving.rev().find_map(|body| {
            let head = (!known.head.has(body)).then_some(head_from_base);
            let motion = self.motion_of(&still, body);
            self.body_obstacle(frames, &motion, (head, !known.scene.has(body)), body)
        });
        outer.or_else(|| {
            let cores = self.cores(frames);
            let pairs = self.watched.iter().enumerate();
            let open = pairs.filter(|(i, (a, b))| !known.pairs.has(*i) && before(*a) && before(*b));
            let mut near =
                open.filter(|(_, pair)| !self.pair_is_clear((frames, &cores), &still, **pair));
            near.next().map(|(_, (body, other))| Obstacle::Itself {
                body: *body,
                other: *other,
            })
        })
    }

    /// Whether what is too near to what is where it is at every angle of the last joint: bodies before it, and what is turned about its axis.
    fn is_same_at_every_roll(&self, obstacle: &Obstacle) -> bool {
        let before = |body: usize| self.bodies[body].carrier < self.arm.dof();
        match *obstacle {
            // The tool's spheres lie on the axis.
            Obstacle::Head { body } | Obstacle::Floor { body } | Obstacle::Box { body, .. } => {
                before(body) || self.bodies[body].place == self.arm.dof() + 2
            }
            // The tool's hull has corners.
            Obstacle::Itself { body, other } => before(body) && before(other),
            // The tip is on the axis.
            Obstacle::KeepOut { .. } => true,
            // Of joints or a head that are no numbers, nothing is clear whatever the angle.
            Obstacle::Unknown => true,
        }
    }

    /// This cell with everything that the last joint carries turned all round it; `None` when the tool is not in line with that joint.
    pub(super) fn turned_round(&self) -> Result<Option<TurnedRound>, CellError> {
        let Some(by_roll) = last_joint_by_roll(&self.arm, &self.tool) else {
            return Ok(None);
        };
        let mut cell = self.clone();
        let dof = self.arm.dof();
        for body in cell.bodies.iter_mut().filter(|b| b.carrier == dof) {
            let axis = match body.place {
                place if place == dof => self.arm.last_axis(),
                place if place == dof + 1 => self.arm.last_axis_at_flange(),
                _ => Axis {
                    point: Vector3::zeros(),
                    direction: Vector3::z(),
                },
            };
            *body = body.turned_round(&axis.point, &axis.direction)?;
        }
        Ok(Some(TurnedRound {
            cell: Box::new(cell),
            by_roll,
        }))
    }
}

/// A cell with everything that the last joint carries turned all round it.
#[derive(Clone)]
pub(super) struct TurnedRound {
    pub(super) cell: Box<WorkCell>,
    by_roll: f64,
}

impl TurnedRound {
    /// As [`WorkCell::keeping_out`].
    pub(super) fn keeping_out(self, volumes: &[KeepOut]) -> Self {
        Self {
            cell: Box::new(self.cell.keeping_out(volumes)),
            ..self
        }
    }
}

#[cfg(test)]
#[path = "roll_tests.rs"]
mod tests;
