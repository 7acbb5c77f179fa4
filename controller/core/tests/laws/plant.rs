//! A plant that answers and can be made to misbehave, and a bench that checks the core on it at every tick.

use std::collections::{BTreeSet, VecDeque};

use stipple_core::*;

/// Arm, needle, head and record that do what they are told; each of them can be made to misbehave for a while.
#[derive(Debug, Clone)]
pub struct Plant {
    pub now: Micros,
    pub arm: Option<(HopId, Micros)>,
    /// Told and not yet taken on, with the moment it was told; a cancel does not reach it.
    pub pending: Option<(HopId, Micros)>,
    /// How long the arm takes to take a motion on.
    pub accept: Micros,
    /// Ticks from joint state to joint state.
    pub joints_every: u64,
    /// The last joint state: when, and whether the arm moved.
    pub joints: (Micros, bool),
    pub arm_done: Option<HopId>,
    pub arm_failed: bool,
    pub coasting: u32,
    pub extension: f64,
    /// What the needle was told and has not heard yet: its link is slow.
    pub link: VecDeque<Option<(f64, u64)>>,
    pub commanded: Option<(f64, u64)>,
    pub permit: u64,
    pub intent: Option<Dot>,
    pub next_hop: u64,
    pub lift: Lift,
    pub todo: u32,
    pub refuse: BTreeSet<u32>,
    pub nuisance: Nuisance,
}

/// What is wrong in a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Nuisance {
    None,
    JointsStale,
    HeadStale,
    HeadFast,
    HeadOff,
    OffTarget,
    OffPatch,
    NeedleSilent,
    NeedleFault,
    NeedleStuck,
    StuckAndTwitching,
    Force,
    NotANumber,
    ArmFails,
    ArmIgnores,
    ArmTwitches,
    ForeignPermit,
    RecordSlow,
    RecordFails,
    LeaseSilent,
    LeaseOfAnother,
    Slip,
    ClockBack,
}

const HOP: Micros = Micros::from_ms(100);
/// Ticks from a command to the needle.
const LINK: usize = 4;
const GAP: f64 = 2e-3;

impl Plant {
    pub fn new(dots: u32) -> Self {
        Self {
            now: Micros::from_ms(1000),
            arm: None,
            pending: None,
            accept: Micros::from_ms(6),
            joints_every: 1,
            joints: (Micros::ZERO, false),
            arm_done: None,
            arm_failed: false,
            coasting: 0,
            extension: 0.0,
            link: VecDeque::new(),
            commanded: None,
            permit: 0,
            intent: None,
            next_hop: 0,
            lift: Lift::None,
            todo: dots,
            refuse: BTreeSet::new(),
            nuisance: Nuisance::None,
        }
    }

    pub fn arm_moves(&self) -> bool {
        self.arm.is_some() || self.coasting > 0
    }

    /// Time goes on by a tick.
    pub fn advance(&mut self) {
        let dt = 2000;
        self.now = match self.nuisance {
            Nuisance::Slip => Micros(self.now.0 + 9 * dt),
            Nuisance::ClockBack => Micros(self.now.0 - dt),
            _ => Micros(self.now.0 + dt),
        };
        self.coasting = self.coasting.saturating_sub(1);
        if let Some((hop, told)) = self.pending
            && self.now.passed(told, self.accept)
        {
            (self.pending, self.arm, self.arm_done) = (None, Some((hop, self.now)), None);
        }
        if let Some((hop, begun)) = self.arm {
            if self.nuisance == Nuisance::ArmFails {
                (self.arm, self.arm_done, self.arm_failed, self.coasting) =
                    (None, Some(hop), true, 5);
            } else if self.now.passed(begun, HOP) && self.nuisance != Nuisance::ArmIgnores {
                (self.arm, self.arm_done, self.arm_failed, self.coasting) =
                    (None, Some(hop), false, 3);
            }
        }
        if (self.now.0 / dt).is_multiple_of(self.joints_every) || self.joints.0 > self.now {
            self.joints = (self.now, self.arm_moves());
        }
        if self.link.len() > LINK {
            self.commanded = self.link.pop_front().flatten();
            self.permit = self.commanded.map_or(self.permit, |(_, nonce)| nonce);
        }
        let goal = self.commanded.map_or(0.0, |(extension, _)| extension);
        let step = 0.1 * 2e-3;
        if !matches!(
            self.nuisance,
            Nuisance::NeedleStuck | Nuisance::StuckAndTwitching
        ) {
            self.extension += (goal - self.extension).clamp(-step, step);
        }
    }

    pub fn sensed(&self, queue: &Queue, command: Option<Command>) -> Sensed {
        let n = self.nuisance;
        let old = |ms: u64| Micros(self.now.0 - ms * 1000);
        let front = queue.front().map(|t| t.dot);
        let goal = self.commanded.map_or(0.0, |(extension, _)| extension);
        let state = match (n, self.commanded) {
            (Nuisance::NeedleFault, _) => NeedleState::Fault,
            (_, Some(_)) if (self.extension - goal).abs() < 1e-6 => NeedleState::Extended,
            (_, Some(_)) => NeedleState::Extending,
            (_, None) if self.extension < 1e-6 => NeedleState::Retracted,
            (_, None) => NeedleState::Retracting,
        };
        Sensed {
            joints: Some(JointsSeen {
                at: if n == Nuisance::JointsStale {
                    old(30)
                } else {
                    self.joints.0
                },
                max_speed: if n == Nuisance::NotANumber {
                    f64::NAN
                } else if self.joints.1 {
                    0.5
                } else if matches!(n, Nuisance::ArmTwitches | Nuisance::StuckAndTwitching) {
                    0.02
                } else {
                    0.001
                },
            }),
            arm: match (self.arm, self.arm_done) {
                _ if self.pending.is_some() => self.pending.map(|(hop, _)| ArmSeen {
                    hop,
                    status: MotionStatus::Pending,
                }),
                (Some((hop, _)), _) => Some(ArmSeen {
                    hop,
                    status: MotionStatus::Active,
                }),
                (None, Some(hop)) if self.arm_failed => Some(ArmSeen {
                    hop,
                    status: MotionStatus::Failed(ArmFailure::Tolerance),
                }),
                (None, Some(hop)) => Some(ArmSeen {
                    hop,
                    status: MotionStatus::Succeeded,
                }),
                (None, None) => None,
            },
            head: Some(HeadSeen {
                at: if n == Nuisance::HeadStale {
                    old(120)
                } else {
                    old(10)
                },
                speed: if n == Nuisance::HeadFast { 0.03 } else { 0.001 },
                displacement: if n == Nuisance::HeadOff {
                    0.7e-3
                } else {
                    0.1e-3
                },
            }),
            tip: front.map(|dot| TipSeen {
                dot,
                at: old(10),
                lateral: if n == Nuisance::OffTarget {
                    0.4e-3
                } else {
                    0.05e-3
                },
                gap: GAP,
                angle: 0.1,
                in_patch: n != Nuisance::OffPatch,
            }),
            needle: Some(NeedleSeen {
                at: if n == Nuisance::NeedleSilent {
                    old(60)
                } else {
                    self.now
                },
                state,
                extension: self.extension,
                force: if n == Nuisance::Force { 12.0 } else { 0.1 },
                permit: if n == Nuisance::ForeignPermit {
                    7
                } else {
                    self.permit
                },
            }),
            operator: Some(LeaseSeen {
                at: if n == Nuisance::LeaseSilent {
                    old(501)
                } else {
                    old(90)
                },
                term: if n == Nuisance::LeaseOfAnother { 2 } else { 1 },
            }),
            intent: self.intent,
            hop_refused: front.filter(|d| self.refuse.contains(&d.0)),
            lift: self.lift,
            record_failed: n == Nuisance::RecordFails,
            admitted: true,
            exhausted: self.todo == 0,
            command,
        }
    }

    pub fn refill(&mut self, queue: &mut Queue, next: &mut u32) {
        while queue.free() > 0 && self.todo > 0 {
            let dot = Dot(*next);
            queue
                .push(Target {
                    dot,
                    depth: 0.6e-3,
                    dwell: Micros::from_ms(20),
                    hop: None,
                })
                .unwrap();
            *next += 1;
            self.todo -= 1;
        }
    }

    pub fn obey(&mut self, out: &Output, queue: &mut Queue) {
        match out.arm {
            ArmCommand::None => {}
            ArmCommand::Follow(hop) => self.pending = Some((hop, self.now)),
            ArmCommand::Cancel => {
                if self.nuisance != Nuisance::ArmIgnores
                    && let Some((hop, _)) = self.arm.take()
                {
                    (self.arm_done, self.arm_failed, self.coasting) = (Some(hop), true, 10);
                }
            }
        }
        self.link.push_back(match &out.needle {
            NeedleCommand::Retract => None,
            NeedleCommand::Extend(stroke) => Some((stroke.extension(), stroke.nonce())),
        });
        if let Some(dot) = out.need_hop {
            self.next_hop += 1;
            queue.set_hop(dot, Some(HopId(self.next_hop)));
        }
        if out.need_lift && self.lift == Lift::None {
            self.next_hop += 1;
            self.lift = Lift::Ready(HopId(self.next_hop));
        }
        if out.state != State::Pausing {
            self.lift = Lift::None;
        }
        if self.nuisance != Nuisance::RecordSlow {
            self.intent = out.need_intent.or(self.intent);
        }
    }
}

/// A core on a plant, with all laws checked at every tick.
pub struct Bench {
    pub core: Core,
    pub plant: Plant,
    pub queue: Queue,
    pub next: u32,
    pub struck: BTreeSet<u32>,
    pub nonces: BTreeSet<u64>,
    pub outcomes: Vec<(Dot, Outcome)>,
    pub striking: Option<(u32, u64)>,
    /// Since when the arm says that it arrived, and the first joint state at rest after that.
    pub arrived: Option<(HopId, Micros)>,
    pub rests: Option<Micros>,
    pub log: Vec<(Micros, Sensed, Queue, String)>,
}

impl Bench {
    pub fn new(dots: u32) -> Self {
        Self {
            core: Core::new(Limits::HARDWARE, 100),
            plant: Plant::new(dots),
            queue: Queue::new(),
            next: 0,
            struck: BTreeSet::new(),
            nonces: BTreeSet::new(),
            outcomes: Vec::new(),
            striking: None,
            arrived: None,
            rests: None,
            log: Vec::new(),
        }
    }

    pub fn tick(&mut self, command: Option<Command>) -> Output {
        self.plant.advance();
        self.plant.refill(&mut self.queue, &mut self.next);
        let sensed = self.plant.sensed(&self.queue, command);
        let before = self.queue.clone();
        let out = self.core.step(self.plant.now, &sensed, &mut self.queue);
        self.log
            .push((self.plant.now, sensed, before.clone(), format!("{out:?}")));
        self.judge(&sensed, &before, &out);
        self.plant.obey(&out, &mut self.queue);
        out
    }

    pub fn judge(&mut self, sensed: &Sensed, before: &Queue, out: &Output) {
        let now = self.plant.now;
        let limits = Limits::HARDWARE;
        let moving_out = self.plant.arm.is_some() && self.plant.extension > limits.needle_in;
        assert!(!moving_out, "the arm is under way with the needle out");
        let arrived = sensed
            .arm
            .filter(|arm| arm.status == MotionStatus::Succeeded);
        match (arrived, self.arrived) {
            (Some(arm), Some((hop, _))) if arm.hop == hop => {}
            (arm, _) => self.arrived = arm.map(|arm| (arm.hop, now)),
        }
        let joints = sensed.joints.unwrap();
        let counts = self.arrived.is_some_and(|(_, at)| joints.at > at);
        self.rests = if counts && joints.max_speed < limits.rest_speed {
            self.rests.or(Some(joints.at))
        } else {
            None
        };
        if let ArmCommand::Follow(_) = out.arm {
            let needle = sensed.needle.unwrap();
            assert_eq!(
                needle.state,
                NeedleState::Retracted,
                "the arm was told to move with the needle out"
            );
            assert!(
                self.plant.extension <= limits.needle_in,
                "the needle is out by {} m",
                self.plant.extension
            );
            assert!(!self.plant.arm_moves() && self.plant.pending.is_none());
            assert!(matches!(out.state, State::Approaching | State::Pausing));
        }
        if let NeedleCommand::Extend(stroke) = &out.needle {
            assert!(matches!(out.state, State::Extending | State::Dwelling));
            let (joints, head, tip) = (
                sensed.joints.unwrap(),
                sensed.head.unwrap(),
                sensed.tip.unwrap(),
            );
            assert!(
                now.fresh(joints.at, limits.joints_age) && joints.max_speed < limits.rest_speed
            );
            assert!(!self.plant.arm_moves(), "extended with the arm moving");
            assert!(now.fresh(head.at, limits.head_age_strike));
            assert!(
                head.speed <= limits.head_speed && head.displacement <= limits.head_displacement
            );
            assert!(
                tip.lateral <= limits.lateral_stroke && tip.in_patch && tip.angle <= limits.angle
            );
            assert!(stroke.extension() - tip.gap <= limits.depth);
            let front = before.front().unwrap();
            assert_eq!(stroke.dot(), front.dot);
            assert_eq!(
                sensed.intent,
                Some(front.dot),
                "extended without a durable intent"
            );
            let needle = sensed.needle.unwrap();
            assert!(now.fresh(needle.at, limits.needle_age) && needle.force <= limits.axial_force);
            if needle.extension > limits.needle_in {
                assert_eq!(
                    needle.permit,
                    stroke.nonce(),
                    "the needle is out on another permit"
                );
            }
            let now_striking = (stroke.dot().0, stroke.nonce());
            if self.striking != Some(now_striking) {
                let shown = joints.at.since(self.rests.unwrap()).unwrap();
                assert!(shown >= limits.settle, "rest was shown for {shown:?}");
                assert!(
                    tip.lateral <= limits.lateral_verify,
                    "a stroke began off target"
                );
                assert!(
                    self.nonces.insert(stroke.nonce()),
                    "nonce {} used twice",
                    stroke.nonce()
                );
                assert!(
                    self.struck.insert(stroke.dot().0),
                    "dot {} struck twice",
                    stroke.dot().0
                );
                self.striking = Some(now_striking);
            }
        }
        if matches!(out.state, State::Paused | State::Stopped | State::Ready) {
            assert!(
                self.plant.extension <= limits.needle_in,
                "{:?} with the needle out",
                out.state
            );
            assert_eq!(
                (self.plant.arm, self.plant.pending),
                (None, None),
                "{:?} with the arm under way",
                out.state
            );
        }
        if let Some((dot, outcome)) = out.outcome {
            assert!(
                self.outcomes.iter().all(|(d, _)| *d != dot),
                "two outcomes of {dot:?}"
            );
            if matches!(outcome, Outcome::Skipped(_)) {
                assert!(
                    !self.struck.contains(&dot.0),
                    "{dot:?} was struck and is said to be skipped"
                );
            }
            self.outcomes.push((dot, outcome));
        }
    }

    pub fn until(&mut self, ticks: u32, mut done: impl FnMut(&Output) -> bool) -> bool {
        (0..ticks).any(|_| {
            let out = self.tick(None);
            done(&out)
        })
    }

    /// Operator and plant do all they can to reach the end.
    pub fn finish(&mut self) -> bool {
        self.plant.nuisance = Nuisance::None;
        for k in 0..60_000u32 {
            let command = match self.core.state() {
                State::Ready if k % 50 == 0 => Some(Command::Start),
                State::Paused if k % 50 == 0 => Some(Command::Resume),
                State::Stopped | State::Faulted if k % 50 == 0 => Some(Command::ClearFault),
                _ => None,
            };
            let out = self.tick(command);
            if out.finished || matches!(out.reply, Some(Err(Denied::Reload))) {
                return true;
            }
        }
        false
    }
}
