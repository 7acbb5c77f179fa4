//! Who takes the arm's motions: the server of the action that goals go to, or who listens to the topic that points go to.

use std::cell::Cell;
use std::rc::Rc;

use futures::FutureExt as _;
use r2r::control_msgs::action::FollowJointTrajectory;
use r2r::trajectory_msgs::msg::JointTrajectory;
use r2r::{ActionClient, Node, Publisher};

use super::operate::calls::{Pinned, pinned};
use super::program::{ProgramError, making};

/// What is known of it.
pub struct Follower {
    name: String,
    port: Port,
}

enum Port {
    /// Until the action was seen: what tells when it is.
    Action(Cell<Option<Pinned>>),
    Topic(Publisher<JointTrajectory>),
}

impl Follower {
    /// The server of an action, of which this is a client.
    ///
    /// # Errors
    /// When ROS 2 refuses.
    pub fn of_action(
        name: String,
        client: &ActionClient<FollowJointTrajectory::Action>,
    ) -> Result<Self, ProgramError> {
        let there = Node::is_available(client).map_err(making(name.clone()))?;
        Ok(Self {
            name,
            port: Port::Action(Cell::new(Some(pinned(there)))),
        })
    }

    /// Who listens to a topic.
    #[must_use]
    pub const fn of_topic(name: String, publisher: Publisher<JointTrajectory>) -> Self {
        Self {
            name,
            port: Port::Topic(publisher),
        }
    }

    /// What it is: an action or a topic.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.port {
            Port::Action(_) => "action",
            Port::Topic(_) => "topic",
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is there: an action that was seen once counts as there, since what becomes of it shows in its answers.
    #[must_use]
    pub fn is_there(&self) -> bool {
        match &self.port {
            Port::Topic(publisher) => {
                matches!(publisher.get_inter_process_subscription_count(), Ok(1..))
            }
            Port::Action(seen) => {
                let there = seen.take();
                let still = there.and_then(|mut there| match (&mut there).now_or_never() {
                    Some(_) => None,
                    None => Some(there),
                });
                let is_there = still.is_none();
                seen.set(still);
                is_there
            }
        }
    }

    /// What to do where it is not.
    ///
    /// # Errors
    /// That, in a sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.is_there() {
            return Ok(());
        }
        let (kind, name) = (self.kind(), &self.name);
        let does = match self.port {
            Port::Action(_) => "serves",
            Port::Topic(_) => "listens to",
        };
        Err(format!(
            "nobody {does} the {kind} {name}: is the arm's driver running, and is the parameter arm_controller right?"
        ))
    }
}

/// Shared by what tells of it and what asks.
pub type SharedFollower = Rc<Follower>;
