//! Ways of the arm over a whole head: after a pause, a stop or another session's end the arm is somewhere above the head, and from there
//! every dot of the plan must be reached.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use stipple_model::clearance::WorkCell;
use stipple_model::frames::Transform;
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::motion::{self, HopTarget};
use stipple_model::plan::Outcome;
use stipple_tests::plan;

/// A head that has moved by up to 8 mm and 3 degrees, another way for every `k`.
fn drift(k: usize) -> Isometry3<f64> {
    let wave = |n: usize| (k as f64 * 0.37 * n as f64).sin();
    Isometry3::from_parts(
        Translation3::new(0.0046 * wave(1), 0.0046 * wave(2), 0.0046 * wave(3)),
        UnitQuaternion::from_euler_angles(0.03 * wave(4), 0.03 * wave(5), 0.03 * wave(6)),
    )
}

#[test]
fn every_dot_is_reached_from_above_every_other() {
    let plan = plan(7, 900, 1);
    let cell = WorkCell::new(&plan.cell, &plan.head).unwrap();
    let base_from_head = plan.cell.base_from_head;
    let planned: Vec<(HopTarget, Joints)> = plan
        .dots
        .iter()
        .filter_map(|dot| match dot.outcome {
            Outcome::Planned { hover, .. } => Some((
                HopTarget {
                    head_from_tip: dot.hover_pose(HOVER).unwrap(),
                    seed: hover,
                },
                hover,
            )),
            _ => None,
        })
        .collect();
    let n = planned.len();
    let (mut tried, mut failed) = (0, Vec::new());
    for k in 0..150 {
        // Fixed strides, coprime to about any count, spread the pairs over the head.
        let (i, j) = (k * 367 % n, (k * 631 + 17) % n);
        let (from, to) = (planned[i].1, planned[j].0);
        let lifted = match motion::lift(&cell, &base_from_head, &from) {
            Ok(way) => way.end(),
            Err(error) => panic!("no lift from dot {i}: {error}"),
        };
        tried += 1;
        // By then the head has moved on its rest.
        let moved = Transform::from_raw(base_from_head.raw() * drift(k));
        if let Err(error) = motion::hop(&cell, &moved, &lifted, &to) {
            let turn = lifted.max_difference(&planned[j].1);
            failed.push(format!("{i} to {j}: {error}, {turn:.2} rad"));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {tried}:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
