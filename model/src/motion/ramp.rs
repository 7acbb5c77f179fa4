//! The jerk-limited change from one constant velocity to another: the S a motion begins and ends with and turns its corners by.
//!
//! The share σ of the change rises from 0 to 1 in three phases: jerk up, constant acceleration, jerk down. It is point-symmetric about its
//! middle, so that a ramp ends where a sudden change at its middle would have led to. Source: Biagiotti and Melchiorri, Trajectory
//! Planning for Automatic Machines and Robots (2008), section 3.4, of which this is one half.

use serde::{Deserialize, Serialize};

/// Durations of the phases of a change of velocity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Ramp {
    /// Of each jerk phase, s.
    jerk: f64,
    /// Of the constant acceleration between them, s.
    steady: f64,
}

/// The share of the change at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    /// ∫σ dt since the beginning, s.
    pub integral: f64,
    /// σ, 0 to 1.
    pub share: f64,
    /// dσ/dt, 1/s.
    pub rate: f64,
}

impl Ramp {
    /// No change, in no time.
    pub const NONE: Self = Self {
        jerk: 0.0,
        steady: 0.0,
    };

    /// The shortest with dσ/dt ≤ `acceleration` (1/s) and |d²σ/dt²| ≤ `jerk` (1/s²), both positive; infinite ones take no time.
    pub fn fastest(acceleration: f64, jerk: f64) -> Self {
        if !acceleration.is_finite() || !jerk.is_finite() {
            return Self::NONE;
        }
        if jerk > acceleration * acceleration {
            let t_jerk = acceleration / jerk;
            return Self {
                jerk: t_jerk,
                steady: 1.0 / acceleration - t_jerk,
            };
        }
        Self {
            jerk: jerk.sqrt().recip(),
            steady: 0.0,
        }
    }

    /// How long it takes, s.
    pub fn duration(&self) -> f64 {
        2.0 * self.jerk + self.steady
    }

    /// The largest dσ/dt, 1/s.
    pub fn peak_rate(&self) -> f64 {
        if self.duration() > 0.0 {
            1.0 / (self.jerk + self.steady)
        } else {
            0.0
        }
    }

    /// The largest |d²σ/dt²|, 1/s².
    #[cfg(test)]
    pub fn peak_jerk(&self) -> f64 {
        if self.jerk > 0.0 {
            self.peak_rate() / self.jerk
        } else {
            0.0
        }
    }

    /// The share `t` seconds after the beginning, 0 to the duration.
    pub fn at(&self, t: f64) -> Share {
        let whole = self.duration();
        // The second half mirrors the first: σ(T - t) = 1 - σ(t).
        if t > 0.5 * whole {
            let before = self.first_half(whole - t);
            return Share {
                integral: t - 0.5 * whole + before.integral,
                share: 1.0 - before.share,
                rate: before.rate,
            };
        }
        self.first_half(t)
    }

    fn first_half(&self, t: f64) -> Share {
        let t = t.max(0.0);
        let peak = self.peak_rate();
        if t < self.jerk {
            let jerk = peak / self.jerk;
            return Share {
                integral: jerk * t * t * t / 6.0,
                share: 0.5 * jerk * t * t,
                rate: jerk * t,
            };
        }
        let u = t - self.jerk;
        let (integral, share) = (peak * self.jerk * self.jerk / 6.0, 0.5 * peak * self.jerk);
        Share {
            integral: integral + share * u + 0.5 * peak * u * u,
            share: share + peak * u,
            rate: peak,
        }
    }
}

/// Seconds from rest to rest over a path of length 1 whose rate, its change and that one's change stay within the limits: the time of a
/// straight hop, for those who only compare hops. Infinite unless every limit is positive.
///
/// Source: Biagiotti and Melchiorri, Trajectory Planning for Automatic Machines and Robots (2008), section 3.4, with zero end velocities.
#[must_use]
pub fn rest_to_rest(velocity: f64, acceleration: f64, jerk: f64) -> f64 {
    if [velocity, acceleration, jerk]
        .iter()
        .any(|l| l.is_nan() || *l <= 0.0)
    {
        return f64::INFINITY;
    }
    // Time to reach the rate: with constant acceleration where that is reached, else in two jerk phases.
    let ramp = if velocity * jerk > acceleration * acceleration {
        velocity / acceleration + acceleration / jerk
    } else {
        2.0 * (velocity / jerk).sqrt()
    };
    // Both ramps together cover velocity · ramp.
    if velocity * ramp <= 1.0 {
        return ramp + 1.0 / velocity;
    }
    let jerking = acceleration / jerk;
    if 2.0 * jerk * jerking.powi(3) < 1.0 {
        jerking + (jerking * jerking + 4.0 / acceleration).sqrt()
    } else {
        4.0 * (0.5 / jerk).cbrt()
    }
}
