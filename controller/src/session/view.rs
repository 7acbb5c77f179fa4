//! What a session shows of itself.

use std::borrow::Cow;

use stipple_core::{Denied, Fault, Message, State, Waits};
use stipple_model::plan::DotId;

use super::{Found, Registered, StopWanted};
use crate::record::DotOutcome;
use crate::registration::Registration;

/// What became of a dot, once the record holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct DotResult {
    /// Which.
    pub dot: DotId,
    /// Its layer.
    pub layer: u8,
    /// What became of it.
    pub outcome: DotOutcome,
}

/// Who gave a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StopBy {
    /// Whoever called for it.
    #[default]
    Operator,
    /// The node, as another arm than planned for is described.
    OtherArm,
    /// The node, as it was deactivated or shut down.
    Lifecycle,
    /// The node, as another controller of its name is heard.
    Rival,
}

impl StopBy {
    /// For the operator and the record.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Operator => Message::StopAsked.text(),
            Self::OtherArm => {
                "stopped by the node: robot_description is another arm's than the plan's, as diagnostics say; clear, then start"
            }
            Self::Lifecycle => {
                "stopped by the node, which was deactivated or shut down; activate it, clear, then start"
            }
            Self::Rival => {
                "stopped by the node: another controller of the same name sends its session_state; end one of the two, clear, then start"
            }
        }
    }
}

/// How many dots of what was started stand how: `planned = placed + skipped + in_doubt + remaining`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What was started.
    pub planned: u32,
    /// Struck.
    pub placed: u32,
    /// Left out.
    pub skipped: u32,
    /// Perhaps struck.
    pub in_doubt: u32,
}

impl Progress {
    /// Not yet done.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.planned
            .saturating_sub(self.placed + self.skipped + self.in_doubt)
    }
}

/// Where the session stands after a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionView {
    /// The core's state.
    pub state: State,
    /// The latched fault.
    pub fault: Option<Fault>,
    /// The same with the figures by which it was found.
    pub found: Option<Found>,
    /// The gravest that was found after it; cleared with it.
    pub besides: Option<Found>,
    /// Why it stands where it stands.
    pub message: Message,
    /// The layer being worked off.
    pub layer: Option<u8>,
    /// The dot being worked on.
    pub dot: Option<DotId>,
    /// The counts.
    pub progress: Progress,
    /// Whether the head is registered.
    pub registered: Registered,
    /// The registration that holds, or held until tracking was lost.
    pub registration: Option<Registration>,
    /// All that was started is done.
    pub finished: bool,
    /// Where the arm waits, in a pause and after the work.
    pub waits: Option<Waits>,
    /// While nothing is under way: what arm and needle do not report as they must before a start.
    pub lacks: Option<Denied>,
    /// Who gave the last stop.
    pub stopped_by: StopBy,
    /// What the plan's stop before the next dot asks for, until the work goes on after it.
    pub stop: Option<StopWanted>,
    /// The answer to the command that this tick took, if it took one.
    pub reply: Option<Result<(), Denied>>,
}

impl SessionView {
    /// What the stop asks for at which the session pauses, or is about to; `None` in any other pause.
    #[must_use]
    pub fn planned_stop(&self) -> Option<StopWanted> {
        self.stop.filter(|_| self.message == Message::PlannedStop)
    }

    /// Why it stands where it stands, what else was found after a fault and, in a pause or after a fault, where the arm waits; for the operator.
    #[must_use]
    pub fn text(&self) -> Cow<'static, str> {
        let text: Cow<'static, str> = match self.found {
            Some(found) => match self.besides {
                Some(besides) => format!("{found}; and then: {besides}").into(),
                None => found.to_string().into(),
            },
            None => match (self.message, self.planned_stop(), self.lacks) {
                (message, Some(stop), _) => format!("{}: {stop}", message.text()).into(),
                (Message::NotHealthy, _, Some(lacks)) => {
                    format!("{}: {}", Message::NotHealthy.text(), lacks.text()).into()
                }
                (Message::StopAsked, ..) => self.stopped_by.text().into(),
                (message, ..) => message.text().into(),
            },
        };
        let waits = matches!(self.state, State::Paused | State::Faulted);
        match self.waits.filter(|_| waits) {
            Some(waits) => format!("{text}; {}", waits.text()).into(),
            None => text,
        }
    }
}
