//! What the plan says a session takes, against the same session on the simulated hardware.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use std::ops::ControlFlow;

use stipple_controller::admit::admit_file;
use stipple_controller::session::begins_with;
use stipple_model::units::Time;
use stipple_sim::run::{Ending, Options, Simulation};
use stipple_tests::plan;

/// How far the estimate may be off, as a share.
const OFF: f64 = 0.05;

#[test]
fn a_session_takes_as_long_as_the_plan_says() {
    let mut all = Vec::new();
    // As dense as the default treatment, and so sparse that the ways between regions are a large share.
    for (head, dots, layers) in [(7, 12_000, 1..=1), (11, 1_500, 1..=2)] {
        let plan = plan(head, dots, 1);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session.plan");
        plan.write(&file).unwrap();
        let admitted = admit_file(&file).unwrap();
        for layer in layers {
            let options = Options {
                layer,
                seed: 3,
                ..Options::default()
            };
            let mut simulation = Simulation::new(&admitted, &options).unwrap();
            let ending = simulation.run(&mut |_| ControlFlow::Continue(()));
            assert_eq!(ending, Ending::Finished);
            let report = simulation.report().unwrap();
            let planned = plan.sequence[usize::from(layer) - 1].len();
            assert!(
                f64::from(report.placed) > 0.99 * planned as f64,
                "{report:?}"
            );
            // What the layer begins with is fitted before the start.
            let parts = &plan.session_estimate.layers[usize::from(layer) - 1];
            let fitted = Time::from_s(begins_with(&plan, layer).expected.s());
            let expected = parts.total() - fitted;
            let besides = report.session_s - (expected - parts.settling).s();
            eprintln!(
                "{planned} dots: {:.1} s, expected {:.1} s; {:.1} ms a dot besides motion, needle, dwell and stops",
                report.session_s,
                expected.s(),
                1e3 * besides / planned as f64
            );
            all.push(expected.s() / report.session_s - 1.0);
        }
    }
    assert!(all.iter().all(|off| off.abs() <= OFF), "{all:?}");
}
