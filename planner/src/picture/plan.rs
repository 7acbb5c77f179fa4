//! The page of a plan.

use image::RgbImage;
use rayon::prelude::*;
use stipple_model::digest::Digest;
use stipple_model::plan::{Dot, Outcome, Plan};
use stipple_model::units::Length;

use super::camera::Side;
use super::canvas::{Canvas, GAIN, Ink};
use super::closeup::Closeup;
use super::color::Linear;
use super::facts;
use super::light::SKIN;
use super::map::{Maps, Shown};
use super::page::{PAPER, Page, Style};
use super::surface::Surface;
use crate::density::{BANDWIDTH, DensityField};
use crate::unroll::{UnrollError, Unrolled};

/// The page's measures, pixels: edge, a column, the gap between columns, and where the rows begin.
const EDGE: u32 = 60;
const COLUMN: u32 = 655;
const GAP: u32 = 20;
const WIDTH: u32 = 2 * EDGE + 4 * COLUMN + 3 * GAP;
const VIEWS_TOP: u32 = 206;
const VIEW_HEIGHT: u32 = 760;
const MAPS_TOP: u32 = VIEWS_TOP + VIEW_HEIGHT + 84;
const MAP_HEIGHT: u32 = 700;
const HEIGHT: u32 = MAPS_TOP + MAP_HEIGHT + 136;
const CLOSEUP_HEIGHT: u32 = 470;
/// Width of what a view shows, metres.
const SHOWN: f64 = 0.235;
/// Skipped dots where they are marked, sRGB, and how wide, pixels.
const SKIPPED: [u8; 3] = [240, 78, 0];
const SKIPPED_RADIUS: f64 = 1.0;

/// What of a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Mark the dots that the arm cannot place, instead of leaving them out as the needle will.
    pub skipped: bool,
    /// Draw dots as wide as they heal to, in zones that say so, instead of as fresh.
    pub healed: bool,
    /// Only layers 1 to this one; all of them without.
    pub after_layer: Option<u8>,
}

/// Draws a plan: four sides, target and achieved density, the front edge close up, and the plan's facts.
///
/// # Errors
/// A head on which no scalp is found above the ears.
pub fn plan(plan: &Plan, digest: &Digest, look: &Look) -> Result<RgbImage, UnrollError> {
    let unrolled = Unrolled::new(&plan.head, &plan.anatomy)?;
    let surface = Surface::new(&plan.head);
    let shown = |d: &&Dot| look.after_layer.is_none_or(|last| d.layer <= last);
    let is_planned = |d: &&Dot| matches!(d.outcome, Outcome::Planned { .. });
    let planned: Vec<&Dot> = plan.dots.iter().filter(shown).filter(is_planned).collect();
    let missing: Vec<&Dot> = plan
        .dots
        .iter()
        .filter(|d| look.skipped && shown(d) && !is_planned(d))
        .collect();
    let inks: Vec<Ink> = planned.iter().map(|d| ink(plan, d, look)).collect();
    let mut page = Page::new(WIDTH, HEIGHT);
    title(&mut page, plan, digest, look);
    views(&mut page, plan, &surface, &inks, &missing);
    let column = |k: u32| EDGE + k * (COLUMN + GAP);
    let field = DensityField::new(&plan.wanted, planned.iter().map(|d| d.position), BANDWIDTH);
    let treated = plan.wanted.iter().map(|w| w.position);
    if let Some(maps) = Maps::measure(&field, treated, &unrolled, [COLUMN, MAP_HEIGHT]) {
        maps.put(
            &mut page,
            [column(0), MAPS_TOP],
            Shown::Wanted,
            "Target density",
        );
        maps.put(
            &mut page,
            [column(1), MAPS_TOP],
            Shown::Achieved,
            "Achieved density",
        );
        let bar = 2 * COLUMN + GAP - 130;
        maps.scale(&mut page, [column(0), MAPS_TOP + MAP_HEIGHT + 24], bar);
    } else {
        let (x, y) = (column(0) as f32, MAPS_TOP as f32 + 30.0);
        page.text(
            x,
            y,
            Style::plain(24.0).pale(),
            "This plan holds no target density.",
        );
    }
    let size = [COLUMN, CLOSEUP_HEIGHT];
    if let Some(closeup) = Closeup::aim(&planned, &plan.anatomy, &unrolled, size) {
        closeup.put(
            &mut page,
            [column(2), MAPS_TOP],
            &surface,
            &inks,
            front_name(plan),
        );
    }
    notes(&mut page, plan, look, column(2) as f32);
    let bottom = (MAPS_TOP + MAP_HEIGHT + 100) as f32;
    facts::put(
        &mut page,
        plan,
        [column(3) as f32, MAPS_TOP as f32],
        COLUMN as f32,
        bottom,
    );
    Ok(page.into_image())
}

/// A dot as it will look.
fn ink(plan: &Plan, dot: &Dot, look: &Look) -> Ink {
    let rgb = plan
        .shades
        .get(dot.shade as usize)
        .map_or([60; 3], |s| s.rgb);
    let width = width(plan, dot, look).m();
    Ink::new(dot.position.raw(), dot.normal.raw(), width, rgb)
}

/// How wide a dot is drawn.
fn width(plan: &Plan, dot: &Dot, look: &Look) -> Length {
    let zone = plan.zones.get(dot.zone as usize);
    let healed = zone.and_then(|z| z.healed_diameter);
    healed.filter(|_| look.healed).unwrap_or(dot.diameter)
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
    let left = EDGE as f32;
    let name: String = facts::name(plan).chars().take(80).collect();
    page.text(left, 92.0, Style::plain(46.0).bold(), &name);
    let p = &plan.provenance;
    let line = format!(
        "plan {}  ·  scan {}  ·  seed {}  ·  planner {}  ·  {} dots in {} layers  ·  {:.0} min",
        digest.short(),
        p.scan_digest.short(),
        p.seed,
        p.planner_version,
        facts::grouped(plan.dots.len()),
        plan.layers,
        plan.session_estimate.s() / 60.0,
    );
    page.text(left, 136.0, Style::plain(24.0).pale(), &line);
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
    let drawn: Vec<_> = Side::ALL
        .into_par_iter()
        .map(|side| {
            let camera = side.camera(&plan.head, &plan.anatomy, SHOWN, [COLUMN, VIEW_HEIGHT]);
            let mut canvas = Canvas::new(surface, camera, Linear::from_srgb(PAPER), &|_| SKIN);
            inks.iter().for_each(|ink| canvas.ink(ink));
            for dot in missing {
                canvas.mark(&dot.position.raw(), SKIPPED_RADIUS, SKIPPED);
            }
            canvas.shown()
        })
        .collect();
    for ((k, side), (size, pixels)) in (0u32..).zip(Side::ALL).zip(drawn) {
        let left = EDGE + k * (COLUMN + GAP);
        page.panel(left, VIEWS_TOP, (size, &pixels));
        let style = Style::plain(26.0).bold();
        page.text(left as f32, VIEWS_TOP as f32 - 14.0, style, side.name());
    }
}

/// How the pictures are to be read, under the close-up.
fn notes(page: &mut Page, plan: &Plan, look: &Look, left: f32) {
    let diameters = plan.dots.iter().map(|d| width(plan, d, look).mm());
    let (least, most) = diameters.fold((f64::INFINITY, 0.0f64), |(lo, hi), d| {
        (lo.min(d), hi.max(d))
    });
    let mut text = String::new();
    if most > 0.0 {
        text = if most - least < 0.005 {
            format!(
                "Dots are drawn {most:.2} mm wide, as they are, with the light that skin scatters into them (×{GAIN:.0}). "
            )
        } else {
            format!(
                "Dots are drawn {least:.2} to {most:.2} mm wide, as they are, with the light that skin scatters into them (×{GAIN:.0}). "
            )
        };
    }
    text += &format!(
        "The target is all layers'; achieved counts the dots this arm can place. Both are measured with a kernel of {:.0} mm on the skin. \
         The maps show the scalp laid flat: distances from the vertex are true.",
        BANDWIDTH.mm()
    );
    let y = (MAPS_TOP + CLOSEUP_HEIGHT) as f32 + 40.0;
    let bottom = (MAPS_TOP + MAP_HEIGHT + 100) as f32;
    page.paragraph(
        [left, y],
        COLUMN as f32,
        32.0,
        bottom,
        Style::plain(22.0).pale(),
        &text,
    );
}
