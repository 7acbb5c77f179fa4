//! The controller's process: killed, started anew, its record opened again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stipple_controller::admit::Admitted;
use stipple_controller::hops::CellPlanner;
use stipple_controller::ports::Micros;
use stipple_controller::record::{Binding, DotState, Durability, Record, RecordError};
use stipple_controller::session::{Before, Session, SessionConfig};
use stipple_model::plan::DotId;

use super::desk::Desk;
use super::sabotage::{Sabotage, limits};
use super::{Rig, Setup, view_of};
use crate::chance::uniform;
use crate::run::RunError;

/// The record of a plan, at its path or in memory.
pub(super) fn open(
    admitted: &Admitted,
    path: Option<&Path>,
    now_us: i64,
) -> Result<Record, RecordError> {
    let binding = Binding {
        plan: admitted.digest(),
        scan: admitted.plan().provenance.scan_digest,
    };
    // Virtual time begins in 1970: the same run writes the same record.
    match path {
        Some(path) => {
            let mut record = Record::open(path, binding, Durability::ProcessCrash, now_us)?;
            record.mark_simulated("on simulated hardware, in virtual time", now_us)?;
            Ok(record)
        }
        None => Record::in_memory(binding, now_us),
    }
}

/// A session on an admitted plan that knows what the record knows.
pub(super) fn session(
    admitted: &Admitted,
    planner: &CellPlanner,
    done: BTreeMap<DotId, DotState>,
    setup: &Setup,
    now: Micros,
) -> Session {
    // Strikes are numbered by the true time: larger than all before, since no process strikes once a microsecond.
    let config = SessionConfig {
        before: Before::Unregistered,
        ..SessionConfig::new(limits(setup.sabotage), now.0 + 1)
    };
    Session::new(admitted, Arc::new(planner.clone()), done, config)
}

/// The files of a record and what is in them: itself, its log, and the note beside it.
#[derive(Debug, Clone, Default)]
pub(super) struct Files([Option<Vec<u8>>; 3]);

impl Files {
    fn paths(record: &Path) -> [PathBuf; 3] {
        ["", "-wal", ".head"].map(|suffix| {
            let mut name = record.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        })
    }

    /// As they are now.
    pub fn read(record: &Path) -> std::io::Result<Self> {
        let [a, b, c] = Self::paths(record).map(|file| match std::fs::read(file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        Ok(Self([a?, b?, c?]))
    }

    fn write(&self, record: &Path) -> std::io::Result<()> {
        for (file, bytes) in Self::paths(record).iter().zip(&self.0) {
            match bytes {
                Some(bytes) => std::fs::write(file, bytes)?,
                None => match std::fs::remove_file(file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error);
                    }
                    _ => {}
                },
            }
        }
        Ok(())
    }

    /// As they were before a write whose log is there in part: what it changed is new up to the given share, 0 to 1.
    fn torn(self, after: &Self, share: f64) -> Self {
        let [record, old, note] = self.0;
        let new = after
            .0
            .get(1)
            .and_then(Option::as_deref)
            .unwrap_or_default();
        let mut log = old.unwrap_or_default();
        let differs = |at: &usize| log.get(*at) != new.get(*at);
        let first = (0..new.len()).find(differs).unwrap_or(new.len());
        let last = (0..new.len())
            .rev()
            .find(differs)
            .map_or(first, |at| at + 1);
        let cut = first + ((last - first) as f64 * share) as usize;
        let kept = log.split_off(cut.min(log.len()));
        log.truncate(first);
        log.extend(new.get(first..cut).unwrap_or_default());
        log.extend(kept);
        Self([record, Some(log), note])
    }
}

/// What a killed process leaves of a record: its files as they are now, and not as they are once it is closed in order. A write that was torn
/// is there up to that share of it.
fn drop_as_killed(mut desk: Desk, path: &Path, share: f64) -> std::io::Result<()> {
    let now = Files::read(path)?;
    let left = match desk.take_torn() {
        Some(before) => before.torn(&now, share),
        None => now,
    };
    drop(desk);
    left.write(path)
}

impl Rig {
    /// Kills the process: whatever it had in mind is gone, its files are as they are. A new one knows the record alone.
    pub(super) fn kill(&mut self) {
        let Some(desk) = self.desk.take() else {
            return;
        };
        let share = uniform(&mut self.rng, 0.0, 1.0);
        let left = match &self.setup.record {
            Some(path) => drop_as_killed(desk, path, share).map(|()| None),
            None => Ok(Some(desk.into_record())),
        };
        let now = self.now;
        match left {
            Ok(record) => self.begin_anew(record),
            Err(error) => self.lose_record(&error.to_string(), now),
        }
    }

    /// Ends the process in order and starts another, as an operator does who loads the plan again.
    pub fn reload(&mut self) {
        let Some(desk) = self.desk.take() else {
            return;
        };
        let record = desk.into_record();
        let kept = self.setup.record.is_none().then_some(record);
        self.begin_anew(kept);
    }

    fn lose_record(&mut self, why: &str, now: Micros) {
        self.watch.check(super::Invariant::I6, false, now, || {
            format!("the record cannot be taken up again: {why}")
        });
    }

    /// A new process on the record at its path, or on the one that was kept in memory.
    fn begin_anew(&mut self, kept: Option<Record>) {
        let now = self.now;
        let now_us = i64::try_from(now.0).unwrap_or(i64::MAX);
        let record = match kept {
            Some(record) => Ok(record),
            None => open(&self.admitted, self.setup.record.as_deref(), now_us),
        };
        let taken_up = record.map_err(RunError::from).and_then(|record| {
            let mut done = record.dots()?;
            let forgotten = self.forget_dot(&mut done);
            let session = session(&self.admitted, &self.planner, done, &self.setup, now);
            let mut desk = Desk::new(
                self.planner.clone(),
                record,
                self.setup.latency,
                self.setup.sabotage,
                self.setup.record.clone(),
            );
            desk.forgotten = forgotten;
            Ok((session, desk))
        });
        match taken_up {
            Ok((session, desk)) => {
                for (name, count) in self.session.faults().iter() {
                    *self.core_faults.entry(name).or_default() += count;
                }
                self.session = session;
                self.desk = Some(desk);
                self.view = view_of(&self.session);
            }
            Err(error) => self.lose_record(&error.to_string(), now),
        }
        self.process.began = self.now;
        self.wires.joints.forget();
        self.wires.head.forget();
        self.wires.needle.forget();
        self.wires.beat.forget();
        self.arm_line.forget();
        self.watch.restarted();
    }

    /// The dot that a sabotaged record does not know any more.
    fn forget_dot(&self, done: &mut BTreeMap<DotId, DotState>) -> Option<DotId> {
        if self.setup.sabotage != Some(Sabotage::DotForgotten) {
            return None;
        }
        let placed = done
            .iter()
            .find(|(_, state)| **state == DotState::Placed)
            .map(|(dot, _)| *dot)?;
        done.remove(&placed);
        Some(placed)
    }
}
