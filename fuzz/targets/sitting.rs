//! Any text as a sitting file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipple_controller::gate::SittingFile;

fuzz_target!(|text: &str| {
    if let Err(error) = SittingFile::parse(text) {
        let said = error.to_string();
        assert!(
            !said.is_empty() && !said.contains(char::is_control),
            "{said}"
        );
    }
});
