//! What a plan's stops, station and estimate must keep to.

use super::*;
use crate::digest::Digest;
use crate::units::Time;

/// Six dots in one layer, two cartridges and two shades, with the stops they need.
fn plan() -> Plan {
    let zone = |needle: &str| Zone {
        name: needle.to_owned(),
        area: Area::from_cm2(10.0),
        target: Density::from_per_cm2(25.0),
        depth_cap: Length::from_mm(1.5),
        needle: Some(needle.to_owned()),
        healed_diameter: None,
    };
    let shade = |name: &str| Shade {
        name: name.to_owned(),
        rgb: [80; 3],
        dilution: None,
    };
    let dot = |(zone, shade): (u8, u8)| Dot {
        position: Point::new(0.0, 0.0, 0.09),
        normal: Direction::z(),
        needle: -Direction::z(),
        depth: Length::from_mm(0.5),
        diameter: Length::from_mm(0.15),
        shade,
        zone,
        layer: 1,
        outcome: Outcome::Planned {
            roll: Angle::ZERO,
            hover: Joints::zeros(6),
        },
    };
    let dots = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 1), (1, 1)];
    let stop = |before, kind| Stop {
        before,
        kind,
        expected: Time::from_s(4.0),
    };
    Plan {
        provenance: Provenance {
            planner_version: String::new(),
            seed: 1,
            scan_digest: Digest::of(b"scan"),
            landmarks_digest: Digest::of(b"landmarks"),
            treatment: String::new(),
            metres_per_scan_unit: 1.0,
        },
        purpose: crate::treatment::Purpose::Treatment,
        fitted: None,
        dwell: crate::limits::DWELL,
        head_from_scan: Transform::identity(),
        cell: crate::testing::cell(),
        head: crate::testing::ball(0.09, 8, true),
        anatomy: Anatomy::upright(),
        patch: vec![0],
        keep_outs: Vec::new(),
        zones: vec![zone("3RL"), zone("1RL")],
        wanted: Vec::new(),
        shades: vec![shade("light"), shade("dark")],
        needles: vec![Some("3RL".to_owned()), Some("1RL".to_owned())],
        layers: 1,
        dots: dots.map(dot).to_vec(),
        sequence: vec![(0..6).map(DotId).collect()],
        stops: vec![vec![
            stop(0, StopKind::NeedleChange { needle: 0 }),
            stop(0, StopKind::ShadeChange { shade: 0 }),
            stop(0, StopKind::InkDip { shade: 0 }),
            stop(2, StopKind::ShadeChange { shade: 1 }),
            stop(3, StopKind::Break),
            stop(3, StopKind::NeedleChange { needle: 1 }),
            stop(3, StopKind::InkDip { shade: 1 }),
            stop(5, StopKind::Rest),
        ]],
        station: None,
        measures: Vec::new(),
        findings: Vec::new(),
        skips: Vec::new(),
        session_estimate: SessionEstimate {
            layers: vec![SessionParts::default()],
        },
    }
}

#[test]
fn stops_survive_the_file() {
    let mut plan = plan();
    plan.cell.station = Some(Transform::from_xyz_rpy([0.3, -0.4, 0.2], [3.0, 0.0, 0.0]));
    plan.station = Some(Joints::zeros(6).map(|q| q + 0.1));
    let (bytes, digest) = plan.to_bytes().unwrap();
    let (read, same) = Plan::from_bytes(&bytes, std::path::Path::new("a.plan")).unwrap();
    assert_eq!((read, same), (plan, digest));
}

#[test]
fn a_layer_without_stops_leaves_changes_to_the_operator() {
    let mut plan = plan();
    plan.stops[0].clear();
    assert_eq!(plan.check(), Ok(()));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let refused = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan();
        assert_eq!(plan.check(), Ok(()));
        change(&mut plan);
        plan.check().unwrap_err()
    };
    let stop = |stop| Inconsistency::Stop { layer: 1, stop };
    assert_eq!(refused(&|p| p.stops[0][7].before = 6), stop(7));
    assert_eq!(refused(&|p| p.stops[0][3].before = 4), stop(4));
    assert_eq!(
        refused(&|p| p.stops[0][4].expected = Time::from_s(-1.0)),
        stop(4)
    );
    assert_eq!(
        refused(&|p| p.stops[0][4].expected = Time::from_s(f64::NAN)),
        stop(4)
    );
    assert_eq!(
        refused(&|p| p.stops[0][0].kind = StopKind::NeedleChange { needle: 2 }),
        stop(0)
    );
    assert_eq!(
        refused(&|p| p.stops[0][2].kind = StopKind::InkDip { shade: 2 }),
        stop(2)
    );
    // A dip of a shade that is not fitted, and dots with another shade or cartridge than their own.
    assert_eq!(
        refused(&|p| p.stops[0][2].kind = StopKind::InkDip { shade: 1 }),
        Inconsistency::Fitted(0)
    );
    assert_eq!(
        refused(&|p| {
            p.stops[0].remove(3);
        }),
        Inconsistency::Fitted(2)
    );
    assert_eq!(
        refused(&|p| {
            p.stops[0].remove(5);
        }),
        Inconsistency::Fitted(3)
    );
    assert_eq!(
        refused(&|p| p.stops.clear()),
        Inconsistency::StopLists {
            lists: 0,
            layers: 1
        }
    );
    assert_eq!(refused(&|p| p.needles.reverse()), Inconsistency::Needles);
    assert_eq!(
        refused(&|p| p.session_estimate.layers.clear()),
        Inconsistency::Estimate
    );
    let endless = |p: &mut Plan| p.session_estimate.layers[0].breaks = Time::from_s(f64::INFINITY);
    assert_eq!(refused(&endless), Inconsistency::Estimate);
    let bent = |p: &mut Plan| {
        p.cell.station = Some(Transform::from_xyz_rpy([f64::NAN, 0.0, 0.0], [0.0; 3]))
    };
    assert_eq!(refused(&bent), Inconsistency::Transform("the station"));
    let placed = |p: &mut Plan, joints| {
        p.cell.station = Some(Transform::from_xyz_rpy([0.3, -0.4, 0.2], [3.0, 0.0, 0.0]));
        p.station = joints;
    };
    let strange: [&dyn Fn(&mut Plan); 4] = [
        &|p| placed(p, None),
        &|p| p.station = Some(Joints::zeros(6)),
        &|p| placed(p, Some(Joints::zeros(7))),
        &|p| placed(p, Some(Joints::zeros(6).map(|_| f64::NAN))),
    ];
    for strange in strange {
        assert_eq!(refused(strange), Inconsistency::Station);
    }
}

#[test]
fn stops_before_one_dot_are_one_pause() {
    let plan = plan();
    let found: Vec<Pause> = pauses(&plan.stops[0]).collect();
    let pause = |before, is_away, s| Pause {
        before,
        is_away,
        expected: Time::from_s(s),
    };
    let expected = [
        pause(0, true, 12.0),
        pause(2, true, 4.0),
        pause(3, true, 12.0),
        pause(5, false, 4.0),
    ];
    assert_eq!(found, expected);
    assert_eq!(pauses(&[]).count(), 0);
}

#[test]
fn an_estimate_is_the_sum_of_its_parts() {
    let layer = SessionParts {
        motion: Time::from_s(10.0),
        dips: Time::from_s(4.0),
        station_ways: Time::from_s(6.0),
        ..SessionParts::default()
    };
    let estimate = SessionEstimate {
        layers: vec![layer, layer],
    };
    assert!((estimate.total().s() - 40.0).abs() < 1e-12);
    let named: f64 = estimate
        .parts()
        .named()
        .iter()
        .map(|(_, part)| part.s())
        .sum();
    assert!((named - 40.0).abs() < 1e-12);
}
