//! The stops that the plan makes: what a person does before which dot, and how long skin rests.

use std::collections::BTreeMap;
use std::fmt;

use arrayvec::ArrayString;
use stipple_model::plan::{DotId, Plan, Shade, Stop, StopKind};
use stipple_model::units::Time;

use crate::ports::Micros;

/// So much of a name is shown, bytes.
const SHOWN: usize = 40;

/// As much of a name as is shown.
type Name = ArrayString<SHOWN>;

/// What is to be done before a dot, by its stops in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopWanted {
    /// A cartridge is to be fitted, of this kind; empty where the plan names none.
    pub needle: Option<Name>,
    /// A shade is to be brought.
    pub shade: Option<Name>,
    /// The needle is to take up pigment.
    pub dip: bool,
    /// The person in the chair is to have a break.
    pub rests: bool,
    /// How long all that is expected to take.
    pub expected: Micros,
    /// How long the skin rests after the strike before.
    pub skin_rests: Micros,
}

impl StopWanted {
    /// Whether the arm leaves the head and waits for a person.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        self.needle.is_some() || self.shade.is_some() || self.dip || self.rests
    }

    fn add(&mut self, plan: &Planned<'_>, stop: &Stop) {
        let span = micros(stop.expected);
        match stop.kind {
            StopKind::Rest => {
                self.skin_rests = self.skin_rests.max(span);
                return;
            }
            StopKind::NeedleChange { needle } => {
                let kind = plan.needles.get(usize::from(needle));
                self.needle = Some(shown(kind.and_then(|k| k.as_deref()).unwrap_or_default()));
            }
            StopKind::ShadeChange { shade } => {
                let shade = plan.shades.get(usize::from(shade));
                self.shade = Some(shown(shade.map_or("", |s| &s.name)));
            }
            StopKind::InkDip { .. } => self.dip = true,
            StopKind::Break => self.rests = true,
        }
        self.expected = self.expected.after(span);
    }
}

impl fmt::Display for StopWanted {
    /// What to do, for the operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        let mut say = |f: &mut fmt::Formatter<'_>, what: &str, name: &str| {
            let comma = if std::mem::take(&mut first) { "" } else { ", " };
            let space = if name.is_empty() { "" } else { " " };
            write!(f, "{comma}{what}{space}{name}")
        };
        if let Some(needle) = &self.needle {
            say(f, "fit a fresh cartridge", needle)?;
        }
        if let Some(shade) = &self.shade {
            say(f, "bring the shade", shade)?;
        }
        if self.dip {
            say(f, "let the needle take up pigment", "")?;
        }
        if self.rests {
            say(f, "give the person in the chair a break", "")?;
        }
        Ok(())
    }
}

/// A layer's stops, with the names of what they ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned<'a> {
    stops: &'a [Stop],
    needles: &'a [Option<String>],
    shades: &'a [Shade],
}

impl<'a> Planned<'a> {
    /// Those of a layer, from 1.
    pub(super) fn of(plan: &'a Plan, layer: u8) -> Self {
        let all = usize::from(layer).checked_sub(1).map(|i| plan.stops.get(i));
        Self {
            stops: all.flatten().map_or(&[], Vec::as_slice),
            needles: &plan.needles,
            shades: &plan.shades,
        }
    }

    /// The stops of the dots that are to be done, with what was asked for before dots in between that are not.
    ///
    /// Before the first of them there is a stop only if the plan has one at it, or if another cartridge or shade is to be fitted than the layer
    /// begins with: what it begins with, and pigment, are there when somebody starts.
    ///
    /// `todo` are dots with their places in the layer's sequence, rising.
    pub(super) fn before(
        &self,
        todo: impl IntoIterator<Item = (u32, DotId)>,
    ) -> BTreeMap<DotId, StopWanted> {
        let mut wanted = BTreeMap::new();
        let mut from = None;
        for (place, dot) in todo {
            let until = self.stops.partition_point(|s| s.before <= place);
            let passed = |from| self.stops.get(from..until).unwrap_or_default();
            let here = match from {
                None => self.before_first(place, passed(0)),
                Some(from) => self.at(place, passed(from)),
            };
            if here != StopWanted::default() {
                wanted.insert(dot, here);
            }
            from = Some(until);
        }
        wanted
    }

    /// All stops of a span, taken before the dot of that place.
    fn at(&self, place: u32, passed: &[Stop]) -> StopWanted {
        let mut here = StopWanted::default();
        let others = passed.iter().filter(|s| !is_fitting(s.kind));
        // Skin has rested for a dot that is done already.
        let counts = |s: &&Stop| s.kind.is_away() || s.before == place;
        for stop in others.filter(counts).chain(fitted(passed)) {
            here.add(self, stop);
        }
        here
    }

    /// What is to be done before work begins in the middle of a layer, all its stops so far being `passed`.
    fn before_first(&self, place: u32, passed: &[Stop]) -> StopWanted {
        let mut here = StopWanted::default();
        let begins = passed.partition_point(|s| s.before == 0);
        let (begins, later) = passed.split_at(begins);
        let others = later
            .iter()
            .filter(|s| !is_fitting(s.kind) && s.before == place);
        // At the very dot nobody knows whether it was made: what the layer began with may be out again.
        let wanted =
            |stop: &&Stop| stop.before == place || fitted(begins).all(|s| s.kind != stop.kind);
        for stop in others.chain(fitted(later).filter(wanted)) {
            here.add(self, stop);
        }
        here
    }
}

/// What must be there when a layer is started from a dot in its middle on: the shade; which cartridge is fitted its sitting says.
#[must_use]
pub fn goes_on_with(plan: &Plan, layer: u8, place: u32) -> StopWanted {
    let planned = Planned::of(plan, layer);
    let until = planned.stops.partition_point(|s| s.before <= place);
    let passed = planned.stops.get(..until).unwrap_or_default();
    let mut here = StopWanted::default();
    let is_shade = |s: &&Stop| matches!(s.kind, StopKind::ShadeChange { .. });
    if let Some(shade) = passed.iter().rev().find(is_shade) {
        here.add(&planned, shade);
    }
    here
}

/// What a layer begins with: it must be there when it is started.
#[must_use]
pub fn begins_with(plan: &Plan, layer: u8) -> StopWanted {
    let planned = Planned::of(plan, layer);
    let until = planned.stops.partition_point(|s| s.before == 0);
    planned.at(0, planned.stops.get(..until).unwrap_or_default())
}

const fn is_fitting(kind: StopKind) -> bool {
    matches!(
        kind,
        StopKind::NeedleChange { .. } | StopKind::ShadeChange { .. }
    )
}

/// The last cartridge and the last shade of some stops: what is fitted after them.
fn fitted(stops: &[Stop]) -> impl Iterator<Item = &Stop> {
    let last = |pick: fn(StopKind) -> bool| stops.iter().rev().find(move |s| pick(s.kind));
    let needle = last(|kind| matches!(kind, StopKind::NeedleChange { .. }));
    let shade = last(|kind| matches!(kind, StopKind::ShadeChange { .. }));
    needle.into_iter().chain(shade)
}

fn shown(name: &str) -> Name {
    let mut shown = Name::new();
    for c in name.chars() {
        if shown.try_push(c).is_err() {
            break;
        }
    }
    shown
}

/// A span of the plan, which is checked to be finite and not negative.
fn micros(span: Time) -> Micros {
    Micros((span.s() * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn needle(needle: u8) -> StopKind {
        StopKind::NeedleChange { needle }
    }

    const fn shade(shade: u8) -> StopKind {
        StopKind::ShadeChange { shade }
    }

    const DIP: StopKind = StopKind::InkDip { shade: 1 };

    /// What is asked for before which of these places, the layer's stops being of a second each.
    fn asked(stops: &[(u32, StopKind)], todo: impl IntoIterator<Item = u32>) -> Vec<(u32, String)> {
        let stop = |(before, kind): &(u32, StopKind)| Stop {
            before: *before,
            kind: *kind,
            expected: Time::from_s(1.0),
        };
        let shade = |name: &str| Shade {
            name: name.to_owned(),
            rgb: [0; 3],
            dilution: None,
        };
        let stops: Vec<Stop> = stops.iter().map(stop).collect();
        let planned = Planned {
            stops: &stops,
            needles: &[None, Some("3RL".to_owned())],
            shades: &[shade("light"), shade("dark")],
        };
        let told = |(dot, stop): (DotId, StopWanted)| {
            let rests = stop.skin_rests.s();
            let away = format!("{stop}: {} s", stop.expected.s());
            let text = if stop.is_away() {
                away
            } else {
                format!("rest: {rests} s")
            };
            (dot.0, text)
        };
        let before = planned.before(todo.into_iter().map(|place| (place, DotId(place))));
        before.into_iter().map(told).collect()
    }

    const LAYER: [(u32, StopKind); 9] = [
        (0, needle(0)),
        (0, shade(0)),
        (4, DIP),
        (5, StopKind::Rest),
        (6, needle(1)),
        (6, shade(1)),
        (8, StopKind::Break),
        (9, shade(0)),
        (9, shade(1)),
    ];

    const ITS_DIP: &str = "let the needle take up pigment: 1 s";
    const BOTH: &str = "fit a fresh cartridge 3RL, bring the shade dark: 2 s";

    fn told(told: &[(u32, &str)]) -> Vec<(u32, String)> {
        let own = |(place, text): &(u32, &str)| (*place, (*text).to_owned());
        told.iter().map(own).collect()
    }

    #[test]
    fn every_stop_is_asked_for_but_what_the_layer_begins_with() {
        let wanted = told(&[
            (4, ITS_DIP),
            (5, "rest: 1 s"),
            (6, BOTH),
            (8, "give the person in the chair a break: 1 s"),
            (9, "bring the shade dark: 1 s"),
        ]);
        assert_eq!(asked(&LAYER, 0..12), wanted);
    }

    #[test]
    fn stops_before_dots_that_are_done_are_made_before_the_next_one() {
        let all = "fit a fresh cartridge 3RL, bring the shade dark, give the person in the chair a break: 3 s";
        let wanted = told(&[(5, ITS_DIP), (11, all)]);
        assert_eq!(asked(&LAYER, [0, 3, 5, 11]), wanted);
    }

    #[test]
    fn work_that_begins_in_the_middle_asks_for_what_it_did_not_begin_with() {
        assert_eq!(asked(&LAYER, [3]), []);
        // At the very dot nobody knows whether it was made.
        assert_eq!(asked(&LAYER, [4]), told(&[(4, ITS_DIP)]));
        assert_eq!(asked(&LAYER, [5]), told(&[(5, "rest: 1 s")]));
        for place in [6, 7, 11] {
            assert_eq!(asked(&LAYER, [place]), told(&[(place, BOTH)]));
        }
        assert_eq!(asked(&[], 0..5), []);
    }

    #[test]
    fn what_the_layer_began_with_is_asked_for_where_it_comes_back() {
        let layer = [(0, shade(0)), (4, shade(1)), (8, shade(0))];
        let back = told(&[(8, "bring the shade light: 1 s")]);
        assert_eq!(asked(&layer, [8]), back);
        assert_eq!(
            asked(&layer, [7, 8]),
            [told(&[(7, "bring the shade dark: 1 s")]), back,].concat()
        );
        assert_eq!(asked(&layer, [9]), []);
        assert_eq!(
            asked(&[(0, needle(0)), (5, needle(0))], [5]),
            told(&[(5, "fit a fresh cartridge: 1 s")])
        );
    }

    #[test]
    fn a_long_name_is_cut_and_a_cartridge_without_one_is_asked_for() {
        let long = "ä".repeat(SHOWN);
        assert_eq!(shown(&long).len(), SHOWN);
        let wanted = told(&[(2, "fit a fresh cartridge: 1 s")]);
        assert_eq!(asked(&[(0, needle(1)), (2, needle(0))], 0..3), wanted);
    }
}
