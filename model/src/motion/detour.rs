//! Ways round what stands between two configurations: over configurations in between, found by looking at many, each piece proven.

use crate::clearance::WorkCell;
use crate::frames::{Base, Head, Transform};
use crate::joints::{Joints, MAX_JOINTS};

/// Configurations looked at. Source: this project's own; what is not found among so few is given up.
const LOOKS: u32 = 400;
/// How far beyond the two ends each joint is looked at, rad.
const BEYOND: f64 = 1.2;
/// Steps of the most even spread of points in as many dimensions as there are joints at most: powers of 1/φ, φ the root of x⁸ = x + 1.
/// Source: Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018).
const PHI: f64 = 1.112_775_684_278_705_5;

/// Nearest nodes of a tree to which a new configuration is tried to be joined.
const NEAREST: usize = 3;

/// Configurations that are reached from one end, each over the one it was joined to.
struct Tree(Vec<(Joints, usize)>);

impl Tree {
    /// The node from which `q` is reached on a proven segment.
    fn join(&self, cell: &WorkCell, head: &Transform<Base, Head>, q: &Joints) -> Option<usize> {
        let mut near: Vec<usize> = (0..self.0.len()).collect();
        let far = |i: &usize| self.0[*i].0.max_difference(q);
        near.sort_by(|a, b| far(a).total_cmp(&far(b)));
        near.truncate(NEAREST);
        let is_clear = |i: &usize| cell.segment_blocked(&self.0[*i].0, q, head).is_none();
        near.into_iter().find(is_clear)
    }

    /// The configurations from a node back to the end, which comes last.
    fn back(&self, mut node: usize) -> Vec<Joints> {
        let mut way = vec![self.0[node].0];
        // The end is its own parent.
        while self.0[node].1 != node {
            node = self.0[node].1;
            way.push(self.0[node].0);
        }
        way
    }
}

/// Configurations over which `to` is reached from `from` on straight, proven segments, both ends included; the same for the same ends.
///
/// A tree grows from each end over the same configurations, until one belongs to both: first the wrist's joints before the others and the
/// others before the wrist's, then places spread evenly about the ends.
pub(super) fn detour(
    cell: &WorkCell,
    base_from_head: &Transform<Base, Head>,
    from: &Joints,
    to: &Joints,
) -> Option<Vec<Joints>> {
    let (mut start, mut goal) = (Tree(vec![(*from, 0)]), Tree(vec![(*to, 0)]));
    let usable =
        |q: &Joints| cell.arm().within_limits(q) && cell.blocked(q, base_from_head).is_none();
    let looks = [wrist_first(from, to), wrist_first(to, from)]
        .into_iter()
        .chain((1..=LOOKS).map(|k| spread(cell, from, to, k)));
    for q in looks.filter(usable) {
        let (a, b) = (
            start.join(cell, base_from_head, &q),
            goal.join(cell, base_from_head, &q),
        );
        if let (Some(a), Some(b)) = (a, b) {
            let mut way = start.back(a);
            way.reverse();
            way.push(q);
            way.extend(goal.back(b));
            return Some(way);
        }
        if let Some(a) = a {
            start.0.push((q, a));
        }
        if let Some(b) = b {
            goal.0.push((q, b));
        }
    }
    None
}

/// `from` with the last three joints of `to`.
fn wrist_first(from: &Joints, to: &Joints) -> Joints {
    let mut via = *from;
    let wrist = from.dof().saturating_sub(3);
    let joints = via.as_mut_slice().iter_mut().zip(to.as_slice());
    joints.skip(wrist).for_each(|(v, t)| *v = *t);
    via
}

/// The `k`th of the places about both ends.
fn spread(cell: &WorkCell, from: &Joints, to: &Joints, k: u32) -> Joints {
    let mut via = *from;
    let ends = from.as_slice().iter().zip(to.as_slice());
    let joints = via.as_mut_slice().iter_mut().zip(cell.arm().joints());
    for ((i, (v, joint)), (a, b)) in (1..=MAX_JOINTS as i32).zip(joints).zip(ends) {
        let share = (0.5 + f64::from(k) * PHI.powi(-i)).fract();
        let low = (a.min(*b) - BEYOND).max(joint.lower);
        let high = (a.max(*b) + BEYOND).min(joint.upper);
        *v = low + share * (high - low);
    }
    via
}
