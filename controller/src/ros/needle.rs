//! The needle over its topics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::Publisher;
use r2r::std_msgs::msg::Header;
use r2r::stipple_msgs::msg;
use stipple_core::NeedleCommand;

use super::newest::{Holder, Newest};
use super::program::{ProgramError, Urgency, stamp, thread, urgent};
use crate::ports::{NeedlePort, NeedleReport, PortError, Stamped};

/// Speed of a retraction that is commanded, m/s. Source: own; the device goes as fast as it can.
const RETRACT_SPEED: f64 = 0.1;

/// An extension whose tick is longer ago than this is not sent: what it was decided on no longer holds. Source: own, three ticks.
const FRESH: Duration = Duration::from_millis(6);

/// A command on its way out of the tick.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    Retract,
    Extend {
        permit: u64,
        dot: u32,
        extension: f64,
        depth: f64,
        speed: f64,
    },
}

/// Whether a command may still be sent: a retraction always, an extension only on the heels of its tick.
fn in_time(wanted: Wanted, age: Duration) -> bool {
    wanted == Wanted::Retract || age <= FRESH
}

/// The needle. Commands are sent by a thread of their own, one for one tick: a tick that does not come leaves silence.
pub struct RosNeedle {
    /// As this tick sees it.
    pub report: Option<Stamped<NeedleReport>>,
    /// When this tick looked at its inputs.
    pub tick: Instant,
    out: Holder<Wanted>,
}

impl RosNeedle {
    /// Starts the sending thread; it ends when this is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(publisher: Publisher<msg::NeedleCommand>) -> Result<Self, ProgramError> {
        let slot = Arc::new(Newest::default());
        let end = Holder(Arc::clone(&slot));
        thread("needle", move || send(&end, &publisher))?;
        Ok(Self {
            report: None,
            tick: Instant::now(),
            out: Holder(slot),
        })
    }
}

fn send(end: &Holder<Wanted>, publisher: &Publisher<msg::NeedleCommand>) {
    let _ = urgent(Urgency::Needle);
    let mut sequence = 0u32;
    while let Some((wanted, tick)) = end.0.take() {
        if !in_time(wanted, tick.elapsed()) {
            continue;
        }
        // Silence is safe: the device draws the needle back.
        let _ = publisher.publish(&message(wanted, sequence));
        sequence = sequence.wrapping_add(1);
    }
}

fn message(wanted: Wanted, sequence: u32) -> msg::NeedleCommand {
    let header = Header {
        stamp: stamp(),
        frame_id: String::new(),
    };
    let retract = msg::NeedleCommand {
        header,
        sequence,
        action: msg::NeedleCommand::RETRACT as u8,
        speed: RETRACT_SPEED,
        ..Default::default()
    };
    match wanted {
        Wanted::Retract => retract,
        Wanted::Extend {
            permit,
            dot,
            extension,
            depth,
            speed,
        } => msg::NeedleCommand {
            action: msg::NeedleCommand::EXTEND as u8,
            dot,
            permit,
            extension,
            depth,
            speed,
            ..retract
        },
    }
}

impl NeedlePort for RosNeedle {
    fn report(&self) -> Option<Stamped<NeedleReport>> {
        self.report
    }

    fn command(&mut self, command: &NeedleCommand) -> Result<(), PortError> {
        let wanted = match command {
            NeedleCommand::Retract => Wanted::Retract,
            NeedleCommand::Extend(stroke) => Wanted::Extend {
                permit: stroke.nonce(),
                dot: stroke.dot().0,
                extension: stroke.extension(),
                depth: stroke.depth(),
                speed: stroke.speed(),
            },
        };
        if self.out.0.put(wanted, self.tick) {
            Ok(())
        } else {
            Err(PortError::NotConnected)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTEND: Wanted = Wanted::Extend {
        permit: 1,
        dot: 2,
        extension: 3e-3,
        depth: 1e-3,
        speed: 0.1,
    };

    #[test]
    fn an_extension_does_not_outlive_its_tick_a_retraction_does() {
        assert!(in_time(EXTEND, FRESH));
        assert!(!in_time(EXTEND, FRESH + Duration::from_micros(1)));
        assert!(in_time(Wanted::Retract, Duration::from_secs(1)));
    }
}
