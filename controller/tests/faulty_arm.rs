//! An arm that does not do as it is told, in the middle of a session on the real hop planner.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod plant;

use std::sync::Arc;

use plant::{Amiss, Bed, Plant, bed};
use stipple_controller::hops::{CellPlanner, Kinematics as _};
use stipple_controller::ports::Micros;
use stipple_controller::record::Record;
use stipple_controller::services::{InlineServices, WallClock};
use stipple_controller::session::{Selection, Session, SessionConfig, SessionView};
use stipple_core::{Fault, Limits, State};

struct Bench {
    session: Session,
    plant: Plant,
    planner: CellPlanner,
    services: InlineServices<CellPlanner>,
}

impl Bench {
    fn started(bed: &Bed) -> Self {
        let record = Record::in_memory(bed.binding, 0).unwrap();
        let planner = bed.planner.clone();
        let done = record.dots().unwrap();
        let config = SessionConfig::new(Limits::HARDWARE, 1);
        let session = Session::new(&bed.admitted, Arc::new(planner.clone()), done, config);
        let services = InlineServices::new(planner.clone(), record, WallClock { at_zero_us: 0 });
        let mut bench = Self {
            session,
            plant: Plant::new(bed),
            planner,
            services,
        };
        bench.until(|b, v| v.state == State::Ready && b.plant.now > Micros::from_ms(1500));
        let selection = Selection {
            layer: 1,
            max_dots: None,
        };
        bench.session.start(selection).unwrap();
        bench
    }

    fn until(&mut self, done: impl Fn(&Self, &SessionView) -> bool) -> SessionView {
        for _ in 0..10_000 {
            self.plant.advance();
            let (now, mut ports) = (self.plant.now, self.plant.ports());
            let view = self.session.tick(now, &mut ports, &mut self.services);
            if done(self, &view) {
                return view;
            }
        }
        panic!("not reached: {:?}", self.session.state());
    }

    /// Between two dots, well under way, at hover height.
    fn hopping(bed: &Bed) -> Self {
        let mut bench = Self::started(bed);
        bench.until(|b, v| {
            let begun = b.plant.arm.motion.as_ref().map(|(_, begun, _)| *begun);
            v.progress.placed == 4
                && begun.is_some_and(|at| b.plant.now > at.after(Micros::from_ms(30)))
        });
        bench
    }

    /// Height of the tip above the skin as it really is, m.
    fn height(&self) -> f64 {
        self.plant.height(&self.planner, 0.01)
    }
}

/// H12: beside its path, too fast along it, towards the skin: the fault is found within a few ticks, while the tip is still off the skin, and
/// the motion is cancelled.
#[test]
fn an_arm_that_leaves_its_path_or_is_too_fast_is_stopped_while_it_is_near() {
    let bed = bed(30);
    let down = {
        let tip = |by: f64| {
            let mut joints = bed.home;
            joints[1] += by;
            bed.planner.base_from_tip(&joints).origin().raw().z
        };
        if tip(0.01) < tip(0.0) { 1.0 } else { -1.0 }
    };
    for (amiss, faults, within) in [
        // The last joint turns the tool about the needle and does not move the tip.
        (Amiss::Turns(5, 0.3), [Fault::OffPath, Fault::OffPath], 60),
        (Amiss::Turns(5, -0.3), [Fault::OffPath, Fault::OffPath], 60),
        (
            Amiss::Turns(5, 1.0),
            [Fault::AccelerationHigh, Fault::AccelerationHigh],
            4,
        ),
        (
            Amiss::Turns(1, 0.07 * down),
            [Fault::TipTooFast, Fault::TipTooNear],
            40,
        ),
        (
            Amiss::Turns(0, 0.4),
            [Fault::TipTooFast, Fault::TipTooFast],
            4,
        ),
        (Amiss::Hurries(5.0), [Fault::TipTooFast, Fault::OffPath], 40),
        (
            Amiss::Exaggerates(1000.0),
            [Fault::JointTooFast, Fault::JointTooFast],
            4,
        ),
    ] {
        let mut bench = Bench::hopping(&bed);
        let since = bench.plant.now;
        bench.plant.arm.amiss = Some((amiss, since));
        let view = bench.until(|_, v| v.fault.is_some());
        let took = bench.plant.now.since(since).unwrap();
        let fault = view.fault.unwrap();
        assert!(
            faults.contains(&fault),
            "{amiss:?}: {fault:?} after {took:?}"
        );
        assert!(took <= Micros::from_ms(within), "{amiss:?}: after {took:?}");
        assert!(bench.height() > 0.2e-3, "{amiss:?}: {} m", bench.height());
        assert!(bench.plant.arm.motion.is_none(), "{amiss:?}: it goes on");
    }
}

/// H5: joint states that come fresh and say the same for ever are found out when the motion ends, before a stroke rests on them.
#[test]
fn joint_states_that_freeze_on_the_way_are_found_out_before_a_stroke() {
    let bed = bed(30);
    let mut bench = Bench::started(&bed);
    // From the motion's first moment on: joints that stand still all at once have stopped harder than they can.
    bench.until(|b, v| v.progress.placed == 4 && b.plant.arm.motion.is_some());
    let (since, struck) = (bench.plant.now, bench.plant.strikes.len());
    let (_, _, trajectory) = bench.plant.arm.motion.as_ref().unwrap();
    let way = trajectory.start().max_difference(&trajectory.end());
    assert!(
        way > Limits::HARDWARE.goal_deviation,
        "a way of {way} rad shows nothing"
    );
    bench.plant.arm.amiss = Some((Amiss::Freezes(trajectory.start()), since));
    let view = bench.until(|_, v| v.fault.is_some());
    assert_eq!(view.fault, Some(Fault::OffPath));
    let took = bench.plant.now.since(since).unwrap();
    assert!(took <= Micros::from_ms(500), "{took:?}");
    assert_eq!(bench.plant.strikes.len(), struck);
}
