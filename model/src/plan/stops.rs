//! Where a layer's work pauses on purpose, and how long a session takes.
//!
//! Stops say what an operator has to do before which dot; the controller pauses there, and goes on when somebody resumes. The arm's ways to
//! where it waits and back are computed from the plan by [`crate::motion::away`] and [`crate::motion::back`].

use serde::{Deserialize, Serialize};

use crate::units::Time;

/// A pause before a dot of a layer. The arm waits at the cell's station, or lifted off the dot before where there is none; a wait for skin
/// that rests is spent where the arm is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// The dot that waits for it, as an index into the layer's sequence.
    pub before: u32,
    /// What happens.
    pub kind: StopKind,
    /// How long it is expected to take, the ways there and back not counted.
    pub expected: Time,
}

/// The stops before one dot, taken in one go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pause {
    /// The dot that waits, as an index into the layer's sequence.
    pub before: u32,
    /// Whether the arm leaves the head; else it waits over the dot before.
    pub is_away: bool,
    /// How long the stops are expected to take, the ways there and back not counted.
    pub expected: Time,
}

/// A layer's stops, those before one dot together.
pub fn pauses(stops: &[Stop]) -> impl Iterator<Item = Pause> + '_ {
    let together = stops.chunk_by(|a, b| a.before == b.before);
    together.filter_map(|stops| {
        Some(Pause {
            before: stops.first()?.before,
            is_away: stops.iter().any(|s| s.kind.is_away()),
            expected: stops.iter().fold(Time::ZERO, |sum, s| sum + s.expected),
        })
    })
}

/// What happens at a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StopKind {
    /// A person fits a fresh cartridge.
    NeedleChange {
        /// Index into [`super::Plan::needles`].
        needle: u8,
    },
    /// A person brings another shade to the needle.
    ShadeChange {
        /// Index into [`super::Plan::shades`].
        shade: u8,
    },
    /// The needle takes up pigment.
    InkDip {
        /// Index into [`super::Plan::shades`]: the shade that is fitted.
        shade: u8,
    },
    /// A rest for the person in the chair.
    Break,
    /// The arm waits where it is until the skin near the next dot has rested.
    Rest,
}

impl StopKind {
    /// Whether the arm leaves the head for it.
    #[must_use]
    pub const fn is_away(self) -> bool {
        !matches!(self, Self::Rest)
    }

    /// The key used in reports.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NeedleChange { .. } => "needle_change",
            Self::ShadeChange { .. } => "shade_change",
            Self::InkDip { .. } => "ink_dip",
            Self::Break => "break",
            Self::Rest => "rest",
        }
    }
}

/// Expected time of one layer by what it is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionParts {
    /// The arm on its way from dot to dot, where no stop away from the head lies between them.
    pub motion: Time,
    /// The needle on its way out and in.
    pub needle_travel: Time,
    /// The needle in the skin, at its depth.
    pub dwell: Time,
    /// From the end of a motion to the needle's start, and from the needle being in to the next motion.
    pub settling: Time,
    /// Taking up pigment.
    pub dips: Time,
    /// Fitting cartridges.
    pub needle_changes: Time,
    /// Bringing another shade.
    pub shade_changes: Time,
    /// Waiting until skin near the next dot has rested.
    pub rests: Time,
    /// Rests of the person.
    pub breaks: Time,
    /// To where the arm waits at stops and back, to the first dot and from the last one.
    pub station_ways: Time,
}

impl SessionParts {
    /// Every part under its key in reports.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Time); 10] {
        [
            ("motion", self.motion),
            ("needle_travel", self.needle_travel),
            ("dwell", self.dwell),
            ("settling", self.settling),
            ("dips", self.dips),
            ("needle_changes", self.needle_changes),
            ("shade_changes", self.shade_changes),
            ("rests", self.rests),
            ("breaks", self.breaks),
            ("station_ways", self.station_ways),
        ]
    }

    /// All parts together.
    #[must_use]
    pub fn total(&self) -> Time {
        self.named()
            .into_iter()
            .fold(Time::ZERO, |sum, (_, part)| sum + part)
    }

    /// Whether every part is finite and not negative.
    pub(super) fn makes_sense(&self) -> bool {
        self.named()
            .iter()
            .all(|(_, part)| part.is_finite() && part.s() >= 0.0)
    }
}

impl core::ops::Add for SessionParts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            motion: self.motion + other.motion,
            needle_travel: self.needle_travel + other.needle_travel,
            dwell: self.dwell + other.dwell,
            settling: self.settling + other.settling,
            dips: self.dips + other.dips,
            needle_changes: self.needle_changes + other.needle_changes,
            shade_changes: self.shade_changes + other.shade_changes,
            rests: self.rests + other.rests,
            breaks: self.breaks + other.breaks,
            station_ways: self.station_ways + other.station_ways,
        }
    }
}

/// Expected time of a treatment, layer by layer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionEstimate {
    /// Index 0 is layer 1.
    pub layers: Vec<SessionParts>,
}

impl SessionEstimate {
    /// The parts of all layers together.
    #[must_use]
    pub fn parts(&self) -> SessionParts {
        self.layers
            .iter()
            .fold(SessionParts::default(), |sum, layer| sum + *layer)
    }

    /// All layers, all parts.
    #[must_use]
    pub fn total(&self) -> Time {
        self.parts().total()
    }
}
