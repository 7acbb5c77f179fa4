//! How long clearance takes, and that it allocates nothing once the cell stands.
//!
//! The head is an egg with bumps of 40,000 triangles, the arm and the room are the shipped ones.

#![allow(clippy::print_stdout, reason = "a bench says what it has measured")]

use divan::{AllocProfiler, Bencher};
use nalgebra::Vector3;
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::clearance::{HeadField, WorkCell};
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::tip_pose;
use stipple_model::units::Angle;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// An egg with bumps, of about `4 rings²` triangles.
fn head(rings: usize) -> SurfaceMesh<Head> {
    let sectors = 2 * rings;
    let place = |ring: usize, k: usize| {
        let polar = std::f64::consts::PI * ring as f64 / rings as f64;
        let around = std::f64::consts::TAU * k as f64 / sectors as f64;
        let d = Vector3::new(
            polar.sin() * around.cos(),
            polar.sin() * around.sin(),
            polar.cos(),
        );
        let bump = (11.0 * d.x).sin() * (9.0 * d.y).cos() * 0.02
            + (23.0 * d.z).sin() * (21.0 * d.x).sin() * 0.006;
        Point::from_raw(d.component_mul(&Vector3::new(0.095, 0.075, 0.110)) * (1.0 + bump))
    };
    let vertices = (0..=rings)
        .flat_map(|r| (0..sectors).map(move |k| place(r, k)))
        .collect();
    let at = |ring: usize, k: usize| (ring * sectors + k % sectors) as u32;
    let triangles = (0..rings)
        .flat_map(|r| {
            (0..sectors).flat_map(move |k| {
                [
                    [at(r, k), at(r + 1, k), at(r + 1, k + 1)],
                    [at(r, k), at(r + 1, k + 1), at(r, k + 1)],
                ]
            })
        })
        .collect();
    SurfaceMesh::new(vertices, triangles).expect("a surface")
}

struct Setting {
    cell: Cell,
    work: WorkCell,
    /// Clear configurations 2 mm over the top of the head, and one a hop of 1.5 mm and of 20 mm from each.
    hovering: Vec<[Joints; 3]>,
    far: Vec<Joints>,
}

fn setting() -> Setting {
    let cell = Cell::shipped(ArmSource::ur5e()).expect("the shipped cell");
    let work = WorkCell::new(&cell, &head(100)).expect("a cell");
    let mut hovering = Vec::new();
    let over = |x: f64, y: f64, roll: f64, near: &Joints| {
        let out = Vector3::new(x, y, 1.0).normalize();
        let mut at = Point::from_raw(out * 0.14);
        for _ in 0..20 {
            at = Point::from_raw(at.raw() - out * work.field().exact(&at));
        }
        let pose = tip_pose(&at, &Direction::new(-out)?, Angle::from_rad(roll), HOVER);
        work.arm()
            .inverse_near(&work.flange_for_tip(&(cell.base_from_head * pose)), near)
    };
    let clear = |q: &Joints| work.blocked(q, &cell.base_from_head).is_none();
    for k in 0..400 {
        let (x, y, roll) = (
            0.4 * (f64::from(k) * 0.37).sin(),
            0.4 * (f64::from(k) * 0.61).cos(),
            f64::from(k) * 0.26,
        );
        let seed = Joints::from_slice(&[0.2, -1.5, 1.6, -1.7, -1.57, 0.0]).expect("six");
        let hop = |step: f64| {
            let from = over(x, y, roll, &seed)?;
            Some((from, over(x + step / 0.11, y, roll, &from)?))
        };
        if let (Some((q, near)), Some((_, away))) = (hop(0.0015), hop(0.020)) {
            let proven = work
                .segment_blocked(&q, &near, &cell.base_from_head)
                .is_none();
            if proven && clear(&away) {
                hovering.push([q, near, away]);
            }
        }
    }
    let far = (0..100)
        .map(|k| {
            Joints::from_slice(&[0.03 * f64::from(k) - 1.5, -1.9, 1.2, -0.9, -1.57, 0.0])
                .expect("six")
        })
        .filter(clear)
        .collect();
    println!("{} hovering configurations", hovering.len());
    Setting {
        cell,
        work,
        hovering,
        far,
    }
}

fn shared() -> &'static Setting {
    static SETTING: std::sync::OnceLock<Setting> = std::sync::OnceLock::new();
    SETTING.get_or_init(setting)
}

/// Calls `work` on one configuration after the other.
fn each<T: Sync>(bencher: Bencher, over: &[T], work: impl Fn(&T) -> bool + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    bencher.bench(|| {
        let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        work(&over[i % over.len()])
    });
}

#[divan::bench]
fn yes_or_no_hovering(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.hovering, |q| {
        s.work.blocked(&q[0], &s.cell.base_from_head).is_none()
    });
}

#[divan::bench]
fn yes_or_no_far(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.far, |q| {
        s.work.blocked(q, &s.cell.base_from_head).is_none()
    });
}

#[divan::bench]
fn signed_hovering(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.hovering, |q| {
        s.work.clearance(&q[0], &s.cell.base_from_head).is_enough()
    });
}

#[divan::bench]
fn signed_far(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.far, |q| {
        s.work.clearance(q, &s.cell.base_from_head).is_enough()
    });
}

#[divan::bench]
fn witnesses_hovering(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.hovering, |q| {
        let (_, shown) = s.work.witnesses(&q[0], &s.cell.base_from_head);
        shown.nose_head.is_some_and(|w| w.gap > 0.0)
    });
}

#[divan::bench]
fn hop_of_1_5_mm_proven(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.hovering, |q| {
        s.work
            .segment_blocked(&q[0], &q[1], &s.cell.base_from_head)
            .is_none()
    });
}

#[divan::bench]
fn hop_of_20_mm_looked_at(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.hovering, |q| {
        s.work
            .segment_blocked(&q[0], &q[2], &s.cell.base_from_head)
            .is_none()
    });
}

#[divan::bench]
fn free_move_of_half_a_radian(bencher: Bencher) {
    let s = shared();
    each(bencher, &s.far, |q| {
        let mut to = *q;
        to[0] += 0.5;
        s.work
            .segment_blocked(q, &to, &s.cell.base_from_head)
            .is_none()
    });
}

#[divan::bench]
fn distance_bound_near_the_head(bencher: Bencher) {
    let s = shared();
    let points: Vec<Point<Head>> = (0..4096)
        .map(|k| {
            let a = f64::from(k) * 0.01;
            Point::new(0.11 * a.cos(), 0.09 * a.sin(), 0.02 * (a * 0.3).sin())
        })
        .collect();
    each(bencher, &points, |p| s.work.field().lower(p) > 0.0);
}

#[divan::bench]
fn exact_distance_hovering(bencher: Bencher) {
    let s = shared();
    let points: Vec<Point<Head>> = s
        .hovering
        .iter()
        .map(|q| s.cell.base_from_head.inverse() * s.work.base_from_tip(&q[0]).origin())
        .collect();
    each(bencher, &points, |p| s.work.field().exact(p) > 0.0);
}

#[divan::bench(args = [100, 158], sample_count = 5, sample_size = 1)]
fn field_built(bencher: Bencher, rings: usize) {
    let head = head(rings);
    bencher.bench(|| HeadField::new(&head).expect("a field").cell_count());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn cell_built(bencher: Bencher) {
    let (cell, head) = (
        Cell::shipped(ArmSource::ur5e()).expect("the shipped cell"),
        head(100),
    );
    bencher.bench(|| WorkCell::new(&cell, &head).expect("a cell").longest_reach());
}
