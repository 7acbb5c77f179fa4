//! The arm with its tool in its surroundings, ready for queries.

use std::sync::Arc;

use nalgebra::{Isometry3, Vector3};
use rayon::prelude::*;

use super::bodies::{
    Body, Boxed, LARGEST_TOOL, arm_bodies, attached_bodies, boxed, guard_body, outlines,
    tool_bodies,
};
use super::field::{FieldError, HeadField};
use super::query::Obstacle;
use super::roll::TurnedRound;
use super::spheres::Sphere;
use crate::arm::{Arm, ArmError, BodyMesh};
use crate::cell::{Cell, Tool};
use crate::frames::{Base, Flange, Head, Tip, Transform};
use crate::joints::{Joints, MAX_JOINTS};
use crate::limits::margin;
use crate::mesh::SurfaceMesh;
use crate::units::Length;

/// Random configurations looked at to learn which pairs of bodies always touch, as housings around one wrist do.
const SELF_SAMPLES: usize = 400;

/// Most places bodies are fixed to: the arm's bodies, the flange, the tip.
pub(super) const PLACES: usize = MAX_JOINTS + 3;

/// An arm with its tool, the room and a head: immutable, shared by whoever asks.
#[derive(Clone)]
pub struct WorkCell {
    pub(super) arm: Arm,
    pub(super) tool: Tool,
    pub(super) field: Arc<HeadField>,
    /// Arm bodies (index as in [`Arm::bodies`]), then what is [attached](Arm::attached) to them, the cable guards, the tool's body and its nose cone.
    pub(super) bodies: Vec<Body>,
    pub(super) boxes: Vec<Boxed>,
    pub(super) floor_z: f64,
    /// Centres in the head frame, and the least distance of the tip from each, metres.
    pub(super) keep_outs: Vec<(Vector3<f64>, f64)>,
    pub(super) keep_out_names: Vec<String>,
    /// Pairs of bodies whose distance is watched.
    pub(super) watched: Vec<(usize, usize)>,
    /// Pairs that could be watched, but always touch.
    touching: Vec<(usize, usize)>,
    /// By body and joint: no point of the body is ever farther than this from the joint's axis, metres.
    pub(super) arms: Vec<[f64; MAX_JOINTS]>,
    /// No point of arm or tool is farther than this from any joint axis, metres.
    pub(super) longest_reach: f64,
    tool_mesh: BodyMesh,
    /// The same with what the last joint carries turned all round; `None` where the tool is not in line with it, and in that cell itself.
    pub(super) turned: Option<TurnedRound>,
}

/// Why a cell cannot be checked for clearance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CellError {
    /// The arm.
    #[error(transparent)]
    Arm(#[from] ArmError),
    /// The head.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The tool's dimensions.
    #[error(
        "the tool's {0} must be positive and at most {LARGEST_TOOL} m, and the nose narrower than the body"
    )]
    Tool(&'static str),
    /// A moving link has no collision geometry, so nothing can be known of where it is.
    #[error(
        "link {body:?} moves but has no collision geometry; give the URDF with its <collision> elements"
    )]
    NoGeometry {
        /// The link.
        body: String,
    },
    /// Two bodies whose distance cannot be computed.
    #[error("the distance of {a:?} and {b:?} cannot be computed; check their collision geometry")]
    SelfCheck {
        /// One.
        a: String,
        /// The other.
        b: String,
    },
    /// The base stands in something, or in the head.
    #[error(
        "the arm's base stands in something: {what}; move the base, or correct the head's place or the box in the cell file"
    )]
    Base {
        /// The base's link and what it stands in.
        what: String,
    },
    /// Nowhere within the bounds of a search for a place does the base stand free.
    #[error(
        "wherever the base may be placed it, or what carries it, would stand in the person or the room; widen `[place]` in the cell file"
    )]
    NoPlace,
    /// The tool runs through the arm.
    #[error(
        "the {part} is within the margin of {link} whatever the joints do: check the tool's dimensions and mounting in the cell file"
    )]
    ToolInArm {
        /// Of the tool.
        part: String,
        /// Of the arm.
        link: String,
    },
    /// A cable guard.
    #[error("guard {name:?} names link {link:?}, which is not among the arm's: {known}")]
    GuardLink {
        /// The guard.
        name: String,
        /// The link it names.
        link: String,
        /// The links there are.
        known: String,
    },
    /// A cable guard's dimensions.
    #[error("guard {name:?} needs finite ends and a positive radius, all at most {LARGEST_TOOL} m")]
    Guard {
        /// The guard.
        name: String,
    },
    /// A box of the room.
    #[error("box {name:?} of the room needs positive finite edges and a finite pose")]
    Box {
        /// The box.
        name: String,
    },
}

impl WorkCell {
    /// Builds the cell around a head.
    ///
    /// # Errors
    /// An arm, tool, guard, box or head that cannot be used.
    pub fn new(cell: &Cell, head: &SurfaceMesh<Head>) -> Result<Self, CellError> {
        let arm = Arm::from_source(&cell.arm)?;
        let (cone, behind) = outlines(&cell.tool)?;
        let (field, bodies) = rayon::join(|| HeadField::new(head), || arm_bodies(&arm));
        let (field, mut bodies) = (field?, bodies?);
        bodies.extend(attached_bodies(&arm));
        for guard in &cell.guards {
            bodies.push(guard_body(guard, &arm)?);
        }
        bodies.extend(tool_bodies(arm.dof(), &cone, &behind));
        let tool_mesh = crate::arm::turned_body(
            "tool",
            &[(0.0, cell.tool.nose_radius.m()), cone[1], behind[1]],
        );
        let boxes = cell
            .boxes
            .iter()
            .map(boxed)
            .collect::<Result<Vec<_>, _>>()?;
        let mut built = Self {
            tool: cell.tool.clone(),
            arms: arms(&arm, &cell.tool, &bodies),
            longest_reach: 0.0,
            arm,
            field: Arc::new(field),
            bodies,
            boxes,
            floor_z: cell.floor_z,
            keep_outs: Vec::new(),
            keep_out_names: Vec::new(),
            watched: Vec::new(),
            touching: Vec::new(),
            tool_mesh,
            turned: None,
        };
        let farthest = built.arms.iter().flatten();
        built.longest_reach = farthest.fold(0.0, |m, r| r.max(m));
        built.learn_watched_pairs()?;
        built.turned = built.turned_round()?;
        Ok(built)
    }

    /// Takes floor and boxes from another cell; arm, tool and head stay.
    ///
    /// # Errors
    /// A box that cannot be used; nothing is changed then.
    pub fn furnish(&mut self, cell: &Cell) -> Result<(), CellError> {
        let boxes: Result<Vec<_>, _> = cell.boxes.iter().map(boxed).collect();
        (self.boxes, self.floor_z) = (boxes?, cell.floor_z);
        if let Some(turned) = &mut self.turned {
            turned.cell.furnish(cell)?;
        }
        Ok(())
    }

    /// Whether two bodies are to be kept apart. Allowed to touch are: neighbours on the arm; the tool, its own parts and the flange's
    /// body; a guard, or what is attached, and what it is fixed to.
    fn kept_apart(&self, a: usize, b: usize) -> bool {
        let (one, other) = (&self.bodies[a], &self.bodies[b]);
        let between = one.carrier.abs_diff(other.carrier);
        let on_arm = |i: usize| i <= self.arm.dof();
        one.hull.is_some()
            && other.hull.is_some()
            && if on_arm(a) && on_arm(b) {
                between >= 2
            } else {
                between >= 1
            }
    }

    /// Every pair to be kept apart but those that touch in every sampled configuration.
    fn learn_watched_pairs(&mut self) -> Result<(), CellError> {
        let all = 0..self.bodies.len();
        let pairs: Vec<(usize, usize)> = all
            .flat_map(|b| (0..b).map(move |a| (a, b)))
            .filter(|&(a, b)| self.kept_apart(a, b))
            .collect();
        let samples: Vec<Frames> = (1..=SELF_SAMPLES)
            .map(|k| self.body_frames(&self.arm.spread(k)))
            .collect();
        let frees = pairs.par_iter().map(|&(a, b)| {
            for frames in &samples {
                let distance = self.hull_distance(frames, a, b, margin::SELF.m());
                if distance == f64::NEG_INFINITY {
                    let name = |i: usize| self.bodies[i].name.clone();
                    return Err(CellError::SelfCheck {
                        a: name(a),
                        b: name(b),
                    });
                }
                if distance >= margin::SELF.m() {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        let frees: Vec<Result<bool, CellError>> = frees.collect();
        for (pair, free) in pairs.into_iter().zip(frees) {
            if free? {
                self.watched.push(pair);
            } else {
                self.touching.push(pair);
            }
        }
        let tool = self.bodies.len().saturating_sub(2);
        if let Some(&(link, part)) = self.touching.iter().find(|pair| pair.1 >= tool) {
            return Err(CellError::ToolInArm {
                part: self.bodies[part].name.clone(),
                link: self.bodies[link].name.clone(),
            });
        }
        Ok(())
    }

    /// The pose of everything bodies are fixed to, in the base frame.
    pub(super) fn body_frames(&self, q: &Joints) -> Frames {
        let poses = self.arm.link_poses(q);
        let base_from_tip = *(poses.base_from_flange * self.tool.flange_from_tip).raw();
        let mut places: arrayvec::ArrayVec<Isometry3<f64>, PLACES> =
            poses.bodies.iter().copied().collect();
        places.push(*poses.base_from_flange.raw());
        places.push(base_from_tip);
        Frames { places, poses }
    }

    /// The arm.
    #[must_use]
    pub fn arm(&self) -> &Arm {
        &self.arm
    }

    /// The tool.
    #[must_use]
    pub fn tool(&self) -> &Tool {
        &self.tool
    }

    /// The head's distance field.
    #[must_use]
    pub fn field(&self) -> &HeadField {
        &self.field
    }

    /// The tool's outline as triangles in the tip frame, for pictures.
    #[must_use]
    pub fn tool_mesh(&self) -> &BodyMesh {
        &self.tool_mesh
    }

    /// The tip's pose for joints in rad.
    #[must_use]
    pub fn base_from_tip(&self, q: &Joints) -> Transform<Base, Tip> {
        self.arm.forward(q) * self.tool.flange_from_tip
    }

    /// The flange's pose that brings the tip to a pose.
    #[must_use]
    pub fn flange_for_tip(&self, base_from_tip: &Transform<Base, Tip>) -> Transform<Base, Flange> {
        *base_from_tip * self.tool.flange_from_tip.inverse()
    }

    /// The names of the two things of an obstacle, for messages.
    #[must_use]
    pub fn describe(&self, obstacle: &Obstacle) -> String {
        let name = |i: usize| self.bodies.get(i).map_or("arm", |b| b.name.as_str());
        match *obstacle {
            Obstacle::Head { body } => format!("{} and the head", name(body)),
            Obstacle::Floor { body } => format!("{} and the floor", name(body)),
            Obstacle::Box { body, index } => {
                format!(
                    "{} and {}",
                    name(body),
                    self.boxes.get(index).map_or("a box", |b| b.name.as_str())
                )
            }
            Obstacle::KeepOut { index } => format!(
                "the tip and {}",
                (self.keep_out_names.get(index)).map_or("a keep-out", String::as_str)
            ),
            Obstacle::Itself { body, other } => format!("{} and {}", name(body), name(other)),
            Obstacle::Unknown => "something that could not be computed".to_owned(),
        }
    }

    /// Pairs of bodies that are not neighbours and yet are not checked against each other, because they are within the margin in every
    /// sampled configuration. An arm has few of them, around one wrist; more point to collision geometry that is too large.
    #[must_use]
    pub fn unwatched_pairs(&self) -> Vec<(String, String)> {
        let name = |i: usize| self.bodies[i].name.clone();
        self.touching
            .iter()
            .map(|(a, b)| (name(*a), name(*b)))
            .collect()
    }

    /// No point of arm or tool is farther than this from any joint axis, metres.
    #[must_use]
    pub fn longest_reach(&self) -> f64 {
        self.longest_reach
    }

    /// The smallest gap between nose and skin that the margins allow.
    #[must_use]
    pub fn nose_margin() -> Length {
        margin::NOSE_HEAD
    }
}

/// Where everything is for given joints.
pub(super) struct Frames {
    /// The arm's bodies, the flange, the tip.
    pub(super) places: arrayvec::ArrayVec<Isometry3<f64>, PLACES>,
    pub(super) poses: crate::arm::LinkPoses,
}

/// How far the points of every body can be from every joint's axis at most: the chain between them strung out, and the body at its end.
fn arms(arm: &Arm, tool: &Tool, bodies: &[Body]) -> Vec<[f64; MAX_JOINTS]> {
    let poses = arm.link_poses(&Joints::zeros(arm.dof()));
    let origins: Vec<_> = poses.bodies.iter().map(|b| b.translation.vector).collect();
    let to_flange = poses.base_from_flange.origin().raw();
    bodies
        .iter()
        .map(|body| {
            let around = |root: &Sphere| root.center.norm() + root.radius;
            let mut far = body.spheres.root().map_or(0.0, around);
            if body.place > arm.dof() {
                far += (to_flange - origins[arm.dof()]).norm();
            }
            if body.place > arm.dof() + 1 {
                far += tool.flange_from_tip.origin().raw().norm();
            }
            let mut out = [0.0; MAX_JOINTS];
            // Body i + 1 turns about an axis through its own origin.
            for joint in (0..body.carrier).rev() {
                out[joint] = far;
                far += (origins[joint + 1] - origins[joint]).norm();
            }
            out
        })
        .collect()
}
