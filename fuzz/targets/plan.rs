//! Any bytes as a plan file, and as the content of one whose digest is right: chance never hits a digest. What is read and is small goes on to
//! be admitted.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stipple_controller::admit::admit;
use stipple_model::digest::Digest;
use stipple_model::limits::{DEPTH_CAP, KEEP_OUT_MARGIN, TILT_CAP};
use stipple_model::plan::{FORMAT_VERSION, Plan};

/// Magic, version and length stand before the content.
const HEADER: usize = 8 + 2 + 8;
const DIGEST: usize = 32;

/// Of more, each try would take too long.
fn is_small(plan: &Plan) -> bool {
    let shapes = plan.cell.arm.meshes.values().map(Vec::len).sum::<usize>();
    plan.head.triangles().len() <= 10_000
        && plan.dots.len() <= 16
        && plan.sequence.iter().map(Vec::len).sum::<usize>() <= 16
        && plan.stops.iter().map(Vec::len).sum::<usize>() <= 8
        && plan.cell.boxes.len() <= 16
        && plan.cell.arm.urdf.len() + shapes <= 1_000_000
}

/// What is admitted keeps to the limits, whatever else it says.
fn offer(plan: Plan, digest: Digest) {
    match admit(Arc::new(plan), digest) {
        Ok(admitted) => {
            let plan = admitted.plan();
            let run = plan.sequence.iter().flatten();
            for dot in run.filter_map(|id| plan.dot(*id)) {
                assert!(dot.position.is_finite() && dot.depth.m() > 0.0);
                assert!(dot.depth.mm() <= DEPTH_CAP.mm() + 1e-6);
                assert!(dot.needle.angle(&-dot.normal) <= TILT_CAP.rad() + 1e-6);
                for kept in &plan.keep_outs {
                    let distance = dot.position.distance(&kept.center) - kept.radius.m();
                    assert!(distance >= KEEP_OUT_MARGIN.m() - 1e-6);
                }
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                !text.is_empty() && !text.contains(char::is_control),
                "{text}"
            );
        }
    }
}

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
            if is_small(&plan) {
                offer(plan, digest);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
