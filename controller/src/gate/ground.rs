//! Why a session may not start, and who may pass over what.

use std::fmt;

use serde::{Deserialize, Serialize};
use stipple_model::course::Day;

/// What must hold before a session starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Record, plan, intake and sitting are of one client.
    Client,
    /// The client has consented.
    Consent,
    /// Nothing stands against treating the client on this day.
    Screening,
    /// The numbing cream works.
    Numbing,
    /// The needle is new, in date, and may strike.
    Cartridge,
    /// Every shade that is used has a lot in date.
    Pigment,
    /// Depth and dwell were tried on a new client.
    TestPatch,
    /// The skin has rested since the last session.
    Interval,
    /// Today's head lies on the planned one, by a scan of today.
    Registration,
}

impl Gate {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 9] = [
        Self::Client,
        Self::Consent,
        Self::Screening,
        Self::Numbing,
        Self::Cartridge,
        Self::Pigment,
        Self::TestPatch,
        Self::Interval,
        Self::Registration,
    ];

    /// As written and told.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Consent => "consent",
            Self::Screening => "screening",
            Self::Numbing => "numbing",
            Self::Cartridge => "cartridge",
            Self::Pigment => "pigment",
            Self::TestPatch => "test_patch",
            Self::Interval => "interval",
            Self::Registration => "registration",
        }
    }

    /// Whether any refusal of this gate may be passed over.
    #[must_use]
    pub fn has_override(self) -> bool {
        GROUNDS.iter().any(|g| g.gate == self && g.may)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What a refusal rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ground {
    /// Somebody else's record, plan or intake.
    OtherClient,
    /// No consent that holds.
    NoConsent,
    /// Answers that are too old.
    OldAnswers,
    /// The screening refuses.
    Refused,
    /// The screening wants a physician's word.
    Physician,
    /// No cream, or it does not work yet.
    NotNumb,
    /// A needle that may not be used.
    Needle,
    /// A lot that may not be used, or a shade without one.
    Lot,
    /// No test patch, or the plan does not keep to it.
    NotTried,
    /// Too soon.
    TooSoon,
    /// A scan that is too old or does not fit.
    Head,
}

/// Who may pass over a ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passing {
    /// The ground.
    pub ground: Ground,
    /// Its gate.
    pub gate: Gate,
    /// Whether a person may, with name and reason.
    pub may: bool,
    /// Why, or why not.
    pub why: &'static str,
}

const fn passing(ground: Ground, gate: Gate, may: bool, why: &'static str) -> Passing {
    Passing {
        ground,
        gate,
        may,
        why,
    }
}

/// What may be passed over by a person who gives name and reason, and what never.
///
/// The rule behind it: what only the client bears and a person in the room can judge may be passed over; what no one in the room can see,
/// or what takes a minute to put right, never.
pub const GROUNDS: [Passing; 11] = [
    passing(
        Ground::OtherClient,
        Gate::Client,
        false,
        "dots planned for another head or another skin",
    ),
    passing(
        Ground::NoConsent,
        Gate::Consent,
        false,
        "nobody else can consent; signing takes a minute",
    ),
    passing(
        Ground::OldAnswers,
        Gate::Screening,
        false,
        "asking the client again takes a minute",
    ),
    passing(
        Ground::Refused,
        Gate::Screening,
        false,
        "a harm that cannot be taken back",
    ),
    passing(
        Ground::Physician,
        Gate::Screening,
        true,
        "a physician in the room may say it",
    ),
    passing(
        Ground::NotNumb,
        Gate::Numbing,
        true,
        "a client may not bear the cream, or not want it",
    ),
    passing(
        Ground::Needle,
        Gate::Cartridge,
        false,
        "nobody sees an infection; a new cartridge takes a minute",
    ),
    passing(
        Ground::Lot,
        Gate::Pigment,
        false,
        "pigment stays for years; by its lot a bad one is traced",
    ),
    passing(
        Ground::NotTried,
        Gate::TestPatch,
        true,
        "a client who was treated elsewhere may have a patch that others made",
    ),
    passing(
        Ground::TooSoon,
        Gate::Interval,
        true,
        "whoever looks at the skin sees whether it has healed",
    ),
    passing(
        Ground::Head,
        Gate::Registration,
        false,
        "another head than the one planned for; scanning again takes a minute",
    ),
];

impl Ground {
    /// Who may pass over it; what is not in the table nobody may.
    #[must_use]
    pub fn passing(self) -> Passing {
        let own = GROUNDS.iter().find(|g| g.ground == self).copied();
        own.unwrap_or(passing(self, Gate::Client, false, "nobody said who may"))
    }
}

/// A refusal, in one line that says what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else's record.
    #[error("the record belongs to client {record:?}, not to {given:?}: take that client's record")]
    OtherRecord {
        /// Whose it is.
        record: String,
        /// Who was named.
        given: String,
    },
    /// Strikes were made before anybody was named.
    #[error("the record has strikes and names no client: begin a new record")]
    NoClient,
    /// Somebody else's answers.
    #[error("the intake is of client {intake:?}, not of {given:?}: take that client's intake")]
    OtherIntake {
        /// Whose it is.
        intake: String,
        /// Who was named.
        given: String,
    },
    /// Depths of somebody else.
    #[error("the plan was fitted to client {fitted:?}, not to {given:?}: take that client's plan")]
    OtherFit {
        /// Whose it is.
        fitted: String,
        /// Who was named.
        given: String,
    },
    /// A consent from the future.
    #[error("the consent is of {day}, after this day, {today}: correct consent.day")]
    ConsentLater {
        /// Its day.
        day: Day,
        /// The sitting's.
        today: Day,
    },
    /// A consent that is too old.
    #[error("the consent of {day} is older than {days} days: have the client sign again")]
    ConsentOld {
        /// Its day.
        day: Day,
        /// How long it lasts.
        days: u16,
    },
    /// Answers confirmed in the future, or before they were given.
    #[error(
        "the answers of {given} are said to be confirmed on {confirmed}, which is not between that day and {today}: correct screening.confirmed"
    )]
    AnswersLater {
        /// When they were confirmed.
        confirmed: Day,
        /// When they were given.
        given: Day,
        /// The sitting's day.
        today: Day,
    },
    /// Answers that are too old.
    #[error(
        "the answers were confirmed on {confirmed}, more than {days} days ago: ask the client again"
    )]
    AnswersOld {
        /// When they were confirmed.
        confirmed: Day,
        /// How long that lasts.
        days: u16,
    },
    /// The screening refuses.
    #[error("{key}: {reason}: {}", not_before(*.until))]
    Screened {
        /// The question.
        key: String,
        /// Why it matters.
        reason: String,
        /// Until when it is refused, if that is known.
        until: Option<Day>,
    },
    /// A physician must be asked.
    #[error(
        "{key}: {reason}: ask a physician, and put who and when into screening.physician and screening.physician_day"
    )]
    AskPhysician {
        /// The question.
        key: String,
        /// Why it matters.
        reason: String,
    },
    /// A physician's word that does not hold.
    #[error(
        "the word of {by} is of {day}, which is not within {days} days before this day: ask again"
    )]
    PhysicianOld {
        /// Who.
        by: String,
        /// When.
        day: Day,
        /// How long it lasts.
        days: u16,
    },
    /// No cream.
    #[error("no numbing cream was applied: apply one and wait {minutes} minutes")]
    NotNumbed {
        /// How long it takes.
        minutes: f64,
    },
    /// It does not work yet.
    #[error("{cream} takes {minutes} minutes to work: wait {left} more")]
    Waiting {
        /// Which.
        cream: String,
        /// How long it takes.
        minutes: f64,
        /// How long it still takes, whole minutes.
        left: i64,
    },
    /// A needle that was used before.
    #[error("cartridge {cartridge:?} was used before, in session {session}: take a new one")]
    Used {
        /// Which.
        cartridge: String,
        /// Where.
        session: String,
    },
    /// A needle that is too old.
    #[error("cartridge {cartridge:?} expired on {expires}: take a new one")]
    NeedleExpired {
        /// Which.
        cartridge: String,
        /// Its last day.
        expires: Day,
    },
    /// A needle that may not strike at all.
    #[error("cartridge {cartridge:?} may make no strike: correct cartridge.strike_cap")]
    NoStrikes {
        /// Which.
        cartridge: String,
    },
    /// Pigment that is too old.
    #[error("pigment lot {lot:?} expired on {expires}: open a new one")]
    LotExpired {
        /// Which.
        lot: String,
        /// Its last day.
        expires: Day,
    },
    /// A shade without a lot.
    #[error(
        "no pigment lot holds the shade {shade:?}, which layer {layer} uses: name its lot under [[pigments]]"
    )]
    NoLot {
        /// Which.
        shade: String,
        /// Where.
        layer: u8,
    },
    /// A shade that the plan does not have.
    #[error("pigment lot {lot:?} names the shade {shade:?}; the plan has {known}")]
    UnknownShade {
        /// Which lot.
        lot: String,
        /// What it names.
        shade: String,
        /// What there is.
        known: String,
    },
    /// A new client on whom nothing was tried.
    #[error(
        "client {client:?} was never treated before, and no test patch was made: plan one with `stipple-planner plan --test-patch`"
    )]
    NoPatch {
        /// Who.
        client: String,
    },
    /// A patch that was read before it could be, or in the future.
    #[error(
        "the test patch of {done} was read on {read}; read it {days} days after it was made or later, and before this session"
    )]
    PatchRead {
        /// When it was made.
        done: Day,
        /// When it was read.
        read: Day,
        /// How long it takes to heal.
        days: u16,
    },
    /// A plan that knows nothing of the patch, or something else.
    #[error(
        "the plan {plan}; the test patch fitted {depth_mm} mm and {dwell_ms} ms on {read}: put that into the treatment's [fitted] and plan again"
    )]
    NotFitted {
        /// What the plan has.
        plan: String,
        /// The fitted depth.
        depth_mm: f64,
        /// The fitted dwell.
        dwell_ms: f64,
        /// When it was read.
        read: Day,
    },
    /// The layer was worked on too lately.
    #[error(
        "this layer was worked on on {day}; going on with it on another day takes {days} days: come back on {from}"
    )]
    PartSoon {
        /// When.
        day: Day,
        /// How long it takes.
        days: u16,
        /// The first day.
        from: Day,
    },
    /// Another session was too lately.
    #[error(
        "the last session was on {day} ({session}); the next one takes {days} days: come back on {from}"
    )]
    SessionSoon {
        /// When.
        day: Day,
        /// Which.
        session: String,
        /// How long it takes.
        days: u16,
        /// The first day.
        from: Day,
    },
    /// A scan that is too old, or from the future.
    #[error("the scan was taken {minutes} minutes from now: see to the clocks")]
    ScanAhead {
        /// In so many.
        minutes: i64,
    },
    /// The scan is too old.
    #[error(
        "the scan was taken {minutes} minutes ago, {most} are accepted: scan and register again"
    )]
    ScanOld {
        /// How long ago; negative: in the future.
        minutes: i64,
        /// How old it may be.
        most: f64,
    },
    /// Today's head does not lie well enough on the planned one.
    #[error(
        "the registration leaves {residual_mm:.2} mm, at most {most_mm} mm are accepted: scan again"
    )]
    Residual {
        /// What it leaves.
        residual_mm: f64,
        /// What it may leave.
        most_mm: f64,
    },
}

fn not_before(day: Option<Day>) -> String {
    day.map_or_else(
        || "do not treat".to_owned(),
        |day| format!("do not treat before {day}"),
    )
}

impl Refusal {
    /// What it rests on.
    #[must_use]
    pub const fn ground(&self) -> Ground {
        match self {
            Self::OtherRecord { .. }
            | Self::NoClient
            | Self::OtherIntake { .. }
            | Self::OtherFit { .. } => Ground::OtherClient,
            Self::ConsentLater { .. } | Self::ConsentOld { .. } => Ground::NoConsent,
            Self::AnswersLater { .. } | Self::AnswersOld { .. } => Ground::OldAnswers,
            Self::Screened { .. } => Ground::Refused,
            Self::AskPhysician { .. } | Self::PhysicianOld { .. } => Ground::Physician,
            Self::NotNumbed { .. } | Self::Waiting { .. } => Ground::NotNumb,
            Self::Used { .. } | Self::NeedleExpired { .. } | Self::NoStrikes { .. } => {
                Ground::Needle
            }
            Self::LotExpired { .. } | Self::NoLot { .. } | Self::UnknownShade { .. } => Ground::Lot,
            Self::NoPatch { .. } | Self::PatchRead { .. } | Self::NotFitted { .. } => {
                Ground::NotTried
            }
            Self::PartSoon { .. } | Self::SessionSoon { .. } => Ground::TooSoon,
            Self::ScanAhead { .. } | Self::ScanOld { .. } | Self::Residual { .. } => Ground::Head,
        }
    }
}
