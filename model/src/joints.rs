//! Joint values of a serial arm: up to seven, without allocation.

use serde::{Deserialize, Serialize};

/// The most joints an arm may have.
pub const MAX_JOINTS: usize = 7;

/// One value a joint (positions in rad, or velocities, accelerations, jerks), base to flange.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "arrayvec::ArrayVec<f64, 7>",
    into = "arrayvec::ArrayVec<f64, 7>"
)]
pub struct Joints {
    values: [f64; MAX_JOINTS],
    dof: u8,
}

impl Joints {
    /// From a slice; `None` when it is empty or longer than [`MAX_JOINTS`].
    #[must_use]
    pub fn from_slice(values: &[f64]) -> Option<Self> {
        if values.is_empty() || values.len() > MAX_JOINTS {
            return None;
        }
        let mut joints = Self {
            values: [0.0; MAX_JOINTS],
            dof: values.len() as u8,
        };
        joints.values[..values.len()].copy_from_slice(values);
        Some(joints)
    }

    /// `dof` zeros; more than [`MAX_JOINTS`] are cut to that.
    #[must_use]
    pub fn zeros(dof: usize) -> Self {
        Self {
            values: [0.0; MAX_JOINTS],
            dof: dof.clamp(1, MAX_JOINTS) as u8,
        }
    }

    /// How many joints.
    #[must_use]
    pub const fn dof(&self) -> usize {
        self.dof as usize
    }

    /// The values.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.values[..self.dof()]
    }

    /// The values, to change.
    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        let dof = self.dof();
        &mut self.values[..dof]
    }

    /// Joint by joint, `f(self, other)`; joints that only one of them has are dropped.
    #[must_use]
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut out = Self {
            values: [0.0; MAX_JOINTS],
            dof: self.dof.min(other.dof),
        };
        for (o, (a, b)) in out
            .as_mut_slice()
            .iter_mut()
            .zip(self.as_slice().iter().zip(other.as_slice()))
        {
            *o = f(*a, *b);
        }
        out
    }

    /// Joint by joint, `f(self)`.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        self.zip(self, |a, _| f(a))
    }

    /// Straight from `self` (`s = 0`) to `to` (`s = 1`) in joint space.
    #[must_use]
    pub fn lerp(&self, to: &Self, s: f64) -> Self {
        self.zip(to, |a, b| a + (b - a) * s)
    }

    /// The largest magnitude among the values.
    #[must_use]
    pub fn max_abs(&self) -> f64 {
        self.as_slice().iter().fold(0.0, |m, v| v.abs().max(m))
    }

    /// The largest difference of one joint to `other`'s.
    #[must_use]
    pub fn max_difference(&self, other: &Self) -> f64 {
        self.zip(other, |a, b| a - b).max_abs()
    }

    /// Whether every value is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.as_slice().iter().all(|v| v.is_finite())
    }
}

impl core::ops::Index<usize> for Joints {
    type Output = f64;
    fn index(&self, joint: usize) -> &f64 {
        &self.as_slice()[joint]
    }
}

impl core::ops::IndexMut<usize> for Joints {
    fn index_mut(&mut self, joint: usize) -> &mut f64 {
        &mut self.as_mut_slice()[joint]
    }
}

impl core::fmt::Debug for Joints {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// A stored joint list was empty.
#[derive(Debug, thiserror::Error)]
#[error("a joint list is empty")]
pub struct NoJoints;

impl TryFrom<arrayvec::ArrayVec<f64, 7>> for Joints {
    type Error = NoJoints;
    fn try_from(values: arrayvec::ArrayVec<f64, 7>) -> Result<Self, NoJoints> {
        Self::from_slice(&values).ok_or(NoJoints)
    }
}

impl From<Joints> for arrayvec::ArrayVec<f64, 7> {
    fn from(joints: Joints) -> Self {
        joints.as_slice().iter().copied().collect()
    }
}
