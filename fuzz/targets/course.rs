//! Any text as an intake file, and behind a zero byte the policy that asks for its answers.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stipple_model::course::{Intake, Policy};

static SHIPPED: LazyLock<Policy> = LazyLock::new(|| Policy::shipped().expect("the shipped policy"));

fuzz_target!(|text: &str| {
    let (intake, own) = match text.split_once('\0') {
        Some((intake, policy)) => (intake, Some(Policy::parse(policy))),
        None => (text, None),
    };
    if let Some(Err(error)) = &own {
        said(&error.to_string());
    }
    let policy = own.as_ref().and_then(|own| own.as_ref().ok());
    if let Err(error) = Intake::parse(intake, policy.unwrap_or(&SHIPPED)) {
        said(&error.to_string());
    }
});

fn said(text: &str) {
    assert!(
        !text.is_empty() && !text.contains(char::is_control),
        "{text}"
    );
}
