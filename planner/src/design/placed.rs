//! Dots of earlier sessions: what they leave to lay, exactly.

use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Finding;
use stipple_model::treatment::Treatment;

use super::apportion;
use super::area::{self, Sums};
use super::error::DesignError;
use super::field::Field;

/// Takes dots of earlier sessions off the design: in each zone exactly as many as lie in it, from the share of its dots that is to be
/// there after this session. `sums` are those of the whole treatment before, and of what is laid after. Returns how many dots each zone
/// gets, and what is to be said of zones that have all theirs.
pub(super) fn take_off(
    head: &SurfaceMesh<Head>,
    treatment: &Treatment,
    field: &mut Field,
    placed: &[Point<Head>],
    sums: &mut Sums,
    share: f64,
) -> Result<(Vec<u32>, Vec<Finding>), DesignError> {
    sums.expected.iter_mut().for_each(|dots| *dots *= share);
    let all: f64 = sums.expected.iter().sum();
    // Both round the same way whatever was placed, so that sessions add up to what one session would have laid.
    let mut quotas = apportion(&sums.expected, all.round() as u32);
    let counts = field.take_off_placed(placed);
    let whole = area::measure(head, field, counts.len());
    let mut full = Vec::new();
    for (z, &count) in counts.iter().enumerate() {
        let wanted = quotas[z];
        let left = wanted.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        if count > 0 && left == 0 {
            full.push(Finding {
                stage: "design".into(),
                code: "zone_full".into(),
                text: format!(
                    "zone \"{}\" is to have {wanted} dots after this session and has {count}: nothing is laid there",
                    treatment.zones[z].name
                ),
            });
        }
        let laid = whole.expected[z];
        field.scale_left(
            z,
            if laid > 0.0 {
                f64::from(left) / laid
            } else {
                0.0
            },
        );
        sums.expected[z] = f64::from(left);
        quotas[z] = left;
    }
    if quotas.iter().all(|dots| *dots == 0) {
        return Err(DesignError::AllPlaced {
            placed: placed.len(),
        });
    }
    Ok((quotas, full))
}
