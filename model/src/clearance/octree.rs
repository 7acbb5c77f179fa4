//! The octree: which cell a point lies in, and the signed distances at that cell's corners.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::field::{SMALLEST, fine_enough};
use super::surface::Surface;

/// The octree's cube is this many times halved down to the smallest cells: 5.12 m, an arm's reach and more either way.
const LEVELS: u32 = 11;
/// Levels at which building starts anew, block by block: within a block every corner is computed once, and blocks are built in parallel.
const TIERS: [u32; 3] = [7, 4, 0];

/// Where the surface is so large that about this many cells would lie along it, the smallest are larger: never more memory than some
/// tens of megabytes. A head and shoulders of 0.5 m² is just below it.
const MOST_CELLS: f64 = 5e5;
/// Layers of smallest cells along a surface.
const LAYERS: f64 = 6.0;

/// A node is a leaf …
const LEAF: u32 = 1 << 31;
/// … whose cell holds no surface and lies outside. What is left is the index of the first of eight children, or of the corner distances.
const OUTSIDE: u32 = 1 << 30;
const INDEX: u32 = OUTSIDE - 1;

/// Where a point lies.
pub(super) struct Place<'a> {
    /// Signed distances at the cell's corners, metres; bit k of the index tells low or high along axis k.
    pub(super) corners: &'a [f32; 8],
    /// The cell's edge, metres.
    pub(super) edge: f64,
    /// How far into the cell along each axis, 0 to 1.
    pub(super) weights: [f64; 3],
    /// Whether the cell is known to lie outside the head.
    pub(super) outside: bool,
}

pub(super) struct Octree {
    low: Vector3<f64>,
    nodes: Vec<u32>,
    leaves: Vec<[f32; 8]>,
}

/// A cell of a tier, to be built into a tree of its own.
struct Block {
    /// Low corner, in smallest edges from the cube's.
    at: [u32; 3],
    level: u32,
    /// The node it belongs to.
    node: usize,
    /// A triangle likely near.
    hint: u32,
}

/// A tree being built over a block.
struct Builder<'a> {
    surface: &'a Surface,
    low: Vector3<f64>,
    block: &'a Block,
    /// Cells of this level are the smallest here.
    floor: u32,
    /// Cells of this level are the smallest of all.
    finest: u32,
    /// Distance and nearest triangle at the block's grid points; NaN where not computed yet.
    grid: Vec<(f32, u32)>,
    nodes: Vec<u32>,
    leaves: Vec<[f32; 8]>,
    /// Cells to be split further by the next tier.
    pending: Vec<Block>,
}

impl<'a> Builder<'a> {
    fn new(
        surface: &'a Surface,
        low: Vector3<f64>,
        block: &'a Block,
        floor: u32,
        finest: u32,
    ) -> Self {
        let side = (1usize << (block.level - floor)) + 1;
        Self {
            surface,
            low,
            block,
            floor,
            finest,
            grid: vec![(f32::NAN, 0); side * side * side],
            nodes: vec![0],
            leaves: Vec::new(),
            pending: Vec::new(),
        }
    }

    fn corner(&mut self, at: [u32; 3], hint: u32) -> (f32, u32) {
        let side = (1usize << (self.block.level - self.floor)) + 1;
        let index = (0..3).rev().fold(0, |index, k| {
            index * side + ((at[k] - self.block.at[k]) >> self.floor) as usize
        });
        if self.grid[index].0.is_nan() {
            let p = self.low + Vector3::from(at.map(|c| f64::from(c) * SMALLEST));
            let (distance, triangle) = self.surface.signed(&p, hint);
            self.grid[index] = (distance as f32, triangle);
        }
        self.grid[index]
    }

    fn cell(&mut self, node: usize, at: [u32; 3], level: u32, mut hint: u32) {
        let mut corners = [0.0f32; 8];
        for (i, corner) in corners.iter_mut().enumerate() {
            let far = [0, 1, 2].map(|k| at[k] + ((i as u32 >> k & 1) << level));
            (*corner, hint) = self.corner(far, hint);
        }
        let edge = SMALLEST * f64::from(1u32 << level);
        let least = corners
            .iter()
            .fold(f64::INFINITY, |m, d| m.min(f64::from(d.abs())));
        let (all_out, all_in) = (
            corners.iter().all(|d| *d > 0.0),
            corners.iter().all(|d| *d < 0.0),
        );
        // No surface in the cell: see the lower bound in `field`. A little more than needed, for rounding.
        let empty = least * least > 0.7501 * edge * edge;
        // Inside nothing moves: there only the sign has to be right, and near the skin the bounds.
        let deep = all_in && least >= 0.5 * edge;
        let fine = deep || (empty && all_out && fine_enough(edge, least));
        if level == self.finest || fine {
            let outside = if empty && all_out { OUTSIDE } else { 0 };
            self.nodes[node] = LEAF | outside | self.leaves.len() as u32;
            self.leaves.push(corners);
            return;
        }
        if level == self.floor {
            self.pending.push(Block {
                at,
                level,
                node,
                hint,
            });
            return;
        }
        let first = self.nodes.len();
        self.nodes[node] = first as u32;
        self.nodes.extend([0; 8]);
        for k in 0..8 {
            let child = [0, 1, 2].map(|axis| at[axis] + ((k as u32 >> axis & 1) << (level - 1)));
            self.cell(first + k, child, level - 1, hint);
        }
    }
}

impl Octree {
    /// The octree of a surface, about `center`. The same on any number of threads.
    pub(super) fn new(surface: &Surface, center: Vector3<f64>) -> Self {
        let half = 0.5 * SMALLEST * f64::from(1u32 << LEVELS);
        let mut built = Self {
            low: center.map(|c| c - half),
            nodes: vec![0],
            leaves: Vec::new(),
        };
        let along = |level: &u32| {
            let edge = SMALLEST * f64::from(1u32 << level);
            surface.area() * LAYERS / (edge * edge)
        };
        let finest = (0..LEVELS)
            .find(|l| along(l) <= MOST_CELLS)
            .unwrap_or(LEVELS);
        let mut blocks = vec![Block {
            at: [0; 3],
            level: LEVELS,
            node: 0,
            hint: 0,
        }];
        for floor in TIERS {
            let trees: Vec<_> = blocks
                .par_iter()
                .map(|block| {
                    let mut builder = Builder::new(surface, built.low, block, floor, finest);
                    builder.cell(0, block.at, block.level, block.hint);
                    (builder.nodes, builder.leaves, builder.pending)
                })
                .collect();
            let mut next = Vec::new();
            for (block, (nodes, leaves, pending)) in blocks.iter().zip(trees) {
                built.graft(block.node, &nodes, &leaves, pending, &mut next);
            }
            blocks = next;
        }
        built
    }

    /// Puts a block's tree in the place of a node; what it left to the next tier goes to `next`.
    fn graft(
        &mut self,
        node: usize,
        nodes: &[u32],
        leaves: &[[f32; 8]],
        pending: Vec<Block>,
        next: &mut Vec<Block>,
    ) {
        let (base, leaf_base) = (self.nodes.len(), self.leaves.len() as u32);
        // The root goes where the node is, all others behind those that are there.
        let place = |local: usize| if local == 0 { node } else { base + local - 1 };
        let moved = |n: u32| {
            if n & LEAF != 0 {
                n + leaf_base
            } else if n == 0 {
                0
            } else {
                place(n as usize) as u32
            }
        };
        self.nodes[node] = moved(nodes[0]);
        self.nodes.extend(nodes[1..].iter().map(|n| moved(*n)));
        self.leaves.extend(leaves);
        next.extend(pending.into_iter().map(|block| Block {
            node: place(block.node),
            ..block
        }));
    }

    /// The cell of a point; `None` outside the cube and for NaN.
    pub(super) fn find(&self, p: &Vector3<f64>) -> Option<Place<'_>> {
        let across = f64::from(1u32 << LEVELS);
        let inside = (p - self.low) / SMALLEST;
        if !inside.iter().all(|c| *c >= 0.0 && *c < across) {
            return None;
        }
        let at = [inside.x as u32, inside.y as u32, inside.z as u32];
        let (mut node, mut level) = (self.nodes[0], LEVELS);
        while node & LEAF == 0 {
            level -= 1;
            let child =
                (at[0] >> level & 1) | (at[1] >> level & 1) << 1 | (at[2] >> level & 1) << 2;
            node = self.nodes[(node + child) as usize];
        }
        let cell = f64::from(1u32 << level);
        Some(Place {
            corners: &self.leaves[(node & INDEX) as usize],
            edge: cell * SMALLEST,
            weights: [0, 1, 2].map(|k| (inside[k] - f64::from(at[k] >> level << level)) / cell),
            outside: node & OUTSIDE != 0,
        })
    }

    pub(super) fn cell_count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.leaves)
    }

    /// Everything it is made of, bit by bit.
    #[cfg(test)]
    pub(super) fn bits(&self) -> (Vec<u32>, Vec<[u32; 8]>) {
        let leaves = self.leaves.iter().map(|l| l.map(f32::to_bits));
        (self.nodes.clone(), leaves.collect())
    }
}
