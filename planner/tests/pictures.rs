//! Pictures and print sheets of a plan and of a scan: what must be on them is on them, every time the same.
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
use stipple_model::plan::{Inconsistency, Outcome, Plan, SkipReason};
use stipple_model::units::Length;
use stipple_planner::picture::{self, Look};
use stipple_planner::unroll::Unrolled;
use stipple_planner::{compose, sheet};

/// A small treatment planned on the ellipsoid, with its quotas.
fn plan() -> &'static (Plan, Digest, Vec<u32>) {
    static PLAN: OnceLock<(Plan, Digest, Vec<u32>)> = OnceLock::new();
    PLAN.get_or_init(|| {
        let treatment = support::treatment(400);
        let laid = support::lay(&support::head(4), &Isometry3::identity(), &treatment, 3);
        let inputs = compose::Inputs {
            scan: &laid.scan,
            registration: &laid.registration,
            landmarks_digest: Digest::of(b"landmarks"),
            treatment: &treatment,
            treatment_text: "name = \"Front <& \\\"crown\\\">\"\n",
            cell: Cell::shipped(ArmSource::ur5e()).unwrap(),
            place: None,
            seed: 3,
        };
        let plan = compose::plan(inputs, &|_, _| std::ops::ControlFlow::Continue(()))
            .unwrap()
            .plan;
        let (_, digest) = plan.to_bytes().unwrap();
        (plan, digest, laid.scalp.quotas)
    })
}

/// The plan with every dot of even number skipped.
fn half_skipped() -> Plan {
    let mut plan = plan().0.clone();
    for (i, dot) in plan.dots.iter_mut().enumerate() {
        if i % 2 == 0 {
            dot.outcome = Outcome::Skipped(SkipReason::OutOfReach);
        }
    }
    for order in &mut plan.sequence {
        order.retain(|id| id.index() % 2 == 1);
    }
    // Stops belong to the order that was.
    plan.stops.iter_mut().for_each(Vec::clear);
    plan.check().unwrap();
    plan
}

fn draw(plan: &Plan, look: Look) -> RgbImage {
    picture::plan(plan, &Digest::of(b"plan"), &look).unwrap()
}

/// The page of the whole plan.
fn page() -> &'static RgbImage {
    static PAGE: OnceLock<RgbImage> = OnceLock::new();
    PAGE.get_or_init(|| draw(&plan().0, Look::default()))
}

/// Pixels of the picture that satisfy `is`, in a part of it given in shares: left, top, right, bottom.
fn count(image: &RgbImage, part: [f64; 4], is: impl Fn([u8; 3]) -> bool) -> usize {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    image
        .enumerate_pixels()
        .filter(|(x, y, p)| {
            let (x, y) = (f64::from(*x) / width, f64::from(*y) / height);
            (part[0]..part[2]).contains(&x) && (part[1]..part[3]).contains(&y) && is(p.0)
        })
        .count()
}

const VIEWS: [f64; 4] = [0.0, 0.11, 1.0, 0.51];
const MAPS: [f64; 4] = [0.02, 0.57, 0.39, 0.92];
const CLOSEUP: [f64; 4] = [0.41, 0.57, 0.78, 0.84];

fn is_skin([r, g, b]: [u8; 3]) -> bool {
    r > g && g > b && r - b > 20
}

#[test]
fn the_wanted_density_sums_to_the_zones() {
    let (plan, _, quotas) = plan();
    for ((index, zone), quota) in (0u8..).zip(&plan.zones).zip(quotas) {
        let pieces = || plan.wanted.iter().filter(|w| w.zone == index);
        let dots: f64 = pieces().map(|w| w.dots).sum();
        let area: f64 = pieces().map(|w| w.area.cm2()).sum();
        assert!(
            (dots - f64::from(*quota)).abs() < 1e-6,
            "{}: {dots}",
            zone.name
        );
        assert!(
            (area / zone.area.cm2() - 1.0).abs() < 0.01,
            "{}: {area}",
            zone.name
        );
        assert!(pieces().count() > 50);
    }
    let (bytes, digest) = plan.to_bytes().unwrap();
    let (back, again) = Plan::from_bytes(&bytes, "x".as_ref()).unwrap();
    assert_eq!((&back, again), (plan, digest));
}

#[test]
fn a_design_or_anatomy_that_contradicts_itself_is_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan().0.clone();
        change(&mut plan);
        plan.check().unwrap_err()
    };
    assert_eq!(refused(|p| p.wanted[3].zone = 99), Inconsistency::Wanted(3));
    assert_eq!(
        refused(|p| p.wanted[0].dots = f64::NAN),
        Inconsistency::Wanted(0)
    );
    assert_eq!(
        refused(|p| p.anatomy.up = p.anatomy.forward),
        Inconsistency::Anatomy
    );
}

#[test]
fn the_page_shows_head_maps_and_close_up_and_is_the_same_on_one_thread() {
    let image = page();
    let all = f64::from(image.width()) * f64::from(image.height());
    let share = |part: [f64; 4], is: fn([u8; 3]) -> bool| {
        let area = (part[2] - part[0]) * (part[3] - part[1]) * all;
        count(image, part, is) as f64 / area
    };
    assert!(share(VIEWS, is_skin) > 0.3);
    assert!(share(CLOSEUP, is_skin) > 0.9);
    let colored: fn([u8; 3]) -> bool = |[r, g, b]| g.max(b).saturating_sub(r) > 40;
    assert!(share(MAPS, colored) > 0.2);
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let again = one.install(|| draw(&plan().0, Look::default()));
    assert!(
        image.as_raw() == again.as_raw(),
        "the same bytes on one thread"
    );
}

#[test]
fn layers_and_skipped_dots_change_what_is_seen() {
    let light = |image: &RgbImage| {
        image
            .enumerate_pixels()
            .filter(|(_, y, p)| *y > 220 && *y < 960 && is_skin(p.0))
            .map(|(_, _, p)| f64::from(p.0[1]))
            .sum::<f64>()
    };
    let half = half_skipped();
    let all = light(page());
    let first = Look {
        after_layer: Some(1),
        ..Look::default()
    };
    assert!(
        light(&draw(&plan().0, first)) > all,
        "fewer dots, more light"
    );
    let healed = Look {
        healed: true,
        ..Look::default()
    };
    let healing_to = |diameter: Option<Length>| {
        let mut plan = plan().0.clone();
        plan.zones
            .iter_mut()
            .for_each(|z| z.healed_diameter = diameter);
        light(&draw(&plan, healed))
    };
    let smaller = healing_to(Some(Length::from_mm(0.06)));
    assert!(smaller > all, "smaller dots, more light");
    assert!((healing_to(None) - all).abs() < 1e-9, "not said: as fresh");
    let left_out = draw(&half, Look::default());
    assert!(light(&left_out) > all, "skipped dots are left out");
    let orange = |[r, g, b]: [u8; 3]| r > 215 && (60..110).contains(&g) && b < 40;
    assert_eq!(count(&left_out, VIEWS, orange), 0);
    let marked = Look {
        skipped: true,
        ..Look::default()
    };
    assert!(count(&draw(&half, marked), VIEWS, orange) > 100);
}

#[test]
fn a_page_holds_three_seven_and_thirty_two_zones() {
    let page = |zones: usize| {
        let mut plan = plan().0.clone();
        let zone = plan.zones[0].clone();
        let named = |k: usize| stipple_model::plan::Zone {
            name: format!("zone number {k}"),
            ..zone.clone()
        };
        plan.zones = (0..zones).map(named).collect();
        plan.dots.iter_mut().for_each(|d| d.zone %= zones as u8);
        plan.wanted.iter_mut().for_each(|w| w.zone %= zones as u8);
        draw(&plan, Look::default())
    };
    let ink = |p: [u8; 3]| p.iter().all(|c| *c < 110);
    // The table's last column, and the column before it, which the close-up leaves to a long table.
    let (last, before) = ([0.80, 0.56, 0.98, 0.95], [0.61, 0.56, 0.785, 0.95]);
    let (three, seven, many) = (page(3), page(7), page(32));
    assert_eq!(three.dimensions(), many.dimensions());
    let letters = [&three, &seven, &many].map(|image| count(image, last, ink));
    assert!(letters[1] > letters[0] + 1000, "{letters:?}");
    let skin = [&three, &seven, &many].map(|image| count(image, before, is_skin));
    assert!(
        skin[0] > 100_000 && skin[1] > 100_000 && skin[2] < 1000,
        "{skin:?}"
    );
    assert!(count(&many, before, ink) > letters[0] + 2000, "{letters:?}");
    for image in [&three, &seven, &many] {
        assert_eq!(
            count(image, [0.0, 0.985, 1.0, 1.0], ink),
            0,
            "nothing runs off the page"
        );
    }
}

fn number(node: &roxmltree::Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

#[test]
fn the_sheet_has_every_dot_at_true_scale() {
    let plan = half_skipped();
    let text = sheet::svg(&plan, &Digest::of(b"plan")).unwrap();
    assert_eq!(text, sheet::svg(&plan, &Digest::of(b"plan")).unwrap());
    let svg = roxmltree::Document::parse(&text).unwrap();
    let root = svg.root_element();
    let size = |name: &str| {
        root.attribute(name)
            .unwrap()
            .strip_suffix("mm")
            .unwrap()
            .to_owned()
    };
    let view = format!("0 0 {} {}", size("width"), size("height"));
    assert_eq!(
        root.attribute("viewBox"),
        Some(view.as_str()),
        "one unit is a millimetre"
    );
    let circles: Vec<_> = svg
        .descendants()
        .filter(|n| n.has_tag_name("circle"))
        .collect();
    assert_eq!(circles.len(), plan.dots.len());
    let open = |n: &roxmltree::Node<'_, '_>| n.parent().unwrap().attribute("fill") == Some("none");
    let is_skipped = |d: &&stipple_model::plan::Dot| matches!(d.outcome, Outcome::Skipped(_));
    let skipped = plan.dots.iter().filter(is_skipped).count();
    assert!(skipped >= plan.dots.len() / 2);
    assert_eq!(circles.iter().filter(|n| open(n)).count(), skipped);
    let texts: Vec<&str> = svg.descendants().filter_map(|n| n.text()).collect();
    for (index, shade) in (0u8..).zip(&plan.shades) {
        let placed = |d: &&stipple_model::plan::Dot| d.shade == index && !is_skipped(d);
        let said = format!("{} {}", shade.name, plan.dots.iter().filter(placed).count());
        assert!(texts.contains(&said.as_str()), "{said}: {texts:?}");
    }
    // Sorted by shade: planned dots of shade 0 come first, in the plan's order.
    let unrolled = Unrolled::new(&plan.head, &plan.anatomy).unwrap();
    let first = plan
        .dots
        .iter()
        .filter(|d| d.shade == 0 && matches!(d.outcome, Outcome::Planned { .. }));
    let expected: Vec<_> = first
        .map(|d| (unrolled.flat(&d.position).unwrap(), d.diameter))
        .collect();
    let [x0, y0] = expected[0].0;
    let at = |n: &roxmltree::Node<'_, '_>| (number(n, "cx"), number(n, "cy"));
    for (circle, ([x, y], diameter)) in circles.iter().zip(&expected) {
        let ((cx, cy), (ox, oy)) = (at(circle), at(&circles[0]));
        assert!(
            (cx - ox - 1e3 * (x - x0)).abs() < 0.003 && (cy - oy + 1e3 * (y - y0)).abs() < 0.003
        );
        assert!((2.0 * number(circle, "r") - diameter.mm()).abs() < 0.002);
        let (width, height): (f64, f64) = (
            size("width").parse().unwrap(),
            size("height").parse().unwrap(),
        );
        assert!((0.0..width).contains(&cx) && (0.0..height).contains(&cy));
    }
}

#[test]
fn the_sheet_has_zones_hairline_ruler_and_the_name_as_it_is() {
    let (plan, digest, _) = plan();
    let text = sheet::svg(plan, digest).unwrap();
    let svg = roxmltree::Document::parse(&text).unwrap();
    let of = |class: &str| {
        let nodes = svg
            .descendants()
            .filter(|n| n.attribute("class").is_some_and(|c| c.starts_with(class)));
        nodes.collect::<Vec<_>>()
    };
    assert_eq!(of("zone ").len(), plan.zones.len());
    assert!(
        of("zone ")
            .iter()
            .all(|n| n.attribute("d").unwrap().len() > 100)
    );
    for class in [
        "treated", "hairline", "midline", "vertex", "ring", "landmark",
    ] {
        assert!(!of(class).is_empty(), "{class}");
    }
    let ruler = of("ruler")[0].attribute("d").unwrap();
    let x = |piece: &str| -> f64 { piece.trim_start_matches(['M', 'L']).parse().unwrap() };
    let pieces: Vec<&str> = ruler.split(' ').collect();
    assert!((x(pieces[2]) - x(pieces[0]) - 50.0).abs() < 1e-9);
    let texts: Vec<&str> = svg.descendants().filter_map(|n| n.text()).collect();
    assert!(texts.contains(&"Front <& \"crown\">"), "{texts:?}");
    assert!(texts.iter().any(|t| t.contains(&digest.short())));
}

#[test]
fn a_plan_without_dots_is_refused_or_drawn_bare() {
    let mut bare = plan().0.clone();
    bare.dots.clear();
    bare.wanted.clear();
    bare.sequence.iter_mut().for_each(Vec::clear);
    bare.stops.iter_mut().for_each(Vec::clear);
    bare.check().unwrap();
    assert!(matches!(
        sheet::svg(&bare, &Digest::of(b"plan")),
        Err(sheet::SheetError::NoDots)
    ));
    let image = draw(&bare, Look::default());
    assert!(count(&image, VIEWS, is_skin) > 10_000);
}

#[test]
fn a_scans_openings_and_landmarks_are_marked() {
    let whole = support::head(4);
    let mut holed = support::head(4);
    holed.cut(|p| (p - nalgebra::Vector3::new(60.0, 0.0, 70.0)).norm() < 14.0);
    let still = Isometry3::identity();
    let page = |shape: &support::Shape, marked: bool| {
        let text = support::landmarks(&still, support::NAMES);
        let landmarks = stipple_planner::register::Landmarks::parse(text.as_bytes()).unwrap();
        let scan = stipple_planner::scan::read(
            shape.ply(&still).as_bytes(),
            stipple_planner::scan::UnitChoice::Auto,
            Some(&landmarks),
        )
        .unwrap();
        let registration = stipple_planner::register::head_from_scan(&landmarks, &scan).unwrap();
        let shown = marked.then_some((&landmarks, &registration));
        picture::scan("head.ply", &scan, shown.map(|s| s.0), shown.map(|s| s.1))
    };
    let red = |image: &RgbImage| count(image, [0.0, 0.15, 1.0, 0.8], |p| p == [214, 30, 40]);
    let blue = |image: &RgbImage| count(image, [0.0, 0.15, 1.0, 0.8], |p| p == [0, 110, 200]);
    let (plain, open) = (page(&whole, true), page(&holed, true));
    assert!(
        red(&open) > red(&plain) + 300,
        "{} {}",
        red(&open),
        red(&plain)
    );
    assert!(blue(&plain) > 100);
    assert_eq!(blue(&page(&whole, false)), 0);
    let of = |image: &RgbImage, color: [u8; 3]| count(image, [0.0, 0.15, 1.0, 0.8], |p| p == color);
    // The inside is flat and of its own colour, and the scalp that is missing is drawn.
    let (inside, missing) = ([96, 128, 168], [236, 150, 20]);
    assert!(of(&open, inside) > of(&plain, inside) + 1000);
    assert!(of(&open, missing) > 100);
    assert_eq!(of(&plain, missing), 0);
    assert!(page(&holed, true).as_raw() == open.as_raw());
}

#[test]
fn a_part_that_was_dropped_and_a_surface_that_runs_through_itself_are_drawn() {
    let still = Isometry3::identity();
    let page = |shape: &support::Shape| {
        let text = support::landmarks(&still, support::NAMES);
        let landmarks = stipple_planner::register::Landmarks::parse(text.as_bytes()).unwrap();
        let scan = stipple_planner::scan::read(
            shape.ply(&still).as_bytes(),
            stipple_planner::scan::UnitChoice::Auto,
            Some(&landmarks),
        )
        .unwrap();
        let registration = stipple_planner::register::head_from_scan(&landmarks, &scan).unwrap();
        let image = picture::scan("head.ply", &scan, Some(&landmarks), Some(&registration));
        (image, scan)
    };
    let plain = support::head(4);
    let (bare, whole) = page(&plain);
    assert_eq!(whole.dropped, None);
    // A bar over the head.
    let mut barred = support::head(4);
    let first = barred.vertices.len() as u32;
    for [x, y, z] in [
        [-20.0, -40.0, 112.0],
        [20.0, -40.0, 112.0],
        [0.0, 40.0, 112.0],
        [0.0, 0.0, 120.0],
    ] {
        barred.vertices.push(nalgebra::Vector3::new(x, y, z));
    }
    let faces = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]];
    barred
        .triangles
        .extend(faces.map(|t| t.map(|v: u32| v + first)));
    let (image, scan) = page(&barred);
    assert_eq!(scan.dropped.unwrap().triangles().len(), 4);
    // Over the head it is a veil, so that the head can still be seen.
    let differ = bare
        .enumerate_pixels()
        .filter(|(x, y, p)| {
            let from_above = *x > 2780 && (220..1000).contains(y);
            from_above && p.0[0].abs_diff(image.get_pixel(*x, *y).0[0]) > 5
        })
        .count();
    assert!(differ > 2000, "{differ}");
    // A dent so deep that the forehead comes out at the side.
    let mut dented = support::head(4);
    for v in &mut dented.vertices {
        if (*v - nalgebra::Vector3::new(60.0, 40.0, 60.0)).norm() < 18.0 {
            v.y -= 150.0;
        }
    }
    let (image, scan) = page(&dented);
    assert!(
        scan.findings
            .iter()
            .any(|f| f.code() == "self_intersections")
    );
    let purple = |image: &RgbImage| {
        let is =
            |[r, g, b]: [u8; 3]| r.saturating_sub(g) > 40 && b.saturating_sub(g) > 60 && b > 100;
        count(image, [0.0, 0.17, 1.0, 0.7], is)
    };
    assert!(
        purple(&image) > purple(&bare) + 300,
        "{} {}",
        purple(&image),
        purple(&bare)
    );
}
