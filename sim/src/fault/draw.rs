//! Faults by chance.

use rand::Rng;
use stipple_controller::ports::Micros;

use super::{
    ArmFault, Astray, Distortion, Fault, Garbage, HeadFault, Kind, LeaseFault, MotionFault,
    NeedleFault, ProcessFault, RecordFault, ScanFault, Signal,
};
use crate::chance::uniform;

/// Shortest time until a head that jerked is back. Source: own, more than the three poses after which a jump is believed: no neck throws a head
/// by millimetres and back within that, and what looks so is the tracker's glitch, which is a fault of its own.
const SHORTEST_JERK: Micros = Micros::from_ms(60);

/// How much higher than scanned skin may stand, m. Source: own, from hardly to twice what H3 lets the head come nearer unseen.
pub const SWOLLEN: [f64; 2] = [0.1e-3, 1.2e-3];

/// A whole number below `count`, which is not zero.
fn below(rng: &mut impl Rng, count: u64) -> u64 {
    rng.next_u64() % count.max(1)
}

fn one_of<T: Copy>(rng: &mut impl Rng, first: T, others: &[T]) -> T {
    match below(rng, others.len() as u64 + 1) {
        0 => first,
        n => others.get(n as usize - 1).copied().unwrap_or(first),
    }
}

fn ms(rng: &mut impl Rng, low: f64, high: f64) -> Micros {
    Micros((uniform(rng, low, high) * 1e3) as u64)
}

/// Faults that begin between `from` and `to`, about `every` apart, in the order they begin; about every third overlaps the one before it.
pub fn faults(rng: &mut impl Rng, from: Micros, to: Micros, every: Micros) -> Vec<Fault> {
    let mut drawn: Vec<Fault> = Vec::new();
    let mut at = from;
    loop {
        let gap = every.0 as f64 * -(1.0 - uniform(rng, 0.0, 0.999)).ln();
        at = at.after(Micros(gap as u64));
        if at >= to {
            return drawn;
        }
        drawn.push(fault(rng, at));
        if below(rng, 3) == 0 {
            let with = at.after(ms(rng, 0.0, 200.0));
            drawn.push(fault(rng, with));
        }
    }
}

/// One fault that begins at `start`.
pub fn fault(rng: &mut impl Rng, start: Micros) -> Fault {
    let kind = kind(rng);
    let length = match kind {
        Kind::Process(ProcessFault::Killed) => ms(rng, 200.0, 3_000.0),
        Kind::Process(ProcessFault::Stalled) => ms(rng, 50.0, 5_000.0),
        Kind::ClockStep(_)
        | Kind::Record(RecordFault::Full | RecordFault::Unsynced | RecordFault::Torn) => {
            Micros::ZERO
        }
        Kind::Head(HeadFault::Drift(_)) => ms(rng, 100.0, 1_000.0),
        Kind::Arm(ArmFault::Restarted) => ms(rng, 100.0, 3_000.0),
        // Some shorter than any figure, most longer than all.
        _ => one_of(
            rng,
            (20.0, 120.0),
            &[(100.0, 1_000.0), (500.0, 3_000.0), (500.0, 3_000.0)],
        )
        .into_length(rng),
    };
    let length = match kind {
        Kind::Head(HeadFault::Jerk(_)) => length.max(SHORTEST_JERK),
        _ => length,
    };
    Fault {
        kind,
        start,
        length,
    }
}

trait IntoLength {
    fn into_length(self, rng: &mut impl Rng) -> Micros;
}

impl IntoLength for (f64, f64) {
    fn into_length(self, rng: &mut impl Rng) -> Micros {
        ms(rng, self.0, self.1)
    }
}

fn kind(rng: &mut impl Rng) -> Kind {
    match below(rng, 19) {
        0..=6 => signal(rng),
        7..=8 => Kind::Arm(one_of(
            rng,
            ArmFault::Rejected,
            &[
                ArmFault::Silent,
                ArmFault::ResultLost,
                ArmFault::CancelIgnored,
                ArmFault::MovesOn,
                ArmFault::Preempted,
                ArmFault::Restarted,
                ArmFault::Deactivated,
                ArmFault::Diverted,
            ],
        )),
        9..=10 => needle(rng),
        11..=12 => head(rng),
        13 => record(rng),
        14 => process(rng),
        15 => lease(rng),
        16 => Kind::Scan(scan(rng)),
        17 => Kind::Motions(motions(rng)),
        _ => match below(rng, 3) {
            0 => Kind::ClockStep(one_of(rng, 1_000_000, &[-1_000_000])),
            _ => Kind::Motions(MotionFault::Late(ms(rng, 10.0, 2_000.0))),
        },
    }
}

fn signal(rng: &mut impl Rng) -> Kind {
    let signal = one_of(
        rng,
        Signal::Joints,
        &[Signal::HeadPose, Signal::NeedleState, Signal::Force],
    );
    let period_ms = if signal == Signal::HeadPose {
        17.0
    } else {
        2.0
    };
    let how = match below(rng, 12) {
        0 => Distortion::Off,
        1 => Distortion::Stuck,
        2..=3 => Distortion::Garbage(garbage(rng)),
        4 => Distortion::Wrong(wrong(rng, signal)),
        5 => Distortion::Slow(2 + below(rng, 30) as u32),
        6 => Distortion::Delayed(ms(rng, period_ms, 200.0)),
        7 => Distortion::Intermittent(uniform(rng, 0.1, 0.95)),
        8 => Distortion::Duplicated,
        9 => Distortion::Reordered,
        10 if signal != Signal::Force => {
            let by = uniform(rng, 60e3, 2e6) as i64;
            Distortion::Restamped(one_of(rng, by, &[-by]))
        }
        _ if signal == Signal::Joints => one_of(
            rng,
            Distortion::Permuted,
            &[Distortion::Missing, Distortion::Speedless],
        ),
        _ => Distortion::Off,
    };
    Kind::Signal(signal, how)
}

/// As small as goes unseen, or as large as must be seen.
fn wrong(rng: &mut impl Rng, signal: Signal) -> f64 {
    let (small, large) = match signal {
        Signal::Joints => ((1e-5, 1e-3), (0.01, 0.5)),
        Signal::HeadPose => ((0.05e-3, 1e-3), (50e-3, 0.5)),
        Signal::NeedleState => ((0.05e-3, 0.5e-3), (1e-3, 5e-3)),
        Signal::Force => ((0.1, 5.0), (12.0, 50.0)),
    };
    let (low, high) = one_of(rng, small, &[large]);
    uniform(rng, low, high)
}

fn garbage(rng: &mut impl Rng) -> Garbage {
    one_of(
        rng,
        Garbage::NotANumber,
        &[Garbage::Infinite, Garbage::Huge, Garbage::Thousandfold],
    )
}

fn scan(rng: &mut impl Rng) -> ScanFault {
    match below(rng, 5) {
        0 => ScanFault::Off,
        1 => ScanFault::Stuck,
        2 => ScanFault::Garbage(garbage(rng)),
        3 => ScanFault::Wrong(uniform(rng, 1e-3, 50e-3)),
        _ => ScanFault::Cut(uniform(rng, 0.05, 0.9)),
    }
}

fn lease(rng: &mut impl Rng) -> Kind {
    Kind::Lease(match below(rng, 6) {
        0 => LeaseFault::Off,
        1 => LeaseFault::Delayed(ms(rng, 10.0, 1_500.0)),
        2 => LeaseFault::Intermittent(uniform(rng, 0.2, 0.95)),
        3 => LeaseFault::Duplicated,
        4 => LeaseFault::Stolen,
        _ => LeaseFault::Contested,
    })
}

fn needle(rng: &mut impl Rng) -> Kind {
    Kind::Needle(match below(rng, 7) {
        0 => NeedleFault::StuckOut,
        1 => NeedleFault::Slow(uniform(rng, 0.02, 0.5)),
        2 => NeedleFault::Own,
        3 => NeedleFault::OtherCartridge,
        4 => NeedleFault::TooFar(uniform(rng, 0.3e-3, 3e-3)),
        5 => NeedleFault::Deaf,
        _ => NeedleFault::Silent,
    })
}

fn head(rng: &mut impl Rng) -> Kind {
    match below(rng, 3) {
        0 => Kind::Head(HeadFault::Jerk(uniform(rng, 0.5e-3, 15e-3))),
        1 => Kind::Head(HeadFault::Drift(uniform(rng, 1e-3, 30e-3))),
        _ => Kind::Swollen(uniform(rng, SWOLLEN[0], SWOLLEN[1])),
    }
}

fn record(rng: &mut impl Rng) -> Kind {
    Kind::Record(match below(rng, 4) {
        0 => RecordFault::Full,
        2 => RecordFault::Torn,
        1 => RecordFault::Unsynced,
        _ => RecordFault::Slow(ms(rng, 20.0, 1_500.0)),
    })
}

/// As little as passes, or as much as must not.
fn motions(rng: &mut impl Rng) -> MotionFault {
    let by = match below(rng, 5) {
        0 => return MotionFault::Lost,
        1 => {
            let (low, high) = one_of(rng, (0.1e-3, 3e-3), &[(25e-3, 150e-3)]);
            Astray::Beside(uniform(rng, low, high))
        }
        2 => Astray::Over(uniform(rng, 50e-3, 800e-3)),
        3 => Astray::Tilted(uniform(rng, 5.0, 40.0).to_radians()),
        _ => Astray::High(uniform(rng, -1e-3, 8e-3)),
    };
    MotionFault::Astray(by)
}

fn process(rng: &mut impl Rng) -> Kind {
    Kind::Process(match below(rng, 3) {
        0 => ProcessFault::Killed,
        1 => ProcessFault::Stalled,
        _ => ProcessFault::Busy(ms(rng, 2.0, 20.0)),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_kind_is_drawn_and_in_order() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let to = Micros::from_ms(3_600_000);
        let drawn = faults(&mut rng, Micros::from_ms(1_000), to, Micros::from_ms(1_000));
        let kinds: BTreeSet<String> = drawn.iter().map(|f| f.kind.to_string()).collect();
        // 4 signals with 12 ways each, 3 more for joints, stamps in the past and in the future for all but the force, 9 of the arm, 7 of
        // the needle, 2 of the head, one of the skin, 8 of the scanner, 4 of the record, 3 of the process, 6 of the lease, 6 of the motions, and the clock.
        assert_eq!(
            kinds.len(),
            4 * 12 + 3 + 2 * 3 + 9 + 7 + 3 + 8 + 4 + 3 + 6 + 6 + 1,
            "{kinds:?}"
        );
        assert!((3_000..7_000).contains(&drawn.len()), "{}", drawn.len());
    }
}
