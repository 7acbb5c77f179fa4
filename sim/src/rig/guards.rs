//! The guards of the core one by one: each is a figure of its limits, and is taken out by opening that. It is data; nothing in the core knows.

use stipple_controller::ports::Micros;
use stipple_core::Limits;

/// Longer than any session.
const LONG: Micros = Micros::from_ms(100_000_000);
/// Beyond any distance, speed, force or angle.
const FAR: f64 = 1e6;

/// A guard of the core.
#[derive(Debug)]
pub struct Guard {
    /// Its name on the command line.
    pub name: &'static str,
    open: fn(&mut Limits),
}

macro_rules! guards {
    ($($name:literal $($field:ident).+ = $open:expr;)+) => {
        /// All of them.
        pub const GUARDS: &[Guard] = &[$(Guard {
            name: $name,
            open: |limits| limits.$($field).+ = $open,
        }),+];
    };
}

guards! {
    "tick-gap" tick_gap = LONG;
    "joints-age" joints_age = LONG;
    "head-age-strike" head_age_strike = LONG;
    "head-age" head_age = LONG;
    "needle-age" needle_age = LONG;
    "lease-age" lease_age = LONG;
    "head-displacement" head_displacement = FAR;
    "head-speed" head_speed = FAR;
    "head-calm" head_calm = Micros::ZERO;
    "axial-force" axial_force = FAR;
    "contact-force" contact_force = FAR;
    "contact-early" contact_early = FAR;
    "rest-speed" rest_speed = FAR;
    "moving-speed" moving_speed = FAR;
    "speed-share" speed_share = FAR;
    "acceleration-share" acceleration_share = FAR;
    "untold" untold = FAR;
    "joint-outside" joint_outside = FAR;
    "tip-free" tip_free = FAR;
    "tip-hover" tip_hover = FAR;
    "braking-share" braking_share = FAR;
    "tip-near" tip_near = FAR;
    "tip-lowest" tip_lowest = -FAR;
    "over-patch" over_patch = -FAR;
    "keep-out" keep_out = -FAR;
    "path-deviation" path_deviation = FAR;
    "goal-deviation" goal_deviation = FAR;
    "settle" settle = Micros::ZERO;
    "depth" depth = FAR;
    "angle" angle = FAR;
    "lateral-verify" lateral_verify = FAR;
    "lateral-stroke" lateral_stroke = FAR;
    "gap-min" gap_min = -FAR;
    "gap-max" gap_max = FAR;
    "stroke" stroke = FAR;
    "needle-in" needle_in = FAR;
    "needle-over" needle_over = FAR;
    "needle-echo" needle_echo = Micros::ZERO;
    "approach-displacement" approach_displacement = FAR;
    "far-displacement" far_displacement = FAR;
    "hop-timeout" timeouts.hop = LONG;
    "accept-timeout" timeouts.accept = LONG;
    "motion-timeout" timeouts.motion = LONG;
    "standing-timeout" timeouts.standing = LONG;
    "verify-timeout" timeouts.verify = LONG;
    "extend-timeout" timeouts.extend = LONG;
    "retract-timeout" timeouts.retract = LONG;
    "pause-timeout" timeouts.pause = LONG;
    "stop-timeout" timeouts.stop = LONG;
    "cancel-again" timeouts.cancel_again = LONG;
}

/// Guards that are opened together: a bit for each of [`GUARDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened(u64);

impl Opened {
    /// All of them.
    pub const ALL: Self = Self(u64::MAX);

    /// Those of these names, joined by `+`.
    pub(super) fn named(names: &str) -> Option<Self> {
        let bit = |name: &str| {
            let at = GUARDS.iter().position(|guard| guard.name == name)?;
            Some(1 << at)
        };
        let all = names
            .split('+')
            .try_fold(0, |all, name| Some(all | bit(name)?))?;
        Some(Self(all))
    }

    /// Opens them.
    pub(super) fn open(self, limits: &mut Limits) {
        for (at, guard) in GUARDS.iter().enumerate() {
            if self.0 >> at & 1 == 1 {
                (guard.open)(limits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guard_opens_a_figure_of_its_own() {
        assert!(GUARDS.len() <= 64);
        let mut seen = vec![Limits::HARDWARE];
        for guard in GUARDS {
            let mut limits = Limits::HARDWARE;
            Opened::named(guard.name).unwrap().open(&mut limits);
            assert!(!seen.contains(&limits), "{}", guard.name);
            seen.push(limits);
        }
        assert_eq!(Opened::named("angle+no-such-guard"), None);
        assert_eq!(Opened::named("gap-min+gap-max").unwrap().0.count_ones(), 2);
    }
}
