//! The nearest triangle to a point, from a tree of boxes.

use nalgebra::Vector3;

/// A triangle's corners, metres.
pub(super) type Triangle = [Vector3<f64>; 3];

/// Most triangles of one leaf.
const LEAF: usize = 2;
/// Halves with fewer triangles are built on one thread.
const SMALL: usize = 4096;
/// Branches waiting at most: trees are balanced, so even 2³² triangles make 32 levels.
const DEEPEST: usize = 48;
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

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    low: [f32; 3],
    high: [f32; 3],
    /// Index of the second child; the first follows this node. 0 for a leaf.
    second: u32,
    /// First triangle times eight, and how many: of a leaf.
    range: u32,
}

/// A balanced tree of boxes over triangles. The same triangles make the same tree on any number of threads.
pub(super) struct Tree {
    nodes: Vec<Node>,
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
    /// A tree over triangles; `None` when there are none, or more than 2²⁸.
    pub(super) fn new(triangles: Vec<Triangle>) -> Option<Self> {
        let count = triangles.len();
        if count == 0 || count >= 1 << 28 {
            return None;
        }
        let mut triangles: Vec<_> = triangles.into_iter().zip(0u32..).collect();
        let mut nodes = vec![Node::default(); node_count(count)];
        build(&mut triangles, 0, &mut nodes, 0);
        let mut places = vec![0; count];
        for (place, (_, number)) in triangles.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        Some(Self {
            nodes,
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
        let mut pending = arrayvec::ArrayVec::<(f64, u32), DEEPEST>::new();
        let mut at = 0u32;
        loop {
            let node = &self.nodes[at as usize];
            if node.second == 0 {
                let first = (node.range / 8) as usize;
                for (triangle, number) in &self.triangles[first..first + (node.range % 8) as usize]
                {
                    let square = (nearest_on(triangle, p).0 - p).norm_squared();
                    if square < best.square {
                        best = Nearest {
                            square,
                            triangle: *number,
                        };
                    }
                }
            } else {
                let (one, other) = (at + 1, node.second);
                let (d1, d2) = (self.to_box(one, p), self.to_box(other, p));
                let ((near, first), (far, second)) = if d1 <= d2 {
                    ((d1, one), (d2, other))
                } else {
                    ((d2, other), (d1, one))
                };
                if far < best.square {
                    pending.push((far, second));
                }
                if near < best.square {
                    at = first;
                    continue;
                }
            }
            // The next branch that can still hold something nearer.
            loop {
                match pending.pop() {
                    None => return best,
                    Some((square, node)) if square < best.square => {
                        at = node;
                        break;
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Bytes.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.triangles) + size_of_val(&*self.places)
    }

    fn to_box(&self, node: u32, p: &Vector3<f64>) -> f64 {
        let node = &self.nodes[node as usize];
        let out = |k: usize| {
            (f64::from(node.low[k]) - p[k])
                .max(p[k] - f64::from(node.high[k]))
                .max(0.0)
        };
        let (x, y, z) = (out(0), out(1), out(2));
        x * x + y * y + z * z
    }
}
