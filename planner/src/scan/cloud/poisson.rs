//! Screened Poisson reconstruction (Kazhdan and Hoppe 2013) on a regular grid: the function whose gradient is the points' normals and
//! which is zero at the points; its zero set is the surface.
//!
//! Own solver: the one crate that does this (`poisson_reconstruction` 0.4) had not finished 50,000 points at depth 6 after 200 s on two
//! cores, even with screening off, and it brings older parry and nalgebra along. A head needs no octree: a grid of a fixed number of
//! nodes bounds time and memory whatever the points are. Solved from coarse to fine by conjugate gradients; sums run in a fixed order,
//! so that the result does not depend on the number of threads.

use nalgebra::Vector3;
use rayon::prelude::*;

/// Nodes along the longest side. Source: this project's own; a head of 250 mm then has cells of 2 mm; a scan of 300,000 points takes 570 MB
/// at its peak, all stages included.
const LONGEST_SIDE: usize = 144;
/// Room around the points, as a share of the longest side.
const MARGIN: f64 = 0.06;
/// Coarsest level: cells along the longest side.
const COARSEST: usize = 9;
/// Iterations on each level. Source: the residual's share is below 1% then; coarse levels have done the smooth part.
const ITERATIONS: usize = 50;
/// How much a point holds the surface, against the normals. Source: Kazhdan and Hoppe use 4.
const SCREENING: f64 = 4.0;

/// A function on the nodes of a regular grid.
pub(super) struct Field {
    /// Nodes along each axis.
    pub nodes: [usize; 3],
    /// Where the first node is.
    pub origin: Vector3<f64>,
    /// Distance of the nodes.
    pub cell: f64,
    /// A value for each node, x fastest; negative inside.
    pub values: Vec<f64>,
}

/// Eight nodes around a point and their weights.
type Corners = [(usize, f64); 8];

impl Field {
    fn new(nodes: [usize; 3], origin: Vector3<f64>, cell: f64) -> Self {
        Self {
            nodes,
            origin,
            cell,
            values: vec![0.0; nodes.iter().product()],
        }
    }

    /// A node's number.
    pub const fn node(&self, at: [usize; 3]) -> usize {
        (at[2] * self.nodes[1] + at[1]) * self.nodes[0] + at[0]
    }

    /// The cell a point lies in and where in it, kept inside the grid.
    fn locate(&self, p: &Vector3<f64>, shift: [f64; 3]) -> ([usize; 3], [f64; 3]) {
        let mut at = [0; 3];
        let mut part = [0.0; 3];
        for axis in 0..3 {
            let x = (p[axis] - self.origin[axis]) / self.cell - shift[axis];
            let last = (self.nodes[axis] - 2) as f64;
            let floor = x.floor().max(0.0).min(last);
            at[axis] = floor as usize;
            part[axis] = (x - floor).clamp(0.0, 1.0);
        }
        (at, part)
    }

    fn corners(&self, p: &Vector3<f64>, shift: [f64; 3]) -> Corners {
        let (at, part) = self.locate(p, shift);
        std::array::from_fn(|k| {
            let bit = [k & 1, (k >> 1) & 1, (k >> 2) & 1];
            let weight: f64 = (0..3)
                .map(|a| if bit[a] == 1 { part[a] } else { 1.0 - part[a] })
                .product();
            let node = self.node([at[0] + bit[0], at[1] + bit[1], at[2] + bit[2]]);
            (node, weight)
        })
    }

    /// The value at a point.
    pub fn at(&self, p: &Vector3<f64>) -> f64 {
        self.corners(p, [0.0; 3])
            .iter()
            .map(|&(node, w)| w * self.values[node])
            .sum()
    }
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
    let (low, size) = (
        low.add_scalar(-margin),
        (high - low).add_scalar(2.0 * margin),
    );
    let longest = size.max().max(f64::MIN_POSITIVE);
    // Cells double from level to level, so the finest has a multiple of 2^levels.
    let fine = ((longest / cell) as usize).clamp(COARSEST, LONGEST_SIDE);
    let levels = (fine / COARSEST).ilog2() as usize;
    let coarse = longest / (fine >> levels) as f64;
    let cells = [0, 1, 2].map(|a| ((size[a] / coarse).ceil() as usize).max(3));
    let mut field: Option<Field> = None;
    for level in 0..=levels {
        let nodes = cells.map(|c| (c << level) + 1);
        let mut next = Field::new(nodes, low, coarse / (1 << level) as f64);
        match &field {
            Some(before) => prolong(before, &mut next),
            None => next.values.fill(0.5),
        }
        solve(&mut next, points, normals, areas);
        field = Some(next);
    }
    let mut field = field.unwrap_or_else(|| Field::new([2; 3], low, coarse));
    let level: f64 = points.iter().map(|p| field.at(p)).sum::<f64>() / points.len().max(1) as f64;
    field.values.iter_mut().for_each(|v| *v -= level);
    field
}

/// Carries a coarse solution to a grid of half the distance.
fn prolong(coarse: &Field, fine: &mut Field) {
    let [nx, ny, _] = fine.nodes;
    fine.values
        .par_chunks_mut(nx * ny)
        .enumerate()
        .for_each(|(z, slab)| {
            for y in 0..ny {
                for x in 0..nx {
                    let mut sum = 0.0;
                    // An odd node lies between two coarse ones on that axis.
                    for k in 0..8usize {
                        let pick = |i: usize, bit: usize| (i + bit) / 2;
                        let at = [pick(x, k & 1), pick(y, (k >> 1) & 1), pick(z, (k >> 2) & 1)];
                        sum += coarse.values[coarse.node(at)];
                    }
                    slab[y * nx + x] = sum / 8.0;
                }
            }
        });
}

/// The system of one level: minus the Laplacian plus the points' hold.
struct System<'a> {
    field: &'a Field,
    /// Nodes around each point, and how much it holds them.
    holds: Vec<(Corners, f64)>,
}

impl System<'_> {
    /// The left side times `x`; nodes on the grid's outside are fixed and give nothing.
    fn times(&self, x: &[f64], out: &mut [f64]) {
        let [nx, ny, nz] = self.field.nodes;
        out.par_chunks_mut(nx * ny)
            .enumerate()
            .for_each(|(z, slab)| {
                slab.fill(0.0);
                if z == 0 || z + 1 == nz {
                    return;
                }
                for y in 1..ny - 1 {
                    for i in 1..nx - 1 {
                        let here = (z * ny + y) * nx + i;
                        let around = x[here - 1]
                            + x[here + 1]
                            + x[here - nx]
                            + x[here + nx]
                            + x[here - nx * ny]
                            + x[here + nx * ny];
                        slab[y * nx + i] = 6.0f64.mul_add(x[here], -around);
                    }
                }
            });
        for (corners, hold) in &self.holds {
            let value: f64 = corners.iter().map(|&(node, w)| w * x[node]).sum();
            for &(node, w) in corners {
                out[node] += hold * w * value;
            }
        }
        self.clear_outside(out);
    }

    fn clear_outside(&self, values: &mut [f64]) {
        let [nx, ny, nz] = self.field.nodes;
        values
            .par_chunks_mut(nx * ny)
            .enumerate()
            .for_each(|(z, slab)| {
                if z == 0 || z + 1 == nz {
                    slab.fill(0.0);
                    return;
                }
                slab[..nx].fill(0.0);
                slab[nx * (ny - 1)..].fill(0.0);
                for row in slab.chunks_mut(nx) {
                    row[0] = 0.0;
                    row[nx - 1] = 0.0;
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

/// Improves the field's values by conjugate gradients; the outside keeps its value.
fn solve(field: &mut Field, points: &[Vector3<f64>], normals: &[Vector3<f64>], areas: &[f64]) {
    let right = divergence(field, points, normals, areas);
    let mut x = std::mem::take(&mut field.values);
    let system = System {
        holds: points
            .iter()
            .zip(areas)
            .map(|(p, area)| {
                let hold = SCREENING * area / (field.cell * field.cell);
                (field.corners(p, [0.0; 3]), hold)
            })
            .collect(),
        field,
    };
    let n = x.len();
    let mut product = vec![0.0; n];
    // The fixed outside acts on its neighbours: the first residual takes it into account.
    system.times(&x, &mut product);
    let mut residual: Vec<f64> = right.iter().zip(&product).map(|(r, p)| r - p).collect();
    system.clear_outside(&mut residual);
    let mut way = residual.clone();
    let mut size = dot(&residual, &residual);
    let enough = size * 1e-8;
    for _ in 0..ITERATIONS {
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
fn divergence(
    field: &Field,
    points: &[Vector3<f64>],
    normals: &[Vector3<f64>],
    areas: &[f64],
) -> Vec<f64> {
    let mut right = vec![0.0; field.values.len()];
    for axis in 0..3 {
        // Components live in the middle of the edges along their axis.
        let mut shift = [0.0; 3];
        shift[axis] = 0.5;
        let mut along = [0; 3];
        along[axis] = 1;
        let step = field.node(along);
        for ((p, n), area) in points.iter().zip(normals).zip(areas) {
            let scale = area / (field.cell * field.cell);
            for (edge, w) in field.corners(p, shift) {
                let flow = scale * w * n[axis];
                right[edge] -= flow;
                // The last edge of a row has no node behind it; the margin keeps points away from there.
                if let Some(next) = right.get_mut(edge + step) {
                    *next += flow;
                }
            }
        }
    }
    right
}
