//! Parts a closed surface into what points lie on and what was only closed over.
//!
//! A place is far from the points if the nearest is farther than chance leaves places empty at the points' density there. All that is
//! nearer to such a place than its nearest point was closed over too: no point lies in any of these balls, so nothing that has points is
//! said to have none.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::super::topology::{self, Sets};
use super::near::Near;
use super::thin::Thinned;

/// A closed surface in two parts: what was scanned, what was closed over.
pub(super) type Parts = (Vec<[u32; 3]>, Vec<[u32; 3]>);

/// Parts the triangles. `cell`: the grid's; `stray`: how far points stray from their surface.
pub(super) fn part(
    cloud: &Thinned,
    near: &Near<'_>,
    vertices: &[Vector3<f64>],
    triangles: Vec<[u32; 3]>,
    (cell, stray): (f64, f64),
) -> Parts {
    let gap = cloud.gap();
    // How far each vertex is from the points, and how far it may be.
    let distances: Vec<(f64, f64)> = vertices
        .par_iter()
        .map(|v| match near.first(v) {
            Some((d, i)) => {
                let scale = cloud.scale[i as usize].max(cloud.width * 0.5);
                (d, (gap * scale).max(1.5 * cell) + stray)
            }
            None => (near.reach(), 0.0),
        })
        .collect();
    let far: Vec<u32> = (0u32..)
        .zip(&distances)
        .filter(|(_, (d, limit))| d > limit)
        .map(|(i, _)| i)
        .collect();
    if far.is_empty() {
        return (triangles, Vec::new());
    }
    let centers: Vec<Vector3<f64>> = far.iter().map(|i| vertices[*i as usize]).collect();
    let widest = 2.0 * gap * cloud.width + 2.0 * cell;
    let near_centers = Near::new(&centers, widest);
    let empty: Vec<bool> = vertices
        .par_iter()
        .zip(&distances)
        .map(|(v, (d, limit))| {
            // A vertex that points are right beside is on them.
            if d > limit {
                return true;
            }
            if *d < 0.5 * cell {
                return false;
            }
            let mut inside = false;
            near_centers.around(v, 1, |c, squared| {
                let (reach, _) = distances[far[c as usize] as usize];
                inside |= squared < reach * reach;
            });
            inside
        })
        .collect();
    let (scanned, open): (Vec<_>, Vec<_>) = triangles
        .into_iter()
        .partition(|t| !t.iter().any(|i| empty[*i as usize]));
    let open = beside(&scanned, open);
    (scanned, open)
}

/// Of what was closed over, the pieces that border on what was scanned; the rest are bubbles of the reconstruction.
fn beside(scanned: &[[u32; 3]], open: Vec<[u32; 3]>) -> Vec<[u32; 3]> {
    let vertices = scanned
        .iter()
        .chain(&open)
        .flatten()
        .max()
        .map_or(0, |i| *i as usize + 1);
    let mut touched = vec![false; vertices];
    scanned
        .iter()
        .flatten()
        .for_each(|i| touched[*i as usize] = true);
    let mut sets = Sets::new(open.len());
    let sides = topology::sides(&open);
    for edge in topology::edges(&sides) {
        for side in &edge[1..] {
            sets.join(edge[0].triangle, side.triangle);
        }
    }
    let mut borders = vec![false; open.len()];
    for (i, t) in (0u32..).zip(&open) {
        if t.iter().any(|v| touched[*v as usize]) {
            borders[sets.find(i) as usize] = true;
        }
    }
    (0u32..)
        .zip(open)
        .filter(|(i, _)| borders[sets.find(*i) as usize])
        .map(|(_, t)| t)
        .collect()
}
