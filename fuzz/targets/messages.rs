//! Messages of every topic that the controller listens to, with anything in them, one after the other.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use r2r::geometry_msgs::msg::PoseStamped;
use r2r::sensor_msgs::msg::{JointState, PointCloud2};
use r2r::stipple_msgs::msg::NeedleState;
use serde::Deserialize;
use stipple_controller::ros::inputs::Inputs;
use stipple_controller::ros::program::Clock;
use stipple_controller::ros::scan;
use stipple_controller::session::Asked;
use stipple_core::Limits;
use stipple_model::arm::{Arm, ArmSource};

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let arm = Arm::from_source(&ArmSource::ur5e()).expect("the shipped arm");
    arm.joints().iter().map(|j| j.name.clone()).collect()
});

#[derive(Deserialize)]
enum Message {
    Joints(JointState),
    Needle(NeedleState),
    Head(PoseStamped),
    /// The same in the frame that is asked for, with a rotation that is one.
    HeadHere([f64; 3], i32, u32),
    Lease(String),
    Scan(PointCloud2),
    Description(String),
    Names(Vec<String>),
    Pause(Option<String>, String),
}

fuzz_target!(|bytes: &[u8]| {
    let inputs = Inputs::new(Clock::start(), "base_link".to_owned(), &Limits::HARDWARE);
    inputs.set_names(&NAMES);
    let mut rest = bytes;
    while let Ok((message, left)) = postcard::take_from_bytes::<Message>(rest) {
        rest = left;
        match message {
            Message::Joints(message) => inputs.take_joints(&message),
            Message::Needle(message) => inputs.take_needle(&message),
            Message::Head(message) => inputs.take_head(&message),
            Message::HeadHere([x, y, z], sec, nanosec) => {
                let mut message = PoseStamped::default();
                message.header.frame_id = "base_link".to_owned();
                message.header.stamp.sec = sec;
                message.header.stamp.nanosec = nanosec;
                message.pose.position.x = x;
                message.pose.position.y = y;
                message.pose.position.z = z;
                message.pose.orientation.w = 1.0;
                inputs.take_head(&message);
            }
            Message::Lease(name) => inputs.take_lease(&name),
            Message::Scan(mut message) => {
                if message.header.frame_id.is_empty() {
                    message.header.frame_id = "base_link".to_owned();
                }
                inputs.take_scan(message);
                if let Ok((cloud, tracked)) = inputs.latest_scan()
                    && let Ok(scan) = scan::read(&cloud, tracked)
                {
                    assert!(
                        scan.points
                            .iter()
                            .all(|p| p.raw().iter().all(|c| c.is_finite()))
                    );
                }
            }
            Message::Description(urdf) => {
                if let Err(error) = Arm::between(&urdf, "base_link", "tool0") {
                    assert!(!error.to_string().contains(char::is_control), "{error}");
                }
            }
            Message::Names(names) => {
                let _ = inputs.reported_with(&names);
            }
            Message::Pause(by, reason) => {
                let asked = Asked::new(by.as_deref(), &reason);
                for said in [asked.by, asked.reason].into_iter().flatten() {
                    assert!(said.chars().count() <= 200 && !said.contains(char::is_control));
                }
            }
        }
        let look = inputs.look();
        assert!(
            look.joints
                .is_none_or(|j| j.value.position.is_finite() && j.value.velocity.is_finite())
        );
        assert!(look.head.is_none_or(|h| h.value.is_finite()));
        assert!(
            look.needle
                .is_none_or(|n| n.value.extension.is_finite() && n.value.axial_force.is_finite())
        );
    }
});
