//! The head that dot layouts are compared on: an ellipsoid of 75 × 95 × 110 mm half axes with bumps and 0.1 mm of scanner noise.
#![allow(dead_code, reason = "each program uses its own part")]

use std::collections::HashMap;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::treatment::Treatment;
use stipple_planner::design::{self, Scalp};
use stipple_planner::register::{self, Landmarks, Registration};
use stipple_planner::scan::{self, Scanned, UnitChoice};

/// Half axes, mm: forward, left, up.
const HALF: [f64; 3] = [95.0, 75.0, 110.0];
/// Depth of the bumps and amplitude of the noise, mm.
const BUMPS: f64 = 1.2;
const NOISE: f64 = 0.1;

/// Triangles per edge of the icosahedron for 40,500 triangles and for 403,000 once the neck is cut off.
pub const PEERS: usize = 45;
pub const DENSE: usize = 159;

/// Vertices (mm) and triangles of the whole head.
pub fn shape(divisions: usize) -> (Vec<Vector3<f64>>, Vec<[u32; 3]>) {
    let mut vertices: Vec<Vector3<f64>> = Vec::new();
    let mut numbers: HashMap<[i64; 3], u32> = HashMap::new();
    let mut triangles = Vec::new();
    for [a, b, c] in icosahedron() {
        let mut at = |i: usize, j: usize| {
            let p = (a * (divisions - i - j) as f64 + b * i as f64 + c * j as f64).normalize();
            let key = [p.x, p.y, p.z].map(|c| (c * 1e9).round() as i64);
            *numbers.entry(key).or_insert_with(|| {
                vertices.push(p);
                vertices.len() as u32 - 1
            })
        };
        for i in 0..divisions {
            for j in 0..divisions - i {
                let (p, q, r) = (at(i, j), at(i + 1, j), at(i, j + 1));
                triangles.push([p, q, r]);
                if i + j + 1 < divisions {
                    triangles.push([q, at(i + 1, j + 1), r]);
                }
            }
        }
    }
    let rough = |(i, v): (usize, &Vector3<f64>)| {
        let bumps = (7.0 * v.x).sin() * (6.0 * v.y + 1.0).sin() * (5.0 * v.z + 2.0).sin();
        let size = 1.0 + (BUMPS * bumps + NOISE * (2.0 * hash(i as u64) - 1.0)) / 95.0;
        v.component_mul(&Vector3::from(HALF)) * size
    };
    (vertices.iter().enumerate().map(rough).collect(), triangles)
}

/// Uniform in 0..1.
fn hash(i: u64) -> f64 {
    let mut z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The corners of its faces, the right way round.
fn icosahedron() -> Vec<[Vector3<f64>; 3]> {
    let g = (1.0 + 5f64.sqrt()) / 2.0;
    let corners: Vec<Vector3<f64>> = [(-1.0, g), (1.0, g), (-1.0, -g), (1.0, -g)]
        .into_iter()
        .flat_map(|(a, b)| {
            [
                Vector3::new(a, b, 0.0),
                Vector3::new(0.0, a, b),
                Vector3::new(b, 0.0, a),
            ]
        })
        .collect();
    let near = |a: &Vector3<f64>, b: &Vector3<f64>| ((a - b).norm() - 2.0).abs() < 1e-9;
    let mut faces = Vec::new();
    for (i, a) in corners.iter().enumerate() {
        for (j, b) in corners.iter().enumerate().skip(i + 1) {
            for c in corners.iter().skip(j + 1) {
                if near(a, b) && near(b, c) && near(c, a) {
                    let outward = a.dot(&b.cross(c)) > 0.0;
                    faces.push(if outward { [*a, *b, *c] } else { [*a, *c, *b] });
                }
            }
        }
    }
    faces
}

/// The whole head in metres, with the triangles of its upper cap of 350 cm².
pub fn cap(divisions: usize) -> (SurfaceMesh<Head>, Vec<u32>) {
    let (vertices, triangles) = shape(divisions);
    let vertices = vertices.iter().map(|v| Point::from_raw(v * 1e-3)).collect();
    let head = SurfaceMesh::new(vertices, triangles).unwrap();
    let height = |t: &u32| {
        let [a, b, c] = head.corners(*t as usize).map(|p| p.raw().z);
        a + b + c
    };
    let mut order: Vec<u32> = (0..head.triangles().len() as u32).collect();
    order.sort_by(|a, b| height(b).total_cmp(&height(a)));
    let mut area = 0.0;
    order.retain(|t| {
        area += head.triangle_area(*t as usize).cm2();
        area <= 350.0
    });
    order.sort_unstable();
    (head, order)
}

/// The head read and registered as a scan is, and a treatment laid on it.
pub struct Designed {
    pub scan: Scanned,
    pub registration: Registration,
    pub head: SurfaceMesh<Head>,
    pub treatment: Treatment,
    pub scalp: Scalp,
}

/// What is left out of the design: moles here and there, and a wound.
const EXCLUSIONS: &str = r#"
[[exclusions]]
name = "moles"
points_deg = [[10, 70], [-60, 60], [120, 50], [175, 30], [-140, 65], [75, 80], [-20, 82], [-100, 40]]
radius_mm = 3
margin_mm = 2

[[exclusions]]
name = "wound"
curve_deg = [[-40, 75], [-30, 66], [-18, 68], [-25, 78]]
margin_mm = 3
"#;

/// Lays `full-scalp.toml` with so many dots at a regularity, and with exclusions, on the head, open at the neck.
pub fn designed(divisions: usize, dots: u32, regularity: f64) -> Designed {
    let (vertices, mut triangles) = shape(divisions);
    triangles.retain(|t| t.iter().all(|&v| vertices[v as usize].z > -65.0));
    let on = |x: f64, y: f64, z: f64| {
        let wanted = Vector3::new(x, y, z).normalize();
        let near = |v: &&Vector3<f64>| v.normalize().dot(&wanted);
        let v = vertices.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        let v = v.unwrap();
        format!("[{:e}, {:e}, {:e}]", v.x, v.y, v.z)
    };
    let landmarks = format!(
        "{{\"unit\": \"mm\", \"points\": {{\"nasion\": {}, \"LPA\": {}, \"RPA\": {}}}}}",
        on(94.0, 0.0, -15.0),
        on(0.0, 68.0, -45.0),
        on(0.0, -68.0, -45.0)
    );
    let landmarks = Landmarks::parse(landmarks.as_bytes()).unwrap();
    let text = include_str!("../../treatments/full-scalp.toml").replace(
        "dots = 30000",
        &format!("dots = {dots}\ndenser_at_most = 3\nregularity = {regularity}"),
    );
    let treatment = Treatment::parse(&(text + EXCLUSIONS)).unwrap();
    let file = ply(&vertices, &triangles);
    let scan = scan::read(&file, UnitChoice::Auto, Some(&landmarks)).unwrap();
    let registration = register::head_from_scan(&landmarks, &scan).unwrap();
    let head = scan.mesh.transformed(&registration.head_from_scan);
    let scalp = scalp(&head, &registration, &treatment);
    Designed {
        scan,
        registration,
        head,
        treatment,
        scalp,
    }
}

/// The design stage.
pub fn scalp(
    head: &SurfaceMesh<Head>,
    registration: &Registration,
    treatment: &Treatment,
) -> Scalp {
    design::scalp(head, &registration.anatomy, treatment, 1).unwrap()
}

/// A binary PLY, single precision, in the unit given.
pub fn ply(vertices: &[Vector3<f64>], triangles: &[[u32; 3]]) -> Vec<u8> {
    let mut file = format!(
        "ply\nformat binary_little_endian 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\nelement face {}\nproperty list uchar int vertex_indices\nend_header\n",
        vertices.len(),
        triangles.len()
    )
    .into_bytes();
    for c in vertices.iter().flat_map(|v| v.iter()) {
        file.extend((*c as f32).to_le_bytes());
    }
    for t in triangles {
        file.push(3);
        t.iter().for_each(|i| file.extend(i.to_le_bytes()));
    }
    file
}
