//! The skin's own normal, from nothing but the mesh: what a dot's smoothed normal is held against, by the planner and at admission.

use std::collections::HashMap;

use crate::frames::{Direction, Head, Point};
use crate::mesh::SurfaceMesh;
use nalgebra::Vector3;

/// Edge of the cells that triangles are gathered in, m; a normal is the mean over the 27 cells round its place. Source: own, so that it
/// spans as much skin as the nose of the tool stands over.
const CELL: f64 = 3e-3;

/// Largest angle between a dot's normal and the mean normal of the mesh about it, rad. Source: own; the two differ by how each is
/// smoothed, and all dots of plans on scanned heads stay within it.
pub const NORMAL_OFF: f64 = 12.0 * std::f64::consts::PI / 180.0;

/// Area vectors of a mesh, gathered by place.
#[derive(Debug)]
pub struct Normals(HashMap<[i32; 3], Vector3<f64>>);

impl Normals {
    /// Those of a head.
    #[must_use]
    pub fn of(head: &SurfaceMesh<Head>) -> Self {
        let mut cells: HashMap<[i32; 3], Vector3<f64>> = HashMap::new();
        for triangle in 0..head.triangles().len() {
            let [a, b, c] = head.corners(triangle).map(|p| p.raw());
            *cells.entry(cell(&((a + b + c) / 3.0))).or_default() += head.area_vector(triangle);
        }
        Self(cells)
    }

    /// The outward normal of the skin round a place; `None` where no triangle's middle is near.
    #[must_use]
    pub fn at(&self, place: &Point<Head>) -> Option<Direction<Head>> {
        let [x, y, z] = cell(&place.raw());
        let steps = || -1..=1;
        let around =
            steps().flat_map(|i| steps().flat_map(move |j| steps().map(move |k| [i, j, k])));
        let sum: Vector3<f64> = around
            .filter_map(|[i, j, k]| {
                let neighbour = [x.checked_add(i)?, y.checked_add(j)?, z.checked_add(k)?];
                self.0.get(&neighbour)
            })
            .sum();
        let largest = sum.amax();
        (largest > 0.0)
            .then(|| Direction::new(sum / largest))
            .flatten()
    }
}

/// Casting saturates: what is absurdly far shares the outermost cells.
fn cell(place: &Vector3<f64>) -> [i32; 3] {
    [place.x, place.y, place.z].map(|x| (x / CELL).floor() as i32)
}
