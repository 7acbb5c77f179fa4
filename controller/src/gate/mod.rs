//! The gate before a session: what must hold before anybody is treated, asked when a sitting begins and again when its plan is loaded.
//!
//! [`check`] is a function of what is known: the sitting as it stands in the record, the plan, and the clock. It tells every gate, not only
//! the first that refuses. What may be passed over by a person with a name and a reason, and what never, stands in [`GROUNDS`].
//!
//! Days are the clinic's: the sitting says which day it is there, and days count on from it as they do in UTC.
//!
//! How far apart sessions are ([`History`]): going on with the same layer of the same record takes `part_days`, except on the day it was
//! worked on last, when it is the same session after a break or a crash; anything else takes `least_days` from the latest strike on the client.
//! Of its own record the journal knows on which days strikes were made; of other records the list beside them knows only when a sitting
//! began, and such a day counts whether or not a strike followed. A test patch is no session: it makes nobody a client who was treated before,
//! and how long it takes to heal is the test patch's own gate.

mod file;
mod ground;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stipple_model::course::{Day, Policy, Verdict, after};
use stipple_model::treatment::Purpose;

pub use file::{SittingFile, SittingFileError};
pub use ground::{GROUNDS, Gate, Ground, Passing, Refusal};
pub use plan::{PlanFacts, again};

use crate::record::{LARGEST_RESIDUAL_MM, Sitting};

/// Microseconds of a minute.
const MINUTE_US: i64 = 60_000_000;
/// How far a scan's clock may be ahead of this one, minutes. Source: own.
const CLOCKS_APART: i64 = 5;

/// A refusal passed over by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Which gate.
    pub gate: Gate,
    /// Who.
    pub by: String,
    /// In their words.
    pub reason: String,
    /// What it was held against, as it was told; empty when nothing was refused.
    #[serde(default)]
    pub against: Vec<String>,
}

impl Override {
    /// Whether it may stand in a record: of a gate that may be passed over, with a name and a reason.
    #[must_use]
    pub fn is_lawful(&self) -> bool {
        let said = |text: &str| !text.trim().is_empty();
        self.gate.has_override() && said(&self.by) && said(&self.reason)
    }
}

/// The figures under which a sitting began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// How long a consent lasts, days.
    pub consent_days: u16,
    /// How long confirmed answers last, days.
    pub answers_days: u16,
    /// How long a physician's word lasts, days.
    pub physician_days: u16,
    /// Until the cream works, minutes.
    pub numbing_minutes: f64,
    /// Until a test patch is read, days.
    pub patch_days: u16,
    /// From session to session, days.
    pub least_days: u16,
    /// From part to part of a session, days.
    pub part_days: u16,
    /// How old the scan of today's head may be, minutes.
    pub registration_minutes: f64,
}

impl Rules {
    /// Those of a policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let (gate, sessions) = (&policy.gate, &policy.sessions);
        Self {
            consent_days: gate.consent_days.value,
            answers_days: gate.answers_days.value,
            physician_days: gate.physician_days.value,
            numbing_minutes: sessions.numbing_minutes.value,
            patch_days: gate.patch_days.value,
            least_days: sessions.least_days.value,
            part_days: sessions.part_days.value,
            registration_minutes: gate.registration_minutes.value,
        }
    }
}

/// A day on which a client was treated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// In which session.
    pub session: String,
    /// Which layer, from 1.
    pub layer: u8,
    /// The day.
    pub day: Day,
    /// Whether that was a treatment or a test patch.
    pub purpose: Purpose,
}

/// What is known of a client from before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Nobody here treated them before.
    pub new_client: bool,
    /// When this layer of this record was worked on last.
    pub same_layer: Option<Day>,
    /// When anything else was last, and what: a session, or the intake's word.
    pub other: Option<(Day, String)>,
}

impl History {
    /// From the visits to this clinic and, as the intake has it, to another one, for going on with a layer of a session.
    #[must_use]
    pub fn of(
        visits: &[Visit],
        elsewhere: Option<Day>,
        (session, layer): (Option<&str>, u8),
    ) -> Self {
        let treated = || visits.iter().filter(|v| v.purpose == Purpose::Treatment);
        let same = |v: &&Visit| Some(v.session.as_str()) == session && v.layer == layer;
        let elsewhere = elsewhere.map(|day| (day, "by the intake".to_owned()));
        Self {
            new_client: treated().next().is_none(),
            same_layer: visits.iter().filter(same).map(|v| v.day).max(),
            other: treated()
                .filter(|v| !same(v))
                .map(|v| (v.day, format!("session {}", v.session)))
                .chain(elsewhere)
                .max(),
        }
    }
}

/// Whose a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// Nobody's yet.
    Nobody,
    /// A client's.
    Client(&'a str),
    /// Nobody's, and it has strikes.
    Unnamed,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The sitting.
    pub sitting: &'a Sitting,
    /// Its plan.
    pub plan: &'a PlanFacts,
    /// Whose record it is.
    pub owner: Owner<'a>,
    /// The session that used the cartridge before, if one did.
    pub seen: Option<&'a str>,
    /// Whether the sitting has made strikes: the head is tracked and registered anew by then, and its first scan is of no more interest.
    pub struck: bool,
    /// The wall clock, µs since 1970.
    pub now_us: i64,
}

/// How a gate stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Which.
    pub gate: Gate,
    /// Why it refuses.
    pub refusals: Vec<Refusal>,
    /// Who passes over that, if somebody does and may.
    pub passed: Option<Override>,
}

impl Held {
    /// Whether it lets the session start.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.refusals.is_empty() || self.passed.is_some()
    }

    /// As told.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match (self.refusals.is_empty(), &self.passed) {
            (true, _) => "passed",
            (false, Some(_)) => "overridden",
            (false, None) => "refused",
        }
    }
}

/// All that refuses and is not passed over.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", .0.iter().map(|r| format!("{}: {r}", r.ground().passing().gate)).collect::<Vec<_>>().join("; "))]
pub struct Refused(pub Vec<Refusal>);

/// Every gate, in order.
#[must_use]
pub fn check(facts: &Facts<'_>) -> Vec<Held> {
    let held = |gate| {
        let refusals = match gate {
            Gate::Client => client(facts),
            Gate::Consent => consent(facts),
            Gate::Screening => screening(facts),
            Gate::Numbing => numbing(facts),
            Gate::Cartridge => cartridge(facts),
            Gate::Pigment => pigment(facts),
            Gate::TestPatch => test_patch(facts),
            Gate::Interval => interval(facts),
            Gate::Registration => registration(facts),
        };
        let may = refusals.iter().all(|r| r.ground().passing().may);
        let overrides = &facts.sitting.overrides;
        let passed = overrides.iter().find(|o| o.gate == gate && o.is_lawful());
        Held {
            gate,
            passed: passed.filter(|_| may && !refusals.is_empty()).cloned(),
            refusals,
        }
    };
    Gate::ALL.into_iter().map(held).collect()
}

/// Whether all gates open.
///
/// # Errors
/// All refusals that are not passed over.
pub fn hold(facts: &Facts<'_>) -> Result<(), Refused> {
    let shut = check(facts).into_iter().filter(|held| !held.opens());
    let refusals: Vec<Refusal> = shut.flat_map(|held| held.refusals).collect();
    match refusals.is_empty() {
        true => Ok(()),
        false => Err(Refused(refusals)),
    }
}

/// Whether a day lies within so many days before another.
fn within(day: Day, days: u16, today: Day) -> bool {
    day <= today && today <= after(day, days)
}

fn client(f: &Facts<'_>) -> Vec<Refusal> {
    let given = &f.sitting.client;
    let other = |of: Option<&str>| of.filter(|of| of != given).map(str::to_owned);
    let record = match f.owner {
        Owner::Client(owner) => other(Some(owner)).map(|record| Refusal::OtherRecord {
            record,
            given: given.clone(),
        }),
        Owner::Nobody => None,
        Owner::Unnamed => Some(Refusal::NoClient),
    };
    let intake = other(Some(&f.sitting.screening.client)).map(|intake| Refusal::OtherIntake {
        intake,
        given: given.clone(),
    });
    let fitted = f.plan.fitted.as_ref().map(|fitted| fitted.client.as_str());
    let fitted = other(fitted).map(|fitted| Refusal::OtherFit {
        fitted,
        given: given.clone(),
    });
    [record, intake, fitted].into_iter().flatten().collect()
}

fn consent(f: &Facts<'_>) -> Vec<Refusal> {
    let (today, day) = (f.sitting.today(f.now_us), f.sitting.consent.day);
    let days = f.sitting.rules.consent_days;
    if day > today {
        vec![Refusal::ConsentLater { day, today }]
    } else if !within(day, days, today) {
        vec![Refusal::ConsentOld { day, days }]
    } else {
        Vec::new()
    }
}

fn screening(f: &Facts<'_>) -> Vec<Refusal> {
    let (today, rules) = (f.sitting.today(f.now_us), &f.sitting.rules);
    let s = &f.sitting.screening;
    let mut refusals = Vec::new();
    let (confirmed, given) = (s.confirmed, s.given);
    if confirmed > today || confirmed < given {
        refusals.push(Refusal::AnswersLater {
            confirmed,
            given,
            today,
        });
    } else if !within(confirmed, rules.answers_days, today) {
        refusals.push(Refusal::AnswersOld {
            confirmed,
            days: rules.answers_days,
        });
    }
    let word = s.physician.as_ref();
    let holds = word.is_some_and(|w| within(w.day, rules.physician_days, today));
    let stands = s
        .findings
        .iter()
        .filter(|found| found.until.is_none_or(|until| today < until));
    let mut asked = false;
    for found in stands {
        let (key, reason) = (found.key.clone(), found.reason.clone());
        match (found.verdict, word) {
            (Verdict::Clear, _) => {}
            (Verdict::Refuse, _) => refusals.push(Refusal::Screened {
                key,
                reason,
                until: found.until,
            }),
            (Verdict::Physician, _) if holds => {}
            (Verdict::Physician, Some(_)) => asked = true,
            (Verdict::Physician, None) => refusals.push(Refusal::AskPhysician { key, reason }),
        }
    }
    if let Some(word) = word.filter(|_| asked) {
        refusals.push(Refusal::PhysicianOld {
            by: word.by.clone(),
            day: word.day,
            days: rules.physician_days,
        });
    }
    refusals
}

fn numbing(f: &Facts<'_>) -> Vec<Refusal> {
    let minutes = f.sitting.rules.numbing_minutes;
    let Some(numbing) = &f.sitting.numbing else {
        return vec![Refusal::NotNumbed { minutes }];
    };
    let left_us = (minutes * MINUTE_US as f64) as i64 - f.now_us.saturating_sub(numbing.applied_us);
    if left_us <= 0 {
        return Vec::new();
    }
    vec![Refusal::Waiting {
        cream: numbing.cream.clone(),
        minutes,
        left: left_us.saturating_add(MINUTE_US - 1) / MINUTE_US,
    }]
}

fn cartridge(f: &Facts<'_>) -> Vec<Refusal> {
    let (needle, today) = (&f.sitting.cartridge, f.sitting.today(f.now_us));
    let cartridge = || needle.id.clone();
    let used = f.seen.map(|session| Refusal::Used {
        cartridge: cartridge(),
        session: session.to_owned(),
    });
    let expired = (needle.expires < today).then(|| Refusal::NeedleExpired {
        cartridge: cartridge(),
        expires: needle.expires,
    });
    let idle = (needle.strike_cap == 0).then(|| Refusal::NoStrikes {
        cartridge: cartridge(),
    });
    [used, expired, idle].into_iter().flatten().collect()
}

fn pigment(f: &Facts<'_>) -> Vec<Refusal> {
    let (lots, today) = (&f.sitting.pigment_lots, f.sitting.today(f.now_us));
    let expired = lots
        .iter()
        .filter(|lot| lot.expires < today)
        .map(|lot| Refusal::LotExpired {
            lot: lot.id.clone(),
            expires: lot.expires,
        });
    let named: BTreeSet<&String> = lots.iter().flat_map(|lot| &lot.shades).collect();
    let missing = f.plan.shades.iter().filter(|shade| !named.contains(shade));
    let missing = missing.map(|shade| Refusal::NoLot {
        shade: shade.clone(),
        layer: f.sitting.layer,
    });
    let unknown = lots.iter().flat_map(|lot| {
        let unknown = lot.shades.iter().filter(|s| !f.plan.known.contains(s));
        unknown.map(|shade| Refusal::UnknownShade {
            lot: lot.id.clone(),
            shade: shade.clone(),
            known: f.plan.known.join(", "),
        })
    });
    expired.chain(missing).chain(unknown).collect()
}

fn test_patch(f: &Facts<'_>) -> Vec<Refusal> {
    if f.plan.purpose == Purpose::TestPatch || !f.sitting.history.new_client {
        return Vec::new();
    }
    let Some(patch) = &f.sitting.test_patch else {
        return vec![Refusal::NoPatch {
            client: f.sitting.client.clone(),
        }];
    };
    let days = f.sitting.rules.patch_days;
    let (done, read) = (patch.done, patch.read);
    let early = read < after(done, days) || read > f.sitting.today(f.now_us);
    let early = early.then_some(Refusal::PatchRead { done, read, days });
    let unfitted = f.plan.unlike(patch).map(|plan| Refusal::NotFitted {
        plan,
        depth_mm: patch.depth_mm,
        dwell_ms: patch.dwell_ms,
        read,
    });
    early.into_iter().chain(unfitted).collect()
}

fn interval(f: &Facts<'_>) -> Vec<Refusal> {
    let (today, history) = (f.sitting.today(f.now_us), &f.sitting.history);
    let rules = &f.sitting.rules;
    let part = history
        .same_layer
        .map(|day| (day, after(day, rules.part_days)));
    let part = part
        .filter(|(day, from)| today != *day && today < *from)
        .map(|(day, from)| Refusal::PartSoon {
            day,
            days: rules.part_days,
            from,
        });
    let other = history.other.as_ref();
    let other = other.map(|(day, session)| (*day, session, after(*day, rules.least_days)));
    let other = other
        .filter(|(.., from)| today < *from)
        .map(|(day, session, from)| Refusal::SessionSoon {
            day,
            session: session.clone(),
            days: rules.least_days,
            from,
        });
    part.into_iter().chain(other).collect()
}

fn registration(f: &Facts<'_>) -> Vec<Refusal> {
    let (found, most) = (
        &f.sitting.registration,
        f.sitting.rules.registration_minutes,
    );
    let age = f.now_us.saturating_sub(found.taken_us);
    let ahead = age < -CLOCKS_APART * MINUTE_US;
    let old = age as f64 > most * MINUTE_US as f64;
    let future = (!f.struck && ahead).then_some(Refusal::ScanAhead {
        minutes: -age / MINUTE_US,
    });
    let old = (!f.struck && !ahead && old).then_some(Refusal::ScanOld {
        minutes: age / MINUTE_US,
        most,
    });
    // Written so that a residual that is not a number is too large.
    let fits = found.residual_mm <= LARGEST_RESIDUAL_MM;
    let off = (!fits).then_some(Refusal::Residual {
        residual_mm: found.residual_mm,
        most_mm: LARGEST_RESIDUAL_MM,
    });
    future.into_iter().chain(old).chain(off).collect()
}
