//! Sessions whose motions come late, come wrong or are refused, and whose operator asks at a bad moment.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod plant;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use plant::{Bed, Plant, bed};
use stipple_controller::hops::{CellPlanner, HopRefusal};
use stipple_controller::ports::Micros;
use stipple_controller::record::Record;
use stipple_controller::services::{Answer, InlineServices, Note, Request, Services, WallClock};
use stipple_controller::session::{Selection, Session, SessionConfig, SessionView};
use stipple_core::{Command, Denied, Fault, Leg, Limits, State};
use stipple_model::frames::Transform;
use stipple_model::plan::DotId;

const WALL: WallClock = WallClock {
    at_zero_us: 1_700_000_000_000_000,
};

/// Services that note what they are asked, and answer wrongly what they are told to.
struct Meddling {
    inner: InlineServices<CellPlanner>,
    /// Hops asked for, by dot.
    hops: BTreeMap<DotId, u32>,
    lifts: u32,
    parks: u32,
    faults: Vec<String>,
    /// The first hop to this dot is refused.
    refuse_first: Option<DotId>,
    /// The first lift is computed from somewhere else, rad.
    first_lift_off: f64,
    answers: VecDeque<Answer>,
}

impl Services for Meddling {
    fn ask(&mut self, mut request: Request) {
        match &mut request {
            Request::Hop(ticket, hop) => {
                let times = self.hops.entry(hop.dot).or_default();
                *times += 1;
                if *times == 1 && self.refuse_first == Some(hop.dot) {
                    self.answers
                        .push_back(Answer::Hop(*ticket, Err(HopRefusal::BadInput)));
                    return;
                }
            }
            Request::Off { leg: Leg::Park, .. } => self.parks += 1,
            Request::Off { from, .. } => {
                self.lifts += 1;
                if self.lifts == 1 {
                    *from = from.map(|q| q + self.first_lift_off);
                }
            }
            Request::Note(Note::Event { kind, detail, .. }) if *kind == "fault" => {
                self.faults.push(detail.to_string());
            }
            Request::Note(_) => {}
        }
        self.inner.ask(request);
    }

    fn answer(&mut self) -> Option<Answer> {
        self.answers.pop_front().or_else(|| self.inner.answer())
    }
}

struct Bench {
    session: Session,
    plant: Plant,
    services: Meddling,
}

impl Bench {
    fn new(bed: &Bed) -> Self {
        let record = Record::in_memory(bed.binding, WALL.at_zero_us).unwrap();
        let config = SessionConfig::new(Limits::HARDWARE, 0);
        let done = record.dots().unwrap();
        let session = Session::new(&bed.admitted, Arc::new(bed.planner.clone()), done, config);
        Self {
            session,
            plant: Plant::new(bed),
            services: Meddling {
                inner: InlineServices::new(bed.planner.clone(), record, WALL),
                hops: BTreeMap::new(),
                lifts: 0,
                parks: 0,
                faults: Vec::new(),
                refuse_first: None,
                first_lift_off: 0.0,
                answers: VecDeque::new(),
            },
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
        panic!("not reached in {seconds} s: {view:?}");
    }

    fn select(&mut self, max_dots: Option<u32>) {
        self.session
            .start(Selection { layer: 1, max_dots })
            .unwrap();
    }

    fn start(&mut self, max_dots: Option<u32>) {
        self.until(5.0, |v| v.state == State::Ready);
        self.select(max_dots);
        assert_eq!(self.tick().reply, Some(Ok(())));
    }
}

/// The plant itself refuses a motion that starts elsewhere.
#[test]
fn a_lift_from_elsewhere_is_not_followed_but_asked_for_again() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed);
    bench.services.first_lift_off = 0.01;
    bench.start(None);
    bench.until(30.0, |v| {
        v.progress.placed == 2 && v.state == State::Dwelling
    });
    bench.session.command(Command::Pause);
    bench.until(10.0, |v| v.state == State::Paused);
    assert_eq!(bench.services.lifts, 2);
    // Anew whenever the breathing head has gone a millimetre.
    assert!((1..=5).contains(&bench.services.parks));
}

#[test]
fn a_refusal_looked_ahead_falls_when_the_head_is_elsewhere_by_then() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed);
    let refused = bed.admitted.plan().sequence[0][4];
    bench.services.refuse_first = Some(refused);
    bench.start(None);
    bench.until(30.0, |v| {
        v.progress.placed == 3 && v.state == State::Dwelling
    });
    assert_eq!(bench.services.hops.get(&refused), Some(&1));
    let mut pose = *bench.plant.tracker.base_from_head.raw();
    pose.translation.vector.x += 0.4e-3;
    bench.plant.tracker.base_from_head = Transform::from_raw(pose);
    let view = bench.until(60.0, |v| v.finished);
    assert_eq!(view.progress.skipped, 0, "{:?}", bench.session.skipped());
}

#[test]
fn a_refusal_that_still_holds_is_asked_for_once() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed);
    let refused = bed.admitted.plan().sequence[0][0];
    bench.services.refuse_first = Some(refused);
    bench.start(None);
    let view = bench.until(60.0, |v| v.finished);
    assert_eq!((view.progress.skipped, view.progress.placed), (1, 19));
    assert_eq!(bench.services.hops.get(&refused), Some(&1));
}

#[test]
fn a_fault_in_the_tick_of_a_stop_is_in_the_record() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed);
    bench.start(None);
    bench.until(30.0, |v| v.progress.placed == 2);
    bench.plant.now = bench.plant.now.after(Micros::from_ms(18));
    bench.session.command(Command::Stop);
    let view = bench.tick();
    assert_eq!(
        (view.state, view.fault),
        (State::Stopping, Some(Fault::TickGap))
    );
    bench.until(5.0, |v| v.state == State::Stopped);
    assert_eq!(bench.session.faults().get("tick_gap"), Some(1));
    assert_eq!(bench.services.faults.len(), 1);
    assert!(bench.services.faults[0].starts_with("tick_gap"));
}

#[test]
fn a_start_that_is_denied_or_overtaken_by_a_stop_changes_nothing() {
    let bed = bed(20);
    let mut bench = Bench::new(&bed);
    bench.start(Some(3));
    let before = bench.until(30.0, |v| v.finished);
    assert_eq!(before.progress.placed, 3);
    bench.plant.operator.left = Some(bench.plant.now);
    for _ in 0..300 {
        bench.tick();
    }
    bench.select(None);
    bench.select(Some(1));
    let view = bench.tick();
    assert_eq!(view.reply, Some(Err(Denied::Lease)));
    assert_eq!(view.progress, before.progress);
    (bench.plant.operator.left, bench.plant.operator.term) = (None, 2);
    bench.until(1.0, |v| v.state == State::Ready);
    for _ in 0..300 {
        bench.tick();
    }
    bench.select(None);
    bench.session.command(Command::Stop);
    assert_eq!(bench.tick().progress, before.progress);
    let view = bench.until(5.0, |v| v.state == State::Stopped);
    assert_eq!(view.progress, before.progress);
    bench.session.command(Command::ClearFault);
    bench.start(None);
    let view = bench.until(60.0, |v| v.finished);
    assert_eq!((view.progress.planned, view.progress.remaining()), (17, 0));
    assert_eq!(bench.session.done().len(), 20);
}
