//! Times the motion's parts on a plan, and prints what others need to do the same work: `cargo run --release -p stipple-planner --example
//! compare_motion -- FILE.plan [HOPS]`; `tests/motion_compare.py` runs it.
//!
//! Prints one JSON object: microseconds a piece (median of several rounds over the same HOPS hops of layer 1), the joints of the hops' ends,
//! and the joint limits in use.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step ends the comparison, which others read from it"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use stipple_model::joints::Joints;
use stipple_model::limits::{HOVER, SPEED_HOVER};
use stipple_model::motion::{HopTarget, Trajectory, hop};
use stipple_model::plan::{Dot, Outcome, Plan};

/// Rounds whose median counts.
const ROUNDS: usize = 7;

/// Median microseconds of one of `count` pieces.
fn timed(count: usize, mut round: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[ROUNDS / 2] * 1e6 / count.max(1) as f64
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("a plan");
    let hops: usize = arguments.next().map_or(1000, |n| n.parse().unwrap());
    let (plan, _) = Plan::read(Path::new(&file)).unwrap();
    let cell = plan.work_cell().unwrap();
    let first = plan.sequence.first().unwrap().iter();
    let dots: Vec<(&Dot, Joints)> = first
        .filter_map(|id| plan.dot(*id))
        .filter_map(|dot| match dot.outcome {
            Outcome::Planned { hover, .. } => Some((dot, hover)),
            Outcome::Skipped(_) => None,
        })
        .take(hops + 1)
        .collect();
    let (count, pairs) = (dots.len(), dots.len() - 1);
    let base_from_head = plan.cell.base_from_head;
    let (arm, field) = (cell.arm(), cell.field());
    let targets: Vec<HopTarget> = dots
        .iter()
        .map(|(dot, hover)| HopTarget {
            head_from_tip: dot.hover_pose(HOVER).unwrap(),
            seed: *hover,
        })
        .collect();
    let flanges: Vec<_> = targets
        .iter()
        .map(|t| cell.flange_for_tip(&(base_from_head * t.head_from_tip)))
        .collect();

    let forward = timed(count, || {
        dots.iter().for_each(|(_, q)| {
            black_box(arm.forward(q));
        });
    });
    let mut branches = 0;
    let inverse = timed(count, || {
        branches = (0..count)
            .map(|k| arm.inverse(&flanges[k], &dots[k].1).len())
            .sum();
    });
    let mut clear = 0;
    let blocked = timed(count, || {
        clear = dots
            .iter()
            .filter(|(_, q)| cell.blocked(q, &base_from_head).is_none())
            .count();
    });
    let few = &dots[..count.min(50)];
    let clearance = timed(few.len(), || {
        few.iter().for_each(|(_, q)| {
            black_box(cell.clearance(q, &base_from_head));
        });
    });
    let distance = timed(count, || {
        targets.iter().for_each(|t| {
            black_box(field.bounds(&t.head_from_tip.origin()));
        });
    });
    let proof = timed(pairs, || {
        dots.windows(2).for_each(|w| {
            black_box(cell.segment_blocked(&w[0].1, &w[1].1, &base_from_head));
        });
    });
    let mut motion = 0.0;
    let whole = timed(pairs, || {
        motion = (1..count)
            .filter_map(|k| hop(&cell, &base_from_head, &dots[k - 1].1, &targets[k]).ok())
            .map(|way| way.duration())
            .sum();
    });
    let limits = arm.motion_limits();
    let mut rest = 0.0;
    let law = timed(pairs, || {
        rest = dots
            .windows(2)
            .map(|w| {
                let mut way = Trajectory::resting(w[0].1);
                // The joints' limits alone, as the others have them.
                way.push(w[1].1, &limits, 0.0, SPEED_HOVER.m_per_s())
                    .unwrap();
                way.duration()
            })
            .sum();
    });
    let report = serde_json::json!({
        "hops": pairs, "branches": branches, "clear": clear,
        "us": {
            "forward": forward, "inverse": inverse, "blocked": blocked, "clearance": clearance, "distance": distance, "proof": proof,
            "hop": whole, "law": law,
        },
        "motion_s_per_dot": motion / pairs as f64,
        "law_s_per_dot": rest / pairs as f64,
        "joints": dots.iter().map(|(_, q)| q.as_slice().to_vec()).collect::<Vec<_>>(),
        "limits": {
            "velocity": limits.velocity.as_slice(), "acceleration": limits.acceleration.as_slice(), "jerk": limits.jerk.as_slice(),
        },
    });
    println!("{report}");
}
