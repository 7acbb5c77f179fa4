//! What cannot be held against the controller for the time being.

use stipple_controller::ports::Micros;

use crate::fault::Blind;

/// What a blinding fault did lasts so much longer than the fault itself.
const AFTERMATH: Micros = Micros::from_ms(1_000);
/// A head that sets off is seen, and the needle in and the arm at rest, after so long: look and latency, three poses, or the 100 ms after which
/// one that is not believed is lost, reaction, and stroke or braking.
const UNSEEN: Micros = Micros::from_ms(200);

/// An arm that did what it was not told to comes to rest within so long of obeying again.
const ARM_OBEYS: Micros = Micros::from_ms(1_000);

/// A motion that leads astray is followed at most so long after it was made. Source: own, longer than any that the shell's heights allow.
const FOLLOWED: Micros = Micros::from_ms(10_000);

/// What a tick's faults excuse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Excuses {
    /// What cannot be known.
    pub blind: Blind,
    /// The arm does not do what it is told.
    pub arm: bool,
    /// The needle device does not.
    pub needle: bool,
    /// The head has just been made to move.
    pub head_moved: bool,
    /// The needle meets skin that is not where it was scanned, and that may not be felt.
    pub unfelt: bool,
    /// Somebody else leads the arm, and something is wrong with how its joints are told.
    pub led_unseen: bool,
    /// Something is wrong with how the head is told: how high the tip is may not be known, hidden or not.
    pub head_told: bool,
    /// Motions lead where no motion should: the core sees where the arm is when it is there.
    pub astray: bool,
}

/// The last moment of each excuse.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Until {
    pub blind_head: Option<Micros>,
    pub blind_joints: Option<Micros>,
    pub blind_needle: Option<Micros>,
    pub arm: Option<Micros>,
    pub needle: Option<Micros>,
    pub head_moved: Option<Micros>,
    pub unfelt: Option<Micros>,
    pub led_unseen: Option<Micros>,
    pub head_told: Option<Micros>,
    pub astray: Option<Micros>,
}

impl Until {
    /// Notes what a tick excuses.
    pub fn note(&mut self, now: Micros, excuses: Excuses) {
        let Excuses {
            blind,
            arm,
            needle,
            head_moved,
            unfelt,
            led_unseen,
            head_told,
            astray,
        } = excuses;
        for (holds, until, span) in [
            (blind.head, &mut self.blind_head, AFTERMATH),
            (blind.joints, &mut self.blind_joints, AFTERMATH),
            (blind.needle, &mut self.blind_needle, AFTERMATH),
            (arm, &mut self.arm, ARM_OBEYS),
            (needle, &mut self.needle, AFTERMATH),
            (head_moved, &mut self.head_moved, UNSEEN),
            (unfelt, &mut self.unfelt, AFTERMATH),
            (led_unseen, &mut self.led_unseen, ARM_OBEYS),
            (head_told, &mut self.head_told, AFTERMATH),
            (astray, &mut self.astray, FOLLOWED),
        ] {
            if holds {
                *until = Some(now.after(span));
            }
        }
    }
}

/// Whether an excuse with that end still holds.
pub(super) fn lasts(until: Option<Micros>, now: Micros) -> bool {
    until.is_some_and(|until| now <= until)
}
