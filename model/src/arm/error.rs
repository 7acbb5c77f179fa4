//! Why a description is not an arm.

use super::shapes::ShapeError;

/// Why a URDF is not an arm this program can drive.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArmError {
    /// Not XML, or not a URDF.
    #[error("arm {arm}: not a URDF: {reason}")]
    Urdf {
        /// The arm.
        arm: String,
        /// What the parser said.
        reason: String,
    },
    /// A moving link of a few millimetres.
    #[error(
        "arm {arm}: the collision geometry of link {link:?} is {extent_mm:.3} mm in size: is it in metres, and its `scale` right?"
    )]
    TooSmall {
        /// The arm.
        arm: String,
        /// The link.
        link: String,
        /// All in all, mm.
        extent_mm: f64,
    },
    /// Links do not form one tree.
    #[error("arm {arm}: links must form one tree with one root, but {what}")]
    Tree {
        /// The arm.
        arm: String,
        /// What is wrong.
        what: String,
    },
    /// A joint that is neither revolute nor fixed.
    #[error(
        "arm {arm}: joint {joint:?} is {kind}; only revolute (or continuous) and fixed joints can be driven"
    )]
    JointType {
        /// The arm.
        arm: String,
        /// The joint.
        joint: String,
        /// Its type.
        kind: &'static str,
    },
    /// A joint that follows another one.
    #[error("arm {arm}: joint {joint:?} mimics another joint, which a serial arm must not")]
    Mimic {
        /// The arm.
        arm: String,
        /// The joint.
        joint: String,
    },
    /// Moving joints on two branches.
    #[error(
        "arm {arm}: moving joints branch at link {link:?}; give a URDF of the bare arm, without gripper or second arm"
    )]
    Branch {
        /// The arm.
        arm: String,
        /// Where.
        link: String,
    },
    /// Too few or too many joints.
    #[error("arm {arm}: {found} revolute joints; six or seven are needed")]
    JointCount {
        /// The arm.
        arm: String,
        /// How many.
        found: usize,
    },
    /// A limit is missing or makes no sense.
    #[error(
        "arm {arm}: joint {joint:?} needs a limit with lower < upper (soft ones too), velocity (acceleration, jerk) from 0.001, all finite"
    )]
    Limits {
        /// The arm.
        arm: String,
        /// The joint.
        joint: String,
    },
    /// A joint's axis is zero or not finite.
    #[error("arm {arm}: joint {joint:?} has no usable axis or origin")]
    Axis {
        /// The arm.
        arm: String,
        /// The joint.
        joint: String,
    },
    /// It cannot be told which link the tool is mounted on.
    #[error("arm {arm}: which link is the flange? {}; name one of {} or call it tool0",
        match wanted { Some(w) => format!("{w:?} does not move with the last joint"), None => "several end the arm".to_owned() },
        .candidates.join(", "))]
    Flange {
        /// The arm.
        arm: String,
        /// The link that the description names.
        wanted: Option<String>,
        /// The links that move with the last joint.
        candidates: Vec<String>,
    },
    /// Collision geometry that cannot be used.
    #[error("arm {arm}: link {link:?}: {source}")]
    Shape {
        /// The arm.
        arm: String,
        /// The link.
        link: String,
        /// Why.
        source: ShapeError,
    },
}
