//! Where one looks from: parallel rays, so that a millimetre is as long at the ear as at the nose.

use nalgebra::Vector3;
use stipple_model::frames::{Direction, Head};
use stipple_model::mesh::SurfaceMesh;
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

    /// The view of an upright head: its silhouette above the ears in the middle, its highest point a little below the upper edge.
    /// `width` metres are shown.
    pub fn camera(
        self,
        head: &SurfaceMesh<Head>,
        anatomy: &Anatomy,
        width: f64,
        size: [u32; 2],
    ) -> Camera {
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
        let ears = 0.5 * (anatomy.left_ear.raw() + anatomy.right_ear.raw());
        let mut camera = Camera::new(toward, anatomy.up, ears, width, size);
        // Shoulders, table and stand do not move the head out of the middle.
        let near = |q: &Vector3<f64>| q.dot(&up) > -0.07 && (q - up * q.dot(&up)).norm() < 0.16;
        let seen = head
            .vertices()
            .iter()
            .map(|p| p.raw() - ears)
            .filter(near)
            .map(|q| (q.dot(&camera.right), q.dot(&camera.up)));
        let ends = seen.fold(None, |ends: Option<[f64; 3]>, (x, y)| {
            let [low, high, top] = ends.unwrap_or([x, x, y]);
            Some([low.min(x), high.max(x), top.max(y)])
        });
        // An adult's where nothing is seen.
        let [low, high, top] = ends.unwrap_or([-0.09, 0.09, 0.13]);
        let height = width * f64::from(size[1]) / f64::from(size[0]);
        camera.center +=
            camera.right * (0.5 * (low + high)) + camera.up * (top + 0.012 - 0.5 * height);
        camera
    }
}
