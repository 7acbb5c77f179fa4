//! A course of treatment: the rules it keeps to, what a client answers, and whether they may be treated.

pub mod answers;
mod intake;
mod policy;
mod screening;

#[cfg(test)]
mod tests;

pub use answers::{Day, after, day_of};
pub use intake::{Answer, Intake, IntakeError, Look, Scar};
pub use policy::{
    AnswerKind, Care, Density, Fading, Gate, HairColour, Pattern, Policy, PolicyError, Question,
    Rule, Scars, Sessions, ShadeRule, Signs, SkinRule, Span, SunRule,
};
pub use screening::{Finding, Screening, Verdict, screen};
