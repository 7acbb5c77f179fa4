//! How long the order of a layer's dots takes, and how long a tour it is. `cargo bench -p stipple-planner --bench order`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step ends the bench, and it says what it has measured"
)]

#[path = "../tests/support/bumpy.rs"]
mod bumpy;

use divan::{AllocProfiler, Bencher};
use stipple_model::arm::{Arm, ArmSource};
use stipple_model::frames::{Head, Point};
use stipple_model::joints::Joints;
use stipple_model::treatment::Session;
use stipple_model::units::{Area, Time};
use stipple_planner::dots;
use stipple_planner::sequence::{self, Group, OrderRules, Visit};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    for count in [10_000, 30_000, 50_000] {
        let points = blue_noise(count);
        let length = sequence::length(&points, &sequence::tour(&points));
        println!(
            "{count} dots: tour ratio {:.4}",
            length / nearest_sum(&points)
        );
    }
    for count in [3_000, 30_000] {
        let visits = visits(count);
        let seconds = |rules: &OrderRules| sequence::order(&visits, rules).motion.s();
        let mut rules = rules();
        let pieces = seconds(&rules);
        rules.piece = Area::from_cm2(1e4);
        let whole = seconds(&rules);
        println!(
            "{count} dots: {:.4} s a hop in pieces of 25 cm², {:.4} without pieces",
            pieces / f64::from(count),
            whole / f64::from(count)
        );
    }
    divan::main();
}

/// The same dots for an arm that reaches half a metre: a millimetre is two thousandths of a radian.
fn visits(count: u32) -> Vec<Visit> {
    let visit = |position: &Point<Head>| {
        let p = position.raw() * 2.0;
        Visit {
            position: *position,
            hover: Joints::from_slice(&[p.x, p.y, p.z, 0.7 * p.y, 0.7 * p.z, 0.7 * p.x]).unwrap(),
            region: 0,
            zone: 0,
            group: 0,
        }
    };
    blue_noise(count).iter().map(visit).collect()
}

fn rules() -> OrderRules {
    let limits = Arm::from_source(&ArmSource::ur5e())
        .unwrap()
        .motion_limits();
    let groups = vec![Group {
        needle: 0,
        shade: 0,
    }];
    OrderRules::new(limits, groups, Session::default(), Time::from_ms(100.0))
}

/// The order of one layer in seconds, with pieces, rests and stops.
#[divan::bench(sample_count = 5, args = [10_000, 30_000, 50_000])]
fn order(bencher: Bencher<'_, '_>, count: u32) {
    let (visits, rules) = (visits(count), rules());
    bencher.bench_local(|| sequence::order(&visits, &rules));
}

/// Blue noise on a cap of 350 cm².
fn blue_noise(count: u32) -> Vec<Point<Head>> {
    let (head, cap) = bumpy::cap(bumpy::PEERS);
    dots::spread(&head, &cap, count, &[1.0], 1).unwrap()
}

/// The sum over all points of the distance to the nearest other: no tour is shorter.
fn nearest_sum(points: &[Point<Head>]) -> f64 {
    let mut by_x: Vec<&Point<Head>> = points.iter().collect();
    by_x.sort_by(|a, b| a.raw().x.total_cmp(&b.raw().x));
    let nearest = |i: usize| {
        let mut least = f64::INFINITY;
        let gap = |j: usize| (by_x[i].raw().x - by_x[j].raw().x).abs();
        for j in (0..i).rev() {
            if gap(j) >= least {
                break;
            }
            least = least.min(by_x[i].distance(by_x[j]));
        }
        for j in i + 1..by_x.len() {
            if gap(j) >= least {
                break;
            }
            least = least.min(by_x[i].distance(by_x[j]));
        }
        least
    };
    (0..by_x.len()).map(nearest).sum()
}

/// The tour of one layer in millimetres.
#[divan::bench(sample_count = 5, args = [10_000, 30_000, 50_000])]
fn tour(bencher: Bencher<'_, '_>, count: u32) {
    let points = blue_noise(count);
    bencher.bench_local(|| sequence::tour(&points));
}
