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
    /// ROS 2 tells whom to let in, as [`secured`] says.
    pub secured: bool,
}

/// What is said of limits that are not those for hardware.
pub const SIMULATION: &str =
    "limits for simulated hardware on a machine without real time were in force";

/// What hardware may have to do without, where that is allowed by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// A machine that gives no real time.
    pub no_real_time: bool,
    /// Anyone on the network may send commands and poses.
    pub unsecured: bool,
}

impl Terms {
    /// Whether a control loop may run under them.
    ///
    /// # Errors
    /// Hardware without real time, or over ROS 2 without security, unless that is allowed.
    pub fn check(&self, allowed: Allowed) -> Result<(), ProgramError> {
        match self.without_real_time() {
            Some(lacking) if !allowed.no_real_time => Err(ProgramError::NoRealTime(lacking)),
            _ if self.unsecured() && !allowed.unsecured => Err(ProgramError::Unsecured),
            _ => Ok(()),
        }
    }

    /// What hardware would have to do without.
    #[must_use]
    pub fn without_real_time(&self) -> Option<Lacking> {
        self.lacking.filter(|_| self.limits == Limits::HARDWARE)
    }

    /// Whether hardware would be driven where anyone on the network can give commands.
    #[must_use]
    pub fn unsecured(&self) -> bool {
        !self.secured && self.limits == Limits::HARDWARE
    }

    /// What the record must keep: under which name, and in words.
    #[must_use]
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        let no_real_time = self.without_real_time().map(|lacking| {
            let text = format!("without real time, by allow_no_real_time: {lacking}");
            ("no_real_time", text)
        });
        let unsecured = self.unsecured().then(|| {
            let text = "without ROS 2 security, by allow_unsecured: anyone on the network can give commands and poses";
            ("unsecured", text.to_owned())
        });
        no_real_time.into_iter().chain(unsecured).collect()
    }

    /// What whoever reports must say; empty when there is nothing.
    #[must_use]
    pub fn remark(&self) -> String {
        if self.limits != Limits::HARDWARE {
            return SIMULATION.to_owned();
        }
        let texts = self.notes().into_iter().map(|(_, text)| text);
        texts.collect::<Vec<_>>().join("; ")
    }
}

/// Whether this process takes part in ROS 2 only with whom its keystore names: rcl then refuses to make a node that it cannot secure. Source:
/// rcl's own reading of both variables.
#[must_use]
pub fn secured() -> bool {
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    is("ROS_SECURITY_ENABLE", "true") && is("ROS_SECURITY_STRATEGY", "Enforce")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Allowed = Allowed {
        no_real_time: false,
        unsecured: false,
    };
    const ALL: Allowed = Allowed {
        no_real_time: true,
        unsecured: true,
    };

    fn terms(limits: Limits, lacking: Option<Lacking>, secured: bool) -> Terms {
        Terms {
            limits,
            register_first: true,
            lacking,
            secured,
        }
    }

    /// H15: hardware is not driven where anyone can give commands, unless that is allowed by name, and then it is told.
    #[test]
    fn hardware_asks_for_security_and_for_real_time() {
        let sound = terms(Limits::HARDWARE, None, true);
        assert!(sound.check(NOTHING).is_ok());
        assert_eq!(sound.remark(), "");
        let open = terms(Limits::HARDWARE, None, false);
        let real_time = Allowed {
            no_real_time: true,
            ..NOTHING
        };
        for allowed in [NOTHING, real_time] {
            assert!(matches!(open.check(allowed), Err(ProgramError::Unsecured)));
        }
        assert!(open.check(ALL).is_ok());
        assert!(open.remark().starts_with("without ROS 2 security"));
        assert_eq!(open.notes().len(), 1);
        let simulated = terms(Limits::LOOSE_CLOCK, None, false);
        assert!(simulated.check(NOTHING).is_ok());
        assert!(simulated.remark().contains("simulated"));
        assert!(simulated.notes().is_empty());
    }
}
