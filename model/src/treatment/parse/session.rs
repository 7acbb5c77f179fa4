//! The table `[session]`.

use super::fitted::dwell;
use super::{Checked, in_range, mm, whole};
use crate::treatment::file::SessionFile;
use crate::treatment::session::Session;
use crate::units::Time;

/// Checks the table; keys that are not there keep their default.
pub(super) fn session(file: &SessionFile) -> Checked<Session> {
    let own = Session::default();
    let count = |key: &str, value: Option<i64>, default: u32, low: u32, high: u32| match value {
        Some(value) => whole(key, value, low, high),
        None => Ok(default),
    };
    let time =
        |key: &str, value: Option<f64>, default: Time, (low, high): (f64, f64), unit: f64| {
            match value {
                Some(value) => in_range(key, value, low, high).map(|v| Time::from_s(v * unit)),
                None => Ok(default),
            }
        };
    let f = file;
    Ok(Session {
        dots_per_dip: count(
            "session.dots_per_dip",
            f.dots_per_dip,
            own.dots_per_dip,
            10,
            5_000,
        )?,
        dip: time("session.dip_s", f.dip_s, own.dip, (0.0, 120.0), 1.0)?,
        dots_per_needle: count(
            "session.dots_per_needle",
            f.dots_per_needle,
            own.dots_per_needle,
            100,
            20_000,
        )?,
        needle_change: time(
            "session.needle_change_s",
            f.needle_change_s,
            own.needle_change,
            (0.0, 1_800.0),
            1.0,
        )?,
        shade_change: time(
            "session.shade_change_s",
            f.shade_change_s,
            own.shade_change,
            (0.0, 1_800.0),
            1.0,
        )?,
        break_every: time(
            "session.break_every_min",
            f.break_every_min,
            own.break_every,
            (5.0, 240.0),
            60.0,
        )?,
        break_length: time(
            "session.break_min",
            f.break_min,
            own.break_length,
            (0.0, 60.0),
            60.0,
        )?,
        rest_radius: match f.rest_radius_mm {
            Some(radius) => mm("session.rest_radius_mm", radius, 0.0, 5.0)?,
            None => own.rest_radius,
        },
        rest: time("session.rest_s", f.rest_s, own.rest, (0.0, 60.0), 1.0)?,
        dwell: match f.dwell_ms {
            Some(value) => dwell("session.dwell_ms", value)?,
            None => own.dwell,
        },
    })
}
