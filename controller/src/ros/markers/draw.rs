//! What is shown of a plan, as RViz markers: all of it in the head's frame, posed by where the head is.
//!
//! Sizes are bounded whatever the plan: [`MOST_TRIANGLES`] of the head (72 bytes each), [`MOST_EDGES`] of the patch's outline (48),
//! [`MOST_DOTS`] (40), [`MOST_KEEP_OUTS`] and [`HOPS_AHEAD`]: together less than 5.5 MB, for a plan of 30,000 dots 2.2 MB.

use std::collections::{BTreeMap, BTreeSet};

use r2r::geometry_msgs::msg::{Point as RosPoint, Pose, Quaternion, Vector3};
use r2r::std_msgs::msg::{ColorRGBA, Header};
use r2r::visualization_msgs::msg::Marker;
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::limits::HOVER;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{DotId, Outcome, Plan};

use crate::record::DotState;

/// Most triangles that the head is shown with; a finer mesh is shown coarser.
pub const MOST_TRIANGLES: usize = 8_000;
/// Most edges of the patch's outline; of more every second, third, … is shown.
pub const MOST_EDGES: usize = 8_000;
/// Most dots that are shown, the first of the plan.
pub const MOST_DOTS: usize = 100_000;
/// Most keep-outs.
pub const MOST_KEEP_OUTS: usize = 100;
/// Hops after the present one.
pub const HOPS_AHEAD: usize = 10;
/// Dots of one marker: what is sent when one of them changes.
pub const CHUNK: usize = 500;

/// m.
const DOT_WIDTH: f64 = 0.8e-3;
/// m.
const LINE_WIDTH: f64 = 0.6e-3;

const HEAD: [f32; 4] = [0.87, 0.74, 0.65, 1.0];
const PATCH: [f32; 4] = [0.1, 0.4, 0.9, 1.0];
const KEEP_OUT: [f32; 4] = [0.9, 0.1, 0.1, 0.25];
const HOP: [f32; 4] = [1.0, 0.85, 0.0, 1.0];
const NEXT: [f32; 4] = [1.0, 0.85, 0.0, 0.4];

/// How a dot stands, as it is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// To be struck.
    Planned,
    /// Struck.
    Placed,
    /// Left out, by the planner or in the session.
    Skipped,
    /// Perhaps struck.
    InDoubt,
}

impl Standing {
    /// What is left out or in doubt has the colour of the reports' picture.
    const fn color(self) -> [f32; 4] {
        match self {
            Self::Planned => [0.55, 0.6, 0.7, 1.0],
            Self::Placed => [0.05, 0.35, 0.1, 1.0],
            Self::Skipped => [0.9, 0.62, 0.0, 1.0],
            Self::InDoubt => [0.84, 0.24, 0.0, 1.0],
        }
    }
}

impl From<DotState> for Standing {
    fn from(state: DotState) -> Self {
        match state {
            DotState::Placed => Self::Placed,
            DotState::Skipped => Self::Skipped,
            DotState::Intent | DotState::InDoubt => Self::InDoubt,
        }
    }
}

/// How all dots stand, by their number.
#[must_use]
pub fn standings(plan: &Plan, done: &BTreeMap<DotId, DotState>) -> Vec<Standing> {
    let numbers = 0..u32::try_from(plan.dots.len()).unwrap_or(u32::MAX);
    let stands = |(number, dot): (u32, &stipple_model::plan::Dot)| match (
        done.get(&DotId(number)),
        dot.outcome,
    ) {
        (Some(state), _) => Standing::from(*state),
        (None, Outcome::Skipped(_)) => Standing::Skipped,
        (None, Outcome::Planned { .. }) => Standing::Planned,
    };
    numbers.zip(&plan.dots).map(stands).collect()
}

/// Where and when markers stand.
#[derive(Debug, Clone)]
pub struct Place {
    /// The arm's base frame, and the moment.
    pub header: Header,
    /// The head in that frame.
    pub base_from_head: Transform<Base, Head>,
}

impl Place {
    fn marker(&self, ns: &str, id: usize, kind: i32, color: [f32; 4]) -> Marker {
        let pose = self.base_from_head.raw();
        let (p, q) = (pose.translation.vector, pose.rotation.coords);
        Marker {
            header: self.header.clone(),
            ns: ns.to_owned(),
            id: i32::try_from(id).unwrap_or(i32::MAX),
            type_: kind,
            action: Marker::ADD as i32,
            pose: Pose {
                position: point(p.x, p.y, p.z),
                orientation: Quaternion {
                    x: q.x,
                    y: q.y,
                    z: q.z,
                    w: q.w,
                },
            },
            scale: scale(1.0),
            color: rgba(color),
            ..Default::default()
        }
    }

    /// Takes every marker of a former scene away.
    #[must_use]
    pub fn clear(&self) -> Marker {
        Marker {
            action: Marker::DELETEALL as i32,
            ..self.marker("", 0, Marker::CUBE as i32, HEAD)
        }
    }

    /// The head's surface, at most [`MOST_TRIANGLES`] of it.
    #[must_use]
    pub fn head(&self, triangles: &[[Point<Head>; 3]]) -> Marker {
        Marker {
            points: triangles.iter().flatten().map(at).collect(),
            ..self.marker("head", 0, Marker::TRIANGLE_LIST as i32, HEAD)
        }
    }

    /// The outline of the skin on which dots may be placed.
    #[must_use]
    pub fn patch(&self, edges: &[[Point<Head>; 2]]) -> Marker {
        Marker {
            points: edges.iter().flatten().map(at).collect(),
            scale: scale(LINE_WIDTH),
            ..self.marker("patch", 0, Marker::LINE_LIST as i32, PATCH)
        }
    }

    /// Where no tip may be.
    pub fn keep_outs<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = Marker> + 'a {
        let shown = plan.keep_outs.iter().take(MOST_KEEP_OUTS).enumerate();
        shown.map(|(id, keep_out)| {
            let mut marker = self.marker("keep_outs", id, Marker::SPHERE as i32, KEEP_OUT);
            let center = (self.base_from_head * keep_out.center).raw();
            marker.pose.position = point(center.x, center.y, center.z);
            marker.scale = scale(2.0 * keep_out.radius.m());
            marker
        })
    }

    /// One marker's dots.
    #[must_use]
    pub fn dots(&self, plan: &Plan, standings: &[Standing], chunk: usize) -> Marker {
        let first = chunk * CHUNK;
        let dots = plan.dots.iter().zip(standings).skip(first).take(CHUNK);
        let (points, colors) = dots
            .map(|(dot, standing)| (at(&dot.position), rgba(standing.color())))
            .unzip();
        Marker {
            points,
            colors,
            scale: scale(DOT_WIDTH),
            ..self.marker("dots", chunk, Marker::POINTS as i32, [1.0; 4])
        }
    }

    /// The hop to the present dot and the next ones, straight from hover to hover (the arm may go another way round); taken away where no
    /// dot is worked on.
    #[must_use]
    pub fn hops(
        &self,
        plan: &Plan,
        standings: &[Standing],
        present: Option<(u8, DotId)>,
    ) -> [Marker; 2] {
        let (to, next) = present.map_or_else(Default::default, |(layer, dot)| {
            hovers(plan, standings, layer, dot)
        });
        [(0, to, HOP), (1, next, NEXT)].map(|(id, hovers, color)| {
            let mut marker = self.marker("hops", id, Marker::LINE_STRIP as i32, color);
            marker.scale = scale(LINE_WIDTH);
            // A strip of fewer than two points is none.
            if hovers.len() < 2 {
                marker.action = Marker::DELETE as i32;
            } else {
                marker.points = hovers.iter().map(at).collect();
            }
            marker
        })
    }
}

/// Where the tip hovers: from the dot before to the present one, and from there over the next.
fn hovers(
    plan: &Plan,
    standings: &[Standing],
    layer: u8,
    dot: DotId,
) -> (Vec<Point<Head>>, Vec<Point<Head>>) {
    let order = usize::from(layer)
        .checked_sub(1)
        .and_then(|i| plan.sequence.get(i))
        .map_or(&[][..], Vec::as_slice);
    let Some(place) = order.iter().position(|id| *id == dot) else {
        return Default::default();
    };
    let hover = |id: &DotId| {
        let dot = plan.dot(*id)?;
        Some(Point::from_raw(
            dot.position.raw() - dot.needle.raw() * HOVER.m(),
        ))
    };
    let before = place.checked_sub(1).and_then(|before| order.get(before));
    let to = before.into_iter().chain([&dot]).filter_map(hover);
    let left = order.iter().skip(place + 1).filter(|id| {
        let standing = standings.get(id.index());
        standing == Some(&Standing::Planned)
    });
    let next = std::iter::once(&dot)
        .chain(left.take(HOPS_AHEAD))
        .filter_map(hover);
    (to.collect(), next.collect())
}

/// The head's triangles, at most `most`: vertices in one cube of a grid become one, which stays on the surface.
#[must_use]
pub fn coarse(mesh: &SurfaceMesh<Head>, most: usize) -> Vec<[Point<Head>; 3]> {
    let (low, high) = mesh.bounds();
    let corner = |index: u32| mesh.vertices().get(index as usize).copied();
    let all = |[a, b, c]: &[u32; 3]| Some([corner(*a)?, corner(*b)?, corner(*c)?]);
    if mesh.triangles().len() <= most {
        return mesh.triangles().iter().filter_map(all).collect();
    }
    // A surface as large as the box's own would have twice as many triangles as squares of this size.
    let mut size = low.distance(&high) / (most as f64).sqrt();
    loop {
        let cube = |p: &Point<Head>| (p.raw() - low.raw()).map(|x| (x / size).floor() as i64);
        let mut first = BTreeMap::new();
        let mut meets = Vec::with_capacity(mesh.vertices().len());
        for (index, vertex) in (0u32..).zip(mesh.vertices()) {
            let cube = cube(vertex);
            meets.push(*first.entry([cube.x, cube.y, cube.z]).or_insert(index));
        }
        let met = |index: u32| meets.get(index as usize).copied().unwrap_or(index);
        let kept: BTreeSet<[u32; 3]> = mesh
            .triangles()
            .iter()
            .map(|corners| corners.map(met))
            .filter(|[a, b, c]| a != b && b != c && c != a)
            .collect();
        if kept.len() <= most {
            return kept.iter().filter_map(all).collect();
        }
        size *= 1.3;
    }
}

/// The edges that bound some triangles, about `most` at most.
#[must_use]
pub fn outline(mesh: &SurfaceMesh<Head>, patch: &[u32], most: usize) -> Vec<[Point<Head>; 2]> {
    let mut edges: BTreeMap<[u32; 2], u32> = BTreeMap::new();
    let triangles = patch
        .iter()
        .filter_map(|index| mesh.triangles().get(*index as usize));
    for [a, b, c] in triangles {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            *edges.entry([*from.min(to), *from.max(to)]).or_default() += 1;
        }
    }
    let once: Vec<[u32; 2]> = edges
        .into_iter()
        .filter_map(|(edge, times)| (times == 1).then_some(edge))
        .collect();
    let corner = |index: u32| mesh.vertices().get(index as usize).copied();
    once.iter()
        .step_by(once.len().div_ceil(most).max(1))
        .filter_map(|[a, b]| Some([corner(*a)?, corner(*b)?]))
        .collect()
}

const fn point(x: f64, y: f64, z: f64) -> RosPoint {
    RosPoint { x, y, z }
}

fn at(p: &Point<Head>) -> RosPoint {
    let p = p.raw();
    point(p.x, p.y, p.z)
}

const fn scale(by: f64) -> Vector3 {
    Vector3 {
        x: by,
        y: by,
        z: by,
    }
}

const fn rgba([r, g, b, a]: [f32; 4]) -> ColorRGBA {
    ColorRGBA { r, g, b, a }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square sheet of `n` by `n` squares of 1 mm.
    fn sheet(n: u32) -> SurfaceMesh<Head> {
        let across = n + 1;
        let vertices = (0..across * across)
            .map(|i| {
                Point::new(
                    f64::from(i % across) * 1e-3,
                    f64::from(i / across) * 1e-3,
                    0.0,
                )
            })
            .collect();
        let triangles = (0..n * n)
            .flat_map(|i| {
                let a = i / n * across + i % n;
                [[a, a + 1, a + across], [a + 1, a + across + 1, a + across]]
            })
            .collect();
        SurfaceMesh::new(vertices, triangles).unwrap()
    }

    #[test]
    fn a_fine_head_is_shown_coarser_and_whole() {
        let fine = sheet(100);
        assert_eq!(coarse(&fine, 20_000).len(), 20_000);
        let shown = coarse(&fine, 500);
        assert!((100..=500).contains(&shown.len()), "{}", shown.len());
        let reach = shown
            .iter()
            .flatten()
            .map(|p| p.raw().x)
            .fold(0.0, f64::max);
        assert!(reach > 0.08, "only up to {reach} m of 0.1 m");
    }

    #[test]
    fn the_outline_goes_round_the_patch_alone() {
        let sheet = sheet(10);
        let all: Vec<u32> = (0..200).collect();
        let round = outline(&sheet, &all, 1000);
        assert_eq!(round.len(), 40);
        assert!(round.iter().flatten().all(|p| {
            let p = p.raw();
            [p.x, p.y]
                .iter()
                .any(|x| x.abs() < 1e-9 || (x - 0.01).abs() < 1e-9)
        }));
        assert_eq!(outline(&sheet, &all, 10).len(), 10);
    }

    #[test]
    fn a_dot_of_which_nothing_is_known_but_the_intent_is_in_doubt() {
        assert_eq!(Standing::from(DotState::Intent), Standing::InDoubt);
        assert_eq!(Standing::from(DotState::Placed), Standing::Placed);
    }
}
