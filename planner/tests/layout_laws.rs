//! Laws of the dot layout, on a head made for the purpose.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use std::ops::ControlFlow;
use std::sync::Mutex;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use proptest::prelude::*;

use stipple_model::limits::KEEP_OUT_MARGIN;
use stipple_model::units::Length;
use stipple_planner::dots::{self, LayoutError};
use stipple_planner::measure::{self, Against, Placed};
use support::{head, lay, regular, treatment};

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn count_layers_and_places_hold_for_any_total(dots in 50u32..4000, seed in any::<u64>()) {
        let treatment = treatment(dots);
        let laid = lay(&head(4), &Isometry3::identity(), &treatment, seed);
        prop_assert_eq!(laid.field.dots.len() as u32, dots);
        prop_assert!(laid.field.dots.is_sorted_by_key(|d| d.layer));
        for (layer, share) in (1u8..).zip([0.3, 0.7, 1.0]) {
            let count = laid.field.dots.iter().filter(|d| d.layer <= layer).count();
            prop_assert_eq!(count as f64, (f64::from(dots) * share).round());
        }
        for (zone, quota) in (0u8..).zip(&laid.scalp.quotas) {
            prop_assert_eq!(laid.field.dots.iter().filter(|d| d.zone == zone).count() as u32, *quota);
        }
        for dot in &laid.field.dots {
            let p = dot.position.raw();
            let [a, b, c] = laid.head.corners(dot.triangle as usize).map(|p| p.raw());
            let n = (b - a).cross(&(c - a));
            prop_assert!((p - a).dot(&n.normalize()).abs() < 1e-6, "off the surface");
            for (q, r) in [(a, b), (b, c), (c, a)] {
                prop_assert!((r - q).cross(&(p - q)).dot(&n) > -1e-9 * n.norm_squared(), "outside its triangle");
            }
            prop_assert!(laid.scalp.patch.binary_search(&dot.triangle).is_ok(), "off the patch");
            prop_assert_eq!(laid.scalp.at(&dot.position).map(|h| h.zone), Some(dot.zone));
            prop_assert!((dot.normal.raw().norm() - 1.0).abs() < 1e-9);
            prop_assert!(dot.normal.angle(&laid.head.face_normal(dot.triangle as usize).unwrap()).to_degrees() < 15.0);
            for keep_out in &laid.scalp.keep_outs {
                prop_assert!(dot.position.distance(&keep_out.center) > (keep_out.radius + KEEP_OUT_MARGIN).m());
            }
        }
    }

    #[test]
    fn moving_the_scan_moves_nothing_on_the_head(
        axis in prop::array::uniform3(-3.0f64..3.0), shift in prop::array::uniform3(-800.0f64..800.0), seed in any::<u64>()
    ) {
        let motion = Isometry3::from_parts(Translation3::from(Vector3::from(shift)), UnitQuaternion::new(Vector3::from(axis)));
        let (shape, treatment) = (head(4), treatment(1500));
        let still = lay(&shape, &Isometry3::identity(), &treatment, seed);
        let moved = lay(&shape, &motion, &treatment, seed);
        prop_assert_eq!(&still.scalp.patch, &moved.scalp.patch);
        prop_assert_eq!(still.field.dots.len(), moved.field.dots.len());
        for (a, b) in still.field.dots.iter().zip(&moved.field.dots) {
            prop_assert!(a.position.distance(&b.position) < 1e-6);
            prop_assert_eq!((a.zone, a.layer, a.shade, a.triangle), (b.zone, b.layer, b.shade, b.triangle));
        }
    }
}

#[test]
fn same_seed_same_dots_other_seed_other_dots() {
    let (shape, treatment) = (head(4), treatment(2000));
    let lay = |seed| lay(&shape, &Isometry3::identity(), &treatment, seed).field;
    assert_eq!(lay(7), lay(7));
    assert_ne!(lay(7), lay(8));
}

#[test]
fn as_many_threads_as_you_like() {
    let (shape, treatment) = (head(4), regular(2500, 0.7));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| lay(&shape, &Isometry3::identity(), &treatment, 11).field)
    };
    let one = on(1);
    assert_eq!(one, on(4));
    assert_eq!(one, on(3));
}

#[test]
fn a_shade_no_zone_mixes_changes_nothing() {
    let treatment = regular(3000, 1.0);
    let laid = lay(&head(4), &Isometry3::identity(), &treatment, 3);
    let mut more = treatment.clone();
    for zone in &mut more.zones {
        zone.shades.push((9, 0.0));
    }
    let field = dots::layout(
        &laid.head,
        &laid.scalp,
        &more,
        3,
        &stipple_planner::to_the_end,
    )
    .unwrap();
    assert_eq!(field, laid.field);
}

#[test]
fn who_does_not_want_to_wait_breaks_off() {
    let treatment = regular(2000, 0.7);
    let laid = lay(&head(4), &Isometry3::identity(), &treatment, 3);
    let told = Mutex::new(Vec::new());
    let until = |share: f64| {
        dots::layout(&laid.head, &laid.scalp, &treatment, 3, &|done| {
            told.lock().unwrap().push(done);
            if done >= share {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    };
    for share in [0.05, 0.2, 0.3, 0.45, 0.6, 0.9] {
        assert_eq!(until(share), Err(LayoutError::BrokenOff), "{share}");
        let told = std::mem::take(&mut *told.lock().unwrap());
        let (last, before) = told.split_last().unwrap();
        assert!(
            *last >= share && before.iter().all(|d| *d < share),
            "{told:?}"
        );
    }
    assert_eq!(until(2.0).unwrap(), laid.field);
    let told = told.into_inner().unwrap();
    assert!(
        told.is_sorted() && told.iter().all(|d| (0.0..=1.0).contains(d)),
        "{told:?}"
    );
}

#[test]
fn what_the_arm_cannot_place_is_counted_beside_what_is_laid() {
    let treatment = treatment(600);
    let laid = lay(&head(4), &Isometry3::identity(), &treatment, 3);
    let against = Against {
        head: &laid.head,
        scalp: &laid.scalp,
        treatment: &treatment,
        exclusion: None,
    };
    let half = laid.field.dots.iter().enumerate().map(|(i, dot)| Placed {
        planned: i % 3 == 0,
        ..Placed::from(dot)
    });
    let (all, half) = (laid.measured(&treatment), measure::measure(half, &against));
    for (all, half) in all.iter().zip(&half) {
        let of = |d: &&dots::LaidDot| d.zone == all.zone && d.layer <= all.layer;
        assert_eq!(
            all.count as usize,
            laid.field.dots.iter().filter(of).count()
        );
        assert_eq!((all.planned, half.count), (all.count, all.count));
        assert_eq!((half.rho, half.density), (all.rho, all.density));
    }
    let last = half.iter().filter(|m| m.layer == 3);
    assert_eq!(last.map(|m| m.planned).sum::<u32>(), 200);
}

#[test]
fn nonsense_is_refused() {
    let treatment = regular(2000, 1.0);
    let laid = lay(&head(4), &Isometry3::identity(), &treatment, 3);
    let mut wide = treatment.clone();
    wide.zones
        .iter_mut()
        .for_each(|z| z.diameter = Length::from_mm(9.0));
    let refused = dots::layout(
        &laid.head,
        &laid.scalp,
        &wide,
        3,
        &stipple_planner::to_the_end,
    );
    assert!(
        matches!(refused, Err(LayoutError::Merged { .. })),
        "{refused:?}"
    );
    let mut bare = laid.scalp.clone();
    bare.patch.clear();
    let refused = dots::layout(
        &laid.head,
        &bare,
        &treatment,
        3,
        &stipple_planner::to_the_end,
    );
    assert!(
        matches!(refused, Err(LayoutError::NoSkin { .. })),
        "{refused:?}"
    );
    assert!(dots::spread(&laid.head, &[], 10, &[1.0], 1).is_err());
}

#[test]
fn shades_keep_their_shares_in_every_layer() {
    let treatment = treatment(6000);
    let laid = lay(&head(4), &Isometry3::identity(), &treatment, 3);
    for (zone, design) in (0u8..).zip(&treatment.zones) {
        for layer in 1..=3 {
            let members: Vec<u8> = laid
                .field
                .dots
                .iter()
                .filter(|d| d.zone == zone && d.layer == layer)
                .map(|d| d.shade)
                .collect();
            for &(shade, share) in &design.shades {
                let count = members.iter().filter(|&&s| s == shade).count() as f64;
                assert!(
                    (count - share * members.len() as f64).abs() < 2.5,
                    "zone {zone} layer {layer} shade {shade}: {count}"
                );
            }
        }
    }
}

#[test]
fn no_dot_near_a_hole() {
    let treatment = treatment(4000);
    let mut shape = head(5);
    let middle = Vector3::new(-20.0, 0.0, 103.0);
    shape.cut(|p| (p - middle).norm() < 20.0);
    let laid = lay(&shape, &Isometry3::identity(), &treatment, 5);
    assert!(laid.scan.findings.iter().any(|f| f.code() == "hole"));
    assert!(
        laid.scalp
            .findings
            .iter()
            .any(|f| f.code == "hole_in_scalp")
    );
    let from_scan = laid.registration.head_from_scan;
    let hole = from_scan
        * stipple_model::frames::Point::<stipple_model::frames::Scan>::from_raw(middle * 1e-3);
    let nearest = laid
        .field
        .dots
        .iter()
        .map(|d| d.position.distance(&hole))
        .fold(f64::INFINITY, f64::min);
    // The rim is ragged by one edge of about 3 mm.
    assert!((0.020..0.035).contains(&nearest), "{nearest}");
}

#[test]
fn too_many_dots_and_missing_skin_are_refused() {
    use stipple_planner::design::{DesignError, scalp};
    let laid = lay(&head(4), &Isometry3::identity(), &treatment(100), 1);
    let refused = scalp(
        &laid.head,
        &laid.registration.anatomy,
        &treatment(60_000),
        1,
    );
    assert!(
        matches!(refused, Err(DesignError::TooDense { .. })),
        "{refused:?}"
    );
}
