//! The operator's desk: the node's services, each answered once the control loop has answered.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::Sender;

use futures::{Stream, StreamExt as _};
use r2r::std_srvs::srv::Trigger;
use r2r::stipple_msgs::srv::{LoadPlan, Pause, Register, Resume, Start};
use r2r::{Node, QosProfile, ServiceRequest};
use stipple_core::{Command, State};
use tokio::sync::{oneshot, watch};

use super::cycle::Errand;
use super::load::Loader;
use super::program::{ProgramError, making};
use crate::session::{Asked, Selection};

/// The services that take no arguments.
const TRIGGERS: [(&str, Command); 2] = [
    ("stop", Command::Stop),
    ("clear_fault", Command::ClearFault),
];

type Requests<S> = Box<dyn Stream<Item = ServiceRequest<S>> + Unpin>;

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
        let qos = QosProfile::services_default;
        let made = |name: &str| making(format!("making the service {name}"));
        let mut triggers = Vec::new();
        for (name, command) in TRIGGERS {
            let requests = node
                .create_service::<Trigger::Service>(&format!("~/{name}"), qos())
                .map_err(made(name))?;
            triggers.push((command, Box::new(requests) as Requests<_>));
        }
        Ok(Self {
            load: Box::new(
                node.create_service::<LoadPlan::Service>("~/load_plan", qos())
                    .map_err(made("load_plan"))?,
            ),
            start: Box::new(
                node.create_service::<Start::Service>("~/start", qos())
                    .map_err(made("start"))?,
            ),
            pause: Box::new(
                node.create_service::<Pause::Service>("~/pause", qos())
                    .map_err(made("pause"))?,
            ),
            resume: Box::new(
                node.create_service::<Resume::Service>("~/resume", qos())
                    .map_err(made("resume"))?,
            ),
            register: Box::new(
                node.create_service::<Register::Service>("~/register", qos())
                    .map_err(made("register"))?,
            ),
            triggers,
        })
    }

    /// Serves them; needs a local task set.
    pub fn serve(self, loader: Loader, errands: &Sender<Errand>, state: watch::Receiver<State>) {
        let loader = Rc::new(loader);
        tokio::task::spawn_local(serve_load(self.load, Rc::clone(&loader), state));
        let shared = || (errands.clone(), Rc::clone(&loader));
        let (errands_of, loader_of) = shared();
        tokio::task::spawn_local(serve_start(self.start, errands_of, loader_of));
        let (errands_of, loader_of) = shared();
        tokio::task::spawn_local(serve_pause(self.pause, errands_of, loader_of));
        let (errands_of, loader_of) = shared();
        tokio::task::spawn_local(serve_resume(self.resume, errands_of, loader_of));
        let (errands_of, loader_of) = shared();
        tokio::task::spawn_local(serve_register(self.register, errands_of, loader_of));
        for (command, requests) in self.triggers {
            tokio::task::spawn_local(serve_trigger(requests, command, errands.clone()));
        }
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
    loader: Rc<Loader>,
    state: watch::Receiver<State>,
) {
    // One after the other.
    while let Some(request) = requests.next().await {
        let (plan, record) = (&request.message.path, &request.message.record);
        let state = *state.borrow();
        let response = if plan.is_empty() || record.is_empty() {
            refused("path and record must both be given".to_owned())
        } else {
            match loader
                .load(PathBuf::from(plan), PathBuf::from(record), state)
                .await
            {
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

async fn serve_start(
    mut requests: Requests<Start::Service>,
    errands: Sender<Errand>,
    loader: Rc<Loader>,
) {
    while let Some(request) = requests.next().await {
        let wanted = &request.message;
        let selection = Selection {
            layer: wanted.layer,
            max_dots: wanted.limited.then_some(wanted.max_dots),
        };
        let answer = if selection.max_dots == Some(0) {
            Err("max_dots is 0: there is nothing to start".to_owned())
        } else if let Err(refusal) = loader.allows(&wanted.asked_by) {
            Err(refusal.to_string())
        } else {
            ask(&errands, |answer| Errand::Start(selection, answer)).await
        };
        tracing::info!(?selection, asked_by = wanted.asked_by, ?answer, "start");
        respond(request.respond(Start::Response {
            accepted: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}

/// Anybody may pause; one who gives no name leaves it to whoever holds the lease.
async fn serve_pause(
    mut requests: Requests<Pause::Service>,
    errands: Sender<Errand>,
    loader: Rc<Loader>,
) {
    while let Some(request) = requests.next().await {
        let (name, reason) = (&request.message.asked_by, &request.message.reason);
        let holder = loader.lease_holder();
        let by = Some(name.as_str()).filter(|name| !name.is_empty());
        let asked = Asked::new(by.or(holder.as_deref()), reason);
        let answer = ask(&errands, |answer| Errand::Pause(asked, answer)).await;
        tracing::info!(asked_by = name, reason, ?answer, "pause");
        respond(request.respond(Pause::Response {
            accepted: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}

async fn serve_resume(
    mut requests: Requests<Resume::Service>,
    errands: Sender<Errand>,
    loader: Rc<Loader>,
) {
    while let Some(request) = requests.next().await {
        let name = &request.message.asked_by;
        let answer = match loader.allows(name) {
            Err(refusal) => Err(refusal.to_string()),
            Ok(()) => ask(&errands, |answer| Errand::Command(Command::Resume, answer)).await,
        };
        tracing::info!(asked_by = name, ?answer, "resume");
        respond(request.respond(Resume::Response {
            accepted: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}

async fn serve_register(
    mut requests: Requests<Register::Service>,
    errands: Sender<Errand>,
    loader: Rc<Loader>,
) {
    while let Some(request) = requests.next().await {
        let registered = match loader.register().await {
            Ok(registration) => ask(&errands, |answer| Errand::Register(registration, answer))
                .await
                .map(|()| registration),
            Err(error) => Err(error.to_string()),
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
    errands: Sender<Errand>,
) {
    while let Some(request) = requests.next().await {
        let answer = ask(&errands, |answer| Errand::Command(command, answer)).await;
        tracing::info!(?command, ?answer, "command");
        respond(request.respond(Trigger::Response {
            success: answer.is_ok(),
            message: answer.err().unwrap_or_default(),
        }));
    }
}

fn respond(sent: r2r::Result<()>) {
    if let Err(error) = sent {
        tracing::warn!(%error, "an answer could not be sent");
    }
}
