//! What the gate asks of a plan.

use std::collections::{BTreeMap, BTreeSet};

use stipple_model::plan::{DotId, Plan};
use stipple_model::treatment::{Fitted, Purpose};
use stipple_model::units::Length;

use super::{Facts, Refused, hold};
use crate::record::{DotState, Patch, Record};

/// Depths and dwells that differ by less than this are the same, mm and ms. Source: own, rounding.
const SAME: f64 = 1e-6;

/// What the gate asks of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanFacts {
    /// For what it is made.
    pub purpose: Purpose,
    /// What was fitted to its client.
    pub fitted: Option<Fitted>,
    /// Its deepest dot.
    pub deepest: Length,
    /// The shades that the layer's dots which are left have.
    pub shades: BTreeSet<String>,
    /// All its shades.
    pub known: Vec<String>,
}

impl PlanFacts {
    /// Of a plan, for a layer of which some dots are done.
    #[must_use]
    pub fn of(plan: &Plan, layer: u8, done: &BTreeMap<DotId, DotState>) -> Self {
        let order = usize::from(layer)
            .checked_sub(1)
            .and_then(|i| plan.sequence.get(i));
        let left = order
            .into_iter()
            .flatten()
            .filter(|id| !done.contains_key(id));
        let shade = |id: &DotId| plan.shades.get(usize::from(plan.dot(*id)?.shade));
        Self {
            purpose: plan.purpose,
            fitted: plan.fitted.clone(),
            deepest: plan
                .dots
                .iter()
                .map(|d| d.depth)
                .fold(Length::ZERO, Length::max),
            shades: left.filter_map(shade).map(|s| s.name.clone()).collect(),
            known: plan.shades.iter().map(|s| s.name.clone()).collect(),
        }
    }

    /// How the plan differs from what a test patch showed, if it does.
    pub(super) fn unlike(&self, patch: &Patch) -> Option<String> {
        let Some(fitted) = &self.fitted else {
            return Some("carries no fit".to_owned());
        };
        let rounded = |x: f64| (x * 1e6).round() / 1e6;
        let (depth, dwell) = (rounded(fitted.depth.mm()), rounded(fitted.dwell.ms()));
        let same = |a: f64, b: f64| (a - b).abs() < SAME;
        if !same(depth, patch.depth_mm) || !same(dwell, patch.dwell_ms) || fitted.day != patch.read
        {
            return Some(format!(
                "was fitted to {depth} mm and {dwell} ms on {}",
                fitted.day
            ));
        }
        // An admitted plan has none; whoever asks with another one is answered.
        (self.deepest > fitted.depth).then(|| format!("has a dot {:.2} mm deep", self.deepest.mm()))
    }
}

/// Asks the gate again when a plan is loaded on a record: since its sitting began, time has passed. A record without a sitting has none to ask.
///
/// # Errors
/// All that refuses and was not passed over.
pub fn again(
    record: &Record,
    plan: &Plan,
    done: &BTreeMap<DotId, DotState>,
    now_us: i64,
) -> Result<(), Refused> {
    let Some(sitting) = record.sitting() else {
        return Ok(());
    };
    hold(&Facts {
        sitting,
        plan: &PlanFacts::of(plan, sitting.layer, done),
        owner: record.owner(),
        // By now its own cartridge is in the list.
        seen: None,
        struck: record.sitting_strikes() > 0,
        now_us,
    })
}
