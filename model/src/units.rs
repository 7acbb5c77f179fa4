//! Physical quantities. SI inside; other units only where a file or a person needs them.
//!
//! A quantity is an `f64` in SI behind a type of its own, so that a depth cannot be passed for a speed. Millimetres, degrees and the
//! like exist only as constructors and readers named after the unit.
//!
//! ```
//! use stipple_model::units::Length;
//! let hover = Length::from_mm(2.0);
//! assert_eq!(hover.m(), 0.002);
//! ```
//!
//! Passing one quantity for another does not compile:
//!
//! ```compile_fail
//! use stipple_model::units::{Length, Speed};
//! fn approach(at: Speed) {}
//! approach(Length::from_mm(2.0));
//! ```

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident { $($from:ident / $get:ident = $factor:expr, $unit:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0.0);
            $(
                #[doc = concat!("From a value in ", $unit, ".")]
                #[must_use]
                pub const fn $from(value: f64) -> Self {
                    Self(value * $factor)
                }

                #[doc = concat!("The value in ", $unit, ".")]
                #[must_use]
                pub const fn $get(self) -> f64 {
                    self.0 / $factor
                }
            )+

            /// Whether the value is neither infinite nor NaN.
            #[must_use]
            pub const fn is_finite(self) -> bool {
                self.0.is_finite()
            }

            /// The larger of two; NaN loses.
            #[must_use]
            pub const fn max(self, other: Self) -> Self {
                Self(self.0.max(other.0))
            }

            /// The smaller of two; NaN loses.
            #[must_use]
            pub const fn min(self, other: Self) -> Self {
                Self(self.0.min(other.0))
            }
        }

        impl core::ops::Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl core::ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl core::ops::Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl core::ops::Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl core::ops::Div<$name> for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }
    };
}

quantity! {
    /// A length.
    Length { from_m / m = 1.0, "metres"; from_mm / mm = 1e-3, "millimetres"; }
}
quantity! {
    /// A plane angle.
    Angle { from_rad / rad = 1.0, "radians"; from_deg / deg = core::f64::consts::PI / 180.0, "degrees"; }
}
quantity! {
    /// A span of time.
    Time { from_s / s = 1.0, "seconds"; from_ms / ms = 1e-3, "milliseconds"; }
}
quantity! {
    /// A speed of translation.
    Speed { from_m_per_s / m_per_s = 1.0, "metres per second"; from_mm_per_s / mm_per_s = 1e-3, "millimetres per second"; }
}
quantity! {
    /// An area.
    Area { from_m2 / m2 = 1.0, "square metres"; from_cm2 / cm2 = 1e-4, "square centimetres"; }
}
quantity! {
    /// A number of dots per area.
    Density { from_per_m2 / per_m2 = 1.0, "dots per square metre"; from_per_cm2 / per_cm2 = 1e4, "dots per square centimetre"; }
}
quantity! {
    /// A force.
    Force { from_n / n = 1.0, "newtons"; }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_both_ways() {
        assert!((Length::from_mm(1234.5).m() - 1.2345).abs() < 1e-15);
        assert!((Angle::from_deg(180.0).rad() - core::f64::consts::PI).abs() < 1e-15);
        assert!((Density::from_per_cm2(30.0).per_m2() - 300_000.0).abs() < 1e-6);
        assert!((Area::from_cm2(350.0).m2() - 0.035).abs() < 1e-15);
        assert!((Length::from_mm(3.0) / Length::from_mm(2.0) - 1.5).abs() < 1e-15);
    }
}
