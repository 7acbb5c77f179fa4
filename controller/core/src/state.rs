//! The states of a session.

/// Where the session stands.
///
/// ```text
///            admitted, healthy          start              hop done            at rest
///   Safe ◄──────────────────────► Ready ─────► Approaching ─────────► Hovering ───────► Verifying
///    ▲                              ▲            ▲  ▲  │ ▲              │ timeout          │  │ permit
///    │ clear                        │ finished   │  │  │ └──────────────┴──────────────────┘  ▼
///    │                              │            │  │  │      off target: hop again       Extending
///  Stopped ◄── Stopping             │            │  │  │ queue empty                          │ out, confirmed
///    ▲           ▲                  │            │  │  │ or pause       needle in             ▼
///    │ clear     │ stop, from       │     resume │  └──┼────────────── Retracting ◄─────── Dwelling
///    │           │ everywhere       │            │     ▼                   ▲  guard lost, or dwelt
///  Faulted       │                  └──────── Pausing ◄───────────────────────── pause, from Approaching to Retracting
///    ▲                                           │ lifted, then parked where there is a station
///    └── a fault, from Approaching to Pausing    └────────► Paused
///        and from a stop that is not confirmed
/// ```
///
/// * The needle is commanded out in `Extending` and `Dwelling` only, in every tick by a permit of that tick; in all other states every tick
///   commands it in.
/// * The arm is told to follow a motion in `Approaching` and `Pausing` only, and only while the needle reports that it is in.
/// * Off a head that does not hold still for a second the arm lifts, by way of `Pausing`, and waits in `Approaching` for it to calm down.
/// * On a fault after which needle and arm still do as they are told the arm lifts, by way of `Pausing`, before it holds in `Faulted`; any other fault ends that way.
/// * Before a target at which the plan has a stop the arm waits in `Paused`, and only a resume of that very pause makes the stop.
/// * Every state that waits has a timeout; it leads on, to a pause or to a fault.
/// * Start and resume need a live lease of the operator; the work goes on under that lease alone, and one that comes back resumes nothing.
/// * `Stopped` and `Faulted` are left by clear-fault only, to `Safe`; from there `Ready`, when all is well. Clearing starts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// Nothing loaded, or not all is well; the state after every start.
    #[default]
    Safe,
    /// A plan is admitted, arm and needle report and rest: the operator may start.
    Ready,
    /// The arm goes to the next dot.
    Approaching,
    /// The arm is over the dot and settles.
    Hovering,
    /// Everything a strike depends on is checked.
    Verifying,
    /// The needle goes out.
    Extending,
    /// The needle is in the skin.
    Dwelling,
    /// The needle goes in.
    Retracting,
    /// On the way to a pause or to the end: needle in, arm at rest, lift, and on to the station. After some faults, too: up, no farther.
    Pausing,
    /// Needle in, arm at rest, off the head.
    Paused,
    /// On the way to a stop: needle in, arm at rest.
    Stopping,
    /// Stopped; latched.
    Stopped,
    /// A fault stopped the session; latched.
    Faulted,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Safe,
        Self::Ready,
        Self::Approaching,
        Self::Hovering,
        Self::Verifying,
        Self::Extending,
        Self::Dwelling,
        Self::Retracting,
        Self::Pausing,
        Self::Paused,
        Self::Stopping,
        Self::Stopped,
        Self::Faulted,
    ];

    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Ready => "ready",
            Self::Approaching => "approaching",
            Self::Hovering => "hovering",
            Self::Verifying => "verifying",
            Self::Extending => "extending",
            Self::Dwelling => "dwelling",
            Self::Retracting => "retracting",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Faulted => "faulted",
        }
    }

    /// Working on a dot: from approaching to retracting.
    #[must_use]
    pub const fn working(self) -> bool {
        matches!(
            self,
            Self::Approaching
                | Self::Hovering
                | Self::Verifying
                | Self::Extending
                | Self::Dwelling
                | Self::Retracting
        )
    }

    /// The arm may move or the needle may be out on our command.
    #[must_use]
    pub const fn active(self) -> bool {
        self.working() || matches!(self, Self::Pausing | Self::Stopping)
    }
}
