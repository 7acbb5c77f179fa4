//! What the node tells: its state, every dot's outcome, diagnostics.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use r2r::diagnostic_msgs::msg::DiagnosticArray;
use r2r::std_msgs::msg::Header;
use r2r::stipple_msgs::msg;
use r2r::{Node, Publisher};
use stipple_core::State;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::cycle::{Event, PausedBy};
use super::diagnostics::{self, Watched};
use super::handoff::Taker;
use super::load::About;
use super::markers::Note;
use super::program::{Ending, ProgramError, every, latched, making, stamp};
use super::rivals::Rivals;
use crate::record::DotOutcome;
use crate::session::{DotResult, SessionView};

/// What a pause's message begins with when the session has paused by itself: whoever operates it may resume it.
pub const PAUSE_OWN: &str = "pause_own: ";
/// What a pause's message begins with when the plan has a stop there: a person resumes it, with all done that the message asks for.
pub const PAUSE_PLANNED: &str = "pause_planned: ";
/// What a pause's message begins with when somebody asked for it: theirs to resume.
pub const PAUSE_ASKED: &str = "pause_asked: ";

/// A message as a person reads it: without the key before it.
#[must_use]
pub fn plain(message: &str) -> &str {
    let keys = [PAUSE_OWN, PAUSE_PLANNED, PAUSE_ASKED];
    let plain = keys.iter().find_map(|key| message.strip_prefix(key));
    plain.unwrap_or(message)
}

/// The fault that is told when the control loop is gone; the core has no name for it, as nobody is left to find it.
const LOOP_DIED: (&str, &str) = (
    "control_loop_died",
    "the control loop has ended by itself; all motions are cancelled, the node ends",
);

/// Where it is told.
pub struct Told {
    state: Publisher<msg::SessionState>,
    rivals: Arc<Rivals>,
    results: Publisher<msg::DotResult>,
    diagnostics: Publisher<DiagnosticArray>,
}

/// How often things are repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// The state while nothing changes, Hz.
    pub state: f64,
    /// Diagnostics, Hz.
    pub diagnostics: f64,
}

impl Told {
    /// Makes the topics on a node.
    ///
    /// # Errors
    /// When ROS 2 refuses one.
    pub fn open(node: &mut Node, rivals: Arc<Rivals>) -> Result<Self, ProgramError> {
        Ok(Self {
            rivals,
            state: node
                .create_publisher("session_state", latched())
                .map_err(making("session_state"))?,
            results: node
                .create_publisher("dot_results", every(1000))
                .map_err(making("dot_results"))?,
            diagnostics: node
                .create_publisher(diagnostics::TOPIC, every(10))
                .map_err(making(diagnostics::TOPIC))?,
        })
    }

    fn send(&self, state: &msg::SessionState) -> r2r::Result<()> {
        self.rivals.send(&state.header.stamp);
        self.state.publish(state)
    }

    /// Tells until the control loop is gone; when that was not asked for, that too.
    pub async fn tell(
        self,
        mut events: Taker<Event>,
        rates: Rates,
        mut watched: Watched,
        scene: Sender<Note>,
        now: watch::Sender<State>,
        ending: Ending,
    ) {
        let every = |rate: f64| {
            let period = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::from_secs(1));
            let mut interval = tokio::time::interval(period.max(Duration::from_millis(10)));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        let (mut again, mut look) = (every(rates.state), every(rates.diagnostics));
        let mut last: Option<(SessionView, Option<Arc<About>>, PausedBy)> = None;
        loop {
            let sent = tokio::select! {
                event = events.take() => match event {
                    None => break,
                    Some(Event::State(view, about, paused_by)) => {
                        log(last.as_ref().map(|(view, ..)| view), &view);
                        now.send_replace(view.state);
                        // Nobody may be left to draw; that is told in the log by whoever broke.
                        let _ = scene.send(Note::Present(view.layer.zip(view.dot)));
                        let sent = self.send(&state(&view, about.as_deref(), paused_by));
                        last = Some((view, about, paused_by));
                        sent
                    }
                    Some(Event::Result(result, about)) => {
                        let _ = scene.send(Note::Outcome(result.dot, result.outcome.state()));
                        self.results.publish(&dot_result(&result, &about))
                    }
                },
                _ = again.tick() => last
                    .as_ref()
                    .map_or(Ok(()), |(view, about, by)| self.send(&state(view, about.as_deref(), *by))),
                _ = look.tick() => {
                    let view = last.as_ref().map(|(view, ..)| view);
                    self.diagnostics.publish(&DiagnosticArray { header: header(), status: watched.look(view) })
                }
            };
            if let Err(error) = sent {
                tracing::warn!(%error, "a message could not be sent");
            }
        }
        if !ending.asked() {
            tracing::error!("{}", LOOP_DIED.1);
            now.send_replace(State::Faulted);
            let told = last.map(|(view, about, by)| state(&view, about.as_deref(), by));
            if let Err(error) = self.send(&died(told.unwrap_or_default())) {
                tracing::warn!(%error, "the end of the control loop could not be told");
            }
        }
    }
}

/// The state in which the death of the control loop leaves a session.
fn died(last: msg::SessionState) -> msg::SessionState {
    msg::SessionState {
        header: header(),
        state: number(State::Faulted),
        state_name: State::Faulted.name().to_owned(),
        fault: LOOP_DIED.0.to_owned(),
        message: LOOP_DIED.1.to_owned(),
        finished: false,
        ..last
    }
}

fn log(before: Option<&SessionView>, view: &SessionView) {
    if before.is_some_and(|b| (b.state, b.message) == (view.state, view.message)) {
        return;
    }
    let (state, message) = (view.state.name(), view.text());
    match view.fault.map(stipple_core::Fault::row) {
        Some(fault) => tracing::error!(state, fault = fault.name, "{message}"),
        None if view.state.working() => tracing::debug!(state, "{message}"),
        None => tracing::info!(state, "{message}"),
    }
}

fn header() -> Header {
    Header {
        stamp: stamp(),
        frame_id: String::new(),
    }
}

/// A state as its message carries it.
#[must_use]
fn number(state: State) -> u8 {
    type M = msg::SessionState;
    match state {
        State::Safe => M::SAFE as u8,
        State::Ready => M::READY as u8,
        State::Approaching => M::APPROACHING as u8,
        State::Hovering => M::HOVERING as u8,
        State::Verifying => M::VERIFYING as u8,
        State::Extending => M::EXTENDING as u8,
        State::Dwelling => M::DWELLING as u8,
        State::Retracting => M::RETRACTING as u8,
        State::Pausing => M::PAUSING as u8,
        State::Paused => M::PAUSED as u8,
        State::Stopping => M::STOPPING as u8,
        State::Stopped => M::STOPPED as u8,
        State::Faulted => M::FAULTED as u8,
    }
}

/// What the operator reads, with the key before it when it is about a pause.
fn message(view: &SessionView, paused_by: PausedBy, text: &str) -> String {
    let key = match (view.state, paused_by) {
        _ if view.fault.is_some() => "",
        (State::Pausing | State::Paused, PausedBy::Session) if view.planned_stop().is_some() => {
            PAUSE_PLANNED
        }
        (State::Pausing | State::Paused, PausedBy::Session) => PAUSE_OWN,
        (State::Pausing | State::Paused, PausedBy::Operator) => PAUSE_ASKED,
        _ => "",
    };
    format!("{key}{text}")
}

fn state(view: &SessionView, about: Option<&About>, paused_by: PausedBy) -> msg::SessionState {
    let fault = view.fault.map(stipple_core::Fault::row);
    let progress = view.progress;
    msg::SessionState {
        header: header(),
        state: number(view.state),
        state_name: view.state.name().to_owned(),
        session_id: about.map_or_else(String::new, |a| a.session_id.clone()),
        plan_digest: about.map_or_else(String::new, |a| a.plan_digest.clone()),
        layer: view.layer.unwrap_or(0),
        planned: progress.planned,
        placed: progress.placed,
        skipped: progress.skipped,
        in_doubt: progress.in_doubt,
        remaining: progress.remaining(),
        has_dot: view.dot.is_some(),
        dot: view.dot.map_or(0, |dot| dot.0),
        fault: fault.map_or_else(String::new, |f| f.name.to_owned()),
        message: message(view, paused_by, &what_is_wanted(view)),
        must_register: view.registered.wanted(),
        finished: view.finished,
    }
}

/// Before a start or a resume, what keeps it from being made; in a pause after why and where the arm waits.
fn what_is_wanted(view: &SessionView) -> Cow<'static, str> {
    match view.state {
        State::Ready if view.registered.wanted() => view.registered.text().into(),
        State::Paused if view.registered.wanted() => {
            format!("{}; {}", view.text(), view.registered.text()).into()
        }
        _ => view.text(),
    }
}

fn dot_result(result: &DotResult, about: &About) -> msg::DotResult {
    type M = msg::DotResult;
    let (outcome, lateral_error, depth) = match result.outcome {
        DotOutcome::Placed {
            lateral_error_m,
            depth_m,
        } => (M::PLACED as u8, lateral_error_m, depth_m),
        DotOutcome::Skipped { .. } => (M::SKIPPED as u8, 0.0, 0.0),
        DotOutcome::InDoubt { .. } => (M::IN_DOUBT as u8, 0.0, 0.0),
    };
    M {
        header: header(),
        session_id: about.session_id.clone(),
        dot: result.dot.0,
        outcome,
        reason: result.outcome.reason().unwrap_or_default().to_owned(),
        lateral_error,
        depth,
    }
}
