//! Where the zones are: the hairline's curve and the bounds of the top, the sides and the back.

use std::f64::consts::FRAC_PI_2;

use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::treatment::{Hairline, Region};
use stipple_model::units::Length;

use super::error::DesignError;
use super::skull::{Place, Skull};

/// Glabella above nasion on the skin. Source: this project's own; 8–12 mm on public heads.
const GLABELLA: Length = Length::from_mm(10.0);
/// Depth of the hairline region. Source: "hairline region 2–3 cm deep".
const HAIRLINE_DEPTH: f64 = 0.025;
/// The top's bounds: pitch between frontal and mid-scalp (over the ears), mid-scalp and crown, and the crown's lowest point; the top's
/// half-width to the side. Source: this project's own, from pictures of the shared heads.
const FRONTAL_TO_MID: f64 = 10.0;
const MID_TO_CROWN: f64 = -28.0;
const CROWN_END: f64 = -74.0;
const TOP_HALF_WIDTH: f64 = 48.0;
/// Lowest treated height over the ears: at the sides clear of the auricle, at the back above the nape. Source: this project's own.
const SIDES_FLOOR: f64 = 0.052;
const BACK_FLOOR: f64 = 0.028;
/// Behind this pitch the untreated top is bounded by the back, before it by the sides.
const SIDES_TO_BACK: f64 = -58.0;

/// A place in a region: how far it is from the edge of the scalp that can be treated and from the region's neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    /// The region.
    pub region: Region,
    /// Depth behind the hairline, metres; large where no hairline bounds.
    pub behind_hairline: f64,
    /// Distance to the neighbouring regions to the side and back, metres, and which they are.
    pub to_sides: f64,
    /// Distance to the back, metres.
    pub to_back: f64,
    /// Distance to the floor of sides and back, metres.
    pub to_floor: f64,
}

/// The regions on one head.
#[derive(Debug, Clone)]
pub(super) struct Regions {
    skull: Skull,
    /// Pitch of the mid-frontal point.
    front: f64,
    /// Side angle of the frontotemporal points.
    corner: f64,
    recession: f64,
    waves: Waves,
}

impl Regions {
    /// Lays the hairline on the head.
    pub fn new(
        skull: Skull,
        head: &SurfaceMesh<Head>,
        nasion: &Point<Head>,
        hairline: &Hairline,
        seed: u64,
    ) -> Result<Self, DesignError> {
        let wanted = (GLABELLA + hairline.height).m();
        let outline = skull.midline(head, nasion);
        let at = |i: usize| {
            let (pitch, r) = outline[i];
            (r * pitch.sin(), r * pitch.cos())
        };
        let mut walked = 0.0;
        let mut front = None;
        for i in 1..outline.len() {
            let (a, b) = (at(i - 1), at(i));
            let step = (b.0 - a.0).hypot(b.1 - a.1);
            if walked + step >= wanted {
                let t = (wanted - walked) / step;
                front = Some((
                    outline[i - 1].0 + t * (outline[i].0 - outline[i - 1].0),
                    outline[i].1,
                ));
                break;
            }
            walked += step;
        }
        let (front, radius) = front.ok_or(DesignError::NoForehead {
            wanted_mm: wanted * 1e3,
            found_mm: walked * 1e3,
        })?;
        let corner = (hairline.half_width.m() / radius).clamp(0.0, 0.95).asin();
        let waves = Waves {
            seed,
            waviness: hairline.waviness.m(),
            roughness: hairline.roughness.m(),
        };
        Ok(Self {
            skull,
            front,
            corner,
            recession: hairline.recession.m(),
            waves,
        })
    }

    /// The skull they are measured on.
    pub fn skull(&self) -> &Skull {
        &self.skull
    }

    /// The region at a head-frame point.
    pub fn spot(&self, p: &nalgebra::Vector3<f64>) -> Option<Spot> {
        let place = self.skull.place(p);
        let scale = self.skull.scale;
        let behind_hairline = self.behind_hairline(&place);
        if behind_hairline < 0.0 {
            return None;
        }
        let (limit, to_sides) = self.inside_top(&place);
        let to_back = (place.pitch - CROWN_END.to_radians()) * place.arm;
        if place.side.abs() < limit && to_back > 0.0 {
            let pitch = place.pitch.to_degrees();
            let region = if behind_hairline < HAIRLINE_DEPTH * scale
                && place.side.abs() < self.corner * 1.05
            {
                Region::Hairline
            } else if pitch > FRONTAL_TO_MID {
                Region::Frontal
            } else if pitch > MID_TO_CROWN {
                Region::MidScalp
            } else {
                Region::Crown
            };
            return Some(Spot {
                region,
                behind_hairline,
                to_sides,
                to_back,
                to_floor: f64::INFINITY,
            });
        }
        let region = if place.pitch.to_degrees() > SIDES_TO_BACK {
            Region::Sides
        } else {
            Region::Back
        };
        // The floor falls smoothly from the sides to the back.
        let t = smoothstep((SIDES_TO_BACK + 15.0 - place.pitch.to_degrees()) / 40.0);
        let floor = scale * (SIDES_FLOOR + t * (BACK_FLOOR - SIDES_FLOOR));
        let to_floor = place.height - floor;
        (to_floor > 0.0).then_some(Spot {
            region,
            behind_hairline,
            to_sides: f64::INFINITY,
            to_back: f64::INFINITY,
            to_floor,
        })
    }

    /// Distance behind the hairline along the skin, metres; negative in front of it.
    fn behind_hairline(&self, place: &Place) -> f64 {
        let along = place.side * place.radius;
        let (line, slope) = self.line(place.side.abs());
        let straight = (line - place.pitch) * place.arm;
        // Where the line runs obliquely the nearest point of it is nearer than straight ahead.
        straight / slope.hypot(1.0) + self.waves.at(along)
    }

    /// Pitch of the hairline at a side angle, and its slope.
    fn line(&self, side: f64) -> (f64, f64) {
        let u = side / self.corner;
        // Metres back per side angle; 0.085 m is the arm of an adult's forehead.
        let back = self.recession / (0.085 * self.skull.scale);
        if u <= 1.0 {
            // Flat in the middle, turning back towards the corner.
            (
                self.front - back * u.powf(2.4),
                back * 2.4 * u.powf(1.4) / self.corner,
            )
        } else {
            // From the corner the temple's line runs down and slightly forward.
            let forward = 0.55 * (side - self.corner).min(0.35);
            (self.front - back + forward, 0.55)
        }
    }

    /// The top's half-width at this pitch (an angle), and the distance to it, metres.
    fn inside_top(&self, place: &Place) -> (f64, f64) {
        let pitch = place.pitch.to_degrees();
        let wide = TOP_HALF_WIDTH.to_radians();
        let limit = if pitch > FRONTAL_TO_MID {
            // In front the top narrows or widens to the corner of the hairline.
            let t = smoothstep(
                (pitch - FRONTAL_TO_MID) / (self.front.to_degrees() - FRONTAL_TO_MID).max(1.0),
            );
            wide + t * (self.corner - wide)
        } else {
            let t = ((MID_TO_CROWN - pitch) / (MID_TO_CROWN - CROWN_END)).clamp(0.0, 1.0);
            wide * (1.0 - t.powi(3)).sqrt()
        };
        (
            limit.min(FRAC_PI_2),
            (limit - place.side.abs()) * place.radius,
        )
    }
}

/// Rises from 0 to 1 with level ends.
pub(super) fn smoothstep(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The unevenness of the hairline: two octaves of smooth noise along it.
#[derive(Debug, Clone, Copy)]
struct Waves {
    seed: u64,
    waviness: f64,
    roughness: f64,
}

impl Waves {
    fn at(&self, along: f64) -> f64 {
        self.waviness * noise(self.seed, along / 0.017)
            + self.roughness * noise(self.seed ^ 0x9e37_79b9, along / 0.0045)
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
