//! One view being drawn: surface, dots, lines, in linear light on a finer grid than is shown.

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};

use super::camera::Camera;
use super::color::Linear;
use super::light::{self, Light, SKIN};
use super::surface::Surface;

/// Pixels drawn per pixel shown, each way.
const FINER: u32 = 2;
/// A dot counts as hidden when the surface in front of it is more than this nearer, metres.
const HIDDEN: f64 = 0.0015;
/// How much more light a dot takes than falls on its area, because skin scatters light sideways into it. Source: this project's own
/// estimate. Light just under the skin is 3 to 4 times as strong as what falls on it and comes from everywhere; about half of what a dot
/// takes would have come out again, and skin gives back about half of all light. A flat dot so takes some 3.5 times its area; a column
/// 0.17 mm wide and 0.5 mm deep, which is what a needle leaves, has 3 times the disc's mean cross-section. Pigment is not quite opaque:
/// the middle between 3.5 and 11.
pub(crate) const GAIN: f64 = 6.0;
/// How far the light comes from that a dot takes besides its area's: one standard deviation, in diameters. Source: this project's own;
/// pigment lies a few diameters deep.
const SPREAD: f64 = 1.5;
/// Dots seen flatter than this are left out: they add nothing but noise at the outline.
const FLATTEST: f64 = 0.03;

/// A dot in the skin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ink {
    pub position: Vector3<f64>,
    pub normal: Vector3<f64>,
    /// Metres.
    pub radius: f64,
    /// The skin's colour there over the plain skin's: pigment takes away its share of whatever light falls.
    pub filter: Linear,
}

impl Ink {
    /// Pigment that looks like `srgb` in the plain skin.
    pub fn new(position: Vector3<f64>, normal: Vector3<f64>, diameter: f64, srgb: [u8; 3]) -> Self {
        let skin = Linear::from_srgb(SKIN).0;
        let mut filter = Linear::from_srgb(srgb);
        for (f, s) in filter.0.iter_mut().zip(skin) {
            *f = (*f / s).min(1.0);
        }
        Self {
            position,
            normal,
            radius: 0.5 * diameter,
            filter,
        }
    }
}

/// A view: colour, depth and normal per fine pixel.
pub(crate) struct Canvas {
    shown: Camera,
    camera: Camera,
    rgb: Vec<Linear>,
    depth: Vec<f32>,
    normals: Vec<[f32; 3]>,
}

impl Canvas {
    /// Draws the surface; `paint` gives the skin's colour at a triangle, sRGB.
    pub fn new(
        surface: &Surface<'_>,
        camera: Camera,
        background: Linear,
        paint: &dyn Fn(u32) -> [u8; 3],
    ) -> Self {
        let fine = camera.finer(FINER);
        let n = fine.size.iter().map(|&n| n as usize).product();
        let mut canvas = Self {
            shown: camera,
            camera: fine,
            rgb: vec![background; n],
            depth: vec![f32::NEG_INFINITY; n],
            normals: vec![[0.0; 3]; n],
        };
        let at: Vec<Vector3<f64>> = surface
            .mesh
            .vertices()
            .iter()
            .map(|p| fine.project(&p.raw()))
            .collect();
        for (i, t) in (0u32..).zip(surface.mesh.triangles()) {
            canvas.triangle(
                t.map(|v| at[v as usize]),
                t.map(|v| surface.normals[v as usize]),
                Linear::from_srgb(paint(i)),
            );
        }
        canvas.light();
        canvas
    }

    fn light(&mut self) {
        let light = Light::new(&self.camera);
        let open = light::openness(&self.camera, &self.depth, &self.normals, FINER);
        for (((rgb, depth), normal), open) in self
            .rgb
            .iter_mut()
            .zip(&self.depth)
            .zip(&self.normals)
            .zip(open)
        {
            if depth.is_finite() {
                let normal = Vector3::from(normal.map(f64::from));
                *rgb = rgb.times(light.on(&normal, open));
            }
        }
    }

    /// Fine pixels between two coordinates, of which there are `n`.
    fn span(from: f64, to: f64, n: u32) -> std::ops::Range<u32> {
        // Casts saturate, so what lies outside is cut off.
        (from.ceil().max(0.0) as u32)..((to.floor() + 1.0).max(0.0) as u32).min(n)
    }

    fn triangle(&mut self, p: [Vector3<f64>; 3], normals: [Vector3<f64>; 3], color: Linear) {
        let area = (p[1].x - p[0].x) * (p[2].y - p[0].y) - (p[2].x - p[0].x) * (p[1].y - p[0].y);
        if area.abs() < 1e-12 {
            return;
        }
        let low = p[0].inf(&p[1]).inf(&p[2]);
        let high = p[0].sup(&p[1]).sup(&p[2]);
        let [width, height] = self.camera.size;
        for y in Self::span(low.y, high.y, height) {
            for x in Self::span(low.x, high.x, width) {
                let (fx, fy) = (f64::from(x), f64::from(y));
                let weight = |a: usize, b: usize| {
                    ((p[b].x - p[a].x) * (fy - p[a].y) - (fx - p[a].x) * (p[b].y - p[a].y)) / area
                };
                let w = [weight(1, 2), weight(2, 0), weight(0, 1)];
                if w.iter().any(|w| *w < -1e-9) {
                    continue;
                }
                let depth = (w[0] * p[0].z + w[1] * p[1].z + w[2] * p[2].z) as f32;
                let i = (y * width + x) as usize;
                if depth > self.depth[i] {
                    self.depth[i] = depth;
                    self.rgb[i] = color;
                    let n = normals[0] * w[0] + normals[1] * w[1] + normals[2] * w[2];
                    let n = n.try_normalize(0.0).unwrap_or(self.camera.toward);
                    // A surface seen from inside (through a hole) is lit as it is seen.
                    let n = if n.dot(&self.camera.toward) < -0.2 {
                        -n
                    } else {
                        n
                    };
                    self.normals[i] = [n.x as f32, n.y as f32, n.z as f32];
                }
            }
        }
    }

    /// Draws a dot as the ellipse it looks like from here, and the light that the skin scatters into it around it. Every pixel takes the
    /// share of it that the dot covers, and the shares sum to the ellipse's area: a dot smaller than a pixel darkens it by just so much.
    pub fn ink(&mut self, ink: &Ink) {
        let facing = ink.normal.dot(&self.camera.toward);
        if facing < FLATTEST {
            return;
        }
        let at = self.camera.project(&ink.position);
        let radius = ink.radius * self.camera.scale;
        // The short axis lies along the normal as it is seen.
        let short = nalgebra::Vector2::new(
            ink.normal.dot(&self.camera.right),
            -ink.normal.dot(&self.camera.up),
        )
        .try_normalize(1e-9)
        .unwrap_or_else(nalgebra::Vector2::x);
        let long = nalgebra::Vector2::new(-short.y, short.x);
        // Square of the distance on the skin from the dot's middle, pixels.
        let away = |x: f64, y: f64| {
            let d = nalgebra::Vector2::new(x - at.x, y - at.y);
            (d.dot(&short) / facing).powi(2) + d.dot(&long).powi(2)
        };
        let steps = if radius < 3.0 { 8 } else { 4 };
        let core = |x: f64, y: f64| {
            let hits = (0..steps * steps)
                .filter(|k| {
                    let part = |k: u32| (f64::from(k) + 0.5) / f64::from(steps) - 0.5;
                    away(x + part(k % steps), y + part(k / steps)) <= radius * radius
                })
                .count();
            hits as f64 / f64::from(steps * steps)
        };
        let area = std::f64::consts::PI * radius * radius * facing;
        self.filter(at, radius + 1.0, area, ink.filter, &core);
        let spread = SPREAD * 2.0 * radius;
        let halo = |x: f64, y: f64| (-0.5 * away(x, y) / (spread * spread)).exp();
        self.filter(
            at,
            2.6 * spread + 1.0,
            (GAIN - 1.0) * area,
            ink.filter,
            &halo,
        );
    }

    /// Takes light away around a place of the picture: every pixel by its weight, all weights scaled to sum to `total` pixels.
    fn filter(
        &mut self,
        at: Vector3<f64>,
        reach: f64,
        total: f64,
        filter: Linear,
        weight: &dyn Fn(f64, f64) -> f64,
    ) {
        // The whole square, so that what lies outside the picture takes its share with it.
        let span = |c: f64| ((c - reach).ceil() as i64)..=((c + reach).floor() as i64);
        let pixels: Vec<(i64, i64, f64)> = span(at.y)
            .flat_map(|y| span(at.x).map(move |x| (x, y)))
            .map(|(x, y)| (x, y, weight(x as f64, y as f64)))
            .collect();
        let sum: f64 = pixels.iter().map(|(.., w)| w).sum();
        if sum <= 0.0 {
            return;
        }
        let [width, height] = self.camera.size.map(i64::from);
        for (x, y, w) in pixels {
            if x < 0 || y < 0 || x >= width || y >= height {
                continue;
            }
            let i = (y * width + x) as usize;
            let depth = f64::from(self.depth[i]);
            if depth.is_finite() && at.z > depth - HIDDEN {
                let under = self.rgb[i];
                self.rgb[i] = under.times(filter).over(under, (w * total / sum) as f32);
            }
        }
    }

    /// Draws a line on the surface, `width` pixels wide as shown, where nothing hides it.
    pub fn line(&mut self, from: &Vector3<f64>, to: &Vector3<f64>, width: f64, srgb: [u8; 3]) {
        let color = Linear::from_srgb(srgb);
        let (a, b) = (self.camera.project(from), self.camera.project(to));
        let radius = 0.5 * width * f64::from(FINER);
        let steps = ((b - a).xy().norm() / (0.5 * radius))
            .ceil()
            .clamp(1.0, 20_000.0) as usize;
        for k in 0..=steps {
            let p = a + (b - a) * (k as f64 / steps as f64);
            self.spot(&p, radius, color);
        }
    }

    /// Draws a round mark, `radius` pixels as shown, where nothing hides it.
    pub fn mark(&mut self, at: &Vector3<f64>, radius: f64, srgb: [u8; 3]) {
        let p = self.camera.project(at);
        self.spot(&p, radius * f64::from(FINER), Linear::from_srgb(srgb));
    }

    fn spot(&mut self, p: &Vector3<f64>, radius: f64, color: Linear) {
        let [width, height] = self.camera.size;
        for y in Self::span(p.y - radius, p.y + radius, height) {
            for x in Self::span(p.x - radius, p.x + radius, width) {
                let i = (y * width + x) as usize;
                let inside = (f64::from(x) - p.x).hypot(f64::from(y) - p.y) <= radius;
                // A mark is a thing to see: what lies a little in front of it does not hide it.
                if inside && p.z > f64::from(self.depth[i]) - 2.0 * HIDDEN {
                    self.rgb[i] = color;
                }
            }
        }
    }

    /// Where a point is in the shown picture, hidden or not, pixels from its corner.
    pub fn place(&self, p: &Point<Head>) -> [f64; 2] {
        let at = self.camera.project(&p.raw());
        [at.x, at.y].map(|c| c / f64::from(FINER))
    }

    /// Where a point is in the shown picture, pixels from its corner; `None` when it is hidden or outside.
    pub fn find(&self, p: &Vector3<f64>) -> Option<[f64; 2]> {
        let at = self.camera.project(p);
        let [width, height] = self.camera.size;
        let inside =
            at.x >= 0.0 && at.y >= 0.0 && at.x < f64::from(width) && at.y < f64::from(height);
        let i = inside.then(|| at.y as usize * width as usize + at.x as usize)?;
        (at.z > f64::from(self.depth[i]) - 0.006)
            .then(|| [at.x, at.y].map(|c| c / f64::from(FINER)))
    }

    /// Width and height as shown, and each pixel as the mean of its fine pixels' light, row by row.
    pub fn shown(&self) -> ([u32; 2], Vec<Linear>) {
        let [width, height] = self.shown.size;
        let mean = |x: u32, y: u32| {
            let mut sum = [0.0f32; 3];
            for k in 0..FINER * FINER {
                let (fx, fy) = (x * FINER + k % FINER, y * FINER + k / FINER);
                let fine = self.rgb[(fy * self.camera.size[0] + fx) as usize];
                sum.iter_mut().zip(fine.0).for_each(|(s, c)| *s += c);
            }
            Linear(sum.map(|s| s / (FINER * FINER) as f32))
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        (self.shown.size, pixels.map(|(x, y)| mean(x, y)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_model::frames::Direction;
    use stipple_model::mesh::SurfaceMesh;

    const INKS: [u8; 3] = [60, 50, 48];
    /// Pixels shown, and millimetres.
    const SIDE: u32 = 200;
    const WIDTH: f64 = 0.1;

    /// A square of 0.2 m at a distance, facing x.
    fn square(x: f64) -> SurfaceMesh<Head> {
        let corners = [(-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1)];
        let vertices = corners.iter().map(|&(y, z)| Point::new(x, y, z)).collect();
        SurfaceMesh::new(vertices, vec![[0, 1, 2], [0, 2, 3]]).unwrap()
    }

    /// The light of the red channel over the picture, in shown pixels, and that of one pixel of plain skin.
    fn light(head: &SurfaceMesh<Head>, toward: Direction<Head>, inks: &[Ink]) -> (f64, f64) {
        let surface = Surface::new(head);
        let camera = Camera::new(toward, Direction::z(), Vector3::zeros(), WIDTH, [SIDE; 2]);
        let mut canvas = Canvas::new(&surface, camera, Linear([0.0; 3]), &|_| SKIN);
        let (_, plain) = canvas.shown();
        let one = f64::from(plain[plain.len() / 2].0[0]);
        inks.iter().for_each(|ink| canvas.ink(ink));
        let (_, pixels) = canvas.shown();
        (pixels.iter().map(|p| f64::from(p.0[0])).sum(), one)
    }

    /// Dots on a lattice of 4 mm, each at another place within its pixel.
    fn inks(count: u32, diameter: f64) -> Vec<Ink> {
        (0..count)
            .map(|i| {
                let (row, column) = (f64::from(i / 20), f64::from(i % 20));
                let jitter = (f64::from(i) * 0.618_034).fract() * 5e-4;
                let (y, z) = (
                    0.004 * column - 0.04 + jitter,
                    0.004 * row - 0.04 + 0.7 * jitter,
                );
                Ink::new(Vector3::new(0.0, y, z), Vector3::x(), diameter, INKS)
            })
            .collect()
    }

    #[test]
    fn a_dot_takes_the_light_of_its_area_whatever_its_size() {
        let head = square(0.0);
        let (bare, one) = light(&head, Direction::x(), &[]);
        let takes = f64::from(1.0 - inks(1, 1.0)[0].filter.0[0]);
        let per_metre = f64::from(SIDE) / WIDTH;
        // 0.06 mm is an eighth of a shown pixel, 0.5 mm is a whole one.
        for diameter in [0.000_06, 0.000_17, 0.000_5] {
            for count in [100, 200] {
                let (with, _) = light(&head, Direction::x(), &inks(count, diameter));
                let area = std::f64::consts::PI * (0.5 * diameter * per_metre).powi(2);
                let expected = f64::from(count) * takes * one * area * GAIN;
                let ratio = (bare - with) / expected;
                // Where core and halo lie over each other, the halo finds less light to take: up to a twentieth of the whole.
                assert!(
                    (0.93..1.005).contains(&ratio),
                    "{count} dots of {diameter}: {ratio}"
                );
            }
        }
    }

    #[test]
    fn twice_the_dots_take_twice_the_light() {
        let head = square(0.0);
        let (bare, _) = light(&head, Direction::x(), &[]);
        let loss = |count| bare - light(&head, Direction::x(), &inks(count, 0.000_17)).0;
        assert!((loss(400) / loss(200) - 2.0).abs() < 0.01);
        assert!(loss(1) > 0.0);
    }

    #[test]
    fn a_dot_shows_from_its_own_side_and_not_through_the_head() {
        let head = square(0.0);
        let seen = |head: &SurfaceMesh<Head>, toward: Direction<Head>| {
            let (bare, _) = light(head, toward, &[]);
            bare - light(head, toward, &inks(50, 0.000_3)).0
        };
        assert!(seen(&head, Direction::x()) > 1.0);
        assert_eq!(seen(&head, -Direction::x()), 0.0);
        // Skin 5 mm in front of the dots hides them.
        assert_eq!(seen(&square(0.005), Direction::x()), 0.0);
    }

    #[test]
    fn a_dot_seen_obliquely_is_foreshortened() {
        let head = square(0.0);
        let oblique = Direction::new(Vector3::new(1.0, 3f64.sqrt(), 0.0)).unwrap();
        let loss = |toward| {
            let (bare, one) = light(&head, toward, &[]);
            (bare - light(&head, toward, &inks(100, 0.000_17)).0) / one
        };
        let ratio = loss(oblique) / loss(Direction::x());
        assert!((ratio - 0.5).abs() < 0.02, "{ratio}");
    }

    #[test]
    fn marks_and_lines_show_where_nothing_hides_them() {
        let (head, front) = (square(0.0), square(0.02));
        let red = |head: &SurfaceMesh<Head>| {
            let surface = Surface::new(head);
            let camera = Camera::new(
                Direction::x(),
                Direction::z(),
                Vector3::zeros(),
                WIDTH,
                [SIDE; 2],
            );
            let mut canvas = Canvas::new(&surface, camera, Linear([0.0; 3]), &|_| SKIN);
            let (a, b) = (Vector3::new(0.0, -0.03, 0.0), Vector3::new(0.0, 0.03, 0.01));
            canvas.line(&a, &b, 3.0, [255, 0, 0]);
            let place = canvas.find(&a);
            let (_, pixels) = canvas.shown();
            (
                pixels
                    .iter()
                    .filter(|p| p.0[1] == 0.0 && p.0[0] == 1.0)
                    .count(),
                place,
            )
        };
        let (seen, place) = red(&head);
        assert!((200..500).contains(&seen), "{seen}");
        let [x, y] = place.unwrap();
        assert!((x - 40.0).abs() < 0.6 && (y - 100.0).abs() < 0.6);
        assert_eq!(red(&front), (0, None));
    }
}
