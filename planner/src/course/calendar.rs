//! The course as a calendar file (iCalendar): days in the chair, and what to begin and to avoid until when.

use icalendar::{Calendar, Class, Component as _, Event, EventLike as _};
use sha2::{Digest as _, Sha256};
use stipple_model::course::{Care, Day, Policy, after};

use super::Course;
use super::sheets::ends;

/// The calendar of a course; the same course gives the same text.
#[must_use]
pub fn calendar(course: &Course, policy: &Policy) -> String {
    let mut calendar = Calendar::new();
    calendar.name("Scalp micropigmentation");
    let mut add = |day: Day, summary: &str, description: &str| {
        calendar.push(event(course, day, summary, description));
    };
    if let Some(day) = course.test_patch {
        add(
            day,
            "Test patch",
            "A small patch at the back of the head, tried before the treatment.",
        );
    }
    let sittings = sittings(course);
    for (k, sitting) in sittings.iter().enumerate() {
        add(sitting.day, &sitting.title, &sitting.words);
        let next = sittings.get(k + 1).map(|s| s.day);
        for care in &policy.aftercare {
            remind(care, sitting.day, next, &mut add);
        }
    }
    calendar.done().to_string()
}

/// A day in the chair, for people.
pub(super) struct Sitting {
    pub day: Day,
    pub title: String,
    pub words: String,
}

/// All days in the chair, in order.
pub(super) fn sittings(course: &Course) -> Vec<Sitting> {
    let count = course.sessions.len();
    let mut sittings = Vec::new();
    for session in &course.sessions {
        let parts = session.parts.len();
        for (k, part) in session.parts.iter().enumerate() {
            let of_parts = if parts > 1 {
                format!(", day {} of {parts}", k + 1)
            } else {
                String::new()
            };
            sittings.push(Sitting {
                day: part.day,
                title: format!("Session {} of {count}{of_parts}", session.number),
                words: format!(
                    "About {} hours, set-up, numbing and breaks included.",
                    half_hours(part.hours)
                ),
            });
        }
    }
    sittings
}

/// Hours to the next half, as people say them.
pub(super) fn half_hours(hours: f64) -> String {
    let halves = (hours * 2.0).ceil() / 2.0;
    format!("{halves}")
}

/// Reminds of what begins, and of what is over.
fn remind(care: &Care, day: Day, next: Option<Day>, add: &mut impl FnMut(Day, &str, &str)) {
    match care {
        Care::Begin { text, from_day, .. } => {
            let day = after(day, *from_day);
            if next.is_none_or(|next| day < next) {
                add(day, "Aftercare: from today on", text);
            }
        }
        Care::Avoid { text, .. } => {
            let over = ends(care, day, next);
            if let Some(over) = over.filter(|over| next.is_none_or(|next| *over < next)) {
                add(over, "Aftercare: no longer needed", text);
            }
        }
    }
}

/// A whole day. Its id and stamp come from the course, so that a calendar that is made once more replaces its events.
fn event(course: &Course, day: Day, summary: &str, description: &str) -> Event {
    let mut hash = Sha256::new();
    for part in [
        &course.client,
        &course.consulted.to_string(),
        &day.to_string(),
        summary,
        description,
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let id: String = hash
        .finalize()
        .iter()
        .take(16)
        .map(|b| format!("{b:02x}"))
        .collect();
    let stamp = course.consulted.and_time(chrono::NaiveTime::MIN).and_utc();
    Event::new()
        .uid(&format!("{id}@stipple"))
        .timestamp(stamp)
        .all_day(day)
        .summary(summary)
        .description(description)
        .class(Class::Private)
        .done()
}
