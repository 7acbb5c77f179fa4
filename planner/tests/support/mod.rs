//! A small head made of an ellipsoid, for tests that need no scan.
#![allow(dead_code, reason = "each test program uses its own part")]

pub mod design;
pub mod files;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use nalgebra::{Isometry3, Vector3};
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Measure;
use stipple_model::treatment::Treatment;
use stipple_planner::design::{self as stipple_design, Scalp};
use stipple_planner::dots::{self, DotField};
use stipple_planner::measure::{self, Against, Placed};
use stipple_planner::register::{self, Landmarks, Registration};
use stipple_planner::scan::{self, Scanned, UnitChoice};

/// A file or folder of the shared test data, `../shared` beside the checkout or `$STIPPLE_SHARED`; `None`, loudly, where it is missing.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("STIPPLE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    // tests/run counts the tests that such lines name.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("SKIP {test}: {} is not there", path.display());
    None
}

/// Vertices (mm) and triangles.
pub struct Shape {
    pub vertices: Vec<Vector3<f64>>,
    pub triangles: Vec<[u32; 3]>,
}

/// Half axes of the head, mm: forward, left, up.
const HALF: [f64; 3] = [97.0, 76.0, 105.0];

/// An ellipsoid of a head's size from an icosahedron halved `times` times, open at the neck.
pub fn head(times: u32) -> Shape {
    let g = (1.0 + 5f64.sqrt()) / 2.0;
    let mut vertices: Vec<Vector3<f64>> = [(-1.0, g), (1.0, g), (-1.0, -g), (1.0, -g)]
        .into_iter()
        .flat_map(|(a, b)| {
            [
                Vector3::new(a, b, 0.0),
                Vector3::new(0.0, a, b),
                Vector3::new(b, 0.0, a),
            ]
        })
        .map(|v| v.normalize())
        .collect();
    let edge = 2.0 / (g * g + 1.0).sqrt();
    let near = |a: &Vector3<f64>, b: &Vector3<f64>| ((a - b).norm() - edge).abs() < 1e-9;
    let mut triangles = Vec::new();
    for a in 0..12u32 {
        for b in a + 1..12 {
            for c in b + 1..12 {
                let [p, q, r] = [a, b, c].map(|i| vertices[i as usize]);
                if near(&p, &q) && near(&q, &r) && near(&r, &p) {
                    triangles.push(if p.dot(&q.cross(&r)) > 0.0 {
                        [a, b, c]
                    } else {
                        [a, c, b]
                    });
                }
            }
        }
    }
    for _ in 0..times {
        let mut middles: HashMap<(u32, u32), u32> = HashMap::new();
        let mut halved = Vec::with_capacity(triangles.len() * 4);
        for [a, b, c] in triangles {
            let [ab, bc, ca] = [(a, b), (b, c), (c, a)].map(|(i, j)| {
                *middles.entry((i.min(j), i.max(j))).or_insert_with(|| {
                    vertices.push((vertices[i as usize] + vertices[j as usize]).normalize());
                    vertices.len() as u32 - 1
                })
            });
            halved.extend([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]);
        }
        triangles = halved;
    }
    vertices
        .iter_mut()
        .for_each(|v| *v = v.component_mul(&Vector3::from(HALF)));
    let mut shape = Shape {
        vertices,
        triangles,
    };
    shape.cut(|p| p.z < -65.0);
    shape
}

impl Shape {
    /// Cuts away the triangles whose middle is chosen.
    pub fn cut(&mut self, away: impl Fn(&Vector3<f64>) -> bool) {
        let vertices = &self.vertices;
        self.triangles.retain(|t| {
            !away(
                &(t.iter()
                    .map(|&i| vertices[i as usize])
                    .sum::<Vector3<f64>>()
                    / 3.0),
            )
        });
    }

    /// As a PLY text with every digit.
    pub fn ply(&self, motion: &Isometry3<f64>) -> String {
        let mut text = format!(
            "ply\nformat ascii 1.0\nelement vertex {}\nproperty double x\nproperty double y\nproperty double z\nelement face {}\nproperty list uchar int vertex_indices\nend_header\n",
            self.vertices.len(),
            self.triangles.len()
        );
        for v in &self.vertices {
            let p = motion.rotation * v + motion.translation.vector;
            writeln!(text, "{:e} {:e} {:e}", p.x, p.y, p.z).unwrap();
        }
        for [a, b, c] in &self.triangles {
            writeln!(text, "3 {a} {b} {c}").unwrap();
        }
        text
    }
}

/// A point of the ellipsoid at a height, in front or to the side, mm.
fn on(forward: f64, left: f64, z: f64) -> Vector3<f64> {
    let level = (1.0 - (z / HALF[2]).powi(2)).sqrt();
    Vector3::new(forward * HALF[0] * level, left * HALF[1] * level, z)
}

/// The ears set of landmarks as JSON, moved with the head.
pub fn landmarks(motion: &Isometry3<f64>, names: [&str; 3]) -> String {
    let points = [
        on(1.0, 0.0, -15.0),
        on(0.0, 1.0, -45.0),
        on(0.0, -1.0, -45.0),
    ];
    let entries: Vec<String> = names
        .iter()
        .zip(points)
        .map(|(name, p)| {
            let p = motion.rotation * p + motion.translation.vector;
            format!("\"{name}\": [{:e}, {:e}, {:e}]", p.x, p.y, p.z)
        })
        .collect();
    format!(
        "{{\"unit\": \"mm\", \"points\": {{{}}}}}",
        entries.join(", ")
    )
}

pub const NAMES: [&str; 3] = ["nasion", "LPA", "RPA"];

/// A treatment of the top with so many dots.
pub fn treatment(dots: u32) -> Treatment {
    let text = include_str!("../../treatments/default.toml")
        .replace("layers = [", &format!("dots = {dots}\nlayers = ["));
    Treatment::parse(&text).unwrap()
}

/// Everything up to the dots.
pub struct Laid {
    pub scan: Scanned,
    pub registration: Registration,
    pub head: SurfaceMesh<Head>,
    pub scalp: Scalp,
    pub field: DotField,
}

impl Laid {
    pub fn measured(&self, treatment: &Treatment) -> Vec<Measure> {
        let against = Against {
            head: &self.head,
            scalp: &self.scalp,
            treatment,
            exclusion: None,
        };
        measure::measure(self.field.dots.iter().map(Placed::from), &against)
    }
}

/// A treatment of the top at a regularity.
pub fn regular(dots: u32, regularity: f64) -> Treatment {
    let mut treatment = treatment(dots);
    treatment.regularity = regularity;
    treatment
}

pub fn lay(shape: &Shape, motion: &Isometry3<f64>, treatment: &Treatment, seed: u64) -> Laid {
    let landmarks = Landmarks::parse(landmarks(motion, NAMES).as_bytes()).unwrap();
    let scan = scan::read(
        shape.ply(motion).as_bytes(),
        UnitChoice::Auto,
        Some(&landmarks),
    )
    .unwrap();
    let registration = register::head_from_scan(&landmarks, &scan).unwrap();
    let head = scan.mesh.transformed(&registration.head_from_scan);
    let scalp = stipple_design::scalp(&head, &registration.anatomy, treatment, seed).unwrap();
    let field = dots::layout(&head, &scalp, treatment, seed, &stipple_planner::to_the_end).unwrap();
    Laid {
        scan,
        registration,
        head,
        scalp,
        field,
    }
}
