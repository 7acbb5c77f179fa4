//! Diagnostics: what a person at the machine wants to know in numbers, with a level for each part.
//!
//! `STALE`: nothing has ever come. `ERROR`: it came and has stopped, or is broken. `WARN`: it works, and somebody should look.

use std::rc::Rc;
use std::sync::Arc;

use r2r::diagnostic_msgs::msg::{DiagnosticStatus, KeyValue};
use stipple_core::{Limits, Micros, NeedleState, State};
use tokio::sync::watch;

use super::cartridge::Unfit;
use super::description::{Description, Verdict};
use super::follower::SharedFollower;
use super::inputs::Inputs;
use super::load::Shown;
use super::managed::Life;
use super::program::Clock;
use super::rivals::Rivals;
use super::slot::Slot;
use super::{sim_time, terms};
use crate::lifecycle::NodeState;
use crate::rt::{Lacking, Pace};
use crate::session::SessionView;

/// Where they are sent, as everybody does, whatever the namespace; a status says whose it is.
pub const TOPIC: &str = "/diagnostics";

const OK: u8 = DiagnosticStatus::OK as u8;
const WARN: u8 = DiagnosticStatus::WARN as u8;
const ERROR: u8 = DiagnosticStatus::ERROR as u8;
const STALE: u8 = DiagnosticStatus::STALE as u8;

/// An input is silent when nothing has come for this long. Source: own, for people to see; the core has its own figures.
const SILENT: Micros = Micros::from_ms(500);

/// What diagnostics look at.
pub struct Watched {
    /// The node's name with its namespace.
    pub node: String,
    /// What comes in.
    pub inputs: Arc<Inputs>,
    /// How the loop keeps its time.
    pub pace: Arc<Pace>,
    /// The clock of the program.
    pub clock: Clock,
    /// The figures that hold.
    pub limits: Limits,
    /// What the machine does not give the loop.
    pub lacking: Option<Lacking>,
    /// The node's life.
    pub life: Rc<Life>,
    /// The described arm.
    pub description: Description,
    /// What takes the motions.
    pub follower: SharedFollower,
    /// Other controllers of this name.
    pub rivals: Arc<Rivals>,
    /// The plan in use.
    pub shown: watch::Receiver<Option<Arc<Shown>>>,
    /// What was seen last.
    pub seen: Seen,
}

/// Counts as they stood when diagnostics were sent last.
#[derive(Debug, Default)]
pub struct Seen {
    at: Option<Micros>,
    /// Joint states, needle reports, head poses, ticks.
    counts: [u64; 4],
    slips: u64,
    /// Heartbeats refused.
    refused: u64,
}

type Values = Vec<(&'static str, String)>;

impl Watched {
    /// One status for each part.
    pub fn look(&mut self, view: Option<&SessionView>) -> Vec<DiagnosticStatus> {
        let now = self.clock.now();
        let (inputs, pace) = (Arc::clone(&self.inputs), Arc::clone(&self.pace));
        let counts = [
            inputs.joints.taken(),
            inputs.needle.taken(),
            inputs.head.taken(),
            pace.ticks(),
        ];
        let before = self.seen.at.replace(now);
        let span = before.and_then(|at| now.since(at)).map_or(0.0, Micros::s);
        let before = std::mem::replace(&mut self.seen.counts, counts);
        let rate = |i: usize| {
            if span > 0.0 {
                counts[i].saturating_sub(before[i]) as f64 / span
            } else {
                0.0
            }
        };
        let mut status = vec![
            self.joints(now, rate(0)),
            self.needle(now, rate(1), view),
            self.head(now, rate(2)),
            self.scan(now),
            self.arm(),
            self.lease(now),
            self.control_loop((span > 0.0).then(|| rate(3))),
        ];
        status.extend(view.map(|view| self.session(view)));
        status.push(self.registration(view));
        status.push(self.described());
        status.push(self.life());
        status.push(self.rival(now));
        status.extend(self.time());
        status
    }

    fn status(
        &self,
        name: &str,
        (level, message, values): (u8, String, Values),
    ) -> DiagnosticStatus {
        let values = values.into_iter().map(|(key, value)| KeyValue {
            key: key.to_owned(),
            value,
        });
        DiagnosticStatus {
            level,
            // With its namespace: monitors go by the name.
            name: format!("{}: {name}", self.node.trim_start_matches('/')),
            message,
            hardware_id: self.node.clone(),
            values: values.collect(),
        }
    }

    /// Joints are read once a plan says which.
    fn joints(&self, now: Micros, rate: f64) -> DiagnosticStatus {
        let (mut level, mut text, values) = input(&self.inputs.joints, now, rate);
        let reported = self.inputs.reports_with(&[]).is_some();
        if self.shown.borrow().is_none() && reported {
            (level, text) = (OK, "reported; not read without a plan".to_owned());
        }
        self.status("joint_states", (level, text, values))
    }

    fn needle(&self, now: Micros, rate: f64, view: Option<&SessionView>) -> DiagnosticStatus {
        let (mut level, mut text, mut values) = input(&self.inputs.needle, now, rate);
        let (cartridge, strikes, unfit) = self.inputs.cartridge.reported();
        if let Some(report) = self.inputs.needle.latest().map(|latest| latest.value) {
            let strays = report.extension > self.limits.needle_in
                && view.is_none_or(|view| !view.state.active());
            if level == OK && report.state == NeedleState::Fault {
                (level, text) = (ERROR, "the device reports a fault".to_owned());
            } else if level == OK && report.axial_force.abs() > self.limits.axial_force {
                (level, text) = (ERROR, "pressed harder than allowed".to_owned());
            } else if level == OK && strays {
                (level, text) = (
                    ERROR,
                    "the needle is out, and no dot is worked on: keep away from it".to_owned(),
                );
            } else if let (OK, Some(unfit)) = (level, unfit) {
                let found = match unfit {
                    Unfit::Other => "another cartridge than the sitting's, or none",
                    Unfit::Worn => {
                        "the cartridge has made strikes that the record does not know of, or more than it may"
                    }
                };
                (level, text) = (WARN, found.to_owned());
            }
            values.extend([
                ("state", format!("{:?}", report.state).to_lowercase()),
                ("extension_mm", format!("{:.3}", report.extension * 1e3)),
                ("axial_force_n", format!("{:.2}", report.axial_force)),
                ("permit", report.permit.to_string()),
                ("cartridge", cartridge),
                ("strikes", strikes.to_string()),
            ]);
        }
        self.status("needle/state", (level, text, values))
    }

    /// A tracker that is slow comes to no strike.
    fn head(&self, now: Micros, rate: f64) -> DiagnosticStatus {
        let (mut level, mut text, values) = input(&self.inputs.head, now, rate);
        let least = 1.0 / self.limits.head_age_strike.s();
        if level == OK && rate > 0.0 && rate < least {
            (level, text) = (
                WARN,
                format!(
                    "too seldom: no strike is made on a pose older than {:.0} ms",
                    1e3 / least
                ),
            );
        }
        self.status("head_pose", (level, text, values))
    }

    /// What the scanner has brought.
    fn scan(&self, now: Micros) -> DiagnosticStatus {
        let (taken, last) = self.inputs.scans().taken();
        let cloud = self.inputs.scans().newest();
        let age = last.and_then(|at| now.since(at));
        let (level, text) = match &cloud {
            None => (STALE, "nothing has come yet".to_owned()),
            Some((_, frame)) if frame != self.inputs.base_frame() => (
                ERROR,
                format!(
                    "its frame_id is {frame:?}, wanted is {:?} (parameter base_frame)",
                    self.inputs.base_frame()
                ),
            ),
            Some(_) => (OK, "arrived".to_owned()),
        };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        let values = vec![
            ("taken", taken.to_string()),
            ("age_ms", or_none(age.map(ms))),
            (
                "points",
                or_none(cloud.as_ref().map(|(points, _)| points.to_string())),
            ),
            ("frame_id", or_none(cloud.map(|(_, frame)| frame))),
        ];
        self.status("scan", (level, text, values))
    }

    /// Whether anybody takes the motions.
    fn arm(&self) -> DiagnosticStatus {
        let (level, text) = match self.follower.check() {
            Ok(()) => (OK, "there".to_owned()),
            Err(text) => (WARN, text),
        };
        let values = vec![(self.follower.kind(), self.follower.name().to_owned())];
        self.status("arm", (level, text, values))
    }

    /// Whether another controller of this node's name is there.
    fn rival(&self, now: Micros) -> DiagnosticStatus {
        let (level, text) = if self.rivals.heard(now) {
            (ERROR, super::rivals::TEXT)
        } else {
            (OK, "no other is heard")
        };
        self.status("rival", (level, text.to_owned(), Vec::new()))
    }

    /// Who holds the operator's lease, and whether somebody else sends heartbeats, too.
    fn lease(&mut self, now: Micros) -> DiagnosticStatus {
        let lease = self.inputs.lease();
        let holder = lease.holder(now).filter(|(_, age)| *age <= lease.age());
        let (refused, refused_name) = lease.refused();
        let contested = refused > std::mem::replace(&mut self.seen.refused, refused);
        let (level, text) = match holder {
            Some(_) if contested => (WARN, "held; another sender is refused"),
            Some(_) => (OK, "held"),
            None => (WARN, "nobody holds it"),
        };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        let values = vec![
            ("holder", or_none(holder.map(|(name, _)| name.to_owned()))),
            ("age_ms", or_none(holder.map(|(_, age)| ms(age)))),
            ("refused", refused.to_string()),
            ("refused_last", refused_name.unwrap_or("none").to_owned()),
            (
                "secured",
                if terms::secured() { "yes" } else { "no" }.to_owned(),
            ),
        ];
        self.status(super::LEASE_TOPIC, (level, text.to_owned(), values))
    }

    /// `rate` is none the first time.
    fn control_loop(&mut self, rate: Option<f64>) -> DiagnosticStatus {
        let slips = self.pace.slips();
        let more = slips.saturating_sub(std::mem::replace(&mut self.seen.slips, slips));
        let worst = self.pace.take_worst_us();
        let real_time = self
            .lacking
            .map_or_else(|| "yes".to_owned(), |lacking| format!("no: {lacking}"));
        let (level, text) = match rate {
            Some(rate) if rate <= 0.0 => (ERROR, "stands still"),
            Some(_) if more > 0 => (WARN, "running, with ticks that came late"),
            _ if self.lacking.is_some() => (WARN, "running without real time"),
            _ => (OK, "running"),
        };
        let values = vec![
            ("rate_hz", format!("{:.1}", rate.unwrap_or(0.0))),
            ("late_worst_us", worst.to_string()),
            ("late_max_us", self.pace.max_us().to_string()),
            ("real_time", real_time),
            ("slips", slips.to_string()),
            ("slips_since", more.to_string()),
        ];
        self.status("control loop", (level, text.to_owned(), values))
    }

    fn session(&self, view: &SessionView) -> DiagnosticStatus {
        let (fault, progress) = (view.fault.map(stipple_core::Fault::row), view.progress);
        let level = match view.state {
            _ if fault.is_some() => ERROR,
            State::Paused | State::Stopped => WARN,
            _ if progress.in_doubt > 0 => WARN,
            _ => OK,
        };
        let values = vec![
            ("state", view.state.name().to_owned()),
            ("fault", fault.map_or("none", |row| row.name).to_owned()),
            ("layer", view.layer.unwrap_or(0).to_string()),
            ("planned", progress.planned.to_string()),
            ("placed", progress.placed.to_string()),
            ("skipped", progress.skipped.to_string()),
            ("in_doubt", progress.in_doubt.to_string()),
            ("remaining", progress.remaining().to_string()),
            ("head", view.registered.text().to_owned()),
        ];
        self.status("session", (level, view.text().into_owned(), values))
    }

    /// How well the head lies on the planned one: by the last look at it, or, before there was one, by the sitting's registration.
    fn registration(&self, view: Option<&SessionView>) -> DiagnosticStatus {
        let shown = self.shown.borrow();
        let sitting = shown.as_ref().and_then(|shown| shown.residual_mm);
        let mm =
            |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |v| format!("{v:.3}"));
        let live = view.and_then(|view| view.registration);
        let live = live.map(|r| (r.residual.mm(), r.moved.mm()));
        let registered = view.map(|view| view.registered).unwrap_or_default();
        let level = if registered.wanted() { WARN } else { OK };
        let (level, text) = match (shown.as_ref(), live, sitting) {
            (None, ..) => (OK, "no plan is loaded"),
            (_, Some(_), _) => (level, registered.text()),
            (_, None, Some(_)) => (OK, "as the sitting has it"),
            (_, None, None) => (WARN, "no sitting has begun: nothing says how the head lies"),
        };
        let values = vec![
            (
                "residual_mm",
                mm(live.map(|(residual, _)| residual).or(sitting)),
            ),
            ("moved_mm", mm(live.map(|(_, moved)| moved))),
        ];
        self.status("registration", (level, text.to_owned(), values))
    }

    fn described(&self) -> DiagnosticStatus {
        let (level, text) = match self.description.verdict() {
            Verdict::NotOffered => (
                WARN,
                "not offered: nothing tells whether the arm is the one planned for".to_owned(),
            ),
            Verdict::Offered => (OK, "offered; compared once a plan is loaded".to_owned()),
            Verdict::Fits => (OK, "the arm of the plan".to_owned()),
            Verdict::Differs(error) => (ERROR, error.to_string()),
        };
        self.status("robot_description", (level, text, Vec::new()))
    }

    fn life(&self) -> DiagnosticStatus {
        let state = self.life.state();
        let level = match state {
            NodeState::Active => OK,
            NodeState::Finalized | NodeState::ErrorProcessing => ERROR,
            _ => WARN,
        };
        self.status("lifecycle", (level, state.label().to_owned(), Vec::new()))
    }

    /// Nothing to say where time is the system's.
    fn time(&self) -> Option<DiagnosticStatus> {
        let now = sim_time::now()?;
        let (level, text) = if (now.sec, now.nanosec) == (0, 0) {
            (STALE, "nothing has come yet")
        } else {
            (OK, "stamps are simulated time")
        };
        let value = format!("{}.{:09}", now.sec, now.nanosec);
        Some(self.status("/clock", (level, text.to_owned(), vec![("now_s", value)])))
    }
}

fn ms(age: Micros) -> String {
    format!("{:.1}", age.s() * 1e3)
}

fn input<T: Copy>(slot: &Slot<T>, now: Micros, rate: f64) -> (u8, String, Values) {
    let age = slot.latest().and_then(|latest| now.since(latest.arrived));
    let why = slot.why();
    let (level, text) = match (age, &why) {
        (Some(age), _) if age <= SILENT => (OK, "arriving".to_owned()),
        (_, Some(why)) => (ERROR, format!("what comes is not taken: {why}")),
        (Some(_), None) => (ERROR, "silent".to_owned()),
        (None, None) => (STALE, "nothing has come yet".to_owned()),
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let values = vec![
        ("rate_hz", format!("{rate:.1}")),
        ("age_ms", or_none(age.map(ms))),
        ("dropped", slot.dropped().to_string()),
        ("dropped_why", or_none(why.map(|why| why.to_string()))),
    ];
    (level, text, values)
}
