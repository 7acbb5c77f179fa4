//! The line by Garg's rule and the design's departures from it.

use nalgebra::Vector3;
use stipple_model::treatment::Hairline;
use stipple_model::units::{Angle, Length};

use super::shape::rounded;
use super::{GLABELLA, Smooth};
use crate::design::error::DesignError;
use crate::design::geodesic::{self, Start};
use crate::design::map::{self, Map, Uv};
use crate::design::outline::{Ground, arc};
use crate::design::skull::{Place, Skull};
use crate::register::Anatomy;

/// The rule's distances from B to C and from E to C. Source: Garg's 8 cm rule.
const RULE: f64 = 0.080;
/// The outer corner of the eye seen from the nasion: back, to the side, down, on an adult. Source: adult anatomy, corners 90 mm apart.
const CANTHUS: [f64; 3] = [-0.022, 0.045, -0.004];
/// The sideburn seen from the ear's landmark: forward, up, on an adult. Source: this project's own.
const SIDEBURN: [f64; 2] = [0.018, 0.012];
/// How late the frontal limb turns back towards the temple where no angle is given: a power of the way to the side. Source: this
/// project's own, from pictures; 1 is straight, large is square.
const TURN: f64 = 2.4;
const TURNS: (f64, f64) = (1.05, 9.0);

/// The line by Garg's rule and the design's departures from it.
pub(super) fn by_rule(
    ground: Ground<'_>,
    anatomy: &Anatomy,
    hairline: &Hairline,
) -> Result<Smooth, DesignError> {
    let map = ground.map;
    let middle = up_the_forehead(map, anatomy, GLABELLA + hairline.height)?;
    let front = map.place(&middle.at).pitch;
    let from_middle = geodesic::distances(map, &[middle], 1.4 * RULE);
    let mut halves = Vec::with_capacity(2);
    let mut corners = 0.0;
    for sign in [1.0, -1.0] {
        let half = Half::new(ground, anatomy, hairline, &middle, &from_middle, sign)?;
        corners += half.corner.side.abs() / 2.0;
        halves.push(half.line(map, front, hairline)?);
    }
    let mut line: Vec<Vector3<f64>> = halves[0].iter().rev().copied().collect();
    line.extend(&halves[1][1..]);
    Ok((rounded(map, &line), front, corners))
}

/// The point so far up the forehead from the nasion, along the skin in the midline.
pub(super) fn up_the_forehead(
    map: &Map,
    anatomy: &Anatomy,
    wanted: Length,
) -> Result<Start, DesignError> {
    let nasion = map.skull().place(&anatomy.nasion.raw()).pitch;
    let (mut walked, mut last): (f64, Option<Vector3<f64>>) = (0.0, None);
    for k in 0..1200u32 {
        let pitch = nasion - f64::from(k) * 0.002;
        let Some(at) = map.lift(&Place::towards(pitch, 0.0)) else {
            break;
        };
        let from = last.unwrap_or(at);
        let step = (at - from).norm();
        if walked + step >= wanted.m() && step > 0.0 {
            let towards = from + (at - from) * ((wanted.m() - walked) / step);
            let start = map::chart(&towards).zip(map.lift(&towards));
            if let Some((uv, at)) = start {
                return Ok(Start { uv, at });
            }
        }
        walked += step;
        last = Some(at);
    }
    Err(DesignError::NoForehead {
        wanted,
        found: Length::from_m(walked),
    })
}

/// The outer corner of the eye, in skull coordinates: the left one for a positive sign.
pub(super) fn canthus(skull: &Skull, anatomy: &Anatomy, sign: f64) -> Vector3<f64> {
    let [back, aside, down] = CANTHUS.map(|c| c * skull.scale);
    skull.local(&anatomy.nasion.raw()) + Vector3::new(back, sign * aside, down)
}

/// The sideburn in front of the ear, in skull coordinates: the left one for a positive sign.
pub(super) fn sideburn(skull: &Skull, anatomy: &Anatomy, sign: f64) -> Vector3<f64> {
    let ear = if sign > 0.0 {
        &anatomy.left_ear
    } else {
        &anatomy.right_ear
    };
    let [forward, up] = SIDEBURN.map(|c| c * skull.scale);
    skull.local(&ear.raw()) + Vector3::new(forward, 0.0, up)
}

/// One side of the rule's line.
struct Half {
    sign: f64,
    /// C as angles.
    corner: Place,
    /// C, D and the sideburn as directions.
    frontotemporal: Vector3<f64>,
    peak: Vector3<f64>,
    sideburn: Vector3<f64>,
}

impl Half {
    fn new(
        ground: Ground<'_>,
        anatomy: &Anatomy,
        hairline: &Hairline,
        middle: &Start,
        from_middle: &[f64],
        sign: f64,
    ) -> Result<Self, DesignError> {
        let map = ground.map;
        let skull = map.skull();
        let missing = |what| DesignError::NoHairlinePoint {
            side: if sign > 0.0 { "left" } else { "right" },
            what,
        };
        let canthus = ground
            .towards(&canthus(skull, anatomy, sign))
            .ok_or_else(|| missing("eye corner"))?;
        let from_canthus = geodesic::distances(map, &[canthus], 1.4 * RULE);
        let beyond = middle.at.cross(&canthus.at) * sign;
        let rule = crossing(map, from_middle, &from_canthus, &beyond)
            .ok_or_else(|| missing("frontotemporal point"))?;
        let mut corner = map.place(&rule);
        if let Some(width) = hairline.half_width {
            corner.side = sign * (width.m() / corner.radius).clamp(0.0, 0.95).asin();
        }
        let arm = corner.radius * corner.side.cos();
        if let Some(recession) = hairline.recession {
            corner.pitch = map.place(&middle.at).pitch - recession.m() / arm;
        }
        corner.pitch -= sign * 0.5 * hairline.asymmetry.m() / arm;
        let frontotemporal = Place::towards(corner.pitch, corner.side);
        let to_eye = canthus.at.normalize();
        let all = frontotemporal.angle(&to_eye);
        let reach = (hairline.temple_peak.m() / corner.radius).min(0.75 * all);
        let axis = frontotemporal.cross(&to_eye);
        if all.min(axis.norm()) < 1e-3 {
            return Err(missing("temple's peak"));
        }
        let peak =
            frontotemporal * reach.cos() + axis.normalize().cross(&frontotemporal) * reach.sin();
        Ok(Self {
            sign,
            corner,
            frontotemporal,
            peak,
            sideburn: sideburn(skull, anatomy, sign).normalize(),
        })
    }

    /// Directions from the midline to the sideburn and their surface.
    fn line(
        &self,
        map: &Map,
        front: f64,
        hairline: &Hairline,
    ) -> Result<Vec<Vector3<f64>>, DesignError> {
        let back = front - self.corner.pitch;
        let turn = match hairline.frontotemporal {
            None => TURN,
            Some(wanted) => self.turn(back, wanted)?,
        };
        let frontal = (0..200u32).map(|k| {
            let t = f64::from(k) / 200.0;
            Place::towards(front - back * t.powf(turn), t * self.corner.side)
        });
        let temporal = arc(&self.frontotemporal, &self.peak);
        let lateral = arc(&self.peak, &self.sideburn);
        let line: Vec<Vector3<f64>> = frontal
            .chain(temporal)
            .chain(lateral)
            .map_while(|towards| map.lift(&towards))
            .collect();
        // The sideburn may be off the scan; the temple's peak may not.
        if line.len() < 210 {
            return Err(DesignError::NoHairlinePoint {
                side: if self.sign > 0.0 { "left" } else { "right" },
                what: "temple",
            });
        }
        Ok(line)
    }

    /// The angle between the frontal and the temporal limb for a turn.
    fn angle(&self, back: f64, turn: f64) -> f64 {
        // The frontal limb's direction at its end, by a small step back along it.
        let t: f64 = 1.0 - 1e-4;
        let before = Place::towards(
            self.corner.pitch + back * (1.0 - t.powf(turn)),
            t * self.corner.side,
        );
        let flat = |p: &Vector3<f64>| p - self.frontotemporal * self.frontotemporal.dot(p);
        flat(&before).angle(&flat(&self.peak))
    }

    fn turn(&self, back: f64, wanted: Angle) -> Result<f64, DesignError> {
        let (mut low, mut high) = TURNS;
        let (blunt, sharp) = (self.angle(back, low), self.angle(back, high));
        if !(sharp.min(blunt)..=sharp.max(blunt)).contains(&wanted.rad()) {
            return Err(DesignError::FrontotemporalAngle {
                wanted,
                least: Angle::from_rad(sharp.min(blunt)),
                most: Angle::from_rad(sharp.max(blunt)),
            });
        }
        let falling = sharp < blunt;
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if (self.angle(back, middle) > wanted.rad()) == falling {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(0.5 * (low + high))
    }
}

/// The surface point at the rule's distance from both starts, on the side `beyond` points to.
fn crossing(
    map: &Map,
    first: &[f64],
    second: &[f64],
    beyond: &Vector3<f64>,
) -> Option<Vector3<f64>> {
    let miss = |d: f64, e: f64| (d - RULE).hypot(e - RULE);
    let (node, nearest) = (0..map::nodes())
        .filter(|n| first[*n].max(second[*n]).is_finite())
        .filter(|n| map.surface()[*n].is_some_and(|p| p.dot(beyond) > 0.0))
        .map(|n| (n, miss(first[n], second[n])))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    if nearest > 0.003 {
        return None;
    }
    let mut uv = map::place_of(node);
    let h = map::CELL;
    for _ in 0..6 {
        let at = |du: f64, dv: f64| {
            let p = uv + Uv::new(du, dv);
            Uv::new(
                map::between(first, &p) - RULE,
                map::between(second, &p) - RULE,
            )
        };
        let slope = nalgebra::Matrix2::from_columns(&[
            (at(h, 0.0) - at(-h, 0.0)) / (2.0 * h),
            (at(0.0, h) - at(0.0, -h)) / (2.0 * h),
        ]);
        let step = slope.try_inverse()? * at(0.0, 0.0);
        // Also refuses what is not finite.
        uv -= Some(step).filter(|s| s.norm() < 10.0 * h)?;
    }
    map.lift(&map::direction(&uv))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::hairline::testing::{RADIUS, anatomy, hairline};

    #[test]
    fn the_frontotemporal_angle_is_what_is_asked() {
        let map = Map::round(Skull::unit(), RADIUS);
        let ground = Ground {
            map: &map,
            head_from_scan: None,
        };
        let anatomy = anatomy();
        let mut blunter = 0.0;
        for degrees in [60.0, 70.0, 80.0, 90.0] {
            let hairline = Hairline {
                recession: Some(Length::from_mm(22.0)),
                half_width: Some(Length::from_mm(58.0)),
                frontotemporal: Some(Angle::from_deg(degrees)),
                ..hairline()
            };
            let middle = up_the_forehead(&map, &anatomy, GLABELLA + hairline.height).unwrap();
            let from_middle = geodesic::distances(&map, &[middle], 1.4 * RULE);
            for sign in [1.0, -1.0] {
                let half =
                    Half::new(ground, &anatomy, &hairline, &middle, &from_middle, sign).unwrap();
                let front = map.place(&middle.at).pitch;
                // The line before its corner is rounded: its two pieces at the corner.
                let line = half.line(&map, front, &hairline).unwrap();
                let (a, c, b) = (line[199], line[200], line[201]);
                assert!((c.normalize() - half.frontotemporal).norm() < 1e-9);
                let angle = (a - c).angle(&(b - c)).to_degrees();
                assert!((angle - degrees).abs() < 0.8, "{degrees}: {angle}");
                assert!(angle > blunter - 0.8);
                blunter = angle;
            }
        }
    }

    #[test]
    fn the_rule_holds_on_a_sphere() {
        let map = Map::round(Skull::unit(), RADIUS);
        let ground = Ground {
            map: &map,
            head_from_scan: None,
        };
        let (anatomy, hairline) = (anatomy(), hairline());
        let middle = up_the_forehead(&map, &anatomy, GLABELLA + hairline.height).unwrap();
        let up = RADIUS * middle.at.angle(&anatomy.nasion.raw());
        assert!((up - 0.090).abs() < 1e-4, "{up}");
        let from_middle = geodesic::distances(&map, &[middle], 1.4 * RULE);
        for sign in [1.0, -1.0] {
            let half = Half::new(ground, &anatomy, &hairline, &middle, &from_middle, sign).unwrap();
            let eye =
                anatomy.nasion.raw() + Vector3::new(CANTHUS[0], sign * CANTHUS[1], CANTHUS[2]);
            let c = half.frontotemporal;
            assert!(
                c.y * sign > 0.5,
                "on its own side, beyond the line to the eye"
            );
            for from in [middle.at, eye] {
                let distance = RADIUS * c.angle(&from);
                assert!((distance - 0.080).abs() < 0.0006, "{distance}");
            }
            let to_peak = c.angle(&half.peak);
            assert!((RADIUS * to_peak - 0.050).abs() < 1e-9);
            assert!(
                (to_peak + half.peak.angle(&eye) - c.angle(&eye)).abs() < 1e-6,
                "on the line to the eye"
            );
        }
    }
}
