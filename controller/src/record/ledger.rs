//! What the rows of a record come to, and which row may follow.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stipple_model::digest::Digest;
use stipple_model::plan::DotId;

use super::SIMULATED;
use super::journal::Row;
use super::sitting::{Sitting, SittingError};
use super::terms::{Binding, DotState, FORMAT_VERSION};
use crate::gate::Visit;

/// What a record is of; the detail of its first row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub format_version: i64,
    pub session_id: String,
    pub plan_digest: String,
    pub scan_digest: String,
}

impl About {
    pub fn new(binding: &Binding, now_us: i64) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            session_id: format!("{}-{now_us:x}", binding.plan.short()),
            plan_digest: binding.plan.to_string(),
            scan_digest: binding.scan.to_string(),
        }
    }

    /// What it is bound to; `None` when that is no digest.
    pub fn binding(&self) -> Option<Binding> {
        Some(Binding {
            plan: digest(&self.plan_digest)?,
            scan: digest(&self.scan_digest)?,
        })
    }
}

/// A digest from 64 hexadecimal digits.
fn digest(text: &str) -> Option<Digest> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    (digits.len() == 64).then(|| Digest::from_bytes(bytes))
}

/// Who orders something, and why; both are asked for and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The operator.
    pub by: String,
    /// In their words.
    pub why: String,
}

impl Order {
    /// Whether both are given.
    #[must_use]
    pub fn complete(&self) -> bool {
        !self.by.trim().is_empty() && !self.why.trim().is_empty()
    }
}

/// Why a row may not follow those before it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unlawful {
    /// A dot that is done already.
    #[error("dot {dot} is already {} in the record", .state.key())]
    AlreadyDone {
        /// Which.
        dot: u32,
        /// How it stands.
        state: DotState,
    },
    /// An outcome without an intent.
    #[error("dot {dot} was never intended, but an outcome came")]
    NoIntent {
        /// Which.
        dot: u32,
    },
    /// A repeat of a dot that is not in doubt.
    #[error("dot {dot} is not in doubt: only such a dot can be ordered once more")]
    NotInDoubt {
        /// Which.
        dot: u32,
    },
    /// A record begins with the row that says what it is of, and has one.
    #[error("the row that says what the record is of does not stand first, or stands twice")]
    NotFirst,
    /// A row that lacks something, or of a kind that there is not.
    #[error("a row of kind {kind:?} with values that it cannot have")]
    Malformed {
        /// Its kind.
        kind: String,
    },
    /// The client, the needle or the pigment.
    #[error(transparent)]
    Sitting(#[from] SittingError),
}

/// What a sitting has come to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sat {
    pub sitting: Sitting,
    /// Strikes made or begun with its cartridge.
    pub strikes: u32,
    /// The record was opened anew after strikes of it.
    pub over: bool,
}

/// What the rows come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    pub about: Option<About>,
    pub dots: BTreeMap<DotId, DotState>,
    pub sat: Option<Sat>,
    /// Sittings before the present one that made strikes.
    pub before: Vec<Sitting>,
    /// Cartridges of this record.
    pub cartridges: BTreeSet<String>,
    /// Strikes made or begun since the record was made.
    pub strikes: u32,
    /// Its dots are simulated ones.
    pub simulated: bool,
    /// The last row says that the record was closed in order.
    pub closed: bool,
}

fn malformed(row: &Row) -> Unlawful {
    Unlawful::Malformed {
        kind: row.kind.clone(),
    }
}

fn detail<'a, T: Deserialize<'a>>(row: &'a Row) -> Result<T, Unlawful> {
    row.detail
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| malformed(row))
}

impl Ledger {
    /// Takes a row in, if it may follow; else nothing changes.
    pub fn apply(&mut self, row: &Row) -> Result<(), Unlawful> {
        if (row.kind == "created") != self.about.is_none() {
            return Err(Unlawful::NotFirst);
        }
        match row.kind.as_str() {
            "created" => {
                let about: About = detail(row)?;
                if about.format_version != FORMAT_VERSION || about.binding().is_none() {
                    return Err(malformed(row));
                }
                self.about = Some(about);
            }
            "opened" => {
                if let Some(sat) = &mut self.sat {
                    sat.over |= sat.strikes > 0;
                }
            }
            "closed" => {}
            "event" if row.reason.is_some() && row.detail.is_some() && row.dot.is_none() => {
                self.simulated |= row.reason.as_deref() == Some(SIMULATED);
            }
            "sitting" => self.sit(detail(row)?)?,
            _ => self.strike(row)?,
        }
        self.closed = row.kind == "closed";
        Ok(())
    }

    fn sit(&mut self, sitting: Sitting) -> Result<(), Unlawful> {
        let before = self.sat.as_ref().map(|sat| sat.sitting.client.as_str());
        sitting.follows(before, self.strikes)?;
        sitting.lawful()?;
        if !self.cartridges.insert(sitting.cartridge.id.clone()) {
            return Err(SittingError::Used {
                cartridge: sitting.cartridge.id,
                session: String::new(),
            }
            .into());
        }
        let sat = Sat {
            sitting,
            strikes: 0,
            over: false,
        };
        let before = self.sat.replace(sat).filter(|sat| sat.strikes > 0);
        self.before.extend(before.map(|sat| sat.sitting));
        Ok(())
    }

    /// A row about a dot.
    fn strike(&mut self, row: &Row) -> Result<(), Unlawful> {
        let dot = row.dot.and_then(|dot| u32::try_from(dot).ok());
        let layer = row.layer.and_then(|layer| u8::try_from(layer).ok());
        let (Some(dot), Some(layer)) = (dot, layer) else {
            return Err(malformed(row));
        };
        let known = self.dots.get(&DotId(dot)).copied();
        let after = match (row.kind.as_str(), known) {
            ("intent", None) => {
                self.of_the_layer(layer)?;
                self.count(|n| n.saturating_add(1));
                Some(DotState::Intent)
            }
            ("withdrawn", Some(DotState::Intent)) => {
                self.count(|n| n.saturating_sub(1));
                None
            }
            ("placed", Some(DotState::Intent))
                if finite(row.lateral_error_m) && finite(row.depth_m) =>
            {
                Some(DotState::Placed)
            }
            ("skipped", None | Some(DotState::Intent)) if row.reason.is_some() => {
                Some(DotState::Skipped)
            }
            ("in_doubt", Some(DotState::Intent)) if row.reason.is_some() => Some(DotState::InDoubt),
            ("repeat", Some(DotState::InDoubt)) => {
                if !detail::<Order>(row)?.complete() {
                    return Err(malformed(row));
                }
                None
            }
            ("repeat", _) => return Err(Unlawful::NotInDoubt { dot }),
            ("withdrawn" | "placed" | "in_doubt", None) => return Err(Unlawful::NoIntent { dot }),
            (kind, Some(state)) if kind != DotState::Intent.key() && state == DotState::Intent => {
                return Err(malformed(row));
            }
            ("intent" | "withdrawn" | "placed" | "skipped" | "in_doubt", Some(state)) => {
                return Err(Unlawful::AlreadyDone { dot, state });
            }
            _ => return Err(malformed(row)),
        };
        match after {
            Some(state) => self.dots.insert(DotId(dot), state),
            None => self.dots.remove(&DotId(dot)),
        };
        Ok(())
    }

    /// Dots whose intent stands.
    pub fn intended(&self) -> impl Iterator<Item = DotId> + '_ {
        let intents = self.dots.iter();
        intents
            .filter(|(_, state)| **state == DotState::Intent)
            .map(|(dot, _)| *dot)
    }

    /// A sitting is for one layer: the next is another session, after days.
    fn of_the_layer(&self, layer: u8) -> Result<(), SittingError> {
        match &self.sat {
            Some(sat) if sat.sitting.layer != layer => Err(SittingError::OtherLayer {
                sitting: sat.sitting.layer,
                layer,
            }),
            _ => Ok(()),
        }
    }

    /// The sittings in which there were strikes.
    pub fn visits(&self, session: &str) -> Vec<Visit> {
        let present = self.sat.as_ref().filter(|sat| sat.strikes > 0);
        let all = self.before.iter().chain(present.map(|sat| &sat.sitting));
        all.map(|sitting| sitting.visit(session)).collect()
    }

    fn count(&mut self, change: impl Fn(u32) -> u32) {
        self.strikes = change(self.strikes);
        if let Some(sat) = &mut self.sat {
            sat.strikes = change(sat.strikes);
        }
    }
}

fn finite(value: Option<f64>) -> bool {
    value.is_some_and(f64::is_finite)
}
