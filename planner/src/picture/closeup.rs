//! The front edge close up, as one sees it bending down to it.

use nalgebra::Vector3;
use stipple_model::frames::Direction;
use stipple_model::plan::{Anatomy, Dot};

use super::camera::Camera;
use super::canvas::{Canvas, Coat, Ink};
use super::color::Linear;
use super::light::SKIN;
use super::map;
use super::page::{INK, PAPER, Page, Style};
use super::surface::Surface;
use crate::unroll::Unrolled;

/// The skin that a pixel shows, metres: a dot is some three pixels wide.
const PIXEL: f64 = 0.000_055;
/// How far behind the foremost dot the picture's middle lies, metres.
const BEHIND: f64 = 0.009;

/// Where the close-up looks.
pub(super) struct Closeup {
    camera: Camera,
}

impl Closeup {
    /// Looks at the edge nearest the nose; `None` without dots on the scalp.
    pub fn aim(
        dots: &[&Dot],
        anatomy: &Anatomy,
        unrolled: &Unrolled,
        size: [u32; 2],
    ) -> Option<Self> {
        let places: Vec<Vector3<f64>> = dots.iter().map(|d| d.position.raw()).collect();
        let [x, y] = map::front(&places, unrolled)?;
        let center = unrolled.round([x, y - BEHIND])?;
        let nearest = dots.iter().min_by(|a, b| {
            let away = |d: &Dot| d.position.distance(&center);
            away(a).total_cmp(&away(b))
        })?;
        let toward: Direction<_> = nearest.normal;
        Some(Self {
            camera: Camera::new(
                toward,
                anatomy.up,
                nearest.position.raw(),
                PIXEL * f64::from(size[0]),
                size,
            ),
        })
    }

    /// Draws it on the page with a scale bar.
    pub fn put(
        &self,
        page: &mut Page,
        [left, top]: [u32; 2],
        surface: &Surface<'_>,
        inks: &[Ink],
        name: &str,
    ) {
        let coat = Coat {
            outside: &|_| SKIN,
            inside: PAPER,
        };
        let mut canvas = Canvas::new(surface, self.camera, Linear::from_srgb(PAPER), &coat);
        inks.iter().for_each(|ink| canvas.ink(ink));
        let (size, pixels) = canvas.shown();
        page.panel(left, top, (size, &pixels));
        let (x, y) = (f64::from(left), f64::from(top));
        let bar = 0.010 * self.camera.scale;
        let (bx, by) = (x + 20.0, y + f64::from(size[1]) - 22.0);
        page.line([bx, by], [bx + bar, by], 4.0, INK);
        page.text(bx as f32, by as f32 - 10.0, Style::plain(20.0), "10 mm");
        page.text(x as f32, y as f32 - 14.0, Style::plain(26.0).bold(), name);
    }
}
