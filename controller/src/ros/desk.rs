//! The operator's desk: the node's services, each answered once the control loop has answered.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::Sender;

use futures::StreamExt as _;
use r2r::Node;
use r2r::std_srvs::srv::Trigger;
use r2r::stipple_msgs::srv::{LoadPlan, Start};
use stipple_core::{Command, Limits, State};
use tokio::sync::{oneshot, watch};

use super::cycle::Errand;
use super::load::Loader;
use super::managed::Life;
use super::program::ProgramError;
use super::service::{self, Requests, respond};
use crate::lifecycle::Deed;
use crate::session::Selection;

/// The services that take no arguments.
const TRIGGERS: [(&str, Command); 4] = [
    ("pause", Command::Pause),
    ("resume", Command::Resume),
    ("stop", Command::Stop),
    ("clear_fault", Command::ClearFault),
];

/// The services, made but not yet served.
pub struct Desk {
    load: Requests<LoadPlan::Service>,
    start: Requests<Start::Service>,
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
            triggers,
        })
    }

    /// Serves them, each as far as the node's life allows; needs a local task set.
    pub fn serve(self, loader: &Rc<Loader>, life: &Rc<Life>, state: watch::Receiver<State>) {
        let counter = Counter {
            loader: Rc::clone(loader),
            life: Rc::clone(life),
        };
        tokio::task::spawn_local(serve_load(self.load, counter.clone(), state));
        tokio::task::spawn_local(serve_start(self.start, counter.clone()));
        for (command, requests) in self.triggers {
            tokio::task::spawn_local(serve_trigger(requests, command, counter.clone()));
        }
    }
}

/// What every service needs.
#[derive(Clone)]
struct Counter {
    loader: Rc<Loader>,
    life: Rc<Life>,
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
    async fn start(&self, selection: Selection) -> Result<(), String> {
        let shown = self.loader.shown.borrow().clone();
        if let Some(shown) = shown {
            let fits = self.loader.description.check(&shown.cell).await;
            fits.map_err(|error| error.to_string())?;
        }
        self.ask(Deed::Move, |answer| Errand::Start(selection, answer))
            .await
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
    errands: &Sender<Errand>,
    errand: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Errand,
) -> Result<(), String> {
    let (answer, answered) = oneshot::channel();
    let gone = || "the controller is ending".to_owned();
    errands.send(errand(answer)).map_err(|_| gone())?;
    answered.await.map_err(|_| gone())?
}

async fn serve_load(
    mut requests: Requests<LoadPlan::Service>,
    Counter { loader, life }: Counter,
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
            match loader
                .load(PathBuf::from(plan), PathBuf::from(record), state)
                .await
            {
                Ok(_) if life.allow(Deed::Prepare).is_err() => {
                    // Meanwhile the node gave up what it had; this was not there yet.
                    let _ = loader.unload().await;
                    refused("the node was cleaned up or shut down meanwhile".to_owned())
                }
                Ok(about) => {
                    tracing::info!(plan, record, session = about.session_id, "loaded");
                    LoadPlan::Response {
                        accepted: true,
                        message: remark(&loader),
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

/// What whoever reports must say.
fn remark(loader: &Loader) -> String {
    if loader.limits == Limits::HARDWARE {
        String::new()
    } else {
        "limits for simulated hardware on a machine without real time were in force".to_owned()
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
        } else {
            counter.start(selection).await
        };
        tracing::info!(?selection, ?answer, "start");
        respond(request.respond(Start::Response {
            accepted: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}

async fn serve_trigger(
    mut requests: Requests<Trigger::Service>,
    command: Command,
    counter: Counter,
) {
    while let Some(request) = requests.next().await {
        let errand = |answer| match command {
            // A call does not say who makes it; whoever holds the lease answers for it.
            Command::Pause => Errand::Pause(counter.loader.lease_holder(), answer),
            command => Errand::Command(command, answer),
        };
        let answer = counter.ask(deed(command), errand).await;
        tracing::info!(?command, ?answer, "command");
        respond(request.respond(Trigger::Response {
            success: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}
