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

/// Seen from the side this much of the panel is left free on either side of the head, and above it; shares of its width.
const MARGIN: f64 = 0.06;
/// The least that is shown, metres: a small head is not blown up beyond that.
const LEAST: f64 = 0.2;

/// The sides a head is shown from, and how far above the horizon the onlooker stands; last from above, the nose up as on the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Left,
    Right,
    Back,
    Top,
}

impl Side {
    pub const ALL: [Self; 5] = [Self::Front, Self::Left, Self::Right, Self::Back, Self::Top];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Front => "Front",
            Self::Left => "Left",
            Self::Right => "Right",
            Self::Back => "Back",
            Self::Top => "Top",
        }
    }

    /// All views of an upright head at one scale, so large that the head (not shoulders, table and stand) has a margin in each.
    pub fn cameras(
        head: &SurfaceMesh<Head>,
        anatomy: &Anatomy,
        size: [u32; 2],
    ) -> [(Self, Camera); 5] {
        let plain = Self::ALL.map(|side| side.aim(anatomy, size));
        let ends = std::array::from_fn::<_, 5, _>(|k| {
            ends(head, anatomy, &plain[k], Self::ALL[k] == Self::Top)
        });
        let aspect = f64::from(size[1]) / f64::from(size[0]);
        let needed = |k: usize| {
            let [[left, bottom], [right, top]] = ends[k];
            let across = right - left;
            if Self::ALL[k] == Self::Top {
                across.max((top - bottom) / aspect)
            } else {
                across
            }
        };
        let width = (0..5).map(needed).fold(LEAST, f64::max) / (1.0 - 2.0 * MARGIN);
        std::array::from_fn(|k| {
            let (side, mut camera) = (Self::ALL[k], plain[k]);
            let [[left, bottom], [right, top]] = ends[k];
            let up = if side == Self::Top {
                0.5 * (bottom + top)
            } else {
                top + MARGIN * width - 0.5 * aspect * width
            };
            camera.scale = f64::from(size[0]) / width;
            camera.center += camera.right * (0.5 * (left + right)) + camera.up * up;
            (side, camera)
        })
    }

    /// The direction, with the ears in the middle.
    fn aim(self, anatomy: &Anatomy, size: [u32; 2]) -> Camera {
        let (forward, up) = (anatomy.forward.raw(), anatomy.up.raw());
        let left = up.cross(&forward);
        let (level, elevation) = match self {
            Self::Front => (forward, 26.0f64),
            Self::Left => (left, 14.0),
            Self::Right => (-left, 14.0),
            Self::Back => (-forward, 26.0),
            Self::Top => (forward, 90.0),
        };
        let (sin, cos) = elevation.to_radians().sin_cos();
        let toward = Direction::new(level * cos + up * sin).unwrap_or(anatomy.forward);
        let ears = 0.5 * (anatomy.left_ear.raw() + anatomy.right_ear.raw());
        let upward = if self == Self::Top {
            anatomy.forward
        } else {
            anatomy.up
        };
        Camera::new(toward, upward, ears, 1.0, size)
    }
}

/// How far the head goes from the camera's middle to the right and up, metres: least and most. An adult's where nothing is seen.
fn ends(
    head: &SurfaceMesh<Head>,
    anatomy: &Anatomy,
    camera: &Camera,
    from_above: bool,
) -> [[f64; 2]; 2] {
    let up = anatomy.up.raw();
    // What is lower is hidden from above or is not the head.
    let lowest = if from_above { -0.03 } else { -0.07 };
    let near = |q: &Vector3<f64>| q.dot(&up) > lowest && (q - up * q.dot(&up)).norm() < 0.16;
    let seen = head
        .vertices()
        .iter()
        .map(|p| p.raw() - camera.center)
        .filter(near)
        .map(|q| [q.dot(&camera.right), q.dot(&camera.up)]);
    let ends = seen.fold(None, |ends: Option<[[f64; 2]; 2]>, [x, y]| {
        let [low, high] = ends.unwrap_or([[x, y]; 2]);
        Some([
            [low[0].min(x), low[1].min(y)],
            [high[0].max(x), high[1].max(y)],
        ])
    });
    ends.unwrap_or([[-0.09, -0.1], [0.09, 0.13]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unroll::tests::ball;

    #[test]
    fn the_head_has_a_margin_in_every_view_and_one_scale() {
        let (head, anatomy) = ball();
        let size = [300, 350];
        let cameras = Side::cameras(&head, &anatomy, size);
        for (side, camera) in cameras {
            assert_eq!(camera.scale, cameras[0].1.scale);
            for p in head
                .vertices()
                .iter()
                .filter(|p| p.raw().dot(&anatomy.up.raw()) > 0.0)
            {
                let at = camera.project(&p.raw());
                let margin = 0.99 * MARGIN * f64::from(size[0]);
                assert!(at.x > margin && at.x < 300.0 - margin, "{side:?}: {at:?}");
                assert!(at.y > margin, "{side:?}: {at:?}");
            }
        }
        let [.., (_, top)] = cameras;
        let nose = top.project(&anatomy.nasion.raw());
        let ears = top.project(&anatomy.left_ear.raw());
        assert!(
            nose.y < ears.y && ears.x < nose.x,
            "the nose is up, the left ear left"
        );
    }
}
