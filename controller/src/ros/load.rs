//! Loading a plan: everything that can be refused is, before the plan in use is given up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stipple_core::{Limits, State};
use stipple_model::clearance::{CellError, WorkCell};
use stipple_model::digest::Digest;
use stipple_model::plan::{DotId, Plan};
use stipple_model::registration::AlignError;
use tokio::sync::{oneshot, watch};

use super::cartridge::Agreed;
use super::cycle::{Errand, Errands, Standing, may_load};
use super::description::Description;
use super::inputs::Inputs;
use super::program::{Clock, unix_us};
use super::scan::{self, ScanError};
use super::terms::{SIMULATION, Terms};
use crate::admit::{AdmitError, Admitted, DescriptionError, admit_file, check_arm};
use crate::gate;
use crate::hops::CellPlanner;
use crate::lease::NotHeld;
use crate::record::{Binding, DotState, Durability, Record, RecordError};
use crate::registration::{LastScan, Registrar, Registration, RegistrationError};
use crate::services::ThreadedServices;
use crate::session::{Before, Session, SessionConfig};

/// How long the arm may take to report for the first time.
const ARM_REPORTS: Duration = Duration::from_secs(10);
/// How long it may take from the first joints that are reported to those of the plan.
const ARM_FOLLOWS: Duration = Duration::from_secs(1);

/// Why a plan was not loaded; the one in use stays in use then. That took its time: a head that was not looked at meanwhile counts as lost.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not in this state.
    #[error("a plan can be loaded in the states safe, ready, stopped and faulted, this is {}; stop first", .0.name())]
    State(State),
    /// What a stop or a fault ended has not come to rest.
    #[error(
        "arm and needle are not seen to rest since the session {}: wait, or see that both report", match .0 { State::Faulted => "failed", _ => "was stopped" }
    )]
    Moving(State),
    /// The plan is not admitted.
    #[error("{path}: {source}")]
    Admit {
        /// The plan.
        path: PathBuf,
        /// Why not.
        source: Box<AdmitError>,
    },
    /// The arm is another one.
    #[error(transparent)]
    Arm(Box<AdmitError>),
    /// The arm is described as another one.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The plan's cell.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// Head poses are of another frame than the plan.
    #[error(
        "head poses and scans are taken in the frame {frame:?} (parameter base_frame), the plan is in {base:?}, the root of its arm's description: have both told in that and set base_frame, or plan with a description that begins at {frame:?}"
    )]
    Frame {
        /// The parameter.
        frame: String,
        /// The plan's.
        base: String,
    },
    /// The arm has not reported.
    #[error("no joint states have come in {} s: is the arm's driver running, on the topic joint_states?", ARM_REPORTS.as_secs())]
    NoArm,
    /// The record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Hardware without a sitting.
    #[error(
        "{record}: no sitting has begun on this record, and with limits for hardware nothing moves without one (client, consent, screening, registration, needle cartridge, pigment lots): begin it with `stipple-controller resume`"
    )]
    NoSitting {
        /// The record.
        record: PathBuf,
    },
    /// Time has passed since the sitting began.
    #[error("the sitting may not go on: {0}; begin another with `stipple-controller resume`")]
    Gate(#[from] gate::Refused),
    /// The plan's head cannot be registered.
    #[error(transparent)]
    Head(#[from] AlignError),
    /// No thread for the plan's work.
    #[error("starting the threads for hops and record: {0}")]
    Threads(#[from] std::io::Error),
    /// The control loop is gone; the program ends.
    #[error("the controller is ending")]
    Ending,
}

/// What is told about a loaded plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The session in the record.
    pub session_id: String,
    /// Digest of the plan, hexadecimal.
    pub plan_digest: String,
    /// Dots of the plan, over all layers.
    pub dots: u32,
    /// Of these done, by the record, when it was loaded.
    pub already_done: u32,
    record: PathBuf,
}

/// A plan in use, as it is shown and judged by.
pub struct Shown {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Arm, tool, room and head.
    pub cell: Arc<WorkCell>,
    /// What the record knew of its dots when it was loaded.
    pub done: BTreeMap<DotId, DotState>,
    /// What the sitting's registration left, mm; none without a sitting.
    pub residual_mm: Option<f64>,
    /// The sitting's cartridge; none without a sitting.
    pub cartridge: Option<Agreed>,
    /// The layer that the sitting is for; none without a sitting.
    pub layer: Option<u8>,
}

/// A plan in use.
pub struct Loaded {
    /// Its session.
    pub session: Session,
    /// Those who compute its motions and write its record.
    pub services: ThreadedServices,
    /// What is told about it.
    pub about: Arc<About>,
    /// What is shown of it.
    pub shown: Arc<Shown>,
    planner: CellPlanner,
}

/// Loads plans.
pub struct Loader {
    /// The clock of the program.
    pub clock: Clock,
    /// The terms that hold.
    pub terms: Terms,
    /// What came in.
    pub inputs: Arc<Inputs>,
    /// To the control loop.
    pub errands: Errands,
    /// Lays scans onto the head of the plan in use, of that digest.
    pub registrar: RefCell<Option<(Digest, Arc<Registrar>)>>,
    /// The last scan that was laid onto a head.
    pub last_scan: LastScan,
    /// The described arm.
    pub description: Description,
    /// Tells which plan is in use.
    pub shown: watch::Sender<Option<Arc<Shown>>>,
    /// Tracking was lost in a session that was given back since.
    pub was_lost: std::cell::Cell<bool>,
}

/// A plan read and checked.
struct Checked {
    admitted: Admitted,
    planner: CellPlanner,
    registrar: Arc<Registrar>,
}

fn check(path: &Path, last_scan: LastScan) -> Result<Checked, LoadError> {
    let admitted = admit_file(path).map_err(|source| LoadError::Admit {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let plan = Arc::clone(admitted.plan());
    let cell = Arc::clone(admitted.cell());
    let registrar = Arc::new(Registrar::new(&plan, last_scan)?);
    Ok(Checked {
        registrar,
        planner: CellPlanner::new(plan, cell),
        admitted,
    })
}

/// Runs something long where it holds nobody up.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| LoadError::Ending)
}

impl Loader {
    /// Loads a plan and opens its record.
    ///
    /// # Errors
    /// The first reason why not; the plan in use stays in use.
    pub async fn load(
        &self,
        path: PathBuf,
        record: PathBuf,
        state: State,
    ) -> Result<Arc<About>, LoadError> {
        // Whether it rests is asked where the plan is exchanged.
        let at_rest = true;
        if !may_load(Standing { state, at_rest }) {
            return Err(LoadError::State(state));
        }
        let last_scan = self.last_scan.clone();
        let checked = aside(move || check(&path, last_scan)).await??;
        let base = checked.admitted.cell().arm().base_link();
        if base != self.inputs.base_frame() {
            return Err(LoadError::Frame {
                frame: self.inputs.base_frame().to_owned(),
                base: base.to_owned(),
            });
        }
        self.check_arm(&checked).await?;
        self.description.check(checked.admitted.cell()).await?;
        let old = self.release().await?;
        let registrar = (checked.admitted.digest(), Arc::clone(&checked.registrar));
        let (terms, clock, seen) = (self.terms, self.clock, self.permit_seen());
        // What is loaded next is under the same head.
        let was_lost = old.as_ref().is_some_and(|old| old.session.was_lost());
        self.was_lost.set(self.was_lost.get() || was_lost);
        let before = match (self.was_lost.get(), terms.register_first) {
            (true, _) => Before::Lost,
            (false, true) => Before::Unregistered,
            (false, false) => Before::Trusted,
        };
        let given = (terms, before);
        let made = aside(move || exchange(old, checked, &record, given, clock, seen)).await?;
        match made {
            Ok(loaded) => {
                let about = Arc::clone(&loaded.about);
                self.registrar.replace(Some(registrar));
                self.inputs.set_names(loaded.session.joint_names());
                self.inputs.begin_anew();
                self.inputs.cartridge.agree(loaded.shown.cartridge.clone());
                self.shown.send_replace(Some(Arc::clone(&loaded.shown)));
                self.install(loaded)?;
                Ok(about)
            }
            // What was in use goes on with all that is known: its head, its cartridge.
            Err((old, error)) => {
                old.map_or(Ok(()), |old| self.install(old))?;
                Err(error)
            }
        }
    }

    fn install(&self, loaded: Box<Loaded>) -> Result<(), LoadError> {
        let given = self.errands.give(Errand::Install(loaded));
        given.map_err(|_| LoadError::Ending)
    }

    async fn check_arm(&self, checked: &Checked) -> Result<(), LoadError> {
        let plan = checked.planner.clone();
        let planned = crate::hops::Kinematics::joint_names(&plan);
        let reported = async |wanted: &[String], patience| {
            let wait = async {
                loop {
                    if let Some(names) = self.inputs.reports_with(wanted) {
                        return names;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(patience, wait).await
        };
        let any = reported(&[], ARM_REPORTS).await;
        let any = any.map_err(|_| LoadError::NoArm)?;
        // Another driver may have been heard first; without the plan's joints the error names what there is.
        let reported = reported(planned, ARM_FOLLOWS).await.unwrap_or(any);
        // Other joints beside the arm's, such as a gripper's, do not matter.
        let ours: Vec<String> = reported
            .iter()
            .filter(|name| planned.contains(name))
            .cloned()
            .collect();
        check_arm(planned, &ours)
            .or_else(|_| check_arm(planned, &reported))
            .map_err(|error| LoadError::Arm(Box::new(error)))
    }

    async fn release(&self) -> Result<Option<Box<Loaded>>, LoadError> {
        let (answer, answered) = oneshot::channel();
        self.errands
            .give(Errand::Release(answer))
            .map_err(|_| LoadError::Ending)?;
        answered
            .await
            .map_err(|_| LoadError::Ending)?
            .map_err(|standing| match standing.state {
                state @ (State::Stopped | State::Faulted) => LoadError::Moving(state),
                state => LoadError::State(state),
            })
    }

    /// Gives the plan in use back and closes its record.
    ///
    /// # Errors
    /// When its session is not at rest.
    pub async fn unload(&self) -> Result<(), LoadError> {
        let Some(loaded) = self.release().await? else {
            return Ok(());
        };
        self.was_lost
            .set(self.was_lost.get() || loaded.session.was_lost());
        self.shown.send_replace(None);
        self.registrar.replace(None);
        aside(move || drop(loaded.services.finish())).await
    }

    /// Who holds the operator's lease.
    #[must_use]
    pub fn lease_holder(&self) -> Option<String> {
        let (lease, now) = (self.inputs.lease(), self.clock.now());
        let holder = lease.holder(now).filter(|(_, age)| *age <= lease.age());
        holder.map(|(name, _)| name.to_owned())
    }

    /// Whether somebody may have the arm moved: the lease's holder alone may.
    ///
    /// # Errors
    /// Why they may not.
    pub fn allows(&self, asks: &str) -> Result<(), NotHeld> {
        self.inputs.lease().allows(asks, self.clock.now())
    }

    /// Lays the last scan onto the head of the plan in use, and says which plan that was.
    ///
    /// # Errors
    /// Why the head is not registered.
    pub async fn register(&self) -> Result<(Digest, Registration), NotRegistered> {
        let (plan, registrar) = self
            .registrar
            .borrow()
            .clone()
            .ok_or(NotRegistered::NoPlan)?;
        let (cloud, tracked) = self.inputs.latest_scan()?;
        let laid = aside(move || {
            let scan = scan::read(&cloud, tracked)?;
            Ok((plan, registrar.register(&scan)?))
        });
        laid.await.map_err(|_| NotRegistered::Ending)?
    }

    /// The largest permit that the needle device has seen.
    fn permit_seen(&self) -> u64 {
        self.inputs
            .needle
            .latest()
            .map_or(0, |report| report.value.permit)
    }
}

/// Why the head is not registered.
#[derive(Debug, thiserror::Error)]
pub enum NotRegistered {
    /// There is no head to register.
    #[error("no plan is loaded")]
    NoPlan,
    /// There is no scan.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// It does not do.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The program ends.
    #[error("the controller is ending")]
    Ending,
}

type Made = Result<Box<Loaded>, (Option<Box<Loaded>>, LoadError)>;

/// Puts a plan in the place of the one in use, which comes back when that fails.
fn exchange(
    old: Option<Box<Loaded>>,
    new: Checked,
    path: &Path,
    (terms, before): (Terms, Before),
    clock: Clock,
    permit_seen: u64,
) -> Made {
    let binding = Binding {
        plan: new.admitted.digest(),
        scan: new.admitted.plan().provenance.scan_digest,
    };
    // One record at a time has one writer: the same file is handed on, not opened twice.
    let (old, held) = match old {
        None => (None, None),
        Some(old) => {
            let Loaded {
                session,
                services,
                about,
                shown,
                planner,
            } = *old;
            let record = services.finish();
            (Some((session, about, shown, planner)), record)
        }
    };
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let same = old
        .as_ref()
        .is_some_and(|(_, about, ..)| about.record == path);
    let old_binding = held.as_ref().map(|record| *record.binding());
    let now_us = i64::try_from(unix_us()).unwrap_or(i64::MAX);
    let open = |path: &Path, binding| Record::open(path, binding, Durability::PowerCut, now_us);
    // Of one that failed only opening it anew tells what is on the disk.
    let held = held.filter(|record| !(same && record.has_failed()));
    let (opened, held) = match held {
        Some(record) if same && *record.binding() == binding => (Ok(record), None),
        Some(record) if same => {
            let error = RecordError::OtherPlan {
                path: path.clone(),
                record: record.binding().plan.short(),
                plan: binding.plan.short(),
            };
            (Err(error), Some(record))
        }
        held => (open(&path, binding), held),
    };
    let made = opened
        .map_err(LoadError::from)
        .and_then(|record| begin(&new, record, path, (terms, before), clock, permit_seen));
    made.map(Box::new).map_err(|error| {
        let restored =
            old.zip(old_binding)
                .and_then(|((session, about, shown, planner), bound)| {
                    // A record that was handed on went down with the plan that failed.
                    let record = held.or_else(|| open(&about.record, bound).ok())?;
                    let services =
                        ThreadedServices::start(planner.clone(), record, clock.wall()).ok()?;
                    Some(Box::new(Loaded {
                        session,
                        services,
                        about,
                        shown,
                        planner,
                    }))
                });
        (restored, error)
    })
}

fn begin(
    new: &Checked,
    mut record: Record,
    path: PathBuf,
    (terms, before): (Terms, Before),
    clock: Clock,
    permit_seen: u64,
) -> Result<Loaded, LoadError> {
    if terms.limits == Limits::HARDWARE && record.sitting().is_none() {
        return Err(LoadError::NoSitting { record: path });
    }
    let now_us = i64::try_from(unix_us()).unwrap_or(i64::MAX);
    if terms.limits == Limits::HARDWARE {
        record.check_not_simulated()?;
    }
    // Better told now than at the first strike.
    record.check_sitting(now_us)?;
    let done = record.dots()?;
    gate::again(&record, new.admitted.plan(), &done, now_us)?;
    // What is refused leaves no mark.
    if terms.limits != Limits::HARDWARE {
        record.mark_simulated(SIMULATION, now_us)?;
    }
    for (name, text) in terms.notes() {
        record.event(name, &text, now_us)?;
    }
    let about = About {
        session_id: record.session_id().to_owned(),
        plan_digest: new.admitted.digest().to_string(),
        dots: u32::try_from(new.admitted.plan().dots.len()).unwrap_or(u32::MAX),
        already_done: u32::try_from(done.len()).unwrap_or(u32::MAX),
        record: path,
    };
    let shown = Shown {
        plan: Arc::clone(new.admitted.plan()),
        cell: Arc::clone(new.admitted.cell()),
        done: done.clone(),
        residual_mm: record.sitting().map(|s| s.registration.residual_mm),
        cartridge: record.sitting().map(|s| Agreed {
            cartridge: s.cartridge.id.clone(),
            strike_cap: s.cartridge.strike_cap,
            used: record.sitting_strikes(),
        }),
        layer: record.sitting().map(|s| s.layer),
    };
    // Microseconds since 1970 rise faster than strikes are made, so a later start has larger numbers; the device has the last word,
    // should the wall clock have gone back.
    let first_nonce = unix_us().max(permit_seen.saturating_add(1));
    let session = Session::new(
        &new.admitted,
        Arc::new(new.planner.clone()),
        done,
        SessionConfig {
            before,
            ..SessionConfig::new(terms.limits, first_nonce)
        },
    );
    Ok(Loaded {
        session,
        services: ThreadedServices::start(new.planner.clone(), record, clock.wall())?,
        about: Arc::new(about),
        shown: Arc::new(shown),
        planner: new.planner.clone(),
    })
}
