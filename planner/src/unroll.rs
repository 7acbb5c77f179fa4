//! The scalp laid flat: seen from above with the nose up, every place as far from the middle as it is along the skin.
//!
//! An azimuthal equidistant map about the vertex: distances from the vertex are true, along the meridians of the head as scanned.
//! Across the meridians the map is stretched, by nothing at the vertex and more farther out; [`Unrolled::stretch`] says how much.

use nalgebra::{Matrix3, Vector3};
use parry3d::query::{Ray, RayCast as _};
use parry3d::shape::TriMesh;
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Anatomy;
use stipple_model::to_parry_vector;

use crate::design::skull::Skull;

/// Meridians all round, and steps along each, from the vertex down.
const MERIDIANS: usize = 360;
const STEPS: usize = 141;
/// Angle between meridians and between steps, radians.
const STEP: f64 = std::f64::consts::PI / 180.0;
/// The skin of a head lies within this of the scalp's middle, metres.
const FARTHEST: f64 = 0.3;

/// Why a scalp cannot be laid flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnrollError {
    /// The surface cannot be searched.
    #[error("the head's surface cannot be searched; check the scan")]
    Surface,
    /// No skin above the ears.
    #[error("no skin is found above the ears; check scan and landmarks")]
    NoScalp,
}

/// The map between a scalp and the plane. Plane coordinates are metres: x to the person's right, y towards the nose.
#[derive(Debug, Clone)]
pub struct Unrolled {
    center: Vector3<f64>,
    /// Rows: right, forward, up, in the head frame.
    axes: Matrix3<f64>,
    /// Distance of the skin from the middle, by meridian and step.
    radius: Vec<f64>,
    /// Way along the skin from the vertex, by meridian and step.
    along: Vec<f64>,
}

impl Unrolled {
    /// Measures the head along its meridians.
    ///
    /// # Errors
    /// A surface that cannot be searched or that has no skin above the ears.
    pub fn new(head: &SurfaceMesh<Head>, anatomy: &Anatomy) -> Result<Self, UnrollError> {
        let (forward, up) = (anatomy.forward.raw(), anatomy.up.raw());
        let axes = Matrix3::from_rows(&[
            forward.cross(&up).transpose(),
            forward.transpose(),
            up.transpose(),
        ]);
        // The design's own middle: its vertex and rings are the sheet's.
        let skull = Skull::measure(head, anatomy).map_err(|_| UnrollError::NoScalp)?;
        let center = skull.head(&Vector3::zeros()).raw();
        let vertices = head.vertices().iter().map(|p| to_parry_vector(&p.raw()));
        let mesh = TriMesh::new(vertices.collect(), head.triangles().to_vec())
            .map_err(|_| UnrollError::Surface)?;
        let mut map = Self {
            center,
            axes,
            radius: vec![0.0; MERIDIANS * STEPS],
            along: vec![0.0; MERIDIANS * STEPS],
        };
        map.measure(&mesh).ok_or(UnrollError::NoScalp)?;
        Ok(map)
    }

    /// Fills the tables; `None` when there is no skin at the vertex or on a whole meridian.
    fn measure(&mut self, mesh: &TriMesh) -> Option<()> {
        let mut radius: Vec<Option<f64>> = Vec::with_capacity(MERIDIANS * STEPS);
        for m in 0..MERIDIANS {
            for s in 0..STEPS {
                let out = self.direction(m as f64 * STEP, s as f64 * STEP);
                // From outside, so that an ear's or a hat's outer side is what counts.
                let from = self.center + out * FARTHEST;
                let ray = Ray::new(to_parry_vector(&from), to_parry_vector(&-out));
                let hit = mesh.cast_local_ray(&ray, FARTHEST, false);
                radius.push(hit.map(|t| FARTHEST - t).filter(|r| *r > 0.02));
            }
        }
        // Where there is a hole the skin is taken to be as far away as at its rim.
        for meridian in radius.chunks_mut(STEPS) {
            let mut last = meridian.iter().copied().flatten().next()?;
            for r in meridian {
                last = r.unwrap_or(last);
                *r = Some(last);
            }
        }
        let radius: Vec<f64> = radius.into_iter().flatten().collect();
        // Noise of the surface would lengthen the way along it.
        self.radius = smooth(&smooth(&radius));
        for m in 0..MERIDIANS {
            let mut walked = 0.0;
            for s in 1..STEPS {
                let (a, b) = (self.radius[m * STEPS + s - 1], self.radius[m * STEPS + s]);
                walked += (a * a + b * b - 2.0 * a * b * STEP.cos()).max(0.0).sqrt();
                self.along[m * STEPS + s] = walked;
            }
        }
        Some(())
    }

    /// The direction at an azimuth (0 forward, a quarter turn right) and an angle from up.
    fn direction(&self, azimuth: f64, down: f64) -> Vector3<f64> {
        let (sin, cos) = down.sin_cos();
        self.axes.transpose() * Vector3::new(sin * azimuth.sin(), sin * azimuth.cos(), cos)
    }

    /// Azimuth (0..2π) and angle from up of a head-frame point.
    fn angles(&self, p: &Vector3<f64>) -> (f64, f64) {
        let q = self.axes * (p - self.center);
        let azimuth = q.x.atan2(q.y).rem_euclid(std::f64::consts::TAU);
        (azimuth, q.x.hypot(q.y).atan2(q.z))
    }

    /// A table's value between its entries; `None` below its last step.
    fn between(table: &[f64], azimuth: f64, down: f64) -> Option<f64> {
        let (m, s) = (azimuth / STEP, down / STEP);
        let (m0, s0) = (m.floor() as usize % MERIDIANS, s.floor() as usize);
        if s0 + 1 >= STEPS {
            return None;
        }
        let (u, v) = (m - m.floor(), s - s.floor());
        let column = |m: usize| {
            let at = m % MERIDIANS * STEPS + s0;
            table[at] * (1.0 - v) + table[at + 1] * v
        };
        Some(column(m0) * (1.0 - u) + column(m0 + 1) * u)
    }

    /// Where a place of the scalp lies in the plane, metres; `None` far below the ears.
    #[must_use]
    pub fn flat(&self, p: &Point<Head>) -> Option<[f64; 2]> {
        let (azimuth, down) = self.angles(&p.raw());
        let along = Self::between(&self.along, azimuth, down)?;
        Some([along * azimuth.sin(), along * azimuth.cos()])
    }

    /// The place of the scalp that lies at a point of the plane; `None` outside the map.
    #[must_use]
    pub fn round(&self, [x, y]: [f64; 2]) -> Option<Point<Head>> {
        let along = x.hypot(y);
        let azimuth = x.atan2(y).rem_euclid(std::f64::consts::TAU);
        let at = |s: usize| Self::between(&self.along, azimuth, s as f64 * STEP);
        let (mut low, mut high) = (0, STEPS - 2);
        if along.is_nan() || along > at(high)? {
            return None;
        }
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if at(middle)? <= along {
                low = middle;
            } else {
                high = middle;
            }
        }
        let (a, b) = (at(low)?, at(high)?);
        let part = if b > a { (along - a) / (b - a) } else { 0.0 };
        let down = (low as f64 + part) * STEP;
        let radius = Self::between(&self.radius, azimuth, down)?;
        Some(Point::from_raw(
            self.center + self.direction(azimuth, down) * radius,
        ))
    }

    /// How much longer the map is than the skin across a meridian, at a point of the plane; 1 at the vertex.
    #[must_use]
    pub fn stretch(&self, at: [f64; 2]) -> Option<f64> {
        let along = at[0].hypot(at[1]);
        let p = self.round(at)?.raw();
        let q = self.axes * (p - self.center);
        let round = q.x.hypot(q.y);
        Some(if round > 1e-6 { along / round } else { 1.0 })
    }
}

/// A mean with the neighbours along and across the meridians.
fn smooth(table: &[f64]) -> Vec<f64> {
    let at = |m: usize, s: usize| table[m % MERIDIANS * STEPS + s];
    (0..MERIDIANS * STEPS)
        .map(|i| {
            let (m, s) = (i / STEPS, i % STEPS);
            if s == 0 {
                return at(0, 0);
            }
            let across = at(m + MERIDIANS - 1, s) + at(m + 1, s);
            let beside = at(m, s - 1) + at(m, (s + 1).min(STEPS - 1));
            0.5 * at(m, s) + 0.125 * (across + beside)
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Half an adult head's length, and its middle above the ears.
    const RADIUS: f64 = 0.095;
    const CENTER_HEIGHT: f64 = 0.045;

    /// A ball about the scalp's middle.
    pub(crate) fn ball() -> (SurfaceMesh<Head>, Anatomy) {
        scaled_ball(1.0)
    }

    /// The same of another size.
    fn scaled_ball(scale: f64) -> (SurfaceMesh<Head>, Anatomy) {
        let anatomy = Anatomy::upright();
        let (rings, around) = (90u32, 180u32);
        let mut vertices = Vec::new();
        let mut triangles = Vec::new();
        for i in 0..=rings {
            for j in 0..around {
                let (t, f) = (
                    std::f64::consts::PI * f64::from(i) / f64::from(rings),
                    std::f64::consts::TAU * f64::from(j) / f64::from(around),
                );
                let out = Vector3::new(t.sin() * f.cos(), t.sin() * f.sin(), t.cos());
                vertices.push(Point::from_raw(
                    (out * RADIUS + Vector3::new(0.0, 0.0, CENTER_HEIGHT)) * scale,
                ));
                let (a, b) = (i * around + j, i * around + (j + 1) % around);
                if i < rings {
                    triangles.push([a, a + around, b]);
                    triangles.push([b, a + around, b + around]);
                }
            }
        }
        (SurfaceMesh::new(vertices, triangles).unwrap(), anatomy)
    }

    #[test]
    fn distances_from_the_vertex_are_true_and_the_way_back_is_the_way_there() {
        let (head, anatomy) = ball();
        let map = Unrolled::new(&head, &anatomy).unwrap();
        for (azimuth, down) in [(0.0, 0.3), (1.0, 0.9), (3.0, 1.4), (5.5, 1.9), (6.2, 0.01)] {
            let (azimuth, down): (f64, f64) = (azimuth, down);
            let p = Point::<Head>::new(
                RADIUS * down.sin() * azimuth.cos(),
                -RADIUS * down.sin() * azimuth.sin(),
                RADIUS * down.cos() + CENTER_HEIGHT,
            );
            let [x, y] = map.flat(&p).unwrap();
            assert!((x.hypot(y) - RADIUS * down).abs() < 2e-4, "{x} {y}");
            assert!((x.atan2(y).rem_euclid(std::f64::consts::TAU) - azimuth).abs() < 1e-6);
            assert!(map.round([x, y]).unwrap().distance(&p) < 2e-4);
            let stretch = map.stretch([x, y]).unwrap();
            assert!((stretch - down / down.sin()).abs() < 0.01, "{stretch}");
        }
        assert_eq!(map.round([0.5, 0.0]), None);
        assert_eq!(map.flat(&Point::new(0.0, 0.0, -0.1)), None);
    }

    #[test]
    fn its_middle_is_the_designs_on_a_head_of_any_size() {
        for scale in [0.75, 1.0, 1.15] {
            let (head, anatomy) = scaled_ball(scale);
            let map = Unrolled::new(&head, &anatomy).unwrap();
            let skull = Skull::measure(&head, &anatomy).unwrap();
            let vertex = skull.head(&(Vector3::z() * RADIUS * scale));
            let [x, y] = map.flat(&vertex).unwrap();
            assert!(x.hypot(y) < 1e-9, "{scale}: {x} {y}");
            // A ring about the design's vertex is one of the sheet's, as far out all round.
            for k in 0..36 {
                let (sin, cos) = f64::from(10 * k).to_radians().sin_cos();
                let ring = Vector3::new(cos * 0.8, sin * 0.8, 0.6) * RADIUS * scale;
                let [x, y] = map.flat(&skull.head(&ring)).unwrap();
                let out = 0.8f64.asin() * RADIUS * scale;
                assert!(
                    (x.hypot(y) - out).abs() < 3e-4,
                    "{scale} {k}: {}",
                    x.hypot(y) - out
                );
            }
        }
    }

    #[test]
    fn left_is_left_and_the_nose_is_up() {
        let (head, anatomy) = ball();
        let map = Unrolled::new(&head, &anatomy).unwrap();
        let [x, y] = map.flat(&anatomy.left_ear).unwrap();
        assert!(x < -0.1 && y.abs() < 1e-6);
        assert!(map.flat(&anatomy.nasion).unwrap()[1] > 0.1);
    }
}
