//! A bench that holds the core on a plant, and checks its laws at every tick.

use std::collections::BTreeSet;

use stipple_core::*;

use crate::plant::{GAP, Nuisance, Plant};

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
    /// The farthest that the needle was out since the last outcome, m.
    pub deepest: f64,
    /// Since when the arm says that it arrived, and the first joint state at rest after that.
    pub arrived: Option<(HopId, Micros)>,
    pub rests: Option<Micros>,
    /// The inputs are those of the plant.
    pub told_truly: bool,
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
            deepest: 0.0,
            arrived: None,
            rests: None,
            told_truly: true,
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
        if self.core.at_rest(now, sensed) && out.arm == ArmCommand::None {
            let out = self.plant.extension > limits.needle_in;
            assert!(
                !self.plant.arm_moves() && !out,
                "said to be at rest and is not"
            );
        }
        if let ArmCommand::Follow(_) = out.arm {
            let stop = self.queue.front().is_some_and(|target| target.stop);
            assert!(
                out.state == State::Pausing || !stop,
                "the arm set off for a dot before its stop was made"
            );
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
        self.deepest = self.deepest.max(self.plant.extension);
        if let Some((dot, outcome)) = out.outcome {
            let deepest = core::mem::take(&mut self.deepest);
            if let (Outcome::Placed { depth, .. }, true) = (outcome, self.told_truly) {
                let really = deepest - GAP;
                assert!(
                    really > 0.0 && depth <= really + 0.25e-3,
                    "{dot:?} is said to be placed {depth} m deep and is {really}"
                );
            }
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

/// A bench whose core has just entered `state`.
pub fn reach(state: State) -> Bench {
    let mut bench = Bench::new(5);
    assert!(bench.until(400, |o| o.state == State::Ready));
    bench.tick(Some(Command::Start));
    assert!(
        bench.until(2000, |o| o.state == state),
        "{state:?} is not reached"
    );
    bench
}

/// The same, and the arm is under way.
pub fn under_way() -> Bench {
    let mut bench = reach(State::Approaching);
    while bench.plant.arm.is_none() {
        bench.tick(None);
    }
    bench
}
