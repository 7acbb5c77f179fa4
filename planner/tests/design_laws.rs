//! Laws of the design: what a treatment file asks for is what lies on the head.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use proptest::prelude::*;
use stipple_model::frames::Point;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::treatment::{KEYS, Treatment};
use stipple_planner::design::{self, DesignError, Subject};
use stipple_planner::dots;
use support::design::{EXAMPLES, circle, ready, region, still, text, zone};

/// The area of the ellipsoid above a height, cm², summed in thin rings.
fn cap(z: f64) -> f64 {
    let [a, b, c] = [97.0f64, 76.0, 105.0];
    let (rings, sides) = (2000, 720);
    let top = (z / c).acos();
    let mut sum = 0.0;
    for i in 0..rings {
        let polar = (f64::from(i) + 0.5) / f64::from(rings) * top;
        for j in 0..sides {
            let around = f64::from(j) / f64::from(sides) * std::f64::consts::TAU;
            let (s, k) = polar.sin_cos();
            let (t, l) = around.sin_cos();
            let down = Vector3::new(a * k * l, b * k * t, -c * s);
            let aside = Vector3::new(-a * s * t, b * s * l, 0.0);
            sum += down.cross(&aside).norm();
        }
    }
    sum * top / f64::from(rings) * std::f64::consts::TAU / f64::from(sides) / 100.0
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    let page = include_str!("../treatments/README.md");
    let mut documented: BTreeSet<(String, String)> = BTreeSet::new();
    let mut table = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let name = heading.trim_matches(['`', '[', ']']);
            table = if heading == "The file" {
                Some(String::new())
            } else {
                heading.starts_with('`').then(|| name.to_owned())
            };
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let (Some(table), true) = (&table, cells.len() == 7 && cells[1].starts_with('`')) {
            assert!(
                !cells[2].is_empty() || cells[1].contains("curve") || cells[1].contains("line"),
                "{line}"
            );
            for key in cells[1].split(',') {
                documented.insert((table.clone(), key.trim().trim_matches('`').to_owned()));
            }
        }
    }
    let known: BTreeSet<(String, String)> = KEYS
        .iter()
        .flat_map(|(table, keys)| keys.iter().map(|k| ((*table).to_owned(), (*k).to_owned())))
        .collect();
    let undocumented: Vec<_> = known.difference(&documented).collect();
    let imaginary: Vec<_> = documented.difference(&known).collect();
    assert!(
        undocumented.is_empty(),
        "not in README.md: {undocumented:?}"
    );
    assert!(imaginary.is_empty(), "in README.md only: {imaginary:?}");
    for region in stipple_model::treatment::Region::ALL {
        let stem = region.name().trim_end_matches(char::is_numeric);
        assert!(page.contains(&format!("`{stem}")), "{stem}");
    }
    for (name, _) in EXAMPLES {
        assert!(page.contains(&format!("`{name}.toml`")), "{name}");
    }
}

#[test]
fn the_shipped_treatments_lie_on_the_head_as_before() {
    let ready = still(5);
    let mut found = String::new();
    for (name, text) in EXAMPLES {
        let scalp = ready.lay(text).unwrap();
        for zone in &scalp.zones {
            let (area, target) = (zone.area.cm2(), zone.target.per_cm2());
            writeln!(
                found,
                "{name} | {} | {area:.1} cm² | {target:.1} per cm²",
                zone.name
            )
            .unwrap();
        }
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/zones.txt");
    let golden = std::fs::read_to_string(golden).unwrap();
    assert_eq!(found, golden, "zones changed:\n{found}");
}

#[test]
fn the_first_two_keep_their_counts() {
    let ready = still(4);
    for ((_, text), (dots, zones)) in EXAMPLES
        .iter()
        .zip([(10_000..=14_500, 4), (30_000..=30_000, 6)])
    {
        let scalp = ready.lay(text).unwrap();
        assert!(dots.contains(&scalp.quotas.iter().sum::<u32>()));
        assert_eq!(scalp.zones.len(), zones);
        assert_eq!(Treatment::parse(text).unwrap().layers.len(), 3);
    }
}

#[test]
fn a_drawn_curve_encloses_its_area() {
    let ready = still(6);
    for z in [60.0, 75.0, 90.0] {
        let place = format!(
            "name = \"cap\"\ncurve_mm = {}",
            circle(z, &Isometry3::identity())
        );
        // The hairline far in front of it.
        let scalp = ready
            .lay(&text(
                "lowest_mm = 50\nheight_mm = 50",
                &zone(&place, 20.0, ""),
            ))
            .unwrap();
        let (found, wanted) = (scalp.area().cm2(), cap(z));
        assert!(
            (found / wanted - 1.0).abs() < 0.004,
            "above {z}: {found} {wanted}"
        );
        assert_eq!(scalp.quotas[0], (f64::from(20) * found).round() as u32);
    }
}

#[test]
fn a_band_along_a_line_is_as_wide_as_asked() {
    // A quarter of the level circle 60 mm up, straight back, 10 mm wide.
    let level = (1.0f64 - (60.0f64 / 105.0).powi(2)).sqrt();
    let points: Vec<Vector3<f64>> = (0..=30)
        .map(|k| {
            let (sin, cos) = f64::from(135 + 3 * k).to_radians().sin_cos();
            Vector3::new(97.0 * level * cos, 76.0 * level * sin, 60.0)
        })
        .collect();
    let length: f64 = points.windows(2).map(|p| (p[1] - p[0]).norm()).sum();
    let list: Vec<String> = points
        .iter()
        .map(|p| format!("[{}, {}, {}]", p.x, p.y, p.z))
        .collect();
    let place = format!(
        "region = \"scar\"\nline_mm = [{}]\nwidth_mm = 10",
        list.join(",")
    );
    let scalp = still(6).lay(&text("", &zone(&place, 20.0, ""))).unwrap();
    let wanted = (length * 10.0 + std::f64::consts::PI * 25.0) / 100.0;
    assert!(
        (scalp.area().cm2() / wanted - 1.0).abs() < 0.02,
        "{} {wanted}",
        scalp.area().cm2()
    );
}

#[test]
fn where_zones_overlap_the_later_one_holds() {
    let ready = still(4);
    let patch = "name = \"patch\"\ncurve_deg = [[-30, 75], [30, 75], [150, 80], [-150, 80]]";
    let (whole, small) = (region("full", 30.0), zone(patch, 60.0, ""));
    let later = ready.lay(&text("", &(whole.clone() + &small))).unwrap();
    let alone = ready.lay(&text("", &small)).unwrap();
    let full = ready.lay(&text("", &whole)).unwrap();
    assert!((later.zones[1].area.cm2() - alone.zones[0].area.cm2()).abs() < 1e-9);
    assert!((later.area().cm2() - full.area().cm2()).abs() < 1e-9);
    // The other way round nothing is left of the patch.
    let earlier = ready.lay(&text("", &(small + &whole)));
    assert!(
        matches!(&earlier, Err(DesignError::ZoneTooSmall { zone, .. }) if zone == "patch"),
        "{earlier:?}"
    );
}

#[test]
fn parts_of_the_scalp_touch_and_grades_grow() {
    let ready = still(5);
    let area = |name: &str| {
        ready
            .lay(&text("", &region(name, 20.0)))
            .unwrap()
            .area()
            .cm2()
    };
    let parts = ["hairline", "frontal", "mid_scalp", "crown", "sides", "back"];
    let sum: f64 = parts.iter().map(|p| area(p)).sum();
    assert!((sum - area("full")).abs() < 1e-6, "{sum}");
    assert!(area("temples") < area("sides"));
    for pattern in [
        &[
            "norwood_2",
            "norwood_3",
            "norwood_4",
            "norwood_5",
            "norwood_6",
            "norwood_7",
        ][..],
        &["ludwig_1", "ludwig_2", "ludwig_3"],
    ] {
        let areas: Vec<f64> = pattern.iter().map(|p| area(p)).collect();
        assert!(
            areas.windows(2).all(|p| p[1] > 1.1 * p[0]),
            "{pattern:?} {areas:?}"
        );
    }
}

#[test]
fn existing_hair_is_taken_off() {
    let ready = still(4);
    let bare = ready.lay(&text("", &region("crown", 60.0))).unwrap();
    let haired = zone("region = \"crown\"", 60.0, "existing_per_cm2 = 40");
    let haired = ready.lay(&text("", &haired)).unwrap();
    assert!((f64::from(haired.quotas[0]) * 3.0 - f64::from(bare.quotas[0])).abs() <= 2.0);
    assert!((haired.zones[0].target.per_cm2() - 20.0).abs() < 0.05);
    // The cap on density counts what is there.
    let dense = zone("region = \"crown\"", 60.0, "existing_per_cm2 = 55");
    let dense = text("", &dense).replace("layers", "dots = 15000\nlayers");
    assert!(matches!(
        ready.lay(&dense),
        Err(DesignError::TooDense { .. })
    ));
}

#[test]
fn a_feather_fades_towards_untreated_scalp_only() {
    let ready = still(5);
    let feathered = |mm: f64| {
        let zones = zone(
            "region = \"mid_scalp\"",
            60.0,
            &format!("feather_mm = {mm}"),
        ) + &region("frontal", 60.0);
        ready.lay(&text("", &zones)).unwrap()
    };
    let (sharp, soft) = (feathered(0.0), feathered(15.0));
    assert!((sharp.zones[0].target.per_cm2() - 60.0).abs() < 0.05);
    assert!(
        (soft.zones[1].target.per_cm2() - 60.0).abs() < 0.05,
        "the other zone has its own"
    );
    // The middle line from the frontal zone to the crown: full up to 15 mm before the crown, then falling, never rising.
    let mut along = Vec::new();
    for k in 0..600 {
        let pitch = (15.0 - 0.1 * f64::from(k)).to_radians();
        let p = Vector3::new(97.0 * pitch.sin(), 0.0, 105.0 * pitch.cos()) * 1e-3;
        let p = ready.registration.head_from_scan * stipple_model::frames::Point::from_raw(p);
        along.push(soft.at(&p).map_or(0.0, |h| h.density.per_cm2()));
    }
    let end = along.iter().position(|d| *d == 0.0).unwrap();
    assert!(
        along[..end].windows(2).all(|d| d[1] <= d[0] + 0.01),
        "{along:?}"
    );
    let faint = along[end - 1];
    assert!((4.0..8.0).contains(&faint), "{faint}");
    // Half way in the width the smooth ramp is at 54%.
    let half = along[..end].iter().filter(|d| **d < 0.54 * 60.0).count();
    let step = 0.1f64.to_radians() * 104.0;
    assert!(
        (half as f64 * step - 7.5).abs() < 1.0,
        "{}",
        half as f64 * step
    );
}

#[test]
fn beside_what_was_not_scanned_is_no_dot() {
    let ready = still(5);
    let treatment = Treatment::parse(&text("", &region("full", 30.0))).unwrap();
    let hole =
        ready.registration.head_from_scan * Point::from_raw(Vector3::new(-0.020, 0.0, 0.1027));
    let scanned = |t: &[u32; 3]| {
        let first = ready.head.vertices()[t[0] as usize];
        first.distance(&hole) >= 0.015
    };
    let kept = ready.head.triangles().iter().copied().filter(scanned);
    let open = SurfaceMesh::new(ready.head.vertices().to_vec(), kept.collect()).unwrap();
    let whole = design::lay(&ready.subject(), &treatment, 1).unwrap();
    let subject = Subject::new(&open, &ready.registration.anatomy);
    let scalp = design::lay(&subject, &treatment, 1).unwrap();
    let near = |t: &u32| open.corners(*t as usize)[0].distance(&hole) < 0.018;
    assert!(!scalp.patch.iter().any(near));
    // With its margin of 5 mm: a disc of some 20 mm radius is gone.
    let lost = whole.area().cm2() - scalp.area().cm2();
    assert!((9.0..17.0).contains(&lost), "{lost}");
    assert!(scalp.findings.iter().any(|f| f.code == "hole_in_scalp"));
}

#[test]
fn a_test_patch_has_a_column_for_each_depth() {
    let ready = still(5);
    let (_, text) = EXAMPLES[2];
    let patch = Treatment::parse(text).unwrap().for_test_patch().unwrap();
    let scalp = design::lay(&ready.subject(), &patch, 1).unwrap();
    let areas: Vec<f64> = scalp.zones.iter().map(|z| z.area.cm2()).collect();
    assert_eq!(areas.len(), 3);
    assert!(areas.iter().all(|a| (a - 0.48).abs() < 0.04), "{areas:?}");
    let field = dots::layout(&ready.head, &scalp, &patch, 1, &stipple_planner::to_the_end).unwrap();
    assert!((50..66).contains(&field.dots.len()), "{}", field.dots.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn weights_change_and_the_total_does_not(dots in 300u32..9000, first in 5.0f64..90.0, second in 5.0f64..90.0) {
        let ready = still(4);
        let zones = region("frontal", first) + &region("crown", second);
        let text = text("", &zones).replace("layers", &format!("dots = {dots}\nlayers"));
        match ready.lay(&text) {
            Ok(scalp) => {
                prop_assert_eq!(scalp.quotas.iter().sum::<u32>(), dots);
                let [a, b] = [0, 1].map(|i| scalp.zones[i].target.per_cm2());
                prop_assert!((a / b / (first / second) - 1.0).abs() < 1e-9);
            }
            Err(error) => prop_assert!(matches!(error, DesignError::TooDense { .. } | DesignError::Denser { .. }), "{}", error),
        }
    }

    #[test]
    fn moving_the_scan_moves_the_design_with_it(
        axis in prop::array::uniform3(-3.0f64..3.0), shift in prop::array::uniform3(-500.0f64..500.0)
    ) {
        let motion = Isometry3::from_parts(Translation3::from(Vector3::from(shift)), UnitQuaternion::new(Vector3::from(axis)));
        let shape = support::head(4);
        let laid = |motion: &Isometry3<f64>| {
            let place = format!("name = \"cap\"\ncurve_mm = {}", circle(80.0, motion));
            let zones = region("full", 30.0) + &zone(&place, 50.0, "feather_mm = 8");
            ready(&shape, motion).lay(&text("", &zones)).unwrap()
        };
        let (there, here) = (laid(&motion), laid(&Isometry3::identity()));
        prop_assert_eq!(&there.patch, &here.patch);
        prop_assert_eq!(&there.quotas, &here.quotas);
        for (a, b) in there.zones.iter().zip(&here.zones) {
            prop_assert!((a.area.cm2() - b.area.cm2()).abs() < 1e-5, "{:?} {:?}", a, b);
        }
        for (a, b) in there.hairline().iter().zip(here.hairline()) {
            prop_assert!(a.distance(&b) < 1e-6);
        }
    }
}

#[test]
fn the_same_on_any_number_of_threads() {
    let ready = still(4);
    let (_, text) = EXAMPLES[2];
    let treatment = Treatment::parse(text).unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let scalp = pool.install(|| design::lay(&ready.subject(), &treatment, 9).unwrap());
        format!(
            "{:?} {:?} {:?}",
            scalp.zones,
            scalp.quotas,
            scalp.hairline()
        )
    };
    assert!(on(1) == on(3));
}
