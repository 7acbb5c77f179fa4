//! The whole road: a scan, its registration and a treatment become a plan.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use stipple_model::cell::Cell;
use stipple_model::clearance::{CellError, WorkCell};
use stipple_model::digest::Digest;
use stipple_model::frames::{Base, Direction, Head, Point, Transform};
use stipple_model::limits::{HOVER, TILT_CAP};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::normals::{NORMAL_OFF, Normals};
use stipple_model::plan::{
    Dot, DotId, Inconsistency, KeepOut, Measure, Outcome, Plan, Provenance, SessionEstimate, Shade,
    SkipReason,
};
use stipple_model::treatment::{ShadeDesign, Treatment};
use stipple_model::units::Length;

use crate::design::{self, DesignError, Scalp};
use crate::dots::{self, DotField, LayoutError};
use crate::findings;
use crate::measure;
use crate::poses::{self, Pose, Refusal, Sheets, Site, Surroundings};
use crate::reach::{self, Bounds};
use crate::register::{Anatomy, Registration};
use crate::scan::{ScanError, Scanned, fit};
use crate::session::{Layer, Ordered, Sessions};
use crate::station::{self, StationError};
use crate::wanted;

/// The stages of planning, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Zones, hairline and density on the head.
    Design,
    /// The dots.
    Dots,
    /// What is left of the head's distance field and the arm's geometry, which are made beside design and dots.
    Clearance,
    /// The best place for base and head, where that is asked for.
    Place,
    /// An arm configuration for every dot.
    Poses,
    /// The order in which they are run.
    Sequence,
    /// Where the arm waits at stops, every hop and every way there and back proven clear.
    Hops,
    /// Measures and the plan itself.
    Plan,
}

impl Stage {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Design => "design",
            Self::Dots => "dots",
            Self::Clearance => "clearance",
            Self::Place => "place",
            Self::Poses => "poses",
            Self::Sequence => "sequence",
            Self::Hops => "hops",
            Self::Plan => "plan",
        }
    }
}

/// What a plan is made from.
pub struct Inputs<'a> {
    /// The scan, checked.
    pub scan: &'a Scanned,
    /// Its head frame.
    pub registration: &'a Registration,
    /// Digest of the landmarks file.
    pub landmarks_digest: Digest,
    /// The treatment.
    pub treatment: &'a Treatment,
    /// The treatment file's text.
    pub treatment_text: &'a str,
    /// Arm, tool and room. Its `base_from_head` is where an upright head is expected: origin midway between the ears, x level forward.
    pub cell: Cell,
    /// Bounds within which base and head are placed anew before planning; `None` leaves them where the cell has them.
    pub place: Option<Bounds>,
    /// Seed of every random choice.
    pub seed: u64,
}

impl Inputs<'_> {
    fn provenance(&self) -> Provenance {
        Provenance {
            planner_version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: self.seed,
            scan_digest: self.scan.digest,
            landmarks_digest: self.landmarks_digest,
            treatment: self.treatment_text.to_owned(),
            metres_per_scan_unit: self.scan.metres_per_unit,
        }
    }
}

/// A plan and how long each stage took.
pub struct Composed {
    /// The plan.
    pub plan: Plan,
    /// Wall-clock time of each stage.
    pub stages: Vec<(Stage, Duration)>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The scan can be read, but is too coarse or too rough.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The design does not fit the head.
    #[error(transparent)]
    Design(#[from] DesignError),
    /// Another seed than that of the treatment's first session.
    #[error(
        "the treatment goes on from a session with seed {first} ([placed] seed), seed {given} would draw another hairline: leave --seed out"
    )]
    Seed {
        /// The first session's.
        first: u64,
        /// The one given.
        given: u64,
    },
    /// The dots cannot be laid.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Arm, tool or room.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The needle is too short.
    #[error(
        "the deepest dot needs {needed_mm:.1} mm of stroke (2 mm hover and its depth), the tool has {stroke_mm:.1} (tool.stroke_mm in the cell)"
    )]
    Stroke {
        /// What is needed.
        needed_mm: f64,
        /// What the tool has.
        stroke_mm: f64,
    },
    /// The arm cannot wait at the cell's station.
    #[error(transparent)]
    Station(#[from] StationError),
    /// Whoever watched did not want to wait.
    #[error("planning was broken off")]
    BrokenOff,
    /// A dot came to lie in an exclusion: a fault of this program.
    #[error("dot {dot} lies in exclusion \"{exclusion}\" or its margin; please report this")]
    InExclusion {
        /// Which, in the layout's order.
        dot: usize,
        /// The exclusion's name.
        exclusion: String,
    },
    /// The plan came out contradictory: a fault of this program.
    #[error("the plan contradicts itself: {0}; please report this")]
    Inconsistent(#[from] Inconsistency),
}

/// Where the head frame is expected, when an upright head is expected at `base_from_upright`.
///
/// The head frame's pitch and height depend on which landmarks it was built on; ears and the level forward direction do not.
#[must_use]
pub fn expected_head(
    base_from_upright: &Transform<Base, Head>,
    anatomy: &Anatomy,
) -> Transform<Base, Head> {
    use nalgebra::{Isometry3, Rotation3, Translation3, UnitQuaternion};
    let (x, z) = (anatomy.forward.raw(), anatomy.up.raw());
    let y = z.cross(&x);
    let rotation =
        UnitQuaternion::from_rotation_matrix(&Rotation3::from_basis_unchecked(&[x, y, z]));
    let middle = 0.5 * (anatomy.left_ear.raw() + anatomy.right_ear.raw());
    let head_from_upright = Isometry3::from_parts(Translation3::from(middle), rotation);
    Transform::from_raw(base_from_upright.raw() * head_from_upright.inverse())
}

fn check_stroke(treatment: &Treatment, cell: &Cell) -> Result<(), ComposeError> {
    let deepest = treatment
        .zones
        .iter()
        .map(|z| z.depth)
        .fold(Length::ZERO, Length::max);
    let (needed, stroke) = (HOVER + deepest, cell.tool.stroke);
    if needed > stroke {
        return Err(ComposeError::Stroke {
            needed_mm: needed.mm(),
            stroke_mm: stroke.mm(),
        });
    }
    Ok(())
}

/// Holds every dot against the exclusions themselves, which the layout sees through the design's map only.
fn check_exclusions(scalp: &Scalp, field: &DotField) -> Result<(), ComposeError> {
    let violation = |(i, d): (usize, &dots::LaidDot)| {
        let exclusion = scalp.violated(&d.position)?.to_owned();
        Some(ComposeError::InExclusion { dot: i, exclusion })
    };
    let mut violations = field.dots.iter().enumerate().filter_map(violation);
    violations.next().map_or(Ok(()), Err)
}

fn sites(field: &DotField) -> Vec<Site> {
    let site = |dot: &dots::LaidDot| Site {
        position: dot.position,
        normal: dot.normal,
    };
    field.dots.iter().map(site).collect()
}

/// How much farther from the mesh's own than allowed at admission no dot's normal is, rad: the two are rounded differently.
const ROUNDING: f64 = 1e-3;

/// Dots whose normal leans so far from the mesh about them that admission would refuse the plan for it lose their pose.
fn leave_rough_skin_out(
    head: &SurfaceMesh<Head>,
    field: &DotField,
    poses: &mut [Result<Pose, Refusal>],
) {
    let normals = Normals::of(head);
    poses
        .par_iter_mut()
        .zip(&field.dots)
        .for_each(|(pose, dot)| {
            let of_triangle = || Direction::new(head.area_vector(dot.triangle as usize));
            let own = normals.at(&dot.position).or_else(of_triangle);
            let off = own.map_or(f64::NAN, |own| own.angle(&dot.normal));
            let leans = match (&*pose, own) {
                (Ok(pose), Some(own)) => pose.needle.angle(&-own),
                _ => 0.0,
            };
            let rough = off.is_nan() || off > NORMAL_OFF - ROUNDING;
            if pose.is_ok() && (rough || leans > TILT_CAP.rad() - ROUNDING) {
                *pose = Err(SkipReason::RoughSkin.into());
            }
        });
}

/// How often dots that no way leads to are given another pose, as long as that reaches more of them. Source: own.
const ROUNDS: usize = 3;

/// The poses with others for dots that no way led to; `None` where there are none.
fn with_other_poses(
    surroundings: &Surroundings<'_>,
    sites: &[Site],
    poses: &[Result<Pose, Refusal>],
) -> Option<Vec<Result<Pose, Refusal>>> {
    let is_unconnected =
        |p: &Result<Pose, Refusal>| matches!(p, Err(r) if r.reason == SkipReason::Unconnected);
    let numbered = (0u32..).zip(poses);
    let lost: Vec<u32> = numbered
        .filter_map(|(i, pose)| is_unconnected(pose).then_some(i))
        .collect();
    let found = poses::anew(surroundings, sites, poses, &lost);
    if found.is_empty() {
        return None;
    }
    let mut anew = poses.to_vec();
    for (dot, pose) in found {
        anew[dot as usize] = Ok(pose);
    }
    Some(anew)
}

/// Plans. `watch` is told each stage and the share of it that is done, and says whether to go on.
///
/// # Errors
/// A design that does not fit the head, or an arm, tool or room that cannot be used. Dots that cannot be placed are no error: they carry
/// a reason.
pub fn plan(
    inputs: Inputs<'_>,
    watch: &(dyn Fn(Stage, f64) -> ControlFlow<()> + Sync),
) -> Result<Composed, ComposeError> {
    let mut stages = Vec::new();
    let mut clock = Instant::now();
    let mut finish = |stage| {
        stages.push((stage, clock.elapsed()));
        clock = Instant::now();
        match watch(stage, 1.0) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ComposeError::BrokenOff),
        }
    };
    let provenance = inputs.provenance();
    let (scan, registration, treatment) = (inputs.scan, inputs.registration, inputs.treatment);
    let mut cell = inputs.cell;
    let head = scan.mesh.transformed(&registration.head_from_scan);
    if let Some(placed) = &treatment.placed
        && placed.seed != inputs.seed
    {
        return Err(ComposeError::Seed {
            first: placed.seed,
            given: inputs.seed,
        });
    }
    check_stroke(treatment, &cell)?;
    fit::check_head(scan, &head, &registration.anatomy)?;
    let subject =
        design::Subject::new(&head, &registration.anatomy).on_scan(&registration.head_from_scan);
    let lay = || -> Result<(Scalp, DotField), ComposeError> {
        let scalp = design::lay(&subject, treatment, inputs.seed)?;
        finish(Stage::Design)?;
        let share = |share| watch(Stage::Dots, share);
        let field = dots::layout(&head, &scalp, treatment, inputs.seed, &share)?;
        finish(Stage::Dots)?;
        check_exclusions(&scalp, &field)?;
        Ok((scalp, field))
    };
    // The distance field asks for nothing but the head: it is built where design and dots leave a core idle.
    let (laid, work) = rayon::join(lay, || WorkCell::new(&cell, &head));
    let (scalp, field) = laid?;
    let mut work = work?.keeping_out(&scalp.keep_outs);
    finish(Stage::Clearance)?;
    let sites = sites(&field);
    let mut place = None;
    if let Some(bounds) = inputs.place {
        let share = |done| watch(Stage::Place, done);
        let asked = (sites.as_slice(), scalp.keep_outs.as_slice());
        let placed = reach::best(
            &mut work,
            (&cell, &registration.anatomy),
            asked,
            bounds,
            &share,
        )?;
        let placed = placed.ok_or(ComposeError::BrokenOff)?;
        (place, cell) = (Some(placed.place), placed.cell);
        finish(Stage::Place)?;
    }
    cell.base_from_head = expected_head(&cell.base_from_head, &registration.anatomy);
    let surroundings = Surroundings {
        cell: &work,
        base_from_head: cell.base_from_head,
        keep_outs: &scalp.keep_outs,
    };
    work.check_base(&cell.base_from_head)?;
    let sheets = Sheets::new(&surroundings, &sites);
    let share = |done| watch(Stage::Poses, done);
    let poses = poses::assign(&surroundings, &sheets, &sites, &share);
    let mut poses = poses.ok_or(ComposeError::BrokenOff)?;
    leave_rough_skin_out(&head, &field, &mut poses);
    finish(Stage::Poses)?;
    let sessions = Sessions::new(&field, (&scalp.zones, treatment), work.arm());
    let orders = sessions.order(&poses);
    finish(Stage::Sequence)?;
    let station = cell.station.as_ref();
    let station = station.map(|at| station::find(&surroundings, at, &poses));
    let station = station.transpose()?;
    let share = |done| watch(Stage::Hops, done);
    let prove = |orders: &[Ordered], poses: &mut [Result<Pose, Refusal>]| {
        let layers = sessions.prove(&surroundings, station, orders, poses, &share);
        layers.ok_or(ComposeError::BrokenOff)
    };
    let mut layers = prove(&orders, &mut poses)?;
    for _ in 0..ROUNDS {
        let Some(mut anew) = with_other_poses(&surroundings, &sites, &poses) else {
            break;
        };
        let more = prove(&sessions.order(&anew), &mut anew)?;
        let count = |poses: &[Result<Pose, Refusal>]| poses.iter().flatten().count();
        if count(&anew) <= count(&poses) {
            break;
        }
        (poses, layers) = (anew, more);
    }
    finish(Stage::Hops)?;
    let mut findings = findings::of_scan(scan, registration, &head);
    findings.extend(scalp.findings.iter().cloned());
    findings.extend(findings::on_existing(&scalp, &field));
    findings.extend(place.map(findings::placed_at));
    findings.extend(findings::of_arm(&work));
    findings.extend(findings::unwatched(&work));
    let skips = findings::skips(&work, &poses);
    findings.extend(skips.iter().map(findings::skipped));
    findings.extend(findings::near_singular(&work, &poses));
    findings.extend(layers.iter().filter_map(Layer::finding));
    let joined = join(&field, &poses);
    let (wanted, measures) = rayon::join(
        || wanted::pieces(&head, &scalp),
        || measures(&head, &scalp, treatment, (&field, &joined)),
    );
    let plan = Plan {
        provenance,
        purpose: treatment.purpose,
        fitted: treatment.fitted.clone(),
        dwell: treatment.session.dwell,
        anatomy: registration.anatomy,
        wanted,
        head_from_scan: registration.head_from_scan,
        cell,
        head,
        shades: shades(treatment),
        layers: field.layers,
        measures,
        dots: joined,
        sequence: sequence_of(&layers),
        findings,
        needles: sessions.needles(),
        stops: layers.iter().map(|l| l.stops.clone()).collect(),
        station,
        session_estimate: SessionEstimate {
            layers: layers.iter().map(|l| l.parts).collect(),
        },
        skips,
        patch: scalp.patch,
        keep_outs: scalp.keep_outs,
        zones: scalp.zones,
    };
    plan.check()?;
    finish(Stage::Plan)?;
    Ok(Composed { plan, stages })
}

pub(crate) fn shades(treatment: &Treatment) -> Vec<Shade> {
    let shade = |s: &ShadeDesign| Shade {
        name: s.name.clone(),
        rgb: s.rgb,
        dilution: s.dilution,
    };
    treatment.shades.iter().map(shade).collect()
}

/// What is laid, in numbers.
fn measures(
    head: &SurfaceMesh<Head>,
    scalp: &Scalp,
    treatment: &Treatment,
    (field, joined): (&DotField, &[Dot]),
) -> Vec<Measure> {
    let exclusion = |p: &Point<Head>| {
        let clear = |k: &KeepOut| Length::from_m(k.center.distance(p)) - k.radius;
        let keep_outs = scalp.keep_outs.iter().map(clear);
        keep_outs
            .chain(scalp.exclusion_distance(p))
            .reduce(Length::min)
    };
    let against = measure::Against {
        head,
        scalp,
        treatment,
        exclusion: Some(&exclusion),
    };
    let placed = field.dots.iter().zip(joined).map(|(laid, dot)| {
        let triangle = Some(laid.triangle);
        measure::Placed {
            triangle,
            ..measure::Placed::from(dot)
        }
    });
    measure::measure(placed, &against)
}

/// The layout's dots with their outcomes.
fn join(field: &DotField, poses: &[Result<Pose, Refusal>]) -> Vec<Dot> {
    let join = |(dot, pose): (&dots::LaidDot, &Result<Pose, Refusal>)| Dot {
        position: dot.position,
        normal: dot.normal,
        needle: pose.as_ref().map_or(-dot.normal, |p| p.needle),
        depth: dot.depth,
        diameter: dot.diameter,
        shade: dot.shade,
        zone: dot.zone,
        layer: dot.layer,
        outcome: match pose {
            Ok(pose) => Outcome::Planned {
                roll: pose.roll,
                hover: pose.hover,
            },
            Err(refusal) => Outcome::Skipped(refusal.reason),
        },
    };
    field.dots.iter().zip(poses).map(join).collect()
}

fn sequence_of(layers: &[Layer]) -> Vec<Vec<DotId>> {
    let ids = |layer: &Layer| layer.order.iter().copied().map(DotId).collect();
    layers.iter().map(ids).collect()
}
