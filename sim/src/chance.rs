//! Numbers by chance, from a generator's bits alone, so that a seed gives the same run with any version of a random library.

use rand::Rng;

/// Evenly spread in `low..high`.
pub fn uniform(rng: &mut impl Rng, low: f64, high: f64) -> f64 {
    let unit = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    low + (high - low) * unit
}

/// Normally distributed around zero (Box and Muller).
pub fn normal(rng: &mut impl Rng, sigma: f64) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(rng, 0.0, 1.0)).ln()).sqrt();
    sigma * radius * uniform(rng, 0.0, std::f64::consts::TAU).cos()
}

/// Nearly normally distributed around zero and never beyond 3.5 sigma: the sum of four even numbers from one draw. For sensors, which
/// need many.
pub fn sensor_noise(rng: &mut impl Rng, sigma: f64) -> f64 {
    let bits = rng.next_u64();
    let sum: u64 = (0..4).map(|i| bits >> (16 * i) & 0xffff).sum();
    // Four even numbers of 0..1: mean 2, variance 4/12.
    (sum as f64 / 65535.0 - 2.0) * 3f64.sqrt() * sigma
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn spreads_are_as_asked() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for draw in [normal, sensor_noise] {
            let values: Vec<f64> = (0..40_000).map(|_| draw(&mut rng, 2.0)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance =
                values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            assert!(mean.abs() < 0.05, "mean {mean}");
            assert!(
                (variance.sqrt() - 2.0).abs() < 0.05,
                "sigma {}",
                variance.sqrt()
            );
        }
    }
}
