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
        let q = self.local(p);
        let arm = q.x.hypot(q.z);
        Place {
            radius: q.norm(),
            arm,
            pitch: q.x.atan2(q.z),
            side: q.y.atan2(arm),
            height: q.z + self.center_height,
        }
    }

    /// The outline in the midline plane: pitch and distance from the middle, from the nasion's pitch up and back, one step per degree.
    pub fn midline(&self, head: &SurfaceMesh<Head>, nasion: &Point<Head>) -> Vec<(f64, f64)> {
        let start = self.place(&nasion.raw()).pitch;
        let steps = (start.to_degrees() + 60.0).max(0.0) as usize;
        let mut outline: Vec<Option<f64>> = vec![None; steps];
        for i in 0..head.triangles().len() {
            let corners = head.corners(i).map(|p| self.local(&p.raw()));
            let mut cut: Vec<(f64, f64)> = Vec::with_capacity(3);
            for (a, b) in [(0, 1), (1, 2), (2, 0)] {
                let (a, b) = (corners[a], corners[b]);
                if (a.y < 0.0) != (b.y < 0.0) {
                    let t = a.y / (a.y - b.y);
                    let q = a + (b - a) * t;
                    cut.push((q.x, q.z));
                }
            }
            if let [a, b] = cut[..] {
                fill(&mut outline, start, a, b);
            }
        }
        (0..)
            .zip(outline)
            .map_while(|(k, r)| r.map(|r| (start - f64::from(k).to_radians(), r)))
            .collect()
    }
}

/// Enters the crossings of one cut segment with the rays of the outline; the outermost wins.
fn fill(outline: &mut [Option<f64>], start: f64, a: (f64, f64), b: (f64, f64)) {
    let pitch = |p: (f64, f64)| p.0.atan2(p.1);
    let (from, to) = (pitch(a).min(pitch(b)), pitch(a).max(pitch(b)));
    // A segment across the back's ±180° is no part of the scalp.
    if to - from > 1.0 {
        return;
    }
    let first = ((start - to).to_degrees().ceil()).max(0.0) as usize;
    let last = ((start - from).to_degrees().floor()).max(-1.0);
    if last < 0.0 {
        return;
    }
    for k in first..=(last as usize) {
        let Some(slot) = outline.get_mut(k) else {
            break;
        };
        let ray = (start - (k as f64).to_radians()).sin_cos();
        // Where the ray meets the segment's line.
        let (dx, dz) = (b.0 - a.0, b.1 - a.1);
        let denominator = ray.0 * dz - ray.1 * dx;
        if denominator.abs() > 1e-12 {
            let r = (a.0 * dz - a.1 * dx) / denominator;
            if r > 0.0 && slot.is_none_or(|known| r > known) {
                *slot = Some(r);
            }
        }
    }
}
