//! How far bodies can move when the joints leave a configuration.

use arrayvec::ArrayVec;
use nalgebra::Vector3;

use super::bodies::Body;
use super::work_cell::{Frames, WorkCell};
use crate::joints::{Joints, MAX_JOINTS};

/// Velocity of a rigid body: of its point at the base's origin, and its turn.
#[derive(Clone, Copy)]
struct Twist {
    linear: Vector3<f64>,
    angular: Vector3<f64>,
}

/// The joints move by the sum of the spans, each scaled by -1 to 1: how far does that take every body?
///
/// To first order a point moves by `J Δ`, and `|J (s u + t v)| ≤ |J u| + |J v|` for |s|, |t| ≤ 1. What is left is half the second derivative
/// along the way. The one by joints j ≤ k is `ωⱼ × (ωₖ × (p - pₖ))`, no longer than the point is far from axis k; so the rest is at most
/// `½ Σₖ rₖ |Δₖ| (|Δₖ| + 2 Σ_{j<k} |Δⱼ|)` with rₖ the farthest the body ever is from axis k.
pub(super) struct Sweep<const SPANS: usize> {
    /// By span, then by how many joints move the body.
    twists: ArrayVec<[Twist; MAX_JOINTS + 1], SPANS>,
    /// The most each joint turns, rad.
    turns: [f64; MAX_JOINTS],
}

/// The motion of one body, perhaps as another body sees it.
pub(super) struct Motion<const SPANS: usize> {
    twists: ArrayVec<Twist, SPANS>,
    bend: f64,
}

impl<const SPANS: usize> Motion<SPANS> {
    /// Bound of how far any point within `radius` of `center` (in the base frame) moves, metres.
    pub(super) fn reach(&self, center: &Vector3<f64>, radius: f64) -> f64 {
        self.twists.iter().fold(self.bend, |sum, twist| {
            let linear = twist.linear + twist.angular.cross(center);
            sum + linear.norm() + twist.angular.norm() * radius
        })
    }
}

impl<const SPANS: usize> Sweep<SPANS> {
    /// `spans` are no more than `SPANS`.
    pub(super) fn new(frames: &Frames, spans: &[Joints]) -> Self {
        let rest = Twist {
            linear: Vector3::zeros(),
            angular: Vector3::zeros(),
        };
        let mut turns = [0.0; MAX_JOINTS];
        let twists = spans
            .iter()
            .take(SPANS)
            .map(|span| {
                let mut twists = [rest; MAX_JOINTS + 1];
                let joints = frames.poses.axes.iter().zip(span.as_slice());
                for (i, (axis, turn)) in joints.enumerate() {
                    turns[i] += turn.abs();
                    twists[i + 1] = Twist {
                        linear: twists[i].linear + axis.point.cross(&axis.direction) * *turn,
                        angular: twists[i].angular + axis.direction * *turn,
                    };
                }
                twists
            })
            .collect();
        Self { twists, turns }
    }

    /// The same, where each joint is known to turn no more than `turns`, rad.
    pub(super) fn turning_at_most(mut self, turns: &Joints) -> Self {
        for (turn, most) in self.turns.iter_mut().zip(turns.as_slice()) {
            *turn = turn.min(*most);
        }
        self
    }

    /// The motion of a body seen from one that the first `from` joints carry; from the base with 0.
    pub(super) fn motion(
        &self,
        from: usize,
        body: &Body,
        arms: &[f64; MAX_JOINTS],
    ) -> Motion<SPANS> {
        let mut before = 0.0;
        let mut bend = 0.0;
        let joints = arms.iter().zip(&self.turns);
        for (arm, turn) in joints.take(body.carrier).skip(from) {
            bend += 0.5 * arm * turn * (turn + 2.0 * before);
            before += turn;
        }
        let twists = self.twists.iter().map(|twists| Twist {
            linear: twists[body.carrier].linear - twists[from].linear,
            angular: twists[body.carrier].angular - twists[from].angular,
        });
        Motion {
            twists: twists.collect(),
            bend,
        }
    }
}

impl WorkCell {
    pub(super) fn motion_of<const SPANS: usize>(
        &self,
        sweep: &Sweep<SPANS>,
        body: usize,
    ) -> Motion<SPANS> {
        sweep.motion(0, &self.bodies[body], &self.arms[body])
    }
}
