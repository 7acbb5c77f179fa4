use nalgebra::{UnitQuaternion, Vector3};
use proptest::prelude::*;

use super::*;
use crate::frames::{Rescan, Scan};

mod points;

/// A person: bumps on an egg, with a nose, ears and no symmetry to speak of.
#[derive(Clone, Copy)]
struct Person {
    half_axes: [f64; 3],
    /// Height of the bumps, metres, and what moves them about.
    bumps: f64,
    which: f64,
    face: bool,
}

const ANNA: Person = Person {
    half_axes: [0.097, 0.076, 0.105],
    bumps: 0.0012,
    which: 0.3,
    face: true,
};
const OTHER: Person = Person {
    half_axes: [0.093, 0.080, 0.101],
    bumps: 0.0012,
    which: 2.1,
    face: true,
};

impl Person {
    /// The skin in a direction.
    fn skin(&self, d: &Vector3<f64>) -> Vector3<f64> {
        let mut r = 1.0 / d.component_div(&Vector3::from(self.half_axes)).norm();
        let w = self.which;
        r += self.bumps
            * ((5.0 * d.x + w).sin()
                + (7.0 * d.y - 3.0 * d.z + 2.0 * w).sin()
                + (6.0 * d.z + 4.0 * d.x * d.y + w).cos());
        if self.face {
            let hill = |at: [f64; 3], width: f64| {
                let at = Vector3::from(at).normalize();
                (-(d - at).norm_squared() / (width * width)).exp()
            };
            r += 0.022 * hill([1.0, 0.02, -0.45], 0.13);
            r += 0.014 * hill([-0.05, 1.0, -0.35], 0.16);
            r += 0.014 * hill([-0.05, -1.0, -0.33], 0.16);
        }
        d * r
    }
}

/// A surface around the origin: `rings` rings about an axis turned by `pole`, with noise along the skin's direction.
fn scan(person: Person, rings: usize, pole: f64, noise: f64) -> SurfaceMesh<Scan> {
    let ball = crate::testing::ball(1.0, rings, true);
    let turn = UnitQuaternion::from_euler_angles(pole, 0.7 * pole, 0.2 * pole);
    let mut state = 1u64;
    let vertices = ball
        .vertices()
        .iter()
        .map(|p| {
            let d = (turn * p.raw()).normalize();
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let even = (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
            // An even spread of this width has the wanted standard deviation.
            Point::from_raw(person.skin(&d) + d * (noise * 12f64.sqrt() * even))
        })
        .collect();
    SurfaceMesh::new(vertices, ball.triangles().to_vec()).unwrap()
}

/// Without the triangles whose middle is chosen.
fn cut(mesh: &SurfaceMesh<Scan>, away: impl Fn(Vector3<f64>) -> bool) -> SurfaceMesh<Scan> {
    let kept = (0..mesh.triangles().len())
        .filter(|&i| {
            let [a, b, c] = mesh.corners(i).map(|p| p.raw());
            !away((a + b + c) / 3.0)
        })
        .map(|i| mesh.triangles()[i])
        .collect();
    SurfaceMesh::new(mesh.vertices().to_vec(), kept).unwrap()
}

fn mapped(mesh: &SurfaceMesh<Scan>, f: impl Fn(Vector3<f64>) -> Vector3<f64>) -> SurfaceMesh<Scan> {
    let vertices = mesh.vertices().iter().map(|p| Point::from_raw(f(p.raw())));
    SurfaceMesh::new(vertices.collect(), mesh.triangles().to_vec()).unwrap()
}

fn motion(xyz: [f64; 3], rpy: [f64; 3]) -> Transform<Rescan, Scan> {
    Transform::from_xyz_rpy(xyz, rpy)
}

/// A start this far off.
fn near(rescan_from_scan: &Transform<Rescan, Scan>) -> Transform<Scan, Rescan> {
    let off: Transform<Scan, Scan> =
        Transform::from_xyz_rpy([0.012, -0.008, 0.01], [0.12, -0.1, 0.15]);
    off * rescan_from_scan.inverse()
}

/// By how much a pose misplaces the surface at worst, metres.
fn misplaced(
    mesh: &SurfaceMesh<Scan>,
    rescan_from_scan: &Transform<Rescan, Scan>,
    found: &Transform<Scan, Rescan>,
) -> f64 {
    let off = *found * *rescan_from_scan;
    let all = mesh.vertices().iter().map(|p| (off * *p).distance(p));
    all.fold(0.0, f64::max)
}

fn lay(
    fixed: &SurfaceMesh<Scan>,
    moving: &SurfaceMesh<Scan>,
    by: &Transform<Rescan, Scan>,
) -> Alignment<Scan, Rescan> {
    let mirror = Some((Point::origin(), Direction::y()));
    let options = Options {
        mirror,
        ..Options::default()
    };
    align(fixed, &moving.transformed(by), &[near(by)], &options).unwrap()
}

const MOVED: ([f64; 3], [f64; 3]) = ([0.4, -1.2, 0.3], [2.0, 0.4, -1.0]);

#[test]
fn two_extractions_of_one_person_come_together() {
    let by = motion(MOVED.0, MOVED.1);
    let (fixed, moving) = (scan(ANNA, 60, 0.0, 0.0), scan(ANNA, 47, 1.0, 0.0));
    let exact = lay(&fixed, &fixed, &by);
    let pose = exact.accept(&Limits::default()).unwrap();
    assert!(misplaced(&fixed, &by, &pose) < 5e-6, "{exact:?}");
    let again = lay(&fixed, &moving, &by);
    let pose = again.accept(&Limits::default()).unwrap();
    assert!(misplaced(&fixed, &by, &pose) < 1.5e-4, "{again:?}");
    assert!(again.overlap.of_moving > 0.95 && again.overlap.of_fixed > 0.95);
    assert!(again.rounds <= 60, "{}", again.rounds);
    // Noise comes out as residual, and the place is still known much better than that.
    let noisy = lay(&scan(ANNA, 60, 0.0, 0.0), &scan(ANNA, 90, 1.0, 4e-4), &by);
    let pose = noisy.accept(&Limits::default()).unwrap();
    let off = misplaced(&fixed, &by, &pose);
    assert!(off < 3e-4, "{off} {noisy:?}");
    assert!((0.1..0.5).contains(&noisy.residual.rms.mm()), "{noisy:?}");
    let told = noisy.observability.uncertainty.unwrap().m();
    assert!(off < 3.0 * told + 1e-4, "{off} {told}");
}

#[test]
fn missing_parts_pull_at_nothing() {
    let by = motion(MOVED.0, MOVED.1);
    let (whole, other) = (scan(ANNA, 60, 0.0, 0.0), scan(ANNA, 47, 1.0, 2e-4));
    let left = |p: Vector3<f64>| p.y < -0.012;
    let low = |p: Vector3<f64>| p.z < -0.02;
    for (what, fixed, moving) in [
        ("moving", whole.clone(), cut(&other, left)),
        ("fixed", cut(&whole, left), other.clone()),
        ("both", cut(&whole, low), cut(&other, left)),
    ] {
        let found = lay(&fixed, &moving, &by);
        let pose = found.accept(&Limits::default()).unwrap();
        let off = misplaced(&whole, &by, &pose);
        assert!(off < 4e-4, "{what}: {off} {found:?}");
    }
}

#[test]
fn hair_and_a_collar_are_told_and_do_not_move_the_head() {
    let by = motion(MOVED.0, MOVED.1);
    let fixed = scan(ANNA, 60, 0.0, 0.0);
    // A tuft 6 mm high over the back of the crown and a collar that stands off by 15 mm.
    let moving = mapped(&scan(ANNA, 47, 1.0, 2e-4), |p| {
        let d = p.normalize();
        if d.z < -0.75 {
            p + d * 0.015
        } else if d.z > 0.3 && d.x < -0.2 {
            p + d * 0.006
        } else {
            p
        }
    });
    let found = lay(&fixed, &moving, &by);
    let pose = found.accept(&Limits::default()).unwrap();
    let off = misplaced(&fixed, &by, &pose);
    assert!(off < 4e-4, "{off} {found:?}");
    assert!(found.overlap.changed > 0.08, "{found:?}");
    assert!(found.overlap.of_moving < 0.85, "{found:?}");
}

/// H7: what fits elsewhere says nothing of the skin that is worked on.
#[test]
fn skin_that_has_changed_where_it_is_worked_on_is_refused() {
    let by = motion(MOVED.0, MOVED.1);
    let fixed = scan(ANNA, 60, 0.0, 0.0);
    let top = Point::<Scan>::new(0.0, 0.0, 0.07);
    let options = Options {
        worked: Some((top, Direction::z())),
        ..Options::default()
    };
    // All that is higher than that lies farther out, or in, by so much.
    let changed = |by_mm: f64| {
        mapped(&scan(ANNA, 47, 1.0, 1e-4), |p| {
            let above = ((p.z - 0.065) / 0.005).clamp(0.0, 1.0);
            p * (1.0 + above * by_mm * 1e-3 / p.norm())
        })
    };
    let lay = |mesh: &SurfaceMesh<Scan>| {
        let found = align(&fixed, &mesh.transformed(&by), &[near(&by)], &options).unwrap();
        (
            found.worked.unwrap().mm(),
            found.accept(&Limits::default()).map(drop),
        )
    };
    let (off, taken) = lay(&changed(0.0));
    assert!(off < 0.4 && taken == Ok(()), "{off} mm: {taken:?}");
    for by_mm in [-8.0, -3.0, 2.0, 5.0] {
        let (off, taken) = lay(&changed(by_mm));
        assert!(off > 1.0, "{by_mm} mm look like {off}");
        assert!(
            matches!(taken, Err(Refusal::Changed { .. })),
            "{by_mm} mm: {taken:?}"
        );
    }
}

#[test]
fn another_person_and_a_mirror_image_are_refused() {
    let by = motion(MOVED.0, MOVED.1);
    let fixed = scan(ANNA, 60, 0.0, 0.0);
    let wrong = lay(&fixed, &scan(OTHER, 60, 1.0, 0.0), &by);
    let refusal = wrong.accept(&Limits::default()).unwrap_err();
    assert!(
        matches!(refusal, Refusal::ResidualTooLarge { .. }),
        "{refusal}"
    );
    let flipped = mapped(&fixed, |p| Vector3::new(p.x, -p.y, p.z));
    let triangles = fixed.triangles().iter().map(|&[a, b, c]| [a, c, b]);
    let flipped = SurfaceMesh::new(flipped.vertices().to_vec(), triangles.collect()).unwrap();
    let mirrored = lay(&fixed, &flipped, &by);
    let refusal = mirrored.accept(&Limits::default()).unwrap_err();
    assert!(matches!(refusal, Refusal::Mirrored { .. }), "{refusal}");
    assert!(mirrored.mirrored.unwrap().mm() < 0.01, "{mirrored:?}");
}

#[test]
fn a_ball_can_be_turned_at_will_and_a_bare_scalp_cannot() {
    let by = motion(MOVED.0, MOVED.1);
    let bare = |half_axes| Person {
        half_axes,
        bumps: 0.0,
        which: 0.0,
        face: false,
    };
    let cap = |person, noise, pole| cut(&scan(person, 60, pole, noise), |p| p.z < 0.02);
    for noise in [0.0, 3e-4] {
        let ball = bare([0.09; 3]);
        let found = lay(&cap(ball, noise, 0.0), &cap(ball, noise, 1.0), &by);
        let refusal = found.accept(&Limits::default()).unwrap_err();
        assert!(
            matches!(
                refusal,
                Refusal::NotObservable {
                    motion: "turning",
                    ..
                }
            ),
            "{noise}: {refusal} {found:?}"
        );
        // All three turns about the middle are open, nothing else is.
        let held = found.observability.held;
        assert!(
            held[2] < 0.5 * Limits::default().held && held[3] > 0.2,
            "{held:?}"
        );
    }
    // Round about the vertical only: the axis is named, and passes through the middle.
    let top = bare([0.08, 0.08, 0.11]);
    let found = lay(&cap(top, 0.0, 0.0), &cap(top, 0.0, 1.0), &by);
    let Motion::Turning { axis, through } = found.observability.weakest else {
        unreachable!("{found:?}")
    };
    assert!(
        axis.raw().z.abs() > 0.99 && through.raw().xy().norm() < 2e-3,
        "{found:?}"
    );
    assert!(found.accept(&Limits::default()).is_err());
    // A smooth egg's top is held by its length and breadth alone: with noise it ends up millimetres off, and that is told.
    let egg = bare(ANNA.half_axes);
    let found = lay(&cap(egg, 5e-4, 0.0), &cap(egg, 5e-4, 1.0), &by);
    assert!(found.accept(&Limits::default()).is_err(), "{found:?}");
    assert!(
        found.observability.uncertainty.unwrap().mm() > 1.0,
        "{found:?}"
    );
    // The unevenness of a skull, a millimetre or two, holds it.
    let found = lay(&cap(ANNA, 3e-4, 0.0), &cap(ANNA, 3e-4, 1.0), &by);
    let pose = found.accept(&Limits::default()).unwrap();
    assert!(
        misplaced(&cap(ANNA, 0.0, 0.0), &by, &pose) < 5e-4,
        "{found:?}"
    );
    assert!(
        found.observability.held[0] > 1.5 * Limits::default().held,
        "{found:?}"
    );
}

#[test]
fn without_a_start_all_ways_to_exchange_axes_are_tried() {
    let by = motion([0.3, 0.1, 0.0], [1.6, 0.05, 1.5]);
    let fixed = scan(ANNA, 60, 0.0, 0.0);
    let starts = axis_starts(&Point::origin(), &by.origin());
    assert_eq!(starts.len(), 24);
    let moving = scan(ANNA, 47, 1.0, 1e-4).transformed(&by);
    let found = align(&fixed, &moving, &starts, &Options::default()).unwrap();
    let pose = found.accept(&Limits::default()).unwrap();
    assert!(misplaced(&fixed, &by, &pose) < 3e-4, "{found:?}");
    // An egg without a face looks the same upside down.
    let egg = Person {
        bumps: 0.0,
        face: false,
        ..ANNA
    };
    let (fixed, moving) = (scan(egg, 40, 0.0, 0.0), scan(egg, 40, 0.0, 0.0));
    let found = align(
        &fixed,
        &moving.transformed(&by),
        &starts,
        &Options::default(),
    )
    .unwrap();
    let refusal = found.accept(&Limits::default()).unwrap_err();
    assert!(matches!(refusal, Refusal::Ambiguous { .. }), "{refusal}");
}

#[test]
fn the_region_leaves_out_what_is_far() {
    let by = motion(MOVED.0, MOVED.1);
    let fixed = scan(ANNA, 60, 0.0, 0.0);
    // A second body below, moved by 40 mm between the scans and larger than the head.
    let with_body = |mesh: &SurfaceMesh<Scan>, shift: f64| {
        let body = mapped(mesh, |p| 2.0 * p + Vector3::new(shift, 0.0, -0.36));
        let mut vertices = mesh.vertices().to_vec();
        let count = vertices.len() as u32;
        vertices.extend_from_slice(body.vertices());
        let mut triangles = mesh.triangles().to_vec();
        triangles.extend(body.triangles().iter().map(|t| t.map(|i| i + count)));
        SurfaceMesh::new(vertices, triangles).unwrap()
    };
    let options = Options {
        around: Some((Point::origin(), Length::from_mm(130.0))),
        ..Options::default()
    };
    let (a, b) = (
        with_body(&fixed, 0.0),
        with_body(&scan(ANNA, 47, 1.0, 1e-4), 0.04),
    );
    let found = align(&a, &b.transformed(&by), &[near(&by)], &options).unwrap();
    let pose = found.accept(&Limits::default()).unwrap();
    assert!(misplaced(&fixed, &by, &pose) < 3e-4, "{found:?}");
    assert!(found.overlap.of_fixed > 0.8, "{found:?}");
}

#[test]
fn what_cannot_be_laid_on_each_other_is_refused_with_its_reason() {
    let fixed = scan(ANNA, 20, 0.0, 0.0);
    let moving = fixed.transformed(&Transform::<Rescan, Scan>::identity());
    let none = Options::default();
    let go = |starts: &[Transform<Scan, Rescan>], options| align(&fixed, &moving, starts, options);
    assert!(matches!(go(&[], &none), Err(AlignError::NoStart)));
    let nan = Transform::from_xyz_rpy([f64::NAN, 0.0, 0.0], [0.0; 3]);
    assert!(matches!(
        go(&[nan], &none),
        Err(AlignError::NotFinite { .. })
    ));
    let far = Transform::from_xyz_rpy([1.0, 0.0, 0.0], [0.0; 3]);
    assert!(matches!(
        go(&[far], &none),
        Err(AlignError::NothingMet { starts: 1 })
    ));
    let nowhere = Options {
        around: Some((Point::origin(), Length::ZERO)),
        ..Options::default()
    };
    assert!(matches!(
        go(&[Transform::identity()], &nowhere),
        Err(AlignError::NotFinite { .. })
    ));
    let line = SurfaceMesh::new(vec![Point::<Scan>::origin(); 3], vec![[0, 1, 2]]).unwrap();
    assert!(matches!(
        align(&line, &moving, &[Transform::identity()], &none),
        Err(AlignError::NoArea { side: Side::Fixed })
    ));
    let metres = mapped(&fixed, |p| p * 1000.0);
    assert!(matches!(
        align(&metres, &moving, &[Transform::identity()], &none),
        Err(AlignError::TooWide {
            side: Side::Fixed,
            ..
        })
    ));
    let (scrap, other) = (cut(&fixed, |p| p.z < 0.099), cut(&fixed, |p| p.z < 0.09));
    let other = other.transformed(&Transform::<Rescan, Scan>::identity());
    let found = align(&scrap, &other, &[Transform::identity()], &none).unwrap();
    assert!(matches!(
        found.accept(&Limits::default()),
        Err(Refusal::TooLittleOverlap { .. })
    ));
}

#[test]
fn the_same_on_any_number_of_threads() {
    let by = motion(MOVED.0, MOVED.1);
    let (fixed, moving) = (scan(ANNA, 30, 0.0, 0.0), scan(ANNA, 25, 1.0, 3e-4));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| lay(&fixed, &moving, &by))
    };
    assert_eq!(on(1), on(5));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_motion_is_found_from_a_start_nearby(
        xyz in prop::array::uniform3(-3.0..3.0f64), rpy in prop::array::uniform3(-3.0..3.0f64),
        shift in prop::array::uniform3(-0.012..0.012f64), turn in prop::array::uniform3(-0.15..0.15f64),
    ) {
        let by = motion(xyz, rpy);
        let fixed = scan(ANNA, 40, 0.0, 0.0);
        let start = Transform::<Scan, Scan>::from_xyz_rpy(shift, turn) * by.inverse();
        let found = align(&fixed, &fixed.transformed(&by), &[start], &Options::default()).unwrap();
        let pose = found.accept(&Limits::default());
        prop_assert!(pose.is_ok(), "{:?}", found);
        prop_assert!(misplaced(&fixed, &by, &pose.unwrap()) < 2e-5, "{:?}", found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_mesh_makes_it_panic(
        points in prop::collection::vec(prop::array::uniform3(prop_oneof![
            -0.1..0.1f64, Just(0.0), Just(1e-300), Just(1e300), -1e-9..1e-9f64, -5.0..5.0f64]), 3..12),
        triangles in prop::collection::vec(prop::array::uniform3(0u32..12), 1..20),
        start in prop::array::uniform3(prop_oneof![Just(0.0), -0.1..0.1f64, Just(1e200)]),
    ) {
        let count = points.len() as u32;
        let points = points.iter().map(|p| Point::<Scan>::from_raw(Vector3::from(*p))).collect();
        let triangles = triangles.iter().map(|t| t.map(|i| i % count)).collect();
        let mesh = SurfaceMesh::new(points, triangles).unwrap();
        let head = scan(ANNA, 10, 0.0, 0.0);
        let start = Transform::from_xyz_rpy(start, [0.1, 0.0, 0.0]);
        let options = Options { mirror: Some((Point::origin(), Direction::y())), ..Options::default() };
        for (fixed, moving) in [(&mesh, &head), (&head, &mesh), (&mesh, &mesh)] {
            let moving = moving.transformed(&Transform::<Rescan, Scan>::identity());
            if let Ok(found) = align(fixed, &moving, &[start], &options) {
                prop_assert!(found.unchecked_pose().is_finite());
                let _ = found.accept(&Limits::default());
            }
        }
    }
}
