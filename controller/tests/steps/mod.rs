//! Where a process is in its work on a record, noted so that a kill does not take it back, and the kill.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stipple_controller::record::Durability;

use crate::chance::Chance;

/// The file with the step begun last.
const NOTED: &str = "step";

/// Where a process is in its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Opening,
    /// Still opening, and the log is being copied into the file.
    Checkpoint,
    Intending,
    Intended,
    Withdrawing,
    Noting,
    Skipping,
    Struck,
    Placing,
    Placed,
}

impl Step {
    pub const ALL: [Self; 10] = [
        Self::Opening,
        Self::Checkpoint,
        Self::Intending,
        Self::Intended,
        Self::Withdrawing,
        Self::Noting,
        Self::Skipping,
        Self::Struck,
        Self::Placing,
        Self::Placed,
    ];

    /// The last one that a process has begun.
    pub fn last(folder: &Path) -> Self {
        Self::ALL[usize::from(fs::read(folder.join(NOTED)).unwrap()[0])]
    }
}

/// How sure a process's writes are: one in four works as a treatment does.
pub const fn durability(seed: u64) -> Durability {
    if seed.is_multiple_of(4) {
        Durability::PowerCut
    } else {
        Durability::ProcessCrash
    }
}

/// The steps that a process has begun; the last one stands in a file, which no kill takes back.
pub struct Steps {
    last: fs::File,
    begun: [AtomicU64; Step::ALL.len()],
    /// Which one is to be hit, and the how manieth of its kind.
    aim: (Step, u64),
    reached: AtomicBool,
    armed: AtomicBool,
}

impl Steps {
    pub fn none(folder: &Path, chance: &mut Chance) -> Self {
        let last = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(NOTED));
        // A checkpoint is over soon: many kills must be aimed at it for some to hit.
        let any = chance.below(Step::ALL.len() as u64 + 3) as usize;
        let aim = *Step::ALL.get(any).unwrap_or(&Step::Checkpoint);
        let times = match aim {
            Step::Opening | Step::Checkpoint => 1,
            _ => 1 + chance.below(6),
        };
        Self {
            last: last.unwrap(),
            begun: Default::default(),
            aim: (aim, times),
            reached: AtomicBool::new(false),
            armed: AtomicBool::new(false),
        }
    }

    /// Notes a step. The one that is to be hit begins once the kill is on its way.
    pub fn begin(&self, step: Step) {
        self.note(step);
        let begun = 1 + self.begun[step as usize].fetch_add(1, Ordering::AcqRel);
        let (aim, times) = self.aim;
        let aimed = step == aim || (step, aim) == (Step::Opening, Step::Checkpoint);
        if aimed && begun == times {
            self.reached.store(true, Ordering::Release);
            while !self.armed.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
        }
    }

    fn note(&self, step: Step) {
        self.last.write_all_at(&[step as u8], 0).unwrap();
    }

    fn opened(&self) -> bool {
        let begun = |step: Step| self.begun[step as usize].load(Ordering::Acquire);
        begun(Step::Intending) + begun(Step::Skipping) > 0
    }

    /// Kills this process somewhere in the step aimed at, or soon after.
    pub fn kill(&self, folder: &Path, seed: u64) {
        let mut chance = Chance(seed);
        let written =
            || fs::metadata(folder.join("record.sqlite")).and_then(|file| file.modified());
        let before = written().ok();
        while !self.reached.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        self.armed.store(true, Ordering::Release);
        match (self.aim.0, durability(seed)) {
            (Step::Checkpoint, _) => {
                while !self.opened() && (before.is_none() || written().ok() == before) {}
                if !self.opened() {
                    self.note(Step::Checkpoint);
                }
            }
            (Step::Opening, _) | (_, Durability::PowerCut) => spin(chance.below(30_000)),
            _ => spin(chance.below(1_500)),
        }
        let itself = rustix::process::getpid();
        let _ = rustix::process::kill_process(itself, rustix::process::Signal::KILL);
    }
}

pub fn spin(times: u64) {
    for _ in 0..times {
        std::hint::spin_loop();
    }
}
