//! Where a surface runs through itself.

use std::collections::BTreeSet;

use nalgebra::Vector3;
use stipple_model::frames::{Point, Scan};

use super::finding::ScanFinding;

/// Pairs of boxes that are compared at most. Source: this project's own; a scan of a million even triangles takes a third of it.
const MOST_PAIRS: usize = 60_000_000;
/// Cells a triangle may lie in on average; where some are so large that it is more, the cells are widened. Bounds the memory.
const CELLS_EACH: f64 = 24.0;
/// Crossings within this distance are told as one place, metres.
const ONE_PLACE: f64 = 0.015;
/// A height of this share of a triangle's size is rounding.
const IN_PLANE: f64 = 1e-9;
/// Places listed.
const LISTED: usize = 3;

pub(crate) type Corners = [Vector3<f64>; 3];

/// Looks for triangles that run through another; `edge` is a typical edge, metres.
pub(super) fn find(
    vertices: &[Point<Scan>],
    triangles: &[[u32; 3]],
    edge: f64,
) -> Option<ScanFinding> {
    find_within(vertices, triangles, edge, MOST_PAIRS)
}

/// The same, comparing no more than so many pairs.
fn find_within(
    vertices: &[Point<Scan>],
    triangles: &[[u32; 3]],
    edge: f64,
    most: usize,
) -> Option<ScanFinding> {
    let corners = |t: u32| triangles[t as usize].map(|i| vertices[i as usize].raw());
    let boxes: Vec<(Vector3<f64>, Vector3<f64>)> = (0u32..)
        .take(triangles.len())
        .map(|t| {
            let [a, b, c] = corners(t);
            (a.inf(&b).inf(&c), a.sup(&b).sup(&c))
        })
        .collect();
    let width = width(&boxes, edge);
    let sorted = cells(&boxes, width);
    let (mut crossing, mut pairs) = (BTreeSet::new(), 0usize);
    'all: for cell in sorted.chunk_by(|a, b| a.0 == b.0) {
        for (k, &(key, i)) in cell.iter().enumerate() {
            for &(_, j) in &cell[k + 1..] {
                pairs += 1;
                if pairs > most {
                    break 'all;
                }
                let (a, b) = (&boxes[i as usize], &boxes[j as usize]);
                let low = a.0.sup(&b.0);
                let high = a.1.inf(&b.1);
                // Only in the cell where the common box begins, or a pair would be looked at once for each cell it shares.
                if (0..3).any(|d| low[d] > high[d]) || cell_of(&low, width) != key {
                    continue;
                }
                if cross(
                    &triangles[i as usize],
                    &triangles[j as usize],
                    &corners(i),
                    &corners(j),
                ) {
                    crossing.extend([i, j]);
                }
            }
        }
    }
    let complete = pairs <= most;
    if crossing.is_empty() {
        // Nothing found so far is not the same as nothing there.
        return (!complete).then_some(ScanFinding::CrossingUnknown {
            triangles: triangles.len(),
        });
    }
    let middles: Vec<Vector3<f64>> = crossing
        .iter()
        .map(|&t| corners(t).iter().sum::<Vector3<f64>>() / 3.0)
        .collect();
    Some(ScanFinding::Crossing {
        triangles: crossing.len(),
        places: places(&middles),
        complete,
    })
}

fn cell_of(p: &Vector3<f64>, width: f64) -> [i64; 3] {
    [p.x, p.y, p.z].map(|c| (c / width).floor() as i64)
}

/// The cells' width: two edges, more if triangles would lie in too many cells.
fn width(boxes: &[(Vector3<f64>, Vector3<f64>)], edge: f64) -> f64 {
    let mut width = (2.0 * edge).max(1e-6);
    // Within 64 doublings any triangle of a head lies in a few cells.
    for _ in 0..64 {
        let cells: f64 = boxes
            .iter()
            .map(|(low, high)| ((high - low) / width).add_scalar(2.0).product())
            .sum();
        if cells <= CELLS_EACH * boxes.len() as f64 + 4096.0 {
            break;
        }
        width *= 2.0;
    }
    width
}

/// Cell and triangle, sorted.
fn cells(boxes: &[(Vector3<f64>, Vector3<f64>)], width: f64) -> Vec<([i64; 3], u32)> {
    let mut sorted = Vec::with_capacity(boxes.len() * 4);
    for (t, (low, high)) in (0u32..).zip(boxes) {
        let (from, to) = (cell_of(low, width), cell_of(high, width));
        for x in from[0]..=to[0] {
            for y in from[1]..=to[1] {
                sorted.extend((from[2]..=to[2]).map(|z| ([x, y, z], t)));
            }
        }
    }
    sorted.sort_unstable();
    sorted
}

/// Whether two triangles run through each other elsewhere than at corners they share.
pub(crate) fn cross(s: &[u32; 3], t: &[u32; 3], a: &Corners, b: &Corners) -> bool {
    let shared = s.iter().filter(|i| t.contains(i)).count();
    if shared >= 2 {
        // Neighbours can only fold flat onto each other.
        return false;
    }
    let edge_through = |s: &[u32; 3], a: &Corners, t: &[u32; 3], b: &Corners| {
        (0..3).any(|k| {
            let (from, to) = (k, (k + 1) % 3);
            // An edge from a common corner meets the other triangle there.
            !t.contains(&s[from]) && !t.contains(&s[to]) && pierces(&a[from], &a[to], b)
        })
    };
    edge_through(s, a, t, b) || edge_through(t, b, s, a)
}

/// Whether a segment passes through the inside of a triangle.
fn pierces(p: &Vector3<f64>, q: &Vector3<f64>, t: &Corners) -> bool {
    let volume = |a: &Vector3<f64>, b: &Vector3<f64>, c: &Vector3<f64>, d: &Vector3<f64>| {
        (b - a).cross(&(c - a)).dot(&(d - a))
    };
    let [a, b, c] = t;
    // Nearer to the triangle's plane than this an end lies in it, as far as numbers can tell: facets of a flat face do not cross.
    let (u, v) = ((b - a).norm(), (c - a).norm());
    let flat = IN_PLANE * u * v * u.max(v).max((q - p).norm());
    let (above, below) = (volume(a, b, c, p), volume(a, b, c, q));
    if above.min(below) >= -flat || above.max(below) <= flat {
        return false;
    }
    let (u, v, w) = (volume(p, q, a, b), volume(p, q, b, c), volume(p, q, c, a));
    (u > 0.0 && v > 0.0 && w > 0.0) || (u < 0.0 && v < 0.0 && w < 0.0)
}

/// Groups places that are close together; the first of a group names it.
fn places(middles: &[Vector3<f64>]) -> Vec<(Point<Scan>, usize)> {
    let mut groups: Vec<(Vector3<f64>, usize)> = Vec::new();
    for m in middles {
        match groups.iter().position(|(p, _)| (p - m).norm() < ONE_PLACE) {
            Some(known) => groups[known].1 += 1,
            // A surface that crosses itself everywhere has no places worth telling apart.
            None if groups.len() < 1000 => groups.push((*m, 1)),
            None => {}
        }
    }
    groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    groups.truncate(LISTED);
    groups
        .into_iter()
        .map(|(p, count)| (Point::from_raw(p), count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh(triangles: &[[[f64; 3]; 3]]) -> (Vec<Point<Scan>>, Vec<[u32; 3]>) {
        let vertices = triangles
            .iter()
            .flatten()
            .map(|p| Point::from_raw(Vector3::from(*p)))
            .collect();
        let triangles = (0u32..)
            .step_by(3)
            .take(triangles.len())
            .map(|i| [i, i + 1, i + 2])
            .collect();
        (vertices, triangles)
    }

    const FLAT: [[f64; 3]; 3] = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];

    #[test]
    fn a_triangle_through_another_is_found_and_one_beside_it_is_not() {
        let through = [[0.2, 0.2, -0.5], [0.2, 0.2, 0.5], [0.9, 0.9, 0.5]];
        let (v, t) = mesh(&[FLAT, through]);
        let found = find(&v, &t, 0.3).unwrap();
        assert!(
            matches!(
                found,
                ScanFinding::Crossing {
                    triangles: 2,
                    complete: true,
                    ..
                }
            ),
            "{found:?}"
        );
        let beside = through.map(|p| [p[0] + 0.7, p[1] + 0.7, p[2]]);
        let (v, t) = mesh(&[FLAT, beside]);
        assert_eq!(find(&v, &t, 0.3), None);
    }

    #[test]
    fn a_look_that_gave_up_before_it_found_any_says_so() {
        let beside = |k: u32| FLAT.map(|p| [p[0], p[1], f64::from(k) * 1e-3]);
        let stack: Vec<[[f64; 3]; 3]> = (0..20).map(beside).collect();
        let (v, t) = mesh(&stack);
        assert_eq!(find_within(&v, &t, 0.3, 10_000), None);
        let gave_up = find_within(&v, &t, 0.3, 100).unwrap();
        assert_eq!(gave_up, ScanFinding::CrossingUnknown { triangles: 20 });
        assert_eq!(gave_up.weight(), crate::scan::Weight::Warning);
    }

    #[test]
    fn one_huge_triangle_among_small_ones_takes_no_memory() {
        let huge = [[0.0, 0.0, 0.0], [1e3, 0.0, 0.0], [0.0, 1e3, 1e3]];
        let (v, t) = mesh(&[FLAT.map(|p| p.map(|c| c * 1e-3 + 0.05)), huge]);
        assert_eq!(find(&v, &t, 1e-3), None);
    }
}
