//! A course of treatment: what a client's answers and a policy make of it, from the consultation to the last day of aftercare.
//!
//! [`course`] is pure: the same answers, policy and plan give the same course. [`sheets`] makes documents of it, [`calendar`] a calendar.

mod assess;
pub mod calendar;
mod proposal;
mod sessions;
pub mod sheets;

#[cfg(test)]
mod tests;

pub use assess::{Assessment, Range, Source};
pub use proposal::{Proposal, ProposalError};
pub use sessions::{Part, Role, Session};

use serde::Serialize;
use stipple_model::course::{Day, Intake, Policy, Screening, Verdict, screen};
use stipple_model::plan::{Outcome, Plan};

/// What a plan says of a course.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The zones' areas together, cm².
    pub area_cm2: f64,
    /// Each layer.
    pub layers: Vec<PlannedLayer>,
}

/// A layer of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedLayer {
    /// Dots the arm can place.
    pub dots: u32,
    /// Expected time without breaks, s.
    pub work_s: f64,
    /// Expected breaks, s.
    pub breaks_s: f64,
}

impl Planned {
    /// What a plan says.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let area_cm2 = plan.zones.iter().map(|zone| zone.area.cm2()).sum();
        let parts = plan.session_estimate.layers.iter();
        let layer = |(number, parts): (u8, &stipple_model::plan::SessionParts)| {
            let here = |d: &&stipple_model::plan::Dot| {
                d.layer == number && matches!(d.outcome, Outcome::Planned { .. })
            };
            PlannedLayer {
                dots: plan.dots.iter().filter(here).count() as u32,
                work_s: (parts.total() - parts.breaks).s(),
                breaks_s: parts.breaks.s(),
            }
        };
        Self {
            area_cm2,
            layers: (1..).zip(parts).map(layer).collect(),
        }
    }
}

/// A course.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// Who.
    pub client: String,
    /// The day of the consultation.
    pub consulted: Day,
    /// Whether they may be treated, on the day of the first session.
    pub screening: Screening,
    /// What comes of it.
    pub verdict: Verdict,
    /// The first day on which nothing known refuses it, where it is refused until a day.
    pub refused_until: Option<Day>,
    /// What can be achieved.
    pub assessment: Assessment,
    /// What is proposed.
    pub proposal: Proposal,
    /// The day of the test patch; `None` for who was treated before, or is not to be treated.
    pub test_patch: Option<Day>,
    /// The sessions; none for who is not to be treated.
    pub sessions: Vec<Session>,
    /// What whoever plans it must know.
    pub notes: Vec<String>,
}

/// The course that a client's answers and a policy make; a plan, where there is one, says how large the area is, how many dots there are
/// and how long they take.
///
/// # Errors
/// A policy that proposes a treatment which is not there, or which does not come out as one.
pub fn course(
    policy: &Policy,
    intake: &Intake,
    planned: Option<&Planned>,
) -> Result<Course, ProposalError> {
    let new = intake.treated_before.is_none();
    let first = sessions::first_day(policy, intake);
    let screening = screen(policy, intake, first);
    let verdict = screening.verdict();
    let refused = verdict == Verdict::Refuse;
    let target = proposal::target_per_cm2(policy, intake)?;
    let count = sessions::count(policy, intake, planned, target);
    let proposal = proposal::propose(policy, intake, &count)?;
    let assessment = assess::assess(policy, intake, planned, &proposal, count.number);
    let mut notes = assess::notes(policy, intake, &assessment);
    notes.extend(proposal.notes(intake));
    if let Some(planned) = planned
        && planned.layers.len() != usize::from(count.number)
    {
        notes.push(format!(
            "the plan has {} layers and the course {} sessions: plan the proposed treatment",
            planned.layers.len(),
            count.number
        ));
    }
    let sessions = if refused {
        Vec::new()
    } else {
        sessions::sessions(policy, first, &count, planned, &assessment)
    };
    Ok(Course {
        client: intake.client.clone(),
        consulted: intake.date,
        verdict,
        refused_until: screening.refused_until().filter(|_| refused),
        screening,
        assessment,
        proposal,
        test_patch: (new && !refused).then_some(intake.date),
        sessions,
        notes,
    })
}
