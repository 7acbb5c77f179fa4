//! Any text as a treatment file, and as its test patch.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipple_model::treatment::Treatment;

fuzz_target!(|text: &str| {
    match Treatment::parse(text) {
        Ok(treatment) => {
            if let Err(error) = treatment.for_test_patch() {
                assert!(!error.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
