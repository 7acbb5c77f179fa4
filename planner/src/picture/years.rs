//! A treatment through the years: the same head, the dots that have stayed, as dark as they are then.

use std::collections::BTreeMap;
use std::sync::Arc;

use image::RgbImage;
use rayon::prelude::*;
use stipple_model::plan::{Dot, Plan};

use super::camera::Side;
use super::canvas::{Canvas, Coat, Ink};
use super::closeup::Closeup;
use super::color::Linear;
use super::facts;
use super::hair;
use super::layout::{COLUMN, EDGE, GAP, VIEWS_TOP, left};
use super::light::SKIN;
use super::page::{PAPER, Page, Style};
use super::placed;
use super::plan::{INSIDE, Look, column, fade};
use super::surface::Surface;
use super::tissue::Stain;
use crate::unroll::{UnrollError, Unrolled};

/// The sides that are shown, one above the other, and how high a view is, pixels.
const SIDES: [Side; 2] = [Side::Top, Side::Front];
const VIEW_HEIGHT: u32 = 640;
/// How high the close-up below them is, pixels.
const CLOSEUP_HEIGHT: u32 = 420;

/// Room for a title above a row, pixels.
const TITLE: u32 = 40;

/// One year of a treatment.
#[derive(Debug, Clone, PartialEq)]
pub struct Year {
    /// What stands above it.
    pub title: String,
    /// The darkness of every dot of the plan, of a fresh one's; `None` for one that is not there.
    pub dots: Vec<Option<f64>>,
}

/// Draws a plan's head once for each year, side by side: from above, from the front, the front edge close up. The first year's dots are
/// fresh, the others' healed. Hair that is there and dots of earlier sessions are drawn as they are now in every year.
///
/// # Errors
/// A head on which no scalp is found above the ears.
pub fn years(plan: &Plan, years: &[Year]) -> Result<RgbImage, UnrollError> {
    let unrolled = Unrolled::new(&plan.head, &plan.anatomy)?;
    let columns = years.len().max(1) as u32;
    let width = 2 * EDGE + columns * (COLUMN + GAP) - GAP;
    let closeups = VIEWS_TOP + SIDES.len() as u32 * (VIEW_HEIGHT + GAP) + TITLE;
    let height = closeups + CLOSEUP_HEIGHT + EDGE;
    let mut page = Page::new(width, height);
    let name: String = facts::name(plan).chars().take(80).collect();
    page.text(EDGE as f32, 92.0, Style::plain(46.0).bold(), &name);
    let said = "One possible course of the years: every dot fades by itself. The model's figures are years.csv's.";
    page.text(EDGE as f32, 140.0, Style::plain(24.0).pale(), said);
    let surface = Surface::new(&plan.head);
    let planned: Vec<&Dot> = plan.dots.iter().filter(|d| facts::is_planned(d)).collect();
    let mut before = placed::inks(plan, &surface);
    before.extend(hair::grow(plan, &surface, &planned).inks);
    let closeup = Closeup::aim(&planned, &plan.anatomy, &unrolled, [COLUMN, CLOSEUP_HEIGHT]);
    let drawn: Vec<_> = years
        .par_iter()
        .enumerate()
        .map(|(k, year)| {
            let mut all = before.clone();
            all.extend(inks(plan, year, k > 0));
            let views = views(plan, &surface, &all);
            (k, all, views)
        })
        .collect();
    for (k, inks, views) in drawn {
        let column = left(k as u32);
        let at = (column as f32, VIEWS_TOP as f32 - 14.0);
        let title = years.get(k).map_or("", |year| &year.title);
        page.text(at.0, at.1, Style::plain(30.0).bold(), title);
        for (row, pixels) in (0u32..).zip(views) {
            let top = VIEWS_TOP + row * (VIEW_HEIGHT + GAP);
            page.panel(column, top, ([COLUMN, VIEW_HEIGHT], &pixels));
        }
        if let Some(closeup) = &closeup {
            closeup.put(&mut page, [column, closeups], &surface, &inks, title);
        }
    }
    Ok(page.into_image())
}

fn views(plan: &Plan, surface: &Surface<'_>, inks: &[Ink]) -> Vec<Vec<Linear>> {
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
            .map(|(_, camera)| *camera)?;
        let mut canvas = Canvas::new(surface, camera, paper, &coat);
        inks.iter().for_each(|ink| canvas.ink(ink));
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
