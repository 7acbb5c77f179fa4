//! `stipple-planner plan`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::digest::Digest;
use stipple_model::plan::{Plan, SkipReason};
use stipple_model::treatment::Treatment;
use stipple_planner::compose::{self, ComposeError, Inputs};
use stipple_planner::export;
use stipple_planner::reach::Bounds;
use stipple_planner::register;
use stipple_planner::scan::UnitChoice;

use super::check_scan::{LANDMARKS_LIMIT, read_landmarks, read_scan};
use super::show;

/// Largest treatment, cell, intake or policy file read, bytes; a treatment that goes on lists every dot that is there.
const TEXT_LIMIT: u64 = 8 << 20;

#[derive(clap::Args)]
#[command(after_help = "\
Beside FILE.plan, FILE.stages.json says how long each stage took.

Examples:
  stipple-planner plan --scan head.ply --landmarks head.landmarks.json \\
      --treatment planner/treatments/default.toml --out head.plan
  stipple-planner plan --scan head.stl --unit m --landmarks head.landmarks.json \\
      --treatment planner/treatments/full-scalp.toml --arm my-arm.urdf --cell my-cell.toml --seed 7 --out head.plan")]
pub struct Arguments {
    /// The scan: PLY, STL, OBJ or glTF.
    #[arg(long)]
    scan: PathBuf,
    /// The landmarks that make the head frame.
    #[arg(long, value_name = "JSON")]
    landmarks: PathBuf,
    /// The treatment's design.
    #[arg(long, value_name = "TOML")]
    treatment: PathBuf,
    /// Plan the treatment's test patch instead of its zones.
    #[arg(long)]
    test_patch: bool,
    /// The arm: `ur5e`, or a URDF file.
    #[arg(long, default_value = "ur5e")]
    arm: String,
    /// The arm's link that carries the tool, where its description leaves that open.
    #[arg(long, value_name = "LINK")]
    flange: Option<String>,
    /// Limits of the arm's joints as MoveIt keeps them (velocity, acceleration, jerk, position); used where they are tighter than the arm's own.
    #[arg(long, value_name = "YAML")]
    joint_limits: Option<PathBuf>,
    /// The work cell: tool, expected head pose, surroundings. Default: the one shipped (launch/cells/default.toml).
    #[arg(long, value_name = "TOML")]
    cell: Option<PathBuf>,
    /// Where base and head are: as the cell file says, or at the best place within its `[place]` bounds.
    #[arg(long, default_value = "cell")]
    place: Placing,
    /// The scan's unit: mm, cm, m, inch, or auto (what landmarks or file say).
    #[arg(long, default_value = "auto")]
    unit: UnitChoice,
    /// Exit status 1 when a smaller share of the dots than this can be placed, percent; the plan is written all the same. Default: when none can.
    #[arg(long, value_name = "PERCENT", value_parser = super::reach::percent)]
    enough: Option<f64>,
    /// Seed of every random choice: same inputs and seed, same plan. Default: 1, or that of the treatment's first session.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Where the plan goes.
    #[arg(long, value_name = "FILE.plan")]
    out: PathBuf,
    /// Print the summary (plan.json) instead of the text.
    #[arg(long)]
    json: bool,
}

/// Who says where base and head are.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Placing {
    /// The cell file.
    Cell,
    /// A search within its bounds.
    Auto,
}

/// How long a plan's stages took, bound to the plan.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Timing {
    /// The plan's digest.
    pub plan: String,
    /// Stage to seconds.
    pub stages_s: BTreeMap<String, f64>,
}

/// Where the timing of a plan lies: it is no part of the plan, which is the same whenever it is made.
pub fn stages_path(plan: &Path) -> PathBuf {
    plan.with_extension("stages.json")
}

pub fn text_file(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(show::read(path, TEXT_LIMIT)?)
        .map_err(|_| anyhow::anyhow!("{}: not UTF-8 text", path.display()))
}

/// The arm in its cell, and where base and head may be placed.
pub fn cell(
    arm: &str,
    flange: Option<&str>,
    joint_limits: Option<&Path>,
    file: Option<&Path>,
) -> anyhow::Result<(Cell, Bounds)> {
    let mut arm = ArmSource::open(arm).context("--arm")?;
    arm.flange = flange.map(str::to_owned);
    if let Some(path) = joint_limits {
        let limited = arm.with_joint_limits(&text_file(path)?);
        arm = limited.with_context(|| path.display().to_string())?;
    }
    let Some(path) = file else {
        return Ok((Cell::shipped(arm)?, Bounds::default()));
    };
    let text = text_file(path)?;
    let in_file = || path.display().to_string();
    let cell = Cell::parse(&text, arm).with_context(in_file)?;
    Ok((cell, Bounds::parse(&text).with_context(in_file)?))
}

fn stages(composed: &[(compose::Stage, Duration)], reading: Duration) -> BTreeMap<String, f64> {
    let timed = composed
        .iter()
        .map(|(stage, took)| (stage.name().to_owned(), took.as_secs_f64()));
    std::iter::once(("scan".to_owned(), reading.as_secs_f64()))
        .chain(timed)
        .collect()
}

/// Plans; exit code 1 when not one dot can be placed.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let beside = stages_path(&arguments.out);
    let read = [&arguments.scan, &arguments.landmarks, &arguments.treatment];
    let more = arguments.cell.iter().chain(&arguments.joint_limits);
    show::check_outputs([&arguments.out, &beside], read.into_iter().chain(more))?;
    let began = Instant::now();
    let treatment_text = text_file(&arguments.treatment)?;
    let in_treatment = || arguments.treatment.display().to_string();
    let mut treatment = Treatment::parse(&treatment_text).with_context(in_treatment)?;
    if arguments.test_patch {
        treatment = treatment.for_test_patch().with_context(in_treatment)?;
    }
    let (cell, bounds) = cell(
        &arguments.arm,
        arguments.flange.as_deref(),
        arguments.joint_limits.as_deref(),
        arguments.cell.as_deref(),
    )?;
    let landmarks_digest = Digest::of(&show::read(&arguments.landmarks, LANDMARKS_LIMIT)?);
    let landmarks = read_landmarks(&arguments.landmarks)?;
    let scan = read_scan(&arguments.scan, arguments.unit, Some(&landmarks))?;
    let registration = register::head_from_scan(&landmarks, &scan)
        .with_context(|| arguments.landmarks.display().to_string())?;
    let reading = began.elapsed();
    let bar = show::bar();
    let inputs = Inputs {
        scan: &scan,
        registration: &registration,
        landmarks_digest,
        treatment: &treatment,
        treatment_text: &treatment_text,
        cell,
        place: (arguments.place == Placing::Auto).then_some(bounds),
        seed: arguments
            .seed
            .unwrap_or_else(|| treatment.placed.as_ref().map_or(1, |p| p.seed)),
    };
    let composed = compose::plan(inputs, &|stage, share| {
        bar.set_message(stage.name());
        bar.set_position((share * 1000.0) as u64);
        ControlFlow::Continue(())
    });
    let composed = match (composed, &arguments.cell) {
        (Err(error @ ComposeError::Station(_)), Some(path)) => {
            Err(error).with_context(|| path.display().to_string())?
        }
        (composed, _) => composed?,
    };
    bar.finish_and_clear();
    let digest = composed.plan.write(&arguments.out)?;
    let stages = stages(&composed.stages, reading);
    let timing = Timing {
        plan: digest.to_string(),
        stages_s: stages,
    };
    show::write(
        &stages_path(&arguments.out),
        serde_json::to_string_pretty(&timing)?.as_bytes(),
    )?;
    let summary = export::summary(&composed.plan, &digest, Some(timing.stages_s));
    if arguments.json {
        show::print_json(&summary)?;
    } else {
        show::print(&text(&summary, &composed.stages, reading, &arguments.out))?;
    }
    if summary.planned == 0 {
        show::warn(&none_placed(&composed.plan));
        return Ok(ExitCode::FAILURE);
    }
    let share = 100.0 * summary.planned as f64 / composed.plan.dots.len().max(1) as f64;
    if let Some(enough) = arguments.enough.filter(|enough| share < *enough) {
        show::warn(&format!(
            "{share:.1} % of the dots can be placed, {enough} % are asked for"
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Why not one dot can be placed: what most of them are skipped for, and what helps against it.
fn none_placed(plan: &Plan) -> String {
    let mut dots = BTreeMap::<SkipReason, u32>::new();
    for skips in &plan.skips {
        *dots.entry(skips.reason).or_default() += skips.dots;
    }
    let most = dots.iter().max_by_key(|(_, dots)| **dots);
    most.map_or_else(
        || "no dot can be placed: there is none".to_owned(),
        |(reason, dots)| {
            format!(
                "no dot can be placed ({dots} of {} {}): {}",
                plan.dots.len(),
                reason.key(),
                reason.help()
            )
        },
    )
}

/// The summary for a person.
fn text(
    summary: &export::Summary,
    stages: &[(compose::Stage, Duration)],
    reading: Duration,
    out: &Path,
) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "zone        layer   dots   area cm²   per cm²   asked   planned   ρ      CV"
    );
    for zone in &summary.zones {
        for layer in &zone.layers {
            let number = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.3}"));
            let _ = writeln!(
                text,
                "{:<12}{:>5}{:>7}{:>11.1}{:>10.1}{:>8.1}{:>10}   {:<7}{}",
                zone.zone,
                layer.layer,
                layer.count,
                layer.area_cm2,
                layer.density_per_cm2,
                layer.target_per_cm2,
                layer.planned,
                number(layer.rho),
                number(layer.cv_nn)
            );
        }
    }
    for finding in &summary.findings {
        let _ = writeln!(
            text,
            "finding     {} {}: {}",
            finding.stage, finding.code, finding.text
        );
    }
    for (reason, count) in &summary.skipped {
        let _ = writeln!(text, "skipped     {count} {reason}");
    }
    let _ = writeln!(
        text,
        "planned     {} of {} dots in {} layers",
        summary.planned, summary.dots, summary.layers
    );
    let _ = writeln!(
        text,
        "estimate    {:.0} min for all layers, planned stops counted",
        summary.session_estimate_s / 60.0
    );
    let times = stages
        .iter()
        .map(|(stage, took)| format!("{} {:.2}", stage.name(), took.as_secs_f64()));
    let times: Vec<String> = std::iter::once(format!("scan {:.2}", reading.as_secs_f64()))
        .chain(times)
        .collect();
    let _ = writeln!(text, "seconds     {}", times.join(", "));
    let _ = writeln!(
        text,
        "plan        {} ({})",
        out.display(),
        &summary.digest[..12]
    );
    text
}
