use super::*;
use crate::arm::ArmSource;
use crate::cell::{Cell, Guard};
use crate::testing::{ball, cell, shared};
use crate::units::Length;

/// A cell with a cable beside the tool, so that the last link is no turned body.
fn wired(arm: ArmSource, link: &str) -> Cell {
    let guard = Guard {
        name: "cable".to_owned(),
        link: link.to_owned(),
        from: [0.0, 0.06, 0.02],
        to: [0.0, 0.06, -0.04],
        radius: Length::from_mm(12.0),
    };
    let mut cell = Cell { arm, ..cell() };
    cell.guards.push(guard);
    cell
}

#[test]
fn what_is_said_of_every_roll_holds_at_each() {
    let shared_arm = shared("arms/fr3/fr3_local.urdf").map(|f| ArmSource::read(&f).unwrap());
    let arms = [
        Some((ArmSource::ur5e(), "wrist_3_link")),
        shared_arm.map(|a| (a, "fr3_link7")),
    ];
    for (arm, link) in arms.into_iter().flatten() {
        // A cable beside the wrist, or a last link that is far from round, is seldom clear at every roll: then each is looked at.
        let bare = Cell {
            arm: arm.clone(),
            ..cell()
        };
        let round = if link == "wrist_3_link" { 50 } else { 0 };
        for (cell, fewest) in [(wired(arm, link), 0), (bare, round)] {
            let work = WorkCell::new(&cell, &ball(0.09, 64, true)).unwrap();
            let last = work.arm().dof() - 1;
            let (mut clear, mut blocked, mut depends, mut spared) = (0, 0, 0, 0);
            for k in 1..1500 {
                let q = work.arm().spread(k);
                let turns = (0..16).map(|turn| {
                    let mut turned = q;
                    turned[last] = f64::from(turn) * 0.4 - 3.1;
                    turned
                });
                let is_blocked = |q: Joints| work.blocked(&q, &cell.base_from_head).is_some();
                let at_each: Vec<bool> = turns.clone().map(is_blocked).collect();
                match work.at_every_roll(&q, &cell.base_from_head) {
                    AtEveryRoll::Clear => {
                        clear += 1;
                        assert!(!at_each.contains(&true), "{k}");
                    }
                    AtEveryRoll::Blocked(by) => {
                        blocked += 1;
                        assert!(!at_each.contains(&false), "{k}: {}", work.describe(&by));
                    }
                    AtEveryRoll::Depends(known) => {
                        depends += 1;
                        spared += u32::from(known != ClearAtEveryRoll::NOTHING);
                        let knowing = |q: Joints| {
                            let found = work.blocked_at_roll(&q, &cell.base_from_head, &known);
                            found.is_some()
                        };
                        assert!(turns.map(knowing).eq(at_each), "{k}");
                    }
                }
            }
            assert!(
                clear >= fewest && blocked > 20 && spared == depends && depends > 0,
                "{clear} {blocked} {depends} {spared}"
            );
        }
    }
}

#[test]
fn whether_a_roll_turns_the_last_joint_alone_is_seen_from_the_geometry() {
    let sign = |xyz: [f64; 3], rpy: [f64; 3]| {
        let mut cell = cell();
        cell.tool.flange_from_tip = Transform::from_xyz_rpy(xyz, rpy);
        let work = WorkCell::new(&cell, &ball(0.09, 64, true)).unwrap();
        let q = work.arm().spread(3);
        let by_roll = work.last_joint_by_roll()?;
        let mut turned = q;
        turned[5] += 0.3 * by_roll;
        let rolled = Transform::from_xyz_rpy([0.0; 3], [0.0, 0.0, 0.3]);
        let (off, angle) =
            (work.base_from_tip(&q) * rolled).separation(&work.base_from_tip(&turned));
        assert!(off < 1e-9 && angle < 1e-9, "{off} {angle}");
        Some(by_roll)
    };
    assert_eq!(sign([0.0, 0.0, 0.16], [0.0; 3]), Some(1.0));
    assert_eq!(sign([0.0, 0.0, 0.16], [0.0, 0.0, 1.0]), Some(1.0));
    assert_eq!(
        sign([0.0, 0.0, 0.16], [core::f64::consts::PI, 0.0, 0.0]),
        Some(-1.0)
    );
    assert_eq!(sign([0.0, 1e-6, 0.16], [0.0; 3]), None);
    assert_eq!(sign([0.0, 0.0, 0.16], [1e-6, 0.0, 0.0]), None);
}
