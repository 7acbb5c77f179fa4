//! Landmarks under wrong names, and scans laid onto each other, on real heads. The scans are looked for in `../shared` beside the
//! checkout, or in `$STIPPLE_SHARED`; skipped, loudly, where they are missing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::{Isometry3, Vector3};
use proptest::prelude::*;
use stipple_model::frames::{Point, Rescan, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::registration::{Limits, Refusal};
use stipple_planner::register::{
    self, Landmarks, RegisterError, RescanError, Rescanned, StartedFrom,
};
use stipple_planner::scan::{self, Scanned, UnitChoice};
use support::shared;

const COLIN: &str = "scans/colin27_av_ras.ply";
const FSAVERAGE: &str = "scans/fsaverage_head.stl";
const LEE: &str = "scans/lee_perry_smith.obj";
const LEE_MM: &str = "scans/lee_perry_smith_mm.stl";
const MESH2HRTF: &str = "scans/mesh2hrtf_head.ply";
const HEADS: [&str; 4] = [COLIN, FSAVERAGE, LEE, MESH2HRTF];

fn landmarks_text(scan: &str) -> Option<String> {
    let path = shared(&format!("{}.landmarks.json", scan.split('.').next()?))?;
    Some(std::fs::read_to_string(path).unwrap())
}

fn read(scan: &str) -> Option<(Scanned, Landmarks)> {
    let landmarks = Landmarks::parse(landmarks_text(scan)?.as_bytes()).unwrap();
    let scan = scan::read_file(&shared(scan)?, UnitChoice::Auto, Some(&landmarks)).unwrap();
    Some((scan, landmarks))
}

/// A landmarks file with just these points, mm.
fn file(points: &[(&str, Vector3<f64>)]) -> Landmarks {
    let entries: Vec<String> = points
        .iter()
        .map(|(name, p)| format!("\"{name}\": [{:e}, {:e}, {:e}]", p.x, p.y, p.z))
        .collect();
    Landmarks::parse(format!("{{\"points\": {{{}}}}}", entries.join(", ")).as_bytes()).unwrap()
}

/// All ways but the right one to give three points three names.
const WRONG: [[usize; 3]; 5] = [[0, 2, 1], [1, 0, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]];

/// The landmarks of a head that were used, by name, in file units.
fn three(landmarks: &Landmarks) -> [(&'static str, Vector3<f64>); 3] {
    use register::Landmark::{LeftEar, Nasion, Opisthocranion, RightEar, Vertex};
    let sets = [
        [Nasion, LeftEar, RightEar],
        [Nasion, Vertex, Opisthocranion],
    ];
    let whole = |set: &&[register::Landmark; 3]| set.iter().all(|l| landmarks.get(*l).is_some());
    sets.iter()
        .find(whole)
        .unwrap()
        .map(|l| (l.name(), landmarks.get(l).unwrap()))
}

#[test]
fn every_exchange_of_names_is_refused_with_what_is_wrong() {
    let mut seen = 0;
    for head in HEADS {
        let Some((scan, landmarks)) = read(head) else {
            return;
        };
        let points = three(&landmarks);
        let right = register::head_from_scan(&file(&points), &scan).unwrap();
        for order in WRONG {
            let named = [0, 1, 2].map(|i| (points[i].0, points[order[i]].1));
            let error = register::head_from_scan(&file(&named), &scan).unwrap_err();
            // Ears: LPA for RPA. Midline: nasion for opisthocranion. Both leave the longest side where it is.
            let ends = match right.set {
                register::LandmarkSet::Ears => order == [0, 2, 1],
                register::LandmarkSet::Midline => order == [2, 1, 0],
            };
            match (&error, ends, right.set) {
                (RegisterError::UpsideDown { .. }, true, register::LandmarkSet::Ears)
                | (RegisterError::Backwards { .. }, true, register::LandmarkSet::Midline) => {}
                (RegisterError::Misnamed { lone, middle, .. }, false, _) => {
                    // The point that carries the lone name is the one that the middle name belongs to.
                    let at = named.iter().find(|(name, _)| name == lone).unwrap().1;
                    let is = points.iter().find(|(_, p)| *p == at).unwrap().0;
                    assert_eq!(is, *middle, "{head} {order:?}: {error}");
                }
                _ => panic!("{head} {order:?}: {error}"),
            }
            let line = error.to_string();
            assert!(!line.contains('\n') && line.contains("swapped"), "{line}");
            seen += 1;
        }
    }
    assert_eq!(seen, 20);
}

#[test]
fn every_exchange_of_names_is_refused_on_a_head_without_a_face() {
    let shape = support::head(4);
    let scan = scan::read(
        shape.ply(&Isometry3::identity()).as_bytes(),
        UnitChoice::Auto,
        None,
    )
    .unwrap();
    for order in WRONG {
        let names = [0, 1, 2].map(|i| support::NAMES[order[i]]);
        let text = support::landmarks(&Isometry3::identity(), names);
        let landmarks = Landmarks::parse(text.as_bytes()).unwrap();
        let error = register::head_from_scan(&landmarks, &scan).unwrap_err();
        let expected = match order {
            [0, 2, 1] => matches!(error, RegisterError::UpsideDown { .. }),
            _ => matches!(error, RegisterError::Misnamed { .. }),
        };
        assert!(expected, "{order:?}: {error}");
    }
}

/// The scan and its landmarks as a scanner that exchanges left and right writes them.
fn mirrored(
    scan: &Scanned,
    points: &[(&'static str, Vector3<f64>)],
    axis: usize,
) -> (Scanned, Landmarks) {
    let flip = |mut v: Vector3<f64>| {
        v[axis] = -v[axis];
        v
    };
    let vertices = scan
        .mesh
        .vertices()
        .iter()
        .map(|p| Point::from_raw(flip(p.raw())));
    let triangles = scan.mesh.triangles().iter().map(|&[a, b, c]| [a, c, b]);
    let mut image = scan.clone();
    image.mesh = SurfaceMesh::new(vertices.collect(), triangles.collect()).unwrap();
    let points: Vec<_> = points.iter().map(|(name, p)| (*name, flip(*p))).collect();
    (image, file(&points))
}

#[test]
fn a_mirrored_scan_with_ears_is_refused_whichever_axis_was_exchanged() {
    for head in [COLIN, FSAVERAGE] {
        let Some((scan, landmarks)) = read(head) else {
            return;
        };
        for axis in 0..3 {
            let (image, landmarks) = mirrored(&scan, &three(&landmarks), axis);
            let error = register::head_from_scan(&landmarks, &image).unwrap_err();
            assert!(
                matches!(error, RegisterError::UpsideDown { .. }),
                "{head} {axis}: {error}"
            );
            assert!(error.to_string().contains("mirrored"));
        }
    }
}

#[test]
fn a_further_landmark_gives_away_what_the_midline_cannot() {
    let Some((scan, landmarks)) = read(MESH2HRTF) else {
        return;
    };
    let mut points = three(&landmarks).to_vec();
    // By this file's own frame: the origin is midway between the ears' canals, y to the left.
    let side = scan.mesh.vertices().iter().map(|p| p.raw() * 1e3);
    let left = side
        .filter(|p| p.x.abs() < 8.0 && p.z.abs() < 8.0 && p.y > 0.0)
        .max_by(|a, b| a.y.total_cmp(&b.y))
        .unwrap();
    points.push(("LPA", left));
    register::head_from_scan(&file(&points), &scan).unwrap();
    let (image, image_landmarks) = mirrored(&scan, &points, 1);
    let error = register::head_from_scan(&image_landmarks, &image).unwrap_err();
    assert!(
        matches!(
            error,
            RegisterError::WrongSide {
                landmark: "LPA",
                right: "left",
                ..
            }
        ),
        "{error}"
    );
    points[3].0 = "RPA";
    let error = register::head_from_scan(&file(&points), &scan).unwrap_err();
    assert!(
        matches!(
            error,
            RegisterError::WrongSide {
                landmark: "RPA",
                ..
            }
        ),
        "{error}"
    );
    points[3] = ("Iz", left + Vector3::new(0.0, 0.0, 300.0));
    let error = register::head_from_scan(&file(&points), &scan).unwrap_err();
    assert!(
        matches!(
            error,
            RegisterError::OffSurface {
                landmark: "inion",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn landmarks_of_another_scan_are_refused() {
    let Some(all) = HEADS.iter().map(|h| read(h)).collect::<Option<Vec<_>>>() else {
        return;
    };
    for (i, (scan, _)) in all.iter().enumerate() {
        for (j, (other, landmarks)) in all.iter().enumerate().filter(|(j, _)| *j != i) {
            // Even in the scan's own unit.
            let scale = other.metres_per_unit / scan.metres_per_unit;
            let points = three(landmarks).map(|(name, p)| (name, p * scale));
            let result = register::head_from_scan(&file(&points), scan);
            assert!(result.is_err(), "{} on {}", HEADS[j], HEADS[i]);
        }
    }
}

#[test]
fn a_nasion_far_off_the_middle_is_refused() {
    let Some((scan, landmarks)) = read(COLIN) else {
        return;
    };
    let mut points = three(&landmarks);
    // On the right temple.
    points[0].1 = Vector3::new(63.5, 76.1, -43.0);
    let error = register::head_from_scan(&file(&points), &scan).unwrap_err();
    assert!(matches!(error, RegisterError::Lopsided { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_points_make_a_finite_frame_or_a_line_that_says_why(
        points in prop::collection::vec(prop::array::uniform3(prop_oneof![
            -120.0..120.0f64, Just(0.0), Just(97.0), -1e-9..1e-9f64, Just(1e300), Just(-1e308)]), 6),
        used in 0u32..64,
    ) {
        let scan = scan::read(support::head(2).ply(&Isometry3::identity()).as_bytes(), UnitChoice::Auto, None).unwrap();
        let names = ["nasion", "LPA", "RPA", "vertex", "opisthocranion", "inion"];
        let named: Vec<_> = (0..6).filter(|i| used & (1 << i) != 0).map(|i| (names[i], Vector3::from(points[i]))).collect();
        match register::head_from_scan(&file(&named), &scan) {
            Ok(registration) => prop_assert!(registration.head_from_scan.is_finite()),
            Err(error) => prop_assert!(!error.to_string().contains(['\n']), "{}", error),
        }
    }
}

// Scan to scan.

fn moved(scan: &Scanned, by: &Isometry3<f64>) -> Scanned {
    let mut moved = scan.clone();
    moved.mesh = scan
        .mesh
        .transformed(&Transform::<Scan, Scan>::from_raw(*by));
    moved
}

fn moved_landmarks(landmarks: &Landmarks, scan: &Scanned, by: &Isometry3<f64>) -> Landmarks {
    let scale = scan.metres_per_unit;
    file(&three(landmarks).map(|(name, p)| {
        (
            name,
            (by * nalgebra::Point3::from(p * scale)).coords / scale,
        )
    }))
}

fn motion() -> Isometry3<f64> {
    *Transform::<Scan, Scan>::from_xyz_rpy([0.6, -0.2, 1.1], [2.5, 0.6, -1.2]).raw()
}

/// By how much the pose misplaces the fixed head (what is within 140 mm of its middle), metres.
fn misplaced(
    fixed: &Scanned,
    laid: &Rescanned,
    pose: &Transform<Scan, Rescan>,
    by: &Isometry3<f64>,
) -> f64 {
    let off = pose.raw() * by;
    let head = laid.head.head_from_scan.inverse().origin();
    fixed
        .mesh
        .vertices()
        .iter()
        .filter(|p| p.distance(&head) < 0.14)
        .map(|p| ((off * nalgebra::Point3::from(p.raw())).coords - p.raw()).norm())
        .fold(0.0, f64::max)
}

#[test]
fn two_extractions_of_one_person_are_laid_on_each_other() {
    let by = motion();
    // (planned, later, whether both have landmarks of their own, misplaced at most)
    for (fixed, later, most) in [
        (LEE, LEE_MM, 1e-5),
        (COLIN, "quirky-scans/reference.ply", 7e-4),
        (COLIN, "bad-scans/26_crown_hole.ply", 7e-4),
    ] {
        let (Some((planned, landmarks)), Some(path)) = (read(fixed), shared(later)) else {
            return;
        };
        let later_scan =
            scan::read_file(&path, UnitChoice::Given(scan::Unit::Millimetre), None).unwrap();
        // Landmarks of the same person are the same places, in the later file's millimetres.
        let in_mm = three(&landmarks).map(|(n, p)| (n, p * (planned.metres_per_unit * 1e3)));
        let theirs = moved_landmarks(&file(&in_mm), &later_scan, &by);
        let later_scan = moved(&later_scan, &by);
        let laid = register::rescan(&planned, &landmarks, &later_scan, Some(&theirs)).unwrap();
        assert_eq!(laid.started_from, StartedFrom::Landmarks);
        let pose = laid.alignment.accept(&Limits::default()).unwrap();
        let off = misplaced(&planned, &laid, &pose, &by);
        eprintln!(
            "{later}: rms {:.3} mm, misplaced {:.3} mm, {:?} {:?} rounds {}",
            laid.alignment.residual.rms.mm(),
            off * 1e3,
            laid.alignment.overlap,
            laid.alignment.observability,
            laid.alignment.rounds
        );
        assert!(off < most, "{later}: {off}");
    }
}

#[test]
fn a_later_scan_without_landmarks_is_found_when_its_axes_are_exchanged() {
    let turned = *Transform::<Scan, Scan>::from_xyz_rpy([0.3, 0.1, -0.2], [1.6, 0.0, 1.55]).raw();
    for head in [COLIN, MESH2HRTF] {
        let Some((planned, landmarks)) = read(head) else {
            return;
        };
        let laid = register::rescan(&planned, &landmarks, &moved(&planned, &turned), None).unwrap();
        assert_eq!(laid.started_from, StartedFrom::Axes);
        let pose = laid.alignment.accept(&Limits::default()).unwrap();
        assert!(
            misplaced(&planned, &laid, &pose, &turned) < 2e-5,
            "{head}: {laid:?}"
        );
    }
}

#[test]
fn a_head_with_four_tenths_cut_away_is_still_found() {
    let by = motion();
    for head in HEADS {
        let Some((planned, landmarks)) = read(head) else {
            return;
        };
        let frame = register::head_from_scan(&landmarks, &planned)
            .unwrap()
            .head_from_scan;
        // Everything on the right beyond 8 mm from the midline.
        let kept: Vec<[u32; 3]> = (0..planned.mesh.triangles().len())
            .filter(|&i| {
                let [a, b, c] = planned.mesh.corners(i).map(|p| (frame * p).raw());
                ((a + b + c) / 3.0).y > -0.008
            })
            .map(|i| planned.mesh.triangles()[i])
            .collect();
        let mut later = planned.clone();
        later.mesh = SurfaceMesh::new(planned.mesh.vertices().to_vec(), kept).unwrap();
        let share = later.mesh.area().m2() / planned.mesh.area().m2();
        assert!((0.5..0.62).contains(&share), "{head}: {share}");
        // Landmarks picked on the whole of it, but 6 mm off; where RPA was there is no surface now.
        let mut theirs = three(&landmarks);
        theirs[0].1.x += 0.006 / planned.metres_per_unit;
        let theirs = moved_landmarks(&file(&theirs), &planned, &by);
        let later = moved(&later, &by);
        let laid = register::rescan(&planned, &landmarks, &later, Some(&theirs)).unwrap();
        let pose = laid.alignment.accept(&Limits::default()).unwrap();
        assert!(
            misplaced(&planned, &laid, &pose, &by) < 2e-5,
            "{head}: {laid:?}"
        );
    }
}

/// H7.
#[test]
fn another_persons_head_is_refused_by_its_residual() {
    let Some(all) = HEADS.iter().map(|h| read(h)).collect::<Option<Vec<_>>>() else {
        return;
    };
    for (i, (planned, landmarks)) in all.iter().enumerate() {
        let j = (i + 1) % all.len();
        let (later, theirs) = &all[j];
        let laid = register::rescan(planned, landmarks, later, Some(theirs)).unwrap();
        let refusal = laid.alignment.accept(&Limits::default()).unwrap_err();
        assert!(
            matches!(refusal, Refusal::ResidualTooLarge { rms_mm, .. } if rms_mm > 2.0),
            "{} on {}: {refusal}",
            HEADS[j],
            HEADS[i]
        );
    }
}

#[test]
fn scans_with_different_sets_of_landmarks_start_from_the_same_head() {
    let Some((planned, landmarks)) = read(COLIN) else {
        return;
    };
    use register::Landmark::{Nasion, Vertex};
    // This file's y is forward; the rearmost place of the midline above the neck.
    let behind = planned.mesh.vertices().iter().map(|p| p.raw() * 1e3);
    let behind = behind
        .filter(|p| p.x.abs() < 10.0 && p.z > -40.0)
        .min_by(|a, b| a.y.total_cmp(&b.y))
        .unwrap();
    let midline = file(&[
        ("Nz", landmarks.get(Nasion).unwrap()),
        ("Cz", landmarks.get(Vertex).unwrap()),
        ("opisthocranion", behind),
    ]);
    let by = motion();
    let later = moved(&planned, &by);
    for (ours, theirs) in [(&landmarks, &midline), (&midline, &landmarks)] {
        let theirs = moved_landmarks(theirs, &planned, &by);
        let laid = register::rescan(&planned, ours, &later, Some(&theirs)).unwrap();
        let pose = laid.alignment.accept(&Limits::default()).unwrap();
        assert!(misplaced(&planned, &laid, &pose, &by) < 2e-5, "{laid:?}");
    }
}

#[test]
fn a_mirrored_later_scan_is_found_out_where_landmarks_cannot() {
    for head in HEADS {
        let Some((planned, landmarks)) = read(head) else {
            return;
        };
        let frame = register::head_from_scan(&landmarks, &planned)
            .unwrap()
            .head_from_scan;
        // Mirrored, and the ears named as they look: this is a whole and plausible head.
        let flip = |p: &Point<Scan>| {
            let mut v = (frame * *p).raw();
            v.y = -v.y;
            frame.inverse() * Point::from_raw(v)
        };
        let mut later = planned.clone();
        later.mesh = SurfaceMesh::new(
            planned.mesh.vertices().iter().map(flip).collect(),
            planned
                .mesh
                .triangles()
                .iter()
                .map(|&[a, b, c]| [a, c, b])
                .collect(),
        )
        .unwrap();
        let laid = register::rescan(&planned, &landmarks, &later, Some(&landmarks)).unwrap();
        let refusal = laid.alignment.accept(&Limits::default()).unwrap_err();
        eprintln!("{head}: {refusal}");
        assert!(
            matches!(refusal, Refusal::Mirrored { .. }),
            "{head}: {refusal}"
        );
    }
}

#[test]
fn refused_landmarks_say_which_scans() {
    let Some((scan, landmarks)) = read(MESH2HRTF) else {
        return;
    };
    let mut swapped = three(&landmarks);
    (swapped[0].1, swapped[1].1) = (swapped[1].1, swapped[0].1);
    let swapped = file(&swapped);
    let error = register::rescan(&scan, &swapped, &scan, None).unwrap_err();
    assert!(
        matches!(error, RescanError::Fixed(RegisterError::Misnamed { .. })),
        "{error}"
    );
    let error = register::rescan(&scan, &landmarks, &scan, Some(&swapped)).unwrap_err();
    assert!(
        error.to_string().starts_with("the moving scan: "),
        "{error}"
    );
}
