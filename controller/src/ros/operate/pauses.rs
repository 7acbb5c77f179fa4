//! When a session that has paused is resumed.

use std::time::{Duration, Instant};

use r2r::stipple_msgs::msg::SessionState;

use crate::ros::told::{PAUSE_OWN, PAUSE_PLANNED};

/// What the operator waits before resuming a session that has paused by itself.
const RESUME_AFTER: Duration = Duration::from_secs(3);
/// So many pauses without a dot between them, and the session is given up.
const PAUSES: u32 = 5;

/// What a state says about a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is none.
    None,
    /// The session has paused by itself.
    Own,
    /// The plan has a stop there, at which a person does something.
    Planned,
    /// Somebody asked for it, or it is not said who did.
    Asked,
}

impl Kind {
    /// Reads it; a pause counts as the session's own only when the node says so.
    pub fn of(state: &SessionState) -> Self {
        if state.state != SessionState::PAUSED as u8 {
            Self::None
        } else if state.message.starts_with(PAUSE_OWN) {
            Self::Own
        } else if state.message.starts_with(PAUSE_PLANNED) {
            Self::Planned
        } else {
            Self::Asked
        }
    }
}

/// The operator's patience with a session that pauses by itself.
#[derive(Debug, Default)]
pub struct Pauses {
    /// Nobody is there, as with simulated hardware: nothing is done at the plan's stops, and nobody looks at why the session has paused. Otherwise
    /// no pause ends by itself: whoever is at the arm by then says so.
    pass_stops: bool,
    since: Option<Instant>,
    /// It has been said that somebody else must resume.
    waiting: bool,
    in_a_row: u32,
    done: u32,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing.
    None,
    /// To say that the one who paused it must resume it.
    Wait,
    /// To resume.
    Resume,
    /// To give up.
    TooMany,
}

impl Pauses {
    /// Of an operator who sees to the plan's stops, or passes them.
    pub fn new(pass_stops: bool) -> Self {
        Self {
            pass_stops,
            ..Self::default()
        }
    }

    /// Decides, with so many dots `done`.
    pub fn look(&mut self, kind: Kind, done: u32, now: Instant) -> Pause {
        let resumes = matches!(kind, Kind::Own | Kind::Planned) && self.pass_stops;
        if !resumes {
            self.since = None;
            let waits = kind != Kind::None;
            let told = std::mem::replace(&mut self.waiting, waits);
            return if self.waiting && !told {
                Pause::Wait
            } else {
                Pause::None
            };
        }
        self.waiting = false;
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) < RESUME_AFTER {
            return Pause::None;
        }
        self.in_a_row = if done > self.done || kind == Kind::Planned {
            1
        } else {
            self.in_a_row + 1
        };
        self.done = done;
        self.since = None;
        if self.in_a_row > PAUSES {
            Pause::TooMany
        } else {
            Pause::Resume
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::told::{PAUSE_ASKED, PAUSE_PLANNED};

    fn state(state: u8, message: &str) -> SessionState {
        SessionState {
            state,
            message: message.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn only_a_pause_that_is_said_to_be_its_own_is() {
        let paused = SessionState::PAUSED as u8;
        let of = |message: &str| Kind::of(&state(paused, message));
        assert_eq!(of(&format!("{PAUSE_OWN}the head")), Kind::Own);
        assert_eq!(of(&format!("{PAUSE_ASKED}by the operator")), Kind::Asked);
        assert_eq!(of(&format!("{PAUSE_PLANNED}planned stop")), Kind::Planned);
        assert_eq!(of("paused: the head does not hold still"), Kind::Asked);
        assert_eq!(of(""), Kind::Asked);
        let ready = SessionState::READY as u8;
        assert_eq!(Kind::of(&state(ready, PAUSE_ASKED)), Kind::None);
    }

    #[test]
    fn a_pause_that_was_asked_for_is_never_resumed() {
        let (mut pauses, start) = (Pauses::new(true), Instant::now());
        assert_eq!(pauses.look(Kind::Asked, 0, start), Pause::Wait);
        for s in 1..100 {
            let now = start + Duration::from_secs(s);
            assert_eq!(pauses.look(Kind::Asked, 0, now), Pause::None);
        }
        // One of its own that somebody then asks for as well becomes theirs.
        let now = start + Duration::from_secs(100);
        assert_eq!(pauses.look(Kind::Own, 0, now), Pause::None);
        assert_eq!(pauses.look(Kind::Asked, 0, now + RESUME_AFTER), Pause::Wait);
    }

    #[test]
    fn a_planned_stop_is_passed_only_by_an_operator_who_was_told_to() {
        let (mut sees, mut passes) = (Pauses::default(), Pauses::new(true));
        let start = Instant::now();
        assert_eq!(sees.look(Kind::Planned, 0, start), Pause::Wait);
        for s in 1..100 {
            let now = start + s * RESUME_AFTER;
            assert_eq!(sees.look(Kind::Planned, 0, now), Pause::None);
            // As often as the plan wants, also without a dot in between.
            assert_eq!(passes.look(Kind::Planned, 0, now), Pause::None);
            let later = now + RESUME_AFTER;
            assert_eq!(passes.look(Kind::Planned, 0, later), Pause::Resume);
            // Resumed, it goes on.
            assert_eq!(passes.look(Kind::None, 0, later), Pause::None);
        }
    }

    /// H14: a pause that came by itself is held until somebody resumes it.
    #[test]
    fn a_pause_of_its_own_waits_for_whoever_is_there() {
        let (mut pauses, start) = (Pauses::default(), Instant::now());
        assert_eq!(pauses.look(Kind::Own, 0, start), Pause::Wait);
        for s in 1..100 {
            let now = start + Duration::from_secs(s);
            assert_eq!(pauses.look(Kind::Own, 0, now), Pause::None);
        }
    }

    #[test]
    fn where_nobody_is_a_pause_of_its_own_is_resumed_a_few_times_without_a_dot() {
        let (mut pauses, mut now) = (Pauses::new(true), Instant::now());
        for last in [
            Pause::Resume,
            Pause::Resume,
            Pause::Resume,
            Pause::Resume,
            Pause::Resume,
            Pause::TooMany,
        ] {
            assert_eq!(pauses.look(Kind::Own, 0, now), Pause::None);
            now += RESUME_AFTER;
            assert_eq!(pauses.look(Kind::Own, 0, now), last);
            assert_eq!(pauses.look(Kind::None, 0, now), Pause::None);
        }
        assert_eq!(pauses.look(Kind::Own, 1, now), Pause::None);
        assert_eq!(pauses.look(Kind::Own, 1, now + RESUME_AFTER), Pause::Resume);
    }
}
