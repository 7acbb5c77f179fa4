//! How a session is run: pauses, pigment, and the rest that skin gets.

use crate::limits::DWELL;
use crate::units::{Length, Time};

/// What a session allows for besides placing dots.
///
/// No published figure was found for any of these; the defaults are this project's own and the treatment file says otherwise where a
/// practitioner knows better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Session {
    /// Dots that one dip of pigment lasts.
    pub dots_per_dip: u32,
    /// Time of a dip at the ink, the ways there and back not counted.
    pub dip: Time,
    /// Dots after which a cartridge is changed for a fresh one. Source: hazard H8 asks for a strike cap; the figure is own.
    pub dots_per_needle: u32,
    /// Time a person takes to change a cartridge.
    pub needle_change: Time,
    /// Time a person takes to bring another shade.
    pub shade_change: Time,
    /// Work after which the person in the chair gets a break.
    pub break_every: Time,
    /// How long it is.
    pub break_length: Time,
    /// Skin this near a fresh dot rests before it gets another one; 0: none does.
    pub rest_radius: Length,
    /// How long it rests.
    pub rest: Time,
    /// How long the needle stays in the skin.
    pub dwell: Time,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            dots_per_dip: 200,
            dip: Time::from_s(4.0),
            dots_per_needle: 5_000,
            needle_change: Time::from_s(60.0),
            shade_change: Time::from_s(60.0),
            break_every: Time::from_s(45.0 * 60.0),
            break_length: Time::from_s(5.0 * 60.0),
            rest_radius: Length::from_mm(1.0),
            rest: Time::from_s(2.0),
            dwell: DWELL,
        }
    }
}
