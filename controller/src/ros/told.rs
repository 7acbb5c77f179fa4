//! What the node tells: its state, every dot's outcome, diagnostics.

use std::sync::Arc;
use std::time::Duration;

use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use r2r::std_msgs::msg::Header;
use r2r::stipple_msgs::msg;
use r2r::{Node, Publisher};
use stipple_core::{Micros, State};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::cycle::{Event, PausedBy};
use super::handoff::Taker;
use super::inputs::{Inputs, Slot};
use super::load::About;
use super::program::{Clock, Ending, ProgramError, every, latched, making, stamp};
use crate::record::DotOutcome;
use crate::rt::{Lacking, Pace};
use crate::session::{DotResult, SessionView};

/// What a pause's message begins with when the session has paused by itself: whoever operates it may resume it.
pub const PAUSE_OWN: &str = "pause_own: ";
/// What a pause's message begins with when somebody asked for it: theirs to resume.
pub const PAUSE_ASKED: &str = "pause_asked: ";

/// The fault that is told when the control loop is gone; the core has no name for it, as nobody is left to find it.
const LOOP_DIED: (&str, &str) = (
    "control_loop_died",
    "the control loop has ended by itself; all motions are cancelled, the node ends",
);

/// Where it is told.
pub struct Told {
    state: Publisher<msg::SessionState>,
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

/// What diagnostics look at.
pub struct Watched {
    /// What comes in.
    pub inputs: Arc<Inputs>,
    /// How the loop keeps its time.
    pub pace: Arc<Pace>,
    /// The clock of the program.
    pub clock: Clock,
    /// What the machine does not give the loop.
    pub lacking: Option<Lacking>,
}

impl Told {
    /// Makes the topics on a node.
    ///
    /// # Errors
    /// When ROS 2 refuses one.
    pub fn open(node: &mut Node) -> Result<Self, ProgramError> {
        Ok(Self {
            state: node
                .create_publisher("session_state", latched())
                .map_err(making("session_state"))?,
            results: node
                .create_publisher("dot_results", every(1000))
                .map_err(making("dot_results"))?,
            diagnostics: node
                .create_publisher("diagnostics", every(10))
                .map_err(making("diagnostics"))?,
        })
    }

    /// Tells until the control loop is gone; when that was not asked for, that too.
    pub async fn tell(
        self,
        mut events: Taker<Event>,
        rates: Rates,
        watched: Watched,
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
        let mut seen = Seen::default();
        loop {
            let sent = tokio::select! {
                event = events.take() => match event {
                    None => break,
                    Some(Event::State(view, about, paused_by)) => {
                        log(last.as_ref().map(|(view, ..)| view), &view);
                        now.send_replace(view.state);
                        let sent = self.state.publish(&state(&view, about.as_deref(), paused_by));
                        last = Some((view, about, paused_by));
                        sent
                    }
                    Some(Event::Result(result, about)) => self.results.publish(&dot_result(&result, &about)),
                },
                _ = again.tick() => last
                    .as_ref()
                    .map_or(Ok(()), |(view, about, by)| self.state.publish(&state(view, about.as_deref(), *by))),
                _ = look.tick() => {
                    let array = diagnostics(&watched, &mut seen, last.as_ref().map(|(view, ..)| view));
                    self.diagnostics.publish(&array)
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
            if let Err(error) = self.state.publish(&died(told.unwrap_or_default())) {
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
    let (state, message) = (view.state.name(), view.message.text());
    match view.fault.map(stipple_core::Fault::row) {
        Some(fault) => tracing::error!(state, fault = fault.name, "{}", fault.text),
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
fn message(state: State, paused_by: PausedBy, text: &str) -> String {
    let key = match (state, paused_by) {
        (State::Pausing | State::Paused, PausedBy::Session) => PAUSE_OWN,
        (State::Pausing | State::Paused, PausedBy::Operator) => PAUSE_ASKED,
        _ => "",
    };
    format!("{key}{text}")
}

fn state(view: &SessionView, about: Option<&About>, paused_by: PausedBy) -> msg::SessionState {
    let fault = view.fault.map(stipple_core::Fault::row);
    let text = fault.map_or_else(|| what_is_wanted(view), |f| f.text);
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
        message: message(view.state, paused_by, text),
        must_register: view.registered.wanted(),
        finished: view.finished,
    }
}

/// Before a start, what keeps it from being made.
const fn what_is_wanted(view: &SessionView) -> &'static str {
    if view.registered.wanted() && matches!(view.state, State::Ready) {
        view.registered.text()
    } else {
        view.message.text()
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

/// Counts as they stood when diagnostics were sent last.
#[derive(Debug, Default)]
struct Seen {
    at: Option<Micros>,
    counts: [u64; 4],
    /// Heartbeats refused.
    refused: u64,
}

fn diagnostics(watched: &Watched, seen: &mut Seen, view: Option<&SessionView>) -> DiagnosticArray {
    let now = watched.clock.now();
    let span = seen.at.and_then(|at| now.since(at)).map_or(0.0, Micros::s);
    let inputs = &watched.inputs;
    let counts = [
        inputs.joints.taken(),
        inputs.needle.taken(),
        inputs.head.taken(),
        watched.pace.ticks(),
    ];
    let rate = |i: usize| {
        if span > 0.0 {
            (counts[i].saturating_sub(seen.counts[i])) as f64 / span
        } else {
            0.0
        }
    };
    let mut status = vec![
        input("joint_states", &inputs.joints, now, rate(0)),
        input("needle/state", &inputs.needle, now, rate(1)),
        input("head_pose", &inputs.head, now, rate(2)),
    ];
    status.push(lease(inputs, now, &mut seen.refused));
    status.push(control_loop(watched, rate(3)));
    if let Some(view) = view {
        let level = match view.state {
            State::Faulted => DiagnosticStatus::ERROR as u8,
            State::Paused | State::Stopped => DiagnosticStatus::WARN as u8,
            _ => DiagnosticStatus::OK as u8,
        };
        status.push(entry(
            "session",
            level,
            view.message.text(),
            vec![
                ("state", view.state.name().to_owned()),
                ("registration", view.registered.text().to_owned()),
            ],
        ));
    }
    (seen.at, seen.counts) = (Some(now), counts);
    DiagnosticArray {
        header: header(),
        status,
    }
}

/// How the control loop keeps its time.
fn control_loop(watched: &Watched, rate: f64) -> DiagnosticStatus {
    let pace = &watched.pace;
    let (level, text) = match watched.lacking {
        None => (DiagnosticStatus::OK as u8, "running"),
        Some(_) => (DiagnosticStatus::WARN as u8, "running without real time"),
    };
    let real_time = watched
        .lacking
        .map_or_else(|| "yes".to_owned(), |lacking| format!("no: {lacking}"));
    entry(
        "control loop",
        level,
        text,
        vec![
            ("rate_hz", format!("{rate:.1}")),
            ("late_worst_us", pace.take_worst_us().to_string()),
            ("late_max_us", pace.max_us().to_string()),
            ("slips", pace.slips().to_string()),
            ("real_time", real_time),
        ],
    )
}

/// Who holds the operator's lease, and whether somebody else sends heartbeats, too.
fn lease(inputs: &Inputs, now: Micros, seen_refused: &mut u64) -> DiagnosticStatus {
    let lease = inputs.lease();
    let holder = lease.holder(now).filter(|(_, age)| *age <= lease.age());
    let (refused, refused_name) = lease.refused();
    let contested = refused > std::mem::replace(seen_refused, refused);
    let (level, text) = match holder {
        Some(_) if contested => (
            DiagnosticStatus::WARN as u8,
            "held; another sender is refused",
        ),
        Some(_) => (DiagnosticStatus::OK as u8, "held"),
        None => (DiagnosticStatus::WARN as u8, "nobody holds it"),
    };
    entry(
        super::LEASE_TOPIC,
        level,
        text,
        vec![
            (
                "holder",
                holder.map_or_else(|| "none".to_owned(), |(name, _)| name.to_owned()),
            ),
            (
                "age_ms",
                holder.map_or_else(
                    || "none".to_owned(),
                    |(_, age)| format!("{:.1}", age.s() * 1e3),
                ),
            ),
            ("refused", refused.to_string()),
            ("refused_last", refused_name.unwrap_or("none").to_owned()),
        ],
    )
}

/// An input is silent when nothing has come for this long. Source: own, for people to see; the core has its own figures.
const SILENT: Micros = Micros::from_ms(500);

fn input<T: Copy>(name: &'static str, slot: &Slot<T>, now: Micros, rate: f64) -> DiagnosticStatus {
    let age = slot.latest().and_then(|latest| now.since(latest.arrived));
    let (level, text) = match age {
        Some(age) if age <= SILENT => (DiagnosticStatus::OK as u8, "arriving"),
        Some(_) => (DiagnosticStatus::ERROR as u8, "silent"),
        None => (DiagnosticStatus::WARN as u8, "nothing has come yet"),
    };
    entry(
        name,
        level,
        text,
        vec![
            ("rate_hz", format!("{rate:.1}")),
            (
                "age_ms",
                age.map_or_else(|| "none".to_owned(), |age| format!("{:.1}", age.s() * 1e3)),
            ),
            ("dropped", slot.dropped().to_string()),
        ],
    )
}

fn entry(
    name: &str,
    level: u8,
    message: &str,
    values: Vec<(&'static str, String)>,
) -> DiagnosticStatus {
    DiagnosticStatus {
        level,
        name: format!("stipple_controller: {name}"),
        message: message.to_owned(),
        hardware_id: String::new(),
        values: values
            .into_iter()
            .map(|(key, value)| KeyValue {
                key: key.to_owned(),
                value,
            })
            .collect(),
    }
}
