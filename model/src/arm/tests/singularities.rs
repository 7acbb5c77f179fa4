//! At singularities and near them.

use core::f64::consts::PI;

use super::super::{Arm, Singularity};
use super::made::{INDUSTRIAL, MadeJoint, UPRIGHT, Y, Z};
use super::{made, miss, ur5e};
use crate::joints::Joints;

/// An upright arm without offsets: its wrist's centre can lie on axis 1.
const PLAIN: [MadeJoint; 6] = [
    ([0.0, 0.0, 0.4], UPRIGHT, Z),
    ([0.0, 0.0, 0.1], UPRIGHT, Y),
    ([0.0, 0.0, 0.5], UPRIGHT, Y),
    ([0.0, 0.0, 0.1], UPRIGHT, Z),
    ([0.0, 0.0, 0.3], UPRIGHT, Y),
    ([0.0, 0.0, 0.1], UPRIGHT, Z),
];

/// Solutions are finite and right, and from `q` the arm need not move (or hardly).
fn holds(arm: &Arm, q: &Joints, slack: f64) {
    let target = arm.forward(q);
    let mut other = q.map(|v| 0.3 - 0.5 * v);
    other[3] += 0.4;
    for near in [q, &other] {
        let found = arm.inverse(&target, near);
        assert!(!found.is_empty(), "nothing found for {q:?}");
        for s in &found {
            let (d, a) = miss(arm, s, &target);
            assert!(s.is_finite() && d < 2e-9 && a < 2e-9, "{d} {a} {s:?}");
        }
    }
    let first = arm.inverse(&target, q)[0];
    assert!(first.max_difference(q) < slack, "{q:?} became {first:?}");
    assert!(arm.inverse_near(&target, q).unwrap().max_difference(q) < 1e-9);
    assert!(arm.smallest_singular_value(q).is_finite());
}

/// Zero, and distances from it down to where rounding begins.
fn offsets() -> impl Iterator<Item = f64> {
    [0.0].into_iter().chain((2..=15).map(|k| 10f64.powi(-k)))
}

fn named(arm: &Arm, q: &Joints) -> (Singularity, f64) {
    arm.conditioning(q).nearest.unwrap()
}

#[test]
fn a_wrist_in_line_is_solved_and_named() {
    let q = [0.4, -1.2, 1.1, -0.7, 0.0, 0.6];
    for arm in [ur5e(), made(&INDUSTRIAL), made(&PLAIN)] {
        for offset in offsets() {
            for turned in [offset, -offset] {
                let mut q = Joints::from_slice(&q).unwrap();
                q[4] = turned;
                holds(&arm, &q, 1e-4);
                let (which, sine) = named(&arm, &q);
                assert_eq!(which, Singularity::Wrist);
                assert!((sine - offset).abs() < 1e-4 * offset + 1e-12);
            }
        }
    }
}

#[test]
fn a_straight_elbow_is_solved_and_named() {
    for offset in offsets() {
        let arm = ur5e();
        let q = Joints::from_slice(&[0.4, -1.2, offset, -0.7, 1.1, 0.6]).unwrap();
        holds(&arm, &q, 1e-4);
        let (which, sine) = named(&arm, &q);
        assert!(which == Singularity::Elbow && (sine - offset).abs() < 1e-4 * offset + 1e-12);
        let arm = made(&PLAIN);
        let q = Joints::from_slice(&[0.4, 0.7, offset, -0.7, 1.1, 0.6]).unwrap();
        holds(&arm, &q, 1e-4);
        assert_eq!(named(&arm, &q).0, Singularity::Elbow);
    }
}

#[test]
fn a_wrist_over_the_shoulder_is_solved_and_named() {
    // On axis 1: upper arm and forearm of PLAIN, 0.5 m and 0.4 m, as two sides of a triangle over the base.
    let arm = made(&PLAIN);
    let (upper, fore, bend) = (0.5, 0.4, 1.9f64);
    let lean = -(fore * bend.sin()).atan2(upper + fore * bend.cos());
    for offset in offsets() {
        let q = Joints::from_slice(&[0.4, lean + offset, bend, -0.7, 1.1, 0.6]).unwrap();
        holds(&arm, &q, 2e-3);
        let (which, sine) = named(&arm, &q);
        assert!(
            which == Singularity::Shoulder && sine < offset + 1e-9,
            "{which:?} {sine}"
        );
    }
    // Beside axis 1 by just what the shoulder is offset: a UR5e whose wrist is as near to axis 1 as it can come.
    let arm = ur5e();
    let radius = |q2: f64| {
        let poses = arm.link_poses(&Joints::from_slice(&[0.0, q2, 1.9, -0.7, 1.1, 0.6]).unwrap());
        poses.axes[4].point.x
    };
    let (mut low, mut high) = (-3.0, -1.0);
    assert!(radius(low) * radius(high) < 0.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if radius(low) * radius(middle) <= 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    for offset in offsets() {
        let q = Joints::from_slice(&[0.0, low + offset, 1.9, -0.7, 1.1, 0.6]).unwrap();
        holds(&arm, &q, 1e-3);
        let (which, sine) = named(&arm, &q);
        assert!(
            which == Singularity::Shoulder && sine < 10.0 * offset + 1e-9,
            "{which:?} {sine}"
        );
    }
}

#[test]
fn several_at_once_are_still_finite() {
    for q in [
        [0.0; 6],
        [0.0, -0.5 * PI, 0.0, -0.5 * PI, 0.0, 0.0],
        [PI / 2.0, 0.0, 0.0, 0.0, 0.0, PI / 2.0],
    ] {
        let q = Joints::from_slice(&q).unwrap();
        for arm in [ur5e(), made(&PLAIN), made(&INDUSTRIAL)] {
            let target = arm.forward(&q);
            for s in arm.inverse(&target, &q) {
                let (d, a) = miss(&arm, &s, &target);
                assert!(s.is_finite() && d < 2e-9 && a < 2e-9);
            }
            assert!(arm.inverse_near(&target, &q).is_some());
            assert!(arm.conditioning(&q).smallest_singular_value < 1e-7);
        }
    }
}
