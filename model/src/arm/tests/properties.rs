//! What holds of every arm, tried on random ones.

use core::f64::consts::{PI, TAU};

use nalgebra::{DMatrix, Isometry3, Translation3, UnitQuaternion};

use super::super::Arm;
use super::random::{Dice, Kind, SIX, arm, axes, off, turned_round};
use super::{miss, shared_arm, ur5e};
use crate::frames::Transform;
use crate::joints::Joints;

fn configuration(arm: &Arm, dice: &mut Dice) -> Joints {
    let values: Vec<f64> = arm
        .joints()
        .iter()
        .map(|j| {
            let (lower, upper) = (j.lower.max(-PI), j.upper.min(PI));
            lower + dice.share() * (upper - lower)
        })
        .collect();
    Joints::from_slice(&values).unwrap()
}

/// The same but for full turns.
fn same_turns(a: &Joints, b: &Joints, tolerance: f64) -> bool {
    let apart = a.zip(b, |x, y| {
        let d = (x - y) / TAU;
        TAU * (d - d.round())
    });
    apart.max_abs() < tolerance
}

/// Every solution meets the pose, lies within the limits and in its nearest turn, nearest first.
fn check(
    arm: &Arm,
    target: &Transform<crate::frames::Base, crate::frames::Flange>,
    near: &Joints,
) -> Vec<Joints> {
    let found = arm.inverse(target, near);
    let mut last = 0.0;
    for s in &found {
        let (d, a) = miss(arm, s, target);
        assert!(
            d < 2e-9 && a < 2e-9 && arm.within_limits(s),
            "{d} {a} {s:?}"
        );
        assert!(s.max_difference(near) >= last);
        last = s.max_difference(near);
        for ((v, n), joint) in s.as_slice().iter().zip(near.as_slice()).zip(arm.joints()) {
            for other in [v - TAU, v + TAU] {
                let allowed = joint.lower <= other && other <= joint.upper;
                assert!(!allowed || (other - n).abs() >= (v - n).abs() - 1e-9);
            }
        }
    }
    found.to_vec()
}

fn regular(arm: &Arm, q: &Joints) -> bool {
    let conditioning = arm.conditioning(q);
    conditioning.smallest_singular_value > 1e-3
        && conditioning.nearest.is_none_or(|(_, sine)| sine > 1e-2)
}

#[test]
fn every_branch_of_random_arms_with_a_closed_form_is_found() {
    for kind in SIX {
        for seed in 0..150 {
            let mut dice = Dice::new(seed);
            let mut chain = axes(kind, &mut dice);
            if seed % 2 == 1 {
                chain = turned_round(chain);
            }
            let limit = [3.1, 6.2, 2.5][seed as usize % 3];
            let arm = arm(&chain, &Isometry3::identity(), limit, &mut dice);
            assert!(arm.has_closed_form(), "{kind:?} {seed}");
            for k in 0..20 {
                let (q, near) = (
                    configuration(&arm, &mut dice),
                    configuration(&arm, &mut dice),
                );
                if !regular(&arm, &q) {
                    continue;
                }
                let found = check(&arm, &arm.forward(&q), &near);
                assert!(
                    found.iter().any(|s| same_turns(s, &q, 1e-6)),
                    "{kind:?} {seed} {k}: {q:?} among {found:?}"
                );
                assert!(found.len() <= 8);
            }
        }
    }
}

#[test]
fn arms_that_have_their_closed_form_only_nearly_lose_hardly_a_branch() {
    for kind in SIX {
        let (mut tried, mut own) = (0, 0);
        for seed in 0..100 {
            let mut dice = Dice::new(seed);
            let by = [4e-6, 1e-4, 1e-3][seed as usize % 3];
            let chain = off(&axes(kind, &mut dice), by, &mut dice);
            let arm = arm(&chain, &Isometry3::identity(), 3.1, &mut dice);
            assert!(arm.has_closed_form(), "{kind:?} {seed}");
            for _ in 0..20 {
                let (q, near) = (
                    configuration(&arm, &mut dice),
                    configuration(&arm, &mut dice),
                );
                let conditioning = arm.conditioning(&q);
                if conditioning.nearest.is_none_or(|(_, sine)| sine > 0.2) {
                    tried += 1;
                    let found = check(&arm, &arm.forward(&q), &near);
                    own += usize::from(found.iter().any(|s| same_turns(s, &q, 1e-6)));
                }
            }
        }
        assert!(
            tried > 500 && own * 100 >= tried * 98,
            "{kind:?}: {own} of {tried}"
        );
    }
}

#[test]
fn random_arms_with_seven_axes_are_solved() {
    for kind in [Kind::SevenSpherical, Kind::SevenOffset] {
        let (mut tried, mut solved) = (0, 0);
        for seed in 0..40 {
            let mut dice = Dice::new(seed);
            let arm = arm(
                &axes(kind, &mut dice),
                &Isometry3::identity(),
                3.0,
                &mut dice,
            );
            assert!(arm.has_closed_form(), "{kind:?} {seed}");
            for _ in 0..25 {
                let q = configuration(&arm, &mut dice);
                let found = check(&arm, &arm.forward(&q), &arm.mid_range());
                tried += 1;
                solved += usize::from(!found.is_empty());
            }
        }
        assert!(
            solved * 1000 >= tried * 999,
            "{kind:?}: {solved} of {tried}"
        );
    }
}

#[test]
fn arms_of_no_known_shape_are_solved_from_anywhere() {
    let (mut tried, mut solved) = (0, 0);
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let arm = arm(
            &axes(Kind::Crooked, &mut dice),
            &Isometry3::identity(),
            3.1,
            &mut dice,
        );
        assert!(!arm.has_closed_form());
        for _ in 0..10 {
            let (q, near) = (
                configuration(&arm, &mut dice),
                configuration(&arm, &mut dice),
            );
            tried += 1;
            solved += usize::from(!check(&arm, &arm.forward(&q), &near).is_empty());
            assert!(check(&arm, &arm.forward(&q), &q)[0].max_difference(&q) < 1e-9);
        }
    }
    assert!(solved * 100 >= tried * 99, "{solved} of {tried}");
}

#[test]
fn moving_base_and_target_together_changes_nothing() {
    for (seed, kind) in (0..90).zip(
        SIX.into_iter()
            .chain([Kind::SevenSpherical, Kind::SevenOffset])
            .cycle(),
    ) {
        let mut dice = Dice::new(seed);
        let chain = axes(kind, &mut dice);
        let rotation = UnitQuaternion::from_rotation_matrix(&dice.rotation());
        let base = Isometry3::from_parts(Translation3::from(dice.vector(2.0)), rotation);
        // The same joint frames in both.
        let here = arm(
            &chain,
            &Isometry3::identity(),
            3.0,
            &mut Dice::new(seed + 1000),
        );
        let there = arm(&chain, &base, 3.0, &mut Dice::new(seed + 1000));
        for _ in 0..5 {
            let q = configuration(&here, &mut dice);
            if !regular(&here, &q) {
                continue;
            }
            let target = here.forward(&q);
            let moved = Transform::from_raw(base * target.raw());
            let (d, a) = there.forward(&q).separation(&moved);
            assert!(d < 1e-9 && a < 1e-9);
            let (a, b) = (here.inverse(&target, &q), there.inverse(&moved, &q));
            assert!(a[0].max_difference(&q) < 1e-7 && b[0].max_difference(&q) < 1e-7);
            let close = |s: &Joints| b.iter().any(|t| t.max_difference(s) < 1e-5);
            let missing = a.iter().filter(|s| regular(&here, s) && !close(s)).count();
            assert!(missing == 0 || a.len() == 64, "{kind:?} {seed}");
            assert_eq!(a, here.inverse(&target, &q), "not the same twice");
        }
    }
}

#[test]
fn the_smallest_singular_value_is_that_of_the_decomposition() {
    let mut dice = Dice::new(3);
    let kinds = [
        Kind::ThreeParallel,
        Kind::Shoulder,
        Kind::SevenSpherical,
        Kind::Crooked,
    ];
    let mut arms: Vec<Arm> = kinds
        .iter()
        .map(|kind| {
            arm(
                &axes(*kind, &mut dice),
                &Isometry3::identity(),
                3.0,
                &mut dice,
            )
        })
        .collect();
    arms.push(ur5e());
    for arm in arms {
        for k in 0..300 {
            let mut q = configuration(&arm, &mut dice);
            if k % 3 == 0 {
                q[4] = 10f64.powi(-(k / 30));
            }
            let poses = arm.link_poses(&q);
            let point = poses.base_from_flange.raw().translation.vector;
            let mut jacobian = DMatrix::zeros(6, arm.dof());
            for joint in 0..arm.dof() {
                let (linear, angular) = poses.jacobian_column(joint, &point);
                jacobian.view_mut((0, joint), (3, 1)).copy_from(&linear);
                jacobian.view_mut((3, joint), (3, 1)).copy_from(&angular);
            }
            let values = jacobian.singular_values();
            let (least, most) = (values.min(), values.max());
            let own = arm.smallest_singular_value(&q);
            assert!(
                (own - least).abs() < 1e-9 * least + 1e-7 * most,
                "{own} {least}"
            );
            assert_eq!(own, arm.conditioning(&q).smallest_singular_value);
        }
    }
}

#[test]
fn limits_far_beyond_a_turn_are_used() {
    let mut dice = Dice::new(5);
    let arm = arm(
        &axes(Kind::ThreeParallel, &mut dice),
        &Isometry3::identity(),
        31.0,
        &mut dice,
    );
    for _ in 0..50 {
        let mut near = configuration(&arm, &mut dice);
        for (k, v) in near.as_mut_slice().iter_mut().enumerate() {
            *v += TAU * (k as f64 - 2.0);
        }
        let found = check(&arm, &arm.forward(&near), &near);
        assert!(found[0].max_difference(&near) < 1e-6);
    }
}

#[test]
fn a_small_change_of_pose_is_a_small_change_of_joints() {
    let arms = [Some(ur5e()), shared_arm("fr3/fr3_local.urdf")];
    for arm in arms.into_iter().flatten() {
        let mut dice = Dice::new(8);
        let step = Transform::from_xyz_rpy([0.001, 0.001, 0.0005], [0.006, 0.006, 0.005]);
        for _ in 0..500 {
            let q = configuration(&arm, &mut dice);
            let target: Transform<crate::frames::Base, crate::frames::Flange> =
                arm.forward(&q) * step;
            let smallest = arm.smallest_singular_value(&q);
            if smallest < 0.1 || arm.limit_margin(&q) < 0.3 {
                continue;
            }
            let next = arm.inverse_near(&target, &q).unwrap();
            let (d, a) = miss(&arm, &next, &target);
            assert!(d < 2e-9 && a < 2e-9 && next.max_difference(&q) < 0.03 / smallest);
        }
    }
}
