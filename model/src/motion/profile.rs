//! The rest-to-rest, jerk-limited time law of one path segment ("double S"): the path parameter s runs from 0 to 1.
//!
//! Seven phases: jerk up, constant acceleration, jerk down, cruise, and the mirror image. Zero velocity and acceleration at both ends.
//! Source: Biagiotti and Melchiorri, Trajectory Planning for Automatic Machines and Robots (2008), section 3.4, with zero end velocities.

use serde::{Deserialize, Serialize};

/// A double-S law from s = 0 at t = 0 to s = 1 at [`Profile::duration`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    jerk: f64,
    /// Duration of each jerk phase, s.
    t_jerk: f64,
    /// Duration of the constant-acceleration phase, s.
    t_accel: f64,
    /// Duration of the cruise, s.
    t_cruise: f64,
}

/// Position, velocity and acceleration of the path parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathState {
    /// The parameter, 0..=1.
    pub s: f64,
    /// Its first derivative, 1/s.
    pub ds: f64,
    /// Its second derivative, 1/s².
    pub dds: f64,
}

impl Profile {
    /// The fastest law whose |ds/dt| ≤ `velocity`, |d²s/dt²| ≤ `acceleration` and |d³s/dt³| ≤ `jerk`; `None` unless all are positive
    /// and finite.
    #[must_use]
    pub fn fastest(velocity: f64, acceleration: f64, jerk: f64) -> Option<Self> {
        if [velocity, acceleration, jerk]
            .iter()
            .any(|l| !l.is_finite() || *l <= 0.0)
        {
            return None;
        }
        // Time to reach a velocity v: with constant acceleration when v·j > a², else two jerk phases only.
        let ramp = |v: f64| {
            if v * jerk > acceleration * acceleration {
                let t_jerk = acceleration / jerk;
                (t_jerk, v / acceleration - t_jerk)
            } else {
                ((v / jerk).sqrt(), 0.0)
            }
        };
        let (t_jerk, t_accel) = ramp(velocity);
        let ramp_time = 2.0 * t_jerk + t_accel;
        // Both ramps together cover v·ramp_time (mean velocity v/2, twice).
        if velocity * ramp_time <= 1.0 {
            let t_cruise = (1.0 - velocity * ramp_time) / velocity;
            return Some(Self {
                jerk,
                t_jerk,
                t_accel,
                t_cruise,
            });
        }
        // No cruise: with acceleration-limited ramps a·(tj+ta)·(2tj+ta) = 1, else 2·j·tj³ = 1.
        let t_jerk = acceleration / jerk;
        if 2.0 * jerk * t_jerk.powi(3) < 1.0 {
            let t_accel = 0.5 * (-3.0 * t_jerk + (t_jerk * t_jerk + 4.0 / acceleration).sqrt());
            return Some(Self {
                jerk,
                t_jerk,
                t_accel: t_accel.max(0.0),
                t_cruise: 0.0,
            });
        }
        Some(Self {
            jerk,
            t_jerk: (0.5 / jerk).cbrt(),
            t_accel: 0.0,
            t_cruise: 0.0,
        })
    }

    /// How long it takes, seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        4.0 * self.t_jerk + 2.0 * self.t_accel + self.t_cruise
    }

    /// Peak of |d³s/dt³|, 1/s³.
    #[must_use]
    pub fn peak_jerk(&self) -> f64 {
        self.jerk
    }

    /// Peak of |d²s/dt²|, 1/s².
    #[must_use]
    pub fn peak_acceleration(&self) -> f64 {
        self.jerk * self.t_jerk
    }

    /// Peak of ds/dt, 1/s.
    #[must_use]
    pub fn peak_velocity(&self) -> f64 {
        self.peak_acceleration() * (self.t_jerk + self.t_accel)
    }

    /// The state at time `t` in seconds; before 0 it rests at s = 0, after the end at s = 1.
    #[must_use]
    pub fn at(&self, t: f64) -> PathState {
        let duration = self.duration();
        if t.is_nan() || t <= 0.0 {
            return PathState {
                s: 0.0,
                ds: 0.0,
                dds: 0.0,
            };
        }
        if t >= duration {
            return PathState {
                s: 1.0,
                ds: 0.0,
                dds: 0.0,
            };
        }
        if t > 0.5 * duration {
            let m = self.rising(duration - t);
            return PathState {
                s: 1.0 - m.s,
                ds: m.ds,
                dds: -m.dds,
            };
        }
        self.rising(t)
    }

    /// The first half.
    fn rising(&self, t: f64) -> PathState {
        let (j, tj, ta) = (self.jerk, self.t_jerk, self.t_accel);
        let a = j * tj;
        let (s1, v1) = (j * tj.powi(3) / 6.0, 0.5 * j * tj * tj);
        if t <= tj {
            return PathState {
                s: j * t.powi(3) / 6.0,
                ds: 0.5 * j * t * t,
                dds: j * t,
            };
        }
        let u = t - tj;
        if u <= ta {
            return PathState {
                s: s1 + v1 * u + 0.5 * a * u * u,
                ds: v1 + a * u,
                dds: a,
            };
        }
        let (s2, v2) = (s1 + v1 * ta + 0.5 * a * ta * ta, v1 + a * ta);
        let u = u - ta;
        if u <= tj {
            return PathState {
                s: s2 + v2 * u + 0.5 * a * u * u - j * u.powi(3) / 6.0,
                ds: v2 + a * u - 0.5 * j * u * u,
                dds: a - j * u,
            };
        }
        let (s3, v3) = (
            s2 + v2 * tj + a * tj * tj * 0.5 - j * tj.powi(3) / 6.0,
            v2 + 0.5 * a * tj,
        );
        PathState {
            s: s3 + v3 * (u - tj),
            ds: v3,
            dds: 0.0,
        }
    }
}
