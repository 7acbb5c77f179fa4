//! What must be caught: a safety function taken out, so that it shows whether the checks see it.

use stipple_core::Limits;

use super::guards::Opened;

/// A safety function that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Guards' figures are opened wide.
    LimitsOpen(Opened),
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

/// Those that are no guard's figure, by their names on the command line.
const OTHERS: [(&str, Sabotage); 6] = [
    ("limits-open", Sabotage::LimitsOpen(Opened::ALL)),
    ("permit-kept", Sabotage::PermitKept),
    ("intent-not-awaited", Sabotage::IntentNotAwaited),
    ("stamp-renewed", Sabotage::StampRenewed),
    ("dot-forgotten", Sabotage::DotForgotten),
    ("loss-forgotten", Sabotage::LossForgotten),
];

impl Sabotage {
    /// Its names on the command line.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let guards = super::guards::GUARDS.iter().map(|guard| guard.name);
        OTHERS.iter().map(|(name, _)| *name).chain(guards)
    }

    /// The one of that name; guards that are opened together are joined by `+`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let other = OTHERS.iter().find(|(known, _)| *known == name);
        let guards = || Opened::named(name).map(Self::LimitsOpen);
        other.map(|(_, sabotage)| *sabotage).or_else(guards)
    }
}

/// The guards' figures of a session.
pub(super) fn limits(sabotage: Option<Sabotage>) -> Limits {
    let mut limits = Limits::HARDWARE;
    if let Some(Sabotage::LimitsOpen(opened)) = sabotage {
        opened.open(&mut limits);
    }
    limits
}
