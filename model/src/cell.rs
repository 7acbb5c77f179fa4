//! The work cell: which arm and tool stand where, and what else is in the room.

use serde::{Deserialize, Serialize};

use crate::arm::ArmSource;
use crate::frames::{Base, Flange, Head, Tip, Transform};
use crate::units::Length;

/// The needle tool on the flange: a stage that drives the needle, behind a nose cone.
///
/// Seen from the flange along the tip's z axis: a cylindrical body, then a cone that narrows to the nose, where the needle comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Where the nose-cone tip is on the flange; the tip's z axis is the needle's, out of the tool.
    pub flange_from_tip: Transform<Flange, Tip>,
    /// Radius of the nose at its very tip.
    pub nose_radius: Length,
    /// Length of the cone, from the nose tip back.
    pub cone_length: Length,
    /// Radius of the cone at its back and of the body behind it.
    pub body_radius: Length,
    /// Length of the body behind the cone.
    pub body_length: Length,
    /// Farthest the needle can come out of the nose.
    pub stroke: Length,
}

impl Default for Tool {
    /// The tool shipped for the simulator: 120 mm from flange to nose, 30 mm cone, 5 mm stroke.
    fn default() -> Self {
        Self {
            flange_from_tip: Transform::from_xyz_rpy([0.0, 0.0, 0.160], [0.0, 0.0, 0.0]),
            nose_radius: Length::from_mm(1.5),
            cone_length: Length::from_mm(70.0),
            body_radius: Length::from_mm(18.0),
            body_length: Length::from_mm(90.0),
            stroke: Length::from_mm(5.0),
        }
    }
}

/// A box in the room that nothing may touch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneBox {
    /// What it is, for messages ("chair back", "table").
    pub name: String,
    /// Pose of its centre.
    pub base_from_box: Transform<Base, crate::frames::Link>,
    /// Edge lengths along its own x, y, z, metres.
    pub size: [f64; 3],
}

/// Arm, tool and surroundings, and where the head is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The arm, with everything needed to rebuild it.
    pub arm: ArmSource,
    /// The tool on its flange.
    pub tool: Tool,
    /// Where the head is expected; the tracked pose replaces it at run time.
    pub base_from_head: Transform<Base, Head>,
    /// Height of the floor in the base frame, metres.
    pub floor_z: f64,
    /// Solid things: chair, table, the person's shoulders and trunk. Attached to the base, not to the head.
    pub boxes: Vec<SceneBox>,
}
