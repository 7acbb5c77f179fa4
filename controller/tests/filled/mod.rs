//! The shipped example of a sitting as it would be filled in now.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use stipple_controller::record;
use stipple_model::course::day_of;

const EXAMPLE: &str = include_str!("../../../launch/sittings/example.toml");
pub const HOUR: i64 = 3_600_000_000;

/// An hour before this was asked first, µs since 1970: what is said of "now" is said of then, so that no test depends on the time of the day.
pub fn lately() -> i64 {
    static LATELY: OnceLock<i64> = OnceLock::new();
    *LATELY.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(now.as_micros()).unwrap() - HOUR
    })
}

/// The day so many days before.
pub fn ago(days: i64) -> String {
    day_of(lately() - days * 24 * HOUR).to_string()
}

/// A moment as files have it.
pub fn moment(at_us: i64) -> String {
    format!("{}Z", record::moment(at_us).replace(' ', "T"))
}

/// The example as it would be filled in today.
pub fn today() -> String {
    filled_in([&moment(lately()), &ago(0), &ago(11), &ago(19)])
}

/// The example with other days: the moment of the registration, its day, those of the test patch and before it.
fn filled_in([moment, day, patch, before]: [&str; 4]) -> String {
    let filled_in = [
        ("../../planner/intakes/pattern-baldness.toml", "intake.toml"),
        ("2027-05-31T08:10:00+02:00", moment),
        ("2027-05-31", day),
        ("2027-05-20", patch),
        ("2027-05-12", before),
        ("2028-", "2999-"),
        ("[\"light\", \"medium\"]", "[\"grey\"]"),
        ("[\"dark\"]", "[\"grey\"]"),
    ];
    // In two steps: a day that was put in may be one that is looked for.
    let mut text = EXAMPLE.to_owned();
    for (place, (old, _)) in filled_in.iter().enumerate() {
        assert!(text.contains(old), "the example has no {old}");
        text = text.replace(old, &format!("@{place}@"));
    }
    for (place, (_, new)) in filled_in.iter().enumerate() {
        text = text.replace(&format!("@{place}@"), new);
    }
    text
}

#[test]
fn days_that_were_put_in_stay() {
    let text = filled_in([
        "2028-01-20T07:00:00Z",
        "2027-05-20",
        "2027-05-12",
        "2028-01-01",
    ]);
    for (day, times) in [("2027-05-20", 2), ("2027-05-12", 2), ("2028-01-", 2)] {
        assert_eq!(text.matches(day).count(), times, "{day} in\n{text}");
    }
}
