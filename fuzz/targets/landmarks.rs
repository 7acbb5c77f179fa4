//! Any bytes as landmarks, laid on a head where they can be read.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nalgebra::Isometry3;
use stipple_planner::register::{Landmarks, head_from_scan};
use stipple_planner::scan::{self, Scanned, UnitChoice};

#[path = "../../planner/tests/support/mod.rs"]
mod support;

static HEAD: LazyLock<Scanned> = LazyLock::new(|| {
    let ply = support::head(3).ply(&Isometry3::identity());
    scan::read(ply.as_bytes(), UnitChoice::Auto, None).expect("the made head is read")
});

fuzz_target!(|bytes: &[u8]| {
    let outcome = match Landmarks::parse(bytes) {
        Ok(landmarks) => head_from_scan(&landmarks, &HEAD).map(|found| {
            let origin = found.head_from_scan.raw().translation.vector;
            assert!(origin.iter().all(|c| c.is_finite()));
        }),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        let line = error.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
});
