//! What is found in a scan, on heads made for the purpose: repaired where there is one answer, refused where there is none, always told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::{Isometry3, Vector3};
use stipple_planner::register::{self, Landmarks, RegisterError};
use stipple_planner::scan::{
    self, ScanError, ScanFinding, Scanned, UnitChoice, cover, fit, report,
};
use support::{NAMES, Shape, head, landmarks};

fn read(shape: &Shape) -> Result<Scanned, ScanError> {
    let text = shape.ply(&Isometry3::identity());
    scan::read(text.as_bytes(), UnitChoice::Auto, None)
}

fn read_marked(shape: &Shape) -> Result<Scanned, ScanError> {
    let marks = Landmarks::parse(landmarks(&Isometry3::identity(), NAMES).as_bytes()).unwrap();
    let text = shape.ply(&Isometry3::identity());
    scan::read(text.as_bytes(), UnitChoice::Auto, Some(&marks))
}

fn codes(scan: &Scanned) -> Vec<&'static str> {
    scan.findings.iter().map(ScanFinding::code).collect()
}

/// Adds another shape, scaled and moved.
fn add(to: &mut Shape, other: &Shape, scale: [f64; 3], shift: [f64; 3]) {
    let first = to.vertices.len() as u32;
    let place = |v: &Vector3<f64>| v.component_mul(&Vector3::from(scale)) + Vector3::from(shift);
    to.vertices.extend(other.vertices.iter().map(place));
    to.triangles
        .extend(other.triangles.iter().map(|t| t.map(|i| i + first)));
}

#[test]
fn a_bar_eyes_and_a_brain_are_dropped_and_told_with_their_places() {
    let mut shape = head(4);
    let alone = read(&shape).unwrap();
    let ball = head(2);
    // A head-rest bar behind the head, an eye, and a brain that has its own folds' worth of triangles.
    add(&mut shape, &ball, [0.1, 2.0, 0.1], [-160.0, 0.0, 0.0]);
    add(&mut shape, &ball, [0.12; 3], [80.0, 30.0, -10.0]);
    add(&mut shape, &head(5), [0.85; 3], [0.0, 0.0, 5.0]);
    for scan in [read(&shape).unwrap(), read_marked(&shape).unwrap()] {
        assert_eq!(scan.mesh.triangles().len(), alone.mesh.triangles().len());
        let parts: Vec<(bool, f64)> = scan
            .findings
            .iter()
            .filter_map(|f| match f {
                ScanFinding::Part { inside, center, .. } => Some((*inside, center.raw().x * 1e3)),
                _ => None,
            })
            .collect();
        assert_eq!(parts.len(), 3, "{parts:?}");
        assert!(
            parts
                .iter()
                .any(|(inside, x)| !inside && (*x + 160.0).abs() < 2.0)
        );
        assert_eq!(parts.iter().filter(|(inside, _)| *inside).count(), 2);
    }
}

#[test]
fn an_inner_surface_that_touches_in_a_vertex_is_dropped_too() {
    let mut shape = head(3);
    let outer = shape.triangles.len();
    add(&mut shape, &head(3), [0.8; 3], [0.0; 3]);
    // The first vertex of the inner one is pulled onto the outer one's.
    let inner = shape.triangles[outer][0] as usize;
    shape.vertices[inner] = shape.vertices[shape.triangles[0][0] as usize];
    let scan = read(&shape).unwrap();
    assert_eq!(scan.mesh.triangles().len(), outer, "{:?}", codes(&scan));
}

#[test]
fn two_heads_are_refused_with_or_without_landmarks() {
    let mut shape = head(3);
    add(&mut shape, &head(3), [1.05; 3], [0.0, 300.0, 0.0]);
    for error in [read(&shape).unwrap_err(), read_marked(&shape).unwrap_err()] {
        assert!(
            matches!(error, ScanError::TwoHeads { distance, .. } if (distance - 300.0).abs() < 10.0),
            "{error}"
        );
    }
}

#[test]
fn a_chest_is_dropped_with_landmarks_and_asked_about_without() {
    let mut shape = head(3);
    add(&mut shape, &head(3), [1.1, 2.4, 1.4], [0.0, 0.0, -290.0]);
    let asked = read(&shape).map(|_| ()).unwrap_err();
    assert!(matches!(asked, ScanError::TwoParts { .. }), "{asked}");
    let scan = read_marked(&shape).unwrap();
    assert!(codes(&scan).contains(&"part"));
    assert!(scan.mesh.bounds().1.raw().z > 0.1);
}

#[test]
fn a_plate_is_refused_however_it_stands() {
    let mut plate = head(3);
    plate.vertices.iter_mut().for_each(|v| v.z *= 0.02);
    for axis in [Vector3::zeros(), Vector3::new(0.7, 0.6, 0.1)] {
        let motion = Isometry3::rotation(axis);
        let text = plate.ply(&motion);
        let error = scan::read(text.as_bytes(), UnitChoice::Auto, None).unwrap_err();
        assert!(matches!(error, ScanError::Flat { .. }), "{error}");
    }
}

#[test]
fn a_face_without_a_scalp_is_refused_and_a_lost_crown_told() {
    let marks = Landmarks::parse(landmarks(&Isometry3::identity(), NAMES).as_bytes()).unwrap();
    let mut face = head(4);
    // Deep, wide and high enough for a head, and with all landmarks on it.
    face.cut(|p| p.x < -20.0 || p.z > 35.0);
    let scan = read_marked(&face).unwrap();
    let error = register::head_from_scan(&marks, &scan).unwrap_err();
    assert!(
        matches!(error, RegisterError::NoScalp { above } if above < 50.0),
        "{error}"
    );
    let covered = |shape: &Shape| {
        let scan = read_marked(shape).unwrap();
        let r = register::head_from_scan(&marks, &scan).unwrap();
        cover::cover(&scan.mesh.transformed(&r.head_from_scan), &r.anatomy).unwrap()
    };
    let whole = covered(&head(4));
    assert!(
        whole.share > 0.995 && whole.finding().is_none(),
        "{whole:?}"
    );
    let mut lost = head(4);
    lost.cut(|p| p.z > 90.0);
    let lost = covered(&lost);
    assert!((0.7..0.97).contains(&lost.share), "{lost:?}");
    assert_eq!(lost.missing[0].0, "crown", "{lost:?}");
    assert!(lost.finding().is_some());
}

#[test]
fn a_surface_that_runs_through_itself_is_told_where() {
    let clean = read(&head(4)).unwrap();
    assert!(!codes(&clean).contains(&"self_intersections"));
    let mut shape = head(4);
    // A dent deeper than the head is thick: the skin of one ear's side comes out on the other side.
    let tip = shape
        .vertices
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.y.total_cmp(&b.1.y))
        .map(|(i, _)| i)
        .unwrap();
    // Off the axis: the head is so even that edges would meet edges.
    shape.vertices[tip] = Vector3::new(3.1, -90.0, 1.7);
    let scan = read(&shape).unwrap();
    let found = scan.findings.iter().find_map(|f| match f {
        ScanFinding::Crossing {
            triangles, places, ..
        } => Some((*triangles, places[0].0.raw().y)),
        _ => None,
    });
    let (triangles, y) = found.unwrap_or_else(|| panic!("{:?}", codes(&scan)));
    assert!((4..40).contains(&triangles), "{triangles}");
    assert!(y.abs() < 0.09, "{y}");
}

#[test]
fn noise_is_measured_and_told() {
    let mut shape = head(5);
    let smooth = read(&shape).unwrap();
    assert!(smooth.noise.unwrap().mm() < 0.05, "{:?}", smooth.noise);
    let mut seed = 1u64;
    for v in &mut shape.vertices {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(11);
        let unit = (seed >> 11) as f64 / (1u64 << 53) as f64;
        *v *= 1.0 + (2.0 * unit - 1.0) * 3f64.sqrt() * 0.6 / v.norm();
    }
    let rough = read(&shape).unwrap();
    let noise = rough.noise.unwrap().mm();
    assert!((0.42..0.75).contains(&noise), "{noise} of 0.6");
    assert!(codes(&rough).contains(&"noisy"));
}

/// Moves each corner of each triangle by up to this much, mm: nothing is joined then.
fn unjoined(shape: &Shape, off: f64) -> Shape {
    let mut seed = 5u64;
    let mut chance = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(11);
        2.0 * ((seed >> 11) as f64 / (1u64 << 53) as f64) - 1.0
    };
    let corners = shape.triangles.iter().flatten();
    let vertices: Vec<_> = corners
        .map(|&i| shape.vertices[i as usize] + Vector3::from_fn(|_, _| off * chance()))
        .collect();
    let triangles = (0..shape.triangles.len() as u32)
        .map(|t| [3 * t, 3 * t + 1, 3 * t + 2])
        .collect();
    Shape {
        vertices,
        triangles,
    }
}

#[test]
fn triangles_that_are_all_but_joined_are_and_others_are_said_not_to_be() {
    let shape = head(4);
    let whole = read(&shape).unwrap();
    let welded = read(&unjoined(&shape, 0.003)).unwrap();
    assert!(codes(&welded).contains(&"welded"), "{:?}", codes(&welded));
    assert_eq!(
        (welded.mesh.vertices().len(), welded.mesh.triangles().len()),
        (whole.mesh.vertices().len(), whole.mesh.triangles().len())
    );
    // Exactly the same corners need no tolerance.
    let exact = read(&unjoined(&shape, 0.0)).unwrap();
    assert!(!codes(&exact).contains(&"welded"));
    let apart = read(&unjoined(&shape, 0.8)).unwrap_err();
    assert!(matches!(apart, ScanError::NotJoined { .. }), "{apart}");
}

#[test]
fn landmarks_on_the_inner_of_two_skins_are_asked_about() {
    let mut shape = head(4);
    add(&mut shape, &head(4), [1.04; 3], [0.0; 3]);
    let error = read_marked(&shape).unwrap_err();
    assert!(matches!(error, ScanError::TwoSkins { .. }), "{error}");
    // On the outer one they say which is the skin.
    let mut shape = head(4);
    add(&mut shape, &head(4), [0.96; 3], [0.0; 3]);
    let scan = read_marked(&shape).unwrap();
    let inner = scan
        .findings
        .iter()
        .find(|f| matches!(f, ScanFinding::Part { .. }));
    assert!(
        matches!(inner, Some(ScanFinding::Part { inside: true, .. })),
        "{:?}",
        scan.findings
    );
}

#[test]
fn numbers_too_coarse_for_where_the_scan_lies_are_told() {
    let far = Isometry3::translation(6.0e5, 0.0, 8.0e5);
    let shape = head(4);
    let moved = |v: &Vector3<f64>| v + far.translation.vector;
    let rounded = Shape {
        vertices: shape
            .vertices
            .iter()
            .map(|v| moved(v).map(|c| f64::from(c as f32)))
            .collect(),
        triangles: shape.triangles.clone(),
    };
    let scan = read(&rounded).unwrap();
    let step = scan.findings.iter().find_map(|f| match f {
        ScanFinding::Stepped { step } => Some(step.mm()),
        _ => None,
    });
    assert!((step.unwrap() - 0.0625).abs() < 1e-6, "{step:?}");
    // As far away in numbers that are fine enough.
    let fine = scan::read(shape.ply(&far).as_bytes(), UnitChoice::Auto, None).unwrap();
    assert!(!codes(&fine).contains(&"coarse_numbers"));
}

/// Whether a scan may be planned on, with its landmarks.
fn fits(shape: &Shape) -> Result<(), ScanError> {
    let marks = Landmarks::parse(landmarks(&Isometry3::identity(), NAMES).as_bytes()).unwrap();
    let scan = read_marked(shape).unwrap();
    let r = register::head_from_scan(&marks, &scan).unwrap();
    let head = scan.mesh.transformed(&r.head_from_scan);
    let alone = fit::check(&scan);
    let judged = fit::check_head(&scan, &head, &r.anatomy);
    assert!(judged.is_err() || alone.is_ok(), "{alone:?}");
    judged
}

#[test]
fn a_scan_as_coarse_or_rough_as_to_miss_the_dots_accuracy_is_not_planned_on() {
    // Edges of 7 and 14 mm follow a head, edges of 27 mm do not: the sag over them is 1.1 mm where the radius is 80 mm.
    assert!(fits(&head(4)).is_ok());
    assert!(fits(&head(3)).is_ok());
    let error = fits(&head(2)).unwrap_err();
    assert!(
        matches!(error, ScanError::TooCoarse { scatter_mm, .. } if (0.15..0.6).contains(&scatter_mm)),
        "{error}"
    );
    // Vertices that stray this much off edges of 3.4 mm tilt facets by some 8° and 25°.
    let noisy = |off: f64| {
        let mut shape = head(5);
        let moved = unjoined(
            &Shape {
                vertices: shape.vertices.clone(),
                triangles: (0..shape.vertices.len() as u32).map(|i| [i; 3]).collect(),
            },
            off * 3f64.sqrt(),
        );
        for (v, m) in shape
            .vertices
            .iter_mut()
            .zip(moved.vertices.iter().step_by(3))
        {
            *v = *m;
        }
        shape
    };
    assert!(fits(&noisy(0.2)).is_ok());
    let error = fits(&noisy(0.8)).unwrap_err();
    assert!(
        matches!(error, ScanError::TooRough { tilt_deg, inflation, .. } if (18.0..40.0).contains(&tilt_deg) && inflation > 1.05),
        "{error}"
    );
    let text = report::text(&read_marked(&noisy(0.8)).unwrap(), &Err(error));
    assert!(text.contains("result      not fit for planning: the surface is too rough"));
}

/// A head of quads, every second one concave, as polygons: none may fold over.
#[test]
fn concave_polygons_of_an_obj_are_not_folded() {
    use std::fmt::Write as _;
    let shape = head(3);
    let whole = read(&shape).unwrap();
    // Each triangle becomes three quads about a point near its first corner, where one of them is concave then.
    let mut text = String::from("# mm\n");
    let mut faces = String::new();
    for (k, t) in shape.triangles.iter().enumerate() {
        let [a, b, c] = t.map(|i| shape.vertices[i as usize]);
        let middle = a * 0.8 + b * 0.1 + c * 0.1;
        for p in [a, b, c, (a + b) / 2.0, (b + c) / 2.0, (c + a) / 2.0, middle] {
            writeln!(text, "v {} {} {}", p.x, p.y, p.z).unwrap();
        }
        for quad in [[3, 6, 5, 0], [1, 4, 6, 3], [2, 5, 6, 4]] {
            let [p, q, r, s] = quad.map(|corner| 7 * k + corner + 1);
            writeln!(faces, "f {p} {q} {r} {s}").unwrap();
        }
    }
    let scan = scan::read((text + &faces).as_bytes(), UnitChoice::Auto, None);
    let scan = scan.unwrap();
    assert!((scan.mesh.area().m2() / whole.mesh.area().m2() - 1.0).abs() < 1e-9);
    assert!(!codes(&scan).contains(&"self_intersections"));
}

#[test]
fn far_from_the_origin_is_told_with_what_is_lost() {
    let far = Isometry3::translation(3.0e5, 0.0, 4.0e5);
    let scan = scan::read(head(3).ply(&far).as_bytes(), UnitChoice::Auto, None).unwrap();
    let text = scan
        .findings
        .iter()
        .find(|f| f.code() == "far_origin")
        .unwrap()
        .text();
    assert!(
        text.contains("500.0 m") && text.contains("0.060 mm"),
        "{text}"
    );
}

#[test]
fn the_report_has_numbers_and_places_for_machines() {
    let mut shape = head(4);
    shape.cut(|p| p.z > 95.0);
    let scan = read(&shape).unwrap();
    let json = report::json(&scan, &fit::check(&scan));
    let holes: Vec<&serde_json::Value> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["code"] == "hole")
        .collect();
    assert_eq!(holes.len(), 2);
    assert!(holes.iter().all(|h| h["weight"] == "warning"));
    assert!(holes[1]["place_mm"][2].as_f64().unwrap() > 80.0);
    assert!(holes[1]["size_mm"].as_f64().unwrap() > 30.0);
    assert_eq!(json["clean"], false);
    let warnings = scan
        .findings
        .iter()
        .filter(|f| f.weight() == scan::Weight::Warning)
        .count();
    let text = report::text(&scan, &fit::check(&scan));
    assert_eq!(text.matches("\nwarning ").count(), warnings);
    assert!(
        warnings > 2 && text.contains(&format!("look at the {warnings} warnings")),
        "{text}"
    );
}
