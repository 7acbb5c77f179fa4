//! A tick takes no memory and gives none back, whatever it does: work, pause, stop, fault, skip. Nor do the threads' services where the tick
//! meets them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]
#![allow(
    unsafe_code,
    reason = "the allocator's trait is unsafe; what it is asked for is only counted here and handed on to the system's"
)]

mod plant;

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plant::{Amiss, Bed, Plant, bed};
use stipple_controller::hops::{CellPlanner, HopRefusal, HopRequest};
use stipple_controller::ports::Micros;
use stipple_controller::record::{DotOutcome, Record, RecordError};
use stipple_controller::registration::Registration;
use stipple_controller::services::*;
use stipple_controller::session::{Asked, Found, Selection, Session, SessionConfig, SessionView};
use stipple_core::{Command, Fault, Limits, State};
use stipple_model::plan::DotId;

/// The system's allocator, watched.
struct Watched;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes whoever takes or gives back memory where nobody may.
fn note(what: &str) {
    if WATCHING.replace(false) {
        let from = format!("{what}\n{}", Backtrace::force_capture());
        SEEN.with_borrow_mut(|seen| seen.push(from));
        WATCHING.set(true);
    }
}

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each call is handed on as it came"
)]
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note("memory is taken");
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note("memory is given back");
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Does something in which no memory may be taken or given back.
fn without<T>(work: impl FnOnce() -> T) -> T {
    WATCHING.set(true);
    let done = work();
    WATCHING.set(false);
    let seen = SEEN.with_borrow_mut(std::mem::take);
    assert!(seen.is_empty(), "{} times, first: {}", seen.len(), seen[0]);
    done
}

#[test]
fn whoever_takes_memory_is_seen() {
    let seen = std::panic::catch_unwind(|| without(|| drop(std::hint::black_box(vec![0u8; 100]))));
    assert!(seen.is_err());
}

/// Work handed over in places made beforehand, and done between two ticks.
struct Aside {
    asked: VecDeque<Request>,
    answers: VecDeque<Answer>,
    inner: InlineServices<CellPlanner>,
    /// No motion to this dot.
    unreachable: Option<DotId>,
    /// The record does not answer any more, but with a failure.
    failing: bool,
}

impl Aside {
    fn work(&mut self) {
        while let Some(request) = self.asked.pop_front() {
            match (&request, self.unreachable) {
                (Request::Hop(ticket, HopRequest { dot, .. }), Some(not)) if *dot == not => {
                    let refused = Err(HopRefusal::NotPlanned);
                    self.answers.push_back(Answer::Hop(*ticket, refused));
                }
                (Request::Note(_), _) if self.failing => {
                    self.answers
                        .push_back(Answer::RecordFailed(RecordError::Failed));
                }
                _ => self.inner.ask(request),
            }
            while let Some(answer) = self.inner.answer() {
                self.answers.push_back(answer);
            }
        }
    }
}

impl Services for Aside {
    fn ask(&mut self, request: Request) {
        assert!(self.asked.len() < self.asked.capacity());
        self.asked.push_back(request);
    }

    fn answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }
}

struct Bench {
    session: Session,
    plant: Plant,
    services: Aside,
}

impl Bench {
    fn new(bed: &Bed) -> Self {
        let record = Record::in_memory(bed.binding, 0).unwrap();
        let planner = bed.planner.clone();
        let config = SessionConfig::new(Limits::HARDWARE, 1);
        let kinematics = Arc::new(planner.clone());
        let done = record.dots().unwrap();
        Self {
            session: Session::new(&bed.admitted, kinematics, done, config),
            plant: Plant::new(bed),
            services: Aside {
                asked: VecDeque::with_capacity(64),
                answers: VecDeque::with_capacity(64),
                inner: InlineServices::new(planner, record, WallClock { at_zero_us: 0 }),
                unreachable: None,
                failing: false,
            },
        }
    }

    fn until(&mut self, done: impl Fn(&SessionView) -> bool) -> SessionView {
        for _ in 0..20_000 {
            self.plant.advance();
            let (now, mut ports) = (self.plant.now, self.plant.ports());
            let (session, services) = (&mut self.session, &mut self.services);
            let view = without(|| {
                let view = session.tick(now, &mut ports, services);
                // As the node asks after every tick.
                while session.next_result().is_some() {}
                view
            });
            self.services.work();
            if done(&view) {
                return view;
            }
        }
        panic!("not reached: {:?}", self.session.state());
    }

    fn start(&mut self) {
        self.until(|v| v.state == State::Ready);
        if self.session.registered().wanted() {
            self.session
                .register(Registration::exact(self.plant.now))
                .unwrap();
            self.until(|v| v.state == State::Ready);
        }
        for _ in 0..2 {
            let selection = Selection {
                layer: 1,
                max_dots: None,
            };
            self.session.start(selection).unwrap();
        }
        self.until(|v| v.state == State::Approaching);
    }

    fn until_placed(&mut self, count: u32) {
        self.until(|v| v.progress.placed >= count && v.state == State::Approaching);
    }
}

/// H10.
#[test]
fn no_tick_of_a_session_takes_memory() {
    let bed = bed(30);
    let mut bench = Bench::new(&bed);
    bench.services.unreachable = Some(DotId(7));
    bench.start();
    bench.until_placed(5);
    bench
        .session
        .pause_asked(Asked::new(Some("A. Operator"), "a stretch"));
    bench.session.command(Command::Pause);
    bench.until(|v| v.state == State::Paused);
    bench.session.command(Command::Resume);
    bench.until_placed(9);
    bench.session.command(Command::Stop);
    bench.until(|v| v.state == State::Stopped);
    bench.session.command(Command::ClearFault);
    bench.start();
    bench.until_placed(4);
    let since = bench.plant.now;
    bench.plant.arm.amiss = Some((Amiss::Turns(5, 1.0), since));
    let view = bench.until(|v| v.fault.is_some());
    assert_eq!(view.fault, Some(Fault::OffPath));
    bench.plant.arm.amiss = None;
    bench.until(|v| v.state == State::Faulted);
    for _ in 0..500 {
        bench.until(|_| true);
    }
    bench.session.command(Command::ClearFault);
    bench.start();
    bench.plant.tracker.lost = true;
    bench.until(|v| v.fault == Some(Fault::HeadLost));
    bench.plant.tracker.lost = false;
    for _ in 0..500 {
        bench.until(|_| true);
    }
    bench.session.command(Command::ClearFault);
    bench.start();
    bench.until(|v| v.finished);
    assert_eq!(bench.session.done_count(), 30);
    assert_eq!(
        bench.session.skipped().get("not_planned"),
        None,
        "of the last start"
    );
    assert_eq!(bench.session.breaks().len(), 1);
}

#[test]
fn nor_does_one_whose_record_fails() {
    let bed = bed(10);
    let mut bench = Bench::new(&bed);
    bench.start();
    bench.until_placed(2);
    bench.services.failing = true;
    let view = bench.until(|v| v.fault.is_some());
    assert_eq!(view.fault, Some(Fault::RecordFailed));
    assert!(bench.session.record_failure().is_some());
}

/// Takes answers until so many have come.
fn answers(services: &mut ThreadedServices, count: usize) -> Vec<Answer> {
    let mut all = Vec::with_capacity(count);
    let begun = Instant::now();
    while all.len() < count && begun.elapsed() < Duration::from_secs(60) {
        match without(|| services.answer()) {
            Some(answer) => all.push(answer),
            None => std::thread::yield_now(),
        }
    }
    all
}

#[test]
fn the_threads_are_asked_and_heard_without_taking_memory() {
    let bed = bed(200);
    let record = Record::in_memory(bed.binding, 0).unwrap();
    let clock = WallClock { at_zero_us: 0 };
    let mut services = ThreadedServices::start(bed.planner.clone(), record, clock).unwrap();
    // More than fit into one block of a queue that grows.
    for k in 0..100u32 {
        let at = Micros::from_ms(u64::from(k));
        let (ticket, dot) = (Ticket(u64::from(k)), DotId(k));
        let hop = HopRequest {
            dot,
            from: bed.home,
            base_from_head: bed.admitted.plan().cell.base_from_head,
        };
        let intent = Note::Intent {
            ticket,
            dot,
            layer: 1,
            at,
        };
        let outcome = Note::Outcome {
            dot,
            layer: 1,
            outcome: DotOutcome::InDoubt {
                reason: "interrupted",
            },
            at,
        };
        let pause = Note::Event {
            kind: "fault",
            detail: Said::Fault(Found {
                fault: Fault::OffPath,
                motion: None,
                forbidden: None,
            }),
            at,
        };
        without(|| {
            services.ask(Request::Hop(ticket, hop));
            services.ask(Request::Note(intent));
            services.ask(Request::Note(pause));
            services.ask(Request::Note(outcome));
        });
        assert_eq!(answers(&mut services, 3).len(), 3, "{k}");
    }
}

#[test]
fn a_record_that_falls_behind_has_failed_and_gets_nothing_after_the_gap() {
    let bed = bed(5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("behind.sqlite");
    let durability = stipple_controller::record::Durability::PowerCut;
    let record = Record::open(&path, bed.binding, durability, 0).unwrap();
    let clock = WallClock { at_zero_us: 0 };
    // A writer that waits for ever: another connection holds the file.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut services = ThreadedServices::start(bed.planner.clone(), record, clock).unwrap();
    for k in 0..1_000 {
        services.ask(Request::Note(Note::Event {
            kind: "start",
            detail: Said::Text("started"),
            at: Micros::from_ms(k),
        }));
    }
    let failed = answers(&mut services, 1);
    assert!(
        matches!(failed[..], [Answer::RecordFailed(_)]),
        "{failed:?}"
    );
    other.execute_batch("ROLLBACK").unwrap();
}
