//! The hairline on a head follows its figures, and what makes no sense is refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::Isometry3;
use stipple_model::frames::{Head, Point};
use stipple_model::treatment::Treatment;
use stipple_planner::design::{self, DesignError};
use support::design::{circle, region, still, text, zone};

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
fn the_finished_line_turns_by_the_angle_asked_for() {
    // The angle itself, before the corner is rounded, is held in the rule's own tests.
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
    // Below the glabella, however far; and down the cheek beside the eye, far from the glabella too.
    let line = |degrees: i32| {
        let points: Vec<String> = (-8..=8)
            .map(|k| format!("[{}, {degrees}]", -10 * k))
            .collect();
        own(&format!("[{}]\npolicy = \"female\"", points.join(",")))
    };
    for degrees in [-38, -34] {
        let face = line(degrees);
        assert!(
            matches!(face, Err(DesignError::HairlineBelowGlabella)),
            "{degrees}: {face:?}"
        );
    }
    for degrees in [-30, -20, -10, 0, 10] {
        let low = line(degrees);
        assert!(
            matches!(
                low,
                Err(DesignError::HairlineTooLow { .. } | DesignError::HairlineBelowGlabella)
            ),
            "{degrees}: {low:?}"
        );
    }
    assert!(line(45).is_ok());
    let cheek = own(
        "[[75, 25], [60, 30], [45, -32], [30, 40], [0, 42], [-45, 45], [-70, 25]]\npolicy = \"female\"",
    );
    assert!(
        matches!(cheek, Err(DesignError::HairlineOnFace { .. })),
        "{cheek:?}"
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
