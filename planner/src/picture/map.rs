//! Density maps on the scalp laid flat, and the scale that both share.

use colorous::VIRIDIS;
use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::frames::{Head, Point};
use stipple_model::units::Density;

use super::color::Linear;
use super::page::{INK, PALE, Page, Style};
use crate::density::{Densities, DensityField};
use crate::unroll::Unrolled;

/// What is not treated, sRGB.
const BARE: [u8; 3] = [233, 233, 231];
/// Bare skin shown around the treated area, metres.
const AROUND: f64 = 0.012;

/// Which of the two densities is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Wanted,
    Achieved,
}

/// Both maps' common ground: the part of the plane that is shown and the densities on it.
pub(super) struct Maps {
    size: [u32; 2],
    /// Plane coordinates of the middle, and metres per pixel.
    middle: [f64; 2],
    step: f64,
    densities: Vec<Option<Densities>>,
    /// The scale's upper end.
    pub most: Density,
}

impl Maps {
    /// Measures the densities for maps of `size` pixels; `None` without a treated place on the map.
    pub fn measure(
        field: &DensityField<'_>,
        treated: impl Iterator<Item = Point<Head>>,
        unrolled: &Unrolled,
        size: [u32; 2],
    ) -> Option<Self> {
        let flat = treated.filter_map(|p| unrolled.flat(&p));
        let (low, high) = flat.fold(None, |ends: Option<([f64; 2], [f64; 2])>, [x, y]| {
            let (lo, hi) = ends.unwrap_or(([x, y], [x, y]));
            Some(([lo[0].min(x), lo[1].min(y)], [hi[0].max(x), hi[1].max(y)]))
        })?;
        let step = (0..2)
            .map(|k| (high[k] - low[k] + 2.0 * AROUND) / f64::from(size[k]))
            .fold(1e-5, f64::max);
        let middle = [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])];
        let mut maps = Self {
            size,
            middle,
            step,
            densities: Vec::new(),
            most: Density::ZERO,
        };
        let pixels = size[0] as usize * size[1] as usize;
        maps.densities = (0..pixels)
            .into_par_iter()
            .map(|i| field.at(&unrolled.round(maps.plane(i))?))
            .collect();
        let largest = maps
            .densities
            .iter()
            .flatten()
            .filter(|d| d.treated > 0.5)
            .map(|d| d.wanted.per_cm2().max(d.achieved.per_cm2()))
            .fold(1.0, f64::max);
        maps.most = Density::from_per_cm2(nice(largest));
        Some(maps)
    }

    /// Plane coordinates of a pixel's middle.
    fn plane(&self, i: usize) -> [f64; 2] {
        let (width, height) = (f64::from(self.size[0]), f64::from(self.size[1]));
        let (x, y) = (
            (i % self.size[0] as usize) as f64,
            (i / self.size[0] as usize) as f64,
        );
        [
            self.middle[0] + (x + 0.5 - 0.5 * width) * self.step,
            self.middle[1] - (y + 0.5 - 0.5 * height) * self.step,
        ]
    }

    /// Pixels from the map's corner of a place in the plane.
    fn pixel(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            0.5 * f64::from(self.size[0]) + (x - self.middle[0]) / self.step,
            0.5 * f64::from(self.size[1]) - (y - self.middle[1]) / self.step,
        ]
    }

    /// The color of a density on the common scale.
    pub fn color(&self, density: Density) -> [u8; 3] {
        VIRIDIS
            .eval_continuous((density / self.most).clamp(0.0, 1.0))
            .as_array()
    }

    /// One map's pixels.
    pub fn panel(&self, shown: Shown) -> Vec<Linear> {
        let bare = Linear::from_srgb(BARE);
        self.densities
            .iter()
            .map(|here| {
                let Some(here) = here else { return bare };
                let density = match shown {
                    Shown::Wanted => here.wanted,
                    Shown::Achieved => here.achieved,
                };
                // The edge of the treated area is where half of the kernel is treated; it is drawn about a pixel soft.
                let edge = ((here.treated - 0.5) / 0.06 + 0.5).clamp(0.0, 1.0);
                Linear::from_srgb(self.color(density)).over(bare, edge as f32)
            })
            .collect()
    }

    /// Puts a map on the page with its name, the midline and a scale bar.
    pub fn put(&self, page: &mut Page, [left, top]: [u32; 2], shown: Shown, name: &str) {
        page.panel(left, top, (self.size, &self.panel(shown)));
        let (x, y) = (f64::from(left), f64::from(top));
        let (width, height) = (f64::from(self.size[0]), f64::from(self.size[1]));
        let [middle, _] = self.pixel([0.0, 0.0]);
        if (0.0..width).contains(&middle) {
            let dashes = (height / 16.0) as usize;
            for k in 0..dashes {
                let at = y + k as f64 * 16.0;
                page.line(
                    [x + middle, at],
                    [x + middle, at + 6.0],
                    1.0,
                    [255, 255, 255],
                );
            }
        }
        // Drawn at the vertex, where distances across are as true as those along.
        let bar = 0.05 / self.step;
        let (bx, by) = (x + 20.0, y + height - 22.0);
        page.line([bx, by], [bx + bar, by], 4.0, INK);
        page.text(bx as f32, by as f32 - 10.0, Style::plain(20.0), "50 mm");
        let small = Style::plain(20.0).pale();
        let right = (x + width) as f32 - 16.0;
        page.text(right - 22.0, y as f32 + 30.0, small.anchored(1.0), "nose");
        let (ax, ay) = (f64::from(right) - 6.0, y + 13.0);
        page.line([ax, ay], [ax, ay + 18.0], 2.0, PALE);
        page.line([ax - 5.0, ay + 6.0], [ax, ay], 2.0, PALE);
        page.line([ax + 5.0, ay + 6.0], [ax, ay], 2.0, PALE);
        page.text(x as f32, y as f32 - 14.0, Style::plain(26.0).bold(), name);
    }

    /// Puts the scale on the page: a bar with numbers, in dots per cm².
    pub fn scale(&self, page: &mut Page, [left, top]: [u32; 2], width: u32) {
        const HEIGHT: u32 = 26;
        for x in 0..width {
            let part = f64::from(x) / f64::from(width.max(2) - 1);
            page.fill([left + x, top, 1, HEIGHT], self.color(self.most * part));
        }
        let most = self.most.per_cm2();
        let step = [1.0, 2.0, 5.0, 10.0, 20.0]
            .into_iter()
            .find(|s| most / s <= 10.0)
            .unwrap_or(50.0);
        let ticks = (most / step + 1e-9).floor() as usize;
        for k in 0..=ticks {
            let value = step * k as f64;
            let x = f64::from(left) + value / most * f64::from(width);
            let y = f64::from(top + HEIGHT);
            page.line([x, y], [x, y + 8.0], 2.0, PALE);
            let style = Style::plain(22.0).anchored(0.5);
            page.text(x as f32, y as f32 + 32.0, style, &format!("{value:.0}"));
        }
        let (x, y) = ((left + width) as f32 + 26.0, (top + HEIGHT) as f32 - 4.0);
        page.text(x, y, Style::plain(22.0), "dots/cm²");
    }
}

/// The next number of 1, 2, 3, 4, 5, 6, 8 times a power of ten, at least 1.
fn nice(value: f64) -> f64 {
    let value = if value.is_finite() {
        value.max(1.0)
    } else {
        1.0
    };
    let ten = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|n| n * ten)
        .find(|n| *n >= value - 1e-9)
        .unwrap_or(10.0 * ten)
}

/// The lowest place of the front edge near the midline: the dot farthest towards the nose.
pub(super) fn front(points: &[Vector3<f64>], unrolled: &Unrolled) -> Option<[f64; 2]> {
    let flat = || {
        points
            .iter()
            .filter_map(|p| unrolled.flat(&Point::from_raw(*p)))
    };
    let foremost = |a: [f64; 2], b: [f64; 2]| if b[1] > a[1] { b } else { a };
    flat()
        .filter(|[x, _]| x.abs() < 0.008)
        .reduce(foremost)
        .or_else(|| flat().reduce(foremost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::BANDWIDTH;
    use crate::unroll::tests::ball;
    use stipple_model::plan::Wanted;
    use stipple_model::units::Area;

    #[test]
    fn numbers_of_scales() {
        assert_eq!(
            [0.2, 1.0, 7.3, 61.0, 80.0, 143.0].map(nice),
            [1.0, 1.0, 8.0, 80.0, 80.0, 200.0]
        );
    }

    #[test]
    fn both_maps_show_known_densities_in_the_colors_of_one_scale() {
        let (head, anatomy) = ball();
        let unrolled = Unrolled::new(&head, &anatomy).unwrap();
        // The top of the ball, wanted at 80 per cm², with half as many dots.
        let mut wanted = Vec::new();
        let mut dots = Vec::new();
        for i in -30..=30i32 {
            for j in -30..=30i32 {
                let at = [f64::from(i) * 1e-3, f64::from(j) * 1e-3];
                let position = unrolled.round(at).unwrap();
                let area = 1e-6 / unrolled.stretch(at).unwrap();
                wanted.push(Wanted {
                    position,
                    zone: 0,
                    area: Area::from_m2(area),
                    dots: area * 80e4,
                });
                if (i + j) % 2 == 0 {
                    dots.push(position);
                }
            }
        }
        let field = DensityField::new(&wanted, dots, BANDWIDTH);
        let places = || wanted.iter().map(|w| w.position);
        let maps = Maps::measure(&field, places(), &unrolled, [120, 120]).unwrap();
        assert_eq!(maps.most.per_cm2(), 80.0);
        let middle = |shown| maps.panel(shown)[60 * 120 + 60].to_srgb();
        assert_eq!(
            middle(Shown::Wanted),
            VIRIDIS.eval_continuous(1.0).as_array()
        );
        let half = VIRIDIS.eval_continuous(50.0 / 80.0).as_array();
        let found = middle(Shown::Achieved);
        assert!(
            found.iter().zip(half).all(|(a, b)| a.abs_diff(b) <= 4),
            "{found:?} {half:?}"
        );
        assert_eq!(maps.panel(Shown::Wanted)[0].to_srgb(), BARE);
        // Nothing treated, no map.
        assert!(Maps::measure(&field, std::iter::empty(), &unrolled, [120, 120]).is_none());
    }
}
