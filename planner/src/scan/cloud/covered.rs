//! Parts a closed surface into what points lie on and what was only closed over.
//!
//! A place is far from the points if the nearest is farther than chance leaves places empty at the points' density there. All that is
//! nearer to such a place than its nearest point was closed over too: no point lies in any of these balls, so nothing that has points is
//! said to have none. Points that were dropped as hidden count here.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::super::topology::{self, Sets};
use super::near::Near;
use super::thin::{STRAY_SHARE, Thinned};

/// Nearest points of which the one farthest from its own neighbours says how large a gap may be: the sparse side decides.
const ASKED: usize = 8;
/// What a ball without points bulges into a gap between points, as a share of the largest such gap's radius. Source: a ball of twice the
/// radius bulges a quarter of it into the largest gap.
const BULGE: f64 = 0.2;

/// A closed surface in two parts: what was scanned, what was closed over.
pub(super) type Parts = (Vec<[u32; 3]>, Vec<[u32; 3]>);

/// Parts the triangles. `cell`: the grid's; `stray`: how far points stray from their surface.
pub(super) fn part(
    cloud: &Thinned,
    near: &Near,
    vertices: &[Vector3<f64>],
    triangles: Vec<[u32; 3]>,
    (cell, stray): (f64, f64),
) -> Parts {
    let gap = cloud.gap();
    let dark = (!cloud.hidden.is_empty()).then(|| Near::new(&cloud.hidden, 2.0 * cloud.width));
    // How far each vertex is from the points, and how far it may be.
    let distances: Vec<(f64, f64)> = vertices
        .par_iter()
        .map(|v| {
            let around = near.nearest(v, ASKED);
            let own = around.iter().map(|(_, i)| cloud.own[*i as usize]);
            let scale = own.fold(0.5 * cloud.width, f64::max);
            let limit = (gap * scale).max(1.5 * cell) + stray;
            let d = around.first().map_or(near.reach(), |(d, _)| d.sqrt());
            // What closes off a nostril or an ear is no hole.
            let hidden = dark.as_ref().filter(|_| d > limit).and_then(|n| n.first(v));
            (hidden.map_or(d, |(other, _)| other.min(d)), limit)
        })
        .collect();
    let far: Vec<u32> = (0u32..)
        .zip(&distances)
        .filter(|(_, (d, limit))| d > limit)
        .map(|(i, _)| i)
        .collect();
    let triangles = without_bubbles(triangles);
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
            let mut inside = d > limit;
            if !inside {
                near_centers.around(v, 1, |c, squared| {
                    let (reach, _) = distances[far[c as usize] as usize];
                    // A large ball bulges into every gap between points a little.
                    inside |= squared < (reach - BULGE * limit).max(0.0).powi(2);
                });
            }
            inside
        })
        .collect();
    let is_far: Vec<bool> = distances.iter().map(|(d, limit)| d > limit).collect();
    let (scanned, open): (Vec<_>, Vec<_>) = triangles
        .into_iter()
        .partition(|t| !t.iter().any(|i| empty[*i as usize]));
    // Crumbs at the border belong to what is around them.
    let (open, more) = pieces(open, |p| p.iter().flatten().any(|i| is_far[*i as usize]));
    let scanned = [scanned, more].concat();
    let least = (std::f64::consts::PI * (gap * cloud.width / cell).powi(2)) as usize;
    let used = flags(vertices.len(), &open);
    let (scanned, more) = pieces(scanned, |p| {
        p.len() > least || !p.iter().flatten().any(|i| used[*i as usize])
    });
    let open = [open, more].concat();
    // What does not border on anything scanned is a bubble of the reconstruction.
    let used = flags(vertices.len(), &scanned);
    let (open, _) = pieces(open, |p| p.iter().flatten().any(|i| used[*i as usize]));
    (scanned, open)
}

/// Drops what hangs together with little else: bubbles of the reconstruction between sheets that lie close to each other.
fn without_bubbles(triangles: Vec<[u32; 3]>) -> Vec<[u32; 3]> {
    let least = (triangles.len() as f64 * STRAY_SHARE) as usize;
    pieces(triangles, |p| p.len() > least).0
}

/// Which vertices triangles have.
fn flags(vertices: usize, triangles: &[[u32; 3]]) -> Vec<bool> {
    let mut flags = vec![false; vertices];
    triangles
        .iter()
        .flatten()
        .for_each(|i| flags[*i as usize] = true);
    flags
}

/// Parts triangles into those whose piece, all that hangs together over edges, is chosen, and the others.
fn pieces(triangles: Vec<[u32; 3]>, choose: impl Fn(&[[u32; 3]]) -> bool) -> Parts {
    let mut sets = Sets::new(triangles.len());
    let sides = topology::sides(&triangles);
    for edge in topology::edges(&sides) {
        for side in &edge[1..] {
            sets.join(edge[0].triangle, side.triangle);
        }
    }
    let mut order: Vec<(u32, [u32; 3])> = (0u32..)
        .zip(triangles)
        .map(|(i, t)| (sets.find(i), t))
        .collect();
    order.sort_by_key(|(set, _)| *set);
    let (mut chosen, mut others) = (Vec::new(), Vec::new());
    for piece in order.chunk_by(|a, b| a.0 == b.0) {
        let piece: Vec<[u32; 3]> = piece.iter().map(|(_, t)| *t).collect();
        let list = if choose(&piece) {
            &mut chosen
        } else {
            &mut others
        };
        list.extend(piece);
    }
    (chosen, others)
}
