//! The invariants I1 to I7, checked in every tick against what was delivered to the controller, what it commanded, and what really happened.
//!
//! Nothing here asks the core: what it was told is taken from the wires, what it commanded from the ports, what became of it from the
//! plant. Where a fault makes the controller believe what is not so and nothing in what it is told shows it ([`crate::fault::Blind`]), the truth of a
//! strike is not held against it; such strikes are counted apart.

use serde::Serialize;
use stipple_controller::ports::{JointState, Micros, NeedleReport, Stamped};
use stipple_controller::record::DotState;
use stipple_controller::session::SessionView;
use stipple_core::State;
use stipple_model::clearance::HeadField;
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::DEPTH_CAP;
use stipple_model::plan::{DotId, Plan};

use super::desk::Desk;
use super::excuse::{Excuses, Until, lasts};
use super::line::Followed;
use super::still::HeadSpeed;
use super::truth::Moved;
use crate::plant::{Broken, DeviceCommand, Plant};

/// What must hold, whatever goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// No strike outside the approved patch, and no tip where it may not be.
    I1,
    /// No strike on stale or unsafe input: what the strike rests on was delivered fresh and safe, and the needle met the skin as planned.
    I2,
    /// Each dot is struck at most once, and its intent is in the record before.
    I3,
    /// Joint steps are within what the joints may do, and the tip's speed within what it may have.
    I4,
    /// From any state a stop is reached within its time.
    I5,
    /// A restart, a stop or a fault is left by a person's command only.
    I6,
    /// With the faults over, the session finishes.
    I7,
    /// A fault is reacted to within its figure.
    Reaction,
}

impl Invariant {
    /// What of it did not hold, by the plant's word.
    pub(super) const fn of(broken: Broken) -> Self {
        match broken {
            Broken::StrikeOffPatch => Self::I1,
            Broken::StruckTwice | Broken::PiercedTwice => Self::I3,
            Broken::JointTooFast => Self::I4,
            Broken::MovedNeedleOut | Broken::TooDeep => Self::I2,
        }
    }
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Which.
    pub invariant: Invariant,
    /// When, true time, seconds.
    pub t_s: f64,
    /// What was seen.
    pub what: String,
}

/// So many failures of a session are kept in full.
const KEPT: usize = 20;

/// Oldest joint state, head pose and needle report that an extension may rest on. Sources: H5, H3, H10.
const JOINTS_AGE: Micros = Micros::from_ms(20);
const HEAD_AGE: Micros = Micros::from_ms(50);
const NEEDLE_AGE: Micros = Micros::from_ms(50);
/// Longest silence of the operator. Source: H9.
const LEASE_AGE: Micros = Micros::from_ms(500);
/// Largest delivered force, N. Source: H2.
const FORCE: f64 = 10.0;
/// Fastest stroke, m/s. Source: H13, the core's own.
const STROKE_SPEED: f64 = 0.1;
/// How far the head is seen to have gone since the strike began, m: the 0.5 mm of H3 and four times the tracker's own noise.
const DISPLACED: f64 = 0.7e-3;
/// Farther than that, m, no head goes within a strike.
const JUMP: f64 = 30e-3;
/// After so long without a pose the head is lost: what stops within the time of H4, and a tick.
const HEAD_LOST: Micros = Micros::from_ms(102);
/// Within that time of being seen the needle is told to go in. Source: H3.
const DISPLACED_TIME: Micros = Micros::from_ms(30);
/// Within that time of the last extension the needle is really in: the 50 ms of H10, and what a command may be under way.
const NEEDLE_IN: Micros = Micros::from_ms(60);
/// Within that time of a stop or a fault the arm really rests. Source: own, braking from its top speed takes half of it.
const ARM_RESTS: Micros = Micros::from_ms(1_000);
/// Longest stop and pause, those of the core's own timeouts and a margin.
const STOPPING: Micros = Micros::from_ms(5_100);
const PAUSING: Micros = Micros::from_ms(140_100);
/// Joint speed up to which the arm rests, rad/s.
const RESTS: f64 = 0.02;
/// Farthest a motion may begin from where the joints were told to be, rad.
const BEGINS: f64 = 5e-3;
/// What there is to see in one tick.
pub(super) struct Seen<'a> {
    pub now: Micros,
    /// Whether the session was ticked.
    pub ticked: bool,
    pub view: &'a SessionView,
    pub plan: &'a Plan,
    pub plant: &'a Plant,
    pub desk: &'a Desk,
    pub followed: Option<&'a Followed>,
    /// The arm was told to leave off.
    pub cancelled: bool,
    pub needle: Option<DeviceCommand>,
    pub joints: Option<Stamped<JointState>>,
    pub joints_at: Option<Micros>,
    pub head: Option<Stamped<Transform<Base, Head>>>,
    pub head_at: Option<Micros>,
    pub report: Option<Stamped<NeedleReport>>,
    pub report_at: Option<Micros>,
    pub lease_at: Option<Micros>,
    pub excuses: Excuses,
    /// How far the head is, everywhere.
    pub field: &'a HeadField,
    /// The arm follows a course that nobody told the controller of.
    pub diverted: bool,
}

/// The strike under way.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    permit: u64,
    /// The head as delivered when it began, and the dot.
    head: Option<Transform<Base, Head>>,
    dot: Option<Point<Head>>,
    /// Since when the head is seen to have gone.
    displaced: Option<Micros>,
}

/// The checks of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// How many were made.
    pub checks: u64,
    /// How many did not hold.
    pub breaks: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
    /// Strikes made while something lied to the controller.
    pub blind_strikes: u64,
    pub(super) until: Until,
    /// How the arm was seen to move.
    pub(super) moved: Moved,
    /// How fast the head was.
    pub(super) head_speed: HeadSpeed,
    /// The last tick of the session, and whether it worked in it.
    pub(super) ticked: Option<(Micros, bool)>,
    /// The end of the motion that was told last.
    pub(super) goal: Option<Joints>,
    /// The state, and since when.
    pub(super) step: Option<(State, Micros)>,
    /// Since when the arm is told to move with the needle out.
    pub(super) moves_out: Option<Micros>,
    under_way: Option<UnderWay>,
    last_extension: Option<Micros>,
    halted: Option<Micros>,
    stopping: Option<Micros>,
    pausing: Option<Micros>,
    /// A person has told the session to move, since it last stood.
    allowed: bool,
    /// The head was registered since the process began, and its poses came in time ever since.
    registered: bool,
    /// A strike begun before the tick it is judged in.
    pub(super) judged: usize,
    pub(super) plant_breaks: u64,
}

/// The moment, or none when the condition does not hold.
pub(super) fn since(holds: bool, before: Option<Micros>, now: Micros) -> Option<Micros> {
    holds.then(|| before.unwrap_or(now))
}

impl Watch {
    /// Notes one check.
    pub fn check(
        &mut self,
        invariant: Invariant,
        holds: bool,
        now: Micros,
        what: impl Fn() -> String,
    ) {
        self.checks += 1;
        if !holds {
            self.breaks += 1;
            if self.failures.len() < KEPT {
                self.failures.push(Failure {
                    invariant,
                    t_s: now.s(),
                    what: what(),
                });
            }
        }
    }

    /// A person has told the session to start or to go on.
    pub fn allow(&mut self) {
        self.allowed = true;
    }

    /// The head was registered.
    pub const fn registered(&mut self) {
        self.registered = true;
    }

    /// The process began anew: nothing is allowed, and no strike is under way.
    pub fn restarted(&mut self) {
        self.allowed = false;
        self.registered = false;
        self.under_way = None;
        self.halted = None;
        self.stopping = None;
        self.pausing = None;
        self.ticked = None;
        self.step = None;
        self.goal = None;
    }

    /// When the head that is delivered was first seen to have gone during the strike under way.
    pub fn displaced(&self) -> Option<Micros> {
        self.under_way.and_then(|strike| strike.displaced)
    }

    /// One tick.
    pub fn look(&mut self, seen: &Seen<'_>) {
        self.until.note(seen.now, seen.excuses);
        if seen.ticked {
            self.look_at_stillness(seen);
            self.look_at_strike(seen);
            self.look_at_motion(seen);
            self.look_at_stop(seen);
        }
        self.look_at_needle(seen);
        self.look_at_arm(seen);
        self.look_at_truth(seen);
    }

    /// I2 and I3 while the needle is told to go out.
    fn look_at_strike(&mut self, seen: &Seen<'_>) {
        let now = seen.now;
        self.look_at_head(seen);
        let Some(DeviceCommand::Extend {
            permit,
            dot,
            extension,
            depth,
            speed,
        }) = seen.needle
        else {
            // What is seen while the needle goes in still belongs to the strike.
            if !seen.plant.needle.is_out() {
                self.under_way = None;
            }
            return;
        };
        self.last_extension = Some(now);
        let begins = self.under_way.is_none_or(|strike| strike.permit != permit);
        if begins {
            let dot = DotId(dot);
            self.under_way = Some(UnderWay {
                permit,
                head: seen.head.map(|h| h.value),
                dot: seen.plan.dot(dot).map(|d| d.position),
                displaced: None,
            });
            let intended = seen
                .desk
                .record()
                .dots()
                .is_ok_and(|dots| dots.get(&dot) == Some(&DotState::Intent));
            self.check(Invariant::I3, intended, now, || {
                format!(
                    "dot {} is struck and its intent is not in the record",
                    dot.0
                )
            });
        }
        if begins {
            self.look_at_begin(seen);
        }
        self.check(Invariant::I6, self.allowed, now, || {
            "the needle is told to go out and nobody has told the session to start".to_owned()
        });
        let fresh = |at: Option<Micros>, limit| at.is_some_and(|at| now.fresh(at, limit));
        let old = |what: &str, at: Option<Micros>| {
            let age = at
                .and_then(|at| now.since(at))
                .map_or(f64::INFINITY, Micros::s);
            format!(
                "the needle is told to go out on {what} {:.0} ms old",
                age * 1e3
            )
        };
        let blind_joints = lasts(self.until.blind_joints, now);
        self.check(
            Invariant::I2,
            blind_joints || fresh(seen.joints_at, JOINTS_AGE),
            now,
            || old("joints", seen.joints_at),
        );
        self.check(Invariant::I2, fresh(seen.head_at, HEAD_AGE), now, || {
            old("a head pose", seen.head_at)
        });
        self.check(
            Invariant::I2,
            fresh(seen.report_at, NEEDLE_AGE),
            now,
            || old("a needle report", seen.report_at),
        );
        self.check(Invariant::I2, fresh(seen.lease_at, LEASE_AGE), now, || {
            old("an operator's heartbeat", seen.lease_at)
        });
        let stroke = seen.plan.cell.tool.stroke.m();
        self.check(
            Invariant::I2,
            (0.0..=stroke).contains(&extension)
                && (0.0..=DEPTH_CAP.m()).contains(&depth)
                && (0.0..=STROKE_SPEED).contains(&speed),
            now,
            || {
                format!(
                    "the needle is told to go out by {:.2} mm, {:.2} mm deep, at {:.0} mm/s",
                    extension * 1e3,
                    depth * 1e3,
                    speed * 1e3
                )
            },
        );
        let force = seen.report.map_or(0.0, |r| r.value.axial_force);
        self.check(Invariant::I2, force <= FORCE, now, || {
            format!("the needle is told to go out at {force:.1} N")
        });
    }

    /// H3: a head that is seen to have gone ends the strike.
    fn look_at_head(&mut self, seen: &Seen<'_>) {
        let Some(strike) = &mut self.under_way else {
            return;
        };
        let gone = match (strike.head, seen.head, strike.dot) {
            (Some(then), Some(pose), Some(dot)) => (then * dot).distance(&(pose.value * dot)),
            _ => f64::INFINITY,
        };
        // A head cannot go farther than that between two looks: such a pose is a jump of the tracker's, and belongs to H4.
        let moved = gone > DISPLACED && gone <= JUMP;
        strike.displaced = since(moved, strike.displaced, seen.now);
        let told_out = matches!(seen.needle, Some(DeviceCommand::Extend { .. }));
        let displaced = strike.displaced.filter(|_| told_out);
        let in_time =
            displaced.is_none_or(|at| seen.now.since(at).is_some_and(|t| t <= DISPLACED_TIME));
        self.check(Invariant::I2, in_time, seen.now, || {
            format!(
                "the needle is told to go out and the head is {:.2} mm away",
                gone * 1e3
            )
        });
    }

    /// I4 and I6 when the arm is told to move.
    fn look_at_motion(&mut self, seen: &Seen<'_>) {
        let state = seen.view.state;
        if matches!(
            state,
            State::Safe | State::Ready | State::Stopped | State::Faulted | State::Paused
        ) {
            self.allowed = false;
        }
        let now = seen.now;
        // Of a pose that is stuck a process that stood still meanwhile sees no more than that it is another one.
        self.registered &= seen.head_at.is_some_and(|at| now.fresh(at, HEAD_LOST))
            || lasts(self.until.blind_head, now);
        let Some(followed) = seen.followed else {
            return;
        };
        let known = self.registered || state == State::Pausing;
        self.check(Invariant::I2, known, now, || {
            "the arm is sent over a head that was not registered since it was lost".to_owned()
        });
        let moves = self.allowed && matches!(state, State::Approaching | State::Pausing);
        self.check(Invariant::I6, moves, now, || {
            format!("the arm is told to move in state {}", state.name())
        });
        let start = followed.trajectory.start();
        let off = seen
            .joints
            .filter(|j| j.value.position.dof() == start.dof())
            .map_or(f64::INFINITY, |j| j.value.position.max_difference(&start));
        let begins = off <= BEGINS || lasts(self.until.blind_joints, now);
        self.check(Invariant::I4, begins, now, || {
            format!("a motion begins {off:.4} rad from where the joints are told to be")
        });
        let limits = seen.plant.arm.limits();
        let fastest = (0..=32)
            .map(|k| {
                let t = followed.trajectory.duration() * f64::from(k) / 32.0;
                let velocity = followed.trajectory.at(t).velocity;
                velocity
                    .zip(&limits.velocity, |v, limit| v / limit)
                    .max_abs()
            })
            .fold(0.0, f64::max);
        self.check(Invariant::I4, fastest <= 1.001, now, || {
            format!("a motion asks for {fastest:.2} of a joint's speed")
        });
    }

    /// I5: stops, pauses and faults come to their end.
    fn look_at_stop(&mut self, seen: &Seen<'_>) {
        let (now, state) = (seen.now, seen.view.state);
        let halts = matches!(state, State::Stopping | State::Stopped | State::Faulted);
        self.halted = since(halts, self.halted, now);
        self.stopping = since(state == State::Stopping, self.stopping, now);
        self.pausing = since(state == State::Pausing, self.pausing, now);
        let within = |at: Option<Micros>, limit| at.is_none_or(|at| !now.passed(at, limit));
        self.check(Invariant::I5, within(self.stopping, STOPPING), now, || {
            "a stop takes too long".to_owned()
        });
        self.check(Invariant::I5, within(self.pausing, PAUSING), now, || {
            "a pause takes too long".to_owned()
        });
        let speed = seen.plant.arm.true_velocity().max_abs();
        let rests = within(self.halted, ARM_RESTS)
            || speed <= RESTS
            || lasts(self.until.arm, now)
            || lasts(self.until.blind_joints, now);
        self.check(Invariant::I5, rests, now, || {
            format!(
                "the arm moves at {speed:.3} rad/s in state {}",
                state.name()
            )
        });
    }

    /// I5: the needle is in soon after the last extension, whatever became of the controller.
    fn look_at_needle(&mut self, seen: &Seen<'_>) {
        let now = seen.now;
        let out = seen.plant.needle.extension() > 0.1e-3;
        let in_time = !out
            || self
                .last_extension
                .is_some_and(|at| !now.passed(at, NEEDLE_IN))
            || lasts(self.until.needle, now);
        self.check(Invariant::I5, in_time, now, || {
            "the needle is out though it was not told to be".to_owned()
        });
    }
}
