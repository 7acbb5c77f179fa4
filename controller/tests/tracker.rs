//! Every way in which a head tracker goes wrong, in the middle of a session on the real hop planner: the needle is in and the session
//! stopped in time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod plant;

use std::sync::Arc;

use plant::{Amiss, Bed, Plant, TICK, bed};
use stipple_controller::ports::{HeadPort, Micros, OperatorPort, Ports, Stamped};
use stipple_controller::record::Record;
use stipple_controller::registration::Registration;
use stipple_controller::services::{InlineServices, WallClock};
use stipple_controller::session::{
    RegisterError, Registered, Selection, Session, SessionConfig, SessionView, StartError,
};
use stipple_core::{Fault, Limits, State, Waits};
use stipple_model::frames::{Base, Head, Transform};

/// H4: from the onset of the fault.
const IN_TIME: Micros = Micros::from_ms(100);

type Pose = Stamped<Transform<Base, Head>>;

/// What becomes of the true tracker's poses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    /// No pose any more.
    Off,
    /// One pose again and again, each time as a new one.
    Stuck,
    /// Numbers that are none.
    Garbage,
    /// Poses somewhere else, each somewhere else again, by 20 mm and more: what is less in a sixtieth of a second a head can do, too, and is
    /// answered as a head that moves.
    Jumping,
    /// Poses of another place, all of them: another marker, or the tracker was knocked.
    Elsewhere,
    /// The same by as much as a head can go in a frame: a marker that slipped.
    Slipped,
    /// Nothing for a second, then what was measured meanwhile.
    Delayed,
    /// One pose in ten comes through.
    Intermittent,
}

/// A tracker between the true one and the session.
struct Fouled {
    wrong: Option<(Wrong, Micros)>,
    /// Since when the marker sits 30 mm too low.
    away: Option<Micros>,
    now: Micros,
    out: Option<Pose>,
    sequence: u64,
    /// The last poses of the true tracker, newest last.
    true_ones: Vec<Pose>,
}

impl Fouled {
    /// Takes what the true tracker shows at `now`.
    fn take(&mut self, now: Micros, shown: Option<Pose>) {
        self.now = now;
        let Some(shown) = shown.filter(|s| {
            self.true_ones
                .last()
                .is_none_or(|last| last.sequence != s.sequence)
        }) else {
            return;
        };
        self.true_ones.push(shown);
        let turn = self.true_ones.len();
        let before = |back: usize| self.true_ones[turn.saturating_sub(1 + back)].value;
        let moved = |by: f64| {
            let mut iso = *shown.value.raw();
            iso.translation.vector.y += by;
            Transform::from_raw(iso)
        };
        if self.away.is_some() {
            let mut iso = *shown.value.raw();
            iso.translation.vector.z -= 0.03;
            return self.give(Transform::from_raw(iso));
        }
        let Some((wrong, since)) = self.wrong else {
            return self.give(shown.value);
        };
        let lost = self.true_ones.iter().filter(|p| p.arrived > since).count();
        match wrong {
            Wrong::Off => {}
            Wrong::Stuck => {
                if let Some(last) = self.out {
                    self.give(last.value);
                }
            }
            Wrong::Garbage => self.give(moved(f64::NAN)),
            Wrong::Jumping => {
                let side = if turn.is_multiple_of(2) { 1.0 } else { -1.0 };
                self.give(moved(side * 0.02 * (1 + turn % 4) as f64));
            }
            Wrong::Elsewhere => self.give(moved(0.05)),
            Wrong::Slipped => self.give(moved(0.008)),
            Wrong::Delayed if now.passed(since, Micros::from_ms(1000)) => self.give(before(60)),
            Wrong::Delayed => {}
            Wrong::Intermittent if lost.is_multiple_of(10) => self.give(shown.value),
            Wrong::Intermittent => {}
        }
    }

    fn give(&mut self, value: Transform<Base, Head>) {
        self.sequence += 1;
        self.out = Some(Stamped {
            value,
            arrived: self.now,
            sequence: self.sequence,
        });
    }
}

impl HeadPort for Fouled {
    fn head_pose(&self) -> Option<Pose> {
        self.out
    }
}

struct Bench {
    session: Session,
    plant: Plant,
    tracker: Fouled,
    services: InlineServices<stipple_controller::hops::CellPlanner>,
}

impl Bench {
    fn started(bed: &Bed) -> Self {
        let mut bench = Self::ready(bed);
        let selection = Selection {
            layer: 1,
            max_dots: None,
        };
        bench.session.start(selection).unwrap();
        bench
    }

    fn ready(bed: &Bed) -> Self {
        let record = Record::in_memory(bed.binding, 0).unwrap();
        let config = SessionConfig::new(Limits::HARDWARE, 1);
        let planner = bed.planner.clone();
        let done = record.dots().unwrap();
        let session = Session::new(&bed.admitted, Arc::new(planner.clone()), done, config);
        let mut bench = Self {
            session,
            plant: Plant::new(bed),
            tracker: Fouled {
                wrong: None,
                away: None,
                now: Micros::ZERO,
                out: None,
                sequence: 0,
                true_ones: Vec::new(),
            },
            services: InlineServices::new(planner, record, WallClock { at_zero_us: 0 }),
        };
        bench.until(5.0, |v| v.state == State::Ready);
        bench
    }

    /// For so many seconds.
    fn pass(&mut self, seconds: f64) -> SessionView {
        let mut left = (seconds * 500.0) as u64;
        self.until(seconds, |_| {
            left -= 1;
            left == 0
        })
    }

    /// Registers the head as scanned just now.
    fn register(&mut self) -> Result<(), RegisterError> {
        let registration = Registration::exact(self.plant.now);
        self.session.register(registration)
    }

    fn tick(&mut self) -> SessionView {
        self.plant.advance();
        let now = self.plant.now;
        self.tracker.take(now, self.plant.tracker.head_pose());
        let operator: &mut dyn OperatorPort = &mut self.plant.operator;
        let mut ports = Ports {
            arm: &mut self.plant.arm,
            needle: &mut self.plant.needle,
            head: &mut self.tracker,
            operator,
        };
        self.session.tick(now, &mut ports, &mut self.services)
    }

    fn until(&mut self, seconds: f64, mut done: impl FnMut(&SessionView) -> bool) -> SessionView {
        for _ in 0..(seconds * 500.0) as u64 {
            let view = self.tick();
            if done(&view) {
                return view;
            }
        }
        panic!("not reached in {seconds} s: {:?}", self.session.state());
    }
}

/// H4: each type of fault of the tracker, at each moment of the work on a dot.
#[test]
fn a_tracker_that_goes_wrong_stops_the_session_within_a_tenth_of_a_second() {
    let bed = bed(30);
    for wrong in [
        Wrong::Off,
        Wrong::Stuck,
        Wrong::Garbage,
        Wrong::Jumping,
        Wrong::Elsewhere,
        Wrong::Delayed,
        Wrong::Intermittent,
    ] {
        for state in [State::Approaching, State::Extending, State::Dwelling] {
            let mut bench = Bench::started(&bed);
            bench.until(20.0, |v| v.progress.placed == 3 && v.state == state);
            let onset = bench.plant.now;
            bench.tracker.wrong = Some((wrong, onset));
            let view = bench.until(3.0, |v| v.fault.is_some());
            assert_eq!(view.fault, Some(Fault::HeadLost), "{wrong:?}, {state:?}");
            let took = bench.plant.now.since(onset).unwrap();
            // Counted from the last pose that was right, which came up to a frame before.
            assert!(
                took <= IN_TIME.after(TICK),
                "{wrong:?}, {state:?}: {took:?}"
            );
            // Nothing that is wrong becomes believable by being wrong for long.
            bench.until(10.0, |v| v.state == State::Faulted);
            for _ in 0..50 {
                assert_eq!(bench.tick().state, State::Faulted);
            }
            assert!(bench.plant.needle.extension <= Limits::HARDWARE.needle_in);
        }
    }
}

/// H3: a pose farther off than a head can go in a frame is not believed, and in the middle of a stroke nobody waits to see whether it stays:
/// a head that is hit may be there.
#[test]
fn a_pose_that_is_not_believed_ends_the_stroke_in_the_next_tick() {
    let bed = bed(30);
    for wrong in [Wrong::Jumping, Wrong::Elsewhere] {
        for state in [State::Extending, State::Dwelling] {
            let mut bench = Bench::started(&bed);
            bench.until(20.0, |v| v.progress.placed == 3 && v.state == state);
            bench.tracker.wrong = Some((wrong, bench.plant.now));
            let before = bench.tracker.sequence;
            while bench.tracker.sequence == before {
                let told = bench.plant.needle.dot();
                assert!(told.is_some(), "{wrong:?}, {state:?}: in before the frame");
                bench.tick();
            }
            let told = bench.plant.needle.dot();
            assert_eq!(told, None, "{wrong:?}, {state:?}");
        }
    }
}

/// H3, H4: a head is not registered by poses that are not believed, nor soon after one; and what slips just as it is registered is a loss, as
/// ever.
#[test]
fn a_head_is_not_registered_by_a_marker_that_jumps_and_one_that_slips_then_is_told() {
    let bed = bed(5);
    let mut bench = Bench::ready(&bed);
    bench.tracker.wrong = Some((Wrong::Elsewhere, bench.plant.now));
    bench.pass(0.05);
    assert_eq!(bench.register(), Err(RegisterError::Jumped));
    // It came back before it counted as lost, but where it was when the scanner looked nobody knows.
    let scanned = Registration::exact(bench.plant.now);
    bench.tracker.wrong = None;
    let view = bench.pass(0.3);
    assert_eq!(view.registered, Registered::NotNeeded, "never lost");
    let refused = bench.session.register(scanned);
    assert_eq!(refused, Err(RegisterError::Jumped));
    assert_eq!(bench.register(), Ok(()));
    for wrong in [Wrong::Slipped, Wrong::Elsewhere] {
        assert_eq!(bench.pass(0.1).registered, Registered::Done);
        assert_eq!(bench.register(), Ok(()), "{wrong:?}");
        bench.tracker.wrong = Some((wrong, bench.plant.now));
        bench.until(0.25, |v| v.registered == Registered::Lost);
        bench.tracker.wrong = None;
        bench.pass(0.5);
        assert_eq!(bench.register(), Ok(()), "{wrong:?}");
    }
}

/// H3: a head that seems farther away once its marker has slipped does not make the arm believe that it is off it: at whatever moment of its
/// way down.
#[test]
fn off_a_head_that_was_lost_the_arm_lifts_from_where_it_was() {
    let bed = bed(30);
    let mut sinking = 0;
    for k in 1..60 {
        let mut bench = Bench::started(&bed);
        bench.until(5.0, |v| v.state == State::Approaching);
        if bench.pass(0.06 * f64::from(k)).state != State::Approaching {
            break;
        }
        let before = bench.plant.height(&bed.planner, 0.2);
        bench.tracker.away = Some(bench.plant.now);
        // It takes its time to come to rest: the tracker is heard again by then, from the other place.
        bench.plant.arm.amiss = Some((Amiss::Shivers(Micros::from_ms(300)), bench.plant.now));
        bench.until(3.0, |v| v.fault == Some(Fault::HeadLost));
        let view = bench.until(10.0, |v| v.state == State::Faulted);
        let height = bench.plant.height(&bed.planner, 0.2);
        assert!(
            view.waits != Some(Waits::Lifted) || height > 14e-3,
            "{before} m, then {height} m: {view:?}"
        );
        sinking += u32::from(before < 50e-3);
    }
    assert!(sinking > 3, "{sinking}: the test shows nothing");
}

/// H7: a head a long way from where it was planned for is one in another frame, or another chair.
#[test]
fn nothing_starts_with_a_head_far_from_where_it_was_planned_for() {
    let bed = bed(5);
    for (aside, turned, starts) in [(0.1, 0.3, true), (0.25, 0.0, false), (0.0, 1.0, false)] {
        let mut bench = Bench::ready(&bed);
        let moved = Transform::from_xyz_rpy([0.0, aside, 0.0], [0.0, 0.0, turned]);
        bench.plant.tracker.base_from_head = bench.plant.tracker.base_from_head * moved;
        // The tracker is believed there after a while, as a head that must be registered.
        bench.pass(1.0);
        assert_eq!(bench.register(), Ok(()));
        bench.pass(0.1);
        let started = bench.session.start(Selection {
            layer: 1,
            max_dots: None,
        });
        let far = matches!(started, Err(StartError::FarHead { .. }));
        assert_eq!(
            (started.is_ok(), far),
            (starts, !starts),
            "{aside} m, {turned}: {started:?}"
        );
    }
}
