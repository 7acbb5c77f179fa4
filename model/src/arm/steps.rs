//! The chain as the numbers that forward kinematics multiplies.
//!
//! Each joint has a frame whose z axis is the joint's axis, so that a joint turns two columns and nothing else.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Matrix3, Rotation3, Unit, UnitQuaternion, Vector3};

use super::angles::SinCos;
use super::chain::Joint;
use super::kinematics::Axis;
use crate::joints::MAX_JOINTS;

/// How often a string through all axes is pulled tighter.
const SHORTENINGS: usize = 30;
/// What a length may be off by, metres.
const ROUNDING: f64 = 1e-8;

/// From one joint's frame to the next one's, both at zero.
#[derive(Debug, Clone)]
struct Step {
    rotation: Matrix3<f64>,
    offset: Vector3<f64>,
}

/// The whole chain.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    joints: ArrayVec<Step, MAX_JOINTS>,
    flange: Step,
    shell: Shell,
}

/// Where a point on the last axis can be at all, seen from a point on the first.
#[derive(Debug, Clone)]
struct Shell {
    /// The point on the first axis, base frame.
    shoulder: Vector3<f64>,
    /// The point on the last axis, flange frame: the last joint does not move it.
    wrist: Vector3<f64>,
    /// The nearest and farthest that they can be from each other, metres.
    distance: [f64; 2],
}

impl Shell {
    /// A string through one point of every axis is as long whatever the joints do. The points are those that make it short; the bounds
    /// hold for any.
    fn new(at: &Frames) -> Self {
        let axes = at.axes();
        let mut points: ArrayVec<Vector3<f64>, MAX_JOINTS> = axes.iter().map(|a| a.point).collect();
        for _ in 0..SHORTENINGS {
            for (i, axis) in axes.iter().enumerate() {
                // Projection onto the axis, and distance from it.
                let seen = |p: &Vector3<f64>| {
                    let along = axis.direction.dot(&(p - axis.point));
                    (along, (p - axis.point - axis.direction * along).norm())
                };
                let before = i.checked_sub(1).and_then(|k| points.get(k)).map(seen);
                let along = match (before, points.get(i + 1).map(seen)) {
                    // As light is reflected.
                    (Some((a, far)), Some((b, other))) if far + other > 0.0 => {
                        (a * other + b * far) / (far + other)
                    }
                    (Some((a, _)), _) | (None, Some((a, _))) => a,
                    (None, None) => 0.0,
                };
                points[i] = axis.point + axis.direction * along;
            }
        }
        let pieces = points.windows(2).map(|p| (p[1] - p[0]).norm());
        let (sum, longest) = pieces.fold((0.0, 0.0_f64), |(s, l), p| (s + p, l.max(p)));
        let first = points.first().copied().unwrap_or_default();
        let last = points.last().copied().unwrap_or_default();
        Self {
            shoulder: first,
            wrist: at.flange.rotation.tr_mul(&(last - at.flange.position)),
            distance: [2.0 * longest - sum - ROUNDING, sum + ROUNDING],
        }
    }
}

/// Where the flange is: its axes as columns, and its origin; base frame.
#[derive(Debug, Clone)]
pub(super) struct FlangeFrame {
    pub rotation: Matrix3<f64>,
    pub position: Vector3<f64>,
}

/// Where axes and flange are for some joints, base frame.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    axes: [Axis; MAX_JOINTS],
    dof: usize,
    pub flange: FlangeFrame,
}

impl Frames {
    /// The axes, base to flange.
    pub fn axes(&self) -> &[Axis] {
        &self.axes[..self.dof]
    }
}

impl FlangeFrame {
    pub fn isometry(&self) -> Isometry3<f64> {
        let rotation = Rotation3::from_matrix_unchecked(self.rotation);
        Isometry3::from_parts(
            self.position.into(),
            UnitQuaternion::from_rotation_matrix(&rotation),
        )
    }
}

/// The turn of the z axis onto an axis.
fn onto(axis: &Unit<Vector3<f64>>) -> Matrix3<f64> {
    Rotation3::rotation_between(&Vector3::z(), axis).map_or_else(
        || Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0)),
        Rotation3::into_inner,
    )
}

impl Steps {
    pub fn new(joints: &[Joint], last_from_flange: &Isometry3<f64>) -> Self {
        let mut before = Matrix3::identity();
        let step = |before: &Matrix3<f64>, iso: &Isometry3<f64>, after: &Matrix3<f64>| Step {
            rotation: before.transpose() * iso.rotation.to_rotation_matrix().matrix() * after,
            offset: before.transpose() * iso.translation.vector,
        };
        let mut steps = ArrayVec::new();
        for joint in joints.iter().take(MAX_JOINTS) {
            let after = onto(&joint.axis);
            steps.push(step(&before, &joint.origin, &after));
            before = after;
        }
        let flange = step(&before, last_from_flange, &Matrix3::identity());
        let mut chain = Self {
            joints: steps,
            flange,
            shell: Shell {
                shoulder: Vector3::zeros(),
                wrist: Vector3::zeros(),
                distance: [0.0, f64::INFINITY],
            },
        };
        chain.shell = Shell::new(&chain.run(&[]));
        chain
    }

    /// Whether the flange cannot be brought to a pose whatever the joints do, proven by how far the last axis then is from the first:
    /// cheap, and it spares a search.
    pub fn is_beyond_reach(&self, target: &Isometry3<f64>) -> bool {
        let Shell {
            shoulder,
            wrist,
            distance: [nearest, farthest],
        } = &self.shell;
        let apart = (target * nalgebra::Point3::from(*wrist)).coords - shoulder;
        let apart = apart.norm();
        apart < *nearest || apart > *farthest
    }

    /// Forward kinematics; a joint without a value stays at zero.
    pub fn run(&self, q: &[f64]) -> Frames {
        let none = Axis {
            point: Vector3::zeros(),
            direction: Vector3::zeros(),
        };
        let mut axes = [none; MAX_JOINTS];
        let flange = self.walk(q, |joint, axis| axes[joint] = axis);
        Frames {
            axes,
            dof: self.joints.len(),
            flange,
        }
    }

    /// Where the flange is; a joint without a value stays at zero.
    pub fn flange(&self, q: &[f64]) -> FlangeFrame {
        self.walk(q, |_, _| ())
    }

    #[inline(always)]
    fn walk(&self, q: &[f64], mut visit: impl FnMut(usize, Axis)) -> FlangeFrame {
        let turns = SinCos::of(q);
        let mut rotation = Matrix3::identity();
        let mut position = Vector3::zeros();
        for (k, step) in self.joints.iter().enumerate() {
            if k == 0 {
                (rotation, position) = (step.rotation, step.offset);
            } else {
                position += rotation * step.offset;
                rotation *= step.rotation;
            }
            let (sine, cosine) = (turns.sin[k], turns.cos[k]);
            let (x, y) = (
                rotation.column(0).into_owned(),
                rotation.column(1).into_owned(),
            );
            rotation.set_column(0, &(x * cosine + y * sine));
            rotation.set_column(1, &(y * cosine - x * sine));
            let direction = rotation.column(2).into_owned();
            visit(
                k,
                Axis {
                    point: position,
                    direction,
                },
            );
        }
        FlangeFrame {
            position: position + rotation * self.flange.offset,
            rotation: rotation * self.flange.rotation,
        }
    }
}
