//! Seeded chance for tests: SplitMix64.
#![allow(dead_code, reason = "each test file uses its own part of it")]

/// The state.
pub struct Chance(pub u64);

impl Chance {
    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n.max(1)
    }

    /// A number from `low` up to `high`.
    pub fn within(&mut self, low: f64, high: f64) -> f64 {
        let share = self.below(1 << 53) as f64 / (1u64 << 53) as f64;
        (high - low).mul_add(share, low)
    }
}
