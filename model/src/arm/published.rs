//! The arm in a description that somebody publishes: of a whole cell, with meshes that lie elsewhere and joints that are not the arm's.

use super::chain::{Arm, read};
use super::error::ArmError;
use super::source::ArmSource;

/// What such a description is called in errors.
const NAME: &str = "robot_description";

impl Arm {
    /// The kinematics from one link of a description to another, with everything that hangs on the way left out, collision geometry too.
    ///
    /// # Errors
    /// No way from link to link, or what [`Arm::from_source`] refuses.
    pub fn between(urdf: &str, base: &str, flange: &str) -> Result<Self, ArmError> {
        let source = ArmSource {
            name: NAME.to_owned(),
            urdf: urdf.to_owned(),
            meshes: std::collections::BTreeMap::new(),
            flange: Some(flange.to_owned()),
            limits: std::collections::BTreeMap::new(),
        };
        let (mut robot, _) = read(&source)?;
        let way = links_between(&robot, base, flange).ok_or_else(|| ArmError::Tree {
            arm: NAME.to_owned(),
            what: format!("no way leads from link {base:?} to link {flange:?}"),
        })?;
        robot.links.retain(|link| way.contains(&link.name));
        robot
            .joints
            .retain(|joint| way.contains(&joint.parent.link) && way.contains(&joint.child.link));
        for link in &mut robot.links {
            link.collision.clear();
        }
        Self::of_robot(&source, &robot, Vec::new())
    }
}

/// The links from one to another, up the tree; `None` where there is no such way.
fn links_between(robot: &urdf_rs::Robot, base: &str, flange: &str) -> Option<Vec<String>> {
    let mut way = vec![flange.to_owned()];
    // No way is longer than there are joints; one that is goes in circles.
    for _ in 0..=robot.joints.len() {
        let link = way.last()?;
        if link == base {
            return Some(way);
        }
        let above = robot.joints.iter().find(|j| j.child.link == *link)?;
        way.push(above.parent.link.clone());
    }
    None
}
