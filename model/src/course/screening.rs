//! The medical screening: whether a client may be treated on a day.

use serde::{Deserialize, Serialize};

use super::answers::after;
use super::policy::{AnswerKind, Policy, Question};
use super::{Answer, Day, Intake};

/// What comes of an answer, the more serious the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing stands against it.
    Clear,
    /// A physician's word is needed first.
    Physician,
    /// Not to be treated.
    Refuse,
}

/// What stands against a treatment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The question's key, or `scars`.
    pub key: String,
    /// What was asked for.
    pub asks: String,
    /// What comes of it.
    pub verdict: Verdict,
    /// The first day on which it no longer holds as it does now; `None` where no day is known.
    pub until: Option<Day>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub source: String,
}

/// What a screening found for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Screening {
    /// The day.
    pub on: Day,
    /// What stands against it, the most serious first.
    pub findings: Vec<Finding>,
}

impl Screening {
    /// The most serious of all.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|f| f.verdict);
        verdicts.max().unwrap_or(Verdict::Clear)
    }

    /// The first day on which nothing that is known refuses it any more; `None` where something refuses it for good, or nobody knows how
    /// long.
    #[must_use]
    pub fn refused_until(&self) -> Option<Day> {
        let refused = self
            .findings
            .iter()
            .filter(|f| f.verdict == Verdict::Refuse);
        let until: Option<Vec<Day>> = refused.map(|f| f.until).collect();
        until?.into_iter().max()
    }
}

/// Whether the client who gave these answers may be treated on a day.
#[must_use]
pub fn screen(policy: &Policy, intake: &Intake, on: Day) -> Screening {
    let asked = policy.screening.iter().filter_map(|question| {
        let answer = intake.health.get(&question.key)?;
        let (verdict, until) = judge(question, *answer, on)?;
        Some(Finding {
            key: question.key.clone(),
            asks: question.asks.clone(),
            verdict,
            until,
            reason: question.reason.clone(),
            source: question.source.clone(),
        })
    });
    let mut findings: Vec<Finding> = asked.collect();
    findings.extend(young_scar(policy, intake, on));
    findings.sort_by_key(|f| std::cmp::Reverse(f.verdict));
    Screening { on, findings }
}

/// What comes of an answer on a day, and until when.
fn judge(question: &Question, answer: Answer, on: Day) -> Option<(Verdict, Option<Day>)> {
    match (question.answer, answer) {
        (_, Answer::No) => None,
        (AnswerKind::YesNo, _) | (AnswerKind::Date, Answer::Yes | Answer::Ongoing) => {
            Some((question.verdict, None))
        }
        (AnswerKind::Date, Answer::On(day)) => {
            let over = |days: Option<u16>| after(day, days.unwrap_or(0));
            let (first, second) = (over(question.days), over(question.physician_days));
            if on < first {
                Some((question.verdict, Some(first)))
            } else if on < second {
                Some((Verdict::Physician, Some(second)))
            } else {
                None
            }
        }
    }
}

/// The youngest scar, where it is too young.
fn young_scar(policy: &Policy, intake: &Intake, on: Day) -> Option<Finding> {
    let rule = &policy.scars.youngest_days;
    let youngest = intake.scars.iter().map(|scar| scar.since).max()?;
    let until = after(youngest, rule.value);
    (on < until).then(|| Finding {
        key: "scars".to_owned(),
        asks: "a scar that is not yet old enough".to_owned(),
        verdict: Verdict::Refuse,
        until: Some(until),
        reason: "a young scar still changes".to_owned(),
        source: rule.source.clone(),
    })
}
