//! Screened Poisson reconstruction (Kazhdan and Hoppe 2013): the function whose gradient is the points' normals and which is zero at
//! the points; its zero set is the surface.
//!
//! Own solver: the one crate that does this (`poisson_reconstruction` 0.4) had not finished 50,000 points at depth 6 after 200 s on two
//! cores, even with screening off, and it brings older parry and nalgebra along. Here cells are halved level by level. While a level is
//! small it covers the whole room; a finer one is only there in blocks near the points and near the coarser level's surface, and takes
//! its border values from that level. So memory goes with the surface, not with the room around it, and is bounded by [`MOST_NODES`].
//! Each level is solved by conjugate gradients; sums run in a fixed order, so that the result does not depend on the number of threads.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::grid::{At, BLOCK, Corners, Grid, SIDE, corner};

/// The most nodes of a level: a finer one is not begun. Source: five numbers of eight bytes for each make 240 MB.
pub(super) const MOST_NODES: usize = 6_000_000;
/// A level of at most so many nodes covers the whole room.
const WHOLE: usize = 300_000;
/// Room around the points, as a share of the longest side.
const MARGIN: f64 = 0.06;
/// Coarsest level: cells along the longest side.
const COARSEST: f64 = 9.0;
/// Iterations on levels that cover the room, and on finer ones, which only have detail to add. Source: the residual's share is below
/// 1% then.
const ITERATIONS: [usize; 2] = [50, 24];
/// How much a point holds the surface, against the normals. Source: Kazhdan and Hoppe use 4.
const SCREENING: f64 = 4.0;
/// Cells around a point that a finer level covers.
const BAND: i32 = 3;

/// A function on the nodes of a grid; negative inside.
pub(super) struct Field {
    /// The nodes.
    pub grid: Grid,
    /// A value for each.
    pub values: Vec<f64>,
}

/// Points of one cell as one.
struct Sample {
    at: Vector3<f64>,
    /// The sum of their normals by the surface they stand for.
    flow: Vector3<f64>,
    /// The surface they stand for.
    area: f64,
}

/// Reconstructs: `areas` are the surfaces the points stand for, `cell` the least distance of nodes that makes sense.
pub(super) fn reconstruct(
    points: &[Vector3<f64>],
    normals: &[Vector3<f64>],
    areas: &[f64],
    cell: f64,
) -> Field {
    let start = points.first().copied().unwrap_or_default();
    let (low, high) = points
        .iter()
        .fold((start, start), |(lo, hi), p| (lo.inf(p), hi.sup(p)));
    let margin = (high - low).max() * MARGIN + 3.0 * cell;
    let size = (high - low).add_scalar(2.0 * margin);
    // The index of a node fits 32 bits and the map of blocks stays small, whatever the points are.
    let cell = cell.max(size.max() / 1000.0).max(f64::MIN_POSITIVE);
    let levels = (size.max() / cell / COARSEST).log2().max(0.0) as u32;
    let coarse = cell * f64::from(1u32 << levels);
    let blocks =
        [0, 1, 2].map(|a| ((size[a] / coarse + 1.0) / SIDE as f64).ceil().max(1.0) as usize);
    let room = Vector3::from(blocks.map(|b| (b * SIDE) as f64 * coarse));
    let origin = low.add_scalar(-margin) - (room - size) * 0.5;
    let whole = vec![true; blocks.iter().product()];
    let grid = Grid::new(origin, coarse, blocks, &whole);
    let values = vec![0.5; grid.nodes()];
    let mut field = Field { grid, values };
    solve(
        &mut field,
        &samples(points, normals, areas, origin, coarse),
        ITERATIONS[0],
    );
    for _ in 0..levels {
        let finer = field.grid.cell * 0.5;
        let samples = samples(points, normals, areas, origin, finer);
        let Some(mut next) = refine(&field, &samples) else {
            break;
        };
        let whole = next.grid.len() == next.grid.blocks.iter().product::<usize>();
        solve(&mut next, &samples, ITERATIONS[usize::from(!whole)]);
        field = next;
    }
    let level = {
        let samples = samples(points, normals, areas, origin, field.grid.cell);
        let (sum, total) = samples.iter().fold((0.0, 0.0), |(sum, total), s| {
            field
                .at(&s.at)
                .map_or((sum, total), |v| (sum + v * s.area, total + s.area))
        });
        if total > 0.0 { sum / total } else { 0.0 }
    };
    field.values.iter_mut().for_each(|v| *v -= level);
    field
}

impl Field {
    /// The value at a point, if the grid is there.
    pub fn at(&self, p: &Vector3<f64>) -> Option<f64> {
        let (nodes, weights) = self.grid.corners(p, Vector3::zeros())?;
        Some(
            (0..8)
                .map(|k| weights[k] * self.values[nodes[k] as usize])
                .sum(),
        )
    }
}

/// One sample for each cell that has points, in the cells' order.
fn samples(
    points: &[Vector3<f64>],
    normals: &[Vector3<f64>],
    areas: &[f64],
    origin: Vector3<f64>,
    cell: f64,
) -> Vec<Sample> {
    let mut order: Vec<(At, u32)> = (0u32..)
        .zip(points)
        .map(|(i, p)| {
            let q = (p - origin) / cell;
            ([q.z, q.y, q.x].map(|c| c.floor() as i32), i)
        })
        .collect();
    order.par_sort_unstable();
    order
        .chunk_by(|a, b| a.0 == b.0)
        .map(|own| {
            let mut sample = Sample {
                at: Vector3::zeros(),
                flow: Vector3::zeros(),
                area: 0.0,
            };
            for i in own.iter().map(|(_, i)| *i as usize) {
                sample.at += points[i] * areas[i];
                sample.flow += normals[i] * areas[i];
                sample.area += areas[i];
            }
            if sample.area > 0.0 {
                sample.at /= sample.area;
            } else {
                sample.at = points[own[0].1 as usize];
            }
            sample
        })
        .collect()
}

/// The next level with the values of this one; `None` if it would be too large.
fn refine(coarse: &Field, samples: &[Sample]) -> Option<Field> {
    let blocks = coarse.grid.blocks.map(|b| 2 * b);
    let all: usize = blocks.iter().product();
    let chosen = if all * BLOCK <= WHOLE {
        vec![true; all]
    } else {
        let mut chosen = vec![false; all];
        let mut choose = |low: At, high: At| {
            // A block is wider than what is marked: its corners are enough.
            for k in 0..8 {
                let at = [0, 1, 2].map(|a| if (k >> a) & 1 == 1 { high[a] } else { low[a] });
                let block = at.map(|a| a.div_euclid(SIDE as i32));
                // Without the coarser block there would be no values to begin with.
                if coarse.grid.slot(block.map(|b| b.div_euclid(2))).is_some()
                    && let Some(i) = Grid::flag(blocks, block)
                {
                    chosen[i] = true;
                }
            }
        };
        let finer = coarse.grid.cell * 0.5;
        for s in samples {
            let at = [0, 1, 2].map(|a| ((s.at[a] - coarse.grid.origin[a]) / finer).floor() as i32);
            choose(at.map(|a| a - BAND), at.map(|a| a + 1 + BAND));
        }
        for at in crossings(coarse) {
            choose(at.map(|a| 2 * a - 1), at.map(|a| 2 * a + 3));
        }
        chosen
    };
    if chosen.iter().filter(|c| **c).count() * BLOCK > MOST_NODES {
        return None;
    }
    let grid = Grid::new(coarse.grid.origin, coarse.grid.cell * 0.5, blocks, &chosen);
    let mut values = vec![0.5; grid.nodes()];
    values
        .par_chunks_mut(BLOCK)
        .enumerate()
        .for_each(|(slot, out)| {
            let base = grid.block(slot).map(|b| b * SIDE as i32);
            for (i, value) in out.iter_mut().enumerate() {
                let at = [i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)];
                let at = [0, 1, 2].map(|a| base[a] + at[a] as i32);
                let (mut sum, mut count) = (0.0, 0.0);
                for k in 0..8 {
                    // An odd node lies between two coarse ones on that axis.
                    let node = corner([0; 3], k);
                    let near = [0, 1, 2].map(|a| (at[a] + node[a]).div_euclid(2));
                    if let Some(n) = coarse.grid.node(near) {
                        sum += coarse.values[n];
                        count += 1.0;
                    }
                }
                if count > 0.0 {
                    *value = sum / count;
                }
            }
        });
    Some(Field { grid, values })
}

/// The cells the surface runs through.
fn crossings(field: &Field) -> Vec<At> {
    (0..field.grid.len())
        .into_par_iter()
        .flat_map_iter(|slot| {
            let base = field.grid.block(slot).map(|b| b * SIDE as i32);
            (0..BLOCK).filter_map(move |i| {
                let at = [i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)];
                let at = [0, 1, 2].map(|a| base[a] + at[a] as i32);
                let inside = field.values[slot * BLOCK + i] < 0.0;
                let crosses = [1, 2, 4].into_iter().any(|k| {
                    field
                        .grid
                        .node(corner(at, k))
                        .is_some_and(|n| (field.values[n] < 0.0) != inside)
                });
                crosses.then_some(at)
            })
        })
        .collect()
}

/// The system of one level: minus the Laplacian plus the points' hold.
struct System<'a> {
    grid: &'a Grid,
    neighbours: Vec<[Option<usize>; 6]>,
    /// Nodes around each sample, and how much it holds them.
    holds: Vec<(Corners, f64)>,
}

impl System<'_> {
    /// The left side times `x`; nodes at the border of what is there are fixed and give nothing.
    fn times(&self, x: &[f64], out: &mut [f64]) {
        out.par_chunks_mut(BLOCK)
            .enumerate()
            .for_each(|(slot, out)| self.laplace(slot, x, out));
        let pulls: Vec<f64> = self
            .holds
            .par_iter()
            .map(|((nodes, weights), hold)| {
                let value: f64 = (0..8).map(|k| weights[k] * x[nodes[k] as usize]).sum();
                hold * value
            })
            .collect();
        for (((nodes, weights), _), pull) in self.holds.iter().zip(&pulls) {
            for k in 0..8 {
                out[nodes[k] as usize] += pull * weights[k];
            }
        }
        self.clear_border(out);
    }

    /// Six times each node less its six neighbours.
    fn laplace(&self, slot: usize, x: &[f64], out: &mut [f64]) {
        let around = &self.neighbours[slot];
        let own = &x[slot * BLOCK..(slot + 1) * BLOCK];
        let row_of = |block: Option<usize>, row: usize| {
            block.map(|b| &x[b * BLOCK + row * SIDE..b * BLOCK + (row + 1) * SIDE])
        };
        const LAST: usize = SIDE - 1;
        for z in 0..SIDE {
            for y in 0..SIDE {
                let row = z * SIDE + y;
                let here = Some(slot);
                let (front, back) = (
                    if y > 0 {
                        row_of(here, row - 1)
                    } else {
                        row_of(around[2], row + LAST)
                    },
                    if y < LAST {
                        row_of(here, row + 1)
                    } else {
                        row_of(around[3], row - LAST)
                    },
                );
                let (below, above) = (
                    if z > 0 {
                        row_of(here, row - SIDE)
                    } else {
                        row_of(around[4], row + LAST * SIDE)
                    },
                    if z < LAST {
                        row_of(here, row + SIDE)
                    } else {
                        row_of(around[5], row - LAST * SIDE)
                    },
                );
                let line = &own[row * SIDE..(row + 1) * SIDE];
                let out = &mut out[row * SIDE..(row + 1) * SIDE];
                let (Some(front), Some(back), Some(below), Some(above)) =
                    (front, back, below, above)
                else {
                    out.fill(0.0);
                    continue;
                };
                let left = row_of(around[0], row).map_or(0.0, |r| r[LAST]);
                let right = row_of(around[1], row).map_or(0.0, |r| r[0]);
                for i in 0..SIDE {
                    let before = if i > 0 { line[i - 1] } else { left };
                    let after = if i < LAST { line[i + 1] } else { right };
                    let sum = before + after + front[i] + back[i] + below[i] + above[i];
                    out[i] = 6.0f64.mul_add(line[i], -sum);
                }
            }
        }
    }

    /// Zero at nodes that have a neighbour missing.
    fn clear_border(&self, values: &mut [f64]) {
        values
            .par_chunks_mut(BLOCK)
            .zip(&self.neighbours)
            .filter(|(_, around)| around.iter().any(Option::is_none))
            .for_each(|(values, around)| {
                for (i, value) in values.iter_mut().enumerate() {
                    let at = [i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)];
                    let border = (0..3).any(|a| {
                        (at[a] == 0 && around[2 * a].is_none())
                            || (at[a] == SIDE - 1 && around[2 * a + 1].is_none())
                    });
                    if border {
                        *value = 0.0;
                    }
                }
            });
    }
}

/// A sum of products in a fixed order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let parts: Vec<f64> = a
        .par_chunks(1 << 14)
        .zip(b.par_chunks(1 << 14))
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum())
        .collect();
    parts.iter().sum()
}

/// Improves the field's values by conjugate gradients; the border keeps its value.
fn solve(field: &mut Field, samples: &[Sample], iterations: usize) {
    let mut residual = divergence(&field.grid, samples);
    let mut x = std::mem::take(&mut field.values);
    let grid = &field.grid;
    let scale = SCREENING / (grid.cell * grid.cell);
    let system = System {
        grid,
        neighbours: (0..grid.len()).map(|slot| grid.neighbours(slot)).collect(),
        holds: samples
            .iter()
            .filter_map(|s| Some((grid.corners(&s.at, Vector3::zeros())?, scale * s.area)))
            .collect(),
    };
    let mut product = vec![0.0; system.grid.nodes()];
    // The fixed border acts on its neighbours: the first residual takes it into account.
    system.times(&x, &mut product);
    residual
        .par_iter_mut()
        .zip(&product)
        .for_each(|(r, p)| *r -= p);
    system.clear_border(&mut residual);
    let mut way = residual.clone();
    let mut size = dot(&residual, &residual);
    let enough = size * 1e-8;
    for _ in 0..iterations {
        if size <= enough || size < f64::MIN_POSITIVE {
            break;
        }
        system.times(&way, &mut product);
        let curve = dot(&way, &product);
        if curve <= 0.0 {
            break;
        }
        let step = size / curve;
        x.par_iter_mut().zip(&way).for_each(|(x, w)| *x += step * w);
        residual
            .par_iter_mut()
            .zip(&product)
            .for_each(|(r, p)| *r -= step * p);
        let next = dot(&residual, &residual);
        let turn = next / size;
        size = next;
        way.par_iter_mut()
            .zip(&residual)
            .for_each(|(w, r)| *w = turn.mul_add(*w, *r));
    }
    field.values = x;
}

/// Minus the divergence of the normals, spread over the grid, times the cell's area: the right side. The jump across the surface is 1.
fn divergence(grid: &Grid, samples: &[Sample]) -> Vec<f64> {
    let mut right = vec![0.0; grid.nodes()];
    let scale = 1.0 / (grid.cell * grid.cell);
    for axis in 0..3 {
        // Components live in the middle of the edges along their axis.
        let mut shift = Vector3::zeros();
        shift[axis] = 0.5;
        for s in samples {
            let (at, part) = grid.locate(&s.at, shift);
            for k in 0..8 {
                let node = corner(at, k);
                let weight: f64 = (0..3)
                    .map(|a| {
                        if node[a] > at[a] {
                            part[a]
                        } else {
                            1.0 - part[a]
                        }
                    })
                    .product();
                let flow = scale * weight * s.flow[axis];
                let mut next = node;
                next[axis] += 1;
                if let (Some(here), Some(there)) = (grid.node(node), grid.node(next)) {
                    right[here] -= flow;
                    right[there] += flow;
                }
            }
        }
    }
    right
}
