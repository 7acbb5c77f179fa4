//! A plant that answers and can be made to misbehave.

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
    pub way_off: WayOff,
    pub station: bool,
    /// This leg off the head is refused, or never answered.
    pub no_way: Option<(Leg, WayOff)>,
    /// How far the head is from where the motion was aimed, m, at the dot and anywhere, and the tip's height, m.
    pub displacement: Option<f64>,
    pub far_displacement: f64,
    /// The head's last pose is not believed.
    pub doubted: bool,
    pub height: Option<f64>,
    pub stuck: bool,
    pub registered: bool,
    pub todo: u32,
    /// Dots before which the plan has a stop.
    pub stops: Vec<u32>,
    /// How long skin rests before every dot.
    pub rest: Micros,
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
    Unhomed,
    Force,
    NotANumber,
    ArmFails,
    ArmIgnores,
    ArmStands,
    ArmTwitches,
    ForeignPermit,
    RecordSlow,
    RecordFails,
    JointFast,
    Jolt,
    JointOutside,
    Untold,
    TipFast,
    TipFastLow,
    TipRises,
    TipDives,
    TipLow,
    TipOffPatch,
    KeepOut,
    OffPath,
    Elsewhere,
    NoMotion,
    OtherCartridge,
    LeaseSilent,
    LeaseOfAnother,
    Slip,
    ClockBack,
}

const HOP: Micros = Micros::from_ms(100);
/// Ticks from a command to the needle.
pub const LINK: usize = 4;
pub const GAP: f64 = 2e-3;

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
            way_off: WayOff::None,
            station: true,
            no_way: None,
            displacement: None,
            far_displacement: 0.1e-3,
            doubted: false,
            height: None,
            stuck: false,
            registered: true,
            todo: dots,
            stops: Vec::new(),
            rest: Micros::ZERO,
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
            } else if self.now.passed(begun, HOP)
                && !matches!(self.nuisance, Nuisance::ArmIgnores | Nuisance::ArmStands)
            {
                (self.arm, self.arm_done, self.arm_failed, self.coasting) =
                    (None, Some(hop), false, 3);
            }
        }
        if (self.now.0 / dt).is_multiple_of(self.joints_every) || self.joints.0 > self.now {
            let moves = self.arm_moves() && self.nuisance != Nuisance::ArmStands;
            self.joints = (self.now, moves);
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

    /// What the skin does to the needle, N.
    fn push(&self) -> f64 {
        if self.extension > GAP { 0.4 } else { 0.1 }
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
            motion: self.motion(),
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
                    self.displacement.unwrap_or(0.1e-3)
                },
                far_displacement: self.far_displacement,
                doubted: self.doubted,
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
                extension: if n == Nuisance::Unhomed {
                    self.extension - 0.3e-3
                } else {
                    self.extension
                },
                force: if n == Nuisance::Force {
                    12.0
                } else {
                    self.push()
                },
                permit: if n == Nuisance::ForeignPermit {
                    7
                } else {
                    self.permit
                },
                ours: n != Nuisance::OtherCartridge,
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
            way_off: self.way_off,
            station: self.station,
            stuck: self.stuck,
            registered: self.registered,
            record_failed: n == Nuisance::RecordFails,
            admitted: true,
            exhausted: self.todo == 0,
            command,
        }
    }

    /// Where the arm is and how it moves: well within every limit, but for what is wrong.
    fn motion(&self) -> Option<MotionSeen> {
        let n = self.nuisance;
        let pick = |nuisance, wrong: f64, right: f64| if n == nuisance { wrong } else { right };
        let low = matches!(
            n,
            Nuisance::TipDives | Nuisance::TipFastLow | Nuisance::TipRises
        );
        let seen = MotionSeen {
            speed_share: pick(Nuisance::JointFast, 1.2, 0.5),
            acceleration_share: pick(Nuisance::Jolt, 1.2, 0.9),
            untold: pick(Nuisance::Untold, 1.6e-3, 1.4e-3),
            outside: pick(Nuisance::JointOutside, 0.02, 0.0),
            tip_speed: match n {
                Nuisance::TipFast => 0.28,
                Nuisance::TipFastLow => 0.06,
                Nuisance::TipRises => 0.2,
                _ => 0.04,
            },
            near: Some(TipNear {
                height: match n {
                    Nuisance::TipLow => 0.4e-3,
                    Nuisance::TipDives => 1.1e-3,
                    _ if low => 11e-3,
                    _ => self.height.unwrap_or(GAP),
                },
                approach: match n {
                    Nuisance::TipDives => 0.012,
                    Nuisance::TipRises => -0.19,
                    _ => 0.0,
                },
                over_patch: n != Nuisance::TipOffPatch,
                keep_out: Some(pick(Nuisance::KeepOut, 18.9e-3, 0.05)),
            }),
            deviation: match (self.arm, self.arm_done) {
                (Some((hop, _)), _) => Some((hop, pick(Nuisance::OffPath, 0.03, 0.002))),
                (None, Some(hop)) => Some((hop, pick(Nuisance::Elsewhere, 0.003, 0.0001))),
                (None, None) => None,
            },
        };
        (n != Nuisance::NoMotion).then_some(seen)
    }

    pub fn refill(&mut self, queue: &mut Queue, next: &mut u32) {
        while queue.free() > 0 && self.todo > 0 {
            let dot = Dot(*next);
            queue
                .push(Target {
                    dot,
                    depth: 0.6e-3,
                    dwell: Micros::from_ms(20),
                    stop: self.stops.contains(&dot.0),
                    rest: self.rest,
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
            ArmCommand::Follow(hop) => {
                self.pending = Some((hop, self.now));
                self.way_off = WayOff::None;
            }
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
        if let Some(leg) = out.need_off
            && self.way_off == WayOff::None
        {
            self.next_hop += 1;
            let found = WayOff::Ready(HopId(self.next_hop));
            let none = self.no_way.filter(|(of, _)| *of == leg);
            self.way_off = none.map_or(found, |(_, answer)| answer);
        }
        if out.state != State::Pausing {
            self.way_off = WayOff::None;
        }
        if self.nuisance != Nuisance::RecordSlow {
            self.intent = out.need_intent.or(self.intent);
        }
    }
}
