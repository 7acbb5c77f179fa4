//! A treatment through the years: the same head, the dots that have stayed, as dark as they are then.

use std::collections::BTreeMap;
use std::sync::Arc;

use image::RgbImage;
use rayon::prelude::*;
use stipple_model::plan::Plan;

use super::camera::Side;
use super::canvas::{Canvas, Coat, Ink};
use super::color::Linear;
use super::facts;
use super::layout::{COLUMN, EDGE, GAP, VIEWS_TOP, left};
use super::light::SKIN;
use super::page::{PAPER, Page, Style};
use super::placed;
use super::plan::{INSIDE, Look, column, fade};
use super::surface::Surface;
use super::tissue::Stain;

/// The sides that are shown, one above the other, and how high a view is, pixels.
const SIDES: [Side; 2] = [Side::Top, Side::Front];
const VIEW_HEIGHT: u32 = 760;

/// One year of a treatment.
#[derive(Debug, Clone, PartialEq)]
pub struct Year {
    /// What stands above it.
    pub title: String,
    /// The darkness of every dot of the plan, of a fresh one's; `None` for one that is not there.
    pub dots: Vec<Option<f64>>,
}

/// Draws a plan's head once for each year, side by side: from above and from the front. The first year's dots are fresh, the others'
/// healed. Dots of earlier sessions are drawn as they are now in every year.
#[must_use]
pub fn years(plan: &Plan, years: &[Year]) -> RgbImage {
    let columns = years.len().max(1) as u32;
    let width = 2 * EDGE + columns * (COLUMN + GAP) - GAP;
    let height = VIEWS_TOP + SIDES.len() as u32 * (VIEW_HEIGHT + GAP) + EDGE;
    let mut page = Page::new(width, height);
    let name: String = facts::name(plan).chars().take(80).collect();
    page.text(EDGE as f32, 92.0, Style::plain(46.0).bold(), &name);
    let said = "One possible course of the years: every dot fades by itself. The model's figures are years.csv's.";
    page.text(EDGE as f32, 140.0, Style::plain(24.0).pale(), said);
    let surface = Surface::new(&plan.head);
    let before = placed::inks(plan, &surface);
    let drawn: Vec<_> = years
        .par_iter()
        .enumerate()
        .map(|(k, year)| (k, views(plan, &surface, &before, year, k > 0)))
        .collect();
    for (k, views) in drawn {
        let column = left(k as u32);
        let at = (column as f32, VIEWS_TOP as f32 - 14.0);
        let title = years.get(k).map_or("", |year| &year.title);
        page.text(at.0, at.1, Style::plain(30.0).bold(), title);
        for (row, pixels) in (0u32..).zip(views) {
            let top = VIEWS_TOP + row * (VIEW_HEIGHT + GAP);
            page.panel(column, top, ([COLUMN, VIEW_HEIGHT], &pixels));
        }
    }
    page.into_image()
}

fn views(
    plan: &Plan,
    surface: &Surface<'_>,
    before: &[Ink],
    year: &Year,
    healed: bool,
) -> Vec<Vec<Linear>> {
    let inks = inks(plan, year, healed);
    let paper = Linear::from_srgb(PAPER);
    let coat = Coat {
        outside: &|_| SKIN,
        inside: INSIDE,
    };
    let cameras = Side::cameras(&plan.head, &plan.anatomy, [COLUMN, VIEW_HEIGHT]);
    let view = |side: &Side| {
        let camera = cameras
            .iter()
            .find(|(s, _)| s == side)
            .map(|(_, camera)| camera.clone())?;
        let mut canvas = Canvas::new(surface, camera, paper, &coat);
        before.iter().chain(&inks).for_each(|ink| canvas.ink(ink));
        let (size, mut pixels) = canvas.shown();
        fade(size, &mut pixels, paper);
        Some(pixels)
    };
    SIDES.iter().filter_map(view).collect()
}

fn inks(plan: &Plan, year: &Year, healed: bool) -> Vec<Ink> {
    let look = Look {
        healed,
        ..Look::default()
    };
    let mut stains: BTreeMap<[u64; 3], Arc<Stain>> = BTreeMap::new();
    let mut inks = Vec::new();
    for (dot, darkness) in plan.dots.iter().zip(&year.dots) {
        let Some(darkness) = darkness else { continue };
        let shade = plan.shades.get(usize::from(dot.shade));
        let rgb = shade.map_or([60; 3], |shade| shade.rgb);
        let column = column(plan, dot, &look);
        let key = [column.diameter, column.top, column.bottom].map(f64::to_bits);
        let stain = stains
            .entry(key)
            .or_insert_with(|| Arc::new(Stain::new(&column)));
        let mut ink = Ink::new(dot.position.raw(), dot.normal.raw(), Arc::clone(stain), rgb);
        ink.absorbs.iter_mut().for_each(|a| *a *= *darkness as f32);
        inks.push(ink);
    }
    inks
}
