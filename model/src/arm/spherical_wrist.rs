//! Closed-form inverse kinematics of arms with a spherical wrist: axes 4, 5, 6 meet in one point, the wrist's centre. The first three joints
//! bring that point to its place, the last three turn about it.
//!
//! Two kinds of first three are known: axes 2 and 3 parallel (most industrial arms), and axes 1 and 2 meeting (a shoulder, as the arms
//! with seven axes have it when one joint stands still). Recognised from the axes at zero, never from names.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Rotation3, Unit, Vector3};

use super::subproblems::{
    ASKEW, EXACT, SixAxes, across, circle_plane, meeting, parallel, rot, turn,
};

/// How the first three joints bring the wrist's centre to its place. Vectors are those at zero, base frame, metres.
#[derive(Debug, Clone)]
enum Positioning {
    /// Axes 2 and 3 are parallel.
    ParallelElbow {
        /// Base to a point of axis 1, on to axes 2 and 3, on to the wrist's centre.
        p01: Vector3<f64>,
        p12: Vector3<f64>,
        p23: Vector3<f64>,
        p3w: Vector3<f64>,
        /// Which way axis 3 points relative to axis 2: +1 or -1.
        sign: f64,
    },
    /// Axes 1 and 2 meet.
    Shoulder {
        /// Where, on to axis 3, on to the wrist's centre.
        p0s: Vector3<f64>,
        ps3: Vector3<f64>,
        p3w: Vector3<f64>,
    },
}

/// The constants of such an arm.
#[derive(Debug, Clone)]
pub(super) struct SphericalWrist {
    axes: [Unit<Vector3<f64>>; 6],
    positioning: Positioning,
    /// From the wrist's centre to the flange at zero.
    pwt: Vector3<f64>,
    home: Isometry3<f64>,
}

impl SphericalWrist {
    /// The closed form of a chain, if it has this shape.
    pub(super) fn recognise(chain: &SixAxes) -> Option<Self> {
        let [a1, a2, a3, a4, a5, a6] = &chain.lines;
        let wrist = meeting(a4, a5)?;
        let off = (wrist - a6.1).cross(&a6.0).norm();
        // Axes 5 and 6 must span a plane as well, or the wrist has two turns and not three.
        if off > EXACT || a5.0.cross(&a6.0).norm() < ASKEW {
            return None;
        }
        let positioning = if let Some(sign) = parallel(a2, a3) {
            if a1.0.cross(&a2.0).norm() < ASKEW {
                return None;
            }
            Positioning::ParallelElbow {
                p01: a1.1,
                p12: a2.1 - a1.1,
                p23: a3.1 - a2.1,
                p3w: wrist - a3.1,
                sign,
            }
        } else {
            let shoulder = meeting(a1, a2)?;
            Positioning::Shoulder {
                p0s: shoulder,
                ps3: a3.1 - shoulder,
                p3w: wrist - a3.1,
            }
        };
        Some(Self {
            axes: chain.lines.map(|l| l.0),
            positioning,
            pwt: chain.home.translation.vector - wrist,
            home: chain.home,
        })
    }

    /// All solutions, each angle in any turn; where axes 4 and 6 lie on one line the free angle 4 is taken from `near`.
    pub(super) fn solve(&self, target: &Isometry3<f64>, near: &[f64]) -> ArrayVec<[f64; 6], 8> {
        let mut solutions = ArrayVec::new();
        let r06 = (target.rotation * self.home.rotation.inverse()).to_rotation_matrix();
        let wrist = target.translation.vector - r06 * self.pwt;
        for [q1, q2, q3] in self.position(&wrist) {
            let [h1, h2, h3, ..] = &self.axes;
            let r03 = rot(h1, q1) * rot(h2, q2) * rot(h3, q3);
            for [q4, q5, q6] in self.orient(&(r03.inverse() * r06), near) {
                // At most 4·2 of them, so there is always room.
                let _ = solutions.try_push([q1, q2, q3, q4, q5, q6]);
            }
        }
        solutions
    }

    /// Joints 1, 2, 3 that bring the wrist's centre to its place.
    fn position(&self, wrist: &Vector3<f64>) -> ArrayVec<[f64; 3], 4> {
        let [h1, h2, h3, ..] = &self.axes;
        let mut found = ArrayVec::new();
        match &self.positioning {
            Positioning::ParallelElbow {
                p01,
                p12,
                p23,
                p3w,
                sign,
            } => {
                let p1w = wrist - p01;
                let along = h2.dot(&(p12 + p23 + p3w));
                // h2 · rot(h1, -q1) p1w = along, as a rotation about -h1.
                for q1 in circle_plane(&-*h1, h2, &p1w, along).into_iter().flatten() {
                    let w = rot(h1, -q1) * p1w - p12;
                    let reach = 0.5 * (w.norm_squared() - p23.norm_squared() - p3w.norm_squared());
                    for bend in circle_plane(h2, p23, p3w, reach).into_iter().flatten() {
                        if let Some(q2) = turn(h2, &(p23 + rot(h2, bend) * p3w), &w) {
                            let _ = found.try_push([q1, q2, bend * sign]);
                        }
                    }
                }
            }
            Positioning::Shoulder { p0s, ps3, p3w } => {
                let w = wrist - p0s;
                let reach = 0.5 * (w.norm_squared() - ps3.norm_squared() - p3w.norm_squared());
                for q3 in circle_plane(h3, ps3, p3w, reach).into_iter().flatten() {
                    let v = ps3 + rot(h3, q3) * p3w;
                    for q2 in circle_plane(h2, h1, &v, h1.dot(&w)).into_iter().flatten() {
                        // On axis 1 itself any turn about it does.
                        let q1 = turn(h1, &(rot(h2, q2) * v), &w).unwrap_or(0.0);
                        let _ = found.try_push([q1, q2, q3]);
                    }
                }
            }
        }
        found
    }

    /// Joints 4, 5, 6 that make the turn `r36`.
    fn orient(&self, r36: &Rotation3<f64>, near: &[f64]) -> ArrayVec<[f64; 3], 2> {
        let [.., h4, h5, h6] = &self.axes;
        let tip = r36 * h6.into_inner();
        let q5s = circle_plane(h5, h4, h6, h4.dot(&tip));
        let orient = |q5: f64| {
            let r5 = rot(h5, q5);
            let free = || near.get(3).copied().unwrap_or(0.0);
            let q4 = turn(h4, &(r5 * h6.into_inner()), &tip).unwrap_or_else(free);
            let u = across(h6);
            let q6 = turn(h6, &u, &((rot(h4, q4) * r5).inverse() * (r36 * u)))?;
            Some([q4, q5, q6])
        };
        q5s.into_iter().flatten().filter_map(orient).collect()
    }
}
