//! The node's life over ROS 2: the five services of a managed node and its `transition_event`, served by hand because r2r has no lifecycle
//! node, and the work of each transition.
//!
//! Everything of the node's own is told in every state; what moves is taken on in `active` only. The control loop ticks in every state and
//! commands the needle in.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt as _;
use r2r::lifecycle_msgs::msg::{self, TransitionDescription, TransitionEvent};
use r2r::lifecycle_msgs::srv::{
    ChangeState, GetAvailableStates, GetAvailableTransitions, GetState,
};
use r2r::{Node, Publisher};
use stipple_core::State;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::cancel::Emergency;
use super::cycle::{Errand, Standing};
use super::desk::ask;
use super::load::Loader;
use super::program::{ProgramError, every, making, stamp};
use super::service::{self, Requests, answer, respond};
use crate::lifecycle::{
    Asked, Deed, Ended, GRAPH, Lifecycle, NoWay, NodeState, NotNow, Transition,
};
use crate::session::StopBy;

/// How long a session may take to stop before that counts as failed. Source: own, above the core's own times for a stop.
const STOP_TIME: Duration = Duration::from_secs(6);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// The services and the topic, made but not yet served.
pub struct Managed {
    change: Requests<ChangeState::Service>,
    state: Requests<GetState::Service>,
    states: Requests<GetAvailableStates::Service>,
    available: Requests<GetAvailableTransitions::Service>,
    graph: Requests<GetAvailableTransitions::Service>,
    events: Publisher<TransitionEvent>,
}

impl Managed {
    /// Makes them on a node.
    ///
    /// # Errors
    /// When ROS 2 refuses one.
    pub fn open(node: &mut Node) -> Result<Self, ProgramError> {
        Ok(Self {
            change: service::open(node, "change_state")?,
            state: service::open(node, "get_state")?,
            states: service::open(node, "get_available_states")?,
            available: service::open(node, "get_available_transitions")?,
            graph: service::open(node, "get_transition_graph")?,
            events: node
                .create_publisher("~/transition_event", every(10))
                .map_err(making("~/transition_event"))?,
        })
    }

    /// Serves them; needs a local task set. What it returns leads that life.
    #[must_use]
    pub fn serve(self, loader: Rc<Loader>, emergency: Emergency) -> Rc<Life> {
        let life = Rc::new(Life {
            machine: RefCell::default(),
            turn: tokio::sync::Mutex::default(),
            events: self.events,
            loader,
            emergency,
        });
        let leading = Rc::clone(&life);
        tokio::task::spawn_local(serve_change(self.change, leading));
        let (here, led) = (Rc::clone(&life), Rc::clone(&life));
        answer(self.state, move |_| GetState::Response {
            current_state: state(here.state()),
        });
        answer(self.states, |_| GetAvailableStates::Response {
            available_states: NodeState::ALL.map(state).to_vec(),
        });
        answer(self.available, move |_| {
            described(&led.machine.borrow().available())
        });
        answer(self.graph, |_| described(&GRAPH));
        life
    }
}

/// One after the other; while one is under way the next waits, and is then judged by where that one led.
async fn serve_change(mut requests: Requests<ChangeState::Service>, life: Rc<Life>) {
    while let Some(request) = requests.next().await {
        let wanted = &request.message.transition;
        // As in ROS: a label counts before a number, because a number left out is zero.
        let asked = if wanted.label.is_empty() {
            Asked::Id(wanted.id)
        } else {
            Asked::Label(&wanted.label)
        };
        let success = match life.change(asked).await {
            Ok(ended) => ended == Ended::Success,
            Err(error) => {
                tracing::warn!("{error}");
                false
            }
        };
        respond(request.respond(ChangeState::Response { success }));
    }
}

fn state(state: NodeState) -> msg::State {
    msg::State {
        id: state.id(),
        label: state.label().to_owned(),
    }
}

fn transition(way: &Transition) -> msg::Transition {
    msg::Transition {
        id: way.id,
        label: way.label.to_owned(),
    }
}

fn described(ways: &[Transition]) -> GetAvailableTransitions::Response {
    let described = ways.iter().map(|way| TransitionDescription {
        transition: transition(way),
        start_state: state(way.start),
        goal_state: state(way.goal),
    });
    GetAvailableTransitions::Response {
        available_transitions: described.collect(),
    }
}

/// The node's life, led.
pub struct Life {
    machine: RefCell<Lifecycle>,
    /// One transition at a time.
    turn: tokio::sync::Mutex<()>,
    events: Publisher<TransitionEvent>,
    loader: Rc<Loader>,
    emergency: Emergency,
}

impl Life {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> NodeState {
        self.machine.borrow().state()
    }

    /// Whether the node does this now. What is then sent to the control loop without waiting in between comes before any transition's own.
    ///
    /// # Errors
    /// When it does not.
    pub fn allow(&self, deed: Deed) -> Result<(), NotNow> {
        self.state().allow(deed)
    }

    /// Goes through a transition, its work included.
    ///
    /// # Errors
    /// When it does not lead on from here.
    pub async fn change(&self, asked: Asked<'_>) -> Result<Ended, NoWay> {
        let _turn = self.turn.lock().await;
        let begun = self.machine.borrow_mut().begin(asked)?;
        self.tell(&begun);
        let ended = self.work(begun.goal).await;
        self.end(ended);
        if self.state() == NodeState::ErrorProcessing {
            self.end(self.mend().await);
        }
        Ok(ended)
    }

    /// Configured and active, as far as it gets.
    pub async fn autostart(&self) {
        for label in ["configure", "activate"] {
            match self.change(Asked::Label(label)).await {
                Ok(Ended::Success) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!("{error}");
                    return;
                }
            }
        }
    }

    /// Ends in order, from wherever it stands. Whether arm and needle were seen to rest then.
    pub async fn end_of_all(&self) -> bool {
        if self.state() != NodeState::Finalized
            && let Err(error) = self.change(Asked::Label("shutdown")).await
        {
            tracing::warn!("{error}");
        }
        let standing = self.standing().await;
        standing.is_ok_and(|standing| standing.is_none_or(Standing::is_over))
    }

    fn end(&self, ended: Ended) {
        let way = self.machine.borrow_mut().end(ended);
        if let Some(way) = way {
            self.tell(&way);
        }
    }

    fn tell(&self, way: &Transition) {
        let (from, to) = (way.start.label(), way.goal.label());
        tracing::info!(from, to, "lifecycle: {}", way.label);
        let now = stamp();
        let event = TransitionEvent {
            timestamp: u64::try_from(now.sec).unwrap_or(0) * 1_000_000_000 + u64::from(now.nanosec),
            transition: transition(way),
            start_state: state(way.start),
            goal_state: state(way.goal),
        };
        if let Err(error) = self.events.publish(&event) {
            tracing::warn!(%error, "a transition could not be told");
        }
    }

    async fn work(&self, meanwhile: NodeState) -> Ended {
        match meanwhile {
            NodeState::CleaningUp => self.unload().await,
            NodeState::Deactivating => self.halt().await,
            NodeState::ShuttingDown => match self.halt().await {
                Ended::Success => self.unload().await,
                other => other,
            },
            // Becoming active only opens the gate: whatever was under way before stays ended.
            _ => Ended::Success,
        }
    }

    /// After an error: what moves shall stop, whoever set it going; with everything at rest the node may begin anew.
    async fn mend(&self) -> Ended {
        tracing::error!("a transition broke; all motions are cancelled");
        self.emergency.cancel().await;
        match self.standing().await {
            Ok(standing) if standing.is_none_or(Standing::is_over) => self.unload().await,
            _ => Ended::Failure,
        }
    }

    /// Gives the plan back and closes its record.
    async fn unload(&self) -> Ended {
        match self.loader.unload().await {
            Ok(()) => Ended::Success,
            Err(error) => {
                tracing::warn!("the plan is not given back: {error}");
                Ended::Failure
            }
        }
    }

    /// Stops the session as the operator would: needle in, arm at rest, latched. Nothing happens where none is under way. After a fault it waits
    /// for arm and needle to come to rest: the loop goes on telling them to.
    async fn halt(&self) -> Ended {
        // Asked of the loop itself: a start it took a moment ago is in no message yet.
        let standing = match self.standing().await {
            Ok(None) => return Ended::Success,
            Ok(Some(standing)) if standing.is_over() => return Ended::Success,
            Ok(Some(standing)) => standing,
            Err(()) => return Ended::Error,
        };
        let until = Instant::now() + STOP_TIME;
        if standing.state == State::Faulted {
            tracing::info!("waiting for arm and needle to come to rest");
        } else {
            tracing::info!("stopping the session");
            let stop = |answer| Errand::Stop(StopBy::Lifecycle, answer);
            if let Err(refused) = ask(&self.loader.errands, stop).await {
                tracing::warn!(refused, "the stop");
            }
        }
        while let Ok(standing) = self.standing().await {
            if standing.is_none_or(Standing::is_over) {
                return Ended::Success;
            }
            if Instant::now() >= until {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        tracing::error!("the stop was not confirmed in time");
        Ended::Error
    }

    /// What the control loop says of its session, after all that it was asked before; an error when the loop is gone.
    async fn standing(&self) -> Result<Option<Standing>, ()> {
        let (answer, answered) = oneshot::channel();
        let sent = self.loader.errands.give(Errand::Look(answer));
        sent.map_err(|_| ())?;
        answered.await.map_err(|_| ())
    }
}
