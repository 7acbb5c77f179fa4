//! Which triangles meet at which edges.

use std::collections::BTreeMap;

/// One side of a triangle: the edge's two vertices, smaller first, and the triangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Side {
    /// The smaller vertex.
    pub low: u32,
    /// The larger vertex.
    pub high: u32,
    /// The triangle.
    pub triangle: u32,
}

/// All sides, sorted, so that the triangles of one edge stand together.
pub(crate) fn sides(triangles: &[[u32; 3]]) -> Vec<Side> {
    let mut sides: Vec<Side> = (0u32..)
        .zip(triangles)
        .flat_map(|(triangle, t)| {
            [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])].map(|(a, b)| Side {
                low: a.min(b),
                high: a.max(b),
                triangle,
            })
        })
        .collect();
    sides.sort_unstable();
    sides
}

/// The triangles of each edge in turn.
pub(crate) fn edges(sides: &[Side]) -> impl Iterator<Item = &[Side]> {
    sides.chunk_by(|a, b| (a.low, a.high) == (b.low, b.high))
}

/// Whether the triangle runs from `a` to `b`.
pub(crate) fn runs(triangle: &[u32; 3], a: u32, b: u32) -> bool {
    let [x, y, z] = *triangle;
    [(x, y), (y, z), (z, x)].contains(&(a, b))
}

/// The edges with one triangle only, as (from, to) in the triangle's direction.
pub(crate) fn boundary(triangles: &[[u32; 3]]) -> Vec<(u32, u32)> {
    edges(&sides(triangles))
        .filter(|edge| edge.len() == 1)
        .map(|edge| {
            let side = edge[0];
            if runs(&triangles[side.triangle as usize], side.low, side.high) {
                (side.low, side.high)
            } else {
                (side.high, side.low)
            }
        })
        .collect()
}

/// The boundary edges chained to loops of vertices, longest first.
pub(crate) fn loops(triangles: &[[u32; 3]]) -> Vec<Vec<u32>> {
    let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (from, to) in boundary(triangles) {
        next.entry(from).or_default().push(to);
    }
    let mut loops = Vec::new();
    while let Some((&start, _)) = next.first_key_value() {
        let mut ring = vec![start];
        let mut at = start;
        while let Some(ends) = next.get_mut(&at) {
            let to = ends.pop();
            if ends.is_empty() {
                next.remove(&at);
            }
            match to {
                Some(to) if to != start => {
                    ring.push(to);
                    at = to;
                }
                _ => break,
            }
        }
        loops.push(ring);
    }
    loops.sort_by_key(|ring| std::cmp::Reverse(ring.len()));
    loops
}

/// A forest of merged sets.
pub(crate) struct Sets {
    parent: Vec<u32>,
}

impl Sets {
    /// `n` sets of one.
    pub fn new(n: usize) -> Self {
        Self {
            parent: (0u32..).take(n).collect(),
        }
    }

    /// The set's representative.
    pub fn find(&mut self, mut i: u32) -> u32 {
        while self.parent[i as usize] != i {
            let up = self.parent[self.parent[i as usize] as usize];
            self.parent[i as usize] = up;
            i = up;
        }
        i
    }

    /// Makes two sets one; the smaller representative stays, so the result does not depend on the order.
    pub fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_has_one_loop_of_four() {
        let square = [[0, 1, 2], [0, 2, 3]];
        assert_eq!(boundary(&square).len(), 4);
        let rings = loops(&square);
        assert_eq!(rings.len(), 1);
        assert_eq!(rings[0].len(), 4);
    }

    #[test]
    fn two_holes_touching_in_a_vertex_still_end() {
        let bow = [[0, 1, 2], [0, 3, 4]];
        assert_eq!(loops(&bow).iter().map(Vec::len).sum::<usize>(), 6);
    }
}
