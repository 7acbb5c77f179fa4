//! Places along a space-filling curve: what is near on the curve is near in space.

use nalgebra::Vector3;

/// Edge of the smallest cubes, metres.
const EDGE: f64 = 0.4e-3;
/// Half the cube's span: a head lies well within it. The odd digits keep planes of symmetry off the bounds between cubes.
const ORIGIN: [f64; 3] = [2.000_137_1, 2.000_171_9, 2.000_113_7];
/// Bits per coordinate.
const BITS: u32 = 14;

/// The place of a point (head frame, metres) along Hilbert's curve through cubes of 0.4 mm. After Skilling, "Programming the Hilbert
/// curve" (2004).
pub(super) fn key(p: &Vector3<f64>) -> u64 {
    let top = (1u32 << BITS) - 1;
    // The cast saturates: a place outside counts to the cube nearest to it.
    let mut x = [0, 1, 2].map(|k| (((p[k] + ORIGIN[k]) / EDGE) as u32).min(top));
    let mut bit = 1u32 << (BITS - 1);
    while bit > 1 {
        let low = bit - 1;
        for k in 0..3 {
            if x[k] & bit != 0 {
                x[0] ^= low;
            } else {
                let swap = (x[0] ^ x[k]) & low;
                x[0] ^= swap;
                x[k] ^= swap;
            }
        }
        bit >>= 1;
    }
    x[1] ^= x[0];
    x[2] ^= x[1];
    let mut turn = 0;
    let mut bit = 1u32 << (BITS - 1);
    while bit > 1 {
        if x[2] & bit != 0 {
            turn ^= bit - 1;
        }
        bit >>= 1;
    }
    let x = x.map(|c| c ^ turn);
    (0..BITS).rev().fold(0, |key, b| {
        x.iter()
            .fold(key, |key, c| (key << 1) | u64::from((c >> b) & 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_on_the_curve_are_neighbours_in_space() {
        let side = 16i32;
        let mut cubes: Vec<(u64, [i32; 3])> = Vec::new();
        for x in 0..side {
            for y in 0..side {
                for z in 0..side {
                    // Cubes of one aligned block: 0.4 mm × 16 at a multiple of 16 cubes from the origin of the curve.
                    let at = [x, y, z].map(|c| f64::from(c) + 0.5 + 16.0 * 313.0);
                    let p = Vector3::from_fn(|k, _| at[k] * EDGE - ORIGIN[k]);
                    cubes.push((key(&p), [x, y, z]));
                }
            }
        }
        cubes.sort_unstable();
        for pair in cubes.windows(2) {
            assert_eq!(pair[1].0, pair[0].0 + 1, "a cube is missing");
            let step: i32 = (0..3).map(|k| (pair[1].1[k] - pair[0].1[k]).abs()).sum();
            assert_eq!(step, 1, "{pair:?}");
        }
    }
}
