//! The scene: head, dots, arm, tool, needle, surroundings.

use kiss3d::prelude::*;
use nalgebra::{Isometry3, Vector3};
use stipple_model::arm::BodyMesh;
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;
use stipple_model::plan::Plan;

use super::marks::{Mark, Marks};
use super::{Subject, picture::Viewpoint};

const SKIN: [u8; 3] = [214, 170, 143];
const METAL: [u8; 3] = [150, 156, 165];
const TOOL: [u8; 3] = [44, 110, 170];
const ROOM: [u8; 3] = [92, 96, 104];
/// Background of windows and pictures; like all the renderer's colours it is linear, not sRGB.
pub const BACKGROUND: Color = Color::new(0.035, 0.038, 0.045, 1.0);

/// Radius of the disc that stands for a dot, metres; the dot itself, a tenth of that, could not be seen from afar.
const DISC: f32 = 0.45e-3;
/// How far a disc floats over the skin, metres, so that the skin between mesh points does not swallow it.
const FLOAT: f32 = 0.12e-3;
/// Radius of the needle as drawn, metres.
const NEEDLE: f32 = 0.25e-3;

/// A colour as people name it (sRGB) for the renderer, which mixes light.
fn srgb(rgb: [u8; 3]) -> Color {
    let [r, g, b] = rgb.map(|c| {
        let c = f32::from(c) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    Color::new(r, g, b, 1.0)
}

/// nalgebra's vector for the renderer.
pub fn vec3(v: &Vector3<f64>) -> Vec3 {
    Vec3::new(v.x as f32, v.y as f32, v.z as f32)
}

/// nalgebra's pose for the renderer.
fn pose(iso: &Isometry3<f64>) -> Pose3 {
    let q = iso.rotation.coords;
    let rotation = Quat::from_xyzw(q.x as f32, q.y as f32, q.z as f32, q.w as f32);
    Pose3::from_parts(vec3(&iso.translation.vector), rotation)
}

/// The scene graph of one plan, in the head's frame.
pub struct Stage {
    /// The root.
    pub scene: SceneNode3d,
    bodies: Vec<SceneNode3d>,
    /// What is fixed to a body, by its number.
    attached: Vec<(usize, SceneNode3d)>,
    tool: SceneNode3d,
    needle: SceneNode3d,
    room: Vec<(SceneNode3d, Isometry3<f64>)>,
    discs: SceneNode3d,
    /// How many times as wide as in a window dots are drawn.
    pub(super) widen: f32,
    shades: Vec<Color>,
    places: Vec<Place>,
    shade_of: Vec<u8>,
}

fn body(scene: &mut SceneNode3d, mesh: &BodyMesh, color: [u8; 3]) -> SceneNode3d {
    if mesh.triangles().is_empty() {
        return scene.add_group();
    }
    let vertices = mesh.vertices().iter().map(vec3).collect();
    let mut node = scene.add_trimesh(vertices, mesh.triangles().to_vec(), Vec3::ONE, true);
    node.set_color(srgb(color)).set_roughness(0.5);
    node
}

/// A flat cone of eight sides, its tip up along z, one metre in radius.
fn disc(scene: &mut SceneNode3d) -> SceneNode3d {
    let mut vertices = vec![Vec3::new(0.0, 0.0, 0.25)];
    vertices.extend((0..8).map(|i| {
        let angle = std::f32::consts::TAU * i as f32 / 8.0;
        Vec3::new(angle.cos(), angle.sin(), 0.0)
    }));
    let triangles = (0..8).map(|i| [0, 1 + i, 1 + (i + 1) % 8]).collect();
    let mut node = scene.add_trimesh(vertices, triangles, Vec3::ONE, false);
    node.set_roughness(1.0);
    node
}

fn lights(scene: &mut SceneNode3d) {
    for (way, intensity) in [
        ([-0.6, 0.45, -0.8], 2.2),
        ([-0.3, -0.9, -0.35], 1.0),
        ([0.9, 0.2, -0.4], 0.9),
    ] {
        scene.add_light(
            Light::directional(Vec3::from_array(way))
                .with_intensity(intensity)
                .with_casts_shadows(false),
        );
    }
}

impl Stage {
    /// Everything in place, the arm at `joints` and the head where it is expected.
    #[must_use]
    pub fn new(subject: &Subject, joints: &Joints) -> Self {
        let (plan, cell) = (&*subject.plan, &*subject.cell);
        let mut scene = SceneNode3d::empty();
        lights(&mut scene);
        let head = plan
            .head
            .vertices()
            .iter()
            .map(|p| vec3(&p.raw()))
            .collect();
        scene
            .add_trimesh(head, plan.head.triangles().to_vec(), Vec3::ONE, false)
            .set_color(srgb(SKIN))
            .set_roughness(0.75);
        let arm = cell.arm();
        let bodies = arm
            .bodies()
            .iter()
            .map(|mesh| body(&mut scene, mesh, METAL))
            .collect();
        let attached = arm
            .attached()
            .iter()
            .map(|(carrier, mesh)| (*carrier, body(&mut scene, mesh, METAL)))
            .collect();
        let tool = body(&mut scene, cell.tool_mesh(), TOOL);
        let mut needle = scene.add_cylinder(NEEDLE, 1.0);
        needle.set_color(srgb([235, 235, 245]));
        let room = room(&mut scene, plan);
        let discs = disc(&mut scene);
        let shades = plan.shades.iter().map(|s| srgb(s.rgb));
        let mut stage = Self {
            bodies,
            attached,
            tool,
            needle,
            room,
            discs,
            widen: 1.0,
            shades: shades.collect(),
            places: plan.dots.iter().map(place).collect(),
            shade_of: plan.dots.iter().map(|d| d.shade).collect(),
            scene,
        };
        stage.set_arm(cell, joints, &plan.cell.base_from_head, 0.0);
        stage
    }

    /// Colours the dots.
    pub fn set_dots(&mut self, marks: &Marks) {
        let disc = DISC * self.widen;
        let shown = self
            .places
            .iter()
            .zip(marks.as_slice())
            .zip(&self.shade_of)
            .filter_map(|((place, mark), shade)| {
                let shade = self
                    .shades
                    .get(usize::from(*shade))
                    .copied()
                    .unwrap_or(BLACK);
                let (color, size) = look(*mark, shade)?;
                Some(InstanceData3d {
                    position: place.position,
                    deformation: place.frame * Mat3::from_diagonal(Vec3::splat(disc * size)),
                    color,
                    ..InstanceData3d::default()
                })
            });
        let instances: Vec<_> = shown.collect();
        self.discs.set_visible(!instances.is_empty());
        self.discs.set_instances(&instances);
    }

    /// Puts arm, tool and room where they are against the head; the needle is `extension` metres out.
    pub fn set_arm(
        &mut self,
        cell: &WorkCell,
        joints: &Joints,
        base_from_head: &Transform<Base, Head>,
        extension: f64,
    ) {
        let head_from_base = base_from_head.raw().inverse();
        let poses = cell.arm().link_poses(joints);
        for (node, body) in self.bodies.iter_mut().zip(&poses.bodies) {
            node.set_pose(pose(&(head_from_base * body)));
        }
        for (body, node) in &mut self.attached {
            if let Some(at) = poses.bodies.get(*body) {
                node.set_pose(pose(&(head_from_base * at)));
            }
        }
        let tip = head_from_base * cell.base_from_tip(joints).raw();
        self.tool.set_pose(pose(&tip));
        for (node, base_from_box) in &mut self.room {
            node.set_pose(pose(&(head_from_base * *base_from_box)));
        }
        self.needle.set_visible(extension > 0.0);
        if extension > 0.0 {
            // kiss3d's cylinder stands on its middle, along y.
            let along = nalgebra::UnitQuaternion::from_axis_angle(
                &Vector3::x_axis(),
                std::f64::consts::FRAC_PI_2,
            );
            let middle = tip
                * Isometry3::from_parts(
                    nalgebra::Translation3::new(0.0, 0.0, 0.5 * extension),
                    along,
                );
            self.needle
                .set_local_scale(NEEDLE * 2.0, extension as f32, NEEDLE * 2.0);
            self.needle.set_pose(pose(&middle));
        }
    }
}

/// Where a disc lies on the skin.
struct Place {
    position: Vec3,
    /// Its axes, the last one outward.
    frame: Mat3,
}

fn place(dot: &stipple_model::plan::Dot) -> Place {
    let normal = vec3(&dot.normal.raw());
    let across = vec3(&dot.normal.any_perpendicular().raw());
    let frame = Mat3::from_cols(across, normal.cross(across), normal);
    Place {
        position: vec3(&dot.position.raw()) + normal * FLOAT,
        frame,
    }
}

/// Colour and relative size of a dot. What is left out or in doubt has the colour of reports and markers.
fn look(mark: Mark, shade: Color) -> Option<(Color, f32)> {
    match mark {
        Mark::Planned => Some((shade, 1.0)),
        Mark::Placed => Some((srgb([40, 205, 95]), 1.4)),
        Mark::InDoubt => Some((srgb([213, 60, 0]), 1.6)),
        Mark::Skipped => Some((srgb([230, 159, 0]), 1.3)),
        Mark::Current => Some((srgb([255, 240, 30]), 3.0)),
        Mark::Hidden => None,
    }
}

fn room(scene: &mut SceneNode3d, plan: &Plan) -> Vec<(SceneNode3d, Isometry3<f64>)> {
    let boxes = plan.cell.boxes.iter().map(|b| {
        let [x, y, z] = b.size.map(|s| s as f32);
        let mut node = scene.add_cube(x, y, z);
        node.set_color(srgb(ROOM)).set_roughness(0.9);
        (node, *b.base_from_box.raw())
    });
    boxes.collect()
}

/// A camera that looks at the subject from somewhere.
#[must_use]
pub fn camera(subject: &Subject, from: Viewpoint) -> OrbitCamera3d {
    let base_from_head = &subject.plan.cell.base_from_head;
    let head_from_base = base_from_head.raw().inverse();
    let room_up = head_from_base * Vector3::z();
    let (low, high) = subject.plan.head.bounds();
    let middle = (low.raw() + high.raw()) * 0.5;
    // A head that sits is seen as one sees a person; a head that lies, along its own axes.
    let up = if room_up.z > 0.5 {
        room_up
    } else {
        Vector3::z()
    };
    let forward = (Vector3::x() - up * up.x)
        .try_normalize(1e-9)
        .unwrap_or_else(Vector3::x);
    let left = up.cross(&forward);
    let around = |way: Vector3<f64>| (middle + way * 0.50 + up * 0.14, middle);
    let (eye, at) = match from {
        Viewpoint::Scene => {
            // From the face's side, a little away from the arm's foot, so that the arm is seen behind the head.
            let to_arm = head_from_base.translation.vector - middle;
            let level = to_arm - up * to_arm.dot(&up);
            let at = middle + level * 0.32 + up * 0.14;
            let aside = level.try_normalize(1e-9).unwrap_or_else(|| -forward);
            (at + forward * 1.0 - aside * 0.4 + up * 0.42, at)
        }
        Viewpoint::Front => around(forward),
        Viewpoint::Left => around(left),
        Viewpoint::Right => around(-left),
        Viewpoint::Back => around(-forward),
        // Straight down has no up; a little from the front keeps the face below.
        Viewpoint::Top => around((up + forward * 0.15).normalize()),
    };
    let mut camera = OrbitCamera3d::new_with_frustum(0.7, 0.01, 20.0, vec3(&eye), vec3(&at));
    camera.set_up_axis(vec3(&up));
    camera.look_at(vec3(&eye), vec3(&at));
    camera.set_min_dist(0.02);
    camera.set_dist_step(0.96);
    camera
}
