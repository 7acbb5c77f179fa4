//! Laws of the whole planned motion, over every crate that has a part in it: what is planned is reached, clear and told once; nothing
//! depends on where the room's origin lies or on the number of threads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Base, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::{HOVER, HOVER_ZONE};
use stipple_model::plan::{DotId, Outcome, Plan};
use stipple_planner::export;
use stipple_tests::{in_cell, plan};

/// Dots of the plan most tests look at.
const DOTS: u32 = 600;
/// Largest change of a joint from dot to dot that may happen close over the skin, rad.
const JUMP: f64 = 0.5;

fn shared() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| plan(11, DOTS, 1))
}

/// One row of hops.csv.
struct Row {
    dot: Option<DotId>,
    t: f64,
    q: Joints,
}

fn hops(plan: &Plan, cell: &WorkCell) -> Vec<Row> {
    let mut table = Vec::new();
    export::hops(plan, cell, &mut table).unwrap();
    let text = String::from_utf8(table).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name).unwrap();
    let (dot, t) = (column("dot"), column("t_s"));
    let joints: Vec<usize> = (1..=cell.arm().dof())
        .map(|k| column(&format!("q{k}")))
        .collect();
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let q: Vec<f64> = joints.iter().map(|k| cells[*k].parse().unwrap()).collect();
            Row {
                dot: cells[dot].parse().ok().map(DotId),
                t: cells[t].parse().unwrap(),
                q: Joints::from_slice(&q).unwrap(),
            }
        })
        .collect()
}

fn exported() -> &'static (WorkCell, Vec<Row>) {
    static ROWS: OnceLock<(WorkCell, Vec<Row>)> = OnceLock::new();
    ROWS.get_or_init(|| {
        let plan = shared();
        let cell = WorkCell::new(&plan.cell, &plan.head).unwrap();
        let rows = hops(plan, &cell);
        (cell, rows)
    })
}

/// The layers' orders as one list of dots.
fn order(plan: &Plan) -> Vec<DotId> {
    plan.sequence.iter().flatten().copied().collect()
}

fn hover(plan: &Plan, id: DotId) -> Joints {
    match plan.dot(id).unwrap().outcome {
        Outcome::Planned { hover, .. } => hover,
        Outcome::Skipped(reason) => panic!("dot {} is run, yet skipped: {reason:?}", id.0),
    }
}

#[test]
fn every_dot_is_either_run_once_in_its_layer_or_skipped() {
    let plan = shared();
    let mut run = BTreeMap::new();
    for (layer, dots) in (1u8..).zip(&plan.sequence) {
        for id in dots {
            assert!(run.insert(*id, layer).is_none(), "dot {} twice", id.0);
            assert_eq!(plan.dot(*id).unwrap().layer, layer, "dot {}", id.0);
        }
    }
    for (i, dot) in (0u32..).zip(&plan.dots) {
        let planned = matches!(dot.outcome, Outcome::Planned { .. });
        assert_eq!(run.contains_key(&DotId(i)), planned, "dot {i}");
    }
    assert!(run.len() * 100 >= plan.dots.len() * 98, "{}", run.len());
}

#[test]
fn exported_hops_run_the_order_and_end_on_each_dots_hover() {
    let (plan, (cell, rows)) = (shared(), exported());
    // The last dot of a layer has the way home besides: its hover is the row nearest to it.
    let lasts: BTreeSet<DotId> = plan
        .sequence
        .iter()
        .filter_map(|l| l.last().copied())
        .collect();
    let mut ended: Vec<(DotId, Joints)> = Vec::new();
    for row in rows {
        let Some(dot) = row.dot else { continue };
        match ended.last_mut().filter(|(id, _)| *id == dot) {
            Some((_, q)) => {
                let far = |q: &Joints| q.max_difference(&hover(plan, dot));
                if !lasts.contains(&dot) || far(&row.q) < far(q) {
                    *q = row.q;
                }
            }
            None => ended.push((dot, row.q)),
        }
    }
    assert_eq!(ended.iter().map(|e| e.0).collect::<Vec<_>>(), order(plan));
    for (id, q) in ended {
        let pose = plan.dot(id).unwrap().hover_pose(HOVER).unwrap();
        let tip = plan.cell.base_from_head.inverse() * cell.base_from_tip(&q);
        let (off, turned) = tip.separation(&pose);
        assert!(off < 1e-8 && turned < 1e-8, "dot {}: {off} m", id.0);
    }
}

#[test]
fn a_tenth_of_the_hops_is_clear_wherever_one_looks() {
    let (plan, (cell, rows)) = (shared(), exported());
    // Chosen by a fixed hash, so that neighbours are not all of one kind.
    let chosen = |k: usize| k.wrapping_mul(2_654_435_761) % 10 == 3;
    let mut looked = 0;
    for (k, pair) in rows.windows(2).enumerate() {
        let [a, b] = pair else { continue };
        if b.t < a.t || !chosen(k) {
            continue;
        }
        let steps = (a.q.max_difference(&b.q) / 0.002).ceil().max(1.0) as u32;
        for s in 0..=steps {
            let q = a.q.lerp(&b.q, f64::from(s) / f64::from(steps));
            let obstacle = cell.blocked(&q, &plan.cell.base_from_head);
            assert!(
                obstacle.is_none(),
                "after row {k}: {}",
                cell.describe(&obstacle.unwrap())
            );
            assert!(cell.arm().within_limits(&q), "after row {k}");
            looked += 1;
        }
    }
    assert!(looked > DOTS as usize, "only {looked} configurations");
}

#[test]
fn joints_jump_only_at_a_safe_height() {
    let (plan, (cell, rows)) = (shared(), exported());
    let head_from_base = plan.cell.base_from_head.inverse();
    let mut highest = BTreeMap::new();
    for row in rows {
        if let Some(dot) = row.dot {
            let tip = head_from_base * cell.base_from_tip(&row.q).origin();
            let height = cell.field().exact(&tip);
            let seen = highest.entry(dot).or_insert(height);
            *seen = height.max(*seen);
        }
    }
    for layer in &plan.sequence {
        for pair in layer.windows(2) {
            let turn = hover(plan, pair[0]).max_difference(&hover(plan, pair[1]));
            assert!(
                turn <= JUMP || highest[&pair[1]] >= HOVER_ZONE.m(),
                "{turn} rad to dot {} at {} m",
                pair[1].0,
                highest[&pair[1]]
            );
        }
    }
}

#[test]
fn threads_change_no_byte() {
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let plan = plan(11, 150, 1);
            let cell = WorkCell::new(&plan.cell, &plan.head).unwrap();
            let mut table = Vec::new();
            export::hops(&plan, &cell, &mut table).unwrap();
            (plan.to_bytes().unwrap(), table)
        })
    };
    let (one, two) = (bytes(1), bytes(2));
    assert!(one.0 == two.0, "the plan depends on the number of threads");
    assert!(one.1 == two.1, "the hops depend on the number of threads");
}

/// The shipped cell with the arm's foot moved by `room` from where it stood: the arm hangs on another root, head and boxes go with it.
fn moved_together(room: &Isometry3<f64>) -> Cell {
    let mut arm = ArmSource::ur5e();
    let (at, (roll, pitch, yaw)) = (room.translation.vector, room.rotation.euler_angles());
    let root = format!(
        "<link name=\"room\"/><joint name=\"foot\" type=\"fixed\"><parent link=\"room\"/><child link=\"base_link\"/>\
         <origin xyz=\"{:e} {:e} {:e}\" rpy=\"{roll:e} {pitch:e} {yaw:e}\"/></joint>",
        at.x, at.y, at.z
    );
    arm.urdf = arm.urdf.replacen(
        "<link name=\"base_link\">",
        &format!("{root}<link name=\"base_link\">"),
        1,
    );
    let mut cell = Cell::shipped(arm).unwrap();
    cell.base_from_head = Transform::from_raw(room * cell.base_from_head.raw());
    for scene in &mut cell.boxes {
        scene.base_from_box = Transform::from_raw(room * scene.base_from_box.raw());
    }
    cell.floor_z += at.z;
    let station = Transform::<Base, Tip>::from_xyz_rpy([0.25, -0.45, 0.1], [3.1, 0.0, 0.0]);
    cell.station = Some(Transform::from_raw(room * station.raw()));
    cell
}

#[test]
fn the_rooms_origin_changes_nothing() {
    let room = Isometry3::from_parts(
        Translation3::new(0.3, -1.1, 0.45),
        UnitQuaternion::from_axis_angle(&Vector3::z_axis(), 0.7),
    );
    let here = in_cell(11, 150, 1, moved_together(&Isometry3::identity()));
    let there = in_cell(11, 150, 1, moved_together(&room));
    assert_eq!(here.dots.len(), there.dots.len());
    let planned = |plan: &Plan| order(plan).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(planned(&here), planned(&there));
    assert_eq!(order(&here), order(&there));
    for id in order(&here) {
        let off = hover(&here, id).max_difference(&hover(&there, id));
        assert!(off < 1e-6, "dot {}: {off} rad", id.0);
    }
    let waiting = here
        .station
        .unwrap()
        .max_difference(&there.station.unwrap());
    assert!(waiting < 1e-6, "the arm waits {waiting} rad elsewhere");
    assert_eq!(here.stops, there.stops);
    let ways = |plan: &Plan| plan.session_estimate.parts().station_ways.s();
    assert!((ways(&here) - ways(&there)).abs() < 1e-3);
}

#[test]
fn slower_joints_never_make_a_shorter_session() {
    let slower = |share: f64| {
        let mut arm = ArmSource::ur5e();
        let limit = "velocity=\"3.141592653589793\"";
        assert!(arm.urdf.contains(limit));
        let speed = share * std::f64::consts::PI;
        arm.urdf = arm.urdf.replace(limit, &format!("velocity=\"{speed}\""));
        let plan = in_cell(11, 150, 1, Cell::shipped(arm).unwrap());
        let cell = WorkCell::new(&plan.cell, &plan.head).unwrap();
        let rows = hops(&plan, &cell);
        let ends = rows.windows(2).filter(|w| w[1].t < w[0].t).map(|w| w[0].t);
        let time: f64 = ends.sum::<f64>() + rows.last().unwrap().t;
        (time, plan.session_estimate.total().s(), order(&plan).len())
    };
    let mut before = slower(1.0);
    for share in [0.5, 0.25, 0.1] {
        let now = slower(share);
        assert!(
            now.2 < before.2 || (now.0 >= before.0 - 1e-6 && now.1 >= before.1 - 1e-6),
            "at {share} of the speed {now:?} after {before:?}"
        );
        before = now;
    }
}
