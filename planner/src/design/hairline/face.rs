//! Where no hairline may run: too near the glabella, or over the face.

use nalgebra::Vector3;
use stipple_model::treatment::Hairline;
use stipple_model::units::{Angle, Length};

use super::rule::{canthus, sideburn, up_the_forehead};
use super::{GLABELLA, Polygon, around};
use crate::design::error::DesignError;
use crate::design::geodesic::{self, Start};
use crate::design::map::{self, Map};
use crate::design::outline::{Ground, arc};
use crate::register::Anatomy;

/// Distances along the skin are good to this, metres.
const GOOD_TO: f64 = 0.001;
/// A line may run this far below the edge of the face, as a slope: 2 mm on an adult. The rule's line ends on it.
const ON_THE_EDGE: f64 = 0.02;

/// Refuses a line that comes nearer to the glabella than its policy allows, that runs below the eyes, or that has the glabella behind it.
pub(super) fn check(
    ground: Ground<'_>,
    anatomy: &Anatomy,
    hairline: &Hairline,
    line: &[Vector3<f64>],
) -> Result<(), DesignError> {
    let map = ground.map;
    let glabella = up_the_forehead(map, anatomy, GLABELLA)?;
    let lowest = hairline.lowest.m();
    let reached = geodesic::distances(map, &[glabella], lowest + 2.0 * GOOD_TO);
    let found = line
        .iter()
        .filter_map(map::chart)
        .map(|uv| map::between(&reached, &uv))
        .fold(f64::INFINITY, f64::min);
    if found < lowest - GOOD_TO {
        return Err(DesignError::HairlineTooLow {
            found: Length::from_m(found),
            lowest: hairline.lowest,
        });
    }
    // Far below it a line is far from it too.
    let starts: Vec<Start> = line.iter().filter_map(|p| ground.towards(p)).collect();
    let behind = Polygon::new(&around(&starts));
    let nasion = map.skull().local(&anatomy.nasion.raw());
    let face = [Some(glabella.uv), map::chart(&nasion)];
    if face.iter().flatten().any(|uv| behind.contains(uv)) {
        return Err(DesignError::HairlineBelowGlabella);
    }
    let edge = edge_of_the_face(map, anatomy);
    match line.iter().find(|p| is_below(&edge, p)) {
        Some(p) => Err(DesignError::HairlineOnFace {
            azimuth: Angle::from_rad(p.y.atan2(p.x)),
        }),
        None => Ok(()),
    }
}

/// Directions from the left sideburn over the left eye's outer corner, the nasion and the right eye's to the right sideburn: what lies
/// below is the face.
fn edge_of_the_face(map: &Map, anatomy: &Anatomy) -> Vec<Vector3<f64>> {
    let skull = map.skull();
    let corners = [
        sideburn(skull, anatomy, 1.0),
        canthus(skull, anatomy, 1.0),
        skull.local(&anatomy.nasion.raw()),
        canthus(skull, anatomy, -1.0),
        sideburn(skull, anatomy, -1.0),
    ]
    .map(|p| p.normalize());
    let sides = corners.windows(2).flat_map(|pair| arc(&pair[0], &pair[1]));
    sides.chain(corners.last().copied()).collect()
}

/// Whether a place lies straight down the head from a line of directions; behind the line's ends none does.
fn is_below(edge: &[Vector3<f64>], p: &Vector3<f64>) -> bool {
    let azimuth = |q: &Vector3<f64>| q.y.atan2(q.x);
    let slope = |q: &Vector3<f64>| q.z / q.xy().norm();
    let here = azimuth(p);
    edge.windows(2).any(|pair| {
        let (left, right) = (azimuth(&pair[0]), azimuth(&pair[1]));
        // The line runs from left to right; its last step may end at this azimuth.
        let within = (right..=left).contains(&here);
        let part = if left > right {
            (left - here) / (left - right)
        } else {
            0.0
        };
        within && slope(p) + ON_THE_EDGE < slope(&pair[0]) * (1.0 - part) + slope(&pair[1]) * part
    })
}
