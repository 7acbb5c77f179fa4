//! How long the arm's kinematics take. `cargo bench -p stipple-model --bench arm`
#![allow(clippy::unwrap_used, reason = "a failed step ends the bench")]

#[path = "../src/arm/tests/made.rs"]
mod made;

use divan::{AllocProfiler, Bencher, black_box};
use stipple_model::arm::{Arm, ArmSource};
use stipple_model::frames::{Base, Flange, Transform};
use stipple_model::joints::Joints;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// Targets that one bench goes through, so that no branch predictor learns them.
const TARGETS: usize = 256;

/// The shipped arm, the shared ones that are there, and one of each other kind.
const ARMS: [&str; 6] = [
    "ur5e",
    "ur5e/ur5e.urdf",
    "industrial",
    "fr3/fr3.urdf",
    "seven",
    "crooked",
];

fn main() {
    divan::main();
}

fn arm(name: &str) -> Option<Arm> {
    let made = |joints: &[made::MadeJoint]| ArmSource {
        name: name.to_owned(),
        urdf: made::urdf(joints),
        ..ArmSource::ur5e()
    };
    let source = match name {
        "ur5e" => ArmSource::ur5e(),
        "industrial" => made(&made::INDUSTRIAL),
        "seven" => made(&made::SEVEN),
        "crooked" => made(&made::CROOKED),
        _ => {
            let root = std::env::var_os("STIPPLE_SHARED").map_or_else(
                || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
                Into::into,
            );
            let file = root.join("arms").join(name);
            if !file.exists() {
                eprintln!("SKIP {name}: {} is not there", file.display());
                return None;
            }
            ArmSource::read(&file).unwrap()
        }
    };
    Some(Arm::from_source(&source).unwrap())
}

/// Configurations spread over the joint ranges (±π of them).
fn configurations(arm: &Arm) -> Vec<Joints> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let one = |_| {
        let values: Vec<f64> = arm
            .joints()
            .iter()
            .map(|j| {
                let (lower, upper) = (j.lower.max(-3.1), j.upper.min(3.1));
                lower + next() * (upper - lower)
            })
            .collect();
        Joints::from_slice(&values).unwrap()
    };
    (0..TARGETS).map(one).collect()
}

/// Runs `f` on configuration after configuration.
fn over<T>(
    bencher: Bencher<'_, '_>,
    name: &str,
    f: impl Fn(&Arm, &Joints, &Transform<Base, Flange>) -> T,
) {
    let Some(arm) = arm(name) else { return };
    let all: Vec<_> = configurations(&arm)
        .into_iter()
        .map(|q| (q, arm.forward(&q)))
        .collect();
    let mut k = 0;
    bencher.bench_local(|| {
        k = (k + 1) % TARGETS;
        let (q, target) = &all[k];
        f(&arm, black_box(q), black_box(target))
    });
}

#[divan::bench(args = ARMS)]
fn forward(bencher: Bencher<'_, '_>, name: &str) {
    over(bencher, name, |arm, q, _| arm.forward(q));
}

#[divan::bench(args = ARMS)]
fn link_poses(bencher: Bencher<'_, '_>, name: &str) {
    over(bencher, name, |arm, q, _| arm.link_poses(q));
}

/// All branches, from a resting place far from the answer.
#[divan::bench(args = ARMS)]
fn inverse(bencher: Bencher<'_, '_>, name: &str) {
    let Some(rest) = arm(name).map(|a| a.mid_range()) else {
        return;
    };
    over(bencher, name, |arm, _, target| arm.inverse(target, &rest));
}

/// The next dot, 1.5 mm away and 0.01 rad turned.
#[divan::bench(args = ARMS)]
fn inverse_near(bencher: Bencher<'_, '_>, name: &str) {
    let step: Transform<Flange, Flange> =
        Transform::from_xyz_rpy([0.001, 0.001, 0.0005], [0.006, 0.006, 0.005]);
    let Some(arm) = arm(name) else { return };
    let all: Vec<_> = configurations(&arm)
        .into_iter()
        .map(|q| (q, arm.forward(&q) * step))
        .collect();
    let mut k = 0;
    bencher.bench_local(|| {
        k = (k + 1) % TARGETS;
        let (q, target) = &all[k];
        arm.inverse_near(black_box(target), black_box(q))
    });
}

#[divan::bench(args = ARMS)]
fn smallest_singular_value(bencher: Bencher<'_, '_>, name: &str) {
    over(bencher, name, |arm, q, _| arm.smallest_singular_value(q));
}

#[divan::bench(args = ARMS)]
fn conditioning(bencher: Bencher<'_, '_>, name: &str) {
    over(bencher, name, |arm, q, _| arm.conditioning(q));
}
