//! The head is scanned, and registered once the tracker has told where it was after that.

use stipple_controller::ports::Micros;
use stipple_controller::registration::{HeadScan, Registrar, Registration, Tracked};
use stipple_model::frames::{Base, Head, Point, Transform};

use super::{Rig, Sabotage};
use crate::fault::Signal;

/// Longest from a pose to the scan, and from there to the next pose. Source: as the node's.
const APART: Micros = Micros::from_ms(50);

/// A scan with the last pose before it.
#[derive(Debug)]
pub(super) struct Scanned {
    at: Micros,
    points: Vec<Point<Base>>,
    before: Transform<Base, Head>,
}

impl Rig {
    /// Scans the head, unless a scan waits already or the head is not tracked.
    pub(super) fn scan(&mut self) {
        let fresh = self.wires.head.news_at();
        let fresh = fresh.is_some_and(|at| self.now.fresh(at, APART));
        if let Some(tracked) = self.wires.head.delivered().filter(|_| fresh)
            && self.scanned.is_none()
        {
            self.scanned = Some(Scanned {
                at: self.now,
                points: self.plant.scan(),
                before: tracked.value,
            });
        }
    }

    /// Registers the head by the scan that waits, once the next pose has come.
    pub(super) fn register(&mut self) {
        if self.setup.sabotage == Some(Sabotage::LossForgotten)
            && self.session.registered().wanted()
        {
            // Taken only while all rests and the head is tracked; then it is asked for again.
            let _ = self.session.register(Registration::exact());
        }
        let news = self.wires.head.news_at();
        let Some(scanned) = self.scanned.as_ref() else {
            return;
        };
        // A pose tells of the moment at which the tracker looked.
        let looked = scanned.at.after(self.setup.plant.tracker.latency);
        if news.is_none_or(|at| at < looked) {
            if self.now.passed(scanned.at, APART) {
                self.scanned = None;
            }
            return;
        }
        let (Some(scanned), Some(after)) = (self.scanned.take(), self.wires.head.delivered())
        else {
            return;
        };
        if self.registrar.is_none() {
            self.registrar = Registrar::new(self.admitted.plan()).ok();
        }
        let scan = HeadScan {
            points: scanned.points,
            tracked: Tracked {
                before: scanned.before,
                after: after.value,
            },
        };
        match self.registrar.as_ref().map(|r| r.register(&scan)) {
            Some(Ok(registration)) if self.session.register(registration).is_ok() => {
                self.misregistered = self.distortion(Signal::HeadPose).is_some();
                self.watch.registered();
            }
            Some(Err(refused)) => {
                self.unregistered = Some(refused);
                self.refused_scans += 1;
            }
            _ => {}
        }
    }
}
