//! What the record costs: a dot written, a session's worth of rows opened and verified.

#![allow(clippy::unwrap_used, reason = "a bench that fails shows it by a panic")]

use std::path::Path;

use divan::{AllocProfiler, Bencher};
use stipple_controller::record::*;
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const PLACED: DotOutcome = DotOutcome::Placed {
    lateral_error_m: 1e-4,
    depth_m: 6e-4,
};

fn open(path: &Path, durability: Durability) -> Record {
    let binding = Binding {
        plan: Digest::of(b"plan"),
        scan: Digest::of(b"scan"),
    };
    Record::open(path, binding, durability, 1).unwrap()
}

/// Intent and outcome of one dot.
#[divan::bench(args = [Durability::PowerCut, Durability::ProcessCrash], sample_count = 1000)]
fn a_dot(bencher: Bencher<'_, '_>, durability: Durability) {
    let folder = tempfile::tempdir().unwrap();
    let mut record = open(&folder.path().join("record.sqlite"), durability);
    let mut dot = 0;
    bencher.bench_local(|| {
        record.intent(DotId(dot), 1, 1).unwrap();
        record.outcome(DotId(dot), 1, &PLACED, 1).unwrap();
        dot += 1;
    });
}

/// A record of 30,000 dots.
fn session(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("record.sqlite");
    let mut record = open(&path, Durability::ProcessCrash);
    for dot in 0..30_000 {
        record.intent(DotId(dot), 1, 1).unwrap();
        record.outcome(DotId(dot), 1, &PLACED, 1).unwrap();
    }
    path
}

#[divan::bench(sample_count = 20)]
fn open_60_000_rows(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let path = session(folder.path());
    bencher.bench_local(|| open(&path, Durability::ProcessCrash));
}

#[divan::bench(sample_count = 20)]
fn verify_60_000_rows(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let path = session(folder.path());
    bencher.bench_local(|| verify(&path, None).unwrap().unwrap());
}
