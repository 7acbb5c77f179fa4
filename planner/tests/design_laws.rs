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
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::treatment::{KEYS, Treatment};
use stipple_planner::design::{self, DesignError, Scalp, Subject};
use stipple_planner::dots;
use stipple_planner::register::{self, Landmarks, Registration};
use stipple_planner::scan::{self, UnitChoice};

/// A head ready to be designed on.
struct Ready {
    head: SurfaceMesh<Head>,
    registration: Registration,
}

fn ready(shape: &support::Shape, motion: &Isometry3<f64>) -> Ready {
    let landmarks = support::landmarks(motion, support::NAMES);
    let landmarks = Landmarks::parse(landmarks.as_bytes()).unwrap();
    let ply = shape.ply(motion);
    let scan = scan::read(ply.as_bytes(), UnitChoice::Auto, Some(&landmarks)).unwrap();
    let registration = register::head_from_scan(&landmarks, &scan).unwrap();
    Ready {
        head: scan.mesh.transformed(&registration.head_from_scan),
        registration,
    }
}

fn still(times: u32) -> Ready {
    ready(&support::head(times), &Isometry3::identity())
}

impl Ready {
    fn subject(&self) -> Subject<'_> {
        Subject::new(&self.head, &self.registration.anatomy)
            .on_scan(&self.registration.head_from_scan)
    }

    fn lay(&self, text: &str) -> Result<Scalp, DesignError> {
        design::lay(&self.subject(), &Treatment::parse(text).unwrap(), 1)
    }
}

/// A treatment without a total, with these lines of hairline, zones and what else.
fn text(hairline: &str, rest: &str) -> String {
    format!(
        "name = \"test\"\nlayers = [0.5, 1.0]\nfeather_mm = 0\n[hairline]\ntransition_mm = 0\n{hairline}\n\
         [[shades]]\nname = \"grey\"\nrgb = [70, 60, 55]\n{rest}\n"
    )
}

/// A zone of a given density.
fn zone(place: &str, density: f64, more: &str) -> String {
    format!(
        "[[zones]]\n{place}\ndensity_per_cm2 = {density}\ndepth_mm = 0.5\ndiameter_mm = 0.15\nshades = {{ grey = 1.0 }}\n{more}\n"
    )
}

fn region(name: &str, density: f64) -> String {
    zone(&format!("region = \"{name}\""), density, "")
}

/// A circle on the ellipsoid of the test heads at a height, as points of the scan, mm, moved with it.
fn circle(z: f64, motion: &Isometry3<f64>) -> String {
    let level = (1.0 - (z / 105.0f64).powi(2)).sqrt();
    let mut points = String::from("[");
    for k in 0..90 {
        let (sin, cos) = (f64::from(k) * 4f64.to_radians()).sin_cos();
        let p = Vector3::new(97.0 * level * cos, 76.0 * level * sin, z);
        let p = motion.rotation * p + motion.translation.vector;
        write!(points, "[{:e}, {:e}, {:e}],", p.x, p.y, p.z).unwrap();
    }
    points + "]"
}

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

const EXAMPLES: [(&str, &str); 5] = [
    ("default", include_str!("../treatments/default.toml")),
    ("full-scalp", include_str!("../treatments/full-scalp.toml")),
    ("norwood-5", include_str!("../treatments/norwood-5.toml")),
    ("ludwig-2", include_str!("../treatments/ludwig-2.toml")),
    ("scar", include_str!("../treatments/scar.toml")),
];

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
    for ((_, text), (dots, zones)) in EXAMPLES.iter().zip([(12_000, 4), (30_000, 6)]) {
        let scalp = ready.lay(text).unwrap();
        assert_eq!(scalp.quotas.iter().sum::<u32>(), dots);
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
fn what_was_not_scanned_gets_no_dot() {
    let ready = still(5);
    let treatment = Treatment::parse(&text("", &region("full", 30.0))).unwrap();
    let hole =
        ready.registration.head_from_scan * Point::from_raw(Vector3::new(-0.020, 0.0, 0.1027));
    let closed_over: Vec<bool> = (0..ready.head.triangles().len())
        .map(|i| ready.head.corners(i)[0].distance(&hole) < 0.015)
        .collect();
    let whole = design::lay(&ready.subject(), &treatment, 1).unwrap();
    let scalp = design::lay(&ready.subject().without(&closed_over), &treatment, 1).unwrap();
    assert!(scalp.patch.iter().all(|t| !closed_over[*t as usize]));
    assert!(whole.patch.iter().any(|t| closed_over[*t as usize]));
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
    let field = dots::layout(&ready.head, &scalp, &patch, 1, &|_| ()).unwrap();
    assert!((50..66).contains(&field.dots.len()), "{}", field.dots.len());
}

#[test]
fn the_hairline_follows_its_figures() {
    let ready = still(6);
    let line = |hairline: &str| {
        let hairline = format!("waviness_mm = 0\nroughness_mm = 0\n{hairline}");
        ready
            .lay(&text(&hairline, &region("frontal", 20.0)))
            .unwrap()
            .hairline()
    };
    let middle = |line: &[Point<Head>]| {
        line.iter()
            .copied()
            .min_by(|a, b| a.raw().y.abs().total_cmp(&b.raw().y.abs()))
            .unwrap()
    };
    let anatomy = &ready.registration.anatomy;
    let back = |p: &Point<Head>| -(*p - anatomy.nasion).along(&anatomy.forward);
    let rule = line("");
    // Left to right, and the same on both sides of a symmetric head.
    assert!(rule[0].raw().y > 0.0 && rule[rule.len() - 1].raw().y < 0.0);
    for p in &rule {
        let mirrored = Point::<Head>::new(p.raw().x, -p.raw().y, p.raw().z);
        let nearest = rule
            .iter()
            .map(|q| q.distance(&mirrored))
            .fold(f64::INFINITY, f64::min);
        assert!(nearest < 0.0012, "{nearest}");
    }
    // The widow's peak comes lower by its height.
    let peaked = line("widows_peak_height_mm = 9\nwidows_peak_width_mm = 20");
    let down = middle(&rule).distance(&middle(&peaked));
    assert!((down - 0.009).abs() < 0.0005, "{down}");
    // Height moves the middle along the skin.
    let low = line("height_mm = 70");
    let moved = middle(&rule).distance(&middle(&low));
    assert!((moved - 0.010).abs() < 0.0005, "{moved}");
    // The temple points: the place on either side that lies farthest back of the frontal limb.
    let corner = |line: &[Point<Head>], sign: f64| {
        line.iter()
            .filter(|p| (0.03..0.066).contains(&(sign * p.raw().y)))
            .map(back)
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let shallow = line("recession_mm = 8\nhalf_width_mm = 55");
    let deep = line("recession_mm = 24\nhalf_width_mm = 55");
    let more = corner(&deep, 1.0) - corner(&shallow, 1.0);
    assert!((0.008..0.02).contains(&more), "{more}");
    let lopsided = line("recession_mm = 16\nhalf_width_mm = 55\nasymmetry_mm = 8");
    assert!(corner(&lopsided, 1.0) - corner(&lopsided, -1.0) > 0.003);
    // Unevenness moves the line by no more than its figures.
    let uneven = ready
        .lay(&text(
            "waviness_mm = 3\nroughness_mm = 1",
            &region("frontal", 20.0),
        ))
        .unwrap()
        .hairline();
    let off: Vec<f64> = uneven
        .iter()
        .map(|p| {
            rule.iter()
                .map(|q| q.distance(p))
                .fold(f64::INFINITY, f64::min)
        })
        .collect();
    let worst = off.iter().copied().fold(0.0, f64::max);
    assert!((0.0015..0.0042).contains(&worst), "{worst}");
}

#[test]
fn the_frontotemporal_angle_is_what_is_asked() {
    let ready = still(6);
    let measured = |degrees: f64| {
        let hairline = format!(
            "waviness_mm = 0\nroughness_mm = 0\nrecession_mm = 22\nhalf_width_mm = 58\nfrontotemporal_deg = {degrees}"
        );
        let line = ready
            .lay(&text(&hairline, &region("frontal", 20.0)))
            .unwrap()
            .hairline();
        // The sharpest turn on the left half, between places 9 mm before and behind.
        let (mut sharpest, reach) = (180.0f64, 18);
        for i in reach..line.len() / 2 - reach {
            let (p, a, b) = (line[i].raw(), line[i - reach].raw(), line[i + reach].raw());
            if p.y > 0.045 && p.z > ready.registration.anatomy.nasion.raw().z + 0.03 {
                sharpest = sharpest.min((a - p).angle(&(b - p)).to_degrees());
            }
        }
        sharpest
    };
    let (sharp, middle, blunt) = (measured(60.0), measured(70.0), measured(80.0));
    assert!(
        sharp + 4.0 < middle && middle + 4.0 < blunt,
        "{sharp} {middle} {blunt}"
    );
    assert!((middle - 70.0).abs() < 30.0, "{middle}");
}

#[test]
fn nonsense_is_refused() {
    let ready = still(4);
    let refuse = |rest: &str| ready.lay(&text("", rest)).unwrap_err();
    let drawn = |curve: &str| refuse(&zone(&format!("name = \"x\"\n{curve}"), 30.0, ""));
    // A bow tie.
    let crossing = drawn("curve_deg = [[-20, 60], [20, 80], [20, 60], [-20, 80]]");
    assert!(
        matches!(
            &crossing,
            DesignError::CurveCrosses {
                first: 1,
                second: 3,
                ..
            }
        ),
        "{crossing}"
    );
    let far = drawn("curve_deg = [[0, 10], [100, 10], [-100, 10]]");
    assert!(
        matches!(far, DesignError::CurveTooFar { from: 1, to: 2, .. }),
        "{far}"
    );
    let flat = drawn("curve_deg = [[10, 70], [10, 70], [30, 70]]");
    assert!(matches!(flat, DesignError::CurveEmpty { .. }), "{flat}");
    let neck = drawn("curve_deg = [[0, -80], [20, -80], [40, -70]]");
    assert!(
        matches!(neck, DesignError::OffScalp { distance: None, .. }),
        "{neck}"
    );
    // Metres where millimetres are wanted.
    let metres = drawn("curve_mm = [[0, 0.02, 0.105], [0.02, 0, 0.105], [0, -0.02, 0.105]]");
    assert!(
        matches!(
            &metres,
            DesignError::OffScalp {
                distance: Some(_),
                ..
            }
        ),
        "{metres}"
    );
    assert!(
        metres.to_string().contains("point 1 of zone \"x\""),
        "{metres}"
    );
    // In the face, in front of the hairline.
    let face = drawn("curve_deg = [[-10, 10], [10, 10], [10, 20], [-10, 20]]");
    assert!(matches!(face, DesignError::ZoneTooSmall { .. }), "{face}");
    // A curve in the scan's frame needs that frame.
    let place = format!(
        "name = \"x\"\ncurve_mm = {}",
        circle(70.0, &Isometry3::identity())
    );
    let treatment = Treatment::parse(&text("", &zone(&place, 30.0, ""))).unwrap();
    let unknown = design::scalp(&ready.head, &ready.registration.anatomy, &treatment, 1);
    assert!(matches!(unknown, Err(DesignError::NoScanFrame { .. })));
    let own = |line: &str| {
        let text = text(&format!("line_deg = {line}"), &region("crown", 30.0));
        ready.lay(&text)
    };
    assert!(own("[[70, 25], [45, 45], [0, 42], [-45, 45], [-70, 25]]").is_ok());
    assert!(
        own("[[-70, 25], [-45, 45], [0, 42], [45, 45], [70, 25]]").is_ok(),
        "right to left"
    );
    let short = own("[[15, 40], [0, 42], [-15, 40]]");
    assert!(
        matches!(short, Err(DesignError::HairlineShort { .. })),
        "{short:?}"
    );
    let low = own("[[70, 25], [45, 45], [0, 12], [-45, 45], [-70, 25]]");
    assert!(
        matches!(low, Err(DesignError::HairlineTooLow { .. })),
        "{low:?}"
    );
    let angle = ready.lay(&text("frontotemporal_deg = 140", &region("crown", 30.0)));
    assert!(
        matches!(angle, Err(DesignError::FrontotemporalAngle { .. })),
        "{angle:?}"
    );
    for error in [crossing, far, flat, neck, metres, face] {
        let line = error.to_string();
        assert!(!line.contains('\n') && line.len() < 300, "{line}");
    }
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
            Err(error) => prop_assert!(matches!(error, DesignError::TooDense { .. }), "{}", error),
        }
    }

    #[test]
    fn no_dot_in_an_exclusion(
        places in prop::collection::vec((-170.0f64..170.0, 30.0f64..90.0), 1..6),
        radius in 0.0f64..8.0, margin in 0.0f64..5.0, seed in any::<u64>()
    ) {
        let ready = still(4);
        let points: Vec<String> = places.iter().map(|(a, e)| format!("[{a}, {e}]")).collect();
        let rest = region("full", 12.0) + &format!(
            "[[exclusions]]\nname = \"moles\"\npoints_deg = [{}]\nradius_mm = {radius}\nmargin_mm = {margin}\n\
             [[exclusions]]\nname = \"wound\"\ncurve_deg = [[-20, 70], [20, 70], [90, 85], [-90, 85]]\nmargin_mm = {margin}\n\
             [existing]\npoints_deg = [{}]",
            points.join(","), points.join(",")
        );
        let treatment = Treatment::parse(&text("", &rest)).unwrap();
        let scalp = design::lay(&ready.subject(), &treatment, seed).unwrap();
        let field = dots::layout(&ready.head, &scalp, &treatment, seed, &|_| ()).unwrap();
        prop_assert_eq!(field.dots.len() as u32, scalp.quotas.iter().sum::<u32>());
        prop_assert_eq!(scalp.existing.len(), places.len());
        for dot in &field.dots {
            let distance = scalp.exclusion_distance(&dot.position).unwrap().mm();
            prop_assert!(distance > margin - 1e-9, "{}", distance);
            // Independently: the points' own places, which are those of the existing hairs.
            for p in &scalp.existing {
                let mm = dot.position.distance(p) * 1e3;
                prop_assert!(mm >= radius + margin - 1e-9 && distance <= (mm - radius).max(0.0) + 1e-9, "{} {}", mm, distance);
            }
        }
        // Right beside an exclusion's margin dots are possible: it takes no more than it says.
        let lost = ready.lay(&text("", &region("full", 12.0))).unwrap().area().cm2() - scalp.area().cm2();
        let most = places.len() as f64 * std::f64::consts::PI * (radius + margin + 0.1).powi(2) / 100.0;
        prop_assert!(lost < most + 75.0, "{} {}", lost, most);
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
