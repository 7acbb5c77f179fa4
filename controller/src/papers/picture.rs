//! The head from five sides with its dots, coloured by how they stand.
//!
//! An orthographic view, drawn on the processor: what is nearer hides what is farther. Brightness is of the surface's direction alone.

use ab_glyph::{Font as _, FontRef, ScaleFont as _};
use image::{Rgb, RgbImage};
use nalgebra::{Vector2, Vector3};
use stipple_model::document::{MEDIUM, REGULAR};
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{DotId, Outcome, Plan};

use super::PaperError;
use crate::record::{Chronicle, DotState};

/// One view's width and height, pixels.
const PANEL: u32 = 480;
/// Pixels are drawn finer by this and averaged.
const FINE: u32 = 2;
/// What lies this far from the dots' middle at most is wholly in the picture, m: of a scan with shoulders these would make the head small.
const REACH: f64 = 0.2;
/// A dot's radius as drawn, m; larger than it is, so that single ones are seen.
const RADIUS: f64 = 0.0007;
/// A dot is seen if it lies no deeper than this below what covers it, m: triangles cut off the curve of the skin.
const COVER: f64 = 0.002;
const PAPER: [u8; 3] = [255; 3];
const SKIN: [f64; 3] = [232.0, 222.0, 212.0];
const INK: [u8; 3] = [34, 36, 40];

/// How dots stand, in the order they are drawn: what is rare comes last and is seen. Colours that people see apart who do not tell red from
/// green (Okabe and Ito).
const STATES: [(&str, [u8; 3]); 4] = [
    ("to do", [160, 160, 166]),
    ("placed", [0, 90, 170]),
    ("left out", [230, 159, 0]),
    ("in doubt", [213, 60, 0]),
];

fn state(state: Option<DotState>) -> usize {
    match state {
        None => 0,
        Some(DotState::Placed) => 1,
        Some(DotState::Skipped) => 2,
        Some(DotState::Intent | DotState::InDoubt) => 3,
    }
}

/// From where the head is seen.
struct View {
    name: &'static str,
    /// To the right in the picture, upwards, and towards who looks.
    axes: [Vector3<f64>; 3],
}

fn views(plan: &Plan) -> [View; 5] {
    let (forward, up) = (plan.anatomy.forward.raw(), plan.anatomy.up.raw());
    let left = up.cross(&forward);
    let view = |name, right: Vector3<f64>, upwards: Vector3<f64>| View {
        name,
        axes: [right, upwards, right.cross(&upwards)],
    };
    [
        view("from above", -left, forward),
        view("from the left", -forward, up),
        view("from the right", forward, up),
        view("from the front", left, up),
        view("from behind", -left, up),
    ]
}

/// The picture, as PNG: five views and what the colours mean.
///
/// # Errors
/// When it cannot be written as PNG.
pub fn picture(plan: &Plan, chronicle: &Chronicle) -> Result<Vec<u8>, PaperError> {
    let views = views(plan);
    let frame = Frame::of(plan, &views);
    let normals = normals(&plan.head);
    let mut page = RgbImage::from_pixel(3 * PANEL, 2 * PANEL, Rgb(PAPER));
    for ((index, view), middle) in (0u32..).zip(&views).zip(&frame.middles) {
        let mut panel = Panel::new(view, *middle, frame.scale);
        panel.head(&plan.head, &normals);
        panel.dots(plan, chronicle);
        let (left, top) = (index % 3 * PANEL, index / 3 * PANEL);
        panel.onto(&mut page, left, top);
        letters(
            &mut page,
            [left as f32 + 14.0, top as f32 + 28.0],
            view.name,
            false,
        );
    }
    legend(&mut page, plan, chronicle, [2 * PANEL + 60, PANEL + 120]);
    let mut bytes = std::io::Cursor::new(Vec::new());
    page.write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|error| PaperError::Picture(error.to_string()))?;
    Ok(bytes.into_inner())
}

/// What is shown, the same in all views.
struct Frame {
    center: Vector3<f64>,
    /// Of each view, the point in its middle.
    middles: Vec<Vector2<f64>>,
    /// Fine pixels per metre.
    scale: f64,
}

impl Frame {
    fn of(plan: &Plan, views: &[View]) -> Self {
        let count = plan.dots.len().max(1) as f64;
        let sum: Vector3<f64> = plan.dots.iter().map(|dot| dot.position.raw()).sum();
        let center = sum / count;
        let mut frame = Self {
            center,
            middles: Vec::new(),
            scale: 1.0,
        };
        let mut most: f64 = 0.01;
        for view in views {
            let (mut low, mut high) = (Vector2::repeat(f64::MAX), Vector2::repeat(f64::MIN));
            for vertex in plan.head.vertices().iter().map(|v| v.raw()) {
                if frame.shows(&vertex) {
                    let at = Vector2::new(view.axes[0].dot(&vertex), view.axes[1].dot(&vertex));
                    (low, high) = (low.inf(&at), high.sup(&at));
                }
            }
            if low.x > high.x {
                (low, high) = (Vector2::zeros(), Vector2::zeros());
            }
            most = most.max((high - low).max());
            frame.middles.push((low + high) * 0.5);
        }
        frame.scale = f64::from(PANEL * FINE) * 0.84 / most;
        frame
    }

    fn shows(&self, point: &Vector3<f64>) -> bool {
        (point - self.center).norm() <= REACH
    }
}

fn normals(mesh: &SurfaceMesh<Head>) -> Vec<Vector3<f64>> {
    let unit = |v: Vector3<f64>| v.try_normalize(0.0).unwrap_or_default();
    mesh.vertex_area_vectors().into_iter().map(unit).collect()
}

/// One view, in fine pixels.
struct Panel<'a> {
    view: &'a View,
    middle: Vector2<f64>,
    scale: f64,
    size: u32,
    colors: Vec<[u8; 3]>,
    /// How near to who looks, m.
    near: Vec<f64>,
}

impl<'a> Panel<'a> {
    fn new(view: &'a View, middle: Vector2<f64>, scale: f64) -> Self {
        let size = PANEL * FINE;
        let pixels = (size * size) as usize;
        Self {
            view,
            middle,
            scale,
            size,
            colors: vec![PAPER; pixels],
            near: vec![f64::NEG_INFINITY; pixels],
        }
    }

    /// Where a point is drawn, and how near it is.
    fn place(&self, point: &Vector3<f64>) -> Vector3<f64> {
        let [right, up, toward] = &self.view.axes;
        let half = 0.5 * f64::from(self.size);
        Vector3::new(
            half + (right.dot(point) - self.middle.x) * self.scale,
            half - (up.dot(point) - self.middle.y) * self.scale,
            toward.dot(point),
        )
    }

    /// The pixels from `low` to `high` that are on the panel.
    fn pixels(&self, low: f64, high: f64) -> std::ops::Range<u32> {
        // As floats saturate, what lies outside comes to nothing.
        (low.floor().max(0.0) as u32)..(high.ceil() as u32).saturating_add(1).min(self.size)
    }

    fn index(&self, x: u32, y: u32) -> usize {
        (y * self.size + x) as usize
    }

    fn head(&mut self, mesh: &SurfaceMesh<Head>, normals: &[Vector3<f64>]) {
        // A little from the left above, so that the shape is seen.
        let [right, up, toward] = &self.view.axes;
        let light = (toward + up * 0.45 - right * 0.35).normalize();
        for (index, corners) in mesh.triangles().iter().enumerate() {
            let points = mesh.corners(index).map(|corner| corner.raw());
            let bright = corners.map(|corner| {
                let normal = normals.get(corner as usize).copied().unwrap_or_default();
                normal.dot(&light).max(0.0)
            });
            let places = points.map(|point| self.place(&point));
            self.triangle(&places, bright);
        }
    }

    fn triangle(&mut self, [a, b, c]: &[Vector3<f64>; 3], bright: [f64; 3]) {
        let cross = |p: &Vector3<f64>, q: &Vector3<f64>, x: f64, y: f64| {
            (q.x - p.x) * (y - p.y) - (q.y - p.y) * (x - p.x)
        };
        let area = cross(a, b, c.x, c.y);
        if area.abs() < 1e-12 {
            return;
        }
        for y in self.pixels(a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y)) {
            for x in self.pixels(a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x)) {
                let (px, py) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
                let weights = [
                    cross(b, c, px, py) / area,
                    cross(c, a, px, py) / area,
                    cross(a, b, px, py) / area,
                ];
                if weights.iter().any(|w| *w < -1e-9) {
                    continue;
                }
                let near = weights[0] * a.z + weights[1] * b.z + weights[2] * c.z;
                let at = self.index(x, y);
                if near > self.near[at] {
                    self.near[at] = near;
                    let light: f64 = weights.iter().zip(bright).map(|(w, l)| w * l).sum();
                    let share = 0.42 + 0.58 * light.clamp(0.0, 1.0);
                    self.colors[at] = SKIN.map(|part| (part * share) as u8);
                }
            }
        }
    }

    fn dots(&mut self, plan: &Plan, chronicle: &Chronicle) {
        for (kind, (_, color)) in STATES.iter().enumerate() {
            for (index, dot) in (0u32..).zip(&plan.dots) {
                let entry = chronicle.dots.get(&DotId(index));
                let there = entry.is_some() || matches!(dot.outcome, Outcome::Planned { .. });
                let faces = dot.normal.raw().dot(&self.view.axes[2]) > 0.05;
                if there && faces && state(entry.map(|entry| entry.state)) == kind {
                    self.disc(&dot.position.raw(), *color);
                }
            }
        }
    }

    fn disc(&mut self, at: &Vector3<f64>, color: [u8; 3]) {
        let place = self.place(at);
        let radius = (RADIUS * self.scale).max(f64::from(FINE));
        let inside = |v: f64| v >= 0.0 && v < f64::from(self.size);
        if !inside(place.x) || !inside(place.y) {
            return;
        }
        if self.near[self.index(place.x as u32, place.y as u32)] > place.z + COVER {
            return;
        }
        for y in self.pixels(place.y - radius, place.y + radius) {
            for x in self.pixels(place.x - radius, place.x + radius) {
                let away = (f64::from(x) + 0.5 - place.x).hypot(f64::from(y) + 0.5 - place.y);
                if away <= radius {
                    let at = self.index(x, y);
                    self.colors[at] = color;
                }
            }
        }
    }

    /// Averages the fine pixels onto the page.
    fn onto(&self, page: &mut RgbImage, left: u32, top: u32) {
        for y in 0..PANEL {
            for x in 0..PANEL {
                let mut sum = [0u32; 3];
                for fine in 0..FINE * FINE {
                    let at = self.index(x * FINE + fine % FINE, y * FINE + fine / FINE);
                    for (sum, part) in sum.iter_mut().zip(self.colors[at]) {
                        *sum += u32::from(part);
                    }
                }
                let color = sum.map(|part| (part / (FINE * FINE)) as u8);
                page.put_pixel(left + x, top + y, Rgb(color));
            }
        }
    }
}

/// What the colours mean, and how many dots have each.
fn legend(page: &mut RgbImage, plan: &Plan, chronicle: &Chronicle, [left, top]: [u32; 2]) {
    let mut counts = [0u32; STATES.len()];
    for (index, dot) in (0u32..).zip(&plan.dots) {
        let entry = chronicle.dots.get(&DotId(index));
        if entry.is_some() || matches!(dot.outcome, Outcome::Planned { .. }) {
            counts[state(entry.map(|entry| entry.state))] += 1;
        }
    }
    for ((row, (name, color)), count) in (0u32..).zip(STATES).zip(counts) {
        let y = top + 40 * row;
        for (x, y) in (0..20).flat_map(|dx| (0..20).map(move |dy| (dx, y + dy))) {
            page.put_pixel(left + x, y, Rgb(color));
        }
        let base = [(left + 34) as f32, (y + 18) as f32];
        letters(page, base, &format!("{name}: {count}"), true);
    }
}

/// Writes a line from its base line's start on.
fn letters(page: &mut RgbImage, at: [f32; 2], text: &str, bold: bool) {
    // The fonts are part of the program; a picture without letters is still a picture.
    let Ok(font) = FontRef::try_from_slice(if bold { MEDIUM } else { REGULAR }) else {
        return;
    };
    let size = 24.0;
    let scaled = font.as_scaled(size);
    let mut pen = at[0];
    for c in text.chars() {
        let id = font.glyph_id(c);
        let glyph = id.with_scale_and_position(size, ab_glyph::point(pen, at[1]));
        pen += scaled.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else {
            continue;
        };
        let corner = outline.px_bounds().min;
        outline.draw(|dx, dy, share| {
            let (x, y) = (corner.x as u32 + dx, corner.y as u32 + dy);
            if x < page.width() && y < page.height() {
                let pixel = page.get_pixel_mut(x, y);
                for (part, ink) in pixel.0.iter_mut().zip(INK) {
                    *part = (f32::from(*part) * (1.0 - share) + f32::from(ink) * share) as u8;
                }
            }
        });
    }
}
