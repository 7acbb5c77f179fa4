//! The operator's heartbeat on its way to the lease that the controller keeps.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use stipple_controller::lease::{Lease, NotHeld};
use stipple_controller::ports::{LeaseTerm, Micros, OperatorPort, Stamped};
use stipple_core::Limits;

use super::wire::Carried;
use crate::chance::uniform;
use crate::fault::LeaseFault;

/// From heartbeat to heartbeat: what the operator's client sends.
const PERIOD: Micros = Micros::from_ms(100);

/// Who operates, and who would like to.
const OPERATOR: &str = "simulated operator";
const OTHER: &str = "somebody else";

/// Heartbeats under way, and the controller's own lease.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    lease: Lease,
    sent: Option<Micros>,
    under_way: VecDeque<(Micros, &'static str)>,
    /// When the operator's last one arrived, true time.
    heard_at: Option<Micros>,
}

impl Beat {
    pub fn new() -> Self {
        Self {
            lease: Lease::new(Limits::HARDWARE.lease_age),
            sent: None,
            under_way: VecDeque::new(),
            heard_at: None,
        }
    }

    /// When the operator's last heartbeat arrived, true time.
    pub const fn heard_at(&self) -> Option<Micros> {
        self.heard_at
    }

    /// Whether the controller lets the simulated operator have the arm moved; `stamp` is what its clock shows.
    ///
    /// # Errors
    /// Why it does not.
    pub fn allows(&self, stamp: Micros) -> Result<(), NotHeld> {
        self.lease.allows(OPERATOR, stamp)
    }

    /// A process that starts anew knows of no lease.
    pub fn forget(&mut self) {
        self.lease = Lease::new(Limits::HARDWARE.lease_age);
        self.under_way.clear();
    }

    /// Sends what is to be sent and delivers what is due; `stamp` is what the controller's clock shows at `now`. What came of it.
    pub fn carry(
        &mut self,
        now: Micros,
        stamp: Micros,
        how: Option<LeaseFault>,
        rng: &mut ChaCha8Rng,
    ) -> Carried {
        let sends = self.sent.is_none_or(|sent| now.passed(sent, PERIOD));
        if sends {
            self.sent = Some(now);
            self.send(now, how, rng);
        }
        while let Some(at) = self.under_way.iter().position(|(due, _)| *due <= now) {
            if let Some((_, name)) = self.under_way.remove(at) {
                self.lease.hear(name, stamp);
                if name == OPERATOR {
                    self.heard_at = Some(now);
                }
            }
        }
        Carried {
            shows: sends && how.is_some(),
            news: self.heard_at == Some(now),
        }
    }

    fn send(&mut self, now: Micros, how: Option<LeaseFault>, rng: &mut ChaCha8Rng) {
        let mut send = |at, name| self.under_way.push_back((at, name));
        match how {
            None => send(now, OPERATOR),
            Some(LeaseFault::Off) => {}
            Some(LeaseFault::Delayed(by)) => send(now.after(by), OPERATOR),
            Some(LeaseFault::Intermittent(share)) => {
                if uniform(rng, 0.0, 1.0) >= share {
                    send(now, OPERATOR);
                }
            }
            Some(LeaseFault::Duplicated) => {
                send(now, OPERATOR);
                send(now.after(Micros::from_ms(10)), OPERATOR);
            }
            Some(LeaseFault::Stolen) => send(now, OTHER),
            Some(LeaseFault::Contested) => {
                send(now, OPERATOR);
                send(now.after(Micros::from_ms(50)), OTHER);
            }
        }
    }
}

impl OperatorPort for Beat {
    fn lease(&self) -> Option<Stamped<LeaseTerm>> {
        self.lease.held()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// Age of the lease at the end of ten seconds, the last nine with that fault, and the term it had, before and then.
    fn after(how: LeaseFault) -> (f64, u64, u64) {
        let mut beat = Beat::new();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut before = 0;
        let mut now = Micros::ZERO;
        while now < Micros::from_ms(10_000) {
            now = now.after(Micros::from_ms(2));
            let how = (now > Micros::from_ms(1_000)).then_some(how);
            beat.carry(now, now, how, &mut rng);
            if how.is_none() {
                before = beat.lease().map_or(0, |l| l.value.0);
            }
        }
        // A hold that is but beginning is another one, too.
        beat.lease()
            .map_or((f64::INFINITY, before, u64::MAX), |held| {
                (now.since(held.arrived).unwrap().s(), before, held.value.0)
            })
    }

    #[test]
    fn each_fault_shows_at_the_port() {
        let (age, before, then) = after(LeaseFault::Off);
        assert!(age > 8.9 && before == then);
        let (age, before, then) = after(LeaseFault::Duplicated);
        assert!(age < 0.11 && before == then);
        let (age, before, then) = after(LeaseFault::Contested);
        assert!(age < 0.11 && before == then, "who holds it keeps it");
        let (_, before, then) = after(LeaseFault::Stolen);
        assert!(then > before, "another hold");
        let (_, before, then) = after(LeaseFault::Delayed(Micros::from_ms(700)));
        assert!(then > before, "a gap ends the hold");
        let (_, before, then) = after(LeaseFault::Intermittent(0.9));
        assert!(then > before);
    }
}
