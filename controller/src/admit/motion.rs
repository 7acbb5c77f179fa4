//! What must hold from dot to dot: every hop proven clear, and the whole as long as the plan says.

use rayon::prelude::*;
use stipple_model::clearance::WorkCell;
use stipple_model::joints::Joints;
use stipple_model::motion::{HopError, hop_to_joints};
use stipple_model::plan::{DotId, Outcome, Plan};

use super::error::AdmitError;

/// How far the motion of a layer may be from what the plan says: a share of it, and s. Source: own; the same code gives the same to
/// rounding, and what this is to find, two dots run in another order, changes it by a hundredth of a second.
const MOTION_OFF: (f64, f64) = (1e-9, 1e-6);

/// Proves every hop of every layer's order with the head where it is expected.
pub fn check(plan: &Plan, cell: &WorkCell) -> Result<(), AdmitError> {
    for ((layer, order), parts) in (1u8..)
        .zip(&plan.sequence)
        .zip(&plan.session_estimate.layers)
    {
        let hovers: Vec<(DotId, &Joints)> = order
            .iter()
            .filter_map(|id| match &plan.dot(*id)?.outcome {
                Outcome::Planned { hover, .. } => Some((*id, hover)),
                Outcome::Skipped(_) => None,
            })
            .collect();
        let durations: Vec<f64> = hovers
            .par_windows(2)
            .map(|pair| {
                let [(from, start), (to, end)] = pair else {
                    return Ok(0.0);
                };
                hop_to_joints(cell, &plan.cell.base_from_head, start, end)
                    .map(|hop| hop.duration())
                    .map_err(|error| AdmitError::Hop {
                        layer,
                        from: from.0,
                        to: to.0,
                        why: in_the_way(cell, &error),
                    })
            })
            .collect::<Result<_, _>>()?;
        let (told_s, found_s) = (parts.motion.s(), durations.iter().sum::<f64>());
        let off = (told_s - found_s).abs();
        if off.is_nan() || off > found_s * MOTION_OFF.0 + MOTION_OFF.1 {
            return Err(AdmitError::Motion {
                layer,
                told_s,
                found_s,
            });
        }
    }
    Ok(())
}

fn in_the_way(cell: &WorkCell, error: &HopError) -> String {
    match error {
        HopError::TargetBlocked(obstacle) | HopError::WayBlocked(obstacle) => {
            cell.describe(obstacle)
        }
        HopError::OutOfReach | HopError::Motion(_) => error.to_string(),
    }
}
