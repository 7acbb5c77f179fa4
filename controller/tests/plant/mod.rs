//! A small plan and a plant for it, as far as the session's tests need them; the real plant is the simulator's.
#![allow(dead_code, reason = "each test file uses its own part of it")]

mod arm;
mod needle;

use std::sync::Arc;

use nalgebra::{UnitQuaternion, Vector3};
use stipple_controller::admit::{AdmitError, Admitted, admit, layer_motions};
use stipple_controller::hops::{CellPlanner, Kinematics as _};
use stipple_controller::ports::*;
use stipple_controller::record::Binding;
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::clearance::WorkCell;
use stipple_model::digest::Digest;
use stipple_model::frames::{Base, Direction, Head, Point, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::*;
use stipple_model::units::{Angle, Area, Density, Length};

#[allow(unused_imports, reason = "each test file uses its own part of it")]
pub use arm::{Amiss, Arm};
pub use needle::Needle;

pub const TICK: Micros = Micros::from_ms(2);
const RADIUS: f64 = 0.09;

pub fn ball(rings: usize) -> SurfaceMesh<Head> {
    let sectors = 2 * rings;
    let mut vertices = vec![Point::new(0.0, 0.0, RADIUS)];
    for i in 1..rings {
        let polar = std::f64::consts::PI * i as f64 / rings as f64;
        for k in 0..sectors {
            let around = std::f64::consts::TAU * k as f64 / sectors as f64;
            let (x, y) = (polar.sin() * around.cos(), polar.sin() * around.sin());
            vertices.push(Point::new(RADIUS * x, RADIUS * y, RADIUS * polar.cos()));
        }
    }
    let south = vertices.len() as u32;
    vertices.push(Point::new(0.0, 0.0, -RADIUS));
    let at = |ring: usize, k: usize| (1 + (ring - 1) * sectors + k % sectors) as u32;
    let mut triangles: Vec<[u32; 3]> = (0..sectors).map(|k| [0, at(1, k), at(1, k + 1)]).collect();
    for ring in 1..rings - 1 {
        for k in 0..sectors {
            triangles.push([at(ring, k), at(ring + 1, k), at(ring + 1, k + 1)]);
            triangles.push([at(ring, k), at(ring + 1, k + 1), at(ring, k + 1)]);
        }
    }
    triangles.extend((0..sectors).map(|k| [south, at(rings - 1, k + 1), at(rings - 1, k)]));
    SurfaceMesh::new(vertices, triangles).unwrap()
}

/// A plan of dots 2 mm apart in rows on the top of a ball in front of the arm, all in one layer, and its planner.
pub struct Bed {
    pub admitted: Admitted,
    pub planner: CellPlanner,
    pub home: Joints,
    pub binding: Binding,
}

/// What a plan is made on and for.
pub struct Ground {
    pub head: SurfaceMesh<Head>,
    pub patch: Vec<u32>,
    /// Besides eyes and ears.
    pub keep_outs: Vec<KeepOut>,
    pub spots: Vec<Spot>,
}

/// Where a dot is wanted.
pub struct Spot {
    pub position: Point<Head>,
    pub normal: Direction<Head>,
    pub needle: Direction<Head>,
}

pub fn plan(count: u32) -> Plan {
    plan_with(count, true)
}

fn plan_with(count: u32, has_station: bool) -> Plan {
    let (mut plan, work) = draft(rows(count));
    // The arm waits beside the head, turned away from over the first dot.
    let first = plan.first_hover(1).filter(|_| has_station);
    let mut station = first.map(|q| {
        let lift = stipple_model::motion::lift(&work, &plan.cell.base_from_head, &q);
        lift.unwrap().end()
    });
    if let Some(joints) = &mut station {
        joints.as_mut_slice()[0] += 0.9;
        plan.cell.station = Some(work.base_from_tip(joints));
        plan.station = station;
    }
    time(&mut plan, &work).unwrap();
    plan
}

fn rows(count: u32) -> Ground {
    let head = ball(48);
    let mesh = head.to_parry().unwrap();
    let spot = |k: u32| {
        let (row, column) = (k / 10, k % 10);
        let column = if row % 2 == 0 { column } else { 9 - column };
        let (x, y) = (
            f64::from(column) * 0.002 - 0.009,
            f64::from(row) * 0.002 - 0.014,
        );
        let ray = parry3d::query::Ray::new(
            parry3d::math::Vector::new(x, y, 0.2),
            parry3d::math::Vector::new(0.0, 0.0, -1.0),
        );
        let toi = parry3d::query::RayCast::cast_local_ray(&mesh, &ray, 1.0, false).unwrap();
        let position = Point::new(x, y, 0.2 - toi);
        let normal = Direction::new(position.raw()).unwrap();
        Spot {
            position,
            normal,
            needle: -normal,
        }
    };
    Ground {
        patch: (0..head.triangles().len() as u32)
            .filter(|t| head.corners(*t as usize)[0].raw().z > 0.05)
            .collect(),
        keep_outs: Vec::new(),
        spots: (0..count).map(spot).collect(),
        head,
    }
}

/// A plan without a station, whose motions have not been timed yet.
pub fn draft(ground: Ground) -> (Plan, WorkCell) {
    let mut cell = Cell::shipped(ArmSource::ur5e()).unwrap();
    cell.base_from_head = Transform::from_xyz_rpy([0.55, 0.0, 0.15], [0.0; 3]);
    cell.boxes.clear();
    let work = WorkCell::new(&cell, &ground.head).unwrap();
    let mut seed = work.arm().mid_range();
    let dots: Vec<Dot> = ground
        .spots
        .into_iter()
        .map(|spot| {
            let mut dot = Dot {
                position: spot.position,
                normal: spot.normal,
                needle: spot.needle,
                depth: Length::from_mm(0.6),
                diameter: Length::from_mm(0.2),
                shade: 0,
                zone: 0,
                layer: 1,
                outcome: Outcome::Skipped(SkipReason::OutOfReach),
            };
            // The roll that needs the smallest change from the dot before: neighbours then share a branch.
            let found = (0..24)
                .map(|r| Angle::from_deg(f64::from(r) * 15.0))
                .flat_map(|roll| {
                    let tip = tip_pose(&dot.position, &dot.needle, roll, HOVER);
                    let flange = work.flange_for_tip(&(cell.base_from_head * tip));
                    work.arm()
                        .inverse(&flange, &seed)
                        .into_iter()
                        .map(move |hover| (roll, hover))
                })
                .filter(|(_, hover)| work.blocked(hover, &cell.base_from_head).is_none())
                .min_by(|(_, a), (_, b)| {
                    a.max_difference(&seed).total_cmp(&b.max_difference(&seed))
                });
            if let Some((roll, hover)) = found {
                seed = hover;
                dot.outcome = Outcome::Planned { roll, hover };
            }
            dot
        })
        .collect();
    let sequence = (0u32..)
        .zip(&dots)
        .filter(|(_, d)| matches!(d.outcome, Outcome::Planned { .. }))
        .map(|(i, _)| DotId(i))
        .collect();
    let anatomy = Anatomy::upright();
    let mut keep_outs = ground.keep_outs;
    keep_outs.extend(anatomy.eyes_and_ears().map(|(name, center)| KeepOut {
        name: name.to_owned(),
        center,
        radius: Length::from_mm(14.0),
    }));
    let plan = Plan {
        provenance: Provenance {
            planner_version: "test".into(),
            seed: 1,
            scan_digest: Digest::of(b"scan"),
            landmarks_digest: Digest::of(b"landmarks"),
            treatment: String::new(),
            metres_per_scan_unit: 1e-3,
        },
        purpose: stipple_model::treatment::Purpose::Treatment,
        fitted: None,
        dwell: stipple_model::limits::DWELL,
        head_from_scan: Transform::identity(),
        cell,
        patch: ground.patch,
        head: ground.head,
        anatomy,
        wanted: Vec::new(),
        keep_outs,
        zones: vec![Zone {
            name: "crown".into(),
            area: Area::from_cm2(10.0),
            target: Density::from_per_cm2(25.0),
            depth_cap: Length::from_mm(1.5),
            needle: None,
            healed_diameter: None,
        }],
        shades: vec![Shade {
            name: "grey".into(),
            rgb: [80, 80, 80],
            dilution: None,
        }],
        layers: 1,
        dots,
        sequence: vec![sequence],
        measures: Vec::new(),
        findings: Vec::new(),
        stops: vec![Vec::new()],
        station: None,
        needles: vec![None],
        skips: Vec::new(),
        session_estimate: stipple_model::plan::SessionEstimate {
            layers: vec![SessionParts::default()],
        },
    };
    (plan, work)
}

/// Puts the time that a plan's motions take into it.
pub fn time(plan: &mut Plan, work: &WorkCell) -> Result<(), AdmitError> {
    let motions = layer_motions(plan, work)?;
    for (parts, motion) in plan.session_estimate.layers.iter_mut().zip(motions) {
        (parts.motion, parts.station_ways) = (motion.hops, motion.ways);
    }
    Ok(())
}

pub fn bed(count: u32) -> Bed {
    bed_of(plan(count))
}

/// The arm waits lifted off the head.
pub fn bed_without_station(count: u32) -> Bed {
    bed_of(plan_with(count, false))
}

pub fn bed_of(plan: Plan) -> Bed {
    let (_, digest) = plan.to_bytes().unwrap();
    bed_on(admit(Arc::new(plan), digest).unwrap()).unwrap()
}

/// `None` when the arm cannot wait over the first dot.
pub fn bed_on(admitted: Admitted) -> Option<Bed> {
    let plan = admitted.plan();
    let digest = admitted.digest();
    let work = Arc::clone(admitted.cell());
    let first = plan
        .dots
        .iter()
        .find(|d| matches!(d.outcome, Outcome::Planned { .. }))
        .unwrap();
    let Outcome::Planned { roll, hover } = first.outcome else {
        unreachable!()
    };
    let above = tip_pose(&first.position, &first.needle, roll, Length::from_mm(60.0));
    let home = work.arm().inverse_near(
        &work.flange_for_tip(&(plan.cell.base_from_head * above)),
        &hover,
    )?;
    let binding = Binding {
        plan: digest,
        scan: plan.provenance.scan_digest,
    };
    let planner = CellPlanner::new(Arc::clone(admitted.plan()), work);
    Some(Bed {
        admitted,
        planner,
        home,
        binding,
    })
}

pub struct Tracker {
    pub now: Micros,
    pub base_from_head: Transform<Base, Head>,
    /// m/s along x since a moment, on top of breathing.
    pub jerk: Option<(Micros, f64)>,
    pub lost: bool,
    seed: u64,
    last: Option<Stamped<Transform<Base, Head>>>,
}

impl Tracker {
    pub fn truth(&self, at: Micros) -> Transform<Base, Head> {
        let t = at.s();
        let breath = 0.4e-3 * (std::f64::consts::TAU * 0.25 * t).sin();
        let jerk = self
            .jerk
            .and_then(|(since, speed)| at.since(since).map(|d| d.s() * speed))
            .unwrap_or(0.0);
        let mut iso = *self.base_from_head.raw();
        iso.translation.vector +=
            Vector3::new(0.03e-3 * t + jerk, 0.02e-3 * t + 0.5 * breath, breath);
        Transform::from_raw(iso)
    }

    fn normal(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            self.seed = self
                .seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            sum += (self.seed >> 11) as f64 / (1u64 << 53) as f64;
        }
        sum
    }

    fn advance(&mut self) {
        let frame = self.now.0 / 16_667;
        if self.lost || self.last.is_some_and(|l| l.sequence == frame) {
            return;
        }
        let mut iso = *self.truth(Micros(self.now.0 - 10_000)).raw();
        iso.translation.vector +=
            Vector3::new(self.normal(), self.normal(), self.normal()) * 0.05e-3;
        let turn = Vector3::new(self.normal(), self.normal(), self.normal()) * 0.02f64.to_radians();
        iso.rotation = UnitQuaternion::from_scaled_axis(turn) * iso.rotation;
        self.last = Some(Stamped {
            value: Transform::from_raw(iso),
            arrived: self.now,
            sequence: frame,
        });
    }
}

impl HeadPort for Tracker {
    fn head_pose(&self) -> Option<Stamped<Transform<Base, Head>>> {
        self.last
    }
}

/// The operator, whose heartbeat arrives in every tick.
pub struct Operator {
    pub now: Micros,
    /// When the last heartbeat arrived, once they have left.
    pub left: Option<Micros>,
    pub term: u64,
}

impl OperatorPort for Operator {
    fn lease(&self) -> Option<Stamped<LeaseTerm>> {
        Some(Stamped {
            value: LeaseTerm(self.term),
            arrived: self.left.unwrap_or(self.now),
            sequence: self.now.0,
        })
    }
}

/// All devices on one clock.
pub struct Plant {
    pub now: Micros,
    pub arm: Arm,
    pub needle: Needle,
    pub tracker: Tracker,
    pub operator: Operator,
    /// Dot, lateral error against the head as it really was when the point met the skin, and depth reached, m.
    pub strikes: Vec<(u32, f64, f64)>,
    /// Nonce of the last strike.
    struck: u64,
    planner: CellPlanner,
    plan: Arc<Plan>,
}

impl Plant {
    /// Height of the tip above the skin as it really is, m, up to `most`.
    pub fn height(&self, planner: &CellPlanner, most: f64) -> f64 {
        let base_from_tip = planner.base_from_tip(&self.arm.state().position);
        let head_from_base = self.tracker.truth(self.now).inverse();
        planner.height(&(head_from_base * base_from_tip.origin()), most)
    }

    pub fn new(bed: &Bed) -> Self {
        use stipple_controller::hops::Kinematics as _;
        let plan = Arc::clone(bed.admitted.plan());
        let names = bed.planner.joint_names().to_vec();
        Self {
            now: Micros::from_ms(1000),
            arm: Arm {
                now: Micros::from_ms(1000),
                amiss: None,
                names,
                rest: bed.home,
                motion: None,
                // Pushed to in ticks, which take no memory.
                done: Vec::with_capacity(4096),
            },
            needle: Needle::default(),
            tracker: Tracker {
                now: Micros::from_ms(1000),
                base_from_head: plan.cell.base_from_head,
                jerk: None,
                lost: false,
                seed: 5,
                last: None,
            },
            operator: Operator {
                now: Micros::from_ms(1000),
                left: None,
                term: 1,
            },
            strikes: Vec::new(),
            struck: 0,
            planner: bed.planner.clone(),
            plan,
        }
    }

    pub fn advance(&mut self) {
        use stipple_controller::hops::Kinematics as _;
        self.now = self.now.after(TICK);
        (self.arm.now, self.needle.now, self.tracker.now) = (self.now, self.now, self.now);
        self.operator.now = self.now;
        self.arm.advance();
        self.tracker.advance();
        let goal = self.needle.goal.map_or(0.0, |(goal, ..)| goal);
        let before = self.needle.extension;
        self.needle.extension += (goal - before).clamp(-0.2e-3, 0.2e-3);
        if self.needle.extension > 0.1e-3 {
            assert!(
                self.arm.motion.is_none(),
                "the needle is out while the arm moves"
            );
        }
        let Some(id) = self.needle.dot() else { return };
        let base_from_tip = self.planner.base_from_tip(&self.arm.rest);
        let head_from_tip = self.tracker.truth(self.now).inverse() * base_from_tip;
        let dot = &self.plan.dots[id as usize];
        let needle = head_from_tip * Direction::z();
        let gap = (dot.position - head_from_tip.origin()).along(&needle);
        let lateral = (head_from_tip.origin() + needle * gap).distance(&dot.position);
        // A breathing head may cross the point twice within one strike.
        if before < gap && self.needle.extension >= gap && self.struck != self.needle.permit {
            self.struck = self.needle.permit;
            self.strikes.push((id, lateral, 0.0));
        }
        if let Some(last) = self.strikes.last_mut().filter(|s| s.0 == id) {
            last.2 = last.2.max(self.needle.extension - gap);
        }
    }

    pub fn ports(&mut self) -> Ports<'_> {
        Ports {
            arm: &mut self.arm,
            needle: &mut self.needle,
            head: &mut self.tracker,
            operator: &mut self.operator,
        }
    }
}
