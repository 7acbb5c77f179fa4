//! Whether a pattern has directions: the anisotropy of its power spectrum.
//!
//! Power spectra of small round charts of the skin are compared over the directions of each ring of frequencies. In a pattern without
//! directions the powers on a ring scatter like those of noise, whose standard deviation equals their mean: 0 dB. Rows of a lattice
//! show as a few strong directions, about 8 dB. After Ulichney, "Dithering with blue noise" (1988), with one spectrum a chart.

use nalgebra::{Complex, Vector3};
use rayon::prelude::*;

use crate::dots::along::{self, Place};
use crate::dots::grid::Grid;

/// Radius of a chart in ideal distances; the head's curvature bends less than a tenth of a distance over it.
const RADIUS: f64 = 6.0;
/// Charts looked at, spread over the zone.
const CHARTS: usize = 12;
/// A chart that is not this full reaches over an edge.
const FULL: f64 = 0.8;
/// Rings: 0.95, 1.05, 1.15, 1.25, 1.6 and 2.0 as frequencies times the ideal distance, around the peak of a blue-noise pattern and that of
/// a lattice (1.15). All are whole multiples of a [`STEP`], see [`on_rings`].
const RINGS: usize = 6;
const STEP: f64 = 0.05;
/// Directions over half a turn; the other half mirrors them.
const DIRECTIONS: usize = 48;

/// Variance over squared mean of the power along each ring, averaged over charts and rings, in dB; `None` when no chart is full. Charts
/// are centred on some of `own`; `distance` is the ideal one (metres). The slices are of one length.
pub(super) fn anisotropy_db(places: &[Place], own: &[usize], distance: f64) -> Option<f64> {
    if own.is_empty() || !(distance.is_finite() && distance > 0.0) {
        return None;
    }
    let radius = RADIUS * distance;
    let points: Vec<Vector3<f64>> = places.iter().map(|p| p.point).collect();
    let grid = Grid::new(&points, radius);
    // Dots of a layer stand in an order that covers the zone, so the first ones are spread over it.
    let charts: Vec<Vec<[f64; 2]>> = own
        .iter()
        .take(CHARTS * 4)
        .filter_map(|&i| chart(places, &grid, i, radius))
        .take(CHARTS)
        .collect();
    let found: Vec<f64> = charts.par_iter().flat_map_iter(|c| rings(c)).collect();
    (!found.is_empty()).then(|| 10.0 * (found.iter().sum::<f64>() / found.len() as f64).log10())
}

/// The dots around one, flattened onto the skin's plane there, in units of the radius; `None` where an edge is near.
fn chart(places: &[Place], grid: &Grid, center: usize, radius: f64) -> Option<Vec<[f64; 2]>> {
    let middle = &places[center];
    let normal = middle.normal;
    let any = if normal.x.abs() < 0.8 {
        Vector3::x()
    } else {
        Vector3::y()
    };
    let first = normal.cross(&any);
    let first = first / first.norm();
    let second = normal.cross(&first);
    let mut flat = Vec::new();
    let mut quarters = [0usize; 4];
    grid.near(&middle.point, radius, |j| {
        let other = &places[j as usize];
        let norm = along::distance(middle, other);
        if norm < radius {
            let way = other.point - middle.point;
            let flattened = way - normal * way.dot(&normal);
            let level = flattened.norm();
            // Bent back to the length it has along the skin.
            let stretch = if level > 0.0 { norm / level } else { 1.0 };
            let p = [&first, &second].map(|axis| flattened.dot(axis) * stretch / radius);
            quarters[usize::from(p[0] > 0.0) + 2 * usize::from(p[1] > 0.0)] += 1;
            flat.push(p);
        }
    });
    let expected = std::f64::consts::PI * RADIUS * RADIUS * 2.0 / 3f64.sqrt();
    let full = quarters.iter().all(|&q| q as f64 > FULL * 0.25 * expected);
    full.then_some(flat)
}

/// Variance over squared mean of the power on each ring of one chart.
fn rings(chart: &[[f64; 2]]) -> [f64; RINGS] {
    // A window that falls to the rim, so that the chart's own outline does not show.
    let windowed: Vec<([f64; 2], f64)> = chart
        .iter()
        .map(|p| (*p, (1.0 - p[0] * p[0] - p[1] * p[1]).powi(2)))
        .collect();
    let directions = (0..DIRECTIONS).map(|k| {
        let (sin, cos) = (std::f64::consts::PI * k as f64 / DIRECTIONS as f64).sin_cos();
        powers(&windowed, cos, sin)
    });
    let directions: Vec<[f64; RINGS]> = directions.collect();
    std::array::from_fn(|ring| {
        let powers = || directions.iter().map(|d| d[ring]);
        let n = DIRECTIONS as f64;
        let mean = powers().sum::<f64>() / n;
        let variance = powers().map(|p| (p - mean).powi(2)).sum::<f64>() / (n - 1.0);
        variance / (mean * mean).max(f64::MIN_POSITIVE)
    })
}

/// The power on every ring in one direction.
fn powers(windowed: &[([f64; 2], f64)], cos: f64, sin: f64) -> [f64; RINGS] {
    let mut sums = [Complex::new(0.0, 0.0); RINGS];
    for (p, window) in windowed {
        let cycles = (p[0] * cos + p[1] * sin) * RADIUS * STEP;
        let waves = on_rings(Complex::cis(std::f64::consts::TAU * cycles));
        for (sum, wave) in sums.iter_mut().zip(waves) {
            *sum += wave * *window;
        }
    }
    sums.map(|sum| sum.norm_sqr())
}

/// A wave of every ring, from that of a [`STEP`]: its powers cost a multiplication or two, waves of their own a sine and a cosine.
fn on_rings(z: Complex<f64>) -> [Complex<f64>; RINGS] {
    let z2 = z * z;
    let z4 = z2 * z2;
    let z8 = z4 * z4;
    let z16 = z8 * z8;
    let z19 = z16 * z2 * z;
    let z21 = z19 * z2;
    let z23 = z21 * z2;
    let z25 = z23 * z2;
    let z32 = z16 * z16;
    [z19, z21, z23, z25, z32, z32 * z8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(i: u64) -> f64 {
        let mut z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn flat(points: &[Vector3<f64>]) -> Vec<Place> {
        let place = |p: &Vector3<f64>| Place {
            point: *p,
            normal: Vector3::z(),
        };
        points.iter().map(place).collect()
    }

    fn measured(points: &[Vector3<f64>]) -> Option<f64> {
        // The middle, so that charts do not reach over the edge.
        let own: Vec<usize> = (0..points.len())
            .filter(|&i| (points[i] - Vector3::new(0.025, 0.025, 0.0)).norm() < 0.015)
            .step_by(7)
            .collect();
        anisotropy_db(&flat(points), &own, 0.001)
    }

    fn lattice(jitter: f64) -> Vec<Vector3<f64>> {
        (0..3200u64)
            .map(|i| {
                let (row, column) = ((i / 56) as f64, (i % 56) as f64);
                let off = [hash(2 * i) - 0.5, hash(2 * i + 1) - 0.5].map(|o| o * jitter);
                Vector3::new(
                    column + 0.5 * (row % 2.0) + off[0],
                    row * 0.75f64.sqrt() + off[1],
                    0.0,
                ) * 1e-3
            })
            .collect()
    }

    #[test]
    fn a_lattice_has_directions_and_chance_has_none() {
        let strict = measured(&lattice(0.0)).unwrap();
        let shaken = measured(&lattice(0.3)).unwrap();
        let chance: Vec<_> = (0..2900u64)
            .map(|i| Vector3::new(hash(2 * i), hash(2 * i + 1), 0.0) * 0.05)
            .collect();
        let chance = measured(&chance).unwrap();
        assert!(strict > 7.0 && shaken > 4.5, "{strict} {shaken}");
        assert!(chance.abs() < 1.5, "{chance}");
    }

    #[test]
    fn the_rings_are_those_that_are_named() {
        for u in [0.0, 0.3, -1.7, 40.0] {
            let waves = on_rings(Complex::cis(u * STEP));
            for (wave, ring) in waves.iter().zip([0.95, 1.05, 1.15, 1.25, 1.6, 2.0]) {
                assert!((wave - Complex::cis(u * ring)).norm() < 1e-12);
            }
        }
    }

    #[test]
    fn an_edge_gives_no_chart() {
        let few = flat(&lattice(0.0)[..60]);
        assert_eq!(anisotropy_db(&few, &[0, 1, 2], 0.001), None);
        assert_eq!(anisotropy_db(&few, &[], 0.001), None);
        assert_eq!(anisotropy_db(&few, &[0], 0.0), None);
    }
}
