//! A tree of spheres that covers a body's surface: what is farther from every sphere than asked is farther from the body.

use nalgebra::Vector3;

use crate::arm::BodyMesh;

/// Leaves are not split below this radius, metres: how much too near a flat side can seem.
const LEAF_RADIUS: f64 = 0.016;
/// Triangles with a longer edge are cut in two first, metres.
const LONGEST_EDGE: f64 = 0.025;

/// A sphere of the tree. Children, if any, cover the same part of the surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sphere {
    pub(super) center: Vector3<f64>,
    pub(super) radius: f64,
    /// Index of the first of two children; 0 for a leaf.
    pub(super) children: u32,
}

/// Spheres in preorder-like layout; the root is at index 0. Empty for a body without geometry.
#[derive(Debug, Clone, Default)]
pub(super) struct SphereTree {
    pub(super) spheres: Vec<Sphere>,
}

type Triangle = [Vector3<f64>; 3];

fn refine(triangle: Triangle, out: &mut Vec<Triangle>) {
    let mut pending = vec![triangle];
    while let Some(t) = pending.pop() {
        let edges = [
            (t[1] - t[0]).norm(),
            (t[2] - t[1]).norm(),
            (t[0] - t[2]).norm(),
        ];
        let longest = (0..3)
            .max_by(|&a, &b| edges[a].total_cmp(&edges[b]))
            .unwrap_or(0);
        if edges[longest] <= LONGEST_EDGE {
            out.push(t);
            continue;
        }
        let (a, b, c) = (t[longest], t[(longest + 1) % 3], t[(longest + 2) % 3]);
        let middle = 0.5 * (a + b);
        pending.push([a, middle, c]);
        pending.push([middle, b, c]);
    }
}

fn enclosing(triangles: &[Triangle]) -> (Vector3<f64>, f64) {
    let first = triangles.first().map_or_else(Vector3::zeros, |t| t[0]);
    let (low, high) = triangles
        .iter()
        .flatten()
        .fold((first, first), |(l, h), p| (l.inf(p), h.sup(p)));
    let center = 0.5 * (low + high);
    (
        center,
        triangles
            .iter()
            .flatten()
            .fold(0.0, |r, p| (p - center).norm().max(r)),
    )
}

impl SphereTree {
    /// Covers a body's triangles.
    pub(super) fn of_body(body: &BodyMesh) -> Self {
        let mut triangles = Vec::new();
        for t in body.triangles() {
            refine(t.map(|i| body.vertices()[i as usize]), &mut triangles);
        }
        let mut tree = Self::default();
        if !triangles.is_empty() {
            tree.spheres.push(Sphere {
                center: Vector3::zeros(),
                radius: 0.0,
                children: 0,
            });
            tree.split(0, &mut triangles);
        }
        tree
    }

    /// Covers a round cone about the z axis from the profile's points (z, radius): spheres strung along the axis, dense where it is thin.
    pub(super) fn of_profile(profile: &[(f64, f64)]) -> Self {
        let mut strung = Vec::new();
        for pair in profile.windows(2) {
            let ((z0, r0), (z1, r1)) = (pair[0], pair[1]);
            let (length, slope) = ((z1 - z0).abs(), (r1 - r0).abs() / (z1 - z0).abs().max(1e-9));
            let mut at = 0.0;
            while at < length {
                let radius = r0 + (r1 - r0) * at / length;
                let step = (0.35 * radius).max(5e-4).min(length - at).max(1e-6);
                let middle = (at + 0.5 * step).min(length);
                strung.push(Sphere {
                    center: Vector3::new(0.0, 0.0, z0 + (z1 - z0) * middle / length),
                    radius: r0 + (r1 - r0) * middle / length + 0.5 * step * (1.0 + slope),
                    children: 0,
                });
                at += step;
            }
        }
        let mut tree = Self::default();
        if !strung.is_empty() {
            tree.spheres.push(strung[0]);
            tree.join(0, &strung);
        }
        tree
    }

    fn split(&mut self, node: usize, triangles: &mut [Triangle]) {
        let (center, radius) = enclosing(triangles);
        self.spheres[node] = Sphere {
            center,
            radius,
            children: 0,
        };
        if radius <= LEAF_RADIUS || triangles.len() < 2 {
            return;
        }
        let centroid = |t: &Triangle| (t[0] + t[1] + t[2]) / 3.0;
        let start = centroid(&triangles[0]);
        let (low, high) = triangles
            .iter()
            .map(centroid)
            .fold((start, start), |(l, h), p| (l.inf(&p), h.sup(&p)));
        let axis = (high - low).imax();
        let half = triangles.len() / 2;
        triangles
            .select_nth_unstable_by(half, |a, b| centroid(a)[axis].total_cmp(&centroid(b)[axis]));
        let children = self.reserve_pair(node);
        let (left, right) = triangles.split_at_mut(half);
        self.split(children, left);
        self.split(children + 1, right);
    }

    fn join(&mut self, node: usize, strung: &[Sphere]) {
        if let [only] = strung {
            self.spheres[node] = *only;
            return;
        }
        let (low, high) = strung
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), s| {
                (l.min(s.center.z - s.radius), h.max(s.center.z + s.radius))
            });
        self.spheres[node] = Sphere {
            center: Vector3::new(0.0, 0.0, 0.5 * (low + high)),
            radius: 0.5 * (high - low),
            children: 0,
        };
        let children = self.reserve_pair(node);
        let (left, right) = strung.split_at(strung.len() / 2);
        self.join(children, left);
        self.join(children + 1, right);
    }

    fn reserve_pair(&mut self, node: usize) -> usize {
        let children = self.spheres.len();
        self.spheres[node].children = children as u32;
        let empty = Sphere {
            center: Vector3::zeros(),
            radius: 0.0,
            children: 0,
        };
        self.spheres.extend([empty, empty]);
        children
    }

    /// The sphere round everything.
    pub(super) fn root(&self) -> Option<&Sphere> {
        self.spheres.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::{Arm, ArmSource};

    #[test]
    fn leaves_cover_every_vertex_of_every_body() {
        let arm = Arm::from_source(&ArmSource::ur5e()).unwrap();
        for body in arm.bodies() {
            let tree = SphereTree::of_body(body);
            for t in body.triangles() {
                let corners = t.map(|i| body.vertices()[i as usize]);
                for p in [
                    corners[0],
                    corners[1],
                    corners[2],
                    (corners[0] + corners[1] + corners[2]) / 3.0,
                ] {
                    let covered = tree
                        .spheres
                        .iter()
                        .any(|s| s.children == 0 && (p - s.center).norm() <= s.radius + 1e-12);
                    assert!(covered, "{} leaves {p:?} uncovered", body.name());
                }
            }
        }
    }

    #[test]
    fn a_strung_cone_covers_its_surface_and_is_tight_at_the_nose() {
        let profile = [(-0.0015, 0.0015), (-0.070, 0.018), (-0.160, 0.018)];
        let tree = SphereTree::of_profile(&profile);
        let top = tree
            .spheres
            .iter()
            .filter(|s| s.children == 0)
            .map(|s| s.center.z + s.radius)
            .fold(f64::MIN, f64::max);
        assert!(
            (0.0..0.0006).contains(&top),
            "the nose seems to reach {top} m beyond its tip"
        );
        for k in 0..=1000 {
            let z = -0.0015 - k as f64 * (0.160 - 0.0015) / 1000.0;
            let radius = if z > -0.070 {
                0.0015 + (-0.0015 - z) / 0.0685 * 0.0165
            } else {
                0.018
            };
            let p = Vector3::new(radius, 0.0, z);
            assert!(
                tree.spheres
                    .iter()
                    .any(|s| s.children == 0 && (p - s.center).norm() <= s.radius + 1e-12),
                "{p:?}"
            );
        }
    }
}
