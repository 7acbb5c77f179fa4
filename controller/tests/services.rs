//! Work done on threads of its own gives the same answers as work done at once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod plant;

use std::time::{Duration, Instant};

use stipple_controller::hops::HopRequest;
use stipple_controller::ports::Micros;
use stipple_controller::record::{DotOutcome, DotState, Record};
use stipple_controller::services::*;
use stipple_model::plan::DotId;

const WALL: WallClock = WallClock { at_zero_us: 0 };

fn requests(bed: &plant::Bed) -> Vec<Request> {
    let (dot, base_from_head) = (DotId(3), bed.admitted.plan().cell.base_from_head);
    let at = Micros::from_ms(1);
    vec![
        Request::Hop(
            Ticket(1),
            HopRequest {
                dot,
                from: bed.home,
                base_from_head,
            },
        ),
        Request::Off {
            leg: stipple_core::Leg::Lift,
            ticket: Ticket(2),
            from: bed.home,
            base_from_head,
        },
        Request::Note(Note::Intent {
            ticket: Ticket(3),
            dot,
            layer: 1,
            at,
        }),
        Request::Note(Note::Outcome {
            dot,
            layer: 1,
            outcome: DotOutcome::InDoubt {
                reason: "interrupted",
            },
            at,
        }),
        Request::Note(Note::Event {
            kind: "pause",
            detail: Said::Text(""),
            at,
        }),
        Request::Note(Note::Intent {
            ticket: Ticket(4),
            dot,
            layer: 1,
            at,
        }),
    ]
}

/// Answers to motions and to notes, each in their order.
fn answers(services: &mut dyn Services, count: usize) -> (Vec<String>, Vec<String>) {
    let (mut motions, mut notes) = (Vec::new(), Vec::new());
    let patience = Instant::now();
    while motions.len() + notes.len() < count && patience.elapsed() < Duration::from_secs(60) {
        match services.answer() {
            Some(answer @ Answer::Hop(..)) => motions.push(format!("{answer:?}")),
            Some(answer) => notes.push(format!("{answer:?}")),
            None => std::thread::yield_now(),
        }
    }
    (motions, notes)
}

#[test]
fn threads_answer_as_the_inline_services_do() {
    let bed = plant::bed(5);
    let record = || Record::in_memory(bed.binding, 0).unwrap();
    let mut inline = InlineServices::new(bed.planner.clone(), record(), WALL);
    let mut threaded = ThreadedServices::start(bed.planner.clone(), record(), WALL).unwrap();
    for request in requests(&bed) {
        inline.ask(request.clone());
        threaded.ask(request);
    }
    let expected = answers(&mut inline, 5);
    assert_eq!(expected.0.len(), 2);
    assert!(
        expected.1.last().unwrap().contains("AlreadyDone"),
        "{expected:?}"
    );
    assert_eq!(answers(&mut threaded, 5), expected);
    let record = threaded.finish().unwrap();
    assert_eq!(
        record.dots().unwrap().get(&DotId(3)),
        Some(&DotState::InDoubt)
    );
}
