//! How each dot is shown.

use std::collections::BTreeMap;

use stipple_controller::record::DotState;
use stipple_model::plan::{DotId, Outcome, Plan};

/// How a dot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// To be placed; shown in its shade.
    Planned,
    /// Placed.
    Placed,
    /// Perhaps placed.
    InDoubt,
    /// Left out, by the planner or in the session.
    Skipped,
    /// Being worked on.
    Current,
    /// Of a layer that is not shown.
    Hidden,
}

/// Every dot's mark, by [`DotId`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

impl Marks {
    /// As planned; with a layer, only the dots up to that layer are shown.
    #[must_use]
    pub fn planned(plan: &Plan, layer: Option<u8>) -> Self {
        let mark = |dot: &stipple_model::plan::Dot| match dot.outcome {
            _ if layer.is_some_and(|layer| dot.layer > layer) => Mark::Hidden,
            Outcome::Planned { .. } => Mark::Planned,
            Outcome::Skipped(_) => Mark::Skipped,
        };
        Self(plan.dots.iter().map(mark).collect())
    }

    /// As [`Marks::planned`], with what is done marked as such.
    #[must_use]
    pub fn of(plan: &Plan, layer: Option<u8>, done: &BTreeMap<DotId, DotState>) -> Self {
        let mut marks = Self::planned(plan, layer);
        for (dot, state) in done {
            if let Some(mark) = marks.0.get_mut(dot.index()).filter(|m| **m != Mark::Hidden) {
                *mark = match state {
                    DotState::Placed => Mark::Placed,
                    DotState::Skipped => Mark::Skipped,
                    DotState::Intent | DotState::InDoubt => Mark::InDoubt,
                };
            }
        }
        marks
    }

    /// With one dot as the one being worked on.
    #[must_use]
    pub fn with_current(mut self, dot: Option<DotId>) -> Self {
        if let Some(mark) = dot.and_then(|dot| self.0.get_mut(dot.index())) {
            *mark = Mark::Current;
        }
        self
    }

    /// With what is not placed yet out of sight: of `layer` and after nothing is shown, what is before it counts as placed.
    #[must_use]
    pub(super) fn only_before(mut self, plan: &Plan, layer: u8) -> Self {
        for (mark, dot) in self.0.iter_mut().zip(&plan.dots) {
            *mark = match *mark {
                Mark::Planned if dot.layer < layer => Mark::Placed,
                _ => Mark::Hidden,
            };
        }
        self
    }

    /// Marks one dot.
    pub(super) fn set(&mut self, dot: DotId, mark: Mark) {
        if let Some(at) = self.0.get_mut(dot.index()) {
            *at = mark;
        }
    }

    /// Each dot's mark.
    #[must_use]
    pub fn as_slice(&self) -> &[Mark] {
        &self.0
    }

    /// How many dots stand how.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Mark, usize> {
        let mut counts = BTreeMap::new();
        for mark in &self.0 {
            *counts.entry(*mark).or_insert(0) += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::small_plan;

    #[test]
    fn marks_follow_the_record_and_the_layer() {
        let (plan, _) = small_plan(2);
        let done = BTreeMap::from([
            (DotId(0), DotState::Placed),
            (DotId(1), DotState::Intent),
            (DotId(99), DotState::Placed),
        ]);
        let marks = Marks::of(&plan, None, &done).with_current(Some(DotId(2)));
        assert_eq!(
            marks.as_slice(),
            [Mark::Placed, Mark::InDoubt, Mark::Current, Mark::Planned]
        );
        assert_eq!(marks.counts()[&Mark::Placed], 1);
        assert!(
            Marks::of(&plan, Some(0), &done)
                .as_slice()
                .iter()
                .all(|m| *m == Mark::Hidden)
        );
    }
}
