//! How much of the scalp a scan shows: seen from the middle of the scalp, in which directions there is skin.

use nalgebra::Vector3;
use parry3d::query::{Ray, RayCast as _};
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;

use super::finding::ScanFinding;
use crate::design::skull::Skull;
use crate::register::Anatomy;

/// Directions looked along, over the whole sphere.
const DIRECTIONS: u32 = 4000;
/// The scalp is what lies within 81° of this direction (forward, left, up): from the hairline over the crown to below the occiput.
const MIDDLE: [f64; 3] = [-0.33, 0.0, 0.944];
const WITHIN: f64 = 0.156;
/// Skin is looked for at these distances from the scalp's middle, metres on an adult head.
const NEAREST: f64 = 0.05;
const FARTHEST: f64 = 0.16;
/// A missing share below this is not told: single rays through the seams of a mesh.
const TOLD: f64 = 0.005;

/// How much of the scalp is there.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Cover {
    /// The share of the scalp that has skin, 0..=1, by solid angle from the scalp's middle.
    pub share: f64,
    /// The missing share of each part of the scalp that misses any, most first: front, crown, left, right, back.
    pub missing: Vec<(&'static str, f64)>,
}

/// Which directions from the scalp's middle are the scalp's.
pub(crate) struct Cap {
    skull: Skull,
}

impl Cap {
    /// Of a head in its head frame; `None` if its skull cannot be measured.
    pub fn measure(head: &SurfaceMesh<Head>, anatomy: &Anatomy) -> Option<Self> {
        let skull = Skull::measure(head, anatomy).ok()?;
        Some(Self { skull })
    }

    /// Whether a place of the head frame lies in such a direction.
    pub fn holds(&self, place: &Vector3<f64>) -> bool {
        let along = self.skull.local(place);
        along.dot(&Vector3::from(MIDDLE)) >= WITHIN * along.norm()
    }
}

/// Looks at a head in its head frame; `None` if its skull cannot be measured.
#[must_use]
pub fn cover(head: &SurfaceMesh<Head>, anatomy: &Anatomy) -> Option<Cover> {
    let (mut looked, mut seen) = ([0usize; 5], [0usize; 5]);
    look(head, anatomy, |u, _, hit| {
        looked[part(u)] += 1;
        seen[part(u)] += usize::from(hit.is_some());
    })?;
    const NAMES: [&str; 5] = ["front", "crown", "left", "right", "back"];
    let lost = |i: usize| (looked[i] - seen[i]) as f64 / looked[i].max(1) as f64;
    let mut missing: Vec<(&'static str, f64)> = NAMES
        .into_iter()
        .enumerate()
        .map(|(i, name)| (name, lost(i)))
        .filter(|(_, share)| *share > TOLD)
        .collect();
    missing.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all: usize = looked.iter().sum();
    Some(Cover {
        share: seen.iter().sum::<usize>() as f64 / all.max(1) as f64,
        missing,
    })
}

/// Where the scalp is missing: places about as far from its middle as the skin that is there is on the whole, each standing for an equal
/// part of it. Empty if the skull cannot be measured.
pub(crate) fn missing(head: &SurfaceMesh<Head>, anatomy: &Anatomy) -> Vec<Point<Head>> {
    let (mut rays, mut sum, mut hits) = (Vec::new(), 0.0, 0usize);
    let looked = look(head, anatomy, |_, ray, hit| match hit {
        Some(distance) => {
            sum += distance;
            hits += 1;
        }
        None => rays.push(ray),
    });
    if looked.is_none() || hits == 0 {
        return Vec::new();
    }
    let radius = sum / hits as f64;
    rays.into_iter()
        .map(|(origin, along)| Point::from_raw(origin + along * radius))
        .collect()
}

/// Looks from the scalp's middle in evenly spread directions of the scalp: tells the direction in skull coordinates, the ray in the head's
/// frame (its start and unit direction), and how far the skin is if there is any.
fn look(
    head: &SurfaceMesh<Head>,
    anatomy: &Anatomy,
    mut tell: impl FnMut(&Vector3<f64>, (Vector3<f64>, Vector3<f64>), Option<f64>),
) -> Option<()> {
    let skull = Skull::measure(head, anatomy).ok()?;
    let mesh = head.to_parry().ok()?;
    let center = skull.head(&Vector3::zeros());
    let origin = stipple_model::to_parry_vector(&center.raw());
    let middle = Vector3::from(MIDDLE);
    for k in 0..DIRECTIONS {
        // A spiral from pole to pole with equal areas.
        let z = 1.0 - 2.0 * (f64::from(k) + 0.5) / f64::from(DIRECTIONS);
        let (r, a) = ((1.0 - z * z).sqrt(), f64::from(k) * 2.399_963_229_728_653);
        let u = Vector3::new(r * a.cos(), r * a.sin(), z);
        if u.dot(&middle) < WITHIN {
            continue;
        }
        let along = skull.head(&u).raw() - center.raw();
        let ray = Ray::new(origin, stipple_model::to_parry_vector(&along));
        let reach = FARTHEST * skull.scale;
        let hit = mesh
            .cast_local_ray(&ray, reach, false)
            .filter(|distance| *distance >= NEAREST * skull.scale);
        tell(&u, (center.raw(), along), hit);
    }
    Some(())
}

fn part(u: &Vector3<f64>) -> usize {
    if u.z > 0.8 {
        1
    } else if u.y.abs() > u.x.abs() {
        if u.y > 0.0 { 2 } else { 3 }
    } else if u.x > 0.0 {
        0
    } else {
        4
    }
}

impl Cover {
    /// A finding if any of the scalp is missing.
    #[must_use]
    pub fn finding(&self) -> Option<ScanFinding> {
        (1.0 - self.share > TOLD).then(|| ScanFinding::ScalpMissing {
            share: 1.0 - self.share,
            places: self.missing.clone(),
        })
    }
}
