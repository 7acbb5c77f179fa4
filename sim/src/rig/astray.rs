//! Motions that do not lead where they should: what a planner gone wrong would have the arm do.
//!
//! Each is a clear way, timed as every way is, to a place that is not the one asked for. That nothing but the core stands between it and the
//! skin is the point of it.

use std::sync::Arc;

use nalgebra::{Isometry3, Translation3, Unit, UnitQuaternion, Vector3};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use stipple_controller::admit::Admitted;
use stipple_controller::hops::{Hop, HopRequest};
use stipple_controller::skin::Skin;
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Head, Point, Tip, Transform};
use stipple_model::limits::HOVER;
use stipple_model::motion;
use stipple_model::plan::{Dot, Plan};
use stipple_model::units::Length;

use crate::chance::normal;
use crate::fault::Astray as How;

/// A height at which nobody asks whether the patch is below. Source: own, above the core's 4 mm.
const HIGH: Length = Length::from_mm(10.0);

/// Steps to the skin from beside it, each onto where the last one says that it is.
const STEPS: u32 = 8;

/// Whoever leads astray.
pub(super) struct Astray {
    plan: Arc<Plan>,
    skin: Arc<Skin>,
    /// Without what the tip is kept out of.
    cell: WorkCell,
    rng: ChaCha8Rng,
}

impl Astray {
    pub fn new(admitted: &Admitted, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(10);
        Self {
            plan: Arc::clone(admitted.plan()),
            skin: Arc::clone(admitted.skin()),
            cell: WorkCell::clone(admitted.cell()).keeping_out(&[]),
            rng,
        }
    }

    /// The way there in place of `hop`; none where the arm cannot go there.
    pub fn lead(&mut self, how: How, request: &HopRequest, hop: &Hop) -> Option<Hop> {
        let dot = self.plan.dot(request.dot)?;
        let end = hop.trajectory.end();
        let head = &request.base_from_head;
        let right = head.inverse() * self.cell.base_from_tip(&end);
        let way = Vector3::from_fn(|_, _| normal(&mut self.rng, 1.0));
        let along = (way - dot.normal.raw() * way.dot(&dot.normal.raw())).try_normalize(1e-6)?;
        let wrong = match how {
            How::Beside(by) => self.beside(dot, &right, along * by, HOVER)?,
            How::Over(by) => self.beside(dot, &right, along * by, HIGH)?,
            How::Tilted(by) => about(dot.position, along, by, &right),
            How::High(by) => moved(dot.normal.raw() * by, &right),
        };
        let flange = self.cell.flange_for_tip(&(*head * wrong));
        let goal = self.cell.arm().inverse_near(&flange, &end)?;
        let trajectory = motion::hop_to_joints(&self.cell, head, &request.from, &goal).ok()?;
        Some(Hop { trajectory })
    }

    /// That high over the skin that much beside a dot.
    fn beside(
        &self,
        dot: &Dot,
        right: &Transform<Head, Tip>,
        by: Vector3<f64>,
        height: Length,
    ) -> Option<Transform<Head, Tip>> {
        let mut at = dot.position.raw() + by;
        let mut out = dot.normal;
        for _ in 0..STEPS {
            out = self.skin.normal(&Point::from_raw(at))?;
            at -= out.raw() * self.cell.field().exact(&Point::from_raw(at));
        }
        let turn = UnitQuaternion::rotation_between(&dot.normal.raw(), &out.raw())?;
        let tip = Translation3::from(at + out.raw() * height.m());
        let pose = Isometry3::from_parts(tip, turn * right.raw().rotation);
        Some(Transform::from_raw(pose))
    }
}

/// Turned about an axis through a point, rad.
fn about(
    point: Point<Head>,
    axis: Vector3<f64>,
    by: f64,
    pose: &Transform<Head, Tip>,
) -> Transform<Head, Tip> {
    let turn = UnitQuaternion::from_axis_angle(&Unit::new_normalize(axis), by);
    let (to, back) = (
        Translation3::from(-point.raw()),
        Translation3::from(point.raw()),
    );
    Transform::from_raw(back * turn * to * pose.raw())
}

fn moved(by: Vector3<f64>, pose: &Transform<Head, Tip>) -> Transform<Head, Tip> {
    Transform::from_raw(Translation3::from(by) * pose.raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Sample;
    use stipple_controller::hops::{CellPlanner, HopPlanner as _};
    use stipple_model::frames::Direction;

    #[test]
    fn each_way_leads_as_far_astray_as_it_should() {
        let sample = Sample::make(1).unwrap();
        let plan = sample.admitted.plan();
        let sequence = &plan.sequence[0];
        let head = plan.cell.base_from_head;
        let from = plan.first_hover(1).unwrap();
        let mut planner = CellPlanner::new(Arc::clone(plan), Arc::clone(sample.admitted.cell()));
        let mut astray = Astray::new(&sample.admitted, 1);
        let mut led = |how| {
            let mut found = Vec::new();
            for dot in sequence.iter().skip(1).step_by(7) {
                let request = HopRequest {
                    dot: *dot,
                    from,
                    base_from_head: head,
                };
                let hop = planner.hop(&request).unwrap();
                let Some(wrong) = astray.lead(how, &request, &hop) else {
                    continue;
                };
                let tip = head.inverse()
                    * sample
                        .admitted
                        .cell()
                        .base_from_tip(&wrong.trajectory.end());
                let seen = sample.admitted.skin().tip_over(
                    *dot,
                    plan.dot(*dot).unwrap(),
                    stipple_controller::ports::Micros::ZERO,
                    &(head * tip),
                    &head,
                );
                let height = sample.admitted.cell().field().exact(&tip.origin());
                let needle = (tip * Direction::<Tip>::z()).angle(&-plan.dot(*dot).unwrap().normal);
                found.push((seen, height, needle));
            }
            assert!(found.len() > 5, "{how:?}: {}", found.len());
            found
        };
        for (seen, height, _) in led(How::Beside(5e-3)) {
            assert!((seen.lateral - 5e-3).abs() < 1e-3, "{}", seen.lateral);
            assert!((height - HOVER.m()).abs() < 0.1e-3, "{height}");
        }
        for (seen, _, needle) in led(How::Tilted(0.3)) {
            assert!(seen.lateral < 1e-6 && (needle - 0.3).abs() < 1e-6);
        }
        for (seen, _, needle) in led(How::High(1e-3)) {
            let gap = seen.gap - HOVER.m();
            assert!((gap - 1e-3).abs() < 0.1e-3 && needle < 1e-3, "{gap}");
        }
    }
}
