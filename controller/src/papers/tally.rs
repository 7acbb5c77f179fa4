//! Dots by how they stand, by zone, shade and layer.

use std::collections::BTreeMap;

use stipple_model::plan::{DotId, Outcome, Plan};

use crate::record::{Chronicle, DotState};

/// How many dots stand how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Dots of the plan's orders.
    pub planned: u32,
    /// Struck.
    pub placed: u32,
    /// Left out in sessions.
    pub skipped: u32,
    /// Perhaps struck; an intent that stands counts among them.
    pub in_doubt: u32,
    /// To do.
    pub open: u32,
}

impl Counts {
    fn add(&mut self, state: Option<DotState>) {
        self.planned += 1;
        match state {
            None => self.open += 1,
            Some(DotState::Placed) => self.placed += 1,
            Some(DotState::Skipped) => self.skipped += 1,
            Some(DotState::InDoubt | DotState::Intent) => self.in_doubt += 1,
        }
    }
}

/// Dots of a plan by how they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// All.
    pub all: Counts,
    /// By index into the plan's zones.
    pub zones: BTreeMap<u8, Counts>,
    /// By index into the plan's shades.
    pub shades: BTreeMap<u8, Counts>,
    /// By layer, from 1.
    pub layers: BTreeMap<u8, Counts>,
    /// Left out in sessions, by reason.
    pub skipped: BTreeMap<String, u32>,
    /// In doubt, by reason.
    pub in_doubt: BTreeMap<String, u32>,
    /// Left out by the plan already, by reason.
    pub unplanned: BTreeMap<&'static str, u32>,
}

impl Tally {
    /// Of a plan and a record of it.
    #[must_use]
    pub fn of(plan: &Plan, chronicle: &Chronicle) -> Self {
        let mut tally = Self::default();
        for (index, dot) in (0u32..).zip(&plan.dots) {
            if let Outcome::Skipped(reason) = dot.outcome {
                *tally.unplanned.entry(reason.key()).or_default() += 1;
                continue;
            }
            let entry = chronicle.dots.get(&DotId(index));
            let state = entry.map(|entry| entry.state);
            for counts in [
                &mut tally.all,
                tally.zones.entry(dot.zone).or_default(),
                tally.shades.entry(dot.shade).or_default(),
                tally.layers.entry(dot.layer).or_default(),
            ] {
                counts.add(state);
            }
            let why = entry.and_then(|entry| entry.reason.clone());
            match state {
                Some(DotState::Skipped) => {
                    *tally.skipped.entry(why.unwrap_or_default()).or_default() += 1;
                }
                Some(DotState::InDoubt | DotState::Intent) => {
                    let why = why.unwrap_or_else(|| "unknown".to_owned());
                    *tally.in_doubt.entry(why).or_default() += 1;
                }
                _ => {}
            }
        }
        tally
    }
}

/// A zone's name.
pub(super) fn zone(plan: &Plan, index: u8) -> String {
    let zone = plan.zones.get(usize::from(index));
    zone.map_or_else(|| format!("zone {index}"), |zone| zone.name.clone())
}

/// A shade's name.
pub(super) fn shade(plan: &Plan, index: u8) -> String {
    let shade = plan.shades.get(usize::from(index));
    shade.map_or_else(|| format!("shade {index}"), |shade| shade.name.clone())
}
