//! `stipple-sim run`.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use stipple_controller::admit::admit_file;
use stipple_controller::report::Report;
use stipple_controller::session::SessionView;
use stipple_model::say;
use stipple_sim::fault::file::read;
use stipple_sim::run::{Ending, Options, Simulation, write_strikes};

/// Largest 95th percentile of the lateral error that is accepted, mm.
const ACCEPTED_LATERAL_MM: f64 = 0.3;

/// Run a session in process and in virtual time, as fast as it goes, against the simulated hardware.
///
/// Writes record.sqlite, report.json and strikes.csv into the folder. Exit code 1 when the session did not finish, an invariant broke,
/// or the 95th percentile of the lateral placement error exceeds 0.3 mm.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-sim run head.plan --out out/
  stipple-sim run head.plan --layer 2 --dots 500 --seed 7 --out out/ --json
  stipple-sim run head.plan --dots 200 --faults sim/faults/tracker.toml --out out/
  stipple-sim run head.plan --out out/ --resume")]
pub struct Args {
    /// The plan
    plan: PathBuf,
    /// The folder for record.sqlite, report.json and strikes.csv; made when it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Which layer, from 1
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    layer: u8,
    /// Only the first so many dots of what is left of the layer
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    dots: Option<u32>,
    /// Seed of everything that happens by chance
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Inject the faults of this file; sim/faults holds examples and the list of kinds
    #[arg(long, value_name = "F.toml")]
    faults: Option<PathBuf>,
    /// Go on with the record in the folder instead of refusing to touch it
    #[arg(long)]
    resume: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Exit status of what a signal has ended.
const INTERRUPTED: u8 = 130;

/// Runs and reports.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let faults = args.faults.as_deref().map_or(Ok(Vec::new()), read)?;
    let admitted = admit_file(&args.plan)?;
    let layers = admitted.plan().sequence.len();
    if usize::from(args.layer) > layers {
        bail!(
            "{}: there is no layer {}; the plan has {layers}",
            args.plan.display(),
            args.layer
        );
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("{}", args.out.display()))?;
    let record = args.out.join("record.sqlite");
    if record.exists() && !args.resume {
        bail!(
            "{}: there is a record already; give another --out, or --resume to go on with it",
            record.display()
        );
    }
    let options = Options {
        layer: args.layer,
        dots: args.dots,
        seed: args.seed,
        record: Some(record),
        faults,
        ..Options::default()
    };
    let mut simulation = Simulation::new(&admitted, &options)?;
    keep_plan(&args.plan, &args.out.join("session.plan"))?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // Without a handler Ctrl-C ends the process at once; the record survives that too.
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    let bar = progress_bar(simulation.view());
    let ending = simulation.run(&mut |view| {
        let done = view.progress.planned - view.progress.remaining();
        bar.set_position(u64::from(done));
        bar.set_message(view.message.text());
        if interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    bar.finish_and_clear();
    let report = simulation.report()?;
    let report_path = args.out.join("report.json");
    report
        .write(&report_path)
        .with_context(|| format!("{}", report_path.display()))?;
    let strikes_path = args.out.join("strikes.csv");
    write_strikes(
        simulation.plant().strikes(),
        simulation.plan(),
        &strikes_path,
    )?;
    if args.json {
        say!("{}", serde_json::to_string(&report)?)?;
    } else {
        print(&report, ending)?;
        say!("{}\n{}", report_path.display(), strikes_path.display())?;
    }
    if ending == Ending::Interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(if acceptable(&report, ending) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// With its plan beside it, a record can be looked at wherever the folder goes.
fn keep_plan(plan: &Path, beside: &Path) -> anyhow::Result<()> {
    // Copying a file onto itself would empty it.
    let same = beside
        .canonicalize()
        .is_ok_and(|b| plan.canonicalize().is_ok_and(|p| p == b));
    if !same {
        std::fs::copy(plan, beside).with_context(|| format!("{}", beside.display()))?;
    }
    Ok(())
}

fn acceptable(report: &Report, ending: Ending) -> bool {
    let near = report
        .placement_error_mm
        .is_none_or(|e| e.lateral.p95 <= ACCEPTED_LATERAL_MM);
    ending == Ending::Finished && near && report.invariants.is_some_and(|i| i.breaks == 0)
}

fn progress_bar(view: &SessionView) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::from(view.progress.planned));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} dots  {elapsed}  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn print(report: &Report, ending: Ending) -> std::io::Result<()> {
    let skipped: u32 = report.skipped.values().sum();
    say!(
        "{}: {} of {} dots placed, {skipped} skipped, {} in doubt",
        match ending {
            Ending::Finished => "finished",
            Ending::Faulted => "ended by a fault",
            Ending::Stuck => "given up: paused again and again",
            Ending::OutOfTime => "given up: not done in time",
            Ending::Interrupted => "interrupted",
        },
        report.placed,
        report.planned,
        report.in_doubt
    )?;
    for (reason, count) in &report.skipped {
        say!("  skipped {count}: {reason}")?;
    }
    for (reason, count) in report.record.iter().flat_map(|record| &record.in_doubt) {
        say!("  in doubt in the record {count}: {reason}")?;
    }
    for (fault, count) in &report.faults {
        let reaction = count.reaction_ms.map_or_else(String::new, |r| {
            format!(", reaction p50 {:.0} ms, max {:.0} ms", r.p50, r.max)
        });
        say!("  fault {fault}: {}{reaction}", count.count)?;
    }
    if let Some(error) = report.placement_error_mm {
        say!(
            "placement error mm: lateral p50 {:.3} p95 {:.3} p99 {:.3} max {:.3}; depth p50 {:.3} p95 {:.3} max {:.3}",
            error.lateral.p50,
            error.lateral.p95,
            error.lateral.p99,
            error.lateral.max,
            error.depth.p50,
            error.depth.p95,
            error.depth.max
        )?;
    }
    say!(
        "{:.2} dots/s, {:.1} s of session, {:.0} times real time",
        report.dots_per_second,
        report.session_s,
        report.real_time_factor
    )?;
    if let Some(invariants) = report.invariants {
        say!(
            "invariants: {} checks, {} breaks",
            invariants.checks,
            invariants.breaks
        )?;
    }
    for remark in &report.remarks {
        say!("{remark}")?;
    }
    Ok(())
}
