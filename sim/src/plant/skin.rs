//! The simulated skin: where the needle meets it, how it gives, how it pushes back.

use parry3d::query::{PointQuery as _, Ray};
use parry3d::shape::{CompositeShapeRef, TriMesh, TriMeshBuilderError};
use stipple_model::frames::{Direction, Head, Point, Tip, Transform};
use stipple_model::mesh::SurfaceMesh;

/// How the skin behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkinConfig {
    /// Push back per depth until the needle breaks through, N/m.
    pub stiffness: f64,
    /// Median force at which it breaks through, N. Source: 1.2 N, published puncture forces.
    pub puncture: f64,
    /// Spread of that force: standard deviation of its logarithm.
    pub puncture_spread: f64,
    /// Push back after that, N.
    pub friction: f64,
    /// How far the surface stays dented under a needle that is through, metres: so much less deep it goes.
    pub dent: f64,
}

impl Default for SkinConfig {
    fn default() -> Self {
        Self {
            stiffness: 20e3,
            puncture: 1.2,
            puncture_spread: 0.35,
            friction: 0.3,
            dent: 0.03e-3,
        }
    }
}

/// The head's surface, ready for queries.
#[derive(Clone)]
pub struct Skin {
    mesh: TriMesh,
    approved: Vec<bool>,
}

/// What lies under the needle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Under {
    /// From the nose tip to the skin along the needle, metres; negative when the nose is in it.
    pub gap: f64,
    /// Where.
    pub point: Point<Head>,
    /// Whether that is on the approved patch.
    pub in_patch: bool,
}

/// The ray starts this far behind the nose tip, so that a nose in the skin is seen, metres.
const BEHIND: f64 = 5e-3;
/// Farthest skin looked for from the nose tip, metres.
const AHEAD: f64 = 30e-3;

impl Skin {
    /// The head's surface with its approved triangles.
    ///
    /// # Errors
    /// When parry cannot build its tree.
    pub fn new(head: &SurfaceMesh<Head>, patch: &[u32]) -> Result<Self, TriMeshBuilderError> {
        let vertices = head
            .vertices()
            .iter()
            .map(|p| stipple_model::to_parry_vector(&p.raw()))
            .collect();
        // No clean-up flags: they would renumber the triangles, and the patch goes by number.
        let mesh = TriMesh::new(vertices, head.triangles().to_vec())?;
        let mut approved = vec![false; head.triangles().len()];
        for triangle in patch {
            if let Some(entry) = approved.get_mut(*triangle as usize) {
                *entry = true;
            }
        }
        Ok(Self { mesh, approved })
    }

    /// The skin along the needle's axis; `None` when there is none within reach.
    #[must_use]
    pub fn under(&self, head_from_tip: &Transform<Head, Tip>) -> Option<Under> {
        let axis = *head_from_tip * Direction::<Tip>::z();
        let from = head_from_tip.origin() - axis * BEHIND;
        let ray = Ray::new(
            stipple_model::to_parry_vector(&from.raw()),
            stipple_model::to_parry_vector(&axis.raw()),
        );
        let (triangle, way) =
            CompositeShapeRef(&self.mesh).cast_local_ray(&ray, BEHIND + AHEAD, true)?;
        let in_patch = self
            .approved
            .get(triangle as usize)
            .copied()
            .unwrap_or(false);
        Some(Under {
            gap: way - BEHIND,
            point: from + axis * way,
            in_patch,
        })
    }

    /// How far a point is from the approved triangles, metres; infinite without one.
    #[must_use]
    pub fn patch_distance(&self, at: &Point<Head>) -> f64 {
        let raw = stipple_model::to_parry_vector(&at.raw());
        let approved = (0u32..).zip(&self.approved).filter(|(_, is)| **is);
        let distance = |number: u32| {
            let near = self.mesh.triangle(number).project_local_point(raw, false);
            (near.point - raw).length()
        };
        approved
            .map(|(number, _)| distance(number))
            .fold(f64::INFINITY, f64::min)
    }
}

/// One needle in one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Puncture {
    breaks_at: f64,
    through: bool,
}

impl Puncture {
    /// Skin that breaks at `force`, N.
    #[must_use]
    pub fn new(force: f64) -> Self {
        Self {
            breaks_at: force,
            through: false,
        }
    }

    /// The skin's push (N) and how deep the needle really is below the surface (metres), for a point `pressed` metres beyond where the
    /// undented surface was.
    pub fn press(&mut self, pressed: f64, skin: &SkinConfig) -> (f64, f64) {
        if pressed <= 0.0 {
            return (0.0, 0.0);
        }
        let force = pressed * skin.stiffness;
        self.through |= force >= self.breaks_at;
        if self.through {
            (skin.friction.min(force), (pressed - skin.dent).max(0.0))
        } else {
            (force, 0.0)
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use stipple_model::plan::tip_pose;
    use stipple_model::units::{Angle, Length};

    use super::*;

    /// A flat square of skin, 40 mm wide, z up, in two triangles; the one with y < x is approved.
    pub fn flat() -> Skin {
        let at = |x: f64, y: f64| Point::new(x * 1e-3, y * 1e-3, 0.0);
        let corners = vec![
            at(-20.0, -20.0),
            at(20.0, -20.0),
            at(20.0, 20.0),
            at(-20.0, 20.0),
        ];
        Skin::new(
            &SurfaceMesh::new(corners, vec![[0, 1, 2], [0, 2, 3]]).unwrap(),
            &[0],
        )
        .unwrap()
    }

    #[test]
    fn finds_the_skin_under_the_needle_and_whose_it_is() {
        let skin = flat();
        let down = -Direction::<Head>::z();
        let pose = |x: f64, y: f64, standoff: f64| {
            tip_pose(
                &Point::new(x, y, 0.0),
                &down,
                Angle::from_deg(30.0),
                Length::from_mm(standoff),
            )
        };
        let under = skin.under(&pose(5e-3, 0.0, 2.0)).unwrap();
        assert!((under.gap - 2e-3).abs() < 1e-12 && under.in_patch);
        assert!(!skin.under(&pose(-5e-3, 0.0, 2.0)).unwrap().in_patch);
        assert!(
            (skin.under(&pose(5e-3, 0.0, -1.0)).unwrap().gap + 1e-3).abs() < 1e-12,
            "a nose in the skin is seen"
        );
        assert!(skin.under(&pose(50e-3, 0.0, 2.0)).is_none());
    }

    #[test]
    fn gives_then_breaks() {
        let skin = SkinConfig::default();
        let mut puncture = Puncture::new(1.0);
        assert_eq!(puncture.press(-1e-3, &skin), (0.0, 0.0));
        let (force, depth) = puncture.press(0.04e-3, &skin);
        assert!((force - 0.8).abs() < 1e-9);
        assert_eq!(depth, 0.0);
        let (force, depth) = puncture.press(0.5e-3, &skin);
        assert!(force < 0.5, "through: {force}");
        assert!((depth - 0.47e-3).abs() < 1e-9);
    }
}
