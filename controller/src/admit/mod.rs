//! Admission: a plan is checked from its own data, whoever made it, before anything may move.
//!
//! In this order, and the first that does not hold is told: the file is whole (version, digest); its references and numbers hold together;
//! eyes and ears are kept out of; a shipped arm is described as it is shipped; every dot lies on the patch, off the keep-outs, on the mesh, with the mesh's own normal, no deeper than
//! its zone allows and with the needle leaning no more than 15°; its hover is within the joints' limits, brings the tip there, and is clear;
//! no two dots are in one place; every layer runs each of its planned dots once; every hop, and every way to where the arm waits and
//! back, is proven clear, and together they take the time that the plan says.
//!
//! What a plan cannot show is whether it was made on the scan at hand: [`Admitted::check_scan`] holds that file's digest against it. Which plan
//! a session is on, its record binds.

mod described;
mod dots;
mod error;
mod motion;

use std::path::Path;
use std::sync::Arc;

use stipple_model::arm::{Arm, ArmSource};
use stipple_model::clearance::{CellError, WorkCell};
use stipple_model::digest::Digest;
use stipple_model::limits::{HOVER, KEEP_OUT_DEPTH};
use stipple_model::plan::Plan;

use crate::skin::Skin;

pub use described::{DescriptionError, check_described};
pub use dots::SAME_PLACE;
pub use error::{AdmitError, DotFault};
pub use motion::{LayerMotion, layer_motions};

/// A plan that passed. The only way to one is [`admit`] or [`admit_file`].
#[derive(Clone)]
pub struct Admitted {
    plan: Arc<Plan>,
    digest: Digest,
    cell: Arc<WorkCell>,
    skin: Arc<Skin>,
}

impl std::fmt::Debug for Admitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admitted")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
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

    /// Arm, tool, room and head as the plan has them.
    #[must_use]
    pub const fn cell(&self) -> &Arc<WorkCell> {
        &self.cell
    }

    /// The plan's head with its patch.
    #[must_use]
    pub const fn skin(&self) -> &Arc<Skin> {
        &self.skin
    }

    /// Whether the plan was made on the scan file of that digest.
    ///
    /// # Errors
    /// When it was not.
    pub fn check_scan(&self, scan: Digest) -> Result<(), AdmitError> {
        let made_on = self.plan.provenance.scan_digest;
        if made_on == scan {
            Ok(())
        } else {
            Err(AdmitError::OtherScan { made_on, scan })
        }
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
    check_keep_outs(&plan)?;
    check_description(&plan.cell.arm)?;
    let arm = Arm::from_source(&plan.cell.arm).map_err(CellError::Arm)?;
    let skin = Arc::new(Skin::new(&plan.head, &plan.patch)?);
    dots::check(&plan, &skin, &arm)?;
    check_stroke(&plan)?;
    let cell = Arc::new(plan.work_cell()?);
    dots::check_clear(&plan, &cell)?;
    motion::check(&plan, &cell)?;
    Ok(Admitted {
        plan,
        digest,
        cell,
        skin,
    })
}

/// An arm that goes by the name of the one that is shipped is described as that one is. (Any other has only the plan's word.)
fn check_description(arm: &ArmSource) -> Result<(), AdmitError> {
    let shipped = ArmSource::ur5e();
    if arm.name == shipped.name && (&arm.urdf, &arm.meshes) != (&shipped.urdf, &shipped.meshes) {
        return Err(AdmitError::OtherDescription {
            name: arm.name.clone(),
        });
    }
    Ok(())
}

/// Every eye and ear lies well inside a keep-out.
fn check_keep_outs(plan: &Plan) -> Result<(), AdmitError> {
    for (name, place) in plan.anatomy.eyes_and_ears() {
        let kept = plan
            .keep_outs
            .iter()
            .any(|k| k.radius.m() - place.distance(&k.center) >= KEEP_OUT_DEPTH.m());
        if !kept {
            return Err(AdmitError::NoKeepOut(name));
        }
    }
    Ok(())
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
    Ok(())
}

/// The needle comes far enough out of the nose for the deepest dot.
fn check_stroke(plan: &Plan) -> Result<(), AdmitError> {
    let tool = &plan.cell.tool;
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
