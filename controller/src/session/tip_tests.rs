//! Where the needle may come out and the arm may go, held against a search of the whole head by plain loops.

#[path = "../../tests/chance/mod.rs"]
mod chance;
#[path = "../../tests/plant/mod.rs"]
mod plant;
mod truth;

use nalgebra::{UnitQuaternion, Vector3};
use rayon::prelude::*;
use stipple_core::{Dot, Fault, MotionSeen, Sensed, Target, TipNear};
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Base, Direction, Transform};
use stipple_model::limits::{HOVER, KEEP_OUT_MARGIN};
use stipple_model::plan::{KeepOut, Outcome, tip_pose};
use stipple_model::units::Length;

use super::*;
use crate::admit::{AdmitError, DotFault, admit};
use crate::hops::CellPlanner;
use crate::ports::{JointState, Stamped};
use crate::record::Record;
use crate::services::{InlineServices, WallClock};
use chance::Chance;
use plant::{Bed, Ground, Plant, Spot, bed_on, draft, time};
use truth::{EVEN, Truth, corners_of};

/// Plans that are admitted, and poses over each: half of strokes about to begin, half of an arm under way.
const PLANS: u64 = 20;
const POSES: u64 = 50_000;
const DOTS: u64 = 5;

const LIMITS: Limits = Limits::HARDWARE;

/// Leaning by an angle, any way.
fn leaning(from: &Direction<Head>, by: f64, chance: &mut Chance) -> Direction<Head> {
    let axis = from.any_perpendicular();
    let way = UnitQuaternion::from_axis_angle(&from.unit(), chance.within(0.0, 6.3)) * axis.unit();
    Direction::new(UnitQuaternion::from_axis_angle(&way, by) * from.raw()).unwrap()
}

/// A head with bumps, of some hundred triangles.
fn head(chance: &mut Chance) -> SurfaceMesh<Head> {
    let ball = plant::ball(10);
    let half: [f64; 3] = std::array::from_fn(|_| chance.within(0.85, 1.05));
    let (waves, phase) = (chance.within(3.0, 9.0), chance.within(0.0, 6.3));
    let vertices = ball.vertices().iter().map(|p| {
        let v = p.raw().component_mul(&Vector3::from(half));
        let bump = 0.01 * (waves * 10.0 * v.x + phase).sin() * (waves * 10.0 * v.y).cos();
        Point::from_raw(v * (1.0 + bump))
    });
    SurfaceMesh::new(vertices.collect(), ball.triangles().to_vec()).unwrap()
}

/// A ragged patch about the crown, dots on it and now and then beside it, many at its edge, and volumes to be kept out of.
fn ground(chance: &mut Chance) -> Ground {
    let head = head(chance);
    let middle = leaning(&Direction::z(), chance.within(0.0, 0.3), chance);
    let wide = chance.within(0.4, 0.9);
    let near = |t: &u32| {
        let [a, b, c] = corners_of(&head, *t);
        Direction::new(a + b + c).unwrap().angle(&middle) < wide
    };
    let around: Vec<u32> = (0..head.triangles().len() as u32).filter(near).collect();
    let inside = |_: &u32| chance.below(5) > 0;
    let patch: Vec<u32> = around.iter().copied().filter(inside).collect();
    let spots: Vec<Spot> = (0..DOTS)
        .map(|_| {
            let from = if chance.below(4) == 0 {
                &around
            } else {
                &patch
            };
            let triangle = from[chance.below(from.len() as u64) as usize];
            let [a, b, c] = corners_of(&head, triangle);
            let edge = if chance.below(2) == 0 { 0.01 } else { 1.0 };
            let (u, v) = (edge * chance.within(0.0, 1.0), chance.within(0.0, 1.0));
            let position = Point::from_raw(a.lerp(&b.lerp(&c, v), 1.0 - u));
            let normal = Direction::new(head.area_vector(triangle as usize)).unwrap();
            let tilt = chance.within(0.0, 16f64.to_radians());
            Spot {
                needle: leaning(&-normal, tilt, chance),
                position,
                normal,
            }
        })
        .collect();
    let keep_outs = (0..2).map(|_| {
        let spot = &spots[chance.below(DOTS) as usize];
        let radius = chance.within(2e-3, 15e-3);
        let away = spot.normal.angle(&Direction::z()) + chance.within(0.3, 1.2);
        let way = leaning(&spot.normal, away, chance);
        KeepOut {
            name: "a wound".into(),
            center: spot.position + way * (radius + chance.within(18e-3, 60e-3)),
            radius: Length::from_m(radius),
        }
    });
    Ground {
        keep_outs: keep_outs.collect(),
        head,
        patch,
        spots,
    }
}

/// How often each limit alone decided, or none was passed.
type Counted = BTreeMap<&'static str, u64>;

/// A session that has come to where it may strike, or move; all but the tip's place is well from there on.
struct Stage {
    session: Session,
    plant: Plant,
    services: InlineServices<CellPlanner>,
    sensed: Sensed,
}

impl Stage {
    fn new(bed: &Bed) -> Self {
        let record = Record::in_memory(bed.binding, 1).unwrap();
        let planner = Arc::new(bed.planner.clone());
        let config = SessionConfig::new(LIMITS, 0);
        let mut session = Session::new(&bed.admitted, planner, BTreeMap::new(), config);
        let mut plant = Plant::new(bed);
        let wall = WallClock { at_zero_us: 1 };
        let mut services = InlineServices::new(bed.planner.clone(), record, wall);
        while session.state() != State::Ready {
            plant.advance();
            session.tick(plant.now, &mut plant.ports(), &mut services);
        }
        let all = Selection {
            layer: 1,
            max_dots: None,
        };
        session.start(all).unwrap();
        plant.advance();
        session.tick(plant.now, &mut plant.ports(), &mut services);
        let sensed = session.sense(plant.now, &plant.ports());
        Self {
            session,
            plant,
            services,
            sensed,
        }
    }

    /// To a tick with the arm under way, or to the one in which the needle would be told to come out.
    fn go_on(mut self, striking: bool) -> Option<Self> {
        for _ in 0..5_000 {
            self.plant.advance();
            let now = self.plant.now;
            self.session.look(now, &self.plant.ports());
            self.sensed = self.session.sense(now, &self.plant.ports());
            let out =
                self.session
                    .core
                    .clone()
                    .step(now, &self.sensed, &mut self.session.queue.clone());
            let there = if striking {
                matches!(out.needle, NeedleCommand::Extend(_))
            } else {
                self.plant.arm.motion.is_some() && out.state == State::Approaching
            };
            if there {
                return Some(self);
            }
            self.session
                .tick(now, &mut self.plant.ports(), &mut self.services);
        }
        None
    }

    /// What the core answers in this tick; nothing comes of it.
    fn step(&self, sensed: &Sensed) -> Output {
        let mut queue = self.session.queue.clone();
        let mut core = self.session.core.clone();
        core.step(self.plant.now, sensed, &mut queue)
    }

    /// The head is there, and has been.
    fn place_head(&mut self, base_from_head: &Transform<Base, Head>) {
        self.session.filter = HeadFilter::new(HeadFilterConfig::default());
        self.session.filter.update(&Stamped {
            value: *base_from_head,
            arrived: self.plant.now,
            sequence: 1,
        });
    }

    fn joints(&self, position: Joints) -> Stamped<JointState> {
        Stamped {
            value: JointState {
                position,
                velocity: position.map(|_| 0.0),
            },
            arrived: self.plant.now,
            sequence: 1,
        }
    }
}

/// Any head within reach of where it is expected.
fn head_about(expected: &Transform<Base, Head>, chance: &mut Chance) -> Transform<Base, Head> {
    let mut any = |span: f64| std::array::from_fn(|_| chance.within(-span, span));
    *expected * Transform::from_xyz_rpy(any(5e-3), any(0.05))
}

/// A tip over a dot: how far its axis misses it, how far the nose is from there, how much it leans.
fn strokes(
    stage: &mut Stage,
    cell: &WorkCell,
    truth: &Truth,
    chance: &mut Chance,
    counted: &mut Counted,
) {
    let plan = Arc::clone(stage.session.plan());
    let run = &plan.sequence[0];
    for pose in 0..POSES / 2 {
        let id = run[(pose % run.len() as u64) as usize];
        let dot = plan.dot(id).unwrap();
        let Outcome::Planned { roll, hover } = dot.outcome else {
            unreachable!()
        };
        let base_from_head = head_about(&plan.cell.base_from_head, chance);
        let (angle, lateral) = (chance.within(0.0, 0.4), chance.within(0.0, 0.28e-3));
        let gap = chance.within(0.6e-3, 3.4e-3);
        let needle = leaning(&-dot.normal, angle, chance);
        let aside = leaning(&needle, std::f64::consts::FRAC_PI_2, chance);
        let over = dot.position + aside * lateral;
        let tip = tip_pose(&over, &needle, roll, Length::from_m(gap));
        let flange = cell.flange_for_tip(&(base_from_head * tip));
        let Some(joints) = cell.arm().inverse_near(&flange, &hover) else {
            continue;
        };
        stage.place_head(&base_from_head);
        stage.session.queue = Queue::new();
        let target = Target {
            dot: Dot(id.0),
            depth: dot.depth.m(),
            dwell: Micros::from_ms(20),
            stop: false,
            rest: Micros::ZERO,
            hop: None,
        };
        stage.session.queue.push(target).unwrap();
        let sensed = Sensed {
            tip: stage
                .session
                .tip_seen(stage.plant.now, &stage.joints(joints)),
            intent: Some(target.dot),
            ..stage.sensed
        };
        let out = stage.step(&sensed);
        let strikes = matches!(out.needle, NeedleCommand::Extend(_));
        let (on, off) = truth.distances(&over);
        let limits = [
            lateral - LIMITS.lateral_verify,
            (gap - 2e-3).abs() - 1e-3,
            angle - 15f64.to_radians(),
            on - off,
        ];
        if limits.iter().any(|over| over.abs() < EVEN) {
            continue;
        }
        let broken = limits.map(|over| over > 0.0);
        let what = format!("{id:?} {limits:?} {sensed:?}");
        assert_eq!(strikes, broken == [false; 4], "{what}");
        if strikes {
            let met = truth.met(&(over - needle * gap), &needle).unwrap();
            let pierced = over - needle * gap + needle * met;
            assert!(
                truth.distances(&pierced).0 < 0.1e-3,
                "off the patch: {what}"
            );
            let kept_out = truth.kept_out(&pierced);
            assert!(
                kept_out > KEEP_OUT_MARGIN.m() - 0.3e-3,
                "{kept_out}: {what}"
            );
        }
        let names = ["axis", "gap", "angle", "beside the patch"];
        let mut over = names.iter().zip(broken).filter(|(_, broken)| *broken);
        let name = match (over.next(), over.next()) {
            (None, _) => "strikes",
            (Some((name, _)), None) => name,
            _ => "no stroke for several reasons",
        };
        *counted.entry(name).or_default() += 1;
    }
}

/// An arm under way with its tip anywhere about the head.
fn motions(stage: &mut Stage, truth: &Truth, chance: &mut Chance, counted: &mut Counted) {
    let plan = Arc::clone(stage.session.plan());
    let run = &plan.sequence[0];
    let well = stage.sensed.motion.unwrap();
    for pose in 0..POSES / 2 {
        let dot = plan.dot(run[(pose % run.len() as u64) as usize]).unwrap();
        let Outcome::Planned { hover, .. } = dot.outcome else {
            unreachable!()
        };
        let base_from_head = head_about(&plan.cell.base_from_head, chance);
        let span = 10f64.powf(chance.within(-2.5, -0.8));
        let mut joints = hover;
        for angle in joints.as_mut_slice() {
            *angle += chance.within(-span, span);
        }
        let tip = stage.session.kinematics.base_from_tip(&joints).origin();
        let near = stage.session.near(&base_from_head, &tip, &tip);
        let sensed = Sensed {
            motion: Some(MotionSeen {
                tip_speed: 0.0,
                near: Some(TipNear {
                    approach: 0.0,
                    ..near
                }),
                ..well
            }),
            ..stage.sensed
        };
        let out = stage.step(&sensed);
        let tip = base_from_head.inverse() * tip;
        let (height, beside) = truth.height_and_beside(&tip);
        let kept_out = truth.kept_out(&tip);
        let limits = [
            LIMITS.keep_out - kept_out,
            LIMITS.tip_lowest - height,
            (LIMITS.over_patch - height).min(beside - 22e-3),
        ];
        if limits.iter().any(|over| over.abs() < EVEN) {
            continue;
        }
        let faults = [Fault::KeepOutNear, Fault::TipTooNear, Fault::TipOffPatch];
        let first = limits.iter().position(|over| *over > 0.0);
        let what = format!("{limits:?} {near:?}");
        assert_eq!(out.fault, first.map(|limit| faults[limit]), "{what}");
        let names = ["keep-out", "too low", "low beside the patch"];
        let name = first.map_or("goes on", |limit| names[limit]);
        *counted.entry(name).or_default() += 1;
    }
}

/// A plan made by chance, if it is admitted; what is refused for a rule that it breaks is counted.
fn admitted(chance: &mut Chance, counted: &mut Counted) -> Option<Bed> {
    let (mut plan, work) = draft(ground(chance));
    let truth = Truth::of(&plan);
    let broken = plan.dots.iter().find_map(|dot| truth.rule_broken(dot));
    let work = work.keeping_out(&plan.keep_outs);
    let runs = !plan.sequence[0].is_empty() && time(&mut plan, &work).is_ok();
    if broken.is_none() && !runs {
        return None;
    }
    let (_, digest) = plan.to_bytes().unwrap();
    match (admit(Arc::new(plan), digest), broken) {
        (Ok(_), Some(rule)) => panic!("a plan with a dot {rule} is admitted"),
        (Err(error), Some(rule)) => {
            // The rule itself, not what else may hold a plan up.
            assert!(
                !matches!(
                    error,
                    AdmitError::Dot {
                        fault: DotFault::Blocked(_),
                        ..
                    }
                ),
                "{rule}: {error}"
            );
            *counted.entry(rule).or_default() += 1;
        }
        (Ok(admitted), None) => {
            let tips = admitted
                .plan()
                .dots
                .iter()
                .filter_map(|d| d.hover_pose(HOVER));
            let nearest = tips.map(|tip| truth.kept_out(&tip.origin()));
            assert!(nearest.fold(1.0, f64::min) > KEEP_OUT_MARGIN.m() - EVEN);
            return bed_on(admitted);
        }
        // What else is wrong with a plan made by chance is no matter here.
        (Err(_), None) => {}
    }
    None
}

/// H1: a million poses of the arm and the head over plans made by chance. A plan with a dot off the patch, aslant or within 20 mm of a
/// keep-out is not admitted; the needle comes out exactly where it meets the patch at 15 degrees at most; an arm under way stops within
/// 19 mm of a keep-out, within 0.5 mm of the skin, and low beside the patch.
#[test]
fn no_needle_comes_out_off_the_patch_and_no_tip_comes_near_a_keep_out() {
    let over_plan = |seed| {
        let (mut chance, mut counted) = (Chance(seed), Counted::new());
        loop {
            let Some(bed) = admitted(&mut chance, &mut counted) else {
                continue;
            };
            let truth = Truth::of(bed.admitted.plan());
            let stages = [true, false].map(|striking| Stage::new(&bed).go_on(striking));
            if let [Some(mut over), Some(mut about)] = stages {
                strokes(
                    &mut over,
                    bed.admitted.cell(),
                    &truth,
                    &mut chance,
                    &mut counted,
                );
                motions(&mut about, &truth, &mut chance, &mut counted);
                return counted;
            }
        }
    };
    let sum = |mut sum: Counted, part: Counted| {
        for (what, times) in part {
            *sum.entry(what).or_default() += times;
        }
        sum
    };
    let counted = (0..PLANS)
        .into_par_iter()
        .map(over_plan)
        .reduce(Counted::new, sum);
    let least = |what, times| {
        let found = counted.get(what).copied().unwrap_or_default();
        assert!(
            found >= times,
            "{what}: {found} only, the test shows little"
        );
    };
    for rule in ["off the patch", "aslant", "near a keep-out"] {
        least(rule, 5);
    }
    for limit in ["axis", "gap", "angle", "beside the patch", "strikes"] {
        least(limit, 2_000);
    }
    for place in ["keep-out", "too low", "low beside the patch", "goes on"] {
        least(place, 500);
    }
    assert!(counted.values().sum::<u64>() > PLANS * POSES * 98 / 100);
}
