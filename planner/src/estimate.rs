//! How long a session takes, by what it is spent on.

use stipple_model::limits::{DWELL, HOVER};
use stipple_model::plan::{SessionParts, Stop, StopKind};
use stipple_model::units::{Length, Speed, Time};

/// How fast the machine besides the arm's motion is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The needle on its way out. Source: `stroke_speed` of the controller's limits.
    pub out: Speed,
    /// The needle on its way in. Source: the needle stage's top speed.
    pub back: Speed,
    /// The needle at its depth. Source: the treatment.
    pub dwell: Time,
    /// From the arm's arrival until the needle starts and from the needle being in until the arm starts, together: the settling time of
    /// the controller's limits (10 ms), its ticks, the arm's lag and the messages there and back. Source: what a dot takes on the simulator
    /// besides its motion, the needle's way and the dwell; `tests/tests/session_time.rs` holds the whole against the simulator.
    pub settling: Time,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            out: Speed::from_mm_per_s(100.0),
            back: Speed::from_mm_per_s(150.0),
            dwell: DWELL,
            settling: Time::from_ms(37.0),
        }
    }
}

impl Pace {
    /// A dot of that depth besides the arm's motion.
    #[must_use]
    pub fn dot(&self, depth: Length) -> Time {
        self.needle_travel(depth) + self.dwell + self.settling
    }

    /// The needle's way from the hover gap to the depth and back.
    #[must_use]
    pub fn needle_travel(&self, depth: Length) -> Time {
        let way = (HOVER + depth).m();
        Time::from_s(way / self.out.m_per_s() + way / self.back.m_per_s())
    }
}

/// One layer's expected time: the durations of the hops that are made (from dot to dot, where no stop away from the head lies between), its
/// dots' depths, its stops, and the time of all ways off the head and back.
#[must_use]
pub fn layer(
    hops: impl IntoIterator<Item = Time>,
    depths: impl IntoIterator<Item = Length>,
    stops: &[Stop],
    ways: Time,
    pace: &Pace,
) -> SessionParts {
    let mut parts = SessionParts {
        station_ways: ways,
        ..SessionParts::default()
    };
    for hop in hops {
        parts.motion = parts.motion + hop;
    }
    let mut dots = 0_u32;
    for depth in depths {
        parts.needle_travel = parts.needle_travel + pace.needle_travel(depth);
        dots += 1;
    }
    parts.dwell = pace.dwell * f64::from(dots);
    parts.settling = pace.settling * f64::from(dots);
    for stop in stops {
        let part = match stop.kind {
            StopKind::NeedleChange { .. } => &mut parts.needle_changes,
            StopKind::ShadeChange { .. } => &mut parts.shade_changes,
            StopKind::InkDip { .. } => &mut parts.dips,
            StopKind::Break => &mut parts.breaks,
            StopKind::Rest => &mut parts.rests,
        };
        *part = *part + stop.expected;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(before: u32, kind: StopKind, s: f64) -> Stop {
        Stop {
            before,
            kind,
            expected: Time::from_s(s),
        }
    }

    #[test]
    fn every_second_is_under_its_part() {
        let pace = Pace {
            out: Speed::from_mm_per_s(100.0),
            back: Speed::from_mm_per_s(50.0),
            dwell: Time::from_s(1.0),
            settling: Time::from_s(0.5),
        };
        let stops = [
            stop(0, StopKind::NeedleChange { needle: 0 }, 60.0),
            stop(0, StopKind::InkDip { shade: 0 }, 4.0),
            stop(1, StopKind::Rest, 2.5),
            stop(2, StopKind::Break, 300.0),
            stop(2, StopKind::ShadeChange { shade: 1 }, 30.0),
            stop(2, StopKind::InkDip { shade: 1 }, 4.0),
        ];
        let hops = [0.25, 0.5].map(Time::from_s);
        let depths = [1.0, 1.0, 1.0].map(Length::from_mm);
        let parts = layer(hops, depths, &stops, Time::from_s(40.0), &pace);
        let expected = [
            ("motion", 0.75),
            // Three times 3 mm out at 100 and in at 50 mm/s.
            ("needle_travel", 0.27),
            ("dwell", 3.0),
            ("settling", 1.5),
            ("dips", 8.0),
            ("needle_changes", 60.0),
            ("shade_changes", 30.0),
            ("rests", 2.5),
            ("breaks", 300.0),
            ("station_ways", 40.0),
        ];
        for ((name, part), (key, s)) in parts.named().into_iter().zip(expected) {
            assert!(
                name == key && (part.s() - s).abs() < 1e-9,
                "{name}: {}",
                part.s()
            );
        }
        assert!((parts.total().s() - expected.iter().map(|e| e.1).sum::<f64>()).abs() < 1e-9);
    }

    #[test]
    fn no_dots_take_no_time() {
        let parts = layer([], [], &[], Time::ZERO, &Pace::default());
        assert_eq!(parts.total(), Time::ZERO);
    }
}
