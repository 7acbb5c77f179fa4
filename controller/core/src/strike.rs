//! A strike: what was told, what the needle reports, and what may be said of the dot.

use crate::limits::Limits;
use crate::output::{Dot, Doubt};
use crate::sensed::{NeedleSeen, TipSeen};
use crate::time::Micros;

/// A dot that is less deep than this share of what was wanted may have been pressed and not pierced. Source: own.
const PIERCED: f64 = 0.25;

/// A strike under way.
#[derive(Debug, Clone, Copy)]
pub struct Strike {
    pub dot: Dot,
    pub nonce: u64,
    /// How deep it is to go, m.
    pub depth: f64,
    /// How far out it is to go: at first by where the skin should be, later no deeper than wanted from where it was met, m.
    pub extension: f64,
    /// The farthest that it was told, m, and since when it is told less.
    pub told: f64,
    pub less_since: Option<Micros>,
    /// Gap from nose to skin when it was fixed, m.
    pub gap: f64,
    pub lateral: f64,
    pub touch: Touch,
    /// The farthest extension reported under this strike's nonce, m.
    pub deepest: f64,
    /// What ended it before its time.
    pub ended: Option<Doubt>,
}

/// What the force of a strike's reports shows.
#[derive(Debug, Clone, Copy)]
pub struct Touch {
    /// The force before the strike began, N.
    pub tare: f64,
    /// Some report showed force, on the way out or in.
    pub felt: bool,
    /// The farthest extension that was reported without force, m.
    pub free: f64,
    /// When the last report arrived that was looked at.
    pub seen: Micros,
    /// The extension in the first of the last reports, which all show force, m.
    pub first: Option<f64>,
    /// That of two reports in a row: one alone may be noise.
    pub met: Option<f64>,
}

impl Touch {
    fn shows(&self, force: f64, least: f64) -> bool {
        (force - self.tare).abs() >= least
    }

    /// Takes a report.
    fn see(&mut self, needle: &NeedleSeen, least: f64) {
        if needle.at <= self.seen || self.met.is_some() {
            return;
        }
        self.seen = needle.at;
        if self.shows(needle.force, least) {
            self.met = self.first;
            self.first = self.first.or(Some(needle.extension));
        } else {
            self.first = None;
            self.free = self.free.max(needle.extension);
        }
    }
}

impl Strike {
    /// Takes a report of the needle that is out for it, and where the tip was seen then.
    pub fn see(&mut self, needle: &NeedleSeen, tip: Option<TipSeen>, limits: &Limits) {
        // Farther out than it can be, or in: no depth.
        let can_be = needle.extension <= limits.stroke + limits.needle_over
            && needle.extension > limits.needle_in;
        if !can_be {
            return;
        }
        let (before, had_met) = (self.deepest, self.touch.met.is_some());
        // What is more is no skin but a fault.
        if needle.force.abs() <= limits.axial_force {
            self.touch.felt |= self.touch.shows(needle.force, limits.contact_force);
            // What it feels on its way in is the skin's hold on it.
            if needle.extension >= self.deepest - limits.needle_in {
                self.touch.see(needle, limits.contact_force);
            }
        }
        self.deepest = self.deepest.max(needle.extension);
        let meets = !had_met && self.touch.met.is_some();
        let crosses = before < self.gap && self.deepest >= self.gap;
        if (meets || crosses)
            && let Some(tip) = tip
            && tip.dot == self.dot
            && tip.lateral.is_finite()
        {
            self.lateral = tip.lateral;
        }
    }

    /// It met something well before where the skin should be.
    pub fn is_early(&self, limits: &Limits) -> bool {
        self.touch
            .met
            .is_some_and(|met| met < self.gap - limits.contact_early)
    }

    /// The extension at which the skin is: by tracker, registration and scan, unless the force shows it farther from there than two reports lie
    /// apart, m.
    fn skin(&self) -> f64 {
        let felt = self.touch.met.map(|met| {
            let between = self.touch.free.max(0.0).min(met);
            let is_near = (between..=met).contains(&self.gap);
            if is_near {
                self.gap
            } else {
                0.5 * (between + met)
            }
        });
        felt.unwrap_or(self.gap)
    }

    /// How deep it went below the skin, m; `None` where it cannot be said to have met the skin.
    pub fn placed(&self, limits: &Limits) -> Option<f64> {
        let depth = self.deepest - self.skin();
        let is_out = self.deepest > limits.needle_in && !self.is_early(limits);
        // Short of where the skin should be it has placed a dot only if it was felt and went on a good way.
        let is_through =
            self.deepest >= self.gap || (self.touch.met.is_some() && depth >= 0.5 * self.depth);
        (is_out && is_through && depth >= PIERCED * self.depth).then_some(depth)
    }
}
