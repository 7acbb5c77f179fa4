//! The whole road: a scan, its registration and a treatment become a plan.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use stipple_model::cell::Cell;
use stipple_model::clearance::{CellError, WorkCell};
use stipple_model::digest::Digest;
use stipple_model::frames::{Base, Direction, Head, Point, Transform};
use stipple_model::limits::HOVER;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::normals::{NORMAL_OFF, Normals};
use stipple_model::plan::{
    Dot, DotId, Finding, Inconsistency, KeepOut, Measure, Outcome, Plan, Provenance,
    SessionEstimate, Shade, SkipReason, Skips,
};
use stipple_model::treatment::{ShadeDesign, Treatment};
use stipple_model::units::Length;

use crate::design::{self, DesignError, Scalp};
use crate::dots::existing::Existing;
use crate::dots::{self, DotField, LayoutError};
use crate::measure;
use crate::poses::{self, Pose, Refusal, Sheets, Site, Surroundings};
use crate::reach::{self, Bounds, Place};
use crate::register::{Anatomy, Registration};
use crate::scan::{ScanError, ScanFinding, Scanned, cover, fit};
use crate::session::{Layer, Sessions};
use crate::station::{self, StationError};
use crate::wanted;

/// The stages of planning, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Zones, hairline and density on the head.
    Design,
    /// The dots.
    Dots,
    /// The head's distance field and the arm's geometry.
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

/// What scan and registration found.
fn of_scan(scan: &Scanned, registration: &Registration, head: &SurfaceMesh<Head>) -> Vec<Finding> {
    let cover = cover::cover(head, &registration.anatomy);
    let cover = cover.and_then(|cover| cover.finding());
    let findings = scan.findings.iter().chain(&cover);
    let findings = findings.map(ScanFinding::to_plan);
    findings.chain(registration.findings.clone()).collect()
}

/// A finding for links that are not checked against each other.
fn unwatched(work: &WorkCell) -> Option<Finding> {
    let pairs = work.unwatched_pairs();
    let names: Vec<String> = pairs.iter().map(|(a, b)| format!("{a} and {b}")).collect();
    (!names.is_empty()).then(|| Finding {
        stage: "clearance".to_owned(),
        code: "unwatched_pair".to_owned(),
        text: format!(
            "always within the margin and so not checked against each other: {}",
            names.join("; ")
        ),
    })
}

/// Why dots are skipped, by reason and pair of things that stands in the way.
fn skips(work: &WorkCell, poses: &[Result<Pose, Refusal>]) -> Vec<Skips> {
    let mut counts = std::collections::BTreeMap::new();
    for refusal in poses.iter().filter_map(|p| p.as_ref().err()) {
        let pair = refusal.obstacle.as_ref().map(|o| work.describe(o));
        *counts.entry((refusal.reason, pair)).or_insert(0) += 1;
    }
    let counted = |((reason, pair), dots)| Skips { reason, pair, dots };
    counts.into_iter().map(counted).collect()
}

/// A finding for dots that are skipped: how many, why, and what would help.
fn skipped(skips: &Skips) -> Finding {
    let (dots, reason) = (skips.dots, skips.reason);
    let what = match &skips.pair {
        Some(pair) => format!("{}: {pair}", reason.key()),
        None => reason.key().to_owned(),
    };
    Finding {
        stage: "poses".to_owned(),
        code: format!("skipped_{}", reason.key()),
        text: format!("{dots} dots, {what}; {}", reason.help()),
    }
}

/// What the arm's description leaves out or has wrong.
fn of_arm(work: &WorkCell) -> impl Iterator<Item = Finding> + '_ {
    work.arm().findings().iter().map(|found| Finding {
        stage: "arm".to_owned(),
        code: "description".to_owned(),
        text: found.to_string(),
    })
}

/// Where base and head are to be, as changes of the cell that was given.
fn placed_at(place: Place) -> Finding {
    Finding {
        stage: "place".to_owned(),
        code: "placed".to_owned(),
        text: format!(
            "seen from the cell file's place the base goes round the head by {:.1}°, then {:.0} mm away from it, {:.0} mm to its left and {:.0} mm up; the head nods by {:.1}°",
            place.azimuth_deg, place.away_mm, place.left_mm, place.up_mm, place.nod_deg
        ),
    }
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

/// A finding for dots that would cover a hair or dot that was there before: nearer to it than they are wide.
fn on_existing(scalp: &Scalp, field: &DotField) -> Option<Finding> {
    let existing = Existing::new(&scalp.existing);
    let covers = |d: &&dots::LaidDot| {
        let near = existing.nearest(&d.position.raw(), d.diameter.m());
        near.is_some()
    };
    let count = field.dots.iter().filter(covers).count();
    (count > 0).then(|| Finding {
        stage: "dots".to_owned(),
        code: "dots_on_hairs".to_owned(),
        text: format!(
            "{count} dots stand nearer than their own width to a hair or dot that is there already; ask for less density where the hairs stand close"
        ),
    })
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
            if pose.is_ok() && (off.is_nan() || off > NORMAL_OFF - ROUNDING) {
                *pose = Err(SkipReason::RoughSkin.into());
            }
        });
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
    let scalp = design::lay(&subject, treatment, inputs.seed)?;
    finish(Stage::Design)?;
    let field = dots::layout(&head, &scalp, treatment, inputs.seed, &|share| {
        watch(Stage::Dots, share)
    })?;
    finish(Stage::Dots)?;
    check_exclusions(&scalp, &field)?;
    let mut work = WorkCell::new(&cell, &head)?.keeping_out(&scalp.keep_outs);
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
    let layers = sessions.prove(&surroundings, station, &orders, &mut poses, &share);
    let layers = layers.ok_or(ComposeError::BrokenOff)?;
    finish(Stage::Hops)?;
    let mut findings = of_scan(scan, registration, &head);
    findings.extend(scalp.findings.iter().cloned());
    findings.extend(on_existing(&scalp, &field));
    findings.extend(place.map(placed_at));
    findings.extend(of_arm(&work));
    findings.extend(unwatched(&work));
    let skips = skips(&work, &poses);
    findings.extend(skips.iter().map(skipped));
    findings.extend(layers.iter().filter_map(Layer::finding));
    let wanted = wanted::pieces(&head, &scalp);
    let joined = join(&field, &poses);
    let measures = measures(&head, &scalp, treatment, (&field, &joined));
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
