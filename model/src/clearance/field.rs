//! Distance to the head: exact where it matters, bounded everywhere else.
//!
//! An octree over the surroundings of the head keeps the exact signed distance at every cell's centre. Distance to a set is 1-Lipschitz,
//! so at a point p in a cell with centre c the true distance lies within `d(c) ± |p - c|`. Cells far away are large, cells near the skin
//! small, so the bounds are good to a share of the distance itself. Where a bound cannot decide, the mesh is asked.

use std::collections::HashMap;

use nalgebra::Vector3;
use parry3d::query::PointQuery as _;
use parry3d::shape::TriMesh;
use rayon::prelude::*;

use crate::frames::{Head, Point};
use crate::mesh::SurfaceMesh;

/// Half the edge of the octree's cube, metres: a head and what comes near it.
const HALF_CUBE: f64 = 0.64;
/// A cell is split while its half diagonal exceeds this share of its distance …
const SPLIT_SHARE: f64 = 0.35;
/// … and its edge exceeds this, metres.
const SMALLEST_EDGE: f64 = 0.006;

/// Bounds of a signed distance, metres: `lower <= d <= upper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Never larger than the true distance.
    pub lower: f64,
    /// Never smaller than the true distance.
    pub upper: f64,
}

struct Cell {
    distance: f64,
    /// Index of the first of eight children; 0 for a leaf.
    children: u32,
}

/// The head as something to keep away from. Positive outside, negative inside.
pub struct HeadField {
    surface: TriMesh,
    center: Vector3<f64>,
    low: Vector3<f64>,
    high: Vector3<f64>,
    cells: Vec<Cell>,
}

/// The head's surface cannot serve as an obstacle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the head's surface cannot be used for clearance: {0}")]
pub struct FieldError(String);

/// Offset of child `k` of a cell, in halves of the child's edge.
fn octant(k: usize) -> Vector3<f64> {
    let sign = |bit: usize| if k >> bit & 1 == 1 { 1.0 } else { -1.0 };
    Vector3::new(sign(0), sign(1), sign(2))
}

/// The triangles that close every boundary loop with a fan about its middle, so that inside and outside are defined at a scan's open
/// neck too. Returns the new vertices and triangles.
fn caps(mesh: &SurfaceMesh<Head>) -> (Vec<Point<Head>>, Vec<[u32; 3]>) {
    let mut directed = HashMap::new();
    for t in mesh.triangles() {
        for k in 0..3 {
            *directed.entry((t[k], t[(k + 1) % 3])).or_insert(0u32) += 1;
        }
    }
    let mut open: Vec<(u32, u32)> = directed
        .keys()
        .filter(|(a, b)| !directed.contains_key(&(*b, *a)))
        .copied()
        .collect();
    open.sort_unstable();
    // Two openings may touch at a vertex, so a vertex may have several ways on.
    let mut next: HashMap<u32, Vec<u32>> = HashMap::new();
    for &(from, to) in &open {
        next.entry(from).or_default().push(to);
    }
    let (mut vertices, mut triangles) = (Vec::new(), Vec::new());
    for (start, _) in open {
        let mut ring = Vec::new();
        let mut at = start;
        while let Some(to) = next.get_mut(&at).and_then(Vec::pop) {
            ring.push(at);
            at = to;
            if at == start {
                break;
            }
        }
        if ring.len() < 3 || at != start {
            continue;
        }
        let middle = (mesh.vertices().len() + vertices.len()) as u32;
        let sum = ring.iter().fold(Vector3::zeros(), |s, &i| {
            s + mesh.vertices()[i as usize].raw()
        });
        vertices.push(Point::from_raw(sum / ring.len() as f64));
        for (k, &a) in ring.iter().enumerate() {
            triangles.push([ring[(k + 1) % ring.len()], a, middle]);
        }
    }
    (vertices, triangles)
}

impl HeadField {
    /// Builds the field of a head.
    ///
    /// # Errors
    /// When the surface has no usable triangle.
    pub fn new(head: &SurfaceMesh<Head>) -> Result<Self, FieldError> {
        let (extra, fans) = caps(head);
        let vertices = head.vertices().iter().chain(&extra).copied().collect();
        let triangles = head.triangles().iter().chain(&fans).copied().collect();
        let closed =
            SurfaceMesh::<Head>::new(vertices, triangles).map_err(|e| FieldError(e.to_string()))?;
        let surface = closed
            .to_parry()
            .map_err(|e| FieldError(format!("{e:?}")))?;
        let (low, high) = head.bounds();
        let (low, high) = (low.raw(), high.raw());
        let mut field = Self {
            surface,
            center: 0.5 * (low + high),
            low,
            high,
            cells: Vec::new(),
        };
        field.build();
        Ok(field)
    }

    fn build(&mut self) {
        // Level by level, each level's distances in parallel: the same cells in the same order on any number of threads.
        let mut level = vec![self.center];
        let mut half = HALF_CUBE;
        self.cells.push(Cell {
            distance: self.exact(&Point::from_raw(self.center)),
            children: 0,
        });
        let mut first = 0;
        while !level.is_empty() {
            let diagonal = half * 3.0_f64.sqrt();
            let mut next = Vec::new();
            for (i, center) in level.iter().enumerate() {
                let split = 2.0 * half > SMALLEST_EDGE
                    && diagonal > SPLIT_SHARE * self.cells[first + i].distance.abs();
                if split {
                    self.cells[first + i].children = (self.cells.len() + next.len()) as u32;
                    next.extend((0..8).map(|k| center + octant(k) * (0.5 * half)));
                }
            }
            first = self.cells.len();
            let distances: Vec<f64> = next
                .par_iter()
                .map(|c| self.exact(&Point::from_raw(*c)))
                .collect();
            self.cells
                .extend(distances.into_iter().map(|distance| Cell {
                    distance,
                    children: 0,
                }));
            level = next;
            half *= 0.5;
        }
    }

    /// The exact signed distance to the head, metres; not finite for a point that is not.
    #[must_use]
    pub fn exact(&self, p: &Point<Head>) -> f64 {
        let at = crate::to_parry_vector(&p.raw());
        let projection = self.surface.project_local_point(at, false);
        let distance = (at - projection.point).length();
        if projection.is_inside {
            -distance
        } else {
            distance
        }
    }

    /// Bounds of the signed distance at a point: a few nanoseconds.
    #[must_use]
    pub fn bounds(&self, p: &Point<Head>) -> Bounds {
        let p = p.raw();
        let offset = p - self.center;
        if offset.iter().any(|c| c.is_nan()) {
            return Bounds {
                lower: f64::NEG_INFINITY,
                upper: f64::INFINITY,
            };
        }
        if offset.amax() >= HALF_CUBE {
            let to_box = (self.low - p)
                .sup(&(p - self.high))
                .sup(&Vector3::zeros())
                .norm();
            return Bounds {
                lower: to_box,
                upper: f64::INFINITY,
            };
        }
        let (mut index, mut center, mut half) = (0usize, self.center, HALF_CUBE);
        while self.cells[index].children != 0 {
            half *= 0.5;
            let child = (0..3).fold(0, |k, axis| {
                if p[axis] >= center[axis] {
                    k | 1 << axis
                } else {
                    k
                }
            });
            center += octant(child) * half;
            index = self.cells[index].children as usize + child;
        }
        let (distance, away) = (self.cells[index].distance, (p - center).norm());
        Bounds {
            lower: distance - away,
            upper: distance + away,
        }
    }

    /// Whether the head is at least `needed` away from `p`, exactly.
    #[must_use]
    pub fn farther_than(&self, p: &Point<Head>, needed: f64) -> bool {
        let bounds = self.bounds(p);
        bounds.lower >= needed || (bounds.upper >= needed && self.exact(p) >= needed)
    }

    /// A point near the middle of the head.
    #[must_use]
    pub fn center(&self) -> Point<Head> {
        Point::from_raw(self.center)
    }

    /// How many cells the octree has.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        self.cells.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ball;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bounds_hold_the_exact_distance(x in -0.9f64..0.9, y in -0.9f64..0.9, z in -0.9f64..0.9) {
            use std::sync::OnceLock;
            static FIELD: OnceLock<HeadField> = OnceLock::new();
            let field = FIELD.get_or_init(|| HeadField::new(&ball(0.09, 24, true)).unwrap());
            let p = Point::new(x, y, z);
            let (bounds, exact) = (field.bounds(&p), field.exact(&p));
            prop_assert!(bounds.lower <= exact + 1e-12 && exact <= bounds.upper + 1e-12, "{bounds:?} {exact}");
            // The bound is good to a share of the distance plus the smallest cell.
            let in_cube = (p.raw() - field.center).amax() < HALF_CUBE;
            if in_cube {
                prop_assert!(exact - bounds.lower <= 2.0 * (SPLIT_SHARE * exact.abs() / (1.0 - SPLIT_SHARE)).max(SMALLEST_EDGE * 0.87), "{bounds:?} {exact}");
            }
        }
    }

    #[test]
    fn an_open_neck_is_closed_for_the_sign() {
        // A ball whose lower cap is missing: its middle is inside, below it is outside.
        let field = HeadField::new(&ball(0.09, 24, false)).unwrap();
        assert!(field.exact(&Point::new(0.0, 0.0, 0.0)) < -0.05);
        assert!(field.exact(&Point::new(0.0, 0.0, -0.2)) > 0.05);
        assert!(field.exact(&Point::new(0.01, 0.02, -0.4)) > 0.2);
        assert!(field.exact(&Point::new(0.0, 0.0, 0.2)) > 0.1);
    }

    #[test]
    fn nan_is_never_clear() {
        let field = HeadField::new(&ball(0.09, 12, true)).unwrap();
        assert!(!field.farther_than(&Point::new(f64::NAN, 0.0, 0.0), -1.0));
    }
}
