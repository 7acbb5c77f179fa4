//! A tree of spheres that covers a body's surface: what is farther from every sphere than asked is farther from the body.
//!
//! A sphere that covers a patch of surface from its very middle sticks out by its radius; drawn about a point deep inside the body it sticks
//! out far less. So for every patch a few middles are tried, and the one is taken whose sphere sticks out least. By how much at most is
//! known: a point at depth t has a ball of radius t within the body, so a sphere of radius r about it sticks out by at most r - t.

use std::collections::BinaryHeap;

use nalgebra::Vector3;

use super::nearest::Triangle;
use super::surface::{Surface, welded};
use crate::arm::BodyMesh;

/// Leaves stick out by no more than this, metres …
pub(super) const LEAF_LOSS: f64 = 0.004;
/// … or this share of the body's own radius.
const LOSS_SHARE: f64 = 0.01;
/// No body has more spheres. What sticks out most is split first, so that where they do not suffice all of the body is covered equally well.
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

/// Part of a shell's surface.
enum Patch {
    /// Triangles from one to another in the shell's order.
    Run(usize, usize),
    /// Part of a triangle.
    Piece(Triangle),
}

/// A sphere that may be split.
struct Open {
    loss: f64,
    node: usize,
    shell: usize,
    patch: Patch,
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.loss
            .total_cmp(&other.loss)
            .then(other.node.cmp(&self.node))
    }
}

/// Covers a body by patches.
struct Cover {
    shells: Vec<Vec<Triangle>>,
    /// By shell; none where no triangle has three corners.
    surfaces: Vec<Option<Surface>>,
    wanted: f64,
    spheres: Vec<Sphere>,
    open: BinaryHeap<Open>,
}

/// The sphere about a middle: how far it sticks out follows from the middle's depth.
fn sphere(surface: &Surface, center: Vector3<f64>, triangles: &[Triangle]) -> Sphere {
    let radius = radius_about(&center, triangles);
    Sphere {
        center,
        radius,
        loss: radius + surface.signed(&center, 0).0,
        children: 0,
    }
}

/// A sphere over a patch that sticks out as little as the tries allow, and enough if by no more than `wanted`. `above` is the middle of the
/// patch it is part of.
fn best_sphere(
    surface: &Surface,
    triangles: &[Triangle],
    above: Option<Vector3<f64>>,
    wanted: f64,
) -> Sphere {
    let (low, high) = extent(triangles.iter().flatten().copied());
    let middle = 0.5 * (low + high);
    let mut best = sphere(surface, middle, triangles);
    let try_at = |best: &mut Sphere, center: Vector3<f64>| {
        if best.loss > wanted {
            let tried = sphere(surface, center, triangles);
            if tried.loss < best.loss {
                *best = tried;
            }
        }
    };
    // About the middle of the larger patch it cannot stick out more than the sphere over that.
    if let Some(above) = above {
        try_at(&mut best, above);
    }
    if triangles.len() > TRIED || best.loss <= wanted {
        return best;
    }
    let normal: Vector3<f64> = triangles
        .iter()
        .map(|t| (t[1] - t[0]).cross(&(t[2] - t[0])))
        .sum();
    let inward = normal.try_normalize(0.0).map(|n| -n);
    // A flat disc of radius r covered from depth t sticks out by about r² / 2t.
    let across = 0.5 * (high - low).norm();
    let depths = [across * across / (1.5 * wanted), across, 0.4 * across];
    for (inward, depth) in inward.into_iter().flat_map(|n| depths.map(|t| (n, t))) {
        try_at(&mut best, middle + inward * depth);
    }
    best
}

impl Cover {
    /// Covers a patch by one sphere, which is to be split if it sticks out too far.
    fn cover(&mut self, node: usize, shell: usize, patch: Patch, above: Option<Vector3<f64>>) {
        let triangles = match &patch {
            Patch::Run(from, to) => &self.shells[shell][*from..*to],
            Patch::Piece(piece) => core::slice::from_ref(piece),
        };
        let Some(surface) = &self.surfaces[shell] else {
            // No triangle with three corners: one sphere, about nothing that has an inside.
            let center = triangles[0][0];
            let radius = radius_about(&center, triangles);
            self.spheres[node] = Sphere {
                center,
                radius,
                loss: 2.0 * radius,
                children: 0,
            };
            return;
        };
        let sphere = best_sphere(surface, triangles, above, self.wanted);
        self.spheres[node] = sphere;
        // A small sphere about its own patch sticks out by no more than its diameter, whatever lies beside it.
        if sphere.loss > self.wanted && sphere.radius > 0.5 * self.wanted {
            self.open.push(Open {
                loss: sphere.loss,
                node,
                shell,
                patch,
            });
        }
    }

    fn split(&mut self, worst: Open) {
        let Open { node, shell, .. } = worst;
        let children = self.spheres.len();
        self.spheres[node].children = children as u32;
        self.spheres.extend([EMPTY, EMPTY]);
        let halves = match worst.patch {
            Patch::Piece(piece) => cut(&piece).map(Patch::Piece),
            Patch::Run(from, to) if to - from == 1 => {
                cut(&self.shells[shell][from]).map(Patch::Piece)
            }
            Patch::Run(from, to) => {
                let triangles = &mut self.shells[shell][from..to];
                let (low, high) = extent(triangles.iter().map(centroid));
                let axis = (high - low).imax();
                let half = triangles.len() / 2;
                triangles.select_nth_unstable_by(half, |a, b| {
                    centroid(a)[axis].total_cmp(&centroid(b)[axis])
                });
                [Patch::Run(from, from + half), Patch::Run(from + half, to)]
            }
        };
        let above = Some(self.spheres[node].center);
        for (k, half) in halves.into_iter().enumerate() {
            self.cover(children + k, shell, half, above);
        }
    }

    /// Covers the shells from one to another, first each as a whole.
    fn begin(&mut self, node: usize, from: usize, to: usize) {
        if to - from == 1 {
            let whole = Patch::Run(0, self.shells[from].len());
            return self.cover(node, from, whole, None);
        }
        let shells = &self.shells[from..to];
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
        let half = from + (to - from) / 2;
        self.begin(children, from, half);
        self.begin(children + 1, half, to);
    }
}

/// The same spheres in the order of a walk from the root, so that what is looked at together lies together.
fn in_order(spheres: &[Sphere]) -> Vec<Sphere> {
    let mut ordered: Vec<Sphere> = spheres.first().copied().into_iter().collect();
    let mut next: Vec<usize> = (0..ordered.len()).collect();
    while let Some(node) = next.pop() {
        let old = ordered[node].children as usize;
        if old != 0 {
            let new = ordered.len();
            ordered[node].children = new as u32;
            ordered.extend([spheres[old], spheres[old + 1]]);
            next.extend([new + 1, new]);
        }
    }
    ordered
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
    /// Covers a body's triangles; with the surfaces they form.
    pub(super) fn of_body(body: &BodyMesh) -> (Self, Vec<Surface>) {
        Self::within(body, MOST_SPHERES)
    }

    fn within(body: &BodyMesh, most: usize) -> (Self, Vec<Surface>) {
        let shells = shells(body);
        let surfaces = shells.iter().map(|s| Surface::of_triangles(s)).collect();
        let all = body.triangles().iter().flatten();
        let (low, high) = extent(all.map(|i| body.vertices()[*i as usize]));
        let mut cover = Cover {
            wanted: LEAF_LOSS.max(LOSS_SHARE * 0.5 * (high - low).norm()),
            surfaces,
            spheres: Vec::new(),
            open: BinaryHeap::new(),
            shells,
        };
        let count = cover.shells.len();
        if count > 0 {
            cover.spheres.push(EMPTY);
            cover.begin(0, 0, count);
        }
        while cover.spheres.len() + 2 <= most
            && let Some(worst) = cover.open.pop()
        {
            cover.split(worst);
        }
        let tree = Self {
            spheres: in_order(&cover.spheres),
        };
        (tree, cover.surfaces.into_iter().flatten().collect())
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
                loss: radius.hypot(half) - radius,
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
