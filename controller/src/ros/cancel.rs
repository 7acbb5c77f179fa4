//! Ending the arm's motions: every goal of its controller, ours or not.

use std::rc::Rc;
use std::time::{Duration, Instant};

use r2r::Client;
use r2r::action_msgs::msg::GoalInfo;
use r2r::action_msgs::srv::CancelGoal;
use r2r::unique_identifier_msgs::msg::UUID;

/// From cancel to cancel; one asked for sooner is sent when this has passed.
const CANCEL_AGAIN: Duration = Duration::from_millis(50);

/// Asks for an end of every goal. Whether it is granted does not matter: the arm is watched, and asked again. Needs a local task set.
pub fn cancel_all(cancels: &Client<CancelGoal::Service>) {
    // A request without id and time means all.
    match cancels.request(&CancelGoal::Request {
        goal_info: GoalInfo {
            goal_id: UUID { uuid: vec![0; 16] },
            ..Default::default()
        },
    }) {
        Ok(answer) => {
            tokio::task::spawn_local(async move {
                let _ = answer.await;
            });
        }
        Err(error) => tracing::warn!(%error, "a cancel could not be sent"),
    }
}

/// Cancels that are asked for again and again.
#[derive(Debug, Default)]
pub struct Repeats {
    last: Option<Instant>,
    waiting: bool,
}

impl Repeats {
    /// Whether one asked for now is sent at once; otherwise it waits.
    pub fn ask(&mut self, now: Instant) -> bool {
        let early = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < CANCEL_AGAIN);
        if early {
            self.waiting = true;
        } else {
            self.sent(now);
        }
        !early
    }

    /// One was sent.
    pub fn sent(&mut self, now: Instant) {
        (self.last, self.waiting) = (Some(now), false);
    }

    /// Until the one that waits is due; for ever when none does.
    pub async fn wait(&self) {
        match self.last.filter(|_| self.waiting) {
            Some(last) => tokio::time::sleep_until((last + CANCEL_AGAIN).into()).await,
            None => std::future::pending().await,
        }
    }
}

/// Ends every motion when nobody is left to watch it.
#[derive(Clone)]
pub struct Emergency(Rc<Client<CancelGoal::Service>>);

impl Emergency {
    /// Over the service of the arm's controller.
    #[must_use]
    pub fn new(cancels: Client<CancelGoal::Service>) -> Self {
        Self(Rc::new(cancels))
    }

    /// Cancels all goals, several times over a while: a goal may have been on its way. Needs a local task set.
    pub async fn cancel(&self) {
        for _ in 0..10 {
            cancel_all(&self.0);
            tokio::time::sleep(CANCEL_AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancels_that_come_quickly_wait_but_are_not_lost() {
        let (mut cancels, start) = (Repeats::default(), Instant::now());
        assert!(cancels.ask(start));
        assert!(!cancels.ask(start + CANCEL_AGAIN / 2));
        assert!(cancels.waiting);
        assert!(cancels.ask(start + CANCEL_AGAIN));
        assert!(!cancels.waiting);
    }
}
