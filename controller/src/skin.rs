//! The approved patch of the head, and where the needle stands against it.

use parry3d::query::PointQueryWithLocation as _;
use parry3d::shape::TriMesh;
use stipple_core::{Dot, Micros, TipSeen};
use stipple_model::frames::{Base, Direction, Head, Point, Tip, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{self, DotId};

/// How far off the mesh a point may be and still count as on it, m. Source: own, the tracked head's own error.
const ON_SKIN: f64 = 0.5e-3;

/// Why there is no skin to stand over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan's head mesh cannot be searched: {0}")]
pub struct SkinError(String);

/// The head's surface, with its patch.
pub struct Skin {
    mesh: TriMesh,
    approved: Vec<bool>,
    /// The patch alone; `None` where it has no triangle.
    patch: Option<TriMesh>,
}

/// A point against the skin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnSkin {
    /// Distance to the mesh, m.
    pub distance: f64,
    /// Whether the nearest triangle belongs to the patch.
    pub in_patch: bool,
}

impl Skin {
    /// The skin of a plan's head.
    ///
    /// # Errors
    /// When the mesh cannot be searched.
    pub fn new(head: &SurfaceMesh<Head>, patch: &[u32]) -> Result<Self, SkinError> {
        let vertices = head
            .vertices()
            .iter()
            .map(|p| stipple_model::to_parry_vector(&p.raw()))
            .collect();
        // Without clean-up flags: the patch goes by triangle number.
        let mesh = TriMesh::new(vertices, head.triangles().to_vec())
            .map_err(|e| SkinError(e.to_string()))?;
        let mut approved = vec![false; head.triangles().len()];
        for triangle in patch {
            if let Some(entry) = approved.get_mut(*triangle as usize) {
                *entry = true;
            }
        }
        let triangles = head.triangles().iter().zip(&approved);
        let of_patch: Vec<[u32; 3]> = triangles.filter_map(|(t, is)| is.then_some(*t)).collect();
        let patch = if of_patch.is_empty() {
            None
        } else {
            let vertices = mesh.vertices().to_vec();
            Some(TriMesh::new(vertices, of_patch).map_err(|e| SkinError(e.to_string()))?)
        };
        Ok(Self {
            mesh,
            approved,
            patch,
        })
    }

    /// Whether a point is within `reach` (m) of the patch.
    #[must_use]
    pub fn is_near_patch(&self, point: &Point<Head>, reach: f64) -> bool {
        let raw = stipple_model::to_parry_vector(&point.raw());
        let near = |patch: &TriMesh| {
            let (nearest, _) = patch.project_local_point_and_get_location(raw, false);
            (nearest.point - raw).length() <= reach
        };
        point.is_finite() && self.patch.as_ref().is_some_and(near)
    }

    /// Where a point is against it.
    #[must_use]
    pub fn locate(&self, point: &Point<Head>) -> OnSkin {
        if !point.is_finite() {
            return OnSkin {
                distance: f64::INFINITY,
                in_patch: false,
            };
        }
        let point = stipple_model::to_parry_vector(&point.raw());
        let (projection, (triangle, _)) =
            self.mesh.project_local_point_and_get_location(point, false);
        OnSkin {
            distance: (projection.point - point).length(),
            in_patch: self
                .approved
                .get(triangle as usize)
                .copied()
                .unwrap_or(false),
        }
    }

    /// The outward normal of the triangle nearest to a point; `None` for one without area.
    #[must_use]
    pub fn normal(&self, point: &Point<Head>) -> Option<Direction<Head>> {
        let point = stipple_model::to_parry_vector(&point.raw());
        let (_, (triangle, _)) = self.mesh.project_local_point_and_get_location(point, false);
        let normal = self.mesh.triangle(triangle).normal()?;
        Direction::new(nalgebra::Vector3::new(normal.x, normal.y, normal.z))
    }

    /// The needle's axis against a dot.
    #[must_use]
    pub fn tip_over(
        &self,
        id: DotId,
        dot: &plan::Dot,
        at: Micros,
        base_from_tip: &Transform<Base, Tip>,
        base_from_head: &Transform<Base, Head>,
    ) -> TipSeen {
        let head_from_tip = base_from_head.inverse() * *base_from_tip;
        let tip = head_from_tip.origin();
        let needle = head_from_tip * Direction::<Tip>::z();
        let to_dot = dot.position - tip;
        let gap = to_dot.along(&needle);
        let meets = tip + needle * gap;
        let on_skin = self.locate(&meets);
        TipSeen {
            dot: Dot(id.0),
            at,
            lateral: meets.distance(&dot.position),
            gap,
            angle: needle.angle(&-dot.normal),
            in_patch: on_skin.in_patch && on_skin.distance <= ON_SKIN,
        }
    }
}
