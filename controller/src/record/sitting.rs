//! A sitting: who sits in the chair, where the head was found, which needle and which pigment are in use.
//!
//! A record may go on over many days; each time somebody sits down anew it is a sitting, with a row of its own in the journal. A cartridge is
//! for one sitting, ever: the record refuses one that it has seen, the [registry](super::Registry) beside it one that any record has.

use serde::{Deserialize, Serialize};

use stipple_model::course::{Day, Finding, Verdict, day_of};
use stipple_model::treatment::Purpose;

use crate::gate::{History, Override, Rules, Visit};

/// Largest RMS residual of a registration, mm. Source: hazard H7, as `stipple_model::registration` refuses it.
pub const LARGEST_RESIDUAL_MM: f64 = 1.0;

/// Longest id, bytes.
pub const LONGEST_ID: usize = 64;

/// How today's head lies on the planned one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// RMS distance between the surfaces where they fit, mm.
    pub residual_mm: f64,
    /// From today's scan into the planned one: translation, m.
    pub translation_m: [f64; 3],
    /// Its rotation, a unit quaternion x, y, z, w.
    pub quaternion_xyzw: [f64; 4],
    /// When today's scan was taken, µs since 1970.
    pub taken_us: i64,
}

/// A needle cartridge, for one sitting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cartridge {
    /// The number on its package, unlike any other's.
    pub id: String,
    /// How many strikes it may make.
    pub strike_cap: u32,
    /// The last day it may be used.
    pub expires: Day,
}

/// A lot of pigment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PigmentLot {
    /// The number on its bottle.
    pub id: String,
    /// The last day it may be used.
    pub expires: Day,
    /// The shades of the plan that were mixed from it.
    pub shades: Vec<String>,
}

/// A client's consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// When it was signed.
    pub day: Day,
    /// The id of the document that was signed.
    pub document: String,
}

/// Somebody's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: String,
    /// When.
    pub day: Day,
}

/// What stands against a treatment, as the screening found it when the sitting began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The question's key, or `scars`.
    pub key: String,
    /// What comes of it.
    pub verdict: Verdict,
    /// The first day on which it no longer holds, if one is known.
    pub until: Option<Day>,
    /// Why.
    pub reason: String,
}

impl From<&Finding> for Found {
    fn from(found: &Finding) -> Self {
        Self {
            key: found.key.clone(),
            verdict: found.verdict,
            until: found.until,
            reason: found.reason.clone(),
        }
    }
}

/// The medical screening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screened {
    /// SHA-256 of the intake file, hexadecimal.
    pub intake: String,
    /// Whose answers they are.
    pub client: String,
    /// When they were given.
    pub given: Day,
    /// When they were confirmed anew.
    pub confirmed: Day,
    /// What stands against a treatment.
    pub findings: Vec<Found>,
    /// A physician's word.
    pub physician: Option<Word>,
}

/// A numbing cream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbing {
    /// Which.
    pub cream: String,
    /// When it was applied, µs since 1970.
    pub applied_us: i64,
}

/// A test patch that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// When it was made.
    pub done: Day,
    /// When it was looked at.
    pub read: Day,
    /// The deepest that healed well, mm.
    pub depth_mm: f64,
    /// How long the needle stayed in the skin, ms.
    pub dwell_ms: f64,
}

/// What a sitting is bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sitting {
    /// Who is treated; the same in every sitting of a record.
    pub client: String,
    /// Who is responsible.
    pub operator: String,
    /// The day on which it begins, by the clinic's calendar,
    pub day: Day,
    /// and the moment, µs since 1970.
    pub begun_us: i64,
    /// Whether it is a treatment or a test patch.
    pub purpose: Purpose,
    /// The layer that is worked on, from 1; strikes of another one are refused.
    pub layer: u8,
    /// The client's consent.
    pub consent: Consent,
    /// The medical screening.
    pub screening: Screened,
    /// The numbing cream; `None` where none was applied.
    pub numbing: Option<Numbing>,
    /// How the head lies today.
    pub registration: Registration,
    /// The needle.
    pub cartridge: Cartridge,
    /// The pigments, at least one.
    pub pigment_lots: Vec<PigmentLot>,
    /// The test patch, where one was looked at.
    pub test_patch: Option<Patch>,
    /// What was known of the client from before.
    pub history: History,
    /// The figures that held,
    pub rules: Rules,
    /// and the SHA-256 of the policy they are from, hexadecimal.
    pub policy: String,
    /// What was passed over, by whom, and why.
    pub overrides: Vec<Override>,
}

/// Why a sitting cannot begin, or not go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SittingError {
    /// An id that is empty, too long, or not of visible characters.
    #[error("{what}: an id has 1 to {LONGEST_ID} bytes of visible characters")]
    Id {
        /// Of what.
        what: &'static str,
    },
    /// A pose that is none.
    #[error("the registration holds numbers that make no pose")]
    Pose,
    /// Today's head does not lie well enough on the planned one.
    #[error(
        "the registration leaves {residual_mm:.2} mm, at most {LARGEST_RESIDUAL_MM} mm are accepted: scan again"
    )]
    Residual {
        /// What it leaves.
        residual_mm: f64,
    },
    /// Somebody else's record.
    #[error("the record belongs to client {record:?}, not to {given:?}")]
    OtherClient {
        /// Whose it is.
        record: String,
        /// Who was named.
        given: String,
    },
    /// Strikes were made before anybody was named.
    #[error(
        "the record was begun without naming a client, and has strikes: it cannot be given one now"
    )]
    NoClient,
    /// A needle that was used before.
    #[error(
        "cartridge {cartridge:?} was used before{}{session}: take a new one",
        if .session.is_empty() { "" } else { ", in session " }
    )]
    Used {
        /// Which.
        cartridge: String,
        /// Where, if it was in another record.
        session: String,
    },
    /// Too old.
    #[error("{what} {id:?} expired on {expires}")]
    Expired {
        /// Cartridge or pigment.
        what: &'static str,
        /// Which.
        id: String,
        /// Its last day.
        expires: Day,
    },
    /// A cartridge that may not strike at all.
    #[error("cartridge {cartridge:?} may make no strike")]
    NoStrikes {
        /// Which.
        cartridge: String,
    },
    /// The needle is worn.
    #[error(
        "cartridge {cartridge:?} has made the {strike_cap} strikes it may make: begin a sitting with a new one"
    )]
    Worn {
        /// Which.
        cartridge: String,
        /// How many it may make.
        strike_cap: u32,
    },
    /// The session was interrupted after strikes of this sitting.
    #[error(
        "the sitting ended with the program that struck in it: go on with `stipple-controller resume` and a new cartridge"
    )]
    Over,
    /// A strike of another layer.
    #[error(
        "the sitting is for layer {sitting}, not for layer {layer}: begin another with `stipple-controller resume`"
    )]
    OtherLayer {
        /// The sitting's.
        sitting: u8,
        /// The one that was to be struck.
        layer: u8,
    },
    /// Something passed over that nobody may, or without a name or a reason.
    #[error("{gate} was passed over, which nobody may, or without a name or a reason")]
    Override {
        /// The gate.
        gate: crate::gate::Gate,
    },
    /// No pigment named.
    #[error("no pigment lot is named")]
    NoPigment,
}

impl SittingError {
    /// The same in a few words that take no memory, for an operator in the middle of a session.
    #[must_use]
    pub const fn brief(&self) -> &'static str {
        match self {
            Self::Worn { .. } | Self::NoStrikes { .. } => {
                "the cartridge has made the strikes it may make"
            }
            Self::Expired { .. } => "the cartridge or a pigment has expired",
            Self::OtherLayer { .. } => "the sitting is for another layer",
            Self::Over => "the sitting is over",
            _ => "the sitting does not allow it",
        }
    }
}

impl Sitting {
    /// Whether it may begin at a moment, as far as it can be seen from itself.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn check(&self, now_us: i64) -> Result<(), SittingError> {
        for (what, id) in [
            ("client", &self.client),
            ("operator", &self.operator),
            ("cartridge", &self.cartridge.id),
        ]
        .into_iter()
        .chain(self.pigment_lots.iter().map(|lot| ("pigment lot", &lot.id)))
        {
            let visible = |c: char| !c.is_control() && c != '\u{feff}';
            // What stands on a package and in a device's report: letters that look alike must be alike.
            let plain = |b: u8| b.is_ascii_graphic() || b == b' ';
            let printed = what != "cartridge" || (id.trim() == id && id.bytes().all(plain));
            if id.trim().is_empty()
                || id.len() > LONGEST_ID
                || !(printed && id.chars().all(visible))
            {
                return Err(SittingError::Id { what });
            }
        }
        self.lawful()?;
        self.registration.check()?;
        if self.pigment_lots.is_empty() {
            return Err(SittingError::NoPigment);
        }
        if self.cartridge.strike_cap == 0 {
            return Err(SittingError::NoStrikes {
                cartridge: self.cartridge.id.clone(),
            });
        }
        self.fresh(now_us)
    }

    /// The day at a moment, by the clinic's calendar: as many days after the sitting's as have passed in UTC.
    #[must_use]
    pub fn today(&self, now_us: i64) -> Day {
        let passed = day_of(now_us) - day_of(self.begun_us);
        let bound = if passed.num_days() < 0 {
            Day::MIN
        } else {
            Day::MAX
        };
        self.day.checked_add_signed(passed).unwrap_or(bound)
    }

    /// The visit that it is.
    pub(super) fn visit(&self, session: &str) -> Visit {
        Visit {
            session: session.to_owned(),
            layer: self.layer,
            day: self.day,
            purpose: self.purpose,
        }
    }

    /// Whether only what may be passed over was.
    pub(super) fn lawful(&self) -> Result<(), SittingError> {
        match self.overrides.iter().find(|o| !o.is_lawful()) {
            Some(wrong) => Err(SittingError::Override { gate: wrong.gate }),
            None => Ok(()),
        }
    }

    /// Whether nothing has expired at a moment.
    pub(super) fn fresh(&self, now_us: i64) -> Result<(), SittingError> {
        let today = self.today(now_us);
        let needle = ("cartridge", &self.cartridge.id, self.cartridge.expires);
        let lots = self
            .pigment_lots
            .iter()
            .map(|lot| ("pigment lot", &lot.id, lot.expires));
        match std::iter::once(needle)
            .chain(lots)
            .find(|(.., expires)| *expires < today)
        {
            None => Ok(()),
            Some((what, id, expires)) => Err(SittingError::Expired {
                what,
                id: id.clone(),
                expires,
            }),
        }
    }

    /// Whether it may follow in a record of that client, if it has one, with that many strikes.
    pub(super) fn follows(&self, client: Option<&str>, strikes: u32) -> Result<(), SittingError> {
        match client {
            Some(client) if client != self.client => Err(SittingError::OtherClient {
                record: client.to_owned(),
                given: self.client.clone(),
            }),
            None if strikes > 0 => Err(SittingError::NoClient),
            _ => Ok(()),
        }
    }
}

impl Registration {
    fn check(&self) -> Result<(), SittingError> {
        let finite = self
            .translation_m
            .iter()
            .chain(&self.quaternion_xyzw)
            .chain([&self.residual_mm])
            .all(|v| v.is_finite());
        let norm: f64 = self.quaternion_xyzw.iter().map(|v| v * v).sum();
        let unit = (norm - 1.0).abs() < 1e-6;
        if !finite || !unit || self.residual_mm < 0.0 {
            return Err(SittingError::Pose);
        }
        if self.residual_mm > LARGEST_RESIDUAL_MM {
            return Err(SittingError::Residual {
                residual_mm: self.residual_mm,
            });
        }
        Ok(())
    }
}
