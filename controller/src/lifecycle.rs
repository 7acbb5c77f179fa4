//! The life of a managed ROS 2 node: states and transitions of `rcl_lifecycle`, with its numbers and labels, and what the node does in which
//! of them. Nothing of ROS in it; `ros::managed` serves it.
//!
//! ```text
//!                 configure             activate
//!  Unconfigured ─────────────► Inactive ─────────► Active
//!       ▲  ▲       cleanup      │    ▲  deactivate   │
//!       │  └────────────────────┘    └───────────────┘
//!       │      error processed     shutdown, from each of the three
//!  ErrorProcessing ────────────────────────────────────────────────► Finalized
//! ```
//!
//! The arm moves and the needle comes out only in `Active`. Becoming active starts nothing, whatever was under way before.

/// A state of the node, its number that of `lifecycle_msgs/State`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum NodeState {
    /// Never one of a node; part of the list that is told.
    Unknown = 0,
    /// After every start: nothing can be loaded.
    #[default]
    Unconfigured = 1,
    /// A plan can be loaded, nothing moves.
    Inactive = 2,
    /// A session can be started.
    Active = 3,
    /// The end: nothing can be done but look.
    Finalized = 4,
    /// On the way from unconfigured to inactive.
    Configuring = 10,
    /// On the way back.
    CleaningUp = 11,
    /// On the way to finalized.
    ShuttingDown = 12,
    /// On the way from inactive to active.
    Activating = 13,
    /// On the way back: the session is being stopped.
    Deactivating = 14,
    /// A transition broke.
    ErrorProcessing = 15,
}

impl NodeState {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 11] = [
        Self::Unknown,
        Self::Unconfigured,
        Self::Inactive,
        Self::Active,
        Self::Finalized,
        Self::Configuring,
        Self::CleaningUp,
        Self::ShuttingDown,
        Self::Activating,
        Self::Deactivating,
        Self::ErrorProcessing,
    ];

    /// Its number.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Unconfigured => "unconfigured",
            Self::Inactive => "inactive",
            Self::Active => "active",
            Self::Finalized => "finalized",
            Self::Configuring => "configuring",
            Self::CleaningUp => "cleaningup",
            Self::ShuttingDown => "shuttingdown",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
            Self::ErrorProcessing => "errorprocessing",
        }
    }

    /// Whether a node stays in it by itself; in the others it is on its way.
    #[must_use]
    pub const fn stays(self) -> bool {
        matches!(
            self,
            Self::Unconfigured | Self::Inactive | Self::Active | Self::Finalized
        )
    }

    /// Whether the node does this in this state. What makes things safer it does in each.
    ///
    /// # Errors
    /// When it does not.
    pub const fn allow(self, deed: Deed) -> Result<(), NotNow> {
        let allowed = match deed {
            Deed::Move => matches!(self, Self::Active),
            Deed::Prepare => matches!(self, Self::Inactive | Self::Active),
            Deed::Halt => true,
        };
        if allowed {
            Ok(())
        } else {
            Err(NotNow { state: self, deed })
        }
    }
}

/// What the node is asked to do, by what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Start, or resume: things move.
    Move,
    /// Load a plan, clear a fault.
    Prepare,
    /// Pause, stop.
    Halt,
}

/// The node does not do this in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is {}, and {}", .state.label(), match .deed {
    _ if matches!(.state, NodeState::Finalized) => "does nothing more: start the process anew",
    Deed::Move => "moves nothing unless it is active: activate it first (lifecycle)",
    Deed::Prepare => "takes nothing unless it is inactive or active: configure it first (lifecycle)",
    Deed::Halt => "does not halt",
})]
pub struct NotNow {
    /// Its state.
    pub state: NodeState,
    /// What was asked.
    pub deed: Deed,
}

/// How the work of a transition ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Success,
    /// Not; everything is as before.
    Failure,
    /// Broken off in between.
    Error,
}

impl Ended {
    const fn label(self) -> &'static str {
        match self {
            Self::Success => "transition_success",
            Self::Failure => "transition_failure",
            Self::Error => "transition_error",
        }
    }
}

/// A way from state to state, its number that of `lifecycle_msgs/Transition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Its number.
    pub id: u8,
    /// Its name, unique among those that leave a state.
    pub label: &'static str,
    /// From here.
    pub start: NodeState,
    /// To here.
    pub goal: NodeState,
}

const fn way(id: u8, label: &'static str, start: NodeState, goal: NodeState) -> Transition {
    Transition {
        id,
        label,
        start,
        goal,
    }
}

/// All transitions, in the order in which they are told. Source: `rcl_lifecycle`'s default state machine, ROS 2 Jazzy.
pub const GRAPH: [Transition; 25] = {
    use NodeState::{
        Activating, Active, CleaningUp, Configuring, Deactivating, ErrorProcessing, Finalized,
        Inactive, ShuttingDown, Unconfigured,
    };
    const SUCCESS: &str = Ended::Success.label();
    const FAILURE: &str = Ended::Failure.label();
    const ERROR: &str = Ended::Error.label();
    [
        way(1, "configure", Unconfigured, Configuring),
        way(10, SUCCESS, Configuring, Inactive),
        way(11, FAILURE, Configuring, Unconfigured),
        way(12, ERROR, Configuring, ErrorProcessing),
        way(2, "cleanup", Inactive, CleaningUp),
        way(20, SUCCESS, CleaningUp, Unconfigured),
        way(21, FAILURE, CleaningUp, Inactive),
        way(22, ERROR, CleaningUp, ErrorProcessing),
        way(3, "activate", Inactive, Activating),
        way(30, SUCCESS, Activating, Active),
        way(31, FAILURE, Activating, Inactive),
        way(32, ERROR, Activating, ErrorProcessing),
        way(4, "deactivate", Active, Deactivating),
        way(40, SUCCESS, Deactivating, Inactive),
        way(41, FAILURE, Deactivating, Active),
        way(42, ERROR, Deactivating, ErrorProcessing),
        way(5, "shutdown", Unconfigured, ShuttingDown),
        way(6, "shutdown", Inactive, ShuttingDown),
        way(7, "shutdown", Active, ShuttingDown),
        way(50, SUCCESS, ShuttingDown, Finalized),
        way(51, FAILURE, ShuttingDown, Finalized),
        way(52, ERROR, ShuttingDown, ErrorProcessing),
        way(60, SUCCESS, ErrorProcessing, Unconfigured),
        way(61, FAILURE, ErrorProcessing, Finalized),
        way(62, ERROR, ErrorProcessing, Finalized),
    ]
};

/// A transition as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// By its number.
    Id(u8),
    /// By its name.
    Label(&'a str),
}

impl core::fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "transition {id}"),
            Self::Label(label) => write!(f, "transition {label:?}"),
        }
    }
}

/// No such transition can be asked for in this state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{asked} does not lead on from the state {}; those that do: {}", .state.label(), .possible.join(", "))]
pub struct NoWay {
    /// What was asked for.
    pub asked: String,
    /// The node's state.
    pub state: NodeState,
    /// What could have been asked for.
    pub possible: Vec<&'static str>,
}

/// Where a node stands in its life.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    state: NodeState,
}

impl Lifecycle {
    /// The state.
    #[must_use]
    pub const fn state(&self) -> NodeState {
        self.state
    }

    /// The transitions that leave the state.
    #[must_use]
    pub fn available(&self) -> Vec<Transition> {
        GRAPH
            .into_iter()
            .filter(|way| way.start == self.state)
            .collect()
    }

    /// Begins a transition that somebody asks for. How a transition ends is not theirs to ask for.
    ///
    /// # Errors
    /// When it does not leave this state; nothing has changed then.
    pub fn begin(&mut self, asked: Asked<'_>) -> Result<Transition, NoWay> {
        let ways: Vec<Transition> = if self.state.stays() {
            self.available()
        } else {
            Vec::new()
        };
        let found = ways.iter().find(|way| match asked {
            Asked::Id(id) => way.id == id,
            Asked::Label(label) => way.label == label,
        });
        let Some(way) = found else {
            return Err(NoWay {
                asked: asked.to_string(),
                state: self.state,
                possible: ways.iter().map(|way| way.label).collect(),
            });
        };
        self.state = way.goal;
        Ok(*way)
    }

    /// Ends the transition under way; `None` when there is none.
    pub fn end(&mut self, ended: Ended) -> Option<Transition> {
        let label = ended.label();
        let way = self
            .available()
            .into_iter()
            .find(|way| !self.state.stays() && way.label == label)?;
        self.state = way.goal;
        Some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(steps: &[(&str, Ended)]) -> NodeState {
        let mut life = Lifecycle::default();
        for (label, ended) in steps {
            life.begin(Asked::Label(label)).unwrap();
            life.end(*ended).unwrap();
        }
        life.state()
    }

    #[test]
    fn a_life_goes_the_ways_of_ros() {
        use Ended::{Error, Failure, Success};
        let (up, on) = (("configure", Success), ("activate", Success));
        assert_eq!(led(&[]), NodeState::Unconfigured);
        assert_eq!(led(&[up, on]), NodeState::Active);
        assert_eq!(led(&[up, on, ("deactivate", Success)]), NodeState::Inactive);
        assert_eq!(led(&[up, ("cleanup", Success)]), NodeState::Unconfigured);
        assert_eq!(led(&[("configure", Failure)]), NodeState::Unconfigured);
        assert_eq!(led(&[up, on, ("deactivate", Failure)]), NodeState::Active);
        assert_eq!(
            led(&[up, on, ("deactivate", Error)]),
            NodeState::ErrorProcessing
        );
        for before in [&[][..], &[up], &[up, on]] {
            let steps = [before, &[("shutdown", Success)]].concat();
            assert_eq!(led(&steps), NodeState::Finalized);
        }
    }

    #[test]
    fn an_error_ends_unconfigured_when_it_could_be_mended_and_finalized_when_not() {
        for (mended, goal) in [
            (Ended::Success, NodeState::Unconfigured),
            (Ended::Failure, NodeState::Finalized),
            (Ended::Error, NodeState::Finalized),
        ] {
            let mut life = Lifecycle::default();
            life.begin(Asked::Id(1)).unwrap();
            assert_eq!(life.end(Ended::Error).unwrap().id, 12);
            assert_eq!(life.end(mended).unwrap().start, NodeState::ErrorProcessing);
            assert_eq!(life.state(), goal);
        }
    }

    #[test]
    fn what_does_not_lead_on_is_refused_and_changes_nothing() {
        let mut life = Lifecycle::default();
        let error = life.begin(Asked::Label("activate")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "transition \"activate\" does not lead on from the state unconfigured; those that do: configure, shutdown"
        );
        assert!(
            life.begin(Asked::Id(7)).is_err(),
            "the shutdown of another state"
        );
        assert!(life.end(Ended::Success).is_none(), "nothing is under way");
        assert_eq!(life.state(), NodeState::Unconfigured);
        life.begin(Asked::Id(1)).unwrap();
        // On its way only the node itself says how that ends.
        assert!(life.begin(Asked::Id(10)).is_err());
        assert!(life.begin(Asked::Label("transition_success")).is_err());
        assert_eq!(life.state(), NodeState::Configuring);
    }

    /// H14: what is not active moves nothing.
    #[test]
    fn nothing_moves_unless_active_and_everything_halts_always() {
        for state in NodeState::ALL {
            assert_eq!(state.allow(Deed::Move).is_ok(), state == NodeState::Active);
            assert!(state.allow(Deed::Halt).is_ok());
            let open = [NodeState::Inactive, NodeState::Active].contains(&state);
            assert_eq!(state.allow(Deed::Prepare).is_ok(), open);
        }
    }

    #[test]
    fn names_are_unique_where_they_are_asked_for() {
        for (i, way) in GRAPH.iter().enumerate() {
            for other in GRAPH.iter().skip(i + 1) {
                assert_ne!(way.id, other.id);
                assert!(way.start != other.start || way.label != other.label);
            }
        }
    }
}
