//! What a reader of URDFs would take for something else.

use super::super::{ArmError, ArmSource, Finding};
use super::made::{INDUSTRIAL, urdf};
use super::urdf::{collision, read};

#[test]
fn what_a_reader_would_misread_is_refused() {
    let ur5e = || ArmSource::ur5e().urdf;
    let refused = |text: String, why: &str| {
        let error = read(text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    let joint = |from: &str, to: &str| {
        let text = ur5e();
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    refused(
        joint("xyz=\"-0.425 0 0\"", "xyz=\"-0.425 0,05 0 0\""),
        "is not 3 numbers",
    );
    refused(
        joint("xyz=\"-0.425 0 0\"", "xyz=\"-0.425 0\""),
        "joint \"elbow_joint\"",
    );
    refused(
        joint("name=\"elbow_joint\"", "name=\"shoulder_lift_joint\""),
        "two joints are called",
    );
    refused(joint("name=\"elbow_joint\"", "name=\" \""), "has no name");
    let steep = "quat_xyzw=\"0 0.7065 0 0.7077\" xyz=\"-0.425 0 0\"";
    refused(joint("xyz=\"-0.425 0 0\"", steep), "give it as rpy");
}

/// A limit that is stated holds, whatever version the description says it is of.
#[test]
fn stated_accelerations_count_in_any_version() {
    let with = |version: &str| {
        let text = ArmSource::ur5e().urdf;
        let text = text.replacen("<robot", &format!("<robot {version}"), 1);
        let text = text.replace(
            "velocity=",
            "acceleration=\"2\" deceleration=\"3\" jerk=\"20\" velocity=",
        );
        read(text).unwrap()
    };
    for version in ["", "version=\"1.0\"", "version=\"1.2\""] {
        let arm = with(version);
        let limits = arm.motion_limits();
        assert!(
            limits.acceleration.as_slice().iter().all(|a| *a == 2.0),
            "{version:?}"
        );
        assert!(
            limits.jerk.as_slice().iter().all(|j| *j == 20.0),
            "{version:?}"
        );
        let assumed = |f: &Finding| matches!(f, Finding::AssumedLimits { .. });
        assert!(!arm.findings().iter().any(assumed), "{version:?}");
    }
}

#[test]
fn geometry_in_another_unit_is_refused() {
    let text = urdf(&INDUSTRIAL).replacen(
        "<link name=\"l3\"/>",
        &format!(
            "<link name=\"l3\">{}</link>",
            collision("<box size=\"0.0004 0.0002 0.0003\"/>")
        ),
        1,
    );
    let refused = read(text).map(|_| ()).unwrap_err();
    assert!(matches!(refused, ArmError::TooSmall { .. }), "{refused}");
}
