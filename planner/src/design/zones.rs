//! The zones on one head: which one holds at a place.

use nalgebra::Vector3;
use stipple_model::treatment::{Region, Shape, Treatment};

use super::error::DesignError;
use super::geodesic;
use super::hairline::Line;
use super::map::{self, Uv};
use super::outline::{Ground, Polygon};
use super::regions::{Regions, Spot};

/// A zone's shape on the head.
#[derive(Debug, Clone)]
enum Laid {
    Region(Region),
    Within(Polygon),
    /// Distance from a line at the map's nodes, and half the band's width, metres.
    Along(Vec<f64>, f64),
    Column(Column),
}

/// A column of a square on the skin.
#[derive(Debug, Clone, Copy)]
struct Column {
    center: Vector3<f64>,
    /// Unit directions across the columns and along them, in the skin's plane.
    across: Vector3<f64>,
    along: Vector3<f64>,
    /// Bounds across, and half the side, metres.
    from: f64,
    to: f64,
    half: f64,
}

impl Column {
    fn contains(&self, q: &Vector3<f64>) -> bool {
        let d = q - self.center;
        let across = d.dot(&self.across);
        (self.from..self.to).contains(&across)
            && d.dot(&self.along).abs() < self.half
            && d.norm() < 2.0 * self.half
    }
}

/// Zones over regions and hairline.
#[derive(Debug, Clone)]
pub(super) struct Zones {
    shapes: Vec<Laid>,
    regions: Regions,
    /// The hairline all of them stay behind.
    pub line: Line,
}

impl Zones {
    /// Lays a treatment's zones.
    pub fn new(ground: Ground<'_>, treatment: &Treatment, line: Line) -> Result<Self, DesignError> {
        let lay = |zone: &stipple_model::treatment::ZoneDesign| {
            let what = format!("zone \"{}\"", zone.name);
            Ok(match &zone.shape {
                Shape::Region(region) => Laid::Region(*region),
                Shape::Curve(given) => Laid::Within(ground.ring(&what, given)?.1),
                Shape::Line { points, width } => {
                    let points = ground.points(&what, points)?;
                    if points.len() < 2 {
                        return Err(DesignError::CurveEmpty { what });
                    }
                    let line = ground.line(&what, &points, false)?;
                    let half = width.m() / 2.0;
                    // Somewhat beyond the band, so that its edge lies between known distances.
                    let reach = half + 0.004;
                    Laid::Along(geodesic::distances(ground.map, &line, reach), half)
                }
                Shape::Column {
                    center,
                    size,
                    column,
                    columns,
                } => {
                    let center = ground.point(&what, center)?.at;
                    Laid::Column(column_at(center, size.m(), *column, *columns))
                }
            })
        };
        let regions = Regions {
            front: line.front,
            corner: line.corner,
            scale: ground.map.skull().scale,
        };
        Ok(Self {
            shapes: treatment.zones.iter().map(lay).collect::<Result<_, _>>()?,
            regions,
            line,
        })
    }

    /// The zone at a place behind the hairline and how far behind it that is: the last of those that contain it.
    pub fn at(&self, q: &Vector3<f64>, uv: &Uv, spot: &Spot) -> Option<u8> {
        let within = |shape: &Laid| match shape {
            Laid::Region(region) => self.regions.contains(*region, spot),
            Laid::Within(polygon) => polygon.contains(uv),
            Laid::Along(distance, half) => map::between(distance, uv) < *half,
            Laid::Column(column) => column.contains(q),
        };
        let last = self.shapes.iter().rposition(within);
        last.map(|index| index as u8)
    }
}

fn column_at(center: Vector3<f64>, size: f64, column: u8, columns: u8) -> Column {
    let out = center.normalize();
    // Columns stand upright; on the vertex they point forward.
    let up = if out.z.abs() < 0.98 {
        Vector3::z()
    } else {
        Vector3::x()
    };
    let across = up.cross(&out).normalize();
    let width = size / f64::from(columns.max(1));
    let from = f64::from(column) * width - size / 2.0;
    Column {
        center,
        across,
        along: out.cross(&across),
        from,
        to: from + width,
        half: size / 2.0,
    }
}
