//! From a signed distance to a triangle surface: surface nets, evened out and put back onto the zero level.

use std::collections::HashMap;

use nalgebra::Vector3;

/// Vertices (metres) and outward-wound triangles.
#[derive(Debug, Clone, Default)]
pub struct Surface {
    /// The vertices, metres.
    pub vertices: Vec<Vector3<f64>>,
    /// Indices into the vertices, counter-clockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
}

/// The box that is searched and how finely.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Its lowest corner, metres.
    pub low: Vector3<f64>,
    /// Edge of a cell, metres.
    pub cell: f64,
    /// Cells along x, y, z.
    pub cells: [usize; 3],
}

impl Grid {
    fn corner(&self, at: [usize; 3]) -> Vector3<f64> {
        self.low + Vector3::new(at[0] as f64, at[1] as f64, at[2] as f64) * self.cell
    }

    fn index(&self, at: [usize; 3]) -> usize {
        (at[2] * (self.cells[1] + 1) + at[1]) * (self.cells[0] + 1) + at[0]
    }

    fn samples(&self) -> usize {
        self.cells.iter().map(|n| n + 1).product()
    }
}

/// Edge of the blocks that are skipped whole when they are far from the surface, cells.
const BLOCK: usize = 4;

/// The zero level of `field` inside the grid.
pub fn extract(grid: &Grid, field: &impl Fn(&Vector3<f64>) -> f64) -> Surface {
    let mut values = sample(grid, field);
    fill_pinches(grid, &mut values);
    let mut surface = Surface::default();
    let mut vertex_of_cell = HashMap::new();
    for z in 0..grid.cells[2] {
        for y in 0..grid.cells[1] {
            for x in 0..grid.cells[0] {
                if let Some(vertex) = cell_vertex(grid, &values, [x, y, z]) {
                    vertex_of_cell.insert([x, y, z], surface.vertices.len() as u32);
                    surface.vertices.push(vertex);
                }
            }
        }
    }
    for z in 0..=grid.cells[2] {
        for y in 0..=grid.cells[1] {
            for x in 0..=grid.cells[0] {
                for axis in 0..3 {
                    push_quad(
                        grid,
                        &values,
                        &vertex_of_cell,
                        [x, y, z],
                        axis,
                        &mut surface,
                    );
                }
            }
        }
    }
    surface
}

/// The field at every corner; blocks that cannot hold the surface get one far value.
fn sample(grid: &Grid, field: &impl Fn(&Vector3<f64>) -> f64) -> Vec<f64> {
    let mut values = vec![1.0; grid.samples()];
    // A warped, blended distance is not exact: the block's half diagonal (0.87 edges), and half as much again.
    let reach = BLOCK as f64 * grid.cell * 1.3;
    let blocks = grid.cells.map(|n| n / BLOCK + 1);
    for bz in 0..blocks[2] {
        for by in 0..blocks[1] {
            for bx in 0..blocks[0] {
                let first = [bx * BLOCK, by * BLOCK, bz * BLOCK];
                let middle = grid.corner(first) + Vector3::repeat(0.5 * BLOCK as f64 * grid.cell);
                let far = Some(field(&middle)).filter(|d| d.abs() > reach);
                for z in first[2]..(first[2] + BLOCK).min(grid.cells[2] + 1) {
                    for y in first[1]..(first[1] + BLOCK).min(grid.cells[1] + 1) {
                        for x in first[0]..(first[0] + BLOCK).min(grid.cells[0] + 1) {
                            values[grid.index([x, y, z])] =
                                far.unwrap_or_else(|| field(&grid.corner([x, y, z])));
                        }
                    }
                }
            }
        }
    }
    values
}

/// Fills corners until no cell has its inside or outside touch only across a face's or the cell's diagonal: what is left then has a
/// surface on which every edge has two triangles. Such pinches occur where the shape is as thin as a cell, as behind the ears.
fn fill_pinches(grid: &Grid, values: &mut [f64]) {
    // Each round fills at least one corner, so it ends; a handful of rounds is seen.
    while fill_pinches_once(grid, values) {}
}

fn fill_pinches_once(grid: &Grid, values: &mut [f64]) -> bool {
    /// The corners of each face in order around it.
    const FACES: [[usize; 4]; 6] = [
        [0, 1, 3, 2],
        [4, 5, 7, 6],
        [0, 1, 5, 4],
        [2, 3, 7, 6],
        [0, 2, 6, 4],
        [1, 3, 7, 5],
    ];
    const JUST_INSIDE: f64 = -1e-6;
    let mut filled = false;
    for z in 0..grid.cells[2] {
        for y in 0..grid.cells[1] {
            for x in 0..grid.cells[0] {
                let index: [usize; 8] = std::array::from_fn(|c| {
                    grid.index([x + (c & 1), y + (c >> 1 & 1), z + (c >> 2 & 1)])
                });
                let mask = (0..8).fold(0u8, |mask, c| mask | u8::from(values[index[c]] < 0.0) << c);
                if mask == 0 || mask == 0xff {
                    continue;
                }
                let inside = |c: usize| mask >> c & 1 == 1;
                let checkered = FACES.iter().find(|[a, b, c, d]| {
                    inside(*a) == inside(*c) && inside(*b) == inside(*d) && inside(*a) != inside(*b)
                });
                let diagonal = (0..4).any(|c| [mask, !mask].contains(&(1 << c | 1 << (7 - c))));
                let among: &[usize] = match checkered {
                    Some(face) => face,
                    None if diagonal => &[0, 1, 2, 3, 4, 5, 6, 7],
                    None => continue,
                };
                let nearest = among
                    .iter()
                    .map(|c| index[*c])
                    .filter(|i| values[*i] >= 0.0);
                if let Some(i) = nearest.min_by(|a, b| values[*a].total_cmp(&values[*b])) {
                    values[i] = JUST_INSIDE;
                    filled = true;
                }
            }
        }
    }
    filled
}

/// The mean of the surface's crossings of a cell's edges; `None` where it does not cross.
fn cell_vertex(grid: &Grid, values: &[f64], at: [usize; 3]) -> Option<Vector3<f64>> {
    let corner = |bits: usize| {
        [
            at[0] + (bits & 1),
            at[1] + (bits >> 1 & 1),
            at[2] + (bits >> 2 & 1),
        ]
    };
    let (mut sum, mut count) = (Vector3::zeros(), 0.0);
    for a in 0..8 {
        for axis in [1, 2, 4] {
            if a & axis != 0 {
                continue;
            }
            let (from, to) = (corner(a), corner(a | axis));
            let (v0, v1) = (values[grid.index(from)], values[grid.index(to)]);
            if (v0 < 0.0) != (v1 < 0.0) {
                sum += grid.corner(from).lerp(&grid.corner(to), v0 / (v0 - v1));
                count += 1.0;
            }
        }
    }
    (count > 0.0).then(|| sum / count)
}

/// The quad across the grid edge that starts at `at` along `axis`, when the surface crosses it and four cells meet there.
fn push_quad(
    grid: &Grid,
    values: &[f64],
    vertex_of_cell: &HashMap<[usize; 3], u32>,
    at: [usize; 3],
    axis: usize,
    surface: &mut Surface,
) {
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    if at[axis] >= grid.cells[axis] || at[u] == 0 || at[v] == 0 {
        return;
    }
    let mut next = at;
    next[axis] += 1;
    let inside = [at, next].map(|c| values[grid.index(c)] < 0.0);
    if inside[0] == inside[1] {
        return;
    }
    let cell = |du: usize, dv: usize| {
        let mut c = at;
        c[u] -= du;
        c[v] -= dv;
        vertex_of_cell.get(&c).copied()
    };
    let (Some(a), Some(b), Some(c), Some(d)) = (cell(1, 1), cell(0, 1), cell(0, 0), cell(1, 0))
    else {
        return;
    };
    let quad = if inside[0] {
        [a, b, c, d]
    } else {
        [d, c, b, a]
    };
    // The shorter diagonal makes the better triangles.
    let length = |i: u32, j: u32| {
        (surface.vertices[i as usize] - surface.vertices[j as usize]).norm_squared()
    };
    let [a, b, c, d] = quad;
    if length(a, c) <= length(b, d) {
        surface.triangles.extend([[a, b, c], [a, c, d]]);
    } else {
        surface.triangles.extend([[a, b, d], [b, c, d]]);
    }
}

impl Surface {
    /// Moves each vertex towards the middle of its neighbours and back onto the zero level of `field`, `rounds` times.
    pub fn even_out(&mut self, rounds: usize, field: &impl Fn(&Vector3<f64>) -> f64) {
        let neighbours = self.neighbours();
        for _ in 0..rounds {
            let before = self.vertices.clone();
            for (vertex, around) in self.vertices.iter_mut().zip(&neighbours) {
                if !around.is_empty() {
                    let middle = around
                        .iter()
                        .map(|&i| before[i as usize])
                        .sum::<Vector3<f64>>()
                        / around.len() as f64;
                    *vertex = vertex.lerp(&middle, 0.5);
                }
                onto_surface(vertex, field);
            }
        }
        for vertex in &mut self.vertices {
            onto_surface(vertex, field);
        }
    }

    fn neighbours(&self) -> Vec<Vec<u32>> {
        let mut around = vec![Vec::new(); self.vertices.len()];
        for [a, b, c] in &self.triangles {
            for (i, j) in [(a, b), (b, c), (c, a)] {
                for (from, to) in [(i, j), (j, i)] {
                    let list: &mut Vec<u32> = &mut around[*from as usize];
                    if !list.contains(to) {
                        list.push(*to);
                    }
                }
            }
        }
        around
    }

    /// Unit normals at the vertices, outward, weighted by area; zero where a vertex has no area around it.
    #[must_use]
    pub fn vertex_normals(&self) -> Vec<Vector3<f64>> {
        let mut normals = vec![Vector3::zeros(); self.vertices.len()];
        for t in &self.triangles {
            let [a, b, c] = t.map(|i| self.vertices[i as usize]);
            let area = (b - a).cross(&(c - a));
            for &i in t {
                normals[i as usize] += area;
            }
        }
        normals
            .iter()
            .map(|n| n.try_normalize(0.0).unwrap_or_else(Vector3::zeros))
            .collect()
    }

    /// Keeps what lies on the side of the plane that `normal` points to; triangles across it are cut along it.
    ///
    /// Vertices nearer to the plane than `snap` (metres) are moved onto it first, so that the cut leaves no slivers.
    #[must_use]
    pub fn cut(&self, on_plane: &Vector3<f64>, normal: &Vector3<f64>, snap: f64) -> Self {
        let mut out = Self {
            vertices: self.vertices.clone(),
            triangles: Vec::with_capacity(self.triangles.len()),
        };
        let mut height: Vec<f64> = self
            .vertices
            .iter()
            .map(|v| (v - on_plane).dot(normal))
            .collect();
        for (vertex, h) in out.vertices.iter_mut().zip(&mut height) {
            if h.abs() < snap {
                *vertex -= normal * *h;
                *h = 0.0;
            }
        }
        let mut crossings = HashMap::new();
        for t in &self.triangles {
            let kept = clip(t, &height, &mut out.vertices, &mut crossings);
            // A polygon of up to four corners, as a fan; a triangle that only touches the plane with an edge has no area left.
            for i in 2..kept.len() {
                out.triangles.push([kept[0], kept[i - 1], kept[i]]);
            }
        }
        let flat = |t: &[u32; 3]| {
            t.iter()
                .all(|&i| height.get(i as usize).is_none_or(|h| *h <= 0.0))
        };
        out.triangles.retain(|t| !flat(t));
        out.drop_unused();
        out
    }

    /// Keeps only the vertices that a triangle uses.
    pub fn drop_unused(&mut self) {
        let mut place = vec![None; self.vertices.len()];
        let mut kept = Vec::new();
        for index in self.triangles.iter_mut().flatten() {
            let old = *index as usize;
            *index = *place[old].get_or_insert_with(|| {
                kept.push(self.vertices[old]);
                kept.len() as u32 - 1
            });
        }
        self.vertices = kept;
    }
}

/// One step along the gradient onto the zero level.
fn onto_surface(p: &mut Vector3<f64>, field: &impl Fn(&Vector3<f64>) -> f64) {
    const STEP: f64 = 1e-5;
    let d = field(p);
    let slope = Vector3::from_fn(|axis, _| {
        let mut q = *p;
        q[axis] += STEP;
        (field(&q) - d) / STEP
    });
    let steep = slope.norm_squared();
    if steep > 0.05 {
        // Never farther than a millimetre a step: where two parts meet the gradient may lie.
        *p -= slope * (d / steep).clamp(-1e-3, 1e-3);
    }
}

/// The corners of a triangle's part above the plane, in order; new vertices on crossed edges are shared between triangles.
fn clip(
    triangle: &[u32; 3],
    height: &[f64],
    vertices: &mut Vec<Vector3<f64>>,
    crossings: &mut HashMap<(u32, u32), u32>,
) -> Vec<u32> {
    let mut kept = Vec::with_capacity(4);
    for i in 0..3 {
        let (a, b) = (triangle[i], triangle[(i + 1) % 3]);
        let (ha, hb) = (height[a as usize], height[b as usize]);
        if ha >= 0.0 {
            kept.push(a);
        }
        if (ha > 0.0 && hb < 0.0) || (ha < 0.0 && hb > 0.0) {
            kept.push(*crossings.entry((a.min(b), a.max(b))).or_insert_with(|| {
                let at = vertices[a as usize].lerp(&vertices[b as usize], ha / (ha - hb));
                vertices.push(at);
                vertices.len() as u32 - 1
            }));
        }
    }
    kept
}
