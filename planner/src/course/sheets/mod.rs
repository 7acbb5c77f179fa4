//! The documents of a course: what was said at the consultation, and a sheet of aftercare for every day in the chair.

mod aftercare;
mod consultation;

use stipple_model::course::{Care, Day, Span, after};
use stipple_model::document::Document;

pub use aftercare::aftercare;
pub use consultation::consultation;

/// A document and the stem of its file's name.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// The stem.
    pub stem: String,
    /// What it says.
    pub document: Document,
}

/// The first day on which what is to be avoided after a day in the chair is allowed again; `None` for what is to be begun. `next` is the
/// next day in the chair.
pub(super) fn ends(care: &Care, day: Day, next: Option<Day>) -> Option<Day> {
    match (care, next) {
        (Care::Begin { .. }, _) => None,
        (Care::Avoid { last_days, .. }, None) => Some(after(day, *last_days)),
        (
            Care::Avoid {
                span: Span::Days(days),
                ..
            },
            Some(_),
        ) => Some(after(day, *days)),
        (
            Care::Avoid {
                span: Span::UntilNext,
                ..
            },
            Some(next),
        ) => Some(next),
    }
}

/// A day as people read it, the same in every language's eyes: 2027-05-31 and its weekday.
fn spelt(day: Day) -> String {
    day.format("%A, %-d %B %Y").to_string()
}
