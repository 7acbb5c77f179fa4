//! The plan's stops in a session: what is asked for, that only a person goes on, and that none is lost.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod bench;
mod plant;

use std::collections::BTreeSet;

use bench::Bench;
use plant::{Bed, bed_of, plan, time};
use stipple_controller::record::{Durability, Record};
use stipple_controller::session::{Selection, begins_with, goes_on_with};
use stipple_core::{Command, State, Waits};
use stipple_model::plan::{Shade, Stop, StopKind};
use stipple_model::units::Time;

/// 30 dots: pigment before the seventh, another shade from the thirteenth on, and skin that rests before the twenty-first.
fn bed() -> Bed {
    let mut plan = plan(30);
    let dark = Shade {
        name: "dark".to_owned(),
        ..plan.shades[0].clone()
    };
    plan.shades.push(dark);
    for id in &plan.sequence[0][12..] {
        plan.dots[id.0 as usize].shade = 1;
    }
    let stop = |(before, kind, seconds): (u32, StopKind, f64)| Stop {
        before,
        kind,
        expected: Time::from_s(seconds),
    };
    let stops = [
        (0, StopKind::NeedleChange { needle: 0 }, 60.0),
        (0, StopKind::ShadeChange { shade: 0 }, 60.0),
        (6, StopKind::InkDip { shade: 0 }, 4.0),
        (12, StopKind::ShadeChange { shade: 1 }, 60.0),
        (20, StopKind::Rest, 2.0),
    ];
    plan.stops = vec![stops.into_iter().map(stop).collect()];
    let work = plan.work_cell().unwrap();
    time(&mut plan, &work).unwrap();
    bed_of(plan)
}

/// Until the session waits at a stop of the plan, which only a person resumes.
fn stops_for(bench: &mut Bench, placed: u32, what: &str) {
    let view = bench.until(60.0, |v| v.state == State::Paused);
    let seen = (view.progress.placed, view.text().into_owned(), view.waits);
    let text = format!("planned stop: {what}; {}", Waits::Parked.text());
    assert_eq!(seen, (placed, text, Some(Waits::Parked)));
    let pause = bench.session.breaks().last().unwrap().reason();
    assert!(pause.contains(what), "{pause}");
    for _ in 0..5_000 {
        assert_eq!(bench.tick().state, State::Paused);
    }
}

fn resume(bench: &mut Bench) {
    bench.session.command(Command::Resume);
    assert_eq!(bench.tick().reply, Some(Ok(())));
}

#[test]
fn every_stop_of_the_plan_waits_for_a_person_and_none_is_lost_by_a_stop_or_a_new_process() {
    let bed = bed();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.sqlite");
    let begins = begins_with(bed.admitted.plan(), 1).to_string();
    assert_eq!(begins, "fit a fresh cartridge, bring the shade grey");
    // In its middle nobody is asked for another cartridge than the sitting's.
    for (place, shade) in [(3, "bring the shade grey"), (13, "bring the shade dark")] {
        let goes_on = goes_on_with(bed.admitted.plan(), 1, place).to_string();
        assert_eq!(goes_on, shade);
    }
    let record = Record::open(&path, bed.binding, Durability::ProcessCrash, 0).unwrap();
    let mut bench = Bench::new(&bed, record, 0, 0);
    bench.start();
    stops_for(&mut bench, 6, "let the needle take up pigment");
    resume(&mut bench);
    stops_for(&mut bench, 12, "bring the shade dark");
    // Stopped in place of resumed: the shade is still to be brought.
    bench.session.command(Command::Stop);
    bench.until(5.0, |v| v.state == State::Stopped);
    bench.session.command(Command::ClearFault);
    bench.start();
    stops_for(&mut bench, 0, "bring the shade dark");
    resume(&mut bench);
    bench.until(30.0, |v| v.progress.placed == 3);
    let mut struck = bench.struck();
    drop(bench);
    // Another process, with the first shade in the needle for all it knows.
    let record = Record::open(&path, bed.binding, Durability::ProcessCrash, 0).unwrap();
    let mut bench = Bench::new(&bed, record, 1 << 32, 0);
    bench.start();
    stops_for(&mut bench, 0, "bring the shade dark");
    resume(&mut bench);
    // Skin rests before the twenty-first.
    let view = bench.until(60.0, |v| {
        v.finished || v.message == stipple_core::Message::SkinRests
    });
    assert!(!view.finished, "nothing rested");
    let (mut last, mut rested) = (view.progress.placed, 0.0_f64);
    let mut since = bench.plant.now;
    loop {
        let view = bench.tick();
        if view.progress.placed > last {
            rested = rested.max(bench.plant.now.since(since).unwrap().s());
            (last, since) = (view.progress.placed, bench.plant.now);
        }
        if view.finished {
            break;
        }
    }
    assert!((2.0..4.0).contains(&rested), "{rested} s between two dots");
    struck.extend(bench.struck());
    let once: BTreeSet<u32> = struck.iter().copied().collect();
    assert!(
        struck.len() >= 29 && once.len() == struck.len(),
        "{struck:?}"
    );
}

#[test]
fn a_start_that_is_limited_to_dots_before_a_stop_ends_without_it() {
    let bed = bed();
    let record = Record::in_memory(bed.binding, 0).unwrap();
    let mut bench = Bench::new(&bed, record, 0, 0);
    bench.until(5.0, |v| v.state == State::Ready);
    let first = Selection {
        layer: 1,
        max_dots: Some(6),
    };
    bench.session.start(first).unwrap();
    let view = bench.until(60.0, |v| v.finished || v.state == State::Paused);
    assert_eq!((view.finished, view.progress.placed), (true, 6));
    assert!(bench.session.breaks().is_empty());
}
