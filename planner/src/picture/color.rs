//! Colour as light: sums and means of light are only right in linear values, sRGB is for files.

/// Linear red, green, blue; 1 is white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear(pub [f32; 3]);

impl Linear {
    /// From sRGB.
    pub fn from_srgb(rgb: [u8; 3]) -> Self {
        Self(rgb.map(|c| {
            let c = f32::from(c) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        }))
    }

    /// To sRGB; what is brighter than white is white.
    pub fn to_srgb(self) -> [u8; 3] {
        self.0.map(|c| {
            let c = c.clamp(0.0, 1.0);
            let c = if c <= 0.003_130_8 {
                12.92 * c
            } else {
                1.055 * c.powf(1.0 / 2.4) - 0.055
            };
            // The cast saturates.
            (c * 255.0).round() as u8
        })
    }

    /// This over `under`, covering `share` of it.
    pub fn over(self, under: Self, share: f32) -> Self {
        let share = share.clamp(0.0, 1.0);
        let mut out = under;
        for (o, c) in out.0.iter_mut().zip(self.0) {
            *o += (c - *o) * share;
        }
        out
    }

    /// Channel by channel.
    pub fn times(self, other: Self) -> Self {
        let mut out = self;
        for (o, c) in out.0.iter_mut().zip(other.0) {
            *o *= c;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srgb_goes_there_and_back_and_half_the_light_is_188() {
        for c in 0..=255u8 {
            assert_eq!(Linear::from_srgb([c; 3]).to_srgb(), [c; 3]);
        }
        assert_eq!(Linear([0.5; 3]).to_srgb(), [188; 3]);
        let gray = Linear([1.0; 3]).over(Linear([0.0; 3]), 0.25);
        assert_eq!(gray, Linear([0.25; 3]));
    }
}
