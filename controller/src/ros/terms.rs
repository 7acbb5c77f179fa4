//! Under which terms plans are worked off.

use stipple_core::Limits;

use super::program::ProgramError;
use crate::rt::Lacking;

/// Under which terms a plan is worked off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The figures that hold.
    pub limits: Limits,
    /// Whether the head must be registered before the first start.
    pub register_first: bool,
    /// What the machine does not give the control loop.
    pub lacking: Option<Lacking>,
}

impl Terms {
    /// Whether a control loop may run under them.
    ///
    /// # Errors
    /// Hardware without real time, unless that is allowed.
    pub fn check(&self, allow_no_real_time: bool) -> Result<(), ProgramError> {
        match self.without_real_time() {
            Some(lacking) if !allow_no_real_time => Err(ProgramError::NoRealTime(lacking)),
            _ => Ok(()),
        }
    }

    /// What hardware would have to do without.
    #[must_use]
    pub fn without_real_time(&self) -> Option<Lacking> {
        self.lacking.filter(|_| self.limits == Limits::HARDWARE)
    }

    /// What whoever reports must say; empty when there is nothing.
    #[must_use]
    pub fn remark(&self) -> String {
        match self.without_real_time() {
            Some(lacking) => format!("without real time, by allow_no_real_time: {lacking}"),
            None if self.limits == Limits::HARDWARE => String::new(),
            None => "limits for simulated hardware on a machine without real time were in force"
                .to_owned(),
        }
    }
}
