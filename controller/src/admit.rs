//! Admission: a plan is checked from its own data, whoever made it, before anything may move.
//!
//! First version: digest (by reading the file), references, numbers against the limits, dots on the patch, keep-outs, complete sequence,
//! and the arm's joint names against those the arm reports. Reach and clearance of every hop are proven when it is computed.

use std::path::Path;
use std::sync::Arc;

use stipple_model::digest::Digest;
use stipple_model::limits::{DEPTH_CAP, HOVER, KEEP_OUT_MARGIN, TILT_CAP};
use stipple_model::plan::{Dot, Inconsistency, Outcome, Plan, PlanError};
use stipple_model::units::Length;

use crate::skin::{Skin, SkinError, skin_of};

/// How far a dot may lie off the mesh, m. Source: own.
const OFF_MESH: f64 = 0.1e-3;

/// Allowance for rounding where a plan may lie right on a limit.
const ROUNDING: f64 = 1e-9;

/// Why a plan is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The file is not accepted.
    #[error(transparent)]
    File(#[from] PlanError),
    /// The plan contradicts itself.
    #[error("the plan contradicts itself: {0}")]
    Inconsistent(#[from] Inconsistency),
    /// The head mesh is of no use.
    #[error(transparent)]
    Skin(#[from] SkinError),
    /// A dot breaks a rule.
    #[error("dot {dot}: {fault}")]
    Dot {
        /// Its number.
        dot: u32,
        /// The rule.
        fault: DotFault,
    },
    /// The needle cannot reach deep enough.
    #[error(
        "the tool's stroke of {stroke_mm:.2} mm is shorter than hover gap and deepest dot together, {needed_mm:.2} mm"
    )]
    Stroke {
        /// The tool's stroke, mm.
        stroke_mm: f64,
        /// What is needed, mm.
        needed_mm: f64,
    },
    /// A number of the cell makes no sense.
    #[error("the plan's {0} is not a finite number")]
    CellNumber(&'static str),
    /// The arm that reports is not the one planned for.
    #[error("the arm reports the joints {reported:?}, the plan is for {planned:?}")]
    OtherArm {
        /// As the arm reports them.
        reported: Vec<String>,
        /// As the plan's arm has them.
        planned: Vec<String>,
    },
}

/// The rule a dot breaks.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DotFault {
    /// Too deep, or not into the skin.
    #[error("depth {depth_mm:.3} mm is not within 0 to {cap_mm:.3} mm")]
    Depth {
        /// Its depth, mm.
        depth_mm: f64,
        /// The cap, mm.
        cap_mm: f64,
    },
    /// The needle leans too much.
    #[error("the needle leans {tilt_deg:.2}° from the normal, allowed are {cap_deg:.2}°")]
    Tilt {
        /// Its angle, degrees.
        tilt_deg: f64,
        /// The cap, degrees.
        cap_deg: f64,
    },
    /// Off the surface.
    #[error("{distance_mm:.3} mm off the head's surface")]
    OffSurface {
        /// How far, mm.
        distance_mm: f64,
    },
    /// Outside the patch.
    #[error("outside the approved patch")]
    OffPatch,
    /// Too near a keep-out.
    #[error("{distance_mm:.1} mm from the keep-out's edge, needed are {margin_mm:.1} mm")]
    KeepOut {
        /// How far, mm.
        distance_mm: f64,
        /// The margin, mm.
        margin_mm: f64,
    },
    /// The hover joints do not fit the arm.
    #[error("its hover has {found} joints, the first dot's has {expected}")]
    JointCount {
        /// In this dot.
        found: usize,
        /// In the first.
        expected: usize,
    },
}

/// A plan that passed. The only way to one is [`admit`] or [`admit_file`].
#[derive(Debug, Clone)]
pub struct Admitted {
    plan: Arc<Plan>,
    digest: Digest,
}

impl Admitted {
    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The digest of its file.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// Reads a plan file and admits it.
///
/// # Errors
/// The first reason why not.
pub fn admit_file(path: &Path) -> Result<Admitted, AdmitError> {
    let (plan, digest) = Plan::read(path)?;
    admit(Arc::new(plan), digest)
}

/// Admits a plan that was read with its digest.
///
/// # Errors
/// The first reason why not.
pub fn admit(plan: Arc<Plan>, digest: Digest) -> Result<Admitted, AdmitError> {
    plan.check()?;
    check_cell(&plan)?;
    let skin = skin_of(&plan)?;
    let mut dof = None;
    for (dot, number) in plan.dots.iter().zip(0u32..) {
        let Outcome::Planned { hover, .. } = dot.outcome else {
            continue;
        };
        let expected = *dof.get_or_insert(hover.dof());
        let joints = if hover.dof() == expected {
            Ok(())
        } else {
            Err(DotFault::JointCount {
                found: hover.dof(),
                expected,
            })
        };
        joints
            .and_then(|()| check_dot(dot, &skin, &plan))
            .map_err(|fault| AdmitError::Dot { dot: number, fault })?;
    }
    Ok(Admitted { plan, digest })
}

fn check_cell(plan: &Plan) -> Result<(), AdmitError> {
    let tool = &plan.cell.tool;
    if !plan.cell.base_from_head.is_finite() {
        return Err(AdmitError::CellNumber("nominal head pose"));
    }
    if !tool.flange_from_tip.is_finite() {
        return Err(AdmitError::CellNumber("tool pose"));
    }
    if !plan.cell.floor_z.is_finite() {
        return Err(AdmitError::CellNumber("floor height"));
    }
    let deepest = plan.dots.iter().map(|d| d.depth.m()).fold(0.0, f64::max);
    let needed = HOVER.m() + deepest;
    // Written so that a stroke that is not a number fails, too.
    if tool.stroke.m() >= needed {
        Ok(())
    } else {
        Err(AdmitError::Stroke {
            stroke_mm: tool.stroke.mm(),
            needed_mm: needed * 1e3,
        })
    }
}

fn check_dot(dot: &Dot, skin: &Skin, plan: &Plan) -> Result<(), DotFault> {
    // A plan that names a zone that is not there was refused before; to this dot nothing is allowed then.
    let zone = plan.zones.get(usize::from(dot.zone));
    let cap = zone.map_or(Length::ZERO, |zone| zone.depth_cap.min(DEPTH_CAP));
    let depth = dot.depth.m();
    if !(depth > 0.0 && depth <= cap.m() + ROUNDING) {
        return Err(DotFault::Depth {
            depth_mm: dot.depth.mm(),
            cap_mm: cap.mm(),
        });
    }
    let tilt = dot.needle.angle(&-dot.normal);
    if tilt.is_nan() || tilt > TILT_CAP.rad() + ROUNDING {
        return Err(DotFault::Tilt {
            tilt_deg: tilt.to_degrees(),
            cap_deg: TILT_CAP.deg(),
        });
    }
    let on_skin = skin.locate(&dot.position);
    if on_skin.distance.is_nan() || on_skin.distance > OFF_MESH {
        return Err(DotFault::OffSurface {
            distance_mm: on_skin.distance * 1e3,
        });
    }
    if !on_skin.in_patch {
        return Err(DotFault::OffPatch);
    }
    for keep_out in &plan.keep_outs {
        let distance = dot.position.distance(&keep_out.center) - keep_out.radius.m();
        if distance.is_nan() || distance < KEEP_OUT_MARGIN.m() - ROUNDING {
            return Err(DotFault::KeepOut {
                distance_mm: distance * 1e3,
                margin_mm: KEEP_OUT_MARGIN.mm(),
            });
        }
    }
    Ok(())
}

/// Whether the arm that reports is the one planned for. Its joints may come in any order.
///
/// # Errors
/// When a joint is missing or another one is there.
pub fn check_arm(planned: &[String], reported: &[String]) -> Result<(), AdmitError> {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    if sorted(planned) == sorted(reported) {
        return Ok(());
    }
    Err(AdmitError::OtherArm {
        reported: reported.to_vec(),
        planned: planned.to_vec(),
    })
}
