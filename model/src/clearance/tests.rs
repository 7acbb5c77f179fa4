//! Clearance and proofs against a reference that shares nothing with them: dense points on every body, and a head that is a ball.

use std::sync::OnceLock;

use nalgebra::{Isometry3, Point3, Vector3};
use proptest::prelude::*;

use super::*;
use crate::arm::{ArmSource, BodyMesh};
use crate::cell::{Cell, Guard, SceneBox};
use crate::frames::{Base, Direction, Head, Point, Transform};
use crate::joints::Joints;
use crate::limits::margin;
use crate::plan::tip_pose;
use crate::testing::{ball, cell, shared};
use crate::units::{Angle, Length};

#[path = "attached_tests.rs"]
mod attached_tests;
#[path = "witness_tests.rs"]
mod witness_tests;

const RADIUS: f64 = 0.09;
/// The ball's facets lie at most this far within the ball.
const FACETS: f64 = 0.0003;
/// No point of a body is farther than this from the nearest of its dense points.
const SPACING: f64 = 0.003;

struct Reference {
    cell: Cell,
    work: WorkCell,
    /// By body of the arm; tool body and nose cone after them.
    points: Vec<Vec<Vector3<f64>>>,
}

fn dense(mesh: &BodyMesh) -> Vec<Vector3<f64>> {
    let mut points = Vec::new();
    for t in mesh.triangles() {
        let [a, b, c] = t.map(|i| mesh.vertices()[i as usize]);
        let longest = (b - a).norm().max((c - a).norm()).max((c - b).norm());
        let steps = (longest / SPACING).ceil().max(1.0) as u32;
        for i in 0..=steps {
            for j in 0..=steps - i {
                let (s, t) = (
                    f64::from(i) / f64::from(steps),
                    f64::from(j) / f64::from(steps),
                );
                points.push(a + (b - a) * s + (c - a) * t);
            }
        }
    }
    points
}

/// Points of a body of revolution with a ball of radius `r0` at its first end if `tip`.
fn turned(z0: f64, r0: f64, z1: f64, r1: f64, tip: bool) -> Vec<Vector3<f64>> {
    let around = |z: f64, r: f64| {
        (0..64).map(move |k| {
            let a = f64::from(k) / 64.0 * std::f64::consts::TAU;
            Vector3::new(r * a.cos(), r * a.sin(), z)
        })
    };
    let side = (0..=60).flat_map(|k| {
        let s = f64::from(k) / 60.0;
        around(z0 + (z1 - z0) * s, r0 + (r1 - r0) * s)
    });
    let dome = (0..=8).flat_map(|k| {
        let a = f64::from(k) / 8.0 * std::f64::consts::FRAC_PI_2;
        around(z0 + r0 * a.sin(), r0 * a.cos())
    });
    side.chain(dome.filter(|_| tip)).collect()
}

impl Reference {
    fn new(arm: ArmSource) -> Self {
        Self::of(Cell { arm, ..cell() })
    }

    fn of(cell: Cell) -> Self {
        let work = WorkCell::new(&cell, &ball(RADIUS, 64, true)).unwrap();
        let mut points: Vec<_> = work.arm().bodies().iter().map(dense).collect();
        let (nose, body) = (cell.tool.nose_radius.m(), cell.tool.body_radius.m());
        let (cone, length) = (cell.tool.cone_length.m(), cell.tool.body_length.m());
        points.push(turned(-cone, body, -cone - length, body, false));
        points.push(turned(-nose, nose, -cone, body, true));
        Self { cell, work, points }
    }

    /// The dense points of all bodies that move, in the base's frame, and whether they are the nose's.
    fn placed(&self, q: &Joints) -> impl Iterator<Item = (bool, Vector3<f64>)> + '_ {
        let frames = self.work.body_frames(q);
        let (dof, nose) = (self.work.arm().dof(), self.points.len() - 1);
        let bodies = self.points.iter().enumerate().skip(1);
        bodies.flat_map(move |(i, points)| {
            let frame: Isometry3<f64> = frames.places[if i > dof { dof + 2 } else { i }];
            let place = move |p: &Vector3<f64>| (i == nose, (frame * Point3::from(*p)).coords);
            points.iter().map(place)
        })
    }

    /// Distance to the ball of links and of the nose, and to the floor of all.
    fn distances(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> (f64, f64, f64) {
        let center = base_from_head.origin().raw();
        let (mut links, mut nose, mut floor) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
        for (is_nose, p) in self.placed(q) {
            floor = floor.min(p.z - self.cell.floor_z);
            let distance = (p - center).norm() - RADIUS;
            let nearest = if is_nose { &mut nose } else { &mut links };
            *nearest = nearest.min(distance);
        }
        (links, nose, floor)
    }

    /// Distance of all that moves to the nearest box or the floor; 0 when a point is in a box.
    fn to_scene(&self, q: &Joints) -> f64 {
        let to_box = |b: &SceneBox, p: &Vector3<f64>| {
            let inside = b.base_from_box.raw().inverse() * Point3::from(*p);
            let half = Vector3::from(b.size) * 0.5;
            (inside.coords.abs() - half).sup(&Vector3::zeros()).norm()
        };
        let boxes = &self.cell.boxes;
        self.placed(q).fold(f64::INFINITY, |least, (_, p)| {
            let floor = (p.z - self.cell.floor_z).max(0.0);
            boxes
                .iter()
                .fold(least.min(floor), |l, b| l.min(to_box(b, &p)))
        })
    }

    /// A configuration that hovers over the ball, if there is one there; it need not be clear.
    fn hovering(
        &self,
        polar: f64,
        azimuth: f64,
        roll: f64,
        height: f64,
        pick: usize,
    ) -> Option<Joints> {
        let out = Vector3::new(
            polar.sin() * azimuth.cos(),
            polar.sin() * azimuth.sin(),
            polar.cos(),
        );
        let pose = tip_pose(
            &Point::from_raw(out * RADIUS),
            &Direction::new(-out).unwrap(),
            Angle::from_rad(roll),
            Length::from_m(height),
        );
        let flange = self.work.flange_for_tip(&(self.cell.base_from_head * pose));
        let solutions = self
            .work
            .arm()
            .inverse(&flange, &self.work.arm().mid_range());
        let all: Vec<Joints> = solutions.into_iter().collect();
        (!all.is_empty()).then(|| all[pick % all.len()])
    }

    fn check(&self, q: &Joints) -> Result<(), TestCaseError> {
        let found = self.work.clearance(q, &self.cell.base_from_head);
        let (links, nose, floor) = self.distances(q, &self.cell.base_from_head);
        // Never more than the truth.
        prop_assert!(found.links_head <= links + FACETS, "{found:?} {links}");
        prop_assert!(found.nose_head <= nose + FACETS, "{found:?} {nose}");
        prop_assert!(found.scene <= floor + 1e-9, "{found:?} {floor}");
        // The truth lies between what is reported and the points that show it, and those are no farther apart than is stated.
        let (same, shown) = self.work.witnesses(q, &self.cell.base_from_head);
        prop_assert_eq!(same, found);
        for (witness, gap, truth) in [
            (shown.links_head, found.links_head, links),
            (shown.nose_head, found.nose_head, nose),
            (shown.scene, found.scene, floor),
        ] {
            let witness = witness.unwrap();
            prop_assert!(
                witness.gap >= truth - SPACING - FACETS,
                "{witness:?} {truth}"
            );
            prop_assert!(
                gap <= witness.gap + 1e-9 && witness.gap - gap <= witness.loss + 1e-12,
                "{gap} {witness:?}"
            );
            self.check_points(q, &witness)?;
        }
        // Where it hovers the nose is known best: its tip is a sphere, and its cover no more than a millimetre too thick.
        if nose > 0.0 && nose < 0.012 {
            prop_assert!(found.nose_head >= nose - 0.0011, "{found:?} {nose}");
        }
        self.check_losses(q, &shown)?;
        self.check_pairs(q, &found, &shown.itself.unwrap())?;
        // What is called clear is clear.
        if self.work.blocked(q, &self.cell.base_from_head).is_none() {
            prop_assert!(
                nose >= margin::NOSE_HEAD.m() - FACETS && links >= margin::LINKS_HEAD.m() - FACETS
            );
            prop_assert!(floor >= margin::SCENE.m());
        }
        Ok(())
    }
}

fn shipped() -> &'static Reference {
    static CELL: OnceLock<Reference> = OnceLock::new();
    CELL.get_or_init(|| Reference::new(ArmSource::ur5e()))
}

/// The arm with its maker's collision meshes, if it is there.
fn real() -> Option<&'static Reference> {
    static CELL: OnceLock<Option<Reference>> = OnceLock::new();
    let load = || {
        Some(Reference::new(
            ArmSource::read(&shared("arms/ur5e/ur5e_local.urdf")?).unwrap(),
        ))
    };
    CELL.get_or_init(load).as_ref()
}

fn small(values: &[f64], size: f64) -> Joints {
    Joints::from_slice(values).unwrap().map(|v| v * size)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn clearance_is_a_lower_bound_and_a_good_one(
        k in 1usize..100_000, polar in 0.0f64..1.5, azimuth in 0.0f64..6.3, roll in 0.0f64..6.3, height in -0.002f64..0.03, pick in 0usize..8,
    ) {
        for reference in core::iter::once(shipped()).chain(real()) {
            reference.check(&reference.work.arm().spread(k))?;
            if let Some(q) = reference.hovering(polar, azimuth, roll, height, pick) {
                reference.check(&q)?;
            }
        }
    }

    #[test]
    fn what_is_proven_clear_is_clear_all_over(
        polar in 0.0f64..1.3, azimuth in 0.0f64..6.3, roll in 0.0f64..6.3, height in 0.0005f64..0.006, pick in 0usize..8,
        u in proptest::collection::vec(-1.0f64..1.0, 6), v in proptest::collection::vec(-1.0f64..1.0, 6), size in 1e-4f64..0.05,
    ) {
        let reference = shipped();
        let (work, head) = (&reference.work, &reference.cell.base_from_head);
        let Some(q) = reference.hovering(polar, azimuth, roll, height, pick) else { return Ok(()) };
        let spans = [small(&u, size), small(&v, 0.5 * size)];
        for count in 0..=2 {
            if work.region_blocked(&q, &spans[..count], head).is_some() {
                continue;
            }
            for k in 0..200u32 {
                let share = |m: u32| f64::from(k * m % 199) / 99.0 - 1.0;
                let corner = |i: u32| if k >> i & 1 == 1 { 1.0 } else { -1.0 };
                let (s, t) = if k < 4 { (corner(0), corner(1)) } else { (share(1), share(61)) };
                let mut at = q;
                for (span, s) in spans[..count].iter().zip([s, t]) {
                    at = at.zip(span, |a, b| a + s * b);
                }
                let (links, nose, floor) = if k % 40 < 2 { reference.distances(&at, head) } else {
                    let tip = (work.base_from_tip(&at).origin() - head.origin()).norm() - RADIUS;
                    (f64::INFINITY, tip, f64::INFINITY)
                };
                prop_assert!(nose >= margin::NOSE_HEAD.m() - FACETS, "{nose} at {at:?}");
                prop_assert!(links >= margin::LINKS_HEAD.m() - FACETS && floor >= margin::SCENE.m(), "{links} {floor} at {at:?}");
            }
        }
    }

    #[test]
    fn a_segment_is_the_region_about_its_middle(k in 1usize..100_000, u in proptest::collection::vec(-0.2f64..0.2, 6)) {
        let (work, head) = (&shipped().work, &shipped().cell.base_from_head);
        let (q, span) = (work.arm().spread(k), small(&u, 1.0));
        let ends = [-1.0, 1.0].map(|s| q.zip(&span, |a, b| a + s * b));
        prop_assert_eq!(
            work.segment_blocked(&ends[0], &ends[1], head).is_some(),
            work.region_blocked(&q, &[span], head).is_some()
        );
        // The ends belong to it.
        if work.segment_blocked(&ends[0], &ends[1], head).is_none() {
            for end in ends {
                let (links, nose, _) = shipped().distances(&end, head);
                prop_assert!(links >= margin::LINKS_HEAD.m() - FACETS && nose >= margin::NOSE_HEAD.m() - FACETS);
            }
        }
    }

    #[test]
    fn turning_head_and_arm_together_changes_no_distance_by_more_than_the_bounds_are_loose(k in 1usize..100_000, turn in -1.0f64..1.0) {
        let reference = shipped();
        let q = reference.work.arm().spread(k);
        let mut turned = q;
        turned[0] += turn;
        let about = Isometry3::rotation(Vector3::z() * turn);
        let moved = Transform::from_raw(about * reference.cell.base_from_head.raw());
        let (a, b) = (reference.work.clearance(&q, &reference.cell.base_from_head), reference.work.clearance(&turned, &moved));
        prop_assert!((a.links_head - b.links_head).abs() <= 1e-6 + 0.04 * a.links_head.abs().max(b.links_head.abs()), "{a:?} {b:?}");
        prop_assert!((a.scene - b.scene).abs() <= 1e-9);
        prop_assert!(a.itself <= 0.0 || (a.itself - b.itself).abs() <= 1e-3, "{a:?} {b:?}");
    }

    #[test]
    fn a_box_is_no_farther_than_told_and_hardly_nearer(
        k in 1usize..100_000, at in proptest::array::uniform3(-0.9f64..0.9), turn in proptest::array::uniform3(-3.0f64..3.0), size in proptest::array::uniform3(0.05f64..0.6),
    ) {
        let mut cell = cell();
        let base_from_box = Transform::from_xyz_rpy(at, turn);
        cell.boxes = vec![SceneBox { name: "a box".to_owned(), base_from_box, size }];
        // One that the base would stand in.
        let Ok(work) = WorkCell::new(&cell, &ball(RADIUS, 64, true)) else { return Ok(()) };
        let reference = Reference { cell, work, points: shipped().points.clone() };
        let (q, head) = (reference.work.arm().spread(k), &reference.cell.base_from_head);
        let truth = reference.to_scene(&q);
        let (found, shown) = reference.work.witnesses(&q, head);
        prop_assert!(found.scene <= truth + 1e-9, "{found:?} {truth}");
        let witness = shown.scene.unwrap();
        prop_assert!(found.scene <= witness.gap + 1e-9 && witness.gap - found.scene <= witness.loss + 1e-12);
        prop_assert!(truth == 0.0 || witness.gap >= truth - SPACING - 1e-9, "{witness:?} {truth}");
        if reference.work.blocked(&q, head).is_none() {
            prop_assert!(truth >= margin::SCENE.m());
        }
    }

    #[test]
    fn larger_things_are_no_farther(k in 1usize..100_000) {
        static LARGER: OnceLock<WorkCell> = OnceLock::new();
        let larger = LARGER.get_or_init(|| {
            let mut cell = cell();
            cell.tool.body_radius = Length::from_mm(30.0);
            cell.floor_z += 0.05;
            WorkCell::new(&cell, &ball(RADIUS + 0.02, 64, true)).unwrap()
        });
        let (q, head) = (shipped().work.arm().spread(k), &shipped().cell.base_from_head);
        let (links, nose, floor) = shipped().distances(&q, head);
        let found = larger.clearance(&q, head);
        prop_assert!(found.links_head <= links - 0.02 + FACETS && found.nose_head <= nose - 0.02 + FACETS);
        prop_assert!(found.scene <= floor - 0.05 + 1e-9);
    }
}

#[test]
fn what_is_not_a_configuration_is_not_clear() {
    let (work, head) = (&shipped().work, shipped().cell.base_from_head);
    let home = Joints::from_slice(&[0.0, -1.6, 0.8, -0.8, -1.57, 0.0]).unwrap();
    let unknown = Some(Obstacle::Unknown);
    for bad in [f64::NAN, f64::INFINITY, 1e308 * 10.0] {
        let mut q = home;
        q[3] = bad;
        assert_eq!(work.blocked(&q, &head), unknown);
        assert_eq!(work.segment_blocked(&home, &q, &head), unknown);
        assert_eq!(work.region_blocked(&home, &[q], &head), unknown);
        assert!(!work.clearance(&q, &head).is_enough());
        let mut pose = *head.raw();
        pose.translation.vector.x = bad;
        assert_eq!(work.blocked(&home, &Transform::from_raw(pose)), unknown);
    }
    let seven = Joints::zeros(7);
    assert_eq!(work.blocked(&seven, &head), unknown);
    assert_eq!(work.segment_blocked(&home, &seven, &head), unknown);
    assert_eq!(work.segment_blocked(&seven, &home, &head), unknown);
    assert_eq!(work.region_blocked(&home, &[seven], &head), unknown);
    assert_eq!(
        work.region_blocked(&home, &[Joints::zeros(6); 3], &head),
        unknown
    );
    // So far away that a number is still a number.
    assert!(
        work.blocked(&Joints::zeros(6).map(|_| 1e300), &head)
            .is_some()
            || work.clearance(&home, &head).scene.is_finite()
    );
}

/// Halving would come ever nearer to where it is not, and a pose that many lifts are tried from would cost milliseconds.
#[test]
fn a_way_that_ends_where_all_is_not_clear_is_refused_with_few_looks() {
    let (work, head) = (&shipped().work, &shipped().cell.base_from_head);
    let mut seen = 0;
    for k in 1..400 {
        let (a, b) = (work.arm().spread(k), work.arm().spread(k + 1));
        if work.blocked(&a, head).is_some() || work.blocked(&b, head).is_none() {
            continue;
        }
        let (mut clear, mut not) = (0.0, 1.0);
        for _ in 0..30 {
            let half = 0.5 * (clear + not);
            if work.blocked(&a.lerp(&b, half), head).is_none() {
                clear = half;
            } else {
                not = half;
            }
        }
        // Deeper in than bounds are loose.
        let (from, to) = (a.lerp(&b, clear - 1e-3), a.lerp(&b, not + 1e-4));
        if work.blocked(&to, head).is_none() {
            continue;
        }
        let found = work.segment_blocked_within(&from, &to, head, &Budget::new(3));
        assert!(
            !matches!(found, None | Some(Obstacle::Unknown)),
            "{k}: {found:?}"
        );
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_patch_is_proven_where_its_four_sides_are_not_enough() {
    // The nose cannot swing through the ball although both ends of the swing are clear.
    let reference = shipped();
    let (work, head) = (&reference.work, &reference.cell.base_from_head);
    let clear = (0..64).find_map(|k| {
        let q = reference.hovering(0.4, 0.3, 0.1 * f64::from(k), 0.02, k as usize)?;
        work.blocked(&q, head).is_none().then_some(q)
    });
    let q = clear.expect("a clear configuration");
    let span = |joint: usize, size: f64| {
        let mut s = Joints::zeros(6);
        s[joint] = size;
        s
    };
    assert_eq!(
        work.region_blocked(&q, &[span(0, 0.002), span(4, 0.004)], head),
        None
    );
    assert!(
        work.region_blocked(&q, &[span(1, 0.3), span(2, 0.3)], head)
            .is_some()
    );
}

#[test]
fn a_cable_guard_is_a_body_like_any_other() {
    let mut cell = cell();
    let guard = |link: &str, reach: f64| Guard {
        name: "tool cable".to_owned(),
        link: link.to_owned(),
        from: [0.0, -0.04, 0.0],
        to: [0.0, -0.04, reach],
        radius: Length::from_mm(15.0),
    };
    cell.guards = vec![guard("wrist_3_link", 0.25)];
    let head = ball(RADIUS, 32, true);
    let work = WorkCell::new(&cell, &head).unwrap();
    let mut through_head = 0;
    for k in 0..200u32 {
        let Some(q) = shipped().hovering(
            0.5,
            0.2 * f64::from(k),
            0.7 * f64::from(k),
            0.004,
            k as usize,
        ) else {
            continue;
        };
        // The guard is longer than the tool, so wherever the nose hovers over the skin it is in the head or beside it.
        let (bare, guarded) = (
            shipped().work.clearance(&q, &cell.base_from_head),
            work.clearance(&q, &cell.base_from_head),
        );
        assert!(guarded.links_head <= bare.links_head + 1e-9);
        through_head += u32::from(
            matches!(guarded.nearest.links_head, Some(Obstacle::Head { body }) if body == 7)
                && guarded.links_head < 0.0,
        );
        if let Some(Obstacle::Head { body: 7 }) = work.blocked(&q, &cell.base_from_head) {
            assert_eq!(
                work.describe(&Obstacle::Head { body: 7 }),
                "tool cable and the head"
            );
        }
    }
    assert!(through_head > 0);
    for link in ["wrist_4_link", ""] {
        cell.guards = vec![guard(link, 0.1)];
        let error = WorkCell::new(&cell, &head).err().unwrap().to_string();
        assert!(
            error.contains("tool cable")
                && error.contains("wrist_3_link")
                && error.contains("tool0"),
            "{error}"
        );
    }
    cell.guards = vec![guard("tool0", f64::NAN)];
    assert!(matches!(
        WorkCell::new(&cell, &head),
        Err(CellError::Guard { .. })
    ));
}
