use nalgebra::Vector3;
use proptest::prelude::*;

use super::*;
use crate::testing::{ball, bumpy_head, shared_scan};

/// What the mesh says by looking at every triangle, without sign.
fn brute_force(head: &SurfaceMesh<Head>, p: &Point<Head>) -> f64 {
    (0..head.triangles().len())
        .map(|t| head.distance_to_triangle(t, p).m())
        .fold(f64::INFINITY, f64::min)
}

/// The bounds hold, and lose no more than the module says, at a point inside the octree.
fn check(field: &HeadField, p: &Point<Head>, convex: bool) -> Result<(), TestCaseError> {
    let (bounds, exact, lower) = (field.bounds(p), field.exact(p), field.lower(p));
    prop_assert!(
        bounds.lower <= exact && exact <= bounds.upper,
        "{bounds:?} do not hold {exact}"
    );
    prop_assert!(lower <= exact, "{lower} > {exact} at {p:?}");
    let Some(place) = field.octree.find(&p.raw()) else {
        return Ok(());
    };
    let edge = place.edge;
    if place.outside {
        let anywhere = (exact * exact - 3f64.sqrt() * edge * exact).max(0.0).sqrt();
        prop_assert!(lower >= anywhere - 1e-6, "{lower} < {anywhere}");
        if convex {
            let lost = 0.75 * edge * edge / (exact + lower);
            prop_assert!(exact - lower <= lost + 1e-6, "{exact} {lower} {lost}");
            // In the words of the constants: the smallest corner is no farther than the diagonal beyond the point.
            let corner = exact + 3f64.sqrt() * edge;
            let promised = 2.0
                * NEAR_LOSS
                    .max(SHARE * corner)
                    .max(0.375 * SMALLEST * SMALLEST / exact);
            prop_assert!(
                exact - lower <= promised + 1e-6,
                "{exact} {lower} {promised}"
            );
        }
    } else if exact.abs() < 0.01 {
        prop_assert!(
            exact - lower <= 3f64.sqrt() * edge + 1e-6,
            "{exact} {lower}"
        );
    }
    Ok(())
}

fn field_of(head: &SurfaceMesh<Head>) -> HeadField {
    HeadField::new(head).unwrap()
}

/// A ball with thorns of any length and no thickness to speak of.
fn thorny(seed: u64) -> SurfaceMesh<Head> {
    let ball = ball(0.09, 16, true);
    let (mut vertices, triangles) = (ball.vertices().to_vec(), ball.triangles().to_vec());
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut chance = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    for v in &mut vertices {
        if chance() < 0.1 {
            *v = Point::from_raw(v.raw() * (0.6 + 0.9 * chance()));
        }
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bounds_hold_and_lose_what_is_stated(
        x in -1.0f64..1.0, y in -1.0f64..1.0, z in -1.0f64..1.0, near in 0.0f64..0.2, thorns in 0usize..3,
    ) {
        use std::sync::OnceLock;
        static FIELDS: OnceLock<Vec<HeadField>> = OnceLock::new();
        let fields = FIELDS.get_or_init(|| {
            let mut fields = vec![field_of(&ball(0.09, 24, true))];
            fields.extend((0..3).map(|k| field_of(&thorny(k))));
            fields
        });
        // Anywhere, and near the skin.
        let far = Point::new(x, y, z);
        let direction = Vector3::new(x, y, z);
        let close = Point::from_raw(direction / direction.norm().max(1e-3) * near);
        for p in [far, close] {
            check(&fields[0], &p, true)?;
            check(&fields[1 + thorns], &p, false)?;
        }
    }

    #[test]
    fn exact_is_the_nearest_triangle(x in -0.3f64..0.3, y in -0.3f64..0.3, z in -0.3f64..0.3, seed in 0u64..4) {
        let head = thorny(seed);
        let surface = Surface::new(&head.vertices().iter().map(Point::raw).collect::<Vec<_>>(), head.triangles()).unwrap();
        let p = Point::new(x, y, z);
        let (found, expected) = (surface.signed(&p.raw(), (x.abs() * 300.0) as u32).0.abs(), brute_force(&head, &p));
        prop_assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn bounds_hold_on_scanned_heads() {
    for name in [
        "ict_skin_mm.stl",
        "lee_perry_smith_mm.stl",
        "fsaverage_head.stl",
    ] {
        let Some(head) = shared_scan(name) else {
            continue;
        };
        let field = field_of(&head);
        let parry = head.to_parry().unwrap();
        let (low, high) = head.bounds();
        let (center, size) = (field.center().raw(), (high - low).raw());
        for k in 0..4_000u64 {
            let unit = |m: u64| (k.wrapping_mul(m) % 65_521) as f64 / 65_521.0 - 0.5;
            let p = Point::from_raw(
                center
                    + 1.3
                        * size.component_mul(&Vector3::new(
                            unit(7_919),
                            unit(104_729),
                            unit(15_485_863),
                        )),
            );
            check(&field, &p, false).unwrap();
            if k % 20 == 0 {
                use parry3d::query::PointQuery as _;
                let at = crate::to_parry_vector(&p.raw());
                let found = parry.project_local_point(at, false);
                let expected = (at - found.point).length();
                // Caps are nearer than the scan's own triangles below an open neck only.
                assert!(field.exact(&p).abs() <= expected + 1e-9);
            }
        }
    }
}

#[test]
fn an_open_neck_is_closed_for_the_sign() {
    // A ball whose lower cap is missing: its middle is inside, below it is outside.
    let field = field_of(&ball(0.09, 24, false));
    assert!(field.exact(&Point::new(0.0, 0.0, 0.0)) < -0.05);
    assert!(field.exact(&Point::new(0.0, 0.0, -0.2)) > 0.05);
    assert!(field.exact(&Point::new(0.01, 0.02, -0.4)) > 0.2);
    assert!(field.exact(&Point::new(0.0, 0.0, 0.2)) > 0.1);
}

#[test]
fn beside_a_part_wound_the_wrong_way_nothing_is_clear_that_is_not() {
    let head = ball(0.09, 10, true);
    let mut triangles = head.triangles().to_vec();
    for t in triangles
        .iter_mut()
        .filter(|t| head.vertices()[t[0] as usize].raw().x > 0.05)
    {
        t.swap(1, 2);
    }
    let field = field_of(&SurfaceMesh::new(head.vertices().to_vec(), triangles).unwrap());
    let right = field_of(&head);
    for k in 0..2_000u64 {
        let unit = |m: u64| (k.wrapping_mul(m) % 65_521) as f64 / 65_521.0 - 0.5;
        let p = Point::new(
            0.4 * unit(7_919),
            0.4 * unit(104_729),
            0.4 * unit(15_485_863),
        );
        // Outside, where arms come from, it is never said to be farther than it is.
        if right.exact(&p) > 0.0 {
            assert!(field.lower(&p) <= right.exact(&p) + 1e-9, "{p:?}");
        }
    }
}

#[test]
fn several_shells_huge_and_tiny_triangles_and_loose_corners_are_one_obstacle() {
    // A second shell far off, a flake of 10⁻⁹ m, a triangle without area, and all corners unshared as in an STL file.
    let ball = ball(0.09, 8, true);
    let mut corners: Vec<Point<Head>> = Vec::new();
    for t in ball.triangles() {
        corners.extend(t.map(|i| ball.vertices()[i as usize]));
    }
    for t in ball.triangles() {
        corners.extend(t.map(|i| {
            ball.vertices()[i as usize]
                + crate::frames::Vector::from_raw(Vector3::new(0.4, 0.0, 0.0))
        }));
    }
    corners.extend([
        Point::new(0.0, 0.3, 0.0),
        Point::new(1e-9, 0.3, 0.0),
        Point::new(0.0, 0.3, 1e-9),
    ]);
    corners.extend([
        Point::new(0.0, 0.0, 0.2),
        Point::new(0.0, 0.0, 0.25),
        Point::new(0.0, 0.0, 0.3),
    ]);
    let triangles = (0..corners.len() as u32 / 3)
        .map(|t| [3 * t, 3 * t + 1, 3 * t + 2])
        .collect();
    let field = field_of(&SurfaceMesh::new(corners, triangles).unwrap());
    assert!((field.exact(&Point::new(0.4, 0.0, 0.15)) - 0.06).abs() < 4e-3);
    assert!(field.exact(&Point::new(0.4, 0.0, 0.0)) < -0.075);
    assert!(field.lower(&Point::new(0.0, 0.31, 0.0)) < 0.0101);
    assert!(field.lower(&Point::new(0.0, 0.012, 0.25)) < 0.0121);
    // The triangle without area has no sides, so what is nearest to it counts as inside: never too far.
    for k in 0..2000u64 {
        let unit = |m: u64| (k.wrapping_mul(m) % 65_521) as f64 / 65_521.0 - 0.5;
        let p = Point::new(unit(7_919), unit(104_729), unit(15_485_863));
        assert!(field.lower(&p) <= field.exact(&p).abs() + 1e-9);
    }
    // One triangle larger than the octree.
    let huge = SurfaceMesh::new(
        vec![
            Point::new(-9.0, -9.0, 0.0),
            Point::new(9.0, -9.0, 0.0),
            Point::new(0.0, 9.0, 0.0),
        ],
        vec![[0, 1, 2]],
    );
    let field = field_of(&huge.unwrap());
    assert!(field.lower(&Point::new(0.3, 0.2, 0.1)) <= 0.1);
}

/// What closes the neck folds over where its rim is ragged.
#[test]
fn beyond_its_box_nothing_is_inside_however_ragged_the_neck() {
    let whole = ball(0.09, 24, false);
    let bottom = whole.bounds().0.raw().z;
    let ragged = whole.vertices().iter().enumerate().map(|(i, v)| {
        let v = v.raw();
        let rim = v.z < bottom + 1e-9;
        let fold = 0.06 * ((i * i) % 7) as f64 / 7.0;
        Point::new(
            v.x * if rim && i % 5 == 0 { -1.0 } else { 1.0 },
            v.y,
            v.z - if rim { fold } else { 0.0 },
        )
    });
    let field = field_of(&SurfaceMesh::new(ragged.collect(), whole.triangles().to_vec()).unwrap());
    let mut inside = 0;
    for k in 1..20_000u64 {
        let unit = |m: u64| (k.wrapping_mul(m) % 65_521) as f64 / 65_521.0 - 0.5;
        let p = Point::new(
            3.0 * unit(7_919),
            3.0 * unit(104_729),
            -0.2 - unit(15_485_863).abs(),
        );
        inside += u32::from(field.exact(&p) < 0.0 || field.lower(&p) < 0.0);
    }
    assert_eq!(inside, 0);
}

#[test]
fn nan_and_infinity_are_never_clear() {
    let field = field_of(&ball(0.09, 12, true));
    for c in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let p = Point::new(c, 0.0, 0.0);
        assert!(!field.farther_than(&p, -1.0) || c.is_infinite());
        assert!(field.exact(&p).is_nan());
    }
    assert_eq!(
        field.lower(&Point::new(0.0, f64::NAN, 0.0)),
        f64::NEG_INFINITY
    );
}

#[test]
fn any_number_of_threads_builds_the_same_field() {
    let head = bumpy_head(60);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| field_of(&head)).octree.bits()
    };
    let one = on(1);
    assert!(one == on(2) && one == on(5));
}
