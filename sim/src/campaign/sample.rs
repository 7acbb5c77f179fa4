//! A small plan on a generated head, made from the model alone: a patch on top of the head, dots in a grid.
//!
//! It is no treatment. It is what a campaign needs of one: a real head's shape, dots that the arm reaches, hops of a treatment's length.

use std::sync::Arc;

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};
use parry3d::query::PointQueryWithLocation as _;
use stipple_controller::admit::{AdmitError, Admitted, admit, layer_motions};
use stipple_model::arm::ArmSource;
use stipple_model::cell::{Cell, CellFileError};
use stipple_model::clearance::{CellError, WorkCell};
use stipple_model::digest::Digest;
use stipple_model::frames::{Direction, Head, Point, Scan, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::motion;
use stipple_model::plan::{
    Anatomy, Dot, DotId, KeepOut, Outcome, Plan, Provenance, SessionEstimate, SessionParts, Shade,
    SkipReason, Stop, StopKind, Zone, tip_pose,
};
use stipple_model::units::{Angle, Area, Density, Length, Time};

use crate::head::{self, HeadError, Landmarks};

/// Edge of the head's grid: about 10,000 triangles, since every new process builds a tree of them.
const CELL: Length = Length::from_mm(6.0);
/// From dot to dot, metres: what the default treatment has.
const SPACING: f64 = 1.5e-3;
/// Dots a row, and rows.
const ROWS: usize = 10;
const COLUMNS: usize = 10;
/// Dots that a dip of pigment lasts, and from one rest of the skin to the next: so few that most sessions meet both.
const DIP: usize = 23;
const REST: usize = 9;
/// The patch goes so far beyond the dots, metres: more than a triangle.
const MARGIN: f64 = 12e-3;

/// Radius of what the tip is kept out of about each eye and ear.
const KEEP_OUT: Length = Length::from_mm(14.0);

/// Why there is no such plan.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// Its landmarks make no frame.
    #[error("the landmarks of head {0} make no frame")]
    Frame(u64),
    /// Its surface cannot be searched.
    #[error("the surface of head {0} cannot be searched")]
    Surface(u64),
    /// No place for a station beside it.
    #[error("no place beside head {0} for a station")]
    Station(u64),
    /// The shipped cell.
    #[error(transparent)]
    CellFile(#[from] CellFileError),
    /// Arm and room.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The plan has no bytes.
    #[error("the plan of head {number} has no bytes: {why}")]
    Plan {
        /// The head.
        number: u64,
        /// What stood in the way.
        why: String,
    },
    /// The plan is not admitted.
    #[error(transparent)]
    Admit(#[from] AdmitError),
}

/// A plan with what is built from it.
#[derive(Clone)]
pub struct Sample {
    /// The plan.
    pub admitted: Admitted,
    /// Arm, tool and room.
    pub cell: Arc<WorkCell>,
}

impl Sample {
    /// A small plan on the head of that number.
    ///
    /// # Errors
    /// A head or a cell that is of no use (never seen).
    pub fn make(number: u64) -> Result<Self, SampleError> {
        let options = head::Options {
            seed: number,
            noise: Length::from_mm(0.05),
        };
        let scanned = head::generate_with(&options, CELL)?;
        let head_from_scan = frame(&scanned.landmarks).ok_or(SampleError::Frame(number))?;
        let surface = scanned.mesh.transformed(&head_from_scan);
        let mut cell = Cell::shipped(ArmSource::ur5e())?;
        // The head is held where the arm comes to its top from above.
        cell.base_from_head = Transform::from_xyz_rpy([0.5, 0.0, 0.1], [0.0; 3]);
        let work_cell = WorkCell::new(&cell, &surface)?;
        let top = Top::of(&surface).ok_or(SampleError::Surface(number))?;
        let dots = top.dots(&work_cell, &cell);
        let mut plan = plan(number, cell, surface, head_from_scan, dots);
        // Every other head is worked on from a station, the others as in a cell without one.
        if number.is_multiple_of(2) {
            let station = beside(&plan, &work_cell).ok_or(SampleError::Station(number))?;
            plan.cell.station = Some(work_cell.base_from_tip(&station));
            plan.station = Some(station);
        }
        let motions = layer_motions(&plan, &work_cell)?;
        for (parts, motion) in plan.session_estimate.layers.iter_mut().zip(motions) {
            (parts.motion, parts.station_ways) = (motion.hops, motion.ways);
        }
        let (_, digest) = plan.to_bytes().map_err(|e| SampleError::Plan {
            number,
            why: e.to_string(),
        })?;
        let admitted = admit(Arc::new(plan), digest)?;
        let cell = Arc::clone(admitted.cell());
        Ok(Self { admitted, cell })
    }
}

/// What is fitted, dips at a person's hand, and short rests of the skin.
fn stops(dots: usize) -> Vec<Stop> {
    let mut stops = Vec::new();
    for place in 0..dots {
        let mut add = |kind, seconds| {
            stops.push(Stop {
                before: u32::try_from(place).unwrap_or(u32::MAX),
                kind,
                expected: Time::from_s(seconds),
            });
        };
        if place == 0 {
            add(StopKind::NeedleChange { needle: 0 }, 0.0);
            add(StopKind::ShadeChange { shade: 0 }, 0.0);
        } else if place.is_multiple_of(DIP) {
            add(StopKind::InkDip { shade: 0 }, 4.0);
        } else if place.is_multiple_of(REST) {
            add(StopKind::Rest, 0.3);
        }
    }
    stops
}

/// Turned aside from over the first dot, as far as is clear.
fn beside(plan: &Plan, work_cell: &WorkCell) -> Option<Joints> {
    let (head, first) = (plan.cell.base_from_head, plan.first_hover(1)?);
    let above = motion::lift(work_cell, &head, &first).ok()?.end();
    let turned = |turn: f64| {
        let mut joints = above;
        *joints.as_mut_slice().first_mut()? += turn;
        Some(joints)
    };
    let mut turns = [1.2, -1.2, 0.8, -0.8].into_iter().filter_map(turned);
    turns.find(|q| work_cell.arm().within_limits(q) && work_cell.blocked(q, &head).is_none())
}

/// Origin midway between the ears, y to the left one, x to the nasion's side.
fn frame(landmarks: &Landmarks) -> Option<Transform<Head, Scan>> {
    let (left, right) = (landmarks.lpa.raw(), landmarks.rpa.raw());
    let origin = left.lerp(&right, 0.5);
    let y = (left - right).try_normalize(1e-6)?;
    let forward = landmarks.nasion.raw() - origin;
    let x = (forward - y * forward.dot(&y)).try_normalize(1e-6)?;
    let z = x.cross(&y);
    let turn = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[x, y, z]));
    let scan_from_head = Isometry3::from_parts(
        Translation3::from(origin),
        UnitQuaternion::from_rotation_matrix(&turn),
    );
    Some(Transform::from_raw(scan_from_head.inverse()))
}

/// The top of a head.
struct Top<'a> {
    surface: &'a SurfaceMesh<Head>,
    tree: parry3d::shape::TriMesh,
    normals: Vec<Vector3<f64>>,
}

impl<'a> Top<'a> {
    fn of(surface: &'a SurfaceMesh<Head>) -> Option<Self> {
        Some(Self {
            surface,
            tree: surface.to_parry().ok()?,
            normals: surface.vertex_area_vectors(),
        })
    }

    /// The skin nearest to a point, and its outward normal.
    fn skin(&self, near: &Point<Head>) -> Option<(Point<Head>, Direction<Head>)> {
        let near = stipple_model::to_parry_vector(&near.raw());
        let (found, (triangle, _)) = self.tree.project_local_point_and_get_location(near, false);
        let corners = self.surface.triangles().get(triangle as usize)?;
        let normal: Vector3<f64> = corners
            .iter()
            .filter_map(|i| self.normals.get(*i as usize))
            .sum();
        let at = Point::new(found.point.x, found.point.y, found.point.z);
        Some((at, Direction::new(normal)?))
    }

    fn dots(&self, work_cell: &WorkCell, cell: &Cell) -> Vec<Dot> {
        let mut near = Joints::from_slice(&[0.0, -1.5, 1.5, -1.5, -1.5, 0.0])
            .unwrap_or_else(|| Joints::zeros(work_cell.arm().dof()));
        let offset = |i: usize, of: usize| (i as f64 - 0.5 * (of as f64 - 1.0)) * SPACING;
        let mut dots = Vec::new();
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                // Back and forth, as a tour goes.
                let column = if row % 2 == 0 {
                    column
                } else {
                    COLUMNS - 1 - column
                };
                let above = Point::new(offset(row, ROWS) - 0.01, offset(column, COLUMNS), 0.2);
                let Some((position, normal)) = self.below(&above) else {
                    continue;
                };
                let outcome = hover(work_cell, cell, &position, &normal, &near);
                if let Outcome::Planned { hover, .. } = outcome {
                    near = hover;
                }
                dots.push(Dot {
                    position,
                    normal,
                    needle: -normal,
                    depth: Length::from_mm(0.8),
                    diameter: Length::from_mm(0.2),
                    shade: 0,
                    zone: 0,
                    layer: 1,
                    outcome,
                });
            }
        }
        dots
    }

    /// The skin straight below a point: from the nearest skin to the one under it, by and by.
    fn below(&self, above: &Point<Head>) -> Option<(Point<Head>, Direction<Head>)> {
        let mut at = *above;
        let mut found = self.skin(&at)?;
        for _ in 0..20 {
            at = Point::new(above.raw().x, above.raw().y, found.0.raw().z);
            found = self.skin(&at)?;
        }
        Some(found)
    }
}

/// The way to hover over a dot that is nearest to `near`, or why there is none.
fn hover(
    work_cell: &WorkCell,
    cell: &Cell,
    position: &Point<Head>,
    normal: &Direction<Head>,
    near: &Joints,
) -> Outcome {
    let ways = (0..24).flat_map(|k| {
        let roll = Angle::from_deg(15.0 * f64::from(k));
        let target = cell.base_from_head * tip_pose(position, &-*normal, roll, HOVER);
        let solutions = work_cell
            .arm()
            .inverse(&work_cell.flange_for_tip(&target), near);
        let clear: Vec<Joints> = solutions
            .iter()
            .filter(|q| work_cell.blocked(q, &cell.base_from_head).is_none())
            .copied()
            .collect();
        clear.into_iter().map(move |hover| (roll, hover))
    });
    ways.min_by(|(_, a), (_, b)| a.max_difference(near).total_cmp(&b.max_difference(near)))
        .map_or(Outcome::Skipped(SkipReason::OutOfReach), |(roll, hover)| {
            Outcome::Planned { roll, hover }
        })
}

fn plan(
    number: u64,
    cell: Cell,
    head: SurfaceMesh<Head>,
    head_from_scan: Transform<Head, Scan>,
    dots: Vec<Dot>,
) -> Plan {
    let planned = |(dot, id): (&Dot, u32)| {
        matches!(dot.outcome, Outcome::Planned { .. }).then_some(DotId(id))
    };
    let sequence: Vec<DotId> = dots.iter().zip(0..).filter_map(planned).collect();
    let near_a_dot = |p: &Point<Head>| dots.iter().any(|d| d.position.distance(p) <= MARGIN);
    let patch = (0..head.triangles().len())
        .filter(|t| head.corners(*t).iter().any(near_a_dot))
        .filter_map(|t| u32::try_from(t).ok())
        .collect();
    let anatomy = Anatomy::upright();
    let keep_outs = anatomy.eyes_and_ears().map(|(name, center)| KeepOut {
        name: name.to_owned(),
        center,
        radius: KEEP_OUT,
    });
    let area = Area::from_cm2(SPACING * SPACING * 1e4 * dots.len() as f64);
    Plan {
        provenance: Provenance {
            planner_version: "campaign".to_owned(),
            seed: number,
            scan_digest: head.digest(),
            landmarks_digest: Digest::of(b"generated"),
            treatment: String::new(),
            metres_per_scan_unit: 1e-3,
        },
        purpose: stipple_model::treatment::Purpose::Treatment,
        fitted: None,
        dwell: stipple_model::limits::DWELL,
        head_from_scan,
        cell,
        patch,
        head,
        anatomy,
        wanted: Vec::new(),
        keep_outs: keep_outs.into(),
        zones: vec![Zone {
            name: "top".to_owned(),
            area,
            target: Density::from_per_cm2(1e-4 / (SPACING * SPACING)),
            depth_cap: Length::from_mm(1.5),
            needle: None,
            healed_diameter: None,
        }],
        shades: vec![Shade {
            name: "grey".to_owned(),
            rgb: [70, 60, 55],
            dilution: None,
        }],
        layers: 1,
        dots,
        stops: vec![stops(sequence.len())],
        sequence: vec![sequence],
        measures: Vec::new(),
        findings: Vec::new(),
        needles: vec![None],
        skips: Vec::new(),
        station: None,
        session_estimate: SessionEstimate {
            layers: vec![SessionParts::default()],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_head_gets_an_admitted_plan_that_the_arm_reaches() {
        let sample = Sample::make(1).unwrap();
        let plan = sample.admitted.plan();
        assert_eq!(plan.sequence[0].len(), ROWS * COLUMNS);
        assert!(plan.head.triangles().len() < 20_000);
        let apart = |w: &[DotId]| {
            let at = |id: DotId| plan.dot(id).unwrap().position;
            at(w[0]).distance(&at(w[1]))
        };
        let farthest = plan.sequence[0].windows(2).map(apart).fold(0.0, f64::max);
        assert!(farthest < 3e-3, "{farthest}");
    }
}
