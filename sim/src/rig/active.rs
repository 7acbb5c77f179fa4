//! Faults that begin, last and end.

use nalgebra::Vector3;
use stipple_controller::ports::Micros;
use stipple_core::{Limits, NeedleState};

use super::Rig;
use super::astray::Astray;
use super::excuse::Excuses;
use super::wire::Carried;
use crate::chance::{normal, uniform};
use crate::fault::{
    ArmFault, Blind, Distortion, Garbage, HeadFault, Kind, LeaseFault, MotionFault, NeedleFault,
    ProcessFault, RecordFault, ScanFault, Signal,
};
use crate::plant::Condition;

/// A jump of the head's pose shows within two of the tracker's periods, or not at all.
const JUMP_SHOWS: Micros = Micros::from_ms(40);

/// So long after a torn write the process is started again.
const DOWN: Micros = Micros::from_ms(500);

/// What a fault of the head did, to be undone at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    pub number: usize,
    pub by: Vector3<f64>,
}

impl Rig {
    fn kinds(&self) -> impl Iterator<Item = (usize, Kind)> + '_ {
        self.active
            .iter()
            .filter_map(|n| self.setup.faults.get(*n).map(|f| (*n, f.kind)))
    }

    /// The first fault that lasts and is such a one.
    pub(super) fn fault_of(&self, is_it: impl Fn(Kind) -> bool) -> Option<usize> {
        self.kinds().find(|(_, k)| is_it(*k)).map(|(n, _)| n)
    }

    pub(super) fn distortion(&self, of: Signal) -> Option<(usize, Distortion)> {
        self.kinds().find_map(|(n, kind)| match kind {
            Kind::Signal(signal, how) if signal == of => Some((n, how)),
            _ => None,
        })
    }

    pub(super) fn scan_fault(&self) -> Option<ScanFault> {
        self.kinds().find_map(|(_, kind)| match kind {
            Kind::Scan(how) => Some(how),
            _ => None,
        })
    }

    pub(super) fn lease_fault(&self) -> Option<(usize, LeaseFault)> {
        self.kinds().find_map(|(n, kind)| match kind {
            Kind::Lease(how) => Some((n, how)),
            _ => None,
        })
    }

    /// Whether the process that runs now has seen this fault begin.
    fn saw_begin(&self, number: usize) -> bool {
        let fault = self.setup.faults.get(number);
        fault.is_some_and(|fault| fault.start > self.process.began)
    }

    /// What is wrong with the arm: a server that is gone hides whatever else is, and of all else the first counts.
    fn arm_fault(&self) -> Option<ArmFault> {
        let faults = || self.kinds().filter_map(|(_, kind)| arm_of(kind));
        let gone = faults().find(|fault| *fault == ArmFault::Restarted);
        gone.or_else(|| faults().next())
    }

    /// Begins what is due, and lets what lasts do what it does in this tick.
    pub(super) fn begin_faults(&mut self) {
        if self.desk.as_ref().is_some_and(super::Desk::is_torn) {
            self.kill();
            self.idle(DOWN);
        }
        let mut preempts = false;
        while let Some(fault) = self
            .setup
            .faults
            .get(self.next_fault)
            .copied()
            .filter(|f| f.start <= self.now)
        {
            let number = self.next_fault;
            self.next_fault += 1;
            self.active.push(number);
            *self.injected.entry(fault.kind.name()).or_default() += 1;
            preempts |=
                matches!(fault.kind, Kind::Arm(_)) && self.arm_fault() == arm_of(fault.kind);
            self.begin(number, fault.kind, fault.length);
        }
        let arm = self.arm_fault();
        self.arm_line
            .begin(arm, preempts, &mut self.plant.arm, &mut self.rng);
        self.needle_line.silent = self
            .fault_of(|kind| kind == Kind::Needle(NeedleFault::Silent))
            .is_some();
        let condition = self.condition();
        self.plant.needle.set_condition(condition);
        self.plant.swell(self.swelling());
        self.busy();
        let (mut motions, mut notes) = (None, Micros::ZERO);
        for (_, kind) in self.kinds() {
            match kind {
                Kind::Motions(fault) => motions = Some(fault),
                Kind::Record(RecordFault::Slow(by)) => notes = by,
                _ => {}
            }
        }
        if let Some(desk) = &mut self.desk {
            (desk.motions_fail, desk.notes_late) = (motions, notes);
            if matches!(motions, Some(MotionFault::Astray(_))) {
                let leads = || Astray::new(&self.admitted, self.setup.seed);
                desk.astray.get_or_insert_with(leads);
            }
        }
    }

    fn begin(&mut self, number: usize, kind: Kind, length: Micros) {
        match kind {
            Kind::Head(HeadFault::Jerk(by)) => {
                let by = self.any_way() * by;
                self.plant.head.jerk(by);
                self.moved.push(Moved { number, by });
            }
            Kind::Head(HeadFault::Drift(speed)) => {
                let speed = self.any_way() * speed;
                self.plant.head.creep(speed);
                let by = speed * length.s();
                self.moved.push(Moved { number, by });
            }
            Kind::Record(
                fault @ (RecordFault::Full | RecordFault::Unsynced | RecordFault::Torn),
            ) => {
                if let Some(desk) = &mut self.desk {
                    desk.failing = Some(fault);
                }
            }
            Kind::Process(ProcessFault::Killed) => {
                self.kill();
                self.idle(length);
            }
            Kind::Process(ProcessFault::Stalled) => self.idle(length),
            Kind::ClockStep(by) => {
                self.process.clock_off = self.process.clock_off.saturating_add(by);
                self.show(number);
            }
            _ => {}
        }
    }

    fn idle(&mut self, length: Micros) {
        let until = self.now.after(length);
        let before = self.process.idle_until.unwrap_or(until);
        self.process.idle_until = Some(until.max(before));
    }

    /// A busy core: the next tick comes later than it should.
    fn busy(&mut self) {
        let by = self.kinds().find_map(|(_, kind)| match kind {
            Kind::Process(ProcessFault::Busy(by)) => Some(by),
            _ => None,
        });
        if let Some(by) = by.filter(|_| self.process.idle_until.is_none()) {
            let late = uniform(&mut self.rng, 0.0, by.0 as f64) as u64;
            self.process.idle_until = Some(self.now.after(Micros(late)));
        }
    }

    fn swelling(&self) -> f64 {
        self.kinds().fold(0.0, |most, (_, kind)| match kind {
            Kind::Swollen(by) => by.max(most),
            _ => most,
        })
    }

    /// The skin is not where it was scanned, and what tells where the needle meets it, or draws the needle back for that, is out of order.
    fn meets_unfelt(&self) -> bool {
        let disturbs = |kind| {
            matches!(
                kind,
                Kind::Signal(Signal::Force | Signal::NeedleState, _)
                    | Kind::Needle(
                        NeedleFault::StuckOut
                            | NeedleFault::Slow(_)
                            | NeedleFault::Silent
                            | NeedleFault::TooFar(_)
                            | NeedleFault::Deaf
                    )
                    | Kind::Process(_)
                    | Kind::Record(RecordFault::Torn)
            )
        };
        self.swelling() > 0.0 && self.kinds().any(|(_, kind)| disturbs(kind))
    }

    fn condition(&self) -> Condition {
        self.kinds()
            .fold(Condition::default(), |condition, (_, kind)| match kind {
                Kind::Needle(NeedleFault::StuckOut) => Condition {
                    jammed: true,
                    ..condition
                },
                Kind::Needle(NeedleFault::Slow(share)) => Condition {
                    speed: share,
                    ..condition
                },
                Kind::Needle(NeedleFault::Own) => Condition {
                    at_fault: true,
                    ..condition
                },
                Kind::Needle(NeedleFault::OtherCartridge) => Condition {
                    other_cartridge: true,
                    ..condition
                },
                Kind::Needle(NeedleFault::TooFar(over)) => Condition { over, ..condition },
                Kind::Needle(NeedleFault::Deaf) => Condition {
                    deaf: true,
                    ..condition
                },
                _ => condition,
            })
    }

    fn any_way(&mut self) -> Vector3<f64> {
        let way = Vector3::from_fn(|_, _| normal(&mut self.rng, 1.0));
        way.try_normalize(1e-6).unwrap_or_else(Vector3::x)
    }

    /// The fault shows at the port; from here its reaction is timed, where one is due.
    pub(super) fn show(&mut self, number: usize) {
        let Some(fault) = self.setup.faults.get(number) else {
            return;
        };
        // A wrong pose that was there before the work began is all that the controller knows of the head.
        let jumps = !matches!(
            fault.kind,
            Kind::Signal(Signal::HeadPose, Distortion::Wrong(_))
        ) || self.now.since(fault.start) <= Some(JUMP_SHOWS);
        if jumps && self.process.idle_until.is_none() && self.view.state.working() {
            self.reactions.shows(number, fault.kind, self.now);
        }
    }

    /// A fault of a wire shows, or not, in what the wire carried. Silence begins anew with whatever still arrives.
    pub(super) fn show_carried(&mut self, number: usize, carried: Carried) {
        let silence = self.setup.faults.get(number).is_some_and(|fault| {
            matches!(
                fault.kind,
                // What is not finite is dropped: it shows as silence.
                Kind::Signal(
                    _,
                    Distortion::Off
                        | Distortion::Restamped(_)
                        | Distortion::Garbage(Garbage::NotANumber | Garbage::Infinite)
                ) | Kind::Lease(_)
                    | Kind::Arm(ArmFault::Restarted)
                    | Kind::Needle(NeedleFault::Silent)
            )
        });
        if silence && carried.news {
            self.reactions.over(number);
        } else if carried.shows {
            self.show(number);
        }
    }

    /// Faults that show elsewhere than on a wire.
    pub(super) fn show_what_is_seen(&mut self, ticked: bool) {
        let displaced = self.watch.displaced() == Some(self.now);
        let out = self.plant.needle.goes_out();
        let report = self.wires.needle.delivered();
        let tells = report.is_some_and(|r| r.value.state == NeedleState::Fault);
        let other = report.is_some_and(|r| !r.value.ours);
        let told = self.plant.needle.told();
        let too_far = (report.zip(told))
            .is_some_and(|(r, told)| r.value.extension > told + Limits::HARDWARE.needle_over);
        let failed = self.desk.as_ref().is_some_and(super::Desk::told_failed);
        let shown: Vec<(usize, Kind)> = self
            .kinds()
            .filter(|(_, kind)| match kind {
                Kind::Head(_) => displaced,
                Kind::Process(ProcessFault::Stalled | ProcessFault::Killed) => !ticked && out,
                // What is stuck or lost on the way does not tell of it.
                Kind::Needle(NeedleFault::Own) => ticked && tells,
                Kind::Needle(NeedleFault::OtherCartridge) => ticked && other,
                Kind::Needle(NeedleFault::TooFar(_)) => ticked && too_far,
                Kind::Record(RecordFault::Full | RecordFault::Unsynced) => failed,
                _ => false,
            })
            .collect();
        for (number, kind) in shown {
            if matches!(kind, Kind::Process(_)) || self.view.state.working() {
                self.reactions.shows(number, kind, self.now);
            }
        }
    }

    /// Ends what is over.
    pub(super) fn end_faults(&mut self) {
        let (now, faults) = (self.now, &self.setup.faults);
        let mut over = Vec::new();
        self.active.retain(|number| {
            let lasts = faults.get(*number).is_some_and(|f| f.end() > now);
            if !lasts {
                over.push(*number);
            }
            lasts
        });
        for number in over {
            self.reactions.over(number);
            let kind = self.setup.faults.get(number).map(|f| f.kind);
            if let Some(at) = self.moved.iter().position(|m| m.number == number) {
                let moved = self.moved.swap_remove(at);
                if matches!(kind, Some(Kind::Head(HeadFault::Drift(_)))) {
                    self.plant.head.creep(Vector3::zeros());
                }
                self.plant.head.jerk(-moved.by);
                self.put_back_at = Some(now);
            }
        }
    }

    /// What the faults of this tick excuse.
    pub(super) fn excuses(&self) -> Excuses {
        let now = self.now;
        let just = |at: Micros| now.since(at).is_some_and(|t| t <= super::TICK);
        let moves = self.kinds().any(|(n, kind)| {
            matches!(kind, Kind::Head(_)) && self.setup.faults.get(n).is_some_and(|f| just(f.start))
        }) || [self.put_back_at, self.plant.head.jerked_at()]
            .into_iter()
            .flatten()
            .any(just);
        let misregistered = Blind {
            head: self.misregistered,
            ..Blind::default()
        };
        let hidden = self.kinds().map(|(n, kind)| kind.blinds(self.saw_begin(n)));
        Excuses {
            blind: hidden.fold(misregistered, Blind::or),
            arm: self.kinds().any(|(_, kind)| {
                matches!(
                    kind,
                    Kind::Arm(
                        ArmFault::CancelIgnored
                            | ArmFault::MovesOn
                            | ArmFault::Silent
                            | ArmFault::Preempted
                            | ArmFault::Diverted
                    )
                )
            }),
            needle: self.kinds().any(|(_, kind)| {
                matches!(
                    kind,
                    Kind::Needle(
                        NeedleFault::StuckOut | NeedleFault::Slow(_) | NeedleFault::TooFar(_)
                    )
                )
            }),
            head_moved: moves,
            unfelt: self.meets_unfelt(),
            led_unseen: self.distortion(Signal::Joints).is_some()
                && self.kinds().any(|(_, kind)| {
                    matches!(
                        kind,
                        Kind::Arm(ArmFault::Preempted | ArmFault::Diverted | ArmFault::MovesOn)
                    )
                }),
            head_told: self.distortion(Signal::HeadPose).is_some(),
            astray: self
                .kinds()
                .any(|(_, kind)| matches!(kind, Kind::Motions(MotionFault::Astray(_)))),
        }
    }
}

const fn arm_of(kind: Kind) -> Option<ArmFault> {
    match kind {
        Kind::Arm(fault) => Some(fault),
        _ => None,
    }
}
