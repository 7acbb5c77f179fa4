//! A line's own shape: even steps, round corners, a widow's peak, unevenness.

use std::f64::consts::FRAC_PI_2;

use nalgebra::Vector3;
use stipple_model::treatment::WidowsPeak;

use crate::design::map::Map;
use crate::design::regions::smoothstep;

/// The line is worked on in steps of this length, and corners are rounded over that on either side, metres.
const STEP: f64 = 0.0005;
const ROUNDING: f64 = 0.004;
/// Lengths of the slow waves and of the fine unevenness, metres. Source: this project's own, from pictures.
const WAVE: f64 = 0.017;
const GRAIN: f64 = 0.0045;

/// The line in equal steps on the surface with its corners rounded.
pub(super) fn rounded(map: &Map, line: &[Vector3<f64>]) -> Vec<Vector3<f64>> {
    let even = resampled(line);
    let reach = (ROUNDING / STEP) as usize;
    let mut smooth = even;
    for _ in 0..3 {
        let before = smooth.clone();
        for (i, p) in smooth.iter_mut().enumerate() {
            let width = reach.min(i).min(before.len() - 1 - i);
            let near = &before[i - width..=i + width];
            *p = near.iter().sum::<Vector3<f64>>() / near.len() as f64;
        }
    }
    let lifted: Vec<Vector3<f64>> = smooth.iter().filter_map(|p| map.lift(p)).collect();
    resampled(&lifted)
}

/// A line's points in equal steps.
fn resampled(line: &[Vector3<f64>]) -> Vec<Vector3<f64>> {
    let mut even = Vec::new();
    let mut left = 0.0;
    for pair in line.windows(2) {
        let length = (pair[1] - pair[0]).norm();
        while left < length {
            even.push(pair[0] + (pair[1] - pair[0]) * (left / length));
            left += STEP;
        }
        left -= length;
    }
    even.extend(line.last());
    even
}

/// The line moved across itself by the widow's peak and by what `waves` says of the way from the midline, metres.
pub(super) fn unevenly(
    line: &[Vector3<f64>],
    peak: Option<WidowsPeak>,
    waves: impl Fn(f64) -> f64,
) -> Vec<Vector3<f64>> {
    let middle = (0..line.len())
        .min_by(|a, b| line[*a].y.abs().total_cmp(&line[*b].y.abs()).then(a.cmp(b)))
        .unwrap_or(0);
    // Between two points the midline is crossed; without the rest the waves would hang on which of the two is nearer.
    let offset = line.get(middle).map_or(0.0, |p| p.y);
    (0..line.len())
        .map(|i| {
            let (before, after) = (line[i.saturating_sub(1)], line[(i + 1).min(line.len() - 1)]);
            let p = line[i];
            let out = p.cross(&(after - before));
            let along = (i as f64 - middle as f64) * STEP - offset;
            let bump = peak.map_or(0.0, |peak| {
                let t = (2.0 * along / peak.width.m()).abs().min(1.0);
                peak.height.m() * (FRAC_PI_2 * t).cos().powi(2)
            });
            let norm = out.norm();
            if norm > 0.0 {
                p + out * ((bump + waves(along)) / norm)
            } else {
                p
            }
        })
        .collect()
}

/// The unevenness of the hairline: two octaves of smooth noise along it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waves {
    pub seed: u64,
    pub waviness: f64,
    pub roughness: f64,
}

impl Waves {
    /// How far forward the line is moved so far along it, metres.
    pub fn at(&self, along: f64) -> f64 {
        self.waviness * noise(self.seed, along / WAVE)
            + self.roughness * noise(self.seed ^ 0x9e37_79b9, along / GRAIN)
    }
}

/// Smooth noise in -1..=1 with one knot per unit.
fn noise(seed: u64, x: f64) -> f64 {
    let cell = x.floor();
    let knot = |k: f64| {
        // splitmix64: the same on every machine.
        let mut z = seed.wrapping_add((k as i64 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let t = smoothstep(x - cell);
    knot(cell) * (1.0 - t) + knot(cell + 1.0) * t
}
