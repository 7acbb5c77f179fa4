//! From a URDF to a serial chain of revolute joints.

use nalgebra::{Isometry3, Unit, Vector3};

use super::closed_form::Solver;
use super::description::{Finding, Unusable, reduced};
use super::error::ArmError;
use super::joint_limits::Tightened;
use super::kinematics::Axis;
use super::shapes::BodyMesh;
use super::source::ArmSource;
use super::steps::Steps;
use super::walk::{Walk, is_moving, soft_limits};
use crate::joints::{Joints, MAX_JOINTS};
use crate::motion::JointLimits;
use crate::text::{QUOTE, plain};

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
    /// Highest acceleration, rad/s²: the URDF's (since version 1.2 of the format), else one that is assumed.
    pub acceleration: f64,
    /// Highest jerk, rad/s³: the URDF's, else one that is assumed.
    pub jerk: f64,
}

/// A serial arm of six or seven revolute joints. Body 0 stands on the base, body i moves with joint i (from 1).
///
/// The base frame is the URDF's root link. The flange is, of the links that move with the last joint: the one the description names; else
/// the only one called `tool0`, else `flange` (a prefix as in `left_tool0` may stand before it); else the end of the chain of fixed
/// joints, if there is one end only.
#[derive(Debug, Clone)]
pub struct Arm {
    pub(super) name: String,
    pub(super) joints: Vec<Joint>,
    pub(super) last_from_flange: Isometry3<f64>,
    pub(super) bodies: Vec<BodyMesh>,
    /// What is fixed to a body beside the links that carry the arm, by the body's number.
    pub(super) attached: Vec<(usize, BodyMesh)>,
    pub(super) steps: Steps,
    pub(super) solver: Solver,
    base_link: String,
    flange_link: String,
    findings: Vec<Finding>,
}

/// A moving link whose collision geometry is smaller than this all in all is given in another unit, metres. Source: own.
const SMALLEST: f64 = 0.010;

/// Reads a description's text.
pub(super) fn read(source: &ArmSource) -> Result<(urdf_rs::Robot, Vec<Finding>), ArmError> {
    let unusable = |reason: String| ArmError::Urdf {
        arm: source.name.clone(),
        reason: plain(&reason, QUOTE),
    };
    let (urdf, findings) = reduced(&source.urdf).map_err(|e| match e {
        Unusable::Text(reason) => unusable(reason),
        Unusable::Limits(joint) => ArmError::Limits {
            arm: source.name.clone(),
            joint,
        },
    })?;
    let robot = urdf_rs::read_from_string(&urdf).map_err(|e| unusable(e.to_string()))?;
    Ok((robot, findings))
}

impl Arm {
    /// Builds the arm of a description.
    ///
    /// # Errors
    /// Anything that makes the URDF not a serial arm of six or seven revolute joints with limits and usable geometry.
    pub fn from_source(source: &ArmSource) -> Result<Self, ArmError> {
        let (robot, findings) = read(source)?;
        Self::of_robot(source, &robot, findings)
    }

    /// From a description that was read.
    pub(super) fn of_robot(
        source: &ArmSource,
        robot: &urdf_rs::Robot,
        mut findings: Vec<Finding>,
    ) -> Result<Self, ArmError> {
        let walk = Walk { source, robot };
        let root = walk.root()?;
        let (mut joints, mut bodies, mut attached) = (Vec::new(), Vec::new(), Vec::new());
        let mut assumed = 0;
        let mut link = root.clone();
        let (last_from_flange, flange_link) = loop {
            let group = walk.rigid_group(&link)?;
            let mut moving = group.iter().flat_map(|(name, pose)| {
                walk.children(name)
                    .filter(|j| is_moving(j))
                    .map(move |j| (j, *pose))
            });
            let (next, other) = (moving.next(), moving.next());
            let end = match next {
                Some((joint, _)) => joint.parent.link.clone(),
                None => walk.flange(&group)?.0,
            };
            let (along, aside) = walk.along(&group, &end);
            let number = bodies.len();
            bodies.push(walk.body(&along)?);
            for link in aside {
                let mesh = walk.body(std::slice::from_ref(link))?;
                if !mesh.triangles().is_empty() {
                    attached.push((number, mesh));
                }
            }
            match (next, other) {
                (None, _) => {
                    let (name, pose) = walk.flange(&group)?;
                    break (pose, name);
                }
                (Some(_), Some(_)) => {
                    return Err(ArmError::Branch {
                        arm: source.name.clone(),
                        link,
                    });
                }
                (Some((joint, pose)), None) => {
                    let mut made = walk.joint(joint, pose)?;
                    let tighter = source.limits.get(&joint.name);
                    if tighter.is_some_and(|t| t.apply(&mut made).is_none()) {
                        return Err(ArmError::Limits {
                            arm: source.name.clone(),
                            joint: made.name,
                        });
                    }
                    let of = |from_file: fn(&Tightened) -> Option<f64>| tighter.and_then(from_file);
                    let limit = &joint.limit;
                    let acceleration = limit.acceleration.min(limit.deceleration);
                    let states_both = (acceleration.is_finite()
                        || of(|t| t.acceleration).is_some())
                        && (limit.jerk.is_finite() || of(|t| t.jerk).is_some());
                    assumed += usize::from(!states_both);
                    joints.push(made);
                    if soft_limits(joint).is_some() {
                        findings.push(Finding::SoftLimits {
                            joint: joint.name.clone(),
                        });
                    }
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
        if assumed > 0 {
            findings.push(Finding::AssumedLimits { joints: assumed });
        }
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
            attached,
            solver: Solver::Numeric,
            base_link: root,
            flange_link,
            findings,
        };
        arm.solver = Solver::of(&arm);
        let bare = arm
            .bodies
            .iter()
            .skip(1)
            .filter(|b| b.triangles().is_empty());
        let bare = bare.map(|b| Finding::NoCollisionGeometry {
            link: b.name().to_owned(),
        });
        arm.findings.extend(bare);
        let tiny = |b: &&BodyMesh| !b.triangles().is_empty() && b.extent() < SMALLEST;
        if let Some(body) = arm.bodies.iter().skip(1).find(tiny) {
            return Err(ArmError::TooSmall {
                arm: arm.name.clone(),
                link: body.name().to_owned(),
                extent_mm: body.extent() * 1e3,
            });
        }
        if !arm.has_closed_form() {
            arm.findings.push(Finding::NoClosedForm);
        }
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

    /// The collision geometry of links that are fixed to a body without carrying the arm (pedestals, cameras, brackets), each with the number
    /// of the body that it moves with and in that body's frame.
    #[must_use]
    pub fn attached(&self) -> &[(usize, BodyMesh)] {
        &self.attached
    }

    /// Whether inverse kinematics is closed-form, for a seven-axis arm with one joint swept (else numeric).
    #[must_use]
    pub const fn has_closed_form(&self) -> bool {
        !matches!(self.solver, Solver::Numeric)
    }

    /// What about its description is worth knowing though no reason to refuse it.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The last joint's axis as the last body sees it, at zero or anywhere.
    #[must_use]
    pub fn last_axis(&self) -> Axis {
        Axis {
            point: Vector3::zeros(),
            direction: self
                .joints
                .last()
                .map_or_else(Vector3::z, |j| j.axis.into_inner()),
        }
    }

    /// The last joint's axis as the flange sees it.
    #[must_use]
    pub fn last_axis_at_flange(&self) -> Axis {
        let (axis, flange_from_last) = (self.last_axis(), self.last_from_flange.inverse());
        Axis {
            point: flange_from_last.translation.vector,
            direction: flange_from_last.rotation * axis.direction,
        }
    }

    /// The joints' limits of velocity, acceleration and jerk.
    #[must_use]
    pub fn motion_limits(&self) -> JointLimits {
        let each = |of: fn(&Joint) -> f64| {
            let mut values = Joints::zeros(self.dof());
            for (v, joint) in values.as_mut_slice().iter_mut().zip(&self.joints) {
                *v = of(joint);
            }
            values
        };
        JointLimits {
            velocity: each(|j| j.velocity),
            acceleration: each(|j| j.acceleration),
            jerk: each(|j| j.jerk),
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
        self.limit_margins(q).fold(1.0, f64::min)
    }

    /// The distance of each joint to its nearer limit, as a share of half its range.
    pub fn limit_margins<'a>(&'a self, q: &'a Joints) -> impl Iterator<Item = f64> + 'a {
        let joints = self.joints.iter().zip(q.as_slice());
        joints.map(|(j, v)| (v - j.lower).min(j.upper - v) / (0.5 * (j.upper - j.lower)))
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
