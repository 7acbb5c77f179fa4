//! Treatments in a few lines, and heads to lay them on.

use std::fmt::Write as _;

use nalgebra::{Isometry3, Vector3};
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::treatment::Treatment;
use stipple_model::units::Area;
use stipple_planner::design::{self, DesignError, Scalp, Subject};
use stipple_planner::register::{self, Landmarks, Registration};
use stipple_planner::scan::{self, UnitChoice};

/// A head ready to be designed on.
pub struct Ready {
    pub head: SurfaceMesh<Head>,
    pub registration: Registration,
}

pub fn ready(shape: &super::Shape, motion: &Isometry3<f64>) -> Ready {
    let landmarks = super::landmarks(motion, super::NAMES);
    let landmarks = Landmarks::parse(landmarks.as_bytes()).unwrap();
    let ply = shape.ply(motion);
    let scan = scan::read(ply.as_bytes(), UnitChoice::Auto, Some(&landmarks)).unwrap();
    let registration = register::head_from_scan(&landmarks, &scan).unwrap();
    Ready {
        head: scan.mesh.transformed(&registration.head_from_scan),
        registration,
    }
}

pub fn still(times: u32) -> Ready {
    ready(&super::head(times), &Isometry3::identity())
}

impl Ready {
    pub fn subject(&self) -> Subject<'_> {
        Subject::new(&self.head, &self.registration.anatomy)
            .on_scan(&self.registration.head_from_scan)
    }

    pub fn lay(&self, text: &str) -> Result<Scalp, DesignError> {
        design::lay(&self.subject(), &Treatment::parse(text).unwrap(), 1)
    }
}

/// A treatment without a total, with these lines of hairline, zones and what else.
pub fn text(hairline: &str, rest: &str) -> String {
    format!(
        "name = \"test\"\nlayers = [0.5, 1.0]\nfeather_mm = 0\n[hairline]\ntransition_mm = 0\n{hairline}\n\
         [[shades]]\nname = \"grey\"\nrgb = [70, 60, 55]\n{rest}\n"
    )
}

/// A zone of a given density.
pub fn zone(place: &str, density: f64, more: &str) -> String {
    format!(
        "[[zones]]\n{place}\ndensity_per_cm2 = {density}\ndepth_mm = 0.5\ndiameter_mm = 0.15\nshades = {{ grey = 1.0 }}\n{more}\n"
    )
}

pub fn region(name: &str, density: f64) -> String {
    zone(&format!("region = \"{name}\""), density, "")
}

/// The surface in equal pieces of its triangles, `n` along each side: their middles and areas.
pub fn pieces(head: &SurfaceMesh<Head>, n: u32) -> impl Iterator<Item = (Point<Head>, Area)> + '_ {
    (0..head.triangles().len()).flat_map(move |i| {
        let [a, b, c] = head.corners(i).map(|p| p.raw());
        let area = Area::from_m2(head.triangle_area(i).m2() / f64::from(n * n));
        let (u, v) = ((b - a) / f64::from(n), (c - a) / f64::from(n));
        let piece = move |j: u32, k: u32, third: f64| {
            let middle = a + u * (f64::from(j) + third) + v * (f64::from(k) + third);
            (Point::from_raw(middle), area)
        };
        (0..n).flat_map(move |j| {
            let up = (0..n - j).map(move |k| piece(j, k, 1.0 / 3.0));
            let down = (0..(n - j).saturating_sub(1)).map(move |k| piece(j, k, 2.0 / 3.0));
            up.chain(down)
        })
    })
}

/// A circle on the ellipsoid of the test heads at a height, as points of the scan, mm, moved with it.
pub fn circle(z: f64, motion: &Isometry3<f64>) -> String {
    let level = (1.0 - (z / 105.0f64).powi(2)).sqrt();
    let mut points = String::from("[");
    for k in 0..90 {
        let (sin, cos) = (f64::from(k) * 4f64.to_radians()).sin_cos();
        let p = Vector3::new(97.0 * level * cos, 76.0 * level * sin, z);
        let p = motion.rotation * p + motion.translation.vector;
        write!(points, "[{:e}, {:e}, {:e}],", p.x, p.y, p.z).unwrap();
    }
    points + "]"
}

pub const EXAMPLES: [(&str, &str); 5] = [
    ("default", include_str!("../../treatments/default.toml")),
    (
        "full-scalp",
        include_str!("../../treatments/full-scalp.toml"),
    ),
    ("norwood-5", include_str!("../../treatments/norwood-5.toml")),
    ("ludwig-2", include_str!("../../treatments/ludwig-2.toml")),
    ("scar", include_str!("../../treatments/scar.toml")),
];
