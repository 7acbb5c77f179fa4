//! Closed-form inverse kinematics of arms with a spherical wrist: axes 4, 5, 6 meet in one point, the wrist's centre. The first three
//! joints bring that point to its place, the last three turn about it.
//!
//! Two kinds of first three are known: axes 2 and 3 parallel (most industrial arms), and axes 1 and 2 meeting (a shoulder, as the arms
//! with seven axes have it when one joint stands still). Recognised from the axes at zero, never from names.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, Matrix3, Vector3};

use super::subproblems::{
    ASKEW, Bend, Circle, Crossing, Line, SHORT, SixAxes, Slack, Turn, across, distance, lever,
    meeting, parallel, sine_about, turn,
};

/// Wrist closer than this to singular (sine): angles 4 and 6 are free, the pose is met within this whatever they are.
const FREE: f64 = 1e-10;

/// How the first three joints bring the wrist's centre to its place. Vectors are those at zero, base frame, metres.
#[derive(Debug, Clone)]
enum Positioning {
    /// Axes 2 and 3 are parallel.
    ParallelElbow {
        /// Base to a point of axis 1, on to axis 2.
        p01: Vector3<f64>,
        p12: Vector3<f64>,
        /// From axis 1 to the wrist's centre, along axis 2.
        along: f64,
        shoulder: Circle,
        elbow: Limb,
        /// Which way axis 3 points relative to axis 2: +1 or -1.
        sign: f64,
    },
    /// Axes 1 and 2 meet.
    Shoulder {
        /// Where they meet.
        p0s: Vector3<f64>,
        shoulder: Circle,
        elbow: Limb,
    },
}

/// From the shoulder or axis 2 to axis 3 and on to the wrist's centre.
#[derive(Debug, Clone)]
struct Limb {
    upper: Vector3<f64>,
    fore: Vector3<f64>,
    /// The sum of their squared lengths.
    square: f64,
    bend: Bend,
}

impl Limb {
    fn new(axis: &Vector3<f64>, upper: Vector3<f64>, fore: Vector3<f64>) -> Option<Self> {
        Some(Self {
            upper,
            fore,
            square: upper.norm_squared() + fore.norm_squared(),
            bend: Bend::new(axis, &upper, &fore, SHORT * SHORT)?,
        })
    }

    /// The bends that make it reach `w`.
    fn reach(&self, w: &Vector3<f64>) -> Option<[Turn; 2]> {
        self.bend.solve(0.5 * (w.norm_squared() - self.square))
    }
}

/// The constants of such an arm.
#[derive(Debug, Clone)]
pub(super) struct SphericalWrist {
    axes: [Vector3<f64>; 6],
    positioning: Positioning,
    wrist: Bend,
    /// From the wrist's centre to the flange at zero.
    pwt: Vector3<f64>,
    home: Matrix3<f64>,
    /// At a right angle to axis 6.
    across: Vector3<f64>,
}

impl SphericalWrist {
    /// The closed form of a chain, if it has this shape within the slack.
    pub(super) fn recognise(chain: &SixAxes, slack: Slack) -> Option<Self> {
        let [a1, a2, a3, a4, a5, a6] = &chain.lines;
        let wrist = meeting(a4, a5, slack)?;
        // Axes 5 and 6 must span a plane as well, or the wrist has two turns and not three; and axis 3 must move the wrist.
        if distance(&wrist, a6) > slack.distance
            || a5.0.cross(&a6.0).norm() < ASKEW
            || distance(&wrist, a3) < SHORT
        {
            return None;
        }
        let axes = chain.lines.map(|l| l.0.into_inner());
        let [h1, h2, h3, h4, h5, h6] = &axes;
        let positioning = if let Some(sign) = parallel(a2, a3, slack) {
            if h1.cross(h2).norm() < ASKEW || distance(&a3.1, a2) < SHORT {
                return None;
            }
            // Only what lies across the axes bends.
            let flat = |v: Vector3<f64>| v - h2 * h2.dot(&v);
            Positioning::ParallelElbow {
                p01: a1.1,
                p12: a2.1 - a1.1,
                along: h2.dot(&(wrist - a1.1)),
                // h2 · rot(h1, -q1) p = along, as a rotation about -h1.
                shoulder: Circle::new(&-h1, h2),
                elbow: Limb::new(h2, flat(a3.1 - a2.1), flat(wrist - a3.1))?,
                sign,
            }
        } else {
            let shoulder = meeting(a1, a2, slack)?;
            if distance(&shoulder, a3) < SHORT {
                return None;
            }
            Positioning::Shoulder {
                p0s: shoulder,
                shoulder: Circle::new(h2, h1),
                elbow: Limb::new(h3, a3.1 - shoulder, wrist - a3.1)?,
            }
        };
        Some(Self {
            positioning,
            wrist: Bend::new(h5, h4, h6, ASKEW * ASKEW)?,
            pwt: chain.home.translation.vector - wrist,
            home: chain
                .home
                .rotation
                .inverse()
                .to_rotation_matrix()
                .into_inner(),
            across: across(h6),
            axes,
        })
    }

    /// Sines of wrist, elbow and shoulder for axes in some configuration.
    pub(super) fn sines(&self, axes: &[Line; 6]) -> Option<[f64; 3]> {
        let [a1, a2, a3, a4, a5, a6] = axes;
        let centre = meeting(a4, a5, Slack::NEARLY)?;
        let (root, turned, along) = match self.positioning {
            // Turned by axis 1 the centre must move along axis 2.
            Positioning::ParallelElbow { .. } => (a2.1, a1, a2),
            // Turned by axis 2 it must move along axis 1.
            Positioning::Shoulder { .. } => (meeting(a1, a2, Slack::NEARLY)?, a2, a1),
        };
        let size = (a3.1 - root).norm() + (centre - a3.1).norm();
        let shoulder = lever(turned, &along.0, &centre, size);
        let elbow = sine_about(&a3.0, &(a3.1 - root), &(centre - a3.1));
        Some([a4.0.cross(&a6.0).norm(), elbow, shoulder])
    }

    /// All solutions, each angle in any turn; an angle that a singularity leaves free is taken from `near`.
    pub(super) fn solve(&self, target: &Isometry3<f64>, near: &[f64; 6]) -> ArrayVec<[f64; 6], 8> {
        let mut solutions = ArrayVec::new();
        let r06 = target.rotation.to_rotation_matrix().into_inner() * self.home;
        let wrist = target.translation.vector - r06 * self.pwt;
        let [h1, h2, h3, ..] = &self.axes;
        for [q1, q2, q3] in self.position(&wrist, near) {
            let r03 = q1.matrix(h1) * (q2.matrix(h2) * q3.matrix(h3));
            self.orient(&r03.tr_mul(&r06), near[3], [q1, q2, q3], &mut solutions);
        }
        solutions
    }

    /// Joints 1, 2, 3 that bring the wrist's centre to its place.
    fn position(&self, wrist: &Vector3<f64>, near: &[f64; 6]) -> ArrayVec<[Turn; 3], 4> {
        let [h1, h2, h3, ..] = &self.axes;
        let mut found = ArrayVec::new();
        let opposite = |q: f64| [Turn::by(q), Turn::by(q + core::f64::consts::PI)];
        match &self.positioning {
            Positioning::ParallelElbow {
                p01,
                p12,
                along,
                shoulder,
                elbow,
                sign,
            } => {
                let p1w = wrist - p01;
                let q1s = match shoulder.solve(&p1w, *along) {
                    Crossing::Two(both) => both,
                    // With the wrist on axis 1 any turn does.
                    Crossing::Any => opposite(near[0]),
                    Crossing::None => return found,
                };
                for q1 in q1s {
                    let w = q1.back().about(h1, &p1w) - p12;
                    let w = w - h2 * h2.dot(&w);
                    for bend in elbow.reach(&w).into_iter().flatten() {
                        let arm = elbow.upper + bend.across(h2, &elbow.fore);
                        // With the wrist on axis 2 any turn does.
                        let q2 = turn(h2, &arm, &w, 1e-18).unwrap_or_else(|| Turn::by(near[1]));
                        let q3 = Turn {
                            cos: bend.cos,
                            sin: bend.sin * sign,
                        };
                        let _ = found.try_push([q1, q2, q3]);
                    }
                }
            }
            Positioning::Shoulder {
                p0s,
                shoulder,
                elbow,
            } => {
                let w = wrist - p0s;
                for q3 in elbow.reach(&w).into_iter().flatten() {
                    let arm = elbow.upper + q3.about(h3, &elbow.fore);
                    let q2s = match shoulder.solve(&arm, h1.dot(&w)) {
                        Crossing::Two(both) => both,
                        Crossing::Any => opposite(near[1]),
                        Crossing::None => continue,
                    };
                    for q2 in q2s {
                        let q1 = turn(h1, &q2.about(h2, &arm), &w, 1e-18);
                        let q1 = q1.unwrap_or_else(|| Turn::by(near[0]));
                        let _ = found.try_push([q1, q2, q3]);
                    }
                }
            }
        }
        found
    }

    /// Joints 4, 5, 6 that make the turn `r36`.
    fn orient(
        &self,
        r36: &Matrix3<f64>,
        free: f64,
        first: [Turn; 3],
        out: &mut ArrayVec<[f64; 6], 8>,
    ) {
        let [.., h4, h5, h6] = &self.axes;
        let tip = r36 * h6;
        let Some(q5s) = self.wrist.solve_unit(h4.dot(&tip), h4.cross(&tip).norm()) else {
            return;
        };
        let turned = r36 * self.across;
        let [q1, q2, q3] = first.map(Turn::angle);
        for q5 in q5s {
            let bent = q5.about(h5, h6);
            let q4 = turn(h4, &bent, &tip, FREE * FREE).unwrap_or_else(|| Turn::by(free));
            let left = q5.back().about(h5, &q4.back().about(h4, &turned));
            let q6 = Turn {
                cos: left.dot(&self.across),
                sin: h6.cross(&self.across).dot(&left),
            };
            // At most 4·2 of them, so there is always room.
            let _ = out.try_push([q1, q2, q3, q4.angle(), q5.angle(), q6.angle()]);
        }
    }
}
