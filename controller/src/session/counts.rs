//! What a tick counts and remembers, in places that were there before it: nothing here takes memory in a tick.

use std::collections::BTreeMap;

use stipple_model::plan::DotId;

use crate::record::DotState;

/// More names than faults and reasons there are.
const NAMES: usize = 96;

/// How often what has happened, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts(Vec<(&'static str, u32)>);

impl Default for Counts {
    fn default() -> Self {
        Self(Vec::with_capacity(NAMES))
    }
}

impl Counts {
    pub(super) fn count(&mut self, name: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => self.0.push((name, 1)),
        }
    }

    /// How often this one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u32> {
        let (_, count) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(*count)
    }

    /// All of them, in the order in which they came first.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        self.0.iter().copied()
    }
}

/// Dots that are done, with a place for every dot of the plan.
#[derive(Debug, Clone)]
pub(super) struct Done {
    states: Vec<Option<DotState>>,
    count: usize,
}

impl Done {
    /// Of a plan with so many dots; what else the record knows is not of this plan.
    pub(super) fn new(dots: usize, known: &BTreeMap<DotId, DotState>) -> Self {
        let mut done = Self {
            states: vec![None; dots],
            count: 0,
        };
        for (dot, state) in known {
            done.set(*dot, *state);
        }
        done
    }

    pub(super) fn set(&mut self, dot: DotId, state: DotState) {
        if let Some(place) = self.states.get_mut(dot.index()) {
            self.count += usize::from(place.is_none());
            *place = Some(state);
        }
    }

    pub(super) fn get(&self, dot: DotId) -> Option<DotState> {
        self.states.get(dot.index()).copied().flatten()
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn all(&self) -> BTreeMap<DotId, DotState> {
        (0u32..)
            .zip(&self.states)
            .filter_map(|(dot, state)| Some((DotId(dot), (*state)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_and_dots_known_once() {
        let mut counts = Counts::default();
        for name in ["a", "b", "a"] {
            counts.count(name);
        }
        assert_eq!(counts.get("a"), Some(2));
        assert_eq!(counts.get("c"), None);
        assert_eq!(counts.iter().collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
        let known = BTreeMap::from([(DotId(1), DotState::Placed), (DotId(9), DotState::Placed)]);
        let mut done = Done::new(3, &known);
        done.set(DotId(2), DotState::InDoubt);
        done.set(DotId(2), DotState::InDoubt);
        assert_eq!((done.count(), done.get(DotId(0))), (2, None));
        assert_eq!(done.all().len(), 2);
    }
}
