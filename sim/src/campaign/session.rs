//! One session of a campaign.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::Micros;
use stipple_controller::record::{DotState, RecordCounts};
use stipple_controller::session::Selection;

use super::{CampaignError, Plans};
use crate::chance::uniform;
use crate::fault::draw;
use crate::fault::{Fault, Kind, ProcessFault, RecordFault, Signal};
use crate::operator::Operator;
use crate::plant::{NeedleConfig, PlantConfig, ScannerConfig, TrackerConfig};
use crate::rig::{Failure, FaultName, Invariant, Latency, Rig, Sabotage, Setup};
use crate::run::RunError;

/// The first fault comes after the start.
const QUIET: Micros = Micros::from_ms(1_000);
/// Faults come for so long, seconds, at least and at most.
const TROUBLE: (f64, f64) = (10.0, 60.0);
/// About so long from fault to fault, seconds, at least and at most.
const EVERY: (f64, f64) = (2.0, 10.0);
/// What the operator does without need, each second of work.
const WHIMS: f64 = 0.03;
/// With the faults over, the session finishes within so long and so much for each dot: the longest wait of the core is a motion's, 60 s, and
/// every dot may be tried several times. Source: own.
const FINISHES: Micros = Micros::from_ms(240_000);
const FINISHES_PER_DOT: Micros = Micros::from_ms(2_000);
/// Points of a scan: enough to register by, few enough not to take longer than the session.
const SCANNED: usize = 400;
/// At most so many dots of a plan that is given.
const DOTS: u32 = 120;

/// What a session came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Its seed.
    pub seed: u64,
    /// How long it was, s.
    pub simulated_s: f64,
    /// Faults injected, by kind.
    pub injected: BTreeMap<FaultName, u32>,
    /// Reaction times by kind, ms.
    pub reactions: BTreeMap<FaultName, Vec<f64>>,
    /// Faults the core reported, by name.
    pub core_faults: BTreeMap<&'static str, u32>,
    /// Checks made.
    pub checks: u64,
    /// Checks that did not hold.
    pub breaks: u64,
    /// The first of those.
    pub failures: Vec<Failure>,
    /// Strikes made while a fault hid where head or arm were.
    pub blind_strikes: u64,
    /// What the record says in the end.
    pub placed: u64,
    /// In doubt in the record.
    pub in_doubt: u64,
    /// Left out.
    pub skipped: u64,
}

/// The faults of the session of that seed.
fn faults(seed: u64) -> Vec<Fault> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(7);
    let s = |s: f64| Micros((s * 1e6) as u64);
    let (least, most) = TROUBLE;
    let trouble = s(uniform(&mut rng, least, most));
    let (least, most) = EVERY;
    let every = s(uniform(&mut rng, least, most));
    draw::faults(&mut rng, QUIET, QUIET.after(trouble), every)
}

/// Whether a session with such a fault needs its record on a disk.
const fn needs_files(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Process(ProcessFault::Killed)
            | Kind::Record(RecordFault::Full | RecordFault::Unsynced | RecordFault::Torn)
            | Kind::ClockStep(_)
    )
}

/// Runs the session of that seed. `log` is told a line for whatever happens.
///
/// # Errors
/// A session that cannot be set up.
pub fn run_session(
    plans: &Plans,
    seed: u64,
    sabotage: Option<Sabotage>,
    log: Option<&mut dyn FnMut(&str)>,
) -> Result<Ended, CampaignError> {
    let (tracker, faults) = (tracker(seed), faults(seed));
    run_with(plans, seed, (tracker, faults), sabotage, log)
}

/// The tracker of the session of that seed: every other one looks at 60 Hz, the others more often.
fn tracker(seed: u64) -> TrackerConfig {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(8);
    let hertz = [60.0, 60.0, 120.0, 250.0][(rng.next_u64() % 4) as usize];
    TrackerConfig {
        period: Micros((1e6 / hertz) as u64),
        ..TrackerConfig::default()
    }
}

/// The same with this tracker and these faults in place of those drawn by chance.
pub(super) fn run_with(
    plans: &Plans,
    seed: u64,
    (tracker, mut faults): (TrackerConfig, Vec<Fault>),
    sabotage: Option<Sabotage>,
    mut log: Option<&mut dyn FnMut(&str)>,
) -> Result<Ended, CampaignError> {
    let sample = plans.sample(seed)?;
    faults.sort_by_key(|fault| fault.start);
    if let Some(log) = &mut log {
        for fault in &faults {
            log(&format!("fault: {fault}"));
        }
    }
    let folder = faults
        .iter()
        .any(|fault| needs_files(fault.kind))
        .then(tempfile::tempdir)
        .transpose()
        .map_err(CampaignError::Folder)?;
    let setup = Setup {
        layer: 1,
        seed,
        plant: PlantConfig {
            scanner: ScannerConfig {
                points: SCANNED,
                ..ScannerConfig::default()
            },
            tracker,
            // Nothing but the controller holds the needle back in skin that is nearer than thought.
            needle: NeedleConfig {
                feels: None,
                ..NeedleConfig::default()
            },
            ..PlantConfig::default()
        },
        latency: Latency::default(),
        record: folder.as_ref().map(|f| f.path().join("record.sqlite")),
        faults,
        sabotage,
    };
    let failed = |source| CampaignError::Session { seed, source };
    let mut rig = Rig::new(&sample.admitted, sample.cell.clone(), setup).map_err(failed)?;
    let mut operator = Operator::new(seed).with_whims(WHIMS);
    work_off(&mut rig, &mut operator, &mut log);
    compare_with_record(&mut rig).map_err(failed)?;
    ended(seed, &rig).map_err(failed)
}

/// From the setting-up until the session is done, or should long have been.
fn work_off(rig: &mut Rig, operator: &mut Operator, log: &mut Option<&mut dyn FnMut(&str)>) {
    let planned = rig.plan().sequence.first().map_or(0, Vec::len);
    let dots = u32::try_from(planned).unwrap_or(u32::MAX).min(DOTS);
    let selection = Selection {
        layer: 1,
        max_dots: Some(dots),
    };
    let allowed = FINISHES.after(Micros(FINISHES_PER_DOT.0 * u64::from(dots)));
    let mut calm_since = None;
    let mut before = (*rig.view(), 0);
    while !operator.is_done() {
        let view = rig.tick();
        operator.tend(rig, selection);
        if rig.is_calm() {
            let since = *calm_since.get_or_insert(rig.now());
            operator.calm_down();
            if rig.now().passed(since, allowed) {
                rig.require(Invariant::I7, false, || {
                    format!(
                        "not finished: state {}, fault {:?}, {:?}",
                        view.state.name(),
                        view.fault,
                        view.progress
                    )
                });
                break;
            }
        }
        if let Some(log) = log {
            let failures = rig.checked().2;
            for failure in failures.get(before.1..).unwrap_or_default() {
                log(&format!("{:?} BROKEN: {}", failure.invariant, failure.what));
            }
            if view.state != before.0.state || view.fault != before.0.fault {
                log(&format!(
                    "{:9.3} s  {} {:?} {}",
                    rig.now().s(),
                    view.state.name(),
                    view.fault,
                    view.text()
                ));
            }
            before = (view, failures.len());
        }
    }
    // A strike that a fault cut short ends once the needle is in.
    for _ in 0..100 {
        rig.tick();
    }
}

/// I3, the other way round: what the needle met is done in the record.
fn compare_with_record(rig: &mut Rig) -> Result<(), RunError> {
    let dots = rig.record()?.dots()?;
    let lost: Vec<u32> = rig
        .plant
        .strikes()
        .iter()
        .map(|strike| strike.dot)
        .filter(|dot| {
            !matches!(
                dots.get(dot),
                Some(DotState::Placed | DotState::InDoubt | DotState::Intent)
            )
        })
        .map(|dot| dot.0)
        .collect();
    rig.require(Invariant::I3, lost.is_empty(), || {
        format!("dots {lost:?} were struck and are not done in the record")
    });
    // What the needle device or its signals lie about, the record has from them. Whether skin that was met was pierced nobody feels.
    let lies = |fault: &Fault| {
        matches!(
            fault.kind,
            Kind::Needle(_) | Kind::Signal(Signal::NeedleState | Signal::Force, _)
        )
    };
    if !rig.faults().iter().any(lies) {
        let struck: BTreeSet<_> = (rig.plant.strikes().iter())
            .map(|strike| strike.dot)
            .collect();
        let placed = dots.iter().filter(|(_, state)| **state == DotState::Placed);
        let untrue: Vec<u32> = placed
            .filter(|(dot, _)| !struck.contains(dot))
            .map(|(dot, _)| dot.0)
            .collect();
        rig.require(Invariant::I3, untrue.is_empty(), || {
            format!(
                "dots {untrue:?} are placed by the record, and the needle did not meet the skin"
            )
        });
    }
    Ok(())
}

fn ended(seed: u64, rig: &Rig) -> Result<Ended, RunError> {
    let (checks, breaks, failures, blind_strikes) = rig.checked();
    let counts: RecordCounts = rig.record()?.counts()?;
    Ok(Ended {
        seed,
        simulated_s: rig.now().s(),
        injected: rig.injected().clone(),
        reactions: rig.reactions().clone(),
        core_faults: rig.core_faults(),
        checks,
        breaks,
        failures: failures.to_vec(),
        blind_strikes,
        placed: u64::from(counts.placed),
        in_doubt: u64::from(counts.in_doubt),
        skipped: counts.skipped.values().map(|n| u64::from(*n)).sum(),
    })
}
