//! The arm with its tool in its surroundings, ready for queries.

use nalgebra::{Isometry3, Vector3};
use parry3d::shape::ConvexPolyhedron;

use super::field::{FieldError, HeadField};
use super::query::Obstacle;
use super::spheres::SphereTree;
use crate::arm::{Arm, ArmError, BodyMesh};
use crate::cell::{Cell, Tool};
use crate::frames::{Base, Flange, Head, Tip, Transform};
use crate::joints::Joints;
use crate::limits::margin;
use crate::mesh::SurfaceMesh;
use crate::units::Length;

/// Random configurations looked at to learn which pairs of bodies always touch, as housings around one wrist do.
const SELF_SAMPLES: usize = 400;

/// No dimension of a tool is larger, metres.
const LARGEST_TOOL: f64 = 2.0;

pub(super) struct Body {
    pub(super) name: String,
    pub(super) spheres: SphereTree,
    pub(super) hull: Option<ConvexPolyhedron>,
    /// Margin to the head.
    pub(super) head_margin: f64,
    /// Whether it can move at all relative to head and room.
    pub(super) moves: bool,
}

pub(super) struct Boxed {
    pub(super) name: String,
    pub(super) box_from_base: Isometry3<f64>,
    pub(super) half: Vector3<f64>,
}

/// An arm with its tool, the room and a head: immutable, shared by whoever asks.
pub struct WorkCell {
    pub(super) arm: Arm,
    pub(super) tool: Tool,
    pub(super) field: HeadField,
    /// Arm bodies (index as in [`Arm::bodies`]), then the tool's body and its nose cone.
    pub(super) bodies: Vec<Body>,
    pub(super) boxes: Vec<Boxed>,
    pub(super) floor_z: f64,
    /// Pairs of bodies whose distance is watched.
    pub(super) watched: Vec<(usize, usize)>,
    /// No point of arm or tool is farther than this from any joint axis, metres.
    pub(super) longest_reach: f64,
    tool_mesh: BodyMesh,
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
    /// A body's convex hull.
    #[error("the collision geometry of {body:?} has no volume, so its convex hull cannot be built")]
    Hull {
        /// The body.
        body: String,
    },
    /// A box of the room.
    #[error("box {name:?} of the room needs positive finite edges and a finite pose")]
    Box {
        /// The box.
        name: String,
    },
}

/// Two points of a turned body's outline: (z in the tip frame, radius), metres.
type Outline = [(f64, f64); 2];

/// The tool's outline from nose to flange side as (z in the tip frame, radius), metres: round nose, cone, body.
fn outlines(tool: &Tool) -> Result<(Outline, Outline), CellError> {
    let dimensions = [
        ("nose radius", tool.nose_radius),
        ("cone length", tool.cone_length),
        ("body radius", tool.body_radius),
        ("body length", tool.body_length),
        ("stroke", tool.stroke),
    ];
    for (name, length) in dimensions {
        if !length.is_finite() || length.m() <= 0.0 || length.m() > LARGEST_TOOL {
            return Err(CellError::Tool(name));
        }
    }
    let (nose, body, cone) = (
        tool.nose_radius.m(),
        tool.body_radius.m(),
        tool.cone_length.m(),
    );
    if nose >= body || nose >= cone {
        return Err(CellError::Tool("nose radius"));
    }
    if !tool.flange_from_tip.is_finite() {
        return Err(CellError::Tool("mounting"));
    }
    Ok((
        [(-nose, nose), (-cone, body)],
        [(-cone, body), (-cone - tool.body_length.m(), body)],
    ))
}

fn hull(name: &str, mesh: &BodyMesh) -> Result<Option<ConvexPolyhedron>, CellError> {
    if mesh.triangles().is_empty() {
        return Ok(None);
    }
    let points: Vec<_> = mesh.vertices().iter().map(crate::to_parry_vector).collect();
    let hull = ConvexPolyhedron::from_convex_hull(&points).ok_or_else(|| CellError::Hull {
        body: name.to_owned(),
    })?;
    Ok(Some(hull))
}

impl WorkCell {
    /// Builds the cell around a head.
    ///
    /// # Errors
    /// An arm, tool, box or head that cannot be used.
    pub fn new(cell: &Cell, head: &SurfaceMesh<Head>) -> Result<Self, CellError> {
        let arm = Arm::from_source(&cell.arm)?;
        let field = HeadField::new(head)?;
        let (cone, behind) = outlines(&cell.tool)?;
        let mut bodies = Vec::new();
        for (i, mesh) in arm.bodies().iter().enumerate() {
            if i > 0 && mesh.triangles().is_empty() {
                return Err(CellError::NoGeometry {
                    body: mesh.name().to_owned(),
                });
            }
            bodies.push(Body {
                name: mesh.name().to_owned(),
                spheres: SphereTree::of_body(mesh),
                hull: hull(mesh.name(), mesh)?,
                head_margin: margin::LINKS_HEAD.m(),
                moves: i > 0,
            });
        }
        for (name, outline, head_margin) in [
            ("tool body", &behind, margin::LINKS_HEAD),
            ("nose cone", &cone, margin::NOSE_HEAD),
        ] {
            // The hull is drawn around the rounded nose too.
            let nose = (outline[0].0 + outline[0].1.min(-outline[0].0), outline[0].1);
            let mesh = crate::arm::turned_body(name, &[nose, outline[0], outline[1]]);
            bodies.push(Body {
                name: name.to_owned(),
                spheres: SphereTree::of_profile(outline),
                hull: hull(name, &mesh)?,
                head_margin: head_margin.m(),
                moves: true,
            });
        }
        let tool_mesh = crate::arm::turned_body(
            "tool",
            &[(0.0, cell.tool.nose_radius.m()), cone[1], behind[1]],
        );
        let boxes = cell
            .boxes
            .iter()
            .map(boxed)
            .collect::<Result<Vec<_>, _>>()?;
        let tool = cell.tool.clone();
        let mut built = Self {
            arm,
            tool,
            field,
            bodies,
            boxes,
            floor_z: cell.floor_z,
            watched: Vec::new(),
            longest_reach: 0.0,
            tool_mesh,
        };
        built.longest_reach = built.reach_bound();
        built.watched = built.learn_watched_pairs()?;
        Ok(built)
    }

    /// Takes floor and boxes from another cell; arm, tool and head stay.
    ///
    /// # Errors
    /// A box that cannot be used; nothing is changed then.
    pub fn furnish(&mut self, cell: &Cell) -> Result<(), CellError> {
        let boxes: Result<Vec<_>, _> = cell.boxes.iter().map(boxed).collect();
        (self.boxes, self.floor_z) = (boxes?, cell.floor_z);
        Ok(())
    }

    /// Bound of the distance between any two points of arm and tool: all offsets strung out, and the largest body at the end.
    fn reach_bound(&self) -> f64 {
        let poses = self.arm.link_poses(&Joints::zeros(self.arm.dof()));
        let steps: f64 = poses
            .bodies
            .windows(2)
            .map(|w| (w[1].translation.vector - w[0].translation.vector).norm())
            .sum();
        let tool = (poses.base_from_flange.raw().translation.vector
            - poses
                .bodies
                .last()
                .map_or_else(Vector3::zeros, |b| b.translation.vector))
        .norm()
            + self.tool.flange_from_tip.raw().translation.vector.norm();
        let body = self
            .bodies
            .iter()
            .filter_map(|b| b.spheres.root())
            .map(|s| s.center.norm() + s.radius)
            .fold(0.0, f64::max);
        steps + tool + body
    }

    /// Every pair but neighbours on the chain and pairs that touch in every sampled configuration.
    fn learn_watched_pairs(&self) -> Result<Vec<(usize, usize)>, CellError> {
        let (tool, last) = (self.arm.dof() + 1, self.arm.dof());
        // The tool's two parts belong to the last body; the last body and the one before it turn about one axis.
        let link = |i: usize| if i >= tool { last } else { i };
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for a in 0..self.bodies.len() {
            for b in a + 1..self.bodies.len() {
                let geometry = self.bodies[a].hull.is_some() && self.bodies[b].hull.is_some();
                // The nose is as far from the wrist's last two bodies as the tool is long; the tool's body touches its own flange.
                let apart = if b >= tool {
                    last.saturating_sub(link(a)) >= 1 && a < tool
                } else {
                    b - a >= 2
                };
                if geometry && apart {
                    pairs.push((a, b));
                }
            }
        }
        let mut free = vec![false; pairs.len()];
        for k in 1..=SELF_SAMPLES {
            let q = self.arm.spread(k);
            let frames = self.body_frames(&q);
            for ((a, b), free) in pairs.iter().zip(&mut free) {
                let distance = self.hull_distance(&frames, *a, *b);
                if distance == f64::NEG_INFINITY {
                    let name = |i: usize| self.bodies[i].name.clone();
                    return Err(CellError::SelfCheck {
                        a: name(*a),
                        b: name(*b),
                    });
                }
                *free = *free || distance > margin::SELF.m();
            }
        }
        Ok(pairs
            .into_iter()
            .zip(free)
            .filter(|(_, free)| *free)
            .map(|(pair, _)| pair)
            .collect())
    }

    /// The pose of every body (arm, tool body, nose cone) in the base frame.
    pub(super) fn body_frames(&self, q: &Joints) -> Frames {
        let poses = self.arm.link_poses(q);
        let base_from_tip = *(poses.base_from_flange * self.tool.flange_from_tip).raw();
        let mut bodies: arrayvec::ArrayVec<Isometry3<f64>, 10> =
            poses.bodies.iter().copied().collect();
        bodies.push(base_from_tip);
        bodies.push(base_from_tip);
        Frames { bodies, poses }
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
            Obstacle::Itself { body, other } => format!("{} and {}", name(body), name(other)),
            Obstacle::Unknown => "something that could not be computed".to_owned(),
        }
    }

    /// Pairs of bodies that are not neighbours and yet are not checked against each other, because they are within the margin in every
    /// sampled configuration. An arm has few of them, around one wrist; more point to collision geometry that is too large.
    #[must_use]
    pub fn unwatched_pairs(&self) -> Vec<(String, String)> {
        let name = |i: usize| self.bodies[i].name.clone();
        let arm = 0..=self.arm.dof();
        let pairs = arm
            .clone()
            .flat_map(|a| (a + 2..=self.arm.dof()).map(move |b| (a, b)));
        pairs
            .filter(|pair| !self.watched.contains(pair))
            .map(|(a, b)| (name(a), name(b)))
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

fn boxed(scene: &crate::cell::SceneBox) -> Result<Boxed, CellError> {
    let edges = scene.size.iter().all(|e| e.is_finite() && *e > 0.0);
    if !edges || !scene.base_from_box.is_finite() {
        return Err(CellError::Box {
            name: scene.name.clone(),
        });
    }
    Ok(Boxed {
        name: scene.name.clone(),
        box_from_base: scene.base_from_box.raw().inverse(),
        half: 0.5 * Vector3::from(scene.size),
    })
}

pub(super) struct Frames {
    pub(super) bodies: arrayvec::ArrayVec<Isometry3<f64>, 10>,
    pub(super) poses: crate::arm::LinkPoses,
}
