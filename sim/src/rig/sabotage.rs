//! What must be caught: a safety function taken out, so that it shows whether the checks see it.

use stipple_controller::ports::Micros;
use stipple_core::Limits;

/// A safety function that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The guards' figures are opened wide.
    LimitsOpen,
    /// The needle's port goes on sending the last extension after it was told to retract.
    PermitKept,
    /// An intent counts as on the disk as soon as it is asked for.
    IntentNotAwaited,
    /// An old head pose comes again and again with a new stamp.
    StampRenewed,
    /// When a record is opened again, a dot that was struck is not in it.
    DotForgotten,
    /// A head that must be registered counts as registered, without a scan of it.
    LossForgotten,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::LimitsOpen,
        Self::PermitKept,
        Self::IntentNotAwaited,
        Self::StampRenewed,
        Self::DotForgotten,
        Self::LossForgotten,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LimitsOpen => "limits-open",
            Self::PermitKept => "permit-kept",
            Self::IntentNotAwaited => "intent-not-awaited",
            Self::StampRenewed => "stamp-renewed",
            Self::DotForgotten => "dot-forgotten",
            Self::LossForgotten => "loss-forgotten",
        }
    }
}

/// The guards' figures of a session.
pub(super) fn limits(sabotage: Option<Sabotage>) -> Limits {
    if sabotage != Some(Sabotage::LimitsOpen) {
        return Limits::HARDWARE;
    }
    Limits {
        joints_age: Micros::from_ms(10_000),
        head_age_strike: Micros::from_ms(10_000),
        head_age: Micros::from_ms(10_000),
        needle_age: Micros::from_ms(10_000),
        lease_age: Micros::from_ms(10_000),
        head_displacement: 1.0,
        head_speed: 10.0,
        axial_force: 1e3,
        lateral_verify: 5e-3,
        lateral_stroke: 5e-3,
        approach_displacement: 1.0,
        ..Limits::HARDWARE
    }
}
