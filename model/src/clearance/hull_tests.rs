use nalgebra::{Translation3, UnitQuaternion};
use proptest::prelude::*;

use super::*;

/// A directionless scatter of points: a ball, a flat plate, a rod or a box of them, with some of them doubled.
fn scatter(kind: usize, count: usize, seed: u64) -> Vec<Vector3<f64>> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut chance = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let size = match kind {
        0 => Vector3::new(0.2, 0.2, 0.2),
        1 => Vector3::new(0.3, 0.2, 0.0),
        2 => Vector3::new(0.0, 0.0, 0.5),
        _ => Vector3::new(0.1, 0.1, 0.6),
    };
    let mut points: Vec<_> = (0..count)
        .map(|_| Vector3::new(chance(), chance(), chance()))
        .map(|p| {
            if kind == 0 {
                p.normalize() * 0.1
            } else {
                p.component_mul(&size)
            }
        })
        .collect();
    points.push(points[0]);
    points
}

fn pose(values: &[f64]) -> Isometry3<f64> {
    let turn = UnitQuaternion::from_euler_angles(3.0 * values[0], 3.0 * values[1], 3.0 * values[2]);
    Isometry3::from_parts(Translation3::new(values[3], values[4], values[5]), turn)
}

const ANY: Stop = Stop {
    clear: f64::INFINITY,
    near: f64::NEG_INFINITY,
};

fn moved(points: &[Vector3<f64>], by: &Isometry3<f64>) -> Vec<Vector3<f64>> {
    let moved = points.iter().map(|p| (by * Point3::from(*p)).coords);
    moved.collect()
}

/// How far apart all points of two sets are along a direction.
fn apart_along(one: &[Vector3<f64>], other: &[Vector3<f64>], along: &Vector3<f64>) -> f64 {
    let low = other
        .iter()
        .map(|p| p.dot(along))
        .fold(f64::INFINITY, f64::min);
    let high = one
        .iter()
        .map(|p| p.dot(along))
        .fold(f64::NEG_INFINITY, f64::max);
    low - high
}

/// Directions all over, evenly.
fn directions(count: u32) -> impl Iterator<Item = Vector3<f64>> {
    (0..count).map(move |k| {
        let z = 1.0 - (2.0 * f64::from(k) + 1.0) / f64::from(count);
        let around = f64::from(k) * 2.399_963_229_728_653;
        let r = (1.0 - z * z).sqrt();
        Vector3::new(r * around.cos(), r * around.sin(), z)
    })
}

fn parry(points: &[Vector3<f64>], at: &Isometry3<f64>) -> Option<parry3d::shape::ConvexPolyhedron> {
    let points = moved(points, at);
    let points: Vec<_> = points.iter().map(crate::to_parry_vector).collect();
    parry3d::shape::ConvexPolyhedron::from_convex_hull(&points)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn gaps_enclose_what_another_implementation_says(
        kinds in (0usize..4, 0usize..4), counts in (1usize..120, 1usize..120), seed in 0u64..1000,
        a in proptest::collection::vec(-0.5f64..0.5, 6), b in proptest::collection::vec(-0.5f64..0.5, 6),
        rounded in prop_oneof![Just((0.0, 0.0)), (0.0f64..0.05, 0.0f64..0.05)],
    ) {
        let (one, other) = (scatter(kinds.0, counts.0, seed), scatter(kinds.1, counts.1, seed + 7));
        let (at, to) = (pose(&a), pose(&b));
        let hulls = [Hull::new(&one, rounded.0).unwrap(), Hull::new(&other, rounded.1).unwrap()];
        let start = to.translation.vector - at.translation.vector;
        let gap = hulls[0].gap(&at, &hulls[1], &to, &start, ANY);
        let shown = (gap.points[1] - gap.points[0]).norm();
        let (ours, theirs) = (moved(&one, &at), moved(&other, &to));
        let less = rounded.0 + rounded.1;
        // The points lie in the hulls: nowhere beyond all of them.
        for along in directions(200) {
            prop_assert!(along.dot(&gap.points[0]) <= -apart_along(&[Vector3::zeros()], &ours, &-along) + rounded.0 + 1e-9);
            prop_assert!(along.dot(&gap.points[1]) <= -apart_along(&[Vector3::zeros()], &theirs, &-along) + rounded.1 + 1e-9);
            // No direction shows them farther apart than the points are.
            prop_assert!(apart_along(&ours, &theirs, &along) - less <= shown + 1e-9);
        }
        let missed = hulls[0].loss() + hulls[1].loss();
        if gap.lower > 0.0 {
            prop_assert!(gap.lower <= shown && shown - gap.lower <= missed + TOLERANCE + 4.0 * ROUNDING, "{gap:?} {missed}");
        } else {
            // A way out of the overlap is never shorter than any that is found by trying.
            let best = directions(1500).map(|along| apart_along(&ours, &theirs, &along) - less).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(gap.lower >= best - missed - 1e-4, "{gap:?} {best}");
        }
        if let (Some(p), Some(q)) = (parry(&one, &at), parry(&other, &to)) {
            let none = parry3d::math::Pose::IDENTITY;
            let told = parry3d::query::distance(&none, &p, &none, &q).unwrap().distance - less;
            prop_assert!(gap.lower <= told.max(0.0) + 1e-6 && told <= shown + 1e-6, "{gap:?} {told}");
        }
        // Yes or no agrees with how much.
        for needed in [1e-3, 0.05, shown, shown - missed - 1e-5, shown + 1e-5] {
            let stop = Stop { clear: needed, near: needed };
            let clear = hulls[0].gap(&at, &hulls[1], &to, &start, stop).lower >= needed;
            prop_assert!(!clear || shown >= needed, "{needed} {gap:?}");
            prop_assert!(clear || needed <= 0.0 || gap.lower < needed + 2.0 * TOLERANCE, "{needed} {gap:?}");
        }
        // The cores lie about the hulls.
        let (cores, _) = hulls[0].core(&at).gap(&hulls[1].core(&to));
        prop_assert!(cores <= shown);
        for p in &ours {
            prop_assert!(hulls[0].core(&at).bottom() <= p.z - rounded.0);
        }
    }

    #[test]
    fn an_overlap_is_told_as_deep_as_its_separating_axes_say(
        kinds in (0usize..4, 0usize..4), seed in 0u64..1000, b in proptest::collection::vec(-0.08f64..0.08, 6),
    ) {
        let (one, other) = (scatter(kinds.0, 8, seed), scatter(kinds.1, 8, seed + 7));
        let (at, to) = (Isometry3::identity(), pose(&b));
        let hulls = [Hull::new(&one, 0.0).unwrap(), Hull::new(&other, 0.0).unwrap()];
        let gap = hulls[0].gap(&at, &hulls[1], &to, &Vector3::x(), ANY);
        let theirs = moved(&other, &to);
        if gap.lower >= -1e-6 {
            return Ok(());
        }
        // Bodies part soonest along a side's normal or across two edges: every one of them is tried.
        let edges = |points: &[Vector3<f64>]| -> Vec<Vector3<f64>> {
            points.iter().flat_map(|p| points.iter().map(move |q| q - p)).collect()
        };
        let (ours, others) = (edges(&one), edges(&theirs));
        let mut exact = f64::NEG_INFINITY;
        for (some, more) in [(&ours, &ours), (&others, &others), (&ours, &others)] {
            for u in some {
                for along in more.iter().filter_map(|v| u.cross(v).try_normalize(1e-12)) {
                    exact = exact.max(apart_along(&one, &theirs, &along));
                }
            }
        }
        let missed = hulls[0].loss() + hulls[1].loss();
        prop_assert!(gap.lower <= exact + 1e-9, "{gap:?} {exact}");
        prop_assert!(gap.lower >= exact - missed - 1e-5, "{gap:?} {exact}");
    }

    #[test]
    fn every_corner_lies_within_what_a_hull_says_it_leaves_out(kind in 0usize..4, count in 1usize..2000, seed in 0u64..100) {
        let points = scatter(kind, count, seed);
        let hull = Hull::new(&points, 0.0).unwrap();
        for level in &hull.levels {
            for p in &points {
                prop_assert!(no_farther(p, &hull.groups[..level.groups], &points[0]) <= level.left_out + TOLERANCE);
            }
        }
        // Few corners leave out more than many.
        prop_assert!(hull.levels.windows(2).all(|w| w[0].left_out >= w[1].left_out));
    }
}

#[test]
fn no_points_make_no_hull_and_what_is_not_a_number_is_no_distance() {
    assert!(Hull::new(&[], 0.1).is_none());
    let ball = Hull::new(&[Vector3::zeros()], 0.1).unwrap();
    let far = Isometry3::translation(f64::NAN, 0.0, 0.0);
    let gap = ball.gap(&Isometry3::identity(), &ball, &far, &Vector3::x(), ANY);
    assert_eq!(gap.lower, f64::NEG_INFINITY);
    let beside = Isometry3::translation(0.0, 0.25, 0.0);
    let gap = ball.gap(
        &Isometry3::identity(),
        &ball,
        &beside,
        &Vector3::zeros(),
        ANY,
    );
    assert!((gap.lower - 0.05).abs() < 3e-5, "{gap:?}");
    assert!((gap.points[1] - gap.points[0]).norm() - 0.05 < 1e-9);
}
