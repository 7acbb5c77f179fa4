//! What a sender's stamps can show: that messages come out of order, twice, or later than they used to.
//!
//! How old a message is, is judged by its arrival, less what it was later than the quickest by its stamp; a stamp is believed only where it
//! speaks against the message. A sender whose clock goes back, or whose messages are held up, is as good as silent, and the core stops on
//! silence. What creeps up by less than a thousandth of the time cannot be told from two clocks that drift apart.

use stipple_core::Micros;

/// After this silence a sender may begin anew with earlier stamps: it was restarted. Later ones tell nothing of a restart: they may as well
/// be what was held up, and are late if they come late. Source: own, longer than any age the core acts on.
const ANEW: Micros = Micros::from_ms(1000);

/// How fast the quickest way here is forgotten, as a share of time: two clocks drift apart. Source: own, ten times a bad quartz.
const DRIFT: f64 = 1e-3;

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untimely {
    /// Its stamp is not later than that of the one before.
    #[error("its stamp is not later than that of the one before")]
    OutOfOrder,
    /// It took much longer than the quickest.
    #[error("by its stamp it comes late")]
    Late,
}

/// The stamps of one topic.
#[derive(Debug, Clone, Copy)]
pub struct Stamps {
    late: Option<Micros>,
    last: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// When a message came last, taken or not.
    arrived: Micros,
    /// The latest stamp, ns.
    stamp: i128,
    /// Arrival less stamp of the quickest message, µs; its zero means nothing.
    quickest: f64,
}

impl Stamps {
    /// A message is late when it took longer than the quickest by more than `late`.
    #[must_use]
    pub const fn new(late: Micros) -> Self {
        Self {
            late: Some(late),
            last: None,
        }
    }

    /// No message is late, order alone counts: for senders whose clock does not run with real time.
    #[must_use]
    pub const fn of_another_time() -> Self {
        Self {
            late: None,
            last: None,
        }
    }

    /// Forgets what came so far.
    pub const fn begin_anew(&mut self) {
        self.last = None;
    }

    /// Judges a message that its sender stamped with `stamp`, ns of any clock, and that arrived at `now`. When it would have arrived, had it
    /// been as quick as the quickest.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn look(&mut self, stamp: i128, now: Micros) -> Result<Micros, Untimely> {
        let way = now.0 as f64 - stamp as f64 * 1e-3;
        let goes_on = |last: &Seen| !now.passed(last.arrived, ANEW) || stamp > last.stamp;
        let Some(last) = self.last.filter(goes_on) else {
            self.last = Some(Seen {
                arrived: now,
                stamp,
                quickest: way,
            });
            return Ok(now);
        };
        let since = now.since(last.arrived).map_or(0.0, |span| span.0 as f64);
        let quickest = way.min(DRIFT.mul_add(since, last.quickest));
        self.last = Some(Seen {
            arrived: now,
            stamp: last.stamp.max(stamp),
            quickest,
        });
        if stamp <= last.stamp {
            return Err(Untimely::OutOfOrder);
        }
        let Some(late) = self.late else {
            return Ok(now);
        };
        let by = way - quickest;
        if by > late.0 as f64 {
            return Err(Untimely::Late);
        }
        Ok(Micros(now.0.saturating_sub(by as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(ms: i64) -> i128 {
        1_000_000 * (1_700_000_000_000 + i128::from(ms))
    }

    /// Feeds (stamp, arrival) in ms.
    fn looked(messages: &[(i64, u64)]) -> Vec<Result<(), Untimely>> {
        let mut stamps = Stamps::new(Micros::from_ms(50));
        messages
            .iter()
            .map(|(sent, arrived)| {
                stamps
                    .look(stamp(*sent), Micros::from_ms(*arrived))
                    .map(drop)
            })
            .collect()
    }

    /// H4, H5: what comes twice or out of order is not taken.
    #[test]
    fn repeated_and_reordered_messages_are_not_taken() {
        let order = Err(Untimely::OutOfOrder);
        assert_eq!(
            looked(&[(0, 10), (16, 26), (16, 27), (48, 58), (32, 59), (64, 74)]),
            [Ok(()), Ok(()), order, Ok(()), order, Ok(())]
        );
    }

    /// H3, H5: what a message was later than the quickest counts to its age.
    #[test]
    fn a_message_is_as_old_as_its_stamp_says() {
        let mut stamps = Stamps::new(Micros::from_ms(50));
        let mut at = |sent, arrived| stamps.look(stamp(sent), Micros::from_ms(arrived));
        assert_eq!(at(0, 10), Ok(Micros::from_ms(10)));
        let later = at(16, 66).unwrap();
        assert!((26_000..26_100).contains(&later.0), "{later:?}");
        let mut other = Stamps::of_another_time();
        for (sent, arrived) in [(0, 10), (16, 66)] {
            let now = Micros::from_ms(arrived);
            assert_eq!(other.look(stamp(sent), now), Ok(now));
        }
    }

    /// H4, H5: a stream that is held up is not taken, however evenly it comes.
    #[test]
    fn a_stream_that_comes_late_is_not_taken() {
        let late = Err(Untimely::Late);
        assert_eq!(
            looked(&[
                (0, 10),
                (16, 26),
                (32, 92),
                (48, 109),
                (64, 125),
                (112, 132)
            ]),
            [Ok(()), Ok(()), Ok(()), late, late, Ok(())]
        );
    }

    /// H4: a sender whose clock steps is silent until it is in order again, or has begun anew.
    #[test]
    fn a_clock_that_steps_is_silence_until_the_sender_begins_anew() {
        let mut stamps = Stamps::new(Micros::from_ms(50));
        let mut look = |sent: i64, at: u64| {
            let looked = stamps.look(stamp(sent), Micros::from_ms(at));
            looked.map(drop)
        };
        assert_eq!(look(0, 10), Ok(()));
        assert_eq!(look(-1000, 26), Err(Untimely::OutOfOrder));
        assert_eq!(look(-984, 42), Err(Untimely::OutOfOrder));
        // Nothing for a second: another life of the sender.
        assert_eq!(look(-900, 1050), Ok(()));
        // A step forward makes all that was before look late once it is taken back.
        assert_eq!(look(200, 1066), Ok(()));
        assert_eq!(look(-868, 1082), Err(Untimely::OutOfOrder));
    }

    /// H4: what is held up for so long that nothing comes for a second is late all the same.
    #[test]
    fn a_stream_that_comes_late_after_a_silence_is_not_taken() {
        let late = Err(Untimely::Late);
        assert_eq!(
            looked(&[(0, 10), (16, 1426), (32, 1442), (2000, 3400), (4000, 4010)]),
            [Ok(()), late, late, late, Ok(())]
        );
        // In time after a silence is in time.
        assert_eq!(looked(&[(0, 10), (1500, 1511)]), [Ok(()), Ok(())]);
    }

    #[test]
    fn where_time_is_simulated_only_the_order_counts() {
        let mut stamps = Stamps::of_another_time();
        // Half as fast as real time.
        for k in 1..500u64 {
            let look = stamps.look(stamp(k as i64), Micros::from_ms(2 * k));
            assert_eq!(look, Ok(Micros::from_ms(2 * k)), "{k}");
        }
        let again = stamps.look(stamp(499), Micros::from_ms(1000));
        assert_eq!(again, Err(Untimely::OutOfOrder));
    }

    #[test]
    fn clocks_that_drift_apart_are_no_fault() {
        let mut stamps = Stamps::new(Micros::from_ms(20));
        for k in 0..200_000u64 {
            // 100 ppm.
            let arrived = Micros(2000 * k + k / 5 + 5000);
            assert!(stamps.look(stamp(2 * k as i64), arrived).is_ok(), "{k}");
        }
    }
}
