//! The five points a person would click on the scan.

use nalgebra::Vector3;
use stipple_model::frames::{Point, Scan};

use super::anatomy::Anatomy;
use super::surface::Surface;

/// Points on the surface, named as in the landmarks file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Points<P> {
    /// The nose's root: deepest point of the midline between brow and bridge.
    pub nasion: P,
    /// In front of the left ear's tragus.
    pub lpa: P,
    /// In front of the right ear's tragus.
    pub rpa: P,
    /// The highest point of the midline.
    pub vertex: P,
    /// The hindmost point of the midline.
    pub opisthocranion: P,
}

/// Landmarks in the scan's frame, metres.
pub type Landmarks = Points<Point<Scan>>;

impl<P> Points<P> {
    /// The same points, each put elsewhere.
    pub fn map<Q>(&self, mut f: impl FnMut(&P) -> Q) -> Points<Q> {
        Points {
            nasion: f(&self.nasion),
            lpa: f(&self.lpa),
            rpa: f(&self.rpa),
            vertex: f(&self.vertex),
            opisthocranion: f(&self.opisthocranion),
        }
    }

    /// Each point with its name in the landmarks file.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &P); 5] {
        [
            ("nasion", &self.nasion),
            ("LPA", &self.lpa),
            ("RPA", &self.rpa),
            ("vertex", &self.vertex),
            ("opisthocranion", &self.opisthocranion),
        ]
    }
}

impl Landmarks {
    /// The landmarks file's text: millimetres, in the scan's frame.
    #[must_use]
    pub fn to_json(&self) -> String {
        let lines = self.named().map(|(name, p)| {
            let [x, y, z] = (p.raw() * 1e3).into();
            format!("    \"{name}\": [{x:.3}, {y:.3}, {z:.3}]")
        });
        format!(
            "{{\n  \"unit\": \"mm\",\n  \"points\": {{\n{}\n  }}\n}}\n",
            lines.join(",\n")
        )
    }
}

/// The midline is looked for within this distance of the middle plane, metres: more than the head is skewed.
const MIDLINE: f64 = 8e-3;
/// The ears are looked for within this distance of the line between them, metres.
const EAR_LINE: f64 = 25e-3;

/// Finds them on the surface as scanned; the error is the one that is not there.
pub fn find(surface: &Surface, anatomy: &Anatomy) -> Result<Points<Vector3<f64>>, &'static str> {
    let near_midline = some_triangles(surface, |v| v.y.abs() < MIDLINE);
    let near_ears = some_triangles(surface, |v| v.x.hypot(v.z) < EAR_LINE);
    let midline = |z_mm: f64, forward: f64| {
        let from = anatomy.place(&Vector3::new(0.2 * forward, 0.0, z_mm * 1e-3));
        first_hit(&near_midline, &from, &Vector3::new(-forward, 0.0, 0.0))
    };
    let levels = |from: i32, to: i32| (from..=to).map(|half| f64::from(half) * 0.5);
    let nasion = levels(30, 90)
        .filter_map(|z| midline(z, 1.0))
        .min_by(|a, b| a.x.total_cmp(&b.x))
        .ok_or("nasion")?;
    let opisthocranion = levels(-40, 160)
        .filter_map(|z| midline(z, -1.0))
        .min_by(|a, b| a.x.total_cmp(&b.x))
        .ok_or("opisthocranion")?;
    let preauricular = |side: f64| {
        let from = anatomy.place(&Vector3::new(0.008, side * 0.12, 0.0));
        first_hit(&near_ears, &from, &Vector3::new(0.0, -side, 0.0))
    };
    let from_above = |x: f64| {
        let from = anatomy.place(&Vector3::new(x * 1e-3, 0.0, 0.25));
        first_hit(&near_midline, &from, &-Vector3::z())
    };
    let vertex = levels(-120, 120)
        .filter_map(from_above)
        .max_by(|a, b| a.z.total_cmp(&b.z))
        .ok_or("vertex")?;
    Ok(Points {
        nasion,
        lpa: preauricular(1.0).ok_or("LPA")?,
        rpa: preauricular(-1.0).ok_or("RPA")?,
        vertex,
        opisthocranion,
    })
}

/// The corners of the triangles with a corner where `wanted` says so.
fn some_triangles(
    surface: &Surface,
    wanted: impl Fn(&Vector3<f64>) -> bool,
) -> Vec<[Vector3<f64>; 3]> {
    let corners = |t: &[u32; 3]| t.map(|i| surface.vertices[i as usize]);
    surface
        .triangles
        .iter()
        .map(corners)
        .filter(|c| c.iter().any(&wanted))
        .collect()
}

/// Where a ray first meets one of the triangles.
fn first_hit(
    triangles: &[[Vector3<f64>; 3]],
    from: &Vector3<f64>,
    way: &Vector3<f64>,
) -> Option<Vector3<f64>> {
    let nearest = triangles.iter().filter_map(|t| ray_triangle(from, way, *t));
    nearest.min_by(f64::total_cmp).map(|s| from + way * s)
}

/// Distance along the ray to the triangle (Möller and Trumbore), from either side.
fn ray_triangle(
    from: &Vector3<f64>,
    way: &Vector3<f64>,
    [a, b, c]: [Vector3<f64>; 3],
) -> Option<f64> {
    let (e1, e2) = (b - a, c - a);
    let p = way.cross(&e2);
    let det = e1.dot(&p);
    if det.abs() < 1e-16 {
        return None;
    }
    let to = from - a;
    let u = to.dot(&p) / det;
    let q = to.cross(&e1);
    let v = way.dot(&q) / det;
    let s = e2.dot(&q) / det;
    (u >= 0.0 && v >= 0.0 && u + v <= 1.0 && s > 0.0).then_some(s)
}
