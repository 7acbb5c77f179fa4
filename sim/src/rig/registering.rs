//! The head is scanned, and registered once the tracker has told where it was after that.

use stipple_controller::ports::{Micros, Stamped};
use stipple_controller::registration::{HeadScan, LastScan, Registrar, Registration, Tracked};
use stipple_model::frames::{Base, Head, Point, Transform};

use super::wire::spoilt;
use super::{Invariant, Rig, Sabotage};
use crate::fault::{ScanFault, Signal};

/// Longest from a pose to the scan, and from there to the next pose. Source: as the node's.
const APART: Micros = Micros::from_ms(50);

/// Farthest that a head may have been from where it is registered when nothing lied, m. Source: own, the 0.5 mm that it may have moved by, the
/// 0.5 mm by which the scan may not fit, and the tracker's noise and delay.
const REGISTERED: f64 = 1.2e-3;

/// A scan with the last pose before it.
#[derive(Debug)]
pub(super) struct Scanned {
    at: Micros,
    points: Vec<Point<Base>>,
    before: Stamped<Transform<Base, Head>>,
    /// Where the head really was.
    head: Transform<Base, Head>,
    /// It may be laid onto the head where that is not, and nothing shows it.
    lies: bool,
}

impl Rig {
    /// Scans the head, unless a scan waits already or the head is not tracked.
    pub(super) fn scan(&mut self) {
        let fresh = self.wires.head.news_at();
        let fresh = fresh.is_some_and(|at| self.now.fresh(at, APART));
        if let Some(tracked) = self.wires.head.delivered().filter(|_| fresh)
            && self.scanned.is_none()
        {
            let fault = self.scan_fault();
            // What is not finite is no point of a scan, as in the node.
            let finite = |p: &Point<Base>| p.is_finite();
            let points: Vec<_> = self.looked(fault).into_iter().filter(finite).collect();
            if points.is_empty() {
                self.refused_scans += 1;
                return;
            }
            self.scanned = Some(Scanned {
                at: self.now,
                points,
                before: tracked,
                head: *self.plant.head.pose(),
                lies: matches!(fault, Some(ScanFault::Stuck | ScanFault::Wrong(_))),
            });
        }
    }

    /// What the scanner brings.
    fn looked(&mut self, fault: Option<ScanFault>) -> Vec<Point<Base>> {
        if fault == Some(ScanFault::Stuck) {
            return self.last_scan.clone();
        }
        let mut points = self.plant.scan();
        self.last_scan.clone_from(&points);
        match fault {
            Some(ScanFault::Off) => points.clear(),
            Some(ScanFault::Garbage(garbage)) => {
                let spoil = |p: &mut Point<Base>| {
                    *p = Point::from_raw(p.raw().map(|x| spoilt(x, garbage)));
                };
                points.iter_mut().for_each(spoil);
            }
            Some(ScanFault::Wrong(by)) => {
                let shift = |p: &mut Point<Base>| {
                    *p = Point::from_raw(p.raw() + nalgebra::Vector3::x() * by);
                };
                points.iter_mut().for_each(shift);
            }
            Some(ScanFault::Cut(share)) => {
                points.sort_by(|a, b| a.raw().y.total_cmp(&b.raw().y));
                points.truncate((points.len() as f64 * share) as usize);
            }
            Some(ScanFault::Stuck) | None => {}
        }
        points
    }

    /// How far from where it is registered the head was when it was scanned, at the first dot, metres.
    fn registered_off(
        &self,
        head: &Transform<Base, Head>,
        tracked: &Transform<Base, Head>,
        by: &Registration,
    ) -> f64 {
        let told = *tracked * by.tracked_from_head;
        let dot = self.plan().dots.first().map(|dot| dot.position);
        dot.map_or(0.0, |dot| (told * dot).distance(&(*head * dot)))
    }

    /// Registers the head by the scan that waits, once the next pose has come.
    pub(super) fn register(&mut self) {
        if self.setup.sabotage == Some(Sabotage::LossForgotten)
            && self.session.registered().wanted()
        {
            // Taken only while all rests and the head is tracked; then it is asked for again.
            let _ = self.session.register(Registration::exact(self.stamp()));
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
            self.registrar = Registrar::new(self.admitted.plan(), LastScan::default()).ok();
        }
        let scan = HeadScan {
            points: scanned.points.clone(),
            tracked: Tracked {
                at: scanned.before.arrived,
                before: scanned.before.value,
                after: after.value,
            },
        };
        match self.registrar.as_ref().map(|r| r.register(&scan)) {
            Some(Ok(registration)) if self.session.register(registration).is_ok() => {
                self.misregistered = scanned.lies || self.distortion(Signal::HeadPose).is_some();
                self.watch.registered();
                let off = self.registered_off(&scanned.head, &after.value, &registration);
                let (right, now) = (self.misregistered || off <= REGISTERED, self.now);
                self.watch.check(Invariant::I2, right, now, || {
                    format!(
                        "the head is registered {:.2} mm beside where it is",
                        off * 1e3
                    )
                });
            }
            Some(Err(refused)) => {
                self.unregistered = Some(refused);
                self.refused_scans += 1;
            }
            _ => {}
        }
    }
}
