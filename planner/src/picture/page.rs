//! The page pictures are put together on: panels, letters, lines, patches of colour.

use ab_glyph::{Font as _, FontRef, ScaleFont as _};
use image::{Rgb, RgbImage};

use stipple_model::document::{MEDIUM, REGULAR};

use super::color::Linear;

/// Paper, ink and pale ink, sRGB.
pub(crate) const PAPER: [u8; 3] = [250, 250, 249];
pub(crate) const INK: [u8; 3] = [34, 36, 40];
pub(crate) const PALE: [u8; 3] = [112, 116, 122];
pub(crate) const RULE: [u8; 3] = [206, 208, 211];

/// How letters are set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    /// Height of the line, pixels.
    pub size: f32,
    pub bold: bool,
    pub color: [u8; 3],
    /// Which part of the line stands at the given place: 0 its start, 0.5 its middle, 1 its end.
    pub anchor: f32,
}

impl Style {
    /// Dark letters that start at the place.
    pub const fn plain(size: f32) -> Self {
        Self {
            size,
            bold: false,
            color: INK,
            anchor: 0.0,
        }
    }

    pub const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub const fn pale(self) -> Self {
        Self {
            color: PALE,
            ..self
        }
    }

    pub const fn colored(self, color: [u8; 3]) -> Self {
        Self { color, ..self }
    }

    pub const fn anchored(self, anchor: f32) -> Self {
        Self { anchor, ..self }
    }
}

/// The page.
pub(crate) struct Page {
    image: RgbImage,
    fonts: Option<[FontRef<'static>; 2]>,
}

impl Page {
    /// Empty paper.
    pub fn new(width: u32, height: u32) -> Self {
        let font = |bytes| FontRef::try_from_slice(bytes).ok();
        Self {
            image: RgbImage::from_pixel(width, height, Rgb(PAPER)),
            // The fonts are part of the program and a test draws with them; a page without letters is still a page.
            fonts: font(REGULAR).zip(font(MEDIUM)).map(|(a, b)| [a, b]),
        }
    }

    /// The finished picture.
    pub fn into_image(self) -> RgbImage {
        self.image
    }

    /// Puts a colour over a pixel, covering `share` of it; outside the page nothing happens.
    pub fn blend(&mut self, x: i64, y: i64, color: Linear, share: f32) {
        let inside = |n: i64, size: u32| u32::try_from(n).ok().filter(|n| *n < size);
        let (Some(x), Some(y)) = (
            inside(x, self.image.width()),
            inside(y, self.image.height()),
        ) else {
            return;
        };
        let pixel = self.image.get_pixel_mut(x, y);
        // What covers all needs nothing of what is below.
        let over = if share < 1.0 {
            color.over(Linear::from_srgb(pixel.0), share)
        } else {
            color
        };
        pixel.0 = over.to_srgb();
    }

    /// Puts a panel of pixels, row by row, with its corner at a place.
    pub fn panel(&mut self, left: u32, top: u32, (size, pixels): ([u32; 2], &[Linear])) {
        let places = (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
        for ((x, y), color) in places.zip(pixels) {
            self.blend(i64::from(left + x), i64::from(top + y), *color, 1.0);
        }
    }

    /// Fills a box.
    pub fn fill(&mut self, [left, top, width, height]: [u32; 4], srgb: [u8; 3]) {
        for y in top..top.saturating_add(height) {
            for x in left..left.saturating_add(width) {
                self.blend(i64::from(x), i64::from(y), Linear::from_srgb(srgb), 1.0);
            }
        }
    }

    /// Draws a straight line `width` pixels wide.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], width: f64, srgb: [u8; 3]) {
        let color = Linear::from_srgb(srgb);
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = dx.hypot(dy).max(1e-9);
        let reach = 0.5 * width + 1.0;
        let span = |a: f64, b: f64| {
            ((a.min(b) - reach).floor() as i64)..=((a.max(b) + reach).ceil() as i64)
        };
        for y in span(from[1], to[1]) {
            for x in span(from[0], to[0]) {
                let (px, py) = (x as f64 + 0.5 - from[0], y as f64 + 0.5 - from[1]);
                let t = ((px * dx + py * dy) / length).clamp(0.0, length);
                let away = (px - t * dx / length).hypot(py - t * dy / length);
                let share = (0.5 * width + 0.5 - away).clamp(0.0, 1.0);
                if share > 0.0 {
                    self.blend(x, y, color, share as f32);
                }
            }
        }
    }

    /// Draws a filled circle.
    pub fn disc(&mut self, at: [f64; 2], radius: f64, srgb: [u8; 3]) {
        self.line(at, at, 2.0 * radius, srgb);
    }

    /// How long a line of letters is, pixels.
    pub fn length(&self, text: &str, style: Style) -> f32 {
        let Some(fonts) = &self.fonts else {
            return 0.0;
        };
        let font = fonts[usize::from(style.bold)].as_scaled(style.size);
        let mut length = 0.0;
        let mut before = None;
        for c in text.chars() {
            let id = font.glyph_id(c);
            length += before.map_or(0.0, |b| font.kern(b, id)) + font.h_advance(id);
            before = Some(id);
        }
        length
    }

    /// Writes one line with its base line at `y`; returns where it ends.
    pub fn text(&mut self, x: f32, y: f32, style: Style, text: &str) -> f32 {
        let start = x - style.anchor * self.length(text, style);
        let Some(fonts) = self.fonts.clone() else {
            return start;
        };
        let font = fonts[usize::from(style.bold)].as_scaled(style.size);
        let color = Linear::from_srgb(style.color);
        let mut pen = start;
        let mut before = None;
        for c in text.chars() {
            let id = font.glyph_id(c);
            pen += before.map_or(0.0, |b| font.kern(b, id));
            let glyph = id.with_scale_and_position(style.size, ab_glyph::point(pen, y));
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|dx, dy, share| {
                    let (gx, gy) = (
                        corner.x as i64 + i64::from(dx),
                        corner.y as i64 + i64::from(dy),
                    );
                    self.blend(gx, gy, color, share);
                });
            }
            pen += font.h_advance(id);
            before = Some(id);
        }
        pen
    }

    /// Writes words in lines no longer than `width`, base lines `step` apart; returns the next line's base line. What would go below
    /// `bottom` is cut with an ellipsis.
    pub fn paragraph(
        &mut self,
        at: [f32; 2],
        width: f32,
        step: f32,
        bottom: f32,
        style: Style,
        text: &str,
    ) -> f32 {
        let [x, mut y] = at;
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if line.is_empty() || self.length(&longer, style) <= width {
                line = longer;
                continue;
            }
            if y + step > bottom {
                line.push('…');
                self.text(x, y, style, &line);
                return y + step;
            }
            self.text(x, y, style, &line);
            y += step;
            line = word.to_owned();
        }
        self.text(x, y, style, &line);
        y + step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dark(image: &RgbImage) -> usize {
        image.pixels().filter(|p| p.0[0] < 128).count()
    }

    #[test]
    fn letters_leave_ink_and_wider_text_is_longer() {
        let mut page = Page::new(400, 60);
        let style = Style::plain(24.0);
        let end = page.text(10.0, 40.0, style, "ρ 0.74 · 60/cm²");
        assert!(
            (f64::from(end) - 10.0 - f64::from(page.length("ρ 0.74 · 60/cm²", style))).abs() < 0.01
        );
        let n = dark(&page.into_image());
        assert!((150..2000).contains(&n), "{n} dark pixels");
    }

    #[test]
    fn the_right_end_can_be_the_anchor_and_nothing_outside_panics() {
        let mut page = Page::new(100, 40);
        page.text(95.0, 30.0, Style::plain(20.0).anchored(1.0), "right");
        page.text(-500.0, -30.0, Style::plain(20.0), "outside");
        page.line([-50.0, -50.0], [500.0, 20.0], 3.0, INK);
        page.fill([90, 30, 50, 50], INK);
        let image = page.into_image();
        assert_eq!(image.get_pixel(2, 30).0, PAPER);
        assert_eq!(image.get_pixel(95, 35).0, INK);
    }

    #[test]
    fn a_line_is_as_dark_as_it_is_wide() {
        let ink = |width: f64| {
            let mut page = Page::new(60, 60);
            page.line([10.3, 12.1], [50.7, 41.9], width, [0; 3]);
            page.into_image()
                .pixels()
                .map(|p| {
                    1.0 - f64::from(Linear::from_srgb(p.0).0[0] / Linear::from_srgb(PAPER).0[0])
                })
                .sum::<f64>()
        };
        let ratio = ink(4.0) / ink(2.0);
        assert!((1.9..2.25).contains(&ratio), "{ratio}");
    }
}
