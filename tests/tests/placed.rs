//! Where base and head stand, and what that makes of a plan: what the planner makes the controller takes, from any place and of any mesh.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

use std::path::PathBuf;
use std::sync::Arc;

use nalgebra::Vector3;
use stipple_controller::admit::admit;
use stipple_model::arm::ArmSource;
use stipple_model::cell::{Cell, Guard, SceneBox};
use stipple_model::clearance::CellError;
use stipple_model::frames::Transform;
use stipple_model::joints::Joints;
use stipple_model::motion::{hop_to_joints, lift};
use stipple_model::plan::{Outcome, Plan, SkipReason};
use stipple_model::units::Length;
use stipple_planner::compose::ComposeError;
use stipple_planner::hops::Proven;
use stipple_tests::{composed, composed_on, planned, root, treatment, whole_scalp};

fn shipped() -> Cell {
    Cell::shipped(ArmSource::ur5e()).unwrap()
}

fn is_admitted(plan: Plan) {
    let (_, digest) = plan.to_bytes().unwrap();
    admit(Arc::new(plan), digest).unwrap();
}

/// A place that `reach --best` found for the head of seed 7: the arm reaches all of the scalp, and lifts off some dots above the ears
/// only to where the tip is too near to them and cannot go on.
fn beside_an_ear() -> Cell {
    let mut cell = shipped();
    let turn = [0.0, 15.488_636_345_266_267f64, -0.309_047_523_403_478_5].map(f64::to_radians);
    cell.base_from_head = Transform::from_xyz_rpy([0.512_788, -0.150_882, -0.014_075], turn);
    cell.floor_z = -0.914_075;
    let trunk = &mut cell.boxes[0];
    trunk.base_from_box = Transform::from_xyz_rpy([0.512_788, -0.150_882, -0.504_075], [0.0; 3]);
    cell
}

#[test]
fn from_where_a_lift_ended_beside_an_ear_a_way_leads_on_and_no_dot_is_lost_for_it() {
    let plan = composed(7, &whole_scalp(6000), 1, beside_an_ear()).unwrap();
    assert_eq!(planned(&plan), plan.dots.len());
    let cell = plan.work_cell().unwrap();
    let base_from_head = plan.cell.base_from_head;
    let mut stuck = 0;
    for dot in &plan.dots {
        let Outcome::Planned { hover, .. } = dot.outcome else {
            continue;
        };
        let up = lift(&cell, &base_from_head, &hover).unwrap();
        if cell.blocked(&up.end(), &base_from_head).is_none() {
            continue;
        }
        stuck += 1;
        let back = hop_to_joints(&cell, &base_from_head, &up.end(), &hover);
        assert!(back.is_ok(), "{back:?}");
    }
    assert!(
        stuck > 0,
        "no lift ends beside an ear: the test shows nothing"
    );
    is_admitted(plan);
}

/// Of a whole scalp nearly all dots are planned, each with little motion, and the arm seldom turns over between two neighbours.
#[test]
fn a_whole_scalp_is_planned_and_takes_little_motion() {
    let plans = [
        composed(7, &whole_scalp(30_000), 1, beside_an_ear()).unwrap(),
        stipple_tests::placed(11, &whole_scalp(30_000), 1, shipped()).unwrap(),
    ];
    for plan in plans {
        let (all, dots) = (plan.dots.len(), planned(&plan));
        assert!(all == 30_000 && dots * 1000 >= all * 995, "{dots} of {all}");
        let parts = plan.session_estimate.parts();
        let motion = parts.motion.s() / dots as f64;
        let each = motion + (parts.needle_travel + parts.dwell + parts.settling).s() / dots as f64;
        let turned = plan.sequence.iter().flat_map(|layer| layer.windows(2));
        let turned = turned.filter(|pair| {
            let hover = |k: usize| match plan.dot(pair[k]).unwrap().outcome {
                Outcome::Planned { hover, .. } => hover,
                Outcome::Skipped(_) => unreachable!("a skipped dot is in no layer"),
            };
            hover(0).max_difference(&hover(1)) > 1.0
        });
        let turned = turned.count();
        let found = format!(
            "{dots} dots: {motion:.3} s of motion a dot, {each:.3} s in all, {turned} turns"
        );
        println!("{found}");
        // A UR5e's aim is 0.35 s and two dots a second; what is reached is held.
        assert!(
            motion <= 0.2 && each <= 1.0 / 3.0 && turned <= 80,
            "{found}"
        );
    }
}

/// A guard that comes near a link at some turns of the last joint walls those off.
#[test]
fn dots_behind_a_guards_wall_get_another_pose_and_the_wall_is_told() {
    let mut cell = shipped();
    cell.guards = vec![Guard {
        name: "cable".to_owned(),
        link: "wrist_3_link".to_owned(),
        from: [0.0, 0.06, 0.02],
        to: [0.0, 0.06, -0.04],
        radius: Length::from_mm(12.0),
    }];
    let plan = composed(7, &treatment(300).0, 1, cell).unwrap();
    // Poses that no way led to were chosen anew, on this side of the wall.
    let dots = planned(&plan);
    assert!(dots * 100 >= plan.dots.len() * 99, "{dots}");
    // Where none is found it is told what the wall is.
    let (work, base_from_head) = (plan.work_cell().unwrap(), plan.cell.base_from_head);
    let hovers = plan.dots.iter().filter_map(|dot| match dot.outcome {
        Outcome::Planned { hover, .. } => Some(hover),
        Outcome::Skipped(_) => None,
    });
    let behind = |hover: &Joints| {
        let turns = (1..20).map(|k| {
            let mut turned = *hover;
            turned[5] += 0.3 * f64::from(k);
            turned
        });
        let mut clear = turns
            .filter(|turned| work.arm().within_limits(turned))
            .filter(|turned| work.blocked(turned, &base_from_head).is_none());
        clear.next_back()
    };
    let told = hovers.filter_map(|hover| {
        let proven = Proven {
            order: vec![0],
            durations: Vec::new(),
            unconnected: vec![1],
        };
        let obstacles = proven.obstacles((&work, &base_from_head), &[hover, behind(&hover)?]);
        obstacles[0].map(|obstacle| work.describe(&obstacle))
    });
    assert!(told.into_iter().any(|text| text.contains("cable")));
}

#[test]
fn a_base_that_stands_in_something_is_refused_and_one_on_a_table_is_not() {
    let (text, _) = treatment(60);
    let with_box = |center: [f64; 3], size: [f64; 3]| {
        let mut cell = shipped();
        cell.boxes.push(SceneBox {
            name: "cupboard".to_owned(),
            base_from_box: Transform::from_xyz_rpy(center, [0.0; 3]),
            size,
        });
        composed(7, &text, 1, cell)
    };
    let table = with_box([0.0, 0.0, -0.05], [0.4, 0.4, 0.1]).unwrap();
    assert!(planned(&table) > 0);
    let refused = with_box([0.0, 0.0, 0.03], [0.4, 0.4, 0.06]).unwrap_err();
    let ComposeError::Cell(CellError::Base { what }) = refused else {
        panic!("{refused}")
    };
    assert!(what.contains("cupboard"), "{what}");
    let mut on_top = shipped();
    on_top.base_from_head = Transform::from_xyz_rpy([0.0, 0.0, 0.05], [0.0; 3]);
    let refused = composed(7, &text, 1, on_top).unwrap_err();
    let ComposeError::Cell(CellError::Base { what }) = refused else {
        panic!("{refused}")
    };
    assert!(what.contains("head"), "{what}");
}

/// The controller does not take a dot whose normal leans far from the mesh about it, so the planner leaves it out.
#[test]
fn what_is_planned_on_a_coarse_mesh_is_admitted() {
    let shared =
        std::env::var_os("STIPPLE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let scan = shared.join("quirky-scans/reference.ply");
    let landmarks = shared.join("scans/colin27_av_ras.landmarks.json");
    if !scan.exists() || !landmarks.exists() {
        println!(
            "SKIP what_is_planned_on_a_coarse_mesh_is_admitted: no {}",
            scan.display()
        );
        return;
    }
    let (text, _) = treatment(3000);
    let plan = composed_on((&scan, &landmarks), &text, 1, shipped()).unwrap();
    let rough = plan
        .dots
        .iter()
        .filter(|d| d.outcome == Outcome::Skipped(SkipReason::RoughSkin))
        .count();
    assert!(
        rough > 0 && planned(&plan) > 2000,
        "{rough}, {}",
        planned(&plan)
    );
    is_admitted(plan);
}

/// A search for a place puts neither the base nor the column below it into anything.
#[test]
fn a_search_for_a_place_keeps_the_base_out_of_the_person() {
    let cell = shipped();
    let head = cell.base_from_head.raw().translation.vector;
    // Shoulders so wide that the shipped place is among them.
    let mut wide = cell;
    wide.boxes[0].size = [0.3, 2.0 * head.norm() + 0.4, 0.5];
    wide.boxes[0].base_from_box = Transform::from_xyz_rpy(
        [head.x, head.y, -0.15],
        [0.0, 0.0, std::f64::consts::FRAC_PI_2],
    );
    let (text, _) = treatment(60);
    let refused = composed(7, &text, 1, wide.clone()).unwrap_err();
    assert!(
        matches!(refused, ComposeError::Cell(CellError::Base { .. })),
        "{refused}"
    );
    let found = stipple_tests::placed(7, &text, 1, wide).unwrap();
    let base = found
        .work_cell()
        .unwrap()
        .below_base(&found.cell.base_from_head);
    assert_eq!((base.boxes, base.head), (0, false));
    let trunk = found.cell.boxes[0].base_from_box.inverse().raw() * nalgebra::Point3::origin();
    let half = Vector3::from(found.cell.boxes[0].size) * 0.5;
    assert!((0..2).any(|k| trunk[k].abs() > half[k]), "{trunk}");
}
