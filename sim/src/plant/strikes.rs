//! What really happened: every strike as the skin saw it, and every tick in which something was out of order.

use std::collections::HashMap;

use serde::Serialize;
use stipple_controller::ports::Micros;
use stipple_model::plan::DotId;

/// A needle in the skin, from contact to leaving it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strike {
    /// The dot the stroke was for.
    pub dot: DotId,
    /// The permit it was made with.
    pub permit: u64,
    /// When the needle met the skin.
    pub at: Micros,
    /// Distance from the dot to the needle's axis at that moment, with head and arm where they really were, metres.
    pub lateral: f64,
    /// How deep the needle went, metres; 0 when it never broke through.
    pub depth: f64,
    /// `depth` less the depth planned, metres.
    pub depth_error: f64,
    /// Angle between needle and the dot's normal, rad.
    pub angle: f64,
    /// How far the skin moved sideways while the needle was in it, metres.
    pub dragged: f64,
    /// Largest force along the needle, N.
    pub force: f64,
    /// Whether it met the approved patch.
    pub in_patch: bool,
}

/// What must never be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// I1: a strike outside the approved patch.
    StrikeOffPatch,
    /// I3: a second strike of one dot.
    StruckTwice,
    /// I3: the needle left the skin and met it again within one stroke.
    PiercedTwice,
    /// The needle was out while the arm moved.
    MovedNeedleOut,
    /// I4: a joint was faster than its limit.
    JointTooFast,
    /// H2: deeper than the cap.
    TooDeep,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Break {
    /// Which.
    pub broken: Broken,
    /// When, seconds.
    pub t_s: f64,
    /// The dot at hand.
    pub dot: Option<DotId>,
}

/// Counts of a run; the first breaks are kept in full.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Invariants {
    /// How many times something was checked.
    pub checks: u64,
    /// How many times it did not hold.
    pub breaks: u64,
    /// The first of them.
    pub first: Vec<Break>,
    /// By dot, the permit of its last strike; none of an earlier run.
    struck: HashMap<DotId, Option<u64>>,
}

/// So many breaks are kept in full.
const KEPT: usize = 100;

impl Invariants {
    /// Checks one.
    pub fn check(&mut self, broken: Broken, holds: bool, at: Micros, dot: Option<DotId>) {
        self.checks += 1;
        if !holds {
            self.breaks += 1;
            if self.first.len() < KEPT {
                self.first.push(Break {
                    broken,
                    t_s: at.s(),
                    dot,
                });
            }
        }
    }

    /// Checks a strike at contact.
    pub fn strike(&mut self, strike: &Strike) {
        let before = self.struck.insert(strike.dot, Some(strike.permit));
        let same_stroke = before == Some(Some(strike.permit));
        for (broken, holds) in [
            (Broken::StruckTwice, before.is_none() || same_stroke),
            (Broken::PiercedTwice, !same_stroke),
        ] {
            self.check(broken, holds, strike.at, Some(strike.dot));
        }
        self.check(
            Broken::StrikeOffPatch,
            strike.in_patch,
            strike.at,
            Some(strike.dot),
        );
    }

    /// Takes dots as struck that an earlier run has struck.
    pub fn remember(&mut self, dots: impl IntoIterator<Item = DotId>) {
        self.struck.extend(dots.into_iter().map(|dot| (dot, None)));
    }
}
