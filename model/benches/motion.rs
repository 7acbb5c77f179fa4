//! Hops and lifts of the shipped cell over a bumpy head: how long the motions take by distance, then how long computing them takes and
//! what it allocates.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench that cannot set itself up has nothing to measure, and says what it has measured"
)]

use std::f64::consts::{PI, TAU};
use std::sync::OnceLock;

use nalgebra::{UnitQuaternion, Vector3};
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Direction, Head, Point, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::motion::{HopTarget, Trajectory, can_lift, hop, hop_to_joints, lift};
use stipple_model::plan::tip_pose;
use stipple_model::units::Angle;

#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

/// Distances of the table, mm.
const DISTANCES: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0];

/// A point of the head in a direction from its middle: an ellipsoid of 75 × 95 × 110 mm with bumps of a millimetre.
fn on_head(direction: &Vector3<f64>) -> Vector3<f64> {
    let d = direction.normalize();
    let bump = 1.0 + 0.01 * ((9.0 * d.x).sin() * (7.0 * d.y).cos() + (8.0 * d.z).sin());
    Vector3::new(0.095 * d.x, 0.075 * d.y, 0.110 * d.z) * bump
}

fn normal(direction: &Vector3<f64>) -> Vector3<f64> {
    let across = direction.cross(&Vector3::new(0.3, 0.5, 0.8)).normalize();
    let along = direction.cross(&across).normalize();
    let step =
        |v: &Vector3<f64>| on_head(&(direction + v * 1e-3)) - on_head(&(direction - v * 1e-3));
    let n = step(&across).cross(&step(&along)).normalize();
    if n.dot(direction) > 0.0 { n } else { -n }
}

fn head() -> SurfaceMesh<Head> {
    let (rings, sectors) = (90, 180);
    let at = |i: usize, k: usize| {
        let (polar, around) = (
            PI * i as f64 / rings as f64,
            TAU * k as f64 / sectors as f64,
        );
        let d = Vector3::new(
            polar.sin() * around.cos(),
            polar.sin() * around.sin(),
            polar.cos(),
        );
        Point::from_raw(on_head(&d))
    };
    let mut vertices = vec![at(0, 0)];
    vertices.extend((1..rings).flat_map(|i| (0..sectors).map(move |k| at(i, k))));
    vertices.push(at(rings, 0));
    let south = vertices.len() as u32 - 1;
    let id = |ring: usize, k: usize| (1 + (ring - 1) * sectors + k % sectors) as u32;
    let mut triangles: Vec<[u32; 3]> = (0..sectors).map(|k| [0, id(1, k), id(1, k + 1)]).collect();
    for ring in 1..rings - 1 {
        for k in 0..sectors {
            triangles.push([id(ring, k), id(ring + 1, k), id(ring + 1, k + 1)]);
            triangles.push([id(ring, k), id(ring + 1, k + 1), id(ring, k + 1)]);
        }
    }
    triangles.extend((0..sectors).map(|k| [south, id(rings - 1, k + 1), id(rings - 1, k)]));
    SurfaceMesh::new(vertices, triangles).unwrap()
}

struct Bed {
    cell: Cell,
    work: WorkCell,
    /// Clear hovers over the upper half of the head: direction from its middle, roll, joints.
    hovers: Vec<(Vector3<f64>, f64, Joints)>,
}

fn pose(direction: &Vector3<f64>, roll: f64) -> Transform<Head, Tip> {
    tip_pose(
        &Point::from_raw(on_head(direction)),
        &Direction::new(-normal(direction)).unwrap(),
        Angle::from_rad(roll),
        HOVER,
    )
}

impl Bed {
    fn solve(&self, direction: &Vector3<f64>, roll: f64, near: &Joints) -> Option<Joints> {
        let target = self.cell.base_from_head * pose(direction, roll);
        let flange = self.work.flange_for_tip(&target);
        let q = self.work.arm().inverse_near(&flange, near)?;
        let clear = self.work.blocked(&q, &self.cell.base_from_head).is_none()
            && can_lift(&self.work, &self.cell.base_from_head, &q);
        clear.then_some(q)
    }

    /// Hops of about `mm` along the skin, each from one hover to another on the same branch.
    fn pairs(&self, mm: f64) -> Vec<(Joints, Joints)> {
        let mut out = Vec::new();
        for (direction, roll, q) in &self.hovers {
            for side in 0..3 {
                let axis = direction.cross(&Vector3::new(0.2, 0.9, 0.4)).normalize();
                let axis =
                    UnitQuaternion::from_scaled_axis(direction * f64::from(side) * 2.1) * axis;
                // Small steps keep the branch; the roll that turns least is looked for at each.
                let (steps, mut at, mut near, mut r) = ((mm / 5.0).ceil(), *direction, *q, *roll);
                let turn = UnitQuaternion::from_scaled_axis(axis * (mm * 1e-3 / 0.095 / steps));
                let arrived = (0..steps as u32).all(|_| {
                    at = turn * at;
                    let tried = [0.0, 0.1, -0.1, 0.3, -0.3]
                        .iter()
                        .find_map(|by| self.solve(&at, r + by, &near).map(|q| (q, r + by)));
                    tried.map(|(q, roll)| (near, r) = (q, roll)).is_some()
                });
                if arrived && at.z > 0.1 {
                    out.push((*q, near));
                }
            }
        }
        out
    }
}

fn bed() -> &'static Bed {
    static BED: OnceLock<Bed> = OnceLock::new();
    BED.get_or_init(|| {
        let cell = Cell::shipped(ArmSource::ur5e()).unwrap();
        let work = WorkCell::new(&cell, &head()).unwrap();
        let mut bed = Bed {
            cell,
            work,
            hovers: Vec::new(),
        };
        for k in 0..40 {
            let (z, around) = (0.25 + 0.74 * f64::from(k) / 40.0, f64::from(k) * 2.399_963);
            let flat = (1.0f64 - z * z).sqrt();
            let d = Vector3::new(flat * around.cos(), flat * around.sin(), z);
            let found = (0..12).find_map(|i| {
                let roll = f64::from(i) * TAU / 12.0;
                let target = bed.cell.base_from_head * pose(&d, roll);
                let flange = bed.work.flange_for_tip(&target);
                let all = bed.work.arm().inverse(&flange, &bed.work.arm().mid_range());
                all.into_iter()
                    .find_map(|q| bed.solve(&d, roll, &q))
                    .map(|q| (d, roll, q))
            });
            bed.hovers.extend(found);
        }
        bed
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Seconds of motion by distance, and how many hops there are no ways for.
fn table() {
    let bed = bed();
    println!("{} hovers; hops along the skin:", bed.hovers.len());
    println!("     mm   hops  none   median s   longest s   legs");
    for mm in DISTANCES {
        let pairs = bed.pairs(mm);
        let tried: Vec<Option<Trajectory>> = pairs
            .iter()
            .map(|(a, b)| hop_to_joints(&bed.work, &bed.cell.base_from_head, a, b).ok())
            .collect();
        let times: Vec<f64> = tried.iter().flatten().map(Trajectory::duration).collect();
        let legs = tried
            .iter()
            .flatten()
            .map(|t| t.way_points().count() as f64 - 1.0);
        println!(
            "{mm:7.0} {:6} {:5} {:10.3} {:11.3} {:6.1}",
            pairs.len(),
            pairs.len() - times.len(),
            median(times.clone()),
            times.iter().copied().fold(0.0, f64::max),
            median(legs.collect()),
        );
    }
    let lifts: Vec<f64> = bed
        .hovers
        .iter()
        .filter_map(|(_, _, q)| lift(&bed.work, &bed.cell.base_from_head, q).ok())
        .map(|t| t.duration())
        .collect();
    println!(
        "lifts: {} of {}, median {:.3} s",
        lifts.len(),
        bed.hovers.len(),
        median(lifts.clone())
    );
    let (mut found, mut times) = (0, Vec::new());
    let n = bed.hovers.len();
    let began = std::time::Instant::now();
    for k in 0..PAIRS {
        let (a, b) = (
            &bed.hovers[k * 7 % n].2,
            &bed.hovers[(k * 11 + k / n + 3) % n].2,
        );
        if let Ok(way) = hop_to_joints(&bed.work, &bed.cell.base_from_head, a, b) {
            found += 1;
            times.push(way.duration());
        }
    }
    println!(
        "from any to any: {found} of {PAIRS}, median {:.3} s, longest {:.3} s, {:.1} ms to compute on average",
        median(times.clone()),
        times.iter().copied().fold(0.0, f64::max),
        began.elapsed().as_secs_f64() * 1e3 / PAIRS as f64,
    );
}

/// Pairs of hovers anywhere on the head, on whatever branch each was found.
const PAIRS: usize = 300;

#[divan::bench(args = [1, 2, 5, 20, 40, 80])]
fn hop_by_mm(bencher: divan::Bencher<'_, '_>, mm: u32) {
    let bed = bed();
    let pairs = bed.pairs(f64::from(mm));
    let targets: Vec<(Joints, HopTarget)> = pairs
        .iter()
        .map(|(from, to)| {
            let head_from_tip = bed.cell.base_from_head.inverse() * bed.work.base_from_tip(to);
            (
                *from,
                HopTarget {
                    head_from_tip,
                    seed: *from,
                },
            )
        })
        .collect();
    let mut k = 0;
    bencher.bench_local(|| {
        k = (k + 1) % targets.len();
        let (from, target) = &targets[k];
        hop(&bed.work, &bed.cell.base_from_head, from, target).is_ok()
    });
}

#[divan::bench]
fn can_lift_off(bencher: divan::Bencher<'_, '_>) {
    let bed = bed();
    let mut k = 0;
    bencher.bench_local(|| {
        k = (k + 1) % bed.hovers.len();
        can_lift(&bed.work, &bed.cell.base_from_head, &bed.hovers[k].2)
    });
}

#[divan::bench]
fn lift_off(bencher: divan::Bencher<'_, '_>) {
    let bed = bed();
    let mut k = 0;
    bencher.bench_local(|| {
        k = (k + 1) % bed.hovers.len();
        lift(&bed.work, &bed.cell.base_from_head, &bed.hovers[k].2).is_ok()
    });
}

#[divan::bench]
fn time_law_of_one_leg(bencher: divan::Bencher<'_, '_>) {
    let bed = bed();
    let from = bed.hovers[0].2;
    let limits = bed.work.arm().motion_limits();
    let to = from.map(|v| v + 0.002);
    bencher.bench_local(|| {
        let mut way = Trajectory::resting(divan::black_box(from));
        way.push(divan::black_box(to), &limits, 0.001, 0.05).is_ok()
    });
}

fn main() {
    table();
    divan::main();
}
