//! What can be achieved: area, density, dots, hours.

use serde::Serialize;
use stipple_model::course::{Intake, Policy};

use super::{Planned, Proposal};

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A plan.
    Plan,
    /// Measured at the consultation.
    Measured,
    /// What is usual for the pattern.
    Usual,
}

/// A figure that is known to lie between two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

impl Range {
    /// Between two.
    #[must_use]
    pub const fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// The middle.
    #[must_use]
    pub fn middle(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    fn times(&self, factor: f64) -> Self {
        Self::new(self.low * factor, self.high * factor)
    }
}

/// What can be achieved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessment {
    /// The pattern's name.
    pub pattern: String,
    /// The area, cm².
    pub area_cm2: Range,
    /// Where the area comes from.
    pub area_from: Source,
    /// Natural follicular units beside the area, 1/cm²: counted, or the policy's.
    pub natural_units_per_cm2: f64,
    /// Dots, and hairs that are there, together, 1/cm², where the design is densest.
    pub target_per_cm2: f64,
    /// The target over natural hair.
    pub coverage: f64,
    /// Whether that looks full.
    pub looks_full: bool,
    /// All dots.
    pub dots: Range,
    /// How many sessions.
    pub sessions: u8,
    /// Of one session, set-up, numbing and breaks included.
    pub hours_per_session: Range,
    /// How long the result lasts, years.
    pub lasts_years: [u8; 2],
    /// When it is usually touched up, years.
    pub touch_up_years: [u8; 2],
}

pub(super) fn area(policy: &Policy, intake: &Intake, planned: Option<&Planned>) -> (Range, Source) {
    let usual = policy
        .pattern(&intake.pattern)
        .map_or([1.0, 2000.0], |p| p.cm2);
    match (planned, intake.area_cm2) {
        (Some(planned), _) => (Range::new(planned.area_cm2, planned.area_cm2), Source::Plan),
        (None, Some(cm2)) => (Range::new(cm2, cm2), Source::Measured),
        (None, None) => (Range::new(usual[0], usual[1]), Source::Usual),
    }
}

pub(super) fn assess(
    policy: &Policy,
    intake: &Intake,
    planned: Option<&Planned>,
    proposal: &Proposal,
    sessions: u8,
) -> Assessment {
    let (area_cm2, area_from) = area(policy, intake, planned);
    let natural = natural(policy, intake);
    let coverage = proposal.target_per_cm2 / natural;
    let dots = match planned {
        Some(planned) => {
            let dots: u32 = planned.layers.iter().map(|layer| layer.dots).sum();
            Range::new(f64::from(dots), f64::from(dots))
        }
        None => proposal.dots.map_or_else(
            || area_cm2.times(proposal.laid_per_cm2),
            |dots| Range::new(f64::from(dots), f64::from(dots)),
        ),
    };
    let rules = &policy.sessions;
    let hours = |dots: f64, share: f64| {
        let work_s = dots * share / rules.dots_per_second.value;
        super::sessions::hours(policy, work_s, super::sessions::breaks_s(policy, work_s))
    };
    let hours_per_session = match planned {
        Some(planned) => {
            let each = planned.layers.iter();
            let each = each.map(|l| super::sessions::hours(policy, l.work_s, l.breaks_s));
            each.fold(Range::new(f64::INFINITY, 0.0), |range, hours| {
                Range::new(range.low.min(hours), range.high.max(hours))
            })
        }
        None => {
            let largest = largest_share(proposal);
            Range::new(hours(dots.low, largest), hours(dots.high, largest))
        }
    };
    Assessment {
        pattern: policy
            .pattern(&intake.pattern)
            .map_or_else(String::new, |p| p.name.clone()),
        area_cm2,
        area_from,
        natural_units_per_cm2: natural,
        target_per_cm2: proposal.target_per_cm2,
        coverage,
        looks_full: coverage >= policy.density.full_look.value,
        dots,
        sessions,
        hours_per_session,
        lasts_years: policy.density.lasts_years.value,
        touch_up_years: policy.density.touch_up_years.value,
    }
}

/// The largest part of the dots that one session lays.
fn largest_share(proposal: &Proposal) -> f64 {
    let before = std::iter::once(0.0).chain(proposal.shares.iter().copied());
    let steps = proposal
        .shares
        .iter()
        .zip(before)
        .map(|(to, from)| to - from);
    steps.fold(0.0, f64::max)
}

pub(super) fn natural(policy: &Policy, intake: &Intake) -> f64 {
    let usual = policy.density.natural_units_per_cm2.value;
    intake.natural_units_per_cm2.unwrap_or(usual)
}

/// What the consultation must speak of.
pub(super) fn notes(policy: &Policy, intake: &Intake, assessment: &Assessment) -> Vec<String> {
    let mut notes = Vec::new();
    if assessment.area_from == Source::Usual {
        notes.push(format!(
            "the area is not measured: {:.0} to {:.0} cm² are usual for {}; a scan and a plan tell it",
            assessment.area_cm2.low, assessment.area_cm2.high, assessment.pattern
        ));
    }
    let pattern = policy.pattern(&intake.pattern);
    let shaved = policy.density.shaved_mm.value;
    if pattern.is_some_and(|p| p.shaved) && intake.hair_length_mm > shaved {
        notes.push(format!(
            "hair is worn {:.0} mm long; dots look like hair that is shaved to at most {shaved:.0} mm",
            intake.hair_length_mm
        ));
    }
    if !assessment.looks_full {
        notes.push(format!(
            "{:.0} dots for {:.0} follicular units per cm² are a shadow of hair; it looks full from about {:.0} % of the natural density on",
            assessment.target_per_cm2,
            assessment.natural_units_per_cm2,
            policy.density.full_look.value * 100.0
        ));
    }
    let scars: f64 = intake.scars.iter().map(|scar| scar.cm2).sum();
    if scars > 0.0 {
        notes.push(format!(
            "{scars:.0} cm² of scar take pigment worse than skin: about {:.0} % of the dots stay there, {:.0} % elsewhere",
            policy.fading.taken_in_scars.value * 100.0,
            policy.fading.taken.value * 100.0
        ));
    }
    notes
}
