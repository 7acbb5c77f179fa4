//! Surface nets: the zero set of a field on a grid as triangles, one vertex in each cell the surface runs through.
//!
//! Two triangles or none meet at every edge: before anything is drawn, nodes are turned inside until nowhere two inner nodes of a cell
//! meet only across a face's or the cell's diagonal (a well-composed image, Latecki 1997). Elsewhere one vertex a cell would have to
//! serve two sheets.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::grid::{At, RIM, SIDE, corner};
use super::poisson::Field;

/// A node turned inside keeps this share of its value: the surface passes close to where it was.
const TURNED: f64 = 0.05;

/// Vertices and outward triangles (the field is negative inside).
pub(super) fn surface(mut field: Field) -> (Vec<Vector3<f64>>, Vec<[u32; 3]>) {
    compose(&mut field);
    let field = &field;
    let found: Vec<(usize, Vector3<f64>)> = (0..field.grid.len())
        .into_par_iter()
        .flat_map_iter(|slot| {
            let cells = Cells::new(field, slot);
            (0..SIDE * SIDE * SIDE)
                .filter_map(move |i| {
                    let cell = cells.as_ref()?;
                    let at = [i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)];
                    Some((slot * SIDE * SIDE * SIDE + i, cell.vertex(at, field)?))
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let mut vertex_of = vec![u32::MAX; field.values.len()];
    for (number, (node, _)) in (0u32..).zip(&found) {
        vertex_of[*node] = number;
    }
    let vertices: Vec<Vector3<f64>> = found.into_iter().map(|(_, v)| v).collect();
    let triangles = (0..field.grid.len())
        .into_par_iter()
        .flat_map_iter(|slot| quads(field, slot, &vertex_of))
        .flat_map_iter(|quad| cut(&vertices, quad))
        .collect();
    (vertices, triangles)
}

/// The cells whose first corner is a node of one block.
struct Cells {
    values: Box<[f64; RIM * RIM * RIM]>,
    /// Where the block's first node is.
    base: At,
}

impl Cells {
    /// `None` if the surface does not run through.
    fn new(field: &Field, slot: usize) -> Option<Self> {
        let mut values = Box::new([0.0; RIM * RIM * RIM]);
        field.grid.with_rim(&field.values, slot, &mut values);
        let mixed = values.iter().any(|v| *v < 0.0) && values.iter().any(|v| *v >= 0.0);
        mixed.then(|| Self {
            values,
            base: field.grid.block(slot).map(|b| b * SIDE as i32),
        })
    }

    /// The value at a node of the block or next to it.
    fn value(&self, at: [usize; 3]) -> f64 {
        self.values[((at[2] + 1) * RIM + at[1] + 1) * RIM + at[0] + 1]
    }

    /// The values at a cell's corners; `None` if one is missing.
    fn corners(&self, at: [usize; 3]) -> Option<[f64; 8]> {
        let values = std::array::from_fn(|k| {
            self.value([
                at[0] + (k & 1),
                at[1] + ((k >> 1) & 1),
                at[2] + ((k >> 2) & 1),
            ])
        });
        (!values.iter().any(|v: &f64| v.is_nan())).then_some(values)
    }

    /// The middle of the places where the surface crosses the cell's edges.
    fn vertex(&self, at: [usize; 3], field: &Field) -> Option<Vector3<f64>> {
        let value = self.corners(at)?;
        let (mut sum, mut count) = (Vector3::zeros(), 0.0);
        let place = |k: usize| Vector3::from(corner([0; 3], k).map(f64::from));
        for a in 0..8usize {
            for bit in [1, 2, 4] {
                let b = a | bit;
                if a & bit != 0 || (value[a] < 0.0) == (value[b] < 0.0) {
                    continue;
                }
                let t = value[a] / (value[a] - value[b]);
                sum += place(a) + (place(b) - place(a)) * t;
                count += 1.0;
            }
        }
        let first = Vector3::from([0, 1, 2].map(|a| f64::from(self.base[a]) + at[a] as f64));
        (count > 0.0).then(|| field.grid.origin + (first + sum / count) * field.grid.cell)
    }
}

/// Turns nodes inside until one vertex a cell is enough. Nodes only ever turn one way, so it ends.
fn compose(field: &mut Field) {
    let mut slots: Vec<usize> = (0..field.grid.len()).collect();
    while !slots.is_empty() {
        let mut turned: Vec<At> = slots
            .par_iter()
            .flat_map_iter(|&slot| {
                let cells = Cells::new(field, slot);
                (0..SIDE * SIDE * SIDE)
                    .filter_map(move |i| {
                        let cells = cells.as_ref()?;
                        let at = [i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)];
                        let k = critical(&cells.corners(at)?)?;
                        let at = [0, 1, 2].map(|a| cells.base[a] + at[a] as i32);
                        Some(corner(at, k))
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        turned.sort_unstable();
        turned.dedup();
        slots.clear();
        for at in turned {
            if let Some(node) = field.grid.node(at) {
                field.values[node] = (-TURNED * field.values[node].abs()).min(-f64::MIN_POSITIVE);
            }
            // Every cell the node is a corner of is looked at again.
            slots.extend((0..8).filter_map(|k| {
                let first = corner(at.map(|a| a - 1), k);
                field.grid.slot(first.map(|a| a.div_euclid(SIDE as i32)))
            }));
        }
        slots.sort_unstable();
        slots.dedup();
    }
}

/// Corners of the six faces, in turn.
const FACES: [[usize; 4]; 6] = [
    [0, 2, 6, 4],
    [1, 3, 7, 5],
    [0, 1, 5, 4],
    [2, 3, 7, 6],
    [0, 1, 3, 2],
    [4, 5, 7, 6],
];

/// The corner to turn inside where two inner or two outer corners meet only across a diagonal.
fn critical(value: &[f64; 8]) -> Option<usize> {
    let inside = |k: usize| value[k] < 0.0;
    let nearest = |list: &mut dyn Iterator<Item = usize>| {
        list.filter(|k| !inside(*k))
            .min_by(|a, b| value[*a].total_cmp(&value[*b]).then(a.cmp(b)))
    };
    for face in FACES {
        let [a, b, c, d] = face;
        if inside(a) == inside(c) && inside(b) == inside(d) && inside(a) != inside(b) {
            return nearest(&mut face.into_iter());
        }
    }
    let count = (0..8).filter(|k| inside(*k)).count();
    let across = |inner: bool| (0..4).any(|k| inside(k) == inner && inside(7 - k) == inner);
    if (count == 2 && across(true)) || (count == 6 && across(false)) {
        return nearest(&mut (0..8));
    }
    None
}

/// The quads around the edges that begin at a block's nodes and that the surface crosses.
fn quads(field: &Field, slot: usize, vertex_of: &[u32]) -> Vec<[u32; 4]> {
    let mut quads = Vec::new();
    let Some(cells) = Cells::new(field, slot) else {
        return quads;
    };
    let vertex = |at: At| {
        let node = field.grid.node(at)?;
        Some(vertex_of[node]).filter(|v| *v != u32::MAX)
    };
    for i in 0..SIDE * SIDE * SIDE {
        let at = [i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)];
        let here = cells.value(at);
        for axis in 0..3 {
            let mut next = at;
            next[axis] += 1;
            let there = cells.value(next);
            if here.is_nan() || there.is_nan() || (here < 0.0) == (there < 0.0) {
                continue;
            }
            // The four cells around this edge, in turn around the axis.
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            let cell = |du: i32, dv: i32| {
                let mut c = [0, 1, 2].map(|a| cells.base[a] + at[a] as i32);
                c[u] -= du;
                c[v] -= dv;
                vertex(c)
            };
            if let (Some(a), Some(b), Some(c), Some(d)) =
                (cell(1, 1), cell(0, 1), cell(0, 0), cell(1, 0))
            {
                quads.push(if here < 0.0 {
                    [a, b, c, d]
                } else {
                    [d, c, b, a]
                });
            }
        }
    }
    quads
}

/// Cuts a quad along its shorter diagonal.
fn cut(vertices: &[Vector3<f64>], [a, b, c, d]: [u32; 4]) -> [[u32; 3]; 2] {
    let length = |i: u32, j: u32| (vertices[i as usize] - vertices[j as usize]).norm_squared();
    if length(a, c) <= length(b, d) {
        [[a, b, c], [a, c, d]]
    } else {
        [[b, c, d], [b, d, a]]
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::Grid;
    use super::*;
    use crate::scan::topology;

    #[test]
    fn the_surface_of_any_field_is_manifold() {
        // White noise: every ambiguous cell there is.
        let blocks = [3, 3, 3];
        for seed in 0..4u64 {
            let grid = Grid::new(Vector3::zeros(), 1.0, blocks, &[true; 27]);
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
            let values = (0..grid.nodes())
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state >> 11) as f64 / (1u64 << 53) as f64 - 0.15
                })
                .collect();
            let (vertices, triangles) = surface(Field { grid, values });
            assert!(triangles.len() > 1000, "{}", triangles.len());
            let sides = topology::sides(&triangles);
            assert!(topology::edges(&sides).all(|e| e.len() <= 2));
            assert!(
                triangles
                    .iter()
                    .flatten()
                    .all(|i| (*i as usize) < vertices.len())
            );
            // Wound alike: each edge is run through once in either direction.
            let runs = topology::edges(&sides).filter(|e| e.len() == 2).all(|e| {
                let run = |k: usize| {
                    topology::runs(&triangles[e[k].triangle as usize], e[k].low, e[k].high)
                };
                run(0) != run(1)
            });
            assert!(runs);
        }
    }
}
