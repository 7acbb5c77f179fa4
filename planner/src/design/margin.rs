//! Keeping clear of the surface's open edges.

use std::collections::HashMap;

use nalgebra::Vector3;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;

use crate::scan::topology;

/// The open edges of a surface, as points close together, for asking what is near.
#[derive(Debug, Clone)]
pub(super) struct Margin {
    width: f64,
    points: HashMap<[i32; 3], Vec<Vector3<f64>>>,
}

impl Margin {
    /// All open edges, with the width to keep clear, metres.
    pub fn new(head: &SurfaceMesh<Head>, width: f64) -> Self {
        // Points a quarter of the width apart understate a distance of `width` by less than 1%; the width is widened by that.
        let step = width / 4.0;
        let width = width * 1.01;
        let mut points: HashMap<[i32; 3], Vec<Vector3<f64>>> = HashMap::new();
        for (a, b) in topology::boundary(head.triangles()) {
            let (a, b) = (
                head.vertices()[a as usize].raw(),
                head.vertices()[b as usize].raw(),
            );
            let n = ((b - a).norm() / step).ceil().clamp(1.0, 4000.0) as usize;
            for k in 0..n {
                let p = a + (b - a) * (k as f64 / n as f64);
                points.entry(cell(&p, width)).or_default().push(p);
            }
        }
        Self { width, points }
    }

    /// The points and the width.
    pub fn points(&self) -> (impl Iterator<Item = &Vector3<f64>>, f64) {
        (self.points.values().flatten(), self.width)
    }

    /// Whether a point is within the width of an open edge.
    pub fn is_near(&self, p: &Vector3<f64>) -> bool {
        if self.points.is_empty() {
            return false;
        }
        let [x, y, z] = cell(p, self.width);
        let around = -1..=1;
        around.clone().any(|i| {
            around.clone().any(|j| {
                around.clone().any(|k| {
                    self.points
                        .get(&[x + i, y + j, z + k])
                        .is_some_and(|near| near.iter().any(|q| (p - q).norm() < self.width))
                })
            })
        })
    }
}

fn cell(p: &Vector3<f64>, width: f64) -> [i32; 3] {
    // A head in metres over 5 mm: some hundred cells; the cast saturates for nonsense.
    [p.x, p.y, p.z].map(|c| (c / width).floor() as i32)
}
