//! Another controller of the same name in the same namespace: each call of a service would reach both, and one of the two answers.
//!
//! A controller tells its state ten times a second; what is heard of that topic and was not sent from here is another's.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use r2r::Node;
use r2r::builtin_interfaces::msg::Time;
use r2r::stipple_msgs::msg::SessionState;
use stipple_core::Micros;

use super::cycle::{Errand, Errands};
use super::desk::ask;
use super::program::{Clock, ProgramError, drain, every, making};
use crate::session::StopBy;

/// What is said of one.
pub const TEXT: &str =
    "another controller of the same name sends its session_state: end one of the two";

/// Its topic, which is this node's as well.
const TOPIC: &str = "session_state";

/// So many of the stamps sent from here are remembered. Source: own; half a minute of the highest rate that can be asked for.
const REMEMBERED: usize = 2_000;

/// A controller that was not heard for so long has ended. Source: own, three of the longest periods that can be asked for.
const GONE: Micros = Micros::from_ms(3_000);

/// From look to look.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// What is known of them.
#[derive(Debug, Default)]
pub struct Rivals(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    sent: VecDeque<(i32, u32)>,
    heard: Option<Micros>,
}

impl Rivals {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a state that is about to be sent from here.
    pub fn send(&self, stamp: &Time) {
        let mut known = self.known();
        if known.sent.len() >= REMEMBERED {
            known.sent.pop_front();
        }
        known.sent.push_back((stamp.sec, stamp.nanosec));
    }

    /// Takes a state that was heard.
    fn hear(&self, stamp: &Time, now: Micros) {
        let mut known = self.known();
        if !known.sent.contains(&(stamp.sec, stamp.nanosec)) {
            known.heard = Some(now);
        }
    }

    /// Whether one is there.
    #[must_use]
    pub fn heard(&self, now: Micros) -> bool {
        let heard = self.known().heard;
        heard.is_some_and(|at| now.fresh(at, GONE))
    }

    /// Listens for them; what it returns takes what has come.
    ///
    /// # Errors
    /// When ROS 2 refuses.
    pub fn listen(
        self: &Arc<Self>,
        node: &mut Node,
        clock: Clock,
    ) -> Result<impl FnMut() + Send + 'static + use<>, ProgramError> {
        // What was sent before this node began says nothing of now: nothing latched.
        let messages = node.subscribe::<SessionState>(TOPIC, every(10));
        let (mut messages, rivals) = (messages.map_err(making(TOPIC))?, Arc::clone(self));
        Ok(move || {
            for message in drain(&mut messages) {
                rivals.hear(&message.header.stamp, clock.now());
            }
        })
    }

    /// Stops whatever session is under way as soon as one is heard.
    pub async fn watch(self: Arc<Self>, clock: Clock, errands: Errands) {
        let mut before = false;
        loop {
            tokio::time::sleep(LOOK).await;
            let heard = self.heard(clock.now());
            if heard && !before {
                tracing::error!("{TEXT}");
                let stop = |answer| Errand::Stop(StopBy::Rival, answer);
                if ask(&errands, stop).await.is_err() && errands.is_closed() {
                    return;
                }
            }
            before = heard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H15.
    #[test]
    fn what_was_not_sent_from_here_is_anothers() {
        let rivals = Rivals::default();
        let stamp = |nanosec| Time { sec: 7, nanosec };
        let at = Micros::from_ms;
        for k in 0..5_000 {
            rivals.send(&stamp(k));
            rivals.hear(&stamp(k), at(u64::from(k)));
        }
        assert!(!rivals.heard(at(5_000)));
        rivals.hear(&stamp(4_000), at(5_000));
        assert!(!rivals.heard(at(5_000)), "it may come late");
        rivals.hear(&stamp(5_001), at(5_001));
        assert!(rivals.heard(at(5_002)) && rivals.heard(at(8_001)));
        assert!(!rivals.heard(at(8_002)), "it has ended");
    }
}
