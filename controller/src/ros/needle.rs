//! The needle over its topics.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use r2r::Publisher;
use r2r::std_msgs::msg::Header;
use r2r::stipple_msgs::msg;
use stipple_core::NeedleCommand;

use super::program::{ProgramError, stamp, thread};
use crate::ports::{NeedlePort, NeedleReport, PortError, Stamped};

/// Speed of a retraction that is commanded, m/s. Source: own; the device goes as fast as it can.
const RETRACT_SPEED: f64 = 0.1;

/// What is waiting to be sent; more than this is late and worth nothing.
const WAITING: usize = 2;

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

/// The needle. Commands are sent by a thread of their own, one for one tick: a tick that does not come leaves silence.
pub struct RosNeedle {
    /// As this tick sees it.
    pub report: Option<Stamped<NeedleReport>>,
    out: SyncSender<Wanted>,
}

impl RosNeedle {
    /// Starts the sending thread; it ends when this is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(publisher: Publisher<msg::NeedleCommand>) -> Result<Self, ProgramError> {
        let (out, wanted) = sync_channel(WAITING);
        thread("needle", move || send(&wanted, &publisher))?;
        Ok(Self { report: None, out })
    }
}

fn send(wanted: &Receiver<Wanted>, publisher: &Publisher<msg::NeedleCommand>) {
    let mut sequence = 0u32;
    while let Ok(wanted) = wanted.recv() {
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
        self.out.try_send(wanted).map_err(|error| match error {
            TrySendError::Full(_) => PortError::Busy,
            TrySendError::Disconnected(_) => PortError::NotConnected,
        })
    }
}
