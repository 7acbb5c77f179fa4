//! Surface nets: the zero set of a field on a grid as triangles, one vertex in each cell the surface runs through.

use nalgebra::Vector3;

use super::poisson::Field;

/// Vertices and outward triangles (the field is negative inside).
pub(super) fn surface(field: &Field) -> (Vec<Vector3<f64>>, Vec<[u32; 3]>) {
    let [nx, ny, nz] = field.nodes;
    let inside = |i: usize| field.values[i] < 0.0;
    let mut vertices = Vec::new();
    let mut vertex_of = vec![u32::MAX; field.values.len()];
    for z in 0..nz - 1 {
        for y in 0..ny - 1 {
            for x in 0..nx - 1 {
                if let Some(v) = vertex(field, [x, y, z]) {
                    vertex_of[field.node([x, y, z])] = vertices.len() as u32;
                    vertices.push(v);
                }
            }
        }
    }
    let mut triangles = Vec::new();
    for z in 1..nz - 1 {
        for y in 1..ny - 1 {
            for x in 1..nx - 1 {
                let at = [x, y, z];
                let here = field.node(at);
                for axis in 0..3 {
                    let mut next = at;
                    next[axis] += 1;
                    let there = field.node(next);
                    if inside(here) == inside(there) {
                        continue;
                    }
                    // The four cells around this edge, in turn around the axis.
                    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                    let cell = |du: usize, dv: usize| {
                        let mut c = at;
                        c[u] -= du;
                        c[v] -= dv;
                        vertex_of[field.node(c)]
                    };
                    let quad = [cell(1, 1), cell(0, 1), cell(0, 0), cell(1, 0)];
                    if quad.contains(&u32::MAX) {
                        continue;
                    }
                    push(&vertices, quad, inside(here), &mut triangles);
                }
            }
        }
    }
    (vertices, triangles)
}

/// The middle of the places where the surface crosses the cell's edges.
fn vertex(field: &Field, at: [usize; 3]) -> Option<Vector3<f64>> {
    let corner = |k: usize| {
        [
            at[0] + (k & 1),
            at[1] + ((k >> 1) & 1),
            at[2] + ((k >> 2) & 1),
        ]
    };
    let value: [f64; 8] = std::array::from_fn(|k| field.values[field.node(corner(k))]);
    let (mut sum, mut count) = (Vector3::zeros(), 0.0);
    for a in 0..8usize {
        for bit in [1, 2, 4] {
            let b = a | bit;
            if a & bit != 0 || (value[a] < 0.0) == (value[b] < 0.0) {
                continue;
            }
            let t = value[a] / (value[a] - value[b]);
            let place = |k: usize| Vector3::from(corner(k).map(|i| i as f64));
            sum += place(a) + (place(b) - place(a)) * t;
            count += 1.0;
        }
    }
    (count > 0.0).then(|| field.origin + sum / count * field.cell)
}

/// Cuts a quad along its shorter diagonal.
fn push(vertices: &[Vector3<f64>], quad: [u32; 4], outward: bool, triangles: &mut Vec<[u32; 3]>) {
    let [a, b, c, d] = if outward {
        quad
    } else {
        [quad[3], quad[2], quad[1], quad[0]]
    };
    let length = |i: u32, j: u32| (vertices[i as usize] - vertices[j as usize]).norm_squared();
    if length(a, c) <= length(b, d) {
        triangles.extend([[a, b, c], [a, c, d]]);
    } else {
        triangles.extend([[b, c, d], [b, d, a]]);
    }
}
