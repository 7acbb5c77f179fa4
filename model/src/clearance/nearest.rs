//! The nearest triangle to a point, from a tree of boxes.

use nalgebra::Vector3;

/// A triangle's corners, metres.
pub(super) type Triangle = [Vector3<f64>; 3];

/// Most triangles of one leaf.
const LEAF: usize = 2;
/// Halves with fewer triangles are built on one thread.
const SMALL: usize = 4096;
/// Branches of a node.
const WIDE: usize = 4;
/// Branches waiting at most: trees are balanced, so even 2²⁷ triangles make 14 levels of four branches, of which three wait.
const DEEPEST: usize = 64;
/// A branch is a leaf: eight times its first triangle, and how many.
const IS_LEAF: u32 = 1 << 31;
/// No branch.
const NONE: u32 = u32::MAX;
/// A triangle lower than this share of its longest edge is looked at as its edges.
const FLAT: f64 = 1e-10;

/// Which part of a triangle is nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// Its inside.
    Face,
    /// The corner of this number.
    Corner(usize),
    /// The edge from this corner to the next.
    Edge(usize),
}

/// A nearest point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearest {
    /// Square of the distance, m².
    pub(super) square: f64,
    /// The triangle, counted as given to [`Tree::new`].
    pub(super) triangle: u32,
}

/// A node of two branches, as built.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    low: [f32; 3],
    high: [f32; 3],
    /// Index of the second child; the first follows this node. 0 for a leaf.
    second: u32,
    /// First triangle times eight, and how many: of a leaf.
    range: u32,
}

/// A node of four branches, with their boxes coordinate by coordinate.
#[derive(Debug, Clone, Copy)]
struct Fork {
    low: [[f32; WIDE]; 3],
    high: [[f32; WIDE]; 3],
    branches: [u32; WIDE],
}

/// A balanced tree of boxes over triangles. The same triangles make the same tree on any number of threads.
pub(super) struct Tree {
    forks: Vec<Fork>,
    /// In the leaves' order, with their number as given.
    triangles: Vec<(Triangle, u32)>,
    /// Where the triangle of each number went.
    places: Vec<u32>,
}

/// The nearest point of a segment: square of the distance, and whether it is the start, the end or between.
fn to_segment(
    a: &Vector3<f64>,
    b: &Vector3<f64>,
    p: &Vector3<f64>,
) -> (Vector3<f64>, Option<bool>) {
    let (along, to) = (b - a, p - a);
    let length = along.norm_squared();
    let s = if length > 0.0 {
        along.dot(&to) / length
    } else {
        0.0
    };
    if s <= 0.0 {
        (*a, Some(false))
    } else if s >= 1.0 {
        (*b, Some(true))
    } else {
        (a + along * s, None)
    }
}

fn by_edges(t: &Triangle, p: &Vector3<f64>) -> (Vector3<f64>, Feature) {
    let mut best = (t[0], Feature::Corner(0));
    for k in 0..3 {
        let (point, end) = to_segment(&t[k], &t[(k + 1) % 3], p);
        if (point - p).norm_squared() < (best.0 - p).norm_squared() {
            let feature = match end {
                None => Feature::Edge(k),
                Some(false) => Feature::Corner(k),
                Some(true) => Feature::Corner((k + 1) % 3),
            };
            best = (point, feature);
        }
    }
    best
}

/// The nearest point of a triangle and where on it that is. Source: Ericson, Real-Time Collision Detection, 5.1.5.
#[inline]
pub(super) fn nearest_on(t: &Triangle, p: &Vector3<f64>) -> (Vector3<f64>, Feature) {
    let [a, b, c] = t;
    let (ab, ac, ap) = (b - a, c - a, p - a);
    let (d1, d2) = (ab.dot(&ap), ac.dot(&ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return (*a, Feature::Corner(0));
    }
    let bp = p - b;
    let (d3, d4) = (ab.dot(&bp), ac.dot(&bp));
    if d3 >= 0.0 && d4 <= d3 {
        return (*b, Feature::Corner(1));
    }
    let cp = p - c;
    let (d5, d6) = (ab.dot(&cp), ac.dot(&cp));
    if d6 >= 0.0 && d5 <= d6 {
        return (*c, Feature::Corner(2));
    }
    let (va, vb, vc) = (d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2);
    // Their sum is the square of twice the area: too little of it, and the differences above are mere rounding.
    let area = va + vb + vc;
    let longest = ab.norm_squared().max(ac.norm_squared());
    if area.is_nan() || area <= FLAT * FLAT * longest * longest {
        return by_edges(t, p);
    }
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        return (a + ab * (d1 / (d1 - d3)), Feature::Edge(0));
    }
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        return (a + ac * (d2 / (d2 - d6)), Feature::Edge(2));
    }
    if va <= 0.0 && d4 - d3 >= 0.0 && d5 - d6 >= 0.0 {
        let s = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        return (b + (c - b) * s, Feature::Edge(1));
    }
    (a + (ab * vb + ac * vc) / area, Feature::Face)
}

/// How many nodes a tree over `count` triangles has.
fn node_count(count: usize) -> usize {
    if count <= LEAF {
        1
    } else {
        1 + node_count(count / 2) + node_count(count - count / 2)
    }
}

fn below(x: f64) -> f32 {
    let y = x as f32;
    if f64::from(y) > x { y.next_down() } else { y }
}

fn above(x: f64) -> f32 {
    let y = x as f32;
    if f64::from(y) < x { y.next_up() } else { y }
}

/// Fills `nodes` over `triangles`, whose first is number `first` of all in the leaves' order; `offset` is the first node's index.
fn build(triangles: &mut [(Triangle, u32)], first: usize, nodes: &mut [Node], offset: usize) {
    let start = triangles[0].0[0];
    let (low, high) = triangles
        .iter()
        .flat_map(|t| &t.0)
        .fold((start, start), |(l, h), p| (l.inf(p), h.sup(p)));
    nodes[0].low = [below(low.x), below(low.y), below(low.z)];
    nodes[0].high = [above(high.x), above(high.y), above(high.z)];
    let count = triangles.len();
    if count <= LEAF {
        nodes[0].range = (first * 8 + count) as u32;
        return;
    }
    let axis = (high - low).imax();
    let middle = |t: &(Triangle, u32)| t.0[0][axis] + t.0[1][axis] + t.0[2][axis];
    let half = count / 2;
    triangles.select_nth_unstable_by(half, |a, b| {
        middle(a).total_cmp(&middle(b)).then(a.1.cmp(&b.1))
    });
    let left_nodes = node_count(half);
    nodes[0].second = (offset + 1 + left_nodes) as u32;
    let (left, right) = triangles.split_at_mut(half);
    let (ahead, behind) = nodes[1..].split_at_mut(left_nodes);
    let mut one = || build(left, first, ahead, offset + 1);
    let mut other = || build(right, first + half, behind, offset + 1 + left_nodes);
    if count < SMALL {
        one();
        other();
    } else {
        rayon::join(one, other);
    }
}

impl Tree {
    /// A tree over triangles; `None` when there are none, or 2²⁷ and more.
    pub(super) fn new(triangles: Vec<Triangle>) -> Option<Self> {
        let count = triangles.len();
        if count == 0 || count >= 1 << 27 {
            return None;
        }
        let mut triangles: Vec<_> = triangles.into_iter().zip(0u32..).collect();
        let mut nodes = vec![Node::default(); node_count(count)];
        build(&mut triangles, 0, &mut nodes, 0);
        let mut places = vec![0; count];
        for (place, (_, number)) in triangles.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        let mut forks = Vec::new();
        fork(&nodes, 0, &mut forks);
        Some(Self {
            forks,
            triangles,
            places,
        })
    }

    /// A triangle by its number.
    pub(super) fn triangle(&self, number: u32) -> &Triangle {
        &self.triangles[self.places[number as usize] as usize].0
    }

    /// The triangle nearest to a finite point, looked for from `hint`, a triangle that is likely near.
    pub(super) fn nearest(&self, p: &Vector3<f64>, hint: u32) -> Nearest {
        let mut best = Nearest {
            square: (nearest_on(self.triangle(hint), p).0 - p).norm_squared(),
            triangle: hint,
        };
        let near = Near::new(p);
        let mut pending = arrayvec::ArrayVec::<(f64, u32), DEEPEST>::new();
        let mut at = 0u32;
        loop {
            if at & IS_LEAF != 0 {
                let (first, count) = ((at & !IS_LEAF) as usize / 8, at as usize % 8);
                for (triangle, number) in &self.triangles[first..first + count] {
                    let square = (nearest_on(triangle, p).0 - p).norm_squared();
                    if square < best.square {
                        best = Nearest {
                            square,
                            triangle: *number,
                        };
                    }
                }
            } else {
                let fork = &self.forks[at as usize];
                let squares = near.squares(fork);
                // The nearest branch comes to lie on top.
                let first = pending.len();
                for (square, branch) in squares.into_iter().zip(fork.branches) {
                    let square = f64::from(square);
                    if square < best.square && branch != NONE {
                        pending.push((square, branch));
                        let mut k = pending.len() - 1;
                        while k > first && pending[k - 1].0 < square {
                            pending.swap(k - 1, k);
                            k -= 1;
                        }
                    }
                }
            }
            // The next branch that can still hold something nearer.
            loop {
                match pending.pop() {
                    None => return best,
                    Some((square, branch)) if square < best.square => {
                        at = branch;
                        break;
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Bytes.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.forks) + size_of_val(&*self.triangles) + size_of_val(&*self.places)
    }
}

/// A point as the boxes see it: from where it may be, rounded either way.
struct Near {
    least: [f32; 3],
    most: [f32; 3],
}

impl Near {
    fn new(p: &Vector3<f64>) -> Self {
        Self {
            least: [below(p.x), below(p.y), below(p.z)],
            most: [above(p.x), above(p.y), above(p.z)],
        }
    }

    /// The squares of the distances to a fork's boxes: never more than they are.
    #[inline]
    fn squares(&self, fork: &Fork) -> [f32; WIDE] {
        let larger = |a: f32, b: f32| if a > b { a } else { b };
        let mut squares = [0.0f32; WIDE];
        for axis in 0..3 {
            for (k, square) in squares.iter_mut().enumerate() {
                let under = fork.low[axis][k] - self.most[axis];
                let over = self.least[axis] - fork.high[axis][k];
                let out = larger(larger(under, over), 0.0);
                *square += out * out;
            }
        }
        // A few roundings to 24 bits each; and what is too far to be squared is far.
        squares.map(|square| {
            let square = square * (1.0 - 1e-6);
            if square < f32::MAX { square } else { f32::MAX }
        })
    }
}

/// Takes two levels of a node's branches together, and all below; returns the branch.
fn fork(nodes: &[Node], node: usize, forks: &mut Vec<Fork>) -> u32 {
    let halves = |node: usize| -> arrayvec::ArrayVec<usize, 2> {
        match nodes[node].second {
            0 => core::iter::once(node).collect(),
            second => [node + 1, second as usize].into_iter().collect(),
        }
    };
    let at = forks.len();
    forks.push(Fork {
        low: [[f32::INFINITY; WIDE]; 3],
        high: [[f32::NEG_INFINITY; WIDE]; 3],
        branches: [NONE; WIDE],
    });
    let branches = halves(node).into_iter().flat_map(halves);
    for (k, branch) in branches.enumerate() {
        for axis in 0..3 {
            forks[at].low[axis][k] = nodes[branch].low[axis];
            forks[at].high[axis][k] = nodes[branch].high[axis];
        }
        forks[at].branches[k] = if nodes[branch].second == 0 {
            IS_LEAF | nodes[branch].range
        } else {
            fork(nodes, branch, forks)
        };
    }
    at as u32
}
