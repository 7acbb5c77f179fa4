//! Whether coordinates come in steps: numbers that were rounded, by a format with few digits or far from the origin.

use nalgebra::Vector3;
use stipple_model::units::Length;

/// Steps below this are not told. Source: rounding to steps moves a place by their 1/√12 along each axis; 0.05 mm is then a tenth of the
/// 0.15 mm that dots may be off each other.
pub(super) const TOLD: Length = Length::from_mm(0.05);
/// Fewer different coordinates along an axis tell nothing.
const FEWEST: usize = 30;
/// A distance counts as whole steps if it is off by less than this share of one.
const NEARLY: f64 = 0.02;
/// The share of distances that must be whole steps.
const MOST: f64 = 0.99;

/// The step of the coordinates along the axis where it is largest, in the unit of the vertices; `None` where they come in none.
pub(super) fn find(vertices: &[Vector3<f64>]) -> Option<f64> {
    (0..3)
        .filter_map(|axis| along(vertices, axis))
        .max_by(f64::total_cmp)
}

fn along(vertices: &[Vector3<f64>], axis: usize) -> Option<f64> {
    let mut all: Vec<f64> = vertices.iter().map(|v| v[axis]).collect();
    all.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*all.first()?, *all.last()?);
    // What differs by less came about by computing.
    let nothing = 1e-9 * (last - first).max(first.abs()).max(last.abs());
    all.dedup_by(|b, a| *b - *a <= nothing);
    if all.len() < FEWEST {
        return None;
    }
    let gaps = || all.windows(2).map(|w| w[1] - w[0]);
    let step = gaps().fold(f64::INFINITY, f64::min);
    let whole = gaps()
        .map(|gap| gap / step)
        .filter(|n| (n - n.round()).abs() < NEARLY)
        .count();
    (step.is_finite() && whole as f64 >= MOST * (all.len() - 1) as f64).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ball(rounded: impl Fn(f64) -> f64) -> Vec<Vector3<f64>> {
        (0..3000)
            .map(|i| {
                let z = 1.0 - 2.0 * (f64::from(i) + 0.5) / 3000.0;
                let (r, a) = ((1.0 - z * z).sqrt(), f64::from(i) * 2.399_963_229_728_653);
                Vector3::new(
                    100.0 * r * a.cos(),
                    90.0 * r * a.sin(),
                    80.0 * (z + 0.1 * a.sin()),
                )
                .map(&rounded)
            })
            .collect()
    }

    #[test]
    fn rounded_numbers_are_told_from_others() {
        for step in [0.1, 0.125, 1.0] {
            let found = find(&ball(|c| (c / step).round() * step)).unwrap();
            assert!((found / step - 1.0).abs() < 1e-6, "{found} for {step}");
        }
        // As 32-bit numbers a kilometre away, in millimetres.
        let far = find(&ball(|c| f64::from((c + 1.0e6) as f32))).unwrap();
        assert!((far - 0.0625).abs() < 1e-9, "{far}");
        // Near the origin 32-bit numbers come in steps too, of different sizes; none is worth telling.
        let near = find(&ball(|c| f64::from(c as f32)));
        assert!(near.is_none_or(|s| s < 1e-4), "{near:?}");
        assert_eq!(find(&ball(|c| c)), None);
    }
}
