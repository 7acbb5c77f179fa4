//! What Stipple's planner, controller and simulator share: units and frames, the arm, clearance, motion, the treatment and plan files.

pub mod arm;
pub mod cell;
pub mod clearance;
pub mod course;
pub mod digest;
pub mod document;
pub mod files;
pub mod frames;
pub mod joints;
pub mod limits;
pub mod mesh;
pub mod motion;
pub mod normals;
pub mod plan;
pub mod registration;
pub mod stdout;
pub mod text;
pub mod treatment;
pub mod units;

#[cfg(test)]
mod testing;

/// nalgebra's vector as parry's (glam) vector.
#[must_use]
pub fn to_parry_vector(v: &nalgebra::Vector3<f64>) -> parry3d::math::Vector {
    parry3d::math::Vector::new(v.x, v.y, v.z)
}

/// parry's (glam) vector as nalgebra's.
#[must_use]
pub fn from_parry_vector(v: parry3d::math::Vector) -> nalgebra::Vector3<f64> {
    nalgebra::Vector3::new(v.x, v.y, v.z)
}
