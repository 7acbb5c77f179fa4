//! Any bytes as a plan file, and as the content of one whose digest is right: chance never hits a digest.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use stipple_model::digest::Digest;
use stipple_model::plan::{FORMAT_VERSION, Plan};

/// Magic, version and length stand before the content.
const HEADER: usize = 8 + 2 + 8;
const DIGEST: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("any");
    let _ = Plan::from_bytes(bytes, path);
    if bytes.len() < HEADER + DIGEST {
        return;
    }
    let content = &bytes[HEADER..bytes.len() - DIGEST];
    let mut whole = b"STIPPLE\n".to_vec();
    whole.extend(FORMAT_VERSION.to_le_bytes());
    whole.extend((content.len() as u64).to_le_bytes());
    whole.extend(content);
    let digest = Digest::of(&whole);
    whole.extend(digest.bytes());
    match Plan::from_bytes(&whole, path) {
        Ok((plan, read)) => {
            assert_eq!(read, digest);
            let (again, _) = plan.to_bytes().expect("a plan that was read is written");
            Plan::from_bytes(&again, path).expect("a plan that was written is read");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
