//! Whether this machine is fit for a control loop: its pace measured by the loop's own means, on an otherwise idle thread.

use std::time::Duration;

use super::{Lacking, Pacer, SLIP, Urgency, grant, stay_awake, urgent};

/// 99.9 % of all periods must begin no later than this. Source: the safety facts' target at 500 Hz.
pub const MOST_P999: Duration = Duration::from_micros(100);

/// No period may begin later than this. Source: the same.
pub const MOST: Duration = Duration::from_micros(500);

/// Lateness is told apart by microseconds up to this; beyond, only the latest is known exactly.
const FINE: usize = 20_000;

/// Upper ends of the histogram's bars, µs; the last bar has all that is later.
const BARS: [u64; 13] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
];

/// How late periods began.
#[derive(Debug, Clone)]
pub struct Jitter {
    /// So many began within each microsecond; the last place has all that were later.
    counts: Vec<u64>,
    periods: u64,
    slips: u64,
    max: Duration,
}

impl Default for Jitter {
    fn default() -> Self {
        Self {
            counts: vec![0; FINE + 1],
            periods: 0,
            slips: 0,
            max: Duration::ZERO,
        }
    }
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Bar {
    /// Later than this, µs.
    pub over_us: u64,
    /// Not later than this, µs; none for the last one.
    pub up_to_us: Option<u64>,
    /// So many.
    pub periods: u64,
}

impl Jitter {
    /// A period began so late.
    pub fn add(&mut self, late: Duration) {
        // Rounded up: what is not later than a bar's end stands in it.
        let us = usize::try_from(late.as_nanos().div_ceil(1_000)).unwrap_or(FINE);
        self.counts[us.min(FINE)] += 1;
        self.periods += 1;
        self.slips += u64::from(late > SLIP);
        self.max = self.max.max(late);
    }

    /// How many periods.
    #[must_use]
    pub const fn periods(&self) -> u64 {
        self.periods
    }

    /// Of these late by more than [`SLIP`].
    #[must_use]
    pub const fn slips(&self) -> u64 {
        self.slips
    }

    /// The latest.
    #[must_use]
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// That many thousandths of all periods began no later than this, to the microsecond above.
    #[must_use]
    pub fn within(&self, thousandths: u64) -> Duration {
        let rank = (self.periods * thousandths).div_ceil(1_000);
        let mut seen = 0;
        for (us, count) in (0u64..).zip(&self.counts[..FINE]) {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(us).min(self.max);
            }
        }
        self.max
    }

    /// The histogram.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let ends = BARS.into_iter().map(Some).chain([None]);
        let mut over_us = 0;
        let mut bars = Vec::with_capacity(BARS.len() + 1);
        for up_to_us in ends {
            let place = |us: u64| usize::try_from(us).unwrap_or(FINE);
            let first = if over_us == 0 { 0 } else { place(over_us) + 1 };
            let last = up_to_us.map_or(FINE, place);
            bars.push(Bar {
                over_us,
                up_to_us,
                periods: self.counts[first..=last].iter().sum(),
            });
            over_us = up_to_us.unwrap_or(over_us);
        }
        bars
    }
}

/// Why a machine is not fit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// It does not give what it takes.
    #[error(transparent)]
    Lacking(Lacking),
    /// Too often late.
    #[error("99.9 % of all periods begin within {} µs, {} µs are allowed", .0.as_micros(), MOST_P999.as_micros())]
    Late(Duration),
    /// Once too late.
    #[error("the latest period began {} µs late, {} µs are allowed", .0.as_nanos().div_ceil(1_000), MOST.as_micros())]
    VeryLate(Duration),
}

/// A measurement.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What the machine does not give.
    pub lacking: Option<Lacking>,
    /// Whether its processors were kept from deep sleep.
    pub awake: bool,
    /// How its periods began.
    pub jitter: Jitter,
}

impl Measured {
    /// Why the machine is not fit, as far as this shows; nothing when it is.
    #[must_use]
    pub fn unfit(&self) -> Vec<Unfit> {
        let (p999, max) = (self.jitter.within(999), self.jitter.max());
        self.lacking
            .map(Unfit::Lacking)
            .into_iter()
            .chain((p999 > MOST_P999).then_some(Unfit::Late(p999)))
            .chain((max > MOST).then_some(Unfit::VeryLate(max)))
            .collect()
    }
}

/// Measures for `span` with so many periods a second, on a thread as the control loop's.
///
/// # Errors
/// When the system gives no thread.
pub fn measure(span: Duration, rate: u32) -> std::io::Result<Measured> {
    let (lacking, awake) = (grant().err(), stay_awake());
    let period = Duration::from_secs(1) / rate.max(1);
    let periods = span.as_nanos() / period.as_nanos().max(1);
    let mut jitter = Jitter::default();
    let thread = std::thread::Builder::new()
        .name("cycle".to_owned())
        .spawn(move || {
            // Told by `grant` already.
            let _ = urgent(Urgency::Loop);
            let mut pacer = Pacer::start(period);
            for _ in 0..periods {
                jitter.add(pacer.wait());
            }
            jitter
        })?;
    let jitter = thread
        .join()
        .map_err(|_| std::io::Error::other("the measuring thread has ended by itself"))?;
    Ok(Measured {
        lacking,
        awake,
        jitter,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{NotLocked, NotScheduled};

    fn of(late_us: impl IntoIterator<Item = u64>) -> Measured {
        let mut jitter = Jitter::default();
        for us in late_us {
            jitter.add(Duration::from_micros(us));
        }
        Measured {
            lacking: None,
            awake: true,
            jitter,
        }
    }

    #[test]
    fn a_machine_is_fit_up_to_its_figures_and_no_further() {
        let even = |last: [u64; 2]| of(std::iter::repeat_n(40, 998).chain(last));
        assert_eq!(even([100, 500]).unfit(), []);
        assert_eq!(
            even([101, 500]).unfit(),
            [Unfit::Late(Duration::from_micros(101))]
        );
        assert_eq!(
            even([100, 501]).unfit(),
            [Unfit::VeryLate(Duration::from_micros(501))]
        );
        let lacking = Lacking::Both(NotScheduled, NotLocked);
        let without = Measured {
            lacking: Some(lacking),
            ..even([1, 1])
        };
        assert_eq!(without.unfit(), [Unfit::Lacking(lacking)]);
    }

    #[test]
    fn every_period_stands_in_one_bar() {
        let jitter = of([0, 1, 2, 100, 101, 500, 9_999, 10_001, 70_000]).jitter;
        let bars = jitter.bars();
        let count = |up_to: Option<u64>| {
            let bar = bars.iter().find(|bar| bar.up_to_us == up_to);
            bar.unwrap().periods
        };
        assert_eq!(bars.iter().map(|bar| bar.periods).sum::<u64>(), 9);
        assert_eq!((count(Some(1)), count(Some(2))), (2, 1));
        assert_eq!((count(Some(100)), count(Some(200))), (1, 1));
        assert_eq!((count(Some(10_000)), count(None)), (1, 2));
        assert_eq!(jitter.max(), Duration::from_millis(70));
        assert_eq!(jitter.within(1_000), Duration::from_millis(70));
        assert_eq!(jitter.within(500), Duration::from_micros(101));
        assert_eq!(jitter.slips(), 3);
    }

    #[test]
    fn a_measurement_has_as_many_periods_as_its_span() {
        let measured = measure(Duration::from_millis(100), 500).unwrap();
        assert_eq!(measured.jitter.periods(), 50);
    }
}
