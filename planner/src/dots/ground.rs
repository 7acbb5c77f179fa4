//! The ground dots stand on: the patch's triangles, who borders whom, and how to walk over them.

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;

use super::hilbert;

/// Edge of the cells on which the density is sampled, metres. Source: this project's own; the same as the design sums areas on.
const CELL: f64 = 0.001;
/// A walk that crosses more edges than this in one step circles a corner; it is not taken.
const MOST_CROSSINGS: usize = 64;
/// The most cells along a triangle's longest edge: a triangle of a head is never longer; the cap only bounds nonsense.
const MOST_DIVISIONS: f64 = 400.0;
/// Densities that differ by less than this share are the same.
const SAME: f64 = 1e-3;
/// Steps of the raster along a triangle's edge; a power of two, so that shares stay exact.
const RASTER: f64 = 4096.0;
/// Corners and middles of the edges of a triangle, as shares of its second and third corner.
const RIM: [[f64; 2]; 6] = [
    [0.0, 0.0],
    [1.0, 0.0],
    [0.0, 1.0],
    [0.5, 0.0],
    [0.0, 0.5],
    [0.5, 0.5],
];

/// Zone and density (dots per m²) at a place; `None` where no dot may be.
pub(super) type Density<'a> = &'a (dyn Fn(&Vector3<f64>) -> Option<(u8, f64)> + Sync);

/// A place on the ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    /// Where, metres.
    pub position: Vector3<f64>,
    /// On which facet.
    pub facet: u32,
    /// Shares of the facet's second and third corner.
    shares: [f64; 2],
}

/// One edge of a facet, named by the corner opposite it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    facet: u32,
    corner: u8,
}

/// One triangle of the patch.
struct Facet {
    origin: Vector3<f64>,
    /// From the first corner to the second and the third.
    edges: [Vector3<f64>; 2],
    /// How the shares of the second and third corner grow along a step.
    gradients: [Vector3<f64>; 2],
    normal: Vector3<f64>,
    /// Outward, averaged over the triangles that share a corner.
    smooth: Vector3<f64>,
    /// What lies across the edge opposite each corner; `None` where nobody walks.
    across: [Option<Side>; 3],
    /// Its number in the mesh.
    triangle: u32,
    /// The zone it lies in as a whole, when it does.
    whole: Option<u8>,
    /// The density all over it, when it is the same all over (dots per m²).
    level: Option<f64>,
}

/// A small part of a facet, for drawing places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Place along a space-filling curve.
    pub key: u64,
    /// Expected dots.
    pub weight: f64,
    pub facet: u32,
    pub zone: u8,
    /// Shares of the second and third corner at the cell's own first corner, and the cell's edges in shares; negative for those turned
    /// over.
    corner: [f32; 2],
    size: f32,
}

/// The patch as a surface to walk on.
pub(super) struct Ground<'a> {
    facets: Vec<Facet>,
    density: Density<'a>,
}

impl<'a> Ground<'a> {
    /// Takes the patch's triangles that have an area. Returns the cells as well, in the order of the triangles.
    pub fn new(head: &SurfaceMesh<Head>, patch: &[u32], density: Density<'a>) -> (Self, Vec<Cell>) {
        let ring = head.vertex_area_vectors();
        let mut facets: Vec<Facet> = patch
            .par_iter()
            .filter_map(|&t| facet(head, t, &ring))
            .collect();
        link(head, &mut facets);
        let edge = CELL.max((head.area().m2() / 2e6).sqrt());
        let cells: Vec<Vec<Cell>> = facets
            .par_iter_mut()
            .enumerate()
            .map(|(i, facet)| {
                let cells = cells(facet, i as u32, edge, density);
                (facet.whole, facet.level) = whole(facet, &cells, edge, density);
                cells.into_iter().flatten().collect()
            })
            .collect();
        (Self { facets, density }, cells.concat())
    }

    /// A place of a cell; `u` and `v` are uniform in 0..1.
    pub fn place(&self, cell: &Cell, mut u: f64, mut v: f64) -> Spot {
        if u + v > 1.0 {
            (u, v) = (1.0 - u, 1.0 - v);
        }
        let size = f64::from(cell.size);
        let shares = [0, 1].map(|k| f64::from(cell.corner[k]) + size * [u, v][k]);
        // Cells are stored in single precision: what sticks out by rounding is taken back.
        let shares = shares.map(|s| s.clamp(0.0, 1.0));
        let over = (shares[0] + shares[1]).max(1.0);
        self.spot(cell.facet, shares.map(|s| s / over))
    }

    /// The nearest place of the facet's raster. The raster swallows the rounding with which one and the same scan arrives from two places,
    /// so that pushing dots about for many rounds cannot blow it up.
    fn spot(&self, facet: u32, shares: [f64; 2]) -> Spot {
        let first = (shares[0] * RASTER).round() / RASTER;
        let second = ((shares[1] * RASTER).round() / RASTER).min(1.0 - first);
        let shares = [first, second];
        let f = &self.facets[facet as usize];
        Spot {
            position: f.origin + f.edges[0] * shares[0] + f.edges[1] * shares[1],
            facet,
            shares,
        }
    }

    /// The step turned about the skin's normal here by about 70° and halved, to either side: ways along an edge that cannot be crossed.
    pub fn sideways(&self, from: &Spot, step: &Vector3<f64>) -> [Vector3<f64>; 2] {
        let normal = self.facets[from.facet as usize].normal;
        let across = normal.cross(step) * 0.47;
        let along = step * 0.17;
        [along + across, along - across]
    }

    /// Two directions of the skin here, across each other.
    pub fn plane(&self, at: &Spot) -> [Vector3<f64>; 2] {
        let facet = &self.facets[at.facet as usize];
        let along = facet.edges[0].normalize();
        [along, facet.normal.cross(&along)]
    }

    /// Zone and density at a place, asked of the design.
    pub fn density(&self, spot: &Spot) -> Option<(u8, f64)> {
        (self.density)(&spot.position)
    }

    /// Whether a dot of a zone may stand here, asked of the design.
    pub fn admits(&self, spot: &Spot, zone: u8) -> bool {
        self.density(spot).is_some_and(|(z, _)| z == zone)
    }

    /// The same, as far as samples of the facet tell: fast, and on the way good enough. What a dot ends on is asked by [`Self::admits`].
    pub fn permits(&self, spot: &Spot, zone: u8) -> bool {
        self.facets[spot.facet as usize].whole == Some(zone) || self.admits(spot, zone)
    }

    /// The density here (dots per m²), to within [`SAME`]; `None` where no dot may be.
    pub fn level(&self, spot: &Spot) -> Option<f64> {
        let level = self.facets[spot.facet as usize].level;
        level.or_else(|| self.density(spot).map(|(_, density)| density))
    }

    /// The outward normal here, averaged over the neighbouring triangles.
    pub fn smooth_normal(&self, spot: &Spot) -> Vector3<f64> {
        self.facets[spot.facet as usize].smooth
    }

    /// The triangle's number in the mesh.
    pub fn triangle(&self, spot: &Spot) -> u32 {
        self.facets[spot.facet as usize].triangle
    }

    /// Walks a step (metres) straight ahead over the surface, unfolding it at every edge; `None` where the patch ends.
    pub fn walk(&self, from: &Spot, step: &Vector3<f64>) -> Option<Spot> {
        let (mut at, mut step, mut shares) = (from.facet, *step, from.shares);
        for _ in 0..MOST_CROSSINGS {
            let f = &self.facets[at as usize];
            let rate = f.gradients.map(|g| g.dot(&step));
            let three = [1.0 - shares[0] - shares[1], shares[0], shares[1]];
            let rates = [-rate[0] - rate[1], rate[0], rate[1]];
            let (mut part, mut edge) = (1.0, None);
            for k in 0..3 {
                if rates[k] < 0.0 {
                    let until = three[k].max(0.0) / -rates[k];
                    if until < part {
                        (part, edge) = (until, Some(k));
                    }
                }
            }
            let there = [0, 1, 2].map(|k| (three[k] + rates[k] * part).max(0.0));
            let Some(k) = edge else {
                return Some(self.spot(at, [there[1], there[2]]));
            };
            let across = f.across[k]?;
            let (next, m) = (across.facet, usize::from(across.corner));
            step = f.unfold(
                k,
                &(step * (1.0 - part)),
                &self.facets[next as usize].normal,
            );
            // Triangles run the same way round, so the shared edge runs opposite ways in the two.
            let mut entered = [0.0; 3];
            let (p, q) = (there[(k + 1) % 3], there[(k + 2) % 3]);
            let sum = (p + q).max(f64::MIN_POSITIVE);
            entered[(m + 1) % 3] = q / sum;
            entered[(m + 2) % 3] = p / sum;
            shares = [entered[1], entered[2]];
            at = next;
        }
        None
    }
}

impl Facet {
    /// From the corner after `k` to the one after that.
    fn edge(&self, k: usize) -> Vector3<f64> {
        match k {
            0 => self.edges[1] - self.edges[0],
            1 => -self.edges[1],
            _ => self.edges[0],
        }
    }

    /// A step over edge `k` turned into the plane of the triangle beyond.
    fn unfold(&self, k: usize, step: &Vector3<f64>, beyond: &Vector3<f64>) -> Vector3<f64> {
        let edge = self.edge(k);
        let edge = edge / edge.norm();
        edge * step.dot(&edge) + edge.cross(beyond) * step.dot(&edge.cross(&self.normal))
    }
}

fn facet(head: &SurfaceMesh<Head>, triangle: u32, ring: &[Vector3<f64>]) -> Option<Facet> {
    let [a, b, c] = head.corners(triangle as usize).map(|p| p.raw());
    let edges = [b - a, c - a];
    let area = edges[0].cross(&edges[1]);
    let squared = area.norm_squared();
    let normal = head.face_normal(triangle as usize)?.raw();
    let gradients = [edges[1].cross(&area), area.cross(&edges[0])].map(|g| g / squared);
    if squared <= 0.0 || gradients.iter().any(|g| !g.iter().all(|c| c.is_finite())) {
        return None;
    }
    let around: Vector3<f64> = head.triangles()[triangle as usize]
        .iter()
        .map(|&v| ring[v as usize])
        .sum();
    let size = around.norm();
    Some(Facet {
        origin: a,
        edges,
        gradients,
        normal,
        smooth: if size > 0.0 { around / size } else { normal },
        across: [None; 3],
        triangle,
        whole: None,
        level: None,
    })
}

/// Joins facets along edges that exactly two share, the same way round; over any other edge nobody walks.
fn link(head: &SurfaceMesh<Head>, facets: &mut [Facet]) {
    let mut sides: Vec<([u32; 2], Side, bool)> = (0u32..)
        .zip(facets.iter())
        .flat_map(|(facet, f)| {
            let corners = head.triangles()[f.triangle as usize];
            (0..3u8).map(move |corner| {
                let [from, to] = [1, 2].map(|k| corners[(usize::from(corner) + k) % 3]);
                let side = Side { facet, corner };
                ([from.min(to), from.max(to)], side, from < to)
            })
        })
        .collect();
    sides.par_sort_unstable();
    for shared in sides.chunk_by(|a, b| a.0 == b.0) {
        if let [(_, a, along), (_, b, back)] = *shared
            && along != back
        {
            facets[a.facet as usize].across[usize::from(a.corner)] = Some(b);
            facets[b.facet as usize].across[usize::from(b.corner)] = Some(a);
        }
    }
}

/// The facet's cells of about `edge`; `None` for those whose middle is no place for a dot.
fn cells(facet: &Facet, index: u32, edge: f64, density: Density<'_>) -> Vec<Option<Cell>> {
    let longest = (0..3).map(|k| facet.edge(k).norm()).fold(0.0, f64::max);
    let n = (longest / edge).ceil().clamp(1.0, MOST_DIVISIONS) as usize;
    let size = 1.0 / n as f64;
    let area = 0.5 * facet.edges[0].cross(&facet.edges[1]).norm() * size * size;
    let mut cells = Vec::with_capacity(n * n);
    let mut add = |i: usize, j: usize, turned: bool| {
        let corner = [i, j].map(|k| (k + usize::from(turned)) as f64 * size);
        let size = if turned { -size } else { size };
        let middle = facet.origin
            + facet.edges[0] * (corner[0] + size / 3.0)
            + facet.edges[1] * (corner[1] + size / 3.0);
        cells.push(density(&middle).map(|(zone, density)| Cell {
            key: hilbert::key(&middle),
            weight: area * density,
            facet: index,
            zone,
            corner: corner.map(|c| c as f32),
            size: size as f32,
        }));
    };
    for i in 0..n {
        for j in 0..n - i {
            add(i, j, false);
            if i + j + 1 < n {
                add(i, j, true);
            }
        }
    }
    cells
}

/// The zone a facet lies in as a whole (its corners, the middles of its edges and all its cells say the same), and the density if that
/// too is the same.
fn whole(
    facet: &Facet,
    cells: &[Option<Cell>],
    edge: f64,
    density: Density<'_>,
) -> (Option<u8>, Option<f64>) {
    let Some(first) = cells.first().copied().flatten() else {
        return (None, None);
    };
    let same = |c: &Option<Cell>| c.is_some_and(|c| c.zone == first.zone);
    let capped = (0..3).any(|k| facet.edge(k).norm() > edge * MOST_DIVISIONS);
    if capped || !cells.iter().all(same) {
        return (None, None);
    }
    let weights = cells.iter().flatten().map(|c| c.weight);
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for w in weights {
        (low, high) = (low.min(w), high.max(w));
    }
    let area = 0.5 * facet.edges[0].cross(&facet.edges[1]).norm() / cells.len() as f64;
    (low, high) = (low / area, high / area);
    for [u, v] in RIM {
        let there = facet.origin + facet.edges[0] * u + facet.edges[1] * v;
        match density(&there) {
            Some((zone, d)) if zone == first.zone => (low, high) = (low.min(d), high.max(d)),
            _ => return (None, None),
        }
    }
    let level = (high - low <= SAME * high).then_some(high);
    (Some(first.zone), level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_model::frames::Point;

    /// A roof: two slopes at 45° that meet in a ridge along y at x = 0, each 14 cm wide and 40 cm long, of 4 × 2 triangles each.
    fn roof() -> SurfaceMesh<Head> {
        let mut vertices = Vec::new();
        let mut triangles = Vec::new();
        for row in 0..5u32 {
            for x in [-1.0, 0.0, 1.0f64] {
                vertices.push(Point::new(0.1 * x, 0.1 * f64::from(row), -0.1 * x.abs()));
            }
            if row < 4 {
                let v = row * 3;
                for c in [v, v + 1] {
                    triangles.extend([[c, c + 1, c + 4], [c, c + 4, c + 3]]);
                }
            }
        }
        SurfaceMesh::new(vertices, triangles).unwrap()
    }

    fn everywhere(_: &Vector3<f64>) -> Option<(u8, f64)> {
        Some((0, 1.0))
    }

    fn stand(ground: &Ground<'_>, facet: u32, shares: [f64; 2]) -> Spot {
        ground.spot(facet, shares)
    }

    #[test]
    fn a_walk_over_a_ridge_keeps_its_length_and_its_heading() {
        let head = roof();
        let patch: Vec<u32> = (0..16).collect();
        let (ground, _) = Ground::new(&head, &patch, &everywhere);
        let from = stand(&ground, 0, [0.25, 0.25]);
        // Up the slope and along it by the same length.
        let up = Vector3::new(0.5, 0.0, 0.5);
        let along = Vector3::y() * 0.5f64.sqrt();
        let to = ground.walk(&from, &((up + along) * 0.2)).unwrap();
        // The way to the ridge and down the other side, unfolded.
        let slope = |p: &Vector3<f64>| p.x * 2f64.sqrt();
        let d = (
            slope(&to.position) - slope(&from.position),
            to.position.y - from.position.y,
        );
        assert!((d.0 - 0.2 * 0.5f64.sqrt()).abs() < 5e-5, "{d:?}");
        assert!((d.1 - 0.2 * 0.5f64.sqrt()).abs() < 5e-5, "{d:?}");
        assert!(
            (to.position.z + to.position.x.abs()).abs() < 1e-12,
            "off the roof"
        );
        // And back again.
        let down = Vector3::new(-0.5, 0.0, 0.5);
        let back = ground.walk(&to, &((down - along) * 0.2)).unwrap();
        assert!((back.position - from.position).norm() < 1e-4);
    }

    #[test]
    fn nobody_walks_off_the_patch() {
        let head = roof();
        let patch: Vec<u32> = (0..4).collect();
        let (ground, _) = Ground::new(&head, &patch, &everywhere);
        let from = stand(&ground, 0, [0.25, 0.25]);
        assert!(ground.walk(&from, &(Vector3::y() * 0.03)).is_some());
        assert!(ground.walk(&from, &(Vector3::y() * 0.3)).is_none());
        assert!(
            ground
                .walk(&from, &(Vector3::new(-0.3, 0.0, -0.3)))
                .is_none()
        );
    }

    #[test]
    fn a_facet_is_whole_only_when_it_is() {
        let head = roof();
        let half = |p: &Vector3<f64>| (p.y < 0.15).then_some((3, 1.0));
        let (ground, cells) = Ground::new(&head, &[0, 4, 8], &half);
        assert_eq!(
            ground.facets.iter().map(|f| f.whole).collect::<Vec<_>>(),
            vec![Some(3), None, None]
        );
        let area: f64 = cells.iter().map(|c| c.weight).sum();
        assert!((area - 0.5f64.sqrt() * 1.75 * 0.01).abs() < 1e-4, "{area}");
        for cell in cells.iter().step_by(97) {
            let spot = ground.place(cell, 0.2, 0.3);
            assert!(spot.position.y < 0.152);
            assert!((spot.position.z + spot.position.x.abs()).abs() < 1e-9);
        }
    }
}
