//! Faults from a TOML file, read strictly: an unknown key, a parameter that the kind does not take, or a number out of range is an error.
//!
//! ```toml
//! [[fault]]
//! kind = "head_pose.delayed"
//! start_s = 5.0
//! length_s = 0.5
//! delay_ms = 120
//! ```
//!
//! `sim/faults/README.md` lists the kinds and their parameters.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use stipple_controller::ports::Micros;
use stipple_model::files::read_limited;

use super::{
    ArmFault, Astray, Distortion, Fault, Garbage, HeadFault, Kind, LeaseFault, MotionFault,
    NeedleFault, ProcessFault, RecordFault, ScanFault, Signal,
};

/// Largest file that is read, bytes.
const LARGEST: u64 = 1 << 20;

/// Why a fault file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum FaultFileError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown or missing key, a wrong type.
    #[error("{path}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A fault makes no sense.
    #[error("{path}: fault {number}: {source}")]
    Fault {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        number: usize,
        /// Why.
        source: FaultError,
    },
}

/// Why a fault makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// No such kind.
    #[error("there is no kind \"{0}\"; sim/faults/README.md lists them")]
    Kind(String),
    /// A parameter is missing.
    #[error("\"{kind}\" needs {key}")]
    Missing {
        /// The kind.
        kind: String,
        /// The key.
        key: &'static str,
    },
    /// A parameter that this kind does not take.
    #[error("\"{kind}\" takes no {key}")]
    Unused {
        /// The kind.
        kind: String,
        /// The key.
        key: &'static str,
    },
    /// A number out of range.
    #[error("{key} must be from {least} to {most}")]
    Range {
        /// The key.
        key: &'static str,
        /// At least.
        least: f64,
        /// At most.
        most: f64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: String,
    start_s: f64,
    length_s: Option<f64>,
    by_mm: Option<f64>,
    by_mrad: Option<f64>,
    by_n: Option<f64>,
    by_deg: Option<f64>,
    every: Option<f64>,
    delay_ms: Option<f64>,
    share: Option<f64>,
    speed_mm_s: Option<f64>,
    step_s: Option<f64>,
}

/// Reads a file of faults; they come back in the order they begin.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn read(path: &Path) -> Result<Vec<Fault>, FaultFileError> {
    let bytes = read_limited(path, LARGEST).map_err(|source| FaultFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let syntax = |message: String| FaultFileError::Syntax {
        path: path.to_owned(),
        message,
    };
    let text = std::str::from_utf8(&bytes).map_err(|e| syntax(e.to_string()))?;
    let file: File =
        toml::from_str(text).map_err(|e| syntax(e.to_string().trim_end().to_owned()))?;
    let mut faults = Vec::new();
    for (row, number) in file.fault.iter().zip(1..) {
        let fault = Parameters::of(row)
            .fault()
            .map_err(|source| FaultFileError::Fault {
                path: path.to_owned(),
                number,
                source,
            })?;
        faults.push(fault);
    }
    faults.sort_by_key(|fault| fault.start);
    Ok(faults)
}

/// A row's parameters, each to be taken once.
struct Parameters<'a> {
    row: &'a Row,
    left: Vec<(&'static str, f64)>,
}

impl<'a> Parameters<'a> {
    fn of(row: &'a Row) -> Self {
        let left = [
            ("length_s", row.length_s),
            ("by_mm", row.by_mm),
            ("by_mrad", row.by_mrad),
            ("by_n", row.by_n),
            ("by_deg", row.by_deg),
            ("every", row.every),
            ("delay_ms", row.delay_ms),
            ("share", row.share),
            ("speed_mm_s", row.speed_mm_s),
            ("step_s", row.step_s),
        ];
        Self {
            row,
            left: left
                .into_iter()
                .filter_map(|(k, v)| Some((k, v?)))
                .collect(),
        }
    }

    fn take(&mut self, key: &'static str, least: f64, most: f64) -> Result<f64, FaultError> {
        let at = self.left.iter().position(|(k, _)| *k == key);
        let (_, value) =
            at.map(|at| self.left.swap_remove(at))
                .ok_or_else(|| FaultError::Missing {
                    kind: self.row.kind.clone(),
                    key,
                })?;
        in_range(key, value, least, most)
    }

    fn delay(&mut self) -> Result<Micros, FaultError> {
        Ok(Micros((self.take("delay_ms", 0.0, 60e3)? * 1e3) as u64))
    }

    /// µs.
    fn stamp_off(&mut self) -> Result<i64, FaultError> {
        Ok((self.take("step_s", 0.001, 60.0)? * 1e6) as i64)
    }

    fn fault(mut self) -> Result<Fault, FaultError> {
        let start = in_range("start_s", self.row.start_s, 0.0, 1e6)?;
        let kind = self.kind()?;
        let at_once = matches!(
            kind,
            Kind::ClockStep(_)
                | Kind::Record(RecordFault::Full | RecordFault::Unsynced | RecordFault::Torn)
        );
        let length = if at_once {
            0.0
        } else {
            self.take("length_s", 0.0, 3_600.0)?
        };
        if let Some((key, _)) = self.left.first() {
            return Err(FaultError::Unused {
                kind: self.row.kind.clone(),
                key,
            });
        }
        Ok(Fault {
            kind,
            start: Micros((start * 1e6) as u64),
            length: Micros((length * 1e6) as u64),
        })
    }

    fn kind(&mut self) -> Result<Kind, FaultError> {
        let unknown = || FaultError::Kind(self.row.kind.clone());
        let (target, kind) = self.row.kind.split_once('.').ok_or_else(unknown)?;
        Ok(match (target, kind) {
            ("joints", _) => self.signal(Signal::Joints, kind, "by_mrad", 1e-3)?,
            ("head_pose", _) => self.signal(Signal::HeadPose, kind, "by_mm", 1e-3)?,
            ("needle_state", _) => self.signal(Signal::NeedleState, kind, "by_mm", 1e-3)?,
            ("force", _) => self.signal(Signal::Force, kind, "by_n", 1.0)?,
            ("lease", "off") => Kind::Lease(LeaseFault::Off),
            ("lease", "delayed") => Kind::Lease(LeaseFault::Delayed(self.delay()?)),
            ("lease", "intermittent") => {
                Kind::Lease(LeaseFault::Intermittent(self.take("share", 0.0, 1.0)?))
            }
            ("lease", "duplicated") => Kind::Lease(LeaseFault::Duplicated),
            ("lease", "stolen") => Kind::Lease(LeaseFault::Stolen),
            ("lease", "contested") => Kind::Lease(LeaseFault::Contested),
            ("arm", "rejected") => Kind::Arm(ArmFault::Rejected),
            ("arm", "silent") => Kind::Arm(ArmFault::Silent),
            ("arm", "result_lost") => Kind::Arm(ArmFault::ResultLost),
            ("arm", "cancel_ignored") => Kind::Arm(ArmFault::CancelIgnored),
            ("arm", "moves_on") => Kind::Arm(ArmFault::MovesOn),
            ("arm", "preempted") => Kind::Arm(ArmFault::Preempted),
            ("arm", "restarted") => Kind::Arm(ArmFault::Restarted),
            ("arm", "deactivated") => Kind::Arm(ArmFault::Deactivated),
            ("arm", "diverted") => Kind::Arm(ArmFault::Diverted),
            ("scan", "off") => Kind::Scan(ScanFault::Off),
            ("scan", "stuck") => Kind::Scan(ScanFault::Stuck),
            ("scan", "wrong") => {
                Kind::Scan(ScanFault::Wrong(self.take("by_mm", -1e3, 1e3)? * 1e-3))
            }
            ("scan", "cut") => Kind::Scan(ScanFault::Cut(self.take("share", 0.0, 1.0)?)),
            ("scan", _) => Kind::Scan(ScanFault::Garbage(garbage(kind).ok_or_else(unknown)?)),
            ("needle", "stuck_out") => Kind::Needle(NeedleFault::StuckOut),
            ("needle", "slow") => Kind::Needle(NeedleFault::Slow(self.take("share", 0.001, 1.0)?)),
            ("needle", "own_fault") => Kind::Needle(NeedleFault::Own),
            ("needle", "other_cartridge") => Kind::Needle(NeedleFault::OtherCartridge),
            ("needle", "silent") => Kind::Needle(NeedleFault::Silent),
            ("needle", "too_far") => {
                Kind::Needle(NeedleFault::TooFar(self.take("by_mm", 0.3, 5.0)? * 1e-3))
            }
            ("needle", "deaf") => Kind::Needle(NeedleFault::Deaf),
            ("head", "jerk") => Kind::Head(HeadFault::Jerk(self.take("by_mm", 0.0, 100.0)? * 1e-3)),
            ("head", "drift") => {
                let speed = self.take("speed_mm_s", 0.0, 500.0)?;
                Kind::Head(HeadFault::Drift(speed * 1e-3))
            }
            ("skin", "swollen") => Kind::Swollen(self.take("by_mm", 0.0, 2.0)? * 1e-3),
            ("record", "full") => Kind::Record(RecordFault::Full),
            ("record", "torn") => Kind::Record(RecordFault::Torn),
            ("record", "unsynced") => Kind::Record(RecordFault::Unsynced),
            ("record", "slow") => Kind::Record(RecordFault::Slow(self.delay()?)),
            ("process", "killed") => Kind::Process(ProcessFault::Killed),
            ("process", "stalled") => Kind::Process(ProcessFault::Stalled),
            ("process", "busy") => Kind::Process(ProcessFault::Busy(self.delay()?)),
            ("clock", "step") => Kind::ClockStep((self.take("step_s", -60.0, 60.0)? * 1e6) as i64),
            ("motions", "late") => Kind::Motions(MotionFault::Late(self.delay()?)),
            ("motions", "lost") => Kind::Motions(MotionFault::Lost),
            ("motions", "beside") => {
                let by = self.take("by_mm", 0.0, 300.0)? * 1e-3;
                Kind::Motions(MotionFault::Astray(Astray::Beside(by)))
            }
            ("motions", "over") => {
                let by = self.take("by_mm", 0.0, 1e3)? * 1e-3;
                Kind::Motions(MotionFault::Astray(Astray::Over(by)))
            }
            ("motions", "tilted") => {
                let by = self.take("by_deg", 0.0, 90.0)?.to_radians();
                Kind::Motions(MotionFault::Astray(Astray::Tilted(by)))
            }
            ("motions", "high") => {
                let by = self.take("by_mm", -2.0, 100.0)? * 1e-3;
                Kind::Motions(MotionFault::Astray(Astray::High(by)))
            }
            _ => return Err(FaultError::Kind(self.row.kind.clone())),
        })
    }

    fn signal(
        &mut self,
        signal: Signal,
        kind: &str,
        by: &'static str,
        unit: f64,
    ) -> Result<Kind, FaultError> {
        let how = match kind {
            "off" => Distortion::Off,
            "stuck" => Distortion::Stuck,
            "wrong" => Distortion::Wrong(self.take(by, -1e4, 1e4)? * unit),
            "slow" if signal != Signal::Force => {
                Distortion::Slow(self.take("every", 2.0, 1e4)? as u32)
            }
            "delayed" if signal != Signal::Force => Distortion::Delayed(self.delay()?),
            "intermittent" if signal != Signal::Force => {
                Distortion::Intermittent(self.take("share", 0.0, 1.0)?)
            }
            "duplicated" if signal != Signal::Force => Distortion::Duplicated,
            "reordered" if signal != Signal::Force => Distortion::Reordered,
            "permuted" if signal == Signal::Joints => Distortion::Permuted,
            "missing" if signal == Signal::Joints => Distortion::Missing,
            "speedless" if signal == Signal::Joints => Distortion::Speedless,
            "past" if signal != Signal::Force => Distortion::Restamped(-self.stamp_off()?),
            "future" if signal != Signal::Force => Distortion::Restamped(self.stamp_off()?),
            _ => match garbage(kind) {
                Some(garbage) => Distortion::Garbage(garbage),
                None => return Err(FaultError::Kind(self.row.kind.clone())),
            },
        };
        Ok(Kind::Signal(signal, how))
    }
}

fn garbage(kind: &str) -> Option<Garbage> {
    Some(match kind {
        "nan" => Garbage::NotANumber,
        "infinite" => Garbage::Infinite,
        "huge" => Garbage::Huge,
        "thousandfold" => Garbage::Thousandfold,
        _ => return None,
    })
}

fn in_range(key: &'static str, value: f64, least: f64, most: f64) -> Result<f64, FaultError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(FaultError::Range { key, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Fault>, FaultFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults.toml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn faults_are_read_in_the_order_they_begin() {
        let faults = parse(
            "[[fault]]\nkind = \"head_pose.delayed\"\nstart_s = 5.0\nlength_s = 0.5\ndelay_ms = 120\n\
             [[fault]]\nkind = \"clock.step\"\nstart_s = 2\nstep_s = -1\n",
        )
        .unwrap();
        assert_eq!(faults[0].kind, Kind::ClockStep(-1_000_000));
        let delayed = Distortion::Delayed(Micros::from_ms(120));
        assert_eq!(faults[1].kind, Kind::Signal(Signal::HeadPose, delayed));
        assert_eq!(faults[1].end(), Micros::from_ms(5_500));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_reason() {
        let row = |rest: &str| format!("[[fault]]\nstart_s = 1\n{rest}\n");
        for (text, says) in [
            (row("kind = \"head.nod\""), "no kind \"head.nod\""),
            (row("kind = \"joints.off\""), "needs length_s"),
            (
                row("kind = \"force.delayed\"\nlength_s = 1\ndelay_ms = 1"),
                "no kind",
            ),
            (
                row("kind = \"joints.off\"\nlength_s = 1\nby_mm = 2"),
                "takes no by_mm",
            ),
            (
                row("kind = \"joints.off\"\nlength_s = nan"),
                "from 0 to 3600",
            ),
            (row("kind = \"joints.off\"\nlength = 1"), "unknown field"),
            ("faults = 3".to_owned(), "unknown field"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn what_is_shipped_is_accepted() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
        let mut read_in = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                assert!(!read(&path).unwrap().is_empty());
                read_in += 1;
            }
        }
        assert!(read_in >= 3);
    }
}
