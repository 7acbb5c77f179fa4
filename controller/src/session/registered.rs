//! Whether the head is where it is tracked: registered before the start, and anew after every loss of tracking.

use stipple_core::State;
use stipple_model::frames::{Base, Head, Point, Transform};

use super::{Session, StartError};
use crate::head::Verdict;
use crate::ports::{Micros, Ports, Stamped};
use crate::registration::{RESIDUAL_AFTER_LOSS, Registration};
use crate::services::{Note, Request, Said, Services};
use stipple_model::units::{Angle, Length};

/// Where a session stands with its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registered {
    /// The tracker is trusted as it is, and has not been lost.
    #[default]
    NotNeeded,
    /// The head was not registered yet, and must be before the start.
    Missing,
    /// Tracking was lost: the head must be registered before the work starts or goes on.
    Lost,
    /// It is, and tracking was never lost since.
    Done,
}

impl Registered {
    /// Whether nothing may start as it is.
    #[must_use]
    pub const fn wanted(self) -> bool {
        matches!(self, Self::Missing | Self::Lost)
    }

    /// What an operator must know and do.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotNeeded => "the tracker is trusted as it was set up",
            Self::Missing => "the head is not registered: register it before the start",
            Self::Lost => "tracking of the head was lost: register the head before going on",
            Self::Done => "the head is registered",
        }
    }
}

/// What a session begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Before {
    /// The tracker is trusted as it was set up.
    #[default]
    Trusted,
    /// The head must be registered before the first start.
    Unregistered,
    /// Tracking was lost in the session before, and the head not registered since.
    Lost,
}

/// Why a registration is not taken.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum RegisterError {
    /// The head must not jump under a needle.
    #[error("the head can be registered while nothing moves; the session is {}", .0.name())]
    State(State),
    /// There is nothing to correct.
    #[error("the head is not tracked: no pose of it has come lately")]
    NotTracked,
    /// After a loss the head must be known better than before the first start.
    #[error(
        "the scan fits the head within {residual_mm:.2} mm; since tracking was lost at most {limit_mm:.2} mm will do: scan again"
    )]
    Residual {
        /// Of the registration.
        residual_mm: f64,
        /// Allowed.
        limit_mm: f64,
    },
    /// What it was before the loss says nothing of after it.
    #[error("the head was scanned before tracking was lost: scan it again")]
    Before,
    /// The tracker's poses were not believed: where the head was when it was scanned nobody knows.
    #[error(
        "the tracker's poses jumped while the head was scanned, or after it: see to its marker, and scan again"
    )]
    Jumped,
    /// Scan and pose would not be of one moment.
    #[error("the head moves at {speed_mm_s:.0} mm/s: scan it again when it is still")]
    Moving {
        /// As tracked.
        speed_mm_s: f64,
    },
}

/// What is kept about it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keeping {
    pub state: Registered,
    pub correction: Option<Registration>,
    /// Taken since the last tick, for the record.
    fresh: bool,
    /// Tracking was lost at some time: the head stays to be known as well as after that.
    was_lost: bool,
    /// The last tick in which it was lost.
    lost_at: Option<Micros>,
    /// The last tick with a pose that jumped.
    jumped_at: Option<Micros>,
    /// Where the head was believed last while tracking was not lost.
    known: Option<Transform<Base, Head>>,
}

/// Farthest that a head may be from where it was planned for at a start. Source: own; a chair and a person's height leave a tenth of a metre.
const FARTHEST_OFF: Length = Length::from_mm(200.0);
/// The same for its turn.
const FARTHEST_TURNED: Angle = Angle::from_deg(45.0);

/// A scan is not used where a pose jumped later than so long before it. Source: own, longer than any `Limits::head_age`: a pose that jumps and
/// stays there for longer counts as a loss.
const JUMPED_BEFORE: Micros = Micros::from_ms(200);

impl Keeping {
    pub fn new(first: Before) -> Self {
        let (state, was_lost) = match first {
            Before::Trusted => (Registered::NotNeeded, false),
            Before::Unregistered => (Registered::Missing, false),
            Before::Lost => (Registered::Lost, true),
        };
        Self {
            state,
            was_lost,
            ..Self::default()
        }
    }
}

impl Session {
    /// Where the session stands with its registration.
    #[must_use]
    pub const fn registered(&self) -> Registered {
        self.keeping.state
    }

    /// Whether tracking was lost at some time.
    #[must_use]
    pub const fn was_lost(&self) -> bool {
        self.keeping.was_lost
    }

    /// The registration that holds, or held until tracking was lost.
    #[must_use]
    pub const fn registration(&self) -> Option<&Registration> {
        self.keeping.correction.as_ref()
    }

    /// Takes a registration of the head: from now on the head is where the tracker says, corrected by it.
    ///
    /// # Errors
    /// Not while the session works or comes to rest, and only of a head that is tracked and still.
    pub fn register(&mut self, registration: Registration) -> Result<(), RegisterError> {
        let state = self.core.state();
        if !matches!(
            state,
            State::Safe | State::Ready | State::Paused | State::Stopped | State::Faulted
        ) {
            return Err(RegisterError::State(state));
        }
        let limits = &self.config.limits;
        let seen = self.filter.good_at();
        if !seen.is_some_and(|at| self.ticked.fresh(at, limits.head_age)) {
            return Err(RegisterError::NotTracked);
        }
        let jumped = self.keeping.jumped_at.is_some_and(|at| {
            self.filter.last_doubted().is_some() || at.after(JUMPED_BEFORE) >= registration.looked
        });
        if jumped {
            return Err(RegisterError::Jumped);
        }
        let speed = self.filter.speed_at(&Point::origin());
        if speed.is_nan() || speed > limits.head_speed {
            return Err(RegisterError::Moving {
                speed_mm_s: speed * 1e3,
            });
        }
        let after_loss = self
            .keeping
            .lost_at
            .is_none_or(|at| registration.looked > at);
        if !after_loss {
            return Err(RegisterError::Before);
        }
        let residual = registration.residual;
        if self.keeping.was_lost && residual > RESIDUAL_AFTER_LOSS {
            return Err(RegisterError::Residual {
                residual_mm: residual.mm(),
                limit_mm: RESIDUAL_AFTER_LOSS.mm(),
            });
        }
        let before = self.keeping.correction.replace(registration);
        let before = before.map_or_else(Transform::identity, |r| r.tracked_from_head);
        (self.keeping.state, self.keeping.fresh) = (Registered::Done, true);
        // The corrected head is somewhere else than the one before, which is no movement. A marker that slips just then is one.
        let corrected = before.inverse() * registration.tracked_from_head;
        self.filter.correct(&corrected);
        Ok(())
    }

    /// The head may lie otherwise than it was planned for, but not anywhere: ways and clearance were looked at with it there, and a frame that is
    /// another one shows so.
    pub(super) fn check_place(&self) -> Result<(), StartError> {
        let Some(tracked) = self.filter.last_raw() else {
            return Ok(());
        };
        let (off, turned) = self.plan.cell.base_from_head.separation(&tracked);
        // Written so that NaN is far.
        if off <= FARTHEST_OFF.m() && turned <= FARTHEST_TURNED.rad() {
            return Ok(());
        }
        Err(StartError::FarHead {
            off_mm: off * 1e3,
            turned_deg: turned.to_degrees(),
        })
    }

    /// Takes the head's pose in.
    pub(super) fn look(&mut self, now: Micros, ports: &Ports<'_>) {
        // Before the newest pose is taken in, too: after a gap it says nothing of what was before it.
        let mut lost = self.is_untracked(now);
        if let Some(sample) = ports.head.head_pose() {
            let value = match &self.keeping.correction {
                Some(registration) => sample.value * registration.tracked_from_head,
                None => sample.value,
            };
            match self.filter.update(&Stamped { value, ..sample }) {
                Verdict::Anew => lost = true,
                Verdict::Jumped => self.keeping.jumped_at = Some(now),
                _ => {}
            }
        }
        lost |= self.is_untracked(now);
        // Before the first tick of a session that begins after a loss it was lost, too.
        let still_lost = self.keeping.was_lost && self.keeping.lost_at.is_none();
        if lost || still_lost {
            self.keeping.lost_at = Some(now);
        }
        if lost {
            self.keeping.state = Registered::Lost;
            self.keeping.was_lost = true;
        }
        if self.keeping.state != Registered::Lost {
            self.keeping.known = self.filter.last_raw();
        }
    }

    /// Where the head was before tracking was lost; `None` while it is not. What is tracked since may be something else.
    pub(super) fn head_before_loss(&self) -> Option<Transform<Base, Head>> {
        let lost = self.keeping.state == Registered::Lost;
        self.keeping.known.filter(|_| lost)
    }

    /// A head that was tracked once has not been for too long.
    fn is_untracked(&self, now: Micros) -> bool {
        let at = self.filter.good_at();
        at.is_some_and(|at| now.passed(at, self.config.limits.head_age.after(Micros(1))))
    }

    /// A registration that was taken since the last tick.
    pub(super) fn note_registration(&mut self, now: Micros, services: &mut dyn Services) {
        if !std::mem::take(&mut self.keeping.fresh) {
            return;
        }
        if let Some(registration) = &self.keeping.correction {
            services.ask(Request::Note(Note::Event {
                kind: "registration",
                detail: Said::Registered(registration.residual, registration.moved),
                at: now,
            }));
        }
    }
}
