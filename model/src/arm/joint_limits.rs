//! Joint limits beside a URDF, as MoveIt keeps them in `joint_limits.yaml`: a URDF has no place for acceleration and jerk that every tool
//! reads.
//!
//! Source: MoveIt 2's configuration, `joint_limits: {NAME: {has_velocity_limits, max_velocity, …}}`, rad and seconds; at the top, below
//! `robot_description_planning`, or as ROS parameters. A value counts when its `has_…` flag is true. What it says is
//! used where it is tighter than what the description says; nothing is ever loosened.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use serde::{Deserialize, Serialize};

use super::chain::Joint;
use super::source::ArmSource;
use super::walk::SLOWEST;
use crate::text::{QUOTE, plain};

/// Longest file, bytes: some hundred joints.
const LONGEST: usize = 256 << 10;

/// Why a file of joint limits is not accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JointLimitsError {
    /// No YAML, or not of this form.
    #[error("not a MoveIt joint_limits file: {0}")]
    Syntax(String),
    /// A value carries a tag, as those of ur_description in degrees do.
    #[error("{0:?} has a tag; give plain numbers, in rad and seconds, as MoveIt does")]
    Tag(String),
    /// Nothing in it is of this arm.
    #[error("it limits none of the joints of arm {arm}")]
    NoneOfIt {
        /// The arm.
        arm: String,
    },
    /// A name that is no joint of the description.
    #[error("joint {joint:?} is not in the description of arm {arm}")]
    UnknownJoint {
        /// The arm.
        arm: String,
        /// The name.
        joint: String,
    },
    /// A flag without its value, or a value that limits nothing.
    #[error("joint {joint:?}: {key} must be {wanted}")]
    Value {
        /// The joint.
        joint: String,
        /// The key.
        key: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// The description cannot be read.
    #[error("arm {arm}: not a URDF: {reason}")]
    Urdf {
        /// The arm.
        arm: String,
        /// Why.
        reason: String,
    },
}

/// The file: the table at any of its usual depths. Other keys are other programs'.
#[derive(Deserialize)]
struct File {
    joint_limits: Option<BTreeMap<String, Entry>>,
    robot_description_planning: Option<Planning>,
    #[serde(rename = "/**")]
    node: Option<RosNode>,
}

#[derive(Deserialize)]
struct RosNode {
    #[serde(rename = "ros__parameters")]
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    robot_description_planning: Option<Planning>,
}

#[derive(Deserialize)]
struct Planning {
    joint_limits: Option<BTreeMap<String, Entry>>,
}

/// One joint's limits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    has_position_limits: bool,
    min_position: Option<f64>,
    max_position: Option<f64>,
    has_velocity_limits: bool,
    max_velocity: Option<f64>,
    has_acceleration_limits: bool,
    max_acceleration: Option<f64>,
    has_deceleration_limits: bool,
    max_deceleration: Option<f64>,
    has_jerk_limits: bool,
    max_jerk: Option<f64>,
    // Not used: no force is commanded.
    has_effort_limits: bool,
    max_effort: Option<f64>,
    angle_wraparound: bool,
}

/// What one joint is tightened to, rad and seconds; `None` leaves what is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Tightened {
    /// Lowest position.
    pub lower: Option<f64>,
    /// Highest position.
    pub upper: Option<f64>,
    /// Highest speed.
    pub velocity: Option<f64>,
    /// Highest acceleration, of speeding up and slowing down.
    pub acceleration: Option<f64>,
    /// Highest jerk.
    pub jerk: Option<f64>,
}

impl Entry {
    fn tightened(&self, joint: &str) -> Result<Tightened, JointLimitsError> {
        let wrong = |key, wanted| JointLimitsError::Value {
            joint: joint.to_owned(),
            key,
            wanted,
        };
        let number = |has: bool, key, value: Option<f64>| match value {
            _ if !has => Ok(None),
            Some(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(wrong(key, "a finite number, as its has_… flag says")),
        };
        let most = |has: bool, key, value: Option<f64>| match number(has, key, value)? {
            Some(value) if value < SLOWEST => Err(wrong(key, "at least 0.001")),
            value => Ok(value),
        };
        let speeding = most(
            self.has_acceleration_limits,
            "max_acceleration",
            self.max_acceleration,
        )?;
        let slowing = most(
            self.has_deceleration_limits,
            "max_deceleration",
            self.max_deceleration,
        )?;
        let has = self.has_position_limits;
        let lower = number(has, "min_position", self.min_position)?;
        let upper = number(has, "max_position", self.max_position)?;
        if let (Some(lower), Some(upper)) = (lower, upper)
            && lower >= upper
        {
            return Err(wrong("max_position", "more than min_position"));
        }
        Ok(Tightened {
            lower,
            upper,
            velocity: most(self.has_velocity_limits, "max_velocity", self.max_velocity)?,
            // One limit holds for both here.
            acceleration: speeding.into_iter().chain(slowing).reduce(f64::min),
            jerk: most(self.has_jerk_limits, "max_jerk", self.max_jerk)?,
        })
    }
}

impl File {
    fn joints(self) -> Option<BTreeMap<String, Entry>> {
        let below = |planning: Option<Planning>| planning.and_then(|p| p.joint_limits);
        let node = self.node.and_then(|n| n.parameters);
        self.joint_limits
            .or_else(|| below(self.robot_description_planning))
            .or_else(|| below(node.and_then(|p| p.robot_description_planning)))
    }
}

/// The table of a file.
fn parse(yaml: &str) -> Result<BTreeMap<String, Entry>, JointLimitsError> {
    if yaml.len() > LONGEST {
        let size = format!("{} KiB of text", yaml.len() >> 10);
        return Err(JointLimitsError::Syntax(size));
    }
    let tagged = |line: &&str| {
        let value = line.split_once(':').map_or("", |(_, value)| value);
        value.trim_start().starts_with('!')
    };
    if let Some(line) = yaml.lines().find(tagged) {
        return Err(JointLimitsError::Tag(plain(line.trim(), QUOTE)));
    }
    let syntax = |e: String| JointLimitsError::Syntax(plain(&e, QUOTE));
    let file: File = serde_saphyr::from_str(yaml).map_err(|e| syntax(e.to_string()))?;
    let joints = file.joints();
    joints.ok_or_else(|| syntax("there is no joint_limits table".to_owned()))
}

impl ArmSource {
    /// The description with the limits of a MoveIt `joint_limits.yaml` where they are tighter than its own (or, of acceleration and jerk,
    /// than what is assumed where it has none).
    ///
    /// # Errors
    /// No such file, flags without values, values that limit nothing, names that are no joints of the description. Positions that leave
    /// nothing of the description's range are refused when the arm is built.
    pub fn with_joint_limits(&self, yaml: &str) -> Result<Self, JointLimitsError> {
        let entries = parse(yaml)?;
        let arm = || self.name.clone();
        let document = Document::parse(&self.urdf).map_err(|e| JointLimitsError::Urdf {
            arm: arm(),
            reason: plain(&e.to_string(), QUOTE),
        })?;
        let joints: BTreeMap<&str, Node<'_, '_>> = document
            .root_element()
            .children()
            .filter(|node| node.has_tag_name("joint"))
            .filter_map(|node| Some((node.attribute("name")?, node)))
            .collect();
        let mut limited = self.clone();
        for (name, entry) in &entries {
            let Some(joint) = joints.get(name.as_str()) else {
                return Err(JointLimitsError::UnknownJoint {
                    arm: arm(),
                    joint: name.clone(),
                });
            };
            let tightened = entry.tightened(name)?;
            // Fingers and the like move along a line; they are no joints of an arm.
            if matches!(joint.attribute("type"), Some("revolute" | "continuous")) {
                limited.limits.insert(name.clone(), tightened);
            }
        }
        if limited.limits.is_empty() {
            return Err(JointLimitsError::NoneOfIt { arm: arm() });
        }
        Ok(limited)
    }
}

impl Tightened {
    /// Narrows a joint's limits; `None` when no position is left.
    pub(super) fn apply(&self, joint: &mut Joint) -> Option<()> {
        let least = |value: f64, most: Option<f64>| most.map_or(value, |most| value.min(most));
        joint.velocity = least(joint.velocity, self.velocity);
        joint.acceleration = least(joint.acceleration, self.acceleration);
        joint.jerk = least(joint.jerk, self.jerk);
        joint.upper = least(joint.upper, self.upper);
        joint.lower = self.lower.map_or(joint.lower, |l| joint.lower.max(l));
        (joint.lower < joint.upper).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::Arm;

    const FILE: &str = "
default_velocity_scaling_factor: 0.1
joint_limits:
  shoulder_pan_joint:
    has_velocity_limits: true
    max_velocity: 1.5
    has_acceleration_limits: true
    max_acceleration: 2.5
    has_jerk_limits: true
    max_jerk: 40
  elbow_joint:
    has_velocity_limits: true
    max_velocity: 1000.0
    has_acceleration_limits: false
    max_acceleration: 0.1
    has_position_limits: true
    min_position: -1.0
    max_position: 99.0
";

    fn limited(yaml: &str) -> Result<Arm, JointLimitsError> {
        let source = ArmSource::ur5e().with_joint_limits(yaml)?;
        Ok(Arm::from_source(&source).unwrap())
    }

    #[test]
    fn limits_are_tightened_and_never_loosened() {
        let own = Arm::from_source(&ArmSource::ur5e()).unwrap();
        let arm = limited(FILE).unwrap();
        for (joint, before) in arm.joints().iter().zip(own.joints()) {
            match joint.name.as_str() {
                "shoulder_pan_joint" => {
                    let now = (joint.velocity, joint.acceleration, joint.jerk);
                    assert_eq!(now, (1.5, 2.5, 40.0));
                    assert_eq!((joint.lower, joint.upper), (before.lower, before.upper));
                }
                // Faster than the arm, a flag that says no, and a range wider than its own on one side.
                "elbow_joint" => {
                    assert_eq!(joint.velocity, before.velocity);
                    assert_eq!(joint.acceleration, before.acceleration);
                    assert_eq!((joint.lower, joint.upper), (-1.0, before.upper));
                }
                _ => assert_eq!(joint, before),
            }
        }
        assert_eq!(arm.forward(&arm.mid_range()), own.forward(&own.mid_range()));
    }

    #[test]
    fn the_table_is_found_where_ros_keeps_it() {
        let indented = |by: &str| {
            FILE.lines()
                .map(|l| format!("{by}{l}\n"))
                .collect::<String>()
        };
        let planning = format!("robot_description_planning:\n{}", indented("  "));
        let node = format!(
            "/**:\n  ros__parameters:\n    robot_description_planning:\n{}",
            indented("      ")
        );
        for yaml in [planning, node] {
            assert_eq!(
                limited(&yaml).unwrap().joints(),
                limited(FILE).unwrap().joints()
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_one_line_that_names_it() {
        let joint = |entries: &str| format!("joint_limits: {{elbow_joint: {{{entries}}}}}");
        for (yaml, told) in [
            (String::new(), "joint_limits"),
            ("- 1".to_owned(), "joint_limits"),
            ("{".to_owned(), "joint_limits"),
            ("joint_limits: {}".to_owned(), "none of the joints"),
            ("joint_limits: {elbow: {}}".to_owned(), "\"elbow\""),
            (joint("has_velocity_limits: true"), "max_velocity"),
            (joint("has_velocity_limits: maybe"), "joint_limits"),
            (
                joint("has_velocity_limits: true, max_velocity: .nan"),
                "max_velocity",
            ),
            (joint("has_jerk_limits: true, max_jerk: -1"), "max_jerk"),
            (joint("has_jerks: true"), "has_jerks"),
            (
                joint("has_position_limits: true, min_position: 1, max_position: 0.5"),
                "elbow_joint",
            ),
            (
                "joint_limits:\n  elbow_joint:\n    max_velocity: !degrees 180".to_owned(),
                "!degrees",
            ),
            ("a: &a [x]\nb: [*a, *c]".to_owned(), "joint_limits"),
        ] {
            let error = limited(&yaml).unwrap_err().to_string();
            assert!(
                error.contains(told) && !error.contains('\n'),
                "{yaml}: {error}"
            );
        }
    }

    /// Found by fuzzing: parsers quote what they stumble over as it is.
    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let broken = ArmSource {
            urdf: "<robot name=\"a\" b\u{1d}=\"\"/>".to_owned(),
            ..ArmSource::ur5e()
        };
        let good = "joint_limits: {elbow_joint: {has_velocity_limits: true, max_velocity: 1}}";
        let tagged = "joint_limits: !a\u{1b}[2J";
        let told = [
            broken.with_joint_limits(good).unwrap_err().to_string(),
            Arm::from_source(&broken).unwrap_err().to_string(),
            ArmSource::ur5e()
                .with_joint_limits(tagged)
                .unwrap_err()
                .to_string(),
        ];
        for line in told {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}
