//! Where one looks from: parallel rays, so that a millimetre is as long at the ear as at the nose.

use nalgebra::Vector3;
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::plan::Anatomy;

/// A parallel projection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    /// To the onlooker, right and up in the picture; unit vectors at right angles.
    pub toward: Vector3<f64>,
    pub right: Vector3<f64>,
    pub up: Vector3<f64>,
    /// What is in the picture's middle.
    pub center: Vector3<f64>,
    /// Pixels per metre.
    pub scale: f64,
    /// Width and height, pixels.
    pub size: [u32; 2],
}

impl Camera {
    /// Looks along `-toward` with `up` upward; `width` metres are shown. `up` along `toward` is replaced by some other direction.
    pub fn new(
        toward: Direction<Head>,
        up: Direction<Head>,
        center: Vector3<f64>,
        width: f64,
        size: [u32; 2],
    ) -> Self {
        let toward_raw = toward.raw();
        let level = up.raw() - toward_raw * toward_raw.dot(&up.raw());
        let up = Direction::<Head>::new(level)
            .unwrap_or_else(|| toward.any_perpendicular())
            .raw();
        Self {
            toward: toward_raw,
            right: up.cross(&toward_raw),
            up,
            center,
            scale: f64::from(size[0]) / width.max(1e-6),
            size,
        }
    }

    /// The same view with so many pixels per pixel each way.
    pub fn finer(&self, times: u32) -> Self {
        Self {
            scale: self.scale * f64::from(times),
            size: self.size.map(|n| n * times),
            ..*self
        }
    }

    /// Pixels right and down from the picture's corner, and metres towards the onlooker.
    pub fn project(&self, p: &Vector3<f64>) -> Vector3<f64> {
        let q = p - self.center;
        Vector3::new(
            0.5 * f64::from(self.size[0]) + q.dot(&self.right) * self.scale,
            0.5 * f64::from(self.size[1]) - q.dot(&self.up) * self.scale,
            q.dot(&self.toward),
        )
    }
}

/// The four sides a head is shown from, with how far above the horizon the onlooker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Left,
    Right,
    Back,
}

impl Side {
    pub const ALL: [Self; 4] = [Self::Front, Self::Left, Self::Right, Self::Back];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Front => "Front",
            Self::Left => "Left",
            Self::Right => "Right",
            Self::Back => "Back",
        }
    }

    /// The view of an upright head. `top` is its highest point above the ears' middle, metres.
    pub fn camera(self, anatomy: &Anatomy, top: f64, width: f64, size: [u32; 2]) -> Camera {
        let (forward, up) = (anatomy.forward.raw(), anatomy.up.raw());
        let left = up.cross(&forward);
        let (level, elevation) = match self {
            Self::Front => (forward, 26.0f64),
            Self::Left => (left, 14.0),
            Self::Right => (-left, 14.0),
            Self::Back => (-forward, 26.0),
        };
        let (sin, cos) = elevation.to_radians().sin_cos();
        let toward = Direction::new(level * cos + up * sin).unwrap_or(anatomy.forward);
        let middle = 0.5 * (anatomy.left_ear.raw() + anatomy.right_ear.raw());
        let mut camera = Camera::new(toward, anatomy.up, middle, width, size);
        // The highest point stands a little below the picture's upper edge.
        let height = width * f64::from(size[1]) / f64::from(size[0]);
        let highest = (middle + up * top).dot(&camera.up) + 0.07 * elevation.to_radians().sin();
        let shift = highest + 0.05 * height - 0.5 * height - middle.dot(&camera.up);
        camera.center += camera.up * shift;
        camera
    }
}

/// The highest point of the head above the ears' middle, metres; an adult's where nothing is above.
pub(crate) fn top(points: &[Point<Head>], anatomy: &Anatomy) -> f64 {
    let middle = 0.5 * (anatomy.left_ear.raw() + anatomy.right_ear.raw());
    let top = points
        .iter()
        .map(|p| (p.raw() - middle).dot(&anatomy.up.raw()))
        .fold(0.0, f64::max);
    if top > 0.05 { top.min(0.25) } else { 0.13 }
}
