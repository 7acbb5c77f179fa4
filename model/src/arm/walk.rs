//! A walk over a URDF's tree, from its root to the flange.

use nalgebra::{Isometry3, Vector3};

use super::chain::Joint;
use super::error::ArmError;
use super::shapes::BodyMesh;
use super::source::ArmSource;

/// Acceleration assumed where the URDF states none, rad/s². Source: default of UR's and Franka's MoveIt configurations
/// lies between 5 and 15; UR's controller accepts up to 40.
pub(crate) const DEFAULT_ACCELERATION: f64 = 15.0;
/// Jerk assumed where the URDF states none, rad/s³. Source: Franka's joint jerk limits lie between 5,000 and 10,000 (FR3 datasheet); ours
/// stays an order below.
pub(crate) const DEFAULT_JERK: f64 = 1000.0;

/// Joints slower than this are a mistake in the URDF, rad/s.
pub(super) const SLOWEST: f64 = 1e-3;

/// The URDF's pose as an isometry, `None` when a number is not finite.
pub(super) fn isometry(pose: &urdf_rs::Pose) -> Option<Isometry3<f64>> {
    let (t, r) = (pose.xyz.0, pose.rpy.0);
    t.iter().chain(&r).all(|c| c.is_finite()).then(|| {
        Isometry3::from_parts(
            nalgebra::Translation3::new(t[0], t[1], t[2]),
            nalgebra::UnitQuaternion::from_euler_angles(r[0], r[1], r[2]),
        )
    })
}

/// The names of a type of joint, for messages.
fn kind(joint: &urdf_rs::JointType) -> &'static str {
    match joint {
        urdf_rs::JointType::Revolute => "revolute",
        urdf_rs::JointType::Continuous => "continuous",
        urdf_rs::JointType::Prismatic => "prismatic",
        urdf_rs::JointType::Fixed => "fixed",
        urdf_rs::JointType::Floating => "floating",
        urdf_rs::JointType::Planar => "planar",
        urdf_rs::JointType::Spherical => "spherical",
    }
}

pub(super) fn is_moving(joint: &urdf_rs::Joint) -> bool {
    joint.joint_type != urdf_rs::JointType::Fixed
}

/// A link of a rigid group, and its pose in the first of them.
pub(super) type Placed = (String, Isometry3<f64>);

/// Walks the tree once.
pub(super) struct Walk<'a> {
    pub(super) source: &'a ArmSource,
    pub(super) robot: &'a urdf_rs::Robot,
}

impl Walk<'_> {
    fn name(&self) -> String {
        self.source.name.clone()
    }

    pub(super) fn children<'b>(
        &'b self,
        link: &'b str,
    ) -> impl Iterator<Item = &'b urdf_rs::Joint> {
        self.robot
            .joints
            .iter()
            .filter(move |j| j.parent.link == link)
    }

    pub(super) fn root(&self) -> Result<String, ArmError> {
        let tree = |what: String| ArmError::Tree {
            arm: self.name(),
            what,
        };
        for joint in &self.robot.joints {
            for end in [&joint.parent.link, &joint.child.link] {
                if !self.robot.links.iter().any(|l| l.name == *end) {
                    return Err(tree(format!(
                        "joint {:?} names link {end:?}, which does not exist",
                        joint.name
                    )));
                }
            }
            if self
                .robot
                .joints
                .iter()
                .filter(|j| j.child.link == joint.child.link)
                .count()
                > 1
            {
                return Err(tree(format!("link {:?} has two parents", joint.child.link)));
            }
        }
        let mut roots = self
            .robot
            .links
            .iter()
            .filter(|l| !self.robot.joints.iter().any(|j| j.child.link == l.name));
        match (roots.next(), roots.next()) {
            (Some(root), None) if self.reached_from(&root.name) == self.robot.links.len() => {
                Ok(root.name.clone())
            }
            (Some(_), None) => Err(tree("some form a loop, or two have one name".to_owned())),
            (Some(a), Some(b)) => Err(tree(format!(
                "{:?} and {:?} are both roots",
                a.name, b.name
            ))),
            (None, _) => Err(tree("there is no root".to_owned())),
        }
    }

    /// How many links hang on this one, itself included.
    fn reached_from(&self, root: &str) -> usize {
        let mut reached = vec![root];
        let mut next = 0;
        while let Some(&link) = reached.get(next) {
            let children = self.robot.joints.iter().filter(|j| j.parent.link == link);
            reached.extend(children.map(|j| j.child.link.as_str()));
            next += 1;
        }
        reached.len()
    }

    /// The links rigidly attached to `link`, itself included, with their pose in it; breadth first.
    pub(super) fn rigid_group(
        &self,
        link: &str,
    ) -> Result<Vec<(String, Isometry3<f64>)>, ArmError> {
        let mut group = vec![(link.to_owned(), Isometry3::identity())];
        let mut next = 0;
        while let Some((parent, pose)) = group.get(next).cloned() {
            for joint in self.children(&parent).filter(|j| !is_moving(j)) {
                let origin = isometry(&joint.origin).ok_or_else(|| ArmError::Axis {
                    arm: self.name(),
                    joint: joint.name.clone(),
                })?;
                group.push((joint.child.link.clone(), pose * origin));
            }
            next += 1;
        }
        Ok(group)
    }

    pub(super) fn joint(
        &self,
        joint: &urdf_rs::Joint,
        body_from_parent: Isometry3<f64>,
    ) -> Result<Joint, ArmError> {
        let (arm, name) = (self.name(), joint.name.clone());
        let continuous = match joint.joint_type {
            urdf_rs::JointType::Revolute => false,
            urdf_rs::JointType::Continuous => true,
            ref other => {
                return Err(ArmError::JointType {
                    arm,
                    joint: name,
                    kind: kind(other),
                });
            }
        };
        if joint.mimic.is_some() {
            return Err(ArmError::Mimic { arm, joint: name });
        }
        let axis = Vector3::from(joint.axis.xyz.0);
        let unit = crate::frames::Direction::<crate::frames::Link>::new(axis).map(|d| d.unit());
        let (Some(axis), Some(origin)) = (unit, isometry(&joint.origin)) else {
            return Err(ArmError::Axis { arm, joint: name });
        };
        let limit = &joint.limit;
        let (mut lower, mut upper) = if continuous {
            (-2.0 * core::f64::consts::PI, 2.0 * core::f64::consts::PI)
        } else {
            (limit.lower, limit.upper)
        };
        let finite = lower.is_finite() && upper.is_finite() && limit.velocity.is_finite();
        if let Some(soft) = soft_limits(joint) {
            // NaN stays and is refused.
            (lower, upper) = (lower.max(soft.0), upper.min(soft.1));
            if soft.0.is_nan() || soft.1.is_nan() {
                return Err(ArmError::Limits { arm, joint: name });
            }
        }
        if !finite || lower >= upper || limit.velocity < SLOWEST {
            return Err(ArmError::Limits { arm, joint: name });
        }
        let stated = |value: f64, assumed: f64| {
            if value.is_finite() { value } else { assumed }
        };
        let acceleration = stated(
            limit.acceleration.min(limit.deceleration),
            DEFAULT_ACCELERATION,
        );
        let jerk = stated(limit.jerk, DEFAULT_JERK);
        if acceleration < SLOWEST || jerk < SLOWEST {
            return Err(ArmError::Limits { arm, joint: name });
        }
        Ok(Joint {
            name,
            origin: body_from_parent * origin,
            axis,
            lower,
            upper,
            velocity: limit.velocity,
            acceleration,
            jerk,
        })
    }

    /// Parts a rigid group in two: the links that lie on the way from the joint that moves it to `end`, and the others, which are only fixed to
    /// them: pedestals, cameras, brackets.
    pub(super) fn along<'g>(
        &self,
        group: &'g [Placed],
        end: &str,
    ) -> (Vec<Placed>, Vec<&'g Placed>) {
        let mut on_way = vec![end];
        while let Some(joint) = on_way.last().and_then(|link| {
            let into = |j: &&urdf_rs::Joint| j.child.link == *link && !is_moving(j);
            self.robot.joints.iter().find(into)
        }) {
            on_way.push(&joint.parent.link);
        }
        let (along, aside): (Vec<_>, Vec<_>) = group
            .iter()
            .partition(|(name, _)| on_way.contains(&name.as_str()));
        (along.into_iter().cloned().collect(), aside)
    }

    /// The collision geometry of links that move together, in the frame of the first.
    pub(super) fn body(&self, group: &[(String, Isometry3<f64>)]) -> Result<BodyMesh, ArmError> {
        let mut body = BodyMesh::new(
            group
                .first()
                .map_or_else(String::new, |(name, _)| name.clone()),
        );
        for (name, pose) in group {
            for link in self.robot.links.iter().filter(|l| l.name == *name) {
                for collision in &link.collision {
                    body.add(collision, pose, self.source)
                        .map_err(|source| ArmError::Shape {
                            arm: self.name(),
                            link: name.clone(),
                            source,
                        })?;
                }
            }
        }
        Ok(body)
    }
}

/// The limits of a joint's `<safety_controller>`, rad; none when both are left out, which URDF writes as zeros.
pub(super) fn soft_limits(joint: &urdf_rs::Joint) -> Option<(f64, f64)> {
    let soft = joint.safety_controller.as_ref()?;
    let limits = (soft.soft_lower_limit, soft.soft_upper_limit);
    (limits != (0.0, 0.0)).then_some(limits)
}

impl Walk<'_> {
    /// The link that the tool is mounted on, among those that move with the last joint.
    pub(super) fn flange(
        &self,
        group: &[(String, Isometry3<f64>)],
    ) -> Result<(String, Isometry3<f64>), ArmError> {
        let only = |wanted: &dyn Fn(&str) -> bool| {
            let mut fitting = group.iter().filter(|(name, _)| wanted(name));
            fitting.next().filter(|_| fitting.next().is_none()).cloned()
        };
        let called = |suffix: &str| {
            only(&|name| name == suffix)
                .or_else(|| only(&|name| name.ends_with(&format!("_{suffix}"))))
                .or_else(|| only(&|name| name.ends_with(&format!("/{suffix}"))))
        };
        let is_end = |name: &str| self.children(name).next().is_none();
        let found = match &self.source.flange {
            Some(wanted) => only(&|name| name == wanted),
            None => called("tool0")
                .or_else(|| called("flange"))
                .or_else(|| only(&is_end)),
        };
        found.ok_or_else(|| ArmError::Flange {
            arm: self.name(),
            wanted: self.source.flange.clone(),
            candidates: group.iter().map(|(name, _)| format!("{name:?}")).collect(),
        })
    }
}
