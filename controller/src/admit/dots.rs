//! What must hold for every dot by itself, and for every two.

use rayon::prelude::*;
use stipple_model::arm::Arm;
use stipple_model::cell::Tool;
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Base, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::{DEPTH_CAP, HOVER, KEEP_OUT_MARGIN, STATION_HEIGHT, TILT_CAP};
use stipple_model::normals::{NORMAL_OFF, Normals};
use stipple_model::plan::{Dot, DotId, Outcome, Plan};
use stipple_model::units::Length;

use super::error::{AdmitError, DotFault};
use crate::skin::Skin;

/// How far a dot may lie off the mesh, m. Source: own.
const OFF_MESH: f64 = 0.1e-3;

/// Allowance for rounding where a plan may lie right on a limit.
const ROUNDING: f64 = 1e-9;

/// How far the hover joints may bring the tip from the hover pose: m, and rad. Source: own, the accuracy of inverse kinematics and a margin.
const POSE_OFF: (f64, f64) = (1e-6, 1e-6);

/// Two dots nearer than this strike the same skin twice, m. Source: own, half of a healed dot's 0.1 mm.
pub const SAME_PLACE: f64 = 0.05e-3;

/// Checks every planned dot but for what the room needs; the first that breaks a rule is told.
pub fn check(plan: &Plan, skin: &Skin, arm: &Arm) -> Result<(), AdmitError> {
    let normals = Normals::of(&plan.head);
    first_fault(plan, |dot, hover| {
        on_the_skin(dot, skin, &normals, plan)?;
        away_from_keep_outs(dot, plan)?;
        let Some(pose) = dot.hover_pose(HOVER) else {
            return Ok(());
        };
        let base_from_tip = plan.cell.base_from_head * pose;
        posture(hover, &base_from_tip, arm, &plan.cell.tool)
    })?;
    if let (Some(joints), Some(pose)) = (&plan.station, &plan.cell.station) {
        at_station(joints, pose, arm, &plan.cell.tool).map_err(AdmitError::Station)?;
    }
    apart(plan)
}

/// Checks that every hover is clear, and the arm at the station.
pub fn check_clear(plan: &Plan, cell: &WorkCell) -> Result<(), AdmitError> {
    let clear = |joints: &Joints| match cell.blocked(joints, &plan.cell.base_from_head) {
        None => Ok(()),
        Some(obstacle) => Err(DotFault::Blocked(cell.describe(&obstacle))),
    };
    first_fault(plan, |_, hover| clear(hover))?;
    let Some(station) = &plan.station else {
        return Ok(());
    };
    let tip = plan.cell.base_from_head.inverse() * cell.base_from_tip(station).origin();
    let height = cell.field().exact(&tip);
    clear(station)
        .and_then(|()| {
            if height >= STATION_HEIGHT.m() {
                return Ok(());
            }
            Err(DotFault::OverHead {
                height_mm: height * 1e3,
                least_mm: STATION_HEIGHT.mm(),
            })
        })
        .map_err(AdmitError::Station)
}

fn first_fault(
    plan: &Plan,
    check: impl Fn(&Dot, &Joints) -> Result<(), DotFault> + Sync,
) -> Result<(), AdmitError> {
    let fault = |(dot, number): (&Dot, u32)| {
        let Outcome::Planned { hover, .. } = &dot.outcome else {
            return None;
        };
        let fault = check(dot, hover).err()?;
        Some(AdmitError::Dot { dot: number, fault })
    };
    let numbered: Vec<(&Dot, u32)> = plan.dots.iter().zip(0u32..).collect();
    numbered
        .into_par_iter()
        .find_map_first(fault)
        .map_or(Ok(()), Err)
}

fn on_the_skin(dot: &Dot, skin: &Skin, normals: &Normals, plan: &Plan) -> Result<(), DotFault> {
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
    let on_skin = skin.locate(&dot.position);
    if on_skin.distance.is_nan() || on_skin.distance > OFF_MESH {
        return Err(DotFault::OffSurface {
            distance_mm: on_skin.distance * 1e3,
        });
    }
    if !on_skin.in_patch {
        return Err(DotFault::OffPatch);
    }
    // Triangles larger than what a normal is gathered over have no middle near every dot.
    let own = normals.at(&dot.position);
    let own = own.or_else(|| skin.normal(&dot.position));
    let off = own.map_or(f64::NAN, |own| own.angle(&dot.normal));
    if off.is_nan() || off > NORMAL_OFF {
        return Err(DotFault::Normal {
            off_deg: off.to_degrees(),
            cap_deg: NORMAL_OFF.to_degrees(),
        });
    }
    // By the mesh as well as by the plan's word.
    let by_mesh = own.map_or(f64::NAN, |own| dot.needle.angle(&-own));
    let tilt = dot.needle.angle(&-dot.normal);
    // Written so that NaN is kept.
    let tilt = if by_mesh <= tilt { tilt } else { by_mesh };
    if tilt.is_nan() || tilt > TILT_CAP.rad() + ROUNDING {
        return Err(DotFault::Tilt {
            tilt_deg: tilt.to_degrees(),
            cap_deg: TILT_CAP.deg(),
        });
    }
    Ok(())
}

fn away_from_keep_outs(dot: &Dot, plan: &Plan) -> Result<(), DotFault> {
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

/// Joints are the arm's, within its limits, and bring the tip where it is wanted.
pub fn posture(
    joints: &Joints,
    base_from_tip: &Transform<Base, Tip>,
    arm: &Arm,
    tool: &Tool,
) -> Result<(), DotFault> {
    belongs(joints, arm)?;
    let off = off_by(joints, base_from_tip, arm, tool);
    near(off.translation.vector.norm(), off.rotation.angle())
}

/// As [`posture`], the turn about the needle left free, as the planner leaves it.
fn at_station(
    joints: &Joints,
    station: &Transform<Base, Tip>,
    arm: &Arm,
    tool: &Tool,
) -> Result<(), DotFault> {
    belongs(joints, arm)?;
    let off = off_by(joints, station, arm, tool);
    let needle = nalgebra::Vector3::z();
    near(
        off.translation.vector.norm(),
        (off.rotation * needle).angle(&needle),
    )
}

/// Joints are the arm's and within its limits.
fn belongs(joints: &Joints, arm: &Arm) -> Result<(), DotFault> {
    if joints.dof() != arm.dof() {
        return Err(DotFault::JointCount {
            found: joints.dof(),
            expected: arm.dof(),
        });
    }
    if arm.within_limits(joints) {
        Ok(())
    } else {
        Err(DotFault::JointLimits)
    }
}

/// From where the tip is wanted to where the joints bring it.
fn off_by(
    joints: &Joints,
    base_from_tip: &Transform<Base, Tip>,
    arm: &Arm,
    tool: &Tool,
) -> nalgebra::Isometry3<f64> {
    let found = arm.forward(joints) * tool.flange_from_tip;
    *(base_from_tip.inverse() * found).raw()
}

/// The tip is off by no more than what inverse kinematics may leave, m and rad.
fn near(off: f64, turned: f64) -> Result<(), DotFault> {
    if off <= POSE_OFF.0 && turned <= POSE_OFF.1 {
        Ok(())
    } else {
        Err(DotFault::Elsewhere {
            off_mm: off * 1e3,
            turned_deg: turned.to_degrees(),
        })
    }
}

/// No two dots that are run are in one place.
fn apart(plan: &Plan) -> Result<(), AdmitError> {
    let run = plan.sequence.iter().flatten();
    let mut dots: Vec<_> = run
        .filter_map(|id: &DotId| Some((plan.dot(*id)?.position, id.0)))
        .collect();
    dots.sort_by(|(a, _), (b, _)| a.raw().x.total_cmp(&b.raw().x));
    for (i, (a, first)) in dots.iter().enumerate() {
        let later = dots.iter().skip(i + 1);
        let mut near = later.take_while(|(b, _)| b.raw().x - a.raw().x < SAME_PLACE);
        if let Some((b, second)) = near.find(|(b, _)| a.distance(b) < SAME_PLACE) {
            return Err(AdmitError::SamePlace {
                first: *first.min(second),
                second: *first.max(second),
                distance_mm: a.distance(b) * 1e3,
                least_mm: SAME_PLACE * 1e3,
            });
        }
    }
    Ok(())
}
