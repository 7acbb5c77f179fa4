//! Whether the arm that is described at run time is the one a plan was made for: the same joints in the same places, and no tighter.

use stipple_model::arm::{Arm, ArmError};
use stipple_model::joints::Joints;

/// How far the two flanges may be from each other in any pose, m and rad. Source: own, a tenth of what a dot may be off, and as much over
/// half a metre; a description read again is off by rounding alone, one calibrated at the factory by ten times as much and more.
const SAME_PLACE: (f64, f64) = (5e-5, 1e-4);
/// How much a limit may differ in writing, as a share.
const ROUNDING: f64 = 1e-6;
/// In how many poses the two are compared, besides zero. Source: own; a chain of seven axes has 28 numbers of its own.
const POSES: u32 = 40;

/// Why a described arm is not the planned one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DescriptionError {
    /// No arm can be read out of it.
    #[error("robot_description cannot be used: {0}")]
    Unreadable(#[from] ArmError),
    /// Other joints.
    #[error("robot_description has the joints {described:?}, the plan is for {planned:?}")]
    Joints {
        /// As described, base to flange.
        described: Vec<String>,
        /// As planned for.
        planned: Vec<String>,
    },
    /// A tighter limit.
    #[error(
        "robot_description limits {joint} to {described:.4} ({what}), the plan was made with {planned:.4}: plan again with that arm"
    )]
    Tighter {
        /// Which joint.
        joint: String,
        /// Which limit, with its unit.
        what: &'static str,
        /// As described.
        described: f64,
        /// As planned with.
        planned: f64,
    },
    /// The same joints lead elsewhere.
    #[error(
        "robot_description is another arm than the plan was made for: its flange is off by up to {off_mm:.2} mm and {off_mrad:.2} mrad; plan again with that arm"
    )]
    Elsewhere {
        /// Largest distance found, mm.
        off_mm: f64,
        /// Largest angle found, mrad.
        off_mrad: f64,
    },
}

/// Whether a described arm is the planned one.
///
/// # Errors
/// The first thing that differs. Accelerations are not compared: most descriptions have none.
pub fn check_described(planned: &Arm, urdf: &str) -> Result<(), DescriptionError> {
    let described = Arm::between(urdf, planned.base_link(), planned.flange_link())?;
    let names =
        |arm: &Arm| -> Vec<String> { arm.joints().iter().map(|j| j.name.clone()).collect() };
    let (theirs, ours) = (names(&described), names(planned));
    if theirs != ours {
        return Err(DescriptionError::Joints {
            described: theirs,
            planned: ours,
        });
    }
    for (described, planned) in described.joints().iter().zip(planned.joints()) {
        let limits = [
            (
                "lowest position, rad",
                -described.lower,
                -planned.lower,
                -1.0,
            ),
            ("highest position, rad", described.upper, planned.upper, 1.0),
            ("speed, rad/s", described.velocity, planned.velocity, 1.0),
        ];
        for (what, described_to, planned_to, sign) in limits {
            let rounding = ROUNDING * planned_to.abs().max(1.0);
            // A limit that is not a number allows nothing.
            let allowed = described_to >= planned_to - rounding;
            if !allowed {
                return Err(DescriptionError::Tighter {
                    joint: planned.name.clone(),
                    what,
                    described: sign * described_to,
                    planned: sign * planned_to,
                });
            }
        }
    }
    check_places(planned, &described)
}

fn check_places(planned: &Arm, described: &Arm) -> Result<(), DescriptionError> {
    let mut off = (0.0_f64, 0.0_f64);
    for pose in 0..=POSES {
        let joints = pose_within(planned, pose);
        let (distance, angle) = planned
            .forward(&joints)
            .separation(&described.forward(&joints));
        off = (off.0.max(distance), off.1.max(angle));
        if !distance.is_finite() || !angle.is_finite() {
            off = (f64::INFINITY, f64::INFINITY);
        }
    }
    if off.0 <= SAME_PLACE.0 && off.1 <= SAME_PLACE.1 {
        Ok(())
    } else {
        Err(DescriptionError::Elsewhere {
            off_mm: off.0 * 1e3,
            off_mrad: off.1 * 1e3,
        })
    }
}

/// The n-th of some poses within the limits that have nothing to do with each other; all zero for the 0-th.
fn pose_within(arm: &Arm, n: u32) -> Joints {
    let mut joints = Joints::zeros(arm.dof());
    for (i, joint) in arm.joints().iter().enumerate() {
        // Multiples of an irrational number, one for each joint: spread evenly, and the same every time.
        let share = (f64::from(n) * (0.618_034 + 0.137_031 * i as f64)).fract();
        if n > 0 {
            joints[i] = share.mul_add(joint.upper - joint.lower, joint.lower);
        }
    }
    joints
}

#[cfg(test)]
mod tests {
    use stipple_model::arm::ArmSource;

    use super::*;

    fn ur5e() -> (Arm, String) {
        let source = ArmSource::ur5e();
        (Arm::from_source(&source).unwrap(), source.urdf)
    }

    /// The description with one text put for another, once.
    fn with(from: &str, to: &str) -> String {
        let (_, urdf) = ur5e();
        assert!(urdf.contains(from), "{from}");
        urdf.replacen(from, to, 1)
    }

    #[test]
    fn the_same_arm_in_a_whole_cell_is_the_same_arm() {
        let (arm, urdf) = ur5e();
        assert_eq!(check_described(&arm, &urdf), Ok(()));
        // On a table, with a mesh that is nowhere, and a gripper behind the flange.
        let cell = urdf.replacen(
            "</robot>",
            r#"<link name="world"><collision><geometry><mesh filename="package://nowhere/table.stl"/></geometry></collision></link>
            <joint name="table" type="fixed"><parent link="world"/><child link="base_link"/><origin xyz="1 2 3"/></joint>
            <link name="finger"/>
            <joint name="grip" type="prismatic"><parent link="tool0"/><child link="finger"/><axis xyz="1 0 0"/>
            <limit lower="0" upper="0.1" velocity="0.1" effort="1"/></joint></robot>"#,
            1,
        );
        assert_eq!(check_described(&arm, &cell), Ok(()));
    }

    /// H7: a plan is for the arm it was made with.
    #[test]
    fn wider_limits_are_no_reason_tighter_ones_are() {
        let (arm, _) = ur5e();
        let wider = with(r#"velocity="3.141592653589793""#, r#"velocity="4""#);
        assert_eq!(check_described(&arm, &wider), Ok(()));
        let slower = with(r#"velocity="3.141592653589793""#, r#"velocity="1""#);
        let error = check_described(&arm, &slower).unwrap_err();
        assert!(
            matches!(
                &error,
                DescriptionError::Tighter {
                    what: "speed, rad/s",
                    ..
                }
            ),
            "{error}"
        );
        let narrower = with(r#"lower="-6.283185307179586""#, r#"lower="-3""#);
        let error = check_described(&arm, &narrower).unwrap_err();
        assert_eq!(
            error.to_string(),
            "robot_description limits shoulder_pan_joint to -3.0000 (lowest position, rad), the plan was made with -6.2832: plan again with that arm"
        );
    }

    /// H7: a plan is for the arm it was made with.
    #[test]
    fn an_arm_of_other_measures_or_joints_is_another_one() {
        let (arm, urdf) = ur5e();
        let marker = "<origin xyz=\"";
        let first = urdf.find("<joint name=\"elbow_joint\"").unwrap();
        let at = first + urdf[first..].find(marker).unwrap() + marker.len();
        let old: f64 = urdf[at..]
            .split([' ', '"'])
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let len = urdf[at..].find([' ', '"']).unwrap();
        let mut longer = urdf.clone();
        // A tenth of a millimetre, where factory calibration adds up to several.
        longer.replace_range(at..at + len, &(old + 1e-4).to_string());
        assert!(matches!(
            check_described(&arm, &longer),
            Err(DescriptionError::Elsewhere { .. })
        ));
        let named = urdf.replace("elbow_joint", "knee_joint");
        assert!(matches!(
            check_described(&arm, &named),
            Err(DescriptionError::Joints { .. })
        ));
    }

    #[test]
    fn what_no_arm_can_be_read_from_is_refused() {
        let (arm, urdf) = ur5e();
        for text in ["", "<robot", "<html/>", &urdf.replace("tool0", "mount")] {
            assert!(
                matches!(
                    check_described(&arm, text),
                    Err(DescriptionError::Unreadable(_))
                ),
                "{text:.40}"
            );
        }
    }
}
