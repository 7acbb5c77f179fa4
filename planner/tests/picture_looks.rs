//! How dots and hair look in a picture, measured on the picture: how much darker a treated patch of skin is than the bare one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

mod support;

use std::sync::OnceLock;

use image::RgbImage;
use nalgebra::Isometry3;
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::digest::Digest;
use stipple_model::plan::{Outcome, Plan};
use stipple_model::units::Length;
use stipple_planner::compose;
use stipple_planner::picture::{self, Look};

/// The view from above, in shares of the page: left, top, right, bottom.
const TOP: [f64; 4] = [0.795, 0.11, 1.0, 0.51];

fn draw(plan: &Plan, look: Look) -> RgbImage {
    picture::plan(plan, &Digest::of(b"plan"), &look).unwrap()
}

/// A patch on the top of the head as dense as treatments are: 60 dots/cm², 0.17 mm wide, 0.6 mm deep, in three layers.
const DENSE: &str = r#"
name = "Patch"
layers = [0.3, 0.7, 1.0]
feather_mm = 0
[[shades]]
name = "medium"
rgb = [78, 66, 60]
[[zones]]
name = "top"
curve_deg = [[45, 72], [135, 72], [-135, 72], [-45, 72]]
density_per_cm2 = 60
depth_mm = 0.6
diameter_mm = 0.17
shades = { medium = 1.0 }
"#;

fn dense() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let treatment = stipple_model::treatment::Treatment::parse(DENSE).unwrap();
        let laid = support::lay(&support::head(4), &Isometry3::identity(), &treatment, 3);
        let inputs = compose::Inputs {
            scan: &laid.scan,
            registration: &laid.registration,
            landmarks_digest: Digest::of(b"landmarks"),
            treatment: &treatment,
            treatment_text: DENSE,
            cell: Cell::shipped(ArmSource::ur5e()).unwrap(),
            place: None,
            seed: 3,
        };
        let plan = compose::plan(inputs, &|_, _| std::ops::ControlFlow::Continue(()))
            .unwrap()
            .plan;
        let placed = |d: &&stipple_model::plan::Dot| matches!(d.outcome, Outcome::Planned { .. });
        assert!(plan.dots.iter().filter(placed).count() * 20 > plan.dots.len() * 19);
        plan
    })
}

/// The same head with nothing on it.
fn without_dots(plan: &Plan) -> Plan {
    let mut bare = plan.clone();
    bare.dots.clear();
    bare.sequence.iter_mut().for_each(Vec::clear);
    bare
}

/// Linear light of a pixel, and its luminance.
fn linear(rgb: [u8; 3]) -> [f64; 3] {
    rgb.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    })
}

/// The share of the light that is missing over the middle of the patch, seen from above: red, green, blue, and luminance.
fn darkening(plan: &Plan, look: Look) -> [f64; 4] {
    static BARE: OnceLock<(RgbImage, [u32; 2])> = OnceLock::new();
    let (bare, [x, y]) = BARE.get_or_init(|| {
        let (bare, full) = (
            draw(&without_dots(dense()), Look::default()),
            draw(dense(), Look::default()),
        );
        let (mut sum, mut count) = ([0u64; 2], 0u64);
        for (x, y, p) in bare.enumerate_pixels() {
            let at = [
                f64::from(x) / f64::from(bare.width()),
                f64::from(y) / f64::from(bare.height()),
            ];
            let inside = (TOP[0]..TOP[2]).contains(&at[0]) && (TOP[1]..TOP[3]).contains(&at[1]);
            if inside && p.0[0].abs_diff(full.get_pixel(x, y).0[0]) > 6 {
                sum = [sum[0] + u64::from(x), sum[1] + u64::from(y)];
                count += 1;
            }
        }
        assert!(count > 1000, "the patch is seen from above: {count} pixels");
        (bare, sum.map(|s| (s / count) as u32))
    });
    let image = draw(plan, look);
    let sum = |image: &RgbImage| {
        let mut sum = [0.0; 3];
        for (dx, dy) in (0..40).flat_map(|dx| (0..40).map(move |dy| (dx, dy))) {
            let light = linear(image.get_pixel(x + dx - 20, y + dy - 20).0);
            sum.iter_mut().zip(light).for_each(|(s, l)| *s += l);
        }
        let [r, g, b] = sum;
        [r, g, b, 0.2126 * r + 0.7152 * g + 0.0722 * b]
    };
    let (before, after) = (sum(bare), sum(&image));
    std::array::from_fn(|k| 1.0 - after[k] / before[k])
}

fn after(layer: u8) -> Look {
    Look {
        after_layer: Some(layer),
        ..Look::default()
    }
}

#[test]
fn a_treated_scalp_is_a_clear_shadow_cooler_than_skin_and_each_layer_darkens_it() {
    let [red, green, blue, all] = darkening(dense(), Look::default());
    // A fresh treatment can be seen across a room: a sixth to a third less light.
    assert!((0.15..0.33).contains(&all), "{all}");
    assert!(
        red > 1.2 * green && green > 1.2 * blue,
        "{red} {green} {blue}"
    );
    // Layers are 30, 70 and 100% of the dots, and light falls as they grow, a little less for each later dot.
    let layers = [1, 2].map(|k| darkening(dense(), after(k))[3] / all);
    assert!((0.28..0.42).contains(&layers[0]), "{layers:?}");
    assert!((0.66..0.82).contains(&layers[1]), "{layers:?}");
}

#[test]
fn healed_dots_are_lighter_because_smaller_and_because_skin_has_grown_over_them() {
    let fresh = darkening(dense(), Look::default())[3];
    let healed = |mm: f64| {
        let mut plan = dense().clone();
        plan.zones[0].healed_diameter = Some(Length::from_mm(mm));
        let look = Look {
            healed: true,
            ..Look::default()
        };
        darkening(&plan, look)[3] / fresh
    };
    let (as_wide, smaller) = (healed(0.17), healed(0.11));
    assert!((0.6..0.97).contains(&as_wide), "{as_wide}");
    assert!(
        (0.35..0.85).contains(&(smaller / as_wide)),
        "{smaller} {as_wide}"
    );
}

#[test]
fn hair_that_is_there_is_drawn_at_its_density_and_where_it_is_listed() {
    let with = |per_cm2: u32, listed: &str| {
        let mut plan = without_dots(dense());
        let existing = format!("existing_per_cm2 = {per_cm2}\ndepth_mm");
        plan.provenance.treatment = DENSE.replace("depth_mm", &existing) + listed;
        plan
    };
    let dark = |plan: &Plan| darkening(plan, Look::default())[3];
    assert!(dark(&with(0, "")).abs() < 1e-9);
    let (thin, thick) = (dark(&with(20, "")), dark(&with(40, "")));
    assert!(thin > 0.02, "{thin}");
    // Twice the hair takes nearly twice the light.
    assert!((1.6..2.05).contains(&(thick / thin)), "{thin} {thick}");
    assert_eq!(dark(&with(40, "")), thick, "the same every time");
    let listed = with(
        0,
        "[existing]\npoints_deg = [[0, 89], [90, 88], [180, 87]]\n",
    );
    let few = dark(&listed);
    assert!(few > 0.0 && few < thin, "{few}");
    // A text that is no treatment tells of no hair.
    let mut torn = with(40, "");
    torn.provenance.treatment.push_str("[[zones]]\nname = 1");
    assert!(dark(&torn).abs() < 1e-9);
}
