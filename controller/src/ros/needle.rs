//! The needle over its topics.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use r2r::Publisher;
use r2r::std_msgs::msg::Header;
use r2r::stipple_msgs::msg;
use stipple_core::NeedleCommand;

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
        speed: f64,
    },
}

/// The one command that waits to be sent, with the moment of its tick. Every tick overwrites it, so that what is sent is the newest, and
/// an extension never follows a retraction that was decided after it.
#[derive(Debug, Default)]
struct Slot {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    wanted: Option<(Wanted, Instant)>,
    /// One of the two ends is gone.
    closed: bool,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a command in the place of the one that waits; false when nobody sends any more.
    fn put(&self, wanted: Wanted, tick: Instant) -> bool {
        let mut waiting = self.lock();
        waiting.wanted = Some((wanted, tick));
        let open = !waiting.closed;
        drop(waiting);
        self.changed.notify_one();
        open
    }

    /// Waits for a command; none when no more will come.
    fn take(&self) -> Option<(Wanted, Instant)> {
        let waiting = self
            .changed
            .wait_while(self.lock(), |w| w.wanted.is_none() && !w.closed);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        // What still waits at the end is not sent: from there on there is silence.
        if waiting.closed {
            return None;
        }
        waiting.wanted.take()
    }
}

/// Closes the slot when its end goes, a panic included.
struct Holder(Arc<Slot>);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
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
    out: Holder,
}

impl RosNeedle {
    /// Starts the sending thread; it ends when this is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(publisher: Publisher<msg::NeedleCommand>) -> Result<Self, ProgramError> {
        let slot = Arc::new(Slot::default());
        let end = Holder(Arc::clone(&slot));
        thread("needle", move || send(&end, &publisher))?;
        Ok(Self {
            report: None,
            tick: Instant::now(),
            out: Holder(slot),
        })
    }
}

fn send(end: &Holder, publisher: &Publisher<msg::NeedleCommand>) {
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
            speed,
        } => msg::NeedleCommand {
            action: msg::NeedleCommand::EXTEND as u8,
            dot,
            permit,
            extension,
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
        speed: 0.1,
    };

    #[test]
    fn a_later_command_takes_the_place_of_the_one_that_waits() {
        let slot = Slot::default();
        let first = Instant::now();
        let later = first + Duration::from_millis(2);
        assert!(slot.put(EXTEND, first) && slot.put(Wanted::Retract, later));
        assert_eq!(slot.take(), Some((Wanted::Retract, later)));
        assert!(slot.lock().wanted.is_none(), "nothing older is left behind");
        assert!(slot.put(Wanted::Retract, first) && slot.put(EXTEND, later));
        assert_eq!(slot.take(), Some((EXTEND, later)));
    }

    #[test]
    fn an_extension_does_not_outlive_its_tick_a_retraction_does() {
        assert!(in_time(EXTEND, FRESH));
        assert!(!in_time(EXTEND, FRESH + Duration::from_micros(1)));
        assert!(in_time(Wanted::Retract, Duration::from_secs(1)));
    }

    #[test]
    fn when_one_end_goes_nothing_is_sent_any_more() {
        let slot = Arc::new(Slot::default());
        let end = Holder(Arc::clone(&slot));
        assert!(slot.put(EXTEND, Instant::now()));
        drop(end);
        assert_eq!(slot.take(), None);
        assert!(!slot.put(Wanted::Retract, Instant::now()));
    }
}
