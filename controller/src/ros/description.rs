//! `robot_description`, where somebody offers it: held against the arm that the plan in use was made for.
//!
//! Nothing is loaded and nothing starts on an arm that is described otherwise than planned for, or so that nobody can read it; where that
//! comes up in a session, it is stopped. Where nothing is offered, only the plan's own description is there: that is told.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use futures::Stream;
use r2r::Node;
use r2r::std_msgs::msg::String as Text;
use stipple_model::clearance::WorkCell;
use tokio::sync::watch;

use super::cycle::{Errand, Errands};
use super::desk::ask;
use super::load::{LoadError, Shown, aside};
use super::program::{ProgramError, drain, latched, making};
use crate::admit::{DescriptionError, check_described};
use crate::session::StopBy;

const TOPIC: &str = "robot_description";

/// What is known about the described arm.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Verdict {
    /// Nobody describes an arm.
    #[default]
    NotOffered,
    /// Somebody does, there is no plan to hold it against.
    Offered,
    /// It is the arm of the plan.
    Fits,
    /// It is not, or cannot be read.
    Differs(DescriptionError),
}

/// The described arm.
#[derive(Clone)]
pub struct Description {
    text: watch::Receiver<Option<Arc<str>>>,
    verdict: Rc<RefCell<Verdict>>,
}

/// The subscription, before what comes is looked at.
pub struct Offered {
    messages: Box<dyn Stream<Item = Text> + Send + Unpin>,
    text: watch::Sender<Option<Arc<str>>>,
}

impl Offered {
    /// Subscribes.
    ///
    /// # Errors
    /// When ROS 2 refuses.
    pub fn open(node: &mut Node) -> Result<Self, ProgramError> {
        let messages = node.subscribe::<Text>(TOPIC, latched());
        Ok(Self {
            messages: Box::new(messages.map_err(making(TOPIC))?),
            text: watch::Sender::new(None),
        })
    }

    /// What looks at it, and what takes what has come.
    pub fn split(mut self) -> (Description, impl FnMut() + Send + 'static) {
        let description = Description {
            text: self.text.subscribe(),
            verdict: Rc::default(),
        };
        let take = move || {
            if let Some(message) = drain(&mut self.messages).last() {
                self.text.send_replace(Some(message.data.into()));
            }
        };
        (description, take)
    }
}

impl Description {
    /// What was found when it was looked at last.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict.borrow().clone()
    }

    /// Holds what is offered now against the arm of a cell.
    ///
    /// # Errors
    /// When it differs.
    pub async fn check(&self, cell: &Arc<WorkCell>) -> Result<Verdict, LoadError> {
        let Some(text) = self.text.borrow().clone() else {
            return Ok(Verdict::NotOffered);
        };
        let cell = Arc::clone(cell);
        aside(move || check_described(cell.arm(), &text)).await??;
        Ok(Verdict::Fits)
    }

    /// Looks whenever something else is offered or loaded. A session on an arm that turns out to be another one is stopped.
    pub async fn watch(mut self, mut shown: watch::Receiver<Option<Arc<Shown>>>, errands: Errands) {
        loop {
            let plan = shown.borrow_and_update().clone();
            let offered = self.text.borrow_and_update().is_some();
            let verdict = match &plan {
                Some(plan) => match self.check(&plan.cell).await {
                    Ok(verdict) => verdict,
                    Err(LoadError::Description(error)) => Verdict::Differs(error),
                    Err(_) => return,
                },
                None if offered => Verdict::Offered,
                None => Verdict::NotOffered,
            };
            if let Verdict::Differs(error) = &verdict {
                tracing::error!("{error}");
                let _ = ask(&errands, |answer| Errand::Stop(StopBy::OtherArm, answer)).await;
            }
            self.verdict.replace(verdict);
            let changed = tokio::select! {
                changed = shown.changed() => changed,
                changed = self.text.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}
