//! What is laid is what was asked for: counts, densities, what is there already, and what an exact total may do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::{Isometry3, Vector3};
use stipple_model::frames::{Head, Point};
use stipple_model::treatment::Treatment;
use stipple_planner::design::{self, DesignError, Scalp, Subject};
use stipple_planner::dots;
use stipple_planner::register::{self, Landmarks};
use stipple_planner::scan::{self, UnitChoice};
use support::design::{EXAMPLES, Ready, pieces, ready, region, still, text, zone};
use support::shared;

/// Counts of dots against what is wanted, over discs of the skin.
#[derive(Default)]
struct Tally(Vec<(f64, f64)>);

impl Tally {
    /// The worst disc and all discs together, as shares by which they are off, were what is wanted so many times as much.
    fn off(&self, times: f64) -> (f64, f64) {
        let worst = self
            .0
            .iter()
            .map(|(found, wanted)| (found / (wanted * times) - 1.0).abs());
        let sums = self
            .0
            .iter()
            .fold((0.0, 0.0), |sum, d| (sum.0 + d.0, sum.1 + d.1));
        (
            worst.fold(0.0, f64::max),
            (sums.0 / (sums.1 * times) - 1.0).abs(),
        )
    }
}

/// What the zones of the test ask to be laid.
const ASKED: [f64; 5] = [50.0, 45.0, 60.0, 55.0, 40.0];

/// Zones of different densities beside each other, one with hair already, one that fades out.
fn five_zones(regularity: f64) -> String {
    let zones = region("frontal", 50.0)
        + &region("mid_scalp", 45.0)
        + &zone("region = \"crown\"", 75.0, "existing_per_cm2 = 15")
        + &zone("region = \"sides\"", 55.0, "feather_mm = 20")
        + &region("back", 40.0);
    let layers = format!("layers = [0.3, 0.7, 1.0]\nregularity = {regularity}");
    text("", &zones).replace("layers = [0.5, 1.0]", &layers)
}

#[test]
fn dots_counted_on_the_skin_are_as_dense_as_the_file_asks() {
    let ready = still(6);
    let pieces: Vec<(Point<Head>, f64)> =
        pieces(&ready.head, 3).map(|(p, a)| (p, a.cm2())).collect();
    let radius = 0.016;
    for (regularity, slack) in [(1.0, 1.0), (0.7, 1.5)] {
        let treatment = Treatment::parse(&five_zones(regularity)).unwrap();
        let scalp = design::lay(&ready.subject(), &treatment, 1).unwrap();
        let field = dots::layout(
            &ready.head,
            &scalp,
            &treatment,
            1,
            &stipple_planner::to_the_end,
        )
        .unwrap();
        // Discs all over; those wholly in the zones count, and those at full density are held against the file's own figures.
        let (mut all, mut full) = (
            [(); 3].map(|()| Tally::default()),
            [(); 3].map(|()| Tally::default()),
        );
        for k in 0..300 {
            let (up, around) = (1.0 - f64::from(k) / 300.0, 2.399_963 * f64::from(k));
            let level = (1.0 - up * up).sqrt();
            let direction = Vector3::new(level * around.cos(), level * around.sin(), up);
            let middle = direction.component_mul(&Vector3::new(0.097, 0.076, 0.105));
            let middle = ready.registration.head_from_scan * Point::from_raw(middle);
            let disc: Vec<_> = pieces
                .iter()
                .filter(|(p, _)| p.distance(&middle) < radius)
                .collect();
            let here: Option<Vec<_>> = disc
                .iter()
                .map(|(p, a)| scalp.at(p).map(|h| (h, a)))
                .collect();
            let Some(here) = here else { continue };
            let wanted: f64 = here.iter().map(|(h, a)| h.density.per_cm2() * **a).sum();
            let area: f64 = here.iter().map(|(_, a)| **a).sum();
            let asked: f64 = here
                .iter()
                .map(|(h, a)| ASKED[usize::from(h.zone)] * **a)
                .sum();
            assert!((area / 7.9 - 1.0).abs() < 0.1, "{area}");
            for (layer, share) in [(1, 0.3), (2, 0.7), (3, 1.0)] {
                let inside =
                    |d: &&dots::LaidDot| d.layer <= layer && d.position.distance(&middle) < radius;
                let found = field.dots.iter().filter(inside).count() as f64;
                let tally = usize::from(layer) - 1;
                all[tally].0.push((found, wanted * share));
                if wanted > 0.999 * asked {
                    full[tally].0.push((found, asked * share));
                }
            }
        }
        for ((layer, worst, mean), (all, full)) in
            [(1, 0.12, 0.015), (2, 0.08, 0.010), (3, 0.05, 0.003)]
                .into_iter()
                .zip(all.iter().zip(&full))
        {
            assert!(
                all.0.len() > 40 && full.0.len() > 20,
                "{} {}",
                all.0.len(),
                full.0.len()
            );
            for tally in [all, full] {
                let (off, mean) = (tally.off(1.0), mean * slack);
                assert!(
                    off.0 < worst * slack && off.1 < mean,
                    "{regularity} {layer}: {off:?} in {}",
                    tally.0.len()
                );
                // A few in a hundred too many or too few would not pass.
                assert!(
                    tally.off(1.0 + 3.0 * mean).1 > mean && tally.off(1.0 - 3.0 * mean).1 > mean
                );
                eprintln!("{regularity} {layer}: {off:?} in {}", tally.0.len());
            }
        }
    }
}

/// Places spread evenly over the skin on which a design may lay dots, and around it, as points of the scan in mm.
fn hairs(
    ready: &Ready,
    scalp: &Scalp,
    per_cm2: f64,
    keep: impl Fn(&Vector3<f64>) -> bool,
) -> String {
    let area: f64 = scalp
        .patch
        .iter()
        .map(|t| ready.head.triangle_area(*t as usize).cm2())
        .sum();
    let count = (per_cm2 * area).round() as u32;
    let hairs = dots::spread(&ready.head, &scalp.patch, count, &[1.0], 5).unwrap();
    let from_head = ready.registration.head_from_scan.inverse();
    let places = hairs
        .iter()
        .map(|p| (from_head * *p).raw() * 1e3)
        .filter(keep);
    let list: Vec<String> = places
        .map(|q| format!("[{:e}, {:e}, {:e}]", q.x, q.y, q.z))
        .collect();
    format!("[existing]\npoints_mm = [{}]\n", list.join(","))
}

#[test]
fn listed_hairs_count_as_dots() {
    let ready = still(5);
    let lay = |rest: &str| ready.lay(&text("", rest));
    let bare = lay(&region("crown", 60.0)).unwrap();
    let area = bare.area().cm2();
    let within = |scalp: &Scalp| {
        scalp
            .existing
            .iter()
            .filter(|p| bare.at(p).is_some())
            .count()
    };
    let all = hairs(&ready, &bare, 35.0, |_| true);
    let scalp = lay(&(region("crown", 60.0) + &all)).unwrap();
    let there = within(&scalp);
    assert!(
        (there as f64 / area / 35.0 - 1.0).abs() < 0.05,
        "{there} on {area}"
    );
    assert_eq!(scalp.quotas[0], (60.0 * area - there as f64).round() as u32);
    assert!((scalp.zones[0].target.per_cm2() - (60.0 - there as f64 / area)).abs() < 0.01);
    let here: Vec<f64> = pieces(&ready.head, 2)
        .filter_map(|(p, _)| scalp.at(&p).map(|h| h.density.per_cm2()))
        .collect();
    let ends = |of: &[f64]| {
        of.iter()
            .fold((f64::MAX, 0.0f64), |e, d| (e.0.min(*d), e.1.max(*d)))
    };
    let (least, most) = ends(&here);
    assert!(least > 18.0 && most < 32.0, "{least} {most}");
    // Dots and hairs together are as dense as asked.
    let treatment = Treatment::parse(&text("", &(region("crown", 60.0) + &all))).unwrap();
    let field = dots::layout(
        &ready.head,
        &scalp,
        &treatment,
        1,
        &stipple_planner::to_the_end,
    )
    .unwrap();
    let both = (field.dots.len() + there) as f64 / area;
    assert!((both - 60.0).abs() < 0.05, "{both}");
    // On one half only: the other is laid in full.
    let half = lay(&(region("crown", 60.0) + &hairs(&ready, &bare, 35.0, |q| q.y > 0.0))).unwrap();
    assert_eq!(
        half.quotas[0],
        (60.0 * area - within(&half) as f64).round() as u32
    );
    for (p, _) in pieces(&ready.head, 2) {
        let y = (ready.registration.head_from_scan.inverse() * p).raw().y;
        if let Some(here) = half.at(&p).map(|h| h.density.per_cm2()) {
            let wanted = if y > 0.0 { 18.0..32.0 } else { 59.5..60.5 };
            assert!(y.abs() < 0.010 || wanted.contains(&here), "{y}: {here}");
        }
    }
}

#[test]
fn what_the_zone_says_goes_before_what_is_listed() {
    let ready = still(4);
    let lay = |rest: &str| ready.lay(&text("", rest));
    let bare = lay(&region("crown", 60.0)).unwrap();
    let all = hairs(&ready, &bare, 35.0, |_| true);
    let said = |per_cm2: u32| {
        let more = format!("existing_per_cm2 = {per_cm2}");
        lay(&(zone("region = \"crown\"", 60.0, &more) + &all)).unwrap()
    };
    for (per_cm2, left) in [(0, 60.0), (20, 40.0)] {
        let scalp = said(per_cm2);
        assert_eq!(scalp.quotas[0], (left * scalp.area().cm2()).round() as u32);
        assert!(scalp.existing.len() > 2000);
    }
    let none_left = lay(&(region("crown", 35.0) + &all));
    assert!(
        matches!(&none_left, Err(DesignError::NothingToLay { zone, .. }) if zone == "crown"),
        "{none_left:?}"
    );
    // A patch is tried among hairs.
    let patch = "[test_patch]\ncenter_deg = [180, 45]\ndepths_mm = [0.4, 0.6]\ndiameter_mm = 0.15\nshade = \"grey\"\n";
    let treatment = Treatment::parse(&text("", &(region("crown", 60.0) + &all + patch))).unwrap();
    let patch = design::lay(&ready.subject(), &treatment.for_test_patch().unwrap(), 1).unwrap();
    let dots: u32 = patch.quotas.iter().sum();
    assert!((50..66).contains(&dots), "{dots}");
}

#[test]
fn an_exact_total_says_what_it_does_to_densities() {
    let ready = still(5);
    let zones = region("frontal", 50.0) + &region("crown", 60.0);
    let fit: u32 = ready.lay(&text("", &zones)).unwrap().quotas.iter().sum();
    let lay = |times: f64, more: &str| {
        let dots = (f64::from(fit) * times).round();
        ready.lay(&text("", &zones).replace("layers", &format!("dots = {dots}\n{more}\nlayers")))
    };
    for times in [0.92, 1.0, 1.08] {
        assert!(lay(times, "").unwrap().findings.is_empty());
    }
    for times in [0.5, 0.84, 1.2, 1.44] {
        let scalp = lay(times, "").unwrap();
        let [finding] = scalp.findings.as_slice() else {
            panic!("{:?}", scalp.findings)
        };
        assert_eq!(finding.code, "density_rescaled");
        for (name, wanted, full) in [
            ("frontal", 50.0, scalp.densities[0]),
            ("crown", 60.0, scalp.densities[1]),
        ] {
            assert!((full.wanted.per_cm2() - wanted).abs() < 1e-9);
            assert!((full.laid.per_cm2() / wanted / times - 1.0).abs() < 1e-3);
            let says = format!("{name} {:.0} instead of {wanted}", wanted * times);
            assert!(finding.text.contains(&says), "{}", finding.text);
        }
        assert!(
            finding.text.contains(&format!("{fit} dots fit")),
            "{}",
            finding.text
        );
    }
    let refused = lay(1.6, "");
    assert!(
        matches!(&refused, Err(DesignError::Denser { fit: f, zone, .. }) if *f == u64::from(fit) && zone == "crown"),
        "{refused:?}"
    );
    assert!(lay(1.6, "denser_at_most = 2").is_ok());
    assert!(matches!(
        lay(1.2, "denser_at_most = 1.1"),
        Err(DesignError::Denser { .. })
    ));
    // Twice 60 is less than natural hair has, three times is more.
    let dense = lay(2.7, "denser_at_most = 3");
    assert!(
        matches!(dense, Err(DesignError::TooDense { .. })),
        "{dense:?}"
    );
    for error in [refused.unwrap_err(), dense.unwrap_err()] {
        let line = error.to_string();
        assert!(
            line.contains(&format!("{fit} dots fit")) && !line.contains('\n'),
            "{line}"
        );
    }
}

#[test]
fn the_total_is_not_pressed_into_what_is_left_of_a_scalp() {
    let mut shape = support::head(5);
    let zones = region("full", 60.0);
    let whole = ready(&shape, &Isometry3::identity());
    let fit: u32 = whole.lay(&text("", &zones)).unwrap().quotas.iter().sum();
    let exact = text("", &zones).replace("layers", &format!("dots = {fit}\nlayers"));
    assert!(whole.lay(&exact).unwrap().findings.is_empty());
    // A third of the scalp was not scanned.
    shape.cut(|p| p.x < -25.0 && p.z > 5.0);
    let lacking = ready(&shape, &Isometry3::identity()).lay(&exact);
    match &lacking {
        Err(DesignError::Denser {
            times, fit: left, ..
        }) => {
            assert!(*times > 1.4 && *left < u64::from(fit), "{times} {left}");
        }
        other => panic!("{other:?}"),
    }
    let less = ready(&shape, &Isometry3::identity())
        .lay(&text("", &zones))
        .unwrap();
    let hole = less
        .findings
        .iter()
        .find(|f| f.code == "hole_in_scalp")
        .unwrap();
    assert!(hole.text.contains("of zone \"full\""), "{}", hole.text);
    // What was not scanned and what is too near its edge is what the zone lost.
    let lacking = less
        .findings
        .iter()
        .find(|f| f.code == "zone_not_scanned")
        .unwrap();
    let number = |text: &str, before: &str| -> f64 {
        let (_, after) = text.split_once(before).unwrap();
        after.split(' ').next().unwrap().parse().unwrap()
    };
    let told = number(&lacking.text, "about ") + number(&hole.text, "holes; ");
    let whole = whole.lay(&text("", &zones)).unwrap();
    assert!(whole.findings.is_empty(), "{:?}", whole.findings);
    let lost = whole.area().cm2() - less.area().cm2();
    assert!((told / lost - 1.0).abs() < 0.1, "{told} {lost}");
}

#[test]
fn shipped_treatments_fit_the_shared_heads() {
    for head in [
        "colin27_av_ras.ply",
        "fsaverage_head.stl",
        "lee_perry_smith.obj",
        "mesh2hrtf_head.ply",
    ] {
        let (stem, _) = head.split_once('.').unwrap();
        let (Some(file), Some(landmarks)) = (
            shared(&format!("scans/{head}")),
            shared(&format!("scans/{stem}.landmarks.json")),
        ) else {
            return;
        };
        let landmarks = Landmarks::parse(&std::fs::read(landmarks).unwrap()).unwrap();
        let scan = scan::read_file(&file, UnitChoice::Auto, Some(&landmarks)).unwrap();
        let registration = register::head_from_scan(&landmarks, &scan).unwrap();
        let mesh = scan.mesh.transformed(&registration.head_from_scan);
        let subject =
            Subject::new(&mesh, &registration.anatomy).on_scan(&registration.head_from_scan);
        for (name, text) in EXAMPLES {
            let treatment = Treatment::parse(text).unwrap();
            let scalp = design::lay(&subject, &treatment, 1).unwrap();
            let count: u32 = scalp.quotas.iter().sum();
            let times = scalp.densities[0].laid.per_m2() / scalp.densities[0].wanted.per_m2();
            eprintln!(
                "{head} {name}: {count} dots, {times:.3} times as dense, {:.0} cm²",
                scalp.area().cm2()
            );
            match name {
                "default" => assert!((10_000..14_500).contains(&count), "{head}: {count}"),
                "full-scalp" => assert!((0.85..1.15).contains(&times), "{head}: {times}"),
                _ => assert!((times - 1.0).abs() < 0.001),
            }
            // These heads are whole where hair grows.
            let lacking = scalp.findings.iter().find(|f| f.code == "zone_not_scanned");
            assert!(lacking.is_none(), "{head} {name}: {lacking:?}");
            let rescaled = scalp.findings.iter().any(|f| f.code == "density_rescaled");
            assert_eq!(rescaled, (times - 1.0).abs() > 0.1, "{head} {name}");
        }
        // A hairline round the face, 34° below the level of the scalp's middle: the forehead and the nose would be treated.
        let round: Vec<String> = (-9..=9).map(|k| format!("[{}, -34]", -10 * k)).collect();
        let line = format!("policy = \"female\"\nline_deg = [{}]", round.join(","));
        let treatment = Treatment::parse(&text(&line, &region("full", 30.0))).unwrap();
        let low = design::lay(&subject, &treatment, 1);
        assert!(
            matches!(
                low,
                Err(DesignError::HairlineBelowGlabella | DesignError::OffScalp { .. })
            ),
            "{head}: {low:?}"
        );
    }
}
