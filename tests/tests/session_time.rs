//! What the plan says a session takes, against the same session on the simulated hardware.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use std::ops::ControlFlow;

use stipple_controller::admit::admit_file;
use stipple_sim::run::{Ending, Options, Simulation};
use stipple_tests::plan;

/// How far the estimate may be off, as a share.
const OFF: f64 = 0.05;

#[test]
fn a_session_takes_as_long_as_the_plan_says() {
    for (head, seed) in [(7, 3), (11, 4)] {
        let plan = plan(head, 1_500, 1);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session.plan");
        plan.write(&file).unwrap();
        let admitted = admit_file(&file).unwrap();
        for layer in [1, 2] {
            let options = Options {
                layer,
                seed,
                ..Options::default()
            };
            let mut simulation = Simulation::new(&admitted, &options).unwrap();
            let ending = simulation.run(&mut |_| ControlFlow::Continue(()));
            assert_eq!(ending, Ending::Finished);
            let report = simulation.report().unwrap();
            let dots = plan.sequence[usize::from(layer) - 1].len();
            assert!(f64::from(report.placed) > 0.99 * dots as f64, "{report:?}");
            // What the controller acts on: it does not go to the station yet.
            let parts = &plan.session_estimate.layers[usize::from(layer) - 1];
            let expected = parts.motion + parts.needle_travel + parts.dwell + parts.settling;
            let rest = report.session_s - expected.s() + parts.settling.s();
            println!(
                "head {head} layer {layer}: {:.2} s, estimate {:.2} s (motion {:.2}, travel {:.2}, dwell {:.2}); besides motion, needle and dwell {:.1} ms a dot, {dots} dots",
                report.session_s,
                expected.s(),
                parts.motion.s(),
                parts.needle_travel.s(),
                parts.dwell.s(),
                1e3 * rest / dots as f64
            );
            let off = expected.s() / report.session_s - 1.0;
            assert!(off.abs() <= OFF, "{off}");
        }
    }
}
