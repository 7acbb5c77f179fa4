//! Helpers of the tests that cross crates.

use std::path::Path;

use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::plan::{Outcome, Plan};
use stipple_model::treatment::Treatment;
use stipple_planner::compose::{self, ComposeError, Inputs};
use stipple_planner::reach::Bounds;
use stipple_planner::register::{Landmarks, head_from_scan};
use stipple_planner::scan::{self, UnitChoice};
use stipple_sim::head;

/// The project's folder.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The default treatment with another number of dots.
///
/// # Panics
/// When the shipped treatment does not read.
#[must_use]
#[allow(
    clippy::expect_used,
    reason = "a test helper: its failure is the test's"
)]
pub fn treatment(dots: u32) -> (String, Treatment) {
    let text = std::fs::read_to_string(root().join("planner/treatments/default.toml"))
        .expect("the shipped treatment");
    let text = text.replace("layers = [", &format!("dots = {dots}\nlayers = ["));
    let treatment = Treatment::parse(&text).expect("the shipped treatment reads");
    assert_eq!(treatment.dots, Some(dots));
    (text, treatment)
}

/// The treatment of a whole scalp with another number of dots.
///
/// # Panics
/// When the shipped treatment does not read.
#[must_use]
#[allow(
    clippy::expect_used,
    reason = "a test helper: its failure is the test's"
)]
pub fn whole_scalp(dots: u32) -> String {
    let path = root().join("planner/treatments/full-scalp.toml");
    let text = std::fs::read_to_string(path).expect("the shipped treatment");
    let with_so_many = text.replace("dots = 30000", &format!("dots = {dots}"));
    assert!(with_so_many.contains(&format!("dots = {dots}\n")));
    with_so_many
}

/// How many dots a plan has that are not skipped.
#[must_use]
pub fn planned(plan: &Plan) -> usize {
    let is_planned = |o: &Outcome| matches!(o, Outcome::Planned { .. });
    plan.dots.iter().filter(|d| is_planned(&d.outcome)).count()
}

/// A plan of the default treatment with so many dots on the generated head of a seed, over real files as a user would.
///
/// # Panics
/// When any stage fails.
#[must_use]
#[allow(
    clippy::expect_used,
    reason = "a test helper: its failure is the test's"
)]
pub fn plan(head_seed: u64, dots: u32, seed: u64) -> Plan {
    let cell = Cell::shipped(ArmSource::ur5e()).expect("the shipped cell");
    in_cell(head_seed, dots, seed, cell)
}

/// As [`plan`], in another cell.
///
/// # Panics
/// When any stage fails.
#[must_use]
#[allow(
    clippy::expect_used,
    reason = "a test helper: its failure is the test's"
)]
pub fn in_cell(head_seed: u64, dots: u32, seed: u64, cell: Cell) -> Plan {
    composed(head_seed, &treatment(dots).0, seed, cell).expect("a plan")
}

/// A plan of a treatment's text in a cell, or why there is none.
///
/// # Errors
/// As [`compose::plan`].
///
/// # Panics
/// When the head cannot be made or read, or the text is no treatment.
pub fn composed(
    head_seed: u64,
    treatment_text: &str,
    seed: u64,
    cell: Cell,
) -> Result<Plan, ComposeError> {
    on_generated(head_seed, treatment_text, seed, (cell, None))
}

/// As [`composed`], with base and head where a search within the usual bounds puts them.
///
/// # Errors
/// As [`compose::plan`].
///
/// # Panics
/// As [`composed`].
pub fn placed(
    head_seed: u64,
    treatment_text: &str,
    seed: u64,
    cell: Cell,
) -> Result<Plan, ComposeError> {
    let place = Some(Bounds::default());
    on_generated(head_seed, treatment_text, seed, (cell, place))
}

#[allow(
    clippy::expect_used,
    reason = "a test helper: its failure is the test's"
)]
fn on_generated(
    head_seed: u64,
    treatment_text: &str,
    seed: u64,
    cell: (Cell, Option<Bounds>),
) -> Result<Plan, ComposeError> {
    let folder = tempfile::tempdir().expect("a folder");
    let (ply, json) = (
        folder.path().join("head.ply"),
        folder.path().join("landmarks.json"),
    );
    let generated = head::generate(&head::Options {
        seed: head_seed,
        ..head::Options::default()
    })
    .expect("a head");
    head::write_scan(&generated, &ply).expect("a scan");
    head::write_landmarks(&generated, &json).expect("landmarks");
    on_files((&ply, &json), treatment_text, seed, cell)
}

/// As [`composed`], on the scan and with the landmarks of two files.
///
/// # Errors
/// As [`compose::plan`].
///
/// # Panics
/// When the files cannot be read, or the text is no treatment.
pub fn composed_on(
    files: (&Path, &Path),
    treatment_text: &str,
    seed: u64,
    cell: Cell,
) -> Result<Plan, ComposeError> {
    on_files(files, treatment_text, seed, (cell, None))
}

#[allow(
    clippy::expect_used,
    reason = "a test helper: its failure is the test's"
)]
fn on_files(
    (scan, landmarks): (&Path, &Path),
    treatment_text: &str,
    seed: u64,
    (cell, place): (Cell, Option<Bounds>),
) -> Result<Plan, ComposeError> {
    let bytes = std::fs::read(landmarks).expect("landmarks");
    let landmarks = Landmarks::parse(&bytes).expect("landmarks read");
    let scan = scan::read_file(scan, UnitChoice::Auto, Some(&landmarks)).expect("the scan reads");
    let registration = head_from_scan(&landmarks, &scan).expect("a head frame");
    let treatment = Treatment::parse(treatment_text).expect("the treatment reads");
    let inputs = Inputs {
        scan: &scan,
        registration: &registration,
        landmarks_digest: stipple_model::digest::Digest::of(&bytes),
        treatment: &treatment,
        treatment_text,
        cell,
        place,
        seed,
    };
    let composed = compose::plan(inputs, &|_, _| std::ops::ControlFlow::Continue(()));
    Ok(composed?.plan)
}
