//! One view being drawn: surface, dots, lines, in linear light on a finer grid than is shown.

use std::sync::Arc;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};

use super::camera::Camera;
use super::color::Linear;
use super::light::{self, Light, SKIN};
use super::surface::Surface;
use super::tissue::Stain;

/// Pixels drawn per pixel shown, each way.
const FINER: u32 = 2;
/// A dot counts as hidden when the surface in front of it is more than this nearer, metres.
const HIDDEN: f64 = 0.0015;
/// The normal of what is seen from inside: it is not lit.
const INSIDE: [f32; 3] = [0.0; 3];
/// Dots seen flatter than this are left out: they add nothing but noise at the outline.
const FLATTEST: f64 = 0.03;

/// How much nearer a surface seen from inside must be to hide one seen from outside, metres: at an outline both are equally near.
const BEHIND: f64 = 0.0002;

/// A dot in the skin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ink {
    pub position: Vector3<f64>,
    pub normal: Vector3<f64>,
    /// What a black dot of its size and depth takes.
    pub stain: Arc<Stain>,
    /// The share of it that this pigment takes, per channel: black takes all, the plain skin's colour nothing.
    pub absorbs: [f32; 3],
}

impl Ink {
    /// Pigment that looks like `srgb` in the plain skin.
    pub fn new(
        position: Vector3<f64>,
        normal: Vector3<f64>,
        stain: Arc<Stain>,
        srgb: [u8; 3],
    ) -> Self {
        let skin = Linear::from_srgb(SKIN).0;
        let mut absorbs = Linear::from_srgb(srgb).0;
        for (a, s) in absorbs.iter_mut().zip(skin) {
            *a = (1.0 - *a / s).max(0.0);
        }
        Self {
            position,
            normal,
            stain,
            absorbs,
        }
    }
}

/// How a surface is painted, sRGB.
pub(crate) struct Coat<'a> {
    /// A triangle's outside, lit.
    pub outside: &'a (dyn Fn(u32) -> [u8; 3] + Sync),
    /// The inside, seen through openings: flat, so that it cannot be taken for skin.
    pub inside: [u8; 3],
}

/// A view: colour, depth and normal per fine pixel.
pub(crate) struct Canvas {
    shown: Camera,
    camera: Camera,
    rgb: Vec<Linear>,
    depth: Vec<f32>,
    /// Zero where the inside is seen.
    normals: Vec<[f32; 3]>,
    /// The pixels of the dot being drawn, kept for the next one: place and weights.
    pixels: Vec<(usize, [f32; 3])>,
}

impl Canvas {
    /// Draws the surface.
    pub fn new(surface: &Surface<'_>, camera: Camera, background: Linear, coat: &Coat<'_>) -> Self {
        let fine = camera.finer(FINER);
        let n = fine.size.iter().map(|&n| n as usize).product();
        let mut canvas = Self {
            shown: camera,
            camera: fine,
            rgb: vec![background; n],
            depth: vec![f32::NEG_INFINITY; n],
            normals: vec![[0.0; 3]; n],
            pixels: Vec::new(),
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
                Linear::from_srgb((coat.outside)(i)),
                Linear::from_srgb(coat.inside),
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
            if depth.is_finite() && *normal != INSIDE {
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

    fn triangle(
        &mut self,
        p: [Vector3<f64>; 3],
        normals: [Vector3<f64>; 3],
        outside: Linear,
        inside: Linear,
    ) {
        let area = (p[1].x - p[0].x) * (p[2].y - p[0].y) - (p[2].x - p[0].x) * (p[1].y - p[0].y);
        if area.abs() < 1e-12 {
            return;
        }
        // Rows count downwards, so a triangle that is wound to the left as seen from here turns to the right in the picture.
        let back = area > 0.0;
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
                let was_back = self.depth[i].is_finite() && self.normals[i] == INSIDE;
                let nearer = match (back, was_back) {
                    (true, false) => depth > self.depth[i] + BEHIND as f32,
                    (false, true) => depth > self.depth[i] - BEHIND as f32,
                    _ => depth > self.depth[i],
                };
                if !nearer {
                    continue;
                }
                self.depth[i] = depth;
                self.rgb[i] = if back { inside } else { outside };
                self.normals[i] = if back {
                    INSIDE
                } else {
                    let n = normals[0] * w[0] + normals[1] * w[1] + normals[2] * w[2];
                    let n = n.try_normalize(0.0).unwrap_or(self.camera.toward);
                    // Of a scan too rough for its normals to be smooth what is seen is still the outside.
                    let n = if n.dot(&self.camera.toward) < -0.2 {
                        -n
                    } else {
                        n
                    };
                    [n.x as f32, n.y as f32, n.z as f32]
                };
            }
        }
    }

    /// Draws a dot as the ellipse it looks like from here, and around it the light that it takes from the skin. Every pixel takes its
    /// share, and the shares sum to what the dot takes: a dot smaller than a pixel darkens it by just so much.
    pub fn ink(&mut self, ink: &Ink) {
        let facing = ink.normal.dot(&self.camera.toward);
        if facing < FLATTEST {
            return;
        }
        let at = self.camera.project(&ink.position);
        let scale = self.camera.scale;
        let (radius, reach) = (ink.stain.radius * scale, Stain::reach() * scale);
        let outside = |c: f64, n: u32| c < -reach || c > f64::from(n) + reach;
        if outside(at.x, self.camera.size[0]) || outside(at.y, self.camera.size[1]) {
            return;
        }
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
            [hits as f32 / (steps * steps) as f32; 3]
        };
        let disc = std::f64::consts::PI * radius * radius * facing;
        let near = HIDDEN + Stain::reach() * (1.0 - facing * facing).max(0.0).sqrt();
        // The pigment itself hides the skin; what it takes around it, the next dot cannot take again.
        self.take(
            at,
            radius + 1.0,
            near,
            [disc; 3],
            &core,
            |under, taken, k| under * (1.0 - taken.min(1.0) * ink.absorbs[k]),
        );
        let around = ink.stain.gain.map(|gain| (gain - 1.0) * disc);
        let halo = |x: f64, y: f64| ink.stain.halo(away(x, y).sqrt() / scale);
        self.take(at, reach, near, around, &halo, |under, taken, k| {
            under * (-taken * ink.absorbs[k]).exp()
        });
    }

    /// Changes the light around a place of the picture, as far as it lies no more than `near` metres deeper than the surface there: every
    /// pixel by its weight, all weights scaled to sum to `total` pixels, per channel.
    fn take(
        &mut self,
        at: Vector3<f64>,
        reach: f64,
        near: f64,
        total: [f64; 3],
        weight: &dyn Fn(f64, f64) -> [f32; 3],
        left: impl Fn(f32, f32, usize) -> f32,
    ) {
        // The whole square, so that what lies outside the picture takes its share with it.
        let span = |c: f64| ((c - reach).ceil() as i64)..=((c + reach).floor() as i64);
        let [width, height] = self.camera.size.map(i64::from);
        let mut pixels = std::mem::take(&mut self.pixels);
        pixels.clear();
        let mut sum = [0.0f64; 3];
        for y in span(at.y) {
            for x in span(at.x) {
                let w = weight(x as f64, y as f64);
                sum.iter_mut().zip(w).for_each(|(s, w)| *s += f64::from(w));
                if w[0] > 0.0 && x >= 0 && y >= 0 && x < width && y < height {
                    pixels.push(((y * width + x) as usize, w));
                }
            }
        }
        let each: [f32; 3] = std::array::from_fn(|k| {
            if sum[k] > 0.0 {
                (total[k] / sum[k]) as f32
            } else {
                0.0
            }
        });
        for &(i, w) in &pixels {
            let depth = f64::from(self.depth[i]);
            if depth.is_finite() && at.z > depth - near && self.normals[i] != INSIDE {
                let rgb = &mut self.rgb[i].0;
                for k in 0..3 {
                    rgb[k] = left(rgb[k], w[k] * each[k], k);
                }
            }
        }
        self.pixels = pixels;
    }

    /// Lays another picture from the same camera over this one as a veil: the first share of its colour where it is in front of something,
    /// the second where there is nothing behind it.
    pub fn veil(&mut self, other: &Self, [over, beside]: [f32; 2]) {
        for i in 0..self.rgb.len().min(other.rgb.len()) {
            let share = match (other.depth[i], self.depth[i]) {
                (o, _) if !o.is_finite() => continue,
                (_, s) if !s.is_finite() => beside,
                (o, s) if o > s => over,
                _ => continue,
            };
            self.rgb[i] = other.rgb[i].over(self.rgb[i], share);
        }
    }

    /// Lets what lies behind a plane across the view go over into the background: unchanged at `from`, gone at `to`, metres towards the
    /// onlooker from the picture's middle.
    pub fn fade(&mut self, from: f64, to: f64, background: Linear) {
        for (rgb, depth) in self.rgb.iter_mut().zip(&self.depth) {
            if depth.is_finite() {
                let gone = smooth((from - f64::from(*depth)) / (from - to));
                *rgb = background.over(*rgb, gone as f32);
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

    /// Draws a round mark, `radius` pixels as shown, whatever is in front of it.
    pub fn pin(&mut self, at: &Vector3<f64>, radius: f64, srgb: [u8; 3]) {
        let p = self.camera.project(at);
        let over = Vector3::new(p.x, p.y, f64::INFINITY);
        self.spot(&over, radius * f64::from(FINER), Linear::from_srgb(srgb));
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

/// 0 below 0, 1 above 1, without a kink in between.
pub(crate) fn smooth(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests;
