//! The operator's desk: the node's services, each answered once the control loop has answered.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use futures::StreamExt as _;
use r2r::Node;
use r2r::std_srvs::srv::Trigger;
use r2r::stipple_msgs::srv::{LoadPlan, Pause, Register, Resume, Start};
use stipple_core::{Command, State};
use stipple_model::digest::Digest;
use tokio::sync::{oneshot, watch};

use super::cycle::{Errand, Errands, Standing};
use super::follower::SharedFollower;
use super::load::Loader;
use super::managed::Life;
use super::program::ProgramError;
use super::rivals::Rivals;
use super::service::{self, Requests, respond};
use crate::lifecycle::Deed;
use crate::registration::Registration;
use crate::session::{Asked, RegisterError, Selection, StopWanted};

/// The services that take no arguments.
const TRIGGERS: [(&str, Command); 2] = [
    ("stop", Command::Stop),
    ("clear_fault", Command::ClearFault),
];

/// The services, made but not yet served.
pub struct Desk {
    load: Requests<LoadPlan::Service>,
    start: Requests<Start::Service>,
    pause: Requests<Pause::Service>,
    resume: Requests<Resume::Service>,
    register: Requests<Register::Service>,
    triggers: Vec<(Command, Requests<Trigger::Service>)>,
}

impl Desk {
    /// Makes the services on a node.
    ///
    /// # Errors
    /// When ROS 2 refuses one.
    pub fn open(node: &mut Node) -> Result<Self, ProgramError> {
        let mut triggers = Vec::new();
        for (name, command) in TRIGGERS {
            triggers.push((command, service::open(node, name)?));
        }
        Ok(Self {
            load: service::open(node, "load_plan")?,
            start: service::open(node, "start")?,
            pause: service::open(node, "pause")?,
            resume: service::open(node, "resume")?,
            register: service::open(node, "register")?,
            triggers,
        })
    }

    /// Serves them, each as far as the node's life allows; needs a local task set.
    pub fn serve(self, counter: &Counter, state: watch::Receiver<State>) {
        tokio::task::spawn_local(serve_load(self.load, counter.clone(), state));
        tokio::task::spawn_local(serve_start(self.start, counter.clone()));
        tokio::task::spawn_local(serve_pause(self.pause, counter.clone()));
        tokio::task::spawn_local(serve_resume(self.resume, counter.clone()));
        tokio::task::spawn_local(serve_register(self.register, counter.clone()));
        for (command, requests) in self.triggers {
            tokio::task::spawn_local(serve_trigger(requests, command, counter.clone()));
        }
    }
}

/// What every service needs.
#[derive(Clone)]
pub struct Counter {
    /// Loads plans.
    pub loader: Rc<Loader>,
    /// The node's life.
    pub life: Rc<Life>,
    /// Who takes the arm's motions.
    pub follower: SharedFollower,
    /// Other controllers of this name.
    pub rivals: Arc<Rivals>,
}

impl Counter {
    /// Whether what moves may be set going: one controller, and an arm that listens.
    fn check_wire(&self) -> Result<(), String> {
        if self.rivals.heard(self.loader.clock.now()) {
            return Err(super::rivals::TEXT.to_owned());
        }
        self.follower.check()
    }
}

impl Counter {
    /// Asks the control loop, if the node does this now. Between looking and asking nothing else runs, so that a transition that comes later
    /// finds the errand before its own.
    async fn ask(
        &self,
        deed: Deed,
        errand: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Errand,
    ) -> Result<(), String> {
        self.life.allow(deed).map_err(|not| not.to_string())?;
        ask(&self.loader.errands, errand).await
    }
}

impl Counter {
    /// Starts on the arm that is described, if one is.
    /// The answer says what the layer begins with.
    async fn start(&self, selection: Selection) -> Result<String, String> {
        self.check_wire()?;
        let shown = self.loader.shown.borrow().clone();
        let mut begins = String::new();
        if let Some(shown) = shown {
            if let Some(layer) = shown.layer.filter(|layer| *layer != selection.layer) {
                return Err(format!(
                    "the sitting is for layer {layer}, not for layer {}: begin another with `stipple-controller resume`",
                    selection.layer
                ));
            }
            let (answer, answered) = oneshot::channel();
            let asked = Errand::Begins(selection.layer, answer);
            let stop = match self.loader.errands.give(asked) {
                Ok(()) => answered.await.ok().flatten(),
                Err(_) => None,
            };
            if let Some(stop) = stop.filter(StopWanted::is_away) {
                begins = format!("the layer begins like this: {stop}");
            }
            let fits = self.loader.description.check(&shown.cell).await;
            fits.map_err(|error| error.to_string())?;
        }
        self.ask(Deed::Move, |answer| Errand::Start(selection, answer))
            .await?;
        Ok(begins)
    }
}

impl Counter {
    /// Lays the last scan onto the head, if the session would take it: reading a large one holds up what comes in meanwhile.
    async fn register(&self) -> Result<(Digest, Registration), String> {
        let allowed = self.life.allow(Deed::Prepare);
        allowed.map_err(|not| not.to_string())?;
        let (answer, answered) = oneshot::channel();
        let sent = self.loader.errands.give(Errand::Look(answer));
        let standing = match sent {
            Ok(()) => answered.await.ok().flatten(),
            Err(_) => None,
        };
        if let Some(Standing { state, .. }) = standing.filter(|standing| standing.state.active()) {
            return Err(RegisterError::State(state).to_string());
        }
        let registered = self.loader.register().await;
        registered.map_err(|error| error.to_string())
    }
}

/// What a command takes of the node.
const fn deed(command: Command) -> Deed {
    match command {
        Command::Start | Command::Resume => Deed::Move,
        Command::ClearFault => Deed::Prepare,
        Command::Pause | Command::Stop => Deed::Halt,
    }
}

/// Asks the control loop, and waits for its word.
///
/// # Errors
/// Its refusal.
pub async fn ask(
    errands: &Errands,
    errand: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Errand,
) -> Result<(), String> {
    let (answer, answered) = oneshot::channel();
    let gone = || "the controller is ending".to_owned();
    errands.give(errand(answer)).map_err(|_| gone())?;
    answered.await.map_err(|_| gone())?
}

async fn serve_load(
    mut requests: Requests<LoadPlan::Service>,
    Counter { loader, life, .. }: Counter,
    state: watch::Receiver<State>,
) {
    // One after the other.
    while let Some(request) = requests.next().await {
        let (plan, record) = (&request.message.path, &request.message.record);
        let state = *state.borrow();
        let response = if let Err(not) = life.allow(Deed::Prepare) {
            refused(not.to_string())
        } else if plan.is_empty() || record.is_empty() {
            refused("path and record must both be given".to_owned())
        } else {
            let loaded = loader
                .load(PathBuf::from(plan), PathBuf::from(record), state)
                .await;
            match loaded {
                _ if life.allow(Deed::Prepare).is_err() => {
                    // Meanwhile the node gave up what it had; this, or what was in use before, was not there then.
                    let _ = loader.unload().await;
                    refused("the node was cleaned up or shut down meanwhile".to_owned())
                }
                Ok(about) => {
                    tracing::info!(plan, record, session = about.session_id, "loaded");
                    LoadPlan::Response {
                        accepted: true,
                        message: loader.terms.remark(),
                        session_id: about.session_id.clone(),
                        plan_digest: about.plan_digest.clone(),
                        dots: about.dots,
                        already_done: about.already_done,
                    }
                }
                Err(error) => refused(error.to_string()),
            }
        };
        respond(request.respond(response));
    }
}

fn refused(message: String) -> LoadPlan::Response {
    tracing::warn!(message, "load_plan refused");
    LoadPlan::Response {
        message,
        ..Default::default()
    }
}

async fn serve_start(mut requests: Requests<Start::Service>, counter: Counter) {
    while let Some(request) = requests.next().await {
        let wanted = &request.message;
        let selection = Selection {
            layer: wanted.layer,
            max_dots: wanted.limited.then_some(wanted.max_dots),
        };
        let answer = if selection.max_dots == Some(0) {
            Err("max_dots is 0: there is nothing to start".to_owned())
        } else if let Err(refusal) = counter.loader.allows(&wanted.asked_by) {
            Err(refusal.to_string())
        } else {
            counter.start(selection).await
        };
        tracing::info!(?selection, asked_by = wanted.asked_by, ?answer, "start");
        respond(request.respond(Start::Response {
            accepted: answer.is_ok(),
            message: answer.unwrap_or_else(|why| why),
        }));
    }
}

/// Anybody may pause; one who gives no name leaves it to whoever holds the lease.
async fn serve_pause(mut requests: Requests<Pause::Service>, counter: Counter) {
    while let Some(request) = requests.next().await {
        let (name, reason) = (&request.message.asked_by, &request.message.reason);
        let holder = counter.loader.lease_holder();
        let by = Some(name.as_str()).filter(|name| !name.is_empty());
        let asked = Asked::new(by.or(holder.as_deref()), reason);
        let errand = |answer| Errand::Pause(asked, answer);
        let answer = counter.ask(deed(Command::Pause), errand).await;
        tracing::info!(asked_by = name, reason, ?answer, "pause");
        respond(request.respond(Pause::Response {
            accepted: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}

async fn serve_resume(mut requests: Requests<Resume::Service>, counter: Counter) {
    while let Some(request) = requests.next().await {
        let name = &request.message.asked_by;
        let errand = |answer| Errand::Command(Command::Resume, answer);
        let answer = match counter.loader.allows(name) {
            Err(refusal) => Err(refusal.to_string()),
            Ok(()) => match counter.check_wire() {
                Ok(()) => counter.ask(deed(Command::Resume), errand).await,
                Err(refusal) => Err(refusal),
            },
        };
        tracing::info!(asked_by = name, ?answer, "resume");
        respond(request.respond(Resume::Response {
            accepted: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}

async fn serve_register(mut requests: Requests<Register::Service>, counter: Counter) {
    while let Some(request) = requests.next().await {
        let registered = match counter.register().await {
            Ok((plan, registration)) => {
                let errand = |answer| Errand::Register(plan, registration, answer);
                let taken = counter.ask(Deed::Prepare, errand).await;
                taken.map(|()| registration)
            }
            Err(error) => Err(error),
        };
        tracing::info!(?registered, "register");
        respond(request.respond(match registered {
            Ok(registration) => Register::Response {
                accepted: true,
                message: String::new(),
                residual: registration.residual.m(),
                moved: registration.moved.m(),
            },
            Err(message) => Register::Response {
                message,
                ..Default::default()
            },
        }));
    }
}

async fn serve_trigger(
    mut requests: Requests<Trigger::Service>,
    command: Command,
    counter: Counter,
) {
    while let Some(request) = requests.next().await {
        let errand = |answer| Errand::Command(command, answer);
        let answer = counter.ask(deed(command), errand).await;
        tracing::info!(?command, ?answer, "command");
        respond(request.respond(Trigger::Response {
            success: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}
