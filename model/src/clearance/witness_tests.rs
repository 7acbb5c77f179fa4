//! Witness points lie where they are said to, and reported distances are no farther below them than is stated.

use nalgebra::{Point3, Vector3};
use proptest::prelude::*;

use super::{FACETS, RADIUS, Reference};
use crate::clearance::gjk::Stop;
use crate::clearance::nearest::nearest_on;
use crate::clearance::signed::{COARSE, FAR, Seen};
use crate::clearance::spheres::LEAF_LOSS;
use crate::clearance::{Clearance, Obstacle, Witness, Witnesses};
use crate::frames::Point;
use crate::joints::Joints;

/// How far a point is from the tool's nose cone or its body: side, flat ends and round tip.
fn off_tool(tool: &crate::cell::Tool, is_nose: bool, p: &Vector3<f64>) -> f64 {
    let (nose, body) = (tool.nose_radius.m(), tool.body_radius.m());
    let (cone, length) = (tool.cone_length.m(), tool.body_length.m());
    let (z0, r0, z1) = if is_nose {
        (-nose, nose, -cone)
    } else {
        (-cone, body, -cone - length)
    };
    let (rho, share) = (p.x.hypot(p.y), (p.z - z0) / (z1 - z0));
    let radius = r0 + (body - r0) * share;
    let mut off = f64::INFINITY;
    if (-1e-9..=1.0 + 1e-9).contains(&share) {
        off = off.min((rho - radius).abs());
        if rho <= radius + 1e-9 {
            off = off.min((p.z - z0).abs()).min((p.z - z1).abs());
        }
    }
    if is_nose {
        off = off.min(((p - Vector3::new(0.0, 0.0, z0)).norm() - nose).abs());
    }
    off
}

/// Half the diagonal of the box about some points.
fn half_diagonal(points: &[Vector3<f64>]) -> f64 {
    let (low, high) = points
        .iter()
        .fold((points[0], points[0]), |(l, h), p| (l.inf(p), h.sup(p)));
    0.5 * (high - low).norm()
}

impl Reference {
    /// The points of a witness lie on what they are said to lie on, as far apart as said.
    pub(super) fn check_points(&self, q: &Joints, witness: &Witness) -> Result<(), TestCaseError> {
        let (Obstacle::Head { body } | Obstacle::Floor { body }) = witness.what else {
            return Err(TestCaseError::fail("neither head nor floor"));
        };
        let frames = self.work.body_frames(q);
        let place = frames.places[self.work.bodies[body].place];
        let on_body = place
            .inverse_transform_point(&Point3::from(witness.body.raw()))
            .coords;
        let away = match self.work.arm().bodies().get(body) {
            Some(mesh) => {
                let away = |t: &[u32; 3]| {
                    let t = t.map(|i| mesh.vertices()[i as usize]);
                    (nearest_on(&t, &on_body).0 - on_body).norm()
                };
                mesh.triangles()
                    .iter()
                    .map(away)
                    .fold(f64::INFINITY, f64::min)
            }
            None => off_tool(
                &self.cell.tool,
                body + 1 == self.work.bodies.len(),
                &on_body,
            ),
        };
        prop_assert!(away <= 1e-7, "{witness:?} is {away} off the body");
        let other = witness.other.raw();
        let gap = (witness.body - witness.other).norm();
        prop_assert!((gap - witness.gap.abs()).abs() <= 1e-9);
        if let Obstacle::Floor { .. } = witness.what {
            prop_assert!((other.z - self.cell.floor_z).abs() <= 1e-12);
        } else {
            let center = self.cell.base_from_head.origin().raw();
            prop_assert!(((other - center).norm() - RADIUS).abs() <= FACETS);
        }
        Ok(())
    }

    /// What a witness says may be lost is no more than [`Clearance`] states, where nothing overlaps.
    pub(super) fn check_losses(&self, q: &Joints, shown: &Witnesses) -> Result<(), TestCaseError> {
        let head = &self.cell.base_from_head;
        let found = self.work.distances(q, head).unwrap();
        for (found, witness) in [
            (found.nose, shown.nose_head),
            (found.links, shown.links_head),
        ] {
            let (Seen::Sphere { body, node }, Some(witness)) = (found.seen, witness) else {
                return Err(TestCaseError::fail("no sphere"));
            };
            if found.gap <= 0.0 {
                continue;
            }
            let part = &self.work.bodies[body];
            let sphere = part.spheres.spheres[node as usize];
            let center = self.work.body_frames(q).places[part.place] * Point3::from(sphere.center);
            let center = head.inverse() * Point::from_raw(center.coords);
            // The ball is convex: see the field's module.
            let (edge, away) = (
                self.work.field().edge_at(&center).unwrap(),
                self.work.field().exact(&center),
            );
            let field = if witness.gap < 0.012 && body + 1 == self.work.bodies.len() {
                0.0
            } else {
                0.75 * edge * edge / away
            };
            let own = match self.work.arm().bodies().get(body) {
                Some(mesh) => 0.01 * half_diagonal(mesh.vertices()),
                // The tool's flat ends.
                None => self.cell.tool.body_radius.m(),
            };
            // A small sphere about its own patch sticks out by its diameter at most, and such are split down to 0.6 of what is wanted.
            let cover = (1.2 * LEAF_LOSS.max(own)).max(COARSE * found.gap);
            let stated = (cover + field).max(FAR * found.gap);
            prop_assert!(
                witness.loss <= stated + 1e-6,
                "{witness:?} of {stated}: sphere {sphere:?}, field {} of {away}, edge {edge}",
                self.work.field().lower(&center)
            );
        }
        let floor = shown.scene.unwrap().loss;
        prop_assert!(
            floor <= 1e-3 && shown.itself.unwrap().loss <= 2e-3 + (-found.itself.gap).max(0.0),
            "{:?} {:?} {}",
            shown.scene,
            shown.itself,
            found.itself.gap
        );
        Ok(())
    }

    /// Of all watched pairs the nearest is found, and no two bodies are nearer than it.
    pub(super) fn check_pairs(
        &self,
        q: &Joints,
        found: &Clearance,
        shown: &Witness,
    ) -> Result<(), TestCaseError> {
        let frames = self.work.body_frames(q);
        let cores = self.work.cores(&frames);
        let mut least = f64::INFINITY;
        for &(a, b) in &self.work.watched {
            let stop = Stop {
                clear: f64::INFINITY,
                near: f64::NEG_INFINITY,
            };
            let origin = |i: usize| frames.places[self.work.bodies[i].place].translation.vector;
            let way = origin(b) - origin(a);
            let gap = self.work.hull_gap(&frames, a, b, &way, stop);
            let gap = gap.map_or(f64::INFINITY, |gap| gap.lower);
            least = least.min(gap);
            if !self.work.apart(&frames, &cores, a, b, 0.03) {
                prop_assert!(gap < 0.03);
            }
            let [ours, theirs] = [a, b].map(|i| {
                let place = frames.places[self.work.bodies[i].place];
                let all = &self.points[i];
                let some = all.iter().step_by(1 + all.len() / 60);
                some.map(|p| (place * Point3::from(*p)).coords)
                    .collect::<Vec<_>>()
            });
            for p in &ours {
                for other in &theirs {
                    prop_assert!(found.itself <= (p - other).norm());
                }
            }
        }
        prop_assert!(
            (found.itself - least).abs() <= 3e-6 || least < 0.0,
            "{found:?} {least}"
        );
        prop_assert!(found.itself <= shown.gap && shown.gap - found.itself <= shown.loss);
        prop_assert!((shown.gap - (shown.body - shown.other).norm()).abs() < 1e-9);
        Ok(())
    }
}
