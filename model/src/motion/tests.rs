use super::*;
use crate::clearance::WorkCell;
use crate::frames::{Direction, Head, Point};
use crate::joints::Joints;
use crate::limits::{HOVER, HOVER_ZONE, SPEED_FREE, SPEED_HOVER};
use crate::plan::tip_pose;
use crate::testing::{ball, cell};
use crate::units::Angle;

fn work_cell() -> (crate::cell::Cell, WorkCell) {
    let cell = cell();
    let work = WorkCell::new(&cell, &ball(0.09, 48, true)).unwrap();
    (cell, work)
}

/// The tip hovering over the ball's surface at a polar angle from its top and an azimuth.
fn over_ball(
    polar: f64,
    azimuth: f64,
    roll: f64,
) -> crate::frames::Transform<Head, crate::frames::Tip> {
    let out = nalgebra::Vector3::new(
        polar.sin() * azimuth.cos(),
        polar.sin() * azimuth.sin(),
        polar.cos(),
    );
    let position = Point::from_raw(out * 0.09);
    tip_pose(
        &position,
        &Direction::new(-out).unwrap(),
        Angle::from_rad(roll),
        HOVER,
    )
}

/// Some clear configuration there.
fn clear_at(cell: &crate::cell::Cell, work: &WorkCell, polar: f64, azimuth: f64) -> Option<Joints> {
    (0..24).find_map(|k| {
        let target = cell.base_from_head * over_ball(polar, azimuth, k as f64 * 0.26);
        let flange = work.flange_for_tip(&target);
        let solutions = work.arm().inverse(&flange, &work.arm().mid_range());
        solutions
            .into_iter()
            .find(|q| work.blocked(q, &cell.base_from_head).is_none())
    })
}

/// Dense samples of a motion keep every margin and limit; the tip keeps the speed of where it is.
fn assert_motion_is_sound(work: &WorkCell, cell: &crate::cell::Cell, motion: &Trajectory) {
    let limits = work.arm().motion_limits();
    let duration = motion.duration();
    // A sample each 4 ms or finer.
    let steps = (duration / 4e-3).ceil().max(400.0);
    let tip = |q: &Joints| cell.base_from_head.inverse() * work.base_from_tip(q).origin();
    let mut before = motion.at(0.0);
    for k in 1..=steps as usize {
        let sample = motion.at(duration * k as f64 / steps);
        assert_eq!(work.blocked(&sample.position, &cell.base_from_head), None);
        for j in 0..6 {
            assert!(sample.velocity[j].abs() <= limits.velocity[j] * (1.0 + 1e-9));
            assert!(sample.acceleration[j].abs() <= limits.acceleration[j] * (1.0 + 1e-9));
        }
        let (a, b) = (tip(&before.position), tip(&sample.position));
        let speed = a.distance(&b) / (duration / steps);
        let lowest = work.field().exact(&a).max(work.field().exact(&b));
        let limit = if lowest < HOVER_ZONE.m() {
            SPEED_HOVER
        } else {
            SPEED_FREE
        };
        assert!(
            speed <= limit.m_per_s() * (1.0 + 1e-6),
            "{speed} at {k}, {lowest} high"
        );
        before = sample;
    }
    assert!(motion.at(duration + 1.0).velocity.max_abs() == 0.0);
}

#[test]
fn ways_from_anywhere_to_anywhere_are_found_and_sound() {
    let (cell, work) = work_cell();
    let at = |k: usize| clear_at(&cell, &work, 0.25 + 0.07 * (k % 10) as f64, k as f64 * 2.4);
    let hovers: Vec<Joints> = (0..20).filter_map(at).collect();
    assert!(hovers.len() > 10, "{}", hovers.len());
    let mut cut = 0;
    for k in 0..40 {
        let (from, to) = (
            &hovers[k % hovers.len()],
            &hovers[(k * 7 + 3 + k / 11) % hovers.len()],
        );
        if from == to {
            continue;
        }
        let way = hop_to_joints(&work, &cell.base_from_head, from, to).unwrap();
        assert_eq!((way.start(), way.end()), (*from, *to));
        assert_eq!(
            Ok(&way),
            hop_to_joints(&work, &cell.base_from_head, from, to).as_ref()
        );
        assert_motion_is_sound(&work, &cell, &way);
        cut += way.placed().filter(|p| p.segment.blended).count();
    }
    assert!(cut > 40, "{cut}");
}

#[test]
fn along_the_skin_a_hop_of_centimetres_rises_no_more_than_needed() {
    let (cell, work) = work_cell();
    let from = clear_at(&cell, &work, 0.3, 0.4).expect("a clear pose");
    let here = cell.base_from_head.inverse() * work.base_from_tip(&from);
    for mm in [8.0, 16.0, 24.0] {
        let turn = nalgebra::UnitQuaternion::from_axis_angle(
            &nalgebra::Vector3::y_axis(),
            mm * 1e-3 / 0.09,
        );
        let target = HopTarget {
            head_from_tip: crate::frames::Transform::from_raw(turn * here.raw()),
            seed: from,
        };
        let motion = hop(&work, &cell.base_from_head, &from, &target).unwrap();
        assert_motion_is_sound(&work, &cell, &motion);
        let highest = (0..=100)
            .map(|k| motion.at(motion.duration() * f64::from(k) / 100.0).position)
            .map(|q| {
                work.field()
                    .exact(&(cell.base_from_head.inverse() * work.base_from_tip(&q).origin()))
            })
            .fold(0.0, f64::max);
        assert!(highest < HOVER.m() + 4e-3, "{highest} at {mm} mm");
        // At 50 mm/s all along, with a fifth for the bounds and for getting up to speed.
        assert!(
            motion.duration() < 1.2 * mm / 50.0 + 0.1,
            "{} for {mm} mm",
            motion.duration()
        );
    }
}

#[test]
fn rising_off_the_skin_leads_along_the_needle() {
    let (cell, work) = work_cell();
    let mut seen = 0;
    for k in 0..20 {
        let Some(from) = clear_at(&cell, &work, 0.1 + 0.05 * k as f64, k as f64 * 2.4) else {
            continue;
        };
        let Ok(way) = lift(&work, &cell.base_from_head, &from) else {
            continue;
        };
        seen += 1;
        let from_tip = work.base_from_tip(&from).inverse();
        for i in 0..=400 {
            let q = way.at(way.duration() * f64::from(i) / 400.0).position;
            let tip = (from_tip * work.base_from_tip(&q).origin()).raw();
            let (aside, back) = (tip.xy().norm(), -tip.z);
            // In the hover zone, where the leg is one straight line of joint space.
            if back < HOVER_ZONE.m() {
                assert!(aside < 0.3e-3, "{aside} aside, {back} back");
            }
        }
    }
    assert!(seen > 10);
}

#[test]
fn what_is_not_finite_is_no_way() {
    let (cell, work) = work_cell();
    let from = clear_at(&cell, &work, 0.3, 0.4).expect("a clear pose");
    for bad in [f64::NAN, f64::INFINITY, 1e308] {
        let q = from.map(|v| v + bad);
        assert!(hop_to_joints(&work, &cell.base_from_head, &from, &q).is_err());
        assert!(hop_to_joints(&work, &cell.base_from_head, &q, &from).is_err());
        // So many turns are a place, if none that an arm gets to.
        assert!(bad == 1e308 || lift(&work, &cell.base_from_head, &q).is_err());
    }
    for bad in [f64::NAN, f64::INFINITY] {
        let moved =
            crate::frames::Transform::from_raw(nalgebra::Isometry3::translation(bad, 0.0, 0.0));
        assert!(hop_to_joints(&work, &moved, &from, &from).is_err());
        assert!(lift(&work, &moved, &from).is_err());
    }
    assert!(hop_to_joints(&work, &cell.base_from_head, &from, &Joints::zeros(5)).is_err());
    assert!(hop_to_joints(&work, &cell.base_from_head, &Joints::zeros(5), &from).is_err());
}

#[test]
fn a_short_hop_goes_straight_clear_and_slow() {
    let (cell, work) = work_cell();
    let from = clear_at(&cell, &work, 0.3, 0.4).expect("a clear pose");
    let here = cell.base_from_head.inverse() * work.base_from_tip(&from);
    // The same orientation 2 mm further on: a small turn about the ball's middle.
    let turn =
        nalgebra::UnitQuaternion::from_axis_angle(&nalgebra::Vector3::y_axis(), 0.002 / 0.09);
    let next = crate::frames::Transform::from_raw(turn * here.raw());
    let motion = hop(
        &work,
        &cell.base_from_head,
        &from,
        &HopTarget {
            head_from_tip: next,
            seed: from,
        },
    )
    .unwrap();
    assert_eq!(motion.way_points().count(), 2);
    assert!(motion.duration() < 0.2, "{}", motion.duration());
    assert_motion_is_sound(&work, &cell, &motion);
    let end = cell.base_from_head.inverse() * work.base_from_tip(&motion.end());
    let (d, a) = end.separation(&next);
    assert!(d < 1e-8 && a < 1e-8);
    let steps = 200;
    for k in 1..=steps {
        let at = |i: i32| {
            work.base_from_tip(
                &motion
                    .at(motion.duration() * f64::from(i) / f64::from(steps))
                    .position,
            )
            .origin()
        };
        let speed = at(k).distance(&at(k - 1)) / (motion.duration() / f64::from(steps));
        assert!(speed <= SPEED_HOVER.m_per_s() * 1.001, "{speed}");
    }
}

#[test]
fn a_long_way_lifts_over_the_head() {
    let (cell, work) = work_cell();
    let from = clear_at(&cell, &work, 0.6, 0.3).expect("a clear pose");
    let goal = clear_at(&cell, &work, 0.6, 2.4).expect("a clear pose");
    let motion = hop_to_joints(&work, &cell.base_from_head, &from, &goal).unwrap();
    assert!(motion.way_points().count() > 2);
    assert_motion_is_sound(&work, &cell, &motion);
}

#[test]
fn through_the_head_is_refused() {
    let (cell, work) = work_cell();
    let from = clear_at(&cell, &work, 0.5, 0.0).expect("a clear pose");
    let inside =
        crate::frames::Transform::from_raw(nalgebra::Isometry3::translation(0.0, 0.0, 0.02));
    let target = HopTarget {
        head_from_tip: inside,
        seed: from,
    };
    assert!(matches!(
        hop(&work, &cell.base_from_head, &from, &target),
        Err(HopError::TargetBlocked(_) | HopError::OutOfReach)
    ));
}

#[test]
fn lifting_leads_away_even_when_the_head_came_too_near() {
    let (cell, work) = work_cell();
    let from = clear_at(&cell, &work, 0.3, 0.4).expect("a clear pose");
    let tip = work.base_from_tip(&from);
    // The head comes 1.5 mm towards the nose.
    let towards = tip.raw().rotation * nalgebra::Vector3::new(0.0, 0.0, -0.0015);
    let mut moved = *cell.base_from_head.raw();
    moved.translation.vector += towards;
    let base_from_head = crate::frames::Transform::from_raw(moved);
    assert!(work.blocked(&from, &base_from_head).is_some());
    let motion = lift(&work, &base_from_head, &from).unwrap();
    let height = |t: f64| {
        work.clearance(&motion.at(t).position, &base_from_head)
            .nose_head
    };
    let samples: Vec<f64> = (0..=100)
        .map(|k| height(motion.duration() * f64::from(k) / 100.0))
        .collect();
    assert!(
        samples.windows(2).all(|w| w[1] >= w[0] - 1e-6),
        "{samples:?}"
    );
    assert!(samples[100] > 0.015);
}

/// H12: an arm that somebody has led to where it may not be is drawn back off the head, or stays for a person to move.
#[test]
fn no_lift_drags_the_needle_along_the_skin() {
    let (cell, work) = work_cell();
    let from = clear_at(&cell, &work, 0.3, 0.4).expect("a clear pose");
    let tip = work.base_from_tip(&from).raw().translation.vector;
    // Somebody has led the tip to so far from the head's middle, tilted by an angle from the normal.
    let led = |degrees: f64, radius: f64| {
        let head = cell.base_from_head.raw();
        let out = (tip - head.translation.vector).normalize();
        let aside = out.cross(&nalgebra::Vector3::z()).normalize();
        let turn = nalgebra::UnitQuaternion::from_axis_angle(
            &nalgebra::Unit::new_normalize(aside),
            degrees.to_radians(),
        );
        let mut pose = *work.base_from_tip(&from).raw();
        pose.rotation = turn * pose.rotation;
        pose.translation.vector = head.translation.vector + out * radius;
        let flange = work.flange_for_tip(&crate::frames::Transform::from_raw(pose));
        work.arm().inverse_near(&flange, &from).expect("in reach")
    };
    // 4 mm below the skin.
    let tilted = |degrees| led(degrees, 0.086);
    let lifted = |q: &Joints| lift(&work, &cell.base_from_head, q);
    let hops = |q: &Joints| hop_to_joints(&work, &cell.base_from_head, q, &from);
    let straight = lifted(&tilted(0.0)).expect("straight up there is a way");
    let up = work.base_from_tip(&straight.end()).origin().raw();
    assert!((up - cell.base_from_head.raw().translation.vector).norm() > 0.1);
    assert!(lifted(&tilted(30.0)).is_ok() && hops(&tilted(30.0)).is_ok());
    // From there nothing is said of where a hop would lead: the arm stands where it may not be.
    assert!(lifted(&tilted(75.0)).is_err());
    assert!(matches!(
        hops(&tilted(75.0)),
        Err(HopError::StartBlocked(_))
    ));
    // Where no tip can be, nobody knows where the head is, nor the way off it.
    assert!(lifted(&led(0.0, 0.08)).is_err());
}

#[test]
fn clearance_is_never_more_than_the_true_distance() {
    // Against brute force over the vertices of every body: a vertex is on the body, so its distance is an upper bound of the true one.
    let (cell, work) = work_cell();
    for k in 1..200 {
        let q = work.arm().spread(k);
        let found = work.clearance(&q, &cell.base_from_head);
        let poses = work.arm().link_poses(&q);
        let mut nearest = f64::INFINITY;
        for (body, pose) in work.arm().bodies().iter().zip(&poses.bodies).skip(1) {
            for v in body.vertices() {
                let p = cell.base_from_head.inverse()
                    * Point::from_raw((pose * nalgebra::Point3::from(*v)).coords);
                nearest = nearest.min(work.field().exact(&p));
            }
        }
        assert!(
            found.links_head <= nearest + 1e-9,
            "{} > {nearest}",
            found.links_head
        );
    }
}
