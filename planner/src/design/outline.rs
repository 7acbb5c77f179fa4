//! Curves drawn by hand: places to points of the surface, closed curves to areas of the map.

use std::f64::consts::FRAC_PI_2;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point, Scan, Transform};
use stipple_model::treatment::Place as Given;
use stipple_model::units::Length;

use super::error::DesignError;
use super::geodesic::Start;
use super::map::{self, CELL, Map, Node, REACH, Uv};

/// A point drawn on the scan may lie this far from the surface. Source: this project's own; a click on a coarse mesh.
const OFF_SURFACE: Length = Length::from_mm(10.0);
/// Curves are drawn in steps of this angle, below one cell of the map.
const STEP: f64 = 0.006;
/// Two points nearer than this are one, metres.
const SAME: f64 = 1e-4;

/// What given places are looked up on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub map: &'a Map,
    pub head_from_scan: Option<&'a Transform<Head, Scan>>,
}

impl Ground<'_> {
    /// A given place on the surface. `what` names it in errors.
    pub fn point(&self, what: &str, given: &Given) -> Result<Start, DesignError> {
        let (towards, wanted) = match given {
            Given::Angles { azimuth, elevation } => {
                let (sin, cos) = elevation.rad().sin_cos();
                let level = azimuth.rad();
                (
                    Vector3::new(cos * level.cos(), cos * level.sin(), sin),
                    None,
                )
            }
            Given::Scan(p) => {
                let frame = self
                    .head_from_scan
                    .ok_or_else(|| DesignError::NoScanFrame {
                        what: what.to_owned(),
                    })?;
                let q = self.map.skull().local(&(*frame * *p).raw());
                (q, Some(q))
            }
        };
        let off = |distance| DesignError::OffScalp {
            what: what.to_owned(),
            distance,
        };
        let start = self
            .towards(&towards)
            .ok_or_else(|| off(wanted.map(|q| self.distance(&q))))?;
        match wanted.map(|q| Length::from_m((q - start.at).norm())) {
            Some(distance) if distance > OFF_SURFACE => Err(off(Some(distance))),
            _ => Ok(start),
        }
    }

    /// Where the places of the treatment's list of that name lie, in the head frame.
    pub fn listed<'a>(
        &self,
        list: &str,
        given: impl Iterator<Item = &'a Given>,
    ) -> Result<Vec<Point<Head>>, DesignError> {
        let place = |(k, place)| {
            let start = self.point(&format!("point {k} of {list}"), place)?;
            Ok(self.map.skull().head(&start.at))
        };
        (1..).zip(given).map(place).collect()
    }

    /// Distance from a place to the nearest of the map's surface.
    fn distance(&self, q: &Vector3<f64>) -> Length {
        let surface = self.map.surface().iter().flatten();
        Length::from_m(
            surface
                .map(|p| (p - q).norm())
                .fold(f64::INFINITY, f64::min),
        )
    }

    /// The surface in a direction.
    pub fn towards(&self, towards: &Vector3<f64>) -> Option<Start> {
        Some(Start {
            uv: map::chart(towards)?,
            at: self.map.lift(towards)?,
        })
    }

    /// Given places as points of the surface, neighbours that are one joined.
    pub fn points(&self, what: &str, given: &[Given]) -> Result<Vec<Start>, DesignError> {
        let mut points: Vec<Start> = Vec::with_capacity(given.len());
        for (k, place) in (1..).zip(given) {
            let point = self.point(&format!("point {k} of {what}"), place)?;
            if points
                .last()
                .is_none_or(|p| (p.at - point.at).norm() > SAME)
            {
                points.push(point);
            }
        }
        Ok(points)
    }

    /// A line through points along the shortest ways, in small steps, on the surface. It must not cross itself.
    pub fn line(
        &self,
        what: &str,
        points: &[Start],
        closed: bool,
    ) -> Result<Vec<Start>, DesignError> {
        let ends = if closed {
            points.len()
        } else {
            points.len().saturating_sub(1)
        };
        let arcs: Vec<(Vector3<f64>, Vector3<f64>)> = (0..ends)
            .map(|k| {
                (
                    points[k].at.normalize(),
                    points[(k + 1) % points.len()].at.normalize(),
                )
            })
            .collect();
        if let Some((k, _)) = arcs
            .iter()
            .enumerate()
            .find(|(_, (a, b))| a.angle(b) > FRAC_PI_2)
        {
            return Err(DesignError::CurveTooFar {
                what: what.to_owned(),
                from: k + 1,
                to: (k + 1) % points.len() + 1,
            });
        }
        for (i, first) in arcs.iter().enumerate() {
            for (j, second) in arcs.iter().enumerate().skip(i + 2) {
                if cross(first, second) && !(closed && i == 0 && j + 1 == arcs.len()) {
                    return Err(DesignError::CurveCrosses {
                        what: what.to_owned(),
                        first: i + 1,
                        second: j + 1,
                    });
                }
            }
        }
        let mut line = Vec::new();
        for (a, b) in &arcs {
            for towards in arc(a, b) {
                line.push(
                    self.towards(&towards)
                        .ok_or_else(|| DesignError::OffScalp {
                            what: what.to_owned(),
                            distance: None,
                        })?,
                );
            }
        }
        if let (false, Some(last)) = (closed, points.last()) {
            line.push(*last);
        }
        Ok(line)
    }

    /// A closed curve: its line on the surface and the area within.
    pub fn ring(&self, what: &str, given: &[Given]) -> Result<(Vec<Start>, Polygon), DesignError> {
        let mut points = self.points(what, given)?;
        // Many close a curve by repeating its first point.
        if let (Some(first), Some(last)) = (points.first(), points.last())
            && points.len() > 1
            && (first.at - last.at).norm() <= SAME
        {
            points.pop();
        }
        if points.len() < 3 {
            return Err(DesignError::CurveEmpty {
                what: what.to_owned(),
            });
        }
        let line = self.line(what, &points, true)?;
        let ring: Vec<Uv> = line.iter().map(|s| s.uv).collect();
        Ok((line, Polygon::new(&ring)))
    }
}

/// Unit directions along the shortest way between two, the first included, the last not.
pub(super) fn arc(a: &Vector3<f64>, b: &Vector3<f64>) -> impl Iterator<Item = Vector3<f64>> {
    let angle = a.angle(b);
    let steps = (angle / STEP).ceil().clamp(1.0, 1000.0);
    let (a, b, sin) = (*a, *b, angle.sin());
    (0..steps as usize).map(move |k| {
        let t = k as f64 / steps;
        if sin > 1e-9 {
            (a * ((1.0 - t) * angle).sin() + b * (t * angle).sin()) / sin
        } else {
            a
        }
    })
}

/// Whether two arcs, each shorter than a quarter turn, cross.
fn cross((a, b): &(Vector3<f64>, Vector3<f64>), (c, d): &(Vector3<f64>, Vector3<f64>)) -> bool {
    let (first, second) = (a.cross(b), c.cross(d));
    let apart = |n: &Vector3<f64>, p: &Vector3<f64>, q: &Vector3<f64>| n.dot(p) * n.dot(q) < 0.0;
    apart(&first, c, d) && apart(&second, a, b) && (a + b).dot(&(c + d)) > 0.0
}

/// An area of the map within a closed line.
#[derive(Debug, Clone)]
pub(super) struct Polygon {
    /// Sides by the row of the chart they pass.
    rows: Vec<Vec<(Uv, Uv)>>,
    /// The corners of a rectangle around it.
    low: Uv,
    high: Uv,
}

impl Polygon {
    /// The area within a closed line of the chart.
    pub fn new(ring: &[Uv]) -> Self {
        let mut rows = vec![Vec::new(); (2.0 * REACH / CELL) as usize + 3];
        for (k, a) in ring.iter().enumerate() {
            let b = &ring[(k + 1) % ring.len()];
            let (low, high) = (row(a.y.min(b.y)), row(a.y.max(b.y)));
            let last = rows.len() - 1;
            rows[low.min(last)..=high.min(last)]
                .iter_mut()
                .for_each(|r| r.push((*a, *b)));
        }
        let first = ring.first().copied().unwrap_or_else(Uv::zeros);
        let low = ring.iter().fold(first, |low, p| low.inf(p));
        let high = ring.iter().fold(first, |high, p| high.sup(p));
        Self { rows, low, high }
    }

    /// The map's nodes within.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        map::nodes_between(self.low, self.high).filter(|n| self.contains(&map::place_of(*n)))
    }

    /// Whether a place is within.
    pub fn contains(&self, uv: &Uv) -> bool {
        let Some(sides) = self.rows.get(row(uv.y)) else {
            return false;
        };
        sides.iter().fold(false, |within, (a, b)| {
            let passes = (a.y > uv.y) != (b.y > uv.y)
                && uv.x < a.x + (b.x - a.x) * (uv.y - a.y) / (b.y - a.y);
            within != passes
        })
    }
}

fn row(y: f64) -> usize {
    // The cast saturates for nonsense.
    ((y + REACH) / CELL + 1.0).max(0.0) as usize
}
