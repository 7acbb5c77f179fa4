//! A needle that goes where it is told at its own speed.

use stipple_controller::ports::*;
use stipple_core::{NeedleCommand, NeedleState};

#[derive(Default)]
pub struct Needle {
    pub now: Micros,
    pub extension: f64,
    pub(super) goal: Option<(f64, u32, u64)>,
    pub(super) permit: u64,
}

impl Needle {
    pub fn dot(&self) -> Option<u32> {
        self.goal.map(|(_, dot, _)| dot)
    }
}

impl NeedlePort for Needle {
    fn report(&self) -> Option<Stamped<NeedleReport>> {
        let state = match self.goal {
            Some((goal, ..)) if (goal - self.extension).abs() < 1e-6 => NeedleState::Extended,
            Some(_) => NeedleState::Extending,
            None if self.extension < 1e-6 => NeedleState::Retracted,
            None => NeedleState::Retracting,
        };
        let value = NeedleReport {
            state,
            extension: self.extension,
            // It is in the skin for the last of its way.
            axial_force: match self.goal {
                Some((goal, ..)) if self.extension > goal - 0.25e-3 => 0.5,
                _ => 0.2,
            },
            permit: self.permit,
            ours: true,
        };
        Some(Stamped {
            value,
            arrived: self.now,
            sequence: self.now.0,
        })
    }

    fn command(&mut self, command: &NeedleCommand) -> Result<(), PortError> {
        self.goal = match command {
            NeedleCommand::Retract => None,
            NeedleCommand::Extend(stroke) => {
                assert!(stroke.nonce() >= self.permit, "an old permit");
                self.permit = stroke.nonce();
                Some((stroke.extension(), stroke.dot().0, stroke.nonce()))
            }
        };
        Ok(())
    }
}
