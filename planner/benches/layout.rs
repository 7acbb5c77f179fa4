//! How long laying dots takes. `cargo bench -p stipple-planner --bench layout`
#![allow(clippy::unwrap_used, reason = "a failed step ends the bench")]

#[path = "../tests/support/bumpy.rs"]
mod bumpy;

use divan::Bencher;
use stipple_planner::dots;
use stipple_planner::measure::{self, Against, Placed};

fn main() {
    divan::main();
}

/// The task of the comparison: dots evenly on a cap of 350 cm², three layers, no design.
#[divan::bench(sample_count = 7, args = [10_000, 30_000, 60_000])]
fn spread_on_a_cap(bencher: Bencher<'_, '_>, count: u32) {
    let (head, cap) = bumpy::cap(bumpy::PEERS);
    bencher.bench_local(|| dots::spread(&head, &cap, count, &[0.3, 0.7, 1.0], 1).unwrap());
}

/// The dots of the whole task: density field, exclusions, zones, three layers, shades. 30,000 dots on 40,500 triangles.
#[divan::bench(sample_count = 7, args = [1.0, 0.7, 0.0])]
fn thirty_thousand(bencher: Bencher<'_, '_>, regularity: f64) {
    let d = bumpy::designed(bumpy::PEERS, 30_000, regularity);
    bencher.bench_local(|| {
        dots::layout(
            &d.head,
            &d.scalp,
            &d.treatment,
            1,
            &stipple_planner::to_the_end,
        )
        .unwrap()
    });
}

/// 50,000 dots on a scan of 400,000 triangles.
#[divan::bench(sample_count = 5)]
fn fifty_thousand_on_a_fine_scan(bencher: Bencher<'_, '_>) {
    let d = bumpy::designed(bumpy::DENSE, 50_000, 1.0);
    bencher.bench_local(|| {
        dots::layout(
            &d.head,
            &d.scalp,
            &d.treatment,
            1,
            &stipple_planner::to_the_end,
        )
        .unwrap()
    });
}

/// The measures of 30,000 dots.
#[divan::bench(sample_count = 5)]
fn measures(bencher: Bencher<'_, '_>) {
    let d = bumpy::designed(bumpy::PEERS, 30_000, 1.0);
    let field = dots::layout(
        &d.head,
        &d.scalp,
        &d.treatment,
        1,
        &stipple_planner::to_the_end,
    )
    .unwrap();
    let against = Against {
        head: &d.head,
        scalp: &d.scalp,
        treatment: &d.treatment,
        exclusion: None,
    };
    bencher.bench_local(|| measure::measure(field.dots.iter().map(Placed::from), &against));
}
