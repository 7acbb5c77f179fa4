//! Where the bodies are for given joints, and how they move.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Quaternion, UnitQuaternion, Vector3};

use super::angles::SinCos;
use super::chain::Arm;
use crate::frames::{Base, Flange, Transform};
use crate::joints::{Joints, MAX_JOINTS};

/// One joint's axis in the base frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// A point on it, metres.
    pub point: Vector3<f64>,
    /// Its direction.
    pub direction: Vector3<f64>,
}

/// The pose of every body and joint axis in the base frame.
#[derive(Debug, Clone)]
pub struct LinkPoses {
    /// Body 0 (on the base) to the last (dof + 1 of them).
    pub bodies: ArrayVec<Isometry3<f64>, { MAX_JOINTS + 1 }>,
    /// Joint axes, base to flange.
    pub axes: ArrayVec<Axis, MAX_JOINTS>,
    /// The flange.
    pub base_from_flange: Transform<Base, Flange>,
}

impl Arm {
    /// Forward kinematics of every body. `q` has one value a joint (missing ones count as zero), rad.
    #[must_use]
    pub fn link_poses(&self, q: &Joints) -> LinkPoses {
        let mut bodies = ArrayVec::new();
        let mut axes = ArrayVec::new();
        let mut pose = Isometry3::identity();
        bodies.push(pose);
        let halves = SinCos::of(q.map(|v| 0.5 * v).as_slice());
        for (k, joint) in self.joints.iter().enumerate() {
            let frame = pose * joint.origin;
            axes.push(Axis {
                point: frame.translation.vector,
                direction: frame.rotation * joint.axis.into_inner(),
            });
            let turn = Quaternion::from_parts(halves.cos[k], joint.axis.scale(halves.sin[k]));
            pose = Isometry3::from_parts(
                frame.translation,
                frame.rotation * UnitQuaternion::new_unchecked(turn),
            );
            bodies.push(pose);
        }
        let base_from_flange = Transform::from_raw(pose * self.last_from_flange);
        LinkPoses {
            bodies,
            axes,
            base_from_flange,
        }
    }

    /// Forward kinematics: the flange's pose for joints in rad.
    #[must_use]
    pub fn forward(&self, q: &Joints) -> Transform<Base, Flange> {
        Transform::from_raw(self.steps.flange(q.as_slice()).isometry())
    }
}

impl LinkPoses {
    /// Column `joint` of the geometric Jacobian for a point fixed to a body behind that joint: linear (m/s) and angular (rad/s) velocity
    /// of the point per rad/s of the joint, both in the base frame.
    #[must_use]
    pub fn jacobian_column(
        &self,
        joint: usize,
        point: &Vector3<f64>,
    ) -> (Vector3<f64>, Vector3<f64>) {
        let axis = &self.axes[joint];
        (axis.direction.cross(&(point - axis.point)), axis.direction)
    }

    /// Velocity of a point fixed to `body` when the joints turn by `rates`: m/s and rad/s in the base frame.
    #[must_use]
    pub fn velocity(
        &self,
        body: usize,
        point: &Vector3<f64>,
        rates: &Joints,
    ) -> (Vector3<f64>, Vector3<f64>) {
        let mut sum = (Vector3::zeros(), Vector3::zeros());
        for (joint, rate) in rates
            .as_slice()
            .iter()
            .enumerate()
            .take(body.min(self.axes.len()))
        {
            let (linear, angular) = self.jacobian_column(joint, point);
            sum.0 += linear * *rate;
            sum.1 += angular * *rate;
        }
        sum
    }
}
