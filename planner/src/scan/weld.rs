//! Triangles that share no corner exactly, as some exporters write them with each corner rounded on its own, joined where corners are
//! all but the same.

use std::collections::HashMap;

use nalgebra::Vector3;
use stipple_model::units::Length;

use super::error::ScanError;
use super::finding::ScanFinding;

/// Corners are joined within this share of a short edge. Source: this project's own: an edge is never closed up by it, and a dot is moved
/// by a thousandth of its distance to the next at most.
const WITHIN: f64 = 0.02;
/// The edge that is short: one in so many is shorter.
const SHORT: usize = 20;

type Cell = [i64; 3];

/// Joins the corners of triangles that hang together nowhere, or hardly; refuses them if they do not afterwards either. A closed surface
/// has half as many corners as triangles, and three times as many where nothing is joined: more corners than triangles is no surface.
pub(super) fn weld(
    vertices: &[Vector3<f64>],
    triangles: &mut [[u32; 3]],
    findings: &mut Vec<ScanFinding>,
) -> Result<(), ScanError> {
    let before = corners(vertices, triangles);
    // A handful of triangles is left to those who know what is wrong with it.
    if before <= triangles.len() || triangles.len() < 100 {
        return Ok(());
    }
    let within = WITHIN * short_edge(vertices, triangles);
    join_near(vertices, triangles, within);
    let after = corners(vertices, triangles);
    if after > triangles.len() {
        return Err(ScanError::NotJoined {
            triangles: triangles.len(),
            within,
        });
    }
    findings.push(ScanFinding::Welded {
        vertices: before - after,
        within: Length::from_m(within),
    });
    Ok(())
}

/// Vertices that triangles use.
fn corners(vertices: &[Vector3<f64>], triangles: &[[u32; 3]]) -> usize {
    let mut used = vec![false; vertices.len()];
    triangles
        .iter()
        .flatten()
        .for_each(|&i| used[i as usize] = true);
    used.into_iter().filter(|u| *u).count()
}

fn short_edge(vertices: &[Vector3<f64>], triangles: &[[u32; 3]]) -> f64 {
    let mut lengths: Vec<f64> = triangles
        .iter()
        .flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])])
        .map(|(a, b)| (vertices[a as usize] - vertices[b as usize]).norm())
        .filter(|length| *length > 0.0)
        .collect();
    let place = lengths.len() / SHORT;
    if lengths.is_empty() {
        return 0.0;
    }
    *lengths.select_nth_unstable_by(place, f64::total_cmp).1
}

/// Gives every corner the first vertex that lies within this distance.
fn join_near(vertices: &[Vector3<f64>], triangles: &mut [[u32; 3]], within: f64) {
    let low = vertices
        .iter()
        .copied()
        .reduce(|low, v| low.inf(&v))
        .unwrap_or_default();
    let cell = |v: &Vector3<f64>| -> Cell {
        let q = (v - low) / within;
        [q.x, q.y, q.z].map(|c| c.floor() as i64)
    };
    // Those kept lie apart, so that a cell holds a few; in a file whose numbers go beyond all bounds no more are looked at.
    const MOST_HELD: usize = 16;
    let mut kept: HashMap<Cell, Vec<u32>> = HashMap::new();
    let mut target: Vec<Option<u32>> = vec![None; vertices.len()];
    for corner in triangles.iter_mut().flatten() {
        let v = &vertices[*corner as usize];
        let known =
            target[*corner as usize].or_else(|| nearest(vertices, &kept, cell(v), v, within));
        let joined = known.unwrap_or(*corner);
        if known.is_none() {
            let held = kept.entry(cell(v)).or_default();
            if held.len() < MOST_HELD {
                held.push(joined);
            }
        }
        target[*corner as usize] = Some(joined);
        *corner = joined;
    }
}

fn nearest(
    vertices: &[Vector3<f64>],
    kept: &HashMap<Cell, Vec<u32>>,
    cell: Cell,
    v: &Vector3<f64>,
    within: f64,
) -> Option<u32> {
    let around = (0..27).map(|k| {
        let step = [k % 3, k / 3 % 3, k / 9].map(|s: i64| s - 1);
        [0, 1, 2].map(|d| cell[d].saturating_add(step[d]))
    });
    around
        .filter_map(|cell| kept.get(&cell))
        .flatten()
        .map(|&i| ((vertices[i as usize] - v).norm(), i))
        .filter(|(distance, _)| *distance <= within)
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        .map(|(_, i)| i)
}
