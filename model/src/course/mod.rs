//! A course of treatment: the rules it keeps to, what a client answers, and whether they may be treated.

mod intake;
mod policy;
mod screening;

#[cfg(test)]
mod tests;

pub use chrono::NaiveDate as Day;
pub use intake::{Answer, Intake, IntakeError, Look, Scar};
pub use policy::{
    AnswerKind, Care, Density, Fading, HairColour, Pattern, Policy, PolicyError, Question, Rule,
    Scars, Sessions, ShadeRule, Signs, SkinRule, Span, SunRule,
};
pub use screening::{Finding, Screening, Verdict, screen};
