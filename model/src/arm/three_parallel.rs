//! Closed-form inverse kinematics of arms like Universal Robots': axes 2, 3, 4 parallel, axes 5 and 6 meeting.
//!
//! Recognised from the axes at zero, never from names.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Rotation3, Unit, Vector3};

use super::subproblems::{ASKEW, SixAxes, across, circle_plane, meeting, parallel, rot, turn};

/// The constants of such an arm.
#[derive(Debug, Clone)]
pub(super) struct ThreeParallel {
    axes: [Unit<Vector3<f64>>; 6],
    /// Which way axes 3 and 4 point relative to axis 2: +1 or -1.
    signs: [f64; 2],
    /// Base to a point of axis 1, then from axis to axis; axes 5 and 6 share the point where they meet.
    p01: Vector3<f64>,
    p12: Vector3<f64>,
    p23: Vector3<f64>,
    p34: Vector3<f64>,
    p45: Vector3<f64>,
    /// From that point to the flange at zero.
    p6t: Vector3<f64>,
    home: Isometry3<f64>,
}

impl ThreeParallel {
    /// The closed form of a chain, if it has this shape.
    pub(super) fn recognise(chain: &SixAxes) -> Option<Self> {
        let [a1, a2, a3, a4, a5, a6] = &chain.lines;
        let signs = [parallel(a2, a3)?, parallel(a2, a4)?];
        let meet = meeting(a5, a6)?;
        // None of the steps below may divide by nothing.
        if a1.0.cross(&a2.0).norm() < ASKEW || a4.0.cross(&a5.0).norm() < ASKEW {
            return None;
        }
        Some(Self {
            axes: chain.lines.map(|l| l.0),
            signs,
            p01: a1.1,
            p12: a2.1 - a1.1,
            p23: a3.1 - a2.1,
            p34: a4.1 - a3.1,
            p45: meet - a4.1,
            p6t: chain.home.translation.vector - meet,
            home: chain.home,
        })
    }

    /// All solutions, each angle in any turn; at a wrist singularity (axes 4 and 6 parallel) the free angle 6 is taken from `near`.
    pub(super) fn solve(&self, target: &Isometry3<f64>, near: &[f64]) -> ArrayVec<[f64; 6], 8> {
        let mut solutions = ArrayVec::new();
        let [h1, h2, _, _, h5, h6] = &self.axes;
        let r06 = (target.rotation * self.home.rotation.inverse()).to_rotation_matrix();
        let p16 = target.translation.vector - self.p01 - r06 * self.p6t;
        let along = h2.dot(&(self.p12 + self.p23 + self.p34 + self.p45));
        // h2 · rot(h1, -q1) p16 = along, as a rotation about -h1.
        let Some(q1s) = circle_plane(&-*h1, h2, &p16, along) else {
            return solutions;
        };
        for q1 in q1s {
            let r1_inverse = rot(h1, -q1);
            let r16 = r1_inverse * r06;
            let Some(q5s) = circle_plane(h5, h2, h6, h2.dot(&(r16 * h6.into_inner()))) else {
                continue;
            };
            for q5 in q5s {
                let from = rot(h5, -q5) * h2.into_inner();
                let onto = r16.inverse() * h2.into_inner();
                let q6 = turn(&-*h6, &from, &onto)
                    .unwrap_or_else(|| near.get(5).copied().unwrap_or(0.0));
                let r234 = r16 * rot(h6, -q6) * rot(h5, -q5);
                let w = r1_inverse * p16 - self.p12 - r234 * self.p45;
                self.elbow(&w, &r234, [q1, q5, q6], &mut solutions);
            }
        }
        solutions
    }

    /// The two elbows: joints 2, 3, 4 for a wrist centre `w` seen from axis 2 and the sum of their turns.
    fn elbow(
        &self,
        w: &Vector3<f64>,
        r234: &Rotation3<f64>,
        [q1, q5, q6]: [f64; 3],
        out: &mut ArrayVec<[f64; 6], 8>,
    ) {
        let h2 = &self.axes[1];
        let u = across(h2);
        let Some(total) = turn(h2, &u, &(r234 * u)) else {
            return;
        };
        let reach = 0.5 * (w.norm_squared() - self.p23.norm_squared() - self.p34.norm_squared());
        let Some(bends) = circle_plane(h2, &self.p23, &self.p34, reach) else {
            return;
        };
        for bend in bends {
            let forearm = self.p23 + rot(h2, bend) * self.p34;
            let Some(q2) = turn(h2, &forearm, w) else {
                continue;
            };
            let q = [
                q1,
                q2,
                bend * self.signs[0],
                (total - q2 - bend) * self.signs[1],
                q5,
                q6,
            ];
            // At most 2·2·2 of them, so there is always room.
            let _ = out.try_push(q);
        }
    }
}
