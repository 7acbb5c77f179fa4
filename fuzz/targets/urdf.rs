//! Any text as an arm's URDF, and behind a zero byte as joint limits for it.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use stipple_model::arm::{Arm, ArmSource};

/// In one line.
fn told(error: &dyn std::error::Error) {
    let line = error.to_string();
    assert!(
        !line.is_empty() && !line.contains(char::is_control),
        "{line:?}"
    );
}

fuzz_target!(|text: &str| {
    let (urdf, limits) = text.split_once('\0').unwrap_or((text, ""));
    let source = ArmSource {
        name: "any".to_owned(),
        urdf: urdf.to_owned(),
        meshes: BTreeMap::new(),
        flange: None,
        limits: BTreeMap::new(),
    };
    if let Err(error) = source.with_joint_limits(limits) {
        told(&error);
    }
    match Arm::from_source(&source) {
        Ok(arm) => {
            let middle = arm.mid_range();
            assert!(arm.within_limits(&middle));
            let flange = arm.forward(&middle);
            assert!(flange.is_finite());
            for joints in &arm.inverse(&flange, &middle) {
                let off = arm.forward(joints).separation(&flange);
                assert!(off.0 < 1e-6 && off.1 < 1e-6, "{off:?}");
            }
            if let Err(error) = Arm::between(urdf, arm.base_link(), arm.flange_link()) {
                panic!("read as a whole, not from link to link: {error}");
            }
        }
        Err(error) => told(&error),
    }
});
