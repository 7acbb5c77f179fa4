//! Sessions on the real hop planner and record, against a plant that breathes, drifts and is tracked with noise.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod plant;

use std::collections::BTreeSet;
use std::sync::Arc;

use plant::{Bed, Plant, bed, bed_without_station};
use stipple_controller::ports::Micros;
use stipple_controller::record::{Durability, Record};
use stipple_controller::registration::Registration;
use stipple_controller::report::{Report, Spread};
use stipple_controller::services::{InlineServices, WallClock};
use stipple_controller::session::{
    Asked, RegisterError, Registered, Selection, Session, SessionConfig, SessionView, StartError,
};
use stipple_core::{Command, Denied, Fault, Limits, State, Waits};
use stipple_model::frames::Transform;
use stipple_model::units::Length;

const WALL: WallClock = WallClock {
    at_zero_us: 1_700_000_000_000_000,
};

/// A head that lies within so many mm where it is tracked, as scanned at this moment.
fn registration(bench: &Bench, residual: f64) -> Registration {
    Registration {
        residual: Length::from_mm(residual),
        ..Registration::exact(bench.plant.now)
    }
}

struct Bench {
    session: Session,
    plant: Plant,
    services: InlineServices<stipple_controller::hops::CellPlanner>,
}

impl Bench {
    fn new(bed: &Bed, record: Record, first_nonce: u64) -> Self {
        let config = SessionConfig::new(Limits::HARDWARE, first_nonce);
        let done = record.dots().unwrap();
        let session = Session::new(&bed.admitted, Arc::new(bed.planner.clone()), done, config);
        Self {
            session,
            plant: Plant::new(bed),
            services: InlineServices::new(bed.planner.clone(), record, WALL),
        }
    }

    fn tick(&mut self) -> SessionView {
        self.plant.advance();
        let now = self.plant.now;
        self.session
            .tick(now, &mut self.plant.ports(), &mut self.services)
    }

    fn until(&mut self, seconds: f64, mut done: impl FnMut(&SessionView) -> bool) -> SessionView {
        let mut view = self.tick();
        for _ in 0..(seconds * 500.0) as u64 {
            if done(&view) {
                return view;
            }
            view = self.tick();
        }
        panic!(
            "not reached in {seconds} s: {view:?}, last refusal {:?}",
            self.session.last_refusal()
        );
    }

    fn start(&mut self, max_dots: Option<u32>) {
        self.until(5.0, |v| v.state == State::Ready);
        self.session
            .start(Selection { layer: 1, max_dots })
            .unwrap();
        assert_eq!(self.tick().reply, Some(Ok(())));
    }
}

fn memory(bed: &Bed) -> Record {
    Record::in_memory(bed.binding, WALL.at_zero_us).unwrap()
}

#[test]
fn a_breathing_head_gets_every_dot_where_it_belongs() {
    let bed = bed(100);
    let mut bench = Bench::new(&bed, memory(&bed), 0);
    bench.start(None);
    let begun = bench.plant.now;
    let view = bench.until(120.0, |v| v.finished);
    let took = bench.plant.now.since(begun).unwrap().s();
    assert_eq!(
        (view.progress.placed, view.progress.remaining()),
        (100, 0),
        "{view:?} {:?}",
        bench.session.skipped()
    );
    let dots: BTreeSet<u32> = bench.plant.strikes.iter().map(|s| s.0).collect();
    assert_eq!(
        (dots.len(), bench.plant.strikes.len()),
        (100, 100),
        "each dot once"
    );
    let lateral = Spread::of(bench.plant.strikes.iter().map(|s| s.1 * 1e3)).unwrap();
    let depth = Spread::of(
        bench
            .plant
            .strikes
            .iter()
            .map(|s| (s.2 - 0.6e-3).abs() * 1e3),
    )
    .unwrap();
    eprintln!(
        "{took:.1} s, {:.2} dots/s, lateral {lateral:?} mm, depth {depth:?} mm",
        100.0 / took
    );
    assert!(
        lateral.p95 <= 0.3 && depth.p99 <= 0.2,
        "lateral {lateral:?}, depth {depth:?}"
    );
    assert!(100.0 / took >= 2.0, "{took} s for 100 dots");
    let placed = bench.services.record().placed().unwrap();
    let report = Report::of(&bench.session, "s", view.progress, &placed, took);
    assert_eq!((placed.len(), report.placed), (100, 100));
    let mut results = 0;
    while bench.session.next_result().is_some() {
        results += 1;
    }
    assert_eq!(results, 100);
}

#[test]
fn the_same_inputs_give_the_same_session() {
    let bed = bed(20);
    let run = || {
        let mut bench = Bench::new(&bed, memory(&bed), 0);
        bench.start(None);
        bench.until(60.0, |v| v.finished);
        (bench.plant.now, bench.plant.strikes)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_break_without_a_station_is_spent_lifted_off_the_head() {
    use stipple_controller::hops::Kinematics as _;
    let bed = bed_without_station(20);
    let mut bench = Bench::new(&bed, memory(&bed), 0);
    bench.start(None);
    bench.until(30.0, |v| v.state == State::Dwelling);
    bench.session.command(Command::Pause);
    let view = bench.until(10.0, |v| v.state == State::Paused);
    assert_eq!(view.waits, Some(Waits::Lifted));
    let tip = bed.planner.base_from_tip(&bench.plant.arm.rest).origin();
    let head = bench.plant.tracker.truth(bench.plant.now).origin();
    assert!(
        tip.distance(&head) > 0.09 + 0.015,
        "paused {} m from the head's middle",
        tip.distance(&head)
    );
    bench.session.command(Command::Resume);
    bench.until(60.0, |v| v.finished);
    assert_eq!(bench.plant.strikes.len(), 20);
}

#[test]
fn a_break_is_spent_at_the_station_and_resume_goes_on_with_the_same_dot() {
    let bed = bed(20);
    let station = bed.admitted.plan().station.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.sqlite");
    let record = Record::open(
        &path,
        bed.binding,
        Durability::ProcessCrash,
        WALL.at_zero_us,
    );
    let mut bench = Bench::new(&bed, record.unwrap(), 0);
    bench.start(None);
    bench.until(30.0, |v| {
        v.progress.placed == 5 && v.state == State::Approaching
    });
    bench
        .session
        .pause_asked(Asked::new(Some("A. Operator"), "the client stretches"));
    bench.session.command(Command::Pause);
    bench.until(10.0, |v| v.state == State::Paused);
    let rest = bench.plant.arm.rest;
    assert!(rest.max_difference(&station) < 1e-3, "at {rest:?}");
    assert_eq!(
        bench.services.record().counts().unwrap().intent,
        0,
        "an intent stands while nothing will be struck"
    );
    for _ in 0..1000 {
        assert_eq!(bench.tick().state, State::Paused);
    }
    assert_eq!(bench.plant.arm.rest, rest, "held at the station");
    bench.session.command(Command::Resume);
    let view = bench.until(60.0, |v| v.finished);
    assert_eq!((view.progress.placed, view.progress.skipped), (20, 0));
    assert_eq!(bench.plant.strikes.len(), 20);
    assert_eq!(view.waits, Some(Waits::Parked), "after the work, too");
    let [pause] = bench.session.breaks() else {
        panic!("{:?}", bench.session.breaks())
    };
    let lasted = pause.lasted(bench.plant.now);
    let why = "paused by the operator (A. Operator): the client stretches";
    assert_eq!(pause.reason(), format!("{why}; the arm is at its station"));
    assert!(lasted >= Micros::from_ms(2000) && lasted <= Micros::from_ms(2010));
    drop(bench.services);
    let record = rusqlite::Connection::open(&path).unwrap();
    let detail = |kind: &str| -> String {
        let sql = "SELECT detail FROM events WHERE kind = ?1";
        record.query_row(sql, [kind], |row| row.get(0)).unwrap()
    };
    assert_eq!(detail("pause"), pause.reason());
    let ended = format!("{:.3} s: {why}", lasted.s());
    assert_eq!(detail("break"), ended);
}

/// H3: tracking that is lost in a break is lost all the same.
#[test]
fn a_head_that_was_lost_in_a_break_is_registered_before_the_work_goes_on() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed, memory(&bed), 0);
    bench.start(None);
    bench.until(30.0, |v| v.progress.placed == 5);
    bench.session.command(Command::Pause);
    bench.until(20.0, |v| v.state == State::Paused);
    bench.plant.tracker.lost = true;
    bench.until(0.2, |v| v.registered == Registered::Lost);
    bench.plant.tracker.lost = false;
    for _ in 0..250 {
        bench.tick();
    }
    bench.session.command(Command::Resume);
    let view = bench.tick();
    assert_eq!(view.reply, Some(Err(Denied::Registration)));
    for _ in 0..500 {
        assert_eq!(bench.tick().state, State::Paused);
    }
    assert_eq!(bench.session.register(registration(&bench, 0.4)), Ok(()));
    bench.until(1.0, |v| v.registered == Registered::Done);
    // What was lost once stays to be known as well as after a loss.
    for _ in 0..250 {
        bench.tick();
    }
    let coarse = bench.session.register(registration(&bench, 0.9));
    assert!(matches!(coarse, Err(RegisterError::Residual { .. })));
    bench.session.command(Command::Resume);
    assert_eq!(bench.tick().reply, Some(Ok(())));
    let view = bench.until(60.0, |v| v.finished);
    assert_eq!((view.progress.placed, bench.plant.strikes.len()), (20, 20));
}

/// H3: a head that turns about its own middle, where no dot is left to look at, is seen to move.
#[test]
fn a_head_that_turns_stops_the_arm_on_its_way_to_the_station() {
    let bed = bed(5);
    let station = bed.admitted.plan().station.unwrap();
    let mut bench = Bench::new(&bed, memory(&bed), 0);
    bench.start(None);
    let at = |bench: &Bench| bench.plant.arm.state().position;
    let to_go = |bench: &Bench| at(bench).max_difference(&station);
    bench.until(30.0, |v| v.state == State::Pausing);
    bench.until(30.0, |_| true);
    let whole = to_go(&bench);
    while to_go(&bench) > 0.6 * whole {
        assert_eq!(bench.tick().state, State::Pausing);
    }
    assert!(
        bench.plant.arm.motion.is_some() && to_go(&bench) > 0.2,
        "on its way"
    );
    let turn = Transform::from_xyz_rpy([0.0; 3], [0.0, 0.0, 0.05_f64.to_radians()]);
    for _ in 0..100 {
        bench.plant.tracker.base_from_head = bench.plant.tracker.base_from_head * turn;
        bench.tick();
    }
    let stopped = at(&bench);
    for _ in 0..200 {
        bench.plant.tracker.base_from_head = bench.plant.tracker.base_from_head * turn;
        bench.tick();
        assert_eq!(at(&bench), stopped, "it goes on over a head that turns");
    }
    assert!(stopped.max_difference(&station) > 0.05);
    let view = bench.until(60.0, |v| v.finished);
    assert_eq!(view.fault, None);
}

#[test]
fn stop_clear_and_start_again_leaves_nothing_out_and_strikes_nothing_twice() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed, memory(&bed), 0);
    bench.start(Some(10));
    bench.until(30.0, |v| {
        v.progress.placed == 4 && v.state == State::Dwelling
    });
    bench.session.command(Command::Stop);
    bench.until(5.0, |v| v.state == State::Stopped);
    assert_eq!(
        bench.session.start(Selection {
            layer: 1,
            max_dots: None
        }),
        Err(StartError::State(State::Stopped))
    );
    bench.session.command(Command::ClearFault);
    bench.start(None);
    bench.until(60.0, |v| v.finished);
    let dots: BTreeSet<u32> = bench.plant.strikes.iter().map(|s| s.0).collect();
    assert_eq!((dots.len(), bench.plant.strikes.len()), (20, 20));
    assert_eq!(bench.services.record().counts().unwrap().placed, 20);
    assert_eq!(
        bench.session.start(Selection {
            layer: 1,
            max_dots: None
        }),
        Err(StartError::NothingLeft { layer: 1 })
    );
}

/// H3.
#[test]
fn a_head_that_moves_draws_the_needle_back_and_a_tracker_that_falls_silent_stops_all() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed, memory(&bed), 0);
    bench.start(None);
    bench.until(30.0, |v| {
        v.progress.placed == 3 && v.state == State::Extending
    });
    let moved = bench.plant.now;
    bench.plant.tracker.jerk = Some((moved, 0.05));
    bench.until(5.0, |v| v.state == State::Retracting);
    let seen = bench.plant.now.since(moved).unwrap();
    // 50 mm/s pass 0.5 mm after 10 ms; latency, the tracker's period and the 30 ms of the hazard list on top.
    assert!(
        seen <= Micros::from_ms(10 + 10 + 17 + 30),
        "needle drawn back after {seen:?}"
    );
    bench.until(2.0, |v| v.state == State::Approaching);
    // The head stays where it is now.
    bench.plant.tracker.base_from_head = bench.plant.tracker.truth(bench.plant.now);
    bench.plant.tracker.jerk = None;
    let view = bench.until(20.0, |v| v.progress.placed >= 8);
    assert_eq!(view.fault, None);
    bench.plant.tracker.lost = true;
    let view = bench.until(0.2, |v| v.fault.is_some());
    assert_eq!(
        (view.fault, view.state),
        (Some(Fault::HeadLost), State::Pausing)
    );
    let height = |bench: &Bench| bench.plant.height(&bed.planner, 0.1);
    let low = height(&bench);
    let view = bench.until(10.0, |v| v.state == State::Faulted);
    assert_eq!(
        (view.fault, view.waits),
        (Some(Fault::HeadLost), Some(Waits::Lifted))
    );
    assert!(low < 10e-3 && height(&bench) > 20e-3, "lifted off the head");
    let lost = bench.plant.now;
    bench.plant.tracker.lost = false;
    bench.until(0.5, |v| v.state == State::Faulted);
    bench.session.command(Command::ClearFault);
    // The head is to be looked at before anything goes on.
    bench.until(5.0, |v| v.state == State::Ready);
    let whole = Selection {
        layer: 1,
        max_dots: None,
    };
    let refused = bench.session.start(whole);
    assert_eq!(
        refused,
        Err(StartError::NotRegistered(Registered::Lost)),
        "{refused:?}"
    );
    // H3: after a loss 0.5 mm.
    let before = Registration::exact(lost);
    assert_eq!(bench.session.register(before), Err(RegisterError::Before));
    let coarse = bench.session.register(registration(&bench, 0.6));
    assert!(matches!(coarse, Err(RegisterError::Residual { .. })));
    assert_eq!(bench.session.register(registration(&bench, 0.4)), Ok(()));
    bench.start(None);
    bench.until(60.0, |v| v.finished);
    let dots: BTreeSet<u32> = bench.plant.strikes.iter().map(|s| s.0).collect();
    assert_eq!(
        dots.len(),
        bench.plant.strikes.len(),
        "a dot was struck twice"
    );
    assert_eq!(bench.session.done().len(), 20);
}

/// H9.
#[test]
fn an_operator_who_is_gone_stops_the_session_and_their_return_starts_nothing() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed, memory(&bed), 0);
    bench.start(None);
    bench.until(30.0, |v| {
        v.progress.placed == 4 && v.state == State::Approaching
    });
    let left = bench.plant.now;
    bench.plant.operator.left = Some(left);
    let view = bench.until(1.0, |v| v.state == State::Faulted);
    assert_eq!(view.fault, Some(Fault::LeaseLost));
    // H9: 500 ms and the tick that sees it.
    let lasted = bench.plant.now.since(left).unwrap();
    assert!(lasted <= Micros::from_ms(502), "stopped after {lasted:?}");
    bench.until(0.2, |_| true);
    (bench.plant.operator.left, bench.plant.operator.term) = (None, 2);
    let (rest, struck) = (bench.plant.arm.rest, bench.plant.strikes.len());
    for _ in 0..1000 {
        assert_eq!(bench.tick().state, State::Faulted);
    }
    assert_eq!(
        (bench.plant.arm.rest, bench.plant.strikes.len()),
        (rest, struck)
    );
    bench.session.command(Command::ClearFault);
    bench.start(None);
    bench.until(60.0, |v| v.finished);
    let dots: BTreeSet<u32> = bench.plant.strikes.iter().map(|s| s.0).collect();
    assert_eq!((dots.len(), bench.plant.strikes.len()), (20, 20));
}

/// H6.
#[test]
fn a_crash_leaves_at_most_one_dot_in_doubt_and_none_is_struck_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.sqlite");
    let bed = bed(20);
    let mut strikes = Vec::new();
    for (life, ticks) in [311u64, 457, 523, 608, 701].into_iter().enumerate() {
        let record = Record::open(
            &path,
            bed.binding,
            Durability::ProcessCrash,
            WALL.at_zero_us,
        )
        .unwrap();
        let mut bench = Bench::new(&bed, record, life as u64 * 1000);
        bench.until(5.0, |v| v.state == State::Ready);
        bench
            .session
            .start(Selection {
                layer: 1,
                max_dots: None,
            })
            .unwrap();
        for _ in 0..ticks {
            bench.tick();
        }
        strikes.extend(bench.plant.strikes.iter().map(|s| s.0));
        let counts = bench.services.record().counts().unwrap();
        assert!(counts.intent <= 1);
        assert!(counts.in_doubt as usize <= life);
        // Dropped in the middle of it all.
    }
    let dots: BTreeSet<u32> = strikes.iter().copied().collect();
    assert_eq!(dots.len(), strikes.len(), "a dot was struck twice");
    let record = Record::open(&path, bed.binding, Durability::PowerCut, WALL.at_zero_us).unwrap();
    let done = record.dots().unwrap();
    assert!(
        strikes
            .iter()
            .all(|d| done.contains_key(&stipple_model::plan::DotId(*d))),
        "a strike is not in the record"
    );
}
