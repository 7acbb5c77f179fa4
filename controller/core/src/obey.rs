//! What the operator asks for, and when it is done.

use crate::fault::Clears;
use crate::machine::{After, Core, Step};
use crate::output::{Denied, Message};
use crate::sensed::Command;
use crate::state::State;
use crate::time::Micros;

impl Core {
    pub(crate) fn obey(&mut self, command: Command, step: &mut Step<'_>) -> Result<(), Denied> {
        let now = step.now;
        match (command, self.state) {
            (Command::Stop, State::Stopping | State::Stopped) | (Command::Pause, State::Paused) => {
                Ok(())
            }
            (Command::Pause, State::Pausing) => {
                // On the way to the end or off a restless head, too: whoever asked for a pause waits for one.
                match self.after {
                    After::Fault => return Err(Denied::State),
                    After::Pause => {}
                    After::Finish | After::GoOn => {
                        (self.after, self.message) = (After::Pause, Message::PauseAsked);
                    }
                }
                Ok(())
            }
            (Command::Stop, _) => {
                self.begin_stop(step);
                Ok(())
            }
            (Command::Start, State::Ready) => {
                self.lease = Some(self.may_move(step)?);
                self.finished = false;
                self.at_stop = false;
                self.set_off_anew(now);
                Ok(())
            }
            (Command::Start, State::Safe) if !step.sensed.admitted => Err(Denied::NotAdmitted),
            (Command::Start, State::Safe) => Err(self
                .healthy(now, step.sensed)
                .err()
                .unwrap_or(Denied::State)),
            (Command::Pause, state) if state.working() => {
                self.begin_pause(After::Pause, Message::PauseAsked, step);
                Ok(())
            }
            (Command::Resume, State::Paused) => {
                self.lease = Some(self.may_move(step)?);
                if core::mem::take(&mut self.at_stop) {
                    step.queue.pass_stop();
                }
                self.set_off_anew(now);
                Ok(())
            }
            (Command::ClearFault, State::Stopped | State::Faulted) => {
                let mut faults = [self.fault, self.besides].into_iter().flatten();
                if faults.any(|f| f.row().clears == Clears::Reload) {
                    return Err(Denied::Reload);
                }
                if self.fault.is_some() {
                    self.healthy(now, step.sensed)?;
                }
                (self.fault, self.besides) = (None, None);
                self.enter(State::Safe, now);
                Ok(())
            }
            _ => Err(Denied::State),
        }
    }

    /// Whether the arm may set off, and under which lease.
    fn may_move(&self, step: &Step<'_>) -> Result<u64, Denied> {
        if !step.sensed.admitted {
            return Err(Denied::NotAdmitted);
        }
        self.healthy(step.now, step.sensed)?;
        let needle = step.sensed.needle.ok_or(Denied::Needle)?;
        if needle.extension < -self.limits.needle_in {
            return Err(Denied::Unhomed);
        }
        if !needle.ours {
            return Err(Denied::Cartridge);
        }
        if !self.head_fresh(step.now, step.sensed) {
            return Err(Denied::Head);
        }
        if !step.sensed.registered {
            return Err(Denied::Registration);
        }
        self.lease(step.now, step.sensed).ok_or(Denied::Lease)
    }

    fn set_off_anew(&mut self, now: Micros) {
        self.attempts = 0;
        self.failures = 0;
        self.skips_in_row = 0;
        self.lifted = false;
        self.message = Message::Working;
        self.enter(State::Approaching, now);
    }
}
