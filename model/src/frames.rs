//! Coordinate frames as types: a point knows where it is measured.
//!
//! Every position, vector, direction and transform carries its frame. A transform is named by what it gives and what it takes:
//! `base_from_head` is a `Transform<Base, Head>` and turns head coordinates into base coordinates. Axes follow REP-103.
//!
//! Mixing frames does not compile:
//!
//! ```compile_fail
//! use stipple_model::frames::{Base, Head, Point};
//! let a: Point<Head> = Point::new(0.0, 0.0, 0.1);
//! let b: Point<Base> = Point::new(0.0, 0.0, 0.1);
//! let d = a - b;
//! ```
//!
//! Nor does chaining transforms in the wrong order:
//!
//! ```compile_fail
//! use stipple_model::frames::{Base, Head, Scan, Transform};
//! fn chain(base_from_head: Transform<Base, Head>, head_from_scan: Transform<Head, Scan>) -> Transform<Base, Scan> {
//!     head_from_scan * base_from_head
//! }
//! ```
//!
//! Nor does taking a later scan's point for one of the scan that was planned on:
//!
//! ```compile_fail
//! use stipple_model::frames::{Head, Point, Rescan, Scan, Transform};
//! fn lay(head_from_scan: Transform<Head, Scan>, later: Point<Rescan>) -> Point<Head> {
//!     head_from_scan * later
//! }
//! ```
//!
//! What types cannot catch: two different heads, or one head at two times. Hence digests (see [`crate::plan`]) and stamped poses.

use core::fmt;
use core::marker::PhantomData;

use nalgebra::{Isometry3, Translation3, Unit, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

/// A coordinate frame.
pub trait Frame: Copy + Clone + fmt::Debug + PartialEq + Default + Send + Sync + 'static {
    /// The name used in messages.
    const NAME: &'static str;
}

macro_rules! frames {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
            pub struct $name;
            impl Frame for $name {
                const NAME: &'static str = $text;
            }
        )+
    };
}

frames! {
    /// The arm's base link: the frame joint angles are turned into.
    Base = "base";
    /// The arm's last link (REP-103 tool flange), where the tool is mounted.
    Flange = "flange";
    /// The nose-cone tip of the tool: origin where the needle leaves the nose, z along the needle, out of the tool.
    Tip = "tip";
    /// The scan as the scanner wrote it, scaled to metres.
    Scan = "scan";
    /// Another scan of the same head, a later session's or the live one, as its scanner wrote it, scaled to metres.
    Rescan = "rescan";
    /// The head: origin midway between the ears, x forward, y left, z up.
    Head = "head";
    /// One of the arm's links.
    Link = "link";
}

/// A position in frame `F`, metres.
#[derive(Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Point<F: Frame> {
    v: Vector3<f64>,
    #[serde(skip)]
    frame: PhantomData<F>,
}

/// A displacement, velocity or moment arm in frame `F`, SI units.
#[derive(Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vector<F: Frame> {
    v: Vector3<f64>,
    #[serde(skip)]
    frame: PhantomData<F>,
}

/// A unit vector in frame `F`.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Direction<F: Frame> {
    v: Vector3<f64>,
    #[serde(skip)]
    frame: PhantomData<F>,
}

/// The rigid transform that turns `From` coordinates into `To` coordinates.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transform<To: Frame, From: Frame> {
    iso: Isometry3<f64>,
    #[serde(skip)]
    frames: PhantomData<(To, From)>,
}

impl<F: Frame> fmt::Debug for Point<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}, {}, {})", F::NAME, self.v.x, self.v.y, self.v.z)
    }
}

impl<F: Frame> fmt::Debug for Vector<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→({}, {}, {})", F::NAME, self.v.x, self.v.y, self.v.z)
    }
}

impl<F: Frame> fmt::Debug for Direction<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}↗({}, {}, {})", F::NAME, self.v.x, self.v.y, self.v.z)
    }
}

impl<To: Frame, From: Frame> fmt::Debug for Transform<To, From> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (t, (r, p, y)) = (
            self.iso.translation.vector,
            self.iso.rotation.euler_angles(),
        );
        write!(
            f,
            "{}_from_{}(xyz {} {} {} rpy {r} {p} {y})",
            To::NAME,
            From::NAME,
            t.x,
            t.y,
            t.z
        )
    }
}

impl<F: Frame> Point<F> {
    /// From coordinates in metres.
    #[must_use]
    pub const fn new(x: f64, y: f64, z: f64) -> Self {
        Self::from_raw(Vector3::new(x, y, z))
    }

    /// From a bare vector, metres.
    #[must_use]
    pub const fn from_raw(v: Vector3<f64>) -> Self {
        Self {
            v,
            frame: PhantomData,
        }
    }

    /// The bare coordinates, metres.
    #[must_use]
    pub const fn raw(&self) -> Vector3<f64> {
        self.v
    }

    /// The frame's origin.
    #[must_use]
    pub fn origin() -> Self {
        Self::default()
    }

    /// Distance to another point, metres.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        (self.v - other.v).norm()
    }

    /// Whether all coordinates are finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.v.iter().all(|c| c.is_finite())
    }
}

impl<F: Frame> Vector<F> {
    /// From components.
    #[must_use]
    pub const fn new(x: f64, y: f64, z: f64) -> Self {
        Self::from_raw(Vector3::new(x, y, z))
    }

    /// From a bare vector.
    #[must_use]
    pub const fn from_raw(v: Vector3<f64>) -> Self {
        Self {
            v,
            frame: PhantomData,
        }
    }

    /// The bare components.
    #[must_use]
    pub const fn raw(&self) -> Vector3<f64> {
        self.v
    }

    /// Euclidean length.
    #[must_use]
    pub fn norm(&self) -> f64 {
        self.v.norm()
    }

    /// The direction of this vector, or `None` when it is too short (below 1e-12) or not finite.
    #[must_use]
    pub fn direction(&self) -> Option<Direction<F>> {
        Direction::new(self.v)
    }

    /// Scalar product with a direction.
    #[must_use]
    pub fn along(&self, direction: &Direction<F>) -> f64 {
        self.v.dot(&direction.v)
    }
}

impl<F: Frame> Direction<F> {
    /// The direction of `v`, or `None` when `v` is shorter than 1e-12 or not finite.
    #[must_use]
    pub fn new(v: Vector3<f64>) -> Option<Self> {
        let norm = v.norm();
        (norm.is_finite() && norm > 1e-12).then(|| Self {
            v: v / norm,
            frame: PhantomData,
        })
    }

    /// +x of the frame.
    #[must_use]
    pub fn x() -> Self {
        Self {
            v: Vector3::x(),
            frame: PhantomData,
        }
    }

    /// +y of the frame.
    #[must_use]
    pub fn y() -> Self {
        Self {
            v: Vector3::y(),
            frame: PhantomData,
        }
    }

    /// +z of the frame.
    #[must_use]
    pub fn z() -> Self {
        Self {
            v: Vector3::z(),
            frame: PhantomData,
        }
    }

    /// The bare unit vector.
    #[must_use]
    pub const fn raw(&self) -> Vector3<f64> {
        self.v
    }

    /// The bare unit vector as nalgebra's unit type.
    #[must_use]
    pub fn unit(&self) -> Unit<Vector3<f64>> {
        Unit::new_unchecked(self.v)
    }

    /// Angle to another direction, radians in 0..=π.
    #[must_use]
    pub fn angle(&self, other: &Self) -> f64 {
        self.v.cross(&other.v).norm().atan2(self.v.dot(&other.v))
    }

    /// Some direction at a right angle to this one; the same for the same input.
    #[must_use]
    pub fn any_perpendicular(&self) -> Self {
        let least = if self.v.x.abs() < 0.6 {
            Vector3::x()
        } else {
            Vector3::y()
        };
        let v = self.v.cross(&least);
        Self {
            v: v / v.norm(),
            frame: PhantomData,
        }
    }
}

impl<To: Frame, From: Frame> Transform<To, From> {
    /// From nalgebra's isometry.
    #[must_use]
    pub const fn from_raw(iso: Isometry3<f64>) -> Self {
        Self {
            iso,
            frames: PhantomData,
        }
    }

    /// From a translation (metres) and roll, pitch, yaw (radians, fixed axes x, y, z as in URDF).
    #[must_use]
    pub fn from_xyz_rpy(xyz: [f64; 3], rpy: [f64; 3]) -> Self {
        Self::from_raw(Isometry3::from_parts(
            Translation3::new(xyz[0], xyz[1], xyz[2]),
            UnitQuaternion::from_euler_angles(rpy[0], rpy[1], rpy[2]),
        ))
    }

    /// The identity: both frames coincide.
    #[must_use]
    pub fn identity() -> Self {
        Self::from_raw(Isometry3::identity())
    }

    /// nalgebra's isometry.
    #[must_use]
    pub const fn raw(&self) -> &Isometry3<f64> {
        &self.iso
    }

    /// The transform the other way.
    #[must_use]
    pub fn inverse(&self) -> Transform<From, To> {
        Transform::from_raw(self.iso.inverse())
    }

    /// Where `From`'s origin lies in `To`.
    #[must_use]
    pub fn origin(&self) -> Point<To> {
        Point::from_raw(self.iso.translation.vector)
    }

    /// How far apart two poses of the same thing are: translation in metres, rotation in radians.
    #[must_use]
    pub fn separation(&self, other: &Self) -> (f64, f64) {
        (
            (self.iso.translation.vector - other.iso.translation.vector).norm(),
            self.iso.rotation.angle_to(&other.iso.rotation),
        )
    }

    /// Whether every component is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.iso
            .translation
            .vector
            .iter()
            .chain(self.iso.rotation.coords.iter())
            .all(|c| c.is_finite())
    }
}

impl<To: Frame, From: Frame> Default for Transform<To, From> {
    fn default() -> Self {
        Self::identity()
    }
}

impl<A: Frame, B: Frame, C: Frame> core::ops::Mul<Transform<B, C>> for Transform<A, B> {
    type Output = Transform<A, C>;
    fn mul(self, rhs: Transform<B, C>) -> Transform<A, C> {
        Transform::from_raw(self.iso * rhs.iso)
    }
}

impl<To: Frame, From: Frame> core::ops::Mul<Point<From>> for Transform<To, From> {
    type Output = Point<To>;
    fn mul(self, rhs: Point<From>) -> Point<To> {
        Point::from_raw(self.iso.rotation * rhs.v + self.iso.translation.vector)
    }
}

impl<To: Frame, From: Frame> core::ops::Mul<Vector<From>> for Transform<To, From> {
    type Output = Vector<To>;
    fn mul(self, rhs: Vector<From>) -> Vector<To> {
        Vector::from_raw(self.iso.rotation * rhs.v)
    }
}

impl<To: Frame, From: Frame> core::ops::Mul<Direction<From>> for Transform<To, From> {
    type Output = Direction<To>;
    fn mul(self, rhs: Direction<From>) -> Direction<To> {
        Direction {
            v: self.iso.rotation * rhs.v,
            frame: PhantomData,
        }
    }
}

impl<F: Frame> core::ops::Sub for Point<F> {
    type Output = Vector<F>;
    fn sub(self, rhs: Self) -> Vector<F> {
        Vector::from_raw(self.v - rhs.v)
    }
}

impl<F: Frame> core::ops::Add<Vector<F>> for Point<F> {
    type Output = Self;
    fn add(self, rhs: Vector<F>) -> Self {
        Self::from_raw(self.v + rhs.v)
    }
}

impl<F: Frame> core::ops::Sub<Vector<F>> for Point<F> {
    type Output = Self;
    fn sub(self, rhs: Vector<F>) -> Self {
        Self::from_raw(self.v - rhs.v)
    }
}

impl<F: Frame> core::ops::Add for Vector<F> {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self::from_raw(self.v + rhs.v)
    }
}

impl<F: Frame> core::ops::Sub for Vector<F> {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self::from_raw(self.v - rhs.v)
    }
}

impl<F: Frame> core::ops::Mul<f64> for Vector<F> {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self::from_raw(self.v * factor)
    }
}

impl<F: Frame> core::ops::Mul<f64> for Direction<F> {
    type Output = Vector<F>;
    fn mul(self, length: f64) -> Vector<F> {
        Vector::from_raw(self.v * length)
    }
}

impl<F: Frame> core::ops::Neg for Direction<F> {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            v: -self.v,
            frame: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn transform_there_and_back_is_identity() {
        let base_from_head: Transform<Base, Head> =
            Transform::from_xyz_rpy([0.4, -0.1, 0.3], [0.1, -0.7, 2.0]);
        let p: Point<Head> = Point::new(0.01, 0.02, 0.13);
        let back = base_from_head.inverse() * (base_from_head * p);
        assert_relative_eq!(back.raw(), p.raw(), epsilon = 1e-15);
    }

    #[test]
    fn zero_and_nan_have_no_direction() {
        assert!(Direction::<Head>::new(Vector3::zeros()).is_none());
        assert!(Direction::<Head>::new(Vector3::new(f64::NAN, 0.0, 1.0)).is_none());
    }

    #[test]
    fn angle_is_exact_for_small_angles() {
        let a = Direction::<Tip>::z();
        let b = Direction::<Tip>::new(Vector3::new(1e-9, 0.0, 1.0)).unwrap();
        assert_relative_eq!(a.angle(&b), 1e-9, max_relative = 1e-6);
        assert_relative_eq!(
            a.any_perpendicular().angle(&a),
            core::f64::consts::FRAC_PI_2,
            epsilon = 1e-12
        );
    }
}
