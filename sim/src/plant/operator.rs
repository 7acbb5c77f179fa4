//! The person at the desk, as far as the controller hears of them.

use stipple_controller::lease::Lease;
use stipple_controller::ports::{LeaseTerm, Micros, OperatorPort, Stamped};
use stipple_core::Limits;

/// From heartbeat to heartbeat: what the operator's client sends.
const PERIOD: Micros = Micros::from_ms(100);

/// Their name.
const NAME: &str = "simulated operator";

/// Sends heartbeats for as long as they are present, into the lease that the controller keeps.
#[derive(Debug, Clone)]
pub struct SimOperator {
    /// Whether they are at the desk.
    pub present: bool,
    lease: Lease,
    last: Option<Micros>,
}

impl Default for SimOperator {
    fn default() -> Self {
        Self {
            present: true,
            lease: Lease::new(Limits::HARDWARE.lease_age),
            last: None,
        }
    }
}

impl SimOperator {
    /// Time goes on to `now`.
    pub fn step(&mut self, now: Micros) {
        if self.present && self.last.is_none_or(|last| now.passed(last, PERIOD)) {
            self.last = Some(now);
            self.lease.hear(NAME, now);
        }
    }
}

impl OperatorPort for SimOperator {
    fn lease(&self) -> Option<Stamped<LeaseTerm>> {
        self.lease.held()
    }
}
