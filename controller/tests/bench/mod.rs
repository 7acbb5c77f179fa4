//! A session on a bed with a record, ticked by hand.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::sync::Arc;

use stipple_controller::hops::CellPlanner;
use stipple_controller::record::Record;
use stipple_controller::services::{InlineServices, WallClock};
use stipple_controller::session::{Selection, Session, SessionConfig, SessionView};
use stipple_core::{Limits, State};

use crate::plant::{Bed, Plant};

pub struct Bench {
    pub session: Session,
    pub plant: Plant,
    pub services: InlineServices<CellPlanner>,
}

impl Bench {
    pub fn new(bed: &Bed, record: Record, first_nonce: u64, now_us: i64) -> Self {
        let config = SessionConfig::new(Limits::HARDWARE, first_nonce);
        let done = record.dots().unwrap();
        let planner = Arc::new(bed.planner.clone());
        Self {
            session: Session::new(&bed.admitted, planner, done, config),
            plant: Plant::new(bed),
            services: InlineServices::new(
                bed.planner.clone(),
                record,
                WallClock { at_zero_us: now_us },
            ),
        }
    }

    pub fn tick(&mut self) -> SessionView {
        self.plant.advance();
        let now = self.plant.now;
        self.session
            .tick(now, &mut self.plant.ports(), &mut self.services)
    }

    pub fn until(
        &mut self,
        seconds: f64,
        mut done: impl FnMut(&SessionView) -> bool,
    ) -> SessionView {
        let mut view = self.tick();
        for _ in 0..(seconds * 500.0) as u64 {
            if done(&view) {
                return view;
            }
            view = self.tick();
        }
        panic!("not reached in {seconds} s: {view:?}");
    }

    pub fn start(&mut self) {
        self.until(5.0, |v| v.state == State::Ready);
        let all = Selection {
            layer: 1,
            max_dots: None,
        };
        self.session.start(all).unwrap();
        assert_eq!(self.tick().reply, Some(Ok(())));
    }

    /// Dots struck, in order.
    pub fn struck(&self) -> Vec<u32> {
        self.plant.strikes.iter().map(|s| s.0).collect()
    }
}
