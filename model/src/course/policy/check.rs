//! What makes sense in a policy.

use std::collections::BTreeSet;

use super::{AnswerKind, Policy, PolicyError, Rule, Verdict};
use crate::text::{QUOTE, plain};

impl Policy {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        self.check_keys()?;
        self.check_screening()?;
        self.check_sessions()?;
        self.check_gate()?;
        let rising = |[a, b]: [u8; 2]| a <= b;
        holds(
            positive(self.density.natural_units_per_cm2.value)
                && (0.0..=1.0).contains(&self.density.full_look.value)
                && (0.1..=1.0).contains(&self.density.light_look.value)
                && positive(self.density.shaved_mm.value)
                && rising(self.density.lasts_years.value)
                && rising(self.density.touch_up_years.value),
            "density",
            "has densities and lengths above 0, shares up to 1 (light_look from 0.1), and years that rise",
        )?;
        self.check_looks()?;
        for pattern in &self.patterns {
            let [from, to] = pattern.cm2;
            holds(
                positive(from) && from <= to && to <= 2000.0,
                &format!("patterns: {}: cm2", plain(&pattern.key, 40)),
                "rises, from above 0 to at most 2000",
            )?;
        }
        Ok(())
    }

    /// What is chosen by its name is there once.
    fn check_keys(&self) -> Result<(), PolicyError> {
        let unique = |keys: Vec<&String>| {
            let count = keys.len();
            count > 0 && keys.into_iter().collect::<BTreeSet<_>>().len() == count
        };
        let rule = "are there, and each once";
        holds(
            unique(self.screening.iter().map(|q| &q.key).collect()),
            "screening: keys",
            rule,
        )?;
        holds(
            unique(self.patterns.iter().map(|p| &p.key).collect()),
            "patterns: keys",
            rule,
        )?;
        holds(
            unique(self.hair.iter().map(|h| &h.colour).collect()),
            "hair: colours",
            rule,
        )?;
        holds(
            unique(self.shades.iter().map(|s| &s.name).collect()),
            "shades: names",
            rule,
        )?;
        holds(
            unique(self.sun.iter().map(|s| &s.habit).collect()),
            "sun: habits",
            rule,
        )?;
        let types: Vec<u8> = self.skin.iter().map(|s| s.number).collect();
        holds(types == [1, 2, 3, 4, 5, 6], "skin: types", "go from 1 to 6")
    }

    fn check_looks(&self) -> Result<(), PolicyError> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let years = |value: f64| positive(value) && value <= 100.0;
        holds(
            self.shades
                .iter()
                .all(|s| share(s.skin) && years(s.half_life_years) && s.parts <= 50),
            "shades",
            "have a share of skin, at most 50 parts of water, and half-lives above 0 and up to 100 years",
        )?;
        let factor = |value: f64| (0.1..=10.0).contains(&value);
        holds(
            self.skin
                .iter()
                .all(|s| factor(s.half_life) && s.more_parts <= 30 && s.more_sessions <= 2)
                && self.sun.iter().all(|s| factor(s.half_life)),
            "skin, sun",
            "have factors from 0.1 to 10, at most 30 more parts and at most 2 more sessions",
        )?;
        let f = &self.fading;
        let inside = |rule: &Rule<f64>| positive(rule.value) && rule.value < 1.0;
        holds(
            inside(&f.seen)
                && inside(&f.touch_up)
                && inside(&f.uncertain)
                && positive(f.taken.value)
                && share(f.taken.value)
                && positive(f.taken_in_scars.value)
                && share(f.taken_in_scars.value)
                && (0.0..=2.0).contains(&f.spread.value),
            "fading",
            "has shares between 0 and 1 and a spread up to 2",
        )
    }

    fn check_screening(&self) -> Result<(), PolicyError> {
        for question in &self.screening {
            let place = format!("screening: {}", plain(&question.key, 40));
            holds(
                question.verdict != Verdict::Clear,
                &place,
                "leads to \"physician\" or \"refuse\"",
            )?;
            let days = [question.days, question.physician_days];
            let fits = match question.answer {
                AnswerKind::YesNo => days == [None, None],
                AnswerKind::Date => {
                    question.days.is_some() && days[1].is_none_or(|later| Some(later) > days[0])
                }
            };
            holds(
                fits,
                &place,
                "has days with a date only, and physician_days beyond them",
            )?;
        }
        Ok(())
    }

    fn check_sessions(&self) -> Result<(), PolicyError> {
        let s = &self.sessions;
        let number = |rule: &Rule<u8>| rule.value;
        let (fewest, usual, most) = (number(&s.fewest), number(&s.usual), number(&s.most));
        holds(
            2 <= fewest && fewest <= usual && usual <= most && most <= 4,
            "sessions: fewest, usual, most",
            "rise from 2 to 4",
        )?;
        for count in 2..=4 {
            let shares = self.shares(count).unwrap_or_default();
            let rising = shares.windows(2).all(|w| w[0] < w[1]);
            holds(
                shares.len() == usize::from(count)
                    && rising
                    && shares.first().is_some_and(|first| *first > 0.0)
                    && shares.last() == Some(&1.0),
                &format!("sessions: shares_{count}"),
                "has one share for each session, rising from above 0 to 1",
            )?;
        }
        let days = |rule: &Rule<u16>| rule.value;
        holds(
            0 < days(&s.least_days)
                && days(&s.least_days) <= days(&s.proposed_days)
                && days(&s.proposed_days) <= days(&s.most_days),
            "sessions: least_days, proposed_days, most_days",
            "rise from 1",
        )?;
        holds(
            days(&s.part_days) > 0 && days(&s.part_days) <= days(&s.most_days),
            "sessions: part_days",
            "is at least 1 and at most most_days",
        )?;
        let numbers = [
            &s.dense_per_cm2,
            &s.small_cm2,
            &s.large_cm2,
            &s.set_up_minutes,
            &s.numbing_minutes,
            &s.break_every_minutes,
            &s.break_minutes,
            &s.dots_per_second,
            &s.longest_hours,
        ];
        let most = 10_000.0;
        let sound = numbers.iter().all(|n| positive(n.value) && n.value <= most);
        let apart = s.small_cm2.value < s.large_cm2.value;
        let work =
            s.longest_hours.value - (s.set_up_minutes.value + s.numbing_minutes.value) / 60.0;
        holds(
            sound && apart && work >= 0.5,
            "sessions",
            "has numbers above 0, small_cm2 below large_cm2, and longest_hours that leave half an hour for work",
        )
    }

    fn check_gate(&self) -> Result<(), PolicyError> {
        let g = &self.gate;
        let days = |rule: &Rule<u16>| rule.value;
        holds(
            days(&g.consent_days) >= days(&self.sessions.least_days)
                && days(&g.consent_days) <= 3_650
                && days(&g.physician_days) <= 3_650,
            "gate: consent_days, physician_days",
            "last at most ten years, and a consent until the next session",
        )?;
        holds(
            days(&g.answers_days) <= 90,
            "gate: answers_days",
            "is at most 90: who may be treated changes with what happens to them",
        )?;
        holds(
            (1..=365).contains(&days(&g.patch_days)),
            "gate: patch_days",
            "is 1 to 365",
        )?;
        holds(
            (1.0..=1_440.0).contains(&g.registration_minutes.value),
            "gate: registration_minutes",
            "is 1 to 1440, a day",
        )
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn holds(condition: bool, place: &str, rule: &'static str) -> Result<(), PolicyError> {
    if condition {
        return Ok(());
    }
    Err(PolicyError::Sense {
        place: place.to_owned(),
        rule,
    })
}

/// Every `source` of a file says something.
pub(super) fn sources(text: &str) -> Result<(), PolicyError> {
    fn visit(value: &toml::Value, place: &str) -> Result<(), PolicyError> {
        match value {
            toml::Value::Table(table) => table.iter().try_for_each(|(key, value)| {
                let here = if place.is_empty() {
                    key.clone()
                } else {
                    format!("{place}: {key}")
                };
                if key == "source" && value.as_str().is_none_or(|s| s.trim().is_empty()) {
                    return Err(PolicyError::NoSource {
                        place: plain(place, QUOTE),
                    });
                }
                visit(value, &here)
            }),
            toml::Value::Array(items) => (1..)
                .zip(items)
                .try_for_each(|(k, item)| visit(item, &format!("{place} {k}"))),
            _ => Ok(()),
        }
    }
    // It was read once already.
    let table: toml::Table = text.parse().unwrap_or_default();
    visit(&toml::Value::Table(table), "")
}
