//! Whether a head frame fits the surface: which side the skull is on, which side the nose.

use nalgebra::Vector3;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;

/// How much of a closed dome is there above and below the origin, as shares 0..=1 of the solid angle more than 30° from level.
///
/// Counted is surface 50–190 mm away that faces away from the origin, as a skull does all over; a neck or jaw mostly does not.
pub(super) fn domes(head: &SurfaceMesh<Head>) -> (f64, f64) {
    let mut solid = [0.0, 0.0];
    for i in 0..head.triangles().len() {
        let [a, b, c] = head.corners(i).map(|p| p.raw());
        let center = (a + b + c) / 3.0;
        let r = center.norm();
        if !(0.05..=0.19).contains(&r) {
            continue;
        }
        let along = center / r;
        let facing = 0.5 * (b - a).cross(&(c - a));
        let flux = facing.dot(&along);
        // Facing within 50° of straight away, and more than 30° from level.
        if flux > 0.64 * facing.norm() && along.z.abs() > 0.5 {
            solid[usize::from(along.z < 0.0)] += flux / (r * r);
        }
    }
    // A full dome beyond 30° is half of a half sphere: π.
    let [above, below] = solid.map(|s| s / core::f64::consts::PI);
    (above, below)
}

/// How far the surface near the midline sticks out beyond a point in front and a point behind, metres, within `band` below them.
pub(super) fn protrusions(
    head: &SurfaceMesh<Head>,
    front: &Vector3<f64>,
    back: &Vector3<f64>,
    band: f64,
) -> (f64, f64) {
    let near = |p: &Vector3<f64>, at: &Vector3<f64>| {
        (p.y - at.y).abs() < 0.015 && (at.z - band..=at.z).contains(&p.z)
    };
    let vertices = head.vertices().iter().map(|p| p.raw());
    vertices.fold((0.0, 0.0), |(f, b), p| {
        (
            if near(&p, front) {
                f64::max(f, p.x - front.x)
            } else {
                f
            },
            if near(&p, back) {
                f64::max(b, back.x - p.x)
            } else {
                b
            },
        )
    })
}
