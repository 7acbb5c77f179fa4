//! What a campaign came to. Keys and units are part of the product's contract.

use std::collections::BTreeMap;

use serde::Serialize;
use stipple_controller::report::{FaultCount, Reaction, Spread};

use super::session::Ended;
use crate::rig::{Failure, FaultName, Invariant};

/// How often a kind of fault was injected, and how fast it was reacted to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaultSum {
    /// How often, and the reaction.
    #[serde(flatten)]
    pub count: FaultCount,
    /// How many of them a reaction was timed of: a fault that does not show while the session works on a dot has none.
    pub timed: usize,
}

/// A session in which something did not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failed {
    /// Its seed; `stipple-sim campaign --replay SEED` runs it again.
    pub session_seed: u64,
    /// What did not hold, the first of it.
    #[serde(flatten)]
    pub failure: Failure,
}

/// So many failed sessions are listed.
const LISTED: usize = 100;

/// All sessions together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sum {
    /// How many sessions were run.
    pub sessions: usize,
    /// What their seeds come from.
    pub seed: u64,
    /// Virtual time of all sessions.
    pub simulated_hours: f64,
    /// Faults injected.
    pub faults_injected: u64,
    /// Checks that did not hold.
    pub invariant_breaks: u64,
    /// The same, by invariant, of those that are kept in full.
    pub breaks_by_invariant: BTreeMap<Invariant, u64>,
    /// Virtual time over the time it took.
    pub real_time_factor: f64,
    /// Checks made.
    pub checks: u64,
    /// Dots struck.
    pub placed: u64,
    /// Dots in doubt.
    pub in_doubt: u64,
    /// Dots left out.
    pub skipped: u64,
    /// Strikes made while a fault that nothing shows hid where head or arm were; their truth is not held against the controller.
    pub blind_strikes: u64,
    /// Faults injected, by kind.
    pub faults: BTreeMap<String, FaultSum>,
    /// Faults that the core reported, by name.
    pub reported: BTreeMap<String, u64>,
    /// Sessions in which something did not hold.
    pub failed: Vec<Failed>,
}

impl Sum {
    /// Of sessions that took so long together.
    #[must_use]
    pub fn of(seed: u64, sessions: &[Ended], took: std::time::Duration) -> Self {
        let total = |count: fn(&Ended) -> u64| sessions.iter().map(count).sum();
        let simulated_s: f64 = sessions.iter().map(|s| s.simulated_s).sum();
        let failures = || sessions.iter().flat_map(|s| &s.failures);
        let mut breaks_by_invariant = BTreeMap::new();
        for failure in failures() {
            *breaks_by_invariant.entry(failure.invariant).or_default() += 1;
        }
        let mut reported = BTreeMap::new();
        for (name, count) in sessions.iter().flat_map(|s| &s.core_faults) {
            *reported.entry((*name).to_owned()).or_default() += u64::from(*count);
        }
        let failed = |session: &Ended| {
            session.failures.first().map(|failure| Failed {
                session_seed: session.seed,
                failure: failure.clone(),
            })
        };
        Self {
            sessions: sessions.len(),
            seed,
            simulated_hours: simulated_s / 3600.0,
            faults_injected: total(|s| s.injected.values().map(|n| u64::from(*n)).sum()),
            invariant_breaks: total(|s| s.breaks),
            breaks_by_invariant,
            real_time_factor: simulated_s / took.as_secs_f64().max(1e-9),
            checks: total(|s| s.checks),
            placed: total(|s| s.placed),
            in_doubt: total(|s| s.in_doubt),
            skipped: total(|s| s.skipped),
            blind_strikes: total(|s| s.blind_strikes),
            faults: faults(sessions),
            reported,
            failed: sessions.iter().filter_map(failed).take(LISTED).collect(),
        }
    }
}

fn faults(sessions: &[Ended]) -> BTreeMap<String, FaultSum> {
    let mut counts: BTreeMap<FaultName, u32> = BTreeMap::new();
    let mut times: BTreeMap<FaultName, Vec<f64>> = BTreeMap::new();
    for session in sessions {
        for (name, count) in &session.injected {
            *counts.entry(*name).or_default() += count;
        }
        for (name, all) in &session.reactions {
            times.entry(*name).or_default().extend(all);
        }
    }
    counts
        .into_iter()
        .map(|(name, count)| {
            let timed = times.get(&name).map_or(&[][..], Vec::as_slice);
            let spread = Spread::of(timed.iter().copied());
            let reaction_ms = spread.map(|s| Reaction {
                p50: s.p50,
                p99: s.p99,
                max: s.max,
            });
            let sum = FaultSum {
                count: FaultCount { count, reaction_ms },
                timed: timed.len(),
            };
            (format!("{}.{}", name.0, name.1), sum)
        })
        .collect()
}
