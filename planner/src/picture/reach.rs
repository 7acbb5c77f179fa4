//! The page of a reachability map: the head from five sides, each place of the scalp in the colour of how many ways lead there, or of the
//! reason why none does.

use std::collections::BTreeMap;

use colorous::VIRIDIS;
use image::RgbImage;
use rayon::prelude::*;
use stipple_model::clearance::WorkCell;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Anatomy, SkipReason};

use super::camera::Side;
use super::canvas::{Canvas, Coat};
use super::color::Linear;
use super::layout::{COLUMN, EDGE, VIEWS_TOP, WIDTH, left};
use super::page::{Page, Style};
use super::surface::Surface;
use crate::reach::Reach;

/// The page's rows, pixels.
const VIEW_HEIGHT: u32 = 820;
const LEGEND_TOP: u32 = VIEWS_TOP + VIEW_HEIGHT + 50;
const LINE: f32 = 36.0;
/// Width and height of the scale's bar, pixels.
const BAR: [u32; 2] = [520, 26];
/// What is not asked for, and the inside of the head, sRGB.
const BARE: [u8; 3] = [222, 214, 206];
const INSIDE: [u8; 3] = [120, 120, 130];

/// The colour of a reason why a place cannot be reached, sRGB.
const fn color(reason: SkipReason) -> [u8; 3] {
    match reason {
        SkipReason::OutOfReach => [40, 40, 40],
        SkipReason::JointLimit => [140, 140, 140],
        SkipReason::Singular => [122, 78, 34],
        SkipReason::CollisionHead => [214, 30, 40],
        SkipReason::CollisionSelf => [250, 130, 0],
        SkipReason::CollisionScene => [232, 20, 190],
        SkipReason::Angle
        | SkipReason::KeepOut
        | SkipReason::Unconnected
        | SkipReason::OffStation
        | SkipReason::RoughSkin => [248, 248, 248],
    }
}

/// Draws what an arm can reach of the given triangles of a head.
#[must_use]
pub fn reach(
    title: &str,
    (head, anatomy): (&SurfaceMesh<stipple_model::frames::Head>, &Anatomy),
    asked: &[u32],
    reach: &Reach,
    cell: &WorkCell,
) -> RgbImage {
    let reasons = reach.reasons(cell);
    let rows = reasons.len().max(1) as f32;
    let mut page = Page::new(WIDTH, LEGEND_TOP + 120 + (rows * LINE) as u32);
    let from = EDGE as f32;
    page.text(from, 92.0, Style::plain(46.0).bold(), title);
    let line = format!(
        "{} of {} places of the scalp can be reached ({:.1} %)",
        reach.places.iter().filter(|p| p.refusal.is_none()).count(),
        reach.places.len(),
        100.0 * reach.share()
    );
    page.text(from, 136.0, Style::plain(24.0).pale(), &line);
    let most = reach
        .places
        .iter()
        .map(|p| p.ways)
        .max()
        .unwrap_or(0)
        .max(1);
    let colors = colors(head, asked, reach, most);
    let paint = |t: u32| colors.get(&t).copied().unwrap_or(BARE);
    let coat = Coat {
        outside: &paint,
        inside: INSIDE,
    };
    let surface = Surface::new(head);
    let views = Side::cameras(head, anatomy, [COLUMN, VIEW_HEIGHT]);
    let white = Linear::from_srgb([255, 255, 255]);
    for (k, (side, camera)) in (0u32..).zip(views) {
        let (size, pixels) = Canvas::new(&surface, camera, white, &coat).shown();
        page.panel(left(k), VIEWS_TOP, (size, &pixels));
        let style = Style::plain(26.0).bold();
        page.text(left(k) as f32, VIEWS_TOP as f32 - 14.0, style, side.name());
    }
    legend(&mut page, reach, &reasons, most, cell);
    page.into_image()
}

/// The colour of a number of ways.
fn shade(ways: u32, most: u32) -> [u8; 3] {
    // Few ways are what one wants to tell apart.
    let share = (f64::from(ways) / f64::from(most)).sqrt();
    VIRIDIS.eval_continuous(share.clamp(0.0, 1.0)).as_array()
}

/// The colour of every asked triangle: that of the place nearest to it.
fn colors(
    head: &SurfaceMesh<stipple_model::frames::Head>,
    asked: &[u32],
    reach: &Reach,
    most: u32,
) -> BTreeMap<u32, [u8; 3]> {
    let of = |&t: &u32| {
        let corners = head.triangles().get(t as usize)?;
        let middle = corners
            .iter()
            .map(|v| head.vertices()[*v as usize].raw())
            .sum::<nalgebra::Vector3<f64>>()
            / 3.0;
        let far = |p: &crate::reach::Reached| (p.site.position.raw() - middle).norm_squared();
        let nearest = reach
            .places
            .iter()
            .min_by(|a, b| far(a).total_cmp(&far(b)))?;
        let color = match nearest.refusal {
            Some(refusal) => color(refusal.reason),
            None => shade(nearest.ways, most),
        };
        Some((t, color))
    };
    asked.par_iter().filter_map(of).collect()
}

/// The scale of the ways, and the reasons with their counts.
fn legend(
    page: &mut Page,
    reach: &Reach,
    reasons: &BTreeMap<String, usize>,
    most: u32,
    cell: &WorkCell,
) {
    let small = Style::plain(22.0);
    for x in 0..BAR[0] {
        let ways = f64::from(most) * f64::from(x) / f64::from(BAR[0] - 1);
        page.fill(
            [EDGE + x, LEGEND_TOP, 1, BAR[1]],
            shade(ways.round() as u32, most),
        );
    }
    let below = (LEGEND_TOP + BAR[1]) as f32 + 30.0;
    page.text(EDGE as f32, below, small, "1 way");
    let right = (EDGE + BAR[0]) as f32;
    page.text(right, below, small.anchored(1.0), &format!("{most} ways"));
    let x = right + 80.0;
    let mut y = LEGEND_TOP as f32 + 22.0;
    for (text, count) in reasons {
        let of = |p: &&crate::reach::Reached| p.refusal.is_some_and(|r| r.describe(cell) == *text);
        if let Some(refusal) = reach.places.iter().find(of).and_then(|p| p.refusal) {
            page.disc(
                [f64::from(x), f64::from(y) - 8.0],
                11.0,
                color(refusal.reason),
            );
        }
        let line = format!("{count} places: {}", text.replace('_', " "));
        page.text(x + 30.0, y, small, &line);
        y += LINE;
    }
}
