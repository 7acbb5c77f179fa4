//! The scalp's map: the head's outer surface over a flat chart, for lookups in constant time whatever the scan's mesh is like.
//!
//! A place of the surface is drawn where the direction from the scalp's middle to it falls on Lambert's equal-area chart about the
//! vertex. On nodes [`CELL`] apart the surface itself is kept, so that lines can be drawn on the chart and lie on the skin. Ears and
//! folds, of which a direction sees only the outermost, are no places for dots.

use nalgebra::{Vector2, Vector3};
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;

use super::skull::{Place, Skull};

/// Distance of nodes on the chart, where 1 is about the skull's radius: 0.7 mm on an adult's.
pub(super) const CELL: f64 = 0.008;
/// The chart ends here: 133° from the vertex, below chin and nape.
pub(super) const REACH: f64 = 1.84;
/// Nodes from the middle to the edge, and per row.
const HALF: i32 = 231;
const ROW: usize = 2 * HALF as usize + 1;
/// A surface nearer to or farther from the scalp's middle than this is no scalp, per head scale, metres.
const NEAREST: f64 = 0.03;
const FARTHEST: f64 = 0.18;

/// A place on the chart.
pub(super) type Uv = Vector2<f64>;
/// A node's number.
pub(super) type Node = usize;

/// The surface over the chart.
#[derive(Debug, Clone)]
pub(super) struct Map {
    skull: Skull,
    /// Distance of the surface from the scalp's middle at each node, metres.
    radius: Vec<Option<f64>>,
    /// The surface itself at each node, in skull coordinates.
    surface: Vec<Option<Vector3<f64>>>,
}

/// A direction on the chart; `None` beyond its edge.
pub(super) fn chart(direction: &Vector3<f64>) -> Option<Uv> {
    let norm = direction.norm();
    let down = 1.0 + direction.z / norm;
    // Also false for a direction of no length.
    if down > 2.0 - REACH * REACH / 2.0 {
        let k = (2.0 / down).sqrt() / norm;
        Some(Uv::new(direction.x * k, direction.y * k))
    } else {
        None
    }
}

/// The unit direction of a place on the chart.
pub(super) fn direction(uv: &Uv) -> Vector3<f64> {
    let square = uv.norm_squared().min(4.0);
    let k = (1.0 - square / 4.0).sqrt();
    Vector3::new(uv.x * k, uv.y * k, 1.0 - square / 2.0)
}

/// How many nodes there are.
pub(super) const fn nodes() -> usize {
    ROW * ROW
}

/// Column and row of the node at or before a place, and how far past it the place is, 0..1.
fn cell(uv: &Uv) -> Option<(usize, usize, f64, f64)> {
    let (x, y) = (uv.x / CELL + f64::from(HALF), uv.y / CELL + f64::from(HALF));
    let last = (ROW - 1) as f64;
    if x >= 0.0 && y >= 0.0 && x < last && y < last {
        let (i, j) = (x as usize, y as usize);
        Some((i, j, x - i as f64, y - j as f64))
    } else {
        None
    }
}

/// The node nearest to a place.
pub(super) fn node(uv: &Uv) -> Option<Node> {
    let (i, j, s, t) = cell(uv)?;
    Some((j + usize::from(t > 0.5)) * ROW + i + usize::from(s > 0.5))
}

/// The place of a node.
pub(super) fn place_of(node: Node) -> Uv {
    let at = |k: usize| (k as f64 - f64::from(HALF)) * CELL;
    Uv::new(at(node % ROW), at(node / ROW))
}

/// The nodes from one place of the chart to another, both corners of a rectangle.
pub(super) fn nodes_between(low: Uv, high: Uv) -> impl Iterator<Item = Node> {
    let index = |x: f64| (x / CELL + f64::from(HALF)).clamp(0.0, (ROW - 1) as f64);
    let columns = move || index(low.x).floor() as usize..=index(high.x).ceil() as usize;
    let rows = index(low.y).floor() as usize..=index(high.y).ceil() as usize;
    rows.flat_map(move |j| columns().map(move |i| j * ROW + i))
}

/// The node so many columns and rows from another.
pub(super) fn step(node: Node, right: i32, up: i32) -> Option<Node> {
    let (i, j) = ((node % ROW) as i32 + right, (node / ROW) as i32 + up);
    let range = 0..ROW as i32;
    (range.contains(&i) && range.contains(&j)).then(|| j as usize * ROW + i as usize)
}

/// A value given at the nodes, between them; infinite where a corner's is.
pub(super) fn between(values: &[f64], uv: &Uv) -> f64 {
    let Some((i, j, s, t)) = cell(uv) else {
        return f64::INFINITY;
    };
    let at = |i: usize, j: usize| values[j * ROW + i];
    let (low, high) = (
        at(i, j).max(at(i + 1, j)),
        at(i, j + 1).max(at(i + 1, j + 1)),
    );
    if low.max(high).is_infinite() {
        return f64::INFINITY;
    }
    (1.0 - t) * ((1.0 - s) * at(i, j) + s * at(i + 1, j))
        + t * ((1.0 - s) * at(i, j + 1) + s * at(i + 1, j + 1))
}

impl Map {
    /// Draws the head's outer surface on the chart.
    pub fn new(head: &SurfaceMesh<Head>, skull: Skull) -> Self {
        let mut radius: Vec<Option<f64>> = vec![None; nodes()];
        let local: Vec<Vector3<f64>> = head
            .vertices()
            .iter()
            .map(|p| skull.local(&p.raw()))
            .collect();
        let charted: Vec<Option<Uv>> = local.iter().map(chart).collect();
        for t in head.triangles() {
            let corners = t.map(|i| local[i as usize]);
            let [Some(a), Some(b), Some(c)] = t.map(|i| charted[i as usize]) else {
                continue;
            };
            draw(&mut radius, &corners, [a, b, c]);
        }
        let (near, far) = (NEAREST * skull.scale, FARTHEST * skull.scale);
        for r in &mut radius {
            *r = r.filter(|r| (near..=far).contains(r));
        }
        Self::over(skull, radius)
    }

    fn over(skull: Skull, radius: Vec<Option<f64>>) -> Self {
        let surface = |(node, r): (Node, &Option<f64>)| r.map(|r| direction(&place_of(node)) * r);
        Self {
            skull,
            surface: radius.iter().enumerate().map(surface).collect(),
            radius,
        }
    }

    /// The skull it is drawn about.
    pub fn skull(&self) -> &Skull {
        &self.skull
    }

    /// The surface at each node, in skull coordinates.
    pub fn surface(&self) -> &[Option<Vector3<f64>>] {
        &self.surface
    }

    /// All nodes that may be nearest to a place within a distance of a point of the surface, and somewhat more.
    pub fn nodes_around(&self, point: &Vector3<f64>, reach: f64) -> Vec<Node> {
        let Some((uv, middle)) = chart(point).and_then(|uv| node(&uv).map(|n| (uv, n))) else {
            return Vec::new();
        };
        let distance = point.norm();
        // A reach beyond the scalp's middle is one in every direction.
        if reach >= distance {
            return (0..nodes()).collect();
        }
        let angle = (reach / distance).asin();
        // Towards the chart's edge places are drawn apart, by 1/cos of half the way from the vertex. The shortest way between two places
        // of the chart never comes lower than this.
        let farthest = (2.0 * (uv.norm() / 2.0).min(1.0).asin() + angle).min(2.7);
        let stretch = 1.0 / (farthest / 2.0).cos();
        // From one end of the chart to the other at most.
        let cells = ((angle * stretch / CELL).ceil() + 2.0).min(ROW as f64) as i32;
        let mut near = Vec::new();
        for i in -cells..=cells {
            for j in -cells..=cells {
                near.extend(step(middle, i, j));
            }
        }
        near
    }

    /// The surface in a direction, in skull coordinates.
    pub fn lift(&self, towards: &Vector3<f64>) -> Option<Vector3<f64>> {
        let uv = chart(towards)?;
        let (i, j, s, t) = cell(&uv)?;
        let at = |i: usize, j: usize| self.radius[j * ROW + i];
        let (a, b) = (at(i, j)?, at(i + 1, j)?);
        let (c, d) = (at(i, j + 1)?, at(i + 1, j + 1)?);
        let r = (1.0 - t) * ((1.0 - s) * a + s * b) + t * ((1.0 - s) * c + s * d);
        Some(direction(&uv) * r)
    }

    /// The angles of a place of the surface over the chart.
    pub fn place(&self, surface: &Vector3<f64>) -> Place {
        self.skull.place_local(surface)
    }
}

/// Enters a triangle's distance at the nodes under it; the outermost wins.
fn draw(radius: &mut [Option<f64>], corners: &[Vector3<f64>; 3], charted: [Uv; 3]) {
    let [a, b, c] = *corners;
    let normal = (b - a).cross(&(c - a));
    let height = normal.dot(&a);
    // Seen from inside or edge-on: an inner wall, the inside of a fold.
    if height <= 0.0 {
        return;
    }
    let (low, high) = charted
        .iter()
        .skip(1)
        .fold((charted[0], charted[0]), |(lo, hi), p| {
            (lo.inf(p), hi.sup(p))
        });
    // A straight side bulges on the chart, by less than an eighth of its length for anything smaller than a face.
    let slack = (high - low).max() / 8.0;
    let index = |x: f64| (x / CELL + f64::from(HALF)).clamp(0.0, (ROW - 1) as f64);
    let range = |low: f64, high: f64| {
        (index(low - slack).floor() as usize)..=(index(high + slack).ceil() as usize)
    };
    let sides = [b.cross(&c), c.cross(&a), a.cross(&b)];
    let tolerance = -1e-9 * height.abs();
    for j in range(low.y, high.y) {
        for i in range(low.x, high.x) {
            let node = j * ROW + i;
            let towards = direction(&place_of(node));
            if sides.iter().all(|s| s.dot(&towards) >= tolerance) {
                let along = normal.dot(&towards);
                let r = height / along;
                if along > 0.0 && radius[node].is_none_or(|known| r > known) {
                    radius[node] = Some(r);
                }
            }
        }
    }
}

#[cfg(test)]
impl Map {
    /// A sphere about the scalp's middle.
    pub fn round(skull: Skull, radius: f64) -> Self {
        Self::over(skull, vec![Some(radius); nodes()])
    }

    /// Takes the surface away where it is chosen, in skull coordinates.
    pub fn cut(&mut self, away: impl Fn(&Vector3<f64>) -> bool) {
        for (radius, place) in self.radius.iter_mut().zip(&mut self.surface) {
            if place.is_some_and(|p| away(&p)) {
                (*radius, *place) = (None, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_and_direction_are_inverse() {
        for (x, y, z) in [
            (0.3, -0.2, 0.9),
            (0.9, 0.3, -0.3),
            (-0.5, 0.7, 0.0),
            (0.0, 0.0, 2.0),
        ] {
            let d = Vector3::new(x, y, z);
            let back = direction(&chart(&d).unwrap());
            assert!((back - d.normalize()).norm() < 1e-12);
        }
        assert!(chart(&Vector3::new(0.01, 0.0, -1.0)).is_none());
        assert!(chart(&Vector3::zeros()).is_none());
        assert!(chart(&Vector3::new(f64::NAN, 0.0, 1.0)).is_none());
    }

    #[test]
    fn no_node_within_reach_is_missed() {
        let map = Map::round(Skull::unit(), 0.09);
        // From the vertex down to the chart's edge, from a mole to more than half the head.
        for down in [0.0, 0.7, 1.4, 2.0, 2.3] {
            for reach in [0.001, 0.01, 0.04, 0.08, 0.089, 0.12] {
                let point = Place::towards(down, 0.0) * 0.09;
                let mut near = vec![false; nodes()];
                let found = map.nodes_around(&point, reach);
                found.into_iter().for_each(|n| near[n] = true);
                let missed = (0..nodes()).filter(|n| {
                    let surface = direction(&place_of(*n)) * 0.09;
                    let on_chart = place_of(*n).norm() < REACH;
                    on_chart && !near[*n] && (surface - point).norm() < reach
                });
                assert_eq!(missed.count(), 0, "{down} {reach}");
            }
        }
    }

    #[test]
    fn values_between_nodes_are_linear() {
        let values: Vec<f64> = (0..nodes())
            .map(|n| place_of(n).dot(&Uv::new(2.0, -3.0)))
            .collect();
        let uv = Uv::new(0.4321, -1.0203);
        assert!((between(&values, &uv) - uv.dot(&Uv::new(2.0, -3.0))).abs() < 1e-12);
        assert!(between(&values, &Uv::new(5.0, 0.0)).is_infinite());
        assert!(between(&values, &Uv::new(f64::NAN, 0.0)).is_infinite());
    }
}
