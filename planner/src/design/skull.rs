//! The skull's own coordinates: from landmarks and surface, the same whichever landmarks the head frame was built on.

use nalgebra::{Matrix3, Vector3};
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;

use super::error::DesignError;
use crate::register::Anatomy;

/// Height of the scalp's middle over the ears on an adult head, and the span of heights on which the head is measured.
/// Source: this project's own, from public heads; scaled with the head's length.
const CENTER_HEIGHT: f64 = 0.045;
const ADULT_LENGTH: f64 = 0.190;

/// Coordinates of a skull: origin at the scalp's middle, axes forward, left, up as the person looks straight ahead.
#[derive(Debug, Clone)]
pub(crate) struct Skull {
    /// Rows: forward, left, up, in the head frame.
    axes: Matrix3<f64>,
    /// The scalp's middle in the head frame.
    center: Vector3<f64>,
    /// The scalp's middle above the ears, metres.
    center_height: f64,
    /// This head's length over an adult's.
    pub scale: f64,
}

/// A place on the skull: angles about the scalp's middle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Distance from the scalp's middle, metres.
    pub radius: f64,
    /// Distance from the axis through the scalp's middle from side to side, metres.
    pub arm: f64,
    /// Angle in the sagittal plane, radians: 0 up, positive forward.
    pub pitch: f64,
    /// Angle to the side, radians: positive left.
    pub side: f64,
    /// Height over the ears, metres.
    pub height: f64,
}

impl Skull {
    /// Measures the skull.
    pub fn measure(head: &SurfaceMesh<Head>, anatomy: &Anatomy) -> Result<Self, DesignError> {
        let (forward, up) = (anatomy.forward.raw(), anatomy.up.raw());
        let left = up.cross(&forward);
        let axes = Matrix3::from_rows(&[forward.transpose(), left.transpose(), up.transpose()]);
        let ears = (anatomy.left_ear.raw() + anatomy.right_ear.raw()) / 2.0;
        // The head's length in a band over the ears, near the midline: forehead to occiput.
        let band = head
            .vertices()
            .iter()
            .map(|p| axes * (p.raw() - ears))
            .filter(|q| (0.03..=0.07).contains(&q.z) && q.y.abs() < 0.04);
        let (back, front) = band.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), q| {
            (lo.min(q.x), hi.max(q.x))
        });
        let length = front - back;
        if !(0.11..=0.30).contains(&length) {
            return Err(DesignError::NoSkull {
                what: "length over the ears",
            });
        }
        let scale = length / ADULT_LENGTH;
        let center_height = CENTER_HEIGHT * scale;
        let center = ears + forward * (0.5 * (front + back)) + up * center_height;
        Ok(Self {
            axes,
            center,
            center_height,
            scale,
        })
    }

    /// A head-frame point in skull coordinates, metres.
    pub fn local(&self, p: &Vector3<f64>) -> Vector3<f64> {
        self.axes * (p - self.center)
    }

    /// A skull point in the head frame.
    pub fn head(&self, q: &Vector3<f64>) -> Point<Head> {
        Point::from_raw(self.axes.transpose() * q + self.center)
    }

    /// Angles and distances of a head-frame point.
    pub fn place(&self, p: &Vector3<f64>) -> Place {
        self.place_local(&self.local(p))
    }

    /// Angles and distances of a point in skull coordinates.
    pub fn place_local(&self, q: &Vector3<f64>) -> Place {
        let arm = q.x.hypot(q.z);
        Place {
            radius: q.norm(),
            arm,
            pitch: q.x.atan2(q.z),
            side: q.y.atan2(arm),
            height: q.z + self.center_height,
        }
    }
}

impl Place {
    /// The unit direction, in skull coordinates, of a pitch and a side angle.
    pub fn towards(pitch: f64, side: f64) -> Vector3<f64> {
        Vector3::new(
            side.cos() * pitch.sin(),
            side.sin(),
            side.cos() * pitch.cos(),
        )
    }
}

#[cfg(test)]
impl Skull {
    /// A skull of an adult's size at the head frame's origin.
    pub fn unit() -> Self {
        Self {
            axes: Matrix3::identity(),
            center: Vector3::zeros(),
            center_height: CENTER_HEIGHT,
            scale: 1.0,
        }
    }
}
