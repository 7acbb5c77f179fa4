//! Sines, cosines and arctangents without branches, so that those of all joints are computed side by side; the same bits on every
//! machine.
//!
//! Polynomials: sine and cosine as in fdlibm (`k_sin.c`, `k_cos.c`), arctangent as in Cephes (`atan.c`). Within a few units in the last
//! place.

use core::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, PI};

use crate::joints::MAX_JOINTS;

/// Room for every joint, in whole registers.
const LANES: usize = MAX_JOINTS + 1;
/// Beyond this the reduction to a quarter turn loses digits, rad.
const LARGEST: f64 = 1e5;
/// Adding this rounds to an integer, which is then in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// π/2 in three parts; the first two times a quarter-turn count below 2²⁰ are exact.
const QUARTER: [f64; 3] = [
    1.570_796_326_734_125_6,
    6.077_100_506_303_966e-11,
    2.022_266_248_795_950_6e-21,
];
const SINE: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];
const COSINE: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];
const UPPER: [f64; 5] = [
    -8.750_608_600_031_904e-1,
    -1.615_753_718_733_365_2e1,
    -7.500_855_792_314_705e1,
    -1.228_866_684_490_136_1e2,
    -6.485_021_904_942_025e1,
];
const LOWER: [f64; 5] = [
    2.485_846_490_142_306_2e1,
    1.650_270_098_316_988_5e2,
    4.328_810_604_912_902_7e2,
    4.853_903_996_359_137e2,
    1.945_506_571_482_614e2,
];

/// Sine and cosine of up to seven angles, rad; those of a missing one are of zero.
#[derive(Debug)]
pub(super) struct SinCos {
    pub sin: [f64; LANES],
    pub cos: [f64; LANES],
}

impl SinCos {
    pub fn of(angles: &[f64]) -> Self {
        let mut all = [0.0; LANES];
        for (a, angle) in all.iter_mut().zip(angles) {
            *a = *angle;
        }
        let (mut sin, mut cos) = ([0.0; LANES], [1.0; LANES]);
        // NaN goes the second way.
        if all.iter().all(|a| a.abs() <= LARGEST) {
            for ((s, c), a) in sin.iter_mut().zip(&mut cos).zip(&all) {
                (*s, *c) = sin_cos(*a);
            }
        } else {
            for ((s, c), a) in sin.iter_mut().zip(&mut cos).zip(&all) {
                (*s, *c) = a.sin_cos();
            }
        }
        Self { sin, cos }
    }
}

/// For magnitudes up to [`LARGEST`].
#[inline(always)]
fn sin_cos(x: f64) -> (f64, f64) {
    let shifted = x * FRAC_2_PI + ROUND;
    let (count, quarter) = (shifted - ROUND, shifted.to_bits());
    let r = ((x - count * QUARTER[0]) - count * QUARTER[1]) - count * QUARTER[2];
    let z = r * r;
    let [a, b, c, d, e, f] = SINE;
    let sine = r + r * z * (a + z * (b + z * (c + z * (d + z * (e + z * f)))));
    let [a, b, c, d, e, f] = COSINE;
    let cosine = 1.0 - 0.5 * z + z * z * (a + z * (b + z * (c + z * (d + z * (e + z * f)))));
    // An odd quarter swaps them; the signs go with the quarter.
    let swap = 0u64.wrapping_sub(quarter & 1);
    let (s, c) = (sine.to_bits(), cosine.to_bits());
    let s_sign = (quarter & 2) << 62;
    let c_sign = (quarter.wrapping_add(1) & 2) << 62;
    (
        f64::from_bits(((s & !swap) | (c & swap)) ^ s_sign),
        f64::from_bits(((c & !swap) | (s & swap)) ^ c_sign),
    )
}

/// The angle whose sine and cosine are proportional to `y` and `x`, in -π..=π; zero when both are. Neither may be infinite.
#[inline(always)]
pub(super) fn atan2(y: f64, x: f64) -> f64 {
    let (ay, ax) = (y.abs(), x.abs());
    let (small, large) = if ay > ax { (ax, ay) } else { (ay, ax) };
    // tan(π/8): above it, the angle to the diagonal is taken instead.
    let beyond = small > 0.414_213_562_373_095_03 * large;
    let (up, down, base) = if beyond {
        (small - large, small + large, FRAC_PI_4)
    } else {
        (small, large, 0.0)
    };
    let t = up / if down == 0.0 { 1.0 } else { down };
    let z = t * t;
    let [a, b, c, d, e] = UPPER;
    let upper = (((a * z + b) * z + c) * z + d) * z + e;
    let [a, b, c, d, e] = LOWER;
    let lower = ((((z + a) * z + b) * z + c) * z + d) * z + e;
    let angle = base + (t + t * (z * (upper / lower)));
    let angle = if ay > ax { FRAC_PI_2 - angle } else { angle };
    let angle = if x < 0.0 { PI - angle } else { angle };
    angle.copysign(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_library_to_the_last_digits() {
        for k in -400_000..=400_000 {
            let x = f64::from(k) * 1.237e-4;
            let all = SinCos::of(&[x, -x, 0.5 * x, x, x, x, x]);
            let (s, c) = x.sin_cos();
            assert!(
                (all.sin[0] - s).abs() <= 3e-16 && (all.cos[0] - c).abs() <= 3e-16,
                "{x}"
            );
            assert!(
                all.sin[1] == -all.sin[0] && all.cos[1] == all.cos[0] && all.cos[6] == all.cos[0]
            );
            for length in [1.0, 1e-9, 1e-200] {
                let a = atan2(length * s, length * c);
                assert!((a - (length * s).atan2(length * c)).abs() <= 9e-16, "{x}");
            }
        }
    }

    #[test]
    fn special_angles_and_bad_numbers_come_out_as_they_should() {
        assert_eq!(atan2(0.0, 0.0), 0.0);
        assert_eq!(atan2(0.0, -1.0), PI);
        assert_eq!(atan2(-1.0, 0.0), -FRAC_PI_2);
        assert!(atan2(f64::NAN, 1.0).is_nan() && atan2(1.0, f64::NAN).is_nan());
        let far = SinCos::of(&[1e9, f64::NAN, f64::INFINITY, 0.0]);
        assert_eq!((far.sin[0], far.cos[0]), 1e9f64.sin_cos());
        assert!(far.sin[1].is_nan() && far.cos[2].is_nan());
        assert_eq!((far.sin[3], far.cos[3]), (0.0, 1.0));
        let quarter = SinCos::of(&[FRAC_PI_2, PI, 99_999.0]);
        assert_eq!(quarter.sin[0], 1.0);
        assert!((quarter.sin[2] - 99_999.0f64.sin()).abs() < 1e-15);
    }
}
