//! A regular grid of which only some blocks are there: fine cells near the surface, nothing elsewhere.

use nalgebra::Vector3;

/// Nodes along a block's side.
pub(super) const SIDE: usize = 8;
/// Nodes in a block.
pub(super) const BLOCK: usize = SIDE * SIDE * SIDE;
/// No block.
const NONE: u32 = u32::MAX;

/// Where a node is: its number along each axis.
pub(super) type At = [i32; 3];

/// The blocks that are there. A node's number is its block's slot times [`BLOCK`] plus its place in the block, x fastest.
pub(super) struct Grid {
    /// Where the first node would be.
    pub origin: Vector3<f64>,
    /// Distance of the nodes.
    pub cell: f64,
    /// Blocks along each axis, whether there or not.
    pub blocks: [usize; 3],
    slots: Vec<u32>,
    present: Vec<At>,
}

/// Eight nodes around a point and their weights.
pub(super) type Corners = ([u32; 8], [f64; 8]);

impl Grid {
    /// The grid with the chosen blocks, one flag for each, x fastest.
    pub fn new(origin: Vector3<f64>, cell: f64, blocks: [usize; 3], chosen: &[bool]) -> Self {
        let mut slots = vec![NONE; chosen.len()];
        let mut present = Vec::new();
        for (i, slot) in slots.iter_mut().enumerate().filter(|(i, _)| chosen[*i]) {
            *slot = present.len() as u32;
            let [nx, ny, _] = blocks;
            present.push([i % nx, i / nx % ny, i / (nx * ny)].map(|b| b as i32));
        }
        Self {
            origin,
            cell,
            blocks,
            slots,
            present,
        }
    }

    /// How many nodes there are.
    pub const fn nodes(&self) -> usize {
        self.present.len() * BLOCK
    }

    /// How many blocks there are.
    pub const fn len(&self) -> usize {
        self.present.len()
    }

    /// A block's place.
    pub fn block(&self, slot: usize) -> At {
        self.present[slot]
    }

    /// The flag of a block in a list as [`Self::new`] takes it.
    pub fn flag(blocks: [usize; 3], at: At) -> Option<usize> {
        let inside = (0..3).all(|a| at[a] >= 0 && (at[a] as usize) < blocks[a]);
        inside.then(|| {
            let [x, y, z] = at.map(|a| a as usize);
            (z * blocks[1] + y) * blocks[0] + x
        })
    }

    /// The block at a place, if it is there.
    pub fn slot(&self, at: At) -> Option<usize> {
        Self::flag(self.blocks, at)
            .map(|i| self.slots[i])
            .filter(|s| *s != NONE)
            .map(|s| s as usize)
    }

    /// The node at a place, if it is there.
    pub fn node(&self, at: At) -> Option<usize> {
        let side = SIDE as i32;
        let slot = self.slot(at.map(|a| a.div_euclid(side)))?;
        let [x, y, z] = at.map(|a| a.rem_euclid(side) as usize);
        Some(slot * BLOCK + (z * SIDE + y) * SIDE + x)
    }

    /// The block before and after on each axis.
    pub fn neighbours(&self, slot: usize) -> [Option<usize>; 6] {
        let at = self.present[slot];
        std::array::from_fn(|k| {
            let mut next = at;
            next[k / 2] += if k % 2 == 0 { -1 } else { 1 };
            self.slot(next)
        })
    }

    /// The cell a point lies in and where in it, on a grid shifted by so many cells.
    pub fn locate(&self, p: &Vector3<f64>, shift: Vector3<f64>) -> (At, Vector3<f64>) {
        let q = (p - self.origin) / self.cell - shift;
        let floor = q.map(f64::floor);
        // The cast saturates; such a place has no node.
        ([floor.x, floor.y, floor.z].map(|c| c as i32), q - floor)
    }

    /// The nodes around a point, if all are there.
    pub fn corners(&self, p: &Vector3<f64>, shift: Vector3<f64>) -> Option<Corners> {
        let (at, part) = self.locate(p, shift);
        let (mut nodes, mut weights) = ([0; 8], [0.0; 8]);
        for k in 0..8 {
            let corner = corner(at, k);
            nodes[k] = self.node(corner)? as u32;
            weights[k] = (0..3)
                .map(|a| {
                    if corner[a] > at[a] {
                        part[a]
                    } else {
                        1.0 - part[a]
                    }
                })
                .product();
        }
        Some((nodes, weights))
    }

    /// The values of a block with one more node on each side, x fastest; NaN where there is none.
    pub fn with_rim(&self, values: &[f64], slot: usize, out: &mut [f64; RIM * RIM * RIM]) {
        let base = self.present[slot].map(|b| b * SIDE as i32 - 1);
        for (i, value) in out.iter_mut().enumerate() {
            let at = [i % RIM, i / RIM % RIM, i / (RIM * RIM)];
            let inner = at.iter().all(|a| (1..=SIDE).contains(a));
            *value = if inner {
                values[slot * BLOCK + ((at[2] - 1) * SIDE + at[1] - 1) * SIDE + at[0] - 1]
            } else {
                self.node([0, 1, 2].map(|a| base[a] + at[a] as i32))
                    .map_or(f64::NAN, |n| values[n])
            };
        }
    }
}

/// Nodes along a block's side with one more on each side.
pub(super) const RIM: usize = SIDE + 2;

/// One of a cell's eight corners: bit 0 of the number is x.
pub(super) const fn corner(at: At, k: usize) -> At {
    [
        at[0] + (k & 1) as i32,
        at[1] + ((k >> 1) & 1) as i32,
        at[2] + ((k >> 2) & 1) as i32,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_across_blocks_and_missing_ones_are_missing() {
        let mut chosen = vec![true; 8];
        chosen[7] = false;
        let grid = Grid::new(Vector3::zeros(), 0.5, [2, 2, 2], &chosen);
        assert_eq!((grid.len(), grid.nodes()), (7, 7 * BLOCK));
        assert_eq!(grid.node([7, 0, 0]), Some(7));
        assert_eq!(grid.node([8, 0, 0]), Some(BLOCK));
        assert_eq!(grid.node([8, 8, 8]), None);
        assert_eq!(grid.node([-1, 0, 0]), None);
        assert_eq!(
            grid.neighbours(0),
            [None, Some(1), None, Some(2), None, Some(4)]
        );
        let p = Vector3::new(3.6, 1.0, 2.2);
        let (nodes, weights) = grid.corners(&p, Vector3::zeros()).unwrap();
        // Values that grow with x come back as x.
        let mut values = vec![0.0; grid.nodes()];
        for x in 0..16 {
            for (y, z) in (0..8).flat_map(|y| (0..8).map(move |z| (y, z))) {
                if let Some(n) = grid.node([x, y, z]) {
                    values[n] = f64::from(x) * 0.5;
                }
            }
        }
        let x: f64 = (0..8).map(|k| weights[k] * values[nodes[k] as usize]).sum();
        assert!((x - p.x).abs() < 1e-12, "{x}");
        let mut rim = [0.0; RIM * RIM * RIM];
        grid.with_rim(&values, 0, &mut rim);
        assert!(rim[0].is_nan() && (rim[(RIM + 1) * RIM + RIM - 1] - 4.0).abs() < 1e-12);
    }
}
