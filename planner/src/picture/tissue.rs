//! How pigment in skin takes light: why a dot that covers a hundredth of a square darkens it by a tenth.
//!
//! Light that falls on skin goes in, is scattered about and comes out again a millimetre or so away, so a column of pigment takes light
//! not only from what would have come straight out of its own disc but from every side along its whole depth, on its way in and on its
//! way out (in print this is called optical dot gain). Three things are known and the rest follows: the skin's colour, how far light goes
//! in skin between scatterings, and the column itself.
//!
//! 1. *Light inside.* Skin of albedo `R` under light `E` holds the fluence `φ = 2 E (1 + R (1 + r) / (1 − r))` just below its surface: the
//!    sum over both ways of the diffuse light there, `r` being what the surface throws back inside.
//! 2. *What a column takes.* A black body in diffuse light takes `φ S / 4`, `S` being its surface (Cauchy: its mean shadow is `S / 4`),
//!    less what it lacks because it stands in its own shade: `1 / (1 + (S / 4) / (4 π D C))`, `D` being a third of the scattering length
//!    and `C` the capacity of the column made wider by that length, which joins free flight near it and diffusion farther off (Fuchs).
//!    Only as much of the column counts as point 4 leaves light for.
//! 3. *What of it would have come out.* By reciprocity `φ / (4 n² E)`, the same `φ` again.
//! 4. *Depth.* The fluence falls by `e` over the penetration depth `δ`, on both ways; `δ` follows from albedo and scattering length by
//!    diffusion theory. It is some 3 mm for red, 1 mm for green and ½ mm for blue, so pigment takes most of the red: treated skin looks
//!    cooler, the more so the deeper the needle went, as veins do.
//! 5. *Where it is missed.* The light a place at depth `z` would have sent out spreads as `z / (z² + ρ²)^{3/2}`, cut off over `δ`.
//!
//! The sums are those of single columns; where halos of neighbours lie over each other the second takes its share of what the first left.

use super::color::Linear;
use super::light::SKIN;

/// Refractive index. Source: skin 1.35–1.45 in reviews (Lister et al., J. Biomed. Opt. 17 (2012) 090901).
const INDEX: f64 = 1.4;
/// Share of diffuse light from inside that the surface throws back: `1 − (1 − 0.077) / n²`, 0.077 being Fresnel's reflectance averaged
/// over the hemisphere outside.
const THROWN_BACK: f64 = 0.53;
/// Wavelengths that stand for red, green, blue, metres. Source: dominant wavelengths of sRGB's primaries.
const WAVES: [f64; 3] = [611e-9, 549e-9, 464e-9];
/// The reduced scattering of skin, `A (λ / 500 nm)^−B`, per metre. Source: Jacques, Phys. Med. Biol. 58 (2013) R37, table 2: skin.
const SCATTERING: f64 = 4600.0;
const FALL: f64 = 1.42;
/// Beyond this nothing of a dot's halo is drawn, metres; what is left out is given to the rest, so that the sum is right.
const REACH: f64 = 0.0016;
/// Values of a halo from its middle to [`REACH`].
const STEPS: usize = 64;

/// Skin in one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Skin {
    albedo: f64,
    /// Transport mean free path, metres.
    path: f64,
    /// Penetration depth, metres.
    depth: f64,
    /// Fluence below the surface over the light that falls on it.
    fluence: f64,
}

impl Skin {
    /// The skin as it is drawn, per channel.
    fn drawn() -> [Self; 3] {
        let albedo = Linear::from_srgb(SKIN).0.map(f64::from);
        let ratio = (1.0 + THROWN_BACK) / (1.0 - THROWN_BACK);
        std::array::from_fn(|k| {
            let (r, path) = (albedo[k], 1.0 / scattering(WAVES[k]));
            // Diffuse reflectance of a half space (Flock et al., IEEE Trans. Biomed. Eng. 36 (1989) 1162), solved for
            // s = √(3 (1 − a)), `a` being the transport albedo: R = a / (1 + 2 k (1 − a) + (1 + 2 k / 3) s).
            let (a, b, c) = (
                2.0 * ratio * r / 3.0 + 1.0 / 3.0,
                r * (1.0 + 2.0 * ratio / 3.0),
                r - 1.0,
            );
            let s = ((b * b - 4.0 * a * c).sqrt() - b) / (2.0 * a);
            Self {
                albedo: r,
                path,
                depth: path / s,
                fluence: 2.0 * (1.0 + r * ratio),
            }
        })
    }
}

fn scattering(wave: f64) -> f64 {
    SCATTERING * (wave / 500e-9).powf(-FALL)
}

/// A column of pigment, or a hair's shaft: from `top` to `bottom` below the surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Column {
    /// Metres, all three.
    pub diameter: f64,
    pub top: f64,
    pub bottom: f64,
}

/// What a column does to the light of the skin around it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stain {
    /// Radius of the disc that is seen, metres.
    pub radius: f64,
    /// Light taken if the column were black, per channel: in discs, each of the light that the skin sends back.
    pub gain: [f64; 3],
    /// The halo's strength from the middle outwards, per channel, on no particular scale.
    halo: [[f32; STEPS + 1]; 3],
}

impl Stain {
    pub fn new(column: &Column) -> Self {
        let radius = 0.5 * column.diameter;
        let length = (column.bottom - column.top).max(0.0);
        let disc = std::f64::consts::PI * radius * radius;
        let section = 0.25 * (std::f64::consts::PI * column.diameter * length + 2.0 * disc);
        let skin = Skin::drawn();
        let gain = skin.map(|s| {
            // Only as much of the column counts as there is light for.
            let fade = mean_fall(column.top, column.bottom, 0.5 * s.depth);
            let lit = section * fade;
            // Within a free path of the column light flies, beyond it diffuses (Fuchs).
            let capacity = capacity(0.5 * length * fade + s.path, radius + s.path);
            let diffusion = 4.0 * std::f64::consts::PI * s.path / 3.0 * capacity;
            let taken = lit / (1.0 + lit / diffusion);
            let comes_out = s.fluence / (4.0 * INDEX * INDEX);
            // At least what stands in front of the skin.
            (taken / disc * s.fluence * comes_out / s.albedo).max(1.0)
        });
        let halo = skin.map(|s| {
            // Nearer to the surface than a free path light is not diffuse yet.
            let (from, to) = (column.top + s.path, column.top + length + s.path);
            std::array::from_fn(|k| {
                let r = REACH * k as f64 / STEPS as f64;
                // A flat column has no depth to sum over: the law itself.
                let spread = if length > 1e-6 {
                    1.0 / from.hypot(r) - 1.0 / to.hypot(r)
                } else {
                    from / from.hypot(r).powi(3)
                };
                (spread * (-r / s.depth).exp()) as f32
            })
        });
        Self { radius, gain, halo }
    }

    /// The same, with something dark on the skin above the column that hides as much of it as a disc of this radius, metres.
    pub fn under(self, radius: f64) -> Self {
        let taken = self.radius * self.radius / (radius * radius);
        Self {
            radius,
            gain: self.gain.map(|gain| 1.0 + gain * taken),
            ..self
        }
    }

    /// How far the halo reaches, metres.
    pub const fn reach() -> f64 {
        REACH
    }

    /// The halo's strength at a distance on the skin, metres; nothing beyond its reach.
    pub fn halo(&self, distance: f64) -> [f32; 3] {
        let at = distance / REACH * STEPS as f64;
        // The cast saturates.
        let k = at as usize;
        if k >= STEPS {
            return [0.0; 3];
        }
        let part = (at - k as f64) as f32;
        self.halo
            .each_ref()
            .map(|h| h[k] + (h[k + 1] - h[k]) * part)
    }
}

/// Capacity of a spheroid, in vacuum: the radius of the ball that would take as much. A flat one's is a little less than its width.
fn capacity(half_length: f64, radius: f64) -> f64 {
    let (a, b) = (half_length.max(radius), radius);
    if a > 1.001 * b {
        (a * a - b * b).sqrt() / (a / b).acosh()
    } else {
        b
    }
}

/// Mean of `e^(−z / over)` from `top` to `bottom`.
fn mean_fall(top: f64, bottom: f64, over: f64) -> f64 {
    let t = (bottom - top).max(0.0) / over;
    let within = if t > 1e-6 {
        (1.0 - (-t).exp()) / t
    } else {
        1.0
    };
    (-top / over).exp() * within
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(diameter: f64, depth: f64) -> Stain {
        Stain::new(&Column {
            diameter: diameter * 1e-3,
            top: 0.0,
            bottom: depth * 1e-3,
        })
    }

    /// Light left over skin with so many black dots per cm², halos in halos.
    fn left(stain: &Stain, per_cm2: f64) -> [f64; 3] {
        let cover = per_cm2 * 1e4 * std::f64::consts::PI * stain.radius.powi(2);
        stain.gain.map(|g| (-cover * g).exp())
    }

    #[test]
    fn light_goes_into_skin_as_deep_as_is_measured() {
        // Published: 1–3 mm in the red, 0.2–0.5 mm in the blue; the scattering length 0.2–0.4 mm.
        let [red, green, blue] = Skin::drawn();
        assert!((1e-3..3.5e-3).contains(&red.depth), "{red:?}");
        assert!((0.5e-3..1.5e-3).contains(&green.depth), "{green:?}");
        assert!((0.2e-3..0.6e-3).contains(&blue.depth), "{blue:?}");
        // More light is not inside than a space without any loss would hold.
        let most = 4.0 * INDEX * INDEX;
        assert!(
            [red, green, blue]
                .iter()
                .all(|s| s.fluence < most && (1.5e-4..4e-4).contains(&s.path))
        );
    }

    #[test]
    fn a_shaved_head_of_natural_dark_hair_is_a_clear_shadow_and_a_treatment_about_half_of_it() {
        // 143 hairs/cm², 0.07 mm wide, a millimetre deep: known to look like a five-o'clock shadow.
        let [red, green, blue] = left(&dot(0.07, 1.0), 143.0);
        assert!(
            (0.5..0.75).contains(&red) && (0.65..0.85).contains(&green),
            "{red} {green}"
        );
        assert!(red < green && green < blue, "cooler: {red} {green} {blue}");
        let treated = left(&dot(0.17, 0.6), 60.0);
        let ratio = (1.0 - treated[1]) / (1.0 - green);
        assert!((0.35..1.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn wider_deeper_and_fresher_dots_take_more_and_deeper_ones_more_red() {
        let taken = |s: &Stain| s.gain.map(|g| g * s.radius * s.radius);
        for k in 0..3 {
            assert!(taken(&dot(0.18, 0.6))[k] > 1.3 * taken(&dot(0.12, 0.6))[k]);
            assert!(taken(&dot(0.17, 1.0))[k] > taken(&dot(0.17, 0.5))[k]);
            let healed = Stain::new(&Column {
                diameter: 0.17e-3,
                top: 0.1e-3,
                bottom: 0.6e-3,
            });
            assert!(taken(&healed)[k] < taken(&dot(0.17, 0.6))[k]);
        }
        let warm = |s: &Stain| s.gain[0] / s.gain[2];
        assert!(warm(&dot(0.17, 1.5)) > 1.3 * warm(&dot(0.17, 0.3)));
        // A flat speck: half its shadow, so a few discs.
        let flat = dot(0.17, 0.0).gain[1];
        assert!((1.0..4.0).contains(&flat), "{flat}");
    }

    #[test]
    fn the_halo_falls_outwards_and_ends() {
        let stain = dot(0.17, 0.6);
        let values: Vec<[f32; 3]> = (0..=20).map(|k| stain.halo(f64::from(k) * 8e-5)).collect();
        for pair in values.windows(2) {
            assert!((0..3).all(|k| pair[1][k] < pair[0][k]));
        }
        assert_eq!(stain.halo(REACH), [0.0; 3]);
        assert_eq!(stain.halo(f64::INFINITY), [0.0; 3]);
        // Red light goes farther, so its halo is wider.
        assert!(values[10][0] / values[0][0] > values[10][2] / values[0][2]);
    }
}
