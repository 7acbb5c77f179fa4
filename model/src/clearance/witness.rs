//! The points that are nearest to each other.

use nalgebra::{Isometry3, Point3, Vector3};

use super::bodies::Boxed;
use super::gjk::{ROUNDING, TOLERANCE};
use super::query::{Obstacle, box_distance};
use super::signed::{Clearance, Found, Seen};
use super::work_cell::{Frames, WorkCell};
use crate::frames::{Base, Head, Point, Transform};
use crate::joints::Joints;

/// Two points that show how large a distance is at most.
///
/// Between the reported distance ([`Clearance`]) and [`Self::gap`] lies the true one. To head, floor and boxes `body` is a point of the
/// body's own surface. Between bodies of the arm, which are kept apart as convex hulls, both are
/// points of these hulls, spanned by corners of the bodies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Witness {
    /// Between what.
    pub what: Obstacle,
    /// How far the points are apart, metres: never less than the true distance. Negative by how deep `body` lies in the head, in a box or
    /// under the floor; zero where hulls overlap.
    pub gap: f64,
    /// The reported distance is at most this much less than `gap`, metres: by what the covering sphere sticks out and what the head's field
    /// loses there, or what the hulls leave out. Where things overlap it is simply how much less.
    pub loss: f64,
    /// On the body.
    pub body: Point<Base>,
    /// The nearest point to it of head (caps over its openings included), floor or box; or on the other body.
    pub other: Point<Base>,
}

/// The witnesses of every distance; `None` when there is nothing to meet, or nothing can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Witnesses {
    /// Of [`Clearance::nose_head`].
    pub nose_head: Option<Witness>,
    /// Of [`Clearance::links_head`].
    pub links_head: Option<Witness>,
    /// Of [`Clearance::scene`].
    pub scene: Option<Witness>,
    /// Of [`Clearance::itself`].
    pub itself: Option<Witness>,
}

/// What a body may meet, in the base frame: how far a point is from it (negative inside), and its point that is so far.
trait Met {
    fn foot(&self, p: &Vector3<f64>) -> (f64, Vector3<f64>);
}

struct MetHead<'a> {
    cell: &'a WorkCell,
    base_from_head: &'a Transform<Base, Head>,
    head_from_base: Transform<Head, Base>,
}

impl Met for MetHead<'_> {
    fn foot(&self, p: &Vector3<f64>) -> (f64, Vector3<f64>) {
        let (away, foot) = self
            .cell
            .field
            .foot(&(self.head_from_base * Point::from_raw(*p)));
        (away, (*self.base_from_head * foot).raw())
    }
}

impl Met for Boxed {
    fn foot(&self, p: &Vector3<f64>) -> (f64, Vector3<f64>) {
        let local = (self.box_from_base * Point3::from(*p)).coords;
        let mut foot = local.zip_map(&self.half, |c, h| c.clamp(-h, h));
        if foot == local {
            // Inside: out through the nearest side.
            let side = (local.abs() - self.half).imax();
            foot[side] = self.half[side].copysign(local[side]);
        }
        let foot = self.box_from_base.inverse() * Point3::from(foot);
        (box_distance(&self.half, &local), foot.coords)
    }
}

impl WorkCell {
    /// The distances at `q` with the points that show them, in the base frame. Takes longer than [`WorkCell::clearance`]: the meshes are asked.
    #[must_use]
    pub fn witnesses(
        &self,
        q: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> (Clearance, Witnesses) {
        let Some(found) = self.distances(q, base_from_head) else {
            return (self.clearance(q, base_from_head), Witnesses::default());
        };
        let head = MetHead {
            cell: self,
            base_from_head,
            head_from_base: base_from_head.inverse(),
        };
        let witness = |of: &Found| self.witness(of, &found.frames, &head);
        let witnesses = Witnesses {
            nose_head: witness(&found.nose),
            links_head: witness(&found.links),
            scene: witness(&found.scene),
            itself: witness(&found.itself),
        };
        (found.clearance(), witnesses)
    }

    fn witness(&self, found: &Found, frames: &Frames, head: &MetHead<'_>) -> Option<Witness> {
        let what = found.what?;
        let told = |gap: f64, loss: f64, body: Vector3<f64>, other: Vector3<f64>| Witness {
            what,
            gap,
            loss,
            body: Point::from_raw(body),
            other: Point::from_raw(other),
        };
        match found.seen {
            Seen::Nothing => None,
            Seen::Corner { point, missed } => {
                let (Obstacle::Floor { body } | Obstacle::Box { body, .. }) = what else {
                    return None;
                };
                // The hull of a turned tool is drawn around it: its corners lie a little off.
                let part = &self.bodies[body];
                let base_from_body = &frames.places[part.place];
                let corner = base_from_body
                    .inverse_transform_point(&Point3::from(point))
                    .coords;
                let on_body = part.skin.foot(&corner).map_or(corner, |(_, foot)| foot);
                let off = (on_body - corner).norm();
                let point = (base_from_body * Point3::from(on_body)).coords;
                let below = Vector3::new(point.x, point.y, self.floor_z);
                let above = (point.z - self.floor_z, below);
                let (gap, other) = self.met(what).map_or(above, |met| met.foot(&point));
                Some(told(gap, missed + off + ROUNDING, point, other))
            }
            Seen::Hulls([one, other]) => {
                let gap = (other - one).norm();
                let Obstacle::Itself { body, other: with } = what else {
                    return None;
                };
                let missed =
                    [body, with].map(|i| self.bodies[i].hull.as_ref().map_or(0.0, |h| h.loss()));
                let loss = if found.gap > 0.0 {
                    missed[0] + missed[1] + TOLERANCE + 4.0 * ROUNDING
                } else {
                    gap - found.gap
                };
                Some(told(gap, loss, one, other))
            }
            Seen::Sphere { body, node } => {
                let sphere = &self.bodies[body].spheres.spheres[node as usize];
                let base_from_body = &frames.places[self.bodies[body].place];
                let center = (base_from_body * Point3::from(sphere.center)).coords;
                let met = self.met(what).map_or(head as &dyn Met, |met| met);
                let (away, foot) = met.foot(&center);
                let point = self.point_towards(body, node, base_from_body, &(foot - center), away);
                let (gap, other) = met.foot(&point);
                // The point of the sphere towards the other is `away - radius` from it, and the body's own no farther from that than `loss`.
                let loss = if away > sphere.radius {
                    sphere.loss + (away - sphere.radius - found.gap).max(0.0) + ROUNDING
                } else {
                    gap - found.gap
                };
                Some(told(gap, loss, point, other))
            }
        }
    }

    /// The box of an obstacle.
    fn met(&self, what: Obstacle) -> Option<&dyn Met> {
        match what {
            Obstacle::Box { index, .. } => self.boxes.get(index).map(|b| b as &dyn Met),
            _ => None,
        }
    }

    /// A point of a body's surface near where a sphere of its cover is nearest to something that lies `away` in a direction.
    fn point_towards(
        &self,
        body: usize,
        node: u32,
        base_from_body: &Isometry3<f64>,
        way: &Vector3<f64>,
        away: f64,
    ) -> Vector3<f64> {
        let sphere = &self.bodies[body].spheres.spheres[node as usize];
        let way = way.try_normalize(0.0).unwrap_or_else(Vector3::z);
        // From within the other, deeper in.
        let way = base_from_body.rotation.inverse() * if away < 0.0 { -way } else { way };
        let near = sphere.center + way * sphere.radius;
        // A body without a surface is told by its corner, which is the sphere's middle.
        let point = self.bodies[body].skin.near(&near, &way);
        (base_from_body * Point3::from(point.unwrap_or(sphere.center))).coords
    }
}
