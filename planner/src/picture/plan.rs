//! The page of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use image::RgbImage;
use rayon::prelude::*;
use stipple_model::digest::Digest;
use stipple_model::plan::{Dot, Plan};

use super::camera::Side;
use super::canvas::{Canvas, Coat, Ink, smooth};
use super::closeup::Closeup;
use super::color::Linear;
use super::facts;
use super::hair;
use super::layout::{COLUMN, EDGE, VIEWS_TOP, WIDTH, across, left};
use super::light::SKIN;
use super::map::{Maps, Shown};
use super::page::{PAPER, Page, Style};
use super::placed;
use super::surface::Surface;
use super::tissue::{Column, Stain};
use crate::density::{BANDWIDTH, DensityField};
use crate::unroll::{UnrollError, Unrolled};

/// The page's rows, pixels.
const VIEW_HEIGHT: u32 = 760;
const MAPS_TOP: u32 = VIEWS_TOP + VIEW_HEIGHT + 84;
const MAP_HEIGHT: u32 = 700;
const HEIGHT: u32 = MAPS_TOP + MAP_HEIGHT + 136;
/// The lowest base line of the lower row.
const BOTTOM: u32 = MAPS_TOP + MAP_HEIGHT + 100;
/// Height of the close-up where it has one column, and where it has two.
const CLOSEUP_HEIGHTS: [u32; 2] = [470, 560];
/// Over how much of a view's lower end and of its sides neck and shoulders go over into the paper, pixels.
const FADES: [f64; 2] = [100.0, 40.0];
/// From above everything below the ears goes over into the paper, between these heights over the ears, metres.
const SUNK: [f64; 2] = [-0.035, -0.07];
/// The inside of an open scan, sRGB: no skin's colour.
pub(super) const INSIDE: [u8; 3] = [222, 223, 226];
/// A healed dot's pigment begins below the epidermis, which has renewed itself by then, metres. Source: scalp epidermis is 0.08–0.27 mm.
pub(super) const EPIDERMIS: f64 = 0.0001;
/// Skipped dots where they are marked, sRGB, and how wide, pixels.
const SKIPPED: [u8; 3] = [240, 78, 0];
const SKIPPED_RADIUS: f64 = 1.0;

/// What of a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Mark the dots that the arm cannot place, instead of leaving them out as the needle will.
    pub skipped: bool,
    /// Draw dots as wide as they heal to and below the renewed epidermis, in zones that say so, instead of as fresh.
    pub healed: bool,
    /// Only layers 1 to this one; all of them without.
    pub after_layer: Option<u8>,
}

/// Draws a plan: four sides and the top, target and achieved density, the front edge close up, and the plan's facts.
///
/// # Errors
/// A head on which no scalp is found above the ears.
pub fn plan(plan: &Plan, digest: &Digest, look: &Look) -> Result<RgbImage, UnrollError> {
    let unrolled = Unrolled::new(&plan.head, &plan.anatomy)?;
    let surface = Surface::new(&plan.head);
    let shown = |d: &&Dot| look.after_layer.is_none_or(|last| d.layer <= last);
    let planned: Vec<&Dot> = plan
        .dots
        .iter()
        .filter(shown)
        .filter(|d| facts::is_planned(d))
        .collect();
    let missing: Vec<&Dot> = plan
        .dots
        .iter()
        .filter(|d| look.skipped && shown(d) && !facts::is_planned(d))
        .collect();
    let hair = hair::grow(plan, &surface, &planned);
    let mut inks = inks(plan, &planned, look);
    inks.extend(hair.inks.iter().cloned());
    inks.extend(placed::inks(plan, &surface));
    let mut page = Page::new(WIDTH, HEIGHT);
    title(&mut page, plan, digest, look);
    views(&mut page, plan, &surface, &inks, &missing);
    maps(&mut page, plan, &planned, &unrolled);
    // A long table takes two columns and leaves one for the close-up.
    let table = facts::Table::new(plan, &page, [MAPS_TOP, BOTTOM]);
    let wide = 3 - table.columns();
    let height = CLOSEUP_HEIGHTS[wide as usize - 1];
    let size = [across(wide), height];
    if let Some(closeup) = Closeup::aim(&planned, &plan.anatomy, &unrolled, size) {
        let at = [left(2), MAPS_TOP];
        closeup.put(&mut page, at, &surface, &inks, front_name(plan));
    }
    let text = notes(plan, &planned, look) + &hair.note() + &maps_note();
    page.paragraph(
        [left(2) as f32, (MAPS_TOP + height) as f32 + 40.0],
        across(wide) as f32,
        32.0,
        BOTTOM as f32,
        Style::plain(22.0).pale(),
        &text,
    );
    table.put(&mut page, plan, left(2 + wide));
    Ok(page.into_image())
}

fn maps(page: &mut Page, plan: &Plan, planned: &[&Dot], unrolled: &Unrolled) {
    let field = DensityField::new(&plan.wanted, planned.iter().map(|d| d.position), BANDWIDTH);
    let treated = plan.wanted.iter().map(|w| w.position);
    if let Some(maps) = Maps::measure(&field, treated, unrolled, [COLUMN, MAP_HEIGHT]) {
        let shown = [
            (Shown::Wanted, "Target density"),
            (Shown::Achieved, "Achieved density"),
        ];
        for (k, (shown, name)) in (0..).zip(shown) {
            maps.put(page, [left(k), MAPS_TOP], shown, name);
        }
        let at = [left(0), MAPS_TOP + MAP_HEIGHT + 24];
        maps.scale(page, at, across(2) - 130);
    } else {
        let (x, y) = (left(0) as f32, MAPS_TOP as f32 + 30.0);
        let style = Style::plain(24.0).pale();
        page.text(x, y, style, "This plan holds no target density.");
    }
}

/// The dots as they will look. Dots of one size and depth share what they do to the skin.
fn inks(plan: &Plan, dots: &[&Dot], look: &Look) -> Vec<Ink> {
    let mut stains: BTreeMap<[u64; 3], Arc<Stain>> = BTreeMap::new();
    let ink = |dot: &&Dot| {
        let rgb = plan
            .shades
            .get(dot.shade as usize)
            .map_or([60; 3], |s| s.rgb);
        let column = column(plan, dot, look);
        let key = [column.diameter, column.top, column.bottom].map(f64::to_bits);
        let stain = stains
            .entry(key)
            .or_insert_with(|| Arc::new(Stain::new(&column)));
        Ink::new(dot.position.raw(), dot.normal.raw(), Arc::clone(stain), rgb)
    };
    dots.iter().map(ink).collect()
}

/// How wide a dot is drawn, and where its pigment lies.
pub(super) fn column(plan: &Plan, dot: &Dot, look: &Look) -> Column {
    let zone = plan.zones.get(dot.zone as usize);
    let healed = zone.and_then(|z| z.healed_diameter).filter(|_| look.healed);
    let depth = dot.depth.m();
    Column {
        diameter: healed.unwrap_or(dot.diameter).m(),
        top: healed.map_or(0.0, |_| EPIDERMIS.min(depth)),
        bottom: depth,
    }
}

/// What the close-up shows: the hairline where the design has one.
fn front_name(plan: &Plan) -> &'static str {
    let hairline = |z: &stipple_model::plan::Zone| z.name.to_lowercase().contains("hairline");
    if plan.zones.iter().any(hairline) {
        "Hairline, close up"
    } else {
        "Front edge, close up"
    }
}

fn title(page: &mut Page, plan: &Plan, digest: &Digest, look: &Look) {
    let from = EDGE as f32;
    let name: String = facts::name(plan).chars().take(80).collect();
    page.text(from, 92.0, Style::plain(46.0).bold(), &name);
    let p = &plan.provenance;
    let line = format!(
        "plan {}  ·  scan {}  ·  seed {}  ·  planner {}  ·  {} dots in {} layers  ·  {:.0} min",
        digest.short(),
        p.scan_digest.short(),
        p.seed,
        p.planner_version,
        facts::grouped(plan.dots.len()),
        plan.layers,
        plan.session_estimate.total().s() / 60.0,
    );
    page.text(from, 136.0, Style::plain(24.0).pale(), &line);
    let age = if look.healed { "healed" } else { "fresh" };
    let shown = match (look.after_layer, look.skipped) {
        (Some(k), _) if k < plan.layers => format!("as after layer {k}, {age}"),
        (_, true) => "orange: not placed by this arm".to_owned(),
        _ => format!("as it will look, all layers, {age}"),
    };
    let right = (WIDTH - EDGE) as f32;
    page.text(
        right,
        136.0,
        Style::plain(24.0).pale().anchored(1.0),
        &shown,
    );
}

fn views(page: &mut Page, plan: &Plan, surface: &Surface<'_>, inks: &[Ink], missing: &[&Dot]) {
    let paper = Linear::from_srgb(PAPER);
    let coat = Coat {
        outside: &|_| SKIN,
        inside: INSIDE,
    };
    let size = [COLUMN, VIEW_HEIGHT];
    let drawn: Vec<_> = Side::cameras(&plan.head, &plan.anatomy, size)
        .into_par_iter()
        .map(|(side, camera)| {
            let mut canvas = Canvas::new(surface, camera, paper, &coat);
            inks.iter().for_each(|ink| canvas.ink(ink));
            for dot in missing {
                canvas.mark(&dot.position.raw(), SKIPPED_RADIUS, SKIPPED);
            }
            if side == Side::Top {
                canvas.fade(SUNK[0], SUNK[1], paper);
            }
            let (size, mut pixels) = canvas.shown();
            fade(size, &mut pixels, paper);
            (side, pixels)
        })
        .collect();
    for (k, (side, pixels)) in (0..).zip(drawn) {
        page.panel(left(k), VIEWS_TOP, (size, &pixels));
        let style = Style::plain(26.0).bold();
        let at = (left(k) as f32, VIEWS_TOP as f32 - 14.0);
        page.text(at.0, at.1, style, side.name());
    }
}

/// Lets a view go over into the paper at the edges that cut neck or shoulders off.
pub(super) fn fade([width, height]: [u32; 2], pixels: &mut [Linear], paper: Linear) {
    let (width, height) = (width as usize, height as usize);
    let cut = |mut edge: std::ops::Range<usize>, at: &dyn Fn(usize) -> usize| {
        edge.any(|k| pixels.get(at(k)).is_some_and(|p| *p != paper))
    };
    let below = cut(0..width, &|x| (height - 1) * width + x);
    let left = cut(0..height, &|y| y * width);
    let right = cut(0..height, &|y| y * width + width - 1);
    let kept = |away: usize, cut: bool, far: f64| {
        if cut { smooth(away as f64 / far) } else { 1.0 }
    };
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        let kept = kept(height - 1 - y, below, FADES[0])
            * kept(x, left, FADES[1])
            * kept(width - 1 - x, right, FADES[1]);
        *pixel = pixel.over(paper, kept as f32);
    }
}

/// How the maps are to be read.
fn maps_note() -> String {
    format!(
        "The target is all layers'; achieved counts the dots this arm can place. Both are measured with a kernel of {:.0} mm on the skin. \
         The maps show the scalp laid flat: distances from the vertex are true.",
        BANDWIDTH.mm()
    )
}

/// How the dots are to be read.
fn notes(plan: &Plan, dots: &[&Dot], look: &Look) -> String {
    let columns = || dots.iter().map(|d| column(plan, d, look));
    let range = |of: fn(&Column) -> f64| {
        columns()
            .map(|c| of(&c) * 1e3)
            .fold((f64::INFINITY, 0.0f64), |(lo, hi), d| {
                (lo.min(d), hi.max(d))
            })
    };
    let said = |(least, most): (f64, f64)| {
        if most - least < 0.005 {
            format!("{most:.2} mm")
        } else {
            format!("{least:.2} to {most:.2} mm")
        }
    };
    if dots.is_empty() {
        return String::new();
    }
    format!(
        "Dots are drawn {} wide, as they are, with pigment down to {}. Skin scatters light sideways, so a dot takes more of it than its \
         disc covers, of red more than of blue: this is computed from the dot's width, depth and shade and from the skin's scattering. ",
        said(range(|c| c.diameter)),
        said(range(|c| c.bottom)),
    )
}
