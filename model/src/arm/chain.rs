//! From a URDF to a serial chain of revolute joints.

use nalgebra::{Isometry3, Unit, Vector3};

use super::closed_form::Solver;
use super::shapes::{BodyMesh, ShapeError};
use super::source::ArmSource;
use super::steps::Steps;
use crate::joints::{Joints, MAX_JOINTS};
use crate::motion::JointLimits;

/// Acceleration assumed for every joint, rad/s²: URDF has no field for it. Source: default of UR's and Franka's MoveIt configurations
/// lies between 5 and 15; UR's controller accepts up to 40.
const DEFAULT_ACCELERATION: f64 = 15.0;
/// Jerk assumed for every joint, rad/s³. Source: Franka's joint jerk limits lie between 5,000 and 10,000 (FR3 datasheet); ours stays
/// an order below.
const DEFAULT_JERK: f64 = 1000.0;

/// Joints slower than this are a mistake in the URDF, rad/s.
const SLOWEST: f64 = 1e-3;

/// One revolute joint.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// Its name in the URDF, which the arm's driver uses too.
    pub name: String,
    /// The body before it to the joint's frame at zero.
    pub(super) origin: Isometry3<f64>,
    /// The axis in the joint's frame.
    pub(super) axis: Unit<Vector3<f64>>,
    /// Lowest position, rad.
    pub lower: f64,
    /// Highest position, rad.
    pub upper: f64,
    /// Highest speed, rad/s.
    pub velocity: f64,
}

/// A serial arm of six or seven revolute joints. Body 0 stands on the base, body i moves with joint i (from 1).
///
/// The base frame is the URDF's root link. The flange is the link named `tool0`, else `flange`, behind the last joint; else the last
/// link of the longest chain of fixed joints there.
#[derive(Debug, Clone)]
pub struct Arm {
    pub(super) name: String,
    pub(super) joints: Vec<Joint>,
    pub(super) last_from_flange: Isometry3<f64>,
    pub(super) bodies: Vec<BodyMesh>,
    pub(super) steps: Steps,
    pub(super) solver: Solver,
    base_link: String,
    flange_link: String,
}

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
        "arm {arm}: joint {joint:?} needs a limit with lower < upper and velocity of at least 0.001 rad/s, all finite"
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

fn is_moving(joint: &urdf_rs::Joint) -> bool {
    joint.joint_type != urdf_rs::JointType::Fixed
}

/// Walks the tree once.
struct Walk<'a> {
    source: &'a ArmSource,
    robot: &'a urdf_rs::Robot,
}

impl Walk<'_> {
    fn name(&self) -> String {
        self.source.name.clone()
    }

    fn children<'b>(&'b self, link: &'b str) -> impl Iterator<Item = &'b urdf_rs::Joint> {
        self.robot
            .joints
            .iter()
            .filter(move |j| j.parent.link == link)
    }

    fn root(&self) -> Result<String, ArmError> {
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
            (Some(root), None) => Ok(root.name.clone()),
            (Some(a), Some(b)) => Err(tree(format!(
                "{:?} and {:?} are both roots",
                a.name, b.name
            ))),
            (None, _) => Err(tree("there is no root".to_owned())),
        }
    }

    /// The links rigidly attached to `link`, itself included, with their pose in it; breadth first.
    fn rigid_group(&self, link: &str) -> Result<Vec<(String, Isometry3<f64>)>, ArmError> {
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

    fn joint(
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
        let (lower, upper) = if continuous {
            (-2.0 * core::f64::consts::PI, 2.0 * core::f64::consts::PI)
        } else {
            (limit.lower, limit.upper)
        };
        let finite = lower.is_finite() && upper.is_finite() && limit.velocity.is_finite();
        if !finite || lower >= upper || limit.velocity < SLOWEST {
            return Err(ArmError::Limits { arm, joint: name });
        }
        Ok(Joint {
            name,
            origin: body_from_parent * origin,
            axis,
            lower,
            upper,
            velocity: limit.velocity,
        })
    }

    /// The collision geometry of links that move together, in the frame of the first.
    fn body(&self, group: &[(String, Isometry3<f64>)]) -> Result<BodyMesh, ArmError> {
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

/// The link to call flange among those behind the last joint.
fn flange(group: &[(String, Isometry3<f64>)]) -> Option<&(String, Isometry3<f64>)> {
    ["tool0", "flange"]
        .iter()
        .find_map(|wanted| group.iter().find(|(name, _)| name == wanted))
        .or(group.last())
}

impl Arm {
    /// Builds the arm of a description.
    ///
    /// # Errors
    /// Anything that makes the URDF not a serial arm of six or seven revolute joints with limits and usable geometry.
    pub fn from_source(source: &ArmSource) -> Result<Self, ArmError> {
        let robot = urdf_rs::read_from_string(&source.urdf).map_err(|e| ArmError::Urdf {
            arm: source.name.clone(),
            reason: e.to_string().replace('\n', " "),
        })?;
        let walk = Walk {
            source,
            robot: &robot,
        };
        let root = walk.root()?;
        let (mut joints, mut bodies) = (Vec::new(), Vec::new());
        let mut link = root.clone();
        let (last_from_flange, flange_link) = loop {
            let group = walk.rigid_group(&link)?;
            bodies.push(walk.body(&group)?);
            let mut moving = group.iter().flat_map(|(name, pose)| {
                walk.children(name)
                    .filter(|j| is_moving(j))
                    .map(move |j| (j, *pose))
            });
            match (moving.next(), moving.next()) {
                (None, _) => {
                    let (name, pose) = flange(&group)
                        .cloned()
                        .unwrap_or((link, Isometry3::identity()));
                    break (pose, name);
                }
                (Some(_), Some(_)) => {
                    return Err(ArmError::Branch {
                        arm: source.name.clone(),
                        link,
                    });
                }
                (Some((joint, pose)), None) => {
                    joints.push(walk.joint(joint, pose)?);
                    link.clone_from(&joint.child.link);
                }
            }
            if joints.len() > MAX_JOINTS {
                return Err(ArmError::JointCount {
                    arm: source.name.clone(),
                    found: joints.len(),
                });
            }
        };
        if joints.len() < 6 {
            return Err(ArmError::JointCount {
                arm: source.name.clone(),
                found: joints.len(),
            });
        }
        let name = source.name.clone();
        let mut arm = Self {
            name,
            steps: Steps::new(&joints, &last_from_flange),
            joints,
            last_from_flange,
            bodies,
            solver: Solver::Numeric,
            base_link: root,
            flange_link,
        };
        arm.solver = Solver::of(&arm);
        Ok(arm)
    }

    /// The arm's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many joints.
    #[must_use]
    pub fn dof(&self) -> usize {
        self.joints.len()
    }

    /// The joints, base to flange.
    #[must_use]
    pub fn joints(&self) -> &[Joint] {
        &self.joints
    }

    /// The name of the link whose frame is the base frame.
    #[must_use]
    pub fn base_link(&self) -> &str {
        &self.base_link
    }

    /// The name of the link whose frame is the flange frame.
    #[must_use]
    pub fn flange_link(&self) -> &str {
        &self.flange_link
    }

    /// The bodies' collision geometry, body 0 first, each in its own body frame.
    #[must_use]
    pub fn bodies(&self) -> &[BodyMesh] {
        &self.bodies
    }

    /// Whether inverse kinematics is closed-form, for a seven-axis arm with one joint swept (else numeric).
    #[must_use]
    pub const fn has_closed_form(&self) -> bool {
        !matches!(self.solver, Solver::Numeric)
    }

    /// Velocity limits of the URDF, with assumed acceleration and jerk.
    #[must_use]
    pub fn motion_limits(&self) -> JointLimits {
        let mut velocity = Joints::zeros(self.dof());
        for (v, joint) in velocity.as_mut_slice().iter_mut().zip(&self.joints) {
            *v = joint.velocity;
        }
        JointLimits {
            velocity,
            acceleration: velocity.map(|_| DEFAULT_ACCELERATION),
            jerk: velocity.map(|_| DEFAULT_JERK),
        }
    }

    /// Whether every joint lies within its limits.
    #[must_use]
    pub fn within_limits(&self, q: &Joints) -> bool {
        q.dof() == self.dof()
            && self
                .joints
                .iter()
                .zip(q.as_slice())
                .all(|(j, v)| j.lower <= *v && *v <= j.upper)
    }

    /// The distance of the joint nearest to one of its limits, as a share of half its range: 1 in the middle, 0 at a limit.
    #[must_use]
    pub fn limit_margin(&self, q: &Joints) -> f64 {
        self.joints
            .iter()
            .zip(q.as_slice())
            .map(|(j, v)| (v - j.lower).min(j.upper - v) / (0.5 * (j.upper - j.lower)))
            .fold(1.0, f64::min)
    }

    /// The middle of every joint's range, or zero where that is inside.
    #[must_use]
    pub fn mid_range(&self) -> Joints {
        let mut q = Joints::zeros(self.dof());
        for (v, joint) in q.as_mut_slice().iter_mut().zip(&self.joints) {
            *v = if joint.lower < 0.0 && joint.upper > 0.0 {
                0.0
            } else {
                0.5 * (joint.lower + joint.upper)
            };
        }
        q
    }
}
