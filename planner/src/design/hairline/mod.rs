//! The hairline on a head: by Garg's rule from the landmarks, or as drawn; its unevenness; and how far behind it a place lies.
//!
//! Garg's rule, distances along the skin: A is the glabella; B, mid-frontal, 80 mm above A; E the outer corner of the eye; C, the
//! frontotemporal point, 80 mm from B and 80 mm from E; D, the temple's peak, on the line from C to E, 50 mm from C. From D the line
//! goes back to the sideburn in front of the ear.

mod face;
mod rule;
mod shape;

use std::f64::consts::PI;

use nalgebra::Vector3;
use stipple_model::treatment::Hairline;
use stipple_model::units::{Angle, Length};

use super::error::DesignError;
use super::geodesic::{self, Start};
use super::map::{self, REACH, Uv};
use super::outline::{Ground, Polygon};
use crate::register::Anatomy;
use rule::by_rule;
use shape::{Waves, rounded, unevenly};

/// Glabella above nasion on the skin. Source: this project's own; 8–12 mm on public heads.
const GLABELLA: Length = Length::from_mm(10.0);
/// How far behind the line distances are known, metres.
const KNOWN: f64 = 0.1;
/// An own line must reach this far to both sides.
const SPAN: Angle = Angle::from_deg(25.0);

/// The hairline on one head.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its points from left to right, uneven as it is, in skull coordinates.
    pub points: Vec<Vector3<f64>>,
    /// Pitch of the mid-frontal point.
    pub front: f64,
    /// Side angle of the frontotemporal points, the mean of both.
    pub corner: f64,
    behind: Polygon,
    depth: Vec<f64>,
}

impl Line {
    /// Lays the line.
    pub fn new(
        ground: Ground<'_>,
        anatomy: &Anatomy,
        hairline: &Hairline,
        seed: u64,
    ) -> Result<Self, DesignError> {
        let map = ground.map;
        let (smooth, front, corner) = match &hairline.line {
            Some(given) => drawn(ground, given)?,
            None => by_rule(ground, anatomy, hairline)?,
        };
        let shaped = unevenly(&smooth, hairline.widows_peak, |_| 0.0);
        face::check(ground, anatomy, hairline, &shaped)?;
        let waves = Waves {
            seed,
            waviness: hairline.waviness.m(),
            roughness: hairline.roughness.m(),
        };
        let uneven = unevenly(&smooth, hairline.widows_peak, |along| waves.at(along));
        let starts: Vec<Start> = uneven.iter().filter_map(|p| ground.towards(p)).collect();
        let behind = Polygon::new(&around(&starts));
        let depth = geodesic::distances(map, &starts, KNOWN);
        Ok(Self {
            points: starts.iter().map(|s| s.at).collect(),
            front,
            corner,
            behind,
            depth,
        })
    }

    /// How far behind the line a place is, along the skin, metres: infinite beyond 100 mm; `None` in front of it.
    pub fn behind(&self, uv: &Uv) -> Option<f64> {
        self.behind
            .contains(uv)
            .then(|| map::between(&self.depth, uv))
    }
}

/// The chart's outline of what lies behind the line: along it, and from its ends downwards round the back.
fn around(line: &[Start]) -> Vec<Uv> {
    let mut ring: Vec<Uv> = line.iter().map(|s| s.uv).collect();
    let azimuth = |s: Option<&Start>| s.map_or(0.0, |s| s.uv.y.atan2(s.uv.x));
    let (left, right) = (azimuth(line.first()), azimuth(line.last()));
    // From the right end on through the back to the left one, always the same way round.
    let sweep = (right - left).rem_euclid(2.0 * PI);
    let edge = |angle: f64| Uv::new(angle.cos(), angle.sin()) * (REACH + 0.01);
    ring.extend((0..=64).map(|k| edge(right - sweep * f64::from(k) / 64.0)));
    ring
}

type Smooth = (Vec<Vector3<f64>>, f64, f64);

/// The line as drawn.
fn drawn(
    ground: Ground<'_>,
    given: &[stipple_model::treatment::Place],
) -> Result<Smooth, DesignError> {
    let mut points = ground.points("hairline.line", given)?;
    let azimuth = |s: &Start| s.at.y.atan2(s.at.x);
    if let (Some(first), Some(last)) = (points.first(), points.last())
        && azimuth(first) < azimuth(last)
    {
        points.reverse();
    }
    let ends = points.first().map_or(0.0, azimuth);
    let (left, right) = (ends, points.last().map_or(0.0, azimuth));
    if left < SPAN.rad() || right > -SPAN.rad() {
        return Err(DesignError::HairlineShort {
            left: Angle::from_rad(left),
            right: Angle::from_rad(right),
        });
    }
    let line = ground.line("hairline.line", &points, false)?;
    let dense: Vec<Vector3<f64>> = line.iter().map(|s| s.at).collect();
    let places = || dense.iter().map(|p| ground.map.place(p));
    let front = places()
        .min_by(|a, b| a.side.abs().total_cmp(&b.side.abs()))
        .map_or(0.0, |p| p.pitch);
    // The points drawn farthest back on either side stand for the temple points.
    let corner = |sign: f64| {
        places()
            .filter(|p| (20.0..70.0).contains(&(sign * p.side).to_degrees()))
            .min_by(|a, b| a.pitch.total_cmp(&b.pitch))
            .map_or(40f64.to_radians(), |p| p.side.abs())
    };
    Ok((
        rounded(ground.map, &dense),
        front,
        0.5 * (corner(1.0) + corner(-1.0)),
    ))
}

#[cfg(test)]
mod testing {
    use super::*;
    use crate::design::skull::Place;
    use stipple_model::frames::{Direction, Point};
    use stipple_model::treatment::Treatment;

    pub const RADIUS: f64 = 0.09;

    pub fn hairline() -> Hairline {
        let text = include_str!("../../../treatments/default.toml");
        Treatment::parse(text).unwrap().hairline
    }

    /// Landmarks on a sphere about the scalp's middle.
    pub fn anatomy() -> Anatomy {
        let at = |pitch: f64, side: f64| {
            Point::from_raw(Place::towards(pitch.to_radians(), side.to_radians()) * RADIUS)
        };
        Anatomy {
            nasion: at(102.0, 0.0),
            left_ear: at(170.0, 60.0),
            right_ear: at(170.0, -60.0),
            forward: Direction::x(),
            up: Direction::z(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::map::Map;
    use super::rule::up_the_forehead;
    use super::testing::{RADIUS, anatomy, hairline};
    use super::*;
    use crate::design::skull::{Place, Skull};

    #[test]
    fn the_line_passes_its_points_and_parts_face_from_scalp() {
        let map = Map::round(Skull::unit(), RADIUS);
        let ground = Ground {
            map: &map,
            head_from_scan: None,
        };
        let (anatomy, hairline) = (anatomy(), hairline());
        let middle = up_the_forehead(&map, &anatomy, GLABELLA + hairline.height).unwrap();
        // The finished line passes the points, its corners rounded.
        let line = Line::new(
            ground,
            &anatomy,
            &Hairline {
                waviness: Length::ZERO,
                roughness: Length::ZERO,
                ..hairline
            },
            1,
        )
        .unwrap();
        let nearest = line.points.iter().map(|p| (p - middle.at).norm());
        assert!(nearest.fold(f64::INFINITY, f64::min) < 3e-4);
        let step = line
            .points
            .windows(2)
            .map(|p| (p[1] - p[0]).norm())
            .fold(0.0, f64::max);
        assert!(step < 0.00055, "{step}");
        assert!(line.behind(&Uv::zeros()).is_some());
        assert!(line.behind(&Uv::new(-1.5, 0.0)).is_some(), "the back");
        let face = map::chart(&Place::towards(1.6, 0.1)).unwrap();
        assert!(line.behind(&face).is_none());
    }

    #[test]
    fn a_line_on_a_sphere_knows_how_far_behind_a_place_is() {
        let map = Map::round(Skull::unit(), RADIUS);
        let ground = Ground {
            map: &map,
            head_from_scan: None,
        };
        let line = Line::new(ground, &anatomy(), &hairline(), 3).unwrap();
        let mut seen = 0;
        for node in (0..map::nodes()).step_by(37) {
            let uv = map::place_of(node);
            let towards = map::direction(&uv);
            // Lower down the shortest way may leave the map.
            let depth = line
                .behind(&uv)
                .filter(|d| d.is_finite() && towards.z > -0.35);
            if let Some(depth) = depth {
                let nearest = line.points.iter().map(|p| RADIUS * towards.angle(p));
                let nearest = nearest.fold(f64::INFINITY, f64::min);
                let good_to = if nearest < 0.04 { 0.6e-3 } else { 1.2e-3 };
                assert!((depth - nearest).abs() < good_to, "{depth} {nearest}");
                seen += 1;
            }
        }
        assert!(seen > 500, "{seen}");
    }
}
