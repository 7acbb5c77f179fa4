//! What of a plan is left to do by a record.

use std::collections::BTreeMap;

use stipple_model::plan::{DotId, Plan};

use super::terms::DotState;

/// How a layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerStanding {
    /// Which, from 1.
    pub layer: u8,
    /// Dots in its order.
    pub planned: u32,
    /// Struck.
    pub placed: u32,
    /// Left out.
    pub skipped: u32,
    /// Perhaps struck.
    pub in_doubt: u32,
    /// Not yet done.
    pub left: u32,
    /// The one to go on with: the first of the order that is not done.
    pub next: Option<DotId>,
}

/// How the layers of a plan stand, by the dots of its record.
#[must_use]
pub fn remains(plan: &Plan, done: &BTreeMap<DotId, DotState>) -> Vec<LayerStanding> {
    let layers = (1u8..).zip(&plan.sequence);
    layers
        .map(|(layer, order)| {
            let count = |wanted: &[Option<DotState>]| {
                let dots = order
                    .iter()
                    .filter(|dot| wanted.contains(&done.get(dot).copied()));
                u32::try_from(dots.count()).unwrap_or(u32::MAX)
            };
            LayerStanding {
                layer,
                planned: u32::try_from(order.len()).unwrap_or(u32::MAX),
                placed: count(&[Some(DotState::Placed)]),
                skipped: count(&[Some(DotState::Skipped)]),
                // An intent that stands is a strike of which nobody knows.
                in_doubt: count(&[Some(DotState::InDoubt), Some(DotState::Intent)]),
                left: count(&[None]),
                next: order.iter().copied().find(|dot| !done.contains_key(dot)),
            }
        })
        .collect()
}
