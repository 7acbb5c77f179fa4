//! Where the named regions are: bounds of the top, the sides and the back, and the patterns of Norwood and Ludwig.

use std::f64::consts::FRAC_PI_2;

use stipple_model::treatment::Region;

use super::skull::Place;

/// Depth of the hairline region. Source: "hairline region 2–3 cm deep".
const HAIRLINE_DEPTH: f64 = 0.025;
/// The top's bounds: pitch between frontal and mid-scalp (over the ears), mid-scalp and crown, and the crown's lowest point; the top's
/// half-width to the side, degrees. Source: this project's own, from pictures of the shared heads.
const FRONTAL_TO_MID: f64 = 10.0;
const MID_TO_CROWN: f64 = -28.0;
const CROWN_END: f64 = -74.0;
const TOP_HALF_WIDTH: f64 = 48.0;
/// How far the hairline's waves may carry it before its mid-frontal point, degrees.
const WAVES: f64 = 4.0;
/// Lowest treated height over the ears, on an adult: at the temples, at the sides clear of the auricle, at the back above the nape.
/// Source: this project's own.
const TEMPLE_FLOOR: f64 = 0.038;
const SIDES_FLOOR: f64 = 0.052;
const BACK_FLOOR: f64 = 0.028;
/// Before this pitch the sides are temples, degrees. Source: this project's own; in front of the ear.
const TEMPLES_FROM: f64 = 30.0;
/// Behind this pitch the untreated top is bounded by the back, before it by the sides, degrees.
const SIDES_TO_BACK: f64 = -58.0;

/// What Norwood's grades leave bald, on an adult. Source: this project's own figures, read from the drawings of the scale (Norwood 1975).
struct Norwood {
    /// Depth of the bald corner at the temples and in the midline, behind the hairline, metres.
    temple: f64,
    middle: f64,
    /// Radius of the bald vertex, metres.
    vertex: f64,
}
const NORWOOD: [Norwood; 4] = [
    Norwood {
        temple: 0.020,
        middle: 0.000,
        vertex: 0.0,
    },
    Norwood {
        temple: 0.038,
        middle: 0.006,
        vertex: 0.0,
    },
    Norwood {
        temple: 0.052,
        middle: 0.025,
        vertex: 0.028,
    },
    Norwood {
        temple: 0.068,
        middle: 0.048,
        vertex: 0.042,
    },
];
/// The middle of the bald vertex, pitch in degrees.
const VERTEX: f64 = -45.0;
/// How far grade 7 reaches beyond the top, degrees to the side and down.
const GRADE_7_WIDER: f64 = 10.0;
const GRADE_7_LOWER: f64 = 10.0;

/// What thins in Ludwig's grades: behind the retained frontal fringe, half-width and hindmost pitch, metres and degrees.
/// Source: "thinning limited in front by a line 1–3 cm behind the frontal hairline" (Ludwig 1977); widths are this project's own.
const LUDWIG: [(f64, f64, f64); 3] = [
    (0.020, 26.0, -38.0),
    (0.015, 36.0, -52.0),
    (0.010, 45.0, -64.0),
];

/// A place as the regions see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    /// Its angles.
    pub place: Place,
    /// Depth behind the hairline along the skin, metres; infinite far behind.
    pub depth: f64,
}

/// The regions on one head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regions {
    /// Pitch of the mid-frontal point.
    pub front: f64,
    /// Side angle of the frontotemporal points.
    pub corner: f64,
    /// The head's length over an adult's.
    pub scale: f64,
}

impl Regions {
    /// Whether a place behind the hairline is in a region.
    pub fn contains(&self, region: Region, spot: &Spot) -> bool {
        match region {
            Region::Full => self.part(spot).is_some(),
            Region::Temples => {
                spot.place.pitch.to_degrees() > TEMPLES_FROM
                    && self.part(spot) == Some(Region::Sides)
            }
            Region::Norwood(grade) => self.norwood(grade, spot),
            Region::Ludwig(grade) => self.ludwig(grade, spot),
            part => self.part(spot) == Some(part),
        }
    }

    /// The one of hairline, frontal, mid-scalp, crown, sides and back at a place; they touch and never overlap.
    fn part(&self, spot: &Spot) -> Option<Region> {
        let place = &spot.place;
        let pitch = place.pitch.to_degrees();
        if self.on_top(place, 0.0, 0.0) {
            let in_front =
                spot.depth < HAIRLINE_DEPTH * self.scale && place.side.abs() < self.corner * 1.05;
            return Some(if in_front {
                Region::Hairline
            } else if pitch > FRONTAL_TO_MID {
                Region::Frontal
            } else if pitch > MID_TO_CROWN {
                Region::MidScalp
            } else {
                Region::Crown
            });
        }
        // The floor falls smoothly from the sides to the back, and to the temples.
        let back = smoothstep((SIDES_TO_BACK + 15.0 - pitch) / 40.0);
        let temple = smoothstep((pitch - TEMPLES_FROM) / 20.0);
        let floor =
            SIDES_FLOOR + back * (BACK_FLOOR - SIDES_FLOOR) + temple * (TEMPLE_FLOOR - SIDES_FLOOR);
        (place.height > self.scale * floor).then_some(if pitch > SIDES_TO_BACK {
            Region::Sides
        } else {
            Region::Back
        })
    }

    /// Whether a place is on the top, made wider and lower by so many degrees.
    fn on_top(&self, place: &Place, wider: f64, lower: f64) -> bool {
        let pitch = place.pitch.to_degrees();
        let end = CROWN_END - lower;
        // In front of the mid-frontal point only a widow's peak is top; at the sides the temples reach farther forward.
        let before =
            pitch > self.front.to_degrees() + WAVES && place.side.abs() > 0.6 * self.corner;
        if pitch <= end || before {
            return false;
        }
        let wide = (TOP_HALF_WIDTH + wider).to_radians();
        let limit = if pitch > FRONTAL_TO_MID {
            // In front the top narrows or widens to the corner of the hairline.
            let to_front = (self.front.to_degrees() - FRONTAL_TO_MID).max(1.0);
            let t = smoothstep((pitch - FRONTAL_TO_MID) / to_front);
            wide + t * (self.corner.max(wide - TOP_HALF_WIDTH.to_radians()) - wide)
        } else {
            let t = ((MID_TO_CROWN - pitch) / (MID_TO_CROWN - end)).clamp(0.0, 1.0);
            wide * (1.0 - t.powi(3)).sqrt()
        };
        place.side.abs() < limit.min(FRAC_PI_2)
    }

    fn norwood(&self, grade: u8, spot: &Spot) -> bool {
        let place = &spot.place;
        let Some(pattern) = NORWOOD.get(usize::from(grade.saturating_sub(2))) else {
            let (wider, lower) = if grade == 6 {
                (0.0, 0.0)
            } else {
                (GRADE_7_WIDER, GRADE_7_LOWER)
            };
            return self.on_top(place, wider, lower);
        };
        let scale = self.scale;
        let aside = smoothstep((place.side.abs() / self.corner - 0.3) / 0.5);
        let deep = pattern.middle + aside * (pattern.temple - pattern.middle);
        let receded = spot.depth < deep * scale
            && place.side.abs() < self.corner * 1.1
            && self.on_top(place, 0.0, 0.0);
        let back = (place.pitch - VERTEX.to_radians()) * place.arm;
        let bald_vertex = back.hypot(place.side * place.radius) < pattern.vertex * scale;
        receded || (bald_vertex && self.on_top(place, 0.0, 0.0))
    }

    fn ludwig(&self, grade: u8, spot: &Spot) -> bool {
        let (fringe, wide, end) = LUDWIG[usize::from(grade.clamp(1, 3)) - 1];
        let (front, end) = (self.front.to_degrees() + 6.0, end);
        let (middle, half) = (0.5 * (front + end), 0.5 * (front - end));
        let along = (spot.place.pitch.to_degrees() - middle) / half;
        let aside = spot.place.side.to_degrees() / wide;
        spot.depth > fringe * self.scale && along.powi(2) + aside.powi(2) < 1.0
    }
}

/// Rises from 0 to 1 with level ends.
pub(super) fn smoothstep(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(pitch: f64, side: f64, depth: f64) -> Spot {
        let towards = Place::towards(f64::to_radians(pitch), f64::to_radians(side)) * 0.09;
        Spot {
            place: super::super::skull::Skull::unit().place_local(&towards),
            depth,
        }
    }

    const REGIONS: Regions = Regions {
        front: 0.9,
        corner: 0.75,
        scale: 1.0,
    };

    #[test]
    fn the_parts_are_where_they_are_called() {
        for (pitch, side, depth, region) in [
            (50.0, 0.0, 0.01, Region::Hairline),
            (30.0, 0.0, 0.04, Region::Frontal),
            (0.0, 20.0, 0.09, Region::MidScalp),
            (-45.0, 0.0, f64::INFINITY, Region::Crown),
            (0.0, 60.0, f64::INFINITY, Region::Sides),
            (60.0, 60.0, 0.05, Region::Sides),
            (-85.0, 5.0, f64::INFINITY, Region::Back),
        ] {
            let spot = spot(pitch, side, depth);
            assert_eq!(REGIONS.part(&spot), Some(region), "{pitch} {side}");
            assert!(REGIONS.contains(region, &spot) && REGIONS.contains(Region::Full, &spot));
        }
        assert!(REGIONS.contains(Region::Temples, &spot(60.0, 60.0, 0.05)));
        assert!(!REGIONS.contains(Region::Temples, &spot(0.0, 60.0, 0.05)));
        assert_eq!(REGIONS.part(&spot(0.0, 89.0, f64::INFINITY)), None);
    }

    #[test]
    fn a_higher_grade_contains_the_lower_one() {
        for pitch in -88..60 {
            for side in -70..70 {
                // Depth as it would be behind a level line.
                let depth = (51.0 - f64::from(pitch)).max(0.0).to_radians() * 0.09;
                let spot = spot(f64::from(pitch), f64::from(side), depth);
                for grade in 2..7 {
                    let (less, more) = (Region::Norwood(grade), Region::Norwood(grade + 1));
                    assert!(
                        !REGIONS.contains(less, &spot) || REGIONS.contains(more, &spot),
                        "norwood {grade} at {pitch} {side}"
                    );
                }
                for grade in 1..3 {
                    let (less, more) = (Region::Ludwig(grade), Region::Ludwig(grade + 1));
                    assert!(
                        !REGIONS.contains(less, &spot) || REGIONS.contains(more, &spot),
                        "ludwig {grade} at {pitch} {side}"
                    );
                }
            }
        }
    }
}
