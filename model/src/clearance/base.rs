//! The arm's base: what it stands in, and what stands below it.

use nalgebra::Vector3;

use super::query::{Obstacle, box_distance};
use super::work_cell::{CellError, WorkCell};
use crate::frames::{Base, Head, Point, Transform};

/// From place to place down the column below the base, m. Source: own, less than the base is wide.
const COLUMN_STEP: f64 = 0.05;
/// So deep a base's own cover may reach into the floor that it stands on, m. Source: own, twice what covering spheres stick out.
const SUNK: f64 = 0.015;

/// What stands below a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BelowBase {
    /// A bit for each of the first 64 boxes.
    pub boxes: u64,
    /// The head does.
    pub head: bool,
}

impl WorkCell {
    /// What the arm's base stands in, or too near to the head; `None` when it stands free. It does not move, and may stand on a box.
    #[must_use]
    pub fn base_blocked(&self, base_from_head: &Transform<Base, Head>) -> Option<Obstacle> {
        let frames = self.body_frames(&self.arm.spread(1));
        let head_from_base = base_from_head.inverse();
        let fixed = self.bodies.iter().enumerate().filter(|b| b.1.carrier == 0);
        fixed
            .flat_map(|(body, part)| {
                let covering = part.spheres.spheres.iter().filter(|s| s.children == 0);
                covering.map(move |sphere| (body, part, sphere))
            })
            .find_map(|(body, part, sphere)| {
                let center = frames.places[part.place] * nalgebra::Point3::from(sphere.center);
                let in_head = Point::<Head>::from_raw((head_from_base.raw() * center).coords);
                // Written so that NaN is too near.
                let clear = self.field.lower(&in_head) >= sphere.radius + part.head_margin;
                if !clear {
                    return Some(Obstacle::Head { body });
                }
                // Written so that NaN is in the floor.
                let above = center.z - sphere.radius >= self.floor_z - SUNK;
                if !above {
                    return Some(Obstacle::Floor { body });
                }
                self.box_about(&center.coords)
                    .map(|index| Obstacle::Box { body, index })
            })
    }

    /// As [`WorkCell::base_blocked`], as an error.
    ///
    /// # Errors
    /// What the base stands in.
    pub fn check_base(&self, base_from_head: &Transform<Base, Head>) -> Result<(), CellError> {
        match self.base_blocked(base_from_head) {
            None => Ok(()),
            Some(found) => Err(CellError::Base {
                what: self.describe(&found),
            }),
        }
    }

    /// The boxes that a column as wide as the base passes on its way down from it to the floor; the head, where it passes that.
    #[must_use]
    pub fn below_base(&self, base_from_head: &Transform<Base, Head>) -> BelowBase {
        let frames = self.body_frames(&self.arm.spread(1));
        let fixed = self.bodies.iter().filter(|body| body.carrier == 0);
        let covering: Vec<_> = fixed
            .flat_map(|part| {
                let place = frames.places[part.place];
                let leaves = part.spheres.spheres.iter().filter(|s| s.children == 0);
                leaves.map(move |s| place * nalgebra::Point3::from(s.center))
            })
            .collect();
        // The frame need not be where the base stands: a description may begin at the floor of a room.
        let axis = frames.poses.axes.first();
        let above = axis.map_or_else(Vector3::zeros, |axis| axis.point);
        let away = covering
            .iter()
            .map(|c| (c.x - above.x).hypot(c.y - above.y));
        let radius = away.fold(0.0, f64::max);
        let lowest = covering.iter().map(|c| c.z).fold(above.z, f64::min);
        let head_from_base = base_from_head.inverse();
        let mut found = BelowBase::default();
        let steps = ((lowest - self.floor_z) / COLUMN_STEP)
            .ceil()
            .clamp(0.0, 200.0) as u32;
        for k in 0..=steps {
            let center = Vector3::new(above.x, above.y, lowest - f64::from(k) * COLUMN_STEP);
            for (index, b) in self.boxes.iter().enumerate().take(64) {
                let local = (b.box_from_base * nalgebra::Point3::from(center)).coords;
                if box_distance(&b.half, &local) < radius {
                    found.boxes |= 1 << index;
                }
            }
            let in_head = Point::<Head>::from_raw(
                (head_from_base.raw() * nalgebra::Point3::from(center)).coords,
            );
            let clear = self.field.lower(&in_head) >= radius;
            found.head |= !clear;
        }
        found
    }

    /// The box that holds a point.
    fn box_about(&self, center: &Vector3<f64>) -> Option<usize> {
        self.boxes.iter().position(|b| {
            let local = (b.box_from_base * nalgebra::Point3::from(*center)).coords;
            box_distance(&b.half, &local) < 0.0
        })
    }
}
