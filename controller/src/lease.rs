//! The operator's lease: whose heartbeat counts.
//!
//! Whoever operates the controller sends a heartbeat under a name of their own, and may move the arm only as long as it arrives. One name
//! holds the lease at a time; what others send is refused until the holder has been silent for long enough that the core has stopped for
//! it. A heartbeat is judged by its arrival: no stamp and no count of the sender's is looked at.

use stipple_core::{Micros, Stamped};

use crate::ports::LeaseTerm;

/// Longest name of a holder, bytes. Source: own.
pub const LONGEST_NAME: usize = 64;

/// After how many lease ages of silence somebody else may take the lease. Source: own, the core has stopped after one.
const HANDED_ON_AFTER: u64 = 2;

/// From this heartbeat on a holder holds the lease: the first may be an old one that the middleware kept for late listeners.
const HELD_FROM: u64 = 2;

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It keeps the lease alive.
    Held,
    /// The first of a hold: the next one counts.
    First,
    /// Somebody else holds the lease.
    Refused,
    /// It names nobody, or somebody with too long a name.
    Nameless,
}

/// Why somebody may not have the arm moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHeld {
    /// They name nobody.
    #[error("who asks must be named: by the name under which the heartbeat is sent")]
    Nameless,
    /// They do not hold the lease, and nobody else does.
    #[error("{asks:?} does not hold the operator's lease: no heartbeat of that name arrives")]
    Nobody {
        /// Who asks.
        asks: String,
    },
    /// Somebody else holds it.
    #[error("{asks:?} does not hold the operator's lease: {holder:?} does")]
    Other {
        /// Who asks.
        asks: String,
        /// Who holds it.
        holder: String,
    },
}

/// Who holds the lease, and since when.
#[derive(Debug, Clone)]
pub struct Lease {
    age: Micros,
    holder: Option<Holder>,
    term: u64,
    heard: u64,
    refused: u64,
    refused_name: Option<String>,
}

#[derive(Debug, Clone)]
struct Holder {
    name: String,
    last: Micros,
    /// Heartbeats without a break.
    beats: u64,
}

impl Lease {
    /// Nobody holds it. A hold ends `age` after its last heartbeat.
    #[must_use]
    pub const fn new(age: Micros) -> Self {
        Self {
            age,
            holder: None,
            term: 0,
            heard: 0,
            refused: 0,
            refused_name: None,
        }
    }

    /// Takes a heartbeat that arrived at `now`.
    pub fn hear(&mut self, name: &str, now: Micros) -> Heard {
        if name.is_empty() || name.len() > LONGEST_NAME {
            self.refused = self.refused.saturating_add(1);
            return Heard::Nameless;
        }
        let free_after = Micros(self.age.0.saturating_mul(HANDED_ON_AFTER));
        match &mut self.holder {
            Some(holder) if holder.name == name && now.fresh(holder.last, self.age) => {
                holder.last = now;
                holder.beats = holder.beats.saturating_add(1);
                self.heard = self.heard.saturating_add(1);
                Heard::Held
            }
            Some(holder) if holder.name != name && !now.passed(holder.last, free_after) => {
                self.refused = self.refused.saturating_add(1);
                if self.refused_name.as_deref() != Some(name) {
                    self.refused_name = Some(name.to_owned());
                }
                Heard::Refused
            }
            _ => {
                self.term = self.term.saturating_add(1);
                self.heard = self.heard.saturating_add(1);
                self.holder = Some(Holder {
                    name: name.to_owned(),
                    last: now,
                    beats: 1,
                });
                Heard::First
            }
        }
    }

    /// The lease as it was kept alive last; its age is for the core to judge.
    #[must_use]
    pub fn held(&self) -> Option<Stamped<LeaseTerm>> {
        self.holder
            .as_ref()
            .filter(|holder| holder.beats >= HELD_FROM)
            .map(|holder| Stamped {
                value: LeaseTerm(self.term),
                arrived: holder.last,
                sequence: self.heard,
            })
    }

    /// The holder's name and the age of their last heartbeat at `now`.
    #[must_use]
    pub fn holder(&self, now: Micros) -> Option<(&str, Micros)> {
        let holder = self.holder.as_ref()?;
        let age = now.since(holder.last).unwrap_or(Micros::ZERO);
        Some((&holder.name, age))
    }

    /// Whether somebody may have the arm moved at `now`: the holder alone may, while their heartbeat arrives. Who asks in another's name is
    /// not told apart.
    ///
    /// # Errors
    /// Why they may not.
    pub fn allows(&self, asks: &str, now: Micros) -> Result<(), NotHeld> {
        if asks.is_empty() {
            return Err(NotHeld::Nameless);
        }
        let asks = || asks.to_owned();
        match &self.holder {
            Some(holder) if now.fresh(holder.last, self.age) => {
                if holder.name == asks() {
                    Ok(())
                } else {
                    Err(NotHeld::Other {
                        asks: asks(),
                        holder: holder.name.clone(),
                    })
                }
            }
            _ => Err(NotHeld::Nobody { asks: asks() }),
        }
    }

    /// How old the last heartbeat of a hold may be.
    #[must_use]
    pub const fn age(&self) -> Micros {
        self.age
    }

    /// How many heartbeats were refused, and who sent the last that named somebody.
    #[must_use]
    pub fn refused(&self) -> (u64, Option<&str>) {
        (self.refused, self.refused_name.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Micros = Micros::from_ms(500);
    const fn ms(at: u64) -> Micros {
        Micros::from_ms(at)
    }

    #[test]
    fn a_lease_is_held_from_the_second_heartbeat_on() {
        let mut lease = Lease::new(AGE);
        assert_eq!(lease.held(), None);
        assert_eq!(lease.hear("a", ms(0)), Heard::First);
        // What a late listener is given may have been sent long ago.
        assert_eq!(lease.held(), None);
        assert_eq!(lease.hear("a", ms(100)), Heard::Held);
        let held = lease.held().unwrap();
        assert_eq!((held.value, held.arrived), (LeaseTerm(1), ms(100)));
        assert_eq!(lease.hear("a", ms(600)), Heard::Held);
        assert_eq!(lease.held().unwrap().value, LeaseTerm(1));
    }

    #[test]
    fn a_break_begins_another_hold() {
        let mut lease = Lease::new(AGE);
        lease.hear("a", ms(0));
        lease.hear("a", ms(100));
        assert_eq!(lease.hear("a", Micros(600_001)), Heard::First);
        assert_eq!(lease.held(), None);
        lease.hear("a", ms(700));
        assert_eq!(lease.held().unwrap().value, LeaseTerm(2));
    }

    /// H15.
    #[test]
    fn a_second_sender_is_refused_until_the_holder_is_long_silent() {
        let mut lease = Lease::new(AGE);
        for k in 0..20 {
            lease.hear("a", ms(100 * k));
            assert_eq!(lease.hear("b", ms(100 * k + 50)), Heard::Refused);
        }
        assert_eq!(lease.refused(), (20, Some("b")));
        assert_eq!(lease.held().unwrap().value, LeaseTerm(1));
        assert_eq!(lease.hear("b", ms(2899)), Heard::Refused);
        assert_eq!(lease.hear("b", ms(2900)), Heard::First);
        assert_eq!(lease.hear("a", ms(2950)), Heard::Refused);
        assert_eq!(lease.hear("b", ms(3000)), Heard::Held);
        assert_eq!(lease.held().unwrap().value, LeaseTerm(2));
        assert_eq!(lease.holder(ms(3010)), Some(("b", ms(10))));
    }

    #[test]
    fn the_holder_alone_may_have_the_arm_moved() {
        let mut lease = Lease::new(AGE);
        let nobody = |asks: &str| NotHeld::Nobody {
            asks: asks.to_owned(),
        };
        assert_eq!(lease.allows("a", ms(0)), Err(nobody("a")));
        lease.hear("a", ms(0));
        assert_eq!(lease.allows("a", ms(500)), Ok(()));
        assert_eq!(lease.allows("", ms(0)), Err(NotHeld::Nameless));
        assert_eq!(lease.allows("a", Micros(500_001)), Err(nobody("a")));
        // Somebody else has taken it, and keeps it alive.
        lease.hear("b", ms(1_000));
        lease.hear("b", ms(1_100));
        let refused = NotHeld::Other {
            asks: "a".to_owned(),
            holder: "b".to_owned(),
        };
        assert_eq!(lease.allows("a", ms(1_200)), Err(refused));
        assert_eq!(lease.allows("b", ms(1_200)), Ok(()));
    }

    #[test]
    fn a_heartbeat_must_name_its_sender() {
        let mut lease = Lease::new(AGE);
        for name in ["", &"x".repeat(LONGEST_NAME + 1)] {
            assert_eq!(lease.hear(name, ms(0)), Heard::Nameless);
        }
        assert_eq!(lease.hear(&"x".repeat(LONGEST_NAME), ms(0)), Heard::First);
        assert_eq!(lease.refused(), (2, None));
    }
}
