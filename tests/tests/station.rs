//! Stops and the arm's ways to where it waits at them: every way starts and ends where it says, is clear wherever one looks, takes as long
//! as the plan says, and a station at which the arm cannot wait is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

use std::sync::{Arc, OnceLock};

use stipple_controller::admit::admit;
use stipple_controller::hops::{CellPlanner, HopPlanner as _, HopRefusal, HopRequest};
use stipple_model::arm::ArmSource;
use stipple_model::cell::{Cell, SceneBox};
use stipple_model::clearance::{Settled, WorkCell};
use stipple_model::frames::Transform;
use stipple_model::joints::Joints;
use stipple_model::motion::{Trajectory, away, back};
use stipple_model::plan::{DotId, Outcome, Plan, StopKind, pauses};
use stipple_planner::compose::ComposeError;
use stipple_planner::export;
use stipple_planner::station::StationError;
use stipple_tests::{composed, treatment};

/// Dots of a plan.
const DOTS: u32 = 600;
/// Dots that one dip lasts: many stops.
const DIP: u32 = 20;
/// A way is looked at in places so far apart, rad of the joint that turns most.
const STEP: f64 = 0.004;
/// How far above the skin the arm waits at least where there is no station, m.
const LIFTED: f64 = 0.0199;

/// The shipped cell with a station.
fn cell(station: Option<[f64; 3]>) -> Cell {
    let mut cell = Cell::shipped(ArmSource::ur5e()).unwrap();
    let down = [std::f64::consts::PI, 0.0, 0.0];
    cell.station = station.map(|at| Transform::from_xyz_rpy(at, down));
    cell
}

/// The station that the shipped cell file proposes.
const PROPOSED: [f64; 3] = [0.25, -0.45, 0.1];

fn text() -> String {
    let (text, _) = treatment(DOTS);
    assert!(!text.contains("\n[session]"));
    format!("{text}\n[session]\ndots_per_dip = {DIP}\n")
}

fn planned(station: Option<[f64; 3]>) -> Result<Plan, ComposeError> {
    composed(11, &text(), 1, cell(station))
}

/// A plan with a station, and one without.
fn shared() -> &'static [Plan; 2] {
    static PLANS: OnceLock<[Plan; 2]> = OnceLock::new();
    PLANS.get_or_init(|| [Some(PROPOSED), None].map(|station| planned(station).unwrap()))
}

fn hover(plan: &Plan, id: DotId) -> Joints {
    match plan.dot(id).unwrap().outcome {
        Outcome::Planned { hover, .. } => hover,
        Outcome::Skipped(reason) => panic!("dot {} is run, yet skipped: {reason:?}", id.0),
    }
}

/// The ways of a layer: off the head (from a dot) and back (to a dot), each with that dot's joints.
struct Ways {
    off: Vec<(Joints, Trajectory)>,
    back: Vec<(Joints, Trajectory)>,
}

/// Every way that a layer's stops, beginning and end ask for.
fn ways(plan: &Plan, cell: &WorkCell, layer: usize) -> Ways {
    let settled = Settled::nothing(cell, &plan.cell.base_from_head);
    let order = &plan.sequence[layer];
    let at = |k: usize| hover(plan, order[k]);
    let off = |k: usize| {
        (
            at(k),
            away(&settled, &at(k), plan.station.as_ref()).unwrap(),
        )
    };
    let mut ways = Ways {
        off: vec![off(order.len() - 1)],
        back: Vec::new(),
    };
    let mut places: Vec<usize> = pauses(&plan.stops[layer])
        .filter(|p| p.is_away)
        .map(|p| p.before as usize)
        .collect();
    places.insert(0, 0);
    places.dedup();
    for k in places {
        let from = off(k.saturating_sub(1));
        let waiting = plan.station.unwrap_or_else(|| from.1.end());
        ways.back
            .push((at(k), back(&settled, &waiting, &at(k)).unwrap()));
        if k > 0 {
            ways.off.push(from);
        }
    }
    ways
}

fn assert_clear(plan: &Plan, cell: &WorkCell, way: &Trajectory) -> u32 {
    let fastest = cell.arm().motion_limits().velocity.max_abs();
    let steps = (way.duration() * fastest / STEP).ceil() as u32;
    for k in 0..=steps {
        let q = way
            .at(way.duration() * f64::from(k) / f64::from(steps))
            .position;
        let obstacle = cell.blocked(&q, &plan.cell.base_from_head);
        assert!(
            obstacle.is_none() && cell.arm().within_limits(&q),
            "{q:?}: {obstacle:?}"
        );
    }
    steps
}

#[test]
fn every_way_starts_and_ends_where_it_says_and_is_clear_wherever_one_looks() {
    for plan in shared() {
        let cell = plan.work_cell().unwrap();
        let head_from_base = plan.cell.base_from_head.inverse();
        let (mut looked, mut stops) = (0, 0);
        for layer in 0..plan.sequence.len() {
            let ways = ways(plan, &cell, layer);
            stops += ways.back.len();
            for (dot, way) in &ways.off {
                assert_eq!(way.start(), *dot);
                match &plan.station {
                    Some(station) => assert_eq!(way.end(), *station),
                    None => {
                        let tip = head_from_base * cell.base_from_tip(&way.end()).origin();
                        assert!(cell.field().exact(&tip) >= LIFTED);
                    }
                }
            }
            for (dot, way) in &ways.back {
                assert_eq!(way.end(), *dot);
                if let Some(station) = plan.station {
                    assert_eq!(way.start(), station);
                }
            }
            // A look takes a tenth of a millisecond, a way has thousands: every third way is looked at.
            let all = ways.off.iter().chain(&ways.back).step_by(3);
            looked += all.map(|(_, w)| assert_clear(plan, &cell, w)).sum::<u32>();
        }
        assert!(stops as u32 > DOTS / DIP / 2, "only {stops} stops");
        assert!(looked > 1000, "only {looked} configurations");
    }
}

#[test]
fn the_arm_waits_with_the_tip_at_the_station_whatever_the_turn_about_the_needle() {
    let [plan, without] = shared();
    assert_eq!(without.station, None);
    let cell = plan.work_cell().unwrap();
    let q = plan.station.unwrap();
    let (tip, asked) = (cell.base_from_tip(&q), plan.cell.station.unwrap());
    assert!(tip.origin().distance(&asked.origin()) < 1e-8);
    let needle = |t: &Transform<_, _>| t.raw().rotation * nalgebra::Vector3::z();
    assert!(needle(&tip).angle(&needle(&asked)) < 1e-7);
    assert_eq!(cell.blocked(&q, &plan.cell.base_from_head), None);
}

#[test]
fn the_controller_admits_the_plan_parks_there_from_over_any_dot_and_comes_back() {
    let [plan, without] = shared();
    for plan in [plan, without] {
        let (_, digest) = plan.to_bytes().unwrap();
        let admitted = admit(Arc::new(plan.clone()), digest).unwrap();
        let mut planner =
            CellPlanner::new(Arc::clone(admitted.plan()), Arc::clone(admitted.cell()));
        let head = plan.cell.base_from_head;
        for dot in plan.sequence.iter().flatten().step_by(37).copied() {
            let up = planner.lift(&hover(plan, dot), &head).unwrap().trajectory;
            let parked = planner.park(&up.end(), &head);
            let Some(station) = plan.station else {
                assert_eq!(parked, Err(HopRefusal::NoStation));
                continue;
            };
            let way = parked.unwrap().trajectory;
            assert_eq!((way.start(), way.end()), (up.end(), station));
            assert_clear(plan, admitted.cell(), &way);
            let request = HopRequest {
                dot,
                from: station,
                base_from_head: head,
            };
            let back = planner.hop(&request).unwrap().trajectory;
            assert_eq!(back.start(), station);
            assert!(back.end().max_difference(&hover(plan, dot)) < 1e-6);
            assert_clear(plan, admitted.cell(), &back);
        }
    }
}

#[test]
fn the_estimate_is_what_the_ways_and_hops_take() {
    for plan in shared() {
        let cell = plan.work_cell().unwrap();
        let mut table = Vec::new();
        export::hops(plan, &cell, &mut table).unwrap();
        let text = String::from_utf8(table).unwrap();
        let times: Vec<f64> = text
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(1).unwrap().parse().unwrap())
            .collect();
        let mut ends: Vec<f64> = times
            .windows(2)
            .filter(|w| w[1] < w[0])
            .map(|w| w[0])
            .collect();
        ends.extend(times.last());
        assert_eq!(ends.len(), plan.session_estimate.layers.len());
        for (layer, (end, parts)) in ends.iter().zip(&plan.session_estimate.layers).enumerate() {
            let ways = ways(plan, &cell, layer);
            let all = ways.off.iter().chain(&ways.back);
            let sum: f64 = all.map(|(_, way)| way.duration()).sum();
            let said = parts.station_ways.s();
            assert!((sum - said).abs() < 1e-6, "{sum} s, {said} s said");
            let dots = parts.needle_travel + parts.dwell + parts.settling;
            let expected = (parts.total() - dots).s();
            // Hops are exported from the joints that inverse kinematics finds anew.
            assert!((end - expected).abs() < 1e-3, "{end} s, {expected} s said");
        }
    }
}

#[test]
fn a_wait_for_skin_that_rests_is_spent_over_the_dot_before() {
    let plan = &shared()[0];
    let mut plan = plan.clone();
    let cell = plan.work_cell().unwrap();
    // One rest before a dot that no other stop comes before.
    let free = |k: &u32| plan.stops[0].iter().all(|s| s.before != *k);
    let k = (1..).find(free).unwrap();
    let stop = stipple_model::plan::Stop {
        before: k,
        kind: StopKind::Rest,
        expected: stipple_model::units::Time::from_s(7.5),
    };
    plan.stops[0].push(stop);
    plan.stops[0].sort_by_key(|s| s.before);
    let mut table = Vec::new();
    export::hops(&plan, &cell, &mut table).unwrap();
    let text = String::from_utf8(table).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let (dot, before) = (
        plan.sequence[0][k as usize],
        plan.sequence[0][k as usize - 1],
    );
    let first = rows
        .iter()
        .position(|r| (r[0] - f64::from(dot.0)).abs() < 0.5)
        .unwrap();
    assert!((rows[first - 1][0] - f64::from(before.0)).abs() < 0.5);
    assert!((rows[first][1] - rows[first - 1][1] - 7.5).abs() < 2e-6);
    assert_eq!(rows[first][2..], rows[first - 1][2..]);
}

#[test]
fn the_same_station_on_any_number_of_threads() {
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap()
            .install(|| planned(Some(PROPOSED)).unwrap().to_bytes().unwrap())
    };
    assert!(bytes(1) == bytes(2));
}

#[test]
fn stations_at_which_the_arm_cannot_wait_are_refused() {
    let refused = |cell: Cell| match composed(11, &treatment(60).0, 1, cell) {
        Err(ComposeError::Station(error)) => {
            let said = error.to_string();
            assert!(
                said.contains("[station]") && said.contains("move"),
                "{said}"
            );
            error
        }
        other => panic!("{:?}", other.map(|plan| plan.station)),
    };
    let far = refused(cell(Some([2.5, 0.0, 0.3])));
    assert!(matches!(far, StationError::OutOfReach { .. }), "{far}");
    // In the person's trunk.
    let inside = refused(cell(Some([0.48, 0.0, -0.3])));
    assert!(matches!(inside, StationError::Blocked { .. }), "{inside}");
    // In the head.
    let inside = refused(cell(Some([0.48, 0.0, 0.2])));
    assert!(
        matches!(inside, StationError::OverHead { height_mm, .. } if height_mm < 0.0),
        "{inside}"
    );
    // In a shaft that is open nowhere the tool could get in.
    let mut walled = cell(Some(PROPOSED));
    let [x, y, z] = PROPOSED;
    for (dx, dy, size) in [
        (0.3, 0.0, [0.01, 0.6, 3.0]),
        (-0.3, 0.0, [0.01, 0.6, 3.0]),
        (0.0, -0.3, [0.6, 0.01, 3.0]),
        (0.0, 0.3, [0.6, 0.01, 3.0]),
    ] {
        walled.boxes.push(SceneBox {
            name: "wall".to_owned(),
            base_from_box: Transform::from_xyz_rpy([x + dx, y + dy, z], [0.0; 3]),
            size,
        });
    }
    let walled = refused(walled);
    assert!(
        matches!(
            walled,
            StationError::Blocked { .. } | StationError::NoWay { .. }
        ),
        "{walled}"
    );
}
