//! A scanner that looks at the head from above its forehead, as a depth camera on a stand does.

use nalgebra::Vector3;
use rand_chacha::ChaCha8Rng;
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::mesh::SurfaceMesh;

use crate::chance::normal;

/// Where it stands, seen from the head's middle.
const FROM: Vector3<f64> = Vector3::new(0.6, 0.25, 0.75);

/// How it sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScannerConfig {
    /// Points of the head at most.
    pub points: usize,
    /// Standard deviation of a point along each axis, metres. Source: structured-light scanners' data sheets.
    pub noise_m: f64,
}

impl Default for ScannerConfig {
    fn default() -> Self {
        Self {
            points: 3_000,
            noise_m: 1e-4,
        }
    }
}

/// The scanner.
#[derive(Debug, Clone)]
pub struct SimScanner {
    /// What it sees of the head.
    points: Vec<Point<Head>>,
    noise: f64,
    rng: ChaCha8Rng,
}

impl SimScanner {
    pub(super) fn new(head: &SurfaceMesh<Head>, config: ScannerConfig, rng: ChaCha8Rng) -> Self {
        let from = FROM.normalize();
        let facing = head.vertex_area_vectors();
        let seen: Vec<Point<Head>> = head
            .vertices()
            .iter()
            .zip(facing)
            // Grazing looks bring no points back.
            .filter(|(_, normal)| normal.dot(&from) > 0.3 * normal.norm())
            .map(|(at, _)| *at)
            .collect();
        let step = seen.len().div_ceil(config.points.max(1)).max(1);
        Self {
            points: seen.into_iter().step_by(step).collect(),
            noise: config.noise_m,
            rng,
        }
    }

    /// What it sees of a head that is there.
    pub fn scan(&mut self, base_from_head: &Transform<Base, Head>) -> Vec<Point<Base>> {
        let (noise, rng) = (self.noise, &mut self.rng);
        let mut noisy = |p: &Point<Head>| {
            let at = (*base_from_head * *p).raw();
            Point::from_raw(at + Vector3::from_fn(|_, _| normal(rng, noise)))
        };
        self.points.iter().map(&mut noisy).collect()
    }
}
