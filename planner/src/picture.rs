//! A picture of a head with its dots from the front, the top, the left and the back, drawn in software: no window, no graphics card.
//!
//! ```no_run
//! # use stipple_planner::picture;
//! # use stipple_model::plan::Plan;
//! # fn f(plan: &Plan) -> Result<(), image::ImageError> {
//! picture::render(&picture::Scene::from_plan(plan), 1000).save("plan.png")
//! # }
//! ```
//! Planned dots have their shade's colour, skipped ones are orange. Dots are drawn about three times as wide as they are, to be seen.

use image::{Rgb, RgbImage};
use nalgebra::Vector3;
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Outcome, Plan};
use stipple_model::treatment::Treatment;

use crate::design::Scalp;
use crate::dots::DotField;

/// Skin, background and skipped dots, sRGB.
const SKIN: [f64; 3] = [226.0, 190.0, 168.0];
const BACKGROUND: Rgb<u8> = Rgb([244, 245, 247]);
const SKIPPED: [u8; 3] = [255, 96, 0];
/// Half the width of the part of the head that is shown, metres.
const HALF_WIDTH: f64 = 0.145;
/// Pixels drawn per pixel shown, each way.
const FINER: u32 = 2;
/// How much wider than they are dots are drawn, and the least radius shown, pixels.
const WIDEN: f64 = 3.0;
const LEAST_RADIUS: f64 = 0.7;
/// A dot counts as hidden when the surface in front of it is more than this nearer, metres.
const HIDDEN: f64 = 0.0015;

/// A dot to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureDot {
    /// Where.
    pub position: Point<Head>,
    /// Outward skin normal.
    pub normal: Direction<Head>,
    /// Its diameter, metres.
    pub diameter: f64,
    /// Its colour, sRGB.
    pub rgb: [u8; 3],
}

/// What to draw.
#[derive(Debug, Clone)]
pub struct Scene<'a> {
    /// The head.
    pub head: &'a SurfaceMesh<Head>,
    /// The dots.
    pub dots: Vec<PictureDot>,
}

impl<'a> Scene<'a> {
    /// A plan's head and dots.
    #[must_use]
    pub fn from_plan(plan: &'a Plan) -> Self {
        let dots = plan.dots.iter().map(|d| {
            let shade = plan.shades.get(d.shade as usize).map_or([0; 3], |s| s.rgb);
            let rgb = if matches!(d.outcome, Outcome::Planned { .. }) {
                shade
            } else {
                SKIPPED
            };
            PictureDot {
                position: d.position,
                normal: d.normal,
                diameter: d.diameter.m(),
                rgb,
            }
        });
        Self {
            head: &plan.head,
            dots: dots.collect(),
        }
    }

    /// A layout before it is planned.
    #[must_use]
    pub fn from_layout(
        head: &'a SurfaceMesh<Head>,
        field: &DotField,
        treatment: &Treatment,
    ) -> Self {
        let dots = field.dots.iter().map(|d| PictureDot {
            position: d.position,
            normal: d.normal,
            diameter: d.diameter.m(),
            rgb: treatment
                .shades
                .get(d.shade as usize)
                .map_or([0; 3], |s| s.rgb),
        });
        Self {
            head,
            dots: dots.collect(),
        }
    }

    /// A head with the design's zones as colour, each in its own, shown at their triangles' middles.
    #[must_use]
    pub fn from_zones(head: &'a SurfaceMesh<Head>, scalp: &Scalp) -> Self {
        const COLOURS: [[u8; 3]; 6] = [
            [214, 69, 65],
            [65, 131, 215],
            [38, 166, 91],
            [142, 68, 173],
            [243, 156, 18],
            [22, 160, 133],
        ];
        let dots = scalp.patch.iter().filter_map(|&t| {
            let [a, b, c] = head.corners(t as usize).map(|p| p.raw());
            let position = Point::from_raw((a + b + c) / 3.0);
            let zone = scalp.at(&position)?.zone as usize;
            let normal = head.face_normal(t as usize)?;
            Some(PictureDot {
                position,
                normal,
                diameter: 0.0006,
                rgb: COLOURS[zone % COLOURS.len()],
            })
        });
        Self {
            head,
            dots: dots.collect(),
        }
    }
}

/// Where one looks from: the direction to the camera and what is right in the picture.
struct View {
    toward: Vector3<f64>,
    right: Vector3<f64>,
}

/// Front, top, left, back.
fn views() -> [View; 4] {
    let (x, y, z) = (Vector3::x(), Vector3::y(), Vector3::z());
    [
        View {
            toward: x,
            right: y,
        },
        View {
            toward: z,
            right: -y,
        },
        View {
            toward: y,
            right: -x,
        },
        View {
            toward: -x,
            right: -y,
        },
    ]
}

/// Draws four views in a square, each `side` pixels wide (64 to 4000): front and top above, left and back below.
#[must_use]
pub fn render(scene: &Scene<'_>, side: u32) -> RgbImage {
    let side = side.clamp(64, 4000);
    let center = middle(scene);
    let mut picture = RgbImage::from_pixel(2 * side, 2 * side, BACKGROUND);
    for (k, view) in (0u32..).zip(views()) {
        let drawn = Canvas::draw(scene, &view, &center, side * FINER);
        let (left, top) = (k % 2 * side, k / 2 * side);
        for y in 0..side {
            for x in 0..side {
                picture.put_pixel(left + x, top + y, drawn.average(x, y));
            }
        }
    }
    picture
}

/// The middle of what is shown: a little below the dots', or the surface's without dots.
fn middle(scene: &Scene<'_>) -> Vector3<f64> {
    let mut points = scene.dots.iter().map(|d| d.position.raw());
    let Some(first) = points.next() else {
        let (low, high) = scene.head.bounds();
        return (low.raw() + high.raw()) / 2.0;
    };
    let (low, high) = points.fold((first, first), |(lo, hi), p| (lo.inf(&p), hi.sup(&p)));
    // The vertex stands near the upper edge, so that the face is in the picture.
    Vector3::new(
        (low.x + high.x) / 2.0,
        (low.y + high.y) / 2.0,
        high.z + 0.02 - HALF_WIDTH,
    )
}

/// A view being drawn: colour and depth per fine pixel.
struct Canvas {
    side: u32,
    rgb: Vec<[f32; 3]>,
    depth: Vec<f64>,
}

impl Canvas {
    fn draw(scene: &Scene<'_>, view: &View, center: &Vector3<f64>, side: u32) -> Self {
        let n = (side * side) as usize;
        let mut canvas = Self {
            side,
            rgb: vec![BACKGROUND.0.map(f32::from); n],
            depth: vec![f64::NEG_INFINITY; n],
        };
        let up = view.toward.cross(&view.right);
        let scale = f64::from(side) / (2.0 * HALF_WIDTH);
        let half = f64::from(side) / 2.0;
        // Picture x, picture y (down), height towards the camera.
        let project = |p: &Vector3<f64>| {
            let q = p - center;
            Vector3::new(
                half + q.dot(&view.right) * scale,
                half - q.dot(&up) * scale,
                q.dot(&view.toward),
            )
        };
        let light = (view.toward + up * 0.7 - view.right * 0.4).normalize();
        let normals = vertex_normals(scene.head);
        let at: Vec<Vector3<f64>> = scene
            .head
            .vertices()
            .iter()
            .map(|p| project(&p.raw()))
            .collect();
        for t in scene.head.triangles() {
            let shade = t.map(|i| {
                let lambert = normals[i as usize].dot(&light).max(0.0);
                0.32 + 0.68 * lambert
            });
            canvas.triangle(t.map(|i| at[i as usize]), shade);
        }
        for dot in &scene.dots {
            let facing = dot.normal.raw().dot(&view.toward);
            if facing > 0.05 {
                let radius =
                    (0.5 * dot.diameter * WIDEN * scale).max(LEAST_RADIUS * f64::from(FINER));
                let brightness = 0.5 + 0.5 * dot.normal.raw().dot(&light).max(0.0);
                canvas.disc(
                    project(&dot.position.raw()),
                    radius,
                    dot.rgb.map(|c| (f64::from(c) * brightness) as f32),
                );
            }
        }
        canvas
    }

    /// Pixels of the canvas between two coordinates.
    fn span(&self, from: f64, to: f64) -> std::ops::Range<u32> {
        // Casts saturate, so what lies outside is cut off.
        (from.ceil().max(0.0) as u32)..((to.floor() + 1.0).max(0.0) as u32).min(self.side)
    }

    fn triangle(&mut self, p: [Vector3<f64>; 3], shade: [f64; 3]) {
        let area = (p[1].x - p[0].x) * (p[2].y - p[0].y) - (p[2].x - p[0].x) * (p[1].y - p[0].y);
        if area.abs() < 1e-12 {
            return;
        }
        let low = p[0].inf(&p[1]).inf(&p[2]);
        let high = p[0].sup(&p[1]).sup(&p[2]);
        for y in self.span(low.y, high.y) {
            for x in self.span(low.x, high.x) {
                let (fx, fy) = (f64::from(x), f64::from(y));
                let weight = |a: usize, b: usize| {
                    ((p[b].x - p[a].x) * (fy - p[a].y) - (fx - p[a].x) * (p[b].y - p[a].y)) / area
                };
                let w = [weight(1, 2), weight(2, 0), weight(0, 1)];
                if w.iter().any(|w| *w < -1e-9) {
                    continue;
                }
                let depth = w[0] * p[0].z + w[1] * p[1].z + w[2] * p[2].z;
                let i = (y * self.side + x) as usize;
                if depth > self.depth[i] {
                    self.depth[i] = depth;
                    let s = w[0] * shade[0] + w[1] * shade[1] + w[2] * shade[2];
                    self.rgb[i] = SKIN.map(|c| (c * s).min(255.0) as f32);
                }
            }
        }
    }

    fn disc(&mut self, at: Vector3<f64>, radius: f64, rgb: [f32; 3]) {
        for y in self.span(at.y - radius, at.y + radius) {
            for x in self.span(at.x - radius, at.x + radius) {
                let i = (y * self.side + x) as usize;
                let inside = (f64::from(x) - at.x).hypot(f64::from(y) - at.y) <= radius;
                if inside && at.z > self.depth[i] - HIDDEN {
                    self.rgb[i] = rgb;
                }
            }
        }
    }

    /// The mean of the fine pixels of one pixel.
    fn average(&self, x: u32, y: u32) -> Rgb<u8> {
        let mut sum = [0.0f32; 3];
        for dy in 0..FINER {
            for dx in 0..FINER {
                let fine = self.rgb[((y * FINER + dy) * self.side + x * FINER + dx) as usize];
                sum.iter_mut().zip(fine).for_each(|(s, c)| *s += c);
            }
        }
        Rgb(sum.map(|s| (s / (FINER * FINER) as f32).round() as u8))
    }
}

fn vertex_normals(head: &SurfaceMesh<Head>) -> Vec<Vector3<f64>> {
    let mut normals = vec![Vector3::zeros(); head.vertices().len()];
    for (i, t) in head.triangles().iter().enumerate() {
        let area = head.area_vector(i);
        t.iter().for_each(|&v| normals[v as usize] += area);
    }
    normals
        .iter()
        .map(|n| n.try_normalize(0.0).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64) -> SurfaceMesh<Head> {
        let corners = [(-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1)];
        let vertices = corners.iter().map(|&(y, z)| Point::new(x, y, z)).collect();
        SurfaceMesh::new(vertices, vec![[0, 1, 2], [0, 2, 3]]).unwrap()
    }

    #[test]
    fn a_dot_shows_from_its_own_side_only() {
        let head = square(0.0);
        let dot = PictureDot {
            position: Point::origin(),
            normal: Direction::x(),
            diameter: 0.005,
            rgb: [0, 0, 255],
        };
        let picture = render(
            &Scene {
                head: &head,
                dots: vec![dot],
            },
            100,
        );
        let blue = |left: u32, top: u32| {
            (0..100 * 100)
                .filter(|i| {
                    picture.get_pixel(left + i % 100, top + i / 100).0[2]
                        > picture.get_pixel(left + i % 100, top + i / 100).0[0].saturating_add(40)
                })
                .count()
        };
        assert!(blue(0, 0) > 4, "front");
        assert_eq!(blue(100, 100), 0, "back");
    }
}
