//! The client's sheet for the days after one in the chair.

use stipple_model::course::{Care, Day, Policy, Span, after};
use stipple_model::document::{Block, Document};

use super::super::Course;
use super::super::calendar::sittings;
use super::{Sheet, ends, spelt};

/// A sheet for every day in the chair.
#[must_use]
pub fn aftercare(course: &Course, policy: &Policy) -> Vec<Sheet> {
    let sittings = sittings(course);
    let days: Vec<Day> = sittings.iter().map(|sitting| sitting.day).collect();
    let sheets = (0..).zip(&sittings).map(|(k, sitting): (usize, _)| Sheet {
        stem: format!("aftercare-{}", k + 1),
        document: Document {
            title: format!("After {}", sitting.title.to_lowercase()),
            blocks: blocks(policy, sitting.day, days.get(k + 1).copied()),
        },
    });
    sheets.collect()
}

fn blocks(policy: &Policy, day: Day, next: Option<Day>) -> Vec<Block> {
    let mut blocks = vec![Block::Text(format!(
        "You were treated on {}. Your scalp has many thousands of tiny wounds now. They close within days; until then they let germs in, and \
         water and sweat wash pigment out.",
        spelt(day)
    ))];
    blocks.push(match next {
        Some(next) => Block::Text(format!("Your next day in the chair is {}.", spelt(next))),
        None => Block::Text(
            "This was the last session. The dots look darker and larger now than they will: that settles within weeks."
                .to_owned(),
        ),
    });
    blocks.push(Block::Heading(2, "Please avoid".to_owned()));
    let avoid = policy.aftercare.iter().filter_map(|care| match care {
        Care::Avoid { text, span, .. } => {
            let over = ends(care, day, next)?;
            let until = match (next, span) {
                (Some(_), Span::UntilNext) => format!("until your next session, {}", spelt(over)),
                _ => format!("up to and including {}", spelt(eve(over))),
            };
            Some(vec![text.clone(), until])
        }
        Care::Begin { .. } => None,
    });
    blocks.push(Block::Table {
        columns: vec!["What".to_owned(), "How long".to_owned()],
        rows: avoid.collect(),
    });
    let begin = policy.aftercare.iter().filter_map(|care| match care {
        Care::Begin { text, from_day, .. } => {
            let from = after(day, *from_day);
            let sooner = next.is_none_or(|next| from < next);
            sooner.then(|| format!("{}: {text}", spelt(from)))
        }
        Care::Avoid { .. } => None,
    });
    let begin: Vec<String> = begin.collect();
    if !begin.is_empty() {
        blocks.push(Block::Heading(2, "From then on".to_owned()));
        blocks.push(Block::List(begin));
    }
    blocks.push(Block::Heading(2, "See a physician at once for".to_owned()));
    blocks.push(Block::List(policy.signs.physician.clone()));
    blocks.push(Block::Text(
        "A little redness and tightness on the first two days is normal. Do not scratch, and do not pick off flakes: a dot comes off with them."
            .to_owned(),
    ));
    blocks
}

/// The day before.
fn eve(day: Day) -> Day {
    day.pred_opt().unwrap_or(day)
}
