//! A sitting: who sits in the chair, where the head was found, which needle and which pigment are in use.
//!
//! A record may go on over many days; each time somebody sits down anew it is a sitting, with a row of its own in the journal. A cartridge is
//! for one sitting, ever: the record refuses one that it has seen, the [registry](Registry) beside it one that any record has.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::date::Date;

/// Largest RMS residual of a registration, mm. Source: hazard H7, as `stipple_model::registration` refuses it.
pub const LARGEST_RESIDUAL_MM: f64 = 1.0;

/// Longest id, bytes.
const LONGEST_ID: usize = 64;

/// Name of the registry in its folder.
const REGISTRY: &str = "cartridges.sqlite";

/// How today's head lies on the planned one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// RMS distance between the surfaces where they fit, mm.
    pub residual_mm: f64,
    /// From today's scan into the planned one: translation, m.
    pub translation_m: [f64; 3],
    /// Its rotation, a unit quaternion x, y, z, w.
    pub quaternion_xyzw: [f64; 4],
}

/// A needle cartridge, for one sitting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cartridge {
    /// The number on its package, unlike any other's.
    pub id: String,
    /// How many strikes it may make.
    pub strike_cap: u32,
    /// The last day it may be used, UTC.
    pub expires: Date,
}

/// A lot of pigment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PigmentLot {
    /// The number on its bottle.
    pub id: String,
    /// The last day it may be used, UTC.
    pub expires: Date,
}

/// What a sitting is bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sitting {
    /// Who is treated; the same in every sitting of a record.
    pub client: String,
    /// Who is responsible.
    pub operator: String,
    /// How the head lies today.
    pub registration: Registration,
    /// The needle.
    pub cartridge: Cartridge,
    /// The pigments, at least one.
    pub pigment_lots: Vec<PigmentLot>,
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
        expires: Date,
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
    /// No pigment named.
    #[error("no pigment lot is named")]
    NoPigment,
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
            if id.trim().is_empty() || id.len() > LONGEST_ID || !id.chars().all(visible) {
                return Err(SittingError::Id { what });
            }
        }
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

    /// Whether nothing has expired at a moment.
    pub(super) fn fresh(&self, now_us: i64) -> Result<(), SittingError> {
        let today = Date::of(now_us);
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

/// All cartridges ever used, in one file of a folder: no two records get the same one.
#[derive(Debug)]
pub struct Registry {
    db: Connection,
    path: PathBuf,
}

/// Why the registry cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct RegistryError {
    path: PathBuf,
    source: rusqlite::Error,
}

impl Registry {
    /// Opens the registry of a folder, or makes it.
    ///
    /// # Errors
    /// When the file is something else, or the disk fails.
    pub fn open(folder: &Path) -> Result<Self, RegistryError> {
        let path = folder.join(REGISTRY);
        // Who may not make it is told by SQLite.
        let _ = stipple_model::files::make_private(&path);
        let made = Connection::open(&path).and_then(|db| {
            db.pragma_update(None, "synchronous", "full")?;
            db.execute(
                "CREATE TABLE IF NOT EXISTS cartridges (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT",
                [],
            )?;
            Ok(db)
        });
        match made {
            Ok(db) => {
                // The file's name, too, must outlast a power cut.
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
                Ok(Self { db, path })
            }
            Err(source) => Err(RegistryError { path, source }),
        }
    }

    /// Notes that a cartridge is used; when this returns, it is on the disk. `Some` is the session that had it before.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn take(
        &self,
        cartridge: &str,
        session_id: &str,
        at_us: i64,
    ) -> Result<Option<String>, RegistryError> {
        let failed = |source| RegistryError {
            path: self.path.clone(),
            source,
        };
        let new = self
            .db
            .execute(
                "INSERT OR IGNORE INTO cartridges VALUES (?1, ?2, ?3)",
                params![cartridge, session_id, at_us],
            )
            .map_err(failed)?;
        if new == 1 {
            return Ok(None);
        }
        self.db
            .query_row(
                "SELECT session_id FROM cartridges WHERE id = ?1",
                [cartridge],
                |row| row.get(0),
            )
            .map(Some)
            .map_err(failed)
    }
}
