//! The head of a plan as plain loops over all of it see it.

use nalgebra::Vector3;
use parry3d::math::Vector;
use parry3d::query::{PointQuery as _, Ray, RayCast as _};
use parry3d::shape::Triangle;
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::limits::{HOVER, KEEP_OUT_MARGIN, TILT_CAP};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Dot, KeepOut, Plan};

/// Nearer than this to a limit rounding decides, m and rad.
pub const EVEN: f64 = 1e-7;

pub fn corners_of(head: &SurfaceMesh<Head>, triangle: u32) -> [Vector3<f64>; 3] {
    head.corners(triangle as usize).map(|p| p.raw())
}

/// A piece of skin, and a ball that holds it.
struct Piece {
    triangle: Triangle,
    middle: Vector,
    radius: f64,
    in_patch: bool,
}

/// The head.
pub struct Truth {
    skin: Vec<Piece>,
    keep_outs: Vec<KeepOut>,
}

impl Truth {
    pub fn of(plan: &Plan) -> Self {
        let piece = |number: u32| {
            let corners = corners_of(&plan.head, number);
            let [a, b, c] = corners.map(|v| stipple_model::to_parry_vector(&v));
            let middle = (a + b + c) / 3.0;
            Piece {
                triangle: Triangle::new(a, b, c),
                middle,
                radius: [a, b, c]
                    .map(|v| (v - middle).length())
                    .into_iter()
                    .fold(0.0, f64::max),
                in_patch: plan.patch.contains(&number),
            }
        };
        Self {
            skin: (0..plan.head.triangles().len() as u32).map(piece).collect(),
            keep_outs: plan.keep_outs.clone(),
        }
    }

    /// Distances to the patch, and to the skin beside it, m.
    pub fn distances(&self, point: &Point<Head>) -> (f64, f64) {
        let point = stipple_model::to_parry_vector(&point.raw());
        let (mut on, mut off) = (f64::INFINITY, f64::INFINITY);
        for piece in &self.skin {
            let least = if piece.in_patch { &mut on } else { &mut off };
            if (point - piece.middle).length() - piece.radius < *least {
                *least = least.min(piece.triangle.distance_to_local_point(point, false));
            }
        }
        (on, off)
    }

    /// Where a ray first meets the skin, m along it.
    pub fn met(&self, from: &Point<Head>, along: &Direction<Head>) -> Option<f64> {
        let raw = [from.raw(), along.raw()].map(|v| stipple_model::to_parry_vector(&v));
        let ray = Ray::new(raw[0], raw[1]);
        let hits = self.skin.iter();
        hits.filter_map(|piece| piece.triangle.cast_local_ray(&ray, 1.0, false))
            .reduce(f64::min)
    }

    /// The nearest volume to be kept out of, m.
    pub fn kept_out(&self, point: &Point<Head>) -> f64 {
        let each = self.keep_outs.iter();
        each.map(|k| point.distance(&k.center) - k.radius.m())
            .fold(f64::INFINITY, f64::min)
    }

    /// How high above the skin, below it negative, and how far from the patch, m. Every ray from a head's middle meets its skin once.
    pub fn height_and_beside(&self, point: &Point<Head>) -> (f64, f64) {
        let (on, off) = self.distances(point);
        let middle = Point::origin();
        let out = Direction::new(point.raw()).unwrap();
        let inside = self.met(&middle, &out).unwrap() > point.distance(&middle);
        let height = on.min(off);
        (if inside { -height } else { height }, on)
    }

    /// The first rule that a dot of a plan breaks.
    pub fn rule_broken(&self, dot: &Dot) -> Option<&'static str> {
        dot.hover_pose(HOVER)?;
        let (on, off) = self.distances(&dot.position);
        let tilt = dot.needle.angle(&-dot.normal);
        let near = KEEP_OUT_MARGIN.m() - self.kept_out(&dot.position);
        [
            ("off the patch", on - off),
            ("aslant", tilt - TILT_CAP.rad()),
            ("near a keep-out", near),
        ]
        .into_iter()
        .find_map(|(rule, over)| (over > EVEN).then_some(rule))
    }
}
