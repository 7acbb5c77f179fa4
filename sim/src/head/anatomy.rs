//! What an adult head is made of, and how heads differ.
//!
//! The anatomical frame: origin midway between the tragi, x forward, y left, z up, Frankfurt plane horizontal, metres. The figures are a
//! middle adult's (length 190 mm, breadth 152 mm, nasion to chin 118 mm); [`Anatomy::random`] spreads them about as far as a population does.

use nalgebra::Vector3;
use rand::Rng;

use super::features;
use super::field::{self, Part};
use crate::chance::{normal, uniform};

/// One person's head.
#[derive(Debug, Clone)]
pub struct Anatomy {
    parts: Vec<Part>,
    /// Whole head against the figures of [`features`], along x, y, z.
    scale: Vector3<f64>,
    /// Sideways lean of the x coordinate: one side of the head a little ahead of the other.
    skew: f64,
    /// Slow waves that take the symmetry away: direction (1/m), phase (rad), displacement (m).
    waves: Vec<(Vector3<f64>, f64, Vector3<f64>)>,
}

/// What varies from head to head; all are offsets from the middle adult, in millimetres unless said otherwise.
pub struct Traits {
    pub forehead: f64,
    pub brow: f64,
    pub occiput: f64,
    pub parietal: f64,
    pub nose_length: f64,
    pub nose_width: f64,
    pub chin: f64,
    pub jaw_width: f64,
    pub cheek: f64,
    pub lips: f64,
    pub neck: f64,
    pub ear_size: f64,
    /// Angle between ear and head, degrees.
    pub ear_angle: f64,
}

impl Traits {
    fn random(rng: &mut impl Rng) -> Self {
        let mut spread = |sigma: f64| normal(rng, sigma).clamp(-2.0 * sigma, 2.0 * sigma);
        Self {
            forehead: spread(2.0),
            brow: spread(1.2),
            occiput: spread(2.5),
            parietal: spread(1.5),
            nose_length: spread(2.5),
            nose_width: spread(1.2),
            chin: spread(2.5),
            jaw_width: spread(3.0),
            cheek: spread(1.5),
            lips: spread(0.8),
            neck: spread(4.0),
            ear_size: spread(0.06),
            ear_angle: 24.0 + spread(5.0),
        }
    }
}

impl Anatomy {
    /// One person, by chance.
    #[must_use]
    pub fn random(rng: &mut impl Rng) -> Self {
        let traits = Traits::random(rng);
        let parts = features::sculpt(&traits);
        let mut size =
            |mean: f64, sigma: f64| mean + normal(rng, sigma).clamp(-2.0 * sigma, 2.0 * sigma);
        let scale = Vector3::new(size(0.975, 0.028), size(0.925, 0.026), size(1.0, 0.026));
        let skew = normal(rng, 0.010).clamp(-0.02, 0.02);
        let waves = (0..4)
            .map(|_| {
                let direction = Vector3::from_fn(|_, _| uniform(rng, -1.0, 1.0))
                    * (std::f64::consts::TAU / 0.16);
                let phase = uniform(rng, 0.0, std::f64::consts::TAU);
                (
                    direction,
                    phase,
                    Vector3::from_fn(|_, _| normal(rng, 0.45e-3)),
                )
            })
            .collect();
        Self {
            parts,
            scale,
            skew,
            waves,
        }
    }

    /// Signed distance to the skin at `p`, metres, negative inside; near the skin only.
    #[must_use]
    pub fn distance(&self, p: &Vector3<f64>) -> f64 {
        let waved = self.waves.iter().fold(*p, |q, (direction, phase, way)| {
            q + way * (p.dot(direction) + phase).sin()
        });
        let mut middle = waved.component_div(&self.scale);
        middle.x += self.skew * middle.y;
        field::distance(&self.parts, &middle) * self.scale.min()
    }

    /// A point of the middle adult's head on this head (the slow waves left out: a millimetre).
    #[must_use]
    pub fn place(&self, middle: &Vector3<f64>) -> Vector3<f64> {
        let mut p = *middle;
        p.x -= self.skew * p.y;
        p.component_mul(&self.scale)
    }
}
