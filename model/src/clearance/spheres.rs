//! A tree of spheres that covers a body's surface: what is farther from every sphere than asked is farther from the body.
//!
//! A sphere that covers a patch of surface from its very middle sticks out by its radius; drawn about a point deep inside the body it sticks
//! out far less. So for every patch a few middles are tried, and the one is taken whose sphere sticks out least. By how much at most is
//! known: a point at depth t has a ball of radius t within the body, so a sphere of radius r about it sticks out by at most r - t.

use nalgebra::Vector3;

use super::nearest::Triangle;
use super::surface::{Surface, welded};
use crate::arm::BodyMesh;

/// Leaves stick out by no more than this, metres …
const LEAF_LOSS: f64 = 0.004;
/// … or this share of the body's own radius.
const LOSS_SHARE: f64 = 0.01;
/// No body has more spheres; patches left are covered by what spheres they have got.
const MOST_SPHERES: usize = 1 << 17;
/// A body of more pieces is covered as one.
const MOST_SHELLS: usize = 64;
/// Patches of more triangles get a sphere about the middle of their box: tries would take long and gain little.
const TRIED: usize = 4096;

/// A sphere of the tree. Children, if any, cover the same part of the surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sphere {
    pub(super) center: Vector3<f64>,
    pub(super) radius: f64,
    /// No point of it is farther than this from the body, metres.
    pub(super) loss: f64,
    /// Index of the first of two children; 0 for a leaf.
    pub(super) children: u32,
}

/// Spheres in preorder-like layout; the root is at index 0. Empty for a body without geometry.
#[derive(Debug, Clone, Default)]
pub(super) struct SphereTree {
    pub(super) spheres: Vec<Sphere>,
}

const EMPTY: Sphere = Sphere {
    center: Vector3::new(0.0, 0.0, 0.0),
    radius: 0.0,
    loss: 0.0,
    children: 0,
};

fn centroid(t: &Triangle) -> Vector3<f64> {
    (t[0] + t[1] + t[2]) / 3.0
}

/// Smallest and largest coordinates.
fn extent(points: impl Iterator<Item = Vector3<f64>>) -> (Vector3<f64>, Vector3<f64>) {
    let none = (
        Vector3::repeat(f64::INFINITY),
        Vector3::repeat(f64::NEG_INFINITY),
    );
    points.fold(none, |(l, h), p| (l.inf(&p), h.sup(&p)))
}

fn radius_about(center: &Vector3<f64>, triangles: &[Triangle]) -> f64 {
    triangles
        .iter()
        .flatten()
        .fold(0.0, |r, p| (p - center).norm_squared().max(r))
        .sqrt()
        * (1.0 + 1e-12)
}

/// Two halves of a triangle, cut across its longest edge.
fn cut(t: &Triangle) -> [Triangle; 2] {
    let edge = |k: usize| (t[(k + 1) % 3] - t[k]).norm_squared();
    let longest = (0..3)
        .max_by(|&a, &b| edge(a).total_cmp(&edge(b)))
        .unwrap_or(0);
    let (a, b, c) = (t[longest], t[(longest + 1) % 3], t[(longest + 2) % 3]);
    let middle = 0.5 * (a + b);
    [[a, middle, c], [middle, b, c]]
}

/// Covers a body by patches.
struct Cover<'a> {
    surface: &'a Surface,
    wanted: f64,
    spheres: Vec<Sphere>,
}

impl Cover<'_> {
    /// The sphere about a middle: how far it sticks out follows from the middle's depth.
    fn sphere(&self, center: Vector3<f64>, triangles: &[Triangle]) -> Sphere {
        let radius = radius_about(&center, triangles);
        Sphere {
            center,
            radius,
            loss: radius + self.surface.signed(&center, 0).0,
            children: 0,
        }
    }

    /// A sphere over a patch that sticks out as little as the tries allow. `above` is the middle of the patch it is part of.
    fn best(&self, triangles: &[Triangle], above: Option<Vector3<f64>>) -> Sphere {
        let (low, high) = extent(triangles.iter().flatten().copied());
        let middle = 0.5 * (low + high);
        let mut best = self.sphere(middle, triangles);
        if triangles.len() > TRIED || best.loss <= self.wanted {
            return best;
        }
        let normal: Vector3<f64> = triangles
            .iter()
            .map(|t| (t[1] - t[0]).cross(&(t[2] - t[0])))
            .sum();
        let inward = normal.try_normalize(0.0).map(|n| -n);
        // A flat disc of radius r covered from depth t sticks out by about r² / 2t.
        let across = 0.5 * (high - low).norm();
        let depths = [across * across / (1.5 * self.wanted), across, 0.4 * across];
        let below = inward
            .into_iter()
            .flat_map(|n| depths.map(|t| middle + n * t));
        for center in above.into_iter().chain(below) {
            let tried = self.sphere(center, triangles);
            if tried.loss < best.loss {
                best = tried;
            }
            if best.loss <= self.wanted {
                break;
            }
        }
        best
    }

    fn split(&mut self, node: usize, triangles: &mut [Triangle], above: Option<Vector3<f64>>) {
        let sphere = self.best(triangles, above);
        self.spheres[node] = sphere;
        // A small sphere about its own patch sticks out by no more than its diameter, whatever lies beside it.
        let small = sphere.radius <= 0.6 * self.wanted;
        if sphere.loss <= self.wanted || small || self.spheres.len() + 2 > MOST_SPHERES {
            return;
        }
        let children = self.spheres.len();
        self.spheres[node].children = children as u32;
        self.spheres.extend([EMPTY, EMPTY]);
        let above = Some(sphere.center);
        if let [only] = triangles {
            let [one, other] = cut(only);
            self.split(children, &mut [one], above);
            self.split(children + 1, &mut [other], above);
            return;
        }
        let (low, high) = extent(triangles.iter().map(centroid));
        let axis = (high - low).imax();
        let half = triangles.len() / 2;
        triangles
            .select_nth_unstable_by(half, |a, b| centroid(a)[axis].total_cmp(&centroid(b)[axis]));
        let (left, right) = triangles.split_at_mut(half);
        self.split(children, left, above);
        self.split(children + 1, right, above);
    }
}

/// The triangles of a body by the closed or open shells they form: housings made of several shapes lie in each other, and how deep a point
/// is can be told of one shape only. A body in very many pieces is taken as one.
fn shells(body: &BodyMesh) -> Vec<Vec<Triangle>> {
    let number = welded(body.vertices()).0;
    let mut parent: Vec<u32> = (0..number.len() as u32).collect();
    fn top(parent: &mut [u32], mut i: u32) -> u32 {
        while parent[i as usize] != i {
            parent[i as usize] = parent[parent[i as usize] as usize];
            i = parent[i as usize];
        }
        i
    }
    let corners = |t: &[u32; 3]| t.map(|i| number[i as usize]);
    for t in body.triangles() {
        let [a, b, c] = corners(t).map(|i| top(&mut parent, i));
        let first = a.min(b).min(c);
        for i in [a, b, c] {
            parent[i as usize] = first;
        }
    }
    let mut shells = std::collections::BTreeMap::<u32, Vec<Triangle>>::new();
    for t in body.triangles() {
        let of = top(&mut parent, corners(t)[0]);
        let triangle = t.map(|i| body.vertices()[i as usize]);
        shells.entry(of).or_default().push(triangle);
    }
    if shells.len() > MOST_SHELLS {
        return vec![shells.into_values().flatten().collect()];
    }
    shells.into_values().collect()
}

impl SphereTree {
    /// Covers a body's triangles.
    pub(super) fn of_body(body: &BodyMesh) -> Self {
        let mut tree = Self::default();
        let mut shells = shells(body);
        if !shells.is_empty() {
            tree.spheres.push(EMPTY);
            let all = body.triangles().iter().flatten();
            let (low, high) = extent(all.map(|i| body.vertices()[*i as usize]));
            let wanted = LEAF_LOSS.max(LOSS_SHARE * 0.5 * (high - low).norm());
            tree.of_shells(0, &mut shells, wanted);
        }
        tree
    }

    fn of_shells(&mut self, node: usize, shells: &mut [Vec<Triangle>], wanted: f64) {
        if let [only] = shells {
            let Some(surface) = Surface::of_triangles(only) else {
                // No triangle with three corners: one sphere, about nothing that has an inside.
                let center = only[0][0];
                let radius = radius_about(&center, only);
                self.spheres[node] = Sphere {
                    center,
                    radius,
                    loss: 2.0 * radius,
                    children: 0,
                };
                return;
            };
            let mut cover = Cover {
                surface: &surface,
                wanted,
                spheres: core::mem::take(&mut self.spheres),
            };
            cover.split(node, only, None);
            self.spheres = cover.spheres;
            return;
        }
        let (low, high) = extent(shells.iter().flatten().flatten().copied());
        let center = 0.5 * (low + high);
        let radius = shells
            .iter()
            .fold(0.0, |r: f64, s| r.max(radius_about(&center, s)));
        let children = self.spheres.len();
        self.spheres[node] = Sphere {
            center,
            radius,
            loss: 2.0 * radius,
            children: children as u32,
        };
        self.spheres.extend([EMPTY, EMPTY]);
        let (left, right) = shells.split_at_mut(shells.len() / 2);
        self.of_shells(children, left, wanted);
        self.of_shells(children + 1, right, wanted);
    }

    /// Covers a body turned about the z axis, from two points (z, radius) of its outline: spheres strung along the axis, dense where it
    /// is thin. With `tip` also a ball of the first point's radius about that point's place on the axis.
    pub(super) fn of_outline(outline: &[(f64, f64); 2], tip: bool) -> Self {
        let [(z0, r0), (z1, r1)] = *outline;
        let length = (z1 - z0).abs();
        let radius = |at: f64| r0 + (r1 - r0) * at / length;
        let steep = length / length.hypot(r1 - r0);
        let mut strung = Vec::new();
        if tip {
            strung.push(Sphere {
                center: Vector3::new(0.0, 0.0, z0),
                radius: r0,
                ..EMPTY
            });
        }
        let mut at = 0.0;
        while at < length {
            let to = (at + (0.5 * radius(at)).max(5e-4)).min(length);
            // About the point from which both rims of the slice are equally far, or the larger rim's middle.
            let (a, b) = (radius(at), radius(to));
            let center = (0.5 * (at + to) + (b * b - a * a) / (2.0 * (to - at))).clamp(at, to);
            let covers = a.hypot(center - at).max(b.hypot(to - center));
            // How deep in the body the point lies: below the side, behind the ends.
            let ahead = if tip { center + r0 } else { center };
            let depth = (a.min(b) * steep).min(ahead).min(length - center);
            strung.push(Sphere {
                center: Vector3::new(0.0, 0.0, z0 + (z1 - z0) * center / length),
                radius: covers * (1.0 + 1e-12),
                loss: covers - depth,
                children: 0,
            });
            at = if to > at { to } else { length };
        }
        Self::joined(&strung)
    }

    /// Covers all points within `radius` of the line from `a` to `b`.
    pub(super) fn of_capsule(a: &Vector3<f64>, b: &Vector3<f64>, radius: f64) -> Self {
        let length = (b - a).norm();
        let count = (length / radius.max(5e-3)).ceil().clamp(1.0, 4096.0) as usize;
        let half = 0.5 * length / count as f64;
        // Every point of the capsule is within `radius` of a point of the line that is within `half` of a sphere's middle.
        let strung: Vec<_> = (0..count)
            .map(|k| Sphere {
                center: a + (b - a) * ((k as f64 + 0.5) / count as f64),
                radius: if count == 1 && half == 0.0 {
                    radius
                } else {
                    radius.hypot(half)
                },
                loss: half,
                children: 0,
            })
            .chain([a, b].map(|end| Sphere {
                center: *end,
                radius,
                ..EMPTY
            }))
            .collect();
        Self::joined(&strung)
    }

    fn joined(strung: &[Sphere]) -> Self {
        let mut tree = Self::default();
        if !strung.is_empty() {
            tree.spheres.push(EMPTY);
            tree.join(0, strung);
        }
        tree
    }

    fn join(&mut self, node: usize, strung: &[Sphere]) {
        if let [only] = strung {
            self.spheres[node] = *only;
            return;
        }
        let (low, high) = extent(strung.iter().flat_map(|s| {
            [
                s.center.add_scalar(-s.radius),
                s.center.add_scalar(s.radius),
            ]
        }));
        let center = 0.5 * (low + high);
        let radius = strung.iter().fold(0.0, |r: f64, s| {
            r.max((s.center - center).norm() + s.radius)
        });
        let children = self.spheres.len();
        self.spheres[node] = Sphere {
            center,
            radius,
            loss: radius,
            children: children as u32,
        };
        self.spheres.extend([EMPTY, EMPTY]);
        let (left, right) = strung.split_at(strung.len() / 2);
        self.join(children, left);
        self.join(children + 1, right);
    }

    /// The sphere round everything.
    pub(super) fn root(&self) -> Option<&Sphere> {
        self.spheres.first()
    }
}

#[cfg(test)]
#[path = "spheres_tests.rs"]
mod tests;
