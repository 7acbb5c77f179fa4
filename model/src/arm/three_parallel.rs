//! Closed-form inverse kinematics of arms like Universal Robots': axes 2, 3, 4 parallel, axes 5 and 6 meeting.
//!
//! Recognised from the axes at zero, never from names.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Matrix3, Vector3};

use super::angles::atan2;
use super::subproblems::{
    ASKEW, Bend, Circle, Crossing, Line, SHORT, SixAxes, Slack, Turn, across, distance, lever,
    meeting, parallel, sine_about, turn,
};

/// Wrist closer than this to singular (sine): angles 4 and 6 are free, the pose is met within this whatever they are.
const FREE: f64 = 1e-10;

/// The constants of such an arm. `Flat` vectors are seen along axis 2: x along `u`, y along `v`.
#[derive(Debug, Clone)]
pub(super) struct ThreeParallel {
    h1: Vector3<f64>,
    h2: Vector3<f64>,
    h5: Vector3<f64>,
    h6: Vector3<f64>,
    /// At right angles to axis 2 and each other.
    u: Vector3<f64>,
    /// Which way axes 3 and 4 point relative to axis 2: +1 or -1.
    signs: [f64; 2],
    /// Base to a point of axis 1.
    p01: Vector3<f64>,
    /// From the point where axes 5 and 6 meet to the flange at zero.
    p6t: Vector3<f64>,
    /// From axis to axis; the last to where axes 5 and 6 meet.
    p12: Flat,
    p23: Flat,
    p34: Flat,
    p45: Flat,
    /// From axis 1 to where axes 5 and 6 meet, along axis 2.
    along: f64,
    shoulder: Circle,
    wrist: Bend,
    elbow: Bend,
    home: Matrix3<f64>,
}

/// A vector across axis 2.
#[derive(Debug, Clone, Copy)]
struct Flat {
    x: f64,
    y: f64,
}

impl Flat {
    fn turned(self, by: Turn) -> Self {
        Self {
            x: self.x * by.cos - self.y * by.sin,
            y: self.y * by.cos + self.x * by.sin,
        }
    }
}

impl ThreeParallel {
    /// The closed form of a chain, if it has this shape within the slack.
    pub(super) fn recognise(chain: &SixAxes, slack: Slack) -> Option<Self> {
        let [a1, a2, a3, a4, a5, a6] = &chain.lines;
        let signs = [parallel(a2, a3, slack)?, parallel(a2, a4, slack)?];
        let meet = meeting(a5, a6, slack)?;
        let shortest = distance(&a3.1, a2).min(distance(&a4.1, a3));
        // None of the steps below may divide by nothing.
        if a1.0.cross(&a2.0).norm() < ASKEW || a4.0.cross(&a5.0).norm() < ASKEW || shortest < SHORT
        {
            return None;
        }
        let [h1, h2, _, _, h5, h6] = chain.lines.map(|l| l.0.into_inner());
        let u = across(&h2);
        let v = h2.cross(&u);
        let flat = |p: Vector3<f64>| Flat {
            x: u.dot(&p),
            y: v.dot(&p),
        };
        let plane = |f: Flat| u * f.x + v * f.y;
        let (p23, p34) = (flat(a3.1 - a2.1), flat(a4.1 - a3.1));
        Some(Self {
            h1,
            h2,
            h5,
            h6,
            u,
            signs,
            p01: a1.1,
            p6t: chain.home.translation.vector - meet,
            p12: flat(a2.1 - a1.1),
            p23,
            p34,
            p45: flat(meet - a4.1),
            along: h2.dot(&(meet - a1.1)),
            // h2 · rot(h1, -q1) p = along, as a rotation about -h1.
            shoulder: Circle::new(&-h1, &h2),
            wrist: Bend::new(&h5, &h2, &h6, ASKEW * ASKEW)?,
            elbow: Bend::new(&h2, &plane(p23), &plane(p34), SHORT * SHORT)?,
            home: chain
                .home
                .rotation
                .inverse()
                .to_rotation_matrix()
                .into_inner(),
        })
    }

    /// Sines of wrist, elbow and shoulder for axes in some configuration.
    pub(super) fn sines(axes: &[Line; 6]) -> Option<[f64; 3]> {
        let [a1, a2, a3, a4, a5, a6] = axes;
        let centre = meeting(a5, a6, Slack::NEARLY)?;
        let size = distance(&a3.1, a2) + distance(&a4.1, a3);
        Some([
            a2.0.cross(&a6.0).norm(),
            sine_about(&a2.0, &(a3.1 - a2.1), &(a4.1 - a3.1)),
            // Turned by axis 1 the centre must move along axis 2.
            lever(a1, &a2.0, &centre, size),
        ])
    }

    /// All solutions, each angle in any turn; an angle that a singularity leaves free is taken from `near`.
    pub(super) fn solve(&self, target: &Isometry3<f64>, near: &[f64; 6]) -> ArrayVec<[f64; 6], 8> {
        let mut solutions = ArrayVec::new();
        let r06 = target.rotation.to_rotation_matrix().into_inner() * self.home;
        let p16 = target.translation.vector - self.p01 - r06 * self.p6t;
        let tip = r06 * self.h6;
        let q1s = match self.shoulder.solve(&p16, self.along) {
            Crossing::Two(both) => both,
            Crossing::Any => [Turn::by(near[0]), Turn::by(near[0] + core::f64::consts::PI)],
            Crossing::None => return solutions,
        };
        for q1 in q1s {
            let angle1 = q1.angle();
            // The frame behind joint 1, seen from the base.
            let n = q1.about(&self.h1, &self.h2);
            let u = q1.about(&self.h1, &self.u);
            let v = n.cross(&u);
            let wrist = self.wrist.solve_unit(n.dot(&tip), n.cross(&tip).norm());
            for q5 in wrist.into_iter().flatten() {
                let from = q5.back().about(&self.h5, &self.h2);
                let q6 = turn(&-self.h6, &from, &r06.tr_mul(&n), FREE * FREE)
                    .unwrap_or_else(|| Turn::by(near[5]));
                // Where the sum of joints 2, 3 and 4 turns u to.
                let turned = q5.back().about(&self.h5, &self.u);
                let turned = r06 * q6.back().about(&self.h6, &turned);
                let total = Turn {
                    cos: turned.dot(&u),
                    sin: turned.dot(&v),
                };
                let back = self.p45.turned(total);
                let w = Flat {
                    x: p16.dot(&u) - self.p12.x - back.x,
                    y: p16.dot(&v) - self.p12.y - back.y,
                };
                let others = [angle1, q5.angle(), q6.angle()];
                self.reach(w, total, others, near[1], &mut solutions);
            }
        }
        solutions
    }

    /// The two elbows: joints 2, 3, 4 for a wrist at `w` seen from axis 2 and the sum of their turns.
    fn reach(
        &self,
        w: Flat,
        total: Turn,
        [q1, q5, q6]: [f64; 3],
        free: f64,
        out: &mut ArrayVec<[f64; 6], 8>,
    ) {
        let square = |f: Flat| f.x * f.x + f.y * f.y;
        let reach = 0.5 * (square(w) - square(self.p23) - square(self.p34));
        let Some(bends) = self.elbow.solve(reach) else {
            return;
        };
        let total = total.angle();
        for bend in bends {
            let reached = self.p34.turned(bend);
            let arm = Flat {
                x: self.p23.x + reached.x,
                y: self.p23.y + reached.y,
            };
            // With the wrist on axis 2 any turn does.
            let (cos, sin) = (arm.x * w.x + arm.y * w.y, arm.x * w.y - arm.y * w.x);
            let q2 = if cos.abs().max(sin.abs()) > 1e-18 {
                atan2(sin, cos)
            } else {
                free
            };
            let q3 = bend.angle();
            let q4 = total - q2 - q3;
            // At most 2·2·2 of them, so there is always room.
            let _ = out.try_push([q1, q2, q3 * self.signs[0], q4 * self.signs[1], q5, q6]);
        }
    }
}
