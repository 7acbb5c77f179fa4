//! The operator's heartbeat, for as long as this program works.

use std::convert::Infallible;
use std::time::Duration;

use r2r::std_msgs::msg::String as Text;
use r2r::{Node, Publisher};

use super::super::LEASE_TOPIC;
use super::super::program::{ProgramError, latched, making, unix_us};

/// From heartbeat to heartbeat. Source: own, a fifth of the lease's age.
const PERIOD: Duration = Duration::from_millis(100);

/// Holds the lease under a name of this run's own.
pub struct LeaseHolder {
    heartbeat: Publisher<Text>,
    name: String,
}

impl LeaseHolder {
    /// Makes the topic; nothing is sent yet.
    ///
    /// # Errors
    /// When ROS 2 refuses it.
    pub fn open(node: &mut Node) -> Result<Self, ProgramError> {
        Ok(Self {
            heartbeat: node
                .create_publisher(LEASE_TOPIC, latched())
                .map_err(making(LEASE_TOPIC))?,
            name: format!("session-{}-{}", std::process::id(), unix_us()),
        })
    }

    /// The name it is held under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends heartbeats. It runs where the operating runs, so that one that hangs falls silent.
    pub async fn hold(self) -> Infallible {
        let message = Text { data: self.name };
        let mut again = tokio::time::interval(PERIOD);
        loop {
            again.tick().await;
            if let Err(error) = self.heartbeat.publish(&message) {
                eprintln!("the operator's heartbeat could not be sent: {error}");
            }
        }
    }
}
