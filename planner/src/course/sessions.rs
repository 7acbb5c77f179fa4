//! How many sessions, what each is for, when, and how long.

use serde::Serialize;
use stipple_model::course::{Day, Intake, Policy, after};

use super::Planned;
use super::assess::{Assessment, area};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The first: lightest and sparsest, and it shows how the skin heals.
    First,
    /// One between: it fills.
    Fill,
    /// The last: hairline and blend.
    Blend,
    /// The only one, years later.
    TouchUp,
}

/// A day in the chair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Part {
    /// Which.
    pub day: Day,
    /// From coming to going, hours.
    pub hours: f64,
    /// How many dots.
    pub dots: u32,
}

/// A session: one layer, on one day or more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Session {
    /// From 1; the plan's layer of that number.
    pub number: u8,
    /// What it is for.
    pub role: Role,
    /// Share of all dots that is there after it.
    pub share: f64,
    /// Its days, at least one.
    pub parts: Vec<Part>,
}

/// How many sessions, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Count {
    pub number: u8,
    pub touch_up: bool,
    pub why: Vec<String>,
}

impl Role {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "light and sparse; shows how the skin heals",
            Self::Fill => "fills in between",
            Self::Blend => "hairline and blending",
            Self::TouchUp => "touch-up of what has faded",
        }
    }

    const fn of(number: u8, count: u8, touch_up: bool) -> Self {
        if touch_up {
            Self::TouchUp
        } else if number == 1 {
            Self::First
        } else if number == count {
            Self::Blend
        } else {
            Self::Fill
        }
    }
}

/// The day of the first session: as wished, but not before a test patch can be read.
pub(super) fn first_day(policy: &Policy, intake: &Intake) -> Day {
    let wait = policy.gate.patch_days.value;
    let soonest = match intake.treated_before {
        None => after(intake.date, wait),
        Some(_) => intake.date,
    };
    intake.first_session.map_or(soonest, |day| day.max(soonest))
}

pub(super) fn count(
    policy: &Policy,
    intake: &Intake,
    planned: Option<&Planned>,
    target_per_cm2: f64,
) -> Count {
    let rules = &policy.sessions;
    if intake.treated_before.is_some() {
        return Count {
            number: 1,
            touch_up: true,
            why: vec!["one for a touch-up".to_owned()],
        };
    }
    let cm2 = area(policy, intake, planned).0.middle();
    let usual = rules.usual.value;
    let mut why = vec![format!("{usual} are usual")];
    let mut number = i16::from(usual);
    if cm2 < rules.small_cm2.value {
        number -= 1;
        why.push(format!("one less for an area of only {cm2:.0} cm²"));
    } else if cm2 >= rules.large_cm2.value {
        number += 1;
        why.push(format!("one more for an area of {cm2:.0} cm²"));
    }
    let more = policy
        .skin(intake.skin_type)
        .map_or(0, |skin| skin.more_sessions);
    if more > 0 {
        number += i16::from(more);
        why.push(format!("{more} more for skin of type {}", intake.skin_type));
    }
    if !intake.scars.is_empty() {
        number += 1;
        why.push("one more for scars".to_owned());
    }
    if target_per_cm2 >= rules.dense_per_cm2.value {
        number += 1;
        why.push(format!("one more for {target_per_cm2:.0} per cm²"));
    }
    let (fewest, most) = (i16::from(rules.fewest.value), i16::from(rules.most.value));
    if number > most {
        why.push(format!("at most {most}"));
    }
    if number < fewest {
        why.push(format!("at least {fewest}"));
    }
    let number = u8::try_from(number.clamp(fewest, most)).unwrap_or(usual);
    Count {
        number,
        touch_up: false,
        why,
    }
}

/// Breaks in so much work, s.
pub(super) fn breaks_s(policy: &Policy, work_s: f64) -> f64 {
    let rules = &policy.sessions;
    let breaks = (work_s / 60.0 / rules.break_every_minutes.value).floor();
    breaks * rules.break_minutes.value * 60.0
}

/// From coming to going, hours.
pub(super) fn hours(policy: &Policy, work_s: f64, breaks_s: f64) -> f64 {
    let rules = &policy.sessions;
    let around = rules.set_up_minutes.value + rules.numbing_minutes.value;
    (work_s + breaks_s) / 3600.0 + around / 60.0
}

/// On how many days so much work is done, none of them longer than a session may be.
fn days_for(policy: &Policy, work_s: f64, breaks_s: f64) -> u32 {
    let longest = policy.sessions.longest_hours.value;
    let mut days = 1;
    // A policy leaves at least half an hour of work to a day, so this ends; where it would not, there are as many days as a year has.
    while days < 365
        && hours(policy, work_s / f64::from(days), breaks_s / f64::from(days)) > longest
    {
        days += 1;
    }
    days
}

pub(super) fn sessions(
    policy: &Policy,
    first: Day,
    count: &Count,
    planned: Option<&Planned>,
    assessment: &Assessment,
) -> Vec<Session> {
    let layers = layers(policy, count, planned, assessment);
    let number = layers.len() as u8;
    let mut day = first;
    let mut sessions = Vec::new();
    for (k, layer) in (1..).zip(layers) {
        let days = days_for(policy, layer.work_s, layer.breaks_s);
        let share = |from: f64, to: f64| (from * to / f64::from(days)).round();
        let mut parts = Vec::new();
        for part in 0..days {
            if part > 0 {
                day = after(day, policy.sessions.part_days.value);
            }
            let dots = f64::from(layer.dots);
            let here = share(dots, f64::from(part + 1)) - share(dots, f64::from(part));
            let each = f64::from(days);
            parts.push(Part {
                day,
                hours: hours(policy, layer.work_s / each, layer.breaks_s / each),
                dots: here as u32,
            });
        }
        sessions.push(Session {
            number: k,
            role: Role::of(k, number, count.touch_up),
            share: layer.share,
            parts,
        });
        day = after(day, policy.sessions.proposed_days.value);
    }
    sessions
}

struct LayerOf {
    share: f64,
    dots: u32,
    work_s: f64,
    breaks_s: f64,
}

/// The layers of the plan, or else of what is proposed.
fn layers(
    policy: &Policy,
    count: &Count,
    planned: Option<&Planned>,
    assessment: &Assessment,
) -> Vec<LayerOf> {
    if let Some(planned) = planned {
        let all: u32 = planned.layers.iter().map(|layer| layer.dots).sum();
        let mut there = 0;
        let layer = |layer: &super::PlannedLayer| {
            there += layer.dots;
            LayerOf {
                share: f64::from(there) / f64::from(all.max(1)),
                dots: layer.dots,
                work_s: layer.work_s,
                breaks_s: layer.breaks_s,
            }
        };
        return planned.layers.iter().map(layer).collect();
    }
    let shares = super::proposal::shares(policy, count);
    let dots = assessment.dots.middle();
    let mut before = 0.0;
    let layer = |share: &f64| {
        let laid = dots * (share - before);
        before = *share;
        let work_s = laid / policy.sessions.dots_per_second.value;
        LayerOf {
            share: *share,
            dots: laid.round() as u32,
            work_s,
            breaks_s: breaks_s(policy, work_s),
        }
    };
    shares.iter().map(layer).collect()
}
