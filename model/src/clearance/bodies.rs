//! The bodies of arm, cable guards, tool and room.

use std::sync::Arc;

use nalgebra::{Isometry3, Vector3};
use rayon::prelude::*;

use super::hull::Hull;
use super::skin::Skin;
use super::spheres::SphereTree;
use super::work_cell::CellError;
use crate::arm::{Arm, BodyMesh};
use crate::cell::{Guard, SceneBox, Tool};
use crate::limits::margin;

/// No dimension of a tool is larger, metres.
pub(super) const LARGEST_TOOL: f64 = 2.0;

#[derive(Clone)]
pub(super) struct Body {
    pub(super) name: String,
    /// Which of [`Frames::places`] it is fixed to: a body of the arm, then the flange, then the tip.
    pub(super) place: usize,
    /// The arm body it is carried by: so many joints move it.
    pub(super) carrier: usize,
    pub(super) spheres: SphereTree,
    pub(super) hull: Option<Hull>,
    /// Its surface, to find a point of it.
    pub(super) skin: Arc<Skin>,
    /// Margin to the head.
    pub(super) head_margin: f64,
}

#[derive(Clone)]
pub(super) struct Boxed {
    pub(super) name: String,
    pub(super) box_from_base: Isometry3<f64>,
    pub(super) base_from_box: Isometry3<f64>,
    pub(super) half: Vector3<f64>,
    pub(super) hull: Hull,
}

/// Two points of a turned body's outline: (z in the tip frame, radius), metres.
pub(super) type Outline = [(f64, f64); 2];

/// The tool's outline from nose to flange side as (z in the tip frame, radius), metres: round nose, cone, body.
pub(super) fn outlines(tool: &Tool) -> Result<(Outline, Outline), CellError> {
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

/// The bodies of the arm itself.
pub(super) fn arm_bodies(arm: &Arm) -> Result<Vec<Body>, CellError> {
    let bodies: Vec<&BodyMesh> = arm.bodies().iter().collect();
    let covered = bodies.par_iter().map(|mesh| {
        let (spheres, surfaces) = SphereTree::of_body(mesh);
        (spheres, surfaces, Hull::new(mesh.vertices(), 0.0))
    });
    let covered: Vec<_> = covered.collect();
    let covered = bodies.iter().zip(covered).enumerate();
    covered
        .map(|(i, (mesh, (spheres, surfaces, hull)))| {
            if i > 0 && spheres.root().is_none() {
                return Err(CellError::NoGeometry {
                    body: mesh.name().to_owned(),
                });
            }
            Ok(Body {
                name: mesh.name().to_owned(),
                place: i,
                carrier: i,
                spheres,
                hull,
                skin: Arc::new(Skin::Meshes(surfaces)),
                head_margin: margin::LINKS_HEAD.m(),
            })
        })
        .collect()
}

/// What is fixed to the arm's bodies.
pub(super) fn attached_bodies(arm: &Arm) -> impl Iterator<Item = Body> + '_ {
    arm.attached().iter().map(|(body, mesh)| {
        let (spheres, surfaces) = SphereTree::of_body(mesh);
        Body {
            name: mesh.name().to_owned(),
            place: *body,
            carrier: *body,
            spheres,
            hull: Hull::new(mesh.vertices(), 0.0),
            skin: Arc::new(Skin::Meshes(surfaces)),
            head_margin: margin::LINKS_HEAD.m(),
        }
    })
}

/// Cables and hoses along the arm.
pub(super) fn guard_body(guard: &Guard, arm: &Arm) -> Result<Body, CellError> {
    let moving = arm.bodies().iter().skip(1).map(BodyMesh::name);
    let known: Vec<&str> = moving.chain([arm.flange_link()]).collect();
    let place = known.iter().position(|name| *name == guard.link);
    let Some(place) = place.map(|i| i + 1) else {
        return Err(CellError::GuardLink {
            name: guard.name.clone(),
            link: guard.link.clone(),
            known: known.join(", "),
        });
    };
    let [a, b] = [guard.from, guard.to].map(Vector3::from);
    let radius = guard.radius.m();
    let sound = a.iter().chain(b.iter()).all(|c| c.abs() <= LARGEST_TOOL);
    // Written so that NaN is refused.
    let sound = sound && radius > 0.0 && radius <= LARGEST_TOOL;
    if !sound {
        return Err(CellError::Guard {
            name: guard.name.clone(),
        });
    }
    Ok(Body {
        name: guard.name.clone(),
        place,
        carrier: place.min(arm.dof()),
        spheres: SphereTree::of_capsule(&a, &b, radius),
        hull: Hull::new(&[a, b], radius),
        skin: Arc::new(Skin::Capsule {
            ends: [a, b],
            radius,
        }),
        head_margin: margin::LINKS_HEAD.m(),
    })
}

/// The tool's body and its nose cone, in this order.
pub(super) fn tool_bodies(dof: usize, cone: &Outline, behind: &Outline) -> [Body; 2] {
    [(false, behind), (true, cone)].map(|(is_nose, outline)| {
        let (name, head_margin) = if is_nose {
            ("nose cone", margin::NOSE_HEAD)
        } else {
            ("tool body", margin::LINKS_HEAD)
        };
        // The hull is drawn around the rounded nose too.
        let nose = (outline[0].0 + outline[0].1.min(-outline[0].0), outline[0].1);
        let profile = [nose, outline[0], outline[1]];
        let mesh = crate::arm::turned_body(name, &profile[usize::from(!is_nose)..]);
        Body {
            name: name.to_owned(),
            place: dof + 2,
            carrier: dof,
            spheres: SphereTree::of_outline(outline, is_nose),
            hull: Hull::new(mesh.vertices(), 0.0),
            skin: Arc::new(Skin::Turned {
                outline: *outline,
                tip: is_nose,
            }),
            head_margin: head_margin.m(),
        }
    })
}

/// A box of the room.
pub(super) fn boxed(scene: &SceneBox) -> Result<Boxed, CellError> {
    let edges = scene.size.iter().all(|e| e.is_finite() && *e > 0.0);
    let half = 0.5 * Vector3::from(scene.size);
    let corner = |k: u32| {
        let side = |axis: u32| if k >> axis & 1 == 1 { 1.0 } else { -1.0 };
        half.component_mul(&Vector3::new(side(0), side(1), side(2)))
    };
    let corners: Vec<_> = (0..8).map(corner).collect();
    let sound = edges && scene.base_from_box.is_finite();
    let hull = sound.then(|| Hull::new(&corners, 0.0)).flatten();
    let Some(hull) = hull else {
        return Err(CellError::Box {
            name: scene.name.clone(),
        });
    };
    Ok(Boxed {
        name: scene.name.clone(),
        box_from_base: scene.base_from_box.raw().inverse(),
        base_from_box: *scene.base_from_box.raw(),
        half,
        hull,
    })
}
