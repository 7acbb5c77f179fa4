use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::clearance::WorkCell;
use stipple_model::limits::{HOVER, TILT_CAP};
use stipple_model::plan::{KeepOut, SkipReason, tip_pose};
use stipple_model::units::Length;

use super::*;

/// A ball before the arm, and places on it above a height.
fn ball_and_sites(above: f64) -> (WorkCell, Transform<Base, Head>, Vec<Site>) {
    let head = crate::unroll::tests::ball().0;
    let mut cell = Cell::shipped(ArmSource::ur5e()).unwrap();
    cell.boxes.clear();
    cell.base_from_head = Transform::from_xyz_rpy([0.5, 0.1, 0.1], [0.0; 3]);
    let work = WorkCell::new(&cell, &head).unwrap();
    let triangles: Vec<u32> = (0u32..).zip(head.triangles()).map(|(i, _)| i).collect();
    let mut sites = crate::reach::sites(&head, &triangles);
    sites.retain(|s| s.position.raw().z > above);
    (work, cell.base_from_head, spread(&sites, 600))
}

#[test]
fn every_pose_hovers_over_its_dot_and_neighbours_of_a_region_need_no_flip() {
    let (cell, base_from_head, sites) = ball_and_sites(0.02);
    let surroundings = Surroundings {
        cell: &cell,
        base_from_head,
        keep_outs: &[],
    };
    let sheets = Sheets::new(&surroundings, &sites);
    let poses = assign(&surroundings, &sheets, &sites, &crate::to_the_end).unwrap();
    let placed = poses.iter().filter(|p| p.is_ok()).count();
    assert!(
        placed * 100 >= sites.len() * 90,
        "{placed} of {}",
        sites.len()
    );
    for (site, pose) in sites.iter().zip(&poses) {
        let Ok(pose) = pose else { continue };
        let wanted = base_from_head * tip_pose(&site.position, &pose.needle, pose.roll, HOVER);
        let (off, turned) = cell.base_from_tip(&pose.hover).separation(&wanted);
        assert!(off < 1e-8 && turned < 1e-8, "{off} {turned}");
        assert!(site.normal.angle(&-pose.needle) <= TILT_CAP.rad());
        assert_eq!(cell.blocked(&pose.hover, &base_from_head), None);
    }
    let mut compared = 0;
    for (i, a) in sites.iter().enumerate() {
        for (j, b) in sites.iter().enumerate().skip(i + 1) {
            if a.position.distance(&b.position) > 0.008 {
                continue;
            }
            if let (Ok(p), Ok(q)) = (&poses[i], &poses[j])
                && p.region == q.region
            {
                compared += 1;
                let jump = p.hover.max_difference(&q.hover);
                assert!(jump < 1.0, "{jump} rad from {i} to {j}");
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn any_number_of_threads_gives_the_same_poses() {
    let (cell, base_from_head, sites) = ball_and_sites(0.05);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let surroundings = Surroundings {
                cell: &cell,
                base_from_head,
                keep_outs: &[],
            };
            let sheets = Sheets::new(&surroundings, &sites);
            assign(&surroundings, &sheets, &sites, &crate::to_the_end).unwrap()
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn what_cannot_be_placed_says_why() {
    let (cell, near, sites) = ball_and_sites(0.05);
    let far = Transform::from_xyz_rpy([3.0, 0.0, 0.0], [0.0; 3]);
    let eye = [KeepOut {
        name: "eye".to_owned(),
        center: sites[0].position,
        radius: Length::from_mm(5.0),
    }];
    let reason = |base_from_head, keep_outs: &[KeepOut]| {
        let surroundings = Surroundings {
            cell: &cell,
            base_from_head,
            keep_outs,
        };
        let sheets = Sheets::new(&surroundings, &sites[..1]);
        let poses = assign(&surroundings, &sheets, &sites[..1], &crate::to_the_end).unwrap();
        poses[0].as_ref().err().map(|r| r.reason)
    };
    assert_eq!(reason(far, &[]), Some(SkipReason::OutOfReach));
    assert_eq!(reason(near, &eye), Some(SkipReason::KeepOut));
    assert_eq!(reason(near, &[]), None);
}

#[test]
fn who_watches_may_break_off() {
    let (cell, base_from_head, sites) = ball_and_sites(0.07);
    let surroundings = Surroundings {
        cell: &cell,
        base_from_head,
        keep_outs: &[],
    };
    let sheets = Sheets::new(&surroundings, &sites);
    let stop = |_: f64| ControlFlow::Break(());
    assert!(assign(&surroundings, &sheets, &sites, &stop).is_none());
}

#[test]
fn rolls_that_share_a_branch_are_those_that_each_solves_for_itself() {
    let (cell, base_from_head, sites) = ball_and_sites(0.04);
    assert_eq!(cell.last_joint_by_roll(), Some(1.0));
    let surroundings = Surroundings {
        cell: &cell,
        base_from_head,
        keep_outs: &[],
    };
    let (arm, near) = (cell.arm(), cell.arm().mid_range());
    let mut compared = 0;
    for site in sites.iter().step_by(9) {
        let (needle, mut branches) = (-site.normal, rolls::Branches::default());
        let mut shared: Vec<(f64, Joints)> = Vec::new();
        surroundings.each_way(site, &needle, &near, |roll, q, branch| {
            // What is told of all rolls holds of this one.
            let told = surroundings.usable_on(&mut branches, branch, &q).is_ok();
            assert_eq!(told, surroundings.usable(&q).is_ok(), "{roll}");
            shared.push((roll, q));
            ControlFlow::Continue(())
        });
        for k in 0..ROLLS {
            let roll = wrap(core::f64::consts::TAU * k as f64 / ROLLS as f64);
            let pose = base_from_head * Surroundings::head_from_tip(site, &needle, roll);
            let own = arm.inverse(&cell.flange_for_tip(&pose), &near);
            let of_roll = shared.iter().filter(|(r, _)| *r == roll);
            let of_roll: Vec<&Joints> = of_roll.map(|(_, q)| q).collect();
            assert_eq!(own.len(), of_roll.len(), "{roll}");
            for q in &own {
                assert!(of_roll.iter().any(|s| s.max_difference(q) < 1e-7), "{q:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 2000, "{compared}");
}

#[test]
fn limits_and_leaning_too_far_are_told_from_reach() {
    let head = crate::unroll::tests::ball().0;
    // An elbow that hardly bends.
    let limits = "joint_limits: {elbow_joint: {has_position_limits: true, min_position: -0.05, max_position: 0.05}}";
    let mut cell = Cell::shipped(ArmSource::ur5e().with_joint_limits(limits).unwrap()).unwrap();
    cell.boxes.clear();
    cell.base_from_head = Transform::from_xyz_rpy([0.5, 0.1, 0.1], [0.0; 3]);
    let work = WorkCell::new(&cell, &head).unwrap();
    let (free, base_from_head, sites) = ball_and_sites(0.07);
    let among = |cell| Surroundings {
        cell,
        base_from_head,
        keep_outs: &[],
    };
    let surroundings = among(&work);
    let reached = |site: &&Site| among(&free).ways(site, 1).0 > 0;
    let sites: Vec<&Site> = sites.iter().step_by(7).filter(reached).collect();
    assert!(sites.len() > 5, "{}", sites.len());
    for site in sites {
        let (ways, why) = surroundings.ways(site, u32::MAX);
        assert_eq!(
            (ways, why.map(|r| r.reason)),
            (0, Some(SkipReason::JointLimit))
        );
    }
    // A floor so high that the needle cannot come from below.
    let (mut work, base_from_head, sites) = ball_and_sites(-0.08);
    let raised = Cell {
        floor_z: 0.0,
        ..Cell::shipped(ArmSource::ur5e()).unwrap()
    };
    work.furnish(&Cell {
        boxes: Vec::new(),
        ..raised
    })
    .unwrap();
    let surroundings = Surroundings {
        cell: &work,
        base_from_head,
        keep_outs: &[],
    };
    let sheets = Sheets::new(&surroundings, &sites);
    let poses = assign(&surroundings, &sheets, &sites, &crate::to_the_end).unwrap();
    let near = work.arm().mid_range();
    let mut leaning_helps = 0;
    for (site, pose) in sites.iter().zip(&poses) {
        if !matches!(pose, Err(r) if r.reason == SkipReason::Angle) {
            continue;
        }
        leaning_helps += 1;
        assert!(surroundings.is_reached_leaning(site, &near));
        let (ways, why) = surroundings.ways(site, u32::MAX);
        assert!(ways == 0 && why.is_some(), "{ways}");
    }
    assert!(leaning_helps > 3, "{leaning_helps}");
}
