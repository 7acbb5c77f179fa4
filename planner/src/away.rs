//! A layer's ways off the head: to where the arm waits at each stop and back, to the first dot and from the last one, each proven.

use rayon::prelude::*;
use stipple_model::clearance::{Settled, WorkCell};
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;
use stipple_model::motion::{away, back};
use stipple_model::plan::{Stop, pauses};
use stipple_model::units::Time;

/// Where ways lead from and to.
pub struct Waiting<'a> {
    /// Arm, tool, head, room.
    pub cell: &'a WorkCell,
    /// The head's nominal pose.
    pub base_from_head: Transform<Base, Head>,
    /// The joints at the station; `None` where the arm waits lifted off the head.
    pub station: Option<Joints>,
}

/// A layer's ways off the head and back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ways {
    /// All ways together.
    pub time: Time,
    /// The places of the layer's order that are reached from where the arm waits, not from the dot before, ascending.
    pub entered: Vec<u32>,
    /// The places of the order from which no way leads off, or to which none leads back, ascending. Where there are any, `time` is short of
    /// theirs.
    pub failed: Vec<u32>,
}

impl Waiting<'_> {
    /// The ways of an order, `hover` the joints over each of its dots, with its stops. The same on any number of threads.
    #[must_use]
    pub fn ways(&self, hover: &[Joints], stops: &[Stop]) -> Ways {
        if hover.is_empty() {
            return Ways::default();
        }
        let mut entered: Vec<u32> = pauses(stops)
            .filter(|p| p.is_away)
            .map(|p| p.before)
            .collect();
        if entered.first() != Some(&0) {
            entered.insert(0, 0);
        }
        let mut legs: Vec<Result<Time, u32>> = entered
            .par_iter()
            .flat_map_iter(|&k| self.off_and_back(hover, k))
            .collect();
        legs.push(self.off(hover, hover.len() as u32 - 1).map(|(t, _)| t));
        let time = legs.iter().flatten().fold(Time::ZERO, |sum, t| sum + *t);
        let mut failed: Vec<u32> = legs.into_iter().filter_map(Result::err).collect();
        failed.sort_unstable();
        failed.dedup();
        Ways {
            time,
            entered,
            failed,
        }
    }

    /// Off the place before `k`, and back to `k`; at the beginning the arm waits already, where there is no station above the first dot.
    fn off_and_back(&self, hover: &[Joints], k: u32) -> Vec<Result<Time, u32>> {
        let off = (k > 0 || self.station.is_none()).then(|| self.off(hover, k.saturating_sub(1)));
        let lifted = || off.as_ref()?.as_ref().ok().map(|(_, waiting)| *waiting);
        let waiting = self.station.or_else(lifted);
        let back = waiting.map(|waiting| self.back(hover, &waiting, k));
        let made = off.filter(|off| k > 0 || off.is_err());
        let made = made.map(|off| off.map(|(time, _)| time));
        made.into_iter().chain(back).collect()
    }

    fn settled(&self) -> Settled<'_> {
        Settled::nothing(self.cell, &self.base_from_head)
    }

    /// How long the way off a place takes and where it ends; the place itself where there is none.
    fn off(&self, hover: &[Joints], k: u32) -> Result<(Time, Joints), u32> {
        let way = away(&self.settled(), &hover[k as usize], self.station.as_ref());
        let way = way.map_err(|_| k)?;
        Ok((Time::from_s(way.duration()), way.end()))
    }

    fn back(&self, hover: &[Joints], waiting: &Joints, k: u32) -> Result<Time, u32> {
        let way = back(&self.settled(), waiting, &hover[k as usize]).map_err(|_| k)?;
        Ok(Time::from_s(way.duration()))
    }

    /// Whether a way leads off a dot and one back.
    #[must_use]
    pub fn leads_both_ways(&self, hover: &Joints) -> bool {
        let off = self.off(&[*hover], 0);
        off.is_ok_and(|(_, waiting)| self.back(&[*hover], &waiting, 0).is_ok())
    }
}
