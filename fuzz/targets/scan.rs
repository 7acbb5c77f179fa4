//! Any bytes as a scan: read or refused in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipple_planner::scan::{self, UnitChoice, fit, report};

fuzz_target!(|bytes: &[u8]| {
    match scan::read(bytes, UnitChoice::Auto, None) {
        Ok(scan) => {
            assert!(!scan.mesh.triangles().is_empty());
            assert!(report::text(&scan, &fit::check(&scan)).ends_with('\n'));
        }
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.len() < 700, "{line}");
        }
    }
});
