//! The truth about the strikes, written while they happen for whoever reports.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use stipple_model::plan::Plan;

use crate::plant::Strike;
use crate::run::{RunError, write_strikes};

/// From one writing to the next, when there is something new.
const EVERY: Duration = Duration::from_millis(500);

/// Writes the table until the other end of `strikes` is gone, each time whole.
///
/// # Errors
/// When the file cannot be written.
pub fn keep(strikes: &Receiver<Strike>, plan: &Arc<Plan>, path: &Path) -> Result<(), RunError> {
    let mut all = Vec::new();
    write_strikes(&all, plan, path)?;
    loop {
        std::thread::sleep(EVERY);
        let before = all.len();
        let gone = loop {
            match strikes.recv_timeout(Duration::ZERO) {
                Ok(strike) => all.push(strike),
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        if all.len() > before {
            write_strikes(&all, plan, path)?;
        }
        if gone {
            return Ok(());
        }
    }
}
