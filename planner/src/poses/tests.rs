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
