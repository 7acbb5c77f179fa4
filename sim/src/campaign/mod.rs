//! Sessions by the thousand, in virtual time, with faults drawn by chance, and I1 to I7 checked in every tick of every one.
//!
//! Every session is known by its seed alone: it says on which head, with which faults, and what the operator does. Sessions share nothing,
//! so they run on all cores, and the result does not depend on how many there are.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use stipple_controller::admit::{AdmitError, admit_file};
use stipple_model::clearance::CellError;

use crate::run::RunError;

#[cfg(test)]
mod guard_tests;
mod sample;
mod session;
mod sum;
#[cfg(test)]
mod tests;

pub use crate::rig::{Failure, FaultName, Invariant, Sabotage};
pub use sample::{Sample, SampleError};
pub use session::{Ended, run_session};
pub use sum::{Failed, FaultSum, Sum};

/// How many generated heads there are.
const HEADS: u64 = 4;

/// What is run.
#[derive(Debug, Clone, Default)]
pub struct Campaign {
    /// How many sessions.
    pub sessions: usize,
    /// What the sessions' seeds come from.
    pub seed: u64,
    /// Sessions on this plan's first layer instead of on generated heads.
    pub plan: Option<PathBuf>,
    /// A safety function taken out, to see whether that is caught.
    pub sabotage: Option<Sabotage>,
    /// Sessions at a time; all cores when `None`.
    pub threads: Option<usize>,
}

/// Why a campaign does not run.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// A generated plan.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The plan given.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// Its cell.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// A session that could not be set up.
    #[error("session {seed}: {source}")]
    Session {
        /// Its seed.
        seed: u64,
        /// Why.
        source: RunError,
    },
    /// There is no place for records.
    #[error("no folder for the sessions' records: {0}")]
    Folder(std::io::Error),
}

/// The plans that sessions run on, made when they are first needed.
pub struct Plans {
    given: Option<Sample>,
    made: [OnceLock<Sample>; HEADS as usize],
}

impl Plans {
    /// On generated heads, or on the plan given.
    ///
    /// # Errors
    /// A plan that is not admitted.
    pub fn of(campaign: &Campaign) -> Result<Self, CampaignError> {
        let given = match &campaign.plan {
            Some(path) => {
                let admitted = admit_file(path)?;
                let cell = std::sync::Arc::clone(admitted.cell());
                Some(Sample { admitted, cell })
            }
            None => None,
        };
        Ok(Self {
            given,
            made: Default::default(),
        })
    }

    /// The plan of a session.
    fn sample(&self, seed: u64) -> Result<&Sample, SampleError> {
        if let Some(given) = &self.given {
            return Ok(given);
        }
        let number = seed % HEADS;
        let [a, b, c, d] = &self.made;
        let place = [a, b, c, d][number as usize % 4];
        if let Some(made) = place.get() {
            return Ok(made);
        }
        let made = Sample::make(number)?;
        Ok(place.get_or_init(|| made))
    }
}

/// The seed of a session: numbers that follow each other give seeds that have nothing in common (splitmix64).
#[must_use]
pub const fn session_seed(seed: u64, number: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0xd134_2543_de82_ef95)
        .wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Campaign {
    /// Runs all sessions on `plans`, or as many as begin before `stop` is set. `done` is told after each how many there are.
    ///
    /// # Errors
    /// A plan or a session that cannot be set up.
    pub fn run(
        &self,
        plans: &Plans,
        stop: &AtomicBool,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<Sum, CampaignError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or(cores).max(1);
        let clock = std::time::Instant::now();
        let (next, ready) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || -> Result<Vec<(usize, Ended)>, CampaignError> {
            let mut ended = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.sessions || stop.load(Ordering::Relaxed) {
                    return Ok(ended);
                }
                let seed = session_seed(self.seed, number as u64);
                match run_session(plans, seed, self.sabotage, None) {
                    Ok(session) => ended.push((number, session)),
                    Err(error) => {
                        next.store(self.sessions, Ordering::Relaxed);
                        return Err(error);
                    }
                }
                done(ready.fetch_add(1, Ordering::Relaxed) + 1);
            }
        };
        let parts: Vec<Result<Vec<(usize, Ended)>, CampaignError>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .map(|worker| {
                    worker
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        let mut all = Vec::new();
        for part in parts {
            all.extend(part?);
        }
        all.sort_by_key(|(number, _)| *number);
        let sessions: Vec<Ended> = all.into_iter().map(|(_, ended)| ended).collect();
        Ok(Sum::of(self.seed, &sessions, clock.elapsed()))
    }
}
